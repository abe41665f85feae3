//! Reads .deb files (deb(5)) in one pass: an ar archive of `debian-binary`, `control.tar` and `data.tar`. The control
//! file is parsed by debian-packaging, whose own reader of packages would load `data.tar` whole; so that is ours.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use debian_packaging::control::{ControlFile, ControlParagraph};

use super::contents::{self, Entry, EntryKind, Facts, Visit};
use super::elf;
use crate::stream::Bounded;
use crate::types::Format;

/// A control file of Debian's largest package is a hundredth of it.
const LARGEST_CONTROL: u64 = 8 << 20;
const LARGEST_HEADER: u64 = 1 << 20;

/// Reads a package; every entry of its `data.tar` goes to `visit`.
///
/// # Errors
/// A sentence about what is wrong with it.
pub(super) fn read(path: &Path, visit: &mut Visit<'_>) -> Result<Facts, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut ar = BufReader::with_capacity(128 * 1024, file);
    let mut magic = [0; 8];
    ar.read_exact(&mut magic).map_err(|_| "it is too short for an ar archive".to_owned())?;
    if &magic != b"!<arch>\n" {
        return Err("it is no ar archive".to_owned());
    }
    let (name, size) = member(&mut ar)?.ok_or("it is empty")?;
    let mut version = Vec::new();
    whole_member(&mut ar, size, |member| member.take(64).read_to_end(&mut version).map_err(|error| error.to_string()))?;
    if name != "debian-binary" || !version.starts_with(b"2.") {
        return Err("its first member is no debian-binary of format 2".to_owned());
    }
    let mut facts = None;
    while let Some((name, size)) = member(&mut ar)? {
        match &facts {
            None if name.starts_with("control.tar") => {
                let text = whole_member(&mut ar, size, |member| control(&name, member, "control"))?;
                facts = Some(self::facts(&text.ok_or("it has no control file")?)?);
            }
            Some(_) if name.starts_with("data.tar") => {
                let folder = path.parent().unwrap_or(Path::new("."));
                whole_member(&mut ar, size, |member| data(&name, member, folder, visit))?;
                return facts.ok_or_else(|| "it has no control.tar".to_owned());
            }
            // deb(5): such members may stand anywhere after the first.
            _ if name.starts_with('_') => whole_member(&mut ar, size, |_| Ok(()))?,
            _ => return Err(format!("its member {name} is not where one is expected")),
        }
    }
    Err(format!("it has no {}", if facts.is_some() { "data.tar" } else { "control.tar" }))
}

/// Only what the control file says.
pub(super) fn describe(path: &Path) -> Result<Facts, String> {
    facts(&control_text(path)?)
}

/// The control file itself.
pub(super) fn control_text(path: &Path) -> Result<String, String> {
    control_file(path, "control")?.ok_or_else(|| "it has no control file".to_owned())
}

/// A file of control.tar by its name, as text; none when the package has no such file.
pub(crate) fn control_file(path: &Path, wanted: &str) -> Result<Option<String>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut ar = BufReader::new(file);
    let mut magic = [0; 8];
    ar.read_exact(&mut magic).map_err(|_| "it is too short for an ar archive".to_owned())?;
    while let Some((name, size)) = member(&mut ar)? {
        if name.starts_with("control.tar") {
            return whole_member(&mut ar, size, |member| control(&name, member, wanted));
        }
        whole_member(&mut ar, size, |_| Ok(()))?;
    }
    Err("it has no control.tar".to_owned())
}

/// Name and size of the next member; `None` at the end.
fn member(ar: &mut impl Read) -> Result<Option<(String, u64)>, String> {
    let mut header = [0; 60];
    let mut filled = 0;
    while filled < header.len() {
        match ar.read(&mut header[filled..]).map_err(|error| error.to_string())? {
            0 if filled == 0 => return Ok(None),
            0 => return Err("it ends inside an ar header".to_owned()),
            n => filled += n,
        }
    }
    if &header[58..] != b"`\n" {
        return Err("it has a damaged ar header".to_owned());
    }
    let text = |range: std::ops::Range<usize>| std::str::from_utf8(&header[range]).map(str::trim_end).unwrap_or("");
    let size = text(48..58).parse().map_err(|_| "it has a damaged ar header".to_owned())?;
    Ok(Some((text(0..16).trim_end_matches('/').to_owned(), size)))
}

