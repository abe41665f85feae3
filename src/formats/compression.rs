//! The compressions that packages have: of the tar archives in a .deb (deb(5)) and of the payload of an .rpm.

use std::io::{self, BufReader, Read};

use crate::stream::guard;
use crate::types::printable;

/// As much as `xz -9` needs, twice.
const XZ_MEMORY: u64 = 128 << 20;

/// A reader that decompresses, within bounds; `kind` is a file extension or RPM's name of a compressor, empty for none.
pub(crate) fn decompressed<'a>(kind: &str, reader: &'a mut dyn Read) -> Result<Box<dyn Read + 'a>, String> {
    guard::expanding(reader, |reader| decoder(kind, reader))
}

fn decoder<'a>(kind: &str, reader: Box<dyn Read + 'a>) -> Result<Box<dyn Read + 'a>, String> {
    let error = |error: io::Error| error.to_string();
    Ok(match kind {
        "" | "none" => Box::new(reader),
        "gz" | "gzip" => Box::new(flate2::read::MultiGzDecoder::new(reader)),
        // What follows the end of its one stream is no part of it for dpkg and rpm.
        "bz2" | "bzip2" => Box::new(Alone::new(bzip2::bufread::BzDecoder::new(BufReader::new(reader)))),
        "zst" | "zstd" => Box::new(zstd::Decoder::with_buffer(BufReader::new(reader)).map_err(error)?),
        "xz" => {
            let stream = xz2::stream::Stream::new_stream_decoder(XZ_MEMORY, xz2::stream::CONCATENATED);
            let stream = stream.map_err(|problem| problem.to_string())?;
            Box::new(xz2::read::XzDecoder::new_stream(reader, stream))
        }
        "lzma" => {
            let stream = xz2::stream::Stream::new_lzma_decoder(XZ_MEMORY).map_err(|problem| problem.to_string())?;
            Box::new(Alone::new(xz2::bufread::XzDecoder::new_stream(BufReader::new(reader), stream)))
        }
        other => {
            return Err(format!("it is compressed with `{}`, which farm cannot read", printable(other)));
        }
    })
}

/// A decoder of a format that ends by itself, of which nothing may follow.
struct Alone<D> {
    decoder: D,
    is_checked: bool,
}

/// A decoder that knows what it has not read.
trait Rest: Read {
    fn rest(&mut self) -> &mut dyn io::BufRead;
}

impl<R: io::BufRead> Rest for bzip2::bufread::BzDecoder<R> {
    fn rest(&mut self) -> &mut dyn io::BufRead {
        self.get_mut()
    }
}

impl<R: io::BufRead> Rest for xz2::bufread::XzDecoder<R> {
    fn rest(&mut self) -> &mut dyn io::BufRead {
        self.get_mut()
    }
}

impl<D: Rest> Alone<D> {
    fn new(decoder: D) -> Alone<D> {
        Alone { decoder, is_checked: false }
    }
}

impl<D: Rest> Read for Alone<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        if count == 0 && !buffer.is_empty() && !self.is_checked {
            self.is_checked = true;
            if !self.decoder.rest().fill_buf()?.is_empty() {
                let message = "bytes follow the end of the compressed data";
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        }
        Ok(count)
    }
}
