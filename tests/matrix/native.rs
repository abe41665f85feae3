//! The same matrix with no engine but farm's own: the same bytes as Docker's.

use std::path::Path;

use crate::docker::TARGETS;
#[cfg(target_os = "linux")]
use crate::support::stranger::Stranger;
use crate::support::{Ran, Test, built_once, copy, native_engine, repository};

#[test]
fn without_a_daemon_the_packages_are_the_same() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let Some(docker) = built_once() else { return };
    let test = Test::on("native", &native_engine());
    // GNU hello is configured for minutes: once is enough.
    let all = ["build", "pass", "xxhash", "--matrix"];
    test.run_in(repository(), &all).exits(0).says("6 succeeded");
    test.run_in(repository(), &["build", "hello-debian", "-t", "debian-13"]).exits(0).says("1 succeeded");
    let is_built = |target: &&&str| !target.starts_with("hello") || **target == "hello-debian/debian-13-amd64";
    for target in TARGETS.iter().filter(is_built) {
        test.has_the_packages_of(docker, target);
    }
    // Bases, builders and testers are there, and found again.
    test.run_in(repository(), &all).exits(0).says("6 up to date");
    test.run_in(repository(), &["build", "pass", "-t", "debian-12", "--force"]).exits(0).says("1 succeeded");
    test.run_in(repository(), &["verify", "pass", "-t", "debian-13", "-t", "rpm-generic"])
        .exits(0)
        .says("2 reproduced");
}

#[cfg(target_os = "linux")]
#[test]
fn an_ordinary_user_without_a_daemon_gets_the_same_packages() {
    let Some(docker) = built_once() else { return };
    let Some(stranger) = Stranger::new() else { return };
    let project = stranger.home().join("project");
    let recipes = ["pass", "xxhash"];
    for recipe in recipes {
        copy(&repository().join("recipes").join(recipe), &project.join("recipes").join(recipe));
    }
    let test = Test::at(stranger.home());
    // All that he has is his home: no engine, no image, nothing cached.
    let mut command = stranger.command(&stranger.farm());
    command.current_dir(&project).args(["build", "--matrix", "-o"]).arg(test.dist());
    Ran::of(&mut command).exits(0).says("6 succeeded").says("on native");
    for target in
        TARGETS.into_iter().filter(|target| recipes.iter().any(|name| target.starts_with(&format!("{name}/"))))
    {
        test.has_the_packages_of(docker, target);
        let owner =
            std::os::unix::fs::MetadataExt::uid(&test.dist().join(target).join("SHA256SUMS").metadata().unwrap());
        assert_eq!(owner, crate::support::stranger::ID, "{target} belongs to the caller");
    }
    crate::life::nothing_gets_out(|recipe| {
        let project = stranger.home().join("ways-out");
        std::fs::create_dir_all(&project).unwrap();
        std::fs::write(project.join("farm.toml"), recipe).unwrap();
        let mut command = stranger.command(&stranger.farm());
        command.current_dir(&project).args(["build", "-o"]).arg(test.dist());
        Ran::of(&mut command).exits(0).says("1 succeeded").says("on native");
    });
    crate::kept::by(&stranger);
}

/// Processes of their own, which know nothing of each other, on an empty store.
#[cfg(target_os = "linux")]
#[test]
fn eight_at_once_make_one_base_and_one_builder() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix").join("eight");
    let store = folder.join("store");
    let engine = format!("native://{}", store.display());
    let _whole = Test::on("eight", &engine);
    let children: Vec<_> = (0..8)
        .map(|number| {
            let test = Test::on(&format!("eight/{number}"), &engine);
            let recipe = format!(
                "[package]\nname = \"one-of-{number}\"\nversion = \"1\"\nsummary = \"One of eight\"\nlicense = \"MIT\"\n\
                 maintainer = \"Ada Lovelace <ada@example.org>\"\narchitecture = \"all\"\ndate = 2026-01-02\n\
                 [build]\ninstall = 'mkdir -p $DESTDIR/usr/share/one; echo {number} >$DESTDIR/usr/share/one/{number}'\n\
                 [matrix]\ndistros = [\"debian-12\"]\n"
            );
            std::fs::write(test.folder().join("farm.toml"), recipe).unwrap();
            let mut command = test.command(&["build", "--no-test", "--base", "bootstrap"]);
            command.current_dir(test.folder());
            let log = test.dist().join(format!("one-of-{number}/debian-12-amd64/build.log"));
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            (command.spawn().unwrap(), log, test)
        })
        .collect();
    let mut made = 0;
    for (child, log, _test) in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let log = std::fs::read(log).unwrap();
        made += usize::from(String::from_utf8_lossy(&log).contains("\nfarm: unpacking "));
    }
    assert_eq!(made, 1, "the builder is made by one of them");
    let layers = std::fs::read_dir(store.join("layers")).unwrap().count();
    assert_eq!(layers, 3, "a base, the tools of all builders, and a builder");
}
