//! What a terminal shows while a run goes on, as a fold: events and the time in, lines out. Drawing them, and how
//! often, is the caller's business, so that all of it can be tested without a terminal.

use std::collections::HashMap;
use std::time::Duration;

use super::counted::Counted;
use super::percent::{self, percent};
use super::row::{RunningRow, finished_rows, running_row, ticking};
use super::style::{Style, Tone, count, width};
use crate::event::{Event, Outcome};
use crate::packaging::StepKind;
use crate::types::{human_bytes, printable};

const SPINNER: [&str; 10] = [
    "\u{280b}", "\u{2819}", "\u{2839}", "\u{2838}", "\u{283c}", "\u{2834}", "\u{2826}", "\u{2827}", "\u{2807}",
    "\u{280f}",
];
const ASCII_SPINNER: [&str; 4] = ["|", "/", "-", "\\"];
const FRAME: Duration = Duration::from_millis(100);
/// Where nothing moves, a run says so often that it goes on.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Jobs that such a line names, those first that run longest.
const NAMED: usize = 3;

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
    /// Targets that have not ended, with how long the last good build took.
    open: HashMap<String, Option<Duration>>,
    /// Time of the jobs that really ran, for the estimate.
    ran: Vec<Duration>,
    /// What has no row of its own, where there is more than one job.
    counted: Counted,
    /// Why nothing new starts: shown in the footer.
    notice: Option<String>,
    /// When it last said that it goes on.
    last_heartbeat: Duration,
}

#[derive(Debug)]
struct Running {
    target: String,
    since: Duration,
    step: Option<StepKind>,
    percent: Option<u8>,
    line: String,
}

impl Running {
    fn elapsed(&self, now: Duration) -> Duration {
        now.saturating_sub(self.since)
    }

