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
fn the_default_matrix_without_a_daemon_gives_the_same_packages() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let Some(docker) = default_matrix() else { return };
    let lab = Lab::new("native", &store());
    lab.farm(&["build", "--matrix"]).expect(0);
    for target in TARGETS {
        same_packages(docker, &lab, target);
    }
    // Bases, builders and testers are there, and found again.
    lab.farm(&["build", "--matrix"]).expect(0).says("12 cached");
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
}
