//! `farm build`: from the command line to a run and its sinks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;
use tokio::task::JoinError;

use super::args::{BuildArgs, ColorChoice};
use super::config::Config;
use super::context;
use super::engines;
use super::exit::Exit;
use super::failure::Failure;
use super::output::Surroundings;
use super::report_file::ReportFile;
use super::reports::Reports;
use super::signals::{Pause, Pauses};
use super::terminal::{FRAME, Terminal};
use super::unused::Unused;
use super::{images, output, plan, shell, signals};
use crate::image::BaseChoice;
use crate::lock::Locked;
use crate::matrix::Target;
use crate::packaging::quote;
use crate::project::{self, Attested, Limits, Locks, ProjectError, Run, RunChoices, RunEnd};
use crate::recipe::RecipeFile;
use crate::report::summary::Commands;
use crate::report::{End, count};
use crate::runner::Request;
use crate::store::{Attestable, Index, Store};
use crate::types::{printable, redacted_text};

/// `directory`: where farm was sent to by `-C`.
pub(crate) async fn run(args: &BuildArgs, directory: Option<&Path>, color: ColorChoice) -> Result<Exit, Failure> {
    if args.dry_run {
        return plan::run(&args.plan(), color).await;
    }
    let reports = Reports::new(&args.run.shown)?;
    reports.ended(build(args, &reports, directory, color).await)
}

async fn build(
    args: &BuildArgs,
    reports: &Reports<'_>,
    directory: Option<&Path>,
    color: ColorChoice,
) -> Result<Exit, Failure> {
    let config = Config::load()?;
    let project = context::project(&args.selection.recipes, &args.selection.parameters)?;
    let places: Vec<Place> = project.recipes().iter().map(Place::of).collect();
    let connected = engines::connect_all(&args.run.engine, &config).await;
    let arch = context::default_arch(connected.as_deref().unwrap_or_default());
    // What is wrong with the command line comes before what is wrong with the engine.
    let mut selection = args.selection.selection();
    selection.source = args.source;
    if args.failed {
        let failed = Index::read(&args.run.output).failed();
        if failed.is_empty() {
            output::err(&format!("note: no build failed last time, as {} has it\n", args.run.output.display()));
            return Ok(Exit::Success);
        }
        selection.only = Some(failed);
    }
    let verified = args.vary.as_ref().map(|_| Index::read(&args.run.output));
    if let Some(index) = &verified {
        let good = index.targets.iter().filter(|target| target.packages.is_some());
        let good: BTreeSet<String> = good.map(|target| target.target.clone()).collect();
        if good.is_empty() {
            let place = printable(&args.run.output.display().to_string());
            return Err(Failure::NothingMatched {
                message: format!("{place} has no packages to verify"),
                help: Some("farm build makes them: then they are built once more, and compared".to_owned()),
            });
        }
        selection.only = Some(good);
    }
    let selected = project.select(&selection, arch)?;
    context::tell_left_out(&selected);
    context::known_mirrors(&args.run.origin.archive.mirrors, &project)?;
    let mut access =
        context::access(&args.run.origin.archive.mirrors, args.run.origin.archive.stale_contents, &config)?;
    context::tell_space(&access.cache).await;
    if let Ok(connected) = &connected {
        context::can_run(connected, selected.targets()).await?;
    }
    let locks = match args.locked {
        true => {
            let locks = Locks::read(&selected).map_err(ProjectError::from)?;
            context::tell(&locks.hold(&selected, &mut access).await.map_err(ProjectError::from)?);
            Some(locks)
        }
        false => None,
    };
    let resolved = selected.resolve(&access, args.snapshot).await?;
    context::tell(resolved.notes());
    let connected = connected?;
    let resolved = resolved.complete()?;
    context::tell_unread(resolved.unread(), &Surroundings::of_this_process().style(color, true));

    let mut choices = RunChoices {
        id: reports.run.clone(),
        fail_fast: args.fail_fast,
        force: args.force || args.from.is_some(),
        keep_failed: args.keep_failed,
        go_on: None,
        build_cache: !args.no_build_cache,
        network: args.run.network.into(),
        locked: match (&locks, &verified) {
            (Some(locks), _) => locks.targets(),
            (None, Some(index)) => built(&args.run.output, index)?,
            (None, None) => Locked::default(),
        },
        watch_reads: args.unused.is_some(),
        all_findings: args.lint.all_findings,
        every_line: args.run.shown.every_line,
        verify: args.vary.clone(),
    };
    let base = args.run.origin.base.into();
    let pool = context::pool(&connected, &resolved, base, &choices);
    if base == BaseChoice::Registry {
        for member in &pool {
            images::ask_registries(&member.images, &resolved.bases()).await?;
        }
    }
    let limits = Limits { jobs: args.run.jobs.map(usize::from), test: !args.no_test, lint: args.lint.is_wanted() };
    let mut planned = resolved.plan(pool, limits).await?;

    if let Some(locks) = &locks {
        locks.check(&project, &planned).map_err(ProjectError::from)?;
    }

    if let Some(from) = args.from {
        choices.go_on = Some(shell::go_on(&mut planned, from).await?);
    }

    let store = Store::open(&args.run.output)?;
    let store = if args.verify { store.reading_all() } else { store };
    let _lock = store.lock()?;
    store.check_folders(planned.plan.jobs.iter().map(|job| &job.target))?;
    let signals = signals::listen().map_err(|source| Failure::System { action: "listen for Ctrl-C", source })?;
    let files = reports.begin(Some(ReportFile::page(store.page())))?;
    let terminal = Terminal::new(args.run.shown.progress(), color, &as_typed());
    let (same, directory) = (args.clone(), directory.map(Path::to_owned));
    let commands = Box::new(move |target: &Target| Commands {
        again: command(&same, directory.as_deref(), &places, Act::Build, target),
        // What makes a source package is none of the recipe's.
        into: (!target.source).then(|| command(&same, directory.as_deref(), &places, Act::Shell, target)),
    });
    let sinks = match args.unused {
        Some(form) => {
            let mut sinks = terminal.meanwhile();
            sinks.push(Box::new(Unused::new(form, Surroundings::of_this_process().style(color, false))));
            sinks
        }
        None => terminal.sinks(args.run.output.clone(), commands).into_iter().chain(files).collect(),
    };
    let run = planned.run(project, access, store, choices, sinks);
    to_its_end(run, signals, &terminal).await
}

