//! Images made in the fake engine, from a small signed archive.

mod dockerfile;
mod install;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::deb::tests::{TarMember, ar, tarball};
use super::*;
use crate::archive::mirror::{Mirror, Origin};
use crate::archive::testing::{Archive, skipped};
use crate::archive::{Archives, Reader};
use crate::engine::fake::{FakeEngine, Guest, Reply};
use crate::engine::{Engine, Limits, Network, OutputStream, labels};
use crate::fetch::Fetcher;
use crate::types::NoProgress;

struct Nowhere;

#[async_trait]
impl OutputSink for Nowhere {
    async fn write(&mut self, _stream: OutputStream, _chunk: Bytes) -> std::io::Result<()> {
        Ok(())
    }
}

fn deb(name: &str, files: &[(&str, TarMember<'_>)]) -> Vec<u8> {
    let control = format!("Package: {name}\nVersion: 1\nArchitecture: amd64\n");
    let control = tarball(&[("./control", TarMember::File(control.as_bytes()))]);
    ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), ("data.tar", &tarball(files))])
}

/// An archive of base-files and apt, a distribution that is bootstrapped from it, and an engine whose scripts succeed.
struct Lab {
    archive: Archive,
    engine: FakeEngine,
    cache: tempfile::TempDir,
    distro: Distro,
    choice: BaseChoice,
}

impl Lab {
    fn new() -> Option<Lab> {
        Lab::holding(&[])
    }

    /// With more packages in its archive: name, fields of the index, and .deb.
    fn holding(packages: &[(&str, &str, Vec<u8>)]) -> Option<Lab> {
        let mut archive = Archive::new()?;
        let files = deb("base-files", &[("./", TarMember::Directory), ("./bin/", TarMember::Directory)]);
        archive.add("base-files", "1", "Essential: yes\n", &files);
        archive.add("apt", "1", "", &deb("apt", &[("./bin/apt", TarMember::File(b"ELF"))]));
        for (name, fields, deb) in packages {
            archive.add(name, "1", fields, deb);
        }
        archive.publish("", |release| release);
        archive.write("keyring.gpg", &archive.signer.keyring());
        let mut distro = crate::archive::tests::distro("sid");
        let bootstrap = distro.bootstrap.as_mut().unwrap();
        bootstrap.keyrings = vec![archive.folder.path().join("keyring.gpg").display().to_string()];
        let engine = FakeEngine::new();
        engine.on_exec(|_| Some(Reply::exit(0)));
        Some(Lab { archive, engine, cache: tempfile::tempdir().unwrap(), distro, choice: BaseChoice::Auto })
    }

    fn images(&self) -> Images {
        let mirror = Mirror { url: self.archive.url().into(), origin: Origin::Configured };
        images(&self.engine, self.choice, self.cache.path(), BTreeMap::from([("debian".to_owned(), mirror)]))
    }

    async fn base(&self, images: &Images) -> Result<Base, ImageError> {
        base(images, &self.distro).await
    }

    fn count(&self, prefix: &str) -> usize {
        self.engine.calls().iter().filter(|call| call.starts_with(prefix)).count()
    }
}

fn images(engine: &FakeEngine, base: BaseChoice, cache: &std::path::Path, mirrors: BTreeMap<String, Mirror>) -> Images {
    let options = ImageOptions {
        held: BTreeMap::new(),
        base,
        archives: Archives::new(Reader { fetcher: Fetcher::new().unwrap(), cache: cache.to_owned() }, mirrors),
        run: "test".to_owned(),
        limits: Limits { memory_bytes: None, pids: None, cpuset: None },
        network: Network::Default,
        host: Default::default(),
    };
    Images::new(Arc::new(engine.clone()), options)
}

async fn base(images: &Images, distro: &Distro) -> Result<Base, ImageError> {
    images.base(distro, Arch::Amd64, None, &mut Nowhere, &NoProgress, &|_| (), &CancellationToken::new()).await
}

