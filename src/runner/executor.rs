//! Does one job: images, container, steps, results, check, test, store. It ends with a report whatever happens; whether
//! and when a job runs is the dispatcher's business, and what a failure means `outcome`'s.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::decide::{Decision, decide};
use super::dispatcher::Returned;
use super::job_events::{JobEvent, JobEvents};
use super::journal::Journal;
use super::kept_tree::KeptTree;
use super::outcome::{self, JobError, internal_error, log_failed};
use super::packed::JobCaches;
use super::prepare::Ready;
use super::required;
use super::set::Available;
use super::varied::Varied;
use super::verify;
use super::work::{Shared, Work, blocking, empty_report};
use super::{
    build, buildinfo, caches, changed, former_links, given, hints, inputs, inspect, install_test, kept, lint, modules,
    pool, prepare, rebuilt, released, results, suite, summary, upgrade,
};
use crate::artifact::{Artifact, Finding, Inspection, Wanted};
use crate::attest::BuildInputs;
use crate::compare::PackageChanges;
use crate::event::{JobReport, Outcome, RequiredBy};
use crate::lint::Memory;
use crate::packaging::{FormerLinks, StepKind};
use crate::plan::{Job, Key};
use crate::recipe::Repository;
use crate::store::{BROKEN_FOLDER, LastResult, RECORD_SCHEMA, Record, Staging};
use crate::types::{CacheUse, printable};

/// Repetitions of what failed by no fault of the package.
const RETRIES: u32 = 2;
/// How long an engine may take, in seconds, to say that it is there: asked only after something failed on it.
const GONE_AFTER: u64 = 10;

/// What a job that succeeded leaves.
#[derive(Debug)]
struct Built {
    artifacts: Vec<Artifact>,
    warnings: Vec<Finding>,
    key: Key,
    former_links: FormerLinks,
    caches: Vec<CacheUse>,
    inputs: BuildInputs,
    changes: Vec<PackageChanges>,
    /// What a linter found; none where none has looked.
    lint: Option<Memory>,
    processes: usize,
}

/// How a job came to an end where it ran.
#[derive(Debug)]
pub(crate) enum Ended {
    Done(Box<JobReport>),
    /// It is for another engine, with the reason as a sentence. Nothing of it is left.
    Elsewhere(Returned, String),
}

impl From<JobReport> for Ended {
    fn from(report: JobReport) -> Ended {
        Ended::Done(Box::new(report))
    }
}

/// Runs a job to its end, if it turns out to be needed: of one that takes packages from others, that is known now.
pub(crate) async fn begin(
    shared: &Arc<Shared>,
    index: usize,
    jobs: &Arc<[Job]>,
    events: JobEvents,
    cancel: &CancellationToken,
) -> Ended {
    let job = &jobs[index];
    if let Some(reason) = job.unanswered.clone() {
        return empty_report(&shared.store, job, Outcome::Infrastructure { reason }, Duration::ZERO).into();
    }
    if job.needs.is_empty() {
        return execute(shared, index, job, &Available::default(), events, cancel).await;
    }
    let (deciding, all, told) = (shared.clone(), jobs.clone(), events.clone());
    let decision = blocking(move || decide(&deciding, &all, index, &told)).await;
    match decision {
        Ok(Decision::Kept(report)) => Ended::Done(report),
        Ok(Decision::Build(job, available)) => execute(shared, index, &job, &available, events, cancel).await,
        Ok(Decision::Impossible(requirements)) => {
            let outcome = located(shared, job, outcome::dep_wait(requirements));
            empty_report(&shared.store, job, outcome, Duration::ZERO).into()
        }
        Err(outcome) => empty_report(&shared.store, job, outcome, Duration::ZERO).into(),
    }
}

