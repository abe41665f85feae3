//! This process's own terminal, handed to a process in a container: each byte that is typed goes there, and each size that
//! the terminal gets.

use std::io::{self, IsTerminal, Read};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::engine::{Container, EngineError, ExecSpec, ExitStatus, OutputSink, TerminalInput, TerminalSize};

/// A terminal that can be handed on.
pub(super) struct Keyboard(());

impl Keyboard {
    /// None where there is no terminal to type at.
    pub(super) fn new() -> Option<Keyboard> {
        io::stdin().is_terminal().then_some(Keyboard(()))
    }

    /// Runs a process at it. The terminal is as it was before when that has ended.
    pub(super) async fn run(
        self,
        container: &dyn Container,
        spec: &ExecSpec,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<ExitStatus, EngineError> {
        let (sender, mut input) = mpsc::channel(16);
        follow_size(sender.downgrade());
        let _raw = Raw::new();
        // It blocks until something is typed, and ends with the process.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = io::stdin().lock().read(&mut buffer)
                && length > 0
                && sender.blocking_send(TerminalInput::Typed(Bytes::copy_from_slice(&buffer[..length]))).is_ok()
            {
            }
        });
        container.exec_at_terminal(spec, size(), &mut input, sink, cancel).await
    }
}

fn size() -> TerminalSize {
    let (rows, columns) = console::Term::stdout().size_checked().unwrap_or((24, 80));
    TerminalSize { rows, columns }
}

/// Tells each new size as long as there is a keyboard.
#[cfg(unix)]
fn follow_size(sender: mpsc::WeakSender<TerminalInput>) {
    use tokio::signal::unix::{SignalKind, signal};
    // A size that nobody hears of is a terminal that looks odd, and no more.
    let Ok(mut changes) = signal(SignalKind::window_change()) else { return };
    tokio::spawn(async move {
        while changes.recv().await.is_some()
            && let Some(sender) = sender.upgrade()
            && sender.send(TerminalInput::Resized(size())).await.is_ok()
        {}
    });
}

#[cfg(not(unix))]
fn follow_size(_sender: mpsc::WeakSender<TerminalInput>) {}

/// A terminal that acts on nothing that is typed, until this is dropped.
#[cfg(unix)]
struct Raw(Option<nix::sys::termios::Termios>);

#[cfg(unix)]
impl Raw {
    fn new() -> Raw {
        use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut raw = before.clone();
            cfmakeraw(&mut raw);
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &raw);
        }
        Raw(before)
    }
}

#[cfg(unix)]
impl Drop for Raw {
    fn drop(&mut self) {
        use nix::sys::termios::{SetArg, tcsetattr};
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, before);
        }
    }
}

#[cfg(not(unix))]
struct Raw;

#[cfg(not(unix))]
impl Raw {
    fn new() -> Raw {
        Raw
    }
}
