//! What went into the packages of a target, as the job that made them noted it: `inputs.json` beside them. What a build is
//! made of is known only while it is made, so it is written down then; everything else here reads it.

use serde::{Deserialize, Serialize};

use super::installed::Installed;

/// The shape of [`BuildInputs`] that this version writes, and the only one that it reads.
pub(crate) const INPUTS_SCHEMA: u32 = 1;
/// The file beside the packages.
pub(crate) const INPUTS_FILE: &str = "inputs.json";

/// What a job was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BuildInputs {
    pub(crate) schema: u32,
    /// The version of farm.
    pub(crate) farm: String,
    /// The container engine with its version: `native 0.1.0`.
    pub(crate) engine: String,
    /// The date of the packages, in seconds since the epoch.
    pub(crate) source_date_epoch: i64,
    /// As the recipe has it.
    pub(crate) license: String,
    pub(crate) sources: Vec<SourceInput>,
    pub(crate) patches: Vec<PatchInput>,
    /// Whether the steps had a network: what they fetched then is not known.
    pub(crate) network: bool,
    /// What was installed where the steps ran, before the first of them; none where it could not be asked.
    pub(crate) installed: Option<Installed>,
}

/// One source of the recipe, as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceInput {
    /// Its file: of a git commit, or a folder beside the recipe, a tar that farm made.
    pub(crate) name: String,
    /// Of that file, in hex.
    pub(crate) sha256: String,
    /// Where the recipe has it from, without secrets; a folder beside the recipe has no address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) urls: Vec<String>,
    /// Of a git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<String>,
}

/// A patch of the recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PatchInput {
    pub(crate) name: String,
    /// In hex.
    pub(crate) sha256: String,
}

/// A line of `modules.json`, which `source::modules` writes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Module {
    pub(super) ecosystem: String,
    pub(super) name: String,
    pub(super) version: String,
    /// `sha256:…`, `h1:…`, `gitCommit:…`
    pub(super) hash: String,
    pub(super) license: Option<String>,
}

impl BuildInputs {
    /// Reads the text of `inputs.json`.
    ///
    /// # Errors
    /// In words that follow the name of the file.
    pub(crate) fn parse(text: &[u8]) -> Result<BuildInputs, String> {
        let inputs: BuildInputs = serde_json::from_slice(text).map_err(|error| format!("cannot be read: {error}"))?;
        match inputs.schema {
            INPUTS_SCHEMA => Ok(inputs),
            other => Err(format!("has the shape {other}, and this farm reads {INPUTS_SCHEMA}")),
        }
    }

    /// The text of `inputs.json`.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }
}
