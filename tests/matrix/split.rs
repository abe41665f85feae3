//! Split packages, and what they ask of the system they are installed on, on farm's own engine: built, installed, tried
//! and removed; then read by dpkg, rpm, lintian and rpmlint.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::packages::{lintian_finds_no_errors, rpmlint_finds_no_errors};
use crate::support::{Test, copy, native_engine, repository, tool};

const DEB: &str = "greetd/debian-12-amd64";
const RPM: &str = "greetd/rpm-generic-x86_64";

fn recipe() -> PathBuf {
    repository().join("tests/recipes/greetd")
}

/// The daemon, built once for all tests that look at it. None where farm has no engine of its own.
pub(crate) fn greetd() -> Option<&'static Test> {
    static LAB: OnceLock<Option<Test>> = OnceLock::new();
    LAB.get_or_init(|| {
        let test = cfg!(target_os = "linux").then(|| Test::on("greetd", &native_engine()))?;
        test.run_in(&recipe(), &["build", "--matrix"]).exits(0).says("3 succeeded");
        Some(test)
    })
    .as_ref()
}

/// What a tool prints about the one package whose file name begins so.
#[track_caller]
fn ask(test: &Test, target: &str, package: &str, program: &str, arguments: &[&str]) -> Option<String> {
    let ending = if target == DEB { ".deb" } else { ".rpm" };
    let files = test.files(target, ending);
    let name = |file: &&PathBuf| file.file_name().unwrap().to_str().unwrap().starts_with(package);
    let file = files.iter().find(name).unwrap_or_else(|| panic!("{package} is missing in {files:?}"));
    let run = tool(program, &[arguments, &[file.to_str().unwrap()]].concat())?;
    Some(run.exits(0).text())
}

#[track_caller]
fn in_order(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} is missing, or too early, in:\n{text}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn a_deb_does_it_with_debhelpers_helpers() {
    let Some(test) = greetd() else { return };
    let Some(contents) = ask(test, DEB, "greetd_", "dpkg-deb", &["-c"]) else { return };
    for path in [
        "/lib/systemd/system/greetd.service",
        "/usr/lib/sysusers.d/greetd.conf",
        "/usr/lib/tmpfiles.d/greetd.conf",
        "/usr/bin/greet-plain",
    ] {
        assert!(contents.contains(&format!(" .{path}\n")), "{path} is missing in:\n{contents}");
    }
    // The release after it has them where they are to stay.
    let file = test.dist().join("greetd/debian-13-amd64/greetd_1.2-1~deb13_amd64.deb");
    let Some(newer) = tool("dpkg-deb", &["-c", file.to_str().unwrap()]) else { return };
    newer.exits(0).says(" ./usr/lib/systemd/system/greetd.service\n");
    for path in ["/usr/bin/greet\n", "libgreet", "manual"] {
        assert!(!contents.contains(path), "{path} is in:\n{contents}");
    }
    let folder = test.folder().join("control");
    let Some(_) = tool(
        "dpkg-deb",
        &[
            "-e",
            test.files(DEB, ".deb")
                .iter()
                .find(|f| f.to_str().unwrap().contains("/greetd_"))
                .unwrap()
                .to_str()
                .unwrap(),
            folder.to_str().unwrap(),
        ],
    ) else {
        return;
    };
    let script = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    // The recipe's script finds the user, and the service is started after it.
    in_order(
        &script("postinst"),
        &[
            "systemd-sysusers ${DPKG_ROOT:+--root=\"$DPKG_ROOT\"} greetd.conf",
            "--create greetd.conf",
            "getent passwd greetd >/var/lib/greetd.installed",
            "--install /usr/bin/greet greet /usr/bin/greet-plain 40",
            "--slave /usr/share/man/man1/greet.1.gz greet.1.gz /usr/share/man/man1/greet-plain.1.gz",
            "deb-systemd-helper debian-installed 'greetd-tidy.timer'",
            "deb-systemd-helper enable 'greetd.service'",
            "deb-systemd-invoke $_dh_action 'greetd.service'",
        ],
    );
    in_order(&script("prerm"), &["deb-systemd-invoke stop 'greetd.service'", "update-alternatives --remove greet"]);
    in_order(&script("postrm"), &["rm -f /var/lib/greetd.installed", "deb-systemd-helper purge 'greetd.service'"]);
    assert_eq!(script("conffiles"), "/etc/greetd.conf\n");
}

