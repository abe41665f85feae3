//! The last part of a job: its packages in a fresh container of the base, installed, tried by the recipe's test and
//! removed again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::container::{Content, create, evidence, host_network, put, run_captured, run_watched, small_files};
use super::derive::{derive, installs, network_env, shipped};
use super::extra;
use super::outcome::{self, JobError};
use super::prepare::Ready;
use super::required;
use super::set::SetFile;
use super::upgrade::{self, Former};
use super::work::{Work, reading};
use crate::artifact::{self, Artifact, ArtifactKind, PackageHead, Wanted};
use crate::engine::{Container, EngineError, ExecSpec, GuestPath, Network};
use crate::event::{FailedCommand, Outcome, RequiredBy};
use crate::hint;
use crate::image::Base;
use crate::packaging::{
    BuilderSetup, EXIT_INCOMPLETE, EXIT_NETWORK, EXIT_OF_FORMER, EXIT_UNSATISFIABLE, FETCH_ONLY, FETCHED_PACKAGES,
    StepKind, TestSetup, TracedScript, is_own, traced,
};
use crate::recipe::RepositoryUse;
use crate::types::printable;

/// Lines of a script that each become a finding.
const MOST_FINDINGS: usize = 20;

/// What to do where a script of the packages breaks when they are installed once more, or make room for an earlier version.
const MEND_REINSTALL: &str = "; post-install and post-upgrade are called then, too, where all of this version is there: let them take \
                              what is right already for done (mkdir -p, ln -sfn)";
const MEND_DOWNGRADE: &str = "; what dpkg calls as `prerm upgrade` and `postrm upgrade` with an earlier version, and rpm as %preun and \
                              %postun with 1, has to end well whatever version comes: what is for a removal alone belongs into \
                              pre-remove and post-remove, which a recipe's packages run for nothing else";

pub(crate) async fn test(
    work: &mut Work<'_>,
    setup: &TestSetup,
    ready: &Ready,
    artifacts: &[Artifact],
    wanted: &[Wanted],
    folder: &Path,
    attempt: u32,
) -> Result<(), JobError> {
    work.enter(StepKind::Test).await?;
    let Some(base) = &ready.base else {
        return Err(Outcome::Infrastructure { reason: "no base image was prepared for the test".to_owned() }.into());
    };
    let image = tester(work, setup.tester.as_ref(), base, ready).await?;
    let former = upgrade::former(work, setup, artifacts, folder).await?;
    let mut files = files(work, setup, artifacts, folder).await?;
    let wanted: String =
        wanted.iter().map(|one| format!("{} {} {}\n", one.package, one.interpreter, one.path)).collect();
    files.push((format!("{}/wanted", setup.packages), Content::Bytes(wanted.into(), 0o644)));
    let elsewhere = setup.upgrade.tester.as_ref();
    if let (Some(former), None) = (&former, elsewhere) {
        files.extend(former.files.clone());
    }
    let here = former.as_ref().filter(|_| elsewhere.is_none());
    let scripts = scripts(artifacts);
    let mut container = Trial::open(work, setup, &image, files.clone(), &scripts, attempt).await?;
    let result = container.whole(work, here, former.is_none()).await;
    container.close(work);
    result?;
    let (Some(former), Some(elsewhere)) = (former, elsewhere) else { return Ok(()) };
    let image = tester(work, Some(elsewhere), base, ready).await?;
    files.extend(former.files.clone());
    let mut container = Trial::open(work, setup, &image, files, &scripts, attempt).await?;
    let result = container.upgrade_only(work, &former).await;
    container.close(work);
    result
}

/// The image to test in.
async fn tester(
    work: &mut Work<'_>,
    setup: Option<&BuilderSetup>,
    base: &Base,
    ready: &Ready,
) -> Result<String, JobError> {
    let Some(setup) = setup else { return Ok(base.image.clone()) };
    let (distro, sources) = (work.job.distro.clone(), Some(&ready.sources));
    let what_for = RepositoryUse::Test;
    let install = installs(work, &distro, setup, !extra::is_possible(work, &distro, what_for));
    let files = extra::for_image(work, &distro, what_for, &setup.requirements, sources, work.cancel).await?;
    derive(work, &distro, "tester", setup, base, install, sources, files, work.cancel).await
}

