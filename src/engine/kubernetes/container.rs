//! A leased pod as a container of farm's.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::cluster::{Cluster, Found};
use super::images::{self, New};
use super::{exec, files, lease, terminal};
use crate::engine::{
    CommitSpec, Container, ContainerSpec, EngineError, ExecSpec, ExitStatus, GuestPath, ImageInfo, OutputSink, Stats,
    TerminalInput, TerminalSize, scripts,
};
use crate::stream::ByteStream;
use crate::types::Arch;

pub(super) struct Leased {
    cluster: Arc<Cluster>,
    /// The pod's.
    name: String,
    arch: Arch,
    /// What its image sets.
    env: Vec<String>,
    lease: JoinHandle<()>,
}

impl Drop for Leased {
    fn drop(&mut self) {
        self.lease.abort();
    }
}

/// Its pod runs: uploads need an exec. The lease is kept from now on.
pub(super) async fn create(cluster: &Arc<Cluster>, spec: &ContainerSpec, image: &Found) -> Result<Leased, EngineError> {
    let name = cluster.make(spec, image).await?;
    let lease = lease::keep(cluster.pods.clone(), name.clone());
    Ok(Leased { cluster: cluster.clone(), name, arch: spec.arch, env: image.env.clone(), lease })
}

#[async_trait]
impl Container for Leased {
    fn id(&self) -> &str {
        &self.name
    }

    async fn start(&self) -> Result<(), EngineError> {
        Ok(())
    }

    async fn upload(&self, path: &GuestPath, tar: ByteStream) -> Result<(), EngineError> {
        files::upload(&self.cluster, &self.name, path, tar).await
    }

    async fn exec(
        &self,
        spec: &ExecSpec,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<ExitStatus, EngineError> {
        exec::exec(&self.cluster, &self.name, spec, sink, cancel).await
    }

    async fn exec_at_terminal(
        &self,
        spec: &ExecSpec,
        size: TerminalSize,
        input: &mut mpsc::Receiver<TerminalInput>,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<ExitStatus, EngineError> {
        terminal::exec(&self.cluster, &self.name, spec, size, input, sink, cancel).await
    }

    async fn download(&self, path: &GuestPath) -> Result<ByteStream, EngineError> {
        Ok(files::download(&self.cluster, &self.name, path).await?.stream())
    }

    async fn stats(&self) -> Result<Stats, EngineError> {
        match exec::script(&self.cluster, &self.name, scripts::MEMORY).await? {
            // Where files without a disk have taken all memory, they stay, and the kernel ends whatever else starts.
            (exec::KILLED, _) => Ok(Stats { oom_kills: Some(1), ..Stats::default() }),
            (_, printed) => Ok(scripts::memory(&String::from_utf8_lossy(&printed))),
        }
    }

    async fn commit(&self, spec: &CommitSpec) -> Result<ImageInfo, EngineError> {
        let action = "commit a pod";
        if self.cluster.repository.is_none() {
            return Err(images::no_registry(action));
        }
        let layer = files::root(&self.cluster, &self.name).await?.stream();
        let new = New { tag: &spec.tag, arch: self.arch, labels: &spec.labels, env: self.env.clone() };
        images::add(&self.cluster, action, new, layer).await
    }

    async fn remove(self: Box<Self>) -> Result<(), EngineError> {
        self.lease.abort();
        self.cluster.remove(&self.name).await
    }
}
