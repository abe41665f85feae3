//! The tests that a source package brings along, `debian/tests/control`, as autopkgtest reads it (DEP-8; README.package-tests
//! of autopkgtest). What a test asks of the place that it runs in is for whoever has such a place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{deb822, relation};
use crate::types::{Arch, Format, printable};

/// No source package has as many.
const MOST_TESTS: usize = 500;
/// Of a command, and of all relations of a test together: no argument of a process may be longer than four times this.
const LONGEST: usize = 32 << 10;
const LONGEST_NAME: usize = 200;

/// What is known of a restriction by its name alone: all that autopkgtest knows.
const RESTRICTIONS: [&str; 17] = [
    "allow-stderr",
    "breaks-testbed",
    "build-needed",
    "flaky",
    "hint-testsuite-triggers",
    "isolation-container",
    "isolation-machine",
    "needs-internet",
    "needs-reboot",
    "needs-recommends",
    "needs-root",
    "needs-sudo",
    "rw-build-tree",
    "skip-foreign-architecture",
    "skip-not-installable",
    "skippable",
    "superficial",
];

const FIELDS: [&str; 8] =
    ["tests", "test-command", "restrictions", "features", "depends", "tests-directory", "classes", "architecture"];

/// What the tests belong to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tested<'a> {
    /// `debian/control`
    pub(crate) control: &'a str,
    /// The binary packages that were built of it.
    pub(crate) packages: &'a [String],
    pub(crate) arch: Arch,
}

/// One test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceTest {
    /// Printable, without a slash.
    pub(crate) name: String,
    pub(crate) program: Program,
    /// A value of `Depends` that apt takes; empty where it needs nothing.
    pub(crate) depends: Arc<str>,
    pub(crate) restrictions: BTreeSet<String>,
    /// Why nobody runs it, whatever they have: a field or restriction that is not known, another architecture.
    pub(crate) unsupported: Option<String>,
}

/// What a test consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Program {
    /// A file of the source tree, relative to its top, without `..`.
    File(String),
    /// For `bash -ec`.
    Command(String),
}

impl SourceTest {
    pub(crate) fn is(&self, restriction: &str) -> bool {
        self.restrictions.contains(restriction)
    }
}

/// The tests of a `debian/tests/control`, in order.
///
/// # Errors
/// What is wrong, as it reads behind the name of the file and a colon. autopkgtest calls such a package broken.
pub(crate) fn tests(text: &str, tested: &Tested<'_>) -> Result<Vec<SourceTest>, String> {
    if text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
        return Err("it holds a control character".to_owned());
    }
    let text = without_comments(text);
    let mut all = Tests { tested, unnamed: 0, found: Vec::new() };
    for (number, paragraph) in deb822::paragraphs(&text).enumerate() {
        all.stanza(paragraph).map_err(|wrong| format!("paragraph {}: {wrong}", number + 1))?;
        if all.found.len() > MOST_TESTS {
            return Err(format!("it names more than {MOST_TESTS} tests"));
        }
    }
    Ok(all.found)
}

/// `#` begins a comment wherever it stands; a line with nothing else is none.
fn without_comments(text: &str) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        let (before, is_cut) = line.split_once('#').map_or((line, false), |(before, _)| (before, true));
        if !is_cut || !before.trim().is_empty() {
            kept.push_str(before.trim_end_matches('\r'));
            kept.push('\n');
        }
    }
    kept
}

struct Tests<'a> {
    tested: &'a Tested<'a>,
    /// Commands without a name of their own are counted.
    unnamed: usize,
    found: Vec<SourceTest>,
}

