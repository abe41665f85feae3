//! What a plan is made of: what goes in, and what comes out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::set::{self, Need};
use crate::distro::Distro;
use crate::formats::buildinfo::{Installed, Sum};
use crate::matrix::Target;
use crate::packaging::{
    self, Answers, Assembly, BuilderSetup, FormerLinks, Packaging, Replaced, StepKind, TargetRecipe, TestSetup,
};
use crate::recipe::{EnvironmentOrigin, PackagingTools, Repository, RepositoryOrigin, SharedRecipe};
use crate::source;
use crate::types::{Arch, LintLevel, Linter, PackageManager};

/// What a run would do: its jobs, and what people should know first.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The jobs of the run.
    pub jobs: Vec<Job>,
    pub(crate) warnings: Vec<PlanWarning>,
}

/// Something to know about a plan that does not keep it from being run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PlanWarning {
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
    /// None with `--no-lint`, and where nothing is known that would lint its packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lint: Option<Arc<LintSetup>>,
    pub(crate) limits: JobLimits,
    /// The value of SOURCE_DATE_EPOCH when the recipe fixes it.
    pub(crate) source_date_epoch: Option<i64>,
    /// Those of the recipe that it may take packages from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) repositories: Vec<Repository>,
    /// Why it is not known which packages it needs: it cannot be built now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unanswered: Option<String>,
    /// What it takes from other jobs of its set, all of which are in the plan.
    pub(crate) needs: Vec<Need>,
    /// Nobody asked for it: it is here because others need it.
    pub(crate) only_needed: bool,
    /// Packages that are tried in place of those that a build would make.
    #[serde(skip)]
    pub(crate) given: Option<Arc<Given>>,
    /// What a .buildinfo says that the packages come out as: they are compared with that, and not kept.
    #[serde(skip)]
    pub(crate) rebuild: Option<Arc<Rebuild>>,
    /// Without the packages that it takes from others: they are known when those are done. See [`Job::with_set`].
    pub(crate) key: Key,
}

/// Packages that somebody else has built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Given {
    /// Files on this host, no two of one name.
    pub(crate) packages: Vec<PathBuf>,
    /// What they are to be an upgrade of; empty: the last good ones in the store.
    pub(crate) former: Vec<PathBuf>,
}

/// What looks through the packages of a job.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LintSetup {
    pub(crate) linter: Linter,
    /// The distribution that it runs on.
    #[serde(rename = "on", serialize_with = "by_id")]
    pub(crate) distro: Arc<Distro>,
    /// The image for it.
    pub(crate) image: BuilderSetup,
    /// What findings are to the job, by rule, where the recipe says it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) levels: BTreeMap<String, LintLevel>,
}

fn by_id<S: Serializer>(distro: &Arc<Distro>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&distro.id)
}

/// A build that a .buildinfo tells of, done once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rebuild {
    /// The name of the file, without its folder.
    pub(crate) file: String,
    /// The packages that were made, by the names of their files.
    pub(crate) packages: BTreeMap<String, Sum>,
    /// Where they may lie, too.
    pub(crate) beside: PathBuf,
    /// What was installed.
    pub(crate) installed: Vec<Installed>,
    /// Whether packages may be installed in other versions.
    pub(crate) nearest: bool,
}

/// `[environment]` for one target.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JobEnvironment {
    #[serde(flatten)]
    pub(crate) origin: EnvironmentOrigin,
    /// That of [`EnvironmentOrigin::Distro`].
    #[serde(skip)]
    pub(crate) distro: Option<Arc<Distro>>,
    /// That of [`EnvironmentOrigin::Dockerfile`]: [`TargetInputs::context_digest`].
    #[serde(skip)]
    pub(crate) context_digest: Option<String>,
    /// Never `Auto` where it can be known without the image.
    pub(crate) tools: PackagingTools,
}

/// What one job may use, from the recipe's `[limits]` and the engine's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct JobLimits {
    pub(crate) memory_bytes: u64,
    pub(crate) pids: u32,
    pub(crate) timeout_seconds: u64,
    pub(crate) stall_seconds: u64,
    pub(crate) log_bytes: u64,
}

/// What a job's result depends on: a value or digest per named input, and one digest over them all.
/// The names are what `--explain` shows: `source`, `base`, `recipe.build.env`, `distro`, `arch`, of an environment of the
/// recipe's own `environment`, and `environment.distro` or `environment.dockerfile`, and, made by farm itself, `builder`,
/// `packaging`, `assembly`, `test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub(crate) struct Key {
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
    /// The memory of the engine in bytes, of several that of the largest; 0 where it is not known.
    pub memory_bytes: u64,
    /// Whether packages are to be installed and tried.
    pub test: bool,
    /// Whether linters are to look through packages.
    pub lint: bool,
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
    /// The distribution whose linter looks through the packages, where that is another one.
    pub lint_distro: Option<Arc<Distro>>,
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
            Some(_) if former_links.is_empty() || self.target.source => Arc::clone(&self.packaging),
            None if self.target.source => Arc::new(packaging::source(&self.recipe, &self.distro, self.date(newest))),
            _ => Arc::new(packaging::generate(&self.with(former_links), &self.distro, self.date(newest))),
        }
    }

    /// The packaging for a container in which the steps before `from` are done.
    pub(crate) fn going_on(&self, newest: i64, former_links: &FormerLinks, from: StepKind, by_farm: bool) -> Packaging {
        packaging::going_on(&self.with(former_links), &self.distro, self.date(newest), from, by_farm)
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

impl Inputs {
    pub(super) fn answers_for(&self, target: &TargetInputs) -> &Answers {
        static NONE: Answers = Answers::new();
        self.answers.get(&target.place()).map_or(&NONE, |answers| answers)
    }
}

/// The name of a base image in [`Inputs::bases`]: `debian-12/amd64`, with Debian's name of the architecture.
pub(crate) fn base_id(distro: &Distro, arch: Arch) -> String {
    format!("{}/{}", distro.id, arch.deb())
}

/// Of changelogs, as far as it is known without fetching.
pub(super) fn date(target: &TargetInputs) -> i64 {
    target.source_date_epoch.unwrap_or(0)
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
