//! Crates of git repositories: what Cargo.lock says of them, and their folders out of a commit, as `cargo vendor` lays them
//! out. The commit's id is the hash: git itself sees to it that nothing else comes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use reqwest::Url;
use sha2::{Digest, Sha256};
use tar::EntryType;
use tokio_util::sync::CancellationToken;

use super::super::hash::{Hash, HashKind};
use super::super::model::{GitSource, Module};
use super::manifest::{Crate, Manifests, ancestors, joined};
use crate::source::SourceError;
use crate::source::tree::{LONGEST_NAME, TreeWriter, refused, tree_name};
use crate::stream::Bounded;
use crate::types::{Address, printable};

/// The folder around all files of a commit.
pub(in crate::source::modules) const TOP: &str = "commit";

/// Of all manifests of a repository together.
const LARGEST_MANIFESTS: u64 = 64 << 20;
/// Of what stands before one file in a tar.
const LARGEST_HEADER: u64 = 4 << 20;
/// How often what a repository holds may be there by way of links, beyond what is small.
const LINKED: u64 = 4;
const FREE: u64 = 1 << 30;
/// Links that lead to links, as Linux has it.
const MOST_LINKS: usize = 40;

impl GitSource {
    /// From what stands after `git+`: `https://example.org/x?branch=main#COMMIT`.
    ///
    /// # Errors
    /// A sentence about it that goes after `takes NAME from ADDRESS`.
    pub(in crate::source::modules) fn parse(text: &str) -> Result<(GitSource, Hash), String> {
        let mut url = Url::parse(text).map_err(|error| format!("which is no address: {error}"))?;
        if url.scheme() == "file" {
            return Err(
                "a place on this host, which no other has: name it by the address that all can have, and have git \
                        take that from here by `url.<base>.insteadOf` in its configuration"
                    .to_owned(),
            );
        }
        let commit = url.fragment().unwrap_or_default().to_ascii_lowercase();
        let Some(hash) = Hash::from_hex(HashKind::GitCommit, &commit) else {
            return Err("without the commit: `cargo generate-lockfile` writes it".to_owned());
        };
        let kind = |(key, _): &(_, _)| ["branch", "tag", "rev"].contains(&std::ops::Deref::deref(key));
        let reference = url.query_pairs().find(kind).map(|(key, value)| (key.into_owned(), value.into_owned()));
        url.set_fragment(None);
        url.set_query(None);
        if let Some(reason) = crate::recipe::git_url_reason(url.as_str()) {
            return Err(format!("which is no repository: {reason}"));
        }
        Ok((GitSource { url: Address::from(url.as_str()), reference, commit }, hash))
    }

    /// The name of the folder with its crates: the same for all that Cargo takes for the same source.
    pub(in crate::source::modules) fn folder(&self) -> String {
        let mut place = self.url.secret().trim_end_matches('/').to_owned();
        if place.contains("://github.com/") {
            place.make_ascii_lowercase();
        }
        let place = place.strip_suffix(".git").unwrap_or(&place);
        let (kind, value) = self.reference.as_ref().map_or(("", ""), |(kind, value)| (kind, value));
        hex::encode(&Sha256::digest(format!("{place}\n{kind}\n{value}"))[..8])
    }
}

