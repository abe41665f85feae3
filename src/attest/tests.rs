//! Documents about packages made by hand, and what verifying them finds. What others make of them
//! is asked in `tests/matrix/attest.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::artifact::fixtures::{ElfMaker, deb, file, program};
use crate::artifact::measure;

/// A target's folder with a program that is linked with a sibling's library, one of the builder and one of nobody, and
/// the modules of two languages.
struct Pond {
    temp: tempfile::TempDir,
    artifacts: Vec<Artifact>,
    inputs: BuildInputs,
    modules: Vec<Module>,
    key: BTreeMap<String, String>,
}

fn installed() -> Installed {
    let text = "os\tID\tdebian\nos\tVERSION_ID\t12\nformat\tdeb\n\
        package\tzlib1g\t1:1.2.13.dfsg-1\tamd64\tinstall ok installed\n\
        package\tlibc6\t2.36-9\tamd64\tinstall ok installed\n\
        library\tzlib1g:amd64\tlibz.so.1\nlibrary\tlibc6:amd64\tlibc.so.6\nend\n";
    Installed::parse(text).unwrap()
}

fn pond() -> Pond {
    let temp = tempfile::tempdir().unwrap();
    let elf = ElfMaker::needing(&["libz.so.1", "libpond.so.1", "liblost.so.9", "libc.so.6"]);
    let library = ElfMaker { machine: 62, needed: &["libc.so.6"], soname: Some("libpond.so.1"), runpath: None }.bytes();
    let fields =
        "Maintainer: A <a@example.org>\nDepends: libpond1 (= 1:1.0-1), zlib1g (>= 1:1.2.0) | zlib\nRecommends: reed\n";
    let of = |name: &str, fields: &str, members: &[_]| deb(temp.path(), (name, "1:1.0-1", "amd64"), fields, members);
    let paths = [
        of("pond", fields, &[program("./usr/bin/pond", &elf)]),
        of("libpond1", "Depends: libc6\n", &[file("./usr/lib/x86_64-linux-gnu/libpond.so.1", &library)]),
    ];
    let modules = "[\n\
        {\"ecosystem\":\"cargo\",\"name\":\"duck\",\"version\":\"1.0.0\",\"hash\":\"sha256:HEX\",\"license\":\"MIT/Apache-2.0\"},\n\
        {\"ecosystem\":\"go\",\"name\":\"example.org/duck\",\"version\":\"v1.0.0\",\"hash\":\"h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\",\"license\":null},\n\
        {\"ecosystem\":\"go\",\"name\":\"example.org/duck\",\"version\":\"v1.0.0\",\"hash\":\"h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\",\"license\":null}\n]\n"
        .replace("HEX", &"ab".repeat(32));
    let list = temp.path().join("modules.json");
    fs::write(&list, &modules).unwrap();
    let artifact = |path: &PathBuf, kind| {
        let (size_bytes, sha256) = measure(path).unwrap();
        let file_name = path.file_name().unwrap().to_str().unwrap().to_owned();
        Artifact { file_name, size_bytes, sha256, kind, package: None }
    };
    let mut artifacts: Vec<Artifact> = paths.iter().map(|path| artifact(path, ArtifactKind::Binary)).collect();
    artifacts.push(artifact(&list, ArtifactKind::Metadata));
    let source = |name: &str, urls: &[&str], commit: Option<&str>| SourceInput {
        name: name.to_owned(),
        sha256: "cd".repeat(32),
        urls: urls.iter().map(|url| (*url).to_owned()).collect(),
        commit: commit.map(str::to_owned),
    };
    let inputs = BuildInputs {
        schema: INPUTS_SCHEMA,
        farm: "0.1.0".to_owned(),
        engine: "native 0.1.0".to_owned(),
        source_date_epoch: 1_700_000_000,
        license: "MIT AND LicenseRef-Pond".to_owned(),
        sources: vec![
            source("pond.tar.gz", &["mirror://debian/pond.tar.gz", "https://example.org/pond.tar.gz"], None),
            source("reeds.tar", &["https://example.org/reeds.git"], Some(&"1f".repeat(20))),
            source("pond-1.0.tar", &[], None),
        ],
        patches: vec![PatchInput { name: "fix.patch".to_owned(), sha256: "ef".repeat(32) }],
        network: false,
        installed: Some(installed()),
    };
    let key = [
        ("base", format!("sha256:{}", "0a".repeat(32))),
        ("recipe.build.build", format!("sha256:{}", "0b".repeat(16))),
        ("recipe.package.version", "\"1.0\"".to_owned()),
        ("set.heron", format!("2.0-1 sha256:{}", "0c".repeat(32))),
    ];
    let key = key.map(|(name, value)| (name.to_owned(), value)).into();
    Pond { temp, artifacts, inputs, modules: serde_json::from_str(&modules).unwrap(), key }
}

