//! Images of files: a root file system as people export it, an OCI image layout (folder or tar), or what `docker save`
//! writes. All layers are flattened here into one tar stream that every engine loads alike, so the same file is the same
//! image on each of them. It is read twice: nothing reaches an engine before all of it has been checked.

mod layers;
mod open;
mod opened;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{ImageError, Images};
use crate::engine::{EngineError, ImageInfo, ImportSpec, labels};
use crate::stream;
use crate::types::{Arch, printable};

use self::opened::Failure;
pub(crate) use layers::LeftOut;

/// What [`labels::KIND`] says of an image that came from a file: nobody but the user can make it again.
pub(super) const KIND: &str = "imported";
/// Raised when the same file would give another image.
const GENERATION: &str = "1";

/// An image made of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The image in the engine's store.
    pub image: ImageInfo,
    pub(crate) arch: Arch,
    pub(crate) left_out: LeftOut,
}

/// Reads `file` and gives the engine an image under `reference`. `arch`: what the image is for, where the file does not
/// say so, and what to take of a file with several.
pub(super) async fn import(
    images: &Images,
    reference: &str,
    file: &Path,
    arch: Arch,
    cancel: &CancellationToken,
) -> Result<Imported, ImageError> {
    let failed = |reason: String| ImageError::File { path: file.to_owned(), reason };
    let (path, stop) = (file.to_owned(), cancel.clone());
    let read = move || {
        let opened = open::open(&path, arch, &stop)?;
        let merged = layers::merge(&opened, &stop)?;
        Ok((opened, merged))
    };
    let read: Result<_, Failure> =
        tokio::task::spawn_blocking(read).await.map_err(|error| failed(error.to_string()))?;
    let (opened, merged) = read.map_err(|failure| match failure {
        Failure::Cancelled => ImageError::Cancelled,
        Failure::Unfit(reason) => failed(reason),
    })?;
    let left_out = merged.left_out.clone();
    let spec = ImportSpec {
        tag: with_tag(reference),
        arch,
        labels: BTreeMap::from([
            (labels::KIND.to_owned(), KIND.to_owned()),
            (labels::ORIGIN.to_owned(), "file".to_owned()),
            (labels::DIGEST.to_owned(), identity(arch, &opened.env, &merged.diff_ids)),
            (labels::REQUIRES.to_owned(), with_tag(reference)),
        ]),
        env: opened.env.clone(),
    };
    let stop = cancel.clone();
    let layer = stream::from_tar(move |tar| layers::write(&opened, &merged, tar, &stop));
    let imported = tokio::select! {
        imported = images.engine.import(&spec, layer) => imported,
        () = cancel.cancelled() => return Err(ImageError::Cancelled),
    };
    match imported {
        Ok(image) => Ok(Imported { image, arch, left_out }),
        Err(EngineError::Source(error)) => Err(failed(error.to_string())),
        // What one engine finds in a file, an owner that it cannot map, say, is the file's.
        Err(EngineError::Refused { message, .. } | EngineError::Failed { message, .. }) => {
            Err(failed(format!("the engine refuses it: {}", printable(&message))))
        }
        Err(error) => Err(error.into()),
    }
}

/// The content of the image: the same whatever engine it is in, and whenever it came there.
fn identity(arch: Arch, env: &[String], diff_ids: &[String]) -> String {
    let text = serde_json::json!([GENERATION, arch.to_string(), env, diff_ids]).to_string();
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

/// A reference as engines file it: always with a tag.
pub(super) fn with_tag(reference: &str) -> String {
    match reference.rsplit('/').next().unwrap_or(reference).contains(':') {
        true => reference.to_owned(),
        false => format!("{reference}:latest"),
    }
}
