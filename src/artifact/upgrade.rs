//! What an upgrade breaks, as far as two versions of packages say so without being installed: what is certain here needs no
//! container, and what only scripts decide is the install test's. The rules:
//!
//! | rule | severity | what is wrong |
//! |---|---|---|
//! | `epoch-goes-back` | error | the epoch of the version is lower: no package manager upgrades to it |
//! | `config-file-lost` | error | a configuration file is an ordinary file now: what was changed in it is overwritten |
//! | `config-file-left` | warning | deb: a configuration file is in no package any more, and stays on users' machines |
//! | `file-moved` | error | a file is in another package now, which does not say that it replaces the earlier version |
//! | `soname-changed` | deb: error, rpm: warning | a shared library has another soname, or is gone, and the package has the same name |

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::check::finding;
use super::describe::{DescribedFile, Description, FileKind, OWN_VERSION, RelationKind, describe};
use super::waivers::Waivers;
use super::{ArtifactError, Finding, Severity, Waiver};
use crate::formats::version;
use crate::stream::guard::{self, Guard};
use crate::types::{Format, printable};

/// Those of the table.
pub(crate) const RULES: [&str; 5] =
    ["config-file-left", "config-file-lost", "epoch-goes-back", "file-moved", "soname-changed"];

/// Findings of one rule about one package that are told one by one.
const MOST: usize = 10;

/// Reads the packages of two versions, and says what is wrong with the second as an upgrade of the first. Where the second is
/// no upgrade, nothing but the epoch is compared. CPU work: call it from a blocking thread.
pub(crate) fn upgrade(
    before: &[PathBuf],
    after: &[PathBuf],
    waivers: &[Waiver],
) -> Result<Vec<Finding>, ArtifactError> {
    let (old, new) = (read(before)?, read(after)?);
    let mut found = Found { list: Vec::new(), waivers: Waivers::new(waivers) };
    epochs(&old, &new, &mut found);
    if found.list.is_empty() && is_upgrade(&old, &new) {
        config_files(&old, &new, &mut found);
        moved(&old, &new, &mut found);
        libraries(&old, &new, &mut found);
    }
    Ok(found.list)
}

/// A package of users, with the name of its file.
struct Read {
    file_name: String,
    package: Description,
}

fn read(paths: &[PathBuf]) -> Result<Vec<Read>, ArtifactError> {
    let guard = Guard::in_force();
    let file_name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let one = |path: &PathBuf| {
        let package = guard::during(guard.clone(), || describe(path))?;
        Ok(Read { file_name: file_name(path), package })
    };
    let mut all: Vec<Read> = paths.par_iter().map(one).collect::<Result<_, ArtifactError>>()?;
    all.retain(|read| !read.package.is_debug && !read.package.is_source);
    Ok(all)
}

struct Found {
    list: Vec<Finding>,
    waivers: Waivers,
}

impl Found {
    fn add(&mut self, severity: Severity, artifact: &str, rule: &'static str, path: Option<&str>, message: String) {
        let waived = self.waivers.reason(rule, path).map(printable);
        let severity = if waived.is_some() { Severity::Waived } else { severity };
        self.list.push(Finding { waived, ..finding(severity, artifact, rule, message) });
    }

    /// What is wrong with many files of one package in one way.
    fn files(&mut self, severity: Severity, artifact: &str, rule: &'static str, paths: &[String], rest: &str) {
        let waived = |path: &&String| self.waivers.reason(rule, Some(path)).is_some();
        let (meant, open): (Vec<&String>, Vec<&String>) = paths.iter().partition(waived);
        for (paths, at) in [(open, None), (meant.clone(), meant.first().map(|path| path.as_str()))] {
            if paths.is_empty() {
                continue;
            }
            let shown: Vec<&str> = paths.iter().take(MOST).map(|path| path.as_str()).collect();
            let more = paths.len().saturating_sub(MOST);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let message = format!("{}{more} {rest}", shown.join(", "));
            let severity = if at.is_some() { Severity::Waived } else { severity };
            let reason = at.and_then(|at| self.waivers.reason(rule, Some(at))).map(printable);
            self.list.push(Finding { waived: reason, ..finding(severity, artifact, rule, message) });
        }
    }
}

/// Packages that both versions have.
fn pairs<'a>(old: &'a [Read], new: &'a [Read]) -> impl Iterator<Item = (&'a Description, &'a Read)> {
    new.iter().filter_map(|read| Some((named(old, &read.package.name)?, read)))
}

fn named<'a>(all: &'a [Read], name: &str) -> Option<&'a Description> {
    all.iter().map(|read| &read.package).find(|package| package.name == name)
}

fn epoch(version: &str) -> u64 {
    version.split_once(':').and_then(|(epoch, _)| epoch.parse().ok()).unwrap_or(0)
}

