//! Into a build that failed: a shell at a real terminal, a file that is changed there, and the build goes on.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::support::stranger::{ID, Stranger};
use crate::support::{Ran, Test, engine, native_engine, tool};

fn recipe(name: &str) -> String {
    format!(
        r#"[package]
name = "{name}"
version = "1.0"
summary = "A package that is mended in its container"
license = "MIT"
homepage = "https://example.org"
maintainer = "T <t@example.org>"
architecture = "all"
date = 2026-01-02

[[sources]]
path = "src"

[build]
env = {{ COLOUR = "blue green" }}
build = """
echo once >>built
grep good answer
"""
install = "install -D -m 644 answer $DESTDIR/usr/share/{name}/answer"

[matrix]
distros = ["debian-12", "rpm-generic"]
arches = ["amd64"]
"#
    )
}

/// A command at a pseudo-terminal, which `text` is typed at.
fn typed(command: &Command, text: &str) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let line: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut script = Command::new("script");
    script.args(["-qefc", &line.join(" "), "/dev/null"]).current_dir(command.get_current_dir().unwrap()).env_clear();
    script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm");
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    keyboard.write_all(text.as_bytes()).unwrap();
    let mut screen = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut screen).unwrap();
    let status = child.wait().unwrap();
    drop(keyboard);
    let screen = String::from_utf8_lossy(&screen).into_owned();
    assert!(status.success(), "{status}: {screen}");
    screen
}

/// `command` makes a farm's command of arguments, to be run where the recipe lies.
fn mended(name: &str, distro: &str, folder: &std::path::Path, command: &dyn Fn(&[&str]) -> Command) {
    let run = |arguments: &[&str]| Ran::of(&mut command(arguments));
    let target = format!("{name}@{distro}");
    run(&["build", "--keep-failed", "-t", &target]).exits(10).says("farm shell ").says("--from build");
    run(&["list", "--kept"]).exits(0).says(&target);
    // The environment of the step, its folder, its user; the exit code is the command's.
    let look = "echo \"as $(id -u) in $PWD: $COLOUR\"; echo none >/dev/shm/none; exit 7";
    let seen = run(&["exec", &target, "--", "sh", "-c", look]).exits(7);
    assert!(seen.text().contains("as 2000 in /build/") && seen.text().contains(": blue green"), "{}", seen.text());
    run(&["exec", "--root", "--discard", &target, "--", "sh", "-c", "id -u; rm -rf /build/*"]).exits(0).says("0");

    let screen = typed(
        &command(&["shell", &target]),
        "test -t 0 && echo \"a term\"inal at $(tty)\necho good >answer; cat built\nexit\n",
    );
    assert!(screen.contains("a terminal at /dev/"), "{screen}");
    assert!(screen.contains(&format!("farm build -t {target}")), "{screen}");

    // What is made goes on from there, and is not accepted.
    run(&["build", "-t", &target, "--from", "build"]).exits(0).says("1 succeeded").says("[went-on]");
    assert!(!run(&["list", "--kept"]).exits(0).text().contains(&target));
    run(&["build", "-t", &target, "--from", "build"]).exits(4).says("no container of");
    run(&["list"]).exits(0).says("went-on");
    // It is still to be built.
    let arch = if distro == "debian-12" { "amd64" } else { "x86_64" };
    std::fs::write(folder.join("src/answer"), "good\n").unwrap();
    run(&["build", "--failed"]).exits(0).says("1 succeeded").says(&format!("{target}/{arch}"));
}

fn project(folder: &std::path::Path, name: &str) {
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::write(folder.join("src/answer"), "bad\n").unwrap();
    std::fs::write(folder.join("farm.toml"), recipe(name)).unwrap();
}

fn on(name: &str, engine: &str, distros: &[&str]) {
    if tool("script", &["--version"]).is_none() {
        return;
    }
    for distro in distros {
        let test = Test::on(&format!("{name}-{distro}"), engine);
        project(test.folder(), name);
        mended(name, distro, test.folder(), &|arguments| test.command(arguments));
    }
}

#[test]
fn a_failed_build_is_mended_in_its_container_on_native() {
    on("kept-native", &native_engine(), &["debian-12", "rpm-generic"]);
}

#[test]
fn a_failed_build_is_mended_in_its_container_on_docker() {
    let Some(engine) = engine("DOCKER_HOST") else { return };
    on("kept-docker", &engine, &["debian-12"]);
}

#[test]
fn a_failed_build_is_mended_in_its_container_on_podman() {
    let Some(engine) = engine("FARM_TEST_PODMAN") else { return };
    on("kept-podman", &engine, &["debian-12"]);
}

/// For a user who has images already.
pub(crate) fn by(stranger: &Stranger) {
    let folder = stranger.home().join("kept");
    project(&folder, "kept-user");
    for path in [folder.clone(), folder.join("src"), folder.join("src/answer"), folder.join("farm.toml")] {
        std::os::unix::fs::chown(path, Some(ID), Some(ID)).unwrap();
    }
    mended("kept-user", "debian-12", &folder, &|arguments| {
        let mut command = stranger.command(&stranger.farm());
        command.current_dir(&folder).args(arguments);
        command
    });
}
