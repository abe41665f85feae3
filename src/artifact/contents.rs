//! What both package formats have in common for the checks: facts about the whole, and entries one at a time.

use std::io::{BufReader, Read};

use super::elf::Looked;
use crate::types::Format;

/// Bytes of all files of one package together, before compression. A small package that claims more is a bomb.
const LARGEST_CONTENT: u64 = 256 << 30;
/// As much as `xz -9` needs, twice.
const XZ_MEMORY: u64 = 128 << 20;

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

/// One file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// As the package has it, with one leading slash and none at the end; otherwise unchecked.
    pub(super) path: Vec<u8>,
    pub(super) kind: EntryKind,
    /// Permission bits.
    pub(super) mode: u32,
    /// Whether user and group are root.
    pub(super) is_root: bool,
    /// RPM: owned, but not in the package.
    pub(super) is_ghost: bool,
    pub(super) looked: Looked,
}

/// Takes the entries of a package, in its order. They are not kept: a package may have a million.
pub(super) type Visit<'a> = dyn FnMut(Entry) + 'a;

/// One leading slash, none at the end.
pub(super) fn absolute(path: &[u8]) -> Vec<u8> {
    let start = path.iter().take_while(|byte| **byte == b'/').count();
    let mut path = path[start..].to_vec();
    while path.last() == Some(&b'/') {
        path.pop();
    }
    path.insert(0, b'/');
    if path == b"/." {
        path.pop();
    }
    path
}

/// Bounds what one package may unpack to.
#[derive(Default)]
pub(super) struct Budget {
    spent: u64,
}

impl Budget {
    pub(super) fn spend(&mut self, bytes: u64) -> Result<(), String> {
        self.spent = self.spent.saturating_add(bytes);
        if self.spent > LARGEST_CONTENT { Err("its content is unreasonably large".to_owned()) } else { Ok(()) }
    }
}

/// A reader that decompresses; `kind` is a file extension or RPM's name of a compressor, empty for none.
pub(super) fn decompressed<'a>(kind: &str, reader: &'a mut dyn Read) -> Result<Box<dyn Read + 'a>, String> {
    let error = |error: std::io::Error| error.to_string();
    Ok(match kind {
        "" | "none" => Box::new(reader),
        "gz" | "gzip" => Box::new(flate2::read::MultiGzDecoder::new(reader)),
        "bz2" | "bzip2" => Box::new(bzip2::read::MultiBzDecoder::new(reader)),
        "zst" | "zstd" => Box::new(zstd::Decoder::with_buffer(BufReader::new(reader)).map_err(error)?),
        "xz" => {
            let stream = xz2::stream::Stream::new_stream_decoder(XZ_MEMORY, xz2::stream::CONCATENATED);
            let stream = stream.map_err(|problem| problem.to_string())?;
            Box::new(xz2::read::XzDecoder::new_stream(reader, stream))
        }
        "lzma" => {
            let stream = xz2::stream::Stream::new_lzma_decoder(XZ_MEMORY).map_err(|problem| problem.to_string())?;
            Box::new(xz2::read::XzDecoder::new_stream(reader, stream))
        }
        other => {
            return Err(format!("it is compressed with `{}`, which farm cannot read", crate::types::printable(other)));
        }
    })
}
