//! `dist/index.json`: all that a store holds, in one file for scripts. Its shape is `docs/index.schema.json`.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{LastResult, Record, StoreError, WORK_FOLDER, at, read_json, read_record, sorted_folders, swap};
use crate::artifact::Artifact;

pub(super) const INDEX_FILE: &str = "index.json";

/// The shape of [`Index`] that this version writes.
const INDEX_SCHEMA: u32 = 1;

/// The outcome of a build whose packages are in the store.
pub(super) const GOOD: &str = "succeeded";

/// What lies in a store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Index {
    /// Version of this file's shape.
    pub(crate) schema: u32,
    /// Ordered by folder.
    pub(crate) targets: Vec<IndexedTarget>,
}

/// A target that was built at least once, whether it came to packages or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct IndexedTarget {
    /// `jq+minimal@debian-12/amd64`.
    pub(crate) target: String,
    /// Its folder, relative to the store.
    pub(crate) folder: String,
    pub(crate) recipe: String,
    pub(crate) variant: Option<String>,
    pub(crate) distro: String,
    /// As the distribution's packages write it.
    pub(crate) arch: String,
    /// How its last build ended: `succeeded`, `failed`, ...
    pub(crate) outcome: String,
    /// When that was, as RFC 3339 has it.
    pub(crate) ended: Option<String>,
    /// What its packages were made of, and what they are: none of a target that never came to any.
    pub(crate) packages: Option<Packages>,
}

/// The last good packages of a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Packages {
    /// The version and release that the recipe had; none where an earlier farm made them.
    pub(crate) version: Option<String>,
    pub(crate) release: Option<u32>,
    /// The digest of all that they were made of.
    pub(crate) key: String,
    /// Whether they were installed in a fresh container.
    pub(crate) tested: bool,
    /// When they were made, as RFC 3339 has it.
    pub(crate) made: Option<String>,
    pub(crate) elapsed_seconds: f64,
    pub(crate) artifacts: Vec<Artifact>,
}

impl Index {
    /// What lies in the store at `root` now.
    pub(crate) fn of(root: &Path) -> Index {
        let folders = sorted_folders(root).into_iter().flat_map(|recipe| sorted_folders(&recipe));
        Index { schema: INDEX_SCHEMA, targets: folders.filter_map(|folder| indexed(root, &folder)).collect() }
    }

    /// The index that the store at `root` has; made anew where it has none that this version can read.
    pub(crate) fn read(root: &Path) -> Index {
        let index: Option<Index> = read_json(&root.join(INDEX_FILE));
        index.filter(|index| index.schema == INDEX_SCHEMA).unwrap_or_else(|| Index::of(root))
    }

    /// The ids of targets whose last build was not good.
    pub(crate) fn failed(&self) -> BTreeSet<String> {
        let is_good = |target: &&IndexedTarget| target.outcome == GOOD;
        self.targets.iter().filter(|target| !is_good(target)).map(|target| target.target.clone()).collect()
    }

    /// By atomic rename. Called by who holds the lock of the lists.
    pub(super) fn write(&self, root: &Path) -> Result<(), StoreError> {
        let staged = root.join(WORK_FOLDER).join("index.json.new");
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|error| StoreError::Invalid { path: staged.clone(), reason: error.to_string() })?;
        json.push(b'\n');
        swap::write_synced(&staged, &json).map_err(at(&staged))?;
        let path = root.join(INDEX_FILE);
        std::fs::rename(&staged, &path).map_err(at(&path))
    }
}

fn indexed(root: &Path, folder: &Path) -> Option<IndexedTarget> {
    let relative = folder.strip_prefix(root).ok()?.to_str()?.to_owned();
    let record = read_record(folder);
    let last = LastResult::read(folder);
    let target = last.as_ref().map(|last| &last.target).or(record.as_ref().map(|record| &record.target))?.clone();
    let TargetParts { recipe, variant, distro, arch } = TargetParts::of_folder(&relative)?;
    let made = record.as_ref().and_then(|record| record.made.clone());
    let (outcome, ended) = match last {
        Some(last) => (last.outcome, Some(last.ended)),
        None => (GOOD.to_owned(), made),
    };
    Some(IndexedTarget {
        folder: relative,
        recipe,
        variant,
        distro,
        arch,
        outcome,
        ended,
        packages: record.map(packages),
        target,
    })
}

/// What a target's folder tells of it: `jq/debian-12-amd64+minimal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TargetParts {
    pub(super) recipe: String,
    pub(super) variant: Option<String>,
    pub(super) distro: String,
    pub(super) arch: String,
}

impl TargetParts {
    pub(super) fn of_folder(folder: &str) -> Option<TargetParts> {
        let (recipe, place) = folder.split_once('/')?;
        let (place, variant) = match place.split_once('+') {
            Some((place, variant)) => (place, Some(variant.to_owned())),
            None => (place, None),
        };
        let (distro, arch) = place.rsplit_once('-')?;
        Some(TargetParts { recipe: recipe.to_owned(), variant, distro: distro.to_owned(), arch: arch.to_owned() })
    }

    /// The target's id.
    pub(super) fn id(&self) -> String {
        let variant = self.variant.as_ref().map(|variant| format!("+{variant}")).unwrap_or_default();
        format!("{}{variant}@{}/{}", self.recipe, self.distro, self.arch)
    }
}

fn packages(record: Record) -> Packages {
    Packages {
        version: record.version,
        release: record.release,
        key: record.key.digest,
        tested: record.tested,
        made: record.made,
        elapsed_seconds: record.elapsed_seconds,
        artifacts: record.artifacts,
    }
}
