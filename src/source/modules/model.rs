//! What a lock file pins, in the same words for all languages.

use super::hash::Hash;
use crate::recipe::Ecosystem;
use crate::types::Address;

/// One file that a lock file pins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Module {
    pub(super) ecosystem: Ecosystem,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) hash: Hash,
    pub(super) place: Place,
    pub(super) form: Form,
    /// Where it belongs in the tree.
    pub(super) path: String,
    /// What the lock file or the module itself says of its licence.
    pub(super) license: Option<String>,
}

/// Where a module is to be had.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// A crate of the registry that Cargo.lock names.
    Crate {
        registry: String,
    },
    /// Below a Go module proxy.
    GoProxy {
        below: String,
    },
    /// As package-lock.json has it.
    Npm {
        resolved: Address,
    },
    /// A commit of a repository, which Cargo.lock names.
    Git(GitSource),
    Urls(Vec<Address>),
}

/// A commit of a repository as Cargo.lock names it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GitSource {
    pub(super) url: Address,
    /// `branch`, `tag` or `rev`, as Cargo.toml names it, and its value.
    pub(super) reference: Option<(String, String)>,
    pub(super) commit: String,
}

/// What becomes of a module in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    AsItIs,
    /// As it is, and what its package.json says is told to npm beside, as the lock file does not.
    WithManifest,
    /// Unpacked, with what Cargo wants beside it.
    Crate,
    /// A folder of a commit, likewise.
    CrateOfCommit,
}
