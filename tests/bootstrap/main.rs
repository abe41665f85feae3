//! Bootstraps real distributions from their archive into the engine that the environment names, with mmdebstrap's
//! result as the oracle: the same packages, and the same files, file by file.

// Helpers of tests unwrap, too.
#![allow(clippy::unwrap_used)]

mod install;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use farm::archive::mirror::{self, Mirror};
use farm::archive::{Archives, Reader};
use farm::distro::{Bootstrap, Catalogue, Distro};
use farm::engine::{
    Container, ContainerSpec, Engine, ExecSpec, GuestPath, HOST_NAME, Limits, Network, OutputSink, OutputStream, labels,
};
use farm::fetch::Fetcher;
use farm::image::{BaseChoice, ImageOptions, Images};
use farm::types::{Arch, NoProgress};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

/// What differs for a reason, by path (a folder with all below it).
type Allowed = &'static [(&'static str, &'static str)];

const DIFFERENT: Allowed = &[
    (".dockerenv", "the engine's"),
    ("dev", "the engine's; mmdebstrap makes device nodes"),
    ("proc", "the engine's"),
    ("sys", "the engine's"),
    ("etc/hostname", "the engine's; mmdebstrap copies the host's"),
    ("etc/hosts", "the engine's"),
    ("etc/mtab", "the engine's"),
    ("etc/resolv.conf", "the engine's; mmdebstrap copies the host's"),
    ("run", "what is there is no part of an image"),
    ("tmp", "what is there is no part of an image"),
    ("etc/apt/apt.conf.d/99mmdebstrap", "options that mmdebstrap was called with"),
    ("etc/apt/sources.list", "mmdebstrap writes the one-line format"),
    ("etc/apt/sources.list.d", "farm writes deb822"),
    ("etc/fstab", "mmdebstrap writes a comment"),
    ("usr/sbin/policy-rc.d", "farm's: no services in a container"),
    ("var/cache/apt", "not filled by farm"),
    ("var/lib/apt", "lists, and what apt noted: mmdebstrap installs with apt"),
    ("var/lib/dpkg/diversions-old", "dpkg's backup"),
    ("var/lib/dpkg/lock", "left by apt"),
    ("var/lib/dpkg/lock-frontend", "left by apt"),
    ("var/lib/dpkg/status-old", "dpkg's backup"),
    ("var/cache/debconf/config.dat-old", "debconf's backup"),
    ("var/cache/debconf/templates.dat-old", "debconf's backup"),
    ("var/log", "farm leaves none"),
];

/// Paths whose content is a date.
const DATED: [&str; 2] = ["etc/shadow", "etc/shadow-"];

#[tokio::test(flavor = "multi_thread")]
async fn debian_12_is_what_mmdebstrap_makes() {
    compare("debian-12").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn debian_13_is_what_mmdebstrap_makes() {
    compare("debian-13").await;
}

async fn compare(id: &str) {
    let Some(engine) = engine().await else { return };
    if !support::have(&["mmdebstrap"]) {
        return;
    }
    let catalogue = Catalogue::load(&[]).unwrap();
    let mut distro = Distro::clone(catalogue.get(id).unwrap());
    // A name of its own: the bases of others stay.
    distro.id = format!("test-{}-{id}", std::process::id());
    let mirrors = mirror::choose(&[&distro], &BTreeMap::new());
    let folder = tempfile::tempdir().unwrap();
    let bootstrap = distro.bootstrap.clone().unwrap();
    let oracle_tar = folder.path().join("oracle.tar");
    let (oracle, ours) =
        tokio::join!(mmdebstrap(&bootstrap, &mirrors, folder.path(), &oracle_tar), files(&engine, &distro, &mirrors));
    oracle.unwrap();
    let oracle = read_tar(&oracle_tar);

    assert!(ours.len() > 3000, "only {} files", ours.len());
    assert_same("mmdebstrap", &oracle, &ours, &[DIFFERENT]);
}

/// Fails with all that differs beside what may.
fn assert_same(peer: &str, theirs: &BTreeMap<String, Entry>, ours: &BTreeMap<String, Entry>, allowed: &[Allowed]) {
    let differences: Vec<String> = theirs
        .keys()
        .chain(ours.keys().filter(|path| !theirs.contains_key(*path)))
        .filter(|path| !allowed.iter().any(|different| expected(different, path)))
        .filter(|path| theirs.get(*path) != ours.get(*path))
        .map(|path| format!("{path}: {peer} {:?}, farm {:?}", theirs.get(path), ours.get(path)))
        .collect();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

fn expected(different: Allowed, path: &str) -> bool {
    different
        .iter()
        .any(|(prefix, _)| path == *prefix || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/')))
}

/// Bootstraps `distro` into the engine; what is in the image, by path.
async fn files(
    engine: &Arc<dyn Engine>,
    distro: &Distro,
    mirrors: &BTreeMap<String, Mirror>,
) -> BTreeMap<String, Entry> {
    let cancel = CancellationToken::new();
    let images = images(engine, mirrors, BaseChoice::Bootstrap);
    let mut log = Collect::default();
    let made = images.base(distro, Arch::host().unwrap(), None, &mut log, &NoProgress, &|_| (), &cancel).await;
    let base = made.unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&log.stdout)));
    let listed = contents(engine, &base.image, &distro.id).await;
    engine.remove_image(&base.image).await.unwrap();
    listed
}