fn says(guest: &Guest<'_>, text: &str) -> bool {
    guest.exec.argv.last().is_some_and(|script| script.contains(text))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_is_bootstrapped_once_and_found_again() {
    let Some(mut lab) = Lab::new() else { return skipped() };
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = seen.clone();
    let engine = FakeEngine::new();
    engine.on_exec(move |guest| {
        assert_eq!(guest.container.network, Network::None, "configuring needs no network");
        note.lock().unwrap().extend(guest.files.keys().cloned());
        Some(Reply::exit(0))
    });
    lab.engine = engine;
    let images = lab.images();
    let (first, second) = tokio::join!(lab.base(&images), lab.base(&images));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first, second);
    assert_eq!(lab.count("import"), 1, "two that want it at the same time share it");
    assert!(lab.engine.containers().is_empty());
    let files = seen.lock().unwrap().clone();
    for path in ["/usr/bin/apt", "/bin", "/var/lib/dpkg/status", "/etc/apt/sources.list.d/debian.sources"] {
        assert!(files.iter().any(|file| file == path), "{path} is missing in {files:?}");
    }

    let known = [(Arc::new(lab.distro.clone()), Arch::Amd64)];
    let identity = images.known_bases(&known).await.unwrap().identities.remove("debian-sid/amd64");
    assert_eq!(identity.as_ref(), Some(&first.identity));
    assert_eq!(lab.base(&lab.images()).await.unwrap(), first, "another run finds it");
    assert_eq!(lab.count("import"), 1);

    lab.distro.digest = "sha256:edited".to_owned();
    let edited = lab.base(&lab.images()).await.unwrap();
    assert_ne!(edited.identity, first.identity);
    assert_eq!(lab.count("import"), 2, "an edited definition is not served by an old image");
    let listed = images.list().await.unwrap();
    assert!(listed.iter().any(|image| image.id == edited.image && image.labels[labels::KIND] == "base"));
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_runs_with_network_after_configuring() {
    let Some(mut lab) = Lab::new() else { return skipped() };
    lab.distro.setup = Some("echo set up".to_owned());
    lab.base(&lab.images()).await.unwrap();
    let calls = lab.engine.calls();
    let at = |text: &str| calls.iter().position(|call| call.starts_with("exec") && call.contains(text)).unwrap();
    assert!(at("--configure -a") < at("echo set up"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_cannot_be_configured_leaves_nothing() {
    let Some(mut lab) = Lab::new() else { return skipped() };
    lab.engine = FakeEngine::new();
    lab.engine.on_exec(|_| Some(Reply::exit(1).stderr("dpkg: error\n")));
    let error = lab.base(&lab.images()).await.unwrap_err();
    assert!(matches!(error, ImageError::Script { kind: "base", exit_code: 1, .. }), "{error}");
    assert!(lab.engine.containers().is_empty());
    assert!(lab.engine.images(labels::OWNED).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_lies_is_not_imported() {
    let Some(mut lab) = Lab::new() else { return skipped() };
    lab.archive.add("evil", "1", "Essential: yes\n", &deb("other", &[]));
    lab.archive.publish("", |release| release);
    let error = lab.base(&lab.images()).await.unwrap_err();
    assert!(matches!(&error, ImageError::Untrusted { reason, .. } if reason.contains("evil")), "{error}");
    assert!(lab.engine.images(labels::OWNED).await.unwrap().is_empty());

    let mut unsigned = lab.distro.clone();
    unsigned.bootstrap.as_mut().unwrap().keyrings.clear();
    let error = base(&lab.images(), &unsigned).await.unwrap_err();
    assert!(matches!(error, ImageError::Untrusted { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn store_and_registry_come_before_the_bootstrap() {
    let Some(mut lab) = Lab::new() else { return skipped() };
    lab.distro.image = Some("docker.io/library/debian:sid".to_owned());
    lab.engine.publish("docker.io/library/debian:sid");
    let pulled = lab.base(&lab.images()).await.unwrap();
    assert_eq!((lab.count("pull"), lab.count("import"), lab.count("exec")), (1, 0, 0));
    lab.distro.digest = "sha256:edited".to_owned();
    let again = lab.base(&lab.images()).await.unwrap();
    assert_eq!((lab.count("pull"), lab.count("import")), (1, 0), "the engine has the image now");
    assert_ne!(again.identity, pulled.identity);
    lab.choice = BaseChoice::Bootstrap;
    lab.base(&lab.images()).await.unwrap();
    assert_eq!(lab.count("import"), 1, "asked for, a bootstrap is made");
    lab.base(&lab.images()).await.unwrap();
    assert_eq!(lab.count("import"), 1, "and found again");
    lab.choice = BaseChoice::Registry;
    lab.base(&lab.images()).await.unwrap();
    assert_eq!(lab.count("pull"), 2);
}

/// A tag of the engine's store that names another image than before is what the next base is made of, and the plan
/// knows; what the base was made of may also go.
#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_has_moved_makes_a_new_base() {
    let Some(mut lab) = Lab::new() else { return skipped() };
    let tag = "docker.io/library/debian:sid";
    lab.distro.image = Some(tag.to_owned());
    lab.engine.add_image(tag, BTreeMap::new());
    let known = |images: Images, distro: Distro| async move {
        images.known_bases(&[(Arc::new(distro), Arch::Amd64)]).await.unwrap()
    };
    assert_eq!(known(lab.images(), lab.distro.clone()).await.absent, ["debian-sid/amd64"]);
    let first = lab.base(&lab.images()).await.unwrap();
    let said = known(lab.images(), lab.distro.clone()).await;
    assert_eq!((said.moved.len(), &said.identities["debian-sid/amd64"]), (0, &first.identity));
    for labels in [BTreeMap::new(), BTreeMap::from([(labels::DIGEST.to_owned(), "sha256:by-content".to_owned())])] {
        let before = lab.base(&lab.images()).await.unwrap();
        lab.engine.add_image(tag, labels);
        let said = known(lab.images(), lab.distro.clone()).await;
        assert_eq!(said.moved, [("debian-sid/amd64".to_owned(), tag.to_owned())]);
        let next = lab.base(&lab.images()).await.unwrap();
        assert_ne!(next.identity, before.identity);
        assert_eq!(said.identities["debian-sid/amd64"], next.identity, "the plan knew what it would be");
        assert_eq!(known(lab.images(), lab.distro.clone()).await.moved, []);
        assert_eq!(lab.base(&lab.images()).await.unwrap(), next, "and it is found again");
    }
    let last = lab.base(&lab.images()).await.unwrap();
    lab.engine.remove_image(tag).await.unwrap();
    assert_eq!(lab.base(&lab.images()).await.unwrap(), last, "a base does not need what it was made of");
    assert_eq!((lab.count("pull"), lab.count("import")), (0, 0));
}

/// A bootstrapped base is no copy of the image under the distribution's tag.
#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrapped_base_stays_when_an_image_comes() {
    let Some(mut lab) = Lab::new() else { return skipped() };
    lab.choice = BaseChoice::Bootstrap;
    lab.distro.image = Some("docker.io/library/debian:sid".to_owned());
    let base = lab.base(&lab.images()).await.unwrap();
    lab.engine.add_image("docker.io/library/debian:sid", BTreeMap::new());
    lab.choice = BaseChoice::Auto;
    assert_eq!(lab.base(&lab.images()).await.unwrap(), base);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_the_registry_gets_the_image_of_today_once_in_a_run() {
    let Some(mut lab) = Lab::new() else { return skipped() };
    let tag = "docker.io/library/debian:sid";
    lab.distro.image = Some(tag.to_owned());
    lab.choice = BaseChoice::Registry;
    lab.engine.publish(tag);
    let images = lab.images();
    let first = lab.base(&images).await.unwrap();
    assert_eq!(lab.base(&images).await.unwrap(), first);
    assert_eq!(lab.count("pull"), 1, "once in a run");
    // A pull of the fake engine is always another image, as if its tag moved each time.
    let next = lab.base(&lab.images()).await.unwrap();
    assert_ne!(next.identity, first.identity);
    assert_eq!(lab.count("pull"), 2);
    lab.engine.fail(|call| {
        let reason = "no such host".to_owned();
        call.starts_with("pull").then(|| EngineError::Pull { reference: String::new(), reason })
    });
    let error = lab.base(&lab.images()).await.unwrap_err();
    assert!(matches!(error, ImageError::Unavailable { .. }), "an old image is not what was asked for: {error}");
    lab.choice = BaseChoice::Auto;
    assert_eq!(lab.base(&lab.images()).await.unwrap(), next);
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_ask_where_a_base_came_from() {
    let Some(mut lab) = Lab::new() else { return skipped() };
    let update = |images: Images, distro: Distro| async move {
        let cancel = CancellationToken::new();
        images.update_base(&distro, Arch::Amd64, &mut Nowhere, &NoProgress, &|_| (), &cancel).await.unwrap()
    };
    let made = lab.base(&lab.images()).await.unwrap();
    assert_eq!(update(lab.images(), lab.distro.clone()).await, Some(made.clone()), "nothing has changed there");
    assert_eq!(lab.count("import"), 1);
    lab.archive.add("fixed", "1", "Essential: yes\n", &deb("fixed", &[]));
    lab.archive.publish("", |release| release);
    assert_eq!(lab.base(&lab.images()).await.unwrap(), made, "nobody has asked for another one");
    let newer = update(lab.images(), lab.distro.clone()).await.unwrap();
    assert_ne!(newer.identity, made.identity);
    assert_eq!(lab.base(&lab.images()).await.unwrap(), newer);

    let tag = "docker.io/library/debian:sid";
    lab.distro.image = Some(tag.to_owned());
    lab.distro.digest = "sha256:edited".to_owned();
    lab.engine.add_image(tag, BTreeMap::from([(labels::KIND.to_owned(), import::KIND.to_owned())]));
    lab.base(&lab.images()).await.unwrap();
    assert_eq!(update(lab.images(), lab.distro.clone()).await, None, "only the user has a newer file");
    assert_eq!(lab.count("pull"), 0);
    lab.distro.digest = "sha256:edited again".to_owned();
    lab.engine.add_image(tag, BTreeMap::new());
    lab.base(&lab.images()).await.unwrap();
    lab.engine.publish(tag);
    assert!(update(lab.images(), lab.distro.clone()).await.is_some());
    assert_eq!(lab.count("pull"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn imported_images_are_not_pruned_by_age() {
    let engine = FakeEngine::new();
    let images = images(&engine, BaseChoice::Store, Path::new("/nowhere"), BTreeMap::new());
    let kind = |kind: &str| BTreeMap::from([(labels::KIND.to_owned(), kind.to_owned())]);
    engine.add_image("a/builder:1", kind("builder"));
    engine.add_image("a/imported:1", kind(import::KIND));
    assert_eq!(images.prune(Duration::ZERO, false).await.unwrap().len(), 1);
    assert_eq!(images.list().await.unwrap().len(), 1);
    assert_eq!(images.prune(Duration::ZERO, true).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_registry_is_tried_once() {
    let Some(mut lab) = Lab::new() else { return skipped() };
    lab.engine.fail(|call| {
        let reference = call.strip_prefix("pull ")?.split(' ').next()?.to_owned();
        Some(EngineError::Pull { reference, reason: "dial tcp: lookup docker.io: no such host".to_owned() })
    });
    lab.distro.image = Some("debian:sid".to_owned());
    let mut other = lab.distro.clone();
    other.id = "other".to_owned();
    other.image = Some("docker.io/library/other".to_owned());
    let images = lab.images();
    lab.base(&images).await.unwrap();
    base(&images, &other).await.unwrap();
    assert_eq!((lab.count("pull"), lab.count("import")), (1, 2));

    other.bootstrap = None;
    other.digest = "sha256:other".to_owned();
    let error = base(&images, &other).await.unwrap_err();
    assert!(matches!(&error, ImageError::Unavailable { reason, .. } if reason.contains("no such host")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_way_each_that_was_tried_is_named() {
    let Some(mut lab) = Lab::new() else { return skipped() };
    lab.distro.image = Some("quay.io/x/y:1".to_owned());
    lab.distro.bootstrap = None;
    let error = lab.base(&lab.images()).await.unwrap_err();
    assert!(
        matches!(&error, ImageError::NoWay { reason, .. } if reason.contains("not found") && reason.contains("[bootstrap]")),
        "{error}"
    );
    lab.choice = BaseChoice::Store;
    let error = lab.base(&lab.images()).await.unwrap_err();
    assert!(matches!(error, ImageError::NoWay { .. }), "{error}");
}

fn derivation(script: &str) -> Derivation {
    Derivation {
        kind: "builder",
        arch: Arch::Amd64,
        script: script.to_owned(),
        env: BTreeMap::new(),
        files: vec![("tmp/list".to_owned(), b"gcc".to_vec().into())],
        fetch_first: None,
        description: "gcc".to_owned(),
        inputs: Vec::new(),
        toolchain: None,
    }
}

async fn derive(images: &Images, base: &Base, script: &str) -> Result<String, ImageError> {
    images.derive(base, &derivation(script), None, &mut Nowhere, &NoProgress, &CancellationToken::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_derived_image_is_made_once_by_its_key() {
    let engine = FakeEngine::new();
    engine.on_exec(|guest| {
        assert!(guest.files.contains_key("/tmp/list"));
        assert_eq!(guest.container.network, Network::Default);
        assert_eq!(guest.container.labels[labels::RUN], "test");
        let reply = match guest.exec.argv.last()?.as_str() {
            "none" => Reply::exit(11).stdout("farm: unsatisfiable: libfoo-dev\n"),
            "network" => Reply::exit(12),
            "memory" => Reply { oom_kills: 1, ..Reply::exit(0) },
            _ => Reply::exit(0),
        };
        Some(Reply { delay: Duration::from_millis(20), ..reply })
    });
    let image = engine.add_image("farm/base:x", BTreeMap::new());
    let base = Base { image: image.id, identity: "sha256:base".to_owned() };
    let folder = tempfile::tempdir().unwrap();
    let images = images(&engine, BaseChoice::Auto, folder.path(), BTreeMap::new());
    let starts = || engine.calls().iter().filter(|call| call.starts_with("start")).count();

    let (a, b) = tokio::join!(derive(&images, &base, "ok"), derive(&images, &base, "ok"));
    assert_eq!(a.unwrap(), b.unwrap());
    derive(&images, &base, "ok").await.unwrap();
    assert_eq!(starts(), 1);
    let made = images.list().await.unwrap();
    assert_eq!(made[0].labels[labels::KIND], "builder");
    assert_eq!(made[0].labels[labels::REQUIRES], "gcc");
    assert!(made[0].tags[0].starts_with("farm/builder:"));

    let (a, b) = tokio::join!(derive(&images, &base, "none"), derive(&images, &base, "none"));
    for error in [a.unwrap_err(), b.unwrap_err()] {
        assert!(
            matches!(&error, ImageError::Script { exit_code: 11, unsatisfiable, oom: false, .. } if unsatisfiable[0].requirement == "libfoo-dev"),
            "{error}"
        );
    }
    assert_eq!(starts(), 2, "who waited shares the failure");
    assert!(matches!(derive(&images, &base, "network").await, Err(ImageError::Unavailable { .. })));
    assert!(matches!(derive(&images, &base, "memory").await, Err(ImageError::Script { oom: true, .. })));
    assert!(engine.containers().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_derivations_have_in_common_is_made_once() {
    let engine = FakeEngine::new();
    engine.on_exec(|_| Some(Reply::exit(0)));
    let image = engine.add_image("farm/base:x", BTreeMap::new());
    let base = Base { image: image.id.clone(), identity: "sha256:base".to_owned() };
    let folder = tempfile::tempdir().unwrap();
    let images = images(&engine, BaseChoice::Auto, folder.path(), BTreeMap::new());
    let toolchain = || Some(Box::new(derivation("compiler")));
    let cancel = CancellationToken::new();
    let make = async |derivation: Derivation| {
        images.derive(&base, &derivation, None, &mut Nowhere, &NoProgress, &cancel).await.unwrap()
    };
    let with_toolchain = |script| Derivation { toolchain: toolchain(), ..derivation(script) };
    let (one, other) = tokio::join!(make(with_toolchain("one")), make(with_toolchain("other")));
    let common = make(derivation("compiler")).await;
    let alone = make(derivation("alone")).await;
    assert_eq!(make(derivation("one")).await, one, "what it was made of is no part of what it is");

    let made = images.list().await.unwrap();
    let from = |id: &str| made.iter().find(|image| image.id == id).unwrap().labels[labels::FROM].clone();
    assert_eq!(
        [&one, &other, &common, &alone].map(|id| from(id)),
        [&common, &common, &image.id, &image.id].map(String::clone)
    );
    assert_eq!(made.len(), 4);
    assert_eq!(images.entries().await.unwrap().iter().find(|entry| entry.name.contains("builder")).unwrap().bytes, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_derivation_removes_its_container() {
    let engine = FakeEngine::new();
    let cancel = CancellationToken::new();
    let fire = cancel.clone();
    engine.on_exec(move |guest| {
        fire.cancel();
        says(guest, "hang").then(Reply::hang)
    });
    let image = engine.add_image("farm/base:x", BTreeMap::new());
    let base = Base { image: image.id, identity: "sha256:base".to_owned() };
    let folder = tempfile::tempdir().unwrap();
    let images = images(&engine, BaseChoice::Auto, folder.path(), BTreeMap::new());
    let result = images.derive(&base, &derivation("hang"), None, &mut Nowhere, &NoProgress, &cancel).await;
    assert!(matches!(result, Err(ImageError::Cancelled)));
    assert!(engine.containers().is_empty());
}

#[tokio::test]
async fn only_images_of_a_known_kind_are_listed() {
    let engine = FakeEngine::new();
    let add = |tag: &str, name: &str, value: &str| {
        engine.add_image(tag, BTreeMap::from([(name.to_owned(), value.to_owned())]));
    };
    add("farm/tester:x", labels::KIND, "tester");
    add("farm/base:x", labels::KIND, "base");
    add("farm-test/guest:1", labels::DIGEST, "d");
    add("farm-test/import:1", labels::KIND, "test");
    add("farm-test/import:2", labels::KIND, "");
    let folder = tempfile::tempdir().unwrap();
    let listed = images(&engine, BaseChoice::Auto, folder.path(), BTreeMap::new()).list().await.unwrap();
    let tags: Vec<&str> = listed.iter().flat_map(|image| &image.tags).map(String::as_str).collect();
    assert_eq!(tags, ["farm/base:x", "farm/tester:x"]);
}

#[tokio::test]
async fn pruning_takes_derived_images_first_and_leaves_what_is_needed() {
    let engine = FakeEngine::new();
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let base = engine.add_image("farm/base:x", BTreeMap::from([label(labels::KIND, "base")]));
    let busy = engine.add_image("farm/base:busy", BTreeMap::from([label(labels::KIND, "base")]));
    let builder =
        engine.add_image("farm/builder:x", BTreeMap::from([label(labels::KIND, "builder"), label(labels::KEY, "k")]));
    let id = busy.id.clone();
    engine.fail(move |call| {
        let refused = EngineError::InUse { action: "remove".to_owned(), message: "a container has it".to_owned() };
        (call == format!("remove-image {id}")).then_some(refused)
    });
    let folder = tempfile::tempdir().unwrap();
    let images = images(&engine, BaseChoice::Auto, folder.path(), BTreeMap::new());
    let removed: Vec<String> =
        images.prune(Duration::from_secs(60), false).await.unwrap().into_iter().map(|image| image.id).collect();
    assert_eq!(removed, [builder.id, base.id]);
}

/// Runs of farm as processes of their own, which share nothing but the engine and the cache.
#[tokio::test(flavor = "multi_thread")]
async fn of_runs_that_begin_at_once_one_makes_the_base_and_one_the_builder() {
    let Some(lab) = Lab::new() else { return skipped() };
    let runs: Vec<Images> = (0..8).map(|_| lab.images()).collect();
    let bases = futures_util::future::join_all(runs.iter().map(|run| lab.base(run))).await;
    let bases: Vec<Base> = bases.into_iter().map(Result::unwrap).collect();
    assert!(bases.iter().all(|base| *base == bases[0]));
    assert_eq!(lab.count("import"), 1);
    let made = futures_util::future::join_all(runs.iter().map(|run| derive(run, &bases[0], "the script"))).await;
    let made: Vec<String> = made.into_iter().map(Result::unwrap).collect();
    assert!(made.iter().all(|image| *image == made[0]));
    assert_eq!(lab.count("commit"), 2, "the base, and the builder");
    let left = std::fs::read_dir(lab.cache.path().join("locks")).unwrap().count();
    assert_eq!(left, 0);
}

/// What an image of a registry, or a stage of somebody's Dockerfile, says of itself makes it nobody's builder.
#[tokio::test(flavor = "multi_thread")]
async fn labels_alone_make_no_builder_and_no_base() {
    let Some(lab) = Lab::new() else { return skipped() };
    let images = lab.images();
    let base = lab.base(&images).await.unwrap();
    let wanted = derivation("the script");
    let key = super::derive::key(&base, &wanted);
    for tag in ["registry.example/evil:1", "farm/stage:x.1", "farm/tester:000000000000"] {
        let labels = [(labels::KIND, "builder"), (labels::KEY, key.as_str())];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let layer = crate::stream::from_tar(|_| Ok(()));
        lab.engine
            .import(
                &crate::engine::ImportSpec { tag: tag.to_owned(), arch: Arch::Amd64, labels, env: Vec::new() },
                layer,
            )
            .await
            .unwrap();
    }
    let forged: Vec<String> = lab.engine.images(labels::KEY).await.unwrap().into_iter().map(|image| image.id).collect();
    let made = derive(&images, &base, "the script").await.unwrap();
    assert!(!forged.contains(&made), "{made} is one of {forged:?}");
    assert_eq!(derive(&lab.images(), &base, "the script").await.unwrap(), made, "its own is found");

    for reference in ["farm/base:debian-12-amd64", "docker.io/farm/builder:000000000000", "index.docker.io/farm/x"] {
        let error = images.environment(reference, Arch::Amd64, &NoProgress, &CancellationToken::new()).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("names that begin with farm/ are those of images that farm makes"), "{error}");
    }
}
