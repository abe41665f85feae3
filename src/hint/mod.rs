//! What a failed build lacks, by the words that compilers, shells, interpreters and build systems have for it: lines of
//! output in, [`Missing`] out. Pure, bounded and for hints only: a build prints what it likes, so nothing that is found
//! here decides how a job ended. Which package has the missing thing is said elsewhere.
//!
//! Inside: `patterns` is the table of what tools print; `context` follows the few tools that say it over several lines
//! (CMake, configure scripts, Meson); `names` knows which requirement a missing thing is asked for by. `mistakes` are those
//! of a recipe where nothing is missing, `install` says why a package manager gave up, and `noise` knows the lines that
//! tell nothing.

mod context;
mod install;
mod missing;
mod mistakes;
mod names;
mod noise;
mod patterns;

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::types::printable;
use context::Context;
use missing::{Named, Strength};

pub(crate) use install::{failed_script, found, said_last, unmet, why};
pub(crate) use missing::{Missing, MissingKind};
pub(crate) use mistakes::{becomes_root, file_not_found, mistake};
pub(crate) use noise::{begins, repeats};

/// Things of one strength that are remembered; of more, the latest.
const KEPT: usize = 8;
/// Of these, how many are told: one cause seldom has more.
const TOLD: usize = 3;
/// Bytes of a line that are looked at.
const LINE_BYTES: usize = 4096;
/// Characters of a line that are kept for people.
const TEXT_CHARS: usize = 400;
/// What may well be harmless (`git: not found`) is only told when the output ends so many lines after it.
const NEAR_THE_END: u64 = 100;

/// Reads output as it comes, cut anywhere. What it holds is bounded, and the same for every way of cutting.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    current: Vec<u8>,
    /// The number of the line that `current` is the beginning of.
    line: u64,
    context: Context,
    certain: VecDeque<Missing>,
    likely: VecDeque<Missing>,
}

impl Scanner {
    /// Takes output whose first byte belongs to line `line`.
    pub(crate) fn feed(&mut self, mut line: u64, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let room = LINE_BYTES.saturating_sub(self.current.len());
            self.current.extend_from_slice(&text[..text.len().min(room)]);
            self.line = line;
            if text.len() < part.len() {
                self.end_line();
                line += 1;
            }
        }
    }

    /// What the output so far says is missing, in its order.
    pub(crate) fn missing(&mut self) -> Vec<Missing> {
        if !self.current.is_empty() {
            self.end_line();
        }
        let near = self.line.saturating_sub(NEAR_THE_END);
        let likely = self.likely.iter().filter(|missing| missing.line >= near);
        let found: Vec<&Missing> =
            if self.certain.is_empty() { likely.collect() } else { self.certain.iter().collect() };
        found[found.len().saturating_sub(TOLD)..].iter().copied().cloned().collect()
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.current);
        let text = String::from_utf8_lossy(&line);
        // A tool that redraws its line shows what it drew last.
        let text = text.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
        let plain = if text.contains('\u{1b}') { Cow::Owned(printable(text)) } else { Cow::Borrowed(text) };
        for named in self.context.read(&plain) {
            self.note(named, text);
        }
        // The room is used again.
        self.current = line;
        self.current.clear();
    }

    fn note(&mut self, named: Named, text: &str) {
        let Named { kind, name, strength } = named;
        let list = if strength == Strength::Certain { &mut self.certain } else { &mut self.likely };
        if list.iter().any(|known| known.kind == kind && known.name == name) {
            return;
        }
        if list.len() == KEPT {
            list.pop_front();
        }
        let text = printable(text).trim().chars().take(TEXT_CHARS).collect();
        list.push_back(Missing { kind, name, line: self.line, text });
    }
}

#[cfg(test)]
mod tests;
