//! The last lines of a step, kept while it prints, and the line that a person sees meanwhile. Both are for reading:
//! cut, decoded lossily and made printable; the log has the bytes.

use std::collections::VecDeque;

use crate::event::Tail;
use crate::types::printable;

/// Lines that a tail shows.
const KEPT_LINES: usize = 20;
/// Bytes of a line that are kept.
const LINE_BYTES: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct TailBuffer {
    /// Ended lines with their number in the log.
    lines: VecDeque<(u64, Vec<u8>)>,
    current: Vec<u8>,
    /// The number of `current`, once it has a byte.
    current_line: u64,
}

impl TailBuffer {
    /// Takes output whose first byte belongs to line `line` of the log.
    pub(crate) fn feed(&mut self, mut line: u64, bytes: &[u8]) {
        let newlines = bytes.iter().filter(|byte| **byte == b'\n').count();
        let mut rest = bytes;
        // Of a flood only the end is looked at line by line.
        if newlines > KEPT_LINES {
            let skipped = newlines - KEPT_LINES;
            let end = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(skipped - 1);
            rest = end.map_or(bytes, |(index, _)| &bytes[index + 1..]);
            line += skipped as u64;
            self.lines.clear();
            self.current.clear();
        }
        for part in rest.split_inclusive(|byte| *byte == b'\n') {
            if self.current.is_empty() {
                self.current_line = line;
            }
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let room = LINE_BYTES.saturating_sub(self.current.len());
            self.current.extend_from_slice(&text[..text.len().min(room)]);
            if text.len() < part.len() {
                if self.lines.len() == KEPT_LINES {
                    self.lines.pop_front();
                }
                self.lines.push_back((line, std::mem::take(&mut self.current)));
                line += 1;
            }
        }
    }

    /// The last lines without empty ones at their end; none when nothing is left.
    pub(crate) fn tail(&self) -> Option<Tail> {
        let current = (!self.current.is_empty()).then_some((self.current_line, &self.current));
        let mut lines: Vec<(u64, String)> = self
            .lines
            .iter()
            .map(|(number, line)| (*number, line))
            .chain(current)
            .map(|(number, line)| (number, shown(line)))
            .collect();
        while lines.last().is_some_and(|(_, line)| line.trim().is_empty()) {
            lines.pop();
        }
        let lines = &lines[lines.len().saturating_sub(KEPT_LINES)..];
        let first_line = lines.first()?.0;
        Some(Tail { first_line, lines: lines.iter().map(|(_, line)| line.clone()).collect() })
    }

    pub(crate) fn contains(&self, needle: &[u8]) -> bool {
        let holds = |line: &[u8]| line.windows(needle.len()).any(|window| window == needle);
        self.lines.iter().any(|(_, line)| holds(line)) || holds(&self.current)
    }
}

/// What a terminal may show of a line. A tool that redraws its line with carriage returns shows what it drew last.
pub(super) fn shown(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let last = line.rsplit(|byte| *byte == b'\r').find(|part| !part.is_empty()).unwrap_or_default();
    printable(&String::from_utf8_lossy(last))
}

/// The newest line of output, for whoever watches.
#[derive(Debug, Default)]
pub(crate) struct LastLine {
    current: Vec<u8>,
    ended: Option<Vec<u8>>,
}

impl LastLine {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        // A carriage return ends a line here: progress bars draw many before a newline comes.
        let is_end = |byte: &u8| *byte == b'\n' || *byte == b'\r';
        if let Some(end) = bytes.iter().rposition(is_end) {
            let head = &bytes[..end];
            let start = head.iter().rposition(is_end).map(|index| index + 1);
            let mut line = if start.is_some() { Vec::new() } else { std::mem::take(&mut self.current) };
            extend(&mut line, &head[start.unwrap_or(0)..]);
            // An empty line tells nobody anything; neither does the one before a CRLF's LF.
            if !line.trim_ascii().is_empty() {
                self.ended = Some(line);
            } else if let Some(line) = last_text(head) {
                self.ended = Some(line);
            }
            self.current.clear();
            extend(&mut self.current, &bytes[end + 1..]);
        } else {
            extend(&mut self.current, bytes);
        }
    }

    /// The newest line since the last call, if there is one.
    pub(crate) fn take(&mut self) -> Option<String> {
        self.ended.take().map(|line| shown(&line))
    }
}

fn extend(line: &mut Vec<u8>, bytes: &[u8]) {
    let room = LINE_BYTES.saturating_sub(line.len());
    line.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

/// The last line with text in it.
fn last_text(bytes: &[u8]) -> Option<Vec<u8>> {
    let line = bytes.rsplit(|byte| matches!(byte, b'\n' | b'\r')).find(|line| !line.trim_ascii().is_empty())?;
    Some(line[..line.len().min(LINE_BYTES)].to_vec())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tail_of(chunks: &[&[u8]]) -> Option<Tail> {
        let mut buffer = TailBuffer::default();
        let mut line = 1;
        for chunk in chunks {
            buffer.feed(line, chunk);
            line += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        buffer.tail()
    }

    #[test]
    fn a_tail_is_the_last_lines_with_the_first_ones_number() {
        let text: String = (1..=100).map(|number| format!("line {number}\n")).collect();
        let tail = tail_of(&[text.as_bytes(), b"error: \x1b[31mno\x1b[0m", b" such file\n\n\n"]).unwrap();
        assert_eq!(tail.lines.last().unwrap(), "error: no such file");
        assert_eq!(tail.lines[0], format!("line {}", tail.first_line));
        assert!((10..=KEPT_LINES).contains(&tail.lines.len()));
        assert_eq!(tail_of(&[b"\n\n"]), None);
        assert_eq!(tail_of(&[]), None);
    }

    #[test]
    fn lines_are_cut_decoded_and_made_harmless() {
        let long = vec![b'x'; 100_000];
        let tail = tail_of(&[&long, b"\n\xff\x1b]0;title\x07ok\r\n 10%\r 20%\r 30%\r\n"]).unwrap();
        assert_eq!(tail.lines[0].len(), LINE_BYTES);
        assert_eq!(tail.lines[1..], ["\u{fffd}ok", " 30%"]);
    }

    #[test]
    fn the_newest_line_is_the_last_with_text() {
        let mut last = LastLine::default();
        last.feed(b"one\ntwo\nthr");
        assert_eq!(last.take().as_deref(), Some("two"));
        assert_eq!(last.take(), None);
        last.feed(b"ee\n");
        assert_eq!(last.take().as_deref(), Some("three"));
        last.feed(b"four\r\n");
        assert_eq!(last.take().as_deref(), Some("four"));
        last.feed(b" 10%\r 20%\r");
        assert_eq!(last.take().as_deref(), Some(" 20%"));
        last.feed(b"five\n\n\n");
        assert_eq!(last.take().as_deref(), Some("five"));
    }

    proptest! {
        #[test]
        fn cutting_changes_no_tail(
            output in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..10),
        ) {
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(output.len() + 1)).collect();
            at.extend([0, output.len()]);
            at.sort_unstable();
            let chunks: Vec<&[u8]> = at.windows(2).map(|pair| &output[pair[0]..pair[1]]).collect();
            prop_assert_eq!(tail_of(&chunks), tail_of(&[&output]));
        }
    }
}
