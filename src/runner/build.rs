//! The middle of a job: its container, from creation to the results in the staging folder. Each attempt is a container
//! of its own, removed in the background whatever happened in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::io::SyncIoBridge;

use super::executor::{Work, blocking};
use super::outcome::{self, JobError, NO_SPACE};
use super::phases::new_token;
use super::prepare::{Ready, packaging_file};
use super::results::{self, ReceiveError};
use super::watch::{self, Ended};
use super::{assemble, environment};
use crate::artifact::manifest::{Maker, Manifest, ManifestError, ManifestFiles};
use crate::engine::{
    Container, ContainerSpec, EngineError, ExecSpec, GuestPath, Network, OutputSink, OutputStream, labels,
};
use crate::event::Outcome;
use crate::packaging::{
    self, BUILD_ROOT, BUILD_UID, GuestFile, PHASE_TOKEN, Packaging, SourceLayout, Step, StepKind, User,
};
use crate::recipe::PackagingTools;
use crate::source::{self, Upload};
use crate::stream::{self, ByteStream};

/// Less than this left where the build happens, and a tool that says ENOSPC is believed.
const NEEDED_KIB: u64 = 64 * 1024;

/// What an attempt has left in its folder.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) files: Vec<PathBuf>,
    /// What was installed; none of a project's own packaging.
    pub(crate) manifest: Option<Manifest>,
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
    let container = create(work, &ready.builder, "build", attempt, network).await?;
    let result = in_container(work, container.as_ref(), ready, folder).await;
    work.shared.remove_later(container);
    // Another attempt starts with an empty folder.
    if let Err(JobError::Transient(_)) = &result {
        let folder = folder.to_owned();
        blocking(move || results::clear(&folder)).await?;
    }
    result
}

/// A container of this job. Creating always finishes, or nobody would know of the container to remove.
pub(crate) async fn create(
    work: &Work<'_>,
    image: &str,
    purpose: &'static str,
    attempt: u32,
    network: Network,
) -> Result<Box<dyn Container>, JobError> {
    let mut labels = work.labels();
    labels.insert(labels::KIND.to_owned(), purpose.to_owned());
    let spec = ContainerSpec {
        image: image.to_owned(),
        arch: work.job.target.arch,
        name: format!("farm-{}-{}-{purpose}-{attempt}", work.shared.run, work.index),
        network,
        limits: work.limits(),
        labels,
    };
    work.shared.engine.0.create(&spec).await.map_err(|error| outcome::engine(error, work.journal.step()))
}

async fn in_container(
    work: &mut Work<'_>,
    container: &dyn Container,
    ready: &Ready,
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
        let (staging, assembly) = work.job.assembly_at(ready.sources.newest, &work.former_links);
        upload(work, container, ready, &staging).await?;
        if started.is_none() {
            start(container).await?;
        }
        let env = packaging::assembly_env(assembly.format, work.job.target.arch, work.job.limits.parallel);
        for step in &staging.steps {
            run_step(work, container, step, &env).await?;
        }
        let (files, manifest) = assemble::packages(work, container, &staging.results, &assembly, folder).await?;
        return Ok(Results { files, manifest: Some(manifest) });
    }
    let packaging = work.job.packaging_at(ready.sources.newest, &work.former_links);
    upload(work, container, ready, &packaging).await?;
    if started.is_none() {
        start(container).await?;
    }
    let env = BTreeMap::from([packaging::parallelism(work.job.distro.format, work.job.limits.parallel)]);
    for step in &packaging.steps {
        run_step(work, container, step, &env).await?;
    }
    collect(work, container, &packaging, folder).await
}

