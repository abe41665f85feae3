//! What stays of a build that failed: its container, as an image, when the run was asked to keep it; and the end of that when
//! a build went on in it and succeeded.

use super::context::GoOn;
use super::job_events::JobEvent;
use super::outcome::{self, JobError};
use super::work::Work;
use crate::engine::{Container, Network};
use crate::event::Outcome;
use crate::image::{KeptId, kept};

impl Work<'_> {
    /// Where this job goes on, if it does.
    pub(super) fn goes_on(&self) -> Option<&GoOn> {
        self.shared.options.go_on.as_ref().filter(|go_on| go_on.target == self.job.target.to_string())
    }

    pub(super) fn kept_id(&self) -> KeptId {
        KeptId::new(&self.job.recipe.root, &self.job.target.to_string())
    }
}

/// The last thing done with the container of a build that failed.
pub(super) async fn keep(work: &mut Work<'_>, container: &dyn Container, error: &JobError, network: Network) {
    let JobError::Final(outcome) = error else { return };
    let is_wanted = work.shared.options.keep_failed || work.goes_on().is_some();
    let Some(step) = outcome::step_of(outcome).filter(|_| is_wanted && !work.cancel.is_cancelled()) else { return };
    // Packages that are refused stay on this host.
    if matches!(outcome, Outcome::DiskFull { .. }) {
        return;
    }
    match kept::keep(&work.shared.engine.0, container, &work.kept_id(), step.as_str(), network).await {
        Ok(()) => work.kept = Some(step),
        Err(error) => {
            let message = format!("the container cannot be kept: {}", outcome::chain(&error));
            work.events.send(JobEvent::Warning(message));
        }
    }
}

/// The build went on and is good: nobody needs the container any more.
pub(super) async fn forget(work: &mut Work<'_>) {
    if let Err(error) = kept::drop_kept(&work.shared.engine.0, &work.kept_id()).await {
        let message = format!("the kept container is still there: {}", outcome::chain(&error));
        work.events.send(JobEvent::Warning(message));
    }
}
