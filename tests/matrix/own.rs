//! A project that is its own source, with packaging of its own for both formats: sources under the names that its .spec asks
//! for, its version, a script that prepares it, snapshots.

use std::fs;
use std::process::Command;

use crate::support::{Ran, Test, cache, native_engine, tool};

const RECIPE: &str = r#"[package]
name = "signpost"
summary = "Points the way"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
architecture = "all"

[[sources]]
path = "."

[packaging]
debian = "debian"
spec = "packaging/signpost.spec"
define = { direction = "north" }

[matrix]
distros = ["debian-12", "debian-13", "rpm-generic"]

[test]
script = "test \"$(signpost)\" = north"
"#;

const SPEC: &str = "Name: signpost
Version: 1.4
Release: 3
Summary: Points the way
License: MIT
Source0: https://example.org/v%{version}.tar.xz
Source1: signpost.txt
BuildArch: noarch
BuildRequires: systemd-rpm-macros, gcc-c++
BuildRequires: pkgconfig >= 0.2
%if 0%{?fedora} && 0%{!?suse_version:1}
BuildRequires: /usr/bin/eu-strip
%endif
%description
Points the way.
%prep
%setup -q
%build
sed 's/@direction@/%{direction}/' signpost.in >signpost
%install
install -D signpost %{buildroot}/usr/bin/signpost
install -D -m 644 %{SOURCE1} %{buildroot}/usr/share/signpost/signpost.txt
install -d %{buildroot}%{_unitdir}
printf '[Service]\\nType=oneshot\\nExecStart=/usr/bin/signpost\\n' >%{buildroot}%{_unitdir}/signpost.service
%post
%systemd_post signpost.service
%preun
%systemd_preun signpost.service
%postun
%systemd_postun signpost.service
%files
/usr/bin/signpost
/usr/share/signpost
%{_unitdir}/signpost.service
%changelog
* Fri Jan 02 2026 Ada Lovelace <ada@example.org> - 1.4-3
- First.
";

const CHANGELOG: &str = "signpost (1.4-2) unstable; urgency=medium

  * First.

 -- Ada Lovelace <ada@example.org>  Fri, 02 Jan 2026 00:00:00 +0000
";

fn git(test: &Test, arguments: &[&str]) {
    let user = ["-c", "user.name=T", "-c", "user.email=t@example.org"];
    let mut command = Command::new("git");
    command.args(user).args(arguments).current_dir(test.folder());
    let date = "2026-02-02T03:04:05Z";
    Ran::of(command.env("GIT_COMMITTER_DATE", date).env("GIT_AUTHOR_DATE", date)).exits(0);
}

fn project(name: &str) -> Test {
    let test = Test::on(name, &native_engine())
        .file("farm.toml", RECIPE)
        .file("signpost.in", "#!/bin/sh\necho @direction@\n")
        .file(".gitignore", "*.txt\n/dist/\n/home/\n")
        .file("packaging/signpost.spec", SPEC)
        .file("packaging/signpost.txt", "ignored by a pattern, and tracked\n")
        .file("debian/changelog", CHANGELOG);
    git(&test, &["init", "--quiet"]);
    git(&test, &["add", "--all"]);
    git(&test, &["add", "--force", "packaging/signpost.txt"]);
    git(&test, &["commit", "--quiet", "-m", "Begin"]);
    test
}

/// The .rpm whose name ends so.
fn rpm(test: &Test, end: &str) -> String {
    test.files("signpost/rpm-generic-x86_64", end)[0].to_str().unwrap().to_owned()
}

