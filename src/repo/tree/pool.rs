//! Packages on their way into a tree: copied, so that what is indexed stays what it was, and read once. An .rpm is signed on
//! the way.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tempfile::TempPath;

use super::model::{Entry, Incoming, Place, RepoError, reading, writing};
use super::source::{self, Source};
use super::state::{Tree, pooled, readable};
use crate::artifact::{self, Artifact, ArtifactKind};
use crate::formats::compression::decompressed;
use crate::formats::deb::tarball::MemberKind;
use crate::formats::deb::{self, Control, Part, tarball};
use crate::formats::{deb822, rpm_signature};
use crate::repo::model::Package;
use crate::repo::rpm_md::{self, Fragments};
use crate::sign::{Signer, sign_rpm};
use crate::stream;
use crate::types::{Format, Stamp, printable};

/// Fields that an index adds, in lower case: a package cannot say them of itself.
const OF_THE_INDEX: [&str; 6] = ["filename", "size", "md5sum", "sha1", "sha256", "sha512"];

/// As many records as are read side by side.
const RECORDS: usize = 128;

/// What the indexes say of a package, beside where it lies.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Record {
    /// Of a .deb: its control file, `section/name` and the paths of its files without their first slash.
    Deb {
        control: String,
        qualified: String,
        files: Vec<String>,
    },
    Dsc(Source),
    Rpm(Fragments),
}

/// A package that was read, and is not yet where it will lie.
pub(super) struct Taken {
    pub(super) entry: Entry,
    /// Of what was given, before it was read.
    pub(super) stamp: Stamp,
    copy: TempPath,
}

impl Taken {
    /// Puts it where the index will say that it lies.
    pub(super) fn put(self, tree: &Tree, place: &Place) -> Result<Entry, RepoError> {
        let path = pooled(&tree.root, place, &self.entry);
        let folder = path.parent().unwrap_or(&tree.root);
        fs::create_dir_all(folder).map_err(writing(folder))?;
        self.copy.persist(&path).map_err(|error| writing(&path)(error.error))?;
        Ok(self.entry)
    }
}

