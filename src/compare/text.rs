//! Differences for people: grouped, one line each.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::formats;
use super::model::{Aspect, Change, PackageChanges};

/// The headings, in their order.
const GROUPS: [&str; 5] = ["package", "files", "libraries", "relations", "scripts"];

/// As much of one text as a line shows.
const LONGEST: usize = 160;

/// Text of a package for a terminal: what is no visible character stands as its escape, so that nothing in a package can steer
/// the terminal, and what is different can be seen to be.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let reorders =
            matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if c.is_control() || reorders {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The lines about one package; none of one without differences. At most `most` for each group, and a line that says how many
/// more there are, with `rest`: what becomes of them.
pub(crate) fn lines(package: &PackageChanges, most: usize, rest: &str) -> Vec<String> {
    let name = visible(&package.name);
    let (before, after) = match (&package.before, &package.after) {
        (Some(before), Some(after)) => (before, after),
        (Some(gone), None) => {
            return vec![format!("- {name} {} ({})", visible(&gone.version), visible(&gone.file_name))];
        }
        (None, Some(new)) => return vec![format!("+ {name} {} ({})", visible(&new.version), visible(&new.file_name))],
        (None, None) => return Vec::new(),
    };
    if package.changes.is_empty() {
        return Vec::new();
    }
    let is_mixed = before.format != after.format;
    let versions = match (visible(&before.version), visible(&after.version)) {
        (old, new) if is_mixed => format!("{old} ({}) -> {new} ({})", before.format, after.format),
        (old, new) if old == new => new,
        (old, new) => format!("{old} -> {new}"),
    };
    let mut lines = vec![format!("~ {name} {versions}")];
    for group in GROUPS {
        // The heading has the versions.
        let is_shown = |change: &&Change| change.aspect.group() == group && change.aspect != Aspect::Version;
        let changes: Vec<&Change> = package.changes.iter().filter(is_shown).collect();
        if changes.is_empty() {
            continue;
        }
        lines.push(format!("    {group}"));
        lines.extend(changes.iter().take(most).map(|change| format!("        {}", line(change))));
        let advice: BTreeSet<&str> = changes.iter().filter_map(|change| formats::advice(change.aspect)).collect();
        lines.extend(advice.iter().filter(|_| is_mixed).map(|advice| format!("        help: {advice}")));
        if let Some(more) = changes.len().checked_sub(most).filter(|more| *more > 0) {
            lines.push(format!("        and {more} more{rest}"));
        }
    }
    lines
}

/// How much is different, in a few words: `1.2-1 -> 1.3-1; files: 2 new, 1 gone; relations: 1 changed`. Packages that came and
/// went are counted; of several versions, the first is named.
pub(crate) fn gist(packages: &[PackageChanges]) -> String {
    let mut parts = Vec::new();
    let version = packages.iter().find_map(|package| {
        let (before, after) = (package.before.as_ref()?, package.after.as_ref()?);
        (before.version != after.version)
            .then(|| format!("{} -> {}", visible(&before.version), visible(&after.version)))
    });
    parts.extend(version);
    let counted = |name: &str, counts: [usize; 3]| {
        let words = counts.iter().zip(["new", "gone", "changed"]).filter(|(count, _)| **count > 0);
        let words: Vec<String> = words.map(|(count, word)| format!("{count} {word}")).collect();
        (!words.is_empty()).then(|| format!("{name}: {}", words.join(", ")))
    };
    let gone = packages.iter().filter(|package| package.after.is_none()).count();
    let new = packages.iter().filter(|package| package.before.is_none()).count();
    parts.extend(counted("packages", [new, gone, 0]));
    for group in GROUPS {
        let mut counts = [0; 3];
        // One file may have several changes.
        let mut seen = BTreeSet::new();
        for package in packages {
            let of_group = package
                .changes
                .iter()
                .filter(|change| change.aspect.group() == group && change.aspect != Aspect::Version);
            for change in of_group.filter(|change| seen.insert((&package.name, &change.subject, change.aspect.whole())))
            {
                let index = match (&change.before, &change.after) {
                    (None, _) => 0,
                    (_, None) => 1,
                    _ => 2,
                };
                counts[index] += 1;
            }
        }
        parts.extend(counted(group, counts));
    }
    parts.join("; ")
}

fn line(change: &Change) -> String {
    let subject = short(&change.subject);
    let what = match change.aspect {
        Aspect::File | Aspect::Architecture | Aspect::Field => String::new(),
        Aspect::Soname => "soname ".to_owned(),
        Aspect::Symbol => "symbol ".to_owned(),
        aspect => format!("{} ", aspect.as_str()),
    };
    let value = |text: &str| short(text.split(", sha256 ").next().unwrap_or(text));
    match (&change.before, &change.after) {
        (Some(before), Some(after)) if change.aspect == Aspect::Script => {
            let (gone, come) = (unlike(before, after), unlike(after, before));
            format!("~ script {subject}: {gone} lines gone, {come} new")
        }
        (Some(before), Some(after)) => match change.aspect {
            Aspect::Relation(_) => format!("~ {what}{} -> {}", value(before), value(after)),
            Aspect::Content => {
                let note = if after.ends_with("unpacked") { ", the same when unpacked" } else { "" };
                format!("~ {subject}: content, {} -> {}{note}", value(before), value(after))
            }
            _ => format!("~ {subject}: {what}{} -> {}", value(before), value(after)),
        },
        (None, Some(how)) if change.aspect == Aspect::Abi => format!("~ {subject}: {}", value(how)),
        (before, after) => {
            let mark = if before.is_some() { '-' } else { '+' };
            let text = before.as_ref().or(after.as_ref()).map(|text| value(text)).unwrap_or_default();
            let mut line = format!("{mark} ");
            let _ = match change.aspect {
                Aspect::Relation(_) => write!(line, "{what}{text}"),
                Aspect::Symbol | Aspect::Script | Aspect::Trigger => write!(line, "{what}{subject}"),
                _ => write!(line, "{subject}: {what}{text}"),
            };
            line
        }
    }
}

/// How many lines of the one are not in the other.
fn unlike(one: &str, other: &str) -> usize {
    let all: std::collections::HashSet<&str> = other.lines().collect();
    one.lines().filter(|line| !all.contains(line)).count()
}

fn short(text: &str) -> String {
    let shown = visible(text);
    match shown.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}
