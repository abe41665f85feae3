use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::process::Command;

use proptest::prelude::*;

#[cfg(unix)]
mod checkout;
mod context;
mod dates;
pub(super) mod git;
mod hostile;
mod kinds;
mod packaged;
#[cfg(unix)]
mod places;

use super::tree::{EARLIEST, TreeWriter};
use super::*;
use crate::fetch::FetchError;
use crate::recipe::{Patch, SourcePlace};
use crate::stream::{ByteStream, into_reader};
use crate::types::NoProgress;

struct Scratch {
    temp: tempfile::TempDir,
}

impl Scratch {
    fn new() -> Scratch {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("recipe")).unwrap();
        Scratch { temp }
    }

    fn root(&self) -> PathBuf {
        self.temp.path().join("recipe")
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn sources(&self) -> Sources {
        Sources {
            cache: self.temp.path().join("cache"),
            fetcher: Fetcher::new().unwrap(),
            mirrors: BTreeMap::from([("local".to_owned(), format!("file://{}/", self.root().display()).into())]),
            registries: Registries::from_variables(&BTreeMap::new()),
        }
    }

    /// A file of the recipe's folder as a url source.
    fn url(&self, name: &str, strip: u32) -> Source {
        let sha256 = hex::encode(Sha256::digest(fs::read(self.root().join(name)).unwrap()));
        let urls = vec![format!("file://{}", self.root().join(name).display()).into()];
        source(Origin::Urls { urls, sha256 }, strip)
    }

    async fn prepare(&self, sources: &[Source]) -> Result<Prepared, SourceError> {
        let cancel = CancellationToken::new();
        self.sources().prepare(&self.root(), "hello", "1.0", sources, &NoProgress, &cancel).await
    }
}

fn source(origin: Origin, strip: u32) -> Source {
    Source {
        origin,
        strip,
        strip_said: false,
        into: ".".to_owned(),
        unpack: true,
        gitignore: true,
        patches: Vec::new(),
        fuzz: 0,
        place: SourcePlace::default(),
    }
}

fn patch(path: &str) -> Patch {
    Patch { path: path.to_owned(), strip: 1, place: None }
}

fn path(path: &str) -> Source {
    source(Origin::Path { path: path.to_owned() }, 0)
}

/// `name mode size uid` or `name -> link` of each entry.
fn listing(reader: impl Read) -> Vec<String> {
    let mut archive = tar::Archive::new(reader);
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let header = entry.header();
        assert_eq!(header.uid().unwrap(), header.gid().unwrap());
        match entry.link_name_bytes() {
            Some(link) => format!("{name} -> {}", String::from_utf8_lossy(&link)),
            None => format!("{name} {:o} {} {}", header.mode().unwrap(), entry.size(), header.uid().unwrap()),
        }
    });
    entries.collect()
}

fn tree_of(prepared: &Prepared) -> Vec<String> {
    listing(File::open(&prepared.tree).unwrap())
}

async fn stream_listing(stream: ByteStream) -> Vec<String> {
    tokio::task::spawn_blocking(move || listing(into_reader(stream))).await.unwrap()
}

fn hello_tar() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |name: &str, mode: u32, content: &[u8]| {
        let mut header = tree::header(tar::EntryType::Regular, content.len() as u64, mode, 1_000_000_000);
        header.set_uid(1234);
        tar.append_data(&mut header, name, content).unwrap();
    };
    add("hello-1.0/configure", 0o4775, b"#!/bin/sh\n");
    add("hello-1.0/src/hello.c", 0o640, b"int main;\n");
    let mut link = tree::header(tar::EntryType::Symlink, 0, 0o777, 5);
    tar.append_link(&mut link, "hello-1.0/src/link.c", "./hello.c").unwrap();
    let mut link = tree::header(tar::EntryType::Link, 0, 0o644, 5);
    tar.append_link(&mut link, "hello-1.0/copy.c", "hello-1.0/src/hello.c").unwrap();
    tar.into_inner().unwrap()
}

const HELLO_TREE: [&str; 5] =
    ["configure 755 10 0", "src/ 755 0 0", "src/hello.c 644 10 0", "src/link.c -> ./hello.c", "copy.c -> src/hello.c"];

