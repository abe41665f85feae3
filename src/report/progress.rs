//! What a terminal shows while a run goes on, as a fold: events and the time in, lines out. Drawing them, and how
//! often, is the caller's business, so that all of it can be tested without a terminal.

use std::time::Duration;

use super::outcome;
use super::style::{Style, Tone, count, pad, pad_left, width};
use crate::event::{Event, Outcome};
use crate::packaging::StepKind;
use crate::types::{human_bytes, printable};

/// Columns of the time in a line: `1:02:33`, `1m 28s`.
const TIME: usize = 7;
/// Columns of the step in a line: the longest is `prepare`.
const STEP: usize = 7;
const SPINNER: [&str; 10] = [
    "\u{280b}", "\u{2819}", "\u{2839}", "\u{2838}", "\u{283c}", "\u{2834}", "\u{2826}", "\u{2827}", "\u{2807}",
    "\u{280f}",
];
const ASCII_SPINNER: [&str; 4] = ["|", "/", "-", "\\"];
const FRAME: Duration = Duration::from_millis(100);

/// A run as it stands.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// `farm build --matrix`, for the header.
    command: String,
    slots: usize,
    total: usize,
    done: usize,
    /// Columns of the widest target.
    target_width: usize,
    /// In the order they started.
    running: Vec<Running>,
    /// Time of the jobs that really ran, for the estimate.
    ran: Vec<Duration>,
    /// Why nothing new starts: shown in the footer.
    notice: Option<String>,
}

#[derive(Debug)]
struct Running {
    target: String,
    since: Duration,
    step: Option<StepKind>,
    line: String,
}

impl Progress {
    pub(crate) fn new(command: &str) -> Progress {
        Progress { command: command.to_owned(), ..Progress::default() }
    }

    /// How many jobs run now.
    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    /// Replaces the footer's text: what farm does about a Ctrl-C.
    pub(crate) fn notice(&mut self, text: String) {
        self.notice = Some(text);
    }

    /// Takes an event at `now` (since the run's start). Returns lines to print above the moving ones, for good.
    pub(crate) fn apply(&mut self, event: &Event, now: Duration, style: &Style) -> Vec<String> {
        match event {
            Event::RunStarted { engine, slots, targets, .. } => {
                self.slots = *slots;
                self.total = targets.len();
                self.target_width =
                    targets.iter().map(|target| width(&target.to_string())).max().unwrap_or(0).min(style.width / 2);
                // A packager's suffix (`20.10.24+dfsg1`) says nothing to people who build.
                let engine = engine.split('+').next().unwrap_or(engine);
                let facts = format!("engine {engine}{}{}", style.dot(), count(*slots, "slot", "slots"));
                let header = style.edges(&printable(&self.command), &facts);
                return header.lines().map(|line| style.paint(Tone::Strong, line)).collect();
            }
            Event::Warning { target, message } => {
                let target = target.as_ref().map(|target| format!("{target}: ")).unwrap_or_default();
                let text = style.wrap(&format!("! {target}{}", printable(message)), "  ");
                return text.lines().map(|line| style.paint(Tone::Warning, line)).collect();
            }
            Event::JobStarted { target } => {
                self.running.push(Running { target: target.to_string(), since: now, step: None, line: String::new() })
            }
            Event::StepStarted { target, step } => {
                if let Some(job) = self.job(&target.to_string()) {
                    job.step = Some(*step);
                    job.line.clear();
                }
            }
            Event::Output { target, line } => {
                let line = printable(line.trim());
                if let Some(job) = self.job(&target.to_string())
                    && !line.is_empty()
                {
                    job.line = line;
                }
            }
            Event::Progress { target, what, done, total } => {
                if let Some(job) = self.job(&target.to_string()) {
                    job.line = amount(&printable(what), *done, *total);
                }
            }
            Event::JobFinished(report) => {
                let target = report.target.to_string();
                self.running.retain(|job| job.target != target);
                self.done += 1;
                if !matches!(report.outcome, Outcome::UpToDate | Outcome::Skipped { .. } | Outcome::Cancelled) {
                    self.ran.push(report.elapsed);
                }
                return vec![finished_line(report, self.target_width, style)];
            }
            Event::RunFinished(_) => self.running.clear(),
        }
        Vec::new()
    }

    /// The moving lines at `now`, in at most `rows` rows: one per running job, and the footer.
    pub(crate) fn lines(&self, now: Duration, style: &Style, rows: usize) -> Vec<String> {
        let shown = match self.running.len() {
            all if all < rows => all,
            _ => rows.saturating_sub(2),
        };
        let frame = (now.as_millis() / FRAME.as_millis()) as usize;
        let mut lines: Vec<String> =
            self.running.iter().take(shown).map(|job| self.running_line(job, now, frame, style)).collect();
        if shown < self.running.len() {
            lines.push(style.paint(Tone::Quiet, &format!("    and {} more running", self.running.len() - shown)));
        }
        lines.extend(self.footer(now, style));
        lines
    }

