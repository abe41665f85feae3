//! The `git` command: never asks, never looks at the environment's repository, never runs what a repository's own
//! configuration or a url would have it run.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::super::SourceError;
use crate::types::printable;

/// What is kept of what git says on failure.
const LONGEST_COMPLAINT: usize = 16 * 1024;
/// What git may answer: a log of subjects, a file of versions. More is refused.
pub(in crate::source) const LONGEST_ANSWER: usize = 1 << 20;

/// A repository to run git on.
#[derive(Debug, Clone)]
pub(in crate::source) enum Repository {
    /// One of farm's cache; relative addresses start in `folder`.
    Bare { path: PathBuf, folder: PathBuf },
    /// A folder of somebody's work tree. Nothing in it is changed, not even its index.
    WorkTree { folder: PathBuf },
}

impl Repository {
    /// Runs git for what it does.
    pub(in crate::source) async fn run(&self, args: &[&str], cancel: &CancellationToken) -> Result<(), SourceError> {
        self.answer(args, 0, cancel).await.map(|_| ())
    }

    /// Runs git for what it prints: bytes that are what somebody wrote.
    pub(in crate::source) async fn bytes(
        &self,
        args: &[&str],
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, SourceError> {
        self.answer(args, LONGEST_ANSWER, cancel).await
    }

    /// As [`Repository::bytes`], as text without the last newline.
    pub(in crate::source) async fn text(
        &self,
        args: &[&str],
        cancel: &CancellationToken,
    ) -> Result<String, SourceError> {
        let bytes = self.bytes(args, cancel).await?;
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }

    /// At most `most` bytes of stdout; with 0 it is thrown away.
    async fn answer(&self, args: &[&str], most: usize, cancel: &CancellationToken) -> Result<Vec<u8>, SourceError> {
        let what = args.first().copied().unwrap_or_default();
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                SourceError::Git("the `git` command is not there, and a source needs it: install git".to_owned())
            }
            _ => SourceError::Git(format!("cannot run git {what}: {error}")),
        };
        let mut command = Command::new("git");
        let folder = match self {
            Repository::Bare { path, folder } => {
                command.arg("--git-dir").arg(std::path::absolute(path).map_err(failed)?);
                folder
            }
            Repository::WorkTree { folder } => folder,
        };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut child = command
            .args(["-c", "gc.auto=0", "-c", "core.askPass=true"])
            .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "log.showSignature=false"])
            .args(args)
            .current_dir(folder)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_LITERAL_PATHSPECS", "1")
            .env("GIT_ALLOW_PROTOCOL", "https:http:ssh:git:file")
            .env("LC_ALL", "C")
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .stdin(Stdio::null())
            .stdout(if most == 0 { Stdio::null() } else { Stdio::piped() })
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let run = async {
            let (answer, complaint) = tokio::try_join!(beginning(stdout, most), end(stderr))?;
            Ok((child.wait().await?, answer, complaint))
        };
        let (status, answer, complaint) = tokio::select! {
            result = run => result.map_err(failed)?,
            () = cancel.cancelled() => return Err(SourceError::Cancelled),
        };
        if status.success() {
            return match answer {
                Some(answer) => Ok(answer),
                None => Err(SourceError::Git(format!("{what} printed more than {most} bytes"))),
            };
        }
        let text = String::from_utf8_lossy(&complaint);
        let line =
            text.lines().rev().map(str::trim).find(|line| line.starts_with("fatal:") || line.starts_with("error:"));
        let line = line.or_else(|| text.lines().last()).unwrap_or("no message");
        Err(SourceError::Git(format!("{what} failed: {}", printable(line))))
    }
}

/// All that comes, when it is not more than `most` bytes.
async fn beginning(from: Option<impl AsyncRead + Unpin>, most: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let Some(mut from) = from else { return Ok(Some(bytes)) };
    (&mut from).take(most as u64 + 1).read_to_end(&mut bytes).await?;
    if bytes.len() <= most {
        return Ok(Some(bytes));
    }
    // Read to its end, so that git ends by itself.
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    Ok(None)
}

/// The end of all that comes.
async fn end(from: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let Some(mut from) = from else { return Ok(kept) };
    let mut chunk = [0; 4096];
    loop {
        let n = from.read(&mut chunk).await?;
        if n == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(&chunk[..n]);
        let surplus = kept.len().saturating_sub(LONGEST_COMPLAINT);
        kept.drain(..surplus);
    }
}
