//! What farm's own outputs can show, and writing to them. Nobody at the other end (a closed pipe, a terminal that is
//! gone) is never a reason to stop a build: what cannot be written is dropped.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};

use super::args::{ColorChoice, ProgressChoice};
use super::moving::MovingLines;
use super::stdout::Stdout;
use crate::report::Style;
use crate::types::{Progress, printable};

/// The moving lines that are on the screen now, if any: who writes to stderr from elsewhere writes above them.
static MOVING_LINES: Mutex<Option<MovingLines>> = Mutex::new(None);

/// Writes to stdout: results.
pub(crate) fn out(text: &str) {
    let _ = Stdout.write_all(text.as_bytes());
}

/// A list for scripts, as JSON.
pub(crate) fn json_list(all: impl Iterator<Item = serde_json::Value>) -> String {
    format!("{:#}\n", serde_json::Value::Array(all.collect()))
}

/// Writes to stderr: messages for people.
pub(crate) fn err(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

pub(crate) fn set_moving_lines(lines: Option<MovingLines>) {
    *MOVING_LINES.lock().unwrap_or_else(PoisonError::into_inner) = lines;
}

/// Writes to stderr above the moving lines. For whole lines, of threads that hold nothing of the terminal's.
pub(crate) fn err_above(text: &str) {
    let moving = MOVING_LINES.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match moving {
        Some(lines) => lines.above(text),
        None => err(text),
    }
}

/// The environment as far as it says how to print; apart from the process's own for tests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    pub stdout_terminal: bool,
    pub stderr_terminal: bool,
    /// Columns of the terminal, when one could be asked.
    pub columns: Option<usize>,
    /// Those of [`VARIABLES`] that are set to something.
    pub variables: std::collections::BTreeMap<&'static str, String>,
}

const VARIABLES: [&str; 11] = [
    "COLUMNS",
    "TERM",
    "CI",
    "NO_COLOR",
    "CLICOLOR_FORCE",
    "LC_ALL",
    "LC_CTYPE",
    "LANG",
    "TMUX",
    "STY",
    "XTERM_VERSION",
];

impl Surroundings {
    pub(crate) fn of_this_process() -> Surroundings {
        let set =
            |name: &'static str| std::env::var(name).ok().filter(|value| !value.is_empty()).map(|value| (name, value));
        Surroundings {
            stdout_terminal: std::io::stdout().is_terminal(),
            stderr_terminal: std::io::stderr().is_terminal(),
            columns: console::Term::stderr()
                .size_checked()
                .or_else(|| console::Term::stdout().size_checked())
                .map(|(_rows, columns)| usize::from(columns)),
            variables: VARIABLES.into_iter().filter_map(set).collect(),
        }
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.variables.get(name).is_some_and(|set| set == value)
    }

    fn has(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// How to print on stdout (or stderr, with `stderr`).
    pub(crate) fn style(&self, choice: ColorChoice, stderr: bool) -> Style {
        let terminal = if stderr { self.stderr_terminal } else { self.stdout_terminal };
        let color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if self.has("NO_COLOR") => false,
            ColorChoice::Auto if self.has("CLICOLOR_FORCE") && !self.is("CLICOLOR_FORCE", "0") => true,
            ColorChoice::Auto => terminal && !self.is("TERM", "dumb"),
        };
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| self.variables.get(name));
        let unicode = locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let set = self.variables.get("COLUMNS").and_then(|columns| columns.parse().ok());
        let width = set.or(self.columns.filter(|_| terminal)).unwrap_or(80).clamp(16, 300);
        Style { unicode, color, width, cuts: terminal || set.is_some() }
    }

    /// Whether the terminal breaks lines that are there anew when it gets narrower, as most do by now.
    pub(crate) fn reflows(&self) -> bool {
        let cuts = self.is("TERM", "linux") || self.has("STY") || self.has("XTERM_VERSION");
        self.has("TMUX") || !cuts
    }

    /// Moving lines only where somebody looks at them.
    pub(crate) fn progress(&self, choice: ProgressChoice) -> ProgressChoice {
        match choice {
            ProgressChoice::Auto => {
                let looked_at = self.stdout_terminal && self.stderr_terminal && !self.is("TERM", "dumb");
                if looked_at && !self.has("CI") { ProgressChoice::Bar } else { ProgressChoice::Plain }
            }
            other => other,
        }
    }
}

/// Names each part of the work once.
#[derive(Debug, Default)]
pub(crate) struct Steps(std::sync::Mutex<String>);

impl Progress for Steps {
    fn progress(&self, what: &str, _done: u64, _total: u64) {
        let Ok(mut last) = self.0.lock() else { return };
        if *last != what {
            what.clone_into(&mut last);
            err(&format!("{}\n", printable(what)));
        }
    }
}

/// Shows how far the work is: on a terminal a bar for the part that goes on, elsewhere a line for each. For commands that print
/// nothing else meanwhile.
pub(crate) struct Bar {
    steps: Steps,
    bar: Option<ProgressBar>,
}

