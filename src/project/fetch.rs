//! Sources and modules of targets, fetched before anybody builds them.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

use super::{Access, ProjectError, Resolved};
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
        access: &Access,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<BTreeSet<Fetched>, ProjectError> {
        let sources = access.sources(self.mirrors.clone());
        let mut all = BTreeSet::new();
        for inputs in &self.targets {
            let recipe = inputs.recipe.recipe();
            let failed = |source| ProjectError::Source { recipe: recipe.root.join("farm.toml"), source };
            let (name, version) = (&recipe.package.name, &recipe.package.version);
            let tree = sources.prepare(&recipe.root, name, version, &recipe.sources, progress, cancel);
            let tree = tree.await.map_err(failed)?;
            let modules = sources.modules(&tree, &recipe.modules, inputs.target.arch, progress, cancel);
            let modules = modules.await.map_err(failed)?;
            let length = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
            all.insert(Fetched {
                recipe: inputs.target.recipe.clone(),
                version: version.clone(),
                sources: recipe.sources.len(),
                bytes: length(&tree.tree),
                module_bytes: modules.map(|modules| length(&modules.tree)),
            });
        }
        Ok(all)
    }
}
