mod listing;
mod metadata;
mod readings;
mod rules;
mod tools;
mod trees;
mod upgrades;
mod waived;

use std::process::Command;

use ::rpm::{BuildConfig, CompressionType, Dependency, FileOptions, PackageBuilder};
use proptest::prelude::*;
use tar::EntryType as T;

use super::fixtures::{ElfMaker, Member, deb, deb_bytes, file, program};
use super::*;
use crate::formats::elf;
use crate::types::Arch;

fn expected(name: &str, version: &str) -> Expected {
    Expected { name: name.to_owned(), version: version.to_owned(), arch_independent: false, is_empty: false }
}

fn expectation(format: Format, packages: &[(&str, &str)]) -> Expectation {
    Expectation {
        format,
        arch: Arch::Amd64,
        packages: packages.iter().map(|(name, version)| expected(name, version)).collect(),
        closed: true,
        source: false,
        upstream_version: None,
        manifest: None,
        waivers: Vec::new(),
    }
}

/// `severity rule: message` of each finding.
fn lines(findings: &[Finding]) -> Vec<String> {
    let severity = |finding: &Finding| match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Waived => "waived",
    };
    findings.iter().map(|finding| format!("{} {}: {}", severity(finding), finding.rule, finding.message)).collect()
}

fn rules(findings: &[Finding]) -> Vec<&str> {
    let mut rules: Vec<&str> = findings.iter().map(|finding| finding.rule.as_str()).collect();
    rules.dedup();
    rules
}

