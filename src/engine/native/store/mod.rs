//! What this engine keeps, in one folder of this host: images in the OCI image layout, their layers unpacked once and
//! shared, and the folders of containers. Whatever is made is made in `staging` and renamed into place, so that
//! a kill at any moment leaves no half of it. Files belong to ids that this process may not touch: making and removing
//! trees is the helper's.

mod index;
mod owners;
mod upkeep;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::ids::Range;
use crate::engine::{ImageInfo, labels};
use crate::types::{Arch, own_folder};

pub(super) use upkeep::Swept;

/// The tree of a layer, in a folder that is always ours: its own owner may be anybody.
pub(super) const TREE: &str = "t";
/// The file beside a layer's tree that says which tar stream the tree makes: what it is, byte for byte.
const SEAL: &str = "seal";
/// The file in a container's folder that holds the process id of its shim.
pub(super) const KEEPER: &str = "shim";
/// Names of layers: as many digits of their digest as keep a mount's options short and collisions out of reach.
const NAME_DIGITS: usize = 32;
/// What the tags of images begin with that a build needs for itself: the name of its folder in `staging` follows, and a
/// number. They go with that folder.
const OF_BUILD: &str = "farm/stage:";
/// What the names of layers begin with that are being removed.
const GONE: &str = ".gone-";
const REFERENCE: &str = "org.opencontainers.image.ref.name";
const REPO_DIGEST: &str = "io.farm.repo-digest";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

#[derive(Debug, Clone)]
pub(super) struct Store {
    root: PathBuf,
    /// The ids that files of layers belong to, where those are not this process's own.
    range: Option<Range>,
}

/// `index.json`: a descriptor for each tag (OCI image layout specification).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    #[serde(default)]
    media_type: String,
    manifests: Vec<Descriptor>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// An image as far as making containers of it needs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Image {
    pub(super) info: ImageInfo,
    /// Names of its layers' folders, the lowest first.
    pub(super) layers: Vec<String>,
    /// `NAME=value`
    pub(super) env: Vec<String>,
    config: Value,
    manifest: String,
}

impl Image {
    /// Something of what its configuration gives to processes (OCI image configuration, `config`).
    pub(super) fn setting(&self, name: &str) -> &Value {
        &self.config["config"][name]
    }

    /// Whether it is for an architecture. One that says nothing is for any.
    pub(super) fn is_for(&self, arch: Arch) -> bool {
        let variant = self.config["variant"].as_str();
        self.config["architecture"].as_str().is_none_or(|said| arch.has_images_for(said, variant))
    }
}

/// One layer of an image to be added.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// Of its uncompressed tar stream.
    pub(super) diff_id: String,
    pub(super) bytes: u64,
}

/// Where a layer grows until it is whole. Dropping it leaves it to the next sweep; the lock tells that nobody is at it.
#[derive(Debug)]
pub(super) struct Staging {
    pub(super) folder: PathBuf,
    lock: File,
}

impl Staging {
    pub(super) fn tree(&self) -> PathBuf {
        self.folder.join("layer").join(TREE)
    }

    /// For a helper that works in the folder: it may outlive this process, and is not to be swept away under.
    pub(super) fn lock(&self) -> io::Result<OwnedFd> {
        Ok(self.lock.try_clone()?.into())
    }

    /// A tag for an image that is needed as long as this is held.
    pub(super) fn tag(&self, number: usize) -> String {
        format!("{OF_BUILD}{}.{number}", self.folder.file_name().unwrap_or_default().display())
    }

    /// For the helper to remove.
    pub(super) fn into_rubbish(self) -> Rubbish {
        Rubbish { folder: self.folder, lock: self.lock }
    }
}

/// A folder that nothing needs. Whoever removes it holds its lock: two at once would stumble over each other.
#[derive(Debug)]
pub(super) struct Rubbish {
    pub(super) folder: PathBuf,
    pub(super) lock: File,
}

/// That nobody else changes or counts on anything: whatever writes into a store asks to be shown it.
#[derive(Debug)]
pub(super) struct Exclusive {
    _lock: File,
}

/// Written beside a container's files: what outlives the process that made it needs to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ContainerRecord {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) layers: Vec<String>,
    pub(super) cgroups: Vec<PathBuf>,
}

/// A container's folder, and what the store knows of it.
#[derive(Debug)]
pub(super) struct ContainerFolder {
    pub(super) folder: PathBuf,
    pub(super) record: ContainerRecord,
}

