//! Packages as files: what a .deb or .rpm says of itself, and whether it may be accepted. Reading only; everything in a
//! package is hostile until checked. What was planned comes in as an [`Expectation`]: this module knows no recipe.

mod check;
mod contents;
pub(crate) mod deb;
mod debug;
pub(crate) mod describe;
mod interpreters;
mod layout;
pub(crate) mod libraries;
pub(crate) mod manifest;
mod metadata;
mod model;
mod rpm;
pub(crate) mod upgrade;
mod waivers;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use md5::Md5;
use rayon::prelude::*;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::formats::elf::Depth;
use crate::stream::guard::{self, Guard};
use crate::types::{Format, printable};
use check::{Collector, Package, finding};
use contents::Facts;
use manifest::Comparison;
use metadata::Sums;
use model::{malformed, package_format};
use waivers::Waivers;

pub(crate) use model::RpmHeader;
pub use model::{
    Artifact, ArtifactError, ArtifactKind, Expectation, Expected, Finding, Inspection, PackageHead, PackageId,
    Severity, Waiver,
};

pub(crate) use describe::LISTING_FILE;
pub use describe::{ListedFile, ListedRelation, PackageListing, RelationKind};
pub use interpreters::Wanted;
pub(crate) use rpm::is_primary_file;

/// Reads and checks the results of one job: `files` lie flat in one folder. CPU work runs on rayon: call it from a
/// blocking thread. The rules are listed in `check`.
///
/// # Errors
/// When a file cannot be read, or a package is damaged.
pub fn inspect(files: &[PathBuf], expectation: &Expectation) -> Result<Inspection, ArtifactError> {
    let guard = Guard::in_force();
    let waivers = Arc::new(Waivers::new(&expectation.waivers));
    let mut read: Vec<Examined> = files
        .par_iter()
        .map(|path| guard::during(guard.clone(), || examine(path, expectation, &waivers)))
        .collect::<Result<_, _>>()?;
    read.sort_by(|(a, _, _), (b, _, _)| a.file_name.cmp(&b.file_name));
    let (mut artifacts, mut packages, mut listings) = (Vec::new(), Vec::new(), Vec::new());
    for (artifact, sums, package) in read {
        artifacts.push((artifact, sums));
        if let Some((package, listing)) = package {
            packages.push(package);
            listings.push(listing);
        }
    }
    let (mut findings, wanted) = check::check(packages, expectation, &waivers);
    let is_told = artifacts.iter().any(|(artifact, _)| artifact.file_name.ends_with(".changes"));
    for (artifact, _) in &artifacts {
        if let Some(message) = why_unexpected(&artifact.file_name, expectation.format, is_told) {
            findings.push(finding(Severity::Error, &artifact.file_name, "unexpected-file", message));
        }
    }
    if expectation.source && !artifacts.iter().any(|(artifact, _)| is_source_package(&artifact.file_name)) {
        let message = "no source package was made".to_owned();
        findings.push(finding(Severity::Error, "", "missing-package", message));
    }
    let is_metadata =
        |path: &&PathBuf| path.file_name().is_some_and(|name| metadata::is_metadata(&name.to_string_lossy()));
    for path in files.iter().filter(is_metadata) {
        findings.extend(metadata::check(path, &artifacts)?);
    }
    // Stable: findings of one severity stay in the order of files and rules.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let artifacts = artifacts.into_iter().map(|(artifact, _)| artifact).collect();
    Ok(Inspection { artifacts, findings, wanted, listings })
}

/// Why no build of this format leaves such a file. Packages of the other format are told by the rules for packages.
/// `is_told`: there is a .changes file, which names what belongs to the build.
fn why_unexpected(file_name: &str, format: Format, is_told: bool) -> Option<String> {
    let is_of_debian = metadata::is_metadata(file_name) || is_source(file_name);
    if package_format(file_name).is_some() {
        None
    } else if format == Format::Rpm || !is_of_debian {
        Some("is no package, nor anything else that belongs to one: leave it out of the results".to_owned())
    } else if !is_told {
        Some("belongs to a build with a .changes file, and there is none".to_owned())
    } else {
        None
    }
}

