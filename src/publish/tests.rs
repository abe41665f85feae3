use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Utc;
use tokio_util::sync::CancellationToken;

use super::model::{AtWork, Headers, MANIFEST};
use super::target::{Only, Target};
use super::*;
use crate::repo::tree::tests::World;
use crate::types::NoProgress;

mod killed;
mod s3;
#[cfg(unix)]
mod ssh;
#[cfg(unix)]
mod web;

const KEY: &str = "test-key";
const SECRET: &str = "geheim-0123456789";

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

fn request(root: &Path, target: &str) -> Request {
    Request {
        root: root.to_owned(),
        target: target.to_owned(),
        s3: S3Settings::default(),
        environment: Environment::default(),
        publisher: Publisher::new("ada@here".to_owned(), "here".to_owned(), false),
        grace: Duration::from_secs(3600),
        is_dry: false,
    }
}

fn run(request: Request) -> Result<Published, PublishError> {
    block_on(publish(request, &NoProgress, &CancellationToken::new()))
}

fn count_files(root: &Path) -> usize {
    local::scan(root).unwrap().len()
}

fn check(root: &Path, keys: &[u8]) -> Vec<(PathBuf, String)> {
    tree::check(root, Some(keys), &BTreeMap::new(), Utc::now()).unwrap().problems
}

fn manifest(target: &dyn Target) -> Manifest {
    block_on(lease::read(target)).unwrap().0
}

/// Two folders, one published to the other.
struct Pair {
    world: World,
    to: tempfile::TempDir,
}

impl Pair {
    fn new() -> Pair {
        Pair { world: World::new(), to: tempfile::tempdir().unwrap() }
    }

    fn request(&self) -> Request {
        request(&self.world.root(), self.to.path().to_str().unwrap())
    }

    fn run(&self) -> Published {
        run(self.request()).unwrap()
    }

    fn check(&self) -> Vec<(PathBuf, String)> {
        check(self.to.path(), self.world.signer.certificate().as_bytes())
    }
}

#[test]
fn only_what_changed_is_sent_and_what_has_no_name_goes_later() {
    let pair = Pair::new();
    let dry = run(Request { is_dry: true, ..pair.request() }).unwrap();
    assert!(!pair.to.path().join(".farm").exists());
    let first = pair.run();
    assert_eq!((&first.sent, first.unchanged), (&dry.sent, 0));
    assert_eq!(pair.check(), []);
    assert!(!pair.to.path().join(".farm/states").exists(), "what farm keeps for itself is not published");
    assert_eq!(pair.run(), Published { unchanged: first.sent.len(), ..Published::default() });

    pair.world.add(&[pair.world.deb("world", "1.0")]);
    let second = pair.run();
    let names: Vec<&str> = second.sent.iter().map(|(path, _)| path.rsplit('/').next().unwrap()).collect();
    assert_eq!(names[0], "world_1.0_all.deb");
    assert_eq!(names.last(), Some(&"Release.gpg"));
    assert!(!second.sent.iter().any(|(path, _)| path.starts_with("rpm/")), "{:?}", second.sent);
    assert_eq!(pair.check(), []);

    // Gone from the folder: from the target only after the grace.
    let gone = "pool/bookworm/main/w/world/world_1.0_all.deb";
    std::fs::remove_file(pair.world.at(gone)).unwrap();
    let third = pair.run();
    assert_eq!((third.sent.len(), third.removed.len(), third.retired), (0, 0, 1));
    assert!(pair.to.path().join(gone).exists());
    let fourth = run(Request { grace: Duration::ZERO, ..pair.request() }).unwrap();
    assert_eq!((fourth.removed, fourth.retired), (vec![gone.to_owned()], 0));
    assert!(!pair.to.path().join("pool/bookworm/main/w").exists(), "nor an empty folder");
}

#[test]
fn what_is_back_stays_and_a_repository_that_is_gone_is_named_no_more() {
    let pair = Pair::new();
    pair.run();
    let moved = pair.world.temp.path().join("aside");
    std::fs::rename(pair.world.at("rpm"), &moved).unwrap();
    let removed = pair.run();
    assert_eq!(removed.removed, ["rpm/fedora-44/repodata/repomd.xml", "rpm/fedora-44/repodata/repomd.xml.asc"]);
    assert!(removed.retired > 1);
    std::fs::rename(&moved, pair.world.at("rpm")).unwrap();
    let back = pair.run();
    assert_eq!((back.sent.len(), back.retired), (2, 0));
    assert_eq!(pair.check(), []);
}

