use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use chrono::{DateTime, Duration, Utc};

use super::check::Checked;
use super::*;
use crate::formats::deb::write;
use crate::sign::Signer;
use crate::sign::testing::signer;
use crate::types::Format;
use crate::types::testing::have;

mod clients;
mod killed;
mod others;
mod rotation;

/// A .deb with one file.
pub(crate) fn deb(folder: &Path, name: &str, version: &str, arch: &str) -> PathBuf {
    deb_saying(folder, name, version, arch, "")
}

fn deb_saying(folder: &Path, name: &str, version: &str, arch: &str, more: &str) -> PathBuf {
    deb_with(folder, name, version, arch, "", more)
}

/// With further fields, and further lines of the description.
fn deb_with(folder: &Path, name: &str, version: &str, arch: &str, fields: &str, more: &str) -> PathBuf {
    let mut bytes = Cursor::new(Vec::new());
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: {arch}\nMaintainer: A <a@example.org>\nSection: utils\n\
         {fields}Description: a test\n It is {name}.\n{more}"
    );
    let control = BTreeMap::from([("control".to_owned(), (control, 0o644))]);
    write::write(&mut bytes, 1, &control, |tar| {
        for folder in ["/usr", "/usr/share", &format!("/usr/share/{name}")] {
            tar.folder(folder, 0o755, 1)?;
        }
        tar.file(&format!("/usr/share/{name}/{version}"), 0o644, 1, 2, &b"x\n"[..])
    })
    .unwrap();
    let path = folder.join(format!("{name}_{version}_{arch}.deb"));
    fs::write(&path, bytes.into_inner()).unwrap();
    path
}

pub(crate) fn rpm(folder: &Path, name: &str, version: &str) -> PathBuf {
    let built = ::rpm::PackageBuilder::new(name, version, "MIT", "noarch", "A test")
        .using_config(::rpm::BuildConfig::v4())
        .release("1")
        .with_file_contents("x", ::rpm::FileOptions::new(format!("/usr/share/{name}/{version}")))
        .unwrap()
        .build()
        .unwrap();
    let path = folder.join(format!("{name}-{version}-1.noarch.rpm"));
    built.write_file(&path).unwrap();
    path
}

pub(crate) fn incoming(path: &Path) -> Incoming {
    let format = if path.extension().unwrap() == "rpm" { Format::Rpm } else { Format::Deb };
    let name = if format == Format::Rpm { "fedora-44" } else { "bookworm" };
    Incoming { path: path.to_owned(), place: Place { format, name: name.to_owned() }, sha256: None, arch: None }
}

pub(crate) fn now() -> DateTime<Utc> {
    chrono::SubsecRound::trunc_subsecs(Utc::now(), 0)
}

/// Packages in a folder, and a tree that has two of them.
pub(crate) struct World {
    pub(crate) temp: tempfile::TempDir,
    pub(crate) signer: Signer,
}

impl World {
    pub(crate) fn new() -> World {
        let world = World { temp: tempfile::tempdir().unwrap(), signer: signer() };
        world.add(&[world.deb("hello", "1.0"), world.rpm("hello", "1.0")]);
        world
    }

    pub(crate) fn deb(&self, name: &str, version: &str) -> PathBuf {
        deb(self.temp.path(), name, version, "all")
    }

