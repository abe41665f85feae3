//! One project with all that splitting has to deal with, on every package manager that runs here: the same packages
//! everywhere, on three of them the same bytes when they are built again with another parallelism, installed, tried and removed.

use std::fs;
use std::path::PathBuf;

use crate::support::{Test, copy, engine, repository};

/// The project with the test distributions beside its recipe: dnf and zypper on shim packages.
fn project(test: &Test) -> PathBuf {
    let project = test.folder().join("project");
    copy(&repository().join("tests/recipes/greet"), &project);
    copy(&repository().join("tests/distros"), &project.join("distros"));
    project
}

#[test]
fn the_same_packages_come_out_everywhere_and_again() {
    let Some(engine) = engine("DOCKER_HOST") else { return };
    let test = Test::on("greet", &engine);
    let project = project(&test);
    test.run_in(&project, &["build", "--matrix", "-j", "2"]).exits(0).says("6 succeeded");
    let again = Test::on("greet-again", &engine);
    let some = ["debian-12", "rpm-generic", "shim-zypper"];
    let arguments = ["build", "-t", some[0], "-t", some[1], "-t", some[2], "-j", "1", "--no-test"];
    again.run_in(&project, &arguments).exits(0).says("3 succeeded");

    for version in ["11", "12", "13"] {
        let files = [
            "greet-dbgsym_1.2-1~debN_amd64.deb",
            "greet-dev_1.2-1~debN_amd64.deb",
            "greet-doc_1.2-1~debN_all.deb",
            "greet-libs-dbgsym_1.2-1~debN_amd64.deb",
            "greet-libs_1.2-1~debN_amd64.deb",
            "greet_1.2-1~debN_amd64.deb",
        ];
        let files = files.map(|name| name.replace("debN", &format!("deb{version}")));
        check(&test, &again, &format!("greet/debian-{version}-amd64"), ".deb", &files);
    }
    for (distro, tag) in [("rpm-generic", ""), ("shim-dnf", ".shim1"), ("shim-zypper", ".shim1")] {
        let files = [
            "greet-1.2-1TAG.src.rpm",
            "greet-1.2-1TAG.x86_64.rpm",
            "greet-debuginfo-1.2-1TAG.x86_64.rpm",
            "greet-debugsource-1.2-1TAG.x86_64.rpm",
            "greet-devel-1.2-1TAG.x86_64.rpm",
            "greet-doc-1.2-1TAG.noarch.rpm",
            "greet-libs-1.2-1TAG.x86_64.rpm",
        ];
        // Only some distributions ask for -debugsource.
        let files: Vec<String> = files.iter().map(|name| name.replace("TAG", tag)).collect();
        let files: Vec<String> =
            files.into_iter().filter(|name| tag.is_empty() || !name.contains("debugsource")).collect();
        check(&test, &again, &format!("greet/{distro}-x86_64"), ".rpm", &files);
    }
}

#[track_caller]
fn check(test: &Test, again: &Test, target: &str, ending: &str, expected: &[String]) {
    let files = test.files(target, ending);
    let names: Vec<&str> = files.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, expected, "{target}");
    if again.dist().join(target).is_dir() {
        again.has_the_packages_of(test, target);
    }
    let log = fs::read_to_string(test.dist().join(target).join("build.log")).unwrap();
    // Steps, each under its banner, in this order.
    let mut rest = log.as_str();
    for banner in ["\n| Build ", "\nPASS: greeting\n", "\n| Package ", "\n| Test ", "greet: post_install\n"] {
        rest = rest.split_once(banner).unwrap_or_else(|| panic!("{target}: no {banner:?} in\n{rest}\nof\n{log}")).1;
    }
    if target.contains("shim") {
        assert!(log.contains("shim-greeting-devel"), "the requirement was not installed:\n{log}");
    }
}

#[test]
fn a_requirement_that_no_repository_has_is_named() {
    let Some(engine) = engine("DOCKER_HOST") else { return };
    let test = Test::on("greet-missing", &engine);
    let project = project(&test);
    let file = project.join("farm.toml");
    let recipe = fs::read_to_string(&file).unwrap();
    fs::write(&file, recipe.replace("pkgconfig(shim-greeting) >= 1.0", "pkgconfig(no-such-thing) >= 2")).unwrap();
    let run = test.run_in(&project, &["build", "-t", "shim-*"]).exits(10);
    run.says("2 dep-wait").says("pkgconfig(no-such-thing) >= 2");
}
