//! Runs a plan: a pure dispatcher decides (slots, memory, cancelling), an executor does (images, containers, logs,
//! artifacts, store). It reports by events only and never prints.
//!
//! ```text
//! dispatcher     what starts when; no I/O, no clock
//! executor       one job from its first event to its report; retries
//!   prepare      sources and images
//!   build        the job's container: upload, steps, results
//!   environment  what an image of the recipe's own can do
//!   assemble     packages of an installed tree, where the image makes none
//!   install_test the packages in a fresh container
//! watch          one process under its limits: time, silence, size of the log
//! journal        what a job says: log, events, step
//!   log, tail, phases, summary
//! outcome        what an error or an end means
//! hints          what a failure may lack, by what it printed
//! results        the tar that a build leaves, unpacked safely
//! set            what a job takes from others of its set
//! ```
//!
//! What it does not do: it takes no lock on the store (the caller holds it over the run), chooses no engine and no
//! mirror, and turns no outcome into an exit code.

mod assemble;
mod build;
mod dispatcher;
mod environment;
mod executor;
mod former_links;
mod hints;
mod install_test;
mod journal;
mod log;
mod outcome;
mod phases;
mod prepare;
mod results;
mod set;
mod summary;
mod tail;
mod upgrade;
mod watch;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::Engine;
use crate::event::{Event, JobReport, Outcome};
use crate::image::Images;
use crate::plan::{Job, Plan};
use crate::source::Sources;
use crate::store::Store;

use dispatcher::{Abandoned, Action, Capacity, Dispatcher, Input, Waiting};
use executor::{Decision, EngineHandle, Shared, empty_report, internal_error};

pub use hints::{Adviser, NoAdviser};
pub use set::{Available, SetInputs};

/// How long killed jobs may take to notice; then their tasks are dropped.
const KILL_GRACE: Duration = Duration::from_secs(5);
/// How long the last clean-up may take: an engine that no longer answers must not keep a run from ending.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(60);

/// What a run needs beside its plan.
pub struct Context {
    /// `20261122-235716-4f2a`: in labels and container names.
    pub run: String,
    pub engine: Arc<dyn Engine>,
    pub engine_info: crate::engine::EngineInfo,
    pub images: Images,
    pub sources: Sources,
    pub store: Store,
    /// Asked what a build that failed may lack.
    pub adviser: Arc<dyn Adviser>,
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
    /// The environment of scripts with network (`packaging::network_env`: where the mirrors are), by distribution id.
    pub network_env: BTreeMap<String, BTreeMap<String, String>>,
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
///
/// A job that panics ends as [`Outcome::Infrastructure`] with the words `internal error`, and the run goes on.
pub async fn run(
    context: Context,
    plan: Plan,
    events: mpsc::UnboundedSender<Event>,
    requests: mpsc::UnboundedReceiver<Request>,
) -> Vec<JobReport> {
    run_at_pace(context, plan, events, requests, Duration::from_secs(1)).await
}

/// As [`run`]; every limit and wait that is given in seconds lasts that many times `second`.
async fn run_at_pace(
    context: Context,
    plan: Plan,
    events: mpsc::UnboundedSender<Event>,
    mut requests: mpsc::UnboundedReceiver<Request>,
    second: Duration,
) -> Vec<JobReport> {
    let started = Instant::now();
    let info = &context.engine_info;
    let capacity =
        Capacity { slots: context.options.jobs, memory_bytes: info.memory_bytes, fail_fast: context.options.fail_fast };
    let store = Arc::new(context.store);
    let shared = Arc::new(Shared {
        run: context.run,
        engine: EngineHandle(context.engine),
        engine_info: context.engine_info.clone(),
        images: context.images,
        sources: context.sources,
        store: store.clone(),
        adviser: context.adviser,
        set_inputs: SetInputs::new(&plan.jobs),
        options: context.options,
        events,
        removals: TaskTracker::new(),
        second,
    });
    shared.emit(Event::RunStarted {
        run: shared.run.clone(),
        engine: format!("{} {}", info.name, info.version),
        slots: capacity.slots.max(1),
        targets: plan.jobs.iter().map(|job| job.target.clone()).collect(),
    });
    for warning in plan.warnings {
        shared.emit(Event::Warning { target: warning.target, message: warning.message });
    }
    for limitation in &info.limitations {
        shared.emit(Event::Warning { target: None, message: limitation.clone() });
    }

    let jobs: Arc<[Job]> = plan.jobs.into();
    let mut reports: Vec<Option<JobReport>> = jobs.iter().map(|_| None).collect();
    for (index, report) in up_to_date(&shared, &jobs).await {
        finish_job(&shared, &mut reports, index, report);
    }

    let waiting = |index: usize| Waiting {
        memory_bytes: jobs[index].limits.memory_bytes,
        needs: shared.set_inputs.needs(index).iter().copied().collect(),
    };
    let left = (0..jobs.len()).filter(|index| reports[*index].is_none());
    let mut dispatcher = Dispatcher::new(capacity, left.map(|index| (index, waiting(index))));
    let cancel = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let mut running: HashMap<tokio::task::Id, (usize, Instant)> = HashMap::new();
    let mut interrupted = false;
    let mut asking = true;
    let mut give_up: Option<Instant> = None;
    let mut inputs = vec![Input::Begin];
    'run: loop {
        for input in inputs.drain(..) {
            for action in dispatcher.handle(input) {
                match action {
                    Action::Start(index) => {
                        let (shared, jobs, cancel) = (shared.clone(), jobs.clone(), cancel.child_token());
                        let task = tasks.spawn(async move { executor::begin(&shared, index, &jobs, &cancel).await });
                        running.insert(task.id(), (index, Instant::now()));
                    }
                    Action::Abandon(index, why) => {
                        let outcome = match why {
                            Abandoned::Cancelled => Outcome::Cancelled,
                            Abandoned::FailFast(failed) => {
                                Outcome::Skipped { because: format!("{} failed", jobs[failed].target) }
                            }
                            Abandoned::Needs(need) => lacks(&jobs, &reports, need),
                        };
                        let report = empty_report(&store, &jobs[index], outcome, Duration::ZERO);
                        finish_job(&shared, &mut reports, index, report);
                    }
                    Action::CancelAll => cancel.cancel(),
                    Action::KillAll => {
                        cancel.cancel();
                        give_up = Some(Instant::now() + KILL_GRACE);
                        let shared = shared.clone();
                        let tracker = shared.removals.clone();
                        // What is left after an error here is reaped again at the end.
                        drop(tracker.spawn(async move { shared.engine.0.reap(Some(&shared.run)).await }));
                    }
                    Action::Finish => break 'run,
                }
            }
        }
        tokio::select! {
            Some(joined) = tasks.join_next_with_id() => {
                let (id, result) = match joined {
                    Ok((id, report)) => (id, Ok(report)),
                    Err(error) => (error.id(), Err(error)),
                };
                let Some((index, since)) = running.remove(&id) else { continue };
                let report = result.unwrap_or_else(|error| {
                    empty_report(&store, &jobs[index], broken(error), since.elapsed())
                });
                let good = report.outcome.is_good();
                inputs.push(Input::JobEnded { index, good, elapsed: report.elapsed });
                finish_job(&shared, &mut reports, index, report);
            }
            request = requests.recv(), if asking => match request {
                Some(request) => {
                    interrupted = true;
                    inputs.push(Input::Request(request));
                }
                None => asking = false,
            },
            () = sleep_until(give_up.unwrap_or(started)), if give_up.is_some() => {
                give_up = None;
                tasks.abort_all();
            }
        }
    }

