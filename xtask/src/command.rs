//! Running other programs, and where this checkout keeps what they make.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// A message for the person at the terminal.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure(message.into())
    }

    pub(crate) fn io(what: &str, path: &Path, error: &std::io::Error) -> Failure {
        Failure(format!("cannot {what} {}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn interrupted() -> &'static Arc<AtomicBool> {
    static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    INTERRUPTED.get_or_init(Arc::default)
}

/// Puts a flag in place of the default action: Ctrl-C still goes to the whole foreground process group, so farm and the
/// tests end by it, and then this process goes on to its clean-up.
pub(crate) fn catch_signals() {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        if let Err(error) = signal_hook::flag::register(signal, Arc::clone(interrupted())) {
            eprintln!("xtask: signal {signal} cannot be handled: {error}");
        }
    }
}

/// An error once a signal came: between one step and the next.
pub(crate) fn stop_if_interrupted() -> Result<(), Failure> {
    if interrupted().load(Ordering::Relaxed) { Err(Failure::new("interrupted")) } else { Ok(()) }
}

/// The folder of the checkout.
pub(crate) fn root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map_or(xtask.clone(), Path::to_owned)
}

/// Cargo's target folder: everything that xtask leaves behind is below it.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// Cargo, as a person starts it: without what `cargo xtask` says of this very package. The build script of ring asks for
/// that, and everything above ring would be compiled anew.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let asked = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(|name| asked(name) || name == "OUT_DIR") {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Builds the release binary; its path.
pub(crate) fn build_farm() -> Result<PathBuf, Failure> {
    // Not quiet: the first build takes minutes, and a person wants to see that it goes on.
    run(cargo().args(["build", "--release", "--package", "farm"]))?;
    Ok(target().join("release/farm"))
}

/// Runs to the end; an exit code other than 0 is a failure.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status =
        command.status().map_err(|error| Failure::new(format!("{} cannot be run: {error}", shown(command))))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{}: {status}", shown(command)))) }
}

/// What it printed, without the last line end.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output =
        command.output().map_err(|error| Failure::new(format!("{} cannot be run: {error}", shown(command))))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("{}: {}\n{said}", shown(command), output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    // Ended by a signal: as shells say it.
    let signal = std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal);
    ExitCode::from(status.code().or(signal).and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

fn shown(command: &Command) -> String {
    let arguments = command.get_args().map(|argument| format!(" {}", argument.to_string_lossy()));
    format!("{}{}", command.get_program().to_string_lossy(), arguments.collect::<String>())
}
