//! Rules about the files of one package together, about programs that nothing runs, debug packages and empty ones.

use super::super::fixtures::{RpmFile, RpmMaker};
use super::*;

const HELLO: Member<'static> = ("./usr/share/hello/x", T::Regular, 0o644, 0, b"x");

fn deb_rules(members: &[Member<'_>]) -> Vec<String> {
    lines(&deb_findings("Depends: libc6\n", members))
}

/// Findings of an RPM `hello` made by hand.
fn rpm_rules(files: &[(&'static str, u16, &'static [u8])]) -> Vec<String> {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("hello-1.0-1.noarch.rpm");
    let files = files.iter().map(|(path, mode, content)| RpmFile::new(path, *mode, content)).collect();
    fs::write(&path, RpmMaker { files, ..RpmMaker::default() }.bytes(|_| {})).unwrap();
    let mut plan = expectation(Format::Rpm, &[("hello", "1.0-1")]);
    plan.packages[0].arch_independent = true;
    lines(&inspect(&[path], &plan).unwrap().findings)
}

#[test]
fn each_file_is_in_a_package_once() {
    let link = |name, target: &'static [u8]| (name, T::Symlink, 0o777, 0, target);
    let folder = |name| (name, T::Directory, 0o755, 0, &b""[..]);
    for (members, start) in [
        (vec![HELLO, file("./usr/share/hello/x", b"y")], "error duplicate-path: has /usr/share/hello/x twice"),
        (vec![HELLO, file("usr/share/hello/x", b"y")], "error duplicate-path: has /usr/share/hello/x twice"),
        (vec![HELLO, file("/usr/share/hello/x", b"y")], "error duplicate-path: has /usr/share/hello/x twice"),
        (vec![HELLO, link("./usr/share/hello/x", b"y")], "error duplicate-path: has /usr/share/hello/x twice"),
        (
            vec![HELLO, folder("./usr/share/hello/"), folder("./usr/share/hello/")],
            "error duplicate-path: has /usr/share/hello twice",
        ),
        (
            vec![file("./lib/x", b"a"), file("./usr/lib/x", b"b")],
            "error path-under-two-names: has both /lib/x and /usr/lib/x, which are one file where /lib is a link",
        ),
        (
            vec![file("./usr/lib64/x", b"a"), file("./lib64/x", b"b")],
            "error path-under-two-names: has both /usr/lib64/x and /lib64/x",
        ),
        (
            vec![file("./usr/sbin/x", b"a"), link("./sbin/x", b"/usr/sbin/x")],
            "error link-to-itself: /sbin/x is a link to itself",
        ),
        (
            vec![file("./lib/y/x", b"a"), folder("./usr/lib/y/"), link("./usr/lib/y", b"z")],
            "error duplicate-path: has /usr/lib/y twice",
        ),
        (
            vec![link("./usr/share/hello/d", b"/etc"), file("./usr/share/hello/d/x", b"a")],
            "error path-through-link: has /usr/share/hello/d/x, and /usr/share/hello/d is a link",
        ),
        (
            vec![file("./usr/share/hello/d/e/x", b"a"), link("./usr/share/hello/d", b"e")],
            "error path-through-link: has /usr/share/hello/d/e/x, and /usr/share/hello/d is a link",
        ),
        (
            vec![HELLO, file("./usr/share/hello/x/y", b"a")],
            "error path-through-link: has /usr/share/hello/x/y, and /usr/share/hello/x is no folder",
        ),
        (
            vec![link("./lib/hello", b"x"), file("./usr/lib/hello/x", b"a")],
            "error path-through-link: has /usr/lib/hello/x, and /usr/lib/hello is a link",
        ),
    ] {
        let found = deb_rules(&members);
        assert!(found.iter().any(|line| line.starts_with(start)), "{start}: {found:?}");
    }
    // What is in both places as a folder is one.
    let both = [
        folder("./lib/"),
        folder("./lib/hello/"),
        file("./lib/hello/x", b"a"),
        folder("./usr/"),
        folder("./usr/lib/"),
        folder("./usr/lib/hello/"),
        file("./usr/lib/hello/y", b"b"),
    ];
    assert_eq!(deb_rules(&both), Vec::<String>::new());
}

#[test]
fn each_file_is_in_an_rpm_once() {
    const FILE: u16 = 0o100_644;
    const LINK: u16 = 0o120_777;
    for (files, start) in [
        (
            vec![("/sbin/x", FILE, &b"a"[..]), ("/usr/sbin/x", FILE, b"b")],
            "error path-under-two-names: has both /sbin/x and /usr/sbin/x",
        ),
        (vec![("/usr/lib/x", FILE, b"a"), ("/lib/x", LINK, b"/usr/lib/x")], "error link-to-itself: /lib/x"),
        (
            vec![("/usr/share/a", LINK, b"b"), ("/usr/share/a/x", FILE, b"b")],
            "error path-through-link: has /usr/share/a/x",
        ),
        (
            vec![("/usr/share/a", LINK, b"../../build/hello-1.0/a")],
            "error link-into-build-tree: /usr/share/a is a link",
        ),
    ] {
        let found = rpm_rules(&files);
        assert!(found.iter().any(|line| line.starts_with(start)), "{start}: {found:?}");
    }
    assert_eq!(rpm_rules(&[("/usr/share/a/x", FILE, b"a"), ("/usr/share/a/y", LINK, b"x")]), Vec::<String>::new());
}

#[test]
fn links_lead_to_where_they_are_installed() {
    for (target, rule) in [
        (&b"/build/hello-1.0/debian/hello/usr/share/hello/real"[..], "error link-into-build-tree"),
        (b"/build/rpmbuild/BUILDROOT/hello/usr/x", "error link-into-build-tree"),
        (b"../../../build/hello-1.0/x", "error link-into-build-tree"),
        (b"../../../../../../build", "error link-into-build-tree"),
        (b"l", "error link-to-itself"),
        (b"/usr/share/hello/l", "error link-to-itself"),
        (b"../hello/./l", "error link-to-itself"),
        (b"a\x1b[2J", "error link-not-safe"),
        (b"a\nb", "error link-not-safe"),
        (b"\xff", "error link-not-safe"),
    ] {
        let found = deb_rules(&[HELLO, ("./usr/share/hello/l", T::Symlink, 0o777, 0, target)]);
        assert_eq!(found.len(), 1, "{target:?}: {found:?}");
        assert!(found[0].starts_with(rule), "{target:?}: {found:?}");
    }
    for target in
        [&b"x"[..], b"/usr/share/hello/x", b"../../../opt/nowhere/x", b"/builder/x", b"/dev/null", b"../build/x"]
    {
        assert_eq!(deb_rules(&[HELLO, ("./usr/share/hello/l", T::Symlink, 0o777, 0, target)]), Vec::<String>::new());
    }
}

#[test]
fn commands_are_run_by_something() {
    for (content, rule) in [
        (&b"echo hello\n"[..], "error program-without-interpreter"),
        (b"", "error program-without-interpreter"),
        (b"# -*- perl -*-\nprint 1;\n", "error program-without-interpreter"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "error program-without-interpreter"),
        (b"#!/bin/sh\r\necho\r\n", "error script-with-carriage-return"),
        (b"#!/usr/bin/env python3\r\n", "error script-with-carriage-return"),
        (b"#!/build/hello/venv/bin/python3\n", "error build-path-in-script"),
        (b"#!python3\n", "error interpreter-not-found"),
        (b"#!/usr/local/bin/lua\n", "error interpreter-outside-standard"),
        (b"#!/usr/bin/env python3 -O\n", "error interpreter-not-found"),
    ] {
        let found = deb_rules(&[program("./usr/bin/hello", content)]);
        assert_eq!(found.len(), 1, "{content:?}: {found:?}");
        assert!(found[0].starts_with(rule), "{content:?}: {found:?}");
        let found = rpm_rules(&[("/usr/bin/hello", 0o100_755, content)]);
        assert!(found.len() == 1 && found[0].starts_with(rule), "rpm, {content:?}: {found:?}");
    }
    for content in [&b"#!/bin/sh\necho\n"[..], b"#! /usr/bin/perl -w\n", b"MZ\x00\x01", b"#!/usr/bin/env -S sh -e\n"] {
        assert_eq!(deb_rules(&[program("./usr/bin/hello", content)]), Vec::<String>::new(), "{content:?}");
    }
    // Elsewhere, or as a page for people, it may be meant otherwise.
    assert_eq!(deb_rules(&[program("./usr/lib/hello/part", b"echo")]), Vec::<String>::new());
    assert_eq!(
        deb_rules(&[HELLO, program("./usr/share/doc/hello/examples/a", b"#!/usr/local/bin/x\n")]),
        Vec::<String>::new()
    );
    assert!(deb_rules(&[program("./usr/lib/hello/part", b"#!/usr/local/bin/x\n")])[0].starts_with("warning interp"));
    assert!(
        deb_rules(&[program("./usr/lib/hello/part", b"#!/build/x\n")])[0].starts_with("error build-path-in-script")
    );
}

#[test]
fn interpreters_that_nothing_brings_are_asked_for_or_refused() {
    let temp = tempfile::tempdir().unwrap();
    let found = |fields: &str, members: &[Member<'_>]| {
        let path = deb(temp.path(), ("hello", "1.0-1", "all"), fields, members);
        let mut plan = expectation(Format::Deb, &[("hello", "1.0-1")]);
        plan.packages[0].arch_independent = true;
        let found = inspect(&[path], &plan).unwrap();
        let wanted: Vec<String> =
            found.wanted.into_iter().map(|one| format!("{} {}", one.interpreter, one.path)).collect();
        (lines(&found.findings), wanted)
    };
    let none: Vec<String> = Vec::new();
    for line in
        [&b"#!/usr/bin/env python3\n"[..], b"#!/usr/bin/python3\n", b"#!/usr/bin/ruby -w\n", b"#!/usr/bin/nosuch\n"]
    {
        let (findings, wanted) = found("", &[program("./usr/bin/hello", line)]);
        assert!(findings.len() == 1 && findings[0].starts_with("error interpreter-not-found"), "{findings:?}");
        assert_eq!(wanted, none);
        let (findings, wanted) = found("Depends: something\n", &[program("./usr/bin/hello", line)]);
        assert_eq!(findings, none);
        assert_eq!(wanted.len(), 1, "{wanted:?}");
        assert!(wanted[0].ends_with(" /usr/bin/hello"));
    }
    // It may have it itself; once is enough, and a command is told of first.
    let own = [
        program("./usr/bin/hellosh", b"#!/bin/sh\n"),
        program("./usr/bin/hello", b"#!/usr/bin/hellosh\n"),
        program("./usr/bin/hi", b"#!/usr/bin/env hellosh\n"),
    ];
    assert_eq!(found("", &own), (none.clone(), none.clone()));
    let many = [
        program("./usr/lib/hello/a", b"#!/usr/bin/python3\n"),
        program("./usr/bin/b", b"#!/usr/bin/python3\n"),
        program("./usr/bin/c", b"#!/usr/bin/python3\n"),
    ];
    assert_eq!(found("Depends: x\n", &many), (none, vec!["/usr/bin/python3 /usr/bin/b".to_owned()]));
}

#[test]
fn packages_are_empty_only_when_the_recipe_says_so() {
    let copyright = ("./usr/share/doc/hello/copyright", T::Regular, 0o644, 0, &b"x"[..]);
    let log = file("./usr/share/doc/hello/changelog.Debian.gz", b"x");
    let folder = |name| (name, T::Directory, 0o755, 0, &b""[..]);
    let findings = |is_empty: bool, closed: bool, members: &[Member<'_>]| {
        let temp = tempfile::tempdir().unwrap();
        let path = deb(temp.path(), ("hello", "1.0-1", "amd64"), "", members);
        let mut plan = Expectation { closed, ..expectation(Format::Deb, &[("hello", "1.0-1")]) };
        plan.packages[0].is_empty = is_empty;
        lines(&inspect(&[path], &plan).unwrap().findings)
    };
    let shared = [
        folder("./usr/"),
        folder("./usr/share/"),
        folder("./usr/share/doc/"),
        folder("./usr/share/doc/hello/"),
        copyright,
    ];
    for empty in [&[copyright][..], &[copyright, log], &[], &shared] {
        assert!(findings(false, true, empty)[0].starts_with("error empty-package: "), "{empty:?}");
        assert_eq!(findings(true, true, empty), Vec::<String>::new());
        assert!(findings(false, false, empty)[0].starts_with("warning empty-package: "), "{empty:?}");
    }
    for full in [
        &[copyright, file("./usr/share/doc/hello/html/index.html", b"x")][..],
        &[copyright, HELLO],
        &[copyright, folder("./var/lib/hello/")],
        &[copyright, ("./usr/bin/hello", T::Symlink, 0o777, 0, b"true")],
    ] {
        assert_eq!(findings(false, true, full), Vec::<String>::new(), "{full:?}");
        assert!(findings(true, true, full)[0].starts_with("error not-an-empty-package: has /"), "{full:?}");
    }
}

/// One of several packages may get nothing by the recipe's patterns: the main one, when the others took everything.
#[test]
fn a_main_package_without_files_is_told_where_others_have_them() {
    let copyright = ("./usr/share/doc/hello/copyright", T::Regular, 0o644, 0, &b"x"[..]);
    for (main, other, expected) in [
        (&[copyright][..], &[HELLO][..], "warning empty-package: has no files but its own documentation: all that"),
        (&[HELLO], &[copyright], "error empty-package: has no files but its own documentation: does"),
        (&[copyright], &[], "error empty-package: has no files but its own documentation: does"),
    ] {
        let temp = tempfile::tempdir().unwrap();
        let paths = [
            deb(temp.path(), ("hello", "1.0-1", "amd64"), "", main),
            deb(temp.path(), ("hello-x", "1.0-1", "amd64"), "", other),
        ];
        let plan = expectation(Format::Deb, &[("hello", "1.0-1"), ("hello-x", "1.0-1")]);
        let found = lines(&inspect(&paths, &plan).unwrap().findings);
        assert!(found[0].starts_with(expected), "{found:?}");
    }
}

/// Findings of a debug package beside `hello`.
fn debug_findings(fields: &str, members: &[Member<'_>], name: &str) -> Vec<String> {
    let temp = tempfile::tempdir().unwrap();
    let own = deb(temp.path(), ("hello", "1.0-1", "amd64"), "", &[HELLO]);
    let symbols = deb(temp.path(), (name, "1.0-1", "amd64"), fields, members);
    lines(&inspect(&[own, symbols], &expectation(Format::Deb, &[("hello", "1.0-1")])).unwrap().findings)
}

#[test]
fn debug_packages_hold_debug_symbols_only() {
    let symbols = file("./usr/lib/debug/.build-id/ab/cd.debug", b"x");
    let good = [
        ("./usr/", T::Directory, 0o755, 0, &b""[..]),
        ("./usr/share/doc/", T::Directory, 0o755, 0, b""),
        symbols,
        ("./usr/share/doc/hello-dbgsym", T::Symlink, 0o777, 0, b"hello"),
    ];
    assert_eq!(debug_findings("Depends: hello (= 1.0-1)\n", &good, "hello-dbgsym"), Vec::<String>::new());
    for bad in [
        program("./usr/bin/evil", b"#!/bin/sh\n"),
        file("./etc/cron.d/evil", b"x"),
        file("./usr/lib/debugger", b"x"),
        file("./usr/share/doc/hello-dbgsym/x", b"x"),
        ("./usr/lib/evil", T::Symlink, 0o777, 0, b"debug"),
        ("./usr/lib/debug/su", T::Regular, 0o4755, 0, b"x"),
    ] {
        let found = debug_findings("", &[symbols, bad], "hello-dbgsym");
        assert!(found.iter().any(|line| line.starts_with("error debug-package-content: ")), "{bad:?}: {found:?}");
    }
    let found = debug_findings("Provides: bash, sudo\n", &[symbols], "hello-dbgsym");
    assert_eq!(found, ["error debug-package-content: is a debug package and provides bash, sudo"]);
    let found = debug_findings("", &[symbols], "sudo-dbgsym");
    assert_eq!(
        found,
        ["error unexpected-package: package sudo-dbgsym has the debug symbols of no package that was built"]
    );
}

#[test]
fn debug_packages_run_nothing() {
    let temp = tempfile::tempdir().unwrap();
    for script in ["postinst", "prerm", "triggers", "config"] {
        let control = "Package: hello-dbgsym\nVersion: 1.0-1\nArchitecture: amd64\n";
        let control = super::super::fixtures::tarball(&[
            file("./control", control.as_bytes()),
            file(&format!("./{script}"), b"x"),
        ]);
        let data = super::super::fixtures::tarball(&[file("./usr/lib/debug/x", b"x")]);
        let path = temp.path().join("hello-dbgsym_1.0-1_amd64.deb");
        let bytes = super::super::fixtures::ar(&[
            ("debian-binary", b"2.0\n".to_vec()),
            ("control.tar", control),
            ("data.tar", data),
        ]);
        fs::write(&path, bytes).unwrap();
        let own = deb(temp.path(), ("hello", "1.0-1", "amd64"), "", &[HELLO]);
        let found = lines(&inspect(&[own, path], &expectation(Format::Deb, &[("hello", "1.0-1")])).unwrap().findings);
        assert_eq!(
            found,
            [format!(
                "error debug-package-content: is a debug package and has maintainer scripts or the like: {script}"
            )]
        );
    }
}

#[test]
fn debug_packages_of_rpm_hold_debug_symbols_only() {
    let found = |name: &str, fill: &dyn Fn(&mut PackageBuilder)| {
        let temp = tempfile::tempdir().unwrap();
        let mut own = rpm_builder("hello", "x86_64");
        own.with_file_contents("x", FileOptions::new("/usr/share/hello/x")).unwrap();
        let mut symbols = rpm_builder(name, "x86_64");
        fill(&mut symbols);
        let files = [write_rpm(temp.path(), &mut own), write_rpm(temp.path(), &mut symbols)];
        lines(&inspect(&files, &expectation(Format::Rpm, &[("hello", "1.0-1.el9")])).unwrap().findings)
    };
    let with = |path: &'static str| {
        move |builder: &mut PackageBuilder| {
            builder.with_file_contents("x", FileOptions::new(path)).unwrap();
        }
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(found("hello-debuginfo", &with("/usr/lib/debug/x.debug")), none);
    assert_eq!(found("hello-debugsource", &with("/usr/src/debug/hello/x.c")), none);
    // As elfdeps writes of a library's symbols.
    let symbols = |builder: &mut PackageBuilder| {
        with("/usr/lib/debug/x.debug")(builder);
        builder.provides(Dependency::any("libx.so.1.2-1.2-1.x86_64.debug()(64bit)"));
    };
    assert_eq!(found("hello-debuginfo", &symbols), none);
    for (name, path) in [
        ("hello-debuginfo", "/usr/bin/evil"),
        ("hello-debuginfo", "/usr/lib/.build-id/ab/cd"),
        ("hello-debugsource", "/usr/lib/debug/x.debug"),
        ("hello-debugsource", "/etc/evil"),
    ] {
        let found = found(name, &with(path));
        assert!(found.iter().any(|line| line.starts_with("error debug-package-content: has ")), "{found:?}");
    }
    let fills: [fn(&mut PackageBuilder); 5] = [
        |builder| {
            builder.post_install_script("x");
        },
        |builder| {
            builder.pre_uninstall_script("x");
        },
        |builder| {
            builder.verify_script("x");
        },
        |builder| {
            builder.provides(Dependency::any("sudo"));
        },
        |builder| {
            builder.file_trigger_in("/usr", None, "x");
        },
    ];
    for fill in fills {
        let found = found("hello-debuginfo", &|builder| {
            with("/usr/lib/debug/x")(builder);
            fill(builder);
        });
        assert!(found.iter().any(|line| line.starts_with("error debug-package-content: ")), "{found:?}");
    }
    assert!(found("other-debuginfo", &with("/usr/lib/debug/x"))[0].starts_with("error unexpected-package: "));
}
