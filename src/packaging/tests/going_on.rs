//! What is done in a container that was kept is not done again.

use super::*;

#[test]
fn steps_before_the_one_that_is_asked_for_are_left_out() {
    let recipe = recipe();
    let (build, check) = (recipe.build.build.clone().unwrap(), recipe.build.check.clone().unwrap());
    let (build, check) = (build.lines().next().unwrap(), check.lines().next().unwrap());
    for (format, manager) in [(Format::Deb, PackageManager::Apt), (Format::Rpm, PackageManager::Dnf)] {
        let distro = distro(format, manager);
        for (from, has_build, has_check) in
            [(StepKind::Build, true, true), (StepKind::Check, false, true), (StepKind::Package, false, false)]
        {
            let packaging = going_on(&in_words(&recipe), &distro, 0, from, false);
            let files: String = packaging.files.iter().map(|file| file.content.to_string()).collect();
            assert_eq!(files.contains(build), has_build, "{format} from {from}");
            assert_eq!(files.contains(check), has_check, "{format} from {from}");
            let all = format!("{files}{}", packaging.steps[0].script);
            assert!(!all.contains("\nfarm_patch ") && !all.contains("%autosetup"), "{all}");
        }
        let staging = going_on(&in_words(&recipe), &distro, 0, StepKind::Package, true);
        assert!(!staging.steps[0].script.contains(build), "{}", staging.steps[0].script);
    }
}

/// Nothing of how this host reaches others stays in a container that is kept.
#[test]
fn the_environment_of_a_step_is_written_down_without_the_hosts_network() {
    let script = format!(
        "set -eu\n{}cd /\nexport http_proxy=http://me:secret@proxy HTTPS_PROXY=http://me:secret@proxy COLOUR='it'\\''s blue'\n\
         FARM_PHASE_TOKEN=@token\nexport FARM_PHASE_TOKEN\nphase build\n",
        step_environment::phase_function()
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("step");
    let script = script.replace("/build/.farm-step", file.to_str().unwrap());
    let ran = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(ran.status.success() && ran.stdout == b"@token build\n", "{ran:?}");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.contains("blue") && !written.contains("secret") && !written.contains("@token"), "{written}");
    let enter = enter().replace("/build/.farm-step", file.to_str().unwrap());
    let show = ["-c", &enter, "farm", "sh", "-c", "echo \"$COLOUR in $PWD\""];
    let ran = std::process::Command::new("sh").args(show).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "it's blue in /\n", "{ran:?}");
}
