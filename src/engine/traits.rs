//! What a driver has to be able to do: an engine and its containers. `tests/engine` holds every driver to it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::error::EngineError;
use super::spec::{
    BuildSpec, CommitSpec, ContainerSpec, EngineInfo, ExecSpec, ExitStatus, GuestPath, ImageInfo, ImportSpec, Stats,
    TerminalInput, TerminalSize,
};
use crate::stream::ByteStream;
use crate::types::{Arch, Progress};

/// Which of a process's two outputs a chunk came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Takes what a process prints: bytes as they come, cut anywhere, in no encoding. An error stops the process, as
/// cancelling does, and is returned as [`EngineError::Sink`].
#[async_trait]
pub trait OutputSink: Send {
    /// Takes the next chunk of one of the two outputs.
    async fn write(&mut self, stream: OutputStream, chunk: Bytes) -> std::io::Result<()>;
}

/// A container engine. All calls may run in parallel.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Where this engine is reached, for messages: a URL.
    fn endpoint(&self) -> &str;

    /// Whether what is sent to it crosses a network.
    fn is_remote(&self) -> bool {
        false
    }

    /// Whether containers with [`Network::Default`](super::Network::Default) have this host's own network: what listens on
    /// its loopback device is there for them.
    fn shares_network(&self) -> bool {
        false
    }

    /// Asks the engine who it is. The first call to make: it also negotiates the API version.
    async fn ping(&self) -> Result<EngineInfo, EngineError>;

    /// What was wrong with the engine's store when it was opened, and what became of it, as sentences. Only where the store
    /// is farm's to look after.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// The image in the engine's own store under a reference or id; `None` when it has none. Never goes to a registry.
    async fn image(&self, reference: &str) -> Result<Option<ImageInfo>, EngineError>;

    /// All images that carry `label` (`key` or `key=value`), in one call.
    async fn images(&self, label: &str) -> Result<Vec<ImageInfo>, EngineError>;

    /// Pulls `reference` for `arch` from its registry, with the credentials of the Docker configuration.
    /// Can be cancelled.
    async fn pull(
        &self,
        reference: &str,
        arch: Arch,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<ImageInfo, EngineError>;

    /// Makes an image of one layer from an uncompressed tar stream of a root file system.
    async fn import(&self, spec: &ImportSpec, layer: ByteStream) -> Result<ImageInfo, EngineError>;

    /// Makes an image by a Dockerfile. `context` is an uncompressed tar stream of the build context, the Dockerfile in it;
    /// `sink` takes what the build prints. Images that it begins with are pulled where the store has none. Can be
    /// cancelled: no container of it is left, then or after a failure. Podman alone lets a step that is under way come to
    /// its end.
    async fn build(
        &self,
        spec: &BuildSpec,
        context: ByteStream,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<ImageInfo, EngineError>;

    /// Removes the image that `reference`, a tag or an id, names from the engine's store.
    async fn remove_image(&self, reference: &str) -> Result<(), EngineError>;

    /// Makes a container without starting it: files can be uploaded already. It is leased: once started it ends by
    /// itself, and is removed, when this process dies, however it dies.
    async fn create(&self, spec: &ContainerSpec) -> Result<Box<dyn Container>, EngineError>;

    /// Removes what is left of a run (or of every run, with `None`): containers by label. Returns how many there were.
    async fn reap(&self, run: Option<&str>) -> Result<usize, EngineError>;

    /// Package caches that an earlier farm had its containers share, and their removal. Nothing is read from them any
    /// more: what runs in a container could write there.
    async fn caches(&self) -> Result<Vec<String>, EngineError> {
        Ok(Vec::new())
    }
    /// Removes the package cache of this name: one of [`Engine::caches`].
    async fn remove_cache(&self, _name: &str) -> Result<(), EngineError> {
        Ok(())
    }

    /// Removes what nothing needs any more from a store that is farm's to look after, and returns how many bytes of the
    /// disk that gave back, with what this engine removed of its own accord since it was opened. `None` from an engine that
    /// looks after its store itself.
    async fn collect_garbage(&self) -> Result<Option<u64>, EngineError> {
        Ok(None)
    }

    /// What is wrong with a store that is farm's to look after, in words; images that it concerns are no images from then
    /// on. `None` from an engine that does so itself.
    async fn verify(&self) -> Result<Option<Vec<String>>, EngineError> {
        Ok(None)
    }
}

/// A watch on what is opened in a container.
#[async_trait]
pub trait Reads: Send + Sync {
    /// Ends it: the absolute paths of regular files in the container that were opened, links followed.
    async fn end(self: Box<Self>) -> Result<BTreeSet<String>, EngineError>;
}

/// A container of ours. Dropping it is not its clean-up: call [`Container::remove`].
#[async_trait]
pub trait Container: Send + Sync {
    /// The engine's id for it.
    fn id(&self) -> &str;

    /// Starts the idle init process under the lease. Uploads work before and after.
    async fn start(&self) -> Result<(), EngineError>;

    /// Unpacks an uncompressed tar stream below `path`, which exists. Owners are the archive's numeric ids.
    async fn upload(&self, path: &GuestPath, tar: ByteStream) -> Result<(), EngineError>;

    /// Runs one process and hands on its output until it ends. When `cancel` fires, the process and all that it
    /// started in its process group are killed, and the result is [`EngineError::Cancelled`].
    async fn exec(
        &self,
        spec: &ExecSpec,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<ExitStatus, EngineError>;

    /// As [`Container::exec`], at a terminal of the container's own, which is the process's controlling one: all that is
    /// printed comes to `sink` as [`OutputStream::Stdout`], as the terminal shows it. When `input` ends, nobody is at the
    /// terminal any more, and the process is killed.
    async fn exec_at_terminal(
        &self,
        spec: &ExecSpec,
        size: TerminalSize,
        input: &mut mpsc::Receiver<TerminalInput>,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<ExitStatus, EngineError>;

    /// The file or folder at `path` as an uncompressed tar stream, its entries named from the last component of `path` on.
    /// Links in a folder are given as links; a link at `path` itself may be followed, inside the container (Podman does).
    /// Owners are not to be relied on: Podman writes 0:0 for every file.
    async fn download(&self, path: &GuestPath) -> Result<ByteStream, EngineError>;

    /// What the container used so far. The evidence for an out-of-memory outcome: `oom_kills` counts from its start.
    async fn stats(&self) -> Result<Stats, EngineError>;

    /// Notes from now on which files below one of these folders (`/usr/`) are opened in it, whoever does it. Farm's own engine
    /// alone does so, where it is root.
    async fn watch_reads(&self, _below: Vec<String>) -> Result<Box<dyn Reads>, EngineError> {
        Err(EngineError::Refused {
            action: "watch what is opened".to_owned(),
            message: "only farm's own engine does that: --engine native".to_owned(),
        })
    }

    /// Makes an image of the container's file system as it is now. The last thing done with a container: what runs in it
    /// may be ended for it, and only [`Container::remove`] may follow.
    async fn commit(&self, spec: &CommitSpec) -> Result<ImageInfo, EngineError>;

    /// Kills what runs in it and removes it. Always finishes; a container that is gone already is no error.
    async fn remove(self: Box<Self>) -> Result<(), EngineError>;
}
