//! A plan, run: the last stage.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use super::advice::Adviser;
use super::{Access, Planned, Project};
use crate::engine::{Engine, EngineInfo, Network};
use crate::event::{Event, JobReport};
use crate::image::Images;
use crate::packaging;
use crate::runner::{self, Request, RunOptions};
use crate::source::Sources;
use crate::store::Store;

/// What a run is to do beside its plan.
#[derive(Debug, Clone)]
pub struct RunChoices {
    /// The run's id, for labels and names.
    pub id: String,
    /// Start no job once one has failed.
    pub fail_fast: bool,
    /// Build even what is up to date.
    pub force: bool,
    /// Network of containers that may have one.
    pub network: Network,
}

/// A run that is going on. When it is dropped, nobody can cancel it any more; it goes on as long as its runtime does.
#[derive(Debug)]
pub struct Run {
    /// Ends after [`Event::RunFinished`].
    pub events: mpsc::UnboundedReceiver<Event>,
    requests: mpsc::UnboundedSender<Request>,
    reports: JoinHandle<Vec<JobReport>>,
}

impl Planned {
    /// Begins to run the plan on the engine that it was made for; must be called within a runtime. The caller holds the
    /// lock of the store until the run has ended.
    pub fn run(
        self,
        project: Project,
        access: Access,
        (engine, engine_info, images): (Arc<dyn Engine>, EngineInfo, Images),
        store: Store,
        choices: RunChoices,
    ) -> Run {
        let Planned { plan, slots, archives, mirrors } = self;
        let distros = plan.jobs.iter().flat_map(|job| {
            let of_environment = job.environment.as_ref().and_then(|environment| environment.distro.as_ref());
            [Some(&job.distro), of_environment].into_iter().flatten()
        });
        let network_env = distros.map(|distro| (distro.id.clone(), packaging::network_env(distro, &mirrors))).collect();
        let context = runner::Context {
            run: choices.id,
            engine,
            engine_info,
            images,
            sources: Sources { cache: access.cache, fetcher: access.fetcher, mirrors },
            store,
            adviser: Arc::new(Adviser { archives, project }),
            options: RunOptions {
                jobs: slots,
                fail_fast: choices.fail_fast,
                force: choices.force,
                host_network: choices.network == Network::Host,
                network_env,
            },
        };
        let (sender, events) = mpsc::unbounded_channel();
        let (requests, asked) = mpsc::unbounded_channel();
        Run { events, requests, reports: tokio::spawn(runner::run(context, plan, sender, asked)) }
    }
}

impl Run {
    /// Asks the run to end early. One that has ended has nothing left to cancel.
    pub fn request(&self, request: Request) {
        let _ = self.requests.send(request);
    }

    /// The reports of all jobs, in the order of the plan, once the run has ended.
    ///
    /// # Errors
    /// When it panicked, which is a bug.
    pub async fn reports(self) -> Result<Vec<JobReport>, JoinError> {
        self.reports.await
    }
}
