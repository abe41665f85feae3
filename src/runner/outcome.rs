//! What an error or a process's end means for a job: its own fault, its surroundings' fault, or worth another attempt.
//! Only facts decide: exit codes of farm's own scripts, kinds of errors, the kernel's counters. Text that a build
//! printed is never enough by itself.

use std::any::Any;
use std::error::Error;
use std::io;

use crate::artifact::{Finding, Severity};
use crate::engine::{EngineError, emulation};
use crate::event::{HintPackage, NearNames, Outcome, RecipePlace, RequiredBy};
use crate::fetch::FetchError;
use crate::hint;
use crate::image::ImageError;
use crate::packaging::{EXIT_NETWORK, EXIT_UNSATISFIABLE, StepKind};
use crate::plan::Job;
use crate::recipe::{Origin, Recipe};
use crate::source::SourceError;
use crate::store::StoreError;
use crate::types;

/// Why a part of a job did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobError {
    /// Another attempt, on a fresh container, may well succeed.
    Transient(String),
    Final(Outcome),
}

impl From<Outcome> for JobError {
    fn from(outcome: Outcome) -> JobError {
        JobError::Final(outcome)
    }
}

/// Why output could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// More output than the job may print.
    LogLimit,
    /// The log file cannot be written.
    Log(io::ErrorKind),
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> io::Error {
        match refusal {
            Refusal::LogLimit => io::Error::new(io::ErrorKind::FileTooLarge, "more output than the log limit allows"),
            Refusal::Log(kind) => kind.into(),
        }
    }
}

/// What a tool prints when the kernel says ENOSPC.
pub(crate) const NO_SPACE: &str = "No space left on device";
/// What an engine prints when the kernel says ENOEXEC.
pub(crate) const FOREIGN: &str = "xec format error";

/// The error and its causes, as one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Transparent errors repeat what they hold.
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

fn infrastructure(error: &dyn Error) -> JobError {
    Outcome::Infrastructure { reason: chain(error) }.into()
}

pub(crate) fn is_disk_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

pub(crate) fn engine(error: EngineError, step: StepKind) -> JobError {
    match error {
        EngineError::Cancelled => Outcome::Cancelled.into(),
        EngineError::DiskFull { .. } => Outcome::DiskFull { step, place: "the engine's disk".to_owned() }.into(),
        EngineError::Unreachable { .. }
        | EngineError::Lost { .. }
        | EngineError::Ended { .. }
        | EngineError::Pull { .. }
        | EngineError::Failed { .. } => JobError::Transient(chain(&error)),
        EngineError::Sink(ref source) | EngineError::Source(ref source) if is_disk_full(source.kind()) => {
            Outcome::DiskFull { step, place: "this host's disk".to_owned() }.into()
        }
        EngineError::NoEngine { .. }
        | EngineError::Refused { .. }
        | EngineError::NoSuchImage { .. }
        | EngineError::InUse { .. }
        | EngineError::Conflict { .. }
        | EngineError::NoSuchPath(_)
        | EngineError::Sink(_)
        | EngineError::Source(_)
        // `image` makes an outcome of a Dockerfile's failure.
        | EngineError::Build { .. }
        | EngineError::Store { .. }
        | EngineError::Config(_) => infrastructure(&error),
    }
}

/// What the last lines of an image's script say.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TailOfScript {
    /// [`NO_SPACE`]
    pub(crate) has_no_space: bool,
    /// [`FOREIGN`], on an engine of another architecture.
    pub(crate) is_foreign: bool,
}

/// What a build requires and its distribution does not have.
pub(crate) fn dep_wait(requirements: Vec<String>) -> Outcome {
    Outcome::DepWait { by: RequiredBy::Build, requirements, place: None, near: Vec::new() }
}

