//! What GitHub Actions make of lines that a step prints: annotations at lines of files. They are written as they come, so they go to
//! the step's own output: `--report github=/dev/stdout`.

use std::io::{self, Write};

use super::outcome;
use super::sink::{End, ReportFormat, Sink};
use crate::event::{Event, JobReport, Outcome, RecipePlace};
use crate::types::printable;

pub(super) const FORMAT: ReportFormat = ReportFormat {
    name: "github",
    holds: "annotations of GitHub Actions",
    is_whole: false,
    sink: |out| Box::new(Annotations { out }),
};

struct Annotations<W> {
    out: W,
}

impl<W: Write + Send> Sink for Annotations<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.out.write_all(lines(event).as_bytes())?;
        self.out.flush()
    }

    fn end(&mut self, end: &End<'_>) -> io::Result<()> {
        let Some(error) = end.error else { return Ok(()) };
        self.out.write_all(command("error", "farm did not begin", None, error).as_bytes())?;
        self.out.flush()
    }
}

fn lines(event: &Event) -> String {
    match event {
        Event::Warning { target, message } => {
            let title = target.as_ref().map_or("farm".to_owned(), ToString::to_string);
            command("warning", &title, None, &printable(message))
        }
        Event::JobFinished(report) => of_job(report),
        _ => String::new(),
    }
}

fn of_job(report: &JobReport) -> String {
    let target = report.target.to_string();
    let mut text = String::new();
    if !report.outcome.is_good() && !matches!(report.outcome, Outcome::Skipped { .. } | Outcome::Cancelled) {
        let place = match &report.outcome {
            Outcome::SourceUnavailable { place: Some(place), .. } | Outcome::DepWait { place: Some(place), .. } => {
                Some(place)
            }
            _ => {
                let of_command = || report.failed_command.as_ref().and_then(|command| command.place.as_ref());
                report.hints.iter().find_map(|hint| hint.place.as_ref()).or_else(of_command)
            }
        };
        let title = format!("{target} {}", outcome::headline(report));
        text.push_str(&command("error", &title, place, &outcome::page(report).join("\n")));
    }
    for finding in &report.warnings {
        text.push_str(&command("warning", &target, None, &outcome::finding(finding)));
    }
    text
}

/// A workflow command: `::error title=…,file=…,line=…::message`.
fn command(level: &str, title: &str, place: Option<&RecipePlace>, message: &str) -> String {
    let place = place.map(|place| {
        let path = printable(&place.path.display().to_string());
        format!(",file={},line={}", property(&path), place.line)
    });
    format!("::{level} title={}{}::{}\n", property(title), place.unwrap_or_default(), data(message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn what_fails_is_annotated_where_the_recipe_has_to_change() {
        let failed = lines(&samples::finished("jq@debian-12", samples::failed_in_build()));
        let begin = "::error title=jq@debian-12/amd64 failed in build,file=recipes/jq/farm.toml,line=24::";
        assert!(failed.starts_with(begin) && failed.matches('\n').count() == 1, "{failed}");
        assert!(failed.contains("%0A") && failed.contains("dist/jq/debian-12-amd64/build.log"), "{failed}");
        assert_eq!(lines(&samples::finished("jq@debian-12", Outcome::Succeeded)), "");
    }

    #[test]
    fn no_text_ends_a_command_or_begins_another() {
        let message = "100%\n::error::planted\r".to_owned();
        let told = lines(&Event::Warning { target: None, message });
        assert_eq!(told.matches('\n').count(), 1);
        assert!(told.starts_with("::warning title=farm::100%25"), "{told}");
        assert_eq!(property("a:b,c%"), "a%3Ab%2Cc%25");
        let every: String = samples::run_with_every_outcome().iter().map(lines).collect();
        assert!(every.lines().all(|line| line.starts_with("::error ") || line.starts_with("::warning ")), "{every}");
        assert_eq!(every.lines().count(), 14, "one for each failure, and the warning");
    }

    #[test]
    fn a_run_that_did_not_begin_is_annotated_and_one_that_did_is_not_again() {
        let told = |error| {
            let mut out = Vec::new();
            Annotations { out: &mut out }.end(&End { run: "r", exit_code: 3, error }).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(told(None), "");
        let expected = "::error title=farm did not begin::error: no recipe%0Ahelp: `farm init`\n";
        assert_eq!(told(Some("error: no recipe\nhelp: `farm init`")), expected);
    }
}
