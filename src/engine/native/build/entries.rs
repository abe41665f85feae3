//! Tar streams between containers: what one gives is read entry by entry and, under other names, owners and modes, given
//! to another. Nothing of it is trusted: a name that leads out of where it should go ends the stream with an error.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::engine::native::container::NativeContainer;
use crate::engine::{Container, EngineError, GuestPath};
use crate::stream::{self, Bounded, ByteStream, field};
use crate::types::printable;

/// Room for a header with its long names; more is no archive of files.
const LARGEST_HEADER: u64 = 1 << 20;
const BUFFER: usize = 128 << 10;
/// Names that a wildcard may find.
const MOST_NAMES: usize = 100_000;

type Tar<'a> = tar::Builder<&'a mut dyn Write>;

/// What becomes of entries on their way.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// Where they go: an absolute path that takes the place of the name of what was downloaded.
    pub(super) to: String,
    /// In place of their own.
    pub(super) owner: Option<(u32, u32)>,
    pub(super) mode: Option<u32>,
    /// Not the entry of the folder itself, but what is in it.
    pub(super) contents: bool,
}

impl Change {
    /// The new name of what was `rest` of the old one.
    fn name(&self, rest: &[u8]) -> Vec<u8> {
        let to = self.to.trim_start_matches('/').as_bytes();
        match (to.is_empty(), rest.is_empty()) {
            (_, true) => to.to_vec(),
            (true, false) => rest.to_vec(),
            (false, false) => [to, b"/", rest].concat(),
        }
    }
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// A name in an archive: no root, no `.`; none that leads up.
fn plain(name: &[u8]) -> io::Result<Vec<u8>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(invalid(format!("{}: a name that leads up", shown(name)))),
            part => parts.push(part),
        }
    }
    Ok(parts.join(&b'/'))
}

fn shown(name: &[u8]) -> String {
    printable(&String::from_utf8_lossy(name))
}

