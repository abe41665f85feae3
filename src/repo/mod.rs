//! Indexes of package repositories: what apt, dnf and zypper read to know the packages of a folder. [`index`] is for a folder
//! of a run: the same packages give the same bytes, and nobody signs. [`tree`] is for users.

mod apt;
mod model;
mod rpm_md;
pub(crate) mod tree;

use crate::artifact::ArtifactError;
use crate::types::Format;

pub(crate) use model::{IndexFile, ORIGIN, Package};

/// The index of a folder that holds `packages`: a flat apt repository, which calls itself `origin`, or one with `repodata`.
/// Reads their headers: call it from a blocking thread.
///
/// # Errors
/// When a package cannot be read.
pub(crate) fn index(format: Format, packages: &[Package], origin: &str) -> Result<Vec<IndexFile>, ArtifactError> {
    let mut sorted: Vec<&Package> = packages.iter().collect();
    sorted.sort_by(|a, b| a.artifact.file_name.cmp(&b.artifact.file_name));
    match format {
        Format::Deb => apt::index(&sorted, origin),
        Format::Rpm => rpm_md::index(&sorted),
    }
}

#[cfg(test)]
mod tests;
