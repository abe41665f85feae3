//! Why a project cannot be planned or built. How a job ended is an `Outcome` and not here.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use crate::archive::ArchiveError;
use crate::distro::DistroError;
use crate::image::ImageError;
use crate::lock::LockError;
use crate::matrix::{MatrixError, Target};
use crate::plan::PlanError;
use crate::recipe::{RecipeError, RecipeFile, RecipeText};
use crate::source::SourceError;

/// Why a project gives no plan, or none that can be run.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// What was asked for cannot be meant: a recipe that is not there, a pattern that is none.
    #[error("{message}")]
    Request {
        /// What is wrong, as a fragment of a sentence.
        message: String,
        /// What to write instead, where that is known.
        help: Option<String>,
    },
    /// No target is left of what was asked for.
    #[error("{message}")]
    NothingMatched {
        /// What is wrong, as a fragment of a sentence.
        message: String,
        /// What would match, where that is known.
        help: Option<String>,
    },
    /// All recipes that are wrong, not only the first.
    #[error("{} of the recipes are not valid", .0.len())]
    Recipes(Vec<RecipeError>),
    /// A definition of a distribution, built in or the user's, is not valid.
    #[error(transparent)]
    Distro(#[from] DistroError),
    /// A recipe's matrix cannot be expanded.
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    /// Some targets cannot be expressed in their package format.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Recipes of the set need each other.
    #[error("{0}")]
    Circle(Circle),
    /// The sources of a recipe cannot be read. What its text says wrongly is among [`ProjectError::Recipes`].
    #[error("{}: {source}", .recipe.display())]
    Source {
        /// The recipe's file, on this host.
        recipe: PathBuf,
        /// What is wrong with its sources.
        source: SourceError,
    },
    /// An archive cannot be read, and the plan needs its answers.
    #[error(transparent)]
    Archive(#[from] Unread),
    /// Targets cannot be held to what a lock says.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The engine cannot say which images it has.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// An archive that cannot be read, and what was to be asked of it.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {} cannot be looked up: {source}", .capabilities.join(", "))]
pub struct Unread {
    /// `debian-12/amd64`
    pub place: String,
    /// The capabilities as the recipes write them: `pkgconfig(zlib)`.
    pub capabilities: Vec<String>,
    /// Why the archive gave no answer.
    pub source: ArchiveError,
}

/// Targets that need each other, so that none can be the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle {
    /// Each goes to the target from which the next one comes, the last to that of the first.
    pub links: Vec<Link>,
}

/// That a target needs another, and the place in a recipe that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The recipe's file, on this host.
    pub path: PathBuf,
    /// The recipe's whole text, for showing the place.
    pub text: RecipeText,
    /// The place of the requirement in `text`, in bytes.
    pub span: Range<usize>,
    /// The target that needs.
    pub from: Target,
    /// The target that is needed.
    pub to: Target,
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut way: Vec<String> = self.links.iter().map(|link| link.from.to_string()).collect();
        way.extend(way.first().cloned());
        write!(f, "these need each other, so none can be built first: {}", way.join(" -> "))
    }
}

impl ProjectError {
    pub(super) fn request(message: impl Into<String>, help: impl Into<String>) -> ProjectError {
        ProjectError::Request { message: message.into(), help: Some(help.into()) }
    }

    /// What is wrong with the sources of a recipe: at its place, where it is the recipe that has to change.
    pub(super) fn source(file: &RecipeFile, source: SourceError) -> ProjectError {
        match source {
            SourceError::Recipe { problem, .. } => ProjectError::Recipes(vec![RecipeError::Invalid {
                path: file.path.clone(),
                text: file.text.clone(),
                problems: vec![*problem],
            }]),
            source => ProjectError::Source { recipe: file.path.clone(), source },
        }
    }
}