/// Copies and reads one package. An .rpm that this signer has not signed is signed; `known`: sums of given files that are
/// in the repository, for which that is not done again.
pub(super) fn take(
    tree: &Tree,
    one: &Incoming,
    signer: Option<&Signer>,
    known: &HashMap<&str, &Entry>,
) -> Result<Taken, RepoError> {
    let refused = |reason: String| RepoError::Package {
        path: one.path.clone(),
        place: one.place.clone(),
        reason: printable(&reason),
    };
    // Looked at before it is read: who writes to it meanwhile changes it.
    let stamp = Stamp::of(&one.path).map_err(reading(&one.path))?;
    let mut copy = tempfile::NamedTempFile::new_in(tree.new_folder()).map_err(writing(&tree.root))?;
    let mut given = File::open(&one.path).map_err(reading(&one.path))?;
    let (source, _) = stream::copy_summed(&mut given, copy.as_file_mut()).map_err(reading(&one.path))?;
    if one.sha256.as_ref().is_some_and(|sha256| *sha256 != source) {
        return Err(refused(
            "it is not what its folder's index or record says: of dist/, `farm verify --stored` names all that is damaged"
                .to_owned(),
        ));
    }
    if let Some(entry) = known.get(source.as_str()) {
        return Ok(Taken { entry: (*entry).clone(), stamp, copy: copy.into_temp_path() });
    }
    let (mut is_as_given, mut key) = (true, None);
    if let (Format::Rpm, Some(signer)) = (one.place.format, signer) {
        if let Ok(by) = rpm_signature::verify(copy.path(), signer.certificate().as_bytes()) {
            key = Some(by);
        } else {
            let mut signed = tempfile::NamedTempFile::new_in(tree.new_folder()).map_err(writing(&tree.root))?;
            sign_rpm(signer, copy.path(), signed.as_file_mut()).map_err(|error| refused(error.to_string()))?;
            copy = signed;
            is_as_given = false;
            key = Some(signer.first_fingerprint().to_owned());
        }
    }
    readable(copy.as_file()).map_err(writing(copy.path()))?;
    let (sha256, size) = match is_as_given {
        true => (source.clone(), copy.as_file().metadata().map_err(reading(copy.path()))?.len()),
        false => sum_of(copy.path())?,
    };
    let is_source = one.path.extension().is_some_and(|extension| extension == "dsc");
    let (entry, record) = match one.place.format {
        Format::Deb if is_source => {
            let file_name = one.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            check_word(file_name).map_err(refused)?;
            let read = source::read(copy.path(), file_name).map_err(refused)?;
            let (name, version, beside) = (read.name.clone(), read.version.clone(), read.beside());
            let folder = format!("pool/{}/main/{}/{name}", one.place.name, prefix(&name));
            read.take_files(tree, &one.path, &tree.root.join(&folder))?.map_err(refused)?;
            let (path, arch) = (format!("{folder}/{file_name}"), "source".to_owned());
            (Entry { name, version, arch, path, size, sha256, source, beside, key, added: None }, Record::Dsc(read))
        }
        Format::Deb => {
            let (control, files) = read_deb(copy.path()).map_err(refused)?;
            let paragraph =
                deb822::only_paragraph(&control).map_err(|reason| refused(format!("its control file {reason}")))?;
            let field = |name: &str| deb822::field(paragraph, name).unwrap_or_default().to_owned();
            let (name, version, arch) = (field("Package"), field("Version"), field("Architecture"));
            let source_name =
                field("Source").split([' ', '(']).next().map(str::to_owned).filter(|name| !name.is_empty());
            let source_name = source_name.unwrap_or_else(|| name.clone());
            for text in [&name, &version, &arch, &source_name] {
                check_word(text).map_err(refused)?;
            }
            let folder = format!("pool/{}/main/{}/{source_name}", one.place.name, prefix(&source_name));
            let in_name = version.split_once(':').map_or(version.as_str(), |(_, rest)| rest);
            let path = format!("{folder}/{name}_{in_name}_{arch}.deb");
            let section = Some(field("Section")).filter(|section| check_section(section)).unwrap_or("misc".to_owned());
            let qualified = format!("{section}/{name}");
            let control = deb822::without_fields(paragraph, &OF_THE_INDEX);
            (
                Entry { name, version, arch, path, size, sha256, source, beside: Vec::new(), key, added: None },
                Record::Deb { control, qualified, files },
            )
        }
        Format::Rpm => {
            let header = artifact::rpm_header(copy.path())?;
            let metadata = &header.metadata;
            let text = |found: Result<&str, ::rpm::Error>| {
                found.map(str::to_owned).map_err(|error| refused(error.to_string()))
            };
            let (name, version) = (text(metadata.get_name())?, text(metadata.get_version())?);
            let release = text(metadata.get_release())?;
            let arch = if metadata.is_source_package() { "src".to_owned() } else { text(metadata.get_arch())? };
            for word in [&name, &version, &release, &arch] {
                check_word(word).map_err(refused)?;
            }
            let path = format!("Packages/{}/{name}-{version}-{release}.{arch}.rpm", prefix(&name));
            let epoch = metadata.get_epoch().ok().filter(|epoch| *epoch > 0).map(|epoch| format!("{epoch}:"));
            let version = format!("{}{version}-{release}", epoch.unwrap_or_default());
            let entry = Entry { name, version, arch, path, size, sha256, source, beside: Vec::new(), key, added: None };
            let record = Record::Rpm(rpm_md::fragments_of(&listed(&entry, copy.path()), &header)?);
            (entry, record)
        }
    };
    tree.save_record(&entry.sha256, &record)?;
    Ok(Taken { entry, stamp, copy: copy.into_temp_path() })
}

