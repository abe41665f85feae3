//! The `dist/` tree: artifacts, logs, job records, checksums, and the lock that keeps two runs apart. `dist/` changes
//! only by atomic rename; the last good artifacts stay until newer ones are complete. It decides nothing about jobs.
//!
//! ```text
//! dist/SHA256SUMS                      every accepted artifact, for `sha256sum -c`
//! dist/index.json                      every target, for scripts
//! dist/hello/debian-12-amd64/          artifacts, build.log, job.json, inputs.json, packages.json, SHA256SUMS;
//!                                      broken/ after a refusal; last-result.json while the last build was not good
//! dist/.farm/report.html               the page of the last run
//! dist/.farm/lock                      held by the run that writes here
//! dist/.farm/stage/<n>/                folders of running jobs; <n>.lock is held while the job's process lives
//! ```
//!
//! Lock files are locked by the operating system, so they mean nothing once their process is dead: nothing has to be
//! cleaned up by hand after `kill -9`.

mod attested;
mod index;
mod merge;
mod new_folder;
mod release;
mod staging;
mod stamps;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;
use crate::lint::Memory;
use crate::matrix::Target;
use crate::plan::Key;
use crate::stream::sum_of;
use crate::swap;
use crate::types::CacheUse;

pub(crate) use attested::{Attestable, AttestedError};
pub(crate) use index::{Index, IndexedTarget, Packages};
pub(crate) use merge::MergeError;
pub(crate) use new_folder::make_folder;
pub(crate) use release::{Naming, Release, ReleaseError};
pub(crate) use staging::{Staging, under_way};

/// The shape of [`Record`] that this version writes, and the only one that it reads: an older record makes its target
/// build again.
pub(crate) const RECORD_SCHEMA: u32 = 1;

const RECORD_FILE: &str = "job.json";
const SUMS_FILE: &str = "SHA256SUMS";
const LOG_FILE: &str = "build.log";
const LAST_RESULT_FILE: &str = "last-result.json";
pub(crate) const BROKEN_FOLDER: &str = "broken";
const WORK_FOLDER: &str = ".farm";
const PAGE_FILE: &str = "report.html";

/// A job record is a few kilobytes; a larger file is none of ours.
const LARGEST_RECORD: u64 = 16 << 20;

/// What is kept of a target's last good job, as `job.json` beside its artifacts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Version of this record's shape: [`RECORD_SCHEMA`].
    pub(crate) schema: u32,
    /// The target's id.
    pub(crate) target: String,
    pub(crate) key: Key,
    /// Those of the recipe that it may have taken packages from, with the fingerprints of their keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) repositories: Vec<String>,
    pub(crate) artifacts: Vec<Artifact>,
    /// By package, links of earlier versions that it replaces though the recipe does not say so, with what they led to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) former_links: BTreeMap<String, BTreeMap<String, String>>,
    /// What its build had of caches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) caches: Vec<CacheUse>,
    /// Seconds the job took.
    pub(crate) elapsed_seconds: f64,
    /// Whether the install test ran.
    pub(crate) tested: bool,
    /// The version and release that the recipe had; none in records of earlier versions of farm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) release: Option<u32>,
    /// When the packages were made, as RFC 3339 has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) made: Option<String>,
    /// The hex sum of the file that says what went in; none in records of earlier versions of farm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inputs: Option<String>,
    /// How many processes a step of the build might run at a time; none in records of earlier versions of farm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) processes: Option<usize>,
    /// What a linter found in the packages; none where none has looked through them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lint: Option<Memory>,
}

/// How a target's last build ended, when it was not good: `last-result.json` beside the last good packages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LastResult {
    /// The target's id.
    pub(crate) target: String,
    /// The outcome's word: `failed`.
    pub(crate) outcome: String,
    /// All that is known of it, as reports have it.
    pub(crate) details: serde_json::Value,
    /// When, as RFC 3339 has it.
    pub(crate) ended: String,
}

impl LastResult {
    fn read(folder: &Path) -> Option<LastResult> {
        read_json(&folder.join(LAST_RESULT_FILE))
    }
}

/// Where the last run in the store at `root` has left its page.
pub(crate) fn page(root: &Path) -> PathBuf {
    root.join(WORK_FOLDER).join(PAGE_FILE)
}

/// The folder `dist/`: the last good packages of each target, and records of how they were made.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// Whether artifacts are read again each time.
    reads_all: bool,
}

impl Store {
    /// Opens `root` (`dist/`), making it if need be. Takes no lock: reading is always allowed.
    pub fn open(root: &Path) -> Result<Store, StoreError> {
        let work = root.join(WORK_FOLDER);
        let is_new = !root.exists();
        fs::create_dir_all(work.join("stage")).map_err(at(&work))?;
        if is_new {
            // What is built is no source of the next build, and makes no work tree dirty.
            let ignore = root.join(".gitignore");
            fs::write(&ignore, "*\n").map_err(at(&ignore))?;
        }
        Ok(Store { root: root.to_owned(), reads_all: false })
    }

