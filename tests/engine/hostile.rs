//! Archives, images and links that were made to get files out of where they belong, or others in: through `upload`,
//! `download`, `import` and the making of containers. Each is refused or stays inside.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::time::Duration;

use farm::engine::{EngineError, GuestPath, ImageInfo, ImportSpec};
use farm::stream::{self, ByteStream};
use farm::types::Arch;

use crate::bench::{Bench, exec, says, sh, unpack};
use crate::escape::Marker;

/// An entry of an archive, its name and its target written as they are: tar's own writer would not have them.
#[derive(Clone)]
struct Entry {
    kind: tar::EntryType,
    name: String,
    target: String,
    mode: u32,
    data: Vec<u8>,
}

fn entry(kind: tar::EntryType, name: &str, target: &str) -> Entry {
    Entry { kind, name: name.to_owned(), target: target.to_owned(), mode: 0o777, data: Vec::new() }
}

fn file(name: &str) -> Entry {
    Entry { data: b"hostile".to_vec(), ..entry(tar::EntryType::Regular, name, "") }
}

fn folder(name: &str) -> Entry {
    entry(tar::EntryType::Directory, name, "")
}

fn symlink(name: &str, target: &str) -> Entry {
    entry(tar::EntryType::Symlink, name, target)
}

fn hard_link(name: &str, target: &str) -> Entry {
    entry(tar::EntryType::Link, name, target)
}

fn archive(entries: &[Entry]) -> ByteStream {
    let entries = entries.to_vec();
    stream::from_tar(move |tar| {
        for entry in &entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(entry.kind);
            header.set_mode(entry.mode);
            header.set_size(entry.data.len() as u64);
            if matches!(entry.kind, tar::EntryType::Char | tar::EntryType::Block) {
                header.set_device_major(1)?;
                header.set_device_minor(1)?;
            }
            let gnu = header.as_gnu_mut().unwrap();
            gnu.name[..entry.name.len()].copy_from_slice(entry.name.as_bytes());
            gnu.linkname[..entry.target.len()].copy_from_slice(entry.target.as_bytes());
            header.set_cksum();
            tar.append(&header, entry.data.as_slice())?;
        }
        Ok(())
    })
}

/// Ways to a folder of the host, each an archive of its own.
fn ways_out(marker: &str) -> Vec<Vec<Entry>> {
    let up = format!("../../../../../../../../..{marker}");
    vec![
        vec![file(&format!("{up}/touched"))],
        vec![file(&format!("{marker}/touched"))],
        vec![file(&format!("a/{up}/touched"))],
        vec![symlink("link", marker), file("link/touched")],
        vec![symlink("link", &up), file("link/touched")],
        vec![symlink("link", &format!("/..{marker}")), file("link/touched")],
        vec![symlink("link", marker), folder("link"), file("link/touched")],
        vec![symlink("link", &format!("{marker}/touched")), file("link")],
        vec![symlink("link", &format!("/proc/1/root{marker}")), file("link/touched")],
        vec![symlink("link", &format!("/proc/self/cwd/..{up}")), file("link/touched")],
        vec![symlink("a", "b"), symlink("b", &up), file("a/touched")],
        vec![hard_link("link", &format!("{up}/kept")), file("link")],
        vec![hard_link("link", &format!("{marker}/kept")), file("link")],
        vec![symlink("way", marker), hard_link("link", "way/kept"), file("link")],
        vec![symlink("way", marker), file("way/.wh.kept"), file("way/.wh..wh..opq")],
        vec![file(&format!(".wh.{up}/kept"))],
        vec![folder(&up)],
        vec![symlink("link", "/proc/sys/kernel/core_pattern"), folder("x"), hard_link("x/y", "link"), file("x/y")],
        vec![file("/proc/sys/kernel/core_pattern")],
        vec![file("proc/self/mem")],
        vec![file("proc/sysrq-trigger")],
    ]
}

async fn import(bench: &Bench, entries: &[Entry], name: &str) -> Result<ImageInfo, EngineError> {
    let tag = format!("farm-test/hostile-{name}:{}", bench.run);
    let spec = ImportSpec { tag, arch: Arch::host().unwrap(), labels: BTreeMap::new(), env: Vec::new() };
    bench.engine.import(&spec, archive(entries)).await
}

