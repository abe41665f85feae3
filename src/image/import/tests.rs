use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::layers::{self, LeftOut};
use super::{Failure, identity, open, with_tag};
use crate::types::Arch;

/// An entry of a tar: name, kind, and content or target.
type EntrySpec<'a> = (&'a str, char, &'a str);

fn tar(entries: &[EntrySpec<'_>]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind, text) in entries {
        let mut header = tar::Header::new_ustar();
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(if *kind == 's' { 0o4755 } else { 0o750 });
        header.set_uid(7);
        header.set_gid(8);
        header.set_mtime(9);
        header.set_size(0);
        let kind = match kind {
            'd' => tar::EntryType::Directory,
            'l' => tar::EntryType::Symlink,
            'h' => tar::EntryType::Link,
            'c' => tar::EntryType::Char,
            'b' => tar::EntryType::Block,
            'p' => tar::EntryType::Fifo,
            'S' => tar::EntryType::new(b'Z'),
            _ => tar::EntryType::Regular,
        };
        header.set_entry_type(kind);
        let mut content = &b""[..];
        if kind.is_file() {
            content = text.as_bytes();
            header.set_size(content.len() as u64);
        } else {
            header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
        }
        header.set_cksum();
        tar.append(&header, content).unwrap();
    }
    tar.into_inner().unwrap()
}

/// What an image holds, by name the kind with the content or the target; what was left out of it; its environment.
type Found = (BTreeMap<String, String>, LeftOut, Vec<String>);

fn read(file: &Path, arch: Arch) -> Result<Found, String> {
    let cancel = CancellationToken::new();
    let run = || {
        let opened = open::open(file, arch, &cancel)?;
        let merged = layers::merge(&opened, &cancel)?;
        Ok((opened, merged))
    };
    let (opened, merged) = run().map_err(|failure| match failure {
        Failure::Unfit(reason) => reason,
        Failure::Cancelled => "cancelled".to_owned(),
    })?;
    let mut bytes = Vec::new();
    let mut out = tar::Builder::new(&mut bytes as &mut dyn Write);
    layers::write(&opened, &merged, &mut out, &cancel).map_err(|error| error.to_string())?;
    out.finish().unwrap();
    drop(out);
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(bytes.as_slice());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header().clone();
        let mut text = entry.link_name().unwrap().map(|link| link.display().to_string()).unwrap_or_default();
        entry.read_to_string(&mut text).unwrap();
        let name = entry.path().unwrap().display().to_string();
        let kind = char::from(header.entry_type().as_byte());
        let meta = format!(
            "{:o} {}:{} {}",
            header.mode().unwrap(),
            header.uid().unwrap(),
            header.gid().unwrap(),
            header.mtime().unwrap()
        );
        if kind == '1' {
            // Engines may give the file what the last of its names says.
            assert_eq!(files.get(&text).and_then(|first: &String| first.get(2..2 + meta.len())), Some(meta.as_str()));
        }
        let text = if kind == '1' { format!("= {text}") } else { format!("{kind} {meta} {text}") };
        assert!(files.insert(name.trim_end_matches('/').to_owned(), text).is_none(), "{name} is there twice");
    }
    Ok((files, merged.left_out, opened.env))
}

