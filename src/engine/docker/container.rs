//! A leased container: made, started, filled, emptied, committed and removed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bollard::errors::Error;
use bollard::models::{ContainerConfig, ContainerCreateBody, ContainerSummary, HealthConfig, HostConfig};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CommitContainerOptionsBuilder, ContainerArchiveInfoOptionsBuilder,
    CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder, InspectContainerOptions, ListContainersOptions,
    RemoveContainerOptionsBuilder, StartContainerOptions, UploadToContainerOptionsBuilder,
};
use bytes::Bytes;
use futures_util::{StreamExt, future, stream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::connection::Docker;
use super::labels::{OURS, encoded};
use super::{errors, exec, image};
use crate::engine::{
    CommitSpec, Container, ContainerSpec, EngineError, ExecSpec, ExitStatus, GuestPath, ImageInfo, Network, OutputSink,
    Stats, TerminalInput, TerminalSize, common, labels, scripts,
};
use crate::stream::ByteStream;

/// How long a removal that somebody else began may take.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(30);
const REMOVAL_POLL: Duration = Duration::from_millis(50);

pub(super) struct DockerContainer {
    pub(super) client: bollard::Docker,
    pub(super) endpoint: String,
    pub(super) id: String,
    upload_checks_folder: bool,
    /// The task that holds the attached connection; ending it ends the container.
    lease: Mutex<Option<AbortHandle>>,
}

impl Drop for DockerContainer {
    fn drop(&mut self) {
        self.release();
    }
}

pub(super) async fn create(engine: &Docker, spec: &ContainerSpec) -> Result<DockerContainer, EngineError> {
    let mut options = CreateContainerOptionsBuilder::new().name(&spec.name);
    // Asked for only where needed: engines compare it with what the image says of itself.
    let platform = image::platform(spec.arch);
    if spec.arch != engine.info.arch {
        options = options.platform(&platform);
    }
    let created = engine.client.create_container(Some(options.build()), body(spec)).await;
    let created = created.map_err(|error| match errors::is_no_such_image(&error) {
        true => EngineError::NoSuchImage { reference: spec.image.clone() },
        false => engine.error("create a container", error),
    })?;
    Ok(DockerContainer {
        client: engine.client.clone(),
        endpoint: engine.endpoint.clone(),
        id: created.id,
        upload_checks_folder: engine.quirks.upload_ignores_missing_folder,
        lease: Mutex::new(None),
    })
}

pub(super) fn network_mode(network: Network) -> &'static str {
    match network {
        Network::None => "none",
        Network::Default => "default",
        Network::Host => "host",
    }
}

fn body(spec: &ContainerSpec) -> ContainerCreateBody {
    let mut labels: HashMap<String, String> = spec.labels.clone().into_iter().collect();
    labels.insert(labels::OWNED.to_owned(), String::new());
    let memory = spec.limits.memory_bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    let host_config = HostConfig {
        auto_remove: Some(true),
        network_mode: Some(network_mode(spec.network).to_owned()),
        cpuset_cpus: spec.limits.cpuset.clone(),
        memory,
        // Equal to the memory limit: no swap beside it. A build that swaps is a build that hangs.
        memory_swap: memory,
        pids_limit: spec.limits.pids.map(i64::from),
        shm_size: i64::try_from(common::SHARED_MEMORY).ok(),
        // The default capabilities stay: preparing needs chown, setuid and chroot as root. But no set-uid program of
        // the image makes the build user root again; root steps run as root from the start and never need one.
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        ..HostConfig::default()
    };
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        hostname: Some(spec.host_name.to_owned()),
        user: Some("0:0".to_owned()),
        working_dir: Some("/".to_owned()),
        // The empty one means none, whatever the image says; a commit then leaves none behind, either.
        entrypoint: Some(vec![String::new()]),
        cmd: Some(["/bin/sh", "-c", scripts::IDLE].map(str::to_owned).to_vec()),
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(false),
        attach_stderr: Some(false),
        tty: Some(false),
        // With `none` alone Docker sets up its own empty network, which doubles the time of a start. This leaves it to
        // the runtime: a new network namespace with nothing but its loopback device.
        network_disabled: Some(spec.network == Network::None),
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
        labels: Some(labels),
        host_config: Some(host_config),
        ..ContainerCreateBody::default()
    }
}

