//! What farm needs from whatever runs containers: images, leased containers, exec with streamed output, tar in and out.
//!
//! Drivers: `docker` (any Docker-compatible API: Docker, Podman), `native` (farm's own, on Linux) and `fake` (in memory,
//! for tests of what stands above).
//! A driver does not decide policy: retries, timeouts and clean-up order are the runner's; what an image holds is
//! `image`'s. No type here names a host path: an engine may be remote.

mod credentials;
mod docker;
mod error;
pub mod fake;
#[cfg(target_os = "linux")]
mod native;
mod spec;
mod survey;
mod traits;

use std::sync::Arc;

pub use error::EngineError;
#[cfg(target_os = "linux")]
pub use native::{NativeOptions, run_helper};
pub use spec::{
    BuildSpec, CommitSpec, ContainerSpec, EngineInfo, ExecSpec, ExitStatus, GuestPath, ImageInfo, ImportSpec, Limits,
    Network, Stats, common, labels,
};
pub use survey::{Asked, NativeHealth, Survey, native_health, survey};
pub use traits::{Container, Engine, OutputSink, OutputStream};

/// Finds a container engine that answers. `choice` is `auto` (also the empty string), `docker`, `podman`, `native` (farm's
/// own, on Linux), or the URL of an endpoint: `unix://`, `tcp://`, `http://`, `https://`, `npipe://`, `native://` and the
/// folder of a store, or an absolute socket path. `auto` asks the environment variable `FARM_ENGINE` first; then, as the
/// Docker command line does, `DOCKER_HOST`, `DOCKER_CONTEXT` and the current context of the Docker configuration; then
/// the usual sockets of this host, in a fixed order; then it is farm's own.
///
/// What is named explicitly is never replaced by another engine that happens to run.
///
/// # Errors
/// [`EngineError::NoEngine`] with each endpoint tried and why it did not do, [`EngineError::Config`] for a choice or a
/// configuration that cannot be read, [`EngineError::Unreachable`] where farm's own was asked for and cannot be.
pub async fn connect(choice: &str) -> Result<Arc<dyn Engine>, EngineError> {
    let around = docker::Surroundings::of_this_process();
    let choice = docker::choice(choice, &around);
    if choice == "native" || choice.starts_with("native://") {
        return own(choice.strip_prefix("native://")).await;
    }
    let tried = match docker::connect(choice, &around).await {
        Ok(engine) => return Ok(Arc::new(engine)),
        Err(EngineError::NoEngine { tried }) if choice == "auto" && !docker::is_configured(&around) => tried,
        Err(error) => return Err(error),
    };
    match own(None).await {
        Ok(engine) => Ok(engine),
        Err(error) => {
            let why = match error {
                error @ EngineError::Store { .. } => return Err(error),
                EngineError::Unreachable { reason, .. } | EngineError::Config(reason) => reason,
                other => other.to_string(),
            };
            let own = ("native (farm's own engine)".to_owned(), why);
            Err(EngineError::NoEngine { tried: tried.into_iter().chain([own]).collect() })
        }
    }
}

/// farm's own engine, with the user's store or the one in a folder.
#[cfg(target_os = "linux")]
async fn own(store: Option<&str>) -> Result<Arc<dyn Engine>, EngineError> {
    connect_native(NativeOptions::of_this_process(store.map(std::path::Path::new))?).await
}

#[cfg(not(target_os = "linux"))]
async fn own(_store: Option<&str>) -> Result<Arc<dyn Engine>, EngineError> {
    Err(EngineError::Config(
        "containers without a container engine need Linux: start Docker, Colima or Podman".to_owned(),
    ))
}

/// farm's own engine.
///
/// # Errors
/// [`EngineError::Unreachable`] with what is missing on this system and how to mend it.
#[cfg(target_os = "linux")]
pub async fn connect_native(options: NativeOptions) -> Result<Arc<dyn Engine>, EngineError> {
    Ok(Arc::new(native::open(options).await?))
}