impl Store {
    /// `range`: the ids that files of its layers are to belong to.
    pub(super) fn open(root: &Path, range: Option<Range>) -> io::Result<Store> {
        use std::os::unix::fs::DirBuilderExt;
        // Layers hold set-user-id programs: nobody else may come near.
        let private = |path: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        private(root)?;
        own_folder(root, "FARM_DATA").map_err(io::Error::other)?;
        for folder in
            ["images", "images/blobs", "images/blobs/sha256", "images/tags", "layers", "containers", "staging"]
        {
            private(&root.join(folder))?;
            own_folder(&root.join(folder), "FARM_DATA").map_err(io::Error::other)?;
        }
        let store = Store { root: root.to_owned(), range };
        let layout = store.root.join("images/oci-layout");
        if !layout.exists() {
            store.write(&store.exclusive()?, &layout, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        }
        store.settle_owners()?;
        Ok(store)
    }

    pub(super) fn layers(&self) -> PathBuf {
        self.root.join("layers")
    }

    pub(super) fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }

    /// While it is held, nothing that is there is taken away.
    pub(super) fn shared(&self) -> io::Result<File> {
        let lock = self.lock_file()?;
        lock.lock_shared()?;
        Ok(lock)
    }

    /// While it is held, nobody else changes or counts on anything.
    fn exclusive(&self) -> io::Result<Exclusive> {
        let lock = self.lock_file()?;
        lock.lock()?;
        Ok(Exclusive { _lock: lock })
    }

    fn lock_file(&self) -> io::Result<File> {
        File::options().create(true).truncate(false).write(true).open(self.root.join("lock"))
    }

