//! What programs are told of a real run.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Ran, Test, native_engine, repository, skip};

const RECIPE: &str = r#"[package]
name = "swift"
version = "1.0"
summary = "Prints a lot"
license = "MIT"
maintainer = "Farm Tests <tests@example.org>"
date = 2026-01-02
architecture = "all"

[build]
build = """
i=0
while [ $i -lt 30000 ]; do i=$((i + 1)); echo "line $i of many"; done
printf 'section_end:1:farm_swift\\r\\033[0K\\nno end'
"""
install = """
mkdir -p $DESTDIR/usr/share/swift
echo swift >$DESTDIR/usr/share/swift/text
echo installed; test "$FARM_DISTRO" != debian-13
"""

[matrix]
distros = ["debian-12", "debian-13"]
"#;

/// What another reader of the published schema has against lines; nothing where there is none on this machine.
fn against(lines: &str) -> Option<String> {
    let Some(python) = std::env::var_os("FARM_TEST_VALIDATORS") else {
        skip("FARM_TEST_VALIDATORS names no Python with validators (`cargo xtask test` installs them)");
        return None;
    };
    let script = repository().join("tests/matrix/validators/lines.py");
    let schema = repository().join("docs/events.schema.json");
    let mut command = Command::new(python);
    let mut child = command
        .args([script, schema])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    Some(Ran::from(child.wait_with_output().unwrap()).exits(0).text())
}

#[test]
fn every_line_comes_once_in_order_and_the_last_one_counts() {
    let test = Test::on("streams", &native_engine());
    test.write("farm.toml", RECIPE);
    let arguments = ["build", "--matrix", "-j2", "--no-test", "--no-lint", "--progress", "json", "--every-line"];
    let mut farm = test.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    for (number, line) in BufReader::new(farm.stdout.take().unwrap()).lines().enumerate() {
        // Who reads slowly holds the builds up, and loses nothing.
        if number % 500 == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        text.push_str(&(line.unwrap() + "\n"));
    }
    assert_eq!(farm.wait().unwrap().code(), Some(10));
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for target in ["swift@debian-12/amd64", "swift@debian-13/amd64"] {
        let of_build = |event: &&Value| event["event"] == "output" && event["target"] == target;
        let lines: Vec<&str> = events.iter().filter(of_build).filter_map(|event| event["line"].as_str()).collect();
        let counted: Vec<&&str> = lines.iter().filter(|line| line.ends_with(" of many")).collect();
        assert_eq!(counted.len(), 30_000, "{target}");
        assert!(counted.iter().zip(1..).all(|(line, number)| **line == format!("line {number} of many")), "{target}");
        assert_eq!(lines.iter().filter(|line| line.starts_with("no end")).count(), 1, "{target}");
        let log = test.dist().join(target.replace('@', "/").replace("/amd64", "-amd64")).join("build.log");
        let log = fs::read_to_string(log).unwrap();
        let of_log: BTreeSet<&str> = log.lines().map(|line| line.trim_start_matches("farm: ")).collect();
        assert!(lines.iter().all(|line| of_log.contains(line) || line.contains(['\\', '…'])), "{target}");
    }
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["exit_code"], &last["error"]),
        (&"run-finished".into(), &10.into(), &Value::Null)
    );
    assert_eq!(last["outcomes"], serde_json::json!({"succeeded": 1, "failed": 1}));
    let mut runs: Vec<&str> = events.iter().filter_map(|event| event["run"].as_str()).collect();
    assert_eq!(runs.len(), events.len());
    runs.dedup();
    assert_eq!(runs.len(), 1);

    // One file of everything, and sections for GitLab, through the same pipe as the plain lines.
    let reports = ["--report", "json=events.json", "--report", "gitlab=/dev/stdout"];
    let arguments = [&["build", "--matrix", "--force", "--no-test", "--no-lint", "--progress", "plain"][..], &reports];
    let ran = test.run(&arguments.concat()).exits(10);
    let marks = |kind: &str| {
        let lines = ran.stdout.lines().filter(|line| line.starts_with(&format!("\u{1b}[0Ksection_{kind}:")));
        let name = |line: &str| line.split([':', '[', '\r']).nth(3).unwrap_or_default().to_owned();
        let mut names: Vec<String> = lines.map(name).collect();
        names.sort();
        names
    };
    assert_eq!(marks("start"), marks("end"), "{ran}");
    let of =
        |target: &str| marks("start").iter().filter(|name| name.starts_with(&format!("farm_swift_{target}"))).count();
    assert!(of("debian-12-amd64") > 4 && of("debian-13-amd64") > 3, "{:?}", marks("start"));
    assert!(
        ran.stdout.contains("line 30000 of many\n") && !ran.stdout.contains("\nsection_end:1:farm_swift\r"),
        "{ran}"
    );
    // Into a file, which a shell has opened: none of the two overwrites the other.
    let file = test.folder().join("all.txt");
    let mut command = test.command(&["build", "--matrix", "--progress", "plain", "--report", "gitlab=/dev/stdout"]);
    command.args(["--force", "--no-test", "--no-lint"]).stdout(fs::File::create(&file).unwrap());
    assert_eq!(command.status().unwrap().code(), Some(10));
    let whole = fs::read_to_string(file).unwrap();
    assert!(whole.contains("section_start:") && whole.contains("1 succeeded") && !whole.contains('\0'), "{whole}");

    let read = fs::read_to_string(test.folder().join("events.json")).unwrap();
    // Of the many lines that are alike, some.
    let some = text.lines().enumerate().filter(|(number, line)| number % 100 == 0 || !line.contains(" of many"));
    let some: String = some.map(|(_, line)| format!("{line}\n")).collect();
    if let Some(told) = against(&(some + &read)) {
        assert_eq!(told, "");
    }
}
