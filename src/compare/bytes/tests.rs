//! Pairs of packages that two builds left, with all that a build takes over of its environment.

use super::cause::of;
use super::*;
use crate::artifact::fixtures;

fn traits() -> Vec<Traits> {
    let of = |cause, before: &str, after: &str| Traits { cause, before: before.to_owned(), after: after.to_owned() };
    vec![
        of(Cause::Path, "/build", "/var/lib/elsewhere"),
        of(Cause::User, "builder", "rebuilder"),
        of(Cause::User, "2000", "2001"),
        of(Cause::HostName, "farm", "elsewhere"),
        of(Cause::Kernel, "", "2.6"),
        of(Cause::Processors, "4", "1"),
    ]
}

#[test]
fn causes_are_told_by_what_stands_on_both_sides() {
    for (before, after, cause) in [
        ("Sat Nov 28 12:30:00 UTC 2026", "Sun Nov 29 02:31:05 +14 2026", Some(Cause::Time)),
        ("built 2026-11-08", "built 2026-11-28", Some(Cause::Time)),
        ("#define NOW 1795868943", "#define NOW 1795868999", Some(Cause::Time)),
        ("__TIME__ 09:59:59", "__TIME__ 10:00:01", Some(Cause::Time)),
        ("/build/x-1.0/a.c", "/var/lib/elsewhere/x-1.0/a.c", Some(Cause::Path)),
        ("made by builder@farm", "made by rebuilder@elsewhere", Some(Cause::User)),
        ("uid=2000", "uid=2001", Some(Cause::User)),
        ("on farm", "on elsewhere", Some(Cause::HostName)),
        ("Linux 6.1.0-44", "Linux 2.6.78", Some(Cause::Kernel)),
        ("make -j4", "make -j1", None),
        ("make -j 4", "make -j 1", Some(Cause::Processors)),
        ("4", "1", Some(Cause::Processors)),
        ("a.o B.o c.o", "B.o c.o a.o", Some(Cause::Order)),
        ("B.o C.o a.o d.o", "a.o B.o C.o d.o", Some(Cause::Locale)),
        // A number that is no time, words that nobody knows.
        ("id 17", "id 92", None),
        ("3f786850e387550f", "89e6c98d92887913", None),
        // A farm on both sides, and one within a word, are no host.
        ("farm 1", "farm x", None),
        ("farming", "elsewheres", None),
    ] {
        assert_eq!(of(Some(before), Some(after), &traits()), cause, "{before} -> {after}");
    }
    assert_eq!(of(None, Some("/var/lib/elsewhere/x"), &traits()), Some(Cause::Path));
    assert_eq!(of(None, None, &traits()), None);
}

/// What two builds left, in folders of their own.
fn looked(before: &[fixtures::Member<'_>], after: &[fixtures::Member<'_>]) -> Vec<ByteDifference> {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let fields = "Maintainer: A <a@example.org>\n";
    let [before, after] = [(0, before), (1, after)]
        .map(|(at, members)| fixtures::deb(folders[at].path(), ("x", "1", "all"), fields, members));
    differences(&before, &after, &traits()).unwrap()
}

