//! package-lock.json -> packages, laid out as npm's own cache has them (cacache, version 2 of its content and 5 of its index),
//! from which `npm ci` installs offline.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::hash::{Hash, HashKind};
use super::model::{Form, Module, Place};
use crate::recipe::Ecosystem;
use crate::types::Address;

/// The registry of who configures none. In the build npm asks for this one, and finds the answer in its cache.
pub(super) const PUBLIC: &str = "https://registry.npmjs.org/";

/// What npm asks for when it installs; an answer to another question is none.
const ACCEPT: &str = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";

/// The packages that a package-lock.json or npm-shrinkwrap.json names, but those of the project and of other systems.
///
/// # Errors
/// A sentence about the file.
pub(super) fn read(text: &str) -> Result<Vec<Module>, String> {
    let lock: Value = serde_json::from_str(text).map_err(|error| format!("is no package-lock.json: {error}"))?;
    let Some(packages) = lock.get("packages").and_then(Value::as_object) else {
        return Err(
            "has no `packages`, as lock files of npm before 7: `npm install --package-lock-only` with a newer \
                    npm writes it anew"
                .to_owned(),
        );
    };
    let mut modules = Vec::new();
    for (place, package) in packages {
        let field = |name: &str| package.get(name).and_then(Value::as_str);
        let is = |name: &str| package.get(name).and_then(Value::as_bool).unwrap_or(false);
        // The project itself, its workspaces, links to those, and what lies in the package of another one.
        let Some((_, name)) = place.rsplit_once("node_modules/") else { continue };
        if is("link") || is("inBundle") || !is_for_linux(package) {
            continue;
        }
        let name = field("name").unwrap_or(name);
        let version = field("version").unwrap_or_default();
        if !is_plain(name) || !is_plain(version) {
            return Err(format!("names a package that none can be called, {name:?} {version:?}"));
        }
        let Some(hash) = field("integrity").and_then(Hash::from_integrity) else {
            return Err(format!(
                "has no hash of {name} {version}: `npm install --package-lock-only` writes it, but for packages that \
                 are from no registry"
            ));
        };
        let resolved = match field("resolved") {
            Some(resolved) if ["https://", "http://", "file:///"].iter().any(|kind| resolved.starts_with(kind)) => {
                resolved.to_owned()
            }
            Some(resolved) => {
                return Err(format!(
                    "takes {name} from {}: farm fetches from registries only",
                    Address::from(resolved)
                ));
            }
            // npm leaves it out where it is told to (omit-lockfile-registry-resolved).
            None => tarball(name, version),
        };
        modules.push(Module {
            ecosystem: Ecosystem::Npm,
            name: name.to_owned(),
            version: version.to_owned(),
            path: in_cache(&format!("content-v2/{}", hash.kind.name()), &hash.hex()),
            hash,
            place: Place::Npm { resolved: Address::from(resolved) },
            form: Form::AsItIs,
            license: field("license").map(str::to_owned),
        });
    }
    Ok(modules)
}

/// Where the cache has what is known by these hexadecimal digits: two of them, two more, the others.
fn in_cache(folder: &str, hex: &str) -> String {
    format!("npm/_cacache/{folder}/{}/{}/{}", &hex[..2], &hex[2..4], &hex[4..])
}

/// Where the registry has a package.
fn tarball(name: &str, version: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    format!("{PUBLIC}{name}/-/{last}-{version}.tgz")
}

/// Whether it can stand in an address and in the name of a file.
fn is_plain(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~+@/!'()*".contains(c);
    !text.is_empty() && text.chars().all(is_plain) && !text.split('/').any(|part| ["", ".", ".."].contains(&part))
}

/// Whether it is one for all systems, or for this one.
fn is_for_linux(package: &Value) -> bool {
    let Some(systems) = package.get("os").and_then(Value::as_array) else { return true };
    let systems: Vec<&str> = systems.iter().filter_map(Value::as_str).collect();
    let is_excluded = systems.contains(&"!linux");
    !is_excluded && (systems.iter().all(|system| system.starts_with('!')) || systems.contains(&"linux"))
}

/// The answers of the registry that npm looks up where a lock file does not say where a package is: one for each name, as a
/// file of the cache's content and one of its index. Paths and texts.
pub(super) fn answers(modules: &[Module]) -> Vec<(String, String)> {
    let mut versions: BTreeMap<&str, BTreeMap<&str, &Module>> = BTreeMap::new();
    for module in modules.iter().filter(|module| module.ecosystem == Ecosystem::Npm) {
        versions.entry(&module.name).or_default().insert(&module.version, module);
    }
    let mut files = Vec::new();
    for (name, versions) in versions {
        let latest = versions.keys().next_back().copied().unwrap_or_default();
        let version = |module: &Module| {
            let dist = json!({ "tarball": tarball(name, &module.version), "integrity": module.hash.integrity() });
            json!({ "name": name, "version": module.version, "dist": dist })
        };
        let all: serde_json::Map<String, Value> =
            versions.iter().map(|(number, module)| ((*number).to_owned(), version(module))).collect();
        let answer = json!({ "name": name, "dist-tags": { "latest": latest }, "versions": all }).to_string();
        let hash = Hash { kind: HashKind::Sha512, bytes: Sha512::digest(&answer).to_vec() };
        let hex = hash.hex();
        files.push((
            format!("npm/_cacache/content-v2/sha512/{}/{}/{}", &hex[..2], &hex[2..4], &hex[4..]),
            answer.clone(),
        ));

        let url = format!("{PUBLIC}{}", name.replace('/', "%2f"));
        files.push(entry(&url, json!({ "accept": ACCEPT }), &hash, answer.len() as u64));
    }
    for module in modules {
        if let Place::Npm { resolved } = &module.place {
            files.push(entry(resolved.secret(), json!({}), &module.hash, 0));
        }
    }
    files
}