/// Reads the header of one binary package, not its contents.
pub fn head(path: &Path) -> Result<PackageHead, ArtifactError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let read = match package_format(&name) {
        Some(Format::Deb) => deb::describe(path).map(|facts| (facts, Vec::new())),
        Some(Format::Rpm) => rpm::describe_with_programs(path),
        None => Err("its name does not end in .deb or .rpm".to_owned()),
    };
    let (facts, programs) = read.map_err(|reason| malformed(path, reason))?;
    let Facts { name, version, requires, mut provides, .. } = facts;
    provides.push(name.clone());
    provides.extend(programs);
    Ok(PackageHead { name, version, requires, provides })
}

/// The symbolic links in a package with what they lead to, as far as both are text. Reads all of it.
pub(crate) fn symlinks(path: &Path) -> Result<Vec<(String, String)>, ArtifactError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut links = Vec::new();
    let mut visit = |entry: contents::PackagedFile| {
        if let (contents::EntryKind::Symlink, Ok(path), Ok(link)) =
            (entry.kind, String::from_utf8(entry.path), String::from_utf8(entry.link))
        {
            links.push((path, link));
        }
    };
    let read = match package_format(&name) {
        Some(Format::Deb) => deb::read(path, Depth::Needs, &mut visit),
        Some(Format::Rpm) => rpm::read(path, Depth::Needs, &mut visit),
        None => Err("its name does not end in .deb or .rpm".to_owned()),
    };
    read.map_err(|reason| malformed(path, reason))?;
    Ok(links)
}

/// The control file of a .deb, one stanza (deb-control(5)).
pub(crate) fn deb_control(path: &Path) -> Result<String, ArtifactError> {
    deb::control_text(path).map_err(|reason| malformed(path, reason))
}

/// Reads the header of an .rpm, not its contents.
pub(crate) fn rpm_header(path: &Path) -> Result<RpmHeader, ArtifactError> {
    rpm::header(path).map_err(|reason| malformed(path, reason))
}

/// A file with its sums, and what there is to say of it as a package.
type Examined = (Artifact, Sums, Option<(Package, PackageListing)>);

/// Reads one file of a job.
fn examine(path: &Path, expectation: &Expectation, waivers: &Arc<Waivers>) -> Result<Examined, ArtifactError> {
    let io = |source| ArtifactError::Io { path: path.to_owned(), source };
    let file_name = match path.file_name().and_then(|name| name.to_str()) {
        Some(name) if printable(name) == name => name.to_owned(),
        _ => return Err(malformed(path, "its file name has characters that no package's has".to_owned())),
    };
    // A link would be followed to a file of this host.
    if !fs::symlink_metadata(path).map_err(io)?.is_file() {
        return Err(malformed(path, "it is no regular file".to_owned()));
    }
    let (size_bytes, sha256, sums) = measure_all(path).map_err(io)?;
    let package = match package_format(&file_name) {
        Some(format) => Some(read_package(path, &file_name, format, expectation, waivers)?),
        None => None,
    };
    let kind = kind_of(&file_name, package.as_ref().map(|(package, _)| &package.facts));
    let id = package.as_ref().map(|(package, _)| PackageId {
        name: package.facts.name.clone(),
        version: package.facts.version.clone(),
        architecture: package.facts.architecture.clone(),
    });
    Ok((Artifact { file_name, size_bytes, sha256, kind, package: id }, sums, package))
}

