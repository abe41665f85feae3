//! What `family` generates, run for real: packages come out, are what the recipe says, are the same bytes when built
//! again, pass the distributions' own lint, and can be installed, tried and removed.

#![allow(clippy::print_stderr, clippy::unwrap_used, missing_debug_implementations, unreachable_pub)]

mod lab;
mod projects;

use lab::{Job, debian_base, file_names, tar_of};
use projects::{debian, greet, rpm_generic};

/// Builds twice, with another parallelism the second time, and returns what both built alike.
fn build_twice(job: &Job<'_>, packages: &[&str]) -> (tempfile::TempDir, String) {
    assert_eq!(farm::family::check(job.recipe, job.distro), Vec::<String>::new());
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let output = job.build(first.path()).expect_success();
    if let Some(keep) = std::env::var_os("FARM_TEST_KEEP") {
        for name in file_names(first.path()) {
            std::fs::copy(first.path().join(&name), std::path::Path::new(&keep).join(&name)).unwrap();
        }
    }
    assert_eq!(file_names(first.path()), packages, "{output}");
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

fn deb(version: &str, suite: &str) {
    let Some(base) = debian_base(version) else { return };
    let distro = debian(version, suite, &format!("~deb{version}"));
    let (recipe, tree) = greet();
    let job = greet_job(&recipe, &distro, &base, &tree);
    let names = [
        "greet-dbgsym_1.2-1~debN_amd64.deb",
        "greet-dev_1.2-1~debN_amd64.deb",
        "greet-doc_1.2-1~debN_all.deb",
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
    deb("11", "bullseye");
}

#[test]
fn debs_of_debian_12() {
    deb("12", "bookworm");
}

#[test]
fn debs_of_debian_13() {
    deb("13", "trixie");
}

#[test]
fn rpms_built_on_debian() {
    let Some(base) = debian_base("12") else { return };
    let distro = rpm_generic();
    let (recipe, tree) = greet();
    let job = greet_job(&recipe, &distro, &base, &tree);
    let (results, output) = build_twice(
        &job,
        &[
            "greet-1.2-1.src.rpm",
            "greet-1.2-1.x86_64.rpm",
            "greet-debuginfo-1.2-1.x86_64.rpm",
            "greet-debugsource-1.2-1.x86_64.rpm",
            "greet-devel-1.2-1.x86_64.rpm",
            "greet-doc-1.2-1.noarch.rpm",
        ],
    );
    assert_eq!(phases(&output), ["build", "package", "check", "package"], "{output}");
    install_test_passes(&job, results.path());
}
