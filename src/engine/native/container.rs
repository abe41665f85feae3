//! A container as farm holds it: a socket to its first process, pipes for what moves, and its folder in the store.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Child;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, future, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;

use super::cgroup::Cgroups;
use super::protocol::{self, Answer, Cgroup, Request};
use super::reads;
use super::shared::{Shared, blocking};
use super::store::Image;
use super::terminal_exec;
use crate::engine::{
    CommitSpec, Container, EngineError, ExecSpec, ExitStatus, GuestPath, ImageInfo, OutputSink, OutputStream, Reads,
    Stats, TerminalInput, TerminalSize,
};
use crate::stream::ByteStream;
use crate::types::Arch;

/// What is read from a pipe at once.
pub(super) const CHUNK: usize = 64 << 10;
/// How long killing may take before the whole container is ended instead.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);
/// An answer is a line of text.
const LARGEST_ANSWER: u64 = 64 << 10;

pub(super) struct NativeContainer {
    pub(super) shared: Arc<Shared>,
    pub(super) id: String,
    pub(super) arch: Arch,
    pub(super) image: Image,
    pub(super) folder: PathBuf,
    pub(super) cgroups: Vec<Cgroup>,
    /// Closing it ends the container.
    pub(super) socket: Arc<UnixStream>,
    pub(super) shim: Mutex<Option<Child>>,
    pub(super) next: AtomicU64,
}

impl Drop for NativeContainer {
    fn drop(&mut self) {
        // Somebody may still hold the socket for a moment; nothing is read from it any more.
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        if let Some(mut shim) = self.shim.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Collected, so that it does not stay a zombie of a long run.
            std::thread::spawn(move || shim.wait());
        }
    }
}

/// A pipe: the end that stays here, and the one that goes into the container.
pub(super) fn incoming() -> io::Result<(pipe::Receiver, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    Ok((pipe::Receiver::from_owned_fd(reader.into())?, writer.into()))
}

fn outgoing() -> io::Result<(OwnedFd, pipe::Sender)> {
    let (reader, writer) = io::pipe()?;
    Ok((reader.into(), pipe::Sender::from_owned_fd(writer.into())?))
}

impl NativeContainer {
    fn ended(&self, reason: impl Into<String>) -> EngineError {
        EngineError::Ended { id: self.id.clone(), reason: reason.into() }
    }

    fn failed(&self, action: &str, error: &io::Error) -> EngineError {
        self.shared.failed(action, error)
    }

    fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Hands a request over; its files are the container's from then on.
    pub(super) async fn send(&self, request: Request, files: Vec<OwnedFd>) -> Result<(), EngineError> {
        let socket = self.socket.clone();
        let sent = blocking(move || {
            let raw: Vec<RawFd> = files.iter().map(AsRawFd::as_raw_fd).collect();
            protocol::send(&socket, &request, &raw)
        })
        .await;
        sent.map_err(|error| self.ended(error.to_string()))
    }

    /// What the container says at the end of a request.
    pub(super) async fn answer(&self, from: pipe::Receiver) -> Result<Answer, EngineError> {
        let mut text = Vec::new();
        let read = from.take(LARGEST_ANSWER).read_to_end(&mut text).await;
        match read {
            Ok(0) => Err(self.ended("its first process is gone")),
            Ok(_) => serde_json::from_slice(&text).map_err(|_| self.ended("it gave an answer that is none")),
            Err(error) => Err(self.ended(error.to_string())),
        }
    }

    fn unexpected(&self, action: &str, answer: Answer) -> EngineError {
        match answer {
            Answer::DiskFull => EngineError::DiskFull { action: action.to_owned() },
            Answer::Failed(message) => EngineError::Failed { action: action.to_owned(), message },
            other => self.ended(format!("it answered {other:?}")),
        }
    }

    /// The request to run a process, and its number.
    pub(super) fn exec_request(
        &self,
        spec: &ExecSpec,
        terminal: Option<TerminalSize>,
    ) -> Result<(u64, Request), EngineError> {
        let refused = || self.failed("run a process", &io::Error::other("users are numbers here"));
        let (user, group) = owner(&spec.user).ok_or_else(refused)?;
        let id = self.next_id();
        let (argv, env) = (spec.argv.clone(), environment(&self.image.env, &spec.env));
        Ok((id, Request::Exec { id, argv, env, user, group, workdir: spec.workdir.as_str().to_owned(), terminal }))
    }

    /// What the answer to such a request says.
    pub(super) fn exit_status(&self, action: &str, answer: Answer) -> Result<ExitStatus, EngineError> {
        match answer {
            Answer::Exited(code) => Ok(ExitStatus { code }),
            other => Err(self.unexpected(action, other)),
        }
    }

