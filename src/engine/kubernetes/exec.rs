//! What is asked of a pod, run in it: its output as it comes, its exit code, and its certain end when nobody wants it any
//! more.

use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use super::cluster::Cluster;
use super::errors;
use super::process::{End, Process, quoted};
use crate::engine::scripts::{self, Pid, SCRIPT_OUTPUT_LIMIT};
use crate::engine::{EngineError, ExecSpec, ExitStatus, OutputSink, OutputStream};

/// How long killing may take before the whole pod is removed instead.
const KILL_TIMEOUT: Duration = Duration::from_secs(20);
/// With no output for so long, the pod is asked whether the process still runs: a daemon that inherited its output keeps the
/// connection open after its end. While it is quiet, it is asked ever more seldom.
pub(super) const QUIET: Duration = Duration::from_secs(2);
pub(super) const VERY_QUIET: Duration = Duration::from_secs(30);
/// What a process printed last may still be on its way when its end is known.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Before the process id of a wrapper: the file that it notes the end of its process in. None of a user's who is not root.
const END_NOTE: &str = "/dev/farm-end-";
/// The exit code of what SIGKILL ended.
pub(super) const KILLED: i32 = 137;
/// What kubelet puts into every container, whatever its pod says.
pub(super) const OF_KUBERNETES: &str = "KUBERNETES_PORT KUBERNETES_PORT_443_TCP KUBERNETES_PORT_443_TCP_ADDR \
    KUBERNETES_PORT_443_TCP_PORT KUBERNETES_PORT_443_TCP_PROTO KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT \
    KUBERNETES_SERVICE_PORT_HTTPS";

pub(super) async fn exec(
    cluster: &Cluster,
    pod: &str,
    spec: &ExecSpec,
    sink: &mut dyn OutputSink,
    cancel: &CancellationToken,
) -> Result<ExitStatus, EngineError> {
    if cancel.is_cancelled() {
        return Err(EngineError::Cancelled);
    }
    let mut process = start(cluster, pod, &wrapped(spec)).await?;
    let mut pid = Pid::Awaited(Vec::new());
    let (mut ended, mut quiet) = (None, QUIET);
    loop {
        let next = tokio::select! {
            biased;
            () = cancel.cancelled() => {
                kill(cluster, pod, &mut process, &mut pid).await;
                return Err(EngineError::Cancelled);
            }
            next = process.output.next() => next,
            () = tokio::time::sleep(if ended.is_some() { LAST_WORDS } else { quiet }) => {
                if let Some(code) = ended {
                    return Ok(ExitStatus { code });
                }
                ended = noted_end(cluster, pod, &pid).await?;
                quiet = (quiet * 2).min(VERY_QUIET);
                continue;
            }
        };
        quiet = QUIET;
        let Some((stream, chunk)) = next else { break };
        let chunk = match stream {
            OutputStream::Stdout => pid.take(chunk, process.mark).unwrap_or_default(),
            OutputStream::Stderr => chunk,
        };
        if chunk.is_empty() {
            continue;
        }
        if let Err(error) = sink.write(stream, chunk).await {
            kill(cluster, pod, &mut process, &mut pid).await;
            return Err(EngineError::Sink(error));
        }
    }
    let code = code(cluster, pod, "run a process", process.output.end().await).await?;
    // Killed: by its own doing, or because the pod ended around it?
    if code == KILLED
        && let Some(reason) = cluster.why_ended(pod).await
    {
        return Err(EngineError::Ended { id: pod.to_owned(), reason });
    }
    Ok(ExitStatus { code })
}

/// Begins a script of farm's own.
pub(super) async fn start(cluster: &Cluster, pod: &str, script: &str) -> Result<Process, EngineError> {
    match Process::start(&cluster.pods, pod, script).await {
        Ok(process) => Ok(process),
        Err(error) => Err(not_started(cluster, pod, &error).await),
    }
}

pub(super) async fn not_started(cluster: &Cluster, pod: &str, error: &kube::Error) -> EngineError {
    match cluster.why_ended(pod).await {
        Some(reason) => EngineError::Ended { id: pod.to_owned(), reason },
        None => errors::map("start a process in a pod", error),
    }
}

/// The exit code that an end has, or the reason why it has none.
pub(super) async fn code(cluster: &Cluster, pod: &str, action: &str, end: End) -> Result<i32, EngineError> {
    let action = action.to_owned();
    let reason = match end {
        End::Exited(code) => return Ok(code),
        End::Refused(message) => message,
        End::Lost => String::new(),
    };
    Err(match cluster.why_ended(pod).await {
        Some(reason) => EngineError::Ended { id: pod.to_owned(), reason },
        None if reason.is_empty() => {
            EngineError::Lost { action, reason: "the connection ended before the process did".to_owned() }
        }
        None => EngineError::Failed { action, message: reason },
    })
}