impl Bar {
    /// At this process's stderr.
    pub(crate) fn here() -> Bar {
        let surroundings = Surroundings::of_this_process();
        let style = surroundings.style(ColorChoice::Auto, true);
        let is_moving = surroundings.progress(ProgressChoice::Auto) == ProgressChoice::Bar;
        let bar = is_moving.then(|| {
            let bar = ProgressBar::new(0);
            // A letter at a time where a terminal has no other signs.
            let ticks = if style.unicode { "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ " } else { "|/-\\ " };
            // The template is a constant that the tests parse.
            if let Ok(style) = ProgressStyle::with_template(BAR) {
                bar.set_style(style.tick_chars(ticks));
            }
            bar
        });
        Bar { steps: Steps::default(), bar }
    }
}

/// The part that goes on, and its bytes.
const BAR: &str = "{spinner} {wide_msg} {decimal_bytes:>9} of {decimal_total_bytes:<9} {decimal_bytes_per_sec:>12}";

impl Progress for Bar {
    fn progress(&self, what: &str, done: u64, total: u64) {
        let Some(bar) = &self.bar else { return self.steps.progress(what, done, total) };
        bar.set_message(printable(what));
        bar.set_length(total.max(done));
        bar.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_says_what_and_how_much() {
        let bar = ProgressBar::hidden().with_style(ProgressStyle::with_template(BAR).unwrap());
        let shown = Bar { steps: Steps::default(), bar: Some(bar.clone()) };
        shown.progress("jq-1.7.tar.gz\u{1b}[2J", 1_500_000, 3_000_000);
        assert_eq!((bar.position(), bar.length()), (1_500_000, Some(3_000_000)));
        assert!(bar.message().starts_with("jq-1.7.tar.gz") && !bar.message().contains('\u{1b}'));
        // What is not known to end has done all there is so far.
        shown.progress("a page", 7, 0);
        assert_eq!((bar.position(), bar.length()), (7, Some(7)));
        drop(shown);
        assert!(bar.is_finished());
    }

    fn terminal(variables: &[(&'static str, &str)]) -> Surroundings {
        Surroundings {
            stdout_terminal: true,
            stderr_terminal: true,
            columns: Some(120),
            variables: variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        }
    }

    #[test]
    fn colour_follows_the_flag_then_the_environment_then_the_terminal() {
        let color = |surroundings: &Surroundings, choice| surroundings.style(choice, false).color;
        assert!(color(&terminal(&[]), ColorChoice::Auto));
        assert!(!color(&terminal(&[("NO_COLOR", "1")]), ColorChoice::Auto));
        assert!(color(&terminal(&[("NO_COLOR", "1")]), ColorChoice::Always));
        assert!(!color(&terminal(&[("TERM", "dumb")]), ColorChoice::Auto));
        assert!(!color(&Surroundings::default(), ColorChoice::Auto));
        let forced = |value: &str| Surroundings { stdout_terminal: false, ..terminal(&[("CLICOLOR_FORCE", value)]) };
        assert!(color(&forced("1"), ColorChoice::Auto));
        assert!(!color(&forced("0"), ColorChoice::Auto));
    }

    #[test]
    fn moving_lines_need_a_person_at_a_terminal() {
        let progress = |surroundings: Surroundings| surroundings.progress(ProgressChoice::Auto);
        assert_eq!(progress(terminal(&[])), ProgressChoice::Bar);
        assert_eq!(progress(terminal(&[("CI", "true")])), ProgressChoice::Plain);
        assert_eq!(progress(terminal(&[("TERM", "dumb")])), ProgressChoice::Plain);
        assert_eq!(progress(Surroundings { stdout_terminal: false, ..terminal(&[]) }), ProgressChoice::Plain);
        assert_eq!(terminal(&[("CI", "true")]).progress(ProgressChoice::Bar), ProgressChoice::Bar);
    }

    #[test]
    fn old_terminals_cut_lines_that_are_there() {
        assert!(terminal(&[("TERM", "xterm-256color")]).reflows());
        for one in [("TERM", "linux"), ("STY", "1.pts-0"), ("XTERM_VERSION", "XTerm(379)")] {
            assert!(!terminal(&[one]).reflows());
            assert!(terminal(&[one, ("TMUX", "/tmp/tmux-0/default,1,0")]).reflows());
        }
    }

    #[test]
    fn width_and_marks_follow_the_terminal() {
        let style = |surroundings: Surroundings| surroundings.style(ColorChoice::Auto, false);
        assert_eq!(style(terminal(&[])).width, 120);
        assert_eq!(style(terminal(&[("COLUMNS", "60")])).width, 60);
        assert_eq!(style(terminal(&[("COLUMNS", "4")])).width, 16);
        assert_eq!(style(terminal(&[("COLUMNS", "1000")])).width, 300);
        assert_eq!(style(Surroundings { stdout_terminal: false, ..terminal(&[]) }).width, 80);
        assert!(!style(Surroundings { stdout_terminal: false, ..terminal(&[]) }).cuts);
        assert!(style(terminal(&[("LANG", "en_US.UTF-8")])).unicode);
        assert!(!style(terminal(&[("LANG", "en_US.UTF-8"), ("LC_ALL", "C")])).unicode);
        assert!(!style(terminal(&[])).unicode);
    }
}
