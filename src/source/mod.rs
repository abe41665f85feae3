//! Sources -> one deterministic tar per recipe, in a cache keyed by what went in: fetched, verified, filtered by
//! .gitignore, stripped, owners and modes fixed. Patches are carried beside, applied in the container. Build contexts of
//! Dockerfiles go by the same rules (`context`).
//!
//! Entries stand in the order of the recipe's sources; within a path source sorted, within an archive or commit as it
//! has them. `project` completes a recipe with what it leaves to the project before that. Nothing here runs what it fetched.
//!
//! ```text
//! <cache>/downloads/<sha256>/<file name>   verified files, shared by all recipes
//! <cache>/modules/<kind of hash>/<hash>    modules of languages, shared by all recipes
//! <cache>/git/<place>/                     bare repositories
//! <cache>/sources/<key>/                   tree.tar, prepared.json, originals/, patches/
//! ```
//! A folder below `sources` gets its name by an atomic rename when it is complete. `<key>.lock` is held by whoever
//! makes it, and released by the operating system if it dies.

mod context;
mod dockerignore;
mod error;
mod git;
mod ignored;
mod layout;
mod local;
mod make;
mod modules;
mod prepared;
mod project;
mod series;
mod tree;
mod unpack;
mod upload;
mod walk;
mod zip;

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::cache::touch;
use crate::fetch::Fetcher;
use crate::recipe::{Origin, Source};
use crate::types::{Address, Progress};

pub(crate) use context::Context;
pub(crate) use error::SourceError;
use error::problem_at;
pub(crate) use git::tracked_files;
use local::{blocking, content, lock_file};
use make::{Original, Part, build, file_name, top_name};
pub(crate) use modules::{LIST as MODULES_LIST, Registries};
use prepared::{Loaded, load};
pub(crate) use prepared::{Prepared, PreparedFile, PreparedPatch, verify_prepared};
pub(crate) use project::{MetadataError, metadata};
pub(crate) use tree::EARLIEST;
use tree::refused;
pub(crate) use upload::{Upload, read_file, upload};
use walk::{Found, Local, What};

/// Part of every key: to be raised when the same sources give another tree.
const TREE_FORMAT: &str = "farm source tree 1";

/// To be raised when what lies in the cache for the same sources has another shape.
const PREPARED_FORMAT: &str = "farm prepared sources 2";

/// Where sources are kept on this host, and how they are fetched.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    pub cache: PathBuf,
    pub fetcher: Fetcher,
    /// Base URL for `mirror://NAME/…`, by name; chosen by the caller (`archive::mirror`).
    pub mirrors: std::collections::BTreeMap<String, Address>,
    /// Where languages' modules are fetched from.
    pub registries: Registries,
}

/// A digest of the sources without fetching any: urls by their sha256, git by commit, paths and patches by content.
/// Also reads nothing but files of the recipe. An input of the job's key. Modification times, and modes but for the
/// executable bit, make no difference; `.gitignore` is honoured.
///
/// # Errors
/// When a path or patch that the recipe names cannot be read.
pub(crate) fn fingerprint(root: &Path, sources: &[Source]) -> Result<String, SourceError> {
    let mut whole = Sha256::new();
    add(&mut whole, &[TREE_FORMAT.as_bytes()]);
    for source in sources {
        match &source.origin {
            Origin::Urls { urls, sha256 } => {
                add(&mut whole, &[b"url", file_name(urls).as_bytes(), sha256.to_ascii_lowercase().as_bytes()]);
            }
            Origin::Git { commit, submodules, .. } => {
                let kind: &[u8] = if *submodules { b"git with submodules" } else { b"git" };
                add(&mut whole, &[kind, commit.to_ascii_lowercase().as_bytes()]);
            }
            Origin::Text { file, text, executable } => {
                add(&mut whole, &[b"text", file.as_bytes(), &[u8::from(*executable)], text.as_bytes()]);
            }
            Origin::Path { path } => {
                let (full, local) = walk::look(root, path, source)?;
                match local {
                    Local::File { executable } => {
                        let full = &full;
                        let name = Path::new(path).file_name().or(full.file_name()).unwrap_or_default();
                        add(&mut whole, &[b"file", name.as_encoded_bytes(), &[u8::from(executable)], &content(full)?]);
                    }
                    Local::Folder(found) => {
                        let digests = found_digests(&found)?;
                        add(&mut whole, &[b"folder", &digests.len().to_le_bytes()]);
                        digests.iter().for_each(|digest| add(&mut whole, &[digest]));
                    }
                }
            }
        }
        add(&mut whole, &[&source.strip.to_le_bytes(), source.into.as_bytes(), &source.patches.len().to_le_bytes()]);
        for patch in &source.patches {
            add(
                &mut whole,
                &[
                    patch.path.as_bytes(),
                    &walk::inside(root, &patch.path)
                        .and_then(|path| content(&path))
                        .map_err(|error| error.at_patch(source, patch))?,
                ],
            );
            // Only what is not as usual, so that digests of older recipes stay what they were.
            if patch.strip != 1 {
                add(&mut whole, &[b"strip", &patch.strip.to_le_bytes()]);
            }
        }
        if source.fuzz > 0 {
            add(&mut whole, &[b"fuzz", &source.fuzz.to_le_bytes()]);
        }
        if !source.unpack {
            add(&mut whole, &[b"packed"]);
        }
    }
    Ok(hex::encode(whole.finalize()))
}