/// `memory_bytes`: the limit under which image scripts run, if there is one.
pub(crate) fn image(error: ImageError, memory_bytes: Option<u64>, tail: TailOfScript) -> JobError {
    let step = StepKind::Prepare;
    match error {
        ImageError::Engine(error) => engine(error, step),
        ImageError::Unavailable { .. } | ImageError::Reference { transient: true, .. } => {
            JobError::Transient(chain(&error))
        }
        ImageError::Cancelled => Outcome::Cancelled.into(),
        ImageError::NotLocked { .. } => {
            Outcome::NotAsLocked { by_build: false, by_file: None, differences: vec![chain(&error)] }.into()
        }
        ImageError::Script { oom: true, .. } => Outcome::OutOfMemory { step, limit_bytes: memory_bytes }.into(),
        ImageError::Script { exit_code: EXIT_UNSATISFIABLE, unsatisfiable, .. } if !unsatisfiable.is_empty() => {
            let offered = unsatisfiable.iter().filter(|one| !one.near.is_empty()).map(|one| {
                let packages = one.near.iter().cloned();
                let packages = packages.map(|(name, version)| HintPackage { name, version }).collect();
                NearNames { requirement: one.requirement.clone(), packages }
            });
            let near = offered.collect();
            let requirements = unsatisfiable.into_iter().map(|one| one.requirement).collect();
            Outcome::DepWait { by: RequiredBy::Build, requirements, place: None, near }.into()
        }
        ImageError::Script { kind, exit_code: EXIT_NETWORK, .. } => {
            JobError::Transient(format!("{kind} image: the package mirror or the network failed"))
        }
        // These scripts are farm's own and run package managers: no test of theirs writes to /dev/full.
        ImageError::Script { .. } if tail.has_no_space => {
            Outcome::DiskFull { step, place: "the engine's disk".to_owned() }.into()
        }
        ImageError::Dockerfile { dockerfile, reason } => Outcome::DockerfileFailed { dockerfile, reason }.into(),
        ImageError::Script { .. } if tail.is_foreign => {
            let reason = format!("the engine's machine has no emulator of this architecture: {}", emulation::MEND);
            Outcome::Infrastructure { reason }.into()
        }
        ImageError::Script { exit_code, .. } => Outcome::Failed { step, exit_code }.into(),
        ImageError::Io { ref path, ref source } if is_disk_full(source.kind()) => {
            Outcome::DiskFull { step, place: path.display().to_string() }.into()
        }
        ImageError::Untrusted { .. }
        | ImageError::File { .. }
        | ImageError::NoWay { .. }
        | ImageError::Reference { .. }
        | ImageError::Io { .. } => infrastructure(&error),
    }
}

pub(crate) fn source(error: SourceError) -> Outcome {
    let full = |path: &std::path::Path| Outcome::DiskFull { step: StepKind::Unpack, place: path.display().to_string() };
    match &error {
        SourceError::Cancelled | SourceError::Fetch(FetchError::Cancelled) => Outcome::Cancelled,
        SourceError::Io { path, source } | SourceError::Fetch(FetchError::Io { path, source })
            if is_disk_full(source.kind()) =>
        {
            full(path)
        }
        SourceError::Recipe { path, line, problem } => {
            let place = RecipePlace::new(path.clone(), *line);
            let reason = format!("{}: {}", problem.message, problem.label);
            Outcome::SourceUnavailable { reason, of_recipe: true, place: Some(place), help: problem.help.clone() }
        }
        SourceError::Unavailable { path, line, reason, help } => {
            let place = RecipePlace::new(path.clone(), *line);
            let (reason, help) = (reason.clone(), help.map(str::to_owned));
            Outcome::SourceUnavailable { reason, of_recipe: false, place: Some(place), help }
        }
        // It says all itself.
        SourceError::Cache { .. } => Outcome::Infrastructure { reason: error.to_string() },
        _ => Outcome::SourceUnavailable { reason: chain(&error), of_recipe: false, place: None, help: None },
    }
}

pub(crate) fn store(error: StoreError) -> Outcome {
    match error {
        StoreError::DiskFull(path) => Outcome::DiskFull { step: StepKind::Collect, place: path.display().to_string() },
        error => Outcome::Infrastructure { reason: chain(&error) },
    }
}

/// A log that cannot be written.
pub(crate) fn log_failed(error: &std::io::Error) -> Outcome {
    if is_disk_full(error.kind()) {
        Outcome::DiskFull { step: StepKind::Prepare, place: "the log's disk".to_owned() }
    } else {
        Outcome::Infrastructure { reason: format!("the log cannot be written: {error}") }
    }
}