async fn start(container: &dyn Container) -> Result<(), JobError> {
    container.start().await.map_err(|error| outcome::engine(error, StepKind::Unpack))
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
        SourceLayout::Originals { folder } => (Upload::Originals { folder: folder.clone() }, folder.clone()),
    };
    let mut files: Vec<(String, Content)> =
        packaging.files.iter().map(|file| (format!("{BUILD_ROOT}/{}", file.path), Content::of(file))).collect();
    for patch in &ready.sources.patches {
        files.push((format!("{patches}/{}", patch.name), Content::File(patch.path.clone())));
    }
    if let (SourceLayout::Originals { .. }, Some(spec)) = (&packaging.sources, &work.job.recipe.packaging.spec) {
        let content = packaging_file(Some(&ready.sources), spec).await?;
        let name = spec.rsplit('/').next().unwrap_or(spec);
        files.push((format!("{BUILD_ROOT}/rpmbuild/SPECS/{name}"), Content::Bytes(content, 0o644)));
    }
    let sources = source::upload(&ready.sources, what, BUILD_UID);
    put(work, container, &root, sources).await?;
    if !files.is_empty() {
        put(work, container, &root, small_files(files, BUILD_UID, ready.sources.newest)).await?;
    }
    work.alive()?;
    Ok(())
}

/// Uploads one tar stream.
pub(crate) async fn put(
    work: &Work<'_>,
    container: &dyn Container,
    path: &GuestPath,
    tar: ByteStream,
) -> Result<(), JobError> {
    work.alive()?;
    tokio::select! {
        result = container.upload(path, tar) => result.map_err(|error| outcome::engine(error, work.journal.step())),
        // The container goes too, so a half of a tree harms nobody.
        () = work.cancel.cancelled() => Err(Outcome::Cancelled.into()),
    }
}

/// What a small file holds.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Content and mode.
    Bytes(Vec<u8>, u32),
    File(PathBuf),
}

impl Content {
    fn of(file: &GuestFile) -> Content {
        Content::Bytes(file.content.to_string().into_bytes(), if file.executable { 0o755 } else { 0o644 })
    }
}

/// A tar to be unpacked at `/` with these files (absolute paths) and the folders above them, owned by `uid`.
pub(crate) fn small_files(mut files: Vec<(String, Content)>, uid: u32, time: i64) -> ByteStream {
    files.sort_by(|a, b| a.0.cmp(&b.0));
    stream::from_tar(move |tar| {
        let header = |kind, size, mode| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(size);
            header.set_mode(mode);
            header.set_uid(uid.into());
            header.set_gid(uid.into());
            header.set_mtime(u64::try_from(time).unwrap_or(0));
            header
        };
        let mut made = std::collections::BTreeSet::new();
        for (path, content) in files {
            let path = path.trim_start_matches('/');
            for (end, _) in path.match_indices('/') {
                // `/tmp` and the like keep their own owner and mode; what is farm's lies deeper.
                let folder = &path[..end];
                if (folder.contains('/') || folder == BUILD_ROOT.trim_start_matches('/'))
                    && made.insert(folder.to_owned())
                {
                    let mut header = header(tar::EntryType::Directory, 0, 0o755);
                    tar.append_data(&mut header, format!("{folder}/"), std::io::empty())?;
                }
            }
            match content {
                Content::Bytes(bytes, mode) => {
                    let mut header = header(tar::EntryType::Regular, bytes.len() as u64, mode);
                    tar.append_data(&mut header, path, bytes.as_slice())?;
                }
                Content::File(place) => {
                    let file = std::fs::File::open(place)?;
                    let mut header = header(tar::EntryType::Regular, file.metadata()?.len(), 0o644);
                    tar.append_data(&mut header, path, file)?;
                }
            }
        }
        Ok(())
    })
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
    let env = all.into_iter().collect();
    let user = match step.user {
        User::Root => "0:0".to_owned(),
        User::Builder => format!("{BUILD_UID}:{BUILD_UID}"),
    };
    let spec = ExecSpec { argv: in_order(&step.script), user, env, workdir: GuestPath::new(BUILD_ROOT) };
    let code = run_watched(work, container, &spec, Some(&token)).await?;
    if code == 0 {
        // What was told of a step that ended well was of no consequence.
        work.journal.take_findings();
        return Ok(());
    }
    Err(evidence(work, container, code).await)
}

