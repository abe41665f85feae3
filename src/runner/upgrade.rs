//! The earlier version of a job's packages, the last good one of the store or what the recipe names: what the packages are
//! compared with, and what an upgrade in the test begins with.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::container::Content;
use super::inspect;
use super::outcome::{self, JobError};
use super::released;
use super::work::{Work, blocking, reading};
use crate::artifact::{self, Artifact, ArtifactKind, Finding, PackageHead, describe};
use crate::event::Outcome;
use crate::formats::version;
use crate::matrix::Target;
use crate::packaging::{FORMER_PACKAGES, FormerLinks, StepKind, TestSetup};
use crate::repo;
use crate::store::Store;
use crate::types::{Format, printable};

/// Packages to upgrade from.
#[derive(Debug)]
pub(crate) struct Former {
    pub(crate) version: String,
    /// In words, behind a comma.
    pub(crate) origin: &'static str,
    /// They and an index of the packages under test, for a container.
    pub(crate) files: Vec<(String, Content)>,
}

/// What the store has to upgrade from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Nothing,
    /// The version that is built again: packages of one version are not upgraded to each other.
    Same,
    /// A later version, which package managers do not replace by this one, and its packages.
    Later(String, Vec<PathBuf>),
    /// In words: the packages cannot be used.
    Unusable(String),
    Earlier(String, Vec<PathBuf>),
}

/// The packages to upgrade from, if there are any; says so where there are not.
pub(crate) async fn former(
    work: &mut Work<'_>,
    setup: &TestSetup,
    artifacts: &[Artifact],
    folder: &Path,
) -> Result<Option<Former>, JobError> {
    let (origin, place) = match recipes_own(work)? {
        Some(_) => (OF_RECIPE, "[test] upgrade-from"),
        None => (OF_STORE, "dist/"),
    };
    let (version, packages) = match found(work, artifacts, folder).await? {
        Found::Nothing => {
            work.note(&format!("upgrade: none is tried, {place} has no earlier version")).await?;
            return Ok(None);
        }
        Found::Same => {
            work.note(&format!("upgrade: none is tried, {place} has this version")).await?;
            return Ok(None);
        }
        Found::Later(version, _) => {
            let message = format!(
                "{version}, {origin}, is later than this one: package managers will not replace it, and no upgrade is tried"
            );
            work.warnings.push(outcome::warning("version-goes-back", message.clone()));
            work.note(&format!("warning: {message}")).await?;
            return Ok(None);
        }
        Found::Unusable(reason) => {
            work.note(&format!("upgrade: none is tried: {reason}")).await?;
            return Ok(None);
        }
        Found::Earlier(version, packages) => (version, packages),
    };
    let mut files = index(work, setup, artifacts, folder, repo::ORIGIN).await?;
    files.extend(packages.into_iter().map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (format!("{FORMER_PACKAGES}/{name}"), Content::File(path))
    }));
    Ok(Some(Former { version, origin, files }))
}

/// What makes a repository, which calls itself `origin`, of the packages under test in a container.
pub(crate) async fn index(
    work: &Work<'_>,
    setup: &TestSetup,
    artifacts: &[Artifact],
    folder: &Path,
    origin: &'static str,
) -> Result<Vec<(String, Content)>, JobError> {
    let format = work.job.target.format;
    let binaries: Vec<repo::Package> = binaries(artifacts)
        .map(|artifact| repo::Package { path: folder.join(&artifact.file_name), artifact: artifact.clone() })
        .collect();
    let index = blocking(move || repo::index(format, &binaries, origin)).await?;
    let index = index.map_err(|error| Outcome::Infrastructure { reason: outcome::chain(&error) })?;
    let file =
        |file: repo::IndexFile| (format!("{}/{}", setup.packages, file.path), Content::Bytes(file.content, 0o644));
    Ok(index.into_iter().map(file).collect())
}

/// What is wrong with the packages of a job as an upgrade of the last good version, by what both say: an error rejects the
/// job, the rest comes back.
pub(crate) async fn check(work: &mut Work<'_>, artifacts: &[Artifact], folder: &Path) -> Result<Vec<Finding>, Outcome> {
    let (Found::Earlier(_, before) | Found::Later(_, before)) = found(work, artifacts, folder).await? else {
        return Ok(Vec::new());
    };
    let after: Vec<PathBuf> = binaries(artifacts).map(|artifact| folder.join(&artifact.file_name)).collect();
    let waivers = inspect::waivers(work.job, |rule| artifact::upgrade::RULES.contains(&rule));
    let compared = move || artifact::upgrade::upgrade(&before, &after, &waivers);
    match reading(work, StepKind::Inspect, compared).await? {
        Ok(findings) => inspect::told(work, findings).await,
        Err(error) => {
            let note = format!("upgrade: the last good version cannot be compared: {}", outcome::chain(&error));
            work.note(&note).await?;
            Ok(Vec::new())
        }
    }
}

const OF_STORE: &str = "the last good version in dist/";
const OF_RECIPE: &str = "which [test] upgrade-from of the recipe names";

/// The packages of this target's format that the recipe names to upgrade from; none where it names none, or has some for the
/// other format alone. Blocks for a moment.
///
/// # Errors
/// When what it names is not there, leads out of the recipe's folder or has no packages.
pub(crate) fn recipes_own(work: &Work<'_>) -> Result<Option<Vec<PathBuf>>, Outcome> {
    let recipe = &work.job.recipe;
    let Some(named) = recipe.test.as_ref().and_then(|test| test.upgrade_from.as_ref()) else { return Ok(None) };
    if released::is_version(&recipe.root, named) {
        return Ok(work.released.clone());
    }
    packages_at(&recipe.root, named, work.job.target.format).map_err(|wrong| {
        let message = format!("[test] upgrade-from = \"{}\": {wrong}", printable(named));
        Outcome::Rejected { step: StepKind::Test, findings: vec![outcome::finding("", "upgrade-from", message)] }
    })
}

