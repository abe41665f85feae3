//! What an image that a recipe names can do: asked in the job's container, before anything is uploaded. Of such an image a
//! shell is assumed, and what the steps need is asked for by name, so that what is missing is said and not stumbled over.

use super::container::run_captured;
use super::outcome::{self, JobError};
use super::work::Work;
use crate::engine::Container;
use crate::event::Outcome;
use crate::packaging::{self, StepKind};
use crate::plan::JobEnvironment;
use crate::recipe::{EnvironmentOrigin, PackagingTools};
use crate::types::Format;

/// Exit codes by which a program that cannot be run is told from one that failed.
const NOT_RUN: [i32; 2] = [126, 127];

/// Whether farm makes the packages: when the image has not all of the format's tools, or the recipe says so.
pub(crate) async fn made_by_farm(
    work: &mut Work<'_>,
    container: &dyn Container,
    environment: &JobEnvironment,
) -> Result<bool, JobError> {
    let probe = packaging::environment_probe(&work.job.recipe, work.job.distro.format);
    let image = name(&environment.origin);
    let (code, output) = run_captured(work, container, &probe.script).await?;
    let output = String::from_utf8_lossy(&output.bytes).into_owned();
    let has = |tool: &&str| output.lines().any(|line| line.strip_prefix("farm: has ") == Some(*tool));
    if code != 0 {
        let shown = crate::types::printable(output.trim());
        return Err(unfit(match NOT_RUN.contains(&code) {
            true => format!("{image} has no shell: the steps of a recipe need /bin/sh"),
            false => format!("{image} cannot be looked into (exit code {code}): {shown}"),
        }));
    }
    let missing_tools: Vec<&str> = probe.packaging.iter().copied().filter(|tool| !has(tool)).collect();
    let by_farm = match environment.tools {
        PackagingTools::Farm => true,
        PackagingTools::Auto => !missing_tools.is_empty(),
        PackagingTools::Image if missing_tools.is_empty() => false,
        PackagingTools::Image => {
            let missing = missing_tools.join(", ");
            return Err(unfit(format!("{image} has no {missing}, and this target's packages are made by the image")));
        }
    };
    if by_farm {
        let missing: Vec<&str> = probe.staging.iter().copied().filter(|tool| !has(tool)).collect();
        if !missing.is_empty() {
            return Err(unfit(format!("{image} has no {}, which the steps need", missing.join(", "))));
        }
        let why = match missing_tools.is_empty() {
            true => "the recipe says so".to_owned(),
            false => format!("{image} has no {}", missing_tools.join(", ")),
        };
        tell(work, &why).await?;
    }
    if !work.job.recipe.build.requires.is_empty() {
        work.note(&format!("what [build] requires is taken to be in {image}")).await?;
    }
    Ok(by_farm)
}

/// Says in log and report that the packages are farm's own work.
pub(crate) async fn tell(work: &mut Work<'_>, why: &str) -> Result<(), JobError> {
    let debug = match work.job.distro.format {
        Format::Deb => "-dbgsym",
        Format::Rpm => "-debuginfo",
    };
    let message =
        format!("farm itself made the packages, with what it read in the files and without {debug} packages: {why}");
    work.note(&message).await?;
    work.warn_once(outcome::warning("made-by-farm", message));
    Ok(())
}

pub(crate) fn name(origin: &EnvironmentOrigin) -> String {
    match origin {
        EnvironmentOrigin::Image(reference) => format!("image {reference}"),
        EnvironmentOrigin::Distro(id) => format!("the image of {id}"),
        EnvironmentOrigin::Dockerfile(dockerfile) => format!("the image of {}", dockerfile.path),
    }
}

pub(crate) fn unfit(message: String) -> JobError {
    let findings = vec![outcome::finding("", "environment-unfit", message)];
    Outcome::Rejected { step: StepKind::Unpack, findings }.into()
}
