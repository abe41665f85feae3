//! Layers as one root file system: which entry of which layer is the one that counts (OCI image specification, "Changeset"),
//! and the tar of those. Names are kept in memory, contents never.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::opened::{Failure, Layer, Opened};
use crate::stream::{self, Bounded};
use crate::types::printable;

/// Room for a header with its long names; more is no archive of files.
const LARGEST_HEADER: u64 = 1 << 20;
const BUFFER: usize = 128 << 10;
/// Files of an image, whose names stand in memory: a large desktop has half a million.
const MOST_FILES: usize = 5_000_000;
/// File systems that an engine mounts by itself: what an export has below them is that of another machine.
const MOUNTED: [&[u8]; 3] = [b"dev", b"proc", b"sys"];
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// The one extended attribute that is content; overlayfs obeys others, and none of those may come from a file.
const CAPABILITIES: &str = "SCHILY.xattr.security.capability";

/// What an image does not have of the file that it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Device nodes, wherever they were.
    pub(crate) devices: usize,
    /// Files below `/dev`, `/proc` and `/sys`.
    pub(crate) mounted: usize,
}

/// An entry by its layer and its number in that.
type EntryIndex = (usize, usize);

/// What came of all layers.
#[derive(Debug)]
pub(super) struct Merged {
    /// The names that an entry has in the end: several for a file with hard links.
    names: HashMap<EntryIndex, Vec<Vec<u8>>>,
    /// Of each layer, as it was read.
    pub(super) diff_ids: Vec<String>,
    pub(super) left_out: LeftOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Node {
    entry: EntryIndex,
    is_folder: bool,
}

pub(super) fn merge(opened: &Opened, cancel: &CancellationToken) -> Result<Merged, Failure> {
    let mut all: BTreeMap<Vec<u8>, Node> = BTreeMap::new();
    let mut left_out = LeftOut::default();
    let mut diff_ids = Vec::new();
    for (number, layer) in opened.layers.iter().enumerate() {
        let mut own: BTreeMap<Vec<u8>, Node> = BTreeMap::new();
        let (mut hidden, mut opaque) = (Vec::new(), Vec::new());
        let diff_id = walk(layer, cancel, |index, name, entry| {
            let kind = entry.header().entry_type();
            if is_mounted(&name) {
                left_out.mounted += 1;
                return Ok(());
            }
            let (folder, last) = split(&name);
            if last.starts_with(WHITEOUT) {
                if opened.plain {
                    return Err(invalid("this is a name of an image's layer, not of a root file system"));
                }
                match last {
                    OPAQUE => opaque.push(folder.to_vec()),
                    // Other names of this form were aufs's own.
                    _ if last.starts_with(b".wh..wh.") => {}
                    _ if matches!(&last[WHITEOUT.len()..], b"" | b"." | b"..") => {
                        return Err(invalid("it takes away what is no file"));
                    }
                    _ => hidden.push(join(folder, &last[WHITEOUT.len()..])),
                }
                return Ok(());
            }
            let node = match kind {
                _ if kind.is_character_special() || kind.is_block_special() => {
                    left_out.devices += 1;
                    return Ok(());
                }
                tar::EntryType::Link => {
                    let target = entry.link_name_bytes().ok_or_else(|| invalid("a link to nothing"))?;
                    let target = plain(&target)?;
                    match own.get(&target).or_else(|| all.get(&target)) {
                        Some(node) if !node.is_folder => *node,
                        // A device that was left out, or a file below /dev.
                        None if is_mounted(&target) => return Ok(()),
                        _ => return Err(invalid(format!("a link to {}, which is no file before it", shown(&target)))),
                    }
                }
                _ if name.is_empty() && !kind.is_dir() => return Err(invalid("the root is no folder")),
                tar::EntryType::Directory => Node { entry: (number, index), is_folder: true },
                tar::EntryType::Regular
                | tar::EntryType::Continuous
                | tar::EntryType::GNUSparse
                | tar::EntryType::Symlink
                | tar::EntryType::Fifo => Node { entry: (number, index), is_folder: false },
                other => {
                    return Err(invalid(format!("an entry of an unknown kind ({:?})", char::from(other.as_byte()))));
                }
            };
            if own.len() >= MOST_FILES {
                return Err(invalid(format!("more than {MOST_FILES} files")));
            }
            put(&mut own, name, node);
            Ok(())
        })?;
        if let Some(wanted) = layer.diff_id.as_ref().filter(|wanted| **wanted != diff_id) {
            return Err(Failure::unfit(format!("one of its layers is {diff_id}, and the image says {wanted}")));
        }
        diff_ids.push(diff_id);
        // What a layer takes away is of those below it.
        for name in hidden {
            all.remove(&name);
            remove_below(&mut all, &name);
        }
        for folder in opaque {
            remove_below(&mut all, &folder);
        }
        for (name, node) in own {
            // A file below what was no folder makes it one.
            let mut above = split(&name).0;
            while !above.is_empty() {
                if all.get(above).is_some_and(|node| !node.is_folder && node.entry.0 != number) {
                    all.remove(above);
                }
                above = split(above).0;
            }
            put(&mut all, name, node);
        }
    }
    if !all.values().any(|node| !node.is_folder) {
        return Err(Failure::unfit("there is no file in it"));
    }
    let mut names: HashMap<EntryIndex, Vec<Vec<u8>>> = HashMap::new();
    for (name, node) in all {
        names.entry(node.entry).or_default().push(name);
    }
    Ok(Merged { names, diff_ids, left_out })
}

/// The last one under a name counts, and what is no folder has nothing below it.
fn put(all: &mut BTreeMap<Vec<u8>, Node>, name: Vec<u8>, node: Node) {
    let former = all.insert(name.clone(), node);
    if !node.is_folder && former.is_some_and(|former| former.is_folder) {
        remove_below(all, &name);
    }
}

fn remove_below(all: &mut BTreeMap<Vec<u8>, Node>, folder: &[u8]) {
    let prefix = if folder.is_empty() { Vec::new() } else { [folder, b"/"].concat() };
    let below: Vec<Vec<u8>> = all
        .range(prefix.clone()..)
        .map(|(name, _)| name)
        .take_while(|name| name.starts_with(&prefix))
        .cloned()
        .collect();
    for name in below.iter().filter(|name| !name.is_empty()) {
        all.remove(name);
    }
}

/// Writes what counts, in the order of the layers: a folder's own entry may follow what is in it.
///
/// # Errors
/// When the file is another one than it was, beside all that can go wrong with writing.
pub(super) fn write(
    opened: &Opened,
    merged: &Merged,
    tar: &mut tar::Builder<&mut dyn Write>,
    cancel: &CancellationToken,
) -> io::Result<()> {
    for (number, (layer, read_before)) in opened.layers.iter().zip(&merged.diff_ids).enumerate() {
        let again = walk(layer, cancel, |index, _, entry| {
            let Some(names) = merged.names.get(&(number, index)) else { return Ok(()) };
            let (first, others) = names.split_first().ok_or_else(|| invalid("it has no name"))?;
            let described = header_of(entry)?;
            append(tar, entry, first, &described)?;
            for other in others {
                // Some engines give the file what the header of its last name says.
                let mut header = described.clone();
                header.set_entry_type(tar::EntryType::Link);
                header.set_size(0);
                tar.append_link(&mut header, OsStr::from_bytes(other), OsStr::from_bytes(first))?;
            }
            Ok(())
        });
        match again {
            Ok(again) if again == *read_before => {}
            Ok(_) => return Err(io::Error::other("it was changed while it was read")),
            Err(Failure::Unfit(reason)) => return Err(io::Error::other(reason)),
            Err(Failure::Cancelled) => return Err(io::ErrorKind::Interrupted.into()),
        }
    }
    Ok(())
}

/// Kind, mode, owner and time of an entry; no name and no size.
fn header_of<R: Read>(entry: &tar::Entry<'_, R>) -> io::Result<tar::Header> {
    let old = entry.header();
    let raw = old.as_old();
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(match old.entry_type() {
        tar::EntryType::Continuous | tar::EntryType::GNUSparse => tar::EntryType::Regular,
        kind => kind,
    });
    header.set_mode(stream::field(old.mode().map(u64::from), &raw.mode)? as u32 & 0o7777);
    header.set_uid(stream::field(old.uid(), &raw.uid)?);
    header.set_gid(stream::field(old.gid(), &raw.gid)?);
    header.set_mtime(stream::field(old.mtime(), &raw.mtime)?);
    header.set_size(0);
    Ok(header)
}

fn append<R: Read>(
    tar: &mut tar::Builder<&mut dyn Write>,
    entry: &mut tar::Entry<'_, R>,
    name: &[u8],
    described: &tar::Header,
) -> io::Result<()> {
    let capabilities = capabilities(entry)?;
    let mut header = described.clone();
    let kind = header.entry_type();
    match kind {
        tar::EntryType::Symlink => {
            let target = entry.link_name_bytes().ok_or_else(|| invalid("a link to nothing"))?.into_owned();
            tar.append_link(&mut header, OsStr::from_bytes(name), OsStr::from_bytes(&target))
        }
        tar::EntryType::Directory => {
            let folder = if name.is_empty() { b"./".to_vec() } else { [name, b"/"].concat() };
            tar.append_data(&mut header, OsStr::from_bytes(&folder), io::empty())
        }
        tar::EntryType::Regular => {
            if let Some(capabilities) = &capabilities {
                tar.append_pax_extensions([(CAPABILITIES, capabilities.as_slice())])?;
            }
            header.set_size(entry.size());
            tar.append_data(&mut header, OsStr::from_bytes(name), entry)
        }
        _ => tar.append_data(&mut header, OsStr::from_bytes(name), io::empty()),
    }
}

fn capabilities<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<Option<Vec<u8>>> {
    let Some(extensions) = entry.pax_extensions()? else { return Ok(None) };
    let found = extensions.flatten().find(|extension| extension.key_bytes() == CAPABILITIES.as_bytes());
    Ok(found.map(|extension| extension.value_bytes().to_vec()))
}

/// Calls `each` with the entries of a layer and their numbers, and returns the digest of its uncompressed tar.
fn walk(
    layer: &Layer,
    cancel: &CancellationToken,
    mut each: impl FnMut(usize, Vec<u8>, &mut tar::Entry<'_, &mut dyn Read>) -> io::Result<()>,
) -> Result<String, Failure> {
    let reader = layer.source.open().map_err(Failure::from)?;
    let plain_tar = stream::decompressed(BufReader::with_capacity(BUFFER, reader))?;
    let mut hashing = Hashing { inner: plain_tar, digest: Sha256::new(), cancel: cancel.clone() };
    let walked = entries(&mut hashing, &mut each);
    if cancel.is_cancelled() {
        return Err(Failure::Cancelled);
    }
    walked?;
    // Blocks of zeros that fill the last record.
    io::copy(&mut hashing, &mut io::sink())?;
    Ok(format!("sha256:{}", hex::encode(hashing.digest.finalize())))
}

/// What is done with each entry of a layer: its number, its path, and itself.
type Each<'a> = &'a mut dyn FnMut(usize, Vec<u8>, &mut tar::Entry<'_, &mut dyn Read>) -> io::Result<()>;

fn entries(reader: &mut dyn Read, each: Each<'_>) -> io::Result<()> {
    let (mut bounded, allowance) = Bounded::new(reader);
    let bounded: &mut dyn Read = &mut bounded;
    let mut archive = tar::Archive::new(bounded);
    let mut entries = archive.entries()?;
    let mut index = 0;
    loop {
        allowance.set(LARGEST_HEADER);
        let Some(entry) = entries.next() else { return Ok(()) };
        let mut entry = entry?;
        allowance.set(u64::MAX);
        let written = entry.path_bytes().into_owned();
        let kind = entry.header().entry_type();
        // Global headers (git archive) and volume names say nothing of a file.
        if !kind.is_pax_global_extensions() && kind.as_byte() != b'V' {
            let mut work = |entry: &mut tar::Entry<'_, _>| {
                if stream::has_pax_sparse(entry) {
                    return Err(invalid("it is sparse in the pax format: make the tar without --sparse"));
                }
                each(index, plain(&written)?, entry)
            };
            work(&mut entry).map_err(|error| match error.kind() {
                io::ErrorKind::BrokenPipe => error,
                kind => io::Error::new(kind, format!("{}: {error}", shown(&written))),
            })?;
        }
        index += 1;
        // What is left of its content is no part of the next header.
        io::copy(&mut entry, &mut io::sink())?;
    }
}

struct Hashing<'a> {
    inner: Box<dyn Read + 'a>,
    digest: Sha256,
    cancel: CancellationToken,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let n = self.inner.read(buffer)?;
        self.digest.update(&buffer[..n]);
        Ok(n)
    }
}

fn is_mounted(name: &[u8]) -> bool {
    MOUNTED.iter().any(|folder| name.strip_prefix(*folder).is_some_and(|rest| rest.starts_with(b"/")))
}

/// The folder and the last part of a name.
fn split(name: &[u8]) -> (&[u8], &[u8]) {
    match name.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&name[..at], &name[at + 1..]),
        None => (b"", name),
    }
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}

/// A name in an archive, from the root: no `.`, and none that leads up.
pub(super) fn plain(name: &[u8]) -> io::Result<Vec<u8>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(invalid("a name that leads out of the root file system")),
            part => parts.push(part),
        }
    }
    Ok(parts.join(&b'/'))
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

fn shown(name: &[u8]) -> String {
    printable(&String::from_utf8_lossy(name))
}
