//! One line per event that matters, prefixed by the target: for pipes, files, CI and dumb terminals. Nothing moves, and
//! nothing is cut: a reader can always search for the whole text.

use std::io::{self, Write};

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
}

impl<W: Write + Send> Plain<W> {
    pub(crate) fn new(out: W, style: Style) -> Plain<W> {
        Plain { out, style }
    }
}

impl<W: Write + Send> Sink for Plain<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.out.write_all(lines(event, &self.style).as_bytes())?;
        self.out.flush()
    }
}

/// The lines for one event, ended; none for what only a terminal would show.
fn lines(event: &Event, style: &Style) -> String {
    match event {
        Event::RunStarted { run, engine, slots, targets } => format!(
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
            format!("{}: {mark} {text}\n", report.target)
        }
        Event::Output { .. } | Event::Progress { .. } | Event::RunFinished(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_run_with_every_outcome() {
        let text: String = samples::run_with_every_outcome().iter().map(|event| lines(event, &Style::PLAIN)).collect();
        insta::assert_snapshot!(text, @"
        farm: run 20261122-235716-4f2a, 18 jobs, 2 slots on docker 20.10.24
        jq0@debian-12/amd64: warning: Debian 12 has no support since 2028-06-30
        jq0@debian-12/amd64: started
        jq0@debian-12/amd64: build
        jq0@debian-12/amd64: ✓ succeeded in 31.0s: 52 kB  jq0_1.7-1_amd64.deb
        jq1@debian-12/amd64: = up to date: 3 packages, nothing changed
        jq2@debian-12/amd64: started
        jq2@debian-12/amd64: build
        jq2@debian-12/amd64: ✗ failed in build after 31.0s: src/jv_unicode.c:12:10: fatal error: oniguruma.h: No such file or directory
        jq3@debian-12/amd64: started
        jq3@debian-12/amd64: build
        jq3@debian-12/amd64: ✗ waits for requirements: libonig-dev (>= 7), valgrnid
        jq4@debian-12/amd64: started
        jq4@debian-12/amd64: build
        jq4@debian-12/amd64: ✗ timed out in check after 31.0s: over 30 minutes
        jq5@debian-12/amd64: started
        jq5@debian-12/amd64: build
        jq5@debian-12/amd64: ✗ stalled in check after 31.0s: silent for 10 minutes
        jq6@debian-12/amd64: started
        jq6@debian-12/amd64: build
        jq6@debian-12/amd64: ✗ printed too much in build after 31.0s: over 100 MB
        jq7@debian-12/amd64: started
        jq7@debian-12/amd64: build
        jq7@debian-12/amd64: ✗ ran out of memory in build after 31.0s: limit 2.0 GB
        jq8@debian-12/amd64: started
        jq8@debian-12/amd64: build
        jq8@debian-12/amd64: ✗ found the disk full in unpack after 31.0s: the engine's disk
        jq9@debian-12/amd64: started
        jq9@debian-12/amd64: build
        jq9@debian-12/amd64: ✗ rejected by the package check after 31.0s: owns /usr, which is not its own
        jq10@debian-12/amd64: - skipped: a job before it failed
        jq11@debian-12/amd64: started
        jq11@debian-12/amd64: build
        jq11@debian-12/amd64: - cancelled after 31.0s
        jq12@debian-12/amd64: started
        jq12@debian-12/amd64: build
        jq12@debian-12/amd64: ✗ has no environment after 31.0s: packaging/Dockerfile: line 4: RUN make install ended with exit code 2
        jq13@debian-12/amd64: started
        jq13@debian-12/amd64: build
        jq13@debian-12/amd64: ✓ reproduced in 31.0s: 0 packages, byte by byte the same with another time, path, user, locale, timezone, processors, host-name, kernel
        jq14@debian-12/amd64: started
        jq14@debian-12/amd64: build
        jq14@debian-12/amd64: ✗ is not reproducible after 31.0s: jq_1.7-1_amd64.deb: /usr/share/doc/jq/built, line 1: probably the time of the build
        jq15@debian-12/amd64: started
        jq15@debian-12/amd64: build
        jq15@debian-12/amd64: ✗ is not as farm.lock says after 31.0s: gcc-12 is 12.2.0-15 and not 12.2.0-14 (and 1 more)
        jq16@debian-12/amd64: started
        jq16@debian-12/amd64: build
        jq16@debian-12/amd64: ! has no sources after 31.0s: https://example.org/jq-1.7.tar.gz not found
        jq17@debian-12/amd64: started
        jq17@debian-12/amd64: build
        jq17@debian-12/amd64: ! could not be built after 31.0s: connection to the container engine was lost
        ");
    }

    #[test]
    fn every_line_but_the_runs_own_names_its_target() {
        for event in samples::run_with_every_outcome().iter().skip(1) {
            for line in lines(event, &Style::PLAIN).lines() {
                assert!(line.starts_with("jq"), "{line}");
            }
        }
    }
}
