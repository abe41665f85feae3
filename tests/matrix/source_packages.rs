//! `farm source`: source packages that are built without farm, in a container of their own, and give the packages that farm
//! gives; read by dpkg-source, dscverify's rules as gpg has them, apt-get source and rpm.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Ran, Test, native_engine, tool};

const POND: &str = r#"
[package]
name = "pond"
version = "1.4"
summary = "Says pond"
description = "It says pond."
license = "MIT"
homepage = "https://example.org/pond"
maintainer = "Farm Tests <tests@example.org>"
date = 2026-01-02

[[sources]]
path = "src"
patches = ["frog.patch"]

[build]
requires = ["zlib1g-dev"]
build = "make CFLAGS=\"$CFLAGS\" LDFLAGS=\"$LDFLAGS\""
install = "make install DESTDIR=$DESTDIR; echo $FARM_ARCH > $DESTDIR/usr/share/pond/built-for"

[packages.data]
architecture = "all"
files = ["/usr/share/pond/pond.txt"]

[matrix]
distros = ["debian-12", "rpm-generic"]
"#;

const MAKEFILE: &str = "pond: pond.c\n\t$(CC) $(CFLAGS) $(LDFLAGS) -o pond pond.c -lz\n\ninstall:\n\tinstall -D pond \
                        $(DESTDIR)/usr/bin/pond\n\tinstall -D -m 644 pond.txt $(DESTDIR)/usr/share/pond/pond.txt\n";

const PROGRAM: &str =
    "#include <stdio.h>\n#include <zlib.h>\nint main(void) {\n    puts(\"pond\");\n    return zlibVersion() == 0;\n}\n";

const PATCH: &str = "--- a/pond.txt\n+++ b/pond.txt\n@@ -1 +1 @@\n-duck\n+frog\n";

/// Builds source packages as somebody does who has no farm: nothing of farm's environment is there.
const AGAIN: &str = r#"
[package]
name = "again"
version = "1"
summary = "What others make of the source packages"
description = "For a test."
license = "MIT"
homepage = "https://example.org/again"
maintainer = "Farm Tests <tests@example.org>"
architecture = "all"
date = 2026-01-02

[[sources]]
path = "{{ format }}"

[build]
requires = ["zlib1g-dev"]
build = { file = "again.sh" }
install = "mkdir -p $DESTDIR/usr/share/again; cp lists/* $DESTDIR/usr/share/again/"

[matrix]
distros = ["debian-12", "rpm-generic"]
"#;

const AGAIN_SH: &str = r#"
mkdir lists
case $FARM_FORMAT in
deb)
    env -i PATH="$PATH" HOME=/tmp sh -ec 'dpkg-source -x *.dsc tree; cd tree; dpkg-buildpackage -us -uc -b'
    for deb in *.deb; do dpkg-deb -c "$deb" | awk '{ $4 = $5 = ""; print }' | sort > "lists/$deb.txt"; done
    ;;
rpm)
    env -i PATH="$PATH" HOME=/tmp rpmbuild --define '_topdir /tmp/again' --rebuild --nodeps *.src.rpm
    for rpm in /tmp/again/RPMS/*/*.rpm; do
        rpm -qp --qf '[%{FILEMODES:perms} %{FILENAMES}\n]' "$rpm" > "lists/${rpm##*/}.txt"
    done
    ;;
esac
"#;

fn output(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    let ran = Ran::from(output).exits(0);
    ran.stdout
}