/// What a panic says.
pub(crate) fn internal_error(panic: &(dyn Any + Send)) -> Outcome {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Outcome::Infrastructure { reason: format!("internal error: {text}") }
}

/// Output that could not be taken.
pub(crate) fn refusal(refusal: Refusal, step: StepKind, log_bytes: u64) -> Outcome {
    match refusal {
        Refusal::LogLimit => Outcome::LogLimit { step, limit_bytes: log_bytes },
        Refusal::Log(kind) if is_disk_full(kind) => Outcome::DiskFull { step, place: "the log's disk".to_owned() },
        Refusal::Log(kind) => Outcome::Infrastructure { reason: format!("the log cannot be written: {kind}") },
    }
}

/// A finding of the runner's own.
pub(crate) fn finding(artifact: &str, rule: &str, message: String) -> Finding {
    debug_assert!(types::rule(rule).is_some(), "{rule} is not in types::RULES");
    Finding { severity: Severity::Error, artifact: artifact.to_owned(), rule: rule.to_owned(), message, waived: None }
}

/// A finding of which a script has told, or somebody who has its words.
pub(crate) fn told(severity: Severity, rule: &str, message: String) -> Finding {
    Finding { severity, artifact: String::new(), rule: rule.to_owned(), message, waived: None }
}

/// The last of these lines that says that a name or an address cannot be reached, in the words of tools.
pub(crate) fn wants_network(lines: &[String]) -> Option<&String> {
    const SAID: [&str; 8] = [
        "Network is unreachable",
        "Temporary failure in name resolution",
        "Could not resolve host",
        "Temporary failure resolving",
        "Name or service not known",
        "network is unreachable",
        "getaddrinfo EAI_AGAIN",
        "dial tcp: lookup ",
    ];
    lines.iter().rev().find(|line| SAID.iter().any(|said| line.contains(said)))
}

/// What to tell of a step of a build that looked for a network which it does not have.
pub(crate) fn without_network(lines: &[String]) -> Option<Finding> {
    let line = wants_network(lines)?;
    let message = format!(
        "{}: a build has no network: [modules] fetches what a lock file pins before it, [[sources]] any file by its hash, \
         and `network = true` in [build] leaves it on",
        line.trim()
    );
    Some(finding("", "no-network", message))
}

/// What the last lines of a failed step of a build show to be wrong with the recipe.
pub(crate) fn mistake(job: &Job, lines: &[String]) -> Option<Finding> {
    let network = || without_network(lines).filter(|_| !job.recipe.build.network);
    let mistake = || hint::mistake(lines).map(|mistake| finding("", mistake.rule, mistake.message));
    network().or_else(mistake).or_else(|| patch(&job.recipe, lines)).or_else(|| ignored(&job.recipe, lines))
}

/// A patch that does not fit the sources, by farm's own last line about it.
fn patch(recipe: &Recipe, lines: &[String]) -> Option<Finding> {
    let told =
        lines.iter().rev().find_map(|line| line.strip_prefix("farm: ")?.split_once(" does not apply to the sources"));
    let (name, _) = told?;
    let patches = recipe.sources.iter().flat_map(|source| source.patches.iter().map(move |patch| (source, patch)));
    let (number, (source, patch)) =
        patches.enumerate().find(|(index, (_, patch))| patch.file_name(index + 1) == name)?;
    let place = &source.place;
    let message = format!(
        "{} (patch {} of {}:{}) does not fit these sources: make it anew from them (`git diff`, `diff -u`), correct its \
         `strip` if its names are of another depth, or allow it to move with `fuzz`",
        patch.path,
        number + 1,
        place.path.display(),
        place.line
    );
    Some(finding("", "patch-does-not-apply", message))
}