/// What the indexes say of each package, in their order. Few of them are in memory at a time.
pub(super) fn each_record(
    tree: &Tree,
    place: &Place,
    packages: &[Entry],
    mut take: impl FnMut(&Entry, Record) -> Result<(), RepoError>,
) -> Result<(), RepoError> {
    for some in packages.chunks(RECORDS) {
        let records: Vec<Record> =
            some.par_iter().map(|entry| record(tree, place, entry)).collect::<Result<_, RepoError>>()?;
        some.iter().zip(records).try_for_each(|(entry, record)| take(entry, record))?;
    }
    Ok(())
}

/// Of one package: kept, or read again.
pub(super) fn record(tree: &Tree, place: &Place, entry: &Entry) -> Result<Record, RepoError> {
    if let Some(record) = tree.record(&entry.sha256) {
        return Ok(record);
    }
    let path = pooled(&tree.root, place, entry);
    let refused =
        |reason: String| RepoError::Package { path: path.clone(), place: place.clone(), reason: printable(&reason) };
    if sum_of(&path)?.0 != entry.sha256 {
        return Err(refused("it is not what was taken in".to_owned()));
    }
    let record = match place.format {
        Format::Rpm => Record::Rpm(rpm_md::fragments(&listed(entry, &path))?),
        Format::Deb if entry.arch == "source" => {
            let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            Record::Dsc(source::read(&path, file_name).map_err(refused)?)
        }
        Format::Deb => {
            let (control, files) = read_deb(&path).map_err(refused)?;
            let section = deb822::field(&control, "Section").filter(|section| check_section(section)).unwrap_or("misc");
            let qualified = format!("{section}/{}", entry.name);
            Record::Deb { control: deb822::without_fields(&control, &OF_THE_INDEX), qualified, files }
        }
    };
    tree.save_record(&entry.sha256, &record)?;
    Ok(record)
}

/// A package as an index names it.
fn listed(entry: &Entry, path: &Path) -> Package {
    let artifact = Artifact {
        file_name: entry.path.clone(),
        size_bytes: entry.size,
        sha256: entry.sha256.clone(),
        kind: ArtifactKind::Binary,
        package: None,
    };
    Package { artifact, path: path.to_owned() }
}

/// Hex sum and size.
pub(super) fn sum_of(path: &Path) -> Result<(String, u64), RepoError> {
    stream::sum_of(path).map_err(reading(path))
}

/// The control file, and the paths in data.tar that are no folders, without their first slash.
fn read_deb(path: &Path) -> Result<(String, Vec<String>), String> {
    let mut reader = BufReader::with_capacity(128 * 1024, File::open(path).map_err(|error| error.to_string())?);
    let (mut control, mut files) = (None, Vec::new());
    deb::read(&mut reader, |part| {
        match part {
            Part::Control { compression, content } => {
                control = Control::read(compression, content)?.text("control")?;
            }
            Part::Data { compression, content } => {
                tarball::read("data.tar", decompressed(compression, content)?, |member, _| {
                    if member.kind != MemberKind::Folder && !member.path.contains(&b'\n') {
                        files.push(
                            String::from_utf8_lossy(member.path.strip_prefix(b"/").unwrap_or(&member.path))
                                .into_owned(),
                        );
                    }
                    Ok(())
                })?;
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((control.ok_or("it has no control file")?, files))
}

/// A name, version or architecture that may be a part of a path.
pub(super) fn check_word(word: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._+~^:".contains(c);
    match word.is_empty() || word.starts_with('.') || !word.chars().all(plain) {
        true => Err(format!("it calls itself `{word}`, which no file can be named after")),
        false => Ok(()),
    }
}

fn check_section(section: &str) -> bool {
    !section.is_empty() && section.chars().all(|c| c.is_ascii_alphanumeric() || "-/".contains(c))
}

/// As in Debian's pool: `h` of hello, `libh` of libhello.
fn prefix(name: &str) -> &str {
    let length = if name.starts_with("lib") { 4 } else { 1 };
    name.get(..length).unwrap_or(name)
}
