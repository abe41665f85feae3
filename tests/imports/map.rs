//! The code map of ARCHITECTURE.md names every module once, and says of each what it may import: as the table here has it.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{LEAVES, MAY_IMPORT, TOP};

/// What a row of the map is to say of these modules.
fn allowed(names: &[&str]) -> String {
    if names.iter().any(|name| TOP.contains(name)) {
        return "all".to_owned();
    }
    let rows = MAY_IMPORT.iter().chain(LEAVES).filter(|(name, _)| names.contains(name));
    let imports: BTreeSet<&str> = rows.flat_map(|(_, row)| row.iter().copied()).collect();
    let others: Vec<&str> = imports.into_iter().filter(|import| !names.contains(import)).collect();
    if others.is_empty() { "-".to_owned() } else { others.join(", ") }
}

/// The modules that a row of the map is about; none for other lines.
fn named(line: &str) -> Option<Vec<&str>> {
    let first = line.strip_prefix("| `")?.split(" | ").next()?;
    Some(first.split(", ").map(|name| name.trim_matches('`')).collect())
}

#[test]
fn the_code_map_says_what_the_test_holds() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let text = std::fs::read_to_string(&path).expect("ARCHITECTURE.md can be read");
    let (before, rest) = text.split_once("## Code map\n").expect("a code map");
    let (map, after) = rest.split_once("\n### ").expect("an end of the code map");
    let mut seen: Vec<&str> = Vec::new();
    let mut wanted = String::new();
    for line in map.lines() {
        match named(line) {
            Some(names) => {
                let (row, _) = line.trim_end_matches(" |").rsplit_once(" | ").expect("three columns");
                wanted.push_str(&format!("{row} | {} |\n", allowed(&names)));
                seen.extend(names);
            }
            None => wanted.push_str(&format!("{line}\n")),
        }
    }
    seen.sort_unstable();
    let mut all: Vec<&str> = MAY_IMPORT.iter().chain(LEAVES).map(|(name, _)| *name).chain(["cli"]).collect();
    all.sort_unstable();
    assert_eq!(seen, all, "the code map has a row for each module");
    if std::env::var_os("FARM_UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}## Code map\n{wanted}\n### {after}")).expect("ARCHITECTURE.md");
    } else {
        let why = "run FARM_UPDATE_DOCS=1 cargo test --test imports";
        assert_eq!(map.trim_end(), wanted.trim_end(), "ARCHITECTURE.md is not what the test holds: {why}");
    }
}
