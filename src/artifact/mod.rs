//! Packages as files: what a .deb or .rpm says of itself, and whether it may be accepted. Reading only; everything in a
//! package is hostile until checked. What was planned comes in as an [`Expectation`]: this module knows no recipe.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::types::{Arch, Format};

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
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub name: String,
    pub version: String,
    pub arch_independent: bool,
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

/// Reads and checks the results of one job: `files` lie flat in one folder. CPU work runs on rayon: call it from a
/// blocking thread.
///
/// Returns every file as an [`Artifact`] (sorted by name) and all findings, errors first.
pub fn inspect(files: &[PathBuf], expectation: &Expectation) -> Result<(Vec<Artifact>, Vec<Finding>), ArtifactError> {
    let _ = (files, expectation);
    unimplemented!()
}
