//! Checks .rpm files in one pass: lead, signature and header, as `formats::rpm` reads them, then the payload as a stream. The
//! `rpm` crate's own reader would keep that whole in memory.

mod payload;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use ::rpm::{FileFlags, FileType, IndexTag, PackageMetadata};
use md5::{Digest, Md5};
use sha2::Sha256;

use super::RpmHeader;
use super::contents::{EntryKind, Facts, PackagedFile, Start, Visit};
use crate::formats;
use crate::formats::compression::decompressed;
use crate::formats::elf::{Depth, Looked};
use crate::formats::rpm::Headers;
use crate::stream::guard;
use crate::types::{Format, printable};

/// A file of a header, with what its payload has to be.
struct Listed {
    entry: PackagedFile,
    /// With the kind of file.
    mode: u16,
    /// Files with the same device and inode are one.
    identity: Option<(u32, u32)>,
    /// Whether the payload has its content here: of hard links, only the last has.
    has_content: bool,
    /// Bytes in the payload.
    payload_size: u64,
    /// Hex, of the kind that FILEDIGESTALGO says.
    digest: Option<String>,
}

/// Reads a package; every file that its header lists goes to `visit`, its ELF files read as `depth` says.
///
/// # Errors
/// A sentence about what is wrong with it.
pub(super) fn read(path: &Path, depth: Depth, visit: &mut Visit<'_>) -> Result<Facts, String> {
    let mut reader =
        BufReader::with_capacity(128 * 1024, guard::watched(File::open(path).map_err(|error| error.to_string())?));
    let Headers { metadata, bytes, md5, size, .. } = formats::rpm::read(&mut reader)?;
    let facts = facts(&metadata)?;
    let mut files = listed(&metadata)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let compressor = text(&metadata, IndexTag::RPMTAG_PAYLOADCOMPRESSOR).unwrap_or_default();
    let format = text(&metadata, IndexTag::RPMTAG_PAYLOADFORMAT).unwrap_or_default();
    if !matches!(format.as_str(), "" | "cpio") {
        return Err(format!("its payload is of the unknown format `{}`", printable(&format)));
    }
    let algorithm = metadata.header.get_entry_data_as_u32(IndexTag::RPMTAG_FILEDIGESTALGO).unwrap_or(1);
    let expected = payload_digest(&metadata)?;
    // Gone from what is held while the payload streams by.
    drop(metadata);
    let mut measured = Measured { reader: &mut reader, sha256: Sha256::new(), md5: None, size: 0 };
    if md5.is_some() {
        measured.md5 = Some(Md5::new_with_prefix(&bytes));
    }
    {
        let mut content = decompressed(&compressor, &mut measured)?;
        payload::read(&mut content, &mut files, algorithm, (folder, depth))?;
    }
    // Nothing follows what is compressed; of what is not, that was all.
    io::copy(&mut measured, &mut io::sink()).map_err(|error| error.to_string())?;
    let Measured { sha256, md5: sum, size: payload_size, .. } = measured;
    if size.is_some_and(|size| size != bytes.len() as u64 + payload_size) {
        return Err("the size in its signature is not that of its header and payload".to_owned());
    }
    if expected.is_some_and(|expected| expected != hex::encode(sha256.finalize())) {
        return Err("the digest of its payload is not the one in its header".to_owned());
    }
    if let (Some(expected), Some(sum)) = (md5, sum)
        && sum.finalize()[..] != expected
    {
        return Err("the MD5 in its signature is not that of its header and payload".to_owned());
    }
    for entry in linked(files)? {
        visit(entry);
    }
    Ok(facts)
}

/// Hashes and counts what is read through it.
struct Measured<'a> {
    reader: &'a mut dyn Read,
    sha256: Sha256,
    md5: Option<Md5>,
    size: u64,
}

impl Read for Measured<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.sha256.update(&buffer[..count]);
        if let Some(md5) = &mut self.md5 {
            md5.update(&buffer[..count]);
        }
        self.size += count as u64;
        Ok(count)
    }
}

/// Hex, and always of SHA256 in what farm reads: rpm has made no other kind for packages of version 4.
fn payload_digest(metadata: &PackageMetadata) -> Result<Option<String>, String> {
    let digests = metadata.header.get_entry_data_as_string_array(IndexTag::RPMTAG_PAYLOADSHA256).unwrap_or_default();
    let algorithm = metadata.header.get_entry_data_as_u32(IndexTag::RPMTAG_PAYLOADSHA256ALGO).unwrap_or(8);
    match digests[..] {
        [] => Ok(None),
        [digest] if algorithm == 8 => Ok(Some(digest.to_owned())),
        _ => Err("its header has digests of the payload of a kind that farm does not know".to_owned()),
    }
}

