//! The command line: arguments, wiring, diagnostics, exit codes; one file per subcommand. The only place, with
//! `report`'s texts, that prints.

mod args;
mod attest;
mod build;
mod cached;
mod ci;
mod clean;
mod config;
mod context;
mod diagnostics;
mod diff;
mod distros;
mod docs;
mod doctor;
mod documents;
mod engine_choice;
mod engines;
mod examples;
mod exit;
mod explain;
mod failure;
mod fetch;
mod gc;
mod graph;
mod images;
mod init;
mod keyboard;
mod list;
#[cfg(test)]
#[cfg(unix)]
mod live;
mod lock;
mod logs;
mod memory;
mod merge;
mod moving;
mod output;
mod plan;
mod publish;
mod rebuild;
mod release;
mod render;
mod repo;
mod report;
mod report_file;
mod reports;
mod requires;
mod schema;
mod settings;
mod shell;
mod sign;
mod sign_config;
mod signals;
mod stdout;
mod terminal;
mod test;
mod trace;
mod unused;
mod values;
mod verify;

use std::panic::PanicHookInfo;
use std::path::Path;
use std::process::ExitCode;

use clap::FromArgMatches as _;

use self::args::{Arguments, Command};
use self::exit::Exit;
use self::failure::Failure;
use self::output::Surroundings;
use crate::types::{printable, redacted_text};

/// Runs farm with the process's arguments. The exit codes are documented in `docs/cli.md`.
pub fn main() -> ExitCode {
    memory::keep_little();
    std::panic::set_hook(Box::new(on_panic));
    let exit = std::panic::catch_unwind(run).unwrap_or(Exit::Bug);
    exit.after_panics().into()
}

fn run() -> Exit {
    // Every TLS user in the process, bollard and reqwest, takes the default provider: it must be there before them.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        output::err("warning: another TLS provider was installed before farm's\n");
    }
    let mut command = examples::command();
    let parsed = command.try_get_matches_from_mut(std::env::args_os());
    let parsed = parsed.and_then(|mut matches| Arguments::from_arg_matches_mut(&mut matches));
    let arguments = match parsed.map_err(|error| error.format(&mut command)) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are "errors" to clap, and no failure. A closed pipe is none either.
            let text = error.to_string();
            match redacted_text(&of_variable(&text)) {
                shown if shown != text => output::err(&shown),
                _ => drop(error.print()),
            }
            return if error.use_stderr() { Exit::Usage } else { Exit::Success };
        }
    };
    let log = std::env::var_os(trace::VARIABLE).unwrap_or_default();
    let result = trace::start(arguments.verbose, &log.to_string_lossy())
        .and_then(|()| enter(arguments.directory.as_deref()))
        .and_then(|()| run_command(&arguments));
    result.unwrap_or_else(|failure| {
        let style = Surroundings::of_this_process().style(arguments.color, true);
        output::err(&failure.render(&style));
        failure.exit()
    })
}

/// What clap says of an option, where its value is that of a variable: nobody typed the option then.
fn of_variable(text: &str) -> String {
    let mut text = text.to_owned();
    for (option, variable) in [("--network", "FARM_NETWORK"), ("--stale-contents", "FARM_STALE_CONTENTS")] {
        let is_typed = std::env::args_os().skip(1).any(|word| word.to_string_lossy().starts_with(option));
        if !is_typed && let Some((before, rest)) = text.split_once(&format!(" for '{option}")) {
            let rest = rest.split_once('\'').map_or("", |(_, rest)| rest);
            text = format!("{before} for {variable}{rest}");
        }
    }
    text
}

/// Before anything is read, and while there is one thread.
fn enter(directory: Option<&Path>) -> Result<(), Failure> {
    let Some(directory) = directory else { return Ok(()) };
    let cannot = |error| format!("-C {}: cannot go there: {error}", printable(&directory.display().to_string()));
    std::env::set_current_dir(directory).map_err(|error| Failure::usage(cannot(error)))
}

fn run_command(arguments: &Arguments) -> Result<Exit, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::System { action: "start the runtime", source })
        .and_then(|runtime| {
            let result = runtime.block_on(dispatch(arguments));
            // What still blocks (a download that hangs) must not keep the process.
            runtime.shutdown_background();
            result
        })
}

async fn dispatch(arguments: &Arguments) -> Result<Exit, Failure> {
    let color = arguments.color;
    match &arguments.command {
        Command::Build(args) => build::run(args, arguments.directory.as_deref(), color).await,
        Command::Test(args) => test::run(args, color).await,
        Command::Source(args) => build::run(&args.build(), arguments.directory.as_deref(), color).await,
        Command::Plan(args) => plan::run(args, color).await,
        Command::Requires(args) => requires::run(args, color).await,
        Command::Fetch(args) => fetch::run(args).await,
        Command::Init(args) => init::run(args, color).await,
        Command::Render(args) => render::run(args, color).await,
        Command::Schema => Ok(schema::run()),
        Command::Completions(args) => Ok(documents::completions(args)),
        Command::Man(args) => documents::man(args),
        Command::Distros(args) => distros::run(args, color),
        Command::Images(args) => images::run(args, color).await,
        Command::Reap(args) => images::reap(args).await,
        Command::Gc(args) => gc::run(args, color).await,
        Command::List(args) => list::run(args.clone(), color).await,
        Command::Clean(args) => clean::run(args.clone()).await,
        Command::Cache(args) => cached::run(*args, color).await,
        Command::Config(args) => settings::run(*args, color),
        Command::Lock(args) => lock::run(args, color).await,
        Command::Logs(args) => logs::run(args.clone()).await,
        Command::Explain(args) => explain::run(args, color),
        Command::Report(args) => report::run(args.clone()).await,
        Command::Merge(args) => merge::run(args.clone()).await,
        Command::Shell(args) => shell::run(args, arguments.directory.as_deref(), color).await,
        Command::Exec(args) => shell::exec(args, arguments.directory.as_deref(), color).await,
        Command::Release(args) => release::run(args.clone()).await,
        Command::Attest(args) => attest::run(args.clone()).await,
        Command::Verify(args) => verify::run(args, arguments.directory.as_deref(), color).await,
        Command::Diff(args) => diff::run(args.clone(), color).await,
        Command::Sign(args) => sign::run(args).await,
        Command::VerifySignature(args) => sign::verify(args).await,
        Command::Repo(args) => repo::run(args).await,
        Command::Doctor(args) => doctor::run(args, color).await,
    }
}

/// What a person can send us, in place of a backtrace that says nothing to them.
fn on_panic(info: &PanicHookInfo<'_>) {
    exit::note_panic();
    let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
    output::err(&format!(
        "\nThis is a bug in farm: {}{place}\n\
         Please report it with the command that you ran; this is farm {}.\n\
         What dist/ held before is still there; `farm reap` removes containers that are left.\n",
        printable(info.payload_as_str().unwrap_or("it panicked")),
        env!("CARGO_PKG_VERSION"),
    ));
    if std::env::var_os("RUST_BACKTRACE").is_some() {
        output::err(&format!("{}\n", std::backtrace::Backtrace::capture()));
    }
}
