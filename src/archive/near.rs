//! What a name that no archive has was meant to be. Looked for only when something is missing: the whole index is read for it,
//! and nothing of that stays in memory.

use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::sync::PoisonError;

use super::ArchiveError;
use super::packages::{Index, LONGEST_STANZA, Package};

/// What marks a package to build with, in Debian and in RPM distributions.
const FOR_BUILDS: [&str; 3] = ["-dev", "-devel", "-headers"];

impl Index {
    /// The newest package of this name; where there is none, at most `most` whose names are near to it, the nearest first.
    /// Blocks: it reads all of the index.
    pub(crate) fn near(&self, name: &str, most: usize) -> Result<Vec<Package>, ArchiveError> {
        if let Some(package) = self.newest(name)? {
            return Ok(vec![package]);
        }
        let mut found: Vec<(usize, String)> = Vec::new();
        for file in &self.files {
            let io = |source| ArchiveError::Io { path: file.path.clone(), source };
            let mut opened = file.file.lock().unwrap_or_else(PoisonError::into_inner);
            opened.seek(SeekFrom::Start(0)).map_err(io)?;
            let mut reader = BufReader::with_capacity(256 * 1024, &mut *opened);
            let mut line = Vec::new();
            loop {
                line.clear();
                let mut bounded = std::io::Read::take(&mut reader, u64::from(LONGEST_STANZA));
                if bounded.read_until(b'\n', &mut line).map_err(io)? == 0 {
                    break;
                }
                let Some(candidate) = line.strip_prefix(b"Package: ").and_then(|rest| std::str::from_utf8(rest).ok())
                else {
                    continue;
                };
                let candidate = candidate.trim();
                if let Some(distance) = distance(name, candidate)
                    && found.iter().all(|(_, known)| known != candidate)
                {
                    found.push((distance, candidate.to_owned()));
                    found.sort_by(|(a, one), (b, other)| (a, one.len(), one).cmp(&(b, other.len(), other)));
                    found.truncate(most);
                }
            }
        }
        let mut packages = Vec::new();
        for (_, name) in found {
            packages.extend(self.newest(&name)?);
        }
        Ok(packages)
    }
}

/// As [`Index::near`], among names and versions that somebody else has looked up, those of one name from the oldest on; also of
/// capabilities, as `pkgconfig(zlib)`.
pub(crate) fn nearest(written: &str, offered: &[(String, String)], most: usize) -> Vec<(String, String)> {
    if let Some(known) = offered.iter().rfind(|(name, version)| name == written && !version.is_empty()) {
        return vec![known.clone()];
    }
    let near = |one: &(String, String)| {
        let distance = match (capability(written), capability(&one.0)) {
            (Some((kind, wanted)), Some((other, found))) if kind == other => distance(wanted, found),
            (None, None) => distance(written, &one.0),
            _ => None,
        };
        Some((distance?, one.0.len(), one.clone()))
    };
    let mut found: Vec<_> = offered.iter().rev().filter_map(near).collect();
    found.sort_by(|(a, long, one), (b, longer, other)| (a, long, &one.0).cmp(&(b, longer, &other.0)));
    found.dedup_by(|(_, _, one), (_, _, other)| one.0 == other.0);
    found.into_iter().take(most).map(|(_, _, one)| one).collect()
}

/// `pkgconfig(zlib)` as its kind and its name.
fn capability(name: &str) -> Option<(&str, &str)> {
    name.strip_suffix(')')?.split_once('(')
}

/// How far a name is from what was written: 0 where only what distributions add to names differs (`ssl`, `libssl-devel` and
/// `libssl-dev`; `libssl` and `libssl3`), else slips of fingers. None: too far to be meant.
fn distance(written: &str, candidate: &str) -> Option<usize> {
    let (wanted, found) = (stem(written), stem(candidate));
    if for_builds(written) == for_builds(candidate) && bare(wanted) == bare(found) {
        return Some(0);
    }
    let limit = (wanted.chars().count() / 4).max(1);
    if written.len().abs_diff(candidate.len()) > limit {
        return None;
    }
    // Swaps of neighbours, the commonest slip, count once.
    let distance = strsim::osa_distance(written, candidate);
    (distance <= limit).then_some(distance)
}

