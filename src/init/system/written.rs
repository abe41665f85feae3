//! Makefiles that no automake wrote, beside a `configure`: one file with `@…@` to be filled in, or several parts that
//! configure.ac has put together to one (`AC_CONFIG_FILES([Makefile:a.mk:b.mk])`).

use std::collections::BTreeMap;

use super::common::{assignments, without_version};
use super::make::{expand, has_target};
use crate::init::draft::Draft;
use crate::init::text::is_plain_word;
use crate::init::tree::{Tree, ending};

const FILES: [&str; 4] = ["Makefile.in", "makefile.in", "Makefile", "makefile"];

/// What says which parts there are, and what some variables are.
fn configures<'a>(tree: &'a Tree, source: Option<&'a str>) -> impl Iterator<Item = &'a str> {
    source.into_iter().chain(["configure"]).filter_map(|path| tree.text(path))
}

/// The texts that become the Makefile at the top.
fn parts<'a>(tree: &'a Tree, source: Option<&'a str>) -> Vec<&'a str> {
    let whole = FILES.iter().find_map(|file| tree.text(file));
    let is_joined = configures(tree, source).any(|text| text.contains("Makefile:"));
    let others = tree.texts(|path| is_joined && (ending(path) == "mk" || path.ends_with("Makefile.in")));
    whole.into_iter().chain(others.into_iter().map(|(_, text)| text)).collect()
}

/// Whether the Makefile has a target.
pub(super) fn has(tree: &Tree, source: Option<&str>, target: &str) -> bool {
    parts(tree, source).iter().any(|text| has_target(text, target))
}

/// Programs are what the commands of its rules install below `bindir` under a name that is known.
pub(super) fn programs(tree: &Tree, source: Option<&str>, draft: &mut Draft) {
    let parts = parts(tree, source);
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in parts.iter().copied().chain(configures(tree, source)).flat_map(assignments) {
        let value = value.trim_matches(['"', '\'']).to_owned();
        let is_folder = name.to_ascii_lowercase().ends_with("bindir");
        if !is_folder && (is_plain_word(&value) || value.contains(['$', '@'])) {
            variables.entry(name).or_insert(value);
        }
    }
    let own = draft
        .name
        .clone()
        .or_else(|| tree.top().map(|top| without_version(top).to_owned()))
        .filter(|name| is_plain_word(name));
    for name in ["PACKAGE", "PACKAGE_NAME", "PACKAGE_TARNAME"] {
        let unknown = variables.get(name).is_none_or(|value| !is_plain_word(value));
        if let (true, Some(own)) = (unknown, &own) {
            variables.insert(name.to_owned(), own.clone());
        }
    }
    let commands: Vec<String> = parts.iter().map(|text| text.replace("\\\n", " ")).collect();
    for line in commands.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with('\t')) {
        let mut words = line.split_whitespace().map(|word| word.trim_matches(['"', '\'', ';', '@', '-']));
        let (Some(command), Some(last)) = (words.next(), words.next_back()) else { continue };
        let command = command.to_ascii_lowercase();
        let Some((folder, file)) = last.rsplit_once('/') else { continue };
        let is_folder = ["bindir)", "bindir}"].iter().any(|end| folder.to_ascii_lowercase().ends_with(end));
        if !command.contains("install") || command.contains("uninstall") || !is_folder {
            continue;
        }
        let mut file = file.to_owned();
        for _ in 0..3 {
            file = expand(&file, &variables);
            if file.contains('@') {
                for (name, value) in &variables {
                    file = file.replace(&format!("@{name}@"), value);
                }
            }
        }
        if !file.contains('.') {
            draft.program(&file);
        }
    }
}
