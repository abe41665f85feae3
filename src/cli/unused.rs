//! `farm requires --unused`: what builds did not use of what their recipes require.

use std::io;

use super::args::UnusedForm;
use super::output;
use crate::event::{Event, JobReport};
use crate::report::{Sink, Style, Tone, count, outcome};
use crate::types::printable;

/// Tells at the end of a run what its builds did not use.
pub(super) struct Unused {
    form: UnusedForm,
    style: Style,
    reports: Vec<JobReport>,
}

impl Unused {
    pub(super) fn new(form: UnusedForm, style: Style) -> Unused {
        Unused { form, style, reports: Vec::new() }
    }

    fn json(&self) -> String {
        let of = |report: &JobReport| serde_json::json!({"target": report.target.to_string(), "outcome": report.outcome.word(), "unused": report.unused});
        format!("{:#}\n", serde_json::json!({"schema": 1, "targets": self.reports.iter().map(of).collect::<Vec<_>>()}))
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for report in &self.reports {
            let target = self.style.paint(Tone::Strong, &report.target.to_string());
            match report.unused.as_deref() {
                None => {
                    let gist = outcome::gist(report).map(|gist| format!(": {gist}")).unwrap_or_default();
                    text.push_str(&printable(&format!("{target}: {}{gist}", outcome::headline(report))));
                    text.push('\n');
                }
                Some([]) => text.push_str(&format!("{target}: every build requirement of the recipe is used\n")),
                Some(unused) => {
                    let number = count(unused.len(), "requirement", "requirements");
                    text.push_str(&format!("{target}: {number} not used\n"));
                    for one in unused {
                        let package = match one.package == one.requirement {
                            true => String::new(),
                            false => format!(" ({})", one.package),
                        };
                        let at = format!("{}:{}", one.place.path.display(), one.place.line);
                        text.push_str(&printable(&format!("  {}{package}  {at}", one.requirement)));
                        text.push('\n');
                    }
                }
            }
        }
        if self.reports.iter().any(|report| report.unused.as_ref().is_some_and(|unused| !unused.is_empty())) {
            text.push_str("No step opened a file of these, nor of what they alone bring: try a build without them.\n");
        }
        text
    }
}

impl Sink for Unused {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::JobFinished(report) => self.reports.push((**report).clone()),
            Event::RunFinished(_) => {
                self.reports.sort_by_key(|report| report.target.to_string());
                output::out(&match self.form {
                    UnusedForm::Text => self.text(),
                    UnusedForm::Json => self.json(),
                });
            }
            _ => {}
        }
        Ok(())
    }
}
