//! Files of the recipe's own folder: which of them are sources, in an order that no host changes.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::WalkBuilder;

use super::git::{self, Checkout};
use super::tree::{os_path, refused};
use super::{SourceError, ignored};
use crate::recipe::Source;

/// Repositories in repositories: more than the largest projects have.
const MOST_REPOSITORIES: usize = 512;

/// One file or link below a folder. Folders are implied: an empty one, or one that holds only ignored files, is
/// not part of what a version control system knows either.
#[derive(Debug)]
pub(super) struct Found {
    /// `/`-separated bytes, relative to the folder.
    pub(super) name: Vec<u8>,
    pub(super) path: PathBuf,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    File { size: u64, executable: bool },
    Link { target: Vec<u8> },
}

impl Found {
    /// Bytes of content.
    pub(super) fn size(&self) -> u64 {
        match self.what {
            What::File { size, .. } => size,
            What::Link { .. } => 0,
        }
    }
}

/// What a path source is.
pub(super) enum Local {
    File { executable: bool },
    Folder(Vec<Found>),
}

/// Looks at a path source of a recipe in `root`. A folder that has nothing for the source is an error: nobody names one
/// for nothing.
pub(super) fn look(root: &Path, path: &str, source: &Source) -> Result<(PathBuf, Local), SourceError> {
    let full = inside(root, path).map_err(|error| error.at(source))?;
    if let Some(What::File { executable, .. }) = file(&full).map_err(|error| error.at(source))? {
        return Ok((full, Local::File { executable }));
    }
    let mut found = files(&full, source.gitignore, &mut |_| true).map_err(|error| error.at(source))?;
    // It says what was built from the sources: as one of them, it would change with itself.
    if let Ok(root) = fs::canonicalize(if root.as_os_str().is_empty() { Path::new(".") } else { root }) {
        found.retain(|file| file.path != root.join("farm.lock"));
    }
    if found.is_empty() {
        return Err(ignored::nothing_left(&full, path, source)?);
    }
    Ok((full, Local::Folder(found)))
}

/// Where a path of a recipe really is. Links on the way are followed as far as they stay in the folder that the recipe
/// may speak of: its own, or where its `..` lead. What a link names elsewhere is another person's, or the host's.
pub(super) fn inside(root: &Path, path: &str) -> Result<PathBuf, SourceError> {
    let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| SourceError::Io { path, source }
    };
    let top = fs::canonicalize(root).map_err(io(root))?;
    let real = fs::canonicalize(top.join(path)).map_err(io(&root.join(path)))?;
    let (mut depth, mut up) = (0_usize, 0_usize);
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir if depth == 0 => up += 1,
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            _ => {}
        }
    }
    let bound = top.ancestors().nth(up).unwrap_or(Path::new("/"));
    if real.starts_with(bound) {
        return Ok(real);
    }
    let reason = format!("is or lies behind a link that leads out of {}, to {}", bound.display(), real.display());
    Err(refused(path, reason))
}

/// A file, or the one that a link leads to; `None` for all else.
pub(super) fn file(path: &Path) -> Result<Option<What>, SourceError> {
    let metadata = fs::metadata(path).map_err(|source| SourceError::Io { path: path.to_owned(), source })?;
    let file = || What::File { size: metadata.len(), executable: is_executable(&metadata) };
    Ok(metadata.is_file().then(file))
}

