//! The rows of jobs, of those that run and of those that have ended: columns that align from 16 columns of a terminal on, and
//! what gives way where there is no room for all of them.

use std::time::Duration;

use super::outcome;
use super::style::{Style, Tone, pad, pad_left, width};
use crate::event::JobReport;
use crate::types::human_duration;

/// Columns of a time: `1h 02m`, `12m 28s`, `31.0s`.
const TIME: usize = 7;
/// Columns of a time and what is expected, in a wide window: `12m 28s of 14m 02s`.
const TIME_OF: usize = TIME + 4 + TIME;
/// Columns of the step: the longest is `prepare`.
const STEP: usize = 7;
/// Columns of how far a step is: `100%`.
const PERCENT: usize = 4;
/// Before the target: an indent, the mark, a blank.
const MARK: usize = 4;
/// The last line of output is worth its place from so many columns on.
const LEAST_TEXT: usize = 8;
/// Columns that a target has in a window of any width, if it needs them: `hel…@debian-12/amd64`.
const LEAST_TARGET: usize = 24;
/// Windows of so many columns have room for the time that is expected.
const WIDE: usize = 120;
/// What stands below a row.
const BELOW: &str = "      ";

/// A job that runs, as its row shows it.
pub(super) struct RunningRow<'a> {
    pub(super) target: &'a str,
    pub(super) elapsed: Duration,
    pub(super) expected: Option<Duration>,
    pub(super) step: &'a str,
    pub(super) percent: Option<u8>,
    pub(super) line: &'a str,
}

/// One row; `target_width` aligns it with its neighbours. `is_expected`: whether any of these has a time to expect.
pub(super) fn running_row(
    row: &RunningRow<'_>,
    spinner: &str,
    target_width: usize,
    is_expected: bool,
    style: &Style,
) -> String {
    let room = style.width.saturating_sub(1);
    let (time, time_width) = match row.expected {
        _ if !is_expected || style.width < WIDE => (pad_left(&ticking(row.elapsed), TIME), TIME),
        Some(expected) => {
            (format!("{} of {}", pad_left(&ticking(row.elapsed), TIME), pad(&ticking(expected), TIME)), TIME_OF)
        }
        None => (pad(&pad_left(&ticking(row.elapsed), TIME), TIME_OF), TIME_OF),
    };
    let percent = row.percent.map(|percent| format!("{percent}%")).unwrap_or_default();
    let cells = [
        (1 + time_width, format!(" {time}")),
        (2 + STEP, format!("  {}", pad(row.step, STEP))),
        (1 + PERCENT, format!(" {}", pad_left(&percent, PERCENT))),
        (2 + LEAST_TEXT, String::new()),
    ];
    let columns = target_columns(target_width, style);
    let shown = shown(&cells.each_ref().map(|cell| cell.0), MARK + columns, room);
    let mut line =
        format!("  {} {}", style.paint(Tone::Good, spinner), pad(&style.shorten(row.target, columns), columns));
    cells.iter().take(shown).for_each(|cell| line.push_str(&cell.1));
    if shown == cells.len() && !row.line.is_empty() {
        let room = room.saturating_sub(width(&line) + 2);
        line.push_str(&format!("  {}", style.paint(Tone::Quiet, &style.cut(row.line, room))));
    }
    style.cut(line.trim_end(), room).into_owned()
}

/// The row of a job that has ended, with all that is to say in one line.
pub(super) fn finished_row(report: &JobReport, target_width: usize, style: &Style) -> String {
    ended(report, &outcome::detail(report), target_width, style)
}

/// The same on a screen, at once: of a failure, what does not fit in its row stands below it, and where its log is.
pub(super) fn finished_rows(report: &JobReport, target_width: usize, style: &Style) -> Vec<String> {
    if !outcome::is_failure(&report.outcome) {
        return vec![finished_row(report, target_width, style)];
    }
    let room = style.width.saturating_sub(1);
    let before = MARK + target_columns(target_width, style) + 1 + TIME + 2;
    let fits = |detail: &str| before + width(detail).max(LEAST_TEXT) <= room;
    let (headline, gist) = (outcome::headline(report), outcome::gist(report));
    let below = |text: &str| style.cut(&format!("{BELOW}{text}"), room).into_owned();
    let mut rows = match gist {
        _ if fits(&outcome::detail(report)) => vec![finished_row(report, target_width, style)],
        Some(gist) if fits(&headline) => vec![ended(report, &headline, target_width, style), below(&gist)],
        _ => vec![ended(report, "", target_width, style), below(&outcome::detail(report))],
    };
    if let Some(log) = outcome::log_place(report) {
        // Not cut: somebody copies it. Only the line that it is about gives way.
        let path = report.log.iter().map(|path| outcome::safe(&path.display().to_string()));
        let log = if width(BELOW) + 5 + width(&log) <= room { log } else { path.collect() };
        rows.push(format!("{BELOW}{} {log}", style.paint(Tone::Quiet, "log:")));
    }
    rows
}

fn ended(report: &JobReport, detail: &str, target_width: usize, style: &Style) -> String {
    let time = format!(" {}", pad_left(&outcome::time(report), TIME));
    let target = report.target.to_string();
    let mark = outcome::mark(&report.outcome, style);
    if !style.cuts {
        return format!("  {mark} {}{time}  {detail}", pad(&target, target_width)).trim_end().to_owned();
    }
    let room = style.width.saturating_sub(1);
    let columns = target_columns(target_width, style);
    let cells = [(1 + TIME, time), (2 + LEAST_TEXT, format!("  {detail}"))];
    let shown = shown(&cells.each_ref().map(|cell| cell.0), MARK + columns, room);
    let mut line = format!("  {mark} {}", pad(&style.shorten(&target, columns), columns));
    cells.iter().take(shown).for_each(|cell| line.push_str(&cell.1));
    style.cut(line.trim_end(), room).into_owned()
}

/// Columns of targets in a window: the same for all rows, so that they align.
fn target_columns(target_width: usize, style: &Style) -> usize {
    let most = LEAST_TARGET.max(style.width * 2 / 5).min(style.width.saturating_sub(MARK + 1));
    target_width.min(most)
}

/// How many cells, from the first on, fit behind `taken` columns.
fn shown(cells: &[usize], taken: usize, room: usize) -> usize {
    let mut sum = taken;
    cells
        .iter()
        .take_while(|cell| {
            sum += **cell;
            sum <= room
        })
        .count()
}

/// As all times are written, of one that is still counted: `41s`, `1m 28s`, `1h 02m`.
pub(super) fn ticking(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        _ => human_duration(elapsed),
    }
}