/// Gives one member to `read` and goes on to its end, padding included.
fn whole_member<R: Read, T>(
    ar: &mut R,
    size: u64,
    read: impl FnOnce(&mut io::Take<&mut R>) -> Result<T, String>,
) -> Result<T, String> {
    let mut member = Read::take(&mut *ar, size);
    let result = read(&mut member)?;
    io::copy(&mut member, &mut io::sink()).map_err(|error| error.to_string())?;
    if member.limit() != 0 {
        return Err("it ends inside a member".to_owned());
    }
    // Members begin at even offsets; after the last one the padding may be missing.
    let mut padding = [0; 1];
    if size % 2 == 1 {
        let _ = ar.read(&mut padding).map_err(|error| error.to_string())?;
    }
    Ok(result)
}

fn decompressed<'a>(name: &str, member: &'a mut dyn Read) -> Result<Box<dyn Read + 'a>, String> {
    contents::decompressed(
        name.split_once(".tar").map_or("", |(_, extension)| extension.trim_start_matches('.')),
        member,
    )
}

fn control(name: &str, member: &mut dyn Read, wanted: &str) -> Result<Option<String>, String> {
    let damaged = |error: io::Error| format!("its control.tar is damaged: {error}");
    let (reader, allowance) = Bounded::new(decompressed(name, member)?);
    allowance.set(2 * LARGEST_CONTROL);
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let path = entry.path_bytes().into_owned();
        if path.strip_prefix(b"./").unwrap_or(&path) != wanted.as_bytes() {
            continue;
        }
        let mut text = String::new();
        entry.take(LARGEST_CONTROL).read_to_string(&mut text).map_err(damaged)?;
        return Ok(Some(text));
    }
    Ok(None)
}

fn facts(text: &str) -> Result<Facts, String> {
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

fn data(name: &str, member: &mut dyn Read, folder: &Path, visit: &mut Visit<'_>) -> Result<(), String> {
    let damaged = |error: io::Error| format!("its data.tar is damaged: {error}");
    let (reader, allowance) = Bounded::new(decompressed(name, member)?);
    let mut archive = tar::Archive::new(reader);
    let mut entries = archive.entries().map_err(damaged)?;
    let mut budget = contents::Budget::default();
    loop {
        allowance.set(LARGEST_HEADER);
        let Some(entry) = entries.next() else { return Ok(()) };
        allowance.set(u64::MAX);
        let mut entry = entry.map_err(damaged)?;
        budget.spend(entry.size())?;
        let header = entry.header();
        let mode = header.mode().map_err(damaged)? & 0o7777;
        let is_root = header.uid().map_err(damaged)? == 0 && header.gid().map_err(damaged)? == 0;
        let kind = match header.entry_type() {
            tar::EntryType::Directory => EntryKind::Folder,
            tar::EntryType::Symlink => EntryKind::Symlink,
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => EntryKind::File,
            tar::EntryType::Link => EntryKind::HardLink,
            tar::EntryType::XGlobalHeader => {
                io::copy(&mut entry, &mut io::sink()).map_err(damaged)?;
                continue;
            }
            _ => EntryKind::Special,
        };
        let path = entry.path_bytes().into_owned();
        let path = path.strip_prefix(b"./").unwrap_or(&path);
        let looked = match kind {
            EntryKind::File => elf::look(&mut entry, folder).map_err(damaged)?,
            _ => elf::Looked::NoElf,
        };
        io::copy(&mut entry, &mut io::sink()).map_err(damaged)?;
        visit(Entry { path: contents::absolute(path), kind, mode, is_root, is_ghost: false, looked });
    }
}
