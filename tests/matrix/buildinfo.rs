//! A .buildinfo as dpkg-genbuildinfo writes it, of Debian's own hello: taken out of the store, it is a file of somebody else's.

use std::fs;

use crate::support::{Test, native_engine};

const RECIPE: &str = r#"[package]
name = "hello-debian"
version = "2.10"
release = 3
summary = "Friendly greeting program"
license = "GPL-3.0-or-later"
maintainer = "Ada Lovelace <ada@example.org>"

[[sources]]
urls = ["mirror://debian/pool/main/h/hello/hello_2.10.orig.tar.gz"]
sha256 = "31e066137a962676e89f69d1b65382de95a7ef7d914b8cb956f41ea72e0f516b"

[[sources]]
urls = ["mirror://debian/pool/main/h/hello/hello_2.10-3.debian.tar.xz"]
sha256 = "60ee7a466808301fbaa7fea2490b5e7a6d86f598956fb3e79c71b3295dc1f249"
strip = 0

[packaging]
debian = "debian"

[matrix]
distros = ["debian-12"]
"#;

#[test]
fn what_a_buildinfo_tells_of_is_built_once_more_from_the_archive() {
    let test = Test::on("buildinfo", &native_engine()).file("farm.toml", RECIPE);
    test.run(&["build", "--no-test"]).exits(0);
    let made = test.files("hello-debian/debian-12-amd64", "hello_2.10-3_amd64.buildinfo");
    let text = fs::read_to_string(&made[0]).unwrap();
    fs::create_dir_all(test.folder().join("theirs")).unwrap();
    let file = "theirs/hello_2.10-3_amd64.buildinfo";

    // In no store, without the source package: that is the archive's.
    test.write(file, &text);
    let run = test.run(&["verify", file]).exits(0);
    run.says("the source package hello 2.10-3 is in the archive debian")
        .says("2 packages, byte by byte what hello_2.10-3_amd64.buildinfo says");

    // What the archive does not have is named, with what it has.
    let dpkg = text.lines().find(|line| line.starts_with(" dpkg (= ")).unwrap();
    test.write(file, &text.replace(dpkg, " dpkg (= 1.21.1),").replace(" make (=", " make-of-old (="));
    let run = test.run(&["verify", file, "-t", "debian-12"]).exits(13);
    let run = run.says("debian-12 does not have 2 packages in that version").says("  make-of-old ");
    let there = dpkg.trim().trim_start_matches("dpkg (= ").trim_end_matches("),");
    run.says(&format!("  dpkg 1.21.1: {there} is there\n")).says("--nearest").says("snapshot.debian.org");

    // Packages that are not what it says; beside it lies one that is, and is compared with what was built.
    let deb = test.files("hello-debian/debian-12-amd64", "hello_2.10-3_amd64.deb");
    fs::copy(&deb[0], test.folder().join("theirs/hello_2.10-3_amd64.deb")).unwrap();
    let line = text.lines().find(|line| line.len() > 80 && line.ends_with(" hello-dbgsym_2.10-3_amd64.deb")).unwrap();
    let other = format!(" {}{}", "0".repeat(64), &line[65..]);
    test.write(file, &text.replace(line, &other));
    let run = test.run(&["verify", file, "-t", "debian-12"]).exits(13).says("1 not-reproduced");
    let run = run
        .says("is not what hello_2.10-3_amd64.buildinfo says")
        .says("hello-dbgsym_2.10-3_amd64.deb: the package itself");
    assert!(!run.text().contains(" hello_2.10-3_amd64.deb: the package itself"), "{}", run.text());

    // Nothing of a file that is not one reaches an engine.
    test.write(file, &text.replace("Format: 1.0", "Format: 1.0\nBuild-Path: /build/../etc"));
    test.run(&["verify", file]).exits(2).says("Build-Path");
}
