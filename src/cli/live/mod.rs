//! What a person sees of a run of 30 targets, 8 of which fail, in windows of two sizes and through a pipe: the real terminal,
//! signals and sinks in a real tmux, in step with a script, kept as snapshots. Nothing here depends on how fast anything is.

mod player;
mod window;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::types::testing::have_with;
use player::{play_if_asked, targets};
use window::{Script, Window, wait};

/// Five are up to date, four begin.
const START: &str = "end zstd@debian-12 up-to-date
    end zstd@debian-13 up-to-date
    end zstd@fedora-43 up-to-date
    end tree@debian-12 up-to-date
    end tree@debian-13 up-to-date
    start hello@debian-12
    start hello@debian-13
    start hello@fedora-43
    start prometheus-postgres-exporter@debian-12
    step hello@debian-12 build
    line hello@debian-12 checking for a BSD-compatible install... /usr/bin/install -c
    step hello@debian-13 prepare
    bytes hello@debian-13 12000000 49000000 debian:trixie
    step hello@fedora-43 prepare
    line hello@fedora-43 (3/12): glibc-devel-2.41-1.fc43.x86_64.rpm
    step prometheus-postgres-exporter@debian-12 unpack
    at 7";

const MIDDLE: &str = "at 31
    end hello@debian-12 succeeded
    end hello@debian-13 succeeded
    end hello@fedora-43 succeeded
    start jq@debian-12
    start jq@debian-13
    start xxhash@debian-12
    step jq@debian-12 build
    step jq@debian-13 check
    step xxhash@debian-12 build
    step prometheus-postgres-exporter@debian-12 build
    line jq@debian-12 [ 63%] Linking C shared library libjq.so.1.0.4 with all its objects and then some
    line jq@debian-13  3/12 jq / jq:man  OK  0.02s
    line xxhash@debian-12 cc -O2 -c xxhash.c
    line prometheus-postgres-exporter@debian-12 [12/345] github.com/prometheus/exporter-toolkit/web
    at 72";

const FAILURE: &str = "at 93
    end prometheus-postgres-exporter@debian-12 failed
    start prometheus-postgres-exporter@debian-13
    step prometheus-postgres-exporter@debian-13 test
    line prometheus-postgres-exporter@debian-13 Setting up prometheus-postgres-exporter (0.15.0-1)
    at 100";

/// Of what has not ended after these, how each ends.
const FAILURES: [(&str, &str); 7] = [
    ("jq@fedora-43", "dep-wait"),
    ("fzf@debian-12", "timed-out"),
    ("fzf@debian-13", "rejected"),
    ("ripgrep@fedora-43", "out-of-memory"),
    ("curl@debian-12", "source-unavailable"),
    ("curl@debian-13", "infrastructure"),
    ("prometheus-postgres-exporter@fedora-43", "failed"),
];

/// All others, to the end.
fn rest() -> String {
    let before = [START, MIDDLE, FAILURE].concat();
    let mut lines = Vec::new();
    for (index, id) in targets().iter().enumerate() {
        if before.contains(&format!("end {id} ")) {
            continue;
        }
        let how = FAILURES.iter().find(|(failed, _)| failed == id).map_or("succeeded", |(_, how)| how);
        if !before.contains(&format!("start {id}\n")) && how != "dep-wait" {
            lines.push(format!("start {id}"));
        }
        lines.push(format!("at {}\nend {id} {how}", 110 + 10 * index));
    }
    lines.push("over".to_owned());
    lines.join("\n")
}

fn look(name: &str, screen: &str) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, screen);
    });
}

fn has_tmux() -> bool {
    have_with(&["tmux"], "-V")
}

/// A run that has just begun, in a window.
fn begun(columns: usize, rows: usize) -> (Script, Window) {
    let mut script = Script::new();
    let window = Window::new(&script, columns, rows);
    window.types("farm build --matrix");
    script.tell(START);
    (script, window)
}

/// The same, as far as [`MIDDLE`] goes.
fn going_on(columns: usize, rows: usize) -> (Script, Window) {
    let (mut script, window) = begun(columns, rows);
    script.tell(MIDDLE);
    window.wait_for(" 41s ");
    (script, window)
}

/// That the shell has its terminal back, and what the run ended with.
fn ended(window: &Window, code: &str) {
    window.types("echo $?");
    window.wait_for(&format!("\n{code}\n"));
    assert_eq!(window.cursor(), "1 2", "the cursor is behind the prompt, and is seen");
}

/// Also the test that the player is.
#[test]
fn a_run_in_a_window() {
    play_if_asked();
    if !has_tmux() {
        return;
    }
    for (columns, rows) in [(80, 24), (200, 50)] {
        let look = |name: &str, screen: &str| look(&format!("{columns}x{rows}-{name}"), screen);
        let (mut script, window) = begun(columns, rows);
        window.wait_for(" 7s ");
        look("start", &window.screen());
        script.tell(MIDDLE);
        window.wait_for(" 41s ");
        look("middle", &window.screen());
        script.tell(FAILURE);
        window.wait_for(" 1m 09s ");
        look("failure", &window.screen());
        script.tell(&rest());
        window.wait_for_shell();
        look("end", &window.all());
        ended(&window, "10");
    }
}