fn for_builds(name: &str) -> bool {
    FOR_BUILDS.iter().any(|end| name.ends_with(end))
}

/// Without what says that it is a library, and what it is for.
fn stem(name: &str) -> &str {
    let name = FOR_BUILDS.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    name.strip_prefix("lib").filter(|rest| rest.len() > 1).unwrap_or(name)
}

/// A stem without the version of its interface: `ssl3`, `zlib1g`, `png16-16`, `glib2.0-0`.
fn bare(stem: &str) -> &str {
    let end = stem.char_indices().skip(2).find(|(_, c)| c.is_ascii_digit()).map_or(stem.len(), |(at, _)| at);
    let is_version = stem[end..].chars().filter(char::is_ascii_alphabetic).count() <= 1;
    let stem = if is_version { &stem[..end] } else { stem };
    stem.trim_end_matches(['-', '.'])
}

#[cfg(test)]
mod tests {
    use super::nearest;
    use crate::archive::packages::tests::{index, stanza};

    #[test]
    fn names_are_near_by_slips_and_by_what_distributions_add_to_them() {
        let names = [
            "libssl-dev",
            "libssl3",
            "openssl",
            "zlib1g-dev",
            "zlib1g",
            "libpng-dev",
            "libpng16-16",
            "libncurses-dev",
            "libncurses5-dev",
            "python3-requests",
            "texinfo",
            "libglib2.0-dev",
            "libglib2.0-0",
            "make",
            "mawk",
            "gawk",
        ];
        let text: String = names.iter().map(|name| stanza(name, "1", "")).collect();
        let index = index(&text);
        let near = |name: &str| {
            let packages = index.near(name, 3).unwrap();
            packages.into_iter().map(|package| package.name).collect::<Vec<_>>().join(" ")
        };
        for (written, meant) in [
            ("libsll-dev", "libssl-dev"),
            ("libssl-devel", "libssl-dev"),
            ("ssl-dev", "libssl-dev"),
            ("libssl", "libssl3"),
            ("libssl1.1", "libssl3"),
            ("zlib-devel", "zlib1g-dev"),
            ("zlib", "zlib1g"),
            ("libpng16-dev", "libpng-dev"),
            ("ncurses-devel", "libncurses-dev libncurses5-dev"),
            ("python-requests", "python3-requests"),
            ("texifno", "texinfo"),
            ("glib2-devel", "libglib2.0-dev"),
            ("libglib2.0", "libglib2.0-0"),
            ("make", "make"),
            ("nawk", "gawk mawk"),
            ("libnosuch-dev", ""),
            ("nosuch", ""),
            ("é", ""),
        ] {
            assert_eq!(near(written), meant, "{written}");
        }
    }

    #[test]
    fn of_what_somebody_has_looked_up_the_nearest_are_told() {
        let offered = [
            ("libssl-devel", "3"),
            ("libss-devel", "1"),
            ("openssl-devel", "3"),
            ("pkgconfig(zlib)", "1.2"),
            ("pkgconfig(zlib-ng)", ""),
            ("cmake(zlib)", "1"),
            ("make", "9"),
            ("make", "10"),
        ];
        let offered = offered.map(|(name, version)| (name.to_owned(), version.to_owned()));
        let near = |name: &str| {
            let found = nearest(name, &offered, 3).into_iter().map(|(name, version)| format!("{name} {version}"));
            found.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(near("libssl-dev"), "libssl-devel 3");
        assert_eq!(near("libsll-devel"), "libssl-devel 3");
        assert_eq!(near("pkgconfig(zlibb)"), "pkgconfig(zlib) 1.2");
        assert_eq!(near("make"), "make 10");
        assert_eq!(near("maek"), "make 10");
        assert_eq!(near("pkgconfig(frog)"), "");
    }
}
