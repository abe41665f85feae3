//! Scripts with marks against the shells themselves.

use std::process::{Command, Output};

use super::*;

fn script(text: &str) -> TracedScript {
    TracedScript { name: "build", key: "build.build".to_owned(), text: text.to_owned() }
}

/// The shells of this host that packages are built with somewhere.
fn shells() -> Vec<Vec<&'static str>> {
    let known = [vec!["dash"], vec!["bash", "--posix"], vec!["busybox", "sh"], vec!["sh"]];
    known.into_iter().filter(|shell| run(shell, "true", "/").is_some()).collect()
}

fn run(shell: &[&str], text: &str, folder: &str) -> Option<Output> {
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["-c", text]).current_dir(folder).env("LC_ALL", "C").output().ok()
}

/// Runs a script as builds do, from a file; its output, and what it says failed.
fn ran(shell: &[&str], text: &str, with_marks: bool) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("failed").display().to_string();
    let text = if with_marks { script(text).marked(&at) } else { format!("{text}\n") };
    std::fs::write(folder.path().join("script"), text).unwrap();
    let begin = "exec 2>&1; set -eu; if [ -n x ]; then . ./script; exit; fi";
    let output = run(shell, begin, &folder.path().display().to_string()).unwrap();
    let failed = std::fs::read_to_string(at).unwrap_or_default();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), failed)
}

/// Scripts, and the line that each fails at; 0 when it does not, or none can be told.
const SCRIPTS: &[(&str, usize)] = &[
    ("echo one\necho two; false", 2),
    ("true", 0),
    ("\n\n# a comment\n\n  false # why\ntrue", 5),
    ("exit 3", 1),
    ("true &&\n  false\ntrue", 1),
    ("true \\\n  && false", 1),
    ("false || true\nfalse && true\necho \"$?\"\nsh -c 'exit 4'", 4),
    ("for x in a b; do\n  echo $x\n  [ $x = a ]\ndone", 3),
    ("if true; then\n  echo then\n  ls /nosuch/file >/dev/null 2>&1\nelse\n  true\nfi", 3),
    ("while\n  true\n  true\ndo\n  echo in\n  break\ndone\nfalse", 8),
    ("f() {\n  echo in f\n  false\n}\ntrue\nf >/dev/null", 6),
    ("f ()\n{\n  return 2\n}\nf || echo failed\nf\n", 6),
    ("(\n  echo in\n  exit 5\n)", 1),
    ("case a in\n  b) true ;;\n  (a) echo a\n    false ;;\nesac\ntrue", 1),
    ("case a in a|if) echo yes;; esac\nfalse", 2),
    ("cat <<E\nfalse\n  false $((1 + 2))\nE\nfalse", 5),
    ("cat <<-'E' | cat\n\tfalse\n\tE\nfalse", 4),
    ("cat <<A; cat <<\\B\na\nfalse\nA\nfalse\nB\necho 'false\nfalse'\necho \"false\nfalse `echo x`\"\nfalse", 11),
    ("x=$(\n  echo in\n  echo $(echo deep)\n)\necho \"$x\"\nx=$(false)", 6),
    ("echo $((1 << 2)) ${x:-y z}\necho \"${x:-$(echo \"in quotes\")}\"\nfalse", 3),
    ("{\n  echo group\n  false\n} >/dev/null", 3),
    ("echo \"${nosuch}\"", 1),
    ("nosuchcommand 2>/dev/null", 1),
    ("true | false\ntrue", 1),
    ("! true\n! false\necho on\nfalse", 4),
    ("cd /nosuch 2>/dev/null || { echo none; exit 7; }", 1),
    ("x=$(echo a 2>&1; ls /nosuch 2>&1 | wc -l)\necho \"$x\"\nfalse", 3),
    ("exec 2>err\nls /nosuch/x || true\nwc -l <err\nfalse", 4),
    ("trap 'echo bye' EXIT\nfalse", 2),
    ("trap 'echo bye $?' 0\ntrap 'exit 9' TERM\necho in\nf() {\n  false\n}\nf\necho on", 7),
    ("cd /\ntrap 'status=$?; echo bye; exit $status' EXIT\nexit 3", 3),
    ("trap 'false' EXIT\necho it is the trap that fails\nexit 0", 3),
    ("trap 'echo bye' EXIT\nfalse || true\ncat <<E\nE", 0),
    ("set -x\necho traced\nset +x\nfalse", 0),
    ("set -a\nA=1\nenv | grep -c '^A=\\|farm'\nfalse", 0),
    ("echo 'don'\\''t' \"a\\\"b\" \\' # it's\nfalse", 2),
    ("printf '%s\\n' a |\n  while read -r line; do\n    echo \"$line\"\n  done\nfalse", 5),
    (">file\necho x >>file\n<file cat\nrm nosuch 2>/dev/null", 4),
    ("until false; do\n  break\ndone; false", 2),
    ("eval 'false'", 1),
    ("set -- a b\necho \"$# $*\"\nshift 3 2>/dev/null", 3),
    ("a=1; b=2 sh -c 'echo $b'\n[ \"$a\" -eq 2 ]", 2),
];

#[test]
fn a_script_with_marks_does_what_it_does_without() {
    assert!(shells().len() > 1, "{:?}", shells());
    for shell in shells() {
        for (text, line) in SCRIPTS {
            let (plain, marked) = (ran(&shell, text, false), ran(&shell, text, true));
            assert_eq!((plain.0, &plain.1), (marked.0, &marked.1), "{shell:?}\n{}", script(text).marked("/dev/null"));
            // A special builtin's error ends one shell, and another goes on.
            let expected = if *line == 0 || plain.0 == Some(0) {
                String::new()
            } else {
                format!("build {line} {}\n", plain.0.unwrap())
            };
            assert_eq!(marked.2, expected, "{shell:?}\n{}", script(text).marked("/dev/null"));
        }
    }
}

