//! What programs are told where no run begins.

use serde_json::Value;

use crate::support::{RECIPE, Ran, Test};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The only line of a stream.
fn only(text: &str) -> Value {
    let lines = lines(text);
    assert_eq!(lines.len(), 1, "{text}");
    lines.into_iter().next().unwrap()
}

#[test]
fn a_run_that_does_not_begin_has_one_last_line_and_reports_that_say_why() {
    let test = Test::new().file("farm.toml", &RECIPE.replace("summary", "sumary"));
    for report in ["junit.xml", "summary.md", "page.html"] {
        test.write(report, "of the run before");
    }
    let run = ["build", "--progress", "json", "--report", "json=events.json", "--report", "junit=junit.xml"];
    let others = ["--report", "markdown=summary.md", "--report", "github=github.txt", "--report", "html=page.html"];
    let ran = test.run(&[run.as_slice(), &others].concat()).exits(3);
    let last = only(&ran.stdout);
    assert_eq!((&last["schema"], &last["event"], &last["exit_code"]), (&1.into(), &"run-finished".into(), &3.into()));
    assert!(!last["run"].as_str().unwrap().is_empty() && last["outcomes"] == serde_json::json!({}), "{last}");
    let error = last["error"].as_str().unwrap();
    assert!(error.contains("sumary") && error.contains("farm.toml:") && !error.contains('\u{1b}'), "{error}");
    let read = |name: &str| std::fs::read_to_string(test.folder().join(name)).unwrap();
    let of_file = only(&read("events.json"));
    assert_eq!((&of_file["run"], &of_file["error"]), (&last["run"], &last["error"]));
    assert!(read("junit.xml").contains("errors=\"1\"") && read("junit.xml").contains("sumary"));
    assert!(read("summary.md").starts_with("## farm did not begin\n") && read("summary.md").contains("sumary"));
    assert!(read("github.txt").starts_with("::error title=farm did not begin::error: "));
    assert_eq!(read("page.html"), "of the run before");
}

#[test]
fn every_command_that_builds_ends_its_stream_with_its_exit_code() {
    let test = Test::new().file("farm.toml", RECIPE).env("DOCKER_HOST", "unix:///nowhere.sock");
    let ends = |arguments: &[&str]| -> (Ran, Value) {
        let ran = test.run(&[arguments, &["--progress", "json"]].concat());
        let last = only(&ran.stdout);
        (ran, last)
    };
    for arguments in [
        &["build", "--engine", "tcp://127.0.0.1:1"][..],
        &["build", "-t", "nothing-like-it"],
        &["build", "--failed"],
        &["source", "no-such-recipe"],
        &["verify"],
        &["verify", "no.buildinfo"],
        &["verify", "no.buildinfo", "--stored"],
        &["test", "no.deb"],
    ] {
        let (ran, last) = ends(arguments);
        let code = last["exit_code"].as_i64().unwrap();
        let ran = ran.exits(code as i32);
        assert_eq!(last["error"].is_null(), code == 0, "{arguments:?}: {last}");
        if let Some(error) = last["error"].as_str() {
            assert!(ran.stderr.contains(error.lines().next().unwrap()), "{}", ran.text());
        }
    }
}

#[test]
fn every_line_is_for_whom_can_have_them() {
    let test = Test::new().file("farm.toml", RECIPE);
    let ran =
        test.run(&["build", "--every-line"]).exits(2).says("--every-line is for reports in JSON, and there is none");
    ran.says("add --progress json, or --report json=FILE");
}
