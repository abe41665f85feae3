//! Prepared sources on their way into a container: tar streams to be unpacked at `/`, and single files out of a tree.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use super::tree::{FIXED_TIME, header, os_path};
use super::{Prepared, PreparedFile, PreparedPatch, SourceError, prepared};
use crate::stream::{self, ByteStream};

/// Of a prepared tree: many jobs read one at the same time.
const BUFFER: usize = 32 * 1024;

/// In which shape sources are uploaded. Folders and paths are absolute, in the container; folders on the way are part
/// of the stream and belong to the same user, so they must lie in a place of that user's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Upload {
    /// The tree, below `folder`.
    Tree { folder: String },
    /// One uncompressed tar at `path`, in which the tree lies below the folder `top`, owned by root.
    Tarball { path: String, top: String },
    /// Every source as it was fetched, in `folder`, and the tree, below `tree`.
    Originals { folder: String, tree: String },
    /// The patches, under [`super::PreparedPatch::name`], in `folder`.
    Patches { folder: String },
}

/// A tar stream that, unpacked at `/`, puts the sources where `what` says, owned by `uid`:`uid`.
pub(crate) fn upload(prepared: &Prepared, what: Upload, uid: u32) -> ByteStream {
    match what {
        Upload::Tree { folder } => tree_stream(prepared, &folder, uid),
        Upload::Tarball { path, top } => tarball_stream(prepared, &path, &top, uid),
        Upload::Originals { folder, tree } => originals_stream(prepared, &folder, &tree, uid),
        Upload::Patches { folder } => patches_stream(prepared, &folder, uid),
    }
}

/// [`Upload::Tree`]
pub(crate) fn tree_stream(prepared: &Prepared, prefix: &str, uid: u32) -> ByteStream {
    let (tree, prefix) = (Tree::of(prepared), prefix.to_owned());
    stream::from_tar(move |tar| {
        append_folders(tar, &prefix, uid)?;
        append_tree(tar, &tree, &prefix, uid)
    })
}

/// [`Upload::Tarball`]
pub(crate) fn tarball_stream(prepared: &Prepared, path: &str, top: &str, uid: u32) -> ByteStream {
    let (tree, path, top) = (Tree::of(prepared), path.to_owned(), top.to_owned());
    stream::from_tar(move |tar| {
        append_folders(tar, parent(&path), uid)?;
        // The size stands before the content, so it is counted first: without reading the contents, only seeking.
        let size = write_tarball(&mut io::sink(), &tree, &top, false)?;
        append_header(tar, &path, uid, size, FIXED_TIME)?;
        let written = write_tarball(tar.get_mut(), &tree, &top, true)?;
        if written != size {
            return Err(io::Error::other(format!("{} changed while it was read", tree.path.display())));
        }
        pad(tar.get_mut(), size)
    })
}

/// [`Upload::Originals`]
pub(crate) fn originals_stream(prepared: &Prepared, folder: &str, tree: &str, uid: u32) -> ByteStream {
    files_stream(prepared, prepared.originals.clone(), folder, Some(tree), uid, FIXED_TIME)
}

/// [`Upload::Patches`]
pub(crate) fn patches_stream(prepared: &Prepared, folder: &str, uid: u32) -> ByteStream {
    let file = |patch: &PreparedPatch| PreparedFile {
        name: patch.name.clone(),
        path: patch.path.clone(),
        sha256: patch.sha256.clone(),
    };
    // They go into source packages, which have the time of what is newest.
    files_stream(prepared, prepared.patches.iter().map(file).collect(), folder, None, uid, prepared.newest)
}

/// Files in `folder`, and the whole tree below another one where it is wanted.
fn files_stream(
    prepared: &Prepared,
    files: Vec<PreparedFile>,
    folder: &str,
    whole: Option<&str>,
    uid: u32,
    time: i64,
) -> ByteStream {
    let (tree, folder, whole) = (Tree::of(prepared), folder.to_owned(), whole.map(str::to_owned));
    stream::from_tar(move |tar| {
        append_folders(tar, &folder, uid)?;
        for PreparedFile { name, path, sha256 } in &files {
            let size = std::fs::metadata(path)?.len();
            append_header(tar, &format!("{folder}/{name}"), uid, size, time)?;
            let mut file = prepared::open(path)?;
            if io::copy(&mut (&mut file).take(size), tar.get_mut())? != size || file.finish()? != *sha256 {
                return Err(damaged(path, &tree.path));
            }
            pad(tar.get_mut(), size)?;
        }
        match &whole {
            None => Ok(()),
            Some(whole) => {
                append_folders(tar, whole, uid)?;
                append_tree(tar, &tree, whole, uid)
            }
        }
    })
}

