//! Exit codes: a published contract, listed in `docs/cli.md`.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::event::{JobReport, Outcome, RequiredBy};

/// A panic on any thread is a bug, even when the work went on without it.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// For the panic hook.
pub(crate) fn note_panic() {
    PANICKED.store(true, Ordering::Relaxed);
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Success = 0,
    Bug = 1,
    Usage = 2,
    Invalid = 3,
    NothingMatched = 4,
    NoEngine = 5,
    JobFailed = 10,
    Rejected = 11,
    Repository = 12,
    Different = 13,
    Interrupted = 130,
}

impl Exit {
    /// From the worst to the best: of several, the first one is the command's. A bug makes every other answer
    /// doubtful; an interrupted run says nothing of what it did not do; a package that could not be built stands
    /// before one that was built and refused.
    pub(crate) const WORST_FIRST: [Exit; 11] = [
        Exit::Bug,
        Exit::Interrupted,
        Exit::Usage,
        Exit::Invalid,
        Exit::NothingMatched,
        Exit::NoEngine,
        Exit::JobFailed,
        Exit::Rejected,
        Exit::Repository,
        Exit::Different,
        Exit::Success,
    ];

    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Exit::Success => "all is well: every job succeeded or was up to date",
            Exit::Bug => "a bug in farm",
            Exit::Usage => "the command line is wrong",
            Exit::Invalid => "a recipe, a distribution definition or the configuration is invalid",
            Exit::NothingMatched => "no target matched",
            Exit::NoEngine => "no container engine answers",
            Exit::JobFailed => "a job failed or could not run, or a store is damaged",
            Exit::Rejected => {
                "a package was built, and its check or its test said no; or it requires what its distribution does not have"
            }
            Exit::Repository => "a repository could not be written or signed",
            Exit::Different => "packages that were compared are different, or not what a statement or farm.lock says",
            Exit::Interrupted => "interrupted",
        }
    }

    pub(crate) fn worst(self, other: Exit) -> Exit {
        Exit::WORST_FIRST.into_iter().find(|exit| *exit == self || *exit == other).unwrap_or(Exit::Bug)
    }

    /// How the process ends, where this is what its work says.
    pub(crate) fn after_panics(self) -> Exit {
        if PANICKED.load(Ordering::Relaxed) { self.worst(Exit::Bug) } else { self }
    }

    pub(crate) fn of_run(reports: &[JobReport], interrupted: bool) -> Exit {
        let of = |report: &JobReport| match report.outcome {
            Outcome::Succeeded | Outcome::UpToDate | Outcome::Reproduced { .. } => Exit::Success,
            // To be installed with it, and nowhere to be had: no build would make such a package a good one.
            Outcome::Rejected { .. } | Outcome::DepWait { by: RequiredBy::Package | RequiredBy::Test, .. } => {
                Exit::Rejected
            }
            Outcome::SourceUnavailable { of_recipe: true, .. } => Exit::Invalid,
            Outcome::NotAsLocked { .. } | Outcome::NotReproduced { .. } => Exit::Different,
            _ => Exit::JobFailed,
        };
        let start = if interrupted { Exit::Interrupted } else { Exit::Success };
        reports.iter().map(of).fold(start, Exit::worst)
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> std::process::ExitCode {
        std::process::ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_holds_every_code_once() {
        let mut codes: Vec<u8> = Exit::WORST_FIRST.iter().map(|exit| exit.code()).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 130]);
    }

    #[test]
    fn the_worst_wins_whatever_the_order() {
        assert_eq!(Exit::Rejected.worst(Exit::JobFailed), Exit::JobFailed);
        assert_eq!(Exit::JobFailed.worst(Exit::Rejected), Exit::JobFailed);
        assert_eq!(Exit::JobFailed.worst(Exit::Interrupted), Exit::Interrupted);
        assert_eq!(Exit::Bug.worst(Exit::Interrupted), Exit::Bug);
        assert_eq!(Exit::Success.worst(Exit::Success), Exit::Success);
    }
}