    pub(crate) fn rpm(&self, name: &str, version: &str) -> PathBuf {
        rpm(self.temp.path(), name, version)
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.temp.path().join("tree")
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub(crate) fn add(&self, paths: &[PathBuf]) -> Vec<Change> {
        self.add_with(paths, &Wishes::default(), now())
    }

    pub(crate) fn add_with(&self, paths: &[PathBuf], wishes: &Wishes, now: DateTime<Utc>) -> Vec<Change> {
        let incoming: Vec<Incoming> = paths.iter().map(|path| incoming(path)).collect();
        add(&self.root(), &incoming, wishes, Some(&self.signer), now).unwrap()
    }

    pub(crate) fn check(&self) -> Checked {
        self.check_at(now(), &BTreeMap::new())
    }

    fn check_at(&self, now: DateTime<Utc>, known: &BTreeMap<String, i64>) -> Checked {
        check(&self.root(), Some(self.signer.certificate().as_bytes()), known, now).unwrap()
    }

    /// The path of the one file below `folder` whose name ends so.
    fn find(&self, folder: &str, ending: &str) -> PathBuf {
        let mut found: Vec<PathBuf> =
            fs::read_dir(self.at(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.retain(|path| path.to_string_lossy().ends_with(ending));
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }
}

fn flip(path: &Path) {
    let mut content = fs::read(path).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(path, content).unwrap();
}

#[test]
fn packages_are_added_to_what_is_there() {
    let world = World::new();
    let checked = world.check();
    assert_eq!((checked.repositories, checked.packages, &checked.problems[..]), (2, 2, &[][..]));

    let before = fs::read(world.at("dists/bookworm/InRelease")).unwrap();
    let again =
        world.add(&[world.temp.path().join("hello_1.0_all.deb"), world.temp.path().join("hello-1.0-1.noarch.rpm")]);
    assert!(again.iter().all(|change| !change.is_written && change.added == 0), "{again:?}");
    assert_eq!(fs::read(world.at("dists/bookworm/InRelease")).unwrap(), before);

    let changes = world.add(&[world.deb("world", "2:1.0"), world.deb("hello", "1.1")]);
    assert_eq!((changes[0].added, changes[0].packages, changes[1].is_written), (2, 3, false));
    assert!(world.at("pool/bookworm/main/w/world/world_1.0_all.deb").exists());
    assert_eq!(world.check().problems, []);
    let release = fs::read_to_string(world.at("dists/bookworm/Release")).unwrap();
    for line in ["Origin: farm\n", "Codename: bookworm\n", "Acquire-By-Hash: yes\n", "Architectures: amd64 arm64\n"] {
        assert!(release.contains(line), "{release}");
    }
    assert!(!release.contains("Valid-Until"));
}

#[test]
fn what_a_state_names_stays_for_an_hour_and_until_the_one_after_the_next() {
    let world = World::new();
    let later = |hours: i64| now() + chrono::Duration::hours(hours);
    let listed = || {
        let release = fs::read_to_string(world.at("dists/bookworm/Release")).unwrap();
        let line = release.lines().find(|line| line.ends_with(" main/binary-amd64/Packages.gz")).unwrap().to_owned();
        let sum = line.split_whitespace().next().unwrap().to_owned();
        world.at("dists/bookworm/main/binary-amd64/by-hash/SHA256").join(sum)
    };
    let (first, primary) = (listed(), world.find("rpm/fedora-44/repodata", "-primary.xml.gz"));
    let add =
        |name: &str, now| world.add_with(&[world.deb(name, "1.0"), world.rpm(name, "1.0")], &Wishes::default(), now);
    add("one", now());
    add("two", now());
    assert!(first.exists() && primary.exists(), "they were replaced just now");
    let second = listed();
    add("three", later(2));
    assert!(!first.exists() && !primary.exists() && second.exists(), "only the last one is still read");
    let package = world.at("pool/bookworm/main/h/hello/hello_1.0_all.deb");
    let hello = ["hello".to_owned()];
    let gone = remove(&world.root(), (Some("bookworm"), None), &hello, Some(&world.signer), later(4)).unwrap();
    assert_eq!(gone.iter().map(|change| change.removed).collect::<Vec<_>>(), [1, 0]);
    add("four", later(4));
    assert!(package.exists(), "it was in a state that was replaced just now");
    add("five", later(6));
    assert!(!package.exists());
    assert_eq!(world.check_at(later(6), &BTreeMap::new()).problems, []);
    for number in 0..40 {
        add(&format!("more{number}"), later(6));
    }
    let states = fs::read_dir(world.at(".farm/states")).unwrap().count();
    assert!((32..=2 * 32).contains(&states), "{states} states of two repositories");
    let missing = remove(&world.root(), (None, None), &["nothing".to_owned()], Some(&world.signer), now());
    assert!(matches!(missing, Err(RepoError::NoSuch(_))), "{missing:?}");
}

#[test]
fn only_the_newest_versions_are_kept() {
    let world = World::new();
    world.add(&[world.deb("hello", "1.10"), world.deb("hello", "1.9"), world.deb("hello", "1.9~rc1")]);
    let changes = keep(&world.root(), Keep { versions: Some(2), days: None }, Some(&world.signer), now()).unwrap();
    assert_eq!(changes.iter().map(|change| (change.packages, change.removed)).collect::<Vec<_>>(), [(2, 2), (1, 0)]);
    let packages = fs::read(world.at("dists/bookworm/main/binary-amd64/Packages.gz")).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packages[..]), &mut text).unwrap();
    let versions: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("Version: ")).collect();
    assert_eq!(versions, ["1.9", "1.10"]);
}

