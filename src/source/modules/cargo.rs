//! Cargo.lock -> crates, which Cargo takes from a folder in place of their registry (The Cargo Book, "Source
//! Replacement", directory sources).

mod git;
mod manifest;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use toml::{Table, Value};

use super::hash::{Hash, HashKind};
use super::model::{Form, GitSource, Module, Place};
use crate::recipe::Ecosystem;
use crate::types::{Address, printable};
pub(super) use git::{TOP, add as add_commit};

/// Far more than any has.
const LARGEST_MANIFEST: u64 = 4 << 20;

/// How Cargo.lock names the registry that needs no configuration.
pub(super) const CRATES_IO: [&str; 2] =
    ["registry+https://github.com/rust-lang/crates.io-index", "sparse+https://index.crates.io/"];

/// The crates that a Cargo.lock names, but those of the project itself.
///
/// # Errors
/// A sentence about the file.
pub(super) fn read(text: &str) -> Result<Vec<Module>, String> {
    let lock: Table = text.parse().map_err(|error| format!("is no Cargo.lock: {error}"))?;
    let metadata = lock.get("metadata").and_then(Value::as_table);
    let packages = lock.get("package").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut modules = Vec::new();
    for package in packages {
        let field = |name: &str| package.get(name).and_then(Value::as_str);
        let (Some(name), Some(version)) = (field("name"), field("version")) else {
            return Err("is no Cargo.lock: a package has no name or version".to_owned());
        };
        // What has no source lies in the project.
        let Some(source) = field("source") else { continue };
        if !is_plain(name) || !is_plain(version) {
            return Err(format!("names a crate that none can be called, {name:?} {version:?}"));
        }
        let module = |hash, place, form, folder: &str| Module {
            ecosystem: Ecosystem::Cargo,
            name: name.to_owned(),
            version: version.to_owned(),
            hash,
            place,
            form,
            path: format!("cargo/{folder}/{name}-{version}"),
            license: None,
        };
        if let Some(address) = source.strip_prefix("git+") {
            let (source, commit) = GitSource::parse(address)
                .map_err(|reason| format!("takes {name} from {}, {reason}", Address::from(address)))?;
            let folder = format!("git/{}", source.folder());
            modules.push(module(commit, Place::Git(source), Form::CrateOfCommit, &folder));
            continue;
        }
        // Lock files of Cargo before 1.41 have them in a table of their own.
        let former = || metadata?.get(&format!("checksum {name} {version} ({source})"))?.as_str();
        let hash = field("checksum").or_else(former).and_then(|sum| Hash::from_hex(HashKind::Sha256, sum));
        let Some(hash) = hash else { return Err(format!("has no checksum of {name} {version}")) };
        modules.push(module(hash, Place::Crate { registry: source.to_owned() }, Form::Crate, "vendor"));
    }
    Ok(modules)
}

/// Whether it can be the name of a folder.
fn is_plain(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
    !text.is_empty() && text.chars().all(is_plain)
}

/// The configuration by which Cargo looks nowhere else, for the registries and repositories of `modules`. `config.toml` of a CARGO_HOME
/// beside `vendor`.
pub(super) fn config(modules: &[Module]) -> String {
    let registries: BTreeSet<&str> = modules
        .iter()
        .filter_map(|module| match &module.place {
            Place::Crate { registry } => Some(registry.as_str()),
            _ => None,
        })
        .collect();
    let mut text = "[net]\noffline = true\n\n[source.farm]\ndirectory = \"cargo/vendor\"\n\n\
                    [source.crates-io]\nreplace-with = \"farm\"\n"
        .to_owned();
    for registry in registries.into_iter().filter(|registry| !CRATES_IO.contains(registry)) {
        // A sparse index keeps its kind in its address, one in git does not.
        let address = registry.strip_prefix("registry+").unwrap_or(registry);
        let name = Value::from(registry);
        let address = Value::from(address);
        text.push_str(&format!("\n[source.{name}]\nregistry = {address}\nreplace-with = \"farm\"\n"));
    }
    let repositories = modules.iter().filter_map(|module| match &module.place {
        Place::Git(source) => Some((source.folder(), source)),
        _ => None,
    });
    for (folder, source) in repositories.collect::<BTreeMap<_, _>>() {
        let url = Value::from(source.url.secret());
        text.push_str(&format!("\n[source.\"git {folder}\"]\ngit = {url}\n"));
        if let Some((kind, value)) = &source.reference {
            text.push_str(&format!("{kind} = {}\n", Value::from(value.as_str())));
        }
        text.push_str(&format!(
            "replace-with = \"farm-{folder}\"\n\n[source.farm-{folder}]\ndirectory = \"cargo/git/{folder}\"\n"
        ));
    }
    text
}

/// What Cargo wants to know of a crate in a folder: its checksum, as the lock file has it; a crate of a git repository has
/// none there. It checks the files that are named here, which are none: they were checked with the whole.
pub(super) fn checksum_file(hash: &Hash) -> String {
    let package = match hash.kind {
        HashKind::GitCommit => serde_json::Value::Null,
        _ => hash.hex().into(),
    };
    format!("{{\"files\":{{}},\"package\":{package}}}\n")
}