impl Tests<'_> {
    fn stanza(&mut self, paragraph: &str) -> Result<(), String> {
        // The last of two counts.
        let fields: BTreeMap<String, String> =
            deb822::fields(paragraph).map(|(name, value)| (name.to_ascii_lowercase(), joined(value))).collect();
        let field = |name: &str| fields.get(name).map(String::as_str);
        let mut unsupported = fields
            .keys()
            .find(|name| !FIELDS.contains(&name.as_str()))
            .map(|name| format!("the field {}, which autopkgtest does not know", printable(name)));
        let restrictions: BTreeSet<String> = words(field("restrictions")).map(str::to_owned).collect();
        let unknown = restrictions.iter().find(|name| !RESTRICTIONS.contains(&name.as_str()));
        unsupported = unsupported
            .or_else(|| for_others(field("architecture"), self.tested.arch))
            .or(unknown.map(|name| format!("the restriction {}, which is not known", printable(name))));
        let mut depends = field("depends").unwrap_or("@").to_owned();
        if restrictions.contains("needs-recommends") {
            depends.push_str(", @recommends@");
        }
        let given_name = test_name(field("features"))?;
        let test = |name: &str, program, depends: &Arc<str>| SourceTest {
            name: printable(name),
            program,
            depends: Arc::clone(depends),
            restrictions: restrictions.clone(),
            unsupported: match name.contains('/') {
                true => Some("a name with a slash".to_owned()),
                false => unsupported.clone(),
            },
        };
        match (field("tests"), field("test-command")) {
            (Some(_), Some(_)) => Err("only one of Tests and Test-Command can be there".to_owned()),
            (None, None) => Err("neither Tests nor Test-Command is there".to_owned()),
            (Some(_), None) if given_name.is_some() => {
                Err("test-name in Features is for Test-Command, not for Tests".to_owned())
            }
            (Some(names), None) => {
                let folder = folder(field("tests-directory").unwrap_or("debian/tests"))?;
                let depends = self.depends(&depends)?;
                if words(Some(names)).next().is_none() {
                    return Err("Tests names nothing".to_owned());
                }
                for name in words(Some(names)).take(MOST_TESTS + 1) {
                    named(name)?;
                    self.found.push(test(name, Program::File(format!("{folder}/{name}")), &depends));
                }
                Ok(())
            }
            (None, Some(command)) => {
                if command.len() > LONGEST {
                    return Err(format!("Test-Command is longer than {} KiB", LONGEST >> 10));
                }
                let depends = self.depends(&depends)?;
                let name = match given_name {
                    Some(name) => name.to_owned(),
                    None => {
                        self.unnamed += 1;
                        format!("command{}", self.unnamed)
                    }
                };
                named(&name)?;
                self.found.push(test(&name, Program::Command(command.to_owned()), &depends));
                Ok(())
            }
        }
    }

    /// `Depends` of a test as apt takes it, with what `@` and its like stand for.
    fn depends(&self, written: &str) -> Result<Arc<str>, String> {
        let Tested { control, packages, arch } = *self.tested;
        let mut all: Vec<String> = Vec::new();
        for group in written.split(',').map(str::trim).filter(|group| !group.is_empty()) {
            match group {
                "@" => all.extend_from_slice(packages),
                "@builddeps@" => {
                    let fields = ["Build-Depends", "Build-Depends-Indep", "Build-Depends-Arch"];
                    let source = deb822::without_comments(control);
                    let source = deb822::paragraphs(&source).next().unwrap_or_default();
                    for value in fields.iter().filter_map(|field| deb822::field(source, field)) {
                        all.extend(relations(value, arch, "Build-Depends")?);
                    }
                    all.push("build-essential".to_owned());
                }
                "@recommends@" => {
                    let text = deb822::without_comments(control);
                    let packages = deb822::paragraphs(&text).filter(|one| deb822::field(one, "Package").is_some());
                    for value in packages.filter_map(|package| deb822::field(package, "Recommends")) {
                        all.extend(relations(&without_variables(value), arch, "Recommends")?);
                    }
                }
                // Replicated for each package.
                group if group.split('|').any(|one| one.trim() == "@") => {
                    for package in packages {
                        let group: Vec<&str> = group
                            .split('|')
                            .map(|one| if one.trim() == "@" { package.as_str() } else { one.trim() })
                            .collect();
                        all.extend(relations(&group.join(" | "), arch, "Depends")?);
                    }
                }
                group => all.extend(relations(group, arch, "Depends")?),
            }
            if all.iter().map(|one| one.len() + 2).sum::<usize>() > LONGEST {
                return Err(format!("Depends has more than {} KiB", LONGEST >> 10));
            }
        }
        let mut seen = BTreeSet::new();
        all.retain(|one| seen.insert(one.clone()));
        Ok(all.join(", ").into())
    }
}

