//! What a tree of repositories is made of, and why it cannot be.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::artifact::ArtifactError;
use crate::sign::SignError;
use crate::types::Format;

/// One repository of the tree: a suite of apt's (`dists/NAME`), or `rpm/NAME` with its `repodata`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) format: Format,
    /// `bookworm`, `fedora-44`.
    pub(crate) name: String,
}

impl Place {
    /// The folder that is replaced in one step, relative to the tree.
    pub(super) fn folder(&self) -> String {
        match self.format {
            Format::Deb => format!("dists/{}", self.name),
            Format::Rpm => format!("rpm/{}/repodata", self.name),
        }
    }

    /// Whether its apt is older than 2.3.10, which reads keys from files only (sources.list(5), Signed-By).
    pub(crate) fn has_key_beside(&self) -> bool {
        const OLD: [&str; 6] = ["jessie", "stretch", "buster", "bullseye", "bionic", "focal"];
        let suite = self.name.split(['-', '/']).next().unwrap_or_default();
        self.format == Format::Deb && OLD.contains(&suite)
    }

    /// The file of that folder that names all others by their sums.
    pub(super) fn anchor(&self) -> &'static str {
        match self.format {
            Format::Deb => "Release",
            Format::Rpm => "repomd.xml",
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.folder().trim_end_matches("/repodata"))
    }
}

/// A package that is to be in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Incoming {
    pub(crate) path: PathBuf,
    pub(crate) place: Place,
    /// Hex, when it is known what it has to be.
    pub(crate) sha256: Option<String>,
    /// Debian's name of an architecture that the repository is for, though this package may be for all of them.
    pub(crate) arch: Option<String>,
}

/// What the repositories say of themselves; what is none stays as it was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    pub(crate) origin: Option<String>,
    pub(crate) label: Option<String>,
    /// After so many days clients refuse the indexes, unless they are signed again; 0: never.
    pub(crate) valid_days: Option<u32>,
    /// Where users will find the tree.
    pub(crate) url: Option<String>,
    /// Whether indexes of RPM repositories are compressed with zstd, which old package managers cannot read.
    pub(crate) zstd: Option<bool>,
}

/// The same, complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) origin: String,
    pub(super) label: String,
    pub(super) valid_days: u32,
    pub(super) zstd: bool,
    /// Of the key that signs, or of several; none for a repository that nobody signs.
    pub(super) key: Option<String>,
    /// Debian's names of architectures that have an index even without a package of their own.
    pub(super) arches: Vec<String>,
}

/// A package in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) arch: String,
    /// Where it lies: for apt relative to the tree, for RPM to the repository.
    pub(super) path: String,
    pub(super) size: u64,
    /// Hex, of the file as it lies there.
    pub(super) sha256: String,
    /// Hex, of the file as it was given: an .rpm is signed on its way in.
    pub(super) source: String,
    /// Names of files beside it that belong to it, as a .dsc has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) beside: Vec<String>,
    /// The fingerprint of the key that has signed it; none where it is not signed itself, or an earlier farm has signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// When it came into the repository, seconds since the epoch; none where an earlier farm has taken it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) added: Option<i64>,
}

/// What was done to one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) place: Place,
    pub(crate) added: usize,
    pub(crate) removed: usize,
    /// All packages that it has now.
    pub(crate) packages: usize,
    /// Whether anything was written.
    pub(crate) is_written: bool,
}

/// Why a tree of repositories is not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RepoError {
    #[error("cannot write {}", .path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("cannot read {}", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("another farm is writing to {}", .0.display())]
    Locked(PathBuf),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("{} is not taken into {place}: {reason}", .path.display())]
    Package { path: PathBuf, place: Place, reason: String },
    #[error("{} is not a repository that farm can go on with: {reason}", .path.display())]
    Foreign { path: PathBuf, reason: String },
    #[error("{0}")]
    NoSuch(String),
}

pub(super) fn writing(path: &Path) -> impl FnOnce(std::io::Error) -> RepoError + '_ {
    move |source| RepoError::Write { path: path.to_owned(), source }
}

pub(super) fn reading(path: &Path) -> impl FnOnce(std::io::Error) -> RepoError + '_ {
    move |source| RepoError::Read { path: path.to_owned(), source }
}
