//! What is asked of a pod, run at a terminal. Its command goes into the pod as a file first, so that it is in no audit log and
//! is not taken for something that was typed.

use bytes::{Buf, Bytes};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::cluster::Cluster;
use super::exec::{self, OF_KUBERNETES, QUIET, VERY_QUIET};
use super::process::{Process, quoted};
use crate::engine::scripts::{self, Pid};
use crate::engine::{EngineError, ExecSpec, ExitStatus, OutputSink, TerminalInput, TerminalSize};

/// Before the process id of who wrote it. None of a user's who is not root.
const COMMAND_FILE: &str = "/dev/farm-terminal-";

pub(super) async fn exec(
    cluster: &Cluster,
    pod: &str,
    spec: &ExecSpec,
    size: TerminalSize,
    input: &mut mpsc::Receiver<TerminalInput>,
    sink: &mut dyn OutputSink,
    cancel: &CancellationToken,
) -> Result<ExitStatus, EngineError> {
    if cancel.is_cancelled() {
        return Err(EngineError::Cancelled);
    }
    let file = write_command(cluster, pod, spec).await?;
    let (mut process, mut sizes) = match Process::start_at_terminal(&cluster.pods, pod, ["/bin/sh", &file]).await {
        Ok(started) => started,
        Err(error) => return Err(exec::not_started(cluster, pod, &error).await),
    };
    let mut resize = |size| sizes.iter_mut().for_each(|sizes| sizes.tell(size));
    resize(size);
    let (mut pid, mut quiet) = (Pid::Awaited(Vec::new()), QUIET);
    let (mut has_input, mut typed) = (true, Bytes::new());
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => {
                exec::kill(cluster, pod, &mut process, &mut pid).await;
                return Err(EngineError::Cancelled);
            }
            next = process.output.next() => {
                quiet = QUIET;
                let Some((stream, chunk)) = next else { break };
                let chunk = pid.take(chunk, process.mark).unwrap_or_default();
                if !chunk.is_empty() && let Err(error) = sink.write(stream, chunk).await {
                    exec::kill(cluster, pod, &mut process, &mut pid).await;
                    return Err(EngineError::Sink(error));
                }
            }
            // One that takes nothing any more has taken all: its end is seen by its output.
            written = process.input.write(&typed), if !typed.is_empty() => {
                typed.advance(written.ok().filter(|length| *length > 0).unwrap_or(typed.len()));
                let _ = process.input.flush().await;
            }
            next = input.recv(), if has_input && typed.is_empty() => match next {
                Some(TerminalInput::Typed(bytes)) => typed = bytes,
                Some(TerminalInput::Resized(size)) => resize(size),
                None => {
                    has_input = false;
                    exec::kill(cluster, pod, &mut process, &mut pid).await;
                }
            },
            // What it left in the background holds the terminal, and with it the connection.
            () = tokio::time::sleep(quiet) => {
                if let Pid::Known(id) = pid && !exec::is_there(cluster, pod, id).await {
                    break;
                }
                quiet = (quiet * 2).min(VERY_QUIET);
            }
        }
    }
    let code = exec::code(cluster, pod, "run a process at a terminal", process.output.end().await).await?;
    Ok(ExitStatus { code })
}

async fn write_command(cluster: &Cluster, pod: &str, spec: &ExecSpec) -> Result<String, EngineError> {
    let write =
        format!("umask 077\nfile={COMMAND_FILE}$$\nprintf '%s' {} >$file && echo $file", quoted(&command(spec)));
    let (_, printed) = exec::script(cluster, pod, &write).await?;
    let file = String::from_utf8_lossy(&printed).trim().to_owned();
    match file.starts_with(COMMAND_FILE) {
        true => Ok(file),
        false => Err(EngineError::Failed {
            action: "open a terminal in a pod".to_owned(),
            message: format!("no file can be written at {COMMAND_FILE}"),
        }),
    }
}

/// As without a terminal, but that nothing stays of the wrapper; and the terminal is the user's.
fn command(spec: &ExecSpec) -> String {
    let limits = scripts::WRAP.replacen("echo $$\n", "printf '%s;' $$\n", 1);
    let limits = limits.trim_end().trim_end_matches("exec \"$@\"");
    let user = quoted(spec.user.split(':').next().unwrap_or_default());
    format!(
        "rm -f \"$0\"\n{limits}unset {OF_KUBERNETES}\nchown {user} \"$(tty)\" 2>/dev/null\ncd {} || exit 126\nexec {}\n",
        quoted(spec.workdir.as_str()),
        exec::command(spec)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::GuestPath;

    #[test]
    fn the_command_goes_away_and_becomes_what_was_asked_for() {
        let spec = ExecSpec {
            argv: vec!["bash".to_owned(), "-i".to_owned()],
            user: "1000:1000".to_owned(),
            env: vec![("TERM".to_owned(), "xterm".to_owned())],
            workdir: GuestPath::new("/build"),
        };
        let command = command(&spec);
        assert!(command.starts_with("rm -f \"$0\"\nprintf '%s;' $$\nfor limit in "), "{command}");
        let end = "cd '/build' || exit 126\nexec chroot --userspec='1000:1000' --groups= --skip-chdir / env -u OLDPWD \
                   'TERM=xterm' 'bash' '-i'\n";
        assert!(command.ends_with(end) && command.contains("chown '1000' \"$(tty)\""), "{command}");
        assert!(!command.contains("\"$@\""), "{command}");
    }
}
