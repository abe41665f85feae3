//! `farm repo`: which packages go to which repository is decided here; the rest is `repo::tree`'s.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::Utc;

use super::args::{RepoArgs, RepoCommand};
use super::context;
use super::exit::Exit;
use super::failure::Failure;
use super::sign::{self, no_key, read_keys, walk};
use super::{output, publish};
use crate::artifact::ArtifactKind;
use crate::distro::Catalogue;
use crate::matrix::SOURCE;
use crate::repo::tree::{self, Change, Incoming, Keep, Others, Place, Wishes};
use crate::report::count;
use crate::sign::Signer;
use crate::store::Store;
use crate::types::{Arch, Format, printable};

/// Newest dates of repositories that were checked, by the folder of the tree.
const KNOWN: &str = "known-repositories.json";

pub(crate) async fn run(args: &RepoArgs) -> Result<Exit, Failure> {
    if let Some(RepoCommand::Publish(args)) = &args.command {
        return publish::run(args).await;
    }
    let args = args.clone();
    let cache = context::cache_folder();
    context::blocking(move || match &args.command {
        None | Some(RepoCommand::Publish(_)) => add(&args),
        Some(RepoCommand::Check { folder, key, unsigned }) => check(folder, key.as_deref(), *unsigned, &cache?),
        Some(RepoCommand::Remove { folder, packages, suite, format, unsigned, key }) => {
            let signer = signer(&key.sign_key, *unsigned)?;
            let from = (suite.as_deref(), *format);
            let changes = tree::remove(folder, from, packages, signer.as_ref(), Utc::now())?;
            tell(&changes);
            Ok(Exit::Success)
        }
        Some(RepoCommand::Promote { folder, from, to, packages, unsigned, key }) => {
            if !is_name(to) {
                return Err(not_a_name("TO", to));
            }
            let signer = signer(&key.sign_key, *unsigned)?;
            let changes = tree::promote(folder, (from, to), packages, signer.as_ref(), Utc::now())?;
            tell(&changes);
            tell_setup(folder, &changes);
            Ok(Exit::Success)
        }
        Some(RepoCommand::Snapshot { folder, name, remove }) => snapshot(folder, name.as_deref(), *remove),
        Some(RepoCommand::Rollback { folder, snapshot, unsigned, key }) => {
            let signer = signer(&key.sign_key, *unsigned)?;
            let changes = tree::rollback(folder, snapshot.as_deref(), signer.as_ref(), Utc::now())?;
            tell(&changes);
            Ok(Exit::Success)
        }
    })
    .await
}

fn signer(flags: &[String], unsigned: bool) -> Result<Option<Signer>, Failure> {
    if unsigned {
        return Ok(None);
    }
    match sign::signer(flags)? {
        Some(signer) => Ok(Some(signer)),
        None => Err(no_key(true)),
    }
}

