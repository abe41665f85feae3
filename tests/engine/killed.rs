//! `kill -9` at any moment of whatever the engine does, and of the shims of its containers: nothing is left of it but
//! a store that is whole.

// A child speaks to its parent, and a seed to whoever reads the failure.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use farm::engine::{
    self, BuildSpec, CommitSpec, Engine, EngineError, GuestPath, Limits, NativeOptions, Network, labels,
};
use farm::types::Arch;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, Kept, Kind, NATIVE, exec, files, guest_image, import, native_options, sh, until};
use crate::lease::child;

/// Names an image and a run to a child of this test.
const KILLED: &str = "FARM_TEST_KILLED";
const ROUNDS: usize = 200;
/// What a child says, each of which a round waits for: however slow the machine, each stage is come to.
const SIGNS: [&str; 7] = ["alive", "open", "created", "filled", "committed", "removed", "built"];
/// From the sign to the kill.
const LONGEST: Duration = Duration::from_millis(60);
const SOON: Duration = Duration::from_secs(20);

/// A store, and a copy of farm by whose name its processes are known.
struct Own {
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Own {
    /// Beside the store of the other tests: there the user may write, and a layer can be.
    fn new() -> Own {
        let tests = native_options();
        let parent = tests.store.parent().unwrap();
        std::fs::create_dir_all(parent).unwrap();
        let folder = tempfile::Builder::new().prefix("killed-").tempdir_in(parent).unwrap();
        let program = folder.path().join("farm");
        crate::support::stranger::copy_program(&tests.program, &program);
        Own { folder, program }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    async fn open(&self) -> Arc<dyn Engine> {
        let options = NativeOptions { store: self.store(), program: self.program.clone() };
        engine::connect_native(options).await.unwrap()
    }

    /// The command lines of the processes that were started as this copy of farm, or with a word in them.
    fn processes(&self, word: &str) -> Vec<String> {
        let program = self.program.to_str().unwrap();
        let lines = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            Some(String::from_utf8_lossy(&line).replace('\0', " "))
        });
        lines.filter(|line| line.contains(program) || line.contains(word)).collect()
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.store().join(folder)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// No container, nothing half made, and nothing wrong with what is whole.
    async fn is_whole(&self) -> Arc<dyn Engine> {
        let engine = self.open().await;
        assert_eq!(self.names("containers"), [""; 0], "containers after a sweep");
        assert_eq!(self.names("staging"), [""; 0], "what was being made, after a sweep");
        assert_eq!(engine.verify().await.unwrap(), Some(Vec::new()));
        engine
    }
}

/// Not a kill's work, but a disk's: the store knows what it holds, byte for byte.
pub(crate) async fn rot_is_found(_: Bench) {
    let own = Own::new();
    let engine = own.open().await;
    import(&*engine, "farm-test/rot:1", BTreeMap::new(), files(&[("etc/kept", "as it was")])).await;
    let layer = own.names("layers").remove(0);
    let file = own.store().join("layers").join(&layer).join("t/etc/kept");
    assert_eq!(engine.verify().await.unwrap(), Some(Vec::new()));
    std::fs::write(&file, "otherwise").unwrap();
    let problem = format!("layer {layer} of image farm-test/rot:1 has another content than it was made with");
    assert_eq!(engine.verify().await.unwrap(), Some(vec![problem]));
    assert_eq!(engine.image("farm-test/rot:1").await.unwrap(), None, "nothing is built on it");
    assert!(engine.collect_garbage().await.unwrap() > Some(0));
    assert_eq!(own.names("layers"), [""; 0]);
}

/// Whether a name ends in an id that a process of ours gave: `…-PID-NUMBER` (in hexadecimal digits).
fn is_of(name: &str, pids: &BTreeSet<u32>) -> bool {
    let mut words = name.rsplit('-');
    let (_number, pid) = (words.next(), words.next());
    pid.and_then(|pid| u32::from_str_radix(pid, 16).ok()).is_some_and(|pid| pids.contains(&pid))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Control groups of containers.
fn control_groups() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        for path in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
        {
            if name(&path).starts_with("farm-") {
                found.insert(path.clone());
            }
            folders.push(path);
        }
    }
    found
}

