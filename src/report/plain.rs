//! One line per event that matters, prefixed by the target: for pipes, files, CI and dumb terminals. Nothing moves, and
//! nothing is cut: a reader can always search for the whole text.

use std::io::{self, Write};

use super::counted::Counted;
use super::outcome;
use super::sink::{ReportFormat, Sink};
use super::style::{Style, Tone, count};
use crate::event::{Event, Outcome};
use crate::types::printable;

pub(super) const FORMAT: ReportFormat = ReportFormat {
    name: "plain",
    holds: "a line per event that matters",
    is_whole: false,
    sink: |out| Box::new(Plain::new(out, Style::PLAIN)),
};

/// Writes the lines of each event as it comes.
#[derive(Debug)]
pub(crate) struct Plain<W> {
    out: W,
    style: Style,
    jobs: usize,
    /// What has no line of its own, where there is more than one job.
    counted: Counted,
}

impl<W: Write + Send> Plain<W> {
    pub(crate) fn new(out: W, style: Style) -> Plain<W> {
        Plain { out, style, jobs: 0, counted: Counted::default() }
    }
}

impl<W: Write + Send> Sink for Plain<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let text = self.take(event);
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

impl<W> Plain<W> {
    /// The lines for the next event, ended.
    fn take(&mut self, event: &Event) -> String {
        match event {
            Event::RunStarted { targets, .. } => self.jobs = targets.len(),
            Event::JobFinished(report) if self.jobs > 1 && self.counted.take(report) => return String::new(),
            // What is up to date is known before anything begins, but for what waits for others.
            Event::JobStarted { .. } | Event::RunFinished(_) => {
                let counted = self.counted.told(&self.style);
                let counted: String = counted.iter().map(|line| format!("farm: {line}\n")).collect();
                return counted + &lines(event, &self.style);
            }
            _ => {}
        }
        lines(event, &self.style)
    }
}

