//! What of a recipe's requirements the steps of a build have used, by the files that were opened in its container.

use super::container::{Content, put, run_captured_up_to, small_files};
use super::outcome::{self, JobError};
use super::work::Work;
use crate::distro::Distro;
use crate::engine::{Container, GuestPath, Reads};
use crate::event::{Outcome, UnusedRequirement};
use crate::packaging::{self, Replaced, Requirements, unused};

/// Begins to note what is opened, where the run wants to know. Before the first step: what farm itself asks in the container
/// is no use of anything.
pub(super) async fn begin(work: &Work<'_>, container: &dyn Container) -> Result<Option<Box<dyn Reads>>, JobError> {
    if !work.shared.options.watch_reads {
        return Ok(None);
    }
    let refuse =
        |reason: &str| Outcome::Infrastructure { reason: format!("what the build uses is not known: {reason}") };
    let Some(distro) = builder(work) else {
        return Err(refuse("[environment] names an image, in which nothing is installed for the build").into());
    };
    if unused::script(distro).is_none() {
        return Err(refuse("only apt's packages are asked, and this distribution has others").into());
    }
    if packaging::is_own(&work.job.recipe, work.job.target.format) {
        return Err(refuse("the project's own packaging says what it requires, not the recipe").into());
    }
    let below = unused::SYSTEM.map(str::to_owned).to_vec();
    let reads = container.watch_reads(below).await;
    Ok(Some(reads.map_err(|error| refuse(&outcome::chain(&error)))?))
}

/// The distribution whose packages the build requires.
fn builder<'a>(work: &Work<'a>) -> Option<&'a Distro> {
    match &work.job.environment {
        None => Some(&work.job.distro),
        Some(environment) => environment.distro.as_deref(),
    }
}

/// Ends it, after the last step, and finds out what was not used.
pub(super) async fn end(
    work: &mut Work<'_>,
    container: &dyn Container,
    reads: Option<Box<dyn Reads>>,
) -> Result<(), JobError> {
    let (Some(reads), Some(script)) = (reads, builder(work).and_then(unused::script)) else { return Ok(()) };
    let step = work.journal.step();
    let opened = reads.end().await.map_err(|error| outcome::engine(error, step))?;
    let mut text = "/\n".to_owned();
    for path in opened.iter().filter(|path| !path.contains('\n')) {
        text.push_str(path);
        text.push('\n');
    }
    work.note(&format!("{} files of the system were opened", opened.len())).await?;
    let file = (unused::OPENED.to_owned(), Content::Bytes(text.into_bytes(), 0o644));
    put(work, container, &GuestPath::new("/"), small_files(vec![file], 0, 0)).await?;
    let (code, output) = run_captured_up_to(work, container, script, unused::LARGEST_ANSWER).await?;
    let text = String::from_utf8_lossy(&output.bytes);
    let setup = &work.job.builder;
    let toolchain = setup.toolchain.as_deref().map_or_else(Vec::new, |toolchain| match &toolchain.requirements {
        Requirements::Listed(listed) | Requirements::FromSource { toolchain: listed, .. } => listed.clone(),
    });
    let requires = &work.job.recipe.build.requires;
    let found = (code == 0).then(|| unused::unused(requires, &toolchain, &text)).flatten();
    let Some(found) = found else {
        let reason = format!("dpkg did not say whose files were opened (exit code {code})");
        return Err(Outcome::Infrastructure { reason }.into());
    };
    let told = |requirement: String| {
        let is_meant = |one: &&Replaced| one.key == "build.requires" && one.becomes.contains(&requirement);
        let wanted = work.job.resolved.iter().find(is_meant).map_or(&requirement, |one| &one.wanted).clone();
        // What farm asks for beside it, as pkg-config for a `pkgconfig(…)`, is nobody's to leave out.
        let place = work.shared.adviser.place_of(&work.job.target, "build.requires", &wanted)?;
        Some(UnusedRequirement { requirement: wanted, package: requirement, place })
    };
    work.unused = Some(found.into_iter().filter_map(told).collect());
    Ok(())
}
