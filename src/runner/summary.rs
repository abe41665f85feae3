//! The head and the end of a job's log, in the words of sbuild's: what was built where, how it ended, what it took.

use std::time::Duration;

use crate::event::Outcome;
use crate::matrix::Target;
use crate::packaging::StepKind;
use crate::types::human_bytes;

use super::outcome::step_of;

/// The first lines of a log.
pub(crate) fn head(target: &Target, version: &str, engine: &str, run: &str) -> String {
    let now = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S UTC");
    format!(
        "farm {} building {target}\n\nPackage: {}\nVersion: {version}\nDistribution: {}\nArchitecture: {}\n\
         Engine: {engine}\nRun: {run}\nDate: {now}\n",
        env!("CARGO_PKG_VERSION"),
        target.recipe,
        target.distro,
        target.kind(),
    )
}

/// The last lines of a log.
pub(crate) fn end(
    target: &Target,
    outcome: &Outcome,
    steps: &[(StepKind, Duration)],
    elapsed: Duration,
    space_bytes: u64,
    memory_peak_bytes: Option<u64>,
) -> String {
    let seconds = |kinds: &[StepKind]| -> f64 {
        steps.iter().filter(|(step, _)| kinds.contains(step)).map(|(_, time)| *time).sum::<Duration>().as_secs_f64()
    };
    let mut lines = vec![
        ("Job", target.to_string()),
        ("Install-Time", format!("{:.1}", seconds(&[StepKind::Prepare]))),
        ("Build-Time", format!("{:.1}", seconds(&[StepKind::Unpack, StepKind::Build, StepKind::Check]))),
        ("Package-Time", format!("{:.1}", seconds(&[StepKind::Package, StepKind::Collect, StepKind::Inspect]))),
        ("Test-Time", format!("{:.1}", seconds(&[StepKind::Test]))),
        ("Total-Time", format!("{:.1}", elapsed.as_secs_f64())),
        // Of the results, in bytes.
        ("Space", space_bytes.to_string()),
    ];
    if let Some(peak) = memory_peak_bytes {
        lines.push(("Memory-Peak", peak.to_string()));
    }
    if let Some(step) = step_of(outcome) {
        lines.push(("Fail-Stage", step.to_string()));
    }
    if let Some(why) = why(outcome) {
        lines.push(("Reason", why));
    }
    lines.push(("Status", outcome.word().to_owned()));
    lines.iter().map(|(name, value)| format!("{name}: {}\n", value.replace('\n', "\n  "))).collect()
}

/// What a status alone does not say.
fn why(outcome: &Outcome) -> Option<String> {
    Some(match outcome {
        Outcome::Succeeded | Outcome::UpToDate | Outcome::Reproduced { .. } | Outcome::Cancelled => return None,
        Outcome::Failed { exit_code, .. } => format!("exit code {exit_code}"),
        Outcome::DepWait { requirements, .. } => format!("cannot be had: {}", requirements.join(", ")),
        Outcome::TimedOut { limit, .. } => format!("ran longer than {} s", limit.as_secs()),
        Outcome::Stalled { limit, .. } => format!("no output for {} s", limit.as_secs()),
        Outcome::LogLimit { limit_bytes, .. } => format!("more than {} of output", human_bytes(*limit_bytes)),
        Outcome::OutOfMemory { limit_bytes: Some(limit), .. } => {
            format!("the kernel killed a process at the limit of {}", human_bytes(*limit))
        }
        Outcome::OutOfMemory { limit_bytes: None, .. } => "the kernel killed a process".to_owned(),
        Outcome::DiskFull { place, .. } => format!("no space left on {place}"),
        Outcome::Rejected { findings, .. } => {
            findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; ")
        }
        Outcome::Skipped { because } => because.clone(),
        Outcome::DockerfileFailed { dockerfile, reason } => format!("{dockerfile}: {reason}"),
        Outcome::NotAsLocked { differences, .. } => differences.join("; "),
        Outcome::NotReproduced { differences, .. } => {
            let places = differences.iter().map(|one| format!("{}: {}", one.file_name, one.place));
            places.collect::<Vec<_>>().join("; ")
        }
        Outcome::SourceUnavailable { reason, .. } | Outcome::Infrastructure { reason } => reason.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Arch, Format};

    fn target() -> Target {
        Target {
            recipe: "hello".to_owned(),
            distro: "debian-12".to_owned(),
            arch: Arch::Amd64,
            format: Format::Deb,
            variant: None,
            source: false,
        }
    }

    #[test]
    fn a_failure_names_its_stage() {
        let outcome = Outcome::Failed { step: StepKind::Check, exit_code: 2 };
        let steps = [(StepKind::Build, Duration::from_secs(3)), (StepKind::Check, Duration::from_millis(1500))];
        let text = end(&target(), &outcome, &steps, Duration::from_secs(6), 0, Some(1024));
        assert_eq!(
            text,
            "Job: hello@debian-12/amd64\nInstall-Time: 0.0\nBuild-Time: 4.5\nPackage-Time: 0.0\nTest-Time: 0.0\n\
             Total-Time: 6.0\nSpace: 0\nMemory-Peak: 1024\nFail-Stage: check\nReason: exit code 2\nStatus: failed\n"
        );
    }

    #[test]
    fn the_head_says_what_is_built_for_what() {
        let head = head(&target(), "2.10-1~deb12", "docker 20.10.24", "run-1");
        assert!(head.contains("Version: 2.10-1~deb12\nDistribution: debian-12\nArchitecture: amd64\n"), "{head}");
    }
}