    fn step(&self) -> &'static str {
        self.step.map(StepKind::as_str).unwrap_or_default()
    }
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
            Event::RunStarted { engine, slots, targets, expected, .. } => {
                self.slots = *slots;
                self.total = targets.len();
                self.target_width = targets.iter().map(|target| width(&target.to_string())).max().unwrap_or(0);
                let expected = expected.iter().copied().chain(std::iter::repeat(None));
                self.open = targets.iter().map(ToString::to_string).zip(expected).collect();
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
                self.running.push(Running {
                    target: target.to_string(),
                    since: now,
                    step: None,
                    percent: None,
                    line: String::new(),
                });
                // What is up to date is known before anything begins, but for what waits for others.
                return self.counted(style);
            }
            Event::StepStarted { target, step } => {
                if let Some(job) = self.job(&target.to_string()) {
                    job.step = Some(*step);
                    job.percent = None;
                    job.line.clear();
                }
            }
            Event::Output { target, line, .. } => {
                let line = printable(line.trim());
                if let Some(job) = self.job(&target.to_string())
                    && !line.is_empty()
                {
                    // What had come to its end, a download or a tool, says nothing of what is done after it.
                    let told = percent(&line).map(|(percent, rest)| (Some(percent), rest.to_owned()));
                    (job.percent, job.line) = told.unwrap_or((job.percent.filter(|percent| *percent < 100), line));
                }
            }
            Event::Progress { target, what, done, total } => {
                if let Some(job) = self.job(&target.to_string()) {
                    job.percent = percent::of(*done, *total);
                    job.line = amount(&printable(what), *done, *total);
                }
            }
            Event::JobFinished(report) => {
                let target = report.target.to_string();
                self.running.retain(|job| job.target != target);
                self.open.remove(&target);
                self.done += 1;
                if !matches!(report.outcome, Outcome::UpToDate | Outcome::Skipped { .. } | Outcome::Cancelled) {
                    self.ran.push(report.elapsed);
                }
                if self.total > 1 && self.counted.take(report) {
                    return Vec::new();
                }
                return finished_rows(report, self.target_width, style);
            }
            Event::RunFinished(_) => {
                self.running.clear();
                return self.counted(style);
            }
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
        let spinner =
            if style.unicode { SPINNER[frame % SPINNER.len()] } else { ASCII_SPINNER[frame % ASCII_SPINNER.len()] };
        let is_expected = self.running.iter().any(|job| self.expected(job).is_some());
        let row = |job: &Running| {
            let row = RunningRow {
                target: &job.target,
                elapsed: job.elapsed(now),
                expected: self.expected(job),
                step: job.step(),
                percent: job.percent,
                line: &job.line,
            };
            running_row(&row, spinner, self.target_width, is_expected, style)
        };
        let mut lines: Vec<String> = self.running.iter().take(shown).map(row).collect();
        if shown < self.running.len() {
            lines.push(below(Tone::Quiet, &format!("and {} more running", self.running.len() - shown), style));
        }
        lines.extend(self.footer(now, style));
        lines.truncate(rows);
        lines
    }

    /// Where nothing moves: a line that says where the run is, when none has for [`HEARTBEAT`].
    pub(crate) fn heartbeat(&mut self, now: Duration) -> Option<String> {
        if self.running.is_empty() || now.saturating_sub(self.last_heartbeat) < HEARTBEAT {
            return None;
        }
        self.last_heartbeat = now;
        let job = |job: &Running| {
            let percent = job.percent.map(|percent| format!(" {percent}%")).unwrap_or_default();
            let step = job.step.map(|step| format!("{step}{percent}, ")).unwrap_or_default();
            format!("{} ({step}{})", job.target, ticking(job.elapsed(now)))
        };
        let mut running: Vec<String> = self.running.iter().take(NAMED).map(job).collect();
        if let others @ 1.. = self.running.len() - running.len() {
            running.push(format!("and {others} more"));
        }
        let left = self.time_left(now).map(|left| format!(", {}", about(left))).unwrap_or_default();
        let (done, total, running) = (self.done, self.total, running.join(", "));
        Some(format!("farm: {done} of {total} done after {}{left}; running: {running}", ticking(now)))
    }

    /// `4 waiting · 9 of 15 done · about 2m left`
    fn footer(&self, now: Duration, style: &Style) -> Option<String> {
        if let Some(notice) = &self.notice {
            return Some(below(Tone::Warning, notice, style));
        }
        if self.total == 0 || self.done == self.total {
            return None;
        }
        let waiting = self.open.len().saturating_sub(self.running.len());
        let done = format!("{} of {} done", self.done, self.total);
        // What matters most stands first where not all of it fits.
        let waiting = (waiting > 0).then(|| format!("{waiting} waiting"));
        let left = self.time_left(now).map(about);
        let all = [waiting, Some(done.clone()), left].into_iter().flatten().collect::<Vec<_>>().join(style.dot());
        let text = if width(&all) + 5 <= style.width { all } else { done };
        Some(below(Tone::Quiet, &text, style))
    }

    /// What each open job is expected to take, or the mean of what is known, over the slots; at least as long as the longest
    /// of those that run. None before anything is known.
    fn time_left(&self, now: Duration) -> Option<Duration> {
        let known: Vec<Duration> = match self.ran.as_slice() {
            [] => self.open.values().flatten().copied().collect(),
            ran => ran.to_vec(),
        };
        let mean = known.iter().sum::<Duration>() / u32::try_from(known.len()).ok().filter(|number| *number > 0)?;
        let left = |(target, expected): (&String, &Option<Duration>)| {
            let elapsed = self.running.iter().find(|job| job.target == *target).map(|job| job.elapsed(now));
            expected.unwrap_or(mean).saturating_sub(elapsed.unwrap_or_default())
        };
        let each: Vec<Duration> = self.open.iter().map(left).collect();
        let in_slots = each.iter().sum::<Duration>() / (self.slots.max(1) as u32);
        let left = in_slots.max(each.iter().max().copied().unwrap_or_default());
        (left >= Duration::from_secs(5)).then_some(left)
    }

    fn expected(&self, job: &Running) -> Option<Duration> {
        self.open.get(&job.target).copied().flatten()
    }

    /// What has no row, and was not told yet.
    fn counted(&mut self, style: &Style) -> Vec<String> {
        let room = style.width.saturating_sub(1);
        self.counted.told(style).iter().map(|line| style.cut(&format!("  {line}"), room).into_owned()).collect()
    }

    fn job(&mut self, target: &str) -> Option<&mut Running> {
        self.running.iter_mut().find(|job| job.target == target)
    }
}

