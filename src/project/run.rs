//! A plan, run: the last stage.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

use super::advice::Adviser;
use super::{Access, Planned, Project};
use crate::engine::Network;
use crate::event::{Event, JobReport, RunReport};
use crate::lock::Locked;
use crate::packaging::{self, Factor};
use crate::report::{End, Sink};
use crate::runner::{self, GoOn, Request, RunOptions};
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
    /// Whether builds take over what the last good ones left in the caches that recipes name, and leave theirs.
    pub build_cache: bool,
    /// Keep the containers of builds that fail, for who looks into them.
    pub keep_failed: bool,
    /// Build one target in the container that was kept of it. Its packages are not accepted.
    pub go_on: Option<GoOn>,
    /// Network of containers that may have one.
    pub network: Network,
    /// What each target is held to.
    pub locked: Locked,
    /// Whether to note what of a recipe's requirements its builds use: [`JobReport::unused`].
    pub watch_reads: bool,
    /// Whether findings of linters count that the last good build had, too.
    pub all_findings: bool,
    /// Whether sinks hear of every line that builds print, and not only of the newest from time to time. A build then waits
    /// for the slowest of them.
    pub every_line: bool,
    /// Build what is up to date once more, with so much of its environment another one, and compare the packages with those of
    /// the store, which stay.
    pub verify: Option<BTreeSet<Factor>>,
}

impl RunChoices {
    /// To build whatever is up to date, and to leave nothing for another build.
    pub(crate) fn afresh(id: String, network: Network) -> RunChoices {
        RunChoices {
            id,
            network,
            fail_fast: false,
            force: true,
            build_cache: false,
            keep_failed: false,
            go_on: None,
            locked: Locked::default(),
            watch_reads: false,
            all_findings: false,
            every_line: false,
            verify: None,
        }
    }
}

/// A run that is going on. When it is dropped, nobody can cancel it any more; it goes on as long as its runtime does.
#[derive(Debug)]
pub struct Run {
    requests: mpsc::UnboundedSender<Request>,
    end: JoinHandle<RunEnd>,
}

/// What a run came to.
#[derive(Debug)]
pub struct RunEnd {
    /// The report of the run as a whole, as [`crate::event::Event::RunFinished`] told it.
    pub run: RunReport,
    /// How each job ended, in the order of the plan.
    pub jobs: Vec<JobReport>,
    /// Why sinks did not take all events.
    pub unwritten: Vec<io::Error>,
    /// Those that did: they have yet to hear how the command ends.
    sinks: Vec<Box<dyn Sink>>,
}

impl RunEnd {
    /// Tells the sinks how the command ends that the run was for.
    pub fn tell(&mut self, end: &End<'_>) {
        self.unwritten.extend(self.sinks.iter_mut().filter_map(|sink| sink.end(end).err()));
    }
}

impl Planned {
    /// Begins to run the plan on the engines that it was made for; must be called within a runtime. The caller holds the
    /// lock of the store until the run has ended. Each of `sinks` hears of all that happens.
    pub fn run(
        self,
        project: Project,
        access: Access,
        store: Store,
        choices: RunChoices,
        sinks: Vec<Box<dyn Sink>>,
    ) -> Run {
        let Planned { plan, pool, bases, archives, mirrors } = self;
        let distros = plan.jobs.iter().flat_map(|job| {
            let of_environment = job.environment.as_ref().and_then(|environment| environment.distro.as_ref());
            let of_linter = job.lint.as_ref().map(|lint| &lint.distro);
            [Some(&job.distro), of_environment, of_linter].into_iter().flatten()
        });
        let network_env = distros.map(|distro| {
            let mut env = packaging::network_env(distro, &mirrors);
            // A former state is past its end by right.
            env.extend(archives.holds(distro).then(|| (packaging::HELD.to_owned(), "yes".to_owned())));
            (distro.id.clone(), env)
        });
        let network_env = network_env.collect();
        let context = runner::Context {
            run: choices.id,
            pool,
            agreed: runner::Agreed::on(bases),
            sources: access.sources(mirrors),
            store,
            adviser: Arc::new(Adviser { archives, project }),
            options: RunOptions {
                fail_fast: choices.fail_fast,
                force: choices.force,
                keep_failed: choices.keep_failed,
                go_on: choices.go_on,
                build_caches: choices.build_cache.then(|| access.cache.join("build-caches")),
                host_network: choices.network == Network::Host,
                network_env,
                locked: choices.locked,
                watch_reads: choices.watch_reads,
                all_findings: choices.all_findings,
                every_line: choices.every_line,
                verify: choices.verify,
            },
        };
        Run::begin(sinks, |events, asked| runner::run(context, plan, events, asked))
    }
}

/// Hands each event to each sink until there are none. Returns the sinks, and the errors of those that were left out.
async fn write(
    mut events: mpsc::UnboundedReceiver<Event>,
    mut sinks: Vec<Box<dyn Sink>>,
) -> (Vec<Box<dyn Sink>>, Vec<io::Error>) {
    let mut unwritten = Vec::new();
    while let Some(event) = events.recv().await {
        sinks.retain_mut(|sink| match sink.event(&event) {
            Ok(()) => true,
            Err(error) => {
                unwritten.push(error);
                false
            }
        });
    }
    (sinks, unwritten)
}

impl Run {
    /// Begins what tells of itself by events and is asked to end by requests.
    pub(crate) fn begin<F>(
        sinks: Vec<Box<dyn Sink>>,
        work: impl FnOnce(mpsc::UnboundedSender<Event>, mpsc::UnboundedReceiver<Request>) -> F,
    ) -> Run
    where
        F: Future<Output = (RunReport, Vec<JobReport>)> + Send + 'static,
    {
        let (sender, events) = mpsc::unbounded_channel();
        let (requests, asked) = mpsc::unbounded_channel();
        // A task of its own: who is slow to write holds up no job.
        let written = tokio::spawn(write(events, sinks));
        let work = work(sender, asked);
        let end = async move {
            let (run, jobs) = work.await;
            let (sinks, unwritten) = written.await.unwrap_or_else(|error| match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Default::default(),
            });
            RunEnd { run, jobs, unwritten, sinks }
        };
        Run { requests, end: tokio::spawn(end) }
    }

    /// Asks the run to end early. One that has ended has nothing left to cancel.
    pub fn request(&self, request: Request) {
        let _ = self.requests.send(request);
    }

    /// Waits until the run has ended and its sinks have heard so. May be given up and called again until it returns; then
    /// it must not be called any more.
    ///
    /// # Errors
    /// When it panicked, which is a bug.
    pub async fn end(&mut self) -> Result<RunEnd, JoinError> {
        (&mut self.end).await
    }
}
