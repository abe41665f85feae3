use std::io::Read;
use std::path::Path;

use ::rpm::{BuildConfig, CompressionType, Dependency, FileOptions, PackageBuilder};
use sha2::{Digest, Sha256};

use super::*;
use crate::artifact::{Artifact, ArtifactKind};

fn package(folder: &Path, file_name: &str, content: &[u8]) -> Package {
    let path = folder.join(file_name);
    std::fs::write(&path, content).unwrap();
    let artifact = Artifact {
        file_name: file_name.to_owned(),
        size_bytes: content.len() as u64,
        sha256: hex::encode(Sha256::digest(content)),
        kind: ArtifactKind::Binary,
        package: None,
    };
    Package { artifact, path }
}

fn rpm(folder: &Path) -> Package {
    let config = BuildConfig::v4().compression(CompressionType::None).source_date(1_767_312_000u32);
    let mut builder = PackageBuilder::new("pond", "1.2", "MIT", "x86_64", "Ponds & <reeds>");
    builder
        .using_config(config)
        .release("3")
        .epoch(1)
        .description("A \"pond\".")
        .url("https://example.org")
        .build_host("localhost")
        .requires(Dependency::greater_eq("reed", "1:2.0-1"))
        .requires(Dependency::any("/bin/sh"))
        .provides(Dependency::eq("pond-api", "3"))
        .recommends(Dependency::any("heron"));
    let mut file = |path: &str| {
        builder.with_file_contents("content", FileOptions::new(path)).unwrap();
    };
    file("/usr/bin/pond");
    file("/usr/share/pond/a & b");
    let mut bytes = Vec::new();
    builder.build().unwrap().write(&mut bytes).unwrap();
    package(folder, "pond-1.2-3.x86_64.rpm", &bytes)
}

fn text(files: &[IndexFile], path: &str) -> String {
    let content = &files.iter().find(|file| file.path == path).unwrap().content;
    let mut text = String::new();
    match path.ends_with(".gz") {
        true => drop(flate2::read::GzDecoder::new(content.as_slice()).read_to_string(&mut text).unwrap()),
        false => text.push_str(std::str::from_utf8(content).unwrap()),
    }
    text
}

#[test]
fn repodata_says_what_a_package_says() {
    let folder = tempfile::tempdir().unwrap();
    let package = rpm(folder.path());
    let files = index(Format::Rpm, std::slice::from_ref(&package), ORIGIN).unwrap();
    let size = package.artifact.size_bytes.to_string();
    let shown: String = ["repodata/primary.xml.gz", "repodata/filelists.xml.gz", "repodata/other.xml.gz"]
        .map(|path| text(&files, path).replace(&package.artifact.sha256, "SHA256").replace(&size, "SIZE"))
        .concat();
    // The header's place and the time of the build are those of the crate that made this package.
    let shown: String =
        shown.lines().filter(|line| !line.contains("header-range")).map(|line| format!("{line}\n")).collect();
    insta::assert_snapshot!(shown);

    let repomd = text(&files, "repodata/repomd.xml");
    for file in files.iter().filter(|file| file.path.ends_with(".gz")) {
        let named = format!(
            "<checksum type=\"sha256\">{}</checksum>\n    <open-checksum type=\"sha256\">{}</open-checksum>\n    \
             <location href=\"{}\"/>",
            hex::encode(Sha256::digest(&file.content)),
            hex::encode(Sha256::digest(text(&files, &file.path))),
            file.path
        );
        assert!(repomd.contains(&named), "{repomd}");
    }
    assert_eq!(index(Format::Rpm, &[package], ORIGIN).unwrap(), files, "the same packages give the same bytes");
}

#[test]
fn a_package_that_is_none_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("a_1_all.deb", Format::Deb), ("a-1-1.noarch.rpm", Format::Rpm)] {
        let error = index(format, &[package(folder.path(), name, b"nothing")], ORIGIN).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}
