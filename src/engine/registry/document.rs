//! What a registry says an image is: index, manifest and configuration, read and checked. No byte of it is trusted; it
//! is all pure, and the digests of the documents themselves are checked where they are received.

use serde::Deserialize;

use super::reference::check_digest;
use crate::types::{Arch, printable};

/// Of a manifest or a configuration: what registries agree to take.
pub(super) const LARGEST_DOCUMENT: u64 = 4 << 20;
/// What Docker stops at, too.
const MOST_LAYERS: usize = 127;
/// No registry may fill the disk: far more than any image to build in has, packed.
const LARGEST_IMAGE: u64 = 64 << 30;

/// The manifests that are asked for.
pub(super) const MEDIA_TYPES: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// A layer as manifest and configuration describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct RemoteLayer {
    /// Of the blob, as the registry has it.
    pub(in crate::engine) digest: String,
    /// Of the blob. All layers of an image together have at most 64 GiB.
    pub(in crate::engine) size: u64,
    pub(in crate::engine) compression: Compression,
    /// Of the tar that it unpacks to. Not checked here.
    pub(in crate::engine) diff_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// A pointer at a blob or at a manifest.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    platform: Option<Platform>,
}

#[derive(Debug, Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    /// As Docker writes it: `linux/arm/v7`.
    fn name(&self) -> String {
        let variant = self.variant().map(|variant| format!("/{variant}")).unwrap_or_default();
        printable(&format!("{}/{}{variant}", self.os, self.architecture))
    }

    fn variant(&self) -> Option<&str> {
        self.variant.as_deref().filter(|variant| !variant.is_empty())
    }
}

/// What a reference can lead to.
#[derive(Debug)]
pub(super) enum Document {
    /// One image for each of several platforms.
    Index(Vec<Descriptor>),
    Image {
        config: Descriptor,
        layers: Vec<Descriptor>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    schema_version: u64,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

impl Document {
    pub(super) fn read(bytes: &[u8]) -> Result<Document, String> {
        let versioned = |error: &serde_json::Error| match serde_json::from_slice::<Version>(bytes) {
            Ok(Version { schema_version: 1 }) => old_schema(1),
            _ => unreadable("manifest", error),
        };
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| versioned(&error))?;
        if raw.schema_version != 2 {
            return Err(old_schema(raw.schema_version));
        }
        match raw {
            Raw { manifests: Some(manifests), config: None, layers: None, .. } => Ok(Document::Index(manifests)),
            Raw { manifests: None, config: Some(config), layers: Some(layers), .. } => {
                check_descriptors(&config, &layers)?;
                Ok(Document::Image { config, layers })
            }
            // One document that is both would be two images under one digest (CVE-2021-41190).
            _ => Err("its manifest is neither that of an image nor an index of images".to_owned()),
        }
    }
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "schemaVersion")]
    schema_version: u64,
}

fn old_schema(version: u64) -> String {
    format!("its manifest has schema version {version}, which farm does not read: only 2")
}

fn unreadable(what: &str, error: &serde_json::Error) -> String {
    format!("its {what} cannot be read: {}", printable(&error.to_string()))
}

fn check_descriptors(config: &Descriptor, layers: &[Descriptor]) -> Result<(), String> {
    check_digest(&config.digest)?;
    if layers.len() > MOST_LAYERS {
        return Err(format!("it has {} layers, more than the {MOST_LAYERS} that an image may have", layers.len()));
    }
    layers.iter().try_for_each(|layer| check_digest(&layer.digest))?;
    let size = layers.iter().fold(0_u64, |sum, layer| sum.saturating_add(layer.size));
    if size > LARGEST_IMAGE {
        return Err(format!("its layers have {size} bytes, more than farm takes of an image"));
    }
    Ok(())
}

/// The entry of an index that is for `arch`.
pub(super) fn select(index: &[Descriptor], arch: Arch) -> Result<&Descriptor, String> {
    let fitting = |exact: bool| {
        index.iter().find(|entry| {
            let platform = entry.platform.as_ref().filter(|platform| platform.os == "linux");
            platform.is_some_and(|platform| fits(arch, platform) && (!exact || platform.variant() == arch.oci().1))
        })
    };
    // Some builders leave the platform out when there is only one; the configuration tells it later.
    let only = || index.first().filter(|entry| index.len() == 1 && entry.platform.is_none());
    let entry = fitting(true).or_else(|| fitting(false)).or_else(only).ok_or_else(|| no_such(index, arch))?;
    check_digest(&entry.digest)?;
    Ok(entry)
}

