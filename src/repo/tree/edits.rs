//! Changes of repositories without new packages: removal, promotion, and what others make of [`edit`].

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::model::{Change, Entry, Place, RepoError, Wishes, writing};
use super::repository::{Repository, finish};
use super::state::{self, Tree};
use crate::sign::Signer;
use crate::types::Format;

/// What becomes of the packages of one repository.
type Edit<'a> = &'a dyn Fn(&Tree, &Place, &mut Vec<Entry>) -> Result<usize, RepoError>;

/// Whether one of the names is the package's: `name`, or `name=version`.
fn is_meant(entry: &Entry, names: &[String]) -> bool {
    names.iter().any(|name| match name.split_once('=') {
        Some((name, version)) => entry.name == name && entry.version == version,
        None => entry.name == *name,
    })
}

/// Changes which packages the repositories of a tree have, without new ones. `edit` returns how many it has removed.
pub(super) fn edit(
    root: &Path,
    edit: Edit<'_>,
    wishes: &Wishes,
    signer: Option<&Signer>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, RepoError> {
    let tree = Tree::lock(root)?;
    let mut changes = Vec::new();
    for place in tree.places() {
        let mut repository = Repository::open(&tree, &place)?;
        let removed = edit(&tree, &place, &mut repository.packages)?;
        changes.push(repository.publish(&tree, wishes, BTreeSet::new(), (0, removed), signer, now)?);
    }
    finish(&tree, wishes, signer, now)?;
    Ok(changes)
}

/// Removes packages by their names, `name` or `name=version`, from one repository or all. Their files go with the next state
/// but one.
///
/// # Errors
/// When none is there, or nothing can be signed or written.
pub(crate) fn remove(
    root: &Path,
    (suite, format): (Option<&str>, Option<Format>),
    names: &[String],
    signer: Option<&Signer>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, RepoError> {
    let places = state::places(root);
    let is_from = |place: &Place| {
        suite.is_none_or(|suite| suite == place.name) && format.is_none_or(|format| format == place.format)
    };
    if !places.iter().any(is_from) {
        let which = suite.map(|suite| format!(" {suite}")).unwrap_or_default();
        return Err(RepoError::NoSuch(format!("there is no repository{which} in {}", root.display())));
    }
    let changes = edit(
        root,
        &|_, place, packages| {
            let before = packages.len();
            if is_from(place) {
                packages.retain(|entry| !is_meant(entry, names));
            }
            Ok(before - packages.len())
        },
        &Wishes::default(),
        signer,
        now,
    )?;
    match changes.iter().all(|change| change.removed == 0) {
        true => Err(RepoError::NoSuch(format!("no package there is called {}", names.join(" or ")))),
        false => Ok(changes),
    }
}

/// Puts packages of one repository into another, which is made if need be, as they are: nothing is built or signed but the
/// index, and both have one file.
///
/// # Errors
/// When none is there, one is in the other with another content, or nothing can be signed or written.
pub(crate) fn promote(
    root: &Path,
    (from, to): (&str, &str),
    names: &[String],
    signer: Option<&Signer>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, RepoError> {
    let tree = Tree::lock(root)?;
    let mut changes = Vec::new();
    for source in tree.places().into_iter().filter(|place| place.name == from) {
        let given = Repository::open(&tree, &source)?;
        let place = Place { format: source.format, name: to.to_owned() };
        let mut target = Repository::open(&tree, &place)?;
        let mut added = 0;
        let meant: Vec<&Entry> = given.packages.iter().filter(|entry| is_meant(entry, names)).collect();
        if meant.is_empty() {
            continue;
        }
        for entry in meant {
            let path = entry.path.replacen(&format!("pool/{from}/"), &format!("pool/{to}/"), 1);
            let promoted = Entry { path, added: Some(now.timestamp()), ..entry.clone() };
            match target.packages.iter().find(|known| known.path == promoted.path) {
                Some(known) if known.sha256 == promoted.sha256 => continue,
                Some(_) => return Err(target.conflict(&state::pooled(root, &source, entry), entry)),
                None => {}
            }
            let files = state::files(root, &source, entry).into_iter().zip(state::files(root, &place, &promoted));
            for (old, new) in files {
                link(&old, &new).map_err(writing(&new))?;
            }
            target.packages.push(promoted);
            added += 1;
        }
        let settings = given.before.map(|(_, state)| state.settings);
        let wishes = Wishes {
            origin: settings.as_ref().map(|one| one.origin.clone()).filter(|_| target.before.is_none()),
            label: settings.as_ref().map(|one| one.label.clone()).filter(|_| target.before.is_none()),
            valid_days: settings.as_ref().map(|one| one.valid_days).filter(|_| target.before.is_none()),
            zstd: settings.as_ref().map(|one| one.zstd).filter(|_| target.before.is_none()),
            url: None,
        };
        let arches = settings.into_iter().flat_map(|one| one.arches).collect();
        changes.push(target.publish(&tree, &wishes, arches, (added, 0), signer, now)?);
    }
    if changes.is_empty() {
        return Err(RepoError::NoSuch(format!("{from} has no package called {}", names.join(" or "))));
    }
    finish(&tree, &Wishes::default(), signer, now)?;
    Ok(changes)
}

/// What a killed run has left there is not in any index.
fn link(old: &Path, new: &Path) -> std::io::Result<()> {
    if let Some(folder) = new.parent() {
        fs::create_dir_all(folder)?;
    }
    let _ = fs::remove_file(new);
    fs::hard_link(old, new)
}
