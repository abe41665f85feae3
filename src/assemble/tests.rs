use std::collections::BTreeMap;

use tar::EntryType;

use super::*;
use crate::artifact;
use crate::family::{AssembledPackage, Payload};
use crate::recipe::PackageArch;

/// A tar with entries under exactly these names, which tar's own writer would refuse.
fn tar_of(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(if *kind == EntryType::Directory || content.starts_with("#!") { 0o755 } else { 0o664 });
        let is_file = *kind == EntryType::Regular;
        header.set_size(if is_file { content.len() as u64 } else { 0 });
        header.set_uid(2000);
        header.set_gid(2000);
        header.set_mtime(1_800_000_000);
        if !is_file && !content.is_empty() {
            header.set_link_name_literal(content).unwrap();
        }
        header.set_cksum();
        builder.append(&header, if is_file { content.as_bytes() } else { b"" }).unwrap();
    }
    builder.into_inner().unwrap()
}

fn receive(entries: &[(&str, EntryType, &str)]) -> (tempfile::TempDir, Result<Tree, AssembleError>) {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::receive(tar_of(entries).as_slice(), folder.path(), "root", "licences");
    (folder, tree)
}

#[track_caller]
fn refusals(result: Result<impl std::fmt::Debug, AssembleError>) -> Vec<String> {
    match result {
        Err(AssembleError::Refused(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_of_a_tree_reaches_this_host_under_its_own_name() {
    let (folder, tree) = receive(&[
        ("staged/", EntryType::Directory, ""),
        ("staged/root/", EntryType::Directory, ""),
        ("staged/root/usr/bin/greet", EntryType::Regular, "#!/bin/sh\n"),
        ("staged/root/usr/bin/hail", EntryType::Link, "staged/root/usr/bin/greet"),
        ("staged/licences/COPYING", EntryType::Regular, "free"),
    ]);
    let tree = tree.unwrap();
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["000000", "000001"]);
    let paths: Vec<&str> = tree.nodes.keys().map(String::as_str).collect();
    assert_eq!(paths, ["/usr", "/usr/bin", "/usr/bin/greet", "/usr/bin/hail"], "with folders that nobody named");
}

#[test]
fn hostile_entries_are_refused_by_name() {
    for (entry, reason) in [
        (("staged/root/../../etc/passwd", EntryType::Regular, "x"), "no package may have"),
        (("staged/root/a\u{1b}[2J", EntryType::Regular, "x"), "no package may have"),
        (("staged/root/a\nb", EntryType::Regular, "x"), "no package may have"),
        (("staged/elsewhere/x", EntryType::Regular, "x"), "outside of what was installed"),
        (("staged/root/dev", EntryType::Char, ""), "device, pipe or socket"),
        (("staged/root/fifo", EntryType::Fifo, ""), "device, pipe or socket"),
        (("staged/root/link", EntryType::Symlink, "a\u{7}"), "no file can be called"),
        (("staged/root/hard", EntryType::Link, "/etc/shadow"), "hard link"),
        (("staged/root/hard", EntryType::Link, "staged/root/missing"), "no installed file"),
    ] {
        let problems = refusals(receive(&[entry]).1);
        assert_eq!(problems.len(), 1, "{entry:?}");
        assert!(problems[0].contains(reason) && !problems[0].contains(['\u{1b}', '\n']), "{problems:?}");
    }
    let through_a_link = [
        ("staged/root/usr/lib", EntryType::Symlink, "/etc"),
        ("staged/root/usr/lib/passwd", EntryType::Regular, "root::0:0"),
    ];
    assert!(refusals(receive(&through_a_link).1)[0].contains("lies below /usr/lib, which is no folder"));
    let twice = [("staged/root/a", EntryType::Regular, "1"), ("staged/root/a", EntryType::Regular, "2")];
    assert_eq!(refusals(receive(&twice).1), ["/a is there twice"]);
    assert!(matches!(receive(&[]).1, Ok(tree) if tree.nodes.is_empty()));
}

fn package(name: &str, patterns: &[&str]) -> AssembledPackage {
    AssembledPackage {
        name: name.to_owned(),
        summary: "Greets".to_owned(),
        description: " It greets.\n".to_owned(),
        section: "misc".to_owned(),
        group: "Applications/System".to_owned(),
        architecture: PackageArch::All,
        patterns: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
        config_files: Vec::new(),
        relations: BTreeMap::new(),
        scripts: BTreeMap::new(),
    }
}

fn assembly(format: Format, packages: Vec<AssembledPackage>) -> Assembly {
    Assembly {
        format,
        packages,
        version: "1:1.2-1".to_owned(),
        epoch: 1,
        upstream_version: "1.2".to_owned(),
        release: "1".to_owned(),
        source: "greet".to_owned(),
        license: "MIT".to_owned(),
        homepage: None,
        maintainer: "Ada Lovelace <ada@example.org>".to_owned(),
        changelog: "greet (1:1.2-1) unstable\n".to_owned(),
        copyright: (format == Format::Deb).then(|| ("Format: x\n".to_owned(), false)),
        source_date_epoch: 1_700_000_000,
        payload: Payload::Zstd,
    }
}

const TREE: &[(&str, EntryType, &str)] = &[
    ("staged/root/etc/greet.conf", EntryType::Regular, "a = 1\n"),
    ("staged/root/usr/bin/greet", EntryType::Regular, "#!/usr/bin/python3 -s\n"),
    ("staged/root/usr/bin/hail", EntryType::Link, "staged/root/usr/bin/greet"),
    ("staged/root/usr/share/man/man1/greet.1", EntryType::Regular, ".TH GREET 1\n"),
    ("staged/root/usr/share/man/man1/hail.1", EntryType::Symlink, "greet.1"),
    ("staged/root/usr/share/greet/empty", EntryType::Directory, ""),
    ("staged/licences/COPYING", EntryType::Regular, "free\n\n"),
];

/// The packages of [`TREE`], which `artifact` reads, as it reads any others.
fn made(format: Format, packages: Vec<AssembledPackage>) -> Result<(tempfile::TempDir, Vec<PathBuf>), AssembleError> {
    let (_spool, tree) = receive(TREE);
    let assembly = assembly(format, packages);
    let staged = Staged::new(tree?, &assembly, "/usr/lib")?;
    let folder = tempfile::tempdir().unwrap();
    let files = staged.write(&assembly, Arch::Amd64, &Libraries::new(), folder.path())?;
    let packages = assembly.packages.iter().map(|package| artifact::Expected {
        name: package.name.clone(),
        version: assembly.version.clone(),
        arch_independent: true,
    });
    let expectation = artifact::Expectation {
        format,
        arch: Arch::Amd64,
        packages: packages.collect(),
        closed: true,
        upstream_version: None,
    };
    let (_, findings) = artifact::inspect(&files, &expectation).unwrap();
    assert_eq!(findings, []);
    Ok((folder, files))
}

#[test]
fn the_checks_of_all_packages_accept_what_is_made_and_the_bytes_are_the_same_again() {
    for format in Format::ALL {
        let make = || {
            let mut packages = vec![package("greet", &[]), package("greet-man", &["/usr/share/man/**/*.1"])];
            packages[0].config_files = vec!["/etc/greet.conf".to_owned()];
            let (_folder, files) = made(format, packages).unwrap();
            files.iter().map(|file| std::fs::read(file).unwrap()).collect::<Vec<_>>()
        };
        assert!(make() == make(), "{format}");
    }
}

#[test]
fn a_deb_says_what_its_files_need() {
    let (_folder, files) = made(Format::Deb, vec![package("greet", &[])]).unwrap();
    let control = |name: &str| artifact::deb::control_file(&files[0], name).unwrap().unwrap_or_default();
    assert!(files[0].ends_with("greet_1.2-1_all.deb"));
    assert!(control("control").contains("\nDepends: python3:any\n"), "{}", control("control"));
    assert_eq!(control("conffiles"), "/etc/greet.conf\n");
    let sums: Vec<String> = control("md5sums").lines().map(|line| line[34..].to_owned()).collect();
    assert_eq!(
        sums,
        [
            "usr/bin/greet",
            "usr/bin/hail",
            "usr/share/doc/greet/changelog.Debian.gz",
            "usr/share/doc/greet/copyright",
            "usr/share/man/man1/greet.1.gz"
        ]
    );
}

#[test]
fn what_does_not_fit_the_recipe_is_refused_with_names() {
    let both = vec![package("greet", &[]), package("one", &["/usr/bin/*"]), package("two", &["/usr/bin/greet"])];
    assert_eq!(
        refusals(made(Format::Deb, both)),
        ["/usr/bin/greet belongs to two packages, one and two: change their patterns"]
    );
    let nothing = vec![package("greet", &[]), package("dev", &["/usr/include/**"])];
    assert_eq!(
        refusals(made(Format::Rpm, nothing)),
        ["nothing that was installed matches /usr/include/** of package dev"]
    );
    let mut config = package("greet", &[]);
    config.config_files = vec!["/etc/other.conf".to_owned()];
    assert_eq!(
        refusals(made(Format::Deb, vec![config])),
        ["configuration file /etc/other.conf of package greet was not installed"]
    );
}

#[test]
fn a_tree_that_breaks_off_is_not_the_packages_fault() {
    let whole = tar_of(TREE);
    let folder = tempfile::tempdir().unwrap();
    let result = Tree::receive(&whole[..700], folder.path(), "root", "licences");
    assert!(matches!(&result, Err(error @ AssembleError::Stream(_)) if error.is_transient()), "{result:?}");
}