pub(crate) async fn uploads_stay_inside(bench: Bench) {
    let marker = Marker::new();
    let core_pattern = || std::fs::read("/proc/sys/kernel/core_pattern").unwrap();
    let before = core_pattern();
    for entries in ways_out(marker.path()) {
        // Each in a container of its own: what one leaves is no help, and no hindrance, to the next.
        let container = bench.started().await;
        for place in ["/", "/tmp"] {
            let _ = container.upload(&GuestPath::new(place), archive(&entries)).await;
            marker.is_unchanged();
        }
        assert_eq!(says(&*container, "echo alive").await, "alive");
        container.remove().await.unwrap();
    }
    assert_eq!(core_pattern(), before);
}

pub(crate) async fn layers_stay_inside(bench: Bench) {
    let marker = Marker::new();
    let core_pattern = || std::fs::read("/proc/sys/kernel/core_pattern").unwrap();
    let before = core_pattern();
    for entries in ways_out(marker.path()) {
        let result = import(&bench, &entries, "layer").await;
        marker.is_unchanged();
        if let Ok(image) = result {
            bench.engine.remove_image(&image.id).await.unwrap();
        }
    }
    assert_eq!(core_pattern(), before);
    for name in [".wh.", ".wh..", ".wh...", "a/.wh..", "a/.wh..."] {
        let error = import(&bench, &[folder("a"), file("a/b"), file(name)], "whiteout").await.unwrap_err();
        assert!(error.to_string().contains("what is no file"), "{name}: {error}");
    }
    let error = import(&bench, &[file("a/../../b")], "up").await.unwrap_err();
    assert!(error.to_string().contains("leads out of its folder"), "{error}");
}

/// What overlayfs obeys, and what gives rights, comes from no archive.
pub(crate) async fn attributes_and_devices_are_left_out(bench: Bench) {
    let record = |key: &str, value: &str| {
        let length = (10..99).find(|n| n.to_string().len() + key.len() + value.len() + 3 == *n).unwrap();
        format!("{length} {key}={value}\n")
    };
    let attributes = [
        record("SCHILY.xattr.user.overlay.opaque", "y"),
        record("SCHILY.xattr.user.overlay.redirect", "/etc"),
        record("SCHILY.xattr.user.other", "x"),
    ];
    let entries = [
        Entry { data: attributes.concat().into_bytes(), ..entry(tar::EntryType::XHeader, "pax", "") },
        folder("tmp/opaque"),
        Entry { mode: 0o4755, ..file("tmp/opaque/set-user-id") },
        entry(tar::EntryType::Char, "tmp/mem", ""),
        entry(tar::EntryType::Block, "tmp/disk", ""),
    ];
    let container = bench.started().await;
    container.upload(&GuestPath::new("/"), archive(&entries)).await.unwrap();
    assert_eq!(says(&*container, "ls -A /tmp").await, "opaque");
    container.remove().await.unwrap();
    let image = import(&bench, &entries, "devices").await.unwrap();
    let store = std::path::Path::new(bench.engine.endpoint().trim_start_matches("native://")).join("layers");
    let mut seen = 0;
    for layer in std::fs::read_dir(store).unwrap() {
        let tree = layer.unwrap().path().join("t/tmp");
        assert!(!tree.join("mem").exists() && !tree.join("disk").exists(), "{}", tree.display());
        let opaque = tree.join("opaque");
        if opaque.exists() {
            seen += 1;
            assert!(!has_attribute(&opaque), "{}", opaque.display());
        }
    }
    assert!(seen > 0, "the layer is in the store");
    bench.engine.remove_image(&image.id).await.unwrap();
}

/// Whether overlayfs, or anybody, finds an attribute of a file.
fn has_attribute(path: &std::path::Path) -> bool {
    let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: the path ends with a zero byte, and no byte is written where there is room for none.
    unsafe { libc::llistxattr(path.as_ptr(), std::ptr::null_mut(), 0) > 0 }
}

