//! A .deb and an .rpm of one recipe: what is planted is found, what the formats do by nature is not.

use super::*;
use crate::artifact::describe::{Related, RelationKind};
use crate::compare::formats::NATURAL;

/// What is told of two packages, each made of its own description.
fn told(deb: &Maker, rpm: &Maker) -> Vec<String> {
    let temp = tempfile::tempdir().unwrap();
    let (deb, rpm) = (described(&[deb.deb(temp.path())]).unwrap(), described(&[rpm.rpm(temp.path())]).unwrap());
    between_formats(&deb, &rpm, &[]).into_iter().map(|one| one.text).collect()
}

#[test]
fn the_same_package_means_the_same() {
    assert_eq!(told(&greet(), &greet()), Vec::<String>::new());
}

#[test]
fn five_planted_differences_are_found_and_say_what_to_write() {
    let attributes = "say it in [package.attributes], for both formats, and not in a script";
    let mode = greet().with(|it| it.replace("/etc/greet.conf", Some(Config { path: "/etc/greet.conf", mode: 0o644 })));
    let config = greet().with(|it| {
        let plain = Plain { path: "/etc/greet.conf", mode: 0o640, content: "x\n" };
        it.replace("/etc/greet.conf", Some(plain));
    });
    let dependency = greet().with(|it| it.requires.retain(|name| *name != "tar"));
    let folder = greet().with(|it| it.replace("/var/lib/greet", None));
    let capable = greet().with(|it| {
        let plain = Plain { path: "/usr/bin/greetd", mode: 0o755, content: "y\n" };
        it.replace("/usr/bin/greetd", Some(plain));
    });
    let both = [
        (&mode, format!("/etc/greet.conf has mode DEB in the .deb and RPM in the .rpm: {attributes}")),
        (
            &config,
            "/etc/greet.conf is a configuration file in ONE alone: name it in config-files, for both formats".to_owned(),
        ),
        (
            &dependency,
            "only ONE requires tar: name it for both formats, in [override.deb] and [override.rpm] where names differ"
                .to_owned(),
        ),
        (
            &folder,
            "/var/lib/greet (folder, 0750 root:root) is in ONE alone: install it in [build] for both formats, and name it in \
             files"
            .to_owned(),
        ),
        (&capable, format!("/usr/bin/greetd has cap_net_raw=ep in ONE alone: {attributes}")),
    ];
    for (other, sentence) in both {
        let expected = |one: &str, deb: &str, rpm: &str| {
            vec![sentence.replace("ONE", one).replace("DEB", deb).replace("RPM", rpm)]
        };
        assert_eq!(told(&greet(), other), expected("the .deb", "0640", "0644"));
        assert_eq!(told(other, &greet()), expected("the .rpm", "0644", "0640"));
    }
}

#[test]
fn what_the_formats_do_by_nature_is_no_difference() {
    let document = |path| Plain { path, mode: 0o644, content: "x" };
    let deb = greet().with(|it| {
        it.entries.extend([
            Folder { path: "/usr/share/doc/greet", mode: 0o755 },
            document("/usr/share/doc/greet/copyright"),
            document("/usr/share/doc/greet/changelog.Debian.gz"),
            document("/usr/share/doc/greet/NEWS.gz"),
            Folder { path: "/usr/share/greet", mode: 0o755 },
            document("/usr/share/greet/words"),
            document("/usr/share/man/man1/greet.1.gz"),
            Link { path: "/usr/share/man/man1/hail.1.gz", target: "greet.1.gz" },
            document("/lib/systemd/system/greet.service"),
            document("/usr/lib/x86_64-linux-gnu/libgreet.so.1"),
            document("/usr/lib/python3/dist-packages/greet.py"),
        ]);
        it.requires.extend(["init-system-helpers", "libgreet-dev"]);
        it.script = Some("systemctl daemon-reload\n");
    });
    let rpm = greet().with(|it| {
        it.entries.extend([
            document("/usr/share/doc/greet/NEWS"),
            document("/usr/share/licenses/greet/COPYING"),
            Plain { path: "/usr/share/greet/words", mode: 0o444, content: "x" },
            document("/usr/share/man/man1/greet.1.xz"),
            Link { path: "/usr/share/man/man1/hail.1.xz", target: "/usr/share/man/man1/greet.1.xz" },
            document("/usr/lib/systemd/system/greet.service"),
            document("/usr/lib/systemd/system-preset/50-greet.preset"),
            Plain { path: "/usr/lib64/libgreet.so.1", mode: 0o755, content: "x" },
            document("/usr/lib/python3.13/site-packages/greet.py"),
            document("/usr/lib/python3.13/site-packages/__pycache__/greet.cpython-313.pyc"),
            Link { path: "/usr/lib/.build-id/ab/cdef", target: "../../../../bin/greet" },
        ]);
        it.requires.extend(["/bin/sh", "libgreet-devel"]);
    });
    assert_eq!(told(&deb, &rpm), Vec::<String>::new());
}

