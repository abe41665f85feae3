//! Writes a docker-archive (what `docker save` writes): one layer, its image configuration, and the manifest. Images
//! are loaded and not imported because Engine 20.10 labels everything that it imports with its own architecture.

use std::collections::BTreeMap;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::labels::encoded;
use crate::engine::{ImportSpec, credentials, labels};
use crate::types::Arch;

/// A layer on its way into the engine: its size and digest are known only when all of it was seen, and a tar header
/// wants them first, so it goes through a file and never stands in memory.
#[derive(Debug)]
pub(super) struct SpooledLayer {
    file: std::fs::File,
    size: u64,
    diff_id: String,
}

impl SpooledLayer {
    /// Blocking.
    pub(super) fn spool(mut layer: impl io::Read, folder: &Path) -> io::Result<SpooledLayer> {
        let mut file = tempfile::tempfile_in(folder)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        let mut size = 0;
        loop {
            let read = match layer.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hash.update(&buffer[..read]);
            file.write_all(&buffer[..read])?;
            size += read as u64;
        }
        file.seek(SeekFrom::Start(0))?;
        Ok(SpooledLayer { file, size, diff_id: format!("sha256:{}", hex::encode(hash.finalize())) })
    }

    /// The id that the image will have: the digest of its configuration.
    pub(super) fn image_id(&self, spec: &ImportSpec) -> String {
        format!("sha256:{}", hex::encode(Sha256::digest(config(spec, &self.diff_id))))
    }

    /// Blocking.
    pub(super) fn write_archive(self, spec: &ImportSpec, tar: &mut tar::Builder<&mut dyn Write>) -> io::Result<()> {
        let config = config(spec, &self.diff_id);
        let config_name = format!("{}.json", hex::encode(Sha256::digest(&config)));
        let manifest =
            json!([{ "Config": config_name, "RepoTags": [full_name(&spec.tag)], "Layers": ["layer.tar"] }]).to_string();
        append(tar, "manifest.json", manifest.len() as u64, manifest.as_bytes())?;
        append(tar, &config_name, config.len() as u64, config.as_slice())?;
        append(tar, "layer.tar", self.size, self.file)
    }
}

fn append(tar: &mut tar::Builder<&mut dyn Write>, name: &str, size: u64, data: impl io::Read) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, data)
}

/// With its registry, real or not: Podman would file a short name from an archive under `localhost/`, where a commit of
/// the same name does not go.
fn full_name(tag: &str) -> String {
    match credentials::registry(tag) {
        "docker.io" if tag.starts_with("docker.io/") => tag.to_owned(),
        "docker.io" if tag.contains('/') => format!("docker.io/{tag}"),
        "docker.io" => format!("docker.io/library/{tag}"),
        _ => tag.to_owned(),
    }
}

/// The OCI image configuration: the same bytes for the same layer and labels, so the same id on every engine.
fn config(spec: &ImportSpec, diff_id: &str) -> Vec<u8> {
    let mut all_labels: BTreeMap<&str, String> =
        spec.labels.iter().map(|(name, value)| (name.as_str(), encoded(value))).collect();
    all_labels.insert(labels::OWNED, String::new());
    let (architecture, variant) = spec.arch.oci();
    let mut env = spec.env.clone();
    if !env.iter().any(|pair| pair.starts_with("PATH=")) {
        env.push("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
    }
    let mut config = json!({
        "architecture": architecture,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Env": env,
            "Cmd": ["/bin/sh"],
            "Labels": all_labels,
        },
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
        "history": [{ "created": "1970-01-01T00:00:00Z", "created_by": "farm" }],
    });
    // Where the customary variant is the only one, images leave it out, and engines compare it literally.
    if let Some(variant) = variant.filter(|_| spec.arch != Arch::Arm64) {
        config["variant"] = variant.into();
    }
    config.to_string().into_bytes()
}
