//! For tests that ask the real tools, or that only root can run: what is missing is said, and in CI it is a failure.

use std::io::Write as _;
use std::process::Command;

/// Says that a test is skipped, past the capture of the test harness: a skip that nobody sees is a lie.
///
/// # Panics
/// In CI, where nothing is skipped.
#[track_caller]
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}, and in CI nothing is skipped");
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// Whether these programs are installed; a test that lacks one is skipped.
#[track_caller]
pub(crate) fn have(tools: &[&str]) -> bool {
    have_with(tools, "--version")
}

/// The same of programs that take another flag than `--version`.
#[track_caller]
pub(crate) fn have_with(tools: &[&str], flag: &str) -> bool {
    let missing: Vec<&&str> = tools.iter().filter(|tool| Command::new(tool).arg(flag).output().is_err()).collect();
    if !missing.is_empty() {
        skip(&format!("{missing:?} are not installed"));
    }
    missing.is_empty()
}

/// Whether root runs this; a test that needs root is skipped otherwise.
#[cfg(target_os = "linux")]
#[track_caller]
pub(crate) fn is_root() -> bool {
    let is_root = nix::unistd::Uid::effective().is_root();
    if !is_root {
        skip("it needs root");
    }
    is_root
}
