use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn missing(log: &[u8]) -> Vec<Missing> {
    let mut scanner = Scanner::default();
    scanner.feed(1, log);
    scanner.missing()
}

fn told(log: &str) -> String {
    let one = |missing: Missing| format!("{}: {missing} -> {}\n", missing.line, missing.requirements().join(", "));
    missing(log.as_bytes()).into_iter().map(one).collect()
}

/// Each log is what the tool printed, cut to what surrounds the message.
#[test]
fn real_logs_say_what_is_missing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/hint/logs");
    let mut logs: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    logs.sort();
    let mut all = String::new();
    for log in logs {
        let name = log.file_stem().unwrap().to_str().unwrap();
        let found = told(&std::fs::read_to_string(&log).unwrap());
        assert!(!found.is_empty(), "nothing is found in {name}");
        let _ = write!(all, "{name}\n  {}\n", found.trim_end().replace('\n', "\n  "));
    }
    insta::assert_snapshot!("real_logs", all);
}

/// In the words of versions that few machines still, or already, have.
#[test]
fn other_versions_say_it_otherwise() {
    for (line, expected) in [
        ("make[2]: bison: Command not found", "the command bison"),
        ("./x: /usr/bin/guile: bad interpreter: No such file or directory", "the file /usr/bin/guile"),
        ("gcc: error trying to exec 'cc1plus': execvp: No such file or directory", "the command cc1plus"),
        ("No package 'oniguruma' found", "oniguruma.pc of pkg-config"),
        ("ld.lld: error: unable to find library -lonig", "a library to link with -lonig"),
        ("mold: fatal: library not found: onig", "a library to link with -lonig"),
        ("is `cmake` not installed?", "the command cmake"),
        (
            "error occurred in cc-rs: failed to find tool \"c++\": No such file or directory (os error 2)",
            "the command c++",
        ),
        ("The system library `alsa` required by crate `alsa-sys` was not found.", "alsa.pc of pkg-config"),
        ("ImportError: No module named yaml", "the Python module yaml"),
        ("ERROR: No matching distribution found for setuptools>=40.8.0", "the Python module setuptools"),
        ("Could not find gem 'rake (~> 13.0)' in locally installed gems.", "the Ruby gem rake"),
        (
            "\u{1b}[01m\u{1b}[Ka.c:1:10:\u{1b}[m\u{1b}[K \u{1b}[01;31m\u{1b}[Kfatal error: \u{1b}[m\u{1b}[Kzlib.h: No such file or directory",
            "the header zlib.h",
        ),
        (" 10%\rsh: 1: gperf: not found\r", "the command gperf"),
        ("debian/farm_scripts/build: 1: /build/traced/build: makeinfo: not found", "the command makeinfo"),
    ] {
        let found = missing(line.as_bytes());
        assert_eq!(found.iter().map(Missing::to_string).collect::<Vec<_>>(), [expected], "{line}");
    }
}

#[test]
fn what_only_sounds_like_it_is_passed_over() {
    for line in [
        "checking for zlib.h... no",
        "checking for strlcpy... no\nconfigure: error: this system is too old",
        "checking for zlib >= 9... no\nconfigure: error: Package requirements (zlib >= 9) were not met:",
        "-- Could NOT find BISON (missing: BISON_EXECUTABLE)",
        "--   Package 'libopt', required by 'virtual:world', not found",
        "CMake Warning at CMakeLists.txt:4 (find_package):\n  Could not find it\n\n    BackwardConfig.cmake\n",
        "Run-time dependency libopt found: NO (tried pkgconfig and cmake)",
        "ERROR: Dependency \"zlib\" found but its version is too old",
        "make: *** No rule to make target 'all'.  Stop.",
        "make: *** No rule to make target '/build/a-1.0/a.c', needed by 'a.o'.  Stop.",
        "sh: 1: build-aux/git-version-gen: not found",
        "cat: VERSION: No such file or directory",
        "a.c:3:2: error: expected ';'",
        "tests/missing.sh: the page was not found",
        "fatal error: /etc/../passwd: No such file or directory",
        "x: fatal error: $(rm -rf ~).h: No such file or directory",
        "cannot find -l:libfoo.a",
        "require': cannot load such file -- ./version (LoadError)",
        "",
    ] {
        assert_eq!(told(line), "", "{line}");
    }
}

#[test]
fn what_may_be_harmless_is_told_only_at_the_end_and_only_alone() {
    let harmless = "sh: 1: git: not found\n";
    assert_eq!(told(harmless), "1: the command git -> /usr/bin/git, /usr/sbin/git\n");
    assert_eq!(told(&format!("{harmless}{}", "CC a.o\n".repeat(200))), "");
    let certain = "a.c:1:10: fatal error: zlib.h: No such file or directory\n";
    assert_eq!(told(&format!("{harmless}{certain}")), "2: the header zlib.h -> /usr/include/zlib.h\n");
    assert_eq!(
        told(&format!("{certain}{certain}{}", "CC a.o\n".repeat(200))),
        "1: the header zlib.h -> /usr/include/zlib.h\n"
    );
}

#[test]
fn the_last_few_are_told_whatever_a_build_prints() {
    let flood: String = (0..100_000).map(|n| format!("ld: cannot find -lfoo{n}\n")).collect();
    let found = missing(flood.as_bytes());
    assert_eq!(found.iter().map(|missing| missing.line).collect::<Vec<_>>(), [99_998, 99_999, 100_000]);
    let long = format!("a.c:1:1: fatal error: {}.h: No such file or directory", "x".repeat(1 << 20));
    assert_eq!(told(&long), "");
    let long = format!(
        "a.c:1:1: fatal error: zlib.h: No such file or directory\u{1b}]0;title\u{7}{}",
        "\u{202e}".repeat(9999)
    );
    assert!(missing(long.as_bytes()).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_output_gives_printable_hints_however_it_is_cut(
        lines in proptest::collection::vec(
            prop_oneof![
                any::<Vec<u8>>(),
                "[ -~]{0,30}(: fatal error: |cannot find -l|: not found|No module named |Can't locate |: `|ERROR: Program '|CMake Error|  - |configure: error: |checking for )[ -~\u{0}-\u{ff}]{0,40}".prop_map(String::into_bytes),
            ],
            0..12,
        ),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let output = lines.join(&b'\n');
        let whole = missing(&output);
        for missing in &whole {
            prop_assert!(!missing.text.chars().any(|c| c.is_control()), "{:?}", missing);
            prop_assert!(missing.name.chars().all(|c| c.is_ascii_graphic() && !"'\"`$\\".contains(c)), "{:?}", missing);
            prop_assert!(!missing.requirements().is_empty());
        }
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(output.len() + 1)).collect();
        at.extend([0, output.len()]);
        at.sort_unstable();
        let mut scanner = Scanner::default();
        let mut line = 1;
        for pair in at.windows(2) {
            let chunk = &output[pair[0]..pair[1]];
            scanner.feed(line, chunk);
            line += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        prop_assert_eq!(scanner.missing(), whole);
    }
}
