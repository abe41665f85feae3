//! What a recipe's steps installed, file by file, and whether that is what the packages have. A manifest is written
//! before any tool of a distribution touches the tree; each difference of a package from it that no rule of the format
//! asks for is an error that shows both sides.
//!
//! | rule | what is wrong |
//! |---|---|
//! | `missing-from-package` | installed, and in no package |
//! | `not-installed` | in a package, and neither installed nor added by the format's own helpers |
//! | `in-other-package` | in another package than the recipe's patterns say, or in two |
//! | `type-not-as-installed`, `mode-not-as-installed`, `owner-not-as-installed`, `link-not-as-installed`, `content-not-as-installed` | |
//! | `config-not-as-installed` | a configuration file in one of the two only |
//! | `hard-links-split`, `owner-not-kept`, `not-stripped` | warnings: what no package can say, or what is left alone |
//!
//! Which differences a format asks for is in `rules` and `modes`.

mod compare;
pub(crate) mod modes;
mod read;
mod rules;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::types::Format;

pub(super) use compare::Comparison;
pub(super) use compare::missing;
pub(crate) use read::{ManifestError, ManifestFiles};
pub(crate) use rules::changelog_rank;

/// Who made the packages: what may have been done with files on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maker {
    /// debhelper; `python` when dh_python3 ran, `helpers` when further ones that the recipe asked for did.
    Debhelper { python: bool, helpers: bool },
    /// rpmbuild; `policy` where the distribution has brp scripts of its own.
    Rpmbuild { policy: bool },
    /// farm itself.
    Farm,
}

/// An installed file, folder or link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Staged {
    /// Absolute.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: StagedKind,
    /// Permission bits.
    pub(crate) mode: u32,
    /// Numbers of user and group, where these are others than those of the user who builds.
    pub(crate) owner: Option<(u32, u32)>,
    /// The same for all names of one file; none of what has one name.
    pub(crate) links: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StagedKind {
    File {
        size: u64,
        sha256: [u8; 32],
    },
    Folder,
    Symlink(Vec<u8>),
    /// Device, pipe, socket.
    Special,
}

/// Which package has what, in paths as the packages have them: pages compressed, units in their place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// Package and path of files, and of folders without anything in them.
    pub(crate) within: Vec<(String, Vec<u8>)>,
    pub(crate) config: Vec<(String, Vec<u8>)>,
    /// What farm adds: files, and links that update-alternatives makes.
    pub(crate) own: Vec<(String, Vec<u8>)>,
    /// Folders of the system, which no .rpm owns.
    pub(crate) shared: Vec<Vec<u8>>,
    /// Files that were not stripped, and how many bytes lie behind their image; none where the recipe names them.
    pub(crate) whole: Vec<(Vec<u8>, Option<u64>)>,
    /// Modes, and owners as `USER:GROUP`, that the recipe says of files, whatever was installed.
    pub(crate) modes: Vec<(Vec<u8>, u32)>,
    pub(crate) owners: Vec<(Vec<u8>, String)>,
}

/// All that was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    format: Format,
    maker: Maker,
    /// Sorted by path.
    staged: Vec<Known>,
    by_key: HashMap<Vec<u8>, usize>,
    /// All names of files that have several, by [`Staged::links`].
    names: HashMap<u64, Vec<usize>>,
    packages: Vec<String>,
    own: BTreeSet<(usize, Vec<u8>)>,
}

/// What is known of an installed file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    staged: Staged,
    /// By number in [`Manifest::packages`].
    package: Option<usize>,
    is_config: bool,
    is_shared: bool,
    has_children: bool,
    /// Not stripped; the bytes behind its image, if it was farm who left it alone.
    whole: Option<Option<u64>>,
    /// What the recipe says, and the package is to have.
    said_mode: Option<u32>,
    said_owner: Option<String>,
}

