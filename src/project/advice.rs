//! What `runner` asks about hints: packages from the distributions' archives, lines from the recipes as written.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::Project;
use crate::archive::{Archives, Components, Package};
use crate::distro::Distro;
use crate::event::{HintPackage, Quote, RecipePlace};
use crate::hint::Missing;
use crate::matrix::{self, Target};
use crate::plan::Job;
use crate::runner;
use crate::types::{Arch, Progress};

/// Of packages that serve equally, how many are named.
const NAMED: usize = 4;

/// Of names that are near to one, how many are told.
const NEAR: usize = 3;

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
        Some((advice.requirement, advice.packages.into_iter().take(NAMED).map(package).collect()))
    }

    async fn near(
        &self,
        distro: &Distro,
        arch: Arch,
        names: Vec<String>,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Option<Vec<Vec<HintPackage>>> {
        let index = self.archives.packages(distro, arch, Components::All, progress, &|_| (), cancel).await.ok()?;
        let near = move || names.iter().map(|name| index.near(name, NEAR)).collect::<Result<Vec<_>, _>>();
        let near = tokio::task::spawn_blocking(near).await.ok()?.ok()?;
        Some(near.into_iter().map(|packages| packages.into_iter().map(package).collect()).collect())
    }

    fn place(&self, target: &Target, key: &str) -> Option<RecipePlace> {
        let recipe = self.project.recipe(&target.recipe)?;
        let (path, line) = recipe.line_of(&matrix::selection(target, self.project.catalogue()), key)?;
        Some(RecipePlace::new(path, line))
    }

    fn place_of(&self, target: &Target, key: &str, string: &str) -> Option<RecipePlace> {
        let recipe = self.project.recipe(&target.recipe)?;
        let span = recipe.place_of(&matrix::selection(target, self.project.catalogue()), key, string)?;
        let (path, line) = recipe.line_at(&span);
        let quote = recipe.quote(&span).map(|(text, column, width)| Quote { text, column, width });
        Some(RecipePlace { quote, ..RecipePlace::new(path, line) })
    }

    fn place_of_file(&self, target: &Target, file: &str) -> Option<RecipePlace> {
        let recipe = self.project.recipe(&target.recipe)?;
        let span = recipe.place_of_file(&matrix::selection(target, self.project.catalogue()), file)?;
        let (path, line) = recipe.line_at(&span);
        Some(RecipePlace::new(path, line))
    }

    fn script_place(&self, target: &Target, key: &str, line: usize) -> Option<RecipePlace> {
        let recipe = self.project.recipe(&target.recipe)?;
        let (path, line) = recipe.line_of_script(&matrix::selection(target, self.project.catalogue()), key, line)?;
        Some(RecipePlace::new(path, line))
    }
}

fn package(package: Package) -> HintPackage {
    HintPackage { name: package.name, version: package.version.to_string() }
}
