//! Sources from git: one commit, by way of the `git` command and a bare repository in the cache. `submodules` adds
//! those that the commit records. Also what work trees say of themselves. A repository is data here: nothing that its
//! configuration, its attributes or its hooks name is ever run.

mod command;
mod index;
mod submodules;
mod view;
mod worktree;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{SourceError, lock_file};
use crate::cache::touch;
use crate::types::{printable, redacted_text};

pub(super) use command::Repository;
pub(super) use index::tracked;
pub(crate) use index::tracked_files;
pub(super) use view::{Checkout, View};
pub(super) use worktree::is_dirty;

/// How much of the history before a commit is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// None of it.
    Commit,
    /// All of it, with the tags of the repository.
    History,
}

/// A repository of the cache that has `commit`. Fetches only that commit when that will do and the server allows it,
/// everything otherwise; nothing when the cache has what is wanted.
///
/// Relative urls are taken from `root`, the recipe's folder. The file is the repository's lock: to be kept as long as
/// the repository is used.
pub(super) async fn fetch(
    cache: &Path,
    root: &Path,
    (url, commit): (&str, &str),
    depth: Depth,
    cancel: &CancellationToken,
) -> Result<(Repository, std::fs::File), SourceError> {
    if !is_commit_id(commit) {
        let commit = printable(commit);
        return Err(SourceError::Git(format!("`{commit}` is no full commit id: write all 40 characters of it")));
    }
    // A path means something else in each folder; an address does not.
    let place = if url.contains(':') { url.to_owned() } else { root.join(url).display().to_string() };
    // A repository of this host is served by git from a folder of farm's own, where its configuration is not.
    let local = local_place(root, url);
    let view = match &local {
        // A bundle is a file.
        Some(place) if !place.is_file() => {
            let checkout = Checkout::named(place);
            let no_repository = || SourceError::Git(format!("{} is no git repository", printable(&redacted_text(url))));
            Some(View::of(checkout.ok_or_else(no_repository)?)?)
        }
        _ => None,
    };
    let from = view.as_ref().map_or_else(|| url.to_owned(), |view| view.path().display().to_string());
    let from = from.as_str();
    let path = cache.join("git").join(hex::encode(&Sha256::digest(&place)[..16]));
    let io = |source| SourceError::Io { path: path.clone(), source };
    let lock = lock_file(&path.with_extension("lock"), cancel).await?;
    // It may have been removed, to make room, before it was locked.
    tokio::fs::create_dir_all(&path).await.map_err(io)?;
    touch(&path);

    let repository = Repository::Bare { path: path.clone(), folder: root.to_owned() };
    if !path.join("HEAD").exists() {
        repository.run(&["init", "--quiet", "--bare", "--template="], cancel).await?;
    }
    let object = format!("{commit}^{{commit}}");
    let has_commit = ["cat-file", "-e", object.as_str()];
    let is_shallow = || path.join("shallow").exists();
    let all = async || {
        // Where an earlier shallow fetch cut the history off, git would take the rest for fetched.
        let whole = if is_shallow() { "--unshallow" } else { "--no-tags" };
        let refs = ["+refs/*:refs/farm/*", "+refs/tags/*:refs/tags/*"];
        let fetch = ["fetch", "--quiet", "--no-tags", whole, "--", from, refs[0], refs[1]];
        match local {
            Some(_) => repository.run(&fetch, cancel).await,
            None => repository.run_remote(&fetch, cancel).await,
        }
    };
    let is_there = repository.run(&has_commit, cancel).await.is_ok();
    match depth {
        // A commit that came alone, or without the tags, has no history.
        Depth::History if !is_there || is_shallow() || !path.join("refs/farm").exists() => all().await?,
        Depth::Commit if !is_there => {
            let one = ["fetch", "--quiet", "--no-tags", "--depth=1", "--", from, commit];
            let fetched = match local {
                Some(_) => repository.run(&one, cancel).await,
                None => repository.run_remote(&one, cancel).await,
            };
            if fetched.is_err() {
                stop_if(cancel)?;
                // Servers may refuse to serve a commit that is not the tip of a branch. When not even this works, its
                // complaint is the plainer one.
                all().await?;
            }
        }
        _ => {}
    }
    if !is_there && repository.run(&has_commit, cancel).await.is_err() {
        stop_if(cancel)?;
        let url = printable(&redacted_text(url));
        return Err(SourceError::Git(format!("{url} has no commit {commit}: is it pushed, and on a branch or tag?")));
    }
    Ok((repository, lock))
}

/// Writes `git archive` of `commit` to the file `to`, all of it below the folder `top`; with `submodules` their files
/// too, each where it belongs.
pub(super) async fn archive(
    cache: &Path,
    root: &Path,
    (url, commit, submodules): (&str, &str, bool),
    top: &str,
    to: &Path,
    cancel: &CancellationToken,
) -> Result<(), SourceError> {
    if submodules {
        return submodules::archive(cache, root, (url, commit), top, to, cancel).await;
    }
    let (repository, _lock) = fetch(cache, root, (url, commit), Depth::Commit, cancel).await?;
    write(&repository, commit, top, to, cancel).await
}

async fn write(
    repository: &Repository,
    commit: &str,
    top: &str,
    to: &Path,
    cancel: &CancellationToken,
) -> Result<(), SourceError> {
    let prefix = format!("--prefix={top}/");
    let to: PathBuf = std::path::absolute(to).map_err(|source| SourceError::Io { path: to.to_owned(), source })?;
    let to = to.to_str().ok_or_else(|| SourceError::Git(format!("{} is not UTF-8", to.display())))?;
    let output = format!("--output={to}");
    repository.run(&["archive", "--format=tar", &prefix, &output, commit], cancel).await
}

/// Where a repository of this host lies; none for addresses of others.
fn local_place(root: &Path, url: &str) -> Option<PathBuf> {
    if let Some(path) = url.strip_prefix("file://") {
        // `file://localhost/srv/x` is the same place; percent signs are percent signs, as for git.
        let at = path.find('/').unwrap_or(path.len());
        return Some(PathBuf::from(&path[at..]));
    }
    (!url.contains(':')).then(|| root.join(url))
}

fn is_commit_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn stop_if(cancel: &CancellationToken) -> Result<(), SourceError> {
    if cancel.is_cancelled() { Err(SourceError::Cancelled) } else { Ok(()) }
}
