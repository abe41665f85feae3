//! The rules against dpkg and rpm themselves.

use std::process::Command;

use proptest::prelude::*;

use super::super::{SELF_VERSION, write};
use super::*;
use crate::types::testing::have;

fn refused(relation: &str, field: Field, format: Format) -> String {
    check(relation, field, format, true).expect_err(relation)
}

#[test]
fn what_a_field_cannot_say_is_told_with_the_way_round() {
    use Field::{Conflicts, Needs, Provides, Replaces};
    for format in Format::ALL {
        for field in [Provides, Conflicts, Replaces] {
            assert!(refused("foo | bar", field, format).contains("a string of its own"));
            assert!(refused("foo (<< 2) | bar (<< 2)", field, format).contains("a string of its own"));
            assert!(refused("(foo or bar)", field, format).contains("a string of its own"));
        }
        assert_eq!(check("foo (>= 1) | bar", Needs, format, true), Ok(()));
        assert!(refused("foo (>= 1.0,2)", Needs, format).contains("`,` is not allowed"));
        assert!(refused("foo (>= -1)", Needs, format).contains("is no version"));
    }
    assert!(refused("foo (>= abc)", Needs, Format::Deb).contains("must begin with a digit"));
    assert!(refused("foo (>= 1.0_2)", Needs, Format::Deb).contains("`_` is not allowed"));
    assert_eq!(check("foo (>= abc)", Needs, Format::Rpm, true), Ok(()));
    assert!(refused("foo >= 1-2-3", Needs, Format::Rpm).contains("one hyphen"));
    assert!(refused("foo (= x:1)", Needs, Format::Deb).contains("must be a number"));
    assert!(refused("foo (>= 1)", Provides, Format::Deb).contains("foo (= VERSION)"));
    assert!(refused("python3:any", Conflicts, Format::Deb).contains("write `python3`"));
    assert!(refused("foo:amd64", Provides, Format::Deb).contains("write `foo`"));
    assert!(refused("foo:native", Needs, Format::Deb).contains("write `foo`"));
    assert!(refused("libfoo:arm64", Needs, Format::Rpm).contains("[override.deb]"));
    assert!(refused("foo [amd64]", Needs, Format::Deb).contains("the same everywhere"));
    assert_eq!(check("foo [amd64]", Needs, Format::Deb, false), Ok(()));
    assert!(refused("foo <!nocheck>", Needs, Format::Deb).contains("[build] requires"));
    assert!(refused("(foo if bar)", Needs, Format::Deb).contains("[override.rpm]"));
    assert!(refused("(foo if bar)", Replaces, Format::Rpm).contains("no boolean dependencies"));
    assert!(refused("(foo and bar or baz)", Needs, Format::Rpm).contains("parentheses of its own"));
    assert!(refused("(foo if bar", Needs, Format::Rpm).contains("no RPM package can provide"));
    assert!(refused("pkgconfig(foo)", Replaces, Format::Rpm).contains("name of a package"));
    assert!(refused("(foo and (bar if baz)", Needs, Format::Rpm).contains("missing"));
    assert_eq!(check("(foo >= 1 with foo < 2)", Needs, Format::Rpm, true), Ok(()));
    assert_eq!(check("(foo if (bar or baz) else qux)", Needs, Format::Rpm, true), Ok(()));
}

#[test]
fn relations_of_an_architecture_stay_for_that_one() {
    use super::super::for_arch;
    use crate::types::Arch;
    let left = |written| for_arch(written, Arch::Amd64);
    assert_eq!(left("foo (>= 1) [amd64 arm64]"), Some("foo (>= 1)".to_owned()));
    assert_eq!(left("foo [!amd64]"), None);
    assert_eq!(left("foo [arm64] | bar (<< 2)"), Some("bar (<< 2)".to_owned()));
    assert_eq!(left("foo | bar:any"), Some("foo | bar:any".to_owned()));
}

