//! farm run in a project of its own, with an environment of its own, and what it said.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Instant;
use std::{env, fmt};

use super::{cache, engine, repository, temporary};

/// A small recipe with two matrices.
pub(crate) const RECIPE: &str = r#"[package]
name = "greet"
version = "1.0"
summary = "Says hello"
description = "A script that says hello."
license = "MIT"
homepage = "https://example.org/greet"
maintainer = "Example Maintainers <farm@example.org>"
architecture = "all"
date = 2026-01-02T03:04:05Z

[build]
install = """
mkdir -p $DESTDIR/usr/bin
echo 'echo hello' > $DESTDIR/usr/bin/greet
chmod 755 $DESTDIR/usr/bin/greet
"""

[matrix]
distros = ["debian-12", "debian-13", "rpm-generic"]
arches = ["amd64"]

[matrix.full]
distros = ["debian-*", "fedora-43"]
arches = ["amd64"]

[test]
script = "test \"$(greet)\" = hello"
"#;

/// A folder to run farm in: its files, its environment, an engine or none. Nothing of the environment of the tests
/// reaches farm, beside where programs are and, with an engine, how this machine gets at mirrors.
pub(crate) struct Test {
    folder: PathBuf,
    environment: BTreeMap<String, String>,
    engine: Option<String>,
    _temporary: Option<tempfile::TempDir>,
    _kept: Option<Kept>,
}

/// A folder that stays for whoever wants to look. In CI nobody looks at those of tests that passed, and there are many.
struct Kept(PathBuf);

impl Drop for Kept {
    fn drop(&mut self) {
        if env::var_os("CI").is_some() && !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

impl Test {
    /// In a temporary folder. No engine answers there, unless the test names one.
    pub(crate) fn new() -> Test {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().to_owned();
        Test { _temporary: Some(temporary), ..Test::at(folder) }
            .env("DOCKER_HOST", "unix:///nonexistent/no-engine.sock")
    }

    /// On an engine, in a folder that stays for whoever wants to look. `name` is unique among the tests. What farm
    /// fetches goes to a cache that all tests share, and packages go to [`Test::dist`].
    pub(crate) fn on(name: &str, engine: &str) -> Test {
        make_room(engine);
        let folder = temporary().join("matrix").join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Test { _kept: Some(Kept(folder.clone())), ..Test::there(folder, engine) }
    }

    fn there(folder: PathBuf, engine: &str) -> Test {
        // `DOCKER_HOST` names Docker's and Podman's as it would for a user; farm's own has no such variable.
        let variable = if engine.starts_with("native://") { "FARM_ENGINE" } else { "DOCKER_HOST" };
        let mut test = Test { engine: Some(engine.to_owned()), ..Test::at(folder) };
        test.environment.extend(env::vars().filter(|(name, _)| says_how_to_reach_mirrors(name)));
        test.env(variable, engine)
            .env("FARM_NO_LINT", "1")
            .env("XDG_CACHE_HOME", cache().to_str().unwrap())
            .env("COLUMNS", "120")
    }

    /// The same, for commands that know no `-o`.
    pub(crate) fn without_output(&self) -> Test {
        let (folder, environment) = (self.folder.clone(), self.environment.clone());
        Test { folder, environment, engine: None, _temporary: None, _kept: None }
    }

    /// Somebody else's folder, with packages in its `dist`.
    pub(crate) fn at(folder: PathBuf) -> Test {
        Test { folder, environment: BTreeMap::new(), engine: None, _temporary: None, _kept: None }
            .env("LC_ALL", "C.UTF-8")
    }

    pub(crate) fn file(self, path: &str, content: &str) -> Test {
        self.write(path, content);
        self
    }

    /// As [`Test::file`], once the test is at work.
    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Test {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn dist(&self) -> PathBuf {
        self.folder.join("dist")
    }

    /// The engine's endpoint.
    pub(crate) fn engine(&self) -> &str {
        self.engine.as_deref().unwrap()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_in(&self.folder, arguments)
    }

    /// In another folder than its own: this repository, or a project below.
    pub(crate) fn run_in(&self, directory: &Path, arguments: &[&str]) -> Ran {
        let begin = Instant::now();
        let ran = self.ran(self.command(arguments).current_dir(directory).output().unwrap());
        if self.engine.is_some() {
            // Past the capture of the test harness: what the time of a long test goes into.
            let (seconds, name) = (begin.elapsed().as_secs_f64(), self.folder.file_name().unwrap().display());
            let _ = writeln!(std::io::stderr().lock(), "{seconds:7.1} s  {name}: farm {}", arguments.join(" "));
        }
        ran
    }

    /// As in `farm … | true`, when `true` is gone already.
    pub(crate) fn run_with_closed_stdout(&self, arguments: &[&str]) -> Ran {
        let mut child = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        self.ran(child.wait_with_output().unwrap())
    }

    /// farm, to be started in some other way. With an engine, `-o` names [`Test::dist`]: the folder that it runs in may
    /// be this repository.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        fs::create_dir_all(self.folder.join("home")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_farm"));
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", self.folder.join("home"))
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .envs(&self.environment)
            .stdin(Stdio::null());
        if self.engine.is_some() {
            command.arg("-o").arg(self.dist());
        }
        command
    }

    fn ran(&self, output: Output) -> Ran {
        Ran { folder: self.folder.clone(), ..Ran::from(output) }
    }

    /// Files of a target's folder (`hello/debian-12-amd64`) that end so, sorted.
    pub(crate) fn files(&self, target: &str, ending: &str) -> Vec<PathBuf> {
        let folder = self.dist().join(target);
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_str().unwrap().ends_with(ending))
            .collect();
        files.sort();
        files
    }

    /// Every package of a target is byte for byte the same here and there.
    #[track_caller]
    pub(crate) fn has_the_packages_of(&self, other: &Test, target: &str) {
        let mut compared = 0;
        for ending in [".deb", ".rpm"] {
            let files = other.files(target, ending);
            assert_eq!(files.len(), self.files(target, ending).len(), "{target}: another number of packages");
            for file in files {
                let twin = self.dist().join(target).join(file.file_name().unwrap());
                assert!(fs::read(&file).unwrap() == fs::read(&twin).unwrap(), "{} differs", twin.display());
                compared += 1;
            }
        }
        assert!(compared > 0, "{target} holds no packages");
    }
}

/// Images of tests stay for others; where the disk gets short, those of farm's own engine go that were not used for long.
fn make_room(engine: &str) {
    /// KiB that are left, and what of images and cache stays then.
    const SHORT: [(u64, &str); 3] = [(4 << 20, "1G"), (8 << 20, "3G"), (20 << 20, "6G")];
    let free = || {
        let df = Command::new("df").arg("-Pk").arg(temporary()).output().ok()?;
        String::from_utf8_lossy(&df.stdout).lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()
    };
    if !engine.starts_with("native:///") || !temporary().is_dir() {
        return;
    }
    let free = free();
    if let Some((_, keep)) = SHORT.iter().find(|(least, _)| free.is_some_and(|free| free < *least)) {
        let mut farm = Command::new(env!("CARGO_BIN_EXE_farm"));
        let farm = farm.args(["gc", "--keep", keep]).env("FARM_ENGINE", engine).env("XDG_CACHE_HOME", cache());
        let ran = farm.stdin(Stdio::null()).output().unwrap();
        let _ = writeln!(std::io::stderr().lock(), "          {}", String::from_utf8_lossy(&ran.stdout).trim_end());
    }
}

fn says_how_to_reach_mirrors(name: &str) -> bool {
    matches!(name, "TMPDIR" | "FARM_NETWORK" | "FARM_STALE_CONTENTS")
        || name.starts_with("FARM_MIRROR_")
        || name.to_ascii_lowercase().ends_with("_proxy")
}

/// The default matrix of every recipe here, built once with Docker for all tests that look at its results. Those may be
/// processes of their own, as they are under nextest: what one of them has built, the next ones find up to date.
pub(crate) fn built_once() -> Option<&'static Test> {
    static BUILT: OnceLock<Option<Test>> = OnceLock::new();
    let build = || {
        let engine = engine("DOCKER_HOST")?;
        let folder = temporary().join("matrix/default");
        fs::create_dir_all(&folder).unwrap();
        let lock = File::create(folder.with_extension("lock")).unwrap();
        lock.lock().unwrap();
        let run = env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| std::process::id().to_string());
        let test = match fs::read_to_string(folder.join("run")) {
            Ok(made_in) if made_in == run => Test::there(folder, &engine),
            _ => Test::on("default", &engine).file("run", &run),
        };
        test.run_in(repository(), &["build", "--matrix"]).exits(0);
        Some(test)
    };
    BUILT.get_or_init(build).as_ref()
}

