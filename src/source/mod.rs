//! Sources -> one deterministic tar per recipe, in a cache keyed by what went in: fetched, verified, filtered by
//! .gitignore, stripped, entries sorted, owners and times fixed. Patches are carried beside, applied in the container.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::fetch::{FetchError, Fetcher};
use crate::recipe::Source;
use crate::types::Progress;

/// Where sources are kept on this host, and how they are fetched.
#[derive(Debug, Clone)]
pub struct Sources {
    pub cache: PathBuf,
    pub fetcher: Fetcher,
    /// Base URL for `mirror://NAME/…`, by name; chosen by the caller (`archive::mirror`).
    pub mirrors: std::collections::BTreeMap<String, String>,
}

/// Sources made ready on this host.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// An uncompressed tar of the source tree, without a top folder.
    pub tree: PathBuf,
    /// Hex sha256 of `tree`'s content.
    pub digest: String,
    /// The newest modification time in it, seconds since the epoch: the default SOURCE_DATE_EPOCH.
    pub newest: i64,
    /// Patch files in order, as `NNNN-name.patch` and path on this host, with the `into` folder they apply in.
    pub patches: Vec<PreparedPatch>,
    /// Each source as fetched: file name and path. Path and git sources are tars with a top folder `<name>-<version>`.
    pub originals: Vec<(String, PathBuf)>,
}

#[derive(Debug, Clone)]
pub struct PreparedPatch {
    pub name: String,
    pub path: PathBuf,
    /// Folder in the source tree; `.` for its top.
    pub into: String,
}

/// A digest of the sources without fetching any: urls by their sha256, git by commit, paths and patches by content.
/// Also reads nothing but files of the recipe. An input of the job's key.
///
/// # Errors
/// When a path or patch that the recipe names cannot be read.
pub fn fingerprint(root: &Path, sources: &[Source]) -> Result<String, SourceError> {
    let _ = (root, sources);
    unimplemented!()
}

impl Sources {
    /// Fetches and prepares. Two calls for the same sources do the work once, also across processes.
    ///
    /// `name` and `version` name the top folder of originals made from paths and git.
    pub async fn prepare(
        &self,
        root: &Path,
        name: &str,
        version: &str,
        sources: &[Source],
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Prepared, SourceError> {
        let _ = (root, name, version, sources, progress, cancel);
        unimplemented!()
    }
}

/// One regular file of a prepared tree, at most `limit` bytes; `None` when there is none at `path`.
pub fn read_file(prepared: &Prepared, path: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
    let _ = (prepared, path, limit);
    unimplemented!()
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("cannot read {}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{name}: {reason}")]
    Archive { name: String, reason: String },
    #[error("git: {0}")]
    Git(String),
    #[error("unknown mirror `{name}` in {url}")]
    UnknownMirror { name: String, url: String },
    #[error("cancelled")]
    Cancelled,
}
