mod assigned;
mod owned;
mod property;

use std::collections::BTreeMap;

use tar::EntryType;

use super::*;
use crate::artifact;
use crate::distro::Payload;
use crate::packaging::AssembledPackage;
use crate::recipe::{
    Alternative, AlternativeLink, MaintainerScripts, MultiArch, PackageArch, PrivateLibraries, Service, System,
};
use crate::types::testing::have;

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
        multi_arch: Some(MultiArch::Foreign),
        patterns: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
        config_files: Vec::new(),
        relations: BTreeMap::new(),
        system: System::default(),
        own_files: Vec::new(),
        scriptlets: BTreeMap::new(),
        maintainer_scripts: MaintainerScripts::default(),
        script_environment: String::new(),
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
        vendor: Some("Ponds & Sons".to_owned()),
        changelog: "greet (1:1.2-1) unstable\n".to_owned(),
        copyright: (format == Format::Deb).then(|| ("Format: x\n".to_owned(), false)),
        source_date_epoch: 1_700_000_000,
        payload: Payload::Zstd,
        rpm_makes_users: false,
        runs_ldconfig: true,
        changelog_version: "1.0-1".to_owned(),
        unit_folder: "usr/lib/systemd/system".to_owned(),
        whole: Vec::new(),
        private_libraries: PrivateLibraries::Unsearched,
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
        is_empty: false,
    });
    let expectation = artifact::Expectation {
        format,
        arch: Arch::Amd64,
        packages: packages.collect(),
        closed: true,
        source: false,
        upstream_version: None,
        manifest: Some(std::sync::Arc::new(staged.into_manifest())),
        waivers: Vec::new(),
    };
    let found = artifact::inspect(&files, &expectation).unwrap();
    assert_eq!(found.findings, []);
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

/// rpm's own rules for what it reads are held by the tests with containers; here, by another reader of the format.
#[test]
fn an_rpm_holds_what_its_header_says() {
    for payload in [Payload::Gzip, Payload::Zstd] {
        let (_spool, tree) = receive(TREE);
        let mut assembly = assembly(Format::Rpm, vec![package("greet", &[])]);
        assembly.payload = payload;
        let staged = Staged::new(tree.unwrap(), &assembly, "/usr/lib").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let files = staged.write(&assembly, Arch::Amd64, &Libraries::new(), folder.path()).unwrap();
        let read = ::rpm::Package::open(&files[0]).unwrap();
        read.verify_digests().unwrap();
        let entries = read.metadata.get_file_entries().unwrap();
        let shown: Vec<String> = entries
            .iter()
            .map(|entry| {
                let digest = entry.digest().map_or("-".to_owned(), |digest| digest.to_string()[..6].to_owned());
                let link = entry.linkto().filter(|link| !link.is_empty()).unwrap_or("-");
                format!("{} {} {digest} {link}", entry.path().display(), entry.size())
            })
            .collect();
        insta::assert_snapshot!("files_of_an_rpm", shown.join("\n"));
        // With hard links once, and the pages as they are compressed.
        let size = read.metadata.get_installed_size().unwrap();
        assert_eq!(
            size,
            6 + 22 + 10 + entries.iter().find(|e| e.path().ends_with("greet.1.gz")).unwrap().size() as u64
        );
        let contents: Vec<(String, Vec<u8>)> = read
            .files()
            .unwrap()
            .map(|file| file.unwrap())
            .filter(|file| file.metadata.path().starts_with("/usr/bin"))
            .map(|file| (file.metadata.path().display().to_string(), file.content().unwrap_or_default().to_vec()))
            .collect();
        // The last of two hard links has the content.
        let script = b"#!/usr/bin/python3 -s\n".to_vec();
        assert_eq!(contents, [("/usr/bin/greet".to_owned(), Vec::new()), ("/usr/bin/hail".to_owned(), script)]);
    }
}