impl Manifest {
    pub(crate) fn new(format: Format, maker: Maker, mut staged: Vec<Staged>, assignment: Assignment) -> Manifest {
        staged.sort_by(|a, b| a.path.cmp(&b.path));
        let parents: BTreeSet<&[u8]> = staged.iter().filter_map(|one| parent(&one.path)).collect();
        let has_children: Vec<bool> = staged.iter().map(|one| parents.contains(one.path.as_slice())).collect();
        let mut by_key = HashMap::with_capacity(staged.len());
        let mut names: HashMap<u64, Vec<usize>> = HashMap::new();
        for (index, one) in staged.iter().enumerate() {
            if let Some(links) = one.links {
                names.entry(links).or_default().push(index);
            }
            by_key.entry(rules::key(&one.path)).or_insert(index);
        }
        let staged = staged.into_iter().zip(has_children).map(|(staged, has_children)| Known {
            staged,
            package: None,
            is_config: false,
            is_shared: false,
            has_children,
            whole: None,
            said_mode: None,
            said_owner: None,
        });
        let mut manifest = Manifest {
            format,
            maker,
            staged: staged.collect(),
            by_key,
            names,
            packages: Vec::new(),
            own: BTreeSet::new(),
        };
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        let Assignment { within, config, own, shared, whole, modes, owners } = assignment;
        for (name, path) in within {
            let package = number(&mut numbers, &mut manifest.packages, name);
            if let Some(index) = manifest.find(&path) {
                manifest.staged[index].package = Some(package);
            }
        }
        for (name, path) in own {
            let package = number(&mut numbers, &mut manifest.packages, name);
            manifest.own.insert((package, path));
        }
        for (_, path) in config {
            if let Some(index) = manifest.find(&path) {
                manifest.staged[index].is_config = true;
            }
        }
        for path in shared {
            if let Some(index) = manifest.find(&path) {
                manifest.staged[index].is_shared = true;
            }
        }
        for (path, bytes) in whole {
            if let Some(index) = manifest.find(&path) {
                manifest.staged[index].whole = Some(bytes);
            }
        }
        for (path, mode) in modes {
            if let Some(index) = manifest.find(&path) {
                manifest.staged[index].said_mode = Some(mode);
            }
        }
        for (path, owner) in owners {
            if let Some(index) = manifest.find(&path) {
                manifest.staged[index].said_owner = Some(owner);
            }
        }
        manifest
    }

    /// The installed file that has become a file of a package.
    fn find(&self, path: &[u8]) -> Option<usize> {
        let found = rules::keys(path).into_iter().find_map(|key| self.by_key.get(&key).copied());
        found.or_else(|| rules::moved_changelog(self, path))
    }

    /// Whether it was installed.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.find(path.as_bytes()).is_some()
    }

    /// The packages that hold an installed folder, or something in it; none of what is no folder.
    pub(crate) fn holders(&self, folder: &str) -> Vec<&str> {
        let path = folder.as_bytes();
        if !self.find(path).is_some_and(|index| self.staged[index].staged.kind == StagedKind::Folder) {
            return Vec::new();
        }
        let staged = |known: &&Known| known.staged.path == path || rules::below(&known.staged.path, path);
        let within = self.staged.iter().filter(staged);
        let numbers: BTreeSet<usize> = within.filter_map(|known| known.package).collect();
        numbers.into_iter().filter_map(|number| self.packages.get(number).map(String::as_str)).collect()
    }

    /// Whether a file was left as it is by all that strips.
    pub(super) fn is_whole(&self, path: &[u8]) -> bool {
        self.find(path).is_some_and(|index| self.staged[index].whole.is_some())
    }
}

fn number(numbers: &mut BTreeMap<String, usize>, packages: &mut Vec<String>, name: String) -> usize {
    *numbers.entry(name.clone()).or_insert_with(|| {
        packages.push(name);
        packages.len() - 1
    })
}

/// The folder that a path lies in; none of `/` itself.
fn parent(path: &[u8]) -> Option<&[u8]> {
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    Some(&path[..slash])
}

#[cfg(test)]
mod tests;
