//! Cargo.lock -> crates, which Cargo takes from a folder in place of their registry (The Cargo Book, "Source
//! Replacement", directory sources).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use toml::{Table, Value};

use super::hash::{Hash, HashKind};
use super::model::{Form, Module, Place};
use crate::recipe::Ecosystem;
use crate::types::printable;

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
    let mut from_git = Vec::new();
    for package in packages {
        let field = |name: &str| package.get(name).and_then(Value::as_str);
        let (Some(name), Some(version)) = (field("name"), field("version")) else {
            return Err("is no Cargo.lock: a package has no name or version".to_owned());
        };
        // What has no source lies in the project.
        let Some(source) = field("source") else { continue };
        if source.starts_with("git+") {
            from_git.push(format!("{name} ({})", source.split(['?', '#']).next().unwrap_or(source)));
            continue;
        }
        // Lock files of Cargo before 1.41 have them in a table of their own.
        let former = || metadata?.get(&format!("checksum {name} {version} ({source})"))?.as_str();
        let hash = field("checksum").or_else(former).and_then(|sum| Hash::from_hex(HashKind::Sha256, sum));
        let Some(hash) = hash else { return Err(format!("has no checksum of {name} {version}")) };
        modules.push(Module {
            ecosystem: Ecosystem::Cargo,
            name: name.to_owned(),
            version: version.to_owned(),
            hash,
            place: Place::Crate { registry: source.to_owned() },
            form: Form::Crate,
            path: format!("cargo/vendor/{name}-{version}"),
            license: None,
        });
    }
    if let Some(first) = from_git.first() {
        let more = if from_git.len() > 1 { format!(" and {} more", from_git.len() - 1) } else { String::new() };
        return Err(format!(
            "names crates of git repositories, {first}{more}, for which it has no checksum: depend on a release of a \
             registry, or name the repository in [[sources]] and the crate as a path dependency"
        ));
    }
    Ok(modules)
}

/// The configuration by which Cargo looks nowhere else, for the registries of `modules`. `config.toml` of a CARGO_HOME
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
    text
}

/// What Cargo wants to know of a crate in a folder: its checksum, as the lock file has it. It checks the files that
/// are named here, which are none: they were checked with the whole.
pub(super) fn checksum_file(hash: &Hash) -> String {
    format!("{{\"files\":{{}},\"package\":\"{}\"}}\n", hash.hex())
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
        let error = read(&package("source = \"git+https://example.org/itoa?branch=main#0123\"\n")).unwrap_err();
        assert!(error.contains("itoa (git+https://example.org/itoa), for which"), "{error}");
        assert!(read("[[package]\n").unwrap_err().starts_with("is no Cargo.lock: "));
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