/// Findings about one .deb `hello 1.0-1` of amd64.
fn deb_findings(fields: &str, members: &[Member<'_>]) -> Vec<Finding> {
    let temp = tempfile::tempdir().unwrap();
    let path = deb(temp.path(), ("hello", "1.0-1", "amd64"), fields, members);
    inspect(&[path], &expectation(Format::Deb, &[("hello", "1.0-1")])).unwrap().findings
}

fn rpm_builder(name: &str, arch: &str) -> PackageBuilder {
    let mut builder = PackageBuilder::new(name, "1.0", "MIT", arch, "a test");
    builder.release("1.el9").using_config(BuildConfig::v4().source_date(1_000_000_u32).reserved_space(None));
    builder
}

fn write_rpm(folder: &Path, builder: &mut PackageBuilder) -> PathBuf {
    let package = builder.build().unwrap();
    let metadata = &package.metadata;
    let name = format!(
        "{}.{}.rpm",
        metadata.get_nevra().unwrap().nvra().rsplit_once('.').unwrap().0,
        metadata.get_arch().unwrap()
    );
    let path = folder.join(name);
    package.write_file(&path).unwrap();
    path
}

/// Findings about one .rpm `hello 1.0-1.el9` of x86_64.
fn rpm_findings(fill: impl FnOnce(&mut PackageBuilder)) -> Vec<Finding> {
    let temp = tempfile::tempdir().unwrap();
    let mut builder = rpm_builder("hello", "x86_64");
    fill(&mut builder);
    let path = write_rpm(temp.path(), &mut builder);
    inspect(&[path], &expectation(Format::Rpm, &[("hello", "1.0-1.el9")])).unwrap().findings
}

const LIBC: &[&str] = &["libc.so.6"];

#[test]
fn a_good_deb_has_no_findings_whatever_compresses_it() {
    let elf = ElfMaker::needing(LIBC);
    let members = [
        ("./", T::Directory, 0o755, 0, &b""[..]),
        ("./usr/", T::Directory, 0o755, 0, b""),
        ("./usr/bin/", T::Directory, 0o755, 0, b""),
        program("./usr/bin/hello", &elf),
        ("./usr/bin/hi", T::Symlink, 0o777, 0, b"hello"),
    ];
    for kind in ["", "gz", "xz", "zst"] {
        let temp = tempfile::tempdir().unwrap();
        let control =
            "Package: hello\nVersion: 1:1.0-1\nArchitecture: amd64\nDepends: libc6 (>= 2.34), foo | bar:any\n";
        let bytes = deb_bytes(control, &members, kind);
        let path = temp.path().join("hello_1.0-1_amd64.deb");
        fs::write(&path, &bytes).unwrap();
        let Inspection { artifacts, findings, .. } =
            inspect(std::slice::from_ref(&path), &expectation(Format::Deb, &[("hello", "1:1.0-1")])).unwrap();
        assert_eq!(lines(&findings), Vec::<String>::new(), "{kind}");
        assert_eq!(
            artifacts,
            [Artifact {
                file_name: "hello_1.0-1_amd64.deb".to_owned(),
                size_bytes: bytes.len() as u64,
                sha256: hex::encode(Sha256::digest(&bytes)),
                kind: ArtifactKind::Binary,
                package: Some(PackageId {
                    name: "hello".to_owned(),
                    version: "1:1.0-1".to_owned(),
                    architecture: "amd64".to_owned(),
                }),
            }]
        );
        let summary = deb::describe(&path).unwrap();
        assert_eq!((summary.name.as_str(), summary.version.as_str()), ("hello", "1:1.0-1"));
    }
}

#[test]
fn a_good_rpm_has_no_findings_whatever_compresses_it() {
    for kind in [CompressionType::None, CompressionType::Gzip, CompressionType::Zstd] {
        let temp = tempfile::tempdir().unwrap();
        let mut builder = rpm_builder("hello", "x86_64");
        builder.using_config(BuildConfig::v4().compression(kind));
        builder
            .requires(Dependency::any("libc.so.6()(64bit)"))
            .with_file_contents(ElfMaker::needing(LIBC), FileOptions::new("/usr/bin/hello").permissions(0o755))
            .unwrap()
            .with_file_contents("text", FileOptions::new("/usr/share/hello/text"))
            .unwrap()
            .with_dir_entry(FileOptions::dir("/usr/share/hello"))
            .unwrap()
            .with_symlink(FileOptions::symlink("/usr/bin/hi", "hello"))
            .unwrap()
            .with_ghost(FileOptions::ghost("/run/hello.pid"))
            .unwrap();
        let path = write_rpm(temp.path(), &mut builder);
        let expectation = expectation(Format::Rpm, &[("hello", "1.0-1.el9")]);
        let Inspection { artifacts, findings, .. } = inspect(std::slice::from_ref(&path), &expectation).unwrap();
        assert_eq!(lines(&findings), Vec::<String>::new());
        assert_eq!(artifacts[0].kind, ArtifactKind::Binary);
        let summary = super::rpm::describe(&path).unwrap();
        assert_eq!(
            (summary.name, summary.version, summary.architecture),
            ("hello".to_owned(), "1.0-1.el9".to_owned(), "x86_64".to_owned())
        );
    }
}

#[test]
fn packages_other_than_planned_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let text = [file("./usr/share/x/text", b"text")];
    let wrong = deb(temp.path(), ("hello", "1.1-1", "arm64"), "", &text);
    let extra = deb(temp.path(), ("extra", "1.0-1", "amd64"), "", &text);
    let symbols = [file("./usr/lib/debug/x.debug", b"text")];
    let debug = deb(temp.path(), ("hello-dbgsym", "1.1-1", "amd64"), "", &symbols);
    let plan = expectation(Format::Deb, &[("hello", "1.0-1"), ("hello-dev", "1.0-1")]);
    let Inspection { artifacts, findings, .. } = inspect(&[wrong, extra, debug], &plan).unwrap();
    assert_eq!(
        lines(&findings),
        [
            "error missing-package: the build made no package hello-dev (it made extra, hello-dbgsym, hello)",
            "error unexpected-package: package extra is not in the recipe: name it there, or do not build it",
            "error wrong-version: has version 1.1-1, which no planned package has",
            "error wrong-version: has version 1.1-1, planned was 1.0-1",
            "error wrong-architecture: has architecture arm64, planned was amd64",
        ]
    );
    assert_eq!(artifacts[1].kind, ArtifactKind::Debug);

    let renamed = temp.path().join("other_1.1-1_arm64.deb");
    fs::rename(temp.path().join("hello_1.1-1_arm64.deb"), &renamed).unwrap();
    let own = Expectation { arch: Arch::Arm64, packages: Vec::new(), closed: false, ..plan };
    assert_eq!(
        lines(&inspect(&[renamed], &own).unwrap().findings),
        ["error wrong-name: says of itself that its file name is hello_1.1-1_arm64.deb"]
    );
    assert_eq!(lines(&inspect(&[], &own).unwrap().findings), ["error missing-package: the build made no package"]);
}

