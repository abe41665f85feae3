//! Reporters: folds over the event stream. `progress` keeps what a terminal shows while a run goes on, `plain`
//! writes one line per event that matters, `json` the events themselves; `summary` says at the end what was made,
//! what is wrong and what to do next. They return text or write to what they are given: where it goes, and what the
//! exit code is, `cli` decides. None of them knows the runner.

pub(crate) mod json;
pub(crate) mod outcome;
pub(crate) mod plain;
pub(crate) mod progress;
pub(crate) mod style;
pub(crate) mod summary;
pub(crate) mod table;

#[cfg(test)]
mod samples;

pub(crate) use style::{Style, Tone, count};