/// The packages under test and those of the set, for each container that deals with them.
pub(super) async fn files(
    work: &mut Work<'_>,
    setup: &TestSetup,
    artifacts: &[Artifact],
    folder: &Path,
) -> Result<Vec<(String, Content)>, JobError> {
    let tried = || artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Binary);
    let mut files: Vec<(String, Content)> = tried()
        .map(|artifact| {
            let place = folder.join(&artifact.file_name);
            (format!("{}/{}", setup.packages, artifact.file_name), Content::File(place))
        })
        .collect();
    let paths: Vec<PathBuf> = tried().map(|artifact| folder.join(&artifact.file_name)).collect();
    let heads = heads(work, paths).await?;
    let set_packages = work.available.for_test(&heads);
    if !set_packages.is_empty() {
        work.note(&format!("packages of the set: {}", set_packages.text())).await?;
    }
    let mut local = shipped(work, set_packages).await?;
    local.extend(extra::for_test(work, &heads, work.cancel).await?);
    files.extend(local.into_iter().map(|(path, file)| match file {
        SetFile::Bytes(bytes) => (path, Content::Bytes(bytes, 0o644)),
        SetFile::Package(package) => (path, Content::File(package.path)),
    }));
    Ok(files)
}

/// A started container with `files` in it.
pub(super) async fn open(
    work: &mut Work<'_>,
    image: &str,
    purpose: &'static str,
    attempt: u32,
    network: bool,
    files: &[(String, Content)],
) -> Result<Box<dyn Container>, JobError> {
    let network = if network { work.shared.network() } else { Network::None };
    let container = create(work, image, purpose, attempt, network).await?;
    let started = async {
        put(work, container.as_ref(), &GuestPath::new("/"), small_files(files.to_vec(), 0, 0)).await?;
        container.start().await.map_err(|error| outcome::engine(error, StepKind::Test))
    };
    match started.await {
        Ok(()) => Ok(container),
        Err(stop) => {
            work.shared.remove_later(container);
            Err(stop)
        }
    }
}

/// A container in which packages are tried, without network unless the recipe wants one.
struct Trial<'a> {
    setup: &'a TestSetup,
    image: &'a str,
    files: Vec<(String, Content)>,
    /// What rpm calls the packages where it tells of their scripts.
    scripts: &'a [String],
    attempt: u32,
    container: Box<dyn Container>,
}

/// `(lively-1:1.0-1.noarch)` of each package.
fn scripts(artifacts: &[Artifact]) -> Vec<String> {
    let tried = artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Binary);
    let ids = tried.filter_map(|artifact| artifact.package.as_ref());
    ids.map(|id| format!("({}-{}.{})", id.name, id.version, id.architecture)).collect()
}

