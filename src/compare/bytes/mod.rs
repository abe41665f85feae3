//! Two builds of one package, byte by byte: where they are different, and what probably made them so. A package is read as
//! its parts, in their order: of a .deb the members of its two tar archives, of an .rpm the tags of its header and the files of
//! its payload. Of parts that are different, both contents are looked into.

mod cause;
mod content;
mod parts;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use serde::Serialize;

pub use cause::Cause;
pub(crate) use cause::Traits;
use parts::Part;

use crate::artifact::ArtifactError;
use crate::stream::guard;

/// Parts of one package that are looked into.
const MOST_PARTS: usize = 20;
/// The sums of all files of a .deb.
const MD5SUMS: &str = "control.tar /md5sums";
/// Of each side, so much is shown.
const LONGEST_SHOWN: usize = 160;

/// One place where two builds of a package are different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ByteDifference {
    /// The package's file.
    pub file_name: String,
    /// Where in it: a member and what of it. As the package names it, so nothing for a terminal.
    pub place: String,
    /// What the first build has there; none where it has nothing.
    pub before: Option<String>,
    /// What the second build has there.
    pub after: Option<String>,
    /// What probably makes the difference, where it can be told.
    pub cause: Option<Cause>,
}

impl ByteDifference {
    /// Where it is, and what probably makes it: `x_1_all.deb: /usr/share/x/built, line 1: probably the time of the build`.
    pub(crate) fn told(&self) -> String {
        let cause = self.cause.map(|cause| format!(": probably {}", cause.words())).unwrap_or_default();
        format!("{}: {}{cause}", self.file_name, self.place)
    }
}

/// A difference, before it is known of which package.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    place: String,
    before: Option<String>,
    after: Option<String>,
    cause: Option<Cause>,
}

impl Found {
    fn new(place: impl Into<String>, before: &str, after: &str, cause: Option<Cause>) -> Found {
        Found { place: place.into(), before: Some(before.to_owned()), after: Some(after.to_owned()), cause }
    }
}

/// Where two files of one name are different; empty when they are the same, byte by byte, but for what rpmbuild itself writes
/// of the folder that it works in, where that is another one. `traits` are what is different in
/// the environments of the two builds. CPU work: call it from a blocking thread.
///
/// # Errors
/// When one of them cannot be read, or is no package.
pub(crate) fn differences(
    before: &Path,
    after: &Path,
    traits: &[Traits],
) -> Result<Vec<ByteDifference>, ArtifactError> {
    let name = after.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let failed = |path: &Path, reason: String| ArtifactError::Malformed { path: path.to_owned(), reason };
    let unreadable = |path: &Path, error: io::Error| failed(path, error.to_string());
    let offset = first_difference(before, after).map_err(|error| unreadable(after, error))?;
    let Some(offset) = offset else { return Ok(Vec::new()) };
    let nothing = BTreeSet::new();
    let (mut old, _) = parts::read(before, &nothing).map_err(|reason| failed(before, reason))?;
    let (mut new, _) = parts::read(after, &nothing).map_err(|reason| failed(after, reason))?;
    let natural = match traits.iter().any(|one| one.cause == Cause::Path) {
        true => taken_out(&mut old) != taken_out(&mut new),
        false => false,
    };
    let mut found = listed(&old, &new);
    let mut changed = changed(&old, &new);
    // Sums follow from what they are sums of.
    if changed.len() > 1 {
        changed.retain(|place| place != MD5SUMS);
    }
    let changed: BTreeSet<String> = changed.into_iter().take(MOST_PARTS).collect();
    if !changed.is_empty() {
        let (_, mut olds) = parts::read(before, &changed).map_err(|reason| failed(before, reason))?;
        let (_, mut news) = parts::read(after, &changed).map_err(|reason| failed(after, reason))?;
        for place in &changed {
            let (old, new) = (olds.remove(place).unwrap_or_default(), news.remove(place).unwrap_or_default());
            found.push(content::look(place, &old, &new, traits));
        }
    }
    for one in &mut found {
        if one.cause.is_none() {
            one.cause = cause::of(one.before.as_deref(), one.after.as_deref(), traits);
        }
    }
    if found.is_empty() && !natural {
        let place = format!("byte {offset} of the file");
        found.push(Found { place, before: None, after: None, cause: None });
    }
    let shown = |text: Option<String>| text.map(|text| shortened(&text, LONGEST_SHOWN));
    let told = found.into_iter().map(|Found { place, before, after, cause }| ByteDifference {
        file_name: name.clone(),
        place,
        before: shown(before),
        after: shown(after),
        cause,
    });
    Ok(told.collect())
}