/// What the Cargo.toml in a .crate says of its licence.
pub(super) fn license(file: &Path) -> Option<String> {
    let reader = BufReader::with_capacity(128 * 1024, File::open(file).ok()?);
    let mut archive = tar::Archive::new(crate::stream::decompressed(reader).ok()?);
    for entry in archive.entries().ok()? {
        let mut entry = entry.ok()?;
        let is_manifest = {
            let path = entry.path_bytes();
            path.iter().filter(|byte| **byte == b'/').count() == 1 && path.ends_with(b"/Cargo.toml")
        };
        if is_manifest {
            let mut text = String::new();
            (&mut entry).take(LARGEST_MANIFEST).read_to_string(&mut text).ok()?;
            let manifest: Table = text.parse().ok()?;
            let package = manifest.get("package")?;
            let field = |name: &str| package.get(name).and_then(Value::as_str);
            return field("license").map(printable);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "b971ccb2a3d7d2ba1d7eab3c6b6b1e1c8a1f6a1d6e1d0a4e0ef53b0b0d2d7a11";

    #[test]
    fn crates_are_read_from_both_forms_of_the_file() {
        let now = format!(
            "version = 4\n\n[[package]]\nname = \"pond\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"itoa\"\n\
             version = \"1.0.11\"\nsource = \"{}\"\nchecksum = \"{SUM}\"\n",
            CRATES_IO[0]
        );
        let before = format!(
            "[[package]]\nname = \"itoa\"\nversion = \"1.0.11\"\nsource = \"{0}\"\n\n[metadata]\n\
             \"checksum itoa 1.0.11 ({0})\" = \"{SUM}\"\n",
            CRATES_IO[0]
        );
        for text in [now, before] {
            let modules = read(&text).unwrap();
            let [itoa] = modules.as_slice() else { panic!("{modules:?}") };
            assert_eq!((itoa.path.as_str(), itoa.hash.hex().as_str()), ("cargo/vendor/itoa-1.0.11", SUM));
        }
    }

    #[test]
    fn what_cannot_be_verified_is_refused() {
        let package = |rest: &str| format!("[[package]]\nname = \"itoa\"\nversion = \"1.0.11\"\n{rest}");
        let error = read(&package("source = \"registry+https://example.org/index\"\n")).unwrap_err();
        assert_eq!(error, "has no checksum of itoa 1.0.11");
        let error =
            read(&package("source = \"git+https://me:secret@example.org/itoa?branch=main#0123\"\n")).unwrap_err();
        assert_eq!(
            error,
            "takes itoa from https://example.org/itoa?branch=…, without the commit: `cargo generate-lockfile` writes it"
        );
        let error = read("[[package]]\nname = \"../x\"\nversion = \"1\"\nsource = \"registry+x\"\n").unwrap_err();
        assert!(error.starts_with("names a crate that none can be called"), "{error}");
        assert!(read("[[package]\n").unwrap_err().starts_with("is no Cargo.lock: "));
    }

    #[test]
    fn every_repository_is_replaced_by_a_folder_of_its_own() {
        let package = |name: &str, query: &str| {
            let commit = "154c192c204cdf27d8f1c035d6a041e3a623ceae";
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"git+https://git.example/ws{query}#{commit}\"\n"
            )
        };
        let text = package("a", "?branch=main") + &package("b", "?branch=main") + &package("a", "?tag=v1%2Fx");
        let modules = read(&text).unwrap();
        let config: Table = config(&modules).parse().unwrap();
        let sources = config["source"].as_table().unwrap();
        let mut found = Vec::new();
        for (name, source) in sources.iter().filter(|(_, source)| source.get("git").is_some()) {
            let folder = sources[source["replace-with"].as_str().unwrap()]["directory"].as_str().unwrap();
            let crates: Vec<&str> = modules
                .iter()
                .filter(|module| module.path.starts_with(folder))
                .map(|module| module.name.as_str())
                .collect();
            assert_eq!(source["git"].as_str(), Some("https://git.example/ws"), "{name}");
            let reference = source.get("branch").or(source.get("tag")).and_then(Value::as_str).unwrap();
            found.push((reference, crates));
        }
        found.sort();
        assert_eq!(found, [("main", vec!["a", "b"]), ("v1/x", vec!["a"])]);
        assert_eq!(checksum_file(&modules[0].hash), "{\"files\":{},\"package\":null}\n");
    }

    #[test]
    fn every_registry_is_replaced() {
        let package = |name: &str, registry: &str| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"{registry}\"\nchecksum = \"{SUM}\"\n"
            )
        };
        let text = package("a", CRATES_IO[0])
            + &package("b", "registry+https://example.org/git/index")
            + &package("c", "sparse+https://example.org/index/");
        let config: Table = config(&read(&text).unwrap()).parse().unwrap();
        let sources = config["source"].as_table().unwrap();
        let registries: Vec<_> = sources.values().filter_map(|source| source.get("registry")?.as_str()).collect();
        assert_eq!(registries, ["https://example.org/git/index", "sparse+https://example.org/index/"]);
        let replaced = sources.values().filter(|source| source.get("replace-with").is_some()).count();
        assert_eq!((sources.len(), replaced), (4, 3), "{config}");
    }
}
