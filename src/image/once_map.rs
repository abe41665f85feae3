//! Work that several callers want at the same time is done once: the first does it, the others wait. What the work
//! leaves behind (an image) is found by those who waited when they look for it; what they share here is its failure.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::ImageError;

/// One for each key in use.
#[derive(Debug, Default)]
pub(super) struct OnceMap(Mutex<HashMap<String, Flight>>);

/// Held while the work is done; holds when and how it last failed.
type Flight = Arc<tokio::sync::Mutex<Option<(Instant, ImageError)>>>;

impl OnceMap {
    /// Does `work`, or waits for whoever does it under this key. Who was already waiting when it failed fails likewise;
    /// who comes later tries again. `work` must begin by looking whether it is done already.
    pub(super) async fn run<T>(
        &self,
        key: &str,
        cancel: &CancellationToken,
        work: impl Future<Output = Result<T, ImageError>>,
    ) -> Result<T, ImageError> {
        let arrival = Instant::now();
        let flight = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key.to_owned()).or_default().clone();
        let mut last = tokio::select! {
            last = flight.lock() => last,
            () = cancel.cancelled() => return Err(ImageError::Cancelled),
        };
        if let Some((at, failure)) = &*last
            && *at >= arrival
            && let Some(failure) = failure.shared()
        {
            return Err(failure);
        }
        let result = work.await;
        *last = match &result {
            Err(error) => error.shared().map(|failure| (Instant::now(), failure)),
            Ok(_) => None,
        };
        result
    }
}

impl ImageError {
    /// A copy for those who waited; none for what concerns the first caller alone, or may well go better now.
    fn shared(&self) -> Option<ImageError> {
        Some(match self {
            ImageError::Unavailable { distro, reason } => {
                ImageError::Unavailable { distro: distro.clone(), reason: reason.clone() }
            }
            ImageError::Untrusted { distro, reason } => {
                ImageError::Untrusted { distro: distro.clone(), reason: reason.clone() }
            }
            ImageError::NotLocked { base, identity } => {
                ImageError::NotLocked { base: base.clone(), identity: identity.clone() }
            }
            ImageError::NoWay { distro, reason } => {
                ImageError::NoWay { distro: distro.clone(), reason: reason.clone() }
            }
            ImageError::Reference { reference, reason, transient } => {
                ImageError::Reference { reference: reference.clone(), reason: reason.clone(), transient: *transient }
            }
            ImageError::Script { kind, exit_code, unsatisfiable, oom } => {
                ImageError::Script { kind, exit_code: *exit_code, unsatisfiable: unsatisfiable.clone(), oom: *oom }
            }
            ImageError::File { path, reason } => ImageError::File { path: path.clone(), reason: reason.clone() },
            ImageError::Dockerfile { dockerfile, reason } => {
                ImageError::Dockerfile { dockerfile: dockerfile.clone(), reason: reason.clone() }
            }
            ImageError::Engine(_) | ImageError::Io { .. } | ImageError::Cancelled => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn failure() -> ImageError {
        ImageError::NoWay { distro: "debian-12".to_owned(), reason: "none".to_owned() }
    }

    #[tokio::test]
    async fn those_who_wait_share_a_failure_and_those_who_come_later_try_again() {
        let once = OnceMap::default();
        let cancel = CancellationToken::new();
        let tries = AtomicUsize::new(0);
        let attempt = || {
            once.run("key", &cancel, async {
                tries.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Err::<(), _>(failure())
            })
        };
        let (a, b, c) = tokio::join!(attempt(), attempt(), attempt());
        assert!(a.is_err() && b.is_err() && c.is_err());
        assert_eq!(tries.load(Ordering::SeqCst), 1);
        attempt().await.unwrap_err();
        assert_eq!(tries.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn the_first_callers_cancellation_is_its_own() {
        let once = OnceMap::default();
        let cancel = CancellationToken::new();
        let first = once.run("key", &cancel, async {
            tokio::task::yield_now().await;
            Err::<u32, _>(ImageError::Cancelled)
        });
        let second = once.run("key", &cancel, async { Ok(2) });
        let (first, second) = tokio::join!(first, second);
        assert!(matches!(first, Err(ImageError::Cancelled)));
        assert_eq!(second.unwrap(), 2);
    }

    #[tokio::test]
    async fn waiting_can_be_cancelled() {
        let once = OnceMap::default();
        let cancel = CancellationToken::new();
        let first = once.run("key", &cancel, async {
            cancel.cancelled().await;
            Ok(())
        });
        let second = once.run("key", &cancel, async { Ok(()) });
        let (first, second, ()) = tokio::join!(first, second, async { cancel.cancel() });
        first.unwrap();
        assert!(matches!(second, Err(ImageError::Cancelled)));
    }
}
