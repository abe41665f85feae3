//! Fetches modules: many at a time, each kept under its hash when it has that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::cargo;
use super::model::{GitSource, Module, Place};
use super::pip;
use super::registries::CrateSource;
use crate::cache::touch;
use crate::recipe::Ecosystem;
use crate::source::git;
use crate::source::local::blocking;
use crate::source::tree::refused;
use crate::source::{SourceError, Sources};
use crate::types::{Address, NoProgress, Progress};

/// A server answers this many requests side by side without complaint.
const AT_A_TIME: usize = 8;
/// More than any registry takes in.
const LARGEST_MODULE: u64 = 4 << 30;
/// The page of the project with the most files has a few megabytes.
const LARGEST_PAGE: u64 = 64 << 20;

/// `config.json` of a registry's index (The Cargo Book, "Index Format").
#[derive(Deserialize)]
struct IndexConfig {
    dl: String,
}

impl Sources {
    /// The files of `modules`, in their order. Those of commits, which many may share, are made in `folder`.
    pub(super) async fn fetch_modules(
        &self,
        modules: &[Module],
        folder: &Path,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Vec<PathBuf>, SourceError> {
        let registries = self.crate_registries(modules, cancel).await?;
        let (bytes, what) = (AtomicU64::new(0), format!("{} modules", modules.len()));
        let told = |size: u64| {
            let all = bytes.fetch_add(size, Ordering::Relaxed) + size;
            progress.progress(&what, all, 0);
        };
        let commits = self.fetch_commits(modules, folder, cancel).await?;
        let mut fetches = Vec::with_capacity(modules.len());
        for module in modules {
            let urls = self.urls(module, &registries)?;
            let commit = match &module.place {
                Place::Git(source) => commits.get(&(source.url.secret(), source.commit.as_str())).cloned(),
                _ => None,
            };
            fetches.push(async {
                match commit {
                    Some(file) => Ok(file),
                    None => self.fetch_module(module, urls, &told, cancel).await,
                }
            });
        }
        stream::iter(fetches).buffered(AT_A_TIME).try_collect().await
    }

    /// Each commit of a repository that modules are taken from, as a tar: by address and commit.
    async fn fetch_commits<'a>(
        &self,
        modules: &'a [Module],
        folder: &Path,
        cancel: &CancellationToken,
    ) -> Result<BTreeMap<(&'a str, &'a str), PathBuf>, SourceError> {
        let mut commits = BTreeMap::new();
        for module in modules {
            let Place::Git(GitSource { url, commit, .. }) = &module.place else { continue };
            let place = (url.secret(), commit.as_str());
            if commits.contains_key(&place) {
                continue;
            }
            let file = folder.join(format!("{}.tar", commits.len()));
            // With submodules, as Cargo takes them, too.
            let archive = git::archive(&self.cache, &self.cache, (place.0, place.1, true), cargo::TOP, &file, cancel);
            archive.await.map_err(|error| match error {
                SourceError::Git(reason) => {
                    SourceError::Git(format!("{} {} of {url}: {reason}", module.name, module.version))
                }
                error => error,
            })?;
            commits.insert(place, file);
        }
        Ok(commits)
    }

    async fn fetch_module(
        &self,
        module: &Module,
        urls: Vec<String>,
        told: &(dyn Fn(u64) + Sync),
        cancel: &CancellationToken,
    ) -> Result<PathBuf, SourceError> {
        let folder = self.cache.join("modules").join(module.hash.kind.name());
        let path = folder.join(module.hash.hex());
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        touch(&path);
        if self.is_there(module, path.clone(), cancel).await? {
            told(size(&path));
            return Ok(path);
        }
        let io = |source| SourceError::Io { path: folder.clone(), source };
        tokio::fs::create_dir_all(&folder).await.map_err(io)?;
        let temporary = tempfile::Builder::new().prefix(".new-").tempfile_in(&folder).map_err(io)?.into_temp_path();
        // The lock file's own hash decides, of whatever kind it is.
        self.fetcher.to_file_capped(&urls, None, LARGEST_MODULE, &temporary, &NoProgress, cancel).await?;
        if !self.is_there(module, temporary.to_path_buf(), cancel).await? {
            let Module { name, version, hash, .. } = module;
            let from = urls.iter().map(|url| Address::from(url.as_str()).to_string()).collect::<Vec<_>>().join(", ");
            let reason = format!("what {from} has is not what the lock file pins, {hash}");
            return Err(refused(&format!("{name} {version}"), reason));
        }
        temporary.persist(&path).map_err(|error| io(error.error))?;
        told(size(&path));
        Ok(path)
    }

    async fn is_there(&self, module: &Module, path: PathBuf, cancel: &CancellationToken) -> Result<bool, SourceError> {
        let (hash, cancel) = (module.hash.clone(), cancel.clone());
        blocking(move || match hash.is_of(&path, &cancel) {
            Ok(is) => Ok(is),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(_) if cancel.is_cancelled() => Err(SourceError::Cancelled),
            Err(source) => Err(SourceError::Io { path, source }),
        })
        .await
    }

    fn urls(&self, module: &Module, registries: &BTreeMap<String, CrateTemplate>) -> Result<Vec<String>, SourceError> {
        Ok(match &module.place {
            Place::Urls(urls) => urls.iter().map(|url| url.secret().to_owned()).collect(),
            Place::Npm { resolved } => vec![self.registries.npm(resolved.secret())],
            Place::GoProxy { below } => {
                if self.registries.go.is_empty() {
                    let reason = "GOPROXY names no proxy to fetch it from (farm does not ask repositories themselves)";
                    return Err(refused(&module.name, reason.to_owned()));
                }
                self.registries.go.iter().map(|proxy| format!("{proxy}/{below}")).collect()
            }
            Place::Crate { registry } => {
                registries.get(registry).map(|template| template.url(module)).into_iter().collect()
            }
            Place::Git(_) => Vec::new(),
        })
    }

