//! Contents indices from an archive into the cache: by hash, each only until the compact index of all is made. What
//! they say is read elsewhere.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::build::{Source, build};
use super::{Contents, FORMAT};
use crate::archive::release::{IndexEntry, Release};
use crate::archive::{ArchiveError, COMPRESSIONS, Named, Reader, Suite, being_updated, blocking, urls, verified};
use crate::cache::touch;
use crate::types::Progress;

/// For what an archive does not list unpacked. Debian sid's has less than 1 GB.
const LARGEST_CONTENTS: u64 = 8 << 30;

pub(in crate::archive) const STALE: &str = "its mirror has Contents indexes of another day than the signed Release file: they are believed all the \
                     same, and nothing but the build will tell whether a package has what they say";

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
    /// It is of the main suite.
    main: bool,
}

impl Reader {
    /// What the packages of these suites for `arch` (Debian's name) hold. A suite without Contents indices is passed
    /// over, unless none of them has any; what Debian's security suites list is empty, and not fetched. The first
    /// time for some state of the archive takes a download of tens of megabytes and seconds of work, later times
    /// neither.
    /// Few notice when a mirror has an old one of these (see [`Suite::tolerate_stale_contents`]): of suites beside the
    /// main one it is passed over, with a warning.
    /// Warnings, and those of an expired InRelease that is tolerated, go to `warn`.
    pub(crate) async fn contents(
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
            let releases: Vec<_> = releases.into_iter().map(|(release, _)| release).collect();
            match self.contents_of(suites, &releases, arch, progress, warn, cancel).await {
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
        warn: &(dyn Fn(String) + Sync),
        cancel: &CancellationToken,
    ) -> Result<Contents, ArchiveError> {
        let of_suite = |(number, (suite, release))| listed(suite, release, arch, number == 0);
        let mut listed: Vec<Listed<'_>> = suites.iter().zip(releases).enumerate().flat_map(of_suite).collect();
        if listed.is_empty() {
            let of: Vec<String> = suites.iter().map(|suite| suite.address().to_string()).collect();
            return Err(ArchiveError::Absent { what: format!("Contents-{arch} of {}", of.join(", ")) });
        }
        if let Some(contents) = self.load(&listed, arch).await? {
            return Ok(contents);
        }
        let stale = suites.iter().any(|suite| suite.tolerate_stale_contents);
        // Those that can be missed, which are small, come first: without one of them the index may be there already.
        let (main, others): (Vec<_>, Vec<_>) = listed.into_iter().partition(|listed| listed.main);
        let fetched = self.contents_files(&others, progress, cancel).await;
        listed = main;
        let mut sources = Vec::new();
        for (listed_one, fetched) in others.into_iter().zip(fetched) {
            match fetched {
                Ok(source) => {
                    listed.push(listed_one);
                    sources.extend(source);
                }
                Err(error) if being_updated(&error) => warn(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        if let Some(contents) = self.load(&listed, arch).await? {
            return Ok(contents);
        }
        if stale && let Some(contents) = self.load_from(&self.stale(&listed, arch), arch).await? {
            warn(STALE.to_owned());
            return Ok(contents);
        }
        let main: Vec<&Listed<'_>> = listed.iter().filter(|listed| listed.main).collect();
        let mut index = self.compact(&listed, arch);
        for (one, fetched) in main.iter().zip(self.contents_files(main.iter().copied(), progress, cancel).await) {
            match fetched {
                Ok(source) => sources.extend(source),
                Err(error) if stale && being_updated(&error) => {
                    sources.push(self.stale_file(one, progress, cancel).await?);
                    warn(STALE.to_owned());
                    index = self.stale(&listed, arch);
                }
                Err(error) => return Err(error),
            }
        }
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

    /// Where the compact index of these is, once it has been made.
    fn compact(&self, listed: &[Listed<'_>], arch: &str) -> PathBuf {
        self.folder().join("contents").join(format!("{}.index", name(listed, arch)))
    }

    /// The same, when some of them were not the ones that are listed.
    fn stale(&self, listed: &[Listed<'_>], arch: &str) -> PathBuf {
        self.compact(listed, arch).with_extension("stale")
    }

    async fn load(&self, listed: &[Listed<'_>], arch: &str) -> Result<Option<Contents>, ArchiveError> {
        self.load_from(&self.compact(listed, arch), arch).await
    }

    async fn load_from(&self, path: &Path, arch: &str) -> Result<Option<Contents>, ArchiveError> {
        let (path, arch) = (path.to_owned(), arch.to_owned());
        touch(&path);
        blocking(move || Ok(Contents::load(&path, &arch))).await
    }

    async fn contents_files<'a>(
        &self,
        listed: impl IntoIterator<Item = &'a Listed<'a>>,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Vec<Result<Option<Source>, ArchiveError>> {
        // Collected first: see `download`.
        let each: Vec<_> = listed.into_iter().map(|listed| self.contents_file(listed, progress, cancel)).collect();
        futures_util::future::join_all(each).await
    }

    /// None for one that is listed as empty.
    async fn contents_file(
        &self,
        listed: &Listed<'_>,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Option<Source>, ArchiveError> {
        let Listed { suite, release, plain, suffix, entry, largest, of_suite, .. } = listed;
        if *largest == 0 {
            return Ok(None);
        }
        let path = self.pooled(&entry.sha256, &format!(".contents{suffix}"));
        let file = plain.rsplit('/').next().unwrap_or(plain);
        // Left by a run that was interrupted.
        if !verified(&path, &entry.sha256).await {
            let urls = urls(suite, release, plain, suffix, entry);
            let progress = Named { progress, name: format!("{} {file}", suite.suite) };
            self.fetcher.to_file_capped(&urls, Some(&entry.sha256), entry.size, &path, &progress, cancel).await?;
        }
        let components = of_suite.then(|| suite.components.clone());
        Ok(Some(Source { path, suffix, largest: *largest, components }))
    }

    /// Whatever the mirror has under the file's name.
    async fn stale_file(
        &self,
        listed: &Listed<'_>,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Source, ArchiveError> {
        let Listed { suite, plain, suffix, entry, .. } = listed;
        let path = self.pooled(&entry.sha256, &format!(".stale-contents{suffix}"));
        let urls = [suite.address().join(&format!("{plain}{suffix}")).secret().to_owned()];
        let progress = Named { progress, name: format!("{} contents", suite.suite) };
        // About as large as the one that is listed.
        self.fetcher.to_file_capped(&urls, None, entry.size.saturating_mul(2), &path, &progress, cancel).await?;
        let components = listed.of_suite.then(|| suite.components.clone());
        Ok(Source { path, suffix, largest: listed.largest.saturating_mul(2), components })
    }
}

/// The Contents indices that a suite has for an architecture.
fn listed<'a>(suite: &'a Suite, release: &'a Release, arch: &str, main: bool) -> Vec<Listed<'a>> {
    let find = |folder: &str, of_suite: bool| -> Vec<Listed<'a>> {
        let plain = [format!("{folder}Contents-{arch}"), format!("{folder}Contents-all")];
        let find = |plain: String| {
            let (suffix, entry) = COMPRESSIONS
                .iter()
                .find_map(|suffix| Some((*suffix, release.files.get(&format!("{plain}{suffix}"))?)))?;
            let largest = release.files.get(&plain).map_or(LARGEST_CONTENTS, |content| content.size);
            Some(Listed { suite, release, plain, suffix, entry, largest, of_suite, main })
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
    use super::*;
    use crate::archive::Owner;
    use crate::archive::testing::{Archive, gz, hash, skipped};
    use crate::capability::Capability;
    use crate::fetch::{FetchError, Fetcher};
    use crate::types::NoProgress;

    fn suite(archive: &Archive, components: &[&str]) -> Suite {
        Suite {
            archive: "debian".to_owned(),
            mirror: archive.url().into(),
            suite: "sid".to_owned(),
            components: components.iter().map(|component| (*component).to_owned()).collect(),
            keyrings: vec![archive.signer.keyring()],
            tolerate_expired: false,
            owner: Owner::Distribution,
            tolerate_stale_contents: false,
            held: None,
        }
    }

    async fn read(archive: &Archive, cache: &Path, components: &[&str]) -> Result<Contents, ArchiveError> {
        let reader = Reader { fetcher: Fetcher::new()?, cache: cache.to_owned() };
        let suites = [suite(archive, components)];
        reader.contents(&suites, "amd64", &NoProgress, &|_| {}, &CancellationToken::new()).await
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
    async fn what_a_mirror_has_not_of_a_further_suite_is_passed_over() {
        let Some(archive) = Archive::new() else { return skipped() };
        archive.publish_with("", &[("main/Contents-amd64", "usr/bin/x  utils/x\n")]);
        let cache = tempfile::tempdir().unwrap();
        let reader = Reader { fetcher: Fetcher::new().unwrap(), cache: cache.path().to_owned() };
        let suite = suite(&archive, &["main"]);
        let warnings = std::sync::Mutex::new(Vec::new());
        let warn = |warning: String| warnings.lock().unwrap().push(warning);
        let read = async |further: Suite| {
            let suites = [suite.clone(), further];
            reader.contents(&suites, "amd64", &NoProgress, &warn, &CancellationToken::new()).await
        };
        // The same release, in which a file of another content is listed.
        let Some(other) = Archive::new() else { return skipped() };
        other.publish_with("", &[("main/Contents-amd64", "usr/bin/y  utils/y\n")]);
        other.write("dists/sid/main/Contents-amd64.gz", b"old");
        let further = Suite { archive: "other".to_owned(), ..self::suite(&other, &["main"]) };
        for _ in 0..2 {
            let contents = read(further.clone()).await.unwrap();
            assert_eq!((packages(&contents, "/usr/bin/x"), packages(&contents, "/usr/bin/y")), ("x".into(), "".into()));
            // The second time, nothing of the main suite is fetched.
            archive.write("dists/sid/main/Contents-amd64.gz", b"gone");
        }
        let warnings = warnings.into_inner().unwrap();
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].contains("has another content"), "{warnings:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_old_index_is_believed_by_those_who_say_so_and_until_the_release_changes() {
        let Some(archive) = Archive::new() else { return skipped() };
        archive.publish_with("", &[("main/Contents-amd64", "usr/bin/x  utils/new\n")]);
        archive.write("dists/sid/main/Contents-amd64.gz", &gz("usr/bin/x  utils/old\n"));
        let cache = tempfile::tempdir().unwrap();
        assert!(read(&archive, cache.path(), &["main"]).await.is_err());
        let suites = [Suite { tolerate_stale_contents: true, ..suite(&archive, &["main"]) }];
        let reader = Reader { fetcher: Fetcher::new().unwrap(), cache: cache.path().to_owned() };
        let warnings = std::sync::Mutex::new(Vec::new());
        let warn = |warning: String| warnings.lock().unwrap().push(warning);
        for _ in 0..2 {
            let contents = reader.contents(&suites, "amd64", &NoProgress, &warn, &CancellationToken::new()).await;
            assert_eq!(packages(&contents.unwrap(), "/usr/bin/x"), "old");
            std::fs::write(archive.folder.path().join("dists/sid/main/Contents-amd64.gz"), "gone").unwrap();
        }
        assert_eq!(warnings.into_inner().unwrap(), [STALE, STALE]);
        assert!(read(&archive, cache.path(), &["main"]).await.is_err(), "nobody else is given it");
        archive.publish_with("", &[("main/Contents-amd64", "usr/bin/x  utils/newest\n")]);
        assert_eq!(packages(&read(&archive, cache.path(), &["main"]).await.unwrap(), "/usr/bin/x"), "newest");
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
