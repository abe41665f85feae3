//! The engine: the traits of `engine` in terms of a cluster.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::address::Address;
use super::cluster::Cluster;
use super::images::{self, New};
use super::{container, errors, rights};
use crate::engine::{
    BuildSpec, Container, ContainerSpec, Engine, EngineError, EngineInfo, ImageInfo, ImportSpec, OutputSink,
};
use crate::stream::ByteStream;
use crate::types::{Arch, Progress};

struct Kubernetes(Arc<Cluster>);

/// # Errors
/// [`EngineError::Unreachable`] and [`EngineError::Config`], with what is wrong.
pub(super) async fn connect(url: &str, limit: Duration) -> Result<Arc<dyn Engine>, EngineError> {
    Ok(Arc::new(Kubernetes(Arc::new(Cluster::open(url, limit).await?))))
}

/// # Errors
/// [`EngineError::Config`] for an address that cannot be read.
pub(super) fn rights(url: &str) -> Result<String, EngineError> {
    Address::parse(url).map(|address| rights::manifest(&address)).map_err(EngineError::Config)
}

#[async_trait]
impl Engine for Kubernetes {
    fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    fn is_remote(&self) -> bool {
        true
    }

    async fn ping(&self) -> Result<EngineInfo, EngineError> {
        self.0.ping().await.map_err(|error| errors::map("answer a ping", &error))?;
        Ok(self.0.info.clone())
    }

    async fn image(&self, reference: &str) -> Result<Option<ImageInfo>, EngineError> {
        Ok(images::find(&self.0, reference).await?.map(|found| found.info))
    }

    async fn images(&self, label: &str) -> Result<Vec<ImageInfo>, EngineError> {
        images::list(&self.0, label).await
    }

    async fn pull(
        &self,
        reference: &str,
        arch: Arch,
        _progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<ImageInfo, EngineError> {
        images::pull(&self.0, reference, arch, cancel).await
    }

    async fn import(&self, spec: &ImportSpec, layer: ByteStream) -> Result<ImageInfo, EngineError> {
        let new = New { tag: &spec.tag, arch: spec.arch, labels: &spec.labels, env: spec.env.clone() };
        images::add(&self.0, "load an image", new, layer).await
    }

    async fn build(
        &self,
        _spec: &BuildSpec,
        _context: ByteStream,
        _sink: &mut dyn OutputSink,
        _cancel: &CancellationToken,
    ) -> Result<ImageInfo, EngineError> {
        Err(EngineError::Refused {
            action: "build a Dockerfile".to_owned(),
            message: "farm does not do that in a cluster: build these targets on another engine".to_owned(),
        })
    }

    async fn remove_image(&self, reference: &str) -> Result<(), EngineError> {
        images::remove(&self.0, reference).await
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<Box<dyn Container>, EngineError> {
        let found = images::find(&self.0, &spec.image).await?;
        let image = found.ok_or_else(|| EngineError::NoSuchImage { reference: spec.image.clone() })?;
        Ok(Box::new(container::create(&self.0, spec, &image).await?))
    }

    async fn reap(&self, run: Option<&str>) -> Result<usize, EngineError> {
        self.0.reap(run).await
    }
}