/// Folders that the engine mounts on, and files that it writes, as links of the image that lead elsewhere.
pub(crate) async fn links_in_the_image(bench: Bench) {
    let marker = Marker::new();
    let path = marker.path();
    let away = [path.to_owned(), format!("/..{path}"), format!("/../../..{path}/new"), "/proc/1/root".to_owned()];
    let inside = ["/nowhere", "/proc", "/proc/self", "/proc/sys", "/sys", "/", "."].map(str::to_owned);
    for name in ["proc", "sys", "dev", "etc", "var"] {
        for target in away.iter().chain(&inside) {
            // Nothing in it to run: it is the making that counts.
            let entries = [folder("tmp"), symlink(name, target)];
            let image = import(&bench, &entries, "links").await.unwrap();
            let mut spec = bench.spec();
            spec.image = image.id.clone();
            if let Ok(container) = bench.engine.create(&spec).await {
                let result = container.upload(&GuestPath::new("/var"), archive(&[file("cache/farm/x")])).await;
                drop(result);
                container.remove().await.unwrap();
            }
            marker.is_unchanged();
            bench.engine.remove_image(&image.id).await.unwrap();
        }
    }
    for name in ["etc/hosts", "etc/hostname", "etc/resolv.conf", "dev/null", "proc/sys"] {
        for target in [format!("{path}/kept"), format!("/..{path}/kept"), format!("/..{path}/new"), path.to_owned()] {
            let parent = name.rsplit_once('/').unwrap().0;
            let image = import(&bench, &[folder(parent), symlink(name, &target)], "links").await.unwrap();
            let mut spec = bench.spec();
            spec.image = image.id.clone();
            spec.network = farm::engine::Network::Host;
            if let Ok(container) = bench.engine.create(&spec).await {
                container.remove().await.unwrap();
            }
            marker.is_unchanged();
            bench.engine.remove_image(&image.id).await.unwrap();
        }
    }
}

/// Whatever a folder holds, what comes out is named below the component that was asked for.
pub(crate) async fn downloads_hold_no_other_names(bench: Bench) {
    let marker = Marker::new();
    let container = bench.started().await;
    let script = format!(
        "mkdir -p /tmp/out/folder && cd /tmp/out && ln -s {0} marker && ln -s ../../../.. up && ln -s / root && \
         echo x >'..evil' && echo x >'a\nb' && ln /etc/passwd hard && echo x >'folder/..'x",
        marker.path()
    );
    says(&*container, &script).await;
    for path in ["/tmp/out", "/tmp/out/", "/tmp/out/marker", "/tmp/out/../out", "/proc/self/root/tmp/out"] {
        let found = unpack(container.download(&GuestPath::new(path)).await.unwrap()).await;
        let first = if path.ends_with("marker") { "marker" } else { "out" };
        assert!(!found.is_empty());
        for (name, entry) in &found {
            let below = name == first || name.starts_with(&format!("{first}/"));
            assert!(below && !name.split('/').any(|part| part == ".."), "{path}: {name:?}");
            // A link to another file of the archive is a name in it.
            let is_hard = entry.kind == tar::EntryType::Link;
            assert!(!is_hard || entry.link.as_ref().is_some_and(|link| found.contains_key(link)), "{name:?}");
        }
    }
    let named = container.download(&GuestPath::new(marker.path())).await.map(drop);
    assert!(matches!(named, Err(EngineError::NoSuchPath(_))), "{named:?}");
    container.remove().await.unwrap();
}

/// A file of 8 TiB that is 512 bytes of archive: it may fill its container's disk, and neither farm nor another file.
pub(crate) async fn sparse_files_end(bench: Bench) {
    let bomb = || {
        stream::from_tar(|tar| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::GNUSparse);
            header.set_mode(0o644);
            header.set_size(512);
            let gnu = header.as_gnu_mut().unwrap();
            gnu.name[..4].copy_from_slice(b"bomb");
            gnu.sparse[0].offset.copy_from_slice(b"00000000000\0");
            gnu.sparse[0].numbytes.copy_from_slice(b"00000001000\0");
            // 8 TiB in base 256, and the end of the map there.
            let mut real = [0_u8; 12];
            real[0] = 0x80;
            real[4..].copy_from_slice(&(8_u64 << 40).to_be_bytes());
            gnu.realsize.copy_from_slice(&real);
            gnu.sparse[1].offset.copy_from_slice(&real);
            gnu.sparse[1].numbytes.copy_from_slice(b"00000000000\0");
            header.set_cksum();
            tar.append(&header, io::repeat(b'x').take(512))
        })
    };
    let container = bench.started().await;
    let limit = Duration::from_secs(60);
    let place = GuestPath::new("/dev/shm");
    let result = tokio::time::timeout(limit, container.upload(&place, bomb())).await.expect("an end");
    assert!(matches!(result, Err(EngineError::DiskFull { .. })), "{result:?}");
    assert!(exec(&*container, &sh("true")).await.0.success());
    container.remove().await.unwrap();
}
