//! Targets -> [`Plan`]: what exactly would run, why, and under which content key. Pure: the same inputs give the same
//! plan, and the build never decides what the plan could have.

mod environment;
mod key;
pub mod set;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use serde::Serialize;

use crate::distro::Distro;
use crate::matrix::Target;
use crate::packaging::{
    self, Answered, Answers, Assembly, BuilderSetup, FormerLinks, Packaging, Replaced, TargetRecipe, TestSetup,
};
use crate::recipe::{PackagingTools, Recipe, RecipeId, Repository, RepositoryOrigin, RepositoryUse, SharedRecipe};
use crate::source;
use crate::types::{Arch, Format, PackageManager};

pub(crate) use environment::JobEnvironment;
pub(crate) use key::{INPUT_OF_SET, INPUT_OF_TEST_SET, reason};
pub use set::Need;

/// How long before a distribution's end of life a plan begins to warn.
const END_OF_LIFE_NOTICE_DAYS: i64 = 90;

/// What a run would do: its jobs, and what people should know first.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The jobs of the run.
    pub jobs: Vec<Job>,
    pub(crate) warnings: Vec<PlanWarning>,
}

/// Something to know about a plan that does not keep it from being run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanWarning {
    pub(crate) target: Option<Target>,
    pub(crate) message: String,
}

/// One target's work, complete.
#[derive(Debug, Clone, Serialize)]
pub struct Job {
    /// The cell of the matrix that it builds.
    pub target: Target,
    #[serde(skip)]
    pub(crate) recipe: TargetRecipe,
    #[serde(skip)]
    pub(crate) distro: Arc<Distro>,
    /// Capabilities and toolchain words of the recipe, and what stands in their place.
    #[serde(skip_serializing_if = "<[Replaced]>::is_empty")]
    pub(crate) resolved: Arc<[Replaced]>,
    /// These three are the same for all architectures of a distribution.
    pub(crate) builder: Arc<BuilderSetup>,
    /// The packaging files, the steps and what they must produce.
    pub packaging: Arc<Packaging>,
    /// Where the steps run, when that is not the target's own builder.
    pub(crate) environment: Option<Arc<JobEnvironment>>,
    /// None with `--no-test`.
    pub(crate) test: Option<Arc<TestSetup>>,
    pub(crate) limits: JobLimits,
    /// The value of SOURCE_DATE_EPOCH when the recipe fixes it.
    pub(crate) source_date_epoch: Option<i64>,
    /// Those of the recipe that it may take packages from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) repositories: Vec<Repository>,
    /// What it takes from other jobs of its set, all of which are in the plan.
    pub(crate) needs: Vec<Need>,
    /// Nobody asked for it: it is here because others need it.
    pub(crate) only_needed: bool,
    /// Without the packages that it takes from others: they are known when those are done. See [`Job::with_set`].
    pub(crate) key: Key,
}

/// What one job may use, from the recipe's `[limits]` and the engine's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobLimits {
    pub(crate) memory_bytes: u64,
    pub(crate) pids: u32,
    /// Parallelism inside the job: `DEB_BUILD_OPTIONS=parallel=N`, `%_smp_mflags`.
    pub(crate) parallel: usize,
    pub(crate) timeout_seconds: u64,
    pub(crate) stall_seconds: u64,
    pub(crate) log_bytes: u64,
}

/// What a job's result depends on: a value or digest per named input, and one digest over them all.
/// The names are what `--explain` shows: `source`, `base`, `recipe.build.env`, `distro`, `arch`, of an environment of the
/// recipe's own `environment`, and `environment.distro` or `environment.dockerfile`, and, made by farm itself, `builder`,
/// `packaging`, `assembly`, `test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Key {
    pub(crate) digest: String,
    pub(crate) inputs: BTreeMap<String, String>,
}

