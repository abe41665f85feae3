//! What a project's own changelog says of a version, as lines for the packages' changelogs. Every kind of it is written
//! by hand, so what is not understood is left out.

use crate::types::printable;

/// Where projects keep it, in the order in which farm looks.
pub(super) const FILES: [&str; 9] = [
    "debian/changelog",
    "CHANGELOG.md",
    "CHANGELOG",
    "CHANGES.md",
    "CHANGES",
    "NEWS.md",
    "NEWS",
    "CHANGELOG.rst",
    "CHANGES.rst",
];

/// Entries that are kept of one version, and of each of them.
const MOST_ENTRIES: usize = 40;
const LONGEST_ENTRY: usize = 400;

/// The entries of `version`; when it has no section of its own, those of what is not released yet, or of the newest.
pub(super) fn entries(name: &str, content: &str, version: &str) -> Vec<String> {
    if name.ends_with("debian/changelog") { debian(content) } else { prose(content, version) }
}

/// Subjects of commits, one a line.
pub(super) fn subjects(log: &str) -> Vec<String> {
    kept(log.lines().map(str::to_owned))
}

/// The first entry of a changelog as deb-changelog(5) has it.
fn debian(content: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in content.lines().skip_while(|line| line.trim().is_empty()).skip(1) {
        if line.starts_with(" -- ") {
            break;
        }
        match (line.trim_start().strip_prefix("* "), items.last_mut()) {
            (Some(text), _) => items.push(text.to_owned()),
            (None, Some(last)) if line.starts_with("   ") => append(last, line),
            _ => {}
        }
    }
    kept(items)
}

/// The level of the heading that a line is; 9 for those that are headings only because they name a version.
fn heading(line: &str, next: Option<&str>) -> Option<usize> {
    if line.trim().is_empty() {
        return None;
    }
    let marks = line.bytes().take_while(|byte| *byte == b'#').count();
    if (1..=6).contains(&marks) {
        return Some(marks);
    }
    let underline =
        |mark: char| next.map(str::trim_end).is_some_and(|next| next.len() >= 3 && next.chars().all(|c| c == mark));
    if underline('=') {
        return Some(1);
    }
    if underline('-') || underline('~') {
        return Some(2);
    }
    // GNU's `* Noteworthy changes in release 2.10 (2014-11-16)`, `Version 1.2`, `1.2 (2026-11-24)`.
    let starts = |word: &str| line.to_ascii_lowercase().starts_with(word);
    let named =
        ["version ", "release ", "* noteworthy changes in ", "* version ", "* release ", "changes in ", "new in "]
            .iter()
            .any(|word| starts(word));
    let plain = line.strip_prefix(['v', 'V']).unwrap_or(line);
    ((named || plain.starts_with(|c: char| c.is_ascii_digit())) && holds_version(line)).then_some(9)
}

/// Whether a word of the line is a version with a dot in it.
fn holds_version(line: &str) -> bool {
    line.split(|c: char| c.is_whitespace() || "[]():,".contains(c)).any(|word| {
        let word = word.strip_prefix(['v', 'V']).unwrap_or(word);
        word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.') && !word.ends_with('.')
    })
}

fn prose(content: &str, version: &str) -> Vec<String> {
    let lines: Vec<&str> = content.lines().collect();
    let headings: Vec<(usize, usize)> = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| Some((at, heading(line, lines.get(at + 1).copied())?)))
        .collect();
    let release = version.split(['+', '~']).next().unwrap_or(version);
    let names = |at: usize, wanted: &str| {
        lines[at]
            .split(|c: char| c.is_whitespace() || "[]():,".contains(c))
            .any(|word| word.strip_prefix(['v', 'V']).unwrap_or(word) == wanted)
    };
    let section = headings
        .iter()
        .find(|(at, _)| names(*at, release))
        .or_else(|| headings.iter().find(|(at, _)| lines[*at].to_ascii_lowercase().contains("unreleased")))
        .or_else(|| headings.iter().find(|(at, _)| holds_version(lines[*at])));
    let Some((start, level)) = section else { return Vec::new() };
    let end = headings.iter().find(|(at, other)| at > start && other <= level).map_or(lines.len(), |(at, _)| *at);

    let mut items: Vec<String> = Vec::new();
    // Whether the next line goes on with the last item.
    let mut open = false;
    for (at, line) in lines.iter().enumerate().take(end).skip(start + 1) {
        let line = line.trim();
        let is_mark = !line.is_empty() && line.chars().all(|c| matches!(c, '=' | '-' | '~'));
        if line.is_empty() || is_mark || headings.iter().any(|(heading, _)| *heading == at) {
            open = false;
        } else if let Some(text) = ["- ", "* ", "+ ", "• "].iter().find_map(|bullet| line.strip_prefix(bullet)) {
            items.push(text.to_owned());
            open = true;
        } else if let Some(last) = items.last_mut().filter(|_| open) {
            append(last, line);
        } else {
            items.push(line.to_owned());
            open = true;
        }
    }
    kept(items)
}

