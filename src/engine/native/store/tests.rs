//! The store with real folders, and layers that are a file each.

use super::*;
use crate::types::testing::is_root;

/// As the helper does for real trees.
fn seal(tree: &Path) -> io::Result<String> {
    Ok(format!("sha256:{}", hex::encode(Sha256::digest(fs::read(tree.join("file"))?))))
}

fn problems(store: &Store) -> Vec<String> {
    store.verify(seal).unwrap().problems
}

fn add(store: &Store, tag: &str, content: &str) -> ImageInfo {
    let staging = store.stage().unwrap();
    fs::write(staging.tree().join("file"), content).unwrap();
    let diff_id = format!("sha256:{}", hex::encode(Sha256::digest(content)));
    let labels = BTreeMap::from([("name".to_owned(), content.to_owned())]);
    let config = Store::config(None, Arch::Amd64, &labels, Vec::new(), &diff_id).to_string().into_bytes();
    let layer = Layer { diff_id: diff_id.clone(), bytes: 7 };
    let manifest = store.manifest(None, &config, &layer).unwrap();
    let layers = vec![(staging.folder.join("layer"), diff_id)];
    write_seal(&layers[0].0, &layers[0].1).unwrap();
    store.add_image(tag, None, &manifest, &config, layers).unwrap()
}

#[test]
fn an_image_is_found_by_each_of_its_names_until_it_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store"), None).unwrap();
    let first = add(&store, "farm/base:1", "first");
    let second = add(&store, "debian", "second");
    assert_eq!(store.find(&first.id).unwrap().unwrap().info, first);
    assert_eq!(store.find("docker.io/library/debian:latest").unwrap().unwrap().info, second);
    assert_eq!(first.labels["name"], "first");
    assert_eq!(first.labels[labels::OWNED], "");
    assert_eq!(store.images().unwrap().len(), 2);
    assert_eq!(problems(&store), [""; 0]);
    store.remove_image("farm/base:1").unwrap();
    store.remove_image("farm/base:1").unwrap();
    assert_eq!(store.find(&first.id).unwrap(), None);
    assert_eq!(store.images().unwrap().len(), 1);
}

#[test]
fn a_sweep_takes_what_nothing_needs_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), None).unwrap();
    add(&store, "kept:1", "kept");
    add(&store, "gone:1", "gone");
    let used = add(&store, "used:1", "used");
    let layers = store.find(&used.id).unwrap().unwrap().layers;
    let record = ContainerRecord { labels: BTreeMap::new(), layers, cgroups: Vec::new() };
    let lock = make_container(&store.containers().join("c1"), &record, None).unwrap();
    let growing = store.stage().unwrap();
    // What a killed process leaves: its lock is free.
    drop(store.stage().unwrap());
    let orphan = ContainerRecord { cgroups: vec!["/cgroup/c2".into()], ..record.clone() };
    make_container(&store.containers().join("c2"), &orphan, None).unwrap();
    store.remove_image("gone:1").unwrap();
    store.remove_image("used:1").unwrap();
    let Swept { rubbish, cgroups, bytes, .. } = store.sweep().unwrap();
    assert_eq!(cgroups, [PathBuf::from("/cgroup/c2")]);
    assert!(bytes > 0, "manifests and configurations are of no use without their image");
    assert!(store.sweep().unwrap().rubbish.is_empty(), "who sweeps holds what he removes");
    for one in rubbish {
        fs::remove_dir_all(one.folder).unwrap();
    }
    assert!(growing.tree().exists());
    assert_eq!(fs::read_dir(store.layers()).unwrap().count(), 2, "of `kept`, and of the container");
    assert_eq!(store.running().unwrap().len(), 1);
    assert_eq!(problems(&store), [""; 0]);
    drop(lock);
    let rubbish = store.sweep().unwrap().rubbish;
    assert_eq!(rubbish.len(), 1, "{rubbish:?}");
}