fn compress(kind: &str, data: &[u8]) -> Vec<u8> {
    match kind {
        "gz" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        "xz" => {
            let mut encoder = xz2::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        "bz2" => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        "zst" => zstd::encode_all(data, 1).unwrap(),
        _ => data.to_vec(),
    }
}

#[tokio::test]
async fn archives_are_known_by_content_and_give_one_tree() {
    let place = Scratch::new();
    let mut digests = std::collections::BTreeSet::new();
    for kind in ["tar", "gz", "xz", "bz2", "zst"] {
        let name = format!("hello-{kind}.orig");
        place.write(&name, &compress(kind, &hello_tar()));
        let prepared = place.prepare(&[place.url(&name, 1)]).await.unwrap();
        assert_eq!(tree_of(&prepared), HELLO_TREE, "{kind}");
        assert_eq!(prepared.newest, 1_000_000_000);
        assert_eq!(prepared.originals[0].name, name);
        assert_eq!(fs::read(&prepared.originals[0].path).unwrap(), fs::read(place.root().join(&name)).unwrap());
        assert_eq!(prepared.digest, hex::encode(Sha256::digest(fs::read(&prepared.tree).unwrap())));
        digests.insert(prepared.digest);
    }
    assert_eq!(digests.len(), 1);
}

#[tokio::test]
async fn what_is_no_archive_is_one_file() {
    let place = Scratch::new();
    place.write("data.gz", &compress("gz", b"not a tar"));
    place.write("short", b"x");
    place.write("BZhello", b"BZh is how it starts");
    let sources = ["data.gz", "short", "BZhello"].map(|name| Source { into: "extra".to_owned(), ..place.url(name, 1) });
    let prepared = place.prepare(&sources).await.unwrap();
    let data = fs::metadata(place.root().join("data.gz")).unwrap().len();
    assert_eq!(
        tree_of(&prepared),
        ["extra/ 755 0 0", &format!("extra/data.gz 644 {data} 0"), "extra/short 644 1 0", "extra/BZhello 644 20 0"]
    );
    assert_eq!(prepared.newest, EARLIEST);

    place.write("a.zip", b"PK\x03\x04rest");
    let error = place.prepare(&[place.url("a.zip", 1)]).await.unwrap_err();
    assert!(error.to_string().contains("damaged or unusual zip archive"), "{error}");
}

#[tokio::test]
async fn mirrors_are_expanded_and_unknown_ones_named() {
    let place = Scratch::new();
    place.write("pool/x.txt", b"content");
    let sha256 = hex::encode(Sha256::digest(b"content"));
    let from = |url: &str| source(Origin::Urls { urls: vec![url.into()], sha256: sha256.clone() }, 1);
    let prepared = place.prepare(&[from("mirror://local/pool/x.txt")]).await.unwrap();
    assert_eq!(tree_of(&prepared), ["x.txt 644 7 0"]);
    let error = place.prepare(&[from("mirror://nowhere/pool/y.txt")]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown mirror `nowhere` in mirror://nowhere/pool/y.txt: known are local; --mirror nowhere=URL names another"
    );
}

#[tokio::test]
async fn a_path_source_honours_gitignore_and_nothing_else() {
    let place = Scratch::new();
    place.write("project/.gitignore", b"*.o\n/out/\n");
    place.write("project/.hidden", b"h");
    place.write("project/.ignore", b"main.c\n");
    place.write("project/.git/config", b"secret");
    place.write("project/main.c", b"int");
    place.write("project/main.o", b"obj");
    place.write("project/out/x", b"x");
    place.write("project/sub/b", b"b");
    place.write("project/sub.txt", b"s");
    let prepared = place.prepare(&[path("project")]).await.unwrap();
    assert_eq!(
        tree_of(&prepared),
        [
            ".gitignore 644 10 0",
            ".hidden 644 1 0",
            ".ignore 644 7 0",
            "main.c 644 3 0",
            "sub/ 755 0 0",
            "sub/b 644 1 0",
            "sub.txt 644 1 0"
        ]
    );
    let PreparedFile { name, path: original, .. } = &prepared.originals[0];
    assert_eq!(name, "hello-1.0.tar");
    let original = listing(File::open(original).unwrap());
    assert_eq!(original[0], "hello-1.0/ 755 0 0");
    assert_eq!(original[4], "hello-1.0/main.c 644 3 0");
}

#[cfg(unix)]
#[tokio::test]
async fn modes_and_links_matter_and_times_do_not() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let place = Scratch::new();
    let file = place.write("project/run", b"#!/bin/sh\n");
    symlink("run", place.root().join("project/link")).unwrap();
    let sources = [path("project")];
    let digest = || fingerprint(&place.root(), &sources).unwrap();
    let first = digest();
    let first_tree = place.prepare(&sources).await.unwrap().digest;

    File::options().write(true).open(&file).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(digest(), first);
    let elsewhere = Scratch::new();
    elsewhere.write("project/run", b"#!/bin/sh\n");
    symlink("run", elsewhere.root().join("project/link")).unwrap();
    assert_eq!(elsewhere.prepare(&sources).await.unwrap().digest, first_tree);

    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let executable = digest();
    assert_ne!(executable, first);
    fs::remove_file(place.root().join("project/link")).unwrap();
    symlink("other", place.root().join("project/link")).unwrap();
    let relinked = digest();
    assert_ne!(relinked, executable);
    place.write("project/run", b"#!/bin/bash\n");
    assert_ne!(digest(), relinked);
}