/// Each part with its length, so that no two lists of parts look alike.
fn add(hasher: &mut Sha256, parts: &[&[u8]]) {
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
}

fn found_digests(found: &[Found]) -> Result<Vec<[u8; 32]>, SourceError> {
    let digest = |found: &Found| match &found.what {
        What::File { .. } => Ok(found_digest(found, &content(&found.path)?)),
        What::Link { .. } => Ok(found_digest(found, &[])),
    };
    found.par_iter().map(digest).collect()
}

/// `content` is the sha256 of a file's content; links have none.
fn found_digest(found: &Found, content: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    match &found.what {
        What::File { executable, .. } => {
            add(&mut hasher, &[b"file", &found.name, &[u8::from(*executable)], content]);
        }
        What::Link { target } => add(&mut hasher, &[b"link", &found.name, target]),
    }
    hasher.finalize().into()
}

impl Sources {
    /// Fetches and prepares. Two calls for the same sources do the work once, also across processes.
    ///
    /// `name` and `version` name the top folder of originals made from paths and git.
    pub(crate) async fn prepare(
        &self,
        root: &Path,
        name: &str,
        version: &str,
        sources: &[Source],
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Prepared, SourceError> {
        let of_content = {
            let (root, sources) = (root.to_owned(), sources.to_vec());
            blocking(move || fingerprint(&root, &sources)).await?
        };
        let mut key = Sha256::new();
        add(
            &mut key,
            &[
                PREPARED_FORMAT.as_bytes(),
                TREE_FORMAT.as_bytes(),
                of_content.as_bytes(),
                name.as_bytes(),
                version.as_bytes(),
            ],
        );
        let folder = self.cache.join("sources").join(hex::encode(key.finalize()));
        if let Loaded::Whole(prepared) = self.load(&folder).await? {
            return Ok(prepared);
        }
        let _lock = lock_file(&folder.with_extension("lock"), cancel).await?;
        let was_damaged = match self.load(&folder).await? {
            Loaded::Whole(prepared) => return Ok(prepared),
            Loaded::Damaged => true,
            Loaded::Nothing => false,
        };

        let parent = self.cache.join("sources");
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| SourceError::Io { path, source }
        };
        let staging = tempfile::Builder::new().prefix(".new-").tempdir_in(&parent).map_err(io(&parent))?;
        fs::create_dir(staging.path().join("originals")).map_err(io(staging.path()))?;
        let mut parts = Vec::new();
        let mut tops = 0;
        for source in sources {
            if cancel.is_cancelled() {
                return Err(SourceError::Cancelled);
            }
            let part = match &source.origin {
                Origin::Urls { urls, sha256 } => {
                    self.download(urls, sha256, progress, cancel).await.map_err(|error| error.at(source))?
                }
                Origin::Git { url, commit, submodules } => {
                    let top = top_name(name, version, &mut tops);
                    let original = Original { name: format!("{top}.tar"), download: None };
                    let to = staging.path().join("originals").join(&original.name);
                    let archive =
                        git::archive(&self.cache, root, (url.secret(), commit, *submodules), &top, &to, cancel);
                    archive.await.map_err(|error| error.at(source))?;
                    Part::Git { original }
                }
                Origin::Text { .. } => Part::Text,
                Origin::Path { path } => {
                    let full = walk::inside(root, path).map_err(|error| error.at(source))?;
                    match tokio::fs::metadata(&full).await.map_err(io(&full))?.is_file() {
                        true => Part::LocalFile,
                        false => Part::LocalFolder { top: top_name(name, version, &mut tops) },
                    }
                }
            };
            parts.push((source.clone(), part));
        }
        let (root, cancel) = (root.to_owned(), cancel.clone());
        let into = folder.clone();
        blocking(move || build(&root, staging.path(), &parts, &cancel)?.keep(staging, &into)).await?;
        let Loaded::Whole(mut prepared) = self.load(&folder).await? else {
            return Err(refused(name, "its sources vanished from the cache while they were made".to_owned()));
        };
        if was_damaged {
            let sentence =
                format!("the prepared sources in {} were not what farm made; they were made anew", folder.display());
            prepared.warnings.push(("damaged-cache".to_owned(), sentence));
        }
        Ok(prepared)
    }

