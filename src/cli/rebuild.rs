//! `farm verify FILE.buildinfo`: whether packages that somebody has built come out the same here.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{BuildArgs, ColorChoice, VerifyArgs};
use super::build::{as_typed, to_its_end};
use super::config::Config;
use super::context;
use super::engines;
use super::exit::Exit;
use super::failure::Failure;
use super::reports::Reports;
use super::terminal::Terminal;
use super::{build, output, signals};
use crate::distro::{Catalogue, Distro, Stage};
use crate::formats::buildinfo::{Buildinfo, LARGEST};
use crate::matrix::{self, Target};
use crate::packaging::{quote, rebuild};
use crate::project::{Builder, Limits, RunChoices, Selection, builder, of_buildinfo, source_of};
use crate::report::count;
use crate::report::summary::Commands;
use crate::store::{Index, Store};
use crate::types::{Arch, printable, redacted_text};

/// Where packages go that do not come out the same, when nobody says where: what dist/ has is the user's own.
const OUTPUT: &str = "rebuilt";

/// The .buildinfo that is meant, where one is.
///
/// # Errors
/// When it is not the only thing that is meant.
pub(crate) fn file(args: &VerifyArgs) -> Result<Option<&Path>, Failure> {
    let is_one = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "buildinfo");
    let Some(path) = args.selection.recipes.iter().find(is_one) else {
        return match args.nearest {
            true => Err(Failure::usage("--nearest is for a .buildinfo, and none is named")),
            false => Ok(None),
        };
    };
    match args.selection.recipes.len() {
        1 => Ok(Some(path)),
        _ => Err(Failure::Usage {
            message: format!("{} is verified alone", printable(&path.display().to_string())),
            help: Some("name one .buildinfo at a time".to_owned()),
        }),
    }
}

pub(crate) async fn run(
    args: &VerifyArgs,
    path: &Path,
    directory: Option<&Path>,
    color: ColorChoice,
) -> Result<Exit, Failure> {
    if let Some(build) = in_store(args, path) {
        return build::run(&build, directory, color).await;
    }
    let reports = Reports::new(&args.run.shown)?;
    reports.ended(rebuild(args, path, &reports, color).await)
}