/// A file that the build did not find, and that lies in a source on this host: git leaves it out of the sources.
fn ignored(recipe: &Recipe, lines: &[String]) -> Option<Finding> {
    let folders = recipe.sources.iter().filter(|source| source.gitignore).filter_map(|source| match &source.origin {
        Origin::Path { path } => Some((path, recipe.root.join(path))),
        _ => None,
    });
    let folders: Vec<_> = folders.collect();
    let named = lines.iter().rev().filter_map(|line| hint::file_not_found(line));
    let (file, path) = named
        .flat_map(|file| folders.iter().map(move |(path, folder)| (file, *path, folder)))
        .find(|(file, _, folder)| folder.join(file).symlink_metadata().is_ok())
        .map(|(file, path, _)| (file, path))?;
    let message = format!(
        "{file} is in {path} on this host, and no part of the sources, as .gitignore names it: add it to git, make it in \
         `build`, or say `gitignore = false` in [[sources]]"
    );
    Some(finding("", "ignored-by-git", message))
}

pub(crate) fn warning(rule: &str, message: String) -> Finding {
    Finding { severity: Severity::Warning, ..finding("", rule, message) }
}

/// The step in which an outcome was decided, for the log's Fail-Stage.
pub(crate) fn step_of(outcome: &Outcome) -> Option<StepKind> {
    match outcome {
        Outcome::Failed { step, .. }
        | Outcome::TimedOut { step, .. }
        | Outcome::Stalled { step, .. }
        | Outcome::LogLimit { step, .. }
        | Outcome::OutOfMemory { step, .. }
        | Outcome::DiskFull { step, .. }
        | Outcome::Rejected { step, .. } => Some(*step),
        Outcome::DepWait { .. } | Outcome::DockerfileFailed { .. } | Outcome::NotAsLocked { .. } => {
            Some(StepKind::Prepare)
        }
        Outcome::NotReproduced { .. } => Some(StepKind::Inspect),
        Outcome::SourceUnavailable { .. } => Some(StepKind::Unpack),
        Outcome::Succeeded
        | Outcome::UpToDate
        | Outcome::Reproduced { .. }
        | Outcome::Skipped { .. }
        | Outcome::Cancelled
        | Outcome::Infrastructure { .. } => None,
    }
}

/// Whether some file system in `df`'s output (`df -Pk`: POSIX, in KiB) has no room left: less than `needed_kib` where
/// `root` lies, or nothing to speak of anywhere else. Returns its mount point.
pub(crate) fn full_file_system(df: &str, root_line: &str, needed_kib: u64) -> Option<String> {
    let parse = |line: &str| -> Option<(u64, u64, String)> {
        let mut fields = line.split_whitespace();
        let size = fields.nth(1)?.parse().ok()?;
        let available = fields.nth(1)?.parse().ok()?;
        Some((size, available, fields.nth(1)?.to_owned()))
    };
    let root = root_line.lines().filter_map(parse).next();
    if let Some((_, available, mount)) = root
        && available < needed_kib
    {
        return Some(mount);
    }
    // File systems of no size (proc), and read-only images, which are always full, say nothing.
    df.lines()
        .filter_map(parse)
        .find(|(size, available, mount)| *size > 0 && *available < 64 && mount != "/")
        .map(|(_, _, mount)| mount)
}