#[test]
fn an_image_is_not_added_without_all_of_its_layers() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), None).unwrap();
    let gone = Layer { diff_id: format!("sha256:{}", "0".repeat(64)), bytes: 1 };
    let config = Store::config(None, Arch::Amd64, &BTreeMap::new(), Vec::new(), &gone.diff_id).to_string().into_bytes();
    let manifest = store.manifest(None, &config, &gone).unwrap();
    let error = store.add_image("half:1", None, &manifest, &config, Vec::new()).unwrap_err();
    assert!(error.to_string().contains("removed meanwhile"), "{error}");
    assert_eq!(store.images().unwrap(), []);
}

#[test]
fn damage_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), None).unwrap();
    let image = add(&store, "one:1", "one");
    fs::remove_dir_all(store.layers()).unwrap();
    assert!(problems(&store)[0].contains("image one:1 has no layer"));
    fs::write(store.blob_path(&image.id).unwrap(), "{}").unwrap();
    let verdict = store.verify(seal).unwrap();
    assert!(verdict.problems[0].contains("another content"), "{verdict:?}");
    fs::create_dir(store.layers()).unwrap();
    let sound = add(&store, "two:1", "two");
    store.forget_damaged(&verdict).unwrap();
    assert_eq!(store.find("one:1").unwrap(), None);
    assert_eq!(store.find("two:1").unwrap().unwrap().info, sound);
    store.sweep().unwrap();
    assert_eq!(problems(&store), [""; 0]);
}

#[test]
fn a_layer_that_changed_is_found_and_its_images_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), None).unwrap();
    add(&store, "rotten:1", "rotten");
    add(&store, "sound:1", "sound");
    let layer = store.find("rotten:1").unwrap().unwrap().layers.remove(0);
    fs::write(store.layers().join(&layer).join(TREE).join("file"), "r0tten").unwrap();
    let verdict = store.verify(seal).unwrap();
    assert_eq!(
        verdict.problems,
        [format!("layer {layer} of image rotten:1 has another content than it was made with")]
    );
    store.forget_damaged(&verdict).unwrap();
    assert_eq!(store.find("rotten:1").unwrap(), None);
    assert!(store.find("sound:1").unwrap().is_some());
    assert_eq!(problems(&store), [""; 0]);
    fs::remove_file(store.layers().join(&store.find("sound:1").unwrap().unwrap().layers[0]).join(SEAL)).unwrap();
    assert_eq!(problems(&store).len(), 1, "one that nobody finished");
}

#[test]
fn a_tag_moves() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), None).unwrap();
    let first = add(&store, "one:1", "first");
    let second = add(&store, "one:1", "second");
    assert_eq!(store.find("one:1").unwrap().unwrap().info.id, second.id);
    assert!(store.find(&first.id).unwrap().unwrap().info.tags.is_empty(), "who found it before goes on with it");
}

fn tags(store: &Store) -> Vec<(String, Vec<String>)> {
    let mut all: Vec<_> = store.images().unwrap().into_iter().map(|image| (image.info.id, image.info.tags)).collect();
    all.sort();
    all
}

fn layers(store: &Store) -> usize {
    fs::read_dir(store.layers()).unwrap().count()
}

