//! Maintainer scripts that failed, found by the words of package managers and run once more.

use std::process::Command;

use super::*;
use crate::packaging::traced;

#[test]
fn a_script_that_failed_is_found_and_says_at_which_command() {
    let mut recipe = recipe();
    let name = recipe.package.name.clone();
    recipe.package.scripts.post_install = Some("test \"$1\" = upgrade\ntrue\ntest \"$FARM_NAME\" = no\n".to_owned());
    recipe.package.scripts.post_upgrade = Some("exit 3".to_owned());
    let found = |format, script: &str, package: &str, moment| -> Vec<String> {
        let scripts = traced::maintainer_scripts(&recipe, format, script, package, moment);
        scripts.into_iter().map(|script| script.key).collect()
    };
    let of_rpm = format!("{name}-2.10-1.el9.x86_64");
    assert_eq!(found(Format::Deb, "post-install", &name, "install"), ["package.scripts.post-install"]);
    let both = ["package.scripts.post-install", "package.scripts.post-upgrade"];
    assert_eq!(found(Format::Rpm, "post-install", &of_rpm, "upgrade"), both);
    assert!(found(Format::Rpm, "pre-install", &of_rpm, "install").is_empty());
    assert!(found(Format::Deb, "post-install", "somebody-elses", "install").is_empty());

    let scripts = traced::maintainer_scripts(&recipe, Format::Deb, "post-install", &name, "upgrade");
    let (text, ask) = scripts[0].of_package(&recipe, &distro(Format::Deb, PackageManager::Apt), "upgrade");
    // The test of a machine has a place of its own.
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = |text: &str| text.replace("/tmp/farm-failed", &folder.path().join("failed").display().to_string());
    let output = Command::new("sh").args(["-c", &elsewhere(&text)]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let said = Command::new("sh").args(["-c", &elsewhere(&ask)]).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let failed = traced::answer(&said).map(|failed| (failed.name, failed.line, failed.status));
    assert_eq!(failed, Some(("post-install", 3, Some(1))), "{said:?}");
}
