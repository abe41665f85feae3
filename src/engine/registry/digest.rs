//! Digests of documents and layers, as registries write them, and the comparison of two.

use sha2::{Digest, Sha256};

pub(super) fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

pub(super) fn same(what: &str, expected: &str, got: &str) -> Result<(), String> {
    if expected == got {
        return Ok(());
    }
    Err(format!("the {what} is not the one that was asked for: its digest is {got} instead of {expected}"))
}
