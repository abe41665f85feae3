//! Lead, signature and header of an .rpm of version 3 or 4 (RPM's "Package format"). The `rpm` crate parses them, and trusts their offsets and counts:
//! [`checked_header`] looks at those first. What rpm verifies before it installs a package is verified here, too.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::ops::Range;

use ::rpm::PackageMetadata;
use md5::Md5;
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::types::printable;

const LEAD_BYTES: usize = 96;
/// The headers of packages with 100,000 files take about 20 MB.
const LARGEST_HEADER: u32 = 32 << 20;
/// Real packages have about a hundred.
const MOST_TAGS: u32 = 1024;

/// Tags of the signature (rpmtag.h).
const SIG_LONGSIZE: u32 = 270;
const SIG_SHA1: u32 = 269;
const SIG_SHA256: u32 = 273;
const SIG_SIZE: u32 = 1000;
const SIG_MD5: u32 = 1004;
/// The tag that covers all others of a header.
const REGION: u32 = 63;
/// Full names of files, from before there were folders and names. rpm prefers them.
const OLDFILENAMES: u32 = 1027;
const SOURCERPM: u32 = 1044;
const FILESIZES: u32 = 1028;
const LONGFILESIZES: u32 = 5008;
const SOURCEPACKAGE: u32 = 1106;

/// What comes before the payload.
pub(crate) struct Headers {
    pub(crate) metadata: PackageMetadata,
    /// Where the main header is in the file.
    pub(crate) range: Range<u64>,
    /// The bytes of the main header, for [`Headers::md5`]'s sum.
    pub(crate) bytes: Vec<u8>,
    /// Of header and payload together, as the signature has it.
    pub(crate) md5: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
}

/// Reads up to the payload, and verifies the digests of the main header.
pub(crate) fn read(reader: &mut impl Read) -> Result<Headers, String> {
    let mut bytes = vec![0; LEAD_BYTES];
    reader.read_exact(&mut bytes).map_err(|_| "it is too short for an RPM package".to_owned())?;
    let is_source_lead = bytes[6..8] == [0, 1];
    let signature = checked_header(reader, &mut bytes)?;
    // The main header begins at a multiple of eight.
    let mut padding = [0; 8];
    let padding = &mut padding[..(8 - signature.size % 8) % 8];
    reader.read_exact(padding).map_err(|_| "it ends after its signature".to_owned())?;
    bytes.extend_from_slice(padding);
    let start = bytes.len();
    let main = checked_header(reader, &mut bytes)?;
    let header = bytes[start..].to_vec();
    let differs = |what: &str| format!("the {what} in its signature is not that of its header");
    if signature.text(&bytes, SIG_SHA256).is_some_and(|sum| sum != hex::encode(Sha256::digest(&header))) {
        return Err(differs("SHA256"));
    }
    if signature.text(&bytes, SIG_SHA1).is_some_and(|sum| sum != hex::encode(Sha1::digest(&header))) {
        return Err(differs("SHA1"));
    }
    if main.find(REGION).is_some_and(|region| !main.is_covered(&bytes, region)) {
        return Err("its header has tags that its digest does not cover".to_owned());
    }
    // rpm takes what has no source package for one itself. Old ones (4.11, of EL 7) do not say more of it.
    let is_source = main.find(SOURCERPM).is_none();
    let unclear = || Err("it says both that it is a source package and that it is none".to_owned());
    if is_source_lead != is_source || main.find(SOURCEPACKAGE).is_some() && !is_source {
        return unclear();
    }
    if main.find(OLDFILENAMES).is_some() || main.find(FILESIZES).is_some() && main.find(LONGFILESIZES).is_some() {
        return Err("its header lists files in two ways".to_owned());
    }
    let metadata = PackageMetadata::parse(&mut bytes.as_slice())
        .map_err(|error| format!("its header is damaged: {}", printable(&error.to_string())))?;
    if metadata.is_source_package() != is_source {
        return unclear();
    }
    let size = match (signature.number(&bytes, SIG_LONGSIZE), signature.number(&bytes, SIG_SIZE)) {
        (Some(_), Some(_)) => return Err("its signature has two sizes".to_owned()),
        (long, short) => long.or(short),
    };
    let md5 = signature.value(&bytes, SIG_MD5, 16).map(<[u8]>::to_vec);
    Ok(Headers { metadata, range: start as u64..bytes.len() as u64, bytes: header, md5, size })
}

/// An algorithm of digests by its number in OpenPGP (RFC 4880, 9.4), as rpm names them.
pub(crate) fn digest(algorithm: u32) -> Option<Box<dyn DynDigest>> {
    Some(match algorithm {
        1 => Box::new(Md5::new()),
        2 => Box::new(Sha1::new()),
        8 => Box::new(Sha256::new()),
        9 => Box::new(Sha384::new()),
        10 => Box::new(Sha512::new()),
        _ => return None,
    })
}

