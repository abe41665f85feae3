//! Ctrl-C and its kin as a stream. What the first, second and third one mean is the command's business.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;

/// One message for each SIGINT, SIGTERM or SIGHUP (elsewhere: each Ctrl-C) from now on; their default action, ending
/// the process at once, is off.
///
/// # Errors
/// When the system refuses the handlers.
///
/// # Panics
/// When called outside a tokio runtime.
pub(crate) fn listen() -> std::io::Result<mpsc::UnboundedReceiver<()>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            let mut signals = signal(kind)?;
            let sender = sender.clone();
            tokio::spawn(async move { while signals.recv().await.is_some() && sender.send(()).is_ok() {} });
        }
    }
    #[cfg(not(unix))]
    tokio::spawn(async move { while tokio::signal::ctrl_c().await.is_ok() && sender.send(()).is_ok() {} });
    Ok(receiver)
}

/// What the first of them cancels.
pub(crate) fn cancel_on_signal() -> Result<CancellationToken, Failure> {
    let mut signals = listen().map_err(|source| Failure::System { action: "listen for Ctrl-C", source })?;
    let cancel = CancellationToken::new();
    let fired = cancel.clone();
    tokio::spawn(async move {
        if signals.recv().await.is_some() {
            fired.cancel();
        }
    });
    Ok(cancel)
}
