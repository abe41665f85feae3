//! The event stream as JSON lines, for programs: `docs/events.schema.json` has their shape. Each line says of which version of
//! it, of which run and of when it is. The last line is there also when no run began.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::sink::{End, ReportFormat, Sink};
use crate::event::{Event, RunReport};

/// The version of the shape: raised when a member changes its meaning or goes.
const SCHEMA: u32 = 1;

pub(super) const FORMAT: ReportFormat = ReportFormat {
    name: "json",
    holds: "every event as a line of JSON",
    is_whole: false,
    sink: |out| Box::new(Json::new(out)),
};

/// Writes each event as it comes, so that others can read along; the last one when it hears how the command ends.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    now: fn() -> SystemTime,
    run: String,
    /// How many jobs ended how.
    outcomes: BTreeMap<&'static str, usize>,
    finished: Option<RunReport>,
}

#[derive(Serialize)]
struct Line<'a, T> {
    schema: u32,
    time: String,
    run: &'a str,
    #[serde(flatten)]
    event: T,
}

/// What a run came to, or why none began.
#[derive(Serialize)]
struct Last<'a> {
    event: &'static str,
    exit_code: u8,
    error: Option<&'a str>,
    outcomes: &'a BTreeMap<&'static str, usize>,
    #[serde(flatten)]
    run: &'a RunReport,
}

impl<W: Write + Send> Json<W> {
    /// Writes to `out`, and flushes it after each event.
    pub fn new(out: W) -> Json<W> {
        Json { out, now: SystemTime::now, run: String::new(), outcomes: BTreeMap::new(), finished: None }
    }

    /// One line, whole: nothing is written of one that cannot be.
    fn write(&mut self, event: impl Serialize) -> io::Result<()> {
        let time = DateTime::<Utc>::from((self.now)()).to_rfc3339_opts(SecondsFormat::Millis, true);
        let mut line = serde_json::to_vec(&Line { schema: SCHEMA, time, run: &self.run, event })?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }
}

