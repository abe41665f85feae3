//! Why an image cannot be had.

use std::path::PathBuf;

use crate::engine::EngineError;

#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error(transparent)]
    Engine(EngineError),
    /// Mirror or network: transient.
    #[error("base image for {distro} cannot be fetched: {reason}")]
    Unavailable { distro: String, reason: String },
    /// A signature, hash or index that is wrong: never retried.
    #[error("archive of {distro} cannot be trusted: {reason}")]
    Untrusted { distro: String, reason: String },
    #[error("no way to get a base image for {distro}: {reason}")]
    NoWay { distro: String, reason: String },
    /// An image that a recipe names.
    #[error("image {reference} cannot be had: {reason}")]
    Reference { reference: String, reason: String, transient: bool },
    /// A derivation's script failed: exit code and, for 11, what it named unsatisfiable.
    #[error("{kind} image: script exited with {exit_code}")]
    Script { kind: &'static str, exit_code: i32, unsatisfiable: Vec<String>, oom: bool },
    /// A Dockerfile that is wrong, or a step of it that failed.
    #[error("{dockerfile} cannot be built: {reason}")]
    Dockerfile { dockerfile: String, reason: String },
    /// A file that is to be an image, and cannot be.
    #[error("{} cannot be imported: {reason}", .path.display())]
    File { path: PathBuf, reason: String },
    #[error("cannot write {}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("cancelled")]
    Cancelled,
}

impl From<EngineError> for ImageError {
    fn from(error: EngineError) -> ImageError {
        match error {
            EngineError::Cancelled => ImageError::Cancelled,
            error => ImageError::Engine(error),
        }
    }
}
