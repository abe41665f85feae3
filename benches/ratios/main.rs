//! What `cargo xtask bench` prints: each figure as a ratio against a peer that does the same work in the same run, the
//! two in turn, because machines are shared and their speed drifts. Needs an engine; `docker` and `mmdebstrap` for the
//! peers.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[cfg(target_os = "linux")]
mod repositories;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use farm::archive::mirror;
use farm::archive::{Archives, Reader};
use farm::distro::{Catalogue, Distro};
use farm::engine::{
    ContainerSpec, Engine, ExecSpec, GuestPath, HOST_NAME, Limits, Network, OutputSink, OutputStream, labels,
};
use farm::fetch::Fetcher;
use farm::image::{BaseChoice, ImageOptions, Images};
use farm::types::{Arch, NoProgress};
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 7;

/// A build that is next to nothing: what is measured is the engine.
const SCRIPT: &str = "cd /srv/in && sha256sum source > result && mkdir /srv/out && mv result /srv/out/";

#[cfg(target_os = "linux")]
const TRIVIAL: &str = r#"
[package]
name = "trivial"
version = "1.0"
summary = "A package of one file"
license = "MIT"
maintainer = "Jane Doe <jane@example.org>"
date = 2026-01-02

[build]
install = "install -d $DESTDIR/usr/share/trivial; echo 1 >$DESTDIR/usr/share/trivial/file"

[matrix]
distros = ["debian-12"]
"#;

fn main() -> std::process::ExitCode {
    #[cfg(target_os = "linux")]
    if let Some(code) = farm::engine::run_helper() {
        return code;
    }
    measure();
    std::process::ExitCode::SUCCESS
}

fn measure() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let names: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let chosen = |name: &str| names.is_empty() || names.iter().any(|other| other == name);
    if chosen("planner") {
        planner();
    }
    #[cfg(target_os = "linux")]
    if chosen("cache") {
        cache();
    }
    #[cfg(target_os = "linux")]
    if chosen("repositories") {
        repositories::measure();
    }
    if !["bootstrap", "build", "native", "cold", "no-op"].into_iter().any(chosen) {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let engine = match farm::engine::connect("auto").await {
            Ok(engine) => engine,
            Err(error) => panic!("the benchmarks need an engine: {error}"),
        };
        let info = engine.ping().await.unwrap();
        println!("engine: {} {}, {} CPUs", info.name, info.version, info.cpus);
        let bench = Bench::new(engine, info.arch);
        if chosen("build") {
            bench.container().await;
        }
        #[cfg(target_os = "linux")]
        if chosen("native") {
            bench.native().await;
        }
        if chosen("bootstrap") {
            bench.bootstrap().await;
        }
        #[cfg(target_os = "linux")]
        if chosen("cold") {
            bench.cold();
        }
        if chosen("no-op") {
            bench.no_op();
        }
    });
}

struct Bench {
    engine: Arc<dyn Engine>,
    arch: Arch,
    debian: Arc<Distro>,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(engine: Arc<dyn Engine>, arch: Arch) -> Bench {
        let catalogue = Catalogue::load(&[]).unwrap();
        let debian = catalogue.get("debian-12").unwrap().clone();
        Bench { engine, arch, debian, folder: tempfile::tempdir().unwrap() }
    }

    fn images(&self, cache: &Path, base: BaseChoice) -> Images {
        Images::new(
            self.engine.clone(),
            ImageOptions {
                held: BTreeMap::new(),
                base,
                archives: Archives::new(
                    Reader { fetcher: Fetcher::new().unwrap(), cache: cache.to_owned() },
                    mirror::choose(&[&self.debian], &BTreeMap::new()),
                ),
                run: "bench".to_owned(),
                limits: Limits { memory_bytes: None, pids: None, cpuset: None },
                network: Network::Host,
                host: Default::default(),
            },
        )
    }

    async fn base(&self, cache: &Path, distro: &Distro) -> String {
        let choice = if distro.id == "debian-12" { BaseChoice::Auto } else { BaseChoice::Bootstrap };
        let images = self.images(cache, choice);
        let warn = |warning: String| println!("  {warning}");
        images
            .base(distro, self.arch, None, &mut Discard, &NoProgress, &warn, &CancellationToken::new())
            .await
            .unwrap_or_else(|error| panic!("bootstrap: {error}"))
            .image
    }

