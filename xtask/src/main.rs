//! Development commands: `cargo xtask COMMAND`. Makes sure that there is an engine, runs farm, the tests and the
//! benchmarks with it, and stops only what it started. It knows nothing of recipes or packages.

// A program for a developer's terminal: printing is its interface.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod apt;
mod bench;
mod cluster;
mod command;
mod corpus;
mod docker;
mod macos;
mod podman;
mod registry;
mod service;
mod test;
mod validators;

use std::process::ExitCode;

use command::Failure;

const HELP: &str = "\
cargo xtask COMMAND

  engine [status]       says which container engine there is
  engine start          makes sure that one is there: a running one, else Debian's docker.io, installed and started
                        in target/engine (on Debian, as root)
  engine stop           stops what `engine start` started; images stay for the next time
  engine clean          stops it and what the tests started, and removes all images
  cluster [status]      says whether our cluster runs, and where
  cluster start         a Kubernetes cluster of one node, with a registry that it pulls from (on Debian, as root);
                        Kubernetes itself is built with farm before the first start, from Debian's source
  cluster stop          stops it, and keeps its registry's images and the programs
  cluster clean         stops it and removes both
  farm ARGS...          builds farm (release) and runs it with an engine
  test                  all tests: format, lints, types for macOS, unit, engine conformance, end to end; in CI nothing is
                        skipped; ends with the slowest tests, all of whose times are in target/test-timings.tsv
  test --fast           format, lints and what needs no engine
  test -- ARGS...       cargo test ARGS... with the engines at hand: test -- --test matrix
  macos                 type-checks farm for macOS
  corpus [--farm PROGRAM] [--distro LIST] [NAME...]
                        real packages: `farm init`, a few edits, a build and a test for Debian 12, lintian; as a table
  bench [NAME...]       benchmarks, as ratios against peers run beside: build, native, bootstrap, cold, no-op, planner
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, rest) = match arguments.split_first() {
        Some((name, rest)) => (name.as_str(), rest),
        None => ("help", &[][..]),
    };
    command::catch_signals();
    let done = match name {
        "engine" => engine(rest),
        "cluster" => cluster::run(rest, HELP),
        "farm" => farm(rest),
        "test" => test::run(rest),
        "macos" => macos::check().and_then(|mut check| command::run(&mut check)).map(|()| ExitCode::SUCCESS),
        "bench" => bench::run(rest),
        "corpus" => corpus::run(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(Failure::new(format!("unknown command `{name}`\n\n{HELP}"))),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("xtask: {failure}");
        ExitCode::FAILURE
    })
}

fn engine(arguments: &[String]) -> Result<ExitCode, Failure> {
    match arguments.first().map_or("status", String::as_str) {
        "status" => match docker::running() {
            Some(endpoint) => println!("{endpoint}"),
            None => {
                eprintln!("no container engine answers; `cargo xtask engine start` starts one");
                return Ok(ExitCode::from(5));
            }
        },
        "start" => {
            let lease = docker::ensure()?;
            for (name, value) in lease.environment() {
                println!("export {name}={value}");
            }
            lease.keep();
        }
        "stop" => docker::stop()?,
        "clean" => {
            docker::stop()?;
            podman::clean()?;
            registry::stop()?;
            docker::clean()?;
        }
        other => return Err(Failure::new(format!("unknown `engine {other}`\n\n{HELP}"))),
    }
    Ok(ExitCode::SUCCESS)
}

/// Exits as farm did: its exit codes are its interface.
fn farm(arguments: &[String]) -> Result<ExitCode, Failure> {
    let program = command::build_farm()?;
    let lease = docker::ensure()?;
    let mut farm = std::process::Command::new(program);
    farm.args(arguments).envs(lease.environment());
    let status = farm.status().map_err(|error| Failure::new(format!("farm cannot be run: {error}")));
    lease.release()?;
    Ok(command::exit_code(status?))
}
