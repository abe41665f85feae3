//! `cargo xtask test`: everything that has to hold before a change goes in, in one run with one summary. With a real
//! Docker engine and a real Podman; in CI nothing is skipped: what a test needs is installed here.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::apt;
use crate::command::{self, Failure, cargo};
use crate::{docker, podman};

/// Debian packages of what farm's results are read and compared with, and of what containers without a daemon need.
const TOOLS: [&str; 12] = [
    "lintian",
    "rpm",
    "rpmlint",
    "createrepo-c",
    "mmdebstrap",
    "gpg",
    "gpgv",
    "dpkg-dev",
    "git",
    "xz-utils",
    "uidmap",
    "busybox-static",
];

#[derive(Debug, Default)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    /// Names of tests, or of whole checks.
    failures: Vec<String>,
}

/// `--fast`: what needs no engine. After `--`: arguments for `cargo test`, which then is all that is run.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, Failure> {
    let (fast, chosen) = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => (false, None),
        ["--fast"] => (true, None),
        ["--", rest @ ..] => (false, Some(rest.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())),
        _ => return Err(Failure::new("usage: cargo xtask test [--fast | -- CARGO-TEST-ARGUMENTS...]")),
    };
    let begin = Instant::now();
    let mut tally = Tally::default();
    if chosen.is_none() {
        tally.check("format", cargo().args(["fmt", "--all", "--check"]))?;
        tally.check("lints", cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
        tally.check("documentation", cargo().args(["doc", "--no-deps", "--lib"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    if fast {
        let targets = ["--lib", "--bins", "--test", "imports"].map(str::to_owned);
        tally.tests(&targets, &[])?;
    } else {
        tally.with_engines(&chosen.unwrap_or_default())?;
    }

    println!("\n=== summary");
    for failure in &tally.failures {
        println!("FAILED {failure}");
    }
    let seconds = begin.elapsed().as_secs();
    println!("{} passed, {} failed, {} ignored, {seconds} s", tally.passed, tally.failed, tally.ignored);
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Tally {
    /// A check that passes or fails as a whole. The next ones run in any case: one run names all that is wrong.
    fn check(&mut self, name: &str, command: &mut Command) -> Result<(), Failure> {
        println!("\n=== {name}");
        match command::run(command) {
            Ok(()) => self.passed += 1,
            Err(_) => {
                self.failed += 1;
                self.failures.push(name.to_owned());
            }
        }
        command::stop_if_interrupted()
    }

    /// The tests with Docker and Podman at hand. What was started for them is stopped whatever the result.
    fn with_engines(&mut self, arguments: &[String]) -> Result<(), Failure> {
        if apt::can_install() {
            apt::install(&TOOLS)?;
        }
        // Before the engines are there: compiling takes the longest, and may fail.
        println!("\n=== compile the tests");
        command::run(cargo().args(["test", "--workspace", "--no-run"]))?;
        command::stop_if_interrupted()?;
        let docker = docker::ensure()?;
        let mut environment = docker.environment();
        let tested = match podman::start() {
            Ok(endpoint) => {
                environment.push(("FARM_TEST_PODMAN", endpoint));
                self.tests(arguments, &environment)
            }
            Err(failure) if std::env::var_os("CI").is_some() => Err(failure),
            Err(failure) => {
                eprintln!("xtask: SKIPPED: tests with Podman: {failure}");
                self.tests(arguments, &environment)
            }
        };
        let stopped = podman::stop().and(docker.release());
        tested.and(stopped)
    }

    /// One `cargo test`: a failure in one test binary does not hide the others.
    fn tests(&mut self, arguments: &[String], environment: &[(&str, String)]) -> Result<(), Failure> {
        println!("\n=== tests");
        let mut cargo = cargo();
        cargo.args(["test", "--workspace", "--no-fail-fast"]).args(arguments);
        cargo.envs(environment.iter().map(|(name, value)| (name, value))).stdout(Stdio::piped());
        let before = self.failed;
        let cannot = |error: std::io::Error| Failure::new(format!("cargo test cannot be run: {error}"));
        let mut child = cargo.spawn().map_err(cannot)?;
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).split(b'\n') {
                let line = line.map_err(cannot)?;
                let line = String::from_utf8_lossy(&line);
                println!("{line}");
                let _ = std::io::stdout().flush();
                self.count(&line);
            }
        }
        let success = child.wait().map_err(cannot)?.success();
        self.end(success, before);
        command::stop_if_interrupted()
    }

    /// Takes in how `cargo test` ended, `before` being what had failed when it began. A test binary that is killed has
    /// said nothing of how many of its tests failed.
    fn end(&mut self, success: bool, before: u64) {
        if !success && self.failed == before {
            self.failed += 1;
            self.failures.push("cargo test: something did not compile, or ended early".to_owned());
        }
    }

    /// Takes in one line of what the test harness prints.
    fn count(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            let words: Vec<&str> = counts.split([' ', ';']).collect();
            let number = |word: &str| -> u64 {
                words.windows(2).find(|pair| pair[1] == word).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
            };
            self.passed += number("passed");
            self.failed += number("failed");
            self.ignored += number("ignored");
        } else if let Some(name) = line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED")) {
            self.failures.push(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn the_harness_lines_are_added_up() {
        let mut tally = Tally::default();
        tally.count("test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured; 48 filtered out; finished in 0.69s");
        tally.count("test distro::x ... FAILED");
        tally.count("test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 1s");
        tally.count("running 7 tests, 9 passed");
        assert_eq!((tally.passed, tally.failed, tally.ignored), (10, 1, 2));
        assert_eq!(tally.failures, ["distro::x"]);
    }

    #[test]
    fn a_test_binary_that_is_killed_is_a_failure() {
        let mut tally = Tally::default();
        tally.count("test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured; 48 filtered out; finished in 0.69s");
        tally.count("test distro::x ... FAILED");
        tally.end(false, 0);
        assert_eq!((tally.passed, tally.failed, tally.failures.len()), (7, 1, 2));
        tally.end(true, 1);
        assert_eq!(tally.failed, 1);
    }
}
