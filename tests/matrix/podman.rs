//! The same packages on Podman's socket: the same bytes.

use crate::docker::{TARGETS, same_packages};
use crate::lab::{Lab, default_matrix, engine};

/// Every way in which packages are made, in both formats. `hello` would only be configured for minutes more.
#[test]
fn podman_gives_the_same_packages() {
    let Some(engine) = engine("FARM_TEST_PODMAN") else { return };
    let Some(docker) = default_matrix() else { return };
    let lab = Lab::new("podman", &engine);
    let recipes = ["hello-debian", "pass", "xxhash"];
    let arguments = [&["build"], &recipes[..], &["-t", "debian-12", "-t", "rpm-generic"]].concat();
    lab.farm(&arguments).expect(0).says("6 succeeded");
    let is_built = |target: &&&str| !target.starts_with("hello/") && !target.contains("debian-13");
    for target in TARGETS.iter().filter(is_built) {
        same_packages(docker, &lab, target);
    }
}
