//! Modules of languages, as lock files pin them: fetched, verified by the lock file's own hashes, and laid out in one
//! tree as each language's own tool takes them without a network. Which environment the tool needs for that is
//! `packaging::modules`'s business.
//!
//! ```text
//! cargo/config.toml, vendor/NAME-VERSION/    a CARGO_HOME
//! cargo/git/SOURCE/NAME-VERSION/             crates of git repositories
//! go/MODULE/@v/VERSION.{info,mod,zip}        a module proxy
//! npm/_cacache/content-v2/…                  a cache of npm
//! yarn/FILE                                  an offline mirror of yarn
//! pip/FILE                                   wheels and sdists
//! modules.json                               what there is, for people and for bills of materials
//! ```
//!
//! The tree lies beside the prepared sources in the cache, under a key of what the lock files say; each module lies
//! below `<cache>/modules/<kind of hash>/<hash>`, shared by all recipes.

mod cargo;
mod fetch;
mod go;
mod hash;
mod model;
mod npm;
mod pip;
mod registries;
mod yarn;

use std::collections::{BTreeMap, btree_map::Entry};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::local::{blocking, lock_file};
use super::prepared::{Kept, Loaded, PreparedSources};
use super::tree::{FIXED_TIME, TreeWriter, refused};
use super::{Prepared, SourceError, Sources, add, read_file, unpack};
use crate::recipe::{Ecosystem, Origin, Recipe, Source};
use crate::types::{Arch, Progress};
use hash::{Hash, HashKind};
use model::{Form, Module, Place};
pub(crate) use registries::Registries;

/// Part of every key: to be raised when the same lock files give another tree.
const MODULES_FORMAT: &str = "farm modules 1";
/// Lock files of the largest projects have a tenth of it.
const LARGEST_LOCK: u64 = 64 << 20;
/// As many as the largest projects have ten times over.
const MOST_MODULES: usize = 50_000;
/// What people and bills of materials read.
pub(crate) const LIST: &str = "modules.json";

/// A lock file of the source tree.
struct LockFile {
    ecosystem: Ecosystem,
    path: String,
    text: String,
}

/// `modules.json`
#[derive(Serialize)]
struct ListedModule<'a> {
    ecosystem: Ecosystem,
    name: &'a str,
    version: &'a str,
    hash: &'a Hash,
    license: Option<&'a str>,
}