#[test]
fn a_damaged_index_is_named_and_made_anew_from_what_is_beside_it() {
    for damage in [
        &b""[..],
        b"{",
        b"\0\0\0\0\0\0",
        b"[]",
        b"{\"schemaVersion\": 2}",
        b"{\"schemaVersion\": 2, \"manifests\": [{}]}",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).unwrap();
        for (tag, content) in [("farm/base:1", "a"), ("farm/builder:2", "b"), ("debian:12", "c"), ("farm/base:1", "d")]
        {
            add(&store, tag, content);
        }
        store.remove_image("farm/builder:2").unwrap();
        let (before, layers_before) = (tags(&store), layers(&store));
        let index = folder.path().join("images/index.json");
        fs::write(&index, damage).unwrap();
        assert!(store.sweep().is_err(), "nothing is taken away by an index that nobody can read");
        let store = Store::open(folder.path(), None).unwrap();
        let said = store.mend_index().unwrap().expect("it is damaged");
        assert!(said.contains(index.to_str().unwrap()) && said.contains("is damaged"), "{said}");
        assert!(said.contains("index.json.damaged"), "{said}");
        assert_eq!(fs::read(index.with_extension("json.damaged")).unwrap(), damage);
        for (id, tags) in &before {
            let image = store.find(id).unwrap().unwrap_or_else(|| panic!("{id} {tags:?} is gone"));
            assert_eq!(&image.info.tags, tags, "{said}");
        }
        assert_eq!(layers(&store), layers_before);
        assert_eq!(store.mend_index().unwrap(), None, "it is whole");
        drop(store.sweep().unwrap());
        assert_eq!(problems(&store), [""; 0]);
        assert!(store.find("farm/base:1").unwrap().is_some() && store.find("debian:12").unwrap().is_some());
    }
}

#[test]
fn an_index_that_is_gone_is_made_anew_and_an_empty_store_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), None).unwrap();
    assert_eq!(store.mend_index().unwrap(), None);
    let kept = add(&store, "farm/base:1", "a");
    fs::remove_file(folder.path().join("images/index.json")).unwrap();
    let said = store.mend_index().unwrap().unwrap();
    assert!(said.contains("is gone: it was made anew") && said.ends_with("with 1 image"), "{said}");
    assert_eq!(store.find("farm/base:1").unwrap().unwrap().info, kept);
    // One of an earlier farm: tags are in the index alone, until it is opened.
    for entry in fs::read_dir(folder.path().join("images/tags")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    assert_eq!(store.mend_index().unwrap(), None);
    fs::write(folder.path().join("images/index.json"), "x").unwrap();
    assert!(store.mend_index().unwrap().is_some());
    assert_eq!(store.find("farm/base:1").unwrap().unwrap().info, kept);
}

/// A manifest that a registry sent may say what it likes of itself.
#[test]
fn no_image_gives_itself_a_tag() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), None).unwrap();
    let image = add(&store, "registry.example/x:1", "x");
    let found = store.find(&image.id).unwrap().unwrap();
    let mut manifest: Value = serde_json::from_slice(&store.blob(&found.manifest).unwrap()).unwrap();
    manifest["annotations"] = json!({ REFERENCE: "farm/base:debian-12-amd64" });
    store.add_blob(&store.exclusive().unwrap(), &serde_json::to_vec(&manifest).unwrap()).unwrap();
    fs::write(folder.path().join("images/index.json"), "x").unwrap();
    store.mend_index().unwrap().unwrap();
    assert_eq!(store.find("farm/base:debian-12-amd64").unwrap(), None);
    assert!(store.find("registry.example/x:1").unwrap().is_some());
}

#[test]
fn an_image_that_cannot_be_read_takes_no_layer_with_it() {
    let damages: [fn(&Store, &Image); 3] = [
        |store, image| fs::remove_file(store.blob_path(&image.info.id).unwrap()).unwrap(),
        |store, image| fs::write(store.blob_path(&image.info.id).unwrap(), "").unwrap(),
        |store, image| fs::write(store.blob_path(&image.manifest).unwrap(), "{").unwrap(),
    ];
    for damage in damages {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).unwrap();
        let image = add(&store, "farm/base:1", "a");
        add(&store, "farm/builder:2", "b");
        damage(&store, &store.find(&image.id).unwrap().unwrap());
        let swept = store.sweep().unwrap();
        assert_eq!((swept.damaged, layers(&store)), (1, 2));
        let verdict = store.verify(seal).unwrap();
        assert!(!verdict.problems.is_empty());
        store.forget_damaged(&verdict).unwrap();
        let swept = store.sweep().unwrap();
        assert_eq!((swept.damaged, layers(&store)), (0, 1), "the other image keeps its layer");
    }
}

