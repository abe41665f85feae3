//! A store's packages with all that lies beside them of what went in, for `attest`. What is read is compared with the record
//! first: documents are about what was accepted.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::index::IndexedTarget;
use super::{Damaged, LARGEST_RECORD, Record, Store, read_record};
use crate::artifact::{Artifact, is_intact};
use crate::attest::{self, AttestError, BuildInputs, Document, INPUTS_FILE, Module};
use crate::matrix::Target;
use crate::source::MODULES_LIST;

/// Why there are no documents about a target.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttestedError {
    /// It is not known what went in.
    #[error("nothing says what went into the packages of {target}")]
    Unknown { target: String },
    #[error("{} {}", .0.path.display(), .0.reason)]
    Damaged(Damaged),
    #[error(transparent)]
    Attest(#[from] AttestError),
}

/// A target that documents can be written about.
#[derive(Debug)]
pub(crate) struct Attestable<'a> {
    target: &'a IndexedTarget,
    folder: PathBuf,
    record: Record,
    inputs: BuildInputs,
    modules: Vec<Module>,
}

impl<'a> Attestable<'a> {
    /// Reads what lies beside the packages of a target of the store at `root`.
    ///
    /// # Errors
    /// When an earlier farm made them, which did not write it down, or a file is not what was accepted.
    pub(crate) fn of(root: &Path, target: &'a IndexedTarget) -> Result<Attestable<'a>, AttestedError> {
        let folder = root.join(&target.folder);
        let unknown = || AttestedError::Unknown { target: target.target.clone() };
        let damaged = |name: &str, reason: String| {
            AttestedError::Damaged(Damaged { target: target.target.clone(), path: folder.join(name), reason })
        };
        let record = read_record(&folder).ok_or_else(unknown)?;
        let sum = record.inputs.as_ref().ok_or_else(unknown)?;
        let inputs = read_inputs(&folder, sum).map_err(|reason| damaged(INPUTS_FILE, reason))?;
        let modules = match record.artifacts.iter().find(|artifact| artifact.file_name == MODULES_LIST) {
            None => Vec::new(),
            Some(list) => {
                let text =
                    read(&folder.join(MODULES_LIST), &list.sha256).map_err(|reason| damaged(MODULES_LIST, reason))?;
                serde_json::from_slice(&text)
                    .map_err(|error| damaged(MODULES_LIST, format!("cannot be read: {error}")))?
            }
        };
        Ok(Attestable { target, folder, record, inputs, modules })
    }

    /// What the build noted of itself.
    pub(crate) fn inputs(&self) -> &BuildInputs {
        &self.inputs
    }

    /// An input of the key of the packages: `base`.
    pub(crate) fn key_input(&self, name: &str) -> Option<&str> {
        self.record.key.inputs.get(name).map(String::as_str)
    }

    /// The documents: [`attest::documents`].
    ///
    /// # Errors
    /// When a package is not what was accepted, or cannot be read.
    pub(crate) fn documents(
        &self,
        builder: Option<&str>,
        called: &(dyn Fn(&Artifact) -> Option<String> + Sync),
        statement: &str,
    ) -> Result<Vec<Document>, AttestedError> {
        let (record, target) = (&self.record, self.target);
        for artifact in &record.artifacts {
            let path = self.folder.join(&artifact.file_name);
            let reason = match is_intact(&path, artifact) {
                Ok(true) => continue,
                Ok(false) => "is not what was accepted".to_owned(),
                Err(error) => format!("cannot be read: {error}"),
            };
            return Err(AttestedError::Damaged(Damaged { target: record.target.clone(), path, reason }));
        }
        let made = attest::Target {
            id: &record.target,
            distro: &target.distro,
            arch: &target.arch,
            folder: &self.folder,
            artifacts: &record.artifacts,
            key: (&record.key.digest, &record.key.inputs),
            inputs: &self.inputs,
            version: record.version.as_deref().zip(record.release),
            tested: record.tested,
            made: record.made.as_deref(),
            elapsed_seconds: record.elapsed_seconds,
            builder,
        };
        Ok(attest::documents(&made, &self.modules, called, statement)?)
    }
}

impl Store {
    /// What went into the last good packages of a target, as their build noted it; none where it did not.
    pub(crate) fn inputs(&self, target: &Target) -> Option<BuildInputs> {
        let record = self.record(target)?;
        read_inputs(&self.folder(target), record.inputs.as_ref()?).ok()
    }
}

/// What a build noted of itself in this folder.
fn read_inputs(folder: &Path, sum: &str) -> Result<BuildInputs, String> {
    BuildInputs::parse(&read(&folder.join(INPUTS_FILE), sum)?)
}

/// A file whose sum is known.
fn read(path: &Path, sum: &str) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let file = File::open(path).map_err(|error| format!("cannot be read: {error}"));
    let read = file?.take(4 * LARGEST_RECORD).read_to_end(&mut text);
    read.map_err(|error| format!("cannot be read: {error}"))?;
    match hex::encode(Sha256::digest(&text)) == sum {
        true => Ok(text),
        false => Err("is not what was accepted".to_owned()),
    }
}
