//! Whole runs on the fake engine: what a job's processes do is scripted, everything else is real.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio_util::sync::CancellationToken;

use super::container::ONE_STREAM;
use super::*;
use crate::archive::{Archives, Reader};
use crate::artifact::{ArtifactKind, PackageListing};
use crate::distro::{Catalogue, Distro};
use crate::engine::fake::{FakeEngine, FakeFile, Guest, Reply};
use crate::engine::{Engine, EngineError, Limits, Network, labels};
use crate::event::{Event, HintPackage, JobReport, NearNames, Outcome, RecipePlace, RequiredBy};
use crate::fetch::Fetcher;
use crate::hint::Missing;
use crate::image::{BaseChoice, ImageOptions, Images};
use crate::matrix::Target;
use crate::packaging::{
    BuilderSetup, EXIT_NETWORK, ExpectedPackage, PHASE_TOKEN, Packaging, Requirements, SourceLayout, Step, StepKind,
    TargetRecipe, TestSetup, UpgradeSetup, User,
};
use crate::plan::{Job, JobLimits, Key, Plan};
use crate::recipe::{PackageArch, Recipe, RecipeFile, Selection};
use crate::source::{Registries, Sources};
use crate::store::Store;
use crate::types::{Arch, Format, Progress};

mod caches;
mod dockerfile;
mod ended;
mod in_flight;
mod jobs;
mod life;
mod lint;
mod markers;
mod pool;
mod reading;
mod set;
mod shown;
mod source_tests;

const RECIPE: &str = r#"
[package]
name = "NAME"
version = "1.0"
summary = "A package to test the runner with"
description = "It holds nothing."
license = "MIT"
homepage = "https://example.org"
maintainer = "Tester <tester@example.org>"
date = 2026-01-02

[[sources]]
path = "src"

[build]
install = "true"

[matrix]
distros = ["debian-12"]
"#;

/// Knows one package, and where recipes say what they need.
#[derive(Debug)]
struct Knowing;

#[async_trait::async_trait]
impl Adviser for Knowing {
    fn place_of(&self, _: &Target, _: &str, _: &str) -> Option<RecipePlace> {
        None
    }

    fn place_of_file(&self, _: &Target, _: &str) -> Option<RecipePlace> {
        None
    }

    fn script_place(&self, _: &Target, _: &str, line: usize) -> Option<RecipePlace> {
        Some(RecipePlace::new("farm.toml", 20 + line))
    }

    async fn advise(
        &self,
        _: &Job,
        missing: &Missing,
        _: &dyn Progress,
        _: &CancellationToken,
    ) -> Option<(String, Vec<HintPackage>)> {
        let package = HintPackage { name: "libonig-dev".to_owned(), version: "6.9.8-1".to_owned() };
        (missing.name == "oniguruma.h").then(|| ("pkgconfig(oniguruma)".to_owned(), vec![package]))
    }

    async fn near(
        &self,
        _: &Distro,
        _: Arch,
        names: Vec<String>,
        _: &dyn Progress,
        _: &CancellationToken,
    ) -> Option<Vec<Vec<HintPackage>>> {
        let package = || HintPackage { name: "libnothing2-dev".to_owned(), version: "1".to_owned() };
        Some(names.iter().map(|name| if name == "libnothing-dev" { vec![package()] } else { Vec::new() }).collect())
    }

    fn place(&self, target: &Target, key: &str) -> Option<RecipePlace> {
        (key == "build.requires").then(|| RecipePlace::new(target.recipe.clone(), 24))
    }
}

/// One with a base of this identity.
fn engine(distro: &Distro, identity: &str) -> FakeEngine {
    let engine = FakeEngine::new();
    let base_labels = [
        (labels::KIND, "base"),
        (labels::ORIGIN, "bootstrap"),
        (labels::DISTRO, "debian-12/amd64"),
        (labels::DEFINITION, &distro.digest),
        (labels::DIGEST, identity),
    ];
    let base_labels = base_labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    engine.add_image("farm/base:debian-12-amd64", base_labels.into());
    engine.on_exec(|guest| (guest.exec.argv[2] == "install requirements").then(|| Reply::exit(0)));
    for good in ["check packages", "install again"] {
        engine.on_exec(move |guest| guest.exec.argv[2].ends_with(good).then(|| Reply::exit(0)));
    }
    engine
}

