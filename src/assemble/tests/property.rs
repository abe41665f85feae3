//! Random installed trees with random recipes: what the packages hold is what was installed, by farm's own comparison and,
//! for a part of them, by dpkg and rpm.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use tar::EntryType;

use super::*;
use crate::artifact::Severity;
use crate::artifact::manifest::modes;

/// Where things are installed, links and pages among them.
const FOLDERS: [&str; 12] = [
    "/usr/share/x",
    "/usr/share/x/deep/er",
    "/usr/lib/x",
    "/etc/x",
    "/etc/x/conf.d",
    "/opt/x",
    "/var/lib/x",
    "/usr/share/doc/x",
    "/usr/share/man/man1",
    "/usr/include/x",
    "/usr/bin",
    "/lib/systemd/system",
];
const PATTERNS: [&str; 12] = [
    "/usr/share/x",
    "/usr/share/x/deep/**",
    "/usr/lib/x/*",
    "/etc/x/**",
    "/etc/x/conf.d",
    "/opt/x/a*",
    "/var/lib/x/",
    "/usr/share/doc/**",
    "/usr/share/man/man1/*",
    "/usr/include/x/?*",
    "/usr/bin/*",
    "/usr/**",
];
/// Each of these as a rule of the comparison: none may be left.
const RULES: [&str; 9] = [
    "missing-from-package",
    "not-installed",
    "in-other-package",
    "type-not-as-installed",
    "mode-not-as-installed",
    "owner-not-as-installed",
    "link-not-as-installed",
    "content-not-as-installed",
    "config-not-as-installed",
];

#[derive(Debug, Clone)]
struct Installed {
    folder: usize,
    name: String,
    mode: u32,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    File(String),
    Folder,
    Symlink(String),
    /// To one of the files before it.
    HardLink(usize),
}

fn installed() -> impl Strategy<Value = Installed> {
    let name = prop_oneof![
        4 => "[a-z][a-z0-9.]{0,6}",
        3 => r##"[-a-z #%$'"\\*?\[\]{}!@~=,;&()+:<>|^`]{1,8}"##,
        1 => "[äßعλ🙂\u{200c}]{1,3}",
        // No package can have these.
        1 => "[a-z]{0,2}[\t\u{1b}\u{7f}]?",
    ];
    let mode = prop_oneof![
        4 => prop::sample::select(vec![0o644u32, 0o755, 0o600, 0o700, 0o4755, 0o444, 0o555, 0o2775, 0o1777, 0o640]),
        1 => 0u32..0o10000,
    ];
    let what = prop_oneof![
        5 => ".{0,40}".prop_map(What::File),
        2 => Just(What::Folder),
        2 => prop::sample::select(vec!["a", "../x/a", "/usr/share/x/a", "/nowhere", "../../../etc/x", "a b"])
            .prop_map(|target| What::Symlink(target.to_owned())),
        1 => (0usize..8).prop_map(What::HardLink),
    ];
    (0..FOLDERS.len(), name, mode, what).prop_map(|(folder, name, mode, what)| Installed { folder, name, mode, what })
}

/// The tree as a container sends it.
fn tar_of_tree(tree: &[Installed]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut files: Vec<String> = Vec::new();
    let mut add = |name: &str, kind: EntryType, mode: u32, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(2000);
        header.set_gid(2000);
        header.set_mtime(1_800_000_000);
        let is_file = kind == EntryType::Regular;
        header.set_size(if is_file { content.len() as u64 } else { 0 });
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name_literal(content).unwrap();
        }
        header.set_cksum();
        builder.append(&header, if is_file { content } else { b"" }).unwrap();
    };
    add("staged/root/", EntryType::Directory, 0o755, b"");
    for one in tree {
        let path = format!("staged/root{}/{}", FOLDERS[one.folder], one.name);
        match &one.what {
            What::File(content) => {
                add(&path, EntryType::Regular, one.mode, content.as_bytes());
                files.push(path);
            }
            What::Folder => add(&path, EntryType::Directory, one.mode, b""),
            What::Symlink(target) => add(&path, EntryType::Symlink, 0o777, target.as_bytes()),
            What::HardLink(number) => {
                let Some(target) = files.get(number % files.len().max(1)).cloned() else { continue };
                add(&path, EntryType::Link, one.mode, target.as_bytes());
            }
        }
    }
    builder.into_inner().unwrap()
}

