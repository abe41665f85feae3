//! Why sources cannot be fetched or prepared.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::fetch::FetchError;
use crate::recipe::{Patch, Problem, Source, SourcePlace};
use crate::types::printable;

/// What is wrong with a source, at its place in the recipe.
pub(super) fn problem_at(source: &Source, message: &str, label: String, help: Option<&str>) -> SourceError {
    problem(&source.place, message, label, help)
}

fn problem(place: &SourcePlace, message: &str, label: String, help: Option<&str>) -> SourceError {
    let SourcePlace { span, path, line } = place.clone();
    let problem = Problem { message: message.to_owned(), span, label, help: help.map(str::to_owned) };
    SourceError::Recipe { path, line, problem: Box::new(problem) }
}

impl SourceError {
    /// The same, as something that is wrong with this source of the recipe.
    pub(super) fn at(self, source: &Source) -> SourceError {
        self.at_place(&source.place)
    }

    /// The same of one of its patches.
    pub(super) fn at_patch(self, source: &Source, patch: &Patch) -> SourceError {
        self.at_place(patch.place.as_ref().unwrap_or(&source.place))
    }

    fn at_place(self, place: &SourcePlace) -> SourceError {
        let SourcePlace { path, line, .. } = place.clone();
        match self {
            error if place.line == 0 => error,
            SourceError::Archive { name, reason } => {
                problem(place, "a source cannot be used", format!("{name} {reason}"), None)
            }
            SourceError::Io { path, source: reason } if reason.kind() == ErrorKind::NotFound => {
                let help = "paths of a recipe start in the folder of its farm.toml";
                problem(place, "a source is not there", format!("there is no {}", shown(&path)), Some(help))
            }
            SourceError::Io { path, source: reason } if reason.kind() == ErrorKind::PermissionDenied => {
                problem(place, "a source cannot be read", format!("{}: {reason}", shown(&path)), None)
            }
            SourceError::Git(reason) => {
                let help = help_for_git(&reason);
                SourceError::Unavailable { path, line, reason: format!("git: {reason}"), help }
            }
            error @ SourceError::UnknownMirror { .. } => {
                problem(place, "a source names a mirror that nobody knows", error.to_string(), None)
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

/// The same, by the words of git and of what it fetches with.
fn help_for_git(reason: &str) -> Option<&'static str> {
    let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    let unreachable = ["Could not resolve", "Failed to connect", "Couldn't connect", "timed out", "unable to connect"];
    let refused = ["Authentication failed", "could not read Username", "Permission denied", "error: 401", "error: 403"];
    if says(&unreachable) {
        Some(
            "try again when the server answers, or name another place in `git`; what was fetched once is kept in the cache",
        )
    } else if says(&refused) {
        Some(
            "git asks nobody for passwords here: let its own configuration know them (a credential helper, an ssh key)",
        )
    } else if says(&["not found", "does not exist", "not appear to be a git repository"]) {
        Some("look where it is now, and correct `git`")
    } else {
        None
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
    /// Nothing can be kept.
    #[error("the cache cannot be written: {}: {source}; FARM_CACHE names another folder", .path.display())]
    Cache { path: PathBuf, source: std::io::Error },
    #[error("{name}: {reason}")]
    Archive { name: String, reason: String },
    #[error("git: {0}")]
    Git(String),
    #[error("unknown mirror `{name}` in {url}: known are {known}; --mirror {name}=URL names another")]
    UnknownMirror { name: String, url: String, known: String },
    #[error("cancelled")]
    Cancelled,
}