/// `armhf` is ARMv7, and what ARM is without a variant; what is built for an older one is another architecture: `armel` for
/// ARMv5, Raspbian for ARMv6. Of all others, the customary variant is the one that is meant when there is none; x86-64-v3 and the like may not run here.
fn fits(arch: Arch, platform: &Platform) -> bool {
    let (architecture, customary) = arch.oci();
    let baseline = match platform.variant() {
        Some(variant) => Some(variant) == customary || variant == "v1",
        None => arch != Arch::Armel,
    };
    platform.architecture == architecture && baseline
}

fn no_such(index: &[Descriptor], arch: Arch) -> String {
    // Attestations are listed as images for `unknown/unknown`.
    let known = |platform: &&Platform| platform.os != "unknown";
    let mut names: Vec<String> =
        index.iter().filter_map(|entry| entry.platform.as_ref()).filter(known).map(Platform::name).collect();
    names.sort();
    names.dedup();
    let has = if names.is_empty() { "nothing that says what it is for".to_owned() } else { names.join(", ") };
    format!("the registry does not have it for {arch}; it has {has}")
}

/// The fields of a platform stand among the others here; serde's `flatten` would keep all others in memory for it.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
    rootfs: Option<RootFs>,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Option<Vec<String>>,
}

/// The layers of a manifest, each with what its configuration says that it unpacks to, if the image is for `arch`.
pub(super) fn layers(layers: &[Descriptor], config: &[u8], arch: Arch) -> Result<Vec<RemoteLayer>, String> {
    let config: Config = serde_json::from_slice(config).map_err(|error| unreadable("configuration", &error))?;
    let platform = Platform { os: config.os, architecture: config.architecture, variant: config.variant };
    let other_os = !platform.os.is_empty() && platform.os != "linux";
    // Among other variants than ARM's, `select` has chosen.
    let says_nothing = platform.architecture.is_empty();
    let other_arch = !says_nothing && !arch.has_images_for(&platform.architecture, platform.variant());
    if other_os || other_arch {
        return Err(format!("the registry has it for {}, not for {arch}", platform.name()));
    }
    let diff_ids = config.rootfs.and_then(|rootfs| rootfs.diff_ids).unwrap_or_default();
    if diff_ids.len() != layers.len() {
        let (packed, unpacked) = (layers.len(), diff_ids.len());
        return Err(format!("its manifest has {packed} layers, but its configuration {unpacked}"));
    }
    let layer = |(layer, diff_id): (&Descriptor, String)| {
        check_digest(&diff_id)?;
        let compression = compression(&layer.media_type)?;
        Ok(RemoteLayer { digest: layer.digest.clone(), size: layer.size, compression, diff_id })
    };
    layers.iter().zip(diff_ids).map(layer).collect()
}

