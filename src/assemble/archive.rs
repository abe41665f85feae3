//! Which packages of a Debian archive bring libraries. Packages are named after what they hold (Policy 8.1), so there are
//! a few names to try; what a package says in its own `shlibs` file then proves it, with the version that is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::AssembleError;
use super::libraries::Libraries;
use crate::archive::{ArchiveError, Archives, Components, Package, blocking};
use crate::artifact::{deb, libraries};
use crate::distro::Distro;
use crate::formats::deb::shlibs;
use crate::types::{Arch, Progress};

/// The relations that bring these libraries on a distribution. What no package was found for is left out, as is all when
/// nothing says where the archive is.
///
/// # Errors
/// When the archive cannot be read.
pub(crate) async fn providers(
    archives: &Archives,
    distro: &Distro,
    arch: Arch,
    wanted: BTreeSet<String>,
    progress: &dyn Progress,
    warn: &(dyn Fn(String) + Sync),
    cancel: &CancellationToken,
) -> Result<Libraries, AssembleError> {
    if wanted.is_empty() {
        return Ok(Libraries::new());
    }
    let find = async {
        let index = archives.packages(distro, arch, Components::All, progress, warn, cancel).await?;
        let names: BTreeSet<String> = wanted.iter().flat_map(|library| libraries::package_names(library)).collect();
        let look_up = move || {
            let found = names.iter().map(|name| index.newest(name));
            Ok(found.collect::<Result<Vec<_>, ArchiveError>>()?.into_iter().flatten().collect())
        };
        let packages: Vec<Package> = blocking(look_up).await?;
        let debs = archives.reader().download(&packages, progress, cancel).await?;
        blocking(move || {
            let mut found = Libraries::new();
            for (package, path) in packages.iter().zip(&debs) {
                found.extend(shlibs_of(package, path)?.into_iter().filter(|(library, _)| wanted.contains(library)));
            }
            Ok(found)
        })
        .await
    };
    match find.await {
        Ok(libraries) => Ok(libraries),
        Err(ArchiveError::Undescribed { .. }) => Ok(Libraries::new()),
        Err(ArchiveError::Cancelled) => Err(AssembleError::Cancelled),
        Err(error) => Err(AssembleError::Archive(error)),
    }
}

fn shlibs_of(package: &Package, path: &Path) -> Result<BTreeMap<String, String>, ArchiveError> {
    let text = deb::control_file(path, "shlibs")
        .map_err(|reason| ArchiveError::Untrusted { what: package.url.clone(), reason })?;
    Ok(shlibs::relations(&text.unwrap_or_default()))
}
