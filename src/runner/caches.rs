//! The caches that a recipe's builds take over from each other, in a job: into its container before the first step, out of
//! it when the steps have ended well, and to the place where the next build looks when the packages are accepted. Nothing
//! here makes a job fail: what goes wrong costs time only.

use std::path::Path;

use super::container::{Captured, download, put};
use super::outcome::{self, JobError};
use super::packed::{JobCaches, Kept, PackError, Place, Room};
use super::prepare::Ready;
use super::work::{Work, blocking};
use crate::engine::{Container, ExecSpec, GuestPath};
use crate::event::Outcome;
use crate::packaging::{self, BUILD_UID, CACHES_ROOT, StepKind};

/// What a warning about a cache is called.
const RULE: &str = "build-cache";

/// Where the cache of the job lies; none where it has none, or has to do without.
async fn place(work: &Work<'_>, ready: &Ready) -> Result<Option<Place>, Outcome> {
    let Some(caches) = work.shared.options.build_caches.clone() else { return Ok(None) };
    if work.job.recipe.build.cache.is_empty() {
        return Ok(None);
    }
    // What has no package manager that farm asks is known by its image alone.
    let Some(environment) = ready.environment.as_ref().or(ready.base.as_ref()) else { return Ok(None) };
    let (root, target) = (work.job.recipe.root.clone(), work.job.target.to_string());
    let environment = environment.identity.clone();
    blocking(move || {
        let root = std::fs::canonicalize(if root.as_os_str().is_empty() { Path::new(".") } else { &root }).ok()?;
        Some(Place::new(&caches, &root, &target, &environment))
    })
    .await
}

/// Puts what the last good build left into the container.
pub(crate) async fn upload(work: &mut Work<'_>, container: &dyn Container, ready: &Ready) -> Result<(), JobError> {
    let Some(place) = place(work, ready).await? else { return Ok(()) };
    match blocking(move || place.open()).await? {
        Kept::Nothing => work.note("no cache of an earlier build").await?,
        Kept::Outdated => work.note("the cache of earlier builds is of another base, and starts anew").await?,
        Kept::Damaged(reason) => {
            let message = format!(
                "the cache of earlier builds is damaged and removed, and the build goes on without it: {reason}"
            );
            work.warning(RULE, &message).await?;
        }
        Kept::Whole(packed) => {
            work.note("with the cache of the last good build").await?;
            put(work, container, &GuestPath::new("/"), packed.stream()).await?;
        }
    }
    Ok(())
}

/// Takes what a build that ended well has left, and what its tools counted.
pub(crate) async fn collect(work: &mut Work<'_>, container: &dyn Container, ready: &Ready) -> Result<(), JobError> {
    work.caches = JobCaches::default();
    let questions = packaging::cache_questions(&work.job.recipe);
    for (cache, question) in questions {
        let answer = match question {
            Some(question) => ask(work, container, question).await,
            None => String::new(),
        };
        let used = packaging::cache_use(cache, &answer);
        work.note(&format!("cache: {used}")).await?;
        work.caches.uses.push(used);
    }
    let Some(place) = place(work, ready).await? else { return Ok(()) };
    let received =
        download(work, container, CACHES_ROOT, StepKind::Build, move |tar| place.pack(tar, Room::USUAL)).await;
    work.alive()?;
    let problem = match received {
        Ok(Some(Ok(pending))) => {
            work.caches.pending = Some(pending);
            return Ok(());
        }
        Ok(Some(Err(error))) => error_text(&error),
        Ok(None) => format!("the build has removed {CACHES_ROOT}"),
        Err(JobError::Transient(reason)) => reason,
        Err(JobError::Final(outcome)) => format!("{CACHES_ROOT} cannot be downloaded: {}", outcome.word()),
    };
    work.warning(RULE, &format!("the cache of this build is not kept: {problem}")).await?;
    Ok(())
}

fn error_text(error: &PackError) -> String {
    match error.is_disk_full() {
        true => format!("the disk of farm's cache is full: {error}"),
        false => error.to_string(),
    }
}

/// What a tool says; nothing where it cannot be asked.
async fn ask(work: &Work<'_>, container: &dyn Container, question: packaging::CacheQuestion) -> String {
    let mut output = Captured::default();
    let spec = ExecSpec {
        argv: vec!["sh".to_owned(), "-c".to_owned(), question.script],
        user: format!("{BUILD_UID}:{BUILD_UID}"),
        env: question.env.into_iter().collect(),
        workdir: GuestPath::new("/"),
    };
    // A program that never ends may have been put in its place.
    let limit = work.seconds(60).min(work.timeouts().step);
    match tokio::time::timeout(limit, container.exec(&spec, &mut output, work.cancel)).await {
        Ok(Ok(status)) if status.code == 0 => String::from_utf8_lossy(&output.bytes).into_owned(),
        _ => String::new(),
    }
}

/// The packages are accepted: so is what their build has left.
pub(crate) async fn keep(work: &mut Work<'_>) -> Result<(), Outcome> {
    let Some(pending) = work.caches.pending.take() else { return Ok(()) };
    if let Err(error) = blocking(move || pending.keep()).await? {
        let message = format!("the cache of this build is not kept: {}", outcome::chain(&error));
        work.warning(RULE, &message).await?;
    }
    Ok(())
}
