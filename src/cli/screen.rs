//! The terminal that moving lines are drawn on, as indicatif sees it.

use std::io;

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

/// Columns left free at the right. indicatif rests its cursor behind the last line, filled up to the terminal's width;
/// there a Ctrl-C echoes `^C`, which at the very edge would begin a new row and leave the old lines standing.
const MARGIN: u16 = 3;
const FRAMES_PER_SECOND: u8 = 20;

/// The terminal at stderr, a little narrower than it is.
#[derive(Debug, Clone)]
pub(crate) struct Screen(Term);

impl Screen {
    pub(crate) fn new() -> Screen {
        Screen(Term::buffered_stderr())
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
        self.0.size().1.saturating_sub(MARGIN).max(MARGIN)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}