impl<W: Write + Send> Sink for Json<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::RunStarted { run, .. } => self.run.clone_from(run),
            Event::JobFinished(report) => *self.outcomes.entry(report.outcome.word()).or_default() += 1,
            Event::RunFinished(run) => {
                self.finished = Some(run.clone());
                return Ok(());
            }
            _ => {}
        }
        self.write(event)
    }

    fn end(&mut self, end: &End<'_>) -> io::Result<()> {
        end.run.clone_into(&mut self.run);
        let outcomes = std::mem::take(&mut self.outcomes);
        let run = self.finished.take().unwrap_or_default();
        let End { exit_code, error, .. } = *end;
        self.write(Last { event: "run-finished", exit_code, error, outcomes: &outcomes, run: &run })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::compare::{Aspect, Change, PackageChanges, PackageRef};
    use crate::event::{FailedCommand, UnusedRequirement};
    use crate::packaging::StepKind;
    use crate::report::samples;
    use crate::types::testing::skip;
    use crate::types::{CacheUse, Format};

    /// Reads lines, and says what of them is not as a schema has it.
    const VALIDATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/matrix/validators/lines.py");
    const SCHEMA_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/events.schema.json");

    fn written(events: &[Event], end: &End<'_>) -> String {
        let mut out = Vec::new();
        let mut json =
            Json { now: || SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_250), ..Json::new(&mut out) };
        events.iter().for_each(|event| json.event(event).unwrap());
        json.end(end).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn read(text: &str) -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn of_run(exit_code: u8) -> End<'static> {
        End { run: "20261122-235716-4f2a", exit_code, error: None }
    }

    /// Events in which every member is there that can be.
    fn every_member() -> Vec<Event> {
        let mut events = samples::run_with_every_outcome();
        let package = |version: &str| PackageRef {
            file_name: format!("jq_{version}_amd64.deb"),
            format: Format::Deb,
            version: version.into(),
            architecture: "amd64".into(),
        };
        for event in &mut events {
            let Event::JobFinished(report) = event else { continue };
            report.known_findings = 3;
            report.caches = vec![CacheUse::counted("ccache", 3, 1), CacheUse::uncounted("go")];
            report.kept = Some(StepKind::Build);
            report.memory_peak_bytes = Some(1 << 20);
            let place = report.hints.iter().find_map(|hint| hint.place.clone());
            report.failed_command = Some(FailedCommand {
                script: "build",
                line: 1,
                text: "make check".into(),
                exit_code: Some(2),
                place: place.clone(),
            });
            report.unused = place.map(|place| {
                vec![UnusedRequirement { requirement: "pkgconfig(zlib)".into(), package: "zlib1g-dev".into(), place }]
            });
            report.changes = vec![PackageChanges {
                name: "jq".into(),
                before: Some(package("1.7-1")),
                after: Some(package("1.7-2")),
                identical: false,
                changes: [Aspect::Content, Aspect::Soname]
                    .map(|aspect| Change {
                        aspect,
                        subject: "/usr/bin/jq".into(),
                        before: None,
                        after: Some("x".into()),
                    })
                    .to_vec(),
            }];
        }
        events.insert(2, Event::Warning { target: None, message: "an engine is gone".into() });
        let progress =
            |total| Event::Progress { target: samples::target("jq@debian-12"), what: "a".into(), done: 1, total };
        events.splice(3..3, [progress(0), progress(2)]);
        events
    }

    #[test]
    fn every_line_says_of_which_run_and_time_it_is_and_names_targets_by_their_ids() {
        let lines = read(&written(&every_member(), &of_run(10)));
        for line in &lines {
            let head = [&line["schema"], &line["time"], &line["run"]];
            assert_eq!(head, [&json!(1), &json!("2027-01-15T08:00:00.250Z"), &json!("20261122-235716-4f2a")], "{line}");
            assert!(line["event"].is_string(), "{line}");
            assert!(line.get("target").is_none_or(|target| target.is_string() || target.is_null()), "{line}");
        }
        assert_eq!(lines[0]["targets"][1], "jq1@debian-12/amd64");
    }

    #[test]
    fn a_finished_job_says_how_it_ended() {
        let event = samples::finished("jq@rpm-generic", samples::failed_in_build());
        let line = &read(&written(&[event], &of_run(10)))[0];
        assert_eq!((&line["event"], &line["target"]), (&json!("job-finished"), &json!("jq@rpm-generic/x86_64")));
        assert_eq!(line["outcome"], json!({"outcome": "failed", "step": "build", "exit_code": 2}));
        assert_eq!(line["elapsed_seconds"], 31.04);
        assert_eq!(line["steps"][0], json!(["build", 20.0]));
    }

    #[test]
    fn the_last_line_counts_and_has_the_exit_code_whether_or_not_a_run_began() {
        let lines = read(&written(&samples::run_with_every_outcome(), &of_run(10)));
        let last = lines.last().unwrap();
        assert_eq!(lines.iter().filter(|line| line["event"] == "run-finished").count(), 1);
        let counts = last["outcomes"].as_object().unwrap();
        assert_eq!((last["event"].as_str(), counts.len()), (Some("run-finished"), samples::every_outcome().len()));
        assert_eq!(
            (&last["exit_code"], &last["error"], &last["elapsed_seconds"]),
            (&json!(10), &Value::Null, &json!(192.0))
        );

        let lines = read(&written(&[], &End { error: Some("error: no recipe"), ..of_run(3) }));
        let [only] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((&only["exit_code"], &only["error"]), (&json!(3), &json!("error: no recipe")));
        assert_eq!((&only["outcomes"], &only["run"]), (&json!({}), &json!("20261122-235716-4f2a")));
    }

    #[test]
    fn another_reader_of_the_published_schema_accepts_every_line_and_no_other() {
        let Some(python) = std::env::var_os("FARM_TEST_VALIDATORS") else {
            return skip("FARM_TEST_VALIDATORS names no Python with validators (`cargo xtask test` installs them)");
        };
        let told = |lines: &str| {
            let child = Command::new(&python)
                .args([VALIDATE, SCHEMA_FILE])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn();
            let mut child = child.unwrap();
            child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success());
            String::from_utf8(output.stdout).unwrap()
        };
        let good = written(&every_member(), &of_run(10)) + &written(&[], &End { error: Some("why"), ..of_run(3) });
        assert_eq!(told(&good), "");
        // One fault each.
        for (from, to) in [
            ("\"schema\":1", "\"schema\":2"),
            ("\"time\":\"2027", "\"time\":\"yesterday 2027"),
            ("\"target\":\"jq2@", "\"target\":\"jq2"),
            ("\"event\":\"job-started\"", "\"event\":\"job-began\""),
            ("\"outcome\":\"stalled\"", "\"outcome\":\"stuck\""),
            ("\"exit_code\":10", "\"exit_code\":-1"),
            ("\"known_findings\":3", "\"known_finding\":3"),
            ("\"limit_bytes\":100000000", "\"limit_bytes\":\"100 MB\""),
        ] {
            let line = good.lines().find(|line| line.contains(from)).unwrap_or_else(|| panic!("no {from}"));
            assert_ne!(told(&line.replacen(from, to, 1)), "", "{to}");
        }
    }
}
