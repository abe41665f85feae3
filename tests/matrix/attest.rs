//! What `farm attest` writes of real packages, read by those that others have: spdx-tools, cyclonedx-python-lib,
//! in-toto-attestation and packageurl-python. `cargo xtask test` installs them and says where they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::split::greetd;
use crate::support::{Ran, Test, built_once, native_engine, repository, skip};

/// The documents below a folder, as the validators see them; nothing where there are none on this machine.
pub(crate) fn validated(documents: &[PathBuf]) -> Option<Ran> {
    let Some(python) = std::env::var_os("FARM_TEST_VALIDATORS") else {
        skip("FARM_TEST_VALIDATORS names no Python with validators (`cargo xtask test` installs them)");
        return None;
    };
    let script = repository().join("tests/matrix/validators/validate.py");
    Some(Command::new(python).arg("-B").arg(script).args(documents).output().unwrap().into())
}

/// All documents below a folder.
pub(crate) fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(documents(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// Writes the documents of all that a test has built and has them read; each package is what they name, and with one bit
/// flipped it is not.
fn attested(test: &Test) {
    let folder = test.folder().join("attested");
    let _ = fs::remove_dir_all(&folder);
    test.run(&["attest", "attested"]).exits(0);
    let documents = documents(&folder);
    if let Some(ran) = validated(&documents) {
        ran.exits(0).says(&format!("{} documents, 0 problems", documents.len()));
    }

    let elsewhere = test.folder().join("flipped");
    fs::create_dir_all(&elsewhere).unwrap();
    let verify = |package: &Path| {
        let arguments = ["attest", "verify", "--statements", "attested", package.to_str().unwrap()];
        test.without_output().run(&arguments)
    };
    let bills = documents.iter().filter(|path| path.to_str().unwrap().ends_with(".spdx.json"));
    let mut formats = Vec::new();
    for bill in bills {
        let package = test.dist().join(bill.strip_prefix(&folder).unwrap()).with_extension("").with_extension("");
        verify(&package).exits(0).says("2 bills of materials are as it says");
        let mut content = fs::read(&package).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        let flipped = elsewhere.join(package.file_name().unwrap());
        fs::write(&flipped, content).unwrap();
        verify(&flipped).exits(13).says("is not the file that was built: it has sha256");
        formats.extend(package.extension().map(|format| format.to_str().unwrap().to_owned()));
    }
    formats.sort();
    formats.dedup();
    assert_eq!(formats, ["deb", "rpm"]);
}

#[test]
fn documents_of_split_packages_are_what_their_readers_want() {
    let Some(test) = greetd() else { return };
    attested(test);
}

#[test]
fn documents_of_all_recipes_here_are_what_their_readers_want() {
    let Some(test) = built_once() else { return };
    attested(test);
}

/// Names, versions, licences and requirements with all that formats allow.
#[test]
#[cfg(target_os = "linux")]
fn documents_of_unusual_packages_are_what_their_readers_want() {
    let recipe = "[package]\nname = \"pond++\"\nversion = \"1.0~rc1+git.2\"\nepoch = 2\nsummary = \"Swims: \\\"quack\\\" & <more>\"\n\
        license = \"(MIT OR LicenseRef-Pond) AND GPL-2.0-or-later WITH Classpath-exception-2.0\"\n\
        homepage = \"https://example.org/pond?a=b&c=d\"\nmaintainer = \"Ada Lovelace <ada@example.org>\"\narchitecture = \"all\"\n\
        date = 2026-01-02\nrequires = [\"python3\"]\n\
        recommends = [\"bash >= 4\"]\n\
        [override.deb.package]\nrequires = [\"mawk | gawk\", \"libstdc++6 (>= 4)\", \"python3:any\"]\n\
        [override.rpm.package]\nrequires = [\"/bin/sh\", \"(bash or dash)\"]\n\
        [[sources]]\npath = \"pond++ src\"\npatches = [\"a b.patch\"]\n\
        [build]\ninstall = 'install -D duck \"$DESTDIR/usr/share/pond++/duck\"'\n\
        [matrix]\ndistros = [\"debian-12\", \"rpm-generic\"]\n";
    let test = Test::on("attest-unusual", &native_engine())
        .file("farm.toml", recipe)
        .file("pond++ src/duck", "quack\n")
        .file("a b.patch", "--- a/duck\n+++ b/duck\n@@ -1 +1 @@\n-quack\n+Quack\n");
    test.run(&["build", "--matrix", "--no-test"]).exits(0).says("2 succeeded");
    attested(&test);
    let bill = |target: &str| {
        let all = documents(&test.folder().join("attested/pond++").join(target));
        all.into_iter().find(|path| path.to_str().unwrap().ends_with(".spdx.json")).unwrap()
    };
    let deb = fs::read_to_string(bill("debian-12-amd64")).unwrap();
    for words in ["mawk | gawk", "LicenseRef-Pond", "pkg:deb/debian/pond%2B%2B@2:1.0~rc1%2Bgit.2-1~deb12?arch=all"] {
        assert!(deb.contains(words), "{words} is missing in {deb}");
    }
    let rpm = fs::read_to_string(bill("rpm-generic-x86_64")).unwrap();
    for words in ["(bash or dash)", "&epoch=2"] {
        assert!(rpm.contains(words), "{words} is missing in {rpm}");
    }
}

/// A validator that takes everything would be no proof.
#[test]
fn broken_documents_are_refused_by_their_readers() {
    let Some(test) = greetd() else { return };
    let folder = test.folder().join("to-break");
    let _ = fs::remove_dir_all(&folder);
    test.run(&["attest", "to-break"]).exits(0);
    let all = documents(&folder);
    type Break = fn(&mut Value);
    let cases: [(&str, Break, &str); 9] = [
        (
            ".spdx.json",
            |bill| bill["relationships"][0]["relatedSpdxElement"] = json!("SPDXRef-Nobody"),
            "SPDXRef-Nobody",
        ),
        (".spdx.json", |bill| bill["packages"][0]["licenseDeclared"] = json!("as you like it"), "as you like it"),
        (".spdx.json", |bill| bill["creationInfo"]["created"] = json!("yesterday"), "yesterday"),
        (".cdx.json", |bill| bill["metadata"]["component"]["type"] = json!("duck"), "'duck' is not one of"),
        (".cdx.json", |bill| bill["metadata"]["component"]["colour"] = json!("green"), "'colour' was unexpected"),
        (
            ".cdx.json",
            |bill| bill["metadata"]["component"]["purl"] = json!("pkg:DEB/x@1"),
            "the canonical form is pkg:deb",
        ),
        ("provenance.json", |one| one["subject"][0]["digest"] = json!({}), "At least one digest required (subject 0)"),
        ("provenance.json", |one| one["predicate"]["runDetails"]["colour"] = json!("green"), "\"colour\""),
        ("provenance.json", |one| one["predicate"]["runDetails"]["builder"]["id"] = json!(""), "a required field"),
    ];
    for (ending, make, expected) in cases {
        let whole = all.iter().find(|path| path.to_str().unwrap().ends_with(ending)).unwrap();
        let mut value: Value = serde_json::from_slice(&fs::read(whole).unwrap()).unwrap();
        make(&mut value);
        let broken = folder.join(format!("broken.{ending}").replace("..", "."));
        fs::write(&broken, value.to_string()).unwrap();
        let Some(ran) = validated(&[broken]) else { return };
        ran.exits(1).says(expected);
    }
}
