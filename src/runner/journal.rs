//! What a job says while it runs, in one place: its log, its events, which step it is in and since when. It decides
//! nothing; `watch` reads its [`Heartbeat`] to see whether the job is alive.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::job_events::{JobEvent, JobEvents};
use super::lines::Lines;
use super::log::JobLog;
use super::outcome::{self, Refusal};
use super::phases::{PhaseScanner, Piece};
use super::tail::LastLine;
use crate::artifact::{Finding, Severity};
use crate::engine::{OutputSink, OutputStream};
use crate::event::Tail;
use crate::hint::Missing;
use crate::network::Hidden;
use crate::packaging::StepKind;
use crate::types::{Progress, printable};

/// Memory between a job and its reports, in bytes, where every line of output is told.
const IN_FLIGHT: usize = 128 << 10;
/// Of it, what a line takes beside its bytes.
const OVERHEAD: usize = 128;
/// Warnings of one job that its report holds.
const MOST_WARNINGS: usize = 100;
/// Droppable events are sent at most this often per job.
const SHOW_EVERY: Duration = Duration::from_millis(100);

/// Scripts that find mistakes name a few of each kind: more than this is not from them.
const MOST_FINDINGS: usize = 200;

/// Phases that one process may announce; what farm's own scripts go through is less.
const MOST_PHASES: usize = 8;

/// When a job last gave a sign, and the line to show for it. Shared with whoever watches.
#[derive(Debug)]
pub(crate) struct Heartbeat(Mutex<HeartbeatState>);

#[derive(Debug)]
struct HeartbeatState {
    step: StepKind,
    last_output: Instant,
    last_shown: Option<Instant>,
    line: LastLine,
}

impl Heartbeat {
    fn state(&self) -> MutexGuard<'_, HeartbeatState> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The step, and when the last byte came (or the step began).
    pub(crate) fn read(&self) -> (StepKind, Instant) {
        let state = self.state();
        (state.step, state.last_output)
    }

    /// Begins the waiting for output anew.
    pub(crate) fn touch(&self) {
        self.state().last_output = Instant::now();
    }

    /// The newest line that was not shown yet, if it is time to show one.
    pub(crate) fn line_to_show(&self) -> Option<String> {
        let mut state = self.state();
        let now = Instant::now();
        if state.last_shown.is_some_and(|shown| now - shown < SHOW_EVERY) {
            return None;
        }
        let line = state.line.take()?;
        state.last_shown = Some(now);
        Some(line)
    }
}

#[derive(Debug)]
pub(crate) struct Journal {
    events: JobEvents,
    log: JobLog,
    heartbeat: Arc<Heartbeat>,
    /// Bytes of output that may still come.
    room: u64,
    refusal: Option<Refusal>,
    steps: Vec<(StepKind, Duration)>,
    entered: Option<(StepKind, Instant)>,
    printed: bool,
    findings: Vec<Finding>,
    warnings: Vec<Finding>,
    hidden: Hidden,
    every_line: Option<EveryLine>,
}

/// Each line of output on its way to whoever asked for all.
#[derive(Debug)]
struct EveryLine {
    lines: Lines,
    /// What of [`IN_FLIGHT`] is free.
    room: Arc<Semaphore>,
}

impl Journal {
    /// Begins the log at `path`; `limit` is how many bytes of output it may hold.
    pub(crate) fn create(path: &Path, limit: u64, events: JobEvents) -> io::Result<Journal> {
        let now = Instant::now();
        let heartbeat =
            HeartbeatState { step: StepKind::Prepare, last_output: now, last_shown: None, line: LastLine::default() };
        Ok(Journal {
            events,
            log: JobLog::create(path)?,
            heartbeat: Arc::new(Heartbeat(Mutex::new(heartbeat))),
            room: limit,
            refusal: None,
            steps: Vec::new(),
            entered: None,
            printed: false,
            findings: Vec::new(),
            warnings: Vec::new(),
            hidden: Hidden::default(),
            every_line: None,
        })
    }

    /// From now on every line of output is told, and whoever prints waits until it was.
    pub(crate) fn tell_every_line(&mut self) {
        self.every_line = Some(EveryLine { lines: Lines::default(), room: Arc::new(Semaphore::new(IN_FLIGHT)) });
    }

    /// What of the output of processes nobody is to read.
    pub(crate) fn hide(&mut self, hidden: &Hidden) {
        self.hidden = hidden.clone();
    }

    pub(crate) fn heartbeat(&self) -> Arc<Heartbeat> {
        self.heartbeat.clone()
    }

    pub(crate) fn events(&self) -> JobEvents {
        self.events.clone()
    }

    /// The step that the job is in.
    pub(crate) fn step(&self) -> StepKind {
        self.entered.map_or(StepKind::Prepare, |(step, _)| step)
    }

