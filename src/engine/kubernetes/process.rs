//! One process in a pod: a script of farm's that is sent by its input, so that what is in it, arguments, environment and
//! secrets, is in no URL and no audit log of the cluster. Its input stays open until its end is known: of a cluster that
//! speaks the older protocol (v4), closing it would close the connection.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::Api;
use kube::api::{AttachParams, AttachedProcess};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_util::io::ReaderStream;

use crate::engine::{OutputStream, TerminalSize};

/// Between the connection and farm.
const BUFFER: usize = 64 << 10;
/// What is still on its way when all output has come.
const STATUS_TIMEOUT: Duration = Duration::from_secs(30);
/// More words than that tell no more.
const LONGEST_WORDS: usize = 4096;

pub(super) struct Process {
    /// Dropped, it ends the connection.
    pub(super) _attached: AttachedProcess,
    pub(super) input: Pin<Box<dyn AsyncWrite + Send>>,
    pub(super) output: Output,
    /// What the wrapper says behind its process id.
    pub(super) mark: u8,
}

pub(super) struct Output {
    chunks: BoxStream<'static, (OutputStream, Bytes)>,
    status: Told,
}

/// What the cluster said of the end.
enum Told {
    Awaited(BoxFuture<'static, Option<Status>>),
    End(End),
    /// The connection ended without a word.
    Nothing,
}

impl Told {
    fn of(status: Option<Status>) -> Told {
        status.map_or(Told::Nothing, |status| Told::End(end(&status)))
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Exited(i32),
    /// The cluster could not run it, in its words.
    Refused(String),
    /// The connection ended before the process did, as far as is known.
    Lost,
}

impl Process {
    /// # Errors
    /// Why the cluster does not run it.
    pub(super) async fn start(pods: &Api<Pod>, name: &str, script: &str) -> Result<Process, kube::Error> {
        // What came in part, because farm ended, is no whole command: nothing of it is run.
        let script = format!("{{\n{script}\n}}\n");
        let parameters = AttachParams::default()
            .stdin(true)
            .max_stdin_buf_size(BUFFER)
            .max_stdout_buf_size(BUFFER)
            .max_stderr_buf_size(BUFFER);
        let command = ["/bin/sh".to_owned(), "-c".to_owned(), format!("eval \"$(head -c {})\"", script.len())];
        let mut attached = pods.exec(name, command, &parameters).await?;
        let status = attached.take_status();
        let mut input: Pin<Box<dyn AsyncWrite + Send>> = match attached.stdin() {
            Some(input) => Box::pin(input),
            None => Box::pin(tokio::io::sink()),
        };
        let chunks = stream::select(
            chunks(attached.stdout(), OutputStream::Stdout),
            chunks(attached.stderr(), OutputStream::Stderr),
        );
        let status = match status {
            Some(status) => Told::Awaited(status.boxed()),
            None => Told::Nothing,
        };
        let output = Output { chunks: chunks.boxed(), status };
        // Where it cannot be written, the status says why. A connection that broke takes nothing, and says nothing.
        let written = async {
            let _ = input.write_all(script.as_bytes()).await;
            let _ = input.flush().await;
        };
        let _ = tokio::time::timeout(STATUS_TIMEOUT, written).await;
        Ok(Process { _attached: attached, input, output, mark: b'\n' })
    }