impl Pond {
    fn documents(&self) -> Vec<Document> {
        let target = Target {
            id: "pond@debian-12/amd64",
            distro: "debian-12",
            arch: "amd64",
            folder: self.temp.path(),
            artifacts: &self.artifacts,
            key: ("k", &self.key),
            inputs: &self.inputs,
            version: Some(("1.0", 1)),
            tested: true,
            made: Some("2026-01-02T03:04:05Z"),
            elapsed_seconds: 12.5,
            builder: Some("https://ci.example.org/farm"),
        };
        let called = |artifact: &Artifact| Some(artifact.file_name.clone());
        documents(&target, &self.modules, &called, PROVENANCE).unwrap()
    }

    /// The documents of `pond` as JSON, and the statement.
    fn json(&self) -> [Value; 3] {
        let documents = self.documents();
        let named = |ending: &str| {
            let name = |one: &&Document| one.name.ends_with(ending) && !one.name.starts_with("lib");
            serde_json::from_slice(&documents.iter().find(name).unwrap().text).unwrap()
        };
        [named(SPDX), named(CYCLONEDX), named(PROVENANCE)]
    }
}

fn words<'a>(values: &'a Value, name: &str) -> Vec<&'a str> {
    values.as_array().unwrap().iter().map(|value| value[name].as_str().unwrap()).collect()
}

#[test]
fn the_same_packages_have_the_same_documents() {
    let pond = pond();
    let names: Vec<String> = pond.documents().into_iter().map(|one| one.name).collect();
    let of = |package: &str| [SPDX, CYCLONEDX].map(|ending| format!("{package}_1.0-1_amd64.deb.{ending}"));
    assert_eq!(names, [&of("pond")[..], &of("libpond1")[..], &[PROVENANCE.to_owned()]].concat());
    assert_eq!(pond.documents(), pond.documents());
}

