//! farm's own engine for an ordinary user who has no rights on this machine.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::CASES;
use crate::bench::Bench;
use crate::registry::REGISTRY;
use crate::support::RECIPE;
use crate::support::stranger::{ID, NAME, Stranger};

pub(crate) async fn an_ordinary_user_passes_the_same(bench: Bench) {
    let root = nix::unistd::Uid::effective().is_root();
    assert_eq!(bench.engine.ping().await.unwrap().api_version, if root { "root" } else { "rootless" });
    let Some(stranger) = Stranger::new() else { return };
    let tests = stranger.copy(&std::env::current_exe().unwrap());
    let mut command = stranger.command(&tests);
    // Its own store: one after the other is enough for a machine that runs the same as root meanwhile.
    let engine = format!("{}:{}", stranger.store().display(), stranger.farm().display());
    command.args(["native::", "--test-threads=2"]).env("FARM_TEST_NATIVE", engine);
    // This test needs root, and without a registry the same test of root has said so.
    command.args(["--skip", "native::an_ordinary_user_passes_the_same"]);
    match std::env::var_os(REGISTRY) {
        Some(registry) => command.env(REGISTRY, registry),
        None => command.args(["--skip", "native::images_of_a_real_registry_are_pulled"]),
    };
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let all = format!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{all}");
    let result = said.lines().find_map(|line| line.strip_prefix("test result: ok. ")).unwrap_or_default();
    let passed: usize = result.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0);
    assert!(passed >= CASES && result.contains(" 0 failed; 0 ignored"), "{passed} of {CASES}: {all}");
    assert!(!all.contains("SKIPPED"), "{all}");
}

/// A control group that was handed to the user (of version 1, which a group's owner may divide) limits all of a container.
#[tokio::test]
async fn a_group_that_was_handed_on_limits_all_of_a_container() {
    let hierarchies = Path::new("/sys/fs/cgroup");
    let Some(stranger) = Stranger::new() else { return };
    let groups: Vec<PathBuf> = ["memory", "pids"]
        .map(|controller| hierarchies.join(controller).join(format!("farm-test-{}", std::process::id())))
        .into_iter()
        .filter(|group| std::fs::create_dir(group).is_ok())
        .collect();
    if !groups.iter().any(|group| group.join("memory.limit_in_bytes").exists()) {
        let _ = writeln!(std::io::stderr().lock(), "SKIPPED: no control groups of version 1 to hand on");
        return;
    }
    for group in &groups {
        for path in [group.clone(), group.join("cgroup.procs")] {
            std::os::unix::fs::chown(path, Some(ID), Some(ID)).unwrap();
        }
    }
    let tests = stranger.copy(&std::env::current_exe().unwrap());
    let mut inner = stranger.command(&tests);
    let engine = format!("{}:{}", stranger.store().display(), stranger.farm().display());
    inner.args(["native::memory_of_every_kind_is_limited", "--exact"]).env("FARM_TEST_NATIVE", engine);
    // In the groups, before it is somebody else's.
    let enter = "while [ \"$1\" != -- ]; do echo $$ >\"$1/cgroup.procs\"; shift; done; shift; exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", enter, "sh"]).args(&groups).arg("--").arg(inner.get_program()).args(inner.get_args());
    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("FARM_TEST_GROUPS", "yes").current_dir(stranger.home()).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    for group in &groups {
        std::fs::remove_dir(group).unwrap();
    }
    let all = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && all.contains("1 passed") && !all.contains("SKIPPED"), "{all}");
}

/// `farm build --engine native` of a small recipe, as the user.
fn build(stranger: &Stranger) -> Output {
    std::fs::write(stranger.home().join("farm.toml"), RECIPE).unwrap();
    let mut command = stranger.command(&stranger.farm());
    command.args(["build", "--engine", "native"]).env("FARM_DATA", stranger.store()).output().unwrap()
}

/// What a user reads who cannot have containers yet: what to install or to add, and nothing that a panic prints.
#[track_caller]
fn no_engine(output: &Output, expected: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains(expected), "{expected:?} is not in:\n{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn without_newuidmap_the_package_is_named() {
    let Some(mut stranger) = Stranger::new() else { return };
    stranger.hidden = vec!["newuidmap"];
    no_engine(&build(&stranger), "install the package uidmap (Debian, Ubuntu)");
}

#[test]
fn without_subordinate_ids_the_file_and_the_command_are_named() {
    let Some(stranger) = Stranger::new() else { return };
    for file in ["subgid", "subuid"] {
        stranger.subordinate(file, "somebody:100000:65536\n");
        let output = build(&stranger);
        no_engine(&output, &format!("{NAME} has no subordinate ids in /etc/{file}"));
        no_engine(&output, &format!("usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {NAME}"));
    }
}