/// A script with its errors among its output: between two streams an engine keeps no order, and a log with the error
/// after what came of it misleads.
pub(crate) fn in_order(script: &str) -> Vec<String> {
    vec!["sh".to_owned(), "-c".to_owned(), format!("{ONE_STREAM}{script}")]
}

/// What a script begins with so that it has one output.
pub(crate) const ONE_STREAM: &str = "exec 2>&1\n";

/// Runs a process under the job's limits; its exit code, unless something else ended it.
pub(crate) async fn run_watched(
    work: &mut Work<'_>,
    container: &dyn Container,
    spec: &ExecSpec,
    token: Option<&str>,
) -> Result<i32, JobError> {
    let timeouts = work.timeouts();
    let ended = watch::run(container, spec, token, &mut work.journal, timeouts, work.cancel).await;
    let step = work.journal.step();
    let limits = &work.job.limits;
    let stop: JobError = match ended {
        Ended::Exit(status) => return Ok(status.code),
        Ended::TimedOut(step) => Outcome::TimedOut { step, limit: Duration::from_secs(limits.timeout_seconds) }.into(),
        Ended::Stalled(step) => Outcome::Stalled { step, limit: Duration::from_secs(limits.stall_seconds) }.into(),
        Ended::Refused(refusal) => outcome::refusal(refusal, step, work.job.limits.log_bytes).into(),
        Ended::Cancelled => Outcome::Cancelled.into(),
        Ended::Engine(error) => outcome::engine(error, step),
    };
    Err(stop)
}

/// What a process that failed died of, as far as the container can tell.
pub(crate) async fn evidence(work: &mut Work<'_>, container: &dyn Container, exit_code: i32) -> JobError {
    let step = work.journal.step();
    match out_of_memory(work, container, step).await {
        Ok(None) => {}
        Ok(Some(outcome)) => return outcome.into(),
        Err(stop) => return stop,
    }
    if work.journal.tail_contains(NO_SPACE)
        && let Some(place) = full_disk(work, container).await
    {
        return Outcome::DiskFull { step, place: format!("{place} in the container") }.into();
    }
    if let Err(outcome) = work.note(&format!("{step} ended with exit code {exit_code}")).await {
        return outcome.into();
    }
    Outcome::Failed { step, exit_code }.into()
}

/// Asks the engine's counters, which know what no exit code says: a process killed inside a pipe leaves exit code 0.
async fn out_of_memory(
    work: &mut Work<'_>,
    container: &dyn Container,
    step: StepKind,
) -> Result<Option<Outcome>, JobError> {
    let stats = container.stats().await.map_err(|error| outcome::engine(error, step))?;
    work.memory_peak_bytes = work.memory_peak_bytes.max(stats.memory_peak_bytes);
    let killed = stats.oom_kills.unwrap_or(0) > 0;
    Ok(killed.then_some(Outcome::OutOfMemory { step, limit_bytes: Some(work.job.limits.memory_bytes) }))
}

/// Whether the file systems in the container bear out what a tool said about ENOSPC. Programs write to /dev/full in
/// their tests, so the words alone prove nothing. Where `df` cannot be run they have to do.
async fn full_disk(work: &Work<'_>, container: &dyn Container) -> Option<String> {
    let df = async |arguments: &str| {
        let mut output = Captured::default();
        let spec = ExecSpec {
            argv: vec!["sh".to_owned(), "-c".to_owned(), format!("df -Pk {arguments}")],
            user: "0:0".to_owned(),
            env: vec![("LC_ALL".to_owned(), "C".to_owned())],
            workdir: GuestPath::new("/"),
        };
        let status = container.exec(&spec, &mut output, work.cancel).await.ok()?;
        // 1: some file system could not be looked at; the others are listed.
        (status.code < 126).then(|| String::from_utf8_lossy(&output.0).into_owned())
    };
    let (Some(all), Some(root)) = (df("2>/dev/null").await, df(&format!("{BUILD_ROOT} 2>/dev/null")).await) else {
        return Some("the disk".to_owned());
    };
    outcome::full_file_system(&all, &root, NEEDED_KIB)
}