/// How a program ended and what it said.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) folder: PathBuf,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ran {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            folder: PathBuf::new(),
        }
    }
}

impl Ran {
    /// What was said, as one line of words: wherever a screen broke its lines.
    pub(crate) fn words(&self) -> String {
        self.text().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn says_all(&self, all: &[&str]) {
        let said = self.words();
        for words in all {
            assert!(said.contains(words), "{words:?} is missing in:\n{}", self.text());
        }
    }

    /// Any program, to its end.
    pub(crate) fn of(command: &mut Command) -> Ran {
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")).into()
    }

    /// Both streams, stdout first.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// On either stream, wherever a screen broke its lines.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Ran {
        let said = self.stdout.contains(words) || self.stderr.contains(words) || self.words().contains(words);
        assert!(said, "{words:?} is missing in:\n{self}");
        self
    }

    /// No line is wider.
    #[track_caller]
    pub(crate) fn fits(&self, columns: usize) {
        for line in self.stdout.lines().chain(self.stderr.lines()) {
            // The folder's own name is as long as the system makes it.
            let line = line.replace(&self.folder.display().to_string(), "");
            assert!(line.chars().count() <= columns, "wider than {columns}: {line}\n{self}");
        }
    }

    /// The whole for a snapshot: what differs from run to run has a name in its place.
    pub(crate) fn redacted(&self) -> String {
        let time = regex::Regex::new(r"\b\d+(\.\d+)?( ?ms| ?s| seconds)\b").unwrap();
        let text = self.to_string().replace(&self.folder.display().to_string(), "[FOLDER]");
        time.replace_all(&text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]"), "[TIME]").into_owned()
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map_or_else(|| "by a signal".to_owned(), |code| code.to_string());
        write!(f, "exit {code}\n--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }
}
