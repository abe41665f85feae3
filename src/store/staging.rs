//! A job's folder while it runs: filled beside `dist/`'s content, then swapped in whole, or thrown away.

use std::fs::{self, File, TryLockError};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::index::TargetParts;
use super::stamps;
use super::{
    BROKEN_FOLDER, LAST_RESULT_FILE, LOG_FILE, LastResult, RECORD_FILE, RECORD_SCHEMA, Record, SUMS_FILE, StoreError,
    WORK_FOLDER, at, is_complete, is_plain_name, open_lock, sums, write_lists,
};
use crate::artifact::LISTING_FILE;
use crate::attest::{BuildInputs, INPUTS_FILE};
use crate::stream::sum_of;
use crate::swap::{replace_folder, sync_folder, sync_tree, write_synced};

/// What a target's folder has beside artifacts.
const OWN_NAMES: [&str; 7] =
    [LOG_FILE, RECORD_FILE, SUMS_FILE, BROKEN_FOLDER, LAST_RESULT_FILE, INPUTS_FILE, LISTING_FILE];

/// A job's folder while it runs, on the same file system as `dist/`. Dropped without [`Staging::accept`] or
/// [`Staging::reject`], it goes without a trace; so it does, at the next [`super::Store::stage`], when its process dies.
#[derive(Debug)]
pub(crate) struct Staging {
    root: PathBuf,
    /// `.farm/stage/<n>`: `files/` is filled; `destination` names the target's folder; `previous/` is where the old
    /// folder waits while two renames stand in for one exchange.
    place: PathBuf,
    /// `.farm/stage/<n>.lock`, locked: as long as it is, `place` is in use.
    lock_path: PathBuf,
    _lock: File,
    destination: PathBuf,
}

impl Staging {
    pub(super) fn new(root: &Path, target_folder: &str) -> Result<Staging, StoreError> {
        let stage = root.join(WORK_FOLDER).join("stage");
        fs::create_dir_all(&stage).map_err(at(&stage))?;
        // Held while names are made and left-overs removed, so that nobody takes a place that is just being made for
        // a dead one.
        let gate_path = root.join(WORK_FOLDER).join("stage.lock");
        let gate = open_lock(&gate_path)?;
        gate.lock().map_err(at(&gate_path))?;

        remove_leftovers(root, &stage)?;
        let (place, lock_path) = (0_u64..)
            .map(|n| (stage.join(n.to_string()), stage.join(format!("{n}.lock"))))
            .find(|(place, lock)| !lock.exists() && !place.exists())
            .ok_or_else(|| StoreError::Invalid { path: stage.clone(), reason: "no free name".to_owned() })?;
        let lock = open_lock(&lock_path)?;
        lock.lock().map_err(at(&lock_path))?;
        let staging =
            Staging { root: root.to_owned(), place, lock_path, _lock: lock, destination: root.join(target_folder) };
        let files = staging.artifacts();
        fs::create_dir_all(&files).map_err(at(&files))?;
        let note = staging.place.join("destination");
        fs::write(&note, target_folder).map_err(at(&note))?;
        Ok(staging)
    }

    /// Where the whole log is written: `build.log`.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.artifacts().join(LOG_FILE)
    }

    /// Where artifacts are put, flat.
    pub(crate) fn artifacts(&self) -> PathBuf {
        self.place.join("files")
    }

    /// Writes down what went into the artifacts. Returns the sum that the record is to have.
    pub(crate) fn note_inputs(&self, inputs: &BuildInputs) -> Result<String, StoreError> {
        let path = self.artifacts().join(INPUTS_FILE);
        let json =
            inputs.to_json().map_err(|error| StoreError::Invalid { path: path.clone(), reason: error.to_string() })?;
        write_synced(&path, &json).map_err(at(&path))?;
        Ok(hex::encode(Sha256::digest(&json)))
    }

    /// Writes SHA256SUMS and the record, syncs, and swaps the folder with the target's: all or nothing. Then brings
    /// `dist/SHA256SUMS` up to date. Returns the target's folder.
    pub(crate) fn accept(self, record: &Record) -> Result<PathBuf, StoreError> {
        let files = self.artifacts();
        check(&files, record)?;
        let path = files.join(SUMS_FILE);
        write_synced(&path, sums("", record.artifacts.iter()).as_bytes()).map_err(at(&path))?;
        let path = files.join(RECORD_FILE);
        let mut json = serde_json::to_vec_pretty(record)
            .map_err(|error| StoreError::Invalid { path: path.clone(), reason: error.to_string() })?;
        json.push(b'\n');
        write_synced(&path, &json).map_err(at(&path))?;
        sync_tree(&files).map_err(at(&files))?;

        let parent = self.make_parent()?;
        replace_folder(&files, &self.destination, &self.place.join("previous")).map_err(at(&self.destination))?;
        sync_folder(&parent).map_err(at(&parent))?;
        stamps::note(&self.root, &self.destination, record);
        write_lists(&self.root)?;
        Ok(self.destination.clone())
    }

    /// Replaces only the target's `build.log`; the last good artifacts stay. Artifacts that were refused are kept in
    /// `broken/` beside the log when `keep_artifacts` is set; those of an earlier failure go. Returns the log's path.
    pub(crate) fn reject(self, keep_artifacts: bool, result: &LastResult) -> Result<PathBuf, StoreError> {
        self.make_parent()?;
        fs::create_dir_all(&self.destination).map_err(at(&self.destination))?;
        let log = self.destination.join(LOG_FILE);
        if self.log_path().exists() {
            fs::rename(self.log_path(), &log).map_err(at(&log))?;
        }
        let broken = self.destination.join(BROKEN_FOLDER);
        if keep_artifacts {
            replace_folder(&self.artifacts(), &broken, &self.place.join("refused-before")).map_err(at(&broken))?;
        } else if broken.exists() {
            fs::remove_dir_all(&broken).map_err(at(&broken))?;
        }
        let path = self.place.join(LAST_RESULT_FILE);
        let json = serde_json::to_vec_pretty(result)
            .map_err(|error| StoreError::Invalid { path: path.clone(), reason: error.to_string() })?;
        write_synced(&path, &json).map_err(at(&path))?;
        let last = self.destination.join(LAST_RESULT_FILE);
        fs::rename(&path, &last).map_err(at(&last))?;
        sync_folder(&self.destination).map_err(at(&self.destination))?;
        write_lists(&self.root)?;
        Ok(log)
    }

    /// Makes `dist/<recipe>`.
    fn make_parent(&self) -> Result<PathBuf, StoreError> {
        let parent = self.destination.parent().unwrap_or(&self.root).to_owned();
        if !parent.is_dir() {
            fs::create_dir_all(&parent).map_err(at(&parent))?;
            sync_folder(&self.root).map_err(at(&self.root))?;
        }
        Ok(parent)
    }
}

