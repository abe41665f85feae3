//! A package of one file, built well once, and what has to hold after the next build of it went wrong.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Ran, Test, engine};

/// A lease ends within a second on an idle machine.
const SOON: Duration = Duration::from_secs(30);

pub(crate) struct Job {
    pub(crate) name: String,
    pub(crate) test: Test,
    pub(crate) project: PathBuf,
    /// The package of the good build.
    good: Vec<u8>,
}

const GOOD: &str =
    "[build]\ninstall = \"install -d $DESTDIR/usr/share/good; echo good >$DESTDIR/usr/share/good/file\"\n";

impl Job {
    /// Built well once. None, said aloud, without an engine. `name` is unique among the tests.
    pub(crate) fn good(name: &str) -> Option<Job> {
        let test = Test::on(&format!("fail-{name}"), &engine("DOCKER_HOST")?);
        let project = test.folder().join("project");
        fs::create_dir_all(&project).unwrap();
        let mut job = Job { name: format!("fail-{name}"), test, project, good: Vec::new() };
        job.mend();
        job.build(&[]).exits(0).says("succeeded");
        job.good = fs::read(job.package()).unwrap();
        Some(job)
    }

    /// Back to the good one.
    pub(crate) fn mend(&self) {
        self.recipe(GOOD);
    }

    /// Writes the recipe: `rest` is what follows `[package]`.
    pub(crate) fn recipe(&self, rest: &str) {
        self.recipe_for("debian-12", rest);
    }

    pub(crate) fn recipe_for(&self, distro: &str, rest: &str) {
        let package = format!(
            "[package]\nname = \"{}\"\nversion = \"1.0\"\nsummary = \"A package to fail with\"\nlicense = \"MIT\"\n\
             homepage = \"https://example.org\"\nmaintainer = \"T <t@example.org>\"\narchitecture = \"all\"\n\
             date = 2026-01-02\n\n",
            self.name
        );
        let text = format!("{package}{rest}\n[matrix]\ndistros = [\"{distro}\"]\narches = [\"amd64\"]\n");
        fs::write(self.project.join("farm.toml"), text).unwrap();
    }

    pub(crate) fn build(&self, arguments: &[&str]) -> Ran {
        let run = self.test.run_in(&self.project, &[&["build", "--matrix"], arguments].concat());
        // farm itself removes what it started, before it says goodbye.
        assert_eq!(self.containers(), Vec::<String>::new(), "containers are left after:\n{}", run.text());
        run
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> std::process::Child {
        let mut command = self.test.command(&[&["build", "--matrix"], arguments].concat());
        command.current_dir(&self.project).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    fn folder(&self) -> PathBuf {
        self.test.dist().join(&self.name).join("debian-12-amd64")
    }

    fn package(&self) -> PathBuf {
        self.folder().join(format!("{}_1.0-1~deb12_all.deb", self.name))
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder().join("build.log")).unwrap()).into_owned()
    }

    /// The package of the good build is there, whole, and its checksums hold.
    #[track_caller]
    pub(crate) fn kept(&self) {
        assert!(fs::read(self.package()).unwrap() == self.good, "{} changed", self.package().display());
        let check = ["--check", "--strict", "--quiet", "SHA256SUMS"];
        Ran::of(Command::new("sha256sum").args(check).current_dir(self.test.dist())).exits(0);
    }

    /// The containers that build or try the package.
    pub(crate) fn containers(&self) -> Vec<String> {
        containers("io.farm.target", &format!("{}@", self.name))
    }

    /// Waits for the engine to remove what lost its lease.
    #[track_caller]
    pub(crate) fn no_container_soon(&self) {
        let begin = Instant::now();
        while !self.containers().is_empty() {
            assert!(begin.elapsed() < SOON, "left after {SOON:?}: {:?}", self.containers());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// farm's containers, whatever their state, whose label begins so, as the engine's own command lists them: it reads
/// `DOCKER_HOST` too.
pub(crate) fn containers(label: &str, value: &str) -> Vec<String> {
    let format = format!("{{{{.Label \"{label}\"}}}} {{{{.ID}}}} {{{{.State}}}}");
    let owned = ["ps", "--all", "--no-trunc", "--filter", "label=io.farm.owned", "--format", &format];
    let run = Ran::of(Command::new("docker").args(owned)).exits(0);
    run.text().lines().filter(|line| line.starts_with(value)).map(str::to_owned).collect()
}
