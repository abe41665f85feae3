//! Pulling: a registry's image into the store, its layers side by side, each checked against both of its digests while it
//! is unpacked. A layer that is there already is not fetched. An image is added once all of it is there.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream as streams};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::engine::Native;
use super::shared::blocking;
use super::store::Staging;
use crate::engine::registry::{self, Compression, Remote, RemoteLayer};
use crate::engine::{EngineError, ImageInfo};
use crate::stream::{self, ByteStream};
use crate::types::{Arch, Progress};

/// As many as a registry likes to serve to one client.
const LAYERS_AT_ONCE: usize = 3;
const BUFFER: usize = 128 << 10;

pub(super) async fn pull(
    engine: &Native,
    reference: &str,
    arch: Arch,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<ImageInfo, EngineError> {
    let action = "pull an image";
    let remote = registry::resolve(reference, arch, cancel).await?;
    let total = remote.layers.iter().map(|layer| layer.size).sum();
    let done = AtomicU64::new(0);
    let tell = |bytes: u64| {
        let so_far = done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        progress.progress(reference, so_far, total);
    };
    let layers: Vec<BoxFuture<'_, _>> =
        remote.layers.iter().map(|layer| fetch(engine, reference, &remote, layer, &tell, cancel).boxed()).collect();
    let fetched =
        streams::iter(layers).buffer_unordered(LAYERS_AT_ONCE).try_collect::<Vec<Option<(Staging, String)>>>().await?;
    if cancel.is_cancelled() {
        return Err(EngineError::Cancelled);
    }
    let shared = engine.shared.clone();
    let tag = match reference.contains('@') || reference.rsplit('/').next().is_some_and(|name| name.contains(':')) {
        true => reference.to_owned(),
        false => format!("{reference}:latest"),
    };
    let added = blocking(move || {
        let staged: Vec<(Staging, String)> = fetched.into_iter().flatten().collect();
        let layers: Vec<(PathBuf, String)> =
            staged.iter().map(|(staging, diff_id)| (staging.folder.join("layer"), diff_id.clone())).collect();
        let digest = format!("{}@{}", remote.name, remote.digest);
        let image = shared.store.add_image(&tag, Some(&digest), &remote.manifest, &remote.config, layers);
        for (staging, _) in staged {
            shared.helpers.remove(staging.into_rubbish())?;
        }
        image
    });
    added.await.map_err(|error| engine.failed(action, &error))
}

/// One layer, unpacked; none if it is there.
async fn fetch(
    engine: &Native,
    reference: &str,
    remote: &Remote,
    layer: &RemoteLayer,
    tell: &(dyn Fn(u64) + Sync),
    cancel: &CancellationToken,
) -> Result<Option<(Staging, String)>, EngineError> {
    let action = "pull an image";
    let shared = engine.shared.clone();
    let diff_id = layer.diff_id.clone();
    let staging =
        blocking(move || if shared.store.has_layer(&diff_id) { Ok(None) } else { shared.store.stage().map(Some) });
    let Some(staging) = staging.await.map_err(|error| engine.failed(action, &error))? else {
        tell(layer.size);
        return Ok(None);
    };
    let blob = remote.blob(layer).await?;
    // Counted where it is polled, which is not where it is told: the caller's progress lives on this task.
    let (counted, mut counts) = tokio::sync::mpsc::unbounded_channel();
    let blob: ByteStream = Box::pin(blob.inspect(move |chunk| {
        if let Ok(chunk) = chunk {
            let _ = counted.send(chunk.len() as u64);
        }
    }));
    let mut unpacking = Box::pin(engine.unpack_layer(&staging, unpacked(blob, layer), action));
    let result = loop {
        tokio::select! {
            biased;
            Some(bytes) = counts.recv() => tell(bytes),
            result = &mut unpacking => break result,
        }
    };
    drop(unpacking);
    match result {
        Ok(()) => {
            let (shared, made) = (engine.shared.clone(), staging.folder.join("layer"));
            blocking(move || shared.seal(&made)).await.map_err(|error| engine.failed(action, &error))?;
            Ok(Some((staging, layer.diff_id.clone())))
        }
        Err(_) if cancel.is_cancelled() => Err(EngineError::Cancelled),
        Err(EngineError::Source(error)) => {
            Err(EngineError::Pull { reference: reference.to_owned(), reason: error.to_string() })
        }
        Err(EngineError::Failed { message, .. }) => {
            Err(EngineError::Pull { reference: reference.to_owned(), reason: message })
        }
        Err(error) => Err(error),
    }
}

/// The tar of a layer's blob; an error at its end if it is not the one that the image's configuration names.
fn unpacked(blob: ByteStream, layer: &RemoteLayer) -> ByteStream {
    let (compression, diff_id) = (layer.compression, layer.diff_id.clone());
    let reader = stream::into_reader(blob);
    stream::from_writer(move |writer| {
        let mut reader: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(reader),
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(reader)),
            Compression::Zstd => Box::new(zstd::Decoder::new(reader)?),
        };
        let mut hash = Sha256::new();
        let mut buffer = vec![0; BUFFER];
        loop {
            let n = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hash.update(&buffer[..n]);
            writer.write_all(&buffer[..n])?;
        }
        let found = format!("sha256:{}", hex::encode(hash.finalize()));
        match found == diff_id {
            true => Ok(()),
            false => Err(io::Error::other(format!("a layer is {found}, and the image says {diff_id}"))),
        }
    })
}
