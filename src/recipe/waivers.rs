//! `[waivers.RULE]`: findings of the package check that the author accepts.

use std::collections::BTreeMap;

use super::Waiver;
use super::keys;
use super::reader::Section;
use super::system::named;
use super::values::{self, Check, Complaint};
use crate::types::{nearest, printable, waivable};

pub(super) fn read(file: &Section<'_>) -> BTreeMap<String, Waiver> {
    let read = |(rule, section): (&str, Section<'_>)| {
        section.require(&["reason"]);
        let paths = section.strings("paths", values::installed_path);
        if let Some(entry) = section.table.get("paths").filter(|_| paths.is_empty()) {
            section.problems.add(
                format!("`paths` in {} names none", section.title),
                &entry.key_span,
                "waives nothing",
                Some("name files, folders or globs; leave `paths` out to waive the rule for all".to_owned()),
            );
        }
        (rule.to_owned(), Waiver { paths, reason: section.required_line("reason", values::anything) })
    };
    named(file, "waivers", "unstripped-elf", &keys::WAIVER, rule).into_iter().map(read).collect()
}

fn rule(name: &str) -> Check {
    if waivable().any(|known| known == name) {
        return Ok(());
    }
    let help = match nearest(name, waivable()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("those that can be waived are {}", sorted().join(", ")),
    };
    let name = printable(name);
    Err(Complaint::new("is no rule that a recipe can waive", format!("`{name}` is none of them")).help(help))
}

fn sorted() -> Vec<&'static str> {
    let mut names: Vec<&str> = waivable().collect();
    names.sort_unstable();
    names
}
