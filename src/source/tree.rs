//! Writes source trees: one uncompressed tar in which owners, modes and order no longer depend on where an entry came
//! from, and in which nothing has its place outside. Links may lead anywhere, as files of a system do; whoever unpacks the
//! tree does so without following one, as no entry lies behind a link.
//!
//! What is refused: absolute names and `..`, entries inside what is no folder (a link among them), two entries of one name, devices and sockets, more than [`LARGEST_TREE`] bytes or [`MOST_ENTRIES`] entries. Setuid bits
//! and the like are dropped: a file is executable or it is not.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::SourceError;
use crate::stream::Summing;
use crate::types::printable;

/// Bytes of all files together. The largest source trees of distributions (chromium, texlive) stay below a tenth of it.
pub(super) const LARGEST_TREE: u64 = 64 << 30;
/// Twice the entries of chromium. What a writer remembers of each is about 40 bytes.
pub(super) const MOST_ENTRIES: usize = 1_000_000;
/// PATH_MAX of Linux.
pub(super) const LONGEST_NAME: usize = 4096;
/// Time of what has none that two hosts agree on: files of the recipe's own folder, single downloads.
/// 1980-01-01, the oldest that every archive format can hold.
pub(super) const FIXED_TIME: i64 = 315_532_800;
/// What a date of packages cannot be before: rpm passes over changelogs of the years before 1990. Noon, so that it is that
/// day in every time zone of a tool.
pub(crate) const EARLIEST: i64 = 631_195_200;
/// 9999-12-31
const LATEST_TIME: i64 = 253_402_300_799;

/// What a finished tree is.
pub(super) struct Finished {
    /// Hex sha256 of the tar.
    pub(super) digest: String,
    /// As [`super::Prepared::newest`].
    pub(super) newest: i64,
    /// What people should know, as a rule's name and a sentence.
    pub(super) warnings: Vec<(String, String)>,
    /// The first of the files that only stand for others in Git LFS, and how many there are.
    pub(super) pointers: Option<(String, usize)>,
}

/// How a file begins that git keeps in place of a large one (git-lfs-pointer). Such a file is shorter than this.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
const LARGEST_LFS_POINTER: u64 = 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum EntryKind {
    Folder,
    File,
    Link,
}

/// A tree being written.
pub(super) struct TreeWriter<'a> {
    path: PathBuf,
    tar: tar::Builder<Summing<BufWriter<File>>>,
    /// By the first half of the name's sha256: names themselves could be gigabytes. With the number of the source
    /// that it came from.
    seen: HashMap<[u8; 16], (EntryKind, u32)>,
    /// Names of the sources so far.
    origins: Vec<String>,
    pointers: Option<(String, usize)>,
    warnings: Vec<(String, String)>,
    bytes: u64,
    /// What the archive of now may still unpack to.
    left: u64,
    newest: i64,
    /// Times after this one are of no use for SOURCE_DATE_EPOCH.
    now: i64,
    cancel: &'a CancellationToken,
}

impl<'a> TreeWriter<'a> {
    pub(super) fn create(path: &Path, cancel: &'a CancellationToken) -> Result<TreeWriter<'a>, SourceError> {
        let file = File::create(path).map_err(|source| SourceError::Io { path: path.to_owned(), source })?;
        let hashing = Summing::new(BufWriter::with_capacity(128 * 1024, file));
        let mut tar = tar::Builder::new(hashing);
        tar.follow_symlinks(false);
        Ok(TreeWriter {
            path: path.to_owned(),
            tar,
            seen: HashMap::new(),
            origins: Vec::new(),
            pointers: None,
            warnings: Vec::new(),
            bytes: 0,
            left: u64::MAX,
            newest: 0,
            now: chrono::Utc::now().timestamp(),
            cancel,
        })
    }

    /// What the files of the next archive may have together.
    pub(super) fn allow(&mut self, bytes: u64) {
        self.left = bytes;
    }

    pub(super) fn cancel(&self) -> &'a CancellationToken {
        self.cancel
    }

