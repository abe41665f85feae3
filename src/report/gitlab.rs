//! Sections of a job's log on GitLab, which people fold and unfold: one for each target that ran, and in it one for each step,
//! with the times that they took. They go to the job's own output: `--report gitlab=/dev/stdout`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::outcome;
use super::sink::{ReportFormat, Sink};
use crate::event::{Event, JobReport};
use crate::matrix::Target;
use crate::packaging::StepKind;
use crate::types::banner::{is_rule, title};
use crate::types::printable;

/// So many of the last bytes of a log: GitLab keeps 4 MiB of a job's output.
const MOST_OF_A_LOG: u64 = 128 << 10;
/// A longer line is cut.
const LONGEST_LINE: usize = 4 << 10;

pub(super) const FORMAT: ReportFormat = ReportFormat {
    name: "gitlab",
    holds: "logs as sections of a job on GitLab",
    is_whole: false,
    sink: |out| Box::new(Sections { out, now: SystemTime::now, began: HashMap::new() }),
};

struct Sections<W> {
    out: W,
    now: fn() -> SystemTime,
    began: HashMap<Target, SystemTime>,
}

impl<W: Write + Send> Sink for Sections<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::JobStarted { target } => {
                self.began.insert(target.clone(), (self.now)());
                Ok(())
            }
            Event::JobFinished(report) => {
                let ended = (self.now)();
                let began = self.began.remove(&report.target).unwrap_or(ended);
                // At once: sections of two targets do not lie in each other.
                self.out.write_all(of_job(report, began, ended).as_bytes())?;
                self.out.flush()
            }
            _ => Ok(()),
        }
    }
}

/// Nothing of a target that did not run.
fn of_job(report: &JobReport, began: SystemTime, ended: SystemTime) -> String {
    let Some(log) = &report.log else { return String::new() };
    let name = format!("farm_{}", report.target.folder());
    let head = format!("{} {}", report.target, outcome::headline(report));
    let is_good = report.outcome.is_good();
    let mut text = begin(&name, began, &head, is_good);
    if !is_good {
        text.push_str(&(outcome::page(report).join("\n") + "\n"));
    }
    match parts(log) {
        Ok(parts) => {
            let mut at = began;
            for part in parts {
                let Some(step) = part.step else {
                    text.push_str(&part.text);
                    continue;
                };
                let took =
                    report.steps.iter().find(|(known, _)| *known == step).map_or(Duration::ZERO, |(_, took)| *took);
                let until = (at + took).min(ended);
                let failed = report.steps.last().is_some_and(|(last, _)| *last == step) && !is_good;
                let name = format!("{name}_{step}");
                text.push_str(&begin(&name, at, step.as_str(), !failed));
                text.push_str(&part.text);
                text.push_str(&end(&name, until));
                at = until;
            }
        }
        Err(error) => text.push_str(&format!("{} cannot be read: {error}\n", printable(&log.display().to_string()))),
    }
    text.push_str(&end(&name, ended));
    text
}

fn begin(name: &str, at: SystemTime, head: &str, collapsed: bool) -> String {
    let collapsed = if collapsed { "[collapsed=true]" } else { "" };
    format!("\u{1b}[0Ksection_start:{}:{}{collapsed}\r\u{1b}[0K{}\n", seconds(at), word(name), printable(head))
}

fn end(name: &str, at: SystemTime) -> String {
    format!("\u{1b}[0Ksection_end:{}:{}\r\u{1b}[0K\n", seconds(at), word(name))
}

/// Letters, digits, `_`, `.` and `-` are all that a name may have.
fn word(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' }).collect()
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A part of a log.
struct Part {
    /// None of what stands before the first step, and after the last.
    step: Option<StepKind>,
    /// Printable lines.
    text: String,
}

/// The end of a log, by steps.
fn parts(path: &Path) -> io::Result<Vec<Part>> {
    let file = File::open(path)?;
    let left_out = file.metadata()?.len().saturating_sub(MOST_OF_A_LOG);
    let mut file = BufReader::with_capacity(64 << 10, file);
    let mut parts = vec![Part { step: None, text: String::new() }];
    let (mut read, mut lines, mut is_told) = (0, 0, left_out == 0);
    let mut rule: Option<Vec<u8>> = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = line_of(&mut file, &mut line)?;
        if length == 0 {
            break;
        }
        read += length;
        lines += 1;
        let whole = std::mem::take(&mut rule).unwrap_or_default();
        match (whole.is_empty(), title(&line)) {
            (false, Some(title)) if title == "summary" => parts.push(Part { step: None, text: String::new() }),
            (false, Some(title)) => {
                if let Some(step) = StepKind::ALL.into_iter().find(|step| step.as_str() == title) {
                    parts.push(Part { step: Some(step), text: String::new() });
                }
            }
            (true, _) if is_rule(&line) => {
                rule = Some(line.clone());
                continue;
            }
            _ => {}
        }
        if read <= left_out {
            continue;
        }
        let Some(part) = parts.last_mut() else { continue };
        if !is_told {
            is_told = true;
            part.text.push_str(&format!(
                "[{} lines before are in {}]\n",
                lines - 1,
                printable(&path.display().to_string())
            ));
        }
        for line in [&whole, &line] {
            if !line.is_empty() {
                let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
                part.text.push_str(&(printable(&text) + "\n"));
            }
        }
    }
    Ok(parts)
}

