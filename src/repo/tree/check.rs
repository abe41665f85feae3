//! Reads a tree as apt and dnf would: signatures, dates, the sums of all indexes, every package. It believes nothing that farm
//! keeps beside the repositories, so it looks at a tree of anybody's, or at a copy.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime, Utc};
use rayon::prelude::*;

use super::model::{Place, RepoError};
use super::pool::sum_of;
use super::state::{places, sum};
use crate::formats::compression::decompressed;
use crate::formats::{deb822, openpgp, repodata, rpm_signature};
use crate::types::{Format, printable};

/// The plain text of an index of Debian, which has 60,000 packages, is a tenth of it.
const LARGEST_INDEX: u64 = 1 << 30;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) repositories: usize,
    pub(crate) packages: usize,
    /// What clients would refuse, and where, in words.
    pub(crate) problems: Vec<(PathBuf, String)>,
    /// By repository, when its state was made, in seconds since the epoch.
    pub(crate) dates: BTreeMap<String, i64>,
    /// By the fingerprint of each key that was given, how many repositories and .rpm packages it has signed.
    pub(crate) signed: BTreeMap<String, (usize, usize)>,
}

/// A package as an index names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    path: PathBuf,
    sha256: String,
    size: u64,
    is_rpm: bool,
}

/// Reads all repositories of a tree. `keys`: what they are to be signed by; none: nothing need be signed. `known`: dates of
/// states that were seen before, by repository.
///
/// # Errors
/// When there is no repository.
pub(crate) fn check(
    root: &Path,
    keys: Option<&[u8]>,
    known: &BTreeMap<String, i64>,
    now: DateTime<Utc>,
) -> Result<Checked, RepoError> {
    let places = places(root);
    if places.is_empty() {
        let reason = "there are no repositories in it (dists/, rpm/)".to_owned();
        return Err(RepoError::Foreign { path: root.to_owned(), reason });
    }
    let mut checked = Checked { repositories: places.len(), ..Checked::default() };
    let given = keys.and_then(|keys| openpgp::read(keys).ok()).unwrap_or_default();
    checked.signed = given.iter().map(|key| (openpgp::fingerprint(key), (0, 0))).collect();
    let mut named = BTreeSet::new();
    for place in &places {
        let mut one = Repository {
            root,
            place,
            keys,
            now,
            problems: Vec::new(),
            named: BTreeSet::new(),
            date: None,
            by: Vec::new(),
        };
        let done = match place.format {
            Format::Deb => one.apt(),
            Format::Rpm => one.rpm(),
        };
        if let Err((path, reason)) = done {
            one.problem(&path, reason);
        }
        if let Some(date) = one.date {
            let last = known.get(&place.to_string()).copied();
            if let Some(last) = last.filter(|last| *last > date) {
                let reason = format!(
                    "it is of {}, and a state of {} was there before: an older one is replayed",
                    day(date),
                    day(last)
                );
                one.problem(&root.join(place.folder()).join(place.anchor()), reason);
            }
            checked.dates.insert(place.to_string(), date.max(last.unwrap_or(date)));
        }
        checked.problems.append(&mut one.problems);
        named.append(&mut one.named);
        for key in one.by {
            checked.signed.entry(key).or_default().0 += 1;
        }
    }
    checked.packages = named.len();
    let packages: Vec<Named> = named.into_iter().collect();
    let looked: Vec<Result<Option<String>, String>> = packages.par_iter().map(|one| one.signed_by(keys)).collect();
    for (one, looked) in packages.iter().zip(looked) {
        match looked {
            Ok(Some(key)) => checked.signed.entry(key).or_default().1 += 1,
            Ok(None) => {}
            Err(reason) => checked.problems.push((one.path.clone(), reason)),
        }
    }
    Ok(checked)
}

impl Named {
    /// The key that has signed it, if it is to be signed itself; an error is what is wrong with it.
    fn signed_by(&self, keys: Option<&[u8]>) -> Result<Option<String>, String> {
        match sum_of(&self.path) {
            Err(_) => return Err("it is in the index, and cannot be read".to_owned()),
            Ok((_, size)) if size != self.size => {
                return Err(format!("it has {size} bytes, and {} in the index", self.size));
            }
            Ok((found, _)) if found != self.sha256 => {
                return Err("it has another SHA256 sum than in the index".to_owned());
            }
            Ok(_) => {}
        }
        match keys.filter(|_| self.is_rpm) {
            Some(keys) => rpm_signature::verify(&self.path, keys).map(Some),
            None => Ok(None),
        }
    }
}

