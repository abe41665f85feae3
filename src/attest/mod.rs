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
mod model;
mod provenance;
mod purl;
mod spdx;
mod verify;

use rayon::prelude::*;

use crate::artifact::{Artifact, ArtifactKind};
use bill::{Bill, Read, bill};
use model::{CYCLONEDX, SPDX};

pub(crate) use inputs::{BuildInputs, INPUTS_FILE, INPUTS_SCHEMA, Module, PatchInput, SourceInput};
pub(crate) use installed::{Installed, InstalledPackage, LARGEST_ANSWER, SCRIPT};
pub(crate) use model::{AttestError, Document, PROVENANCE, Target};
pub(crate) use verify::{Statements, Verdict};

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

#[cfg(test)]
mod tests;
