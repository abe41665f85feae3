//! What is noted of packages for people to read.

use super::*;

fn listing(path: &Path, expected: &Expectation) -> PackageListing {
    let mut inspection = inspect(std::slice::from_ref(&path.to_owned()), expected).unwrap();
    assert_eq!(inspection.listings.len(), 1);
    inspection.listings.remove(0)
}

fn texts(listing: &PackageListing, kind: RelationKind, is_generated: bool) -> Vec<&str> {
    let all = listing.relations.get(&kind).into_iter().flatten();
    all.filter(|one| one.is_generated == is_generated).map(|one| one.text.as_str()).collect()
}

#[test]
fn a_deb_is_listed_with_its_relations_and_its_files() {
    let members = [
        ("./", T::Directory, 0o755, 0, &b""[..]),
        ("./usr/bin/hello", T::Regular, 0o4755, 0, b"#!/bin/sh\n"),
        ("./usr/bin/hi", T::Symlink, 0o777, 0, b"hello"),
        ("./usr/bin/hej", T::Link, 0o4755, 0, b"./usr/bin/hello"),
        ("./var/games/", T::Directory, 0o755, 5, b""),
    ];
    let fields = "Depends: libc6 (>= 2.34), foo | bar:any, libhello (= 1.0-1)\nPre-Depends: dpkg\nProvides: greeter\n";
    let temp = tempfile::tempdir().unwrap();
    let path = deb(temp.path(), ("hello", "1.0-1", "amd64"), fields, &members);
    let listing = listing(&path, &expectation(Format::Deb, &[("hello", "1.0-1")]));
    assert_eq!((listing.file_name.as_str(), listing.name.as_str()), ("hello_1.0-1_amd64.deb", "hello"));
    assert_eq!(
        texts(&listing, RelationKind::Requires, false),
        ["foo | bar:any", "libc6 (>= 2.34)", "libhello (= 1.0-1)"],
        "its own version is written out"
    );
    assert_eq!(texts(&listing, RelationKind::PreRequires, false), ["dpkg"]);
    assert_eq!(texts(&listing, RelationKind::Provides, false), ["greeter"]);
    let files: Vec<String> = listing
        .files
        .iter()
        .map(|file| format!("{}{:o} {} {} {}>{}", file.kind, file.mode, file.owner, file.size, file.path, file.link))
        .collect();
    assert_eq!(
        files,
        [
            "d755 root:root 0 />",
            "-4755 root:root 10 /usr/bin/hello>",
            "l777 root:root 0 /usr/bin/hi>hello",
            "h4755 root:root 10 /usr/bin/hej>/usr/bin/hello",
            "d755 5:root 0 /var/games>",
        ]
    );
    assert_eq!((listing.installed_bytes, listing.files_left_out), (10, 0), "a hard link takes no room");
}

#[test]
fn an_rpm_is_listed_with_what_people_wrote_apart_from_what_tools_found() {
    let temp = tempfile::tempdir().unwrap();
    let mut builder = rpm_builder("hello", "x86_64");
    builder
        .requires(Dependency::greater_eq("bash", "5"))
        .requires(Dependency::any("libc.so.6()(64bit)"))
        .obsoletes(Dependency::less("hi", "2"))
        .with_file_contents("x", FileOptions::new("/etc/hello.conf").config().permissions(0o640))
        .unwrap();
    let path = write_rpm(temp.path(), &mut builder);
    let listing = listing(&path, &expectation(Format::Rpm, &[("hello", "1.0-1.el9")]));
    assert_eq!(texts(&listing, RelationKind::Requires, false), ["bash >= 5"]);
    assert!(texts(&listing, RelationKind::Requires, true).contains(&"libc.so.6()(64bit)"));
    assert_eq!(texts(&listing, RelationKind::Replaces, false), ["hi < 2"]);
    assert!(texts(&listing, RelationKind::Provides, true).contains(&"hello = 1.0-1.el9"));
    let file = listing.files.iter().find(|file| file.path == "/etc/hello.conf").unwrap();
    assert_eq!((file.kind, file.mode, file.note.as_str()), ('-', 0o640, "configuration file"));
}

#[test]
fn of_very_many_files_the_first_are_listed_and_all_are_counted() {
    let names: Vec<String> = (0..5003).map(|number| format!("./usr/share/hello/{number}")).collect();
    let members: Vec<Member<'_>> = names.iter().map(|name| file(name, b"xy")).collect();
    let temp = tempfile::tempdir().unwrap();
    let path = deb(temp.path(), ("hello", "1.0-1", "amd64"), "", &members);
    let all = listing(&path, &expectation(Format::Deb, &[("hello", "1.0-1")]));
    assert_eq!((all.files.len(), all.files_left_out, all.installed_bytes), (5000, 3, 10_006));

    PackageListing::write(vec![all.clone()], temp.path()).unwrap();
    assert_eq!(PackageListing::read(temp.path()), [all]);
    std::fs::write(temp.path().join(LISTING_FILE), "{\"schema\": 2, \"packages\": []").unwrap();
    assert_eq!(PackageListing::read(temp.path()), []);
    assert_eq!(PackageListing::read(&temp.path().join("none")), []);
}
