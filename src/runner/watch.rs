//! One process in a container, watched: it may not run longer than its step's limit, nor stay silent for too long, nor
//! print more than the log may hold. What ended it is told apart here; what that means for the job is `outcome`'s.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::job_events::JobEvent;
use super::journal::Journal;
use super::outcome::Refusal;
use crate::engine::{Container, EngineError, ExecSpec, ExitStatus};
use crate::packaging::StepKind;

/// How long a process may run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// However many steps it goes through.
    pub(crate) step: Duration,
    /// Without any output.
    pub(crate) silence: Duration,
}

/// What ended a process.
#[derive(Debug)]
pub(crate) enum Ended {
    Exit(ExitStatus),
    TimedOut(StepKind),
    Stalled(StepKind),
    Refused(Refusal),
    Cancelled,
    Engine(EngineError),
}

/// How long an engine may take to kill a process before it is left to the removal of its container.
const KILL_GRACE: Duration = Duration::from_secs(20);
/// How often a line that came too early to be shown is looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Runs `spec` to its end, whichever that is. `token` is what its phase markers begin with.
pub(crate) async fn run(
    container: &dyn Container,
    spec: &ExecSpec,
    token: Option<&str>,
    journal: &mut Journal,
    timeouts: Timeouts,
    cancel: &CancellationToken,
) -> Ended {
    let heartbeat = journal.heartbeat();
    let events = journal.events();
    heartbeat.touch();
    // Its time begins here, and nothing that it prints begins it anew: who prints may be who is to be stopped.
    let began = Instant::now();
    let stop = cancel.child_token();
    let mut verdict = None;
    let result = {
        let mut sink = journal.sink(token);
        let mut exec = container.exec(spec, &mut sink, &stop);
        let result = loop {
            let (step, last_output) = heartbeat.read();
            let deadline = began + timeouts.step;
            let silent = last_output + timeouts.silence;
            let now = Instant::now();
            if now >= deadline {
                verdict = Some(Ended::TimedOut(step));
            } else if now >= silent {
                verdict = Some(Ended::Stalled(step));
            } else if cancel.is_cancelled() {
                verdict = Some(Ended::Cancelled);
            }
            if verdict.is_some() {
                stop.cancel();
                break tokio::select! {
                    result = &mut exec => Some(result),
                    () = sleep(KILL_GRACE) => None,
                };
            }
            tokio::select! {
                result = &mut exec => break Some(result),
                () = cancel.cancelled() => {}
                () = sleep_until(deadline.min(silent).min(now + LOOK_EVERY)) => {
                    if let Some(line) = heartbeat.line_to_show() {
                        events.send(JobEvent::Output(line));
                    }
                }
            }
        };
        drop(exec);
        // A refusal is kept in the journal and read below.
        let _ = sink.finish().await;
        result
    };
    match (verdict, result) {
        (Some(verdict), _) => verdict,
        (None, _) if cancel.is_cancelled() => Ended::Cancelled,
        (None, Some(Ok(status))) => journal.refusal().map_or(Ended::Exit(status), Ended::Refused),
        (None, Some(Err(EngineError::Sink(error)))) => {
            Ended::Refused(journal.refusal().unwrap_or(Refusal::Log(error.kind())))
        }
        (None, Some(Err(error))) => Ended::Engine(error),
        // Only a verdict gives up on the process.
        (None, None) => Ended::Cancelled,
    }
}
