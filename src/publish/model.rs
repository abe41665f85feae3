//! What is published, what is known of a target, and why publishing fails.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::repo::tree::RepoError;

/// The shape of [`Manifest`].
pub(super) const SCHEMA: u32 = 1;
/// Where a target keeps its [`Manifest`].
pub(super) const MANIFEST: &str = ".farm/published.json";

/// When a file is sent: each kind names only files of the kinds before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Packages: a path has one content for ever.
    Package,
    /// Indexes that are named after their content.
    Index,
    /// Indexes under names that stay, keys and what users paste: changed in place.
    Plain,
    /// The files that a client reads first, and that name all others by their sums.
    Entry,
}

impl Class {
    /// Of a path relative to the folder of repositories.
    pub(super) fn of(path: &str) -> Class {
        let parts: Vec<&str> = path.split('/').collect();
        match parts[..] {
            ["pool", ..] => Class::Package,
            ["dists", _, "InRelease" | "Release" | "Release.gpg"] => Class::Entry,
            ["dists", ..] if parts.contains(&"by-hash") => Class::Index,
            ["rpm", _, "repodata", "repomd.xml" | "repomd.xml.asc"] => Class::Entry,
            ["rpm", _, "repodata", name] if is_named_by_sum(name) => Class::Index,
            ["rpm", _, "repodata", ..] => Class::Plain,
            ["rpm", _, _, ..] => Class::Package,
            _ => Class::Plain,
        }
    }

    /// Whether a path of it never has another content.
    pub(super) fn is_immutable(self) -> bool {
        matches!(self, Class::Package | Class::Index)
    }

    /// For progress: `2 packages`.
    pub(crate) fn noun(self) -> (&'static str, &'static str) {
        match self {
            Class::Package => ("package", "packages"),
            Class::Index => ("index", "indexes"),
            Class::Plain => ("file under a name that stays", "files under names that stay"),
            Class::Entry => ("signed entry point", "signed entry points"),
        }
    }
}

/// `SUM-primary.xml.gz`.
fn is_named_by_sum(name: &str) -> bool {
    let sum = name.split('-').next().unwrap_or_default();
    sum.len() >= 32 && sum.len() < name.len() && sum.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a server tells clients of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Headers {
    pub(super) content_type: &'static str,
    pub(super) cache_control: &'static str,
}

impl Headers {
    pub(super) fn of(path: &str) -> Headers {
        let name = path.rsplit('/').next().unwrap_or(path);
        let content_type = match name.rsplit_once('.').map_or(name, |(_, ending)| ending) {
            "deb" | "ddeb" | "udeb" => "application/vnd.debian.binary-package",
            "rpm" => "application/x-rpm",
            "gz" => "application/gzip",
            "xz" => "application/x-xz",
            "zst" => "application/zstd",
            "xml" => "application/xml",
            "json" => "application/json",
            "gpg" => "application/pgp-signature",
            "asc" if name == "key.asc" => "application/pgp-keys",
            "asc" => "application/pgp-signature",
            "InRelease" | "Release" | "dsc" | "sources" | "repo" => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        };
        let cache_control = match Class::of(path).is_immutable() {
            true => "public, max-age=31536000, immutable",
            // Kept, and asked after each time: an old InRelease beside new indexes would be a half state.
            false => "no-cache",
        };
        Headers { content_type, cache_control }
    }
}

/// A file of the folder that is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LocalFile {
    pub(super) size: u64,
    /// Hex.
    pub(super) sha256: String,
    pub(super) class: Class,
}

/// What was put to a target, and who is putting: kept there, changed by conditional writes only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) schema: u32,
    /// The folder that is published there, by the name that it was given at random.
    pub(super) tree: String,
    /// When a run last ended well, seconds since the epoch.
    pub(super) date: i64,
    /// Nobody once a run has ended.
    pub(super) at_work: Option<AtWork>,
    pub(super) files: BTreeMap<String, Sent>,
    /// Since when a file is named by nothing that is published, seconds since the epoch.
    pub(super) retired: BTreeMap<String, i64>,
}

