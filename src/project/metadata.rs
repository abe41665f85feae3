//! The recipes of targets, with what they leave to their projects: asked for once, however many targets share it.

use std::collections::HashMap;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::{Project, ProjectError};
use crate::matrix::{self, Target};
use crate::packaging;
use crate::recipe::{RecipeError, RecipeIds, SharedRecipe};
use crate::source::{self, MetadataError};

/// Gives recipes for targets. Targets that share one as it is merged share what it becomes.
#[derive(Debug)]
pub(super) struct Recipes<'a> {
    project: &'a Project,
    /// That of [`source::Sources`].
    cache: &'a Path,
    /// Whether versions are those of the trees as they are now.
    snapshot: bool,
    ids: RecipeIds,
    /// By the numbers of the file in the set and of the merged recipe in the file; what a .spec says depends on the
    /// distribution, too.
    known: HashMap<(usize, usize, Option<String>), Result<SharedRecipe, RecipeError>>,
}

impl<'a> Recipes<'a> {
    pub(super) fn new(project: &'a Project, cache: &'a Path, snapshot: bool) -> Recipes<'a> {
        Recipes { project, cache, snapshot, ids: RecipeIds::default(), known: HashMap::new() }
    }

    /// The recipe for a target: overrides applied, the project asked. What the project does not have is a mistake in the
    /// recipe.
    ///
    /// # Errors
    /// A project that cannot be asked at all.
    pub(super) async fn of(&mut self, target: &Target) -> Result<Result<SharedRecipe, RecipeError>, ProjectError> {
        let Some(number) = self.project.number(&target.recipe) else {
            let message = format!("{target}: no recipe has this name");
            return Err(ProjectError::Request { message, help: None });
        };
        let file = &self.project.set()[number];
        let variant = target.variant.as_deref().and_then(|name| file.variant(name)).cloned().unwrap_or_default();
        let merged = match file.merged(&matrix::selection(target, self.project.catalogue()), &variant) {
            Ok(merged) => merged,
            Err(error) => return Ok(Err(error)),
        };
        let distro = self.project.catalogue().get(&target.distro).filter(|_| merged.packaging().spec.is_some());
        let macros = distro.map(|distro| packaging::spec_macros(distro)).unwrap_or_default();
        let key = (number, merged.number(), distro.map(|distro| distro.id.clone()));
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        // No token to cancel with: git ends when the command that waits for it does.
        let cancel = CancellationToken::new();
        let recipe = match source::metadata(self.cache, &file.path, &merged, (self.snapshot, &macros), &cancel).await {
            Ok(metadata) => Ok(self.ids.share(merged.complete(metadata))),
            Err(MetadataError::Problem(problem)) => {
                Err(RecipeError::Invalid { path: file.path.clone(), text: file.text.clone(), problems: vec![problem] })
            }
            Err(MetadataError::Source(source)) => return Err(ProjectError::source(file, source)),
        };
        self.known.insert(key, recipe.clone());
        Ok(recipe)
    }

    /// Ids for recipes that are made of these.
    pub(super) fn into_ids(self) -> RecipeIds {
        self.ids
    }
}