    /// This store, in which an artifact is only believed to be what was accepted when it has just been read.
    #[must_use]
    pub(crate) fn reading_all(self) -> Store {
        Store { reads_all: true, ..self }
    }

    /// Where the page of the last run is, if it has left one.
    pub(crate) fn page(&self) -> PathBuf {
        page(&self.root)
    }

    /// Keeps other farm processes from writing here until the guard is dropped, or this process dies.
    pub fn lock(&self) -> Result<StoreLock, StoreError> {
        let path = self.root.join(WORK_FOLDER).join("lock");
        let file = open_lock(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(StoreLock { file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(self.root.clone())),
            Err(TryLockError::Error(error)) => Err(at(&path)(error)),
        }
    }

    /// Whether there can be a folder for each target: before anything is built for it.
    ///
    /// # Errors
    /// [`StoreError::InTheWay`] with what stands there instead, as the program that a project builds into `dist/` does.
    pub(crate) fn check_folders<'a>(&self, targets: impl Iterator<Item = &'a Target>) -> Result<(), StoreError> {
        for target in targets {
            for path in [self.root.join(&*target.recipe), self.folder(target)] {
                if fs::symlink_metadata(&path).is_ok() && !path.is_dir() {
                    return Err(StoreError::InTheWay(path));
                }
            }
        }
        Ok(())
    }

    /// The last good record of a target whose artifacts are all still what was accepted.
    pub(crate) fn record(&self, target: &Target) -> Option<Record> {
        self.state(target).ok().flatten()
    }

    /// As [`Store::record`].
    ///
    /// # Errors
    /// The artifact that is another one than was accepted, or not there. Contents are read where the file system does not
    /// say that nobody has written to them.
    pub(crate) fn state(&self, target: &Target) -> Result<Option<Record>, Damaged> {
        let folder = self.folder(target);
        let Some(record) = read_record(&folder).filter(|record| record.target == target.to_string()) else {
            return Ok(None);
        };
        match stamps::damaged(&self.root, &folder, &record, self.reads_all) {
            None => Ok(Some(record)),
            Some(name) => Err(Damaged {
                target: record.target,
                path: folder.join(name),
                reason: "is not what was accepted".to_owned(),
            }),
        }
    }

    /// Every readable record with its folder, ordered by folder, whether its artifacts are complete or not.
    pub(crate) fn records(&self) -> impl Iterator<Item = (PathBuf, Record)> + use<> {
        sorted_folders(&self.root)
            .into_iter()
            .flat_map(|recipe| sorted_folders(&recipe))
            .filter_map(|folder| read_record(&folder).map(|record| (folder, record)))
    }

    /// Reads every artifact of every record again and compares it with what was accepted, in parallel.
    pub(crate) fn verify(&self) -> Vec<Damaged> {
        let artifacts: Vec<(PathBuf, String, Artifact)> = self
            .records()
            .flat_map(|(folder, record)| {
                let target = record.target;
                record.artifacts.into_iter().map(move |artifact| (folder.clone(), target.clone(), artifact))
            })
            .collect();
        artifacts
            .into_par_iter()
            .filter_map(|(folder, target, artifact)| {
                let path = folder.join(&artifact.file_name);
                let reason = match sum_of(&path) {
                    Ok((actual, _)) if actual == artifact.sha256 => return None,
                    Ok((actual, _)) => format!("has sha256 {actual}, was accepted with {}", artifact.sha256),
                    Err(error) => format!("cannot be read: {error}"),
                };
                Some(Damaged { target, path, reason })
            })
            .collect()
    }

    /// Forgets that an earlier build of a target went wrong: its packages are those of what is asked for now.
    pub(crate) fn note_up_to_date(&self, target: &Target) -> Result<(), StoreError> {
        let path = self.folder(target).join(LAST_RESULT_FILE);
        match fs::remove_file(&path) {
            Ok(()) => write_lists(&self.root),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// A fresh staging folder for a job; left-overs of dead runs are removed on the way.
    pub(crate) fn stage(&self, target: &Target) -> Result<Staging, StoreError> {
        Staging::new(&self.root, &target.folder())
    }

    /// How long the last good build of each target took, by its id.
    pub(crate) fn durations(&self) -> HashMap<String, Duration> {
        // A record may say anything.
        let duration = |seconds: f64| Duration::try_from_secs_f64(seconds).ok().map(|took| took.min(LONGEST_BUILD));
        let took = |target: IndexedTarget| Some((target.target, duration(target.packages?.elapsed_seconds)?));
        Index::read(&self.root).targets.into_iter().filter_map(took).collect()
    }

    /// Removes the folders of targets, as [`IndexedTarget::folder`] has them, and brings the lists up to date. The caller holds
    /// the lock, and took them from [`Index::of`]: what a file says may name any folder.
    pub(crate) fn remove(&self, folders: &[String]) -> Result<(), StoreError> {
        for folder in folders {
            let path = self.root.join(folder);
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(at(&path)(error)),
                _ => {}
            }
            // That of the recipe goes with the last of its targets.
            let _ = path.parent().map(fs::remove_dir);
        }
        write_lists(&self.root)
    }

    /// The target's folder in `dist/`.
    pub(crate) fn folder(&self, target: &Target) -> PathBuf {
        self.root.join(target.folder())
    }
}

/// What is said to have taken longer is not believed.
const LONGEST_BUILD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// An artifact in the store that is not what was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damaged {
    /// The target's id.
    pub(crate) target: String,
    pub(crate) path: PathBuf,
    /// Reads after the path.
    pub(crate) reason: String,
}

