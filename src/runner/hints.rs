//! From what a failed step printed to hints in its report: what is missing, what to ask for, which package that is. It
//! never changes how a job ended, and never keeps it waiting for long.

use std::time::Duration;

use tokio::time::timeout;

use super::work::Work;
use crate::event::{Hint, NearNames, Outcome, RequiredBy};
use crate::formats::relation::field;
use crate::hint::{self, MissingKind};
use crate::packaging::StepKind;
use crate::plan::Job;
use crate::recipe::EnvironmentOrigin;
use crate::types::Format;

/// For all hints of a job together: the first look into an archive downloads its index.
const PATIENCE: Duration = Duration::from_secs(90);

/// The key of the recipe that names a Dockerfile.
const DOCKERFILE: &str = "environment.dockerfile";

/// Hints on a job that ended so.
pub(crate) async fn hints(work: &mut Work<'_>, outcome: &Outcome) -> Vec<Hint> {
    let step = match outcome {
        Outcome::Failed { step, .. } if *step != StepKind::Prepare => *step,
        Outcome::Rejected { step: step @ StepKind::Test, .. } => *step,
        _ => return Vec::new(),
    };
    let mut missing = work.journal.missing();
    missing.retain(|missing| missing.kind != MissingKind::Command || !hint::becomes_root(&missing.name));
    if missing.is_empty() {
        return Vec::new();
    }
    let job = work.job;
    let adviser = &work.shared.adviser;
    let (to, key) = whereto(job, step);
    let in_dockerfile = key == Some(DOCKERFILE);
    let place = key.and_then(|key| adviser.place(&job.target, key));
    let progress = work.journal.progress();
    let mut known = Vec::new();
    let asking = async {
        for missing in &missing {
            known.push(adviser.advise(job, missing, &progress, work.cancel).await);
        }
    };
    // What was found by then is told.
    let _ = timeout(PATIENCE, asking).await;
    let mut hints: Vec<Hint> = Vec::new();
    let known = known.into_iter().chain(std::iter::repeat_with(|| None));
    for (missing, known) in missing.into_iter().zip(known) {
        let (requirement, packages) = match known {
            Some((requirement, packages)) => (requirement, Some(packages)),
            None => (missing.requirements().into_iter().next().unwrap_or_default(), None),
        };
        if hints.iter().all(|hint| hint.requirement != requirement) {
            hints.push(Hint { missing, requirement, to: to.clone(), in_dockerfile, place: place.clone(), packages });
        }
    }
    hints
}

/// With what the distribution has in place of what it does not have.
pub(crate) async fn near(work: &Work<'_>, outcome: Outcome) -> Outcome {
    let Outcome::DepWait { by, requirements, place, near: offered } = outcome else { return outcome };
    let job = work.job;
    let of_environment = job.environment.as_ref().and_then(|environment| environment.distro.as_ref());
    let distro = of_environment.filter(|_| by == RequiredBy::Build).unwrap_or(&job.distro);
    // Of alternatives the first is the one that was meant to be there.
    let name = |requirement: &String| field::names(requirement).next().unwrap_or_default().to_owned();
    let names = requirements.iter().map(name).collect();
    let progress = work.journal.progress();
    let asking = work.shared.adviser.near(distro, job.target.arch, names, &progress, work.cancel);
    let known = timeout(PATIENCE, asking).await.ok().flatten().unwrap_or_default();
    let near = requirements.iter().cloned().zip(known).filter(|(_, packages)| !packages.is_empty());
    let near: Vec<NearNames> = near.map(|(requirement, packages)| NearNames { requirement, packages }).collect();
    // Where farm has no index, the package manager may have been asked.
    let near = if near.is_empty() { offered } else { near };
    Outcome::DepWait { by, requirements, place, near }
}

/// What a requirement of this step is added to, in words, and the key of the recipe, if it is one.
fn whereto(job: &Job, step: StepKind) -> (String, Option<&'static str>) {
    if step == StepKind::Test {
        return ("[test] requires".to_owned(), Some("test.requires"));
    }
    // Nothing is installed in an image that the recipe names.
    match job.environment.as_ref().map(|environment| &environment.origin) {
        Some(EnvironmentOrigin::Image(reference)) => {
            return (format!("the image {reference}"), Some("environment.image"));
        }
        Some(EnvironmentOrigin::Dockerfile(dockerfile)) => {
            return (dockerfile.path.clone(), Some(DOCKERFILE));
        }
        Some(EnvironmentOrigin::Distro(_)) | None => {}
    }
    let own = &job.recipe.packaging;
    match (job.target.format, &own.debian, &own.spec) {
        (Format::Deb, Some(folder), _) => (format!("Build-Depends in {folder}/control"), None),
        (Format::Rpm, _, Some(spec)) => (format!("BuildRequires in {spec}"), None),
        _ => ("[build] requires".to_owned(), Some("build.requires")),
    }
}
