//! What an index is made of.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

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

/// What an index says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Summed {
    /// Hex.
    pub(super) sha256: String,
    /// In bytes.
    pub(super) size: u64,
}

impl Summed {
    pub(super) fn of(content: &[u8]) -> Summed {
        Summed { sha256: hex::encode(Sha256::digest(content)), size: content.len() as u64 }
    }
}
