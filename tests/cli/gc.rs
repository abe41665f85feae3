//! `farm gc`, on a store of farm's own engine where this machine lets it have one.

use crate::support::{Test, skip};

#[test]
fn a_store_is_emptied_of_what_nothing_needs_and_checked() {
    let store = tempfile::tempdir().unwrap();
    let engine = format!("native://{}", store.path().display());
    let ran = Test::new().run(&["gc", "--verify", "--engine", &engine]);
    if ran.code == Some(5) {
        return skip(&format!("farm's own engine does not work here: {ran}"));
    }
    let ran = ran.exits(0);
    assert_eq!(ran.stdout, "the store is whole\nnothing to remove\n");

    let orphan = store.path().join("layers/0123/t");
    std::fs::create_dir_all(&orphan).unwrap();
    std::fs::write(orphan.join("file"), vec![1; 1 << 20]).unwrap();
    let ran = Test::new().run(&["gc", "--engine", &engine]).exits(0);
    assert!(ran.stdout.starts_with("freed 1.0 MB"), "{ran}");
    assert!(!orphan.exists());

    let tag = r#"{"schemaVersion":2,"manifests":[{"mediaType":"m","digest":"sha256:00","size":1,
        "annotations":{"org.opencontainers.image.ref.name":"farm/base:x"}}]}"#;
    std::fs::write(store.path().join("images/index.json"), tag).unwrap();
    let ran = Test::new().run(&["gc", "--verify", "--engine", &engine]).exits(10);
    assert!(ran.stdout.contains("image farm/base:x cannot be read"), "{ran}");
    assert!(ran.stdout.contains("1 problem in the store: "), "{ran}");
    Test::new().run(&["gc", "--verify", "--engine", &engine]).exits(0);
}

#[test]
fn a_cache_is_brought_down_to_a_size() {
    let folder = tempfile::tempdir().unwrap();
    let engine = format!("native://{}", folder.path().join("store").display());
    let cache = folder.path().join("cache");
    let test = Test::new().env("FARM_CACHE", &cache.display().to_string());
    let download = |name: &str, seconds: u64| {
        let path = cache.join("downloads").join(name);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("file"), vec![1; 1_000_000]).unwrap();
        let used = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        std::fs::File::open(&path).unwrap().set_modified(used).unwrap();
        path
    };
    let (older, newer) = (download("aa", 2_000), download("bb", 1_000_000));
    let ran = test.run(&["gc", "--keep", "1500kB", "--dry-run", "--engine", &engine]);
    if ran.code == Some(5) {
        return skip(&format!("farm's own engine does not work here: {ran}"));
    }
    let ran = ran.exits(0);
    assert!(ran.stdout.contains("1970-01-01 00:33  1.0 MB  download  downloads/aa\n"), "{ran}");
    assert!(ran.stdout.ends_with("would remove 1 entry, 1.0 MB; 1.0 MB stay\n"), "{ran}");
    assert!(older.exists());
    let ran = test.run(&["gc", "--keep", "1500kB", "--engine", &engine]).exits(0);
    assert_eq!(ran.stdout, "removed 1 entry, 1.0 MB; 1.0 MB stay\n");
    assert!(!older.exists() && newer.exists());
    test.run(&["gc", "--keep", "much", "--engine", &engine]).exits(2);
    test.run(&["gc", "--dry-run", "--engine", &engine]).exits(2);
}