/// Everything a plan depends on.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The targets to plan, each with its recipe.
    pub targets: Vec<TargetInputs>,
    /// Base image identities that are known, by `debian-12/amd64` (Debian's names of architectures). A base that is not known yet takes no part in
    /// [`Reason`]: nothing can be said about it before it is fetched.
    pub bases: BTreeMap<String, String>,
    /// What the archives have answered to `packaging::questions`, by the same names. A question without an answer is left
    /// open: `Replaced::unknown`.
    pub answers: BTreeMap<String, Arc<Answers>>,
    /// Identities of the images that targets have as environments of their own, as far as they are known, likewise.
    pub environments: BTreeMap<Target, String>,
    /// CPUs and memory of the engine, slots of the run.
    pub cpus: usize,
    /// The memory of the engine in bytes; 0 where it is not known.
    pub memory_bytes: u64,
    /// How many jobs the run has at a time: CPUs are shared out among them.
    pub slots: usize,
    /// Whether packages are to be installed and tried.
    pub test: bool,
    /// Today, `2026-11-22`, for end-of-life warnings.
    pub today: String,
}

/// One target with what it is made from.
#[derive(Debug, Clone)]
pub struct TargetInputs {
    /// The cell of the matrix.
    pub target: Target,
    /// The recipe for this target, with what the project says.
    pub recipe: SharedRecipe,
    /// The definition of the target's distribution.
    pub distro: Arc<Distro>,
    /// `source::fingerprint`
    pub source_digest: String,
    /// SOURCE_DATE_EPOCH as far as it is known without fetching.
    pub source_date_epoch: Option<i64>,
    /// That of `[environment] distro`.
    pub environment_distro: Option<Arc<Distro>>,
    /// That of `[environment] dockerfile`: `source::Context::digest`.
    pub context_digest: Option<String>,
    /// What `set::resolve` found, with the recipe as `set::left_to_archive` gives it.
    pub set: set::Resolution,
    /// See `Job::only_needed`.
    pub only_needed: bool,
}

impl Job {
    /// This job with the packages that it takes from others, as inputs of its key.
    pub(crate) fn with_set(&self, packages: BTreeMap<String, String>) -> Job {
        let mut inputs = self.key.inputs.clone();
        inputs.extend(packages);
        Job { key: Key::new(inputs), ..self.clone() }
    }

    /// The packaging with the real date: `newest` is the newest time in the sources, used when the recipe fixes none.
    /// [`Job::packaging`] was made before sources were looked into, with the epoch's beginning in that case.
    pub(crate) fn packaging_at(&self, newest: i64, former_links: &FormerLinks) -> Arc<Packaging> {
        match self.source_date_epoch {
            Some(_) if former_links.is_empty() => Arc::clone(&self.packaging),
            _ => Arc::new(packaging::generate(&self.with(former_links), &self.distro, self.date(newest))),
        }
    }

    fn with(&self, former_links: &FormerLinks) -> Cow<'_, TargetRecipe> {
        match former_links.is_empty() {
            true => Cow::Borrowed(&self.recipe),
            false => Cow::Owned(packaging::with_former_links(&self.recipe, self.target.format, former_links)),
        }
    }

    /// The date of the packages: the recipe's, else that of the sources, else when the recipe was last changed.
    pub(crate) fn date(&self, newest: i64) -> i64 {
        let fallback = self.recipe.package.fallback_date.filter(|_| newest <= source::EARLIEST);
        self.source_date_epoch.or(fallback).unwrap_or(newest)
    }

    /// What runs, and what is made of its results, when farm makes the packages; with the real date, as
    /// [`Job::packaging_at`].
    pub(crate) fn assembly_at(&self, newest: i64, former_links: &FormerLinks) -> (Packaging, Assembly) {
        let (recipe, date) = (self.with(former_links), self.date(newest));
        (packaging::staging(&recipe, &self.distro, date), packaging::assembly(&recipe, &self.distro, date))
    }
}

impl TargetInputs {
    /// The distributions that its images begin with.
    pub(crate) fn distros(&self) -> impl Iterator<Item = &Arc<Distro>> {
        [Some(&self.distro), self.environment_distro.as_ref()].into_iter().flatten()
    }

