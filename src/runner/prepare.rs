//! The first part of a job: its sources on this host and its builder image in the engine. The engine makes each image
//! once, however many jobs want it; whose log shows the making is whoever came first.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::executor::{Work, blocking};
use super::outcome::{self, JobError, NO_SPACE};
use super::set::{SetFile, SetPackages};
use crate::distro::Distro;
use crate::event::{Event, Outcome};
use crate::image::{Base, Derivation, DockerfileImage, FetchFirst, FileContent, Install};
use crate::packaging::{self, BuilderSetup, Requirements, StepKind};
use crate::recipe::{Dockerfile, EnvironmentOrigin};
use crate::source::{self, Context, Prepared};

/// Making images is farm's work, not the package's: a recipe with a short limit must not cut it off for all.
const LEAST_PATIENCE: Duration = Duration::from_secs(45 * 60);
/// The largest `debian/control` or spec that is read.
const LARGEST_PACKAGING_FILE: u64 = 4 << 20;

/// What a job needs before its container is made.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) sources: Prepared,
    /// What the packages are tested in; none when neither builder nor test wants it.
    pub(crate) base: Option<Base>,
    /// The id of the image that the steps run in.
    pub(crate) builder: String,
    /// What that image is, when the recipe names it.
    pub(crate) environment: Option<Base>,
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
    let package = &job.recipe.package;
    let progress = work.journal.progress();
    let fetched = shared.sources.prepare(
        &job.recipe.root,
        &package.name,
        &package.version,
        &job.recipe.sources,
        &progress,
        cancel,
    );
    let (events, target) = (work.journal.events(), job.target.clone());
    let warn = move |message: String| {
        let _ = events.send(Event::Warning { target: Some(target.clone()), message });
    };
    let environment = job.environment.as_deref();
    let set_packages = work.available.for_build();
    let built_on = environment.map_or(Some(&job.distro), |environment| environment.distro.as_ref());
    let mut install = built_on.and_then(|distro| installs(work, distro, &job.builder, set_packages.is_empty()));
    let (sources, images) = tokio::join!(fetched, images(work, install.as_mut(), &warn, cancel));
    let sources = sources.map_err(|error| outcome::source(error, &job.recipe.root))?;
    for (rule, message) in &sources.warnings {
        work.warning(rule, message).await?;
    }
    if job.date(sources.newest) <= source::EARLIEST {
        let message = "nothing in the sources says when they were made, and so packages say 1990-01-01: write date in \
                       [package]";
        work.warning("no-date", message).await?;
    }
    let (base, own) = images?;
    if let Some(own) = &own {
        work.note(&format!("image of the environment {}", own.identity)).await?;
    }
    if !set_packages.is_empty() {
        work.note(&format!("packages of the set: {}", set_packages.text())).await?;
        if let Some(environment) = environment.filter(|environment| !environment.installs_for(&job.distro)) {
            let name = super::environment::name(&environment.origin);
            let message = format!("{name} cannot have packages of the set installed: {}", set_packages.text());
            return Err(super::environment::unfit(message));
        }
    }
    let from_set = shipped(work, set_packages).await?;
    let from_set = from_set.into_iter().map(|(path, file)| match file {
        SetFile::Bytes(bytes) => (path, bytes.into()),
        SetFile::Package(package) => {
            (path, FileContent::OnHost { path: package.path, sha256: package.artifact.sha256 })
        }
    });
    let from_set: Vec<(String, FileContent)> = from_set.collect();
    let sources_of = Some(&sources);
    let builder = match (environment, &own, &base) {
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
    Ok(Ready { sources, base, builder, environment: own })
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
        let at_recipe = |error| outcome::source(error, &work.job.recipe.root);
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

/// A set_packages as files for a container of this job.
pub(crate) async fn shipped(work: &Work<'_>, set_packages: SetPackages) -> Result<Vec<(String, SetFile)>, JobError> {
    let (format, indexed) = (work.job.target.format, !work.job.distro.is_foreign());
    let files = blocking(move || set_packages.files(format, indexed)).await?;
    files.map_err(|reason| Outcome::Infrastructure { reason }.into())
}

/// What `setup`'s script installs on an image of `distro`. It can be unpacked before that runs where it is `alone`, without
/// packages of the set, which go before all others.
pub(crate) fn installs(work: &Work<'_>, distro: &Arc<Distro>, setup: &BuilderSetup, alone: bool) -> Option<Install> {
    let asked = packaging::asked_of_apt(setup, distro, &network_env(work, distro));
    if asked.is_empty() {
        return None;
    }
    let mut install = Install::new(distro.clone(), work.job.target.arch, asked.to_vec(), packaging::OFFERED_PACKAGES);
    if !alone {
        install.leave_to_apt();
    }
    Some(install)
}

/// The image that `setup` makes from a base of `distro`: builder or tester. `files` are uploaded first.
#[allow(clippy::too_many_arguments)]
pub(crate) async fn derive(
    work: &mut Work<'_>,
    distro: &Distro,
    kind: &'static str,
    setup: &BuilderSetup,
    base: &Base,
    install: Option<Install>,
    sources: Option<&Prepared>,
    mut files: Vec<(String, FileContent)>,
    cancel: &CancellationToken,
) -> Result<String, JobError> {
    work.alive()?;
    let (shared, job) = (work.shared, work.job);
    // Packages of the set: made by builds, with scripts of theirs.
    let fetch_first = (!files.is_empty())
        .then_some(FetchFirst { variable: packaging::FETCH_ONLY, folder: packaging::FETCHED_PACKAGES });
    let mut inputs = vec![distro.digest.clone()];
    let description = match &setup.requirements {
        Requirements::Listed(requirements) => {
            inputs.extend(requirements.iter().cloned());
            requirements.join(" ")
        }
        Requirements::FromSource { path, toolchain } => {
            let content = packaging_file(sources, path).await?;
            inputs.push(hex::encode(Sha256::digest(&content)));
            inputs.extend(toolchain.iter().cloned());
            let name = path.rsplit('/').next().unwrap_or(path);
            files.push((format!("build/requirements/{name}"), content.into()));
            format!("{} {path}", job.recipe.package.name)
        }
    };
    let derivation = Derivation {
        kind,
        arch: job.target.arch,
        script: setup.script.to_string(),
        env: network_env(work, distro),
        files,
        fetch_first,
        description,
        inputs,
    };
    let result = {
        let progress = work.journal.progress();
        let mut sink = work.journal.sink(None);
        shared.images.derive(base, &derivation, install, &mut sink, &progress, cancel).await
    };
    let image = result.map_err(|error| image_stop(work, error))?;
    // Another job's log has what its making printed.
    let how = if work.journal.take_printed() { "made" } else { "was there, or is shared with another job" };
    work.note(&format!("{kind} image {image} ({how})")).await?;
    Ok(image)
}

/// A file of the project's own packaging, which says what the build needs.
pub(crate) async fn packaging_file(sources: Option<&Prepared>, path: &str) -> Result<Vec<u8>, JobError> {
    let missing = || Outcome::SourceUnavailable {
        reason: format!("the sources have no {path}, which [packaging] in the recipe names"),
        place: None,
    };
    let Some(sources) = sources.cloned() else { return Err(missing().into()) };
    let wanted = path.to_owned();
    let content = blocking(move || source::read_file(&sources, &wanted, LARGEST_PACKAGING_FILE)).await?;
    Ok(content.map_err(|error| outcome::source(error, Path::new("")))?.ok_or_else(missing)?)
}

/// Where the mirrors are, for scripts with network.
pub(crate) fn network_env(work: &Work<'_>, distro: &Distro) -> BTreeMap<String, String> {
    work.shared.options.network_env.get(&distro.id).cloned().unwrap_or_default()
}

fn image_stop(work: &Work<'_>, error: crate::image::ImageError) -> JobError {
    if let Some(refusal) = work.journal.refusal() {
        return outcome::refusal(refusal, StepKind::Prepare, work.job.limits.log_bytes).into();
    }
    outcome::image(error, None, work.journal.tail_contains(NO_SPACE))
}
