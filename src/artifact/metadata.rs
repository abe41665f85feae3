//! Files that tell of packages: .changes (deb-changes(5)) and .buildinfo (deb-buildinfo(5)). Whoever uploads a build
//! believes them, so they name exactly what is there, with right sizes and sums.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::check::finding;
use super::{Artifact, ArtifactError, Finding, Severity, malformed, package_format};
use crate::formats::deb822;

/// They list a few hundred files, and a .buildinfo some thousand packages, at most.
const LARGEST: u64 = 4 << 20;

/// Sums of a file, in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) md5: String,
    pub(super) sha1: String,
}

/// Fields with sums, and how many words stand between a size and a name.
const CHANGES: &[(&str, usize)] = &[("Checksums-Sha1", 0), ("Checksums-Sha256", 0), ("Files", 2)];
const BUILDINFO: &[(&str, usize)] = &[("Checksums-Md5", 0), ("Checksums-Sha1", 0), ("Checksums-Sha256", 0)];

/// Whether it is a file of this kind.
pub(super) fn is_metadata(file_name: &str) -> bool {
    file_name.ends_with(".changes") || file_name.ends_with(".buildinfo")
}

/// Whether the file at `path` lists what is beside it, as it is. A .changes names everything else, a .buildinfo packages.
pub(super) fn check(path: &Path, beside: &[(Artifact, Sums)]) -> Result<Vec<Finding>, ArtifactError> {
    let own_name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_changes = own_name.ends_with(".changes");
    let text = read(path)?;
    let paragraph = deb822::only_paragraph(&text).map_err(|reason| malformed(path, format!("it {reason}")))?;
    let mut findings = Vec::new();
    let rule = if is_changes { "changes-mismatch" } else { "buildinfo-mismatch" };
    let mut mismatch = |message| findings.push(finding(Severity::Error, &own_name, rule, message));
    for (field, between) in if is_changes { CHANGES } else { BUILDINFO } {
        let list = match deb822::field(paragraph, field) {
            Some(list) => list,
            // Older tools write no MD5 into a .buildinfo, newer ones may leave it out.
            None if *field != "Checksums-Sha256" => continue,
            None => return Err(malformed(path, format!("it has no {field}"))),
        };
        let mut listed: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
        for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let wrong = || malformed(path, format!("its {field} has the line `{line}`"));
            if words.len() != 3 + between {
                return Err(wrong());
            }
            let name = words[words.len() - 1];
            if listed.insert(name, (words[0], words[1])).is_some() {
                return Err(malformed(path, format!("its {field} lists {name} twice")));
            }
        }
        for (artifact, sums) in beside {
            let name = artifact.file_name.as_str();
            let is_own = name == own_name;
            let is_wanted = if is_changes { !name.ends_with(".changes") } else { package_format(name).is_some() };
            let sum = match *field {
                "Checksums-Sha1" => &sums.sha1,
                "Checksums-Sha256" => &artifact.sha256,
                _ => &sums.md5,
            };
            match listed.remove(name) {
                Some(_) if is_own => mismatch(format!("lists itself in {field}")),
                Some((found, size)) if found == sum && size == artifact.size_bytes.to_string() => {}
                Some(_) => mismatch(format!("lists {name} with another size or sum in {field} than it has")),
                None if is_wanted && !is_own => mismatch(format!("does not list {name} in {field}")),
                None => {}
            }
        }
        for name in listed.into_keys() {
            mismatch(format!("lists {name} in {field}, which is not there"));
        }
    }
    Ok(findings)
}

fn read(path: &Path) -> Result<String, ArtifactError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text));
    match read {
        Ok(_) if text.len() as u64 > LARGEST => Err(malformed(path, format!("it has more than {LARGEST} bytes"))),
        Ok(_) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(malformed(path, "it is not UTF-8".to_owned())),
        Err(source) => Err(ArtifactError::Io { path: path.to_owned(), source }),
    }
}
