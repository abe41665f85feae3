//! An image made by one script in a fresh container: create, upload, run, commit, remove. Which script, and what the
//! image is for, is the caller's.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::conceal::Concealing;
use super::guest::{PATH, add_files, say};
use super::install::{Install, PreinstallError};
use super::{FetchFirst, FileContent, ImageError, Images, Unsatisfiable};
use crate::archive::nearest;
use crate::engine::{
    CommitSpec, Container, ContainerSpec, EngineError, ExecSpec, GuestPath, HOST_NAME, ImageInfo, Network, OutputSink,
    OutputStream, labels,
};
use crate::network::ContainerNetwork;
use crate::stream;
use crate::types::{Arch, Progress, printable};

/// Longer lines are no messages of a script of ours.
const LONGEST_MESSAGE: usize = 4096;
const UNSATISFIABLE: &[u8] = b"farm: unsatisfiable: ";
/// What begins the lines after that, each with a name and a version of what there is in its place.
const OFFERED: &[u8] = b"farm: near: ";
const MOST_OFFERED: usize = 100;
/// Of names that are near to one, how many are told.
const NEAR: usize = 3;

pub(super) struct Work<'a> {
    /// What the container is named after: `base-debian-12`.
    pub(super) name: &'a str,
    /// The image to start from.
    pub(super) image: &'a str,
    pub(super) arch: Arch,
    pub(super) network: Network,
    pub(super) env: &'a BTreeMap<String, String>,
    /// Paths relative to `/`, and contents.
    pub(super) files: &'a [(String, FileContent)],
    /// Run by `sh -c` as root, one after the other, as long as they exit with 0. None: the image is only given its tag and labels.
    pub(super) scripts: &'a [&'a str],
    /// The scripts install packages that nobody vouches for: they fetch what they need first, in a container of its own,
    /// and run without network.
    pub(super) fetch: Option<&'a FetchFirst>,
    pub(super) commit: CommitSpec,
}

/// How the work ended.
pub(super) enum BuildResult {
    Image(ImageInfo),
    Failed {
        exit_code: i32,
        unsatisfiable: Vec<Unsatisfiable>,
        oom: bool,
    },
    /// Pre-installing packages failed half-way, so this container cannot be used again. Holds the reason.
    Dirty(String),
}

/// Does the work; the container is gone afterwards, however it ended. What is to be installed is pre-installed before the scripts
/// run, which have to cope when it was not.
pub(super) async fn make(
    images: &Images,
    work: &Work<'_>,
    install: Option<(&mut Install, &dyn Progress)>,
    sink: &mut dyn OutputSink,
    cancel: &CancellationToken,
) -> Result<BuildResult, ImageError> {
    let Some(fetch) = work.fetch else {
        let container = create(images, work, work.network, cancel).await?;
        let result = match run(container.as_ref(), images, work, work.network, install, None, sink, cancel).await {
            Ok(Some(failed)) => Ok(failed),
            Ok(None) => commit(container.as_ref(), work, cancel).await,
            Err(error) => Err(error),
        };
        return removed(container, result).await;
    };
    let fetcher = create(images, work, work.network, cancel).await?;
    let result = async {
        let (fetching, variable) = (fetcher.as_ref(), Some(fetch.variable));
        if let Some(failed) = run(fetching, images, work, work.network, install, variable, sink, cancel).await? {
            return Ok(failed);
        }
        // It has no network, and nothing that another container could see.
        let container = create(images, work, Network::None, cancel).await?;
        let result = async {
            match fetcher.download(&GuestPath::new(fetch.folder)).await {
                Ok(fetched) => {
                    let parent = GuestPath::new(fetch.folder.rsplit_once('/').map_or("/", |(parent, _)| parent));
                    tokio::select! {
                        uploaded = container.upload(&parent, fetched) => uploaded?,
                        () = cancel.cancelled() => return Err(ImageError::Cancelled),
                    }
                }
                // Nothing is needed.
                Err(EngineError::NoSuchPath(_)) => {}
                Err(error) => return Err(error.into()),
            }
            match run(container.as_ref(), images, work, Network::None, None, None, sink, cancel).await? {
                Some(failed) => Ok(failed),
                None => commit(container.as_ref(), work, cancel).await,
            }
        };
        let result = result.await;
        removed(container, result).await
    };
    let result = result.await;
    removed(fetcher, result).await
}

