//! Source packages of an archive: its `Sources` indexes, which the signed Release file vouches for as it does for Packages.
//! They are asked for one package by name and version, so they are read through once and nothing is kept of them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::packages::LONGEST_STANZA;
use super::{ArchiveError, Archives, COMPRESSIONS, Components, Reader, Suite, blocking};
use crate::distro::Distro;
use crate::formats::buildinfo::{Sum, sums};
use crate::formats::deb822::field;
use crate::types::{Progress, printable};

/// A source package in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourcePackage {
    /// The archive's name: `debian`.
    pub(crate) archive: String,
    /// Relative to the archive: `pool/main/h/hello`.
    pub(crate) folder: String,
    /// Names and sums of its files, the .dsc among them.
    pub(crate) files: Vec<(String, Sum)>,
}

impl Archives {
    /// The source package of this name and version; none where no suite of the distribution has it now.
    ///
    /// # Errors
    /// Indexes that cannot be had, or trusted.
    pub(crate) async fn source(
        &self,
        distro: &Distro,
        (name, version): (&str, &str),
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Option<SourcePackage>, ArchiveError> {
        for suite in self.suites(distro, Components::All)? {
            let found = self.reader().source(&suite, (name, version), progress, cancel).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

impl Reader {
    async fn source(
        &self,
        suite: &Suite,
        (name, version): (&str, &str),
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Option<SourcePackage>, ArchiveError> {
        let (release, _) = self.release(suite, &|_| (), cancel).await?;
        for component in &suite.components {
            let plain = format!("{component}/source/Sources");
            let listed =
                COMPRESSIONS.iter().find_map(|suffix| Some((*suffix, release.files.get(&format!("{plain}{suffix}"))?)));
            // A mirror, or a suite of updates, may be without sources.
            let Some((suffix, entry)) = listed else { continue };
            let content = release.files.get(&plain);
            let file = self.index_file(suite, &release, &plain, suffix, entry, content, progress, cancel).await?;
            let (name, version, archive) = (name.to_owned(), version.to_owned(), suite.archive.clone());
            let found = blocking(move || {
                let found = find(&file.path, &file.sha256, &name, &version);
                if found.is_err() {
                    // What has rotted in the cache is fetched anew by the next run.
                    let _ = std::fs::remove_file(&file.path);
                }
                found
            });
            if let Some((folder, files)) = found.await? {
                return Ok(Some(SourcePackage { archive, folder, files }));
            }
        }
        Ok(None)
    }
}

type Found = (String, Vec<(String, Sum)>);

/// Reads all of an index, whose content has to have this sum.
fn find(path: &Path, sha256: &str, name: &str, version: &str) -> Result<Option<Found>, ArchiveError> {
    let io = |source| ArchiveError::Io { path: path.to_owned(), source };
    let untrusted = |reason: String| ArchiveError::Untrusted { what: path.display().to_string(), reason };
    let mut reader = BufReader::with_capacity(256 * 1024, File::open(path).map_err(io)?);
    let mut hasher = Sha256::new();
    let (mut line, mut stanza, mut found) = (Vec::new(), Vec::new(), None);
    loop {
        line.clear();
        let length = (&mut reader).take(u64::from(LONGEST_STANZA)).read_until(b'\n', &mut line).map_err(io)?;
        hasher.update(&line);
        if length > 0 && line != b"\n" {
            if stanza.len() + line.len() > LONGEST_STANZA as usize {
                return Err(untrusted("a stanza that is too long".to_owned()));
            }
            stanza.extend_from_slice(&line);
            continue;
        }
        if found.is_none() && stanza.starts_with(b"Package: ") {
            let text = std::str::from_utf8(&stanza).map_err(|_| untrusted("a stanza that is not UTF-8".to_owned()))?;
            if field(text, "Package") == Some(name) && field(text, "Version") == Some(version) {
                found = Some(source_package(text).map_err(untrusted)?);
            }
        }
        stanza.clear();
        if length == 0 {
            break;
        }
    }
    match hex::encode(hasher.finalize()) == sha256 {
        true => Ok(found),
        false => Err(untrusted("its content is not what the signed Release file says".to_owned())),
    }
}

/// The error is the reason.
fn source_package(stanza: &str) -> Result<Found, String> {
    let name = printable(field(stanza, "Package").unwrap_or_default());
    let folder = field(stanza, "Directory").unwrap_or_default();
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "+-._~".contains(c))
    };
    if !folder.split('/').all(is_plain) {
        return Err(format!("source package {name} without a proper Directory field"));
    }
    let list = field(stanza, "Checksums-Sha256").unwrap_or_default();
    let files = sums(list).map_err(|_| format!("source package {name} without a proper Checksums-Sha256 field"))?;
    match files.keys().filter(|name| name.ends_with(".dsc")).count() {
        1 => Ok((folder.to_owned(), files.into_iter().collect())),
        _ => Err(format!("source package {name} without one .dsc")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "4d1b3bd2f9b3ebc5bb9cb3a8d9e07c33ba39b24a7b9b8c1ae8b3bd6f2a4b3b3b";

    fn stanza(name: &str, version: &str, more: &str) -> String {
        format!("Package: {name}\nBinary: x\nVersion: {version}\n{more}\n")
    }

    fn found(text: &str) -> Result<Option<Found>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Sources");
        std::fs::write(&path, text).unwrap();
        let sum = hex::encode(Sha256::digest(text));
        find(&path, &sum, "hello", "2.10-3").map_err(|error| error.to_string())
    }

    #[test]
    fn the_version_that_is_asked_for_is_found() {
        let files = format!(
            "Directory: pool/main/h/hello\nChecksums-Sha256:\n {SUM} 10 hello_2.10-3.dsc\n {SUM} 20 a.tar.gz\n"
        );
        let others = stanza("hello", "2.10-2", &files) + &stanza("hello-x", "2.10-3", &files);
        assert_eq!(found(&others), Ok(None));
        let (folder, all) = found(&(others.clone() + &stanza("hello", "2.10-3", &files))).unwrap().unwrap();
        assert_eq!((folder.as_str(), all.len()), ("pool/main/h/hello", 2));
        // The last one, without the end of its line.
        let text = others + &stanza("hello", "2.10-3", &files);
        assert!(found(text.trim_end()).unwrap().is_some());
        for (from, to, why) in [
            ("pool/main", "../..", "Directory"),
            ("20 a.tar.gz", "20 ../a.tar.gz", "Checksums-Sha256"),
            (".dsc", ".txt", "one .dsc"),
        ] {
            let error = found(&stanza("hello", "2.10-3", &files.replace(from, to))).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Sources");
        std::fs::write(&path, stanza("hello", "2.10-3", &files)).unwrap();
        let error = find(&path, SUM, "hello", "2.10-3").unwrap_err().to_string();
        assert!(error.contains("not what the signed Release file says"), "{error}");
    }
}