    shared.removals.close();
    let clean_up = async {
        shared.removals.wait().await;
        shared.engine.0.reap(Some(&shared.run)).await
    };
    let problem = match timeout(CLEANUP_TIMEOUT, clean_up).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(outcome::chain(&error)),
        Err(_) => Some(format!("the engine did not answer within {} s", CLEANUP_TIMEOUT.as_secs())),
    };
    if let Some(problem) = problem {
        let message = format!("containers of run {} may be left in the engine: {problem}", shared.run);
        shared.emit(Event::Warning { target: None, message });
    }
    let elapsed = started.elapsed();
    shared.emit(Event::RunFinished { run: shared.run.clone(), elapsed, busy: dispatcher.busy(elapsed), interrupted });
    reports.into_iter().flatten().collect()
}

/// A job's one end.
fn finish_job(shared: &Shared, reports: &mut [Option<JobReport>], index: usize, report: JobReport) {
    shared.emit(Event::JobFinished(Box::new(report.clone())));
    reports[index] = Some(report);
}

/// Reports of the jobs whose results are in the store already, as far as that is known before anything is built. The
/// engine is not asked.
async fn up_to_date(shared: &Arc<Shared>, jobs: &Arc<[Job]>) -> Vec<(usize, JobReport)> {
    let (deciding, jobs) = (shared.clone(), jobs.clone());
    let look = move || {
        let mut kept = BTreeMap::new();
        // In the plan, each comes after what it needs.
        for index in 0..jobs.len() {
            let known = deciding.set_inputs.needs(index).iter().all(|need| kept.contains_key(need));
            if known && let Decision::Kept(report) = executor::decide(&deciding, &jobs, index) {
                kept.insert(index, *report);
            }
        }
        kept.into_iter().collect()
    };
    // A store that makes this panic says so again in the job that builds.
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

/// Why a job was never started: what it needs did not end well.
fn lacks(jobs: &[Job], reports: &[Option<JobReport>], need: usize) -> Outcome {
    let target = &jobs[need].target;
    let because = match reports[need].as_ref().map(|report| &report.outcome) {
        // Through a chain of needs, the reason at its end is what a person wants.
        Some(Outcome::Skipped { because }) => match because.rsplit_once(": ") {
            Some((_, root)) => format!("it needs {target}: {root}"),
            None => format!("it needs {target}: {because}"),
        },
        Some(Outcome::Failed { .. }) => format!("it needs {target}: {target} failed"),
        Some(outcome) => format!("it needs {target}: {target} ended as {}", outcome.word()),
        None => format!("it needs {target}, which needs it"),
    };
    Outcome::Skipped { because }
}

/// What a task that did not return a report died of.
fn broken(error: JoinError) -> Outcome {
    match error.try_into_panic() {
        Ok(panic) => internal_error(panic.as_ref()),
        // Aborted, after it was killed.
        Err(_) => Outcome::Cancelled,
    }
}

#[cfg(test)]
mod tests;