    /// At a terminal: what its command reads is what is typed, once it is written to the input. And what tells the terminal its
    /// size, where the cluster takes that.
    pub(super) async fn start_at_terminal(
        pods: &Api<Pod>,
        name: &str,
        command: [&str; 2],
    ) -> Result<(Process, Option<Sizes>), kube::Error> {
        let parameters = AttachParams::interactive_tty().max_stdin_buf_size(BUFFER).max_stdout_buf_size(BUFFER);
        let mut attached = pods.exec(name, command, &parameters).await?;
        let (status, sizes) = (attached.take_status(), attached.terminal_size());
        let input: Pin<Box<dyn AsyncWrite + Send>> = match attached.stdin() {
            Some(input) => Box::pin(input),
            None => Box::pin(tokio::io::sink()),
        };
        let output = Output {
            chunks: chunks(attached.stdout(), OutputStream::Stdout),
            status: status.map_or(Told::Nothing, |status| Told::Awaited(status.boxed())),
        };
        // A terminal writes a newline in a way of its own.
        let process = Process { _attached: attached, input, output, mark: b';' };
        let sizes = sizes.map(|mut sizes| {
            let tell = move |TerminalSize { rows, columns }| {
                drop(sizes.try_send(kube::api::TerminalSize { width: columns, height: rows }));
            };
            Sizes(Box::new(tell))
        });
        Ok((process, sizes))
    }
}

/// Tells a terminal its size.
pub(super) struct Sizes(Box<dyn FnMut(TerminalSize) + Send>);

impl Sizes {
    /// One that cannot be told is a terminal that looks odd, and no more.
    pub(super) fn tell(&mut self, size: TerminalSize) {
        (self.0)(size);
    }
}

fn chunks<R: AsyncRead + Send + 'static>(
    reader: Option<R>,
    of: OutputStream,
) -> BoxStream<'static, (OutputStream, Bytes)> {
    match reader {
        // A connection that breaks ends it; the status then is not there.
        Some(reader) => ReaderStream::with_capacity(Box::pin(reader), BUFFER)
            .filter_map(move |chunk| async move { Some((of, chunk.ok()?)) })
            .boxed(),
        None => stream::empty().boxed(),
    }
}

impl Output {
    /// The next chunk; `None` when all was seen. Can be dropped and called again.
    pub(super) async fn next(&mut self) -> Option<(OutputStream, Bytes)> {
        loop {
            self.status = match &mut self.status {
                Told::End(_) => return self.chunks.next().await,
                // The client closes no pipe when a connection breaks: what is in it is all.
                Told::Nothing => return self.chunks.next().now_or_never().flatten(),
                Told::Awaited(status) => tokio::select! {
                    biased;
                    chunk = self.chunks.next() => return chunk,
                    status = status => Told::of(status),
                },
            };
        }
    }

    /// How it ended, once all output was seen.
    pub(super) async fn end(&mut self) -> End {
        if let Told::Awaited(status) = &mut self.status {
            let status = tokio::time::timeout(STATUS_TIMEOUT, status).await;
            self.status = Told::of(status.ok().flatten());
        }
        match &self.status {
            Told::End(end) => end.clone(),
            Told::Nothing | Told::Awaited(_) => End::Lost,
        }
    }

    /// All that there is still to come, as far as it is worth it: the outputs, and how it ended.
    pub(super) async fn rest(&mut self, most: usize) -> (Vec<u8>, String, End) {
        let (mut printed, mut words) = (Vec::new(), Vec::new());
        while let Some((stream, chunk)) = self.next().await {
            let (all, most) = match stream {
                OutputStream::Stdout => (&mut printed, most),
                OutputStream::Stderr => (&mut words, LONGEST_WORDS),
            };
            if all.len() + chunk.len() <= most {
                all.extend_from_slice(&chunk);
            }
        }
        let end = self.end().await;
        (printed, String::from_utf8_lossy(&words).trim().to_owned(), end)
    }
}

fn end(status: &Status) -> End {
    if status.status.as_deref() == Some("Success") {
        return End::Exited(0);
    }
    let causes = status.details.as_ref().and_then(|details| details.causes.as_deref()).unwrap_or_default();
    let code = causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    match code.and_then(|cause| cause.message.as_deref()?.parse().ok()) {
        Some(code) if status.reason.as_deref() == Some("NonZeroExitCode") => End::Exited(code),
        _ => End::Refused(status.message.clone().unwrap_or_default()),
    }
}

/// A word of the shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_process_is_read_as_kubernetes_says_it() {
        let end = |status: serde_json::Value| end(&serde_json::from_value(status).unwrap());
        let metadata = serde_json::json!({});
        assert_eq!(end(serde_json::json!({ "metadata": metadata, "status": "Success" })), End::Exited(0));
        let failed = serde_json::json!({
            "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": "command terminated with non-zero exit code: error executing command [sh], exit code 3",
            "details": { "causes": [{ "reason": "ExitCode", "message": "3" }] },
        });
        assert_eq!(end(failed), End::Exited(3));
        let refused = serde_json::json!({
            "metadata": {}, "status": "Failure", "reason": "InternalError", "message": "container not found (\"farm\")",
        });
        assert_eq!(end(refused), End::Refused("container not found (\"farm\")".to_owned()));
    }

    #[test]
    fn words_of_the_shell_are_what_they_were() {
        assert_eq!(quoted("a 'b' $c"), "'a '\\''b'\\'' $c'");
    }
}
