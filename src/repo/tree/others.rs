//! Trees that other programs have made (reprepro, aptly, dak, createrepo_c), by their indexes: a file that no index names was
//! never published. What an index says is held against what Release or repomd.xml say of the index; who has signed those is
//! not asked, because the folder is its owner's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::check::{bytes, is_inner, text, unpacked};
use super::model::{Incoming, Place, RepoError};
use super::state::sum;
use crate::formats::{deb822, repodata};
use crate::types::{Format, printable};

/// How far below a folder its repositories lie: `dists/bookworm/updates`, `el/9/os/x86_64`.
const DEEPEST: usize = 4;

/// What a tree has.
#[derive(Debug, Default)]
pub(crate) struct Others {
    pub(crate) incoming: Vec<Incoming>,
    /// What its first Release says of itself: apt asks its users before it takes another one.
    pub(crate) origin: Option<String>,
    pub(crate) label: Option<String>,
}

/// Reads a folder that has `dists/` of apt's, or a `repodata` in it or below it; none of another one. `name`: of the repository
/// that all is for, in place of the names there.
///
/// # Errors
/// When an index cannot be read or is not the one that is published, and where a repository has no name.
pub(crate) fn others(root: &Path, name: Option<&str>) -> Result<Option<Others>, RepoError> {
    let mut found = Others::default();
    let dists = root.join("dists");
    let suites = below(&dists, is_suite);
    for suite in &suites {
        found.suite(root, suite, &named(&dists, suite, name)?).map_err(foreign)?;
    }
    let rpms = below(root, |folder| folder.join("repodata/repomd.xml").is_file());
    for folder in &rpms {
        found.rpms(folder, &named(root, folder, name)?).map_err(foreign)?;
    }
    Ok((suites.len() + rpms.len() > 0).then_some(found))
}

fn foreign((path, reason): (PathBuf, String)) -> RepoError {
    RepoError::Foreign { path, reason }
}

/// Each architecture of a suite may have a Release, too, which lists nothing.
fn is_suite(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let is_part = name.starts_with("binary-") || name == "source";
    !is_part && (folder.join("InRelease").is_file() || folder.join("Release").is_file())
}

/// Folders of this kind, in their order. Another name of one, by a symbolic link, is not another one.
fn below(root: &Path, is_one: fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        if depth < DEEPEST {
            let inner = fs::read_dir(&folder).into_iter().flatten().flatten();
            let inner = inner.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            open.extend(inner.map(|entry| (entry.path(), depth + 1)));
        }
        if is_one(&folder) {
            found.push(folder);
        }
    }
    found.sort();
    found
}

