//! How jobs end, in words.

use super::*;
use crate::report::samples;

#[test]
fn each_outcome_has_a_line_of_its_own() {
    let lines: Vec<String> = samples::every_outcome()
        .into_iter()
        .map(|outcome| {
            let report = samples::report("jq@debian-12", outcome);
            format!("{} {:>8}  {}", mark(&report.outcome, &Style::PLAIN), time(&report), detail(&report))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
        ✓    31.0s  52 kB  jq_1.7-1_amd64.deb
        =        -  up to date: 3 packages, nothing changed
        ✗    31.0s  failed in build: src/jv_unicode.c:12:10: fatal error: oniguruma.h: No such file or directory
        ✗        -  waits for requirements: libonig-dev (>= 7), valgrnid
        ✗    31.0s  timed out in check: over 30 minutes
        ✗    31.0s  stalled in check: silent for 10 minutes
        ✗    31.0s  printed too much in build: over 100 MB
        ✗    31.0s  ran out of memory in build: limit 2.0 GB
        ✗    31.0s  found the disk full in unpack: the engine's disk
        ✗    31.0s  rejected by the package check: owns /usr, which is not its own
        -        -  skipped: a job before it failed
        -    31.0s  cancelled
        ✗    31.0s  has no environment: packaging/Dockerfile: line 4: RUN make install ended with exit code 2
        ✓    31.0s  0 packages, byte by byte the same with another time, path, user, locale, timezone, processors, host-name, kernel
        ✗    31.0s  is not reproducible: jq_1.7-1_amd64.deb: /usr/share/doc/jq/built, line 1: probably the time of the build
        ✗    31.0s  is not as farm.lock says: gcc-12 is 12.2.0-15 and not 12.2.0-14 (and 1 more)
        !    31.0s  has no sources: https://example.org/jq-1.7.tar.gz not found
        !    31.0s  could not be built: connection to the container engine was lost
        ");
}

#[test]
fn marks_differ_without_colour_and_without_unicode() {
    let ascii = Style { unicode: false, ..Style::PLAIN };
    let marks = |style: &Style| -> Vec<String> {
        samples::every_outcome().iter().map(|outcome| mark(outcome, style)).collect()
    };
    assert_eq!(marks(&ascii).concat(), "+=xxxxxxxx--x+xx!!");
    assert!(marks(&ascii).iter().all(|mark| mark.is_ascii()));
    let (good, bad) = (&marks(&Style::PLAIN)[0], &marks(&Style::PLAIN)[2]);
    assert_ne!(good, bad);
}

#[test]
fn advice_is_as_sure_as_what_is_known() {
    let mut report = samples::report("jq@debian-12", samples::failed_in_build());
    let package = |name: &str| HintPackage { name: name.into(), version: "6.9.8-1".into() };
    let mut told = |packages: Option<&[&str]>, to: &str| {
        report.hints[0].packages = packages.map(|names| names.iter().map(|name| package(name)).collect());
        report.hints[0].to = to.into();
        report.hints[0].in_dockerfile = to.ends_with("Dockerfile");
        help(&report)[0].0.clone()
    };
    let recipe = "[build] requires";
    insta::assert_snapshot!(
        [
            told(None, recipe),
            told(Some(&[]), recipe),
            told(Some(&["libonig-dev"]), recipe),
            told(Some(&["pkgconfig(oniguruma)"]), recipe),
            told(Some(&["libonig-dev", "libonig2-dev"]), recipe),
            told(Some(&["libonig-dev"]), "Build-Depends in debian/control"),
            told(None, "BuildRequires in jq.spec"),
            told(Some(&["libonig-dev"]), "packaging/Dockerfile"),
            told(Some(&["libonig-dev", "libonig2-dev"]), "packaging/Dockerfile"),
            told(None, "packaging/Dockerfile"),
        ]
        .join("\n"),
        @r#"
        add "pkgconfig(oniguruma)" to [build] requires
        no package of debian-12 has the header oniguruma.h: is it the project's own, or from elsewhere?
        add "pkgconfig(oniguruma)" to [build] requires; here that is libonig-dev 6.9.8-1
        add "pkgconfig(oniguruma)" to [build] requires; here that is version 6.9.8-1
        add one of these to [build] requires, each of which has pkgconfig(oniguruma): libonig-dev 6.9.8-1, libonig2-dev 6.9.8-1
        add libonig-dev to Build-Depends in debian/control
        add pkgconfig(oniguruma) to BuildRequires in jq.spec
        add a line to packaging/Dockerfile: on debian-12 the package is libonig-dev 6.9.8-1
        add a line to packaging/Dockerfile: on debian-12 the header oniguruma.h is in each of libonig-dev 6.9.8-1, libonig2-dev 6.9.8-1
        add a line to packaging/Dockerfile that installs the header oniguruma.h
        "#
    );
}

#[test]
fn a_silent_command_is_named_with_its_line() {
    let mut report = samples::report("jq@debian-12", Outcome::Failed { step: StepKind::Package, exit_code: 2 });
    report.hints.clear();
    report.tail = Some(Tail { first_line: 1, lines: vec!["one".to_owned(), "make[1]: *** [x] Error 1".to_owned()] });
    let place = RecipePlace::new("farm.toml", 31);
    let text = "test -e \"$DESTDIR/usr\"".to_owned();
    let command = FailedCommand { script: "install", line: 3, text, exit_code: Some(1), place: Some(place) };
    report.failed_command = Some(command);
    let page = |report: &JobReport| format!("{}\n{}", detail(report), cause(report).join("\n"));
    insta::assert_snapshot!(page(&report), @r#"
        failed in install: `test -e "$DESTDIR/usr"` (farm.toml:31) ended with exit code 1
        `test -e "$DESTDIR/usr"` of the `install` script ended with exit code 1: farm.toml:31
        "#);
    // What a tool says of it tells more.
    report.tail = Some(Tail { first_line: 1, lines: vec!["a.c:1:2: error: x".to_owned()] });
    assert_eq!(detail(&report), "failed in install: a.c:1:2: error: x");
    report.failed_command.as_mut().unwrap().exit_code = None;
    assert_eq!(cause(&report)[0], "the shell cannot read the `install` script, so nothing was run: farm.toml:31");
}

#[test]
fn the_line_that_tells_most_stands_for_the_failure() {
    let telling = |lines: &[&str]| {
        let tail = Tail { first_line: 1, lines: lines.iter().map(|line| (*line).to_owned()).collect() };
        telling_line(&tail).map(str::to_owned)
    };
    let noise = "sh: 1: build-aux/git-version-gen: not found";
    let cause = "debian/farm_scripts/build: 6: PREFIX: parameter not set";
    let drivers = ["make: *** [debian/rules:8: binary] Error 2", "dpkg-buildpackage: error: debian/rules failed"];
    assert_eq!(telling(&[noise, cause, drivers[0], drivers[1]]).as_deref(), Some(cause));
    assert_eq!(telling(&["a.c:1:2: error: x", "b.c:1:2: error: y"]).as_deref(), Some("a.c:1:2: error: x"));
    assert_eq!(telling(&["PASS: 1", "FAIL: 2", "done", ""]).as_deref(), Some("FAIL: 2"));
    assert_eq!(telling(&drivers).as_deref(), Some(drivers[1]));
    assert_eq!(telling(&[]), None);
    assert_eq!(below_source_tree("/build/hello-2.10/src/a.c:1: error: x"), "src/a.c:1: error: x");
    assert_eq!(below_source_tree("/build/x: not found"), "/build/x: not found");
}

#[test]
fn package_names_are_cut_out_of_file_names() {
    assert_eq!(package_name("libxxhash-dev_0.8.1-1~deb12_amd64.deb"), "libxxhash-dev");
    assert_eq!(package_name("xxhash-devel-0.8.1-1.x86_64.rpm"), "xxhash-devel");
}

#[test]
fn what_a_build_says_cannot_steer_the_terminal() {
    let outcome = Outcome::SourceUnavailable {
        reason: "bad\u{1b}[2J name\u{8}".to_owned(),
        of_recipe: false,
        place: None,
        help: None,
    };
    assert_eq!(detail(&samples::report("jq@debian-12", outcome)), "has no sources: bad name\\x08");
}