type Found = Result<(), (PathBuf, String)>;

struct Repository<'a> {
    root: &'a Path,
    place: &'a Place,
    keys: Option<&'a [u8]>,
    now: DateTime<Utc>,
    problems: Vec<(PathBuf, String)>,
    named: BTreeSet<Named>,
    date: Option<i64>,
    /// The keys that have signed it.
    by: Vec<String>,
}

impl Repository<'_> {
    fn problem(&mut self, path: &Path, reason: impl Into<String>) {
        self.problems.push((path.to_owned(), reason.into()));
    }

    fn apt(&mut self) -> Found {
        let folder = self.root.join(self.place.folder());
        let (in_release, release) = (folder.join("InRelease"), folder.join("Release"));
        let text = match self.keys {
            None => text(&release)?,
            Some(keys) => {
                let verified = openpgp::signers_of_cleartext(&text(&in_release)?, keys);
                let (signed, by) = verified.map_err(|reason| (in_release.clone(), reason))?;
                let plain = text(&release)?;
                if plain != signed {
                    self.problem(&release, "it says something else than InRelease");
                }
                let detached = folder.join("Release.gpg");
                match openpgp::signers_of_detached(plain.as_bytes(), &bytes(&detached)?, keys) {
                    Err(reason) => self.problem(&detached, reason),
                    Ok(also) if also != by => {
                        let reason = format!(
                            "{} has signed it, and {} InRelease: who has one of these keys alone takes only one of the two",
                            also.join(" and "),
                            by.join(" and ")
                        );
                        self.problem(&detached, reason);
                    }
                    Ok(_) => {}
                }
                self.by = by;
                signed
            }
        };
        let field = |name: &str| deb822::field(&text, name).unwrap_or_default();
        let time = |name: &str| {
            let value = field(name);
            let parsed = NaiveDateTime::parse_from_str(value, "%a, %d %b %Y %H:%M:%S UTC");
            parsed
                .map(|time| time.and_utc())
                .map_err(|_| (release.clone(), format!("its {name} is `{}`", printable(value))))
        };
        let date = time("Date")?;
        self.date = Some(date.timestamp());
        if date > self.now + chrono::Duration::days(1) {
            self.problem(&release, "its Date is to come");
        }
        if !field("Valid-Until").is_empty() {
            let until = time("Valid-Until")?;
            if until < self.now {
                self.problem(
                    &release,
                    format!("it was valid until {}: `farm repo` signs it anew", day(until.timestamp())),
                );
            }
        }
        let by_hash = field("Acquire-By-Hash") == "yes";
        let mut listed: BTreeMap<&str, (&str, u64)> = BTreeMap::new();
        for line in field("SHA256").lines().filter(|line| !line.trim().is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                [sha256, size, path] if is_inner(path) => {
                    listed.insert(path, (sha256, size.parse().unwrap_or_default()));
                }
                _ => self.problem(&release, format!("it has the line `{}`", printable(line))),
            }
        }
        for (path, (sha256, size)) in &listed {
            let file = folder.join(path);
            let packed = [".gz", ".xz", ".zst", ".bz2"]
                .iter()
                .any(|ending| listed.contains_key(format!("{path}{ending}").as_str()));
            if !file.exists() && packed {
                continue;
            }
            let found = bytes(&file)?;
            if found.len() as u64 != *size || sum(&found) != **sha256 {
                self.problem(&file, "it is not the one that the Release names");
                continue;
            }
            if by_hash {
                let hashed = file.parent().unwrap_or(&folder).join("by-hash/SHA256").join(sha256);
                if bytes(&hashed)? != found {
                    self.problem(&hashed, "it is not the file of this sum");
                }
            }
            let stem = path.strip_suffix(".gz").or(path.strip_suffix(".xz"));
            let Some(stem) = stem else { continue };
            let unpacked = unpacked(&file, &found).map_err(|reason| (file.clone(), reason))?;
            if listed.get(stem).is_some_and(|(plain, _)| sum(&unpacked) != *plain) {
                self.problem(&file, format!("unpacked it is not the {stem} that the Release names"));
            }
            if stem.ends_with("/Packages") {
                self.packages_of(&file, &String::from_utf8_lossy(&unpacked));
            }
            if stem.ends_with("/Sources") {
                self.sources_of(&file, &String::from_utf8_lossy(&unpacked));
            }
        }
        Ok(())
    }

    fn packages_of(&mut self, index: &Path, text: &str) {
        for paragraph in deb822::paragraphs(text) {
            let field = |name: &str| deb822::field(paragraph, name).unwrap_or_default();
            let path = field("Filename").trim_start_matches("./");
            if !is_inner(path) {
                self.problem(index, format!("{} lies at `{}`", printable(field("Package")), printable(path)));
                continue;
            }
            self.named.insert(Named {
                path: self.root.join(path),
                sha256: field("SHA256").to_owned(),
                size: field("Size").parse().unwrap_or_default(),
                is_rpm: false,
            });
        }
    }

    fn sources_of(&mut self, index: &Path, text: &str) {
        for paragraph in deb822::paragraphs(text) {
            let field = |name: &str| deb822::field(paragraph, name).unwrap_or_default();
            for line in field("Checksums-Sha256").lines().filter(|line| !line.trim().is_empty()) {
                let words: Vec<&str> = line.split_whitespace().collect();
                let path = format!("{}/{}", field("Directory"), words.last().unwrap_or(&""));
                if words.len() != 3 || !is_inner(&path) {
                    self.problem(index, format!("{} has the line `{}`", printable(field("Package")), printable(line)));
                    continue;
                }
                let size = words[1].parse().unwrap_or_default();
                self.named.insert(Named {
                    path: self.root.join(path),
                    sha256: words[0].to_owned(),
                    size,
                    is_rpm: false,
                });
            }
        }
    }

    fn rpm(&mut self) -> Found {
        let repository = self.root.join("rpm").join(&self.place.name);
        let repomd = repository.join("repodata/repomd.xml");
        let content = bytes(&repomd)?;
        if let Some(keys) = self.keys {
            let asc = repository.join("repodata/repomd.xml.asc");
            let by = openpgp::signers_of_detached(&content, &bytes(&asc)?, keys);
            self.by = by.map_err(|reason| (asc, reason))?;
        }
        self.date = revision(&content);
        let files = repodata::files(&content).map_err(|reason| (repomd.clone(), reason))?;
        for (kind, listed) in &files {
            let file = repository.join(&listed.href);
            let found = bytes(&file)?;
            if sum(&found) != listed.sha256 || listed.size.is_some_and(|size| size != found.len() as u64) {
                self.problem(&file, "it is not the one that repomd.xml names");
                continue;
            }
            let unpacked = unpacked(&file, &found).map_err(|reason| (file.clone(), reason))?;
            if kind != "primary" {
                continue;
            }
            let packages = repodata::packages(&unpacked[..], None).map_err(|reason| (file.clone(), reason))?;
            self.named.extend(packages.into_iter().map(|entry| Named {
                path: repository.join(&entry.href),
                sha256: entry.sha256,
                size: entry.size,
                is_rpm: true,
            }));
        }
        match files.iter().any(|(kind, _)| kind == "primary") {
            true => Ok(()),
            false => Err((repomd, "it lists no packages (primary)".to_owned())),
        }
    }
}

