//! What a case works with: an engine, an image in it, and the verbs that keep cases short. Containers are removed by
//! the case; the run's leftovers after a failed assertion are taken away when the bench goes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use farm::engine::{
    self, Container, ContainerSpec, Engine, EngineError, ExecSpec, ExitStatus, GuestPath, HOST_NAME, ImageInfo,
    ImportSpec, Limits, Network, OutputSink, OutputStream, labels,
};
use farm::stream::{self, ByteStream};
use farm::types::Arch;
use tokio::sync::{Mutex, OnceCell};
use tokio_util::sync::CancellationToken;

use crate::guest::RootFileSystem;
use crate::scripts;
use crate::support::{skip, temporary};

/// Names a store and a copy of farm to a child of the tests.
pub(crate) const NATIVE: &str = "FARM_TEST_NATIVE";
/// Names a cluster by the URL of its engine, registry and `network=` included; farm has to be built with it.
const CLUSTER: &str = "FARM_TEST_CLUSTER";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Fake,
    Docker,
    Podman,
    Native,
    Kubernetes,
}

pub(crate) struct Bench {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) kind: Kind,
    pub(crate) image: String,
    /// Its own for each case, so that cases can run side by side.
    pub(crate) run: String,
    made: AtomicU32,
}

impl Bench {
    /// `None` where there is no such engine here and that is allowed; it is said aloud.
    pub(crate) async fn new(kind: Kind) -> Option<Bench> {
        if kind == Kind::Kubernetes && std::env::var_os(CLUSTER).is_none() {
            // In CI, too, which has no cluster: who wants it asks for it.
            eprintln!("SKIPPED: pods of a cluster: {CLUSTER}=kubernetes://… and --features kubernetes run it");
            return None;
        }
        let engine = match engine_of(kind).await {
            Ok(engine) => engine,
            Err(why) => {
                let named = match kind {
                    Kind::Podman => "FARM_TEST_PODMAN",
                    Kind::Native => NATIVE,
                    Kind::Kubernetes => CLUSTER,
                    _ => "DOCKER_HOST",
                };
                assert!(std::env::var_os(named).is_none(), "{named} names an engine that cannot be tested: {why}");
                skip(&format!("there is no {kind:?} to test: {why}"));
                return None;
            }
        };
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let run = format!("test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let image = guest_image(&*engine, kind).await;
        Some(Bench::of(engine, kind, image, run))
    }

    pub(crate) fn of(engine: Arc<dyn Engine>, kind: Kind, image: String, run: String) -> Bench {
        Bench { engine, kind, image, run, made: AtomicU32::new(0) }
    }

    pub(crate) fn spec(&self) -> ContainerSpec {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        ContainerSpec {
            image: self.image.clone(),
            arch: Arch::host().unwrap(),
            name: format!("farm-{}-{number}", self.run),
            host_name: HOST_NAME,
            network: Network::None,
            limits: Limits { memory_bytes: None, pids: None, cpuset: None },
            labels: BTreeMap::from([(labels::RUN.to_owned(), self.run.clone())]),
        }
    }

    pub(crate) async fn start(&self, spec: &ContainerSpec) -> Box<dyn Container> {
        let container = self.engine.create(spec).await.unwrap();
        container.start().await.unwrap();
        container
    }

    pub(crate) async fn started(&self) -> Box<dyn Container> {
        self.start(&self.spec()).await
    }

    /// How many containers of this run there are; there are none afterwards.
    pub(crate) async fn reap(&self) -> usize {
        self.engine.reap(Some(&self.run)).await.unwrap()
    }
}

/// The engine past the driver, for what the driver is not there to do.
pub(crate) fn api(bench: &Bench) -> bollard::Docker {
    let endpoint = bench.engine.endpoint();
    let client = match endpoint.starts_with("unix://") {
        true => bollard::Docker::connect_with_unix(endpoint, 60, bollard::API_DEFAULT_VERSION),
        false => bollard::Docker::connect_with_http(endpoint, 60, bollard::API_DEFAULT_VERSION),
    };
    client.unwrap()
}

async fn engine_of(kind: Kind) -> Result<Arc<dyn Engine>, String> {
    match kind {
        Kind::Fake => Ok(Arc::new(scripts::fake())),
        Kind::Docker => engine::connect("docker").await.map_err(|error| error.to_string()),
        Kind::Podman => match std::env::var("FARM_TEST_PODMAN") {
            Ok(url) => engine::connect(&url).await.map_err(|error| error.to_string()),
            Err(_) => Err("FARM_TEST_PODMAN names no socket".to_owned()),
        },
        Kind::Native => native().await,
        Kind::Kubernetes => {
            let url = std::env::var(CLUSTER).map_err(|error| error.to_string())?;
            engine::connect(&url).await.map_err(|error| error.to_string())
        }
    }
}

/// farm's own engine, with a store of the tests.
#[cfg(target_os = "linux")]
async fn native() -> Result<Arc<dyn Engine>, String> {
    engine::connect_native(native_options()).await.map_err(|error| error.to_string())
}

/// `FARM_TEST_NATIVE` names another store and, after a colon, another copy of farm: a child of another user needs both.
#[cfg(target_os = "linux")]
pub(crate) fn native_options() -> engine::NativeOptions {
    let (store, program) = match std::env::var(NATIVE) {
        Ok(named) => {
            let (store, program) = named.split_once(':').expect("FARM_TEST_NATIVE is STORE:PROGRAM");
            (store.into(), program.into())
        }
        Err(_) => (temporary().join("native"), std::path::PathBuf::from(env!("CARGO_BIN_EXE_farm"))),
    };
    engine::NativeOptions { store, program }
}

#[cfg(not(target_os = "linux"))]
async fn native() -> Result<Arc<dyn Engine>, String> {
    Err("it needs Linux".to_owned())
}

/// The same image for all cases and runs, imported where it is not there or was made of other programs.
pub(crate) async fn guest_image(engine: &dyn Engine, kind: Kind) -> String {
    const TAG: &str = "farm-test/guest:1";
    if kind == Kind::Fake {
        import(engine, TAG, BTreeMap::new(), files(&[("tmp/", ""), ("var/", ""), ("etc/passwd", "")])).await;
        return TAG.to_owned();
    }
    static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
    static GUEST: OnceCell<(RootFileSystem, String)> = OnceCell::const_new();
    let (guest, digest) = GUEST
        .get_or_init(|| async {
            let guest = RootFileSystem::of_this_host();
            let digest = guest.digest();
            (guest, digest)
        })
        .await
        .clone();
    let _one = ONE_AT_A_TIME.lock().await;
    if let Some(image) = engine.image(TAG).await.unwrap()
        && image.labels.get(labels::DIGEST) == Some(&digest)
    {
        return image.id;
    }
    let labels = BTreeMap::from([(labels::DIGEST.to_owned(), digest)]);
    import(engine, TAG, labels, stream::from_tar(move |tar| guest.write(tar))).await.id
}

pub(crate) async fn import(
    engine: &dyn Engine,
    tag: &str,
    labels: BTreeMap<String, String>,
    layer: ByteStream,
) -> ImageInfo {
    engine
        .import(&ImportSpec { tag: tag.to_owned(), arch: Arch::host().unwrap(), labels, env: Vec::new() }, layer)
        .await
        .unwrap()
}

/// Keeps everything.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

#[async_trait::async_trait]
impl OutputSink for Kept {
    async fn write(&mut self, stream: OutputStream, chunk: Bytes) -> std::io::Result<()> {
        match stream {
            OutputStream::Stdout => self.stdout.extend_from_slice(&chunk),
            OutputStream::Stderr => self.stderr.extend_from_slice(&chunk),
        }
        Ok(())
    }
}

impl Kept {
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap().trim().to_owned()
    }
}

