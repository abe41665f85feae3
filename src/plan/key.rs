//! What a job's result depends on, as named inputs, and how two sets of them are compared.
//!
//! Inputs are made of what a recipe means, never of how it is written or where it lies: no host paths, no order of
//! tables, no limits, no parallelism.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::model::{Change, Job, Key, Reason};
use crate::recipe::Recipe;

/// Inputs made by farm from others. When one of those has changed too, they say nothing of their own: alone, they mean
/// that farm itself makes something else of the same recipe.
const GENERATED: [&str; 4] = ["assembly", "builder", "packaging", "test"];
/// Inputs that are known only once their image is there: compared where both sides know them.
const IMAGES: [&str; 2] = ["base", "environment"];

/// What inputs are called that are packages of other jobs: installed for the build, or only for the test.
pub(crate) const INPUT_OF_SET: &str = "set.";
pub(crate) const INPUT_OF_TEST_SET: &str = "test.set.";

/// Longer values are shown as a digest.
const MAX_SHOWN: usize = 64;

impl Key {
    pub(crate) fn new(inputs: BTreeMap<String, String>) -> Key {
        let mut hasher = Sha256::new();
        for part in inputs.iter().flat_map(|(name, value)| [name, value]) {
            // With its length first, no two maps read the same.
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Key { digest: shortened(hasher), inputs }
    }

    /// This key with one more input, or another value of it: `base`, when it has become known.
    pub(crate) fn with(&self, name: &str, value: &str) -> Key {
        let mut inputs = self.inputs.clone();
        inputs.insert(name.to_owned(), value.to_owned());
        Key::new(inputs)
    }
}

/// The inputs that a recipe gives: `recipe.package.version`, `recipe.build.env`, `recipe.packages.dev`, `recipe.variant.tls`. Short values
/// stand there as they are (as JSON), so that a change can be shown; others as a digest. What is empty or has its
/// default of nothing is no input, so that a farm that knows more keys does not rebuild everything.
pub(super) fn recipe_inputs(recipe: &Recipe) -> Result<BTreeMap<String, String>, serde_json::Error> {
    let mut inputs = BTreeMap::new();
    let Value::Object(sections) = serde_json::to_value(recipe)? else { return Ok(inputs) };
    for (section, value) in sections {
        match (section.as_str(), value) {
            // Where the recipe lies on this host; what cannot change the result; and what `source` stands for, which
            // knows that another mirror of the same file is the same file.
            ("root" | "limits" | "sources", _) => {}
            (_, Value::Object(keys)) => {
                for (key, value) in keys {
                    match value {
                        // Written in [package] itself.
                        Value::Object(parts) if ["relations", "system"].contains(&key.as_str()) => {
                            for (key, value) in parts {
                                add(&mut inputs, format!("recipe.{section}.{key}"), &value);
                            }
                        }
                        value => add(&mut inputs, format!("recipe.{section}.{}", key.replace('_', "-")), &value),
                    }
                }
            }
            (_, value) => add(&mut inputs, format!("recipe.{section}"), &value),
        }
    }
    Ok(inputs)
}

fn add(inputs: &mut BTreeMap<String, String>, name: String, value: &Value) {
    if is_nothing(value) {
        return;
    }
    let mut text = Vec::new();
    canonical(value, &mut text);
    let shown = String::from_utf8_lossy(&text);
    let value = if shown.len() <= MAX_SHOWN { shown.into_owned() } else { format!("sha256:{}", digest_bytes(&text)) };
    inputs.insert(name, value);
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.values().all(is_nothing),
        _ => false,
    }
}

/// JSON with sorted keys, whatever map serde_json was compiled with; what is nothing is left out of tables.
fn canonical(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().filter(|(_, value)| !is_nothing(value)).collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push(b'{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(Value::from(key.as_str()).to_string().as_bytes());
                out.push(b':');
                canonical(value, out);
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                canonical(item, out);
            }
            out.push(b']');
        }
        scalar => out.extend_from_slice(scalar.to_string().as_bytes()),
    }
}

/// A digest of generated data, of its bytes as they are: in a plan of thousands of jobs, writing them as text first would
/// be most of the work. Another compiler may give another digest, as another version of farm may; then a job is built
/// once more.
pub(super) fn digest<T: Hash>(value: &T) -> String {
    struct Hashing(Sha256);
    impl Hasher for Hashing {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            unreachable!("the digest is taken out")
        }
    }
    let mut hashing = Hashing(Sha256::new());
    value.hash(&mut hashing);
    format!("sha256:{}", shortened(hashing.0))
}

fn digest_bytes(bytes: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(bytes);
    shortened(hasher)
}

/// The first 16 bytes in hexadecimal: nobody gains by a collision in their own cache.
fn shortened(hasher: Sha256) -> String {
    hex::encode(&hasher.finalize()[..16])
}

/// Compares a job with the key of the last good one. An image (`base`, `environment`) that is missing on either side is not compared,
/// inputs of the test only when the job is to be tested. Generated inputs are named only when nothing that they are
/// made from has changed.
pub(crate) fn reason(job: &Job, last: Option<&Key>) -> Reason {
    let Some(last) = last else { return Reason::NeverBuilt };
    let (before, after) = (&last.inputs, &job.key.inputs);
    let was_tested = before.contains_key("test");
    let mut changes = Vec::new();
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        let compared = match name.as_str() {
            name if IMAGES.contains(&name) => old.is_some() && new.is_some(),
            name if is_of_test(name) => job.test.is_some() && was_tested,
            _ => true,
        };
        if compared && old != new {
            changes.push(Change { input: name.clone(), before: old.cloned(), after: new.cloned() });
        }
    }
    let caused =
        |change: &Change| !IMAGES.contains(&change.input.as_str()) && !GENERATED.contains(&change.input.as_str());
    if changes.iter().any(caused) {
        changes.retain(|change| !GENERATED.contains(&change.input.as_str()));
    }
    if !changes.is_empty() {
        Reason::Changed { inputs: changes }
    } else if job.test.is_some() && !was_tested {
        Reason::NotTested
    } else {
        Reason::UpToDate
    }
}

pub(super) fn is_of_test(name: &str) -> bool {
    name == "test" || name.starts_with("recipe.test.") || name.starts_with(INPUT_OF_TEST_SET)
}
