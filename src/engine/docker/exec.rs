//! One process in a container: its output as it comes, its exit code, and its certain end when nobody wants it any more.

use std::pin::Pin;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::exec::{ResizeExecOptions, StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use bollard::query_parameters::KillContainerOptions;
use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::container::DockerContainer;
use crate::engine::scripts::{self, Pid, SCRIPT_OUTPUT_LIMIT};
use crate::engine::{EngineError, ExecSpec, ExitStatus, OutputSink, OutputStream, TerminalInput, TerminalSize};

/// With no output for so long, the engine is asked whether the process still runs: a daemon that inherited its
/// output keeps the stream open after its end.
const IDLE_CHECK: Duration = Duration::from_secs(2);

/// What is still on its way when the process has ended.
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// The engine notes the exit code a moment after it closed the stream.
const EXIT_CODE_TIMEOUT: Duration = Duration::from_secs(30);
const EXIT_CODE_POLL: Duration = Duration::from_millis(5);

/// How long an engine may take to note that a container ended.
const END_TIMEOUT: Duration = Duration::from_secs(10);
const END_POLL: Duration = Duration::from_millis(100);

/// How long killing may take before the whole container is killed instead.
const KILL_TIMEOUT: Duration = Duration::from_secs(20);

/// An engine that was asked to start a process may say for a moment that there is none.
const RESIZE_ATTEMPTS: u32 = 20;
const RESIZE_POLL: Duration = Duration::from_millis(50);

pub(super) async fn exec(
    container: &DockerContainer,
    spec: &ExecSpec,
    sink: &mut dyn OutputSink,
    cancel: &CancellationToken,
) -> Result<ExitStatus, EngineError> {
    if cancel.is_cancelled() {
        return Err(EngineError::Cancelled);
    }
    let mut process = Process::start(container, spec).await?;
    loop {
        let next = tokio::select! {
            biased;
            () = cancel.cancelled() => {
                process.kill().await;
                return Err(EngineError::Cancelled);
            }
            next = process.next() => next?,
        };
        let Some((stream, chunk)) = next else { break };
        if let Err(error) = sink.write(stream, chunk).await {
            process.kill().await;
            return Err(EngineError::Sink(error));
        }
    }
    process.end().await
}

/// At a terminal: what is typed goes in, what is shown comes out, until it ends.
pub(super) async fn exec_at_terminal(
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

/// Whether the container is no longer running. An engine may refuse an exec in a container whose init process is gone
/// a moment before it notes that end itself; a wrapper that never ran is waited for, since `/bin/sh` is always there.
async fn has_ended(container: &DockerContainer, patient: bool) -> bool {
    let deadline = tokio::time::Instant::now() + if patient { END_TIMEOUT } else { Duration::ZERO };
    loop {
        if !container.is_running().await {
            return true;
        }
        if tokio::time::Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(END_POLL).await;
    }
}

/// Runs a script of farm's own as root and returns what it printed on stdout.
pub(super) async fn run_script(
    container: &DockerContainer,
    script: &str,
    arguments: &[&str],
) -> Result<Vec<u8>, EngineError> {
    match try_script(container, script, arguments).await? {
        (0, output) => Ok(output),
        (code, output) => Err(EngineError::Refused {
            action: "run a script of farm's own in a container".to_owned(),
            message: format!("exit code {code}: {}", String::from_utf8_lossy(&output).trim()),
        }),
    }
}

/// As [`run_script`], with the script's exit code.
pub(super) async fn try_script(
    container: &DockerContainer,
    script: &str,
    arguments: &[&str],
) -> Result<(i32, Vec<u8>), EngineError> {
    let mut argv = vec!["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned(), "farm".to_owned()];
    argv.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    let config = ExecConfig { cmd: Some(argv), user: Some("0:0".to_owned()), ..ExecConfig::default() };
    let mut process = Process::start_as_is(container, config, Pid::Unwrapped).await?;
    let mut output = Vec::new();
    while let Some((stream, chunk)) = process.next().await? {
        if stream == OutputStream::Stdout && output.len() + chunk.len() <= SCRIPT_OUTPUT_LIMIT {
            output.extend_from_slice(&chunk);
        }
    }
    let ExitStatus { code } = process.exit_status().await?;
    Ok((code, output))
}

/// What the engine is asked to run, in the wrapper.
fn config(spec: &ExecSpec, wrap: &str) -> ExecConfig {
    let mut argv = vec!["/bin/sh".to_owned(), "-c".to_owned(), wrap.to_owned(), "farm".to_owned()];
    argv.extend(spec.argv.iter().cloned());
    ExecConfig {
        cmd: Some(argv),
        user: Some(spec.user.clone()),
        env: Some(spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        working_dir: Some(spec.workdir.as_str().to_owned()),
        ..ExecConfig::default()
    }
}

/// A running exec.
struct Process<'a> {
    container: &'a DockerContainer,
    id: String,
    output: BoxStream<'static, Result<LogOutput, Error>>,
    /// What is written there is the process's input, where it has one.
    input: Pin<Box<dyn AsyncWrite + Send>>,
    pid: Pid,
    /// What the wrapper says behind its process id.
    mark: u8,
    /// Output that was held back while looking for the process id.
    pending: Option<Bytes>,
}

impl<'a> Process<'a> {
    async fn start(container: &'a DockerContainer, spec: &ExecSpec) -> Result<Process<'a>, EngineError> {
        Process::start_as_is(container, config(spec, scripts::WRAP), Pid::Awaited(Vec::new())).await
    }

    /// A terminal writes a newline in a way of its own: the wrapper says its process id with another mark behind it.
    async fn start_at_terminal(container: &'a DockerContainer, spec: &ExecSpec) -> Result<Process<'a>, EngineError> {
        let wrap = scripts::WRAP.replacen("echo $$\n", "printf '%s;' $$\n", 1);
        let config = ExecConfig { tty: Some(true), attach_stdin: Some(true), ..config(spec, &wrap) };
        let process = Process::start_as_is(container, config, Pid::Awaited(Vec::new())).await?;
        Ok(Process { mark: b';', ..process })
    }

    async fn start_as_is(
        container: &'a DockerContainer,
        config: ExecConfig,
        pid: Pid,
    ) -> Result<Process<'a>, EngineError> {
        let action = "start a process in a container";
        let tty = config.tty.unwrap_or(false);
        let config = ExecConfig { attach_stdout: Some(true), attach_stderr: Some(true), tty: Some(tty), ..config };
        let client = &container.client;
        let id = client.create_exec(&container.id, config).await.map_err(|error| container.error(action, error))?.id;
        match client.start_exec(&id, Some(StartExecOptions { tty, ..StartExecOptions::default() })).await {
            Ok(StartExecResults::Attached { output, input }) => {
                Ok(Process { container, id, output, input, pid, mark: b'\n', pending: None })
            }
            Ok(StartExecResults::Detached) => Err(EngineError::Lost {
                action: action.to_owned(),
                reason: "the process was started detached".to_owned(),
            }),
            Err(error) => Err(container.error(action, error)),
        }
    }

    /// The next chunk of output; `None` when the process has ended and all its output was seen. Can be dropped and
    /// called again.
    async fn next(&mut self) -> Result<Option<(OutputStream, Bytes)>, EngineError> {
        let mut ended = false;
        loop {
            if let Some(held_back) = self.pending.take() {
                return Ok(Some((OutputStream::Stdout, held_back)));
            }
            let patience = if ended { LAST_OUTPUT } else { IDLE_CHECK };
            let item = match tokio::time::timeout(patience, self.output.next()).await {
                Ok(item) => item,
                Err(_) if ended => return Ok(None),
                Err(_) => {
                    ended = !self.is_running().await?.0;
                    continue;
                }
            };
            let (stream, chunk) = match item {
                Some(Ok(LogOutput::StdErr { message })) => (OutputStream::Stderr, message),
                Some(Ok(LogOutput::StdOut { message } | LogOutput::Console { message })) => {
                    match self.pid.take(message, self.mark) {
                        Some(rest) => (OutputStream::Stdout, rest),
                        None => continue,
                    }
                }
                Some(Ok(LogOutput::StdIn { .. })) => continue,
                Some(Err(error)) => return Err(self.container.error("hand on output", error)),
                None => {
                    if let Pid::Awaited(held_back) = &mut self.pid {
                        let held_back = std::mem::take(held_back);
                        self.pid = Pid::Absent;
                        if !held_back.is_empty() {
                            return Ok(Some((OutputStream::Stdout, held_back.into())));
                        }
                    }
                    return Ok(None);
                }
            };
            if !chunk.is_empty() {
                return Ok(Some((stream, chunk)));
            }
        }
    }

    async fn is_running(&mut self) -> Result<(bool, Option<i64>), EngineError> {
        let inspected = self.container.client.inspect_exec(&self.id).await;
        let inspected = inspected.map_err(|error| self.container.error("say how a process ended", error))?;
        Ok((inspected.running.unwrap_or(false), inspected.exit_code))
    }

    /// How it ended, once all its output was seen.
    async fn end(self) -> Result<ExitStatus, EngineError> {
        let (container, never_ran) = (self.container, matches!(self.pid, Pid::Absent));
        let status = self.exit_status().await?;
        // Killed, or refused by the runtime: by the program's own doing, or because the container ended around it?
        if (status.code == 137 || never_ran) && has_ended(container, never_ran).await {
            let reason = "its init process is gone: something removed the container or killed it".to_owned();
            return Err(EngineError::Ended { id: container.short_id(), reason });
        }
        Ok(status)
    }

    async fn exit_status(mut self) -> Result<ExitStatus, EngineError> {
        let deadline = tokio::time::Instant::now() + EXIT_CODE_TIMEOUT;
        loop {
            match self.is_running().await? {
                (false, Some(code)) => {
                    return Ok(ExitStatus { code: i32::try_from(code).unwrap_or(i32::MAX) });
                }
                _ if tokio::time::Instant::now() < deadline => tokio::time::sleep(EXIT_CODE_POLL).await,
                _ => {
                    return Err(EngineError::Lost {
                        action: "say how a process ended".to_owned(),
                        reason: "its output is closed and it still runs".to_owned(),
                    });
                }
            }
        }
    }

    /// Kills the process with all of its session, and where that cannot be made sure of, the container: nothing that
    /// was cancelled goes on running.
    async fn kill(&mut self) {
        if !matches!(tokio::time::timeout(KILL_TIMEOUT, self.kill_session()).await, Ok(Ok(()))) {
            // It is gone, or about to be removed by whoever cancelled: then this has nothing left to do.
            let _ = self.container.client.kill_container(&self.container.id, None::<KillContainerOptions>).await;
        }
    }

    async fn kill_session(&mut self) -> Result<(), EngineError> {
        // Cancelled before the wrapper said who it is: that is its very first act.
        while matches!(self.pid, Pid::Awaited(_)) {
            if self.next().await?.is_none() {
                break;
            }
        }
        if let Pid::Known(pid) = self.pid {
            run_script(self.container, scripts::KILL_SESSION, &[&pid.to_string()]).await?;
        }
        // What was printed meanwhile is nobody's; the end of the stream is the end of the process.
        while self.next().await?.is_some() {}
        Ok(())
    }
}