/// Takes out what names the folder of the build by the nature of the format.
fn taken_out(parts: &mut Vec<(String, Part)>) -> Vec<(String, Part)> {
    parts.extract_if(.., |(name, _)| parts::OF_FOLDER.contains(&name.as_str())).collect()
}

/// The offset of the first byte that is not the same.
fn first_difference(before: &Path, after: &Path) -> io::Result<Option<u64>> {
    let open = |path: &Path| Ok::<_, io::Error>(BufReader::new(guard::watched(File::open(path)?)));
    let (mut old, mut new) = (open(before)?, open(after)?);
    let (mut left, mut right) = ([0; 1 << 16], [0; 1 << 16]);
    let mut offset = 0;
    loop {
        let (one, other) = (fill(&mut old, &mut left)?, fill(&mut new, &mut right)?);
        let common = left[..one].iter().zip(&right[..other]).take_while(|(a, b)| a == b).count();
        if common < one.max(other) {
            return Ok(Some(offset + common as u64));
        }
        if one == 0 {
            return Ok(None);
        }
        offset += one as u64;
    }
}

fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// What the lists of parts tell: parts that one of the two does not have, other modes, owners and times, another order.
fn listed(old: &[(String, Part)], new: &[(String, Part)]) -> Vec<Found> {
    let by_name = |parts: &[(String, Part)]| -> BTreeMap<String, Part> { parts.iter().cloned().collect() };
    let (olds, news) = (by_name(old), by_name(new));
    let mut found = Vec::new();
    for name in olds.keys().chain(news.keys()).collect::<BTreeSet<_>>() {
        let (before, after) = (olds.get(name), news.get(name));
        let (text, other) = (before.map(|part| &part.about), after.map(|part| &part.about));
        if text != other {
            // Its time alone says what made it so.
            let is_time = before.zip(after).is_some_and(|(a, b)| a.kept == b.kept && a.time != b.time);
            let cause = is_time.then_some(Cause::Time);
            let (before, after) = (text.cloned(), other.cloned());
            found.push(Found { place: name.clone(), before, after, cause });
        }
    }
    let order = |parts: &[(String, Part)]| -> Vec<String> { parts.iter().map(|(name, _)| name.clone()).collect() };
    let (order, other) = (order(old), order(new));
    let is_permuted = olds.len() == news.len() && olds.keys().eq(news.keys()) && order != other;
    if is_permuted && let Some(at) = order.iter().zip(&other).position(|(a, b)| a != b) {
        let cause = cause::of_order(&order, &other);
        found.push(Found::new("the order of its files", &order[at], &other[at], Some(cause)));
    }
    found
}

/// Names of parts that both have with other contents.
fn changed(old: &[(String, Part)], new: &[(String, Part)]) -> Vec<String> {
    let olds: BTreeMap<&str, &Part> = old.iter().map(|(name, part)| (name.as_str(), part)).collect();
    let differs = |part: &Part, name: &str| olds.get(name).is_some_and(|old| old.sha256 != part.sha256);
    new.iter().filter(|(name, part)| differs(part, name)).map(|(name, _)| name.clone()).collect()
}

/// A text up to so many characters.
fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