/// The versions of a package that the repositories have, oldest first.
fn versions(world: &World, name: &str) -> Vec<String> {
    let tree = Tree::lock(&world.root()).unwrap();
    let mut found = Vec::new();
    for place in tree.places() {
        let packages = Repository::open(&tree, &place).unwrap().packages;
        found.extend(packages.into_iter().filter(|entry| entry.name == name).map(|entry| entry.version));
    }
    found
}

#[test]
fn what_was_the_newest_a_short_while_ago_stays_and_what_others_need() {
    let world = World { temp: tempfile::tempdir().unwrap(), signer: signer() };
    let day = |days: i64| now() + Duration::days(days - 100);
    let folder = world.temp.path();
    let needs =
        |name: &str, relation: &str| deb_with(folder, name, "1.0", "all", &format!("Depends: libc6, {relation}\n"), "");
    let requiring = |name: &str, relation: ::rpm::Dependency| {
        let built = ::rpm::PackageBuilder::new(name, "1.0", "MIT", "noarch", "A test")
            .using_config(::rpm::BuildConfig::v4())
            .release("1")
            .requires(relation)
            .build()
            .unwrap();
        let path = folder.join(format!("{name}-1.0-1.noarch.rpm"));
        built.write_file(&path).unwrap();
        path
    };
    for (age, version) in [(0, "1.0"), (40, "2.0"), (60, "3.0"), (90, "4.0")] {
        world.add_with(&[world.deb("hello", version), world.rpm("hello", version)], &Wishes::default(), day(age));
    }
    let alone = |keep: Keep, at: DateTime<Utc>| super::keep(&world.root(), keep, Some(&world.signer), at).unwrap();
    // 1.0 was replaced on day 40, 2.0 on day 60, 3.0 on day 90.
    alone(Keep { versions: None, days: Some(50) }, day(91));
    assert_eq!(versions(&world, "hello"), ["2.0", "3.0", "4.0", "2.0-1", "3.0-1", "4.0-1"]);
    // What needs an old one keeps it, and by way of an alternative what else would do.
    let exact = ::rpm::Dependency::less_eq("hello", "2.5-1");
    world.add_with(
        &[needs("tight", "hello (<< 3)"), needs("loose", "nothing | hello (>= 2)"), requiring("tight", exact)],
        &Wishes::default(),
        day(92),
    );
    alone(Keep { versions: None, days: Some(1) }, day(99));
    assert_eq!(versions(&world, "hello"), ["2.0", "4.0", "2.0-1", "4.0-1"]);
    let names = ["tight".to_owned()];
    remove(&world.root(), (None, None), &names, Some(&world.signer), day(99)).unwrap();
    // The more of the two is kept.
    alone(Keep { versions: Some(2), days: Some(1) }, day(99));
    assert_eq!(versions(&world, "hello").len(), 4);
    alone(Keep { versions: Some(1), days: Some(0) }, day(99));
    assert_eq!(versions(&world, "hello"), ["4.0", "4.0-1"]);
    assert_eq!(world.check().problems, []);
}

#[test]
fn packages_are_promoted_as_they_are() {
    let world = World::new();
    world.add(&[world.deb("world", "1.0")]);
    let names = ["hello".to_owned()];
    let promoted = |from: &str, to: &str| promote(&world.root(), (from, to), &names, Some(&world.signer), now());
    let changes = promoted("bookworm", "stable").unwrap();
    assert_eq!(changes.iter().map(|change| (change.added, change.packages)).collect::<Vec<_>>(), [(1, 1)]);
    promoted("fedora-44", "stable").unwrap();
    let checked = world.check();
    assert_eq!((checked.repositories, checked.packages, &checked.problems[..]), (4, 5, &[][..]));
    assert!(!promoted("bookworm", "stable").unwrap()[0].is_written);
    // What is removed here stays there.
    remove(&world.root(), (Some("bookworm"), None), &names, Some(&world.signer), now()).unwrap();
    world.add(&[world.deb("other", "1.0")]);
    assert_eq!(world.check().problems, []);
    assert!(matches!(promoted("bookworm", "stable"), Err(RepoError::NoSuch(_))));
}

