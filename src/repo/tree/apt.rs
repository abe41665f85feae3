//! The indexes of a suite, as apt reads them: Packages and Contents of each architecture, named by a Release that is signed,
//! and found by their sums (`Acquire-By-Hash`), so that who has read the Release before finds what it names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::Path;

use chrono::{DateTime, Duration, Utc};
use rayon::prelude::*;

use super::model::{Entry, Place, RepoError, Settings, writing};
use super::pool::Record;
use super::state::sum;
use crate::formats::deb822;
use crate::repo::rpm_md::gzip;
use crate::sign::Signer;

/// Of xz, for every run that adds a package: a sixth of the time of its usual level, for a third more bytes (measured on 5,000
/// packages).
const XZ_LEVEL: u32 = 1;
/// Where nothing says which architectures a suite is for.
const USUAL: [&str; 2] = ["amd64", "arm64"];

/// One file that the Release lists.
struct Index {
    path: String,
    sha256: String,
    size: usize,
    /// Where it lies by its sum, if it does.
    by_hash: Option<String>,
}

/// Writes the folder of a suite to `new`. Returns the Release and the files that it lists.
pub(super) fn write(
    new: &Path,
    place: &Place,
    settings: &Settings,
    packages: &[(&Entry, &Record)],
    signer: Option<&Signer>,
    now: DateTime<Utc>,
) -> Result<(String, Vec<String>), RepoError> {
    let arches = arches(settings, packages);
    let written: Vec<Vec<Index>> =
        arches.par_iter().map(|arch| write_arch(new, arch, packages)).collect::<Result<_, _>>()?;
    let mut listed: Vec<Index> = written.into_iter().flatten().collect();
    listed.extend(write_sources(new, packages)?);
    listed.sort_by(|a, b| a.path.cmp(&b.path));
    let release = release(place, settings, &arches, &listed, now);
    put(&new.join("Release"), release.as_bytes())?;
    if let Some(signer) = signer {
        let what = format!("{place}/Release");
        put(&new.join("InRelease"), signer.cleartext(&what, &release)?.as_bytes())?;
        let detached = signer.armoured(&what, crate::sign::Content::Bytes(release.as_bytes()))?;
        put(&new.join("Release.gpg"), detached.as_bytes())?;
    }
    Ok((release, listed.into_iter().filter_map(|index| index.by_hash).collect()))
}

fn arches(settings: &Settings, packages: &[(&Entry, &Record)]) -> Vec<String> {
    let own = packages.iter().map(|(entry, _)| entry.arch.as_str()).filter(|arch| !["all", "source"].contains(arch));
    let arches: BTreeSet<&str> = own.chain(settings.arches.iter().map(String::as_str)).collect();
    match arches.is_empty() {
        true => USUAL.map(str::to_owned).to_vec(),
        false => arches.into_iter().map(str::to_owned).collect(),
    }
}

fn write_arch(new: &Path, arch: &str, packages: &[(&Entry, &Record)]) -> Result<Vec<Index>, RepoError> {
    let mut text = String::new();
    let mut contents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (entry, record) in packages.iter().filter(|(entry, _)| entry.arch == arch || entry.arch == "all") {
        let Record::Deb { control, qualified, files } = record else { continue };
        text.push_str(control);
        deb822::push(&mut text, "Filename", &entry.path);
        deb822::push(&mut text, "Size", &entry.size.to_string());
        deb822::push(&mut text, "SHA256", &entry.sha256);
        text.push('\n');
        for file in files {
            contents.entry(file).or_default().push(qualified);
        }
    }
    let mut lines = String::new();
    for (file, mut owners) in contents {
        owners.sort_unstable();
        owners.dedup();
        lines.push_str(file);
        lines.push_str("   ");
        lines.push_str(&owners.join(","));
        lines.push('\n');
    }
    let folder = format!("main/binary-{arch}");
    let (gz, (xz, contents)) =
        rayon::join(|| gzip(text.as_bytes()), || rayon::join(|| xz(text.as_bytes()), || gzip(lines.as_bytes())));
    let plain = |path: &str, content: &str| Index {
        path: path.to_owned(),
        sha256: sum(content.as_bytes()),
        size: content.len(),
        by_hash: None,
    };
    // apt wants to know what is inside of the compressed ones, and not to fetch it.
    Ok(vec![
        plain(&format!("{folder}/Packages"), &text),
        by_hash(new, &folder, "Packages.gz", &gz)?,
        by_hash(new, &folder, "Packages.xz", &xz.map_err(writing(new))?)?,
        plain(&format!("main/Contents-{arch}"), &lines),
        by_hash(new, "main", &format!("Contents-{arch}.gz"), &contents)?,
    ])
}

/// Nothing where there is no source package.
fn write_sources(new: &Path, packages: &[(&Entry, &Record)]) -> Result<Vec<Index>, RepoError> {
    let mut text = String::new();
    for (entry, record) in packages {
        if let Record::Dsc(source) = record {
            text.push_str(&source.paragraph(&entry.path));
        }
    }
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let plain =
        Index { path: "main/source/Sources".to_owned(), sha256: sum(text.as_bytes()), size: text.len(), by_hash: None };
    Ok(vec![
        plain,
        by_hash(new, "main/source", "Sources.gz", &gzip(text.as_bytes()))?,
        by_hash(new, "main/source", "Sources.xz", &xz(text.as_bytes()).map_err(writing(new))?)?,
    ])
}

fn xz(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = xz2::write::XzEncoder::new(Vec::new(), XZ_LEVEL);
    encoder.write_all(content)?;
    encoder.finish()
}

/// Writes an index under its name, and under its sum.
fn by_hash(new: &Path, folder: &str, name: &str, content: &[u8]) -> Result<Index, RepoError> {
    let sha256 = sum(content);
    let named = new.join(folder).join(name);
    put(&named, content)?;
    let hashes = format!("{folder}/by-hash/SHA256");
    fs::create_dir_all(new.join(&hashes)).map_err(writing(new))?;
    let by_hash = format!("{hashes}/{sha256}");
    let hashed = new.join(&by_hash);
    match fs::hard_link(&named, &hashed) {
        // Two architectures may have the same packages: what is of this sum is this content.
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(writing(&hashed)(error)),
        _ => {}
    }
    Ok(Index { path: format!("{folder}/{name}"), sha256, size: content.len(), by_hash: Some(by_hash) })
}

fn put(path: &Path, content: &[u8]) -> Result<(), RepoError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(writing(folder))?;
    }
    fs::write(path, content).map_err(writing(path))
}

fn release(place: &Place, settings: &Settings, arches: &[String], listed: &[Index], now: DateTime<Utc>) -> String {
    let mut text = String::new();
    let date = |time: DateTime<Utc>| time.format("%a, %d %b %Y %H:%M:%S UTC").to_string();
    deb822::push(&mut text, "Origin", &settings.origin);
    deb822::push(&mut text, "Label", &settings.label);
    deb822::push(&mut text, "Suite", &place.name);
    deb822::push(&mut text, "Codename", &place.name);
    deb822::push(&mut text, "Date", &date(now));
    if settings.valid_days > 0 {
        deb822::push(&mut text, "Valid-Until", &date(now + Duration::days(settings.valid_days.into())));
    }
    deb822::push(&mut text, "Acquire-By-Hash", "yes");
    deb822::push(&mut text, "Architectures", &arches.join(" "));
    deb822::push(&mut text, "Components", "main");
    text.push_str("SHA256:\n");
    for Index { path, sha256, size, .. } in listed {
        text.push_str(&format!(" {sha256} {size} {path}\n"));
    }
    text
}