    /// Counts bytes of an archive as unpacked.
    pub(super) fn pass_over(&mut self, origin: &str, bytes: u64) -> Result<(), SourceError> {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => {
                let reason = "unpacks to far more than it is, as a bomb does: with unpack = false it is copied as it is, \
                              and a script can unpack it";
                return Err(refused(origin, reason.to_owned()));
            }
        }
        Ok(())
    }

    /// Remembers something that people should know.
    pub(super) fn warn(&mut self, rule: &str, sentence: String) {
        self.warnings.push((rule.to_owned(), printable(&sentence)));
    }

    /// Closes the tar and waits until it is on disk.
    pub(super) fn finish(self) -> Result<Finished, SourceError> {
        let path = self.path;
        let close = || {
            let mut hashing = self.tar.into_inner()?;
            hashing.flush()?;
            hashing.inner.get_ref().sync_all()?;
            Ok(hashing)
        };
        let hashing = close().map_err(|source| SourceError::Io { path, source })?;
        let newest = if self.newest == 0 { EARLIEST } else { self.newest };
        let digest = hex::encode(hashing.hasher.finalize());
        Ok(Finished { digest, newest, warnings: self.warnings, pointers: self.pointers })
    }

    /// A folder; one that is there already is no matter.
    pub(super) fn folder(&mut self, origin: &str, name: &[u8], time: i64) -> Result<(), SourceError> {
        if name.is_empty() || self.kind(name) == Some(EntryKind::Folder) {
            return Ok(());
        }
        self.admit(origin, name, EntryKind::Folder, time)?;
        self.write_folder(origin, name, time)
    }

    /// A regular file of exactly `size` bytes from `content`.
    pub(super) fn file(
        &mut self,
        origin: &str,
        name: &[u8],
        (size, executable, time): (u64, bool, i64),
        content: impl Read,
    ) -> Result<(), SourceError> {
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > LARGEST_TREE {
            return Err(refused(origin, format!("unpacks to more than {LARGEST_TREE} bytes")));
        }
        self.pass_over(origin, size)?;
        self.admit(origin, name, EntryKind::File, time)?;
        let mut content = content;
        let mut start = Vec::new();
        if size <= LARGEST_LFS_POINTER {
            (&mut content).take(size).read_to_end(&mut start).map_err(|error| self.failed(origin, error))?;
            if start.starts_with(LFS_POINTER) {
                self.pointers.get_or_insert_with(|| (shown(name), 0)).1 += 1;
            }
        }
        let content = start.as_slice().chain(content);
        let mut header = header(tar::EntryType::Regular, size, if executable { 0o755 } else { 0o644 }, time);
        let mut content = Counting { inner: content.take(size), count: 0, cancel: self.cancel };
        let written = self.tar.append_data(&mut header, os_path(name), &mut content);
        let count = content.count;
        written.map_err(|error| self.failed(origin, error))?;
        if count != size {
            return Err(refused(origin, format!("{} ends after {count} of {size} bytes", shown(name))));
        }
        Ok(())
    }

    /// A symbolic link, kept as it is wherever it leads: nothing is ever put behind one.
    pub(super) fn symlink(&mut self, origin: &str, name: &[u8], target: &[u8], time: i64) -> Result<(), SourceError> {
        if target.is_empty() || target.contains(&0) || target.len() > LONGEST_NAME {
            let reason = format!("link {} leads to a name that no file can have", shown(name));
            return Err(refused(origin, reason));
        }
        self.admit(origin, name, EntryKind::Link, time)?;
        let mut header = header(tar::EntryType::Symlink, 0, 0o777, time);
        let written = self.tar.append_link(&mut header, os_path(name), os_path(target));
        written.map_err(|error| self.failed(origin, error))
    }

    /// A hard link to a file that the tree has already.
    pub(super) fn hard_link(&mut self, origin: &str, name: &[u8], target: &[u8], time: i64) -> Result<(), SourceError> {
        if self.kind(target) != Some(EntryKind::File) {
            let reason = format!("{} is a hard link to {}, which is no file before it", shown(name), shown(target));
            return Err(refused(origin, reason));
        }
        self.admit(origin, name, EntryKind::File, time)?;
        let mut header = header(tar::EntryType::Link, 0, 0o644, time);
        let written = self.tar.append_link(&mut header, os_path(name), os_path(target));
        written.map_err(|error| self.failed(origin, error))
    }

    fn kind(&self, name: &[u8]) -> Option<EntryKind> {
        self.seen.get(&key(name)).map(|(kind, _)| *kind)
    }

    /// Remembers a name that is new and whose parents are folders; missing parents are made.
    fn admit(&mut self, origin: &str, name: &[u8], kind: EntryKind, time: i64) -> Result<(), SourceError> {
        if self.cancel.is_cancelled() {
            return Err(SourceError::Cancelled);
        }
        if name.is_empty() {
            return Err(refused(origin, "an entry has no name".to_owned()));
        }
        for end in name.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at) {
            let parent = &name[..end];
            match self.kind(parent) {
                Some(EntryKind::Folder) => {}
                Some(_) => {
                    let reason = format!("{} lies inside {}, which is no folder", shown(name), shown(parent));
                    return Err(refused(origin, reason));
                }
                None => {
                    self.remember(origin, parent, EntryKind::Folder)?;
                    self.write_folder(origin, parent, time)?;
                }
            }
        }
        self.remember(origin, name, kind)?;
        if (EARLIEST..=self.now).contains(&time) {
            self.newest = self.newest.max(time);
        }
        Ok(())
    }

    fn remember(&mut self, origin: &str, name: &[u8], kind: EntryKind) -> Result<(), SourceError> {
        if self.seen.len() >= MOST_ENTRIES {
            return Err(refused(origin, format!("has more than {MOST_ENTRIES} entries")));
        }
        if self.origins.last().is_none_or(|last| last != origin) {
            self.origins.push(origin.to_owned());
        }
        let source = u32::try_from(self.origins.len()).unwrap_or(u32::MAX);
        let Some((_, other)) = self.seen.insert(key(name), (kind, source)) else { return Ok(()) };
        let reason = match self.origins.get((other as usize).wrapping_sub(1)) {
            Some(other) if other != origin => {
                format!("{} is in the tree already, from {other}: give one of them another `into`", shown(name))
            }
            _ => format!("{} is in the tree twice", shown(name)),
        };
        Err(refused(origin, reason))
    }

    fn write_folder(&mut self, origin: &str, name: &[u8], time: i64) -> Result<(), SourceError> {
        let mut header = header(tar::EntryType::Directory, 0, 0o755, time);
        let mut name = name.to_vec();
        name.push(b'/');
        let written = self.tar.append_data(&mut header, os_path(&name), io::empty());
        written.map_err(|error| self.failed(origin, error))
    }

    /// Tells our own disk's fault, and a cancellation, from the archive's.
    fn failed(&self, origin: &str, error: io::Error) -> SourceError {
        if self.cancel.is_cancelled() {
            return SourceError::Cancelled;
        }
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                SourceError::Io { path: self.path.clone(), source: error }
            }
            _ => refused(origin, error.to_string()),
        }
    }
}

