//! For tests that ask the real tools.

use std::io::Write as _;
use std::process::Command;

/// Whether these programs are here. Where one is missing, a test is skipped loudly; in CI nothing is.
pub(crate) fn have(tools: &[&str]) -> bool {
    let missing: Vec<&&str> =
        tools.iter().filter(|tool| Command::new(tool).arg("--version").output().is_err()).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "{missing:?} must be installed where CI runs");
    let _ = writeln!(std::io::stderr(), "SKIPPED: {missing:?} are not installed");
    false
}
