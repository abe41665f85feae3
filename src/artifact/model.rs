//! What is expected of packages, what they are, and what is found wrong with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::interpreters::Wanted;
use super::manifest::Manifest;
use crate::types::{Arch, Format, printable};

/// A file that a job produced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Name in the target's folder, never a path.
    pub file_name: String,
    pub size_bytes: u64,
    /// Hex.
    pub sha256: String,
    pub kind: ArtifactKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactKind {
    Binary,
    /// -dbgsym, -debuginfo, -debugsource.
    Debug,
    /// .src.rpm, .dsc and its files.
    Source,
    /// .changes, .buildinfo.
    Metadata,
}

/// What the plan says about a job's results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    pub format: Format,
    pub arch: Arch,
    /// Name, full version and whether it is arch-independent, for each binary package; all must be there.
    pub packages: Vec<Expected>,
    /// Whether binary packages beyond `packages` (debug ones aside) are an error. False for a project's own packaging.
    pub closed: bool,
    /// For a project's own packaging: the upstream version that every package must carry.
    pub upstream_version: Option<String>,
    /// What was installed, where that is known: what the packages must hold.
    pub manifest: Option<Arc<Manifest>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub name: String,
    pub version: String,
    pub arch_independent: bool,
    /// The recipe says that it holds nothing.
    pub is_empty: bool,
}

/// What [`super::inspect`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Every file, sorted by name.
    pub artifacts: Vec<Artifact>,
    /// Errors first.
    pub findings: Vec<Finding>,
    /// What has to run the scripts of the packages, once for each package and interpreter.
    pub wanted: Vec<Wanted>,
}

/// Something wrong with an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub severity: Severity,
    /// File name of the artifact; empty for the set as a whole.
    pub artifact: String,
    /// Stable name: `owns-shared-directory`, `elf-without-dependency`.
    pub rule: String,
    /// A sentence with the path concerned, printable.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Warning,
    /// The job is rejected.
    Error,
}

/// Why artifacts could not even be read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    #[error("cannot read {}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} is not a valid package: {reason}", .path.display())]
    Malformed { path: PathBuf, reason: String },
}

/// What a package says of itself, for tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageSummary {
    pub name: String,
    /// As the format writes it: `1:2.10-1`.
    pub version: String,
    /// As the format writes it: `amd64`, `noarch`; `src` for a source RPM.
    pub architecture: String,
    /// Of the file.
    pub size_bytes: u64,
}

/// What a package says of itself that decides which others it is installed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageHead {
    pub name: String,
    /// As the format writes it: `1:2.10-1`.
    pub version: String,
    /// deb: names of packages in Depends and Pre-Depends, alternatives included. rpm: names of capabilities, and paths.
    pub requires: Vec<String>,
    /// Its own name, too; of an RPM the programs in it.
    pub provides: Vec<String>,
}

/// The header of an .rpm.
pub struct RpmHeader {
    pub metadata: ::rpm::PackageMetadata,
    /// Where the main header begins and ends in the file.
    pub range: std::ops::Range<u64>,
}

impl std::fmt::Debug for RpmHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RpmHeader").field("range", &self.range).finish_non_exhaustive()
    }
}

pub(super) fn malformed(path: &Path, reason: String) -> ArtifactError {
    ArtifactError::Malformed { path: path.to_owned(), reason: printable(&reason) }
}

pub(super) fn package_format(file_name: &str) -> Option<Format> {
    match file_name.rsplit_once('.')?.1 {
        "deb" | "ddeb" | "udeb" => Some(Format::Deb),
        "rpm" => Some(Format::Rpm),
        _ => None,
    }
}
