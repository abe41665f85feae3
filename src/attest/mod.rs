//! What packages are made of, in formats that others read: a bill of materials for each package, as SPDX 2.3 and as CycloneDX
//! 1.6, and for each target one statement of where its packages come from (SLSA provenance v1.0 in an in-toto statement v1).
//! And whether a package is the one that a statement speaks of.
//!
//! The documents are a pure function of what lies beside the packages: the same bytes each time. They say what is known;
//! what is not known is said to be so. Who signs them, and where they are put, is decided elsewhere.

mod bill;
mod cyclonedx;
mod inputs;
mod installed;
mod licence;
mod provenance;
mod purl;
mod spdx;
mod verify;

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::artifact::{Artifact, ArtifactError, ArtifactKind};
use crate::types::{Arch, Format};
use bill::{Bill, Read, bill};

pub(crate) use inputs::{BuildInputs, INPUTS_FILE, INPUTS_SCHEMA, Module, PatchInput, SourceInput};
pub(crate) use installed::{Installed, LARGEST_ANSWER, SCRIPT};
pub(crate) use verify::{Statements, Verdict};

/// What every file with a statement of provenance is called, or ends in after a dot.
pub(crate) const PROVENANCE: &str = "provenance.json";
const SPDX: &str = "spdx.json";
const CYCLONEDX: &str = "cdx.json";

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
    fn os(&self, format: Format) -> (Option<&'a str>, Option<&'a str>) {
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
    fn architecture(&self, format: Format) -> &'a str {
        let known = Arch::ALL.iter().find(|arch| arch.deb() == self.arch || arch.rpm() == self.arch);
        match (known, format) {
            (Some(arch), Format::Deb) => arch.deb(),
            (Some(arch), Format::Rpm) => arch.rpm(),
            (None, _) => self.arch,
        }
    }
}

/// The bills of a target's packages and the statement about all of them. `called` says what a package is called where the
/// documents will lie; no bill is written of one that is not there. The statement's file is called `statement`. Reads all
/// packages: CPU work.
///
/// # Errors
/// When a package cannot be read.
pub(crate) fn documents(
    target: &Target<'_>,
    modules: &[Module],
    called: &(dyn Fn(&Artifact) -> Option<String> + Sync),
    statement: &str,
) -> Result<Vec<Document>, AttestError> {
    let packages: Vec<&Artifact> =
        target.artifacts.iter().filter(|artifact| artifact.kind == ArtifactKind::Binary).collect();
    let read: Vec<Read<'_>> =
        packages.into_par_iter().map(|artifact| Read::of(artifact, target.folder)).collect::<Result<_, _>>()?;
    let mut documents: Vec<Document> = read
        .par_iter()
        .filter_map(|one| Some((one, called(one.artifact)?)))
        .map(|(one, name)| written(&bill(target, modules, &read, one, &name)))
        .collect::<Result<Vec<[Document; 2]>, AttestError>>()?
        .into_iter()
        .flatten()
        .collect();
    let text = json(&provenance::provenance(target, modules, called, &documents))?;
    documents.push(Document { name: statement.to_owned(), text });
    Ok(documents)
}

fn written(bill: &Bill) -> Result<[Document; 2], AttestError> {
    Ok([
        Document { name: format!("{}.{SPDX}", bill.file_name), text: json(&spdx::document(bill))? },
        Document { name: format!("{}.{CYCLONEDX}", bill.file_name), text: json(&cyclonedx::document(bill))? },
    ])
}

fn json(value: &serde_json::Value) -> Result<Vec<u8>, AttestError> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A UUID (RFC 9562, version 8) that is the same for the same words.
fn uuid(words: &[&str]) -> String {
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
fn time(seconds: i64) -> String {
    let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests;
