//! Paragraphs of fields, as all of Debian's control files have them (deb822(5); Policy 5.1): `Name: value`, lines that begin
//! with a blank or tab continue a value, an empty line ends a paragraph. Read without copying; unknown fields pass by
//! untouched. What a value means is for those who ask for it.

use std::collections::BTreeSet;

use crate::types::printable;

/// The paragraphs of a file, none of which is empty.
pub(crate) fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let mut end = 0;
            let mut next = rest.len();
            for line in rest.split_inclusive('\n') {
                if line.trim().is_empty() {
                    next = end + line.len();
                    break;
                }
                end += line.len();
            }
            let paragraph = &rest[..end];
            rest = &rest[next..];
            if !paragraph.is_empty() {
                return Some(paragraph);
            }
        }
        None
    })
}

/// Names and values of a paragraph's fields, in order. Values keep their continuation lines, and lose the blanks around
/// the whole. A line that is neither a field nor the continuation of one is passed over, as whoever has to go on with a
/// file that others have written needs it; [`only_paragraph`] refuses it.
pub(crate) fn fields(paragraph: &str) -> impl Iterator<Item = (&str, &str)> {
    raw_fields(paragraph).filter_map(|field| {
        let (name, value) = field.split_once(':')?;
        Some((name.trim_end(), value.trim()))
    })
}

/// The value of the first field of this name, in whatever case it is written.
pub(crate) fn field<'a>(paragraph: &'a str, wanted: &str) -> Option<&'a str> {
    fields(paragraph).find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
}

/// A file that people write, `debian/control` or apt's `*.sources`, without its comments. Files that tools write have
/// none: there a `#` at the beginning of a line is a part of the field.
pub(crate) fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect()
}

/// The one paragraph of a file that has to have no second reading: every line is a field or continues one, and no field is
/// there twice, of which some readers take the first and others the last.
///
/// # Errors
/// What is wrong, as it reads behind the name of the file: `has the field Version twice`.
pub(crate) fn only_paragraph(text: &str) -> Result<&str, String> {
    let mut all = paragraphs(text);
    let (Some(paragraph), None) = (all.next(), all.next()) else {
        return Err("has not one paragraph".to_owned());
    };
    let mut names = BTreeSet::new();
    for field in raw_fields(paragraph) {
        let name = field.split_once(':').map(|(name, _)| name).filter(|name| !name.starts_with([' ', '\t']));
        let Some(name) = name else {
            let line = printable(field.lines().next().unwrap_or_default());
            return Err(format!("has the line `{line}`, which is no field"));
        };
        if !names.insert(name.trim().to_ascii_lowercase()) {
            return Err(format!("has the field {} twice", printable(name)));
        }
    }
    Ok(paragraph)
}

/// All of a file's fields as they are written, in one paragraph, without those of these names (in lower case).
pub(crate) fn without_fields(text: &str, names: &[&str]) -> String {
    let is_kept = |field: &&str| {
        let name = field.split(':').next().unwrap_or_default().to_ascii_lowercase();
        !names.contains(&name.as_str())
    };
    let kept = paragraphs(text).flat_map(raw_fields).filter(is_kept);
    kept.flat_map(str::lines).flat_map(|line| [line, "\n"]).collect()
}

/// Writes one field. Lines of the value behind its first begin with a blank already (Policy 5.6.13 says how).
pub(crate) fn push(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push_str(": ");
    out.push_str(value);
    out.push('\n');
}

/// The lines of each field together.
fn raw_fields(paragraph: &str) -> impl Iterator<Item = &str> {
    let mut rest = paragraph;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        while rest[end..].starts_with([' ', '\t']) {
            end += rest[end..].find('\n').map_or(rest.len() - end, |at| at + 1);
        }
        let (field, after) = rest.split_at(end);
        rest = after;
        Some(field)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_continuations() {
        let paragraph = "Package: a\nDescription: b\n c:d\n .\nno colon\nSize: 1";
        let seen: Vec<_> = fields(paragraph).collect();
        assert_eq!(seen, [("Package", "a"), ("Description", "b\n c:d\n ."), ("Size", "1")]);
        assert_eq!(field(paragraph, "package"), Some("a"));
    }

    #[test]
    fn empty_lines_end_paragraphs() {
        let found: Vec<_> = paragraphs("\n\nA: 1\n b\n\n \t\nB: 2\n\nC: 3").collect();
        assert_eq!(found, ["A: 1\n b\n", "B: 2\n", "C: 3"]);
        assert_eq!(paragraphs(" \n\n").count(), 0);
        assert_eq!(without_comments("A: b\r\n# c\n d\n#"), "A: b\n d\n");
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        assert_eq!(only_paragraph("\nA: 1\nB:\n 2\n\n"), Ok("A: 1\nB:\n 2\n"));
        for (text, why) in [
            ("", "has not one paragraph"),
            ("A: 1\n\nB: 2\n", "has not one paragraph"),
            ("A: 1\nb\n", "has the line `b`, which is no field"),
            (" a: b\n", "has the line ` a: b`, which is no field"),
            ("Version: 1\nVERSION: 2\n", "has the field VERSION twice"),
        ] {
            assert_eq!(only_paragraph(text), Err(why.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn fields_are_taken_out_with_their_continuations() {
        let control = "Package: a\nSize: 1\nDescription: x\n more\n .\nFilename: /etc/shadow\n b\nVersion:1\n\n";
        let kept = without_fields(control, &["size", "filename"]);
        assert_eq!(kept, "Package: a\nDescription: x\n more\n .\nVersion:1\n");
    }
}