async fn execute(
    shared: &Shared,
    index: usize,
    job: &Job,
    available: &Available,
    events: JobEvents,
    cancel: &CancellationToken,
) -> Ended {
    let started = Instant::now();
    events.send(JobEvent::Started);
    let (staging, journal) = match open(shared, job, events.clone()).await {
        Ok(opened) => opened,
        Err(outcome) => return empty_report(&shared.store, job, outcome, started.elapsed()).into(),
    };
    let mut work = Work {
        shared,
        job,
        available,
        index,
        cancel,
        events: events.clone(),
        journal,
        memory_peak_bytes: None,
        warnings: Vec::new(),
        released: None,
        former_links: FormerLinks::new(),
        caches: JobCaches::default(),
        failed_command: None,
        varied: Varied::default(),
        unused: None,
        kept: None,
        known_findings: 0,
        elsewhere: None,
    };
    // Caught here so that a bug in farm still leaves the log of what led to it. The container that was in use is left to
    // the run's last clean-up.
    let mut verified = None;
    let result = AssertUnwindSafe(work.run(&staging, &mut verified)).catch_unwind().await;
    let result = result.unwrap_or_else(|panic| Err(internal_error(panic.as_ref())));

    if let Some((why, reason)) = work.elsewhere.take().filter(|_| result.is_err() && !cancel.is_cancelled()) {
        return Ended::Elsewhere(why, reason);
    }
    let steps = work.journal.end_steps();
    let (mut outcome, built) = match result {
        Ok(built) => (Outcome::Succeeded, Some(built)),
        Err(outcome) => (outcome, None),
    };
    outcome = hints::near(&work, located(shared, job, outcome)).await;
    let hints = hints::hints(&mut work, &outcome).await;
    let mut told = if matches!(outcome, Outcome::Failed { .. }) { work.journal.take_findings() } else { Vec::new() };
    let went_on = work.goes_on().map(|go_on| go_on.from);
    if went_on.is_some() && outcome.is_good() {
        kept::forget(&mut work).await;
    }
    let Work { journal, memory_peak_bytes, failed_command, kept, unused, known_findings, .. } = work;
    // What was printed before a recipe was found to ask for the impossible is of farm's own images.
    let speaks = !matches!(outcome, Outcome::DepWait { by: RequiredBy::Package | RequiredBy::Test, .. });
    let tail = (!outcome.is_good() && speaks).then(|| journal.tail()).flatten();
    if matches!(outcome, Outcome::Failed { .. }) && told.is_empty() {
        told.extend(tail.as_ref().and_then(|tail| outcome::mistake(job, &tail.lines)));
    }
    told.iter_mut().for_each(|finding| place_file(shared, job, finding));
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
    let by_script = matches!(report.outcome, Outcome::Failed { .. } | Outcome::Rejected { step: StepKind::Test, .. });
    report.failed_command = failed_command.filter(|_| by_script);
    report.kept = kept;
    report.unused = unused;
    report.known_findings = known_findings;
    match (went_on, built) {
        // What dist/ has stays as it is: the same bytes.
        _ if matches!(report.outcome, Outcome::Reproduced { .. }) => {
            report.artifacts = verified.into_iter().flat_map(|record| record.artifacts).collect();
        }
        (Some(from), Some(built)) if report.outcome.is_good() => {
            set_aside(&events, job, staging, built, from, &mut report).await;
        }
        (_, built) => keep(&events, job, staging, built, &mut report).await,
    }
    report.elapsed = started.elapsed();
    report.into()
}

/// With the line of the recipe that asks for a file that is not where it says.
fn place_file(shared: &Shared, job: &Job, finding: &mut Finding) {
    if !(finding.rule.starts_with("file-") || finding.rule.ends_with("-without-files")) {
        return;
    }
    let mut paths =
        finding.message.split_whitespace().map(|word| word.trim_end_matches(':')).filter(|word| word.contains('/'));
    let place = paths.find_map(|path| shared.adviser.place_of_file(&job.target, path));
    if let Some(place) = place {
        finding.message = printable(&format!("{} ({}:{})", finding.message, place.path.display(), place.line));
    }
}

/// With the line of the recipe that names what cannot be had. Packaging of the project's own names its requirements itself.
fn located(shared: &Shared, job: &Job, outcome: Outcome) -> Outcome {
    let Outcome::DepWait { by, requirements, place: None, near } = outcome else { return outcome };
    if let Some(rebuild) = &job.rebuild {
        let differences = requirements.iter().map(|requirement| format!("{requirement} cannot be installed")).collect();
        return Outcome::NotAsLocked { by_build: false, by_file: Some(rebuild.file.clone()), differences };
    }
    let place = requirements.iter().find_map(|requirement| required::place(shared, job, by, requirement));
    Outcome::DepWait { by, requirements, place, near }
}

