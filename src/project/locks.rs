//! Builds that are held to what locks say: archives at the state of the lock, where they can be had in it, recipes compared
//! with it; and locks, made of what the last good builds noted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::{Access, Planned, Project, Selected};
use crate::archive::{self, ArchiveError, Components};
use crate::attest::{BuildInputs, SourceInput};
use crate::distro::Distro;
use crate::lock::{LOCK_FILE, Lock, LockError, Locked, LockedPackage, LockedSource, LockedSuite, LockedTarget};
use crate::recipe::{Origin, RecipeFile, Source};
use crate::store::Attestable;
use crate::types::{Arch, NoProgress};

/// The inputs of a key that are images.
const IMAGES: [&str; 3] = ["base", "environment", "environment.dockerfile"];
/// When an archive of former states is asked for, after a state was seen: it may have been late to take it up.
const LATER: [TimeDelta; 3] = [TimeDelta::zero(), TimeDelta::hours(12), TimeDelta::hours(48)];

/// The locks of the recipes of some targets.
#[derive(Debug)]
pub(crate) struct Locks {
    /// By the name of the recipe, with the file.
    by_recipe: BTreeMap<String, (PathBuf, Lock)>,
}

/// Sums of InRelease files, by archive and suite.
type States = BTreeMap<(String, String), String>;

/// The distributions of targets' ids, with architectures.
type Systems<'a> = BTreeMap<String, (&'a Arc<Distro>, Arch)>;

fn folder(recipe: &RecipeFile) -> &Path {
    recipe.path.parent().unwrap_or(Path::new(""))
}

/// `debian-12/amd64` of `hello@debian-12/amd64`.
fn place(id: &str) -> Option<(&str, &str)> {
    id.split_once('@')?.1.split_once('/')
}

fn systems<'a, 'b>(project: &'a Project, ids: impl Iterator<Item = &'b String>) -> Systems<'a> {
    let of = |id: &'b String| {
        let (distro, arch) = place(id)?;
        let distro = project.catalogue().get(distro)?;
        let arch = Arch::ALL.into_iter().find(|one| one.for_format(distro.format) == arch)?;
        Some((format!("{}/{arch}", distro.id), (distro, arch)))
    };
    ids.filter_map(of).collect()
}

impl Locks {
    /// Reads the locks of the recipes of these targets, each of which has to be in one.
    ///
    /// # Errors
    /// [`LockError`]: no lock, one that is none, one without a target, and two that hold one archive at different states.
    pub(crate) fn read(selected: &Selected<'_>) -> Result<Locks, LockError> {
        let mut locks = Locks { by_recipe: BTreeMap::new() };
        for recipe in selected.project.set() {
            let targets: Vec<String> = selected
                .targets()
                .iter()
                .filter(|target| target.recipe == recipe.name)
                .map(ToString::to_string)
                .collect();
            let lock = match Lock::read(folder(recipe)) {
                // What others need of it is looked at when it is known that they do.
                Err(LockError::Missing(_)) if targets.is_empty() => continue,
                read => read?,
            };
            let path = folder(recipe).join(LOCK_FILE);
            let unlocked: Vec<String> = targets.into_iter().filter(|id| !lock.targets.contains_key(id)).collect();
            if !unlocked.is_empty() {
                return Err(LockError::Unlocked { path, targets: unlocked });
            }
            locks.by_recipe.insert(recipe.name.clone(), (path, lock));
        }
        Ok(locks)
    }

    /// The states of the archives of these recipes.
    fn suites(&self, recipes: &BTreeSet<&str>) -> Result<BTreeMap<(String, String), &LockedSuite>, LockError> {
        let mut suites: BTreeMap<(String, String), (&LockedSuite, &Path)> = BTreeMap::new();
        let of_recipes = self.by_recipe.iter().filter(|(name, _)| recipes.contains(name.as_str()));
        for (path, suite) in
            of_recipes.flat_map(|(_, (path, lock))| lock.suites.values().map(move |suite| (path, suite)))
        {
            let place = (suite.archive.clone(), suite.suite.clone());
            let (there, one) = suites.entry(place).or_insert((suite, path));
            if there.sha256 != suite.sha256 {
                let suite = format!("{} {}", suite.archive, suite.suite);
                return Err(LockError::Apart { one: (*one).to_owned(), other: path.clone(), suite });
            }
        }
        Ok(suites.into_iter().map(|(place, (suite, _))| (place, suite)).collect())
    }