/// Calls `each` with the entries of a tar until that says that it has enough.
fn walk<R: Read>(
    reader: R,
    mut each: impl FnMut(&[u8], &mut tar::Entry<'_, Bounded<R>>) -> io::Result<bool>,
) -> io::Result<()> {
    let (reader, allowance) = Bounded::new(reader);
    let mut archive = tar::Archive::new(reader);
    let mut entries = archive.entries()?;
    loop {
        allowance.set(LARGEST_HEADER);
        let Some(entry) = entries.next() else { return Ok(()) };
        allowance.set(u64::MAX);
        let mut entry = entry?;
        let name = entry.path_bytes().into_owned();
        if !entry.header().entry_type().is_pax_global_extensions() && !each(&plain(&name)?, &mut entry)? {
            return Ok(());
        }
        // What is left of its content is no part of the next header.
        io::copy(&mut entry, &mut io::sink())?;
    }
}

/// What a download begins with, and what is done with it on a thread that may wait. None where nothing is at the path.
async fn read<T: Send + 'static>(
    container: &NativeContainer,
    path: &GuestPath,
    work: impl FnOnce(&mut dyn Read) -> io::Result<T> + Send + 'static,
) -> Result<Option<T>, EngineError> {
    let input = match container.download(path).await {
        Ok(input) => input,
        Err(EngineError::NoSuchPath(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut reader = stream::into_reader(input);
    let read = tokio::task::spawn_blocking(move || work(&mut reader)).await.map_err(io::Error::other).flatten();
    read.map(Some).map_err(|error| match error.kind() {
        // What is there is not what a Dockerfile may count on.
        io::ErrorKind::InvalidData => EngineError::Build { reason: format!("{path}: {error}") },
        _ => EngineError::Lost { action: format!("read {path}"), reason: error.to_string() },
    })
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileKind {
    File,
    Folder,
    Link(String),
    Other,
}

pub(super) async fn kind(container: &NativeContainer, path: &GuestPath) -> Result<Option<FileKind>, EngineError> {
    let look = |reader: &mut dyn Read| {
        let mut kind = FileKind::Other;
        walk(reader, |_, entry| {
            let link = || entry.link_name_bytes().unwrap_or(Cow::Borrowed(b"")).into_owned();
            kind = match entry.header().entry_type() {
                tar::EntryType::Directory => FileKind::Folder,
                tar::EntryType::Regular => FileKind::File,
                tar::EntryType::Symlink => FileKind::Link(
                    String::from_utf8(link()).map_err(|_| invalid("a link whose target is not UTF-8 text"))?,
                ),
                _ => FileKind::Other,
            };
            Ok(false)
        })?;
        Ok(kind)
    };
    read(container, path, look).await
}

/// The content of a file that is no larger than said; none where there is no file.
pub(super) async fn file(
    container: &NativeContainer,
    path: &GuestPath,
    largest: u64,
) -> Result<Option<Vec<u8>>, EngineError> {
    let content = read(container, path, move |reader| {
        let mut content = None;
        walk(reader, |_, entry| {
            if entry.header().entry_type() == tar::EntryType::Regular {
                if entry.size() > largest {
                    return Err(invalid(format!("it is larger than {largest} bytes")));
                }
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                content = Some(bytes);
            }
            Ok(false)
        })?;
        Ok(content)
    });
    Ok(content.await?.flatten())
}

/// The names below a folder, relative to it, that have as many parts as `depth` and that `wanted` takes.
pub(super) async fn names(
    container: &NativeContainer,
    folder: &GuestPath,
    depth: usize,
    wanted: impl Fn(&str) -> bool + Send + 'static,
) -> Result<Vec<String>, EngineError> {
    let found = read(container, folder, move |reader| {
        let mut found = Vec::new();
        walk(reader, |name, _| {
            let Ok(name) = std::str::from_utf8(name) else { return Ok(true) };
            let Some((_, rest)) = name.split_once('/') else { return Ok(true) };
            if rest.split('/').count() == depth && wanted(rest) {
                found.push(rest.to_owned());
            }
            if found.len() > MOST_NAMES { Err(invalid("too many files have such a name")) } else { Ok(true) }
        })?;
        Ok(found)
    });
    Ok(found.await?.unwrap_or_default())
}

/// Whether a file is a tar, compressed or not. What cannot be decompressed is none.
pub(super) async fn is_archive(container: &NativeContainer, path: &GuestPath) -> Result<bool, EngineError> {
    let found = read(container, path, |reader| {
        let mut is_archive = false;
        walk(reader, |_, entry| {
            is_archive = archive(entry).is_ok_and(|archive| archive.is_some());
            Ok(false)
        })?;
        Ok(is_archive)
    });
    Ok(found.await?.unwrap_or_default())
}

fn archive<'a>(entry: &'a mut impl Read) -> io::Result<Option<Box<dyn Read + 'a>>> {
    stream::decompressed(BufReader::with_capacity(BUFFER, entry)).and_then(stream::tar_from_beginning)
}

/// What was downloaded, changed.
pub(super) fn changed(input: ByteStream, change: Change) -> ByteStream {
    let reader = stream::into_reader(input);
    stream::from_tar(move |tar| {
        walk(reader, |name, entry| {
            // The first part is the name of what was asked for.
            let rest = |name: &[u8]| name.iter().position(|byte| *byte == b'/').map(|at| name[at + 1..].to_vec());
            let inside = rest(name).unwrap_or_default();
            if inside.is_empty() && change.contents {
                return Ok(true);
            }
            let twin = match entry.header().entry_type() {
                tar::EntryType::Link => {
                    let target = entry.link_name_bytes().unwrap_or(Cow::Borrowed(b"")).into_owned();
                    Some(change.name(&rest(&plain(&target)?).unwrap_or_default()))
                }
                _ => None,
            };
            append(tar, entry, &change.name(&inside), twin, &change)?;
            Ok(true)
        })
    })
}

/// What is in an archive that was downloaded as a file, changed.
pub(super) fn unpacked(input: ByteStream, change: Change) -> ByteStream {
    let reader = stream::into_reader(input);
    stream::from_tar(move |tar| {
        walk(reader, |name, entry| {
            let origin = shown(name);
            let archive = archive(entry)?.ok_or_else(|| invalid(format!("{origin}: it is no archive any more")))?;
            walk(archive, |name, entry| {
                if stream::has_pax_sparse(entry) {
                    return Err(invalid(format!("{origin}: {}: sparse in the pax format", shown(name))));
                }
                let twin = match entry.header().entry_type() {
                    tar::EntryType::Link => {
                        let target = entry.link_name_bytes().unwrap_or(Cow::Borrowed(b"")).into_owned();
                        Some(change.name(&plain(&target)?))
                    }
                    _ => None,
                };
                if !name.is_empty() {
                    append(tar, entry, &change.name(name), twin, &change)?;
                }
                Ok(true)
            })?;
            Ok(false)
        })
    })
}

/// One file with this content.
pub(super) fn text(content: String, change: Change) -> ByteStream {
    stream::from_tar(move |tar| {
        let mut header =
            header(tar::EntryType::Regular, change.mode.unwrap_or(0o644), change.owner.unwrap_or_default());
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, OsStr::from_bytes(&change.name(b"")), content.as_bytes())
    })
}

/// One folder.
pub(super) fn folder(path: &str, owner: (u32, u32)) -> ByteStream {
    let name = format!("{}/", path.trim_matches('/'));
    stream::from_tar(move |tar| {
        tar.append_data(&mut header(tar::EntryType::Directory, 0o755, owner), name, io::empty())
    })
}

fn header(kind: tar::EntryType, mode: u32, owner: (u32, u32)) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(u64::from(owner.0));
    header.set_gid(u64::from(owner.1));
    header.set_mtime(u64::try_from(chrono::Utc::now().timestamp()).unwrap_or_default());
    header.set_size(0);
    header
}

