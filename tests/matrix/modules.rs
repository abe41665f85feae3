//! A project of four languages, each with a module that a lock file pins: fetched from registries in folders, which the
//! tools' own configuration names, and built by the distribution's own cargo, go, npm and pip without a network.

use std::fs;
use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256, Sha512};

use crate::attest::{documents, validated};
use crate::support::{Test, cache, native_engine};

const RECIPE: &str = r#"
[package]
name = "pond"
version = "1.0"
summary = "Speaks four languages"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
date = 2026-01-02
requires = ["nodejs", "python3"]

[[sources]]
path = "pond"

[modules]
cargo = ["Cargo.lock"]
go = ["go.sum"]
npm = ["package-lock.json"]
pip = ["requirements.txt"]

[build]
requires = ["cargo", "golang-go", "npm", "python3-pip"]
env = { RUSTFLAGS = "-C debuginfo=0" }
build = """
cargo build --release --locked
go build -trimpath -buildmode=pie -ldflags=-linkmode=external -o pond-go .
npm ci
python3 -m pip install --require-hashes --target python -r requirements.txt
"""
install = """
install -D target/release/pond $DESTDIR/usr/bin/pond-rust
install -D pond-go $DESTDIR/usr/bin/pond-go
mkdir -p $DESTDIR/usr/share/pond
cp -R index.js node_modules python $DESTDIR/usr/share/pond/
rm -rf $DESTDIR/usr/share/pond/python/__pycache__ $DESTDIR/usr/share/pond/node_modules/.package-lock.json
"""

[test]
script = """
test "$(pond-rust)" = quack
test "$(pond-go)" = quack
test "$(node /usr/share/pond/index.js)" = quack
test "$(PYTHONPATH=/usr/share/pond/python python3 -c 'import duck; print(duck.says())')" = quack
"""

[matrix]
distros = ["debian-12"]
"#;

const CARGO_MANIFEST: &str = "[package]\nname = \"pond\"\nversion = \"1.0.0\"\nedition = \"2021\"\n\n[dependencies]\nduck = \"1\"\n\
     pond-fish = { git = \"https://git.example/fish\", branch = \"main\" }\n";
const GO_MOD: &str = "module example.org/duck\n\ngo 1.19\n";