#[test]
fn a_fingerprint_sees_every_part_of_a_source() {
    let place = Scratch::new();
    place.write("a.patch", b"patch");
    let base = source(Origin::Urls { urls: vec!["https://x/a.tar".into()], sha256: "0".repeat(64) }, 1);
    let digest = |source: &Source| fingerprint(&place.root(), std::slice::from_ref(source)).unwrap();
    let variants = [
        base.clone(),
        Source { strip: 0, ..base.clone() },
        Source { into: "x".to_owned(), ..base.clone() },
        Source { patches: vec![patch("a.patch")], ..base.clone() },
        Source { patches: vec![Patch { strip: 0, ..patch("a.patch") }], ..base.clone() },
        Source { patches: vec![patch("a.patch")], fuzz: 2, ..base.clone() },
        Source { unpack: false, ..base.clone() },
        source(Origin::Git { url: "https://x/a.git".into(), commit: "0".repeat(40), submodules: true }, 1),
        source(Origin::Urls { urls: vec!["https://x/b.tar".into()], sha256: "0".repeat(64) }, 1),
        source(Origin::Urls { urls: vec!["https://x/a.tar".into()], sha256: "1".repeat(64) }, 1),
        source(Origin::Git { url: "https://x/a.git".into(), commit: "0".repeat(40), submodules: false }, 1),
        source(Origin::Text { file: "a".to_owned(), text: "b".to_owned(), executable: false }, 1),
        source(Origin::Text { file: "a".to_owned(), text: "b".to_owned(), executable: true }, 1),
        source(Origin::Text { file: "ab".to_owned(), text: String::new(), executable: false }, 1),
    ];
    let distinct: std::collections::BTreeSet<String> = variants.iter().map(digest).collect();
    assert_eq!(distinct.len(), variants.len());
    let other_place =
        source(Origin::Urls { urls: vec!["https://y/a.tar".into(), "https://x/z".into()], sha256: "0".repeat(64) }, 1);
    assert_eq!(digest(&other_place), digest(&base), "another place for the same bytes is the same source");
    let patched = digest(&variants[3]);
    place.write("a.patch", b"other");
    assert_ne!(digest(&variants[3]), patched);
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let place = Scratch::new();
    let error = fingerprint(&place.root(), &[path("nowhere")]).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read {}", place.root().join("nowhere").display()));
    place.write("x", b"x");
    let patched = Source { patches: vec![patch("no.patch")], ..place.url("x", 0) };
    let error = place.prepare(&[patched]).await.unwrap_err();
    assert!(error.to_string().ends_with("no.patch"), "{error}");
    let mut wrong = place.url("x", 0);
    place.write("x", b"y");
    if let Origin::Urls { sha256, .. } = &mut wrong.origin {
        sha256.replace_range(0..1, if sha256.starts_with('0') { "1" } else { "0" });
    }
    let error = place.prepare(&[wrong]).await.unwrap_err();
    assert!(matches!(error, SourceError::Fetch(FetchError::Mismatch { .. })), "{error}");
}

