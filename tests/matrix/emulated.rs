//! Foreign architectures, which an emulator runs: the packages are of that architecture, and without an emulator nothing begins.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use crate::support::{Ran, Test, have, native_engine, repository, skip, tool};

/// What asks for builds by an emulator. They take some ten times as long as others.
const EMULATED: &str = "FARM_TEST_EMULATED";

#[test]
fn arm64_of_the_default_matrix_is_built_by_an_emulator() {
    if std::env::var_os(EMULATED).is_none_or(|asked| asked != "1") {
        // In CI, too, which has no emulator: who wants it asks for it.
        let _ = writeln!(
            std::io::stderr().lock(),
            "SKIPPED: builds for arm64 by an emulator: {EMULATED}=1 runs them, where qemu-user-static and binfmt-support are \
             installed"
        );
        return;
    }
    if !have(&["dpkg-deb", "rpm", "rpm2cpio", "cpio", "readelf"]) {
        return;
    }
    let test = hello_for("arm64", Test::on("emulated", &native_engine()));
    // The packages are installed and tried, too.
    let build = ["build", "--matrix"];
    let ran = test.run(&build).exits(0).says("3 succeeded");
    assert!(!ran.text().contains("Invalid ELF"), "the emulator was heard: {ran}");

    for target in ["hello/debian-12-arm64", "hello/debian-13-arm64"] {
        for package in test.files(target, ".deb") {
            let asked = tool("dpkg-deb", &["-f", package.to_str().unwrap(), "Architecture"]).unwrap().exits(0);
            assert_eq!(asked.stdout, "arm64\n", "{}", package.display());
        }
        program_is_of_arm64(
            &main_package(&test, target, ".deb"),
            r#"dpkg-deb --fsys-tarfile "$0" | tar -xO ./usr/bin/hello"#,
        );
    }
    let target = "hello/rpm-generic-aarch64";
    for package in test.files(target, ".rpm").iter().filter(|package| !package.to_str().unwrap().ends_with(".src.rpm"))
    {
        let query = ["-qp", "--nosignature", "--qf", "%{ARCH}", package.to_str().unwrap()];
        assert_eq!(tool("rpm", &query).unwrap().exits(0).stdout, "aarch64", "{}", package.display());
    }
    program_is_of_arm64(
        &main_package(&test, target, ".rpm"),
        r#"rpm2cpio "$0" | cpio -i --quiet --to-stdout ./usr/bin/hello"#,
    );
    test.run(&build).exits(0).says("3 up to date");
}

/// This repository's recipe with its default matrix for another architecture.
fn hello_for(arch: &str, test: Test) -> Test {
    let recipe = fs::read_to_string(repository().join("recipes/hello/farm.toml")).unwrap();
    let of_arch = recipe.replacen("[matrix]\n", &format!("[matrix]\narches = [\"{arch}\"]\n"), 1);
    assert_ne!(of_arch, recipe);
    test.file("farm.toml", &of_arch)
}

/// The one that is neither of debug symbols nor of sources.
fn main_package(test: &Test, target: &str, ending: &str) -> std::path::PathBuf {
    let is_main = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        ["dbg", "debug", ".src."].iter().all(|part| !name.contains(part))
    };
    let mut packages = test.files(target, ending);
    packages.retain(|path| is_main(path));
    assert_eq!(packages.len(), 1, "{packages:?}");
    packages.remove(0)
}

/// `extract` writes the program of the package `$0` to its output.
fn program_is_of_arm64(package: &Path, extract: &str) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    let script = format!("set -e; {extract} >\"$1\"; readelf -h \"$1\"");
    let ran = Ran::of(Command::new("sh").args(["-c", &script]).arg(package).arg(&program));
    assert!(ran.exits(0).says("Machine:").stdout.contains("AArch64"), "{}", package.display());
}

#[test]
fn without_an_emulator_nothing_begins_and_its_package_is_named() {
    let registered = |name: &str| Path::new("/proc/sys/fs/binfmt_misc").join(name).exists();
    let emulators = [("s390x", "qemu-s390x"), ("ppc64el", "qemu-ppc64le"), ("arm64", "qemu-aarch64")];
    let Some((arch, _)) = emulators.into_iter().find(|(_, emulator)| !registered(emulator)) else {
        return skip("this machine has emulators of all architectures");
    };
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let test = hello_for(arch, Test::on("no-emulator", &format!("native://{}", store.display())));
    test.run(&["build", "-t", "debian-12"]).exits(5).says_all(&[
        &format!("hello@debian-12/{arch} cannot be built: this machine has no emulator of {arch}"),
        "install qemu-user-static",
    ]);
    assert!(!test.dist().exists(), "something was done");
    let images = test.without_output().run(&["images", "list"]).exits(0).text();
    assert!(!images.contains("debian-12"), "{images}");
}
