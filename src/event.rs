//! What a run tells its reporters: the contract between `runner` and everything that shows, stores or sends a run.
//! Reporters fold events and never ask back. [`Event::RunFinished`] is terminal: nothing comes after it, and it always
//! comes. Every job that started finishes with exactly one [`Event::JobFinished`]. `Output` and `Progress` may be
//! dropped by a slow reporter; all others may not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use tokio::sync::OwnedSemaphorePermit;

use crate::artifact::{Artifact, Finding};
use crate::compare::{ByteDifference, PackageChanges};
use crate::hint::Missing;
use crate::matrix::Target;
use crate::packaging::{Factor, StepKind};
use crate::types::{CacheUse, printable};

/// One thing that happened in a run. In JSON its kind is the value of `event`.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first event of every run.
    RunStarted {
        /// The run's id, which labels its containers.
        #[serde(skip)]
        run: String,
        /// `docker 20.10.24`
        engine: String,
        /// How many jobs run at a time.
        slots: usize,
        /// All jobs of the run, in order, up-to-date ones included.
        targets: Vec<Target>,
        /// How long the last good build of each of these took, in the same order; none where there is none.
        #[serde(rename = "expected_seconds", serialize_with = "each_in_seconds")]
        expected: Vec<Option<Duration>>,
    },
    /// Something a person should know that is no failure: an end-of-life distribution, an expired InRelease.
    Warning {
        /// The target that it concerns; none when it concerns the whole run.
        target: Option<Target>,
        /// The warning as one sentence.
        message: String,
    },
    /// A slot has taken the job.
    JobStarted {
        /// The job's target.
        target: Target,
    },
    /// The job enters a step.
    StepStarted {
        /// The job's target.
        target: Target,
        /// The step that begins.
        step: StepKind,
    },
    /// A line of output, made printable. The newest of them from time to time, cut to what a terminal may show, and
    /// droppable; or each of them, where that was asked for.
    Output {
        /// The job's target.
        target: Target,
        /// The line without its end.
        line: String,
        /// What it takes of the room between the build and its reports, where none may be dropped.
        #[serde(skip)]
        room: Room,
    },
    /// Bytes of a download, pull or bootstrap. Droppable.
    Progress {
        /// The job's target.
        target: Target,
        /// What is being fetched or made: a file name or an image.
        what: String,
        /// Bytes so far.
        done: u64,
        /// Bytes in all; 0 as long as that is not known.
        total: u64,
    },
    /// The job is over, whatever its outcome.
    JobFinished(Box<JobReport>),
    /// The last event of every run.
    RunFinished(RunReport),
}

/// Holds up who prints faster than reports are written: it takes room as long as its event is there. None where lines may be
/// dropped.
#[derive(Debug, Clone, Default)]
pub struct Room {
    _permit: Option<Arc<OwnedSemaphorePermit>>,
}

impl From<OwnedSemaphorePermit> for Room {
    fn from(permit: OwnedSemaphorePermit) -> Room {
        Room { _permit: Some(Arc::new(permit)) }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RunReport {
    /// The run's id.
    #[serde(skip)]
    pub run: String,
    /// The wall-clock time of the whole run.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// Job time over slots x elapsed, 0 to 1.
    pub busy: f64,
    /// Whether a signal ended the run before all jobs were done.
    pub interrupted: bool,
}

/// How a job ended and what is left of it.
#[derive(Debug, Clone, Serialize)]
pub struct JobReport {
    /// The job's target.
    pub target: Target,
    /// The verdict, with what belongs to it.
    pub outcome: Outcome,
    /// The wall-clock time of the job.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// Time per step, in order; in JSON `["build", 12.5]`, in seconds.
    #[serde(serialize_with = "steps_in_seconds")]
    pub steps: Vec<(StepKind, Duration)>,
    /// The files that the job produced, sorted by name.
    pub artifacts: Vec<Artifact>,
    /// Findings that did not reject the job.
    pub warnings: Vec<Finding>,
    /// How many findings of linters are those of the last good build, and so were not told.
    #[serde(skip_serializing_if = "is_zero")]
    pub known_findings: usize,
    /// Where its folder is.
    #[serde(serialize_with = "path")]
    pub folder: PathBuf,
    /// The complete output of its steps, on this host; none when nothing ran.
    #[serde(serialize_with = "path_if_any")]
    pub log: Option<PathBuf>,
    /// 1-based line in the log at which the failing step's last lines begin, and those lines, printable.
    pub tail: Option<Tail>,
    /// What the failing step, by its own words, lacks: for people, never evidence.
    pub hints: Vec<Hint>,
    /// What farm's scripts in a failing step found, by what was printed: for people. A build can print the like, so it
    /// never decides how the job ended.
    pub told: Vec<Finding>,
    /// What it had of caches that it took over from the last good build, of each that the recipe names. Only of packages
    /// that were built in this run and accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caches: Vec<CacheUse>,
    /// What is different in its packages since the last good build of this target. Only of packages that were built in this run
    /// and accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<PackageChanges>,
    /// What of the recipe's build requirements no step of the build has used, where the run was to find that out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unused: Option<Vec<UnusedRequirement>>,
    /// The step that failed in the container that was kept of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<StepKind>,
    /// The most memory that its containers used at a time, in bytes, where the engine tells.
    pub memory_peak_bytes: Option<u64>,
    /// The command of the recipe's script that the failing step ended with, by what that script left: for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_command: Option<FailedCommand>,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A requirement of a build of which no file was opened, nor of what it alone brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnusedRequirement {
    /// In the words of the recipe: `pkgconfig(zlib)`.
    pub requirement: String,
    /// In those of the distribution: `zlib1g-dev`.
    pub package: String,
    /// Where the recipe has it.
    pub place: RecipePlace,
}

/// A command of one of the recipe's scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedCommand {
    /// The script: `build`, `check`, `install` or `test`.
    pub script: &'static str,
    /// The line of the script at which the command begins, from 1 on.
    pub line: usize,
    /// That line as the recipe has it, without the values of its variables.
    pub text: String,
    /// What the command ended with; none where the shell could not read this line, and ran nothing of the script.
    pub exit_code: Option<i32>,
    /// Where that line stands.
    pub place: Option<RecipePlace>,
}

impl FailedCommand {
    /// The command as it stands in running text, with its place: `make check` (farm.toml:31). Printable.
    pub(crate) fn shown(&self) -> String {
        let place = self.place.as_ref().map(|at| format!(" ({}:{})", at.path.display(), at.line)).unwrap_or_default();
        printable(&format!("`{}`{place}", self.text))
    }
}

/// The last lines of a failing step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tail {
    /// The number of the first of `lines` in the log, from 1 on.
    pub first_line: u64,
    /// The lines, made printable and without their ends.
    pub lines: Vec<String>,
}

