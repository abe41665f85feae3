//! Targets -> [`Plan`]: what exactly would run, why, and under which content key. Pure: the same inputs give the same
//! plan, and the build never decides what the plan could have.

mod clashes;
mod environment;
mod key;
mod lint;
mod model;
pub mod set;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rayon::prelude::*;

use crate::packaging::{self, Answered, BuilderSetup, Packaging, Replaced, TargetRecipe, TestSetup};
use crate::recipe::{PackagingTools, Recipe, RecipeId, Repository, RepositoryOrigin, RepositoryUse, SharedRecipe};
use crate::types::{Arch, Format};
use clashes::{collisions, duplicates, end_of_life_warnings, name_clashes, own_twins, twins};
use model::date;

pub(crate) use key::{INPUT_OF_SET, INPUT_OF_TEST_SET, reason};
pub use model::{Change, Inputs, Job, Plan, PlanError, Reason, TargetInputs};
pub(crate) use model::{Given, JobEnvironment, JobLimits, Key, LintSetup, PlanWarning, Rebuild, base_id};
pub use set::Need;

/// Today in UTC, `2026-11-22`: the same day for everybody who plans.
pub(crate) fn today() -> String {
    chrono::Utc::now().format("%Y-%m-%d").to_string()
}

/// Makes the plan, jobs in the order of the targets.
///
/// # Errors
/// Everything in every recipe that its target's format cannot express, targets that two recipes claim, and packages
/// that two variants make.
pub fn plan(inputs: &Inputs) -> Result<Plan, PlanError> {
    let mut problems = duplicates(&inputs.targets);
    // Targets share recipes and distributions: what only depends on these is made once.
    let mut capable: HashMap<RecipeId, bool> = HashMap::new();
    let mut has_capabilities =
        |recipe: &SharedRecipe| *capable.entry(recipe.id()).or_insert_with(|| packaging::has_capabilities(recipe));
    let mut kinds: HashMap<GenerationKey<'_>, usize> = HashMap::new();
    let mut firsts: Vec<&TargetInputs> = Vec::new();
    let kind_of: Vec<usize> = inputs
        .targets
        .iter()
        .map(|target| {
            *kinds.entry(GenerationKey::of(target, has_capabilities(&target.recipe))).or_insert_with(|| {
                firsts.push(target);
                firsts.len() - 1
            })
        })
        .collect();
    let answered: Vec<Answered> = firsts
        .par_iter()
        .map(|target| packaging::answered(target.recipe.recipe(), &target.distro, inputs.answers_for(target)))
        .collect();
    let unchanged: BTreeMap<RecipeId, &SharedRecipe> = firsts
        .iter()
        .zip(&answered)
        .filter(|(_, answered)| !answered.is_changed)
        .map(|(target, _)| (target.recipe.id(), &target.recipe))
        .collect();
    let of_recipe = |recipe: &Recipe| key::recipe_inputs(recipe).map_err(|error| error.to_string());
    let recipe_inputs: HashMap<RecipeId, Result<BTreeMap<String, String>, String>> =
        unchanged.into_par_iter().map(|(id, recipe)| (id, of_recipe(recipe))).collect();
    let generated: Vec<Result<Generated, Vec<String>>> = firsts
        .par_iter()
        .zip(&answered)
        .map(|(target, answered)| match recipe_inputs.get(&target.recipe.id()) {
            Some(known) if !answered.is_changed => Generated::new(target, answered, inputs, known),
            _ => Generated::new(target, answered, inputs, &of_recipe(&answered.recipe)),
        })
        .collect();
    let jobs: Vec<Result<Job, Vec<String>>> = inputs
        .targets
        .par_iter()
        .zip(&kind_of)
        .map(|(target, kind)| match &generated[*kind] {
            Ok(generated) => Ok(job(inputs, target, generated)),
            Err(problems) => Err(problems.clone()),
        })
        .collect();

    let mut planned: Vec<Job> = Vec::with_capacity(jobs.len());
    for (target, job) in inputs.targets.iter().zip(jobs) {
        match job {
            Ok(job) => planned.push(job),
            Err(found) => problems.extend(found.into_iter().map(|problem| (target.target.clone(), problem))),
        }
    }
    problems.extend(collisions(&planned));
    problems.extend(name_clashes(&planned));
    problems.extend(own_twins(&planned));
    problems.extend(
        inputs
            .targets
            .iter()
            .flat_map(|target| target.set.problems.iter().map(|problem| (target.target.clone(), problem.clone()))),
    );
    if problems.is_empty() {
        let mut warnings = end_of_life_warnings(inputs);
        warnings.extend(twins(&planned));
        warnings.extend(inputs.targets.iter().flat_map(|target| {
            let warning =
                |message: &String| PlanWarning { target: Some(target.target.clone()), message: message.clone() };
            target.set.warnings.iter().map(warning)
        }));
        Ok(Plan { jobs: planned, warnings })
    } else {
        Err(PlanError { problems })
    }
}

