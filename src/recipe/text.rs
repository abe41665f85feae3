//! The text of a recipe, together with that of the files that it extends. A place in it is a place in one of these files.

use std::fs::File;
use std::io::Read;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Problem;
use crate::types::printable;

/// No recipe is near this; something else was named by mistake, or `farm.toml` is a link to it.
const MAX_MIB: u64 = 1;

/// A recipe's own text with what it extends behind it, in the order in which the files name each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipeText {
    whole: Arc<str>,
    /// Where each file begins, and its path for messages. The first is the recipe itself.
    files: Arc<[(usize, PathBuf)]>,
}

/// A place in one of the files.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pub(crate) path: &'a Path,
    /// All of that file.
    pub(crate) text: &'a str,
    /// In `text`, in bytes.
    pub(crate) span: Range<usize>,
}

impl Deref for RecipeText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.whole
    }
}

impl RecipeText {
    /// `files` are paths with their texts, first the recipe itself.
    pub(super) fn new<'a>(files: impl IntoIterator<Item = (&'a Path, &'a str)>) -> RecipeText {
        let (mut whole, mut starts) = (String::new(), Vec::new());
        for (path, text) in files {
            if !starts.is_empty() {
                whole.push('\n');
            }
            starts.push((whole.len(), path.to_owned()));
            whole.push_str(text);
        }
        RecipeText { whole: whole.into(), files: starts.into() }
    }

    /// The number of the file in which a place is: 0 is the recipe itself, 1 what it extends.
    pub(super) fn number(&self, span: &Range<usize>) -> usize {
        self.files.iter().rposition(|(start, _)| *start <= span.start).unwrap_or(0)
    }

    /// The file in which a place is, and the place there.
    pub(crate) fn place(&self, span: &Range<usize>) -> Place<'_> {
        let number = self.number(span);
        let (start, path) = self.files.get(number).map_or((0, Path::new("")), |(start, path)| (*start, path));
        let end = self.files.get(number + 1).map_or(self.whole.len(), |(next, _)| next - 1);
        let within = |at: usize| at.min(end).saturating_sub(start);
        let text = self.whole.get(start..end).unwrap_or_default();
        Place { path, text, span: within(span.start)..within(span.end) }
    }
}

impl Place<'_> {
    /// 1-based.
    pub(crate) fn line(&self) -> usize {
        self.text.get(..self.span.start).unwrap_or(self.text).matches('\n').count() + 1
    }
}

/// What a recipe's file holds.
///
/// # Errors
/// The reason, when it is no readable file of a plausible size.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let file = open(path)?;
    if file.metadata().map_err(|error| error.to_string())?.is_dir() {
        return Err("it is a folder; name the farm.toml in it".to_owned());
    }
    bounded(file, MAX_MIB, "recipe")
}

/// What a file holds that a recipe names: a script, a key. None is larger than `mib`.
///
/// # Errors
/// As [`read`].
pub(super) fn read_named(path: &Path, mib: u64, what: &str) -> Result<Vec<u8>, String> {
    let file = open(path)?;
    if !file.metadata().map_err(|error| error.to_string())?.is_file() {
        return Err("it is no regular file".to_owned());
    }
    bounded(file, mib, what)
}

fn open(path: &Path) -> Result<File, String> {
    File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => match std::fs::read_link(path) {
            Ok(to) => format!("it is a link to {}, where nothing is", printable(&to.display().to_string())),
            Err(_) => "there is no such file".to_owned(),
        },
        _ => error.to_string(),
    })
}

fn bounded(file: File, mib: u64, what: &str) -> Result<Vec<u8>, String> {
    let most = mib << 20;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > most {
        return Err(format!("it is larger than {mib} MiB, which no {what} is"));
    }
    Ok(bytes)
}

/// UTF-8 without a byte order mark and with plain line feeds: a CR within a script would reach the shell.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, (String, Problem)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.replace("\r\n", "\n")),
        Err(error) => {
            let at = error.valid_up_to();
            let utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
            let problem = Problem {
                message: "not UTF-8 text".to_owned(),
                span: at..at + '\u{fffd}'.len_utf8(),
                label: format!("the byte 0x{:02x} has no meaning here", bytes[at]),
                help: Some(if utf16 {
                    "this is UTF-16: save the file as UTF-8".to_owned()
                } else {
                    "save the file as UTF-8; umlauts in Latin-1 are the usual cause".to_owned()
                }),
            };
            Err((String::from_utf8_lossy(bytes).into_owned(), problem))
        }
    }
}
