//! Packages of a distribution's archive in a version that it has released: what users have who are about to upgrade.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::bootstrap::from_archive;
use super::{ImageError, Images};
use crate::archive::{self, Components};
use crate::distro::Distro;
use crate::types::{Arch, Progress};

/// What an archive has of packages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Released {
    /// Those of the version that was asked for: .debs in the cache, verified.
    pub(crate) files: Vec<PathBuf>,
    /// `name version`, all that it has of these names.
    pub(crate) known: Vec<String>,
}

impl Images {
    /// The packages of these names in the apt archive of `distro`, in a version that `is_it`. Nothing where a distribution has no
    /// such archive in its definition.
    pub(crate) async fn released(
        &self,
        (distro, arch): (&Distro, Arch),
        names: Vec<String>,
        is_it: impl Fn(&str) -> bool + Send + 'static,
        progress: &dyn Progress,
        warn: &(dyn Fn(String) + Sync),
        cancel: &CancellationToken,
    ) -> Result<Released, ImageError> {
        if distro.bootstrap.is_none() {
            return Ok(Released::default());
        }
        let failed = |error| from_archive(distro, error);
        let archives = self.archives();
        let index = archives.packages(distro, arch, Components::All, progress, warn, cancel).await.map_err(failed)?;
        let looked = archive::blocking(move || {
            let (mut found, mut known) = (Vec::new(), Vec::new());
            for name in names {
                let all = index.named(&name)?;
                known.extend(all.iter().map(|package| format!("{name} {}", package.version)));
                found.extend(all.into_iter().find(|package| is_it(&package.version.to_string())));
            }
            Ok((found, known))
        });
        let (found, known) = looked.await.map_err(failed)?;
        let files = archives.reader().download(&found, progress, cancel).await.map_err(failed)?;
        Ok(Released { files, known })
    }
}