fn root(entries: &[EntrySpec<'_>]) -> Result<(BTreeMap<String, String>, LeftOut), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root");
    fs::write(&path, tar(entries)).unwrap();
    read(&path, Arch::Amd64).map(|(files, left_out, _)| (files, left_out))
}

#[test]
fn a_root_file_system_as_people_export_it() {
    let (files, left_out) = root(&[
        ("./", 'd', ""),
        ("./etc/", 'd', ""),
        ("./etc/hosts", 'f', "127.0.0.1 build"),
        ("/etc/resolv.conf", 'l', "../run/systemd/resolve/stub-resolv.conf"),
        ("dev/", 'd', ""),
        ("dev/null", 'c', ""),
        ("dev/shm/x", 'f', "x"),
        ("dev/core", 'h', "proc/kcore"),
        ("proc/", 'd', ""),
        ("proc/kcore", 'f', ""),
        ("sys/kernel/notes", 'f', ""),
        ("var/lib/null", 'c', ""),
        ("var/lib/loop", 'b', ""),
        ("usr/bin/su", 's', "ELF"),
        ("usr/bin/su2", 'h', "./usr/bin/su"),
        ("run/initctl", 'p', ""),
        ("usr/bin/su", 's', "newer"),
        ("development/x", 'f', "not a device"),
    ])
    .unwrap();
    let expected = [
        (".", "5 750 7:8 9 "),
        ("etc", "5 750 7:8 9 "),
        ("etc/hosts", "0 750 7:8 9 127.0.0.1 build"),
        ("etc/resolv.conf", "2 750 7:8 9 ../run/systemd/resolve/stub-resolv.conf"),
        ("dev", "5 750 7:8 9 "),
        ("proc", "5 750 7:8 9 "),
        // The first file keeps the name that it was linked under, the newer one has its own.
        ("usr/bin/su", "0 4755 7:8 9 newer"),
        ("usr/bin/su2", "0 4755 7:8 9 ELF"),
        ("run/initctl", "6 750 7:8 9 "),
        ("development/x", "0 750 7:8 9 not a device"),
    ];
    let expected: BTreeMap<String, String> = expected.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    assert_eq!(files, expected);
    assert_eq!(left_out, LeftOut { devices: 2, mounted: 5 });
}

#[test]
fn hard_links_stay_one_file() {
    let (files, _) = root(&[("a", 'f', "x"), ("usr/b", 'h', "a"), ("c", 'h', "usr/b")]).unwrap();
    let linked = files.values().filter(|text| text.starts_with("= ")).count();
    assert_eq!((files.len(), linked), (3, 2), "{files:?}");
}

#[test]
fn what_cannot_be_a_root_file_system_is_refused() {
    let cases: [(&[EntrySpec<'_>], &str); 10] = [
        (&[("etc/x", 'f', ""), ("../etc/passwd", 'f', "")], "../etc/passwd: a name that leads out"),
        (&[("etc/x", 'f', ""), ("a/../../b", 'l', "x")], "a/../../b: a name that leads out"),
        (&[("etc/x", 'f', ""), ("usr/x", 'h', "../../etc/shadow")], "usr/x: a name that leads out"),
        (
            &[("etc/x", 'f', ""), ("usr/x", 'h', "/etc/shadow")],
            "usr/x: a link to etc/shadow, which is no file before it",
        ),
        (&[("etc/", 'd', ""), ("usr/x", 'h', "etc")], "a link to etc, which is no file"),
        (&[("etc/x", 'f', ""), ("etc/.wh.x", 'f', "")], "a name of an image's layer"),
        (&[("etc/x", 'f', ""), (".wh..wh..opq", 'f', "")], "a name of an image's layer"),
        (&[("etc/x", 'f', ""), ("etc/odd", 'S', "")], "etc/odd: an entry of an unknown kind ('Z')"),
        (&[("etc/", 'd', ""), ("dev/null", 'c', "")], "there is no file in it"),
        (&[("etc/x", 'f', ""), ("./", 'l', "/")], "the root is no folder"),
    ];
    for (entries, reason) in cases {
        let error = root(entries).unwrap_err();
        assert!(error.contains(reason), "{entries:?}: {error}");
    }
}

#[test]
fn compressions_are_seen_through_and_other_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let plain = tar(&[("etc/x", 'f', "x")]);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&plain).unwrap();
    let mut xz = xz2::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&plain).unwrap();
    let zst = zstd::encode_all(plain.as_slice(), 1).unwrap();
    let path = folder.path().join("some.img");
    for bytes in [plain.clone(), gz.finish().unwrap(), xz.finish().unwrap(), zst.clone()] {
        fs::write(&path, &bytes).unwrap();
        assert!(read(&path, Arch::Amd64).unwrap().0.contains_key("etc/x"));
    }
    for bytes in [&b""[..], b"PK\x03\x04", b"no tar at all", &plain[..300], &zst[..20]] {
        fs::write(&path, bytes).unwrap();
        assert!(read(&path, Arch::Amd64).is_err());
    }
    // Broken off in the middle of a file.
    let long = tar(&[("etc/x", 'f', &"x".repeat(5000))]);
    fs::write(&path, &long[..3000]).unwrap();
    assert!(read(&path, Arch::Amd64).is_err());
    assert!(read(&folder.path().join("gone"), Arch::Amd64).unwrap_err().contains("No such file"));
    assert!(read(folder.path(), Arch::Amd64).unwrap_err().contains("a folder without `oci-layout`"));
    assert!(read(Path::new("/dev/null"), Arch::Amd64).unwrap_err().contains("it is no file"));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_no_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.tar");
    fs::write(&path, tar(&[("etc/x", 'f', "one")])).unwrap();
    let cancel = CancellationToken::new();
    let opened = open::open(&path, Arch::Amd64, &cancel).unwrap();
    let merged = layers::merge(&opened, &cancel).unwrap();
    fs::write(&path, tar(&[("etc/x", 'f', "two")])).unwrap();
    let mut bytes = Vec::new();
    let mut out = tar::Builder::new(&mut bytes as &mut dyn Write);
    let error = layers::write(&opened, &merged, &mut out, &cancel).unwrap_err();
    assert_eq!(error.to_string(), "it was changed while it was read");
    cancel.cancel();
    assert_eq!(layers::merge(&opened, &cancel).unwrap_err(), Failure::Cancelled);
}

