//! What both package formats have in common for the checks: facts about the whole, and entries one at a time.

use std::io::{self, Read};
use std::path::Path;

use sha2::digest::DynDigest;
use sha2::{Digest, Sha256};

use crate::formats::elf::{self, Depth, Looked};
use crate::types::Format;

/// Bytes of all files of one package together, before compression. A small package that claims more is a bomb.
const LARGEST_CONTENT: u64 = 256 << 30;
/// Names are kept while a package is read. Debian's largest package has a tenth of it.
const MOST_ENTRIES: u64 = 1_000_000;
/// As much of a file as the kernel looks at for an interpreter.
const START: usize = 256;
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Compressed pages and documents are smaller, and so is what they hold.
const LARGEST_PACKED: usize = 16 << 20;
const LARGEST_UNPACKED: u64 = 128 << 20;

/// What a package says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) format: Format,
    pub(super) name: String,
    /// As the format writes it: `1:2.10-1`; for RPM `epoch:version-release`, the epoch only when there is one.
    pub(super) version: String,
    /// As the format writes it: `amd64`, `all`, `x86_64`, `noarch`.
    pub(super) architecture: String,
    pub(super) is_source: bool,
    /// deb: names of packages in Depends and Pre-Depends, alternatives included. rpm: names of capabilities.
    pub(super) requires: Vec<String>,
    pub(super) provides: Vec<String>,
    /// What the package manager runs or does beside putting files in place. deb: names of files in control.tar other than
    /// `control` and `md5sums`. rpm: names of scriptlets.
    pub(super) scripts: Vec<String>,
    /// rpm: the name of the source package, for one made of it.
    pub(super) source: Option<String>,
}

impl Facts {
    pub(super) fn is_arch_independent(&self) -> bool {
        matches!(self.architecture.as_str(), "all" | "noarch")
    }

    /// Made by the toolchain beside the real ones: `-dbgsym`, `-debuginfo`, `-debugsource`.
    pub(super) fn is_debug(&self) -> bool {
        match self.format {
            Format::Deb => self.name.ends_with("-dbgsym"),
            Format::Rpm => self.name.ends_with("-debuginfo") || self.name.ends_with("-debugsource"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    File,
    Folder,
    Symlink,
    HardLink,
    /// Device, pipe, socket.
    Special,
}

/// One file of a package, as it will be on the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackagedFile {
    /// As the package has it, with one leading slash and none at the end; otherwise unchecked.
    pub(super) path: Vec<u8>,
    /// In both formats the first of files that are one is a file, the others are hard links to it.
    pub(super) kind: EntryKind,
    /// Permission bits.
    pub(super) mode: u32,
    /// Names; the number in digits of who has no name, and `root` for 0.
    pub(super) owner: String,
    pub(super) group: String,
    /// Where a symbolic link points, as written; the path of the file that a hard link is.
    pub(super) link: Vec<u8>,
    /// Of files and hard links. 0 for others.
    pub(super) size: u64,
    /// Of the contents of files and hard links. None of others, and of files that are not in the package.
    pub(super) sha256: Option<[u8; 32]>,
    /// Of what a small file of gzip's holds: pages and documents are compared with what they were before.
    pub(super) unpacked: Option<[u8; 32]>,
    /// deb: a conffile. rpm: `%config`, of whatever kind.
    pub(super) is_config: bool,
    /// rpm: file capabilities, as `getcap` writes them.
    pub(super) capabilities: String,
    /// RPM: owned, but not in the package.
    pub(super) is_ghost: bool,
    pub(super) looked: Looked,
    pub(super) start: Start,
}

impl PackagedFile {
    pub(super) fn is_root(&self) -> bool {
        self.owner == "root" && self.group == "root"
    }
}

/// What a file begins with, as whoever is to run it sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// `#!`: the rest of the line, as much as the kernel looks at.
    Script(Vec<u8>),
    /// Text, or nothing at all.
    Text,
    Other,
}

/// Takes the entries of a package, in its order. They are not kept: a package may have a million.
pub(super) type Visit<'a> = dyn FnMut(PackagedFile) + 'a;

/// What a file of a package has in it.
pub(super) struct Content {
    pub(super) looked: Looked,
    pub(super) start: Start,
    pub(super) sha256: [u8; 32],
    pub(super) unpacked: Option<[u8; 32]>,
}

/// Reads one file to its end; `also` is given its bytes, too. `folder` takes the temporary file of a large one.
pub(super) fn look(
    content: &mut dyn Read,
    folder: &Path,
    depth: Depth,
    also: Option<&mut dyn DynDigest>,
) -> io::Result<Content> {
    let mut seen = Seen { content, start: Vec::new(), sha256: Sha256::new(), packed: Some(Vec::new()), also };
    let looked = elf::look(&mut seen, folder, depth)?;
    io::copy(&mut seen, &mut io::sink())?;
    let unpacked = seen.packed.as_deref().and_then(unpacked);
    Ok(Content { looked, start: start_of(&seen.start), sha256: seen.sha256.finalize().into(), unpacked })
}

/// The checksum of what gzip has packed; none of what is damaged or would be unreasonably large.
fn unpacked(packed: &[u8]) -> Option<[u8; 32]> {
    let mut decoder = flate2::read::MultiGzDecoder::new(packed).take(LARGEST_UNPACKED + 1);
    let mut hasher = Sha256::new();
    let size = io::copy(&mut decoder, &mut hasher).ok()?;
    (size <= LARGEST_UNPACKED).then(|| hasher.finalize().into())
}

/// Looks at what is read through it.
struct Seen<'a, 'b> {
    content: &'a mut dyn Read,
    start: Vec<u8>,
    sha256: Sha256,
    /// The content, as long as it may be a small one of gzip's.
    packed: Option<Vec<u8>>,
    also: Option<&'b mut dyn DynDigest>,
}

impl Read for Seen<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        let bytes = &buffer[..count];
        self.start.extend_from_slice(&bytes[..count.min(START - self.start.len())]);
        if let Some(packed) = &mut self.packed {
            packed.extend_from_slice(bytes);
            let is_magic = GZIP.iter().zip(packed.iter()).all(|(expected, byte)| expected == byte);
            if !is_magic || packed.len() > LARGEST_PACKED {
                self.packed = None;
            }
        }
        Digest::update(&mut self.sha256, bytes);
        if let Some(also) = &mut self.also {
            also.update(bytes);
        }
        Ok(count)
    }
}

fn start_of(bytes: &[u8]) -> Start {
    if let Some(line) = bytes.strip_prefix(b"#!") {
        let end = line.iter().position(|byte| *byte == b'\n').unwrap_or(line.len());
        return Start::Script(line[..end].to_vec());
    }
    let is_text = |byte: &u8| *byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b);
    if bytes.iter().all(is_text) { Start::Text } else { Start::Other }
}

/// Bounds what one package may unpack to.
#[derive(Default)]
pub(super) struct Budget {
    entries: u64,
    spent: u64,
}

impl Budget {
    /// For each entry, with the bytes of its file.
    pub(super) fn spend(&mut self, bytes: u64) -> Result<(), String> {
        self.entries += 1;
        if self.entries > MOST_ENTRIES {
            return Err(format!("it has more than {MOST_ENTRIES} files"));
        }
        self.spent = self.spent.saturating_add(bytes);
        if self.spent > LARGEST_CONTENT { Err("its content is unreasonably large".to_owned()) } else { Ok(()) }
    }
}
