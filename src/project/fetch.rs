//! Sources and modules of targets, fetched before anybody builds them.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

use super::{Access, Project, ProjectError, Resolved};
use crate::types::Progress;

/// What has been fetched of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fetched {
    /// The recipe's name.
    pub recipe: String,
    /// The version of its sources.
    pub version: String,
    /// How many sources it has.
    pub sources: usize,
    /// Length in bytes of the source tree.
    pub bytes: u64,
    /// Length in bytes of the modules that lock files pin, unpacked; none where the recipe names no lock files.
    pub module_bytes: Option<u64>,
}

impl Resolved {
    /// Fetches and prepares what the builds of these targets take from this host: afterwards they need no network for it.
    /// Returns each different outcome once.
    ///
    /// # Errors
    /// The first source that cannot be had.
    pub async fn fetch(
        &self,
        project: &Project,
        access: &Access,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<BTreeSet<Fetched>, ProjectError> {
        let sources = access.sources(self.mirrors.clone());
        let mut all = BTreeSet::new();
        for inputs in &self.targets {
            let (recipe, target) = (inputs.recipe.recipe(), &inputs.target);
            let fetched = sources.prepare_for(recipe, target.arch, progress, cancel).await;
            let (tree, modules) = fetched.map_err(|source| match project.recipe(&target.recipe) {
                Some(file) => ProjectError::source(file, source),
                None => ProjectError::Source { recipe: recipe.root.clone(), source },
            })?;
            let length = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
            all.insert(Fetched {
                recipe: target.recipe.clone(),
                version: recipe.package.version.clone(),
                sources: recipe.sources.len(),
                bytes: length(&tree.tree),
                module_bytes: modules.map(|modules| length(&modules.tree)),
            });
        }
        Ok(all)
    }
}
