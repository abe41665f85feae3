//! Files that become images: the same files and the same identity on every engine, and a Dockerfile that adds a root file
//! system as people export it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use farm::archive::{Archives, Reader};
use farm::engine::{Limits, Network};
use farm::fetch::Fetcher;
use farm::image::{BaseChoice, ImageOptions, Images};
use farm::stream;
use farm::types::Arch;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, Kept, Kind, says};
use crate::guest::RootFileSystem;

/// The programs of the bench, and what an export of a running machine has beside them.
fn exported(devices: bool, more: impl FnOnce(&mut tar::Builder<&mut dyn Write>) -> io::Result<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut tar = tar::Builder::new(&mut bytes as &mut dyn Write);
    RootFileSystem::of_this_host().write(&mut tar).unwrap();
    for (name, kind, text) in [
        ("./etc/hosts", tar::EntryType::Regular, "10.0.0.1 another-machine\n"),
        ("./etc/hostname", tar::EntryType::Regular, "another-machine\n"),
        ("./etc/resolv.conf", tar::EntryType::Symlink, "../run/systemd/resolve/stub-resolv.conf"),
        ("dev/null", tar::EntryType::Char, ""),
        ("dev/pts/", tar::EntryType::Directory, ""),
        ("proc/cpuinfo", tar::EntryType::Regular, "no processor\n"),
        ("sys/kernel/", tar::EntryType::Directory, ""),
        ("sys/kernel/notes", tar::EntryType::Regular, "notes\n"),
        ("var/lib/null", tar::EntryType::Char, ""),
        ("srv/greeting", tar::EntryType::Regular, "hello\n"),
        ("srv/twin", tar::EntryType::Link, "srv/greeting"),
    ] {
        if devices || kind != tar::EntryType::Char {
            put(&mut tar, name, kind, text).unwrap();
        }
    }
    more(&mut tar).unwrap();
    tar.finish().unwrap();
    drop(tar);
    bytes
}

fn put(tar: &mut tar::Builder<&mut dyn Write>, name: &str, kind: tar::EntryType, text: &str) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(if name == "srv/greeting" { 0o4711 } else { 0o755 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1);
    header.set_size(0);
    match kind {
        tar::EntryType::Symlink | tar::EntryType::Link => tar.append_link(&mut header, name, text),
        _ => {
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, name, text.as_bytes())
        }
    }
}

fn images(bench: &Bench) -> Images {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    let options = ImageOptions {
        held: BTreeMap::new(),
        base: BaseChoice::Store,
        archives: Archives::new(Reader { fetcher: Fetcher::new().unwrap(), cache }, BTreeMap::new()),
        run: bench.run.clone(),
        limits: Limits { memory_bytes: None, pids: None, cpuset: None },
        network: Network::None,
        host: Default::default(),
    };
    Images::new(Arc::clone(&bench.engine), options)
}

/// What a script says in the image of a file, and what identifies that.
async fn imported(bench: &Bench, file: &Path, script: &str) -> (String, String) {
    let reference = format!("farm-test/imported:{}", bench.run);
    let cancel = CancellationToken::new();
    let image = images(bench).import(&reference, file, Arch::host().unwrap(), &cancel).await.unwrap().image;
    assert_eq!(bench.engine.image(&reference).await.unwrap().map(|found| found.id), Some(image.id.clone()));
    let mut spec = bench.spec();
    spec.image = reference.clone();
    let container = bench.start(&spec).await;
    let said = says(&*container, script).await;
    container.remove().await.unwrap();
    bench.engine.remove_image(&reference).await.unwrap();
    (said, image.identity().to_owned())
}

const SCRIPT: &str = "cat /srv/twin; stat -c '%a %h' /srv/greeting; [ -c /dev/null ] && [ ! -e /var/lib/null ] && \
                      grep -c localhost /etc/hosts >/dev/null && [ -d /proc/self ] && echo a machine of its own";