/// The relations of a field that hold for an architecture, without any build profile, as a binary package may have them.
fn relations(value: &str, arch: Arch, field: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for written in value.split(',') {
        let written = joined(written);
        let written = written.trim();
        if written.is_empty() {
            continue;
        }
        let wrong = |why: String| format!("{field}: {}", printable(&why));
        if written.contains('$') {
            return Err(wrong(format!("`{written}` holds a variable")));
        }
        let alternatives = relation::alternatives(written);
        if alternatives.is_empty() || !alternatives.iter().all(|one| relation::is_deb_name(&one.name)) {
            return Err(wrong(format!("`{written}` is no relation of packages")));
        }
        let plain = relation::write(written, Format::Deb, "").map_err(wrong)?;
        // Which of two it is to be where packages are built is no question here.
        found.extend(relation::for_arch(&plain, arch).map(|one| one.replace(":native", "")));
    }
    Ok(found)
}

/// What is left of `Recommends` in `debian/control` when nobody fills its variables in.
fn without_variables(value: &str) -> String {
    let kept = value.split(',').map(str::trim).filter(|one| !one.starts_with("${")).map(|one| {
        // A version that is one.
        match (one.find('('), one.contains("${")) {
            (Some(at), true) => one[..at].trim_end(),
            (None, true) => "",
            _ => one,
        }
    });
    kept.collect::<Vec<_>>().join(", ")
}

/// A value in one line: what continues it begins with a blank.
fn joined(value: &str) -> String {
    value
        .lines()
        .map(|line| line.trim_end_matches('\r'))
        .collect::<String>()
        .replace(['\t', '\r'], " ")
        .replace("  ", " ")
}

fn words(value: Option<&str>) -> impl Iterator<Item = &str> {
    value.unwrap_or_default().split([',', ' ', '\t']).filter(|word| !word.is_empty())
}

/// `test-name=NAME` in `Features`.
fn test_name(features: Option<&str>) -> Result<Option<&str>, String> {
    let mut name = None;
    for feature in words(features) {
        let (feature, value) =
            feature.split_once('=').map_or((feature, None), |(feature, value)| (feature, Some(value)));
        if feature != "test-name" {
            continue;
        }
        let value = value.filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| "test-name in Features has no name behind it".to_owned())?;
        if name.replace(value).is_some() {
            return Err("Features has test-name twice".to_owned());
        }
    }
    Ok(name)
}

fn named(name: &str) -> Result<(), String> {
    match name {
        "." | ".." => Err(format!("`{name}` is no name of a test")),
        name if name.len() > LONGEST_NAME => Err(format!("a name of a test is longer than {LONGEST_NAME} bytes")),
        name if name.starts_with('-') => Err(format!("`{}` is no name of a test", printable(name))),
        _ => Ok(()),
    }
}

/// `Tests-Directory`: a folder of the source tree.
fn folder(path: &str) -> Result<String, String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if path.starts_with('/') || parts.contains(&"..") {
        return Err(format!("Tests-Directory: {} leads out of the source tree", printable(path)));
    }
    if path.len() > LONGEST {
        return Err("Tests-Directory is too long".to_owned());
    }
    Ok(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}

/// Why a test is not for `arch`, by its field `Architecture`.
fn for_others(field: Option<&str>, arch: Arch) -> Option<String> {
    let listed: Vec<&str> = words(field).collect();
    if listed.contains(&"all") {
        return Some("Architecture: all, which is none for a test".to_owned());
    }
    let (not, only): (Vec<&str>, Vec<&str>) = listed.into_iter().partition(|word| word.starts_with('!'));
    match (not.is_empty(), only.is_empty()) {
        (false, false) => Some("Architecture, where some begin with ! and others do not".to_owned()),
        (false, true) => not
            .iter()
            .any(|word| is_meant(&word[1..], arch))
            .then(|| format!("Architecture, which leaves {} out", arch.deb())),
        (true, false) => (!only.iter().any(|word| is_meant(word, arch)))
            .then(|| format!("Architecture, which does not name {}", arch.deb())),
        (true, true) => None,
    }
}