#[test]
fn a_version_has_one_content() {
    let world = World::new();
    let other = world.temp.path().join("other");
    fs::create_dir(&other).unwrap();
    let path = deb(&other, "hello", "1.0", "all");
    fs::write(&path, {
        let mut bytes = fs::read(world.deb("world", "1.0")).unwrap();
        // The same package, packed at another time.
        bytes.truncate(0);
        bytes.extend_from_slice(&repacked(&path));
        bytes
    })
    .unwrap();
    let refused = add(&world.root(), &[incoming(&path)], &Wishes::default(), Some(&world.signer), now());
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("hello 1.0 is there with another content"), "{text}");
    assert_eq!(world.check().problems, []);

    let given = Incoming { sha256: Some("00".to_owned()), ..incoming(&world.deb("new", "1.0")) };
    let refused = add(&world.root(), &[given], &Wishes::default(), Some(&world.signer), now());
    assert!(refused.unwrap_err().to_string().contains("is not what its folder"));
}

/// The bytes of a .deb whose members have another time.
fn repacked(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    let time = bytes.windows(12).position(|window| window == b"1           ").unwrap();
    bytes[time] = b'2';
    bytes
}

#[test]
fn names_that_would_leave_the_tree_are_refused() {
    let world = World::new();
    for name in ["../../x", "a/b", ".x"] {
        let mut bytes = Cursor::new(Vec::new());
        let control = format!("Package: {name}\nVersion: 1\nArchitecture: all\nDescription: x\n");
        let control = BTreeMap::from([("control".to_owned(), (control, 0o644))]);
        write::write(&mut bytes, 1, &control, |_| Ok(())).unwrap();
        let path = world.temp.path().join("bad.deb");
        fs::write(&path, bytes.into_inner()).unwrap();
        let refused = add(&world.root(), &[incoming(&path)], &Wishes::default(), Some(&world.signer), now());
        assert!(refused.unwrap_err().to_string().contains("which no file can be named after"), "{name}");
    }
}

#[test]
fn indexes_are_signed_anew_before_they_are_no_longer_valid() {
    let world = World::new();
    let wishes = Wishes { valid_days: Some(10), ..Wishes::default() };
    let start = now();
    world.add_with(&[], &wishes, start);
    assert_eq!(world.check().problems, []);
    let late = world.check_at(start + Duration::days(11), &BTreeMap::new());
    assert!(late.problems[0].1.contains("it was valid until"), "{:?}", late.problems);
    let quiet = world.add_with(&[], &Wishes::default(), start + Duration::days(4));
    assert!(quiet.iter().all(|change| !change.is_written));
    let renewed = world.add_with(&[], &Wishes::default(), start + Duration::days(6));
    assert!(renewed.iter().all(|change| change.is_written && change.added == 0), "{renewed:?}");
    assert_eq!(world.check_at(start + Duration::days(11), &BTreeMap::new()).problems, []);
}

#[test]
fn an_older_state_in_place_of_a_newer_is_found() {
    let world = World::new();
    let (old, known) = (world.temp.path().join("old"), world.check().dates);
    let copied = Command::new("cp").arg("-a").arg(world.root()).arg(&old).status().unwrap();
    assert!(copied.success());
    world.add_with(
        &[world.deb("world", "1.0"), world.rpm("world", "1.0")],
        &Wishes::default(),
        now() + Duration::days(1),
    );
    let newer = world.check_at(now() + Duration::days(1), &known).dates;
    let keys = world.signer.certificate().as_bytes();
    assert_eq!(check(&old, Some(keys), &known, now()).unwrap().problems, []);
    let replayed = check(&old, Some(keys), &newer, now()).unwrap().problems;
    assert_eq!(replayed.iter().filter(|(_, reason)| reason.contains("an older one is replayed")).count(), 2);
}