/// The number that repomd.xml has; farm's is a time.
fn revision(repomd: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(repomd).ok()?;
    let (_, rest) = text.split_once("<revision>")?;
    rest.split_once("</revision>")?.0.trim().parse().ok()
}

pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, (PathBuf, String)> {
    fs::read(path).map_err(|error| (path.to_owned(), format!("it cannot be read: {error}")))
}

pub(super) fn text(path: &Path) -> Result<String, (PathBuf, String)> {
    String::from_utf8(bytes(path)?).map_err(|_| (path.to_owned(), "it is no text".to_owned()))
}

pub(super) fn unpacked(path: &Path, content: &[u8]) -> Result<Vec<u8>, String> {
    let kind = path.extension().and_then(|kind| kind.to_str()).filter(|kind| *kind != "xml").unwrap_or_default();
    let mut reader = BufReader::new(content);
    let mut unpacked = Vec::new();
    let read = decompressed(kind, &mut reader)?.take(LARGEST_INDEX + 1).read_to_end(&mut unpacked);
    read.map_err(|error| error.to_string())?;
    match unpacked.len() as u64 > LARGEST_INDEX {
        true => Err("it is unreasonably large".to_owned()),
        false => Ok(unpacked),
    }
}

/// Whether a path stays below its folder.
pub(super) fn is_inner(path: &str) -> bool {
    !path.is_empty() && !path.starts_with('/') && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn day(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).map_or_else(String::new, |time| time.format("%Y-%m-%d %H:%M:%S").to_string())
}
