//! The middle of a job: its container, from creation to the results in the staging folder. Each attempt is a container
//! of its own, removed in the background whatever happened in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::container::{
    Content, create, download, evidence, host_network, in_order, put, run_watched, small_files, start,
};
use super::kept_tree::{self, KeptTree};
use super::outcome::{self, JobError};
use super::phases::new_token;
use super::prepare::Ready;
use super::results::{self, ReceiveError};
use super::work::{Work, blocking, reading};
use super::{assemble, caches, environment, inputs, kept, locked, rebuilt, traced, unused, verify};
use crate::artifact::manifest::{Maker, Manifest, ManifestError, ManifestFiles};
use crate::attest::Installed;
use crate::engine::{Container, ExecSpec, GuestPath, Network};
use crate::event::Outcome;
use crate::packaging::{
    self, BUILD_ROOT, BUILD_UID, PHASE_TOKEN, Packaging, SourceLayout, Step, StepKind, TracedScript, User,
};
use crate::recipe::PackagingTools;
use crate::source::{self, Upload};

/// What an attempt has left in its folder.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) files: Vec<PathBuf>,
    /// What was installed; none of a project's own packaging.
    pub(crate) manifest: Option<Manifest>,
    /// What was installed before the steps; none where that could not be asked.
    pub(crate) installed: Option<Installed>,
    /// The source tree with tests of the project's own, if there are any.
    pub(crate) tests: Option<KeptTree>,
}

/// Builds and returns the results' files in `folder`.
pub(crate) async fn build(
    work: &mut Work<'_>,
    ready: &Ready,
    attempt: u32,
    folder: &Path,
) -> Result<Results, JobError> {
    work.enter(StepKind::Unpack).await?;
    let network = if work.job.recipe.build.network { work.shared.network() } else { Network::None };
    let image = work.goes_on().map_or(&ready.builder, |go_on| &go_on.image).clone();
    let container = create(work, &image, "build", attempt, network).await?;
    let has_network = network != Network::None;
    let result = in_container(work, container.as_ref(), ready, has_network, folder).await;
    let collected = match &result {
        Ok(_) if work.goes_on().is_some() => Ok(()),
        Ok(_) => caches::collect(work, container.as_ref(), ready).await,
        Err(error) => {
            kept::keep(work, container.as_ref(), error, network).await;
            Ok(())
        }
    };
    work.shared.remove_later(container);
    collected?;
    // Another attempt starts with an empty folder.
    if let Err(JobError::Transient(_)) = &result {
        let folder = folder.to_owned();
        blocking(move || results::clear(&folder)).await?;
    }
    result
}

async fn in_container(
    work: &mut Work<'_>,
    container: &dyn Container,
    ready: &Ready,
    has_network: bool,
    folder: &Path,
) -> Result<Results, JobError> {
    let started = work.job.environment.clone().filter(|environment| environment.distro.is_none());
    let by_farm = match &started {
        // Only a running container says what its image can.
        Some(environment) => {
            start(container).await?;
            environment::made_by_farm(work, container, environment).await?
        }
        None => match &work.job.environment {
            Some(environment) if environment.tools == PackagingTools::Farm => {
                let name = environment.distro.as_ref().map_or("", |distro| distro.name.as_str()).to_owned();
                environment::tell(work, &format!("{name} makes no packages of this target's kind")).await?;
                true
            }
            _ => false,
        },
    };
    if by_farm {
        let (mut staging, assembly) = work.job.assembly_at(ready.sources.newest, &work.former_links);
        if let Some(go_on) = work.goes_on() {
            staging = work.job.going_on(ready.sources.newest, &work.former_links, go_on.from, true);
        }
        upload(work, container, ready, &staging).await?;
        if started.is_none() {
            start(container).await?;
        }
        verify::vary(work, container).await?;
        let mut env = packaging::assembly_env(assembly.format, work.job.target.arch, work.processes());
        if has_network {
            env.extend(host_network(work, container).await?);
        }
        let installed = installed(work, container).await?;
        let reads = unused::begin(work, container).await?;
        for step in &staging.steps {
            run_step(work, container, step, &env).await?;
        }
        unused::end(work, container, reads).await?;
        verify::unvary(work, container).await?;
        let (files, manifest) = assemble::packages(work, container, &staging.results, &assembly, folder).await?;
        return Ok(Results { files, manifest: Some(manifest), installed, tests: None });
    }
    let packaging = match work.goes_on() {
        None => work.job.packaging_at(ready.sources.newest, &work.former_links),
        Some(go_on) => work.job.going_on(ready.sources.newest, &work.former_links, go_on.from, false).into(),
    };
    upload(work, container, ready, &packaging).await?;
    if started.is_none() {
        start(container).await?;
    }
    verify::vary(work, container).await?;
    let mut env = packaging::step_env(work.job.distro.format, work.job.target.arch, work.processes());
    if has_network {
        env.extend(host_network(work, container).await?);
    }
    if kept_tree::are_run(work) {
        env.insert(packaging::KEEP_TREE.to_owned(), "yes".to_owned());
    }
    let installed = installed(work, container).await?;
    let reads = unused::begin(work, container).await?;
    for step in &packaging.steps {
        run_step(work, container, step, &env).await?;
    }
    unused::end(work, container, reads).await?;
    verify::unvary(work, container).await?;
    Ok(Results { installed, ..collect(work, container, &packaging, folder).await? })
}

