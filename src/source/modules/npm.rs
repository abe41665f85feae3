//! package-lock.json -> packages, laid out as npm's own cache has them (cacache, version 2 of its content and 5 of its index),
//! from which `npm ci` installs offline. The lock files of yarn are read by `yarn`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

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

/// Far more than any package.json has.
const LARGEST_MANIFEST: u64 = 4 << 20;
/// What of a package.json is in the registry's short answer
/// (github.com/npm/registry, docs/responses/package-metadata.md, "Abbreviated version object").
const ANSWERED: [&str; 12] = [
    "bin",
    "bundleDependencies",
    "bundledDependencies",
    "cpu",
    "dependencies",
    "devDependencies",
    "directories",
    "engines",
    "optionalDependencies",
    "os",
    "peerDependencies",
    "peerDependenciesMeta",
];

/// The packages that a package-lock.json or npm-shrinkwrap.json names, but those of the project and of other systems.
///
/// # Errors
/// A sentence about the file.
pub(super) fn read(text: &str) -> Result<Vec<Module>, String> {
    let lock: Value = serde_json::from_str(text).map_err(|error| format!("is no package-lock.json: {error}"))?;
    let mut modules = Vec::new();
    let Some(packages) = lock.get("packages").and_then(Value::as_object) else {
        // npm before 7. A project without any has no `dependencies`.
        if lock.get("lockfileVersion").and_then(Value::as_u64) != Some(1) {
            return Err("is no package-lock.json: it has neither `packages` nor the `lockfileVersion` 1".to_owned());
        }
        read_tree(&lock, &mut modules)?;
        return Ok(modules);
    };
    for (place, package) in packages {
        let field = |name: &str| package.get(name).and_then(Value::as_str);
        let is = |name: &str| package.get(name).and_then(Value::as_bool).unwrap_or(false);
        // The project itself, its workspaces, links to those, and what lies in the package of another one.
        let Some((_, name)) = place.rsplit_once("node_modules/") else { continue };
        if is("link") || is("inBundle") || !is_for_linux(package) {
            continue;
        }
        let (name, version) = (field("name").unwrap_or(name), field("version").unwrap_or_default());
        modules.push(module((name, version), field("integrity"), field("resolved"), Form::AsItIs)?);
        if let Some(last) = modules.last_mut() {
            last.license = field("license").map(str::to_owned);
        }
    }
    Ok(modules)
}

/// What npm before 7 wrote: each package with those that lie in its folder. What a package needs, and which programs it has,
/// stands only in itself.
fn read_tree(above: &Value, modules: &mut Vec<Module>) -> Result<(), String> {
    for (name, package) in above.get("dependencies").and_then(Value::as_object).into_iter().flatten() {
        let field = |name: &str| package.get(name).and_then(Value::as_str);
        if package.get("bundled").and_then(Value::as_bool) == Some(true) {
            continue;
        }
        read_tree(package, modules)?;
        let version = field("version").unwrap_or_default();
        // A folder of the project.
        if version.starts_with("file:") && !version.ends_with(".tgz") && !version.ends_with(".tar.gz") {
            continue;
        }
        // Under another name.
        let alias = version.strip_prefix("npm:").and_then(|alias| alias.rsplit_once('@'));
        let (name, version) = alias.unwrap_or((name, version));
        // What is from no registry has its address for a version.
        let (version, resolved) = match version.contains(':') {
            true => ("0.0.0", Some(version)),
            false => (version, field("resolved")),
        };
        modules.push(module((name, version), field("integrity"), resolved, Form::WithManifest)?);
    }
    Ok(())
}

/// One package as a lock file has it.
fn module(
    (name, version): (&str, &str),
    integrity: Option<&str>,
    resolved: Option<&str>,
    form: Form,
) -> Result<Module, String> {
    if !is_plain(name) || !is_plain(version) {
        return Err(format!("names a package that none can be called, {name:?} {version:?}"));
    }
    let Some(hash) = integrity.and_then(Hash::from_integrity) else {
        return Err(format!(
            "has no hash of {name} {version}: `npm install --package-lock-only` writes it, but for packages that are from \
             no registry"
        ));
    };
    let resolved = match resolved {
        Some(resolved) => fetchable(name, resolved)?,
        // npm leaves it out where it is told to (omit-lockfile-registry-resolved).
        None => tarball(name, version),
    };
    Ok(Module {
        ecosystem: Ecosystem::Npm,
        name: name.to_owned(),
        version: version.to_owned(),
        path: in_cache(&format!("content-v2/{}", hash.kind.name()), &hash.hex()),
        hash,
        place: Place::Npm { resolved: Address::from(resolved) },
        form,
        license: None,
    })
}

