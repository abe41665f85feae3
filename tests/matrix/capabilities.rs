//! A recipe that names capabilities, and no distribution, on several of them. The archives of these are looked into.

use std::path::Path;

use crate::lab::{Lab, repository};
use crate::native::store;

fn recipe() -> std::path::PathBuf {
    repository().join("tests/capabilities")
}

/// A mirror may well have older Contents indexes than it says: what is tested here is what is built.
const STALE: &str = "--stale-contents";

#[test]
fn one_recipe_without_a_line_for_a_distribution_builds_on_each() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let lab = Lab::new("capabilities", &store());
    let recipe = recipe();
    lab.farm(&["build", path(&recipe), "--matrix", STALE]).expect(0).says("4 succeeded");
    for (distro, zlib) in [("debian-11", "1:1.2.11"), ("debian-13", "1:1.3")] {
        let debs = lab.files(&format!("capable/{distro}-amd64"), ".deb");
        let deb = debs.iter().find(|path| !path.to_str().unwrap().contains("-dbgsym_")).unwrap();
        let fields = std::process::Command::new("dpkg-deb").arg("-f").arg(deb).output().unwrap();
        let fields = String::from_utf8(fields.stdout).unwrap();
        let depends = fields.lines().find(|line| line.starts_with("Depends: ")).unwrap_or_default();
        for expected in ["libjson-perl", "python3-yaml (>= 5)", "xsltproc", "zlib1g (>= 1:", "libpopt0"] {
            assert!(depends.contains(expected), "{distro}: {expected} is missing in {depends}");
        }
        let plan = lab.farm(&["plan", path(&recipe), "-t", distro, "--json", STALE]).expect(0);
        assert!(plan.text.contains("\"package\": \"zlib1g-dev\"") && plan.text.contains(zlib), "{}", plan.text);
    }
    // Resolved to the same, they are the same inputs.
    lab.farm(&["build", path(&recipe), "--matrix", STALE]).expect(0).says("4 cached");
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
