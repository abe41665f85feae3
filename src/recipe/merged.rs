//! The second stage of a recipe: for one target, with the overrides that match it merged in. What it leaves to the
//! project is still open, so nobody can take it for a [`Recipe`]: [`MergedRecipe::complete`] makes one of it.

use std::path::Path;
use std::sync::Arc;

use super::{FromProject, OwnRequirement, OwnVersion, Packaging, Patch, Recipe, Source};

/// A recipe for one target as far as its file says. A file gives the same one to all targets that the same overrides match.
#[derive(Debug, Clone, PartialEq)]
pub struct MergedRecipe {
    number: usize,
    /// The files that the recipe extends, relative to its folder.
    bases: Arc<[String]>,
    /// Right but for what is left open: its version is empty then, and its sources lack the patches of their series.
    draft: Recipe,
    open: FromProject,
}

/// What a project says where its recipe leaves something to it: `source::project_metadata` finds it out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ProjectMetadata {
    pub(crate) version: String,
    pub(crate) changelog: Vec<String>,
    /// See [`super::Package::date`].
    pub(crate) date: Option<i64>,
    /// See [`super::Package::fallback_date`].
    pub(crate) fallback_date: Option<i64>,
    /// For each source, the patches of its series.
    pub(crate) series: Vec<Vec<Patch>>,
    /// See [`super::Packaging::version`].
    pub(crate) packaged: Option<OwnVersion>,
    /// See [`super::Packaging::required`].
    pub(crate) required: Vec<OwnRequirement>,
    /// See [`super::Packaging::replaces_version`].
    pub(crate) replaces_packaged: bool,
}

impl MergedRecipe {
    pub(super) fn new(number: usize, bases: Arc<[String]>, draft: Recipe, open: FromProject) -> MergedRecipe {
        MergedRecipe { number, bases, draft, open }
    }

    pub(super) fn draft(&self) -> &Recipe {
        &self.draft
    }

    /// Which of the merged recipes of its file this is: a number for each.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The files that the recipe extends, relative to [`MergedRecipe::root`].
    pub(crate) fn bases(&self) -> &[String] {
        &self.bases
    }

    /// What the project has to be asked for.
    pub(crate) fn open(&self) -> &FromProject {
        &self.open
    }

    pub(crate) fn name(&self) -> &str {
        &self.draft.package.name
    }

    /// None when it is left to the project.
    pub(crate) fn version(&self) -> Option<&str> {
        Some(self.draft.package.version.as_str()).filter(|version| !version.is_empty())
    }

    /// None when the recipe says none, or leaves it to the project.
    pub(crate) fn date(&self) -> Option<i64> {
        self.draft.package.date
    }

    /// The folder that relative paths start from.
    pub(crate) fn root(&self) -> &Path {
        &self.draft.root
    }

    pub(crate) fn packaging(&self) -> &Packaging {
        &self.draft.packaging
    }

    /// Without the patches of their series.
    pub(crate) fn sources(&self) -> &[Source] {
        &self.draft.sources
    }

    /// The recipe with what its project says.
    pub(crate) fn complete(&self, metadata: ProjectMetadata) -> Recipe {
        let ProjectMetadata { version, changelog, date, fallback_date, series, packaged, required, replaces_packaged } =
            metadata;
        let mut recipe = self.draft.clone();
        let package = &mut recipe.package;
        (package.version, package.changelog) = (version, changelog);
        (package.date, package.fallback_date) = (date, fallback_date);
        recipe.packaging.version = packaged;
        recipe.packaging.required = required;
        recipe.packaging.replaces_version = replaces_packaged;
        for (source, patches) in recipe.sources.iter_mut().zip(series) {
            source.patches.splice(0..0, patches);
        }
        recipe
    }

    /// The recipe, if its file alone says all of it. Its date may still be that of its sources.
    pub fn without_project(&self) -> Option<Recipe> {
        self.open.is_nothing().then(|| self.draft.clone())
    }
}