/// Moves what a job leaves to where it stays, and says in the report where that is.
async fn keep(events: &JobEvents, job: &Job, staging: Staging, built: Option<Built>, report: &mut JobReport) {
    let log_name = staging.log_path().file_name().map(PathBuf::from).unwrap_or_default();
    match built {
        Some(built) if report.outcome.is_good() => {
            let mut record = Record {
                schema: RECORD_SCHEMA,
                target: job.target.to_string(),
                key: built.key,
                repositories: job.repositories.iter().map(Repository::described).collect(),
                artifacts: built.artifacts.clone(),
                former_links: built.former_links,
                caches: built.caches.clone(),
                elapsed_seconds: report.elapsed.as_secs_f64(),
                tested: job.test.is_some(),
                version: Some(job.recipe.package.version.clone()),
                release: Some(job.recipe.package.release),
                made: Some(now()),
                inputs: None,
                processes: Some(built.processes),
                lint: built.lint,
            };
            let accept = move || {
                record.inputs = Some(staging.note_inputs(&built.inputs)?);
                staging.accept(&record)
            };
            match blocking(accept).await {
                Ok(Ok(folder)) => {
                    report.log = Some(folder.join(log_name));
                    report.folder = folder;
                    report.artifacts = built.artifacts;
                    report.warnings = built.warnings;
                    report.caches = built.caches;
                    report.changes = built.changes;
                }
                Ok(Err(error)) => report.outcome = outcome::store(error),
                Err(panic) => report.outcome = panic,
            }
        }
        _ => {
            // Without files as the recipe says there were no packages to refuse.
            let refused = match report.outcome {
                Outcome::Rejected { step, .. } => step != StepKind::Package,
                Outcome::NotReproduced { .. } => true,
                _ => false,
            };
            let result = LastResult {
                target: job.target.to_string(),
                outcome: report.outcome.word().to_owned(),
                details: serde_json::to_value(&report.outcome).unwrap_or_default(),
                ended: now(),
            };
            match blocking(move || staging.reject(refused, &result)).await {
                Ok(Ok(log)) => report.log = Some(log),
                // The job failed already: where its log is lost is worth a word, not another outcome.
                Ok(Err(error)) => {
                    events.send(JobEvent::Warning(format!("the log is lost: {}", outcome::chain(&error))));
                }
                Err(_) => {}
            }
        }
    }
}

