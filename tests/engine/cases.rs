//! What every engine does.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use bytes::Bytes;
use farm::engine::{CommitSpec, EngineError, ExecSpec, GuestPath, OutputSink, OutputStream, labels};
use farm::stream;
use futures_util::future;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, Kept, Kind, argv, exec, files, import, is_no_such_path, says, sh, unpack, until};
use crate::scripts;

pub(crate) async fn ping_says_who_it_is(bench: Bench) {
    let info = bench.engine.ping().await.unwrap();
    let name = match bench.kind {
        Kind::Fake => "fake",
        Kind::Docker => "docker",
        Kind::Podman => "podman",
        Kind::Native => "native",
        Kind::Kubernetes => "kubernetes",
    };
    assert_eq!(info.name, name);
    assert!(info.cpus > 0 && !info.version.is_empty(), "{info:?}");
    // Nobody may ask a cluster for its nodes.
    assert!(info.memory_bytes > 1 << 20 || bench.kind == Kind::Kubernetes, "{info:?}");
    assert!(bench.engine.endpoint().contains("://"));
}

pub(crate) async fn images_are_imported_listed_and_removed(bench: Bench) {
    let tag = format!("farm-test/import:{}", bench.run);
    let label = (labels::KEY.to_owned(), format!("key of {} \"quoted\" $HOME", bench.run));
    let labels = BTreeMap::from([label.clone(), (labels::KIND.to_owned(), "base".to_owned())]);
    let image = import(&*bench.engine, &tag, labels, files(&[("etc/name", &bench.run)])).await;
    assert_eq!(image.tags, [tag.as_str()]);
    assert_eq!(image.labels.get(&label.0), Some(&label.1));
    assert!(image.labels.contains_key(labels::OWNED));
    assert!(image.id.starts_with("sha256:"));
    assert_eq!(bench.engine.image(&tag).await.unwrap().unwrap().id, image.id);
    assert_eq!(bench.engine.image(&image.id).await.unwrap().unwrap().id, image.id);
    let ids = async |label: &str| -> Vec<String> {
        bench.engine.images(label).await.unwrap().into_iter().map(|image| image.id).collect()
    };
    assert!(ids(labels::KEY).await.contains(&image.id));
    assert_eq!(ids(&format!("{}={}", label.0, label.1)).await, [image.id.as_str()]);
    assert!(ids("io.farm.no-such-label").await.is_empty());
    bench.engine.remove_image(&tag).await.unwrap();
    bench.engine.remove_image(&tag).await.unwrap();
    assert_eq!(bench.engine.image(&tag).await.unwrap(), None);
    assert_eq!(bench.engine.image(&image.id).await.unwrap(), None);
}

pub(crate) async fn an_unknown_image_is_refused(bench: Bench) {
    let mut spec = bench.spec();
    spec.image = "farm-test/not-there:1".to_owned();
    let Err(error) = bench.engine.create(&spec).await else { panic!("a container of no image") };
    assert!(matches!(&error, EngineError::NoSuchImage { reference } if *reference == spec.image), "{error}");
}

pub(crate) async fn files_go_in_before_and_after_the_start(bench: Bench) {
    let container = bench.engine.create(&bench.spec()).await.unwrap();
    container.upload(&GuestPath::new("/"), files(&[("tmp/before", "1\n")])).await.unwrap();
    container.start().await.unwrap();
    container.upload(&GuestPath::new("/"), files(&[("tmp/after", "2\n")])).await.unwrap();
    assert_eq!(says(&*container, scripts::SHOW_FILES).await, "1\n2");
    container.remove().await.unwrap();
}

pub(crate) async fn exit_codes(bench: Bench) {
    let container = bench.started().await;
    assert_eq!(exec(&*container, &sh(scripts::EXIT_7)).await.0.code, 7);
    assert_eq!(exec(&*container, &argv(&["no-such-program", "--version"])).await.0.code, 127);
    container.remove().await.unwrap();
}

