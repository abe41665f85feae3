//! Images: looked up, listed, pulled, loaded.

use std::collections::HashMap;

use bollard::errors::Error;
use bollard::models::{CreateImageInfo, ImageInspect};
use bollard::query_parameters::{CreateImageOptionsBuilder, ImportImageOptionsBuilder, ListImagesOptionsBuilder};
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::archive::SpooledLayer;
use super::connection::Docker;
use super::labels::{self, OURS};
use super::{credentials, errors};
use crate::engine::{EngineError, ImageInfo, ImportSpec};
use crate::stream::{self, ByteStream};
use crate::types::{Arch, Progress};

/// As engines and registries spell it: `linux/arm64`, `linux/arm/v7`.
pub(super) fn platform(arch: Arch) -> String {
    match arch.oci() {
        (name, Some(variant)) if arch != Arch::Arm64 => format!("linux/{name}/{variant}"),
        (name, _) => format!("linux/{name}"),
    }
}

pub(super) async fn inspect(engine: &Docker, reference: &str) -> Result<Option<ImageInfo>, EngineError> {
    Ok(inspect_raw(&engine.client, &engine.endpoint, reference).await?.map(|image| info(&image)))
}

pub(super) async fn inspect_raw(
    client: &bollard::Docker,
    endpoint: &str,
    reference: &str,
) -> Result<Option<ImageInspect>, EngineError> {
    match client.inspect_image(reference).await {
        Ok(image) => Ok(Some(image)),
        Err(error) if errors::is_not_found(&error) => Ok(None),
        Err(error) => Err(errors::map(endpoint, "look up an image", error)),
    }
}

pub(super) async fn list(engine: &Docker, label: &str) -> Result<Vec<ImageInfo>, EngineError> {
    let (key, filter) = match label.split_once('=') {
        Some((key, value)) if key.starts_with(OURS) => (key, format!("{key}={}", labels::encoded(value))),
        Some((key, _)) => (key, label.to_owned()),
        None => (label, label.to_owned()),
    };
    let filters = HashMap::from([("label", vec![filter])]);
    let options = ListImagesOptionsBuilder::new().filters(&filters).build();
    let found = engine.client.list_images(Some(options)).await;
    let found = found.map_err(|error| engine.error("list images", error))?;
    let images = found.into_iter().map(|image| ImageInfo {
        id: content_id(&image.id),
        tags: tags(&image.repo_tags),
        repo_digests: image.repo_digests,
        labels: labels::present(image.labels),
        size_bytes: u64::try_from(image.size).unwrap_or(0),
        created: image.created,
    });
    Ok(images.filter(|image| image.labels.contains_key(key)).collect())
}

pub(super) fn info(image: &ImageInspect) -> ImageInfo {
    let config = image.config.clone().unwrap_or_default();
    ImageInfo {
        id: content_id(image.id.as_deref().unwrap_or_default()),
        tags: tags(image.repo_tags.as_deref().unwrap_or_default()),
        repo_digests: image.repo_digests.clone().unwrap_or_default(),
        labels: labels::present(config.labels.unwrap_or_default()),
        size_bytes: image.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
        created: image.created.as_deref().map_or(0, seconds),
    }
}

/// Of an RFC 3339 time, since the epoch.
fn seconds(time: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(time).map_or(0, |time| time.timestamp())
}

fn content_id(id: &str) -> String {
    if id.starts_with("sha256:") { id.to_owned() } else { format!("sha256:{id}") }
}

/// Short, as people write them and Docker lists them; Podman lists them in full.
fn tags(tags: &[String]) -> Vec<String> {
    let short = tags.iter().map(|tag| {
        let tag = tag.strip_prefix("docker.io/").unwrap_or(tag);
        tag.strip_prefix("library/").unwrap_or(tag).to_owned()
    });
    short.filter(|tag| tag != "<none>:<none>").collect()
}

