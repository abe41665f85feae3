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
    Urls(Vec<Address>),
}

/// What becomes of a module in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    AsItIs,
    /// Unpacked, with what Cargo wants beside it.
    Crate,
}