/// The layers that the tests of images are about, the lowest first.
fn layers_of_an_image() -> Vec<Vec<u8>> {
    vec![
        tar(&[
            ("etc/", 'd', ""),
            ("etc/kept", 'f', "kept"),
            ("etc/gone", 'f', "gone"),
            ("opt/old/a", 'f', "a"),
            ("opt/new/b", 'f', "b"),
            ("srv/", 'd', ""),
            ("srv/x", 'f', "x"),
            ("lib", 'l', "usr/lib"),
            ("shared", 'f', "shared"),
            ("usr/twin", 'h', "shared"),
        ]),
        tar(&[
            ("etc/.wh.gone", 'f', ""),
            ("opt/.wh.old", 'f', ""),
            ("opt/new/c", 'f', "c"),
            ("opt/new/.wh..wh..opq", 'f', ""),
            ("srv", 'l', "opt/new"),
            ("lib/y", 'f', "y"),
            ("shared", 'f', "replaced"),
            (".wh..wh.plnk", 'f', ""),
        ]),
    ]
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn config(layers: &[Vec<u8>], arch: &str) -> Value {
    let diff_ids: Vec<String> = layers.iter().map(|layer| format!("sha256:{}", sha256(layer))).collect();
    json!({
        "os": "linux",
        "architecture": arch,
        "config": { "Env": ["PATH=/opt/bin:/bin", "CARGO_HOME=/cargo"], "Cmd": ["sh"], "User": "builder" },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    })
}

fn check_merged(path: &Path) {
    let (files, _, env) = read(path, Arch::Amd64).unwrap();
    let shown: Vec<(String, &str)> =
        files.iter().map(|(name, text)| (name.clone(), text.rsplit(' ').next().unwrap())).collect();
    let shown: Vec<(&str, &str)> = shown.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    assert_eq!(
        shown,
        [
            ("etc", ""),
            ("etc/kept", "kept"),
            ("lib/y", "y"),
            ("opt/new/c", "c"),
            ("shared", "replaced"),
            ("srv", "opt/new"),
            ("usr/twin", "shared"),
        ],
        "{path:?}"
    );
    assert_eq!(env, ["PATH=/opt/bin:/bin", "CARGO_HOME=/cargo"]);
}

/// `docker save`, of today and of ten years ago.
fn saved(layers: &[Vec<u8>], config: &Value, count: usize) -> Vec<u8> {
    let config = config.to_string();
    let name = format!("{}.json", sha256(config.as_bytes()));
    let names: Vec<String> = (0..layers.len()).map(|number| format!("l{number}/layer.tar")).collect();
    let image = json!({ "Config": name, "RepoTags": ["a:1"], "Layers": names });
    let mut entries: Vec<(String, char, Vec<u8>)> = vec![(name, 'f', config.into_bytes())];
    for (number, layer) in layers.iter().enumerate() {
        // The same layer once more is a link.
        let twin = layers[..number].iter().position(|other| other == layer);
        entries.push(match twin {
            Some(twin) => (names[number].clone(), 'l', format!("../l{twin}/layer.tar").into_bytes()),
            None => (names[number].clone(), 'f', layer.clone()),
        });
    }
    let manifest = json!(vec![image; count]).to_string();
    entries.push(("manifest.json".to_owned(), 'f', manifest.into_bytes()));
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(0);
        if kind == 'l' {
            header.set_entry_type(tar::EntryType::Symlink);
            tar.append_link(&mut header, name, std::str::from_utf8(&content).unwrap()).unwrap();
        } else {
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, content.as_slice()).unwrap();
        }
    }
    tar.into_inner().unwrap()
}

