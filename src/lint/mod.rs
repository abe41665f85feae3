//! What linters find in packages: how they are run, what their lines mean, and which findings are new. Pure: containers are
//! others' business.
//!
//! lintian(1) and rpmlint(1) each print a line for a finding, with a letter for how grave it is, the package, the rule and
//! where. What a finding is to a job is a [`LintLevel`]: the recipe's for the rule, else the linter's own, errors being
//! `require` and warnings `warn`. Findings that the last good build had, too, are known, and nobody is told again.

mod custom;
mod explain;
mod lines;
mod model;
mod places;
mod usual;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::types::{LintLevel, Linter, printable};

pub(crate) use explain::{ask as ask_to_explain, read as read_explanations};
use model::{Found, Grade};
pub(crate) use places::key as recipe_key;
#[cfg(test)]
pub(crate) use places::keys as recipe_keys;

/// The last line of [`script`] begins so, and says with which code the linter ended.
const END: &str = "farm-lint-end ";

/// As many places as are told of one rule in one package.
const MOST_PLACES: usize = 5;

/// What a linter said of a job's packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Output {
    /// `lintian 2.116.3`
    pub(crate) version: String,
    pub(crate) found: Vec<Found>,
    /// Findings beyond the most that are read.
    pub(crate) more: usize,
}

/// Findings of an accepted build, as its record keeps them: what is not new in the next one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// `lintian 2.116.3`
    pub(crate) linter: String,
    /// How often each was found, by package, rule and place without its numbers.
    pub(crate) known: BTreeMap<String, usize>,
}

/// Findings of one rule in one package that the last good build did not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) package: String,
    pub(crate) rule: String,
    pub(crate) level: LintLevel,
    /// Some of the places, and how many there are.
    pub(crate) places: Vec<String>,
    pub(crate) count: usize,
}

/// What of a linter's output concerns a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    /// The gravest first.
    pub(crate) news: Vec<News>,
    /// How many were found before.
    pub(crate) known: usize,
    /// How many of the findings that count anything are off, by the recipe or because they concern only who uploads to a
    /// distribution.
    pub(crate) off: usize,
    pub(crate) memory: Memory,
}

/// A script that runs a linter on the files that are its arguments, as an ordinary user without network.
pub(crate) fn script(linter: Linter) -> String {
    let run = match linter {
        // Of others than a terminal it limits no number of lines.
        Linter::Lintian => "lintian --print-version\nlintian --fail-on none -I --pedantic --color never -- \"$@\"",
        Linter::Rpmlint => "rpmlint --version 2>/dev/null | head -n 1\nrpmlint \"$@\"",
    };
    format!("export HOME=/tmp TMPDIR=/tmp LC_ALL=C.UTF-8 COLUMNS=200\ncd /tmp\n{run}\necho \"{END}$?\"\n")
}

/// Reads what [`script`] printed; what it ended with where that is not the end of a linter that has seen all.
pub(crate) fn read(linter: Linter, text: &str) -> Result<Output, String> {
    let mut lines = text.lines();
    // Version 1 of rpmlint adds words.
    let begins_with_digit = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let version = lines.next().and_then(|line| line.split_whitespace().find(begins_with_digit));
    let version = printable(version.unwrap_or("of an unknown version"));
    let last_words = || {
        let words: Vec<&str> = text.lines().filter(|line| !line.starts_with(END) && !line.is_empty()).collect();
        printable(&words[words.len().saturating_sub(3)..].join(" / "))
    };
    let code = text.lines().rev().find_map(|line| line.strip_prefix(END));
    match (linter, code.map(str::trim)) {
        (Linter::Lintian, Some("0")) | (Linter::Rpmlint, Some("0" | "64" | "66")) => {}
        (_, Some(code)) => return Err(format!("it ended with exit code {code}: {}", last_words())),
        (_, None) => return Err(format!("it did not come to its end: {}", last_words())),
    }
    let (found, more) = lines::read(linter, lines);
    Ok(Output { version: format!("{linter} {version}"), found, more })
}

/// Which findings are new. `before`: those of the last good build, or none where all are to count. `is_unset`: the linter has the
/// settings of no distribution.
pub(crate) fn judge(
    linter: Linter,
    is_unset: bool,
    output: &Output,
    levels: &BTreeMap<String, LintLevel>,
    before: Option<&Memory>,
) -> Judged {
    let mut judged =
        Judged { memory: Memory { linter: output.version.clone(), ..Memory::default() }, ..Judged::default() };
    let mut left = before.map(|memory| memory.known.clone()).unwrap_or_default();
    let mut news: BTreeMap<(&str, &str), News> = BTreeMap::new();
    for found in &output.found {
        let level = level(linter, is_unset, found, levels);
        if level == LintLevel::Off {
            judged.off += usize::from(found.grade > Grade::Remark);
            continue;
        }
        let print = fingerprint(found);
        let is_known = left.get_mut(&print).is_some_and(|count| {
            let is_left = *count > 0;
            *count = count.saturating_sub(1);
            is_left
        });
        *judged.memory.known.entry(print).or_default() += 1;
        if is_known {
            judged.known += 1;
            continue;
        }
        let entry = news.entry((&found.package, &found.rule)).or_insert_with(|| News {
            package: found.package.clone(),
            rule: found.rule.clone(),
            level,
            places: Vec::new(),
            count: 0,
        });
        entry.count += 1;
        entry.level = entry.level.max(level);
        if entry.places.len() < MOST_PLACES && !found.context.is_empty() {
            entry.places.push(found.context.clone());
        }
    }
    judged.news = news.into_values().collect();
    judged.news.sort_by(|a, b| b.level.cmp(&a.level).then_with(|| (&a.package, &a.rule).cmp(&(&b.package, &b.rule))));
    judged
}

/// The recipe's word goes before what farm leaves out, and that before the linter's own.
fn level(linter: Linter, is_unset: bool, found: &Found, levels: &BTreeMap<String, LintLevel>) -> LintLevel {
    if let Some(level) = levels.get(&found.rule) {
        return *level;
    }
    if usual::is_left_out(linter, is_unset, found) {
        return LintLevel::Off;
    }
    match found.grade {
        Grade::Error if custom::is_custom(linter, &found.rule) => LintLevel::Warn,
        Grade::Error => LintLevel::Require,
        Grade::Warning => LintLevel::Warn,
        Grade::Remark => LintLevel::Off,
    }
}

/// The same for the same finding in another version: line numbers and versions change.
fn fingerprint(found: &Found) -> String {
    let mut print = format!("{} {}", found.package, found.rule);
    if !found.context.is_empty() {
        print.push(' ');
    }
    let mut in_number = false;
    for c in found.context.chars() {
        if c.is_ascii_digit() {
            if !in_number {
                print.push('#');
            }
            in_number = true;
        } else {
            in_number = false;
            print.push(c);
        }
    }
    print
}

impl News {
    /// As a sentence, with what the rule means.
    pub(crate) fn sentence(&self, explanation: Option<&str>) -> String {
        let mut places = self.places.join("; ");
        let more = self.count - self.places.len();
        if !self.places.is_empty() && more > 0 {
            places.push_str(&format!("; and {more} more"));
        }
        match (places.is_empty(), explanation) {
            (false, Some(explanation)) => format!("{places}: {explanation}"),
            (false, None) => places,
            (true, Some(explanation)) => explanation.to_owned(),
            (true, None) => self.rule.replace('-', " "),
        }
    }
}

#[cfg(test)]
mod tests;
