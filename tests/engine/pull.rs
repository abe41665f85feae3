//! Pulling, from a registry that this test plays: one image behind basic authentication, and one whose layer never ends.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use farm::engine::{BuildSpec, Engine, EngineError, ImageInfo, Limits, Network};
use farm::types::{Arch, NoProgress, Progress};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, Kept, Kind, files};
use crate::lease::{child, parents_bench};

const REGISTRY: &str = "FARM_TEST_PLAYED_REGISTRY";

/// `farm:<<<???>>>~~~`, whose encodings hold a `+` or a `/` wherever they begin: Engine 20.10 drops credentials that
/// are not in the URL-safe alphabet.
const AUTHORIZATION: &str = "ZmFybTo8PDw/Pz8+Pj5+fn4=";

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Path below `/v2/farm-test/` -> content type and body.
type Content = HashMap<String, (&'static str, Vec<u8>)>;

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// An image of one layer with a file of `size` bytes that do not compress.
fn publish(content: &mut Content, name: &str, size: usize) {
    let mut noise = Vec::with_capacity(size + 32);
    let mut block = Sha256::digest(name);
    while noise.len() < size {
        noise.extend_from_slice(&block);
        block = Sha256::digest(block);
    }
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(noise.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "noise", noise.as_slice()).unwrap();
    let layer = tar.into_inner().unwrap();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&layer).unwrap();
    let packed = encoder.finish().unwrap();
    let config = serde_json::json!({
        "architecture": Arch::host().unwrap().oci().0, "os": "linux", "config": { "Labels": { "from": "registry" } },
        "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
    });
    let config = config.to_string().into_bytes();
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.docker.container.image.v1+json", "size": config.len(), "digest": digest(&config) },
        "layers": [{ "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": packed.len(), "digest": digest(&packed) }],
    });
    let manifest = manifest.to_string().into_bytes();
    for reference in ["1".to_owned(), digest(&manifest)] {
        content.insert(format!("{name}/manifests/{reference}"), (MANIFEST, manifest.clone()));
    }
    content.insert(format!("{name}/blobs/{}", digest(&config)), ("application/octet-stream", config));
    content.insert(format!("{name}/blobs/{}", digest(&packed)), ("application/octet-stream", packed));
}

/// Serves until the process ends.
fn serve(listener: TcpListener, content: Content) {
    let content = Arc::new(content);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let content = content.clone();
            // Clients hang up when they have what they want.
            std::thread::spawn(move || answer(connection, &content));
        }
    });
}

fn answer(mut connection: TcpStream, content: &Content) -> io::Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut authorized = false;
    for line in lines {
        let line = line?;
        authorized |= line.eq_ignore_ascii_case(&format!("authorization: Basic {AUTHORIZATION}"));
        if line.is_empty() {
            break;
        }
    }
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut head = |status: &str, kind: &str, body: &[u8], length: usize| {
        let tag = if kind == MANIFEST { format!("Docker-Content-Digest: {}\r\n", digest(body)) } else { String::new() };
        write!(
            connection,
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{tag}\
             Docker-Distribution-Api-Version: registry/2.0\r\nWww-Authenticate: Basic realm=\"test\"\r\nConnection: close\r\n\r\n"
        )
    };
    let found = path.strip_prefix("/v2/farm-test/").and_then(|path| content.get(path));
    match found {
        _ if !authorized => head("401 Unauthorized", "text/plain", b"", 0),
        _ if path == "/v2/" => head("200 OK", "application/json", b"", 0),
        None => head("404 Not Found", "text/plain", b"", 0),
        Some((kind, body)) => {
            head("200 OK", kind, body, body.len())?;
            if method == "HEAD" {
                return Ok(());
            }
            let endless = path.contains("/endless/blobs/") && body.len() > 100_000;
            connection.write_all(if endless { &body[..body.len() / 2] } else { body })?;
            if !endless {
                return Ok(());
            }
            // Until the client goes away: `peek` then gives 0 bytes or an error.
            while connection.peek(&mut [0])? > 0 {
                std::thread::sleep(Duration::from_millis(100));
            }
            Ok(())
        }
    }
}

