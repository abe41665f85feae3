//! What goes wrong between farm and an engine, in words that every driver shares.

use std::path::PathBuf;

use super::spec::GuestPath;

/// Not the fault of what runs inside, which is an [`ExitStatus`](super::ExitStatus), but for [`EngineError::Build`]: there
/// the engine alone knows what ran. A driver says what its engine meant by its own codes and words; nobody above sees those.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// With each endpoint that was tried, and why it did not do.
    #[error("no container engine answers{}", tried_list(.tried))]
    NoEngine { tried: Vec<(String, String)> },
    #[error("container engine at {endpoint} does not answer: {reason}")]
    Unreachable { endpoint: String, reason: String },
    /// The request is none that this engine can fulfil: it would give the same answer again.
    #[error("container engine refused to {action}: {message}")]
    Refused { action: String, message: String },
    /// The engine tried, and something went wrong on its side: another try may go better.
    #[error("container engine failed to {action}: {message}")]
    Failed { action: String, message: String },
    #[error("container engine has no image {reference}")]
    NoSuchImage { reference: String },
    /// Something needs what was to be removed: a container, or another image.
    #[error("container engine cannot {action} while it is in use: {message}")]
    InUse { action: String, message: String },
    /// Something of that name exists already.
    #[error("container engine cannot {action}: {message}")]
    Conflict { action: String, message: String },
    #[error("connection to the container engine was lost while it had to {action}: {reason}")]
    Lost { action: String, reason: String },
    #[error("cannot get image {reference}: {reason}")]
    Pull { reference: String, reason: String },
    /// The Dockerfile is wrong, or one of its steps failed: never farm's or the engine's fault.
    #[error("the Dockerfile cannot be built: {reason}")]
    Build { reason: String },
    #[error("no such file in the container: {0}")]
    NoSuchPath(GuestPath),
    #[error("no space left on the engine's disk while it had to {action}")]
    DiskFull { action: String },
    #[error("container {id} ended while it was in use: {reason}")]
    Ended { id: String, reason: String },
    #[error("output could not be taken: {0}")]
    Sink(#[source] std::io::Error),
    #[error("the stream to hand over broke off: {0}")]
    Source(#[source] std::io::Error),
    #[error("cancelled")]
    Cancelled,
    /// A store that is farm's to look after and cannot be used as it is: why, and what to do.
    #[error("the store of images in {} cannot be used: {reason}", .path.display())]
    Store { path: PathBuf, reason: String },
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