/// Only what the header says.
pub(super) fn describe(path: &Path) -> Result<Facts, String> {
    let mut reader = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    facts(&formats::rpm::read(&mut reader)?.metadata)
}

/// As [`describe`], with the files that others may require by their paths.
pub(super) fn describe_with_programs(path: &Path) -> Result<(Facts, Vec<String>), String> {
    let mut reader = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    let metadata = formats::rpm::read(&mut reader)?.metadata;
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
    let mut programs: Vec<String> = listed(&metadata)?
        .into_iter()
        .filter_map(|file| String::from_utf8(file.entry.path).ok())
        .filter(|path| is_primary_file(path))
        .collect();
    programs.sort_unstable();
    Ok((facts, programs))
}

/// The whole header, and where it is.
pub(super) fn header(path: &Path) -> Result<RpmHeader, String> {
    let mut reader = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    let Headers { metadata, range, .. } = formats::rpm::read(&mut reader)?;
    Ok(RpmHeader { metadata, range })
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
        scripts: SCRIPTS
            .iter()
            .filter(|(_, tags)| tags.iter().any(|tag| metadata.header.entry_is_present(*tag)))
            .map(|(name, _)| (*name).to_owned())
            .collect(),
        source: metadata.get_source_rpm().ok().and_then(source_name),
    })
}

/// The name in that of a source package's file: `hello` of `hello-2.10-1.src.rpm`.
fn source_name(file_name: &str) -> Option<String> {
    let mut parts = file_name.rsplitn(3, '-');
    let (_, _) = (parts.next()?, parts.next()?);
    Some(parts.next()?.to_owned())
}

/// Scriptlets and triggers by the tags of their texts and of their programs, either of which makes rpm run something.
const SCRIPTS: &[(&str, [IndexTag; 2])] = &[
    ("pre", [IndexTag::RPMTAG_PREIN, IndexTag::RPMTAG_PREINPROG]),
    ("post", [IndexTag::RPMTAG_POSTIN, IndexTag::RPMTAG_POSTINPROG]),
    ("preun", [IndexTag::RPMTAG_PREUN, IndexTag::RPMTAG_PREUNPROG]),
    ("postun", [IndexTag::RPMTAG_POSTUN, IndexTag::RPMTAG_POSTUNPROG]),
    ("pretrans", [IndexTag::RPMTAG_PRETRANS, IndexTag::RPMTAG_PRETRANSPROG]),
    ("posttrans", [IndexTag::RPMTAG_POSTTRANS, IndexTag::RPMTAG_POSTTRANSPROG]),
    ("preuntrans", [IndexTag::RPMTAG_PREUNTRANS, IndexTag::RPMTAG_PREUNTRANSPROG]),
    ("postuntrans", [IndexTag::RPMTAG_POSTUNTRANS, IndexTag::RPMTAG_POSTUNTRANSPROG]),
    ("verifyscript", [IndexTag::RPMTAG_VERIFYSCRIPT, IndexTag::RPMTAG_VERIFYSCRIPTPROG]),
    ("trigger", [IndexTag::RPMTAG_TRIGGERSCRIPTS, IndexTag::RPMTAG_TRIGGERNAME]),
    ("filetrigger", [IndexTag::RPMTAG_FILETRIGGERSCRIPTS, IndexTag::RPMTAG_FILETRIGGERNAME]),
    ("transfiletrigger", [IndexTag::RPMTAG_TRANSFILETRIGGERSCRIPTS, IndexTag::RPMTAG_TRANSFILETRIGGERNAME]),
];