/// What [`Generated`] depends on: the recipe, the distribution, the date, and, if the recipe asks for anything, the
/// architecture: the archive may answer otherwise for another. Last, whether it is a source package.
#[derive(Debug, PartialEq, Eq, Hash)]
struct GenerationKey<'a>(RecipeId, &'a str, i64, Option<Arch>, bool);

impl GenerationKey<'_> {
    fn of(target: &TargetInputs, has_capabilities: bool) -> GenerationKey<'_> {
        let arch = has_capabilities.then_some(target.target.arch);
        GenerationKey(target.recipe.id(), &target.distro.id, date(target), arch, target.target.source)
    }
}

/// What is generated of a recipe for a distribution, whatever the architecture.
struct Generated {
    recipe: TargetRecipe,
    resolved: Arc<[Replaced]>,
    builder: Arc<BuilderSetup>,
    packaging: Arc<Packaging>,
    environment: Option<Arc<JobEnvironment>>,
    test: Option<Arc<TestSetup>>,
    lint: Option<Arc<LintSetup>>,
    key_inputs: BTreeMap<String, String>,
}

impl Generated {
    fn new(
        target: &TargetInputs,
        answered: &Answered,
        inputs: &Inputs,
        recipe_inputs: &Result<BTreeMap<String, String>, String>,
    ) -> Result<Generated, Vec<String>> {
        let distro = &*target.distro;
        if target.target.source {
            return Generated::source(target, answered, recipe_inputs);
        }
        let recipe = &answered.recipe;
        let environment = JobEnvironment::of(target, answered).map_err(|problem| vec![problem])?.map(Arc::new);
        let builder_distro = target.environment_distro.as_deref().unwrap_or(distro);
        let has_builder = environment.as_ref().is_none_or(|environment| environment.has_builder());
        let problems = packaging::check(recipe, distro, has_builder.then_some(builder_distro));
        if !problems.is_empty() {
            return Err(problems);
        }
        let builder = packaging::builder(recipe, builder_distro);
        let packaging = packaging::generate(recipe, distro, date(target));
        let test = inputs.test.then(|| packaging::test(recipe, distro, &answered.stand_ins));

        let mut key_inputs = recipe_inputs.clone().map_err(|error| vec![error])?;
        if test.is_none() {
            key_inputs.retain(|name, _| !key::is_of_test(name));
        }
        key_inputs.insert("distro".to_owned(), distro.digest.clone());
        if has_builder {
            key_inputs.insert("builder".to_owned(), key::digest(&builder));
        }
        if environment.as_ref().is_none_or(|environment| environment.tools != PackagingTools::Farm) {
            key_inputs.insert("packaging".to_owned(), key::digest(&packaging));
        }
        if let Some(environment) = &environment {
            key_inputs.extend(environment.key_inputs(target, recipe));
        }
        if let Some(test) = &test {
            key_inputs.insert("test".to_owned(), key::digest(test));
        }
        unresolved(answered, &mut key_inputs);
        Ok(Generated {
            recipe: answered.recipe.clone(),
            resolved: answered.replaced.as_slice().into(),
            builder: Arc::new(builder),
            packaging: Arc::new(packaging),
            environment,
            test: test.map(Arc::new),
            lint: if inputs.lint { LintSetup::of(target, recipe).map(Arc::new) } else { None },
            key_inputs,
        })
    }