/// Podman has a state, `stopped`, that is not in Docker's API and that the client cannot read: a container is in it from
/// its end to its removal, so asking again a moment later helps.
pub(super) async fn list(
    client: &bollard::Docker,
    options: ListContainersOptions,
) -> Result<Vec<ContainerSummary>, Error> {
    let deadline = tokio::time::Instant::now() + REMOVAL_TIMEOUT;
    loop {
        match client.list_containers(Some(options.clone())).await {
            Err(Error::JsonDataError { .. }) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(REMOVAL_POLL).await;
            }
            result => return result,
        }
    }
}

/// Kills and removes; waits where somebody else is at it already. Gone is gone.
pub(super) async fn remove(client: &bollard::Docker, endpoint: &str, id: &str) -> Result<(), EngineError> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match client.remove_container(id, Some(options)).await {
        Ok(()) => Ok(()),
        Err(error) if errors::is_not_found(&error) => Ok(()),
        Err(error) if errors::is_conflict(&error) => {
            let gone = async {
                while exists(client, id).await {
                    tokio::time::sleep(REMOVAL_POLL).await;
                }
            };
            tokio::time::timeout(REMOVAL_TIMEOUT, gone)
                .await
                .map_err(|_| errors::map(endpoint, "remove a container", error))
        }
        Err(error) => {
            // The container may have ended and been removed by itself between the two halves of the engine's work.
            if exists(client, id).await { Err(errors::map(endpoint, "remove a container", error)) } else { Ok(()) }
        }
    }
}

async fn exists(client: &bollard::Docker, id: &str) -> bool {
    match client.inspect_container(id, None::<InspectContainerOptions>).await {
        Ok(_) => true,
        Err(error) => !errors::is_not_found(&error),
    }
}

impl DockerContainer {
    pub(super) fn error(&self, action: &str, error: bollard::errors::Error) -> EngineError {
        if errors::is_ended(&error) {
            return EngineError::Ended { id: self.short_id(), reason: error.to_string() };
        }
        errors::map(&self.endpoint, action, error)
    }

    /// As engines print it.
    pub(super) fn short_id(&self) -> String {
        self.id.chars().take(12).collect()
    }

    fn release(&self) {
        let lease = self.lease.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(task) = lease {
            task.abort();
        }
    }

    /// Whether it can still be used.
    pub(super) async fn is_running(&self) -> bool {
        match self.client.inspect_container(&self.id, None::<InspectContainerOptions>).await {
            Ok(found) => found.state.and_then(|state| state.running) == Some(true),
            Err(error) => !errors::is_not_found(&error),
        }
    }

