//! The `git` command: never asks, never looks at the environment's repository, never runs what a repository's own
//! configuration or a url would have it run.
//!
//! All but fetching from elsewhere goes without any configuration but farm's own: neither the system's nor the user's
//! (whose filters a project's attributes could name), and of the project none at all (see [`View`]). To fetch from another
//! host it takes what the user has set up for that: proxies, certificates, credentials.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::super::SourceError;
use super::View;
use crate::network::HostNetwork;
use crate::types::{printable, redacted_text};

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
    WorkTree { view: Arc<View>, folder: PathBuf },
}

/// Whose configuration git reads beside that of the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Configuration {
    /// None.
    Own,
    /// The user's and the system's: how other hosts are reached.
    User,
}

impl Repository {
    /// Runs git for what it does.
    pub(in crate::source) async fn run(&self, args: &[&str], cancel: &CancellationToken) -> Result<(), SourceError> {
        self.answer(args, 0, Configuration::Own, cancel).await.map(|_| ())
    }

    /// As [`Repository::run`], for what talks to another host.
    pub(super) async fn run_remote(&self, args: &[&str], cancel: &CancellationToken) -> Result<(), SourceError> {
        self.answer(args, 0, Configuration::User, cancel).await.map(|_| ())
    }

    /// Runs git for what it prints: bytes that are what somebody wrote.
    pub(in crate::source) async fn bytes(
        &self,
        args: &[&str],
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, SourceError> {
        self.answer(args, LONGEST_ANSWER, Configuration::Own, cancel).await
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

    /// What git prints of a work tree, on a thread that may wait.
    pub(super) fn list(view: &View, args: &[&str], most: usize) -> Result<Vec<u8>, SourceError> {
        let what = args.first().copied().unwrap_or_default();
        let mut command = std::process::Command::new("git");
        let top = view.checkout().top().unwrap_or(view.path());
        arguments(&mut command, view.path(), Some(view), top, Configuration::Own);
        let output = command.args(args).output().map_err(|error| cannot_run(what, &error))?;
        if !output.status.success() {
            return Err(complaint(what, &output.stderr));
        }
        if output.stdout.len() > most {
            return Err(SourceError::Git(format!("{what} printed more than {most} bytes")));
        }
        Ok(output.stdout)
    }

    /// At most `most` bytes of stdout; with 0 it is thrown away.
    async fn answer(
        &self,
        args: &[&str],
        most: usize,
        configuration: Configuration,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, SourceError> {
        let what = args.first().copied().unwrap_or_default();
        let failed = |error: std::io::Error| cannot_run(what, &error);
        let mut command = std::process::Command::new("git");
        match self {
            Repository::Bare { path, folder } => {
                let path = std::path::absolute(path).map_err(failed)?;
                arguments(&mut command, &path, None, folder, configuration);
            }
            Repository::WorkTree { view, folder } => {
                arguments(&mut command, view.path(), Some(view), folder, configuration);
            }
        }
        let mut child = Command::from(command)
            .args(args)
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
        let (status, answer, said) = tokio::select! {
            result = run => result.map_err(failed)?,
            () = cancel.cancelled() => return Err(SourceError::Cancelled),
        };
        if status.success() {
            return match answer {
                Some(answer) => Ok(answer),
                None => Err(SourceError::Git(format!("{what} printed more than {most} bytes"))),
            };
        }
        Err(complaint(what, &said))
    }
}

/// What stands before git's own words: which repository, and nothing of the surroundings that could run a command.
fn arguments(
    command: &mut std::process::Command,
    git_dir: &Path,
    view: Option<&View>,
    folder: &Path,
    configuration: Configuration,
) {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    command.arg("--git-dir").arg(git_dir);
    if let Some(view) = view {
        command.arg("--work-tree").arg(view.checkout().top().unwrap_or(view.path()));
    }
    command
        .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "core.askPass=true"])
        .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.untrackedCache=false"])
        .args(["-c", "log.showSignature=false", "-c", "diff.external=", "-c", "core.pager=cat"])
        .args(["-c", "gpg.program=false", "-c", "gpg.openpgp.program=false"])
        .args(["-c", "gpg.x509.program=false", "-c", "gpg.ssh.program=false"])
        .current_dir(folder);
    // Of git's own variables, those stay that say how to reach other hosts, and where git is.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        let reaches = ["GIT_SSH", "GIT_SSL", "GIT_PROXY", "GIT_HTTP", "GIT_CONFIG", "GIT_CURL", "GIT_TRACE"];
        let stays = configuration == Configuration::User && reaches.iter().any(|start| name.starts_with(start));
        if name.starts_with("GIT_") && name != "GIT_EXEC_PATH" && !stays {
            command.env_remove(name.as_ref());
        }
    }
    if configuration == Configuration::User {
        command.envs(HostNetwork::here().of_configuration());
    }
    if configuration == Configuration::Own {
        command
            .args(["-c", "core.attributesFile=/dev/null", "-c", "core.excludesFile=/dev/null"])
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            // For git before 2.32, which does not know GIT_CONFIG_GLOBAL.
            .env("HOME", git_dir)
            .env("XDG_CONFIG_HOME", git_dir);
    }
    if let Some(view) = view {
        command.env("GIT_INDEX_FILE", view.checkout().index());
    }
    command
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_LITERAL_PATHSPECS", "1")
        .env("GIT_ALLOW_PROTOCOL", "https:http:ssh:git:file")
        .env("GIT_PAGER", "cat")
        .env("LC_ALL", "C");
}

fn cannot_run(what: &str, error: &std::io::Error) -> SourceError {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            SourceError::Git("the `git` command is not there, and a source needs it: install git".to_owned())
        }
        _ => SourceError::Git(format!("cannot run git {what}: {error}")),
    }
}

/// What git said of its failure: its last line of that kind.
fn complaint(what: &str, stderr: &[u8]) -> SourceError {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().rev().map(str::trim).find(|line| line.starts_with("fatal:") || line.starts_with("error:"));
    let line = line.or_else(|| text.lines().last()).unwrap_or("no message");
    SourceError::Git(format!("{what} failed: {}", printable(&redacted_text(line))))
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
