//! Packages with planted differences, made by farm's own writer, the rpm crate, dpkg-deb and rpmbuild; and what dpkg and rpm say of
//! them as the oracle.

mod abi;
mod formats;

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use ::rpm::{BuildConfig, CompressionType, Dependency, FileOptions, PackageBuilder};

use super::*;
use crate::artifact::describe::{FileKind, describe};
use crate::formats::deb::write::{ControlFiles, write};
use crate::types::testing::have;

/// One file of a package in a test.
#[derive(Clone)]
pub(super) enum Entry {
    File {
        path: &'static str,
        mode: u32,
        content: &'static str,
    },
    Config {
        path: &'static str,
        mode: u32,
    },
    Folder {
        path: &'static str,
        mode: u32,
    },
    Link {
        path: &'static str,
        target: &'static str,
    },
    /// A program with capabilities, as farm has them in each format.
    Capable {
        path: &'static str,
        capabilities: &'static str,
    },
}
use Entry::{Capable, Config, File as Plain, Folder, Link};

/// A package in either format.
#[derive(Clone)]
pub(super) struct Maker {
    pub(super) version: &'static str,
    pub(super) entries: Vec<Entry>,
    /// Names alone.
    pub(super) requires: Vec<&'static str>,
    pub(super) provides: Vec<&'static str>,
    pub(super) script: Option<&'static str>,
}

pub(super) fn greet() -> Maker {
    Maker {
        version: "1.0",
        entries: vec![
            Plain { path: "/usr/bin/greet", mode: 0o755, content: "#!/bin/sh\necho hi\n" },
            Config { path: "/etc/greet.conf", mode: 0o640 },
            Folder { path: "/var/lib/greet", mode: 0o750 },
            Link { path: "/usr/bin/hail", target: "greet" },
            Capable { path: "/usr/bin/greetd", capabilities: "cap_net_raw=ep" },
        ],
        requires: vec!["bash", "tar"],
        provides: vec!["greeter"],
        script: None,
    }
}

impl Maker {
    pub(super) fn with(mut self, edit: impl FnOnce(&mut Maker)) -> Maker {
        edit(&mut self);
        self
    }

    pub(super) fn replace(&mut self, wanted: &str, entry: Option<Entry>) {
        let at = self.entries.iter().position(|one| path_of(one) == wanted).unwrap();
        match entry {
            Some(entry) => self.entries[at] = entry,
            None => drop(self.entries.remove(at)),
        }
    }

    pub(super) fn deb(&self, folder: &Path) -> PathBuf {
        let mut control = format!(
            "Package: greet\nVersion: {}-1\nArchitecture: amd64\nMaintainer: A <a@example.org>\n",
            self.version
        );
        if !self.requires.is_empty() {
            control += &format!("Depends: {}\n", self.requires.join(", "));
        }
        if !self.provides.is_empty() {
            control += &format!("Provides: {}\n", self.provides.join(", "));
        }
        control += "Description: says hello\n to all\n";
        let mut files = ControlFiles::new();
        files.insert("control".to_owned(), (control, 0o644));
        let config: String = self
            .entries
            .iter()
            .filter(|entry| matches!(entry, Config { .. }))
            .map(|entry| format!("{}\n", path_of(entry)))
            .collect();
        if !config.is_empty() {
            files.insert("conffiles".to_owned(), (config, 0o644));
        }
        let mut postinst = String::new();
        for entry in &self.entries {
            if let Capable { path, capabilities } = entry {
                postinst += &format!("    farm_attribute - '{capabilities}' '{path}'\n");
            }
        }
        postinst += self.script.unwrap_or_default();
        if !postinst.is_empty() {
            files.insert("postinst".to_owned(), (format!("#!/bin/sh\nset -e\n{postinst}"), 0o755));
        }
        let path = folder.join(format!("greet_{}-1_amd64.deb", self.version));
        write(File::create(&path).unwrap(), 1, &files, |tar| {
            for entry in &self.entries {
                match entry {
                    Plain { path, mode, content } => {
                        tar.file(path, *mode, 1, content.len() as u64, content.as_bytes())?;
                    }
                    Config { path, mode } => tar.file(path, *mode, 1, 2, &b"x\n"[..])?,
                    Folder { path, mode } => tar.folder(path, *mode, 1)?,
                    Link { path, target } => tar.symlink(path, target, 1)?,
                    Capable { path, .. } => tar.file(path, 0o755, 1, 2, &b"y\n"[..])?,
                }
            }
            Ok(())
        })
        .unwrap();
        path
    }

