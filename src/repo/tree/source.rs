//! Source packages of Debian: a .dsc and the files that it lists (dsc(5)), and what Sources says of them.

use std::fs;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::model::{RepoError, reading, writing};
use super::pool::{check_word, sum_of};
use super::state::Tree;
use crate::formats::{deb822, openpgp};

/// A .dsc lists some files.
const LARGEST: u64 = 1 << 20;
/// What Sources has in words of its own, in lower case.
const REPLACED: [&str; 6] = ["source", "files", "checksums-sha1", "checksums-sha256", "directory", "package"];

/// A source package, as Sources has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) version: String,
    /// Its other fields, as they are written.
    fields: String,
    /// The .dsc first.
    files: Vec<Part>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Part {
    name: String,
    size: u64,
    md5: String,
    sha256: String,
}

/// Reads a .dsc; whoever has signed it is not looked at, because the index is signed by farm.
///
/// # Errors
/// A sentence about what is wrong with it.
pub(super) fn read(path: &Path, name: &str) -> Result<Source, String> {
    if fs::metadata(path).map_err(|error| error.to_string())?.len() > LARGEST {
        return Err("it is unreasonably large".to_owned());
    }
    let content = fs::read(path).map_err(|error| error.to_string())?;
    let text = String::from_utf8(content.clone()).map_err(|_| "it is no text".to_owned())?;
    let text = match text.starts_with("-----BEGIN PGP SIGNED MESSAGE-----") {
        true => openpgp::text_of_cleartext(&text)?,
        false => text,
    };
    let paragraph = deb822::only_paragraph(&text).map_err(|reason| format!("it {reason}"))?;
    let field = |name: &str| deb822::field(paragraph, name).unwrap_or_default();
    let (source, version) = (field("Source").to_owned(), field("Version").to_owned());
    check_word(&source)?;
    check_word(&version)?;
    let mut files = vec![Part {
        name: name.to_owned(),
        size: content.len() as u64,
        md5: hex::encode(Md5::digest(&content)),
        sha256: super::state::sum(&content),
    }];
    let md5 = |wanted: &str| {
        let mut lines = field("Files").lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        lines.find(|words| words.last() == Some(&wanted)).and_then(|words| words.first().map(|sum| (*sum).to_owned()))
    };
    for line in field("Checksums-Sha256").lines().filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [sha256, size, name] = words[..] else { return Err(format!("it has the line `{line}`")) };
        check_word(name)?;
        let size = size.parse().map_err(|_| format!("it has the line `{line}`"))?;
        let md5 = md5(name).ok_or_else(|| format!("its Files does not list {name}"))?;
        files.push(Part { name: name.to_owned(), size, md5, sha256: sha256.to_owned() });
    }
    if files.len() < 2 {
        return Err("it lists no files by SHA256".to_owned());
    }
    Ok(Source { name: source, version, fields: deb822::without_fields(paragraph, &REPLACED), files })
}

impl Source {
    /// Names of the files that it lists, without its own.
    pub(super) fn beside(&self) -> Vec<String> {
        self.files.iter().skip(1).map(|file| file.name.clone()).collect()
    }

    /// Copies what it lists from beside `given` into a folder of the pool, unless it is there: versions share tarballs.
    ///
    /// # Errors
    /// When one is not what it lists, or is there with another content.
    pub(super) fn take_files(&self, tree: &Tree, given: &Path, folder: &Path) -> Result<Result<(), String>, RepoError> {
        fs::create_dir_all(folder).map_err(writing(folder))?;
        for file in self.files.iter().skip(1) {
            let (from, to) = (given.with_file_name(&file.name), folder.join(&file.name));
            if to.exists() {
                if sum_of(&to)?.0 != file.sha256 {
                    return Ok(Err(format!("{} is there with another content", file.name)));
                }
                continue;
            }
            let mut copy = tempfile::NamedTempFile::new_in(tree.new_folder()).map_err(writing(&to))?;
            let mut original = fs::File::open(&from).map_err(reading(&from))?;
            std::io::copy(&mut original, copy.as_file_mut()).map_err(writing(&to))?;
            if sum_of(copy.path())?.0 != file.sha256 {
                return Ok(Err(format!("{} beside it is not the one that it lists", file.name)));
            }
            super::state::readable(copy.as_file()).map_err(writing(&to))?;
            copy.persist(&to).map_err(|error| writing(&to)(error.error))?;
        }
        Ok(Ok(()))
    }

    /// Its paragraph of Sources; `path`: of its .dsc, relative to the tree.
    pub(super) fn paragraph(&self, path: &str) -> String {
        let mut text = String::new();
        deb822::push(&mut text, "Package", &self.name);
        text.push_str(&self.fields);
        let folder = PathBuf::from(path).parent().unwrap_or(Path::new("")).display().to_string();
        deb822::push(&mut text, "Directory", &folder);
        for (field, is_md5) in [("Files", true), ("Checksums-Sha256", false)] {
            text.push_str(&format!("{field}:\n"));
            for Part { name, size, md5, sha256 } in &self.files {
                text.push_str(&format!(" {} {size} {name}\n", if is_md5 { md5 } else { sha256 }));
            }
        }
        text.push('\n');
        text
    }
}
