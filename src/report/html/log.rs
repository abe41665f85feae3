//! Logs in the page: whole where they are small, else their beginning and their end. Each line has its number in the file, which
//! is a link to it. How much of each is decided for all of the page together; what is read at a time is bounded by that.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::words::{cut, fair, shown};
use crate::event::{JobReport, Outcome, Tail};
use crate::report::outcome;
use crate::report::style::count;
use crate::types::human_bytes;

/// Of one log that tells why a target failed.
const LARGEST: u64 = 1 << 20;
/// Of all of these together, less what each target of the run takes of the page anyway.
const ALL: u64 = 2 << 20;
const OF_A_TARGET: u64 = 1 << 10;
/// Of one log of a target that was built, and of all of these together.
const LARGEST_GOOD: u64 = 64 << 10;
const ALL_GOOD: u64 = 512 << 10;
/// Less of a log says nothing, but how a failure ended.
const LEAST: u64 = 2 << 10;
/// As many bytes have one line on average, or more, where bytes alone are counted.
const USUAL_LINE: u64 = 40;
/// A longer line is cut.
const LONGEST_LINE: usize = 2000;

/// How many bytes of a log there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    failed: u64,
    good: u64,
}

impl Share {
    pub(super) fn of(jobs: &[JobReport]) -> Share {
        let share = |is_good: bool, largest: u64, all: u64| {
            let alike = jobs.iter().filter(|job| job.outcome.is_good() == is_good);
            let sizes = alike.filter_map(|job| Some(std::fs::metadata(job.log.as_ref()?).ok()?.len().min(largest)));
            fair(sizes, all).min(largest)
        };
        let all = ALL.saturating_sub(OF_A_TARGET * jobs.len() as u64);
        Share { failed: share(false, LARGEST, all), good: share(true, LARGEST_GOOD, ALL_GOOD) }
    }
}

/// What of a log is shown.
pub(super) enum Excerpt<'a> {
    File { path: PathBuf, size: u64, parts: Vec<Part> },
    Tail(&'a Tail),
}

/// Lines that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// In the file.
    bytes: Range<u64>,
    /// The number of the first, from 1 on, and that of the one behind the last.
    lines: Range<u64>,
}

impl<'a> Excerpt<'a> {
    /// None where there is nothing to show.
    pub(super) fn of(job: &'a JobReport, share: Share) -> Option<Excerpt<'a>> {
        let is_good = job.outcome.is_good();
        let most = if is_good { share.good } else { share.failed };
        let of_file = || {
            let path = job.log.as_ref().filter(|_| most >= LEAST && job.outcome != Outcome::UpToDate)?;
            let (size, parts) = parts(path, most).ok()?;
            (!parts.is_empty()).then(|| Excerpt::File { path: path.clone(), size, parts })
        };
        of_file().or_else(|| job.tail.as_ref().map(Excerpt::Tail))
    }

    /// Whether a line of the log is there, by its number.
    pub(super) fn has(&self, line: u64) -> bool {
        match self {
            Excerpt::File { parts, .. } => parts.iter().any(|part| part.lines.contains(&line)),
            Excerpt::Tail(tail) => (tail.first_line..tail.first_line + tail.lines.len() as u64).contains(&line),
        }
    }

    /// Heading, a field to search, and the lines.
    pub(super) fn write(&self, index: usize, job: &JobReport, out: &mut dyn Write) -> io::Result<()> {
        let is_whole =
            matches!(self, Excerpt::File { size, parts, .. } if parts.iter().map(length).sum::<u64>() == *size);
        let is_good = job.outcome.is_good();
        let title = if is_whole { "Log" } else { "Parts of its log" };
        let target = shown(&job.target.to_string());
        // Where a script begins to show it.
        let telling = outcome::log_line(job).filter(|line| self.has(*line));
        let telling = telling.map(|line| format!(" data-line=\"t{index}-{line}\"")).unwrap_or_default();
        match is_good {
            true => write!(out, "<details class=\"part\">\n<summary>{title}</summary>\n")?,
            false => writeln!(out, "<h3>{title}</h3>")?,
        }
        write!(
            out,
            "<p class=\"search controls\" hidden><label>Search <input type=\"search\" autocomplete=\"off\"></label> \
             <output></output></p>\n<pre class=\"log\"{telling} tabindex=\"0\" role=\"group\" aria-label=\"{title} of {target}\">"
        )?;
        match self {
            Excerpt::Tail(tail) => {
                for (text, number) in tail.lines.iter().zip(tail.first_line..) {
                    line(index, number, text, out)?;
                }
            }
            Excerpt::File { path, parts, .. } => {
                let mut before: Option<&Part> = None;
                for part in parts {
                    if let Some(before) = before {
                        let lines = part.lines.start.saturating_sub(before.lines.end);
                        let bytes = human_bytes(part.bytes.start - before.bytes.end);
                        let lines = count(usize::try_from(lines).unwrap_or(usize::MAX), "line", "lines");
                        write!(out, "<em>… {lines} ({bytes}) left out of this page …</em>")?;
                    }
                    let bytes = read(path, &part.bytes)?;
                    let text = String::from_utf8_lossy(&bytes);
                    for (text, number) in text.split_terminator('\n').zip(part.lines.start..) {
                        line(index, number, text, out)?;
                    }
                    before = Some(part);
                }
            }
        }
        write!(out, "</pre>\n{}", if is_good { "</details>\n" } else { "" })
    }
}

fn length(part: &Part) -> u64 {
    part.bytes.end - part.bytes.start
}

/// One element a line: a page may have a hundred thousand.
fn line(index: usize, number: u64, text: &str, out: &mut dyn Write) -> io::Result<()> {
    let text = shown(&cut(text, LONGEST_LINE));
    writeln!(out, "<a id=\"t{index}-{number}\" href=\"#t{index}-{number}\">{number:>6}</a> {text}")
}

/// Lost bytes of a file that somebody shortens meanwhile are no lines.
fn read(path: &Path, bytes: &Range<u64>) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(bytes.start))?;
    let mut read = Vec::new();
    file.take(bytes.end - bytes.start).read_to_end(&mut read)?;
    Ok(read)
}