    fn running_line(&self, job: &Running, now: Duration, frame: usize, style: &Style) -> String {
        let spinner =
            if style.unicode { SPINNER[frame % SPINNER.len()] } else { ASCII_SPINNER[frame % ASCII_SPINNER.len()] };
        let step = job.step.map(StepKind::as_str).unwrap_or_default();
        let line = format!(
            "  {} {} {}  {}  ",
            style.paint(Tone::Good, spinner),
            pad(&style.cut(&job.target, self.target_width), self.target_width),
            pad_left(&clock(now.saturating_sub(job.since)), TIME),
            pad(step, STEP),
        );
        let room = style.width.saturating_sub(width(&line) + 1);
        if room < 8 {
            return style.cut(line.trim_end(), style.width.saturating_sub(1)).into_owned();
        }
        format!("{line}{}", style.paint(Tone::Quiet, &style.cut(&job.line, room)))
    }

    /// `4 waiting · 9 of 15 done · about 2 min left`
    fn footer(&self, now: Duration, style: &Style) -> Option<String> {
        if let Some(notice) = &self.notice {
            let text = format!("    {notice}");
            return Some(style.paint(Tone::Warning, &style.cut(&text, style.width.saturating_sub(1))));
        }
        if self.total == 0 || self.done == self.total {
            return None;
        }
        let waiting = self.total.saturating_sub(self.done + self.running.len());
        let mut facts = Vec::new();
        if waiting > 0 {
            facts.push(format!("{waiting} waiting"));
        }
        facts.push(format!("{} of {} done", self.done, self.total));
        facts.extend(self.time_left(now).map(about));
        let text = format!("    {}", facts.join(style.dot()));
        Some(style.paint(Tone::Quiet, &style.cut(&text, style.width.saturating_sub(1))))
    }

    /// The mean of the jobs so far, for each that is left, over the slots. None before one has really run.
    fn time_left(&self, now: Duration) -> Option<Duration> {
        if self.ran.is_empty() {
            return None;
        }
        let mean = self.ran.iter().sum::<Duration>() / self.ran.len() as u32;
        let waiting = self.total.saturating_sub(self.done + self.running.len()) as u32;
        let running: Duration = self.running.iter().map(|job| mean.saturating_sub(now.saturating_sub(job.since))).sum();
        let left = (mean * waiting + running) / (self.slots.max(1) as u32);
        (left >= Duration::from_secs(5)).then_some(left)
    }

    fn job(&mut self, target: &str) -> Option<&mut Running> {
        self.running.iter_mut().find(|job| job.target == target)
    }
}

/// One line of a finished job; `target_width` aligns it with its neighbours.
pub(crate) fn finished_line(report: &crate::event::JobReport, target_width: usize, style: &Style) -> String {
    let time = outcome::time(report);
    let line = format!(
        "  {} {} {}  {}",
        outcome::mark(&report.outcome, style),
        pad(&style.cut(&report.target.to_string(), target_width), target_width),
        pad_left(&time, TIME),
        outcome::detail(report)
    );
    style.cut(&line, style.width.saturating_sub(1)).into_owned()
}

/// `0:07`, `12:41`, `1:02:33`
fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// `pulling debian:bookworm  12 MB of 49 MB`
fn amount(what: &str, done: u64, total: u64) -> String {
    if total == 0 {
        return if done == 0 { what.to_owned() } else { format!("{what}  {}", human_bytes(done)) };
    }
    format!("{what}  {} of {}", human_bytes(done), human_bytes(total))
}

