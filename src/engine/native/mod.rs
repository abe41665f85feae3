//! farm's own engine: containers of Linux namespaces and overlayfs, with no daemon and, for an ordinary user, no root.
//! Images are in a store of its own (`store`), a container is a process of this program that keeps another one's
//! namespaces (`helper`, `sandbox`, `init`), and nothing outlives farm but the store.
//!
//! It is the one part of farm with `unsafe`: each block says why it is sound.

mod build;
mod calls;
mod cgroup;
mod clear;
mod confine;
mod container;
mod dockerfile;
mod engine;
mod health;
mod helper;
mod ids;
mod init;
mod landlock;
mod options;
mod protocol;
mod pull;
mod reads;
mod sandbox;
mod shared;
mod shim;
mod store;
mod syscalls;
mod terminal;
mod terminal_exec;
mod tree;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

pub use options::NativeOptions;

use self::engine::Native;
use self::shared::blocking;
use crate::engine::discovery::driver::{Driver, Endpoint, Endpoints, Wanted};
use crate::engine::discovery::surroundings::Surroundings;
use crate::engine::{
    BuildSpec, Container, ContainerSpec, Engine, EngineError, EngineInfo, ImageInfo, ImportSpec, OutputSink,
};
use crate::stream::ByteStream;
use crate::types::{Arch, Progress};

const SCHEME: &str = "native";

pub(super) const DRIVER: Driver = Driver {
    names: &[SCHEME],
    schemes: &[SCHEME],
    title: "farm's own engine",
    subject: health::SUBJECT,
    endpoints,
    connect: |endpoint, _| Box::pin(async { connect_native(NativeOptions::of_url(&endpoint.url)?).await }),
    examine: |endpoints| Box::pin(health::examine(endpoints)),
    store: |endpoint| NativeOptions::of_url(&endpoint.url).ok().map(|options| options.store),
    rights: |_| Ok(None),
};

/// farm's own engine.
///
/// # Errors
/// [`EngineError::Unreachable`] with what is missing on this system and how to mend it.
pub async fn connect_native(options: NativeOptions) -> Result<Arc<dyn Engine>, EngineError> {
    Ok(Arc::new(engine::open(options).await?))
}

/// To be called first thing in `main`: does the work of a helper if this process was started as one.
pub fn run_helper() -> Option<ExitCode> {
    let is_helper = std::env::args_os().nth(1).is_some_and(|argument| argument == helper::ARGUMENT);
    is_helper.then(helper::main)
}

/// One: the store that a URL names, or this user's.
fn endpoints(wanted: Wanted<'_>, _around: &Surroundings) -> Result<Endpoints, EngineError> {
    Ok(Endpoints::usual(vec![match wanted {
        Wanted::Url(url) => Endpoint::asked_for(url),
        Wanted::Any | Wanted::Named(_) => Endpoint::new(SCHEME, DRIVER.title),
    }]))
}

#[async_trait]
impl Engine for Native {
    fn endpoint(&self) -> &str {
        &self.shared.endpoint
    }

    fn shares_network(&self) -> bool {
        true
    }

    async fn ping(&self) -> Result<EngineInfo, EngineError> {
        Ok(self.info.clone())
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    async fn image(&self, reference: &str) -> Result<Option<ImageInfo>, EngineError> {
        let (shared, reference) = (self.shared.clone(), reference.to_owned());
        let found = blocking(move || shared.store.find(&reference)).await;
        found.map(|image| image.map(|image| image.info)).map_err(|error| self.failed("look for an image", &error))
    }

    async fn images(&self, label: &str) -> Result<Vec<ImageInfo>, EngineError> {
        let shared = self.shared.clone();
        let found = blocking(move || shared.store.images()).await;
        let found = found.map_err(|error| self.failed("list images", &error))?;
        let has = |image: &ImageInfo| match label.split_once('=') {
            Some((name, value)) => image.labels.get(name).is_some_and(|seen| seen == value),
            None => image.labels.contains_key(label),
        };
        Ok(found.into_iter().map(|image| image.info).filter(has).collect())
    }

    async fn pull(
        &self,
        reference: &str,
        arch: Arch,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<ImageInfo, EngineError> {
        pull::pull(self, reference, arch, progress, cancel).await
    }

    async fn import(&self, spec: &ImportSpec, layer: ByteStream) -> Result<ImageInfo, EngineError> {
        let action = "load an image";
        let failed = |error: io::Error| self.failed(action, &error);
        let shared = self.shared.clone();
        let staging = blocking(move || shared.store.stage()).await.map_err(failed)?;
        self.unpack_layer(&staging, layer, action).await?;
        let (shared, spec) = (self.shared.clone(), spec.clone());
        let made = blocking(move || {
            let made = shared.add_layer(
                &staging.folder.join("layer"),
                None,
                &spec.tag,
                spec.arch,
                &spec.labels,
                spec.env.clone(),
            );
            shared.helpers.remove(staging.into_rubbish())?;
            made
        });
        made.await.map_err(failed)
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
        let (shared, reference) = (self.shared.clone(), reference.to_owned());
        let removed = blocking(move || {
            shared.store.remove_image(&reference)?;
            shared.sweep()
        });
        removed.await.map_err(|error| self.failed("remove an image", &error))
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<Box<dyn Container>, EngineError> {
        let (shared, cgroups, spec) = (self.shared.clone(), self.cgroups.clone(), spec.clone());
        let made = tokio::task::spawn_blocking(move || engine::create(shared, &cgroups, &spec)).await;
        let made = made.map_err(|error| self.failed("create a container", &io::Error::other(error)))?;
        Ok(Box::new(made?))
    }

    async fn reap(&self, run: Option<&str>) -> Result<usize, EngineError> {
        let (shared, run) = (self.shared.clone(), run.map(str::to_owned));
        let reaped = blocking(move || engine::reap(&shared, run.as_deref()));
        reaped.await.map_err(|error| self.failed("remove containers", &error))
    }

    async fn collect_garbage(&self) -> Result<Option<u64>, EngineError> {
        let shared = self.shared.clone();
        let swept = blocking(move || {
            shared.sweep()?;
            Ok(Some(shared.freed.swap(0, Ordering::Relaxed)))
        });
        swept.await.map_err(|error| self.failed("remove what nothing needs", &error))
    }

    async fn verify(&self) -> Result<Option<Vec<String>>, EngineError> {
        let shared = self.shared.clone();
        let problems = blocking(move || {
            let verdict = shared.store.verify(|tree| shared.helpers.digest(tree).map(|(digest, _)| digest))?;
            if !verdict.problems.is_empty() {
                shared.store.forget_damaged(&verdict)?;
            }
            Ok(Some(verdict.problems))
        });
        problems.await.map_err(|error| self.failed("read the store", &error))
    }
}