fn one(test: &Test, target: &str, ending: &str) -> PathBuf {
    let files = test.files(target, ending);
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn source_packages_are_built_without_farm_and_give_the_same_files() {
    if tool("dpkg-source", &["--version"]).is_none() || tool("rpm", &["--version"]).is_none() {
        return;
    }
    let test = Test::on("source-packages", &native_engine())
        .file("farm.toml", POND)
        .file("frog.patch", PATCH)
        .file("src/Makefile", MAKEFILE)
        .file("src/pond.c", PROGRAM)
        .file("src/pond.txt", "duck\n");
    test.run(&["source"]).exits(0).says("2 succeeded");
    test.run(&["build", "--matrix"]).exits(0);
    test.run(&["source"]).exits(0).says("2 up to date");

    // As the distributions' own tools read them.
    let dsc = one(&test, "pond/debian-12-source", ".dsc");
    let unpacked = test.folder().join("unpacked");
    output("dpkg-source", &["-x", dsc.to_str().unwrap(), unpacked.to_str().unwrap()], test.folder());
    assert_eq!(fs::read_to_string(unpacked.join("pond.txt")).unwrap(), "frog\n");
    let source_rpm = one(&test, "pond/rpm-generic-source", ".src.rpm");
    let asked = ["-qp", "--qf", "%{NAME} %{VERSION} %{SOURCEPACKAGE}", source_rpm.to_str().unwrap()];
    assert_eq!(output("rpm", &asked, test.folder()), "pond 1.4 1");

    // By somebody else.
    let again = Test::on("source-packages-again", &native_engine()).file("farm.toml", AGAIN).file("again.sh", AGAIN_SH);
    for (target, into) in [("pond/debian-12-source", "deb"), ("pond/rpm-generic-source", "rpm")] {
        let folder = again.folder().join(into);
        fs::create_dir_all(&folder).unwrap();
        for file in test.files(target, "") {
            fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
        }
    }
    again.run(&["build", "--matrix"]).exits(0).says("2 succeeded");
    let lists = again.folder().join("lists");
    fs::create_dir_all(&lists).unwrap();
    output(
        "dpkg-deb",
        &["-x", one(&again, "again/debian-12-amd64", ".deb").to_str().unwrap(), "lists"],
        again.folder(),
    );
    let list = |file: &Path| {
        let path = lists.join("usr/share/again").join(format!("{}.txt", file.file_name().unwrap().to_str().unwrap()));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let mut seen = 0;
    for deb in test.files("pond/debian-12-amd64", ".deb") {
        if deb.to_str().unwrap().contains("-dbgsym_") {
            continue;
        }
        // Times are those of farm's packaging files here, and there those of the source package.
        let list_of = "dpkg-deb -c \"$1\" | awk '{ $4 = $5 = \"\"; print }' | sort";
        let own = output("sh", &["-c", list_of, "sh", deb.to_str().unwrap()], test.folder());
        assert_eq!(list(&deb), own, "{}", deb.display());
        seen += 1;
    }
    assert_eq!(seen, 2);
    let data = "pond-data-1.4-1.noarch.rpm";
    let file = test.files("pond/rpm-generic-x86_64", data).remove(0);
    let format = "[%{FILEMODES:perms} %{FILENAMES}\\n]";
    output(
        "sh",
        &[
            "-c",
            "rpm2cpio \"$0\" | cpio -idm --quiet",
            one(&again, "again/rpm-generic-x86_64", ".noarch.rpm").to_str().unwrap(),
        ],
        &lists,
    );
    assert_eq!(list(&file), output("rpm", &["-qp", "--qf", format, file.to_str().unwrap()], test.folder()));

    // Indexed as what they are, and signed by whoever has the key.
    let here = Test::at(test.folder().to_owned());
    here.run(&["repo", "www", "--unsigned"]).exits(0);
    here.run(&["repo", "check", "www", "--unsigned"]).exits(0);
    let sources = output("sh", &["-c", "zcat www/dists/bookworm/main/source/Sources.gz"], test.folder());
    assert!(sources.contains("Package: pond\n") && sources.contains(".dsc"), "{sources}");
    let primary = output("sh", &["-c", "zcat www/rpm/*/repodata/*primary.xml.gz"], test.folder());
    assert!(primary.contains("<arch>src</arch>"), "{primary}");
}