/// How long to wait before attempt `attempt` (1 is the first repetition).
pub(crate) fn backoff_seconds(attempt: u32) -> u64 {
    2 * 4u64.saturating_pow(attempt.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Unsatisfiable;

    fn script(exit_code: i32, unsatisfiable: &[&str], oom: bool) -> ImageError {
        let one = |name: &&str| Unsatisfiable { requirement: (*name).to_owned(), near: Vec::new() };
        let unsatisfiable = unsatisfiable.iter().map(one).collect();
        ImageError::Script { kind: "builder", exit_code, unsatisfiable, oom }
    }

    #[test]
    fn a_build_that_looks_for_a_network_is_told_what_to_do() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let output = "fetching\ncurl: (6) Could not resolve host: example.org\nmake: *** [all] Error 6";
        let told = without_network(&lines(output)).unwrap().message;
        assert!(told.starts_with("curl: (6) Could not resolve host: example.org: a build has no network: "), "{told}");
        assert_eq!(without_network(&lines("cc: error: no input files")), None);
    }

    #[test]
    fn image_scripts_are_told_apart_by_their_exit_code() {
        let of = |error| image(error, Some(1 << 30), TailOfScript::default());
        assert_eq!(
            of(script(EXIT_UNSATISFIABLE, &["libfoo-dev"], false)),
            JobError::Final(dep_wait(vec!["libfoo-dev".to_owned()]))
        );
        // A tool's own 11 names nothing.
        assert_eq!(
            of(script(11, &[], false)),
            JobError::Final(Outcome::Failed { step: StepKind::Prepare, exit_code: 11 })
        );
        assert!(matches!(of(script(EXIT_NETWORK, &[], false)), JobError::Transient(_)));
        assert_eq!(
            of(script(137, &[], true)),
            JobError::Final(Outcome::OutOfMemory { step: StepKind::Prepare, limit_bytes: Some(1 << 30) })
        );
        assert!(matches!(
            image(script(1, &[], false), None, TailOfScript { has_no_space: true, ..TailOfScript::default() }),
            JobError::Final(Outcome::DiskFull { .. })
        ));
        assert_eq!(
            of(script(2, &[], false)),
            JobError::Final(Outcome::Failed { step: StepKind::Prepare, exit_code: 2 })
        );
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let lost = EngineError::Lost { action: "run a process".to_owned(), reason: "reset".to_owned() };
        assert!(matches!(engine(lost, StepKind::Build), JobError::Transient(_)));
        let (action, message) = ("create a container".to_owned(), "no".to_owned());
        let failed = EngineError::Failed { action: action.clone(), message: message.clone() };
        assert!(matches!(engine(failed, StepKind::Build), JobError::Transient(_)));
        let missing = EngineError::NoSuchImage { reference: "farm/base:x".to_owned() };
        for refused in [EngineError::Refused { action, message }, missing] {
            assert!(matches!(engine(refused, StepKind::Build), JobError::Final(Outcome::Infrastructure { .. })));
        }
        assert_eq!(engine(EngineError::Cancelled, StepKind::Build), JobError::Final(Outcome::Cancelled));
        let full = EngineError::DiskFull { action: "unpack".to_owned() };
        assert!(matches!(engine(full, StepKind::Build), JobError::Final(Outcome::DiskFull { .. })));
        let untrusted = ImageError::Untrusted { distro: "debian-12".to_owned(), reason: "bad signature".to_owned() };
        assert!(matches!(
            image(untrusted, None, TailOfScript::default()),
            JobError::Final(Outcome::Infrastructure { .. })
        ));
    }

    #[test]
    fn wrong_or_missing_sources_are_no_infrastructure() {
        let mismatch = FetchError::Mismatch {
            url: "https://example.org/a.tar".to_owned(),
            expected: "aa".to_owned(),
            actual: "bb".to_owned(),
        };
        let Outcome::SourceUnavailable { reason, .. } = source(mismatch.into()) else { panic!() };
        assert!(reason.contains("a.tar") && reason.contains("bb"), "{reason}");
        assert_eq!(source(SourceError::Cancelled), Outcome::Cancelled);
        let full = SourceError::Io { path: "/cache".into(), source: io::ErrorKind::StorageFull.into() };
        assert!(matches!(source(full), Outcome::DiskFull { place, .. } if place == "/cache"));
    }

    #[test]
    fn a_full_file_system_is_seen_by_its_numbers() {
        let header = "Filesystem     1024-blocks     Used Available Capacity Mounted on\n";
        let roomy = "overlay           100000000 50000000  50000000      50% /\n";
        let tight = "overlay           100000000 99999000      1000     100% /\n";
        let shm = "shm                   65536    65536         0     100% /dev/shm\n";
        let proc = "proc                      0        0         0       -  /proc\n";
        let needed = 64 * 1024;
        assert_eq!(full_file_system(&format!("{header}{roomy}{proc}"), &format!("{header}{roomy}"), needed), None);
        assert_eq!(
            full_file_system(&format!("{header}{tight}"), &format!("{header}{tight}"), needed).as_deref(),
            Some("/")
        );
        assert_eq!(
            full_file_system(&format!("{header}{roomy}{shm}"), &format!("{header}{roomy}"), needed).as_deref(),
            Some("/dev/shm")
        );
        assert_eq!(full_file_system("df: not found", "", needed), None);
    }

    #[test]
    fn waiting_grows() {
        assert_eq!(backoff_seconds(1), 2);
        assert_eq!(backoff_seconds(2), 8);
    }
}
