//! What repositories of a recipe add to a container.

use std::path::PathBuf;

/// Packages for one container, in the order of their names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extra {
    pub(crate) packages: Vec<ExtraPackage>,
    /// For people: what was wanted and not taken.
    pub(crate) notes: Vec<String>,
}

/// A package of a repository, on this host.
#[derive(Debug, Clone)]
pub(crate) struct ExtraPackage {
    pub(crate) name: String,
    pub(crate) version: String,
    /// As the repository's, without folders.
    pub(crate) file_name: String,
    pub(crate) path: PathBuf,
    pub(crate) size_bytes: u64,
    pub(crate) sha256: String,
    /// It goes before the distribution's own of its name.
    pub(crate) first: bool,
    /// What its repository is called in messages.
    pub(crate) repository: String,
    /// What it provides beside its name and its files, as far as anybody asks: of .rpm files.
    pub(crate) provides: Vec<String>,
}

impl Extra {
    pub(crate) fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// `libpond-dev 1.2 (https://example.org/debian bookworm)`, a line each.
    pub(crate) fn text(&self) -> String {
        let one = |one: &ExtraPackage| format!("{} {} ({})", one.name, one.version, one.repository);
        self.packages.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}
