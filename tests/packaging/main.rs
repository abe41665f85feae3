//! What `family` generates, run for real: packages come out, are what the recipe says, are the same bytes when built
//! again, pass the distributions' own lint, and can be installed, tried and removed.

#![allow(clippy::print_stderr, clippy::unwrap_used, missing_debug_implementations, unreachable_pub)]

mod lab;
mod projects;

use farm::distro::Distro;
use farm::packaging::{BuilderSetup, EXIT_NETWORK, EXIT_UNSATISFIABLE, Requirements};
use lab::{Job, debian_base, file_names, tar_of};
use projects::{debian, greet, rpm_generic};

/// Builds twice, with another parallelism the second time, and returns what both built alike.
fn build_twice(job: &Job<'_>, packages: &[&str]) -> (tempfile::TempDir, String) {
    assert_eq!(farm::packaging::check(&lab::in_words_of(job.distro, job.recipe), job.distro), Vec::<String>::new());
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let output = job.build(first.path()).expect_success();
    if let Some(keep) = std::env::var_os("FARM_TEST_KEEP") {
        for name in file_names(first.path()) {
            std::fs::copy(first.path().join(&name), std::path::Path::new(&keep).join(&name)).unwrap();
        }
    }
    // What was installed is written down beside them.
    let (manifest, made): (Vec<String>, Vec<String>) =
        file_names(first.path()).into_iter().partition(|name| name.starts_with("farm-manifest."));
    assert_eq!(manifest.len(), 4, "{manifest:?}");
    assert_eq!(made, packages, "{output}");
    let again = Job { parallel: job.parallel + 1, tree: job.tree.clone(), patches: job.patches.clone(), ..*job };
    again.build(second.path()).expect_success();
    for name in packages.iter().filter(|name| name.ends_with(".deb") || name.ends_with(".rpm")) {
        let (one, two) = (std::fs::read(first.path().join(name)), std::fs::read(second.path().join(name)));
        assert!(one.unwrap() == two.unwrap(), "{name} differs between two builds");
    }
    (first, output)
}

fn phases(output: &str) -> Vec<&str> {
    output.lines().filter_map(|line| line.strip_prefix("token-1234 ")).collect()
}

#[track_caller]
fn install_test_passes(job: &Job<'_>, results: &std::path::Path) {
    for (step, ran) in job.test(results) {
        assert_eq!(ran.code, 0, "{step}: {}", ran.output);
    }
}

fn greet_job<'a>(
    recipe: &'a farm::recipe::Recipe,
    distro: &'a farm::distro::Distro,
    base: &'a str,
    tree: &lab::Tree,
) -> Job<'a> {
    Job { recipe, distro, base, tree: tar_of(tree), patches: vec![], parallel: 2 }
}

fn deb(version: &str) {
    let Some(base) = debian_base(version) else { return };
    let distro = debian(version, &format!("~deb{version}"));
    let (recipe, tree) = greet();
    let job = greet_job(&recipe, &distro, &base, &tree);
    let names = [
        "greet-dbgsym_1.2-1~debN_amd64.deb",
        "greet-dev_1.2-1~debN_amd64.deb",
        "greet-doc_1.2-1~debN_all.deb",
        "greet-libs-dbgsym_1.2-1~debN_amd64.deb",
        "greet-libs_1.2-1~debN_amd64.deb",
        "greet_1.2-1~debN_amd64.buildinfo",
        "greet_1.2-1~debN_amd64.changes",
        "greet_1.2-1~debN_amd64.deb",
    ]
    .map(|name| name.replace("debN", &format!("deb{version}")));
    let (results, output) = build_twice(&job, &names.each_ref().map(String::as_str));
    assert_eq!(phases(&output), ["build", "build", "check", "package", "package"], "{output}");
    install_test_passes(&job, results.path());
}

#[test]
fn debs_of_debian_11() {
    deb("11");
}

#[test]
fn debs_of_debian_12() {
    deb("12");
}

#[test]
fn debs_of_debian_13() {
    deb("13");
}

#[test]
fn rpms_built_on_debian() {
    let Some(base) = debian_base("12") else { return };
    rpm(&rpm_generic(), &base, "", &[]);
}

