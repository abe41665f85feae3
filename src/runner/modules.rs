//! The list of the modules that a build was given, as a file beside its packages.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::outcome::{self, is_disk_full};
use super::prepare::Ready;
use super::work::blocking;
use crate::artifact::{Artifact, ArtifactKind};
use crate::event::Outcome;
use crate::packaging::StepKind;
use crate::source::{self, MODULES_LIST};

/// A line of it is shorter than 1 KiB, and there are tens of thousands at most.
const LARGEST_LIST: u64 = 64 << 20;

/// Writes the list into `folder`, where the recipe names lock files.
pub(crate) async fn listed(ready: &Ready, folder: &Path) -> Result<Option<Artifact>, Outcome> {
    let Some(modules) = ready.modules.clone() else { return Ok(None) };
    let path = folder.join(MODULES_LIST);
    blocking(move || {
        let infrastructure = |reason: String| Outcome::Infrastructure { reason };
        let list = source::read_file(&modules, MODULES_LIST, LARGEST_LIST)
            .map_err(|error| infrastructure(outcome::chain(&error)))?
            .unwrap_or_default();
        std::fs::write(&path, &list).map_err(|error| match is_disk_full(error.kind()) {
            true => Outcome::DiskFull { step: StepKind::Inspect, place: path.display().to_string() },
            false => infrastructure(format!("cannot write {}: {error}", path.display())),
        })?;
        Ok(Some(Artifact {
            file_name: MODULES_LIST.to_owned(),
            size_bytes: list.len() as u64,
            sha256: hex::encode(Sha256::digest(&list)),
            kind: ArtifactKind::Metadata,
            package: None,
        }))
    })
    .await?
}
