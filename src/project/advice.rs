//! What `runner` asks about hints: packages from the distributions' archives, lines from the recipes as written.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::Project;
use crate::archive::Archives;
use crate::event::{HintPackage, RecipePlace};
use crate::hint::Missing;
use crate::matrix::{self, Target};
use crate::plan::Job;
use crate::runner;
use crate::types::Progress;

/// Of packages that serve equally, how many are named.
const NAMED: usize = 4;

#[derive(Debug)]
pub(super) struct Adviser {
    pub(super) archives: Archives,
    pub(super) project: Project,
}

#[async_trait]
impl runner::Adviser for Adviser {
    async fn advise(
        &self,
        job: &Job,
        missing: &Missing,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Option<(String, Vec<HintPackage>)> {
        // An expired InRelease was spoken of when the base was made from it.
        let index = self.archives.index(&job.distro, job.target.arch, progress, &|_| (), cancel).await.ok()?;
        let missing = missing.clone();
        let advice = tokio::task::spawn_blocking(move || index.advise(&missing)).await.ok()?.ok()?;
        let package =
            |package: crate::archive::Package| HintPackage { name: package.name, version: package.version.to_string() };
        Some((advice.requirement, advice.packages.into_iter().take(NAMED).map(package).collect()))
    }

    fn place(&self, target: &Target, key: &str) -> Option<RecipePlace> {
        let recipe = self.project.recipe(&target.recipe)?;
        let (path, line) = recipe.line_of(&matrix::selection(target, self.project.catalogue()), key)?;
        Some(RecipePlace { path, line })
    }

    fn place_of(&self, target: &Target, key: &str, string: &str) -> Option<RecipePlace> {
        let recipe = self.project.recipe(&target.recipe)?;
        let span = recipe.place_of(&matrix::selection(target, self.project.catalogue()), key, string)?;
        let (path, line) = recipe.line_at(&span);
        Some(RecipePlace { path, line })
    }

    fn script_place(&self, target: &Target, key: &str, line: usize) -> Option<RecipePlace> {
        let recipe = self.project.recipe(&target.recipe)?;
        let (path, line) = recipe.line_of_script(&matrix::selection(target, self.project.catalogue()), key, line)?;
        Some(RecipePlace { path, line })
    }
}