    pub(super) fn rpm(&self, folder: &Path) -> PathBuf {
        let mut builder = PackageBuilder::new("greet", self.version, "MIT", "x86_64", "says hello");
        builder
            .release("1")
            .description("to all")
            .using_config(BuildConfig::v4().compression(CompressionType::Gzip).source_date(1_800_000_000u32));
        for name in &self.requires {
            builder.requires(Dependency::any(*name));
        }
        for name in &self.provides {
            builder.provides(Dependency::any(*name));
        }
        if let Some(script) = self.script {
            builder.post_install_script(script);
        }
        for entry in &self.entries {
            match entry {
                Plain { path, mode, content } => {
                    builder.with_file_contents(*content, FileOptions::new(*path).permissions(*mode as u16)).unwrap();
                }
                Config { path, mode } => {
                    let options = FileOptions::new(*path).permissions(*mode as u16).config();
                    builder.with_file_contents("x\n", options).unwrap();
                }
                Folder { path, mode } => {
                    builder.with_dir_entry(FileOptions::dir(*path).permissions(*mode as u16)).unwrap();
                }
                Link { path, target } => {
                    builder.with_symlink(FileOptions::symlink(*path, *target)).unwrap();
                }
                Capable { path, capabilities } => {
                    let options = FileOptions::new(*path).permissions(0o755).caps(*capabilities).unwrap();
                    builder.with_file_contents("y\n", options).unwrap();
                }
            }
        }
        let path = folder.join(format!("greet-{}-1.x86_64.rpm", self.version));
        builder.build().unwrap().write(&mut File::create(&path).unwrap()).unwrap();
        path
    }
}

fn path_of(entry: &Entry) -> &'static str {
    match entry {
        Plain { path, .. } | Config { path, .. } | Folder { path, .. } | Link { path, .. } | Capable { path, .. } => {
            path
        }
    }
}

/// What is different in two packages, as people see it, without the headings.
fn shown(before: &Path, after: &Path) -> Vec<String> {
    let targets = of_paths(before, after).unwrap();
    let lines = targets.iter().flat_map(|target| &target.packages).flat_map(|package| lines(package, 100, ""));
    lines.map(|line| line.trim().to_owned()).filter(|line| line.starts_with(['+', '-', '~'])).skip(1).collect()
}

/// Both formats of a package and of another one.
fn in_both(before: &Maker, after: &Maker) -> [Vec<String>; 2] {
    let temp = tempfile::tempdir().unwrap();
    let (old, new) = (temp.path().join("old"), temp.path().join("new"));
    fs::create_dir(&old).unwrap();
    fs::create_dir(&new).unwrap();
    [shown(&before.deb(&old), &after.deb(&new)), shown(&before.rpm(&old), &after.rpm(&new))]
}

#[test]
fn a_package_is_not_different_from_itself() {
    for found in in_both(&greet(), &greet()) {
        assert_eq!(found, Vec::<String>::new());
    }
}

#[test]
fn each_planted_difference_is_one_line_in_both_formats() {
    let mode = greet().with(|it| it.replace("/etc/greet.conf", Some(Config { path: "/etc/greet.conf", mode: 0o644 })));
    let config = greet().with(|it| {
        let plain = Plain { path: "/etc/greet.conf", mode: 0o640, content: "x\n" };
        it.replace("/etc/greet.conf", Some(plain));
    });
    let dependency = greet().with(|it| it.requires.retain(|name| *name != "tar"));
    let folder = greet().with(|it| it.replace("/var/lib/greet", None));
    let link = greet().with(|it| it.replace("/usr/bin/hail", Some(Link { path: "/usr/bin/hail", target: "greetd" })));
    let kind = greet().with(|it| {
        it.replace("/usr/bin/hail", Some(Plain { path: "/usr/bin/hail", mode: 0o755, content: "" }));
    });
    let provides = greet().with(|it| it.provides = vec!["hailer"]);
    for (after, expected) in [
        (mode, vec!["~ /etc/greet.conf: mode 0640 -> 0644"]),
        (config, vec!["- /etc/greet.conf: config configuration file"]),
        (dependency, vec!["- requires tar"]),
        (folder, vec!["- /var/lib/greet: folder, 0750 root:root"]),
        (link, vec!["~ /usr/bin/hail: link greet -> greetd"]),
        (kind, vec!["~ /usr/bin/hail: type link -> file"]),
        (provides, vec!["- provides greeter", "+ provides hailer"]),
    ] {
        for found in in_both(&greet(), &after) {
            // What rpm says to itself about configuration files.
            let found: Vec<String> = found.into_iter().filter(|line| !line.contains(" config(")).collect();
            assert_eq!(found, expected);
        }
    }
    let capable = greet().with(|it| {
        let plain = Plain { path: "/usr/bin/greetd", mode: 0o755, content: "y\n" };
        it.replace("/usr/bin/greetd", Some(plain));
    });
    let line = "- /usr/bin/greetd: capabilities cap_net_raw=ep";
    let [deb, rpm] = in_both(&greet(), &capable);
    assert_eq!(rpm, [line, "- requires rpmlib(FileCaps) <= 4.6.1-1"]);
    // The script that sets them is gone, too.
    assert_eq!(deb, [line, "- script postinst"]);
}

