//! What the client of Kubernetes reports, told apart into the errors that the runner treats differently.

use kube::Error;

use crate::engine::EngineError;

const CONFLICT: u16 = 409;
const FORBIDDEN: [u16; 2] = [401, 403];
const TOO_MANY: u16 = 429;
const INTERNAL: u16 = 500;

/// `action` reads after "refused to": `make a pod`.
pub(super) fn map(action: &str, error: &Error) -> EngineError {
    tracing::debug!(action, reason = %error, "the cluster failed");
    let action = action.to_owned();
    match error {
        Error::Api(status) => {
            let message = status.message.trim().to_owned();
            match status.code {
                CONFLICT => EngineError::Conflict { action, message },
                code if FORBIDDEN.contains(&code) => EngineError::Refused {
                    action,
                    message: format!("{message}; `farm doctor --rbac` prints the rights that farm needs"),
                },
                TOO_MANY | INTERNAL.. => EngineError::Failed { action, message },
                _ => EngineError::Refused { action, message },
            }
        }
        other => EngineError::Lost { action, reason: reason(other) },
    }
}

/// The last of its causes says most.
pub(super) fn reason(error: &Error) -> String {
    if let Error::Api(status) = error {
        return status.message.clone();
    }
    let mut cause = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        cause = error.to_string();
        next = error.source();
    }
    cause
}
