//! A place to run farm in: its own `dist/`, a cache that all tests share, one engine.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Instant;

/// An engine that the environment names, or a loud skip; in CI a missing engine is a failure.
pub(crate) fn engine(variable: &str) -> Option<String> {
    let host = std::env::var(variable).ok().filter(|host| !host.is_empty());
    if host.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{variable} names no engine, and in CI nothing is skipped");
        eprintln!("SKIPPED: {variable} names no engine; `cargo xtask test` brings one up");
    }
    host
}

pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One folder of results, made with one engine.
pub(crate) struct Lab {
    pub(crate) folder: PathBuf,
    engine: String,
}

impl Lab {
    /// `name` is unique among the tests.
    pub(crate) fn new(name: &str, engine: &str) -> Lab {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix").join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Lab { folder, engine: engine.to_owned() }
    }

    /// Results that somebody else makes in a folder.
    #[allow(dead_code, reason = "other tests share this file")]
    pub(crate) fn at(folder: PathBuf) -> Lab {
        Lab { folder, engine: String::new() }
    }

    pub(crate) fn engine(&self) -> &str {
        &self.engine
    }

    pub(crate) fn dist(&self) -> PathBuf {
        self.folder.join("dist")
    }

    /// `farm ARGUMENTS -o <dist>`, run in `directory`.
    pub(crate) fn farm_in(&self, directory: &Path, arguments: &[&str]) -> Run {
        let begin = Instant::now();
        let run = Run::of(self.command(arguments).current_dir(directory));
        // Past the capture of the test harness: what the time of a long test goes into.
        let (seconds, lab) = (begin.elapsed().as_secs_f64(), self.folder.file_name().unwrap().display());
        let _ = writeln!(std::io::stderr().lock(), "{seconds:7.1} s  {lab}: farm {}", arguments.join(" "));
        run
    }

    /// In the repository: its recipes are the ones built.
    pub(crate) fn farm(&self, arguments: &[&str]) -> Run {
        self.farm_in(repository(), arguments)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_farm"));
        command.args(arguments).arg("-o").arg(self.dist());
        // `DOCKER_HOST` names Docker's and Podman's as it would for a user; farm's own has no such variable.
        match self.engine.starts_with("native://") {
            true => command.env_remove("DOCKER_HOST").env("FARM_ENGINE", &self.engine),
            false => command.env("DOCKER_HOST", &self.engine),
        };
        command.env_remove("FARM_CACHE").env("XDG_CACHE_HOME", cache());
        command.env("NO_COLOR", "1").env("COLUMNS", "120").stdin(std::process::Stdio::null());
        command
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
}

pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// What a command did.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

impl Run {
    pub(crate) fn of(command: &mut Command) -> Run {
        let output: Output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Run { code: output.status.code(), text }
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "exit code; it printed:\n{}", self.text);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Run {
        assert!(self.text.contains(words), "{words:?} is missing in:\n{}", self.text);
        self
    }
}

/// A tool of the distribution, its standard output; a missing tool is a loud skip outside CI.
pub(crate) fn tool(program: &str, arguments: &[&str]) -> Option<Run> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            let text =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            Some(Run { code: output.status.code(), text })
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{program}: {error}, and in CI nothing is skipped");
            eprintln!("SKIPPED: {program}: {error}");
            None
        }
    }
}

/// The default matrix of every recipe here, built once with Docker for all tests that look at its results.
pub(crate) fn default_matrix() -> Option<&'static Lab> {
    static LAB: OnceLock<Option<Lab>> = OnceLock::new();
    LAB.get_or_init(|| {
        let lab = Lab::new("default", &engine("DOCKER_HOST")?);
        lab.farm(&["build", "--matrix"]).expect(0);
        Some(lab)
    })
    .as_ref()
}
