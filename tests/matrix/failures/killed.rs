//! farm itself ended in the middle of a build: politely, impatiently, and by the kernel.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout};

use super::job::Job;

/// Ignores what a polite program would end at.
const HANGS: &str = "[build]\nbuild = \"trap '' TERM INT HUP; while :; do sleep 1; done\"\ninstall = \"true\"\n";

/// A build that runs its script, with what it prints from then on.
fn building(job: &Job) -> (Child, BufReader<ChildStdout>) {
    job.recipe(HANGS);
    let mut child = job.start(&["--progress", "plain"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    let running = format!("{}@debian-12/amd64: build\n", job.name);
    while !text.ends_with(&running) {
        assert!(stdout.read_line(&mut text).unwrap() > 0, "it ended before its script ran:\n{text}");
    }
    assert_eq!(job.containers().len(), 1, "{text}");
    (child, stdout)
}

fn signal(child: &Child, name: &str) {
    let sent = std::process::Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Its exit code, and what it still printed.
fn ended(mut child: Child, mut stdout: BufReader<ChildStdout>) -> (Option<i32>, String) {
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code(), text)
}

#[test]
fn after_an_interrupt_the_container_is_removed_and_the_run_is_reported() {
    let Some(job) = Job::good("interrupt") else { return };
    let (child, stdout) = building(&job);
    signal(&child, "INT");
    let (code, text) = ended(child, stdout);
    assert_eq!(job.containers(), Vec::<String>::new(), "{text}");
    assert_eq!(code, Some(130), "{text}");
    for words in ["cancelling: 1 container to remove; press Ctrl-C again to kill", "cancelled", "interrupted"] {
        assert!(text.contains(words), "{words:?} is missing in:\n{text}");
    }
    job.kept();
    job.mend();
    job.build(&[]).exits(0).says("1 up to date");
}

#[test]
fn a_second_interrupt_does_not_wait() {
    let Some(job) = Job::good("impatient") else { return };
    let (mut child, stdout) = building(&job);
    signal(&child, "INT");
    // Signals that come together are one: the second is sent once the first is answered.
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut notice = String::new();
    stderr.read_line(&mut notice).unwrap();
    assert!(notice.contains("press Ctrl-C again to kill"), "{notice}");
    signal(&child, "INT");
    child.stderr = Some(stderr.into_inner());
    let (code, text) = ended(child, stdout);
    assert_eq!(code, Some(130), "{text}");
    job.no_container_soon();
    job.kept();
}

#[test]
fn after_kill_9_nothing_runs_and_the_next_build_goes_on() {
    let Some(job) = Job::good("killed") else { return };
    let (child, stdout) = building(&job);
    signal(&child, "KILL");
    let (code, _) = ended(child, stdout);
    assert_eq!(code, None);
    job.no_container_soon();
    job.kept();
    // No lock, no half-made folder stands in the way of the next run.
    job.mend();
    job.build(&["--force"]).exits(0).says("1 succeeded");
    job.kept();
    let stage = job.test.dist().join(".farm/stage");
    let left = std::fs::read_dir(&stage).map(|entries| entries.count()).unwrap_or(0);
    assert_eq!(left, 0, "{} is not empty", stage.display());
}
