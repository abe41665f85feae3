//! `[waivers.RULE]`: findings of the package check that the author accepts.

use std::collections::BTreeMap;

use super::Waiver;
use super::keys;
use super::reader::Section;
use super::system::named;
use super::values::{self, Check, Complaint};
use crate::types::{WAIVABLE, nearest, printable};

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
    if WAIVABLE.contains(&name) {
        return Ok(());
    }
    let help = match nearest(name, WAIVABLE.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("those that can be waived are {}", WAIVABLE.join(", ")),
    };
    let name = printable(name);
    Err(Complaint::new("is no rule that a recipe can waive", format!("`{name}` is none of them")).help(help))
}
