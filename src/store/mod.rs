//! The `dist/` tree: artifacts, logs, job records, checksums, and the lock that keeps two runs apart. `dist/` changes
//! only by atomic rename; the last good artifacts stay until newer ones are complete. It decides nothing about jobs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;
use crate::matrix::Target;
use crate::plan::Key;

/// What is kept of a target's last good job, as `job.json` beside its artifacts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this record's shape.
    pub schema: u32,
    /// The target's id.
    pub target: String,
    pub key: Key,
    pub artifacts: Vec<Artifact>,
    /// Seconds the job took.
    pub elapsed_seconds: f64,
    /// Whether the install test ran.
    pub tested: bool,
}

#[derive(Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens `root` (`dist/`), making it if need be. Takes no lock: reading is always allowed.
    pub fn open(root: &Path) -> Result<Store, StoreError> {
        let _ = root;
        unimplemented!()
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Keeps other farm processes from writing here until the guard is dropped, or this process dies.
    pub fn lock(&self) -> Result<StoreLock, StoreError> {
        unimplemented!()
    }

    /// The last good record of a target whose artifacts are all still there with their sizes.
    pub fn record(&self, target: &Target) -> Option<Record> {
        let _ = target;
        unimplemented!()
    }

    /// A fresh staging folder for a job; left-overs of dead runs are removed on the way.
    pub fn stage(&self, target: &Target) -> Result<Staging, StoreError> {
        let _ = target;
        unimplemented!()
    }

    /// The target's folder in `dist/`.
    pub fn folder(&self, target: &Target) -> PathBuf {
        self.root.join(target.folder())
    }
}

#[derive(Debug)]
pub struct StoreLock {
    _file: std::fs::File,
}

/// A job's folder while it runs, on the same file system as `dist/`.
#[derive(Debug)]
pub struct Staging {
    folder: PathBuf,
    destination: PathBuf,
}

impl Staging {
    /// Where the whole log is written: `build.log`.
    pub fn log_path(&self) -> PathBuf {
        self.folder.join("build.log")
    }

    /// Where artifacts are put, flat.
    pub fn artifacts(&self) -> PathBuf {
        self.folder.clone()
    }

    /// Writes SHA256SUMS and the record, syncs, and swaps the folder with the target's: all or nothing.
    pub fn accept(self, record: &Record) -> Result<PathBuf, StoreError> {
        let _ = (record, &self.destination);
        unimplemented!()
    }

    /// Replaces only the target's `build.log`; the last good artifacts stay. Artifacts that were refused are kept in
    /// `broken/` beside the log when `keep_artifacts` is set. Returns the log's path.
    pub fn reject(self, keep_artifacts: bool) -> Result<PathBuf, StoreError> {
        let _ = keep_artifacts;
        unimplemented!()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot write {}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("another farm run is writing to {}", .0.display())]
    Locked(PathBuf),
    #[error("no space left on the disk of {}", .0.display())]
    DiskFull(PathBuf),
}
