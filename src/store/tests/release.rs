//! The index of a store, and folders for release pages.

use super::*;
use crate::artifact::PackageId;
use crate::store::{Index, Naming, Release, ReleaseError, under_way};

/// A store with `hello` of this version for each distribution, each with a package of its own name.
fn store_of(distros: &[(&str, &str)]) -> (tempfile::TempDir, Store) {
    let temp = tempfile::tempdir().unwrap();
    let store = Store::open(&temp.path().join("dist")).unwrap();
    for (distro, version) in distros {
        let name = format!("hello_{version}~{distro}_amd64.deb");
        accept_as(&store, &target(distro), version, &[(&name, distro)]);
    }
    (temp, store)
}

fn accept_as(store: &Store, target: &Target, version: &str, files: &[(&str, &str)]) {
    let staging = store.stage(target).unwrap();
    for (name, content) in files {
        fs::write(staging.artifacts().join(name), content).unwrap();
    }
    let mut record = Record { version: Some(version.to_owned()), ..record(target, files) };
    for artifact in &mut record.artifacts {
        let architecture = if artifact.file_name.ends_with("_all.deb") { "all" } else { "amd64" }.to_owned();
        let (name, version) = ("hello".to_owned(), version.to_owned());
        artifact.package = Some(PackageId { name, version, architecture });
    }
    staging.accept(&record).unwrap();
}

fn fail(store: &Store, target: &Target) {
    store.stage(target).unwrap().reject(false, &failed(target)).unwrap();
}

fn release(store: &Store, naming: Naming) -> Result<Release, ReleaseError> {
    Release::of(&Index::read(&store.root), naming, true)
}

#[test]
fn the_index_says_what_is_there_and_how_the_last_build_ended() {
    let (_temp, store) = store_of(&[("debian-12", "1.0")]);
    fail(&store, &target("debian-12"));
    fail(&store, &target("debian-13"));
    let text = fs::read_to_string(store.root.join("index.json")).unwrap();
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["schema"], 1);
    let (old, never) = (&told["targets"][0], &told["targets"][1]);
    assert_eq!((&old["target"], &old["outcome"]), (&"hello@debian-12/amd64".into(), &"failed".into()));
    assert_eq!(old["folder"], "hello/debian-12-amd64");
    assert_eq!(old["packages"]["artifacts"][0]["package"]["architecture"], "amd64");
    assert_eq!((&old["packages"]["version"], &old["packages"]["release"]), (&"1.0".into(), &1.into()));
    assert_eq!((&never["distro"], &never["packages"]), (&"debian-13".into(), &serde_json::Value::Null));

    assert_eq!(
        Index::read(&store.root).failed().into_iter().collect::<Vec<_>>(),
        ["hello@debian-12/amd64", "hello@debian-13/amd64"]
    );

    store.note_up_to_date(&target("debian-12")).unwrap();
    assert_eq!(Index::read(&store.root).targets[0].outcome, "succeeded");
    accept(&store, &target("debian-13"), &[("a_1.deb", "one")]);
    assert!(Index::read(&store.root).targets.iter().all(|target| target.outcome == "succeeded"));
    fs::write(store.root.join("index.json"), "[").unwrap();
    assert_eq!(Index::read(&store.root), Index::of(&store.root), "one that cannot be read is made anew");
}

#[test]
fn jobs_that_are_under_way_are_known() {
    let (_temp, store) = store_of(&[("debian-12", "1.0")]);
    assert_eq!(under_way(&store.root), []);
    let variant = Target { variant: Some("minimal".to_owned()), ..target("debian-13") };
    let staging = store.stage(&variant).unwrap();
    let [job] = &under_way(&store.root)[..] else { panic!("one job is under way") };
    assert_eq!((job.folder.as_str(), job.recipe.as_str()), ("hello/debian-13-amd64+minimal", "hello"));
    assert_eq!(
        (job.variant.as_deref(), job.distro.as_str(), job.arch.as_str()),
        (Some("minimal"), "debian-13", "amd64")
    );
    assert_eq!(job.stage.join("files/build.log"), staging.log_path());
    drop(staging);
    assert_eq!(under_way(&store.root), []);
}

#[test]
fn the_published_schema_has_what_is_written() {
    let (_temp, store) = store_of(&[("debian-12", "1.0")]);
    fail(&store, &target("debian-13"));
    let read = |path: &Path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let schema: serde_json::Value = read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/index.schema.json")));
    let index: serde_json::Value = read(&store.root.join("index.json"));
    assert_eq!(index["schema"], schema["properties"]["schema"]["const"]);
    same_names(&index, &schema);
    let target = &schema["properties"]["targets"]["items"];
    for one in index["targets"].as_array().unwrap() {
        same_names(one, target);
    }
    let packages = &target["properties"]["packages"];
    let written = &index["targets"][0]["packages"];
    same_names(written, packages);
    let (artifact, described) = (&written["artifacts"][0], &packages["properties"]["artifacts"]["items"]);
    same_names(artifact, described);
    same_names(&artifact["package"], &described["properties"]["package"]);
}

