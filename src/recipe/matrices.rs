//! `[matrix]` and its like, read into [`MatrixSpec`]s.

use std::collections::BTreeMap;
use std::ops::Range;

use super::MatrixSpec;
use super::document::{Table, Value};
use super::keys;
use super::reader::{Problems, Section, Text};
use super::sections::header_of;
use super::values;
use crate::types::nearest;

/// `[matrix]` and every `[matrix.NAME]`.
pub(crate) fn read_matrices(table: &Table, problems: &Problems<'_>) -> BTreeMap<String, MatrixSpec> {
    let mut matrices = BTreeMap::new();
    let file = Section { schema: &keys::FILE, title: "a recipe".into(), span: 0..0, table, problems };
    let Some(matrix) = file.plain_table("matrix") else { return matrices };
    let span = header_of(table, "matrix").unwrap_or_default();
    // Not `open`: what is no key may be the name of a further matrix.
    let section = Section { schema: &keys::MATRIX, title: "[matrix]".into(), span, table: matrix, problems };
    if keys::MATRIX.keys.iter().any(|key| matrix.get(key).is_some()) {
        matrices.insert("default".to_owned(), read_matrix(&section));
    }
    for (name, entry) in &matrix.entries {
        if keys::MATRIX.keys.contains(&&**name) {
            continue;
        }
        let misspelt = nearest(name, keys::MATRIX.keys.iter().copied()).is_some();
        let Value::Table(inner) = &entry.node.value else {
            section.unknown_key(name, entry);
            continue;
        };
        let title = format!("[matrix.{}]", crate::types::printable(name));
        if misspelt && !keys::MATRIX.keys.iter().any(|key| inner.get(key).is_some()) {
            section.unknown_key(name, entry);
        } else if **name == *"default" {
            problems.add(
                "[matrix.default] is written as [matrix]",
                &entry.key_span,
                "`default` is the name of [matrix] itself",
                None,
            );
        } else if let Err(complaint) = values::label(name) {
            let message = format!("`{}` {} of a matrix", crate::types::printable(name), complaint.message);
            problems.add(message, &entry.key_span, complaint.label, complaint.help);
        } else {
            let span = entry.node.span.clone();
            let inner = Section::open(&keys::MATRIX, title, span, inner, problems);
            matrices.insert(name.to_string(), read_matrix(&inner));
        }
    }
    one_meaning_for_each_variant(&matrices, matrix, problems);
    matrices
}

fn read_matrix(section: &Section<'_>) -> MatrixSpec {
    let owned = |texts: Vec<Text<'_>>| -> Vec<(String, Range<usize>)> {
        texts.into_iter().map(|text| (text.value.to_owned(), text.span.clone())).collect()
    };
    section.require(&["distros"]);
    if let Some(entry) = section.table.get("distros")
        && matches!(&entry.node.value, Value::Array(items) if items.is_empty())
    {
        let help = "name some, as distros = [\"debian-*\", \"fedora-44\"]; `farm distros` lists them";
        let message = format!("{} names no distribution", section.title);
        section.problems.add(message, &entry.node.span, "nothing would be built", Some(help.to_owned()));
    }
    let mut variants = BTreeMap::new();
    if let Some(table) = section.plain_table("variants") {
        let names = Section {
            schema: &keys::MATRIX,
            title: section.title.replace(']', ".variants]"),
            span: section.span.clone(),
            table,
            problems: section.problems,
        };
        for (name, entry) in &table.entries {
            if let Err(complaint) = values::label(name) {
                let message = format!("variant `{}` {}", crate::types::printable(name), complaint.message);
                section.problems.add(message, &entry.key_span, complaint.label, complaint.help);
                continue;
            }
            variants.insert(name.to_string(), names.string_map(name, values::identifier));
        }
    }
    MatrixSpec {
        distros: owned(section.lines("distros", values::anything)),
        arches: owned(section.lines("arches", values::anything)),
        exclude: owned(section.lines("exclude", values::anything)),
        variants,
    }
}

/// A target's id holds only the variant's name: two matrices that mean different things by it would overwrite each
/// other's results.
fn one_meaning_for_each_variant(matrices: &BTreeMap<String, MatrixSpec>, table: &Table, problems: &Problems<'_>) {
    let mut seen: BTreeMap<&str, (&str, &BTreeMap<String, String>)> = BTreeMap::new();
    for (matrix, spec) in matrices {
        for (name, values) in &spec.variants {
            match seen.get(name.as_str()) {
                Some((other, known)) if *known != values => {
                    let span = if matrix == "default" { table.get("variants") } else { table.get(matrix) };
                    problems.add(
                        format!("variant `{name}` means one thing in matrix {other} and another in {matrix}"),
                        &span.map(|entry| entry.key_span.clone()).unwrap_or_default(),
                        format!("give one of them another name than `{name}`"),
                        None,
                    );
                }
                Some(_) => {}
                None => {
                    seen.insert(name, (matrix, values));
                }
            }
        }
    }
}