/// What was made in a container that somebody may have worked in is nobody's to accept: it lies where refused packages do,
/// and the target is still to be built.
async fn set_aside(
    events: &JobEvents,
    job: &Job,
    staging: Staging,
    built: Built,
    from: StepKind,
    report: &mut JobReport,
) {
    let result = LastResult {
        target: job.target.to_string(),
        outcome: "went-on".to_owned(),
        details: serde_json::json!({ "from": from.as_str() }),
        ended: now(),
    };
    let rejected = blocking(move || staging.reject(true, &result)).await;
    match rejected {
        Ok(Ok(log)) => {
            report.folder = report.folder.join(BROKEN_FOLDER);
            report.log = Some(log);
        }
        Ok(Err(error)) => events.send(JobEvent::Warning(format!("the packages are lost: {}", outcome::chain(&error)))),
        Err(_) => {}
    }
    report.artifacts = built.artifacts;
    report.warnings = built.warnings;
    let message = format!(
        "made from the step {from} on in the kept container, so these packages are in {} and not accepted: put into the \
         recipe what was changed there, and build the target without --from",
        report.folder.display()
    );
    report.warnings.push(outcome::warning("went-on", message));
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

async fn open(shared: &Shared, job: &Job, events: JobEvents) -> Result<(Staging, Journal), Outcome> {
    let (store, target) = (shared.store.clone(), job.target.clone());
    let (limit, hidden) = (job.limits.log_bytes, shared.images.container_network().hidden().clone());
    let every_line = shared.options.every_line;
    blocking(move || {
        let staging = store.stage(&target).map_err(outcome::store)?;
        let mut journal = Journal::create(&staging.log_path(), limit, events).map_err(|error| log_failed(&error))?;
        if every_line {
            journal.tell_every_line();
        }
        journal.hide(&hidden);
        Ok((staging, journal))
    })
    .await?
}

impl Work<'_> {
    /// `verified`: the record of what is verified, where the run does that.
    async fn run(&mut self, staging: &Staging, verified: &mut Option<Record>) -> Result<Built, Outcome> {
        self.head().await.map_err(|error| log_failed(&error))?;
        *verified = verify::last_good(self).await?;
        // Said before a build and not after it.
        if self.job.test.is_some() {
            upgrade::recipes_own(self)?;
        }
        let ready = {
            let mut attempt = 0;
            loop {
                let tried = async {
                    if self.job.test.is_some() {
                        released::find(self).await?;
                    }
                    prepare::prepare(self).await
                };
                match tried.await {
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
        let (installed, tests) = (results.installed.take(), results.tests.take());
        if let Some(rebuild) = self.job.rebuild.clone() {
            return Err(rebuilt::compare(self, &rebuild, installed.as_ref(), &results.files).await?);
        }
        if let Some(record) = verified {
            return Err(verify::compare(self, record, &results.files, &folder).await?);
        }
        let Inspection { mut artifacts, findings, wanted, .. } = inspect::inspect(self, results, &folder).await?;
        artifacts.extend(modules::listed(&ready, &folder).await?);
        artifacts.extend(buildinfo::of_rpm(self, &ready, installed.as_ref(), &artifacts, &folder).await?);
        let mut warnings = self.journal.take_warnings();
        warnings.extend(findings);
        warnings.extend(upgrade::check(self, &artifacts, &folder).await?);
        let linting = lint::begin(self, ready.linter.as_ref(), &artifacts, &folder).await?;
        let tried = self.test(&ready, &artifacts, &wanted, tests.as_ref(), &folder);
        let (tried, linted) = tokio::join!(tried, lint::run(linting));
        tried?;
        self.alive()?;
        let lint = lint::told(self, linted, &artifacts).await?;
        let changes = changed::since_last_good(self, &artifacts, &folder).await?;
        caches::keep(self).await?;
        warnings.extend(self.journal.take_warnings());
        let warnings = std::mem::take(&mut self.warnings).into_iter().chain(warnings).collect();
        let mut key = self.job.key.clone();
        for (input, image) in [("base", &ready.base), ("environment", &ready.environment)] {
            if let Some(image) = image {
                key = key.with(input, &image.identity);
            }
        }
        let former_links = std::mem::take(&mut self.former_links);
        let inputs = inputs::of_job(self, &ready, installed);
        Ok(Built {
            artifacts,
            warnings,
            key,
            former_links,
            caches: std::mem::take(&mut self.caches.uses),
            inputs,
            changes,
            lint,
            processes: self.shared.parallel,
        })
    }

    /// The install test, and then the tests of the project's own.
    async fn test(
        &mut self,
        ready: &Ready,
        artifacts: &[Artifact],
        wanted: &[Wanted],
        tests: Option<&KeptTree>,
        folder: &Path,
    ) -> Result<(), Outcome> {
        let Some(setup) = &self.job.test else { return Ok(()) };
        let mut attempt = 0;
        while let Err(stop) = install_test::test(self, setup, ready, artifacts, wanted, folder, attempt).await {
            attempt = self.again(stop, attempt, "testing").await?;
        }
        let mut attempt = 0;
        while let Err(stop) = suite::test(self, setup, ready, artifacts, folder, tests, attempt).await {
            attempt = self.again(stop, attempt, "testing").await?;
        }
        Ok(())
    }

    /// `first`: the number of the first attempt, which containers have in their names.
    async fn build(&mut self, ready: &Ready, folder: &Path, first: u32) -> Result<build::Results, Outcome> {
        if let Some(given) = self.job.given.clone() {
            return given::results(self, &given, folder).await;
        }
        let mut attempt = 0;
        loop {
            match build::build(self, ready, first + attempt, folder).await {
                Ok(results) => return Ok(results),
                Err(stop) => attempt = self.again(stop, attempt, "building").await?,
            }
        }
    }

    async fn head(&mut self) -> std::io::Result<()> {
        let engine = self.shared.title();
        let version = match self.job.packaging.expected.first() {
            Some(package) => package.version.clone(),
            None => self.job.recipe.package.version.clone(),
        };
        self.journal.text(summary::head(&self.job.target, &version, &engine, &self.shared.run)).await
    }

    /// Waits before another attempt, or says how the job ends. Returns the number of the next attempt.
    async fn again(&mut self, stop: JobError, attempt: u32, doing: &str) -> Result<u32, Outcome> {
        // Whatever broke while a job was being cancelled broke because of that.
        self.alive()?;
        let reason = match stop {
            JobError::Final(outcome) => return Err(outcome),
            JobError::Transient(reason) => reason,
        };
        // An engine that is gone is none to try again on.
        if !self.shared.is_alone
            && let Err(reason) = pool::answers(&*self.shared.engine.0, self.seconds(GONE_AFTER)).await
        {
            self.elsewhere = Some((Returned::Lost, reason.clone()));
            return Err(Outcome::Infrastructure { reason });
        }
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
}