    /// What a folder of the cache holds.
    async fn load(&self, folder: &Path) -> Result<Loaded, SourceError> {
        let (folder, downloads) = (folder.to_owned(), self.cache.join("downloads"));
        blocking(move || Ok(load(&folder, &downloads, false))).await
    }

    async fn download(
        &self,
        urls: &[Address],
        sha256: &str,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Part, SourceError> {
        let sha256 = sha256.to_ascii_lowercase();
        let name = file_name(urls);
        if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refused(&name, "has no sha256 of 64 hexadecimal digits".to_owned()));
        }
        let path = self.cache.join("downloads").join(&sha256).join(&name);
        path.parent().map(touch);
        let kept = {
            let path = path.clone();
            blocking(move || Ok(path.is_file().then(|| content(&path).ok()).flatten())).await?
        };
        if kept.map(hex::encode).as_deref() != Some(&sha256) {
            // One place that is not known leaves the others.
            let (known, unknown): (Vec<_>, Vec<_>) =
                urls.iter().map(|url| self.expand(url.secret())).partition(Result::is_ok);
            let urls: Vec<String> = known.into_iter().flatten().collect();
            if let (true, Some(Err(error))) = (urls.is_empty(), unknown.into_iter().next()) {
                return Err(error);
            }
            self.fetcher.to_file(&urls, Some(&sha256), &path, progress, cancel).await?;
        }
        Ok(Part::File { path, original: Original { name, download: Some(sha256) } })
    }

    /// Downloads a file whose hash nobody has written down yet, and keeps it as a download of that hash, which is
    /// returned: a source with this address and hash is then not fetched again.
    pub(crate) async fn first_download(
        &self,
        url: &str,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<String, SourceError> {
        let parent = self.cache.join("downloads");
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| SourceError::Io { path, source }
        };
        tokio::fs::create_dir_all(&parent).await.map_err(io(&parent))?;
        let staging = tempfile::Builder::new().prefix(".new-").tempdir_in(&parent).map_err(io(&parent))?;
        let name = file_name(&[url.into()]);
        let fetched = staging.path().join(&name);
        self.fetcher.to_file(&[self.expand(url)?], None, &fetched, progress, cancel).await?;
        blocking(move || {
            let sha256 = hex::encode(content(&fetched)?);
            let folder = parent.join(&sha256);
            fs::create_dir_all(&folder).map_err(io(&folder))?;
            fs::rename(&fetched, folder.join(&name)).map_err(io(&folder))?;
            drop(staging);
            Ok(sha256)
        })
        .await
    }

    /// `mirror://NAME/path` as a real address.
    fn expand(&self, url: &str) -> Result<String, SourceError> {
        let Some(rest) = url.strip_prefix("mirror://") else { return Ok(url.to_owned()) };
        let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
        match self.mirrors.get(name) {
            Some(base) => Ok(base.join(path).secret().to_owned()),
            None => {
                let known = self.mirrors.keys().cloned().collect::<Vec<_>>().join(", ");
                let url = Address::from(url).to_string();
                Err(SourceError::UnknownMirror { name: name.to_owned(), url, known })
            }
        }
    }
}

#[cfg(test)]
mod tests;
