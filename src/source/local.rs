//! Work on this host's files that no task may wait for.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::SourceError;

pub(super) fn content(path: &Path) -> Result<[u8; 32], SourceError> {
    let io = |source| SourceError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(io)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer).map_err(io)? {
            0 => return Ok(hasher.finalize().into()),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// Waits for a lock that a dead process cannot keep.
pub(super) async fn lock_file(path: &Path, cancel: &CancellationToken) -> Result<File, SourceError> {
    let cache = |source: io::Error| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SourceError::Io { path: path.to_owned(), source },
        _ => SourceError::Cache { path: path.to_owned(), source },
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(cache)?;
    }
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(cache)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(cache(error)),
            Err(TryLockError::WouldBlock) => {}
        }
        // The system has no way to be told; work that others do takes seconds.
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
            () = cancel.cancelled() => return Err(SourceError::Cancelled),
        }
    }
}

pub(super) async fn blocking<T, F>(work: F) -> Result<T, SourceError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, SourceError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(SourceError::Cancelled),
    }
}