    /// What is asked for capabilities, as in [`Inputs::answers`]: the archive of `debian-12/amd64`, and the repositories of
    /// the recipe that it can be asked with.
    pub(crate) fn place(&self) -> String {
        let mut place = base_id(&self.distro, self.target.arch);
        if self.distro.manager == PackageManager::Apt {
            let repositories = self.recipe.repositories.iter();
            for repository in repositories.filter(|one| matches!(one.origin, RepositoryOrigin::Apt { .. })) {
                place.push_str(&format!(" with {}", repository.identity()));
            }
        }
        place
    }
}

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
            Some(known) if !answered.is_changed => Generated::new(target, answered, inputs.test, known),
            _ => Generated::new(target, answered, inputs.test, &of_recipe(&answered.recipe)),
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
/// architecture: the archive may answer otherwise for another.
#[derive(Debug, PartialEq, Eq, Hash)]
struct GenerationKey<'a>(RecipeId, &'a str, i64, Option<Arch>);

impl GenerationKey<'_> {
    fn of(target: &TargetInputs, has_capabilities: bool) -> GenerationKey<'_> {
        let arch = has_capabilities.then_some(target.target.arch);
        GenerationKey(target.recipe.id(), &target.distro.id, date(target), arch)
    }
}

impl Inputs {
    fn answers_for(&self, target: &TargetInputs) -> &Answers {
        static NONE: Answers = Answers::new();
        self.answers.get(&target.place()).map_or(&NONE, |answers| answers)
    }
}

/// Of changelogs, as far as it is known without fetching.
fn date(target: &TargetInputs) -> i64 {
    target.source_date_epoch.unwrap_or(0)
}

/// What is generated of a recipe for a distribution, whatever the architecture.
struct Generated {
    recipe: TargetRecipe,
    resolved: Arc<[Replaced]>,
    builder: Arc<BuilderSetup>,
    packaging: Arc<Packaging>,
    environment: Option<Arc<JobEnvironment>>,
    test: Option<Arc<TestSetup>>,
    key_inputs: BTreeMap<String, String>,
}

