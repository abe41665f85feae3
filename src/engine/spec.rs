//! What an engine is asked for and what it answers: plain data, no behaviour.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::types::Arch;

/// Labels on everything that farm leaves in an engine.
pub mod labels {
    /// On every image, container and volume of ours.
    pub const OWNED: &str = "io.farm.owned";
    /// The run that made a container: what `reap` looks for.
    pub const RUN: &str = "io.farm.run";
    /// The target that a container works for.
    pub const TARGET: &str = "io.farm.target";
    /// `base`, `environment`, `builder`, `tester`, `imported` or `kept`.
    pub const KIND: &str = "io.farm.kind";
    /// The content key of a builder or tester image.
    pub const KEY: &str = "io.farm.key";
    /// The content digest of a bootstrapped base image: the same on every engine.
    pub const DIGEST: &str = "io.farm.digest";
    /// The digest of the distribution definition that a base image was made by.
    pub const DEFINITION: &str = "io.farm.definition";
    /// Raised when farm makes base images in another way; an image without it is of the first.
    pub const GENERATION: &str = "io.farm.generation";
    /// Where an image came from: `bootstrap`, `registry` or `file`.
    pub const ORIGIN: &str = "io.farm.origin";
    /// The distribution id and architecture of a base image, `debian-12/amd64`.
    pub const DISTRO: &str = "io.farm.distro";
    /// What a builder holds, for people.
    pub const REQUIRES: &str = "io.farm.requires";
    /// The id of the image that a builder or tester was made of.
    pub const FROM: &str = "io.farm.from";
    /// The step that failed in what a kept image holds.
    pub const STEP: &str = "io.farm.step";
    /// A digest of where the recipe of a kept image lies.
    pub const PROJECT: &str = "io.farm.project";
    /// The network that the build of a kept image had.
    pub const NETWORK: &str = "io.farm.network";
    /// All of them.
    pub const ALL: [&str; 15] = [
        OWNED, RUN, TARGET, KIND, KEY, DIGEST, DEFINITION, GENERATION, ORIGIN, DISTRO, REQUIRES, FROM, STEP, PROJECT,
        NETWORK,
    ];
}

/// An absolute path inside a container. Not a path of this host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GuestPath(String);

impl GuestPath {
    /// # Panics
    /// When `path` is not absolute: guest paths are farm's own, never input.
    pub fn new(path: impl Into<String>) -> GuestPath {
        let path = path.into();
        assert!(path.starts_with('/'), "guest path {path:?} is not absolute");
        GuestPath(path)
    }

    /// The path of `name` below this folder.
    pub fn join(&self, name: &str) -> GuestPath {
        GuestPath(format!("{}/{name}", self.0.trim_end_matches('/')))
    }

    /// The path as text, which begins with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who an engine is, and what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EngineInfo {
    /// `docker` or `podman`.
    pub name: String,
    /// The engine's version as it says it: `20.10.24`.
    pub version: String,
    /// The version of the Docker API that both sides speak; of farm's own engine `root` or `rootless`.
    pub api_version: String,
    /// The architecture of the machine that containers run on.
    pub arch: Arch,
    /// How many CPUs containers may use in all.
    pub cpus: usize,
    /// The memory of the engine's machine in bytes; 0 where it is not known.
    pub memory_bytes: u64,
    /// Whether containers run on the kernel that farm itself runs on: then it can be asked what it starts.
    pub shares_kernel: bool,
    /// What this engine cannot do that was or may be asked of it, as sentences to show once.
    pub limitations: Vec<String>,
}

#[cfg(test)]
impl EngineInfo {
    /// For tests: an engine of this name that lacks nothing.
    pub(crate) fn named(name: &str) -> EngineInfo {
        EngineInfo {
            name: name.to_owned(),
            version: "1.2".to_owned(),
            api_version: String::new(),
            arch: Arch::Amd64,
            cpus: 4,
            memory_bytes: 8 << 30,
            shares_kernel: false,
            limitations: Vec::new(),
        }
    }
}

/// An image in the engine's store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageInfo {
    /// The engine's content id, `sha256:…`.
    pub id: String,
    /// The names that the store has for it: `debian:12`.
    pub tags: Vec<String>,
    /// Registry digests, `name@sha256:…`.
    pub repo_digests: Vec<String>,
    /// What its configuration says under `Labels` (OCI image specification).
    pub labels: BTreeMap<String, String>,
    /// The size of the image in bytes, as the engine counts it.
    pub size_bytes: u64,
    /// Seconds since the epoch.
    pub created: i64,
}

impl ImageInfo {
    /// What identifies the content wherever the image is kept: farm's own digest, a registry's, or the engine's id.
    pub fn identity(&self) -> &str {
        self.labels
            .get(labels::DIGEST)
            .map(String::as_str)
            .or_else(|| self.repo_digests.first().and_then(|digest| digest.split_once('@')).map(|(_, digest)| digest))
            .unwrap_or(&self.id)
    }
}