impl Sources {
    /// What a build of a recipe takes from this host: its sources and, where it names lock files, the modules that they pin.
    pub(crate) async fn prepare_for(
        &self,
        recipe: &Recipe,
        arch: Arch,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<(Prepared, Option<Prepared>), SourceError> {
        let package = &recipe.package;
        let prepare = self.prepare(&recipe.root, &package.name, &package.version, &recipe.sources, progress, cancel);
        let sources = prepare.await?;
        let modules = self.modules(&sources, &recipe.modules, arch, progress, cancel).await?;
        Ok((sources, modules))
    }

    /// The modules that lock files in the tree of `prepared` pin; `None` when a recipe names none. Two calls for the same
    /// lock files fetch and pack once, also across processes.
    async fn modules(
        &self,
        prepared: &Prepared,
        wanted: &BTreeMap<Ecosystem, Vec<String>>,
        arch: Arch,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Option<Prepared>, SourceError> {
        if wanted.is_empty() {
            return Ok(None);
        }
        let locks = {
            let (prepared, wanted) = (prepared.clone(), wanted.clone());
            blocking(move || read_locks(&prepared, &wanted)).await?
        };
        let folder = self.cache.join("sources").join(key(&locks, arch));
        if let Loaded::Whole(modules) = self.load(&folder).await? {
            return Ok(Some(modules));
        }
        let _lock = lock_file(&folder.with_extension("lock"), cancel).await?;
        if let Loaded::Whole(modules) = self.load(&folder).await? {
            return Ok(Some(modules));
        }
        let mut modules = BTreeMap::new();
        for lock in &locks {
            let read = self.read(lock, arch, cancel).await?;
            for module in read {
                insert(&mut modules, &lock.path, module)?;
            }
        }
        let modules: Vec<Module> = modules.into_values().collect();
        // Gone once all is packed: the repositories stay in the cache.
        let parent = self.cache.join("sources");
        let io = |source| SourceError::Io { path: parent.clone(), source };
        let commits = tempfile::Builder::new().prefix(".new-").tempdir_in(&parent).map_err(io)?;
        let files = self.fetch_modules(&modules, commits.path(), progress, cancel).await?;
        let (into, cancel) = (folder.clone(), cancel.clone());
        blocking(move || pack(&into, modules, &files, &cancel)).await?;
        match self.load(&folder).await? {
            Loaded::Whole(modules) => Ok(Some(modules)),
            _ => Err(refused("modules", "they vanished from the cache while they were packed".to_owned())),
        }
    }

    /// What a lock file pins.
    async fn read(&self, lock: &LockFile, arch: Arch, cancel: &CancellationToken) -> Result<Vec<Module>, SourceError> {
        let bad = |reason| refused(&lock.path, reason);
        let modules = match lock.ecosystem {
            Ecosystem::Cargo => cargo::read(&lock.text).map_err(bad)?,
            Ecosystem::Go => go::read(&lock.text).map_err(bad)?,
            Ecosystem::Npm => {
                let name = lock.path.rsplit('/').next().unwrap_or_default();
                if let Some(reason) = yarn::refusal(name) {
                    return Err(bad(reason));
                }
                if name == "yarn.lock" { yarn::read(&lock.text) } else { npm::read(&lock.text) }.map_err(bad)?
            }
            Ecosystem::Pip => {
                let mut modules = Vec::new();
                for wanted in pip::read(&lock.path, &lock.text).map_err(bad)? {
                    let links = match wanted.needs_index() {
                        true => self.links(&wanted.name, cancel).await?,
                        false => Vec::new(),
                    };
                    modules.extend(pip::choose(&wanted, &links, arch).map_err(bad)?);
                }
                modules
            }
        };
        if modules.len() > MOST_MODULES {
            return Err(bad(format!("names more than {MOST_MODULES} modules")));
        }
        Ok(modules)
    }
}

/// Two lock files may pin the same module, and then by one hash.
fn insert(modules: &mut BTreeMap<String, Module>, lock: &str, module: Module) -> Result<(), SourceError> {
    match modules.entry(module.path.clone()) {
        Entry::Vacant(entry) => {
            entry.insert(module);
            Ok(())
        }
        Entry::Occupied(entry) if entry.get().hash == module.hash => Ok(()),
        Entry::Occupied(_) => {
            let Module { name, version, .. } = module;
            Err(refused(
                lock,
                format!("pins {name} {version} by two hashes, or by another one than a second lock file"),
            ))
        }
    }
}

fn read_locks(prepared: &Prepared, wanted: &BTreeMap<Ecosystem, Vec<String>>) -> Result<Vec<LockFile>, SourceError> {
    let mut locks = Vec::new();
    for (ecosystem, paths) in wanted {
        for path in paths {
            let bytes = read_file(prepared, path, LARGEST_LOCK)?.ok_or_else(|| {
                let reason = format!("is not in the source tree, where [modules] {} looks for it", ecosystem.key());
                refused(path, reason)
            })?;
            let text = String::from_utf8(bytes).map_err(|_| refused(path, "is not written in UTF-8".to_owned()))?;
            locks.push(LockFile { ecosystem: *ecosystem, path: path.clone(), text });
        }
    }
    Ok(locks)
}

/// By what lock files say; their places decide nothing but what a file of pip's is.
fn key(locks: &[LockFile], arch: Arch) -> String {
    let mut key = Sha256::new();
    add(&mut key, &[MODULES_FORMAT.as_bytes()]);
    for lock in locks {
        add(&mut key, &[lock.ecosystem.key().as_bytes(), lock.text.as_bytes()]);
        if lock.ecosystem == Ecosystem::Pip {
            let name = lock.path.rsplit('/').next().unwrap_or_default();
            add(&mut key, &[name.as_bytes(), arch.to_string().as_bytes()]);
        }
    }
    hex::encode(key.finalize())
}

/// Writes the folder of the cache with the tree of `modules`; `files` are theirs, in their order.
fn pack(
    into: &Path,
    mut modules: Vec<Module>,
    files: &[PathBuf],
    cancel: &CancellationToken,
) -> Result<(), SourceError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| SourceError::Io { path, source }
    };
    let parent = into.parent().unwrap_or(into);
    let staging = tempfile::Builder::new().prefix(".new-").tempdir_in(parent).map_err(io(parent))?;
    for name in ["originals", "patches"] {
        std::fs::create_dir(staging.path().join(name)).map_err(io(staging.path()))?;
    }
    let path = staging.path().join("tree.tar");
    let mut tree = TreeWriter::create(&path, cancel)?;
    let mut commits: BTreeMap<&Path, Vec<&mut Module>> = BTreeMap::new();
    for (module, file) in modules.iter_mut().zip(files) {
        match module.form {
            Form::CrateOfCommit => commits.entry(file).or_default().push(module),
            _ => add_module(&mut tree, module, file)?,
        }
    }
    for (file, mut modules) in commits {
        let source = modules.first().and_then(|module| match &module.place {
            Place::Git(source) => Some(source.clone()),
            _ => None,
        });
        if let Some(source) = source {
            cargo::add_commit(&mut tree, file, &source, &mut modules)?;
        }
        for module in modules {
            text(&mut tree, &format!("{}/.cargo-checksum.json", module.path), &cargo::checksum_file(&module.hash))?;
        }
    }
    if modules.iter().any(|module| module.ecosystem == Ecosystem::Cargo) {
        text(&mut tree, "cargo/config.toml", &cargo::config(&modules))?;
    }
    for (path, info) in go::infos(&modules) {
        text(&mut tree, &path, &info)?;
    }
    for (path, answer) in npm::answers(&modules, files) {
        text(&mut tree, &path, &answer)?;
    }
    warn_of_weak(&mut tree, &modules);
    text(&mut tree, LIST, &list(&modules))?;
    let finished = tree.finish()?;
    let entry = PreparedSources {
        tree: Kept::known(&path, finished.digest)?,
        newest: finished.newest,
        patches: Vec::new(),
        originals: Vec::new(),
        warnings: finished.warnings,
    };
    entry.keep(staging, into)
}

