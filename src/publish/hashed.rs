//! A file on its way: read piece by piece, and hashed meanwhile, so that what was sent is known.

use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::model::TargetError;
use crate::types::printable;

/// A file that is hashed while it is read, no further than it is expected to go.
pub(super) struct Hashed {
    file: tokio::fs::File,
    path: PathBuf,
    hash: Sha256,
    left: u64,
}

impl Hashed {
    pub(super) async fn open(path: &Path, size: u64) -> Result<Hashed, TargetError> {
        let file = tokio::fs::File::open(path).await.map_err(|error| unread(path, &error))?;
        Ok(Hashed { file, path: path.to_owned(), hash: Sha256::new(), left: size })
    }

    /// So many bytes, or what is left; none at the end.
    pub(super) async fn next(&mut self, most: usize) -> Result<Option<Bytes>, TargetError> {
        let size = self.left.min(most as u64) as usize;
        if size == 0 {
            return Ok(None);
        }
        let mut content = BytesMut::zeroed(size);
        self.file.read_exact(&mut content).await.map_err(|error| unread(&self.path, &error))?;
        self.hash.update(&content);
        self.left -= size as u64;
        Ok(Some(content.freeze()))
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.left == 0
    }

    pub(super) fn sum(self) -> String {
        hex::encode(self.hash.finalize())
    }
}

fn unread(path: &Path, error: &std::io::Error) -> TargetError {
    TargetError::Failed(format!("cannot read {}: {error}", printable(&path.display().to_string())))
}

pub(super) fn changed(path: &str) -> TargetError {
    TargetError::Failed(format!("{path} changed while it was sent"))
}
