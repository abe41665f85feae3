//! What the archive of a distribution holds, for those who want a package by what it provides: its Contents and Packages
//! indexes as one. Each archive is read once in a process, for whoever asks first. It lists who provides something;
//! which of several is meant is not decided here.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::contents::{Contents, STALE};
use super::mirror::Mirror;
use super::packages::{Index, Package};
use super::{ArchiveError, Owner, Reader, Suite, being_updated};
use crate::capability::Capability;
use crate::distro::{self, Distro};
use crate::types::{Address, Arch, NoProgress, Progress};

/// The archives of all distributions. Cheap to clone; clones share what was read.
#[derive(Debug, Clone)]
pub struct Archives {
    reader: Reader,
    mirrors: Arc<BTreeMap<String, Mirror>>,
    stale_contents: bool,
    /// Sums of InRelease files, by archive and suite.
    held: Arc<BTreeMap<(String, String), String>>,
    packages: Arc<Readings<Index>>,
    contents: Arc<Readings<Contents>>,
}

/// What was read of each place, or is being read.
#[derive(Debug)]
struct Readings<T>(Mutex<HashMap<IndexKey, Arc<OnceCell<Arc<T>>>>>);

impl<T> Default for Readings<T> {
    fn default() -> Readings<T> {
        Readings(Mutex::default())
    }
}

impl<T> Readings<T> {
    /// What the first one who asks reads. A failure is tried anew by the next.
    async fn get(
        &self,
        place: &IndexKey,
        read: impl Future<Output = Result<T, ArchiveError>>,
    ) -> Result<Arc<T>, ArchiveError> {
        let cell = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(place.clone()).or_default().clone();
        cell.get_or_try_init(|| async { read.await.map(Arc::new) }).await.cloned()
    }
}

/// Suites and an architecture: `rpm-generic` has those of the Debian that it is built on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct IndexKey {
    /// Mirror, suite and components.
    suites: Vec<(Address, String, Vec<String>)>,
    /// By whose keys each is believed; none where they are a distribution's, which are always the same for one archive.
    signers: Vec<Option<(Owner, Vec<Vec<u8>>)>>,
    arch: Arch,
}

impl IndexKey {
    fn new(suites: &[Suite], arch: Arch) -> IndexKey {
        let of_suite = |suite: &Suite| (suite.mirror.clone(), suite.suite.clone(), suite.components.clone());
        let signer =
            |suite: &Suite| (suite.owner != Owner::Distribution).then(|| (suite.owner, suite.keyrings.clone()));
        IndexKey { suites: suites.iter().map(of_suite).collect(), signers: suites.iter().map(signer).collect(), arch }
    }
}

/// Which components of an archive are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Components {
    /// Those that a base is made of.
    Base,
    /// Also those that the distribution's definition enables for builds.
    All,
}

/// The packages of a distribution for one architecture.
#[derive(Debug)]
pub(crate) struct ArchiveIndex {
    contents: Arc<Contents>,
    packages: Arc<Index>,
}

/// A package that provides what was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// The newest of its name.
    pub(crate) package: Package,
    /// The files that it provides it by. Those that a build finds by itself come first.
    pub(crate) paths: Vec<String>,
}

impl Archives {
    /// Reads archives by way of `reader`, from the mirror chosen for each archive name (`debian`, `ubuntu`).
    pub fn new(reader: Reader, mirrors: BTreeMap<String, Mirror>) -> Archives {
        Archives {
            reader,
            mirrors: Arc::new(mirrors),
            stale_contents: false,
            held: Arc::default(),
            packages: Arc::default(),
            contents: Arc::default(),
        }
    }

    /// Whether to use Contents indexes that are not the signed ones, for a mirror that has only such: an answer may then
    /// name another package of the archive than it should.
    #[must_use]
    pub(crate) fn with_stale_contents(self, stale_contents: bool) -> Archives {
        Archives { stale_contents, ..self }
    }

    /// Holds suites at the state whose InRelease file has this sum, by archive and suite.
    #[must_use]
    pub(crate) fn held_at(self, held: BTreeMap<(String, String), String>) -> Archives {
        Archives { held: Arc::new(held), ..self }
    }

    /// Whether all suites of a distribution are held at a state.
    pub(crate) fn holds(&self, distro: &Distro) -> bool {
        self.suites(distro, Components::All).is_ok_and(|suites| suites.iter().all(|suite| suite.held.is_some()))
    }