/// Waits for the end of a run, and turns it into an exit code.
pub(crate) async fn to_its_end(
    mut run: Run,
    mut signals: mpsc::UnboundedReceiver<()>,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let mut end = match follow(&mut run, &mut signals, terminal).await {
        Ok(end) => end,
        // The panic hook has told about it already: the process ends as a bug.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => return Ok(Exit::Bug),
        },
    };
    let exit = Exit::of_run(&end.jobs, end.run.interrupted).after_panics();
    let run = end.run.run.clone();
    end.tell(&End { run: &run, exit_code: exit.code(), error: None });
    for error in end.unwritten {
        output::err(&format!("warning: {}\n", printable(&error.to_string())));
    }
    Ok(exit)
}

/// What the last good builds in a store were made of, as they noted it.
fn built(store: &Path, index: &Index) -> Result<Locked, Failure> {
    let mut targets = Vec::new();
    for target in index.targets.iter().filter(|target| target.packages.is_some()) {
        targets.push(Attested { id: &target.target, attestable: Attestable::of(store, target)? });
    }
    Ok(project::built(&targets))
}

/// Waits for the end of a run; meanwhile draws the terminal and turns signals into requests.
async fn follow(
    run: &mut Run,
    signals: &mut mpsc::UnboundedReceiver<()>,
    terminal: &Terminal,
) -> Result<RunEnd, JoinError> {
    let mut ticks = tokio::time::interval(FRAME);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut asked = 0;
    let mut pauses = terminal.moves().then(Pauses::listen).flatten();
    loop {
        tokio::select! {
            end = run.end() => return end,
            _ = ticks.tick() => terminal.tick(),
            pause = next(&mut pauses) => match (pause, &mut pauses) {
                (Pause::Asked, Some(pauses)) => {
                    terminal.clear();
                    pauses.stop().await;
                }
                _ => terminal.forget(),
            },
            Some(()) = signals.recv() => {
                asked += 1;
                match asked {
                    1 => {
                        terminal.notice(&cancelling(terminal.running()));
                        run.request(Request::Cancel);
                    }
                    2 => {
                        terminal.notice("killing what still runs; press Ctrl-C again to leave at once");
                        run.request(Request::Kill);
                    }
                    _ => {
                        terminal.finish();
                        std::process::exit(i32::from(Exit::Interrupted.code()));
                    }
                }
            }
        }
    }
}

async fn next(pauses: &mut Option<Pauses>) -> Pause {
    match pauses {
        Some(pauses) => pauses.next().await,
        None => std::future::pending().await,
    }
}

/// Short enough for a terminal of 80 columns.
fn cancelling(running: usize) -> String {
    match running {
        0 => "cancelling: no new job is started; press Ctrl-C again to kill".to_owned(),
        n => format!("cancelling: {} to remove; press Ctrl-C again to kill", count(n, "container", "containers")),
    }
}

/// The command line as it was typed, for the header; passwords in addresses are left out.
pub(crate) fn as_typed() -> String {
    let mut words = vec!["farm".to_owned()];
    words.extend(std::env::args_os().skip(1).map(|word| quote(&redacted_text(&word.to_string_lossy()))));
    words.join(" ")
}

/// What the command to try again has to know of a recipe.
struct Place {
    name: String,
    path: PathBuf,
    parameters: BTreeSet<String>,
}

impl Place {
    fn of(recipe: &RecipeFile) -> Place {
        let parameters = recipe.parameters.keys().cloned().collect();
        Place { name: recipe.name.clone(), path: recipe.path.clone(), parameters }
    }

