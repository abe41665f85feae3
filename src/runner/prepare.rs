//! The first part of a job: its sources on this host and its builder image in the engine.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::derive::{derive, image_stop, installs, shipped};
use super::dispatcher::Returned;
use super::environment;
use super::extra;
use super::job_events::JobEvent;
use super::lint;
use super::locked;
use super::outcome::{self, JobError};
use super::required;
use super::set::SetFile;
use super::work::{Work, blocking};
use crate::event::Outcome;
use crate::image::{Base, DockerfileImage, FileContent, Install};
use crate::packaging::StepKind;
use crate::plan::base_id;
use crate::recipe::{Dockerfile, EnvironmentOrigin, RepositoryUse};
use crate::source::{self, Context, Prepared};

/// Making images is farm's work, not the package's: a recipe with a short limit must not cut it off for all.
const LEAST_PATIENCE: Duration = Duration::from_secs(45 * 60);
/// What a job needs before its container is made.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) sources: Prepared,
    /// Where the recipe names lock files.
    pub(crate) modules: Option<Prepared>,
    /// What the packages are tested in; none when neither builder nor test wants it.
    pub(crate) base: Option<Base>,
    /// The id of the image that the steps run in.
    pub(crate) builder: String,
    /// What that image is, when the recipe names it.
    pub(crate) environment: Option<Base>,
    /// The id of the image that the linter runs in; none when there is none.
    pub(crate) linter: Option<String>,
}

pub(crate) async fn prepare(work: &mut Work<'_>) -> Result<Ready, JobError> {
    work.enter(StepKind::Prepare).await?;
    let limit = work.timeouts().step.max(LEAST_PATIENCE);
    let cancel = work.cancel.child_token();
    // Cancelled, not dropped, when time is up: images that are being made must be cleaned up, and others may wait for
    // the same one.
    let timer = {
        let cancel = cancel.clone();
        async move {
            sleep(limit).await;
            cancel.cancel();
            std::future::pending::<Outcome>().await
        }
    };
    let result = tokio::select! {
        result = make(work, &cancel) => result,
        outcome = timer => Err(outcome.into()),
    };
    match result {
        Err(JobError::Final(Outcome::Cancelled)) if !work.cancel.is_cancelled() && cancel.is_cancelled() => {
            Err(Outcome::TimedOut { step: StepKind::Prepare, limit }.into())
        }
        result => result,
    }
}

async fn make(work: &mut Work<'_>, cancel: &CancellationToken) -> Result<Ready, JobError> {
    let (shared, job) = (work.shared, work.job);
    let progress = work.journal.progress();
    let fetched = shared.sources.prepare_for(&job.recipe, job.target.arch, &progress, cancel);
    let events = work.events.clone();
    let warn = move |message: String| events.send(JobEvent::Warning(message));
    let environment = job.environment.as_deref();
    let set_packages = work.available.for_build();
    let built_on = environment.map_or(Some(&job.distro), |environment| environment.distro.as_ref());
    let given = job.given.is_some();
    let mut install = built_on.filter(|_| !given).and_then(|distro| {
        let alone = set_packages.is_empty() && !extra::is_possible(work, distro, RepositoryUse::Build);
        installs(work, distro, &job.builder, alone)
    });
    // Without sources nothing is built: nobody waits for images then.
    let wanted = cancel.child_token();
    let fetched = async {
        let fetched = fetched.await;
        if fetched.is_err() {
            wanted.cancel();
        }
        fetched
    };
    let (sources, images) = tokio::join!(fetched, images(work, install.as_mut(), &warn, &wanted));
    let (sources, modules) = sources.map_err(outcome::source)?;
    let of_modules = modules.iter().flat_map(|modules| &modules.warnings);
    for (rule, message) in sources.warnings.iter().chain(of_modules) {
        work.warning(rule, message).await?;
    }
    if job.date(sources.newest) <= source::EARLIEST {
        let message = "nothing in the sources says when they were made, and so packages say 1990-01-01: write date in \
                       [package]";
        work.warning("no-date", message).await?;
    }
    let (base, own) = images?;
    locked::check_images(work, base.as_ref(), own.as_ref())?;
    agree(work, base.as_ref(), own.as_ref())?;
    required::check(work, base.as_ref(), cancel).await?;
    if let Some(own) = &own {
        work.note(&format!("image of the environment {}", own.identity)).await?;
    }
    if !set_packages.is_empty() {
        work.note(&format!("packages of the set: {}", set_packages.text())).await?;
        if let Some(environment) = environment.filter(|environment| !environment.installs_for(&job.distro)) {
            let name = environment::name(&environment.origin);
            let message = format!("{name} cannot have packages of the set installed: {}", set_packages.text());
            return Err(environment::unfit(message));
        }
    }
    let from_set = shipped(work, set_packages).await?;
    let from_set = from_set.into_iter().map(|(path, file)| match file {
        SetFile::Bytes(bytes) => (path, bytes.into()),
        SetFile::Package(package) => {
            (path, FileContent::OnHost { path: package.path, sha256: package.artifact.sha256 })
        }
    });
    let mut from_set: Vec<(String, FileContent)> = from_set.collect();
    let sources_of = Some(&sources);
    if let Some(distro) = built_on.filter(|_| !given) {
        let requirements = &job.builder.requirements;
        let of_repositories =
            extra::for_image(work, distro, RepositoryUse::Build, requirements, sources_of, cancel).await?;
        from_set.extend(of_repositories);
    }
    let builder = match (environment, &own, &base) {
        // Nothing is built.
        _ if given => String::new(),
        (Some(environment), Some(own), _) => match &environment.distro {
            Some(distro) => {
                derive(work, distro, "builder", &job.builder, own, install, sources_of, from_set, cancel).await?
            }
            None => own.image.clone(),
        },
        (_, _, Some(base)) => {
            derive(work, &job.distro, "builder", &job.builder, base, install, sources_of, from_set, cancel).await?
        }
        _ => return Err(Outcome::Infrastructure { reason: "nothing says where to build".to_owned() }.into()),
    };
    let linter = lint::image(work, cancel).await?;
    Ok(Ready { sources, modules, base, builder, environment: own, linter })
}

