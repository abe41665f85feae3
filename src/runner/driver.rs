//! Drives a run: carries out what the dispatcher decides, and is the only one who talks to the outside. What happens to
//! jobs they tell the driver, which passes it on, so that the events of a run have one order: a job's end comes after all
//! that the job said, and nothing comes after the run's.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::context::{Context, Request};
use super::decide::{Decision, decide};
use super::dispatcher::{Abandoned, Action, Capacity, Dispatcher, Input, Waiting};
use super::job_events::{JobEvent, JobEvents};
use super::set::SetInputs;
use super::work::{EngineHandle, Shared, empty_report};
use super::{alike, executor, outcome};
use crate::event::{Event, JobReport, Outcome, RunReport};
use crate::plan::{Job, Plan};

/// How long killed jobs may take to notice; then their tasks are dropped.
const KILL_GRACE: Duration = Duration::from_secs(5);
/// How long the last clean-up may take: an engine that no longer answers must not keep a run from ending.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(180);

/// How long the last good build of a job's target took. Nobody checks what a record says, and only people read it.
fn expected(shared: &Shared, job: &Job) -> Option<Duration> {
    let record = shared.store.record(&job.target)?;
    Duration::try_from_secs_f64(record.elapsed_seconds).ok()
}

/// Runs all jobs of the plan. Ends after [`Event::RunFinished`] was sent; the reports are in plan order.
///
/// A job that panics ends as [`Outcome::Infrastructure`] with the words `internal error`, and the run goes on.
pub(crate) async fn run(
    context: Context,
    plan: Plan,
    events: mpsc::UnboundedSender<Event>,
    requests: mpsc::UnboundedReceiver<Request>,
) -> (RunReport, Vec<JobReport>) {
    run_at_pace(context, plan, events, requests, Duration::from_secs(1)).await
}

