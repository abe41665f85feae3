//! How the page tells outcomes apart, beside their words.

use crate::event::Outcome;
use crate::report::outcome;
use crate::report::style::{Style, Tone};

/// What people filter by.
pub(super) fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded | Outcome::Reproduced { .. } => "built",
        Outcome::UpToDate => "current",
        Outcome::Skipped { .. } | Outcome::Cancelled => "not-run",
        _ => "failed",
    }
}

/// Its colour.
pub(super) fn tone(outcome: &Outcome) -> &'static str {
    match outcome::tone(outcome) {
        Tone::Good => "good",
        Tone::Quiet => "quiet",
        Tone::Warning => "other",
        _ => "bad",
    }
}

pub(super) fn mark(outcome: &Outcome) -> String {
    outcome::mark(outcome, &Style { unicode: true, ..Style::PLAIN })
}
