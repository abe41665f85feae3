//! What builds use of what their recipes require, by the files that are opened.

use std::fs;

use crate::support::{Test, native_engine, skip};

const RECIPE: &str = r#"[package]
name = "sandpiper"
version = "1.0"
summary = "Counts what it finds"
license = "MIT"
maintainer = "Farm Tests <tests@example.org>"
date = 2026-01-02

[build]
requires = [
    "pkgconfig(zlib)",
    "pkgconfig(libxxhash)",
    "gettext",
]
install = """
printf '#include <zlib.h>\nint main(void) { return zlibVersion() == 0; }\n' >sandpiper.c
mkdir -p $DESTDIR/usr/bin
cc $CPPFLAGS $CFLAGS $LDFLAGS sandpiper.c -lz -o $DESTDIR/usr/bin/sandpiper
msgfmt --version
"""

[matrix]
distros = ["debian-12", "rpm-generic"]
"#;

#[test]
fn requirements_that_no_step_has_opened_a_file_of_are_listed() {
    if !nix::unistd::geteuid().is_root() {
        return skip("Linux lets root alone watch what is opened");
    }
    let test = Test::on("unused", &native_engine());
    let asking = test.without_output();
    fs::write(test.folder().join("farm.toml"), RECIPE).unwrap();
    let run = asking.run(&["requires", "--unused"]).exits(0);
    let listed =
        "sandpiper@debian-12/amd64: 1 requirement not used\n  pkgconfig(libxxhash) (libxxhash-dev)  farm.toml:12\n";
    assert!(run.stdout.contains(listed), "{}", run.text());
    assert!(!test.dist().exists(), "nothing of it stays");

    let run = asking.run(&["requires", "--unused", "--json", "-t", "rpm-generic"]).exits(0);
    let told: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let unused = &told["targets"][0]["unused"];
    assert_eq!(unused.as_array().map(Vec::len), Some(1), "{told:#}");
    assert_eq!(
        (&unused[0]["requirement"], &unused[0]["package"]),
        (&"pkgconfig(libxxhash)".into(), &"libxxhash-dev".into())
    );

    // What fails is told, with its cause.
    fs::write(test.folder().join("farm.toml"), RECIPE.replace("msgfmt --version", "false")).unwrap();
    let run = asking.run(&["requires", "--unused"]).exits(10);
    assert!(run.stdout.contains("sandpiper@debian-12/amd64: failed in "), "{}", run.text());
}
