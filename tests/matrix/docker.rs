//! The default matrix on Docker: built, skipped when nothing changed, rebuilt where an override changed, reproducible.

use std::fs;
use std::path::Path;

use crate::lab::{Lab, default_matrix, engine, repository};

pub(crate) const TARGETS: [&str; 12] = [
    "hello/debian-12-amd64",
    "hello/debian-13-amd64",
    "hello/rpm-generic-x86_64",
    "hello-debian/debian-12-amd64",
    "hello-debian/debian-13-amd64",
    "hello-debian/rpm-generic-x86_64",
    "pass/debian-12-amd64",
    "pass/debian-13-amd64",
    "pass/rpm-generic-x86_64",
    "xxhash/debian-12-amd64",
    "xxhash/debian-13-amd64",
    "xxhash/rpm-generic-x86_64",
];

#[test]
fn every_recipe_builds_for_its_default_matrix_and_the_second_run_has_nothing_to_do() {
    let Some(lab) = default_matrix() else { return };
    for target in TARGETS {
        let folder = lab.dist().join(target);
        for file in ["build.log", "job.json", "SHA256SUMS"] {
            assert!(folder.join(file).is_file(), "{}/{file} is missing", folder.display());
        }
        let log = fs::read_to_string(folder.join("build.log")).unwrap();
        assert!(log.contains("\n| Test ") && log.ends_with("Status: succeeded\n"), "{target} was not tried:\n{log}");
    }
    let plan = lab.farm(&["plan", "--matrix"]).expect(0);
    assert_eq!(plan.text.matches("up to date").count(), TARGETS.len(), "{}", plan.text);
    lab.farm(&["build", "--matrix"]).expect(0).says("12 up to date");
}

#[test]
fn editing_an_override_rebuilds_only_what_it_touches() {
    let Some(engine) = engine("DOCKER_HOST") else { return };
    let lab = Lab::new("override", &engine);
    let recipe = lab.folder.join("project");
    copy(&repository().join("recipes/pass"), &recipe);
    let file = recipe.join("farm.toml");
    let text = fs::read_to_string(&file).unwrap() + "\n[override.debian-13.build]\nenv = { COLOUR = \"red\" }\n";
    fs::write(&file, &text).unwrap();
    lab.farm_in(&recipe, &["build", "--matrix", "--no-test"]).expect(0);
    fs::write(&file, text.replace("red", "blue")).unwrap();
    let plan = lab.farm_in(&recipe, &["plan", "--matrix", "--no-test", "--explain"]).expect(0).says("build.env");
    assert_eq!(plan.text.matches("up to date").count(), 2, "{}", plan.text);
    lab.farm_in(&recipe, &["build", "--matrix", "--no-test"]).expect(0).says("1 succeeded").says("2 up to date");
}

#[test]
fn a_forced_rebuild_gives_the_same_bytes() {
    let Some(lab) = default_matrix() else { return };
    // With the results of the first build at hand, which a build that is not forced would find up to date.
    let again = Lab::new("again", lab.engine());
    let targets = ["xxhash/debian-12-amd64", "xxhash/rpm-generic-x86_64"];
    for target in targets {
        copy(&lab.dist().join(target), &again.dist().join(target));
    }
    let run = again.farm(&["build", "xxhash", "-t", "debian-12", "-t", "rpm-generic"]).expect(0);
    run.says("2 up to date");
    again.farm(&["build", "xxhash", "-t", "debian-12", "-t", "rpm-generic", "--force"]).expect(0).says("2 succeeded");
    for target in targets {
        same_packages(lab, &again, target);
    }
}

/// Every package of a target is byte for byte the same in both labs.
pub(crate) fn same_packages(one: &Lab, other: &Lab, target: &str) {
    let mut compared = 0;
    for ending in [".deb", ".rpm"] {
        let files = one.files(target, ending);
        assert_eq!(files.len(), other.files(target, ending).len(), "{target}: another number of packages");
        for file in files {
            let twin = other.dist().join(target).join(file.file_name().unwrap());
            assert!(fs::read(&file).unwrap() == fs::read(&twin).unwrap(), "{} differs", twin.display());
            compared += 1;
        }
    }
    assert!(compared > 0, "{target} holds no packages");
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &place),
            false => drop(fs::copy(entry.path(), place).unwrap()),
        }
    }
}
