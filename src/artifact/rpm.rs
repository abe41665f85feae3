//! Reads .rpm files in one pass: lead, signature, header (by the `rpm` crate), then the payload as a stream. The crate's
//! own payload reader keeps it whole in memory, so the cpio reader is ours.
//!
//! The crate trusts offsets and counts in a header; [`checked_header`] looks at them first.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::path::Path;

use ::rpm::{FileFlags, FileType, IndexTag, PackageMetadata};

use super::RpmHeader;
use super::contents::{self, Entry, EntryKind, Facts, Visit};
use super::elf::{self, Looked};
use crate::types::{Format, printable};

const LEAD_BYTES: usize = 96;
/// The headers of packages with 100,000 files take about 20 MB.
const LARGEST_HEADER: u32 = 32 << 20;
/// Real packages have about a hundred.
const MOST_TAGS: u32 = 1024;
/// PATH_MAX, and what stands before and after a name.
const LONGEST_NAME: u64 = 4096 + 8;

/// Reads a package; every file that its header lists goes to `visit`.
///
/// # Errors
/// A sentence about what is wrong with it.
pub(super) fn read(path: &Path, visit: &mut Visit<'_>) -> Result<Facts, String> {
    let mut reader = BufReader::with_capacity(128 * 1024, File::open(path).map_err(|error| error.to_string())?);
    let (metadata, _) = headers(&mut reader)?;
    let facts = facts(&metadata)?;
    let mut entries = entries(&metadata)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let compressor = text(&metadata, IndexTag::RPMTAG_PAYLOADCOMPRESSOR).unwrap_or_default();
    let format = text(&metadata, IndexTag::RPMTAG_PAYLOADFORMAT).unwrap_or_default();
    if !matches!(format.as_str(), "" | "cpio") {
        return Err(format!("its payload is of the unknown format `{}`", printable(&format)));
    }
    // Gone from what is held while the payload streams by.
    let sizes = stripped_sizes(&metadata, &entries);
    drop(metadata);
    let mut payload = contents::decompressed(&compressor, &mut reader)?;
    cpio(&mut payload, &mut entries, &sizes, folder)?;
    for (entry, _) in entries {
        visit(entry);
    }
    Ok(facts)
}

/// Only what the header says.
pub(super) fn describe(path: &Path) -> Result<Facts, String> {
    let mut reader = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    facts(&headers(&mut reader)?.0)
}

/// As [`describe`], with the files that others may require by their paths.
pub(super) fn describe_with_programs(path: &Path) -> Result<(Facts, Vec<String>), String> {
    let mut reader = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    let (metadata, _) = headers(&mut reader)?;
    let mut facts = facts(&metadata)?;
    // `(foo or bar)` is one capability to rpm, and each of its words one to whoever looks for what may be needed.
    facts.requires = facts
        .requires
        .into_iter()
        .flat_map(|name| match name.strip_prefix('(') {
            Some(rich) => rich.split_whitespace().map(|word| word.trim_matches(['(', ')']).to_owned()).collect(),
            None => vec![name],
        })
        .collect();
    let mut programs: Vec<String> = entries(&metadata)?
        .into_iter()
        .filter_map(|(entry, _)| String::from_utf8(entry.path).ok())
        .filter(|path| super::is_primary_file(path))
        .collect();
    programs.sort_unstable();
    Ok((facts, programs))
}

/// The whole header, and where it is.
pub(super) fn header(path: &Path) -> Result<RpmHeader, String> {
    let mut reader = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    let (metadata, range) = headers(&mut reader)?;
    Ok(RpmHeader { metadata, range })
}

/// Reads up to the payload; also says where the main header is.
fn headers(reader: &mut impl Read) -> Result<(PackageMetadata, Range<u64>), String> {
    let mut bytes = vec![0; LEAD_BYTES];
    reader.read_exact(&mut bytes).map_err(|_| "it is too short for an RPM package".to_owned())?;
    let signature = checked_header(reader, &mut bytes)?;
    // The main header begins at a multiple of eight.
    let mut padding = [0; 8];
    let padding = &mut padding[..(8 - signature % 8) % 8];
    reader.read_exact(padding).map_err(|_| "it ends after its signature".to_owned())?;
    bytes.extend_from_slice(padding);
    let start = bytes.len() as u64;
    checked_header(reader, &mut bytes)?;
    let metadata = PackageMetadata::parse(&mut bytes.as_slice())
        .map_err(|error| format!("its header is damaged: {}", printable(&error.to_string())))?;
    Ok((metadata, start..bytes.len() as u64))
}