/// The whole way of an .rpm's scriptlets, in rpm's own words.
#[test]
fn rpm_finds_each_scriptlet_where_it_belongs() {
    if !have(&["rpm"]) {
        return;
    }
    let mut greet = package("greet", &[]);
    let sections = ["pre", "post", "preun", "postun", "posttrans"];
    greet.scriptlets = sections.map(|section| (section.to_owned(), format!("echo {section}\n"))).into();
    let (_folder, files) = made(Format::Rpm, vec![greet]).unwrap();
    let format = "%{PREIN}%{POSTIN}%{PREUN}%{POSTUN}%{POSTTRANS}%{POSTTRANSPROG}\n";
    let output = std::process::Command::new("rpm").args(["-qp", "--qf", format]).arg(&files[0]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "echo pre\necho post\necho preun\necho postun\necho posttrans\n/bin/sh\n"
    );
}

/// Docker keeps the owners of files in what it sends, Podman makes them root's: neither is asked.
#[test]
fn owners_do_not_come_with_the_tree() {
    for format in Format::ALL {
        let made = |owner| {
            let mut archive = tar::Builder::new(Vec::new());
            for entry in tar::Archive::new(tar_of(TREE).as_slice()).entries().unwrap() {
                let entry = entry.unwrap();
                let mut header = entry.header().clone();
                header.set_uid(owner);
                header.set_gid(owner);
                header.set_cksum();
                archive.append(&header, entry).unwrap();
            }
            let spool = tempfile::tempdir().unwrap();
            let tar = archive.into_inner().unwrap();
            let tree = Tree::receive(tar.as_slice(), spool.path(), "root", "licences").unwrap();
            let assembly = assembly(format, vec![package("greet", &[])]);
            let folder = tempfile::tempdir().unwrap();
            let staged = Staged::new(tree, &assembly, "/usr/lib").unwrap();
            let files = staged.write(&assembly, Arch::Amd64, &Libraries::new(), folder.path()).unwrap();
            std::fs::read(&files[0]).unwrap()
        };
        assert!(made(0) == made(2000), "{format}");
    }
}

/// A package with a unit, an alternative and a file of farm's own.
fn service() -> AssembledPackage {
    let mut package = package("greet", &[]);
    let link = |link: &str, path: &str| AlternativeLink { link: link.to_owned(), path: path.to_owned() };
    package.system = System {
        services: BTreeMap::from([("greet.service".to_owned(), Service { enable: None, start: None, restart: true })]),
        alternatives: BTreeMap::from([(
            "hello".to_owned(),
            Alternative {
                link: link("/usr/bin/hello", "/usr/bin/greet"),
                priority: 10,
                dependents: BTreeMap::from([(
                    "hello.1.gz".to_owned(),
                    link("/usr/share/man/man1/hello.1.gz", "/usr/share/man/man1/greet.1.gz"),
                )]),
            },
        )]),
        ..System::default()
    };
    package.own_files = vec![("/usr/lib/tmpfiles.d/greet.conf".to_owned(), "d /run/greet\n".to_owned())];
    package
}

#[test]
fn units_are_found_in_either_place_and_go_where_the_release_has_them() {
    let unit = "[Unit]\nDescription=x\n[Install]\nWantedBy=multi-user.target\n";
    let mut entries = TREE.to_vec();
    entries.push(("staged/root/lib/systemd/system/greet.service", EntryType::Regular, unit));
    entries.push(("staged/root/usr/lib/systemd/system/other.timer", EntryType::Regular, unit));
    for folder in ["usr/lib/systemd/system", "lib/systemd/system"] {
        let (_spool, tree) = receive(&entries);
        let mut assembly = assembly(Format::Deb, vec![service()]);
        assembly.unit_folder = folder.to_owned();
        let staged = Staged::new(tree.unwrap(), &assembly, "/usr/lib").unwrap();
        assert_eq!(staged.undeclared_units(&assembly), [format!("/{folder}/other.timer")]);
        let into = tempfile::tempdir().unwrap();
        let files = staged.write(&assembly, Arch::Amd64, &Libraries::new(), into.path()).unwrap();
        let control = |name: &str| artifact::deb::control_file(&files[0], name).unwrap().unwrap_or_default();
        let sums = control("md5sums");
        for path in
            [&format!("{folder}/greet.service"), &format!("{folder}/other.timer"), "usr/lib/tmpfiles.d/greet.conf"]
        {
            assert!(sums.contains(&format!("  {path}\n")), "{path} is missing in:\n{sums}");
        }
        let script = control("postinst");
        for line in
            ["--create greet.conf", "--install /usr/bin/hello hello /usr/bin/greet 10", "enable 'greet.service'"]
        {
            assert!(script.contains(line), "{line} is missing in:\n{script}");
        }
        assert!(!script.contains("other.timer"), "{script}");
    }
}