/// Something that a build lacks by what it printed, and how to get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// What, and the line of the log that says so.
    pub missing: Missing,
    /// What to ask for: a capability, or a package's name.
    pub requirement: String,
    /// What to add it to: `[build] requires`, `Build-Depends in debian/control`.
    pub to: String,
    /// That is a Dockerfile: a command of its own installs it there, whatever distribution that may be.
    pub in_dockerfile: bool,
    /// Where that stands, if it is in the recipe.
    pub place: Option<RecipePlace>,
    /// The target's packages that meet it, any one of which will do; none of them where nobody could be asked.
    pub packages: Option<Vec<HintPackage>>,
}

/// A package that has what a build lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HintPackage {
    /// The package's name in the target's distribution.
    pub name: String,
    /// Its version as the format writes it: `1:1.2.13.dfsg-1`.
    pub version: String,
}

/// A line of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecipePlace {
    /// The recipe's file, on this host.
    #[serde(serialize_with = "path")]
    pub path: PathBuf,
    /// 1-based.
    pub line: usize,
    /// What stands there, where it is about a part of the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
}

impl RecipePlace {
    /// A whole line.
    pub(crate) fn new(path: impl Into<PathBuf>, line: usize) -> RecipePlace {
        RecipePlace { path: path.into(), line, quote: None }
    }
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quote {
    /// The whole line.
    pub text: String,
    /// Where the part begins, in characters, from 1 on.
    pub column: usize,
    /// How long it is, in characters.
    pub width: usize,
}

/// Which packages a recipe asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequiredBy {
    /// Those that a build needs.
    Build,
    /// Those that are installed with the recipe's own.
    Package,
    /// Those that the test needs beside them.
    Test,
}

/// What an archive has in place of something that it does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NearNames {
    /// As [`Outcome::DepWait`] has it.
    pub requirement: String,
    /// The package of that name, in another version, or those whose names are near to it, the nearest first.
    pub packages: Vec<HintPackage>,
}

/// What a .buildinfo says of packages that were built once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stated {
    /// The name of the file.
    pub file: String,
    /// How many packages it names.
    pub packages: usize,
    /// What was installed in other versions than it says, each as a clause: only where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
}