#[test]
fn rpms_with_dnf() {
    let Some(base) = debian_base("12") else { return };
    let (distro, base) = shim_distribution("shim-dnf", &base);
    rpm(&distro, &base, ".shim1", &["pkgconfig(shim-greeting) >= 1.0", "/usr/include/shim-greeting.h"]);
}

#[test]
fn rpms_with_zypper() {
    let Some(base) = debian_base("12") else { return };
    let (distro, base) = shim_distribution("shim-zypper", &base);
    rpm(&distro, &base, ".shim1", &["pkgconfig(shim-greeting) >= 1.0"]);
}

fn rpm(distro: &Distro, base: &str, tag: &str, requires: &[&str]) {
    let (mut recipe, tree) = greet();
    recipe.build.requires = requires.iter().map(|r| (*r).to_owned()).collect();
    let job = greet_job(&recipe, distro, base, &tree);
    let names = [
        "greet-1.2-1TAG.src.rpm",
        "greet-1.2-1TAG.x86_64.rpm",
        "greet-debuginfo-1.2-1TAG.x86_64.rpm",
        "greet-debugsource-1.2-1TAG.x86_64.rpm",
        "greet-devel-1.2-1TAG.x86_64.rpm",
        "greet-doc-1.2-1TAG.noarch.rpm",
        "greet-libs-1.2-1TAG.x86_64.rpm",
    ]
    .map(|name| name.replace("TAG", tag));
    // Only some distributions ask for -debugsource.
    let names: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| tag.is_empty() || !name.contains("debugsource")).collect();
    let (results, output) = build_twice(&job, &names);
    assert_eq!(phases(&output), ["build", "package", "check", "package"], "{output}");
    install_test_passes(&job, results.path());
}

/// A distribution of `tests/distros`: its setup run on a Debian base.
fn shim_distribution(id: &str, base: &str) -> (Distro, String) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/distros");
    let catalogue = farm::distro::Catalogue::load(&[folder]).unwrap();
    let distro = (**catalogue.get(id).unwrap()).clone();
    let setup =
        BuilderSetup { requirements: Requirements::Listed(vec![]), script: distro.setup.clone().unwrap().into() };
    let image = lab::derive(base, &distro, &setup, &[]);
    (distro, image)
}

/// A requirement that nothing provides is named, with the exit code that says so; a mirror that is not there has another.
#[test]
fn requirements_that_cannot_be_had_are_named() {
    let Some(base) = debian_base("12") else { return };
    let cases = [
        (debian("12", ""), base.clone(), "no-such-package (>= 2)", "debhelper"),
        {
            let (distro, image) = shim_distribution("shim-dnf", &base);
            (distro, image, "no-such-package >= 2", "make")
        },
        {
            let (distro, image) = shim_distribution("shim-zypper", &base);
            (distro, image, "no-such-package >= 2", "make")
        },
    ];
    for (distro, image, missing, there) in cases {
        let (mut recipe, _) = greet();
        recipe.build.requires = vec![there.to_owned(), "no-such-package >= 2".to_owned()];
        let setup = farm::packaging::builder(&lab::in_words_of(&distro, &recipe), &distro);
        let ran = lab::Lab::start(&image, "host").run("0:0", &lab::network_env(&distro), &setup.script.whole());
        let named: Vec<&str> = ran.output.lines().filter_map(|l| l.strip_prefix("farm: unsatisfiable: ")).collect();
        assert_eq!((ran.code, named), (EXIT_UNSATISFIABLE, vec![missing]), "{}: {}", distro.id, ran.output);
    }
}

#[test]
fn a_mirror_that_is_not_there_is_told_from_a_missing_package() {
    let Some(base) = debian_base("12") else { return };
    let distro = debian("12", "");
    let (recipe, _) = greet();
    let setup = farm::packaging::builder(&lab::in_words_of(&distro, &recipe), &distro);
    let env = [("FARM_MIRROR_DEBIAN".to_owned(), "http://127.0.0.1:9/debian".to_owned())].into();
    let ran = lab::Lab::start(&base, "none").run("0:0", &env, &setup.script.whole());
    assert_eq!(ran.code, EXIT_NETWORK, "{}", ran.output);
    assert!(!ran.output.contains("farm: unsatisfiable"), "{}", ran.output);
}