impl<'a> Trial<'a> {
    async fn open(
        work: &mut Work<'_>,
        setup: &'a TestSetup,
        image: &'a str,
        files: Vec<(String, Content)>,
        scripts: &'a [String],
        attempt: u32,
    ) -> Result<Trial<'a>, JobError> {
        let container = open(work, image, "test", attempt, setup.network, &files).await?;
        Ok(Trial { setup, image, files, scripts, attempt, container })
    }

    /// Removes the container in the background.
    fn close(self, work: &Work<'_>) {
        work.shared.remove_later(self.container);
    }

    /// Installs the packages, runs the recipe's test and removes them; then the upgrade, from what there is, and back. `again`: no
    /// upgrade will be tried, after which they would be installed once more.
    async fn whole(&mut self, work: &mut Work<'_>, former: Option<&Former>, again: bool) -> Result<(), JobError> {
        self.install(work).await?;
        self.phase(work, "check", &self.setup.check.whole()).await?;
        match (&self.setup.test, traced::test_script(&work.job.recipe)) {
            (Some(_), Some(script)) => self.test(work, script).await?,
            (Some(script), None) => self.phase(work, "test", script).await?,
            (None, _) => {}
        }
        if again {
            self.phase(work, "reinstall", &self.setup.reinstall.whole()).await?;
        }
        self.phase(work, "remove", &self.setup.remove.whole()).await?;
        match former {
            Some(former) => self.upgrade(work, former).await,
            None => Ok(()),
        }
    }

    /// The upgrade alone, where the rest was tried in another container.
    async fn upgrade_only(&mut self, work: &mut Work<'_>, former: &Former) -> Result<(), JobError> {
        self.install(work).await?;
        self.phase(work, "remove", &self.setup.remove.whole()).await?;
        self.upgrade(work, former).await
    }

    async fn install(&mut self, work: &mut Work<'_>) -> Result<(), JobError> {
        let script = &self.setup.install.whole();
        let place = Place { image: self.image, files: &self.files, fetcher: "fetch", attempt: self.attempt };
        let code = install(work, self.container.as_ref(), self.setup, &place, script).await?;
        self.judge(work, "install", code).await
    }

    /// As [`judge`]; to rpm a script that fails after the files have changed is a warning.
    async fn judge(&self, work: &mut Work<'_>, phase: &'static str, code: i32) -> Result<(), JobError> {
        let has_failed = |line: &String| {
            line.contains(" scriptlet failed, exit status ") && self.scripts.iter().any(|name| line.contains(name))
        };
        let is_warning = || work.journal.tail().is_some_and(|tail| tail.lines.iter().any(has_failed));
        let code = if code == 0 && phase != "test" && is_warning() { 1 } else { code };
        judge(work, self.container.as_ref(), self.setup, phase, code).await
    }

    async fn upgrade(&mut self, work: &mut Work<'_>, former: &Former) -> Result<(), JobError> {
        work.note(&format!("upgrade from {}, {}", former.version, former.origin)).await?;
        let script = &self.setup.upgrade.former.whole();
        if run_script(work, self.container.as_ref(), self.setup, "former", script).await? != 0 {
            // No fault of the new packages: the distribution, or the set, has gone on.
            let message = format!("{} cannot be installed here any more: no upgrade from it was tried", former.version);
            work.warnings.push(outcome::warning("no-upgrade", message));
            return Ok(());
        }
        self.phase(work, "upgrade", &self.setup.upgrade.upgrade.whole()).await?;
        self.phase(work, "reinstall", &self.setup.reinstall.whole()).await?;
        self.phase(work, "remove", &self.setup.remove.whole()).await?;
        self.downgrade(work, former).await
    }

    /// Back to the earlier version, whose own scripts nobody can change any more.
    async fn downgrade(&mut self, work: &mut Work<'_>, former: &Former) -> Result<(), JobError> {
        let script = &self.setup.upgrade.downgrade.whole();
        let code = run_script(work, self.container.as_ref(), self.setup, "downgrade", script).await?;
        if code != EXIT_OF_FORMER {
            return self.judge(work, "downgrade", code).await;
        }
        let lines = work.journal.tail().map(|tail| tail.lines).unwrap_or_default();
        let message = format!("nobody can go back to {}: {}", former.version, hint::why(&lines).join(" / "));
        work.warnings.push(outcome::warning("no-downgrade", message));
        Ok(())
    }

    /// The recipe's own test.
    async fn test(&mut self, work: &mut Work<'_>, script: TracedScript) -> Result<(), JobError> {
        let (text, ask) = script.of_test();
        let code = run_script(work, self.container.as_ref(), self.setup, "test", &text).await?;
        if code != 0 {
            work.failed_command = super::traced::failed(work, self.container.as_ref(), &[script], &ask).await;
        }
        judge(work, self.container.as_ref(), self.setup, "test", code).await
    }

    async fn phase(&mut self, work: &mut Work<'_>, phase: &'static str, script: &str) -> Result<(), JobError> {
        let code = run_script(work, self.container.as_ref(), self.setup, phase, script).await?;
        self.judge(work, phase, code).await
    }
}

/// What another container for the same packages is made of.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) image: &'a str,
    pub(super) files: &'a [(String, Content)],
    /// What a container with network is called, with the number of the attempt.
    pub(super) fetcher: &'static str,
    pub(super) attempt: u32,
}

