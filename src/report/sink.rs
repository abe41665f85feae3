//! What a run reports to.

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
