//! Why sources cannot be fetched or prepared.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::fetch::FetchError;
use crate::recipe::{Problem, Source, SourcePlace};
use crate::types::printable;

/// What is wrong with a source, at its place in the recipe.
pub(super) fn problem_at(source: &Source, message: &str, label: String, help: Option<&str>) -> SourceError {
    let SourcePlace { span, path, line } = source.place.clone();
    let problem = Problem { message: message.to_owned(), span, label, help: help.map(str::to_owned) };
    SourceError::Recipe { path, line, problem: Box::new(problem) }
}

impl SourceError {
    /// The same, as something that is wrong with this source of the recipe.
    pub(super) fn at(self, source: &Source) -> SourceError {
        let SourcePlace { path, line, .. } = source.place.clone();
        match self {
            error if source.place.line == 0 => error,
            SourceError::Archive { name, reason } => {
                problem_at(source, "a source cannot be used", format!("{name} {reason}"), None)
            }
            SourceError::Io { path, source: reason } if reason.kind() == ErrorKind::NotFound => {
                let help = "paths of a recipe start in the folder of its farm.toml";
                problem_at(source, "a source is not there", format!("there is no {}", shown(&path)), Some(help))
            }
            SourceError::Io { path, source: reason } if reason.kind() == ErrorKind::PermissionDenied => {
                problem_at(source, "a source cannot be read", format!("{}: {reason}", shown(&path)), None)
            }
            SourceError::Git(reason) => {
                SourceError::Unavailable { path, line, reason: format!("git: {reason}"), help: None }
            }
            error @ SourceError::UnknownMirror { .. } => {
                problem_at(source, "a source names a mirror that nobody knows", error.to_string(), None)
            }
            SourceError::Fetch(error) => match help_for(&error) {
                Some(help) => SourceError::Unavailable { path, line, reason: error.to_string(), help: Some(help) },
                None => SourceError::Fetch(error),
            },
            error => error,
        }
    }
}

/// What to do about a file that did not come; None where it is nothing of the recipe's.
fn help_for(error: &FetchError) -> Option<&'static str> {
    match error {
        FetchError::Unreachable { .. } => Some(
            "try again when the server answers, or name further places in `urls`; what was fetched once is kept in the cache",
        ),
        FetchError::NotFound { .. } => Some("look where it is now, or name further places in `urls`"),
        FetchError::Refused { .. } => Some("look with a browser whether everybody may have it, or name another place"),
        FetchError::Mismatch { .. } => Some(
            "do not trust either of the two before upstream has said which is right: its announcement or signature; \
             then write that sum",
        ),
        FetchError::TooLarge { .. } | FetchError::BadUrl { .. } | FetchError::Read { .. } => {
            Some("correct the address")
        }
        FetchError::Io { .. } | FetchError::Client(_) | FetchError::Cancelled => None,
    }
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The recipe asks for what its sources do not give.
    #[error("{}: {}{}", .problem.message, .problem.label, .problem.help.iter().map(|help| format!(" ({help})")).collect::<String>())]
    Recipe { path: PathBuf, line: usize, problem: Box<Problem> },
    /// What the recipe asks for cannot be had, at its place there; the recipe may well be right.
    #[error("{reason} ({}:{}){}", .path.display(), .line, .help.iter().map(|help| format!("; {help}")).collect::<String>())]
    Unavailable { path: PathBuf, line: usize, reason: String, help: Option<&'static str> },
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
