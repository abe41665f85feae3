//! Repositories of a recipe: read and verified on this host, and reduced to the packages that a container may need of them.
//! These alone go there, with an index of farm's own, so that no container has a repository's address, password or key,
//! and nothing can come from there that the rule of `archive::supplied` does not let through. What package managers make of
//! them is `packaging`'s business.

mod apt;
mod error;
mod model;
mod rpm_md;

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub(crate) use error::{FailureKind, RepositoryError};
pub(crate) use model::{Asked, Extra, ExtraPackage};

use crate::archive::{ArchiveIndex, Archives, Choice};
use crate::capability::Capability;
use crate::types::{Format, Progress};

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