    /// Archive to configured image in the engine, against `mmdebstrap --variant=minbase | docker import`.
    async fn bootstrap(&self) {
        let mirrors = mirror::choose(&[&self.debian], &BTreeMap::new());
        let mirror = mirrors["debian"].url.clone();
        let mut cold = Pairs::default();
        let mut warm = Vec::new();
        for round in 0..3 {
            let distro = Distro { id: format!("bench-{round}"), ..(*self.debian).clone() };
            let cache = self.folder.path().join(format!("cache-{round}"));
            let start = Instant::now();
            let image = self.base(&cache, &distro).await;
            let farm = start.elapsed();
            self.engine.remove_image(&image).await.unwrap();

            let start = Instant::now();
            let image = self.base(&cache, &distro).await;
            warm.push(start.elapsed());
            self.engine.remove_image(&image).await.unwrap();

            let script = format!(
                "mmdebstrap --quiet --variant=minbase bookworm - {mirror} | docker import --message bench - farm-bench:peer"
            );
            cold.push(farm, shell(&script));
            shell("docker image rm farm-bench:peer");
        }
        let warm = Pairs { ours: warm, theirs: cold.theirs.clone() };
        cold.print("bootstrap debian-12, nothing cached", "mmdebstrap | docker import");
        warm.print("bootstrap debian-12, packages cached", "mmdebstrap | docker import");
    }

    /// What a trivial build works on.
    fn source(&self) -> PathBuf {
        let source: PathBuf = self.folder.path().join("in");
        std::fs::create_dir_all(&source).unwrap();
        std::fs::write(source.join("source"), vec![7; 1_000_000]).unwrap();
        source
    }

    /// The same work of the same driver calls, in farm's own engine and in the one that was found: a container alone,
    /// created to removed, and a trivial build in one.
    #[cfg(target_os = "linux")]
    async fn native(&self) {
        let store = self.folder.path().join("store");
        let options = farm::engine::NativeOptions { store, program: PathBuf::from(env!("CARGO_BIN_EXE_farm")) };
        let engine = farm::engine::connect_native(options).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let native = Bench { engine, arch: self.arch, debian: self.debian.clone(), folder };
        let cache = self.folder.path().join("cache-0");
        let (ours, theirs) = (native.base(&cache, &self.debian).await, self.base(&cache, &self.debian).await);
        let (mut alone, mut builds, source) = (Pairs::default(), Pairs::default(), self.source());
        for _ in 0..ROUNDS {
            alone.push(native.bare(&ours).await, self.bare(&theirs).await);
            let start = Instant::now();
            native.trivial_build(&ours, SCRIPT, &source).await;
            let native = start.elapsed();
            let start = Instant::now();
            self.trivial_build(&theirs, SCRIPT, &source).await;
            builds.push(native, start.elapsed());
        }
        let name = self.engine.ping().await.unwrap().name;
        alone.print("native: a container, created to removed (aim: 0.2x)", &name);
        builds.print("native: one trivial build in a container", &name);
    }

    #[cfg(target_os = "linux")]
    async fn bare(&self, image: &str) -> Duration {
        let spec = self.spec(image);
        let start = Instant::now();
        let container = self.engine.create(&spec).await.unwrap();
        container.start().await.unwrap();
        container.remove().await.unwrap();
        start.elapsed()
    }

    /// From nothing, with farm's own engine, to the first package; against the making of a root file system by
    /// `mmdebstrap`: with the packages that the build needs, as sbuild has it made, and of a base without them. Whole
    /// processes. Each has a place of its own: where thousands of files were removed in the last minutes, ext4 passes over
    /// their inodes one by one (`recently_deleted`), and the peer removes its root from the folder for temporary files.
    #[cfg(target_os = "linux")]
    fn cold(&self) {
        let mirrors = mirror::choose(&[&self.debian], &BTreeMap::new());
        let mirror = mirrors["debian"].url.clone();
        let (mut base, mut builder) = (Pairs::default(), Pairs::default());
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for round in 0..3 {
            let folder = place.path().join(format!("cold-{round}"));
            let recipe = folder.join("recipe");
            std::fs::create_dir_all(&recipe).unwrap();
            std::fs::write(recipe.join("farm.toml"), TRIVIAL).unwrap();
            let start = Instant::now();
            let output = Command::new(env!("CARGO_BIN_EXE_farm"))
                .args(["build", "--engine", "native", "--base", "bootstrap", "--no-test", "-o"])
                .arg(folder.join("dist"))
                .current_dir(&recipe)
                .env("FARM_DATA", folder.join("data"))
                .env("FARM_CACHE", folder.join("cache"))
                .output()
                .unwrap();
            let ours = start.elapsed();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let tar = self.folder.path().join("peer.tar");
            let peer =
                |options: &str| shell(&format!("mmdebstrap --quiet {options} bookworm {} {mirror}", tar.display()));
            base.push(ours, peer("--variant=minbase"));
            builder.push(ours, peer("--variant=buildd --include=debhelper,fakeroot"));
        }
        let name = "native, nothing cached: bootstrap debian-12, builder, first .deb";
        builder.print(name, "mmdebstrap of the same packages, which builds nothing");
        base.print(name, "mmdebstrap of the base alone");
    }

