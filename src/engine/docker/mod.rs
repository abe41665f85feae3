//! The driver for everything that speaks the Docker Engine API: Docker (Engine 20.10 and later) and Podman's
//! compatible socket (4.3 and later).
//!
//! All differences between engines are in [`probe::Quirks`], found out once. The driver shares no file system with the
//! engine, mounts nothing of this host, and does not retry: whether a failure is worth another try is the runner's.

mod archive;
mod build;
mod client;
mod container;
mod credentials;
mod endpoint;
mod errors;
mod exec;
mod image;
mod pid1;
mod probe;

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListVolumesOptionsBuilder, RemoveImageOptionsBuilder, RemoveVolumeOptions,
};
use futures_util::future;
use tokio_util::sync::CancellationToken;

pub(crate) use endpoint::{Surroundings, choice, is_configured};

use super::survey::Asked;
use super::{
    BuildSpec, Container, ContainerSpec, Engine, EngineError, EngineInfo, ImageInfo, ImportSpec, OutputSink, labels,
};
use crate::stream::ByteStream;
use crate::types::{Arch, Progress};
use probe::Quirks;

/// A connection to one engine.
#[derive(Debug)]
pub(crate) struct Docker {
    client: bollard::Docker,
    endpoint: String,
    info: EngineInfo,
    quirks: Quirks,
    pulls: image::PullLocks,
}

/// How long an engine may take to answer that somebody named: a busy one may need a while.
const NAMED_PATIENCE: Duration = Duration::from_secs(60);
/// And one behind a usual socket, after which others are to be tried.
const GUESSED_PATIENCE: Duration = Duration::from_secs(5);

/// The first of the candidates that answers.
pub(crate) async fn connect(choice: &str, around: &Surroundings) -> Result<Docker, EngineError> {
    let mut tried = Vec::new();
    let candidates = endpoint::candidates(choice, around)?;
    let patience = if candidates.len() == 1 { NAMED_PATIENCE } else { GUESSED_PATIENCE };
    for candidate in candidates {
        match Docker::open(&candidate, patience).await {
            Ok(engine) => return Ok(engine),
            Err(error) => tried.push((format!("{} ({})", candidate.url, candidate.origin), why_not(error))),
        }
    }
    Err(EngineError::NoEngine { tried })
}

/// All of the candidates, asked at once.
pub(crate) async fn survey(choice: &str, around: &Surroundings) -> Result<Vec<Asked>, EngineError> {
    let ask = |candidate: endpoint::Candidate| async move {
        let answer = match Docker::open(&candidate, GUESSED_PATIENCE).await {
            Ok(engine) => Ok(engine.info),
            Err(error) => Err(why_not(error)),
        };
        let socket = candidate.url.strip_prefix("unix://");
        let absent = socket.is_some_and(|path| !std::path::Path::new(path).exists());
        Asked { url: candidate.url, origin: candidate.origin, absent, answer }
    };
    Ok(future::join_all(endpoint::candidates(choice, around)?.into_iter().map(ask)).await)
}

/// In words, with what helps.
fn why_not(error: EngineError) -> String {
    let reason = match error {
        EngineError::Unreachable { reason, .. } | EngineError::Config(reason) => reason,
        other => other.to_string(),
    };
    let hint = if reason.contains("ermission denied") {
        "; this user may not use it: join its group (`docker`), or run a rootless engine"
    } else if reason.contains("HTTP request to an HTTPS server") {
        "; set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder of the certificates"
    } else {
        ""
    };
    format!("{reason}{hint}")
}

impl Docker {
    async fn open(candidate: &endpoint::Candidate, patience: Duration) -> Result<Docker, EngineError> {
        let client = client::open(candidate, patience).await?;
        let (info, quirks) =
            probe::probe(&client).await.map_err(|error| errors::map(&candidate.url, "describe itself", error))?;
        Ok(Docker { client, endpoint: candidate.url.clone(), info, quirks, pulls: image::PullLocks::default() })
    }

    fn error(&self, action: &str, error: bollard::errors::Error) -> EngineError {
        errors::map(&self.endpoint, action, error)
    }
}

#[async_trait]
impl Engine for Docker {
    fn endpoint(&self) -> &str {
        &self.endpoint
    }

    async fn ping(&self) -> Result<EngineInfo, EngineError> {
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
            Some(run) => format!("{}={run}", labels::RUN),
            None => labels::OWNED.to_owned(),
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
        let filters = HashMap::from([("label", vec![labels::OWNED])]);
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
