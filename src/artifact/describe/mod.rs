//! All that a package says and holds, in words that both formats share, for comparisons: what is different in two of them
//! is for others to say. One pass over the package; of contents only digests stay.

mod deb;
mod listing;
mod model;
mod rpm;

use std::collections::BTreeMap;
use std::path::Path;

use super::contents::{EntryKind, Facts, PackagedFile};
use super::model::{ArtifactError, malformed, package_format};
use super::{deb as debs, rpm as rpms};
use crate::formats::elf::{Depth, Looked};
use crate::types::Format;
use model::{Texts, capabilities};

pub(crate) use listing::LISTING_FILE;
pub(super) use listing::Lister;
pub use listing::{ListedFile, ListedRelation, PackageListing};
pub use model::RelationKind;
pub(crate) use model::{DescribedFile, Description, FileKind, OWN_VERSION, Related};

/// What a package is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) format: Format,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) architecture: String,
}

/// Reads the header of a package alone.
pub(crate) fn identify(path: &Path) -> Result<Identity, ArtifactError> {
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let read = match package_format(&file_name) {
        Some(Format::Deb) => debs::describe(path),
        Some(Format::Rpm) => rpms::describe(path),
        None => Err("its name does not end in .deb or .rpm".to_owned()),
    };
    let Facts { format, name, version, architecture, .. } = read.map_err(|reason| malformed(path, reason))?;
    Ok(Identity { format, name, version, architecture })
}

/// Whether a package is one that users install: no source package, and none with debug symbols. Reads its header alone.
pub(crate) fn is_of_users(path: &Path) -> Result<bool, ArtifactError> {
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let read = match package_format(&file_name) {
        Some(Format::Deb) => debs::describe(path),
        Some(Format::Rpm) => rpms::describe(path),
        None => return Ok(false),
    };
    let facts = read.map_err(|reason| malformed(path, reason))?;
    Ok(!facts.is_source && !facts.is_debug())
}

/// Whether a file is a package by its name.
pub(crate) fn is_package(file_name: &str) -> bool {
    package_format(file_name).is_some()
}

/// What there is to know of a package whose files a lister has taken down. What its head says that cannot be read is left out:
/// whether it is a good package is for others to say.
pub(super) fn listed(lister: Lister, path: &Path, facts: &Facts) -> PackageListing {
    let texts = match facts.format {
        Format::Deb => debs::control_archive(path).and_then(|control| deb::texts(&control)),
        Format::Rpm => rpms::header(path).and_then(|header| rpm::texts(&header.metadata)),
    };
    lister.finish(path, facts, texts.unwrap_or_default())
}

/// Reads all of one package, libraries with their symbols. CPU work: call it from a blocking thread.
pub(crate) fn describe(path: &Path) -> Result<Description, ArtifactError> {
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut files = BTreeMap::new();
    let mut visit = |entry: PackagedFile| drop(files.insert(entry.path.clone(), described(entry)));
    let mut read = || -> Result<(Facts, Texts), String> {
        match package_format(&file_name) {
            Some(Format::Deb) => {
                let facts = debs::read(path, Depth::Symbols, &mut visit)?;
                Ok((facts, deb::texts(&debs::control_archive(path)?)?))
            }
            Some(Format::Rpm) => {
                let facts = rpms::read(path, Depth::Symbols, &mut visit)?;
                Ok((facts, rpm::texts(&rpms::header(path)?.metadata)?))
            }
            None => Err("its name does not end in .deb or .rpm".to_owned()),
        }
    };
    let (facts, texts) = read().map_err(|reason| malformed(path, reason))?;
    for (path, owner, capabilities) in texts.attributes {
        if let Some(file) = files.get_mut(path.as_slice()) {
            file.owner = owner.unwrap_or_else(|| std::mem::take(&mut file.owner));
            file.capabilities = capabilities.unwrap_or_else(|| std::mem::take(&mut file.capabilities));
        }
    }
    let is_debug = facts.is_debug();
    Ok(Description {
        format: facts.format,
        name: facts.name,
        version: facts.version,
        architecture: facts.architecture,
        is_source: facts.is_source,
        is_debug,
        fields: texts.fields,
        relations: texts.relations,
        scripts: texts.scripts,
        triggers: texts.triggers,
        files,
    })
}

fn described(entry: PackagedFile) -> DescribedFile {
    let (is_elf, soname, exported, needed) = match entry.looked {
        Looked::Elf(elf) => (true, elf.soname, elf.exported, elf.needed),
        Looked::NoElf | Looked::Damaged => (false, None, None, Vec::new()),
    };
    DescribedFile {
        kind: match entry.kind {
            EntryKind::File | EntryKind::HardLink => FileKind::File,
            EntryKind::Folder => FileKind::Folder,
            EntryKind::Symlink => FileKind::Symlink,
            EntryKind::Special => FileKind::Special,
        },
        mode: entry.mode,
        owner: format!("{}:{}", entry.owner, entry.group),
        link: if entry.kind == EntryKind::Symlink { entry.link } else { Vec::new() },
        size: entry.size,
        sha256: entry.sha256,
        unpacked: entry.unpacked,
        is_config: entry.is_config,
        is_ghost: entry.is_ghost,
        capabilities: capabilities(&entry.capabilities),
        is_elf,
        soname,
        exported,
        needed,
    }
}
