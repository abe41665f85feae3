//! Why an image cannot be had.

use std::path::PathBuf;

use crate::engine::EngineError;

/// Why there is no image to work in.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The engine failed or refused.
    #[error(transparent)]
    Engine(EngineError),
    /// Mirror or network: transient.
    #[error("base image for {distro} cannot be fetched: {reason}")]
    Unavailable {
        /// The id of the distribution: `debian-12`.
        distro: String,
        /// What did not answer, and how.
        reason: String,
    },
    /// A signature, hash or index that is wrong: never retried.
    #[error("archive of {distro} cannot be trusted: {reason}")]
    Untrusted {
        /// The id of the distribution: `debian-12`.
        distro: String,
        /// What is wrong, and with which file of the archive.
        reason: String,
    },
    /// None of the places that `--base` allows has the image, and none can make it.
    #[error("no way to get a base image for {distro}: {reason}")]
    NoWay {
        /// The id of the distribution: `debian-12`.
        distro: String,
        /// Why each place is ruled out.
        reason: String,
    },
    /// An image that a recipe names.
    #[error("image {reference} cannot be had: {reason}")]
    Reference {
        /// The image as the recipe names it.
        reference: String,
        /// The engine's or the registry's answer.
        reason: String,
        /// Whether a later try may succeed.
        transient: bool,
    },
    /// A derivation's script failed: exit code and, for 11, what it named unsatisfiable.
    #[error("{kind} image: script exited with {exit_code}")]
    Script {
        /// The kind of image that was to be made: `base`, `builder` or `tester`.
        kind: &'static str,
        /// The script's exit code: see `packaging::EXIT_UNSATISFIABLE`.
        exit_code: i32,
        /// The requirements that the distribution cannot meet, as the script named them.
        unsatisfiable: Vec<Unsatisfiable>,
        /// Whether the kernel killed a process of it for want of memory.
        oom: bool,
    },
    /// A Dockerfile that is wrong, or a step of it that failed.
    #[error("{dockerfile} cannot be built: {reason}")]
    Dockerfile {
        /// The Dockerfile as the recipe names it.
        dockerfile: String,
        /// The step that failed, or the line that is wrong.
        reason: String,
    },
    /// A file that is to be an image, and cannot be.
    #[error("{} cannot be imported: {reason}", .path.display())]
    File {
        /// The file to import, on this host.
        path: PathBuf,
        /// Why it cannot become an image.
        reason: String,
    },
    /// A file on this host cannot be read or written while an image is made.
    #[error("cannot write {}", .path.display())]
    Io {
        /// The file or folder concerned.
        path: PathBuf,
        /// The answer of the operating system.
        source: std::io::Error,
    },
    /// The archive gives another base than a lock holds.
    #[error("the base that the archive of {base} gives is {identity}, which is not that of the lock")]
    NotLocked {
        /// `debian-12/amd64`
        base: String,
        /// What identifies the base that would be made.
        identity: String,
    },
    /// The run was cancelled before the image was there.
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

/// A requirement that a distribution cannot meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsatisfiable {
    /// As the script that asked for it named it: `pkgconfig(zlibb) >= 1`.
    pub requirement: String,
    /// Names that there are in its place, each with its version or nothing: the nearest first, where the package manager was asked.
    pub near: Vec<(String, String)>,
}
