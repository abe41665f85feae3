//! The default matrix on Docker: built, skipped when nothing changed, rebuilt where an override changed, reproducible.

use std::fs;

use crate::support::{Test, built_once, copy, engine, repository};

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
    let Some(test) = built_once() else { return };
    for target in TARGETS {
        let folder = test.dist().join(target);
        for file in ["build.log", "job.json", "SHA256SUMS"] {
            assert!(folder.join(file).is_file(), "{}/{file} is missing", folder.display());
        }
        let log = fs::read_to_string(folder.join("build.log")).unwrap();
        let peak = log.lines().find_map(|line| line.strip_prefix("Memory-Peak: ")?.parse::<u64>().ok());
        assert!(peak.is_some_and(|bytes| bytes > 0), "{target}: no process of it had any memory:\n{log}");
        assert!(log.contains("\n| Test ") && log.ends_with("Status: succeeded\n"), "{target} was not tried:\n{log}");
    }
    let plan = test.run_in(repository(), &["plan", "--matrix"]).exits(0);
    assert_eq!(plan.text().matches("up to date").count(), TARGETS.len(), "{}", plan.text());
    test.run_in(repository(), &["build", "--matrix"]).exits(0).says("12 up to date");
}

#[test]
fn editing_an_override_rebuilds_only_what_it_touches() {
    let Some(engine) = engine("DOCKER_HOST") else { return };
    let test = Test::on("override", &engine);
    let recipe = test.folder().join("project");
    copy(&repository().join("recipes/pass"), &recipe);
    let file = recipe.join("farm.toml");
    let text = fs::read_to_string(&file).unwrap() + "\n[override.debian-13.build]\nenv = { COLOUR = \"red\" }\n";
    fs::write(&file, &text).unwrap();
    test.run_in(&recipe, &["build", "--matrix", "--no-test"]).exits(0);
    fs::write(&file, text.replace("red", "blue")).unwrap();
    let plan = test.run_in(&recipe, &["plan", "--matrix", "--no-test", "--explain"]).exits(0).says("build.env");
    assert_eq!(plan.text().matches("up to date").count(), 2, "{}", plan.text());
    test.run_in(&recipe, &["build", "--matrix", "--no-test"]).exits(0).says("1 succeeded").says("2 up to date");
}

#[test]
fn another_environment_gives_the_same_bytes() {
    let Some(test) = built_once() else { return };
    // With the results of the first build at hand, which a build that is not forced would find up to date.
    let again = Test::on("again", test.engine());
    let targets = ["xxhash/debian-12-amd64", "xxhash/rpm-generic-x86_64"];
    for target in targets {
        copy(&test.dist().join(target), &again.dist().join(target));
    }
    let run = again.run_in(repository(), &["build", "xxhash", "-t", "debian-12", "-t", "rpm-generic"]).exits(0);
    run.says("2 up to date");
    again
        .run_in(repository(), &["verify", "xxhash", "-t", "debian-12", "-t", "rpm-generic"])
        .exits(0)
        .says("2 reproduced")
        .says(
            "3 packages, byte by byte the same with another time, path, user, locale, timezone, processors, host-name",
        );
    for target in targets {
        again.has_the_packages_of(test, target);
    }
}