    /// The step before ends, this one begins, with its banner; nothing when it is the current one.
    pub(crate) async fn enter(&mut self, step: StepKind) -> io::Result<()> {
        if self.entered.is_some_and(|(current, _)| current == step) {
            return Ok(());
        }
        self.tell_rest().await;
        self.leave();
        let now = Instant::now();
        self.entered = Some((step, now));
        {
            let mut state = self.heartbeat.state();
            state.step = step;
            state.last_output = now;
        }
        self.events.send(JobEvent::StepStarted(step));
        let result = self.log.banner(title(step)).await;
        self.checked(result)
    }

    fn leave(&mut self) {
        if let Some((step, since)) = self.entered.take() {
            let elapsed = since.elapsed();
            match self.steps.iter_mut().find(|(known, _)| *known == step) {
                // A retry, or a build that goes back to a step: its time adds up.
                Some((_, total)) => *total += elapsed,
                None => self.steps.push((step, elapsed)),
            }
        }
    }

    /// Takes output; an error ends the process that printed it.
    async fn output(&mut self, mut bytes: Bytes) -> io::Result<()> {
        if let Some(refusal) = self.refusal {
            return Err(refusal.into());
        }
        self.printed = true;
        let over = bytes.len() as u64 > self.room;
        if over {
            // What fits is still of use; the rest is what the limit is for.
            bytes.truncate(usize::try_from(self.room).unwrap_or(usize::MAX));
        }
        self.room -= bytes.len() as u64;
        if self.every_line.is_none() {
            self.heartbeat.state().line.feed(&bytes);
        }
        self.heartbeat.touch();
        let result = self.log.output(bytes.clone()).await;
        self.checked(result)?;
        match &mut self.every_line {
            Some(EveryLine { lines, .. }) => {
                let lines = lines.feed(&bytes);
                self.tell(lines).await;
            }
            None => self.show_line(),
        }
        if over {
            self.refusal = Some(Refusal::LogLimit);
            return Err(Refusal::LogLimit.into());
        }
        Ok(())
    }

    /// A mistake that a script has found: in the log, and kept for the job's outcome.
    async fn finding(&mut self, rule: &str, message: &str) -> io::Result<()> {
        let (rule, message) = (printable(rule), printable(message));
        self.output(format!("farm: {message}\n").into()).await?;
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(outcome::told(Severity::Error, &rule, message));
        }
        Ok(())
    }

    /// What scripts have found since the last call.
    pub(crate) fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    /// A banner within a step.
    pub(crate) async fn section(&mut self, title: &str) -> io::Result<()> {
        let result = self.log.banner(title).await;
        self.checked(result)
    }

    /// A line of farm's own in the log.
    pub(crate) async fn note(&mut self, text: &str) -> io::Result<()> {
        let result = self.log.note(text).await;
        self.checked(result)
    }

    /// What farm does next itself, where a while goes by: in the log, and shown as what goes on.
    pub(crate) async fn doing(&mut self, what: &str) -> io::Result<()> {
        self.events.send(JobEvent::Output(format!("{what} …")));
        self.note(&format!("{what} …")).await
    }

    /// Lines of farm's own in the log, without a prefix.
    pub(crate) async fn text(&mut self, text: String) -> io::Result<()> {
        let result = self.log.own(text).await;
        self.checked(result)
    }

    /// A warning for people: in the log and as an event.
    pub(crate) async fn warn(&mut self, message: String) -> io::Result<()> {
        let result = self.note(&message).await;
        self.events.send(JobEvent::Warning(message));
        result
    }

    /// A warning that stands in the job's report when it has succeeded, and in the log now. Each is told once, however
    /// often an attempt is repeated, and not more than a person can read.
    pub(crate) async fn warning(&mut self, rule: &str, message: String) -> io::Result<()> {
        let finding = outcome::told(Severity::Warning, rule, message.clone());
        if self.warnings.len() >= MOST_WARNINGS || self.warnings.contains(&finding) {
            return Ok(());
        }
        self.warnings.push(finding);
        self.note(&format!("warning: {message}")).await
    }

    pub(crate) fn take_warnings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.warnings)
    }

    /// Why output was refused, if it was.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    pub(crate) fn tail(&self) -> Option<Tail> {
        self.log.tail()
    }

    /// For a part of a step whose failure the output before it does not explain.
    pub(crate) fn begin_tail(&mut self) {
        self.log.begin_tail();
    }

    /// What the step that the job is in, by its own words, lacks.
    pub(crate) fn missing(&mut self) -> Vec<Missing> {
        self.log.missing()
    }

    pub(crate) fn tail_contains(&self, needle: &str) -> bool {
        self.log.tail_contains(needle)
    }

    /// Whether anything was printed since the last call.
    pub(crate) fn take_printed(&mut self) -> bool {
        std::mem::take(&mut self.printed)
    }

    /// Where the output of one process goes. With a token, its phase markers are followed.
    pub(crate) fn sink(&mut self, token: Option<&str>) -> JobSink<'_> {
        let scanner = || token.map(PhaseScanner::new);
        let held = Default::default();
        JobSink { stdout: scanner(), stderr: scanner(), held, phases: 0, journal: self }
    }

    /// Hears of downloads for this job; what comes too often is dropped.
    pub(crate) fn progress(&self) -> EventProgress {
        EventProgress { events: self.events.clone(), last: Mutex::new(None) }
    }

    /// The time of each step, the current one included, which ends here.
    pub(crate) fn end_steps(&mut self) -> Vec<(StepKind, Duration)> {
        self.leave();
        self.steps.clone()
    }

    /// Writes `summary` as the last section and closes the log.
    pub(crate) async fn finish(mut self, summary: String) -> io::Result<()> {
        self.tell_rest().await;
        let mut written = self.log.banner("Summary").await;
        if written.is_ok() {
            written = self.log.own(summary).await;
        }
        self.log.finish().await.and(written)
    }

    /// Tells what was printed of a line that has no end yet.
    async fn tell_rest(&mut self) {
        let rest = self.every_line.as_mut().and_then(|EveryLine { lines, .. }| lines.rest());
        self.tell(rest).await;
    }

    async fn tell(&self, lines: impl IntoIterator<Item = String>) {
        let Some(EveryLine { room, .. }) = &self.every_line else { return };
        for line in lines {
            let needed = (line.len() + OVERHEAD).min(IN_FLIGHT);
            // Nobody closes it.
            if let Ok(room) = room.clone().acquire_many_owned(needed as u32).await {
                self.events.send(JobEvent::Line(line, room.into()));
            }
        }
        // The wait was not the build's.
        self.heartbeat.touch();
    }

    fn show_line(&self) {
        if let Some(line) = self.heartbeat.line_to_show() {
            self.events.send(JobEvent::Output(line));
        }
    }

    fn checked(&mut self, result: io::Result<()>) -> io::Result<()> {
        if let Err(error) = &result {
            self.refusal.get_or_insert(Refusal::Log(error.kind()));
        }
        result
    }
}