pub(crate) async fn a_root_file_system_is_an_image(bench: Bench) {
    let folder = tempfile::tempdir().unwrap();
    let plain = exported(true, |_| Ok(()));
    let file = folder.path().join("root.tar");
    std::fs::write(&file, &plain).unwrap();
    let (said, identity) = imported(&bench, &file, SCRIPT).await;
    assert_eq!(said, "hello\n4711 2\na machine of its own");
    let packed = folder.path().join("root.tgz");
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(&plain).unwrap();
    std::fs::write(&packed, gz.finish().unwrap()).unwrap();
    assert_eq!(imported(&bench, &packed, "echo").await.1, identity, "the same tar, however it is packed");
    let cancel = CancellationToken::new();
    let hostile = folder.path().join("hostile.tar");
    for (name, kind, target) in [
        ("a/link", tar::EntryType::Link, "../../etc/passwd"),
        ("link", tar::EntryType::Link, "/etc/no-such-file"),
        ("etc/.wh.passwd", tar::EntryType::Regular, ""),
    ] {
        std::fs::write(&hostile, exported(true, |tar| put(tar, name, kind, target))).unwrap();
        let reference = format!("farm-test/hostile-import:{}", bench.run);
        let error = images(&bench).import(&reference, &hostile, Arch::host().unwrap(), &cancel).await.unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        assert!(bench.engine.image(&reference).await.unwrap().is_none(), "{name} has left an image");
    }
}

pub(crate) async fn a_saved_image_is_an_image(bench: Bench) {
    let folder = tempfile::tempdir().unwrap();
    let lower = exported(true, |_| Ok(()));
    let mut upper = Vec::new();
    let mut tar = tar::Builder::new(&mut upper as &mut dyn Write);
    put(&mut tar, "srv/.wh.greeting", tar::EntryType::Regular, "").unwrap();
    put(&mut tar, "srv/newer", tar::EntryType::Regular, "newer\n").unwrap();
    tar.finish().unwrap();
    drop(tar);
    let digest = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
    let diff_ids = [&lower, &upper].map(|layer| format!("sha256:{}", digest(layer)));
    let config = serde_json::json!({
        "os": "linux",
        "architecture": Arch::host().unwrap().oci().0,
        "config": { "Env": ["CARGO_HOME=/opt/cargo", "PATH=/opt/bin:/usr/bin:/bin"] },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    })
    .to_string();
    let manifest =
        serde_json::json!([{ "Config": "c.json", "RepoTags": null, "Layers": ["1/layer.tar", "2/layer.tar"] }]);
    let mut saved = tar::Builder::new(Vec::new());
    for (name, content) in [
        ("1/layer.tar", lower.as_slice()),
        ("2/layer.tar", upper.as_slice()),
        ("c.json", config.as_bytes()),
        ("manifest.json", manifest.to_string().as_bytes()),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        saved.append_data(&mut header, name, content).unwrap();
    }
    let file = folder.path().join("image.tar");
    std::fs::write(&file, saved.into_inner().unwrap()).unwrap();
    let script = "ls /srv; cat /srv/twin /srv/newer; echo $CARGO_HOME $PATH";
    let (said, _) = imported(&bench, &file, script).await;
    assert_eq!(said, "newer\ntwin\nhello\nnewer\n/opt/cargo /opt/bin:/usr/bin:/bin");
}

/// `FROM scratch` and `ADD` of an export, whose files of other places are nothing to a build.
pub(crate) async fn a_root_file_system_is_added_to_nothing(bench: Bench) {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    // buildah makes the device files of what it unpacks, which not every Podman may.
    gz.write_all(&exported(bench.kind != Kind::Podman, |_| Ok(()))).unwrap();
    let root = gz.finish().unwrap();
    let context = stream::from_tar(move |tar| {
        let dockerfile = b"FROM scratch\nADD root.tar.gz /\nRUN echo made >/srv/made\n";
        for (name, content) in [("packaging/Dockerfile", dockerfile.as_slice()), ("root.tar.gz", root.as_slice())] {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, content)?;
        }
        Ok(())
    });
    let spec = crate::build::spec(&bench, "scratch");
    let mut kept = Kept::default();
    let built = bench.engine.build(&spec, context, &mut kept, &CancellationToken::new()).await;
    let image = built.unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&kept.stdout)));
    let mut spec = bench.spec();
    spec.image.clone_from(&image.id);
    let container = bench.start(&spec).await;
    let said = says(&*container, "cat /srv/made /srv/twin; [ -c /dev/null ] && echo devices").await;
    container.remove().await.unwrap();
    for tag in &image.tags {
        bench.engine.remove_image(tag).await.unwrap();
    }
    assert_eq!(said, "made\nhello\ndevices");
}
