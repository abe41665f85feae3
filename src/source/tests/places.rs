//! Where sources may lie, what of them is taken, and what is said when that is nothing or not all.

use std::os::unix::fs::symlink;

use super::*;

/// A source as a recipe has it, on its third line.
fn said(source: Source) -> Source {
    Source { place: SourcePlace { span: 10..20, path: "farm.toml".into(), line: 3 }, ..source }
}

#[track_caller]
fn told(result: Result<impl std::fmt::Debug, SourceError>, expected: &[&str]) {
    let error = result.unwrap_err();
    let SourceError::Recipe { line: 3, problem, .. } = &error else { panic!("{error:?}") };
    assert_eq!(problem.span, 10..20);
    for part in expected {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}

#[tokio::test]
async fn a_link_at_the_top_of_a_source_may_not_leave_the_recipes_folder() {
    let place = Scratch::new();
    let outside = place.temp.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "s").unwrap();
    fs::write(outside.join("fix.patch"), "p").unwrap();
    place.write("v2/file", b"x");
    place.write("packaging/keep", b"x");
    let link = |to: &str, name: &str| symlink(to, place.root().join(name)).unwrap();
    link(outside.to_str().unwrap(), "folder");
    link("../outside/secret", "file");
    link("folder", "chain");
    link("../outside/fix.patch", "fix.patch");
    link("v2", "current");
    link("../../outside", "packaging/out");
    for name in ["folder", "file", "chain", "folder/secret", "v2/../folder", "packaging/out"] {
        let source = said(path(name));
        told(fingerprint(&place.root(), std::slice::from_ref(&source)), &["leads out of", name]);
        told(place.prepare(&[source]).await, &["leads out of"]);
    }
    let patched = said(Source { patches: vec![patch("fix.patch")], ..path("v2") });
    told(fingerprint(&place.root(), std::slice::from_ref(&patched)), &["fix.patch", "leads out of"]);
    told(place.prepare(&[patched]).await, &["leads out of"]);
    // A link that stays is another name, and what the recipe itself says may lie above it.
    assert_eq!(tree_of(&place.prepare(&[path("current")]).await.unwrap()), ["file 644 1 0"]);
    assert_eq!(tree_of(&place.prepare(&[path("../outside/secret")]).await.unwrap()), ["secret 644 1 0"]);
    let dockerfile = |path: &str, context: &str| crate::recipe::Dockerfile {
        path: path.to_owned(),
        context: context.to_owned(),
        target: None,
        args: BTreeMap::new(),
    };
    place.write("v2/Dockerfile", b"FROM scratch\n");
    for (file, context) in [("folder/secret", "folder"), ("v2/Dockerfile", "chain"), ("folder/secret", ".")] {
        assert!(Context::of(&place.root(), &dockerfile(file, context)).is_err(), "{file} in {context}");
    }
}

#[tokio::test]
async fn links_are_kept_as_they_are_and_nothing_lies_behind_one() {
    let place = Scratch::new();
    place.write("rootfs/opt/tool/bin/tool", b"#!/bin/sh\n");
    for (name, target) in [
        ("rootfs/tool", "/opt/tool/bin/tool"),
        ("rootfs/opt/zone", "../../usr/share/zoneinfo/UTC"),
        ("rootfs/opt/inner", "tool/../tool/bin"),
        ("rootfs/opt/up", "../../../../.."),
        ("rootfs/opt/none", "nowhere"),
    ] {
        symlink(target, place.root().join(name)).unwrap();
    }
    let expected = [
        "opt/ 755 0 0",
        "opt/inner -> tool/../tool/bin",
        "opt/none -> nowhere",
        "opt/tool/ 755 0 0",
        "opt/tool/bin/ 755 0 0",
        "opt/tool/bin/tool 644 10 0",
        "opt/up -> ../../../../..",
        "opt/zone -> ../../usr/share/zoneinfo/UTC",
        "tool -> /opt/tool/bin/tool",
    ];
    let folder = place.prepare(&[path("rootfs")]).await.unwrap();
    assert_eq!(tree_of(&folder), expected);
    // The same out of an archive.
    fs::copy(&folder.tree, place.root().join("rootfs.tar")).unwrap();
    assert_eq!(tree_of(&place.prepare(&[path("rootfs.tar")]).await.unwrap()), expected);
    assert_eq!(read_file(&folder, "tool", 100).unwrap(), None, "what it leads to is no file of the tree");
    assert_eq!(read_file(&folder, "opt/up", 100).unwrap(), None);
    // Two sources, of which one puts something behind a link of the other.
    place.write("second/x", b"x");
    let behind = Source { into: "opt/up".to_owned(), ..path("second") };
    let error = place.prepare(&[path("rootfs"), behind]).await.unwrap_err().to_string();
    assert!(error.contains("no folder"), "{error}");
}

