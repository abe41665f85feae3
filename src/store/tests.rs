mod merge;
mod release;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::*;
use crate::artifact::ArtifactKind;
use crate::types::testing::have;
use crate::types::{Arch, Format};

fn target(distro: &str) -> Target {
    Target {
        recipe: "hello".to_owned(),
        distro: distro.to_owned(),
        arch: Arch::Amd64,
        format: Format::Deb,
        variant: None,
        source: false,
    }
}

fn record(target: &Target, files: &[(&str, &str)]) -> Record {
    let artifacts = files
        .iter()
        .map(|(name, content)| Artifact {
            file_name: (*name).to_owned(),
            size_bytes: content.len() as u64,
            sha256: hex::encode(Sha256::digest(content)),
            kind: ArtifactKind::Binary,
            package: None,
        })
        .collect();
    Record {
        lint: None,
        repositories: Vec::new(),
        schema: RECORD_SCHEMA,
        target: target.to_string(),
        key: Key { digest: "k".to_owned(), inputs: BTreeMap::new() },
        artifacts,
        former_links: BTreeMap::new(),
        caches: Vec::new(),
        elapsed_seconds: 1.5,
        tested: true,
        version: Some("1.0".to_owned()),
        release: Some(1),
        made: Some("2026-01-02T03:04:05Z".to_owned()),
        inputs: None,
        processes: None,
    }
}

fn accept(store: &Store, target: &Target, files: &[(&str, &str)]) -> PathBuf {
    let staging = store.stage(target).unwrap();
    fs::write(staging.log_path(), "log\n").unwrap();
    for (name, content) in files {
        fs::write(staging.artifacts().join(name), content).unwrap();
    }
    staging.accept(&record(target, files)).unwrap()
}

fn failed(target: &Target) -> LastResult {
    LastResult {
        target: target.to_string(),
        outcome: "failed".to_owned(),
        details: serde_json::json!({"outcome": "failed", "step": "build", "exit_code": 2}),
        ended: "2026-01-02T03:04:06Z".to_owned(),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn an_accepted_job_replaces_the_whole_folder_and_is_found_again() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(&temp.path().join("dist")).unwrap();
    let target = target("debian-12");
    assert_eq!(store.record(&target), None);

    accept(&store, &target, &[("a_1.deb", "one"), ("b_1.deb", "two")]);
    let folder = accept(&store, &target, &[("a_2.deb", "three")]);

    assert_eq!(folder, store.folder(&target));
    assert_eq!(names(&folder), ["SHA256SUMS", "a_2.deb", "build.log", "job.json"]);
    assert_eq!(store.record(&target), Some(record(&target, &[("a_2.deb", "three")])));
    assert_eq!(names(&store.root.join(".farm/stage")), Vec::<String>::new());
}

#[test]
fn sums_are_what_sha256sum_checks() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    accept(&store, &target("debian-12"), &[("a_1.deb", "one"), ("b_1.deb", "two")]);
    accept(&store, &target("debian-13"), &[("a_1.deb", "other")]);

    let lines = fs::read_to_string(temp.path().join("SHA256SUMS")).unwrap();
    let paths: Vec<&str> = lines.lines().map(|line| &line[66..]).collect();
    assert_eq!(
        paths,
        ["hello/debian-12-amd64/a_1.deb", "hello/debian-12-amd64/b_1.deb", "hello/debian-13-amd64/a_1.deb"]
    );

    let check = |folder: &Path| {
        Command::new("sha256sum")
            .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
            .current_dir(folder)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .status()
    };
    // macOS has shasum instead.
    if !have(&["sha256sum"]) {
        return;
    }
    assert!(check(temp.path()).unwrap().success());
    assert!(check(&store.folder(&target("debian-12"))).unwrap().success());
    fs::write(temp.path().join("hello/debian-13-amd64/a_1.deb"), "oTher").unwrap();
    assert!(!check(temp.path()).unwrap().success());
}

#[test]
fn a_rejected_job_keeps_the_last_good_artifacts() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let target = target("debian-12");
    accept(&store, &target, &[("a_1.deb", "good")]);

    let staging = store.stage(&target).unwrap();
    fs::write(staging.log_path(), "it failed\n").unwrap();
    fs::write(staging.artifacts().join("a_2.deb"), "bad").unwrap();
    let log = staging.reject(true, &failed(&target)).unwrap();

    assert_eq!(fs::read_to_string(&log).unwrap(), "it failed\n");
    let folder = store.folder(&target);
    assert_eq!(names(&folder.join("broken")), ["a_2.deb"]);
    assert_eq!(store.record(&target), Some(record(&target, &[("a_1.deb", "good")])));

    let staging = store.stage(&target).unwrap();
    fs::write(staging.log_path(), "again\n").unwrap();
    staging.reject(false, &failed(&target)).unwrap();
    assert_eq!(names(&folder), ["SHA256SUMS", "a_1.deb", "build.log", "job.json", "last-result.json"]);
    assert_eq!(names(&temp.path().join(".farm/stage")), Vec::<String>::new());
}