/// A line below the rows, under their targets.
fn below(tone: Tone, text: &str, style: &Style) -> String {
    let indent = if style.width < 40 { "" } else { "    " };
    style.paint(tone, &style.cut(&format!("{indent}{text}"), style.width.saturating_sub(1)))
}

/// `pulling debian:bookworm  12 MB of 49 MB`
fn amount(what: &str, done: u64, total: u64) -> String {
    if total == 0 {
        return if done == 0 { what.to_owned() } else { format!("{what}  {}", human_bytes(done)) };
    }
    format!("{what}  {} of {}", human_bytes(done), human_bytes(total))
}

/// In the units of all times, as roundly as it is known.
fn about(left: Duration) -> String {
    let seconds = left.as_secs();
    match seconds {
        0..55 => format!("about {}s left", seconds.div_ceil(5) * 5),
        55..3570 => format!("about {}m left", (seconds + 30) / 60),
        _ => {
            let minutes = (seconds + 300) / 600 * 10;
            format!("about {}h {:02}m left", minutes / 60, minutes % 60)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Room;
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
            expected: vec![None, None, None, Some(at(80)), Some(at(7000))],
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
        let output =
            |id: &str, line: &str| Event::Output { target: target(id), line: line.into(), room: Room::default() };
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
        insta::assert_snapshot!(screen(&Style::PLAIN, 24), @r"
        farm build --matrix                             engine docker 20.10.24 · 2 slots
          = 1 target up to date: 3 packages, nothing changed
          ✓ hello@debian-12/amd64    31.0s  52 kB  hello_1.7-1_amd64.deb
          ⠋ jq@debian-12/amd64         41s  build    63%  Linking C shared library lib…
          ⠋ hello@debian-13/amd64       7s  prepare  24%  debian:trixie  12 MB of 49 MB
            1 waiting · 2 of 5 done · about 2h 00m left
        ");
    }

    #[test]
    fn a_narrow_terminal_without_unicode() {
        insta::assert_snapshot!(screen(&Style { unicode: false, width: 56, ..Style::PLAIN }, 24), @r"
        farm build --matrix      engine docker 20.10.24, 2 slots
          = 1 target up to date: 3 packages, nothing changed
          + hello@debian-12/amd64    31.0s  52 kB  hello_1.7...
          - jq@debian-12/amd64         41s  build    63%
          - hello@debian-13/amd64       7s  prepare  24%
            1 waiting, 2 of 5 done, about 2h 00m left
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
        let output =
            Event::Output { target: target("a@debian-12"), line: "\u{1b}[2Jgone\u{7}".into(), room: Room::default() };
        progress.apply(&output, at(0), &Style::PLAIN);
        assert!(!progress.lines(at(0), &Style::PLAIN, 24).join("").contains(|c: char| c.is_control()));
    }

    #[test]
    fn estimates_are_rounded_as_people_say_them() {
        assert_eq!(about(at(7)), "about 10s left");
        assert_eq!(about(at(100)), "about 2m left");
        assert_eq!(about(at(3569)), "about 59m left");
        assert_eq!(about(at(3600)), "about 1h 00m left");
        assert_eq!(about(at(7400)), "about 2h 00m left");
    }

    #[test]
    fn from_16_to_300_columns_no_line_is_wider_and_the_distribution_stays() {
        for width_of_window in 16..=300 {
            for unicode in [true, false] {
                let style = Style { width: width_of_window, unicode, ..Style::PLAIN };
                let (progress, above) = in_flight(&style);
                let lines = progress.lines(at(41), &style, 24);
                let all = || above.iter().chain(&lines);
                assert!(all().all(|line| width(line) <= width_of_window), "{width_of_window}: {lines:#?} {above:#?}");
                assert!(lines.iter().all(|line| width(line) < width_of_window), "{width_of_window}: {lines:#?}");
                assert!(
                    lines[1].contains("debian-13") || !unicode && width_of_window < 20,
                    "{width_of_window}: {lines:#?}"
                );
            }
        }
        let at_width = |width: usize| screen(&Style { width, ..Style::PLAIN }, 24);
        insta::assert_snapshot!([16, 24, 40, 60].map(at_width).join("\n\n"), @r"
        farm build --ma…
        engine docker 2…
          = 1 target u…
          ✓ …@debian-12
          ⠋ …@debian-12
          ⠋ …@debian-13
        2 of 5 done

        farm build --matrix
        engine docker 20.10.24 …
          = 1 target up to dat…
          ✓ he…@debian-12/amd64
          ⠋ jq@debian-12/amd64
          ⠋ he…@debian-13/amd64
        2 of 5 done

        farm build --matrix
        engine docker 20.10.24 · 2 slots
          = 1 target up to date: 3 packages, n…
          ✓ hello@debian-12/amd64    31.0s
          ⠋ jq@debian-12/amd64         41s
          ⠋ hello@debian-13/amd64       7s
            2 of 5 done

        farm build --matrix         engine docker 20.10.24 · 2 slots
          = 1 target up to date: 3 packages, nothing changed
          ✓ hello@debian-12/amd64    31.0s  52 kB  hello_1.7-1_amd…
          ⠋ jq@debian-12/amd64         41s  build    63%  Linking …
          ⠋ hello@debian-13/amd64       7s  prepare  24%  debian:t…
            1 waiting · 2 of 5 done · about 2h 00m left
        ");
        insta::assert_snapshot!(at_width(200), @r"
        farm build --matrix                                                                                                                                                     engine docker 20.10.24 · 2 slots
          = 1 target up to date: 3 packages, nothing changed
          ✓ hello@debian-12/amd64    31.0s  52 kB  hello_1.7-1_amd64.deb
          ⠋ jq@debian-12/amd64         41s of 1h 56m   build    63%  Linking C shared library libjq.so.1.0.4 with all its objects
          ⠋ hello@debian-13/amd64       7s of 1m 20s   prepare  24%  debian:trixie  12 MB of 49 MB
            1 waiting · 2 of 5 done · about 2h 00m left
        ");
    }

    #[test]
    fn what_earlier_builds_took_is_what_is_expected() {
        let ids = ["a@debian-12", "b@debian-12", "c@debian-12"];
        let mut progress = Progress::new("farm build");
        let started = Event::RunStarted {
            run: "r".into(),
            engine: "e".into(),
            slots: 2,
            targets: ids.iter().map(|id| target(id)).collect(),
            expected: vec![Some(at(600)), Some(at(60)), None],
        };
        progress.apply(&started, at(0), &Style::PLAIN);
        // 600 and 60 as they say, and the mean of both for the third: 990 in two slots.
        assert_eq!(progress.time_left(at(0)), Some(at(600)));
        for id in &ids[..2] {
            progress.apply(&Event::JobStarted { target: target(id) }, at(0), &Style::PLAIN);
        }
        progress.apply(&samples::finished(ids[1], Outcome::Succeeded), at(31), &Style::PLAIN);
        assert_eq!(progress.time_left(at(100)), Some(at(500)));
        // Nothing is less than nothing.
        assert_eq!(progress.time_left(at(10_000)).unwrap().as_secs(), 31);
    }

    #[test]
    fn a_thousand_targets_that_are_up_to_date_are_one_line() {
        let ids: Vec<String> = (0..1022).map(|index| format!("jq{index}@debian-12")).collect();
        let mut progress = Progress::new("farm build --matrix");
        let started = Event::RunStarted {
            run: "r".into(),
            engine: "docker 20.10.24".into(),
            slots: 2,
            targets: ids.iter().map(|id| target(id)).collect(),
            expected: Vec::new(),
        };
        let mut events = vec![started];
        events.extend(ids[..1020].iter().map(|id| samples::finished(id, Outcome::UpToDate)));
        events.push(Event::JobStarted { target: target(&ids[1020]) });
        events.push(samples::finished(&ids[1020], samples::failed_in_build()));
        events
            .push(samples::finished(&ids[1021], Outcome::Skipped { because: "jq1020@debian-12/amd64 failed".into() }));
        let run = crate::event::RunReport { run: "r".into(), elapsed: at(40), busy: 1.0, interrupted: false };
        events.push(Event::RunFinished(run));
        let above: Vec<String> = events.iter().flat_map(|event| progress.apply(event, at(0), &Style::PLAIN)).collect();
        insta::assert_snapshot!(above.join("\n"), @r"
        farm build --matrix                             engine docker 20.10.24 · 2 slots
          = 1020 targets up to date: 3060 packages, nothing changed
          ✗ jq1020@debian-12/amd64   31.0s  failed in build
              src/jv_unicode.c:12:10: fatal error: oniguruma.h: No such file or direct…
              log: dist/jq1020/debian-12-amd64/build.log, line 813
          - 1 target skipped: jq1020@debian-12/amd64 failed
        ");
    }

    #[test]
    fn a_failure_says_at_once_why_and_where_its_log_is() {
        let rows = |width: usize| {
            let report = samples::report("prometheus-postgres-exporter@debian-12", samples::failed_in_build());
            finished_rows(&report, 44, &Style { width, ..Style::PLAIN }).join("\n")
        };
        insta::assert_snapshot!([40, 80, 200].map(rows).join("\n\n"), @r"
        ✗ prometh…@debian-12/amd64   31.0s
            failed in build: src/jv_unicode.…
            log: dist/prometheus-postgres-exporter/debian-12-amd64/build.log

        ✗ prometheus-post…@debian-12/amd64   31.0s  failed in build
            src/jv_unicode.c:12:10: fatal error: oniguruma.h: No such file or direct…
            log: dist/prometheus-postgres-exporter/debian-12-amd64/build.log

        ✗ prometheus-postgres-exporter@debian-12/amd64   31.0s  failed in build: src/jv_unicode.c:12:10: fatal error: oniguruma.h: No such file or directory
            log: dist/prometheus-postgres-exporter/debian-12-amd64/build.log, line 813
        ");
    }

    #[test]
    fn how_far_a_step_is_stays_until_its_tool_is_done() {
        let mut progress = Progress::new("farm build");
        let mut percent_after = |event: Event| {
            progress.apply(&event, at(0), &Style::PLAIN);
            (progress.running[0].percent, progress.running[0].line.clone())
        };
        let jq = || target("jq@debian-12");
        let output = |line: &str| Event::Output { target: jq(), line: line.into(), room: Room::default() };
        percent_after(Event::JobStarted { target: jq() });
        let pulled = |done| Event::Progress { target: jq(), what: "debian".into(), done, total: 400 };
        assert_eq!(percent_after(pulled(100)).0, Some(25));
        assert_eq!(percent_after(pulled(400)).0, Some(100));
        assert_eq!(percent_after(output("Unpacking")), (None, "Unpacking".to_owned()));
        assert_eq!(percent_after(output("[1/4] CC a.c")), (Some(25), "CC a.c".to_owned()));
        assert_eq!(percent_after(output("a.c:1: warning")), (Some(25), "a.c:1: warning".to_owned()));
        assert_eq!(percent_after(Event::StepStarted { target: jq(), step: StepKind::Check }).0, None);
    }

    #[test]
    fn without_a_terminal_a_line_says_each_30_seconds_that_it_goes_on() {
        let (mut progress, _) = in_flight(&Style::PLAIN);
        assert_eq!(progress.heartbeat(at(29)), None);
        insta::assert_snapshot!(progress.heartbeat(at(41)).unwrap(), @"farm: 2 of 5 done after 41s, about 2h 00m left; running: jq@debian-12/amd64 (build 63%, 41s), hello@debian-13/amd64 (prepare 24%, 7s)");
        assert_eq!(progress.heartbeat(at(70)), None);
        for index in 0..3 {
            progress.apply(
                &Event::JobStarted { target: target(&format!("a{index}@debian-12")) },
                at(70),
                &Style::PLAIN,
            );
        }
        insta::assert_snapshot!(progress.heartbeat(at(71)).unwrap(), @"farm: 2 of 5 done after 1m 11s, about 2h 00m left; running: jq@debian-12/amd64 (build 63%, 1m 11s), hello@debian-13/amd64 (prepare 24%, 37s), a0@debian-12/amd64 (1s), and 2 more");
        assert_eq!(Progress::new("farm build").heartbeat(at(500)), None);
    }
}
