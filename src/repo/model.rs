//! What an index is made of.

use std::path::PathBuf;

use crate::artifact::Artifact;

/// What indexes made here call themselves, for those who prefer one repository to others.
pub(crate) const ORIGIN: &str = "farm-set";

/// A package of a repository: it lies in the folder that the index is of, under its own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub artifact: Artifact,
    /// Where it is on this host.
    pub path: PathBuf,
}

/// A file of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexFile {
    /// Relative to the repository's folder: `Packages`, `repodata/repomd.xml`.
    pub path: String,
    pub content: Vec<u8>,
}