#[test]
fn a_new_version_alone_is_no_difference_but_its_own() {
    let newer = greet().with(|it| it.version = "1.1");
    for found in in_both(&greet(), &newer) {
        assert_eq!(found, Vec::<String>::new());
    }
    let temp = tempfile::tempdir().unwrap();
    let targets = of_paths(&greet().deb(temp.path()), &newer.deb(temp.path())).unwrap();
    assert!(!targets[0].is_same());
    assert_eq!(lines(&targets[0].packages[0], 9, ""), ["~ greet 1.0-1 -> 1.1-1"]);
}

#[test]
fn folders_and_stores_are_compared_by_the_names_of_packages() {
    let temp = tempfile::tempdir().unwrap();
    let store = |name: &str| {
        let store = temp.path().join(name);
        for folder in [".farm/stage", "greet/debian-12-amd64/broken", "greet/rpm-generic-x86_64", "empty/x-y"] {
            fs::create_dir_all(store.join(folder)).unwrap();
        }
        store
    };
    let (old, new) = (store("old"), store("new"));
    for root in [&old, &new] {
        greet().deb(&root.join("greet/debian-12-amd64"));
        greet().deb(&root.join("greet/debian-12-amd64/broken"));
    }
    greet().with(|it| it.requires.clear()).rpm(&old.join("greet/rpm-generic-x86_64"));
    greet().rpm(&new.join("greet/rpm-generic-x86_64"));
    let targets = of_paths(&old, &new).unwrap();
    let names: Vec<_> = targets.iter().map(|one| (one.target.clone().unwrap(), one.is_same())).collect();
    assert_eq!(names, [("greet/debian-12-amd64".to_owned(), true), ("greet/rpm-generic-x86_64".to_owned(), false)]);
    assert!(targets[0].packages[0].identical && !targets[1].packages[0].identical);
    fs::remove_file(new.join("greet/rpm-generic-x86_64/greet-1.0-1.x86_64.rpm")).unwrap();
    let targets = of_paths(&old, &new).unwrap();
    assert_eq!(lines(&targets[1].packages[0], 9, ""), ["- greet 1.0-1 (greet-1.0-1.x86_64.rpm)"]);

    let refused = |one: &Path, other: &Path| of_paths(one, other).unwrap_err().to_string();
    assert!(refused(&old.join("greet/debian-12-amd64"), &new).contains("a store of several targets"));
    assert!(refused(&old.join("empty"), &new).contains("holds no packages"));
    fs::write(temp.path().join("x.deb"), "!<arch>\n").unwrap();
    assert!(refused(&temp.path().join("x.deb"), &old.join("greet/debian-12-amd64")).contains("not a valid package"));
    fs::write(temp.path().join("x"), "").unwrap();
    assert!(refused(&temp.path().join("x"), &new).contains("neither a .deb nor an .rpm"));
}