    /// Kills a process, and waits until it is gone.
    pub(super) async fn end_process(&self, id: u64, answered: impl Future<Output = Result<Answer, EngineError>>) {
        self.kill(id).await;
        if tokio::time::timeout(KILL_TIMEOUT, answered).await.is_err() {
            // Nothing can kill it but the end of everything in the container.
            let _ = self.socket.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Kills a job with all of its session; then its answer comes.
    pub(super) async fn kill(&self, id: u64) {
        let _ = self.send(Request::Kill { id }, Vec::new()).await;
    }

    async fn upload_stream(&self, path: &GuestPath, mut tar: ByteStream) -> Result<(), EngineError> {
        let action = "take an upload";
        let failed = |error: io::Error| self.failed(action, &error);
        let (theirs, mut ours) = outgoing().map_err(failed)?;
        let (answer, answer_end) = incoming().map_err(failed)?;
        let id = self.next_id();
        self.send(Request::Upload { id, path: path.as_str().to_owned() }, vec![theirs, answer_end]).await?;
        let broken = loop {
            match tar.next().await {
                None => break None,
                Some(Err(error)) => break Some(error),
                // It has stopped reading: its answer says why.
                Some(Ok(chunk)) => match ours.write_all(&chunk).await {
                    Ok(()) => {}
                    Err(_) => break None,
                },
            }
        };
        if let Some(error) = broken {
            self.kill(id).await;
            drop(ours);
            let _ = self.answer(answer).await;
            return Err(EngineError::Source(error));
        }
        drop(ours);
        match self.answer(answer).await? {
            Answer::Done => Ok(()),
            Answer::NoSuchPath => Err(EngineError::NoSuchPath(path.clone())),
            other => Err(self.unexpected(action, other)),
        }
    }
}

#[async_trait]
impl Container for NativeContainer {
    fn id(&self) -> &str {
        &self.id
    }

    /// It runs since it was made: there is nothing that takes time.
    async fn start(&self) -> Result<(), EngineError> {
        Ok(())
    }

    async fn upload(&self, path: &GuestPath, tar: ByteStream) -> Result<(), EngineError> {
        self.upload_stream(path, tar).await
    }

    async fn exec(
        &self,
        spec: &ExecSpec,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<ExitStatus, EngineError> {
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let action = "run a process";
        let failed = |error: io::Error| self.failed(action, &error);
        let (mut output, output_end) = incoming().map_err(failed)?;
        let (mut errors, errors_end) = incoming().map_err(failed)?;
        let (answer, answer_end) = incoming().map_err(failed)?;
        let (id, request) = self.exec_request(spec, None)?;
        self.send(request, vec![output_end, errors_end, answer_end]).await?;
        let mut answered = Box::pin(self.answer(answer));
        let (mut output_open, mut errors_open) = (true, true);
        let (mut first, mut second) = (BytesMut::new(), BytesMut::new());
        let outcome = loop {
            let taken = tokio::select! {
                biased;
                () = cancel.cancelled() => break Err(EngineError::Cancelled),
                chunk = read(&mut output, &mut first), if output_open => (OutputStream::Stdout, chunk),
                chunk = read(&mut errors, &mut second), if errors_open => (OutputStream::Stderr, chunk),
                answer = &mut answered => break answer,
            };
            let (stream, chunk) = taken;
            match chunk {
                Some(chunk) => {
                    if let Err(error) = sink.write(stream, chunk).await {
                        break Err(EngineError::Sink(error));
                    }
                }
                None if stream == OutputStream::Stdout => output_open = false,
                None => errors_open = false,
            }
        };
        match outcome {
            Ok(answer) => {
                let status = self.exit_status(action, answer)?;
                // All that it wrote is in the pipes; what else holds them open may write for ever.
                for (stream, pipe) in [(OutputStream::Stdout, &output), (OutputStream::Stderr, &errors)] {
                    while let Some(chunk) = left(pipe) {
                        sink.write(stream, chunk).await.map_err(EngineError::Sink)?;
                    }
                }
                Ok(status)
            }
            Err(error @ (EngineError::Cancelled | EngineError::Sink(_))) => {
                self.end_process(id, answered).await;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn exec_at_terminal(
        &self,
        spec: &ExecSpec,
        size: TerminalSize,
        input: &mut mpsc::Receiver<TerminalInput>,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<ExitStatus, EngineError> {
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        terminal_exec::exec(self, spec, size, input, sink, cancel).await
    }

    async fn download(&self, path: &GuestPath) -> Result<ByteStream, EngineError> {
        let action = "give a download";
        let failed = |error: io::Error| self.failed(action, &error);
        let (mut ours, theirs) = incoming().map_err(failed)?;
        let (answer, answer_end) = incoming().map_err(failed)?;
        let id = self.next_id();
        self.send(Request::Download { id, path: path.as_str().to_owned() }, vec![theirs, answer_end]).await?;
        let Some(begin) = read(&mut ours, &mut BytesMut::new()).await else {
            return Err(match self.answer(answer).await? {
                Answer::NoSuchPath => EngineError::NoSuchPath(path.clone()),
                other => self.unexpected(action, other),
            });
        };
        let rest = ReaderStream::with_capacity(ours, CHUNK);
        // The stream is whole only if the container says so.
        let end = stream::once(async move {
            let mut text = Vec::new();
            answer.take(LARGEST_ANSWER).read_to_end(&mut text).await?;
            match serde_json::from_slice(&text) {
                Ok(Answer::Done) => Ok(Bytes::new()),
                Ok(Answer::Failed(why)) => Err(io::Error::other(why)),
                _ => Err(io::Error::other("the container ended")),
            }
        });
        Ok(Box::pin(stream::once(future::ready(Ok(begin))).chain(rest).chain(end)))
    }

    async fn stats(&self) -> Result<Stats, EngineError> {
        let usage = Cgroups::usage(&self.cgroups);
        Ok(Stats { oom_kills: usage.oom_kills, memory_peak_bytes: usage.peak_bytes })
    }

    async fn watch_reads(&self, below: Vec<String>) -> Result<Box<dyn Reads>, EngineError> {
        let shim = self.shim.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Child::id);
        let shim = shim.ok_or_else(|| self.ended("its shim is gone"))?;
        match blocking(move || reads::begin(shim, below)).await {
            Ok(watch) => Ok(Box::new(watch)),
            Err(error) => Err(self.failed("watch what is opened", &error)),
        }
    }

    async fn commit(&self, spec: &CommitSpec) -> Result<ImageInfo, EngineError> {
        self.commit_with(spec, self.image.env.clone()).await
    }

    async fn remove(self: Box<Self>) -> Result<(), EngineError> {
        self.end().await
    }
}

impl NativeContainer {
    /// [`Container::commit`], the image with another environment than the container's own image has.
    pub(super) async fn commit_with(&self, spec: &CommitSpec, env: Vec<String>) -> Result<ImageInfo, EngineError> {
        let action = "commit a container";
        let (answer, answer_end) = incoming().map_err(|error| self.failed(action, &error))?;
        self.send(Request::Quiesce, vec![answer_end]).await?;
        match self.answer(answer).await? {
            Answer::Done => {}
            other => return Err(self.unexpected(action, other)),
        }
        let (shared, image, folder) = (self.shared.clone(), self.image.clone(), self.folder.clone());
        let (spec, arch) = (spec.clone(), self.arch);
        // The files that the container wrote become the layer: they are moved, not copied.
        let committed = blocking(move || {
            let layer = folder.join("layer");
            shared.add_layer(&layer, Some(&image), &spec.tag, arch, &spec.labels, env)
        });
        committed.await.map_err(|error| self.failed(action, &error))
    }

    /// [`Container::remove`], for who shares it.
    pub(super) async fn end(&self) -> Result<(), EngineError> {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        let shim = self.shim.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut shim) = shim else { return Ok(()) };
        let folder = self.folder.clone();
        let removed = blocking(move || {
            let status = shim.wait()?;
            if status.success() || !folder.exists() {
                return Ok(());
            }
            Err(io::Error::other(format!("{} could not be removed", folder.display())))
        });
        removed.await.map_err(|error| self.failed("remove a container", &error))
    }
}

/// `uid:gid`
fn owner(user: &str) -> Option<(u32, u32)> {
    let (user, group) = user.split_once(':')?;
    Some((user.parse().ok()?, group.parse().ok()?))
}

/// What the image sets, and what is asked for, which wins.
fn environment(image: &[String], asked: &[(String, String)]) -> Vec<String> {
    let mut all: BTreeMap<&str, &str> = image.iter().filter_map(|one| one.split_once('=')).collect();
    all.extend(asked.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    all.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// The next bytes; none at the end, or when there will be none.
async fn read(pipe: &mut pipe::Receiver, buffer: &mut BytesMut) -> Option<Bytes> {
    buffer.reserve(CHUNK);
    match pipe.read_buf(buffer).await {
        Ok(n) if n > 0 => Some(buffer.split().freeze()),
        _ => None,
    }
}

/// What is in a pipe already.
fn left(pipe: &pipe::Receiver) -> Option<Bytes> {
    let mut buffer = vec![0; CHUNK];
    match pipe.try_read(&mut buffer) {
        Ok(n) if n > 0 => {
            buffer.truncate(n);
            Some(Bytes::from(buffer))
        }
        _ => None,
    }
}
