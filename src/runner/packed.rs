//! Caches of builds on this host: of each recipe and target one file, which holds what the last good build left. It is
//! replaced as a whole, by a rename; of two runs the one that ends last wins.
//!
//! ```text
//! <cache>/build-caches/pond@debian-12-amd64-<key>      a line that says what follows, and a tar, compressed
//! ```
//!
//! What comes out of a container is hostile, and goes into another one: of it only regular files and folders below the
//! caches' own folder are kept, with no other bits in their modes than those of a plain file, and no more than there is
//! room for.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::outcome::is_disk_full;
use crate::cache::touch;
use crate::packaging::{BUILD_UID, CACHES_ROOT};
use crate::stream::{self, Bounded, ByteStream, Hashing, Summing};
use crate::types::CacheUse;

/// To be raised when what lies there has another shape, or another place in the container.
const FORMAT: &str = "farm build cache 1";
/// `FORMAT environment digest`, and a line's end: as long in every file.
const HEAD: usize = FORMAT.len() + 2 * (1 + 64) + 1;
/// ccache is told to keep half of it.
const MOST_BYTES: u64 = 2 << 30;
const MOST_FILES: u64 = 500_000;
/// A name or an extended header that is longer is none that a tool writes.
const LARGEST_HEADER: u64 = 64 << 10;
/// Objects are compressed already: what is left is worth no more time.
const LEVEL: i32 = 1;

/// What a cache can hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
}

impl Room {
    pub(crate) const USUAL: Room = Room { bytes: MOST_BYTES, files: MOST_FILES };
}

/// The place of one recipe's and target's cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    folder: PathBuf,
    path: PathBuf,
    /// A digest of what it is built in: what was kept in another environment is of no use.
    environment: String,
}

/// What lies at a place.
#[derive(Debug)]
pub(crate) enum Kept {
    Nothing,
    /// It was left in another environment than the one that is asked for.
    Outdated,
    /// It is not what was written, and removed now. Holds the reason.
    Damaged(String),
    Whole(Packed),
}

/// A cache that was read to its end just now, and is what was written.
#[derive(Debug)]
pub(crate) struct Packed(File);

/// A cache that becomes the one of its place when [`Pending::keep`] is called, and otherwise is gone.
#[derive(Debug)]
pub(crate) struct Pending {
    file: NamedTempFile,
    path: PathBuf,
}

/// What a job has of caches.
#[derive(Debug, Default)]
pub(crate) struct JobCaches {
    /// To be kept if the packages are accepted.
    pub(crate) pending: Option<Pending>,
    pub(crate) uses: Vec<CacheUse>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum PackError {
    #[error("it has more than {} MiB or {} files", .0.bytes >> 20, .0.files)]
    TooLarge(Room),
    #[error("it cannot be read: {0}")]
    Stream(#[source] io::Error),
    #[error("{} cannot be written: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl PackError {
    /// The disk of this host, where that is what it is.
    pub(crate) fn is_disk_full(&self) -> bool {
        matches!(self, PackError::Io { source, .. } if is_disk_full(source.kind()))
    }
}

impl Place {
    /// `recipe` is where the recipe lies: another project of the same name has another cache. `environment` is what it is
    /// built in.
    pub(crate) fn new(caches: &Path, recipe: &Path, target: &str, environment: &str) -> Place {
        let mut key = Sha256::new();
        for part in [recipe.as_os_str().as_encoded_bytes(), target.as_bytes()] {
            key.update((part.len() as u64).to_le_bytes());
            key.update(part);
        }
        Place {
            folder: caches.to_owned(),
            // For people, who see it in what is to be removed.
            path: caches.join(format!("{}-{}", target.replace('/', "-"), &hex::encode(key.finalize())[..32])),
            environment: hex::encode(Sha256::digest(environment)),
        }
    }

    /// Reads what lies here to its end. Blocking.
    pub(crate) fn open(&self) -> Kept {
        match self.read() {
            Ok(kept) => kept,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::Nothing,
            Err(error) => self.damaged(error.to_string()),
        }
    }

    fn read(&self) -> io::Result<Kept> {
        let mut file = File::open(&self.path)?;
        touch(&self.path);
        let mut head = [0; HEAD];
        if let Err(error) = file.read_exact(&mut head) {
            return Ok(self.damaged(error.to_string()));
        }
        let Some((environment, digest)) = parse(&head) else {
            return Ok(self.damaged("it does not begin as farm writes it".to_owned()));
        };
        if environment != self.environment {
            return Ok(Kept::Outdated);
        }
        if Hashing::new(BufReader::with_capacity(1 << 20, &mut file)).finish()? != digest {
            return Ok(self.damaged("its digest is another".to_owned()));
        }
        file.seek(SeekFrom::Start(HEAD as u64))?;
        Ok(Kept::Whole(Packed(file)))
    }

    fn damaged(&self, reason: String) -> Kept {
        // Where it cannot be removed, the next good build writes over it.
        let _ = fs::remove_file(&self.path);
        Kept::Damaged(reason)
    }

    /// Packs `tar`, which a build controls and whose entries lie below one folder. Blocking.
    pub(crate) fn pack(&self, tar: impl Read, room: Room) -> Result<Pending, PackError> {
        let failed = |source| PackError::Io { path: self.folder.clone(), source };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.folder).map_err(failed)?;
        file.write_all(&[b' '; HEAD]).map_err(failed)?;
        let sum = Summing::new(BufWriter::with_capacity(1 << 20, file.as_file_mut()));
        let packed = zstd::Encoder::new(sum, LEVEL).map_err(failed)?;
        let Summing { mut inner, hasher } = select(tar, packed, room, failed)?.finish().map_err(failed)?;
        inner.flush().map_err(failed)?;
        drop(inner);
        let head = format!("{FORMAT} {} {}\n", self.environment, hex::encode(hasher.finalize()));
        file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(head.as_bytes())).map_err(failed)?;
        Ok(Pending { file, path: self.path.clone() })
    }
}