/// Where one header structure keeps what, in all bytes that were read.
struct Index {
    entries: Vec<IndexEntry>,
    /// Where the data begins.
    data: usize,
    /// Of the data.
    size: usize,
}

#[derive(Clone, Copy)]
struct IndexEntry {
    tag: u32,
    kind: u32,
    offset: usize,
    items: usize,
}

impl Index {
    fn find(&self, tag: u32) -> Option<IndexEntry> {
        self.entries.iter().find(|entry| entry.tag == tag).copied()
    }

    fn value<'a>(&self, bytes: &'a [u8], tag: u32, length: usize) -> Option<&'a [u8]> {
        bytes.get(self.data + self.find(tag)?.offset..)?.get(..length)
    }

    fn text<'a>(&self, bytes: &'a [u8], tag: u32) -> Option<&'a str> {
        let rest = bytes.get(self.data + self.find(tag)?.offset..)?;
        std::str::from_utf8(rest.split(|byte| *byte == 0).next()?).ok()
    }

    fn number(&self, bytes: &[u8], tag: u32) -> Option<u64> {
        match self.find(tag)?.kind {
            4 => self.value(bytes, tag, 4)?.try_into().map(u32::from_be_bytes).map(u64::from).ok(),
            5 => self.value(bytes, tag, 8)?.try_into().map(u64::from_be_bytes).ok(),
            _ => None,
        }
    }

    /// Whether a region covers all entries: its trailer tells, with a negative offset, how many it does.
    fn is_covered(&self, bytes: &[u8], region: IndexEntry) -> bool {
        let trailer = bytes.get(self.data + region.offset..).and_then(|rest| rest.get(8..12));
        let offset = trailer.and_then(|bytes| bytes.try_into().ok()).map(i32::from_be_bytes);
        region.items == 16 && offset.is_some_and(|offset| i64::from(offset) == -16 * self.entries.len() as i64)
    }
}

/// Appends one header structure to `bytes` when every entry of its index lies inside its data, and no tag is there twice
/// (RPM format, "header").
fn checked_header(reader: &mut impl Read, bytes: &mut Vec<u8>) -> Result<Index, String> {
    let damaged = || "its header is damaged".to_owned();
    let short = |_| "it ends inside a header".to_owned();
    let mut intro = [0; 16];
    reader.read_exact(&mut intro).map_err(short)?;
    let number = |bytes: &[u8]| bytes.try_into().map(u32::from_be_bytes).unwrap_or(u32::MAX);
    let (count, size) = (number(&intro[8..12]), number(&intro[12..16]));
    if intro[..4] != [0x8e, 0xad, 0xe8, 1] || count == 0 || count > MOST_TAGS || size > LARGEST_HEADER {
        return Err(damaged());
    }
    let start = bytes.len() + 16;
    bytes.extend_from_slice(&intro);
    let length = u64::from(count) * 16 + u64::from(size);
    if Read::take(reader, length).read_to_end(bytes).map_err(|error| error.to_string())? as u64 != length {
        return Err(short(io::Error::from(io::ErrorKind::UnexpectedEof)));
    }
    let (index, data) = bytes[start..].split_at(count as usize * 16);
    // Entries do not overlap but for the region's own; many that share their data would multiply in memory.
    let mut claimed = 0;
    let mut entries = Vec::new();
    let mut tags = BTreeSet::new();
    for entry in index.chunks_exact(16) {
        let (kind, offset, items) = (number(&entry[4..8]), number(&entry[8..12]), number(&entry[12..16]));
        let rest = data.get(offset as usize..).ok_or_else(damaged)?;
        let width = match kind {
            0 | 1 | 2 | 6..=9 => 1,
            3 => 2,
            4 => 4,
            5 => 8,
            _ => return Err(damaged()),
        };
        let length = (items as usize).saturating_mul(width);
        claimed += length;
        if length > rest.len() || claimed > 2 * data.len() + 4096 {
            return Err(damaged());
        }
        let is_text = matches!(kind, 6 | 8 | 9);
        if is_text && rest.iter().filter(|byte| **byte == 0).take(items as usize).count() != items as usize {
            return Err(damaged());
        }
        let tag = number(&entry[..4]);
        if !tags.insert(tag) {
            return Err(format!("its header has the tag {tag} twice"));
        }
        entries.push(IndexEntry { tag, kind, offset: offset as usize, items: items as usize });
    }
    Ok(Index { entries, data: start + count as usize * 16, size: size as usize })
}
