//! For tests that ask the real tools, or that only root can run: what is missing is said, and in CI it is a failure. And the
//! memory of a process, for tests that bound it, with what fills some.

use std::io::Write as _;
use std::process::{Command, Stdio};

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

/// Bytes that no compressor makes less of, the same each time: xorshift. `count` is a multiple of 8.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(count / 8).flatten().collect()
}

/// Runs a program to its good end and returns the most memory that it had, in KiB: without the pages of its program, of which
/// one that is not optimised has many. `None` where the system does not say.
pub(crate) fn peak_of(command: &mut Command) -> Option<u64> {
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    let ended = loop {
        peak = peak.max(std::fs::read_to_string(&status).ok().and_then(|text| anonymous_kib(&text)));
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert!(ended.success(), "{ended}");
    assert!(peak.is_some() || !cfg!(target_os = "linux"), "nothing was read of the child's memory");
    if let Some(peak) = peak {
        let _ = writeln!(std::io::stderr().lock(), "          memory: peak of {peak} KiB");
    }
    peak
}

fn anonymous_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