    /// Holds the archives of these targets at the state of the locks: at their mirrors, where that is still their state, else
    /// at what the distribution names for former ones. Returns what is not so, as sentences.
    ///
    /// # Errors
    /// [`LockError::Apart`]
    pub(crate) async fn hold(&self, selected: &Selected<'_>, access: &mut Access) -> Result<Vec<String>, LockError> {
        let recipes: BTreeSet<&str> = selected.targets().iter().map(|target| target.recipe.as_str()).collect();
        let suites = self.suites(&recipes)?;
        let ids: Vec<String> = selected.targets().iter().map(ToString::to_string).collect();
        let systems = systems(selected.project, ids.iter());
        let distros: BTreeMap<&str, &Arc<Distro>> =
            systems.values().map(|(distro, _)| (distro.id.as_str(), *distro)).collect();
        let (mut notes, mut held) = (Vec::new(), BTreeMap::new());
        for distro in distros.values().filter(|distro| distro.bootstrap.is_some()) {
            match held_state(distro, access, &suites).await {
                Ok((mirrors, states)) => {
                    access.mirrors.extend(mirrors);
                    held.extend(states);
                }
                Err(reason) => notes.push(format!(
                    "{} cannot be held at the state of the lock: {reason}; images that are there are used, and each build compares \
                     what it has with the lock",
                    distro.id
                )),
            }
        }
        access.held.suites = held;
        let archives = access.archives(distros.values().map(|distro| &***distro));
        for (id, target) in self.by_recipe.values().flat_map(|(_, lock)| &lock.targets) {
            let Some((system, (distro, _))) = systems_of(&systems, id) else { continue };
            if let Some(base) = target.images.get("base").filter(|_| archives.holds(distro)) {
                access.held.bases.insert(system.to_owned(), base.clone());
            }
        }
        Ok(notes)
    }

    /// Compares the jobs of a plan with the locks.
    ///
    /// # Errors
    /// [`LockError`]: a job that is in none, or of another source or image.
    pub(crate) fn check(&self, project: &Project, planned: &Planned) -> Result<(), LockError> {
        for job in &planned.plan.jobs {
            let recipe = &job.target.recipe;
            let Some((path, lock)) = self.by_recipe.get(recipe) else {
                let folder = project.recipe(recipe).map(folder).unwrap_or(Path::new(""));
                return Err(LockError::Missing(folder.join(LOCK_FILE)));
            };
            let Some(locked) = lock.targets.get(&job.target.to_string()) else {
                return Err(LockError::Unlocked { path: path.clone(), targets: vec![job.target.to_string()] });
            };
            let mut differences =
                locked.changed_sources(&job.recipe.sources.iter().filter_map(wanted).collect::<Vec<_>>());
            // The base and an image by name are compared when they are there; of a Dockerfile all is known.
            let dockerfile = "environment.dockerfile";
            let (wanted, there) = (locked.images.get(dockerfile), job.key.inputs.get(dockerfile));
            if wanted != there {
                differences.push(format!("the Dockerfile of {} or what it copies has changed", job.target));
            }
            if !differences.is_empty() {
                return Err(LockError::Outdated { path: path.clone(), differences });
            }
        }
        Ok(())
    }

    /// What each target is held to.
    pub(crate) fn targets(&self) -> Locked {
        let targets = self.by_recipe.values().flat_map(|(_, lock)| &lock.targets);
        Locked::to(targets.map(|(id, target)| (id.clone(), target.clone())).collect())
    }
}

fn systems_of<'a, 'b>(systems: &'b Systems<'a>, id: &str) -> Option<(&'b str, (&'a Arc<Distro>, Arch))> {
    let (distro, arch) = place(id)?;
    systems
        .iter()
        .find(|(_, (known, of))| known.id == distro && of.for_format(known.format) == arch)
        .map(|(name, system)| (name.as_str(), *system))
}

