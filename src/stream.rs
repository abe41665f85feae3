//! Byte streams between async and blocking code, with a bounded buffer: what tar, hashing and compression read and
//! write never stands whole in memory. It knows nothing of engines or packages.

pub(crate) mod guard;
pub(crate) mod holes;

use std::cell::Cell;
use std::io::{self, BufRead, Cursor, Read, Write};
use std::pin::Pin;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::io::{StreamReader, SyncIoBridge};

/// Bytes in order; an error ends the stream.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// With [`CHUNKS_IN_FLIGHT`], what each of hundreds of uploads holds when its engine is slow to take it.
const CHUNK: usize = 32 * 1024;
/// `xz -9` needs 64 MiB to decompress; what asks for more than twice that is no archive of sources.
const XZ_MEMORY: u64 = 128 << 20;
const CHUNKS_IN_FLIGHT: usize = 2;

/// A stream of what `write` writes on a blocking thread. The thread waits when the reader is slow, and gets
/// `BrokenPipe` when the reader is gone. An error that `write` returns ends the stream.
pub(crate) fn from_writer<F>(write: F) -> ByteStream
where
    F: FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
{
    let (sender, mut receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
    tokio::task::spawn_blocking(move || {
        let mut writer = ChannelWriter { sender, buffer: BytesMut::with_capacity(CHUNK) };
        let result = write(&mut writer).and_then(|()| writer.flush());
        if let Err(error) = result {
            // The reader may be gone already; then nobody is left to tell.
            let _ = writer.sender.blocking_send(Err(error));
        }
    });
    Box::pin(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)))
}

/// A stream of one tar archive that `build` fills; the archive is closed for it.
pub fn from_tar<F>(build: F) -> ByteStream
where
    F: FnOnce(&mut tar::Builder<&mut dyn Write>) -> io::Result<()> + Send + 'static,
{
    from_writer(move |writer| {
        let mut builder = tar::Builder::new(writer);
        builder.follow_symlinks(false);
        build(&mut builder)?;
        builder.finish()
    })
}

/// The stream as a blocking reader, to be used on a blocking thread only.
///
/// # Panics
/// When called outside a tokio runtime.
pub fn into_reader(stream: ByteStream) -> impl Read + Send {
    SyncIoBridge::new(StreamReader::new(stream))
}

/// What a reader gives, decompressed where it begins as gzip, xz, bzip2 and Zstandard data do.
///
/// # Errors
/// When it cannot be read, or not be decompressed.
pub(crate) fn decompressed<'a>(mut reader: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut start = Vec::new();
    reader.by_ref().take(6).read_to_end(&mut start)?;
    let whole = Cursor::new(start.clone()).chain(reader);
    Ok(match start[..] {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(whole)),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => {
            let stream = xz2::stream::Stream::new_stream_decoder(XZ_MEMORY, xz2::stream::CONCATENATED)?;
            Box::new(xz2::bufread::XzDecoder::new_stream(whole, stream))
        }
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::bufread::MultiBzDecoder::new(whole)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::with_buffer(whole)?),
        _ => Box::new(whole),
    })
}