/// Whether an object has the members that a schema describes, and no other.
fn same_names(value: &serde_json::Value, schema: &serde_json::Value) {
    let names = |object: &serde_json::Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(value), names(&schema["properties"]));
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn the_sums_of_a_release_hold_on_a_page_that_changes_names() {
    let (temp, store) = store_of(&[("debian-12", "1.0"), ("debian-13", "1.0")]);
    let page = temp.path().join("new/page");
    release(&store, Naming::Portable).unwrap().write(&store.root, &page, None).unwrap();
    let files = ["RELEASE.md", "SHA256SUMS", "hello_1.0.debian-12_amd64.deb", "hello_1.0.debian-13_amd64.deb"];
    assert_eq!(names(&page), files);
    assert_eq!(names(page.parent().unwrap()), ["page"]);
    let notes = fs::read_to_string(page.join("RELEASE.md")).unwrap();
    assert!(notes.starts_with("# hello 1.0-1\n"), "{notes}");
    assert!(notes.contains("| hello@debian-12/amd64 | `hello_1.0.debian-12_amd64.deb` |\n"), "{notes}");
    assert!(notes.contains("- `hello_1.0.debian-13_amd64.deb` is `hello_1.0~debian-13_amd64.deb`\n"), "{notes}");
    if have(&["sha256sum"]) {
        let checked = Command::new("sha256sum").args(["-c", "--quiet", "SHA256SUMS"]).current_dir(&page).status();
        assert!(checked.unwrap().success());
    }

    let signed = temp.path().join("signed");
    let signer = crate::sign::testing::signer();
    release(&store, Naming::Portable).unwrap().write(&store.root, &signed, Some(&signer)).unwrap();
    let key = fs::read(signed.join("signing-key.asc")).unwrap();
    crate::sign::verify_file(&signed.join("SHA256SUMS"), &key).unwrap();
    assert!(fs::read_to_string(signed.join("RELEASE.md")).unwrap().contains(signer.fingerprint()));
    fs::write(signed.join("SHA256SUMS"), "other").unwrap();
    crate::sign::verify_file(&signed.join("SHA256SUMS"), &key).unwrap_err();

    let exact = temp.path().join("exact");
    release(&store, Naming::Exact).unwrap().write(&store.root, &exact, None).unwrap();
    assert!(exact.join("hello_1.0~debian-12_amd64.deb").exists());
    assert!(!fs::read_to_string(exact.join("RELEASE.md")).unwrap().contains("Some release pages"));
    let error = release(&store, Naming::Exact).unwrap().write(&store.root, &exact, None).unwrap_err();
    assert!(matches!(error, ReleaseError::Exists(_)), "{error}");
}

#[test]
fn what_does_not_belong_together_is_no_release() {
    let error = |store: &Store| release(store, Naming::Portable).unwrap_err().to_string();
    let (_temp, store) = store_of(&[]);
    assert_eq!(error(&store), "there are no packages to release");

    let (_temp, store) = store_of(&[("debian-12", "1.0"), ("debian-13", "1.1")]);
    assert_eq!(
        error(&store),
        "the packages of hello are of more than one version:\n  hello@debian-12/amd64 1.0-1\n  hello@debian-13/amd64 1.1-1"
    );
    fail(&store, &target("debian-12"));
    assert_eq!(error(&store), "the last build of one target did not come to packages:\n  hello@debian-12/amd64 failed");

    let (_temp, store) = store_of(&[]);
    for distro in ["debian-12", "debian-13"] {
        accept_as(&store, &target(distro), "1.0", &[("hello_1.0_amd64.deb", distro)]);
    }
    let same = "hello_1.0_amd64.deb would be two files with different contents:\n  \
                hello/debian-12-amd64/hello_1.0_amd64.deb\n  hello/debian-13-amd64/hello_1.0_amd64.deb";
    assert_eq!(error(&store), same);
}

#[test]
fn architectures_share_what_is_for_all() {
    let (_temp, store) = store_of(&[]);
    let arm = Target { arch: Arch::Arm64, ..target("debian-12") };
    accept_as(&store, &target("debian-12"), "1.0", &[("hello-doc_1.0_all.deb", "one")]);
    accept_as(&store, &arm, "1.0", &[("hello-doc_1.0_all.deb", "another")]);
    assert_eq!(release(&store, Naming::Portable).unwrap().size(), (1, 3));
    accept_as(&store, &target("debian-13"), "1.0", &[("hello-doc_1.0_all.deb", "third")]);
    assert!(matches!(release(&store, Naming::Portable), Err(ReleaseError::Clash { .. })));
}

#[test]
fn a_damaged_package_is_not_released() {
    let (temp, store) = store_of(&[("debian-12", "1.0")]);
    let path = store.root.join("hello/debian-12-amd64/hello_1.0~debian-12_amd64.deb");
    fs::write(&path, "debian-21").unwrap();
    let page = temp.path().join("page");
    let error = release(&store, Naming::Portable).unwrap().write(&store.root, &page, None).unwrap_err();
    assert!(matches!(error, ReleaseError::Damaged { .. }), "{error}");
    assert_eq!(names(temp.path()), ["dist"], "nothing is left of it");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    assert!(release(&store, Naming::Portable).unwrap().write(&store.root, &page, None).is_err());
}
