//! Says why a folder has nothing for a source: because it is empty, or because `.gitignore` files name all that it has.

use std::fs;
use std::path::{Path, PathBuf};

use ignore::gitignore::Gitignore;

use super::walk::{self, Found};
use super::{SourceError, problem_at};
use crate::recipe::Source;
use crate::types::printable;

/// What is wrong with a path source in which nothing was found. `path` is as the recipe names it.
pub(super) fn nothing_left(folder: &Path, path: &str, source: &Source) -> Result<SourceError, SourceError> {
    let all = walk::files(folder, false, &mut |_| true)?;
    let Some(first) = all.first() else {
        let help = "farm takes files, and no empty folders: let a script make what has to be there";
        return Ok(problem_at(source, "a source is empty", format!("no file is in {}", printable(path)), Some(help)));
    };
    let files = match all.len() {
        1 => "the 1 file".to_owned(),
        n => format!("all {n} files"),
    };
    let named = match rule(first) {
        Some((file, line, pattern)) => {
            format!("{files} of it are named by {} line {line}: {}", file.display(), printable(&pattern))
        }
        None => format!("{files} of it are named by .gitignore files"),
    };
    let help = "gitignore = false in this [[sources]] takes files that .gitignore names, too; so does `git add --force` of them";
    Ok(problem_at(source, "git ignores all files of a source", named, Some(help)))
}

/// The file, line and pattern that name a file. What is nearest to it counts, as for git.
fn rule(found: &Found) -> Option<(PathBuf, usize, String)> {
    for folder in found.path.ancestors().skip(1) {
        let file = folder.join(".gitignore");
        if file.is_file() {
            let (rules, _) = Gitignore::new(&file);
            if let ignore::Match::Ignore(glob) = rules.matched_path_or_any_parents(&found.path, false) {
                let text = fs::read(&file).ok()?;
                let text = String::from_utf8_lossy(&text);
                let line = text.lines().position(|line| line.trim_end() == glob.original().trim_end())?;
                return Some((shown(&file), line + 1, glob.original().to_owned()));
            }
        }
        if folder.join(".git").exists() {
            return None;
        }
    }
    None
}

/// Relative to where farm runs, when it lies there.
fn shown(file: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(fs::canonicalize);
    match here.ok().and_then(|here| file.strip_prefix(here).ok().map(Path::to_owned)) {
        Some(relative) => relative,
        None => file.to_owned(),
    }
}
