//! Several stores as one: what the jobs of a CI have built each on a machine of its own. Nothing of what is given is believed:
//! packages are read against the records beside them on the way, and land as those of a build do, all of a target or
//! nothing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::index::TargetParts;
use super::{
    Damaged, LARGEST_RECORD, LOG_FILE, LastResult, Record, Staging, Store, StoreError, at, read_record, sorted_folders,
};
use crate::artifact::LISTING_FILE;
use crate::attest::INPUTS_FILE;
use crate::stream::copy_summed;

/// What was done, by target.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Merged {
    /// Whose packages came from a store that was given.
    pub(crate) taken: Vec<String>,
    /// Whose packages were there already, the same.
    pub(crate) same: Vec<String>,
    /// Whose last build was not good, in a store that was given.
    pub(crate) not_good: Vec<String>,
}

/// Why stores cannot be one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    /// Nothing in it was built by farm.
    #[error("{} holds nothing that farm has built", .0.display())]
    Nothing(PathBuf),
    /// What is given is what is written to.
    #[error("{} cannot be merged into itself", .0.display())]
    Itself(PathBuf),
    /// Two stores have other packages of one target each.
    #[error("{target} has other packages in {} than in {}", .first.display(), .second.display())]
    Disagree { target: String, first: PathBuf, second: PathBuf },
    /// A folder that is not that of the target in its record.
    #[error("{} says that it is of {target}, whose folder that is not", .path.display())]
    Misplaced { path: PathBuf, target: String },
    #[error("{} {}", .0.path.display(), .0.reason)]
    Damaged(Damaged),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A target in a store that is given.
struct Found {
    folder: PathBuf,
    target: String,
    record: Option<Record>,
    last: Option<LastResult>,
}

impl Store {
    /// Takes all targets of other stores in. Packages of a target that this store has are replaced; where stores that are
    /// given have the same target, they have to agree. The caller holds the lock.
    ///
    /// # Errors
    /// Before anything is written when stores do not fit together; at a target whose packages are not those of its record.
    pub(crate) fn merge(&self, stores: &[PathBuf]) -> Result<Merged, MergeError> {
        let mut all: BTreeMap<String, Found> = BTreeMap::new();
        for store in stores {
            if is_same_folder(store, &self.root) {
                return Err(MergeError::Itself(store.clone()));
            }
            let found = targets(store)?;
            if found.is_empty() {
                return Err(MergeError::Nothing(store.clone()));
            }
            for (relative, found) in found {
                match all.get(&relative) {
                    Some(known) if !agree(known, &found) => {
                        let (first, second) = (known.folder.clone(), found.folder);
                        return Err(MergeError::Disagree { target: found.target, first, second });
                    }
                    // Of two builds the one that came to packages.
                    Some(known) if known.record.is_some() && (known.last.is_none() || found.record.is_none()) => {}
                    _ => {
                        all.insert(relative, found);
                    }
                }
            }
        }
        let done: Vec<(&Found, bool)> = all
            .par_iter()
            .map(|(relative, found)| Ok((found, self.take(relative, found)?)))
            .collect::<Result<_, MergeError>>()?;
        let mut merged = Merged::default();
        for (found, is_new) in done {
            match (&found.record, is_new) {
                (Some(_), true) => merged.taken.push(found.target.clone()),
                (Some(_), false) => merged.same.push(found.target.clone()),
                (None, _) => {}
            }
            if found.last.is_some() {
                merged.not_good.push(found.target.clone());
            }
        }
        Ok(merged)
    }

    /// Whether packages were written.
    fn take(&self, relative: &str, found: &Found) -> Result<bool, MergeError> {
        let mut is_new = false;
        if let Some(record) = &found.record {
            let mine = read_record(&self.root.join(relative));
            is_new = mine.is_none_or(|mine| mine != *record);
            let staging = Staging::new(&self.root, relative)?;
            for artifact in &record.artifacts {
                let path = found.folder.join(&artifact.file_name);
                let damaged = |reason: String| {
                    MergeError::Damaged(Damaged { target: record.target.clone(), path: path.clone(), reason })
                };
                let sha256 = copy(&path, &staging.artifacts().join(&artifact.file_name), artifact.size_bytes)
                    .map_err(|error| damaged(format!("cannot be read: {error}")))?;
                if sha256 != artifact.sha256 {
                    return Err(damaged(format!("has sha256 {sha256}, was accepted with {}", artifact.sha256)));
                }
            }
            if let Some(sum) = &record.inputs {
                let path = found.folder.join(INPUTS_FILE);
                let damaged = |reason: String| {
                    MergeError::Damaged(Damaged { target: record.target.clone(), path: path.clone(), reason })
                };
                let actual = copy(&path, &staging.artifacts().join(INPUTS_FILE), LARGEST_RECORD)
                    .map_err(|error| damaged(format!("cannot be read: {error}")))?;
                if actual != *sum {
                    return Err(damaged("is not what its record says".to_owned()));
                }
            }
            copy_note(&found.folder.join(LISTING_FILE), &staging.artifacts().join(LISTING_FILE))?;
            copy_log(found, &staging)?;
            staging.accept(record)?;
        }
        if let Some(last) = &found.last {
            let staging = Staging::new(&self.root, relative)?;
            copy_log(found, &staging)?;
            staging.reject(false, last)?;
        }
        Ok(is_new)
    }
}

/// By the folder's path in the store.
fn targets(store: &Path) -> Result<BTreeMap<String, Found>, MergeError> {
    let mut found = BTreeMap::new();
    for folder in sorted_folders(store).into_iter().flat_map(|recipe| sorted_folders(&recipe)) {
        let (record, last) = (read_record(&folder), LastResult::read(&folder));
        let Some(target) = record.as_ref().map(|record| &record.target).or(last.as_ref().map(|last| &last.target))
        else {
            continue;
        };
        let target = target.clone();
        let relative = folder.strip_prefix(store).ok().and_then(Path::to_str).map(str::to_owned);
        let is_its_own =
            |name: &str| relative.as_deref().and_then(TargetParts::of_folder).is_some_and(|parts| parts.id() == name);
        let last_target = last.as_ref().map(|last| last.target.as_str()).unwrap_or(&target);
        match relative.clone() {
            Some(relative) if is_its_own(&target) && is_its_own(last_target) => {
                found.insert(relative, Found { folder, target, record, last });
            }
            _ => return Err(MergeError::Misplaced { path: folder, target }),
        }
    }
    Ok(found)
}

fn agree(one: &Found, other: &Found) -> bool {
    match (&one.record, &other.record) {
        (Some(one), Some(other)) => one.key == other.key && one.artifacts == other.artifacts,
        _ => true,
    }
}

fn is_same_folder(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// The log of what was built last.
fn copy_log(found: &Found, staging: &Staging) -> Result<(), StoreError> {
    copy_note(&found.folder.join(LOG_FILE), &staging.log_path())
}

/// What people read and nothing is decided by; a store of a CI may be without.
fn copy_note(from: &Path, to: &Path) -> Result<(), StoreError> {
    match copy(from, to, u64::MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(at(from)(error)),
        Ok(_) => Ok(()),
    }
}

/// Copies a file, no link to one, and no more than it is to have. Returns its hex sum.
fn copy(from: &Path, to: &Path, most: u64) -> io::Result<String> {
    if !fs::symlink_metadata(from)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut source = File::open(from)?.take(most.saturating_add(1));
    Ok(copy_summed(&mut source, File::create(to)?)?.0)
}