#[test]
fn one_writes_at_a_time_and_what_others_wrote_is_left() {
    let world = World::new();
    let lock = Tree::lock(&world.root()).unwrap();
    let second = add(&world.root(), &[], &Wishes::default(), Some(&world.signer), now());
    assert!(matches!(second, Err(RepoError::Locked(_))), "{second:?}");
    drop(lock);
    fs::write(world.at("dists/bookworm/Release"), "Origin: another\n").unwrap();
    let foreign = add(&world.root(), &[], &Wishes::default(), Some(&world.signer), now());
    assert!(matches!(foreign, Err(RepoError::Foreign { .. })), "{foreign:?}");
}

#[test]
fn a_package_that_was_signed_here_is_known_when_it_comes_back() {
    let world = World::new();
    let there = world.at("rpm/fedora-44/Packages/h/hello-1.0-1.noarch.rpm");
    let back = world.temp.path().join("back.rpm");
    fs::copy(&there, &back).unwrap();
    assert_ne!(fs::read(&there).unwrap(), fs::read(world.temp.path().join("hello-1.0-1.noarch.rpm")).unwrap());
    let changes = world.add(&[back]);
    assert!(changes.iter().all(|change| change.added == 0 && !change.is_written), "{changes:?}");
}

#[test]
fn what_is_kept_of_packages_may_be_lost() {
    let world = World::new();
    fs::remove_dir_all(world.at(".farm/packages")).unwrap();
    fs::remove_file(world.at(".farm/seen.json")).unwrap();
    let changes = world.add(&[world.deb("world", "1.0"), world.temp.path().join("hello-1.0-1.noarch.rpm")]);
    assert_eq!(changes.iter().map(|change| (change.added, change.packages)).collect::<Vec<_>>(), [(1, 2), (0, 1)]);
    assert_eq!(world.check().problems, []);
}

#[test]
fn source_packages_come_with_what_they_list() {
    let world = World::new();
    let given = world.temp.path().join("hello_1.0.tar.xz");
    fs::write(&given, "a tarball").unwrap();
    let write = |version: &str, sum: &str| {
        let path = world.temp.path().join(format!("hello_{version}.dsc"));
        let text = format!(
            "Format: 3.0 (native)\nSource: hello\nBinary: hello\nVersion: {version}\nChecksums-Sha256:\n {sum} 9 hello_1.0.tar.xz\n\
             Files:\n {} 9 hello_1.0.tar.xz\n",
            "0".repeat(32)
        );
        fs::write(&path, text).unwrap();
        path
    };
    let sum = state::sum(b"a tarball");
    // The second version has the same tarball.
    world.add(&[write("1.0", &sum), write("1.1", &sum)]);
    assert_eq!(world.check().problems, []);
    assert_eq!(world.check().packages, 5);
    let pooled = world.at("pool/bookworm/main/h/hello/hello_1.0.tar.xz");
    flip(&pooled);
    assert!(world.check().problems[0].1.contains("another SHA256 sum"));
    flip(&pooled);
    let wrong = add(
        &world.root(),
        &[incoming(&write("1.2", &state::sum(b"x")))],
        &Wishes::default(),
        Some(&world.signer),
        now(),
    );
    assert!(wrong.unwrap_err().to_string().contains("hello_1.0.tar.xz"));
    for (name, hours) in [("hello=1.0", 2), ("hello=1.1", 6)] {
        let at = |hours| now() + chrono::Duration::hours(hours);
        remove(&world.root(), (None, None), &[name.to_owned()], Some(&world.signer), at(hours)).unwrap();
        let other = world.deb("other", &name.replace("hello=", ""));
        world.add_with(&[other], &Wishes::default(), at(hours + 2));
        let problems = world.check_at(at(hours + 2), &BTreeMap::new()).problems;
        assert_eq!((problems, pooled.exists()), (vec![], name == "hello=1.0"));
    }
}

