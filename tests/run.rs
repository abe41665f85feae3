//! What goes wrong in real containers, told apart: each job here fails in its own way, and each ends with its own
//! outcome, a log that shows why, and no container left.
//!
//! The engine is found as farm finds it (`DOCKER_HOST`, contexts, the usual sockets). Without one the tests are skipped
//! with a loud line, or fail where `CI` is set. The base is Debian 12's, from the engine's store or bootstrapped.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use farm::archive::mirror::{self, Mirror};
use farm::archive::{Archives, Reader};
use farm::distro::{Catalogue, Distro};
use farm::engine::{self, Engine, EngineInfo, Limits, Network};
use farm::event::{Event, JobReport, Outcome};
use farm::fetch::Fetcher;
use farm::image::{BaseChoice, ImageOptions, Images};
use farm::matrix::Target;
use farm::packaging::{
    self, BuilderSetup, ExpectedPackage, PHASE_TOKEN, Packaging, Requirements, SourceLayout, Step, StepKind, TestSetup,
    UpgradeSetup, User,
};
use farm::plan::{Job, JobLimits, Key, Plan};
use farm::recipe::{PackageArch, RecipeFile, Selection};
use farm::runner::{self, Context, NoAdviser, Request, RunOptions};
use farm::source::Sources;
use farm::store::Store;
use farm::types::{Arch, Format};
use tokio::sync::mpsc;

const MIB: u64 = 1 << 20;

/// Makes the build user; needs no network.
const USER: &str = "set -eu\necho 'builder:x:2000:' >>/etc/group\n\
                    echo 'builder:x:2000:2000::/build:/bin/sh' >>/etc/passwd\nmkdir -p /build\nchown 2000:2000 /build\n";

/// Packs a package with the base's own dpkg-deb.
const PACK: &str = r#"set -eu
phase() { echo "$FARM_PHASE_TOKEN $1"; }
grep -q main main.c
phase build
mkdir -p root/DEBIAN root/usr/share/doc/run-test
printf 'MIT\n' >root/usr/share/doc/run-test/README
printf 'Package: run-test\nVersion: 1.0-1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: a test\n' \
    >root/DEBIAN/control
printf 'no newline before the next phase'
phase package
mkdir -p /build/results
dpkg-deb --root-owner-group -b root /build/results/run-test_1.0-1_all.deb
[ "$(id -u)" = 2000 ]
[ ! -e /sys/class/net/eth0 ]
"#;

struct Lab {
    engine: Arc<dyn Engine>,
    info: EngineInfo,
    distro: Arc<Distro>,
    mirrors: BTreeMap<String, Mirror>,
    folder: tempfile::TempDir,
    cache: std::path::PathBuf,
    run: String,
}

