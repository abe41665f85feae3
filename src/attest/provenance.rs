//! SLSA provenance v1.0 (slsa.dev/spec/v1.0/provenance) of a target's packages, in an in-toto statement v1: every input of
//! the key by digest, and what is known beyond it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Duration, SecondsFormat};
use serde_json::{Value, json};

use super::bill::{self, Part, is_hex};
use super::inputs::Module;
use super::model::{Document, Target, sha256};
use crate::artifact::{Artifact, ArtifactKind};

pub(super) const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
pub(super) const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";
/// What the parameters mean: docs/attest.md.
const BUILD_TYPE: &str = "urn:x-farm:build:1";
/// Of a builder to whom nobody gave a name.
const UNNAMED_BUILDER: &str = "urn:x-farm:builder:unnamed";
/// The first 128 bits of a SHA-256, which is all that keys have of long inputs.
const SHORTENED: &str = "sha256First128Bits";

pub(super) fn provenance(
    target: &Target<'_>,
    modules: &[Module],
    called: &(dyn Fn(&Artifact) -> Option<String> + Sync),
    documents: &[Document],
) -> Value {
    let (is_product, rest): (Vec<&Artifact>, Vec<&Artifact>) =
        target.artifacts.iter().partition(|artifact| artifact.kind != ArtifactKind::Metadata);
    let file = |artifact: &&Artifact| {
        let name = called(artifact).unwrap_or_else(|| artifact.file_name.clone());
        json!({ "name": name, "digest": { "sha256": artifact.sha256 } })
    };
    let document = |one: &Document| json!({ "name": one.name, "digest": { "sha256": sha256(&one.text) } });
    let byproducts: Vec<Value> = documents.iter().map(document).chain(rest.iter().map(file)).collect();

    let sources = bill::sources(target);
    let modules = bill::module_parts(modules);
    let installed = bill::builder(target);
    let parts = sources.iter().chain(&modules).chain(&installed).map(part);
    let (digest, inputs) = target.key;
    let dependencies: Vec<Value> = parts.chain(inputs.iter().map(|(name, value)| input(name, value))).collect();

    let mut external = json!({ "target": target.id });
    if let Some((version, release)) = target.version {
        external["version"] = json!(version);
        external["release"] = json!(release);
    }
    let internal = json!({
        "key": digest,
        "keyInputs": inputs.keys().collect::<Vec<_>>(),
        "sourceDateEpoch": target.inputs.source_date_epoch,
        "network": target.inputs.network,
        "installTested": target.tested,
        "builderPackagesKnown": target.inputs.installed.is_some(),
    });
    json!({
        "_type": STATEMENT_TYPE,
        "subject": is_product.iter().map(file).collect::<Vec<_>>(),
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": external,
                "internalParameters": internal,
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {
                    "id": target.builder.unwrap_or(UNNAMED_BUILDER),
                    "version": { "farm": target.inputs.farm, "engine": target.inputs.engine },
                },
                "metadata": times(target),
                "byproducts": byproducts,
            },
        },
    })
}

/// When the build began and ended, as far as that is known.
fn times(target: &Target<'_>) -> Value {
    let Some(ended) = target.made.and_then(|made| DateTime::parse_from_rfc3339(made).ok()) else { return json!({}) };
    let written = |time: DateTime<_>| time.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut times = json!({ "finishedOn": written(ended) });
    if (0.0..1e9).contains(&target.elapsed_seconds) {
        // Whole seconds: there are at most 1e9 of them.
        #[allow(clippy::cast_possible_truncation)]
        let began = ended - Duration::seconds(target.elapsed_seconds.ceil() as i64);
        times["startedOn"] = json!(written(began));
    }
    times
}

/// A source, patch, module or package.
fn part(part: &Part) -> Value {
    let mut resource = json!({ "name": part.name });
    let mut digests: BTreeMap<&str, &str> = part.digests.iter().map(|(name, hex)| (*name, hex.as_str())).collect();
    match (&part.commit, part.urls.first()) {
        (Some(commit), url) => {
            // The tar that farm made of the commit is another thing than the commit.
            if is_hex(commit, 40) || is_hex(commit, 64) {
                let made = digests.remove("sha256");
                digests.insert("gitCommit", commit);
                resource["annotations"] = json!({ "farmTarSha256": made });
            }
            if let Some(url) = url {
                resource["uri"] = json!(format!("git+{url}@{commit}"));
            }
        }
        (None, Some(url)) => resource["uri"] = json!(url),
        (None, None) => {}
    }
    if let Some(purl) = &part.purl {
        resource["uri"] = json!(purl);
    }
    if !digests.is_empty() {
        resource["digest"] = json!(digests);
    }
    resource
}

/// An input of the key. Short ones are their own content.
fn input(name: &str, value: &str) -> Value {
    let name = format!("key/{name}");
    let (version, digest) = match value.rsplit_once(' ') {
        // Packages of the set.
        Some((version, digest)) if !version.contains(' ') => (Some(version), digest),
        _ => (None, value),
    };
    let digits = digest.strip_prefix("sha256:").unwrap_or_default();
    let algorithm = match digits {
        digits if is_hex(digits, 64) => "sha256",
        digits if is_hex(digits, 32) => SHORTENED,
        _ => {
            let digest = sha256(value.as_bytes());
            return json!({ "name": name, "digest": { "sha256": digest }, "content": BASE64_STANDARD.encode(value) });
        }
    };
    let mut resource = json!({ "name": name, "digest": { algorithm: digits } });
    if let Some(version) = version {
        resource["annotations"] = json!({ "version": version });
    }
    resource
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_has_a_digest() {
        let long = "ab".repeat(32);
        assert_eq!(
            input("base", &format!("sha256:{long}")),
            json!({ "name": "key/base", "digest": { "sha256": long } })
        );
        let short = "cd".repeat(16);
        let of_recipe = input("recipe.build.build", &format!("sha256:{short}"));
        assert_eq!(of_recipe["digest"], json!({ SHORTENED: short }));
        let of_set = input("set.libpond", &format!("1:2.0-1 sha256:{long}"));
        assert_eq!((&of_set["digest"]["sha256"], &of_set["annotations"]["version"]), (&json!(long), &json!("1:2.0-1")));
        let literal = input("recipe.package.version", "\"1.0\"");
        assert_eq!(literal["content"], BASE64_STANDARD.encode("\"1.0\""));
        assert_eq!(literal["digest"]["sha256"], sha256(b"\"1.0\""));
    }
}