#[tokio::test]
async fn patches_are_numbered_and_kept() {
    let place = Scratch::new();
    place.write("x", b"x");
    place.write("y", b"y");
    place.write("patches/fix build.diff", b"1");
    place.write("z.patch", b"2");
    let sources = [
        Source { patches: vec![patch("patches/fix build.diff")], ..place.url("x", 0) },
        Source { patches: vec![patch("z.patch")], into: "sub".to_owned(), ..place.url("y", 0) },
    ];
    let prepared = place.prepare(&sources).await.unwrap();
    let patches: Vec<(&str, &str)> = prepared.patches.iter().map(|p| (p.name.as_str(), p.into.as_str())).collect();
    assert_eq!(patches, [("0001-fix-build.patch", "."), ("0002-z.patch", "sub")]);
    assert_eq!(fs::read(&prepared.patches[1].path).unwrap(), b"2");
    assert_eq!(
        stream_listing(upload(&prepared, Upload::Patches { folder: "/build/patches".to_owned() }, 7)).await,
        [
            "build/ 755 0 7",
            "build/patches/ 755 0 7",
            "build/patches/0001-fix-build.patch 644 1 7",
            "build/patches/0002-z.patch 644 1 7"
        ]
    );
}

#[tokio::test]
async fn uploads_have_the_asked_shape_and_owner() {
    let place = Scratch::new();
    place.write("hello.tar", &hello_tar());
    let prepared = place.prepare(&[place.url("hello.tar", 1)]).await.unwrap();

    let tree = stream_listing(upload(&prepared, Upload::Tree { folder: "/build/hello-1.0".to_owned() }, 2000)).await;
    assert_eq!(
        tree,
        [
            "build/ 755 0 2000",
            "build/hello-1.0/ 755 0 2000",
            "build/hello-1.0/configure 755 10 2000",
            "build/hello-1.0/src/ 755 0 2000",
            "build/hello-1.0/src/hello.c 644 10 2000",
            "build/hello-1.0/src/link.c -> ./hello.c",
            "build/hello-1.0/copy.c -> build/hello-1.0/src/hello.c",
        ]
    );

    let what = Upload::Tarball { path: "/build/SOURCES/h.tar".to_owned(), top: "hello-1.0".to_owned() };
    let stream = upload(&prepared, what, 2000);
    let (outer, inner) = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        into_reader(stream).read_to_end(&mut bytes).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut inner = Vec::new();
        archive.entries().unwrap().nth(2).unwrap().unwrap().read_to_end(&mut inner).unwrap();
        (listing(bytes.as_slice()), inner)
    })
    .await
    .unwrap();
    assert_eq!(outer[..2], ["build/ 755 0 2000", "build/SOURCES/ 755 0 2000"]);
    assert_eq!(outer[2], format!("build/SOURCES/h.tar 644 {} 2000", inner.len()));
    assert_eq!(
        listing(inner.as_slice()),
        [
            "hello-1.0/ 755 0 0",
            "hello-1.0/configure 755 10 0",
            "hello-1.0/src/ 755 0 0",
            "hello-1.0/src/hello.c 644 10 0",
            "hello-1.0/src/link.c -> ./hello.c",
            "hello-1.0/copy.c -> hello-1.0/src/hello.c",
        ]
    );
    assert_eq!(inner.len() % 512, 0);
    assert!(inner.ends_with(&[0; 1024]));

    let originals =
        stream_listing(upload(&prepared, Upload::Originals { folder: "/o".to_owned(), tree: "/t".to_owned() }, 1))
            .await;
    let (of_originals, of_tree) = originals.split_at(2);
    assert_eq!(of_originals, ["o/ 755 0 1".to_owned(), format!("o/hello.tar 644 {} 1", hello_tar().len())]);
    assert_eq!(of_tree, stream_listing(upload(&prepared, Upload::Tree { folder: "/t".to_owned() }, 1)).await);
}

