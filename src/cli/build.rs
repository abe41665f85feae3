//! `farm build`: from the command line to the runner, and from its events to the reporters.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::advice::Adviser;
use super::args::{BuildArgs, ColorChoice, NetworkArg};
use super::config::Config;
use super::context::{self, Connected};
use super::exit::Exit;
use super::failure::Failure;
use super::plan::make_plan;
use super::reporter::{FRAME, Reporter};
use super::{images, output, resolve, select, signals};
use crate::engine::Network;
use crate::event::{Event, JobReport};
use crate::family;
use crate::fetch::Fetcher;
use crate::image::BaseChoice;
use crate::matrix::Target;
use crate::report::count;
use crate::report::summary::{Run, summary};
use crate::runner::{self, Request, RunOptions};
use crate::source::Sources;
use crate::store::Store;
use crate::types::redacted_text;

pub(crate) async fn run(args: &BuildArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let config = Config::load()?;
    let loaded = select::load(&args.selection.recipes, Path::new("."))?;
    // Where each recipe is: a command to try again names only the one that it needs.
    let places: Vec<(String, PathBuf)> =
        loaded.recipes.iter().map(|recipe| (recipe.name.clone(), recipe.path.clone())).collect();
    let connected = context::connect(&args.engine.engine, &config).await;
    let info = connected.as_ref().ok().map(|connected| &connected.info);
    // What is wrong with the command line comes before what is wrong with the engine.
    let arch = context::default_arch(info);
    let chosen = select::choose(&loaded, &args.selection, arch)?;
    let cells = select::cells(&loaded, &chosen, arch, args.snapshot).await?;
    let (chosen, cells): (Vec<_>, Vec<_>) = cells.into_iter().unzip();
    let Connected { engine, info } = connected?;

    let id = context::new_run();
    let fetcher = Fetcher::new()?;
    let distros: Vec<_> = cells
        .iter()
        .flat_map(|cell| [Some(&cell.distro), cell.environment_distro.as_ref()])
        .flatten()
        .map(std::convert::AsRef::as_ref)
        .collect();
    let network = match args.network {
        NetworkArg::Default => Network::Default,
        NetworkArg::Host => Network::Host,
    };
    let archives = context::archives_of(fetcher.clone(), &distros, &args.origin.archive, &config)?;
    // `mirror://NAME/…` may name an archive of any distribution, whatever is built for.
    let all = distros.iter().copied().chain(loaded.catalogue.iter().map(AsRef::as_ref));
    let mirrors = context::mirrors(&all.collect::<Vec<_>>(), &args.origin.archive.mirrors, &config);
    let mirrors: family::Mirrors = mirrors.into_iter().map(|(name, mirror)| (name, mirror.url)).collect();
    let (answers, open) = resolve::answers(&loaded, &chosen, &cells, &archives).await?;
    if let Some(open) = open.into_iter().next() {
        return Err(open.into());
    }
    let choice: BaseChoice = args.origin.base.into();
    let images = context::images(engine.clone(), choice, archives.clone(), &id, network);
    let slots = args.jobs.map_or_else(|| context::default_slots(info.cpus), usize::from).min(cells.len());
    let network_env = distros.iter().map(|distro| (distro.id.clone(), family::network_env(distro, &mirrors))).collect();
    if choice == BaseChoice::Registry {
        images::ask_registries(&images, &cells).await?;
    }
    let plan = make_plan(cells, answers, Some((&images, &info)), slots, !args.no_test).await?;

    let store = Store::open(&args.output)?;
    let store = if args.verify { store.reading_all() } else { store };
    let _lock = store.lock()?;
    let sources = Sources { cache: context::own_cache()?, fetcher, mirrors };
    let options = RunOptions {
        jobs: slots,
        fail_fast: args.fail_fast,
        force: args.force,
        host_network: network == Network::Host,
        network_env,
    };
    let adviser = Arc::new(Adviser { archives, loaded });
    let context = runner::Context { run: id, engine, engine_info: info, images, sources, store, adviser, options };

    let mut signals = signals::listen().map_err(|source| Failure::System { action: "listen for Ctrl-C", source })?;
    let mut reporter = Reporter::new(args.progress, color, &as_typed());
    let (events, received) = mpsc::unbounded_channel();
    let (requests, asked) = mpsc::unbounded_channel();
    let running = tokio::spawn(runner::run(context, plan, events, asked));
    let end = follow(received, &requests, &mut signals, &mut reporter).await;
    let reports = finish(running).await;
    reporter.finish();

    if reporter.wants_summary() {
        let run = Run {
            elapsed: end.elapsed,
            busy: end.busy,
            slots,
            interrupted: end.interrupted,
            dist: &args.output,
            again: &|target| again(args, &places, target),
            table: !reporter.shows_finished_lines(),
        };
        output::out(&summary(&reports, &run, reporter.style()));
    }
    Ok(Exit::of_run(&reports, end.interrupted))
}

