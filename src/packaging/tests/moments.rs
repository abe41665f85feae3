//! When dpkg and rpm themselves run a recipe's scripts: an installation, an upgrade, a removal, and what comes after it.

use std::path::Path;
use std::process::Command;

use super::tools::{good, text_of};
use super::*;
use crate::types::testing::have;

/// A recipe whose scripts all write into $CALLS which they are, what they are called for, and on which version.
fn telling(format: Format) -> TargetRecipe {
    let tell = |name: &str| Some(format!("echo \"{name} $# $1 ${{FARM_OLD_VERSION-}}\" >>\"$CALLS\""));
    let mut recipe = recipe();
    recipe.packages.clear();
    recipe.package.scripts = MaintainerScripts {
        pre_install: tell("pre-install"),
        pre_upgrade: tell("pre-upgrade"),
        post_install: tell("post-install"),
        post_upgrade: tell("post-upgrade"),
        pre_remove: tell("pre-remove"),
        post_remove: tell("post-remove"),
        purge: tell("purge").filter(|_| format == Format::Deb),
        post_transaction: tell("post-transaction").filter(|_| format == Format::Rpm),
    };
    in_words(&recipe)
}

const VERSIONS: [&str; 2] = ["1.0", "1.1"];

fn calls_of_dpkg(scripts: &BTreeMap<String, String>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls");
    let root = folder.path().join("root");
    std::fs::create_dir_all(root.join("var/lib/dpkg/updates")).unwrap();
    std::fs::create_dir_all(root.join("var/lib/dpkg/info")).unwrap();
    std::fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
    let dpkg = |arguments: &[&str]| {
        let forced = ["not-root", "script-chrootless", "bad-path"].map(|what| format!("--force-{what}"));
        let root = format!("--root={}", root.display());
        good(Command::new("dpkg").args(forced).arg(root).args(arguments).env("CALLS", &calls));
    };
    for version in VERSIONS {
        let control = folder.path().join(version).join("DEBIAN");
        std::fs::create_dir_all(&control).unwrap();
        let fields = "Package: pkg\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n";
        std::fs::write(control.join("control"), format!("{fields}Version: {version}-1\n")).unwrap();
        std::fs::create_dir_all(folder.path().join(version).join("etc")).unwrap();
        // With a configuration file, it is not purged when it is removed.
        std::fs::write(folder.path().join(version).join("etc/pkg.conf"), "x").unwrap();
        std::fs::write(control.join("conffiles"), "/etc/pkg.conf\n").unwrap();
        for (name, script) in scripts {
            std::fs::write(control.join(name), script).unwrap();
            good(Command::new("chmod").arg("755").arg(control.join(name)));
        }
        let file = folder.path().join(format!("{version}.deb"));
        let tree = folder.path().join(version);
        good(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).args([&tree, &file]));
        dpkg(&["--install", file.to_str().unwrap()]);
    }
    dpkg(&["--remove", "pkg"]);
    dpkg(&["--purge", "pkg"]);
    std::fs::read_to_string(&calls).unwrap()
}

#[test]
fn dpkg_runs_each_script_at_its_moment() {
    if !have(&["dpkg", "dpkg-deb"]) {
        return;
    }
    let (recipe, distro) = (telling(Format::Deb), distro(Format::Deb, PackageManager::Apt));
    let by_farm = maintainer_scripts(&assembly(&recipe, &distro, 0).packages[0], &SystemFiles::default());
    let files = generate(&recipe, &distro, 0).files;
    let for_debhelper = ["preinst", "postinst", "prerm", "postrm"].map(|name| {
        let file = files.iter().find(|file| file.path.ends_with(&format!("/pkg.{name}"))).unwrap();
        let text = file.content.whole().replace("#DEBHELPER#", "");
        // debhelper begins it.
        let text = if name == "postinst" { format!("#!/bin/sh\nset -e\n{text}") } else { text };
        (name.to_owned(), text)
    });
    for scripts in [by_farm, for_debhelper.into()] {
        assert_eq!(
            calls_of_dpkg(&scripts),
            "pre-install 1 install \npost-install 1 install \n\
             pre-install 1 upgrade \npre-upgrade 1 upgrade 1.0-1\n\
             post-install 1 upgrade \npost-upgrade 1 upgrade 1.0-1\n\
             pre-remove 1 remove \npost-remove 1 remove \npurge 1 purge \n"
        );
    }
}

fn calls_of_rpm(scripts: &BTreeMap<String, String>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls");
    let rpm = |arguments: &[&str]| {
        let mut rpm = Command::new("rpm");
        if Path::new("/etc/debian_version").exists() {
            rpm.arg("--force-debian");
        }
        good(rpm.arg("--dbpath").arg(folder.path().join("db")).args(arguments).env("CALLS", &calls));
    };
    for version in VERSIONS {
        let mut spec = format!(
            "Name: pkg\nVersion: {version}\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n%description\nx\n%files\n"
        );
        for (section, script) in scripts {
            spec.push_str(&format!("%{section}\n{}\n", script.replace('%', "%%")));
        }
        let path = folder.path().join(format!("{version}.spec"));
        std::fs::write(&path, spec).unwrap();
        let top = format!("_topdir {}", folder.path().display());
        good(Command::new("rpmbuild").args(["--quiet", "-bb", "--nodeps", "--define", &top]).arg(&path));
        let file = folder.path().join(format!("RPMS/noarch/pkg-{version}-1.noarch.rpm"));
        rpm(&["--upgrade", "--nodeps", "--nosignature", file.to_str().unwrap()]);
    }
    rpm(&["--erase", "pkg"]);
    std::fs::read_to_string(&calls).unwrap()
}

#[test]
fn rpm_runs_each_script_at_its_moment() {
    if !have(&["rpm", "rpmbuild", "rpmspec"]) {
        return;
    }
    let (recipe, distro) = (telling(Format::Rpm), distro(Format::Rpm, PackageManager::Dnf));
    let by_farm = assembly(&recipe, &distro, 0).packages[0].scriptlets.clone();
    let folder = tempfile::tempdir().unwrap();
    for file in generate(&recipe, &distro, 0).files {
        std::fs::write(folder.path().join(&file.path), file.content.whole().as_bytes()).unwrap();
    }
    let in_spec =
        [("pre", "PREIN"), ("post", "POSTIN"), ("preun", "PREUN"), ("postun", "POSTUN"), ("posttrans", "POSTTRANS")];
    let in_spec = in_spec.map(|(section, tag)| {
        // There may be packages of debug symbols beside.
        let format = format!("%{{{tag}}}@END@");
        let text = text_of(Command::new("rpmspec").args(["-q", "--qf", &format]).arg(folder.path().join("pkg.spec")));
        (section.to_owned(), text.split("@END@").next().unwrap().to_owned())
    });
    for scripts in [by_farm, in_spec.into()] {
        assert_eq!(
            calls_of_rpm(&scripts),
            "pre-install 1 install \npost-install 1 install \npost-transaction 1 transaction \n\
             pre-install 1 upgrade \npre-upgrade 1 upgrade \n\
             post-install 1 upgrade \npost-upgrade 1 upgrade \npost-transaction 1 transaction \n\
             pre-remove 1 remove \npost-remove 1 remove \n"
        );
    }
}
