//! One file over HTTP, by hash: several places tried in order, streamed to disk, verified before it gets its name.
//! Where the places come from (recipe, mirror choice, archive index) is the caller's business.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::types::Progress;

/// Downloads files; one client, one connection pool. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: reqwest::Client,
}

impl Fetcher {
    /// # Errors
    /// When no TLS roots can be read.
    pub fn new() -> Result<Fetcher, FetchError> {
        unimplemented!()
    }

    /// Downloads to `destination` (by way of a temporary file beside it and an atomic rename), trying `urls`
    /// (`http`, `https`, `file`) in order, each up to three times on transient errors. With `sha256`, another content
    /// is never given the name.
    pub async fn to_file(
        &self,
        urls: &[String],
        sha256: Option<&str>,
        destination: &Path,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<(), FetchError> {
        let _ = (urls, sha256, destination, progress, cancel, &self.client);
        unimplemented!()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody answered, or only with transient errors: worth a retry later.
    #[error("{} cannot be reached: {}", .urls.join(", "), .reasons.join("; "))]
    Unreachable { urls: Vec<String>, reasons: Vec<String> },
    /// A definite answer: it is not there.
    #[error("{} not found", .urls.join(", "))]
    NotFound { urls: Vec<String> },
    #[error("{url} has another content: expected sha256 {expected}, got {actual}")]
    Mismatch { url: String, expected: String, actual: String },
    #[error("cannot write {}", .path.display())]
    Io { path: std::path::PathBuf, source: std::io::Error },
    #[error("cannot set up the HTTP client: {0}")]
    Client(String),
    #[error("cancelled")]
    Cancelled,
}
