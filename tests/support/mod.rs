//! What the tests share: farm in a project of its own ([`Test`]), engines and tools that a machine may lack, and the
//! folders of the tests. It knows nothing of what any test is about. Each test binary has it as a module.

// Each of them uses a part.
#![allow(dead_code, unused_imports)]

mod run;
#[path = "../../src/types/testing.rs"]
mod skip;
#[cfg(target_os = "linux")]
pub(crate) mod stranger;

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use run::{RECIPE, Ran, Test, built_once};
#[cfg(target_os = "linux")]
pub(crate) use skip::is_root;
pub(crate) use skip::{have, noise, peak_of, skip};

/// The endpoint of an engine that the environment names; without one a test is skipped.
pub(crate) fn engine(variable: &str) -> Option<String> {
    let host = std::env::var(variable).ok().filter(|host| !host.is_empty());
    if host.is_none() {
        skip(&format!("{variable} names no engine (`cargo xtask test` brings one up)"));
    }
    host
}

/// farm's own engine, with a store that the tests share.
pub(crate) fn native_engine() -> String {
    format!("native://{}", temporary().join("matrix-store").display())
}

/// A tool of the distribution, run to its end; a test that lacks it is skipped.
pub(crate) fn tool(program: &str, arguments: &[&str]) -> Option<Ran> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => Some(output.into()),
        Err(error) => {
            skip(&format!("{program}: {error}"));
            None
        }
    }
}

/// The mirror that this machine's own apt uses: host, port and path.
pub(crate) fn upstream() -> Option<(String, String)> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir("/etc/apt/sources.list.d").ok()?.map(|one| one.unwrap().path()).collect();
    files.push("/etc/apt/sources.list".into());
    let text: String = files.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    let words = text.lines().filter(|line| line.starts_with("URIs:") || line.starts_with("deb "));
    let address = words.flat_map(str::split_whitespace).find(|word| {
        word.starts_with("http://") && word.trim_end_matches('/').ends_with("/debian") && !word.contains('@')
    })?;
    let (host, path) = address.strip_prefix("http://")?.split_once('/')?;
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    Some((host, format!("/{}", path.trim_end_matches('/'))))
}

pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where tests leave what others may use, or somebody may want to look at: below Cargo's target folder.
pub(crate) fn temporary() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// What farm fetched for the tests, as `XDG_CACHE_HOME`.
pub(crate) fn cache() -> PathBuf {
    temporary().join("cache")
}

/// Copies a folder and all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &place),
            false => drop(std::fs::copy(entry.path(), place).unwrap()),
        }
    }
}
