//! The packages of two folders, in pairs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::model::{PackageChanges, PackageRef};
use super::{formats, package};
use crate::artifact::describe::{Description, Identity, describe, identify};
use crate::artifact::{self, ArtifactError};
use crate::stream::guard::{self, Guard};

/// A package that was read.
pub(super) struct Read {
    pub(super) file_name: String,
    pub(super) description: Description,
}

/// What packages are paired by: source or not, name, architecture where that is needed.
type Key = (bool, String, String);
type Pair = (Option<Read>, Option<Read>);

/// Reads packages, as many at a time as there are processors.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Read>, ArtifactError> {
    let guard = Guard::in_force();
    let one = |path: &PathBuf| {
        let description = guard::during(guard.clone(), || describe(path))?;
        Ok(Read { file_name: file_name(path), description })
    };
    paths.par_iter().map(one).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What is different in packages of one name; those without a partner are new or gone. In order of names.
pub(crate) fn between(before: &[PathBuf], after: &[PathBuf]) -> Result<Vec<PackageChanges>, ArtifactError> {
    let mut all = Vec::new();
    // What is the same file in both need not be looked into.
    let (mut old_paths, mut new_paths) = (before.to_vec(), after.to_vec());
    for path in before {
        let same = new_paths.iter().position(|other| file_name(other) == file_name(path));
        let Some(at) = same.filter(|at| is_same_file(path, &new_paths[*at])) else { continue };
        new_paths.remove(at);
        old_paths.retain(|other| other != path);
        let Identity { format, name, version, architecture } = identify(path)?;
        let package = PackageRef { file_name: file_name(path), format, version, architecture };
        all.push(PackageChanges {
            name,
            before: Some(package.clone()),
            after: Some(package),
            identical: true,
            changes: Vec::new(),
        });
    }
    let (old, new) = rayon::join(|| read(&old_paths), || read(&new_paths));
    let mut pairs: BTreeMap<Key, Pair> = BTreeMap::new();
    let (old, new) = (old?, new?);
    let is_mixed = old.iter().any(|one| new.iter().any(|other| one.description.format != other.description.format));
    // What only tools look at has no partner in another format.
    let is_told = |read: &Read| !is_mixed || !(read.description.is_debug || read.description.is_source);
    let (old, new): (Vec<Read>, Vec<Read>) =
        (old.into_iter().filter(is_told).collect(), new.into_iter().filter(is_told).collect());
    // One pair of packages need not have one name.
    let is_one_pair = old.len() == 1 && new.len() == 1 && before.len() == 1 && after.len() == 1;
    let key = |read: &Read, among: &[Read]| {
        let Description { is_source, name, architecture, .. } = &read.description;
        let alike =
            among.iter().filter(|other| other.description.name == *name && other.description.is_source == *is_source);
        let architecture = if alike.count() > 1 { architecture.clone() } else { String::new() };
        match (is_one_pair, is_mixed) {
            (true, _) => (false, String::new(), String::new()),
            (_, true) => (*is_source, formats::common_name(name).to_owned(), String::new()),
            (_, false) => (*is_source, name.clone(), architecture),
        }
    };
    let keyed = |reads: Vec<Read>| {
        let keys: Vec<_> = reads.iter().map(|read| key(read, &reads)).collect();
        keys.into_iter().zip(reads).collect::<Vec<_>>()
    };
    keyed(old).into_iter().for_each(|(key, read)| pairs.entry(key).or_default().0 = Some(read));
    keyed(new).into_iter().for_each(|(key, read)| pairs.entry(key).or_default().1 = Some(read));
    all.extend(pairs.into_values().map(|(old, new)| pair(old, new)));
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

fn pair(old: Option<Read>, new: Option<Read>) -> PackageChanges {
    let of = |read: &Read| PackageRef::of(&read.file_name, &read.description);
    let changes = match (&old, &new) {
        (Some(old), Some(new)) if old.description.format != new.description.format => {
            formats::changes(&old.description, &new.description)
        }
        (Some(old), Some(new)) => package::changes(&old.description, &new.description),
        _ => Vec::new(),
    };
    let name = new.as_ref().or(old.as_ref()).map(|read| read.description.name.clone()).unwrap_or_default();
    PackageChanges { name, before: old.as_ref().map(of), after: new.as_ref().map(of), identical: false, changes }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let size = |path: &Path| fs::metadata(path).map(|found| found.len()).ok();
    let digest = |path: &Path| artifact::measure(path).ok();
    let is_same = |of: &dyn Fn(&Path) -> Option<u64>| of(one).is_some_and(|found| of(other) == Some(found));
    is_same(&size) && digest(one).is_some_and(|found| digest(other) == Some(found))
}

/// All that the packages of one target are.
#[derive(Debug)]
pub(crate) struct Described(Vec<Description>);

/// Reads the packages of one target.
pub(crate) fn described(paths: &[PathBuf]) -> Result<Described, ArtifactError> {
    Ok(Described(read(paths)?.into_iter().map(|read| read.description).collect()))
}

/// What packages of one recipe mean differently in two formats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The name of the .deb.
    pub(crate) package: String,
    /// A path, or the name of another package.
    pub(crate) subject: String,
    /// A sentence that says what to write in the recipe, for people.
    pub(crate) text: String,
}

/// Compares the .deb packages of a recipe with its .rpm packages. `names`: of each package, its names in both.
pub(crate) fn between_formats(debs: &Described, rpms: &Described, names: &[(String, String)]) -> Vec<Difference> {
    let mut found = Vec::new();
    for (package, changes) in formats::alike(&debs.0, &rpms.0, names) {
        found.extend(changes.iter().map(|change| Difference {
            package: super::text::visible(&package),
            subject: change.subject.clone(),
            text: formats::sentence(change),
        }));
    }
    found
}