#[test]
fn packages_of_one_build_need_each_other_and_what_they_are_linked_with() {
    let Some(test) = greetd() else { return };
    for (package, depends) in [
        ("greetd_", &["libc6 (>= ", "libgreet1 (>= 1.2)", "perl:any"][..]),
        ("libgreet1_", &["libc6 (>= ", "zlib1g (>= "]),
        ("libgreet-dev_", &["libgreet1 (= 1.2-1~deb12)", "zlib1g-dev"]),
    ] {
        let Some(fields) = ask(test, DEB, package, "dpkg-deb", &["-I"]) else { return };
        let line = fields.lines().find(|line| line.trim_start().starts_with("Depends:")).expect("no Depends");
        for part in depends {
            assert!(line.contains(part), "{package}: {part} is missing in {line}");
        }
    }
    let Some(fields) = ask(test, DEB, "greetd-doc_", "dpkg-deb", &["-I"]) else { return };
    assert!(fields.contains(" Architecture: all\n") && !fields.contains("Depends:"), "{fields}");
    for (package, requires) in [
        (
            "greetd-1.2-1.x86_64",
            &["libgreet.so.1()(64bit)\n", "/usr/bin/perl\n", "perl(strict)\n", "/usr/sbin/useradd\n"][..],
        ),
        ("libgreet1-", &["libz.so.1()(64bit)\n"]),
        ("libgreet-devel-", &["libgreet1(x86-64) = 1.2-1\n", "pkgconfig(zlib) >= 1.2\n"]),
    ] {
        let Some(text) = ask(test, RPM, package, "rpm", &["-qRp", "--nosignature"]) else { return };
        for part in requires {
            assert!(text.contains(part), "{package}: {part} is missing in\n{text}");
        }
    }
    let names: Vec<PathBuf> = test.files(RPM, ".noarch.rpm");
    assert!(names.len() == 1 && names[0].ends_with("greetd-doc-1.2-1.noarch.rpm"), "{names:?}");
    for (target, debug) in [(DEB, "greetd-dbgsym_"), (DEB, "libgreet1-dbgsym_"), (RPM, "greetd-debuginfo-")] {
        let files = test.files(target, "");
        assert!(files.iter().any(|f| f.to_str().unwrap().contains(&format!("/{debug}"))), "{debug}: {files:?}");
    }
}

#[test]
fn an_rpm_without_macros_does_what_they_do() {
    let Some(test) = greetd() else { return };
    let format = "[%{FILEFLAGS:fflags} %{FILENAMES}\n]";
    let Some(files) = ask(test, RPM, "greetd-1.2-1.x86_64", "rpm", &["-qp", "--nosignature", "--qf", format]) else {
        return;
    };
    for line in [
        "cn /etc/greetd.conf\n",
        "g /usr/bin/greet\n",
        "g /etc/alternatives/greet\n",
        " /usr/lib/systemd/system/greetd.service\n",
        " /usr/lib/systemd/system-preset/50-greetd.preset\n",
    ] {
        assert!(files.contains(line), "{line:?} is missing in:\n{files}");
    }
    let Some(scripts) = ask(test, RPM, "greetd-1.2-1.x86_64", "rpm", &["-qp", "--nosignature", "--scripts"]) else {
        return;
    };
    in_order(
        &scripts,
        &[
            "preinstall scriptlet",
            "useradd -r -g greetd -d /var/lib/greetd",
            "postinstall scriptlet",
            "systemd-tmpfiles --create greetd.conf",
            "getent passwd greetd >/var/lib/greetd.installed",
            "update-alternatives --install /usr/bin/greet greet /usr/bin/greet-plain 40",
            "systemctl --no-reload preset greetd-tidy.service greetd-tidy.timer greetd.service",
            "preuninstall scriptlet",
            "update-alternatives --remove greet /usr/bin/greet-plain",
            "systemctl --no-reload disable",
            "postuninstall scriptlet",
            "rm -f /var/lib/greetd.installed",
            "systemctl try-restart greetd-tidy.timer greetd.service",
        ],
    );
}

#[test]
fn lintian_and_rpmlint_find_no_errors_in_them() {
    let Some(test) = greetd() else { return };
    lintian_finds_no_errors(test, DEB);
    rpmlint_finds_no_errors(test, RPM);
}

/// A copy of the recipe, changed.
fn changed(test: &Test, change: impl FnOnce(String) -> String) -> PathBuf {
    let project = test.folder().join("project");
    copy(&recipe().join("src"), &project.join("src"));
    let text = fs::read_to_string(recipe().join("farm.toml")).unwrap();
    let new = change(text.clone());
    assert_ne!(text, new);
    fs::write(project.join("farm.toml"), new).unwrap();
    project
}