/// Mounts of the store, or of a container that these processes made, wherever they can be seen.
fn mounts(store: &Path, pids: &BTreeSet<u32>) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let table = std::fs::read_to_string(entry.path().join("mountinfo")).unwrap_or_default();
        let ours = |line: &&str| {
            let containers = line.split("containers/").skip(1);
            line.contains(store.to_str().unwrap())
                || containers.filter_map(|rest| rest.split('/').next()).any(|id| is_of(id, pids))
        };
        found.extend(table.lines().filter(ours).map(str::to_owned));
    }
    found
}

/// A command whose processes are a run's own.
fn asleep(run: &str) -> String {
    format!("sleep 1000.{}", run.trim_start_matches("killed-"))
}

/// Not a case: what the child of [`at_any_moment`] does until it is killed. Without a parent it has nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn child_never_rests() {
    let Ok(asked) = std::env::var(KILLED) else { return };
    let (image, run) = asked.split_once(' ').unwrap();
    println!("alive");
    let engine = engine::connect_native(native_options()).await.unwrap();
    let bench = Bench::of(engine, Kind::Native, image.to_owned(), run.to_owned());
    println!("open");
    let image = async || {
        for number in 0.. {
            let tag = format!("farm-test/layer:{number}");
            import(&*bench.engine, &tag, BTreeMap::new(), files(&[("etc/name", &tag), ("etc/x/y", "z")])).await;
            if number % 2 == 0 {
                bench.engine.remove_image(&tag).await.unwrap();
            }
        }
    };
    let container = async || {
        for number in 0.. {
            let container = bench.started().await;
            println!("created");
            container.upload(&GuestPath::new("/tmp"), files(&[("a", "1"), ("b/c", "2")])).await.unwrap();
            let script = format!("{} & mkdir -p /opt/d; echo {number} >/opt/d/e", asleep(&bench.run));
            assert!(exec(&*container, &sh(&script)).await.0.success());
            println!("filled");
            let tag = format!("farm-test/commit:{}", number % 3);
            container.commit(&CommitSpec { tag, labels: BTreeMap::new() }).await.unwrap();
            println!("committed");
            container.remove().await.unwrap();
            println!("removed");
        }
    };
    let dockerfile = async || {
        let text = format!(
            "FROM {} AS first\nRUN echo x >/x; {} &\nFROM first AS second\nRUN echo y >/y\nFROM scratch\n\
             COPY --from=second /y /\nCOPY a /\n",
            bench.image,
            asleep(&bench.run)
        );
        for number in 0.. {
            let spec = BuildSpec {
                dockerfile: "Dockerfile".to_owned(),
                target: None,
                args: BTreeMap::new(),
                arch: Arch::host().unwrap(),
                network: Network::None,
                limits: Limits { memory_bytes: None, pids: None, cpuset: None },
                tag: format!("farm-test/built:{}", number % 3),
                labels: BTreeMap::new(),
            };
            let context = files(&[("Dockerfile", &text), ("a", "1")]);
            bench.engine.build(&spec, context, &mut Kept::default(), &CancellationToken::new()).await.unwrap();
            println!("built");
        }
    };
    tokio::join!(image(), container(), dockerfile());
}

/// A xorshift generator: the moments of a run that failed can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        limit.mul_f64((self.0 >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