#[test]
fn a_bill_says_what_is_known_and_what_is_not() {
    let [bill, _, _] = pond().json();
    let packages = bill["packages"].as_array().unwrap();
    let one = |id: &str| packages.iter().find(|package| package["SPDXID"] == *id).unwrap_or_else(|| panic!("{id}"));
    let subject = one("SPDXRef-Package-pond");
    assert_eq!(
        subject["externalRefs"][0]["referenceLocator"],
        "pkg:deb/debian/pond@1:1.0-1?arch=amd64&distro=debian-12"
    );
    assert_eq!((&subject["versionInfo"], &subject["licenseConcluded"]), (&"1:1.0-1".into(), &"NOASSERTION".into()));
    assert!(subject["comment"].as_str().unwrap().contains("came from is not known: liblost.so.9."), "{subject}");
    assert_eq!(one("SPDXRef-Source-pond.tar.gz")["downloadLocation"], "https://example.org/pond.tar.gz");
    let git = format!("git+https://example.org/reeds.git@{}", "1f".repeat(20));
    assert_eq!(one("SPDXRef-Source-reeds.tar")["downloadLocation"], git);
    assert_eq!(one("SPDXRef-Source-pond-1.0.tar")["downloadLocation"], "NOASSERTION");
    assert_eq!(one("SPDXRef-Module-duck")["licenseDeclared"], "MIT OR Apache-2.0");
    assert!(one("SPDXRef-Module-example.org-duck")["comment"].as_str().unwrap().starts_with("dirHash e3b0c4"));
    assert_eq!(one("SPDXRef-Builder-zlib1g")["versionInfo"], "1:1.2.13.dfsg-1");
    assert_eq!(one("SPDXRef-Requirement-zlib1g---zlib").get("versionInfo"), None, "which a system has nobody knows");
    let relations: BTreeSet<String> = bill["relationships"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {} {}", one["spdxElementId"], one["relationshipType"], one["relatedSpdxElement"]))
        .map(|line| line.replace(['"'], "").replace("SPDXRef-", ""))
        .collect();
    for line in [
        "DOCUMENT DESCRIBES Package-pond",
        "Package-pond GENERATED_FROM Source-pond.tar.gz",
        "Package-pond GENERATED_FROM Patch-fix.patch",
        "Module-duck BUILD_DEPENDENCY_OF Package-pond",
        "Builder-zlib1g BUILD_DEPENDENCY_OF Package-pond",
        "Package-pond DYNAMIC_LINK Builder-zlib1g",
        "Package-pond DYNAMIC_LINK Builder-libc6",
        "Package-pond DYNAMIC_LINK Library-libpond1",
        "Requirement-libpond1 RUNTIME_DEPENDENCY_OF Package-pond",
        "Requirement-reed OPTIONAL_DEPENDENCY_OF Package-pond",
    ] {
        assert!(relations.contains(line), "{line}: {relations:#?}");
    }
    assert_eq!(words(&bill["hasExtractedLicensingInfos"], "licenseId"), ["LicenseRef-Pond"]);
    assert_eq!(bill["creationInfo"]["created"], "2023-11-14T22:13:20Z");
}

#[test]
fn scanners_are_shown_what_may_be_in_the_package() {
    let [_, bill, _] = pond().json();
    let names: BTreeSet<&str> = words(&bill["components"], "name").into_iter().collect();
    let expected = ["duck", "example.org/duck", "libc6", "libpond1", "reed", "zlib1g", "zlib1g | zlib"];
    assert_eq!(names, expected.into(), "{bill:#}");
    let package = &bill["metadata"]["component"];
    let ancestors = words(&package["pedigree"]["ancestors"], "name");
    assert_eq!(ancestors, ["pond.tar.gz", "reeds.tar", "pond-1.0.tar", "fix.patch"]);
    assert_eq!(bill["compositions"][0]["aggregate"], "unknown");
    // All of the builder is in the program or needed: nothing is left for the formulation.
    assert_eq!(bill.get("formulation"), None);
    let mut pond = pond();
    pond.inputs.installed = None;
    let [spdx, bill, statement] = pond.json();
    assert!(spdx["packages"][0]["comment"].as_str().unwrap().contains("where it was built is not known"));
    assert_eq!(words(&bill["metadata"]["properties"], "name").len(), 3, "{bill:#}");
    let known = &statement["predicate"]["buildDefinition"]["internalParameters"]["builderPackagesKnown"];
    assert_eq!(known, &Value::Bool(false));
}

#[test]
fn provenance_names_every_input_of_the_key() {
    let pond = pond();
    let [_, _, statement] = pond.json();
    let predicate = &statement["predicate"];
    assert_eq!(words(&statement["subject"], "name"), ["pond_1.0-1_amd64.deb", "libpond1_1.0-1_amd64.deb"]);
    assert_eq!(statement["subject"][0]["digest"]["sha256"], pond.artifacts[0].sha256);
    let dependencies = predicate["buildDefinition"]["resolvedDependencies"].as_array().unwrap();
    for (name, value) in &pond.key {
        let found = dependencies.iter().find(|one| one["name"] == format!("key/{name}")).unwrap();
        assert!(found["digest"].is_object(), "{name} = {value}: {found}");
    }
    let uris: Vec<&str> = dependencies.iter().filter_map(|one| one["uri"].as_str()).collect();
    for uri in [
        "mirror://debian/pond.tar.gz",
        "pkg:cargo/duck@1.0.0",
        "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12",
    ] {
        assert!(uris.contains(&uri), "{uri}: {uris:#?}");
    }
    let git = dependencies.iter().find(|one| one["name"] == "reeds.tar").unwrap();
    assert_eq!(git["digest"]["gitCommit"], "1f".repeat(20));
    let run = &predicate["runDetails"];
    assert_eq!(run["builder"]["id"], "https://ci.example.org/farm");
    assert_eq!(run["metadata"]["startedOn"], "2026-01-02T03:03:52Z");
    assert_eq!(words(&run["byproducts"], "name").len(), 5, "four bills and the list of modules");
}

/// The documents beside the packages, as they lie on a release page.
fn written(pond: &Pond) -> PathBuf {
    for document in pond.documents() {
        fs::write(pond.temp.path().join(&document.name), &document.text).unwrap();
    }
    pond.temp.path().join(&pond.artifacts[0].file_name)
}

fn refused(verdict: Verdict) -> String {
    match verdict {
        Verdict::Refused(reason) => reason,
        Verdict::Named(found) => panic!("{found:?}"),
    }
}

#[test]
fn a_flipped_bit_is_another_package() {
    let pond = pond();
    let package = written(&pond);
    let verdict = || Statements::read(pond.temp.path(), None).unwrap().verdict(&package).unwrap();
    let Verdict::Named(found) = verdict() else { panic!("{:?}", verdict()) };
    assert_eq!((found.target.as_str(), found.bills, found.missing.len()), ("pond@debian-12/amd64", 2, 0));
    let whole = fs::read(&package).unwrap();
    for at in [0, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(&package, flipped).unwrap();
        assert!(refused(verdict()).starts_with("is not the file that was built: it has sha256 "), "{at}");
    }
    fs::write(&package, &whole).unwrap();
    let elsewhere = pond.temp.path().join("other.deb");
    fs::rename(&package, &elsewhere).unwrap();
    let statements = Statements::read(pond.temp.path(), None).unwrap();
    assert!(matches!(statements.verdict(&elsewhere).unwrap(), Verdict::Named(_)), "by its content, not by its name");
    fs::write(&elsewhere, "something else").unwrap();
    assert!(refused(statements.verdict(&elsewhere).unwrap()).starts_with("is named by no statement"));
}

#[test]
fn a_bill_that_was_changed_is_found() {
    let pond = pond();
    let package = written(&pond);
    let bill = pond.temp.path().join(format!("{}.{SPDX}", pond.artifacts[0].file_name));
    let text = fs::read_to_string(&bill).unwrap();
    fs::write(&bill, text.replace("zlib1g", "zlib2g")).unwrap();
    let statements = Statements::read(pond.temp.path(), None).unwrap();
    assert!(refused(statements.verdict(&package).unwrap()).starts_with("has another bill of materials than "));
    fs::remove_file(&bill).unwrap();
    let Verdict::Named(found) = statements.verdict(&package).unwrap() else { panic!() };
    assert_eq!((found.bills, found.missing.len()), (1, 1));
}

#[test]
fn what_is_no_statement_does_not_count() {
    let temp = tempfile::tempdir().unwrap();
    let statement = |kind: &str, predicate: &str| {
        format!("{{\"_type\": \"{kind}\", \"predicateType\": \"{predicate}\", \"subject\": [], \"predicate\": {{}}}}")
    };
    for (name, text) in [
        ("a.provenance.json", "{".to_owned()),
        ("b.provenance.json", statement("https://in-toto.io/Statement/v0.1", "https://slsa.dev/provenance/v1")),
        ("c.provenance.json", statement("https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v0.2")),
        ("d.provenance.json", statement("https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1")),
        ("not-provenance.json", "{".to_owned()),
    ] {
        fs::write(temp.path().join(name), text).unwrap();
    }
    let statements = Statements::read(temp.path(), None).unwrap();
    assert_eq!((statements.len(), statements.refused.len()), (1, 3));
    let statements = Statements::read(temp.path(), Some(b"no key")).unwrap();
    assert_eq!((statements.len(), statements.refused.len()), (0, 4), "nobody has signed them");
}