pub(crate) async fn output_is_bytes(bench: Bench) {
    let container = bench.started().await;
    let (status, kept) = exec(&*container, &sh(scripts::BYTES)).await;
    assert!(status.success());
    assert_eq!(kept.stdout, b"out\xff\x00\n");
    assert_eq!(kept.stderr, b"err\xfe");
    container.remove().await.unwrap();
}

pub(crate) async fn much_output(bench: Bench) {
    let container = bench.started().await;
    let (status, kept) = exec(&*container, &sh(scripts::MUCH)).await;
    assert_eq!(status.code, 3);
    assert_eq!(kept.stdout.len(), scripts::MUCH_BYTES);
    assert!(kept.stdout.iter().all(|byte| *byte == b'x'));
    container.remove().await.unwrap();
}

pub(crate) async fn environment_user_and_folder(bench: Bench) {
    let container = bench.started().await;
    let spec = ExecSpec {
        user: "1234:5678".to_owned(),
        env: vec![("COLOUR".to_owned(), "blue = grün".to_owned())],
        workdir: GuestPath::new("/tmp"),
        ..sh(scripts::WHO)
    };
    let (status, kept) = exec(&*container, &spec).await;
    assert!(status.success());
    assert_eq!(kept.text(), "blue = grün|1234:5678|/tmp");
    container.remove().await.unwrap();
}

/// Tells the test about each chunk.
struct Told(mpsc::UnboundedSender<Bytes>);

#[async_trait::async_trait]
impl OutputSink for Told {
    async fn write(&mut self, _stream: OutputStream, chunk: Bytes) -> io::Result<()> {
        self.0.send(chunk).map_err(io::Error::other)
    }
}

pub(crate) async fn a_cancelled_process_ends(bench: Bench) {
    let container = bench.started().await;
    let cancel = CancellationToken::new();
    let (sender, mut chunks) = mpsc::unbounded_channel();
    let mut sink = Told(sender);
    let spec = sh(scripts::READY_THEN_SLEEP);
    let (result, ()) = tokio::join!(container.exec(&spec, &mut sink, &cancel), async {
        assert_eq!(chunks.recv().await.unwrap(), "ready\n");
        cancel.cancel();
    });
    assert!(matches!(result, Err(EngineError::Cancelled)), "{result:?}");
    let result = container.exec(&spec, &mut sink, &cancel).await;
    assert!(matches!(result, Err(EngineError::Cancelled)), "cancelled before it began: {result:?}");
    assert_eq!(exec(&*container, &sh(scripts::EXIT_7)).await.0.code, 7, "the container is still of use");
    container.remove().await.unwrap();
}

struct Full;

#[async_trait::async_trait]
impl OutputSink for Full {
    async fn write(&mut self, _stream: OutputStream, _chunk: Bytes) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }
}

pub(crate) async fn an_error_of_the_sink_ends_the_process(bench: Bench) {
    let container = bench.started().await;
    let spec = sh(scripts::READY_THEN_SLEEP);
    let result = container.exec(&spec, &mut Full, &CancellationToken::new()).await;
    let is_full = |error: &io::Error| error.kind() == io::ErrorKind::StorageFull;
    assert!(matches!(&result, Err(EngineError::Sink(error)) if is_full(error)), "{result:?}");
    container.remove().await.unwrap();
}

pub(crate) async fn paths_that_are_not_there(bench: Bench) {
    let container = bench.started().await;
    let missing = GuestPath::new("/no/such/folder");
    assert!(is_no_such_path(container.download(&missing).await, "/no/such/folder"));
    assert!(is_no_such_path(container.upload(&missing, files(&[("a", "b")])).await, "/no/such/folder"));
    // More than fits into the connection's buffers: the engine refuses while it is still being sent.
    let endless = stream::from_tar(|tar| {
        let mut header = tar::Header::new_gnu();
        header.set_size(64 << 20);
        tar.append_data(&mut header, "zeros", io::Read::take(io::repeat(0), 64 << 20))
    });
    let result = container.upload(&missing, endless).await;
    assert!(is_no_such_path(result, "/no/such/folder"));
    container.remove().await.unwrap();
}