pub(crate) fn sh(script: &str) -> ExecSpec {
    argv(&["sh", "-c", script])
}

pub(crate) fn argv(argv: &[&str]) -> ExecSpec {
    ExecSpec {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        user: "0:0".to_owned(),
        env: Vec::new(),
        workdir: GuestPath::new("/"),
    }
}

pub(crate) async fn exec(container: &dyn Container, spec: &ExecSpec) -> (ExitStatus, Kept) {
    let mut kept = Kept::default();
    let status = container.exec(spec, &mut kept, &CancellationToken::new()).await.unwrap();
    (status, kept)
}

/// The stdout of a script that succeeds.
pub(crate) async fn says(container: &dyn Container, script: &str) -> String {
    let (status, kept) = exec(container, &sh(script)).await;
    assert!(status.success(), "{script}: {status:?} {}", String::from_utf8_lossy(&kept.stderr));
    kept.text()
}

/// A tar of regular files.
pub(crate) fn files(files: &[(&str, &str)]) -> ByteStream {
    let files: Vec<(String, String)> =
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    stream::from_tar(move |tar| {
        for (name, text) in &files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, text.as_bytes())?;
        }
        Ok(())
    })
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unpacked {
    pub(crate) kind: tar::EntryType,
    pub(crate) mode: u32,
    pub(crate) mtime: u64,
    pub(crate) link: Option<String>,
    pub(crate) data: Vec<u8>,
}

/// The entries of a tar stream by name.
pub(crate) async fn unpack(stream: ByteStream) -> BTreeMap<String, Unpacked> {
    let reader = stream::into_reader(stream);
    let unpack = move || {
        let mut found = BTreeMap::new();
        for entry in tar::Archive::new(reader).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = String::from_utf8_lossy(&entry.path_bytes()).trim_end_matches('/').to_owned();
            let header = entry.header();
            let mut unpacked = Unpacked {
                kind: header.entry_type(),
                mode: header.mode().unwrap() & 0o7777,
                mtime: header.mtime().unwrap(),
                link: entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned()),
                data: Vec::new(),
            };
            std::io::Read::read_to_end(&mut entry, &mut unpacked.data).unwrap();
            found.insert(name, unpacked);
        }
        found
    };
    tokio::task::spawn_blocking(unpack).await.unwrap()
}

/// Asks until it is so.
pub(crate) async fn until(what: &str, limit: Duration, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn is_no_such_path<T>(result: Result<T, EngineError>, path: &str) -> bool {
    matches!(result, Err(EngineError::NoSuchPath(missing)) if missing.as_str() == path)
}