async fn rebuild(args: &VerifyArgs, path: &Path, reports: &Reports<'_>, color: ColorChoice) -> Result<Exit, Failure> {
    for (given, flag) in [
        (!args.vary.is_empty(), "--vary"),
        (args.locked, "--locked"),
        (args.snapshot, "--snapshot"),
        (args.stored, "--stored"),
    ] {
        if given {
            return Err(Failure::usage(format!("{flag} says nothing of a .buildinfo, which says itself how to build")));
        }
    }
    let shown = printable(&path.display().to_string());
    let info = Buildinfo::parse(&read(path)?).map_err(|reason| Failure::usage(format!("{shown} {reason}")))?;
    let arch = checked(&info, &shown)?;
    for name in rebuild::left_out(&info) {
        let name = printable(name);
        output::err(&format!("warning: {shown} sets {name}, which dpkg writes into no .buildinfo: left out\n"));
    }
    if info.path.is_none() {
        let folder = rebuild::folder(&info);
        output::err(&format!("note: {shown} does not say in which folder it was built: taken is {folder}\n"));
    }

    let config = Config::load()?;
    let connected = engines::connect_all(&args.run.engine, &config).await;
    let access = context::access(&args.run.origin.archive.mirrors, args.run.origin.archive.stale_contents, &config)?;
    let catalogue = Catalogue::around([Path::new(".")])?;
    let named = distros(args, &catalogue)?;
    let (builder, notes) = builder(&info, arch, &catalogue, &named, &access).await?;
    context::tell(&notes);
    let is_exact = builder.missing.is_empty();
    if !is_exact {
        tell_missing(&info, &builder, &shown, args.nearest);
        if !args.nearest {
            output::err(&advice(&info, &builder, &catalogue, path));
            return Ok(Exit::Different);
        }
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let source = source_of(&info, folder, &builder.distro, &access).await?;
    output::err(&format!("note: the source package {} {} is {}\n", info.source, info.source_version, source.place));

    let project = of_buildinfo(&info, &builder, &source, arch)?;
    context::known_mirrors(&args.run.origin.archive.mirrors, &project)?;
    let selection = Selection { matrix: Some("default".to_owned()), ..Selection::default() };
    let selected = project.select(&selection, arch)?;
    if let Ok(connected) = &connected {
        context::can_run(connected, selected.targets()).await?;
    }
    let resolved = selected.resolve(&access, false).await?;
    let connected = connected?;
    let choices = RunChoices {
        every_line: args.run.shown.every_line,
        ..RunChoices::afresh(reports.run.clone(), args.run.network.into())
    };
    let pool = context::pool(&connected, &resolved, args.run.origin.base.into(), &choices);
    let limits = Limits { jobs: args.run.jobs.map(usize::from), test: false, lint: false };
    let mut planned = resolved.complete()?.plan(pool, limits).await?;
    planned.rebuilding(&info, path, (&builder, &source), args.nearest);

    let store = output_of(args);
    let store = Store::open(&store)?;
    let _lock = store.lock()?;
    store.check_folders(planned.plan.jobs.iter().map(|job| &job.target))?;
    let signals = signals::listen().map_err(|source| Failure::System { action: "listen for Ctrl-C", source })?;
    let files = reports.begin(None)?;
    let terminal = Terminal::new(args.run.shown.progress(), color, &as_typed());
    let (same, same_path) = (args.clone(), path.to_owned());
    let commands = Box::new(move |target: &Target| Commands { again: command(&same, &same_path, target), into: None });
    let mut sinks = terminal.sinks(output_of(args), commands);
    sinks.extend(files);
    let run = planned.run(project, access, store, choices, sinks);
    to_its_end(run, signals, &terminal).await
}

fn output_of(args: &VerifyArgs) -> PathBuf {
    match args.run.output == Path::new("dist") {
        true => PathBuf::from(OUTPUT),
        false => args.run.output.clone(),
    }
}

/// A file that farm has put into a store tells of a target there, of which farm knows more than the file says.
fn in_store(args: &VerifyArgs, path: &Path) -> Option<BuildArgs> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.canonicalize().ok()?;
    let root = folder.parent()?.parent()?;
    if !folder.join("job.json").is_file() || !root.join("index.json").is_file() {
        return None;
    }
    let own = folder.strip_prefix(root).ok()?;
    let index = Index::read(root);
    let target =
        index.targets.into_iter().find(|target| target.packages.is_some() && Path::new(&target.folder) == own)?;
    let mut args = args.clone();
    args.selection.recipes.clear();
    args.selection.targets = vec![target.target];
    // As it was named, relative where it was.
    args.run.output = std::env::current_dir()
        .ok()
        .and_then(|here| root.strip_prefix(here.canonicalize().ok()?).ok().map(Path::to_owned))
        .filter(|relative| !relative.as_os_str().is_empty())
        .unwrap_or_else(|| root.to_owned());
    Some(args.build())
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |source| Failure::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(failed)?;
    let shown = printable(&path.display().to_string());
    match String::from_utf8(bytes) {
        Ok(text) if text.len() as u64 > LARGEST => {
            Err(Failure::usage(format!("{shown} has more than {LARGEST} bytes")))
        }
        Ok(text) => Ok(text),
        Err(_) => Err(Failure::usage(format!("{shown} is not UTF-8"))),
    }
}

/// What cannot be built once more from the file alone. Returns the architecture of the builder.
fn checked(info: &Buildinfo, shown: &str) -> Result<Arch, Failure> {
    let refused = |message: String, help: &str| Err(Failure::Usage { message, help: Some(help.to_owned()) });
    if info.packages().next().is_none() {
        return refused(
            format!("{shown} names no packages"),
            "it is that of a source package: there is nothing in it to build once more",
        );
    }
    if info.files.keys().any(|name| name.ends_with(".rpm")) {
        return refused(
            format!("{shown} tells of .rpm packages, and is not in a store of farm"),
            "it does not say from which recipe they are made: with the recipe and dist/, name it there, \
             dist/RECIPE/TARGET/FILE.buildinfo, or the target with -t",
        );
    }
    let unknown =
        |_| Failure::usage(format!("{shown} is of {}, which no distribution has here", info.build_architecture));
    let arch: Arch = info.build_architecture.parse().map_err(unknown)?;
    let is_other = |of: &&String| !["all", "source", info.build_architecture.as_str()].contains(&of.as_str());
    if let Some(other) = info.architectures.iter().find(is_other) {
        return refused(
            format!("{shown} tells of packages for {other} that were built on {}", info.build_architecture),
            "farm builds packages on their own architecture",
        );
    }
    rebuild::check_folder(&rebuild::folder(info)).map_err(|reason| Failure::usage(format!("{shown}: {reason}")))?;
    Ok(arch)
}