#[test]
fn requirements_under_other_names_are_told_by_their_number() {
    let renamed = greet().with(|it| it.requires = vec!["bash", "gtar"]);
    assert_eq!(told(&greet(), &renamed), Vec::<String>::new());
    let more = greet().with(|it| it.requires = vec!["bash", "gtar", "cpio"]);
    assert_eq!(told(&greet(), &more).len(), 3);
}

#[test]
fn diff_of_two_formats_shows_what_does_not_mean_the_same_and_what_to_write() {
    let temp = tempfile::tempdir().unwrap();
    let other = greet().with(|it| it.requires = vec!["bash"]);
    let targets = of_paths(&greet().deb(temp.path()), &other.rpm(temp.path())).unwrap();
    let expected = [
        "~ greet 1.0-1 (deb) -> 1.0-1 (rpm)",
        "    relations",
        "        - requires tar",
        "        help: name it for both formats, in [override.deb] and [override.rpm] where names differ",
    ];
    assert_eq!(lines(&targets[0].packages[0], 9, ""), expected);
}

#[test]
fn the_page_has_each_natural_difference_with_its_reason() {
    let page = include_str!("../../../docs/diff.md");
    for natural in NATURAL {
        let row = format!("| {} | {} |\n", natural.what, natural.reason);
        assert!(page.contains(&row), "{row}");
    }
}

#[test]
fn files_that_are_taken_over_from_some_versions_are_a_conflict_with_these() {
    let temp = tempfile::tempdir().unwrap();
    let mut deb = describe(&greet().deb(temp.path())).unwrap();
    let mut rpm = describe(&greet().rpm(temp.path())).unwrap();
    let related =
        |name: &str, text: &str| Related { name: name.to_owned(), text: text.to_owned(), is_generated: false };
    // `replaces = ["hail (<< 2)", "wave"]`, as farm writes it in each format.
    let breaks = [related("hail", "hail (<< 2)")];
    let replaces = [related("hail", "hail (<< 2)"), related("wave", "wave")];
    deb.relations.insert(RelationKind::Breaks, breaks.into());
    deb.relations.insert(RelationKind::Replaces, replaces.into());
    deb.relations.insert(RelationKind::Conflicts, [related("wave", "wave")].into());
    rpm.relations.insert(RelationKind::Conflicts, [related("hail", "hail < 2")].into());
    rpm.relations.insert(RelationKind::Replaces, [related("wave", "wave")].into());
    assert_eq!(crate::compare::formats::alike(&[deb.clone()], &[rpm.clone()], &[]), [("greet".to_owned(), Vec::new())]);
    rpm.relations.remove(&RelationKind::Conflicts);
    let found = crate::compare::formats::alike(&[deb], &[rpm], &[]);
    assert_eq!((found.len(), found[0].1.len()), (1, 1), "{found:?}");
}