/// The tree of prepared sources, and what it must hold.
struct Tree {
    path: PathBuf,
    sha256: String,
}

impl Tree {
    fn of(prepared: &Prepared) -> Tree {
        Tree { path: prepared.tree.clone(), sha256: prepared.digest.clone() }
    }
}

/// What is read is not what was made: whoever has got the beginning of it must not take it for the whole.
fn damaged(path: &Path, tree: &Path) -> io::Error {
    prepared::disown(tree);
    io::Error::other(format!(
        "{} is not what farm made: it is damaged, and the next build makes it anew",
        path.display()
    ))
}

/// One regular file of a prepared tree, at most `limit` bytes; `None` when there is none at `path`. Links to files of
/// the tree are followed.
///
/// # Errors
/// When the tree cannot be read, or the file is larger.
pub(crate) fn read_file(prepared: &Prepared, path: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
    let failed = |source| SourceError::Io { path: prepared.tree.clone(), source };
    let mut wanted = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/");
    // As many links as Linux follows.
    for _ in 0..40 {
        match find(&Tree::of(prepared), wanted.as_bytes(), limit).map_err(failed)? {
            Seen::Nothing => return Ok(None),
            Seen::Content(content) => return Ok(Some(content)),
            Seen::TooLarge(size) => {
                let reason = format!("has {size} bytes, more than the {limit} that are read of such a file");
                return Err(SourceError::Archive { name: path.to_owned(), reason });
            }
            Seen::Link(target) => wanted = target,
        }
    }
    Ok(None)
}

enum Seen {
    Nothing,
    Content(Vec<u8>),
    TooLarge(u64),
    /// Where it leads, from the tree's top.
    Link(String),
}

/// Reads the whole tree, as only the whole has a hash.
fn find(tree: &Tree, wanted: &[u8], limit: u64) -> io::Result<Seen> {
    let mut archive = tar::Archive::new(BufReader::with_capacity(BUFFER, prepared::open(&tree.path)?));
    let mut seen = Seen::Nothing;
    for entry in archive.entries()? {
        let entry = entry?;
        if entry.path_bytes().as_ref() == wanted {
            seen = see(entry, wanted, limit)?;
            break;
        }
    }
    if archive.into_inner().into_inner().finish()? != tree.sha256 {
        return Err(damaged(&tree.path, &tree.path));
    }
    Ok(seen)
}

fn see(entry: tar::Entry<'_, impl Read>, wanted: &[u8], limit: u64) -> io::Result<Seen> {
    let link = entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned()).unwrap_or_default();
    Ok(match entry.header().entry_type() {
        tar::EntryType::Regular if entry.size() > limit => Seen::TooLarge(entry.size()),
        tar::EntryType::Regular => {
            let mut content = Vec::new();
            entry.take(limit).read_to_end(&mut content)?;
            Seen::Content(content)
        }
        tar::EntryType::Link => Seen::Link(link),
        // What an absolute one leads to is no file of the tree.
        tar::EntryType::Symlink if !link.starts_with('/') => {
            let mut parts: Vec<&[u8]> = wanted.split(|byte| *byte == b'/').collect();
            parts.pop();
            for part in link.split('/') {
                match part {
                    "" | "." => {}
                    ".." if parts.is_empty() => return Ok(Seen::Nothing),
                    ".." => drop(parts.pop()),
                    part => parts.push(part.as_bytes()),
                }
            }
            Seen::Link(String::from_utf8_lossy(&parts.join(&b'/')).into_owned())
        }
        _ => Seen::Nothing,
    })
}

