//! The default matrix on Docker: built, and skipped when nothing changed.

use crate::lab::default_matrix;

const TARGETS: [&str; 12] = [
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
    }
    let plan = lab.farm(&["plan", "--matrix"]).expect(0);
    assert_eq!(plan.text.matches("up-to-date").count(), TARGETS.len(), "{}", plan.text);
    lab.farm(&["build", "--matrix"]).expect(0).says("12 cached");
}
