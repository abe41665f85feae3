//! The version that a project's own packaging says: the top entry of a debian/changelog, or the tags of a .spec. Read, never
//! run: what a .spec computes by a command, in Lua or under a condition that is not known is not known.

use std::path::Path;

use crate::formats::spec::{NotKnown, Required, Spec};
use crate::formats::version;
use crate::recipe::OwnRequirement;
use crate::types::Format;

/// A version as packages have it, and the part of it that is the project's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packaged {
    /// `1:2.10-3`. Of a .spec with `%{?dist}` where it has that; its version alone where the rest is not known.
    pub(super) whole: String,
    pub(super) upstream: String,
}

/// Of the first entry of a changelog (deb-changelog(5)), split as deb-version(7) has it.
///
/// # Errors
/// What is wrong with it, as a fragment of a sentence.
pub(super) fn of_changelog(content: &str) -> Result<Packaged, String> {
    let line = content.lines().find(|line| !line.trim().is_empty()).ok_or("it is empty")?;
    let version = line.split_once(" (").and_then(|(_, rest)| rest.split_once(')')).map(|(version, _)| version.trim());
    let version = version.ok_or("it does not begin with `NAME (VERSION) …`")?;
    if version::check(Format::Deb, version).is_err() {
        return Err(format!("its first version, `{}`, is none to dpkg", crate::types::printable(version)));
    }
    Ok(Packaged { whole: version.to_owned(), upstream: version::upstream(version).to_owned() })
}

/// Of a .spec.
///
/// # Errors
/// What is wrong with it, as a fragment of a sentence.
pub(super) fn of_spec(spec: &Spec) -> Result<Packaged, String> {
    let tag = |name: &str| match spec.tag(name) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text.clone())),
        Some(Err(NotKnown::Condition)) => Err(format!("its {name} stands under a condition")),
        Some(Err(NotKnown::Undefined(text) | NotKnown::Computed(text))) => {
            Err(format!("its {name} is computed: `{text}`"))
        }
    };
    let upstream = tag("version")?.ok_or("it has no Version")?;
    if version::check(Format::Rpm, &upstream).is_err() || upstream.contains(['-', ':']) {
        return Err(format!("its version, `{}`, is none to rpm", crate::types::printable(&upstream)));
    }
    let release = tag("release").ok().flatten();
    // An epoch that is there and not known leaves out the rest of it.
    let whole = match (release, tag("epoch")) {
        (Some(release), Ok(epoch)) => {
            format!("{}{upstream}-{release}", epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default())
        }
        _ => upstream.clone(),
    };
    Ok(Packaged { whole, upstream })
}

/// What a .spec requires to be built, with what its pyproject.toml asks for where it leaves that to the file.
pub(super) fn required(spec: &Spec, pyproject: Option<&str>) -> Vec<OwnRequirement> {
    let own = |one: &Required| OwnRequirement { line: one.line, text: one.text.clone(), is_certain: one.is_certain };
    let mut required: Vec<OwnRequirement> = spec.requires.iter().map(own).collect();
    if let Some((line, words)) = &spec.pyproject {
        required.extend(
            super::pyproject::required(pyproject, words).into_iter().map(|(text, is_certain)| OwnRequirement {
                line: *line,
                text,
                is_certain,
            }),
        );
    }
    required
}