fn append(item: &mut String, line: &str) {
    item.push(' ');
    item.push_str(line.trim());
}

fn kept(items: impl IntoIterator<Item = String>) -> Vec<String> {
    let plain = |item: String| printable(item.trim());
    items
        .into_iter()
        .map(plain)
        .filter(|item| !item.is_empty())
        .map(|item| match item.char_indices().nth(LONGEST_ENTRY) {
            Some((at, _)) => format!("{}…", item[..at].trim_end()),
            None => item,
        })
        .take(MOST_ENTRIES)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_changelog_has_sections() {
        let text = "# Changelog\n\n## [Unreleased]\n\n- Next\n\n## [1.4.2] - 2026-11-24\n\nIntroduction\nof two lines.\n\n\
                    ### Added\n- Languages,\n  forty of them\n* Tests\n\n### Fixed\n\n- A leak\n\n## [1.4.1]\n- Old\n";
        let of = |version| entries("CHANGELOG.md", text, version);
        assert_eq!(of("1.4.2"), ["Introduction of two lines.", "Languages, forty of them", "Tests", "A leak"]);
        assert_eq!(of("1.4.2+git12.abc1234"), of("1.4.2"));
        assert_eq!(of("1.4.1"), ["Old"]);
        assert_eq!(of("1.5"), ["Next"], "what is not released yet");
        assert_eq!(of("1.4"), ["Next"], "1.4.2 is another version");
    }

    #[test]
    fn news_have_headings_of_many_kinds() {
        let gnu = "GNU hello NEWS\n\n* Noteworthy changes in release 2.10 (2014-11-16) [stable]\n\n** Bug fixes\n\n\
                   Fix wide character.\n\n* Noteworthy changes in release 2.9 (2013-10-10) [stable]\n\nOld.\n";
        assert_eq!(entries("NEWS", gnu, "2.10"), ["** Bug fixes", "Fix wide character."]);
        let underlined = "Version 1.2\n===========\n\n* One\n* Two\n\nVersion 1.1\n===========\n* Old\n";
        assert_eq!(entries("NEWS", underlined, "1.2"), ["One", "Two"]);
        assert_eq!(entries("CHANGES", "1.2 (2026)\n - One\n1.1 (2025)\n - Old\n", "9"), ["One"]);
        assert_eq!(entries("NEWS", "nothing here\n", "1"), Vec::<String>::new());
        assert_eq!(entries("NEWS", "", "1"), Vec::<String>::new());
    }

    #[test]
    fn of_debian_changelogs_the_first_entry_counts() {
        let text = "greeter (1.4-2) unstable; urgency=medium\n\n  [ Ada ]\n  * One,\n    and more\n  * Two\n\n -- Ada <a@b.c>  Sat, 01 \
                    Jan 2026 00:00:00 +0000\n\ngreeter (1.3-1) unstable; urgency=low\n\n  * Old\n";
        assert_eq!(entries("debian/changelog", text, "1.4"), ["One, and more", "Two"]);
    }

    #[test]
    fn entries_are_plain_and_bounded() {
        let long = format!("1.0.0\n- {}\n- \u{1b}[31mred\n{}", "x".repeat(1000), "- y\n".repeat(100));
        let found = entries("NEWS", &long, "1.0.0");
        assert_eq!(found.len(), MOST_ENTRIES);
        assert_eq!(found[0].chars().count(), LONGEST_ENTRY + 1);
        assert_eq!(found[1], "red");
        assert_eq!(subjects("a\n\nb\n"), ["a", "b"]);
    }
}