/// What a container has mounted (`sandbox`): an image holds none of it, and nothing can be put there. Root file systems as
/// people export them have files of another machine in these places.
fn is_mounted(name: &[u8]) -> bool {
    const FOLDERS: [&[u8]; 3] = [b"dev", b"proc", b"sys"];
    const FILES: [&[u8]; 3] = [b"etc/hosts", b"etc/hostname", b"etc/resolv.conf"];
    let below = |folder: &&[u8]| name.strip_prefix(*folder).is_some_and(|rest| rest.is_empty() || rest[0] == b'/');
    FOLDERS.iter().any(below) || FILES.contains(&name)
}

/// `twin`: the new name of the file that a hard link is another name of.
fn append<R: Read>(
    tar: &mut Tar<'_>,
    entry: &mut tar::Entry<'_, R>,
    name: &[u8],
    twin: Option<Vec<u8>>,
    change: &Change,
) -> io::Result<()> {
    if is_mounted(name) || twin.as_deref().is_some_and(is_mounted) {
        return Ok(());
    }
    let old = entry.header();
    let kind = match old.entry_type() {
        tar::EntryType::Continuous | tar::EntryType::GNUSparse => tar::EntryType::Regular,
        kind => kind,
    };
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    let raw = old.as_old();
    let mode = field(old.mode().map(u64::from), &raw.mode)? as u32 & 0o7777;
    header.set_mode(change.mode.unwrap_or(mode));
    let owner = change.owner.map(|(user, group)| (u64::from(user), u64::from(group)));
    header.set_uid(owner.map_or_else(|| field(old.uid(), &raw.uid), |(user, _)| Ok(user))?);
    header.set_gid(owner.map_or_else(|| field(old.gid(), &raw.gid), |(_, group)| Ok(group))?);
    header.set_mtime(field(old.mtime(), &raw.mtime)?);
    header.set_size(0);
    let path = Path::new(OsStr::from_bytes(name));
    match kind {
        tar::EntryType::Link => tar.append_link(&mut header, path, OsStr::from_bytes(&twin.unwrap_or_default())),
        tar::EntryType::Symlink => {
            let target = entry.link_name_bytes().unwrap_or(Cow::Borrowed(b"")).into_owned();
            tar.append_link(&mut header, path, OsStr::from_bytes(&target))
        }
        tar::EntryType::Regular => {
            header.set_size(entry.size());
            tar.append_data(&mut header, path, entry)
        }
        tar::EntryType::Directory => {
            let mut folder = name.to_vec();
            folder.push(b'/');
            tar.append_data(&mut header, OsStr::from_bytes(&folder), io::empty())
        }
        tar::EntryType::Fifo => tar.append_data(&mut header, path, io::empty()),
        // Devices and sockets are no content.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_put_where_a_container_has_mounts() {
        for name in ["dev", "dev/null", "sys/kernel/x", "proc", "etc/hosts", "etc/hostname", "etc/resolv.conf"] {
            assert!(is_mounted(name.as_bytes()), "{name}");
        }
        for name in ["", "device", "srv/dev/null", "etc", "etc/hosts.allow", "etc/hosts/x", "system"] {
            assert!(!is_mounted(name.as_bytes()), "{name}");
        }
    }
}
