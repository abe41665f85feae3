//! Repositories of a recipe: read and verified on this host, and reduced to the packages that a container may need of them.
//! These alone go there, with an index of farm's own, so that no container has a repository's address, password or key,
//! and nothing can come from there that the rule of `archive::supplied` does not let through. What package managers make of
//! them is `packaging`'s business.

mod apt;
mod error;
mod model;
mod primary;
mod rpm_md;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub(crate) use error::{FailureKind, RepositoryError};
pub(crate) use model::{Extra, ExtraPackage};

use crate::archive::{ArchiveIndex, Archives, Choice};
use crate::capability::Capability;
use crate::distro::Distro;
use crate::recipe::{Repository, RepositoryOrigin, RepositoryUse};
use crate::types::{Arch, Format, Progress};

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
    fn each(&self) -> impl Iterator<Item = &'a Repository> {
        let (what_for, format) = (self.what_for, self.format);
        let serves = move |one: &&Repository| what_for.is_none_or(|what_for| one.serves(what_for));
        self.repositories.iter().filter(serves).filter(move |one| has(one, format))
    }

    pub(crate) fn is_nobody(&self) -> bool {
        self.each().next().is_none()
    }
}

/// Whether a repository has packages of a format. One that images know themselves is their package manager's to read.
pub(crate) fn has(repository: &Repository, format: Format) -> bool {
    match repository.origin {
        RepositoryOrigin::Apt { .. } => format == Format::Deb,
        RepositoryOrigin::RpmMd { .. } => format == Format::Rpm,
        RepositoryOrigin::Enable(_) => false,
    }
}

/// The package of one of the repositories that has a capability, where the distribution has none: only such as may be taken
/// from there. In the order of the repositories; none when no one has it.
///
/// # Errors
/// The repository that cannot be read or believed.
pub(crate) async fn provider(
    asked: Asked<'_>,
    capability: &Capability,
    own: &Arc<ArchiveIndex>,
    archives: &Archives,
    cancel: &CancellationToken,
) -> Result<Option<Choice>, RepositoryError> {
    apt::provider(asked, capability, own, archives, cancel).await
}

/// What the repositories add for `wanted`: relations in the syntax of the format; each of their files just verified.
///
/// # Errors
/// The repository that cannot be read or believed, with its place in the recipe.
pub(crate) async fn extra(
    asked: Asked<'_>,
    wanted: Vec<String>,
    archives: &Archives,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<Extra, RepositoryError> {
    if asked.is_nobody() || wanted.is_empty() {
        return Ok(Extra::default());
    }
    match asked.format {
        Format::Deb => apt::extra(asked, wanted, archives, progress, cancel).await,
        Format::Rpm => rpm_md::extra(asked, wanted, archives.reader(), progress, cancel).await,
    }
}