pub(super) async fn pull(
    engine: &Docker,
    reference: &str,
    arch: Arch,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<ImageInfo, EngineError> {
    let failed = |reason: String| EngineError::Pull { reference: reference.to_owned(), reason };
    // A name alone would pull all of its tags.
    let name = reference.rsplit('/').next().unwrap_or(reference);
    let full = if name.contains([':', '@']) { reference.to_owned() } else { format!("{reference}:latest") };
    let lock = engine.pulls.of(&full);
    let _held = lock.lock().await;
    let (credentials, credential_problem) = match credentials::for_reference(&full).await {
        Ok(credentials) => (credentials, None),
        Err(problem) => (None, Some(problem)),
    };
    let options = CreateImageOptionsBuilder::new().from_image(&full).platform(&platform(arch)).build();
    let mut layers = Layers::default();
    let mut pulling = Box::pin(engine.client.create_image(Some(options), None, credentials));
    loop {
        let next = tokio::select! {
            biased;
            // Dropping the request stops the engine's download.
            () = cancel.cancelled() => return Err(EngineError::Cancelled),
            next = pulling.next() => next,
        };
        match next {
            None => break,
            Some(Ok(step)) => {
                if let Some((done, total)) = layers.update(&step) {
                    progress.progress(reference, done, total);
                }
            }
            Some(Err(error)) => {
                let reason = match error {
                    Error::DockerStreamError { error } => error,
                    Error::DockerResponseServerError { message, .. } => message,
                    other => return Err(engine.error("pull an image", other)),
                };
                if errors::is_disk_full(&reason) {
                    return Err(EngineError::DiskFull { action: "pull an image".to_owned() });
                }
                return Err(failed(match credential_problem {
                    Some(problem) => format!("{}; {problem}", reason.trim()),
                    None => reason.trim().to_owned(),
                }));
            }
        }
    }
    let Some(image) = inspect_raw(&engine.client, &engine.endpoint, &full).await? else {
        return Err(failed("the engine ended the pull without an image".to_owned()));
    };
    match other_arch(&image, arch) {
        Some(got) => Err(failed(format!("the registry has it for {got}, not for {arch}"))),
        None => Ok(info(&image)),
    }
}

/// What an image is for when that is another architecture. One that says nothing, or what nobody knows, is for any.
pub(super) fn other_arch(image: &ImageInspect, arch: Arch) -> Option<String> {
    let got = image.architecture.as_deref().filter(|got| got.parse::<Arch>().is_ok())?;
    let variant = image.variant.as_deref().filter(|variant| !variant.is_empty());
    let name = || variant.map_or_else(|| got.to_owned(), |variant| format!("{got}/{variant}"));
    (!arch.has_images_for(got, variant)).then(name)
}

/// The bytes of all layers of a pull.
#[derive(Default)]
struct Layers(HashMap<String, (u64, u64)>);

impl Layers {
    fn update(&mut self, step: &CreateImageInfo) -> Option<(u64, u64)> {
        // Extracting counts the same bytes once more.
        if step.status.as_deref() != Some("Downloading") {
            return None;
        }
        let detail = step.progress_detail.as_ref()?;
        let bytes = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        self.0.insert(step.id.clone()?, (bytes(detail.current), bytes(detail.total)));
        Some(self.0.values().fold((0, 0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1)))
    }
}

pub(super) async fn import(engine: &Docker, spec: &ImportSpec, layer: ByteStream) -> Result<ImageInfo, EngineError> {
    let reader = stream::into_reader(layer);
    let folder = std::env::temp_dir();
    let spooled = tokio::task::spawn_blocking(move || SpooledLayer::spool(reader, &folder)).await;
    let spooled = spooled.map_err(std::io::Error::other).and_then(|spooled| spooled).map_err(EngineError::Source)?;
    let id = spooled.image_id(spec);
    let for_writer = spec.clone();
    let source = errors::SourceError::default();
    let archive = source.watch(stream::from_tar(move |tar| spooled.write_archive(&for_writer, tar)));
    let options = ImportImageOptionsBuilder::new().quiet(true).build();
    let mut loading = Box::pin(engine.client.import_image(options, bollard::body_try_stream(archive), None));
    while let Some(step) = loading.next().await {
        step.map_err(|error| source.or(engine.error("load an image", error)))?;
    }
    let loaded = match inspect(engine, &spec.tag).await? {
        Some(image) => Some(image),
        None => inspect(engine, &id).await?,
    };
    loaded.ok_or_else(|| EngineError::Refused {
        action: "load an image".to_owned(),
        message: format!("{} is not there after it was loaded", spec.tag),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_short_and_platforms_are_as_registries_have_them() {
        let full = ["docker.io/library/debian:12", "docker.io/farm/base:1", "quay.io/a/b:2", "<none>:<none>"];
        assert_eq!(tags(&full.map(str::to_owned)), ["debian:12", "farm/base:1", "quay.io/a/b:2"]);
        assert_eq!(platform(Arch::Arm64), "linux/arm64");
        assert_eq!(platform(Arch::Armhf), "linux/arm/v7");
    }

    #[test]
    fn the_progress_of_a_pull_is_the_sum_of_its_layers() {
        let step = |id: &str, status: &str, current: i64| -> CreateImageInfo {
            let detail = serde_json::json!({ "current": current, "total": 100 });
            serde_json::from_value(serde_json::json!({ "id": id, "status": status, "progressDetail": detail })).unwrap()
        };
        let mut layers = Layers::default();
        assert_eq!(layers.update(&step("a", "Downloading", 10)), Some((10, 100)));
        assert_eq!(layers.update(&step("b", "Downloading", 5)), Some((15, 200)));
        assert_eq!(layers.update(&step("a", "Downloading", 90)), Some((95, 200)));
        assert_eq!(layers.update(&step("a", "Extracting", 100)), None);
    }
}