#[test]
fn what_docker_saves_is_flattened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saved");
    let layers = layers_of_an_image();
    let archive = saved(&layers, &config(&layers, "amd64"), 1);
    fs::write(&path, &archive).unwrap();
    check_merged(&path);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&archive).unwrap();
    fs::write(&path, gz.finish().unwrap()).unwrap();
    check_merged(&path);
    let twice = [layers[0].clone(), layers[1].clone(), layers[1].clone()];
    fs::write(&path, saved(&twice, &config(&twice, "amd64"), 1)).unwrap();
    check_merged(&path);

    let refused = |archive: Vec<u8>, reason: &str| {
        fs::write(&path, archive).unwrap();
        let error = read(&path, Arch::Amd64).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    refused(saved(&layers, &config(&layers, "amd64"), 2), "it has 2 images (a:1, a:1)");
    refused(saved(&layers, &config(&layers, "arm64"), 1), "it is for linux/arm64, not for amd64");
    refused(saved(&layers, &config(&layers[..1], "amd64"), 1), "2 layers, and its configuration says 1");
    let mut other = config(&layers, "amd64");
    other["rootfs"]["diff_ids"][1] = json!(format!("sha256:{:064}", 0));
    refused(saved(&layers, &other, 1), "and the image says sha256:0000");
    refused(saved(&layers, &json!("no"), 1), "its configuration cannot be read");
}

/// An OCI image layout; `index` is changed before it is written.
fn write_layout(folder: &Path, change: impl FnOnce(&mut Value)) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let add = |bytes: &[u8]| {
        fs::write(blobs.join(sha256(bytes)), bytes).unwrap();
        json!({ "digest": format!("sha256:{}", sha256(bytes)), "size": bytes.len() })
    };
    let layers = layers_of_an_image();
    let described: Vec<Value> = layers
        .iter()
        .map(|layer| {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gz.write_all(layer).unwrap();
            add(&gz.finish().unwrap())
        })
        .collect();
    let config = add(config(&layers, "amd64").to_string().as_bytes());
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": described }).to_string();
    let mut manifest = add(manifest.as_bytes());
    manifest["platform"] = json!({ "os": "linux", "architecture": "amd64" });
    let mut attestation = manifest.clone();
    attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
    let list = json!({ "schemaVersion": 2, "manifests": [manifest, attestation] }).to_string();
    let mut index = json!({ "schemaVersion": 2, "manifests": [add(list.as_bytes())] });
    change(&mut index);
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

