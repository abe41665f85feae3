//! Reads .deb files (deb(5)) in one pass: an ar archive of `debian-binary`, `control.tar` and `data.tar`. The control
//! file is parsed by debian-packaging, whose own reader of packages would load `data.tar` whole; so that is ours. Where
//! dpkg, apt and tar would not read the same, the package is refused.

mod ar;
mod tarball;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

use debian_packaging::control::{ControlFile, ControlParagraph};
use md5::{Digest, Md5};
use sha2::digest::DynDigest;

use super::contents::{self, Entry, EntryKind, Facts, Start, Visit};
use super::elf::Looked;
use crate::stream::guard;
use crate::types::{Format, printable};
use ar::Part;

/// All files of control.tar. Those of Debian's largest package are a tenth of it.
const LARGEST_CONTROL: u64 = 16 << 20;

/// Reads a package; every entry of its `data.tar` goes to `visit`.
///
/// # Errors
/// A sentence about what is wrong with it.
pub(super) fn read(path: &Path, visit: &mut Visit<'_>) -> Result<Facts, String> {
    let file = guard::watched(File::open(path).map_err(|error| error.to_string())?);
    let mut ar = BufReader::with_capacity(128 * 1024, file);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut found: Option<(Facts, Control)> = None;
    ar::read(&mut ar, |part| {
        match part {
            Part::Control { compression, content } => {
                let control = Control::read(compression, content)?;
                found = Some((control.facts()?, control));
            }
            Part::Data { compression, content } => {
                let control = found.as_ref().map(|(_, control)| control).ok_or("it has no control.tar")?;
                data(compression, content, control, folder, visit)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    found.map(|(facts, _)| facts).ok_or_else(|| "it has no control.tar".to_owned())
}

/// Only what the control file says.
pub(super) fn describe(path: &Path) -> Result<Facts, String> {
    control_archive(path)?.facts()
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
fn control_archive(path: &Path) -> Result<Control, String> {
    let mut ar = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    let mut found = None;
    ar::read(&mut ar, |part| {
        if let Part::Control { compression, content } = part {
            found = Some(Control::read(compression, content)?);
        }
        Ok(ControlFlow::Break(()))
    })?;
    found.ok_or_else(|| "it has no control.tar".to_owned())
}

/// The files of control.tar.
#[derive(Debug)]
struct Control(BTreeMap<String, Vec<u8>>);

impl Control {
    fn read(compression: &str, content: &mut dyn Read) -> Result<Control, String> {
        let mut files = BTreeMap::new();
        let mut left = LARGEST_CONTROL;
        tarball::read("control.tar", contents::decompressed(compression, content)?, |member, content| {
            let name = String::from_utf8_lossy(&member.path[1..]).into_owned();
            let shown = printable(&name);
            match member.kind {
                tarball::Kind::Folder if name.is_empty() => return Ok(()),
                tarball::Kind::File if !name.contains('/') => {}
                _ => return Err(format!("its control.tar has {shown}, which is no file at its top")),
            }
            left = left.checked_sub(member.size).ok_or("its control.tar is unreasonably large")?;
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes).map_err(|error| format!("its control.tar is damaged: {error}"))?;
            if files.insert(name, bytes).is_some() {
                return Err(format!("its control.tar has two files {shown}, of which dpkg takes the last"));
            }
            Ok(())
        })?;
        Ok(Control(files))
    }

    fn text(&self, name: &str) -> Result<Option<String>, String> {
        let text = |bytes: &Vec<u8>| {
            String::from_utf8(bytes.clone()).map_err(|_| format!("its file {} is not UTF-8", printable(name)))
        };
        self.0.get(name).map(text).transpose()
    }

    fn facts(&self) -> Result<Facts, String> {
        let text = self.text("control")?.ok_or("it has no control file")?;
        let scripts = self.0.keys().filter(|name| !matches!(name.as_str(), "control" | "md5sums"));
        Ok(Facts { scripts: scripts.cloned().collect(), ..facts(&text)? })
    }

    /// Paths of conffiles (deb-conffiles(5)), without those that are to be removed on upgrade.
    fn conffiles(&self) -> Result<BTreeSet<Vec<u8>>, String> {
        let text = self.text("conffiles")?.unwrap_or_default();
        let mut paths = BTreeSet::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("remove-on-upgrade ")) {
            if !line.starts_with('/') || !paths.insert(line.as_bytes().to_vec()) {
                let line = printable(line);
                return Err(format!("its conffiles have the line `{line}`, which is no path, or there twice"));
            }
        }
        Ok(paths)
    }

    /// What md5sums says of files, by path (deb-md5sums(5)).
    fn md5sums(&self) -> Result<BTreeMap<Vec<u8>, [u8; 16]>, String> {
        let mut sums = BTreeMap::new();
        for line in self.0.get("md5sums").map(Vec::as_slice).unwrap_or_default().split(|byte| *byte == b'\n') {
            if line.is_empty() {
                continue;
            }
            let bad = || {
                let line = printable(&String::from_utf8_lossy(line));
                format!("its md5sums have the line `{line}`, which is no sum of a file, or a second one")
            };
            let (sum, path) = line.split_at_checked(32).ok_or_else(bad)?;
            let path = path.strip_prefix(b"  ").ok_or_else(bad)?;
            let mut bytes = [0; 16];
            hex::decode_to_slice(sum, &mut bytes).map_err(|_| bad())?;
            if sums.insert([b"/", path].concat(), bytes).is_some() {
                return Err(bad());
            }
        }
        Ok(sums)
    }
}

fn facts(text: &str) -> Result<Facts, String> {
    let mut names = BTreeSet::new();
    let is_field = |line: &&str| !line.starts_with([' ', '\t', '#']);
    for (name, _) in text.lines().filter(is_field).filter_map(|line| line.split_once(':')) {
        if !names.insert(name.trim().to_ascii_lowercase()) {
            return Err(format!("its control file has the field {} twice", printable(name)));
        }
    }
    let control = ControlFile::parse_str(text).map_err(|error| format!("its control file is damaged: {error}"))?;
    let mut paragraphs = control.paragraphs();
    let (Some(fields), None) = (paragraphs.next(), paragraphs.next()) else {
        return Err("its control file has not one paragraph".to_owned());
    };
    let required = |name: &str| match fields.field_str(name).map(str::trim) {
        Some(value) if !value.is_empty() && !value.contains('\n') => Ok(value.to_owned()),
        _ => Err(format!("its control file has no {name}")),
    };
    let mut requires = relations(fields, "Depends");
    requires.extend(relations(fields, "Pre-Depends"));
    Ok(Facts {
        format: Format::Deb,
        name: required("Package")?,
        version: required("Version")?,
        architecture: required("Architecture")?,
        is_source: false,
        requires,
        provides: relations(fields, "Provides"),
        scripts: Vec::new(),
        source: None,
    })
}

/// Names of packages in a relation field, alternatives included, without versions, architectures and profiles.
fn relations(fields: &ControlParagraph<'_>, field: &str) -> Vec<String> {
    fields
        .field_str(field)
        .unwrap_or_default()
        .split([',', '|'])
        .map(|relation| relation.trim().split(['(', '[', '<', ' ', ':', '\n', '\t']).next().unwrap_or_default())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn data(
    compression: &str,
    content: &mut dyn Read,
    control: &Control,
    folder: &Path,
    visit: &mut Visit<'_>,
) -> Result<(), String> {
    let damaged = |error: io::Error| format!("its data.tar is damaged: {error}");
    let (mut conffiles, mut sums) = (control.conffiles()?, control.md5sums()?);
    let mut budget = contents::Budget::default();
    // What a later hard link to a file would be.
    let mut files: HashMap<Vec<u8>, Entry> = HashMap::new();
    tarball::read("data.tar", contents::decompressed(compression, content)?, |member, content| {
        budget.spend(member.size)?;
        let shown = || printable(&String::from_utf8_lossy(&member.path));
        let tarball::Member { kind, mode, size, .. } = member;
        let mut entry = Entry {
            path: member.path.clone(),
            kind: match kind {
                tarball::Kind::File => EntryKind::File,
                tarball::Kind::HardLink => EntryKind::HardLink,
                tarball::Kind::Symlink => EntryKind::Symlink,
                tarball::Kind::Folder => EntryKind::Folder,
                tarball::Kind::Special => EntryKind::Special,
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
            tarball::Kind::File => {
                let expected = sums.remove(&member.path);
                let mut md5 = Md5::new();
                let also: Option<&mut dyn DynDigest> = expected.is_some().then_some(&mut md5);
                let found = contents::look(content, folder, also).map_err(damaged)?;
                if expected.is_some_and(|expected| md5.finalize()[..] != expected) {
                    return Err(format!("its md5sums has another sum for {} than that has", shown()));
                }
                (entry.looked, entry.start, entry.sha256) = (found.looked, found.start, Some(found.sha256));
                entry.unpacked = found.unpacked;
                let known = Entry { looked: Looked::NoElf, start: Start::Other, ..entry.clone() };
                files.insert(member.path.clone(), known);
            }
            tarball::Kind::HardLink => {
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
            tarball::Kind::Symlink | tarball::Kind::Folder | tarball::Kind::Special => {}
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