#[test]
fn a_path_of_a_package_has_one_content_as_long_as_somebody_may_read_it() {
    let pair = Pair::new();
    pair.run();
    let path = "pool/bookworm/main/h/hello/hello_1.0_all.deb";
    std::fs::write(pair.world.at(path), "another").unwrap();
    let refused = run(pair.request()).unwrap_err();
    assert!(matches!(refused, PublishError::OtherContent { .. }), "{refused}");
    assert!(refused.to_string().contains(path), "{refused}");
    let by_hash = walkdir(&pair.world.at("dists")).into_iter().find(|path| path.contains("by-hash")).unwrap();
    std::fs::write(&by_hash, "damaged").unwrap();
    let refused = run(pair.request()).unwrap_err().to_string();
    assert!(refused.contains("by-hash") && refused.contains("farm repo check"), "{refused}");
}

fn walkdir(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(walkdir(&path)),
            false => found.push(path.to_str().unwrap().to_owned()),
        }
    }
    found
}

#[test]
fn a_folder_is_not_published_into_itself_nor_to_what_is_none() {
    let pair = Pair::new();
    let root = pair.world.root();
    for (target, says) in [
        (root.join("www").display().to_string(), "in the other"),
        ("ftp://user:geheim@example.org/x".to_owned(), "nothing is published over ftp"),
    ] {
        let refused = run(request(&root, &target)).unwrap_err().to_string();
        assert!(refused.contains(says) && !refused.contains("geheim"), "{refused}");
    }
    let empty = tempfile::tempdir().unwrap();
    let refused = run(request(empty.path(), pair.to.path().to_str().unwrap())).unwrap_err();
    assert!(matches!(refused, PublishError::Nothing(_)), "{refused}");
    let other = World::new();
    let refused = run(request(&root, other.root().to_str().unwrap())).unwrap_err().to_string();
    assert!(refused.contains("`farm repo` writes to that folder itself"), "{refused}");
}

#[test]
fn a_second_publisher_to_a_folder_is_told() {
    let pair = Pair::new();
    a_second_publisher_is_told(&pair.world, &pair.request());
}

/// On any target.
fn a_second_publisher_is_told(world: &World, request: &Request) {
    let other = World::new();
    std::fs::remove_dir_all(other.at("rpm")).unwrap();
    let target = open(request).unwrap();
    let target = target.as_ref();
    run(request.clone()).unwrap();
    // Another folder would remove what only this one has.
    let from_other = Request { root: other.root(), ..request.clone() };
    let refused = run(from_other.clone()).unwrap_err();
    assert!(matches!(refused, PublishError::OtherFolder { .. }), "{refused}");

    let publisher = Publisher { tree: local::name(&world.root()).unwrap(), ..request.publisher.clone() };
    block_on(async {
        let mut first = Lease::take(target, &publisher).await.unwrap();
        // Of the same folder on another host, so that no lock of this one tells.
        let elsewhere = Publisher { who: "bob@there".to_owned(), host: "there".to_owned(), ..publisher.clone() };
        let refused = Lease::take(target, &elsewhere).await.err().unwrap();
        assert!(refused.to_string().starts_with("ada@here is publishing to "), "{refused}");
        first.renew().await.unwrap();
        let forced = Publisher { take_over: true, ..elsewhere.clone() };
        let mut second = Lease::take(target, &forced).await.unwrap();
        let overtaken = first.renew().await.unwrap_err();
        assert!(overtaken.to_string().starts_with("bob@there has taken over "), "{overtaken}");
        second.end(true).await.unwrap();
        let overtaken = first.renew().await.unwrap_err();
        assert!(matches!(overtaken, PublishError::Overtaken { .. }), "{overtaken}");

        // One that has not written for long is dead.
        let (mut manifest, tag) = lease::read(target).await.unwrap();
        let (who, host) = ("eve@far".to_owned(), "far".to_owned());
        let (since, until) = (0, Utc::now().timestamp() - 1);
        manifest.at_work = Some(AtWork { who, host, since, until, run: "dead".to_owned() });
        let content = serde_json::to_vec(&manifest).unwrap();
        let only = tag.map_or(Only::IfAbsent, Only::IfTagged);
        target.write(MANIFEST, content.clone().into(), &only).await.unwrap();
        assert_eq!(target.write(MANIFEST, content.into(), &only).await, Err(TargetError::Changed));
        Lease::take(target, &publisher).await.unwrap().end(true).await.unwrap();
    });
    assert_eq!(manifest(target).at_work, None);
    run(Request { publisher: Publisher { take_over: true, ..request.publisher.clone() }, ..from_other }).unwrap();
    assert!(matches!(run(request.clone()).unwrap_err(), PublishError::OtherFolder { .. }));
}