    /// The folder says as much as the file in it.
    fn word(&self) -> String {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(&self.path).to_string_lossy().into_owned()
    }
}

/// What a command is to do with a target of this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// Build it again.
    Build,
    /// Look into its build.
    Shell,
}

/// The command for one target of this run, without passwords.
fn command(args: &BuildArgs, directory: Option<&Path>, places: &[Place], act: Act, target: &Target) -> String {
    let mut words = vec!["farm".to_owned()];
    words.extend(
        directory.into_iter().flat_map(|directory| ["-C".to_owned(), directory.to_string_lossy().into_owned()]),
    );
    let command = match act {
        Act::Build if args.source => "source",
        Act::Build if args.vary.is_some() => "verify",
        Act::Build => "build",
        Act::Shell => "shell",
    };
    words.push(command.to_owned());
    let parameters = &args.selection.parameters;
    if !args.selection.recipes.is_empty() {
        // The recipe of the target is enough, unless a parameter is that of another one.
        let takes_all =
            |place: &Place| act == Act::Shell || parameters.iter().all(|(name, _)| place.parameters.contains(name));
        if act == Act::Shell {
            words.push("--recipe".to_owned());
        }
        match places.iter().find(|place| place.name == target.recipe) {
            Some(place) if takes_all(place) => words.push(place.word()),
            _ => words.extend(places.iter().map(Place::word)),
        }
    }
    words.extend(args.run.engine.again());
    let mut option = |name: &str, value: &str| words.extend([name.to_owned(), value.to_owned()]);
    if args.run.output != Path::new("dist") {
        option("-o", &args.run.output.to_string_lossy());
    }
    if act == Act::Shell {
        words.push(target.to_string());
        return words.iter().map(|word| quote(&redacted_text(word))).collect::<Vec<_>>().join(" ");
    }
    let mut option = |name: &str, value: &str| words.extend([name.to_owned(), value.to_owned()]);
    for (name, value) in parameters {
        option("--param", &format!("{name}={value}"));
    }
    for (name, url) in &args.run.origin.archive.mirrors {
        option("--mirror", &format!("{name}={url}"));
    }
    let flags = [
        (args.run.origin.archive.stale_contents, "--stale-contents"),
        (args.snapshot, "--snapshot"),
        (args.locked, "--locked"),
        (args.no_test && !args.source, "--no-test"),
        (!args.lint.is_wanted() && !args.source && args.vary.is_none(), "--no-lint"),
        (args.lint.all_findings, "--all-findings"),
        (args.no_build_cache && !args.source && args.vary.is_none(), "--no-build-cache"),
    ];
    for (given, flag) in flags {
        if given {
            words.push(flag.to_owned());
        }
    }
    words.extend(["-t".to_owned(), target.to_string()]);
    words.iter().map(|word| quote(&redacted_text(word))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::args::{Arguments, Command};
    use super::*;
    use clap::Parser;

    #[test]
    fn the_command_to_try_again_keeps_what_matters() {
        let target = Target {
            recipe: "jq".into(),
            distro: "debian-12".into(),
            arch: crate::types::Arch::Amd64,
            format: crate::types::Format::Deb,
            variant: None,
            source: false,
        };
        let places = [("hello", &["kind"][..]), ("jq", &["channel"])].map(|(name, parameters)| Place {
            name: name.to_owned(),
            path: Path::new("my recipes").join(name).join("farm.toml"),
            parameters: parameters.iter().map(|name| (*name).to_owned()).collect(),
        });
        let again = |line: &[&str]| match Arguments::try_parse_from(line).unwrap() {
            Arguments { command: Command::Build(args), directory, .. } => {
                command(&args, directory.as_deref(), &places, Act::Build, &target)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(again(&["farm", "build", "--matrix", "-j4", "--force"]), "farm build -t jq@debian-12/amd64");
        assert_eq!(
            again(&["farm", "-C", "my project", "build", "--matrix"]),
            "farm -C 'my project' build -t jq@debian-12/amd64"
        );
        assert_eq!(
            again(&["farm", "build", "hello", "jq", "-t", "debian-*", "-o", "out", "--no-test", "--snapshot"]),
            "farm build 'my recipes/jq' -o out --snapshot --no-test -t jq@debian-12/amd64"
        );
        assert_eq!(
            again(&["farm", "build", "hello", "jq", "--param", "channel=a b"]),
            "farm build 'my recipes/jq' --param 'channel=a b' -t jq@debian-12/amd64"
        );
        assert_eq!(
            again(&["farm", "build", "hello", "jq", "--param", "kind="]),
            "farm build 'my recipes/hello' 'my recipes/jq' --param kind= -t jq@debian-12/amd64"
        );
        assert_eq!(
            again(&["farm", "build", "--mirror", "debian=http://ada:open-sesame@example.org/debian"]),
            "farm build --mirror debian=http://example.org/debian -t jq@debian-12/amd64"
        );
    }

    #[test]
    fn the_notice_counts_containers() {
        assert!(cancelling(1).contains("1 container "));
        assert!(cancelling(2).contains("2 containers "));
    }
}
