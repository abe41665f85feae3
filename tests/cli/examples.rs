//! The library, as programs that use it see it: each of `examples/` by cargo, as their first lines say.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Ran, have};

fn example(name: &str, arguments: &[&str]) -> Output {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // Build scripts ask for these: with what cargo says of the test that runs here, crates would be compiled anew.
    for (variable, _) in std::env::vars_os() {
        let asked = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if variable.to_str().is_some_and(|name| asked(name) || matches!(name, "OUT_DIR" | "RUSTC_BOOTSTRAP")) {
            command.env_remove(variable);
        }
    }
    command.args(["run", "--quiet", "--example", name, "--"]).args(arguments);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
}

#[test]
fn plan_names_every_target_of_the_repository() {
    let output = example("plan", &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    for target in ["hello@debian-12/amd64: 1 packages", "xxhash@rpm-generic/x86_64: "] {
        assert!(text.contains(target), "{target} in:\n{text}");
    }
    let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/plan.rs")).unwrap();
    assert!(source.lines().count() < 30, "the library takes too many words");
}

#[test]
fn check_finds_what_is_wrong_with_a_package() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    std::fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    std::fs::create_dir_all(tree.join("usr/local/bin")).unwrap();
    std::fs::write(tree.join("usr/local/bin/greet"), "#!/bin/sh\n").unwrap();
    let control =
        "Package: greet\nVersion: 1.0-1\nArchitecture: amd64\nMaintainer: A <a@example.org>\nDescription: greets\n";
    std::fs::write(tree.join("DEBIAN/control"), control).unwrap();
    let package = folder.path().join("greet_1.0-1_amd64.deb");
    let mut build = Command::new("dpkg-deb");
    build.args(["--root-owner-group", "--build"]).arg(&tree).arg(&package);
    if !have(&["dpkg-deb"]) {
        return;
    }
    Ran::of(&mut build).exits(0);
    let output = example("check", &[package.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("/usr/local"), "{text}");
    assert!(!example("check", &["/nowhere.deb"]).status.success());
}
