//! Files into a pod and out of it, as tar streams through an exec of its own `tar`. What goes in is cut into frames that say
//! how long they are, the last one 0: then the end of a stream is no matter of the connection.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::cluster::Cluster;
use super::exec;
use super::process::{End, Output, Process, quoted};
use crate::engine::{EngineError, GuestPath, OutputStream};
use crate::stream::ByteStream;

/// One process of the pod's `head` for each frame.
const FRAME: usize = 256 << 10;
/// What the scripts here end with.
const NO_PATH: i32 = 44;
const NO_TAR: i32 = 45;
const WORDS: usize = 4096;
/// How often an upload is looked after.
const LOOK: Duration = Duration::from_secs(15);
/// The end of a process that is gone may still be on its way.
const LAST_WORDS: Duration = Duration::from_secs(5);

pub(super) async fn upload(cluster: &Cluster, pod: &str, path: &GuestPath, tar: ByteStream) -> Result<(), EngineError> {
    let action = "take an upload";
    // It reads to the end, whatever `tar` does: the client hears nothing as long as nobody takes what it sends.
    let script = format!(
        "cd {} 2>/dev/null || exit {NO_PATH}\ncommand -v tar >/dev/null || exit {NO_TAR}\necho $$\n\
         {{ while read -r size && [ \"$size\" -gt 0 ]; do head -c \"$size\"; done; }} | \
         {{ tar -xpf - --numeric-owner --same-owner; code=$?; cat >/dev/null; exit \"$code\"; }}",
        quoted(path.as_str())
    );
    let Process { mut input, mut output, _attached, .. } = exec::start(cluster, pod, &script).await?;
    let ended = match process_id(&mut output).await {
        Some(process) => {
            let (rest, sending) = (output.rest(WORDS), send(&mut input, tar));
            tokio::pin!(rest, sending);
            let mut is_sent = false;
            loop {
                tokio::select! {
                    ended = &mut rest => break ended,
                    sent = &mut sending, if !is_sent => {
                        sent?;
                        is_sent = true;
                    }
                    () = tokio::time::sleep(LOOK) => if !exec::is_there(cluster, pod, process).await {
                        let ended = tokio::time::timeout(LAST_WORDS, &mut rest).await;
                        break ended.unwrap_or_else(|_| (Vec::new(), String::new(), End::Lost));
                    }
                }
            }
        }
        None => output.rest(WORDS).await,
    };
    finished(cluster, pod, action, path, ended.1, ended.2).await
}

/// What a script says first when it is ready.
async fn process_id(output: &mut Output) -> Option<u32> {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let (OutputStream::Stdout, chunk) = output.next().await? else { continue };
        line.extend_from_slice(&chunk);
    }
    std::str::from_utf8(&line).ok()?.trim().parse().ok()
}

/// All of a stream, in frames. What the other end does not take is its status to say.
async fn send(input: &mut (impl AsyncWrite + Unpin), mut tar: ByteStream) -> Result<(), EngineError> {
    let mut frame = BytesMut::with_capacity(FRAME);
    loop {
        let next = tar.next().await.transpose().map_err(EngineError::Source)?;
        let is_last = next.is_none();
        let mut chunk = next.unwrap_or_default();
        while !chunk.is_empty() || (is_last && !frame.is_empty()) {
            let room = chunk.len().min(FRAME - frame.len());
            frame.extend_from_slice(&chunk.split_to(room));
            if frame.len() == FRAME || is_last {
                let full = std::mem::take(&mut frame);
                let sent = async {
                    input.write_all(format!("{}\n", full.len()).as_bytes()).await?;
                    input.write_all(&full).await
                };
                if sent.await.is_err() {
                    return Ok(());
                }
            }
        }
        if is_last {
            let _ = input.write_all(b"0\n").await;
            let _ = input.flush().await;
            return Ok(());
        }
    }
}

pub(super) async fn download(cluster: &Cluster, pod: &str, path: &GuestPath) -> Result<Download, EngineError> {
    let (folder, name) = match path.as_str().trim_end_matches('/').rsplit_once('/') {
        Some((folder, name)) => (if folder.is_empty() { "/" } else { folder }, name),
        None => ("/", "."),
    };
    let whole = quoted(path.as_str());
    let script = format!(
        "[ -e {whole} ] || [ -L {whole} ] || exit {NO_PATH}\ncommand -v tar >/dev/null || exit {NO_TAR}\n\
         exec tar -cf - --numeric-owner -C {} -- {} </dev/null",
        quoted(folder),
        quoted(name)
    );
    Download::start(cluster, pod, "give a download", path, &script, 0).await
}

