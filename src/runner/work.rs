//! A job at work: what all its parts hold in their hands, and what all jobs of a run share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::adviser::Adviser;
use super::context::RunOptions;
use super::dispatcher::Returned;
use super::job_events::JobEvents;
use super::journal::Journal;
use super::outcome::log_failed;
use super::packed::JobCaches;
use super::pool::Agreed;
use super::readers::Readers;
use super::set::{Available, SetInputs};
use super::varied::Varied;
use super::watch::Timeouts;
use crate::artifact::Finding;
use crate::engine::{Container, Engine, EngineInfo, Limits, Network, labels};
use crate::event::{FailedCommand, JobReport, Outcome, UnusedRequirement};
use crate::image::Images;
use crate::packaging::{FormerLinks, StepKind};
use crate::plan::Job;
use crate::source::Sources;
use crate::store::Store;
use crate::stream::guard::{BrokenOff, Guard};
use crate::types::{self, redacted_text};

/// What all jobs of a run share that run on one engine; most of it is that of all engines.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) run: String,
    pub(crate) engine: EngineHandle,
    pub(crate) engine_info: EngineInfo,
    /// Jobs at a time on this engine.
    pub(crate) slots: usize,
    /// Processors for each.
    pub(crate) parallel: usize,
    /// Whether the run has no other engine.
    pub(crate) is_alone: bool,
    pub(crate) images: Images,
    pub(crate) agreed: Arc<Agreed>,
    pub(crate) sources: Sources,
    pub(crate) store: Arc<Store>,
    pub(crate) adviser: Arc<dyn Adviser>,
    pub(crate) set_inputs: Arc<SetInputs>,
    pub(crate) options: Arc<RunOptions>,
    pub(crate) readers: Readers,
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
    /// Removes a container in the background: its job need not wait for it.
    pub(crate) fn remove_later(&self, container: Box<dyn Container>) {
        // An error here leaves the container to the run's last clean-up.
        drop(self.removals.spawn(async move { container.remove().await }));
    }

    /// `docker 20.10.24`, and in a pool where it is.
    pub(crate) fn title(&self) -> String {
        let EngineInfo { name, version, .. } = &self.engine_info;
        match self.is_alone {
            true => format!("{name} {version}"),
            false => format!("{name} {version} at {}", redacted_text(self.engine.0.endpoint())),
        }
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
    pub(crate) events: JobEvents,
    pub(crate) journal: Journal,
    pub(crate) memory_peak_bytes: Option<u64>,
    /// What is to be said of a job even when it succeeds.
    pub(crate) warnings: Vec<Finding>,
    /// The packages of the version that the recipe names to upgrade from.
    pub(crate) released: Option<Vec<PathBuf>>,
    /// What the packages replace beyond what the recipe says.
    pub(crate) former_links: FormerLinks,
    pub(crate) caches: JobCaches,
    /// Of the step that failed.
    pub(crate) failed_command: Option<FailedCommand>,
    /// What of the container in use is other than in the last good build.
    pub(crate) varied: Varied,
    /// What the steps of the build have not used, where the run wants to know.
    pub(crate) unused: Option<Vec<UnusedRequirement>>,
    /// The step that failed in the container that was kept.
    pub(crate) kept: Option<StepKind>,
    /// Findings of linters that the last good build had, too.
    pub(crate) known_findings: usize,
    /// Why the job is for another engine.
    pub(crate) elsewhere: Option<(Returned, String)>,
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

    /// Err when the job is cancelled.
    pub(crate) fn alive(&self) -> Result<(), Outcome> {
        if self.cancel.is_cancelled() { Err(Outcome::Cancelled) } else { Ok(()) }
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

    pub(crate) async fn doing(&mut self, what: &str) -> Result<(), Outcome> {
        self.journal.doing(what).await.map_err(|error| log_failed(&error))
    }

    pub(crate) async fn warning(&mut self, rule: &str, message: &str) -> Result<(), Outcome> {
        debug_assert!(types::rule(rule).is_some(), "{rule} is not in types::RULES");
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

    pub(crate) fn seconds(&self, seconds: u64) -> Duration {
        self.shared.second * u32::try_from(seconds).unwrap_or(u32::MAX)
    }

    pub(crate) fn limits(&self) -> Limits {
        let limits = &self.job.limits;
        Limits { memory_bytes: Some(limits.memory_bytes), pids: Some(limits.pids), cpuset: None }
    }

    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        [(labels::RUN, self.shared.run.clone()), (labels::TARGET, self.job.target.to_string())]
            .map(|(key, value)| (key.to_owned(), value))
            .into()
    }
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
        known_findings: 0,
        folder: store.folder(&job.target),
        log: None,
        tail: None,
        hints: Vec::new(),
        told: Vec::new(),
        caches: Vec::new(),
        changes: Vec::new(),
        memory_peak_bytes: None,
        failed_command: None,
        unused: None,
        kept: None,
    }
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

/// Reads something that a build made, when there is a thread for it: within the job's time limit, which counts as one of
/// `step`, and ended at once when the job is cancelled. A panic in it goes on here, in the job's own task.
pub(crate) async fn reading<T: Send + 'static>(
    work: &Work<'_>,
    step: StepKind,
    read: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Outcome> {
    let (cancel, limit) = (work.cancel.clone(), work.timeouts().step);
    let read = move || {
        let guard = Guard::new(&cancel, limit);
        (guard.during(read), guard)
    };
    let (result, guard) = work.shared.readers.run(read).await.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    work.broken_off(&guard, step)?;
    Ok(result)
}
