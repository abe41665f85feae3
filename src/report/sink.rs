//! What a run reports to.

use std::fmt;
use std::io::{self, Write};

use crate::event::Event;

/// Takes the events of one run, in their order; the last is [`Event::RunFinished`], and it comes unless farm itself panics.
///
/// A sink is a fold: it knows nothing of a run but its events, and writes only to what it was given. Any number of them
/// can follow one run.
pub trait Sink: Send {
    /// Takes the next event.
    ///
    /// # Errors
    /// When it cannot be written. The sink is then left out of the rest of the run, which goes on.
    fn event(&mut self, event: &Event) -> io::Result<()>;

    /// Takes how the command ends that the run was for: once, after the last event, or without any when no run began.
    ///
    /// # Errors
    /// When it cannot be written.
    fn end(&mut self, _end: &End<'_>) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for dyn Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

/// How a command ends that was to build.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// The run's id; that which it would have had where none began.
    pub run: &'a str,
    /// That of the process.
    pub exit_code: u8,
    /// Why no run began, as people are told: several lines, printable. None when one did, or nothing was to be done.
    pub error: Option<&'a str>,
}

/// A report that can be written into a file beside what a terminal shows: `farm build --report NAME=FILE`.
#[derive(Debug, Clone, Copy)]
pub struct ReportFormat {
    /// The word before `=` in `--report NAME=FILE`.
    pub name: &'static str,
    /// What it holds, for the help: `every event as a line of JSON`
    pub holds: &'static str,
    /// Whether it is written at the end of the run, all at once: then the file is replaced by one rename.
    pub is_whole: bool,
    /// Makes the sink that writes to `out`, and flushes it when it has written all that there is for now.
    pub sink: fn(out: Box<dyn Write + Send>) -> Box<dyn Sink>,
}