/// A whole file system, but for what an engine makes anew in each container.
pub(super) async fn root(cluster: &Cluster, pod: &str) -> Result<Download, EngineError> {
    let path = GuestPath::new("/");
    let script = format!(
        "command -v tar >/dev/null || exit {NO_TAR}\nexec tar -cf - --format=posix \
         --pax-option=delete=atime,delete=ctime --numeric-owner --xattrs --xattrs-include='security.capability' \
         --warning=no-file-ignored --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' --exclude=./etc/hosts \
         --exclude=./etc/hostname --exclude=./etc/resolv.conf -C / . </dev/null"
    );
    // 1: a file changed meanwhile.
    Download::start(cluster, pod, "commit a pod", &path, &script, 1).await
}

/// A stream out of a pod, of which the first bytes have come.
pub(super) struct Download {
    process: Process,
    first: Bytes,
    action: &'static str,
    /// The highest exit code that is none of a failure.
    most: i32,
}

impl Download {
    async fn start(
        cluster: &Cluster,
        pod: &str,
        action: &'static str,
        path: &GuestPath,
        script: &str,
        most: i32,
    ) -> Result<Download, EngineError> {
        let mut process = exec::start(cluster, pod, script).await?;
        let mut words = Vec::new();
        loop {
            match process.output.next().await {
                Some((OutputStream::Stdout, first)) => return Ok(Download { process, first, action, most }),
                Some((OutputStream::Stderr, chunk)) if words.len() < WORDS => words.extend_from_slice(&chunk),
                Some(_) => {}
                None => break,
            }
        }
        let (end, words) = (process.output.end().await, String::from_utf8_lossy(&words).trim().to_owned());
        match finished(cluster, pod, action, path, words, end).await {
            Ok(()) => Err(EngineError::Failed { action: action.to_owned(), message: "nothing came".to_owned() }),
            Err(error) => Err(error),
        }
    }

    /// An error ends it where the process did not end well.
    pub(super) fn stream(self) -> ByteStream {
        let Download { process, first, action, most } = self;
        let rest = stream::try_unfold((process, Vec::new()), move |(mut process, mut words)| async move {
            loop {
                match process.output.next().await {
                    Some((OutputStream::Stdout, chunk)) => return Ok(Some((chunk, (process, words)))),
                    Some((OutputStream::Stderr, chunk)) if words.len() < WORDS => words.extend_from_slice(&chunk),
                    Some(_) => {}
                    None => break,
                }
            }
            match process.output.end().await {
                End::Exited(code) if (0..=most).contains(&code) => Ok(None),
                end => {
                    let words = String::from_utf8_lossy(&words).trim().to_owned();
                    Err(std::io::Error::other(format!("the pod failed to {action}: {}", said(&end, &words))))
                }
            }
        });
        Box::pin(stream::once(async move { Ok(first) }).chain(rest))
    }
}

fn said(end: &End, words: &str) -> String {
    match end {
        End::Exited(code) => format!("exit code {code}: {words}"),
        End::Refused(message) => message.clone(),
        End::Lost => "the connection ended".to_owned(),
    }
}

async fn finished(
    cluster: &Cluster,
    pod: &str,
    action: &str,
    path: &GuestPath,
    words: String,
    end: End,
) -> Result<(), EngineError> {
    let action = action.to_owned();
    match exec::code(cluster, pod, &action, end).await? {
        0 => Ok(()),
        NO_PATH => Err(EngineError::NoSuchPath(path.clone())),
        NO_TAR => Err(EngineError::Refused {
            action,
            message:
                "the image has no `tar`, by which files get into pods and out of them: name another image for this \
                      distribution"
                    .to_owned(),
        }),
        exec::KILLED => match cluster.why_ended(pod).await {
            Some(reason) => Err(EngineError::Ended { id: pod.to_owned(), reason }),
            None => Err(EngineError::Failed { action, message: format!("`tar` was killed: {words}") }),
        },
        _ if words.contains("No space left") => Err(EngineError::DiskFull { action }),
        code => Err(EngineError::Failed { action, message: format!("exit code {code}: {words}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_say_how_long_they_are_and_the_last_is_empty() {
        let sent = async |chunks: Vec<Vec<u8>>| {
            let tar: ByteStream = Box::pin(stream::iter(chunks.into_iter().map(|chunk| Ok(Bytes::from(chunk)))));
            let mut all = std::io::Cursor::new(Vec::new());
            send(&mut all, tar).await.unwrap();
            all.into_inner()
        };
        assert_eq!(sent(Vec::new()).await, b"0\n");
        assert_eq!(sent(vec![b"ab".to_vec(), b"c".to_vec()]).await, b"3\nabc0\n");
        let large = sent(vec![vec![b'x'; FRAME + 1]]).await;
        assert!(large.starts_with(format!("{FRAME}\nx").as_bytes()) && large.ends_with(b"x1\nx0\n"));
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_is_no_end() {
        let broken: ByteStream =
            Box::pin(stream::iter([Ok(Bytes::from_static(b"a")), Err(std::io::Error::other("no"))]));
        let mut all = std::io::Cursor::new(Vec::new());
        assert!(matches!(send(&mut all, broken).await, Err(EngineError::Source(_))));
        assert!(!all.into_inner().ends_with(b"0\n"));
    }
}
