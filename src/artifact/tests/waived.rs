//! Findings that a recipe accepts.

use super::super::fixtures::{RpmFile, RpmMaker};
use super::*;
use crate::types::waivable;

fn waiver(rule: &str, paths: &[&str]) -> Waiver {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    Waiver { rule: rule.to_owned(), paths, reason: "its vendor wants it so".to_owned() }
}

fn deb_with(waivers: Vec<Waiver>, members: &[Member<'_>]) -> Vec<Finding> {
    let temp = tempfile::tempdir().unwrap();
    let path = deb(temp.path(), ("hello", "1.0-1", "amd64"), "Depends: libc6\n", members);
    let plan = Expectation { waivers, ..expectation(Format::Deb, &[("hello", "1.0-1")]) };
    inspect(&[path], &plan).unwrap().findings
}

#[test]
fn a_waiver_is_about_a_rule_and_paths() {
    let members = [
        ("./nix/store/a", T::Regular, 0o644, 0, &b"a"[..]),
        ("./nix/store/b/c", T::Regular, 0o644, 0, b"c"),
        ("./srv2/d", T::Regular, 0o644, 0, b"d"),
        ("./usr/bin/su2", T::Regular, 0o4755, 0, b"#!/bin/sh\n"),
    ];
    let findings = deb_with(vec![waiver("file-outside-standard", &["/nix"])], &members);
    assert_eq!(
        lines(&findings),
        [
            "error file-outside-standard: has /srv2/d, where no package puts files",
            "warning setuid-file: /usr/bin/su2 is setuid or setgid (mode 4755)",
            "waived file-outside-standard: has /nix/store/a, where no package puts files",
            "waived file-outside-standard: has /nix/store/b/c, where no package puts files",
        ]
    );
    assert_eq!(findings[3].waived.as_deref(), Some("its vendor wants it so"));
    let all = deb_with(vec![waiver("file-outside-standard", &[]), waiver("setuid-file", &["/usr/bin/*"])], &members);
    assert!(all.iter().all(|finding| finding.severity == Severity::Waived), "{all:#?}");
}

/// What was waived for something that is gone hides nothing new for ever.
#[test]
fn what_a_waiver_was_for_has_to_be_there() {
    let members = [("./usr/bin/su2", T::Regular, 0o4755, 0, &b"#!/bin/sh\n"[..])];
    let findings =
        deb_with(vec![waiver("setuid-file", &["/usr/bin/su2", "/opt/**"]), waiver("elf-in-noarch", &[])], &members);
    assert_eq!(
        lines(&findings),
        [
            "warning waiver-unused: the recipe waives `setuid-file` for /opt/**, and nothing there breaks that rule: take \
             the path out of [waivers.setuid-file]",
            "warning waiver-unused: the recipe waives `elf-in-noarch`, and nothing breaks that rule: take \
             [waivers.elf-in-noarch] out",
            "waived setuid-file: /usr/bin/su2 is setuid or setgid (mode 4755)",
        ]
    );
}

/// Twenty findings of a rule are shown and the rest is counted; those that are accepted are no part of the twenty.
#[test]
fn what_is_waived_hides_nothing() {
    let names: Vec<String> = (0..50).map(|n| format!("./nix/{n:02}")).chain(["./srv2/d".to_owned()]).collect();
    let members: Vec<Member<'_>> = names.iter().map(|name| (name.as_str(), T::Regular, 0o644, 0, &b"a"[..])).collect();
    let findings = deb_with(vec![waiver("file-outside-standard", &["/nix/**"])], &members);
    assert_eq!(findings[0].severity, Severity::Error, "{findings:#?}");
    assert_eq!(findings.iter().filter(|finding| finding.severity == Severity::Error).count(), 1);
    assert_eq!(findings.last().unwrap().message, "and 30 more of this kind");
}

#[test]
fn rpms_are_waived_alike() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("hello-1.0-1.noarch.rpm");
    let files = vec![RpmFile::new("/nix/a", 0o100_644, b"a")];
    fs::write(&path, RpmMaker { files, ..RpmMaker::default() }.bytes(|_| {})).unwrap();
    let mut plan = expectation(Format::Rpm, &[("hello", "1.0-1")]);
    plan.packages[0].arch_independent = true;
    plan.waivers = vec![waiver("file-outside-standard", &["/nix/*"])];
    let findings = inspect(&[path], &plan).unwrap().findings;
    assert_eq!(rules(&findings), ["file-outside-standard"], "{findings:#?}");
    assert_eq!(findings[0].severity, Severity::Waived);
}

/// The rules that recipes may name are rules of the checks, and the documentation has them all.
#[test]
fn rules_that_can_be_waived_are_there() {
    let sources = [
        include_str!("../check.rs"),
        include_str!("../interpreters.rs"),
        include_str!("../layout.rs"),
        include_str!("../libraries.rs"),
        include_str!("../manifest/compare.rs"),
        include_str!("../upgrade.rs"),
        include_str!("../../runner/alike.rs"),
    ];
    let docs = include_str!("../../../docs/recipe.md");
    for rule in waivable() {
        let name = format!("\"{rule}\"");
        assert!(sources.iter().any(|source| source.contains(&name)), "{rule}");
        assert!(docs.contains(&format!("| `{rule}` |")), "{rule} is not in docs/recipe.md");
    }
}
