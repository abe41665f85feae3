//! Why a project cannot be planned or built. How a job ended is an `Outcome` and not here.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::archive::ArchiveError;
use crate::distro::DistroError;
use crate::image::ImageError;
use crate::matrix::{MatrixError, Target};
use crate::plan::PlanError;
use crate::recipe::{RecipeError, RecipeFile};
use crate::source::SourceError;

#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// What was asked for cannot be meant: a recipe that is not there, a pattern that is none.
    #[error("{message}")]
    Request { message: String, help: Option<String> },
    /// No target is left of what was asked for.
    #[error("{message}")]
    NothingMatched { message: String, help: Option<String> },
    /// All recipes that are wrong, not only the first.
    #[error("{} of the recipes are not valid", .0.len())]
    Recipes(Vec<RecipeError>),
    #[error(transparent)]
    Distro(#[from] DistroError),
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("{0}")]
    Circle(Circle),
    /// The sources of a recipe cannot be read. What its text says wrongly is among [`ProjectError::Recipes`].
    #[error("{}: {source}", .recipe.display())]
    Source { recipe: PathBuf, source: SourceError },
    /// An archive cannot be read, and the plan needs its answers.
    #[error(transparent)]
    Archive(#[from] Unread),
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// An archive that cannot be read, and what was to be asked of it.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {} cannot be looked up: {source}", .capabilities.join(", "))]
pub struct Unread {
    /// `debian-12/amd64`
    pub place: String,
    pub capabilities: Vec<String>,
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
    pub path: PathBuf,
    pub text: Arc<str>,
    pub span: Range<usize>,
    pub from: Target,
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
                text: Arc::clone(&file.text),
                problems: vec![*problem],
            }]),
            source => ProjectError::Source { recipe: file.path.clone(), source },
        }
    }
}