/// What is installed where the steps will run. Who goes on in a kept container has a system that others have worked in.
async fn installed(work: &mut Work<'_>, container: &dyn Container) -> Result<Option<Installed>, JobError> {
    match work.goes_on() {
        Some(_) => Ok(None),
        None => {
            let installed = inputs::installed(work, container).await?;
            locked::check_installed(work, installed.as_ref()).await?;
            rebuilt::check_installed(work, installed.as_ref()).await?;
            Ok(installed)
        }
    }
}

async fn upload(
    work: &mut Work<'_>,
    container: &dyn Container,
    ready: &Ready,
    packaging: &Packaging,
) -> Result<(), JobError> {
    let root = GuestPath::new("/");
    let (what, patches) = match &packaging.sources {
        SourceLayout::Tree { folder } => (Upload::Tree { folder: folder.clone() }, format!("{BUILD_ROOT}/patches")),
        SourceLayout::Tarball { path, top } => {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            (Upload::Tarball { path: path.clone(), top: top.clone() }, folder.to_owned())
        }
        SourceLayout::Originals { folder, tree } => {
            (Upload::Originals { folder: folder.clone(), tree: tree.clone() }, folder.clone())
        }
    };
    let mut files: Vec<(String, Content)> =
        packaging.files.iter().map(|file| (format!("{BUILD_ROOT}/{}", file.path), Content::of(file))).collect();
    // Where it goes on, all of that lies there, and some of it was changed by hand.
    let is_new = work.goes_on().is_none();
    if is_new {
        put(work, container, &root, source::upload(&ready.sources, what, BUILD_UID)).await?;
        if let Some(modules) = &ready.modules {
            let folder = packaging::MODULES_ROOT.to_owned();
            put(work, container, &root, source::upload(modules, Upload::Tree { folder }, BUILD_UID)).await?;
        }
        if !ready.sources.patches.is_empty() {
            let patches = source::upload(&ready.sources, Upload::Patches { folder: patches }, BUILD_UID);
            put(work, container, &root, patches).await?;
        }
    }
    files.extend(traced::files(&scripts(work)));
    if !files.is_empty() {
        // As a source package has them: packages made of that are the same.
        let date = work.job.date(ready.sources.newest);
        put(work, container, &root, small_files(files, BUILD_UID, date)).await?;
    }
    if is_new {
        caches::upload(work, container, ready).await?;
    }
    work.alive()?;
    Ok(())
}