pub(crate) async fn a_source_that_breaks_off_is_its_own_error(bench: Bench) {
    let container = bench.started().await;
    let broken = || stream::from_tar(|_| Err(io::Error::other("the source is gone")));
    let result = container.upload(&GuestPath::new("/"), broken()).await;
    assert!(
        matches!(&result, Err(EngineError::Source(error)) if error.to_string().contains("source is gone")),
        "{result:?}"
    );
    container.remove().await.unwrap();
}

pub(crate) async fn links_owners_and_modes_survive(bench: Bench) {
    let container = bench.engine.create(&bench.spec()).await.unwrap();
    // An ordinary user has no more ids than were given to him.
    let rootless = bench.engine.ping().await.unwrap().api_version == "rootless";
    let group: u32 = if rootless { 60_000 } else { 70_000 };
    let source = stream::from_tar(move |tar| {
        let mut entry = |kind: tar::EntryType, name: &str, mode: u32, link: &str, text: &str| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_uid(1234);
            header.set_gid(u64::from(group));
            header.set_mtime(1_000_000_000);
            header.set_size(text.len() as u64);
            if link.is_empty() {
                tar.append_data(&mut header, name, text.as_bytes())
            } else {
                tar.append_link(&mut header, name, link)
            }
        };
        entry(tar::EntryType::Directory, "tree", 0o2750, "", "")?;
        entry(tar::EntryType::Regular, "tree/tool", 0o755, "", "tool")?;
        entry(tar::EntryType::Link, "tree/twin", 0o755, "tree/tool", "")?;
        entry(tar::EntryType::Regular, "tree/set-uid", 0o4755, "", "su")?;
        entry(tar::EntryType::Symlink, "tree/away", 0o777, "/etc/passwd", "")
    });
    container.upload(&GuestPath::new("/tmp"), source).await.unwrap();
    container.start().await.unwrap();
    let found = unpack(container.download(&GuestPath::new("/tmp/tree")).await.unwrap()).await;
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(names, ["tree", "tree/away", "tree/set-uid", "tree/tool", "tree/twin"]);
    let inside = says(&*container, scripts::STAT).await;
    assert_eq!(inside, format!("1234:{group} 2750\n1234:{group} 755\n1234:{group} 4755"));
    assert_eq!((found["tree"].kind, found["tree"].mode), (tar::EntryType::Directory, 0o2750));
    assert_eq!(found["tree/away"].link.as_deref(), Some("/etc/passwd"));
    // Engines may send either of the two names as the file and the other as the link.
    let file = [&found["tree/tool"], &found["tree/twin"]].into_iter().find(|entry| !entry.data.is_empty()).unwrap();
    assert_eq!((file.mode, file.mtime, file.data.as_slice()), (0o755, 1_000_000_000, &b"tool"[..]));
    assert_eq!(found["tree/set-uid"].mode, 0o4755);
    let twins = [&found["tree/tool"], &found["tree/twin"]].map(|entry| entry.kind);
    assert!(twins.contains(&tar::EntryType::Link), "{twins:?}");
    container.remove().await.unwrap();
}

pub(crate) async fn long_and_odd_names_survive(bench: Bench) {
    let container = bench.engine.create(&bench.spec()).await.unwrap();
    let deep = format!("odd/{}", ["a".repeat(120), "b".repeat(120), "c".repeat(120)].join("/"));
    let names = [deep.as_str(), "odd/with space", "odd/new\nline", "odd/grün", "odd/-dash", "odd/back\\slash"];
    let contents: Vec<(&str, &str)> = names.iter().map(|name| (*name, *name)).collect();
    container.upload(&GuestPath::new("/tmp"), files(&contents)).await.unwrap();
    container.start().await.unwrap();
    let found = unpack(container.download(&GuestPath::new("/tmp")).await.unwrap()).await;
    for name in names {
        let entry = found.get(&format!("tmp/{name}")).unwrap_or_else(|| panic!("{name:?} is lost"));
        assert_eq!(entry.data, name.as_bytes());
    }
    container.remove().await.unwrap();
}

