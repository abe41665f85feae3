//! Recipe x distribution x architecture x variant -> [`Target`]s, and the filters that choose among them. Pure.

use std::fmt;

use serde::Serialize;

use crate::types::{Arch, Format};

/// One cell of the matrix. Its id is stable and used everywhere: `hello@debian-12/amd64`, `jq+minimal@fedora-43/x86_64`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Target {
    pub recipe: String,
    pub distro: String,
    pub arch: Arch,
    pub format: Format,
    pub variant: Option<String>,
}

impl Target {
    /// The folder below `dist/`: `hello/debian-12-amd64`, `jq/fedora-43-x86_64+minimal`.
    pub fn folder(&self) -> String {
        let variant = self.variant.as_ref().map(|name| format!("+{name}")).unwrap_or_default();
        format!("{}/{}-{}{variant}", self.recipe, self.distro, self.arch.for_format(self.format))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = self.variant.as_ref().map(|name| format!("+{name}")).unwrap_or_default();
        f.pad(&format!("{}{variant}@{}/{}", self.recipe, self.distro, self.arch.for_format(self.format)))
    }
}

use crate::distro::Catalogue;
use crate::recipe::{Problem, RecipeFile, Selection};

/// Expands one named matrix of a recipe. `engine_arch` stands in for matrices that name no architecture.
///
/// # Errors
/// Patterns that match no known distribution, unknown architectures, an unknown matrix name.
pub fn expand(
    recipe: &RecipeFile,
    matrix: &str,
    catalogue: &Catalogue,
    engine_arch: Arch,
) -> Result<Vec<Target>, MatrixError> {
    let _ = (recipe, matrix, catalogue, engine_arch);
    unimplemented!()
}

/// What override selectors see of a target.
pub fn selection(target: &Target, catalogue: &Catalogue) -> Selection {
    let _ = (target, catalogue);
    unimplemented!()
}

/// `-t` patterns (`debian-12`, `fedora-*/arm64`, `jq@rpm-generic`, `hello@*`, `*+minimal`), `--format`, `--arch`.
/// Several values of one kind are alternatives; the kinds must all hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub targets: Vec<String>,
    pub formats: Vec<Format>,
    pub arches: Vec<Arch>,
}

impl Filter {
    pub fn matches(&self, target: &Target) -> bool {
        let _ = target;
        unimplemented!()
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MatrixError {
    #[error("{} has no matrix `{name}`", .path.display())]
    UnknownMatrix { path: std::path::PathBuf, name: String, known: Vec<String> },
    #[error("{} has a matrix that cannot be expanded", .path.display())]
    Invalid { path: std::path::PathBuf, text: std::sync::Arc<str>, problems: Vec<Problem> },
}
