//! Images of a cluster. Farm's own are in one repository of a registry that farm and the nodes reach: a tag there for each of
//! farm's names, labels as annotations of the manifest, the manifest's digest as id. Those of others stay where they are: a
//! node pulls them by the digest that their registry gave to farm.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream as streams};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::cluster::{Cluster, Found};
use crate::engine::registry::{self, Blob, MANIFEST, Repository};
use crate::engine::{EngineError, ImageInfo, labels};
use crate::stream::ByteStream;
use crate::types::Arch;

/// Annotations of a manifest beside labels: the name that farm has for it, when it was made, and what it sets.
const TAG: &str = "io.farm.registry.tag";
const CREATED: &str = "io.farm.registry.created";
const ENV: &str = "io.farm.registry.env";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Of a registry, when images are listed.
const REQUESTS_AT_ONCE: usize = 8;
/// Of a tag in a registry, before its digits.
const LONGEST_TAG: usize = 80;

/// An image to be.
pub(super) struct New<'a> {
    pub(super) tag: &'a str,
    pub(super) arch: Arch,
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) env: Vec<String>,
}

/// By a name of farm's, an id, or what was pulled.
pub(super) async fn find(cluster: &Cluster, reference: &str) -> Result<Option<Found>, EngineError> {
    let name = with_tag(reference);
    let pulled = cluster.pulled.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get(&name).cloned();
    let (None, Some(repository)) = (&pulled, &cluster.repository) else { return Ok(pulled) };
    let version = if name.starts_with("sha256:") { name } else { registry_tag(&name) };
    ours(repository, &version).await
}

/// All of farm's own with a label, `key` or `key=value`.
pub(super) async fn list(cluster: &Cluster, label: &str) -> Result<Vec<ImageInfo>, EngineError> {
    let Some(repository) = &cluster.repository else { return Ok(Vec::new()) };
    let (key, value) = label.split_once('=').map_or((label, None), |(key, value)| (key, Some(value)));
    let tags = repository.tags().await.map_err(|why| failed("list images", why))?;
    let found: Vec<Option<Found>> = streams::iter(tags)
        .map(|tag| async move { ours(repository, &tag).await })
        .buffered(REQUESTS_AT_ONCE)
        .try_collect()
        .await?;
    let has_label =
        |image: &ImageInfo| image.labels.get(key).is_some_and(|found| value.is_none_or(|value| value == found));
    Ok(found.into_iter().flatten().map(|found| found.info).filter(has_label).collect())
}

async fn ours(repository: &Repository, version: &str) -> Result<Option<Found>, EngineError> {
    let manifest = repository.manifest(version).await.map_err(|why| failed("look up an image", why))?;
    Ok(manifest.and_then(|(digest, manifest)| read(&repository.name(), &digest, &manifest)))
}

