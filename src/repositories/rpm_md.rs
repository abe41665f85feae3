//! Repositories of .rpm packages with `repodata`. Signed is either `repomd.xml`, and by its sums all else, or each package.
//! What the distribution has is not known here: its own package manager prefers that, as long as a package is not named.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::error::RepositoryError;
use super::model::{Asked, Extra, ExtraPackage};
use crate::archive::{ArchiveError, Reader, blocking};
use crate::distro::Distro;
use crate::fetch::FetchError;
use crate::formats::compression::decompressed;
use crate::formats::repodata::{self, Entry};
use crate::formats::version::compare;
use crate::formats::{openpgp, rpm_signature};
use crate::recipe::{Repository, RepositoryOrigin, glob_matches};
use crate::stream::sum_of;
use crate::types::{Address, Arch, Format, NoProgress, Progress};

/// Fedora's repomd.xml has 10 kB, its primary.xml 100 MB.
const LARGEST_REPOMD: u64 = 4 << 20;
const LARGEST_LIST: u64 = 512 << 20;

/// A repository that was read.
struct Known {
    repository: Repository,
    address: Address,
    packages: Vec<Entry>,
    /// The numbers of packages by what they provide, their names first.
    by_capability: BTreeMap<String, Vec<usize>>,
    /// Its packages are signed, and not its index.
    has_signed_packages: bool,
}

pub(super) async fn extra(
    asked: Asked<'_>,
    wanted: Vec<String>,
    reader: &Reader,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<Extra, RepositoryError> {
    let mut known = Vec::new();
    for repository in asked.each() {
        known.push(read(repository, asked.distro, asked.arch, reader, progress, cancel).await?);
    }
    let mut extra = Extra::default();
    for (number, at, first) in select(&known, &wanted) {
        let Known { repository, address, packages, has_signed_packages, .. } = &known[number];
        let entry = &packages[at];
        let path = reader.pooled(&entry.sha256, ".rpm");
        let url = address.join(&entry.href);
        fetch(reader, repository, &url, Some(&entry.sha256), entry.size, &path, progress, cancel).await?;
        if *has_signed_packages && let Some(key) = repository.key.clone() {
            let place = path.clone();
            let checked = blocking(move || Ok(rpm_signature::verify(&place, &key.content))).await;
            let checked = checked.map_err(|error| RepositoryError::archive(repository, &error))?;
            checked.map_err(|reason| {
                let reason = format!("repomd.xml is not signed, and of this package: {reason}");
                RepositoryError::unsigned(repository, &url.to_string(), &reason)
            })?;
        }
        extra.packages.push(ExtraPackage {
            name: entry.name.clone(),
            version: entry.version.clone(),
            file_name: entry.href.rsplit('/').next().unwrap_or_default().to_owned(),
            path,
            size_bytes: entry.size,
            sha256: entry.sha256.clone(),
            first,
            repository: repository.name(),
            provides: entry.provides.clone(),
        });
    }
    extra.packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(extra)
}

/// The address for a target: what .repo files call `$releasever` and `$basearch` is filled in.
fn address(baseurl: &Address, distro: &Distro, arch: Arch) -> Address {
    let release = distro.version.rsplit('-').next().unwrap_or_default();
    let mut filled = baseurl.secret().to_owned();
    for (name, value) in [("releasever", release), ("basearch", arch.rpm())] {
        filled = filled.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value);
    }
    filled.trim_end_matches('/').into()
}