/// Adds the crates that `modules` name out of a tar of their commit, all of which lies below [`TOP`].
pub(in crate::source::modules) fn add(
    tree: &mut TreeWriter<'_>,
    archive: &Path,
    source: &GitSource,
    modules: &mut [&mut Module],
) -> Result<(), SourceError> {
    let origin = format!("{} at {}", source.url, source.commit);
    let commit = Commit { archive, origin: &origin };
    let (manifests, links) = commit.scan(tree.cancel())?;
    let mut crates: BTreeMap<String, (Crate, &str)> = BTreeMap::new();
    for module in modules.iter_mut() {
        let Some(found) = manifests.find(&module.name, &module.version) else {
            return Err(refused(&origin, format!("has no crate {} {}", module.name, module.version)));
        };
        module.license = found.license.as_deref().map(printable);
        crates.insert(found.folder.clone(), (found, module.path.as_str()));
    }
    // The crate that a file is part of, and its path in there.
    let place = |path: &str| {
        let (found, into) = crates.get(manifests.owner(path)?)?;
        let below = path.strip_prefix(found.folder.as_str())?.trim_start_matches('/').to_owned();
        Some((found, *into, below))
    };
    // Where links lead, and what is to be there as well.
    let mut linked: BTreeMap<String, Vec<(&str, String)>> = BTreeMap::new();
    for link in links.keys() {
        if let (Some((_, into, below)), Some(target)) = (place(link), followed(link, &links)) {
            linked.entry(target).or_default().push((into, below));
        }
    }
    let io = |source| SourceError::Io { path: archive.to_owned(), source };
    let mut again = File::open(archive).map_err(io)?;
    let size = again.metadata().map_err(io)?.len();
    tree.allow(size.saturating_mul(LINKED).saturating_add(FREE));
    let cancel = tree.cancel();
    commit.walk(cancel, |path, entry| {
        if !is_file(entry) {
            return Ok(());
        }
        let (size, position) = (entry.size(), entry.raw_file_position());
        let (mode, time) = (entry.header().mode().unwrap_or(0), entry.header().mtime().unwrap_or(0));
        let about = |size| (size, mode & 0o111 != 0, i64::try_from(time).unwrap_or(0));
        let name = |into: &str, below: &str| {
            let name = tree_name(into, below.as_bytes(), 0).map_err(|reason| refused(&origin, reason))?;
            name.ok_or_else(|| refused(&origin, "has a file without a name".to_owned()))
        };
        for (folder, links) in ancestors(path).filter_map(|folder| Some((folder, linked.get(folder)?))) {
            let below = &path[folder.len()..];
            for (into, link) in links {
                again.seek(SeekFrom::Start(position)).map_err(io)?;
                let name = name(into, &format!("{link}/{below}"))?;
                tree.file(&origin, &name, about(size), (&again).take(size))?;
            }
        }
        let Some((found, into, below)) = place(path) else { return Ok(()) };
        match (below.as_str(), &found.manifest) {
            // What Cargo looks for beside a crate in a folder is farm's to write.
            (".cargo-checksum.json", _) => Ok(()),
            ("Cargo.toml", Some(text)) => {
                tree.file(&origin, &name(into, &below)?, about(text.len() as u64), text.as_bytes())
            }
            _ => tree.file(&origin, &name(into, &below)?, about(size), entry),
        }
    })?;
    tree.allow(u64::MAX);
    Ok(())
}

/// Where a link leads in the end: to what is no link, by way of folders that are none. `None` when out of the repository, or
/// round.
fn followed(link: &str, links: &BTreeMap<String, String>) -> Option<String> {
    let mut path = link.to_owned();
    for _ in 0..MOST_LINKS {
        let found = ancestors(&path).find_map(|at| Some((at, links.get(at)?)));
        let Some((at, target)) = found else {
            // Into itself it would go on for ever.
            return (!ancestors(link).any(|folder| folder == path)).then_some(path);
        };
        let parent = at.rsplit_once('/').map_or("", |(parent, _)| parent);
        let target = joined(parent, target)?;
        path = format!("{target}{}", &path[at.len()..]).trim_start_matches('/').to_owned();
    }
    None
}

fn is_file<R: Read>(entry: &tar::Entry<'_, R>) -> bool {
    matches!(entry.header().entry_type(), EntryType::Regular | EntryType::Continuous)
}

/// A tar of a commit, which git made.
struct Commit<'a> {
    archive: &'a Path,
    origin: &'a str,
}

type Entry<'a> = tar::Entry<'a, Bounded<BufReader<File>>>;

