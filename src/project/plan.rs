//! From targets with their inputs to jobs: what the engine has already, the plan, and why each job is to be built.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ProjectError, Resolved};
use crate::archive::{ArchiveError, Archives};
use crate::distro::Distro;
use crate::engine::{Engine, Network};
use crate::image::{BaseChoice, ImageOptions, Images, KnownBases};
use crate::matrix::Target;
use crate::packaging::Mirrors;
use crate::plan::{self, INPUT_OF_SET, INPUT_OF_TEST_SET, Inputs, Job, Plan, PlanWarning, Reason, TargetInputs};
use crate::recipe::EnvironmentOrigin;
use crate::runner::{Member, SetInputs};
use crate::store::Store;
use crate::types::{Arch, printable};

/// A base that is older is told of: by then its distribution has had security fixes.
const OLD_BASE_DAYS: i64 = 30;

/// How much a run may take, and what it leaves out.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Jobs at a time on each engine; none: as that says, else by its CPUs.
    pub jobs: Option<usize>,
    /// Whether packages are installed and tried.
    pub test: bool,
    /// Whether linters look through packages.
    pub lint: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { jobs: None, test: true, lint: true }
    }
}

/// A plan, and what a run of it needs.
#[derive(Debug)]
pub struct Planned {
    /// What the run does.
    pub plan: Plan,
    /// The engines that it is made for.
    pub pool: Vec<Member>,
    /// What identifies the bases that it goes by.
    pub(super) bases: BTreeMap<String, String>,
    pub(super) archives: Archives,
    pub(super) mirrors: Mirrors,
}

/// A job, and why it is to be built.
#[derive(Debug)]
pub struct Decided<'a> {
    /// The job that it is about, one of the plan's.
    pub job: &'a Job,
    /// Why it must run, or that it need not.
    pub reason: Reason,
}

impl Resolved {
    /// The images of an engine, made from the archives that this has been resolved with. `run` is for labels, `network` for
    /// scripts that need one.
    pub fn images(&self, engine: Arc<dyn Engine>, base: BaseChoice, run: &str, network: Network) -> Images {
        let options = ImageOptions::new(base, self.archives.clone(), run, network);
        Images::new(engine, ImageOptions { held: self.held_bases.clone(), ..options })
    }

    /// The base images of these targets: each distribution and architecture once.
    pub fn bases(&self) -> Vec<(Arc<Distro>, Arch)> {
        let of_target = |inputs: &TargetInputs| {
            inputs.distros().map(|distro| (distro.clone(), inputs.target.arch)).collect::<Vec<_>>()
        };
        let mut bases: Vec<_> = self.targets.iter().flat_map(of_target).collect();
        bases.sort_by(|a, b| (&a.0.id, a.1).cmp(&(&b.0.id, b.1)));
        bases.dedup_by(|a, b| a.0.id == b.0.id && a.1 == b.1);
        bases
    }

    /// The same, where something can be built: targets whose packages are not known end with the reason, the others do not
    /// mind.
    ///
    /// # Errors
    /// The first archive that could not be read, where that leaves no target to build.
    pub fn complete(mut self) -> Result<Resolved, ProjectError> {
        let is_cancelled = self.unread.iter().position(|unread| matches!(unread.source, ArchiveError::Cancelled));
        let is_left = self.targets.iter().any(|inputs| !self.blocked.contains_key(&inputs.target));
        match is_cancelled.or_else(|| (!is_left && !self.unread.is_empty()).then_some(0)) {
            None => Ok(self),
            Some(number) => Err(self.unread.swap_remove(number).into()),
        }
    }

    /// The plan, for the engines of `pool`. Without any, nothing is said of base images.
    ///
    /// # Errors
    /// What recipes ask for that their targets' formats cannot express, targets that get into each other's way, and an
    /// engine that breaks off.
    pub async fn plan(self, mut pool: Vec<Member>, limits: Limits) -> Result<Planned, ProjectError> {
        let (mut known, mut environments) = (KnownBases::default(), BTreeMap::new());
        let bases = self.bases();
        for member in &mut pool {
            let of_member = member.images.known_bases(&bases).await?;
            member.bases = of_member.identities.keys().cloned().collect();
            for (target, identity) in known_environments(&self.targets, &of_member.identities, &member.images).await? {
                environments.entry(target).or_insert(identity);
            }
            known.join(of_member);
            let slots = limits.jobs.or_else(|| Some(member.slots).filter(|slots| *slots > 0));
            member.slots = slots.unwrap_or_else(|| default_slots(member.info.cpus)).min(self.targets.len());
        }
        let of_bases = base_notes(&known, chrono::Utc::now().timestamp());
        let mut plan = plan::plan(&Inputs {
            targets: self.targets,
            bases: known.identities.clone(),
            answers: self.answers,
            environments,
            memory_bytes: pool.iter().map(Member::memory).max().unwrap_or(u64::MAX),
            test: limits.test,
            lint: limits.lint,
            today: plan::today(),
        })?;
        for job in &mut plan.jobs {
            job.unanswered = self.blocked.get(&job.target).cloned();
        }
        plan.warnings.extend(of_bases.into_iter().map(|message| PlanWarning { target: None, message }));
        Ok(Planned { plan, pool, bases: known.identities, archives: self.archives, mirrors: self.mirrors })
    }
}

