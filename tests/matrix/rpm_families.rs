//! dnf and zypper for real: test distributions made of Debian's own tools, with a local repository of shim packages.

use std::fs;
use std::path::PathBuf;

use crate::lab::{Lab, engine, repository};

/// The project `greeting` with the test distributions beside its recipe.
fn project(lab: &Lab, requirement: &str) -> PathBuf {
    let project = lab.folder.join("project");
    for (from, to) in [("recipes/greeting/src", "src"), ("distros", "distros")] {
        fs::create_dir_all(project.join(to)).unwrap();
        for entry in fs::read_dir(repository().join("tests").join(from)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), project.join(to).join(entry.file_name())).unwrap();
        }
    }
    let recipe = fs::read_to_string(repository().join("tests/recipes/greeting/farm.toml")).unwrap();
    fs::write(project.join("farm.toml"), recipe.replace("pkgconfig(shim-greeting)", requirement)).unwrap();
    project
}

#[test]
fn dnf_and_zypper_resolve_requirements_and_install_what_was_built() {
    let Some(engine) = engine("DOCKER_HOST") else { return };
    let lab = Lab::new("rpm-families", &engine);
    let project = project(&lab, "pkgconfig(shim-greeting)");
    lab.farm_in(&project, &["build", "--matrix"]).expect(0).says("2 succeeded");
    for distro in ["shim-dnf", "shim-zypper"] {
        let packages = lab.files(&format!("greeting/{distro}-x86_64"), ".shim1.x86_64.rpm");
        assert!(packages.iter().any(|path| path.ends_with("greeting-1.0-1.shim1.x86_64.rpm")), "{packages:?}");
        let log = fs::read_to_string(lab.dist().join(format!("greeting/{distro}-x86_64/build.log"))).unwrap();
        assert!(log.contains("shim-greeting-devel"), "the requirement was not installed:\n{log}");
    }
}

#[test]
fn a_requirement_that_no_repository_has_is_named() {
    let Some(engine) = engine("DOCKER_HOST") else { return };
    let lab = Lab::new("rpm-missing", &engine);
    let project = project(&lab, "pkgconfig(no-such-thing)");
    lab.farm_in(&project, &["build", "--matrix"]).expect(10).says("dep-wait").says("pkgconfig(no-such-thing)");
}
