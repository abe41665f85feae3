//! A .buildinfo as dpkg-genbuildinfo writes it, of Debian's own sl, one of whose requirements another package provides, too: taken
//! out of the store, it is a file of somebody else's.

use std::fs;

use crate::support::{Test, native_engine};

const RECIPE: &str = r#"[package]
name = "sl-debian"
version = "5.02"
summary = "Corrects those who mistype ls"
license = "LicenseRef-sl"
maintainer = "Ada Lovelace <ada@example.org>"

[[sources]]
urls = ["mirror://debian/pool/main/s/sl/sl_5.02.orig.tar.gz"]
sha256 = "1e5996757f879c81f202a18ad8e982195cf51c41727d3fea4af01fdcbbb5563a"

[[sources]]
urls = ["mirror://debian/pool/main/s/sl/sl_5.02-1.debian.tar.xz"]
sha256 = "f25d8583951456d4889e72587856924d341652dcd1725e374a98971a1fdf8b55"
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
    let made = test.files("sl-debian/debian-12-amd64", "sl_5.02-1_amd64.buildinfo");
    let text = fs::read_to_string(&made[0]).unwrap();
    fs::create_dir_all(test.folder().join("theirs")).unwrap();
    let file = "theirs/sl_5.02-1_amd64.buildinfo";

    // In no store, without the source package: that is the archive's.
    test.write(file, &text);
    let run = test.run(&["verify", file]).exits(0);
    run.says("the source package sl 5.02-1 is in the archive debian")
        .says("1 package, byte by byte what sl_5.02-1_amd64.buildinfo says");

    // What the archive does not have is named, with what it has.
    let dpkg = text.lines().find(|line| line.starts_with(" dpkg (= ")).unwrap();
    test.write(file, &text.replace(dpkg, " dpkg (= 1.21.1),").replace(" make (=", " make-of-old (="));
    let run = test.run(&["verify", file, "-t", "debian-12"]).exits(13);
    let run = run.says("debian-12 does not have 2 packages in that version").says("  make-of-old ");
    let there = dpkg.trim().trim_start_matches("dpkg (= ").trim_end_matches("),");
    run.says(&format!("  dpkg 1.21.1: {there} is there\n")).says("--nearest").says("snapshot.debian.org");

    // A package that is not what it says.
    let line = text.lines().find(|line| line.len() > 80 && line.ends_with(" sl_5.02-1_amd64.deb")).unwrap();
    let other = format!(" {}{}", "0".repeat(64), &line[65..]);
    test.write(file, &text.replace(line, &other));
    let run = test.run(&["verify", file, "-t", "debian-12"]).exits(13).says("1 not-reproduced");
    run.says("is not what sl_5.02-1_amd64.buildinfo says").says("sl_5.02-1_amd64.deb: the package itself");

    // Nothing of a file that is not one reaches an engine.
    test.write(file, &text.replace("Format: 1.0", "Format: 1.0\nBuild-Path: /build/../etc"));
    test.run(&["verify", file]).exits(2).says("Build-Path");
}
