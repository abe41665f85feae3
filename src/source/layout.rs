//! Where the entries of an archive belong in the tree, and what of it gets lost on the way there: releases that were
//! packed without a folder of their own, whose files `strip` would drop or mix.

use std::collections::BTreeSet;

use super::tree::{TreeWriter, shown, tree_name};
use super::{SourceError, problem_at};
use crate::recipe::Source;

/// Files that are named where some are dropped.
const NAMED: usize = 3;

/// How names of one archive become names of the tree.
pub(super) struct Layout<'a> {
    into: &'a str,
    strip: u32,
    /// Whose archive it is; none for those that farm makes itself, which have the folders that they should.
    source: Option<&'a Source>,
    /// The first folders at its top.
    tops: BTreeSet<Vec<u8>>,
    /// Files that have nothing above them to strip: the first of them, and how many.
    dropped: Vec<String>,
    count: usize,
    taken: usize,
}

/// What becomes of an entry.
pub(super) enum Destination {
    At(Vec<u8>),
    /// It is no part of the tree.
    Nowhere,
}

impl<'a> Layout<'a> {
    /// Of an archive that a recipe names.
    pub(super) fn of(source: &'a Source) -> Layout<'a> {
        Layout { source: Some(source), ..Layout::new(&source.into, source.strip) }
    }

    /// Of a commit: an archive of farm's own with one folder around it.
    pub(super) fn inside_top(source: &'a Source) -> Layout<'a> {
        Layout::new(&source.into, source.strip + 1)
    }

    /// Of an archive of farm's own, whose names stay.
    pub(super) fn as_it_is() -> Layout<'static> {
        Layout::new(".", 0)
    }

    fn new(into: &'a str, strip: u32) -> Layout<'a> {
        Layout { into, strip, source: None, tops: BTreeSet::new(), dropped: Vec::new(), count: 0, taken: 0 }
    }

    /// Where an entry of this name belongs.
    ///
    /// # Errors
    /// A sentence, for names that lead out of the tree.
    pub(super) fn place(&mut self, name: &[u8], is_folder: bool) -> Result<Destination, String> {
        let place = tree_name(self.into, name, self.strip)?;
        if self.strip > 0 {
            let mut parts = name.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
            let Some(first) = parts.next() else { return Ok(Destination::Nowhere) };
            let is_file = !is_folder && parts.next().is_none();
            if is_clutter(first, is_file) {
                return Ok(Destination::Nowhere);
            }
            if !is_file && self.tops.len() < NAMED {
                self.tops.insert(first.to_vec());
            }
        }
        match place {
            Some(name) => {
                self.taken += 1;
                Ok(Destination::At(name))
            }
            None if is_folder => Ok(Destination::Nowhere),
            None => {
                self.count += 1;
                if self.dropped.len() < NAMED {
                    self.dropped.push(shown(name));
                }
                Ok(Destination::Nowhere)
            }
        }
    }

    /// Where the target of a hard link is, which is an entry that came before.
    pub(super) fn target(&self, name: &[u8]) -> Result<Option<Vec<u8>>, String> {
        tree_name(self.into, name, self.strip)
    }

    /// What is wrong with the archive as a whole, as far as it has been seen.
    pub(super) fn problem(&self, origin: &str) -> Option<SourceError> {
        let source = self.source?;
        let files = match self.count {
            1 => "1 file lies".to_owned(),
            n => format!("{n} files lie"),
        };
        let more = if self.count > self.dropped.len() { ", …" } else { "" };
        let dropped = format!("{files} at its top and would be dropped: {}{more}", self.dropped.join(", "));
        if source.strip_said {
            // That files are dropped may be meant; that all of them are cannot.
            return (self.taken == 0 && self.count > 0).then(|| {
                let label = format!("{origin}: {dropped}");
                let help = format!("strip = {} leaves nothing of it: strip = 0 takes all", source.strip);
                problem_at(source, "nothing is left of an archive", label, Some(&help))
            });
        }
        let label = match (self.count, self.tops.len()) {
            (0, 0 | 1) => return None,
            (0, _) => {
                let tops: Vec<String> = self.tops.iter().map(|top| shown(top)).collect();
                format!("{origin}: it has more than one folder at its top: {}", tops.join(", "))
            }
            _ => format!("{origin}: {dropped}"),
        };
        let help = "strip = 0 in this [[sources]] takes all as it is; strip = 1 says that they are to be dropped";
        Some(problem_at(source, "an archive has no single top folder", label, Some(help)))
    }

    /// Once all entries are seen.
    pub(super) fn finish(&self, tree: &mut TreeWriter<'_>, origin: &str) -> Result<(), SourceError> {
        if let Some(problem) = self.problem(origin) {
            return Err(problem);
        }
        if self.source.is_some() && self.count > 0 {
            let files = if self.count == 1 { "file was" } else { "files were" };
            let named = self.dropped.join(", ");
            let sentence = format!("{} {files} dropped from the top of {origin} by strip: {named}", self.count);
            tree.warn("dropped-files", sentence);
        }
        Ok(())
    }
}

/// What systems put beside the files that somebody packed: Finder's and AppleDouble files.
fn is_clutter(first: &[u8], is_file: bool) -> bool {
    first == b"__MACOSX" || is_file && (first == b".DS_Store" || first.starts_with(b"._"))
}