fn recipe() -> impl Strategy<Value = Vec<AssembledPackage>> {
    let patterns = || prop::collection::vec(prop::sample::select(PATTERNS.to_vec()), 1..3);
    // A pattern that takes nothing is refused: seldom, so that most trees become packages.
    let config = prop::option::weighted(0.2, prop::sample::select(vec!["/opt/x", "/opt/x/*", "/usr/share/x/a"]));
    (prop::collection::vec(patterns(), 0..3), config).prop_map(|(subs, config)| {
        let mut packages = vec![package("x", &[])];
        packages[0].config_files = config.into_iter().map(str::to_owned).collect();
        for (number, patterns) in subs.iter().enumerate() {
            packages.push(package(&format!("x-{number}"), patterns));
        }
        packages
    })
}

static CASES: AtomicUsize = AtomicUsize::new(0);
static PACKAGED: AtomicUsize = AtomicUsize::new(0);

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn packages_hold_what_was_installed_or_the_difference_is_named(
        tree in prop::collection::vec(installed(), 1..12),
        packages in recipe(),
        is_deb in any::<bool>(),
    ) {
        let case = CASES.fetch_add(1, Ordering::Relaxed);
        let format = if is_deb { Format::Deb } else { Format::Rpm };
        let spool = tempfile::tempdir().unwrap();
        let assembly = assembly(format, packages);
        let staged = Tree::receive(tar_of_tree(&tree).as_slice(), spool.path(), "root", "licences")
            .and_then(|tree| Staged::new(tree, &assembly, "/usr/lib"));
        let staged = match staged {
            Ok(staged) => staged,
            Err(AssembleError::Refused(problems)) => {
                // A sentence with the path concerned, in farm's own words.
                prop_assert!(problems.iter().all(|problem| problem.contains('/') && problem.len() > 20), "{problems:?}");
                return Ok(());
            }
            Err(other) => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        let folder = tempfile::tempdir().unwrap();
        let files = staged.write(&assembly, Arch::Amd64, &Libraries::new(), folder.path()).unwrap();
        let expected = assembly.packages.iter().map(|package| artifact::Expected {
            name: package.name.clone(),
            version: assembly.version.clone(),
            arch_independent: true,
            is_empty: false,
        });
        let expectation = artifact::Expectation {
            format,
            arch: Arch::Amd64,
            packages: expected.collect(),
            closed: true,
        source: false,
            upstream_version: None,
            manifest: Some(std::sync::Arc::new(staged.into_manifest())),
            waivers: Vec::new(),
        };
        let findings = artifact::inspect(&files, &expectation).unwrap().findings;
        let differences: Vec<_> = findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error && RULES.contains(&finding.rule.as_str()))
            .collect();
        prop_assert!(differences.is_empty(), "{differences:?}");
        PACKAGED.fetch_add(1, Ordering::Relaxed);
        if case.is_multiple_of(40) {
            match format {
                Format::Deb => by_dpkg(&tree, &files),
                Format::Rpm => by_rpm(&tree, &files),
            }
        }
        // Refusals alone would prove nothing.
        if case == 1999 {
            prop_assert!(PACKAGED.load(Ordering::Relaxed) > 400, "{PACKAGED:?} of 2000 were packaged");
        }
    }
}

/// The modes that regular files and folders which were named once have to have.
fn modes_of(tree: &[Installed], format: Format) -> BTreeMap<String, u32> {
    let mut modes = BTreeMap::new();
    // Names of one file have one mode.
    if tree.iter().any(|one| matches!(one.what, What::HardLink(_))) {
        return modes;
    }
    for one in tree {
        let path = format!("{}/{}", FOLDERS[one.folder], one.name);
        let is_folder = matches!(one.what, What::Folder);
        // Pages are compressed and units moved; the names of hard links share a mode.
        let is_plain = !path.starts_with("/usr/share/man") && !path.starts_with("/lib/");
        if is_plain
            && (is_folder || matches!(one.what, What::File(_)))
            && !one.name.contains(".so")
            && !one.name.is_empty()
        {
            let mode = match format {
                Format::Deb => modes::debian(&path, is_folder, one.mode),
                Format::Rpm => modes::installed(&path, is_folder, one.mode),
            };
            modes.insert(path, mode);
        }
    }
    modes
}

