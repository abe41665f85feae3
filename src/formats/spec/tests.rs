use std::process::Command;

use super::*;
use crate::types::testing::have;

/// A world in which everything is known, as on the Debian base.
fn closed(defined: &[(&str, &str)]) -> Macros {
    let defined = defined.iter().map(|(name, body)| ((*name).to_owned(), (*body).to_owned())).collect();
    Macros { defined, absent: Absent::AllBut(vec!["optflags".to_owned(), "configure".to_owned()]) }
}

fn spec(lines: &str) -> String {
    format!("Name: a\nSummary: a\nLicense: MIT\n{lines}\n%description\nVersion: 9\n%files\n")
}

/// What is read, held against what rpm reads.
#[track_caller]
fn requires(lines: &str, defined: &[(&str, &str)], expected: &[&str]) {
    let lines = format!("Version: 1\nRelease: 1\n{lines}");
    let found = Spec::read(&spec(&lines), &closed(defined));
    let certain: Vec<&str> = found.requires.iter().filter(|one| one.is_certain).map(|one| one.text.as_str()).collect();
    assert_eq!(certain, expected, "{lines}");
    if have(&["rpmspec"]) {
        let file = tempfile::Builder::new().suffix(".spec").tempfile().unwrap();
        std::fs::write(file.path(), spec(&lines)).unwrap();
        let mut command = Command::new("rpmspec");
        command.args(["-q", "--buildrequires"]);
        for (name, body) in defined {
            command.arg("--define").arg(format!("{name} {body}"));
        }
        let output = command.arg(file.path()).output().unwrap();
        let mut asked: Vec<&str> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
        let mut expected = expected.to_vec();
        asked.sort_unstable();
        expected.sort_unstable();
        assert_eq!(asked, expected, "{lines}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn what_is_required_to_build_is_read_as_rpm_reads_it() {
    requires(
        "BuildRequires: gcc, make cmake >= 3.10\nBuildRequires:\tpkgconfig(zlib) >= 1.2,perl(A::B)",
        &[],
        &["gcc", "make", "cmake >= 3.10", "pkgconfig(zlib) >= 1.2", "perl(A::B)"],
    );
    requires("%if 0%{?fedora} >= 30 || 0%{?rhel} > 7\nBuildRequires: a\n%else\nBuildRequires: b\n%endif", &[], &["b"]);
    requires(
        "%if 0%{?fedora} >= 30\nBuildRequires: a\n%elif 1\nBuildRequires: c\n%else\nBuildRequires: b\n%endif",
        &[("fedora", "29")],
        &["c"],
    );
    requires(
        "%bcond_with x\n%bcond_without y\n%if %{with x}\nBuildRequires: a\n%endif\n%if %{with y}\nBuildRequires: b\n%endif\n%{?with_x:BuildRequires: c}\n%{!?with_x:BuildRequires: d}",
        &[],
        &["b", "d"],
    );
    requires(
        "%bcond_with x\n%bcond_without y\n%if %{with x} && ! %{with y}\nBuildRequires: a\n%endif",
        &[("_with_x", "1"), ("_without_y", "1")],
        &["a"],
    );
    requires(
        "%global v %{?tests:3}%{!?tests:2}\n%undefine v2\nBuildRequires: a%{v}\n%{?tests:\nBuildRequires: b\n}",
        &[("tests", "1")],
        &["a3", "b"],
    );
    requires(
        "%if \"%{?x}\" == \"y\" && (1 + 2) * 3 == 9 && v\"1.10\" > v\"1.9\"\nBuildRequires: a\n%endif\n#BuildRequires: c\nBuildRequires: (b or d)",
        &[("x", "y")],
        &["a", "(b or d)"],
    );
    requires(
        "%if %{undefined optflagz} && 0%{!?nothing:1}\nBuildRequires: a\n%endif\n%if 0\n%if 1\nBuildRequires: b\n%else\nBuildRequires: c\n%endif\n%endif",
        &[],
        &["a"],
    );
    requires("Requires: z\n%package x\nSummary: x\nBuildRequires: a\n%description x\nBuildRequires: b", &[], &["a"]);
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let read = |lines: &str, macros: &Macros| Spec::read(&spec(lines), macros).requires;
    let open = Macros::default();
    for lines in [
        "%if 0%{?fedora}\nBuildRequires: a\n%endif",
        "%ifarch x86_64\nBuildRequires: a\n%endif",
        "%if 0%(date +%%s)\n%else\nBuildRequires: a\n%endif",
        "BuildRequires: a%{?suffix}",
        "BuildRequires: a%{lua:print(1)}",
        "%{?suffix:BuildRequires: a}",
    ] {
        let found = read(lines, &open);
        assert!(found.len() == 1 && !found[0].is_certain, "{lines}: {found:?}");
    }
    assert_eq!(read("%if\nBuildRequires: a\n%endif", &open).len(), 1);
    assert_eq!(read("%if 1\nBuildRequires: a", &open).len(), 1);
    assert_eq!(read("%{?x:\nBuildRequires: a", &open).len(), 1, "nothing closes it");
    let found = Spec::read("%generate_buildrequires\n%pyproject_buildrequires -x a,b\n", &open);
    assert_eq!(found.pyproject, Some((2, vec!["-x".to_owned(), "a,b".to_owned()])));
}

mod any {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_read(
            text in "((%if|%else|%elif|%endif|%global|%define|%bcond|%\\{|\\}|%\\(|\\[|Version:|BuildRequires:|[a-z0-9 \"!?:<>=()\\\\-])[ \n]?){0,60}",
        ) {
            Spec::read(&text, &closed(&[]));
            Spec::read(&text, &Macros::default());
        }
    }
}