#[test]
fn what_is_declared_must_be_there_and_nothing_may_be_in_its_place() {
    let mut entries = TREE.to_vec();
    entries.push(("staged/root/usr/bin/hello", EntryType::Regular, "x"));
    entries.push(("staged/root/usr/lib/tmpfiles.d/greet.conf", EntryType::Regular, "d /run/x\n"));
    for format in Format::ALL {
        let (_spool, tree) = receive(&entries);
        let assembly = assembly(format, vec![service(), package("other", &["/usr/bin/greet"])]);
        assert_eq!(
            refusals(Staged::new(tree.unwrap(), &assembly, "/usr/lib")),
            [
                "/usr/bin/hello was installed, and is the link of an alternative: install the file under another name",
                "/usr/lib/tmpfiles.d/greet.conf was installed, and is where farm writes what the recipe declares: leave out \
                 one of the two",
                "/usr/lib/systemd/system/greet.service of package greet was not installed",
                "/usr/bin/greet of package greet is in package other: change their patterns",
            ]
        );
    }
}

#[test]
fn a_folder_of_two_packages_has_one_mode() {
    let root = ("staged/root/", EntryType::Directory, "");
    let mut tar = tar_of(&[root, ("staged/root/usr/share/doc/greet/", EntryType::Directory, "")]);
    let header = tar::Header::from_byte_slice(&tar[512..1024]);
    let mut header = header.clone();
    header.set_mode(0o2775);
    header.set_cksum();
    tar[512..1024].copy_from_slice(header.as_bytes());
    let spool = tempfile::tempdir().unwrap();
    let tree = Tree::receive(tar.as_slice(), spool.path(), "root", "licences").unwrap();
    let packages = vec![package("greet", &[]), package("greet-doc", &["/usr/share/doc/**"])];
    let staged = Staged::new(tree, &assembly(Format::Deb, packages), "/usr/lib").unwrap();
    let modes: Vec<u32> = staged.layout.iter().map(|contents| contents["/usr/share/doc/greet"].mode).collect();
    assert_eq!(modes, [0o2775, 0o2775]);
}

#[test]
fn folders_of_farms_own_files_are_folders() {
    for (path, kind, content, expected) in [
        ("usr/share/doc/greet", EntryType::Symlink, "a", [Some("link"), None]),
        ("usr/share/doc/greet", EntryType::Regular, "a", [Some("file"), None]),
        ("usr/share/licenses/greet", EntryType::Symlink, "a", [None, Some("link")]),
        ("usr/share/licenses", EntryType::Symlink, "doc", [None, Some("link")]),
        ("usr/lib/tmpfiles.d", EntryType::Symlink, "../../etc/tmpfiles.d", [Some("link"), Some("link")]),
    ] {
        for (format, expected) in Format::ALL.into_iter().zip(expected) {
            let name = format!("staged/root/{path}");
            let (_spool, tree) = receive(&[("staged/root/", EntryType::Directory, ""), (&name, kind, content)]);
            let mut package = package("greet", &[]);
            package.own_files = service().own_files;
            let staged = Staged::new(tree.unwrap(), &assembly(format, vec![package]), "/usr/lib");
            match expected {
                Some(what) => assert_eq!(
                    refusals(staged),
                    [format!("/{path} is a {what}, where package greet has a folder: install it elsewhere")]
                ),
                None => assert!(staged.is_ok(), "{staged:?}"),
            }
        }
    }
}

#[test]
fn a_tree_that_breaks_off_is_not_the_packages_fault() {
    let whole = tar_of(TREE);
    let folder = tempfile::tempdir().unwrap();
    let result = Tree::receive(&whole[..700], folder.path(), "root", "licences");
    assert!(matches!(&result, Err(error @ AssembleError::Stream(_)) if error.is_transient()), "{result:?}");
}