impl Lab {
    /// None, said aloud, when there is no engine.
    async fn new(name: &str) -> Option<Lab> {
        let connected = match engine::connect("auto").await {
            Ok(engine) => engine.ping().await.map(|info| (engine, info)),
            Err(error) => Err(error),
        };
        let (engine, info) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "no engine to test with: {error}");
                // Past the capture of the test harness: a skip that nobody sees is a lie.
                let _ = writeln!(std::io::stderr().lock(), "SKIPPED: no engine to test with: {error}");
                return None;
            }
        };
        let catalogue = Catalogue::load(&[]).unwrap();
        let distro = catalogue.get("debian-12").unwrap().clone();
        let folder = tempfile::tempdir().unwrap();
        // As the command line does, so that a bootstrap is not paid for twice.
        let cache = std::env::var_os("FARM_CACHE").map_or_else(|| folder.path().join("cache"), Into::into);
        let configured = std::env::vars()
            .filter_map(|(name, url)| {
                Some((name.strip_prefix("FARM_MIRROR_")?.to_ascii_lowercase().replace('_', "-"), url))
            })
            .collect();
        let mirrors = mirror::choose(&[&distro], &configured);
        let run = format!("test-{name}-{}", std::process::id());
        Some(Lab { engine, info, distro, mirrors, folder, cache, run })
    }

    fn job(&self, name: &str, script: &str) -> Job {
        let recipe = load(&self.folder.path().join(name), name, &[]);
        Job {
            target: Target {
                recipe: name.to_owned(),
                distro: self.distro.id.clone(),
                arch: self.info.arch,
                format: Format::Deb,
                variant: None,
            },
            recipe: Arc::new(recipe),
            distro: self.distro.clone(),
            resolved: Arc::from([]),
            builder: Arc::new(BuilderSetup { requirements: Requirements::Listed(Vec::new()), script: USER.to_owned() }),
            environment: None,
            packaging: Arc::new(Packaging {
                sources: SourceLayout::Tree { folder: "/build/source".to_owned() },
                files: Vec::new(),
                steps: vec![Step {
                    kind: StepKind::Unpack,
                    script: format!("cd /build/source\n{script}"),
                    user: User::Builder,
                    env: BTreeMap::new(),
                }],
                results: "/build/results".to_owned(),
                expected: vec![ExpectedPackage {
                    name: "run-test".to_owned(),
                    version: "1.0-1".to_owned(),
                    architecture: PackageArch::All,
                    is_empty: false,
                }],
            }),
            test: None,
            limits: JobLimits {
                memory_bytes: 256 * MIB,
                pids: 200,
                parallel: 1,
                timeout_seconds: 600,
                stall_seconds: 300,
                log_bytes: 4 * MIB,
            },
            source_date_epoch: Some(1_767_312_000),
            needs: Vec::new(),
            only_needed: false,
            key: Key::new(BTreeMap::new()),
        }
    }

    async fn run(&self, jobs: Vec<Job>) -> Vec<JobReport> {
        let (_requests, receiver) = mpsc::unbounded_channel();
        self.run_with(jobs, receiver, |_| {}).await
    }

    async fn run_with(
        &self,
        jobs: Vec<Job>,
        requests: mpsc::UnboundedReceiver<Request>,
        seen: impl Fn(&Event) + Send + 'static,
    ) -> Vec<JobReport> {
        let fetcher = Fetcher::new().unwrap();
        let urls: BTreeMap<String, farm::types::Address> =
            self.mirrors.iter().map(|(name, mirror)| (name.clone(), mirror.url.clone())).collect();
        let images = ImageOptions {
            base: BaseChoice::Auto,
            archives: Archives::new(
                Reader { fetcher: fetcher.clone(), cache: self.cache.clone() },
                self.mirrors.clone(),
            ),
            run: self.run.clone(),
            limits: Limits { memory_bytes: None, pids: None, cpuset: None },
            network: Network::Default,
        };
        let network_env = BTreeMap::from([(self.distro.id.clone(), packaging::network_env(&self.distro, &urls))]);
        let context = Context {
            run: self.run.clone(),
            engine: self.engine.clone(),
            engine_info: self.info.clone(),
            images: Images::new(self.engine.clone(), images),
            sources: Sources { cache: self.folder.path().join("sources"), fetcher, mirrors: urls },
            store: Store::open(&self.folder.path().join("dist")).unwrap(),
            adviser: Arc::new(NoAdviser),
            options: RunOptions { jobs: 3, network_env, ..RunOptions::default() },
        };
        let (sender, mut events) = mpsc::unbounded_channel();
        let listener = tokio::spawn(async move {
            let mut last = None;
            while let Some(event) = events.recv().await {
                seen(&event);
                last = Some(event);
            }
            last
        });
        let (_, reports) = runner::run(context, Plan { jobs, warnings: Vec::new() }, sender, requests).await;
        assert!(matches!(listener.await.unwrap(), Some(Event::RunFinished(_))));
        assert_eq!(self.engine.reap(Some(&self.run)).await.unwrap(), 0, "containers are left");
        reports
    }
}