/// Appends one header structure to `bytes` when every entry of its index lies inside its data (RPM format, "header").
/// Returns the size of the data.
fn checked_header(reader: &mut impl Read, bytes: &mut Vec<u8>) -> Result<usize, String> {
    let damaged = || "its header is damaged".to_owned();
    let short = |_| "it ends inside a header".to_owned();
    let mut intro = [0; 16];
    reader.read_exact(&mut intro).map_err(short)?;
    let number = |bytes: &[u8]| bytes.try_into().map(u32::from_be_bytes).unwrap_or(u32::MAX);
    let (count, size) = (number(&intro[8..12]), number(&intro[12..16]));
    if intro[..4] != [0x8e, 0xad, 0xe8, 1] || count == 0 || count > MOST_TAGS || size > LARGEST_HEADER {
        return Err(damaged());
    }
    let start = bytes.len() + 16;
    bytes.extend_from_slice(&intro);
    let length = u64::from(count) * 16 + u64::from(size);
    if Read::take(reader, length).read_to_end(bytes).map_err(|error| error.to_string())? as u64 != length {
        return Err(short(io::Error::from(io::ErrorKind::UnexpectedEof)));
    }
    let (index, data) = bytes[start..].split_at(count as usize * 16);
    // Entries do not overlap but for the region's own; many that share their data would multiply in memory.
    let mut claimed = 0;
    for entry in index.chunks_exact(16) {
        let (kind, offset, items) = (number(&entry[4..8]), number(&entry[8..12]), number(&entry[12..16]));
        let rest = data.get(offset as usize..).ok_or_else(damaged)?;
        let width = match kind {
            0 | 1 | 2 | 6..=9 => 1,
            3 => 2,
            4 => 4,
            5 => 8,
            _ => return Err(damaged()),
        };
        let length = (items as usize).saturating_mul(width);
        claimed += length;
        if length > rest.len() || claimed > 2 * data.len() + 4096 {
            return Err(damaged());
        }
        let is_text = matches!(kind, 6 | 8 | 9);
        if is_text && rest.iter().filter(|byte| **byte == 0).take(items as usize).count() != items as usize {
            return Err(damaged());
        }
    }
    Ok(size as usize)
}

fn text(metadata: &PackageMetadata, tag: IndexTag) -> Result<String, String> {
    metadata
        .header
        .get_entry_data_as_string(tag)
        .map(str::to_owned)
        .map_err(|error| format!("its header has no usable tag: {}", printable(&error.to_string())))
}

fn facts(metadata: &PackageMetadata) -> Result<Facts, String> {
    let damaged = |error: ::rpm::Error| format!("its header is damaged: {}", printable(&error.to_string()));
    let version = text(metadata, IndexTag::RPMTAG_VERSION)?;
    let release = text(metadata, IndexTag::RPMTAG_RELEASE)?;
    let version = match metadata.get_epoch() {
        Ok(0) | Err(_) => format!("{version}-{release}"),
        Ok(epoch) => format!("{epoch}:{version}-{release}"),
    };
    let names = |dependencies: Vec<::rpm::Dependency>| dependencies.into_iter().map(|one| one.name).collect();
    Ok(Facts {
        format: Format::Rpm,
        name: text(metadata, IndexTag::RPMTAG_NAME)?,
        version,
        architecture: text(metadata, IndexTag::RPMTAG_ARCH)?,
        is_source: metadata.is_source_package(),
        requires: names(metadata.get_requires().map_err(damaged)?),
        provides: names(metadata.get_provides().map_err(damaged)?),
    })
}

/// What the header lists, with each file's size.
fn entries(metadata: &PackageMetadata) -> Result<Vec<(Entry, u64)>, String> {
    let files = metadata.get_file_entries();
    let files = files.map_err(|error| format!("its list of files is damaged: {}", printable(&error.to_string())))?;
    let entry = |file: ::rpm::FileEntry<'_>| {
        let kind = match file.file_type() {
            FileType::Regular => EntryKind::File,
            FileType::Dir => EntryKind::Folder,
            FileType::SymbolicLink => EntryKind::Symlink,
            _ => EntryKind::Special,
        };
        let path = format!("{}{}", file.dirname(), file.basename());
        let entry = Entry {
            path: contents::absolute(path.as_bytes()),
            kind,
            mode: u32::from(file.permissions()),
            is_root: file.user() == "root" && file.group() == "root",
            is_ghost: file.flags().contains(FileFlags::GHOST),
            looked: Looked::NoElf,
        };
        (entry, file.size() as u64)
    };
    Ok(files.into_iter().map(entry).collect())
}