/// The packages of `format` in a file or folder below `root`; none where it has some of the other alone.
fn packages_at(root: &Path, named: &str, format: Format) -> Result<Option<Vec<PathBuf>>, String> {
    let inside = || -> io::Result<Option<PathBuf>> {
        let (root, path) = (root.canonicalize()?, root.join(named).canonicalize()?);
        Ok(path.starts_with(root).then_some(path))
    };
    let cannot = |error: io::Error| format!("it cannot be read: {error}");
    let Some(path) = inside().map_err(cannot)? else { return Err("it leads out of the recipe's folder".to_owned()) };
    let mut files = vec![path.clone()];
    if path.is_dir() {
        let entries = fs::read_dir(&path).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        files = entries.map_err(cannot)?;
        files.retain(|file| file.is_file());
    }
    files.sort();
    let of_users = |file: &PathBuf| describe::is_of_users(file).map_err(|error| outcome::chain(&error));
    let mut found: Vec<PathBuf> = Vec::new();
    for file in files {
        if of_users(&file)? {
            found.push(file);
        }
    }
    if found.is_empty() {
        return Err("no .deb and no .rpm is there that users install".to_owned());
    }
    found.retain(|file| file.extension().is_some_and(|extension| extension == format.as_str()));
    Ok(Some(found).filter(|found| !found.is_empty()))
}

fn binaries(artifacts: &[Artifact]) -> impl Iterator<Item = &Artifact> {
    artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Binary)
}

/// What there is to upgrade from to these packages.
async fn found(work: &Work<'_>, artifacts: &[Artifact], folder: &Path) -> Result<Found, Outcome> {
    let (store, target) = (work.shared.store.clone(), work.job.target.clone());
    let tried: Vec<PathBuf> = binaries(artifacts).map(|artifact| folder.join(&artifact.file_name)).collect();
    let given = work.job.given.as_ref().map(|given| given.former.clone()).filter(|former| !former.is_empty());
    let given = match given {
        Some(given) => Some(given),
        None => recipes_own(work)?,
    };
    let find = move || {
        let tried: Result<Vec<PackageHead>, _> = tried.iter().map(|path| artifact::head(path)).collect();
        let tried = match tried {
            Ok(heads) => heads.into_iter().map(|head| (head.name, head.version)).collect(),
            Err(error) => return Found::Unusable(outcome::chain(&error)),
        };
        match given {
            Some(given) => among(target.format, given, &tried),
            None => find(&store, &target, &tried),
        }
    };
    blocking(find).await
}

/// Looks into the store for what came before packages of these names and versions. Blocks.
fn find(store: &Store, target: &Target, tried: &BTreeMap<String, String>) -> Found {
    let Some(record) = store.record(target) else { return Found::Nothing };
    let folder = store.folder(target);
    let mut paths = Vec::new();
    for artifact in record.artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Binary) {
        let path = folder.join(&artifact.file_name);
        match artifact::is_intact(&path, artifact) {
            Ok(true) => paths.push(path),
            Ok(false) => return Found::Unusable(format!("{} is not the package that was accepted", path.display())),
            Err(error) => return Found::Unusable(format!("{} cannot be read: {error}", path.display())),
        }
    }
    among(target.format, paths, tried)
}

/// Which of it these packages are. Blocks.
fn among(format: Format, paths: Vec<PathBuf>, tried: &BTreeMap<String, String>) -> Found {
    let mut packages = Vec::new();
    for path in paths {
        match artifact::head(&path) {
            Ok(head) => packages.push((path, head)),
            Err(error) => return Found::Unusable(outcome::chain(&error)),
        }
    }
    // Packages of one name are compared: others come and go with versions.
    let mut order = None;
    for (_, old) in &packages {
        if let Some(version) = tried.get(&old.name) {
            match version::compare(format, &old.version, version) {
                Ordering::Greater => {
                    let version = old.version.clone();
                    return Found::Later(version, packages.iter().map(|(path, _)| path.clone()).collect());
                }
                Ordering::Equal => order = order.or(Some(Ordering::Equal)),
                Ordering::Less => order = Some(Ordering::Less),
            }
        }
    }
    match (order, packages.first()) {
        (Some(Ordering::Less), Some((_, first))) => {
            let version = first.version.clone();
            Found::Earlier(version, packages.into_iter().map(|(path, _)| path).collect())
        }
        (Some(_), _) => Found::Same,
        (None, _) => Found::Nothing,
    }
}

/// What is known of links that earlier versions had.
#[derive(Debug)]
pub(crate) struct Links {
    /// What each link led to, by its path.
    pub(crate) targets: BTreeMap<String, String>,
    /// The version that the packages themselves were asked of.
    pub(crate) version: Option<String>,
}

/// The links of the last good version, if it is an earlier one, and `replaced`, those that it replaced itself. Blocks; reads
/// packages.
pub(crate) fn links(store: &Store, target: &Target, tried: &BTreeMap<String, String>, replaced: FormerLinks) -> Links {
    let mut links = Links { targets: replaced.into_values().flatten().collect(), version: None };
    if let Found::Earlier(version, packages) = find(store, target, tried) {
        // One that cannot be read any more will be told by whoever upgrades from it.
        let found = packages.iter().filter_map(|path| artifact::symlinks(path).ok());
        links.targets.extend(found.flatten());
        links.version = Some(version);
    }
    links
}
