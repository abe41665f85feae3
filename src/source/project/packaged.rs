//! The version that a project's own packaging says: the top entry of a debian/changelog, or the tags of a .spec. Read, never
//! run: what a .spec computes by a command, in Lua or under a condition is not known.

use std::collections::BTreeMap;
use std::path::Path;

use crate::formats::version;
use crate::types::Format;

/// The tags that are read.
const TAGS: [&str; 4] = ["name", "version", "release", "epoch"];
/// Macros that one text is expanded through, those within macros included: no honest .spec comes near it.
const MOST_MACROS: usize = 1_000;

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

/// Of a .spec, with macros from outside.
///
/// # Errors
/// What is wrong with it, as a fragment of a sentence.
pub(super) fn of_spec(content: &str, defined: &BTreeMap<String, String>) -> Result<Packaged, String> {
    let Preamble { tags, macros } = Preamble::read(content, defined);
    let tag = |name: &str| match tags.get(name) {
        None => Ok(None),
        Some(None) => Err(format!("its {name} stands under a condition")),
        Some(Some(text)) => expand(text, &macros, 0, &mut { MOST_MACROS })
            .map(Some)
            .map_err(|unknown| format!("its {name} is computed: `{unknown}`")),
    };
    let upstream = tag("version")?.ok_or("it has no Version")?;
    let release = tag("release").ok().flatten();
    let epoch = tag("epoch").ok().flatten().map(|epoch| format!("{epoch}:"));
    let whole = match release {
        Some(release) => format!("{}{upstream}-{release}", epoch.unwrap_or_default()),
        None => upstream.clone(),
    };
    Ok(Packaged { whole, upstream })
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

/// What stands before the first section of a .spec.
struct Preamble<'a> {
    /// By their names in lower-case letters; none for what stands under a condition.
    tags: BTreeMap<&'static str, Option<&'a str>>,
    /// None for what is not known.
    macros: BTreeMap<&'a str, Option<&'a str>>,
}

impl<'a> Preamble<'a> {
    fn read(content: &'a str, defined: &'a BTreeMap<String, String>) -> Preamble<'a> {
        const SECTIONS: [&str; 4] = ["%description", "%package", "%prep", "%build"];
        let mut preamble = Preamble { tags: BTreeMap::new(), macros: BTreeMap::new() };
        preamble.macros.extend(defined.iter().map(|(name, body)| (name.as_str(), Some(body.as_str()))));
        let mut depth = 0_usize;
        for line in content.lines().map(str::trim) {
            if SECTIONS.iter().any(|section| line.starts_with(section)) {
                break;
            }
            let word = line.split_whitespace().next().unwrap_or_default();
            match word {
                "%if" | "%ifarch" | "%ifnarch" | "%ifos" | "%ifnos" => depth += 1,
                "%endif" => depth = depth.saturating_sub(1),
                "%global" | "%define" | "%undefine" => {
                    let rest = line[word.len()..].trim_start();
                    let (name, body) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                    let name = name.split('(').next().unwrap_or(name);
                    let known = depth == 0 && word != "%undefine" && !body.ends_with('\\');
                    preamble.macros.insert(name, known.then_some(body.trim()));
                }
                _ => {
                    let Some((name, value)) = line.split_once(':') else { continue };
                    let Some(tag) = TAGS.into_iter().find(|tag| name.trim().eq_ignore_ascii_case(tag)) else {
                        continue;
                    };
                    let known = (depth == 0 && !preamble.tags.contains_key(tag)).then_some(value.trim());
                    preamble.tags.insert(tag, known);
                    if tag != "epoch" {
                        preamble.macros.insert(tag, known);
                    }
                }
            }
        }
        preamble
    }
}

/// A text with its macros in place; `%{?dist}` stays when nobody has defined it. `left` is how many macros may still follow.
///
/// # Errors
/// The macro that is not known.
fn expand(text: &str, macros: &BTreeMap<&str, Option<&str>>, depth: usize, left: &mut usize) -> Result<String, String> {
    const DEEPEST: usize = 16;
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (written, name) = match rest.strip_prefix('{') {
            Some(inside) => {
                let end = inside.find('}').ok_or_else(|| format!("%{rest}"))?;
                (&rest[..end + 2], &inside[..end])
            }
            None => {
                let begin = rest.len() - rest.trim_start_matches('?').len();
                let end = rest[begin..].find(|c| !is_word(c)).map_or(rest.len(), |end| begin + end);
                (&rest[..end], &rest[..end])
            }
        };
        rest = &rest[written.len()..];
        let unknown = || format!("%{written}");
        let name = name.strip_prefix('?').unwrap_or(name);
        if name.is_empty() || !name.chars().all(is_word) || depth > DEEPEST || *left == 0 {
            return Err(unknown());
        }
        *left -= 1;
        match macros.get(name) {
            Some(Some(body)) => out.push_str(&expand(body, macros, depth + 1, left)?),
            None if name == "dist" => out.push_str("%{?dist}"),
            None if name == "nil" => {}
            // A distribution may have it, also where it is wanted only if there.
            None | Some(None) => return Err(unknown()),
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
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
        let found = of_spec(&text, &defined);
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
        spec("Version: %(date +%%Y)\nRelease: 1", &[], Err("its version is computed: `%`"));
        spec("Version: %{!?x:1}\nRelease: 1", &[], Err("its version is computed: `%{!?x:1}`"));
        spec("Version: 1%{?extra}\nRelease: 1", &[], Err("its version is computed: `%{?extra}`"));
        spec(
            "%if 1\nVersion: 1\n%else\nVersion: 2\n%endif\nRelease: 1",
            &[],
            Err("its version stands under a condition"),
        );
        spec("%if 0\n%global up 1\n%endif\nVersion: %up\nRelease: 1", &[], Err("its version is computed: `%up`"));
        spec("%global up %up\nVersion: %up\nRelease: 1", &[], Err("its version is computed: `%up`"));
        // Ten macros of ten each: more than anybody waits for.
        let grown: String = (1..10).map(|n| format!("%global m{n} {}\n", format!("%m{}", n - 1).repeat(10))).collect();
        let text = format!("%global m0 %nil\n{grown}Version: 1%m9\nRelease: 1");
        spec(&text, &[], Err("its version is computed: `%m0`"));
    }
}