impl Generated {
    fn new(
        target: &TargetInputs,
        answered: &Answered,
        with_test: bool,
        recipe_inputs: &Result<BTreeMap<String, String>, String>,
    ) -> Result<Generated, Vec<String>> {
        let (recipe, distro) = (&answered.recipe, &*target.distro);
        let environment = JobEnvironment::of(target, answered).map_err(|problem| vec![problem])?.map(Arc::new);
        let problems = packaging::check(recipe, distro);
        if !problems.is_empty() {
            return Err(problems);
        }
        let builder_distro = target.environment_distro.as_deref().unwrap_or(distro);
        let builder = packaging::builder(recipe, builder_distro);
        let packaging = packaging::generate(recipe, distro, date(target));
        let test = with_test.then(|| packaging::test(recipe, distro, &answered.stand_ins));

        let mut key_inputs = recipe_inputs.clone().map_err(|error| vec![error])?;
        if test.is_none() {
            key_inputs.retain(|name, _| !key::is_of_test(name));
        }
        key_inputs.insert("distro".to_owned(), distro.digest.clone());
        if environment.as_ref().is_none_or(|environment| environment.has_builder()) {
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
        let unknown: Vec<&str> =
            answered.replaced.iter().filter(|one| one.unknown).map(|one| one.wanted.as_str()).collect();
        if !unknown.is_empty() {
            key_inputs.insert("unresolved".to_owned(), unknown.join(", "));
        }
        Ok(Generated {
            recipe: answered.recipe.clone(),
            resolved: answered.replaced.as_slice().into(),
            builder: Arc::new(builder),
            packaging: Arc::new(packaging),
            environment,
            test: test.map(Arc::new),
            key_inputs,
        })
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
        limits: limits(inputs, &target.recipe),
        source_date_epoch: target.source_date_epoch,
        repositories: repositories(target),
        needs: target.set.needs.clone(),
        only_needed: target.only_needed,
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

/// The name of a base image in [`Inputs::bases`]: `debian-12/amd64`, with Debian's name of the architecture.
pub(crate) fn base_id(distro: &Distro, arch: Arch) -> String {
    format!("{}/{}", distro.id, arch.deb())
}

fn limits(inputs: &Inputs, recipe: &Recipe) -> JobLimits {
    let limits = &recipe.limits;
    // 0: the engine does not say.
    let engine_memory = if inputs.memory_bytes == 0 { u64::MAX } else { inputs.memory_bytes };
    JobLimits {
        memory_bytes: limits.memory_bytes.min(engine_memory),
        pids: limits.pids,
        parallel: (inputs.cpus / inputs.slots.max(1)).max(1),
        timeout_seconds: limits.timeout.as_secs(),
        stall_seconds: limits.stall.as_secs(),
        log_bytes: limits.log_bytes,
    }
}

/// Targets that two recipes claim: their results would go into one folder. Within a recipe, `matrix::expand` gives no
/// target twice.
fn duplicates(targets: &[TargetInputs]) -> Vec<(Target, String)> {
    let mut owners: HashMap<&Target, &TargetInputs> = HashMap::with_capacity(targets.len());
    let mut problems = Vec::new();
    for target in targets {
        let owner = owners.entry(&target.target).or_insert(target);
        if owner.recipe.root != target.recipe.root {
            let (one, two) = (owner.recipe.root.display(), target.recipe.root.display());
            let message = format!("the recipes in {one} and {two} have the same name: give one of them another");
            problems.push((target.target.clone(), message));
        }
    }
    problems
}

/// Variants of one recipe that make the same package for one distribution and architecture: nothing tells them apart
/// where they are published, and neither can be installed beside the other.
fn collisions(jobs: &[Job]) -> Vec<(Target, String)> {
    let mut owners: HashMap<(&str, Arch, &str, &str), &Target> = HashMap::new();
    let mut problems = Vec::new();
    for Job { target, packaging, .. } in jobs.iter().filter(|job| job.target.variant.is_some()) {
        let same = packaging.expected.iter().find_map(|package| {
            let (name, version) = (package.name.as_str(), package.version.as_str());
            let owner = *owners.entry((&target.distro, target.arch, name, version)).or_insert(target);
            let is_variant = owner.recipe == target.recipe && owner.variant != target.variant;
            is_variant.then_some((package, owner))
        });
        if let (Some((package, owner)), Some(variant)) = (same, &target.variant) {
            problems.push((
                target.clone(),
                format!(
                    "makes {} {}, as {owner} does: give the variant a name or version of its own, \
                     [override.\"variant:{variant}\".package] name = \"{}-{variant}\"",
                    package.name, package.version, package.name
                ),
            ));
        }
    }
    problems
}

/// Packages of one name that two recipes make for one distribution: only one of them can be published, and whoever
/// requires it gets either.
fn name_clashes(jobs: &[Job]) -> Vec<(Target, String)> {
    let mut owners: HashMap<(&str, &str), Vec<(&Job, usize)>> = HashMap::new();
    let mut problems = Vec::new();
    for job in jobs {
        for (number, package) in job.packaging.expected.iter().enumerate() {
            let known = owners.entry((&job.target.distro, &package.name)).or_default();
            let clash = known.iter().find(|(other, index)| {
                let is_everywhere =
                    package.is_arch_independent() || other.packaging.expected[*index].is_arch_independent();
                other.recipe.root != job.recipe.root && (is_everywhere || other.target.arch == job.target.arch)
            });
            match clash {
                Some((other, index)) if other.target != job.target => {
                    let (one, two) = (place_of(other, *index), place_of(job, number));
                    let message = format!(
                        "{one} and {two} make a package of one name, {}: give one of them another",
                        package.name
                    );
                    problems.push((job.target.clone(), message));
                }
                // One name for the whole recipe is told of already.
                Some(_) => {}
                None => known.push((job, number)),
            }
        }
    }
    problems
}

/// Where a recipe speaks of the package with this number: the main one first, then the others by key.
fn place_of(job: &Job, number: usize) -> String {
    let table = match number.checked_sub(1).and_then(|number| job.recipe.packages.keys().nth(number)) {
        Some(key) => format!("[packages.{key}]"),
        None => "[package]".to_owned(),
    };
    format!("{table} of {}", job.recipe.root.display())
}

/// Targets of different distributions for which a project's own packaging makes packages of one name and version: their
/// contents differ, as each has its distribution's libraries, and nothing tells the files apart.
fn own_twins(jobs: &[Job]) -> Vec<(Target, String)> {
    let mut first: HashMap<(&Path, Format, Arch, Option<&str>, String), &Target> = HashMap::new();
    let mut problems = Vec::new();
    for job in jobs.iter().filter(|job| packaging::is_own(&job.recipe, job.distro.format)) {
        let Some(version) = packaging::version(&job.recipe, &job.distro) else { continue };
        if job.recipe.packaging.distribution_suffix == Some(false) {
            continue;
        }
        let Target { arch, variant, .. } = &job.target;
        let key = (job.recipe.root.as_path(), job.distro.format, *arch, variant.as_deref(), version.clone());
        let other = *first.entry(key).or_insert(&job.target);
        if other.distro != job.target.distro {
            // A tag that both have tells nothing apart.
            let advice = match job.recipe.packaging.distribution_suffix {
                None if job.distro.format == Format::Deb => {
                    "distribution-suffix = true puts the distribution's tag behind it, false leaves it so"
                }
                _ => {
                    "distribution-suffix = false leaves it so, and a distros/NAME.toml of your own can have another \
                     release-tag"
                }
            };
            let message = format!(
                "its packaging gives version {version}, as for {other}: files of one name with different contents; \
                 [packaging] {advice}"
            );
            problems.push((job.target.clone(), message));
        }
    }
    problems
}

/// Targets of different distributions whose packages nothing tells apart: rebuilds of Enterprise Linux have one dist tag,
/// and not one content. Said once for each recipe and version.
fn twins(jobs: &[Job]) -> Vec<PlanWarning> {
    let mut groups: BTreeMap<(String, String, Arch), BTreeSet<String>> = BTreeMap::new();
    for job in jobs.iter().filter(|job| !packaging::is_own(&job.recipe, job.distro.format)) {
        if let Some(version) = packaging::version(&job.recipe, &job.distro) {
            let key = (job.target.recipe.clone(), format!("{version} {}", job.distro.format), job.target.arch);
            groups.entry(key).or_default().insert(job.distro.id.clone());
        }
    }
    let mut said = BTreeSet::new();
    let several = groups.into_iter().filter(|(_, distros)| distros.len() > 1);
    let warning = several.filter_map(|((recipe, version, _), distros)| {
        let names: Vec<String> = distros.into_iter().collect();
        let version = version.split(' ').next().unwrap_or_default();
        let message = format!(
            "{recipe}: packages for {} have the same names and versions ({version}) and different contents: they cannot \
             lie in one repository (a distros/NAME.toml of your own can give them another release-tag)",
            names.join(", ")
        );
        said.insert(message.clone()).then_some(PlanWarning { target: None, message })
    });
    warning.collect()
}

/// One warning per distribution, in the order of the targets.
fn end_of_life_warnings(inputs: &Inputs) -> Vec<PlanWarning> {
    let day = |text: &str| chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let Some(today) = day(&inputs.today) else { return Vec::new() };
    let mut seen = BTreeSet::new();
    let mut warnings = Vec::new();
    for distro in inputs.targets.iter().map(|target| &target.distro) {
        let Some(end) = distro.end_of_life.as_deref().and_then(day) else { continue };
        if !seen.insert(&distro.id) {
            continue;
        }
        let left = (end - today).num_days();
        let message = if left <= 0 {
            format!("{} is past its end of life ({end}): it gets no security fixes any more", distro.name)
        } else if left <= END_OF_LIFE_NOTICE_DAYS {
            let days = if left == 1 { "1 day".to_owned() } else { format!("{left} days") };
            format!("{} reaches its end of life in {days} ({end})", distro.name)
        } else {
            continue;
        };
        warnings.push(PlanWarning { target: None, message });
    }
    warnings
}

/// Whether a job must run, given the last good one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// The last good job had the same inputs, and its artifacts are in the store.
    UpToDate,
    /// The store has no record of a good job.
    NeverBuilt,
    /// Names of the inputs that are new, gone or different.
    Changed {
        /// The inputs concerned, by name.
        inputs: Vec<Change>,
    },
    /// The last good job skipped the install test, and this one does not.
    NotTested,
    /// Of its own inputs none has changed; what it takes from these targets, which are to be built, may.
    Needs {
        /// The targets concerned.
        targets: Vec<Target>,
    },
}

/// An input of a job's key whose value is another than at the last good job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub(crate) input: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// Targets whose recipes say what their format cannot, all at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} of the planned jobs cannot be expressed", .problems.len())]
pub struct PlanError {
    pub(crate) problems: Vec<(Target, String)>,
}

#[cfg(test)]
mod tests;