#[test]
fn own_packaging_must_carry_the_upstream_version() {
    let own = |upstream: &str| Expectation {
        closed: false,
        source: false,
        upstream_version: Some(upstream.to_owned()),
        ..expectation(Format::Deb, &[])
    };
    for (version, upstream, good) in [
        ("2.10-3", "2.10", true),
        ("1:2.10+dfsg-3", "2.10", true),
        ("2.10~ds1-3", "2.10", true),
        ("2.10", "2.10", true),
        ("2.101-3", "2.10", false),
        ("2.9-3", "2.10", false),
    ] {
        let temp = tempfile::tempdir().unwrap();
        let path = deb(temp.path(), ("hello", version, "all"), "", &[file("./usr/share/hello/x", b"x")]);
        let findings = inspect(&[path], &own(upstream)).unwrap().findings;
        assert_eq!(findings.is_empty(), good, "{version}: {findings:?}");
    }
}

#[test]
fn an_rpm_that_owns_the_system_is_refused() {
    for path in ["/usr", "/etc", "/usr/bin", "/usr/share/man/man1"] {
        let findings = rpm_findings(|builder| {
            builder
                .with_file_contents("#!/bin/sh\n", FileOptions::new("/usr/bin/hello").permissions(0o755))
                .unwrap()
                .with_dir_entry(FileOptions::dir(path))
                .unwrap();
        });
        assert_eq!(
            lines(&findings),
            [format!(
                "error owns-shared-directory: owns {path}, which belongs to the system: list only what is below it"
            )]
        );
    }
}

#[test]
fn a_deb_that_changes_the_system_is_refused() {
    let shared = |name, kind, mode, uid, content: &'static [u8]| {
        let members = [(name, kind, mode, uid, content), file("./usr/share/hello/x", b"x")];
        lines(&deb_findings("", &members))
    };
    assert_eq!(shared("./usr/", T::Directory, 0o755, 0, b""), Vec::<String>::new());
    let rule = "error shared-directory-changed: ";
    assert!(shared("./usr/", T::Directory, 0o700, 0, b"")[0].starts_with(rule));
    assert!(shared("./etc/", T::Directory, 0o755, 1000, b"")[0].starts_with(rule));
    assert!(shared("./lib", T::Symlink, 0o777, 0, b"usr/lib")[0].starts_with(rule));
}

