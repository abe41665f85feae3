//! The driver for everything that speaks the Docker Engine API: Docker (Engine 20.10 and later) and Podman's
//! compatible socket (4.3 and later).
//!
//! All differences between engines are in [`probe::Quirks`], found out once. The driver shares no file system with the
//! engine, mounts nothing of this host, and does not retry: whether a failure is worth another try is the runner's.

mod archive;
mod build;
mod check;
mod client;
mod connection;
mod container;
mod credentials;
mod endpoint;
mod errors;
mod exec;
mod image;
mod labels;
mod probe;
#[cfg(unix)]
mod tunnel;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListVolumesOptionsBuilder, RemoveImageOptionsBuilder, RemoveVolumeOptions,
};
use futures_util::future;
use tokio_util::sync::CancellationToken;

use self::connection::Docker;
use crate::engine::discovery::driver::{Driver, Endpoint};
use crate::engine::labels::{OWNED, RUN};
use crate::engine::{
    BuildSpec, Container, ContainerSpec, Engine, EngineError, EngineInfo, ImageInfo, ImportSpec, OutputSink,
};
use crate::stream::ByteStream;
use crate::types::{Arch, Progress};

pub(super) const DRIVER: Driver = Driver {
    names: endpoint::NAMES,
    schemes: endpoint::SCHEMES,
    title: "a daemon",
    subject: check::SUBJECT,
    endpoints: endpoint::endpoints,
    connect: |endpoint, limit| Box::pin(connect(endpoint, limit)),
    examine: |endpoints| Box::pin(check::examine(endpoints)),
    store: |_| None,
    rights: |_| Ok(None),
};

async fn connect(endpoint: &Endpoint, limit: Duration) -> Result<Arc<dyn Engine>, EngineError> {
    match Docker::open(endpoint, limit).await {
        Ok(engine) => Ok(Arc::new(engine)),
        Err(error) => Err(EngineError::Unreachable { endpoint: endpoint.url.clone(), reason: check::reason(error) }),
    }
}

#[async_trait]
impl Engine for Docker {
    fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn is_remote(&self) -> bool {
        !["unix://", "npipe://"].iter().any(|local| self.endpoint.starts_with(local))
    }

    async fn ping(&self) -> Result<EngineInfo, EngineError> {
        self.renew().await?;
        self.client.ping().await.map_err(|error| self.error("answer a ping", error))?;
        Ok(self.info.clone())
    }

    async fn image(&self, reference: &str) -> Result<Option<ImageInfo>, EngineError> {
        image::inspect(self, reference).await
    }

    async fn images(&self, label: &str) -> Result<Vec<ImageInfo>, EngineError> {
        image::list(self, label).await
    }

    async fn pull(
        &self,
        reference: &str,
        arch: Arch,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<ImageInfo, EngineError> {
        image::pull(self, reference, arch, progress, cancel).await
    }

    async fn import(&self, spec: &ImportSpec, layer: ByteStream) -> Result<ImageInfo, EngineError> {
        image::import(self, spec, layer).await
    }

    async fn build(
        &self,
        spec: &BuildSpec,
        context: ByteStream,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<ImageInfo, EngineError> {
        build::build(self, spec, context, sink, cancel).await
    }

    async fn remove_image(&self, reference: &str) -> Result<(), EngineError> {
        let options = RemoveImageOptionsBuilder::new().force(true).build();
        match self.client.remove_image(reference, Some(options), None).await {
            Err(error) if errors::is_not_found(&error) => Ok(()),
            Err(error) => Err(match self.error("remove an image", error) {
                EngineError::Conflict { action, message } => EngineError::InUse { action, message },
                other => other,
            }),
            Ok(_) => Ok(()),
        }
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<Box<dyn Container>, EngineError> {
        Ok(Box::new(container::create(self, spec).await?))
    }

    async fn reap(&self, run: Option<&str>) -> Result<usize, EngineError> {
        let label = match run {
            Some(run) => format!("{}={run}", RUN),
            None => OWNED.to_owned(),
        };
        let filters = HashMap::from([("label", vec![label])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let left = container::list(&self.client, options).await;
        let left = left.map_err(|error| self.error("list containers", error))?;
        let ids: Vec<String> = left.into_iter().filter_map(|container| container.id).collect();
        future::try_join_all(ids.iter().map(|id| container::remove(&self.client, &self.endpoint, id))).await?;
        Ok(ids.len())
    }

    async fn caches(&self) -> Result<Vec<String>, EngineError> {
        let filters = HashMap::from([("label", vec![OWNED])]);
        let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let found = self.client.list_volumes(Some(options)).await.map_err(|error| self.error("list caches", error))?;
        let mut names: Vec<String> = found.volumes.unwrap_or_default().into_iter().map(|volume| volume.name).collect();
        names.sort();
        Ok(names)
    }

    async fn remove_cache(&self, name: &str) -> Result<(), EngineError> {
        match self.client.remove_volume(name, None::<RemoveVolumeOptions>).await {
            Err(error) if !errors::is_not_found(&error) => Err(self.error("remove a cache", error)),
            _ => Ok(()),
        }
    }
}
