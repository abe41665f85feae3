//! Manifests against packages made by hand: each rule, and the differences that the formats ask for.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tar::EntryType as T;

use super::*;
use crate::artifact::fixtures::{Member, deb, file};
use crate::artifact::{Expectation, Expected, inspect};
use crate::types::Arch;

const DEBHELPER: Maker = Maker::Debhelper { python: false, helpers: false };

fn staged(path: &str, mode: u32, kind: StagedKind) -> Staged {
    Staged { path: path.as_bytes().to_vec(), kind, mode, owner: None, links: None }
}

fn content(text: &[u8]) -> StagedKind {
    StagedKind::File { size: text.len() as u64, sha256: Sha256::digest(text).into() }
}

fn link(target: &str) -> StagedKind {
    StagedKind::Symlink(target.as_bytes().to_vec())
}

/// All of it for the package `hello`.
fn manifest(maker: Maker, staged: Vec<Staged>) -> Manifest {
    let all = |staged: &[Staged]| staged.iter().map(|one| ("hello".to_owned(), one.path.clone())).collect();
    let is_config = |one: &&Staged| one.path.starts_with(b"/etc/") && matches!(one.kind, StagedKind::File { .. });
    let config: Vec<Staged> = staged.iter().filter(is_config).cloned().collect();
    let assignment = Assignment { within: all(&staged), config: all(&config), ..Assignment::default() };
    Manifest::new(Format::Deb, maker, staged, assignment)
}

