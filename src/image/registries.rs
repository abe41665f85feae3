//! Pulls from registries that may be out of reach: one that does not answer is given up once, by the first pull.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, EngineError, ImageInfo};
use crate::types::{Arch, Progress};

/// A registry that has not sent a byte by then is taken for unreachable, for the rest of this process.
const REGISTRY_TIMEOUT: Duration = Duration::from_secs(8);

/// What this process knows of registries: each is given up once, and asked for a base once.
#[derive(Debug, Default)]
pub(super) struct Registries {
    reach: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Reach>>>>,
    /// Bases whose image was pulled, by their names.
    asked: Mutex<HashSet<String>>,
}

#[derive(Debug, Clone, Default)]
enum Reach {
    #[default]
    Unknown,
    Reached,
    /// The reason, as the engine gave it.
    Unreachable(String),
}

pub(super) enum PullError {
    Engine(EngineError),
    Unreachable { registry: String, reason: String },
}

impl Registries {
    pub(super) fn was_asked(&self, base: &str) -> bool {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).contains(base)
    }

    pub(super) fn note_asked(&self, base: &str) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(base.to_owned());
    }

    pub(super) async fn pull(
        &self,
        engine: &dyn Engine,
        reference: &str,
        arch: Arch,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<ImageInfo, PullError> {
        let registry = registry_of(reference).to_owned();
        let reach =
            self.reach.lock().unwrap_or_else(PoisonError::into_inner).entry(registry.clone()).or_default().clone();
        // The first pull tells for all: the others wait until it hears something.
        let mut known = reach.lock().await;
        match &*known {
            Reach::Unreachable(reason) => return Err(PullError::Unreachable { registry, reason: reason.clone() }),
            Reach::Reached => {
                drop(known);
                return engine.pull(reference, arch, progress, cancel).await.map_err(PullError::Engine);
            }
            Reach::Unknown => {}
        }
        let heard = Heard { progress, any: AtomicBool::new(false), first: tokio::sync::Notify::new() };
        let give_up = cancel.child_token();
        let pull = engine.pull(reference, arch, &heard, &give_up);
        tokio::pin!(pull);
        let result = tokio::select! {
            result = &mut pull => result,
            () = heard.first.notified() => {
                *known = Reach::Reached;
                drop(known);
                return pull.await.map_err(PullError::Engine);
            }
            () = tokio::time::sleep(REGISTRY_TIMEOUT) => {
                give_up.cancel();
                // It may be done at this very moment; otherwise this is quick.
                pull.await
            }
        };
        let reason = match result {
            Ok(image) => {
                *known = Reach::Reached;
                return Ok(image);
            }
            Err(EngineError::Cancelled) if !cancel.is_cancelled() => {
                format!("no answer within {} s", REGISTRY_TIMEOUT.as_secs())
            }
            Err(EngineError::Pull { reason, .. }) if tells_no_connection(&reason) => reason,
            Err(error) => return Err(PullError::Engine(error)),
        };
        *known = Reach::Unreachable(reason.clone());
        Err(PullError::Unreachable { registry, reason })
    }
}

/// `docker.io` for a reference without a registry, by the rule of the reference grammar: a first part with a dot or a
/// port, or `localhost`, is a registry.
fn registry_of(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => "docker.io",
    }
}

/// Engines only pass on the words of Go's network library.
pub(super) fn tells_no_connection(reason: &str) -> bool {
    let words = [
        "no such host",
        "connection refused",
        "connection reset",
        "i/o timeout",
        "Client.Timeout",
        "request canceled while waiting",
        "deadline exceeded",
        "network is unreachable",
        "no route to host",
        "server misbehaving",
        "proxyconnect",
        "TLS handshake timeout",
        "Temporary failure in name resolution",
    ];
    words.iter().any(|word| reason.contains(word))
}

/// Notices the first sign of life of a pull.
struct Heard<'a> {
    progress: &'a dyn Progress,
    any: AtomicBool,
    first: tokio::sync::Notify,
}

impl Progress for Heard<'_> {
    fn progress(&self, what: &str, done: u64, total: u64) {
        if !self.any.swap(true, Ordering::Relaxed) {
            self.first.notify_one();
        }
        self.progress.progress(what, done, total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_told_from_a_name() {
        assert_eq!(registry_of("debian:12"), "docker.io");
        assert_eq!(registry_of("library/debian"), "docker.io");
        assert_eq!(registry_of("quay.io/fedora/fedora:43"), "quay.io");
        assert_eq!(registry_of("localhost/x"), "localhost");
        assert_eq!(registry_of("host:5000/x"), "host:5000");
    }
}