impl Planned {
    /// Why each job is to be built, or that it is not, in the order of the plan: each after what it needs. Without a store,
    /// nothing was ever built. Reads packages of jobs that others need.
    pub fn decide(&self, store: Option<&Store>) -> Vec<Decided<'_>> {
        let jobs = &self.plan.jobs;
        let set_inputs = SetInputs::new(jobs);
        let mut decided: Vec<Decided<'_>> = Vec::with_capacity(jobs.len());
        for (number, job) in jobs.iter().enumerate() {
            let needs = set_inputs.needs(number);
            let targets = |needs: &[usize]| needs.iter().map(|need| jobs[*need].target.clone()).collect();
            let open: Vec<usize> =
                needs.iter().copied().filter(|need| decided[*need].reason != Reason::UpToDate).collect();
            let reason = match store {
                Some(store) if !needs.is_empty() && open.is_empty() => match set_inputs.of(jobs, number, store) {
                    Ok(available) => reason(&job.with_set(available.inputs(job.test.is_some())), Some(store)),
                    Err(_) => Reason::Needs { targets: targets(needs) },
                },
                _ if open.is_empty() => reason(job, store),
                _ => match reason(&with_last_set(job, store), store) {
                    Reason::UpToDate => Reason::Needs { targets: targets(&open) },
                    reason => reason,
                },
            };
            decided.push(Decided { job, reason });
        }
        decided
    }
}

/// Slots when nobody says how many: one per CPU up to four; beyond that a job gets several CPUs, because a build is
/// seldom all parallel and seldom not at all.
pub fn default_slots(cpus: usize) -> usize {
    cpus.clamp(1, 4).max(cpus / 4)
}

/// Bases that are another image than when they were last built on, and such as nobody has brought up to date for long.
fn base_notes(known: &KnownBases, now: i64) -> Vec<String> {
    let mut notes: Vec<String> = known
        .moved
        .iter()
        .map(|(base, image)| format!("base {base} is made anew: {} is another image now", printable(image)))
        .collect();
    let old: Vec<&str> = known
        .made
        .iter()
        .filter(|(_, made)| now - **made > OLD_BASE_DAYS * 24 * 60 * 60)
        .map(|(base, _)| base.as_str())
        .collect();
    if !old.is_empty() {
        notes.push(format!(
            "made more than {OLD_BASE_DAYS} days ago, without the fixes since then: base {} (`farm images update`)",
            old.join(", ")
        ));
    }
    notes
}

/// Identities of the images that the engine has for targets with environments of their own. Each is asked for once.
async fn known_environments(
    targets: &[TargetInputs],
    bases: &BTreeMap<String, String>,
    images: &Images,
) -> Result<BTreeMap<Target, String>, ProjectError> {
    let mut asked: BTreeMap<(String, Arch), Option<String>> = BTreeMap::new();
    let mut known = BTreeMap::new();
    for inputs in targets {
        let TargetInputs { target, recipe, environment_distro, .. } = inputs;
        if let Some(distro) = environment_distro {
            let base = bases.get(&plan::base_id(distro, target.arch));
            known.extend(base.map(|identity| (target.clone(), identity.clone())));
        }
        let dockerfile = inputs.dockerfile_image();
        let name = match (recipe.environment.as_ref().map(|found| &found.origin), &dockerfile) {
            (Some(EnvironmentOrigin::Image(reference)), _) => reference.clone(),
            (Some(EnvironmentOrigin::Dockerfile(_)), Some(image)) => image.key(),
            _ => continue,
        };
        let asking = (name, target.arch);
        let identity = match asked.get(&asking) {
            Some(identity) => identity.clone(),
            None => {
                let identity = match &dockerfile {
                    Some(image) => images.known_built(image).await?.map(|base| base.identity),
                    None => images.known_environment(&asking.0, target.arch).await?,
                };
                asked.insert(asking, identity.clone());
                identity
            }
        };
        known.extend(identity.map(|identity| (target.clone(), identity)));
    }
    Ok(known)
}

/// The job with what it took from others when it was last built: then only what is its own can differ.
fn with_last_set(job: &Job, store: Option<&Store>) -> Job {
    let last = store.and_then(|store| store.record(&job.target)).map(|record| record.key.inputs).unwrap_or_default();
    let of_set = |name: &String| name.starts_with(INPUT_OF_SET) || name.starts_with(INPUT_OF_TEST_SET);
    job.with_set(last.into_iter().filter(|(name, _)| of_set(name)).collect())
}

fn reason(job: &Job, store: Option<&Store>) -> Reason {
    let last = store.and_then(|store| store.record(&job.target));
    match plan::reason(job, last.as_ref().map(|record| &record.key)) {
        Reason::UpToDate if job.test.is_some() && last.is_some_and(|record| !record.tested) => Reason::NotTested,
        reason => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_grow_with_the_machine() {
        assert_eq!([0, 1, 2, 4, 8, 16, 64].map(default_slots), [1, 1, 2, 4, 4, 4, 16]);
    }

    #[test]
    fn bases_that_moved_and_old_ones_are_told() {
        let name = |text: &str| text.to_owned();
        let mut known = KnownBases::default();
        assert_eq!(base_notes(&known, 0), Vec::<String>::new());
        known.moved.push((name("rocky-9/amd64"), name("docker.io/rockylinux/rockylinux:9")));
        let day = 24 * 60 * 60;
        known.made = BTreeMap::from([
            (name("debian-12/amd64"), 0),
            (name("debian-13/amd64"), 40 * day),
            (name("fedora-44/amd64"), 9 * day),
        ]);
        assert_eq!(
            base_notes(&known, 40 * day),
            [
                "base rocky-9/amd64 is made anew: docker.io/rockylinux/rockylinux:9 is another image now",
                "made more than 30 days ago, without the fixes since then: base debian-12/amd64, fedora-44/amd64 \
                 (`farm images update`)",
            ]
        );
    }
}
