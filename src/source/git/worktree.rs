//! Whether files of a work tree differ from what is committed, submodules included. Git itself would look into those with
//! their own configuration, so each is looked at here as a repository of its own.

use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::super::SourceError;
use super::super::tree::os_path;
use super::{Checkout, Repository, View, tracked};

/// Submodules of submodules, and so on.
const DEEPEST: usize = 8;

/// Whether anything below a folder of the work tree differs from its commit, or is not added to it.
pub(in crate::source) async fn is_dirty(
    view: &Arc<View>,
    folder: &Path,
    cancel: &CancellationToken,
) -> Result<bool, SourceError> {
    dirty(view, folder, 0, cancel).await
}

/// Whether nothing differs but that a recipe or its lock is there: one that was just written changes nothing of the project.
fn only_a_new_recipe(list: &[u8]) -> bool {
    let is_name = |path: &[u8], name: &str| {
        path.strip_suffix(name.as_bytes()).is_some_and(|folder| folder.is_empty() || folder.ends_with(b"/"))
    };
    let is_new = |line: &[u8]| {
        line.strip_prefix(b"?? ").is_some_and(|path| is_name(path, "farm.toml") || is_name(path, "farm.lock"))
    };
    list.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).all(is_new)
}

async fn dirty(view: &Arc<View>, folder: &Path, depth: usize, cancel: &CancellationToken) -> Result<bool, SourceError> {
    let repository = Repository::WorkTree { view: Arc::clone(view), folder: folder.to_owned() };
    let status = ["status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=all", "--", "."];
    // Only whether there is anything counts, however long the list is.
    match repository.bytes(&status, cancel).await {
        Ok(list) if only_a_new_recipe(&list) => {}
        Ok(_) => return Ok(true),
        Err(SourceError::Git(reason)) if reason.contains("printed more than") => return Ok(true),
        Err(error) => return Err(error),
    }
    // What is staged of a submodule's commit, too.
    let staged = ["diff-index", "--cached", "--raw", "--no-renames", "HEAD", "--", "."];
    if !repository.bytes(&staged, cancel).await?.is_empty() {
        return Ok(true);
    }
    let Some(top) = view.checkout().top() else { return Ok(false) };
    let real = std::fs::canonicalize(folder).map_err(|source| SourceError::Io { path: folder.to_owned(), source })?;
    for module in tracked(view.checkout())?.into_iter().filter(|entry| entry.is_submodule()) {
        let place = top.join(os_path(&module.name));
        if !place.starts_with(&real) || depth >= DEEPEST {
            continue;
        }
        // One that is not checked out has no files to differ.
        let Some(inner) = Checkout::at(&place)? else { continue };
        let inner = Arc::new(View::of(inner)?);
        let at = Repository::WorkTree { view: Arc::clone(&inner), folder: place.clone() };
        let head = at.text(&["rev-parse", "--verify", "HEAD^{commit}"], cancel).await?;
        if head != module.id || Box::pin(dirty(&inner, &place, depth + 1, cancel)).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
