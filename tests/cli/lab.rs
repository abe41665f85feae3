//! A folder with files, and farm run in it with an environment of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

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

/// A temporary folder to run farm in. No engine answers there, unless a test names one.
pub(crate) struct Test {
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

/// How it ended and what it said.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) folder: PathBuf,
}

impl Test {
    pub(crate) fn new() -> Test {
        Test { folder: tempfile::tempdir().unwrap(), environment: BTreeMap::new() }
            .env("DOCKER_HOST", "unix:///nonexistent/no-engine.sock")
            .env("LC_ALL", "C.UTF-8")
    }

    pub(crate) fn file(self, path: &str, content: &str) -> Test {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Test {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.ran(self.command(arguments).output().unwrap())
    }

    /// As in `farm … | true`, when `true` is gone already.
    pub(crate) fn run_with_closed_stdout(&self, arguments: &[&str]) -> Ran {
        let mut child = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        self.ran(child.wait_with_output().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_farm"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path().join("home"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(&self.environment)
            .stdin(Stdio::null());
        command
    }

    fn ran(&self, output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            folder: self.folder.path().to_owned(),
        }
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{self}");
    }

    /// No line is wider.
    #[track_caller]
    pub(crate) fn fits(&self, columns: usize) {
        for line in self.stdout.lines().chain(self.stderr.lines()) {
            // The folder's own name is as long as the system makes it.
            let line = line.replace(&Path::new(&self.folder).display().to_string(), "");
            assert!(line.chars().count() <= columns, "wider than {columns}: {line}\n{self}");
        }
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}
