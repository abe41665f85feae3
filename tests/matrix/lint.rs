//! lintian and rpmlint: what they find rejects, warns or is known, and the recipe says what counts.

use std::fs;

use crate::support::{Ran, Test, native_engine};

const RPM: &str = "plover@rpm-generic/x86_64";

/// A version of the packages: `install` beside its script, and further tables.
fn project(test: &Test, version: &str, install: &str, tables: &str) {
    let recipe = format!(
        "[package]\nname = \"plover\"\nversion = \"{version}\"\nsummary = \"The bird that says so\"\n\
         description = \"A script that prints a word.\"\nlicense = \"MIT\"\narchitecture = \"all\"\n\
         maintainer = \"Farm Tests <tests@example.org>\"\ndate = 2026-01-02\n\n[build]\ninstall = \'\'\'\n\
         d=$DESTDIR/usr/share/plover\ninstall -d $DESTDIR/usr/bin $d\n\
         printf \'#!/bin/sh\\necho plover\\n\' >$DESTDIR/usr/bin/plover\nchmod 755 $DESTDIR/usr/bin/plover\n\
         {install}\n\'\'\'\n\n{tables}\n[matrix]\ndistros = [\"debian-12\", \"rpm-generic\"]\n"
    );
    fs::write(test.folder().join("farm.toml"), recipe).unwrap();
}

fn build(test: &Test, arguments: &[&str]) -> Ran {
    test.run(&[&["build", "--matrix", "--progress", "none"], arguments].concat())
}

/// The line of a target's log with what its linter counts.
fn counts(test: &Test, target: &str) -> String {
    let log = fs::read_to_string(test.dist().join("plover").join(target).join("build.log")).unwrap();
    let counts = log.lines().find(|line| line.contains(" known from the last good build, "));
    counts.unwrap_or_else(|| panic!("nothing was linted:\n{log}")).to_owned()
}

#[test]
fn findings_count_once_and_as_the_recipe_says() {
    let test = Test::on("lint", &native_engine()).env("FARM_NO_LINT", "");
    let script = "printf \'#!/bin/sh\\n\' >$d/helper.sh\n";

    // What a linter calls an error rejects, with its own words and what to write; a warning is told with what causes it.
    project(&test, "1", script, "");
    let run = build(&test, &[]).exits(11);
    run.says_all(&[
        "plover@rpm-generic/x86_64 rejected by the linter",
        "/usr/share/plover/helper.sh 644 /bin/sh: This text file contains a shebang",
        "[rpmlint:non-executable-script]",
        "write non-executable-script = \"warn\" under [lint] in the recipe",
        "[usr/bin/plover]: Each binary in /usr/bin, /usr/sbin, /bin, /sbin or /usr/games should have a manual page \
             (build.install, farm.toml:12) [lintian:no-manual-page]",
        "(package.summary, farm.toml:4) [lintian:description-synopsis-starts-with-article]",
        "1 succeeded · 1 rejected",
    ]);

    // Levels of the recipe, for both linters and for one format. What was accepted once is not told again.
    let levels = "[lint]\nnon-executable-script = \"warn\"\nno-documentation = \"off\"\n";
    project(&test, "2", script, levels);
    let run = build(&test, &[]).exits(0);
    run.says_all(&["2 succeeded", "[rpmlint:non-executable-script]"]);
    assert!(!run.text().contains("no-documentation") && !run.text().contains("no-manual-page]"), "{}", run.text());
    assert!(counts(&test, "debian-12-amd64").starts_with("lintian 2."));
    project(&test, "3", script, levels);
    let run = build(&test, &[]).exits(0);
    assert!(!run.text().contains("lint:") && !run.text().contains("lintian:"), "{}", run.text());
    run.says_all(&["of linters in 2 targets, as in the last good build; --all-findings tells them"]);
    assert!(counts(&test, "rpm-generic-x86_64").contains(" 0 new, "), "{}", counts(&test, "rpm-generic-x86_64"));

    // All findings, where somebody wants to see them; a remark that the recipe requires not to be there.
    let more = "[lint]\nnon-executable-script = \"require\"\nno-documentation = \"off\"\n\
                [override.deb.lint]\nscript-not-executable = \"require\"\n";
    project(&test, "4", script, more);
    let run = build(&test, &["--all-findings"]).exits(11);
    run.says_all(&["2 rejected", "[lintian:script-not-executable]", "[rpmlint:non-executable-script]"]);
    // Both were in the last good builds.
    build(&test, &[]).exits(0);

    // What is new is found among what is known.
    let worse = format!("{script}cp $d/helper.sh $d/helper.sh~\n");
    project(&test, "5", &worse, more);
    let run = build(&test, &["-t", RPM]).exits(11);
    run.says_all(&["/usr/share/plover/helper.sh~", "[rpmlint:backup-file-in-package]"]);

    // Without linters, and then with them again: what was accepted meanwhile is known by its packages.
    build(&test, &["-t", RPM, "--no-lint"]).exits(0);
    let log = fs::read_to_string(test.dist().join("plover/rpm-generic-x86_64/build.log")).unwrap();
    assert!(!log.contains("rpmlint"), "{log}");
    project(&test, "6", &worse, more);
    build(&test, &["-t", RPM]).exits(0);
    assert!(counts(&test, "rpm-generic-x86_64").contains(" 0 new, "), "{}", counts(&test, "rpm-generic-x86_64"));

    // Packages that farm did not build.
    let package = test.files("plover/debian-12-amd64", ".deb");
    let run = test.run(&["test", package[0].to_str().unwrap(), "--all-findings", "--progress", "none"]).exits(0);
    run.says_all(&["[lintian:script-not-executable]"]);
}