fn snapshot(folder: &Path, name: Option<&str>, remove: bool) -> Result<Exit, Failure> {
    is_there(folder)?;
    match name {
        None => {
            for kept in tree::list(folder)? {
                let date = kept.date.map(|date| date.format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default();
                output::out(&format!(
                    "{}  {date}  {}\n",
                    kept.name,
                    count(kept.repositories, "repository", "repositories")
                ));
            }
        }
        Some(name) if !is_name(name) => return Err(not_a_name("NAME", name)),
        Some(name) if remove => {
            tree::forget(folder, name)?;
            output::out(&format!("{name} is forgotten\n"));
        }
        Some(name) => {
            let repositories = tree::make(folder, name, Utc::now())?;
            output::out(&format!("{name} has {}\n", count(repositories, "repository", "repositories")));
        }
    }
    Ok(Exit::Success)
}

fn add(args: &RepoArgs) -> Result<Exit, Failure> {
    let folder = args.folder.as_deref().unwrap_or(Path::new("."));
    if let Some(name) = args.suite.as_deref().filter(|name| !is_name(name)) {
        return Err(not_a_name("--suite", name));
    }
    // Before anything is read: a key that is of no use is known early.
    let signer = signer(&args.key.sign_key, args.unsigned)?;
    let default = [PathBuf::from("dist")];
    let is_known = folder.join("dists").is_dir() || folder.join("rpm").is_dir();
    let paths = match &args.paths[..] {
        // Nothing new is to come: only what is said of the repositories, or how many versions stay.
        [] if is_known && !default[0].is_dir() => &[],
        [] => &default[..],
        paths => paths,
    };
    let catalogue = Catalogue::around([Path::new(".")])?;
    let mut given = Others::default();
    for path in paths {
        collect(path, args, &catalogue, &mut given)?;
    }
    let Others { incoming, origin, label } = given;
    if incoming.is_empty() && !is_known {
        let message = "there are no packages to put into repositories".to_owned();
        return Err(Failure::NothingMatched { message, help: Some("farm build makes some in dist/".to_owned()) });
    }
    // What is taken over goes on under its name.
    let or_as_it_was = |said: Option<String>, was: Option<String>| said.or(was.filter(|_| !is_known));
    let wishes = Wishes {
        origin: or_as_it_was(line("--origin", args.origin.as_ref())?, origin),
        label: or_as_it_was(line("--label", args.label.as_ref())?, label),
        valid_days: args.valid_days,
        url: line("--url", args.url.as_ref())?,
        zstd: args.compression.as_ref().map(|kind| kind == "zstd"),
    };
    let changes = tree::add(folder, &incoming, &wishes, signer.as_ref(), Utc::now())?;
    tell(&changes);
    if args.keep.is_some() || args.keep_days.is_some() {
        let keep = Keep { versions: args.keep.map(|versions| versions as usize), days: args.keep_days };
        let removed = tree::keep(folder, keep, signer.as_ref(), Utc::now())?;
        tell(&removed.into_iter().filter(|change| change.is_written).collect::<Vec<_>>());
    }
    tell_setup(folder, &changes);
    Ok(Exit::Success)
}

/// A value that becomes a line of a file.
fn line(option: &str, value: Option<&String>) -> Result<Option<String>, Failure> {
    match value {
        Some(text) if text.trim().is_empty() || text.chars().any(char::is_control) => {
            Err(Failure::usage(format!("{option} has to be a line of text")))
        }
        value => Ok(value.cloned()),
    }
}

fn not_a_name(what: &str, name: &str) -> Failure {
    Failure::usage(format!("{what} {}: a name has letters, digits, `-`, `.` and `_`", printable(name)))
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(['.', '-'])
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
}

/// The packages at a path: of a folder that farm built into by its records, of repositories by their indexes, else by their
/// names.
fn collect(path: &Path, args: &RepoArgs, catalogue: &Catalogue, given: &mut Others) -> Result<(), Failure> {
    if path.join(".farm/stage").is_dir() {
        return of_store(path, args, catalogue, &mut given.incoming);
    }
    let is_folder = std::fs::metadata(path).map_err(|source| Failure::Read { path: path.to_owned(), source })?.is_dir();
    if let Some(others) = is_folder.then(|| tree::others(path, args.suite.as_deref())).transpose()?.flatten() {
        given.incoming.extend(others.incoming.into_iter().filter(|one| args.takes(one.place.format)));
        given.origin = given.origin.take().or(others.origin);
        given.label = given.label.take().or(others.label);
        return Ok(());
    }
    let found = &mut given.incoming;
    let files = if is_folder { walk(path) } else { vec![path.to_owned()] };
    for file in files {
        let Some(format) = format_of(&file) else {
            if is_folder {
                continue;
            }
            let message = format!("{} is neither a .deb nor an .rpm", printable(&file.display().to_string()));
            return Err(Failure::usage(message));
        };
        if !args.takes(format) {
            continue;
        }
        let Some(name) = &args.suite else {
            let message = format!("nothing says which repository {} is for", printable(&file.display().to_string()));
            let help = "name it: --suite bookworm; of packages in dist/ farm knows their distribution".to_owned();
            return Err(Failure::Usage { message, help: Some(help) });
        };
        found.push(Incoming { path: file, place: Place { format, name: name.clone() }, sha256: None, arch: None });
    }
    Ok(())
}

fn of_store(path: &Path, args: &RepoArgs, catalogue: &Catalogue, found: &mut Vec<Incoming>) -> Result<(), Failure> {
    for (folder, record) in Store::open(path)?.records() {
        // `jq+minimal@fedora-44/x86_64`
        let parts = record.target.split_once('@').and_then(|(_, rest)| rest.split_once('/'));
        let Some((distro, arch)) = parts else { continue };
        let suite =
            catalogue.get(distro).and_then(|distro| distro.bootstrap.as_ref()).map(|bootstrap| &bootstrap.suite);
        for artifact in record.artifacts {
            // Every build of .rpm packages makes a .src.rpm, too: those of one version are one package, that of `farm source`.
            let is_beside = artifact.kind == ArtifactKind::Source && artifact.package.is_some() && arch != SOURCE;
            let is_package = artifact.kind != ArtifactKind::Metadata && !is_beside;
            let file = folder.join(&artifact.file_name);
            let Some(format) = format_of(&file).filter(|format| is_package && args.takes(*format)) else { continue };
            let own = match format {
                Format::Deb => suite.map_or(distro, String::as_str),
                Format::Rpm => distro,
            };
            let name = args.suite.clone().unwrap_or_else(|| own.to_owned());
            let arch = arch.parse::<Arch>().ok().map(|arch| arch.deb().to_owned());
            let place = Place { format, name };
            found.push(Incoming { path: file, place, sha256: Some(artifact.sha256), arch });
        }
    }
    Ok(())
}

fn format_of(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "deb" | "ddeb" | "dsc" => Some(Format::Deb),
        "rpm" => Some(Format::Rpm),
        _ => None,
    }
}

