//! One .xz stream of blocks that were compressed each by itself (The .xz File Format 1.1.0, sections 2 to 4).

use std::io::{self, Write};

use flate2::Crc;

/// Of the header and of the footer of a stream.
const ENDS: usize = 12;

/// Compresses what becomes a part of a stream; it is a stream itself.
pub(crate) fn compress(content: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let mut encoder = xz2::write::XzEncoder::new(Vec::new(), level);
    encoder.write_all(content)?;
    encoder.finish()
}

/// Of a block: its size without padding, and the size of what it holds.
type BlockSizes = (u64, u64);

/// Joins streams that [`compress`] has made to a single one, for readers that stop at the end of the first.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    header: Vec<u8>,
    blocks: Vec<BlockSizes>,
}

impl Joiner {
    /// What of `stream` comes next: a header before the first, and its blocks.
    ///
    /// # Errors
    /// When it is no stream, or one with other checks than those before.
    pub(crate) fn push(&mut self, stream: &[u8]) -> io::Result<Vec<u8>> {
        let (blocks, sizes) = blocks_of(stream).ok_or_else(|| io::Error::other("a piece is no .xz stream"))?;
        let header = &stream[..ENDS];
        let mut out = Vec::with_capacity(ENDS + blocks.len());
        if self.header.is_empty() {
            header.clone_into(&mut self.header);
            out.extend(header);
        } else if self.header != header {
            return Err(io::Error::other("pieces of an .xz stream have different checks"));
        }
        out.extend(blocks);
        self.blocks.extend(sizes);
        Ok(out)
    }

    /// What comes after the last: the index and the footer.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut out = vec![0];
        put_number(&mut out, self.blocks.len() as u64);
        for (size, content) in self.blocks {
            put_number(&mut out, size);
            put_number(&mut out, content);
        }
        out.resize(out.len().next_multiple_of(4), 0);
        let index = out.len() + 4;
        put_sum(&mut out);
        let mut footer = u32::try_from(index / 4 - 1).unwrap_or(u32::MAX).to_le_bytes().to_vec();
        footer.extend(self.header.get(6..8).unwrap_or(&[0, 0]));
        out.extend(sum(&footer).to_le_bytes());
        out.extend(footer);
        out.extend(b"YZ");
        out
    }
}

/// The bytes of a stream's blocks, and their sizes.
fn blocks_of(stream: &[u8]) -> Option<(&[u8], Vec<BlockSizes>)> {
    let footer = stream.len().checked_sub(ENDS).filter(|start| *start >= ENDS)?;
    let backward = u32::from_le_bytes(stream.get(footer + 4..footer + 8)?.try_into().ok()?);
    let index = footer.checked_sub((usize::try_from(backward).ok()? + 1) * 4).filter(|start| *start >= ENDS)?;
    let mut rest = stream.get(index..footer)?.strip_prefix(&[0])?;
    let count = number(&mut rest)?;
    let mut sizes = Vec::new();
    for _ in 0..count {
        sizes.push((number(&mut rest)?, number(&mut rest)?));
    }
    let blocks = &stream[ENDS..index];
    let padded: u64 = sizes.iter().map(|(size, _)| size.next_multiple_of(4)).sum();
    (padded == blocks.len() as u64).then_some((blocks, sizes))
}

/// Seven bits to a byte, the lowest first.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..9 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (place * 7);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_sum(out: &mut Vec<u8>) {
    let sum = sum(out);
    out.extend(sum.to_le_bytes());
}

fn sum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::Command;

    use super::*;
    use crate::types::testing::have;

    fn join(pieces: &[Vec<u8>]) -> Vec<u8> {
        let mut joiner = Joiner::default();
        let mut joined: Vec<u8> =
            pieces.iter().flat_map(|piece| joiner.push(&compress(piece, 1).unwrap()).unwrap()).collect();
        joined.extend(joiner.finish());
        joined
    }

    #[test]
    fn pieces_are_one_stream_for_xz() {
        if !have(&["xz"]) {
            return;
        }
        let texts = [vec![], vec![vec![]], vec![b"a".to_vec()], vec![vec![], b"abc".to_vec(), vec![7; 300_000]]];
        for pieces in &texts[1..] {
            let joined = join(pieces);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file.xz");
            std::fs::write(&path, &joined).unwrap();
            let listed = Command::new("xz").args(["--robot", "--list"]).arg(&path).output().unwrap();
            assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
            let blocks = pieces.iter().filter(|piece| !piece.is_empty()).count();
            let line = format!("file\t1\t{blocks}\t");
            assert!(String::from_utf8_lossy(&listed.stdout).contains(&line), "{listed:?}");
            let plain = Command::new("xz").args(["-dc"]).arg(&path).output().unwrap();
            assert!(plain.status.success() && plain.stdout == pieces.concat());
            // As apt does: a reader that stops at the end of the first stream.
            let mut alone = Vec::new();
            xz2::bufread::XzDecoder::new(&joined[..]).read_to_end(&mut alone).unwrap();
            assert_eq!(alone, pieces.concat());
        }
    }

    #[test]
    fn what_is_no_stream_is_refused() {
        let good = compress(b"abc", 1).unwrap();
        for bad in [&b""[..], b"abc", &[0; 40], &good[1..], &good[..good.len() - 1]] {
            assert!(Joiner::default().push(bad).is_err());
        }
    }
}
