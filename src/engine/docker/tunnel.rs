//! An engine on another host, reached by `ssh`: the socket there becomes a socket of this user here, for as long as one
//! process of `ssh` lives. What it runs there reads from farm, so that it ends with farm, however that ends; with it go the
//! connections, and with these the containers.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::engine::EngineError;
use crate::network::ssh::{self, SshHost};
use crate::types::printable;

/// Where Docker listens on the other host, if the address does not say.
const SOCKET: &str = "/var/run/docker.sock";
/// What the other host says when a session is there: not a word that a greeting has.
const READY: &str = "farm-has-a-session";
/// A greeting may come before it; nothing longer.
const LONGEST_GREETING: u64 = 1 << 20;
/// As much of what ssh complains about as is told.
const LONGEST_REASON: u64 = 4 << 10;

/// A socket of another host as one of this host.
#[derive(Debug)]
pub(super) struct Tunnel {
    url: String,
    limit: Duration,
    /// The folder of the socket, which nobody else may enter.
    folder: tempfile::TempDir,
    /// Killed with this.
    process: tokio::sync::Mutex<Child>,
}

impl Tunnel {
    /// `url`: `ssh://[USER@]HOST[:PORT][/PATH/OF/SOCKET]`. Returns when the other host has let farm in.
    pub(super) async fn open(url: &str, limit: Duration) -> Result<Tunnel, EngineError> {
        let folder = tempfile::Builder::new().prefix("farm").tempdir().map_err(|error| EngineError::Unreachable {
            endpoint: url.to_owned(),
            reason: format!("no folder for a socket: {error}"),
        })?;
        let process = start(url, folder.path(), limit).await?;
        Ok(Tunnel { url: url.to_owned(), limit, folder, process: tokio::sync::Mutex::new(process) })
    }

    /// Where the engine is reached on this host.
    pub(super) fn socket(&self) -> PathBuf {
        socket(self.folder.path())
    }

    /// Connects once more where the connection has ended.
    pub(super) async fn renew(&self) -> Result<(), EngineError> {
        let mut process = self.process.lock().await;
        if !matches!(process.try_wait(), Ok(None)) {
            *process = start(&self.url, self.folder.path(), self.limit).await?;
        }
        Ok(())
    }
}

/// A process of `ssh` that forwards the socket, once a session is there.
async fn start(url: &str, folder: &Path, limit: Duration) -> Result<Child, EngineError> {
    let unreachable = |reason: String| EngineError::Unreachable { endpoint: url.to_owned(), reason };
    let (host, path) = parse(url)?;
    let forward = format!("{}:{path}", socket(folder).display());
    let program = std::env::var(ssh::PROGRAM).ok();
    // A connection of its own: what others share would outlive this one.
    let own = ["-T", "-S", "none", "-o", "ControlMaster=no"];
    let forwarding = ["-o", "ExitOnForwardFailure=yes", "-o", "StreamLocalBindUnlink=yes", "-L", &forward];
    let words =
        host.command(program.as_deref(), &[&own[..], &forwarding].concat(), &[&format!("echo {READY} && exec cat")]);
    tracing::info!(endpoint = url, "connecting with ssh");
    let mut process = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| unreachable(format!("{} cannot be run: {error}", printable(&words[0]))))?;
    let (output, errors) = (process.stdout.take(), process.stderr.take());
    match timeout(limit, greeted(output)).await {
        Ok(true) => Ok(process),
        Ok(false) => {
            let reason = complaint(errors).await;
            let help = ssh::help(&reason, host.host());
            Err(unreachable(format!("ssh makes no connection: {reason}{help}")))
        }
        Err(_) => Err(unreachable(format!("no answer within {} s", limit.as_secs()))),
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("s")
}

fn parse(url: &str) -> Result<(SshHost, String), EngineError> {
    let rest = url.strip_prefix("ssh://").unwrap_or(url);
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let shown = crate::types::redacted_text(url);
    let wrong = |reason: &str| {
        EngineError::Config(format!("{shown}: {reason}: write ssh://USER@HOST:PORT, or ssh://USER@HOST/PATH/OF/SOCKET"))
    };
    let host = SshHost::parse(authority).map_err(wrong)?;
    // ssh divides what it forwards at colons, and takes `%` for words of its own.
    if path.contains([':', '%']) || path.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(wrong("its path is not one of a socket"));
    }
    Ok((host, if path.len() > 1 { path.to_owned() } else { SOCKET.to_owned() }))
}

/// Whether a session began; its output is read no further.
async fn greeted(output: Option<impl AsyncRead + Unpin>) -> bool {
    let Some(output) = output else { return false };
    let mut lines = BufReader::new(output.take(LONGEST_GREETING)).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        if line.trim_ascii() == READY.as_bytes() {
            return true;
        }
    }
    false
}

/// The last line of what ssh says, which ends with it.
async fn complaint(errors: Option<impl AsyncRead + Unpin>) -> String {
    let mut said = Vec::new();
    if let Some(errors) = errors {
        // What cannot be read is not told.
        let _ = timeout(Duration::from_secs(1), errors.take(LONGEST_REASON).read_to_end(&mut said)).await;
    }
    let text = String::from_utf8_lossy(&said);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    printable(last.unwrap_or("it ended without a word"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_name_the_socket() {
        let path = |url: &str| parse(url).unwrap().1;
        assert_eq!(path("ssh://me@host"), SOCKET);
        assert_eq!(path("ssh://me@host:22/"), SOCKET);
        assert_eq!(path("ssh://host/run/user/7/docker.sock"), "/run/user/7/docker.sock");
        let wrong = |url: &str| parse(url).unwrap_err().to_string();
        assert!(wrong("ssh://me:secret@host").contains("ssh-agent has keys"));
        assert!(!wrong("ssh://me:secret@host").contains("secret@"));
        assert!(wrong("ssh://host/a:b").contains("its path is not one of a socket"));
    }

    #[tokio::test]
    async fn a_session_begins_after_whatever_greeting() {
        let text = format!("Welcome!\r\n{READY}\r\n");
        assert!(greeted(Some(text.as_bytes())).await);
        assert!(!greeted(Some(&b"Permission denied"[..])).await);
        assert_eq!(
            complaint(Some(&b"debug\nPermission denied (publickey).\n\n"[..])).await,
            "Permission denied (publickey)."
        );
    }
}
