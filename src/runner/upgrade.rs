//! The last good version of a job's packages, as the store has it: what the packages are compared with, and what an upgrade in
//! the test begins with.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::container::Content;
use super::inspect;
use super::outcome::{self, JobError};
use super::work::{Work, blocking, reading};
use crate::artifact::{self, Artifact, ArtifactKind, Finding, PackageHead};
use crate::event::Outcome;
use crate::formats::version;
use crate::matrix::Target;
use crate::packaging::{FORMER_PACKAGES, FormerLinks, StepKind, TestSetup};
use crate::repo;
use crate::store::Store;
use crate::types::Format;

/// Packages to upgrade from.
#[derive(Debug)]
pub(crate) struct Former {
    pub(crate) version: String,
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
    let (version, packages) = match found(work, artifacts, folder).await? {
        Found::Nothing => {
            work.note("upgrade: none is tried, dist/ has no earlier version").await?;
            return Ok(None);
        }
        Found::Same => {
            work.note("upgrade: none is tried, dist/ has this version").await?;
            return Ok(None);
        }
        Found::Later(version, _) => {
            let message = format!(
                "{version}, the last good version in dist/, is later than this one: package managers will not replace it, and no \
                 upgrade is tried"
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
    let format = work.job.target.format;
    let binaries: Vec<repo::Package> = binaries(artifacts)
        .map(|artifact| repo::Package { path: folder.join(&artifact.file_name), artifact: artifact.clone() })
        .collect();
    let index = blocking(move || repo::index(format, &binaries, repo::ORIGIN)).await?;
    let index = index.map_err(|error| Outcome::Infrastructure { reason: outcome::chain(&error) })?;
    let mut files: Vec<(String, Content)> = index
        .into_iter()
        .map(|file| (format!("{}/{}", setup.packages, file.path), Content::Bytes(file.content, 0o644)))
        .collect();
    files.extend(packages.into_iter().map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (format!("{FORMER_PACKAGES}/{name}"), Content::File(path))
    }));
    Ok(Some(Former { version, files }))
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

fn binaries(artifacts: &[Artifact]) -> impl Iterator<Item = &Artifact> {
    artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Binary)
}

/// What there is to upgrade from to these packages.
async fn found(work: &Work<'_>, artifacts: &[Artifact], folder: &Path) -> Result<Found, Outcome> {
    let (store, target) = (work.shared.store.clone(), work.job.target.clone());
    let tried: Vec<PathBuf> = binaries(artifacts).map(|artifact| folder.join(&artifact.file_name)).collect();
    let given = work.job.given.as_ref().map(|given| given.former.clone()).filter(|former| !former.is_empty());
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