#[test]
fn each_bad_entry_has_its_rule() {
    let cases: &[(Member<'_>, &str)] = &[
        (file("./build/hello/x", b""), "error file-outside-standard"),
        (file("./usr/local/bin/x", b""), "error file-outside-standard"),
        (file("./home/me/x", b""), "error file-outside-standard"),
        (file("./var/run/x", b""), "error file-outside-standard"),
        (file("./usr/../etc/passwd", b""), "error path-not-safe"),
        (file("./usr/bin/a\u{1b}[2Jb", b""), "error path-not-safe"),
        (("./usr/bin/null", T::Char, 0o600, 0, b""), "error device-node"),
        (("./usr/bin/pipe", T::Fifo, 0o600, 0, b""), "error device-node"),
        (("./usr/share/hello/w", T::Regular, 0o666, 0, b""), "error world-writable"),
        (("./usr/share/hello/w/", T::Directory, 0o777, 0, b""), "error world-writable"),
        (("./var/games/hello/", T::Directory, 0o1777, 0, b""), "warning world-writable-directory"),
        (("./usr/lib/hello/su", T::Regular, 0o4755, 0, b""), "warning setuid-file"),
        (("./usr/lib/hello/sg", T::Regular, 0o2755, 0, b""), "warning setuid-file"),
        (file("./usr/bin/odd", b"\x7fELF is not all"), "warning elf-damaged"),
    ];
    for (member, rule) in cases {
        let found = lines(&deb_findings("", &[file("./usr/share/hello/x", b"x"), *member]));
        assert_eq!(found.len(), 1, "{member:?}: {found:?}");
        assert!(found[0].starts_with(&format!("{rule}: ")), "{found:?}");
        assert!(!found[0].contains('\u{1b}'));
    }
    assert_eq!(rules(&deb_findings("", &[file("./usr/share/doc/hello/copyright", b"x")])), ["empty-package"]);
}

#[test]
fn many_findings_of_one_kind_are_counted() {
    let names: Vec<String> = (0..100).map(|n| format!("./tmp/{n}")).collect();
    let members: Vec<Member<'_>> = names.iter().map(|name| file(name, b"")).collect();
    let findings = lines(&deb_findings("", &members));
    assert_eq!(findings.len(), 21);
    assert_eq!(findings[20], "error file-outside-standard: and 80 more of this kind");
}

#[test]
fn a_library_of_musl_is_named() {
    for library in ["libc.so", "libc.musl-x86_64.so.1", "ld-musl-aarch64.so.1"] {
        let elf = ElfMaker::needing(&[library]);
        for depends in ["", "Depends: libc6 (>= 2.36)\n"] {
            let found = lines(&deb_findings(depends, &[program("./usr/bin/hello", &elf)]));
            assert!(found.len() == 1 && found[0].contains("linked with musl"), "{found:?}");
        }
        let found = lines(&rpm_findings(|builder| {
            builder
                .requires(Dependency::any("libc.so.6()(64bit)"))
                .with_file_contents(elf, FileOptions::new("/usr/bin/hello").permissions(0o755))
                .unwrap();
        }));
        assert!(found.len() == 1 && found[0].contains("linked with musl"), "{found:?}");
    }
    let elf = ElfMaker::needing(&["libc.so"]);
    assert_eq!(
        lines(&deb_findings("Depends: musl (>= 1.2)\n", &[program("./usr/bin/hello", &elf)])),
        Vec::<String>::new()
    );
    let elf = ElfMaker::needing(&["libcom.so"]);
    let found = lines(&deb_findings("", &[program("./usr/bin/hello", &elf)]));
    assert!(!found[0].contains("musl"), "{found:?}");
}

#[test]
fn an_elf_without_its_dependencies_is_refused() {
    let elf = ElfMaker::needing(&["libc.so.6", "libodd.so.3"]);
    let found = lines(&deb_findings("", &[program("./usr/bin/hello", &elf)]));
    assert_eq!(
        found,
        [
            "error elf-without-dependency: /usr/bin/hello needs libc.so.6, which no dependency brings: it has none (is ${shlibs:Depends} in Depends?)",
            "error elf-without-dependency: /usr/bin/hello needs libodd.so.3, which no dependency brings: it has none (is ${shlibs:Depends} in Depends?)",
        ]
    );
    let found = lines(&deb_findings("Depends: libc6 (>= 2.36)\n", &[program("./usr/bin/hello", &elf)]));
    assert_eq!(
        found,
        ["warning elf-dependency-unclear: /usr/bin/hello needs libodd.so.3, which no dependency brings by its name"]
    );
    let found = lines(&rpm_findings(|builder| {
        builder
            .requires(Dependency::any("libc.so.6()(64bit)"))
            .with_file_contents(elf, FileOptions::new("/usr/bin/hello").permissions(0o755))
            .unwrap();
    }));
    assert_eq!(
        found,
        [
            "error elf-without-dependency: /usr/bin/hello needs libodd.so.3, which is not among its requirements (rpmbuild finds those of executable files only)"
        ]
    );
}

#[test]
fn libraries_may_come_from_the_same_build() {
    let temp = tempfile::tempdir().unwrap();
    let library = ElfMaker { machine: 62, needed: LIBC, soname: Some("libown.so.1"), runpath: None }.bytes();
    let tool = ElfMaker::needing(&["libown.so.1", "libc.so.6"]);
    let plan = expectation(Format::Deb, &[("libown1", "1"), ("tool", "1")]);
    let own =
        deb(temp.path(), ("libown1", "1", "amd64"), "Depends: libc6\n", &[file("./usr/lib/libown.so.1.2", &library)]);
    for (depends, good) in [("libc6, libown1 (= 1)", true), ("libc6", false)] {
        let fields = format!("Depends: {depends}\n");
        let tool = deb(temp.path(), ("tool", "1", "amd64"), &fields, &[program("./usr/bin/tool", &tool)]);
        let findings = inspect(&[own.clone(), tool], &plan).unwrap().findings;
        assert_eq!(findings.is_empty(), good, "{findings:?}");
    }
}

#[test]
fn elf_files_are_for_the_planned_architecture() {
    let arm = ElfMaker { machine: 183, needed: &[], soname: None, runpath: None }.bytes();
    assert_eq!(rules(&deb_findings("", &[program("./usr/bin/hello", &arm)])), ["elf-wrong-architecture"]);
    assert!(deb_findings("", &[file("./usr/lib/firmware/x", &arm)]).is_empty());

    let temp = tempfile::tempdir().unwrap();
    let path = deb(temp.path(), ("hello", "1.0-1", "all"), "Depends: libc6\n", &[program("./usr/bin/hello", &arm)]);
    let mut plan = expectation(Format::Deb, &[("hello", "1.0-1")]);
    plan.packages[0].arch_independent = true;
    assert_eq!(rules(&inspect(std::slice::from_ref(&path), &plan).unwrap().findings), ["elf-in-noarch"]);
    plan.packages[0].arch_independent = false;
    assert_eq!(rules(&inspect(&[path], &plan).unwrap().findings), ["wrong-architecture", "elf-in-noarch"]);
}

#[test]
fn libraries_are_not_searched_where_it_was_built() {
    for (path, good) in [
        ("/usr/lib/hello", true),
        ("$ORIGIN/../lib", true),
        ("/builder", true),
        ("/build/hello-1.0/.libs", false),
        ("lib", false),
        ("/usr/lib:", false),
        ("/usr/lib:/tmp/x", false),
    ] {
        let elf = ElfMaker { machine: 62, needed: &[], soname: None, runpath: Some(path) }.bytes();
        let findings = deb_findings("", &[program("./usr/bin/hello", &elf)]);
        assert_eq!(findings.is_empty(), good, "{path}: {findings:?}");
        assert!(good || rules(&findings) == ["build-path-in-rpath"]);
    }
}

#[cfg(unix)]
#[test]
fn links_to_files_of_this_host_are_not_followed() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("hello_1_all.deb");
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    let result = inspect(&[path], &expectation(Format::Deb, &[]));
    assert!(matches!(result, Err(ArtifactError::Malformed { .. })), "{result:?}");
}