impl Commit<'_> {
    /// Its manifests, and its symbolic links with their targets.
    fn scan(&self, cancel: &CancellationToken) -> Result<(Manifests, BTreeMap<String, String>), SourceError> {
        let (mut manifests, mut links, mut left) = (Manifests::default(), BTreeMap::new(), LARGEST_MANIFESTS);
        self.walk(cancel, |path, entry| {
            if entry.header().entry_type() == EntryType::Symlink {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                let target = String::from_utf8(target).ok().filter(|target| target.len() <= LONGEST_NAME);
                links.extend(target.map(|target| (path.to_owned(), target)));
                return Ok(());
            }
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            if name != "Cargo.toml" || !is_file(entry) {
                return Ok(());
            }
            let mut text = Vec::new();
            let read = entry.take(left + 1).read_to_end(&mut text).map_err(|error| self.bad(&error))?;
            left = left
                .checked_sub(read as u64)
                .ok_or_else(|| refused(self.origin, format!("has manifests of more than {LARGEST_MANIFESTS} bytes")))?;
            manifests.insert(folder, &String::from_utf8_lossy(&text));
            Ok(())
        })?;
        Ok((manifests, links))
    }

    /// Shows every entry below [`TOP`] with its path there. Cargo has no crates with names that are not UTF-8.
    fn walk(
        &self,
        cancel: &CancellationToken,
        mut visit: impl FnMut(&str, &mut Entry<'_>) -> Result<(), SourceError>,
    ) -> Result<(), SourceError> {
        let file =
            File::open(self.archive).map_err(|source| SourceError::Io { path: self.archive.to_owned(), source })?;
        let (reader, allowance) = Bounded::new(BufReader::with_capacity(128 * 1024, file));
        let mut archive = tar::Archive::new(reader);
        let mut entries = archive.entries().map_err(|error| self.bad(&error))?;
        loop {
            if cancel.is_cancelled() {
                return Err(SourceError::Cancelled);
            }
            allowance.set(LARGEST_HEADER);
            let Some(entry) = entries.next() else { return Ok(()) };
            allowance.set(u64::MAX);
            let mut entry = entry.map_err(|error| self.bad(&error))?;
            let path = String::from_utf8(entry.path_bytes().into_owned()).ok();
            let path = path.as_deref().and_then(|path| path.strip_prefix(TOP)?.strip_prefix('/'));
            if let Some(path) = path.map(|path| path.trim_end_matches('/')).filter(|path| !path.is_empty()) {
                visit(path, &mut entry)?;
            }
            io::copy(&mut entry, &mut io::sink()).map_err(|error| self.bad(&error))?;
        }
    }

    fn bad(&self, error: &io::Error) -> SourceError {
        refused(self.origin, format!("is a damaged archive: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "154c192c204cdf27d8f1c035d6a041e3a623ceae";

    #[test]
    fn a_source_is_read_as_cargo_writes_it() {
        let read = |query: &str| GitSource::parse(&format!("https://git.example/ws{query}#{COMMIT}")).unwrap().0;
        let tag = read("?tag=v1%2Fx");
        assert_eq!(tag.reference, Some(("tag".to_owned(), "v1/x".to_owned())));
        assert_eq!((tag.url.secret(), tag.commit.as_str()), ("https://git.example/ws", COMMIT));
        // Lock files before version 4 do not encode it.
        assert_eq!(read("?tag=v1/x").folder(), tag.folder());
        assert_eq!(read("").reference, None);
        assert_ne!(read("").folder(), read("?branch=main").folder());
        let of = |url: &str| GitSource::parse(&format!("{url}#{COMMIT}")).unwrap().0.folder();
        assert_eq!(of("https://github.com/A/b.git"), of("https://github.com/a/b/"));
    }

    #[test]
    fn what_no_other_host_has_or_is_not_pinned_is_refused() {
        for (source, reason) in [
            (format!("file:///srv/x#{COMMIT}"), "a place on this host"),
            ("https://git.example/ws".to_owned(), "without the commit"),
            ("https://git.example/ws#main".to_owned(), "without the commit"),
            (format!("ext::sh#{COMMIT}"), "no repository"),
            (format!("/srv/x#{COMMIT}"), "no address"),
        ] {
            let error = GitSource::parse(&source).unwrap_err();
            assert!(error.contains(reason), "{source}: {error}");
        }
    }

    #[test]
    fn links_are_followed_inside_of_the_repository() {
        let links = [
            ("a/readme", "../README"),
            ("a/dir", "../shared/one"),
            ("shared/one", "two"),
            ("a/up", "../.."),
            ("a/all", ".."),
            ("a/round", "round"),
            ("a/abs", "/etc"),
            ("a/deep", "dir/x"),
        ];
        let links = links.into_iter().map(|(from, to)| (from.to_owned(), to.to_owned())).collect();
        let to = |link: &str| followed(link, &links);
        assert_eq!(to("a/readme").as_deref(), Some("README"));
        assert_eq!(to("a/dir").as_deref(), Some("shared/two"));
        assert_eq!(to("a/deep").as_deref(), Some("shared/two/x"));
        for link in ["a/up", "a/all", "a/round", "a/abs"] {
            assert_eq!(to(link), None, "{link}");
        }
    }
}
