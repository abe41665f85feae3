//! Whether a distribution has what a recipe's packages and their test require, asked before anything is built: the test that
//! installs them would find out only at the job's end. Where that cannot be said for certain, it is left to the test.

use tokio_util::sync::CancellationToken;

use super::extra;
use super::outcome::JobError;
use super::work::{Shared, Work};
use crate::event::{Outcome, RecipePlace, RequiredBy};
use crate::formats::relation::{self, field};
use crate::image::Base;
use crate::packaging;
use crate::plan::Job;
use crate::recipe::{Relations, RepositoryUse};
use crate::types::Format;

/// One string of a recipe, and the relation in Debian's syntax that it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Required {
    by: RequiredBy,
    /// As the recipe has it.
    written: String,
    relation: String,
}

/// Ends a job whose packages could never be installed on `base`, nor tried.
pub(crate) async fn check(work: &Work<'_>, base: Option<&Base>, cancel: &CancellationToken) -> Result<(), JobError> {
    let job = work.job;
    let Some(base) = base.filter(|_| is_by_the_archive_alone(work)) else { return Ok(()) };
    let own = own_names(job);
    let required: Vec<Required> = required(job)
        .into_iter()
        .filter(|required| {
            !field::names(&required.relation).any(|name| own.iter().any(|own| own == name) || work.available.has(name))
        })
        .collect();
    let relations: Vec<String> = required.iter().map(|required| required.relation.clone()).collect();
    let (distro, arch) = (&job.distro, job.target.arch);
    let progress = work.journal.progress();
    let unknown = work.shared.images.unknown_to_archive(base, distro, arch, relations, &progress, cancel).await;
    let unknown = unknown.map_err(|error| super::derive::image_stop(work, error))?;
    let missing: Vec<&Required> = required.iter().filter(|required| unknown.contains(&required.relation)).collect();
    // Those of one kind are told together: the packages' own first.
    let Some(by) = missing.iter().map(|required| required.by).min_by_key(|by| *by == RequiredBy::Test) else {
        return Ok(());
    };
    let requirements = missing.iter().filter(|required| required.by == by).map(|required| required.written.clone());
    Err(Outcome::DepWait { by, requirements: requirements.collect(), place: None, near: Vec::new() }.into())
}

/// The line of the recipe that names a requirement.
pub(super) fn place(shared: &Shared, job: &Job, by: RequiredBy, requirement: &str) -> Option<RecipePlace> {
    let of_packages = || {
        let keys = job.recipe.packages.keys();
        keys.flat_map(|key| [format!("packages.{key}.pre-requires"), format!("packages.{key}.requires")])
    };
    let arrays: Vec<String> = match by {
        RequiredBy::Build => vec!["build.requires".to_owned()],
        RequiredBy::Test => vec!["test.requires".to_owned()],
        RequiredBy::Package => {
            ["package.pre-requires", "package.requires"].map(str::to_owned).into_iter().chain(of_packages()).collect()
        }
    };
    let name = requirement.split([' ', '(']).next().unwrap_or(requirement);
    let of = |array: &String| {
        [requirement, name].iter().find_map(|string| shared.adviser.place_of(&job.target, array, string))
    };
    arrays.iter().find_map(of)
}

/// Whether packages come from nowhere else when these are installed, as far as farm knows.
fn is_by_the_archive_alone(work: &Work<'_>) -> bool {
    let job = work.job;
    let by_apt = job.target.format == Format::Deb && packaging::takes_names_only(&job.distro);
    job.test.is_some()
        && by_apt
        && !job.distro.is_foreign()
        && !extra::is_possible(work, &job.distro, RepositoryUse::Test)
}

/// In the order of the recipe. What it says of its packages counts where it says what they are.
fn required(job: &Job) -> Vec<Required> {
    let recipe = &job.recipe;
    let mut all = Vec::new();
    let of_package = |relations: &Relations, all: &mut Vec<Required>| {
        for written in relations.pre_requires.iter().chain(&relations.requires) {
            // Versions of the build itself, and what is put in while it goes on.
            if let Ok(relation) = relation::write(written, Format::Deb, relation::SELF_VERSION)
                && !relation.contains("${")
            {
                all.push(Required { by: RequiredBy::Package, written: written.clone(), relation });
            }
        }
    };
    if !packaging::is_own(recipe, Format::Deb) {
        of_package(&recipe.package.relations, &mut all);
        recipe.packages.values().for_each(|package| of_package(&package.relations, &mut all));
    }
    for written in recipe.test.iter().flat_map(|test| &test.requires) {
        // The test asks apt for the first name alone.
        if let Ok(relation) = relation::write(written, Format::Deb, relation::SELF_VERSION)
            && let Some(name) = field::names(&relation).next()
        {
            all.push(Required { by: RequiredBy::Test, written: written.clone(), relation: name.to_owned() });
        }
    }
    all
}

/// What the job's own packages are called, and what they provide.
fn own_names(job: &Job) -> Vec<String> {
    let recipe = &job.recipe;
    let packages = job.packaging.expected.iter().map(|package| package.name.clone());
    let relations =
        std::iter::once(&recipe.package.relations).chain(recipe.packages.values().map(|package| &package.relations));
    let provided = relations.flat_map(|relations| &relations.provides).flat_map(|provided| field::names(provided));
    packages.chain(provided.map(str::to_owned)).collect()
}
