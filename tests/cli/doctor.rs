//! `farm doctor`, where nothing answers and with farm's own engine; nothing of this machine decides the outcome.

use crate::support::{Ran, Test, skip};

/// No mirror of this machine's is asked: this one is a folder.
fn doctor(test: Test, arguments: &[&str]) -> Ran {
    let index = "Date: Sat, 21 Nov 2020 20:27:33 UTC\n";
    let test = test.file("m/dists/bookworm/InRelease", index).file("m/dists/bookworm-security/InRelease", index);
    let mirror = format!("file://{}/m", test.folder().display());
    let test = test.env("FARM_MIRROR_DEBIAN", &mirror).env("FARM_MIRROR_DEBIAN_SECURITY", &mirror);
    test.run(&[&["doctor"], arguments].concat())
}

#[test]
fn without_an_engine_it_says_why_and_exits_with_5() {
    let ran = doctor(Test::new(), &[]).exits(5);
    assert!(ran.stdout.contains("missing  engine "), "{ran}");
    assert!(ran.stdout.contains("unix:///nonexistent/no-engine.sock (DOCKER_HOST)"), "{ran}");
    assert!(ran.stdout.ends_with("farm cannot build here: there is no container engine\n"), "{ran}");
    assert!(ran.stdout.contains("mirror "), "{ran}");
    assert!(ran.stdout.contains("FARM_MIRROR_DEBIAN"), "{ran}");
    assert_eq!(ran.stderr, "", "{ran}");
    assert!(!ran.folder.join("dist").exists() && !ran.folder.join("home").exists(), "it changes nothing: {ran}");
}

#[test]
fn machines_read_the_same_as_json() {
    let ran = doctor(Test::new(), &["--json"]).exits(5);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&report["schema"], &report["can_build"]), (&1.into(), &false.into()));
    let names: Vec<&str> =
        report["checks"].as_array().unwrap().iter().filter_map(|check| check["name"].as_str()).collect();
    for name in ["configuration", "engine", "disk", "machine", "emulation", "mirror", "clock", "git"] {
        assert!(names.contains(&name), "{name}: {ran}");
    }
}

#[test]
fn a_configuration_that_is_wrong_is_a_line_and_exit_3() {
    let ran = doctor(Test::new().file("home/.config/farm/config.toml", "egnine = 1\n"), &[]).exits(3);
    assert!(ran.stdout.contains("unknown key `egnine`"), "{ran}");
    assert!(ran.stdout.contains("farm cannot build here"), "{ran}");
}

#[test]
#[cfg(target_os = "linux")]
fn what_it_says_of_farms_own_engine_is_true() {
    let store = tempfile::tempdir().unwrap();
    let engine = format!("native://{}", store.path().display());
    let ran = doctor(Test::new(), &["--engine", &engine]);
    let works = Test::new().run(&["gc", "--engine", &engine]);
    if works.code == Some(0) {
        let ran = ran.exits(0);
        let line = ran.stdout.lines().find(|line| line.contains(" native engine ")).unwrap_or_default();
        assert!(line.split_whitespace().any(|word| word == "ok"), "{ran}");
        assert!(ran.stdout.contains(&format!("farm can build here, with {engine}")), "{ran}");
    } else {
        skip(&format!("farm's own engine does not work here: {works}"));
        ran.exits(5);
    }
    let left = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with(".farm-doctor");
    assert_eq!(std::fs::read_dir(store.path()).unwrap().flatten().filter(left).count(), 0);
}