    /// The suites of a distribution with the sums of their InRelease files, verified, as they are now.
    ///
    /// # Errors
    /// As [`Archives::index`].
    pub(crate) async fn states(
        &self,
        distro: &Distro,
        warn: &(dyn Fn(String) + Sync),
        cancel: &CancellationToken,
    ) -> Result<Vec<(Suite, String)>, ArchiveError> {
        let mut states = Vec::new();
        for suite in self.suites(distro, Components::All)? {
            let (_, sha256) = self.reader.release(&suite, warn, cancel).await?;
            states.push((suite, sha256));
        }
        Ok(states)
    }

    /// Whether the user has said to believe what no signature is on.
    pub(super) fn believes_stale_contents(&self) -> bool {
        self.stale_contents
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// What the archive of `distro` holds for `arch`: all that apt in its builder image can install. Who asks second waits
    /// for the first. Warnings (an expired InRelease that is tolerated) go to `warn`.
    ///
    /// # Errors
    /// [`ArchiveError::Undescribed`] for a distribution without an apt archive in its definition; else what went wrong
    /// while reading, which is tried anew when asked again.
    pub(crate) async fn index(
        &self,
        distro: &Distro,
        arch: Arch,
        progress: &dyn Progress,
        warn: &(dyn Fn(String) + Sync),
        cancel: &CancellationToken,
    ) -> Result<ArchiveIndex, ArchiveError> {
        let suites = self.suites(distro, Components::All)?;
        let place = IndexKey::new(&suites, arch);
        let (contents, packages) = tokio::try_join!(
            self.contents.get(&place, self.reader.contents(&suites, arch.deb(), progress, warn, cancel)),
            // What is to be said of a suite is said once.
            self.packages(distro, arch, Components::All, progress, &|_| (), cancel),
        )?;
        Ok(ArchiveIndex { contents, packages })
    }

    /// The packages alone, for those who know names: it needs no Contents indexes.
    ///
    /// # Errors
    /// As [`Archives::index`].
    pub(crate) async fn packages(
        &self,
        distro: &Distro,
        arch: Arch,
        components: Components,
        progress: &dyn Progress,
        warn: &(dyn Fn(String) + Sync),
        cancel: &CancellationToken,
    ) -> Result<Arc<Index>, ArchiveError> {
        self.packages_of(&self.suites(distro, components)?, arch, progress, warn, cancel).await
    }

    /// The packages of a suite that is not one of a distribution's own.
    ///
    /// # Errors
    /// What went wrong while reading, which is tried anew when asked again.
    pub(crate) async fn packages_of(
        &self,
        suites: &[Suite],
        arch: Arch,
        progress: &dyn Progress,
        warn: &(dyn Fn(String) + Sync),
        cancel: &CancellationToken,
    ) -> Result<Arc<Index>, ArchiveError> {
        let read = self.reader.index(suites, arch.deb(), progress, warn, cancel);
        self.packages.get(&IndexKey::new(suites, arch), read).await
    }

    /// Of an archive whose Contents indexes are all as its signed Release file lists them, as [`Archives::index`]. Else
    /// what the mirror has in their place, which proves nothing, if it has any.
    ///
    /// # Errors
    /// As [`Archives::index`].
    pub(super) async fn signed_contents(
        &self,
        suites: &[Suite],
        arch: Arch,
        warn: &(dyn Fn(String) + Sync),
        cancel: &CancellationToken,
    ) -> Result<Result<Arc<Contents>, Option<Contents>>, ArchiveError> {
        let mut tolerant = suites.to_vec();
        tolerant.iter_mut().for_each(|suite| suite.tolerate_stale_contents = true);
        let unsigned = AtomicBool::new(false);
        let told = |warning: String| match warning == STALE {
            true => unsigned.store(true, Ordering::Relaxed),
            false => warn(warning),
        };
        let mut hints = None;
        let read = async {
            let read = self.reader.contents(&tolerant, arch.deb(), &NoProgress, &told, cancel).await?;
            if unsigned.load(Ordering::Relaxed) {
                hints = Some(read);
                return Err(ArchiveError::Absent { what: "Contents index".to_owned() });
            }
            Ok(read)
        };
        let read = self.contents.get(&IndexKey::new(suites, arch), read).await;
        match read {
            Ok(contents) => Ok(Ok(contents)),
            Err(_) if hints.is_some() => Ok(Err(hints)),
            Err(error) if being_updated(&error) || matches!(error, ArchiveError::Absent { .. }) => Ok(Err(None)),
            Err(error) => Err(error),
        }
    }

    /// As [`Archives::index`], of suites that are not a distribution's own. None where they have no Contents indexes.
    ///
    /// # Errors
    /// As [`Archives::packages_of`].
    pub(crate) async fn index_of(
        &self,
        suites: &[Suite],
        arch: Arch,
        progress: &dyn Progress,
        warn: &(dyn Fn(String) + Sync),
        cancel: &CancellationToken,
    ) -> Result<Option<ArchiveIndex>, ArchiveError> {
        let packages = self.packages_of(suites, arch, progress, warn, cancel).await?;
        let place = IndexKey::new(suites, arch);
        match self.contents.get(&place, self.reader.contents(suites, arch.deb(), progress, &|_| (), cancel)).await {
            Ok(contents) => Ok(Some(ArchiveIndex { contents, packages })),
            Err(ArchiveError::Absent { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// # Errors
    /// As [`Archives::index`].
    pub(crate) fn suites(&self, distro: &Distro, components: Components) -> Result<Vec<Suite>, ArchiveError> {
        let undescribed = |reason: String| ArchiveError::Undescribed { distro: distro.id.clone(), reason };
        let bootstrap =
            distro.bootstrap.as_ref().ok_or_else(|| undescribed("its definition has no [bootstrap]".to_owned()))?;
        let keyrings = keyrings(bootstrap).map_err(undescribed)?;
        let mut wanted = bootstrap.components.clone();
        if components == Components::All {
            let more = distro.enable_repositories.iter().filter(|name| !bootstrap.components.contains(name));
            wanted.extend(more.cloned());
        }
        let mut suites = suites(bootstrap, &self.mirrors, &wanted, &keyrings);
        for suite in &mut suites {
            suite.tolerate_stale_contents = self.stale_contents;
            suite.held = self.held.get(&(suite.archive.clone(), suite.suite.clone())).cloned();
        }
        Ok(suites)
    }
}

impl ArchiveIndex {
    /// Of the texts of a Contents and a Packages index for amd64.
    #[cfg(test)]
    pub(super) fn for_test(contents: &str, packages: &str) -> ArchiveIndex {
        let packages = super::packages::tests::index(packages);
        ArchiveIndex { contents: Arc::new(Contents::for_test(contents)), packages: Arc::new(packages) }
    }

    pub(super) fn of(contents: Arc<Contents>, packages: Arc<Index>) -> ArchiveIndex {
        ArchiveIndex { contents, packages }
    }

    /// Every package that provides this, whatever its version, by name; of one in several versions the newest. Blocks: it
    /// reads the index.
    pub(crate) fn candidates(&self, capability: &Capability) -> Result<Vec<Candidate>, ArchiveError> {
        let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for provider in self.contents.providers(capability) {
            paths.entry(provider.package).or_default().push(provider.path);
        }
        let mut candidates = Vec::new();
        for (name, paths) in paths {
            // Contents indexes may be older than Packages: what is gone cannot be installed.
            if let Some(package) = self.package(&name)? {
                candidates.push(Candidate { package, paths });
            }
        }
        Ok(candidates)
    }

    /// The newest package of this name. Blocks.
    pub(crate) fn package(&self, name: &str) -> Result<Option<Package>, ArchiveError> {
        self.packages.newest(name)
    }

    /// The files behind the candidates, for what is not there: what is similar, and what is covered at all.
    pub(crate) fn contents(&self) -> &Contents {
        &self.contents
    }
}

impl fmt::Display for Candidate {
    /// `zlib1g-dev 1:1.2.13.dfsg-1 (/usr/include/zlib.h)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.paths.first().map_or("", String::as_str);
        write!(f, "{} {} ({path})", self.package.name, self.package.version)
    }
}

/// The keyrings that sign an archive; what is not there is said as a reason.
fn keyrings(bootstrap: &distro::Bootstrap) -> Result<Vec<Vec<u8>>, String> {
    let keyring = |name: &String| distro::keyring(name).ok_or_else(|| format!("there is no keyring {name}"));
    bootstrap.keyrings.iter().map(|name| keyring(name).map(|keyring| keyring.into_owned())).collect()
}

/// The suites of a distribution, the main one first: on the mirror in use, else on the public one.
pub(crate) fn suites(
    bootstrap: &distro::Bootstrap,
    mirrors: &BTreeMap<String, Mirror>,
    components: &[String],
    keyrings: &[Vec<u8>],
) -> Vec<Suite> {
    let suite = |archive: &str, public: &str, name: &str| Suite {
        archive: archive.to_owned(),
        mirror: mirrors.get(archive).map_or(public, |mirror| mirror.url.secret()).trim_end_matches('/').into(),
        suite: name.to_owned(),
        components: components.to_vec(),
        keyrings: keyrings.to_vec(),
        tolerate_expired: bootstrap.tolerate_expired,
        owner: Owner::Distribution,
        tolerate_stale_contents: false,
        held: None,
    };
    let names = std::iter::once(&bootstrap.suite).chain(&bootstrap.updates);
    let mut suites: Vec<Suite> = names.map(|name| suite(&bootstrap.archive, &bootstrap.mirror, name)).collect();
    suites
        .extend(bootstrap.security.iter().map(|security| suite(&security.archive, &security.mirror, &security.suite)));
    suites
}

#[cfg(test)]
mod tests {
    use super::super::mirror::Origin;
    use super::super::testing::{Archive, skipped};
    use super::*;
    use crate::fetch::Fetcher;
    use crate::types::NoProgress;

    /// The distribution that trusts this archive's key, and archives that are read from there into `cache`.
    fn reading(archive: &Archive, cache: &tempfile::TempDir) -> (Distro, Archives) {
        archive.write("keyring.gpg", &archive.signer.keyring());
        let mut distro = super::super::tests::distro("sid");
        distro.bootstrap.as_mut().unwrap().keyrings =
            vec![archive.folder.path().join("keyring.gpg").display().to_string()];
        let reader = Reader { fetcher: Fetcher::new().unwrap(), cache: cache.path().to_owned() };
        let mirror = Mirror { url: archive.url().into(), origin: Origin::Configured };
        (distro, Archives::new(reader, BTreeMap::from([("debian".to_owned(), mirror)])))
    }

    async fn index(archives: &Archives, distro: &Distro) -> Result<ArchiveIndex, ArchiveError> {
        archives.index(distro, Arch::Amd64, &NoProgress, &|_| (), &CancellationToken::new()).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_former_state_is_read_by_its_sum_alone() {
        let Some(archive) = Archive::new() else { return skipped() };
        archive.publish("Valid-Until: Sat, 11 Jul 2020 10:16:37 UTC\n", |release| release);
        let cache = tempfile::tempdir().unwrap();
        let (distro, archives) = reading(&archive, &cache);
        let states = async |archives: &Archives| {
            let states = archives.states(&distro, &|warning| panic!("{warning}"), &CancellationToken::new()).await;
            states.map_err(|error| error.to_string()).map(|states| states[0].1.clone())
        };
        let error = states(&archives).await.unwrap_err();
        assert!(error.contains("past its Valid-Until"), "{error}");
        let held = |sum: &str| BTreeMap::from([(("debian".to_owned(), "sid".to_owned()), sum.to_owned())]);
        let text = std::fs::read(archive.folder.path().join("dists/sid/InRelease")).unwrap();
        let sum = super::super::testing::hash(&text);
        let right = archives.clone().held_at(held(&sum));
        assert_eq!((states(&right).await, right.holds(&distro)), (Ok(sum), true));
        let other = archives.held_at(held(&"0".repeat(64)));
        let error = states(&other).await.unwrap_err();
        assert!(error.contains("not the state that farm.lock holds"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_archive_is_read_once_and_tells_packages_and_versions() {
        let Some(mut archive) = Archive::new() else { return skipped() };
        for version in ["1.9-1", "1.10-1"] {
            archive.add("zlib1g-dev", version, "", b"");
        }
        archive.add("help2man", "2", "", b"");
        let contents = "usr/include/zlib.h libdevel/zlib1g-dev,libdevel/gone-dev\nusr/bin/help2man devel/help2man\n";
        archive.publish_with("", &[("main/Contents-amd64", contents)]);

        let cache = tempfile::tempdir().unwrap();
        let (mut distro, archives) = reading(&archive, &cache);
        let first = index(&archives, &distro).await.unwrap();
        let shown = |capability: &str| -> Vec<String> {
            let candidates = first.candidates(&Capability::parse(capability).unwrap()).unwrap();
            candidates.iter().map(Candidate::to_string).collect()
        };
        assert_eq!(shown("/usr/include/zlib.h"), ["zlib1g-dev 1.10-1 (/usr/include/zlib.h)"]);
        assert_eq!(shown("/usr/bin/help2man"), ["help2man 2 (/usr/bin/help2man)"]);
        assert_eq!(shown("/usr/bin/none"), Vec::<String>::new());

        // A second distribution with the same archive, and an archive that has gone meanwhile: nothing is read again.
        std::fs::remove_dir_all(archive.folder.path().join("dists")).unwrap();
        let other = Distro { id: "rpm-generic".to_owned(), ..distro.clone() };
        let again = index(&archives.clone(), &other).await.unwrap();
        assert!(Arc::ptr_eq(&first.contents, &again.contents) && Arc::ptr_eq(&first.packages, &again.packages));
        let error = archives.index(&distro, Arch::Arm64, &NoProgress, &|_| (), &CancellationToken::new()).await;
        assert!(error.is_err(), "another architecture has indexes of its own");

        distro.bootstrap = None;
        let error = index(&archives, &distro).await.unwrap_err().to_string();
        assert_eq!(error, "the archive of debian-sid is not known: its definition has no [bootstrap]");
    }
}