#[tokio::test]
async fn long_names_survive_the_tools_of_the_target() {
    let place = Scratch::new();
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(180));
    place.write(&format!("project/{long}"), b"content");
    let prepared = place.prepare(&[path("project")]).await.unwrap();
    let what = Upload::Tarball { path: "/b/h.tar".to_owned(), top: "hello-1.0".to_owned() };
    let mut stream = upload(&prepared, what, 0);
    let out = place.temp.path().join("out");
    fs::create_dir(&out).unwrap();
    let mut tar = Command::new("tar")
        .args(["--extract", "--no-same-owner", "--directory"])
        .arg(&out)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = tar.stdin.take().unwrap();
    while let Some(chunk) = futures_util::StreamExt::next(&mut stream).await {
        stdin.write_all(&chunk.unwrap()).unwrap();
    }
    drop(stdin);
    assert!(tar.wait().unwrap().success());
    let inner = Command::new("tar").arg("--extract").arg("-C").arg(&out).arg("-f").arg(out.join("b/h.tar")).status();
    assert!(inner.unwrap().success());
    assert_eq!(fs::read(out.join("hello-1.0").join(&long)).unwrap(), b"content");
}

#[tokio::test]
async fn files_are_read_out_of_a_tree() {
    let place = Scratch::new();
    place.write("hello.tar", &hello_tar());
    let prepared = place.prepare(&[place.url("hello.tar", 1)]).await.unwrap();
    let read = |path: &str, limit| read_file(&prepared, path, limit);
    assert_eq!(read("src/hello.c", 100).unwrap().unwrap(), b"int main;\n");
    assert_eq!(read("./src//link.c", 100).unwrap().unwrap(), b"int main;\n");
    assert_eq!(read("copy.c", 100).unwrap().unwrap(), b"int main;\n");
    assert_eq!(read("src", 100).unwrap(), None);
    assert_eq!(read("nowhere", 100).unwrap(), None);
    assert!(read("src/hello.c", 9).unwrap_err().to_string().contains("10 bytes"));
}

fn io_copy_zeros(out: &mut impl Write, bytes: u64) {
    std::io::copy(&mut std::io::repeat(0).take(bytes), out).unwrap();
}

#[tokio::test]
async fn truncated_archives_never_give_half_a_tree() {
    let whole = compress("gz", &hello_tar());
    let place = Scratch::new();
    let mut whole_ones = 0;
    let path_source = Source { strip: 1, strip_said: true, ..path("cut") };
    for length in (20..whole.len() - 8).step_by(7) {
        let path = place.write("cut.tar.gz", &whole[..length]);
        let tree_path = place.temp.path().join("tree");
        let cancel = CancellationToken::new();
        let mut tree = TreeWriter::create(&tree_path, &cancel).unwrap();
        // What is too short to be seen as a tar is a single file, and what only lacks the end marks is whole; all else
        // must be noticed.
        if unpack::add_file(&mut tree, &path, ("cut", "cut.tar.gz", false), &path_source).is_ok() {
            tree.finish().unwrap();
            let entries = listing(File::open(&tree_path).unwrap());
            let is_whole = entries == HELLO_TREE || matches!(&entries[..], [one] if one.starts_with("cut.tar.gz"));
            assert!(is_whole, "{length}: {entries:?}");
            whole_ones += 1;
        }
    }
    assert!(whole_ones < whole.len() / 7, "nothing was noticed");
}