fn title(step: StepKind) -> &'static str {
    match step {
        StepKind::Prepare => "Prepare",
        StepKind::Unpack => "Unpack",
        StepKind::Build => "Build",
        StepKind::Check => "Check",
        StepKind::Package => "Package",
        StepKind::Collect => "Collect",
        StepKind::Inspect => "Inspect",
        StepKind::Test => "Test",
        StepKind::Lint => "Lint",
    }
}

/// The output of one process on its way into the journal. Markers in it are for people who follow the job: which step the
/// log and the display name, and what a failure is shown with. Limits and outcomes do not depend on them.
#[derive(Debug)]
pub(crate) struct JobSink<'a> {
    journal: &'a mut Journal,
    stdout: Option<PhaseScanner>,
    stderr: Option<PhaseScanner>,
    /// What of each output may yet be something to hide.
    held: [Vec<u8>; 2],
    /// How many were announced.
    phases: usize,
}

impl JobSink<'_> {
    /// Hands on what a scanner held back: the process has ended.
    pub(crate) async fn finish(mut self) -> io::Result<()> {
        for stream in [OutputStream::Stdout, OutputStream::Stderr] {
            let held = &mut self.held[usize::from(stream == OutputStream::Stderr)];
            let rest = self.journal.hidden.rest(held);
            self.shown(stream, rest.into()).await?;
        }
        for scanner in [self.stdout.take(), self.stderr.take()] {
            let held = scanner.map(|mut scanner| scanner.finish()).unwrap_or_default();
            if !held.is_empty() {
                self.journal.output(held.into()).await?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl OutputSink for JobSink<'_> {
    async fn write(&mut self, stream: OutputStream, chunk: Bytes) -> io::Result<()> {
        let held = &mut self.held[usize::from(stream == OutputStream::Stderr)];
        let chunk = self.journal.hidden.pass(held, chunk);
        self.shown(stream, chunk).await
    }
}

impl JobSink<'_> {
    async fn shown(&mut self, stream: OutputStream, chunk: Bytes) -> io::Result<()> {
        if chunk.is_empty() {
            return Ok(());
        }
        let scanner = match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        };
        let Some(scanner) = scanner else { return self.journal.output(chunk).await };
        for piece in scanner.scan(&chunk) {
            match piece {
                Piece::Bytes(bytes) => self.journal.output(bytes.into()).await?,
                Piece::Phase(step) if self.phases < MOST_PHASES => {
                    self.phases += 1;
                    self.journal.enter(step).await?;
                }
                Piece::Phase(_) => {}
                Piece::Finding(Severity::Error, rule, message) => self.journal.finding(&rule, &message).await?,
                Piece::Finding(Severity::Warning | Severity::Waived, rule, message) => {
                    self.journal.warning(&printable(&rule), printable(&message)).await?;
                }
            }
        }
        Ok(())
    }
}

/// Progress of downloads as events.
#[derive(Debug)]
pub(crate) struct EventProgress {
    events: JobEvents,
    last: Mutex<Option<Instant>>,
}

impl Progress for EventProgress {
    fn progress(&self, what: &str, done: u64, total: u64) {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // The last step of a download is always told: a bar should not stop at 97 %.
        let is_end = total > 0 && done >= total;
        if !is_end && last.is_some_and(|last| now - last < SHOW_EVERY) {
            return;
        }
        *last = Some(now);
        self.events.send(JobEvent::Progress { what: what.to_owned(), done, total });
    }
}
