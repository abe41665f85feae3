//! Indexes of package repositories: what apt, dnf and zypper read to know the packages of a folder. Writing only, and
//! only the indexes: who puts which packages where, and who signs, is decided elsewhere. The same packages give the same
//! bytes.

mod apt;
mod rpm_md;

use std::path::PathBuf;

use crate::artifact::{Artifact, ArtifactError};
use crate::types::Format;

/// What indexes made here call themselves, for those who prefer one repository to others.
pub const ORIGIN: &str = "farm-set";

/// A package of a repository: it lies in the folder that the index is of, under its own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    pub artifact: Artifact,
    /// Where it is on this host.
    pub path: PathBuf,
}

/// A file of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    /// Relative to the repository's folder: `Packages`, `repodata/repomd.xml`.
    pub path: String,
    pub content: Vec<u8>,
}

/// The index of a folder that holds `packages`: a flat apt repository, or one with `repodata`. Reads their headers: call
/// it from a blocking thread.
///
/// # Errors
/// When a package cannot be read.
pub fn index(format: Format, packages: &[Package]) -> Result<Vec<IndexFile>, ArtifactError> {
    let mut sorted: Vec<&Package> = packages.iter().collect();
    sorted.sort_by(|a, b| a.artifact.file_name.cmp(&b.artifact.file_name));
    match format {
        Format::Deb => apt::index(&sorted),
        Format::Rpm => rpm_md::index(&sorted),
    }
}

#[cfg(test)]
mod tests;