/// An address that farm fetches from.
pub(super) fn fetchable(name: &str, resolved: &str) -> Result<String, String> {
    match ["https://", "http://", "file:///"].iter().any(|kind| resolved.starts_with(kind)) {
        true => Ok(resolved.to_owned()),
        false => Err(format!("takes {name} from {}: farm fetches from registries only", Address::from(resolved))),
    }
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
pub(super) fn is_plain(text: &str) -> bool {
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

/// The answers of the registry that npm looks up where a lock file does not say where a package is, or what it needs: one for
/// each name, as a file of the cache's content and one of its index. Paths and texts. `files` are those of the modules.
pub(super) fn answers(modules: &[Module], files: &[PathBuf]) -> Vec<(String, String)> {
    let in_cache = |module: &&Module| module.path.starts_with("npm/");
    let mut versions: BTreeMap<&str, BTreeMap<&str, (&Module, &Path)>> = BTreeMap::new();
    for (module, file) in modules.iter().zip(files).filter(|(module, _)| in_cache(module)) {
        versions.entry(&module.name).or_default().insert(&module.version, (module, file));
    }
    let mut answers = Vec::new();
    for (name, versions) in versions {
        let latest = versions.keys().next_back().copied().unwrap_or_default();
        let version = |(module, file): (&Module, &Path)| {
            let place = match &module.place {
                Place::Npm { resolved } => resolved.secret().to_owned(),
                _ => tarball(name, &module.version),
            };
            let mut answer = match module.form {
                Form::WithManifest => manifest(file).unwrap_or_default(),
                _ => serde_json::Map::new(),
            };
            answer.insert("name".to_owned(), name.into());
            answer.insert("version".to_owned(), module.version.as_str().into());
            answer.insert("dist".to_owned(), json!({ "tarball": place, "integrity": module.hash.integrity() }));
            Value::Object(answer)
        };
        let all: serde_json::Map<String, Value> =
            versions.iter().map(|(number, module)| ((*number).to_owned(), version(*module))).collect();
        let answer = json!({ "name": name, "dist-tags": { "latest": latest }, "versions": all }).to_string();
        let hash = Hash { kind: HashKind::Sha512, bytes: Sha512::digest(&answer).to_vec() };
        let hex = hash.hex();
        answers.push((
            format!("npm/_cacache/content-v2/sha512/{}/{}/{}", &hex[..2], &hex[2..4], &hex[4..]),
            answer.clone(),
        ));

        let url = format!("{PUBLIC}{}", name.replace('/', "%2f"));
        answers.push(entry(&url, json!({ "accept": ACCEPT }), &hash, answer.len() as u64));
    }
    for module in modules.iter().filter(in_cache) {
        if let Place::Npm { resolved } = &module.place {
            answers.push(entry(resolved.secret(), json!({}), &module.hash, 0));
        }
    }
    answers
}

/// What the registry would say of a package, from the package.json in it. `None` when there is none that can be read: npm says
/// so itself when it unpacks it.
fn manifest(file: &Path) -> Option<serde_json::Map<String, Value>> {
    let reader = BufReader::with_capacity(128 * 1024, File::open(file).ok()?);
    let mut archive = tar::Archive::new(crate::stream::decompressed(reader).ok()?);
    let (mut answer, mut compiles) = (None, false);
    for entry in archive.entries().ok()? {
        let mut entry = entry.ok()?;
        let name = entry.path_bytes().into_owned();
        let mut parts = name.split(|byte| *byte == b'/').skip(1);
        match (parts.next(), parts.next()) {
            // npm compiles it when no script says otherwise.
            (Some(b"binding.gyp"), None) => compiles = true,
            (Some(b"package.json"), None) => {
                let mut text = Vec::new();
                (&mut entry).take(LARGEST_MANIFEST).read_to_end(&mut text).ok()?;
                answer = serde_json::from_slice::<serde_json::Map<String, Value>>(&text).ok();
            }
            _ => {}
        }
    }
    let answer = answer?;
    let script = |name: &str| answer.get("scripts").is_some_and(|scripts| scripts.get(name).is_some());
    let has_script = compiles || ["preinstall", "install", "postinstall"].into_iter().any(script);
    let mut kept: serde_json::Map<String, Value> =
        answer.into_iter().filter(|(key, _)| ANSWERED.contains(&key.as_str())).collect();
    if has_script {
        kept.insert("hasInstallScript".to_owned(), true.into());
    }
    Some(kept)
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
        let modules = read(&text).unwrap();
        let files = answers(&modules, &vec![PathBuf::new(); modules.len()]);
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

    /// As npm 6 wrote them, and npm 11 with `--lockfile-version=1`.
    #[test]
    fn the_tree_of_older_lock_files_is_read_to_its_leaves() {
        let text = format!(
            r#"{{"name": "pond", "lockfileVersion": 1, "requires": true, "dependencies": {{
                "a": {{"version": "1.0.0", "resolved": "https://example.org/a/-/a-1.0.0.tgz", "integrity": "{SHA}",
                      "requires": {{"b": "^2.0.0"}},
                      "dependencies": {{
                          "@s/b": {{"version": "2.0.0", "integrity": "{SHA}", "dev": true}},
                          "inside": {{"version": "1.0.0", "bundled": true}}}}}},
                "here": {{"version": "file:packages/here"}},
                "other": {{"version": "npm:@s/c@3.0.0", "integrity": "{SHA}"}},
                "afar": {{"version": "https://example.org/afar.tgz", "integrity": "{SHA}"}}}}}}"#
        );
        let found = read(&text).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|module| {
                let Place::Npm { resolved } = &module.place else { panic!("{module:?}") };
                assert_eq!(module.form, Form::WithManifest);
                (module.name.as_str(), module.version.as_str(), resolved.secret().trim_start_matches(PUBLIC))
            })
            .collect();
        assert_eq!(
            found,
            [
                ("@s/b", "2.0.0", "@s/b/-/b-2.0.0.tgz"),
                ("a", "1.0.0", "https://example.org/a/-/a-1.0.0.tgz"),
                ("afar", "0.0.0", "https://example.org/afar.tgz"),
                ("@s/c", "3.0.0", "@s/c/-/c-3.0.0.tgz"),
            ]
        );
        let from_git =
            r#"{"lockfileVersion": 1, "dependencies": {"a": {"version": "git+ssh://git@example.org/a.git#01"}}}"#;
        assert!(read(from_git).unwrap_err().starts_with("has no hash of a 0.0.0"));
    }

    #[test]
    fn what_older_lock_files_do_not_say_is_answered_from_the_packages() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("a.tgz");
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (name, text) in [
            ("package/binding.gyp", "{}"),
            (
                "package/package.json",
                r#"{"name": "evil", "bin": "a.js", "dependencies": {"b": "^2.0.0"}, "scripts": {"test": "x"}, "dist": 1}"#,
            ),
            ("package/lib/package.json", "{}"),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        std::fs::write(&file, tar.into_inner().unwrap().finish().unwrap()).unwrap();
        let text = format!(
            r#"{{"lockfileVersion": 1, "dependencies": {{"a": {{"version": "1.0.0", "integrity": "{SHA}"}}}}}}"#
        );
        let modules = read(&text).unwrap();
        let answers = answers(&modules, &[file]);
        let answer: Value = serde_json::from_str(&answers[0].1).unwrap();
        let expected = json!({
            "name": "a", "version": "1.0.0", "bin": "a.js", "dependencies": { "b": "^2.0.0" }, "hasInstallScript": true,
            "dist": { "tarball": format!("{PUBLIC}a/-/a-1.0.0.tgz"), "integrity": SHA },
        });
        assert_eq!(answer["versions"]["1.0.0"], expected);
    }

    #[test]
    fn what_npm_could_not_install_offline_is_refused() {
        let refused = |packages: &str| read(&lock(packages)).unwrap_err();
        assert!(read(r#"{"dependencies": {}}"#).unwrap_err().contains("neither `packages` nor"));
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