#[test]
fn a_job_that_never_succeeded_leaves_its_log_and_no_record() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let target = target("debian-12");
    let staging = store.stage(&target).unwrap();
    fs::write(staging.log_path(), "no\n").unwrap();
    staging.reject(true, &failed(&target)).unwrap();
    assert_eq!(store.record(&target), None);
    assert_eq!(names(&store.folder(&target)), ["broken", "build.log", "last-result.json"]);
}

#[test]
fn what_is_in_the_way_is_named_before_anything_is_built() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(&temp.path().join("dist")).unwrap();
    let target = target("debian-12");
    assert!(store.check_folders([&target].into_iter()).is_ok());
    let program = temp.path().join("dist").join(&*target.recipe);
    fs::write(&program, "").unwrap();
    let error = store.check_folders([&target].into_iter()).unwrap_err();
    assert!(matches!(&error, StoreError::InTheWay(path) if *path == program), "{error}");
}

#[test]
fn artifacts_that_are_gone_cut_or_changed_are_noticed() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let target = target("debian-12");
    let folder = accept(&store, &target, &[("a.deb", "one"), ("b.deb", "two")]);
    assert_eq!(store.verify(), []);

    fs::write(folder.join("a.deb"), "oNe").unwrap();
    assert_eq!(store.record(&target), None, "although its size is the same");
    let damaged = store.verify();
    assert_eq!(damaged.len(), 1);
    assert_eq!(damaged[0].path, folder.join("a.deb"));

    fs::write(folder.join("a.deb"), "on").unwrap();
    assert_eq!(store.record(&target), None);
    fs::remove_file(folder.join("a.deb")).unwrap();
    assert_eq!(store.record(&target), None);
}

/// As a disk does, or somebody who can set times: size and time of writing stay.
fn flip(path: &Path) {
    let times = fs::metadata(path).unwrap().modified().unwrap();
    let mut content = fs::read(path).unwrap();
    content[0] ^= 1;
    fs::write(path, content).unwrap();
    File::options().write(true).open(path).unwrap().set_modified(times).unwrap();
}

#[test]
fn an_artifact_of_another_content_is_never_up_to_date() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let target = target("debian-12");
    let folder = accept(&store, &target, &[("a.deb", "aaa"), ("b.deb", "bbb")]);
    let kept = store.record(&target).unwrap();
    for name in ["a.deb", "b.deb"] {
        flip(&folder.join(name));
        let damaged = store.state(&target).unwrap_err();
        assert_eq!(damaged.path, folder.join(name));
        assert_eq!(store.record(&target), None);
        flip(&folder.join(name));
        assert_eq!(store.record(&target), Some(kept.clone()), "it is what it was, whenever it was written");
    }
    // A copy of dist/ elsewhere is read once, as is one without its notes.
    fs::remove_dir_all(temp.path().join(".farm/stamps")).unwrap();
    assert_eq!(store.record(&target), Some(kept.clone()));
    assert!(temp.path().join(".farm/stamps").is_dir());
    flip(&folder.join("a.deb"));
    fs::remove_dir_all(temp.path().join(".farm/stamps")).unwrap();
    assert_eq!(store.record(&target), None);
    fs::remove_file(folder.join("a.deb")).unwrap();
    std::os::unix::fs::symlink("b.deb", folder.join("a.deb")).unwrap();
    assert_eq!(store.record(&target), None, "a link is no artifact");
}

#[test]
fn whoever_asks_for_it_has_everything_read() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let target = target("debian-12");
    let folder = accept(&store, &target, &[("a.deb", "aaa")]);
    // What the file system says can be made to look right by whoever writes the notes.
    flip(&folder.join("a.deb"));
    stamps::note(temp.path(), &folder, &read_record(&folder).unwrap());
    assert!(store.record(&target).is_some());
    assert!(store.reading_all().record(&target).is_none());
}

#[test]
fn records_that_do_not_describe_the_folder_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let target = target("debian-12");
    accept(&store, &target, &[("a.deb", "good")]);
    for (name, content) in [("missing.deb", "x"), ("../a.deb", "x"), ("a\n.deb", "x"), ("job.json", "x"), ("..", "x")] {
        let staging = store.stage(&target).unwrap();
        let refused = staging.accept(&record(&target, &[(name, content)]));
        assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{name:?}: {refused:?}");
    }
    assert!(store.record(&target).is_some());
}

#[test]
fn hostile_or_foreign_records_are_no_records() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let target = target("debian-12");
    let folder = accept(&store, &target, &[("a.deb", "good")]);
    let good = fs::read_to_string(folder.join("job.json")).unwrap();
    for bad in ["", "{", "[]", &good.replace("\"schema\": 1", "\"schema\": 2"), &good.replace("a.deb", "../x")] {
        fs::write(folder.join("job.json"), bad).unwrap();
        assert_eq!(store.record(&target), None, "{bad}");
        assert_eq!(store.records().count(), 0, "{bad}");
    }
    fs::write(folder.join("job.json"), good.replace("debian-12", "debian-13")).unwrap();
    assert_eq!(store.record(&target), None, "a record of another target");
}

