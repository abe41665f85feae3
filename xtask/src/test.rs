//! All tests, in the order that fails soonest: format, lints, then everything that cargo runs, with a real Docker engine
//! and a real Podman. In CI nothing is skipped: what a test needs is installed here.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::engine::{self, Engine};
use crate::{cargo, root};

/// Debian packages of the tools that the tests read farm's results with, and a program of each.
const TOOLS: [(&str, &str); 6] = [
    ("lintian", "lintian"),
    ("rpm", "rpmbuild"),
    ("rpmlint", "rpmlint"),
    ("mmdebstrap", "mmdebstrap"),
    ("dpkg-dev", "dpkg-buildpackage"),
    ("git", "git"),
];

pub(crate) fn run(fast: bool) -> Result<ExitCode, String> {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    if fast {
        cargo(&["test", "--workspace", "--lib", "--bins", "--test", "imports", "--test", "cli"])?;
        return Ok(ExitCode::SUCCESS);
    }
    if Path::new("/etc/debian_version").exists() {
        for (package, program) in TOOLS {
            engine::install(&[package], program)?;
        }
    }
    // Compiled before an engine is started: compiling takes the longest, and may fail.
    cargo(&["test", "--workspace", "--no-run"])?;
    let docker = engine::ensure()?;
    let (podman, podman_daemon) = engine::podman()?;
    let result = test(&docker, &podman);
    podman_daemon.stop()?;
    docker.stop()?;
    if std::env::var_os("CI").is_some() {
        engine::purge();
    }
    result?;
    Ok(ExitCode::SUCCESS)
}

fn test(docker: &Engine, podman: &str) -> Result<(), String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["test", "--workspace", "--no-fail-fast"])
        .current_dir(root())
        .envs(docker.environment())
        .env("FARM_TEST_PODMAN", podman);
    crate::run(&mut command)
}