/// An entry of the index: what a request was answered with.
fn entry(url: &str, asked: Value, hash: &Hash, size: u64) -> (String, String) {
    let key = format!("make-fetch-happen:request-cache:{url}");
    let entry = json!({
        "key": key,
        "integrity": hash.integrity(),
        "time": 1,
        "size": size,
        "metadata": {
            "time": 1,
            "url": url,
            "reqHeaders": asked,
            "resHeaders": { "cache-control": "immutable" },
            "options": { "compress": true },
        },
    })
    .to_string();
    let bucket = hex::encode(Sha256::digest(&key));
    (in_cache("index-v5", &bucket), format!("\n{}\t{entry}", hex::encode(Sha1::digest(&entry))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==";

    fn lock(packages: &str) -> String {
        format!(r#"{{"lockfileVersion": 3, "packages": {{"": {{"name": "pond"}}, {packages}}}}}"#)
    }

    #[test]
    fn packages_lie_where_npm_looks_by_hash() {
        let text = lock(&format!(
            r#""node_modules/a": {{"version": "1.0.0", "resolved": "https://example.org/a/-/a-1.0.0.tgz", "integrity": "{SHA}", "license": "MIT"}},
               "node_modules/a/node_modules/@s/b": {{"version": "2.0.0", "integrity": "{SHA}", "os": ["linux"]}},
               "node_modules/mac": {{"version": "1.0.0", "os": ["darwin"]}},
               "node_modules/here": {{"resolved": "packages/here", "link": true}},
               "packages/here": {{"version": "1.0.0"}}"#
        ));
        let modules = read(&text).unwrap();
        let names: Vec<_> = modules.iter().map(|module| (module.name.as_str(), module.license.as_deref())).collect();
        assert_eq!(names, [("a", Some("MIT")), ("@s/b", None)]);
        assert!(
            modules[0].path.starts_with("npm/_cacache/content-v2/sha512/cf/83/e1357eefb8bd"),
            "{}",
            modules[0].path
        );
        let Place::Npm { resolved } = &modules[1].place else { panic!("{modules:?}") };
        assert_eq!(resolved.secret(), format!("{PUBLIC}@s/b/-/b-2.0.0.tgz"));
    }

    /// The index as cacache reads it: a line for each entry, with the sha1 of its text before it.
    #[test]
    fn answers_of_the_registry_are_in_the_index() {
        let text = lock(&format!(
            r#""node_modules/@s/b": {{"version": "2.0.0", "integrity": "{SHA}"}},
               "node_modules/a/node_modules/@s/b": {{"version": "1.0.0", "integrity": "{SHA}"}}"#
        ));
        let files = answers(&read(&text).unwrap());
        let [(content, answer), (_, index), (_, first), (_, second)] = files.as_slice() else { panic!("{files:?}") };
        let answer: Value = serde_json::from_str(answer).unwrap();
        assert_eq!(answer["versions"].as_object().unwrap().len(), 2, "{answer}");
        let (sum, entry) = index.trim_start().split_once('\t').unwrap();
        assert_eq!(sum, hex::encode(Sha1::digest(entry)));
        let entry: Value = serde_json::from_str(entry).unwrap();
        assert_eq!(entry["key"], format!("make-fetch-happen:request-cache:{PUBLIC}@s%2fb"));
        assert!(first.contains("b-2.0.0.tgz") && second.contains("b-1.0.0.tgz"), "{files:?}");
        let hash = Hash::from_integrity(entry["integrity"].as_str().unwrap()).unwrap();
        assert_eq!(
            hash.hex(),
            content.rsplitn(4, '/').take(3).collect::<Vec<_>>().into_iter().rev().collect::<String>()
        );
    }

    #[test]
    fn what_npm_could_not_install_offline_is_refused() {
        let refused = |packages: &str| read(&lock(packages)).unwrap_err();
        assert!(read(r#"{"lockfileVersion": 1, "dependencies": {}}"#).unwrap_err().contains("npm before 7"));
        let error = refused(r#""node_modules/a": {"version": "1.0.0"}"#);
        assert!(error.starts_with("has no hash of a 1.0.0"), "{error}");
        let from = |name: &str, resolved: &str| {
            format!(r#""node_modules/{name}": {{"version": "1.0.0", "resolved": "{resolved}", "integrity": "{SHA}"}}"#)
        };
        let error = refused(&from("a", "git+ssh://git@example.org/a.git#01"));
        assert!(error.starts_with("takes a from git+ssh://"), "{error}");
        assert!(refused(&from("../a", "https://example.org/a.tgz")).starts_with("names a package that none"));
    }
}
