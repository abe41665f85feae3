//! The read side of apt archives: mirror choice, InRelease verified against keyrings that ship with farm, every file by
//! hash, Packages parsed, dependencies resolved, .debs downloaded in parallel into a cache that all runs share; and
//! which package has a file, from Contents indices.

pub(crate) mod contents;
pub mod mirror;

mod advice;
mod choice;
mod error;
mod index;
mod near;
mod packages;
mod partial;
mod release;
mod resolve;
mod sources;
mod suite;
mod supplied;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::Utc;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

pub(crate) use choice::Choice;
pub use error::ArchiveError;
pub use index::Archives;
pub(crate) use index::{ArchiveIndex, Candidate, Components};
pub(crate) use near::nearest;
pub(crate) use packages::{Index, Package, installed};
pub(crate) use partial::Looked;
pub(crate) use resolve::{additions, minimal_system, unknown};
pub(crate) use suite::{Owner, Suite};
pub(crate) use supplied::{SuppliedPackage, Supplier, supplied};
#[cfg(test)]
pub(crate) use {choice::Chosen, index::suites};

use crate::cache::touch;
use crate::fetch::{FetchError, Fetcher};
use crate::types::{NoProgress, Progress, printable};
use release::{IndexEntry, Release};

const CONNECTIONS: usize = 8;
/// Debian's largest InRelease has 200 kB.
const LARGEST_RELEASE: u64 = 16 << 20;
const COMPRESSIONS: [&str; 4] = [".xz", ".zst", ".gz", ""];

/// Where the read side of archives keeps files, and what fetches them.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Downloads what the cache lacks.
    pub fetcher: Fetcher,
    /// Shared by all runs of a user: every file gets its name by an atomic rename, and has its hash in that name or
    /// is verified when read. Two runs that want the same file at the same time may both fetch it.
    pub cache: PathBuf,
}

impl Reader {
    /// The packages of these suites for `arch` (Debian's name), searched as one. The first suite is the main one.
    /// Warnings (an expired InRelease that is tolerated) go to `warn`.
    pub(crate) async fn index(
        &self,
        suites: &[Suite],
        arch: &str,
        progress: &dyn Progress,
        warn: &(dyn Fn(String) + Sync),
        cancel: &CancellationToken,
    ) -> Result<Index, ArchiveError> {
        let mut again = true;
        loop {
            let read = suites.iter().map(|suite| self.suite(suite, arch, progress, warn, cancel));
            let read: Vec<Vec<IndexFile>> = futures_util::future::try_join_all(read).await?;
            let arch = arch.to_owned();
            let urls: Vec<String> = suites.iter().map(|suite| suite.mirror.secret().to_owned()).collect();
            let scanned = blocking(move || scan(&read, &urls, &arch)).await;
            match scanned {
                // What was in the cache has rotted, and is gone now.
                Err(ArchiveError::Untrusted { reason, .. }) if again => {
                    tracing::info!(reason, "an index in the cache is damaged and read anew");
                    again = false;
                }
                result => {
                    if let Ok(index) = &result {
                        tracing::info!(packages = index.count(), arch = index.arch(), "read the package indexes");
                    }
                    return result;
                }
            }
        }
    }

