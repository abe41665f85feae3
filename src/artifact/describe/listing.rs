//! What a package wants and holds, for people to read beside it: [`LISTING_FILE`] in the folder of a target. It is noted when
//! the packages are checked, because then all of them is read once; a report opens in no time, and reading them all again would
//! take longer than many a build. Of a package with very many files, the first are listed and the others counted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::model::{OWN_VERSION, Related, RelationKind, Texts, capabilities};
use crate::artifact::contents::{EntryKind, Facts, PackagedFile};
use crate::types::Format;

/// Its name in the folder of a target, and in that of packages that were refused.
pub(crate) const LISTING_FILE: &str = "packages.json";

/// The shape of the file that this version writes.
const SCHEMA: u32 = 1;
/// Of one package.
const MOST_FILES: usize = 5000;
const MOST_RELATIONS: usize = 1000;
/// Of one text, in characters. No path of Linux has more.
const LONGEST: usize = 4096;
/// What is larger is none of ours: fifty packages with as many files as are listed of one.
const LARGEST: u64 = 64 << 20;

/// What one package wants and holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageListing {
    /// The name of its file, in the same folder.
    pub file_name: String,
    /// The package's name.
    pub name: String,
    /// As the format writes it: `1:2.10-1`.
    pub version: String,
    /// Whose words its relations are in.
    pub format: Format,
    /// What it wants of others, and is for them.
    pub relations: BTreeMap<RelationKind, Vec<ListedRelation>>,
    /// How many relations are left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub relations_left_out: u64,
    /// In the order of the package; not more than this file is to hold.
    pub files: Vec<ListedFile>,
    /// How many files, folders and links are left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub files_left_out: u64,
    /// The bytes of all its files, those that are left out, too.
    pub installed_bytes: u64,
}

/// One relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedRelation {
    /// The package or capability; of alternatives, all of them.
    pub name: String,
    /// All of it: `libc6 (>= 2.36)`
    pub text: String,
    /// Whether tools of the format have found it, or it is a matter between the package and rpm.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_generated: bool,
}

/// A file, folder or link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedFile {
    /// As the package has it, from `/` on.
    pub path: String,
    /// What `ls -l` begins a line with: `-`, `d`, `l`, `h` for a hard link, and `?` for anything else.
    pub kind: char,
    /// Permission bits.
    pub mode: u32,
    /// `USER:GROUP`, also where a .deb sets them in its postinst.
    pub owner: String,
    /// In bytes; 0 of what is no file.
    pub size: u64,
    /// Where a link leads.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub link: String,
    /// What else is to be said: `configuration file`, `cap_net_raw=ep`
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

#[derive(Serialize, Deserialize)]
struct Document {
    schema: u32,
    packages: Vec<PackageListing>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Takes down the files of one package as they are read.
#[derive(Debug, Default)]
pub(in crate::artifact) struct Lister {
    files: Vec<ListedFile>,
    left_out: u64,
    bytes: u64,
}

impl Lister {
    pub(in crate::artifact) fn visit(&mut self, entry: &PackagedFile) {
        if entry.kind == EntryKind::File {
            self.bytes = self.bytes.saturating_add(entry.size);
        }
        if self.files.len() == MOST_FILES {
            self.left_out += 1;
            return;
        }
        let kind = match entry.kind {
            EntryKind::File => '-',
            EntryKind::Folder => 'd',
            EntryKind::Symlink => 'l',
            EntryKind::HardLink => 'h',
            EntryKind::Special => '?',
        };
        let capabilities = capabilities(&entry.capabilities);
        let notes = [
            if entry.is_config { "configuration file" } else { "" },
            if entry.is_ghost { "not in the package itself" } else { "" },
            &capabilities,
        ];
        let notes: Vec<&str> = notes.into_iter().filter(|note| !note.is_empty()).collect();
        self.files.push(ListedFile {
            path: short(&String::from_utf8_lossy(&entry.path)),
            kind,
            mode: entry.mode,
            owner: short(&format!("{}:{}", entry.owner, entry.group)),
            size: entry.size,
            link: short(&String::from_utf8_lossy(&entry.link)),
            note: short(&notes.join(", ")),
        });
    }

    /// `path` is the package, `texts` are what its head says.
    pub(super) fn finish(self, path: &Path, facts: &Facts, texts: Texts) -> PackageListing {
        let Texts { relations, attributes, .. } = texts;
        let Lister { mut files, left_out, bytes } = self;
        for (path, owner, said) in attributes {
            let path = String::from_utf8_lossy(&path);
            for file in files.iter_mut().filter(|file| file.path == path) {
                file.owner = owner.clone().unwrap_or_else(|| std::mem::take(&mut file.owner));
                file.note = said.clone().unwrap_or_else(|| std::mem::take(&mut file.note));
            }
        }
        let (mut listed, mut relations_left_out) = (BTreeMap::new(), 0);
        for (kind, all) in relations {
            relations_left_out += all.len().saturating_sub(MOST_RELATIONS) as u64;
            let one = |one: Related| ListedRelation {
                name: short(&one.name),
                text: short(&one.text.replace(OWN_VERSION, &facts.version)),
                is_generated: one.is_generated,
            };
            listed.insert(kind, all.into_iter().take(MOST_RELATIONS).map(one).collect());
        }
        PackageListing {
            file_name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            name: facts.name.clone(),
            version: facts.version.clone(),
            format: facts.format,
            relations: listed,
            relations_left_out,
            files,
            files_left_out: left_out,
            installed_bytes: bytes,
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

impl PackageListing {
    /// Writes what there is to know of the packages in `folder`.
    ///
    /// # Errors
    /// Those of the disk.
    pub(crate) fn write(packages: Vec<PackageListing>, folder: &Path) -> io::Result<()> {
        let json = serde_json::to_vec(&Document { schema: SCHEMA, packages })?;
        // Who would not read it need not have it.
        if json.len() as u64 > LARGEST { Ok(()) } else { std::fs::write(folder.join(LISTING_FILE), json) }
    }

    /// What is noted of the packages in `folder`; nothing where an earlier farm made them.
    pub fn read(folder: &Path) -> Vec<PackageListing> {
        let read = || -> Option<Document> {
            let file = File::open(folder.join(LISTING_FILE)).ok()?;
            let document: Document = serde_json::from_reader(BufReader::new(file.take(LARGEST))).ok()?;
            (document.schema == SCHEMA).then_some(document)
        };
        read().map(|document| document.packages).unwrap_or_default()
    }
}