#[test]
fn nothing_in_a_package_steers_the_terminal() {
    assert_eq!(visible("a\u{1b}[31mb\r\n\t\u{202e}ü"), "a\\u{1b}[31mb\\r\\n\\t\\u{202e}ü");
    let change = |before: &str| Change {
        aspect: Aspect::Field,
        subject: "License\u{7}".to_owned(),
        before: Some(before.to_owned()),
        after: Some("MIT".to_owned()),
    };
    let package = PackageRef {
        file_name: "x.deb".to_owned(),
        format: crate::types::Format::Deb,
        version: "1".to_owned(),
        architecture: "all".to_owned(),
    };
    let package = PackageChanges {
        name: "x\u{1b}c".to_owned(),
        before: Some(package.clone()),
        after: Some(package),
        identical: false,
        changes: vec![change("GPL\u{1b}[2J"), change("x"), change("y")],
    };
    let shown = lines(&package, 2, ": --all shows them");
    assert!(shown.iter().all(|line| !line.contains(char::is_control)), "{shown:?}");
    assert_eq!(shown[2], "        ~ License\\u{7}: GPL\\u{1b}[2J -> MIT");
    assert_eq!(shown[4], "        and 1 more: --all shows them");
}

/// A shared library of these functions, by the system's compiler.
fn library(path: &Path, soname: &str, functions: &[&str]) {
    let source = path.with_extension("c");
    let text: String = functions.iter().map(|name| format!("int {name}(void) {{ return 1; }}\n")).collect();
    fs::write(&source, format!("{text}static int hidden(void) {{ return 2; }}\nint (*keep)(void) = hidden;\n"))
        .unwrap();
    run(Command::new("gcc").args(["-shared", "-fPIC", "-Wl,-soname"]).arg(soname).arg("-o").arg(path).arg(&source));
    fs::remove_file(source).unwrap();
}