/// The size of a log, and what of it is shown when that may be `most` bytes: whole lines, a quarter of them from its beginning.
/// Of very short lines fewer bytes, as each has its number beside it.
fn parts(path: &Path, most: u64) -> io::Result<(u64, Vec<Part>)> {
    let mut file = BufReader::with_capacity(128 << 10, File::open(path)?);
    let size = file.get_ref().metadata()?.len();
    let most_lines = (most / USUAL_LINE).max(4);
    let tail_lines = usize::try_from(most_lines - most_lines / 4).unwrap_or(usize::MAX);
    let mut head = Part { bytes: 0..0, lines: 1..1 };
    // Where the last lines begin, and their numbers.
    let mut begins = VecDeque::from([(0, 1)]);
    let (mut at, mut number) = (0, 1);
    loop {
        let block = file.fill_buf()?;
        if block.is_empty() || at >= size {
            break;
        }
        for end in block.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(end, _)| at + end as u64 + 1) {
            number += 1;
            if end <= most / 4 && number <= 1 + most_lines / 4 {
                (head.bytes.end, head.lines.end) = (end, number);
            }
            if end < size {
                begins.push_back((end, number));
            }
            if begins.len() > tail_lines {
                begins.pop_front();
            }
        }
        let length = block.len();
        at += length as u64;
        file.consume(length);
    }
    // Its last line may have no end.
    let (last, lines) = begins.back().map_or((0, 1), |(begin, number)| (*begin, *number));
    let mut parts = if size <= most && lines <= most_lines {
        vec![Part { bytes: 0..size, lines: 1..lines + 1 }]
    } else {
        let limit = head.bytes.end.max(size.saturating_sub(most - most / 4));
        // Of a last line that has no room, its end.
        let cut = (limit.max(last), lines);
        let (begin, first) = begins.into_iter().find(|(begin, _)| *begin >= limit).unwrap_or(cut);
        vec![head, Part { bytes: begin..size, lines: first..lines + 1 }]
    };
    parts.retain(|part| length(part) > 0);
    Ok((size, parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number and text of each line that is shown.
    fn lines(path: &Path, most: u64) -> Vec<(u64, String)> {
        let (_, parts) = parts(path, most).unwrap();
        let of = |part: &Part| {
            let text = String::from_utf8(read(path, &part.bytes).unwrap()).unwrap();
            let lines: Vec<(u64, String)> =
                text.split_terminator('\n').zip(part.lines.start..).map(|(line, at)| (at, line.to_owned())).collect();
            assert_eq!(lines.len() as u64, part.lines.end - part.lines.start, "{part:?}");
            lines
        };
        parts.iter().flat_map(of).collect()
    }

    #[test]
    fn lines_have_the_numbers_that_they_have_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("build.log");
        for ending in ["\n", ""] {
            let text: Vec<String> = (1..=1000).map(|number| format!("line {number}")).collect();
            std::fs::write(&path, text.join("\n") + ending).unwrap();
            for most in [1, 9, 10, 100, 5000, 9892, 9893, 9894, 20_000, 40_000, 1 << 20] {
                let shown = lines(&path, most);
                for (number, text) in &shown {
                    let whole = format!("line {number}");
                    assert!(*text == whole || most < 20 && whole.ends_with(text), "{most}: {text} in {whole}");
                }
                assert!(shown.is_sorted() && shown.len() <= 4.max(most as usize / 40), "{most}: {}", shown.len());
                let bytes: u64 = shown.iter().map(|(_, text)| text.len() as u64 + 1).sum();
                assert!(bytes <= most + 1, "{most}: {bytes}");
                if most >= 100 {
                    assert_eq!((shown[0].0, shown.last().unwrap().0), (1, 1000), "{most}");
                }
            }
            assert_eq!(lines(&path, 1 << 20).len(), 1000);
        }
        assert!(parts(&folder.path().join("none"), 10).is_err());
        std::fs::write(&path, "").unwrap();
        assert_eq!(parts(&path, 10).unwrap(), (0, Vec::new()));
    }

    #[test]
    fn one_endless_line_is_cut_and_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("build.log");
        std::fs::write(&path, "x".repeat(1000)).unwrap();
        let (size, parts) = parts(&path, 100).unwrap();
        assert_eq!((size, parts), (1000, vec![Part { bytes: 925..1000, lines: 1..2 }]));
        std::fs::write(&path, format!("a\n{}\n", "x".repeat(1000))).unwrap();
        let head = Part { bytes: 0..2, lines: 1..2 };
        assert_eq!(super::parts(&path, 100).unwrap().1, [head, Part { bytes: 928..1003, lines: 2..3 }]);
    }
}
