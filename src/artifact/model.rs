//! What is expected of packages, what they are, and what is found wrong with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::describe::PackageListing;
use super::interpreters::Wanted;
use super::manifest::Manifest;
use crate::types::{Arch, Format, printable};

/// A file that a job produced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Name in the target's folder, never a path.
    pub file_name: String,
    /// The length of the file, in bytes.
    pub size_bytes: u64,
    /// Hex.
    pub sha256: String,
    /// What the file is to those who install or rebuild the package.
    pub kind: ArtifactKind,
    /// What a .deb or .rpm says of itself; none for other files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageId>,
}

/// What tells a package from all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageId {
    /// `Package` of a .deb, NAME of an .rpm.
    pub name: String,
    /// As the format writes it: `1:2.10-1`; for RPM `epoch:version-release`, the epoch only when there is one.
    pub version: String,
    /// As the format writes it: `amd64`, `all`, `x86_64`, `noarch`.
    pub architecture: String,
}

/// The role of a file among a job's results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactKind {
    /// A package for users to install.
    Binary,
    /// -dbgsym, -debuginfo, -debugsource.
    Debug,
    /// .src.rpm, .dsc and its files.
    Source,
    /// .changes, .buildinfo, modules.json.
    Metadata,
}

/// What the plan says about a job's results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The format that the target's distribution installs.
    pub format: Format,
    /// The architecture that packages must carry unless they are arch-independent.
    pub arch: Arch,
    /// Name, full version and whether it is arch-independent, for each binary package; all must be there.
    pub packages: Vec<Expected>,
    /// Whether binary packages beyond `packages` (debug ones aside) are an error. False for a project's own packaging.
    pub closed: bool,
    /// Whether the results are a source package, with no binary ones.
    pub source: bool,
    /// For a project's own packaging: the upstream version that every package must carry.
    pub upstream_version: Option<String>,
    /// What was installed, where that is known: what the packages must hold.
    pub manifest: Option<Arc<Manifest>>,
    /// Findings that are accepted, at most one for each rule.
    pub waivers: Vec<Waiver>,
}

/// Findings of one rule that the recipe's author accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The rule's name: `file-outside-standard`.
    pub rule: String,
    /// Paths, folders and globs as in `files` of a recipe; none: whatever the rule finds.
    pub paths: Vec<String>,
    /// What reports say of it.
    pub reason: String,
}

/// A binary package that the results must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The package's name: `Package` of a .deb, NAME of an .rpm.
    pub name: String,
    /// Its full version as the format writes it: `1:2.10-1~deb12`.
    pub version: String,
    /// Whether its architecture must be `all` or `noarch`.
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
    /// What each package wants and holds, in the order of the files.
    pub listings: Vec<PackageListing>,
}

/// Something wrong with an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Whether the finding rejects the job.
    pub severity: Severity,
    /// File name of the artifact; empty for the set as a whole.
    pub artifact: String,
    /// Stable name: `owns-shared-directory`, `elf-without-dependency`.
    pub rule: String,
    /// A sentence with the path concerned, printable.
    pub message: String,
    /// Of an accepted one: the recipe's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<String>,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The recipe waives it; people are told that, and why.
    Waived,
    /// People are told; the job succeeds all the same.
    Warning,
    /// The job is rejected.
    Error,
}

/// Why artifacts could not even be read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The file cannot be read from disk.
    #[error("cannot read {}", .path.display())]
    Io {
        /// The file concerned, on this host.
        path: PathBuf,
        /// The answer of the operating system.
        source: std::io::Error,
    },
    /// The file is no .deb or .rpm that its package manager would take.
    #[error("{} is not a valid package: {reason}", .path.display())]
    Malformed {
        /// The file concerned, on this host.
        path: PathBuf,
        /// What is wrong with it, made printable.
        reason: String,
    },
}

/// What a package says of itself that decides which others it is installed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageHead {
    /// The package's name: `Package` of a .deb, NAME of an .rpm.
    pub name: String,
    /// As the format writes it: `1:2.10-1`.
    pub version: String,
    /// deb: names of packages in Depends and Pre-Depends, alternatives included. rpm: names of capabilities, and paths.
    pub requires: Vec<String>,
    /// Its own name, too; of an RPM the programs in it.
    pub provides: Vec<String>,
}

/// The header of an .rpm.
pub(crate) struct RpmHeader {
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
