//! Checks .deb files in one pass, as `formats::deb` reads them: what the control file says of the package, and each entry of
//! `data.tar`, held against what `conffiles` and `md5sums` say of it.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

use md5::{Digest, Md5};
use sha2::digest::DynDigest;

use super::contents::{self, EntryKind, Facts, PackagedFile, Start, Visit};
use crate::formats::compression::decompressed;
use crate::formats::deb::{self, Conffile, Control, Part, tarball};
use crate::formats::elf::{Depth, Looked};
use crate::formats::{deb822, relation};
use crate::stream::guard;
use crate::types::{Format, printable};

/// Reads a package; every entry of its `data.tar` goes to `visit`, its ELF files read as `depth` says.
///
/// # Errors
/// A sentence about what is wrong with it.
pub(super) fn read(path: &Path, depth: Depth, visit: &mut Visit<'_>) -> Result<Facts, String> {
    let file = guard::watched(File::open(path).map_err(|error| error.to_string())?);
    let mut ar = BufReader::with_capacity(128 * 1024, file);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut found: Option<(Facts, Control)> = None;
    deb::read(&mut ar, |part| {
        match part {
            Part::Control { compression, content } => {
                let control = Control::read(compression, content)?;
                found = Some((facts(&control)?, control));
            }
            Part::Data { compression, content } => {
                let control = found.as_ref().map(|(_, control)| control).ok_or("it has no control.tar")?;
                data(compression, content, control, (folder, depth), visit)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    found.map(|(facts, _)| facts).ok_or_else(|| "it has no control.tar".to_owned())
}

/// Only what the control file says.
pub(super) fn describe(path: &Path) -> Result<Facts, String> {
    facts(&control_archive(path)?)
}

/// The control file itself.
pub(super) fn control_text(path: &Path) -> Result<String, String> {
    control_archive(path)?.text("control")?.ok_or_else(|| "it has no control file".to_owned())
}

/// A file of control.tar by its name, as text; none when the package has no such file.
pub(crate) fn control_file(path: &Path, wanted: &str) -> Result<Option<String>, String> {
    control_archive(path)?.text(wanted)
}

/// Reads up to `data.tar`.
pub(super) fn control_archive(path: &Path) -> Result<Control, String> {
    let mut ar = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    let mut found = None;
    deb::read(&mut ar, |part| {
        if let Part::Control { compression, content } = part {
            found = Some(Control::read(compression, content)?);
        }
        Ok(ControlFlow::Break(()))
    })?;
    found.ok_or_else(|| "it has no control.tar".to_owned())
}

fn facts(control: &Control) -> Result<Facts, String> {
    let text = control.text("control")?.ok_or("it has no control file")?;
    let wrong = |reason: String| format!("its control file {reason}");
    let paragraph = deb822::only_paragraph(&text).map_err(wrong)?;
    let required = |name: &str| match deb822::field(paragraph, name) {
        Some(value) if !value.is_empty() && !value.contains('\n') => Ok(value.to_owned()),
        _ => Err(wrong(format!("has no {name}"))),
    };
    let names = |field| relation::field::names(deb822::field(paragraph, field).unwrap_or_default()).map(str::to_owned);
    let scripts = control.0.keys().filter(|name| !matches!(name.as_str(), "control" | "md5sums"));
    Ok(Facts {
        format: Format::Deb,
        name: required("Package")?,
        version: required("Version")?,
        architecture: required("Architecture")?,
        is_source: false,
        requires: names("Depends").chain(names("Pre-Depends")).collect(),
        provides: names("Provides").collect(),
        scripts: scripts.cloned().collect(),
        source: None,
    })
}

/// Paths of conffiles, without those that are to be removed on upgrade.
fn conffiles(control: &Control) -> Result<BTreeSet<Vec<u8>>, String> {
    let text = control.text("conffiles")?.unwrap_or_default();
    let mut paths = BTreeSet::new();
    for Conffile { path, .. } in deb::conffiles(&text).filter(|line| !line.is_to_be_removed) {
        if !path.starts_with('/') || !paths.insert(path.as_bytes().to_vec()) {
            let line = printable(path);
            return Err(format!("its conffiles have the line `{line}`, which is no path, or there twice"));
        }
    }
    Ok(paths)
}

fn data(
    compression: &str,
    content: &mut dyn Read,
    control: &Control,
    (folder, depth): (&Path, Depth),
    visit: &mut Visit<'_>,
) -> Result<(), String> {
    let damaged = |error: io::Error| format!("its data.tar is damaged: {error}");
    let (mut conffiles, mut sums) = (conffiles(control)?, control.md5sums()?);
    let mut budget = contents::Budget::default();
    // What a later hard link to a file would be.
    let mut files: HashMap<Vec<u8>, PackagedFile> = HashMap::new();
    tarball::read("data.tar", decompressed(compression, content)?, |member, content| {
        budget.spend(member.size)?;
        let shown = || printable(&String::from_utf8_lossy(&member.path));
        let tarball::Member { kind, mode, size, .. } = member;
        let mut entry = PackagedFile {
            path: member.path.clone(),
            kind: match kind {
                tarball::MemberKind::File => EntryKind::File,
                tarball::MemberKind::HardLink => EntryKind::HardLink,
                tarball::MemberKind::Symlink => EntryKind::Symlink,
                tarball::MemberKind::Folder => EntryKind::Folder,
                tarball::MemberKind::Special => EntryKind::Special,
            },
            mode,
            owner: member.owner.clone(),
            group: member.group.clone(),
            link: member.link.clone(),
            size,
            sha256: None,
            unpacked: None,
            is_config: false,
            capabilities: String::new(),
            is_ghost: false,
            looked: Looked::NoElf,
            start: Start::Other,
        };
        match kind {
            tarball::MemberKind::File => {
                let expected = sums.remove(&member.path);
                let mut md5 = Md5::new();
                let also: Option<&mut dyn DynDigest> = expected.is_some().then_some(&mut md5);
                let found = contents::look(content, folder, depth, also).map_err(damaged)?;
                if expected.is_some_and(|expected| md5.finalize()[..] != expected) {
                    return Err(format!("its md5sums has another sum for {} than that has", shown()));
                }
                (entry.looked, entry.start, entry.sha256) = (found.looked, found.start, Some(found.sha256));
                entry.unpacked = found.unpacked;
                let known = PackagedFile { looked: Looked::NoElf, start: Start::Other, ..entry.clone() };
                files.insert(member.path.clone(), known);
            }
            tarball::MemberKind::HardLink => {
                let target = printable(&String::from_utf8_lossy(&member.link));
                let Some(file) = files.get(&member.link) else {
                    return Err(format!("its hard link {} is to {target}, which is no file before it", shown()));
                };
                // dpkg gives the one file that both are what the header of the link says.
                if (file.mode, &file.owner, &file.group) != (entry.mode, &entry.owner, &entry.group) {
                    return Err(format!("its hard link {} has another mode or owner than {target}", shown()));
                }
                sums.remove(&member.path);
                (entry.size, entry.sha256, entry.unpacked) = (file.size, file.sha256, file.unpacked);
            }
            tarball::MemberKind::Symlink | tarball::MemberKind::Folder | tarball::MemberKind::Special => {}
        }
        entry.is_config = conffiles.remove(&member.path);
        if entry.is_config && !matches!(entry.kind, EntryKind::File | EntryKind::HardLink) {
            return Err(format!("its conffile {} is no file", shown()));
        }
        visit(entry);
        Ok(())
    })?;
    let first = |path: &Vec<u8>| printable(&String::from_utf8_lossy(path));
    if let Some(path) = conffiles.first() {
        return Err(format!("its conffile {} is not in it", first(path)));
    }
    if let Some(path) = sums.keys().next() {
        return Err(format!("its md5sums has {}, which is not in it", first(path)));
    }
    Ok(())
}