fn about(left: Duration) -> String {
    let seconds = left.as_secs();
    match seconds {
        0..55 => format!("about {} s left", seconds.div_ceil(5) * 5),
        55..5400 => format!("about {} min left", (seconds + 30) / 60),
        _ => format!("about {} h left", (seconds + 1800) / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{self, target};

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A run of five jobs in two slots, 41 seconds after its start.
    fn in_flight(style: &Style) -> (Progress, Vec<String>) {
        let ids = ["hello@debian-12", "jq@rpm-generic", "xxhash@debian-13", "hello@debian-13", "jq@debian-12"];
        let mut progress = Progress::new("farm build --matrix");
        let mut above = Vec::new();
        let mut apply = |progress: &mut Progress, event: Event, now| {
            above.extend(progress.apply(&event, at(now), style));
        };
        let started = Event::RunStarted {
            run: "r".into(),
            engine: "docker 20.10.24".into(),
            slots: 2,
            targets: ids.iter().map(|id| target(id)).collect(),
        };
        apply(&mut progress, started, 0);
        apply(&mut progress, samples::finished("xxhash@debian-13", Outcome::UpToDate), 0);
        apply(&mut progress, Event::JobStarted { target: target("hello@debian-12") }, 0);
        apply(&mut progress, Event::JobStarted { target: target("jq@debian-12") }, 0);
        apply(&mut progress, samples::finished("hello@debian-12", Outcome::Succeeded), 31);
        let step = |id: &str, step| Event::StepStarted { target: target(id), step };
        apply(&mut progress, step("jq@debian-12", StepKind::Build), 33);
        apply(&mut progress, Event::JobStarted { target: target("hello@debian-13") }, 34);
        apply(&mut progress, step("hello@debian-13", StepKind::Prepare), 34);
        let output = |id: &str, line: &str| Event::Output { target: target(id), line: line.into() };
        apply(
            &mut progress,
            output("jq@debian-12", "[ 63%] Linking C shared library libjq.so.1.0.4 with all its objects"),
            40,
        );
        let pulled = Event::Progress {
            target: target("hello@debian-13"),
            what: "debian:trixie".into(),
            done: 12_000_000,
            total: 49_000_000,
        };
        apply(&mut progress, pulled, 40);
        (progress, above)
    }

    fn screen(style: &Style, rows: usize) -> String {
        let (progress, mut lines) = in_flight(style);
        lines.extend(progress.lines(at(41), style, rows));
        assert!(lines.iter().all(|line| width(line) <= style.width), "{lines:#?}");
        lines.join("\n")
    }

    #[test]
    fn a_run_in_flight_at_80_columns() {
        insta::assert_snapshot!(screen(&Style::PLAIN, 24), @"
        farm build --matrix                             engine docker 20.10.24 · 2 slots
          = xxhash@debian-13/amd64       -  up to date: 3 packages, nothing changed
          ✓ hello@debian-12/amd64    31.0s  52 kB  hello_1.7-1_amd64.deb
          ⠋ jq@debian-12/amd64        0:41  build    [ 63%] Linking C shared library l…
          ⠋ hello@debian-13/amd64     0:07  prepare  debian:trixie  12 MB of 49 MB
            1 waiting · 2 of 5 done · about 30 s left
        ");
    }

    #[test]
    fn a_narrow_terminal_without_unicode() {
        insta::assert_snapshot!(screen(&Style { unicode: false, width: 56, ..Style::PLAIN }, 24), @"
        farm build --matrix      engine docker 20.10.24, 2 slots
          = xxhash@debian-13/amd64       -  up to date: 3 pa...
          + hello@debian-12/amd64    31.0s  52 kB  hello_1.7...
          - jq@debian-12/amd64        0:41  build    [ 63%] ...
          - hello@debian-13/amd64     0:07  prepare  debian:...
            1 waiting, 2 of 5 done, about 30 s left
        ");
    }

    #[test]
    fn more_jobs_than_rows_are_counted() {
        let (progress, _) = in_flight(&Style::PLAIN);
        let lines = progress.lines(at(41), &Style::PLAIN, 2);
        assert_eq!(lines[0], "    and 2 more running");
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn the_footer_says_what_a_cancel_does() {
        let (mut progress, _) = in_flight(&Style::PLAIN);
        progress.notice("cancelling".to_owned());
        assert_eq!(progress.lines(at(41), &Style::PLAIN, 24).last().unwrap(), "    cancelling");
        assert_eq!(progress.running(), 2);
    }

    #[test]
    fn nothing_moves_after_the_end() {
        let mut progress = Progress::new("farm build");
        for event in samples::run_with_every_outcome() {
            progress.apply(&event, at(1), &Style::PLAIN);
        }
        assert_eq!(progress.lines(at(2), &Style::PLAIN, 24), Vec::<String>::new());
    }

    #[test]
    fn output_cannot_steer_the_terminal() {
        let mut progress = Progress::new("farm build");
        progress.apply(&Event::JobStarted { target: target("a@debian-12") }, at(0), &Style::PLAIN);
        let output = Event::Output { target: target("a@debian-12"), line: "\u{1b}[2Jgone\u{7}".into() };
        progress.apply(&output, at(0), &Style::PLAIN);
        assert!(!progress.lines(at(0), &Style::PLAIN, 24).join("").contains(|c: char| c.is_control()));
    }

    #[test]
    fn estimates_are_rounded_as_people_say_them() {
        assert_eq!(about(at(7)), "about 10 s left");
        assert_eq!(about(at(100)), "about 2 min left");
        assert_eq!(about(at(7200)), "about 2 h left");
        assert_eq!(clock(at(3753)), "1:02:33");
    }
}
