//! A project in git, as packages: its version, changelog and date, a submodule, a patch that has moved, two variants.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Test, native_engine, tool};

const PROGRAM: &str = "#include <stdio.h>\n\n/* one */\n/* two */\n/* three */\n/* four */\n/* five */\nint main(void)\n{\n    \
                       puts(\"hello\");\n    return 0;\n}\n";

/// As `git format-patch` writes it, for the program as it was first.
const PATCH: &str = r#"From 1111111111111111111111111111111111111111 Mon Sep 17 00:00:00 2001
From: Ada <ada@example.org>
Date: Fri, 2 Jan 2026 03:04:05 +0000
Subject: [PATCH] Say good day

---
 greeter.c | 2 +-
 1 file changed, 1 insertion(+), 1 deletion(-)

diff --git a/greeter.c b/greeter.c
--- a/greeter.c
+++ b/greeter.c
@@ -7,6 +7,6 @@
 /* five */
 int main(void)
 {
-    puts("hello");
+    puts("good day");
     return 0;
 }
-- 
2.43.0
"#;

const RECIPE: &str = r#"
[package]
name = "greeter"
version = { from = "git", tags = "v*" }
summary = "Greets whoever asks"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
vendor = "Ponds & Sons"
changelog = { from = "git" }
date = { from = "git" }

[[sources]]
SOURCE
series = "patches/series"

[build]
build = { file = "build.sh" }
install = "install -D hi $DESTDIR/usr/bin/$FARM_NAME"

[test]
script = "test \"$($FARM_NAME)\" = 'good day'"

[matrix]
distros = ["debian-12", "rpm-generic"]

[matrix.variants.standard]
greeting = "hello"

[matrix.variants.minimal]
greeting = "hi"

[override."variant:minimal".package]
name = "greeter-minimal"
"#;

/// The `build` of [`RECIPE`], which stands in a file.
const BUILD: &str = "#!/bin/sh\ntest \"$FARM_ARCH\" = \"$(dpkg --print-architecture)\" || test \"$FARM_ARCH\" = \"$(uname -m)\"\n\
                     cc $CFLAGS $LDFLAGS -o hi greeter.c && grep -q 'good day' words/words.txt\n";

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
        .env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn commit(folder: &Path, file: &str, content: &str, message: &str) -> String {
    fs::write(folder.join(file), content).unwrap();
    git(folder, &["add", file]);
    git(folder, &["commit", "--quiet", "-m", message]);
    git(folder, &["rev-parse", "HEAD"])
}

/// A repository with a submodule, the tag v1.4.2 and two commits after it; the last of them.
fn project(place: &Path) -> String {
    let (words, greeter) = (place.join("words"), place.join("greeter"));
    for folder in [&words, &greeter] {
        fs::create_dir_all(folder).unwrap();
        git(folder, &["init", "--quiet"]);
    }
    // As git leaves a submodule that nobody has fetched.
    fs::create_dir(greeter.join("words")).unwrap();
    let words = commit(&words, "words.txt", "good day\n", "Begin");
    git(&greeter, &["update-index", "--add", "--cacheinfo", &format!("160000,{words},words")]);
    commit(&greeter, ".gitmodules", "[submodule \"words\"]\n\tpath = words\n\turl = ../words\n", "Take words");
    commit(&greeter, "greeter.c", PROGRAM, "Greet");
    git(&greeter, &["tag", "v1.4.2"]);
    commit(&greeter, "greeter.c", &PROGRAM.replacen("/* one */", "/* one */\n/* and a half */", 1), "Count on");
    commit(&greeter, "README", "It says 100% good day.\n", "Say 100% more in README")
}

