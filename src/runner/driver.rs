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
use super::dispatcher::{Abandoned, Action, Dispatcher, Input, Returned, Waiting};
use super::executor::Ended;
use super::job_events::{JobEvent, JobEvents};
use super::placement::Wanted;
use super::pool::{Health, Member};
use super::readers::Readers;
use super::set::SetInputs;
use super::work::{EngineHandle, Shared, empty_report};
use super::{alike, executor, outcome, pool};
use crate::event::{Event, JobReport, Outcome, RunReport};
use crate::matrix::Target;
use crate::plan::{Job, Plan};

/// How long killed jobs may take to notice; then their tasks are dropped.
const KILL_GRACE: Duration = Duration::from_secs(5);
/// How long the last clean-up may take: an engine that no longer answers must not keep a run from ending.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(180);

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
    let fail_fast = context.options.fail_fast;
    let jobs: Arc<[Job]> = plan.jobs.into();
    let (pool, all) = (context.pool.clone(), jobs.clone());
    let placing = tokio::task::spawn_blocking(move || pool::seats(&pool, &all));
    let engines = shares(context, &jobs, second);
    // What all engines of the run have in common.
    let shared = &engines[0];
    let slots = engines.iter().map(|engine| engine.slots.max(1)).sum();
    let store = shared.store.clone();
    let took = Took(tokio::task::spawn_blocking(move || store.durations()).await.unwrap_or_default());
    outlet.send(Event::RunStarted {
        run: shared.run.clone(),
        engine: names(&engines),
        slots,
        targets: jobs.iter().map(|job| job.target.clone()).collect(),
        expected: jobs.iter().map(|job| took.of(&job.target)).collect(),
    });
    for warning in plan.warnings {
        outlet.send(Event::Warning { target: warning.target, message: warning.message });
    }
    for (of, limitation) in engines.iter().flat_map(|of| of.engine_info.limitations.iter().map(move |one| (of, one))) {
        let message = if engines.len() > 1 { format!("{}: {limitation}", of.title()) } else { limitation.clone() };
        outlet.send(Event::Warning { target: None, message });
    }

    let mut told = Told { outlet, jobs: jobs.clone(), reports: jobs.iter().map(|_| None).collect() };
    let (said, mut heard) = mpsc::unbounded_channel();
    let kept = up_to_date(shared, &jobs, &said).await;
    told.catch_up(&mut heard);
    for (index, report) in kept {
        told.finish_job(index, report);
    }

    let (seats, wanted) = match placing.await {
        Ok(placed) => placed,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    let expected = took.expected(&jobs);
    let waiting = |(index, wanted): (usize, Wanted)| {
        let needs = shared.set_inputs.needs(index).iter().copied().collect();
        (index, Waiting { wanted, needs, expected: expected[index] })
    };
    let left = wanted.into_iter().enumerate().filter(|(index, _)| told.reports[*index].is_none());
    let mut dispatcher = Dispatcher::new(seats, fail_fast, left.map(waiting));
    let (health, mut heard_of_engines) = mpsc::unbounded_channel();
    if engines.len() > 1 {
        for (number, of) in engines.iter().enumerate() {
            drop(tokio::spawn(pool::watch(number, of.engine.0.clone(), second, health.clone())));
        }
    }
    drop(health);
    let cancel = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let mut running: HashMap<tokio::task::Id, Running> = HashMap::new();
    // Engines that do not answer, and why.
    let mut lost: BTreeMap<usize, String> = BTreeMap::new();
    let mut interrupted = false;
    let mut asking = true;
    let mut give_up: Option<Instant> = None;
    let mut inputs = vec![Input::Begin];
    'run: loop {
        for input in inputs.drain(..) {
            for action in dispatcher.handle(input) {
                match action {
                    Action::Start(index, engine) => {
                        let (shared, jobs, cancel) = (engines[engine].clone(), jobs.clone(), cancel.child_token());
                        let events = JobEvents::new(index, said.clone());
                        let span =
                            tracing::info_span!("job", name = %jobs[index].target, engine = shared.engine.0.endpoint());
                        let inner = cancel.clone();
                        let job = async move { executor::begin(&shared, index, &jobs, events, &inner).await };
                        let task = tasks.spawn(job.instrument(span));
                        let since = Instant::now();
                        running.insert(task.id(), Running { index, engine, since, cancel, is_cut_off: false, task });
                    }
                    Action::Abandon(index, why) => {
                        let outcome = match why {
                            Abandoned::Cancelled => Outcome::Cancelled,
                            Abandoned::FailFast(failed) => {
                                Outcome::Skipped { because: format!("{} failed", jobs[failed].target) }
                            }
                            Abandoned::Needs(need) => lacks(&jobs, &told.reports, need),
                            Abandoned::NoEngine => no_engine(&jobs[index], &engines),
                        };
                        let report = empty_report(&shared.store, &jobs[index], outcome, Duration::ZERO);
                        told.finish_job(index, report);
                    }
                    Action::CancelEngine(engine) => {
                        let mut tasks = Vec::new();
                        for of in running.values_mut().filter(|of| of.engine == engine) {
                            of.is_cut_off = true;
                            of.cancel.cancel();
                            tasks.push(of.task.clone());
                        }
                        // What waits for an answer that does not come is dropped.
                        drop(tokio::spawn(async move {
                            sleep_until(Instant::now() + KILL_GRACE).await;
                            tasks.iter().for_each(tokio::task::AbortHandle::abort);
                        }));
                    }
                    Action::CancelAll => cancel.cancel(),
                    Action::KillAll => {
                        cancel.cancel();
                        give_up = Some(Instant::now() + KILL_GRACE);
                        for shared in &engines {
                            let (shared, tracker) = (shared.clone(), shared.removals.clone());
                            // What is left after an error here is reaped again at the end.
                            drop(tracker.spawn(async move { shared.engine.0.reap(Some(&shared.run)).await }));
                        }
                    }
                    Action::Finish => break 'run,
                }
            }
        }
        tokio::select! {
            Some(word) = heard.recv() => told.pass_on(word),
            Some(joined) = tasks.join_next_with_id() => {
                let (id, result) = match joined {
                    Ok((id, ended)) => (id, Ok(ended)),
                    Err(error) => (error.id(), Err(error)),
                };
                let Some(Running { index, engine, since, is_cut_off, .. }) = running.remove(&id) else { continue };
                told.catch_up(&mut heard);
                let ended = result.unwrap_or_else(|error| {
                    let report = empty_report(&shared.store, &jobs[index], broken(error), since.elapsed());
                    Ended::Done(Box::new(report))
                });
                let elapsed = since.elapsed();
                match ended {
                    // Whatever became of it there became of it because of that.
                    Ended::Done(report) if !report.outcome.is_good() && is_cut_off && !cancel.is_cancelled() => {
                        let reason = lost.get(&engine).map_or("it did not answer", String::as_str);
                        told.returned(index, &engines[engine].title(), reason);
                        inputs.push(Input::JobReturned { index, elapsed, why: Returned::Lost });
                    }
                    Ended::Done(report) => {
                        let good = report.outcome.is_good();
                        inputs.push(Input::JobEnded { index, good, elapsed: report.elapsed });
                        told.finish_job(index, *report);
                    }
                    Ended::Elsewhere(why, reason) => {
                        told.returned(index, &engines[engine].title(), &reason);
                        inputs.push(Input::JobReturned { index, elapsed, why });
                        if why == Returned::Lost {
                            // Before another job is put there.
                            inputs.insert(0, Input::EngineLost(engine));
                            if lost.insert(engine, reason.clone()).is_none() {
                                told.outlet.send(gone(&engines[engine], &reason));
                            }
                        }
                    }
                }
            }
            Some((engine, health)) = heard_of_engines.recv() => match health {
                Health::Silent(reason) => {
                    if lost.insert(engine, reason.clone()).is_none() {
                        told.outlet.send(gone(&engines[engine], &reason));
                    }
                    inputs.push(Input::EngineLost(engine));
                }
                Health::Answers if lost.remove(&engine).is_some() => {
                    let message = format!("{}: it answers again, and gets jobs", engines[engine].title());
                    told.outlet.send(Event::Warning { target: None, message });
                    inputs.push(Input::EngineBack(engine));
                }
                Health::Answers => {}
            },
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
    drop(heard_of_engines);

    if !interrupted {
        let (comparing, all, reports) = (shared.clone(), jobs.clone(), told.reports.clone());
        let compare = move || alike::differences(&comparing, &all, &reports);
        // That this panics is said by the panic's own page: the packages are good all the same.
        for (target, message) in tokio::task::spawn_blocking(compare).await.unwrap_or_default() {
            told.outlet.send(Event::Warning { target: Some(target), message });
        }
    }
    let problems = futures_util::future::join_all(engines.iter().map(|engine| clean_up(engine))).await;
    told.catch_up(&mut heard);
    for problem in problems.into_iter().flatten() {
        let message = format!("containers of run {} may be left in the engine: {problem}", shared.run);
        told.outlet.send(Event::Warning { target: None, message });
    }
    let elapsed = started.elapsed();
    let report = RunReport { run: shared.run.clone(), elapsed, busy: dispatcher.busy(elapsed), interrupted };
    told.outlet.finish(report.clone());
    (report, told.reports.into_iter().flatten().collect())
}

/// How long the last good builds of targets took.
#[derive(Default)]
struct Took(HashMap<String, Duration>);

impl Took {
    fn of(&self, target: &Target) -> Option<Duration> {
        self.0.get(&target.to_string()).copied()
    }

    /// For each job: what its target took; else what the others of its recipe did, else all, on average.
    fn expected(&self, jobs: &[Job]) -> Vec<Duration> {
        let mut of_recipes: HashMap<&str, Vec<Duration>> = HashMap::new();
        for job in jobs {
            of_recipes.entry(&job.target.recipe).or_default().extend(self.of(&job.target));
        }
        let mean = |took: &[Duration]| {
            let count = u32::try_from(took.len()).ok().filter(|count| *count > 0)?;
            Some(took.iter().sum::<Duration>() / count)
        };
        let all: Vec<Duration> = self.0.values().copied().collect();
        let of_all = mean(&all).unwrap_or(Duration::from_secs(1));
        let of_job = |job: &Job| self.of(&job.target).or_else(|| mean(&of_recipes[job.target.recipe.as_str()]));
        jobs.iter().map(|job| of_job(job).unwrap_or(of_all)).collect()
    }
}

/// What jobs hold in their hands on each engine.
fn shares(context: Context, jobs: &[Job], second: Duration) -> Vec<Arc<Shared>> {
    let Context { run, pool, agreed, sources, store, adviser, options } = context;
    let (store, set_inputs) = (Arc::new(store), Arc::new(SetInputs::new(jobs)));
    let (agreed, options) = (Arc::new(agreed), Arc::new(options));
    let is_alone = pool.len() == 1;
    let readers = Readers::start().expect("the system starts a thread");
    let share = |member: Member| {
        Arc::new(Shared {
            run: run.clone(),
            parallel: member.parallel(),
            engine: EngineHandle(member.engine),
            engine_info: member.info,
            slots: member.slots,
            is_alone,
            images: member.images,
            agreed: agreed.clone(),
            sources: sources.clone(),
            store: store.clone(),
            adviser: adviser.clone(),
            set_inputs: set_inputs.clone(),
            options: options.clone(),
            readers: readers.clone(),
            removals: TaskTracker::new(),
            second,
        })
    };
    pool.into_iter().map(share).collect()
}

/// `docker 20.10.24`, and where there are several `docker 20.10.24 (2 engines), podman 4.3.1`.
fn names(engines: &[Arc<Shared>]) -> String {
    let mut names: Vec<(String, usize)> = Vec::new();
    for engine in engines {
        let name = format!("{} {}", engine.engine_info.name, engine.engine_info.version);
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, times)) => *times += 1,
            None => names.push((name, 1)),
        }
    }
    let shown = |(name, times): (String, usize)| if times > 1 { format!("{name} ({times} engines)") } else { name };
    names.into_iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn gone(engine: &Shared, reason: &str) -> Event {
    let message = format!("{}: its jobs go to other engines: {reason}", engine.title());
    Event::Warning { target: None, message }
}