/// The right to write to the store; it ends when this is dropped.
#[derive(Debug)]
pub struct StoreLock {
    file: File,
}

impl Drop for StoreLock {
    /// A child of this process that is just being started has the file open, too, and would hold the lock for longer.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Why the store cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file of the store cannot be read or written.
    #[error("cannot write {}", .path.display())]
    Io {
        /// The file or folder concerned.
        path: PathBuf,
        /// The answer of the operating system.
        source: std::io::Error,
    },
    /// Another process holds the lock. Holds the folder of the store.
    #[error("another farm run is writing to {}", .0.display())]
    Locked(PathBuf),
    /// Something that is no folder stands where packages are to go. Holds its path.
    #[error("packages cannot be put into {}, which is no folder", .0.display())]
    InTheWay(PathBuf),
    /// The disk of the store is full. Holds the path that could not be written.
    #[error("no space left on the disk of {}", .0.display())]
    DiskFull(PathBuf),
    /// The caller's mistake: a record that does not describe the folder.
    #[error("{} cannot be accepted: {reason}", .path.display())]
    Invalid {
        /// The folder that was to be accepted.
        path: PathBuf,
        /// How the record and the folder differ.
        reason: String,
    },
}

/// Whether a file lies in a folder of a store, beside the record that says what it is.
pub(crate) fn is_record_beside(path: &Path) -> bool {
    path.with_file_name(RECORD_FILE).is_file()
}

/// Turns an I/O error at `path` into ours.
fn at(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError + '_ {
    move |source| match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::DiskFull(path.to_owned()),
        _ => StoreError::Io { path: path.to_owned(), source },
    }
}

fn open_lock(path: &Path) -> Result<File, StoreError> {
    File::options().create(true).truncate(false).write(true).open(path).map_err(at(path))
}

fn read_record(folder: &Path) -> Option<Record> {
    let record: Record = read_json(&folder.join(RECORD_FILE))?;
    // A record that names files elsewhere was not written by farm.
    let usable = record.schema == RECORD_SCHEMA && record.artifacts.iter().all(|a| is_plain_name(&a.file_name));
    usable.then_some(record)
}

/// A file of the store; none where it is not there or is none of ours.
fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(LARGEST_RECORD).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

fn is_complete(folder: &Path, record: &Record) -> bool {
    record.artifacts.iter().all(|artifact| {
        fs::symlink_metadata(folder.join(&artifact.file_name))
            .is_ok_and(|found| found.is_file() && found.len() == artifact.size_bytes)
    })
}

/// A name that stands for one file in one folder, and that `sha256sum` needs no escapes for.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name != "."
        && name != ".."
        && !name.contains(['/', '\\'])
        && !name.chars().any(char::is_control)
}

/// Folders in `folder`, hidden ones (our work area) left out; none when it cannot be read.
fn sorted_folders(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    folders
}

/// The lines of a SHA256SUMS file: digest, two spaces, path.
fn sums<'a>(prefix: &str, artifacts: impl Iterator<Item = &'a Artifact>) -> String {
    artifacts.map(|artifact| format!("{}  {prefix}{}\n", artifact.sha256, artifact.file_name)).collect()
}

/// Writes `dist/SHA256SUMS` over the artifacts of all records, in the format of `sha256sum -c`, and `dist/index.json`, each
/// by atomic rename.
fn write_lists(root: &Path) -> Result<(), StoreError> {
    let work = root.join(WORK_FOLDER);
    // Two jobs that finish together must not overwrite the newer list with the older one.
    let lock_path = work.join("sums.lock");
    let lock = open_lock(&lock_path)?;
    lock.lock().map_err(at(&lock_path))?;
    let index = Index::of(root);
    let mut text = String::new();
    for target in &index.targets {
        if let Some(packages) = &target.packages {
            text.push_str(&sums(&format!("{}/", target.folder), packages.artifacts.iter()));
        }
    }
    let staged = work.join("SHA256SUMS.new");
    swap::write_synced(&staged, text.as_bytes()).map_err(at(&staged))?;
    let path = root.join(SUMS_FILE);
    fs::rename(&staged, &path).map_err(at(&path))?;
    index.write(root)?;
    swap::sync_folder(root).map_err(at(root))
}

#[cfg(test)]
mod tests;
