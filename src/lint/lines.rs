//! The lines of linters, taken apart. What they say of packages is as hostile as the packages.

use super::model::{Found, Grade, LONGEST_CONTEXT, MOST_FINDINGS};
use crate::types::{Linter, printable};

/// Reads the lines after the first one; further findings than the most that are kept are counted.
pub(super) fn read<'a>(linter: Linter, lines: impl Iterator<Item = &'a str>) -> (Vec<Found>, usize) {
    let read = match linter {
        Linter::Lintian => lintian,
        Linter::Rpmlint => rpmlint,
    };
    let (mut found, mut more) = (Vec::new(), 0);
    for one in lines.filter_map(read) {
        if found.len() < MOST_FINDINGS {
            found.push(one);
        } else {
            more += 1;
        }
    }
    (found, more)
}

/// `W: hello: no-manual-page [usr/bin/hello]`; `E: hello source: …` and `E: hello udeb: …` name a kind. Overridden findings
/// (`O:`) and masked ones (`M:`) are settled in the package.
fn lintian(line: &str) -> Option<Found> {
    let (letter, rest) = line.split_once(": ")?;
    let (package, rest) = rest.split_once(": ")?;
    let package = package.split(' ').next()?;
    new(grade(letter)?, package, rest)
}

/// `hello.x86_64: W: no-documentation`, and, without a package, `: W: …` of files that stand for themselves.
fn rpmlint(line: &str) -> Option<Found> {
    let (package, rest) = line.split_once(": ")?;
    let (letter, rest) = rest.split_once(": ")?;
    let package = package.rsplit_once('.').map_or(package, |(name, _)| name);
    new(grade(letter)?, package, rest)
}

fn grade(letter: &str) -> Option<Grade> {
    match letter {
        "E" => Some(Grade::Error),
        "W" => Some(Grade::Warning),
        "I" | "P" | "X" | "C" => Some(Grade::Remark),
        _ => None,
    }
}

fn new(grade: Grade, package: &str, rest: &str) -> Option<Found> {
    let (rule, context) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_name = |text: &str| !text.is_empty() && text.len() <= 200 && text.chars().all(|c| c.is_ascii_graphic());
    if !is_name(package) || !is_name(rule) {
        return None;
    }
    let mut context = printable(context.trim());
    if let Some((end, _)) = context.char_indices().nth(LONGEST_CONTEXT) {
        context.truncate(end);
        context.push('…');
    }
    Some(Found { package: package.to_owned(), rule: rule.to_owned(), grade, context })
}
