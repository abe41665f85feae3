//! The same matrix on Podman's socket: the same bytes.

use crate::docker::{TARGETS, same_packages};
use crate::lab::{Lab, default_matrix, engine};

#[test]
fn the_default_matrix_on_podman_gives_the_same_packages() {
    let Some(engine) = engine("FARM_TEST_PODMAN") else { return };
    let Some(docker) = default_matrix() else { return };
    let lab = Lab::new("podman", &engine);
    lab.farm(&["build", "--matrix"]).expect(0);
    for target in TARGETS {
        same_packages(docker, &lab, target);
    }
}