/// Every file of the tree that a client reads, damaged in one bit, cut, or gone.
#[test]
fn damage_of_every_kind_of_file_is_found() {
    let world = World::new();
    let files = [
        world.at("dists/bookworm/InRelease"),
        world.at("dists/bookworm/Release"),
        world.at("dists/bookworm/Release.gpg"),
        world.at("dists/bookworm/main/binary-amd64/Packages.gz"),
        world.at("dists/bookworm/main/binary-arm64/Packages.xz"),
        world.at("dists/bookworm/main/Contents-amd64.gz"),
        world.at("pool/bookworm/main/h/hello/hello_1.0_all.deb"),
        world.at("rpm/fedora-44/repodata/repomd.xml"),
        world.at("rpm/fedora-44/repodata/repomd.xml.asc"),
        world.find("rpm/fedora-44/repodata", "-primary.xml.gz"),
        world.find("rpm/fedora-44/repodata", "-filelists.xml.gz"),
        world.find("rpm/fedora-44/repodata", "-other.xml.gz"),
        world.at("rpm/fedora-44/Packages/h/hello-1.0-1.noarch.rpm"),
    ];
    assert_eq!(world.check().problems, []);
    for path in files {
        let good = fs::read(&path).unwrap();
        flip(&path);
        assert!(!world.check().problems.is_empty(), "{} with another bit", path.display());
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        // The last line's end is no part of what is signed.
        let is_text = path.ends_with("InRelease") || path.ends_with("Release.gpg") || path.ends_with("repomd.xml.asc");
        assert!(is_text || !world.check().problems.is_empty(), "{} cut", path.display());
        // An index has two names, and is one file.
        let aside = world.temp.path().join("aside");
        fs::rename(&path, &aside).unwrap();
        assert!(!world.check().problems.is_empty(), "without {}", path.display());
        fs::rename(&aside, &path).unwrap();
        fs::write(&path, good).unwrap();
        assert_eq!(world.check().problems, []);
    }
    let stranger = signer();
    let problems =
        check(&world.root(), Some(stranger.certificate().as_bytes()), &BTreeMap::new(), now()).unwrap().problems;
    assert!(problems[0].1.contains("none of the given keys has signed it"), "{problems:?}");
}

#[test]
fn a_snapshot_keeps_what_it_has_and_is_come_back_to() {
    let world = World::new();
    let (root, signer) = (world.root(), Some(&world.signer));
    assert_eq!(make(&root, "first", now()).unwrap(), 2);
    assert!(make(&root, "first", now()).unwrap_err().to_string().contains("a snapshot has this name"));
    let day = |days| now() + Duration::days(days);
    world.add_with(&[world.deb("hello", "2.0"), world.rpm("hello", "2.0")], &Wishes::default(), day(1));
    remove(&root, (None, None), &["hello=1.0".to_owned(), "hello=1.0-1".to_owned()], signer, day(2)).unwrap();
    for later in 3..6 {
        world.add_with(&[world.deb("world", &later.to_string())], &Wishes::default(), day(later));
    }
    let old = world.at("pool/bookworm/main/h/hello/hello_1.0_all.deb");
    assert!(old.exists(), "the snapshot has it");

    let unknown = rollback(&root, Some("frist"), signer, day(6)).unwrap_err().to_string();
    assert!(unknown.contains("it has first"), "{unknown}");
    let changes = rollback(&root, Some("first"), signer, day(6)).unwrap();
    assert_eq!(
        changes.iter().map(|one| (one.added, one.removed, one.packages)).collect::<Vec<_>>(),
        [(1, 4, 1), (1, 1, 1)]
    );
    let checked = world.check_at(day(6), &BTreeMap::new());
    assert_eq!((checked.packages, &checked.problems[..]), (2, &[][..]));

    // Without a name: to what was there before.
    let changes = rollback(&root, None, signer, day(7)).unwrap();
    assert_eq!(changes.iter().map(|one| one.packages).collect::<Vec<_>>(), [4, 1]);
    assert_eq!(world.check_at(day(7), &BTreeMap::new()).problems, []);

    let kept = list(&root).unwrap();
    assert_eq!((kept.len(), kept[0].name.as_str(), kept[0].repositories), (1, "first", 2));
    forget(&root, "first").unwrap();
    assert!(forget(&root, "first").is_err());
    for later in 8..11 {
        world.add_with(&[world.deb("world", &later.to_string())], &Wishes::default(), day(later));
    }
    assert!(!old.exists(), "nothing has it any more");
    assert_eq!(world.check_at(day(11), &BTreeMap::new()).problems, []);
}
