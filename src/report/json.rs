//! The event stream as JSON lines: one object per event, as `event` defines them. For programs.

use std::io::{self, Write};

use super::sink::{ReportFormat, Sink};
use crate::event::Event;

pub(super) const FORMAT: ReportFormat = ReportFormat {
    name: "json",
    holds: "every event as a line of JSON",
    is_whole: false,
    sink: |out| Box::new(Json::new(out)),
};

/// Writes each event as it comes, so that others can read along.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
}

impl<W: Write + Send> Json<W> {
    /// Writes to `out`, and flushes it after each event.
    pub fn new(out: W) -> Json<W> {
        Json { out }
    }
}

impl<W: Write + Send> Sink for Json<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.out.write_all(line(event).as_bytes())?;
        self.out.flush()
    }
}

/// One line, ended.
fn line(event: &Event) -> String {
    let mut line = serde_json::to_string(event)
        .unwrap_or_else(|error| serde_json::json!({"event": "unreadable", "reason": error.to_string()}).to_string());
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use crate::report::samples;

    #[test]
    fn every_event_is_one_line_of_json_that_names_itself() {
        for event in samples::run_with_every_outcome() {
            let line = super::line(&event);
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert!(value["event"].is_string(), "{line}");
        }
    }

    #[test]
    fn a_finished_job_says_how_it_ended() {
        let event = samples::finished("jq@rpm-generic", samples::failed_in_build());
        let value: serde_json::Value = serde_json::from_str(&super::line(&event)).unwrap();
        assert_eq!(value["event"], "job-finished");
        assert_eq!(value["outcome"]["outcome"], "failed");
        assert_eq!(value["outcome"]["step"], "build");
        assert_eq!(value["outcome"]["exit_code"], 2);
        assert_eq!(value["elapsed_seconds"], 31.04);
        assert_eq!(value["steps"][0], serde_json::json!(["build", 20.0]));
    }
}