/// Whether an architecture, or a wildcard for some (Policy 11.1), means this one, which is of GNU and Linux.
fn is_meant(word: &str, arch: Arch) -> bool {
    let cpu = match arch {
        Arch::Armhf | Arch::Armel => "arm",
        arch => arch.deb(),
    };
    match word.split('-').collect::<Vec<_>>()[..] {
        [one] => one == "any" || one == arch.deb(),
        [system, machine] => ["any", "linux"].contains(&system) && ["any", cpu].contains(&machine),
        [libc, system, machine] => {
            ["any", "gnu"].contains(&libc) && ["any", "linux"].contains(&system) && ["any", cpu].contains(&machine)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTROL: &str = "Source: pond\nBuild-Depends: debhelper-compat (= 13),\n# no\n libx-dev:native, gcc [!amd64], \
                           python3:any <!nocheck>, odd <nodoc>\nBuild-Depends-Indep: help2man\n\nPackage: pond\nDepends: ${x}\n\
                           Recommends: ${misc:Recommends}, frog (>= ${v}),\n  reed | rush\n\nPackage: libpond1\n";

    fn read(text: &str) -> Result<Vec<SourceTest>, String> {
        let packages = ["pond".to_owned(), "libpond1".to_owned()];
        super::tests(text, &Tested { control: CONTROL, packages: &packages, arch: Arch::Amd64 })
    }

    fn one(text: &str) -> SourceTest {
        let mut all = read(text).unwrap();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    #[test]
    fn files_and_commands_are_tests() {
        let all = read(
            "# of the project\nTests: smoke, Suite.2\n unit\nDepends: @, curl # for the download\n\nTest-Command: pond --help |\n  \
             grep -q Usage\nFeatures: odd, test-name=help\n\nTest-Command: true\nTests-Directory: x\nClasses: desktop\n\n\
             tests: a\nTests-directory: ./test//unit/\nDEPENDS:\n",
        )
        .unwrap();
        let shown: Vec<_> = all.iter().map(|test| (test.name.as_str(), &test.program, &*test.depends)).collect();
        let file = |path: &str| Program::File(path.to_owned());
        assert_eq!(
            shown,
            [
                ("smoke", &file("debian/tests/smoke"), "pond, libpond1, curl"),
                ("Suite.2", &file("debian/tests/Suite.2"), "pond, libpond1, curl"),
                ("unit", &file("debian/tests/unit"), "pond, libpond1, curl"),
                ("help", &Program::Command("pond --help | grep -q Usage".to_owned()), "pond, libpond1"),
                ("command1", &Program::Command("true".to_owned()), "pond, libpond1"),
                ("a", &file("test/unit/a"), ""),
            ]
        );
        assert!(all.iter().all(|test| test.unsupported.is_none()));
        assert_eq!(read(""), Ok(Vec::new()));
        assert_eq!(read("# nothing\n   # at all\n"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_depended_on_is_said_for_this_architecture() {
        let depends = |written: &str| one(&format!("Tests: a\nDepends: {written}\n")).depends.to_string();
        assert_eq!(depends("@builddeps@"), "debhelper-compat (= 13), libx-dev, python3:any, help2man, build-essential");
        assert_eq!(depends("@recommends@"), "frog, reed | rush");
        assert_eq!(depends("xx (>= 1) | yy, zz [arm64], ww [amd64], xx (>= 1)|yy,"), "xx (>= 1) | yy, ww");
        assert_eq!(depends("@ | frog"), "pond | frog, libpond1 | frog");
        assert_eq!(&*one("Tests: a\nRestrictions: needs-recommends\n").depends, "pond, libpond1, frog, reed | rush");
        assert_eq!(&*one("Tests: a\nDepends: xx\nRestrictions: needs-recommends\n").depends, "xx, frog, reed | rush");
    }

    #[test]
    fn autopkgtest_reads_the_same() {
        const ORACLE: &str = "import sys; sys.path.insert(0, '/usr/share/autopkgtest/lib')
import testdesc, adtlog
adtlog.report = lambda name, what: print('skipped ' + name)
caps = ['root-on-testbed', 'isolation-container', 'isolation-machine', 'revert-full-system', 'has_internet', 'reboot']
try:
    for t in testdesc.parse_debian_source('.', caps, 'amd64', auto_control=False)[0]:
        print('|'.join([t.name, t.path or t.command, ' '.join(sorted(t.restrictions)), ', '.join(t.depends)]))
except testdesc.InvalidControl:
    print('broken')
";
        if !crate::types::testing::have(&["autopkgtest", "perl"]) {
            return;
        }
        let source = "Source: pond\nBuild-Depends: debhelper-compat (= 13), gcc [!amd64],\n python3:any <!nocheck>, odd <nodoc>\n\n\
                      Package: pond\nArchitecture: any\nRecommends: ${misc:Recommends}, frog (>= ${v}), reed | rush\n\n\
                      Package: libpond1\nArchitecture: all\n";
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("debian/tests")).unwrap();
        std::fs::write(folder.path().join("debian/control"), source).unwrap();
        for text in [
            "# a comment\nTests: one, two three\n four\nDepends: @, curl (>= 7) | wget # why\nRestrictions: needs-root, flaky\n\n\
             Test-Command: pond --help |\n  grep Usage\n\nTest-Command: true # not\nFeatures: test-name=named, odd=1\nDepends:\n",
            "Tests: a\nDepends: @builddeps@, @recommends@\n\nTests: b\nRestrictions: needs-recommends superficial\n",
            "Tests: a\nTests-Directory: upstream/tests\nClasses: desktop\nArchitecture: any-amd64 arm64\n",
            "Tests: a/b\n\nTests: c\nX-Own: 1\n\nTests: d\nArchitecture: !amd64\n\nTests: e\nRestrictions: luck\n\nTests: f\n",
            "Tests: a\nTests: b\nRESTRICTIONS: allow-stderr\n",
            "Tests: a\n\nDepends: x\n",
            "Tests: a\nTest-Command: b\n",
            "Tests:\n",
            "Tests: a\nDepends: Foo Bar\n",
            "Test-Command: a\nFeatures: test-name\n",
        ] {
            std::fs::write(folder.path().join("debian/tests/control"), text).unwrap();
            let mut oracle = std::process::Command::new("/usr/bin/python3");
            let output = oracle.args(["-c", ORACLE]).current_dir(folder.path()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let packages = ["pond".to_owned(), "libpond1".to_owned()];
            let own = super::tests(text, &Tested { control: source, packages: &packages, arch: Arch::Amd64 });
            let mut shown: Vec<String> = match own {
                Err(_) => vec!["broken".to_owned()],
                Ok(all) => all
                    .into_iter()
                    .map(|test| match (&test.unsupported, &test.program) {
                        (Some(_), _) => format!("skipped {}", test.name),
                        (None, Program::File(what) | Program::Command(what)) => {
                            let restrictions: Vec<&str> = test.restrictions.iter().map(String::as_str).collect();
                            [test.name.as_str(), what, &restrictions.join(" "), &test.depends].join("|")
                        }
                    })
                    .collect(),
            };
            let mut expected: Vec<&str> = said.lines().collect();
            if expected.contains(&"broken") {
                expected = vec!["broken"];
            }
            expected.sort_unstable();
            shown.sort_unstable();
            assert_eq!(shown, expected, "{text}{}", String::from_utf8_lossy(&output.stderr));
        }
    }

    #[test]
    fn what_nobody_knows_is_not_run_and_said() {
        for (field, why) in [
            ("X-Odd: 1", "the field x-odd, which autopkgtest does not know"),
            ("Restrictions: needs-root needs-luck", "the restriction needs-luck, which is not known"),
            ("Architecture: arm64 i386", "Architecture, which does not name amd64"),
            ("Architecture: !amd64", "Architecture, which leaves amd64 out"),
            ("Architecture: !any-amd64", "Architecture, which leaves amd64 out"),
            ("Architecture: all", "Architecture: all, which is none for a test"),
            ("Architecture: !i386 amd64", "Architecture, where some begin with ! and others do not"),
        ] {
            assert_eq!(one(&format!("Tests: a\n{field}\n")).unsupported.as_deref(), Some(why), "{field}");
        }
        for field in
            ["Architecture: any", "Architecture: linux-any", "Architecture: i386, any-amd64", "Architecture: !i386"]
        {
            assert_eq!(one(&format!("Tests: a\n{field}\n")).unsupported, None, "{field}");
        }
        assert_eq!(one("Tests: a/../../b\n").unsupported.as_deref(), Some("a name with a slash"));
        assert!(one("Tests: a\nRestrictions: needs-root, flaky").is("flaky"));
    }

    #[test]
    fn what_is_broken_is_named_and_never_a_panic() {
        let many = "Tests: a\n\n".repeat(MOST_TESTS + 1);
        let names = format!("Tests: {}\n", "a ".repeat(100_000));
        let long = format!("Test-Command: {}\n", "x".repeat(LONGEST + 1));
        let relations = format!("Tests: a\nDepends: {}\n", "some-package, ".repeat(LONGEST));
        let name = format!("Tests: {}\n", "n".repeat(LONGEST_NAME + 1));
        for (text, why) in [
            ("Depends: x\n", "paragraph 1: neither Tests nor Test-Command is there"),
            ("Tests: a\n\nTests:\n", "paragraph 2: Tests names nothing"),
            ("Tests: a\nTest-Command: b\n", "paragraph 1: only one of Tests and Test-Command can be there"),
            (
                "Tests: a\nFeatures: test-name=b\n",
                "paragraph 1: test-name in Features is for Test-Command, not for Tests",
            ),
            ("Test-Command: a\nFeatures: test-name\n", "paragraph 1: test-name in Features has no name behind it"),
            ("Test-Command: a\nFeatures: test-name=a test-name=b\n", "paragraph 1: Features has test-name twice"),
            ("Test-Command: a\nFeatures: test-name=..\n", "paragraph 1: `..` is no name of a test"),
            ("Tests: ..\n", "paragraph 1: `..` is no name of a test"),
            ("Tests: -rf\n", "paragraph 1: `-rf` is no name of a test"),
            ("Tests: a\nTests-Directory: ../x\n", "paragraph 1: Tests-Directory: ../x leads out of the source tree"),
            (
                "Tests: a\nTests-Directory: x/../../y\n",
                "paragraph 1: Tests-Directory: x/../../y leads out of the source tree",
            ),
            ("Tests: a\nTests-Directory: /etc\n", "paragraph 1: Tests-Directory: /etc leads out of the source tree"),
            ("Tests: a\x1b[31m\n", "it holds a control character"),
            ("Tests: a\0\n", "it holds a control character"),
            ("Tests: a\nDepends: ${shlibs:Depends}\n", "paragraph 1: Depends: `${shlibs:Depends}` holds a variable"),
            ("Tests: a\nDepends: Foo\n", "paragraph 1: Depends: `Foo` is no relation of packages"),
            (&many, "it names more than 500 tests"),
            (&names, "it names more than 500 tests"),
            (&long, "paragraph 1: Test-Command is longer than 32 KiB"),
            (&relations, "paragraph 1: Depends has more than 32 KiB"),
            (&name, "paragraph 1: a name of a test is longer than 200 bytes"),
        ] {
            assert_eq!(read(text), Err(why.to_owned()), "{:?}", &text[..text.len().min(80)]);
        }
        for nonsense in [
            " a",
            ":",
            "Tests\n: b",
            "\u{feff}Tests: a",
            "Tests: é\nDepends: é",
            "Tests: a\nDepends: ,|,",
            "Tests: a\nArchitecture: !",
        ] {
            let _ = read(nonsense);
        }
    }
}