    /// The .debs of these packages, in their order: paths in the cache, their content just verified.
    pub(crate) async fn download(
        &self,
        packages: &[Package],
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Vec<PathBuf>, ArchiveError> {
        let total = packages.iter().map(|package| package.size).sum();
        let done = AtomicU64::new(0);
        // Collected first: a closure over references that lives across an await makes callers' futures not `Send`.
        let each = packages.iter().map(|package| async {
            let path = self.pooled(&package.sha256, ".deb");
            touch(&path);
            let is_cached = verified(&path, &package.sha256).await;
            tracing::debug!(package = package.name, sha256 = package.sha256, is_cached, "package");
            if !is_cached {
                let share = Share { progress, done: &done, total, mine: AtomicU64::new(0) };
                let urls = [package.url.clone()];
                let sha256 = Some(package.sha256.as_str());
                self.fetcher.to_file_capped(&urls, sha256, package.size, &path, &share, cancel).await?;
            } else {
                done.fetch_add(package.size, Ordering::Relaxed);
            }
            Ok::<_, ArchiveError>(path)
        });
        let mut paths = futures_util::stream::iter(each.collect::<Vec<_>>()).buffered(CONNECTIONS);
        let mut all = Vec::with_capacity(packages.len());
        while let Some(path) = paths.next().await {
            all.push(path?);
        }
        progress.progress("packages", total, total);
        Ok(all)
    }

    async fn suite(
        &self,
        suite: &Suite,
        arch: &str,
        progress: &dyn Progress,
        warn: &(dyn Fn(String) + Sync),
        cancel: &CancellationToken,
    ) -> Result<Vec<IndexFile>, ArchiveError> {
        let mut again = true;
        loop {
            let (release, _) = self.release(suite, warn, cancel).await?;
            match self.index_files(suite, &release, arch, progress, cancel).await {
                Err(error) if again && being_updated(&error) => {
                    again = false;
                    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
                }
                result => return result,
            }
        }
    }

    /// What the InRelease file of a suite says, verified, and its SHA-256.
    async fn release(
        &self,
        suite: &Suite,
        warn: &(dyn Fn(String) + Sync),
        cancel: &CancellationToken,
    ) -> Result<(Release, String), ArchiveError> {
        let url = suite.address().join("InRelease");
        let path = self.folder().join(&suite.archive).join(suite.suite.replace('/', "-")).join("InRelease");
        let mut urls = vec![url.secret().to_owned()];
        if suite.owner == Owner::Unsigned {
            urls.push(suite.address().join("Release").secret().to_owned());
        }
        self.fetcher.to_file_capped(&urls, None, LARGEST_RELEASE, &path, &NoProgress, cancel).await?;
        let told = url.to_string();
        let (keyrings, owner) = (suite.keyrings.clone(), suite.owner);
        let (release, sha256) = blocking(move || {
            let text = std::fs::read(&path).map_err(|source| ArchiveError::Io { path: path.clone(), source })?;
            let release = match owner {
                Owner::Unsigned => release::unverified(&text),
                Owner::Distribution | Owner::Recipe => release::verify(&text, &keyrings),
            };
            let release = release.map_err(|reason| ArchiveError::Untrusted { what: url.to_string(), reason })?;
            Ok((release, hex::encode(Sha256::digest(&text))))
        })
        .await?;
        if let Some(held) = &suite.held
            && *held != sha256
        {
            let reason = "it is not the state that farm.lock holds".to_owned();
            return Err(ArchiveError::Untrusted { what: told, reason });
        }
        let warning = release
            .check(suite, Utc::now())
            .map_err(|reason| ArchiveError::Untrusted { what: told.clone(), reason })?;
        tracing::info!(url = told, date = release.date.map(tracing::field::display), "read the release file");
        if let Some(warning) = warning.filter(|_| suite.held.is_none()) {
            warn(warning);
        }
        Ok((release, sha256))
    }

    /// The uncompressed Packages files of a suite, in the cache under their hash.
    async fn index_files(
        &self,
        suite: &Suite,
        release: &Release,
        arch: &str,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<Vec<IndexFile>, ArchiveError> {
        let mut files = Vec::new();
        if suite.is_flat() {
            let found = COMPRESSIONS
                .iter()
                .find_map(|suffix| Some((*suffix, release.files.get(&format!("Packages{suffix}"))?)));
            let Some((suffix, entry)) = found else {
                return Err(ArchiveError::Absent { what: format!("{}/Packages", suite.address()) });
            };
            let content = release.files.get("Packages");
            files.push(self.index_file(suite, release, "Packages", suffix, entry, content, progress, cancel).await?);
            return Ok(files);
        }
        let arches = if release.separate_all { vec![arch, "all"] } else { vec![arch] };
        for component in &suite.components {
            for arch in &arches {
                let plain = format!("{component}/binary-{arch}/Packages");
                let listed = COMPRESSIONS
                    .iter()
                    .find_map(|suffix| Some((*suffix, release.files.get(&format!("{plain}{suffix}"))?)));
                let Some((suffix, entry)) = listed else {
                    if *arch == "all" {
                        continue;
                    }
                    return Err(ArchiveError::Absent { what: format!("{}/{plain}", suite.address()) });
                };
                let content = release.files.get(&plain);
                files.push(self.index_file(suite, release, &plain, suffix, entry, content, progress, cancel).await?);
            }
        }
        Ok(files)
    }

    #[allow(clippy::too_many_arguments)]
    async fn index_file(
        &self,
        suite: &Suite,
        release: &Release,
        plain: &str,
        suffix: &'static str,
        entry: &IndexEntry,
        content: Option<&IndexEntry>,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<IndexFile, ArchiveError> {
        // Every archive of today lists the uncompressed file, too: its hash is what the cache is keyed by.
        let content = content.ok_or_else(|| ArchiveError::Untrusted {
            what: format!("{}/InRelease", suite.address()),
            reason: format!("it does not list {}", printable(plain)),
        })?;
        let file = IndexFile { path: self.pooled(&content.sha256, ".packages"), sha256: content.sha256.clone() };
        touch(&file.path);
        if tokio::fs::metadata(&file.path).await.is_ok_and(|metadata| metadata.len() == content.size) {
            // Its hash is taken when it is scanned.
            tracing::debug!(suite = suite.suite, index = plain, sha256 = file.sha256, "the index is in the cache");
            return Ok(file);
        }
        let urls = urls(suite, release, plain, suffix, entry);
        let packed = self.pooled(&entry.sha256, &format!(".packages{suffix}"));
        let progress = Named { progress, name: format!("{} index", suite.suite) };
        self.fetcher.to_file_capped(&urls, Some(&entry.sha256), entry.size, &packed, &progress, cancel).await?;
        if !suffix.is_empty() {
            let (unpacked, size) = (file.path.clone(), content.size);
            blocking(move || unpack(&packed, suffix, &unpacked, size)).await?;
        }
        Ok(file)
    }

    fn folder(&self) -> PathBuf {
        self.cache.join("archive")
    }

    /// Where a run says what it is at, for others on this machine to wait for.
    pub(crate) fn locks(&self) -> PathBuf {
        self.cache.join("locks")
    }

    /// Where files without a name may grow. It is there once something was downloaded.
    pub(crate) fn spool(&self) -> PathBuf {
        self.folder().join("pool")
    }

    /// Where a file lies under its sum, which is 64 hexadecimal digits.
    pub(crate) fn pooled(&self, sha256: &str, suffix: &str) -> PathBuf {
        self.spool().join(&sha256[..2]).join(format!("{sha256}{suffix}"))
    }
}

/// A mirror that is being updated has an InRelease and indexes of different times, for some seconds.
fn being_updated(error: &ArchiveError) -> bool {
    let of_another_time = |error: &FetchError| {
        matches!(error, FetchError::Mismatch { .. } | FetchError::NotFound { .. } | FetchError::TooLarge { .. })
    };
    matches!(error, ArchiveError::Fetch(error) if of_another_time(error))
}

/// Where an index file is: under its hash, if the archive has that, and under its name.
fn urls(suite: &Suite, release: &Release, plain: &str, suffix: &str, entry: &IndexEntry) -> Vec<String> {
    let base = suite.address();
    let mut urls = vec![base.join(&format!("{plain}{suffix}")).secret().to_owned()];
    if release.by_hash {
        let folder = plain.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
        urls.insert(0, base.join(&format!("{folder}by-hash/SHA256/{}", entry.sha256)).secret().to_owned());
    }
    urls
}

#[derive(Debug)]
struct IndexFile {
    path: PathBuf,
    sha256: String,
}

/// Blocks. A file that is not what it should be is removed.
fn scan(files: &[Vec<IndexFile>], urls: &[String], arch: &str) -> Result<Index, ArchiveError> {
    let mut index = Index::new(arch);
    for (number, (files, url)) in files.iter().zip(urls).enumerate() {
        for file in files {
            if let Err(error) = index.add(&file.path, &file.sha256, url, number == 0) {
                let _ = std::fs::remove_file(&file.path);
                return Err(error);
            }
        }
    }
    index.finish();
    Ok(index)
}

/// Decompresses `packed` to `plain`, at most `size` bytes, and removes it. A run that comes second finds only `plain`.
fn unpack(packed: &Path, suffix: &str, plain: &Path, size: u64) -> Result<(), ArchiveError> {
    let io = |source| ArchiveError::Io { path: plain.to_owned(), source };
    let folder = plain.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(io)?;
    let file = match std::fs::File::open(packed) {
        Ok(file) => file,
        Err(_) if plain.metadata().is_ok_and(|metadata| metadata.len() == size) => return Ok(()),
        Err(source) => return Err(ArchiveError::Io { path: packed.to_owned(), source }),
    };
    let reader = decoder(file, suffix).map_err(io)?;
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
    let copied = std::io::copy(&mut reader.take(size + 1), &mut temporary).map_err(io)?;
    if copied != size {
        return Err(ArchiveError::Untrusted {
            what: packed.display().to_string(),
            reason: format!("it unpacks to another size than the {size} bytes that the signed Release file says"),
        });
    }
    temporary.persist(plain).map_err(|error| io(error.error))?;
    // Only kept while it was needed; another run may have removed it first.
    let _ = std::fs::remove_file(packed);
    Ok(())
}

/// What a file holds that has this suffix of [`COMPRESSIONS`].
fn decoder(file: std::fs::File, suffix: &str) -> std::io::Result<Box<dyn Read>> {
    Ok(match suffix {
        ".xz" => Box::new(xz2::read::XzDecoder::new_multi_decoder(file)),
        ".zst" => Box::new(zstd::Decoder::new(file)?),
        ".gz" => Box::new(flate2::read::MultiGzDecoder::new(std::io::BufReader::new(file))),
        _ => Box::new(file),
    })
}

async fn verified(path: &Path, sha256: &str) -> bool {
    let (path, sha256) = (path.to_owned(), sha256.to_owned());
    blocking(move || {
        let mut file = std::fs::File::open(path).map_err(|_| ArchiveError::Cancelled)?;
        let mut hasher = Sha256::new();
        std::io::copy(&mut file, &mut hasher).map_err(|_| ArchiveError::Cancelled)?;
        Ok(hex::encode(hasher.finalize()) == sha256)
    })
    .await
    .unwrap_or(false)
}

/// Runs blocking work off the runtime's threads. A panic in it goes on here.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, ArchiveError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is going down.
        Err(_) => Err(ArchiveError::Cancelled),
    }
}

/// By-hash URLs end in a hash: people want to hear what it is of.
struct Named<'a> {
    progress: &'a dyn Progress,
    name: String,
}