#[test]
fn one_run_at_a_time_writes() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let lock = store.lock().unwrap();
    assert!(matches!(Store::open(temp.path()).unwrap().lock(), Err(StoreError::Locked(_))));
    drop(lock);
    store.lock().unwrap();
}

#[test]
fn left_overs_of_the_dead_go_and_the_living_stay() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let alive = store.stage(&target("debian-12")).unwrap();
    let stage = temp.path().join(".farm/stage");
    fs::create_dir_all(stage.join("7/files")).unwrap();
    fs::write(stage.join("7.lock"), "").unwrap();

    let second = store.stage(&target("debian-13")).unwrap();
    assert!(alive.artifacts().is_dir() && second.artifacts().is_dir());
    assert!(!stage.join("7").exists() && !stage.join("7.lock").exists());
    drop((alive, second));
    assert_eq!(names(&stage), Vec::<String>::new());
}

#[test]
fn a_replacement_cut_off_between_two_renames_is_put_back() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let target = target("debian-12");
    let folder = accept(&store, &target, &[("a.deb", "good")]);
    // As the two-step replacement leaves it when it dies in the middle.
    let place = temp.path().join(".farm/stage/0");
    fs::create_dir_all(place.join("files")).unwrap();
    fs::write(place.join("destination"), target.folder()).unwrap();
    fs::write(temp.path().join(".farm/stage/0.lock"), "").unwrap();
    fs::rename(&folder, place.join("previous")).unwrap();
    assert_eq!(store.record(&target), None);

    drop(store.stage(&self::target("debian-13")).unwrap());
    assert!(store.record(&target).is_some());
}

#[test]
fn a_full_disk_is_told_apart() {
    let full = at(Path::new("dist"))(std::io::Error::from(std::io::ErrorKind::StorageFull));
    assert!(matches!(full, StoreError::DiskFull(_)), "{full:?}");
    let denied = at(Path::new("dist"))(std::io::Error::from(std::io::ErrorKind::PermissionDenied));
    assert!(matches!(denied, StoreError::Io { .. }), "{denied:?}");
}

const CHILD: &str = "FARM_TEST_STORE_CHILD";

/// Not a test of its own: the process that `killed_in_mid_accept` kills. Accepts as fast as it can.
#[test]
fn child_that_accepts_for_ever() {
    let Some(root) = std::env::var_os(CHILD) else { return };
    let store = Store::open(Path::new(&root)).unwrap();
    for generation in 0_u64.. {
        let content = format!("{generation} ").repeat(2000);
        let files = [("a.deb", content.as_str()), ("b.deb", content.as_str()), ("c.deb", content.as_str())];
        accept(&store, &target("debian-12"), &files);
    }
}

#[cfg(unix)]
#[test]
fn killed_in_mid_accept_leaves_the_old_or_the_new_whole() {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(temp.path()).unwrap();
    let target = target("debian-12");
    accept(&store, &target, &[("a.deb", "0")]);
    let mut generations = std::collections::BTreeSet::new();
    for round in 0..15_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::tests::child_that_accepts_for_ever", "--quiet"])
            .env(CHILD, temp.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It is at work once the record changes; then it is killed at another moment in each round.
        let before = fs::read(store.folder(&target).join("job.json")).unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while fs::read(store.folder(&target).join("job.json")).is_ok_and(|now| now == before) {
            assert!(std::time::Instant::now() < deadline, "the child does not accept anything");
            std::thread::yield_now();
        }
        for _ in 0..round * 30 {
            let _ = fs::read(store.folder(&target).join("job.json"));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if cfg!(not(target_os = "linux")) {
            // Without an exchange in one step, the next run puts the old folder back.
            drop(store.stage(&self::target("debian-13")).unwrap());
        }

        let record = store.record(&target).expect("the target's folder is complete");
        assert_eq!(store.verify(), [], "round {round}");
        generations.insert(record.artifacts[0].sha256.clone());
        drop(store.stage(&self::target("debian-13")).unwrap());
        assert_eq!(names(&temp.path().join(".farm/stage")), Vec::<String>::new());
    }
    assert!(generations.len() > 1, "the child was never caught at work");
}

/// A project that is its own source must not be built from what was built of it.
#[test]
fn a_new_store_is_ignored_by_the_work_tree_it_lies_in() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("dist");
    Store::open(&root).unwrap();
    assert_eq!(fs::read_to_string(root.join(".gitignore")).unwrap(), "*\n");
    let own = place.path().join("own");
    fs::create_dir(&own).unwrap();
    Store::open(&own).unwrap();
    assert!(!own.join(".gitignore").exists(), "somebody's own folder is left as it is");
}
