//! An engine in memory, for tests of what stands above: images and containers are maps, uploads fill a small file
//! system, and what a process does is scripted by the test. It limits nothing and isolates nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{iter, once};
use sha2::{Digest, Sha256};
use tokio::sync::{Barrier, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    BuildSpec, CommitSpec, Container, ContainerSpec, Engine, EngineError, EngineInfo, ExecSpec, ExitStatus, GuestPath,
    ImageInfo, ImportSpec, OutputSink, OutputStream, Stats, TerminalInput, TerminalSize, labels,
};
use crate::stream::{self, ByteStream};
use crate::types::{Arch, Progress};

/// What a scripted process does: it waits, prints, and ends.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The time that passes before it prints or ends.
    pub delay: Duration,
    /// The chunks that it prints, in this order.
    pub output: Vec<(OutputStream, Bytes)>,
    /// How it ends once it has printed.
    pub end: End,
    /// Added to what [`Container::stats`] says.
    pub oom_kills: u64,
}

/// How a scripted process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With this exit code.
    Exit(i32),
    /// Runs until it is cancelled.
    Never,
}

impl Default for End {
    fn default() -> End {
        End::Exit(0)
    }
}

impl Reply {
    /// A process that prints nothing and ends with `code`.
    pub fn exit(code: i32) -> Reply {
        Reply { end: End::Exit(code), ..Reply::default() }
    }

    /// A process that prints nothing and runs until it is cancelled.
    pub fn hang() -> Reply {
        Reply { end: End::Never, ..Reply::default() }
    }

    /// This reply with `text` as a further chunk of standard output.
    pub fn stdout(mut self, text: impl Into<Bytes>) -> Reply {
        self.output.push((OutputStream::Stdout, text.into()));
        self
    }

    /// This reply with `text` as a further chunk of standard error.
    pub fn stderr(mut self, text: impl Into<Bytes>) -> Reply {
        self.output.push((OutputStream::Stderr, text.into()));
        self
    }
}

/// A process that asks its script what to do.
#[derive(Debug)]
pub struct Guest<'a> {
    /// The container that it runs in, as it was asked for.
    pub container: &'a ContainerSpec,
    /// The process as it was asked for.
    pub exec: &'a ExecSpec,
    /// What lies in the container: the script may change it.
    pub files: &'a mut FileSystem,
}

/// What is in a container, by absolute path without a trailing slash; the root is not listed.
pub type FileSystem = BTreeMap<String, FakeFile>;

/// A file, folder or link in a container of the fake engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeFile {
    /// Whether it is a file, a folder or a link, as a tar header says it.
    pub kind: tar::EntryType,
    /// The content of a regular file; empty for all others.
    pub data: Bytes,
    /// The target of a link.
    pub link: String,
    /// The permission bits.
    pub mode: u32,
    /// The number of the user who owns it.
    pub uid: u64,
    /// The number of the group that owns it.
    pub gid: u64,
    /// The time of its last change, in seconds since the epoch.
    pub mtime: u64,
}

impl FakeFile {
    /// A file of root with mode 0644 that holds `data`.
    pub fn regular(data: impl Into<Bytes>) -> FakeFile {
        FakeFile {
            kind: tar::EntryType::Regular,
            data: data.into(),
            link: String::new(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 0,
        }
    }

    /// A folder of root with mode 0755.
    pub fn directory() -> FakeFile {
        FakeFile { kind: tar::EntryType::Directory, mode: 0o755, ..FakeFile::regular("") }
    }
}

type Script = Arc<dyn Fn(&mut Guest<'_>) -> Option<Reply> + Send + Sync>;
type Failure = Arc<dyn Fn(&str) -> Option<EngineError> + Send + Sync>;
type Which = dyn Fn(&str) -> bool + Send + Sync;

/// How long calls that gather wait for the others, before they fail.
const GATHER_WITHIN: Duration = Duration::from_secs(300);

/// See the module. Clones are the same engine.
#[derive(Clone, Default)]
pub struct FakeEngine(Arc<Mutex<FakeState>>);

#[derive(Default)]
struct FakeState {
    calls: Vec<String>,
    scripts: Vec<Script>,
    failures: Vec<Failure>,
    gatherings: Vec<Arc<(Barrier, Box<Which>)>>,
    most_kept: Option<u64>,
    images: Vec<(ImageInfo, FileSystem)>,
    registry: BTreeMap<String, FileSystem>,
    containers: BTreeMap<String, Running>,
    made: u64,
}

struct Running {
    spec: ContainerSpec,
    started: bool,
    files: FileSystem,
    oom_kills: u64,
}

impl fmt::Debug for FakeEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeEngine").finish_non_exhaustive()
    }
}