fn images(engine: &Arc<dyn Engine>, mirrors: &BTreeMap<String, Mirror>, base: BaseChoice) -> Images {
    let options = ImageOptions {
        held: BTreeMap::new(),
        base,
        archives: Archives::new(Reader { fetcher: Fetcher::new().unwrap(), cache: cache() }, mirrors.clone()),
        run: format!("test-{}", std::process::id()),
        limits: Limits { memory_bytes: None, pids: None, cpuset: None },
        network: Network::Default,
        host: Default::default(),
    };
    Images::new(engine.clone(), options)
}

/// What is in an image, by path.
async fn contents(engine: &Arc<dyn Engine>, image: &str, name: &str) -> BTreeMap<String, Entry> {
    let spec = ContainerSpec {
        image: image.to_owned(),
        arch: Arch::host().unwrap(),
        name: format!("farm-{name}-{}", std::process::id()),
        host_name: HOST_NAME,
        network: Network::None,
        limits: Limits { memory_bytes: None, pids: None, cpuset: None },
        labels: BTreeMap::from([(labels::RUN.to_owned(), "test".to_owned())]),
    };
    let container = engine.create(&spec).await.unwrap();
    let listed = list(&*container).await;
    container.remove().await.unwrap();
    listed
}

/// A file as it matters: type, mode, owners, link target, and the SHA-256 of a regular one.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    kind: char,
    mode: u32,
    owner: (u64, u64),
    link: String,
    sha256: String,
}

async fn list(container: &dyn Container) -> BTreeMap<String, Entry> {
    container.start().await.unwrap();
    let audit = run(container, "dpkg --audit; dpkg-query --show --showformat '${db:Status-Status}\\n' | sort -u").await;
    assert_eq!(audit.trim(), "installed", "every package is installed, and dpkg has nothing to complain of");
    let skip = "-path /proc -o -path /sys -o -path /dev";
    let listing = format!("find / -mindepth 1 \\( {skip} \\) -prune -o -printf '%y\\t%m\\t%U\\t%G\\t%P\\t%l\\n'");
    let hashes = format!("find / -mindepth 1 \\( {skip} \\) -prune -o -type f -print0 | xargs -0 sha256sum");
    let hashes: HashMap<String, String> = run(container, &hashes)
        .await
        .lines()
        .filter_map(|line| line.split_once("  /"))
        .map(|(hash, path)| (path.to_owned(), hash.to_owned()))
        .collect();
    let mut entries = BTreeMap::new();
    for line in run(container, &listing).await.lines() {
        let [kind, mode, uid, gid, path, link] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("find printed {line:?}")
        };
        let sha256 = if DATED.contains(&path) { String::new() } else { hashes.get(path).cloned().unwrap_or_default() };
        let entry = Entry {
            kind: kind.chars().next().unwrap(),
            mode: u32::from_str_radix(mode, 8).unwrap(),
            owner: (uid.parse().unwrap(), gid.parse().unwrap()),
            link: link.to_owned(),
            sha256,
        };
        entries.insert(path.to_owned(), entry);
    }
    entries
}

