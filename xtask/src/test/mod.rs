//! `cargo xtask test`: everything that has to hold before a change goes in, in one run with one summary. With a real
//! Docker engine, a real Podman and a real registry; in CI nothing is skipped: what a test needs is installed here.

mod phases;
mod tally;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, ExitCode};

use phases::Phases;
use tally::Tally;

use crate::command::{self, Failure, cargo};
use crate::{apt, docker, macos, podman, registry, validators};

/// Debian packages of what farm's results are read and compared with, and of what containers without a daemon need.
const TOOLS: [&str; 23] = [
    "abigail-tools",
    "lintian",
    "rpm",
    "rpmlint",
    "createrepo-c",
    "dnf",
    "mmdebstrap",
    "autopkgtest",
    "gpg",
    "gpgv",
    "dpkg-dev",
    "git",
    "xz-utils",
    "uidmap",
    "busybox-static",
    "iproute2",
    "openssl",
    "apache2-bin",
    "openssh-client",
    "openssh-server",
    "chromium",
    "tmux",
    "python3-yaml",
];

/// What programs of i386 are made with, which try to leave containers of farm's own engine, too.
const OF_PROCESSOR: &[&str] = if cfg!(target_arch = "x86_64") { &["gcc-multilib"] } else { &[] };

/// How many of the slowest tests the summary names.
const SLOWEST: usize = 20;

/// How many tests of a binary run at once, for Rust's test harness.
const THREADS: &str = "RUST_TEST_THREADS";

/// A run of the checks and tests.
#[derive(Debug)]
struct Session {
    tally: Tally,
    phases: Phases,
}

