//! What tells of packages, and what else may be among the results.

use super::tools::run;
use super::*;
use crate::types::testing::have;

/// A package and the text of a file beside it; `@1@` to `@5@` in it are the package's md5, sha1, sha256, size and name.
fn beside(file_name: &str, text: &str) -> Result<Vec<String>, ArtifactError> {
    let temp = tempfile::tempdir().unwrap();
    let package = deb(temp.path(), ("hello", "1.0-1", "amd64"), "", &[file("./usr/share/hello/x", b"x")]);
    let (size, sha256, sums) = measure_all(&package).unwrap();
    let name = package.file_name().unwrap().to_str().unwrap().to_owned();
    let (size, words) = (size.to_string(), [sums.md5, sums.sha1, sha256]);
    let mut text = text.to_owned();
    for (at, word) in words.iter().chain([&size, &name]).enumerate() {
        text = text.replace(&format!("@{}@", at + 1), word);
    }
    let path = temp.path().join(file_name);
    fs::write(&path, text).unwrap();
    let found = inspect(&[package, path], &expectation(Format::Deb, &[("hello", "1.0-1")]))?;
    Ok(lines(&found.findings))
}

const CHANGES: &str = "Format: 1.8\nSource: hello\nChecksums-Sha1:\n @2@ @4@ @5@\nChecksums-Sha256:\n @3@ @4@ @5@\n\
                       Files:\n @1@ @4@ misc optional @5@\n";
const BUILDINFO: &str = "Format: 1.0\nSource: hello\nChecksums-Md5:\n @1@ @4@ @5@\nChecksums-Sha1:\n @2@ @4@ @5@\n\
                         Checksums-Sha256:\n @3@ @4@ @5@\nEnvironment:\n DEB_BUILD_OPTIONS=\"nocheck\"\n";

#[test]
fn changes_list_exactly_what_is_there() {
    let changes = |text: &str| beside("hello_1.0-1_amd64.changes", text);
    let none: Vec<String> = Vec::new();
    assert_eq!(changes(CHANGES).unwrap(), none);
    let zeroes = "0".repeat(64);
    for (wrong, message) in [
        (
            CHANGES.replace("@3@", &zeroes),
            "lists hello_1.0-1_amd64.deb with another size or sum in Checksums-Sha256 than it has",
        ),
        (
            CHANGES.replace("@2@", &zeroes[..40]),
            "lists hello_1.0-1_amd64.deb with another size or sum in Checksums-Sha1 than it has",
        ),
        (
            CHANGES.replace("@1@", &zeroes[..32]),
            "lists hello_1.0-1_amd64.deb with another size or sum in Files than it has",
        ),
        (
            CHANGES.replace("@3@ @4@", "@3@ 5"),
            "lists hello_1.0-1_amd64.deb with another size or sum in Checksums-Sha256 than it has",
        ),
        (CHANGES.replace(" @3@ @4@ @5@\n", ""), "does not list hello_1.0-1_amd64.deb in Checksums-Sha256"),
        (CHANGES.replace(" @1@ @4@ misc optional @5@\n", ""), "does not list hello_1.0-1_amd64.deb in Files"),
        (
            CHANGES.replace(" @3@", &format!(" {zeroes} 5 gone_1.deb\n @3@")),
            "lists gone_1.deb in Checksums-Sha256, which is not there",
        ),
        (
            CHANGES.replace(" @3@", &format!(" {zeroes} 5 ../x\n @3@")),
            "lists ../x in Checksums-Sha256, which is not there",
        ),
    ] {
        assert_eq!(changes(&wrong).unwrap(), [format!("error changes-mismatch: {message}")], "{wrong}");
    }
    for malformed in [
        CHANGES.replace("Checksums-Sha256", "Checksums-Sha512"),
        CHANGES.replace(" @3@ @4@ @5@", " only two"),
        CHANGES.replace(" @3@ @4@ @5@", " @3@ @4@ @5@\n @3@ @4@ @5@"),
        format!("{CHANGES}\nSource: another\n"),
        String::new(),
        format!("{CHANGES}X: {}\n", "y".repeat(5 << 20)),
    ] {
        assert!(matches!(changes(&malformed), Err(ArtifactError::Malformed { .. })));
    }
}

