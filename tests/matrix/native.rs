//! The same matrix with no engine but farm's own: the same bytes as Docker's.

use std::path::Path;

use crate::docker::{TARGETS, copy, same_packages};
use crate::lab::{Lab, Run, default_matrix, repository};
#[cfg(target_os = "linux")]
use crate::stranger::Stranger;

/// farm's own engine, with a store of these tests.
pub(crate) fn store() -> String {
    format!("native://{}", Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix-store").display())
}

#[test]
fn without_a_daemon_the_packages_are_the_same() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let Some(docker) = default_matrix() else { return };
    let lab = Lab::new("native", &store());
    // `hello-debian` is configured as `hello` is, for minutes.
    let all = ["build", "hello-debian", "pass", "xxhash", "--matrix"];
    lab.farm(&all).expect(0).says("9 succeeded");
    for target in TARGETS.iter().filter(|target| !target.starts_with("hello/")) {
        same_packages(docker, &lab, target);
    }
    // Bases, builders and testers are there, and found again.
    lab.farm(&all).expect(0).says("9 up to date");
    lab.farm(&["build", "pass", "-t", "debian-12", "--force"]).expect(0).says("1 succeeded");
}

#[cfg(target_os = "linux")]
#[test]
fn an_ordinary_user_without_a_daemon_gets_the_same_packages() {
    let Some(docker) = default_matrix() else { return };
    let Some(stranger) = Stranger::new() else { return };
    let project = stranger.home().join("project");
    let recipes = ["pass", "xxhash"];
    for recipe in recipes {
        copy(&repository().join("recipes").join(recipe), &project.join("recipes").join(recipe));
    }
    let lab = Lab::at(stranger.home());
    // All that he has is his home: no engine, no image, nothing cached.
    let mut command = stranger.command(&stranger.farm());
    command.current_dir(&project).args(["build", "--matrix", "-o"]).arg(lab.dist());
    Run::of(&mut command).expect(0).says("6 succeeded").says("on native");
    for target in
        TARGETS.into_iter().filter(|target| recipes.iter().any(|name| target.starts_with(&format!("{name}/"))))
    {
        same_packages(docker, &lab, target);
        let owner =
            std::os::unix::fs::MetadataExt::uid(&lab.dist().join(target).join("SHA256SUMS").metadata().unwrap());
        assert_eq!(owner, crate::stranger::ID, "{target} belongs to the caller");
    }
    crate::life::nothing_gets_out(|recipe| {
        let project = stranger.home().join("ways-out");
        std::fs::create_dir_all(&project).unwrap();
        std::fs::write(project.join("farm.toml"), recipe).unwrap();
        let mut command = stranger.command(&stranger.farm());
        command.current_dir(&project).args(["build", "-o"]).arg(lab.dist());
        Run::of(&mut command).expect(0).says("1 succeeded").says("on native");
    });
}

/// Processes of their own, which know nothing of each other, on an empty store.
#[cfg(target_os = "linux")]
#[test]
fn eight_at_once_make_one_base_and_one_builder() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix").join("eight");
    let store = folder.join("store");
    let engine = format!("native://{}", store.display());
    let _ = Lab::new("eight", &engine);
    let children: Vec<_> = (0..8)
        .map(|number| {
            let lab = Lab::new(&format!("eight/{number}"), &engine);
            let recipe = format!(
                "[package]\nname = \"one-of-{number}\"\nversion = \"1\"\nsummary = \"One of eight\"\nlicense = \"MIT\"\n\
                 maintainer = \"Ada Lovelace <ada@example.org>\"\narchitecture = \"all\"\ndate = 2026-01-02\n\
                 [build]\ninstall = 'mkdir -p $DESTDIR/usr/share/one; echo {number} >$DESTDIR/usr/share/one/{number}'\n\
                 [matrix]\ndistros = [\"debian-12\"]\n"
            );
            std::fs::write(lab.folder.join("farm.toml"), recipe).unwrap();
            let mut command = lab.command(&["build", "--no-test", "--base", "bootstrap"]);
            command.current_dir(&lab.folder);
            let log = lab.dist().join(format!("one-of-{number}/debian-12-amd64/build.log"));
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            (command.spawn().unwrap(), log)
        })
        .collect();
    let mut made = 0;
    for (child, log) in children {
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
