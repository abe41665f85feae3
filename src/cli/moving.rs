//! The lines at the bottom of a terminal that change while a run goes on. They are drawn over in place, and what stays is written
//! above them.
//!
//! Between two writes the cursor rests at the beginning of the last of them: `^C`, which the terminal shows there, falls into
//! its indent, and is gone with the next frame. It is never hidden, so nobody has to show it again.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use console::Term;

/// Moving lines at stderr; copies are the same lines.
#[derive(Debug, Clone)]
pub(crate) struct MovingLines(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    terminal: Term,
    /// Whether the terminal breaks lines that are there anew when it gets narrower.
    reflows: bool,
    /// What is on the screen.
    lines: Vec<String>,
    /// How wide that was when they were drawn.
    columns: usize,
    /// Nothing is drawn any more.
    over: bool,
}

impl MovingLines {
    /// `reflows`: whether the terminal breaks lines that are there anew when it gets narrower.
    pub(crate) fn new(reflows: bool) -> MovingLines {
        MovingLines(Arc::new(Mutex::new(State {
            terminal: Term::stderr(),
            reflows,
            lines: Vec::new(),
            columns: 0,
            over: false,
        })))
    }

    /// Columns and rows, as they are now: windows change.
    pub(crate) fn size(&self) -> (usize, usize) {
        let (rows, columns) = self.state().terminal.size();
        (usize::from(columns), usize::from(rows))
    }

    /// Draws these in place of those that are there. None of them is wider than the terminal.
    pub(crate) fn draw(&self, lines: Vec<String>) {
        self.state().write("", lines);
    }

    /// Writes whole lines, which stay, above the moving ones.
    pub(crate) fn above(&self, text: &str) {
        let mut state = self.state();
        let lines = state.lines.clone();
        state.write(text, lines);
    }

    /// Takes them off the screen until the next ones are drawn.
    pub(crate) fn clear(&self) {
        self.state().write("", Vec::new());
    }

    /// Somebody else has written to the terminal, and nobody knows where the cursor is: what was drawn stays where it is.
    pub(crate) fn forget(&self) {
        self.state().lines.clear();
    }

    /// Takes them off the screen for good.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        state.write("", Vec::new());
        state.over = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write(&mut self, above: &str, lines: Vec<String>) {
        let lines = if self.over { Vec::new() } else { lines };
        let columns = usize::from(self.terminal.size().1);
        let is_resized = columns != std::mem::replace(&mut self.columns, columns);
        if !is_resized && above.is_empty() && lines == self.lines {
            return;
        }
        let seen = Seen { lines: &self.lines, columns: if self.reflows { columns } else { usize::MAX }, is_resized };
        let text = redrawn(&seen, above, &lines);
        self.lines = lines;
        // All at once, so that nobody sees half of it. A terminal that is gone is no reason to stop.
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }
}

/// What is on a screen.
struct Seen<'a> {
    /// Drawn in a window that may have been wider.
    lines: &'a [String],
    /// In one of so many columns each of them takes as many rows as it needs.
    columns: usize,
    /// Which it may not have had when they were drawn.
    is_resized: bool,
}

/// What brings a terminal from what is there to `above` and `after`.
fn redrawn(seen: &Seen<'_>, above: &str, after: &[String]) -> String {
    let rows = |line: &String| console::measure_text_width(line).div_ceil(seen.columns.max(1)).max(1);
    let up: usize = seen.lines.iter().rev().skip(1).map(rows).sum();
    let mut text = String::from("\r");
    if up > 0 {
        text.push_str(&format!("\x1b[{up}A"));
    }
    // Rows that were broken once are joined again in a wider window, whatever is written over them, unless they are erased
    // as a whole. All of them at once would go to tmux's history where they begin at its first row.
    let erase = if above.is_empty() && !seen.is_resized { "" } else { "\x1b[2K" };
    above.lines().for_each(|line| text.push_str(&format!("{erase}{line}\r\n")));
    for (index, line) in after.iter().enumerate() {
        text.push_str(if index > 0 { "\r\n" } else { "" });
        text.push_str(&format!("{erase}{line}\x1b[K"));
    }
    // Below the last of them, or all of what was there.
    text.push_str(if after.is_empty() { "\x1b[J" } else { "\x1b[J\r" });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    fn seen(lines: &[String], columns: usize, is_resized: bool) -> Seen<'_> {
        Seen { lines, columns, is_resized }
    }

    #[test]
    fn frames_take_the_place_of_each_other() {
        let first = lines(&["one", "two", "three"]);
        let redrawn =
            |before: &[String], above: &str, after: &[String]| redrawn(&seen(before, 80, false), above, after);
        assert_eq!(redrawn(&[], "", &first), "\rone\x1b[K\r\ntwo\x1b[K\r\nthree\x1b[K\x1b[J\r");
        assert_eq!(redrawn(&first, "", &lines(&["two"])), "\r\x1b[2Atwo\x1b[K\x1b[J\r");
        assert_eq!(redrawn(&first, "", &[]), "\r\x1b[2A\x1b[J");
        assert_eq!(redrawn(&first, "done\n", &lines(&["two"])), "\r\x1b[2A\x1b[2Kdone\r\n\x1b[2Ktwo\x1b[K\x1b[J\r");
    }

    #[test]
    fn in_a_narrower_window_lines_take_more_rows() {
        let before = lines(&["0123456789", "\x1b[2m0123456789\x1b[0m", "0123456789"]);
        let redrawn = |columns: usize| redrawn(&seen(&before, columns, true), "", &lines(&["one"]));
        assert!(redrawn(80).starts_with("\r\x1b[2A\x1b[2Kone"));
        assert!(redrawn(9).starts_with("\r\x1b[4A\x1b[2Kone"));
        assert!(redrawn(5).starts_with("\r\x1b[4A\x1b[2Kone"));
        assert!(redrawn(3).starts_with("\r\x1b[8A\x1b[2Kone"));
    }
}
