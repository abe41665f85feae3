//! The smallest sink with a row, for tests.

use std::io::{self, Write};

use super::sink::{ReportFormat, Sink};
use crate::event::Event;

pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "toy",
    holds: "how many jobs have ended",
    is_whole: false,
    sink: |out| Box::new(Toy { out, ended: 0 }),
};

struct Toy {
    out: Box<dyn Write + Send>,
    ended: usize,
}

impl Sink for Toy {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::JobFinished(_) => self.ended += 1,
            Event::RunFinished(_) => writeln!(self.out, "{} jobs have ended", self.ended)?,
            _ => {}
        }
        Ok(())
    }
}
