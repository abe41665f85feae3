//! `requires` and its like: read, and held against what the target's format can say in that field.

use super::document::Table;
use super::reader::Section;
use super::{Relations, values};
use crate::formats::relation::rules::{Field, check};
use crate::types::Format;

/// What is known of the packages that the relations are of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader {
    /// Of the target; none where the recipe is read for all of them, or where the project's own packaging says what its
    /// packages relate to.
    pub(super) format: Option<Format>,
    /// Whether the package is the same on all architectures.
    pub(super) for_all: bool,
}

/// The format whose rules hold, if farm makes the packaging.
pub(super) fn generated(table: &Table, format: Option<Format>) -> Option<Format> {
    let own = table.get("packaging").and_then(|entry| entry.node.value.as_table());
    format.filter(|format| {
        let key = if *format == Format::Deb { "debian" } else { "spec" };
        own.is_none_or(|own| own.get(key).is_none())
    })
}

impl Reader {
    pub(super) fn read(self, section: &Section<'_>) -> Relations {
        let relations = |key| self.list(section, key);
        Relations {
            pre_requires: relations("pre-requires"),
            requires: relations("requires"),
            recommends: relations("recommends"),
            suggests: relations("suggests"),
            enhances: relations("enhances"),
            supplements: relations("supplements"),
            provides: relations("provides"),
            conflicts: relations("conflicts"),
            replaces: relations("replaces"),
        }
    }

    fn list(self, section: &Section<'_>, key: &'static str) -> Vec<String> {
        let mut relations = Vec::new();
        for text in section.lines(key, values::relation) {
            let judge = |format| check(text.value, Field::of(key), format, self.for_all);
            let table = section.title.trim_matches(['[', ']']);
            match self.format {
                Some(format) => {
                    if let Err(why) = judge(format) {
                        let message = format!("`{key}` in {} cannot be written in a .{format}", section.title);
                        let help = format!(
                            "what a format cannot say goes into an override for the other one: [override.{}.{table}] {key} = […]",
                            if format == Format::Deb { Format::Rpm } else { Format::Deb }
                        );
                        section.problems.add(message, text.span, why, Some(help));
                    }
                }
                // Which format it is for is not known yet.
                None => {
                    if let (Err(why), Err(_)) = (judge(Format::Deb), judge(Format::Rpm)) {
                        let message = format!("`{key}` in {} cannot be written in any format", section.title);
                        section.problems.add(message, text.span, why, None);
                    }
                }
            }
            relations.push(text.value.to_owned());
        }
        relations
    }
}