/// As [`run`]; every limit and wait that is given in seconds lasts that many times `second`.
pub(super) async fn run_at_pace(
    context: Context,
    plan: Plan,
    events: mpsc::UnboundedSender<Event>,
    mut requests: mpsc::UnboundedReceiver<Request>,
    second: Duration,
) -> (RunReport, Vec<JobReport>) {
    let started = Instant::now();
    let outlet = Outlet(events);
    let info = &context.engine_info;
    let capacity =
        Capacity { slots: context.options.jobs, memory_bytes: info.memory_bytes, fail_fast: context.options.fail_fast };
    let shared = Arc::new(Shared {
        run: context.run,
        engine: EngineHandle(context.engine),
        engine_info: context.engine_info.clone(),
        images: context.images,
        sources: context.sources,
        store: Arc::new(context.store),
        adviser: context.adviser,
        set_inputs: SetInputs::new(&plan.jobs),
        options: context.options,
        removals: TaskTracker::new(),
        second,
    });
    outlet.send(Event::RunStarted {
        run: shared.run.clone(),
        engine: format!("{} {}", info.name, info.version),
        slots: capacity.slots.max(1),
        targets: plan.jobs.iter().map(|job| job.target.clone()).collect(),
        expected: plan.jobs.iter().map(|job| expected(&shared, job)).collect(),
    });
    for warning in plan.warnings {
        outlet.send(Event::Warning { target: warning.target, message: warning.message });
    }
    for limitation in &info.limitations {
        outlet.send(Event::Warning { target: None, message: limitation.clone() });
    }

    let jobs: Arc<[Job]> = plan.jobs.into();
    let mut told = Told { outlet, jobs: jobs.clone(), reports: jobs.iter().map(|_| None).collect() };
    let (said, mut heard) = mpsc::unbounded_channel();
    let kept = up_to_date(&shared, &jobs, &said).await;
    told.catch_up(&mut heard);
    for (index, report) in kept {
        told.finish_job(index, report);
    }

    let waiting = |index: usize| Waiting {
        memory_bytes: jobs[index].limits.memory_bytes,
        needs: shared.set_inputs.needs(index).iter().copied().collect(),
    };
    let left = (0..jobs.len()).filter(|index| told.reports[*index].is_none());
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
                        let events = JobEvents::new(index, said.clone());
                        let span = tracing::info_span!("job", name = %jobs[index].target);
                        let job = async move { executor::begin(&shared, index, &jobs, events, &cancel).await };
                        let task = tasks.spawn(job.instrument(span));
                        running.insert(task.id(), (index, Instant::now()));
                    }
                    Action::Abandon(index, why) => {
                        let outcome = match why {
                            Abandoned::Cancelled => Outcome::Cancelled,
                            Abandoned::FailFast(failed) => {
                                Outcome::Skipped { because: format!("{} failed", jobs[failed].target) }
                            }
                            Abandoned::Needs(need) => lacks(&jobs, &told.reports, need),
                        };
                        let report = empty_report(&shared.store, &jobs[index], outcome, Duration::ZERO);
                        told.finish_job(index, report);
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
            Some(word) = heard.recv() => told.pass_on(word),
            Some(joined) = tasks.join_next_with_id() => {
                let (id, result) = match joined {
                    Ok((id, report)) => (id, Ok(report)),
                    Err(error) => (error.id(), Err(error)),
                };
                let Some((index, since)) = running.remove(&id) else { continue };
                let report = result.unwrap_or_else(|error| {
                    empty_report(&shared.store, &jobs[index], broken(error), since.elapsed())
                });
                let good = report.outcome.is_good();
                inputs.push(Input::JobEnded { index, good, elapsed: report.elapsed });
                told.catch_up(&mut heard);
                told.finish_job(index, report);
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

    if !interrupted {
        let (comparing, all, reports) = (shared.clone(), jobs.clone(), told.reports.clone());
        let compare = move || alike::differences(&comparing, &all, &reports);
        // That this panics is said by the panic's own page: the packages are good all the same.
        for (target, message) in tokio::task::spawn_blocking(compare).await.unwrap_or_default() {
            told.outlet.send(Event::Warning { target: Some(target), message });
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
    told.catch_up(&mut heard);
    if let Some(problem) = problem {
        let message = format!("containers of run {} may be left in the engine: {problem}", shared.run);
        told.outlet.send(Event::Warning { target: None, message });
    }
    let elapsed = started.elapsed();
    let report = RunReport { run: shared.run.clone(), elapsed, busy: dispatcher.busy(elapsed), interrupted };
    told.outlet.finish(report.clone());
    (report, told.reports.into_iter().flatten().collect())
}

/// The way out of a run. Nobody else has it, and the run's last event takes it away.
struct Outlet(mpsc::UnboundedSender<Event>);

impl Outlet {
    fn send(&self, event: Event) {
        // Nobody listening is no reason to stop.
        let _ = self.0.send(event);
    }

    fn finish(self, report: RunReport) {
        self.send(Event::RunFinished(report));
    }
}

/// What the outside has been told of the jobs.
struct Told {
    outlet: Outlet,
    jobs: Arc<[Job]>,
    /// Of the jobs that have ended.
    reports: Vec<Option<JobReport>>,
}

impl Told {
    /// Passes on what a job said. Of one that has ended, that is only what is worth it still.
    fn pass_on(&self, (index, event): (usize, JobEvent)) {
        if self.reports[index].is_none() || event.outlives_its_job() {
            self.outlet.send(event.of(&self.jobs[index].target));
        }
    }

    /// Passes on all that was said until now.
    fn catch_up(&self, heard: &mut mpsc::UnboundedReceiver<(usize, JobEvent)>) {
        while let Ok(word) = heard.try_recv() {
            self.pass_on(word);
        }
    }

    /// A job's one end.
    fn finish_job(&mut self, index: usize, report: JobReport) {
        self.outlet.send(Event::JobFinished(Box::new(report.clone())));
        self.reports[index] = Some(report);
    }
}

/// Reports of the jobs whose results are in the store already, as far as that is known before anything is built. The
/// engine is not asked.
async fn up_to_date(
    shared: &Arc<Shared>,
    jobs: &Arc<[Job]>,
    said: &mpsc::UnboundedSender<(usize, JobEvent)>,
) -> Vec<(usize, JobReport)> {
    let (deciding, jobs, said) = (shared.clone(), jobs.clone(), said.clone());
    let look = move || {
        let mut kept = BTreeMap::new();
        // In the plan, each comes after what it needs.
        for index in 0..jobs.len() {
            let known = deciding.set_inputs.needs(index).iter().all(|need| kept.contains_key(need));
            let events = JobEvents::new(index, said.clone());
            if known && let Decision::Kept(report) = decide(&deciding, &jobs, index, &events) {
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
        Ok(panic) => outcome::internal_error(panic.as_ref()),
        // Aborted, after it was killed.
        Err(_) => Outcome::Cancelled,
    }
}
