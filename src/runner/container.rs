//! What the parts of a job do with a container: make one, fill it, run processes in it under the job's limits, take folders
//! out of it. When and why is theirs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio_util::io::SyncIoBridge;

use super::outcome::{self, JobError, NO_SPACE};
use super::watch::{self, Ended};
use super::work::{Work, blocking};
use crate::engine::{
    Container, ContainerSpec, EngineError, ExecSpec, GuestPath, Network, OutputSink, OutputStream, labels,
};
use crate::event::Outcome;
use crate::network::ContainerNetwork;
use crate::packaging::{BUILD_ROOT, GuestFile, StepKind};
use crate::stream::{self, ByteStream};

/// Less than this left where the build happens, and a tool that says ENOSPC is believed.
const NEEDED_KIB: u64 = 64 * 1024;

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
        host_name: work.host_name(),
        network,
        limits: work.limits(),
        labels,
    };
    work.shared.engine.0.create(&spec).await.map_err(|error| outcome::engine(error, work.journal.step()))
}

pub(crate) async fn start(container: &dyn Container) -> Result<(), JobError> {
    container.start().await.map_err(|error| outcome::engine(error, StepKind::Unpack))
}

/// What processes in a started container with network find of this host's proxies; its certificates are put there first.
pub(crate) async fn host_network(
    work: &mut Work<'_>,
    container: &dyn Container,
) -> Result<BTreeMap<String, String>, JobError> {
    let network = work.shared.images.container_network().clone();
    if let Some((path, bytes)) = network.file() {
        let file = (format!("/{path}"), Content::Bytes(bytes.to_vec(), 0o644));
        put(work, container, &GuestPath::new("/"), small_files(vec![file], 0, 0)).await?;
        let (code, _) = run_captured(work, container, &ContainerNetwork::script()).await?;
        if code != 0 {
            let reason = format!(
                "the container cannot be given this host's certificate authorities (exit code {code}): it needs sh, cat, \
                 mkdir and rm"
            );
            return Err(Outcome::Infrastructure { reason }.into());
        }
    }
    Ok(network.env().clone())
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
    pub(crate) fn of(file: &GuestFile) -> Content {
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
        (status.code < 126).then(|| String::from_utf8_lossy(&output.bytes).into_owned())
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
    run_captured_up_to(work, container, script, Captured::default().most).await
}

/// The same, with so many bytes of output.
pub(crate) async fn run_captured_up_to(
    work: &Work<'_>,
    container: &dyn Container,
    script: &str,
    most: usize,
) -> Result<(i32, Captured), JobError> {
    let step = work.journal.step();
    let mut output = Captured::up_to(most);
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
#[derive(Debug)]
pub(crate) struct Captured {
    pub(crate) bytes: Vec<u8>,
    /// How many bytes there can be.
    most: usize,
}

impl Captured {
    /// Takes so many bytes.
    pub(crate) fn up_to(most: usize) -> Captured {
        Captured { bytes: Vec::new(), most }
    }
}

impl Default for Captured {
    fn default() -> Captured {
        Captured::up_to(64 << 10)
    }
}

#[async_trait::async_trait]
impl OutputSink for Captured {
    async fn write(&mut self, stream: OutputStream, chunk: bytes::Bytes) -> std::io::Result<()> {
        let room = self.most.saturating_sub(self.bytes.len());
        if stream == OutputStream::Stdout {
            self.bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        Ok(())
    }
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