/// The distributions that the command line names; none where it leaves that to the archives.
fn distros(args: &VerifyArgs, catalogue: &Catalogue) -> Result<Vec<Arc<Distro>>, Failure> {
    let of_targets = args.selection.targets.iter().map(|target| {
        let distro = target.rsplit_once('@').map_or(target.as_str(), |(_, distro)| distro);
        distro.split('/').next().unwrap_or(distro).to_owned()
    });
    let names: Vec<String> = args.selection.distros.iter().cloned().chain(of_targets).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let found = matrix::distros_named(&names, catalogue);
    let found = found.map_err(|(message, help)| Failure::Usage { message, help: Some(help) })?;
    Ok(found.into_iter().cloned().collect())
}

/// All packages that the archive does not have as they were.
fn tell_missing(info: &Buildinfo, builder: &Builder, shown: &str, nearest: bool) {
    let missing = count(builder.missing.len(), "package", "packages");
    let (all, distro) = (info.installed.len(), &builder.distro.id);
    let mut text =
        format!("{shown}: of {all} packages that were installed, {distro} does not have {missing} in that version:\n");
    for one in &builder.missing {
        let arch: String = one.package.arch.iter().map(|arch| format!(":{arch}")).collect();
        let instead = one.instead.as_ref().map_or_else(|| "nothing".to_owned(), Clone::clone);
        text.push_str(&format!("  {}{arch} {}: {instead} is there\n", one.package.name, one.package.version));
    }
    match nearest {
        true => output::err(&text),
        false => output::out(&text),
    }
}

fn advice(info: &Buildinfo, builder: &Builder, catalogue: &Catalogue, path: &Path) -> String {
    let bootstrap = builder.distro.bootstrap.as_ref();
    let rolling =
        catalogue.iter().find(|distro| distro.family == builder.distro.family && distro.stage == Stage::Rolling);
    let suite = rolling.unwrap_or(&builder.distro);
    let former = bootstrap.and_then(|bootstrap| {
        let url = bootstrap.snapshot(&bootstrap.archive)?;
        let date = info.date?.format("%Y%m%dT%H%M%SZ").to_string();
        Some(format!("{}={}", bootstrap.archive, url.replace("{time}", &date)))
    });
    let file = quote(&path.display().to_string());
    let former = former.map_or_else(String::new, |former| {
        format!(
            "help: the archive as it was then has them; -t names the suite that it was built in, which is mostly {0}:\n  \
             farm verify {file} -t {0} --mirror {former}\n",
            suite.id
        )
    });
    format!("{former}help: --nearest builds with what is there instead, and says so of the result\n")
}

/// The command to try again, without passwords.
fn command(args: &VerifyArgs, path: &Path, target: &Target) -> String {
    let mut words = vec!["farm".to_owned(), "verify".to_owned(), path.to_string_lossy().into_owned()];
    if args.nearest {
        words.push("--nearest".to_owned());
    }
    words.extend(args.run.engine.again());
    if args.run.output != Path::new("dist") {
        words.extend(["-o".to_owned(), args.run.output.to_string_lossy().into_owned()]);
    }
    for (name, url) in &args.run.origin.archive.mirrors {
        words.extend(["--mirror".to_owned(), format!("{name}={url}")]);
    }
    words.extend(["-t".to_owned(), target.distro.clone()]);
    words.iter().map(|word| quote(&redacted_text(word))).collect::<Vec<_>>().join(" ")
}