/// How many bytes each file has in a payload of the "stripped" format, which says no sizes itself: of hard links, only
/// the last has content.
fn stripped_sizes(metadata: &PackageMetadata, entries: &[(Entry, u64)]) -> Vec<u64> {
    let numbers = |tag| metadata.header.get_entry_data_as_u32_array(tag).unwrap_or_default();
    let (inodes, devices) = (numbers(IndexTag::RPMTAG_FILEINODES), numbers(IndexTag::RPMTAG_FILEDEVICES));
    let identity = |at: usize| Some((*devices.get(at)?, *inodes.get(at)?));
    let has_content = |entry: &Entry| entry.kind == EntryKind::File && !entry.is_ghost;
    let mut last = HashMap::new();
    for (at, (entry, _)) in entries.iter().enumerate() {
        if let Some(identity) = identity(at).filter(|_| has_content(entry)) {
            last.insert(identity, at);
        }
    }
    let is_last = |at: usize| identity(at).is_none_or(|identity| last.get(&identity) == Some(&at));
    let size = |(at, (entry, size)): (usize, &(Entry, u64))| match entry.kind {
        EntryKind::File if is_last(at) => *size,
        EntryKind::Symlink => *size,
        _ => 0,
    };
    entries.iter().enumerate().map(size).collect()
}

/// Reads the payload to its end and puts into each entry what its file turned out to be.
fn cpio(payload: &mut dyn Read, entries: &mut [(Entry, u64)], sizes: &[u64], folder: &Path) -> Result<(), String> {
    let damaged = |error: io::Error| format!("its payload is damaged: {error}");
    let by_path: HashMap<Vec<u8>, usize> =
        entries.iter().enumerate().map(|(at, (entry, _))| (entry.path.clone(), at)).collect();
    let mut budget = contents::Budget::default();
    let mut seen = vec![false; entries.len()];
    loop {
        let mut magic = [0; 6];
        payload.read_exact(&mut magic).map_err(damaged)?;
        let (at, size) = match &magic {
            b"070701" | b"070702" => {
                let (name, size) = newc_header(payload).map_err(damaged)?;
                if name == b"TRAILER!!!" {
                    break;
                }
                let path = contents::absolute(name.strip_prefix(b"./").unwrap_or(&name));
                let at = by_path.get(&path).copied();
                let shown = || printable(&String::from_utf8_lossy(&path));
                (at.ok_or_else(|| format!("its payload has {}, which its header does not list", shown()))?, size)
            }
            b"07070X" => {
                let mut index = [0; 8];
                payload.read_exact(&mut index).map_err(damaged)?;
                let at = hexadecimal(&index).map_err(damaged)? as usize;
                skip(payload, 2).map_err(damaged)?;
                (at, *sizes.get(at).ok_or("its payload has a file that its header does not list")?)
            }
            _ => return Err("its payload is damaged: no cpio header where one is expected".to_owned()),
        };
        if std::mem::replace(&mut seen[at], true) {
            return Err("its payload has a file twice".to_owned());
        }
        budget.spend(size)?;
        let mut content = Read::take(&mut *payload, size);
        let looked = match entries[at].0.kind {
            EntryKind::File => elf::look(&mut content, folder).map_err(damaged)?,
            _ => Looked::NoElf,
        };
        io::copy(&mut content, &mut io::sink()).map_err(damaged)?;
        if content.limit() != 0 {
            return Err("its payload ends inside a file".to_owned());
        }
        skip(payload, size.next_multiple_of(4) - size).map_err(damaged)?;
        entries[at].0.looked = looked;
    }
    let missing = entries.iter().zip(&seen).find(|((entry, _), seen)| !**seen && !entry.is_ghost);
    match missing {
        Some(((entry, _), _)) => {
            let path = printable(&String::from_utf8_lossy(&entry.path));
            Err(format!("its header lists {path}, which its payload does not have"))
        }
        None => Ok(()),
    }
}

/// The rest of a "new ASCII" header: name and size.
fn newc_header(payload: &mut dyn Read) -> io::Result<(Vec<u8>, u64)> {
    let mut fields = [0; 13 * 8];
    payload.read_exact(&mut fields)?;
    let field = |n: usize| hexadecimal(&fields[n * 8..(n + 1) * 8]);
    let (size, name_size) = (field(6)?, field(11)?);
    if name_size == 0 || name_size > LONGEST_NAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a name of an impossible length"));
    }
    let mut name = vec![0; usize::try_from(name_size).unwrap_or(0)];
    payload.read_exact(&mut name)?;
    while name.last() == Some(&0) {
        name.pop();
    }
    skip(payload, (110 + name_size).next_multiple_of(4) - (110 + name_size))?;
    Ok((name, size))
}

fn hexadecimal(digits: &[u8]) -> io::Result<u64> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    text.and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a number that is none"))
}

fn skip(payload: &mut dyn Read, bytes: u64) -> io::Result<()> {
    let mut padding = [0; 4];
    let most = usize::try_from(bytes).unwrap_or(usize::MAX).min(padding.len());
    payload.read_exact(&mut padding[..most])
}