fn epochs(old: &[Read], new: &[Read], found: &mut Found) {
    for (before, Read { file_name, package }) in pairs(old, new) {
        let (was, is) = (epoch(&before.version), epoch(&package.version));
        if is < was {
            let message = format!(
                "{} is earlier than {}, whatever comes behind its epoch: nobody who has the last good version is upgraded \
                 to this one. An epoch never goes back: write epoch = {was} in [package]",
                package.version, before.version
            );
            found.add(Severity::Error, file_name, "epoch-goes-back", None, message);
        }
    }
}

/// Some package is upgraded, and none goes back.
fn is_upgrade(old: &[Read], new: &[Read]) -> bool {
    let orders: Vec<Ordering> = pairs(old, new)
        .map(|(before, read)| version::compare(before.format, &before.version, &read.package.version))
        .collect();
    orders.contains(&Ordering::Less) && !orders.contains(&Ordering::Greater)
}

fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// The packages that have a file in the new version.
fn holders<'a>(new: &'a [Read], path: &[u8]) -> Vec<(&'a Read, &'a DescribedFile)> {
    new.iter().filter_map(|read| Some((read, read.package.files.get(path)?))).collect()
}

fn config_files(old: &[Read], new: &[Read], found: &mut Found) {
    for Read { package: before, .. } in old {
        let config = before.files.iter().filter(|(_, file)| file.is_config && !file.is_ghost);
        for (path, _) in config {
            let name = text(path);
            let holders = holders(new, path);
            match holders.first() {
                Some((read, file)) if !file.is_config && file.kind == FileKind::File => {
                    let message = format!(
                        "{name} was a configuration file in {}, and is an ordinary file now: an upgrade takes away what an \
                         administrator has changed in it: write config-files = [\"{name}\"] for {}",
                        before.version, read.package.name
                    );
                    found.add(Severity::Error, &read.file_name, "config-file-lost", Some(&name), message);
                }
                Some(_) => {}
                None if before.format == Format::Deb => {
                    let is_said = new.iter().any(|read| read.package.scripts.values().any(|text| text.contains(&name)));
                    let Some(read) = new.iter().find(|read| read.package.name == before.name).filter(|_| !is_said)
                    else {
                        continue;
                    };
                    let message = format!(
                        "{name}, a configuration file of {}, is in no package any more, and an upgrade leaves it where it \
                         is: write former-config-files = [\"{name}\"] for {}",
                        before.version, before.name
                    );
                    found.add(Severity::Warning, &read.file_name, "config-file-left", Some(&name), message);
                }
                None => {}
            }
        }
    }
}

/// Files that were in one package and are in another.
fn moved(old: &[Read], new: &[Read], found: &mut Found) {
    for Read { file_name, package } in new {
        let own_before = named(old, &package.name);
        let mut from: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (path, file) in &package.files {
            if file.kind == FileKind::Folder
                || file.is_ghost
                || own_before.is_some_and(|own| own.files.contains_key(path))
            {
                continue;
            }
            let had = |other: &&Read| {
                other.package.name != package.name
                    && other.package.files.get(path).is_some_and(|was| was.kind != FileKind::Folder && !was.is_ghost)
            };
            for other in old.iter().filter(had) {
                let still = named(new, &other.package.name).is_some_and(|same| same.files.contains_key(path));
                if !still {
                    from.entry(&other.package.name).or_default().push(text(path));
                }
            }
        }
        for (name, paths) in from {
            let Some(before) = named(old, name) else { continue };
            let goes_on = named(new, name).is_some();
            if is_replaced(package, before, goes_on) {
                continue;
            }
            // Without its release, unless that alone is what is new.
            let upstream = package.version.rsplit_once('-').map_or(package.version.as_str(), |(upstream, _)| upstream);
            let is_enough = version::compare(package.format, &before.version, upstream) == Ordering::Less;
            let bound = if is_enough { upstream } else { &package.version };
            let (what, mend) = match (goes_on, package.format) {
                (true, Format::Deb) => {
                    ("dpkg refuses to overwrite the file of the earlier version", "Breaks and Replaces")
                }
                (true, Format::Rpm) => ("rpm refuses to install it beside the earlier version", "Conflicts"),
                (false, Format::Deb) => {
                    ("dpkg refuses to overwrite the file of the earlier version", "Conflicts and Replaces")
                }
                (false, Format::Rpm) => ("who has that package stays with its last version", "Obsoletes"),
            };
            let relation = if goes_on { format!("{name} (<< {bound})") } else { name.to_owned() };
            let rest = format!(
                "came from {name} {}, and {} has no {mend} for it: {what}: write replaces = [\"{relation}\"] for {}",
                before.version, package.name, package.name
            );
            found.files(Severity::Error, file_name, "file-moved", &paths, &rest);
        }
    }
}

