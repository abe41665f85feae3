//! Contents indices from an archive into the cache: by hash, each only until the compact index of all is made. What
//! they say is read elsewhere.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::build::{Source, build};
use super::{Contents, FORMAT};
use crate::archive::release::{IndexEntry, Release};
use crate::archive::{ArchiveError, COMPRESSIONS, Named, Reader, Suite, being_updated, blocking, urls, verified};
use crate::types::Progress;

/// For what an archive does not list unpacked. Debian sid's has less than 1 GB.
const LARGEST_CONTENTS: u64 = 8 << 30;

/// A Contents index that a suite has.
struct Listed<'a> {
    suite: &'a Suite,
    release: &'a Release,
    /// Without the suffix of its compression.
    plain: String,
    suffix: &'static str,
    entry: &'a IndexEntry,
    largest: u64,
    /// It is of the whole suite, as Ubuntu has it, and not of one component.
    of_suite: bool,
}

impl Reader {
    /// What the packages of these suites for `arch` (Debian's name) hold. A suite without Contents indices is passed
    /// over, unless none of them has any; what Debian's security suites list is empty, and not fetched. The first
    /// time for some state of the archive takes a download of tens of megabytes and seconds of work, later times
    /// neither.
    /// Warnings (an expired InRelease that is tolerated) go to `warn`.
    pub async fn contents(
        &self,
        suites: &[Suite],
        arch: &str,
        progress: &dyn Progress,
        warn: &(dyn Fn(String) + Sync),
        cancel: &CancellationToken,
    ) -> Result<Contents, ArchiveError> {
        let mut again = true;
        loop {
            let releases = suites.iter().map(|suite| self.release(suite, warn, cancel));
            let releases = futures_util::future::try_join_all(releases).await?;
            match self.contents_of(suites, &releases, arch, progress, cancel).await {
                Err(error) if again && being_updated(&error) => {
                    again = false;
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
                result => return result,
            }
        }
    }

    async fn contents_of(
        &self,
        suites: &[Suite],
        releases: &[Release],
        arch: &str,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Contents, ArchiveError> {
        let listed: Vec<Listed<'_>> =
            suites.iter().zip(releases).flat_map(|(suite, release)| listed(suite, release, arch)).collect();
        if listed.is_empty() {
            let of: Vec<String> =
                suites.iter().map(|suite| format!("{}/dists/{}", suite.mirror, suite.suite)).collect();
            return Err(ArchiveError::Absent { what: format!("Contents-{arch} of {}", of.join(", ")) });
        }
        let index = self.folder().join("contents").join(format!("{}.index", name(&listed, arch)));
        let (path, its_arch) = (index.clone(), arch.to_owned());
        if let Some(contents) = blocking(move || Ok(Contents::load(&path, &its_arch))).await? {
            return Ok(contents);
        }
        // Collected first: see `download`.
        let each = listed.iter().filter(|listed| listed.largest > 0);
        let each: Vec<_> = each.map(|listed| self.contents_file(listed, progress, cancel)).collect();
        let sources = futures_util::future::try_join_all(each).await?;
        let (arch, cancel) = (arch.to_owned(), cancel.clone());
        blocking(move || {
            let bytes = match build(&sources, &arch, &cancel) {
                Ok(bytes) => bytes,
                // Another run that was done first has removed the files, and left the index.
                Err(error) => return Contents::load(&index, &arch).ok_or(error),
            };
            write(&index, &bytes).map_err(|source| ArchiveError::Io { path: index.clone(), source })?;
            for source in &sources {
                let _ = std::fs::remove_file(&source.path);
            }
            Contents::from_bytes(bytes, &arch).ok_or_else(|| ArchiveError::Untrusted {
                what: index.display().to_string(),
                reason: "it does not read as it was written".to_owned(),
            })
        })
        .await
    }

    async fn contents_file(
        &self,
        listed: &Listed<'_>,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Source, ArchiveError> {
        let Listed { suite, release, plain, suffix, entry, largest, of_suite } = listed;
        let path = self.pooled(&entry.sha256, &format!(".contents{suffix}"));
        let file = plain.rsplit('/').next().unwrap_or(plain);
        // Left by a run that was interrupted.
        if !verified(&path, &entry.sha256).await {
            let urls = urls(suite, release, plain, suffix, entry);
            let progress = Named { progress, name: format!("{} {file}", suite.suite) };
            self.fetcher.to_file_capped(&urls, Some(&entry.sha256), entry.size, &path, &progress, cancel).await?;
        }
        let components = of_suite.then(|| suite.components.clone());
        Ok(Source { path, suffix, largest: *largest, components })
    }
}

/// The Contents indices that a suite has for an architecture.
fn listed<'a>(suite: &'a Suite, release: &'a Release, arch: &str) -> Vec<Listed<'a>> {
    let find = |folder: &str, of_suite: bool| -> Vec<Listed<'a>> {
        let plain = [format!("{folder}Contents-{arch}"), format!("{folder}Contents-all")];
        let find = |plain: String| {
            let (suffix, entry) = COMPRESSIONS
                .iter()
                .find_map(|suffix| Some((*suffix, release.files.get(&format!("{plain}{suffix}"))?)))?;
            let largest = release.files.get(&plain).map_or(LARGEST_CONTENTS, |content| content.size);
            Some(Listed { suite, release, plain, suffix, entry, largest, of_suite })
        };
        plain.into_iter().filter_map(find).collect()
    };
    let components: Vec<_> =
        suite.components.iter().flat_map(|component| find(&format!("{component}/"), false)).collect();
    if components.is_empty() { find("", true) } else { components }
}

/// A digest of all that the compact index depends on.
fn name(listed: &[Listed<'_>], arch: &str) -> String {
    let mut lines: Vec<String> = listed
        .iter()
        .map(|listed| match listed.of_suite {
            true => format!("{} {}\n", listed.entry.sha256, listed.suite.components.join(" ")),
            false => format!("{}\n", listed.entry.sha256),
        })
        .collect();
    lines.sort();
    lines.dedup();
    hex::encode(Sha256::digest(format!("contents {FORMAT} {arch}\n{}", lines.concat())))
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::archive::testing::{Archive, gz, hash, skipped};
    use crate::capability::Capability;
    use crate::fetch::{FetchError, Fetcher};
    use crate::types::NoProgress;

    async fn read(archive: &Archive, cache: &Path, components: &[&str]) -> Result<Contents, ArchiveError> {
        let suite = Suite {
            archive: "debian".to_owned(),
            mirror: archive.url(),
            suite: "sid".to_owned(),
            components: components.iter().map(|component| (*component).to_owned()).collect(),
            keyrings: vec![archive.signer.keyring()],
            tolerate_expired: false,
        };
        let reader = Reader { fetcher: Fetcher::new()?, cache: cache.to_owned() };
        reader.contents(&[suite], "amd64", &NoProgress, &|_| {}, &CancellationToken::new()).await
    }

    fn packages(contents: &Contents, capability: &str) -> String {
        let providers = contents.providers(&Capability::parse(capability).unwrap());
        providers.into_iter().map(|provider| provider.package).collect::<Vec<_>>().join(" ")
    }

    /// The files of a cache, but for InRelease files.
    fn cached(cache: &Path) -> Vec<PathBuf> {
        let mut folders = vec![cache.join("archive")];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir().unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("InRelease") {
                    files.push(path);
                }
            }
        }
        files
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_archive_is_read_once_and_a_rotten_index_is_made_anew() {
        let Some(archive) = Archive::new() else { return skipped() };
        let of_arch = "usr/lib/x86_64-linux-gnu/pkgconfig/zlib.pc  libdevel/zlib1g-dev\n";
        let files = [("main/Contents-amd64", of_arch), ("main/Contents-all", "usr/bin/help2man  devel/help2man\n")];
        archive.publish_with("", &files);
        let cache = tempfile::tempdir().unwrap();
        let contents = read(&archive, cache.path(), &["main", "contrib"]).await.unwrap();
        assert_eq!(packages(&contents, "pkgconfig(zlib)"), "zlib1g-dev");
        assert_eq!(packages(&contents, "/usr/bin/help2man"), "help2man");

        let [index] = &cached(cache.path())[..] else { panic!("the index, and nothing else") };
        let bytes = std::fs::read(index).unwrap();
        for damaged in [&bytes[..bytes.len() - 1], &[&bytes[..60], b"rot", &bytes[63..]].concat()] {
            std::fs::write(index, damaged).unwrap();
            let contents = read(&archive, cache.path(), &["main"]).await.unwrap();
            assert_eq!(packages(&contents, "pkgconfig(zlib)"), "zlib1g-dev");
            assert_eq!(std::fs::read(index).unwrap(), bytes);
        }
        let unpublish = |path: &str| {
            std::fs::remove_file(archive.folder.path().join(format!("dists/sid/{path}.gz"))).unwrap();
        };
        files.iter().for_each(|(path, _)| unpublish(path));
        assert_eq!(packages(&read(&archive, cache.path(), &["main"]).await.unwrap(), "/usr/bin/help2man"), "help2man");

        archive.publish_with("", &[("main/Contents-amd64", "")]);
        unpublish("main/Contents-amd64");
        let contents = read(&archive, cache.path(), &["main"]).await.unwrap();
        assert_eq!(packages(&contents, "/usr/bin/help2man"), "", "an empty one is not even asked for");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_index_of_the_whole_suite_is_read_for_its_components() {
        let Some(archive) = Archive::new() else { return skipped() };
        archive.publish_with("", &[("Contents-amd64", "usr/bin/x  utils/x,universe/utils/y\n")]);
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(packages(&read(&archive, cache.path(), &["main"]).await.unwrap(), "/usr/bin/x"), "x");
        let both = read(&archive, cache.path(), &["main", "universe"]).await.unwrap();
        assert_eq!(packages(&both, "/usr/bin/x"), "x y", "another set of components is another index");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_index_is_also_found_under_its_hash_alone() {
        let Some(archive) = Archive::new() else { return skipped() };
        let text = "usr/bin/x  utils/x\n";
        archive.publish_with("Acquire-By-Hash: yes\n", &[("main/Contents-amd64", text)]);
        let path = archive.folder.path().join("dists/sid/main/Contents-amd64.gz");
        archive.write(&format!("dists/sid/main/by-hash/SHA256/{}", hash(&gz(text))), &gz(text));
        std::fs::remove_file(path).unwrap();
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(packages(&read(&archive, cache.path(), &["main"]).await.unwrap(), "/usr/bin/x"), "x");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_absent_or_not_as_signed_is_refused() {
        let Some(archive) = Archive::new() else { return skipped() };
        let cache = tempfile::tempdir().unwrap();
        archive.publish("", |release| release);
        let error = read(&archive, cache.path(), &["main"]).await.unwrap_err();
        assert!(matches!(&error, ArchiveError::Absent { what } if what.starts_with("Contents-amd64 of ")), "{error}");

        archive.publish_with("", &[("main/Contents-amd64", "usr/bin/x  utils/x\n")]);
        let mut packed = gz("usr/bin/x  utils/x\n");
        packed[4] ^= 1;
        archive.write("dists/sid/main/Contents-amd64.gz", &packed);
        let error = read(&archive, cache.path(), &["main"]).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Fetch(FetchError::Mismatch { .. })), "{error}");
    }
}