impl Progress for Named<'_> {
    fn progress(&self, _what: &str, done: u64, total: u64) {
        self.progress.progress(&self.name, done, total);
    }
}

/// One download's part of the progress of all.
struct Share<'a> {
    progress: &'a dyn Progress,
    done: &'a AtomicU64,
    total: u64,
    mine: AtomicU64,
}

impl Progress for Share<'_> {
    fn progress(&self, _what: &str, done: u64, _total: u64) {
        // A retry starts over: then the difference is taken back.
        let before = self.mine.swap(done, Ordering::Relaxed);
        let sum =
            self.done.fetch_add(done.wrapping_sub(before), Ordering::Relaxed).wrapping_add(done.wrapping_sub(before));
        self.progress.progress("packages", sum.min(self.total), self.total);
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod tests {
    use crate::distro::{Bootstrap, Catalogue, Distro};
    use crate::types::{Arch, Format, PackageManager};

    /// A Debian release as the catalogue would describe it, with a keyring to be named by the test.
    pub(crate) fn distro(suite: &str) -> Distro {
        Distro {
            id: format!("debian-{suite}"),
            name: format!("Debian ({suite})"),
            family: "debian".to_owned(),
            version: suite.to_owned(),
            format: Format::Deb,
            manager: PackageManager::Apt,
            image: None,
            arches: vec![Arch::Amd64],
            release_tag: String::new(),
            end_of_life: None,
            build_packages: Vec::new(),
            bootstrap: Some(Bootstrap {
                snapshot: None,
                archive: "debian".to_owned(),
                mirror: "http://ftp.debian.org/debian".to_owned(),
                suite: suite.to_owned(),
                updates: Vec::new(),
                security: None,
                components: vec!["main".to_owned()],
                keyrings: Vec::new(),
                include: Vec::new(),
                tolerate_expired: false,
            }),
            digest: "sha256:test".to_owned(),
            ..(**Catalogue::load(&[]).unwrap().get("debian-12").unwrap()).clone()
        }
    }

    use super::testing::{Archive, skipped};
    use super::*;
    use std::sync::Mutex;

    /// What a run with an empty cache says of this archive: names of packages, and warnings; .debs are fetched, too.
    async fn read(archive: &Archive, cache: &Path, tolerate: bool) -> Result<(String, Vec<String>), ArchiveError> {
        let suite = Suite {
            archive: "debian".to_owned(),
            mirror: archive.url().into(),
            suite: "sid".to_owned(),
            components: vec!["main".to_owned()],
            keyrings: vec![archive.signer.keyring()],
            tolerate_expired: tolerate,
            owner: Owner::Distribution,
            tolerate_stale_contents: false,
            held: None,
        };
        let reader = Reader { fetcher: Fetcher::new()?, cache: cache.to_owned() };
        let (cancel, warnings) = (CancellationToken::new(), Mutex::new(Vec::new()));
        let warn = |warning| warnings.lock().unwrap().push(warning);
        let index = reader.index(&[suite], "amd64", &NoProgress, &warn, &cancel).await?;
        let packages = minimal_system(&index, &[])?;
        let paths = reader.download(&packages, &NoProgress, &cancel).await?;
        assert_eq!(paths.len(), packages.len());
        for (path, package) in paths.iter().zip(&packages) {
            assert_eq!(testing::hash(&std::fs::read(path).unwrap()), package.sha256);
        }
        let names: Vec<String> = packages.into_iter().map(|package| package.name).collect();
        let warnings = warnings.lock().unwrap().clone();
        Ok((names.join(" "), warnings))
    }

    fn archive() -> Option<Archive> {
        let mut archive = Archive::new()?;
        archive.add("apt", "1", "Depends: lib\n", b"apt's .deb").add("lib", "1", "", b"lib's .deb");
        archive.publish("", |release| release);
        Some(archive)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_signed_archive_is_read_and_cached_and_a_rotten_cache_heals() {
        let Some(archive) = archive() else { return skipped() };
        let cache = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            assert_eq!(read(&archive, cache.path(), false).await.unwrap(), ("apt lib".to_owned(), vec![]));
        }
        let mut rotten = 0;
        for folder in cache.path().join("archive/pool").read_dir().unwrap() {
            for file in folder.unwrap().path().read_dir().unwrap() {
                let path = file.unwrap().path();
                let mut content = std::fs::read(&path).unwrap();
                content[0] ^= 1;
                std::fs::write(&path, content).unwrap();
                rotten += 1;
            }
        }
        assert_eq!(rotten, 3, "one index and two packages, and nothing else");
        assert_eq!(read(&archive, cache.path(), false).await.unwrap().0, "apt lib");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_the_signature_does_not_cover_is_refused() {
        let Some(archive) = archive() else { return skipped() };
        let fresh = || tempfile::tempdir().unwrap();
        archive.write("pool/lib_1_amd64.deb", b"lib's .dex");
        let error = read(&archive, fresh().path(), false).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Fetch(FetchError::Mismatch { .. })), "{error}");
        archive.write("pool/lib_1_amd64.deb", b"lib's .deb and more");
        let error = read(&archive, fresh().path(), false).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Fetch(FetchError::TooLarge { .. })), "{error}");

        let path = archive.folder.path().join("dists/sid/main/binary-amd64/Packages.xz");
        let mut packages = std::fs::read(&path).unwrap();
        *packages.last_mut().unwrap() ^= 1;
        std::fs::write(&path, packages).unwrap();
        let error = read(&archive, fresh().path(), false).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Fetch(FetchError::Mismatch { .. })), "{error}");

        let path = archive.folder.path().join("dists/sid/InRelease");
        let release = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, release.replace("Codename: sid", "Codename: sit")).unwrap();
        let error = read(&archive, fresh().path(), false).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Untrusted { .. }), "{error}");
        std::fs::remove_file(&path).unwrap();
        let error = read(&archive, fresh().path(), false).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Fetch(FetchError::NotFound { .. })), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_unpacks_to_more_than_was_signed_is_cut_off() {
        let Some(archive) = archive() else { return skipped() };
        archive.publish("", |release| {
            let line = release.lines().find(|line| line.ends_with("/Packages")).unwrap().to_owned();
            let mut words = line.split_whitespace();
            let (hash, size) = (words.next().unwrap(), words.next().unwrap().parse::<u64>().unwrap());
            release.replace(&line, &format!(" {hash} {} main/binary-amd64/Packages", size - 1))
        });
        let error = read(&archive, tempfile::tempdir().unwrap().path(), false).await.unwrap_err();
        assert!(error.to_string().contains("another size"), "{error}");
    }

    #[test]
    fn an_index_that_another_run_unpacked_meanwhile_is_good() {
        let folder = tempfile::tempdir().unwrap();
        let (packed, plain) = (folder.path().join("a.packages.xz"), folder.path().join("b.packages"));
        let error = unpack(&packed, ".xz", &plain, 4).unwrap_err();
        assert!(matches!(&error, ArchiveError::Io { path, .. } if *path == packed), "{error}");
        std::fs::write(&plain, "half").unwrap();
        unpack(&packed, ".xz", &plain, 4).unwrap();
        assert!(unpack(&packed, ".xz", &plain, 5).is_err(), "what it left is not whole");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_expired_archive_is_only_read_when_tolerated_and_never_silently() {
        let Some(archive) = archive() else { return skipped() };
        archive.publish("Valid-Until: Sat, 11 Jul 2020 10:16:37 UTC\n", |release| release);
        let cache = tempfile::tempdir().unwrap();
        let error = read(&archive, cache.path(), false).await.unwrap_err();
        assert!(matches!(error, ArchiveError::Untrusted { .. }), "{error}");
        let (names, warnings) = read(&archive, cache.path(), true).await.unwrap();
        assert_eq!(names, "apt lib");
        assert!(warnings[0].contains("past its Valid-Until"), "{warnings:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_index_is_also_found_under_its_hash_alone() {
        let Some(archive) = archive() else { return skipped() };
        archive.publish("Acquire-By-Hash: yes\n", |release| release);
        let folder = archive.folder.path().join("dists/sid/main/binary-amd64");
        let packages = std::fs::read(folder.join("Packages.xz")).unwrap();
        std::fs::remove_file(folder.join("Packages.xz")).unwrap();
        let by_hash = format!("dists/sid/main/binary-amd64/by-hash/SHA256/{}", testing::hash(&packages));
        archive.write(&by_hash, &packages);
        assert_eq!(read(&archive, tempfile::tempdir().unwrap().path(), false).await.unwrap().0, "apt lib");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_architecture_that_the_archive_lacks_is_named() {
        let Some(archive) = archive() else { return skipped() };
        archive.publish("", |release| release.replace("binary-amd64", "binary-arm64"));
        let error = read(&archive, tempfile::tempdir().unwrap().path(), false).await.unwrap_err();
        assert!(matches!(&error, ArchiveError::Absent { what } if what.contains("binary-amd64")), "{error}");
    }
}
