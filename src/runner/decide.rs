//! Whether a job has to run: what others of its set made may be known only once they are done, and what it takes of them
//! is part of its key.

use std::time::Duration;

use super::job_events::{JobEvent, JobEvents};
use super::locked;
use super::outcome;
use super::set::Available;
use super::work::{Shared, empty_report};
use crate::event::{JobReport, Outcome};
use crate::plan::{self, Job, Reason};
use crate::store::{Record, Store};

/// What is to be done for a job, all that it needs being done.
pub(crate) enum Decision {
    Kept(Box<JobReport>),
    /// The job with what it takes in its key.
    Build(Box<Job>, Available),
    /// What others made is not what the job needs of them.
    Impossible(Vec<String>),
}

/// Looks at what the others made. Blocks.
pub(crate) fn decide(shared: &Shared, jobs: &[Job], index: usize, events: &JobEvents) -> Decision {
    let job = &jobs[index];
    let available = match shared.set_inputs.of(jobs, index, &shared.store) {
        Ok(available) => available,
        Err(problems) => return Decision::Impossible(problems),
    };
    let job = job.with_set(available.inputs(job.test.is_some()));
    let forced = shared.options.force && !job.only_needed;
    let kept = shared.store.state(&job.target).unwrap_or_else(|damaged| {
        let message = format!("{} {}: it is built again", damaged.path.display(), damaged.reason);
        events.send(JobEvent::Warning(message));
        None
    });
    let locked = shared.options.locked.of(&job.target.to_string());
    let is_as_locked = || locked.is_none_or(|locked| locked::is_as_locked(&shared.store, &job, locked));
    if !forced
        && let Some(record) = kept
        && plan::reason(&job, Some(&record.key)) == Reason::UpToDate
        && is_as_locked()
    {
        if let Err(error) = shared.store.note_up_to_date(&job.target) {
            events.send(JobEvent::Warning(outcome::chain(&error)));
        }
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
