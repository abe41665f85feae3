//! Does one job: images, container, steps, results, check, test, store. It ends with a report whatever happens; whether
//! and when a job runs is the dispatcher's business, and what a failure means `outcome`'s.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::journal::Journal;
use super::outcome::{self, JobError};
use super::prepare::Ready;
use super::set::{Available, SetInputs};
use super::watch::Timeouts;
use super::{Adviser, RunOptions, build, former_links, hints, install_test, prepare, results, summary};
use crate::artifact::{self, Artifact, ArtifactError, Expectation, Expected, Finding, Inspection, Severity};
use crate::engine::{Container, Engine, EngineInfo, Limits, Network, labels};
use crate::event::{Event, JobReport, Outcome};
use crate::image::Images;
use crate::packaging::{FormerLinks, StepKind};
use crate::plan::{self, Job, Key, Reason};
use crate::source::Sources;
use crate::store::{RECORD_SCHEMA, Record, Staging, Store};
use crate::stream::guard::{BrokenOff, Guard};
use crate::types::Format;

/// Repetitions of what failed by no fault of the package.
const RETRIES: u32 = 2;

/// What all jobs of a run share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) run: String,
    pub(crate) engine: EngineHandle,
    pub(crate) engine_info: EngineInfo,
    pub(crate) images: Images,
    pub(crate) sources: Sources,
    pub(crate) store: Arc<Store>,
    pub(crate) adviser: Arc<dyn Adviser>,
    pub(crate) set_inputs: SetInputs,
    pub(crate) options: RunOptions,
    pub(crate) events: mpsc::UnboundedSender<Event>,
    /// Containers on their way out: the run waits for them.
    pub(crate) removals: TaskTracker,
    /// How long a second of limits and waits lasts: less in tests, which must not wait.
    pub(crate) second: Duration,
}

/// An engine that can be printed.
#[derive(Clone)]
pub(crate) struct EngineHandle(pub(crate) Arc<dyn Engine>);

impl std::fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Engine").field(&self.0.endpoint()).finish()
    }
}

impl Shared {
    pub(crate) fn emit(&self, event: Event) {
        // Nobody listening is no reason to stop.
        let _ = self.events.send(event);
    }

    /// Removes a container in the background: its job need not wait for it.
    pub(crate) fn remove_later(&self, container: Box<dyn Container>) {
        // An error here leaves the container to the run's last clean-up.
        drop(self.removals.spawn(async move { container.remove().await }));
    }

    pub(crate) fn network(&self) -> Network {
        if self.options.host_network { Network::Host } else { Network::Default }
    }
}

/// A job at work.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) job: &'a Job,
    /// What it can take from others of its set.
    pub(crate) available: &'a Available,
    /// Its place in the plan, for names.
    pub(crate) index: usize,
    pub(crate) cancel: &'a CancellationToken,
    pub(crate) journal: Journal,
    pub(crate) memory_peak_bytes: Option<u64>,
    /// What is to be said of a job even when it succeeds.
    pub(crate) warnings: Vec<Finding>,
    /// What the packages replace beyond what the recipe says.
    pub(crate) former_links: FormerLinks,
}

/// What a job that succeeded leaves.
#[derive(Debug)]
struct Built {
    artifacts: Vec<Artifact>,
    warnings: Vec<Finding>,
    key: Key,
    former_links: FormerLinks,
}

/// Runs a job to its end, if it turns out to be needed: of one that takes packages from others, that is known now.
pub(crate) async fn begin(
    shared: &Arc<Shared>,
    index: usize,
    jobs: &Arc<[Job]>,
    cancel: &CancellationToken,
) -> JobReport {
    let job = &jobs[index];
    if job.needs.is_empty() {
        return execute(shared, index, job, &Available::default(), cancel).await;
    }
    let (deciding, all) = (shared.clone(), jobs.clone());
    let decision = blocking(move || decide(&deciding, &all, index)).await;
    match decision {
        Ok(Decision::Kept(report)) => *report,
        Ok(Decision::Build(job, available)) => execute(shared, index, &job, &available, cancel).await,
        Ok(Decision::Impossible(requirements)) => {
            let outcome = Outcome::DepWait { requirements };
            empty_report(&shared.store, job, outcome, Duration::ZERO)
        }
        Err(outcome) => empty_report(&shared.store, job, outcome, Duration::ZERO),
    }
}