impl Packed {
    /// A tar stream to be unpacked at `/`.
    pub(crate) fn stream(self) -> ByteStream {
        stream::from_writer(move |out| {
            let mut tar = zstd::Decoder::new(BufReader::with_capacity(1 << 20, self.0))?;
            io::copy(&mut tar, out).map(drop)
        })
    }
}

impl Pending {
    /// Puts it where the next build looks. Blocking.
    pub(crate) fn keep(self) -> Result<(), PackError> {
        let Pending { file, path } = self;
        file.persist(&path).map(drop).map_err(|error| PackError::Io { path, source: error.error })
    }
}

/// Environment and digest.
fn parse(head: &[u8; HEAD]) -> Option<(&str, &str)> {
    let rest = std::str::from_utf8(head).ok()?.strip_prefix(FORMAT)?.strip_prefix(' ')?.strip_suffix('\n')?;
    rest.split_once(' ').filter(|(environment, digest)| environment.len() == 64 && digest.len() == 64)
}

/// Writes what may be kept of a build's tar, as it is to be unpacked at `/`.
fn select<W: Write>(
    tar: impl Read,
    out: W,
    room: Room,
    failed: impl Fn(io::Error) -> PackError,
) -> Result<W, PackError> {
    let mut packed = tar::Builder::new(out);
    let top = CACHES_ROOT.trim_start_matches('/');
    for (end, _) in top.match_indices('/').chain(std::iter::once((top.len(), ""))) {
        let folder = format!("{}/", &top[..end]);
        packed.append_data(&mut header(true, 0, 0, 0), folder, io::empty()).map_err(&failed)?;
    }
    let (reader, allowance) = Bounded::new(tar);
    let mut archive = tar::Archive::new(reader);
    let mut entries = archive.entries().map_err(PackError::Stream)?;
    let mut left = room;
    loop {
        allowance.set(LARGEST_HEADER);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(PackError::Stream)?;
        allowance.set(u64::MAX);
        let kind = entry.header().entry_type();
        let Some(name) = inner_name(&entry.path_bytes()).filter(|_| kind.is_dir() || kind.is_file()) else { continue };
        if stream::has_pax_sparse(&mut entry) {
            continue;
        }
        let size = if kind.is_file() { entry.size() } else { 0 };
        // Each takes room of its own, however small it is.
        let (Some(files), Some(bytes)) = (left.files.checked_sub(1), left.bytes.checked_sub(size.saturating_add(512)))
        else {
            return Err(PackError::TooLarge(room));
        };
        left = Room { files, bytes };
        let (mode, time) = (entry.header().mode().unwrap_or(0), entry.header().mtime().unwrap_or(0));
        let mut header = header(kind.is_dir(), size, mode, time);
        let name = format!("{top}/{name}{}", if kind.is_dir() { "/" } else { "" });
        if kind.is_dir() {
            packed.append_data(&mut header, name, io::empty()).map_err(&failed)?;
            continue;
        }
        // Told apart: whose fault an error is.
        let mut broken = None;
        let content = Noting { inner: &mut entry, broken: &mut broken };
        let written = packed.append_data(&mut header, name, content);
        match (broken, written) {
            (Some(error), _) => return Err(PackError::Stream(error)),
            (None, written) => written.map_err(&failed)?,
        }
    }
    packed.into_inner().map_err(failed)
}

/// The name below the folder that all entries lie in; none of what is not a plain path below it.
fn inner_name(path: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(path).ok()?;
    let mut parts = text.split('/').filter(|part| !part.is_empty() && *part != ".");
    let top = parts.next()?;
    let rest: Vec<&str> = parts.collect();
    let plain = |part: &&str| *part != ".." && !part.chars().any(char::is_control);
    (top != ".." && !rest.is_empty() && rest.iter().all(plain)).then(|| rest.join("/"))
}

fn header(is_folder: bool, size: u64, mode: u32, time: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(if is_folder { tar::EntryType::Directory } else { tar::EntryType::Regular });
    header.set_size(size);
    header.set_mode(if is_folder || mode & 0o100 != 0 { 0o755 } else { 0o644 });
    header.set_uid(BUILD_UID.into());
    header.set_gid(BUILD_UID.into());
    // Tools drop first what they have not used for long.
    header.set_mtime(u32::try_from(time).unwrap_or(0).into());
    header
}

/// A reader that leaves a note of its own errors.
struct Noting<'a, R> {
    inner: R,
    broken: &'a mut Option<io::Error>,
}

impl<R: Read> Read for Noting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                *self.broken = Some(io::Error::new(error.kind(), error.to_string()));
            }
        })
    }
}

#[cfg(test)]
#[path = "packed/tests.rs"]
mod tests;
