//! Signatures in .rpm files of version 4: of the main header, which has the digest of the payload. Verified, and replaced; all
//! bytes but those of the signature's header stay.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use debian_pgp::crypto::public_key::PublicKeyAlgorithm;
use rpm::{IndexSignatureTag, IndexTag};
use sha2::{Digest, Sha256};

use super::{openpgp, rpm as headers};

/// Tags of the signature (rpmtag.h).
const REGION: u32 = 62;
const DSA: u32 = 267;
const RSA: u32 = 268;
/// What another signer has left: OPENPGP, RESERVED, PGP, GPG, RESERVEDSPACE, and the above.
const SIGNATURES: [u32; 8] = [REGION, DSA, RSA, 278, 999, 1002, 1005, 1008];
const BINARY: u32 = 7;
const LEAD_BYTES: usize = 96;

/// The front of a package, up to its payload.
pub(crate) struct Front {
    lead: Vec<u8>,
    /// Tag, kind, number of items, data.
    entries: Vec<(u32, u32, u32, Vec<u8>)>,
    /// What is signed.
    pub(crate) header: Vec<u8>,
}

/// Reads what comes before the payload, as strictly as [`headers::read`].
///
/// # Errors
/// A sentence about what is wrong with it.
pub(crate) fn front(reader: &mut impl Read) -> Result<Front, String> {
    let mut bytes = Vec::new();
    let mut copied = Copied { reader, bytes: &mut bytes };
    let read = headers::read(&mut copied)?;
    let at = |from: usize| bytes.get(from..from + 4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes);
    let short = || "its signature is damaged".to_owned();
    let count = at(LEAD_BYTES + 8).ok_or_else(short)? as usize;
    let index = LEAD_BYTES + 16;
    let data = bytes.get(index + count * 16..).ok_or_else(short)?;
    let mut entries = Vec::new();
    for number in 0..count {
        let entry = index + number * 16;
        let word = |which: usize| at(entry + which * 4).ok_or_else(short);
        let (tag, kind, offset, items) = (word(0)?, word(1)?, word(2)? as usize, word(3)?);
        if SIGNATURES.contains(&tag) {
            continue;
        }
        let rest = data.get(offset..).ok_or_else(short)?;
        let length = match kind {
            3 => items as usize * 2,
            4 => items as usize * 4,
            5 => items as usize * 8,
            6 | 8 | 9 => {
                let ends = rest.iter().enumerate().filter(|(_, byte)| **byte == 0);
                ends.map(|(at, _)| at + 1).nth((items as usize).saturating_sub(1)).ok_or_else(short)?
            }
            _ => items as usize,
        };
        entries.push((tag, kind, items, rest.get(..length).ok_or_else(short)?.to_vec()));
    }
    Ok(Front { lead: bytes[..LEAD_BYTES].to_vec(), entries, header: read.bytes })
}

struct Copied<'a, R> {
    reader: &'a mut R,
    bytes: &'a mut Vec<u8>,
}

impl<R: Read> Read for Copied<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.bytes.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

impl Front {
    /// The same with this signature of the header, an OpenPGP packet, and no other.
    ///
    /// # Errors
    /// When it is no signature.
    pub(crate) fn signed(&self, signature: &[u8]) -> Result<Vec<u8>, String> {
        let algorithm = openpgp::one_signature(signature)?.signature.config.pub_alg;
        let is_rsa = matches!(algorithm, PublicKeyAlgorithm::RSA | PublicKeyAlgorithm::RSASign);
        let length = u32::try_from(signature.len()).map_err(|_| "the signature is too large".to_owned())?;
        let mut entries = self.entries.clone();
        entries.push((if is_rsa { RSA } else { DSA }, BINARY, length, signature.to_vec()));
        entries.sort_by_key(|(tag, ..)| *tag);

        let count = entries.len() as u32 + 1;
        let (mut index, mut data) = (Vec::new(), Vec::new());
        for (tag, kind, items, content) in entries {
            let width = match kind {
                3 => 2,
                4 => 4,
                5 => 8,
                _ => 1,
            };
            data.resize(data.len().next_multiple_of(width), 0);
            push(&mut index, [tag, kind, data.len() as u32, items]);
            data.extend_from_slice(&content);
        }
        let trailer = data.len() as u32;
        // The trailer says with a negative offset how many entries the region covers.
        push(&mut data, [REGION, BINARY, (16 * count).wrapping_neg(), 16]);

        let mut front = self.lead.clone();
        front.extend_from_slice(&[0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0]);
        front.extend_from_slice(&count.to_be_bytes());
        front.extend_from_slice(&(data.len() as u32).to_be_bytes());
        push(&mut front, [REGION, BINARY, trailer, 16]);
        front.extend_from_slice(&index);
        front.extend_from_slice(&data);
        // The lead is a multiple of eight, and so is where the main header begins.
        front.resize(front.len().next_multiple_of(8), 0);
        front.extend_from_slice(&self.header);
        Ok(front)
    }
}

fn push(out: &mut Vec<u8>, words: [u32; 4]) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// Whether one of the keys has signed the package: its header, and by a digest in that its payload. The fingerprint of that key.
///
/// # Errors
/// In words.
pub(crate) fn verify(path: &Path, keys: &[u8]) -> Result<String, String> {
    let mut reader = BufReader::with_capacity(128 * 1024, File::open(path).map_err(|error| error.to_string())?);
    let headers = headers::read(&mut reader)?;
    let signature = &headers.metadata.signature;
    let tags = [IndexSignatureTag::RPMSIGTAG_RSA, IndexSignatureTag::RPMSIGTAG_DSA];
    let signatures: Vec<&[u8]> =
        tags.into_iter().filter_map(|tag| signature.get_entry_data_as_binary(tag).ok()).collect();
    let Some(last) = signatures.last() else { return Err("it is not signed".to_owned()) };
    let by = |one: &[u8]| openpgp::signers_of_detached(&headers.bytes, one, keys);
    let good = match signatures.iter().find_map(|one| by(one).ok()) {
        Some(good) => good,
        None => by(last)?,
    };
    let digests = headers.metadata.header.get_entry_data_as_string_array(IndexTag::RPMTAG_PAYLOADSHA256);
    let [expected] = digests.unwrap_or_default()[..] else {
        return Err("its signed header has no digest of its payload".to_owned());
    };
    let mut hasher = Sha256::new();
    io::copy(&mut reader, &mut hasher).map_err(|error| error.to_string())?;
    match hex::encode(hasher.finalize()) == expected {
        true => Ok(good.into_iter().next().unwrap_or_default()),
        false => Err("the digest of its payload is not the one in its signed header".to_owned()),
    }
}