pub(crate) async fn at_any_moment(bench: Bench) {
    const SEED: &str = "FARM_TEST_SEED";
    let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1);
    // Shown when the test fails.
    println!("{SEED}={seed}");
    let own = Own::new();
    let run = format!("killed-{}", std::process::id());
    let image = guest_image(&*own.open().await, bench.kind).await;
    let errors = own.folder.path().join("errors");
    let mut random = Random(seed);
    let before = control_groups();
    let mut pids = BTreeSet::new();
    // Beside root's run of the same, an ordinary user's is a part.
    let rounds = if nix::unistd::Uid::effective().is_root() { ROUNDS } else { ROUNDS / 4 };
    for round in 0..rounds {
        let sign = SIGNS[round % SIGNS.len()];
        let mut command: Command = child("killed::child_never_rests", bench.kind, &run);
        command
            .env(NATIVE, format!("{}:{}", own.store().display(), own.program.display()))
            .env(KILLED, format!("{image} {run}"));
        let mut child = command.stdout(Stdio::piped()).stderr(std::fs::File::create(&errors).unwrap()).spawn().unwrap();
        pids.insert(child.id());
        let moment = random.below(LONGEST);
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        // It goes on printing: the pipe stays open.
        let heard = tokio::task::spawn_blocking(move || (said.any(|line| line.unwrap().ends_with(sign)), said));
        let (heard, _said) = heard.await.unwrap();
        assert!(heard, "the child ended before it began: {}", std::fs::read_to_string(&errors).unwrap());
        // What is waited for is the moment itself.
        tokio::time::sleep(moment).await;
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        let said = std::fs::read_to_string(&errors).unwrap();
        assert!(ended.code().is_none(), "it ended by itself: {ended}: {said}");
    }
    let asleep = asleep(&run);
    until("no process is left", SOON, async || own.processes(&asleep).is_empty()).await;
    assert_eq!(own.names("containers"), [""; 0], "each was removed by its shim");
    assert_eq!(mounts(&own.store(), &pids), [""; 0]);
    // An earlier process may have had one of these numbers.
    let left = control_groups().into_iter().filter(|group| !before.contains(group) && is_of(&name(group), &pids));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<PathBuf>::new());
    let images = own.is_whole().await.images(labels::OWNED).await.unwrap();
    let tags: Vec<String> = images.into_iter().flat_map(|image| image.tags).collect();
    assert!(tags.iter().all(|tag| !tag.starts_with("farm/stage:")), "what builds kept for themselves: {tags:?}");
    for made in ["farm-test/layer:", "farm-test/commit:", "farm-test/built:"] {
        assert!(tags.iter().any(|tag| tag.starts_with(made)), "they were killed before they did anything: {tags:?}");
    }
}

/// The shim of a container is killed: the container ends with it, and the next who opens the store cleans up.
pub(crate) async fn keepers_are_missed(bench: Bench) {
    let own = Own::new();
    let first = own.open().await;
    let image = import(&*first, "farm-test/empty:1", BTreeMap::new(), files(&[("tmp/x", "")])).await;
    let mut spec = bench.spec();
    spec.image = image.id;
    spec.labels.insert(labels::RUN.to_owned(), bench.run.clone());
    let mut containers = Vec::new();
    for _ in 0..3 {
        containers.push(first.create(&spec).await.unwrap());
    }
    let names = own.names("containers");
    assert_eq!(names.len(), 3);
    for name in &names {
        let shim = std::fs::read_to_string(own.store().join("containers").join(name).join("shim")).unwrap();
        kill(Pid::from_raw(shim.parse().unwrap()), Signal::SIGKILL).unwrap();
    }
    let program = own.program.to_str().unwrap().to_owned();
    until("their containers end with them", SOON, async || own.processes(&program).is_empty()).await;
    let result = containers[0].exec(&sh("true"), &mut Kept::default(), &Default::default()).await;
    assert!(matches!(result, Err(EngineError::Ended { .. })), "{result:?}");
    assert_eq!(own.names("containers").len(), 3, "nobody was there to remove them");
    own.is_whole().await;
    let of_them = |group: &PathBuf| names.iter().any(|container| name(group).ends_with(container.as_str()));
    assert_eq!(control_groups().into_iter().filter(of_them).collect::<Vec<_>>(), Vec::<PathBuf>::new());
    for container in containers {
        container.remove().await.unwrap();
    }
    assert_eq!(first.reap(None).await.unwrap(), 0);
}
