//! What the client of Kubernetes reports, told apart into the errors that the runner treats differently, with what to do.

use kube::Error;
use kube::client::UpgradeConnectionError;
use kube::config::{Kubeconfig, KubeconfigError};

use crate::engine::EngineError;
use crate::types::{nearest, printable};

const UNAUTHORIZED: u16 = 401;
const FORBIDDEN: u16 = 403;
const CONFLICT: u16 = 409;
const TOO_MANY: u16 = 429;
const INTERNAL: u16 = 500;

/// `action` reads after "refused to": `make a pod`.
pub(super) fn map(action: &str, error: &Error) -> EngineError {
    tracing::debug!(action, reason = %error, "the cluster failed");
    let action = action.to_owned();
    match error {
        Error::Api(status) => {
            let message = advised(status.code, status.message.trim());
            match status.code {
                CONFLICT => EngineError::Conflict { action, message },
                TOO_MANY | INTERNAL.. => EngineError::Failed { action, message },
                _ => EngineError::Refused { action, message },
            }
        }
        // Of a request for a WebSocket the client keeps the number alone.
        Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status)) => {
            let message = advised(status.as_u16(), &format!("the cluster answers {status}"));
            match status.as_u16() {
                UNAUTHORIZED | FORBIDDEN => EngineError::Refused { action, message },
                _ => EngineError::Failed { action, message },
            }
        }
        other => EngineError::Lost { action, reason: reason(other) },
    }
}

/// A refusal in the cluster's words, and what to do.
fn advised(code: u16, message: &str) -> String {
    let advice = match code {
        UNAUTHORIZED => {
            "the cluster does not take the kubeconfig's credentials: renew them until `kubectl get pods` does with them"
        }
        FORBIDDEN if message.contains("exceeded quota") => {
            "the quota of the namespace has no room: fewer jobs at a time (`-j`), smaller `[limits]`, or a larger quota; \
             `kubectl describe quota` says what is used"
        }
        FORBIDDEN if message.contains("failed quota") => {
            "the quota of the namespace takes only pods that say how much they need: a LimitRange with defaults says it for \
             those of farm that do not"
        }
        FORBIDDEN if message.contains("PodSecurity") => {
            "pods of farm need the level `baseline`: `kubectl label namespace NAME \
             pod-security.kubernetes.io/enforce=baseline --overwrite`"
        }
        // An account without a right; other refusals say what they do not take.
        FORBIDDEN if message.contains("User \"") || message.contains("answers") => {
            "`farm doctor --rbac` with this engine prints the rights that farm needs"
        }
        _ => return message.to_owned(),
    };
    format!("{message}; {advice}")
}

/// Why nothing was answered, or no, to the very first question.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Api(status) => advised(status.code, status.message.trim()),
        // It knows who runs, and why that failed, its causes do not.
        Error::Auth(error) => format!("the kubeconfig's credentials: {error}"),
        // The last of the causes says most.
        other => {
            let mut cause = other.to_string();
            let mut next = std::error::Error::source(other);
            while let Some(error) = next {
                cause = error.to_string();
                next = error.source();
            }
            cause
        }
    }
}

/// Why a context cannot be used.
pub(super) fn of_kubeconfig(error: &KubeconfigError, context: Option<&str>) -> String {
    match error {
        KubeconfigError::ReadConfig(why, path) => format!(
            "cannot read the kubeconfig {}: {why}; set KUBECONFIG to the file of the cluster, or say `kubernetes://in-cluster` \
             in a pod",
            path.display()
        ),
        KubeconfigError::FindPath => "there is no kubeconfig: set KUBECONFIG to the file of the cluster".to_owned(),
        KubeconfigError::CurrentContextNotSet => {
            format!(
                "the kubeconfig has no current context: name one, as `kubernetes://CONTEXT/NAMESPACE`; {}",
                known(None)
            )
        }
        KubeconfigError::LoadContext(_) => {
            let asked = context.unwrap_or_default();
            format!("the kubeconfig has no context `{}`: {}", printable(asked), known(Some(asked)))
        }
        other => format!("the kubeconfig: {other}"),
    }
}

/// The contexts that there are.
fn known(asked: Option<&str>) -> String {
    let contexts = Kubeconfig::read().map(|kubeconfig| kubeconfig.contexts).unwrap_or_default();
    let names: Vec<&str> = contexts.iter().map(|context| context.name.as_str()).collect();
    match asked.and_then(|asked| nearest(asked, names.iter().copied())) {
        Some(near) => format!("did you mean `{}`?", printable(near)),
        None if names.is_empty() => "it has none at all".to_owned(),
        None => format!("it has {}", printable(&names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn refused(code: u16, message: &str) -> Error {
        let status = Status { code, message: message.to_owned(), ..Status::default() };
        Error::Api(Box::new(status))
    }

    /// As Kubernetes 1.20 and later say it.
    #[test]
    fn each_refusal_says_what_to_do() {
        for (code, message, advice) in [
            (401, "Unauthorized", "renew them"),
            (
                403,
                r#"pods is forbidden: User "system:serviceaccount:farm:x" cannot create resource "pods" in API group "" in the namespace "farm""#,
                "`farm doctor --rbac`",
            ),
            (
                403,
                r#"pods "farm-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1"#,
                "fewer jobs at a time",
            ),
            (403, r#"pods "farm-x" is forbidden: failed quota: q: must specify limits.memory"#, "a LimitRange"),
            (
                403,
                r#"pods "farm-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true"#,
                "`baseline`",
            ),
        ] {
            let EngineError::Refused { message: said, .. } = map("make a pod", &refused(code, message)) else {
                panic!("{message}")
            };
            assert!(said.starts_with(message) && said.contains(advice), "{said}");
        }
        let plain = "pods \"farm-x\" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi";
        assert!(matches!(map("x", &refused(403, plain)), EngineError::Refused { message, .. } if message == plain));
        assert!(matches!(map("x", &refused(503, "shutting down")), EngineError::Failed { .. }));
        assert!(matches!(map("x", &refused(409, "exists")), EngineError::Conflict { .. }));
    }

    #[test]
    fn a_websocket_that_is_refused_says_what_to_do() {
        let refused = |status: u16| {
            let status = reqwest::StatusCode::from_u16(status).unwrap();
            map("start a process in a pod", &Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status)))
        };
        let EngineError::Refused { message, .. } = refused(403) else { panic!() };
        assert!(message.contains("403") && message.contains("farm doctor --rbac"), "{message}");
        assert!(matches!(refused(500), EngineError::Failed { .. }));
    }

    #[test]
    fn what_is_missing_of_a_kubeconfig_is_named() {
        let said = of_kubeconfig(&KubeconfigError::LoadContext("frm".to_owned()), Some("frm"));
        assert!(said.starts_with("the kubeconfig has no context `frm`: "), "{said}");
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        let said = of_kubeconfig(&KubeconfigError::ReadConfig(missing, "/no/config".into()), None);
        assert!(said.contains("/no/config") && said.contains("set KUBECONFIG"), "{said}");
    }
}