/// Refuses an engine that has other images than what the run is built on already.
fn agree(work: &mut Work<'_>, base: Option<&Base>, own: Option<&Base>) -> Result<(), Outcome> {
    if work.shared.is_alone {
        return Ok(());
    }
    let job = work.job;
    let of_base = base.map(|base| (base_id(&job.distro, job.target.arch), base));
    let of_own = own.zip(job.environment.as_deref()).map(|(own, environment)| match &environment.distro {
        Some(distro) => (base_id(distro, job.target.arch), own),
        None => (format!("{}/{}", environment::name(&environment.origin), job.target.arch), own),
    });
    let differs = |(name, image): &(String, &Base)| !work.shared.agreed.agrees(name, image);
    let Some((name, image)) = of_base.into_iter().chain(of_own).find(differs) else { return Ok(()) };
    let reason = format!(
        "its image of {name} is {}, and this run builds on another one: `farm images update` makes them anew on each engine",
        image.identity
    );
    work.elsewhere = Some((Returned::OtherImages, reason.clone()));
    Err(Outcome::Infrastructure { reason })
}

/// The base to test in, where one is needed, and the image that the recipe names, if it does. What is to be installed
/// `next` on the one that is built on is fetched while that is made.
async fn images(
    work: &mut Work<'_>,
    next: Option<&mut Install>,
    warn: &(dyn Fn(String) + Sync),
    cancel: &CancellationToken,
) -> Result<(Option<Base>, Option<Base>), JobError> {
    let (images, job) = (&work.shared.images, work.job);
    let (environment, arch) = (job.environment.as_deref(), job.target.arch);
    let progress = work.journal.progress();
    let finding = async {
        let mut sink = work.journal.sink(None);
        let (for_base, for_own) = if environment.is_none() { (next, None) } else { (None, next) };
        let base = match (environment, &job.test) {
            (Some(_), None) => None,
            _ => Some(images.base(&job.distro, arch, for_base, &mut sink, &progress, warn, cancel).await?),
        };
        let own = match environment.map(|environment| (&environment.origin, &environment.distro)) {
            Some((_, Some(distro))) => {
                Some(images.base(distro, arch, for_own, &mut sink, &progress, warn, cancel).await?)
            }
            Some((EnvironmentOrigin::Image(reference), _)) => {
                Some(images.environment(reference, arch, &progress, cancel).await?)
            }
            _ => None,
        };
        Ok((base, own))
    };
    let (base, own) = finding.await.map_err(|error| image_stop(work, error))?;
    let how = if work.journal.take_printed() { "made" } else { "was there" };
    if let Some(base) = &base {
        work.note(&format!("base image {} ({how})", base.identity)).await?;
    }
    let own = match environment.map(|environment| (&environment.origin, environment.dockerfile_image(arch))) {
        Some((EnvironmentOrigin::Dockerfile(dockerfile), Some(wanted))) => {
            Some(built(work, dockerfile, &wanted, cancel).await?)
        }
        _ => own,
    };
    Ok((base, own))
}

/// The image of the recipe's Dockerfile, built if need be, with what that prints in a section of its own.
async fn built(
    work: &mut Work<'_>,
    dockerfile: &Dockerfile,
    wanted: &DockerfileImage,
    cancel: &CancellationToken,
) -> Result<Base, JobError> {
    let images = &work.shared.images;
    if let Some(known) = images.known_built(wanted).await.map_err(|error| image_stop(work, error))? {
        return Ok(known);
    }
    let context = {
        let (root, dockerfile) = (work.job.recipe.root.clone(), dockerfile.clone());
        let at_recipe = outcome::source;
        blocking(move || Context::of(&root, &dockerfile)).await?.map_err(at_recipe)?
    };
    work.section(&format!("Image of {}", dockerfile.path)).await?;
    let name = context.dockerfile().to_owned();
    let digest = wanted.context.clone();
    let result = {
        let mut sink = work.journal.sink(None);
        images.built(wanted, &name, || context.stream(digest), &mut sink, cancel).await
    };
    let image = result.map_err(|error| image_stop(work, error))?;
    let how = if work.journal.take_printed() { "made" } else { "is shared with another job" };
    work.note(&format!("image of {} {} ({how})", dockerfile.path, image.image)).await?;
    Ok(image)
}