/// Runs a small script of farm's own as root, under the job's limits in time only; its exit code and output.
pub(crate) async fn run_captured(
    work: &Work<'_>,
    container: &dyn Container,
    script: &str,
) -> Result<(i32, Captured), JobError> {
    let step = work.journal.step();
    let mut output = Captured::default();
    let spec = ExecSpec {
        argv: vec!["sh".to_owned(), "-c".to_owned(), format!("{ONE_STREAM}{script}")],
        user: "0:0".to_owned(),
        env: Vec::new(),
        workdir: GuestPath::new("/"),
    };
    let limit = work.timeouts().step;
    match tokio::time::timeout(limit, container.exec(&spec, &mut output, work.cancel)).await {
        Ok(Ok(status)) => Ok((status.code, output)),
        Ok(Err(error)) => Err(outcome::engine(error, step)),
        Err(_) => Err(Outcome::TimedOut { step, limit }.into()),
    }
}

/// The beginning of a process's stdout.
#[derive(Debug, Default)]
pub(crate) struct Captured(pub(crate) Vec<u8>);

#[async_trait::async_trait]
impl OutputSink for Captured {
    async fn write(&mut self, stream: OutputStream, chunk: bytes::Bytes) -> std::io::Result<()> {
        let room = (64usize << 10).saturating_sub(self.0.len());
        if stream == OutputStream::Stdout {
            self.0.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        Ok(())
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
    if files.is_empty() {
        return Err(none());
    }
    let manifest = match maker(work, packaging) {
        Some(maker) => {
            let format = work.job.target.format;
            let read = super::executor::reading(work, step, move || parts.read(format, maker)).await?;
            Some(read.map_err(|error| match error {
                ManifestError::Io { .. } => Outcome::Infrastructure { reason: outcome::chain(&error) }.into(),
                error => rejected(vec![outcome::finding("", "manifest-damaged", outcome::chain(&error))]),
            })?)
        }
        None => None,
    };
    Ok(Results { files, manifest })
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

/// Streams a folder out of the container to `receive`, which blocks; none when there is no such folder. `built` is the step
/// that left it.
pub(crate) async fn download<T: Send + 'static>(
    work: &mut Work<'_>,
    container: &dyn Container,
    folder: &str,
    built: StepKind,
    receive: impl FnOnce(&mut dyn std::io::Read) -> T + Send + 'static,
) -> Result<Option<T>, JobError> {
    let step = StepKind::Collect;
    let path = GuestPath::new(folder);
    let download = async {
        let tar = match container.download(&path).await {
            Ok(tar) => tar,
            Err(EngineError::NoSuchPath(_)) => return Ok(None),
            Err(error) => return Err(outcome::engine(error, step)),
        };
        let handle = tokio::runtime::Handle::current();
        let guard = work.guard();
        let (tar, inside) = (guard.stream(tar), guard.clone());
        let received = blocking(move || {
            let reader = tokio_util::io::StreamReader::new(tar);
            inside.during(|| receive(&mut SyncIoBridge::new_with_handle(reader, handle)))
        });
        let received = received.await?;
        work.broken_off(&guard, step)?;
        Ok(Some(received))
    };
    let (received, killed) = tokio::join!(download, async { container.stats().await });
    let stats = killed.map_err(|error| outcome::engine(error, step))?;
    work.memory_peak_bytes = work.memory_peak_bytes.max(stats.memory_peak_bytes);
    if stats.oom_kills.unwrap_or(0) > 0 {
        // Something was killed, and a pipe or an `||` hid it: the packages cannot be trusted.
        return Err(Outcome::OutOfMemory { step: built, limit_bytes: Some(work.job.limits.memory_bytes) }.into());
    }
    received
}
