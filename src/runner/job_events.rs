//! What a job says while it runs, and its only way to say it: to whoever drives the run, who passes it on. A job cannot say
//! that it has ended, nor that the run has.

use tokio::sync::mpsc;

use crate::event::{Event, Room};
use crate::matrix::Target;
use crate::packaging::StepKind;

/// What happens to a job between its start and its end.
#[derive(Debug, Clone)]
pub(crate) enum JobEvent {
    Started,
    StepStarted(StepKind),
    /// A line to show; droppable.
    Output(String),
    /// One that is not, and what it takes of the room for such lines.
    Line(String, Room),
    /// Bytes of a download; droppable.
    Progress {
        what: String,
        done: u64,
        total: u64,
    },
    Warning(String),
}

/// Takes what one job says.
#[derive(Debug, Clone)]
pub(crate) struct JobEvents {
    index: usize,
    driver: mpsc::UnboundedSender<(usize, JobEvent)>,
}

impl JobEvents {
    /// `index`: the job's place in the plan.
    pub(crate) fn new(index: usize, driver: mpsc::UnboundedSender<(usize, JobEvent)>) -> JobEvents {
        JobEvents { index, driver }
    }

    pub(crate) fn send(&self, event: JobEvent) {
        // Once the run has ended nobody listens.
        let _ = self.driver.send((self.index, event));
    }
}

impl JobEvent {
    /// Whether it is worth telling even when its job has ended: work that a job has left behind may still warn.
    pub(crate) fn outlives_its_job(&self) -> bool {
        matches!(self, JobEvent::Warning(_))
    }

    /// The event of a run that this is when it happens to the job of `target`.
    pub(crate) fn of(self, target: &Target) -> Event {
        let target = target.clone();
        match self {
            JobEvent::Started => Event::JobStarted { target },
            JobEvent::StepStarted(step) => Event::StepStarted { target, step },
            JobEvent::Output(line) => Event::Output { target, line, room: Room::default() },
            JobEvent::Line(line, room) => Event::Output { target, line, room },
            JobEvent::Progress { what, done, total } => Event::Progress { target, what, done, total },
            JobEvent::Warning(message) => Event::Warning { target: Some(target), message },
        }
    }
}
