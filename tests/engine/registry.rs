//! Pulling from a real registry: Debian's docker-registry, which `FARM_TEST_REGISTRY` names as
//! `http://USER:PASSWORD@ADDRESS`. What is pulled was pushed here by the registry's HTTP interface (OCI Distribution
//! Specification 1.0), and is read in a container.

use std::io::{Read, Write};
use std::net::TcpStream;

use farm::engine::{EngineError, GuestPath};
use farm::types::{Arch, NoProgress};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, Kind, unpack};
use crate::lease::{child, parents_bench};
use crate::support::skip;

/// The variable that names it.
pub(crate) const REGISTRY: &str = "FARM_TEST_REGISTRY";

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// base64 (RFC 4648), with padding.
fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        let letters = (0..4).map(|at| char::from(ALPHABET[(bits >> (18 - 6 * at)) as usize & 63]));
        encoded.extend(letters.take(three.len() + 1));
    }
    encoded + &"=".repeat((3 - text.len() % 3) % 3)
}

/// A registry to push to.
struct Registry {
    address: String,
    authorization: String,
}

/// What a manifest says of a blob or another manifest.
fn descriptor(kind: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": kind, "digest": digest(bytes), "size": bytes.len() })
}

impl Registry {
    fn of_environment() -> Option<Registry> {
        let named = std::env::var(REGISTRY).unwrap_or_default();
        let Some((credentials, address)) = named.strip_prefix("http://").and_then(|rest| rest.split_once('@')) else {
            skip(&format!("{REGISTRY} names no registry (`cargo xtask test` brings one up)"));
            return None;
        };
        Some(Registry { address: address.to_owned(), authorization: base64(credentials) })
    }

    /// Sends a request, which has to succeed; the `Location` of the answer.
    fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> String {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        write!(
            connection,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.address,
            self.authorization,
            body.len()
        )
        .unwrap();
        connection.write_all(body).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 20"), "{method} {path}: {answer}");
        let location = answer.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap_or_default();
        // Absolute, or a path of this host.
        location.split_once(&self.address).map_or(location, |(_, path)| path).to_owned()
    }

    fn push_blob(&self, name: &str, kind: &str, bytes: &[u8]) -> Value {
        let place = self.send("POST", &format!("/v2/{name}/blobs/uploads/"), kind, b"");
        let separator = if place.contains('?') { '&' } else { '?' };
        let place = format!("{place}{separator}digest={}", digest(bytes));
        self.send("PUT", &place, "application/octet-stream", bytes);
        descriptor(kind, bytes)
    }

    fn push_manifest(&self, name: &str, tag: Option<&str>, kind: &str, manifest: &Value) -> Value {
        let bytes = manifest.to_string().into_bytes();
        let reference = tag.map_or_else(|| digest(&bytes), str::to_owned);
        self.send("PUT", &format!("/v2/{name}/manifests/{reference}"), kind, &bytes);
        descriptor(kind, &bytes)
    }

