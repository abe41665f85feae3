//! `farm test`: packages that farm did not build go through what a build's own go through at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{ColorChoice, TestArgs};
use super::build::{as_typed, to_its_end};
use super::config::Config;
use super::context;
use super::engines;
use super::exit::Exit;
use super::failure::Failure;
use super::reports::Reports;
use super::signals;
use super::terminal::Terminal;
use crate::artifact::describe::{self, Identity};
use crate::distro::Catalogue;
use crate::matrix::Target;
use crate::packaging::quote;
use crate::plan::Given;
use crate::project::{Limits, Project, RunChoices, Selection};
use crate::recipe::{RecipeError, RecipeFile};
use crate::report::summary::Commands;
use crate::store::Store;
use crate::types::{Arch, Format, printable};

/// Where packages are tried when nobody says where: both are in the matrix that `farm init` writes.
const DEFAULT_DISTROS: [(Format, &str); 2] = [(Format::Deb, "debian-12"), (Format::Rpm, "rpm-generic")];

/// A package and what it says of itself.
struct Package {
    path: PathBuf,
    identity: Identity,
}

pub(crate) async fn run(args: &TestArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let reports = Reports::new(&args.shown)?;
    reports.ended(test(args, &reports, color).await)
}

async fn test(args: &TestArgs, reports: &Reports<'_>, color: ColorChoice) -> Result<Exit, Failure> {
    let config = Config::load()?;
    let paths = (args.packages.clone(), args.upgrade_from.clone());
    let (packages, former) =
        context::blocking(move || Ok::<_, Failure>((read(&paths.0)?, users(read(&paths.1)?)?))).await?;
    let connected = engines::connect_all(&args.engine, &config).await;
    let engine_arch = context::default_arch(connected.as_deref().unwrap_or_default());
    let arch = arch_of(&packages)?.unwrap_or(engine_arch);
    let catalogue = Catalogue::around([Path::new(".")])?;
    let recipe = recipe(&packages, &distros(&args.distros, &packages, &catalogue)?, arch)
        .map_err(|error| Failure::Project(crate::project::ProjectError::Recipes(vec![error])))?;
    let project = Project::of_recipe(Path::new("."), recipe)?;
    context::known_mirrors(&args.origin.archive.mirrors, &project)?;
    let selection = Selection { matrix: Some("default".to_owned()), ..Selection::default() };
    let selected = project.select(&selection, arch)?;
    let access = context::access(&args.origin.archive.mirrors, args.origin.archive.stale_contents, &config)?;
    if let Ok(connected) = &connected {
        context::can_run(connected, selected.targets()).await?;
    }
    let resolved = selected.resolve(&access, false).await?;
    let connected = connected?;
    let choices = RunChoices {
        all_findings: args.lint.all_findings,
        every_line: args.shown.every_line,
        ..RunChoices::afresh(reports.run.clone(), args.network.into())
    };
    let pool = context::pool(&connected, &resolved, args.origin.base.into(), &choices);
    let limits = Limits { jobs: args.jobs.map(usize::from), test: true, lint: args.lint.is_wanted() };
    let mut planned = resolved.complete()?.plan(pool, limits).await?;
    for job in &mut planned.plan.jobs {
        let of = |all: &[Package]| {
            let alike = all.iter().filter(|package| package.identity.format == job.target.format);
            alike.map(|package| package.path.clone()).collect()
        };
        job.given = Some(Arc::new(Given { packages: of(&packages), former: of(&former) }));
    }
    let store = Store::open(&args.output)?;
    let _lock = store.lock()?;
    store.check_folders(planned.plan.jobs.iter().map(|job| &job.target))?;
    let signals = signals::listen().map_err(|source| Failure::System { action: "listen for Ctrl-C", source })?;
    let files = reports.begin(None)?;
    let terminal = Terminal::new(args.shown.progress(), color, &as_typed());
    let same = args.clone();
    let commands = Box::new(move |target: &Target| Commands { again: command(&same, target), into: None });
    let mut sinks = terminal.sinks(args.output.clone(), commands);
    sinks.extend(files);
    let run = planned.run(project, access, store, choices, sinks);
    to_its_end(run, signals, &terminal).await
}

/// The packages that are meant; of folders those in it, without source packages. Each name once for each format.
fn read(paths: &[PathBuf]) -> Result<Vec<Package>, Failure> {
    let mut found: Vec<PathBuf> = Vec::new();
    for path in paths {
        let cannot = |error: std::io::Error| {
            Failure::usage(format!("{} cannot be read: {error}", printable(&path.display().to_string())))
        };
        if !fs::metadata(path).map_err(cannot)?.is_dir() {
            found.push(path.clone());
            continue;
        }
        let mut inside = Vec::new();
        for entry in fs::read_dir(path).map_err(cannot)? {
            let entry = entry.map_err(cannot)?.path();
            if entry.is_file() && is_binary(&entry) {
                inside.push(entry);
            }
        }
        if inside.is_empty() {
            let message = format!("no .deb and no .rpm is in {}", printable(&path.display().to_string()));
            let help = Some("name the folder of one target: dist/RECIPE/TARGET".to_owned());
            return Err(Failure::Usage { message, help });
        }
        inside.sort();
        found.extend(inside);
    }
    let mut packages: Vec<Package> = Vec::new();
    for path in found {
        let identity = describe::identify(&path).map_err(|error| Failure::usage(error.to_string()))?;
        if !is_binary(&path) {
            let shown = printable(&path.display().to_string());
            return Err(Failure::usage(format!("{shown} is no package that users install: name .deb and .rpm files")));
        }
        let same =
            |other: &&Package| (&other.identity.name, other.identity.format) == (&identity.name, identity.format);
        if let Some(other) = packages.iter().find(same) {
            let [one, two] = [&other.path, &path].map(|path| printable(&path.display().to_string()));
            let message = format!("{one} and {two} are both packages of the name {}", printable(&identity.name));
            let help = Some("name one version, for one architecture; --upgrade-from takes the earlier one".to_owned());
            return Err(Failure::Usage { message, help });
        }
        packages.push(Package { path, identity });
    }
    Ok(packages)
}