    /// How each registry names its crates.
    async fn crate_registries(
        &self,
        modules: &[Module],
        cancel: &CancellationToken,
    ) -> Result<BTreeMap<String, CrateTemplate>, SourceError> {
        let mut registries = BTreeMap::new();
        for module in modules.iter().filter(|module| module.ecosystem == Ecosystem::Cargo) {
            let Place::Crate { registry } = &module.place else { continue };
            if registries.contains_key(registry) {
                continue;
            }
            let shown = Address::from(registry.as_str()).to_string();
            let source = self.registries.crates(registry).map_err(|reason| refused(&shown, reason))?;
            let template = match source {
                CrateSource::Folder(folder) => {
                    let url = reqwest::Url::from_directory_path(&folder)
                        .map_err(|()| refused(&shown, format!("{} is no absolute path", folder.display())))?;
                    CrateTemplate(format!("{url}{{crate}}-{{version}}.crate"))
                }
                CrateSource::Sparse(index) => {
                    let text = self.page(&format!("{index}config.json"), cancel).await?;
                    let config: IndexConfig = serde_json::from_str(&text)
                        .map_err(|error| refused(&shown, format!("its config.json cannot be read: {error}")))?;
                    CrateTemplate::of(&config.dl)
                }
            };
            registries.insert(registry.clone(), template);
        }
        Ok(registries)
    }

    /// What the indexes offer of a project.
    pub(super) async fn links(&self, project: &str, cancel: &CancellationToken) -> Result<Vec<pip::Link>, SourceError> {
        let mut links = Vec::new();
        let mut failure = None;
        for index in &self.registries.pip {
            let folder = format!("{index}/{project}/");
            let page = if folder.starts_with("file:") { format!("{folder}index.html") } else { folder };
            match self.page(&page, cancel).await {
                Ok(html) => links.extend(pip::links(&page, &html)),
                Err(SourceError::Cancelled) => return Err(SourceError::Cancelled),
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            // Not every index has every project.
            Some(error) if links.is_empty() => Err(error),
            _ => Ok(links),
        }
    }

    async fn page(&self, url: &str, cancel: &CancellationToken) -> Result<String, SourceError> {
        let folder = self.cache.join("modules");
        let io = |source| SourceError::Io { path: folder.clone(), source };
        tokio::fs::create_dir_all(&folder).await.map_err(io)?;
        let temporary = tempfile::Builder::new().prefix(".page-").tempfile_in(&folder).map_err(io)?.into_temp_path();
        let urls = [url.to_owned()];
        self.fetcher.to_file_capped(&urls, None, LARGEST_PAGE, &temporary, &NoProgress, cancel).await?;
        let bytes = tokio::fs::read(&temporary).await.map_err(io)?;
        String::from_utf8(bytes)
            .map_err(|_| refused(&Address::from(url).to_string(), "it is not written in UTF-8".to_owned()))
    }
}

/// Where a registry has its crates, with markers (The Cargo Book, "Index Format").
#[derive(Debug, PartialEq)]
struct CrateTemplate(String);

impl CrateTemplate {
    /// From `dl`.
    fn of(dl: &str) -> CrateTemplate {
        let markers = ["{crate}", "{version}", "{prefix}", "{lowerprefix}", "{sha256-checksum}"];
        match markers.iter().any(|marker| dl.contains(marker)) {
            true => CrateTemplate(dl.to_owned()),
            false => CrateTemplate(format!("{}/{{crate}}/{{version}}/download", dl.trim_end_matches('/'))),
        }
    }

    fn url(&self, module: &Module) -> String {
        let prefix = prefix(&module.name);
        self.0
            .replace("{crate}", &module.name)
            .replace("{version}", &module.version)
            .replace("{lowerprefix}", &prefix.to_ascii_lowercase())
            .replace("{prefix}", &prefix)
            .replace("{sha256-checksum}", &module.hash.hex())
    }
}

/// The folder of an index that a crate is in.
fn prefix(name: &str) -> String {
    let part = |range| name.get(range).unwrap_or_default();
    match name.len() {
        0..=2 => name.len().to_string(),
        3 => format!("3/{}", part(0..1)),
        _ => format!("{}/{}", part(0..2), part(2..4)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::{Hash, HashKind};
    use super::super::model::Form;
    use super::*;

    #[test]
    fn registries_say_where_their_crates_are() {
        let module = |name: &str| Module {
            ecosystem: Ecosystem::Cargo,
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            hash: Hash { kind: HashKind::Sha256, bytes: vec![0xab; 2] },
            place: Place::Urls(Vec::new()),
            form: Form::Crate,
            path: String::new(),
            license: None,
        };
        let url = |dl: &str, name: &str| CrateTemplate::of(dl).url(&module(name));
        assert_eq!(url("https://a.example/crates", "Pond"), "https://a.example/crates/Pond/1.0.0/download");
        let all = "https://a.example/{prefix}/{lowerprefix}/{crate}-{version}?{sha256-checksum}";
        assert_eq!(url(all, "Pond"), "https://a.example/Po/nd/po/nd/Pond-1.0.0?abab");
        assert_eq!((prefix("a"), prefix("ab"), prefix("abc")), ("1".into(), "2".into(), "3/a".into()));
    }
}