#[test]
fn four_languages_are_built_offline_from_what_their_lock_files_pin() {
    let mut test = Test::on("modules", &native_engine()).file("farm.toml", RECIPE);
    for (path, text) in [
        ("pond/Cargo.toml", CARGO_MANIFEST),
        ("pond/src/main.rs", "fn main() {\n    println!(\"{}{}\", duck::SAYS, pond_fish::SAYS);\n}\n"),
        ("pond/go.mod", "module example.org/pond\n\ngo 1.19\n\nrequire example.org/duck v1.0.0\n"),
        ("pond/main.go", "package main\n\nimport \"example.org/duck\"\n\nfunc main() { println2(duck.Says) }\n"),
        ("pond/print.go", "package main\n\nimport \"fmt\"\n\nfunc println2(text string) { fmt.Println(text) }\n"),
        (
            "pond/package.json",
            "{\"name\": \"pond\", \"version\": \"1.0.0\", \"dependencies\": {\"@the/duck\": \"^1.0.0\"}}\n",
        ),
        ("pond/index.js", "console.log(require('@the/duck'));\n"),
    ] {
        test.write(path, text);
    }
    let lock = |test: &Test| format!("{}{}", publish_crate(test), publish_repository(test));
    test.write("pond/Cargo.lock", &lock(&test));
    test.write("pond/go.sum", &publish_go_module(&test));
    test.write("pond/package-lock.json", &publish_npm_package(&test));
    test.write("pond/requirements.txt", &publish_wheel(&test));
    let url = |path: &str| format!("file://{}", test.folder().join(path).display());
    let cargo_home = test.folder().join("registries/cargo").display().to_string();
    // `farm fetch` has no folder for packages.
    let mut fetching = Test::at(test.folder().to_owned()).env("XDG_CACHE_HOME", cache().to_str().unwrap());
    let git_config = test.folder().join("registries/gitconfig").display().to_string();
    for (name, value) in [
        ("CARGO_HOME", cargo_home),
        ("GIT_CONFIG_GLOBAL", git_config),
        ("GOPROXY", url("registries/go")),
        ("npm_config_registry", url("registries/npm")),
        ("PIP_INDEX_URL", url("registries/python")),
    ] {
        test = test.env(name, &value);
        fetching = fetching.env(name, &value);
    }

    // What was fetched once is not asked for again.
    fetching.run(&["fetch", "--matrix"]).exits(0).says("pond 1.0: 1 source ").says("modules");
    fs::remove_dir_all(test.folder().join("registries")).unwrap();
    test.run(&["build", "--matrix"]).exits(0).says("1 succeeded");
    let list = fs::read_to_string(test.dist().join("pond/debian-12-amd64/modules.json")).unwrap();
    let list: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
    let found: Vec<_> =
        list.iter().map(|module| (module["ecosystem"].as_str().unwrap(), module["name"].as_str().unwrap())).collect();
    let expected = [
        ("cargo", "pond-fish"),
        ("cargo", "duck"),
        ("go", "example.org/duck"),
        ("go", "example.org/duck"),
        ("npm", "@the/duck"),
        ("pip", "duck"),
    ];
    assert_eq!(found, expected);
    assert_eq!((&list[0]["license"], &list[1]["license"]), (&"0BSD".into(), &"MIT".into()));
    let deb = || fs::read(&test.files("pond/debian-12-amd64", "pond_1.0-1~deb12_amd64.deb")[0]).unwrap();
    let first = deb();

    // What went in is in the bill of materials, and a package with one bit flipped is another one.
    test.run(&["attest", "attested"]).exits(0).says("3 documents of 1 target");
    if let Some(ran) = validated(&documents(&test.folder().join("attested"))) {
        ran.exits(0).says("3 documents, 0 problems");
    }
    let bill = test.folder().join("attested/pond/debian-12-amd64/pond_1.0-1~deb12_amd64.deb.cdx.json");
    let bill: serde_json::Value = serde_json::from_slice(&fs::read(bill).unwrap()).unwrap();
    let parts = bill["components"].as_array().unwrap();
    for purl in [
        "pkg:cargo/duck@",
        "pkg:golang/example.org/duck@",
        "pkg:npm/%40the/duck@",
        "pkg:pypi/duck@",
        "pkg:deb/debian/libc6@",
    ] {
        let is_it = |part: &serde_json::Value| part["purl"].as_str().is_some_and(|found| found.starts_with(purl));
        assert!(parts.iter().any(is_it), "{purl}: {parts:#?}");
    }
    let verifying = Test::at(test.folder().to_owned());
    let verify =
        |package: &Path| verifying.run(&["attest", "verify", "--statements", "attested", package.to_str().unwrap()]);
    let package = &test.files("pond/debian-12-amd64", "pond_1.0-1~deb12_amd64.deb")[0];
    verify(package)
        .exits(0)
        .says("as it was built for pond@debian-12/amd64")
        .says("2 bills of materials are as it says");
    let mut flipped = first.clone();
    flipped[first.len() / 2] ^= 1;
    let elsewhere = test.folder().join("pond_1.0-1~deb12_amd64.deb");
    fs::write(&elsewhere, flipped).unwrap();
    verify(&elsewhere).exits(13).says("is not the file that was built: it has sha256");

    test.run(&["build", "--matrix", "--force", "--no-test"]).exits(0).says("1 succeeded");
    assert!(first == deb(), "the second build gave other bytes");

    // A module that is not what the lock file pins is no part of a build.
    publish_crate(&test);
    publish_wheel(&test);
    let lock = fs::read_to_string(test.folder().join("pond/Cargo.lock")).unwrap();
    let sum = lock.lines().find_map(|line| line.strip_prefix("checksum = ")).unwrap().trim_matches('"').to_owned();
    test.write("pond/Cargo.lock", &lock.replace(&sum, &"0".repeat(64)));
    test.run(&["build", "--matrix"]).exits(10).says("is not what the lock file pins, sha256:0000");
}