async fn read(
    repository: &Repository,
    distro: &Distro,
    arch: Arch,
    reader: &Reader,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<Known, RepositoryError> {
    let address = match &repository.origin {
        RepositoryOrigin::RpmMd { baseurl } => address(baseurl, distro, arch),
        _ => return Err(RepositoryError::new(repository, "it is none of .rpm packages")),
    };
    let digest = hex::encode(&Sha256::digest(address.public())[..8]);
    let folder = reader.cache.join("archive").join(format!("recipe-{digest}"));
    let repomd = address.join("repodata/repomd.xml");
    let path = folder.join("repomd.xml");
    fetch(reader, repository, &repomd, None, LARGEST_REPOMD, &path, &NoProgress, cancel).await?;
    let io_error = |error: ArchiveError| RepositoryError::archive(repository, &error);
    let text = load(path).await.map_err(io_error)?;
    let mut has_signed_packages = false;
    if let Some(key) = &repository.key {
        let (asc, path) = (address.join("repodata/repomd.xml.asc"), folder.join("repomd.xml.asc"));
        let urls = [asc.secret().to_owned()];
        match reader.fetcher.to_file_capped(&urls, None, LARGEST_REPOMD, &path, &NoProgress, cancel).await {
            Ok(()) => {
                let signature = load(path).await.map_err(io_error)?;
                openpgp::verify_detached(&text, &signature, &key.content)
                    .map_err(|reason| RepositoryError::unsigned(repository, &repomd.to_string(), &reason))?;
            }
            Err(FetchError::NotFound { .. }) => has_signed_packages = true,
            Err(error) => return Err(RepositoryError::fetch(repository, &error)),
        }
    }
    let bad = |reason: String| {
        let what = repomd.to_string();
        RepositoryError::archive(repository, &ArchiveError::Untrusted { what, reason })
    };
    let listed = repodata::listed(&text).map_err(bad)?;
    let path = reader.pooled(&listed.sha256, ".primary");
    let (url, size) = (address.join(&listed.href), listed.size.unwrap_or(LARGEST_LIST).min(LARGEST_LIST));
    fetch(reader, repository, &url, Some(&listed.sha256), size, &path, progress, cancel).await?;
    let kind = listed.href.rsplit('.').next().filter(|kind| *kind != "xml").unwrap_or_default().to_owned();
    let packages = blocking(move || Ok(entries(&path, &kind, arch))).await.map_err(io_error)?.map_err(bad)?;
    Ok(Known::new(repository.clone(), address, packages, has_signed_packages))
}

#[allow(clippy::too_many_arguments)]
async fn fetch(
    reader: &Reader,
    repository: &Repository,
    url: &Address,
    sha256: Option<&str>,
    largest: u64,
    path: &Path,
    progress: &dyn Progress,
    cancel: &CancellationToken,
) -> Result<(), RepositoryError> {
    if let Some(sha256) = sha256 {
        let (place, sum) = (path.to_owned(), sha256.to_owned());
        if blocking(move || Ok(sum_of(&place).is_ok_and(|(found, _)| found == sum))).await.unwrap_or(false) {
            return Ok(());
        }
    }
    let urls = [url.secret().to_owned()];
    let fetched = reader.fetcher.to_file_capped(&urls, sha256, largest, path, progress, cancel).await;
    fetched.map_err(|error| RepositoryError::fetch(repository, &error))
}

async fn load(path: PathBuf) -> Result<Vec<u8>, ArchiveError> {
    blocking(move || std::fs::read(&path).map_err(|source| ArchiveError::Io { path, source })).await
}

fn entries(path: &Path, kind: &str, arch: Arch) -> Result<Vec<Entry>, String> {
    let mut file = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    let reader = decompressed(kind, &mut file)?;
    repodata::packages(BufReader::new(reader.take(LARGEST_LIST)), Some(arch.rpm()))
}

impl Known {
    fn new(repository: Repository, address: Address, packages: Vec<Entry>, has_signed_packages: bool) -> Known {
        let mut by_capability: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, entry) in packages.iter().enumerate() {
            by_capability.entry(entry.name.clone()).or_default().push(number);
        }
        for (number, entry) in packages.iter().enumerate() {
            for provided in entry.provides.iter().filter(|provided| **provided != entry.name) {
                by_capability.entry(provided.clone()).or_default().push(number);
            }
        }
        Known { repository, address, packages, by_capability, has_signed_packages }
    }

    fn goes_first(&self, name: &str) -> bool {
        self.repository.packages.iter().any(|glob| glob_matches(glob, name))
    }

    /// The newest of the packages that come first to mind for a capability.
    fn provider(&self, capability: &str) -> Option<usize> {
        let numbers = self.by_capability.get(capability)?;
        let name = &self.packages[*numbers.first()?].name;
        let same = numbers.iter().copied().filter(|number| self.packages[*number].name == *name);
        same.max_by(|a, b| compare(Format::Rpm, &self.packages[*a].version, &self.packages[*b].version))
    }
}

/// The packages that what is wanted leads to: numbers of repository and package, and whether it goes first.
fn select(known: &[Known], wanted: &[String]) -> BTreeSet<(usize, usize, bool)> {
    let mut open: Vec<String> = wanted.iter().flat_map(|text| capabilities(text)).collect();
    let mut seen = BTreeSet::new();
    let mut found = BTreeSet::new();
    while let Some(capability) = open.pop() {
        if !seen.insert(capability.clone()) {
            continue;
        }
        let each = known.iter().enumerate();
        let mut providers = each.filter_map(|(number, one)| Some((number, one.provider(&capability)?)));
        if let Some((number, at)) = providers.next() {
            let entry = &known[number].packages[at];
            if found.insert((number, at, known[number].goes_first(&entry.name))) {
                open.extend(entry.requires.iter().flat_map(|text| capabilities(text)));
            }
        }
    }
    found
}

/// The names in a requirement: of `foo >= 1.2` and of `(foo if bar)`.
fn capabilities(text: &str) -> Vec<String> {
    const WORDS: [&str; 7] = ["and", "or", "if", "else", "with", "without", "unless"];
    let text = text.trim();
    if !text.starts_with('(') {
        return text.split_ascii_whitespace().next().map(str::to_owned).into_iter().collect();
    }
    let mut names = Vec::new();
    let mut after_comparison = false;
    for word in text.split_ascii_whitespace() {
        let mut word = word.trim_start_matches('(');
        while word.matches(')').count() > word.matches('(').count() {
            word = word.strip_suffix(')').unwrap_or_default();
        }
        let is_comparison = !word.is_empty() && word.chars().all(|c| "<>=".contains(c));
        if !word.is_empty() && !is_comparison && !after_comparison && !WORDS.contains(&word) {
            names.push(word.to_owned());
        }
        after_comparison = is_comparison;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_requirements_are_found() {
        for (text, names) in [
            ("foo", "foo"),
            ("pkgconfig(foo) >= 1.2", "pkgconfig(foo)"),
            ("(foo >= 1 or pkgconfig(bar))", "foo, pkgconfig(bar)"),
            ("((a with b < 2) if c)", "a, b, c"),
            ("", ""),
        ] {
            assert_eq!(capabilities(text).join(", "), names, "{text}");
        }
    }
}