/// Where else a project has its packaging, when it has none of this name: a few of the places that are usual.
pub(super) fn elsewhere(project: &Path, file: &str) -> Vec<String> {
    const FOLDERS: [&str; 10] =
        ["", "packaging", "packages", "package", "pkg", "contrib", "rpm", "packaging/rpm", "packages/rpm", "SPECS"];
    const MOST: usize = 4;
    let is_changelog = file.ends_with("/changelog");
    let mut found = Vec::new();
    for folder in FOLDERS {
        let below = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        if is_changelog {
            let debian = below("debian");
            found.extend(Some(debian).filter(|debian| project.join(debian).join("changelog").is_file()));
            continue;
        }
        let entries = std::fs::read_dir(project.join(folder)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut specs: Vec<String> = names
            .filter(|name| name.ends_with(".spec") || name.ends_with(".spec.in"))
            .map(|name| below(&name))
            .collect();
        specs.sort();
        found.append(&mut specs);
    }
    found.truncate(MOST);
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::process::Command;

    use super::*;
    use crate::formats::spec::{Absent, Macros};
    use crate::types::testing::have;

    fn changelog(version: &str) -> String {
        format!("a ({version}) unstable; urgency=low\n\n  * One\n\n -- A <a@b.c>  Fri, 02 Jan 2026 00:00:00 +0000\n")
    }

    #[test]
    fn changelogs_are_read_as_dpkg_reads_them() {
        for (version, upstream) in [
            ("2.10-3", "2.10"),
            ("1:2.10-3~deb12u1", "2.10"),
            ("2.3.1-SNAPSHOT", "2.3.1"),
            ("1.0-rc1-1", "1.0-rc1"),
            ("2.3.1", "2.3.1"),
            ("1.0+git12.abc-1", "1.0+git12.abc"),
        ] {
            let found = of_changelog(&changelog(version)).unwrap();
            assert_eq!((found.whole.as_str(), found.upstream.as_str()), (version, upstream));
            if have(&["dpkg-parsechangelog"]) {
                let file = tempfile::NamedTempFile::new().unwrap();
                std::fs::write(file.path(), changelog(version)).unwrap();
                let asked = ["-S", "Version", "-l", file.path().to_str().unwrap()];
                let output = Command::new("dpkg-parsechangelog").args(asked).output().unwrap();
                assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), version);
            }
        }
        for wrong in ["", "# Changes\n", "a (v1.0) unstable; urgency=low\n", "a (1.0 b) x; urgency=low", "a (1.0"] {
            assert!(of_changelog(wrong).is_err(), "{wrong}");
        }
    }

    /// The tags, what is expected, and what rpm says of them itself.
    #[track_caller]
    fn spec(lines: &str, defined: &[(&str, &str)], expected: Result<(&str, &str), &str>) {
        let text = format!("Name: a\nSummary: a\nLicense: MIT\n{lines}\n%description\nVersion: 9\n%files\n");
        let defined: BTreeMap<String, String> =
            defined.iter().map(|(name, body)| ((*name).to_owned(), (*body).to_owned())).collect();
        let macros = Macros { defined: defined.clone(), absent: Absent::These(vec!["fedora".to_owned()]) };
        let found = of_spec(&Spec::read(&text, &macros));
        let (whole, upstream) = match (found, expected) {
            (Ok(found), Ok(expected)) => {
                assert_eq!((found.whole.as_str(), found.upstream.as_str()), expected, "{lines}");
                expected
            }
            (found, expected) => return assert_eq!(found.err().as_deref(), expected.err(), "{lines}"),
        };
        if have(&["rpmspec"]) && whole != upstream {
            let file = tempfile::Builder::new().suffix(".spec").tempfile().unwrap();
            std::fs::write(file.path(), &text).unwrap();
            let mut command = Command::new("rpmspec");
            let evr = "%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}";
            command.args(["-q", "--srpm", "--qf", evr, "--define", "dist .el9"]);
            for (name, body) in &defined {
                command.arg("--define").arg(format!("{name} {body}"));
            }
            let output = command.arg(file.path()).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), whole.replace("%{?dist}", ".el9"), "{lines}");
        }
    }

    #[test]
    fn specs_are_read_as_rpm_reads_them() {
        spec("Version: 1.2\nRelease: 3%{?dist}", &[], Ok(("1.2-3%{?dist}", "1.2")));
        spec("VERSION:1.2~rc1\nRelease: 1\nEpoch: 2", &[], Ok(("2:1.2~rc1-1", "1.2~rc1")));
        spec(
            "%global up 1.%minor\n%define minor 4\nVersion: %{up}.0\nRelease: 0.%{minor}%{?dist}",
            &[],
            Ok(("1.4.0-0.4%{?dist}", "1.4.0")),
        );
        spec("Version: %{build}\nRelease: 1", &[("build", "7.1")], Ok(("7.1-1", "7.1")));
        spec("Version: 1.2\nRelease: 1%{?dist}", &[("dist", ".own")], Ok(("1.2-1.own", "1.2")));
        spec("Version: 1.2\nRelease: %autorelease", &[], Ok(("1.2", "1.2")));
        spec("Release: 1", &[], Err("it has no Version"));
        spec("Version: %(date +%%Y)\nRelease: 1", &[], Err("its version is computed: `%(date +%%Y)`"));
        spec("Version: 1%{?extra}\nRelease: 1", &[], Err("its version is computed: `%{?extra}`"));
        spec(
            "%global commit %(git describe)\nVersion: 1%{commit}\nRelease: 1",
            &[],
            Err("its version is computed: `%(git describe)`"),
        );
        spec("%if 1\nVersion: 1\n%else\nVersion: 2\n%endif\nRelease: 1", &[], Ok(("1-1", "1")));
        spec("%if 0%{?fedora}\nVersion: 1\n%else\nVersion: 2\n%endif\nRelease: 1", &[], Ok(("2-1", "2")));
        spec(
            "%if 0%{?rhel}\nVersion: 1\n%else\nVersion: 2\n%endif\nRelease: 1",
            &[],
            Err("its version stands under a condition"),
        );
        spec(
            "%if 0%{?rhel}\n%global up 1\n%endif\nVersion: %up\nRelease: 1",
            &[],
            Err("its version is computed: `%up`"),
        );
        spec(
            "%bcond_with pre\nVersion: 1%{?with_pre:~rc1}\nRelease: %{!?with_pre:2}%{?with_pre:1}",
            &[],
            Ok(("1-2", "1")),
        );
        spec(
            "%bcond_with pre\nVersion: 1%{?with_pre:~rc1}\nRelease: %{!?with_pre:2}%{?with_pre:1}",
            &[("_with_pre", "1")],
            Ok(("1~rc1-1", "1~rc1")),
        );
        spec(
            "%global major 1\n%define minor 2\n%global major_minor %{major}.%{minor}\nVersion: %{major_minor}.3\nRelease: 1",
            &[],
            Ok(("1.2.3-1", "1.2.3")),
        );
        spec(
            "%{!?snap:%global snap 7}\nVersion: 1.%{snap}\nRelease: 1",
            &[],
            Err("its version is computed: `%{snap}`"),
        );
        spec("Version: 1\nRelease: 1%{?fedora:.f}%{?dist}\nEpoch: %[1 + 1]", &[], Ok(("2:1-1%{?dist}", "1")));
        spec("Version: v1.0-rc1\nRelease: 1", &[], Err("its version, `v1.0-rc1`, is none to rpm"));
        spec("%global up %up\nVersion: %up\nRelease: 1", &[], Err("its version is computed: `%up`"));
        // Ten macros of ten each: more than anybody waits for.
        let grown: String = (1..10).map(|n| format!("%define m{n} {}\n", format!("%m{}", n - 1).repeat(10))).collect();
        let text = format!("%define m0 %nil\n{grown}Version: 1%m9\nRelease: 1");
        spec(&text, &[], Err("its version is computed: `%m0`"));
        let text = text.replace("%nil", &"x".repeat(99)).replace("%define", "%global");
        spec(&text, &[], Err("its version is computed: `%m2`"));
    }
}
