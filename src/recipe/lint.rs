//! `[lint]`: what findings of linters are to the job, by rule.

use std::collections::BTreeMap;

use super::reader::Section;
use super::values::{Check, Complaint};
use crate::types::{LintLevel, nearest, printable};

/// Longer than the name of any rule.
const LONGEST_NAME: usize = 100;

pub(super) fn read(file: &Section<'_>) -> BTreeMap<String, LintLevel> {
    let mut levels = BTreeMap::new();
    for (name, entry) in file.plain_table("lint").iter().flat_map(|table| &table.entries) {
        if let Err(complaint) = rule(name) {
            let message = format!("`{}` in [lint] {}", printable(name), complaint.message);
            file.problems.add(message, &entry.key_span, complaint.label, complaint.help);
            continue;
        }
        let Some(text) = file.string_at(name, &entry.node, "a level: \"off\", \"warn\" or \"require\"") else {
            continue;
        };
        match LintLevel::ALL.into_iter().find(|level| level.as_str() == text.value) {
            Some(level) => {
                levels.insert(name.to_string(), level);
            }
            None => {
                let known = LintLevel::ALL.map(LintLevel::as_str);
                let help = match (text.value, nearest(text.value, known)) {
                    ("error" | "deny" | "fatal", _) => "did you mean `require`?".to_owned(),
                    ("allow" | "ignore" | "none", _) => "did you mean `off`?".to_owned(),
                    (_, Some(near)) => format!("did you mean `{near}`?"),
                    (_, None) => format!("the levels are {}", known.join(", ")),
                };
                file.problems.complain(
                    &format!("`{name}` in [lint]"),
                    text,
                    Complaint::new("is set to no level", "not a level").help(help),
                );
            }
        }
    }
    levels
}

/// Names of rules as lintian and rpmlint have them: `no-manual-page`, `lib-package-without-%mklibname`.
fn rule(name: &str) -> Check {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_+.%/:".contains(c);
    if !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(plain) {
        return Ok(());
    }
    let label = "letters, digits, `-`, `_`, `+`, `.`, `%`, `/` and `:`";
    Err(Complaint::new("is no name of a rule", label).help("write it as the linter does: no-manual-page = \"off\""))
}