/// `result`, once the container is gone.
async fn removed(
    container: Box<dyn Container>,
    result: Result<BuildResult, ImageError>,
) -> Result<BuildResult, ImageError> {
    let removed = container.remove().await;
    let made = result?;
    removed?;
    Ok(made)
}

async fn create(
    images: &Images,
    work: &Work<'_>,
    network: Network,
    cancel: &CancellationToken,
) -> Result<Box<dyn Container>, ImageError> {
    let run = &images.options.run;
    let spec = ContainerSpec {
        image: work.image.to_owned(),
        arch: work.arch,
        name: format!("farm-{run}-{}-{}", work.name, unique()),
        host_name: HOST_NAME,
        network,
        limits: images.options.limits.clone(),
        labels: BTreeMap::from([(labels::RUN.to_owned(), run.clone())]),
    };
    if cancel.is_cancelled() {
        return Err(ImageError::Cancelled);
    }
    Ok(images.engine.create(&spec).await?)
}

async fn commit(
    container: &dyn Container,
    work: &Work<'_>,
    cancel: &CancellationToken,
) -> Result<BuildResult, ImageError> {
    if cancel.is_cancelled() {
        return Err(ImageError::Cancelled);
    }
    Ok(BuildResult::Image(container.commit(&work.commit).await?))
}

/// Uploads the files and runs the scripts, `variable` set in their environment; how they failed, if they did. Where the
/// container has a network, they find this host's proxies and certificates.
#[allow(clippy::too_many_arguments)]
async fn run(
    container: &dyn Container,
    images: &Images,
    work: &Work<'_>,
    network: Network,
    install: Option<(&mut Install, &dyn Progress)>,
    variable: Option<&str>,
    sink: &mut dyn OutputSink,
    cancel: &CancellationToken,
) -> Result<Option<BuildResult>, ImageError> {
    if !work.files.is_empty() {
        let files = work.files.to_vec();
        container.upload(&GuestPath::new("/"), stream::from_tar(move |tar| add_files(tar, &files))).await?;
    }
    if work.scripts.is_empty() {
        return Ok(None);
    }
    container.start().await?;
    if let Some((install, progress)) = install {
        match install.preinstall(images, container, sink, progress, cancel).await {
            Ok(()) => {}
            Err(PreinstallError::Untouched(reason)) => {
                say(sink, &format!("farm: apt unpacks all by itself: {reason}")).await?
            }
            Err(PreinstallError::Dirty(reason)) => return Ok(Some(BuildResult::Dirty(reason))),
            Err(PreinstallError::Failed(error)) => return Err(error),
        }
    }
    let mut env = work.env.clone();
    env.entry("PATH".to_owned()).or_insert_with(|| PATH.to_owned());
    if let Some(variable) = variable {
        env.insert(variable.to_owned(), "yes".to_owned());
    }
    let host = images.container_network();
    let mut scripts: Vec<&str> = work.scripts.to_vec();
    let begin = ContainerNetwork::script();
    if network != Network::None {
        env.extend(host.env().clone());
        if let Some((path, bytes)) = host.file() {
            let files = [(path.to_owned(), FileContent::Bytes(bytes.to_vec()))];
            container.upload(&GuestPath::new("/"), stream::from_tar(move |tar| add_files(tar, &files))).await?;
            scripts.insert(0, &begin);
        }
    }
    let env: Vec<(String, String)> = env.into_iter().collect();
    let sink = Concealing::new(sink, host.hidden());
    let mut watcher = Watcher { sink, line: Vec::new(), unsatisfiable: Vec::new() };
    for script in scripts {
        let exec = ExecSpec {
            argv: vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()],
            user: "0:0".to_owned(),
            env: env.clone(),
            workdir: GuestPath::new("/"),
        };
        let status = container.exec(&exec, &mut watcher, cancel).await?;
        watcher.sink.finish().await?;
        // A process killed for memory in the middle of a pipe leaves an exit code of 0.
        let oom = container.stats().await?.oom_kills.is_some_and(|kills| kills > 0);
        if !status.success() || oom {
            let mut unsatisfiable = std::mem::take(&mut watcher.unsatisfiable);
            for one in &mut unsatisfiable {
                let name = one.requirement.split(' ').next().unwrap_or_default();
                one.near = nearest(name, &one.near, NEAR);
            }
            return Ok(Some(BuildResult::Failed { exit_code: status.code, unsatisfiable, oom }));
        }
    }
    Ok(None)
}

