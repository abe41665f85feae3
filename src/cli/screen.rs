//! The terminal that moving lines are drawn on, as indicatif sees it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

/// Columns left free at the right. indicatif rests its cursor behind the last line, filled up to the terminal's width;
/// there a Ctrl-C echoes `^C`, which at the very edge would begin a new row and leave the old lines standing.
const MARGIN: u16 = 3;
const FRAMES_PER_SECOND: u8 = 20;

/// The terminal at stderr, a little narrower than it is.
///
/// indicatif writes a line, then as many blanks as fill the row, and counts on the terminal to go on in the next one. So
/// the blanks must reach the real edge, and the margin is gained when all is drawn, by a step back.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    terminal: Term,
    /// What is written next are the blanks behind a line.
    filling: Arc<AtomicBool>,
    /// The cursor is at the edge.
    filled: Arc<AtomicBool>,
}

impl Screen {
    pub(crate) fn new() -> Screen {
        Screen { terminal: Term::buffered_stderr(), filling: Arc::default(), filled: Arc::default() }
    }

    pub(crate) fn draw_target(&self) -> ProgressDrawTarget {
        ProgressDrawTarget::term_like_with_hz(Box::new(self.clone()), FRAMES_PER_SECOND)
    }

    /// Columns that lines may take, and rows, as they are now: windows change.
    pub(crate) fn size(&self) -> (usize, usize) {
        (usize::from(TermLike::width(self)), usize::from(TermLike::height(self)))
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.terminal.size().1.saturating_sub(MARGIN).max(MARGIN)
    }

    fn height(&self) -> u16 {
        self.terminal.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.terminal.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.terminal.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.terminal.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.terminal.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.terminal.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        if text == "\r" {
            return self.terminal.write_str(text);
        }
        if !self.filling.fetch_not(Ordering::Relaxed) {
            return self.terminal.write_str(text);
        }
        self.filled.store(true, Ordering::Relaxed);
        let margin = " ".repeat(usize::from(MARGIN));
        self.terminal.write_str(&format!("{text}{margin}"))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.terminal.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.filling.store(false, Ordering::Relaxed);
        if self.filled.swap(false, Ordering::Relaxed) {
            self.terminal.move_cursor_left(usize::from(MARGIN))?;
        }
        self.terminal.flush()
    }
}
