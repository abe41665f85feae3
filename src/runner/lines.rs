//! Output, cut into its lines.

use super::tail::shown;

/// A longer line comes in pieces of so many bytes.
const LONGEST: usize = 64 << 10;

/// Takes output as it comes, and returns its lines: printable, and without their ends.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Of a line that has no end yet.
    held: Vec<u8>,
}

impl Lines {
    /// The lines that end in `bytes`.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (mut text, ends) = part.strip_suffix(b"\n").map_or((part, false), |text| (text, true));
            while self.held.len() + text.len() > LONGEST {
                let (piece, rest) = text.split_at(LONGEST - self.held.len());
                self.held.extend_from_slice(piece);
                lines.extend(self.rest());
                text = rest;
            }
            self.held.extend_from_slice(text);
            if ends {
                lines.push(shown(&std::mem::take(&mut self.held)));
            }
        }
        lines
    }

    /// What is there of a line that has no end yet.
    pub(crate) fn rest(&mut self) -> Option<String> {
        let held = std::mem::take(&mut self.held);
        (!held.is_empty()).then(|| shown(&held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(text: &[u8], size: usize) -> Vec<String> {
        let mut lines = Lines::default();
        let mut all: Vec<String> = text.chunks(size).flat_map(|chunk| lines.feed(chunk)).collect();
        all.extend(lines.rest());
        all
    }

    #[test]
    fn every_line_comes_once_however_it_was_cut() {
        let text = b"cc a.c\n\n10%\r20%\r\nwarning: \xc3\xbc \x1b[31m\x07\nno end";
        let expected = ["cc a.c", "", "20%", "warning: \u{fc} \\x07", "no end"];
        for size in 1..=text.len() {
            assert_eq!(lines_of(text, size), expected, "{size}");
        }
        assert_eq!(lines_of(b"", 1), Vec::<String>::new());
        assert_eq!(lines_of(b"\n", 1), [""]);
    }

    #[test]
    fn a_line_without_end_comes_in_pieces() {
        let text = vec![b'x'; 2 * LONGEST + 5];
        let lengths = |size: usize| lines_of(&text, size).iter().map(String::len).collect::<Vec<_>>();
        assert_eq!(lengths(7), [LONGEST, LONGEST, 5]);
        assert_eq!(lengths(usize::MAX), [LONGEST, LONGEST, 5]);
        assert_eq!(lines_of(&[&text[..LONGEST], b"\ny"].concat(), 100), ["x".repeat(LONGEST).as_str(), "y"]);
    }
}
