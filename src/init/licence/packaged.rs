//! The licence that a project's own packaging names, in the words that packagers use: a .spec's tag `License`, with SPDX's
//! identifiers or with Fedora's old short names, and a machine-readable `debian/copyright`
//! (<https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/>). Words that may mean several licences are none.

use crate::formats::deb822::{field, paragraphs, without_comments};

/// Short names that are no identifiers of SPDX, without signs and in lower case.
const SHORT_NAMES: [(&str, &str); 12] = [
    ("expat", "MIT"),
    ("asl 2.0", "Apache-2.0"),
    ("apache-2", "Apache-2.0"),
    ("artistic 2.0", "Artistic-2.0"),
    ("bsd-2-clause", "BSD-2-Clause"),
    ("bsd-3-clause", "BSD-3-Clause"),
    ("boost", "BSL-1.0"),
    ("mplv2.0", "MPL-2.0"),
    ("mpl-2", "MPL-2.0"),
    ("isc", "ISC"),
    ("zlib", "Zlib"),
    ("mit", "MIT"),
];

/// More licences than these in one project are for a person to read.
const MOST: usize = 3;

/// The tag `License` of a .spec as an expression of SPDX: `GPLv2+ and MIT`, `GPL-2.0-or-later AND MIT`.
pub(in crate::init) fn of_spec(tag: &str) -> Option<String> {
    expression(tag)
}

/// What a `debian/copyright` says of all files but the packaging.
pub(in crate::init) fn of_copyright(text: &str) -> Option<String> {
    let text = without_comments(text);
    let mut all: Vec<String> = Vec::new();
    let mut whole = false;
    for paragraph in paragraphs(&text) {
        let Some(files) = field(paragraph, "Files") else { continue };
        if files.split_whitespace().all(|file| file.starts_with("debian/")) {
            continue;
        }
        whole |= files.split_whitespace().any(|file| file == "*");
        let one = expression(field(paragraph, "License")?.lines().next()?)?;
        if !all.contains(&one) {
            all.push(one);
        }
    }
    let joined = match &all[..] {
        [one] => one.clone(),
        several => {
            let part = |one: &String| if one.contains(" OR ") { format!("({one})") } else { one.clone() };
            several.iter().map(part).collect::<Vec<_>>().join(" AND ")
        }
    };
    (whole && all.len() <= MOST).then_some(joined)
}

/// Licences joined by `and` and `or`, with parentheses, in whatever case.
fn expression(text: &str) -> Option<String> {
    if text.len() > 200 {
        return None;
    }
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace(',', " ");
    let mut found: Vec<String> = Vec::new();
    let mut term: Vec<&str> = Vec::new();
    for word in spaced.split_whitespace().chain([""]) {
        let operator = match word {
            "" => None,
            "(" | ")" => Some(word.to_owned()),
            word if word.eq_ignore_ascii_case("and") || word.eq_ignore_ascii_case("or") => {
                Some(word.to_ascii_uppercase())
            }
            word => {
                term.push(word);
                continue;
            }
        };
        if !term.is_empty() {
            found.push(licence(&term.join(" "))?);
            term.clear();
        }
        found.extend(operator);
    }
    let joined = found.join(" ").replace("( ", "(").replace(" )", ")");
    spdx::Expression::parse(&joined).ok().map(|_| joined)
}

/// One licence, by its short name or its identifier.
fn licence(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    if let Some((_, id)) = SHORT_NAMES.iter().find(|(short, _)| *short == lower) {
        return Some((*id).to_owned());
    }
    // `GPLv2+`, `GPL-2+`, `LGPL-2.1`: with a version, and with nothing more said it is that one alone.
    for family in ["AGPL", "LGPL", "GPL"] {
        let Some(rest) = lower.strip_prefix(&family.to_ascii_lowercase()) else { continue };
        let Some(rest) = rest.strip_prefix('v').or_else(|| rest.strip_prefix('-')) else { break };
        let (number, later) = rest.strip_suffix('+').map_or((rest, false), |number| (number, true));
        let number = match number {
            "2" | "2.0" => "2.0",
            "2.1" => "2.1",
            "3" | "3.0" => "3.0",
            _ => break,
        };
        return Some(format!("{family}-{number}-{}", if later { "or-later" } else { "only" }));
    }
    let expression = spdx::Expression::parse(name).ok()?;
    let vague = expression.requirements().any(|part| part.req.to_string().ends_with(".0") && name.contains("GPL"));
    (!vague && !name.contains("LicenseRef")).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_specs_are_read_in_old_and_new_words() {
        for (tag, expected) in [
            ("GPLv2+", Some("GPL-2.0-or-later")),
            ("GPLv2", Some("GPL-2.0-only")),
            ("LGPLv2.1+ and (MIT or ASL 2.0)", Some("LGPL-2.1-or-later AND (MIT OR Apache-2.0)")),
            ("GPL-2.0-or-later AND BSD-2-Clause", Some("GPL-2.0-or-later AND BSD-2-Clause")),
            ("GPL", None),
            ("BSD", None),
            ("Public Domain", None),
            ("and and", None),
            ("$(id)", None),
        ] {
            assert_eq!(of_spec(tag).as_deref(), expected, "{tag}");
        }
    }

    #[test]
    fn a_copyright_file_says_what_all_files_have() {
        let format = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n";
        let of = |paragraphs: &str| of_copyright(&format!("{format}{paragraphs}"));
        let all = "Files: *\nCopyright: A\nLicense: GPL-2+\n Text of it.\n";
        assert_eq!(of(all).as_deref(), Some("GPL-2.0-or-later"));
        let packaging = "\nFiles: debian/*\nCopyright: B\nLicense: Expat\n";
        assert_eq!(of(&format!("{all}{packaging}")).as_deref(), Some("GPL-2.0-or-later"));
        let part = "\nFiles: lib/*\nCopyright: B\nLicense: BSD-2-clause\n";
        assert_eq!(of(&format!("{all}{part}")).as_deref(), Some("GPL-2.0-or-later AND BSD-2-Clause"));
        let unknown = "\nFiles: x/*\nCopyright: B\nLicense: my-own\n";
        assert_eq!(of(&format!("{all}{unknown}")), None);
        assert_eq!(of(part), None, "nothing is said of all files");
        assert_eq!(of_copyright("This is free software: GPL-2+"), None);
    }
}