#[test]
fn a_project_with_packaging_of_its_own_is_its_own_source() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let test = project("own");
    // Two releases would have one file.
    let clash = "its packaging gives version 1.4-2, as for signpost@debian-12/amd64";
    test.run(&["plan", "--matrix"]).exits(3).says(clash).says("distribution-suffix");
    test.write("farm.toml", &RECIPE.replace("define", "distribution-suffix = true\ndefine"));
    test.run(&["plan", "--matrix"]).exits(0).says("1.4-2~deb12").says("1.4-2~deb13").says("1.4-3");

    // `farm requires` has no folder for packages.
    let asking = Test::at(test.folder().to_owned()).env("XDG_CACHE_HOME", cache().to_str().unwrap());
    let run = asking.run(&["requires", "-t", "rpm-generic"]).exits(0);
    run.says("packaging/signpost.spec:12").says("elfutils");
    test.run(&["build", "-t", "rpm-generic"]).exits(0).says("signpost-1.4-3.noarch.rpm");
    if let Some(run) = tool("rpm", &["-qlp", &rpm(&test, ".src.rpm")]) {
        assert_eq!(run.exits(0).stdout, "signpost.spec\nsignpost.txt\nv1.4.tar.xz\n");
    }
    test.run(&["build", "-t", "rpm-generic"]).exits(0).says("1 up to date");

    // The .spec made from a template, with what is not committed.
    let id = Ran::of(Command::new("git").args(["rev-parse", "--short=7", "HEAD"]).current_dir(test.folder())).stdout;
    let version = format!("1.4~git1.{}.dirty", id.trim());
    let prepared = RECIPE.replace("define", "prepare = \"sed -i s/north/south/ signpost.in\"\ndefine");
    test.write("farm.toml", &prepared.replace("\"$(signpost)\\\" = north", "\"$(signpost)\\\" = south"));
    test.write("signpost.in", "#!/bin/sh\necho north\n");
    let run = test.run(&["build", "--snapshot", "-t", "rpm-generic"]).exits(0);
    run.says(&format!("signpost-{version}-3.noarch.rpm"));
    if let Some(run) = tool("rpm", &["-qp", "--changelog", &rpm(&test, ".noarch.rpm")]) {
        run.exits(0)
            .says(&format!("* Mon Feb 02 2026 Ada Lovelace <ada@example.org> - {version}-3\n- The sources as they"));
    }
    if let Some(run) = tool("rpm", &["-qlp", &rpm(&test, ".src.rpm")]) {
        run.exits(0).says(&format!("v{version}.tar.xz"));
    }
    assert_eq!(fs::read_to_string(test.folder().join("packaging/signpost.spec")).unwrap(), SPEC, "nobody wrote to it");
}

#[test]
fn what_packaging_of_the_project_says_is_compared_before_a_build() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let test = project("own-wrong");
    test.write("farm.toml", &RECIPE.replace("summary", "version = \"1.5\"\nsummary"));
    let run = test.run(&["build", "-t", "rpm-generic"]);
    assert_ne!(run.code, Some(0), "{run}");
    run.says("packaging/signpost.spec says 1.4-3, which is of version 1.4").says("farm.toml:3:11");
    test.write("farm.toml", RECIPE);
    test.write("packaging/signpost.spec", &SPEC.replace("Source1:", "Source2: manual.pdf\nSource1:"));
    let run = test.run(&["build", "-t", "rpm-generic"]).exits(10);
    run.says("signpost.spec wants manual.pdf, and no source of the recipe has this name");
    // What it requires, and no Debian package is known for.
    test.write("packaging/signpost.spec", &SPEC.replace("gcc-c++", "gcc-c++, nowhere-devel >= 2"));
    let run = test.run(&["build", "-t", "rpm-generic"]).exits(3);
    run.says("no Debian package is known for `nowhere-devel >= 2`")
        .says("line 9 of packaging/signpost.spec requires it")
        .says("\"nowhere-devel\" = \"PACKAGE\" }");
    test.write("farm.toml", &RECIPE.replace("define", "stand-ins = { \"nowhere-devel\" = \"\" }\ndefine"));
    test.run(&["plan", "-t", "rpm-generic"]).exits(0);
}