/// A run on a fake engine, with everything it writes in a folder of its own.
struct Bench {
    folder: tempfile::TempDir,
    engine: FakeEngine,
    /// The other engines of the run.
    others: Vec<FakeEngine>,
    distro: Arc<Distro>,
    options: RunOptions,
    slots: usize,
    second: Duration,
}

impl Bench {
    fn new() -> Bench {
        let catalogue = Catalogue::load(&[]).unwrap();
        let distro = catalogue.get("debian-12").unwrap().clone();
        let (engine, options) = (engine(&distro, "sha256:base"), RunOptions::default());
        let (folder, second) = (tempfile::tempdir().unwrap(), Duration::from_secs(1));
        Bench { folder, engine, others: Vec::new(), distro, options, slots: 2, second }
    }

    /// A bench on which seconds are milliseconds: for limits and waits that are to pass.
    fn fast() -> Bench {
        Bench { second: Duration::from_millis(1), ..Bench::new() }
    }

    fn job(&self, name: &str, steps: &[&str]) -> Job {
        let root = self.folder.path().join("recipes").join(name);
        std::fs::create_dir_all(root.join("src")).unwrap();
        std::fs::write(root.join("src/main.c"), "int main;").unwrap();
        std::fs::write(root.join("farm.toml"), RECIPE.replace("NAME", name)).unwrap();
        Job {
            lint: None,
            target: target(name),
            recipe: TargetRecipe::unchanged(recipe(&root.join("farm.toml"))),
            distro: self.distro.clone(),
            resolved: Arc::from([]),
            builder: Arc::new(BuilderSetup {
                requirements: Requirements::Listed(vec!["make".to_owned()]),
                script: "install requirements".into(),
                toolchain: None,
            }),
            environment: None,
            packaging: Arc::new(Packaging {
                sources: SourceLayout::Tree { folder: format!("/build/{name}-1.0") },
                files: Vec::new(),
                steps: steps
                    .iter()
                    .map(|script| Step {
                        kind: StepKind::Unpack,
                        script: (*script).to_owned(),
                        user: User::Builder,
                        env: BTreeMap::new(),
                    })
                    .collect(),
                results: "/build/results".to_owned(),
                expected: vec![ExpectedPackage {
                    name: name.to_owned(),
                    version: "1.0-1~deb12".to_owned(),
                    architecture: PackageArch::All,
                    is_empty: false,
                }],
            }),
            test: None,
            limits: JobLimits {
                memory_bytes: 1 << 30,
                pids: 100,
                timeout_seconds: 3600,
                stall_seconds: 600,
                log_bytes: 1 << 20,
            },
            source_date_epoch: Some(1_767_312_000),
            repositories: Vec::new(),
            unanswered: None,
            needs: Vec::new(),
            only_needed: false,
            given: None,
            rebuild: None,
            key: Key { digest: "sha256:key".to_owned(), inputs: BTreeMap::new() },
        }
    }

