//! Images that the containers of a job are made of: a base, and on it what a script installs. Before the build that is the
//! builder, for the test the tester. The engine makes each image once, however many jobs want it; whose log shows the
//! making is whoever came first.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::outcome::{self, FOREIGN, JobError, NO_SPACE, TailOfScript};
use super::set::{SetFile, SetPackages};
use super::work::{Work, blocking};
use crate::distro::Distro;
use crate::event::Outcome;
use crate::image::{Base, Derivation, FetchFirst, FileContent, ImageError, Install};
use crate::packaging::{self, BuilderSetup, Requirements, StepKind};
use crate::source::{self, Prepared};

/// The largest `debian/control` or spec that is read.
const LARGEST_PACKAGING_FILE: u64 = 4 << 20;

/// Packages of the set as files for a container of this job.
pub(crate) async fn shipped(work: &Work<'_>, set_packages: SetPackages) -> Result<Vec<(String, SetFile)>, JobError> {
    let (format, indexed) = (work.job.target.format, !work.job.distro.is_foreign());
    let files = blocking(move || set_packages.files(format, indexed)).await?;
    files.map_err(|reason| Outcome::Infrastructure { reason }.into())
}

/// What `setup`'s script installs on an image of `distro`. It can be unpacked before that runs where it is `alone`, without
/// packages of the set, or of repositories, which may go before others.
pub(crate) fn installs(work: &Work<'_>, distro: &Arc<Distro>, setup: &BuilderSetup, alone: bool) -> Option<Install> {
    let env = network_env(work, distro);
    let install = |setup: &BuilderSetup| {
        let asked = packaging::asked_of_apt(setup, distro, &env);
        let install =
            || Install::new(distro.clone(), work.job.target.arch, asked.to_vec(), packaging::OFFERED_PACKAGES);
        (!asked.is_empty()).then(install)
    };
    let mut install_all = install(setup)?;
    if !alone {
        install_all.leave_to_apt();
    } else if let Some(toolchain) = setup.toolchain.as_deref().and_then(install) {
        install_all = install_all.upon(toolchain);
    }
    Some(install_all)
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
    // Packages of the set, made by builds, and of repositories: with scripts of theirs.
    let fetch_first = (!files.is_empty())
        .then_some(FetchFirst { variable: packaging::FETCH_ONLY, folder: packaging::FETCHED_PACKAGES });
    let mut inputs = vec![distro.digest.clone()];
    let description = match &setup.requirements {
        Requirements::Listed(requirements) => {
            inputs.extend(requirements.iter().cloned());
            requirements.join(" ")
        }
        Requirements::FromSource { path, toolchain } => {
            let name = path.rsplit('/').next().unwrap_or(path);
            match packaging_file(sources, path).await? {
                Some(content) => {
                    inputs.push(hex::encode(Sha256::digest(&content)));
                    files.push((format!("build/requirements/{name}"), content.into()));
                }
                // Made by a script in the container that this image is for.
                None if job.recipe.packaging.prepare.is_some() => {}
                None => {
                    let reason = format!("the sources have no {path}, which [packaging] in the recipe names");
                    return Err(Outcome::SourceUnavailable { reason, of_recipe: false, place: None, help: None }.into());
                }
            }
            inputs.extend(toolchain.iter().cloned());
            format!("{} {path}", job.recipe.package.name)
        }
    };
    if let Some(locked) = work.locked().filter(|_| kind == "builder" && shared.images.archives().holds(distro)) {
        // Its own image: archives give now what the lock says, whatever they gave to others.
        inputs.push(format!("lock {}", locked.digest()));
    }
    let env = network_env(work, distro);
    // Packages of the set and of repositories may go before those that the toolchain has otherwise.
    let toolchain = setup.toolchain.as_deref().filter(|_| fetch_first.is_none()).map(|toolchain| {
        let (Requirements::Listed(listed) | Requirements::FromSource { toolchain: listed, .. }) =
            &toolchain.requirements;
        Box::new(Derivation {
            kind,
            arch: job.target.arch,
            script: toolchain.script.to_string(),
            env: env.clone(),
            files: Vec::new(),
            fetch_first: None,
            description: listed.join(" "),
            inputs: [&distro.digest].into_iter().chain(listed).cloned().collect(),
            toolchain: None,
        })
    });
    let derivation = Derivation {
        kind,
        arch: job.target.arch,
        script: setup.script.to_string(),
        env,
        files,
        fetch_first,
        description,
        inputs,
        toolchain,
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

/// A file of the project's own packaging, which says what the build needs; none where the sources have no such file.
pub(crate) async fn packaging_file(sources: Option<&Prepared>, path: &str) -> Result<Option<Vec<u8>>, JobError> {
    let Some(sources) = sources.cloned() else { return Ok(None) };
    let wanted = path.to_owned();
    let content = blocking(move || source::read_file(&sources, &wanted, LARGEST_PACKAGING_FILE)).await?;
    Ok(content.map_err(outcome::source)?)
}

/// Where the mirrors are, for scripts with network.
pub(crate) fn network_env(work: &Work<'_>, distro: &Distro) -> BTreeMap<String, String> {
    work.shared.options.network_env.get(&distro.id).cloned().unwrap_or_default()
}

/// What an image that could not be made means for the job.
pub(crate) fn image_stop(work: &Work<'_>, error: ImageError) -> JobError {
    if let Some(refusal) = work.journal.refusal() {
        return outcome::refusal(refusal, StepKind::Prepare, work.job.limits.log_bytes).into();
    }
    let tail = TailOfScript {
        has_no_space: work.journal.tail_contains(NO_SPACE),
        is_foreign: work.job.target.arch != work.shared.engine_info.arch && work.journal.tail_contains(FOREIGN),
    };
    outcome::image(error, None, tail)
}
