//! Random staged trees, packed by the real tools: what is read of a package is what was staged.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::super::contents::{EntryKind, PackagedFile};
use super::tools::run;
use super::*;
use crate::types::testing::have;

/// What a path is: kind, mode, size, link, sha256 of content.
type Seen = (EntryKind, u32, u64, String, Option<String>);

#[derive(Debug, Clone)]
enum Node {
    Folder(u32),
    File(u32, Vec<u8>),
    Link(String),
    /// To the file with this number, if there is one.
    Hard(usize),
}

fn node() -> impl Strategy<Value = Node> {
    let mode = prop_oneof![Just(0o644), Just(0o755), Just(0o600), Just(0o4755), Just(0o2750), Just(0o444)];
    let folder_mode = prop_oneof![Just(0o755), Just(0o700), Just(0o2775)];
    prop_oneof![
        folder_mode.prop_map(Node::Folder),
        (mode, proptest::collection::vec(any::<u8>(), 0..300)).prop_map(|(mode, content)| Node::File(mode, content)),
        "[a-z./]{1,120}".prop_map(Node::Link),
        (0_usize..8).prop_map(Node::Hard),
    ]
}

/// Names with what has tripped tools up, and some that are too long for a plain tar header.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-zA-Z0-9 '\\[\\]{}*?%#$~+,;=@-]{1,12}", 1 => "[a-z]{90,140}", 1 => "(ä|ß|é|日|x){1,6}"]
        .prop_filter("a name of its own", |name| !matches!(name.trim(), "" | "." | ".."))
}

fn tree() -> impl Strategy<Value = Vec<(String, Node)>> {
    proptest::collection::vec((name(), node()), 1..12)
}

/// Puts a tree below `folder`, and says what is there.
fn stage(folder: &Path, tree: &[(String, Node)]) {
    let mut parents = vec![folder.to_owned()];
    let mut files: Vec<PathBuf> = Vec::new();
    for (at, (name, node)) in tree.iter().enumerate() {
        let path = parents[at % parents.len()].join(name);
        if fs::symlink_metadata(&path).is_ok() {
            continue;
        }
        match node {
            Node::Folder(mode) => {
                fs::create_dir(&path).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
                parents.push(path);
            }
            Node::File(mode, content) => {
                fs::write(&path, content).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
                files.push(path);
            }
            Node::Link(target) => symlink(target, &path).unwrap(),
            Node::Hard(number) => {
                if let Some(file) = files.get(*number) {
                    fs::hard_link(file, &path).unwrap();
                }
            }
        }
    }
}

/// What is staged below `root`, by absolute path; all of one file's names as files.
fn staged(root: &Path, folder: &Path, seen: &mut BTreeMap<String, Seen>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let data = fs::symlink_metadata(&path).unwrap();
        let name = format!("/{}", path.strip_prefix(root).unwrap().to_str().unwrap());
        let mode = data.mode() & 0o7777;
        if data.is_dir() {
            seen.insert(name, (EntryKind::Folder, mode, 0, String::new(), None));
            staged(root, &path, seen);
        } else if data.is_symlink() {
            let link = fs::read_link(&path).unwrap().to_str().unwrap().to_owned();
            seen.insert(name, (EntryKind::Symlink, 0o777, 0, link, None));
        } else {
            let content = fs::read(&path).unwrap();
            let sum = hex::encode(Sha256::digest(&content));
            seen.insert(name, (EntryKind::File, mode, content.len() as u64, String::new(), Some(sum)));
        }
    }
}

/// What a package has, as [`staged`] says it; hard links as files, each to one that is there.
fn packed(entries: Vec<PackagedFile>, top: &str) -> BTreeMap<String, Seen> {
    let files: Vec<Vec<u8>> =
        entries.iter().filter(|entry| entry.kind == EntryKind::File).map(|entry| entry.path.clone()).collect();
    let seen = entries.into_iter().filter_map(|entry| {
        let path = String::from_utf8(entry.path).unwrap();
        let (kind, link) = match entry.kind {
            EntryKind::HardLink => {
                assert!(files.contains(&entry.link), "{path}");
                (EntryKind::File, String::new())
            }
            kind => (kind, String::from_utf8(entry.link).unwrap()),
        };
        assert_eq!((entry.owner.as_str(), entry.group.as_str()), ("root", "root"));
        let mode = if kind == EntryKind::Symlink { 0o777 } else { entry.mode };
        path.starts_with(top).then(|| (path, (kind, mode, entry.size, link, entry.sha256.map(hex::encode))))
    });
    seen.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_dpkg_deb_packs_is_read_as_it_was_staged(tree in tree()) {
        if !have(&["dpkg-deb"]) {
            return Ok(());
        }
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("root");
        let top = root.join("usr/share/hello");
        fs::create_dir_all(&top).unwrap();
        fs::create_dir_all(root.join("DEBIAN")).unwrap();
        let control = "Package: hello\nVersion: 1\nArchitecture: all\nMaintainer: A <a@b>\nDescription: x\n y\n";
        fs::write(root.join("DEBIAN/control"), control).unwrap();
        stage(&top, &tree);
        let path = temp.path().join("hello_1_all.deb");
        run(Command::new("dpkg-deb").args(["--root-owner-group", "-Znone", "--build"]).arg(&root).arg(&path));
        let mut expected = BTreeMap::new();
        staged(&root, &top, &mut expected);
        let mut entries = Vec::new();
        super::super::deb::read(&path, crate::formats::elf::Depth::Needs, &mut |entry| entries.push(entry)).unwrap();
        prop_assert_eq!(packed(entries, "/usr/share/hello/"), expected);
    }
}

proptest! {
    // rpmbuild takes a second: each case has several trees.
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_rpmbuild_packs_is_read_as_it_was_staged(trees in proptest::collection::vec(tree(), 6)) {
        if !have(&["rpmbuild"]) {
            return Ok(());
        }
        let temp = tempfile::tempdir().unwrap();
        let source = temp.path().join("source");
        let top = source.join("usr/share/hello");
        for (number, tree) in trees.iter().enumerate() {
            let folder = top.join(number.to_string());
            fs::create_dir_all(&folder).unwrap();
            stage(&folder, tree);
        }
        let spec = temp.path().join("hello.spec");
        let text = format!(
            "%global __os_install_post %{{nil}}\nName: hello\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\n\
             BuildArch: noarch\nAutoReqProv: no\n%description\nx\n%install\ncp -a {}/. %{{buildroot}}/\n\
             %files\n%defattr(-,root,root,-)\n/usr/share/hello\n",
            source.display()
        );
        fs::write(&spec, text).unwrap();
        run(Command::new("rpmbuild").args(["-bb", "--define"]).arg(format!("_topdir {}", temp.path().display())).arg(&spec));
        let path = temp.path().join("RPMS/noarch/hello-1-1.noarch.rpm");
        let mut expected = BTreeMap::new();
        staged(&source, &top, &mut expected);
        let mut entries = Vec::new();
        super::super::rpm::read(&path, crate::formats::elf::Depth::Needs, &mut |entry| entries.push(entry)).unwrap();
        prop_assert_eq!(packed(entries, "/usr/share/hello/"), expected);
    }
}