/// Removes what the run left on an engine. Returns why something may still be there.
async fn clean_up(shared: &Shared) -> Option<String> {
    shared.removals.close();
    let removing = async {
        shared.removals.wait().await;
        shared.engine.0.reap(Some(&shared.run)).await
    };
    // Where others have done its work, an engine that is gone holds nobody up: containers end with the connection.
    let answers = shared.is_alone || pool::answers(&*shared.engine.0, KILL_GRACE).await.is_ok();
    let limit = if answers { CLEANUP_TIMEOUT } else { KILL_GRACE };
    match timeout(limit, removing).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(outcome::chain(&error)),
        Err(_) if shared.is_alone => Some(format!("the engine did not answer within {} s", limit.as_secs())),
        Err(_) => Some(format!("{} did not answer within {} s", shared.title(), limit.as_secs())),
    }
}

/// A job at work.
struct Running {
    index: usize,
    /// Its number in the pool.
    engine: usize,
    since: Instant,
    cancel: CancellationToken,
    /// It was cancelled because its engine does not answer.
    is_cut_off: bool,
    task: tokio::task::AbortHandle,
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

    /// That a job came to no end where it ran.
    fn returned(&self, index: usize, engine: &str, reason: &str) {
        let message = format!("it is begun anew on another engine: {engine}: {reason}");
        self.outlet.send(Event::Warning { target: Some(self.jobs[index].target.clone()), message });
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

/// Why a job was never started, or not once more: there is nothing to run it on.
fn no_engine(job: &Job, engines: &[Arc<Shared>]) -> Outcome {
    let reason = match engines {
        [_] => "the engine stopped answering".to_owned(),
        _ => format!("no engine of the pool is left that builds for {}", job.target.arch),
    };
    Outcome::Infrastructure { reason }
}

/// What a task that did not return a report died of.
fn broken(error: JoinError) -> Outcome {
    match error.try_into_panic() {
        Ok(panic) => outcome::internal_error(panic.as_ref()),
        // Aborted, after it was killed.
        Err(_) => Outcome::Cancelled,
    }
}
