//! Ctrl-C and its kin as a stream. What the first, second and third one mean is the command's business. Ctrl-Z, so that what
//! is on the screen can be put in order before the process stops.

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

/// What happens around a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// Ctrl-Z: the process shall stop.
    Asked,
    /// It goes on after somebody else has stopped it.
    Over,
}

/// Ctrl-Z, whose default action, to stop the process at once, is off as long as this is there.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Pauses {
    asked: tokio::signal::unix::Signal,
    over: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Pauses {
    /// None where the system refuses it: then it is as without.
    ///
    /// # Panics
    /// When called outside a tokio runtime.
    pub(crate) fn listen() -> Option<Pauses> {
        use nix::sys::signal::Signal;
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |signal_number: Signal| signal(SignalKind::from_raw(signal_number as i32)).ok();
        Some(Pauses { asked: listen(Signal::SIGTSTP)?, over: listen(Signal::SIGCONT)? })
    }

    pub(crate) async fn next(&mut self) -> Pause {
        tokio::select! {
            Some(()) = self.asked.recv() => Pause::Asked,
            Some(()) = self.over.recv() => Pause::Over,
            else => std::future::pending().await,
        }
    }

    /// Stops this process until somebody lets it go on. Where nobody could, because no shell looks after it, it does not.
    pub(crate) async fn stop(&mut self) {
        use nix::sys::signal::{Signal, raise};
        use nix::unistd::{getpgrp, getsid};
        // As the kernel has it for an orphaned process group.
        let is_alone = getsid(None).is_ok_and(|session| session == getpgrp());
        if !is_alone && raise(Signal::SIGSTOP).is_ok() {
            self.over.recv().await;
        }
    }
}

#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct Pauses;

#[cfg(not(unix))]
impl Pauses {
    pub(crate) fn listen() -> Option<Pauses> {
        None
    }

    pub(crate) async fn next(&mut self) -> Pause {
        std::future::pending().await
    }

    pub(crate) async fn stop(&mut self) {}
}
