//! One file that was fetched -> entries of the tree. What it is, its content says, never its name.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::SourceError;
use super::tree::{FIXED_TIME, TreeWriter, refused, tree_name};
use super::zip;
use crate::stream::{self, Bounded};

/// What one entry's own description may take: GNU tar's longest names and generous extended headers.
const LARGEST_HEADER: u64 = 4 << 20;

/// Adds an archive's entries, or the file itself when it is none.
///
/// `origin` names it in errors; `file_name` is its name in the tree when it is a single file.
pub(super) fn add_file(
    tree: &mut TreeWriter<'_>,
    path: &Path,
    (origin, file_name, executable): (&str, &str, bool),
    into: &str,
    strip: u32,
) -> Result<(), SourceError> {
    let io = |source| SourceError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let mut reader = BufReader::with_capacity(128 * 1024, file);
    let start = reader.fill_buf().map_err(io)?;
    if start.starts_with(zip::MAGIC) {
        return zip::add_zip(tree, reader.into_inner(), origin, into, strip);
    }
    // What cannot be decompressed is not our concern: it is copied as it is, like any other single file.
    match stream::decompressed(reader).and_then(stream::tar_from_beginning) {
        Ok(Some(archive)) => add_tar(tree, archive, origin, into, strip),
        Ok(None) | Err(_) => copy_file(tree, path, (origin, file_name, executable), into),
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
    into: &str,
    strip: u32,
) -> Result<(), SourceError> {
    let bad = |error: io::Error| refused(origin, format!("is a damaged archive: {error}"));
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
        let place = |name: &[u8]| tree_name(into, name, strip).map_err(|reason| refused(origin, reason));
        let raw_name = entry.path_bytes().into_owned();
        let Some(name) = place(&raw_name)? else {
            io::copy(&mut entry, &mut io::sink()).map_err(bad)?;
            continue;
        };
        let time = i64::try_from(entry.header().mtime().map_err(bad)?).unwrap_or(0);
        let link = entry.link_name_bytes().map(|link| link.into_owned()).unwrap_or_default();
        match kind {
            tar::EntryType::Directory => tree.folder(origin, &name, time)?,
            tar::EntryType::Symlink => tree.symlink(origin, &name, &link, time)?,
            tar::EntryType::Link => {
                let target = place(&link)?
                    .ok_or_else(|| refused(origin, "has a hard link to what is stripped from it".to_owned()))?;
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
