//! The payload of an .rpm as a stream: a cpio archive ("newc"; for more than 4 GiB rpm's own form, whose entries point into
//! the header), compressed while it is written, with the digests that the header names. What the header says of the files
//! comes in; no file stands in memory.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::distro::Payload;
use crate::formats::cpio;
use crate::stream::guard::watched;

/// As rpmbuild compresses by itself, and between size and time. zstd keeps more than half of 64 MiB from 12 on.
pub(super) const GZIP_LEVEL: u32 = 6;
pub(super) const ZSTD_LEVEL: i32 = 10;
const CHUNK: usize = 128 * 1024;

/// One file of a header.
#[derive(Debug)]
pub(super) struct PayloadFile<'a> {
    /// Absolute.
    pub(super) name: String,
    /// With the kind of file.
    pub(super) mode: u32,
    pub(super) mtime: u32,
    /// The same for hard links to each other.
    pub(super) inode: u32,
    pub(super) size: u64,
    /// A regular file's content, by number and on disk.
    pub(super) content: Option<usize>,
    pub(super) source: Option<&'a Path>,
    /// What a symbolic link points to.
    pub(super) link: Option<String>,
    /// Only in the header.
    pub(super) is_ghost: bool,
}

/// What is known of a payload once it is written.
#[derive(Debug)]
pub(super) struct Written {
    /// Compressed.
    pub(super) size: u64,
    /// As it is on disk, in hexadecimal digits.
    pub(super) sha256: String,
    /// Before compression.
    pub(super) archive_sha256: String,
    /// Of contents, by number.
    pub(super) digests: HashMap<usize, String>,
}

/// Writes the payload of `entries`, which are in the header's order, from where `out` stands. Blocks.
pub(super) fn write(
    entries: &[PayloadFile<'_>],
    is_large: bool,
    compression: Payload,
    out: &mut File,
) -> io::Result<Written> {
    let out = Digesting::new(BufWriter::with_capacity(CHUNK, out));
    match compression {
        Payload::Gzip => {
            let encoder = GzEncoder::new(out, flate2::Compression::new(GZIP_LEVEL));
            compressed(entries, is_large, encoder, GzEncoder::finish)
        }
        Payload::Zstd => {
            let encoder = zstd::stream::Encoder::new(out, ZSTD_LEVEL)?;
            compressed(entries, is_large, encoder, zstd::stream::Encoder::finish)
        }
    }
}

fn compressed<E: Write, W: Write>(
    entries: &[PayloadFile<'_>],
    is_large: bool,
    encoder: E,
    finish: impl FnOnce(E) -> io::Result<Digesting<W>>,
) -> io::Result<Written> {
    let mut archive = Digesting::new(encoder);
    let digests = archive_of(entries, is_large, &mut archive)?;
    let (encoder, archive_sha256, _) = archive.end();
    let (mut out, sha256, size) = finish(encoder)?.end();
    out.flush()?;
    Ok(Written { size, sha256, archive_sha256, digests })
}

/// In rpmbuild's order: files with hard links come last, and the last of those that are one file has the content.
fn archive_of(entries: &[PayloadFile<'_>], is_large: bool, out: &mut impl Write) -> io::Result<HashMap<usize, String>> {
    let mut counts: HashMap<u32, u32> = HashMap::new();
    let mut last: HashMap<u32, usize> = HashMap::new();
    for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| !entry.is_ghost) {
        *counts.entry(entry.inode).or_default() += 1;
        last.insert(entry.inode, index);
    }
    let links = |entry: &PayloadFile<'_>| counts.get(&entry.inode).copied().unwrap_or(1);
    let (linked, alone): (Vec<usize>, Vec<usize>) =
        (0..entries.len()).filter(|index| !entries[*index].is_ghost).partition(|index| links(&entries[*index]) > 1);
    let with_content: HashSet<usize> = last.into_values().collect();
    let mut digests = HashMap::new();
    for index in alone.into_iter().chain(linked) {
        let entry = &entries[index];
        let has_content = with_content.contains(&index);
        let size = if has_content { entry.size } else { 0 };
        match is_large {
            true => cpio::write_stripped_header(out, index)?,
            false => {
                let size = u32::try_from(size).map_err(|_| io::Error::other("a file is too large for its header"))?;
                let fields = [entry.inode, entry.mode, links(entry), entry.mtime, size];
                cpio::write_header(out, &format!(".{}", entry.name), fields)?;
            }
        }
        if let (Some(number), Some(source)) = (entry.content, entry.source.filter(|_| has_content)) {
            digests.insert(number, copy(source, entry.size, out)?);
        } else if let Some(link) = entry.link.as_ref().filter(|_| has_content) {
            out.write_all(link.as_bytes())?;
        }
        cpio::pad(out, size)?;
    }
    cpio::write_trailer(out)?;
    Ok(digests)
}

/// Copies a content and returns its digest.
fn copy(source: &Path, size: u64, out: &mut impl Write) -> io::Result<String> {
    let mut file = watched(File::open(source)?).take(size);
    let mut buffer = vec![0; CHUNK];
    let mut hasher = Sha256::new();
    let mut copied = 0;
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..count]);
        out.write_all(&buffer[..count])?;
        copied += count as u64;
    }
    if copied < size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(hex::encode(hasher.finalize()))
}

