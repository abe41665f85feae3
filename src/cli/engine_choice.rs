//! An engine as somebody names it, with how much of it is used; `engine` of the configuration.

use std::collections::BTreeSet;

use super::values;
use crate::engine;
use crate::recipe::{Schema, Section, Value};
use crate::types::{Arch, nearest, printable};

static ENGINE: Schema = Schema { title: "[[engine]]", keys: &["url", "slots", "memory", "architectures"] };
/// More jobs at a time than any machine has processors.
const MOST_SLOTS: u32 = 4096;

/// An engine, and how much of it is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EngineChoice {
    /// `auto`, the name of a kind of engine, or a URL.
    pub(crate) url: String,
    /// Jobs at a time; none: by its processors.
    pub(crate) slots: Option<usize>,
    /// For all jobs on it; none: all that it has.
    pub(crate) memory_bytes: Option<u64>,
    /// None: what it can run.
    pub(crate) arches: Option<BTreeSet<Arch>>,
}

impl EngineChoice {
    pub(crate) fn of(url: &str) -> EngineChoice {
        EngineChoice { url: url.to_owned(), ..EngineChoice::default() }
    }
}

/// `engine` of the configuration: a name or a URL, several of these, or a table for each.
pub(super) fn read(file: &Section<'_>) -> Vec<EngineChoice> {
    let Some(entry) = file.table.get("engine") else { return Vec::new() };
    match &entry.node.value {
        Value::Array(items) if items.iter().any(|item| matches!(item.value, Value::Table(_))) => {
            file.subs("engine", &ENGINE).iter().filter_map(of_table).collect()
        }
        Value::Array(_) => {
            let texts = file.lines("engine", |_| Ok(()));
            texts.into_iter().filter_map(|text| known(file, text.value, text.span)).map(EngineChoice::of).collect()
        }
        _ => {
            let text = file.text("engine");
            text.and_then(|text| known(file, text.value, text.span)).map(EngineChoice::of).into_iter().collect()
        }
    }
}

fn of_table(section: &Section<'_>) -> Option<EngineChoice> {
    section.require(&["url"]);
    let wrong = |span: &std::ops::Range<usize>, message: String, label: String, help: &str| {
        section.problems.add(message, span, label, Some(help.to_owned()));
    };
    let memory_bytes = section.text("memory").and_then(|text| match values::size(text.value) {
        Ok(bytes) => Some(bytes),
        Err(reason) => {
            let message = format!("`memory` in {} is no size", ENGINE.title);
            wrong(text.span, message, reason, "it is for all jobs on this engine together: memory = \"32G\"");
            None
        }
    });
    let arches = section.table.get("architectures").map(|_| {
        let mut arches = BTreeSet::new();
        for text in section.lines("architectures", |_| Ok(())) {
            match Arch::ALL.into_iter().find(|arch| arch.deb() == text.value) {
                Some(arch) => drop(arches.insert(arch)),
                None => {
                    let names = Arch::ALL.map(Arch::deb);
                    let label = match nearest(text.value, names) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "not an architecture".to_owned(),
                    };
                    let message = format!("`{}` is no architecture", printable(text.value));
                    wrong(text.span, message, label, &format!("known are {}", names.join(", ")));
                }
            }
        }
        arches
    });
    let slots = section.integer("slots", 1..=MOST_SLOTS).and_then(|slots| usize::try_from(slots).ok());
    let url = section.text("url")?;
    let url = known(section, url.value, url.span)?.to_owned();
    Some(EngineChoice { url, slots, memory_bytes, arches })
}

fn known<'a>(file: &Section<'_>, name: &'a str, span: &std::ops::Range<usize>) -> Option<&'a str> {
    // What else it may be is an address.
    let engines = engine::choices();
    if engines.contains(&name) || name.contains("://") || name.starts_with('/') {
        return Some(name);
    }
    let label = match nearest(name, engines.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "not an engine".to_owned(),
    };
    let help = format!("engines are {}, or a URL such as unix:///var/run/docker.sock", engines.join(", "));
    file.problems.add(format!("`{}` is no container engine", printable(name)), span, label, Some(help));
    None
}
