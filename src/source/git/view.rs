//! A repository that somebody else made, as data: a git folder of farm's own, with a configuration of farm's own, whose
//! objects and refs are those of the other one.
//!
//! A repository's `config` names commands: filters, a file system monitor, hooks, what a partial clone asks its remote
//! with, ssh, gpg. `-c` cannot take all of them back, as it would have to know their names. So git never reads that file:
//! what farm takes from it is a handful of words without a command among them, and farm reads them itself.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::SourceError;

/// `HEAD`, `commondir` and a `.git` that is a file hold one line.
const LONGEST_LINE: u64 = 64 * 1024;
/// A configuration holds a line for each branch; none is near this.
const LARGEST_CONFIG: u64 = 4 << 20;

/// What is taken from a repository's configuration: how its objects and files are to be read, and which words that may
/// be said with.
const KEPT: &[(&str, &str, &[&str])] = &[
    ("core", "filemode", &["true", "false"]),
    ("core", "symlinks", &["true", "false"]),
    ("core", "ignorecase", &["true", "false"]),
    ("core", "precomposeunicode", &["true", "false"]),
    ("core", "autocrlf", &["true", "false", "input"]),
    ("core", "eol", &["lf", "crlf", "native"]),
    ("extensions", "objectformat", &["sha1", "sha256"]),
    ("extensions", "refstorage", &["files", "reftable"]),
];

/// Where a repository is.
#[derive(Debug, Clone)]
pub(in crate::source) struct Checkout {
    /// Its git folder: that of the work tree, where it is one of several.
    git_dir: PathBuf,
    /// What work trees of one repository share.
    common: PathBuf,
    /// The top of the work tree; none when it was asked for as a bare repository.
    top: Option<PathBuf>,
}

impl Checkout {
    /// The repository in whose work tree a folder lies: the nearest `.git` at or above it. None where there is none.
    pub(in crate::source) fn around(folder: &Path) -> Result<Option<Checkout>, SourceError> {
        let folder = real(folder)?;
        for top in folder.ancestors() {
            if let Some(git_dir) = git_dir(&top.join(".git")) {
                return Ok(Some(Checkout::new(git_dir, Some(top.to_owned()))));
            }
        }
        Ok(None)
    }

    /// The repository whose work tree's top is this folder.
    pub(in crate::source) fn at(top: &Path) -> Result<Option<Checkout>, SourceError> {
        match git_dir(&top.join(".git")) {
            Some(git_dir) => Ok(Some(Checkout::new(git_dir, Some(real(top)?)))),
            None => Ok(None),
        }
    }

    /// The repository at a place that a person named, as git looks for it there: with a work tree or bare.
    pub(super) fn named(place: &Path) -> Option<Checkout> {
        let with_suffix = || {
            let mut name = place.as_os_str().to_owned();
            name.push(".git");
            PathBuf::from(name)
        };
        let candidates = [place.join(".git"), place.to_owned(), with_suffix().join(".git"), with_suffix()];
        candidates.iter().find_map(|candidate| git_dir(candidate)).map(|git_dir| Checkout::new(git_dir, None))
    }

    fn new(git_dir: PathBuf, top: Option<PathBuf>) -> Checkout {
        let common = match line(&git_dir.join("commondir")) {
            Some(common) => git_dir.join(common),
            None => git_dir.clone(),
        };
        Checkout { git_dir, common, top }
    }

    pub(in crate::source) fn top(&self) -> Option<&Path> {
        self.top.as_deref()
    }

    /// The work tree's index, which is only read.
    pub(super) fn index(&self) -> PathBuf {
        self.git_dir.join("index")
    }

    fn config(&self) -> String {
        own_config(&beginning(&self.common.join("config"), LARGEST_CONFIG).unwrap_or_default())
    }

    /// Bytes of an object's id.
    pub(super) fn id_bytes(&self) -> usize {
        if self.config().contains("sha256") { 32 } else { 20 }
    }
}

/// A repository as data. Its own git folder is removed with it.
#[derive(Debug)]
pub(in crate::source) struct View {
    own: TempDir,
    checkout: Checkout,
}

