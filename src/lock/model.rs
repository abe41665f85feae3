//! What a target is locked to, and how that differs from what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::attest::{Installed, InstalledPackage};

/// The state of one suite of an archive, in which the packages of a lock were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LockedSuite {
    /// The archive's name: `debian`, `debian-security`.
    pub(crate) archive: String,
    /// `bookworm`
    pub(crate) suite: String,
    /// The SHA-256 of its InRelease file, 64 hexadecimal digits.
    pub(crate) sha256: String,
    /// When that was seen first, as RFC 3339 has it, in UTC: archives of former states are asked for it.
    pub(crate) seen: String,
}

/// What the targets of a run are held to; the default holds nothing.
#[derive(Debug, Clone, Default)]
pub struct Locked(Option<Arc<BTreeMap<String, LockedTarget>>>);

impl Locked {
    /// By the ids of the targets.
    pub(crate) fn to(targets: BTreeMap<String, LockedTarget>) -> Locked {
        Locked(Some(Arc::new(targets)))
    }

    /// What a target is held to.
    pub(crate) fn of(&self, target: &str) -> Option<&LockedTarget> {
        self.0.as_ref()?.get(target)
    }
}

/// What one target was built from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LockedTarget {
    /// What identifies its images, by the name of the input of its key: `base`, `environment`.
    pub(crate) images: BTreeMap<String, String>,
    /// Those of the recipe that are fetched.
    pub(crate) sources: Vec<LockedSource>,
    /// What was installed where the steps ran.
    pub(crate) packages: BTreeSet<LockedPackage>,
}

/// A source that is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LockedSource {
    /// The first place that it is fetched from, without secrets.
    pub(crate) url: String,
    /// `sha256:…` of a file, `commit:…` of a git repository.
    pub(crate) pin: String,
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LockedPackage {
    pub(crate) name: String,
    pub(crate) architecture: String,
    /// With the epoch, as the format writes it.
    pub(crate) version: String,
    /// Of the package file, 64 hexadecimal digits; none where no archive that was asked has it.
    pub(crate) sha256: Option<String>,
}

impl fmt::Display for LockedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.url, self.pin)
    }
}

impl fmt::Display for LockedPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.version, self.architecture)?;
        self.sha256.iter().try_for_each(|sum| write!(f, " sha256:{sum}"))
    }
}

impl LockedPackage {
    fn named(&self) -> [String; 3] {
        [self.name.clone(), self.architecture.clone(), self.version.clone()]
    }
}

impl LockedTarget {
    /// A digest of the packages.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for package in &self.packages {
            hasher.update(format!("{} {} {}\n", package.name, package.version, package.architecture));
        }
        hex::encode(hasher.finalize())
    }

    /// How what is installed differs, each as a clause: `gcc-12 is 12.2.0-14+deb12u1 and not 12.2.0-14`.
    pub(crate) fn differences(&self, installed: &Installed) -> Vec<String> {
        let named =
            |package: &InstalledPackage| [package.name.clone(), package.architecture.clone(), package.version.clone()];
        self.changed_packages(installed.packages.iter().map(named))
    }

    /// `others`: names, architectures and versions.
    fn changed_packages(&self, others: impl Iterator<Item = [String; 3]>) -> Vec<String> {
        let others: Vec<[String; 3]> = others.collect();
        let mut both: BTreeMap<(&str, &str), [BTreeSet<&str>; 2]> = BTreeMap::new();
        for package in &self.packages {
            let place = both.entry((&package.name, &package.architecture)).or_default();
            place[0].insert(&package.version);
        }
        for [name, architecture, version] in &others {
            both.entry((name, architecture)).or_default()[1].insert(version);
        }
        let list = |versions: &BTreeSet<&str>| versions.iter().copied().collect::<Vec<_>>().join(", ");
        let clause = |((name, _), [locked, there]): (&(&str, &str), &[BTreeSet<&str>; 2])| match () {
            () if locked == there => None,
            () if locked.is_empty() => Some(format!("{name} {} is installed, and not in the lock", list(there))),
            () if there.is_empty() => Some(format!("{name} {} is not installed", list(locked))),
            () => Some(format!("{name} is {} and not {}", list(there), list(locked))),
        };
        both.iter().filter_map(clause).collect()
    }

    /// How another lock of the same target differs, each as a clause.
    pub(super) fn changes(&self, new: &LockedTarget) -> Vec<String> {
        let mut changes = Vec::new();
        let names: BTreeSet<&String> = self.images.keys().chain(new.images.keys()).collect();
        for name in names {
            let shown = |images: &BTreeMap<String, String>| images.get(name).map_or("none", String::as_str).to_owned();
            if self.images.get(name) != new.images.get(name) {
                changes.push(format!("the image `{name}` is {} and not {}", shown(&new.images), shown(&self.images)));
            }
        }
        changes.extend(self.changed_sources(&new.sources));
        changes.extend(self.changed_packages(new.packages.iter().map(LockedPackage::named)));
        changes
    }

    /// How the recipe's sources differ, each as a sentence.
    pub(crate) fn changed_sources(&self, sources: &[LockedSource]) -> Vec<String> {
        let mut differences = Vec::new();
        for source in sources {
            match self.sources.iter().find(|locked| locked.url == source.url) {
                Some(locked) if locked.pin == source.pin => {}
                Some(locked) => differences.push(format!("{} is {} and not {}", source.url, source.pin, locked.pin)),
                // The same bytes from elsewhere are the same source.
                None if self.sources.iter().any(|locked| locked.pin == source.pin) => {}
                None => differences.push(format!("{} is not in it", source.url)),
            }
        }
        differences
    }
}
