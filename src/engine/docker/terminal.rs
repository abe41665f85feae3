//! One process at a terminal in a container: what is typed goes in, what is shown comes out, until it ends.

use std::time::Duration;

use bollard::exec::ResizeExecOptions;
use bytes::{Buf, Bytes};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::container::DockerContainer;
use super::exec::Process;
use crate::engine::{EngineError, ExecSpec, ExitStatus, OutputSink, TerminalInput, TerminalSize};

/// An engine that was asked to start a process may say for a moment that there is none.
const RESIZE_ATTEMPTS: u32 = 20;
const RESIZE_POLL: Duration = Duration::from_millis(50);

pub(super) async fn exec(
    container: &DockerContainer,
    spec: &ExecSpec,
    size: TerminalSize,
    input: &mut mpsc::Receiver<TerminalInput>,
    sink: &mut dyn OutputSink,
    cancel: &CancellationToken,
) -> Result<ExitStatus, EngineError> {
    if cancel.is_cancelled() {
        return Err(EngineError::Cancelled);
    }
    let mut process = Process::start_at_terminal(container, spec).await?;
    let mut keyboard = std::mem::replace(&mut process.input, Box::pin(tokio::io::sink()));
    let (mut has_input, mut typed) = (true, Bytes::new());
    resize(container, &process.id, size, RESIZE_ATTEMPTS).await;
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => {
                process.kill().await;
                return Err(EngineError::Cancelled);
            }
            next = process.next() => {
                let Some((stream, chunk)) = next? else { break };
                if let Err(error) = sink.write(stream, chunk).await {
                    process.kill().await;
                    return Err(EngineError::Sink(error));
                }
            }
            // One that takes nothing any more has taken all: its end is seen by its output.
            written = keyboard.write(&typed), if !typed.is_empty() => {
                typed.advance(written.ok().filter(|length| *length > 0).unwrap_or(typed.len()));
                let _ = keyboard.flush().await;
            }
            next = input.recv(), if has_input && typed.is_empty() => match next {
                Some(TerminalInput::Typed(bytes)) => typed = bytes,
                Some(TerminalInput::Resized(size)) => resize(container, &process.id, size, 1).await,
                None => {
                    has_input = false;
                    process.kill().await;
                }
            },
        }
    }
    process.end().await
}

/// A size that cannot be told is a terminal that looks odd, and no more.
async fn resize(container: &DockerContainer, id: &str, size: TerminalSize, attempts: u32) {
    let options = ResizeExecOptions { height: size.rows, width: size.columns };
    for _ in 0..attempts {
        if container.client.resize_exec(id, options).await.is_ok() {
            return;
        }
        tokio::time::sleep(RESIZE_POLL).await;
    }
}