    /// One trivial build in a container, create to removed, against the docker command line.
    async fn container(&self) {
        let cache = self.folder.path().join("cache-0");
        let image = self.base(&cache, &self.debian).await;
        let (script, source) = (SCRIPT, self.source());
        let peer = format!(
            "set -e; c=$(docker create --network none --entrypoint sleep {image} 600); docker start $c; docker cp {} $c:/srv/in; \
             docker exec $c sh -c '{script}'; docker cp $c:/srv/out {}; docker rm -f $c",
            source.display(),
            self.folder.path().join("out").display()
        );
        let mut pairs = Pairs::default();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            self.trivial_build(&image, script, &source).await;
            pairs.push(start.elapsed(), shell(&peer));
        }
        pairs.print("one trivial build in a container", "docker create, start, cp, exec, cp, rm");
    }

    fn spec(&self, image: &str) -> ContainerSpec {
        ContainerSpec {
            image: image.to_owned(),
            arch: self.arch,
            name: format!("farm-bench-{}-{:?}", std::process::id(), Instant::now())
                .replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', ""),
            host_name: HOST_NAME,
            network: Network::None,
            limits: Limits { memory_bytes: None, pids: None, cpuset: None },
            labels: BTreeMap::from([(labels::RUN.to_owned(), "bench".to_owned())]),
        }
    }

    async fn trivial_build(&self, image: &str, script: &str, source: &Path) {
        let spec = self.spec(image);
        let container = self.engine.create(&spec).await.unwrap();
        let file = source.join("source");
        let tar = farm::stream::from_tar(move |tar| tar.append_path_with_name(file, "srv/in/source"));
        container.upload(&GuestPath::new("/"), tar).await.unwrap();
        container.start().await.unwrap();
        let exec = ExecSpec {
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            user: "0:0".to_owned(),
            env: Vec::new(),
            workdir: GuestPath::new("/"),
        };
        let status = container.exec(&exec, &mut Discard, &CancellationToken::new()).await.unwrap();
        assert!(status.success());
        let mut result = container.download(&GuestPath::new("/srv/out")).await.unwrap();
        let mut bytes = 0;
        while let Some(chunk) = result.next().await {
            bytes += chunk.unwrap().len();
        }
        assert!(bytes > 0);
        container.remove().await.unwrap();
    }

    /// `farm build --matrix` when everything is up to date: whole processes.
    fn no_op(&self) {
        let dist = self.folder.path().join("dist");
        let farm = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_farm"));
            command.args(["build", "--matrix", "--progress", "plain", "-o"]).arg(&dist);
            command.current_dir(env!("CARGO_MANIFEST_DIR")).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().unwrap()
        };
        assert!(farm().success(), "the matrix does not build");
        let mut times: Vec<Duration> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                assert!(farm().success());
                start.elapsed()
            })
            .collect();
        println!("no-op run over the whole matrix: {:.0} ms (aim: under 100 ms)", milliseconds(median(&mut times)));
    }
}

