//! The payload of an .rpm: a cpio archive as a stream, held against what the header lists. rpm installs what the header
//! says with the contents of the payload; older releases, and what unpacks packages without rpm, go by the payload alone:
//! so both have to say the same.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

use sha2::digest::DynDigest;

use super::Listed;
use crate::artifact::contents::{self, EntryKind, PackagedFile};
use crate::formats::cpio::{self, Header};
use crate::formats::elf::Depth;
use crate::formats::rpm;
use crate::types::printable;

/// PATH_MAX, and more than that.
const LONGEST_LINK: u64 = 4096 + 8;
/// rpm writes none behind the padding of the trailer; cpio fills its last block.
const MOST_PADDING: u64 = 1 << 16;

/// Reads the payload to its end and puts into each entry what its file turned out to be.
pub(super) fn read(
    payload: &mut dyn Read,
    files: &mut [Listed],
    algorithm: u32,
    place: (&Path, Depth),
) -> Result<(), String> {
    let damaged = |error: io::Error| format!("its payload is damaged: {error}");
    let shown = |path: &[u8]| printable(&String::from_utf8_lossy(path));
    let by_path: HashMap<Vec<u8>, usize> =
        files.iter().enumerate().map(|(at, file)| (file.entry.path.clone(), at)).collect();
    let mut budget = contents::Budget::default();
    let mut seen = vec![false; files.len()];
    loop {
        let (at, size) = match cpio::header(payload).map_err(damaged)? {
            Header::Trailer { size: 0 } => break,
            Header::Trailer { .. } => return Err("its payload goes on after its end".to_owned()),
            Header::Newc { name, mode, size } => {
                let path = name.strip_prefix(b"./").or_else(|| name.strip_prefix(b"/"));
                let path = [b"/", path.unwrap_or(&name)].concat();
                let at = by_path.get(&path).copied();
                let at =
                    at.ok_or_else(|| format!("its payload has {}, which its header does not list", shown(&path)))?;
                let file = &files[at];
                if mode != u64::from(file.mode) {
                    let (path, header) = (shown(&path), file.mode);
                    return Err(format!("{path} has mode {mode:06o} in its payload, and {header:06o} in its header"));
                }
                if size != file.payload_size {
                    let (path, header) = (shown(&path), file.payload_size);
                    return Err(format!("{path} has {size} bytes in its payload, and {header} in its header"));
                }
                (at, size)
            }
            Header::Stripped { number } => {
                let file = files.get(number).ok_or("its payload has a file that its header does not list")?;
                (number, file.payload_size)
            }
        };
        let file = &mut files[at];
        if std::mem::replace(&mut seen[at], true) {
            return Err(format!("its payload has {} twice", shown(&file.entry.path)));
        }
        if file.entry.is_ghost {
            return Err(format!("its payload has {}, which its header says is not in it", shown(&file.entry.path)));
        }
        budget.spend(size)?;
        let mut content = Read::take(&mut *payload, size);
        match file.entry.kind {
            EntryKind::File if file.has_content => read_file(&mut content, file, algorithm, place)?,
            EntryKind::Symlink => {
                let mut link = Vec::new();
                Read::take(&mut content, LONGEST_LINK).read_to_end(&mut link).map_err(damaged)?;
                if link != file.entry.link && content.limit() == 0 {
                    let (path, link, header) = (shown(&file.entry.path), shown(&link), shown(&file.entry.link));
                    return Err(format!("{path} is a link to {link} in its payload, and to {header} in its header"));
                }
            }
            _ if size != 0 => {
                return Err(format!("its payload has content for {}, which has none", shown(&file.entry.path)));
            }
            _ => {}
        }
        io::copy(&mut content, &mut io::sink()).map_err(damaged)?;
        if content.limit() != 0 {
            return Err("its payload ends inside a file".to_owned());
        }
        cpio::skip_padding(payload, size).map_err(damaged)?;
    }
    let missing = files.iter().zip(&seen).find(|(file, seen)| !**seen && !file.entry.is_ghost);
    if let Some((file, _)) = missing {
        return Err(format!("its header lists {}, which its payload does not have", shown(&file.entry.path)));
    }
    let mut rest = Vec::new();
    payload.take(MOST_PADDING).read_to_end(&mut rest).map_err(damaged)?;
    if rest.iter().any(|byte| *byte != 0) || rest.len() as u64 == MOST_PADDING {
        return Err("its payload goes on after its end".to_owned());
    }
    Ok(())
}

fn read_file(content: &mut dyn Read, file: &mut Listed, algorithm: u32, place: (&Path, Depth)) -> Result<(), String> {
    let PackagedFile { path, looked, start, sha256, unpacked, .. } = &mut file.entry;
    let path = printable(&String::from_utf8_lossy(path));
    let expected = file.digest.as_deref().ok_or_else(|| format!("its header has no digest of {path}"))?;
    let mut also = rpm::digest(algorithm).ok_or("its header has digests of a kind that farm does not know")?;
    // Nearly always it is the one that is computed anyway.
    let is_sha256 = algorithm == 8;
    let other: Option<&mut dyn DynDigest> = if is_sha256 { None } else { Some(also.as_mut()) };
    let found =
        contents::look(content, place.0, place.1, other).map_err(|error| format!("its payload is damaged: {error}"))?;
    let actual = if is_sha256 { hex::encode(found.sha256) } else { hex::encode(also.finalize()) };
    if actual != expected {
        return Err(format!("{path} is not what the digest in its header says"));
    }
    (*looked, *start, *sha256) = (found.looked, found.start, Some(found.sha256));
    *unpacked = found.unpacked;
    Ok(())
}