/// Writes a whole tar with the tree below `top`; without `content` only says how large it is. Returns its size.
fn write_tarball(out: &mut dyn Write, tree: &Tree, top: &str, content: bool) -> io::Result<u64> {
    let mut counting = Counting { inner: out, count: 0 };
    let mut tar = tar::Builder::new(&mut counting as &mut dyn Write);
    append_folders(&mut tar, top, 0)?;
    let mut left_out = 0;
    if content {
        append_tree(&mut tar, tree, top, 0)?;
    } else {
        let mut archive = tar::Archive::new(BufReader::with_capacity(BUFFER, File::open(&tree.path)?));
        for entry in archive.entries_with_seek()? {
            left_out += append_entry(&mut tar, &mut entry?, top, 0, false)?;
        }
    }
    tar.finish()?;
    drop(tar);
    Ok(counting.count + left_out)
}

/// Appends the entries of a prepared tree below `prefix`.
fn append_tree(tar: &mut tar::Builder<&mut dyn Write>, tree: &Tree, prefix: &str, uid: u32) -> io::Result<()> {
    let mut archive = tar::Archive::new(BufReader::with_capacity(BUFFER, prepared::open(&tree.path)?));
    for entry in archive.entries()? {
        append_entry(tar, &mut entry?, prefix, uid, true)?;
    }
    if archive.into_inner().into_inner().finish()? != tree.sha256 {
        return Err(damaged(&tree.path, &tree.path));
    }
    Ok(())
}

/// Appends an entry below `prefix`. Without `content`, only its header is written; returns the bytes that its content and
/// padding would have taken.
fn append_entry(
    tar: &mut tar::Builder<&mut dyn Write>,
    entry: &mut tar::Entry<'_, impl Read>,
    prefix: &str,
    uid: u32,
    content: bool,
) -> io::Result<u64> {
    let kind = entry.header().entry_type();
    let size = entry.size();
    let time = i64::try_from(entry.header().mtime()?).unwrap_or(0);
    let mut header = header(kind, size, entry.header().mode()?, time);
    header.set_uid(uid.into());
    header.set_gid(uid.into());
    let name = os_path(&below(prefix, &entry.path_bytes()));
    let link = entry.link_name_bytes().map(|link| link.into_owned()).unwrap_or_default();
    match kind {
        tar::EntryType::Symlink => tar.append_link(&mut header, name, os_path(&link))?,
        tar::EntryType::Link => tar.append_link(&mut header, name, os_path(&below(prefix, &link)))?,
        tar::EntryType::Regular if !content => {
            tar.append_data(&mut header, name, io::empty())?;
            return Ok(size.next_multiple_of(512));
        }
        _ => tar.append_data(&mut header, name, entry)?,
    }
    Ok(0)
}

/// Appends the folder and all above it.
fn append_folders(tar: &mut tar::Builder<&mut dyn Write>, folder: &str, uid: u32) -> io::Result<()> {
    let mut name = Vec::new();
    for part in folder.split('/').filter(|part| !part.is_empty()) {
        name.extend_from_slice(part.as_bytes());
        name.push(b'/');
        let mut header = header(tar::EntryType::Directory, 0, 0o755, FIXED_TIME);
        header.set_uid(uid.into());
        header.set_gid(uid.into());
        tar.append_data(&mut header, os_path(&name), io::empty())?;
    }
    Ok(())
}

/// Appends the header of a file whose `size` bytes, and [`pad`], the caller writes next.
fn append_header(tar: &mut tar::Builder<&mut dyn Write>, path: &str, uid: u32, size: u64, time: i64) -> io::Result<()> {
    let mut header = header(tar::EntryType::Regular, size, 0o644, time);
    header.set_uid(uid.into());
    header.set_gid(uid.into());
    tar.append_data(&mut header, os_path(&below("", path.as_bytes())), io::empty())
}

fn pad(out: &mut dyn Write, size: u64) -> io::Result<()> {
    let padding = size.next_multiple_of(512) - size;
    out.write_all(&vec![0; usize::try_from(padding).unwrap_or(0)])
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Relative, as names in a tar are.
fn below(prefix: &str, name: &[u8]) -> Vec<u8> {
    let prefix = prefix.trim_matches('/').as_bytes();
    let name = name.strip_prefix(b"/").unwrap_or(name);
    if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
}

struct Counting<'a> {
    inner: &'a mut dyn Write,
    count: u64,
}

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.count += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