/// What is to be done for a job, all that it needs being done.
pub(crate) enum Decision {
    Kept(Box<JobReport>),
    /// The job with what it takes in its key.
    Build(Box<Job>, Available),
    /// What others made is not what the job needs of them.
    Impossible(Vec<String>),
}

/// Looks at what the others made. Blocks.
pub(crate) fn decide(shared: &Shared, jobs: &[Job], index: usize) -> Decision {
    let job = &jobs[index];
    let available = match shared.set_inputs.of(jobs, index, &shared.store) {
        Ok(available) => available,
        Err(problems) => return Decision::Impossible(problems),
    };
    let job = job.with_set(available.inputs(job.test.is_some()));
    let forced = shared.options.force && !job.only_needed;
    let kept = shared.store.state(&job.target).unwrap_or_else(|damaged| {
        let message = format!("{} {}: it is built again", damaged.path.display(), damaged.reason);
        shared.emit(Event::Warning { target: Some(job.target.clone()), message });
        None
    });
    if !forced
        && let Some(record) = kept
        && plan::reason(&job, Some(&record.key)) == Reason::UpToDate
    {
        return Decision::Kept(Box::new(kept_report(&shared.store, &job, record)));
    }
    Decision::Build(Box::new(job), available)
}

/// The report of a job whose results are in the store already.
fn kept_report(store: &Store, job: &Job, record: Record) -> JobReport {
    let mut report = empty_report(store, job, Outcome::UpToDate, Duration::ZERO);
    let log = report.folder.join("build.log");
    report.log = log.exists().then_some(log);
    report.artifacts = record.artifacts;
    report
}

async fn execute(
    shared: &Shared,
    index: usize,
    job: &Job,
    available: &Available,
    cancel: &CancellationToken,
) -> JobReport {
    let started = Instant::now();
    shared.emit(Event::JobStarted { target: job.target.clone() });
    let (staging, journal) = match open(shared, job).await {
        Ok(opened) => opened,
        Err(outcome) => return empty_report(&shared.store, job, outcome, started.elapsed()),
    };
    let mut work = Work {
        shared,
        job,
        available,
        index,
        cancel,
        journal,
        memory_peak_bytes: None,
        warnings: Vec::new(),
        former_links: FormerLinks::new(),
    };
    // Caught here so that a bug in farm still leaves the log of what led to it. The container that was in use is left to
    // the run's last clean-up.
    let result = AssertUnwindSafe(work.run(&staging)).catch_unwind().await;
    let result = result.unwrap_or_else(|panic| Err(internal_error(panic.as_ref())));

    let steps = work.journal.end_steps();
    let (mut outcome, built) = match result {
        Ok(built) => (Outcome::Succeeded, Some(built)),
        Err(outcome) => (outcome, None),
    };
    let hints = hints::hints(&mut work, &outcome).await;
    let told = if matches!(outcome, Outcome::Failed { .. }) { work.journal.take_findings() } else { Vec::new() };
    let Work { journal, memory_peak_bytes, .. } = work;
    let tail = (!outcome.is_good()).then(|| journal.tail()).flatten();
    let artifacts = built.as_ref().map(|built| built.artifacts.clone()).unwrap_or_default();
    let space = artifacts.iter().map(|artifact| artifact.size_bytes).sum();
    let text = summary::end(&job.target, &outcome, &steps, started.elapsed(), space, memory_peak_bytes);
    if let Err(error) = journal.finish(text).await
        && outcome.is_good()
    {
        outcome = log_failed(&error);
    }
    let mut report = empty_report(&shared.store, job, outcome, started.elapsed());
    report.steps = steps;
    report.tail = tail;
    report.hints = hints;
    report.told = told;
    report.memory_peak_bytes = memory_peak_bytes;
    keep(shared, job, staging, built, &mut report).await;
    report.elapsed = started.elapsed();
    report
}

