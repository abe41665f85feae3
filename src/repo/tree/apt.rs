//! The indexes of a suite, as apt reads them: Packages and Contents of each architecture, named by a Release that is signed,
//! and found by their sums (`Acquire-By-Hash`), so that who has read the Release before finds what it names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use chrono::{DateTime, Duration, Utc};

use super::contents::Contents;
use super::model::{Entry, Place, RepoError, Settings, writing};
use super::packed::{Form, IndexWriter, Pieces, Written};
use super::pool::{self, Record};
use super::state::Tree;
use crate::formats::deb822;
use crate::repo::model::Summed;
use crate::sign::Signer;

/// Where nothing says which architectures a suite is for.
const USUAL: [&str; 2] = ["amd64", "arm64"];
/// What apt looks for first, and what every tool reads.
const FORMS: [Form; 2] = [Form::Xz, Form::Gzip];

/// One file that the Release lists.
struct Index {
    path: String,
    sum: Summed,
    /// Where it lies by its sum, if it does.
    by_hash: Option<String>,
}

/// Writes the folder of a suite to `new`. Returns the Release and the files that it lists.
pub(super) fn write(
    (tree, pieces): (&Tree, &Pieces<'_>),
    new: &Path,
    place: &Place,
    settings: &Settings,
    packages: &[Entry],
    signer: Option<&Signer>,
    now: DateTime<Utc>,
) -> Result<(String, Vec<String>), RepoError> {
    let arches = arches(settings, packages);
    let folder = |arch: &str| format!("main/binary-{arch}");
    let open = |path: &str| IndexWriter::create(pieces, &new.join(path), &FORMS);
    let mut binaries = arches
        .iter()
        .map(|arch| open(&format!("{}/Packages", folder(arch))))
        .collect::<Result<Vec<IndexWriter<'_>>, _>>()?;
    let mut contents = Contents::new(&arches);
    // Where there is no source package there is no such file.
    let mut sources = None;
    pool::each_record(tree, place, packages, |entry, record| {
        match record {
            Record::Deb { control, qualified, files } => {
                let mut text = control;
                deb822::push(&mut text, "Filename", &entry.path);
                deb822::push(&mut text, "Size", &entry.size.to_string());
                deb822::push(&mut text, "SHA256", &entry.sha256);
                text.push('\n');
                contents.add(&entry.arch, &qualified, &files);
                for (_, writer) in arches.iter().zip(&mut binaries).filter(|(arch, _)| is_for(entry, arch)) {
                    writer.push(&text)?;
                }
            }
            Record::Dsc(source) => {
                let writer = match &mut sources {
                    Some(writer) => writer,
                    none => none.insert(open("main/source/Sources")?),
                };
                writer.push(&source.paragraph(&entry.path))?;
            }
            Record::Rpm(_) => {}
        }
        Ok(())
    })?;
    let mut listed = Vec::new();
    for (arch, writer) in arches.iter().zip(binaries) {
        listed.extend(list(new, &folder(arch), "Packages", writer.finish()?)?);
    }
    if let Some(writer) = sources {
        listed.extend(list(new, "main/source", "Sources", writer.finish()?)?);
    }
    contents.sort();
    for arch in &arches {
        let name = format!("Contents-{arch}");
        let mut writer = IndexWriter::create(pieces, &new.join("main").join(&name), &[Form::Gzip])?;
        contents.each_line(arch, |line| writer.push(line))?;
        listed.extend(list(new, "main", &name, writer.finish()?)?);
    }
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

fn arches(settings: &Settings, packages: &[Entry]) -> Vec<String> {
    let own = packages.iter().map(|entry| entry.arch.as_str()).filter(|arch| !["all", "source"].contains(arch));
    let arches: BTreeSet<&str> = own.chain(settings.arches.iter().map(String::as_str)).collect();
    match arches.is_empty() {
        true => USUAL.map(str::to_owned).to_vec(),
        false => arches.into_iter().map(str::to_owned).collect(),
    }
}

fn is_for(entry: &Entry, arch: &str) -> bool {
    entry.arch == arch || entry.arch == "all"
}

/// Gives each form of an index its second name, by its sum, and lists all of it: apt wants to know what is inside of the
/// compressed ones, and not to fetch it.
fn list(new: &Path, folder: &str, name: &str, written: Written) -> Result<Vec<Index>, RepoError> {
    let hashes = format!("{folder}/by-hash/SHA256");
    fs::create_dir_all(new.join(&hashes)).map_err(writing(new))?;
    let mut listed = vec![Index { path: format!("{folder}/{name}"), sum: written.plain, by_hash: None }];
    for (named, sum) in written.files {
        let by_hash = format!("{hashes}/{}", sum.sha256);
        let hashed = new.join(&by_hash);
        match fs::hard_link(&named, &hashed) {
            // Two architectures may have the same packages: what is of this sum is this content.
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(writing(&hashed)(error)),
            _ => {}
        }
        let ending = named.extension().unwrap_or_default().display().to_string();
        listed.push(Index { path: format!("{folder}/{name}.{ending}"), sum, by_hash: Some(by_hash) });
    }
    Ok(listed)
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
    for Index { path, sum, .. } in listed {
        let Summed { sha256, size } = sum;
        text.push_str(&format!(" {sha256} {size} {path}\n"));
    }
    text
}
