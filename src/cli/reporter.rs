//! Drives the reporters of one run: hands them the events, and puts what they say where it belongs. Moving lines go to
//! stderr, everything else to stdout.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::args::{ColorChoice, ProgressChoice};
use super::output::{self, Surroundings};
use super::screen::Screen;
use crate::event::Event;
use crate::report::progress::Progress;
use crate::report::{Style, Tone, json, plain};

/// How often moving lines are drawn.
pub(crate) const FRAME: Duration = Duration::from_millis(100);

/// A moving line that shows nothing. There always is one: without any, the cursor would be left behind a line that stays,
/// and what is drawn next would begin there.
const NOTHING: &str = " ";

/// The reporter of a run.
pub(crate) struct Reporter {
    /// What stdout can show: for lines that stay, and the summary.
    style: Style,
    started: Instant,
    /// Counts what runs, whether or not it is shown.
    progress: Progress,
    kind: Kind,
}

enum Kind {
    Bar { bar: ProgressBar, screen: Screen, style: Style },
    Plain,
    Json,
    Silent,
}

impl Reporter {
    /// `command` is what the header says was run.
    pub(crate) fn new(choice: ProgressChoice, color: ColorChoice, command: &str) -> Reporter {
        let surroundings = Surroundings::of_this_process();
        let kind = match surroundings.progress(choice) {
            ProgressChoice::Bar => {
                let screen = Screen::new();
                let bar = ProgressBar::with_draw_target(None, screen.draw_target());
                // The template is a constant that indicatif's own tests parse; its default would show a counter.
                if let Ok(style) = ProgressStyle::with_template("{msg}") {
                    bar.set_style(style);
                }
                bar.set_message(NOTHING);
                Kind::Bar { bar, screen, style: surroundings.style(color, true) }
            }
            ProgressChoice::Json => Kind::Json,
            ProgressChoice::None => Kind::Silent,
            ProgressChoice::Plain | ProgressChoice::Auto => Kind::Plain,
        };
        Reporter {
            style: surroundings.style(color, false),
            started: Instant::now(),
            progress: Progress::new(command),
            kind,
        }
    }

    pub(crate) fn style(&self) -> &Style {
        &self.style
    }

    /// Whether every finished job has its line on the screen already.
    pub(crate) fn shows_finished_lines(&self) -> bool {
        matches!(self.kind, Kind::Bar { .. })
    }

    /// Whether the summary may go to stdout.
    pub(crate) fn wants_summary(&self) -> bool {
        !matches!(self.kind, Kind::Json)
    }

    pub(crate) fn running(&self) -> usize {
        self.progress.running()
    }

    pub(crate) fn event(&mut self, event: &Event) {
        let style = match &self.kind {
            Kind::Bar { screen, style, .. } => Style { width: screen.size().0, cuts: true, ..*style },
            _ => self.style,
        };
        let above = self.progress.apply(event, self.started.elapsed(), &style);
        match &self.kind {
            Kind::Bar { bar, .. } => above.iter().for_each(|line| bar.println(line)),
            Kind::Plain => output::out(&plain::lines(event, &self.style)),
            Kind::Json => output::out(&json::line(event)),
            Kind::Silent => {}
        }
    }

    /// Draws the moving lines as they are now.
    pub(crate) fn tick(&self) {
        if let Kind::Bar { bar, screen, style } = &self.kind {
            let (width, rows) = screen.size();
            let style = Style { width, cuts: true, ..*style };
            let lines = self.progress.lines(self.started.elapsed(), &style, rows.saturating_sub(1));
            match lines.is_empty() {
                true => bar.set_message(NOTHING),
                false => bar.set_message(lines.join("\n")),
            }
            bar.tick();
        }
    }

    /// Says what farm does about a signal.
    pub(crate) fn notice(&mut self, text: &str) {
        match &self.kind {
            Kind::Bar { .. } => {
                self.progress.notice(text.to_owned());
                self.tick();
            }
            _ => output::err(&format!("{}\n", self.style.paint(Tone::Warning, &format!("farm: {text}")))),
        }
    }

    /// Takes the moving lines off the screen. To be called before anything else prints.
    pub(crate) fn finish(&self) {
        if let Kind::Bar { bar, .. } = &self.kind {
            bar.finish_and_clear();
        }
    }
}