impl Drop for Staging {
    /// Best effort: what stays is removed by the next run, as it is after a crash.
    fn drop(&mut self) {
        if fs::remove_dir_all(&self.place).is_ok() {
            let _ = fs::remove_file(&self.lock_path);
        }
    }
}

/// A job that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnderWay {
    /// The target's folder, relative to the store.
    pub(crate) folder: String,
    pub(crate) recipe: String,
    pub(crate) variant: Option<String>,
    pub(crate) distro: String,
    pub(crate) arch: String,
    /// Where its files are until it ends.
    pub(crate) stage: PathBuf,
}

/// Jobs whose process lives and writes to the store at `root`.
pub(crate) fn under_way(root: &Path) -> Vec<UnderWay> {
    let stages = fs::read_dir(root.join(WORK_FOLDER).join("stage")).into_iter().flatten().flatten();
    let job = |entry: fs::DirEntry| {
        let stage = entry.path();
        let lock = File::open(stage.with_extension("lock")).ok()?;
        if !matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)) {
            return None;
        }
        let folder = fs::read_to_string(stage.join("destination")).ok()?;
        let TargetParts { recipe, variant, distro, arch } = TargetParts::of_folder(&folder)?;
        Some(UnderWay { folder, recipe, variant, distro, arch, stage })
    };
    stages.filter_map(job).collect()
}

/// Whether the folder holds what the record says.
fn check(files: &Path, record: &Record) -> Result<(), StoreError> {
    let invalid = |reason: String| Err(StoreError::Invalid { path: files.to_owned(), reason });
    if record.schema != RECORD_SCHEMA {
        return invalid(format!("its record has schema {}, not {RECORD_SCHEMA}", record.schema));
    }
    for artifact in &record.artifacts {
        let name = &artifact.file_name;
        if !is_plain_name(name) || OWN_NAMES.contains(&name.as_str()) {
            return invalid(format!("`{}` is not a name for an artifact", crate::types::printable(name)));
        }
        if artifact.sha256.len() != 64 || !artifact.sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
            return invalid(format!("{name} has no sha256"));
        }
    }
    if let Some(sum) = &record.inputs
        && sum_of(&files.join(INPUTS_FILE)).ok().is_none_or(|(actual, _)| actual != *sum)
    {
        return invalid(format!("{INPUTS_FILE} is not what its record says"));
    }
    if !is_complete(files, record) {
        return invalid("its artifacts are not there with the sizes in the record".to_owned());
    }
    Ok(())
}

/// Removes staging folders whose process is dead, and first puts back what it had moved aside. Called under the gate.
fn remove_leftovers(root: &Path, stage: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(stage).map_err(at(stage))? {
        let lock_path = entry.map_err(at(stage))?.path();
        if lock_path.extension().is_none_or(|extension| extension != "lock") {
            continue;
        }
        let Ok(lock) = open_lock(&lock_path) else { continue };
        // Locked: by a live job, of this process or another.
        if lock.try_lock().is_err() {
            continue;
        }
        let place = lock_path.with_extension("");
        if place.exists() {
            put_back(root, &place)?;
            fs::remove_dir_all(&place).map_err(at(&place))?;
        }
        fs::remove_file(&lock_path).map_err(at(&lock_path))?;
    }
    Ok(())
}

/// Finishes backwards a replacement that was cut off between its two renames.
fn put_back(root: &Path, place: &Path) -> Result<(), StoreError> {
    let previous = place.join("previous");
    if !previous.is_dir() {
        return Ok(());
    }
    let Ok(target_folder) = fs::read_to_string(place.join("destination")) else { return Ok(()) };
    let relative = Path::new(&target_folder);
    if relative.components().any(|component| !matches!(component, Component::Normal(_))) {
        return Ok(());
    }
    let destination = root.join(relative);
    if destination.exists() {
        return Ok(());
    }
    fs::rename(&previous, &destination).map_err(at(&destination))
}
