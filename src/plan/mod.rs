//! Targets -> [`Plan`]: what exactly would run, why, and under which content key. Pure: the same inputs give the same
//! plan, and the build never decides what the plan could have.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::distro::Distro;
use crate::family::{BuilderSetup, Packaging, TestSetup};
use crate::matrix::Target;
use crate::recipe::Recipe;

#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    pub jobs: Vec<Job>,
    pub warnings: Vec<PlanWarning>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanWarning {
    pub target: Option<Target>,
    pub message: String,
}

/// One target's work, complete.
#[derive(Debug, Clone, Serialize)]
pub struct Job {
    pub target: Target,
    #[serde(skip)]
    pub recipe: Arc<Recipe>,
    #[serde(skip)]
    pub distro: Arc<Distro>,
    pub builder: BuilderSetup,
    pub packaging: Packaging,
    /// None with `--no-test`.
    pub test: Option<TestSetup>,
    pub limits: JobLimits,
    /// The value of SOURCE_DATE_EPOCH when the recipe fixes it.
    pub source_date_epoch: Option<i64>,
    pub key: Key,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobLimits {
    pub memory_bytes: u64,
    pub pids: u32,
    /// Parallelism inside the job: `DEB_BUILD_OPTIONS=parallel=N`, `%_smp_mflags`.
    pub parallel: usize,
    pub timeout_seconds: u64,
    pub stall_seconds: u64,
    pub log_bytes: u64,
}

/// What a job's result depends on: a digest per named input, and one over them all.
/// The names are what `--explain` shows: `source`, `base`, `recipe.build.env`, `distro`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Key {
    pub digest: String,
    pub inputs: BTreeMap<String, String>,
}

/// Everything a plan depends on.
#[derive(Debug, Clone)]
pub struct Inputs {
    pub cells: Vec<Cell>,
    /// Base image identities that are known, by `debian-12/amd64`. A base that is not known yet takes no part in
    /// [`Reason`]: nothing can be said about it before it is fetched.
    pub bases: BTreeMap<String, String>,
    /// CPUs and memory of the engine, slots of the run.
    pub cpus: usize,
    pub memory_bytes: u64,
    pub slots: usize,
    pub test: bool,
    /// Today, `2026-11-22`, for end-of-life warnings.
    pub today: String,
}

/// One target with what it is made from.
#[derive(Debug, Clone)]
pub struct Cell {
    pub target: Target,
    pub recipe: Arc<Recipe>,
    pub distro: Arc<Distro>,
    /// `source::fingerprint`
    pub source_digest: String,
    /// SOURCE_DATE_EPOCH as far as it is known without fetching.
    pub source_date_epoch: Option<i64>,
}

/// Makes the plan, jobs in the order of the cells.
///
/// # Errors
/// Everything in every recipe that its target's format cannot express.
pub fn plan(inputs: &Inputs) -> Result<Plan, PlanError> {
    let _ = inputs;
    unimplemented!()
}

/// Whether a job must run, given the last good one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    UpToDate,
    NeverBuilt,
    /// Names of the inputs that are new, gone or different.
    Changed {
        inputs: Vec<Change>,
    },
    NotTested,
    Forced,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub input: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Compares a job with the key of the last good one. An input `base` that is missing on either side is not compared.
pub fn reason(job: &Job, last: Option<&Key>) -> Reason {
    let _ = (job, last);
    unimplemented!()
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} of the planned jobs cannot be expressed", .problems.len())]
pub struct PlanError {
    pub problems: Vec<(Target, String)>,
}
