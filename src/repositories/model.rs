//! What repositories of a recipe are asked for, and what they add to a container.

use std::path::PathBuf;

use crate::distro::Distro;
use crate::recipe::{Repository, RepositoryOrigin, RepositoryUse};
use crate::types::{Arch, Format};

/// Where packages are looked for, and for which system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) repositories: &'a [Repository],
    /// None: for anything.
    pub(crate) what_for: Option<RepositoryUse>,
    pub(crate) distro: &'a Distro,
    pub(crate) arch: Arch,
    /// The format of the packages that are wanted: a Debian base may want .rpm files, too.
    pub(crate) format: Format,
}

impl<'a> Asked<'a> {
    /// The repositories that have packages of the format, for what they are wanted for.
    pub(super) fn each(&self) -> impl Iterator<Item = &'a Repository> {
        let (what_for, format) = (self.what_for, self.format);
        let serves = move |one: &&Repository| what_for.is_none_or(|what_for| one.serves(what_for));
        self.repositories.iter().filter(serves).filter(move |one| has(one, format))
    }

    pub(crate) fn is_nobody(&self) -> bool {
        self.each().next().is_none()
    }
}

/// Whether a repository has packages of a format. One that images know themselves is their package manager's to read.
fn has(repository: &Repository, format: Format) -> bool {
    match repository.origin {
        RepositoryOrigin::Apt { .. } => format == Format::Deb,
        RepositoryOrigin::RpmMd { .. } => format == Format::Rpm,
        RepositoryOrigin::Enable(_) => false,
    }
}

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
