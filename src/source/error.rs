//! Why sources cannot be fetched or prepared.

use std::path::PathBuf;

use crate::fetch::FetchError;
use crate::recipe::{Problem, Source, SourcePlace};

/// What is wrong with a source, at its place in the recipe.
pub(super) fn problem_at(source: &Source, message: &str, label: String, help: Option<&str>) -> SourceError {
    let SourcePlace { span, path, line } = source.place.clone();
    let problem = Problem { message: message.to_owned(), span, label, help: help.map(str::to_owned) };
    SourceError::Recipe { path, line, problem: Box::new(problem) }
}

impl SourceError {
    /// The same, as something that is wrong with this source of the recipe.
    pub(super) fn at(self, source: &Source) -> SourceError {
        match self {
            SourceError::Archive { name, reason } if source.place.line > 0 => {
                problem_at(source, "a source cannot be used", format!("{name} {reason}"), None)
            }
            error => error,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The recipe asks for what its sources do not give.
    #[error("{}: {}{}", .problem.message, .problem.label, .problem.help.iter().map(|help| format!(" ({help})")).collect::<String>())]
    Recipe { path: PathBuf, line: usize, problem: Box<Problem> },
    #[error("cannot read {}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{name}: {reason}")]
    Archive { name: String, reason: String },
    #[error("git: {0}")]
    Git(String),
    #[error("unknown mirror `{name}` in {url}: known are {known}; --mirror {name}=URL names another")]
    UnknownMirror { name: String, url: String, known: String },
    #[error("cancelled")]
    Cancelled,
}
