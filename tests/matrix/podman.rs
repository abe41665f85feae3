//! The same packages on Podman's socket: the same bytes.

use crate::docker::TARGETS;
use crate::support::{Test, built_once, engine, repository};

/// Both ways in which packages are made, in both formats. GNU hello would only be configured for minutes more.
#[test]
fn podman_gives_the_same_packages() {
    let Some(engine) = engine("FARM_TEST_PODMAN") else { return };
    let Some(docker) = built_once() else { return };
    let test = Test::on("podman", &engine);
    let recipes = ["pass", "xxhash"];
    let arguments = [&["build"], &recipes[..], &["-t", "debian-12", "-t", "rpm-generic"]].concat();
    test.run_in(repository(), &arguments).exits(0).says("4 succeeded");
    let is_built = |target: &&&str| !target.starts_with("hello") && !target.contains("debian-13");
    for target in TARGETS.iter().filter(is_built) {
        test.has_the_packages_of(docker, target);
    }
    test.run_in(repository(), &["verify", "pass", "-t", "debian-12"]).exits(0).says("1 reproduced");
}
