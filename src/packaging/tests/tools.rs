//! What the writers wrote, as rpm and dpkg themselves read it. Where a tool is not installed its tests say so and pass; in
//! CI they fail.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::*;
use crate::types::testing::have;

fn run(command: &mut Command) -> Output {
    command.env("LC_ALL", "C.UTF-8").output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

#[track_caller]
pub(super) fn good(command: &mut Command) -> Vec<u8> {
    let output = run(command);
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{errors}");
    output.stdout
}

#[track_caller]
pub(super) fn text_of(command: &mut Command) -> String {
    String::from_utf8(good(command)).unwrap()
}

/// Words that some tool obeys somewhere, among others.
const WORDS: &[&str] = &[
    "#3389",
    "#",
    "%files",
    "%if",
    "%if 1",
    "%ifarch x",
    "%endif",
    "%else",
    "%{lua:print(1)}",
    "%%",
    "%",
    "100%",
    "%(id)",
    "%[1+1]",
    "%{version}",
    "%include /etc/passwd",
    "%global x y",
    "%package -n q",
    "%description",
    "%INSTALL",
    "%changelog",
    "\\",
    "ends\\",
    "{",
    "}",
    "{x}",
    "${HOME}",
    "${}",
    "$",
    "${shlibs:Depends}",
    ".",
    "..",
    "...",
    "--",
    "-- Ada <a@b>  Mon,",
    "*",
    "-",
    "•",
    "größe",
    "日本語",
    "\u{a0}",
    "plain",
    "words",
    "of",
    "a",
    "text",
    "Closes: #1",
    "Depends: evil",
    "'",
    "\"",
    "`id`",
    "$(id)",
    "|",
    "EOF",
    "FARM_SCRIPT",
    "#DEBHELPER#",
    "~",
    "<!>",
];
const BLANKS: &[&str] = &[" ", " ", " ", "\n", "\n\n", "\n  ", "\n\t", "\n * ", "  "];

fn line() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(WORDS), 1..12).prop_map(|words| words.join(" "))
}

fn lines() -> impl Strategy<Value = String> {
    let pair = (proptest::sample::select(WORDS), proptest::sample::select(BLANKS));
    proptest::collection::vec(pair, 1..40)
        .prop_map(|pairs| pairs.into_iter().flat_map(|(word, blank)| [word, blank]).collect())
}

/// What is left of a text when it does not matter where its lines are broken.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A summary says something beside blanks and its full stop, which goes.
fn is_summary(text: &str) -> bool {
    !text::summary(text).trim().is_empty()
}

fn texts(summary: &str, description: &str, entry: &str, name: &str) -> Recipe {
    let mut recipe = recipe();
    recipe.package.summary = summary.to_owned();
    recipe.package.description = format!("About this: {description}");
    recipe.package.changelog = vec![format!("New: {entry}"), entry.to_owned()];
    recipe.package.maintainer = format!("{name} Doe <jane@example.org>");
    if let Some(sub) = recipe.packages.get_mut("dev") {
        sub.description = Some(description.to_owned());
    }
    recipe
}

const EPOCH: i64 = 1_700_000_000;

fn spec_of(recipe: &Recipe, folder: &Path) -> std::path::PathBuf {
    for file in generate(&in_words(recipe), &distro(Format::Rpm, PackageManager::Dnf), EPOCH).files {
        std::fs::write(folder.join(&file.path), file.content.whole().as_bytes()).unwrap();
    }
    folder.join("pkg.spec")
}