    /// Of a source package: nothing is built, so neither the environment of the build nor its test is of any concern.
    fn source(
        target: &TargetInputs,
        answered: &Answered,
        recipe_inputs: &Result<BTreeMap<String, String>, String>,
    ) -> Result<Generated, Vec<String>> {
        let (recipe, distro) = (packaging::source_recipe(&answered.recipe), &*target.distro);
        let problems = packaging::check_source(&recipe, distro);
        if !problems.is_empty() {
            return Err(problems);
        }
        let (builder, packaging) =
            (packaging::source_builder(&recipe, distro), packaging::source(&recipe, distro, date(target)));
        let mut key_inputs = recipe_inputs.clone().map_err(|error| vec![error])?;
        key_inputs.retain(|name, _| !key::is_of_test(name));
        let digests = [
            ("distro", distro.digest.clone()),
            ("builder", key::digest(&builder)),
            ("packaging", key::digest(&packaging)),
        ];
        key_inputs.extend(digests.map(|(name, digest)| (name.to_owned(), digest)));
        unresolved(answered, &mut key_inputs);
        Ok(Generated {
            recipe,
            resolved: answered.replaced.as_slice().into(),
            builder: Arc::new(builder),
            packaging: Arc::new(packaging),
            environment: None,
            test: None,
            lint: None,
            key_inputs,
        })
    }
}

/// What no archive could be asked for.
fn unresolved(answered: &Answered, key_inputs: &mut BTreeMap<String, String>) {
    let unknown: Vec<&str> =
        answered.replaced.iter().filter(|one| one.unknown).map(|one| one.wanted.as_str()).collect();
    if !unknown.is_empty() {
        key_inputs.insert("unresolved".to_owned(), unknown.join(", "));
    }
}

fn job(inputs: &Inputs, target: &TargetInputs, generated: &Generated) -> Job {
    let mut key_inputs = generated.key_inputs.clone();
    key_inputs.insert("arch".to_owned(), target.target.arch.deb().to_owned());
    key_inputs.insert("source".to_owned(), target.source_digest.clone());
    if let Some(base) = inputs.bases.get(&base_id(&target.distro, target.target.arch)) {
        key_inputs.insert("base".to_owned(), base.clone());
    }
    if let Some(environment) = inputs.environments.get(&target.target) {
        key_inputs.insert("environment".to_owned(), environment.clone());
    }
    if let Some(image) = target.dockerfile_image() {
        key_inputs.insert("environment.dockerfile".to_owned(), image.key());
    }
    Job {
        target: target.target.clone(),
        recipe: generated.recipe.clone(),
        distro: Arc::clone(&target.distro),
        resolved: Arc::clone(&generated.resolved),
        builder: Arc::clone(&generated.builder),
        packaging: Arc::clone(&generated.packaging),
        environment: generated.environment.clone(),
        test: generated.test.clone(),
        lint: generated.lint.clone(),
        limits: limits(inputs, &target.recipe),
        source_date_epoch: target.source_date_epoch,
        repositories: repositories(target),
        unanswered: None,
        needs: target.set.needs.clone(),
        only_needed: target.only_needed,
        given: None,
        rebuild: None,
        key: Key::new(key_inputs),
    }
}

/// The repositories of the recipe that a target can take packages from: of the kind that its builder's package manager, or
/// that of its test, reads.
fn repositories(target: &TargetInputs) -> Vec<Repository> {
    let builder = target.environment_distro.as_ref().unwrap_or(&target.distro);
    let reads = |repository: &&Repository| {
        let build = repository.serves(RepositoryUse::Build).then_some([builder.manager.format(); 2]);
        let test =
            repository.serves(RepositoryUse::Test).then_some([target.distro.manager.format(), target.distro.format]);
        let mut formats = build.into_iter().chain(test).flatten();
        match repository.origin {
            RepositoryOrigin::Apt { .. } => formats.any(|format| format == Format::Deb),
            RepositoryOrigin::RpmMd { .. } => formats.any(|format| format == Format::Rpm),
            RepositoryOrigin::Enable(_) => builder.manager.format() == Format::Rpm,
        }
    };
    target.recipe.repositories.iter().filter(reads).cloned().collect()
}

fn limits(inputs: &Inputs, recipe: &Recipe) -> JobLimits {
    let limits = &recipe.limits;
    // 0: the engine does not say.
    let engine_memory = if inputs.memory_bytes == 0 { u64::MAX } else { inputs.memory_bytes };
    JobLimits {
        memory_bytes: limits.memory_bytes.min(engine_memory),
        pids: limits.pids,
        timeout_seconds: limits.timeout.as_secs(),
        stall_seconds: limits.stall.as_secs(),
        log_bytes: limits.log_bytes,
    }
}

#[cfg(test)]
mod tests;
