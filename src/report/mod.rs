//! Reports: folds over the event stream. `progress` keeps what a terminal shows while a run goes on, `plain` writes one line
//! per event that matters, `json` the events themselves; `html` is a page for people, and `junit`, `sarif`, `markdown`, `github`,
//! `gitlab` and `prometheus` are for other programs; `summary` says at the end what was made, what is wrong and what to do next. They
//! write to what they are given: where it goes, and what the exit code is, `cli` decides. None of them knows the runner. Those
//! that a file can hold stand in [`FORMATS`].

mod caches;
mod changes;
mod counted;
mod github;
mod gitlab;
mod html;
mod json;
mod junit;
mod known;
mod markdown;
pub(crate) mod outcome;
mod percent;
mod plain;
pub(crate) mod progress;
mod prometheus;
mod reproduced;
mod row;
mod sarif;
mod sink;
pub(crate) mod style;
pub(crate) mod summary;
pub(crate) mod table;
mod whole;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod toy;

pub use json::Json;
pub use sink::{End, ReportFormat, Sink};

pub(crate) use plain::Plain;
pub(crate) use style::{Style, Tone, count};

/// The one that people read in a browser.
pub(crate) const PAGE: ReportFormat = html::FORMAT;

/// The name of the one that has lines of output.
pub(crate) const LINES: &str = json::FORMAT.name;

/// The reports that can be written into files.
pub const FORMATS: [ReportFormat; 9] = [
    json::FORMAT,
    plain::FORMAT,
    html::FORMAT,
    junit::FORMAT,
    sarif::FORMAT,
    markdown::FORMAT,
    github::FORMAT,
    gitlab::FORMAT,
    prometheus::FORMAT,
];