fn tell(changes: &[Change]) {
    for change in changes {
        let mut text = format!("{}: {}", change.place, count(change.packages, "package", "packages"));
        match (change.added, change.removed) {
            (0, 0) if !change.is_written => text.push_str(", nothing new"),
            (0, 0) => text.push_str(", signed anew"),
            (added, 0) => text.push_str(&format!(", {added} added")),
            (0, removed) => text.push_str(&format!(", {removed} removed")),
            (added, removed) => text.push_str(&format!(", {added} added, {removed} removed")),
        }
        output::out(&format!("{text}\n"));
    }
}

/// What users paste, for those repositories that changed.
fn tell_setup(folder: &Path, changes: &[Change]) {
    for change in changes.iter().filter(|change| change.is_written) {
        let name = &change.place.name;
        let folder = printable(&folder.display().to_string());
        let (ending, to) = match change.place.format {
            Format::Deb => ("sources", "/etc/apt/sources.list.d/"),
            Format::Rpm => ("repo", "/etc/yum.repos.d/, or /etc/zypp/repos.d/"),
        };
        let key = match change.place.has_key_beside() {
            true => ", and key.asc where it says",
            false => "",
        };
        output::err(&format!("users put {folder}/setup/{name}.{ending} into {to}{key}\n"));
    }
}

type Known = BTreeMap<PathBuf, BTreeMap<String, i64>>;

/// # Errors
/// When there is no such tree.
fn is_there(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    let message = format!("there is no folder {}", printable(&folder.display().to_string()));
    Err(Failure::Usage { message, help: Some("farm repo DIR makes one of what is in dist/".to_owned()) })
}

fn check(folder: &Path, key: Option<&Path>, unsigned: bool, cache: &Path) -> Result<Exit, Failure> {
    is_there(folder)?;
    let own = folder.join("key.asc");
    let keys = match (key, unsigned) {
        (_, true) => None,
        (Some(path), _) => Some(read_keys(path)?),
        (None, _) if !own.is_file() => {
            let message = format!("there is no key.asc in {}", printable(&folder.display().to_string()));
            let help =
                "--key names the public key that has to have signed; --unsigned accepts that nobody has".to_owned();
            return Err(Failure::Usage { message, help: Some(help) });
        }
        (None, _) => Some(read_keys(&own)?),
    };
    let place = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let path = cache.join(KNOWN);
    let mut known: Known =
        std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let before = known.get(&place).cloned().unwrap_or_default();
    let checked = tree::check(folder, keys.as_deref(), &before, Utc::now())?;
    for (path, reason) in &checked.problems {
        output::out(&printable(&format!("{}: {reason}", path.display())));
        output::out("\n");
    }
    let what = format!(
        "{} with {} checked",
        count(checked.repositories, "repository", "repositories"),
        count(checked.packages, "package", "packages")
    );
    if !checked.problems.is_empty() {
        output::out(&format!("{what}, {} found\n", count(checked.problems.len(), "problem", "problems")));
        return Ok(Exit::Repository);
    }
    // Only of a good state: a forged date must not make the good ones old.
    known.insert(place, checked.dates);
    let write = |source| Failure::Write { path: path.clone(), source };
    std::fs::create_dir_all(cache).map_err(write)?;
    let mut file = tempfile::NamedTempFile::new_in(cache).map_err(write)?;
    serde_json::to_writer(&mut file, &known).map_err(|error| write(error.into()))?;
    file.persist(&path).map_err(|error| write(error.error))?;
    for (fingerprint, (repositories, packages)) in &checked.signed {
        let mut signed = Vec::new();
        if *repositories > 0 {
            signed.push(count(*repositories, "repository", "repositories"));
        }
        if *packages > 0 {
            signed.push(count(*packages, "package", "packages"));
        }
        let signed = if signed.is_empty() { "nothing here".to_owned() } else { signed.join(" and ") };
        output::out(&format!("{fingerprint} has signed {signed}\n"));
    }
    output::out(&format!("{what}, all as clients want it\n"));
    Ok(Exit::Success)
}