/// What stays where it is, with the digest that it has now.
pub(super) async fn pull(
    cluster: &Cluster,
    reference: &str,
    arch: Arch,
    cancel: &CancellationToken,
) -> Result<ImageInfo, EngineError> {
    let remote = registry::resolve(reference, arch, cancel).await?;
    let config: PulledConfig = serde_json::from_slice(&remote.config).unwrap_or_default();
    let place = format!("{}@{}", remote.name, remote.digest);
    let info = ImageInfo {
        id: remote.digest.clone(),
        tags: vec![with_tag(reference)],
        repo_digests: vec![place.clone()],
        labels: config.config.labels.unwrap_or_default(),
        size_bytes: remote.layers.iter().map(|layer| layer.size).sum(),
        created: 0,
    };
    let found = Found { info: info.clone(), place, env: config.config.env.unwrap_or_default() };
    let mut pulled = cluster.pulled.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    pulled.insert(info.id.clone(), found.clone());
    pulled.insert(with_tag(reference), found);
    Ok(info)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PulledConfig {
    config: Settings,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Settings {
    env: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
}

/// An image of one layer, sent as it comes.
pub(super) async fn add(
    cluster: &Cluster,
    action: &'static str,
    new: New<'_>,
    layer: ByteStream,
) -> Result<ImageInfo, EngineError> {
    let repository = cluster.repository.as_ref().ok_or_else(|| no_registry(action))?;
    let layer = repository.push(action, layer).await?;
    let config = config(&new, &layer.digest).to_string().into_bytes();
    let config = repository.push(action, whole(config)).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let manifest = manifest(&new, &config, &layer, now).to_string().into_bytes();
    let tag = registry_tag(&with_tag(new.tag));
    let digest = repository.put_manifest(&tag, manifest.clone()).await.map_err(|why| failed(action, why))?;
    let found = read(&repository.name(), &digest, &manifest);
    found.map(|found| found.info).ok_or_else(|| failed(action, "what was written is no image of farm".to_owned()))
}

/// By a name or an id. One that is not there is no error.
pub(super) async fn remove(cluster: &Cluster, reference: &str) -> Result<(), EngineError> {
    let action = "remove an image";
    let Some(found) = find(cluster, reference).await? else { return Ok(()) };
    let was_pulled = {
        let mut pulled = cluster.pulled.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let before = pulled.len();
        pulled.retain(|_, one| one.info.id != found.info.id);
        pulled.len() < before
    };
    match &cluster.repository {
        Some(repository) if !was_pulled => {
            let refused = |message: String| EngineError::Refused { action: action.to_owned(), message };
            repository.delete(&found.info.id).await.map_err(refused)
        }
        _ => Ok(()),
    }
}

/// A stream of what is there already.
fn whole(bytes: Vec<u8>) -> ByteStream {
    Box::pin(streams::once(async move { Ok::<Bytes, std::io::Error>(bytes.into()) }))
}

pub(super) fn no_registry(action: &str) -> EngineError {
    EngineError::Refused {
        action: action.to_owned(),
        message:
            "a cluster keeps no images: add `registry=HOST:PORT/PREFIX` to the engine's URL, a repository that farm \
                  writes to and the nodes pull from"
                .to_owned(),
    }
}

fn failed(action: &str, message: String) -> EngineError {
    EngineError::Failed { action: action.to_owned(), message }
}

/// With the tag that goes without saying. Ids and digests stay.
fn with_tag(reference: &str) -> String {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    if name.contains([':', '@']) { reference.to_owned() } else { format!("{reference}:latest") }
}

/// A name of farm's as a tag: readable, and no other name's.
fn registry_tag(name: &str) -> String {
    let word = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
    let plain: String = name.chars().map(word).take(LONGEST_TAG).collect();
    format!("t{}_{}", &hex::encode(Sha256::digest(name))[..16], plain)
}

fn config(new: &New<'_>, diff_id: &str) -> Value {
    let (architecture, variant) = new.arch.oci();
    let mut config = json!({
        "architecture": architecture,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": { "Env": env(new), "Cmd": ["/bin/sh"] },
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
        "history": [{ "created": "1970-01-01T00:00:00Z", "created_by": "farm" }],
    });
    if let Some(variant) = variant.filter(|_| new.arch != Arch::Arm64) {
        config["variant"] = variant.into();
    }
    config
}

fn env(new: &New<'_>) -> Vec<String> {
    let mut env = new.env.clone();
    if !env.iter().any(|pair| pair.starts_with("PATH=")) {
        env.push(PATH.to_owned());
    }
    env
}

fn manifest(new: &New<'_>, config: &Blob, layer: &Blob, now: u64) -> Value {
    let mut annotations: BTreeMap<&str, String> =
        new.labels.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    annotations.insert(labels::OWNED, String::new());
    annotations.insert(TAG, with_tag(new.tag));
    annotations.insert(CREATED, now.to_string());
    annotations.insert(ENV, json!(env(new)).to_string());
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": CONFIG, "digest": config.digest, "size": config.size },
        "layers": [{ "mediaType": LAYER, "digest": layer.digest, "size": layer.size }],
        "annotations": annotations,
    })
}

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Layer {
    size: u64,
}

/// `None` for what farm did not write.
fn read(repository: &str, digest: &str, manifest: &[u8]) -> Option<Found> {
    let Manifest { layers, annotations: mut labels } = serde_json::from_slice(manifest).ok()?;
    labels.get(labels::OWNED)?;
    let (tag, created, env) = (labels.remove(TAG)?, labels.remove(CREATED)?, labels.remove(ENV)?);
    let info = ImageInfo {
        id: digest.to_owned(),
        tags: vec![tag],
        repo_digests: Vec::new(),
        labels,
        size_bytes: layers.iter().map(|layer| layer.size).sum(),
        created: created.parse().ok()?,
    };
    Some(Found { info, place: format!("{repository}@{digest}"), env: serde_json::from_str(&env).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_read_as_it_was_written() {
        let labels = BTreeMap::from([(labels::KIND.to_owned(), "base".to_owned())]);
        let new =
            New { tag: "farm/base:debian-12-amd64", arch: Arch::Amd64, labels: &labels, env: vec!["A=1".to_owned()] };
        let blob = |size: u64| Blob { digest: format!("sha256:{size:064x}"), size };
        let bytes = manifest(&new, &blob(1), &blob(300), 1_700_000_000).to_string();
        let digest = blob(9).digest;
        let found = read("r.example/farm", &digest, bytes.as_bytes()).unwrap();
        assert_eq!(found.place, format!("r.example/farm@{digest}"));
        assert_eq!(found.env, ["A=1", PATH]);
        assert_eq!(found.info.tags, ["farm/base:debian-12-amd64"]);
        assert_eq!((found.info.size_bytes, found.info.created), (300, 1_700_000_000));
        let names: Vec<&str> = found.info.labels.keys().map(String::as_str).collect();
        assert_eq!(names, [labels::KIND, labels::OWNED]);
        assert!(read("r", &digest, b"{\"schemaVersion\":2,\"layers\":[],\"annotations\":{}}").is_none());
    }

    #[test]
    fn names_are_tags_of_their_own() {
        let tags =
            ["farm/builder:0123456789ab", "farm_builder:0123456789ab", "farm/builder_0123456789ab"].map(registry_tag);
        assert_eq!(tags.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
        assert!(registry_tag(&"a/".repeat(300)).len() <= 128);
        assert!(tags[0].ends_with("_farm_builder_0123456789ab"), "{}", tags[0]);
        assert_eq!((with_tag("debian").as_str(), with_tag("h:1/a").as_str()), ("debian:latest", "h:1/a:latest"));
    }
}
