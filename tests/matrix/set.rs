//! Five recipes that need each other: two libraries, a program on both, its plugin and its data.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Ran, Test, copy, native_engine, repository};

const DEB: [&str; 5] = ["heron", "heron-fish", "libpond", "libreed", "pond-data"];

/// A copy of the set, to change.
fn set(test: &Test) -> PathBuf {
    let project = test.folder().join("project");
    copy(&repository().join("tests/recipes/set"), &project);
    project
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{} has no {from:?}", file.display());
    fs::write(file, text.replace(from, to)).unwrap();
}

/// The events of a run, one JSON object per line.
fn events(run: &Ran) -> Vec<serde_json::Value> {
    run.text().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn recipe_of(event: &serde_json::Value) -> String {
    let id = event["target"].as_str().unwrap_or_default();
    id.split_once('@').map_or(id, |(recipe, _)| recipe).to_owned()
}

/// Where in the events a recipe's job begins or ends.
fn place(events: &[serde_json::Value], kind: &str, recipe: &str) -> usize {
    let is = |event: &serde_json::Value| event["event"] == kind && recipe_of(event) == recipe;
    events.iter().position(is).unwrap_or_else(|| panic!("no {kind} of {recipe}"))
}

#[test]
fn a_set_of_five_is_built_in_order_and_rebuilt_as_far_as_a_change_reaches() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let test = Test::on("set", &native_engine());
    let project = set(&test);
    let build = |arguments: &[&str]| {
        let all = [&["build", "-t", "debian-12"], arguments].concat();
        test.run_in(&project, &all).exits(0)
    };

    let run = build(&["-j", "2", "--progress", "json"]);
    let events = events(&run);
    let (starts, ends) = (|r: &str| place(&events, "job-started", r), |r: &str| place(&events, "job-finished", r));
    for (first, then) in [("libpond", "libreed"), ("libreed", "heron"), ("pond-data", "heron"), ("heron", "heron-fish")]
    {
        assert!(ends(first) < starts(then), "{then} began before {first} was done");
    }
    // What needs nothing begins at once, side by side.
    assert!(starts("libpond").max(starts("pond-data")) < ends("libpond").min(ends("pond-data")));

    build(&[]).says("5 up to date");

    // Another comment in a header: the development package is another, the library is not, and so is not the program.
    edit(&project.join("recipes/libreed/src/reed.h"), "in this pond", "in a pond");
    let plan = test.run_in(&project, &["plan", "-t", "debian-12"]).exits(0);
    let plan = plan.says("build if    the packages of libreed@debian-12/amd64 change");
    assert_eq!(plan.text().matches("up to date").count(), 2, "{}", plan.text());
    build(&[]).says("2 succeeded").says("3 up to date");

    // The same packages again: nothing reaches the others.
    edit(&project.join("recipes/libreed/farm.toml"), "gcc $CPPFLAGS", "gcc  $CPPFLAGS");
    build(&[]).says("1 succeeded").says("4 up to date");

    // Another library, which the plugin meets in its test: all that is on it.
    edit(&project.join("recipes/libreed/src/reed.c"), "2 *", "1 + 1 *");
    edit(&project.join("recipes/heron/farm.toml"), "reed 6", "reed 4");
    edit(&project.join("recipes/heron-fish/farm.toml"), "reed 6", "reed 4");
    build(&[]).says("3 succeeded").says("2 up to date");

    // One of them brings what it needs along, and takes it from dist/.
    build(&["heron-fish"]).says("5 up to date");
    fs::remove_dir_all(test.dist().join("libreed")).unwrap();
    let plan = test.run_in(&project, &["plan", "heron", "-t", "debian-12"]).exits(0);
    plan.says("never built; needed by heron@debian-12/amd64");
    build(&["heron"]).says("1 succeeded").says("3 up to date");

    installed_together(&test);
}

/// All packages of the set in one container, with no other source than the distribution.
fn installed_together(test: &Test) {
    let project = test.folder().join("together");
    fs::create_dir_all(project.join("debs")).unwrap();
    for recipe in DEB {
        for file in test.files(&format!("{recipe}/debian-12-amd64"), ".deb") {
            fs::copy(&file, project.join("debs").join(file.file_name().unwrap())).unwrap();
        }
    }
    let recipe = "[package]\nname = \"together\"\nversion = \"1.0\"\nsummary = \"All of a set at once\"\nlicense = \"MIT\"\n\
        homepage = \"https://example.org/pond\"\nmaintainer = \"Farm Tests <tests@example.org>\"\narchitecture = \"all\"\n\
        date = 2026-01-02\n\n[[sources]]\npath = \"debs\"\n\n\
        [build]\ninstall = '''\ninstall -d \"$DESTDIR/usr/share/together\"\ninstall -m 644 *.deb \"$DESTDIR/usr/share/together\"\n'''\n\n\
        [test]\nscript = '''\ndpkg -i $(ls /usr/share/together/*.deb | grep -v dbgsym)\ntest \"$(heron)\" = \"3 deep, reed 4 high: some fish, 9 of them\"\n\
        dpkg --audit\ndpkg -P heron-fish heron libreed-dev libreed libpond-dev libpond pond-data\n'''\n\n\
        [matrix]\ndistros = [\"debian-12\"]\n";
    fs::write(project.join("farm.toml"), recipe).unwrap();
    test.run_in(&project, &["build"]).exits(0).says("1 succeeded");
}

#[test]
fn rpms_of_a_set_are_built_on_each_other_and_tried_together() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let test = Test::on("set-rpm", &native_engine());
    let project = set(&test);
    let run = test.run_in(&project, &["build", "-t", "rpm-generic", "-j", "2"]).exits(0);
    run.says("5 succeeded");
    let log = fs::read_to_string(test.dist().join("heron-fish/rpm-generic-x86_64/build.log")).unwrap();
    for package in ["heron 1.0-1", "libreed 2.0-1", "libpond 1.2-1", "pond-data 3-1"] {
        assert!(log.contains(package), "{package} was not there in the test:\n{log}");
    }
    test.run_in(&project, &["build", "-t", "rpm-generic"]).exits(0).says("5 up to date");
}

#[test]
fn what_needs_a_failed_recipe_is_skipped_with_the_reason() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let test = Test::on("set-failed", &native_engine());
    let project = set(&test);
    edit(&project.join("recipes/libpond/src/pond.c"), "return 3;", "#error dry");
    let run = test.run_in(&project, &["build", "-t", "debian-12", "--no-test"]).exits(10);
    let because = "it needs libpond@debian-12/amd64: libpond@debian-12/amd64 failed";
    run.says("1 succeeded").says("1 failed").says("3 skipped").says(because);
}