/// Those of them that users have: nobody upgrades debug symbols alone.
fn users(packages: Vec<Package>) -> Result<Vec<Package>, Failure> {
    let mut of_users = Vec::new();
    for package in packages {
        if describe::is_of_users(&package.path).map_err(|error| Failure::usage(error.to_string()))? {
            of_users.push(package);
        }
    }
    Ok(of_users)
}

fn is_binary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".deb") || name.ends_with(".rpm") && !name.ends_with("src.rpm")
}

/// The architecture of packages that have one.
fn arch_of(packages: &[Package]) -> Result<Option<Arch>, Failure> {
    let mut arches: BTreeMap<Arch, &Path> = BTreeMap::new();
    for Package { path, identity } in packages {
        if ["all", "noarch"].contains(&identity.architecture.as_str()) {
            continue;
        }
        let unknown = |_| {
            let (path, arch) = (printable(&path.display().to_string()), printable(&identity.architecture));
            Failure::usage(format!("{path} is for {arch}, which no distribution has here"))
        };
        arches.insert(identity.architecture.parse().map_err(unknown)?, path);
    }
    match arches.keys().copied().collect::<Vec<_>>()[..] {
        [] => Ok(None),
        [arch] => Ok(Some(arch)),
        [one, two, ..] => {
            let message = format!("there are packages for {} and for {}", one.deb(), two.deb());
            Err(Failure::Usage { message, help: Some("test those of one architecture at a time".to_owned()) })
        }
    }
}

/// The distributions to try on: each format has one.
fn distros(named: &[String], packages: &[Package], catalogue: &Catalogue) -> Result<Vec<String>, Failure> {
    let formats: BTreeSet<Format> = packages.iter().map(|package| package.identity.format).collect();
    if named.is_empty() {
        let of_format = DEFAULT_DISTROS.iter().filter(|(format, _)| formats.contains(format));
        return Ok(of_format.map(|(_, distro)| (*distro).to_owned()).collect());
    }
    let mut tried = BTreeSet::new();
    for name in named {
        let Some(distro) = catalogue.get(name) else {
            let help = Some("`farm distros` lists those that there are".to_owned());
            return Err(Failure::Usage { message: format!("no distribution is called `{}`", printable(name)), help });
        };
        if !formats.contains(&distro.format) {
            return Err(Failure::usage(format!("{name} installs .{} packages, and none is named", distro.format)));
        }
        tried.insert(distro.format);
    }
    match formats.difference(&tried).next() {
        Some(format) => {
            let help = Some("name one of that format with -t, too".to_owned());
            Err(Failure::Usage { message: format!("none of these distributions installs .{format} packages"), help })
        }
        None => Ok(named.to_vec()),
    }
}

/// A recipe that says where to try the packages, and nothing of how they are made: nothing of it is built.
fn recipe(packages: &[Package], distros: &[String], arch: Arch) -> Result<RecipeFile, RecipeError> {
    // The name that the others begin with, as a rule; a .deb's is one for both formats.
    let first = packages.iter().min_by_key(|package| (package.identity.format, package.identity.name.len()));
    let (name, version) = first.map_or(("packages", "0"), |one| (&one.identity.name, &one.identity.version));
    let upstream = crate::formats::version::upstream(version);
    let text = |name: &str, version: &str| {
        let string = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let distros: Vec<String> = distros.iter().map(|distro| string(distro)).collect();
        format!(
            "[package]\nname = {}\nversion = {}\nsummary = \"Packages that farm did not build\"\nlicense = \"MIT\"\n\
             maintainer = \"farm test <test@localhost.localdomain>\"\ndate = 2000-01-01\n[build]\ninstall = \"exit 1\"\n\
             [matrix]\ndistros = [{}]\narches = [\"{}\"]\n",
            string(name),
            string(version),
            distros.join(", "),
            arch.deb()
        )
    };
    let parse = |name: &str, version: &str| RecipeFile::parse(Path::new("farm.toml"), text(name, version).as_bytes());
    // What a recipe cannot be called is none of the package's faults.
    parse(name, upstream).or_else(|_| parse(name, "0")).or_else(|_| parse("packages", "0"))
}

/// The command for one target of this run, without passwords.
fn command(args: &TestArgs, target: &Target) -> String {
    let mut words = vec!["farm".to_owned(), "test".to_owned()];
    let path = |path: &PathBuf| path.to_string_lossy().into_owned();
    words.extend(args.packages.iter().map(path));
    for one in &args.upgrade_from {
        words.extend(["--upgrade-from".to_owned(), path(one)]);
    }
    words.extend(args.engine.again());
    if args.output != Path::new("tested") {
        words.extend(["-o".to_owned(), path(&args.output)]);
    }
    if !args.distros.is_empty() {
        words.extend(["-t".to_owned(), target.distro.clone()]);
    }
    words.iter().map(|word| quote(&crate::types::redacted_text(word))).collect::<Vec<_>>().join(" ")
}
