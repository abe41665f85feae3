//! ar archives (ar(5)) as far as deb(5) has them: names of at most 16 characters, no symbol tables. Reading is strict:
//! whatever ar(1), dpkg and apt would not read alike is refused.

use std::io::{self, Read, Seek, SeekFrom, Write};

const MAGIC: &[u8; 8] = b"!<arch>\n";

/// Reads what every archive begins with.
///
/// # Errors
/// When it is none.
pub(crate) fn begin(ar: &mut impl Read) -> Result<(), String> {
    let mut magic = [0; 8];
    ar.read_exact(&mut magic).map_err(|_| "it is too short for an ar archive".to_owned())?;
    if &magic == MAGIC { Ok(()) } else { Err("it is no ar archive".to_owned()) }
}

/// Name and size of the next member; `None` at the end.
///
/// # Errors
/// A sentence about what is wrong with it.
pub(crate) fn member(ar: &mut impl Read) -> Result<Option<(String, u64)>, String> {
    let mut header = [0; 60];
    let mut filled = 0;
    while filled < header.len() {
        match ar.read(&mut header[filled..]).map_err(|error| error.to_string())? {
            0 if filled == 0 => return Ok(None),
            0 => return Err("it ends inside an ar header, or bytes follow its last member".to_owned()),
            n => filled += n,
        }
    }
    let damaged = || "it has a damaged ar header, or bytes between its members".to_owned();
    if &header[58..] != b"`\n" {
        return Err(damaged());
    }
    let text = |range: std::ops::Range<usize>| {
        std::str::from_utf8(&header[range]).map(|text| text.trim_end_matches(' ')).map_err(|_| damaged())
    };
    let name = text(0..16)?;
    // GNU ar ends names with a slash. Longer ones it keeps elsewhere, `/12`, and BSD's behind the header, `#1/12`.
    let name = name.strip_suffix('/').unwrap_or(name);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(damaged());
    }
    let digits = text(48..58)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(damaged());
    }
    Ok(Some((name.to_owned(), digits.parse().map_err(|_| damaged())?)))
}

/// Gives one member to `read` and goes on to its end, padding included.
///
/// # Errors
/// A sentence about what is wrong with it, or what `read` has.
pub(crate) fn whole_member<R: Read, T>(
    ar: &mut R,
    size: u64,
    read: impl FnOnce(&mut io::Take<&mut R>) -> Result<T, String>,
) -> Result<T, String> {
    let mut member = Read::take(&mut *ar, size);
    let result = read(&mut member)?;
    io::copy(&mut member, &mut io::sink()).map_err(|error| error.to_string())?;
    if member.limit() != 0 {
        return Err("it ends inside a member".to_owned());
    }
    // Members begin at even offsets; after the last one the padding may be missing.
    let mut padding = [b'\n'; 1];
    if size % 2 == 1 {
        let _ = ar.read(&mut padding).map_err(|error| error.to_string())?;
        if padding != *b"\n" {
            return Err("it has bytes between its members".to_owned());
        }
    }
    Ok(result)
}

/// Writes an archive whose members are root's, and plain files.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    out: W,
}

impl<W: Write + Seek> Writer<W> {
    pub(crate) fn begin(mut out: W) -> io::Result<Writer<W>> {
        out.write_all(MAGIC)?;
        Ok(Writer { out })
    }

    /// Writes a member as `write` does. Its size, which is known afterwards only, is filled in then.
    pub(crate) fn member(
        &mut self,
        name: &str,
        time: i64,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let start = self.out.stream_position()?;
        let header = |size: u64| format!("{name:<16}{time:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 100_644);
        self.out.write_all(header(0).as_bytes())?;
        let begin = self.out.stream_position()?;
        write(&mut self.out)?;
        let end = self.out.stream_position()?;
        let size = end - begin;
        if size > 9_999_999_999 {
            return Err(io::Error::other("more than 10 GB do not fit into a .deb"));
        }
        self.out.seek(SeekFrom::Start(start))?;
        self.out.write_all(header(size).as_bytes())?;
        self.out.seek(SeekFrom::Start(end))?;
        // Members begin at even offsets.
        if size % 2 == 1 { self.out.write_all(b"\n") } else { Ok(()) }
    }

    /// To be called when all members are written.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.out.flush()
    }
}
