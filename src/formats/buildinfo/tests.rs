use super::*;

const SUM: &str = "4d1b3bd2f9b3ebc5bb9cb3a8d9e07c33ba39b24a7b9b8c1ae8b3bd6f2a4b3b3b";

/// As dpkg-genbuildinfo writes it.
const TEXT: &str = "Format: 1.0
Source: hello (2.10-3)
Binary: hello hello-dbgsym
Architecture: amd64
Version: 2.10-3+b1
Binary-Only-Changes:
 hello (2.10-3+b1) sid; urgency=low, binary-only=yes
 .
   * Rebuild.
 .
  -- Builder <builder@example.org>  Mon, 26 Dec 2022 16:30:00 +0000
Checksums-Sha256:
 4d1b3bd2f9b3ebc5bb9cb3a8d9e07c33ba39b24a7b9b8c1ae8b3bd6f2a4b3b3b 53080 hello_2.10-3+b1_amd64.deb
Build-Origin: Debian
Build-Architecture: amd64
Build-Date: Mon, 26 Dec 2022 16:31:52 +0000
Build-Path: /build/reproducible-path/hello-2.10
Installed-Build-Depends:
 autoconf (= 2.71-2),
 gcc-12 (= 12.2.0-10),
 libc6:i386 (= 2.36-6)
Environment:
 DEB_BUILD_OPTIONS=\"parallel=4\"
 DEB_CFLAGS_APPEND=\"-DX=\\\"a b\\\"\"
 LC_ALL=\"C.UTF-8\"
 LD_PRELOAD=\"/tmp/evil.so\"
 SOURCE_DATE_EPOCH=\"1672072197\"
";

#[test]
fn what_dpkg_writes_is_read() {
    let read = Buildinfo::parse(TEXT).unwrap();
    assert_eq!((read.source.as_str(), read.source_version.as_str()), ("hello", "2.10-3"));
    assert_eq!(read.version, "2.10-3+b1");
    let packages: Vec<_> = read.packages().collect();
    assert_eq!(packages, [("hello_2.10-3+b1_amd64.deb", &Sum { size: 53080, sha256: SUM.to_owned() })]);
    assert_eq!(read.path.as_deref(), Some("/build/reproducible-path/hello-2.10"));
    assert_eq!(
        read.binary_only_changes.as_deref(),
        Some(
            "hello (2.10-3+b1) sid; urgency=low, binary-only=yes\n\n  * Rebuild.\n\n -- Builder <builder@example.org>  \
             Mon, 26 Dec 2022 16:30:00 +0000\n"
        )
    );
    assert_eq!(read.installed.len(), 3);
    assert_eq!(read.installed[2].arch.as_deref(), Some("i386"));
    assert_eq!(read.environment["DEB_CFLAGS_APPEND"], "-DX=\"a b\"");
    let allowed: Vec<&str> = read.environment.keys().map(String::as_str).filter(|name| is_allowed(name)).collect();
    assert_eq!(allowed, ["DEB_BUILD_OPTIONS", "DEB_CFLAGS_APPEND", "LC_ALL", "SOURCE_DATE_EPOCH"]);
}

#[test]
fn what_is_written_is_read_again() {
    let read = Buildinfo { binary_only_changes: None, ..Buildinfo::parse(TEXT).unwrap() };
    let text = read.write();
    assert_eq!(Buildinfo::parse(&text), Ok(read), "{text}");
    assert!(text.contains("\nInstalled-Build-Depends:\n autoconf (= 2.71-2),\n gcc-12 (= 12.2.0-10),\n"), "{text}");
}

#[test]
fn what_is_hostile_is_refused_with_its_field() {
    for (from, to, why) in [
        ("Format: 1.0", "Format: 2.0", "of the format 2.0"),
        ("Version: 2.10-3+b1", "Version: ../../etc", "no version"),
        ("Source: hello (2.10-3)", "Source: ../hello", "Source"),
        ("Source: hello (2.10-3)", "Source: hello 2.10", "Source"),
        ("Source: hello (2.10-3)", "Source: -rf", "Source"),
        ("hello-dbgsym", "$(reboot)", "Binary"),
        ("Build-Path: /build", "Build-Path: build", "Build-Path"),
        ("/build/reproducible-path", "/build/../..", "Build-Path"),
        ("/build/reproducible-path", "/build//x", "Build-Path"),
        ("/build/reproducible-path", "/proc/1", "Build-Path"),
        ("/build/reproducible-path", "/build/a'; reboot; '", "Build-Path"),
        ("53080 hello_", "53080 ../hello_", "Checksums-Sha256"),
        ("53080 hello_", "-1 hello_", "Checksums-Sha256"),
        ("4d1b3bd2", "4d1b3b", "Checksums-Sha256"),
        ("gcc-12 (= 12.2.0-10)", "gcc-12", "Installed-Build-Depends"),
        ("gcc-12 (= 12.2.0-10)", "gcc-12 (>= 12.2.0-10)", "Installed-Build-Depends"),
        ("gcc-12 (= 12.2.0-10)", "gcc-12 (= 12.2.0-10) | evil (= 1)", "Installed-Build-Depends"),
        ("gcc-12 (= 12.2.0-10)", "'gcc' (= 1)", "Installed-Build-Depends"),
        ("LC_ALL=\"C.UTF-8\"", "LC_ALL=C.UTF-8", "Environment"),
        ("LC_ALL=\"C.UTF-8\"", "LC ALL=\"C\"", "Environment"),
        ("LC_ALL=\"C.UTF-8\"", "SOURCE_DATE_EPOCH=\"1\"", "Environment"),
        ("16:31:52 +0000", "today", "Build-Date"),
        ("Version: 2.10-3+b1", "Version: 1\nversion: 2", "twice"),
        ("Architecture: amd64\nVersion", "Version", "no Architecture"),
        ("Build-Architecture: amd64", "Build-Architecture: a/b", "Architecture"),
        ("Build-Architecture: amd64", "Build-Architecture: amd64\n\nFormat: 1.0", "one paragraph"),
    ] {
        let text = TEXT.replacen(from, to, 1);
        assert_ne!(text, TEXT, "{from}");
        let error = Buildinfo::parse(&text).unwrap_err();
        assert!(error.contains(why), "{to}: {error}");
    }
    let error = Buildinfo::parse("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nFormat: 1.0\n").unwrap_err();
    assert!(error.contains("cannot be read"), "{error}");
}

/// The oracle: variables that dpkg itself lets into a .buildinfo.
#[test]
fn dpkg_allows_the_same_variables() {
    let script = "use Dpkg::BuildInfo; print join(\"\\n\", Dpkg::BuildInfo::get_build_env_allowed())";
    let Ok(run) = std::process::Command::new("perl").args(["-e", script]).output() else { return };
    if !run.status.success() {
        return;
    }
    for variable in String::from_utf8(run.stdout).unwrap().lines() {
        assert!(is_allowed(variable), "{variable}");
    }
}