#[test]
fn half_a_layer_is_none_and_gives_way() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), None).unwrap();
    let image = add(&store, "farm/base:1", "a");
    let layer = store.layers().join(&store.find(&image.id).unwrap().unwrap().layers[0]);
    fs::remove_file(layer.join(SEAL)).unwrap();
    add(&store, "farm/base:2", "a");
    assert_eq!(fs::read_to_string(layer.join(TREE).join("file")).unwrap(), "a");
    assert!(layer.join(SEAL).exists());
}

/// Where not a byte and not a file is left. (On a file system of memory of its own, which only root can mount.)
#[test]
fn a_full_store_is_emptied() {
    use nix::mount::{MsFlags, mount};
    if !is_root() {
        return;
    }
    let work = || {
        // Of this thread alone, and gone with it.
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let options = Some("size=2m,nr_inodes=400");
        mount(Some("tmpfs"), folder.path(), Some("tmpfs"), MsFlags::empty(), options).unwrap();
        let root = folder.path().join("store");
        let store = Store::open(&root, None).unwrap();
        let big = "x".repeat(200 << 10);
        for number in 0..4 {
            add(&store, &format!("farm/builder:{number}"), &format!("{number}{big}"));
        }
        for one in store.sweep().unwrap().rubbish {
            fs::remove_dir_all(one.folder).unwrap();
        }
        let mut filler = File::create(folder.path().join("filler")).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
        let mut files = 0;
        while File::create(folder.path().join(format!("filler{files}"))).is_ok() {
            files += 1;
        }
        let full = fs::write(folder.path().join("another"), "x").unwrap_err();
        assert!(is_full(&full), "{full}");

        let store = Store::open(&root, None).unwrap();
        assert_eq!(store.mend_index().unwrap(), None);
        let swept = store.sweep().unwrap();
        assert_eq!(swept.rubbish.len(), 0);
        assert_eq!(store.images().unwrap().len(), 4, "what is needed stays");
        for number in [1, 2] {
            store.remove_image(&format!("farm/builder:{number}")).unwrap();
            let swept = store.sweep().unwrap();
            assert_eq!(swept.rubbish.len(), 1);
            for one in swept.rubbish {
                crate::engine::native::clear::remove(&one.folder).unwrap();
            }
        }
        assert_eq!(store.images().unwrap().len(), 2);
        assert_eq!(layers(&store), 2);
        add(&store, "farm/builder:9", &format!("9{big}"));
        drop(store.sweep().unwrap());
        assert_eq!(problems(&store), [""; 0]);
    };
    std::thread::spawn(work).join().unwrap();
}

#[test]
fn a_store_that_others_can_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    drop(Store::open(&root, None).unwrap());
    for name in ["", "layers", "images/blobs/sha256"] {
        let place = if name.is_empty() { root.clone() } else { root.join(name) };
        fs::set_permissions(&place, fs::Permissions::from_mode(0o777)).unwrap();
        let error = Store::open(&root, None).unwrap_err().to_string();
        assert!(error.contains(&format!("{} can be written by everybody", place.display())), "{error}");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&root, &link).unwrap();
    assert!(Store::open(&link, None).unwrap_err().to_string().contains("is a symbolic link to"));
    fs::rename(root.join("layers"), folder.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), root.join("layers")).unwrap();
    assert!(Store::open(&root, None).unwrap_err().to_string().contains("layers is a symbolic link"));
}

#[test]
fn many_may_open_a_store_that_is_not_there_yet() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let root = folder.path().join(format!("store-{round}"));
        let opened = || Store::open(&root, None).and_then(|store| store.sweep());
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(opened)).collect();
            for one in all {
                one.join().unwrap().unwrap();
            }
        });
    }
}