/// Runs a script that installs packages, and once more with what it lacks, fetched in a container of its own; its exit code.
pub(super) async fn install(
    work: &mut Work<'_>,
    container: &dyn Container,
    setup: &TestSetup,
    place: &Place<'_>,
    script: &str,
) -> Result<i32, JobError> {
    let code = run_script(work, container, setup, "install", script).await?;
    if code != EXIT_INCOMPLETE {
        return Ok(code);
    }
    let fetcher = open(work, place.image, place.fetcher, place.attempt, true, place.files).await?;
    let fetched = fetch(work, fetcher.as_ref(), container, setup, script).await;
    work.shared.remove_later(fetcher);
    match fetched? {
        0 => run_script(work, container, setup, "install", script).await,
        code => Ok(code),
    }
}

/// Downloads in `fetcher`, which has a network, what the packages under test need, and takes it into `container`, which
/// has none. No script of a package runs in `fetcher`: what its own script says can be believed. Its exit code, where that says
/// nothing but what cannot be had.
async fn fetch(
    work: &mut Work<'_>,
    fetcher: &dyn Container,
    container: &dyn Container,
    setup: &TestSetup,
    script: &str,
) -> Result<i32, JobError> {
    work.doing("fetching what the packages need").await?;
    let mut env = network_env(work, &work.job.distro);
    env.extend(setup.env.clone());
    env.extend(host_network(work, fetcher).await?);
    env.insert(FETCH_ONLY.to_owned(), "yes".to_owned());
    let code = run_watched(work, fetcher, &exec(script, env), None).await?;
    match code {
        0 => {}
        EXIT_UNSATISFIABLE => return Ok(code),
        EXIT_NETWORK => {
            let by_way_of = work.shared.images.container_network().by_way_of();
            return Err(JobError::Transient(format!("test: the package mirror or the network failed{by_way_of}")));
        }
        code => return judge(work, fetcher, setup, "install", code).await.map(|()| code),
    }
    let step = StepKind::Test;
    match fetcher.download(&GuestPath::new(FETCHED_PACKAGES)).await {
        Ok(packages) => {
            let parent = FETCHED_PACKAGES.rsplit_once('/').map_or("/", |(parent, _)| parent);
            put(work, container, &GuestPath::new(parent), packages).await?;
            Ok(0)
        }
        Err(EngineError::NoSuchPath(_)) => Ok(0),
        Err(error) => Err(outcome::engine(error, step)),
    }
}

/// What the packages under test say of themselves, where that decides what else comes into their container.
async fn heads(work: &Work<'_>, packages: Vec<PathBuf>) -> Result<Vec<PackageHead>, JobError> {
    if work.job.needs.is_empty() && work.job.recipe.repositories.is_empty() {
        return Ok(Vec::new());
    }
    let heads = move || packages.iter().map(|path| artifact::head(path)).collect::<Result<Vec<_>, _>>();
    let read = reading(work, StepKind::Test, heads).await?;
    read.map_err(|error| Outcome::Infrastructure { reason: outcome::chain(&error) }.into())
}

pub(super) fn exec(script: &str, env: BTreeMap<String, String>) -> ExecSpec {
    ExecSpec {
        argv: super::container::in_order(script),
        user: "0:0".to_owned(),
        env: env.into_iter().collect(),
        workdir: GuestPath::new("/"),
    }
}

/// Runs one script of the test; its exit code.
async fn run_script(
    work: &mut Work<'_>,
    container: &dyn Container,
    setup: &TestSetup,
    phase: &'static str,
    script: &str,
) -> Result<i32, JobError> {
    work.doing(phase).await?;
    work.journal.begin_tail();
    let mut env = setup.env.clone();
    // The packages' own scripts find what they find at the user's.
    env.retain(|name, _| phase == "test" || !name.starts_with("FARM_"));
    if phase == "test" && setup.network {
        env.extend(host_network(work, container).await?);
    }
    run_watched(work, container, &exec(script, env), None).await
}

