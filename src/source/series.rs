//! A quilt `series`: names of patches beside it, in order, each with its options.

use crate::recipe::Patch;
use crate::types::printable;

/// The patches that a series lists; `path` is where it lies, relative to the recipe.
///
/// # Errors
/// A sentence with the line's number.
pub(super) fn parse(path: &str, content: &str) -> Result<Vec<Patch>, String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut patches: Vec<Patch> = Vec::new();
    for (number, line) in content.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        // A `#` ends the line where a word could begin, as in quilt.
        let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        let Some(name) = words.next() else { continue };
        let wrong = |reason: &str| Err(format!("line {number}: {}: {reason}", printable(name)));
        if name.starts_with(['/', '-']) || name.contains('\\') || name.split('/').any(|part| part == "..") {
            return wrong("is no patch beside the series");
        }
        let mut strip = 1;
        while let Some(option) = words.next() {
            // `-p0`, or `-p 0`
            let level = match option.strip_prefix("-p") {
                Some("") => words.next(),
                level => level,
            };
            match level.and_then(|level| level.parse().ok()).filter(|level| *level <= 16) {
                Some(level) => strip = level,
                None => return wrong(&format!("the option {} is not known: only -pN is", printable(option))),
            }
        }
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        if patches.iter().any(|patch| patch.path == path) {
            return wrong("is listed twice");
        }
        patches.push(Patch { path, strip, place: None });
    }
    Ok(patches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_names_patches_beside_it() {
        let text = "# from upstream\n\nfix.patch\n  sub/other.diff -p0 # why\nthird -p 2\n#off.patch\nfourth#1.patch\n";
        let found = parse("debian/patches/series", text).unwrap();
        let found: Vec<(&str, u32)> = found.iter().map(|patch| (patch.path.as_str(), patch.strip)).collect();
        let at = "debian/patches";
        let expected = [("fix.patch", 1), ("sub/other.diff", 0), ("third", 2), ("fourth#1.patch", 1)]
            .map(|(name, strip)| (format!("{at}/{name}"), strip));
        assert_eq!(found, expected.iter().map(|(name, strip)| (name.as_str(), *strip)).collect::<Vec<_>>());
        assert_eq!(parse("series", "a").unwrap()[0].path, "a");
        assert_eq!(parse("series", "").unwrap(), []);
    }

    #[test]
    fn what_a_series_cannot_mean_is_told_with_its_line() {
        for (text, expected) in [
            ("a\n../b", "line 2: ../b: is no patch beside the series"),
            ("/etc/passwd", "line 1: /etc/passwd: is no patch beside the series"),
            ("a -R", "line 1: a: the option -R is not known: only -pN is"),
            ("a -pab", "line 1: a: the option -pab is not known: only -pN is"),
            ("a -p", "line 1: a: the option -p is not known: only -pN is"),
            ("a\na", "line 2: a: is listed twice"),
        ] {
            assert_eq!(parse("series", text), Err(expected.to_owned()));
        }
    }
}