#[tokio::test]
async fn a_source_in_which_all_is_ignored_names_the_rule() {
    for (rules, folder, expected) in [
        ("# built\nout/*\n", "out", [".gitignore line 2", "out/*"]),
        ("*\n!.gitignore\n", "out", [".gitignore line 1", "*"]),
        ("\n\n/out/deep/*\n*.bin\n", "out/deep", [".gitignore line 3", "/out/deep/*"]),
    ] {
        let place = Scratch::new();
        place.write(".git/HEAD", b"ref: refs/heads/main\n");
        place.write(".gitignore", rules.as_bytes());
        place.write(&format!("{folder}/tool"), b"x");
        place.write(&format!("{folder}/tool.bin"), b"x");
        let source = said(path(folder));
        let found = fingerprint(&place.root(), std::slice::from_ref(&source));
        told(found, &["all 2 files", expected[0], expected[1], "gitignore = false"]);
        told(place.prepare(std::slice::from_ref(&source)).await, &["gitignore = false"]);
        let all = Source { gitignore: false, ..source };
        assert_eq!(tree_of(&place.prepare(&[all]).await.unwrap()).len(), 2);
        // The file itself, by its name, is meant.
        assert_eq!(tree_of(&place.prepare(&[path(&format!("{folder}/tool"))]).await.unwrap()), ["tool 644 1 0"]);
    }
    let place = Scratch::new();
    fs::create_dir_all(place.root().join("nothing/below")).unwrap();
    told(fingerprint(&place.root(), &[said(path("nothing"))]), &["no file is in nothing"]);
}