    /// Scripts what the exec with this script does, on all engines.
    fn on(&self, script: &'static str, reply: impl Fn(&mut Guest<'_>) -> Reply + Send + Sync + 'static) -> &Bench {
        let reply = Arc::new(reply);
        for engine in std::iter::once(&self.engine).chain(&self.others) {
            let (read_first, reply) = (crate::packaging::traced::read_first(), reply.clone());
            engine.on_exec(move |guest| {
                (guest.exec.argv[2].trim_start_matches(ONE_STREAM).trim_start_matches(&read_first) == script)
                    .then(|| reply(guest))
            });
        }
        self
    }

    /// A build that leaves one good package.
    fn on_good_build(&self, script: &'static str, name: &'static str) -> &Bench {
        self.on(script, move |guest| {
            let deb = deb(name, "1.0-1~deb12");
            guest.files.insert("/build/results".to_owned(), FakeFile::directory());
            guest.files.insert(format!("/build/results/{name}_1.0-1~deb12_all.deb"), FakeFile::regular(deb));
            Reply::exit(0).stdout("built\n")
        })
    }

    async fn run(&self, jobs: Vec<Job>) -> Ran {
        let (_requests, receiver) = mpsc::unbounded_channel();
        self.run_with(jobs, receiver, |_| {}).await
    }

    /// Runs with requests; `seen` hears each event as it comes.
    async fn run_with(
        &self,
        jobs: Vec<Job>,
        requests: UnboundedReceiver<Request>,
        seen: impl Fn(&Event) + Send + 'static,
    ) -> Ran {
        let run = "test".to_owned();
        let images = ImageOptions {
            held: BTreeMap::new(),
            base: BaseChoice::Store,
            archives: Archives::new(
                Reader { fetcher: Fetcher::new().unwrap(), cache: self.folder.path().join("cache") },
                BTreeMap::new(),
            ),
            run: run.clone(),
            limits: Limits { memory_bytes: None, pids: None, cpuset: None },
            network: Network::Default,
            host: Default::default(),
        };
        let sources = Sources {
            cache: self.folder.path().join("cache"),
            fetcher: Fetcher::new().unwrap(),
            mirrors: BTreeMap::new(),
            registries: Registries::from_variables(&BTreeMap::new()),
        };
        let mut pool = Vec::new();
        for engine in std::iter::once(&self.engine).chain(&self.others) {
            let engine: Arc<dyn Engine> = Arc::new(engine.clone());
            let (info, images) = (engine.ping().await.unwrap(), Images::new(engine.clone(), images.clone()));
            pool.push(Member { slots: self.slots, ..Member::new(engine, info, images) });
        }
        let context = Context {
            run,
            pool,
            agreed: Agreed::default(),
            sources,
            store: Store::open(&self.dist()).unwrap(),
            adviser: Arc::new(Knowing),
            options: self.options.clone(),
        };
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let listener = tokio::spawn(async move {
            let mut events = Vec::new();
            while let Some(event) = receiver.recv().await {
                seen(&event);
                events.push(event);
            }
            events
        });
        let (_, reports) =
            super::driver::run_at_pace(context, Plan { jobs, warnings: Vec::new() }, sender, requests, self.second)
                .await;
        let ran = Ran { reports, events: listener.await.unwrap() };
        ran.check();
        assert_eq!(self.engine.containers(), Vec::<String>::new(), "containers are left");
        let stage = self.dist().join(".farm/stage");
        let left: Vec<_> = std::fs::read_dir(stage).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty(), "staging is left: {left:?}");
        ran
    }

    fn dist(&self) -> PathBuf {
        self.folder.path().join("dist")
    }

    fn calls(&self, of: &str) -> usize {
        self.engine.calls().iter().filter(|call| call.starts_with(of)).count()
    }
}

struct Ran {
    reports: Vec<JobReport>,
    events: Vec<Event>,
}

impl Ran {
    /// What holds for every run.
    fn check(&self) {
        assert!(matches!(self.events.first(), Some(Event::RunStarted { .. })));
        assert!(matches!(self.events.last(), Some(Event::RunFinished(_))));
        let finished = self.events.iter().filter(|event| matches!(event, Event::RunFinished(_))).count();
        assert_eq!(finished, 1);
        for report in &self.reports {
            let ends = self
                .events
                .iter()
                .filter(|event| matches!(event, Event::JobFinished(other) if other.target == report.target));
            assert_eq!(ends.count(), 1, "{}", report.target);
            // A job says nothing before it starts, nor after its end but that something is wrong.
            let of_job = self.events.iter().filter(|event| said_by(event) == Some(&report.target));
            let words: Vec<&Event> = of_job.filter(|event| !matches!(event, Event::Warning { .. })).collect();
            let (last, before) = words.split_last().unwrap();
            assert!(matches!(last, Event::JobFinished(_)), "{last:?}");
            let starts = before.iter().position(|event| matches!(event, Event::JobStarted { .. }));
            assert_eq!(starts.unwrap_or_default(), 0, "{before:?}");
            assert_eq!(starts.is_none(), before.is_empty(), "{before:?}");
        }
    }