#[test]
fn what_cannot_be_read_for_certain_is_left_as_it_is() {
    for text in [
        "function f { false; }\nf",
        "echo \"${x:-it's}\"\nfalse",
        "cat <<E\nno end",
        "a=(\n1\n)\nb=()\nfalse",
        "echo $'a\\'b'\nfalse",
        "if true; then (\n",
        "echo 'no end\n",
        "set -eux\nfalse",
        "set -o xtrace\nfalse",
        "trap 'echo $LINENO' DEBUG\nfalse",
        "case a in\na) true",
        "}\n",
        "echo )\n",
    ] {
        assert_eq!(script(text).marked("/x"), format!("{text}\n"));
    }
    // `set` of no such option, and an option of another command.
    for text in ["set -eu\nfalse", "cargo build --verbose\nls -a\nfalse", "set -- build\nfalse"] {
        assert!(script(text).marked("/x").contains("farm_at"), "{text}");
    }
}

#[test]
fn marks_keep_lines_where_they_are() {
    let text = "a\n\nif b; then\n\tc\nfi\n";
    insta::assert_snapshot!(script(text).marked("/build/traced/failed"), @r#"
    farm_at() { farm_line=$1; return "$2"; }; farm_line=0; trap 'farm_status=$?; [ "$farm_status" -eq 0 ] || { echo build "$farm_line" "$farm_status" >/build/traced/failed; } 2>/dev/null || :' EXIT; farm_at 1 "$?" && :; a

    farm_at 3 "$?" && :; if b; then
    	farm_at 4 "$?" && :; c
    fi
    "#);
    assert_eq!(script(text).line(4).as_deref(), Some("c"));
    assert_eq!(script("make \\\n  all").line(1).as_deref(), Some("make ..."));
    assert_eq!(script(text).line(0), None);
}

#[test]
fn the_shells_say_in_which_line_they_stop_reading() {
    for shell in shells() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().display().to_string();
        for file in script("true\necho (\ntrue").files() {
            let path = file.0.replace(TRACED_FOLDER, &root);
            std::fs::create_dir_all(std::path::Path::new(&path).parent().unwrap()).unwrap();
            std::fs::write(path, file.1).unwrap();
        }
        let check = read_first().replace(TRACED_FOLDER, &root).replace("sh -n", &format!("{} -n", shell.join(" ")));
        let output = run(&shell, &check, "/").unwrap();
        assert_eq!(output.status.code(), Some(2), "{shell:?} {output:?}");
        let said = std::fs::read_to_string(folder.path().join("failed")).unwrap();
        let Failed { name, line, status } = answer(&said).unwrap_or_else(|| panic!("{shell:?}: {said}"));
        assert!(name == "build" && status.is_none() && (2..=3).contains(&line), "{shell:?}: {said}");
    }
}

#[test]
fn what_a_container_says_is_read_with_care() {
    assert_eq!(answer("build 12 3\n"), Some(Failed { name: "build", line: 12, status: Some(3) }));
    let unreadable = Some(Failed { name: "check", line: 8, status: None });
    assert_eq!(answer("check syntax /build/traced/plain/check: 8: Syntax error: x\n"), unreadable);
    assert_eq!(answer("check syntax /build/traced/plain/check: line 8: syntax error\n"), unreadable);
    for nothing in [
        "",
        "build",
        "build 12",
        "build 12 x",
        "build x",
        "build -1",
        "build 99999999999999999999999",
        "build syntax nothing",
    ] {
        assert_eq!(answer(nothing), None, "{nothing}");
    }
}

proptest::proptest! {
    /// Whatever is written, all that is added are marks.
    #[test]
    fn marks_are_all_that_is_added(text in "[a-c \\n\"'`$(){};&|<>#\\\\=]{0,60}") {
        let marked = script(&text).marked("/x");
        let begin = marked.find("EXIT; ").map_or(0, |at| at + 6);
        let mut plain = marked[begin..].to_owned();
        while let Some(at) = plain.find("farm_at ") {
            let end = at + plain[at..].find("&& :; ").unwrap() + 6;
            plain.replace_range(at..end, "");
        }
        proptest::prop_assert_eq!(plain, format!("{}\n", text));
    }
}

/// rpm's sections: bash shows what it runs, and nothing but that is shown of the recipe's commands.
#[test]
fn where_the_shell_shows_commands_the_line_is_known_too() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display().to_string();
    std::fs::create_dir(folder.path().join("shown")).unwrap();
    for (text, line) in [("echo one\necho two; false", 2), ("if true; then\n  echo a\n  sh -c 'exit 3'\nfi", 3)] {
        for (path, text) in script(text).files().into_iter().take(2) {
            std::fs::write(path.replace(TRACED_FOLDER, &root), text.replace(TRACED_FOLDER, &root)).unwrap();
        }
        for shell in shells() {
            let _ = std::fs::remove_file(folder.path().join("failed"));
            let output = run(&shell, &format!("set -eux; (\nif true; then . {root}/build; exit; fi\n)"), "/").unwrap();
            let trace = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success() && !trace.contains("farm_at"), "{shell:?} {trace}");
            let said = std::fs::read_to_string(folder.path().join("failed")).unwrap_or_default();
            assert_eq!(answer(&said).map(|failed| failed.line), Some(line), "{shell:?} {text} {trace}");
            assert_eq!(
                trace.lines().any(|shown| shown.trim_start_matches('+') == " echo one"),
                shell[0] == "bash" && text.contains("one"),
                "{trace}"
            );
        }
    }
}
