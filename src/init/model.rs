//! What a recipe is asked for, and what comes of it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::distro::Distro;
use crate::recipe::RecipeError;

/// What a recipe is wanted for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub source: SourceOf,
    /// `strip` of the source, when it is not the default.
    pub strip: Option<u32>,
    /// What the project's archive or folder is called: often its name and version.
    pub file_name: String,
    /// The distributions that it may be for: [`super::offered`].
    pub distros: Vec<Arc<Distro>>,
    /// All that are known: `farm build --distro` may name any of them.
    pub known: Vec<Arc<Distro>>,
    /// Who makes the package, if that is known: `Name <address>`.
    pub maintainer: Option<String>,
}

/// Where the recipe gets the project from.
#[derive(Debug, Clone)]
pub(crate) enum SourceOf {
    /// A folder or archive, relative to the recipe.
    Path(String),
    Url {
        url: String,
        sha256: String,
    },
}

/// A recipe, and what a person should know of it.
#[derive(Debug)]
pub(crate) struct Written {
    pub text: String,
    pub name: String,
    pub version: String,
    /// Facts with where they are from, as pairs of words.
    pub found: Vec<(&'static str, String)>,
    /// What could not be known, as sentences without a full stop.
    pub checks: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum InitError {
    #[error("cannot read {}: {reason}", .path.display())]
    Read { path: PathBuf, reason: String },
    #[error("the archive cannot be read: {reason}")]
    Archive { reason: String },
    /// A bug of this module, told with what is wrong.
    #[error("what was found makes no valid recipe")]
    Invalid(#[source] RecipeError),
}