/// What the header lists.
fn listed(metadata: &PackageMetadata) -> Result<Vec<Listed>, String> {
    let files = metadata.get_file_entries();
    let files = files.map_err(|error| format!("its list of files is damaged: {}", printable(&error.to_string())))?;
    let numbers = |tag| metadata.header.get_entry_data_as_u32_array(tag).unwrap_or_default();
    let (inodes, devices) = (numbers(IndexTag::RPMTAG_FILEINODES), numbers(IndexTag::RPMTAG_FILEDEVICES));
    let is_source = metadata.is_source_package();
    let mut all = Vec::with_capacity(files.len());
    for (at, file) in files.into_iter().enumerate() {
        let kind = match file.file_type() {
            FileType::Regular => EntryKind::File,
            FileType::Dir => EntryKind::Folder,
            FileType::SymbolicLink => EntryKind::Symlink,
            _ => EntryKind::Special,
        };
        let (folder, name) = (file.dirname(), file.basename());
        // The root itself has an empty name.
        let is_folder = if is_source { folder.is_empty() } else { folder.starts_with('/') && folder.ends_with('/') };
        let is_name = !name.contains('/') && (!name.is_empty() || folder == "/");
        if !is_folder || !is_name {
            let path = printable(&format!("{folder}{name}"));
            return Err(format!("its header lists {path}, which is no name of a file in a folder"));
        }
        let is_ghost = file.flags().contains(FileFlags::GHOST);
        let mode = u16::from(file.mode());
        let entry = PackagedFile {
            path: format!("{}{folder}{name}", if is_source { "/" } else { "" }).into_bytes(),
            kind,
            mode: u32::from(mode & 0o7777),
            owner: file.user().to_owned(),
            group: file.group().to_owned(),
            link: file.linkto().filter(|_| kind == EntryKind::Symlink).unwrap_or_default().as_bytes().to_vec(),
            size: if kind == EntryKind::File { file.size() as u64 } else { 0 },
            sha256: None,
            unpacked: None,
            is_config: file.flags().contains(FileFlags::CONFIG),
            capabilities: file.caps().unwrap_or_default().to_owned(),
            is_ghost,
            looked: Looked::NoElf,
            start: Start::Other,
        };
        let identity = match (devices.get(at), inodes.get(at)) {
            (Some(device), Some(inode)) if kind == EntryKind::File && !is_ghost => Some((*device, *inode)),
            _ => None,
        };
        let payload_size = match kind {
            EntryKind::File | EntryKind::Symlink => file.size() as u64,
            _ => 0,
        };
        let digest = file.digest().map(|digest| digest.as_hex().to_owned());
        let has_content = kind == EntryKind::File && !is_ghost;
        all.push(Listed { entry, mode, identity, has_content, payload_size, digest });
    }
    // Of hard links, only the last has content.
    let mut seen = HashMap::new();
    for at in (0..all.len()).rev() {
        if let Some(identity) = all[at].identity
            && seen.insert(identity, at).is_some()
        {
            (all[at].has_content, all[at].payload_size) = (false, 0);
        }
    }
    Ok(all)
}

/// The entries, hard links as such.
///
/// # Errors
/// When the header says different things of what is one file.
fn linked(files: Vec<Listed>) -> Result<Vec<PackagedFile>, String> {
    let mut with_content: HashMap<(u32, u32), Listed> = HashMap::new();
    let (mut entries, mut groups) = (Vec::with_capacity(files.len()), Vec::with_capacity(files.len()));
    for file in files {
        groups.push(file.identity);
        entries.push(file.entry.clone());
        if let Some(identity) = file.identity.filter(|_| file.has_content) {
            with_content.insert(identity, file);
        }
    }
    let mut first: HashMap<(u32, u32), Vec<u8>> = HashMap::new();
    for (entry, identity) in entries.iter_mut().zip(groups) {
        let Some((identity, file)) = identity.and_then(|identity| Some((identity, with_content.get(&identity)?)))
        else {
            continue;
        };
        let same = |entry: &PackagedFile| {
            (entry.mode, entry.owner.clone(), entry.group.clone(), entry.size, entry.capabilities.clone())
        };
        if same(entry) != same(&file.entry) {
            let path = |entry: &PackagedFile| printable(&String::from_utf8_lossy(&entry.path));
            let (one, other) = (path(entry), path(&file.entry));
            return Err(format!("{one} and {other} are one file in its header, with different modes, owners or sizes"));
        }
        entry.sha256 = file.entry.sha256;
        entry.unpacked = file.entry.unpacked;
        match first.get(&identity) {
            Some(target) => {
                (entry.kind, entry.link) = (EntryKind::HardLink, target.clone());
                (entry.looked, entry.start) = (Looked::NoElf, Start::Other);
            }
            None => {
                first.insert(identity, entry.path.clone());
                (entry.looked, entry.start) = (file.entry.looked.clone(), file.entry.start.clone());
            }
        }
    }
    Ok(entries)
}

/// Whether a file of an RPM is named in the main part of an index, where it is found without asking for all files:
/// programs, and configuration.
pub(crate) fn is_primary_file(path: &str) -> bool {
    path.contains("bin/") || path.starts_with("/etc/") || path == "/usr/lib/sendmail"
}
