//! The terminal of one run: what is shown while it goes on, and what stays. Moving lines go to stderr, everything else to
//! stdout.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::args::{ColorChoice, ProgressChoice};
use super::output::{self, Stdout, Surroundings};
use super::screen::Screen;
use crate::event::Event;
use crate::report::progress::Progress;
use crate::report::summary::{Commands, Summary, SummaryOptions};
use crate::report::{Json, Plain, Sink, Style, Tone};

/// How often moving lines are drawn.
pub(crate) const FRAME: Duration = Duration::from_millis(100);

/// A moving line that shows nothing. There always is one: without any, the cursor would be left behind a line that stays,
/// and what is drawn next would begin there.
const NOTHING: &str = " ";

/// Follows a run as a sink; its copies, which show the same, draw it between events.
#[derive(Clone)]
pub(crate) struct Terminal {
    choice: ProgressChoice,
    /// What stdout can show: for lines that stay, and the summary.
    style: Style,
    started: Instant,
    /// Counts what runs, whether or not it is shown.
    progress: Arc<Mutex<Progress>>,
    moving: Option<MovingLines>,
}

#[derive(Clone)]
struct MovingLines {
    bar: ProgressBar,
    screen: Screen,
    style: Style,
}

impl Terminal {
    /// `command` is what the header says was run.
    pub(crate) fn new(choice: ProgressChoice, color: ColorChoice, command: &str) -> Terminal {
        let surroundings = Surroundings::of_this_process();
        let choice = surroundings.progress(choice);
        let moving = (choice == ProgressChoice::Bar).then(|| MovingLines::new(surroundings.style(color, true)));
        Terminal {
            choice,
            style: surroundings.style(color, false),
            started: Instant::now(),
            progress: Arc::new(Mutex::new(Progress::new(command))),
            moving,
        }
    }

    /// All that the terminal shows of a run.
    pub(crate) fn sinks(
        &self,
        dist: std::path::PathBuf,
        commands: Box<dyn Fn(&crate::matrix::Target) -> Commands + Send>,
    ) -> Vec<Box<dyn Sink>> {
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(self.clone())];
        match self.choice {
            ProgressChoice::Json => {
                sinks.push(Box::new(Json::new(Stdout)));
                return sinks;
            }
            ProgressChoice::Plain | ProgressChoice::Auto => sinks.push(Box::new(Plain::new(Stdout, self.style))),
            ProgressChoice::Bar | ProgressChoice::None => {}
        }
        // With moving lines, every finished job has its line on the screen already.
        let options = SummaryOptions { dist, commands, table: self.moving.is_none() };
        sinks.push(Box::new(Summary::new(Stdout, self.style, options)));
        sinks
    }

    /// What it shows of a run until that is over, for whom what comes of it is something else than packages.
    pub(crate) fn meanwhile(&self) -> Vec<Box<dyn Sink>> {
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(self.clone())];
        if matches!(self.choice, ProgressChoice::Plain | ProgressChoice::Auto) {
            sinks.push(Box::new(Plain::new(io::stderr(), self.style)));
        }
        sinks
    }

    /// How many jobs run now.
    pub(crate) fn running(&self) -> usize {
        self.progress().running()
    }

    /// Draws the moving lines as they are now.
    pub(crate) fn tick(&self) {
        if let Some(moving) = &self.moving {
            let (width, rows) = moving.screen.size();
            let style = Style { width, cuts: true, ..moving.style };
            let lines = self.progress().lines(self.started.elapsed(), &style, rows.saturating_sub(1));
            moving.draw(&lines);
        }
    }

    /// Says what farm does about a signal.
    pub(crate) fn notice(&self, text: &str) {
        if self.moving.is_some() {
            self.progress().notice(text.to_owned());
            self.tick();
        } else {
            output::err(&format!("{}\n", self.style.paint(Tone::Warning, &format!("farm: {text}"))));
        }
    }

    /// Takes the moving lines off the screen. To be called before anything else prints.
    pub(crate) fn finish(&self) {
        if let Some(moving) = &self.moving {
            output::set_moving_lines(None);
            moving.bar.finish_and_clear();
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Terminal {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let style = match &self.moving {
            Some(moving) => Style { width: moving.screen.size().0, cuts: true, ..moving.style },
            None => self.style,
        };
        let above = self.progress().apply(event, self.started.elapsed(), &style);
        if let Some(moving) = &self.moving {
            above.iter().for_each(|line| moving.bar.println(line));
        }
        if let Event::RunFinished(_) = event {
            self.finish();
        }
        Ok(())
    }
}

impl MovingLines {
    fn new(style: Style) -> MovingLines {
        let screen = Screen::new();
        let bar = ProgressBar::with_draw_target(None, screen.draw_target());
        // The template is a constant that indicatif's own tests parse; its default would show a counter.
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        bar.set_message(NOTHING);
        output::set_moving_lines(Some(bar.clone()));
        MovingLines { bar, screen, style }
    }

    fn draw(&self, lines: &[String]) {
        if self.bar.is_finished() {
            return;
        }
        match lines.is_empty() {
            true => self.bar.set_message(NOTHING),
            false => self.bar.set_message(lines.join("\n")),
        }
        self.bar.tick();
    }
}
