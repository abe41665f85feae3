//! What two versions of packages say about the upgrade from one to the other.

use std::fs;
use std::path::PathBuf;

use super::super::fixtures::{RpmFile, RpmMaker};
use super::super::upgrade::upgrade;
use super::*;

/// A .deb of one version in a folder of its own.
struct Debs(tempfile::TempDir);

impl Debs {
    fn new() -> Debs {
        Debs(tempfile::tempdir().unwrap())
    }

    fn deb(&self, name: &str, version: &str, fields: &str, members: &[Member<'_>]) -> PathBuf {
        let folder = self.0.path().join(version.replace(':', "-"));
        fs::create_dir_all(&folder).unwrap();
        deb(&folder, (name, version, "amd64"), fields, members)
    }
}

fn told(before: &[PathBuf], after: &[PathBuf]) -> Vec<String> {
    lines(&upgrade(before, after, &[]).unwrap())
}

#[test]
fn an_epoch_never_goes_back() {
    let debs = Debs::new();
    let deb = |version: &str| debs.deb("hello", version, "", &[file("./usr/share/hello/x", b"x")]);
    let (old, new) = (deb("1:1.0-1"), deb("2.0-1"));
    let all = told(std::slice::from_ref(&old), std::slice::from_ref(&new));
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].starts_with("error epoch-goes-back: 2.0-1 is earlier than 1:1.0-1"), "{all:?}");
    assert!(all[0].ends_with("write epoch = 1 in [package]"), "{all:?}");
    assert!(told(&[new], &[old]).is_empty());
}

#[test]
fn a_file_that_moves_is_replaced() {
    let debs = Debs::new();
    let moving = [file("./usr/share/hello/x", b"x"), file("./usr/share/hello/y", b"y")];
    let old = vec![debs.deb("hello", "1.0-1", "", &moving)];
    let hello = debs.deb("hello", "1.1-1", "", &moving[..1]);
    let with = |fields: &str| told(&old, &[hello.clone(), debs.deb("hello-y", "1.1-1", fields, &moving[1..])]);
    for good in [
        "Breaks: hello (<< 1.1)\nReplaces: hello (<< 1.1)\n",
        "Breaks: hello (<< 1.1-1~)\nReplaces: hello\n",
        "Conflicts: hello (<= 1.0-1)\nReplaces: other, hello (<< 1.1-1)\n",
    ] {
        assert_eq!(with(good), Vec::<String>::new(), "{good}");
    }
    for bad in [
        "",
        "Replaces: hello (<< 1.1)\n",
        "Breaks: hello (<< 1.1)\n",
        "Breaks: hello (<< 1.0-1)\nReplaces: hello (<< 1.0-1)\n",
        "Depends: hello (= 1.1-1)\n",
    ] {
        let all = with(bad);
        assert_eq!(all.len(), 1, "{bad}: {all:?}");
        let expected = "error file-moved: /usr/share/hello/y came from hello 1.0-1, and hello-y has no Breaks and Replaces for it: \
                        dpkg refuses to overwrite the file of the earlier version: write replaces = [\"hello (<< 1.1)\"] for \
                        hello-y";
        assert_eq!(all[0], expected, "{bad}");
    }
    // The package is no more, and a new release of the same version.
    let all = told(&old, &[debs.deb("hello-y", "1.1-1", "", &moving)]);
    assert_eq!(all, Vec::<String>::new(), "nothing of the same name: no upgrade");
    let other = debs.deb("base", "1.0-1", "", &[file("./usr/share/base/x", b"x")]);
    let next = debs.deb("base", "1.0-2", "", &[file("./usr/share/base/x", b"x")]);
    let old = vec![old[0].clone(), other];
    let all = told(&old, &[next.clone(), debs.deb("hello2", "1.0-2", "", &moving)]);
    assert!(
        all[0].contains("no Conflicts and Replaces") && all[0].ends_with("replaces = [\"hello\"] for hello2"),
        "{all:?}"
    );
    let moved = debs.deb("hello", "1.0-2", "", &moving[..1]);
    let all = told(&old, &[next, moved, debs.deb("hello-y", "1.0-2", "", &moving[1..])]);
    assert!(all[0].contains("replaces = [\"hello (<< 1.0-2)\"]"), "{all:?}");
}

#[test]
fn a_library_keeps_its_soname_as_long_as_the_package_its_name() {
    let debs = Debs::new();
    let library = |soname| ElfMaker { machine: 62, needed: &[], soname: Some(soname), runpath: None }.bytes();
    let (one, two) = (library("libpond.so.1"), library("libpond.so.2"));
    let at = |folder: &str| format!("./usr/lib/{folder}libpond.so");
    let public = at("x86_64-linux-gnu/");
    let private = at("pond/");
    let old = vec![debs.deb("pond", "1.0-1", "", &[file(&public, &one)])];
    let all = told(&old, &[debs.deb("pond", "1.1-1", "", &[file(&public, &two)])]);
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].starts_with("error soname-changed: libpond.so.1 of 1.0-1 is libpond.so.2 now"), "{all:?}");
    assert!(all[0].contains("[packages.libpond2]"), "{all:?}");
    let all = told(&old, &[debs.deb("pond", "1.1-2", "", &[file("./usr/share/pond/x", b"x")])]);
    assert!(all[0].starts_with("error soname-changed: libpond.so.1 of 1.0-1 is gone"), "{all:?}");
    // Handed on to a package that is required, and nobody else's.
    let after = [
        debs.deb("pond", "1.1-3", "Depends: libpond1\n", &[file("./usr/share/pond/x", b"x")]),
        debs.deb("libpond1", "1.1-3", "Breaks: pond (<< 1.1)\nReplaces: pond (<< 1.1)\n", &[file(&public, &one)]),
    ];
    assert_eq!(told(&old, &after), Vec::<String>::new());
    let old = [debs.deb("own", "1.0-1", "", &[file(&private, &one)])];
    assert_eq!(told(&old, &[debs.deb("own", "1.1-1", "", &[file(&private, &two)])]), Vec::<String>::new());
}

#[test]
fn the_same_rpm_is_no_upgrade() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("hello-1.0-1.noarch.rpm");
    let files = vec![RpmFile::new("/usr/share/hello/a", 0o100_644, b"a")];
    fs::write(&path, RpmMaker { files, ..RpmMaker::default() }.bytes(|_| {})).unwrap();
    assert_eq!(told(std::slice::from_ref(&path), std::slice::from_ref(&path)), Vec::<String>::new());
}
