//! What is compared: two packages, two folders with packages, or two stores (`dist/`), target by target.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::model::PackageChanges;
use super::set;
use crate::artifact::ArtifactError;
use crate::artifact::describe::is_package;

/// What is different in the packages of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TargetChanges {
    /// Its folder in the stores: `hello/debian-12-amd64`. None where no stores are compared.
    pub(crate) target: Option<String>,
    pub(crate) packages: Vec<PackageChanges>,
}

impl TargetChanges {
    pub(crate) fn is_same(&self) -> bool {
        self.packages.iter().all(PackageChanges::is_same)
    }
}

/// Why nothing can be compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompareError {
    #[error("cannot read {}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is neither a .deb nor an .rpm, nor a folder", .0.display())]
    NoPackage(PathBuf),
    #[error("{} holds no packages", .0.display())]
    Empty(PathBuf),
    #[error("{} is {one}, and {} is {other}", .paths.0.display(), .paths.1.display())]
    Unlike { paths: Box<(PathBuf, PathBuf)>, one: &'static str, other: &'static str },
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// What a path names.
enum Named {
    Packages(Vec<PathBuf>),
    /// Folders of targets, relative to the store.
    Store(BTreeSet<String>),
}

/// Compares what two paths name. Reads all of it: call it from a blocking thread.
pub(crate) fn of_paths(before: &Path, after: &Path) -> Result<Vec<TargetChanges>, CompareError> {
    match (named(before)?, named(after)?) {
        (Named::Packages(old), Named::Packages(new)) => {
            Ok(vec![TargetChanges { target: None, packages: set::between(&old, &new)? }])
        }
        (Named::Store(old), Named::Store(new)) => {
            let mut all = Vec::new();
            for target in old.union(&new) {
                let of = |root: &Path, has: bool| if has { packages(&root.join(target)) } else { Ok(Vec::new()) };
                let (one, other) = (of(before, old.contains(target))?, of(after, new.contains(target))?);
                let packages = set::between(&one, &other)?;
                all.push(TargetChanges { target: Some(target.clone()), packages });
            }
            Ok(all)
        }
        (one, other) => Err(CompareError::Unlike {
            paths: Box::new((before.to_owned(), after.to_owned())),
            one: one.word(),
            other: other.word(),
        }),
    }
}

impl Named {
    fn word(&self) -> &'static str {
        match self {
            Named::Packages(_) => "a package or a folder with packages",
            Named::Store(_) => "a store of several targets",
        }
    }
}

fn named(path: &Path) -> Result<Named, CompareError> {
    let read = |source| CompareError::Read { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(read)?.is_dir() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        return match is_package(&name) {
            true => Ok(Named::Packages(vec![path.to_owned()])),
            false => Err(CompareError::NoPackage(path.to_owned())),
        };
    }
    let own = packages(path)?;
    if !own.is_empty() {
        return Ok(Named::Packages(own));
    }
    let mut targets = BTreeSet::new();
    for recipe in folders(path)? {
        for target in folders(&recipe)? {
            if let (false, Ok(relative)) = (packages(&target)?.is_empty(), target.strip_prefix(path)) {
                targets.insert(relative.to_string_lossy().into_owned());
            }
        }
    }
    if targets.is_empty() { Err(CompareError::Empty(path.to_owned())) } else { Ok(Named::Store(targets)) }
}

/// The packages that lie in a folder, in order. A link is followed to nowhere.
fn packages(folder: &Path) -> Result<Vec<PathBuf>, CompareError> {
    let is_wanted = |path: &Path, kind: fs::FileType| {
        kind.is_file() && path.file_name().is_some_and(|name| is_package(&name.to_string_lossy()))
    };
    entries(folder, is_wanted)
}

/// The folders in a folder, in order, without hidden ones: farm's own work area is one.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, CompareError> {
    let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    entries(folder, |path, kind| kind.is_dir() && !is_hidden(path))
}

fn entries(folder: &Path, is_wanted: impl Fn(&Path, fs::FileType) -> bool) -> Result<Vec<PathBuf>, CompareError> {
    let read = |source| CompareError::Read { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(read)? {
        let entry = entry.map_err(read)?;
        let kind = entry.file_type().map_err(read)?;
        if is_wanted(&entry.path(), kind) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