/// How a job ended. Each is told from the others by evidence, never by guessing from text alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// The packages passed all checks and are in the store.
    Succeeded,
    /// Key and artifacts are in the store already.
    UpToDate,
    /// The package's own fault: a script ended with this exit code.
    Failed {
        /// The step whose script ended so.
        step: StepKind,
        /// The script's exit code, never 0.
        exit_code: i32,
    },
    /// Requirements that the distribution does not have.
    DepWait {
        /// What they are for.
        #[serde(rename = "for")]
        by: RequiredBy,
        /// The requirements, each in the words of the target's format.
        requirements: Vec<String>,
        /// Where the recipe names the first of them.
        #[serde(skip_serializing_if = "Option::is_none")]
        place: Option<RecipePlace>,
        /// What the distribution has instead, for those of which that can be said.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        near: Vec<NearNames>,
    },
    /// A step took longer than the recipe's `timeout`.
    TimedOut {
        /// The step that was under way.
        step: StepKind,
        /// The limit that was reached.
        #[serde(rename = "limit_seconds", serialize_with = "seconds")]
        limit: Duration,
    },
    /// No output for so long.
    Stalled {
        /// The step that was under way.
        step: StepKind,
        /// The limit that was reached.
        #[serde(rename = "limit_seconds", serialize_with = "seconds")]
        limit: Duration,
    },
    /// More output than the recipe's limit allows.
    LogLimit {
        /// The step that was under way.
        step: StepKind,
        /// The limit that was reached, in bytes.
        limit_bytes: u64,
    },
    /// The kernel killed a process of the job because the memory limit was reached.
    OutOfMemory {
        /// The step that was under way.
        step: StepKind,
        /// The limit in bytes; none where only the machine's memory was the limit.
        limit_bytes: Option<u64>,
    },
    /// A write failed because a disk was full.
    DiskFull {
        /// The step that was under way.
        step: StepKind,
        /// The disk that is full, in words or as a path.
        place: String,
    },
    /// The artifact check or the install test said no.
    Rejected {
        /// The step that refused: inspect or test.
        step: StepKind,
        /// What was found wrong, errors first.
        findings: Vec<Finding>,
    },
    /// What it needs failed.
    Skipped {
        /// What failed: `zlib@debian-12/amd64 failed`.
        because: String,
    },
    /// A signal or `--fail-fast` ended the job.
    Cancelled,
    /// The Dockerfile of the recipe's environment is wrong, or one of its steps failed.
    DockerfileFailed {
        /// As the recipe names it.
        dockerfile: String,
        /// Which instruction failed, and how.
        reason: String,
    },
    /// The last good build, done once more elsewhere, gave the same packages, byte by byte.
    Reproduced {
        /// What was another one there.
        varied: Vec<Factor>,
        /// The .buildinfo that says what packages are the same as; none where the store does.
        #[serde(skip_serializing_if = "Option::is_none")]
        stated: Option<Stated>,
    },
    /// It gave others.
    NotReproduced {
        /// What was another one there.
        varied: Vec<Factor>,
        /// Where the packages are different, those first of which a cause is known.
        differences: Vec<ByteDifference>,
        /// As for [`Outcome::Reproduced`].
        #[serde(skip_serializing_if = "Option::is_none")]
        stated: Option<Stated>,
    },
    /// What it would be built from is not what the lock, or the last good build, says. Nothing of the recipe was run.
    NotAsLocked {
        /// Whether the last good build says so, and not farm.lock.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        by_build: bool,
        /// The .buildinfo that says so, and not farm.lock.
        #[serde(skip_serializing_if = "Option::is_none")]
        by_file: Option<String>,
        /// Each as a clause: `gcc-12 is 12.2.0-15 and not 12.2.0-14`.
        differences: Vec<String>,
    },
    /// The sources cannot be had: unreachable, or not the bytes that the recipe names.
    SourceUnavailable {
        /// Why they cannot be fetched, or how they differ from the recipe.
        reason: String,
        /// Whether the recipe is wrong, and not who has the source.
        #[serde(skip)]
        of_recipe: bool,
        /// Where the recipe names the source.
        #[serde(skip_serializing_if = "Option::is_none")]
        place: Option<RecipePlace>,
        /// What to do about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        help: Option<String>,
    },
    /// Not the package's fault: engine, mirror, host. Was retried.
    Infrastructure {
        /// What went wrong, and where.
        reason: String,
    },
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

/// One that is not UTF-8 as far as it is.
fn path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

fn path_if_any<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(serializer)
}

fn each_in_seconds<S: Serializer>(durations: &[Option<Duration>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(durations.iter().map(|duration| duration.map(|duration| duration.as_secs_f64())))
}

fn steps_in_seconds<S: Serializer>(steps: &[(StepKind, Duration)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(steps.iter().map(|(step, duration)| (step, duration.as_secs_f64())))
}

impl Outcome {
    /// The word shown and stored: `succeeded`, `up-to-date`, `dep-wait`.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::UpToDate => "up-to-date",
            Outcome::Failed { .. } => "failed",
            Outcome::DepWait { .. } => "dep-wait",
            Outcome::TimedOut { .. } => "timed-out",
            Outcome::Stalled { .. } => "stalled",
            Outcome::LogLimit { .. } => "log-limit",
            Outcome::OutOfMemory { .. } => "out-of-memory",
            Outcome::DiskFull { .. } => "disk-full",
            Outcome::Rejected { .. } => "rejected",
            Outcome::Skipped { .. } => "skipped",
            Outcome::Cancelled => "cancelled",
            Outcome::DockerfileFailed { .. } => "dockerfile-failed",
            Outcome::Reproduced { .. } => "reproduced",
            Outcome::NotReproduced { .. } => "not-reproduced",
            Outcome::NotAsLocked { .. } => "not-as-locked",
            Outcome::SourceUnavailable { .. } => "source-unavailable",
            Outcome::Infrastructure { .. } => "infrastructure",
        }
    }

    /// Whether the store now has good packages for the target's current inputs.
    pub fn is_good(&self) -> bool {
        matches!(self, Outcome::Succeeded | Outcome::UpToDate | Outcome::Reproduced { .. })
    }
}
