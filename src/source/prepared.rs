//! Sources made ready on this host, as a folder of the cache has them, and whether they still are what was made.
//!
//! Each file is known by its sha256, and by what the file system says of it: as long as that is the same, nobody has written
//! to it, and it need not be read to know that. Whoever uses one reads it anyway, and compares what was read.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::{SourceError, content};
use crate::cache::touch;
use crate::types::Stamp;

const ENTRY_FILE: &str = "prepared.json";

/// Sources made ready on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prepared {
    /// An uncompressed tar of the source tree, without a top folder. Every entry belongs to 0:0, files have mode 0644
    /// or 0755, and no entry lies outside or behind a link.
    pub tree: PathBuf,
    /// Hex sha256 of `tree`'s content.
    pub digest: String,
    /// The newest modification time in it, seconds since the epoch: the default SOURCE_DATE_EPOCH. Files of the
    /// recipe's own folder and single downloads have no time that hosts agree on; times in the future and before
    /// [`super::EARLIEST`] are passed over. With nothing left, that.
    pub newest: i64,
    /// Patch files in order, named as [`crate::recipe::Patch::file_name`] does, and path on this host, with the `into`
    /// folder they apply in.
    pub patches: Vec<PreparedPatch>,
    /// Each source as fetched. Path and git sources are tars with a top folder `<name>-<version>`, the second of them
    /// `<name>-<version>-2`; a path that is a file is itself.
    pub originals: Vec<PreparedFile>,
    /// What people should know of the sources, as a rule's name and a sentence; they can be built all the same.
    pub warnings: Vec<(String, String)>,
}

/// A file and what it must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PreparedFile {
    pub name: String,
    pub path: PathBuf,
    /// Hex.
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PreparedPatch {
    pub name: String,
    pub path: PathBuf,
    /// Folder in the source tree; `.` for its top.
    pub into: String,
    /// Hex.
    pub sha256: String,
}

/// `prepared.json`
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PreparedSources {
    pub(super) tree: Kept,
    pub(super) newest: i64,
    pub(super) patches: Vec<KeptPatch>,
    pub(super) originals: Vec<KeptOriginal>,
    pub(super) warnings: Vec<(String, String)>,
}

/// What is known of a file that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) sha256: String,
    pub(super) stamp: Stamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptPatch {
    pub(super) name: String,
    pub(super) into: String,
    pub(super) kept: Kept,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptOriginal {
    pub(super) name: String,
    /// Whether it lies among the downloads, under its sha256.
    pub(super) download: bool,
    pub(super) kept: Kept,
}

impl Kept {
    /// Of a file that has just been written.
    pub(super) fn of(path: &Path) -> Result<Kept, SourceError> {
        Kept::known(path, hex::encode(content(path)?))
    }

    /// Of a file whose sha256 is known.
    pub(super) fn known(path: &Path, sha256: String) -> Result<Kept, SourceError> {
        let stamp = Stamp::of(path).map_err(|source| SourceError::Io { path: path.to_owned(), source })?;
        Ok(Kept { sha256, stamp })
    }

    /// What it is now, if it has the same content; with `read`, that is read in any case.
    fn checked(&self, path: &Path, read: bool) -> Option<Kept> {
        let stamp = Stamp::of(path).ok()?;
        if !read && stamp == self.stamp {
            return Some(self.clone());
        }
        let same = hex::encode(content(path).ok()?) == self.sha256;
        same.then(|| Kept { sha256: self.sha256.clone(), stamp })
    }
}

/// What a folder of the cache holds.
pub(super) enum Loaded {
    Whole(Prepared),
    /// Nothing, or something that an older farm made.
    Nothing,
    /// A file of it is not what was made.
    Damaged,
}

impl PreparedSources {
    /// Where everything lies, with the last that is known of each.
    fn files<'a>(&'a mut self, folder: &'a Path, downloads: &'a Path) -> Vec<(PathBuf, &'a mut Kept)> {
        let mut files = vec![(folder.join("tree.tar"), &mut self.tree)];
        for patch in &mut self.patches {
            files.push((folder.join("patches").join(&patch.name), &mut patch.kept));
        }
        for original in &mut self.originals {
            let path = original_path(folder, downloads, &original.name, original.download, &original.kept.sha256);
            files.push((path, &mut original.kept));
        }
        files
    }

    /// Makes `staging`, where all of it lies, the folder `into` of the cache.
    pub(super) fn keep(&self, staging: TempDir, into: &Path) -> Result<(), SourceError> {
        self.write(staging.path())?;
        let io = |source| SourceError::Io { path: into.to_owned(), source };
        if into.exists() {
            // Not usable, or it would have been loaded.
            fs::remove_dir_all(into).map_err(io)?;
        }
        fs::rename(staging.keep(), into).map_err(io)
    }

    fn write(&self, folder: &Path) -> Result<(), SourceError> {
        let io = |source| SourceError::Io { path: folder.join(ENTRY_FILE), source };
        let text = serde_json::to_vec_pretty(self).map_err(|error| io(error.into()))?;
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder).map_err(io)?;
        file.write_all(&text).map_err(io)?;
        file.persist(folder.join(ENTRY_FILE)).map_err(|error| io(error.error))?;
        Ok(())
    }
}