fn compression(media_type: &str) -> Result<Compression, String> {
    let oci = "application/vnd.oci.image.layer.v1.tar";
    let docker = "application/vnd.docker.image.rootfs.diff.tar";
    let kind = media_type.strip_prefix(oci).or_else(|| media_type.strip_prefix(docker));
    match kind {
        Some("") => Ok(Compression::None),
        Some("+gzip" | ".gzip") => Ok(Compression::Gzip),
        Some("+zstd" | ".zstd") => Ok(Compression::Zstd),
        _ if media_type.contains("encrypted") => Err("it has an encrypted layer".to_owned()),
        _ if media_type.contains("foreign") || media_type.contains("nondistributable") => {
            Err("it has a layer that its registry may not hand out (a foreign one)".to_owned())
        }
        _ => Err(format!("it has a layer of type `{}`, which is none of a container image's", printable(media_type))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn digest(n: usize) -> String {
        format!("sha256:{n:064x}")
    }

    fn manifest(layers: usize, diff_ids: usize, media_type: &str) -> (Value, Value) {
        let blob = |n: usize| json!({ "mediaType": media_type, "size": n, "digest": digest(n) });
        let blobs: Vec<Value> = (0..layers).map(blob).collect();
        let diff_ids: Vec<String> = (0..diff_ids).map(digest).collect();
        let manifest = json!({ "schemaVersion": 2, "config": blob(999), "layers": blobs });
        (manifest, json!({ "os": "linux", "architecture": "amd64", "rootfs": { "diff_ids": diff_ids } }))
    }

    fn read(manifest: &Value, config: &Value, arch: Arch) -> Result<Vec<RemoteLayer>, String> {
        match Document::read(manifest.to_string().as_bytes())? {
            Document::Image { layers: found, .. } => layers(&found, config.to_string().as_bytes(), arch),
            Document::Index(_) => panic!("an index"),
        }
    }

    #[test]
    fn layers_of_docker_and_oci_are_read_and_others_refused() {
        let read = |media_type: &str| {
            let (manifest, config) = manifest(1, 1, media_type);
            read(&manifest, &config, Arch::Amd64).map(|layers| layers[0].compression)
        };
        assert_eq!(read("application/vnd.oci.image.layer.v1.tar"), Ok(Compression::None));
        assert_eq!(read("application/vnd.oci.image.layer.v1.tar+zstd"), Ok(Compression::Zstd));
        assert_eq!(read("application/vnd.docker.image.rootfs.diff.tar.gzip"), Ok(Compression::Gzip));
        let refused = [
            ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "encrypted"),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "foreign"),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "foreign"),
            ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "none of a container image's"),
        ];
        for (media_type, word) in refused {
            let error = read(media_type).unwrap_err();
            assert!(error.contains(word), "{media_type}: {error}");
        }
    }

    #[test]
    fn hostile_manifests_are_refused() {
        let plain = "application/vnd.oci.image.layer.v1.tar";
        let refused = |change: &dyn Fn(&mut Value, &mut Value), word: &str| {
            let (mut manifest, mut config) = manifest(2, 2, plain);
            change(&mut manifest, &mut config);
            let error = read(&manifest, &config, Arch::Amd64).unwrap_err();
            assert!(error.contains(word), "{error}");
        };
        refused(&|manifest, _| manifest["layers"][0]["size"] = json!(-1), "cannot be read");
        refused(&|manifest, _| manifest["layers"][0]["size"] = json!(u64::MAX), "more than farm takes");
        refused(&|manifest, _| manifest["layers"][1]["digest"] = json!("sha256:../../x"), "not a sha256 digest");
        refused(&|manifest, _| manifest["config"]["digest"] = json!(format!("sha512:{:0128}", 0)), "sha512");
        refused(&|manifest, _| manifest["manifests"] = json!([]), "neither");
        refused(&|manifest, _| *manifest = json!({ "schemaVersion": 1, "fsLayers": [] }), "schema version 1");
        refused(&|manifest, _| *manifest = json!([]), "cannot be read");
        refused(&|_, config| config["rootfs"]["diff_ids"] = json!([digest(1)]), "2 layers, but its configuration 1");
        refused(&|_, config| config["rootfs"] = Value::Null, "2 layers, but its configuration 0");
        refused(&|_, config| config["rootfs"]["diff_ids"][0] = json!("sha256:0"), "not a sha256 digest");
        refused(&|_, config| config["os"] = json!("windows"), "for windows/amd64, not for amd64");
        refused(&|_, config| config["architecture"] = json!("s390x"), "for linux/s390x, not for amd64");
        refused(&|_, config| *config = json!("no"), "cannot be read");
        let (many, config) = manifest(128, 128, plain);
        assert!(read(&many, &config, Arch::Amd64).unwrap_err().contains("128 layers"));
        let (most, mut config) = manifest(127, 127, plain);
        config["architecture"] = json!("");
        assert_eq!(read(&most, &config, Arch::Arm64).unwrap().len(), 127, "it does not say what it is for");
    }

    #[test]
    fn armhf_is_no_older_arm() {
        let (manifest, mut config) = manifest(0, 0, "");
        config["architecture"] = json!("arm");
        for (variant, armhf, armel) in
            [("", true, false), ("v7", true, false), ("v5", false, true), ("v6", false, false)]
        {
            config["variant"] = json!(variant);
            assert_eq!(read(&manifest, &config, Arch::Armhf).is_ok(), armhf, "{variant}");
            assert_eq!(read(&manifest, &config, Arch::Armel).is_ok(), armel, "{variant}");
        }
    }

    #[test]
    fn an_index_is_searched_for_the_platform() {
        let platforms = [
            "windows/amd64",
            "unknown/unknown",
            "linux/amd64/v3",
            "linux/amd64",
            "linux/arm/v5",
            "linux/arm",
            "linux/arm/v7",
            "linux/arm64",
        ];
        let index: Vec<Descriptor> = (0..)
            .zip(platforms)
            .map(|(n, name)| {
                let mut parts = name.split('/').map(str::to_owned);
                let (os, architecture) = (parts.next().unwrap(), parts.next().unwrap());
                let platform = Some(Platform { os, architecture, variant: parts.next() });
                Descriptor { media_type: String::new(), digest: digest(n), size: 1, platform }
            })
            .collect();
        let chosen = |arch| select(&index, arch).map(|entry| entry.digest.clone());
        assert_eq!(chosen(Arch::Amd64), Ok(digest(3)));
        assert_eq!(chosen(Arch::Armhf), Ok(digest(6)), "the exact one, not the first");
        assert_eq!(chosen(Arch::Armel), Ok(digest(4)));
        assert_eq!(chosen(Arch::Arm64), Ok(digest(7)), "v8 goes without saying");
        let error = chosen(Arch::S390x).unwrap_err();
        assert!(
            error.contains("for s390x; it has linux/amd64, linux/amd64/v3, linux/arm, ") && !error.contains("unknown")
        );
        assert!(select(&[], Arch::Amd64).unwrap_err().contains("nothing that says"));
    }
}