/// Distinguishes containers of one run.
fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{:x}-{:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Hands output on, and listens for what a script names unsatisfiable.
struct Watcher<'a> {
    sink: Concealing<'a>,
    /// The line so far, on either stream: scripts write such a line at once.
    line: Vec<u8>,
    unsatisfiable: Vec<Unsatisfiable>,
}

#[async_trait]
impl OutputSink for Watcher<'_> {
    async fn write(&mut self, stream: OutputStream, chunk: Bytes) -> std::io::Result<()> {
        let mut pieces = chunk.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let room = LONGEST_MESSAGE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            if pieces.peek().is_some() {
                if let Some(what) = self.line.strip_prefix(UNSATISFIABLE) {
                    let requirement = printable(String::from_utf8_lossy(what).trim());
                    self.unsatisfiable.push(Unsatisfiable { requirement, near: Vec::new() });
                }
                if let (Some(near), Some(last)) = (self.line.strip_prefix(OFFERED), self.unsatisfiable.last_mut())
                    && last.near.len() < MOST_OFFERED
                {
                    let near = printable(&String::from_utf8_lossy(near));
                    let (name, version) = near.split_once(' ').unwrap_or((&near, ""));
                    last.near.push((name.to_owned(), version.trim().to_owned()));
                }
                self.line.clear();
            }
        }
        self.sink.write(stream, chunk).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Hidden;

    struct Nowhere;

    #[async_trait]
    impl OutputSink for Nowhere {
        async fn write(&mut self, _stream: OutputStream, _chunk: Bytes) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn unsatisfiable_requirements_are_heard_however_the_output_is_cut() {
        let output = b"farm: near: x 1\nfarm: unsatisfiable: libfoo-dev (>= 2)\r\nfarm: near: libfoo2-dev 1-1\nfarm: near: pkgconfig(x) \nnot farm: unsatisfiable: x\nfarm: unsatisfiable: a\xff\n";
        for size in [1, 7, 1000] {
            let mut nowhere = Nowhere;
            let sink = Concealing::new(&mut nowhere, &Hidden::default());
            let mut watcher = Watcher { sink, line: Vec::new(), unsatisfiable: Vec::new() };
            for chunk in output.chunks(size) {
                watcher.write(OutputStream::Stdout, Bytes::copy_from_slice(chunk)).await.unwrap();
            }
            let near = |name: &str, version: &str| (name.to_owned(), version.to_owned());
            let expected = [
                ("libfoo-dev (>= 2)", vec![near("libfoo2-dev", "1-1"), near("pkgconfig(x)", "")]),
                ("a\u{fffd}", Vec::new()),
            ];
            let expected = expected.map(|(name, near)| Unsatisfiable { requirement: name.to_owned(), near });
            assert_eq!(watcher.unsatisfiable, expected);
        }
    }
}
