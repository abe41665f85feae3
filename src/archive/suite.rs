//! What of an archive is read, and whom it is believed for.

use crate::types::Address;

/// One suite of an archive, to be read for one architecture.
#[derive(Debug, Clone)]
pub(crate) struct Suite {
    /// The archive's name: `debian`, `debian-security`. A folder of the cache.
    pub(crate) archive: String,
    /// Without a trailing slash.
    pub(crate) mirror: Address,
    /// `bookworm`, `bookworm-security`
    pub(crate) suite: String,
    pub(crate) components: Vec<String>,
    /// Public keys, each file binary or armored.
    pub(crate) keyrings: Vec<Vec<u8>>,
    pub(crate) tolerate_expired: bool,
    pub(crate) owner: Owner,
    /// Use Contents indexes that are not those of the signed Release file, when a mirror has only such.
    pub(crate) tolerate_stale_contents: bool,
    /// The SHA-256 that its InRelease file has to have: that of a former state, which is past its end by right.
    pub(crate) held: Option<String>,
}

/// Whose a suite is, and what that means for what is believed of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// The distribution's: signed by one of the keyrings.
    Distribution,
    /// Somebody else's, whose key a recipe has.
    Recipe,
    /// Somebody else's, and the recipe says that it needs no signature.
    Unsigned,
}

impl Suite {
    /// All packages in one index, in the suite's own folder (sources.list(5), "the exact path form").
    pub(super) fn is_flat(&self) -> bool {
        self.suite.ends_with('/')
    }

    /// The folder of its InRelease file.
    pub(super) fn address(&self) -> Address {
        match self.is_flat() {
            true => self.mirror.join(self.suite.trim_start_matches("./").trim_matches('/')),
            false => self.mirror.join(&format!("dists/{}", self.suite)),
        }
    }
}

#[cfg(test)]
impl Suite {
    /// The component main.
    pub(crate) fn for_test(mirror: &str, suite: &str, keyrings: &[Vec<u8>]) -> Suite {
        Suite {
            archive: "debian".to_owned(),
            mirror: mirror.into(),
            suite: suite.to_owned(),
            components: vec!["main".to_owned()],
            keyrings: keyrings.to_vec(),
            tolerate_expired: false,
            owner: Owner::Distribution,
            tolerate_stale_contents: false,
            held: None,
        }
    }
}