/// Where the archives of a distribution are as the lock says: mirrors to use in place of others, and sums of InRelease files.
/// The error is the reason why they are nowhere.
async fn held_state(
    distro: &Distro,
    access: &Access,
    suites: &BTreeMap<(String, String), &LockedSuite>,
) -> Result<(BTreeMap<String, String>, States), String> {
    let bootstrap = distro.bootstrap.as_ref().ok_or("it has no archive")?;
    let now = states(distro, access).await.map_err(|error| error.to_string())?;
    let mut wanted = BTreeMap::new();
    for place in now.keys() {
        let suite = suites.get(place).ok_or_else(|| format!("{} {} is not in it", place.0, place.1))?;
        wanted.insert(place.clone(), (*suite).clone());
    }
    let sums = wanted.iter().map(|(place, suite)| (place.clone(), suite.sha256.clone())).collect();
    let moved: BTreeSet<&str> = wanted
        .iter()
        .filter(|(place, suite)| now.get(*place) != Some(&suite.sha256))
        .map(|((archive, _), _)| archive.as_str())
        .collect();
    let mut mirrors = BTreeMap::new();
    for archive in moved {
        let template = bootstrap.snapshot(archive).ok_or_else(|| {
            format!("the archive {archive} has moved on since, and the definition names no `snapshot` of it")
        })?;
        let of_archive: Vec<&LockedSuite> = wanted.values().filter(|suite| suite.archive == archive).collect();
        let seen = of_archive.iter().filter_map(|suite| DateTime::parse_from_rfc3339(&suite.seen).ok()).max();
        let seen = seen.map_or_else(Utc::now, |seen| seen.to_utc());
        let mut reason = String::new();
        for later in LATER {
            let url = template.replace("{time}", &(seen + later).format("%Y%m%dT%H%M%SZ").to_string());
            match at_snapshot(distro, access, archive, &url, &of_archive).await {
                Ok(true) => {
                    mirrors.insert(archive.to_owned(), url);
                    break;
                }
                Ok(false) => reason = "it has other states".to_owned(),
                Err(error) => reason = error.to_string(),
            }
        }
        if !mirrors.contains_key(archive) {
            return Err(format!(
                "the archive {archive} has moved on since, and its state is not at {template}: {reason}"
            ));
        }
    }
    Ok((mirrors, sums))
}