/// Who is publishing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AtWork {
    /// `user@host`.
    pub(super) who: String,
    pub(super) host: String,
    /// Seconds since the epoch, as `until`: then it counts as dead, unless it has written anew.
    pub(super) since: i64,
    pub(super) until: i64,
    /// At random, for each run.
    pub(super) run: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sent {
    pub(super) size: u64,
    pub(super) sha256: String,
    /// What the target said of the file when it was sent: its ETag, mostly.
    pub(super) tag: Option<String>,
    /// False from before the first byte is sent until after the last.
    pub(super) is_whole: bool,
}

/// A file at a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) size: u64,
    pub(super) tag: Option<String>,
}

/// What a run is to do; on a dry run, what it would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Published {
    /// In the order in which they are sent, with their sizes.
    pub(crate) sent: Vec<(String, u64)>,
    /// Files that were there.
    pub(crate) unchanged: usize,
    pub(crate) removed: Vec<String>,
    /// What is named by nothing any more, and stays for those who have just read the last state.
    pub(crate) retired: usize,
    /// What the user should know of the target.
    pub(crate) notes: Vec<String>,
}

/// Why a target does not do what it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TargetError {
    /// It holds something else than the writer has seen.
    Changed,
    /// It knows no conditional writes, and says so.
    NotSupported(String),
    /// In words, without secrets.
    Failed(String),
}

/// Why a folder is not published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    #[error(transparent)]
    Repo(#[from] RepoError),
    #[error("cannot read {}", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {}", .path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("cannot publish {}: {reason}", .path.display())]
    File { path: PathBuf, reason: String },
    #[error("there are no repositories in {}", .0.display())]
    Nothing(PathBuf),
    #[error("cannot publish to {target}: {reason}")]
    Address { target: String, reason: String, help: Option<String> },
    #[error("cannot {action} {target}: {reason}")]
    Target { action: String, target: String, reason: String },
    #[error("{who} is publishing to {target}, since {}", .since.format("%Y-%m-%d %H:%M:%S UTC"))]
    AtWork { target: String, who: String, since: DateTime<Utc>, until: DateTime<Utc> },
    #[error("{who} has taken over {target} at {}, and this run has ended", .since.format("%Y-%m-%d %H:%M:%S UTC"))]
    Overtaken { target: String, who: String, since: DateTime<Utc> },
    #[error("{target} was last published from another folder, on {}", .date.format("%Y-%m-%d %H:%M:%S UTC"))]
    OtherFolder { target: String, date: DateTime<Utc> },
    #[error("{target} has {path} with another content, which users may be reading")]
    OtherContent { target: String, path: String },
    #[error("publishing was interrupted; what was sent stays, and the next run goes on from there")]
    Cancelled,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_headers_follow_from_paths() {
        let sum = "0".repeat(64);
        for (path, class, content_type) in [
            ("pool/sid/main/h/hello/hello_1.0~rc1_all.deb", Class::Package, "application/vnd.debian.binary-package"),
            ("rpm/fedora-44/Packages/h/hello-1.0-1.noarch.rpm", Class::Package, "application/x-rpm"),
            (&format!("dists/sid/main/binary-amd64/by-hash/SHA256/{sum}"), Class::Index, "application/octet-stream"),
            ("dists/sid/main/binary-amd64/Packages.gz", Class::Plain, "application/gzip"),
            ("dists/sid/main/binary-amd64/Release", Class::Plain, "text/plain; charset=utf-8"),
            ("dists/sid/InRelease", Class::Entry, "text/plain; charset=utf-8"),
            ("dists/sid/Release.gpg", Class::Entry, "application/pgp-signature"),
            ("rpm/fedora-44/repodata/repomd.xml", Class::Entry, "application/xml"),
            (&format!("rpm/fedora-44/repodata/{sum}-primary.xml.gz"), Class::Index, "application/gzip"),
            ("rpm/fedora-44/repodata/primary.xml.gz", Class::Plain, "application/gzip"),
            ("key.asc", Class::Plain, "application/pgp-keys"),
            ("setup/sid.sources", Class::Plain, "text/plain; charset=utf-8"),
        ] {
            assert_eq!((Class::of(path), Headers::of(path).content_type), (class, content_type), "{path}");
            assert_eq!(Headers::of(path).cache_control.contains("immutable"), class < Class::Plain, "{path}");
        }
    }
}