    /// All at once or not at all. Without the lock a sweep of another process would take the half of it away.
    fn write(&self, _held: &Exclusive, path: &Path, content: &[u8]) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.root);
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
        file.write_all(content)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    // ---- images

    fn blob_path(&self, digest: &str) -> io::Result<PathBuf> {
        let name = digest.strip_prefix("sha256:").filter(|name| is_digest(name));
        let name = name.ok_or_else(|| io::Error::other(format!("`{digest}` is no digest")))?;
        Ok(self.root.join("images/blobs/sha256").join(name))
    }

    fn blob(&self, digest: &str) -> io::Result<Vec<u8>> {
        let path = self.blob_path(digest)?;
        fs::read(&path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    }

    fn add_blob(&self, held: &Exclusive, content: &[u8]) -> io::Result<String> {
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(content)));
        let path = self.blob_path(&digest)?;
        if !path.exists() {
            self.write(held, &path, content)?;
        }
        Ok(digest)
    }

    pub(super) fn images(&self) -> io::Result<Vec<Image>> {
        let mut found: Vec<Image> = Vec::new();
        for entry in self.index()?.manifests {
            let note = |name: &str| entry.annotations.get(name).cloned();
            // A damaged image is none; `verify` says what is wrong with it.
            let Ok(image) = self.read_image(&entry.digest) else { continue };
            let at = match found.iter().position(|known| known.info.id == image.info.id) {
                Some(at) => at,
                None => {
                    found.push(image);
                    found.len() - 1
                }
            };
            let info = &mut found[at].info;
            info.tags.extend(note(REFERENCE));
            info.repo_digests.extend(note(REPO_DIGEST).filter(|digest| !info.repo_digests.contains(digest)));
        }
        Ok(found)
    }

    fn read_image(&self, manifest_digest: &str) -> io::Result<Image> {
        let manifest: Manifest = serde_json::from_slice(&self.blob(manifest_digest)?)?;
        let config: Value = serde_json::from_slice(&self.blob(&manifest.config.digest)?)?;
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let labels = config["config"]["Labels"].as_object().into_iter().flatten();
        let created = config["created"].as_str().and_then(|time| chrono::DateTime::parse_from_rfc3339(time).ok());
        let layers = texts(&config["rootfs"]["diff_ids"]);
        Ok(Image {
            info: ImageInfo {
                id: manifest.config.digest,
                tags: Vec::new(),
                repo_digests: Vec::new(),
                labels: labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect(),
                size_bytes: manifest.layers.iter().map(|layer| layer.size).sum(),
                created: created.map_or(0, |time| time.timestamp()),
            },
            layers: layers.iter().map(|diff_id| layer_name(diff_id)).collect(),
            env: texts(&config["config"]["Env"]),
            config,
            manifest: manifest_digest.to_owned(),
        })
    }

    /// By tag, by id, or by a registry's digest.
    pub(super) fn find(&self, reference: &str) -> io::Result<Option<Image>> {
        let wanted = short(reference);
        Ok(self.images()?.into_iter().find(|image| {
            image.info.id == reference
                || image.info.tags.iter().any(|tag| short(tag) == wanted)
                || image.info.repo_digests.iter().any(|digest| short(digest) == wanted)
        }))
    }

    /// The configuration of an image of our own, made from another or from nothing.
    pub(super) fn config(
        parent: Option<&Image>,
        arch: Arch,
        image_labels: &BTreeMap<String, String>,
        env: Vec<String>,
        diff_id: &str,
    ) -> Value {
        let mut diff_ids: Vec<Value> =
            parent.and_then(|image| image.config["rootfs"]["diff_ids"].as_array().cloned()).unwrap_or_default();
        diff_ids.push(json!(diff_id));
        let mut labels = image_labels.clone();
        labels.insert(labels::OWNED.to_owned(), String::new());
        let (architecture, variant) = arch.oci();
        let mut config = json!({
            "created": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            "architecture": architecture,
            "os": "linux",
            "config": { "Env": env, "Labels": labels },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        if let Some(variant) = variant {
            config["variant"] = json!(variant);
        }
        config
    }

    /// The manifest for [`Store::config`]. Layers are named by their uncompressed streams; as the specification allows,
    /// the layout holds none of those.
    pub(super) fn manifest(&self, parent: Option<&Image>, config: &[u8], layer: &Layer) -> io::Result<Vec<u8>> {
        let mut layers: Vec<Value> = match parent {
            Some(image) => {
                let manifest: Value = serde_json::from_slice(&self.blob(&image.manifest)?)?;
                manifest["layers"].as_array().cloned().unwrap_or_default()
            }
            None => Vec::new(),
        };
        layers.push(json!({ "mediaType": LAYER, "digest": layer.diff_id, "size": layer.bytes }));
        Ok(serde_json::to_vec(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": CONFIG,
                "digest": format!("sha256:{}", hex::encode(Sha256::digest(config))),
                "size": config.len(),
            },
            "layers": layers,
        }))?)
    }

    /// Puts layers into place and an image on top of them under a tag, which another image may lose by it.
    pub(super) fn add_image(
        &self,
        tag: &str,
        repo_digest: Option<&str>,
        manifest: &[u8],
        config: &[u8],
        layers: Vec<(PathBuf, String)>,
    ) -> io::Result<ImageInfo> {
        let held = self.exclusive()?;
        for (made, diff_id) in layers {
            let place = self.layers().join(layer_name(&diff_id));
            if !self.has_layer(&diff_id) {
                // Half a layer is none.
                if place.exists() {
                    fs::rename(&place, self.root.join("staging").join(unique()))?;
                }
                fs::rename(made, place)?;
            }
        }
        // One that was there when it was looked for may have gone with its last image.
        let described: Value = serde_json::from_slice(config)?;
        let diff_ids = described["rootfs"]["diff_ids"].as_array().into_iter().flatten().filter_map(Value::as_str);
        if let Some(gone) = diff_ids.into_iter().find(|diff_id| !self.has_layer(diff_id)) {
            return Err(io::Error::other(format!("layer {gone} was removed meanwhile: try again")));
        }
        let config = self.add_blob(&held, config)?;
        let digest = self.add_blob(&held, manifest)?;
        let mut annotations = BTreeMap::from([(REFERENCE.to_owned(), tag.to_owned())]);
        annotations.extend(repo_digest.map(|digest| (REPO_DIGEST.to_owned(), digest.to_owned())));
        let mut index = self.index()?;
        // Who has looked the former image up goes on with it: it stays, without a name, until it is pruned.
        for entry in &mut index.manifests {
            if entry.annotations.get(REFERENCE).map(String::as_str) == Some(tag) {
                entry.annotations.remove(REFERENCE);
            }
        }
        index.manifests.push(Descriptor {
            media_type: MANIFEST.to_owned(),
            digest,
            size: manifest.len() as u64,
            annotations,
        });
        self.write_index(&held, &index)?;
        let image = self.images()?.into_iter().find(|image| image.info.id == config);
        image.map(|image| image.info).ok_or_else(|| io::Error::other("the image is not there after it was added"))
    }

    pub(super) fn has_layer(&self, diff_id: &str) -> bool {
        let layer = self.layers().join(layer_name(diff_id));
        layer.join(SEAL).exists() && layer.join(TREE).is_dir()
    }

    /// Takes a tag away, or, with an id, all tags of an image. What nothing needs then is [`Store::sweep`]'s.
    pub(super) fn remove_image(&self, reference: &str) -> io::Result<()> {
        let held = self.exclusive()?;
        let Some(image) = self.find(reference)? else { return Ok(()) };
        let wanted = short(reference);
        let mut index = self.index()?;
        index.manifests.retain(|entry| {
            let tag = entry.annotations.get(REFERENCE).map(|tag| short(tag));
            entry.digest != image.manifest || (image.info.id != reference && tag.as_ref() != Some(&wanted))
        });
        self.write_index(&held, &index)
    }

    // ---- trees that grow

    pub(super) fn stage(&self) -> io::Result<Staging> {
        let _shared = self.shared()?;
        let folder = self.root.join("staging").join(unique());
        let lock = make_locked(&folder)?;
        make_tree(&folder, self.range)?;
        Ok(Staging { folder, lock })
    }

    /// Out of reach, into a folder that is ours: what is taken may be anybody's.
    ///
    /// On a disk without room for a folder it only gets another name, and its lock is itself.
    fn take_away(&self, _held: &Exclusive, path: &Path) -> io::Result<Rubbish> {
        let folder = self.root.join("staging").join(unique());
        match make_locked(&folder) {
            Ok(lock) => {
                fs::rename(path, folder.join("layer"))?;
                Ok(Rubbish { folder, lock })
            }
            Err(error) if is_full(&error) => {
                let folder = path.with_file_name(format!("{GONE}{}", unique()));
                let lock = File::open(path)?;
                lock.lock()?;
                fs::rename(path, &folder)?;
                Ok(Rubbish { folder, lock })
            }
            Err(error) => Err(error),
        }
    }

    // ---- containers

    /// The containers that there are, whoever runs them.
    pub(super) fn running(&self) -> io::Result<Vec<ContainerFolder>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.containers())? {
            let folder = entry?.path();
            if let Some(record) = read_record(&folder) {
                found.push(ContainerFolder { folder, record });
            }
        }
        Ok(found)
    }
}

