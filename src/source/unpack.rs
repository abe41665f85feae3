//! One file that was fetched -> entries of the tree. What it is, its content says, never its name.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::layout::{Destination, Layout};
use super::tree::{FIXED_TIME, TreeWriter, refused, tree_name};
use super::{SourceError, zip};
use crate::recipe::Source;
use crate::stream::{self, Bounded};

/// What one entry's own description may take: GNU tar's longest names and generous extended headers.
const LARGEST_HEADER: u64 = 4 << 20;

/// Bytes that any archive may unpack to.
const FREE: u64 = 1 << 30;
/// How often an archive's own size it may unpack to beyond that: text compresses to a twentieth, logs of one line to a
/// hundredth. What compresses better is one byte over and over: a bomb, or the image of an empty disk.
const RATIO: u64 = 200;

/// Adds an archive's entries, or the file itself when it is none.
///
/// `origin` names it in errors; `file_name` is its name in the tree when it is a single file.
pub(super) fn add_file(
    tree: &mut TreeWriter<'_>,
    path: &Path,
    (origin, file_name, executable): (&str, &str, bool),
    source: &Source,
) -> Result<(), SourceError> {
    let io = |source| SourceError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let mut reader = BufReader::with_capacity(128 * 1024, file);
    let start = reader.fill_buf().map_err(io)?;
    let budget = size.saturating_mul(RATIO).saturating_add(FREE);
    tree.allow(budget);
    let mut layout = Layout::of(source);
    let added = if start.starts_with(zip::MAGIC) {
        zip::add_zip(tree, reader.into_inner(), origin, &mut layout)
    } else {
        // What cannot be decompressed is not our concern: it is copied as it is, like any other single file.
        match stream::decompressed(reader).and_then(stream::tar_from_beginning) {
            Ok(Some(archive)) => {
                // What headers and padding take is little beside that.
                let bounded = Budget { inner: archive, left: budget.saturating_add(FREE), cancel: tree.cancel() };
                add_tar(tree, bounded, origin, &mut layout)
            }
            Ok(None) | Err(_) => {
                tree.allow(u64::MAX);
                return copy_file(tree, path, (origin, file_name, executable), &source.into);
            }
        }
    };
    tree.allow(u64::MAX);
    match added {
        Ok(()) => layout.finish(tree, origin),
        // Two files of one name, say, are what comes of the missing folder.
        Err(SourceError::Archive { .. }) if layout.problem(origin).is_some() => layout.finish(tree, origin),
        Err(error) => Err(error),
    }
}

/// Adds a file as it is, archive or not.
pub(super) fn copy_file(
    tree: &mut TreeWriter<'_>,
    path: &Path,
    (origin, file_name, executable): (&str, &str, bool),
    into: &str,
) -> Result<(), SourceError> {
    let io = |source| SourceError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let name = tree_name(into, file_name.as_bytes(), 0).map_err(|reason| refused(origin, reason))?;
    let name = name.ok_or_else(|| refused(origin, "has no file name".to_owned()))?;
    tree.file(origin, &name, (size, executable, FIXED_TIME), file)
}

/// Adds the entries of a tar in their order.
pub(super) fn add_tar(
    tree: &mut TreeWriter<'_>,
    reader: impl Read,
    origin: &str,
    layout: &mut Layout<'_>,
) -> Result<(), SourceError> {
    let cancel = tree.cancel().clone();
    let bad = |error: io::Error| match cancel.is_cancelled() {
        true => SourceError::Cancelled,
        false => refused(origin, format!("is a damaged archive: {error}")),
    };
    let (reader, allowance) = Bounded::new(reader);
    let mut archive = tar::Archive::new(reader);
    let mut entries = archive.entries().map_err(bad)?;
    loop {
        allowance.set(LARGEST_HEADER);
        let Some(entry) = entries.next() else { return Ok(()) };
        allowance.set(u64::MAX);
        let mut entry = entry.map_err(bad)?;
        let kind = entry.header().entry_type();
        if kind.is_pax_global_extensions() {
            io::copy(&mut entry, &mut io::sink()).map_err(bad)?;
            continue;
        }
        if stream::has_pax_sparse(&mut entry) {
            return Err(refused(origin, "has sparse files in the pax format, which farm does not unpack".to_owned()));
        }
        let raw_name = entry.path_bytes().into_owned();
        let place = layout.place(&raw_name, kind.is_dir()).map_err(|reason| refused(origin, reason))?;
        let Destination::At(name) = place else {
            if kind.is_gnu_sparse() {
                tree.pass_over(origin, entry.size())?;
            }
            io::copy(&mut entry, &mut io::sink()).map_err(bad)?;
            continue;
        };
        let header = entry.header();
        let time = stream::field(header.mtime(), &header.as_old().mtime).map_err(bad)?;
        let time = i64::try_from(time).unwrap_or(0);
        let link = entry.link_name_bytes().map(|link| link.into_owned()).unwrap_or_default();
        match kind {
            tar::EntryType::Directory => tree.folder(origin, &name, time)?,
            tar::EntryType::Symlink => tree.symlink(origin, &name, &link, time)?,
            tar::EntryType::Link => {
                let target = layout.target(&link).map_err(|reason| refused(origin, reason))?;
                let target =
                    target.ok_or_else(|| refused(origin, "has a hard link to what is stripped from it".to_owned()))?;
                tree.hard_link(origin, &name, &target, time)?;
            }
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => {
                let executable = entry.header().mode().map_err(bad)? & 0o111 != 0;
                let size = entry.size();
                tree.file(origin, &name, (size, executable, time), &mut entry)?;
            }
            other => {
                let reason = format!("{} is no file, folder or link (tar type {:?})", super::tree::shown(&name), other);
                return Err(refused(origin, reason));
            }
        }
        io::copy(&mut entry, &mut io::sink()).map_err(bad)?;
    }
}

/// Ends what unpacks to more than it may, and at once when nobody waits for it any more.
struct Budget<'a, R> {
    inner: R,
    left: u64,
    cancel: &'a CancellationToken,
}

impl<R: Read> Read for Budget<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let n = self.inner.read(buffer)?;
        self.left =
            self.left.checked_sub(n as u64).ok_or_else(|| io::Error::other("it unpacks to far more than it is"))?;
        Ok(n)
    }
}
