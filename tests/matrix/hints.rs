//! A recipe that misses a requirement: the failure says what to add and which package that is, and with that it builds.

use std::fs;
use std::path::Path;

use crate::support::{Test, native_engine};

const SOURCE: &str = "#include <oniguruma.h>\n#include <stdio.h>\n\nint main(void)\n{\n    puts(onig_version());\n}\n";
const PACKAGE: &str = r#"[package]
name = "regexes"
version = "1.0"
summary = "Version of the regular expressions"
license = "MIT"
homepage = "https://example.org/regexes"
maintainer = "Tester <tester@example.org>"
date = 2026-01-02

[[sources]]
path = "src"

[matrix]
distros = ["debian-12"]
arches = ["amd64"]

[test]
script = "test -n \"$(regexes)\""

[build]
"#;
/// Its flood of lines pushes the message out of the last ones.
const BUILD: &str = r#"build = """
cc -c $CPPFLAGS $CFLAGS -o regexes.o regexes.c || { seq 1 500; exit 1; }
cc $LDFLAGS -o regexes regexes.o -lonig
"""
install = "install -D regexes $DESTDIR/usr/bin/regexes"
"#;

fn write(project: &Path, requires: &str) {
    fs::create_dir_all(project.join("src")).unwrap();
    fs::write(project.join("src/regexes.c"), SOURCE).unwrap();
    fs::write(project.join("farm.toml"), format!("{PACKAGE}{requires}{BUILD}")).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_build_lacks_is_named_with_its_package_and_adding_it_makes_it_build() {
    let test = Test::on("hints", &native_engine());
    let project = test.folder().join("project");
    write(&project, "requires = []\n");
    let run = test.run_in(&project, &["build", "--matrix", "--no-test", "--progress", "plain"]).exits(10);
    let run = run.says("    regexes.c:1:10: fatal error: oniguruma.h: No such file or directory\n    [...]\n");
    let run = run.says("by its output it lacks the header oniguruma.h");
    let run = run.says("help: add \"pkgconfig(oniguruma)\" to [build] requires; here that is libonig-dev 6.9.8-1\n");
    run.says("        farm.toml:21\n");

    let run = test.run_in(&project, &["build", "--matrix", "--no-test", "--progress", "json"]).exits(10).text();
    let finished = run.lines().find(|line| line.contains("\"job-finished\"")).unwrap();
    let report: serde_json::Value = serde_json::from_str(finished).unwrap();
    let hint = &report["hints"][0];
    assert_eq!(hint["missing"]["kind"], "header", "{hint}");
    assert_eq!(hint["place"], serde_json::json!({"path": "farm.toml", "line": 21}));
    let log = fs::read_to_string(test.dist().join("regexes/debian-12-amd64/build.log")).unwrap();
    let line = hint["missing"]["line"].as_u64().unwrap() as usize;
    assert!(log.lines().nth(line - 1).unwrap().contains("oniguruma.h"), "line {line} of the log");

    let requirement = hint["requirement"].as_str().unwrap();
    write(&project, &format!("requires = [\"{requirement}\"]\n"));
    test.run_in(&project, &["build", "--matrix"]).exits(0).says("1 succeeded");
}