/// What the run's last event said.
#[derive(Debug, Default)]
struct End {
    elapsed: std::time::Duration,
    busy: f64,
    interrupted: bool,
}

/// Shows events until there are none, and turns signals into requests.
async fn follow(
    mut events: mpsc::UnboundedReceiver<Event>,
    requests: &mpsc::UnboundedSender<Request>,
    signals: &mut mpsc::UnboundedReceiver<()>,
    reporter: &mut Reporter,
) -> End {
    let mut end = End::default();
    let mut ticks = tokio::time::interval(FRAME);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut asked = 0;
    loop {
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { return end };
                reporter.event(&event);
                if let Event::RunFinished { elapsed, busy, interrupted, .. } = event {
                    end = End { elapsed, busy, interrupted };
                }
            }
            _ = ticks.tick() => reporter.tick(),
            Some(()) = signals.recv() => {
                asked += 1;
                // A runner that is gone has nothing left to cancel.
                match asked {
                    1 => {
                        reporter.notice(&cancelling(reporter.running()));
                        let _ = requests.send(Request::Cancel);
                    }
                    2 => {
                        reporter.notice("killing what still runs; press Ctrl-C again to leave at once");
                        let _ = requests.send(Request::Kill);
                    }
                    _ => {
                        reporter.finish();
                        std::process::exit(i32::from(Exit::Interrupted.code()));
                    }
                }
            }
        }
    }
}

/// Short enough for a terminal of 80 columns.
fn cancelling(running: usize) -> String {
    match running {
        0 => "cancelling: no new job is started; press Ctrl-C again to kill".to_owned(),
        n => format!("cancelling: {} to remove; press Ctrl-C again to kill", count(n, "container", "containers")),
    }
}

/// The runner's reports. When it panicked, the panic hook has told about it already: the process ends as a bug.
async fn finish(running: JoinHandle<Vec<JobReport>>) -> Vec<JobReport> {
    match running.await {
        Ok(reports) => reports,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Vec::new(),
        },
    }
}

/// The command line as it was typed, for the header; passwords in addresses are left out.
fn as_typed() -> String {
    let mut words = vec!["farm".to_owned()];
    words.extend(std::env::args_os().skip(1).map(|word| quoted(&redacted_text(&word.to_string_lossy()))));
    words.join(" ")
}

/// The command that builds one target of this run again, without passwords. `places` are the names and files of the recipes.
fn again(args: &BuildArgs, places: &[(String, PathBuf)], target: &Target) -> String {
    let mut words = vec!["farm".to_owned(), "build".to_owned()];
    if !args.selection.recipes.is_empty() {
        let place = places.iter().find(|(name, _)| *name == target.recipe).map(|(_, path)| path.as_path());
        // The folder says as much as the file in it.
        let folder = place.and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        words.extend(folder.or(place).map(|path| path.to_string_lossy().into_owned()));
    }
    let mut option = |name: &str, value: &str| words.extend([name.to_owned(), value.to_owned()]);
    if args.engine.engine != "auto" {
        option("--engine", &args.engine.engine);
    }
    if args.output != Path::new("dist") {
        option("-o", &args.output.to_string_lossy());
    }
    for (name, url) in &args.origin.archive.mirrors {
        option("--mirror", &format!("{name}={url}"));
    }
    let flags = [
        (args.origin.archive.stale_contents, "--stale-contents"),
        (args.snapshot, "--snapshot"),
        (args.no_test, "--no-test"),
    ];
    for (given, flag) in flags {
        if given {
            words.push(flag.to_owned());
        }
    }
    words.extend(["-t".to_owned(), target.to_string()]);
    words.iter().map(|word| quoted(&redacted_text(word))).collect::<Vec<_>>().join(" ")
}

/// A word as a shell needs it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
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
        };
        let places =
            ["hello", "jq"].map(|name| (name.to_owned(), Path::new("my recipes").join(name).join("farm.toml")));
        let again = |line: &[&str]| match Arguments::try_parse_from(line).unwrap().command {
            Command::Build(args) => again(&args, &places, &target),
            other => panic!("{other:?}"),
        };
        assert_eq!(again(&["farm", "build", "--matrix", "-j4", "--force"]), "farm build -t jq@debian-12/amd64");
        assert_eq!(
            again(&["farm", "build", "hello", "jq", "-t", "debian-*", "-o", "out", "--no-test", "--snapshot"]),
            "farm build 'my recipes/jq' -o out --snapshot --no-test -t jq@debian-12/amd64"
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