fn tar_of(files: &[&str]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for name in files {
        let is_folder = name.ends_with('/');
        let kind = if is_folder { tar::EntryType::Directory } else { tar::EntryType::Regular };
        let content = if is_folder { "" } else { *name };
        let mut header = tree::header(kind, content.len() as u64, 0o644, 1_000_000_000);
        tar.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

#[tokio::test]
async fn an_archive_without_a_top_folder_is_told_of() {
    for (files, expected) in [
        (
            &["./", "./Makefile", "./README", "./data/words"][..],
            "2 files lie at its top and would be dropped: Makefile, README",
        ),
        (&["only"], "1 file lies at its top"),
        (&["src/a", "doc/b"], "more than one folder at its top: doc, src"),
        (&["one/Makefile", "two/Makefile"], "more than one folder"),
        (&["x-1.0/a", "x-1.0/b/c", "install.sh"], "1 file lies at its top and would be dropped: install.sh"),
        (&["a", "b", "c", "d", "e"], "5 files lie at its top and would be dropped: a, b, c, …"),
    ] {
        let place = Scratch::new();
        place.write("x.tar", &tar_of(files));
        told(place.prepare(&[said(place.url("x.tar", 1))]).await, &[expected, "strip = 0"]);
        let all = place.prepare(&[said(Source { strip_said: true, ..place.url("x.tar", 0) })]).await.unwrap();
        assert_eq!(
            tree_of(&all).iter().filter(|line| !line.contains("/ 755")).count(),
            files.iter().filter(|f| !f.ends_with('/')).count()
        );
    }
    let place = Scratch::new();
    place.write("x.tar", &tar_of(&["x-1.0/a", "install.sh"]));
    let meant = Source { strip_said: true, ..place.url("x.tar", 1) };
    let prepared = place.prepare(&[said(meant.clone())]).await.unwrap();
    assert_eq!((tree_of(&prepared), prepared.warnings[0].0.as_str()), (vec!["a 644 7 0".to_owned()], "dropped-files"));
    told(place.prepare(&[said(Source { strip: 3, ..meant })]).await, &["strip = 3 leaves nothing of it"]);
}

#[tokio::test]
async fn what_a_mac_adds_to_an_archive_is_no_part_of_it() {
    for clutter in [&["__MACOSX/x-1.0/._a", "__MACOSX/._x-1.0"][..], &["._x-1.0", ".DS_Store"], &["__MACOSX/", "._y"]] {
        let place = Scratch::new();
        let files: Vec<&str> = clutter.iter().copied().chain(["x-1.0/", "x-1.0/a", "x-1.0/._inner"]).collect();
        place.write("x.tar", &tar_of(&files));
        let expected = ["a 644 7 0", "._inner 644 13 0"];
        assert_eq!(tree_of(&place.prepare(&[said(place.url("x.tar", 1))]).await.unwrap()), expected);
        let as_zip: Vec<(&str, u32, &[u8])> =
            files.iter().filter(|name| !name.ends_with('/')).map(|name| (*name, 0o644, name.as_bytes())).collect();
        place.write("x.zip", &kinds::zip_of(&as_zip));
        assert_eq!(tree_of(&place.prepare(&[said(place.url("x.zip", 1))]).await.unwrap()), expected);
    }
}

#[tokio::test]
async fn bombs_are_refused_before_they_are_unpacked() {
    let sized = |kind: tar::EntryType, name: &str, size: u64| {
        let mut header = tree::header(kind, size, 0o644, 1_000_000_000);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    let zeros = |header: Vec<u8>| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.write_all(&header).unwrap();
        io_copy_zeros(&mut encoder, 64 << 20);
        encoder.finish().unwrap()
    };
    // One that says its size, one that says it of what is dropped, a sparse one that has nothing to decompress.
    let honest = zeros(sized(tar::EntryType::Regular, "x/zeros", 7 << 30));
    let dropped = {
        let mut header = sized(tar::EntryType::GNUSparse, "zeros", 0);
        header[483..495].copy_from_slice(&octal(7 << 30));
        zeros(with_sum(header))
    };
    let sparse = {
        let mut header = sized(tar::EntryType::GNUSparse, "x/zeros", 0);
        header[483..495].copy_from_slice(&octal(7 << 30));
        zeros(with_sum(header))
    };
    for (name, archive) in [("honest", honest), ("dropped", dropped), ("sparse", sparse)] {
        let place = Scratch::new();
        place.write("bomb.tar.zst", &archive);
        let source = Source { strip_said: true, ..place.url("bomb.tar.zst", 1) };
        let error = place.prepare(&[source]).await.unwrap_err().to_string();
        assert!(error.contains("bomb.tar.zst"), "{name}: {error}");
        let left: u64 = walk_size(&place.temp.path().join("cache/sources"));
        assert!(left < 1 << 20, "{name}: {left} bytes are left in the cache");
    }
}

fn octal(size: u64) -> [u8; 12] {
    let mut field = [0; 12];
    field[..11].copy_from_slice(format!("{size:011o}").as_bytes());
    field
}

fn with_sum(mut header: Vec<u8>) -> Vec<u8> {
    let sum: u32 =
        header.iter().enumerate().map(|(at, b)| if (148..156).contains(&at) { 32 } else { u32::from(*b) }).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

fn walk_size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| if entry.path().is_dir() { walk_size(&entry.path()) } else { entry.metadata().unwrap().len() })
        .sum()
}

/// Turns one bit of a file around, as a disk might, or as somebody who can set its times.
fn flip(path: &Path, at: usize) {
    let times = fs::metadata(path).unwrap().modified().unwrap();
    let mut content = fs::read(path).unwrap();
    content[at] ^= 0x20;
    fs::write(path, content).unwrap();
    File::options().write(true).open(path).unwrap().set_modified(times).unwrap();
}

async fn drained(stream: ByteStream) -> Result<u64, String> {
    let read = move || std::io::copy(&mut into_reader(stream), &mut std::io::sink()).map_err(|error| error.to_string());
    tokio::task::spawn_blocking(read).await.unwrap()
}

#[tokio::test]
async fn a_flipped_bit_of_prepared_sources_reaches_no_build() {
    let place = Scratch::new();
    place.write("hello.tar", &hello_tar());
    place.write("a.patch", b"--- a\n+++ b\n");
    place.write("project/x", b"x");
    let sources = [
        Source { patches: vec![patch("a.patch")], ..place.url("hello.tar", 1) },
        Source { into: "project".to_owned(), ..path("project") },
    ];
    let prepared = place.prepare(&sources).await.unwrap();
    let uploads = || {
        [
            Upload::Tree { folder: "/b".to_owned() },
            Upload::Tarball { path: "/b/x.tar".to_owned(), top: "x".to_owned() },
            Upload::Originals { folder: "/b".to_owned(), tree: "/t".to_owned() },
            Upload::Patches { folder: "/b".to_owned() },
        ]
    };
    for what in uploads() {
        drained(upload(&prepared, what, 0)).await.unwrap();
    }
    // Of a content (not a header), so that the tar itself is as good as before.
    let cases = [
        (prepared.tree.clone(), 514, vec![0, 1, 2]),
        (prepared.patches[0].path.clone(), 3, vec![3]),
        (prepared.originals[0].path.clone(), 514, vec![2]),
        (prepared.originals[1].path.clone(), 1000, vec![2]),
    ];
    for (file, at, concerned) in cases {
        flip(&file, at);
        for number in concerned {
            let error = drained(upload(&prepared, uploads()[number].clone(), 0)).await.unwrap_err();
            assert!(error.contains("damaged"), "{}: {error}", file.display());
        }
        let mended = place.prepare(&sources).await.unwrap();
        assert_eq!(mended.digest, prepared.digest);
        for what in uploads() {
            drained(upload(&mended, what, 0)).await.unwrap();
        }
    }
    // Before anything is uploaded, too, and in files that are read on their own.
    flip(&prepared.tree, 514);
    let mended = place.prepare(&sources).await.unwrap();
    assert_eq!(mended.warnings.iter().map(|(rule, _)| rule.as_str()).collect::<Vec<_>>(), ["damaged-cache"]);
    flip(&prepared.tree, 514);
    assert!(read_file(&prepared, "configure", 100).unwrap_err().to_string().contains("cannot read"));
    place.prepare(&sources).await.unwrap();
    flip(&prepared.tree, 514);
    let (checked, damaged) = verify_prepared(&place.temp.path().join("cache")).unwrap();
    assert_eq!((checked, damaged.len()), (1, 1));
    assert_eq!(verify_prepared(&place.temp.path().join("cache")).unwrap(), (0, vec![]));
}

#[tokio::test]
async fn the_second_place_is_tried_whatever_is_wrong_with_the_first() {
    let place = Scratch::new();
    place.write("x.txt", b"content");
    place.write("bad/x.txt", b"other");
    let sha256 = hex::encode(Sha256::digest(b"content"));
    let right = format!("file://{}/x.txt", place.root().display());
    let wrong = format!("file://{}/bad/x.txt", place.root().display());
    for first in ["mirror://nowhere/x.txt", "http://127.0.0.1:1/x.txt", "file:///nowhere/x.txt", wrong.as_str()] {
        let _ = fs::remove_dir_all(place.temp.path().join("cache"));
        let urls = vec![first.into(), right.as_str().into()];
        let prepared = place.prepare(&[source(Origin::Urls { urls, sha256: sha256.clone() }, 1)]).await.unwrap();
        assert_eq!(tree_of(&prepared), ["x.txt 644 7 0"], "{first}");
    }
}
