//! `[[repositories]]` as what comes of it: where packages come from that the distribution does not have.

use std::path::PathBuf;

use serde::Serialize;

use crate::types::Address;

/// `[[repositories]]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Repository {
    #[serde(flatten)]
    pub(crate) origin: RepositoryOrigin,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<RepositoryKey>,
    /// Whatever it says is believed: it has no key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) trusted: bool,
    /// Globs over names of packages that go before the distribution's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) packages: Vec<String>,
    #[serde(rename = "for")]
    pub(crate) uses: Vec<RepositoryUse>,
    #[serde(skip)]
    pub(crate) place: RepositoryPlace,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RepositoryOrigin {
    /// Without an address it is the distribution's own archive. `${codename}` stands for the suite of the distribution.
    Apt { url: Option<Address>, suite: Option<String>, components: Vec<String> },
    /// With `repodata`. `${releasever}` and `${basearch}` are those of the target.
    RpmMd { baseurl: Address },
    /// One that the images of a distribution know by this name, and have turned off.
    Enable(String),
}

/// Where in a recipe one stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RepositoryPlace {
    pub(crate) path: PathBuf,
    /// 1-based.
    pub(crate) line: usize,
}

/// Public keys, and what they are known by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RepositoryKey {
    #[serde(skip)]
    pub(crate) content: Vec<u8>,
    pub(crate) fingerprints: Vec<String>,
}

/// What a repository is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RepositoryUse {
    Build,
    Test,
}

impl RepositoryUse {
    pub(crate) const ALL: [RepositoryUse; 2] = [RepositoryUse::Build, RepositoryUse::Test];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            RepositoryUse::Build => "build",
            RepositoryUse::Test => "test",
        }
    }
}

impl Repository {
    pub(crate) fn serves(&self, what: RepositoryUse) -> bool {
        self.uses.contains(&what)
    }

    /// Its name, with what else decides on what is taken from it.
    pub(crate) fn identity(&self) -> String {
        let mut words = vec![self.name()];
        words.extend(self.key.iter().flat_map(|key| key.fingerprints.iter().cloned()));
        words.extend(self.packages.iter().cloned());
        words.join(" ")
    }

    /// As plans and records have it: its name, what it is for, and the fingerprints of its keys.
    pub(crate) fn described(&self) -> String {
        let uses: Vec<&str> = self.uses.iter().map(|one| one.as_str()).collect();
        let trust = match (&self.key, self.trusted) {
            (Some(key), _) => format!("; key {}", key.fingerprints.join(", ")),
            (None, true) => "; trusted without a key".to_owned(),
            (None, false) => String::new(),
        };
        format!("{} ({}{trust})", self.name(), uses.join(" and "))
    }

    /// As messages name it, without passwords: `http://example.org/debian bookworm main`.
    pub(crate) fn name(&self) -> String {
        match &self.origin {
            RepositoryOrigin::Apt { url, suite, components } => {
                let url = url.as_ref().map(Address::to_string);
                let words = [url.as_deref(), suite.as_deref()].into_iter().flatten();
                words.chain(components.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
            }
            RepositoryOrigin::RpmMd { baseurl } => baseurl.to_string(),
            RepositoryOrigin::Enable(id) => id.clone(),
        }
    }
}
