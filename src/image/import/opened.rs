//! A file that is an image, once it is known of what kind: where its layers are, and why it may be none.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

/// Why a file makes no image.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Cancelled,
    /// To be read after the file's name.
    Unfit(String),
}

impl Failure {
    pub(super) fn unfit(reason: impl Into<String>) -> Failure {
        Failure::Unfit(reason.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Unfit(error.to_string())
    }
}

/// One layer, to be opened as often as it is read.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) source: ByteSource,
    /// What its uncompressed tar has to be, where the image says so.
    pub(super) diff_id: Option<String>,
}

/// Where bytes of the image are: a layer, or a document of it.
#[derive(Debug)]
pub(super) enum ByteSource {
    File(PathBuf),
    /// A part of a file.
    Part {
        file: Arc<File>,
        start: u64,
        size: u64,
    },
}

/// A file that is an image: its layers, the lowest first.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) layers: Vec<Layer>,
    /// `NAME=value`
    pub(super) env: Vec<String>,
    /// Whether it is a plain root file system, in which no name means that something is taken away.
    pub(super) plain: bool,
}

impl ByteSource {
    /// The bytes, from the first on, as they lie there.
    pub(super) fn open(&self) -> io::Result<Box<dyn Read>> {
        Ok(match self {
            ByteSource::File(path) => Box::new(File::open(path)?),
            ByteSource::Part { file, start, size } => Box::new(Part { file: file.clone(), at: *start, left: *size }),
        })
    }
}

/// Reads a part of a file that others read, too.
struct Part {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let n = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}