fn read_package(
    path: &Path,
    file_name: &str,
    format: Format,
    expectation: &Expectation,
    waivers: &Arc<Waivers>,
) -> Result<(Package, PackageListing), ArtifactError> {
    // The rules for contents depend on what the package says of itself, which is little and comes first.
    let described = match format {
        Format::Deb => deb::describe(path),
        Format::Rpm => rpm::describe(path),
    };
    let described = described.map_err(|reason| malformed(path, reason))?;
    let mut collector = Collector::new(file_name, &described, expectation.closed, waivers);
    let is_of_recipe = !described.is_source && !described.is_debug();
    let manifest = expectation.manifest.as_deref().filter(|_| is_of_recipe);
    let mut comparison = manifest.map(|manifest| Comparison::new(manifest, &described.name));
    let mut lister = describe::Lister::default();
    let mut visit = |entry: contents::PackagedFile| {
        lister.visit(&entry);
        if let Some(comparison) = &mut comparison {
            let path = std::str::from_utf8(&entry.path).ok();
            comparison.visit(&entry, &mut |severity, rule, message| collector.tell(severity, rule, path, message));
        }
        collector.visit(entry);
    };
    let facts = match format {
        Format::Deb => deb::read(path, Depth::Needs, &mut visit),
        Format::Rpm => rpm::read(path, Depth::Needs, &mut visit),
    };
    let facts = facts.map_err(|reason| malformed(path, reason))?;
    let installed = comparison.map(|comparison| {
        comparison.finish(&mut |severity, rule, message| collector.tell(severity, rule, None, message))
    });
    let listing = describe::listed(lister, path, &facts);
    let mut package = collector.finish(file_name.to_owned(), facts);
    package.installed = installed;
    Ok((package, listing))
}

fn kind_of(file_name: &str, facts: Option<&Facts>) -> ArtifactKind {
    match facts {
        Some(facts) if facts.is_source => ArtifactKind::Source,
        Some(facts) if facts.is_debug() => ArtifactKind::Debug,
        // For Debian's installer: nothing that is installed on a system, nor tried on one.
        Some(_) if file_name.ends_with(".udeb") => ArtifactKind::Metadata,
        Some(_) => ArtifactKind::Binary,
        None if is_source(file_name) => ArtifactKind::Source,
        None => ArtifactKind::Metadata,
    }
}

/// A part of a Debian source package (dsc(5)).
fn is_source(file_name: &str) -> bool {
    [".dsc", ".diff.gz", ".tar", ".asc"].iter().any(|end| file_name.ends_with(end)) || file_name.contains(".tar.")
}

/// What stands for a whole source package.
fn is_source_package(file_name: &str) -> bool {
    file_name.ends_with(".dsc") || file_name.ends_with(".src.rpm")
}

/// Whether a file still is what it was when it became this artifact.
pub(crate) fn is_intact(path: &Path, artifact: &Artifact) -> io::Result<bool> {
    Ok(measure(path)? == (artifact.size_bytes, artifact.sha256.clone()))
}

/// Size and hex sha256.
pub(crate) fn measure(path: &Path) -> io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let size = each_block(path, |block| hasher.update(block))?;
    Ok((size, hex::encode(hasher.finalize())))
}

/// The same with the sums that Debian's files have beside.
fn measure_all(path: &Path) -> io::Result<(u64, String, Sums)> {
    let (mut sha256, mut sha1, mut md5) = (Sha256::new(), Sha1::new(), Md5::new());
    // An RPM has its sums in itself.
    let is_rpm = path.extension().is_some_and(|extension| extension == "rpm");
    let size = each_block(path, |block| {
        sha256.update(block);
        if !is_rpm {
            sha1.update(block);
            md5.update(block);
        }
    })?;
    let sums = Sums { md5: hex::encode(md5.finalize()), sha1: hex::encode(sha1.finalize()) };
    Ok((size, hex::encode(sha256.finalize()), sums))
}

/// Reads a file; returns its size.
fn each_block(path: &Path, mut take: impl FnMut(&[u8])) -> io::Result<u64> {
    let mut file = guard::watched(File::open(path)?);
    let mut buffer = vec![0; 128 * 1024];
    let mut size = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(size),
            n => {
                take(&buffer[..n]);
                size += n as u64;
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
