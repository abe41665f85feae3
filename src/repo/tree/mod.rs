//! A tree of repositories for users: `dists/` and `pool/` for apt, `rpm/NAME/` for dnf and zypper. Packages are added to what
//! is there; of packages that were read before nothing is read again. Each repository changes in one step, by exchanging a
//! folder: a reader finds the last state or the new one, whenever the writer ends, and what a state names stays until
//! nobody can be reading it any more.
//!
//! Where packages come from, and which repository is for which distribution, is decided elsewhere.

mod apt;
mod check;
mod contents;
mod edits;
mod model;
mod others;
mod packed;
mod pool;
mod repository;
mod retention;
mod rpm;
mod setup;
mod snapshots;
mod source;
mod state;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use chrono::{DateTime, Utc};
use rayon::prelude::*;

use crate::sign::Signer;
use model::{Entry, writing};
use pool::Taken;
use repository::{Repository, finish};
use state::Tree;

pub(crate) use check::check;
pub(crate) use edits::{promote, remove};
pub(crate) use model::{Change, Incoming, Place, RepoError, Wishes};
pub(crate) use others::{Others, others};
pub(crate) use retention::{Keep, keep};
pub(crate) use snapshots::{forget, list, make, rollback};

/// Adds packages to the repositories of a tree, which is made if need be. What is there already stays, and nothing is
/// written where nothing changes. Reads packages on all processors: call it from a blocking thread.
///
/// # Errors
/// When a package cannot be taken in, or nothing can be signed or written; then what is published is what was.
pub(crate) fn add(
    root: &Path,
    incoming: &[Incoming],
    wishes: &Wishes,
    signer: Option<&Signer>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, RepoError> {
    std::fs::create_dir_all(root).map_err(writing(root))?;
    let tree = Tree::lock(root)?;
    let mut seen = tree.seen();
    let mut places: BTreeMap<&Place, Vec<&Incoming>> = BTreeMap::new();
    for one in incoming {
        places.entry(&one.place).or_default().push(one);
    }
    let published = tree.places();
    for place in &published {
        places.entry(place).or_default();
    }
    let mut changes = Vec::new();
    let mut is_seen_changed = false;
    for (place, wanted) in places {
        let mut repository = Repository::open(&tree, place)?;
        // As it was given, and as it lies here, signed on the way: that may come back from another tree.
        let packages = repository.packages.iter();
        let known: HashMap<&str, &Entry> =
            packages.flat_map(|entry| [(entry.source.as_str(), entry), (entry.sha256.as_str(), entry)]).collect();
        let new: Vec<&&Incoming> =
            wanted.iter().filter(|one| seen.sum(&one.path).is_none_or(|sum| !known.contains_key(sum))).collect();
        let taken: Vec<Taken> =
            new.par_iter().map(|one| pool::take(&tree, one, signer, &known)).collect::<Result<_, _>>()?;
        let mut added = 0;
        let mut paths: HashMap<String, String> =
            repository.packages.iter().map(|entry| (entry.path.clone(), entry.source.clone())).collect();
        for (one, taken) in new.into_iter().zip(taken) {
            let (path, source) = (taken.entry.path.clone(), taken.entry.source.clone());
            seen.note(&one.path, taken.stamp, source.clone());
            is_seen_changed = true;
            match paths.get(&path) {
                Some(known) if *known == source => continue,
                Some(_) => return Err(repository.conflict(&one.path, &taken.entry)),
                None => paths.insert(path, source),
            };
            let entry = taken.put(&tree, place)?;
            repository.packages.push(Entry { added: Some(now.timestamp()), ..entry });
            added += 1;
        }
        let arches = wanted.iter().filter_map(|one| one.arch.clone()).collect();
        changes.push(repository.publish(&tree, wishes, arches, (added, 0), signer, now)?);
    }
    if is_seen_changed {
        tree.save_seen(seen)?;
    }
    finish(&tree, wishes, signer, now)?;
    Ok(changes)
}

/// Keeps everybody else from changing a tree, as long as it is not dropped.
#[derive(Debug)]
pub(crate) struct Locked {
    _tree: Tree,
}

/// Takes a tree to be read as a whole.
///
/// # Errors
/// When somebody writes to it, or it cannot be written to.
pub(crate) fn lock(root: &Path) -> Result<Locked, RepoError> {
    if !root.is_dir() {
        return Err(RepoError::NoSuch(format!("there is no folder {}", root.display())));
    }
    Ok(Locked { _tree: Tree::lock(root)? })
}

#[cfg(test)]
pub(crate) mod tests;