#[test]
fn a_project_in_git_gives_its_version_to_both_formats() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let test = Test::on("sources", &native_engine());
    let place = test.folder().join("project");
    let id = project(&place);
    fs::create_dir_all(place.join("patches")).unwrap();
    fs::write(place.join("patches/series"), "# what upstream does not want\ngood-day.patch\n").unwrap();
    fs::write(place.join("patches/good-day.patch"), PATCH).unwrap();
    let source = format!("git = \"./greeter\"\ncommit = \"{id}\"\nsubmodules = true");
    fs::write(place.join("farm.toml"), RECIPE.replace("SOURCE", &source)).unwrap();
    fs::write(place.join("build.sh"), BUILD).unwrap();

    let version = format!("1.4.2+git2.{}", &id[..7]);
    test.run_in(&place, &["plan", "--matrix"]).exits(0).says(&version);
    test.run_in(&place, &["build", "--matrix"]).exits(0).says("4 succeeded").says("[patch-moved]");
    test.run_in(&place, &["build", "--matrix"]).exits(0).says("4 up to date");

    for (folder, name) in [("standard", "greeter"), ("minimal", "greeter-minimal")] {
        for distro in ["debian-12-amd64", "rpm-generic-x86_64"] {
            let log = test.dist().join(format!("greeter/{distro}+{folder}/build.log"));
            let log = fs::read_to_string(log).unwrap();
            let moved = "warning: 0001-good-day.patch: greeter.c: hunk #1 succeeded at 8 (offset 1 line)";
            assert!(log.contains(moved), "{log}");
        }
        let debs = test.files(&format!("greeter/debian-12-amd64+{folder}"), ".deb");
        let deb = debs.iter().find(|path| path.ends_with(format!("{name}_{version}-1~deb12_amd64.deb"))).unwrap();
        if let Some(run) = tool("dpkg-deb", &["--field", deb.to_str().unwrap()]) {
            run.exits(0)
                .says(&format!("Package: {name}\n"))
                .says(&format!("Version: {version}-1~deb12\n"))
                .says("Vendor: Ponds & Sons\n");
        }
        let rpms = test.files(&format!("greeter/rpm-generic-x86_64+{folder}"), ".rpm");
        let of = |end: &str| rpms.iter().find(|path| path.ends_with(format!("{name}-{version}-1.{end}.rpm"))).unwrap();
        let changes = ["-qp", "--qf", "%{VENDOR}\n", "--changelog", of("x86_64").to_str().unwrap()];
        if let Some(run) = tool("rpm", &changes) {
            run.exits(0).says("Ponds & Sons\n* Fri Jan 02 2026 Ada").says("- Say 100% more in README\n- Count on\n");
            let source = tool("rpm", &["-qlp", of("src").to_str().unwrap()]).unwrap();
            source.exits(0).says("0001-good-day.patch").says(&format!("{name}-{version}.tar"));
        }
    }

    // What does not fit any more is named, and its hunk shown.
    fs::write(place.join("patches/good-day.patch"), PATCH.replace("/* five */", "/* fünf */")).unwrap();
    let failed = test.run_in(&place, &["build", "-t", "debian-12+standard"]).exits(10);
    failed
        .says("+    puts(\"good day\");")
        .says("0001-good-day.patch: greeter.c: hunk #1 FAILED at 7")
        .says("0001-good-day.patch does not apply to the sources (in .)");
}

#[test]
fn a_snapshot_is_what_lies_in_the_work_tree() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let test = Test::on("snapshot", &native_engine());
    let place = test.folder().join("project");
    let id = project(&place);
    let (_, rest) = RECIPE.split_once("[build]").unwrap();
    let recipe = format!(
        "[package]\nname = \"greeter\"\nversion = \"1.4.2\"\nsummary = \"Greets\"\nlicense = \"MIT\"\n\
         maintainer = \"A <a@example.org>\"\n[[sources]]\npath = \".\"\n[build]{}",
        rest.replace("{ file = \"build.sh\" }", "\"cc $CFLAGS $LDFLAGS -o hi greeter.c\"")
            .replace("'good day'", "changed")
    );
    let greeter = place.join("greeter");
    commit(&greeter, "farm.toml", &recipe, "Package it");
    commit(&greeter, ".gitignore", "*.log\n", "Ignore logs");
    let head = git(&greeter, &["rev-parse", "HEAD"]);
    assert_ne!(head, id);
    let clean = format!("1.4.2+git4.{}", &head[..7]);
    let snapshot = || {
        let plan = test.run_in(&greeter, &["plan", "--snapshot", "-t", "debian-12+standard"]).exits(0).text();
        plan.split_whitespace().find(|word| word.starts_with("1.4.2")).unwrap().to_owned()
    };
    assert_eq!(snapshot(), format!("{clean}-1~deb12"));
    fs::write(greeter.join("x.log"), "ignored").unwrap();
    assert_eq!(snapshot(), format!("{clean}-1~deb12"));
    fs::write(greeter.join("greeter.c"), "#include \"greeting.h\"\n").unwrap();
    fs::write(
        greeter.join("greeting.h"),
        "#include <stdio.h>\nint main(void)\n{\n    puts(\"changed\");\n    return 0;\n}\n",
    )
    .unwrap();
    assert_eq!(snapshot(), format!("{clean}.dirty-1~deb12"));
    let build = || test.run_in(&greeter, &["build", "--snapshot", "-t", "debian-12+standard"]).exits(0);
    build().says(&format!("greeter_{clean}.dirty-1~deb12_amd64.deb"));
    build().says("1 up to date");
}