    fn outcome(&self) -> &Outcome {
        &self.reports[0].outcome
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.reports[0].log.as_ref().unwrap()).unwrap()).into_owned()
    }

    fn steps(&self) -> Vec<StepKind> {
        let step = |event: &Event| match event {
            Event::StepStarted { step, .. } => Some(*step),
            _ => None,
        };
        self.events.iter().filter_map(step).collect()
    }
}

/// The target of the job that an event is about.
fn said_by(event: &Event) -> Option<&Target> {
    match event {
        Event::JobStarted { target }
        | Event::StepStarted { target, .. }
        | Event::Output { target, .. }
        | Event::Progress { target, .. } => Some(target),
        Event::Warning { target, .. } => target.as_ref(),
        Event::JobFinished(report) => Some(&report.target),
        Event::RunStarted { .. } | Event::RunFinished(_) => None,
    }
}

fn target(name: &str) -> Target {
    Target {
        recipe: name.to_owned(),
        distro: "debian-12".to_owned(),
        arch: Arch::Amd64,
        format: Format::Deb,
        variant: None,
        source: false,
    }
}

fn recipe(path: &std::path::Path) -> Recipe {
    let selection = Selection {
        format: "deb".to_owned(),
        manager: "apt".to_owned(),
        distro: "debian".to_owned(),
        distro_version: "debian-12".to_owned(),
        arch: "amd64".to_owned(),
        variant: None,
    };
    RecipeFile::load(path, &BTreeMap::new())
        .unwrap()
        .merged(&selection, &BTreeMap::new())
        .unwrap()
        .without_project()
        .unwrap()
}

/// A whole .deb (deb(5)) that holds one documentation file.
fn deb(name: &str, version: &str) -> Vec<u8> {
    deb_with(name, version, "")
}

/// `fields` are whole lines of the control file.
fn deb_with(name: &str, version: &str, fields: &str) -> Vec<u8> {
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Tester <tester@example.org>\n\
         {fields}Description: A package\n It holds nothing.\n"
    );
    let tar = |entries: &[(String, Option<&str>)]| {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(if content.is_some() { tar::EntryType::Regular } else { tar::EntryType::Directory });
            header.set_mode(if content.is_some() { 0o644 } else { 0o755 });
            header.set_size(content.unwrap_or_default().len() as u64);
            header.set_mtime(0);
            header.set_uid(0);
            header.set_gid(0);
            tar.append_data(&mut header, path, content.unwrap_or_default().as_bytes()).unwrap();
        }
        tar.into_inner().unwrap()
    };
    let folders = ["./usr/", "./usr/share/", "./usr/share/doc/"].map(|path| (path.to_owned(), None));
    let own = format!("./usr/share/doc/{name}/");
    let mut data: Vec<(String, Option<&str>)> = folders.to_vec();
    data.extend([(own.clone(), None), (format!("{own}README"), Some("A test.\n"))]);
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar", tar(&[("./control".to_owned(), Some(&control))])),
        ("data.tar", tar(&data)),
    ];
    let mut ar = b"!<arch>\n".to_vec();
    for (name, content) in members {
        ar.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", content.len()).as_bytes());
        ar.extend(&content);
        if content.len() % 2 == 1 {
            ar.push(b'\n');
        }
    }
    ar
}

fn test_setup() -> TestSetup {
    TestSetup {
        packages: "/tmp/farm-packages".to_owned(),
        tester: None,
        install: "install packages".into(),
        check: "check packages".into(),
        test: Some("run test".into()),
        reinstall: "install again".into(),
        remove: "remove packages".into(),
        env: BTreeMap::new(),
        upgrade: UpgradeSetup {
            tester: None,
            former: "install former".into(),
            upgrade: "upgrade packages".into(),
            downgrade: "go back".into(),
        },
        network: false,
        source_tests: None,
    }
}
