//! What git's index says is part of a work tree: gitformat-index(5), versions 2 to 4. Read here and not asked of git, as
//! that takes a process for each source of each plan; an index in one of its rarer shapes is git's to read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::super::SourceError;
use super::{Checkout, Repository, View};

/// An index of a million files is a tenth of this.
const LARGEST_INDEX: u64 = 1 << 30;
/// What `git ls-files` may print of it.
const LONGEST_LIST: usize = 1 << 30;

const SYMLINK_OR_FILE: [u32; 3] = [0o100_644, 0o100_755, 0o120_000];
const GITLINK: u32 = 0o160_000;

/// One entry of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct Tracked {
    mode: u32,
    /// Hex.
    pub(in crate::source) id: String,
    /// From the top of the work tree.
    pub(in crate::source) name: Vec<u8>,
}

impl Tracked {
    pub(in crate::source) fn is_submodule(&self) -> bool {
        self.mode == GITLINK
    }
}

/// The files, links and submodules that the index has, in its order; none where there is no index.
pub(in crate::source) fn tracked(checkout: &Checkout) -> Result<Vec<Tracked>, SourceError> {
    let path = checkout.index();
    let io = |source| SourceError::Io { path: path.clone(), source };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(error)),
    };
    if !file.metadata().map_err(io)?.is_file() {
        return Err(SourceError::Git(format!("{} is no file", path.display())));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_INDEX).read_to_end(&mut bytes).map_err(io)?;
    if let Some(found) = parse(&bytes, checkout.id_bytes()) {
        return Ok(found);
    }
    let listed =
        Repository::list(&View::of(checkout.clone())?, &["ls-files", "--stage", "-z", "--full-name"], LONGEST_LIST)?;
    Ok(listed.split(|byte| *byte == 0).filter_map(listed_entry).collect())
}

/// The files that git tracks in a work tree, as paths from its top, whatever `.gitignore` says of them. None where the folder
/// is no top of a work tree, or git's files cannot be read: who asks has looked at the files themselves.
pub(crate) fn tracked_files(top: &Path) -> Vec<String> {
    let entries = Checkout::at(top).ok().flatten().and_then(|checkout| tracked(&checkout).ok()).unwrap_or_default();
    let files = entries.into_iter().filter(|entry| !entry.is_submodule());
    files.filter_map(|entry| String::from_utf8(entry.name).ok()).collect()
}

/// `100644 <id> <stage>\t<name>`
fn listed_entry(line: &[u8]) -> Option<Tracked> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let about = std::str::from_utf8(&line[..tab]).ok()?;
    let mut words = about.split(' ');
    let mode = u32::from_str_radix(words.next()?, 8).ok()?;
    admitted(Tracked { mode, id: words.next()?.to_owned(), name: line[tab + 1..].to_vec() })
}

fn admitted(entry: Tracked) -> Option<Tracked> {
    let plain = |part: &[u8]| !part.is_empty() && part != b"." && part != b".." && !part.eq_ignore_ascii_case(b".git");
    let is_inside = !entry.name.contains(&0) && entry.name.split(|byte| *byte == b'/').all(plain);
    (is_inside && (SYMLINK_OR_FILE.contains(&entry.mode) || entry.is_submodule())).then_some(entry)
}

/// The entries; `None` for what only git can read: a split or sparse index, another version, damage.
fn parse(bytes: &[u8], id_bytes: usize) -> Option<Vec<Tracked>> {
    let body = bytes.get(..bytes.len().checked_sub(id_bytes)?)?;
    let (magic, rest) = body.split_at_checked(4)?;
    let (version, rest) = number(rest)?;
    let (count, mut rest) = number(rest)?;
    if magic != b"DIRC" || !(2..=4).contains(&version) {
        return None;
    }
    let mut found = Vec::new();
    let mut name: Vec<u8> = Vec::new();
    for _ in 0..count {
        let entry = rest;
        // Times, device and inode; then mode, owner, size.
        let (mode, _) = number(rest.get(24..)?)?;
        rest = rest.get(40..)?;
        let id = rest.get(..id_bytes)?;
        rest = rest.get(id_bytes..)?;
        let flags = u16::from_be_bytes(rest.get(..2)?.try_into().ok()?);
        rest = rest.get(2..)?;
        if flags & 0x4000 != 0 {
            rest = rest.get(2..)?;
        }
        if version == 4 {
            let (cut, after) = variable(rest)?;
            name.truncate(name.len().checked_sub(usize::try_from(cut).ok()?)?);
            let end = after.iter().position(|byte| *byte == 0)?;
            name.extend_from_slice(&after[..end]);
            rest = &after[end + 1..];
        } else {
            let end = rest.iter().position(|byte| *byte == 0)?;
            name = rest[..end].to_vec();
            let length = entry.len() - rest.len() + end;
            // One to eight zeros, up to a multiple of eight.
            rest = entry.get((length + 8) & !7..)?;
        }
        // A folder: the index is a sparse one.
        if mode == 0o40_000 {
            return None;
        }
        found.extend(admitted(Tracked { mode, id: hex::encode(id), name: name.clone() }));
    }
    while !rest.is_empty() {
        let (kind, after) = rest.split_at_checked(4)?;
        let (size, after) = number(after)?;
        if kind == b"link" || kind == b"sdir" {
            return None;
        }
        rest = after.get(usize::try_from(size).ok()?..)?;
    }
    Some(found)
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (first, rest) = bytes.split_at_checked(4)?;
    Some((u32::from_be_bytes(first.try_into().ok()?), rest))
}

/// A number of as many bytes as it takes, as offsets in packs have it.
fn variable(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value: u64 = 0;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        value = value.checked_shl(7)? | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
        value += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_an_index_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..300), version in 0_u8..6) {
            let _ = parse(&bytes, 20);
            let whole = [b"DIRC\0\0\0".as_slice(), &[version], &bytes].concat();
            for entry in parse(&whole, 20).into_iter().flatten() {
                prop_assert!(!entry.name.starts_with(b"/"));
            }
        }
    }

    #[test]
    fn names_that_lead_out_of_the_work_tree_are_passed_over() {
        for name in ["/etc/passwd", "../x", "a/../../x", ".git/config", "a/.GIT/hooks/x", "a//b", ""] {
            let entry = Tracked { mode: 0o100_644, id: String::new(), name: name.as_bytes().to_vec() };
            assert_eq!(admitted(entry), None, "{name}");
        }
    }
}