/// Relations of all kinds, many of them wrong somewhere.
fn relation() -> impl Strategy<Value = String> {
    let pick = |list: &'static [&'static str]| proptest::sample::select(list);
    let name = pick(&[
        "foo",
        "libfoo1",
        "a",
        "a+b",
        "foo:any",
        "foo:arm64",
        "foo:native",
        "Foo",
        "foo_bar",
        "pkgconfig(zlib)",
        "perl(A::B)",
        "/usr/bin/x",
        "foo(bar)",
        "-x",
        "x.",
        "0ad",
        "fo\u{f6}",
    ]);
    let version = pick(&[
        "",
        "",
        "",
        " (>= 1.2)",
        " (<< 1:2.0~rc1+b1-3)",
        " = 1",
        " (= abc)",
        " (>= 1_2)",
        " (>= 1-2-3)",
        " (= 1:)",
        " (= 1-)",
        " (= x:1)",
        " (>= 1^2)",
        " (> 2)",
        " (<< 99999999999:1)",
        " (= ${self-version})",
        " (>= )",
        " (1)",
        " [amd64]",
        " <!nocheck>",
        " >= 1.2.3-4~x",
        " (= 1.2:3)",
    ]);
    let term = (name, version).prop_map(|(name, version)| format!("{name}{version}"));
    let join = pick(&[" | ", " or ", " and ", " if ", " unless ", " with ", " without ", ", "]);
    (proptest::collection::vec((term, join), 1..4), any::<bool>()).prop_map(|(terms, in_parentheses)| {
        let mut text = String::new();
        for (at, (term, join)) in terms.iter().enumerate() {
            if at > 0 {
                text.push_str(join);
            }
            text.push_str(term);
        }
        if in_parentheses { format!("({text})") } else { text }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// What passes is read by dpkg without a word, in each field.
    #[test]
    fn dpkg_reads_what_passes(relations in proptest::collection::vec(relation(), 40)) {
        if have(&["dpkg-deb"]) {
            let fields = [
                (Field::Needs, "Depends"),
                (Field::Needs, "Recommends"),
                (Field::Provides, "Provides"),
                (Field::Conflicts, "Conflicts"),
                (Field::Replaces, "Breaks"),
                (Field::Replaces, "Replaces"),
            ];
            let mut control = "Package: foo\nVersion: 1\nArchitecture: all\nMaintainer: A <a@b.c>\nDescription: x\n".to_owned();
            for (field, name) in fields {
                let passed = relations.iter().filter(|one| check(one, field, Format::Deb, true).is_ok());
                // Capabilities have been replaced by packages when a .deb is written.
                let written: Vec<String> = passed.filter_map(|one| write(one, Format::Deb, "1.0-1").ok()).collect();
                if !written.is_empty() {
                    control.push_str(&format!("{name}: {}\n", written.join(", ")));
                }
            }
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(folder.path().join("p/DEBIAN")).unwrap();
            std::fs::write(folder.path().join("p/DEBIAN/control"), &control).unwrap();
            let output = Command::new("dpkg-deb").args(["--build", "p", "x.deb"]).current_dir(folder.path()).output().unwrap();
            prop_assert!(
                output.status.success() && output.stderr.is_empty(),
                "{}\n{}", String::from_utf8_lossy(&output.stderr), control
            );
        }
    }

    /// And by rpm.
    #[test]
    fn rpm_reads_what_passes(relations in proptest::collection::vec(relation(), 40)) {
        if have(&["rpmspec"]) {
            let fields = [
                (Field::Needs, "Requires"),
                (Field::Needs, "Suggests"),
                (Field::Provides, "Provides"),
                (Field::Conflicts, "Conflicts"),
                (Field::Replaces, "Obsoletes"),
            ];
            let mut spec = "Name: foo\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n".to_owned();
            for (field, name) in fields {
                for one in relations.iter().filter(|one| check(one, field, Format::Rpm, true).is_ok()) {
                    let written = write(one, Format::Rpm, "%{version}-%{release}");
                    prop_assert!(written.is_ok(), "{} passes and is not written: {:?}", one, written);
                    spec.push_str(&format!("{name}: {}\n", written.unwrap()));
                }
            }
            spec.push_str("\n%description\nx\n");
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.spec");
            std::fs::write(&path, &spec).unwrap();
            let output = Command::new("rpmspec").args(["-q", "--qf", "%{NAME}"]).arg(&path).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            // Which versions a package obsoletes is a matter of taste.
            let silent = said.lines().all(|line| line.contains("It's not recommended to"));
            prop_assert!(output.status.success() && silent, "{}\n{}", said, spec);
        }
    }

    #[test]
    fn nothing_panics(relation in "[ -~]{0,40}", for_all in any::<bool>()) {
        for format in Format::ALL {
            for field in [Field::Needs, Field::Provides, Field::Conflicts, Field::Replaces] {
                let _ = check(&relation.replace("SELF", SELF_VERSION), field, format, for_all);
            }
        }
    }
}