    /// Whether `path` is there, without fetching it.
    async fn check_path(&self, path: &GuestPath) -> Result<(), EngineError> {
        let options = ContainerArchiveInfoOptionsBuilder::new().path(path.as_str()).build();
        match self.client.get_container_archive_info(&self.id, Some(options)).await {
            // HEAD has no body: a 404 is the path, unless the container itself is gone.
            Err(error) if errors::is_not_found(&error) && exists(&self.client, &self.id).await => {
                Err(EngineError::NoSuchPath(path.clone()))
            }
            Err(error) => Err(self.error("look at a path", error)),
            Ok(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Container for DockerContainer {
    fn id(&self) -> &str {
        &self.id
    }

    async fn start(&self) -> Result<(), EngineError> {
        let options = AttachContainerOptionsBuilder::new().stream(true).stdin(true).stdout(true).build();
        let attached = self.client.attach_container(&self.id, Some(options)).await;
        let mut attached = attached.map_err(|error| self.error("attach to a container", error))?;
        let task = tokio::spawn(async move {
            // Nothing is ever written, and nothing is expected: this waits for the end of the container.
            let _lease = attached.input;
            while attached.output.next().await.is_some() {}
        });
        let previous = self.lease.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).replace(task.abort_handle());
        if let Some(previous) = previous {
            previous.abort();
        }
        let started = self.client.start_container(&self.id, None::<StartContainerOptions>).await;
        started.map_err(|error| self.error("start a container", error))
    }

    async fn upload(&self, path: &GuestPath, tar: ByteStream) -> Result<(), EngineError> {
        if self.upload_checks_folder {
            self.check_path(path).await?;
        }
        let source = errors::SourceError::default();
        let options = UploadToContainerOptionsBuilder::new().path(path.as_str()).build();
        let body = bollard::body_try_stream(source.watch(tar));
        let Err(error) = self.client.upload_to_container(&self.id, Some(options), body).await else { return Ok(()) };
        let missing = match &error {
            Error::DockerResponseServerError { .. } => errors::is_not_found(&error) && !errors::is_ended(&error),
            // An engine that refuses while the body is still being sent may close the connection before its answer
            // is read: ask again what it would have said.
            _ => matches!(self.check_path(path).await, Err(EngineError::NoSuchPath(_))),
        };
        if missing {
            return Err(EngineError::NoSuchPath(path.clone()));
        }
        Err(source.or(self.error("take an upload", error)))
    }

    async fn exec(
        &self,
        spec: &ExecSpec,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<ExitStatus, EngineError> {
        exec::exec(self, spec, sink, cancel).await
    }

    async fn exec_at_terminal(
        &self,
        spec: &ExecSpec,
        size: TerminalSize,
        input: &mut mpsc::Receiver<TerminalInput>,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<ExitStatus, EngineError> {
        exec::exec_at_terminal(self, spec, size, input, sink, cancel).await
    }

    async fn download(&self, path: &GuestPath) -> Result<ByteStream, EngineError> {
        let options = DownloadFromContainerOptionsBuilder::new().path(path.as_str()).build();
        let mut body = Box::pin(self.client.download_from_container(&self.id, Some(options)));
        // The request is made when its first chunk is asked for: errors of the request come out here.
        let first: Bytes = match body.next().await {
            Some(Ok(chunk)) => chunk,
            Some(Err(error)) if errors::is_not_found(&error) && !errors::is_ended(&error) => {
                return Err(EngineError::NoSuchPath(path.clone()));
            }
            Some(Err(error)) => return Err(self.error("give a download", error)),
            None => Bytes::new(),
        };
        let rest = body.map(|chunk| chunk.map_err(std::io::Error::other));
        Ok(Box::pin(stream::once(future::ready(Ok(first))).chain(rest)))
    }

    async fn stats(&self) -> Result<Stats, EngineError> {
        match exec::try_script(self, scripts::MEMORY, &[]).await? {
            // Where files without a disk have taken all memory, they stay, and the kernel ends whatever else starts.
            (KILLED, _) => Ok(Stats { oom_kills: Some(1), ..Stats::default() }),
            (_, output) => Ok(scripts::memory(&String::from_utf8_lossy(&output))),
        }
    }

    async fn commit(&self, spec: &CommitSpec) -> Result<ImageInfo, EngineError> {
        commit(self, spec).await
    }

    async fn remove(self: Box<Self>) -> Result<(), EngineError> {
        remove(&self.client, &self.endpoint, &self.id).await
    }
}

/// A commit adds to the labels that the container carries, its own and its image's, and can take none away. The ones of
/// ours that the new image is not to have (the run, the target, the base's digest) are set to nothing instead.
async fn commit(container: &DockerContainer, spec: &CommitSpec) -> Result<ImageInfo, EngineError> {
    let action = "commit a container";
    let client = &container.client;
    let inspected = client.inspect_container(&container.id, None::<InspectContainerOptions>).await;
    let inspected = inspected.map_err(|error| container.error(action, error))?;
    let mut all: BTreeMap<String, String> = inspected
        .config
        .and_then(|config| config.labels)
        .unwrap_or_default()
        .into_keys()
        .filter(|name| name.starts_with(OURS))
        .map(|name| (name, String::new()))
        .collect();
    all.extend(spec.labels.iter().map(|(name, value)| (name.clone(), encoded(value))));
    all.insert(labels::OWNED.to_owned(), String::new());
    let mut changes = vec!["ENTRYPOINT []".to_owned(), r#"CMD ["/bin/sh"]"#.to_owned()];
    changes.extend(all.iter().map(|(name, value)| format!("LABEL \"{name}\"=\"{value}\"")));
    let (repository, tag) = spec.tag.rsplit_once(':').unwrap_or((&spec.tag, "latest"));
    let options = CommitContainerOptionsBuilder::new()
        .container(&container.id)
        .repo(repository)
        .tag(tag)
        .pause(false)
        .changes(&changes.join("\n"))
        .build();
    // The body is read by Docker and must be there for Podman; what matters is in the changes, which both obey.
    let committed = client.commit_container(options, ContainerConfig::default()).await;
    let id = committed.map_err(|error| container.error(action, error))?.id;
    let image = image::inspect_raw(client, &container.endpoint, &id).await?;
    image.map(|image| image::info(&image)).ok_or_else(|| EngineError::Refused {
        action: action.to_owned(),
        message: format!("{} is not there after it was committed", spec.tag),
    })
}

/// The exit code of a shell, or of an exec, that SIGKILL ended.
const KILLED: i32 = 137;
