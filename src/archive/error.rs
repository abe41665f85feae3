//! What can go wrong with an archive.

use std::path::PathBuf;

use crate::fetch::FetchError;

/// Why an archive gave no answer, or none that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file of the archive cannot be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Wrongly signed, expired, or not what the signed file says: never retried.
    #[error("{what} cannot be trusted: {reason}")]
    Untrusted {
        /// The file concerned, as a URL or a path in the archive.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The archive is honest but does not have it: an architecture that it does not carry.
    #[error("the archive has no {what}")]
    Absent {
        /// What was looked for, as it reads after "the archive has no".
        what: String,
    },
    /// Nothing says where its archive is, or how to trust it.
    #[error("the archive of {distro} is not known: {reason}")]
    Undescribed {
        /// The id of the distribution: `debian-12`.
        distro: String,
        /// What its definition lacks.
        reason: String,
    },
    /// No set of packages meets all requirements together.
    #[error("packages cannot be chosen: {reason}")]
    Unsolvable {
        /// The solver's explanation, with the packages in conflict.
        reason: String,
    },
    /// It is a repository of a recipe that gives no answer.
    #[error("{reason}")]
    Repository {
        /// Which repository, where in the recipe it stands, and why.
        reason: String,
    },
    /// The cache, or a file in it, cannot be read or written.
    #[error("cannot use {}", .path.display())]
    Io {
        /// The file or folder concerned.
        path: PathBuf,
        /// The answer of the operating system.
        source: std::io::Error,
    },
    /// The run was cancelled before the archive was read.
    #[error("cancelled")]
    Cancelled,
}