/// Runs one step and takes its end apart. Of `env`, what the step itself sets is left out.
async fn run_step(
    work: &mut Work<'_>,
    container: &dyn Container,
    step: &Step,
    env: &BTreeMap<String, String>,
) -> Result<(), JobError> {
    work.enter(step.kind).await?;
    let token = new_token();
    let mut all = env.clone();
    all.extend(step.env.clone());
    all.insert(PHASE_TOKEN.to_owned(), token.clone());
    let scripts = scripts(work);
    let mut script = step.script.clone();
    if !scripts.is_empty() {
        all.extend([traced::env()]);
        script.insert_str(0, &packaging::traced::read_first());
    }
    let argv = verify::step(work, &script, &mut all).unwrap_or_else(|| in_order(&script));
    let env = all.into_iter().collect();
    let user = match step.user {
        User::Root => "0:0".to_owned(),
        User::Builder => work.builder(),
    };
    let spec = ExecSpec { argv, user, env, workdir: GuestPath::new(BUILD_ROOT) };
    let code = run_watched(work, container, &spec, Some(&token)).await?;
    if code == 0 {
        // What was told of a step that ended well was of no consequence.
        work.journal.take_findings();
        return Ok(());
    }
    if !scripts.is_empty() {
        work.failed_command = traced::failed(work, container, &scripts, &packaging::traced::ask()).await;
    }
    Err(evidence(work, container, code).await)
}

/// The recipe's scripts that the steps run; none with a project's own packaging, nor of a source package.
fn scripts(work: &Work<'_>) -> Vec<TracedScript> {
    let recipe = &work.job.recipe;
    match packaging::is_own(recipe, work.job.target.format) || work.job.target.source {
        true => Vec::new(),
        false => packaging::traced::build_scripts(recipe),
    }
}

async fn collect(
    work: &mut Work<'_>,
    container: &dyn Container,
    packaging: &Packaging,
    folder: &Path,
) -> Result<Results, JobError> {
    let results = &packaging.results;
    let built = work.journal.step();
    work.enter(StepKind::Collect).await?;
    let step = StepKind::Collect;
    let rejected = |findings| JobError::Final(Outcome::Rejected { step, findings });
    let none = || {
        let message = format!("the build left no packages in {results}");
        rejected(vec![outcome::finding("", "no-results", message)])
    };
    let into = folder.to_owned();
    let received = download(work, container, results, built, move |tar| results::receive(tar, &into)).await?;
    let files = match received {
        None => return Err(none()),
        Some(received) => received.map_err(|error| match error {
            ReceiveError::Stream(error) => JobError::Transient(format!("{results} could not be downloaded: {error}")),
            ReceiveError::Refused(findings) => rejected(findings),
            ReceiveError::DiskFull(path) => Outcome::DiskFull { step, place: path.display().to_string() }.into(),
            ReceiveError::Io(path, error) => {
                Outcome::Infrastructure { reason: format!("cannot write {}: {error}", path.display()) }.into()
            }
        })?,
    };
    work.alive()?;
    let mut files = files;
    let parts = ManifestFiles::take(&mut files, packaging::MANIFEST_NAME);
    let tests = kept_tree::take(work, &mut files).await?;
    if files.is_empty() {
        return Err(none());
    }
    let manifest = match maker(work, packaging) {
        Some(maker) => {
            let format = work.job.target.format;
            let read = reading(work, step, move || parts.read(format, maker)).await?;
            Some(read.map_err(|error| match error {
                ManifestError::Io { .. } => Outcome::Infrastructure { reason: outcome::chain(&error) }.into(),
                error => rejected(vec![outcome::finding("", "manifest-damaged", outcome::chain(&error))]),
            })?)
        }
        None => None,
    };
    Ok(Results { files, manifest, installed: None, tests })
}

/// Who makes the packages of a job, where its scripts write down what was installed: not with a project's own packaging.
fn maker(work: &Work<'_>, packaging: &Packaging) -> Option<Maker> {
    let is_asked = packaging.steps.iter().any(|step| step.env.contains_key(packaging::MANIFEST_VARIABLE));
    let made = packaging::made_by(&work.job.recipe, &work.job.distro).filter(|_| is_asked);
    made.map(|made| match made {
        packaging::MadeBy::Debhelper { python, helpers } => Maker::Debhelper { python, helpers },
        packaging::MadeBy::Rpmbuild { policy } => Maker::Rpmbuild { policy },
    })
}