fn one(before: &[u8], after: &[u8]) -> ByteDifference {
    let mut found = looked(&[fixtures::file("./x", before)], &[fixtures::file("./x", after)]);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn gzipped(content: &[u8], time: u32) -> Vec<u8> {
    let mut encoder = flate2::GzBuilder::new().mtime(time).write(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_line_that_differs_is_shown() {
    let found = one(b"a\nbuilt 2026-11-28 12:30\nc\n", b"a\nbuilt 2026-11-29 02:31\nc\n");
    assert_eq!(found.place, "/x, line 2");
    assert_eq!(found.before.as_deref(), Some("built 2026-11-28 12:30"));
    assert_eq!(found.after.as_deref(), Some("built 2026-11-29 02:31"));
    assert_eq!(found.cause, Some(Cause::Time));
    assert_eq!(found.file_name, "x_1_all.deb");
    let found = one(b"a\n", b"a");
    assert_eq!((found.place.as_str(), found.cause), ("/x, the end of its last line", None));
}

#[test]
fn the_line_that_tells_a_cause_goes_before_others() {
    let found = one(b"id 17\n/build/x\n", b"id 92\n/var/lib/elsewhere/x\n");
    assert_eq!((found.place.as_str(), found.cause), ("/x, line 2", Some(Cause::Path)));
}

#[test]
fn lines_in_another_order_are_an_order() {
    let found = one(b"step 3\nstep 2\nstep 1\n", b"step 1\nstep 2\nstep 3\n");
    assert_eq!(found.place, "/x, the order of its lines, from line 1");
    assert_eq!(found.cause, Some(Cause::Order));
    let found = one(b"begin\nB\nC\na\nend\n", b"begin\na\nB\nC\nend\n");
    assert_eq!(found.cause, Some(Cause::Locale));
}

#[test]
fn programs_are_compared_by_their_strings() {
    let found =
        one(b"\x7fELF\0\x01\x02\0/build/x-1.0\0\xff\0tail", b"\x7fELF\0\x07\x09\0/var/lib/elsewhere/x-1.0\0\xfe\0tail");
    assert_eq!(found.place, "/x, a string in it (it differs from byte 5 on)");
    assert_eq!(found.cause, Some(Cause::Path));
    let found = one(b"\x7fELF\0\x01\x02", b"\x7fELF\0\x07\x09");
    assert_eq!((found.place.as_str(), found.before.as_deref()), ("/x, from byte 5 on", Some("0102")));
    let found = one(b"\0main\0A.c\0\0Bxyz\0atoi\0", b"\0main\0A.c\0\0atoi\0Bxyz\0");
    assert_eq!(found.place, "/x, the order of its strings");
}

#[test]
fn what_gzip_packed_is_looked_into() {
    let found = one(&gzipped(b"on farm\n", 0), &gzipped(b"on elsewhere\n", 0));
    assert_eq!((found.place.as_str(), found.cause), ("/x, unpacked, line 1", Some(Cause::HostName)));
    let found = one(&gzipped(b"same\n", 1_795_868_943), &gzipped(b"same\n", 1_795_868_999));
    assert_eq!((found.place.as_str(), found.cause), ("/x, the time in its gzip header", Some(Cause::Time)));
    // No gzip but for its first bytes, and what would fill the memory.
    one(b"\x1f\x8bx", b"\x1f\x8by");
    let bomb = gzipped(&vec![0; 200 << 20], 0);
    one(&bomb, &gzipped(&vec![0; (200 << 20) + 1], 0));
}

#[test]
fn files_owners_and_their_order_are_compared() {
    let (a, b) = (fixtures::file("./a", b"a"), fixtures::file("./b", b"b"));
    let found = looked(&[a], &[a, b]);
    assert_eq!((found[0].place.as_str(), found[0].before.as_deref()), ("/b", None));
    let found = looked(&[b, a], &[a, b]);
    assert_eq!((found[0].place.as_str(), found[0].cause), ("the order of its files", Some(Cause::Order)));
    let of = |uid| ("./a", tar::EntryType::Regular, 0o644, uid, &b"a"[..]);
    let found = looked(&[of(2000)], &[of(2001)]);
    assert_eq!(found[0].before.as_deref(), Some("file, 0644 2000:root, 1970-01-01 00:00:01"));
    assert_eq!(found[0].cause, Some(Cause::User));
    assert!(looked(&[a, b], &[a, b]).is_empty());
}

#[test]
fn sums_follow_from_what_they_are_sums_of() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [before, after] = [(0, "on farm\n"), (1, "on elsewhere\n")].map(|(at, content)| {
        let path = folders[at].path().join("x_1_all.deb");
        let control = "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n";
        let sums = format!("{:032x}  x\n", content.len());
        let files = [("control", control.to_owned()), ("md5sums", sums)];
        let files = files.map(|(name, text)| (name.to_owned(), (text, 0o644))).into();
        let write = |tar: &mut crate::formats::deb::write::Tarball<'_>| {
            tar.file("/x", 0o644, 1, content.len() as u64, content.as_bytes())
        };
        crate::formats::deb::write::write(File::create(&path).unwrap(), 1, &files, write).unwrap();
        path
    });
    let found = differences(&before, &after, &traits()).unwrap();
    let places: Vec<&str> = found.iter().map(|one| one.place.as_str()).collect();
    assert_eq!(places, ["/x, line 1"]);
}

#[test]
fn an_rpm_is_compared_by_header_and_payload() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let maker = crate::compare::tests::greet();
    let before = maker.clone().with(|one| one.script = Some("echo /build/greet\n")).rpm(folders[0].path());
    let after = maker.with(|one| one.script = Some("echo /var/lib/elsewhere/greet\n"));
    let found = differences(&before, &after.rpm(folders[1].path()), &traits()).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].place.as_str(), found[0].cause), ("header POSTIN, line 1", Some(Cause::Path)));
    let content = |text| crate::compare::tests::Entry::File { path: "/usr/bin/greet", mode: 0o755, content: text };
    let of = |text: &'static str, at: usize| {
        let maker = crate::compare::tests::greet();
        maker.with(|one| one.replace("/usr/bin/greet", Some(content(text)))).rpm(folders[at].path())
    };
    let found = differences(&of("as builder\n", 0), &of("as rebuilder\n", 1), &traits()).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].place.as_str(), found[0].cause), ("/usr/bin/greet, line 1", Some(Cause::User)));
}

#[test]
fn what_is_no_package_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a.deb", "b.deb"].map(|name| folder.path().join(name));
    std::fs::write(&a, "!<arch>\n").unwrap();
    std::fs::write(&b, "x").unwrap();
    let error = differences(&a, &b, &[]).unwrap_err().to_string();
    assert!(error.contains("a.deb") || error.contains("b.deb"), "{error}");
}
