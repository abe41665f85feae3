use super::*;
use crate::attest::Installed;

fn package(name: &str, version: &str) -> LockedPackage {
    LockedPackage {
        name: name.to_owned(),
        architecture: "amd64".to_owned(),
        version: version.to_owned(),
        sha256: Some("a1".repeat(32)).filter(|_| name != "own"),
    }
}

fn lock() -> Lock {
    let mut lock = Lock::default();
    let suite = LockedSuite {
        archive: "debian".to_owned(),
        suite: "bookworm".to_owned(),
        sha256: "0f".repeat(32),
        seen: "2026-11-28T08:00:00Z".to_owned(),
    };
    lock.suites.insert((suite.archive.clone(), suite.suite.clone()), suite);
    for (name, more) in [("a@debian-12/amd64", "zlib1g-dev"), ("b@debian-12/amd64", "own")] {
        let target = LockedTarget {
            images: [("base".to_owned(), "sha256:00".to_owned())].into(),
            sources: vec![LockedSource { url: "https://a.example/a.tar".to_owned(), pin: "sha256:11".to_owned() }],
            packages: [package("libc6", "2.36-9"), package("gcc", "4:12.2.0-3"), package(more, "1:1.2")].into(),
        };
        lock.targets.insert(name.to_owned(), target);
    }
    lock
}

#[test]
fn a_lock_is_read_as_it_was_written() {
    let lock = lock();
    let text = lock.text();
    assert_eq!(Lock::parse(&text).unwrap(), lock);
    assert_eq!(text.matches("libc6").count(), 1, "what all targets of a system have stands once:\n{text}");
    assert_eq!(Lock::parse("version = 1\n").unwrap(), Lock::default());
}

#[test]
fn what_is_no_lock_is_refused_with_its_line() {
    let text = lock().text();
    for (from, to, reason) in [
        ("version = 1", "version = 9", "it has the shape 9, and this farm reads 1"),
        ("version = 1", "version = 1\nmore = 2", "line 4: unknown field `more`"),
        ("suite = \"bookworm\"", "", "line 5: missing field `suite`"),
        ("own 1:1.2 amd64", "own 1:1.2", "`own 1:1.2` is not NAME VERSION ARCHITECTURE [sha256:SUM]"),
        ("sha256:a1a1", "sha256:A1a1", "is not NAME VERSION ARCHITECTURE"),
        ("2026-11-28T08:00:00Z", "yesterday", "yesterday of debian bookworm is no time"),
        ("sha256 = \"0f0f", "sha256 = \"0f", "64 hexadecimal digits"),
        ("b@debian-12/amd64", "a@debian-12/amd64", "a@debian-12/amd64 is in it twice"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let told = Lock::parse(&changed).unwrap_err();
        assert!(told.contains(reason), "{told}");
    }
}

#[test]
fn what_is_installed_is_compared_by_name_version_and_architecture() {
    let target = &lock().targets["a@debian-12/amd64"];
    let installed = |lines: &[&str]| {
        let lines: String =
            lines.iter().map(|line| format!("package\t{}\tinstall ok installed\n", line.replace(' ', "\t"))).collect();
        Installed::parse(&format!("format\tdeb\n{lines}end\n")).unwrap()
    };
    let same = ["gcc 4:12.2.0-3 amd64", "libc6 2.36-9 amd64", "zlib1g-dev 1:1.2 amd64"];
    assert_eq!(target.differences(&installed(&same)), Vec::<String>::new());
    let other = ["libc6 2.36-10 amd64", "zlib1g-dev 1:1.2 amd64", "make 4.3 amd64"];
    assert_eq!(
        target.differences(&installed(&other)),
        [
            "gcc 4:12.2.0-3 is not installed",
            "libc6 is 2.36-10 and not 2.36-9",
            "make 4.3 is installed, and not in the lock"
        ]
    );
}

#[test]
fn sources_are_compared_by_what_they_are() {
    let target = &lock().targets["a@debian-12/amd64"];
    let source = |url: &str, pin: &str| LockedSource { url: url.to_owned(), pin: pin.to_owned() };
    assert_eq!(target.changed_sources(&[source("https://b.example/a.tar", "sha256:11")]), Vec::<String>::new());
    assert_eq!(
        target.changed_sources(&[
            source("https://a.example/a.tar", "sha256:22"),
            source("https://b.example/b", "commit:1")
        ]),
        ["https://a.example/a.tar is sha256:22 and not sha256:11", "https://b.example/b is not in it"]
    );
}

#[test]
fn a_lock_is_written_once_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Lock::read(folder.path()), Err(LockError::Missing(_))));
    let (path, written) = lock().write(folder.path()).unwrap();
    assert!(written && path.ends_with(LOCK_FILE));
    assert!(!lock().write(folder.path()).unwrap().1, "it is as it was");
    assert_eq!(Lock::read(folder.path()).unwrap(), lock());
}