    /// An image with a layer for each compression, and in each a file `NAME` that says `content`.
    fn push_image(&self, name: &str, tag: Option<&str>, arch: Arch, compressions: &[&str], content: &str) -> Value {
        let (mut layers, mut diff_ids) = (Vec::new(), Vec::new());
        for compression in compressions {
            let layer = tarball(compression, content);
            diff_ids.push(digest(&layer));
            let packed = match *compression {
                "gzip" => {
                    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                    encoder.write_all(&layer).unwrap();
                    encoder.finish().unwrap()
                }
                "zstd" => zstd::encode_all(layer.as_slice(), 3).unwrap(),
                other => panic!("{other}"),
            };
            layers.push(self.push_blob(name, &format!("{LAYER}+{compression}"), &packed));
        }
        let config = json!({
            "architecture": arch.oci().0, "os": "linux", "config": { "Labels": { "says": content } },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        let config = self.push_blob(name, CONFIG, config.to_string().as_bytes());
        let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        self.push_manifest(name, tag, MANIFEST, &manifest)
    }
}

fn tarball(name: &str, content: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, format!("pulled/{name}"), content.as_bytes()).unwrap();
    tar.into_inner().unwrap()
}

pub(crate) async fn images_of_a_real_registry_are_pulled(bench: Bench) {
    let Some(registry) = Registry::of_environment() else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = json!({ "auths": { registry.address.as_str(): { "auth": registry.authorization } } });
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let run = async |helper: &str, config: &std::path::Path| {
        let mut command = child(helper, bench.kind, &bench.run);
        command.env("DOCKER_CONFIG", config);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run("registry::child_pushes_and_pulls", folder.path()).await;
    run("registry::child_has_no_password", &folder.path().join("none")).await;
}

/// Not a case: what a child of [`images_of_a_real_registry_are_pulled`] does.
#[tokio::test(flavor = "multi_thread")]
async fn child_pushes_and_pulls() {
    let Some(bench) = parents_bench().await else { return };
    let registry = Registry::of_environment().unwrap();
    let engine = &*bench.engine;
    let host = Arch::host().unwrap();
    let [other, absent] = if host == Arch::Arm64 { [Arch::Amd64, Arch::S390x] } else { [Arch::Arm64, Arch::S390x] };
    // Docker's engine cannot read zstd before 23.0.
    let compressions = if bench.kind == Kind::Docker { &["gzip"][..] } else { &["gzip", "zstd"] };

    // A name of its own for each engine: they are tested side by side.
    let name = format!("farm-test/{:?}", bench.kind).to_lowercase();
    registry.push_image(&name, Some("image"), host, compressions, "an image");
    let mut manifests = Vec::new();
    for arch in [other, host] {
        let mut image = registry.push_image(&name, None, arch, compressions, arch.deb());
        image["platform"] = json!({ "os": "linux", "architecture": arch.oci().0 });
        manifests.push(image);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    let index = registry.push_manifest(&name, Some("index"), INDEX, &index);

    for (tag, says) in [("image", "an image"), ("index", host.deb())] {
        let reference = format!("{}/{name}:{tag}", registry.address);
        let image = engine.pull(&reference, host, &NoProgress, &CancellationToken::new()).await.unwrap();
        assert_eq!(image.labels["says"], says);
        let mut spec = bench.spec();
        spec.image = image.id.clone();
        let container = engine.create(&spec).await.unwrap();
        let files = unpack(container.download(&GuestPath::new("/pulled")).await.unwrap()).await;
        container.remove().await.unwrap();
        for compression in compressions {
            let file = &files[&format!("pulled/{compression}")];
            assert_eq!(String::from_utf8_lossy(&file.data), says, "{tag}: {compression}");
        }
        if tag == "index" && bench.kind != Kind::Podman {
            // Podman tells the digest of the image for this machine.
            assert_eq!(image.identity(), index["digest"].as_str().unwrap());
        }
        engine.remove_image(&reference).await.unwrap();
    }
    for (tag, arch) in [("index", absent), ("nowhere", host)] {
        let reference = format!("{}/{name}:{tag}", registry.address);
        let error = engine.pull(&reference, arch, &NoProgress, &CancellationToken::new()).await.unwrap_err();
        assert!(matches!(&error, EngineError::Pull { reason, .. } if !reason.is_empty()), "{tag}: {error}");
    }
}

/// Not a case: what a child of [`images_of_a_real_registry_are_pulled`] does.
#[tokio::test(flavor = "multi_thread")]
async fn child_has_no_password() {
    let Some(bench) = parents_bench().await else { return };
    let registry = Registry::of_environment().unwrap();
    let reference = format!("{}/farm-test/{}:image", registry.address, format!("{:?}", bench.kind).to_lowercase());
    let host = Arch::host().unwrap();
    let error = bench.engine.pull(&reference, host, &NoProgress, &CancellationToken::new()).await.unwrap_err();
    let reason = error.to_string().to_lowercase();
    assert!(matches!(error, EngineError::Pull { .. }) && reason.contains("auth"), "{reason}");
}