/// A folder for a container, locked: it is the caller's until the lock is closed. Under [`Store::shared`], and by the
/// container's shim: whatever happens to farm, who made it removes it.
pub(super) fn make_container(folder: &Path, record: &ContainerRecord, range: Option<Range>) -> io::Result<File> {
    let lock = make_locked(folder)?;
    make_tree(folder, range)?;
    for name in ["work", "root"] {
        fs::create_dir(folder.join(name))?;
    }
    fs::write(folder.join(KEEPER), std::process::id().to_string())?;
    fs::write(folder.join("container.json"), serde_json::to_vec(record)?)?;
    Ok(lock)
}

/// Writes down what a layer's tree is, before the layer gets its place.
pub(super) fn write_seal(layer: &Path, digest: &str) -> io::Result<()> {
    fs::write(layer.join(SEAL), digest)
}

/// The tree of a layer to be. A root folder is everybody's to enter, whatever the mask of whoever makes it.
fn make_tree(folder: &Path, range: Option<Range>) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let tree = folder.join("layer").join(TREE);
    fs::create_dir_all(&tree)?;
    fs::set_permissions(&tree, fs::Permissions::from_mode(0o755))?;
    match range {
        Some(range) => std::os::unix::fs::chown(&tree, Some(range.first), Some(range.first)),
        None => Ok(()),
    }
}

fn read_record(folder: &Path) -> Option<ContainerRecord> {
    serde_json::from_slice(&fs::read(folder.join("container.json")).ok()?).ok()
}

/// A folder, and the lock that is the folder itself: it is there as long as anything of the folder is.
fn make_locked(folder: &Path) -> io::Result<File> {
    fs::create_dir(folder)?;
    let lock = File::open(folder)?;
    lock.lock()?;
    Ok(lock)
}

/// The lock of a folder that nobody holds any more.
fn abandoned(folder: &Path) -> Option<File> {
    let lock = File::open(folder).ok()?;
    lock.try_lock().is_ok().then_some(lock)
}

/// Whether nobody holds a folder's lock any more.
pub(super) fn is_abandoned(folder: &Path) -> bool {
    abandoned(folder).is_some()
}

/// As long as names are, no two are the same, in any process.
pub(super) fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let time = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    format!("{time:x}-{:x}-{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Whether the disk has no room, or the user may have no more of it.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn is_digest(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn layer_name(diff_id: &str) -> String {
    let digits = diff_id.strip_prefix("sha256:").unwrap_or(diff_id);
    digits.chars().filter(char::is_ascii_hexdigit).take(NAME_DIGITS).collect()
}

/// A reference as people write it: no default registry, but always a tag.
fn short(reference: &str) -> String {
    let plain = reference.strip_prefix("docker.io/").unwrap_or(reference);
    let plain = plain.strip_prefix("library/").unwrap_or(plain);
    let name = plain.rsplit('/').next().unwrap_or(plain);
    if name.contains([':', '@']) { plain.to_owned() } else { format!("{plain}:latest") }
}

#[cfg(test)]
mod tests;
