//! What the API client reports, told apart into the engine errors that the runner treats differently.

use std::io;
use std::sync::{Arc, Mutex};

use bollard::errors::Error;
use futures_util::StreamExt;

use crate::engine::EngineError;
use crate::stream::ByteStream;

const NOT_FOUND: u16 = 404;
const CONFLICT: u16 = 409;
const INTERNAL_SERVER_ERROR: u16 = 500;

/// `action` reads after "refused to": `create a container`.
pub(super) fn map(endpoint: &str, action: &str, error: Error) -> EngineError {
    tracing::debug!(endpoint, action, reason = %error, "the engine failed");
    let action = action.to_owned();
    match error {
        Error::DockerResponseServerError { status_code, message } => refused(action, status_code, message),
        Error::DockerStreamError { error } => refused(action, INTERNAL_SERVER_ERROR, error),
        Error::SocketNotFoundError(path) => {
            EngineError::Unreachable { endpoint: endpoint.to_owned(), reason: format!("no such socket: {path}") }
        }
        Error::HyperLegacyError { err } if err.is_connect() => {
            EngineError::Unreachable { endpoint: endpoint.to_owned(), reason: root_cause(&err) }
        }
        Error::RequestTimeoutError => EngineError::Lost { action, reason: "no answer in time".to_owned() },
        Error::HyperLegacyError { err } => EngineError::Lost { action, reason: root_cause(&err) },
        Error::HyperResponseError { err } => EngineError::Lost { action, reason: root_cause(&err) },
        Error::IOError { err } => EngineError::Lost { action, reason: err.to_string() },
        other => EngineError::Lost { action, reason: format!("its answer makes no sense: {other}") },
    }
}

fn refused(action: String, status: u16, message: String) -> EngineError {
    if is_disk_full(&message) {
        return EngineError::DiskFull { action };
    }
    let message = message.trim().to_owned();
    match status {
        CONFLICT => EngineError::Conflict { action, message },
        INTERNAL_SERVER_ERROR.. => EngineError::Failed { action, message },
        _ => EngineError::Refused { action, message },
    }
}

/// `ENOSPC` and `EDQUOT` reach the API as text only.
pub(super) fn is_disk_full(message: &str) -> bool {
    message.contains("no space left on device") || message.contains("disk quota exceeded")
}

/// Whether the answer says that there is no such thing.
pub(super) fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: NOT_FOUND, .. })
}

/// Whether the answer says that something else is in the way.
pub(super) fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: CONFLICT, .. })
}

/// Whether it is the image that is missing: for what else a container needs engines give the same status.
pub(super) fn is_no_such_image(error: &Error) -> bool {
    is_not_found(error) && error.to_string().to_ascii_lowercase().contains("no such image")
}

/// Whether the answer says that the container is not there any more, or does not run.
pub(super) fn is_ended(error: &Error) -> bool {
    let Error::DockerResponseServerError { status_code, message } = error else { return false };
    let message = message.to_ascii_lowercase();
    match *status_code {
        NOT_FOUND => {
            message.contains("no such container")
                || message.contains("no container with")
                || message.contains("no such exec instance")
                || message.contains("no exec session with")
        }
        CONFLICT | INTERNAL_SERVER_ERROR => {
            message.contains("is not running")
                || message.contains("container state improper")
                || message.contains("is marked for removal")
        }
        _ => false,
    }
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        cause = error.to_string();
        next = error.source();
    }
    cause
}

/// Remembers why a stream that is being sent broke off: the client reports only that the request failed.
#[derive(Debug, Default, Clone)]
pub(super) struct SourceError(Arc<Mutex<Option<io::Error>>>);

impl SourceError {
    pub(super) fn watch(&self, stream: ByteStream) -> ByteStream {
        let slot = self.clone();
        Box::pin(stream.map(move |item| {
            item.map_err(|error| {
                let copy = io::Error::new(error.kind(), error.to_string());
                *slot.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(error);
                copy
            })
        }))
    }

    /// The stream's own error where there is one: it is the cause of whatever the engine said.
    pub(super) fn or(&self, error: EngineError) -> EngineError {
        match self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take() {
            Some(cause) => EngineError::Source(cause),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_an_ended_container_are_told_apart_from_refusals() {
        let answer =
            |status_code, message: &str| Error::DockerResponseServerError { status_code, message: message.to_owned() };
        let full = answer(500, "write /var/lib/docker/x: no space left on device");
        assert!(matches!(map("u", "upload", full), EngineError::DiskFull { .. }));
        assert!(is_ended(&answer(409, "Container 1234 is not running")));
        assert!(is_ended(&answer(404, "No such container: 1234")));
        assert!(!is_ended(&answer(404, "Could not find the file /x in container 1234")));
        let refused = map("u", "create a container", answer(400, " invalid name\n"));
        assert_eq!(refused.to_string(), "container engine refused to create a container: invalid name");
        assert!(matches!(
            map("u", "create a container", answer(409, "the name is taken")),
            EngineError::Conflict { .. }
        ));
        assert!(matches!(map("u", "create a container", answer(503, "busy")), EngineError::Failed { .. }));
        assert!(is_no_such_image(&answer(404, "No such image: farm/base:1")));
        assert!(!is_no_such_image(&answer(404, "network farm not found")));
    }
}