/// Reads a line, its end included, of which no more is kept than is shown. Returns how long it is in the file.
fn line_of(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    let mut length = 0;
    loop {
        let block = file.fill_buf()?;
        let end = block.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let part = &block[..end.unwrap_or(block.len())];
        line.extend_from_slice(&part[..part.len().min(LONGEST_LINE.saturating_sub(line.len()))]);
        let used = part.len();
        file.consume(used);
        length += used as u64;
        if end.is_some() || used == 0 {
            return Ok(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Outcome;
    use crate::report::samples;
    use crate::types::banner::banner;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// A report of a job whose log is this.
    fn logged(outcome: Outcome, log: &Path, text: &[u8]) -> JobReport {
        std::fs::write(log, text).unwrap();
        let steps = vec![(StepKind::Unpack, Duration::from_secs(2)), (StepKind::Build, Duration::from_secs(20))];
        JobReport { log: Some(log.to_owned()), steps, ..samples::report("jq@debian-12", outcome) }
    }

    /// Escapes as words.
    fn shown(text: &str) -> String {
        text.replace("\u{1b}[0K", "<K>").replace('\r', "<CR>")
    }

    #[test]
    fn a_target_is_a_section_and_so_is_each_step_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("build.log");
        let text = format!("head\n{}tar x\n{}cc a.c{}end", banner("Unpack"), banner("Build"), banner("Summary"));
        let good = shown(&of_job(&logged(Outcome::Succeeded, &log, text.as_bytes()), at(100), at(131)));
        let marks: Vec<&str> = good.lines().filter(|line| line.contains("section_")).collect();
        let marks: Vec<&str> = marks.iter().map(|line| line.trim_start_matches("<K>section_")).collect();
        assert_eq!(
            marks,
            [
                "start:100:farm_jq_debian-12-amd64[collapsed=true]<CR><K>jq@debian-12/amd64 succeeded",
                "start:100:farm_jq_debian-12-amd64_unpack[collapsed=true]<CR><K>unpack",
                "end:102:farm_jq_debian-12-amd64_unpack<CR><K>",
                "start:102:farm_jq_debian-12-amd64_build[collapsed=true]<CR><K>build",
                "end:122:farm_jq_debian-12-amd64_build<CR><K>",
                "end:131:farm_jq_debian-12-amd64<CR><K>",
            ]
        );
        let place = |what: &str| good.find(what).unwrap_or_else(|| panic!("no {what}: {good}"));
        assert!(place("\nhead\n") < place("_unpack[") && place("_unpack[") < place("tar x\n"));
        assert!(place("_build[") < place("cc a.c\n") && place("end:122") < place("\nend\n"));

        // What failed stands open, with what people are told of it.
        let failed = shown(&of_job(&logged(samples::failed_in_build(), &log, text.as_bytes()), at(100), at(131)));
        assert!(
            failed
                .starts_with("<K>section_start:100:farm_jq_debian-12-amd64<CR><K>jq@debian-12/amd64 failed in build\n")
        );
        assert!(failed.contains("_unpack[collapsed=true]<CR>") && failed.contains("_build<CR><K>build\n"), "{failed}");
        assert!(failed.contains("oniguruma"), "{failed}");
    }

    #[test]
    fn nothing_that_a_build_prints_is_a_mark() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("build.log");
        let planted = b"\x1b[0Ksection_end:1:farm_jq_debian-12-amd64\r\x1b[0K\n\xff\n";
        let text = of_job(&logged(Outcome::Succeeded, &log, planted), at(1), at(2));
        assert_eq!(text.matches("\u{1b}").count(), 4, "{text:?}");
        assert_eq!(text.matches('\r').count(), 2, "{text:?}");
        assert!(of_job(&samples::report("jq@debian-12", Outcome::UpToDate), at(1), at(2)).is_empty());
    }

    #[test]
    fn of_a_long_log_there_is_its_end_and_where_the_rest_is() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("build.log");
        let mut text = banner("Build");
        (0..20_000).for_each(|number| text.push_str(&format!("line {number} {}\n", "x".repeat(90))));
        text.push_str(&"y".repeat(100_000));
        let told = of_job(&logged(Outcome::Succeeded, &log, text.as_bytes()), at(1), at(2));
        assert!(told.len() < 2 * MOST_OF_A_LOG as usize, "{}", told.len());
        let first = told.lines().position(|line| line.ends_with("build.log]")).unwrap();
        let lines: Vec<&str> = told.lines().collect();
        let number: usize = lines[first].trim_start_matches('[').split(' ').next().unwrap().parse().unwrap();
        assert_eq!(text.lines().nth(number).unwrap(), lines[first + 1]);
        assert!(told.contains("line 19999 ") && !told.contains("line 17000 "));
        assert!(lines[first - 1].contains("_build["), "it is in the section of its step");
        assert!(told.contains(&"y".repeat(LONGEST_LINE)) && !told.contains(&"y".repeat(LONGEST_LINE + 1)));
    }
}
