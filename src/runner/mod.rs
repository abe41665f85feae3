//! Runs a plan: a pure dispatcher decides (slots, memory, cancelling), an executor does (images, containers, logs,
//! artifacts, store). It reports by events only and never prints.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::engine::Engine;
use crate::event::{Event, JobReport};
use crate::image::Images;
use crate::plan::Plan;
use crate::source::Sources;
use crate::store::Store;

/// What a run needs beside its plan.
pub struct Context {
    /// `20261122-235716-4f2a`: in labels and container names.
    pub run: String,
    pub engine: Arc<dyn Engine>,
    pub engine_info: crate::engine::EngineInfo,
    pub images: Images,
    pub sources: Sources,
    pub store: Store,
    pub options: RunOptions,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("run", &self.run).field("options", &self.options).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Slots.
    pub jobs: usize,
    pub fail_fast: bool,
    /// Build even what is up to date.
    pub force: bool,
    /// Network of containers that may have one.
    pub host_network: bool,
}

/// What a person or the system asks of a run while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// The first Ctrl-C: no new jobs; running ones are cancelled and cleaned up.
    Cancel,
    /// The second: as fast as can be, still leaving no container.
    Kill,
}

/// Runs all jobs of the plan. Ends after [`Event::RunFinished`] was sent; the reports are in plan order.
pub async fn run(
    context: Context,
    plan: Plan,
    events: mpsc::UnboundedSender<Event>,
    requests: mpsc::UnboundedReceiver<Request>,
) -> Vec<JobReport> {
    let _ = (context, plan, events, requests);
    unimplemented!()
}
