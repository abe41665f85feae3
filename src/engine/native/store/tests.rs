//! The store with real folders, and layers that are a file each.

use super::*;

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
    let store = Store::open(&folder.path().join("store")).unwrap();
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
    let store = Store::open(folder.path()).unwrap();
    add(&store, "kept:1", "kept");
    add(&store, "gone:1", "gone");
    let used = add(&store, "used:1", "used");
    let layers = store.find(&used.id).unwrap().unwrap().layers;
    let record = ContainerRecord { labels: BTreeMap::new(), layers, cgroups: Vec::new() };
    let lock = make_container(&store.containers().join("c1"), &record).unwrap();
    let growing = store.stage().unwrap();
    // What a killed process leaves: its lock is free.
    drop(store.stage().unwrap());
    let orphan = ContainerRecord { cgroups: vec!["/cgroup/c2".into()], ..record.clone() };
    make_container(&store.containers().join("c2"), &orphan).unwrap();
    store.remove_image("gone:1").unwrap();
    store.remove_image("used:1").unwrap();
    let Swept { rubbish, cgroups, bytes } = store.sweep().unwrap();
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
    let store = Store::open(folder.path()).unwrap();
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
    let store = Store::open(folder.path()).unwrap();
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
    let store = Store::open(folder.path()).unwrap();
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
    let store = Store::open(folder.path()).unwrap();
    let first = add(&store, "one:1", "first");
    let second = add(&store, "one:1", "second");
    assert_eq!(store.find("one:1").unwrap().unwrap().info.id, second.id);
    assert!(store.find(&first.id).unwrap().unwrap().info.tags.is_empty(), "who found it before goes on with it");
}
