//! Named states to come back to. A snapshot names the state of each repository; what these states have stays as long as the
//! snapshot does, and takes no room of its own. Coming back is a new state with the packages of the old one: its date is
//! newer, so that clients take it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::model::{Change, Entry, Place, RepoError, Wishes, writing};
use super::repository::{Repository, finish};
use super::state::{Snapshot, State, Tree, files, names, snapshot_path, snapshots, snapshots_folder};
use crate::sign::Signer;

/// A snapshot as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) name: String,
    pub(crate) date: Option<DateTime<Utc>>,
    pub(crate) repositories: usize,
}

/// Lists the snapshots of a tree, the oldest first.
///
/// # Errors
/// When one cannot be read.
pub(crate) fn list(root: &Path) -> Result<Vec<Kept>, RepoError> {
    let mut kept: Vec<Kept> = snapshots(root)?
        .into_iter()
        .map(|(name, snapshot)| Kept {
            name,
            date: DateTime::from_timestamp(snapshot.date, 0),
            repositories: snapshot.states.len(),
        })
        .collect();
    kept.sort_by(|a, b| (a.date, &a.name).cmp(&(b.date, &b.name)));
    Ok(kept)
}

/// Keeps what all repositories have now under a name, a plain one. Returns how many repositories there are.
///
/// # Errors
/// When there is a snapshot of this name, or no repository.
pub(crate) fn make(root: &Path, name: &str, now: DateTime<Utc>) -> Result<usize, RepoError> {
    let tree = Tree::lock(root)?;
    let path = snapshot_path(root, name);
    if path.exists() {
        let reason = "a snapshot has this name: remove that one, or choose another".to_owned();
        return Err(RepoError::NoSuch(format!("{name}: {reason}")));
    }
    let mut states = BTreeMap::new();
    for place in tree.places() {
        if let Some((state, _)) = Repository::open(&tree, &place)?.before {
            states.insert(place.to_string(), state);
        }
    }
    if states.is_empty() {
        return Err(RepoError::NoSuch(format!("there are no repositories in {}", root.display())));
    }
    fs::create_dir_all(snapshots_folder(root)).map_err(writing(root))?;
    let count = states.len();
    tree.save(&path, &Snapshot { date: now.timestamp(), states })?;
    Ok(count)
}

/// Forgets a snapshot. What it alone has kept goes with the next change.
///
/// # Errors
/// When there is none of this name.
pub(crate) fn forget(root: &Path, name: &str) -> Result<(), RepoError> {
    let _tree = Tree::lock(root)?;
    let path = snapshot_path(root, name);
    if !path.exists() {
        return Err(none(root, name));
    }
    fs::remove_file(&path).map_err(writing(&path))
}

fn none(root: &Path, name: &str) -> RepoError {
    let known: Vec<String> = names(&snapshots_folder(root))
        .iter()
        .filter_map(|file| file.strip_suffix(".json").map(str::to_owned))
        .collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    RepoError::NoSuch(format!("there is no snapshot {name} in {}: it has {known}", root.display()))
}

/// Gives repositories the packages again that they had in a snapshot, or, without one, before their last change. Those that
/// it does not know stay as they are.
///
/// # Errors
/// When there is nothing to come back to, or nothing can be signed or written.
pub(crate) fn rollback(
    root: &Path,
    snapshot: Option<&str>,
    signer: Option<&Signer>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, RepoError> {
    let tree = Tree::lock(root)?;
    let wanted = match snapshot {
        None => None,
        Some(name) => Some(snapshots(root)?.remove(name).ok_or_else(|| none(root, name))?),
    };
    let mut changes = Vec::new();
    for place in tree.places() {
        let mut repository = Repository::open(&tree, &place)?;
        let name = match &wanted {
            Some(snapshot) => snapshot.states.get(&place.to_string()).cloned(),
            None => repository.before.as_ref().and_then(|(_, state)| state.previous.clone()),
        };
        let Some(state) = name.and_then(|name| tree.state(&name)) else { continue };
        let counts = differences(&repository.packages, &state);
        check_files(&tree, &place, &state)?;
        repository.packages = state.packages;
        changes.push(repository.publish(&tree, &Wishes::default(), BTreeSet::new(), counts, signer, now)?);
    }
    if changes.is_empty() {
        return Err(RepoError::NoSuch(format!("{} has no earlier state to come back to", root.display())));
    }
    finish(&tree, &Wishes::default(), signer, now)?;
    Ok(changes)
}

/// How many packages come, and how many go.
fn differences(now: &[Entry], then: &State) -> (usize, usize) {
    let set = |entries: &[Entry]| -> BTreeSet<(String, String)> {
        entries.iter().map(|entry| (entry.path.clone(), entry.sha256.clone())).collect()
    };
    let (now, then) = (set(now), set(&then.packages));
    (then.difference(&now).count(), now.difference(&then).count())
}

/// An index must not name what is not there.
fn check_files(tree: &Tree, place: &Place, state: &State) -> Result<(), RepoError> {
    for entry in &state.packages {
        for path in files(&tree.root, place, entry) {
            if !path.is_file() {
                let reason = "the state to come back to has it, and it is gone".to_owned();
                return Err(RepoError::Foreign { path, reason });
            }
        }
    }
    Ok(())
}
