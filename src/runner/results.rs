//! A job's results on their way out of its container: a tar stream that the build controls, unpacked into one flat
//! folder. Only regular files with plain names get through; whether they are good packages is `artifact`'s question.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::outcome::{finding, is_disk_full};
use crate::artifact::{self, Finding};
use crate::attest;
use crate::source;
use crate::stream::holes::Sparse;
use crate::types::printable;

/// Far more files and bytes than any package set has, few enough not to fill a disk unnoticed.
const MOST_FILES: usize = 2000;
const MOST_BYTES: u64 = 64 << 30;

/// Names that a target's folder uses for itself.
const RESERVED: [&str; 7] = [
    "build.log",
    "job.json",
    "SHA256SUMS",
    "broken",
    source::MODULES_LIST,
    attest::INPUTS_FILE,
    artifact::LISTING_FILE,
];

#[derive(Debug)]
pub(crate) enum ReceiveError {
    /// The stream broke, or is no tar.
    Stream(io::Error),
    /// Something in it that no result may be.
    Refused(Vec<Finding>),
    DiskFull(PathBuf),
    Io(PathBuf, io::Error),
}

/// Unpacks `tar`, whose entries lie below one folder, into `folder`, and returns the files written, sorted. Blocking.
pub(crate) fn receive(tar: impl Read, folder: &Path) -> Result<Vec<PathBuf>, ReceiveError> {
    let mut archive = tar::Archive::new(tar);
    let mut files = Vec::new();
    let mut findings = Vec::new();
    let mut total = 0u64;
    for entry in archive.entries().map_err(ReceiveError::Stream)? {
        let mut entry = entry.map_err(ReceiveError::Stream)?;
        let path = entry.path_bytes().into_owned();
        let kind = entry.header().entry_type();
        let name = match result_name(&path) {
            Ok(None) if kind.is_dir() => continue,
            Ok(Some(name)) if kind.is_file() => name,
            Ok(_) => {
                let what = shown(&path);
                findings.push(finding(&what, "unexpected-result", format!("{what} is no regular file ({kind:?})")));
                continue;
            }
            Err(reason) => {
                let what = shown(&path);
                findings.push(finding(&what, "unexpected-result", format!("{what} {reason}")));
                continue;
            }
        };
        total = total.saturating_add(entry.size());
        if files.len() == MOST_FILES || total > MOST_BYTES {
            let message = format!("more than {MOST_FILES} files or {} GiB of results", MOST_BYTES >> 30);
            findings.push(finding("", "too-many-results", message));
            break;
        }
        let place = folder.join(&name);
        copy(&mut entry, &place)?;
        files.push(place);
    }
    if !findings.is_empty() {
        return Err(ReceiveError::Refused(findings));
    }
    files.sort();
    Ok(files)
}