fn add_module(tree: &mut TreeWriter<'_>, module: &mut Module, file: &Path) -> Result<(), SourceError> {
    let origin = format!("{} {}", module.name, module.version);
    match module.form {
        Form::AsItIs | Form::WithManifest => {
            let (folder, name) = module.path.rsplit_once('/').unwrap_or((".", &module.path));
            unpack::copy_file(tree, file, (&origin, name, false), folder)
        }
        Form::Crate => {
            let (into, origin_of) = (module.path.clone(), Origin::Path { path: String::new() });
            let source = Source { strip: 1, into, ..Source::whole(origin_of) };
            unpack::add_file(tree, file, (&origin, "crate", false), &source)?;
            module.license = cargo::license(file);
            text(tree, &format!("{}/.cargo-checksum.json", module.path), &cargo::checksum_file(&module.hash))
        }
        // With the others of its commit.
        Form::CrateOfCommit => Ok(()),
    }
}

fn warn_of_weak(tree: &mut TreeWriter<'_>, modules: &[Module]) {
    let mut weak = modules.iter().filter(|module| module.hash.kind == HashKind::Sha1);
    if let Some(first) = weak.next() {
        let more = match weak.count() {
            0 => " is".to_owned(),
            n => format!(" and {n} more modules are"),
        };
        let sentence = format!(
            "{} {}{more} pinned by SHA-1, which can be forged by who made both files",
            first.name, first.version
        );
        tree.warn("weak-hash", sentence);
    }
}

fn text(tree: &mut TreeWriter<'_>, name: &str, text: &str) -> Result<(), SourceError> {
    tree.file(name, name.as_bytes(), (text.len() as u64, false, FIXED_TIME), text.as_bytes())
}

/// One line for each file, so that two lists can be compared.
fn list(modules: &[Module]) -> String {
    let line = |module: &Module| {
        let listed = ListedModule {
            ecosystem: module.ecosystem,
            name: &module.name,
            version: &module.version,
            hash: &module.hash,
            license: module.license.as_deref(),
        };
        serde_json::to_string(&listed).unwrap_or_default()
    };
    format!("[\n{}\n]\n", modules.iter().map(line).collect::<Vec<_>>().join(",\n"))
}

#[cfg(test)]
mod tests;