#[test]
fn an_image_layout_is_read_as_a_folder_and_as_a_tar() {
    let folder = tempfile::tempdir().unwrap();
    let layout = folder.path().join("layout");
    write_layout(&layout, |_| ());
    check_merged(&layout);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_dir_all(".", &layout).unwrap();
    let file = folder.path().join("layout.tar");
    fs::write(&file, tar.into_inner().unwrap()).unwrap();
    check_merged(&file);
    let error = read(&layout, Arch::Arm64).unwrap_err();
    assert!(error.contains("no image for arm64; it has linux/amd64"), "{error}");
}

#[test]
fn damaged_and_ambiguous_layouts_are_refused() {
    let refused = |spoil: &dyn Fn(&Path), change: &dyn Fn(&mut Value), reason: &str| {
        let folder = tempfile::tempdir().unwrap();
        write_layout(folder.path(), change);
        spoil(folder.path());
        let error = read(folder.path(), Arch::Amd64).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    let nothing = |_: &Path| ();
    let none = |_: &mut Value| ();
    refused(&nothing, &|index| index["manifests"] = json!([]), "it has no image");
    refused(
        &nothing,
        &|index| index["manifests"][0]["digest"] = json!("sha256:../../../etc/passwd"),
        "not a sha256 digest",
    );
    refused(
        &nothing,
        &|index| index["manifests"][0]["digest"] = json!(format!("sha256:{:064x}", 1)),
        "it has no blobs/",
    );
    refused(&nothing, &|index| *index = json!({ "layers": [] }), "neither a list of images nor an image");
    let several = |index: &mut Value| {
        let name = |name: &str| json!({ "org.opencontainers.image.ref.name": name });
        let platform = json!({ "os": "linux", "architecture": "amd64" });
        let entry = |n: usize, tag: &str| json!({ "digest": format!("sha256:{n:064x}"), "platform": platform, "annotations": name(tag) });
        index["manifests"] = json!([entry(1, "one"), entry(2, "two")]);
    };
    refused(&nothing, &several, "it has several images (one, two)");
    let flip = |folder: &Path| {
        for blob in fs::read_dir(folder.join("blobs/sha256")).unwrap() {
            let path = blob.unwrap().path();
            let mut bytes = fs::read(&path).unwrap();
            if bytes.starts_with(b"{") {
                bytes.push(b' ');
                fs::write(&path, bytes).unwrap();
            }
        }
    };
    refused(&flip, &none, "is damaged");
    let empty = |folder: &Path| {
        for blob in fs::read_dir(folder.join("blobs/sha256")).unwrap() {
            let path = blob.unwrap().path();
            if fs::read(&path).unwrap().starts_with(&[0x1f, 0x8b]) {
                fs::write(&path, tar(&[("etc/evil", 'f', "x")])).unwrap();
            }
        }
    };
    refused(&empty, &none, "and the image says");
}

#[test]
fn an_image_is_known_by_its_content_and_for_whom_it_is() {
    let env = |text: &str| vec![text.to_owned()];
    let id = |n: usize| vec![format!("sha256:{n:064}")];
    let first = identity(Arch::Amd64, &env("A=1"), &id(1));
    assert_eq!(first, identity(Arch::Amd64, &env("A=1"), &id(1)));
    let others = [
        identity(Arch::Arm64, &env("A=1"), &id(1)),
        identity(Arch::Amd64, &env("A=2"), &id(1)),
        identity(Arch::Amd64, &env("A=1"), &id(2)),
    ];
    assert!(!others.contains(&first));
    assert_eq!(with_tag("localhost:5000/a"), "localhost:5000/a:latest");
    assert_eq!(with_tag("a/b:1"), "a/b:1");
}