impl View {
    pub(in crate::source) fn of(checkout: Checkout) -> Result<View, SourceError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| SourceError::Io { path, source }
        };
        let (git_dir, common) = (&checkout.git_dir, &checkout.common);
        let own = tempfile::Builder::new().prefix("farm-git-").tempdir().map_err(io(&std::env::temp_dir()))?;
        let head = git_dir.join("HEAD");
        let text = line(&head).ok_or_else(|| SourceError::Git(format!("{} cannot be read", head.display())))?;
        fs::write(own.path().join("HEAD"), format!("{text}\n")).map_err(io(own.path()))?;
        for name in ["objects", "refs", "packed-refs", "reftable", "shallow"] {
            let from = common.join(name);
            if from.exists() {
                link(&from, &own.path().join(name)).map_err(io(own.path()))?;
            }
        }
        // With reftable there may be nothing in it.
        let refs = own.path().join("refs");
        if !refs.exists() {
            fs::create_dir(&refs).map_err(io(&refs))?;
        }
        for entry in git_dir.read_dir().into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(b"sharedindex.") {
                link(&entry.path(), &own.path().join(entry.file_name())).map_err(io(own.path()))?;
            }
        }
        let path = own.path().join("config");
        fs::write(&path, checkout.config()).map_err(io(&path))?;
        Ok(View { own, checkout })
    }

    pub(in crate::source) fn checkout(&self) -> &Checkout {
        &self.checkout
    }

    /// The git folder of farm's own.
    pub(super) fn path(&self) -> &Path {
        self.own.path()
    }
}

fn real(folder: &Path) -> Result<PathBuf, SourceError> {
    fs::canonicalize(folder).map_err(|source| SourceError::Io { path: folder.to_owned(), source })
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(fs::canonicalize(from)?, to)
}

#[cfg(not(unix))]
fn link(_from: &Path, _to: &Path) -> std::io::Result<()> {
    Err(std::io::Error::other("repositories are read on Unix only"))
}

/// The git folder at a path: that folder itself, or the one that a file there names.
fn git_dir(path: &Path) -> Option<PathBuf> {
    let is_one = |path: &Path| path.join("HEAD").symlink_metadata().is_ok();
    if path.is_dir() {
        return is_one(path).then(|| fs::canonicalize(path).ok()).flatten();
    }
    let text = line(path)?;
    let named = path.parent()?.join(text.strip_prefix("gitdir:")?.trim());
    is_one(&named).then(|| fs::canonicalize(named).ok()).flatten()
}

/// The first line of a small regular file.
fn line(path: &Path) -> Option<String> {
    let text = beginning(path, LONGEST_LINE)?;
    text.lines().next().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty())
}

/// A regular file as text, up to `most` bytes of it.
fn beginning(path: &Path, most: u64) -> Option<String> {
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The configuration for a view: what is [`KEPT`] of the other one's, and commands that do nothing.
fn own_config(theirs: &str) -> String {
    let mut section = String::new();
    let mut kept: Vec<(&str, &str, &str)> = Vec::new();
    for line in theirs.lines() {
        let mut rest = line.trim();
        if let Some((name, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            section = name.trim().to_ascii_lowercase();
            rest = after.trim();
        }
        let rest = rest.split(['#', ';']).next().unwrap_or_default();
        let Some((key, value)) = rest.split_once('=') else { continue };
        let value = value.trim().trim_matches('"').to_ascii_lowercase();
        let known = KEPT
            .iter()
            .find(|(of, name, _)| section == *of && key.trim().eq_ignore_ascii_case(name))
            .and_then(|(section, key, values)| Some((*section, *key, *values.iter().find(|known| **known == value)?)));
        if let Some((section, key, value)) = known {
            kept.retain(|(of, name, _)| (*of, *name) != (section, key));
            kept.push((section, key, value));
        }
    }
    let extended = kept.iter().any(|(section, ..)| *section == "extensions");
    let mut text = format!("[core]\n\trepositoryformatversion = {}\n", u8::from(extended));
    for (section, key, value) in kept {
        text.push_str(&format!("[{section}]\n\t{key} = {value}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_configuration_only_plain_words_are_kept() {
        let theirs = "# [core] autocrlf = true\n[core]\n\trepositoryformatversion = 1\n\tfsmonitor = touch x\n\tautoCRLF = Input ; yes\n\
                      [core \"sub\"]\n\teol = crlf\n[filter \"x\"]\n\tclean = touch y\n[extensions] objectFormat = sha256\n\
                      [extensions]\n\tpartialClone = origin\n[core]\n\thooksPath = z\n\tfilemode = \"false\"\n\teol = !sh\n\
                      [include]\n\tpath = /etc/gitconfig\n[core\n\tsymlinks = false\n";
        let own = own_config(theirs);
        for kept in ["autocrlf = input", "objectformat = sha256", "filemode = false", "repositoryformatversion = 1"] {
            assert!(own.contains(kept), "{own}");
        }
        for gone in ["touch", "eol", "partial", "hooks", "include", "filter"] {
            assert!(!own.contains(gone), "{gone}: {own}");
        }
        assert_eq!(own_config(""), "[core]\n\trepositoryformatversion = 0\n");
    }
}