fn tar_gz(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn write(test: &Test, path: &str, content: &[u8]) {
    let path = test.folder().join("registries").join(Path::new(path));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A registry of Cargo in a folder; returns the lock file.
fn publish_crate(test: &Test) -> String {
    let manifest = "[package]\nname = \"duck\"\nversion = \"1.0.0\"\nedition = \"2021\"\nlicense = \"MIT\"\n";
    let library = "/// What it says.\npub const SAYS: &str = \"quack\";\n";
    let content = tar_gz(&[("duck-1.0.0/Cargo.toml", manifest), ("duck-1.0.0/src/lib.rs", library)]);
    write(test, "crates/duck-1.0.0.crate", &content);
    let config = "[source.crates-io]\nreplace-with = \"near\"\n\n[source.near]\nlocal-registry = \"crates\"\n";
    write(test, "cargo/config.toml", config.as_bytes());
    format!(
        "version = 3\n\n[[package]]\nname = \"duck\"\nversion = \"1.0.0\"\n\
         source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{}\"\n\n\
         [[package]]\nname = \"pond\"\nversion = \"1.0.0\"\ndependencies = [\n \"duck\",\n \"pond-fish\",\n]\n\n",
        hex::encode(Sha256::digest(content))
    )
}

/// A repository with a workspace, which git's configuration puts in place of one elsewhere; returns its part of the lock file.
fn publish_repository(test: &Test) -> String {
    let workspace =
        "[workspace]\nmembers = [\"crates/fish\"]\n\n[workspace.package]\nversion = \"2.0.0\"\nlicense = \"0BSD\"\n";
    let manifest =
        "[package]\nname = \"pond-fish\"\nversion.workspace = true\nlicense.workspace = true\nedition = \"2021\"\n";
    let library = "#![doc = include_str!(\"../README.md\")]\n/// What it says.\npub const SAYS: &str = \"\";\n";
    write(test, "git/fish/Cargo.toml", workspace.as_bytes());
    write(test, "git/fish/README.md", b"Says nothing.\n");
    write(test, "git/fish/crates/fish/Cargo.toml", manifest.as_bytes());
    write(test, "git/fish/crates/fish/src/lib.rs", library.as_bytes());
    let repository = test.folder().join("registries/git/fish");
    let link = repository.join("crates/fish/README.md");
    if link.symlink_metadata().is_err() {
        std::os::unix::fs::symlink("../../README.md", link).unwrap();
    }
    let base = test.folder().join("registries/git").display().to_string();
    write(test, "gitconfig", format!("[url \"file://{base}/\"]\n\tinsteadOf = https://git.example/\n").as_bytes());
    let git = |args: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.args(["-c", "user.name=T", "-c", "user.email=t@example.org", "-C", repository.to_str().unwrap()]);
        command.env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z").env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z");
        let output = command.args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "first"]);
    let commit = git(&["rev-parse", "HEAD"]);
    format!(
        "[[package]]\nname = \"pond-fish\"\nversion = \"2.0.0\"\n\
         source = \"git+https://git.example/fish?branch=main#{commit}\"\n"
    )
}

/// A module proxy; returns the go.sum.
fn publish_go_module(test: &Test) -> String {
    let source = "// Package duck is a duck.\npackage duck\n\n// Says is what it says.\nconst Says = \"quack\"\n";
    let files = [("example.org/duck@v1.0.0/duck.go", source), ("example.org/duck@v1.0.0/go.mod", GO_MOD)];
    write(test, "go/example.org/duck/@v/v1.0.0.zip", &zip(&files));
    write(test, "go/example.org/duck/@v/v1.0.0.mod", GO_MOD.as_bytes());
    // As the go command hashes a module: sha256sum's lines, hashed.
    let line = |(name, text): (&str, &str)| format!("{}  {name}\n", hex::encode(Sha256::digest(text)));
    let hash = |lines: String| BASE64_STANDARD.encode(Sha256::digest(lines));
    let (whole, manifest) = (hash(files.into_iter().map(line).collect()), hash(line(("go.mod", GO_MOD))));
    format!("example.org/duck v1.0.0 h1:{whole}\nexample.org/duck v1.0.0/go.mod h1:{manifest}\n")
}

/// A registry of npm; returns the package-lock.json, which does not say where the package is.
fn publish_npm_package(test: &Test) -> String {
    let manifest = "{\"name\": \"@the/duck\", \"version\": \"1.0.0\", \"license\": \"MIT\"}\n";
    let content = tar_gz(&[("package/package.json", manifest), ("package/index.js", "module.exports = 'quack';\n")]);
    write(test, "npm/@the/duck/-/duck-1.0.0.tgz", &content);
    let integrity = format!("sha512-{}", BASE64_STANDARD.encode(Sha512::digest(content)));
    serde_json::json!({
        "name": "pond", "version": "1.0.0", "lockfileVersion": 3, "requires": true,
        "packages": {
            "": { "name": "pond", "version": "1.0.0", "dependencies": { "@the/duck": "^1.0.0" } },
            "node_modules/@the/duck": { "version": "1.0.0", "integrity": integrity, "license": "MIT" },
        },
    })
    .to_string()
}

/// An index of Python's packages; returns the requirements.
fn publish_wheel(test: &Test) -> String {
    let content = zip(&[
        ("duck.py", "def says():\n    return \"quack\"\n"),
        ("duck-1.0.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: duck\nVersion: 1.0.0\n"),
        (
            "duck-1.0.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: farm\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        ),
        (
            "duck-1.0.0.dist-info/RECORD",
            "duck.py,,\nduck-1.0.0.dist-info/METADATA,,\nduck-1.0.0.dist-info/WHEEL,,\nduck-1.0.0.dist-info/RECORD,,\n",
        ),
    ]);
    let sum = hex::encode(Sha256::digest(&content));
    write(test, "python/duck/duck-1.0.0-py3-none-any.whl", &content);
    let link = format!("<!DOCTYPE html>\n<a href=\"duck-1.0.0-py3-none-any.whl#sha256={sum}\">duck</a>\n");
    write(test, "python/duck/index.html", link.as_bytes());
    format!("duck==1.0.0 --hash=sha256:{sum}\n")
}