/// `dists/bookworm/updates` is bookworm-updates, `el9/x86_64` is el9, and farm's own `rpm/fedora-44` is fedora-44.
fn named(root: &Path, folder: &Path, name: Option<&str>) -> Result<String, RepoError> {
    const ARCHES: [&str; 8] = ["x86_64", "aarch64", "i386", "i686", "noarch", "ppc64le", "s390x", "SRPMS"];
    if let Some(name) = name {
        return Ok(name.to_owned());
    }
    let parts = folder.strip_prefix(root).unwrap_or(folder).iter().map(|part| part.to_string_lossy());
    let mut parts: Vec<String> = parts.map(|part| part.replace(|c: char| !is_of_name(c), "-")).collect();
    if parts.len() > 1 && parts[0] == "rpm" {
        parts.remove(0);
    }
    if parts.len() > 1 && parts.last().is_some_and(|last| ARCHES.contains(&last.as_str())) {
        parts.pop();
    }
    let name = parts.join("-").trim_matches(['-', '.']).to_owned();
    match name.is_empty() {
        true => {
            Err(foreign((folder.to_owned(), "nothing says what the repository is called: --suite does".to_owned())))
        }
        false => Ok(name),
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._".contains(c)
}

impl Others {
    fn suite(&mut self, root: &Path, folder: &Path, name: &str) -> Result<(), (PathBuf, String)> {
        let in_release = folder.join("InRelease");
        let (path, said) = match folder.join("Release") {
            plain if plain.is_file() => (plain.clone(), text(&plain)?),
            _ => {
                let said = text(&in_release)?;
                // Before it stand the names of hashes (RFC 9580, 7).
                let inner = said.split_once("\n\n").map_or("", |(_, rest)| rest).to_owned();
                (in_release, inner)
            }
        };
        let line = |name: &str| deb822::field(&said, name).map(printable).filter(|value| !value.is_empty());
        self.origin = self.origin.take().or_else(|| line("Origin"));
        self.label = self.label.take().or_else(|| line("Label"));
        // By what an index is called, its sums by how it is compressed.
        let mut indexes: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
        for listed in deb822::field(&said, "SHA256").unwrap_or_default().lines() {
            if let [sha256, _, file] = listed.split_whitespace().collect::<Vec<_>>()[..]
                && is_inner(file)
            {
                let (stem, kind) = match file.rsplit_once('.') {
                    Some((stem, kind)) if stem.ends_with("/Packages") || stem.ends_with("/Sources") => (stem, kind),
                    _ => (file, ""),
                };
                indexes.entry(stem).or_default().insert(kind, sha256);
            }
        }
        if indexes.is_empty() {
            return Err((path, "it has no SHA256 sums of indexes".to_owned()));
        }
        let place = Place { format: Format::Deb, name: name.to_owned() };
        let (mut paths, mut arches) = (BTreeSet::new(), BTreeSet::new());
        for (stem, kinds) in indexes {
            let is_packages = stem.ends_with("/Packages");
            if !(is_packages || stem.ends_with("/Sources")) || stem.contains("/debian-installer/") {
                continue;
            }
            let arch = stem.split('/').find_map(|part| part.strip_prefix("binary-")).map(str::to_owned);
            let file =
                |kind: &str| folder.join(if kind.is_empty() { stem.to_owned() } else { format!("{stem}.{kind}") });
            let Some((kind, sha256)) = kinds.into_iter().find(|(kind, _)| file(kind).is_file()) else { continue };
            let index = file(kind);
            let content = bytes(&index)?;
            if sum(&content) != sha256 {
                return Err((index, "it is not the one that the Release names".to_owned()));
            }
            let content = unpacked(&index, &content).map_err(|reason| (index.clone(), reason))?;
            for paragraph in deb822::paragraphs(&String::from_utf8_lossy(&content)) {
                let Some((path, sha256)) = package(paragraph, is_packages) else { continue };
                let name = printable(deb822::field(paragraph, "Package").unwrap_or_default());
                let lies = |reason: &str| (index.clone(), format!("{name} {reason}: `{}`", printable(&path)));
                if !is_inner(&path) {
                    return Err(lies("lies outside of the folder"));
                }
                if sha256.is_empty() {
                    return Err(lies("has no SHA256 sum"));
                }
                // One for all architectures is in the index of each.
                let is_first_of_arch = arches.insert(arch.clone());
                if paths.insert(path.clone()) || is_first_of_arch {
                    let (path, place) = (root.join(&path), place.clone());
                    self.incoming.push(Incoming { path, place, sha256: Some(sha256), arch: arch.clone() });
                }
            }
        }
        Ok(())
    }

    fn rpms(&mut self, folder: &Path, name: &str) -> Result<(), (PathBuf, String)> {
        let repomd = folder.join("repodata/repomd.xml");
        let files = repodata::files(&bytes(&repomd)?).map_err(|reason| (repomd.clone(), reason))?;
        let Some((_, primary)) = files.iter().find(|(kind, _)| kind == "primary") else {
            return Err((repomd, "it lists no packages (primary)".to_owned()));
        };
        if !is_inner(&primary.href) {
            return Err((repomd, format!("its index lies outside of the folder: `{}`", printable(&primary.href))));
        }
        let index = folder.join(&primary.href);
        let content = bytes(&index)?;
        if sum(&content) != primary.sha256 {
            return Err((index, "it is not the one that repomd.xml names".to_owned()));
        }
        let content = unpacked(&index, &content).map_err(|reason| (index.clone(), reason))?;
        let packages = repodata::packages(&content[..], None).map_err(|reason| (index.clone(), reason))?;
        for package in packages {
            if !is_inner(&package.href) {
                return Err((index, format!("a package lies outside of the folder: `{}`", printable(&package.href))));
            }
            let place = Place { format: Format::Rpm, name: name.to_owned() };
            let path = folder.join(&package.href);
            self.incoming.push(Incoming { path, place, sha256: Some(package.sha256), arch: None });
        }
        Ok(())
    }
}

/// Where a package lies, and its sum; of a source package its .dsc.
fn package(paragraph: &str, is_binary: bool) -> Option<(String, String)> {
    let field = |name: &str| deb822::field(paragraph, name).unwrap_or_default();
    if is_binary {
        let path = field("Filename").trim_start_matches("./");
        return (!path.is_empty()).then(|| (path.to_owned(), field("SHA256").to_owned()));
    }
    field("Checksums-Sha256").lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [sha256, _, file] if file.ends_with(".dsc") => {
            Some((format!("{}/{file}", field("Directory")), sha256.to_owned()))
        }
        _ => None,
    })
}