/// The files and links below a folder, as far as `wanted` takes them by their names. With `gitignore`, what such files
/// name is left out, those above the folder too as far as the repository it lies in goes, but for what that repository's
/// index has. Hidden files are taken; `.git` never is. What the user's own git configuration ignores plays no part: it
/// differs between hosts.
pub(super) fn files(
    path: &Path,
    gitignore: bool,
    wanted: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<Vec<Found>, SourceError> {
    let top = fs::canonicalize(path).map_err(|source| SourceError::Io { path: path.to_owned(), source })?;
    let (mut found, repositories) = walked(&top, gitignore, wanted)?;
    if gitignore {
        add_tracked(&top, repositories, &mut found, wanted)?;
    }
    Ok(found)
}

/// What a walk finds, and the folders in it that are repositories of their own.
fn walked(
    top: &Path,
    gitignore: bool,
    wanted: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<(Vec<Found>, Vec<PathBuf>), SourceError> {
    let in_repository = top.ancestors().any(|folder| folder.join(".git").exists());
    let repositories: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
    let seen = Arc::clone(&repositories);
    let walk = WalkBuilder::new(top)
        .standard_filters(false)
        .git_ignore(gitignore)
        .require_git(false)
        .parents(gitignore && in_repository)
        .follow_links(false)
        .sort_by_file_name(|a, b| a.as_encoded_bytes().cmp(b.as_encoded_bytes()))
        .filter_entry(move |entry| {
            if entry.file_name() != ".git" {
                // A folder of packages says in its own .gitignore that it is no source.
                return gitignore || !entry.path().join(".farm/stage").is_dir();
            }
            if entry.depth() > 1
                && let Some(folder) = entry.path().parent()
            {
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(folder.to_owned());
            }
            false
        })
        .build();
    let mut found = Vec::new();
    for entry in walk {
        let entry = entry.map_err(|error| {
            let reason = error.to_string();
            let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other(reason));
            SourceError::Io { path: top.to_owned(), source }
        })?;
        let Ok(relative) = entry.path().strip_prefix(top) else { continue };
        if relative.as_os_str().is_empty() {
            continue;
        }
        let name = bytes(relative);
        let metadata = metadata(entry.path())?;
        if !metadata.is_dir() && wanted(&name) {
            found.push(one(name, entry.path(), &metadata)?);
        }
    }
    let repositories = std::mem::take(&mut *repositories.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((found, repositories))
}

fn metadata(path: &Path) -> Result<fs::Metadata, SourceError> {
    fs::symlink_metadata(path).map_err(|source| SourceError::Io { path: path.to_owned(), source })
}

fn one(name: Vec<u8>, path: &Path, metadata: &fs::Metadata) -> Result<Found, SourceError> {
    let what = if metadata.is_file() {
        What::File { size: metadata.len(), executable: is_executable(metadata) }
    } else if metadata.is_symlink() {
        let target = fs::read_link(path).map_err(|source| SourceError::Io { path: path.to_owned(), source })?;
        What::Link { target: bytes(&target) }
    } else {
        let reason = "is no file, folder or link: let .gitignore name it, or remove it".to_owned();
        return Err(SourceError::Archive { name: path.display().to_string(), reason });
    };
    Ok(Found { name, path: path.to_owned(), what })
}

/// Adds what the index of a repository has and a walk passed over, because a `.gitignore` names it: git goes by its
/// index. The repository is the one around the folder, and each of those in it.
fn add_tracked(
    top: &Path,
    repositories: Vec<PathBuf>,
    found: &mut Vec<Found>,
    wanted: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<(), SourceError> {
    let mut waiting: Vec<Checkout> = Checkout::around(top)?.into_iter().collect();
    for folder in &repositories {
        waiting.extend(Checkout::at(folder)?);
    }
    if waiting.is_empty() {
        return Ok(());
    }
    let mut known: HashSet<Vec<u8>> = found.iter().map(|found| found.name.clone()).collect();
    let mut folders: HashMap<PathBuf, bool> = HashMap::new();
    let before = found.len();
    let mut looked = 0;
    while let Some(checkout) = waiting.pop() {
        looked += 1;
        let Some(work_tree) = checkout.top() else { continue };
        for entry in git::tracked(&checkout)? {
            let path = work_tree.join(os_path(&entry.name));
            let Ok(relative) = path.strip_prefix(top) else { continue };
            let name = bytes(relative);
            if name.is_empty() || known.contains(&name) || !is_below(top, &path, &mut folders) {
                continue;
            }
            if entry.is_submodule() {
                if looked + waiting.len() < MOST_REPOSITORIES && !repositories.contains(&path) {
                    waiting.extend(Checkout::at(&path)?);
                }
                continue;
            }
            // What the index has may have been removed, or become a folder.
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if (metadata.is_file() || metadata.is_symlink()) && wanted(&name) {
                found.push(one(name.clone(), &path, &metadata)?);
                known.insert(name);
            }
        }
    }
    if found.len() > before {
        found.sort_by(|a, b| a.name.split(|byte| *byte == b'/').cmp(b.name.split(|byte| *byte == b'/')));
    }
    Ok(())
}

/// Whether all that a path goes through below `top` are folders, and no links.
fn is_below(top: &Path, path: &Path, known: &mut HashMap<PathBuf, bool>) -> bool {
    let Some(parent) = path.parent() else { return false };
    if parent == top {
        return true;
    }
    if let Some(known) = known.get(parent) {
        return *known;
    }
    let below = parent.starts_with(top)
        && fs::symlink_metadata(parent).is_ok_and(|metadata| metadata.is_dir())
        && is_below(top, parent, known);
    known.insert(parent.to_owned(), below);
    below
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &fs::Metadata) -> bool {
    false
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_encoded_bytes().to_vec()
}
