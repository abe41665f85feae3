//! A process at a terminal, as farm holds it: what is typed goes in, what is shown comes out, until it ends.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use bytes::{Buf, Bytes};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::container::{CHUNK, NativeContainer, incoming};
use super::shared::blocking;
use super::terminal;
use crate::engine::{EngineError, ExecSpec, ExitStatus, OutputSink, OutputStream, TerminalInput, TerminalSize};

pub(super) async fn exec(
    container: &NativeContainer,
    spec: &ExecSpec,
    size: TerminalSize,
    input: &mut mpsc::Receiver<TerminalInput>,
    sink: &mut dyn OutputSink,
    cancel: &CancellationToken,
) -> Result<ExitStatus, EngineError> {
    let action = "run a process at a terminal";
    let failed = |error: io::Error| container.shared.failed(action, &error);
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    let (answer, answer_end) = incoming().map_err(failed)?;
    let (id, request) = container.exec_request(spec, Some(size))?;
    container.send(request, vec![theirs.into(), answer_end]).await?;
    let mut answered = Box::pin(container.answer(answer));
    let Some(terminal) = blocking(move || terminal::receive(&ours)).await.map_err(failed)? else {
        return container.exit_status(action, answered.await?);
    };
    // SAFETY: a `File` has its descriptor as long as it lives, and here it is not replaced.
    let terminal = unsafe { AsyncFd::register(terminal) }.map_err(|error| failed(error.into()))?;
    let (mut is_open, mut has_input, mut typed) = (true, true, Bytes::new());
    let outcome = loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => break Err(EngineError::Cancelled),
            chunk = shown(&terminal), if is_open => match chunk {
                Some(chunk) => {
                    if let Err(error) = sink.write(OutputStream::Stdout, chunk).await {
                        break Err(EngineError::Sink(error));
                    }
                }
                None => is_open = false,
            },
            answer = &mut answered => break answer,
            written = write(&terminal, &typed), if is_open && !typed.is_empty() => typed.advance(written),
            next = input.recv(), if has_input && typed.is_empty() => match next {
                Some(TerminalInput::Typed(bytes)) => typed = bytes,
                Some(TerminalInput::Resized(size)) => {
                    // One that is gone has no size.
                    let _ = terminal::resize(terminal.get_ref().as_fd(), size);
                }
                None => {
                    has_input = false;
                    container.kill(id).await;
                }
            },
        }
    };
    match outcome {
        Ok(answer) => {
            let status = container.exit_status(action, answer)?;
            // All that it wrote is there; what else holds the terminal may write for ever.
            while let Some(chunk) = read(terminal.get_ref()).ok().flatten() {
                sink.write(OutputStream::Stdout, chunk).await.map_err(EngineError::Sink)?;
            }
            Ok(status)
        }
        Err(error @ (EngineError::Cancelled | EngineError::Sink(_))) => {
            container.end_process(id, answered).await;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// The next bytes; none at the end.
async fn shown(terminal: &AsyncFd<File>) -> Option<Bytes> {
    terminal.async_io(Interest::READABLE, read).await.ok().flatten()
}

/// What is there; none at the end, which a terminal without processes has as an error.
fn read(mut terminal: &File) -> io::Result<Option<Bytes>> {
    let mut buffer = vec![0; CHUNK];
    let length = terminal.read(&mut buffer)?;
    buffer.truncate(length);
    Ok((length > 0).then(|| buffer.into()))
}

/// How much of it was taken. One that takes nothing any more has taken all.
async fn write(terminal: &AsyncFd<File>, bytes: &Bytes) -> usize {
    let written = terminal.async_io(Interest::WRITABLE, |mut terminal: &File| terminal.write(bytes)).await;
    written.unwrap_or(bytes.len())
}