pub(crate) async fn a_commit_keeps_files_and_its_own_labels(bench: Bench) {
    let base = bench.engine.image(&bench.image).await.unwrap().unwrap();
    let container = bench.started().await;
    says(&*container, scripts::WRITE_KEPT).await;
    let tag = format!("farm-test/commit:{}", bench.run);
    let key = format!("a \"key\" of ${{{}}}", bench.run);
    let spec = CommitSpec { tag: tag.clone(), labels: BTreeMap::from([(labels::KEY.to_owned(), key.clone())]) };
    let image = container.commit(&spec).await.unwrap();
    container.remove().await.unwrap();
    assert_eq!(image.tags, [tag.as_str()]);
    let expected = BTreeMap::from([(labels::KEY.to_owned(), key), (labels::OWNED.to_owned(), String::new())]);
    assert_eq!(image.labels, expected, "the labels of the run and of the base do not stick");
    assert_ne!(image.identity(), base.identity());
    let listed = bench.engine.images(labels::RUN).await.unwrap();
    assert!(listed.iter().all(|listed| listed.id != image.id));
    let mut spec = bench.spec();
    spec.image = image.id;
    let container = bench.start(&spec).await;
    assert_eq!(says(&*container, scripts::READ_KEPT).await, "kept");
    container.remove().await.unwrap();
    bench.engine.remove_image(&tag).await.unwrap();
}

pub(crate) async fn reaping_takes_its_own_run_only(bench: Bench) {
    let mut other = bench.spec();
    other.labels.insert(labels::RUN.to_owned(), format!("{}-other", bench.run));
    let other = bench.start(&other).await;
    // One that runs, one that was never started.
    let first = bench.started().await;
    let second = bench.engine.create(&bench.spec()).await.unwrap();
    assert_eq!(bench.reap().await, 2);
    assert_eq!(bench.reap().await, 0);
    assert_eq!(exec(&*other, &sh(scripts::EXIT_7)).await.0.code, 7);
    for gone in [first, second] {
        gone.remove().await.unwrap();
    }
    other.remove().await.unwrap();
}

pub(crate) async fn what_is_removed_stays_removed(bench: Bench) {
    let container = bench.started().await;
    let same = bench.engine.reap(Some(&bench.run));
    let (reaped, removed) = tokio::join!(same, container.remove());
    assert!(reaped.is_ok() && removed.is_ok(), "{reaped:?} {removed:?}");
    until("nothing is left of the run", Duration::from_secs(10), async || bench.reap().await == 0).await;
    let container = bench.started().await;
    bench.reap().await;
    let result = container.exec(&sh(scripts::EXIT_7), &mut Kept::default(), &CancellationToken::new()).await;
    assert!(matches!(result, Err(EngineError::Ended { .. })), "{result:?}");
}

pub(crate) async fn eight_at_once(bench: Bench) {
    let one = async |number: usize| {
        let container = bench.started().await;
        let text = number.to_string();
        container.upload(&GuestPath::new("/tmp"), files(&[("before", &text), ("after", "")])).await.unwrap();
        let said = says(&*container, scripts::SHOW_FILES).await;
        container.remove().await.unwrap();
        said
    };
    let said: BTreeSet<String> = future::join_all((0..8).map(one)).await.into_iter().collect();
    assert_eq!(said, (0..8).map(|number| number.to_string()).collect());
    assert_eq!(bench.reap().await, 0);
}
