//! `[environment] dockerfile`, on farm's own engine: one project built in an image by name, in the image of its Dockerfile and
//! in a distribution; what changes that image and what does not.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::environment::project;
use crate::packages::{errors_of_lintian, errors_of_rpmlint};
use crate::support::{Ran, Test, native_engine, tool};

const DOCKERFILE: &str = "\
# What the package says is made in a stage of its own.
ARG BASE
FROM ${BASE} AS words
ARG WORD=nobody
WORKDIR /words
COPY . .
RUN test ! -e notes.md && test ! -e .dockerignore
RUN while read -r line; do echo \"$line, $WORD\"; done < greeting.txt > /greeting

FROM ${BASE} AS builder
COPY --from=words /greeting /opt/greeting
ENV GREETING=/opt/greeting

FROM builder AS broken
RUN echo about to fail && test -e /nowhere
";

const ENVIRONMENT: &str = r#"dockerfile = "packaging/Dockerfile"
context = "packaging"
target = "builder"
args = { BASE = "farm-test/bare:1", WORD = "{{ name }}" }"#;

/// The recipe with another environment.
fn environment(project: &Path, environment: &str) {
    let path = project.join("farm.toml");
    let recipe = fs::read_to_string(&path).unwrap();
    let (before, rest) = recipe.split_once("[environment]\n").unwrap();
    let (_, after) = rest.split_once("\n[build]").unwrap();
    fs::write(path, format!("{before}[environment]\n{environment}\n\n[build]{after}")).unwrap();
}

/// What `/etc/greet.conf` of a target's package holds.
fn greeting(test: &Test, target: &str) -> String {
    let debs = test.files(target, ".deb");
    let main = debs.iter().find(|path| path.to_str().unwrap().contains("/payload_")).unwrap();
    let into = test.folder().join("unpacked");
    let _ = fs::remove_dir_all(&into);
    tool("dpkg", &["-x", main.to_str().unwrap(), into.to_str().unwrap()]).unwrap().exits(0);
    fs::read_to_string(into.join("etc/greet.conf")).unwrap()
}

#[test]
fn one_project_is_built_in_an_image_by_name_by_dockerfile_and_in_a_distribution() {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return;
    }
    let test = Test::on("dockerfile", &native_engine());
    let Some(project) = project(&test) else { return };
    let recipe = fs::read_to_string(project.join("farm.toml")).unwrap();
    let copied = "cp \"${GREETING:-greet.conf}\" \"$DESTDIR/etc/greet.conf\"";
    let written = recipe.replace("cp greet.conf \"$DESTDIR/etc/\"", copied);
    assert_ne!(written, recipe);
    fs::write(project.join("farm.toml"), written).unwrap();
    let packaging = project.join("packaging");
    fs::create_dir(&packaging).unwrap();
    let write = |name: &str, text: &str| fs::write(packaging.join(name), text).unwrap();
    write("Dockerfile", DOCKERFILE);
    write(".dockerignore", "# for people\n*.md\n");
    write("notes.md", "first\n");
    write("greeting.txt", "hello\n");
    // The store outlives the test: its images are not those of an earlier run.
    write("run", &format!("{:?}", std::time::SystemTime::now()));
    let build = |arguments: &[&str]| -> Ran { test.run_in(&project, &[&["build"], arguments].concat()) };
    let one = ["-t", "debian-13"];
    let own = fs::read_to_string(project.join("src/greet.conf")).unwrap();

    build(&one).exits(0).says("1 succeeded");
    assert_eq!(greeting(&test, "payload/debian-13-amd64"), own, "the image by name has none");

    environment(&project, ENVIRONMENT);
    build(&["--matrix"]).exits(0).says("3 succeeded").says("packaging/Dockerfile has no rpmbuild");
    for distro in ["debian-12", "debian-13"] {
        let target = format!("payload/{distro}-amd64");
        assert_eq!(greeting(&test, &target), "hello, payload\n");
        assert_eq!(errors_of_lintian(&test.files(&target, ".deb")), Vec::<String>::new(), "{distro}");
    }
    assert_eq!(errors_of_rpmlint(&test.files("payload/rpm-generic-x86_64", ".rpm")), Vec::<String>::new());
    let logs = ["debian-12-amd64", "debian-13-amd64", "rpm-generic-x86_64"]
        .map(|target| fs::read_to_string(test.dist().join("payload").join(target).join("build.log")).unwrap());
    assert!(logs.iter().any(|log| log.contains("| Image of packaging/Dockerfile ")), "one of them has built it");
    let mut images = Command::new(env!("CARGO_BIN_EXE_farm"));
    images.args(["images", "--engine", test.engine()]).env("NO_COLOR", "1");
    Ran::of(&mut images).exits(0).says("environment  ").says("packaging/Dockerfile");

    build(&["--matrix"]).exits(0).says("3 up to date");
    write("notes.md", "second\n");
    write(".dockerignore", "*.md\n");
    build(&["--matrix"]).exits(0).says("3 up to date");
    write("greeting.txt", "good morning\n");
    let plan = test.run_in(&project, &["plan", "--matrix", "--explain"]).exits(0);
    plan.says("environment.dockerfile changed").says("  environment.dockerfile ");
    build(&one).exits(0).says("1 succeeded");
    assert_eq!(greeting(&test, "payload/debian-13-amd64"), "good morning, payload\n");

    environment(&project, &ENVIRONMENT.replace("builder", "broken"));
    build(&one)
        .exits(10)
        .says("has no environment")
        .says("about to fail")
        .says("the image of packaging/Dockerfile cannot be built");
    assert_eq!(greeting(&test, "payload/debian-13-amd64"), "good morning, payload\n", "the last good packages stay");

    environment(&project, "distro = \"debian-13\"");
    build(&one).exits(0).says("1 succeeded");
    assert_eq!(greeting(&test, "payload/debian-13-amd64"), own);
}
