//! The end of a run as a terminal shows it.

use super::*;
use crate::report::samples;

/// What is written of a run whose jobs end in another order than the plan's.
fn summary_of(reports: &[JobReport], table: bool, interrupted: bool) -> String {
    let commands = Box::new(|target: &Target| Commands {
        again: format!("farm build -t {target}"),
        into: Some(format!("farm shell {target}")),
    });
    let options = SummaryOptions { dist: "dist".into(), commands, table };
    let mut summary = Summary::new(Vec::new(), || Style::PLAIN, options);
    let targets = reports.iter().map(|report| report.target.clone()).collect();
    let started = Event::RunStarted { run: "r".into(), engine: "e".into(), slots: 2, targets, expected: Vec::new() };
    let jobs = reports.iter().rev().map(|report| Event::JobFinished(Box::new(report.clone())));
    let run = RunReport { run: "r".into(), elapsed: Duration::from_secs(192), busy: 0.968, interrupted };
    for event in [started].into_iter().chain(jobs).chain([Event::RunFinished(run)]) {
        summary.event(&event).unwrap();
    }
    String::from_utf8(summary.out).unwrap()
}

#[test]
fn every_outcome_has_its_line_and_every_failure_its_page() {
    let reports: Vec<JobReport> = samples::every_outcome()
        .into_iter()
        .enumerate()
        .map(|(index, outcome)| samples::report(&format!("jq{index}@debian-12"), outcome))
        .collect();
    let text = summary_of(&reports, true, false);
    assert!(text.lines().all(|line| width(line) <= 80), "{text}");
    insta::assert_snapshot!(text, @r#"
      ✓ jq0@debian-12/amd64    31.0s  52 kB  jq0_1.7-1_amd64.deb
      ✗ jq2@debian-12/amd64    31.0s  failed in build: src/jv_unicode.c:12:10: fat…
      ✗ jq3@debian-12/amd64        -  waits for requirements: libonig-dev (>= 7), …
      ✗ jq4@debian-12/amd64    31.0s  timed out in check: over 30 minutes
      ✗ jq5@debian-12/amd64    31.0s  stalled in check: silent for 10 minutes
      ✗ jq6@debian-12/amd64    31.0s  printed too much in build: over 100 MB
      ✗ jq7@debian-12/amd64    31.0s  ran out of memory in build: limit 2.0 GB
      ✗ jq8@debian-12/amd64    31.0s  found the disk full in unpack: the engine's …
      ✗ jq9@debian-12/amd64    31.0s  rejected by the package check: owns /usr, wh…
      - jq11@debian-12/amd64   31.0s  cancelled
      ✗ jq12@debian-12/amd64   31.0s  has no environment: packaging/Dockerfile: li…
      ✓ jq13@debian-12/amd64   31.0s  0 packages, byte by byte the same with anoth…
      ✗ jq14@debian-12/amd64   31.0s  is not reproducible: jq_1.7-1_amd64.deb: /us…
      ✗ jq15@debian-12/amd64   31.0s  is not as farm.lock says: gcc-12 is 12.2.0-1…
      ! jq16@debian-12/amd64   31.0s  has no sources: https://example.org/jq-1.7.t…
      ! jq17@debian-12/amd64   31.0s  could not be built: connection to the contai…
      = 1 target up to date: 3 packages, nothing changed
      - 1 target skipped: a job before it failed

    ✗ jq2@debian-12/amd64 failed in build, 31.0s after it started

        cc -O2 -c -o src/main.o src/main.c
        src/jv_unicode.c:12:10: fatal error: oniguruma.h: No such file or directory
        compilation terminated.

      the build step ended with exit code 2; by its output it lacks the header
      oniguruma.h
      help: add "pkgconfig(oniguruma)" to [build] requires; here that is
            libonig-dev 6.9.8-1
            recipes/jq/farm.toml:24
      log:  dist/jq2/debian-12-amd64/build.log, line 813
      try:  farm build -t jq2@debian-12/amd64
      into: farm shell jq2@debian-12/amd64

    ✗ jq3@debian-12/amd64 waits for requirements

      the distribution has no package for these build requirements:
        libonig-dev (>= 7): it has version 6.9.8-1
        valgrnid: did you mean valgrind?
      recipes/jq/farm.toml:21
        requires = ["libonig-dev (>= 7)", "valgrnid"]
                    ^^^^^^^^^^^^^^^^^^^^
      help: correct [build] requires; where only debian-12 has another name for it,
            in an override
      try:  farm build -t jq3@debian-12/amd64

    ✗ jq4@debian-12/amd64 timed out in check, 31.0s after it started

      the check step was still running after its limit of 30 minutes
      help: raise `timeout` in [limits] if the step needs longer
      log:  dist/jq4/debian-12-amd64/build.log
      try:  farm build -t jq4@debian-12/amd64
      into: farm shell jq4@debian-12/amd64

    ✗ jq5@debian-12/amd64 stalled in check, 31.0s after it started

      the check step printed nothing for 10 minutes, its limit, and was ended
      help: raise `stall` in [limits] if the step is silent for long
      log:  dist/jq5/debian-12-amd64/build.log
      try:  farm build -t jq5@debian-12/amd64
      into: farm shell jq5@debian-12/amd64

    ✗ jq6@debian-12/amd64 printed too much in build, 31.0s after it started

      the build step printed more than its limit of 100 MB and was ended
      help: raise `log` in [limits] if all of it is wanted
      log:  dist/jq6/debian-12-amd64/build.log
      try:  farm build -t jq6@debian-12/amd64
      into: farm shell jq6@debian-12/amd64

    ✗ jq7@debian-12/amd64 ran out of memory in build, 31.0s after it started

      the kernel ended a process of the build step: it needs more than 2.0 GB
      help: raise `memory` in [limits], or run fewer jobs at a time with -j
      log:  dist/jq7/debian-12-amd64/build.log
      try:  farm build -t jq7@debian-12/amd64
      into: farm shell jq7@debian-12/amd64

    ✗ jq8@debian-12/amd64 found the disk full in unpack, 31.0s after it started

      no space was left in the unpack step on the engine's disk
      help: `farm images prune` frees what farm keeps in the engine; dist/ and the
            cache are yours
      log:  dist/jq8/debian-12-amd64/build.log
      try:  farm build -t jq8@debian-12/amd64

    ✗ jq9@debian-12/amd64 rejected by the package check, 31.0s after it started

      jq_1.7-1~deb12_amd64.deb: owns /usr, which is not its own
      [owns-shared-directory]
      warning: jq_1.7-1~deb12_amd64.deb: /var/lib/jq is empty [empty-directory]
      help: the refused packages are kept in broken/ beside the log
      log:  dist/jq9/debian-12-amd64/build.log
      try:  farm build -t jq9@debian-12/amd64

    ✗ jq12@debian-12/amd64 has no environment, 31.0s after it started

      the image of packaging/Dockerfile cannot be built: line 4: RUN make install
      ended with exit code 2
      log:  dist/jq12/debian-12-amd64/build.log
      try:  farm build -t jq12@debian-12/amd64

    ✗ jq14@debian-12/amd64 is not reproducible, 31.0s after it started

      built once more with another time, path, timezone, packages are not the same:
        jq_1.7-1_amd64.deb: /usr/share/doc/jq/built, line 1: probably the time of
        the build
          - built on Sat Nov 28 12:30:00 UTC 2026
          + built on Sun Nov 29 02:31:05 +14 2026
          write the date of $SOURCE_DATE_EPOCH, as `date -u -d @$SOURCE_DATE_EPOCH`
          does; `gzip -n` leaves it out, `touch -d @$SOURCE_DATE_EPOCH` gives it to
          files
      log:  dist/jq14/debian-12-amd64/build.log
      try:  farm build -t jq14@debian-12/amd64

    ✗ jq15@debian-12/amd64 is not as farm.lock says, 31.0s after it started

      nothing was built, because it would be built from something else:
        gcc-12 is 12.2.0-15 and not 12.2.0-14
        make 4.3 is not installed
      help: `farm images update` makes images anew of what archives have now; where
            that is another state than the lock's, build without --locked, and
            `farm lock` takes it over
      log:  dist/jq15/debian-12-amd64/build.log
      try:  farm build -t jq15@debian-12/amd64

    ! jq16@debian-12/amd64 has no sources, 31.0s after it started

      https://example.org/jq-1.7.tar.gz not found
      recipes/jq/farm.toml:11
      help: look where it is now, or name further places in `urls`
      log:  dist/jq16/debian-12-amd64/build.log
      try:  farm build -t jq16@debian-12/amd64

    ! jq17@debian-12/amd64 could not be built, 31.0s after it started

      this is not the package's fault, and trying again did not help:
        connection to the container engine was lost
        broken pipe
      log:  dist/jq17/debian-12-amd64/build.log
      try:  farm build -t jq17@debian-12/amd64

    1 succeeded · 1 reproduced · 1 up to date · 1 failed · 1 dep-wait · 1 timed-out
    1 stalled · 1 log-limit · 1 out-of-memory · 1 disk-full · 1 rejected · 1 skipped
    1 cancelled · 1 dockerfile-failed · 1 not-reproduced · 1 not-as-locked
    1 source-unavailable · 1 infrastructure                3m 12s, 2 slots 97 % busy
    dist/: 5 packages, 245 kB, SHA256SUMS
      failed: jq2@debian-12/amd64, jq3@debian-12/amd64, jq4@debian-12/amd64,
            jq5@debian-12/amd64, jq6@debian-12/amd64, jq7@debian-12/amd64,
            jq8@debian-12/amd64, jq9@debian-12/amd64, jq12@debian-12/amd64,
            jq14@debian-12/amd64, jq15@debian-12/amd64, jq16@debian-12/amd64,
            jq17@debian-12/amd64
      log:  dist/jq2/debian-12-amd64/build.log
      try:  farm build --failed
    "#);
}

#[test]
fn one_target_lists_its_files() {
    let reports = [samples::report("hello@debian-12", Outcome::Succeeded)];
    let text = summary_of(&reports, false, false);
    insta::assert_snapshot!(text.trim_start_matches('\n'), @"
          dist/hello/debian-12-amd64/
            hello_1.7-1_amd64.deb           52 kB
            hello-dbgsym_1.7-1_amd64.deb   101 kB
            hello_1.7-1_amd64.changes      1.8 kB

        1 succeeded                                            3m 12s, 2 slots 97 % busy
        dist/: 2 packages, 155 kB, SHA256SUMS
        ");
}

#[test]
fn an_interrupted_run_says_so() {
    let reports =
        [samples::report("a@debian-12", Outcome::Cancelled), samples::report("b@debian-12", Outcome::Cancelled)];
    insta::assert_snapshot!(summary_of(&reports, false, true).trim(), @"2 cancelled · interrupted                              3m 12s, 2 slots 97 % busy");
}

fn tail_of(first_line: u64, lines: impl IntoIterator<Item = String>) -> Tail {
    Tail { first_line, lines: lines.into_iter().collect() }
}

#[test]
fn the_page_shows_the_end_of_a_long_tail() {
    let lines = excerpt(&tail_of(100, (0..50).map(|n| format!("line {n}"))), None);
    assert_eq!((lines.len(), lines[0].as_str(), lines[11].as_str()), (12, "line 38", "line 49"));
}

#[test]
fn the_page_begins_with_what_tells_most_when_it_stands_further_up() {
    let lines = (0..50).map(|n| if n == 10 { "a.c:1: error: no".to_owned() } else { format!("line {n}") });
    let lines = excerpt(&tail_of(100, lines), None);
    let shown: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(shown[..5], ["a.c:1: error: no", "line 11", "line 12", "line 13", "[...]"]);
    assert_eq!(shown[5..], ["line 43", "line 44", "line 45", "line 46", "line 47", "line 48", "line 49"]);
}

#[test]
fn what_came_before_the_script_that_failed_is_not_shown() {
    let of = |lines: &[&str]| of_script(&tail_of(7, lines.iter().map(|line| (*line).to_owned())));
    let tail = of(&["debian/farm_scripts/prepare", "x", "make[1]: Entering", "debian/farm_scripts/build", "two"]);
    assert_eq!((tail.first_line, tail.lines), (11, vec!["two".to_owned()]));
    let tail = of(&["+ set -eu", "+ . /build/traced/build", "two"]);
    assert_eq!(tail.lines, ["two"], "a section of rpm's");
    let tail = of(&[
        "+ . /build/traced/shown/build",
        "+ trap 'echo build \"$LINENO\" \"$?\" >/build/traced/failed' ERR",
        "+ two",
    ]);
    assert_eq!(tail.lines, ["+ two"], "bash in a section of rpm's");
    for said in ["", "make[1]: *** [debian/rules:9: build] Error 1"] {
        assert_eq!(of(&["dh binary", "debian/farm_scripts/build", said]).first_line, 7, "it printed nothing");
    }
    assert_eq!(of(&["dh binary", "debian/farm_scripts/build: 1: x: not found"]).lines.len(), 2);
}

#[test]
fn a_line_that_says_what_is_missing_is_shown_from_however_far_above() {
    let mut report = samples::report("jq@debian-12", samples::failed_in_build());
    report.tail = Some(tail_of(900, (0..20).map(|n| format!("line {n}"))));
    report.hints[0].missing.line = 7;
    let text = summary_of(&[report], false, false);
    let shown: Vec<&str> = text.lines().skip(3).take(4).map(str::trim).collect();
    assert_eq!(shown[1..], ["[...]", "line 10", "line 11"]);
    assert!(shown[0].ends_with("fatal error: oniguruma.h: No such file or directory"), "{text}");
    assert!(text.contains("build.log, line 7\n"), "{text}");
}

#[test]
fn failures_of_one_kind_share_a_page() {
    let reports = [
        samples::report("a@debian-12", samples::failed_in_build()),
        samples::report("a@debian-13", samples::failed_in_build()),
        samples::report("b@debian-12", samples::failed_in_build()),
    ];
    let text = summary_of(&reports, false, false);
    assert_eq!(text.matches("failed in build,").count(), 2, "{text}");
    assert!(text.contains("also: a@debian-13/amd64\n"), "{text}");
}

#[test]
fn what_the_check_let_pass_is_said_once_per_recipe() {
    let warned = |id: &str| {
        let mut report = samples::report(id, Outcome::Succeeded);
        report.warnings = vec![Finding {
            severity: crate::artifact::Severity::Warning,
            artifact: "a_1.0-1_amd64.deb".into(),
            rule: "embedded-build-path".into(),
            message: "/usr/bin/a holds the path of the folder that it was built in".into(),
            waived: None,
        }];
        let waived = Finding { waived: Some("made by its vendor".into()), ..report.warnings[0].clone() };
        report.warnings.extend([waived.clone(), waived]);
        report
    };
    let reports = [warned("a@debian-12"), warned("a@debian-13")];
    insta::assert_snapshot!(warnings(&reports, &Style::PLAIN), @"
        warning: a@debian-12/amd64: a_1.0-1_amd64.deb: /usr/bin/a holds the path of the
                 folder that it was built in [embedded-build-path] (and on 1 other
                 target)
        waived:  a@debian-12/amd64 and 1 other target: 4 findings of
                 embedded-build-path: made by its vendor
        ");
}