#[test]
fn a_buildinfo_lists_the_packages_as_they_are() {
    // Named in a .changes, too, it would be known twice; the rule for files that nothing names has a test of its own.
    let buildinfo = |text: &str| {
        let found = beside("hello_1.0-1_amd64.buildinfo", text)?;
        Ok::<_, ArtifactError>(found.into_iter().filter(|line| !line.contains("unexpected-file")).collect::<Vec<_>>())
    };
    assert_eq!(buildinfo(BUILDINFO).unwrap(), Vec::<String>::new());
    for wrong in [
        BUILDINFO.replace("@1@", "0123"),
        BUILDINFO.replace("@3@", "0123"),
        BUILDINFO.replace(" @3@ @4@ @5@\n", ""),
        BUILDINFO.replace("@2@ @4@ @5@", "@2@ @4@ other_1.deb"),
    ] {
        assert!(
            buildinfo(&wrong).unwrap().iter().all(|line| line.starts_with("error buildinfo-mismatch: ")),
            "{wrong}"
        );
        assert!(!buildinfo(&wrong).unwrap().is_empty(), "{wrong}");
    }
    assert!(matches!(buildinfo("Format: 1.0\n"), Err(ArtifactError::Malformed { .. })));
}

#[test]
fn nothing_else_is_among_the_results() {
    for (name, refused) in [
        ("hello_1.0-1_amd64.buildinfo", true),
        ("hello.tar.gz", true),
        ("hello.dsc", true),
        ("notes.txt", true),
        ("install.sh", true),
        ("libhello.so", true),
        ("hello_1.0-1_amd64.DEB", true),
        ("hello_1.0-1_amd64.changes", false),
    ] {
        let text = if name.ends_with("buildinfo") { BUILDINFO } else { CHANGES };
        let found = beside(name, text).unwrap();
        assert_eq!(found.iter().any(|line| line.starts_with("error unexpected-file: ")), refused, "{name}: {found:?}");
    }
    let temp = tempfile::tempdir().unwrap();
    let mut builder = rpm_builder("hello", "noarch");
    builder.with_file_contents("x", FileOptions::new("/usr/share/hello/x")).unwrap();
    let package = write_rpm(temp.path(), &mut builder);
    for name in ["hello.spec", "hello.changes", "hello.tar.gz", "README"] {
        let other = temp.path().join(name);
        fs::write(&other, CHANGES).unwrap();
        let plan = Expectation { closed: false, ..expectation(Format::Rpm, &[]) };
        let found = inspect(&[package.clone(), other], &plan).map(|found| lines(&found.findings));
        let is_refused = match &found {
            Ok(lines) => lines.iter().any(|line| line.starts_with("error unexpected-file: ")),
            Err(ArtifactError::Malformed { .. }) => true,
            Err(_) => false,
        };
        assert!(is_refused, "{name}: {found:?}");
    }
}

#[test]
fn what_tells_of_packages_is_a_regular_file() {
    let temp = tempfile::tempdir().unwrap();
    let package = deb(temp.path(), ("hello", "1.0-1", "amd64"), "", &[file("./usr/share/hello/x", b"x")]);
    for name in ["a.changes", "b.buildinfo", "c.dsc"] {
        let path = temp.path().join(name);
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        let found = inspect(&[package.clone(), path], &expectation(Format::Deb, &[("hello", "1.0-1")]));
        assert!(matches!(found, Err(ArtifactError::Malformed { .. })), "{name}: {found:?}");
    }
}

/// What dpkg-buildpackage's own tools write is right.
#[test]
fn dpkg_genchanges_is_believed() {
    if !have(&["dpkg-genchanges", "dpkg-genbuildinfo"]) {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let tree = temp.path().join("hello-1.0");
    fs::create_dir_all(tree.join("debian")).unwrap();
    let control = "Source: hello\nSection: misc\nPriority: optional\nMaintainer: A <a@example.org>\n\nPackage: hello\nArchitecture: all\nDescription: x\n y\n";
    fs::write(tree.join("debian/control"), control).unwrap();
    let changelog =
        "hello (1.0-1) unstable; urgency=low\n\n  * x\n\n -- A <a@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n";
    fs::write(tree.join("debian/changelog"), changelog).unwrap();
    let package = deb(temp.path(), ("hello", "1.0-1", "all"), "", &[file("./usr/share/hello/x", b"x")]);
    fs::write(tree.join("debian/files"), "hello_1.0-1_all.deb misc optional\n").unwrap();
    run(Command::new("dpkg-genbuildinfo")
        .args(["--build=binary", "-O../hello_1.0-1_all.buildinfo"])
        .current_dir(&tree));
    run(Command::new("dpkg-genchanges").args(["--build=binary", "-O../hello_1.0-1_all.changes"]).current_dir(&tree));
    let [buildinfo, changes] = ["buildinfo", "changes"].map(|kind| temp.path().join(format!("hello_1.0-1_all.{kind}")));
    let mut plan = expectation(Format::Deb, &[("hello", "1.0-1")]);
    plan.packages[0].arch_independent = true;
    let found = inspect(&[package, buildinfo, changes], &plan).unwrap();
    assert_eq!(lines(&found.findings), Vec::<String>::new());
}