fn run(command: &mut Command) -> String {
    let output = command.env("LC_ALL", "C").output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A tree packed by dpkg-deb.
fn packed(folder: &Path, name: &str, fill: impl FnOnce(&Path)) -> PathBuf {
    let tree = folder.join(format!("{name}.tree"));
    fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    let control = "Package: libx1\nVersion: 1\nArchitecture: amd64\nMaintainer: A <a@example.org>\nDescription: x\n";
    fs::write(tree.join("DEBIAN/control"), control).unwrap();
    fs::create_dir_all(tree.join("usr/lib")).unwrap();
    fill(&tree);
    let path = folder.join(format!("{name}.deb"));
    run(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(&tree).arg(&path));
    path
}

#[test]
fn sonames_and_exported_symbols_are_those_of_the_linker() {
    if !have(&["gcc", "dpkg-deb", "nm"]) {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let with = |name: &str, soname: &str, functions: &[&str]| {
        packed(temp.path(), name, |tree| library(&tree.join("usr/lib/libx.so"), soname, functions))
    };
    let old = with("old", "libx.so.1", &["open", "shut"]);
    let new = with("new", "libx.so.1", &["open", "lock"]);
    let later = with("later", "libx.so.2", &["open"]);
    let found: Vec<String> = shown(&old, &new).into_iter().filter(|line| !line.contains("content")).collect();
    assert_eq!(found, ["+ symbol libx.so.1: lock", "- symbol libx.so.1: shut"]);
    let found: Vec<String> = shown(&old, &later).into_iter().filter(|line| !line.contains("content")).collect();
    assert_eq!(found, ["~ libx: soname libx.so.1 -> libx.so.2"]);

    let file = temp.path().join("old.tree/usr/lib/libx.so");
    let theirs = run(Command::new("nm").args(["-D", "--defined-only", "--format=posix"]).arg(file));
    let mut theirs: Vec<&str> = theirs.lines().filter_map(|line| line.split(' ').next()).collect();
    theirs.sort_unstable();
    let described = describe(&old).unwrap();
    let ours = described.files[b"/usr/lib/libx.so".as_slice()].exported.clone().unwrap();
    assert_eq!(ours, theirs);
}

/// Versions of symbols, and a table of many of them, in a library that the system has.
#[test]
fn symbols_of_the_c_library_are_those_that_nm_lists() {
    let libc = ["/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib64/libc.so.6", "/usr/lib/aarch64-linux-gnu/libc.so.6"];
    let Some(libc) = libc.iter().map(Path::new).find(|path| path.exists()) else {
        return crate::types::testing::skip("no libc.so.6 where distributions have it");
    };
    if !have(&["dpkg-deb", "nm"]) {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let path = packed(temp.path(), "libc", |tree| {
        fs::copy(libc, tree.join("usr/lib/libc.so.6")).unwrap();
    });
    let described = describe(&path).unwrap();
    let ours = described.files[b"/usr/lib/libc.so.6".as_slice()].exported.clone().unwrap();
    let theirs =
        run(Command::new("nm").args(["-D", "--defined-only", "--format=posix", "--with-symbol-versions"]).arg(libc));
    let mut theirs: Vec<String> = theirs
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        // A: the names of the versions themselves.
        .filter(|words| words[1] != "A")
        .map(|words| words[0].replace("@@", "@"))
        .collect();
    theirs.sort_unstable();
    theirs.dedup();
    assert!(theirs.len() > 2000);
    assert_eq!(ours, theirs);
}

#[test]
fn what_is_read_of_a_deb_is_what_dpkg_says() {
    if !have(&["dpkg-deb"]) {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let theirs = packed(temp.path(), "theirs", |tree| {
        fs::write(tree.join("usr/lib/x"), "x").unwrap();
        fs::set_permissions(tree.join("usr/lib/x"), fs::Permissions::from_mode(0o4711)).unwrap();
        symlink("x", tree.join("usr/lib/y")).unwrap();
        fs::create_dir_all(tree.join("var/lib/empty")).unwrap();
    });
    for path in [&theirs, &greet().deb(temp.path())] {
        let described = describe(path).unwrap();
        let listed = run(Command::new("dpkg-deb").arg("-c").arg(path));
        let mut ours = Vec::new();
        for (path, file) in &described.files {
            let kind = match file.kind {
                FileKind::File => '-',
                FileKind::Folder => 'd',
                FileKind::Symlink => 'l',
                FileKind::Special => '?',
            };
            let mut name = format!(".{}", String::from_utf8_lossy(path));
            if file.kind == FileKind::Folder && !name.ends_with('/') {
                name.push('/');
            }
            if file.kind == FileKind::Symlink {
                name += &format!(" -> {}", String::from_utf8_lossy(&file.link));
            }
            ours.push(format!("{kind}{} {} {} {name}", letters(file.mode), file.owner.replace(':', "/"), file.size));
        }
        let mut theirs: Vec<String> = listed
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                format!("{} {} {} {}", words[0], words[1], words[2], words[5..].join(" "))
            })
            .collect();
        ours.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(ours, theirs);
        let depends = run(Command::new("dpkg-deb").arg("-f").arg(path).arg("Depends"));
        let related = described.relations.get(&crate::artifact::RelationKind::Requires);
        let ours: Vec<&str> = related.into_iter().flatten().map(|one| one.text.as_str()).collect();
        assert_eq!(ours.join(", "), depends.trim());
        let conffiles = run(Command::new("dpkg-deb").arg("-I").arg(path)).contains("conffiles");
        assert_eq!(described.files.values().any(|file| file.is_config), conffiles);
    }
}

/// As `ls -l` writes a mode.
fn letters(mode: u32) -> String {
    let mut text: Vec<char> =
        (0..9).map(|at| if mode >> (8 - at) & 1 == 1 { ['r', 'w', 'x'][at % 3] } else { '-' }).collect();
    for (bit, at, with, without) in [(0o4000, 2, 's', 'S'), (0o2000, 5, 's', 'S'), (0o1000, 8, 't', 'T')] {
        if mode & bit != 0 {
            text[at] = if text[at] == 'x' { with } else { without };
        }
    }
    text.into_iter().collect()
}

#[test]
fn what_is_read_of_an_rpm_is_what_rpm_says() {
    if !have(&["rpm", "rpmbuild"]) {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let spec = temp.path().join("theirs.spec");
    let text = "%global __os_install_post %{nil}\nName: theirs\nVersion: 1.5\nRelease: 2\nSummary: x\nLicense: MIT\n\
                BuildArch: noarch\nRequires: bash >= 4\nRequires(pre): coreutils\nProvides: it = %{version}-%{release}\n\
                Obsoletes: old < 1\nConflicts: foe\nRecommends: nice\n%description\nx\n%post\n# a comment\necho 1.5-2\n%install\n\
                mkdir -p %{buildroot}/etc %{buildroot}/usr/bin %{buildroot}/var/lib/theirs\necho x > %{buildroot}/etc/theirs\n\
                echo y > %{buildroot}/usr/bin/theirs\nln -s theirs %{buildroot}/usr/bin/link\n%files\n\
                %config(noreplace) %attr(0600,root,adm) /etc/theirs\n%caps(cap_net_raw+ep) %attr(4755,root,root) /usr/bin/theirs\n\
                /usr/bin/link\n%dir %attr(0700,root,root) /var/lib/theirs\n%ghost /var/lib/theirs/log\n";
    fs::write(&spec, text).unwrap();
    run(Command::new("rpmbuild")
        .args(["-bb", "--define"])
        .arg(format!("_topdir {}", temp.path().display()))
        .arg(&spec));
    let theirs = temp.path().join("RPMS/noarch/theirs-1.5-2.noarch.rpm");
    for path in [&theirs, &greet().rpm(temp.path())] {
        let described = describe(path).unwrap();
        let dump = run(Command::new("rpm").args(["-qp", "--dump"]).arg(path));
        let mut count = 0;
        for line in dump.lines() {
            // path size mtime digest mode owner group isconfig isdoc rdev symlink
            let words: Vec<&str> = line.split(' ').collect();
            let file = &described.files[words[0].as_bytes()];
            let mode = u32::from_str_radix(words[4].trim_start_matches("010"), 8).unwrap() & 0o7777;
            let mode = if words[4].len() > 4 { u32::from_str_radix(words[4], 8).unwrap() & 0o7777 } else { mode };
            assert_eq!(file.mode, mode, "{line}");
            assert_eq!(file.owner, format!("{}:{}", words[5], words[6]), "{line}");
            assert_eq!(u8::from(file.is_config).to_string(), words[7], "{line}");
            if file.kind == FileKind::Symlink {
                assert_eq!(String::from_utf8_lossy(&file.link), words[10]);
            }
            if let Some(digest) = file.sha256 {
                assert_eq!(
                    (hex::encode(digest).as_str(), file.size.to_string().as_str()),
                    (words[3], words[1]),
                    "{line}"
                );
            }
            count += 1;
        }
        assert_eq!(count, described.files.len());
        let capable = run(Command::new("rpm").args(["-qp", "--qf", "[%{filenames} %{filecaps}\\n]"]).arg(path));
        for line in capable.lines() {
            let (name, capabilities) = line.split_once(' ').unwrap();
            assert_eq!(described.files[name.as_bytes()].capabilities, capabilities.trim());
        }
        for (query, kinds) in [
            ("--requires", vec!["requires", "pre-requires"]),
            ("--provides", vec!["provides"]),
            ("--obsoletes", vec!["replaces"]),
            ("--conflicts", vec!["conflicts"]),
            ("--recommends", vec!["recommends"]),
        ] {
            let said = run(Command::new("rpm").args(["-qp", query]).arg(path));
            let mut said: Vec<&str> = said.lines().map(str::trim).collect();
            let version = described.version.clone();
            let all = described.relations.iter().filter(|(kind, _)| kinds.contains(&kind.as_str()));
            let mut ours: Vec<String> =
                all.flat_map(|(_, all)| all).map(|one| one.text.replace("${version}", &version)).collect();
            said.sort_unstable();
            said.dedup();
            ours.sort_unstable();
            ours.dedup();
            assert_eq!(ours, said, "{query}");
        }
    }
    let described = describe(&theirs).unwrap();
    assert_eq!(described.scripts["post"], "#!/bin/sh\necho ${version}\n");
}

#[test]
fn the_published_schema_has_what_is_written() {
    let text = include_str!("../../docs/diff.schema.json");
    let schema: serde_json::Value = serde_json::from_str(text).unwrap();
    let names = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let temp = tempfile::tempdir().unwrap();
    let targets =
        of_paths(&greet().deb(temp.path()), &greet().with(|it| it.requires.clear()).rpm(temp.path())).unwrap();
    let target = serde_json::to_value(&targets[0]).unwrap();
    let described = &schema["properties"]["targets"]["items"]["properties"];
    assert_eq!(names(&target), names(described));
    let package = &target["packages"][0];
    assert_eq!(names(package), names(&described["packages"]["items"]["properties"]));
    assert_eq!(names(&package["before"]), names(&schema["$defs"]["package"]["properties"]));
    let aspects = &schema["$defs"]["change"]["properties"]["aspect"]["enum"];
    for change in package["changes"].as_array().unwrap() {
        assert_eq!(names(change), names(&schema["$defs"]["change"]["properties"]));
        assert!(aspects.as_array().unwrap().contains(&change["aspect"]), "{change}");
    }
}
