//! Sources from git: one commit, by way of the `git` command and a bare repository in the cache. Submodules are not
//! fetched.

use std::path::Path;
use std::process::Stdio;

use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::{SourceError, lock_file};
use crate::types::printable;

/// What is kept of what git says on failure.
const LONGEST_COMPLAINT: usize = 16 * 1024;

/// Writes `git archive` of `commit` to the file `to`, all of it below the folder `top`. Fetches only that commit when
/// the server allows it, everything else otherwise; nothing when the cache has it.
///
/// Relative urls are taken from `root`, the recipe's folder.
pub(super) async fn archive(
    cache: &Path,
    root: &Path,
    (url, commit): (&str, &str),
    top: &str,
    to: &Path,
    cancel: &CancellationToken,
) -> Result<(), SourceError> {
    if !matches!(commit.len(), 40 | 64) || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let commit = printable(commit);
        return Err(SourceError::Git(format!("`{commit}` is no full commit id: write all 40 characters of it")));
    }
    // A path means something else in each folder; an address does not.
    let place = if url.contains(':') { url.to_owned() } else { root.join(url).display().to_string() };
    let repository = cache.join("git").join(hex::encode(&Sha256::digest(&place)[..16]));
    let io = |source| SourceError::Io { path: repository.clone(), source };
    tokio::fs::create_dir_all(&repository).await.map_err(io)?;
    let _lock = lock_file(&repository.with_extension("lock"), cancel).await?;

    if !repository.join("HEAD").exists() {
        git(&repository, root, &["init", "--quiet", "--bare"], cancel).await?;
    }
    let object = format!("{commit}^{{commit}}");
    let has_commit = ["cat-file", "-e", object.as_str()];
    if git(&repository, root, &has_commit, cancel).await.is_err() {
        let one = ["fetch", "--quiet", "--no-tags", "--depth=1", "--", url, commit];
        if git(&repository, root, &one, cancel).await.is_err() {
            stop_if(cancel)?;
            // Servers may refuse to serve a commit that is not the tip of a branch. When not even this works, its
            // complaint is the plainer one.
            // Where an earlier shallow fetch cut the history off, git would take the rest for fetched.
            let whole = if repository.join("shallow").exists() { "--unshallow" } else { "--no-tags" };
            let all = ["fetch", "--quiet", "--no-tags", whole, "--", url, "+refs/*:refs/farm/*"];
            git(&repository, root, &all, cancel).await?;
        }
        if git(&repository, root, &has_commit, cancel).await.is_err() {
            stop_if(cancel)?;
            let url = printable(url);
            return Err(SourceError::Git(format!(
                "{url} has no commit {commit}: is it pushed, and on a branch or tag?"
            )));
        }
    }
    let prefix = format!("--prefix={top}/");
    let to = to.to_str().ok_or_else(|| SourceError::Git(format!("{} is not UTF-8", to.display())))?;
    let output = format!("--output={to}");
    git(&repository, root, &["archive", "--format=tar", &prefix, &output, commit], cancel).await
}

fn stop_if(cancel: &CancellationToken) -> Result<(), SourceError> {
    if cancel.is_cancelled() { Err(SourceError::Cancelled) } else { Ok(()) }
}

/// Runs git on a repository of ours: never asks, never looks at the environment's repository.
async fn git(repository: &Path, folder: &Path, args: &[&str], cancel: &CancellationToken) -> Result<(), SourceError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let what = args.first().copied().unwrap_or_default();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            SourceError::Git("the `git` command is not there, and a source needs it: install git".to_owned())
        }
        _ => SourceError::Git(format!("cannot run git {what}: {error}")),
    };
    let mut child = Command::new("git")
        .arg("--git-dir")
        .arg(std::path::absolute(repository).map_err(failed)?)
        .args(["-c", "gc.auto=0", "-c", "core.askPass=true"])
        .args(args)
        .current_dir(folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let mut stderr = child.stderr.take();
    let run = async {
        let mut complaint = Vec::new();
        if let Some(stderr) = &mut stderr {
            let mut chunk = [0; 4096];
            loop {
                let n = stderr.read(&mut chunk).await?;
                if n == 0 {
                    break;
                }
                complaint.extend_from_slice(&chunk[..n]);
                let surplus = complaint.len().saturating_sub(LONGEST_COMPLAINT);
                complaint.drain(..surplus);
            }
        }
        Ok((child.wait().await?, complaint))
    };
    let (status, complaint) = tokio::select! {
        result = run => result.map_err(failed)?,
        () = cancel.cancelled() => return Err(SourceError::Cancelled),
    };
    if status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&complaint);
    let line = text.lines().rev().map(str::trim).find(|line| line.starts_with("fatal:") || line.starts_with("error:"));
    let line = line.or_else(|| text.lines().last()).unwrap_or("no message");
    Err(SourceError::Git(format!("{what} failed: {}", printable(line))))
}