impl FakeEngine {
    /// An engine without images, containers or scripts.
    pub fn new() -> FakeEngine {
        FakeEngine::default()
    }

    /// Scripts are asked in the order in which they were added; the first answer holds. A process that no script knows
    /// ends with 127, as a missing program does.
    pub fn on_exec(&self, script: impl Fn(&mut Guest<'_>) -> Option<Reply> + Send + Sync + 'static) -> &FakeEngine {
        self.state().scripts.push(Arc::new(script));
        self
    }

    /// Lets calls fail. `failure` sees the text that [`FakeEngine::calls`] would record; one of `build TAG` with
    /// [`EngineError::Build`] is what a Dockerfile that cannot be built gives.
    pub fn fail(&self, failure: impl Fn(&str) -> Option<EngineError> + Send + Sync + 'static) -> &FakeEngine {
        self.state().failures.push(Arc::new(failure));
        self
    }

    /// Lets uploads, execs and downloads whose text, as [`FakeEngine::calls`] has it, is one of `which` wait for each other
    /// until `count` of them are under way: an upload before it reads, an exec with half of its output printed, a download
    /// once it has given the beginning. They fail where the others do not come.
    pub fn gather(&self, count: usize, which: impl Fn(&str) -> bool + Send + Sync + 'static) -> &FakeEngine {
        self.state().gatherings.push(Arc::new((Barrier::new(count), Box::new(which))));
        self
    }

    /// Keeps only so many bytes of each file that is uploaded: for tests of memory, as a container has its files elsewhere.
    pub fn keep_at_most(&self, bytes: u64) -> &FakeEngine {
        self.state().most_kept = Some(bytes);
        self
    }

    /// Puts an image into the store, without a file.
    pub fn add_image(&self, tag: &str, labels: BTreeMap<String, String>) -> ImageInfo {
        self.state().add_image(tag, labels, FileSystem::new())
    }

    /// Makes an image that a pull finds.
    pub fn publish(&self, reference: &str) {
        self.state().registry.insert(reference.to_owned(), FileSystem::new());
    }

    /// What was called so far: `create farm-1-build`, `exec farm-1-build make -j2`, `remove farm-1-build`.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// The names of the containers that are there.
    pub fn containers(&self) -> Vec<String> {
        self.state().containers.keys().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, FakeState> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn call(&self, call: String) -> Result<(), EngineError> {
        let failures = {
            let mut state = self.state();
            state.calls.push(call.clone());
            state.failures.clone()
        };
        failures.iter().find_map(|failure| failure(&call)).map_or(Ok(()), Err)
    }

    /// Waits for the calls that gather with this one.
    async fn gathered(&self, call: &str) -> Result<(), EngineError> {
        let gatherings = self.state().gatherings.clone();
        for (barrier, _) in gatherings.iter().map(|of| &**of).filter(|(_, which)| which(call)) {
            if tokio::time::timeout(GATHER_WITHIN, barrier.wait()).await.is_err() {
                let message = "the calls that it waits for did not come".to_owned();
                return Err(EngineError::Refused { action: call.to_owned(), message });
            }
        }
        Ok(())
    }
}

impl FakeState {
    fn add_image(&mut self, tag: &str, labels: BTreeMap<String, String>, files: FileSystem) -> ImageInfo {
        let id = Sha256::digest(format!("{tag} {}", self.made + 1));
        self.add_known(&id, tag, labels, files)
    }

    fn add_known(
        &mut self,
        id: &[u8],
        tag: &str,
        mut labels: BTreeMap<String, String>,
        files: FileSystem,
    ) -> ImageInfo {
        self.made += 1;
        labels.insert(labels::OWNED.to_owned(), String::new());
        let image = ImageInfo {
            id: format!("sha256:{}", hex::encode(id)),
            tags: vec![tag.to_owned()],
            repo_digests: Vec::new(),
            labels,
            size_bytes: files.values().map(|file| file.data.len() as u64).sum(),
            created: i64::try_from(self.made).unwrap_or(i64::MAX),
        };
        for (other, _) in &mut self.images {
            other.tags.retain(|other| other != tag);
        }
        self.images.push((image.clone(), files));
        image
    }

    fn image(&self, reference: &str) -> Option<&(ImageInfo, FileSystem)> {
        self.images.iter().find(|(image, _)| image.id == reference || image.tags.iter().any(|tag| tag == reference))
    }
}

#[async_trait]
impl Engine for FakeEngine {
    fn endpoint(&self) -> &str {
        "fake://"
    }

    async fn ping(&self) -> Result<EngineInfo, EngineError> {
        self.call("ping".to_owned())?;
        Ok(EngineInfo {
            name: "fake".to_owned(),
            version: "1".to_owned(),
            api_version: "1.41".to_owned(),
            arch: Arch::Amd64,
            cpus: 4,
            memory_bytes: 8 << 30,
            shares_kernel: false,
            limitations: Vec::new(),
        })
    }

    async fn image(&self, reference: &str) -> Result<Option<ImageInfo>, EngineError> {
        self.call(format!("image {reference}"))?;
        Ok(self.state().image(reference).map(|(image, _)| image.clone()))
    }

    async fn images(&self, label: &str) -> Result<Vec<ImageInfo>, EngineError> {
        self.call(format!("images {label}"))?;
        let (key, value) = label.split_once('=').map_or((label, None), |(key, value)| (key, Some(value)));
        let carries =
            |image: &ImageInfo| image.labels.get(key).is_some_and(|found| value.is_none_or(|value| found == value));
        Ok(self.state().images.iter().map(|(image, _)| image).filter(|image| carries(image)).cloned().collect())
    }

    async fn pull(
        &self,
        reference: &str,
        arch: Arch,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<ImageInfo, EngineError> {
        self.call(format!("pull {reference} {arch}"))?;
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        progress.progress(reference, 1, 1);
        let mut state = self.state();
        match state.registry.get(reference).cloned() {
            Some(files) => Ok(state.add_image(reference, BTreeMap::new(), files)),
            None => Err(EngineError::Pull { reference: reference.to_owned(), reason: "not found".to_owned() }),
        }
    }

    async fn import(&self, spec: &ImportSpec, layer: ByteStream) -> Result<ImageInfo, EngineError> {
        self.call(format!("import {}", spec.tag))?;
        let files = unpack("", layer, u64::MAX).await?;
        Ok(self.state().add_image(&spec.tag, spec.labels.clone(), files))
    }

    /// Runs nothing: the image has no file, and is the same for the same request and context.
    async fn build(
        &self,
        spec: &BuildSpec,
        context: ByteStream,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<ImageInfo, EngineError> {
        let mut context = context;
        let mut hash = Sha256::new();
        hash.update(format!("{:?}", (&spec.dockerfile, &spec.target, &spec.args, spec.arch)));
        while let Some(chunk) = context.next().await {
            hash.update(chunk.map_err(EngineError::Source)?);
        }
        let line = format!("built {}\n", spec.dockerfile);
        sink.write(OutputStream::Stdout, line.into()).await.map_err(EngineError::Sink)?;
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        self.call(format!("build {}", spec.tag))?;
        Ok(self.state().add_known(&hash.finalize(), &spec.tag, spec.labels.clone(), FileSystem::new()))
    }

    async fn remove_image(&self, reference: &str) -> Result<(), EngineError> {
        self.call(format!("remove-image {reference}"))?;
        self.state()
            .images
            .retain(|(image, _)| image.id != reference && !image.tags.iter().any(|tag| tag == reference));
        Ok(())
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<Box<dyn Container>, EngineError> {
        self.call(format!("create {}", spec.name))?;
        let mut state = self.state();
        let Some((_, files)) = state.image(&spec.image).cloned() else {
            return Err(EngineError::NoSuchImage { reference: spec.image.clone() });
        };
        if state.containers.contains_key(&spec.name) {
            let message = format!("the name {} is in use", spec.name);
            return Err(EngineError::Conflict { action: "create a container".to_owned(), message });
        }
        let running = Running { spec: spec.clone(), started: false, files, oom_kills: 0 };
        state.containers.insert(spec.name.clone(), running);
        Ok(Box::new(FakeContainer { engine: self.clone(), name: spec.name.clone() }))
    }

    async fn reap(&self, run: Option<&str>) -> Result<usize, EngineError> {
        self.call(format!("reap {}", run.unwrap_or("*")))?;
        let mut state = self.state();
        let before = state.containers.len();
        state.containers.retain(|_, container| {
            run.is_some_and(|run| container.spec.labels.get(labels::RUN).map(String::as_str) != Some(run))
        });
        Ok(before - state.containers.len())
    }
}

#[derive(Debug)]
struct FakeContainer {
    engine: FakeEngine,
    name: String,
}

impl FakeContainer {
    /// Runs `use_it` on the container.
    fn with<T>(&self, use_it: impl FnOnce(&mut Running) -> T) -> Result<T, EngineError> {
        let mut state = self.engine.state();
        let state = &mut *state;
        let Some(running) = state.containers.get_mut(&self.name) else {
            return Err(EngineError::Ended { id: self.name.clone(), reason: "it was removed".to_owned() });
        };
        Ok(use_it(running))
    }

    /// Records a call and returns its text.
    fn call(&self, what: &str, rest: &str) -> Result<String, EngineError> {
        let call = format!("{what} {}{}{rest}", self.name, if rest.is_empty() { "" } else { " " });
        self.engine.call(call.clone())?;
        Ok(call)
    }
}

#[async_trait]
impl Container for FakeContainer {
    fn id(&self) -> &str {
        &self.name
    }

    async fn start(&self) -> Result<(), EngineError> {
        self.call("start", "")?;
        self.with(|running| running.started = true)
    }

    async fn upload(&self, path: &GuestPath, tar: ByteStream) -> Result<(), EngineError> {
        let call = self.call("upload", path.as_str())?;
        let root = path.as_str().trim_end_matches('/').to_owned();
        let is_folder = self
            .with(|running| root.is_empty() || running.files.keys().any(|file| *file == root || below(&root, file)));
        if !is_folder? {
            return Err(EngineError::NoSuchPath(path.clone()));
        }
        self.engine.gathered(&call).await?;
        let most = self.engine.state().most_kept.unwrap_or(u64::MAX);
        let files = unpack(&root, tar, most).await?;
        self.with(|running| running.files.extend(files))
    }

    async fn exec(
        &self,
        spec: &ExecSpec,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<ExitStatus, EngineError> {
        let call = self.call("exec", &spec.argv.join(" "))?;
        if cancel.is_cancelled() {
            return Err(EngineError::Cancelled);
        }
        let scripts = self.engine.state().scripts.clone();
        let mut reply = self.with(|running| {
            if !running.started {
                let reason = "it was not started".to_owned();
                return Err(EngineError::Ended { id: self.name.clone(), reason });
            }
            let mut guest = Guest { container: &running.spec, exec: spec, files: &mut running.files };
            let reply = scripts.iter().find_map(|script| script(&mut guest)).unwrap_or(Reply::exit(127));
            running.oom_kills += reply.oom_kills;
            Ok(reply)
        })??;
        tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(EngineError::Cancelled),
            () = tokio::time::sleep(reply.delay), if !reply.delay.is_zero() => {}
            () = std::future::ready(()), if reply.delay.is_zero() => {}
        }
        let rest = reply.output.split_off(reply.output.len() / 2);
        print(reply.output, sink).await?;
        tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(EngineError::Cancelled),
            gathered = self.engine.gathered(&call) => gathered?,
        }
        print(rest, sink).await?;
        match reply.end {
            End::Exit(code) => Ok(ExitStatus { code }),
            End::Never => {
                cancel.cancelled().await;
                Err(EngineError::Cancelled)
            }
        }
    }

    async fn exec_at_terminal(
        &self,
        spec: &ExecSpec,
        _size: TerminalSize,
        _input: &mut mpsc::Receiver<TerminalInput>,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<ExitStatus, EngineError> {
        self.exec(spec, sink, cancel).await
    }

    async fn download(&self, path: &GuestPath) -> Result<ByteStream, EngineError> {
        let call = self.call("download", path.as_str())?;
        let root = path.as_str().trim_end_matches('/').to_owned();
        let parent = root.rfind('/').map_or(0, |slash| slash + 1);
        let found: Vec<(String, FakeFile)> = self.with(|running| {
            let wanted = running.files.iter().filter(|(file, _)| **file == root || below(&root, file));
            wanted.map(|(file, content)| (file[parent..].to_owned(), content.clone())).collect()
        })?;
        if found.is_empty() {
            return Err(EngineError::NoSuchPath(path.clone()));
        }
        let mut tar = stream::from_tar(move |tar| found.iter().try_for_each(|(name, file)| append(tar, name, file)));
        let (begin, engine) = (tar.next().await, self.engine.clone());
        let gathered = async move { engine.gathered(&call).await.map(|()| Bytes::new()).map_err(io::Error::other) };
        Ok(Box::pin(iter(begin).chain(once(gathered)).chain(tar)))
    }

    async fn stats(&self) -> Result<Stats, EngineError> {
        self.call("stats", "")?;
        let oom_kills = self.with(|running| running.oom_kills)?;
        Ok(Stats { oom_kills: Some(oom_kills), memory_peak_bytes: None })
    }

    async fn commit(&self, spec: &CommitSpec) -> Result<ImageInfo, EngineError> {
        self.call("commit", &spec.tag)?;
        let files = self.with(|running| running.files.clone())?;
        Ok(self.engine.state().add_image(&spec.tag, spec.labels.clone(), files))
    }

    async fn remove(self: Box<Self>) -> Result<(), EngineError> {
        self.call("remove", "")?;
        self.engine.state().containers.remove(&self.name);
        Ok(())
    }
}

fn below(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Each chunk in memory of its own, as one that is read from a connection.
async fn print(output: Vec<(OutputStream, Bytes)>, sink: &mut dyn OutputSink) -> Result<(), EngineError> {
    for (stream, chunk) in output {
        sink.write(stream, Bytes::copy_from_slice(&chunk)).await.map_err(EngineError::Sink)?;
    }
    Ok(())
}

/// `most`: the bytes of each file that are kept.
async fn unpack(root: &str, tar: ByteStream, most: u64) -> Result<FileSystem, EngineError> {
    let reader = stream::into_reader(tar);
    let root = root.to_owned();
    let unpacked = tokio::task::spawn_blocking(move || read_tar(&root, reader, most)).await;
    unpacked.map_err(io::Error::other).and_then(|files| files).map_err(EngineError::Source)
}

fn read_tar(root: &str, reader: impl Read, most: u64) -> io::Result<FileSystem> {
    let mut files = FileSystem::new();
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries()? {
        let entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = path.trim_start_matches("./").trim_matches('/');
        let path = format!("{root}/{}", if name == "." { "" } else { name });
        let header = entry.header();
        // Fields left blank mean what unpacking programs take them for.
        let mut file = FakeFile {
            kind: header.entry_type(),
            data: Bytes::new(),
            link: entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned()).unwrap_or_default(),
            mode: header.mode().unwrap_or(0o644),
            uid: header.uid().unwrap_or(0),
            gid: header.gid().unwrap_or(0),
            mtime: header.mtime().unwrap_or(0),
        };
        let mut data = Vec::new();
        entry.take(most).read_to_end(&mut data)?;
        file.data = data.into();
        if path != format!("{root}/") {
            files.insert(path, file);
        }
    }
    Ok(files)
}

fn append(tar: &mut tar::Builder<&mut dyn io::Write>, name: &str, file: &FakeFile) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(file.kind);
    header.set_mode(file.mode);
    header.set_uid(file.uid);
    header.set_gid(file.gid);
    header.set_mtime(file.mtime);
    header.set_size(file.data.len() as u64);
    if file.link.is_empty() {
        tar.append_data(&mut header, name, file.data.as_ref())
    } else {
        tar.append_link(&mut header, name, &file.link)
    }
}