fn load(folder: &Path, name: &str, requires: &[&str]) -> farm::recipe::Recipe {
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::write(folder.join("src/main.c"), "int main(void);\n").unwrap();
    let text = format!(
        "[package]\nname = \"{name}\"\nversion = \"1.0\"\nsummary = \"A package to test runs with\"\n\
         description = \"It holds nothing.\"\nlicense = \"MIT\"\nhomepage = \"https://example.org\"\n\
         maintainer = \"T <t@example.org>\"\ndate = 2026-01-02\n\n[[sources]]\npath = \"src\"\n\n\
         [build]\nrequires = {requires:?}\ninstall = \"true\"\n\n[matrix]\ndistros = [\"debian-12\"]\n"
    );
    let path = folder.join("farm.toml");
    std::fs::write(&path, text).unwrap();
    let selection = Selection {
        format: "deb".to_owned(),
        manager: "apt".to_owned(),
        distro: "debian".to_owned(),
        distro_version: "debian-12".to_owned(),
        arch: Arch::host().unwrap_or(Arch::Amd64).deb().to_owned(),
        variant: None,
    };
    RecipeFile::load(&path).unwrap().merged(&selection, &BTreeMap::new()).unwrap().without_project().unwrap()
}

fn log(report: &JobReport) -> String {
    String::from_utf8_lossy(&std::fs::read(report.log.as_ref().unwrap()).unwrap()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_built_kept_installed_and_removed() {
    let Some(lab) = Lab::new("good").await else { return };
    let mut job = lab.job("run-good", PACK);
    job.test = Some(Arc::new(TestSetup {
        packages: "/tmp/farm-packages".to_owned(),
        tester: None,
        install: "dpkg -i /tmp/farm-packages/*.deb".to_owned(),
        check: "true".to_owned(),
        test: Some("dpkg -s run-test | grep -q 'Version: 1.0-1'".to_owned()),
        remove: "dpkg -r run-test && ! dpkg -s run-test".to_owned(),
        env: BTreeMap::new(),
        upgrade: UpgradeSetup {
            tester: None,
            former: "install former".to_owned(),
            upgrade: "upgrade packages".to_owned(),
        },
        network: false,
    }));
    job.key = job.key.with("test", "tried");
    let reports = lab.run(vec![job.clone()]).await;
    let log = log(&reports[0]);
    assert_eq!(reports[0].outcome, Outcome::Succeeded, "{log}");
    assert!(reports[0].folder.join("run-test_1.0-1_all.deb").exists());
    assert!(!log.contains("@farm-phase"), "{log}");
    assert!(log.contains("no newline before the next phase\n\n+---"), "{log}");
    assert!(reports[0].memory_peak_bytes.is_some_and(|peak| peak > 0));
    assert!(reports[0].steps.iter().any(|(step, _)| *step == StepKind::Build));

    let reports = lab.run(vec![job]).await;
    assert_eq!(reports[0].outcome, Outcome::UpToDate);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_has_its_own_outcome() {
    let Some(lab) = Lab::new("bad").await else { return };
    let grow = "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done";
    let limited = |mut job: Job, memory_bytes: u64| {
        job.limits.memory_bytes = memory_bytes;
        job
    };
    let memory = 64 * MIB;
    let mut stalled = lab.job("run-stalled", "echo begun; exec sleep 1000");
    stalled.limits.stall_seconds = 3;
    let mut endless = lab.job("run-endless", "while :; do echo tick; sleep 0.2; done");
    endless.limits.timeout_seconds = 4;
    let check = format!("set -e\necho \"${PHASE_TOKEN} check\"\necho 'FAIL: a test' >&2\nexit 3");
    // A program that reports ENOSPC because its test writes to a device that is always full is a program that fails.
    let dev_full = "echo x | dd of=/dev/full";
    let cases = [
        (lab.job("run-fails", &check), Outcome::Failed { step: StepKind::Check, exit_code: 3 }),
        (lab.job("run-killed", "kill -9 $$"), Outcome::Failed { step: StepKind::Unpack, exit_code: 137 }),
        (stalled, Outcome::Stalled { step: StepKind::Unpack, limit: Duration::from_secs(3) }),
        (endless, Outcome::TimedOut { step: StepKind::Unpack, limit: Duration::from_secs(4) }),
        (
            limited(lab.job("run-memory", grow), memory),
            Outcome::OutOfMemory { step: StepKind::Unpack, limit_bytes: Some(memory) },
        ),
        (
            limited(lab.job("run-hidden", &format!("({grow}) | cat\nmkdir /build/results")), memory),
            Outcome::OutOfMemory { step: StepKind::Unpack, limit_bytes: Some(memory) },
        ),
        (lab.job("run-flood", "exec yes"), Outcome::LogLimit { step: StepKind::Unpack, limit_bytes: 4 * MIB }),
        (
            limited(lab.job("run-disk", "dd if=/dev/zero of=/dev/shm/big bs=1M"), 2048 * MIB),
            Outcome::DiskFull { step: StepKind::Unpack, place: "/dev/shm in the container".to_owned() },
        ),
        // Files without a disk are memory, and stay when who wrote them has ended.
        (
            limited(lab.job("run-shm", "dd if=/dev/zero of=/dev/shm/big bs=1M"), memory),
            Outcome::OutOfMemory { step: StepKind::Unpack, limit_bytes: Some(memory) },
        ),
        (
            lab.job("run-devfull", &format!("set -e\n{dev_full}")),
            Outcome::Failed { step: StepKind::Unpack, exit_code: 1 },
        ),
    ];
    let (jobs, expected): (Vec<Job>, Vec<Outcome>) = cases.into_iter().unzip();
    let reports = lab.run(jobs).await;
    for (report, expected) in reports.iter().zip(&expected) {
        let log = log(report);
        assert_eq!(report.outcome, *expected, "{}: {log}", report.target);
        assert!(log.ends_with(&format!("Status: {}\n", expected.word())), "{}: {log}", report.target);
    }
    let devfull = log(&reports[9]);
    assert!(devfull.contains("No space left on device"), "{devfull}");
    let fails = &reports[0];
    let tail = fails.tail.as_ref().unwrap();
    assert_eq!(tail.lines, ["FAIL: a test"]);
    let line = usize::try_from(tail.first_line).unwrap() - 1;
    assert_eq!(log(fails).lines().nth(line), Some("FAIL: a test"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_requirement_is_named_and_a_dead_mirror_is_not_the_packages_fault() {
    let Some(mut lab) = Lab::new("apt").await else { return };
    let with_builder = |lab: &Lab, name: &str, requires: &[&str]| {
        let mut job = lab.job(name, PACK);
        job.recipe = Arc::new(load(&lab.folder.path().join(name), name, requires));
        job.builder = Arc::new(packaging::builder(&job.recipe, &job.distro));
        job
    };
    let missing = with_builder(&lab, "run-missing", &["libdoes-not-exist-dev"]);
    let reports = lab.run(vec![missing]).await;
    let requirements = vec!["libdoes-not-exist-dev".to_owned()];
    assert_eq!(reports[0].outcome, Outcome::DepWait { requirements }, "{}", log(&reports[0]));

    // The base is there by now: only the packages come from the mirror.
    for mirror in lab.mirrors.values_mut() {
        mirror.url = "http://127.0.0.1:9/debian".to_owned().into();
    }
    let unreachable = with_builder(&lab, "run-mirror", &["libdoes-not-exist-dev"]);
    let reports = lab.run(vec![unreachable]).await;
    let Outcome::Infrastructure { reason } = &reports[0].outcome else {
        panic!("{:?}: {}", reports[0].outcome, log(&reports[0]))
    };
    assert!(reason.contains("mirror") && reason.contains("3 attempts"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_ends_what_hangs() {
    let Some(lab) = Lab::new("cancel").await else { return };
    for requests in [&[Request::Cancel][..], &[Request::Cancel, Request::Kill]] {
        let (sender, receiver) = mpsc::unbounded_channel();
        // Ignores what a polite program would end at.
        let job = lab.job("run-hangs", "trap '' TERM INT HUP; echo begun; while :; do sleep 1; done");
        let reports = lab
            .run_with(vec![job], receiver, move |event| {
                if matches!(event, Event::Output { line, .. } if line == "begun") {
                    requests.iter().for_each(|request| sender.send(*request).unwrap());
                }
            })
            .await;
        assert_eq!(reports[0].outcome, Outcome::Cancelled);
        assert!(log(&reports[0]).contains("begun\n"));
    }
}
