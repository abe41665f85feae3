//! Commands that read what a store holds: `farm list`, `farm logs`, `farm release`, `farm build --failed`.

use sha2::{Digest, Sha256};

use crate::support::{RECIPE, Test};

/// A store in which `greet` is good on Debian 13, and failed on Debian 12 where it had been good.
fn test() -> Test {
    let test = Test::new().file("farm.toml", RECIPE);
    let banner = |title: &str| format!("\n+{0}+\n| {title:<76} |\n+{0}+\n\n", "-".repeat(78));
    for distro in ["debian-12", "debian-13"] {
        let (folder, name) = (format!("dist/greet/{distro}-amd64"), format!("greet_1.0-1~{distro}_all.deb"));
        let record = serde_json::json!({
            "schema": 1, "target": format!("greet@{distro}/amd64"), "key": {"digest": "k", "inputs": {}},
            "artifacts": [{
                "file_name": name, "size_bytes": distro.len(), "sha256": hex::encode(Sha256::digest(distro)), "kind": "binary",
            }],
            "elapsed_seconds": 1.0, "tested": true, "version": "1.0", "release": 1, "made": "2026-01-02T03:04:05Z",
        });
        test.write(&format!("{folder}/{name}"), distro);
        test.write(&format!("{folder}/job.json"), &record.to_string());
        test.write(
            &format!("{folder}/build.log"),
            &format!("begin\n{}cc a.c\n{}ok\n", banner("Build"), banner("Check")),
        );
    }
    let failed =
        r#"{"target": "greet@debian-12/amd64", "outcome": "failed", "details": {}, "ended": "2026-01-02T03:04:06Z"}"#;
    test.write("dist/greet/debian-12-amd64/last-result.json", failed);
    test
}

#[test]
fn a_store_is_listed_for_people_and_for_scripts() {
    let test = test();
    let ran = test.run(&["list"]).exits(0);
    let line = "greet@debian-12/amd64  1.0-1    failed      2026-01-02T03:04:05Z  1";
    assert!(ran.stdout.contains(line) && ran.stdout.lines().count() == 3, "{ran}");
    let ran = test.run(&["list", "--json", "--exclude", "debian-12"]).exits(0);
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((told["schema"].as_i64(), told["targets"].as_array().unwrap().len()), (Some(1), 1));
    assert_eq!(told["targets"][0]["packages"]["artifacts"][0]["file_name"], "greet_1.0-1~debian-13_all.deb");
    let ran = test.run(&["list", "-t", "debian-14"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("-t debian-14 matches nothing in dist"), "{ran}");
    let ran = test.run(&["list", "-o", "elsewhere"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("there is no folder elsewhere"), "{ran}");
}

#[test]
fn targets_are_removed_from_a_store() {
    let test = test();
    let there = |folder: &str| test.folder().join("dist").join(folder).exists();
    let ran = test.run(&["clean", "-t", "debian-12", "--dry-run"]).exits(0);
    assert!(ran.stdout.starts_with("greet@debian-12/amd64\nwould remove 1 target with 1 package, "), "{ran}");
    assert!(there("greet/debian-12-amd64"));
    test.run(&["clean", "-t", "debian-12"]).exits(0).says("removed 1 target with 1 package");
    assert!(!there("greet/debian-12-amd64") && there("greet/debian-13-amd64"));
    let ran = test.run(&["list", "--json"]).exits(0);
    assert!(ran.stdout.contains("greet@debian-13/amd64") && !ran.stdout.contains("debian-12"), "{ran}");
    let sums = std::fs::read_to_string(test.folder().join("dist/SHA256SUMS")).unwrap();
    assert_eq!((sums.lines().count(), sums.contains("debian-13")), (1, true), "{sums}");
    // What an index says of other folders is nobody's to remove.
    test.write("elsewhere/greet/file", "mine");
    let index = std::fs::read_to_string(test.folder().join("dist/index.json")).unwrap();
    test.write("dist/index.json", &index.replace("greet/debian-13-amd64", "../elsewhere/greet"));
    test.run(&["clean"]).exits(0).says("removed 1 target");
    assert!(!there("greet") && test.folder().join("elsewhere/greet/file").exists());
    test.run(&["clean", "-t", "debian-12"]).exits(4).says("-t debian-12 matches nothing in dist");
}

#[test]
fn a_log_is_shown_whole_or_by_step() {
    let test = test();
    let ran = test.run(&["logs", "debian-12"]).exits(0);
    assert!(ran.stdout.starts_with("begin\n\n+---") && ran.stdout.ends_with("ok\n"), "{ran}");
    let ran = test.run(&["logs", "greet@debian-12/amd64", "--step", "check", "--follow"]).exits(0);
    assert!(ran.stdout.ends_with("+\n\nok\n") && !ran.stdout.contains("cc a.c"), "{ran}");
    let ran = test.run(&["logs", "debian-12", "--path"]).exits(0);
    assert_eq!(ran.stdout, "dist/greet/debian-12-amd64/build.log\n");
    let ran = test.run(&["logs", "greet@*"]).exits(2);
    assert!(ran.stderr.contains("greet@* means more than one target:\n  greet/debian-12-amd64\n"), "{ran}");
    let ran = test.run(&["logs", "debian-12", "--step", "compile"]).exits(2);
    assert!(ran.stderr.contains("expected one of prepare, unpack, build,"), "{ran}");
}

#[test]
fn a_release_has_what_belongs_together() {
    let test = test();
    let ran = test.run(&["release", "page"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("\n  greet@debian-12/amd64 failed"), "{ran}");
    assert!(ran.stderr.contains("leave some out") && !test.folder().join("page").exists(), "{ran}");
    let ran = test.run(&["release", "page", "-t", "debian-13"]).exits(0);
    assert_eq!(ran.stdout, "page: 1 package, 9 B, SHA256SUMS, RELEASE.md\n");
    assert!(test.folder().join("page/greet_1.0-1.debian-13_all.deb").is_file());
    let ran = test.run(&["release", "page", "-t", "debian-13"]).exits(2);
    assert!(ran.stderr.contains("page is there already") && ran.stderr.contains("name a new folder"), "{ran}");
}

#[test]
fn a_build_of_what_failed_takes_no_other_target() {
    let test = test();
    let ran = test.run(&["build", "--failed", "-t", "debian-13"]);
    assert!(
        ran.code != Some(0) && ran.stderr.contains("no target matches -t debian-13 greet@debian-12/amd64"),
        "{ran}"
    );
    std::fs::remove_file(test.folder().join("dist/greet/debian-12-amd64/last-result.json")).unwrap();
    let ran = test.run(&["build", "--failed"]).exits(0);
    assert!(ran.stderr.contains("no build failed last time"), "{ran}");
}