fn original_path(folder: &Path, downloads: &Path, name: &str, download: bool, sha256: &str) -> PathBuf {
    if download { downloads.join(sha256).join(name) } else { folder.join("originals").join(name) }
}

/// What a finished folder of the cache holds. With `read`, every file is read again.
pub(super) fn load(folder: &Path, downloads: &Path, read: bool) -> Loaded {
    if !read {
        touch(folder);
    }
    let Some(mut entry) = fs::read(folder.join(ENTRY_FILE)).ok().and_then(|text| serde_json::from_slice(&text).ok())
    else {
        return Loaded::Nothing;
    };
    let entry: &mut PreparedSources = &mut entry;
    let mut moved = false;
    for (path, kept) in entry.files(folder, downloads) {
        // A download is marked after the sources that need it, so that it does not go before them.
        if let Some(parent) = path.parent().filter(|parent| !read && parent.starts_with(downloads)) {
            touch(parent);
        }
        let Some(now) = kept.checked(&path, read) else { return Loaded::Damaged };
        moved |= now != *kept;
        *kept = now;
    }
    if moved {
        // Copied from elsewhere, or touched. Whoever cannot write here reads it again the next time.
        let _ = entry.write(folder);
    }
    let patches = entry.patches.iter().map(|KeptPatch { name, into, kept }| PreparedPatch {
        path: folder.join("patches").join(name),
        name: name.clone(),
        into: into.clone(),
        sha256: kept.sha256.clone(),
    });
    let originals = entry.originals.iter().map(|KeptOriginal { name, download, kept }| PreparedFile {
        path: original_path(folder, downloads, name, *download, &kept.sha256),
        name: name.clone(),
        sha256: kept.sha256.clone(),
    });
    Loaded::Whole(Prepared {
        tree: folder.join("tree.tar"),
        digest: entry.tree.sha256.clone(),
        newest: entry.newest,
        patches: patches.collect(),
        originals: originals.collect(),
        warnings: entry.warnings.clone(),
    })
}

/// Makes the folder of a file that turned out to be damaged unusable, so that it is made anew the next time.
pub(super) fn disown(tree: &Path) {
    if let Some(folder) = tree.parent() {
        let _ = fs::remove_file(folder.join(ENTRY_FILE));
    }
}

/// Reads all prepared sources of a cache again. Those that are damaged are removed, so that the next build makes them anew,
/// and named.
///
/// # Errors
/// When the cache cannot be read.
pub(crate) fn verify_prepared(cache: &Path) -> Result<(usize, Vec<PathBuf>), SourceError> {
    let parent = cache.join("sources");
    let entries = match fs::read_dir(&parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((0, Vec::new())),
        Err(source) => return Err(SourceError::Io { path: parent, source }),
    };
    let folders: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.join(ENTRY_FILE).is_file()).collect();
    let downloads = cache.join("downloads");
    let is_damaged = |folder: &&PathBuf| matches!(load(folder, &downloads, true), Loaded::Damaged);
    let damaged: Vec<PathBuf> = folders.par_iter().filter(is_damaged).cloned().collect();
    for folder in &damaged {
        disown(&folder.join("tree.tar"));
    }
    Ok((folders.len(), damaged))
}

/// Opens a file of the cache for a reader that hashes what it reads.
pub(super) fn open(path: &Path) -> std::io::Result<crate::stream::Hashing<File>> {
    File::open(path).map(crate::stream::Hashing::new)
}