/// The reader from its beginning, when it is a tar: its first block's checksum is right.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn tar_from_beginning<'a>(mut reader: Box<dyn Read + 'a>) -> io::Result<Option<Box<dyn Read + 'a>>> {
    let mut block = [0_u8; 512];
    let mut filled = 0;
    while filled < block.len() {
        match reader.read(&mut block[filled..]) {
            Ok(0) => return Ok(None),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let header = tar::Header::from_byte_slice(&block);
    let sum: u32 =
        block.iter().enumerate().map(|(at, b)| if (148..156).contains(&at) { 32 } else { u32::from(*b) }).sum();
    let is_tar = header.cksum().is_ok_and(|written| written == sum);
    Ok(is_tar.then(|| Box::new(Cursor::new(block).chain(reader)) as Box<dyn Read + 'a>))
}

/// A number of a tar's header. An empty field is nothing, as to every other tar: crates of old have no time of some files.
pub(crate) fn field(value: io::Result<u64>, raw: &[u8]) -> io::Result<u64> {
    match value {
        Err(_) if raw.iter().all(|byte| matches!(byte, 0 | b' ')) => Ok(0),
        value => value,
    }
}

/// Whether an entry is one of GNU tar's sparse files in the pax format, which the tar library does not fill up.
pub(crate) fn has_pax_sparse<R: Read>(entry: &mut tar::Entry<'_, R>) -> bool {
    let Ok(Some(extensions)) = entry.pax_extensions() else { return false };
    extensions.flatten().any(|extension| extension.key_bytes().starts_with(b"GNU.sparse."))
}

/// A reader that hashes what it gives.
pub(crate) struct Hashing<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Hashing<R> {
    pub(crate) fn new(inner: R) -> Hashing<R> {
        Hashing { inner, hasher: Sha256::new() }
    }

    /// Hex sha256 of all that there is to read, what has not been read yet included.
    ///
    /// # Errors
    /// When the rest cannot be read.
    pub(crate) fn finish(mut self) -> io::Result<String> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(hex::encode(self.hasher.finalize()))
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}

impl<R> std::fmt::Debug for Hashing<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hashing").finish_non_exhaustive()
    }
}

/// A writer that hashes what it takes.
pub(crate) struct Summing<W> {
    pub(crate) inner: W,
    pub(crate) hasher: Sha256,
}

impl<W: Write> Summing<W> {
    pub(crate) fn new(inner: W) -> Summing<W> {
        Summing { inner, hasher: Sha256::new() }
    }
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Copies all of `from`; returns its SHA-256 sum in hex, and its size in bytes.
pub(crate) fn copy_summed(from: &mut impl Read, to: impl Write) -> io::Result<(String, u64)> {
    let mut to = Summing::new(to);
    let mut buffer = vec![0; 128 * 1024];
    let mut size = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok((hex::encode(to.hasher.finalize()), size)),
            Ok(count) => {
                to.write_all(&buffer[..count])?;
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The SHA-256 sum of a file in hex, and its size in bytes.
pub(crate) fn sum_of(path: &std::path::Path) -> io::Result<(String, u64)> {
    copy_summed(&mut std::fs::File::open(path)?, io::sink())
}

/// A reader that fails once it has given as many bytes as the [`Allowance`] says. A tar reader keeps long names and
/// extended headers whole in memory, however long an archive says they are: an allowance set before each step to the
/// next entry bounds that.
pub(crate) struct Bounded<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

/// How many more bytes a [`Bounded`] reader may give.
pub(crate) struct Allowance(Rc<Cell<u64>>);

impl<R: Read> Bounded<R> {
    /// Without a limit until the allowance is set.
    pub(crate) fn new(inner: R) -> (Bounded<R>, Allowance) {
        let left = Rc::new(Cell::new(u64::MAX));
        (Bounded { inner, left: Rc::clone(&left) }, Allowance(left))
    }
}

impl Allowance {
    pub(crate) fn set(&self, bytes: u64) {
        self.0.set(bytes);
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a header is unreasonably large"));
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.inner.read(&mut buffer[..most])?;
        self.left.set(left - n as u64);
        Ok(n)
    }
}

impl<R> std::fmt::Debug for Bounded<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bounded").field("left", &self.left.get()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Allowance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Allowance").field(&self.0.get()).finish()
    }
}

struct ChannelWriter {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: BytesMut,
}

impl Write for ChannelWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK - self.buffer.len();
        let taken = &bytes[..bytes.len().min(room)];
        self.buffer.extend_from_slice(taken);
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.buffer, BytesMut::with_capacity(CHUNK)).freeze();
        self.sender.blocking_send(Ok(full)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    #[tokio::test]
    async fn a_tar_goes_through_the_stream_and_back() {
        let stream = from_tar(|tar| {
            let mut header = tar::Header::new_gnu();
            header.set_size(300_000);
            header.set_mode(0o644);
            tar.append_data(&mut header, "a/b", io::repeat(7).take(300_000))
        });
        let size = tokio::task::spawn_blocking(move || {
            let mut archive = tar::Archive::new(into_reader(stream));
            let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
            io::copy(&mut entry, &mut io::sink()).unwrap()
        });
        assert_eq!(size.await.unwrap(), 300_000);
    }

    #[test]
    fn a_bounded_reader_fails_where_its_allowance_ends() {
        let (mut reader, allowance) = Bounded::new(io::repeat(1));
        io::copy(&mut (&mut reader).take(100_000), &mut io::sink()).unwrap();
        allowance.set(10);
        let mut got = Vec::new();
        assert!(reader.read_to_end(&mut got).is_err());
        assert_eq!(got.len(), 10);
    }

    #[tokio::test]
    async fn an_error_of_the_writer_ends_the_stream() {
        let mut stream = from_writer(|writer| {
            writer.write_all(b"x")?;
            Err(io::Error::other("no more"))
        });
        let mut last = None;
        while let Some(item) = stream.next().await {
            last = Some(item);
        }
        assert_eq!(last.unwrap().unwrap_err().to_string(), "no more");
    }

    #[tokio::test]
    async fn a_writer_stops_when_its_reader_is_gone() {
        let (done, stopped) = tokio::sync::oneshot::channel();
        let stream = from_writer(move |writer| {
            let result = io::copy(&mut io::repeat(0), writer).map(|_| ());
            let _ = done.send(());
            result
        });
        drop(stream);
        stopped.await.unwrap();
    }
}
