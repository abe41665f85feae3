//! Files of the recipe's own folder: which of them are sources, in an order that no host changes.

use std::fs;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use super::SourceError;

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

/// Looks at a path source.
pub(super) fn look(path: &Path) -> Result<Local, SourceError> {
    match file(path)? {
        Some(What::File { executable, .. }) => Ok(Local::File { executable }),
        _ => Ok(Local::Folder(files(path, &mut |_| true)?)),
    }
}

/// A file, or the one that a link leads to; `None` for all else.
pub(super) fn file(path: &Path) -> Result<Option<What>, SourceError> {
    let metadata = fs::metadata(path).map_err(|source| SourceError::Io { path: path.to_owned(), source })?;
    let file = || What::File { size: metadata.len(), executable: is_executable(&metadata) };
    Ok(metadata.is_file().then(file))
}

/// The files and links below a folder, as far as `wanted` takes them by their names. `.gitignore` files are honoured,
/// those above it too as far as the repository it lies in goes; hidden files are taken; `.git` never is. What the user's
/// own git configuration ignores plays no part: it differs between hosts.
pub(super) fn files(path: &Path, wanted: &mut dyn FnMut(&[u8]) -> bool) -> Result<Vec<Found>, SourceError> {
    let top = fs::canonicalize(path).map_err(|source| SourceError::Io { path: path.to_owned(), source })?;
    let in_repository = top.ancestors().any(|folder| folder.join(".git").exists());
    let walk = WalkBuilder::new(&top)
        .standard_filters(false)
        .git_ignore(true)
        .require_git(false)
        .parents(in_repository)
        .follow_links(false)
        .sort_by_file_name(|a, b| a.as_encoded_bytes().cmp(b.as_encoded_bytes()))
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    let mut found = Vec::new();
    for entry in walk {
        let entry = entry.map_err(|error| {
            let reason = error.to_string();
            let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other(reason));
            SourceError::Io { path: path.to_owned(), source }
        })?;
        let Ok(relative) = entry.path().strip_prefix(&top) else { continue };
        if relative.as_os_str().is_empty() {
            continue;
        }
        let io = |source| SourceError::Io { path: entry.path().to_owned(), source };
        let metadata = fs::symlink_metadata(entry.path()).map_err(io)?;
        let name = bytes(relative);
        let what = if metadata.is_dir() || !wanted(&name) {
            continue;
        } else if metadata.is_file() {
            What::File { size: metadata.len(), executable: is_executable(&metadata) }
        } else if metadata.is_symlink() {
            What::Link { target: bytes(&fs::read_link(entry.path()).map_err(io)?) }
        } else {
            let reason = "is no file, folder or link: let .gitignore name it, or remove it".to_owned();
            return Err(SourceError::Archive { name: entry.path().display().to_string(), reason });
        };
        found.push(Found { name, path: entry.path().to_owned(), what });
    }
    Ok(found)
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