/// What the end of a script means for the job. In this container scripts of packages have run as root: of what they and
/// the package manager say, nothing but that it failed is believed.
async fn judge(
    work: &mut Work<'_>,
    container: &dyn Container,
    setup: &TestSetup,
    phase: &'static str,
    code: i32,
) -> Result<(), JobError> {
    if code == 0 {
        return Ok(());
    }
    match evidence(work, container, code).await {
        JobError::Final(Outcome::Failed { .. }) => {}
        stop => return Err(stop),
    }
    let lines = work.journal.tail().map(|tail| tail.lines).unwrap_or_default();
    let of_manager = matches!(phase, "install" | "reinstall" | "upgrade" | "downgrade" | "remove");
    let mut quoted = if of_manager { hint::why(&lines) } else { hint::said_last(&lines) };
    if let Some((script, package)) = hint::failed_script(&lines).filter(|_| of_manager) {
        let command = failed_command(work, container, phase, &script, &package).await;
        if let (Some(command), Some(first)) = (command, quoted.first_mut()) {
            *first = format!("{} of {first}", command.shown());
        }
    }
    let quoted = quoted.join(" / ");
    let command = work.failed_command.as_ref().filter(|_| phase == "test");
    let finding = |message: String| outcome::finding("", &format!("{phase}-failed"), message);
    let message = |quoted: &str| match phase {
        "install" => format!("cannot be installed (exit code {code}): {quoted}"),
        "upgrade" => format!("cannot be upgraded to from the earlier version (exit code {code}): {quoted}"),
        "reinstall" => format!("cannot be installed once more in the same version (exit code {code}): {quoted}"),
        "downgrade" => format!("cannot make room for the earlier version again (exit code {code}): {quoted}"),
        "remove" => format!("cannot be removed cleanly (exit code {code}): {quoted}"),
        "check" => quoted.to_owned(),
        _ => {
            let said = if quoted.is_empty() { String::new() } else { format!(": {quoted}") };
            match command {
                Some(command) => format!("{} of [test] ended with exit code {code}{said}", command.shown()),
                None => format!("[test] failed with exit code {code}{said}"),
            }
        }
    };
    if matches!(phase, "reinstall" | "upgrade" | "remove") {
        let found: Vec<_> = hint::found(&lines).take(MOST_FINDINGS).map(|line| finding(message(line))).collect();
        if !found.is_empty() {
            return Err(Outcome::Rejected { step: StepKind::Test, findings: found }.into());
        }
    }
    let mut message = message(&quoted);
    message.push_str(match phase {
        "reinstall" => MEND_REINSTALL,
        "downgrade" => MEND_DOWNGRADE,
        _ => "",
    });
    if phase == "install"
        && let Some(name) = hint::unmet(&lines)
    {
        message.push_str(&unmet(work, name));
    }
    if !setup.network && outcome::wants_network(&lines).is_some() {
        message.push_str("; there is no network in the test unless [test] has `network = true`");
    }
    Err(Outcome::Rejected { step: StepKind::Test, findings: vec![finding(message)] }.into())
}

/// Which command of a recipe's maintainer script failed, as far as running it once more says so: the script itself is in the
/// package, and says nothing. The container is given up in any case.
async fn failed_command(
    work: &Work<'_>,
    container: &dyn Container,
    phase: &str,
    script: &str,
    package: &str,
) -> Option<FailedCommand> {
    let moment = match phase {
        "install" => "install",
        "remove" => "remove",
        _ => "upgrade",
    };
    let (job, format) = (work.job, work.job.target.format);
    if is_own(&job.recipe, format) {
        return None;
    }
    for script in traced::maintainer_scripts(&job.recipe, format, script, package, moment) {
        let (text, ask) = script.of_package(&job.recipe, &job.distro, moment);
        // It may wait for ever this time.
        let ended = tokio::time::timeout(work.seconds(60), run_captured(work, container, &text)).await;
        if matches!(ended, Ok(Ok((0, _)))) {
            continue;
        }
        return super::traced::failed(work, container, &[script], &ask).await;
    }
    None
}

/// What to do where rpm, or what resolves for it, knows nobody who has `name`.
fn unmet(work: &Work<'_>, name: &str) -> String {
    let place = required::place(work.shared, work.job, RequiredBy::Package, name);
    let place = place.map(|at| format!(" ({}:{})", at.path.display(), at.line)).unwrap_or_default();
    let distro = &work.job.target.distro;
    printable(&format!(
        "; nothing that is here has it: correct `requires`{place}, name what {distro} has instead in an override, or, where it is \
         found in a file, mend that"
    ))
}