/// Moves what a job leaves to where it stays, and says in the report where that is.
async fn keep(shared: &Shared, job: &Job, staging: Staging, built: Option<Built>, report: &mut JobReport) {
    let log_name = staging.log_path().file_name().map(PathBuf::from).unwrap_or_default();
    match built {
        Some(built) if report.outcome.is_good() => {
            let record = Record {
                schema: RECORD_SCHEMA,
                target: job.target.to_string(),
                key: built.key,
                artifacts: built.artifacts.clone(),
                former_links: built.former_links,
                elapsed_seconds: report.elapsed.as_secs_f64(),
                tested: job.test.is_some(),
            };
            match blocking(move || staging.accept(&record)).await {
                Ok(Ok(folder)) => {
                    report.log = Some(folder.join(log_name));
                    report.folder = folder;
                    report.artifacts = built.artifacts;
                    report.warnings = built.warnings;
                }
                Ok(Err(error)) => report.outcome = outcome::store(error),
                Err(panic) => report.outcome = panic,
            }
        }
        _ => {
            // Without files as the recipe says there were no packages to refuse.
            let refused = matches!(report.outcome, Outcome::Rejected { step, .. } if step != StepKind::Package);
            match blocking(move || staging.reject(refused)).await {
                Ok(Ok(log)) => report.log = Some(log),
                // The job failed already: where its log is lost is worth a word, not another outcome.
                Ok(Err(error)) => shared.emit(Event::Warning {
                    target: Some(job.target.clone()),
                    message: format!("the log is lost: {}", outcome::chain(&error)),
                }),
                Err(_) => {}
            }
        }
    }
}

async fn open(shared: &Shared, job: &Job) -> Result<(Staging, Journal), Outcome> {
    let (store, target, events) = (shared.store.clone(), job.target.clone(), shared.events.clone());
    let limit = job.limits.log_bytes;
    blocking(move || {
        let staging = store.stage(&target).map_err(outcome::store)?;
        let journal =
            Journal::create(&staging.log_path(), target, limit, events).map_err(|error| log_failed(&error))?;
        Ok((staging, journal))
    })
    .await?
}

/// A report of a job that left nothing.
pub(crate) fn empty_report(store: &Store, job: &Job, outcome: Outcome, elapsed: Duration) -> JobReport {
    JobReport {
        target: job.target.clone(),
        outcome,
        elapsed,
        steps: Vec::new(),
        artifacts: Vec::new(),
        warnings: Vec::new(),
        folder: store.folder(&job.target),
        log: None,
        tail: None,
        hints: Vec::new(),
        told: Vec::new(),
        memory_peak_bytes: None,
    }
}

pub(crate) fn log_failed(error: &std::io::Error) -> Outcome {
    if outcome::is_disk_full(error.kind()) {
        Outcome::DiskFull { step: StepKind::Prepare, place: "the log's disk".to_owned() }
    } else {
        Outcome::Infrastructure { reason: format!("the log cannot be written: {error}") }
    }
}

/// What a panic says.
pub(crate) fn internal_error(panic: &(dyn Any + Send)) -> Outcome {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Outcome::Infrastructure { reason: format!("internal error: {text}") }
}

/// Runs blocking work off the runtime's threads. A panic in it goes on here, in the job's own task.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Outcome> {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => Ok(value),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down cancels blocking work.
            Err(_) => Err(Outcome::Cancelled),
        },
    }
}

/// [`blocking`] for what reads something that a build made: within the job's time limit, which counts as one of `step`, and
/// ended at once when the job is cancelled.
pub(crate) async fn reading<T: Send + 'static>(
    work: &Work<'_>,
    step: StepKind,
    read: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Outcome> {
    let guard = work.guard();
    let inside = guard.clone();
    let result = blocking(move || inside.during(read)).await?;
    work.broken_off(&guard, step)?;
    Ok(result)
}