/// An image made from a root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportSpec {
    /// `farm/base:debian-12-amd64`
    pub tag: String,
    /// The architecture that the image's configuration names.
    pub arch: Arch,
    /// The labels to set beside [`labels::OWNED`], which the driver adds.
    pub labels: BTreeMap<String, String>,
    /// What processes find in their environment beside what they are given, `NAME=value`; none: the engine's default.
    pub env: Vec<String>,
}

/// An image made from a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitSpec {
    /// The name to give to the image: `farm/builder:0123456789ab`.
    pub tag: String,
    /// The labels to set beside [`labels::OWNED`], which the driver adds.
    pub labels: BTreeMap<String, String>,
}

/// An image made from a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSpec {
    /// The Dockerfile's name in the context: `packaging/Dockerfile`.
    pub dockerfile: String,
    /// The stage to build; none: the last.
    pub target: Option<String>,
    /// Values for the `ARG`s that the Dockerfile declares.
    pub args: BTreeMap<String, String>,
    /// The architecture that the image is built for.
    pub arch: Arch,
    /// The network that each `RUN` step finds.
    pub network: Network,
    /// Of each step. Not every engine limits the processes of a build.
    pub limits: Limits,
    /// `farm/environment:<key>`
    pub tag: String,
    /// Beside [`labels::OWNED`], which the driver adds. Those of ours that a parent image carries are not inherited.
    pub labels: BTreeMap<String, String>,
}

/// Whether a container can reach a network at all. Fixed for its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// An empty network: not even the engine's own.
    None,
    /// The engine's default network.
    Default,
    /// The engine host's own network.
    Host,
}

/// What every container has, on each engine: a test suite that passes with one passes with all.
pub mod common {
    /// Bytes of `/dev/shm`. Browsers and databases want more than the 64 MiB that engines give by themselves.
    pub const SHARED_MEMORY: u64 = 1 << 30;
    /// Open files of a process, as it starts and at most (`RLIMIT_NOFILE`). Never more than the engine itself may have.
    pub const OPEN_FILES: (u64, u64) = (1024, 16_384);
    /// Processes of a user (`RLIMIT_NPROC`), whose number in a container [`super::Limits`] says.
    pub const PROCESSES: u64 = 32_768;
    /// Bytes of stack as a process starts (`RLIMIT_STACK`).
    pub const STACK: u64 = 8 << 20;
    /// Bytes of memory that a process may lock (`RLIMIT_MEMLOCK`).
    pub const LOCKED_MEMORY: u64 = 8 << 20;
}

/// What a container may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory, swap included; none: no limit.
    pub memory_bytes: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u32>,
    /// CPUs by number, as `0-3,7`. The only limit that `nproc` sees.
    pub cpuset: Option<String>,
}

/// The name of the host in containers, unless somebody wants to know what another one changes.
pub const HOST_NAME: &str = "farm";

/// A container to be. It has no word for a folder that it would share with another one, and there is to be none: what runs
/// in one container is hostile to all others, and whatever it could write there they would read unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSpec {
    /// A tag or id in the engine's store.
    pub image: String,
    /// The architecture that the image must have.
    pub arch: Arch,
    /// For people who list containers: `farm-<run>-…`; made unique by the caller.
    pub name: String,
    /// The name of the host that processes in it find: [`HOST_NAME`], as some packages record the host that built them.
    pub host_name: &'static str,
    /// The network that all processes in it find.
    pub network: Network,
    /// What all processes in it may use together.
    pub limits: Limits,
    /// Beside [`labels::OWNED`], which the driver adds.
    pub labels: BTreeMap<String, String>,
}

/// One process in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecSpec {
    /// The program and its arguments; no shell is added.
    pub argv: Vec<String>,
    /// `uid:gid`, numeric.
    pub user: String,
    /// The whole environment beside what the image sets.
    pub env: Vec<(String, String)>,
    /// The folder that it starts in, which exists.
    pub workdir: GuestPath,
}

/// The size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// What comes from the person at a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminalInput {
    /// What was typed, as bytes.
    Typed(Bytes),
    /// The terminal has another size now.
    Resized(TerminalSize),
}

/// How a process ended: its exit code, or 128 + the signal's number, as shells say it. 126 and 127: it never ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitStatus {
    /// The exit code; 0 is success.
    pub code: i32,
}

impl ExitStatus {
    /// Whether the exit code is 0.
    pub fn success(self) -> bool {
        self.code == 0
    }
}

/// What a container used since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Processes killed because the memory limit was reached; `None` where the engine gives no way to know.
    pub oom_kills: Option<u64>,
    /// The most memory that was in use at a time, in bytes; `None` where the engine cannot tell.
    pub memory_peak_bytes: Option<u64>,
}