/// Runs a script of farm's own as root: its exit code, and what it printed.
pub(super) async fn script(cluster: &Cluster, pod: &str, script: &str) -> Result<(i32, Vec<u8>), EngineError> {
    let mut process = start(cluster, pod, script).await?;
    let (printed, _, end) = process.output.rest(SCRIPT_OUTPUT_LIMIT).await;
    Ok((code(cluster, pod, "run a script of farm's own in a pod", end).await?, printed))
}

/// The exit code that the wrapper noted, if its process has ended.
async fn noted_end(cluster: &Cluster, pod: &str, of: &Pid) -> Result<Option<i32>, EngineError> {
    let Pid::Known(process) = of else { return Ok(None) };
    let ask = format!("[ -e /proc/{process} ] || cat {END_NOTE}{process} 2>/dev/null || echo {KILLED}");
    match script(cluster, pod, &ask).await {
        Ok((_, printed)) => Ok(String::from_utf8_lossy(&printed).trim().parse().ok()),
        Err(error @ EngineError::Ended { .. }) => Err(error),
        // The process may run all the same.
        Err(_) => Ok(None),
    }
}

/// Whether a process runs, as far as anybody can say.
pub(super) async fn is_there(cluster: &Cluster, pod: &str, pid: u32) -> bool {
    !matches!(script(cluster, pod, &format!("[ -e /proc/{pid} ]")).await, Ok((1, _)) | Err(EngineError::Ended { .. }))
}

/// As the wrapper of the Docker driver, with what kubelet's exec does not do: the folder, the user and the environment; and
/// it stays, to note how its process ended. A program that is not there ends with 127, one that cannot be run with 126, as
/// shells say it.
fn wrapped(spec: &ExecSpec) -> String {
    // Its last line becomes what it is given.
    let limits = scripts::WRAP.trim_end().trim_end_matches("exec \"$@\"");
    // Shells say which command was killed, with all of its environment: nobody hears that.
    format!(
        "{limits}unset {OF_KUBERNETES}\nrm -f {END_NOTE}$$\ncd {} || exit 126\nexec 3>&2 2>/dev/null\n{} </dev/null 2>&3 3>&-\n\
         code=$?\necho $code >{END_NOTE}$$\nexit $code",
        quoted(spec.workdir.as_str()),
        command(spec)
    )
}

/// What is asked for, as a command of the shell: as its user, in its environment.
pub(super) fn command(spec: &ExecSpec) -> String {
    let mut command = String::new();
    if spec.user != "0:0" {
        command.push_str(&format!("chroot --userspec={} --groups= --skip-chdir / ", quoted(&spec.user)));
    }
    command.push_str("env -u OLDPWD");
    for (name, value) in &spec.env {
        command.push(' ');
        command.push_str(&quoted(&format!("{name}={value}")));
    }
    for argument in &spec.argv {
        command.push(' ');
        command.push_str(&quoted(argument));
    }
    command
}

/// Kills a process with all of its session, and where that cannot be made sure of, the pod: nothing that was cancelled goes
/// on running.
pub(super) async fn kill(cluster: &Cluster, pod: &str, process: &mut Process, pid: &mut Pid) {
    let killing = async {
        // Cancelled before the wrapper said who it is: that is its very first act.
        while matches!(pid, Pid::Awaited(_)) {
            match process.output.next().await {
                Some((OutputStream::Stdout, chunk)) => drop(pid.take(chunk, process.mark)),
                Some(_) => {}
                None => break,
            }
        }
        let Pid::Known(pid) = *pid else { return false };
        let killer = format!("set -- {pid}\n{}", scripts::KILL_SESSION);
        matches!(script(cluster, pod, &killer).await, Ok((0, _)))
    };
    if !tokio::time::timeout(KILL_TIMEOUT, killing.boxed()).await.unwrap_or(false) {
        // It is gone, or about to be removed by whoever cancelled: then this has nothing left to do.
        let _ = cluster.remove(pod).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::GuestPath;

    #[test]
    fn what_is_run_is_one_command_of_the_shell() {
        let spec = ExecSpec {
            argv: vec!["echo".to_owned(), "it's $HOME".to_owned()],
            user: "1000:1000".to_owned(),
            env: vec![("A".to_owned(), "two\nlines".to_owned())],
            workdir: GuestPath::new("/build"),
        };
        let script = wrapped(&spec);
        assert!(script.starts_with("echo $$\nfor limit in "), "{script}");
        let run = "cd '/build' || exit 126\nexec 3>&2 2>/dev/null\nchroot --userspec='1000:1000' --groups= --skip-chdir / env \
                   -u OLDPWD 'A=two\nlines' 'echo' 'it'\\''s $HOME' </dev/null 2>&3 3>&-\ncode=$?\n";
        assert!(script.contains(run), "{script}");
        assert!(script.ends_with("\nexit $code"), "{script}");
        assert!(!script.contains("\"$@\""));
        let root = wrapped(&ExecSpec { user: "0:0".to_owned(), ..spec });
        assert!(root.contains("2>/dev/null\nenv -u OLDPWD "), "{root}");
    }
}