/// Whether an archive is, at this URL, as the lock says. Every file there is believed only by the sums of the lock.
async fn at_snapshot(
    distro: &Distro,
    access: &Access,
    archive: &str,
    url: &str,
    wanted: &[&LockedSuite],
) -> Result<bool, ArchiveError> {
    let mut there = access.clone();
    there.mirrors.insert(archive.to_owned(), url.to_owned());
    there.held.suites =
        wanted.iter().map(|suite| ((suite.archive.clone(), suite.suite.clone()), suite.sha256.clone())).collect();
    match states(distro, &there).await {
        Ok(states) => Ok(wanted
            .iter()
            .all(|suite| states.get(&(suite.archive.clone(), suite.suite.clone())) == Some(&suite.sha256))),
        Err(ArchiveError::Untrusted { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The sums of the InRelease files of a distribution's suites, as they are now.
async fn states(distro: &Distro, access: &Access) -> Result<States, ArchiveError> {
    let states = access.archives([distro]).states(distro, &|_| (), &CancellationToken::new()).await?;
    Ok(states.into_iter().map(|(suite, sum)| ((suite.archive, suite.suite), sum)).collect())
}

/// A source that is fetched, as the recipe has it.
fn wanted(source: &Source) -> Option<LockedSource> {
    match &source.origin {
        Origin::Urls { urls, sha256 } => {
            let url = urls.first()?.to_string();
            Some(LockedSource { url, pin: format!("sha256:{}", sha256.to_ascii_lowercase()) })
        }
        Origin::Git { url, commit, .. } => {
            Some(LockedSource { url: url.to_string(), pin: format!("commit:{}", commit.to_ascii_lowercase()) })
        }
        Origin::Path { .. } | Origin::Text { .. } => None,
    }
}

/// The same, as a build had it.
fn fetched(source: &SourceInput) -> Option<LockedSource> {
    let url = source.urls.first()?.clone();
    let pin = match &source.commit {
        Some(commit) => format!("commit:{commit}"),
        None => format!("sha256:{}", source.sha256),
    };
    Some(LockedSource { url, pin })
}

/// Packages of a lock that no archive has now.
#[derive(Debug)]
pub(crate) struct Unlocked {
    pub(crate) target: String,
    /// Each with its version.
    pub(crate) packages: Vec<String>,
}

impl Project {
    /// The lock that the last good builds of a recipe give, those of `targets`; what the recipe's lock has of others stays.
    /// What is in no archive now is told beside.
    ///
    /// # Errors
    /// [`LockError`]: a lock that is none; an archive that cannot be read.
    pub(crate) async fn lock(
        &self,
        recipe: &RecipeFile,
        targets: &[Attested<'_>],
        access: &Access,
    ) -> Result<(Lock, Vec<Unlocked>), LockError> {
        let mut lock = match Lock::read(folder(recipe)) {
            Err(LockError::Missing(_)) => Lock::default(),
            read => read?,
        };
        for Attested { id, attestable } in targets {
            lock.targets.insert((*id).to_owned(), locked(attestable));
        }
        let systems = systems(self, lock.targets.keys());
        // Once for all: several systems have one archive.
        let archives = access.archives(systems.values().map(|(distro, _)| &***distro));
        let mut states = BTreeMap::new();
        let mut unlocked = Vec::new();
        for (distro, arch) in systems.values().filter(|(distro, _)| distro.bootstrap.is_some()) {
            let failed =
                |error: ArchiveError| LockError::Archive { suite: distro.id.clone(), reason: error.to_string() };
            let cancel = CancellationToken::new();
            let index = archives.packages(distro, *arch, Components::All, &NoProgress, &|_| (), &cancel).await;
            let index = index.map_err(failed)?;
            for (suite, sum) in archives.states(distro, &|_| (), &cancel).await.map_err(failed)? {
                states.insert((suite.archive, suite.suite), sum);
            }
            for (id, target) in &mut lock.targets {
                if place(id) != Some((distro.id.as_str(), arch.for_format(distro.format))) {
                    continue;
                }
                let (packages, index) = (std::mem::take(&mut target.packages), Arc::clone(&index));
                let summed = archive::blocking(move || {
                    let sum = |package: LockedPackage| {
                        let sha256 = index.sum(&package.name, &package.version, &package.architecture)?;
                        Ok(LockedPackage { sha256, ..package })
                    };
                    packages.into_iter().map(sum).collect::<Result<BTreeSet<_>, ArchiveError>>()
                });
                target.packages = summed.await.map_err(failed)?;
                let missing: Vec<String> = target
                    .packages
                    .iter()
                    .filter(|package| package.sha256.is_none())
                    .map(|package| format!("{} {}", package.name, package.version))
                    .collect();
                if !missing.is_empty() {
                    unlocked.push(Unlocked { target: id.clone(), packages: missing });
                }
            }
        }
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
        for ((archive, suite), sha256) in states {
            let known = lock.suites.entry((archive.clone(), suite.clone()));
            let state =
                known.or_insert_with(|| LockedSuite { archive, suite, sha256: sha256.clone(), seen: now.clone() });
            if state.sha256 != sha256 {
                (state.sha256, state.seen) = (sha256, now.clone());
            }
        }
        Ok((lock, unlocked))
    }
}

/// A target of the store with what its build noted.
#[derive(Debug)]
pub(crate) struct Attested<'a> {
    pub(crate) id: &'a str,
    pub(crate) attestable: Attestable<'a>,
}

/// What the last good builds were made of, as something that others can be held to.
pub(crate) fn built(targets: &[Attested<'_>]) -> Locked {
    Locked::to(targets.iter().map(|one| (one.id.to_owned(), locked(&one.attestable))).collect())
}

fn locked(attestable: &Attestable<'_>) -> LockedTarget {
    let inputs: &BuildInputs = attestable.inputs();
    let images = IMAGES.iter().filter_map(|name| Some(((*name).to_owned(), attestable.key_input(name)?.to_owned())));
    let packages = inputs.installed.iter().flat_map(|installed| &installed.packages).map(|package| LockedPackage {
        name: package.name.clone(),
        architecture: package.architecture.clone(),
        version: package.version.clone(),
        sha256: None,
    });
    LockedTarget {
        images: images.collect(),
        sources: inputs.sources.iter().filter_map(fetched).collect(),
        packages: packages.collect(),
    }
}
