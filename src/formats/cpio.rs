//! cpio archives as the payload of an .rpm has them: "new ASCII" headers (`newc`, with or without checksums), and rpm's own
//! stripped ones for payloads of more than 4 GiB, which only point into the package's header. Streams; nobody seeks.

use std::io::{self, Read, Write};

/// The name behind which nothing follows: no file's, as each of those begins with `./` or `/`.
const TRAILER: &str = "TRAILER!!!";
/// PATH_MAX, and what stands before and after a name.
const LONGEST_NAME: u64 = 4096 + 8;
const HEADER_BYTES: u64 = 110;

/// What stands before the content of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Header {
    /// With the kind of file in its mode.
    Newc { name: Vec<u8>, mode: u64, size: u64 },
    /// The number of the file in the package's header, which says all else.
    Stripped { number: usize },
    /// Nothing is behind it, unless its own size says so.
    Trailer { size: u64 },
}

/// Reads the next header.
///
/// # Errors
/// Of the kind `InvalidData` when there is none; the message reads behind "the payload is damaged".
pub(crate) fn header(archive: &mut dyn Read) -> io::Result<Header> {
    let mut magic = [0; 6];
    archive.read_exact(&mut magic)?;
    match &magic {
        b"070701" | b"070702" => newc(archive),
        b"07070X" => {
            let mut number = [0; 8];
            archive.read_exact(&mut number)?;
            let number = hexadecimal(&number)? as usize;
            zeros(archive, 2)?;
            Ok(Header::Stripped { number })
        }
        _ => Err(invalid("no cpio header where one is expected")),
    }
}

/// The rest of a "new ASCII" header.
fn newc(archive: &mut dyn Read) -> io::Result<Header> {
    let mut fields = [0; 13 * 8];
    archive.read_exact(&mut fields)?;
    let field = |n: usize| hexadecimal(&fields[n * 8..(n + 1) * 8]);
    let (mode, size, name_size) = (field(1)?, field(6)?, field(11)?);
    if name_size == 0 || name_size > LONGEST_NAME {
        return Err(invalid("a name of an impossible length"));
    }
    let mut name = vec![0; usize::try_from(name_size).unwrap_or(0)];
    archive.read_exact(&mut name)?;
    if name.pop() != Some(0) || name.contains(&0) {
        return Err(invalid("a name that is none"));
    }
    skip_padding(archive, HEADER_BYTES + name_size)?;
    Ok(if name == TRAILER.as_bytes() { Header::Trailer { size } } else { Header::Newc { name, mode, size } })
}

/// Reads what stands behind a part of this size, as all parts begin at multiples of four. Nothing may be in it.
///
/// # Errors
/// Of the kind `InvalidData` when something is.
pub(crate) fn skip_padding(archive: &mut dyn Read, size: u64) -> io::Result<()> {
    zeros(archive, (size.next_multiple_of(4) - size) as usize)
}

fn zeros(archive: &mut dyn Read, bytes: usize) -> io::Result<()> {
    let mut padding = [0; 4];
    let padding = &mut padding[..bytes];
    archive.read_exact(padding)?;
    if padding.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(invalid("bytes between its files")) }
}

fn hexadecimal(digits: &[u8]) -> io::Result<u64> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    text.and_then(|text| u64::from_str_radix(text, 16).ok()).ok_or_else(|| invalid("a number that is none"))
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Writes a header: everything is root's, and lies on no device.
pub(crate) fn write_header(
    out: &mut impl Write,
    name: &str,
    [inode, mode, links, mtime, size]: [u32; 5],
) -> io::Result<()> {
    let length = name.len() as u64 + 1;
    write!(out, "070701{inode:08x}{mode:08x}{0:08x}{0:08x}{links:08x}{mtime:08x}{size:08x}", 0)?;
    write!(out, "{0:08x}{0:08x}{0:08x}{0:08x}{length:08x}{0:08x}{name}\0", 0)?;
    pad(out, HEADER_BYTES + length)
}

/// Writes the header of rpm's large payloads: the file with this number in the package's header.
pub(crate) fn write_stripped_header(out: &mut impl Write, number: usize) -> io::Result<()> {
    write!(out, "07070X{number:08x}\0\0")
}

/// Ends an archive.
pub(crate) fn write_trailer(out: &mut impl Write) -> io::Result<()> {
    write_header(out, TRAILER, [0, 0, 1, 0, 0])
}

/// Writes what stands behind a part of this size.
pub(crate) fn pad(out: &mut impl Write, size: u64) -> io::Result<()> {
    out.write_all(&[0; 3][..(size.next_multiple_of(4) - size) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut archive = Vec::new();
        write_header(&mut archive, "./usr/a", [1, 0o100_644, 1, 2, 5]).unwrap();
        archive.extend_from_slice(b"hello");
        pad(&mut archive, 5).unwrap();
        write_stripped_header(&mut archive, 300).unwrap();
        write_trailer(&mut archive).unwrap();
        let mut rest = archive.as_slice();
        let expected = Header::Newc { name: b"./usr/a".to_vec(), mode: 0o100_644, size: 5 };
        assert_eq!(header(&mut rest).unwrap(), expected);
        rest = &rest[5..];
        skip_padding(&mut rest, 5).unwrap();
        assert_eq!(header(&mut rest).unwrap(), Header::Stripped { number: 300 });
        assert_eq!(header(&mut rest).unwrap(), Header::Trailer { size: 0 });
        assert!(rest.is_empty());
        for cut in 0..archive.len() {
            let mut rest = &archive[..cut];
            while header(&mut rest).is_ok() {}
        }
    }
}
