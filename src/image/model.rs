//! Base images and derivations, as what calls for them and what it gets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::types::Arch;

/// Where a base image may come from (`--base`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BaseChoice {
    /// Engine store, registry, bootstrap.
    #[default]
    Auto,
    /// Only an image that the engine has already.
    Store,
    /// Only the image that the definition names in a registry.
    Registry,
    /// Only an image that farm makes from the distribution's own archive.
    Bootstrap,
}

/// A base image in the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// What to name it by in the engine: an id.
    pub image: String,
    /// What identifies its content on every engine: an input of keys.
    pub(crate) identity: String,
}

/// The bases that an engine has, or would make of what it has, by `debian-12/amd64` (Debian's name of the architecture).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KnownBases {
    /// What identifies their content.
    pub(crate) identities: BTreeMap<String, String>,
    /// Those that would be made anew, with the tag that names another image now.
    pub(crate) moved: Vec<(String, String)>,
    /// Those that the engine does not have yet.
    pub(crate) absent: Vec<String>,
    /// When the others were made, in seconds since the epoch.
    pub(crate) made: BTreeMap<String, i64>,
}

impl KnownBases {
    /// With those of another engine. Of two images of one base the newer one counts.
    pub(crate) fn join(&mut self, other: KnownBases) {
        for (name, identity) in other.identities {
            let made = other.made.get(&name).copied();
            let is_newer = self.identities.get(&name).is_none_or(|known| *known == identity)
                || self.made.get(&name).copied() < made;
            if is_newer {
                self.made.extend(made.map(|made| (name.clone(), made)));
                self.identities.insert(name, identity);
            }
        }
        for moved in other.moved {
            if !self.moved.contains(&moved) {
                self.moved.push(moved);
            }
        }
        self.absent.extend(other.absent);
        self.absent.sort();
        self.absent.dedup();
        self.absent.retain(|name| !self.identities.contains_key(name));
    }
}

/// One script that turns a base into a derived image.
#[derive(Debug, Clone)]
pub struct Derivation {
    /// `builder` or `tester`.
    pub kind: &'static str,
    /// The architecture of the base and of the derived image.
    pub arch: Arch,
    /// Run by `sh -c` as root, with network.
    pub script: String,
    /// What the script finds in its environment, by name.
    pub env: BTreeMap<String, String>,
    /// Uploaded to `/` first: paths relative to it.
    pub files: Vec<(String, FileContent)>,
    /// For files that are packages which nobody vouches for: their scripts must find no network. The script is run twice,
    /// in a container with network, where it fetches only, and in one without, where it does its work.
    pub fetch_first: Option<FetchFirst>,
    /// What it holds, for `farm images`.
    pub description: String,
    /// What the script's result depends on beside the base and the script itself.
    pub inputs: Vec<String>,
    /// An image that this one is made of in place of the base: the same packages, which many have in common, and so are
    /// unpacked and kept once. Not an input: the script asks for them, too.
    pub toolchain: Option<Box<Derivation>>,
}

/// How a script is told to fetch only, and what it then leaves for the container in which it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchFirst {
    /// The variable that is set for it.
    pub(crate) variable: &'static str,
    /// An absolute path.
    pub(crate) folder: &'static str,
}

/// What a file holds that a derivation starts from.
#[derive(Debug, Clone)]
pub enum FileContent {
    /// The content itself.
    Bytes(Vec<u8>),
    /// A file of this host, of any size.
    OnHost {
        /// Its path on this host.
        path: PathBuf,
        /// The hash of its content, in hex.
        sha256: String,
    },
}

impl From<Vec<u8>> for FileContent {
    fn from(bytes: Vec<u8>) -> FileContent {
        FileContent::Bytes(bytes)
    }
}
