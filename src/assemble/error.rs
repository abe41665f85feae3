//! Why no packages were made.

use std::io;
use std::path::PathBuf;

use crate::archive::ArchiveError;

/// Why no packages were made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssembleError {
    /// The stream from the container broke, or is no tar.
    #[error("what was installed could not be downloaded")]
    Stream(#[source] io::Error),
    /// What was installed is not what the recipe says, or no package may have it.
    #[error("{}", .0.join("; "))]
    Refused(Vec<String>),
    #[error("cannot write {}", .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// Which packages bring libraries could not be found out.
    #[error("the archive cannot be read")]
    Archive(#[source] ArchiveError),
    #[error("cancelled")]
    Cancelled,
}

impl AssembleError {
    /// Whether another attempt may well succeed.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, AssembleError::Stream(_) | AssembleError::Archive(ArchiveError::Fetch(_)))
    }
}
