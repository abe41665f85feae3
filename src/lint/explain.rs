//! What rules mean, by the linters' own words.

use std::collections::BTreeMap;

use crate::types::{Linter, printable};

/// Longer explanations are cut at the end of a sentence, or of a word.
const LONGEST: usize = 240;

/// A script that prints what rules mean.
pub(crate) fn ask<'a>(linter: Linter, rules: impl Iterator<Item = &'a str>) -> String {
    // Names of rules are what the linter printed: letters, digits and marks that mean nothing in single quotes.
    let quoted: Vec<String> = rules.filter(|rule| !rule.contains('\'')).map(|rule| format!("'{rule}'")).collect();
    let names = quoted.join(" ");
    match linter {
        Linter::Lintian => format!(
            "export HOME=/tmp LC_ALL=C.UTF-8\nif command -v lintian-explain-tags >/dev/null; then lintian-explain-tags \
             {names}\nelse lintian-info -t {}\nfi\n",
            names.replace(' ', ",")
        ),
        // Version 1 has another letter for it.
        Linter::Rpmlint => {
            let version_1 = quoted.iter().map(|name| format!("-I {name}")).collect::<Vec<_>>().join(" ");
            format!("export HOME=/tmp LC_ALL=C.UTF-8\nrpmlint -e {names} 2>/dev/null || rpmlint {version_1}\n")
        }
    }
}

/// The beginning of each explanation, by rule; of rules without one, nothing.
pub(crate) fn read<'a>(linter: Linter, text: &str, rules: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, String> {
    let lines: Vec<&str> = text
        .lines()
        .map(|line| match linter {
            // Every line of an explanation is a remark.
            Linter::Lintian => line.strip_prefix("N:").map_or(line, str::trim),
            Linter::Rpmlint => line.trim(),
        })
        .collect();
    let mut explained = BTreeMap::new();
    for rule in rules {
        let is_head = |line: &&str| match linter {
            Linter::Lintian => line.split_once(": ").is_some_and(|(letter, name)| letter.len() == 1 && name == rule),
            Linter::Rpmlint => line.strip_suffix(':') == Some(rule),
        };
        let Some(at) = lines.iter().position(is_head) else { continue };
        let paragraph: Vec<&str> = lines[at + 1..]
            .iter()
            .skip_while(|line| line.is_empty())
            .take_while(|line| !line.is_empty())
            .copied()
            .collect();
        let begin = begin(&printable(&paragraph.join(" ")));
        if !begin.is_empty() {
            explained.insert(rule, begin);
        }
    }
    explained
}

/// The first sentences, as many as fit.
fn begin(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let fits = |end: &usize| *end <= LONGEST;
    let sentence = text.match_indices(". ").map(|(at, _)| at + 1).take_while(fits).last();
    let word = || text.match_indices(' ').map(|(at, _)| at).take_while(fits).last();
    match (sentence, word()) {
        (Some(end), _) => text[..end].to_owned(),
        (None, Some(end)) => format!("{} …", &text[..end]),
        (None, None) => String::new(),
    }
}
