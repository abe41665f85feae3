//! The date of packages whose recipe says none and whose sources have none: when the recipe and its own files were last
//! changed. Git knows it, the same in every clone; without git it is the day on which the recipe was written.
//!
//! The times of files are no way to know more: a clone gives each of them its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use tokio_util::sync::CancellationToken;

use super::super::git::{Checkout, Repository, View};
use super::super::tree::EARLIEST;
use super::super::{SourceError, walk};
use crate::recipe::{MergedRecipe, Origin, Patch, Source};
use crate::types::Address;

/// Ends of the names of archives, whose entries have times.
const ARCHIVES: [&str; 12] =
    [".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst", ".zip", ".crate", ".gem", ".whl", ".jar", ".orig"];
const DAY: i64 = 24 * 60 * 60;

/// Whether sources have a date of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dated {
    Yes,
    /// Nobody knows before they are fetched.
    Perhaps,
    No,
}

pub(super) fn dated(sources: &[Source]) -> Dated {
    let one = |source: &Source| match &source.origin {
        Origin::Git { .. } => Dated::Yes,
        Origin::Path { path } if is_archive(path) && source.unpack => Dated::Perhaps,
        Origin::Path { .. } | Origin::Text { .. } => Dated::No,
        Origin::Urls { urls, .. } => {
            let name = urls.first().map(Address::public).unwrap_or_default();
            if is_archive(&name) && source.unpack { Dated::Yes } else { Dated::Perhaps }
        }
    };
    let all: Vec<Dated> = sources.iter().map(one).collect();
    match all.contains(&Dated::Yes) {
        true => Dated::Yes,
        false if all.contains(&Dated::Perhaps) => Dated::Perhaps,
        false => Dated::No,
    }
}

fn is_archive(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    name.contains(".tar.") || ARCHIVES.iter().any(|end| name.ends_with(end))
}

/// The date of the last commit that changed the recipe's folder, a file that it extends, or a folder or file of its sources; without one the day on
/// which `file`, the recipe, was written. None when nothing says so.
pub(super) async fn own(
    recipe: &MergedRecipe,
    series: &[Vec<Patch>],
    file: &Path,
    cancel: &CancellationToken,
) -> Result<Option<i64>, SourceError> {
    match committed(recipe, series, cancel).await {
        Ok(Some(date)) => return Ok(Some(date)),
        Err(SourceError::Cancelled) => return Err(SourceError::Cancelled),
        // No repository that can be read, no commit, or no git.
        Ok(None) | Err(_) => {}
    }
    let bases = recipe.bases().iter().map(|base| recipe.root().join(base));
    let files = [file.to_owned()].into_iter().chain(bases);
    let written = files.filter_map(|file| fs::metadata(file).and_then(|metadata| metadata.modified()).ok()).max();
    let written = written.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let written = written.and_then(|time| i64::try_from(time.as_secs()).ok());
    let now = chrono::Utc::now().timestamp();
    // A day and no more, so that saving a file again is no change.
    Ok(written.map(|time| time.min(now) / DAY * DAY).filter(|time| *time >= EARLIEST))
}

async fn committed(
    recipe: &MergedRecipe,
    series: &[Vec<Patch>],
    cancel: &CancellationToken,
) -> Result<Option<i64>, SourceError> {
    let root = walk::inside(recipe.root(), ".")?;
    let Some(checkout) = Checkout::around(&root)? else { return Ok(None) };
    let Some(top) = checkout.top().map(Path::to_owned) else { return Ok(None) };
    let mut places: Vec<PathBuf> = vec![root];
    for base in recipe.bases() {
        places.push(walk::inside(recipe.root(), base)?);
    }
    let mut patches: Vec<&Patch> = series.iter().flatten().collect();
    for source in recipe.sources() {
        if let Origin::Path { path } = &source.origin {
            places.push(walk::inside(recipe.root(), path)?);
        }
        patches.extend(&source.patches);
    }
    for patch in patches {
        places.push(walk::inside(recipe.root(), &patch.path)?);
    }
    let names: Vec<String> = places
        .iter()
        .filter_map(|place| place.strip_prefix(&top).ok()?.to_str())
        .map(|name| if name.is_empty() { ".".to_owned() } else { name.to_owned() })
        .collect();
    let mut log = vec!["log", "--max-count=1", "--format=%ct", "HEAD", "--"];
    log.extend(names.iter().map(String::as_str));
    let repository = Repository::WorkTree { view: Arc::new(View::of(checkout)?), folder: top };
    let date = repository.text(&log, cancel).await?;
    Ok(date.parse().ok().filter(|date| *date >= EARLIEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_known_by_their_names() {
        for name in ["https://x/hello_2.10.orig.tar.gz", "a/b.tgz", "X.ZIP", "serde-1.0.crate", "plain.tar"] {
            assert!(is_archive(name), "{name}");
        }
        for name in ["https://x.tar.gz/script", "tool-linux-amd64", "tarball", "x.py", ""] {
            assert!(!is_archive(name), "{name}");
        }
    }
}
