//! A project's own tests, debian/tests, as autopkgtest runs them.

use crate::support::{Test, native_engine};

const RECIPE: &str = r#"[package]
name = "stile"
summary = "Lets people over a fence"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
architecture = "all"

[[sources]]
path = "src"
patches = ["later.patch"]

[packaging]
debian = "debian"

[matrix]
distros = ["debian-12"]
"#;

const CONTROL: &str = "Source: stile
Maintainer: Ada Lovelace <ada@example.org>
Standards-Version: 4.6.2
Build-Depends: debhelper-compat (= 13)

Package: stile
Architecture: all
Recommends: ${misc:Recommends}, hello
Depends: ${misc:Depends}
Description: lets people over a fence
 One step at a time.
";

const CHANGELOG: &str = "stile (1.0-1) unstable; urgency=medium

  * First.

 -- Ada Lovelace <ada@example.org>  Fri, 02 Jan 2026 00:00:00 +0000
";

/// Each of them is wrong in a way of its own, or would be if it were run otherwise.
const TESTS: &str = "# Tests of the project.
Tests: smoke, fails, talks
Depends: @

Tests: talks
Depends: @
Restrictions: allow-stderr

Test-Command: test \"$(id -u)\" = 0 && test \"$AUTOPKGTEST_NORMAL_USER\" = tester
Features: test-name=root
Restrictions: needs-root
Depends: @

Tests: recommended
Depends: stile, @recommends@
Restrictions: rw-build-tree

Tests: cannot
Restrictions: skippable

Tests: sometimes
Restrictions: flaky, breaks-testbed

Tests: built
Restrictions: build-needed superficial

Tests: missing
Depends: no-such-package

Tests: elsewhere
Depends: no-such-package
Restrictions: skip-not-installable

Tests: machine
Restrictions: isolation-machine

Tests: odd
Restrictions: needs-good-luck

Tests: known
";

fn project(name: &str) -> Test {
    let script = |body: &str| format!("#!/bin/sh\nset -e\n{body}\n");
    let test = Test::on(name, &native_engine())
        .file("farm.toml", RECIPE)
        .file("later.patch", "--- a/stile.in\n+++ b/stile.in\n@@ -1,2 +1,2 @@\n #!/bin/sh\n-echo before\n+echo over\n")
        .file("src/stile.in", "#!/bin/sh\necho before\n")
        .file("src/debian/control", CONTROL)
        .file("src/debian/changelog", CHANGELOG)
        .file("src/debian/source/format", "3.0 (quilt)\n")
        .file("src/debian/patches/series", "made.patch\n")
        .file("src/debian/patches/made.patch", "--- /dev/null\n+++ b/made\n@@ -0,0 +1 @@\n+by a patch\n")
        .file("src/debian/install", "stile usr/bin\n")
        .file(
            "src/debian/rules",
            "#!/usr/bin/make -f\n%:\n\tdh $@\noverride_dh_auto_build:\n\tsed s/x/x/ stile.in >stile\n\tchmod 755 stile\n",
        )
        .file("src/debian/tests/control", TESTS)
        .file(
            "src/debian/tests/smoke",
            &script(
                "test \"$(stile)\" = over\ntest \"$(id -un)\" = tester\ntest -w \"$HOME\"\ntest -z \"$(ls -A \"$AUTOPKGTEST_TMP\")\"\n\
                 touch \"$AUTOPKGTEST_TMP/x\" \"$AUTOPKGTEST_ARTIFACTS/y\"\ngrep -q over stile.in\ngrep -q patch made\n\
                 test ! -e /usr/bin/hello\nif env | grep FARM; then exit 1; fi",
            ),
        )
        .file("src/debian/tests/fails", &script("echo the step is rotten\nexit 3"))
        .file("src/debian/tests/talks", &script("echo careful >&2\n(sleep 600 2>&1 &)"))
        .file("src/debian/tests/recommended", &script("hello\necho x >>stile.in"))
        .file("src/debian/tests/cannot", &script("echo there is no fence\nexit 77"))
        .file("src/debian/tests/sometimes", &script("exit 1"))
        .file("src/debian/tests/built", &script("./stile | grep over"));
    for name in ["missing", "elsewhere", "machine", "odd", "known"] {
        test.write(&format!("src/debian/tests/{name}"), &script("exit 9"));
    }
    test
}

#[test]
fn tests_of_the_project_are_run_as_its_distribution_does() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let test = project("source-tests");
    let ran = test.run(&["build"]).exits(11);
    let ran = ran
        .says("the test fails of debian/tests ended with exit code 3: the step is rotten")
        .says("the test talks of debian/tests failed: it wrote to its standard error")
        .says("what the test missing of debian/tests")
        .says("depends on cannot be installed: no-such-package");
    let log = std::fs::read_to_string(test.dist().join("stile/debian-12-amd64/build.log")).unwrap();
    for line in [
        "smoke passed",
        "talks passed",
        "root passed",
        "recommended passed",
        "built passed, which says little: it is superficial",
        "cannot says that it cannot be run here",
        "sometimes failed, and is flaky: that is no fault",
        "elsewhere is not run: skip-not-installable: what it depends on cannot be installed: no-such-package",
        "machine is not run: isolation-machine: it wants a machine of its own, and has a container",
        "odd is not run: the restriction needs-good-luck, which is not known",
        "the test known of debian/tests ended with exit code 9",
        "debian/tests: 5 passed, 4 failed, 1 flaky, and failed, 4 not run",
    ] {
        assert!(log.contains(line), "{line}\n{log}\n{ran}");
    }

    // What is known to fail can be said, with the reason; the rest is run.
    let skip = "skip = { fails = \"is mended upstream\", talks = \"is loud\", missing = \"is in unstable only\", known = \"needs luck\" }";
    test.write("farm.toml", &format!("{RECIPE}\n[test]\n{skip}\n"));
    test.run(&["build"]).exits(0).says("is mended upstream").says("needs-good-luck").says("there is no fence");
    test.write("farm.toml", &format!("{RECIPE}\n[test]\nskip = {{ \"*\" = \"they want a network\" }}\n"));
    test.run(&["build"]).exits(0).says("they want a network");
    test.write("src/debian/tests/control", "Tests: ../../etc/passwd\n\nTests: a\nTests-Directory: ../b\n");
    test.write("farm.toml", RECIPE);
    test.run(&["build"])
        .exits(11)
        .says("debian/tests/control: paragraph 2: Tests-Directory: ../b leads out of the source tree");
}
