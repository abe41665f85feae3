//! Tasks of the repository: an engine where there is none, all tests, the benchmarks. `cargo xtask help` lists them.
//! It uses the standard library only, so that it compiles in a moment on a fresh machine.

mod bench;
mod engine;
mod test;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const HELP: &str = "\
cargo xtask farm ARGS…      run farm (release build), bringing up a container engine if none answers
cargo xtask engine start    bring up a container engine and leave it running; prints its DOCKER_HOST
cargo xtask engine stop     stop the engine that `start` brought up, and remove what it kept
cargo xtask engine status   which engine is used
cargo xtask test            format, lints, unit tests, engine conformance, end to end; in CI nothing is skipped
cargo xtask test --fast     format, lints and what needs no engine
cargo xtask bench           benchmarks, as ratios against peers run beside";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["farm", rest @ ..] => farm(rest),
        ["engine", "start"] => engine::start_and_leave(),
        ["engine", "stop"] => engine::stop_left(),
        ["engine", "status"] => engine::status(),
        ["test"] => test::run(false),
        ["test", "--fast"] => test::run(true),
        ["bench", rest @ ..] => bench::run(rest),
        ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprintln!("{HELP}");
            Ok(ExitCode::from(2))
        }
    };
    result.unwrap_or_else(|error| {
        eprintln!("xtask: {error}");
        ExitCode::FAILURE
    })
}

/// Runs the release build of farm with an engine that answers, and ends the engine if it was started for this.
fn farm(arguments: &[&str]) -> Result<ExitCode, String> {
    cargo(&["build", "--release", "--package", "farm"])?;
    let engine = engine::ensure()?;
    let mut command = Command::new(root().join("target/release/farm"));
    command.args(arguments);
    engine::become_command(&command, engine)
}

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace").to_owned()
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    run(Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(arguments))
}

/// Runs a command in the workspace, its output passed through; an error when it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}").replace('"', "");
    eprintln!("+ {shown}");
    let status = command.current_dir(root()).status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}")) }
}

fn has_program(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).any(|dir| dir.join(name).is_file())
    })
}
