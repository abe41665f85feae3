//! What a run tells its reporters: the contract between `runner` and everything that shows, stores or sends a run.
//! Reporters fold events and never ask back. [`Event::RunFinished`] is terminal: nothing comes after it, and it always
//! comes. Every job that started finishes with exactly one [`Event::JobFinished`]. `Output` and `Progress` may be
//! dropped by a slow reporter; all others may not.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::artifact::{Artifact, Finding};
use crate::hint::Missing;
use crate::matrix::Target;
use crate::packaging::StepKind;

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    RunStarted {
        run: String,
        /// `docker 20.10.24`
        engine: String,
        slots: usize,
        /// All jobs of the run, in order, up-to-date ones included.
        targets: Vec<Target>,
    },
    /// Something a person should know that is no failure: an end-of-life distribution, an expired InRelease.
    Warning {
        target: Option<Target>,
        message: String,
    },
    JobStarted {
        target: Target,
    },
    StepStarted {
        target: Target,
        step: StepKind,
    },
    /// A line of output, made printable and cut to what a terminal may show. Droppable.
    Output {
        target: Target,
        line: String,
    },
    /// Bytes of a download, pull or bootstrap. Droppable.
    Progress {
        target: Target,
        what: String,
        done: u64,
        total: u64,
    },
    JobFinished(Box<JobReport>),
    RunFinished(RunReport),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    pub run: String,
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// Job time over slots x elapsed, 0 to 1.
    pub busy: f64,
    pub interrupted: bool,
}

/// How a job ended and what is left of it.
#[derive(Debug, Clone, Serialize)]
pub struct JobReport {
    pub target: Target,
    pub outcome: Outcome,
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// Time per step, in order; in JSON `["build", 12.5]`, in seconds.
    #[serde(serialize_with = "steps_in_seconds")]
    pub steps: Vec<(StepKind, Duration)>,
    pub artifacts: Vec<Artifact>,
    /// Findings that did not reject the job.
    pub warnings: Vec<Finding>,
    /// Where its folder is.
    pub folder: PathBuf,
    pub log: Option<PathBuf>,
    /// 1-based line in the log at which the failing step's last lines begin, and those lines, printable.
    pub tail: Option<Tail>,
    /// What the failing step, by its own words, lacks: for people, never evidence.
    pub hints: Vec<Hint>,
    /// What farm's scripts in a failing step found, by what was printed: for people. A build can print the like, so it
    /// never decides how the job ended.
    pub told: Vec<Finding>,
    pub memory_peak_bytes: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tail {
    pub first_line: u64,
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HintPackage {
    pub name: String,
    pub version: String,
}

/// A line of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecipePlace {
    pub path: PathBuf,
    /// 1-based.
    pub line: usize,
}

/// How a job ended. Each is told from the others by evidence, never by guessing from text alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    Succeeded,
    /// Key and artifacts are in the store already.
    UpToDate,
    /// The package's own fault: a script ended with this exit code.
    Failed {
        step: StepKind,
        exit_code: i32,
    },
    /// Build requirements that the distribution does not have.
    DepWait {
        requirements: Vec<String>,
    },
    TimedOut {
        step: StepKind,
        #[serde(rename = "limit_seconds", serialize_with = "seconds")]
        limit: Duration,
    },
    /// No output for so long.
    Stalled {
        step: StepKind,
        #[serde(rename = "limit_seconds", serialize_with = "seconds")]
        limit: Duration,
    },
    /// More output than the recipe's limit allows.
    LogLimit {
        step: StepKind,
        limit_bytes: u64,
    },
    OutOfMemory {
        step: StepKind,
        limit_bytes: Option<u64>,
    },
    DiskFull {
        step: StepKind,
        place: String,
    },
    /// The artifact check or the install test said no.
    Rejected {
        step: StepKind,
        findings: Vec<Finding>,
    },
    /// What it needs failed.
    Skipped {
        because: String,
    },
    Cancelled,
    /// The Dockerfile of the recipe's environment is wrong, or one of its steps failed.
    DockerfileFailed {
        /// As the recipe names it.
        dockerfile: String,
        reason: String,
    },
    /// The sources cannot be had: unreachable, or not the bytes that the recipe names.
    SourceUnavailable {
        reason: String,
        /// The line of the recipe that has to change, when it is the recipe that is wrong.
        #[serde(skip_serializing_if = "Option::is_none")]
        place: Option<RecipePlace>,
    },
    /// Not the package's fault: engine, mirror, host. Was retried.
    Infrastructure {
        reason: String,
    },
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
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
            Outcome::SourceUnavailable { .. } => "source-unavailable",
            Outcome::Infrastructure { .. } => "infrastructure",
        }
    }

    pub fn is_good(&self) -> bool {
        matches!(self, Outcome::Succeeded | Outcome::UpToDate)
    }
}
