//! Why a lock cannot be used or made.

use std::path::PathBuf;

/// Why there is no lock to build by, or none that fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// There is no such file.
    #[error("there is no {}", .0.display())]
    Missing(PathBuf),
    /// The file cannot be read or written.
    #[error("{}: {reason}", .path.display())]
    Io {
        /// The lock, on this host.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file is no lock that this farm reads.
    #[error("{}: {reason}", .path.display())]
    Invalid {
        /// The lock, on this host.
        path: PathBuf,
        /// What is wrong, with the line.
        reason: String,
    },
    /// Targets are not in it.
    #[error("{} does not have {}", .path.display(), .targets.join(", "))]
    Unlocked {
        /// The lock, on this host.
        path: PathBuf,
        /// Their ids.
        targets: Vec<String>,
    },
    /// The recipe asks for something else than the lock has.
    #[error("{} is of another recipe: {}", .path.display(), .differences.join("; "))]
    Outdated {
        /// The lock, on this host.
        path: PathBuf,
        /// Each as a sentence.
        differences: Vec<String>,
    },
    /// Two recipes of one run are locked to different states of an archive.
    #[error("{} and {} hold {suite} at different states", .one.display(), .other.display())]
    Apart {
        /// A lock, on this host.
        one: PathBuf,
        /// Another one.
        other: PathBuf,
        /// Of which archive: `debian bookworm`.
        suite: String,
    },
    /// An archive cannot be asked for its state.
    #[error("{suite}: {reason}")]
    Archive {
        /// `debian bookworm`
        suite: String,
        /// Why not.
        reason: String,
    },
}

impl LockError {
    /// What to do about it.
    pub(crate) fn help(&self) -> Option<&'static str> {
        match self {
            LockError::Missing(_) | LockError::Unlocked { .. } => Some(
                "`farm lock` writes down what the last good builds in dist/ were made of: build first, without --locked",
            ),
            LockError::Outdated { .. } => Some("build without --locked, and then `farm lock` writes it anew"),
            LockError::Apart { .. } => Some("lock them together with `farm lock`, or build them in runs of their own"),
            LockError::Invalid { .. } => Some("`farm lock` writes it anew"),
            LockError::Archive { .. } => Some("try again, or choose another mirror with --mirror NAME=URL"),
            LockError::Io { .. } => None,
        }
    }
}
