//! What came out, as the distributions' own tools see it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Ran, Test, built_once, tool};

#[test]
fn dpkg_reads_what_the_recipe_says() {
    let Some(test) = built_once() else { return };
    let packages = test.files("hello/debian-12-amd64", ".deb");
    let names: Vec<&str> = packages.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["hello-dbgsym_2.10-1~deb12_amd64.deb", "hello_2.10-1~deb12_amd64.deb"]);
    let Some(run) = tool("dpkg", &["-I", packages[1].to_str().unwrap()]) else { return };
    let run = run
        .exits(0)
        .says("Package: hello\n")
        .says("Version: 2.10-1~deb12\n")
        .says("Architecture: amd64\n")
        .says("Homepage: https://www.gnu.org/software/hello/\n")
        .says("Description: Friendly greeting program\n");
    let depends = run.stdout.lines().find(|line| line.trim_start().starts_with("Depends:")).expect("no Depends");
    assert!(depends.contains("libc6 (>= "), "{depends}");

    let libraries = test.files("xxhash/debian-13-amd64", ".deb");
    let names: Vec<&str> = libraries.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    for name in ["libxxhash-dev_", "libxxhash0_", "xxhash_"] {
        assert!(names.iter().any(|file| file.starts_with(name)), "{name} is missing in {names:?}");
    }
}

#[test]
fn rpm_reads_what_the_recipe_says() {
    let Some(test) = built_once() else { return };
    let packages = test.files("hello/rpm-generic-x86_64", ".rpm");
    let names: Vec<&str> = packages.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    for name in ["hello-2.10-1.src.rpm", "hello-2.10-1.x86_64.rpm", "hello-debuginfo-2.10-1.x86_64.rpm"] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
    let binary = packages.iter().find(|path| path.ends_with("hello-2.10-1.x86_64.rpm")).unwrap();
    let Some(run) = tool("rpm", &["-qip", binary.to_str().unwrap()]) else { return };
    run.exits(0).says("License     : GPL-3.0-or-later").says("Version     : 2.10").says("Architecture: x86_64");
    tool("rpm", &["-qRp", binary.to_str().unwrap()]).unwrap().exits(0).says("libc.so.6(GLIBC_2.34)(64bit)");
    let files = tool("rpm", &["-qlp", binary.to_str().unwrap()]).unwrap().exits(0);
    let files: Vec<&str> = files.stdout.lines().collect();
    assert!(files.contains(&"/usr/bin/hello"), "{files:?}");
    for shared in ["/usr", "/usr/bin", "/usr/share", "/usr/share/man", "/usr/share/info"] {
        assert!(!files.contains(&shared), "it owns {shared}");
    }
}

/// What rpmlint calls errors and no distribution that is supported today does, each with its reason.
const NO_ERRORS: [(&str, &str); 5] = [
    (" E: no-signature", "packages are signed when a repository is made of them"),
    (" E: info-files-without-install-info-", "file triggers of the package `info` do it since 2018"),
    (" E: lib-package-without-%mklibname", "a macro of Mandriva"),
    (" E: no-dependency-on locales-doc", "it takes `doc` for a language"),
    (
        " E: update-alternatives-postun-call-missing",
        "in %postun rpm has erased the link, and the entry stays: %preun does it",
    ),
];

/// rpmlint takes debug packages, which rpm itself makes, for ordinary ones.
fn is_debug(line: &str) -> bool {
    line.split_once('.').is_some_and(|(name, _)| name.ends_with("-debuginfo") || name.ends_with("-debugsource"))
}

#[test]
fn lintian_and_rpmlint_find_no_errors() {
    let Some(test) = built_once() else { return };
    for recipe in ["hello", "xxhash", "pass"] {
        for distro in ["debian-12", "debian-13"] {
            lintian_finds_no_errors(test, &format!("{recipe}/{distro}-amd64"));
        }
        rpmlint_finds_no_errors(test, &format!("{recipe}/rpm-generic-x86_64"));
    }
}

pub(crate) fn lintian_finds_no_errors(test: &Test, target: &str) {
    let changes = test.files(target, ".changes");
    assert_eq!(changes.len(), 1, "{target}: {changes:?}");
    assert_eq!(errors_of_lintian(&changes), Vec::<String>::new(), "{target}");
}

pub(crate) fn rpmlint_finds_no_errors(test: &Test, target: &str) {
    assert_eq!(errors_of_rpmlint(&test.files(target, ".rpm")), Vec::<String>::new(), "{target}");
}

/// Of packages, or of a .changes with all that it lists. None where there is no lintian.
pub(crate) fn errors_of_lintian(files: &[PathBuf]) -> Vec<String> {
    assert!(!files.is_empty(), "lintian gets nothing to read");
    // Uploading rules of Debian itself (an ITP bug, a known suite) do not concern a third party's package.
    let mut arguments =
        vec!["--fail-on", "none", "--allow-root", "--suppress-tags", "bad-distribution-in-changes-file"];
    arguments.extend(files.iter().map(|path| path.to_str().unwrap()));
    let Some(run) = tool("lintian", &arguments) else { return Vec::new() };
    run.exits(0).text().lines().filter(|line| line.starts_with("E: ")).map(str::to_owned).collect()
}