impl Work<'_> {
    pub(crate) fn guard(&self) -> Guard {
        Guard::new(self.cancel, self.timeouts().step)
    }

    /// What a guard ended is the job's end, whatever came of it.
    pub(crate) fn broken_off(&self, guard: &Guard, step: StepKind) -> Result<(), Outcome> {
        match guard.broken_off() {
            None => Ok(()),
            Some(BrokenOff::Cancelled) => Err(Outcome::Cancelled),
            Some(BrokenOff::TimedOut) => {
                let limit = Duration::from_secs(self.job.limits.timeout_seconds);
                Err(Outcome::TimedOut { step, limit })
            }
        }
    }

    async fn run(&mut self, staging: &Staging) -> Result<Built, Outcome> {
        self.head().await.map_err(|error| log_failed(&error))?;
        let ready = {
            let mut attempt = 0;
            loop {
                match prepare::prepare(self).await {
                    Ok(ready) => break ready,
                    Err(stop) => attempt = self.again(stop, attempt, "preparing").await?,
                }
            }
        };
        let folder = staging.artifacts();
        let (store, target) = (self.shared.store.clone(), self.job.target.clone());
        let record = blocking(move || store.record(&target)).await?;
        self.former_links = record.map(|record| record.former_links).unwrap_or_default();
        let mut results = self.build(&ready, &folder, 0).await?;
        let former_links = former_links::unsaid(self, &results).await?;
        if former_links != self.former_links {
            self.note("built once more, with packages that replace what earlier versions had").await?;
            self.former_links = former_links;
            let again = folder.clone();
            blocking(move || results::clear(&again)).await?;
            results = self.build(&ready, &folder, RETRIES + 1).await?;
        }
        let Inspection { artifacts, findings, wanted } = self.inspect(results).await?;
        let mut warnings = self.journal.take_warnings();
        warnings.extend(findings);
        if let Some(setup) = &self.job.test {
            let mut attempt = 0;
            loop {
                match install_test::test(self, setup, &ready, &artifacts, &wanted, &folder, attempt).await {
                    Ok(()) => break,
                    Err(stop) => attempt = self.again(stop, attempt, "testing").await?,
                }
            }
        }
        self.alive()?;
        let warnings = std::mem::take(&mut self.warnings).into_iter().chain(warnings).collect();
        let mut key = self.job.key.clone();
        for (input, image) in [("base", &ready.base), ("environment", &ready.environment)] {
            if let Some(image) = image {
                key = key.with(input, &image.identity);
            }
        }
        Ok(Built { artifacts, warnings, key, former_links: std::mem::take(&mut self.former_links) })
    }

    /// `first`: the number of the first attempt, which containers have in their names.
    async fn build(&mut self, ready: &Ready, folder: &Path, first: u32) -> Result<build::Results, Outcome> {
        let mut attempt = 0;
        loop {
            match build::build(self, ready, first + attempt, folder).await {
                Ok(results) => return Ok(results),
                Err(stop) => attempt = self.again(stop, attempt, "building").await?,
            }
        }
    }

    async fn head(&mut self) -> std::io::Result<()> {
        let engine = format!("{} {}", self.shared.engine_info.name, self.shared.engine_info.version);
        let version = match self.job.packaging.expected.first() {
            Some(package) => package.version.clone(),
            None => self.job.recipe.package.version.clone(),
        };
        self.journal.text(summary::head(&self.job.target, &version, &engine, &self.shared.run)).await
    }

    /// Err when the job is cancelled.
    pub(crate) fn alive(&self) -> Result<(), Outcome> {
        if self.cancel.is_cancelled() { Err(Outcome::Cancelled) } else { Ok(()) }
    }

    /// Waits before another attempt, or says how the job ends. Returns the number of the next attempt.
    async fn again(&mut self, stop: JobError, attempt: u32, doing: &str) -> Result<u32, Outcome> {
        // Whatever broke while a job was being cancelled broke because of that.
        self.alive()?;
        let reason = match stop {
            JobError::Final(outcome) => return Err(outcome),
            JobError::Transient(reason) => reason,
        };
        if attempt == RETRIES {
            return Err(Outcome::Infrastructure { reason: format!("{reason} ({} attempts)", RETRIES + 1) });
        }
        let next = attempt + 1;
        let seconds = outcome::backoff_seconds(next);
        let message = format!("{doing} again in {seconds} s (attempt {} of {}): {reason}", next + 1, RETRIES + 1);
        self.journal.warn(message).await.map_err(|error| log_failed(&error))?;
        tokio::select! {
            () = sleep(self.seconds(seconds)) => Ok(next),
            () = self.cancel.cancelled() => Err(Outcome::Cancelled),
        }
    }

    pub(crate) async fn enter(&mut self, step: StepKind) -> Result<(), Outcome> {
        self.alive()?;
        self.journal.enter(step).await.map_err(|error| log_failed(&error))
    }

    /// Begins a part of the log within a step.
    pub(crate) async fn section(&mut self, title: &str) -> Result<(), Outcome> {
        self.journal.section(title).await.map_err(|error| log_failed(&error))
    }

    pub(crate) async fn note(&mut self, text: &str) -> Result<(), Outcome> {
        self.journal.note(text).await.map_err(|error| log_failed(&error))
    }

    pub(crate) async fn warning(&mut self, rule: &str, message: &str) -> Result<(), Outcome> {
        self.journal.warning(rule, message.to_owned()).await.map_err(|error| log_failed(&error))
    }

    /// What each attempt finds is said once.
    pub(crate) fn warn_once(&mut self, warning: Finding) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        Timeouts {
            step: self.seconds(self.job.limits.timeout_seconds),
            silence: self.seconds(self.job.limits.stall_seconds),
        }
    }

    fn seconds(&self, seconds: u64) -> Duration {
        self.shared.second * u32::try_from(seconds).unwrap_or(u32::MAX)
    }

    pub(crate) fn limits(&self) -> Limits {
        let limits = &self.job.limits;
        Limits { memory_bytes: Some(limits.memory_bytes), pids: Some(limits.pids), cpuset: None }
    }

    pub(crate) fn labels(&self) -> std::collections::BTreeMap<String, String> {
        [(labels::RUN, self.shared.run.clone()), (labels::TARGET, self.job.target.to_string())]
            .map(|(key, value)| (key.to_owned(), value))
            .into()
    }

    async fn inspect(&mut self, results: build::Results) -> Result<Inspection, Outcome> {
        self.enter(StepKind::Inspect).await?;
        let step = StepKind::Inspect;
        let expectation = Expectation { manifest: results.manifest.map(Arc::new), ..expectation(self.job) };
        let inspected = reading(self, step, move || artifact::inspect(&results.files, &expectation)).await?;
        let Inspection { artifacts, findings, wanted } = match inspected {
            Ok(inspected) => inspected,
            Err(error @ ArtifactError::Malformed { .. }) => {
                let ArtifactError::Malformed { ref path, .. } = error else { unreachable!() };
                let name = file_name(path);
                let findings = vec![outcome::finding(&name, "malformed-package", outcome::chain(&error))];
                return Err(Outcome::Rejected { step, findings });
            }
            Err(error) => return Err(Outcome::Infrastructure { reason: outcome::chain(&error) }),
        };
        let mut text: String = artifacts
            .iter()
            .map(|file| format!("{}  {}  {}\n", file.sha256, file.file_name, file.size_bytes))
            .collect();
        for finding in &findings {
            let severity = match finding.severity {
                Severity::Warning => "warning",
                Severity::Error => "error",
            };
            text.push_str(&format!("{severity}: {}: {} [{}]\n", finding.artifact, finding.message, finding.rule));
        }
        self.journal.text(text).await.map_err(|error| log_failed(&error))?;
        let (errors, warnings): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(|finding| finding.severity == Severity::Error);
        if errors.is_empty() {
            Ok(Inspection { artifacts, findings: warnings, wanted })
        } else {
            Err(Outcome::Rejected { step, findings: errors })
        }
    }
}

pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What the plan says about a job's results, in `artifact`'s words.
fn expectation(job: &Job) -> Expectation {
    let own = match job.target.format {
        Format::Deb => &job.recipe.packaging.debian,
        Format::Rpm => &job.recipe.packaging.spec,
    };
    Expectation {
        format: job.target.format,
        arch: job.target.arch,
        packages: job
            .packaging
            .expected
            .iter()
            .map(|package| Expected {
                name: package.name.clone(),
                version: package.version.clone(),
                arch_independent: package.is_arch_independent(),
                is_empty: package.is_empty,
            })
            .collect(),
        closed: own.is_none(),
        manifest: None,
        upstream_version: own.is_some().then(|| job.recipe.package.version.clone()),
    }
}