/// Crates of old have none of what cargo itself had put into them, and cargo takes them.
#[test]
fn a_file_without_a_time_is_of_the_beginning_of_time() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    header.set_mode(0o644);
    header.as_gnu_mut().unwrap().mtime = [0; 12];
    builder.append_data(&mut header, "top/a", &b"a\n"[..]).unwrap();
    let bytes = builder.into_inner().unwrap();
    let temp = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    let path = temp.path().join("tree");
    let mut tree = TreeWriter::create(&path, &cancel).unwrap();
    let source = Source { strip: 1, ..self::path("x") };
    unpack::add_tar(&mut tree, bytes.as_slice(), "crate", &mut layout::Layout::of(&source)).unwrap();
    tree.finish().unwrap();
    let mut archive = tar::Archive::new(File::open(&path).unwrap());
    assert!(archive.entries().unwrap().all(|entry| entry.unwrap().header().mtime().is_ok()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the bytes: no panic, and nothing in the tree that leads outside.
    #[test]
    fn no_damage_makes_a_dangerous_tree(flips in proptest::collection::vec((0_usize..6000, any::<u8>()), 1..8)) {
        let mut bytes = hello_tar();
        for (at, value) in flips {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        // A right checksum, so that what was changed is looked at.
        for block in 0..bytes.len() / 512 {
            let header = &mut bytes[block * 512..][..512];
            if &header[257..262] == b"ustar" {
                let sum: u32 =
                    header.iter().enumerate().map(|(at, b)| if (148..156).contains(&at) { 32 } else { u32::from(*b) }).sum();
                header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
        }
        let temp = tempfile::tempdir().unwrap();
        let cancel = CancellationToken::new();
        let path = temp.path().join("tree");
        let mut tree = TreeWriter::create(&path, &cancel).unwrap();
        let url = Source { strip: 1, ..super::tests::path("x") };
        if unpack::add_tar(&mut tree, bytes.as_slice(), "damaged", &mut layout::Layout::of(&url)).is_ok() {
            tree.finish().unwrap();
            for entry in tar::Archive::new(File::open(&path).unwrap()).entries().unwrap() {
                let entry = entry.unwrap();
                let name = entry.path_bytes().into_owned();
                prop_assert!(!name.starts_with(b"/") && !name.split(|b| *b == b'/').any(|part| part == b".."));
                prop_assert_eq!(entry.header().uid().unwrap(), 0);
                prop_assert!(entry.header().mode().unwrap() <= 0o777);
            }
        }
    }
}

#[tokio::test]
async fn a_cache_is_used_again_made_once_and_mended() {
    let place = Scratch::new();
    place.write("hello.tar", &hello_tar());
    let sources = [place.url("hello.tar", 1)];
    let (a, b) = tokio::join!(place.prepare(&sources), place.prepare(&sources));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a, b);
    let made = fs::metadata(&a.tree).unwrap().modified().unwrap();
    // Nothing is fetched any more.
    fs::remove_file(place.root().join("hello.tar")).unwrap();
    let again = place.prepare(&sources).await.unwrap();
    assert_eq!(fs::metadata(&again.tree).unwrap().modified().unwrap(), made);

    fs::write(&a.tree, "cut").unwrap();
    let mended = place.prepare(&sources).await.unwrap();
    assert_eq!(tree_of(&mended), HELLO_TREE);
}

#[tokio::test]
async fn cancelling_ends_the_work() {
    let place = Scratch::new();
    place.write("hello.tar", &hello_tar());
    let cancel = CancellationToken::new();
    cancel.cancel();
    let sources = [place.url("hello.tar", 1)];
    let result = place.sources().prepare(&place.root(), "hello", "1.0", &sources, &NoProgress, &cancel).await;
    assert!(matches!(result, Err(SourceError::Cancelled | SourceError::Fetch(FetchError::Cancelled))), "{result:?}");
}

#[cfg(target_os = "linux")]
const CHILD: &str = "FARM_TEST_SOURCE_CHILD";
/// Far more than the process may take, so that a buffer anywhere shows.
#[cfg(target_os = "linux")]
const LARGE: u64 = 256 << 20;

/// Not a test of its own: moves a large file through all of it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn child_that_moves_a_large_file() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let place = Scratch::new();
    place.write("project/small", b"x");
    File::create(place.root().join("project/large")).unwrap().set_len(LARGE).unwrap();
    let prepared = place.prepare(&[path("project")]).await.unwrap();
    let what = Upload::Tarball { path: "/b/h.tar".to_owned(), top: "hello-1.0".to_owned() };
    let mut stream = upload(&prepared, what, 0);
    let mut bytes = 0;
    while let Some(chunk) = futures_util::StreamExt::next(&mut stream).await {
        bytes += chunk.unwrap().len() as u64;
    }
    assert!(bytes > LARGE);
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_size_of_sources() {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "source::tests::child_that_moves_a_large_file", "--quiet"]).env(CHILD, "1");
    let peak = crate::types::testing::peak_of(&mut child).unwrap();
    assert!(peak < 64 * 1024, "{peak} KiB at most");
}