#[test]
fn ctrl_c_in_a_window() {
    if !has_tmux() {
        return;
    }
    for (columns, rows) in [(80, 24), (200, 50)] {
        let look = |name: &str, screen: &str| look(&format!("{columns}x{rows}-{name}"), screen);
        let (mut script, window) = going_on(columns, rows);
        window.key("C-c");
        window.wait_for("cancelling");
        wait(|| (!window.screen().contains("^C")).then_some(()), || window.screen());
        look("cancelling", &window.screen());
        window.key("C-c");
        window.wait_for("killing");
        script.tell("over");
        window.wait_for_shell();
        look("cancelled", &window.all());
        ended(&window, "130");
    }
}

#[test]
fn a_window_that_changes_its_size() {
    if !has_tmux() {
        return;
    }
    let (mut script, window) = going_on(80, 24);
    // What is seen once both the size and the clock are new.
    let sizes: [(_, _, _, &[&str]); 3] = [
        (50, 20, 150, &["prometh\u{2026}@debian-12/amd64  2m 30s  build\n"]),
        (120, 30, 270, &["3m 59s of 45s"]),
        (300, 50, 390, &["5m 59s of 45s", "exporter-toolkit/web"]),
    ];
    for (columns, rows, second, shown) in sizes {
        window.resize(columns, rows);
        script.tell(&format!("at {second}"));
        shown.iter().for_each(|text| window.wait_for(text));
        look(&format!("resized-to-{columns}x{rows}"), &window.screen());
        let all = window.all();
        for row in
            ["\u{280b} prometh", "\u{280b} jq@debian-12", "\u{280b} jq@debian-13", "\u{280b} xxhash@", " waiting"]
        {
            assert_eq!(all.matches(row).count(), 1, "{row}: left over:\n{all}");
        }
        assert_eq!(all.matches("\u{2713} hello@").count(), 3, "what stays is gone:\n{all}");
        assert_eq!(all.matches("5 targets up to date").count(), 1, "what stays is gone:\n{all}");
    }
    // Rows that are broken into more than there is room for leave the window at the top, where nobody can draw over them.
    window.resize(16, 24);
    let rows = ["12", "12", "13", "12"].map(|number| format!("  \u{280b} \u{2026}@debian-{number}\n")).concat();
    window.wait_for(&format!("{rows}8 of 30 done\n"));
}

#[test]
fn ctrl_z_in_a_window() {
    if !has_tmux() {
        return;
    }
    let (mut script, window) = begun(80, 24);
    window.wait_for(" 7s ");
    window.key("C-z");
    window.wait_for("Stopped");
    window.wait_for_shell();
    let stopped = window.screen();
    assert!(!stopped.contains("hello@debian-12"), "rows are left over:\n{stopped}");
    assert!(stopped.contains("farm build --matrix"), "{stopped}");
    window.types("fg");
    script.tell(MIDDLE);
    window.wait_for(" 41s ");
    let screen = window.screen();
    assert!(screen.contains("Stopped"), "what the shell said is gone:\n{screen}");
    assert_eq!(screen.matches("xxhash@debian-12").count(), 1, "a row is left over:\n{screen}");
    // Stopped from elsewhere it cannot tidy up before; what it does not know it leaves alone.
    window.key("C-c");
    window.wait_for("cancelling");
    script.tell("over");
    window.wait_for_shell();
}

#[test]
fn a_run_through_a_pipe() {
    let mut script = Script::new();
    let mut command = Command::new(script.farm());
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8").env("TERM", "screen-256color");
    let mut farm = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let written = Arc::new(Mutex::new(String::new()));
    let (output, page) = (BufReader::new(farm.stdout.take().unwrap()), written.clone());
    let reader = std::thread::spawn(move || {
        output.lines().for_each(|line| *page.lock().unwrap() += &format!("{}\n", line.unwrap()));
    });
    let shows = |text: &str| {
        let text = text.to_owned();
        wait(|| written.lock().unwrap().contains(&text).then_some(()), || written.lock().unwrap().clone());
    };
    // Whether a line comes between two others each 30 seconds is nobody's guess: each is waited for.
    let mut last = 0;
    for line in [START, MIDDLE, FAILURE, &rest()].join("\n").lines() {
        script.tell(line);
        let second = line.trim().strip_prefix("at ").map_or(last, |second| second.parse().unwrap());
        if second - last >= 30 {
            let after =
                if second < 60 { format!("{second}s") } else { format!("{}m {:02}s", second / 60, second % 60) };
            shows(&format!("done after {after}"));
            last = second;
        }
    }
    let output = farm.wait_with_output().unwrap();
    reader.join().unwrap();
    assert_eq!(output.status.code(), Some(10));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let written = written.lock().unwrap();
    // What the test harness says before it begins.
    look("pipe", written.trim_start().trim_start_matches("running 1 test\n"));
}

#[test]
fn dumb_terminals_get_lines_that_stay() {
    if !has_tmux() {
        return;
    }
    let mut script = Script::new();
    let window = Window::new(&script, 80, 24);
    window.types("TERM=dumb farm build --matrix");
    script.tell(START);
    window.wait_for("hello@fedora-43/x86_64: prepare");
    script.tell("over");
    window.wait_for_shell();
    let screen = window.all();
    assert!(screen.contains("hello@debian-12/amd64: started"), "{screen}");
    assert!(!screen.contains('\u{280b}'), "{screen}");
}
