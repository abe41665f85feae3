//! What `family` generates, run for real: packages come out, are what the recipe says, are the same bytes when built
//! again, pass the distributions' own lint, and can be installed, tried and removed.

#![allow(clippy::print_stderr, clippy::unwrap_used, missing_debug_implementations, unreachable_pub)]

mod lab;
mod projects;

use lab::{Job, debian_base, docker, file_names, tar_of};
use projects::{debian, greet};

fn command(program: &str, args: &[&str]) -> String {
    let output = std::process::Command::new(program).args(args).output().unwrap();
    lab::text(&output)
}

#[test]
fn deb_packages_are_built_alike_twice_and_can_be_installed() {
    let Some(base) = debian_base("12") else { return };
    let distro = debian("12", "bookworm", "~deb12");
    let (recipe, tree) = greet();
    assert_eq!(farm::family::check(&recipe, &distro), Vec::<String>::new());
    let job = Job { recipe: &recipe, distro: &distro, base: &base, tree: tar_of(&tree), patches: vec![], parallel: 2 };
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());

    let output = job.build(first.path()).expect_success();
    let phases: Vec<&str> = output.lines().filter_map(|line| line.strip_prefix("token-1234 ")).collect();
    assert_eq!(phases, ["build", "build", "check", "package", "package"], "{output}");
    let names = file_names(first.path());
    assert_eq!(
        names,
        [
            "greet-dbgsym_1.2-1~deb12_amd64.deb",
            "greet-dev_1.2-1~deb12_amd64.deb",
            "greet-doc_1.2-1~deb12_all.deb",
            "greet_1.2-1~deb12_amd64.buildinfo",
            "greet_1.2-1~deb12_amd64.changes",
            "greet_1.2-1~deb12_amd64.deb",
        ],
        "{output}"
    );
    Job { parallel: 1, ..job }.build(second.path()).expect_success();
    for name in names.iter().filter(|name| name.ends_with(".deb")) {
        let (one, two) = (std::fs::read(first.path().join(name)), std::fs::read(second.path().join(name)));
        assert!(one.unwrap() == two.unwrap(), "{name} differs between two builds");
    }
}