/// Of packages together: rpmlint looks for what one needs of another. None where there is no rpmlint.
pub(crate) fn errors_of_rpmlint(files: &[PathBuf]) -> Vec<String> {
    assert!(!files.is_empty(), "rpmlint gets nothing to read");
    let packages: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
    let Some(run) = tool("rpmlint", &packages) else { return Vec::new() };
    assert!(run.text().contains("packages and "), "rpmlint did not come to its end:\n{}", run.text());
    let excused = |line: &str| NO_ERRORS.iter().any(|(rule, _)| line.contains(rule)) || is_debug(line);
    run.text().lines().filter(|line| line.contains(": E: ") && !excused(line)).map(str::to_owned).collect()
}

#[test]
fn checksums_are_those_of_sha256sum() {
    let Some(test) = built_once() else { return };
    for target in ["hello/debian-12-amd64", "xxhash/rpm-generic-x86_64"] {
        let folder = test.dist().join(target);
        Ran::of(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&folder)).exits(0);
    }
    Ran::of(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(test.dist())).exits(0);
}

#[test]
fn a_projects_own_debian_folder_gives_the_bytes_that_dpkg_buildpackage_gives_by_hand() {
    let Some(test) = built_once() else { return };
    let host = test.engine();
    let farm = test.files("hello-debian/debian-12-amd64", ".deb");
    assert!(!farm.is_empty());
    // By hand, in the builder image that farm left behind: unpack the .dsc's files, run dpkg-buildpackage.
    let image = builder_image(host, "hello-debian", "12");
    let script = "set -e; cd /build; mkdir hand; cd hand; \
        tar xf /tmp/orig; mv hello-2.10 /build/hello-debian-2.10; cd /build/hello-debian-2.10; tar xf /tmp/packaging; \
        dpkg-buildpackage -us -uc -b >/build/log 2>&1 || { tail -50 /build/log; exit 1; }; \
        cd /build; sha256sum *.deb";
    let container = format!("farm-test-hand-{}", std::process::id());
    let docker = |arguments: &[&str]| Ran::of(Command::new("docker").args(arguments).env("DOCKER_HOST", host));
    docker(&[
        "create",
        "--name",
        &container,
        "--network",
        "none",
        "--user",
        "2000:2000",
        "--entrypoint",
        "sh",
        &image,
        "-c",
        script,
    ])
    .exits(0);
    for (name, place) in [("hello_2.10.orig.tar.gz", "/tmp/orig"), ("hello_2.10-3.debian.tar.xz", "/tmp/packaging")] {
        let file = cached_source(name);
        docker(&["cp", "-q", file.to_str().unwrap(), &format!("{container}:{place}")]).exits(0);
    }
    let by_hand = docker(&["start", "--attach", &container]);
    docker(&["rm", "--force", &container]).exits(0);
    let by_hand = by_hand.exits(0);
    for file in farm {
        let name = file.file_name().unwrap().to_str().unwrap();
        let sum = Ran::of(Command::new("sha256sum").arg(&file)).exits(0);
        let digest = sum.stdout.split_whitespace().next().unwrap();
        assert!(by_hand.text().contains(digest), "{name} differs from the one made by hand:\n{}", by_hand.text());
    }
}

/// The builder image that farm made last for a recipe's own `debian/control` on a release of Debian.
fn builder_image(host: &str, recipe: &str, version: &str) -> String {
    let docker =
        |arguments: &[&str]| Ran::of(Command::new("docker").args(arguments).env("DOCKER_HOST", host)).exits(0).text();
    let label = format!("label=io.farm.requires={recipe} debian/control");
    let images =
        docker(&["images", "--quiet", "--no-trunc", "--filter", "label=io.farm.kind=builder", "--filter", &label]);
    let of_version = |image: &&str| {
        let release = docker(&["run", "--rm", "--network", "none", "--entrypoint", "cat", image, "/etc/os-release"]);
        release.contains(&format!("VERSION_ID=\"{version}\""))
    };
    images.lines().find(of_version).unwrap_or_else(|| panic!("no builder image for {recipe}:\n{images}")).to_owned()
}

/// A source file that farm fetched, in the cache that the tests share.
fn cached_source(name: &str) -> std::path::PathBuf {
    fn find(folder: &Path, name: &str) -> Option<std::path::PathBuf> {
        for entry in std::fs::read_dir(folder).ok()?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                if let Some(found) = find(&path, name) {
                    return Some(found);
                }
            } else if path.file_name().is_some_and(|file| file == name) {
                return Some(path);
            }
        }
        None
    }
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    find(&cache, name).unwrap_or_else(|| panic!("{name} is not in {}", cache.display()))
}
