//! The payload of an .rpm: a cpio archive as a stream, held against what the header lists. rpm installs what the header
//! says with the contents of the payload; older releases, and what unpacks packages without rpm, go by the payload alone:
//! so both have to say the same.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

use md5::Md5;
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::Listed;
use crate::artifact::contents::{self, Entry, EntryKind};
use crate::types::printable;

/// PATH_MAX, and what stands before and after a name.
const LONGEST_NAME: u64 = 4096 + 8;
/// rpm writes none behind the padding of the trailer; cpio fills its last block.
const MOST_PADDING: u64 = 1 << 16;

/// An algorithm of digests by its number in OpenPGP (RFC 4880, 9.4), as rpm names them.
pub(super) fn digest(algorithm: u32) -> Option<Box<dyn DynDigest>> {
    Some(match algorithm {
        1 => Box::new(Md5::new()),
        2 => Box::new(Sha1::new()),
        8 => Box::new(Sha256::new()),
        9 => Box::new(Sha384::new()),
        10 => Box::new(Sha512::new()),
        _ => return None,
    })
}

/// Reads the payload to its end and puts into each entry what its file turned out to be.
pub(super) fn read(payload: &mut dyn Read, files: &mut [Listed], algorithm: u32, folder: &Path) -> Result<(), String> {
    let damaged = |error: io::Error| format!("its payload is damaged: {error}");
    let shown = |path: &[u8]| printable(&String::from_utf8_lossy(path));
    let by_path: HashMap<Vec<u8>, usize> =
        files.iter().enumerate().map(|(at, file)| (file.entry.path.clone(), at)).collect();
    let mut budget = contents::Budget::default();
    let mut seen = vec![false; files.len()];
    loop {
        let mut magic = [0; 6];
        payload.read_exact(&mut magic).map_err(damaged)?;
        let (at, size) = match &magic {
            b"070701" | b"070702" => {
                let header = newc_header(payload).map_err(damaged)?;
                if header.name == b"TRAILER!!!" {
                    if header.size != 0 {
                        return Err("its payload goes on after its end".to_owned());
                    }
                    break;
                }
                let path = header.name.strip_prefix(b"./").or_else(|| header.name.strip_prefix(b"/"));
                let path = [b"/", path.unwrap_or(&header.name)].concat();
                let at = by_path.get(&path).copied();
                let at =
                    at.ok_or_else(|| format!("its payload has {}, which its header does not list", shown(&path)))?;
                let file = &files[at];
                if header.mode != u64::from(file.mode) {
                    let (payload, header) = (header.mode, file.mode);
                    let path = shown(&path);
                    return Err(format!(
                        "{path} has mode {payload:06o} in its payload, and {header:06o} in its header"
                    ));
                }
                if header.size != file.payload_size {
                    let (payload, header) = (header.size, file.payload_size);
                    let path = shown(&path);
                    return Err(format!("{path} has {payload} bytes in its payload, and {header} in its header"));
                }
                (at, header.size)
            }
            b"07070X" => {
                let mut index = [0; 8];
                payload.read_exact(&mut index).map_err(damaged)?;
                let at = hexadecimal(&index).map_err(damaged)? as usize;
                skip(payload, 2).map_err(damaged)?;
                let file = files.get(at).ok_or("its payload has a file that its header does not list")?;
                (at, file.payload_size)
            }
            _ => return Err("its payload is damaged: no cpio header where one is expected".to_owned()),
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
            EntryKind::File if file.has_content => read_file(&mut content, file, algorithm, folder)?,
            EntryKind::Symlink => {
                let mut link = Vec::new();
                Read::take(&mut content, LONGEST_NAME).read_to_end(&mut link).map_err(damaged)?;
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
        skip(payload, size.next_multiple_of(4) - size).map_err(damaged)?;
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

fn read_file(content: &mut dyn Read, file: &mut Listed, algorithm: u32, folder: &Path) -> Result<(), String> {
    let Entry { path, looked, start, sha256, unpacked, .. } = &mut file.entry;
    let path = printable(&String::from_utf8_lossy(path));
    let expected = file.digest.as_deref().ok_or_else(|| format!("its header has no digest of {path}"))?;
    let mut also = digest(algorithm).ok_or("its header has digests of a kind that farm does not know")?;
    // Nearly always it is the one that is computed anyway.
    let is_sha256 = algorithm == 8;
    let other: Option<&mut dyn DynDigest> = if is_sha256 { None } else { Some(also.as_mut()) };
    let found = contents::look(content, folder, other).map_err(|error| format!("its payload is damaged: {error}"))?;
    let actual = if is_sha256 { hex::encode(found.sha256) } else { hex::encode(also.finalize()) };
    if actual != expected {
        return Err(format!("{path} is not what the digest in its header says"));
    }
    (*looked, *start, *sha256) = (found.looked, found.start, Some(found.sha256));
    *unpacked = found.unpacked;
    Ok(())
}

struct NewcHeader {
    name: Vec<u8>,
    mode: u64,
    size: u64,
}

/// The rest of a "new ASCII" header.
fn newc_header(payload: &mut dyn Read) -> io::Result<NewcHeader> {
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut fields = [0; 13 * 8];
    payload.read_exact(&mut fields)?;
    let field = |n: usize| hexadecimal(&fields[n * 8..(n + 1) * 8]);
    let (mode, size, name_size) = (field(1)?, field(6)?, field(11)?);
    if name_size == 0 || name_size > LONGEST_NAME {
        return Err(invalid("a name of an impossible length"));
    }
    let mut name = vec![0; usize::try_from(name_size).unwrap_or(0)];
    payload.read_exact(&mut name)?;
    if name.pop() != Some(0) || name.contains(&0) {
        return Err(invalid("a name that is none"));
    }
    skip(payload, (110 + name_size).next_multiple_of(4) - (110 + name_size))?;
    Ok(NewcHeader { name, mode, size })
}

fn hexadecimal(digits: &[u8]) -> io::Result<u64> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    text.and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a number that is none"))
}

/// Padding, in which nothing may be.
fn skip(payload: &mut dyn Read, bytes: u64) -> io::Result<()> {
    let mut padding = [0; 4];
    let most = usize::try_from(bytes).unwrap_or(usize::MAX).min(padding.len());
    payload.read_exact(&mut padding[..most])?;
    if padding[..most].iter().any(|byte| *byte != 0) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "bytes between its files"));
    }
    Ok(())
}