fn small_deb() -> Vec<u8> {
    let elf = ElfMaker::needing(LIBC);
    let control = "Package: hello\nVersion: 1\nArchitecture: amd64\nDepends: libc6\n";
    deb_bytes(control, &[program("./usr/bin/hello", &elf)], "gz")
}

fn small_rpm() -> Vec<u8> {
    let mut builder = rpm_builder("hello", "x86_64");
    builder
        .requires(Dependency::any("libc.so.6()(64bit)"))
        .with_file_contents(ElfMaker::needing(LIBC), FileOptions::new("/usr/bin/hello").permissions(0o755))
        .unwrap();
    let mut bytes = Vec::new();
    builder.build().unwrap().write(&mut bytes).unwrap();
    bytes
}

/// Reads bytes as a package; a panic fails the test.
fn read(folder: &Path, extension: &str, bytes: &[u8]) -> Result<(), ArtifactError> {
    let path = folder.join(format!("hello.{extension}"));
    fs::write(&path, bytes).unwrap();
    inspect(&[path], &expectation(Format::Deb, &[])).map(|_| ())
}

#[test]
fn packages_cut_off_anywhere_are_malformed() {
    let temp = tempfile::tempdir().unwrap();
    for (extension, whole, end) in [("deb", small_deb(), 2), ("rpm", small_rpm(), 8)] {
        read(temp.path(), extension, &whole).unwrap();
        // Ends of a compressed stream that only repeat what was read may go unmissed.
        for length in 0..whole.len() - end {
            let result = read(temp.path(), extension, &whole[..length]);
            assert!(matches!(result, Err(ArtifactError::Malformed { .. })), "{extension} of {length}: {result:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_debs_never_panic(flips in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let temp = tempfile::tempdir().unwrap();
        let elf = ElfMaker::needing(LIBC);
        let mut bytes = deb_bytes("Package: a\nVersion: 1\nArchitecture: all\n", &[program("./usr/a", &elf)], "");
        for (at, value) in flips {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        let _ = read(temp.path(), "deb", &bytes);
    }

    #[test]
    fn damaged_rpms_never_panic(flips in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let temp = tempfile::tempdir().unwrap();
        // Made once: making one takes longer than reading it.
        static WHOLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(small_rpm);
        let mut bytes = WHOLE.clone();
        for (at, value) in flips {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        let _ = read(temp.path(), "rpm", &bytes);
    }

    #[test]
    fn damaged_elf_files_never_panic(flips in proptest::collection::vec((0_usize..400, any::<u8>()), 1..6)) {
        let mut bytes = ElfMaker { machine: 62, needed: LIBC, soname: Some("a.so"), runpath: Some("/x:/y") }.bytes();
        for (at, value) in flips {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        let temp = tempfile::tempdir().unwrap();
        elf::look(&mut bytes.as_slice(), temp.path(), elf::Depth::Needs).unwrap();
    }
}

#[test]
fn an_elf_file_says_what_it_needs() {
    let temp = tempfile::tempdir().unwrap();
    let bytes =
        ElfMaker { machine: 62, needed: &["a.so.1", "b.so"], soname: Some("me.so"), runpath: Some("/x:$ORIGIN") }
            .bytes();
    let looked = elf::look(&mut bytes.as_slice(), temp.path(), elf::Depth::Needs).unwrap();
    let elf::Looked::Elf(elf) = looked else { panic!("{looked:?}") };
    assert_eq!(elf.needed, ["a.so.1", "b.so"]);
    assert_eq!(elf.soname.as_deref(), Some("me.so"));
    assert_eq!(elf.search, ["/x", "$ORIGIN"]);
    assert!(elf.is_loaded && !elf.has_symbols && elf.is_for(Arch::Amd64) && !elf.is_for(Arch::Arm64));
}

/// A real linker's work, and a large file that must not be kept in memory: this test program itself.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_real_program_is_understood() {
    let temp = tempfile::tempdir().unwrap();
    let mut program = File::open(std::env::current_exe().unwrap()).unwrap();
    let looked = elf::look(&mut program, temp.path(), elf::Depth::Needs).unwrap();
    let elf::Looked::Elf(elf) = looked else { panic!("{looked:?}") };
    assert!(elf.needed.iter().any(|library| library.starts_with("libc.so.")), "{elf:?}");
    assert!(elf.has_symbols && elf.is_loaded);
    assert!(Arch::host().is_none_or(|arch| elf.is_for(arch)));
}

#[cfg(target_os = "linux")]
const CHILD: &str = "FARM_TEST_ARTIFACT_CHILD";

/// Not a test of its own: reads a package whose content is far larger than the process may be.
#[cfg(target_os = "linux")]
#[test]
fn child_that_reads_a_large_package() {
    let Some(report) = std::env::var_os(CHILD) else { return };
    const LARGE: usize = 256 << 20;
    let temp = tempfile::tempdir().unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_path("./usr/bin/hello").unwrap();
    header.set_size(LARGE as u64);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mode(0o755);
    header.set_cksum();
    // It begins as an ELF file does, so that it is looked into.
    let mut data = zstd::Encoder::new(Vec::new(), 1).unwrap();
    io::Write::write_all(&mut data, header.as_bytes()).unwrap();
    let elf = ElfMaker::needing(LIBC);
    io::Write::write_all(&mut data, &elf).unwrap();
    io::copy(&mut io::repeat(0).take((LARGE - elf.len() + 1024) as u64), &mut data).unwrap();
    let control = "Package: hello\nVersion: 1\nArchitecture: amd64\nDepends: libc6\n";
    let path = temp.path().join("hello_1_amd64.deb");
    fs::write(&path, super::fixtures::deb_of(control, data.finish().unwrap(), "zst")).unwrap();
    let Inspection { findings, .. } = inspect(&[path], &expectation(Format::Deb, &[("hello", "1")])).unwrap();
    assert_eq!(lines(&findings), Vec::<String>::new());
    fs::write(report, fs::read_to_string("/proc/self/status").unwrap()).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_size_of_packages() {
    let temp = tempfile::tempdir().unwrap();
    let report = temp.path().join("status");
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "artifact::tests::child_that_reads_a_large_package", "--quiet"])
        .env(CHILD, &report)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let text = fs::read_to_string(&report).unwrap();
    let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 64 * 1024, "{peak} kB at most");
}

/// Each kind of file that a build leaves, read when nobody wants it any more.
#[test]
fn reading_ends_when_it_is_cancelled() {
    use crate::stream::guard::{BrokenOff, Guard};
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in
        [("a_1_all.deb", small_deb()), ("a-1-1.noarch.rpm", small_rpm()), ("a_1.tar.xz", vec![0; 1 << 20])]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let cancel = tokio_util::sync::CancellationToken::new();
        let guard = Guard::new(&cancel, std::time::Duration::from_secs(3600));
        cancel.cancel();
        let result = guard.during(|| inspect(&[path], &expectation(Format::Deb, &[])));
        assert!(result.is_err(), "{name}");
        assert_eq!(guard.broken_off(), Some(BrokenOff::Cancelled), "{name}");
    }
}