/// The lines for one event, ended; none for what only a terminal would show.
fn lines(event: &Event, style: &Style) -> String {
    match event {
        Event::RunStarted { run, engine, slots, targets, .. } => format!(
            "farm: run {run}, {}, {} on {engine}\n",
            count(targets.len(), "job", "jobs"),
            count(*slots, "slot", "slots")
        ),
        Event::Warning { target, message } => {
            let warning = style.paint(Tone::Warning, "warning:");
            match target {
                Some(target) => format!("{target}: {warning} {}\n", printable(message)),
                None => format!("{warning} {}\n", printable(message)),
            }
        }
        Event::JobStarted { target } => format!("{target}: started\n"),
        Event::StepStarted { target, step } => format!("{target}: {step}\n"),
        Event::JobFinished(report) => {
            let mark = outcome::mark(&report.outcome, style);
            let text = match &report.outcome {
                Outcome::Succeeded => format!("succeeded in {}: {}", outcome::time(report), outcome::detail(report)),
                Outcome::Reproduced { .. } => {
                    format!("reproduced in {}: {}", outcome::time(report), outcome::detail(report))
                }
                Outcome::UpToDate => outcome::detail(report),
                _ => {
                    let after = if report.elapsed.is_zero() {
                        String::new()
                    } else {
                        format!(" after {}", outcome::time(report))
                    };
                    let gist = outcome::gist(report).map(|gist| format!(": {gist}")).unwrap_or_default();
                    format!("{}{after}{gist}", outcome::headline(report))
                }
            };
            let log = outcome::log_place(report).filter(|_| outcome::is_failure(&report.outcome));
            let log = log.map(|log| format!("{}: log: {log}\n", report.target)).unwrap_or_default();
            format!("{}: {mark} {text}\n{log}", report.target)
        }
        Event::Output { .. } | Event::Progress { .. } | Event::RunFinished(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    fn written(events: &[Event]) -> String {
        let mut plain = Plain::new(Vec::new(), Style::PLAIN);
        events.iter().for_each(|event| plain.event(event).unwrap());
        String::from_utf8(plain.out).unwrap()
    }

    #[test]
    fn a_run_with_every_outcome() {
        let text = written(&samples::run_with_every_outcome());
        insta::assert_snapshot!(text, @r"
        farm: run 20261122-235716-4f2a, 18 jobs, 2 slots on docker 20.10.24
        jq0@debian-12/amd64: warning: Debian 12 has no support since 2028-06-30
        jq0@debian-12/amd64: started
        jq0@debian-12/amd64: build
        jq0@debian-12/amd64: ✓ succeeded in 31.0s: 52 kB  jq0_1.7-1_amd64.deb
        farm: = 1 target up to date: 3 packages, nothing changed
        jq2@debian-12/amd64: started
        jq2@debian-12/amd64: build
        jq2@debian-12/amd64: ✗ failed in build after 31.0s: src/jv_unicode.c:12:10: fatal error: oniguruma.h: No such file or directory
        jq2@debian-12/amd64: log: dist/jq2/debian-12-amd64/build.log, line 813
        jq3@debian-12/amd64: started
        jq3@debian-12/amd64: build
        jq3@debian-12/amd64: ✗ waits for requirements: libonig-dev (>= 7), valgrnid
        jq4@debian-12/amd64: started
        jq4@debian-12/amd64: build
        jq4@debian-12/amd64: ✗ timed out in check after 31.0s: over 30 minutes
        jq4@debian-12/amd64: log: dist/jq4/debian-12-amd64/build.log
        jq5@debian-12/amd64: started
        jq5@debian-12/amd64: build
        jq5@debian-12/amd64: ✗ stalled in check after 31.0s: silent for 10 minutes
        jq5@debian-12/amd64: log: dist/jq5/debian-12-amd64/build.log
        jq6@debian-12/amd64: started
        jq6@debian-12/amd64: build
        jq6@debian-12/amd64: ✗ printed too much in build after 31.0s: over 100 MB
        jq6@debian-12/amd64: log: dist/jq6/debian-12-amd64/build.log
        jq7@debian-12/amd64: started
        jq7@debian-12/amd64: build
        jq7@debian-12/amd64: ✗ ran out of memory in build after 31.0s: limit 2.0 GB
        jq7@debian-12/amd64: log: dist/jq7/debian-12-amd64/build.log
        jq8@debian-12/amd64: started
        jq8@debian-12/amd64: build
        jq8@debian-12/amd64: ✗ found the disk full in unpack after 31.0s: the engine's disk
        jq8@debian-12/amd64: log: dist/jq8/debian-12-amd64/build.log
        jq9@debian-12/amd64: started
        jq9@debian-12/amd64: build
        jq9@debian-12/amd64: ✗ rejected by the package check after 31.0s: owns /usr, which is not its own
        jq9@debian-12/amd64: log: dist/jq9/debian-12-amd64/build.log
        farm: - 1 target skipped: a job before it failed
        jq11@debian-12/amd64: started
        jq11@debian-12/amd64: build
        jq11@debian-12/amd64: - cancelled after 31.0s
        jq12@debian-12/amd64: started
        jq12@debian-12/amd64: build
        jq12@debian-12/amd64: ✗ has no environment after 31.0s: packaging/Dockerfile: line 4: RUN make install ended with exit code 2
        jq12@debian-12/amd64: log: dist/jq12/debian-12-amd64/build.log
        jq13@debian-12/amd64: started
        jq13@debian-12/amd64: build
        jq13@debian-12/amd64: ✓ reproduced in 31.0s: 0 packages, byte by byte the same with another time, path, user, locale, timezone, processors, host-name, kernel
        jq14@debian-12/amd64: started
        jq14@debian-12/amd64: build
        jq14@debian-12/amd64: ✗ is not reproducible after 31.0s: jq_1.7-1_amd64.deb: /usr/share/doc/jq/built, line 1: probably the time of the build
        jq14@debian-12/amd64: log: dist/jq14/debian-12-amd64/build.log
        jq15@debian-12/amd64: started
        jq15@debian-12/amd64: build
        jq15@debian-12/amd64: ✗ is not as farm.lock says after 31.0s: gcc-12 is 12.2.0-15 and not 12.2.0-14 (and 1 more)
        jq15@debian-12/amd64: log: dist/jq15/debian-12-amd64/build.log
        jq16@debian-12/amd64: started
        jq16@debian-12/amd64: build
        jq16@debian-12/amd64: ! has no sources after 31.0s: https://example.org/jq-1.7.tar.gz not found
        jq16@debian-12/amd64: log: dist/jq16/debian-12-amd64/build.log
        jq17@debian-12/amd64: started
        jq17@debian-12/amd64: build
        jq17@debian-12/amd64: ! could not be built after 31.0s: connection to the container engine was lost
        jq17@debian-12/amd64: log: dist/jq17/debian-12-amd64/build.log
        ");
    }

    #[test]
    fn every_line_but_the_runs_own_names_its_target() {
        for line in written(&samples::run_with_every_outcome()).lines() {
            assert!(line.starts_with("jq") || line.starts_with("farm: "), "{line}");
        }
    }

    #[test]
    fn what_was_up_to_date_is_counted_before_the_first_job_begins() {
        let ids: Vec<String> = (0..1020).map(|index| format!("jq{index}@debian-12")).collect();
        let started = |ids: &[String]| Event::RunStarted {
            run: "r".into(),
            engine: "docker 20.10.24".into(),
            slots: 2,
            targets: ids.iter().map(|id| samples::target(id)).collect(),
            expected: Vec::new(),
        };
        let up_to_date = |id: &String| samples::finished(id, Outcome::UpToDate);
        let mut events = vec![started(&ids)];
        events.extend(ids[..1019].iter().map(up_to_date));
        events.push(Event::JobStarted { target: samples::target(&ids[1019]) });
        events.push(samples::finished(&ids[1019], Outcome::Succeeded));
        insta::assert_snapshot!(written(&events), @r"
        farm: run r, 1020 jobs, 2 slots on docker 20.10.24
        farm: = 1019 targets up to date: 3057 packages, nothing changed
        jq1019@debian-12/amd64: started
        jq1019@debian-12/amd64: ✓ succeeded in 31.0s: 52 kB  jq1019_1.7-1_amd64.deb
        ");
        // One alone is what was asked for.
        insta::assert_snapshot!(written(&[started(&ids[..1]), up_to_date(&ids[0])]), @r"
        farm: run r, 1 job, 2 slots on docker 20.10.24
        jq0@debian-12/amd64: = up to date: 3 packages, nothing changed
        ");
    }
}