/// `--fast`: what needs no engine. After `--`: arguments for `cargo test`, which then is all that is run.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, Failure> {
    let (fast, chosen) = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => (false, None),
        ["--fast"] => (true, None),
        ["--", rest @ ..] => (false, Some(rest.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())),
        _ => return Err(Failure::new("usage: cargo xtask test [--fast | -- CARGO-TEST-ARGUMENTS...]")),
    };
    let mut session = Session { tally: Tally::default(), phases: Phases::new() };
    if chosen.is_none() {
        session.check("format", cargo().args(["fmt", "--all", "--check"]))?;
        session.check("lints", cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
        session
            .check("documentation", cargo().args(["doc", "--no-deps", "--lib"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    if chosen.is_none() && !fast {
        match macos::check() {
            Ok(mut check) => session.check("types for macOS", &mut check)?,
            Err(failure) => session.cannot("types for macOS", &failure),
        }
    }
    if fast {
        let targets = ["--lib", "--bin", "xtask", "--test", "imports"].map(str::to_owned);
        session.tests(&targets, &[])?;
    } else {
        session.with_engines(&chosen.unwrap_or_else(|| vec!["--tests".to_owned()]))?;
    }
    session.summary()
}

impl Session {
    /// A check that passes or fails as a whole. The next ones run in any case: one run names all that is wrong.
    fn check(&mut self, name: &str, command: &mut Command) -> Result<(), Failure> {
        self.phases.begin(name);
        self.tally.check(name, command::run(command).is_ok());
        command::stop_if_interrupted()
    }

    /// A check that this machine does not allow, which in CI is one that fails.
    fn cannot(&mut self, name: &str, failure: &Failure) {
        if std::env::var_os("CI").is_some() {
            self.tally.check(&format!("{name}: {failure}"), false);
        } else {
            eprintln!("xtask: SKIPPED: {name}: {failure}");
        }
    }

    /// The tests with Docker and Podman at hand. What was started for them is stopped whatever the result.
    fn with_engines(&mut self, arguments: &[String]) -> Result<(), Failure> {
        // Before the engines are there: compiling takes the longest, and may fail.
        self.phases.begin("compile the tests");
        command::run(cargo().args(["test", "--workspace", "--no-run"]).args(before_dashes(arguments)))?;
        command::stop_if_interrupted()?;
        self.phases.begin("tools and engines");
        if apt::can_install() {
            apt::install(&[&TOOLS, OF_PROCESSOR].concat())?;
        }
        let docker = docker::ensure()?;
        let tested = others().and_then(|others| {
            let environment: Vec<(&str, String)> = docker.environment().into_iter().chain(others).collect();
            self.tests(arguments, &environment)
        });
        let stopped = podman::stop().and(registry::stop()).and(docker.release());
        tested.and(stopped)
    }

    /// One `cargo test`: a failure in one test binary does not hide the others.
    fn tests(&mut self, arguments: &[String], environment: &[(&str, String)]) -> Result<(), Failure> {
        self.phases.begin("tests");
        let cannot = |error: std::io::Error| Failure::new(format!("cargo test cannot be run: {error}"));
        // One stream of both: which test binary a result belongs to is only said by cargo, on stderr.
        let (output, writer) = std::io::pipe().map_err(cannot)?;
        let mut cargo = cargo();
        cargo.args(["test", "--workspace", "--no-fail-fast"]);
        // The harness tells the time of each test to those who take its unstable options. The runner makes it take
        // them; an environment of cargo's own would have crates compiled again.
        cargo.args(["--config", r#"target."cfg(all())".runner = ["env", "RUSTC_BOOTSTRAP=1"]"#]);
        cargo.args(before_dashes(arguments)).args(["--", "-Z", "unstable-options", "--report-time"]);
        cargo.args(arguments.iter().skip_while(|argument| *argument != "--").skip(1));
        cargo.envs(environment.iter().map(|(name, value)| (name, value)));
        cargo.stderr(writer.try_clone().map_err(cannot)?).stdout(writer);
        if std::env::var_os(THREADS).is_none() {
            cargo.env(THREADS, threads().to_string());
        }
        let before = self.tally.failed;
        let mut child = cargo.spawn().map_err(cannot)?;
        // With it go the ends of the pipe that were for the child: the stream ends with that.
        drop(cargo);
        for line in BufReader::new(output).split(b'\n') {
            let line = line.map_err(cannot)?;
            let line = String::from_utf8_lossy(&line);
            // Each test binary is a phase.
            if let Some(binary) = self.tally.count(&line) {
                self.phases.begin(&binary);
            }
            println!("{line}");
            let _ = std::io::stdout().flush();
        }
        let success = child.wait().map_err(cannot)?.success();
        self.tally.end(success, before);
        command::stop_if_interrupted()
    }

    fn summary(mut self) -> Result<ExitCode, Failure> {
        let timings = command::target().join("test-timings.tsv");
        self.tally.write_timings(&timings)?;
        println!("\n=== the slowest tests (all of them: {})", timings.display());
        for line in self.tally.slowest(SLOWEST) {
            println!("{line}");
        }
        println!("\n=== phases, how busy the processors were, and what the disk had left");
        for line in self.phases.lines() {
            println!("{line}");
        }
        println!("\n=== summary");
        for failure in &self.tally.failures {
            println!("FAILED {failure}");
        }
        let Tally { passed, failed, ignored, .. } = &self.tally;
        println!("{passed} passed, {failed} failed, {ignored} ignored, {} s", self.phases.seconds());
        Ok(if *failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// One more than there are processors: a test that waits for an engine or a download uses none.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, |processors| processors.get() + 1)
}

/// Starts what the tests need beside Docker; how they find it.
fn others() -> Result<Vec<(&'static str, String)>, Failure> {
    let registry = unless_skipped("tests with a registry", registry::start())?;
    let podman = unless_skipped("tests with Podman", podman::start(registry))?;
    let validators = unless_skipped("tests with validators of bills of materials", validators::ensure())?;
    let found = [
        ("FARM_TEST_REGISTRY", registry.map(registry::url)),
        ("FARM_TEST_PODMAN", podman),
        ("FARM_TEST_VALIDATORS", validators.map(|python| python.display().to_string())),
    ];
    Ok(found.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

/// What could not be started is said; in CI it is a failure.
fn unless_skipped<T>(name: &str, started: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match started {
        Err(failure) if std::env::var_os("CI").is_none() => {
            eprintln!("xtask: SKIPPED: {name}: {failure}");
            Ok(None)
        }
        started => started.map(Some),
    }
}

/// Those of `cargo test`'s arguments that are cargo's, not the test binaries'.
fn before_dashes(arguments: &[String]) -> impl Iterator<Item = &String> {
    arguments.iter().take_while(|argument| *argument != "--")
}
