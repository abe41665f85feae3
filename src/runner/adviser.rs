//! Whom the runner asks what a failed build may lack: it knows neither archives nor where recipes are written.

use std::fmt;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::distro::Distro;
use crate::event::{HintPackage, RecipePlace};
use crate::hint::Missing;
use crate::matrix::Target;
use crate::plan::Job;
use crate::types::{Arch, Progress};

/// Knows which packages distributions have, and where recipes are written.
#[async_trait]
pub(crate) trait Adviser: fmt::Debug + Send + Sync {
    /// None where nobody can be asked: no network, or a distribution whose package manager resolves by itself.
    async fn advise(
        &self,
        job: &Job,
        missing: &Missing,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Option<(String, Vec<HintPackage>)>;

    /// For each of these names of packages, the one that the archive of a distribution has, or those whose names are near
    /// to it; none where nobody can be asked.
    async fn near(
        &self,
        distro: &Distro,
        arch: Arch,
        names: Vec<String>,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Option<Vec<Vec<HintPackage>>>;

    /// Where the recipe of a target sets `key` (`build.requires`) for it, or would.
    fn place(&self, target: &Target, key: &str) -> Option<RecipePlace>;

    /// Where the recipe of a target has `string` in the array `key`, in the words of the recipe.
    fn place_of(&self, target: &Target, key: &str, string: &str) -> Option<RecipePlace>;

    /// Where the recipe of a target says something of an installed file, by its path or pattern.
    fn place_of_file(&self, target: &Target, path: &str) -> Option<RecipePlace>;

    /// Where the script that is the value of `key` (`build.install`) has its line `line`, from 1 on.
    fn script_place(&self, target: &Target, key: &str, line: usize) -> Option<RecipePlace>;
}
