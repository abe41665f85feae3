//! What goes wrong between farm and an engine, in words that every driver shares.

use std::path::PathBuf;

use super::spec::GuestPath;

/// Not the fault of what runs inside, which is an [`ExitStatus`](super::ExitStatus), but for [`EngineError::Build`]: there
/// the engine alone knows what ran. A driver says what its engine meant by its own codes and words; nobody above sees those.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// With each endpoint that was tried, and why it did not do.
    #[error("no container engine answers{}", tried_list(.tried))]
    NoEngine {
        /// The endpoints, as URLs, each with the reason why it cannot be used.
        tried: Vec<(String, String)>,
    },
    /// Nothing answers at the endpoint, or what answers is no container engine.
    #[error("container engine at {endpoint} does not answer: {reason}")]
    Unreachable {
        /// The address of the engine, as a URL.
        endpoint: String,
        /// Why the connection failed.
        reason: String,
    },
    /// The request is none that this engine can fulfil: it would give the same answer again.
    #[error("container engine refused to {action}: {message}")]
    Refused {
        /// The request as it reads after "refused to".
        action: String,
        /// The engine's own explanation.
        message: String,
    },
    /// The engine tried, and something went wrong on its side: another try may go better.
    #[error("container engine failed to {action}: {message}")]
    Failed {
        /// The request as it reads after "failed to".
        action: String,
        /// The engine's own explanation.
        message: String,
    },
    /// The image is not in the engine's store.
    #[error("container engine has no image {reference}")]
    NoSuchImage {
        /// The tag or id that was asked for.
        reference: String,
    },
    /// Something needs what was to be removed: a container, or another image.
    #[error("container engine cannot {action} while it is in use: {message}")]
    InUse {
        /// The request as it reads after "cannot".
        action: String,
        /// The engine's own explanation.
        message: String,
    },
    /// Something of that name exists already.
    #[error("container engine cannot {action}: {message}")]
    Conflict {
        /// The request as it reads after "cannot".
        action: String,
        /// The engine's own explanation.
        message: String,
    },
    /// The connection broke while the engine worked on a request.
    #[error("connection to the container engine was lost while it had to {action}: {reason}")]
    Lost {
        /// The request as it reads after "had to".
        action: String,
        /// How the connection ended.
        reason: String,
    },
    /// The registry does not give the image, or its content is not what the digest says.
    #[error("cannot get image {reference}: {reason}")]
    Pull {
        /// The image as it was asked for.
        reference: String,
        /// The registry's answer, or why there was none.
        reason: String,
    },
    /// The Dockerfile is wrong, or one of its steps failed: never farm's or the engine's fault.
    #[error("the Dockerfile cannot be built: {reason}")]
    Build {
        /// What went wrong, in the engine's words.
        reason: String,
    },
    /// A download or upload names a path that the container does not have.
    #[error("no such file in the container: {0}")]
    NoSuchPath(GuestPath),
    /// The engine ran out of space where it keeps images and containers.
    #[error("no space left on the engine's disk while it had to {action}")]
    DiskFull {
        /// The request as it reads after "had to".
        action: String,
    },
    /// The container's first process is gone, so nothing can run in it any more.
    #[error("container {id} ended while it was in use: {reason}")]
    Ended {
        /// The engine's id of the container.
        id: String,
        /// What is known of why it ended.
        reason: String,
    },
    /// The [`OutputSink`](super::OutputSink) refused a chunk, and the process was stopped.
    #[error("output could not be taken: {0}")]
    Sink(#[source] std::io::Error),
    /// The stream that the caller handed over, of an upload or an import, failed half-way.
    #[error("the stream to hand over broke off: {0}")]
    Source(#[source] std::io::Error),
    /// The caller's token was cancelled before the call was done.
    #[error("cancelled")]
    Cancelled,
    /// A store that is farm's to look after and cannot be used as it is: why, and what to do.
    #[error("the store of images in {} cannot be used: {reason}", .path.display())]
    Store {
        /// The folder of the store, on this host.
        path: PathBuf,
        /// Why it cannot be used, and what to do.
        reason: String,
    },
    /// What the user or the environment says of engines is wrong. Holds the whole sentence.
    #[error("{0}")]
    Config(String),
}

impl EngineError {
    /// Why an engine cannot be used, without what a list of all that were tried says of it already.
    pub(super) fn reason(self) -> String {
        match self {
            EngineError::Unreachable { reason, .. } | EngineError::Config(reason) => reason,
            other => other.to_string(),
        }
    }
}

fn tried_list(tried: &[(String, String)]) -> String {
    tried.iter().map(|(endpoint, why)| format!("\n  {endpoint}: {why}")).collect()
}