fn queried(spec: &Path, tags: &str) -> String {
    text_of(Command::new("rpmspec").args(["-q", "--srpm", "--qf", tags]).arg(spec))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rpm_reads_the_texts_that_were_written(summary in line(), description in lines(), entry in lines(), name in line()) {
        if have(&["rpmspec"]) && is_summary(&summary) {
            let folder = tempfile::tempdir().unwrap();
            let mut recipe = texts(&summary, &description, &words(&entry), &name);
            recipe.build.env.insert("ODD".to_owned(), description.clone());
            let spec = spec_of(&recipe, folder.path());
            let found = queried(&spec, "%{SUMMARY}@END@%{DESCRIPTION}@END@[%{CHANGELOGTEXT}]@END@%{CHANGELOGNAME}");
            let found: Vec<String> = found.split("@END@").map(words).collect();
            let entries: String = recipe.package.changelog.iter().map(|entry| format!("- {entry} ")).collect();
            let expected = [
                words(&text::summary(&summary)),
                words(&recipe.package.description),
                words(&entries),
                words(&format!("{} - 1:1.0~rc1-2", recipe.package.maintainer)),
            ];
            prop_assert_eq!(&found[..], &expected[..]);
            let packages = text_of(Command::new("rpmspec").args(["-q", "--qf", "%{NAME} %{DESCRIPTION}\n"]).arg(&spec));
            prop_assert!(words(&packages).contains(&words(&format!("pkg-devel {description}"))), "{}", packages);
        }
    }

    #[test]
    fn dpkg_reads_the_texts_that_were_written(summary in line(), description in lines(), entry in lines(), name in line()) {
        if have(&["dpkg-gencontrol", "dpkg-parsechangelog", "dpkg-deb"]) && is_summary(&summary) && !name.contains("${") {
            let folder = tempfile::tempdir().unwrap();
            let recipe = texts(&summary, &description, &words(&entry), &name);
            for file in generate(&in_words(&recipe), &distro(Format::Deb, PackageManager::Apt), EPOCH).files {
                let path = folder.path().join(&file.path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, file.content.whole().as_bytes()).unwrap();
            }
            let here = |tool: &str| {
                let mut command = Command::new(tool);
                command.current_dir(folder.path());
                command
            };
            let control = folder.path().join("tree/DEBIAN");
            std::fs::create_dir_all(&control).unwrap();
            good(here("dpkg-gencontrol").args(["-ppkg", "-Ptree", "-Tnone"]).stderr(std::process::Stdio::null()));
            good(here("dpkg-deb").args(["--build", "tree", "x.deb"]));
            let field = |field: &str| text_of(here("dpkg-deb").args(["-f", "x.deb", field]));
            prop_assert_eq!(words(&field("Maintainer")), words(&recipe.package.maintainer));
            let all = field("Description");
            let (first, rest) = all.split_once('\n').unwrap_or((&all, ""));
            prop_assert_eq!(words(first), words(&text::summary(&summary)));
            let rest: String = rest.lines().map(|line| if line == " ." { "\n".to_owned() } else { format!("{line}\n") }).collect();
            prop_assert_eq!(words(&rest), words(&recipe.package.description));
            let log = text_of(here("dpkg-parsechangelog").args(["-S", "Changes"]));
            let log: Vec<&str> = log.lines().filter(|line| !matches!(*line, "." | " .") && !line.trim_start().starts_with("pkg (")).collect();
            let log = log.join("\n");
            let entries: String = recipe.package.changelog.iter().map(|entry| format!("* {entry} ")).collect();
            prop_assert_eq!(words(&log), words(&entries));
            let who = text_of(here("dpkg-parsechangelog").args(["-S", "Maintainer"]));
            prop_assert_eq!(words(&who), words(&recipe.package.maintainer));
        }
    }

    /// What rpm has of a script does what the script does.
    #[test]
    fn rpm_runs_the_scripts_that_were_written(text in lines()) {
        if have(&["rpmspec"]) {
            let folder = tempfile::tempdir().unwrap();
            let mut recipe = recipe();
            recipe.packages.clear();
            let heredoc = format!("cat <<'END_OF_TEXT'\n{text}\nEND_OF_TEXT\n");
            recipe.package.scripts.post_install = Some(heredoc.clone());
            let spec = spec_of(&recipe, folder.path());
            let found = text_of(Command::new("rpmspec").args(["-q", "--qf", "%{POSTIN}@END@"]).arg(&spec));
            let found = found.split("@END@").next().unwrap();
            prop_assert_eq!(
                text_of(Command::new("sh").args(["-c", found, "sh", "1"])),
                text_of(Command::new("sh").args(["-c", &text::body(&heredoc)])),
                "{}", found
            );
        }
    }
}

/// Characters that rpm, the shell or awk give a meaning to.
const CHARACTERS: &[char] = &[
    'a', 'b', '[', ']', '{', '}', '*', '?', '\'', '"', '\\', '%', ' ', '$', ',', ';', '&', '#', '~', '!', '^', '-',
    '.', '|', '<', '>', '(', ')', '`', '=', '@', ':', 'é', '+', '_',
];