/// Digests what is written through it.
struct Digesting<W> {
    out: W,
    hasher: Sha256,
    size: u64,
}

impl<W: Write> Digesting<W> {
    fn new(out: W) -> Digesting<W> {
        Digesting { out, hasher: Sha256::new(), size: 0 }
    }

    fn end(self) -> (W, String, u64) {
        (self.out, hex::encode(self.hasher.finalize()), self.size)
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Seek;

    use super::*;

    fn entry(name: &str, inode: u32) -> PayloadFile<'_> {
        PayloadFile {
            name: name.to_owned(),
            mode: 0o100_644,
            mtime: 1,
            inode,
            size: 0,
            content: None,
            source: None,
            link: None,
            is_ghost: false,
        }
    }

    /// Of two hard links, a link, a file that is only in the header and a plain file.
    fn archive(is_large: bool) -> (Written, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("0");
        std::fs::write(&source, "hello").unwrap();
        let file = |name, inode, content| PayloadFile {
            size: 5,
            content: Some(content),
            source: Some(&source),
            ..entry(name, inode)
        };
        let entries = [
            file("/a", 1, 0),
            file("/b", 1, 0),
            PayloadFile { mode: 0o120_777, size: 1, link: Some("a".to_owned()), ..entry("/c", 3) },
            PayloadFile { is_ghost: true, ..entry("/d", 4) },
            file("/e", 5, 1),
        ];
        let mut out = tempfile::tempfile().unwrap();
        let written = write(&entries, is_large, Payload::Gzip, &mut out).unwrap();
        out.rewind().unwrap();
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).unwrap();
        assert_eq!(written.size, bytes.len() as u64);
        assert_eq!(written.sha256, hex::encode(Sha256::digest(&bytes)));
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).unwrap();
        assert_eq!(written.archive_sha256, hex::encode(Sha256::digest(&plain)));
        (written, plain)
    }

    #[test]
    fn hard_links_come_last_and_the_last_of_them_has_the_content() {
        let (written, bytes) = archive(false);
        let text = String::from_utf8(bytes).unwrap().replace('\0', ".");
        let heads: Vec<&str> = text.split("070701").skip(1).collect();
        // Inode, links and size of each, then its name and content.
        let shown: Vec<String> = heads
            .iter()
            .map(|head| format!("{} {} {} {}", &head[7..8], &head[39..40], &head[55..56], &head[104..]))
            .collect();
        assert_eq!(
            shown,
            [
                "3 1 1 ./c...a...",
                "5 1 5 ./e...hello...",
                "1 2 0 ./a...",
                "1 2 5 ./b...hello...",
                "0 1 0 TRAILER!!!...."
            ]
        );
        let hello = hex::encode(Sha256::digest("hello"));
        assert_eq!(written.digests, HashMap::from([(0, hello.clone()), (1, hello)]));
    }

    #[test]
    fn entries_of_a_large_payload_point_into_the_header() {
        let (_, bytes) = archive(true);
        let text = String::from_utf8(bytes).unwrap().replace('\0', ".");
        let (entries, trailer) = text.split_once("070701").unwrap();
        assert_eq!(entries, "07070X00000002..a...07070X00000004..hello...07070X00000000..07070X00000001..hello...");
        assert!(trailer.ends_with("TRAILER!!!...."));
    }
}