/// Whether `package` says that it takes files of `before`. A package that goes on may be kept from being there in its
/// earlier version; one that does not has to be replaced.
fn is_replaced(package: &Description, before: &Description, goes_on: bool) -> bool {
    let says = |kind: RelationKind| {
        let relations = package.relations.get(&kind);
        relations.into_iter().flatten().any(|one| covers(&one.text, package, before) == Some(true))
    };
    let keeps_away = || says(RelationKind::Conflicts) || says(RelationKind::Breaks);
    match (package.format, goes_on) {
        (Format::Deb, _) => says(RelationKind::Replaces) && keeps_away(),
        (Format::Rpm, false) => says(RelationKind::Replaces),
        (Format::Rpm, true) => {
            let wanted = [RelationKind::Requires, RelationKind::PreRequires].into_iter();
            let mut wanted = wanted.flat_map(|kind| package.relations.get(&kind)).flatten();
            // One that requires the new version of the other has it upgraded in the same transaction.
            says(RelationKind::Replaces)
                || keeps_away()
                || wanted.any(|one| covers(&one.text, package, before) == Some(false))
        }
    }
}

/// Whether a relation of `package`, `a (<< 1.1)` or `a < 1.1`, is about that version of `before`; none: not about the
/// package at all.
fn covers(relation: &str, package: &Description, before: &Description) -> Option<bool> {
    let (name, rest) = relation.split_once(' ').unwrap_or((relation, ""));
    if name.split(':').next() != Some(before.name.as_str()) {
        return None;
    }
    let rest = rest.trim_matches(['(', ')', ' ']);
    let Some((sign, bound)) = rest.split_once(' ') else { return Some(true) };
    let bound = if bound == OWN_VERSION { package.version.as_str() } else { bound };
    let order = version::compare(package.format, &before.version, bound);
    Some(match sign {
        "<<" | "<" => order == Ordering::Less,
        "<=" => order != Ordering::Greater,
        "=" => order == Ordering::Equal,
        ">=" => order != Ordering::Less,
        ">>" | ">" => order == Ordering::Greater,
        _ => return None,
    })
}

/// Whether the linker finds a library there for any program.
fn is_public(path: &[u8]) -> bool {
    let path = text(path);
    let Some((folder, _)) = path.rsplit_once('/') else { return false };
    let folder = folder.strip_prefix("/usr").unwrap_or(folder);
    match folder.strip_prefix("/lib/") {
        Some(triplet) => !triplet.contains('/') && triplet.contains("-linux-"),
        None => folder == "/lib" || folder == "/lib64",
    }
}

fn sonames(package: &Description) -> BTreeSet<&str> {
    let public = package.files.iter().filter(|(path, file)| is_public(path) && file.kind == FileKind::File);
    public.filter_map(|(_, file)| file.soname.as_deref()).collect()
}

/// `libpond` of `libpond.so.1`.
fn stem(soname: &str) -> &str {
    let stem = soname.split_once(".so").map_or(soname, |(stem, _)| stem);
    stem.rsplit_once('-')
        .filter(|(_, version)| version.starts_with(|c: char| c.is_ascii_digit()))
        .map_or(stem, |(stem, _)| stem)
}

/// What Debian calls the package of a library (Policy 8.1).
fn package_of(soname: &str) -> String {
    let (stem, version) = soname.split_once(".so").unwrap_or((soname, ""));
    let version = version.trim_start_matches('.');
    let part = if stem.ends_with(|c: char| c.is_ascii_digit()) && !version.is_empty() { "-" } else { "" };
    format!("{stem}{part}{version}").to_lowercase().replace('_', "-")
}

fn libraries(old: &[Read], new: &[Read], found: &mut Found) {
    for (before, Read { file_name, package }) in pairs(old, new) {
        let (was, is) = (sonames(before), sonames(package));
        for soname in was.difference(&is) {
            // The package that is required now has it.
            let requires = package.relations.get(&RelationKind::Requires).into_iter().flatten();
            let required: Vec<&str> = requires.map(|one| one.name.as_str()).collect();
            let is_handed_on = new.iter().any(|other| {
                required.contains(&other.package.name.as_str()) && sonames(&other.package).contains(soname)
            });
            if is_handed_on {
                continue;
            }
            let became = is.difference(&was).find(|other| stem(other) == stem(soname));
            let what = match became {
                Some(other) => format!("{soname} of {} is {other} now, in a package of the same name", before.version),
                None => format!("{soname} of {} is gone, and the package has the same name", before.version),
            };
            let name = package_of(became.unwrap_or(soname));
            let mend = format!(
                "name a package after the library, [packages.{name}], so that both versions of it can be installed"
            );
            let (severity, harm) = match package.format {
                Format::Deb => (
                    Severity::Error,
                    format!(
                        "programs that were linked with it depend on {}, and no longer start (Policy 8.1)",
                        package.name
                    ),
                ),
                Format::Rpm => (
                    Severity::Warning,
                    "packages that need it hold up the upgrade until they are built again".to_owned(),
                ),
            };
            found.add(severity, file_name, "soname-changed", None, format!("{what}: {harm}: {mend}"));
        }
    }
}