#[test]
fn files_in_two_packages_or_in_none_are_named_in_both_formats() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let test = Test::on("greetd-wrong", &native_engine());
    let project = changed(&test, |text| {
        text.replace("  \"/usr/sbin/greetd\",\n", "  \"/usr/sbin/greetd\",\n  \"/usr/share/none/*\",\n")
            .replace("  \"/usr/share/man/man8/greetd.8\",\n", "")
            .replace(
                "files = [\"/usr/share/greet/manual/**\"]",
                "files = [\"/usr/share/greet/**\", \"/usr/include/*\"]",
            )
    });
    let arguments = ["build", "-t", "debian-12", "-t", "rpm-generic", "--no-test"];
    let run = test.run_in(&project, &arguments).exits(10).says("2 failed");
    for rule in ["[file-in-two-packages]", "[file-in-no-package]", "[pattern-without-files]"] {
        assert_eq!(run.text().matches(rule).count(), 2, "{rule}:\n{}", run.text());
    }
    for (target, dev, manual) in [(DEB, "libgreet-dev", "greetd.8"), (RPM, "libgreet-devel", "greetd.8.gz")] {
        let log = fs::read_to_string(test.dist().join(target).join("build.log")).unwrap();
        for line in [
            format!(
                "farm: /usr/include/greet.h is in two packages: {dev} takes it by /usr/include/greet.h, greetd-doc by \
                 /usr/include/*\n"
            ),
            format!("farm: /usr/share/man/man8/{manual} is in no package: no pattern takes it\n"),
            "farm: nothing that was installed matches /usr/share/none/* of package greetd\n".to_owned(),
        ] {
            assert!(log.contains(&line), "{line:?} is missing in:\n{log}");
        }
        assert!(!log.contains(" finding file-in"), "a marker is in the log:\n{log}");
    }
}

/// What RPM cannot do: a main package for all architectures with a part for one.
#[test]
fn a_deb_for_all_architectures_may_have_a_part_for_one() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let test = Test::on("all-and-any", &native_engine());
    let project = test.folder().join("project");
    fs::create_dir_all(&project).unwrap();
    fs::copy(repository().join("tests/recipes/edges/src/edges.c"), project.join("edges.c")).unwrap();
    let recipe = r#"
[package]
name = "corners"
version = "1.0"
summary = "Say where the edges are"
license = "MIT"
maintainer = "farm maintainers <farm@example.org>"
architecture = "all"
requires = ["corners-bin (= ${self-version})"]

[[sources]]
path = "edges.c"

[build]
build = "cc $CPPFLAGS $CFLAGS $LDFLAGS -o edges edges.c"
install = """
install -D -m 0755 edges $DESTDIR$PREFIX/bin/edges
install -d $DESTDIR$PREFIX/share/corners
echo corner >$DESTDIR$PREFIX/share/corners/data
"""

[packages.bin]
architecture = "any"
files = ["/usr/bin/edges"]

[matrix]
distros = ["debian-12"]

[test]
script = 'test "$(edges)" = edges && test -f /usr/share/corners/data'
"#;
    fs::write(project.join("farm.toml"), recipe).unwrap();
    test.run_in(&project, &["build", "--matrix"]).exits(0).says("1 succeeded");
    let has = |name: &str| {
        let file = test.dist().join("corners/debian-12-amd64").join(name);
        assert!(Path::new(&file).is_file(), "{} is missing", file.display());
    };
    has("corners_1.0-1~deb12_all.deb");
    has("corners-bin_1.0-1~deb12_amd64.deb");
    has("corners-bin-dbgsym_1.0-1~deb12_amd64.deb");
    test.run_in(&project, &["build", "-t", "rpm-generic"]).exits(4);
    fs::write(project.join("farm.toml"), recipe.replace("debian-12", "rpm-generic")).unwrap();
    test.run_in(&project, &["build", "--matrix"]).exits(3).says("[override.rpm.package] architecture = \"any\"");
}

#[test]
fn python_code_brings_its_dependencies() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let test = Test::on("python", &native_engine());
    let project = test.folder().join("project");
    fs::create_dir_all(&project).unwrap();
    let recipe = r#"
[package]
name = "pymod"
version = "1.0"
summary = "Module in Python"
license = "MIT"
maintainer = "farm maintainers <farm@example.org>"
architecture = "all"
section = "python"

[build]
requires = ["python3"]
install = """
modules=$DESTDIR$PREFIX/lib/python3/dist-packages
mkdir -p $modules/pymod-1.0.egg-info
echo 'import six' >$modules/pymod.py
printf 'Metadata-Version: 2.1\\nName: pymod\\nVersion: 1.0\\n' >$modules/pymod-1.0.egg-info/PKG-INFO
echo six >$modules/pymod-1.0.egg-info/requires.txt
"""

[matrix]
distros = ["debian-12"]
"#;
    fs::write(project.join("farm.toml"), recipe).unwrap();
    test.run_in(&project, &["build", "--matrix", "--no-test"]).exits(0).says("1 succeeded");
    let file = test.dist().join("pymod/debian-12-amd64/pymod_1.0-1~deb12_all.deb");
    let Some(run) = tool("dpkg-deb", &["-f", file.to_str().unwrap(), "Depends"]) else { return };
    let depends = run.exits(0).text();
    assert!(depends.contains("python3-six") && depends.contains("python3:any"), "{depends}");
}
