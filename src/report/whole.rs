//! Reports that are written when the run has ended, because what stands first in them depends on all of it.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime};

use super::sink::{End, Sink};
use crate::event::{Event, JobReport, RunReport};
use crate::matrix::Target;

/// A run from its end.
#[derive(Debug)]
pub(super) struct EndedRun {
    /// `docker 20.10.24`
    pub(super) engine: String,
    /// In the order of the plan.
    pub(super) jobs: Vec<JobReport>,
    /// What concerns no job in particular, or came before one had ended.
    pub(super) warnings: Vec<(Option<Target>, String)>,
    pub(super) run: RunReport,
    pub(super) ended: SystemTime,
    /// How long after the beginning of the run each job began that did.
    pub(super) began: HashMap<Target, Duration>,
}

/// Writes a run that has ended.
type Writer = Box<dyn Fn(&EndedRun, &mut dyn Write) -> io::Result<()> + Send>;

/// Keeps what a run tells, and writes it at its end.
pub(super) struct Whole<W> {
    out: W,
    write: Writer,
    not_begun: Option<fn(&str) -> String>,
    is_written: bool,
    engine: String,
    targets: Vec<Target>,
    jobs: Vec<JobReport>,
    warnings: Vec<(Option<Target>, String)>,
    beginning: Instant,
    began: HashMap<Target, Duration>,
}

impl<W: Write + Send> Whole<W> {
    pub(super) fn new(out: W, text: fn(&EndedRun) -> String) -> Whole<W> {
        Whole::streaming(out, move |run, out| out.write_all(text(run).as_bytes()))
    }

    /// For what may be larger than this process's memory should be.
    pub(super) fn streaming(
        out: W,
        write: impl Fn(&EndedRun, &mut dyn Write) -> io::Result<()> + Send + 'static,
    ) -> Whole<W> {
        Whole {
            out,
            write: Box::new(write),
            not_begun: None,
            is_written: false,
            engine: String::new(),
            targets: Vec::new(),
            jobs: Vec::new(),
            warnings: Vec::new(),
            beginning: Instant::now(),
            began: HashMap::new(),
        }
    }

    /// Writes this where no run began, of the reason. Without it, what is there of an earlier run stays then.
    pub(super) fn or(self, not_begun: fn(&str) -> String) -> Whole<W> {
        Whole { not_begun: Some(not_begun), ..self }
    }

    fn ended(&mut self, run: &RunReport, ended: SystemTime) -> EndedRun {
        let mut jobs = std::mem::take(&mut self.jobs);
        let place = |report: &JobReport| self.targets.iter().position(|target| *target == report.target);
        jobs.sort_by_cached_key(place);
        let (engine, warnings) = (std::mem::take(&mut self.engine), std::mem::take(&mut self.warnings));
        EndedRun { engine, jobs, warnings, run: run.clone(), ended, began: std::mem::take(&mut self.began) }
    }
}

impl<W: Write + Send> Sink for Whole<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::RunStarted { engine, targets, .. } => {
                self.engine.clone_from(engine);
                self.targets.clone_from(targets);
                self.beginning = Instant::now();
            }
            Event::JobStarted { target } => drop(self.began.insert(target.clone(), self.beginning.elapsed())),
            Event::Warning { target, message } => self.warnings.push((target.clone(), message.clone())),
            Event::JobFinished(report) => self.jobs.push((**report).clone()),
            Event::RunFinished(run) => {
                let run = self.ended(run, SystemTime::now());
                self.is_written = true;
                (self.write)(&run, &mut self.out)?;
                self.out.flush()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, end: &End<'_>) -> io::Result<()> {
        match (end.error, self.not_begun) {
            (Some(error), Some(not_begun)) if !self.is_written => {
                self.out.write_all(not_begun(error).as_bytes())?;
                self.out.flush()
            }
            _ => Ok(()),
        }
    }
}

/// The run of `samples`, ended at a time of its own.
#[cfg(test)]
pub(super) fn sample() -> EndedRun {
    let mut whole = Whole::new(Vec::new(), |_| String::new());
    let events = super::samples::run_with_every_outcome();
    let (last, others) = events.split_last().unwrap();
    others.iter().for_each(|event| whole.event(event).unwrap());
    let Event::RunFinished(run) = last else { panic!("a run ends") };
    whole.ended(run, SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
}