/// The whole way of an .rpm, with names of files and lines of a script that rpm knows other meanings of.
#[test]
fn rpmbuild_packs_every_name_as_it_is() {
    if !have(&["rpmbuild", "rpm", "tar", "gcc"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let name = proptest::collection::vec(proptest::sample::select(CHARACTERS), 1..10);
    let name = name.prop_map(|c| c.into_iter().collect::<String>());
    let mut names: BTreeSet<String> =
        ["[", "{a,b}", "%{_bindir}.txt", "%%", "Ada's [draft].txt", "a b", " x ", "tr\\", "é}?"]
            .map(str::to_owned)
            .into();
    while names.len() < 250 {
        let name = name.new_tree(&mut runner).unwrap().current();
        if !matches!(name.as_str(), "." | "..") {
            names.insert(name);
        }
    }
    let mut bytes: Vec<Vec<u8>> = names.iter().map(|name| name.clone().into_bytes()).collect();
    bytes.push(b"caf\xe9".to_vec());
    bytes.push(b"[caf\xe9] x}".to_vec());
    let source = folder.path().join("pkg-1.0~rc1");
    for kept in ["names", "include/d [x]"] {
        std::fs::create_dir_all(source.join(kept)).unwrap();
        for name in &bytes {
            std::fs::write(source.join(kept).join(OsStr::from_bytes(name)), "x").unwrap();
        }
    }
    std::fs::write(source.join("LICENSE"), "x").unwrap();
    let mut recipe = recipe();
    recipe.sources.clear();
    recipe.package.architecture = PackageArch::All;
    recipe.package.config_files.clear();
    recipe.package.relations = Relations::default();
    recipe.build.requires.clear();
    recipe.build.build = None;
    recipe.build.check = None;
    let odd = "%files\n %if 0\n# kept\n%endif \\\n$HOME `id`\n%{version}\n";
    recipe.build.install = Some(format!(
        "mkdir -p $DESTDIR/usr/share/pkg $DESTDIR/usr/include\ncp -r names $DESTDIR/usr/share/pkg/\n\
         cp -r include/* $DESTDIR/usr/include/\ncat >$DESTDIR/usr/share/pkg/odd <<'END'\n{odd}END\n"
    ));
    recipe.packages.get_mut("dev").unwrap().files = strings(&["/usr/include/**"]);
    let sources = folder.path().join("SOURCES");
    std::fs::create_dir_all(&sources).unwrap();
    let spec = spec_of(&recipe, &sources);
    good(
        Command::new("tar")
            .arg("-cf")
            .arg(sources.join("pkg-1.0~rc1.tar"))
            .arg("pkg-1.0~rc1")
            .current_dir(folder.path()),
    );
    good(
        Command::new("rpmbuild")
            .args(["--nodeps", "-bb", "--define"])
            .arg(format!("_topdir {}", folder.path().display()))
            .arg(&spec),
    );
    let packed = |package: &str, below: &str| -> BTreeSet<Vec<u8>> {
        let path = folder.path().join(format!("RPMS/noarch/{package}-1.0~rc1-2.noarch.rpm"));
        let list = good(Command::new("rpm").args(["-qp", "--nosignature", "--qf", "[%{FILENAMES}\n]"]).arg(path));
        list.split(|byte| *byte == b'\n')
            .filter_map(|path| path.strip_prefix(below.as_bytes()))
            .map(<[u8]>::to_vec)
            .collect()
    };
    let expected: BTreeSet<Vec<u8>> = bytes.into_iter().collect();
    assert_eq!(packed("pkg", "/usr/share/pkg/names/"), expected);
    assert_eq!(packed("pkg-devel", "/usr/include/d [x]/"), expected);
    let unpacked = folder.path().join("unpacked");
    std::fs::create_dir_all(&unpacked).unwrap();
    good(
        Command::new("sh")
            .current_dir(&unpacked)
            .args(["-c", "rpm2archive - <../RPMS/noarch/pkg-1.0~rc1-2.noarch.rpm | tar -xzf - ./usr/share/pkg/odd"]),
    );
    assert_eq!(std::fs::read_to_string(unpacked.join("usr/share/pkg/odd")).unwrap(), odd);
}
