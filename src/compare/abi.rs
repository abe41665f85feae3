//! What is different in the types of libraries: whether a program that was linked to the one works with the other. libabigail
//! reads that from debug data; without it there is no telling. What it reads comes from a build and is hostile, so nothing of it
//! is read but when a person asks.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::folders::TargetChanges;
use super::model::{Aspect, Change, PackageChanges};

/// Of abigail-tools, which all distributions have.
const PROGRAM: &str = "abipkgdiff";
/// So much of what it says about one package is read.
const MOST_BYTES: u64 = 16 << 20;
/// A longer description of a change is cut.
const LONGEST: usize = 2000;

/// Adds to packages whose libraries have changed how their types have. Returns of which that cannot be told, and why: whole
/// sentences, as the packages have their names.
pub(crate) fn add(targets: &mut [TargetChanges], before: &Path, after: &Path) -> Vec<String> {
    let mut untold = Vec::new();
    for TargetChanges { target, packages } in targets {
        let root = |root: &Path| target.as_ref().map_or(root.to_owned(), |target| root.join(target));
        let (before, after) = (root(before), root(after));
        for package in packages.iter_mut().filter(|package| has_changed_library(package)) {
            match changes(package, &before, &after) {
                Ok(found) => package.changes.extend(found),
                Err(why) => untold.push(format!("{}: types of its libraries are not compared: {why}", package.name)),
            }
        }
    }
    untold
}

fn has_changed_library(package: &PackageChanges) -> bool {
    let formats = (package.before.as_ref().map(|it| it.format), package.after.as_ref().map(|it| it.format));
    let is_library = |path: &str| path.rsplit('/').next().is_some_and(|name| name.contains(".so"));
    let is_changed = |change: &Change| change.aspect == Aspect::Content && is_library(&change.subject);
    // Debug packages have files of these names, too: the library is looked at with its own.
    formats.0 == formats.1 && debug_names(&package.name).is_some() && package.changes.iter().any(is_changed)
}

/// What the packages with the debug data of a package are called; none of one that has debug data itself.
fn debug_names(name: &str) -> Option<[String; 2]> {
    let is_debug = ["-dbgsym", "-debuginfo", "-debugsource"].iter().any(|ending| name.ends_with(ending));
    (!is_debug).then(|| [format!("{name}-dbgsym_"), format!("{name}-debuginfo-")])
}

fn changes(package: &PackageChanges, before: &Path, after: &Path) -> Result<Vec<Change>, String> {
    let (Some(old), Some(new)) = (&package.before, &package.after) else { return Ok(Vec::new()) };
    let (old, new) = (place(before, &old.file_name)?, place(after, &new.file_name)?);
    let mut command = Command::new(PROGRAM);
    for (option, of) in [("--d1", &old), ("--d2", &new)] {
        let debug = debug_of(&package.name, of).ok_or_else(|| {
            let file = of.file_name().unwrap_or_default().to_string_lossy();
            format!("the package with the debug data of {file} is not beside it")
        })?;
        command.arg(option).arg(debug);
    }
    command.args([&old, &new]).env("LC_ALL", "C").stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("{PROGRAM} is not there (the package abigail-tools has it)"),
        _ => format!("{PROGRAM} cannot be run: {error}"),
    })?;
    let said = child.stdout.take().map(|stdout| read(BufReader::new(stdout.take(MOST_BYTES))));
    let status = child.wait().map_err(|error| error.to_string())?;
    // Bits: 1 and 2 are errors, 4 a change, 8 one that breaks programs.
    match (said, status.code()) {
        (Some(Ok(changes)), Some(code)) if code & 3 == 0 => Ok(changes),
        _ => Err(format!("{PROGRAM} ended with {status}")),
    }
}

/// Where a package is that was found by what a person named: a folder, or itself.
fn place(named: &Path, file_name: &str) -> Result<PathBuf, String> {
    let path = if named.is_dir() { named.join(file_name) } else { named.to_owned() };
    // A name with a dash in front is no option then.
    path.canonicalize().map_err(|error| format!("{file_name} cannot be read: {error}"))
}

/// The package with the debug data of a package, beside it.
fn debug_of(name: &str, package: &Path) -> Option<PathBuf> {
    let names = debug_names(name)?;
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(package.parent()?).ok()?.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        names.iter().any(|debug| name.starts_with(debug.as_str())) && path.extension() == package.extension()
    });
    found.sort();
    // Of several versions in one folder, that of this package: their names go on alike.
    let version = |path: &Path, from: usize| {
        path.file_name().unwrap_or_default().to_string_lossy().get(from..).map(str::to_owned)
    };
    let own = version(package, name.len() + 1);
    let is_of_it = |path: &&PathBuf| names.iter().any(|debug| version(path, debug.len()) == own);
    found.iter().find(is_of_it).or(found.first().filter(|_| found.len() == 1)).cloned()
}

/// The types that are different, by what the program says. Symbols that came and went are known already.
fn read(said: impl BufRead) -> std::io::Result<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::new();
    let (mut library, mut is_in_change) = (None, false);
    for line in said.split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        let text = line.trim();
        if line.starts_with("====") {
            let named = |text: &str| {
                text.split_once(" changes of '").map(|(_, rest)| rest.trim_end_matches(['=', '\'']).to_owned())
            };
            library = named(&line).filter(|_| !line.contains(" end of changes of "));
            is_in_change = false;
        } else if let (Some(library), Some(rest)) = (&library, text.strip_prefix("[C] '")) {
            let (what, how) = rest.split_once("' ").unwrap_or((rest, ""));
            let subject = format!("{library}: {what}");
            changes.push(Change { aspect: Aspect::Abi, subject, before: None, after: Some(how.to_owned()) });
            is_in_change = true;
        } else if text.is_empty() || text.starts_with('[') {
            is_in_change = false;
        } else if is_in_change && let Some(after) = changes.last_mut().and_then(|change| change.after.as_mut()) {
            let joint = if after.ends_with(':') { " " } else { "; " };
            if after.len() + text.len() < LONGEST {
                after.push_str(joint);
                after.push_str(text);
            } else if !after.ends_with('\u{2026}') {
                after.push_str("; \u{2026}");
            }
        }
    }
    Ok(changes)
}