/// The second build of a C++ project in which one file of 8 has changed, with what the first one left to ccache, against a
/// recipe that says nothing of a cache. Whole processes, with farm's own engine, whose builders are there.
#[cfg(target_os = "linux")]
fn cache() {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let folder = |name: &str| place.path().join(name);
    let recipe = TRIVIAL.replace(
        "[build]\ninstall",
        "[[sources]]\npath = \"src\"\n\n[build]\nKEY\nbuild = \"make -j$FARM_PARALLEL\"\ninstall",
    );
    for (name, key) in [("with", "cache = [\"ccache\"]"), ("without", "")] {
        std::fs::create_dir_all(folder(name).join("src")).unwrap();
        std::fs::write(folder(name).join("farm.toml"), recipe.replace("KEY", key)).unwrap();
        let objects: String = (0..8).map(|n| format!(" part{n}.o")).collect();
        std::fs::write(folder(name).join("src/Makefile"), format!("all:{objects}\n")).unwrap();
    }
    let write = |name: &str, part: usize, round: usize| {
        let text = format!(
            "#include <iostream>\n#include <map>\n#include <regex>\n#include <string>\n\
             int part{part}(const std::string& line) {{\n    std::map<std::string, int> words;\n    \
             std::regex word(\"[a-z]+{part}\");\n    std::smatch found;\n    \
             if (std::regex_search(line, found, word)) words[found.str()] += {round};\n    \
             std::cout << words.size();\n    return words[\"pond\"];\n}}\n"
        );
        std::fs::write(folder(name).join(format!("src/part{part}.cpp")), text).unwrap();
    };
    let build = |name: &str| {
        let start = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_farm"))
            .args(["build", "--engine", "native", "--no-test", "-o", "dist"])
            .current_dir(folder(name))
            .env("FARM_DATA", place.path().join("data"))
            .env("FARM_CACHE", place.path().join("cache"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{text}");
        (start.elapsed(), text)
    };
    for name in ["with", "without"] {
        (0..8).for_each(|part| write(name, part, 0));
        build(name);
    }
    let mut pairs = Pairs::default();
    for round in 1..=3 {
        for name in ["with", "without"] {
            write(name, round, round);
        }
        let (ours, text) = build("with");
        assert!(text.contains("ccache 7 of 8 hits"), "{text}");
        pairs.push(ours, build("without").0);
    }
    pairs.print("second build of a C++ project, one of 8 files changed, with ccache", "the same without");
}

/// Plans 10,000 targets: one recipe of this repository under many names, over the whole catalogue.
fn planner() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let catalogue = Catalogue::load(&[]).unwrap();
    let text = std::fs::read_to_string(root.join("recipes/hello/farm.toml")).unwrap();
    let start = Instant::now();
    let (mut targets, mut recipes) = (Vec::new(), 0);
    let mut ids = farm::recipe::RecipeIds::default();
    'targets: loop {
        recipes += 1;
        let name = format!("hello{recipes}");
        let text = text.replacen("name = \"hello\"", &format!("name = \"{name}\""), 1);
        let path = root.join("recipes").join(&name).join("farm.toml");
        let file = farm::recipe::RecipeFile::parse(&path, text.as_bytes()).unwrap();
        let mut shared: BTreeMap<usize, farm::recipe::SharedRecipe> = BTreeMap::new();
        for target in farm::matrix::expand(&file, "full", &catalogue, Arch::Amd64).unwrap() {
            let selection = farm::matrix::selection(&target, &catalogue);
            let merged = file.merged(&selection, &BTreeMap::new()).unwrap();
            let new = || ids.share(merged.without_project().unwrap());
            let recipe = shared.entry(merged.number()).or_insert_with(new).clone();
            targets.push(farm::plan::TargetInputs {
                lint_distro: None,
                recipe,
                distro: catalogue.get(&target.distro).unwrap().clone(),
                source_digest: "0".repeat(64),
                source_date_epoch: Some(0),
                set: Default::default(),
                only_needed: false,
                target,
                environment_distro: None,
                context_digest: None,
            });
            if targets.len() == 10_000 {
                break 'targets;
            }
        }
    }
    let expanded = start.elapsed();
    let inputs = farm::plan::Inputs {
        lint: true,
        targets,
        bases: BTreeMap::new(),
        answers: BTreeMap::new(),
        environments: BTreeMap::new(),
        memory_bytes: 8 << 30,
        test: true,
        today: "2026-11-22".to_owned(),
    };
    let start = Instant::now();
    let plan = farm::plan::plan(&inputs).unwrap();
    let planned = start.elapsed();
    assert_eq!(plan.jobs.len(), 10_000);
    println!(
        "planner, 10,000 targets of {recipes} recipes: parsed and resolved in {:.0} ms, planned in {:.0} ms",
        milliseconds(expanded),
        milliseconds(planned)
    );
}

/// Times of farm and of a peer, taken in turn.
#[derive(Default)]
struct Pairs {
    ours: Vec<Duration>,
    theirs: Vec<Duration>,
}

impl Pairs {
    fn push(&mut self, ours: Duration, theirs: Duration) {
        self.ours.push(ours);
        self.theirs.push(theirs);
    }

    fn print(mut self, what: &str, peer: &str) {
        let mut ratios: Vec<f64> = self
            .ours
            .iter()
            .zip(&self.theirs)
            .map(|(ours, theirs)| ours.as_secs_f64() / theirs.as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        println!(
            "{what}: {:.2}x the time of {peer} (median of {}; {:.0} ms against {:.0} ms)",
            ratios[ratios.len() / 2],
            ratios.len(),
            milliseconds(median(&mut self.ours)),
            milliseconds(median(&mut self.theirs)),
        );
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn shell(script: &str) -> Duration {
    let start = Instant::now();
    let output = Command::new("bash").args(["-o", "pipefail", "-c", script]).output().unwrap();
    assert!(output.status.success(), "{script}:\n{}", String::from_utf8_lossy(&output.stderr));
    start.elapsed()
}

struct Discard;

#[async_trait]
impl OutputSink for Discard {
    async fn write(&mut self, _stream: OutputStream, _chunk: Bytes) -> std::io::Result<()> {
        Ok(())
    }
}