pub(crate) async fn pulls_use_the_credentials_of_the_docker_configuration(bench: Bench) {
    if bench.kind == Kind::Podman {
        // It wants TLS of every registry that its own configuration does not name.
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let registry = listener.local_addr().unwrap().to_string();
    let mut content = Content::new();
    publish(&mut content, "good", 3_000_000);
    publish(&mut content, "endless", 3_000_001);
    serve(listener, content);
    let folder = tempfile::tempdir().unwrap();
    let config = serde_json::json!({ "auths": { registry.as_str(): { "auth": AUTHORIZATION } } });
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let run = async |helper: &str, config: &std::path::Path| {
        let mut command = child(helper, bench.kind, &bench.run);
        command.env("DOCKER_CONFIG", config).env(REGISTRY, &registry);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run("pull::child_pulls", folder.path()).await;
    run("pull::child_is_turned_away", &folder.path().join("none")).await;
}

/// Remembers the most that was said, and whether anything was.
#[derive(Default)]
struct Seen {
    total: AtomicU64,
    cancel: Option<CancellationToken>,
}

impl Progress for Seen {
    fn progress(&self, _what: &str, done: u64, total: u64) {
        assert!(done <= total);
        self.total.fetch_max(total, Ordering::Relaxed);
        if let Some(cancel) = &self.cancel {
            cancel.cancel();
        }
    }
}

async fn pull(engine: &dyn Engine, reference: &str, arch: Arch) -> Result<ImageInfo, EngineError> {
    engine.pull(reference, arch, &NoProgress, &CancellationToken::new()).await
}

/// Not a case: what a child of [`pulls_use_the_credentials_of_the_docker_configuration`] does.
#[tokio::test(flavor = "multi_thread")]
async fn child_pulls() {
    let Ok(registry) = std::env::var(REGISTRY) else { return };
    let engine = parents_bench().await.unwrap().engine;
    let host = Arch::host().unwrap();
    let good = format!("{registry}/farm-test/good:1");
    let seen = Seen::default();
    let image = engine.pull(&good, host, &seen, &CancellationToken::new()).await.unwrap();
    assert_eq!(image.labels["from"], "registry");
    assert_eq!(image.tags, [good.as_str()]);
    assert!(
        image.identity().starts_with("sha256:") && image.identity() != image.id,
        "its registry's digest: {image:?}"
    );
    assert!(seen.total.load(Ordering::Relaxed) > 2_900_000, "{:?}", seen.total);
    let other = if host == Arch::S390x { Arch::Amd64 } else { Arch::S390x };
    let error = pull(&*engine, &good, other).await.unwrap_err();
    assert!(matches!(error, EngineError::Pull { .. }), "{error}");
    engine.remove_image(&good).await.unwrap();
    // A Dockerfile that begins with it needs the same credentials.
    let spec = BuildSpec {
        dockerfile: "Dockerfile".to_owned(),
        target: None,
        args: BTreeMap::new(),
        arch: host,
        network: Network::None,
        limits: Limits { memory_bytes: None, pids: None, cpuset: None },
        tag: format!("farm-test/pulled:{}", std::process::id()),
        labels: BTreeMap::new(),
    };
    let context = files(&[("Dockerfile", &format!("FROM {good}\nENV A=b\n"))]);
    let built = engine.build(&spec, context, &mut Kept::default(), &CancellationToken::new()).await.unwrap();
    assert!(built.size_bytes > 2_900_000, "{built:?}");
    engine.remove_image(&spec.tag).await.unwrap();
    engine.remove_image(&good).await.unwrap();
    let error = pull(&*engine, &format!("{registry}/farm-test/good:2"), host).await.unwrap_err();
    assert!(matches!(&error, EngineError::Pull { reason, .. } if !reason.is_empty()), "{error}");
    let cancel = CancellationToken::new();
    let seen = Seen { cancel: Some(cancel.clone()), ..Seen::default() };
    let endless = format!("{registry}/farm-test/endless:1");
    let pulling = engine.pull(&endless, host, &seen, &cancel);
    let result = tokio::time::timeout(Duration::from_secs(30), pulling).await.expect("a cancelled pull returns");
    assert!(matches!(result, Err(EngineError::Cancelled)), "{result:?}");
}

/// Not a case: what a child of [`pulls_use_the_credentials_of_the_docker_configuration`] does.
#[tokio::test(flavor = "multi_thread")]
async fn child_is_turned_away() {
    let Ok(registry) = std::env::var(REGISTRY) else { return };
    let engine = parents_bench().await.unwrap().engine;
    let error = pull(&*engine, &format!("{registry}/farm-test/good:1"), Arch::host().unwrap()).await.unwrap_err();
    let reason = error.to_string().to_lowercase();
    assert!(matches!(error, EngineError::Pull { .. }) && reason.contains("auth"), "{reason}");
}

pub(crate) async fn a_pull_that_fails_says_why(bench: Bench) {
    // Nothing listens on port 1.
    let error = pull(&*bench.engine, "127.0.0.1:1/farm-test/none:1", Arch::host().unwrap()).await.unwrap_err();
    let EngineError::Pull { reference, reason } = &error else { panic!("{error}") };
    assert_eq!(reference, "127.0.0.1:1/farm-test/none:1");
    assert!(reason.contains("refused"), "{reason}");
    let cancel = CancellationToken::new();
    cancel.cancel();
    let result = bench.engine.pull("127.0.0.1:1/farm-test/none:1", Arch::host().unwrap(), &NoProgress, &cancel).await;
    assert!(matches!(result, Err(EngineError::Cancelled)), "{result:?}");
}
