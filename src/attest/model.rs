//! What documents are made of, and the words that they have in common.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::inputs::BuildInputs;
use crate::artifact::{Artifact, ArtifactError};
use crate::types::{Arch, Format};

/// What every file with a statement of provenance is called, or ends in after a dot.
pub(crate) const PROVENANCE: &str = "provenance.json";
pub(super) const SPDX: &str = "spdx.json";
pub(super) const CYCLONEDX: &str = "cdx.json";

/// The packages of a target, with all that is known of how they were made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// `jq@debian-12/amd64`
    pub(crate) id: &'a str,
    /// `debian-12`
    pub(crate) distro: &'a str,
    /// As the distribution's packages write it.
    pub(crate) arch: &'a str,
    /// Where its packages lie.
    pub(crate) folder: &'a Path,
    pub(crate) artifacts: &'a [Artifact],
    /// The key of all that they were made of, and its inputs.
    pub(crate) key: (&'a str, &'a BTreeMap<String, String>),
    pub(crate) inputs: &'a BuildInputs,
    /// The version and release of the recipe.
    pub(crate) version: Option<(&'a str, u32)>,
    pub(crate) tested: bool,
    /// When they were made, as RFC 3339 has it, and in how many seconds.
    pub(crate) made: Option<&'a str>,
    pub(crate) elapsed_seconds: f64,
    /// Who built them, as a URI.
    pub(crate) builder: Option<&'a str>,
}

/// A document about packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) name: String,
    pub(crate) text: Vec<u8>,
}

impl Document {
    /// Whether it is the statement about all packages of a target.
    pub(crate) fn is_statement(&self) -> bool {
        self.name.ends_with(PROVENANCE)
    }
}

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttestError {
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
}

impl<'a> Target<'a> {
    /// The target's distribution as os-release(5) would have it; none of those that stand for a whole format.
    pub(super) fn os(&self, format: Format) -> (Option<&'a str>, Option<&'a str>) {
        let (os, version) = self.distro.rsplit_once('-').unwrap_or((self.distro, ""));
        let generic = match format {
            Format::Deb => "deb",
            Format::Rpm => "rpm",
        };
        match os == generic {
            true => (None, None),
            false => (Some(os), Some(version).filter(|version| !version.is_empty())),
        }
    }

    /// The architecture of one of its packages in the words of a format; the target's own of one for all architectures.
    pub(super) fn architecture(&self, format: Format) -> &'a str {
        let known = Arch::ALL.iter().find(|arch| arch.deb() == self.arch || arch.rpm() == self.arch);
        match (known, format) {
            (Some(arch), Format::Deb) => arch.deb(),
            (Some(arch), Format::Rpm) => arch.rpm(),
            (None, _) => self.arch,
        }
    }
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A UUID (RFC 9562, version 8) that is the same for the same words.
pub(super) fn uuid(words: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for word in words {
        hasher.update((word.len() as u64).to_le_bytes());
        hasher.update(word);
    }
    let digest = hasher.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
}

/// A time as RFC 3339 has it.
pub(super) fn time(seconds: i64) -> String {
    let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