/// A name inside the tree, with `strip` leading components dropped and put below `into`: components joined by `/`.
/// `None` when nothing is left of it.
///
/// # Errors
/// A sentence, for names that lead out of the tree.
pub(super) fn tree_name(into: &str, name: &[u8], strip: u32) -> Result<Option<Vec<u8>>, String> {
    if name.first() == Some(&b'/') {
        return Err(format!("{} is an absolute name", shown(name)));
    }
    if name.len() > LONGEST_NAME || name.contains(&0) {
        return Err("an entry has a name that no file can have".to_owned());
    }
    let components = || name.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    if components().any(|part| part == b"..") {
        return Err(format!("{} leads out of the tree", shown(name)));
    }
    let kept: Vec<&[u8]> = components().skip(strip as usize).collect();
    if kept.is_empty() {
        return Ok(None);
    }
    let mut joined: Vec<&[u8]> =
        into.as_bytes().split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".").collect();
    joined.extend(kept);
    Ok(Some(joined.join(&b'/')))
}

/// Whether a link at `name` stays inside the tree. `..` may only lead: after a component that is itself a link, it
/// would go up from somewhere else than the text says.
pub(super) fn stays_inside(name: &[u8], target: &[u8]) -> bool {
    if target.is_empty() || target.first() == Some(&b'/') || target.contains(&0) || target.len() > LONGEST_NAME {
        return false;
    }
    let depth = name.iter().filter(|byte| **byte == b'/').count();
    let parts = || target.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    let up = parts().take_while(|part| *part == b"..").count();
    up <= depth && parts().skip(up).all(|part| part != b"..")
}

/// A header that depends on nothing but these.
pub(super) fn header(kind: tar::EntryType, size: u64, mode: u32, time: i64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(time.clamp(0, LATEST_TIME).unsigned_abs());
    header
}

pub(super) fn refused(origin: &str, reason: String) -> SourceError {
    SourceError::Archive { name: origin.to_owned(), reason: printable(&reason) }
}

pub(super) fn shown(name: &[u8]) -> String {
    printable(&String::from_utf8_lossy(name))
}

fn key(name: &[u8]) -> [u8; 16] {
    let digest = Sha256::digest(name);
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

#[cfg(unix)]
pub(super) fn os_path(name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(name).into()
}

#[cfg(not(unix))]
pub(super) fn os_path(name: &[u8]) -> PathBuf {
    String::from_utf8_lossy(name).into_owned().into()
}

struct Counting<'a, R> {
    inner: R,
    count: u64,
    cancel: &'a CancellationToken,
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let n = self.inner.read(buffer)?;
        self.count += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stripped_and_put_below_a_folder() {
        let name = |into, name: &str, strip| tree_name(into, name.as_bytes(), strip).map(|n| n.map(|n| shown(&n)));
        assert_eq!(name(".", "./hello-1.0//src/./a.c", 1), Ok(Some("src/a.c".to_owned())));
        assert_eq!(name("vendor/x", "a", 0), Ok(Some("vendor/x/a".to_owned())));
        assert_eq!(name(".", "hello-1.0/", 1), Ok(None));
        for bad in ["/etc/passwd", "a/../../b", "..", "a\0b"] {
            assert!(name(".", bad, 0).is_err(), "{bad}");
            assert!(name(".", bad, 2).is_err(), "{bad} is refused whatever is stripped");
        }
    }

    #[test]
    fn links_may_go_up_only_inside() {
        for (name, target) in [("a", "b"), ("a/b", "../c"), ("a/b/c", "../../d/e"), ("a", "./b/"), ("a", ".")] {
            assert!(stays_inside(name.as_bytes(), target.as_bytes()), "{name} -> {target}");
        }
        for (name, target) in
            [("a", "/etc"), ("a", "../b"), ("a/b", "../../c"), ("a", "b/.."), ("a/b", "c/../../x"), ("a", "")]
        {
            assert!(!stays_inside(name.as_bytes(), target.as_bytes()), "{name} -> {target}");
        }
    }
}