/// Findings of the comparison about a .deb `hello` with these members.
fn compared(manifest: Manifest, members: &[Member<'_>]) -> Vec<String> {
    let temp = tempfile::tempdir().unwrap();
    let path = deb(temp.path(), ("hello", "1.0-1", "amd64"), "Depends: libc6\n", members);
    let expectation = Expectation {
        format: Format::Deb,
        arch: Arch::Amd64,
        packages: vec![Expected {
            name: "hello".to_owned(),
            version: "1.0-1".to_owned(),
            arch_independent: false,
            is_empty: false,
        }],
        closed: true,
        source: false,
        upstream_version: None,
        manifest: Some(Arc::new(manifest)),
        waivers: Vec::new(),
    };
    let ours =
        ["-as-installed", "missing-from", "not-installed", "in-other", "hard-links", "owner-not", "not-stripped"];
    let findings = inspect(&[path], &expectation).unwrap().findings;
    let findings = findings.iter().filter(|finding| ours.iter().any(|rule| finding.rule.contains(rule)));
    findings.map(|finding| format!("{}: {}", finding.rule, finding.message)).collect()
}

const DATA: Member<'static> = ("./usr/share/hello/x", T::Regular, 0o644, 0, b"text");

#[test]
fn each_difference_is_told_with_both_sides() {
    let x = |mode, kind| vec![staged("/usr/share/hello/x", mode, kind)];
    let at = |path: &str, mode, kind| vec![staged(path, mode, kind)];
    let none: &[Member<'_>] = &[];
    for (installed, members, expected) in [
        (x(0o644, content(b"text")), &[DATA][..], ""),
        (
            x(0o4755, content(b"text")),
            &[DATA],
            "mode-not-as-installed: /usr/share/hello/x: installed 4755 root:root, package has 0644 root:root",
        ),
        (x(0o600, content(b"text")), &[DATA], "mode-not-as-installed: /usr/share/hello/x: installed 0600"),
        (x(0o755, content(b"text")), &[DATA], "mode-not-as-installed: /usr/share/hello/x: installed 0755"),
        (
            at("/usr/bin/a", 0o644, content(b"a")),
            &[("./usr/bin/a", T::Regular, 0o644, 0, b"a")],
            "mode-not-as-installed: /usr/bin/a: installed 0644",
        ),
        (at("/usr/bin/a", 0o644, content(b"a")), &[("./usr/bin/a", T::Regular, 0o755, 0, b"a")], ""),
        (x(0o666, content(b"text")), &[DATA], ""),
        (x(0o444, content(b"text")), &[DATA], ""),
        (x(0o644, content(b"other")), &[DATA], "content-not-as-installed: /usr/share/hello/x: installed with 5 bytes"),
        (
            x(0o644, StagedKind::Folder),
            &[DATA],
            "type-not-as-installed: /usr/share/hello/x: installed as a folder, package has a file",
        ),
        (x(0o777, link("y")), &[DATA], "type-not-as-installed: /usr/share/hello/x: installed as a link"),
        (vec![], &[DATA], "not-installed: /usr/share/hello/x is in the package, and was not installed"),
        (
            x(0o644, content(b"text")),
            none,
            "missing-from-package: /usr/share/hello/x, a file, was installed for package hello",
        ),
        (
            at("/usr/share/hello/empty", 0o755, StagedKind::Folder),
            none,
            "missing-from-package: /usr/share/hello/empty, a folder",
        ),
        (
            at("/usr/bin/a", 0o777, link("b")),
            &[("./usr/bin/a", T::Symlink, 0o777, 0, b"c")],
            "link-not-as-installed: /usr/bin/a: installed as a link to b, package has one to c",
        ),
        (
            at("/usr/bin/a", 0o777, link("/usr/lib/a")),
            &[("./usr/bin/a", T::Symlink, 0o777, 0, b"../lib/a")],
            "link-not-as-installed: /usr/bin/a: installed as a link to /usr/lib/a, package has one to ../lib/a",
        ),
        (
            at("/etc/a", 0o644, content(b"a")),
            &[file("./etc/a", b"a")],
            "config-not-as-installed: /etc/a: a configuration file by the recipe, no configuration file in the package",
        ),
        (
            at("/usr/share/hello/x", 0o644, content(b"text")),
            &[("./usr/share/hello/x", T::Regular, 0o644, 5, b"text")],
            "owner-not-as-installed: /usr/share/hello/x: installed for root, package has 5:root",
        ),
    ] {
        let found = compared(manifest(Maker::Farm, installed.clone()), members);
        match expected {
            "" => assert_eq!(found, Vec::<String>::new(), "{installed:?}"),
            expected => assert!(found.len() == 1 && found[0].starts_with(expected), "{expected}\n{found:?}"),
        }
    }
}

/// Whatever was installed, and whatever the format does with other files.
#[test]
fn what_the_recipe_says_of_a_file_is_what_the_package_has() {
    for (mode, owner, expected) in [
        (0o644, None, ""),
        (0o640, None, "mode-not-as-installed: /usr/share/hello/x: 0640 by the recipe, package has 0644"),
        (
            0o644,
            Some("root:adm"),
            "owner-not-as-installed: /usr/share/hello/x: installed for root:adm, package has root:root",
        ),
    ] {
        let x = staged("/usr/share/hello/x", 0o600, content(b"text"));
        let assignment = Assignment {
            within: vec![("hello".to_owned(), x.path.clone())],
            modes: vec![(x.path.clone(), mode)],
            owners: owner.iter().map(|owner| (x.path.clone(), (*owner).to_owned())).collect(),
            ..Assignment::default()
        };
        let found = compared(Manifest::new(Format::Deb, DEBHELPER, vec![x], assignment), &[DATA]);
        assert_eq!(found.concat(), expected);
    }
}

#[test]
fn a_file_is_in_the_package_that_the_patterns_say() {
    let one = vec![staged("/usr/share/hello/x", 0o644, content(b"text"))];
    let assignment =
        Assignment { within: vec![("hello-doc".to_owned(), b"/usr/share/hello/x".to_vec())], ..Assignment::default() };
    let found = compared(Manifest::new(Format::Deb, DEBHELPER, one, assignment), &[DATA]);
    assert_eq!(
        found,
        ["in-other-package: /usr/share/hello/x belongs to hello-doc by the recipe's patterns, and is in hello"]
    );
    let known = manifest(Maker::Farm, vec![staged("/usr/share/hello/x", 0o644, content(b"text"))]);
    let mut found = Vec::new();
    let seen = [("a".to_owned(), vec![0]), ("b".to_owned(), vec![0])];
    missing(&known, &seen, &mut |_, rule, message| found.push(format!("{rule}: {message}")));
    assert_eq!(found, ["in-other-package: /usr/share/hello/x is in more than one package"]);
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// What debhelper does by its own rules is no difference; farm itself does less of it.
#[test]
fn what_a_format_does_by_itself_is_no_difference() {
    let (page, document) = (gzipped(b".TH A 1\n"), gzipped(b"much text"));
    let installed = vec![
        staged("/usr/share/man/man1/a.1", 0o644, content(b".TH A 1\n")),
        staged("/usr/share/man/man1/b.1", 0o777, link("a.1")),
        staged("/usr/share/doc/hello/README", 0o644, content(b"much text")),
        staged("/lib/systemd/system/a.service", 0o644, content(b"[Unit]\n")),
        staged("/usr/lib/systemd/user/b.service", 0o644, content(b"[Unit]\n")),
        staged("/usr/share/info/dir", 0o644, content(b"index")),
        staged("/usr/lib/libx.a", 0o644, content(b"!<arch>\nwith symbols")),
    ];
    let members: Vec<Member<'_>> = vec![
        file("./usr/share/man/man1/a.1.gz", &page),
        ("./usr/share/man/man1/b.1.gz", T::Symlink, 0o777, 0, b"a.1.gz"),
        file("./usr/share/doc/hello/README.gz", &document),
        file("./usr/share/doc/hello/copyright", b"free"),
        file("./usr/share/doc/hello/changelog.Debian.gz", b"x"),
        file("./usr/lib/systemd/system/a.service", b"[Unit]\n"),
        ("./lib", T::Directory, 0o755, 0, b""),
        ("./lib/systemd", T::Directory, 0o755, 0, b""),
        file("./lib/systemd/user/b.service", b"[Unit]\n"),
        file("./usr/lib/libx.a", b"!<arch>\n"),
    ];
    assert_eq!(compared(manifest(DEBHELPER, installed.clone()), &members), Vec::<String>::new());
    let found = compared(manifest(Maker::Farm, installed), &members);
    assert!(found.len() == 1 && found[0].starts_with("content-not-as-installed: /usr/lib/libx.a"), "{found:?}");
    // A page of another content.
    let other = vec![staged("/usr/share/doc/hello/README", 0o644, content(b"less text"))];
    let found = compared(manifest(DEBHELPER, other), &[file("./usr/share/doc/hello/README.txt.gz", &document)]);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn the_changelog_that_debhelper_moves_is_still_what_was_installed() {
    let text = gzipped(b"1.0: much");
    let staged_as = |name: &str| staged(&format!("/usr/share/doc/hello/{name}"), 0o644, content(b"1.0: much"));
    let moved = [file("./usr/share/doc/hello/changelog.gz", &text)];
    for name in ["CHANGELOG.md", "ChangeLog", "History.txt", "changes"] {
        assert_eq!(compared(manifest(DEBHELPER, vec![staged_as(name)]), &moved), Vec::<String>::new(), "{name}");
    }
    // One is moved, by its ending first, and others stay.
    let both = vec![staged_as("CHANGES.md"), staged_as("History")];
    let found = compared(manifest(DEBHELPER, both), &moved);
    assert!(found.len() == 1 && found[0].contains("/usr/share/doc/hello/CHANGES.md"), "{found:?}");
    for (maker, name) in [(Maker::Farm, "CHANGELOG.md"), (DEBHELPER, "NEWS.md")] {
        let found = compared(manifest(maker, vec![staged_as(name)]), &moved);
        assert!(found.iter().any(|one| one.starts_with("missing-from-package")), "{found:?}");
    }
}

#[test]
fn names_of_one_file_stay_names_of_one_file_or_it_is_told() {
    let both = |links| {
        let one = |path: &str| Staged { links, ..staged(path, 0o644, content(b"text")) };
        manifest(DEBHELPER, vec![one("/usr/share/hello/x"), one("/usr/share/hello/y")])
    };
    let linked = ("./usr/share/hello/y", T::Link, 0o644, 0, &b"./usr/share/hello/x"[..]);
    assert_eq!(compared(both(Some(7)), &[DATA, linked]), Vec::<String>::new());
    assert_eq!(
        compared(both(Some(7)), &[DATA, file("./usr/share/hello/y", b"text")]),
        [
            "hard-links-split: /usr/share/hello/x and /usr/share/hello/y were installed as one file (hard links), package has two"
        ]
    );
    let mut given = staged("/usr/share/hello/x", 0o644, content(b"text"));
    given.owner = Some((33, 33));
    let found = compared(manifest(DEBHELPER, vec![given]), &[DATA]);
    assert!(
        found.len() == 1 && found[0].starts_with("owner-not-kept: /usr/share/hello/x: installed for 33:33"),
        "{found:?}"
    );
}

fn parts(folder: &Path, parts: &[(&str, &[u8])]) -> ManifestFiles {
    let mut files: Vec<_> = parts
        .iter()
        .map(|(name, bytes)| {
            let path = folder.join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        })
        .collect();
    let found = ManifestFiles::take(&mut files, "farm-manifest");
    assert!(files.iter().all(|path| path.ends_with("hello.deb")), "{files:?}");
    found
}

#[test]
fn a_manifest_is_read_or_is_damaged() {
    let temp = tempfile::tempdir().unwrap();
    let tree = b"d\x00755\x002000\x002000\x0010\x001:2\x002\x00\x00/\x00f\x004755\x002000\x002000\x004\x001:3\x001\x00\x00/usr/a b\x00\
                 l\x00777\x000\x002000\x003\x001:4\x001\x00x y\x00/usr/l\x00";
    let sum = format!("{}\n", hex::encode(Sha256::digest(b"text")));
    let lines = b"in hello /usr/a b\nin hello /usr/l\nconfig hello /usr/a b\nown hello /usr/lib/tmpfiles.d/x.conf\n";
    let good: Vec<(&str, &[u8])> = vec![
        ("farm-manifest.tree", tree),
        ("farm-manifest.sums", sum.as_bytes()),
        ("farm-manifest.packages", lines),
        ("farm-manifest.whole", b"12 /usr/a b\n"),
        ("hello.deb", b"x"),
    ];
    let read = parts(temp.path(), &good).read(Format::Deb, DEBHELPER).unwrap();
    assert_eq!(read.staged.len(), 2);
    assert_eq!(read.staged[0].staged, staged("/usr/a b", 0o4755, content(b"text")));
    assert_eq!((read.staged[0].is_config, read.staged[0].whole), (true, Some(Some(12))));
    assert_eq!(read.staged[1].staged.owner, Some((0, 2000)));
    assert!(!temp.path().join("farm-manifest.tree").exists(), "it is no artifact");
    // Each part shortened anywhere, and each missing.
    for part in 0..4 {
        for end in 0..good[part].1.len() {
            let mut bad = good.clone();
            bad[part].1 = &good[part].1[..end];
            if let Err(ManifestError::Io { .. }) = parts(temp.path(), &bad).read(Format::Deb, DEBHELPER) {
                panic!("{part} {end}");
            }
        }
        let mut bad = good.clone();
        bad.remove(part);
        let error = parts(temp.path(), &bad).read(Format::Deb, DEBHELPER).unwrap_err();
        assert!(matches!(error, ManifestError::Damaged(_)), "{error:?}");
        bad.iter().for_each(|(name, _)| std::fs::remove_file(temp.path().join(name)).unwrap());
    }
    for (part, bytes) in
        [(0, &b"f\x00xyz\x00"[..]), (0, b"f\x00644"), (1, b"00\n"), (2, b"in\n"), (2, b"no hello /x\n"), (3, b"x /y\n")]
    {
        let mut bad = good.clone();
        bad[part].1 = bytes;
        let error = parts(temp.path(), &bad).read(Format::Deb, DEBHELPER).unwrap_err();
        assert!(matches!(error, ManifestError::Damaged(_)), "{error:?}");
    }
}