fn output(program: &str, arguments: &[&std::ffi::OsStr]) -> Option<String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{program}: {error}, and in CI nothing is skipped");
            None
        }
    }
}

fn by_dpkg(tree: &[Installed], files: &[PathBuf]) {
    let into = tempfile::tempdir().unwrap();
    for file in files {
        if output("dpkg-deb", &["-x".as_ref(), file.as_os_str(), into.path().as_os_str()]).is_none() {
            return;
        }
    }
    for (path, mode) in modes_of(tree, Format::Deb) {
        let place = into.path().join(path.trim_start_matches('/'));
        let place = if place.exists() { place } else { format!("{}.gz", place.display()).into() };
        // What dpkg-deb makes of folders above a file of another package is not the package's.
        if let Ok(found) = Path::symlink_metadata(&place) {
            assert_eq!(format!("{:o}", found.mode() & 0o7777), format!("{mode:o}"), "{path}");
        }
    }
}

fn by_rpm(tree: &[Installed], files: &[PathBuf]) {
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for file in files {
        let format = "[%{FILEMODES:octal} %{FILENAMES}\n]";
        let arguments = ["-qp".as_ref(), "--nosignature".as_ref(), "--qf".as_ref(), format.as_ref(), file.as_os_str()];
        let Some(text) = output("rpm", &arguments) else { return };
        for line in text.lines() {
            let Some((mode, path)) = line.split_once(' ') else { continue };
            if let Ok(mode) = u32::from_str_radix(mode, 8) {
                found.insert(path.to_owned(), mode & 0o7777);
            }
        }
    }
    for (path, mode) in modes_of(tree, Format::Rpm) {
        if let Some(found) = found.get(&path) {
            assert_eq!(format!("{found:o}"), format!("{mode:o}"), "{path}");
        }
    }
}

/// staged.awk, which decides in a container, and the table in `artifact` say the same of every mode.
#[test]
fn the_two_tables_of_modes_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let program = concat!(
        include_str!("../../packaging/scripts/patterns.awk"),
        include_str!("../../packaging/scripts/staged.awk")
    );
    std::fs::write(folder.path().join("staged.awk"), program).unwrap();
    let paths = [
        "/usr/bin/x",
        "/etc/x.conf",
        "/etc/sudoers.d/x",
        "/usr/share/doc/x",
        "/usr/share/doc",
        "/usr/share/documents/x",
        "/usr/include/a b",
        "/var/lib/x ",
    ];
    let (mut listing, mut inode) = (String::new(), 0);
    for path in paths {
        for mode in 0..0o10000u32 {
            for kind in ["f", "d"] {
                inode += 1;
                listing.push_str(&format!("{kind} {mode:o} {inode} {path}\n"));
            }
        }
    }
    std::fs::write(folder.path().join("listing"), &listing).unwrap();
    let output = Command::new("awk")
        .args(["-v", "what=modes", "-f", "staged.awk", "listing"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected: String = listing
        .lines()
        .filter_map(|line| {
            let mut words = line.splitn(4, ' ');
            let (kind, mode, _, path) = (words.next()?, words.next()?, words.next()?, words.next()?);
            let (is_folder, mode) = (kind == "d", u32::from_str_radix(mode, 8).ok()?);
            let wanted = modes::installed(path, is_folder, mode);
            // As manifest.sh leaves it for the tools.
            let on_disk = (mode & !0o022) | if is_folder { 0o700 } else { 0o600 };
            match modes::is_kept(path, is_folder, mode) {
                true => Some(format!("kept {wanted:04o} {path}\n")),
                false => (wanted != on_disk).then(|| format!("rest {wanted:04o} {path}\n")),
            }
        })
        .collect();
    let found = String::from_utf8_lossy(&output.stdout);
    assert_eq!(found.lines().count(), expected.lines().count());
    assert!(found == expected, "{:?}", found.lines().zip(expected.lines()).find(|(a, b)| a != b));
}