async fn run(container: &dyn Container, script: &str) -> String {
    let exec = ExecSpec {
        argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
        user: "0:0".to_owned(),
        env: vec![("PATH".to_owned(), "/usr/sbin:/usr/bin:/sbin:/bin".to_owned())],
        workdir: GuestPath::new("/"),
    };
    let mut output = Collect::default();
    container.exec(&exec, &mut output, &CancellationToken::new()).await.unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Keeps what a process prints.
#[derive(Default)]
struct Collect {
    stdout: Vec<u8>,
}

#[async_trait]
impl OutputSink for Collect {
    async fn write(&mut self, _stream: OutputStream, chunk: Bytes) -> std::io::Result<()> {
        self.stdout.extend_from_slice(&chunk);
        Ok(())
    }
}

async fn mmdebstrap(
    bootstrap: &Bootstrap,
    mirrors: &BTreeMap<String, Mirror>,
    folder: &Path,
    tar: &Path,
) -> Result<(), String> {
    let keyring = folder.join("keyring.gpg");
    std::fs::write(&keyring, farm::distro::keyring(&bootstrap.keyrings[0]).unwrap()).unwrap();
    let mut places = vec![(&bootstrap.archive, &bootstrap.suite)];
    places.extend(bootstrap.updates.iter().map(|suite| (&bootstrap.archive, suite)));
    places.extend(bootstrap.security.iter().map(|security| (&security.archive, &security.suite)));
    let sources: Vec<String> = places
        .into_iter()
        .map(|(archive, suite)| format!("deb {} {suite} {}", mirrors[archive].url, bootstrap.components.join(" ")))
        .collect();
    let mut command = tokio::process::Command::new("mmdebstrap");
    command.args(["--quiet", "--variant=minbase"]).arg(format!("--keyring={}", keyring.display()));
    // From trixie on base-files brings the links of merged /usr.
    if bootstrap.suite == "bookworm" {
        command.arg("--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr");
    }
    let output = command.arg(&bootstrap.suite).arg(tar).arg(sources.join("\n")).output().await.unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn read_tar(path: &Path) -> BTreeMap<String, Entry> {
    let mut archive = tar::Archive::new(std::fs::File::open(path).unwrap());
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    let mut hard_links = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let clean = |path: &Path| path.to_string_lossy().trim_start_matches("./").trim_matches('/').to_owned();
        let path = clean(&entry.path().unwrap());
        if path.is_empty() {
            continue;
        }
        let link = entry.link_name().unwrap().map(|link| link.into_owned()).unwrap_or_default();
        let header = entry.header().clone();
        let kind = match header.entry_type() {
            tar::EntryType::Directory => 'd',
            tar::EntryType::Symlink => 'l',
            tar::EntryType::Regular => 'f',
            tar::EntryType::Link => {
                hard_links.push((path, clean(&link)));
                continue;
            }
            // Device nodes: the engine makes its own.
            _ => continue,
        };
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let dated = kind != 'f' || DATED.contains(&path.as_str());
        let entry = Entry {
            kind,
            mode: header.mode().unwrap() & 0o7777,
            owner: (header.uid().unwrap(), header.gid().unwrap()),
            link: if kind == 'l' { link.to_string_lossy().into_owned() } else { String::new() },
            sha256: if dated { String::new() } else { hex::encode(Sha256::digest(&content)) },
        };
        entries.insert(path, entry);
    }
    for (path, target) in hard_links {
        let Entry { kind, mode, owner, ref link, ref sha256 } = entries[&target];
        let same = Entry { kind, mode, owner, link: link.clone(), sha256: sha256.clone() };
        entries.insert(path, same);
    }
    entries
}

/// Packages are fetched once for all runs of the tests.
fn cache() -> PathBuf {
    support::temporary().join("cache")
}

async fn engine() -> Option<Arc<dyn Engine>> {
    Some(farm::engine::connect(&support::engine("DOCKER_HOST")?).await.unwrap())
}