/// Removes what an attempt left in `folder`; the log stays. Blocking.
pub(crate) fn clear(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name() != "build.log" {
            // What cannot be removed fails the next attempt, which says so with its name.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The file name in `results/NAME`; none for the folder itself.
fn result_name(path: &[u8]) -> Result<Option<String>, &'static str> {
    let text = std::str::from_utf8(path).map_err(|_| "has a name that is not UTF-8")?;
    let mut parts = text.split('/').filter(|part| !part.is_empty() && *part != ".");
    parts.next();
    let Some(name) = parts.next() else { return Ok(None) };
    if parts.next().is_some() {
        return Err("lies in a folder of its own");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || ".+~_-^%:".contains(c);
    if name.starts_with(['.', '-']) || name.len() > 255 || !name.chars().all(plain) {
        return Err("has a name that no package has");
    }
    // Compared as a disk does that ignores case.
    if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return Err("has a name that farm uses itself");
    }
    Ok(Some(name.to_owned()))
}

fn shown(path: &[u8]) -> String {
    let text = printable(&String::from_utf8_lossy(path));
    text.chars().take(200).collect()
}

/// Copies by hand to know whose fault an error is: the stream's or the disk's.
fn copy(from: &mut impl Read, place: &Path) -> Result<(), ReceiveError> {
    let failed = |error: io::Error| match error.kind() {
        kind if is_disk_full(kind) => ReceiveError::DiskFull(place.to_owned()),
        io::ErrorKind::AlreadyExists => {
            let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let message = format!("{name} comes twice");
            ReceiveError::Refused(vec![finding(&name, "unexpected-result", message)])
        }
        _ => ReceiveError::Io(place.to_owned(), error),
    };
    let mut file = Sparse::new(File::create_new(place).map_err(failed)?);
    let mut buffer = vec![0; 32 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return file.finish().map(drop).map_err(failed),
            Ok(count) => file.write_all(&buffer[..count]).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ReceiveError::Stream(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tar::EntryType;

    use super::*;

    /// A tar with entries under exactly these names, which tar's own writer would refuse.
    fn tar_of(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            let is_file = *kind == EntryType::Regular;
            header.set_size(if is_file { content.len() as u64 } else { 0 });
            if !is_file && !content.is_empty() {
                header.set_link_name_literal(content).unwrap();
            }
            header.set_cksum();
            builder.append(&header, if is_file { content.as_bytes() } else { b"" }).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn receive_all(entries: &[(&str, EntryType, &str)]) -> (tempfile::TempDir, Result<Vec<PathBuf>, ReceiveError>) {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let result = receive(tar_of(entries).as_slice(), &inner);
        (folder, result)
    }

    #[test]
    fn flat_regular_files_arrive() {
        let (_folder, result) = receive_all(&[
            ("results/", EntryType::Directory, ""),
            ("results/hello_2.10-1~deb12_amd64.deb", EntryType::Regular, "deb"),
            ("./results/a-1.rpm", EntryType::Regular, "rpm"),
        ]);
        let files = result.unwrap();
        let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a-1.rpm", "hello_2.10-1~deb12_amd64.deb"]);
        assert_eq!(std::fs::read(&files[1]).unwrap(), b"deb");
    }

    #[test]
    fn nothing_gets_out_of_the_folder() {
        let hostile = [
            ("results/../../escaped", EntryType::Regular, "x"),
            ("results/..", EntryType::Regular, "x"),
            ("/results/../escaped", EntryType::Regular, "x"),
            ("results/sub/a.deb", EntryType::Regular, "x"),
            ("results/link.deb", EntryType::Symlink, "/etc/passwd"),
            ("results/hard.deb", EntryType::Link, "../../etc/passwd"),
            ("results/fifo", EntryType::Fifo, ""),
            ("results/device", EntryType::Char, ""),
            ("results/sub", EntryType::Directory, ""),
            ("results/build.log", EntryType::Regular, "x"),
            ("results/sha256sums", EntryType::Regular, "x"),
            ("results/.hidden", EntryType::Regular, "x"),
            ("results/new\nline", EntryType::Regular, "x"),
            ("results/a\\b", EntryType::Regular, "x"),
        ];
        for entry in hostile {
            let (folder, result) = receive_all(&[entry]);
            let Err(ReceiveError::Refused(findings)) = result else { panic!("{entry:?} gave {result:?}") };
            assert_eq!(findings.len(), 1);
            assert!(!findings[0].message.contains('\n'), "{findings:?}");
            let outside: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
            assert_eq!(outside.len(), 1, "{entry:?}");
            assert_eq!(std::fs::read_dir(folder.path().join("inner")).unwrap().count(), 0, "{entry:?}");
        }
    }

    #[test]
    fn a_file_that_comes_twice_is_refused() {
        let entry = ("results/a.deb", EntryType::Regular, "x");
        assert!(matches!(receive_all(&[entry, entry]).1, Err(ReceiveError::Refused(_))));
    }

    #[test]
    fn a_broken_stream_is_not_the_packages_fault() {
        let folder = tempfile::tempdir().unwrap();
        let whole = tar_of(&[("results/a.deb", EntryType::Regular, &"x".repeat(5000))]);
        assert!(matches!(receive(&whole[..3000], folder.path()), Err(ReceiveError::Stream(_))));
    }
}
