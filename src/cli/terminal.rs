//! The terminal of one run: what is shown while it goes on, and what stays. Moving lines go to stderr, everything else to
//! stdout.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::args::{ColorChoice, ProgressChoice};
use super::moving::MovingLines;
use super::output::{self, Surroundings};
use super::stdout::Stdout;
use crate::event::Event;
use crate::matrix::Target;
use crate::report::progress::Progress;
use crate::report::summary::{Commands, Summary, SummaryOptions};
use crate::report::{Json, Plain, Sink, Style, Tone};

/// How often moving lines are drawn.
pub(crate) const FRAME: Duration = Duration::from_millis(100);

/// Follows a run as a sink; its copies, which show the same, draw it between events.
#[derive(Clone)]
pub(crate) struct Terminal {
    choice: ProgressChoice,
    color: ColorChoice,
    /// The time since the run's start.
    clock: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// Counts what runs, whether or not it is shown.
    progress: Arc<Mutex<Progress>>,
    moving: Option<(MovingLines, Style)>,
    /// Lines that stay are no results: they go to stderr.
    is_meanwhile: Arc<AtomicBool>,
}

impl Terminal {
    /// `command` is what the header says was run.
    pub(crate) fn new(choice: ProgressChoice, color: ColorChoice, command: &str) -> Terminal {
        let started = Instant::now();
        Terminal::at(Arc::new(move || started.elapsed()), choice, color, command)
    }

    /// One with a clock of its own.
    pub(super) fn at(
        clock: Arc<dyn Fn() -> Duration + Send + Sync>,
        choice: ProgressChoice,
        color: ColorChoice,
        command: &str,
    ) -> Terminal {
        let surroundings = Surroundings::of_this_process();
        let choice = surroundings.progress(choice);
        let moving = (choice == ProgressChoice::Bar).then(|| {
            let lines = MovingLines::new(surroundings.reflows());
            output::set_moving_lines(Some(lines.clone()));
            (lines, surroundings.style(color, true))
        });
        let progress = Arc::new(Mutex::new(Progress::new(command)));
        Terminal { choice, color, clock, progress, moving, is_meanwhile: Arc::default() }
    }

    /// What stdout can show: for lines that stay, and the summary.
    fn style(&self) -> Style {
        Surroundings::of_this_process().style(self.color, false)
    }

    /// All that the terminal shows of a run.
    pub(crate) fn sinks(&self, dist: PathBuf, commands: Box<dyn Fn(&Target) -> Commands + Send>) -> Vec<Box<dyn Sink>> {
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(self.clone())];
        match self.choice {
            ProgressChoice::Json => {
                sinks.push(Box::new(Json::new(Stdout)));
                return sinks;
            }
            ProgressChoice::Plain | ProgressChoice::Auto => sinks.push(Box::new(Plain::new(Stdout, self.style()))),
            ProgressChoice::Bar | ProgressChoice::None => {}
        }
        // With moving lines, every finished job has its line on the screen already.
        let options = SummaryOptions { dist, commands, table: self.moving.is_none() };
        let terminal = self.clone();
        sinks.push(Box::new(Summary::new(Stdout, move || terminal.style(), options)));
        sinks
    }

    /// What it shows of a run until that is over, for whom what comes of it is something else than packages.
    pub(crate) fn meanwhile(&self) -> Vec<Box<dyn Sink>> {
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(self.clone())];
        self.is_meanwhile.store(true, Ordering::Relaxed);
        if matches!(self.choice, ProgressChoice::Plain | ProgressChoice::Auto) {
            sinks.push(Box::new(Plain::new(io::stderr(), self.style())));
        }
        sinks
    }

    /// How many jobs run now.
    pub(crate) fn running(&self) -> usize {
        self.progress().running()
    }

    /// Whether lines move.
    pub(crate) fn moves(&self) -> bool {
        self.moving.is_some()
    }

    /// Draws the moving lines as they are now. Where nothing moves it says from time to time that the run goes on.
    pub(crate) fn tick(&self) {
        let now = (self.clock)();
        if let Some((moving, style)) = &self.moving {
            let (width, rows) = moving.size();
            let style = Style { width, cuts: true, ..*style };
            // The lock is held while it is drawn: what has ended meanwhile does not come back.
            let progress = self.progress();
            moving.draw(progress.lines(now, &style, rows.saturating_sub(1)));
        } else if matches!(self.choice, ProgressChoice::Plain | ProgressChoice::Auto)
            && let Some(line) = self.progress().heartbeat(now)
        {
            match self.is_meanwhile.load(Ordering::Relaxed) {
                true => output::err(&format!("{line}\n")),
                false => drop(writeln!(Stdout, "{line}")),
            }
        }
    }

    /// Says what farm does about a signal.
    pub(crate) fn notice(&self, text: &str) {
        if self.moving.is_some() {
            self.progress().notice(text.to_owned());
            self.tick();
        } else {
            output::err(&format!("{}\n", self.style().paint(Tone::Warning, &format!("farm: {text}"))));
        }
    }

    /// Takes the moving lines off the screen until they are drawn again.
    pub(crate) fn clear(&self) {
        self.moving.iter().for_each(|(moving, _)| moving.clear());
    }

    /// Somebody else has written to the screen.
    pub(crate) fn forget(&self) {
        self.moving.iter().for_each(|(moving, _)| moving.forget());
    }

    /// Takes the moving lines off the screen. To be called before anything else prints.
    pub(crate) fn finish(&self) {
        if let Some((moving, _)) = &self.moving {
            output::set_moving_lines(None);
            moving.finish();
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Terminal {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let now = (self.clock)();
        match &self.moving {
            Some((moving, style)) => {
                let style = Style { width: moving.size().0, cuts: true, ..*style };
                let mut progress = self.progress();
                let above = progress.apply(event, now, &style);
                if !above.is_empty() {
                    moving.above(&above.join("\n"));
                }
            }
            // What stays on a screen with moving lines is not shown: how it would look need not be asked for.
            None => drop(self.progress().apply(event, now, &Style::PLAIN)),
        }
        if let Event::RunFinished(_) = event {
            self.finish();
        }
        Ok(())
    }
}
