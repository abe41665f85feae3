use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::recipe::{RecipeError, RecipeFile, keys, tests::examples};

/// What is wrong with an instance by a schema: enough of draft 2020-12 for ours, written anew so that the schema is not
/// checked against itself. An unknown keyword is a bug of this test.
fn faults(root: &Value, schema: &Value, instance: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, wanted) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "format" | "if" => {}
            "else" => {
                if !faults(root, &schema["if"], instance, at).is_empty() {
                    found.extend(faults(root, wanted, instance, at));
                }
            }
            "$ref" => {
                let target = root.pointer(wanted.as_str().unwrap().trim_start_matches('#')).unwrap();
                found.extend(faults(root, target, instance, at));
            }
            "type" => {
                let right = match wanted.as_str().unwrap() {
                    "object" => instance.is_object(),
                    "array" => instance.is_array(),
                    "string" => instance.is_string(),
                    "boolean" => instance.is_boolean(),
                    "integer" => instance.is_i64() || instance.is_u64(),
                    other => panic!("type {other}"),
                };
                if !right {
                    found.push(format!("{at} is no {wanted}"));
                }
            }
            "enum" if !wanted.as_array().unwrap().contains(instance) => found.push(format!("{at} is none of {wanted}")),
            "minimum" if instance.as_i64().is_some_and(|n| n < wanted.as_i64().unwrap()) => {
                found.push(format!("{at} is less than {wanted}"));
            }
            "maximum" if instance.as_i64().is_some_and(|n| n > wanted.as_i64().unwrap()) => {
                found.push(format!("{at} is more than {wanted}"));
            }
            "enum" | "minimum" | "maximum" => {}
            "allOf" => wanted.as_array().unwrap().iter().for_each(|one| found.extend(faults(root, one, instance, at))),
            "anyOf" => {
                if wanted.as_array().unwrap().iter().all(|one| !faults(root, one, instance, at).is_empty()) {
                    found.push(format!("{at} is none of what it may be"));
                }
            }
            "items" => {
                for (index, item) in instance.as_array().into_iter().flatten().enumerate() {
                    found.extend(faults(root, wanted, item, &format!("{at}[{index}]")));
                }
            }
            "required" => {
                for key in wanted.as_array().unwrap().iter().map(|key| key.as_str().unwrap()) {
                    if instance.as_object().is_some_and(|object| !object.contains_key(key)) {
                        found.push(format!("{at} lacks {key}"));
                    }
                }
            }
            "properties" => {
                for (key, value) in instance.as_object().into_iter().flatten() {
                    if let Some(schema) = wanted.get(key) {
                        found.extend(faults(root, schema, value, &format!("{at}.{key}")));
                    }
                }
            }
            "additionalProperties" => {
                for (key, value) in instance.as_object().into_iter().flatten() {
                    if schema["properties"].get(key).is_some() {
                        continue;
                    }
                    match wanted {
                        Value::Bool(false) => found.push(format!("{at} has no {key}")),
                        other => found.extend(faults(root, other, value, &format!("{at}.{key}"))),
                    }
                }
            }
            other => panic!("keyword {other}"),
        }
    }
    found
}

fn by_schema(schema: &Value, text: &str) -> Vec<String> {
    let recipe: toml::Table = text.parse().unwrap();
    faults(schema, schema, &as_editors_see(&recipe.into()), "")
}

fn as_editors_see(value: &toml::Value) -> Value {
    match value {
        toml::Value::Datetime(date) => json!(date.to_string()),
        toml::Value::Array(items) => items.iter().map(as_editors_see).collect(),
        toml::Value::Table(table) => {
            Value::Object(table.iter().map(|(key, value)| (key.clone(), as_editors_see(value))).collect())
        }
        other => serde_json::to_value(other).unwrap(),
    }
}

fn by_reader(text: &str) -> Vec<String> {
    match RecipeFile::parse(Path::new("farm.toml"), text.as_bytes()) {
        Ok(_) => Vec::new(),
        Err(RecipeError::Invalid { problems, .. }) => problems.into_iter().map(|problem| problem.message).collect(),
        Err(error) => panic!("{error}"),
    }
}

/// A key that is added to a table of the reader has to say here what it holds and means.
#[test]
fn every_key_of_the_reader_is_described_and_none_is_invented() {
    let tables: Vec<&Schema> = [&FILE, &OVERRIDE].into_iter().chain(keys::PLACES).collect();
    for table in &tables {
        let known: BTreeSet<&str> = table.keys.iter().copied().collect();
        let described = described(table).unwrap_or_else(|| panic!("{} is not described", table.title));
        let keys: BTreeSet<&str> = described.keys.iter().map(|(key, ..)| *key).collect();
        assert_eq!(keys, known, "{}", table.title);
        assert_eq!(described.keys.len(), table.keys.len(), "{}", table.title);
        assert!(described.required.iter().all(|key| known.contains(key)), "{}", table.title);
    }
    for described in DESCRIBED {
        assert!(described.keys.iter().all(|(_, _, meaning)| !meaning.is_empty() && !meaning.contains('\n')));
        let inner = described.keys.iter().filter_map(|(_, shape, _)| match shape {
            Table(schema) | TextOr(schema) | TimeOr(schema) | Tables(schema) | Named(schema) | NamedTextOr(schema)
            | WithNamed(schema) => Some(*schema),
            _ => None,
        });
        for schema in inner {
            assert!(super::described(schema).is_some(), "{} of {}", schema.title, described.schema.title);
        }
    }
}

#[test]
fn good_recipes_satisfy_the_schema() {
    let schema = json_schema();
    let mut recipes = examples();
    for folder in ["recipes", "tests/recipes"] {
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            recipes.extend(std::fs::read_to_string(entry.unwrap().path().join("farm.toml")));
        }
    }
    assert!(recipes.len() > 15, "only {} recipes", recipes.len());
    for recipe in recipes {
        assert_eq!(by_schema(&schema, &recipe), Vec::<String>::new(), "{recipe}");
    }
}

/// Each value of each example replaced by one of another type, and each table given one key more.
#[test]
fn the_schema_and_the_reader_refuse_the_same_keys_and_types() {
    let schema = json_schema();
    let replacements: Vec<toml::Value> = [
        "-1",
        "1",
        "999999999999",
        "1.5",
        "true",
        "''",
        "'a'",
        "[]",
        "['a']",
        "[1]",
        "[[]]",
        "{}",
        "{ a = 1 }",
        "{ a = 'b' }",
        "[{ a = 1 }]",
    ]
    .map(|text| format!("x = {text}").parse::<toml::Table>().unwrap().remove("x").unwrap())
    .into();
    let mut compared = 0;
    let mut refused = 0;
    let mut disagreements = BTreeSet::new();
    for example in examples() {
        let recipe: toml::Table = example.parse().unwrap();
        let mut mutants = Vec::new();
        mutate(&recipe.clone().into(), &replacements, &mut |mutant| mutants.push(mutant));
        for mutant in mutants {
            let toml::Value::Table(mutant) = mutant else { continue };
            let text = mutant.to_string();
            let (by_schema, by_reader) = (by_schema(&schema, &text), by_reader(&text));
            compared += 1;
            refused += usize::from(!by_schema.is_empty());
            if !by_schema.is_empty() && by_reader.is_empty() {
                disagreements.insert(format!("only the schema refuses: {by_schema:?}"));
            }
            let of_form = |message: &&String| {
                message.starts_with("unknown key ")
                    || message.starts_with("unknown table ")
                    || message.contains(" stands outside ")
                    || (message.contains(" must be ") && !message.contains("a date") && !message.contains(" path"))
            };
            let form: Vec<&String> = by_reader.iter().filter(of_form).collect();
            if !form.is_empty() && by_schema.is_empty() {
                disagreements.insert(format!("only the reader refuses: {form:?}"));
            }
        }
    }
    assert!(disagreements.is_empty(), "{disagreements:#?}");
    assert!(compared > 1000 && refused > compared / 2, "{refused} of {compared} were refused");
}

/// Calls `with` with copies of `whole`, each changed in one place.
fn mutate(whole: &toml::Value, replacements: &[toml::Value], with: &mut dyn FnMut(toml::Value)) {
    match whole {
        toml::Value::Table(table) => {
            let mut more = table.clone();
            more.insert("zzqx".to_owned(), toml::Value::Integer(1));
            with(more.into());
            for (key, value) in table {
                let mut put = |value: toml::Value| {
                    let mut changed = table.clone();
                    changed.insert(key.clone(), value);
                    with(changed.into());
                };
                replacements.iter().for_each(|replacement| put(replacement.clone()));
                mutate(value, replacements, &mut put);
            }
        }
        toml::Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                mutate(item, replacements, &mut |changed| {
                    let mut items = items.clone();
                    items[index] = changed;
                    with(items.into());
                });
            }
        }
        _ => {}
    }
}

/// The keys that the tables of a section of the reference list, and the words that its text names.
struct Reference<'a> {
    text: &'a str,
    listed: BTreeSet<&'a str>,
}

fn section<'a>(reference: &'a str, heading: &str) -> Reference<'a> {
    let start = reference.find(&format!("\n## {heading}")).unwrap_or_else(|| panic!("no section {heading}"));
    let text = &reference[start + 4..];
    let text = &text[..text.find("\n## ").unwrap_or(text.len())];
    let mut listed = BTreeSet::new();
    let mut in_keys = false;
    for line in text.lines() {
        let cell = line.strip_prefix("| ").and_then(|row| row.split(" |").next());
        match cell {
            None => in_keys = false,
            Some("key") => in_keys = true,
            Some(cell) if in_keys => listed.extend(cell.split('`').skip(1).step_by(2)),
            Some(_) => {}
        }
    }
    Reference { text, listed }
}

#[test]
fn the_reference_lists_every_key_and_invents_none() {
    let reference = include_str!("../../../docs/recipe.md");
    let tables = || DESCRIBED.iter().filter(|table| !std::ptr::eq(table.schema, &FILE));
    let heading = |table: &Described| {
        let title = table.schema.title;
        let first = title.trim_start_matches('[').split(['.', ']']).next().unwrap();
        let brackets = if title.starts_with("[[") { "[[" } else { "[" };
        format!("`{brackets}{first}")
    };
    for table in tables() {
        let section = section(reference, &heading(table));
        for (key, ..) in table.keys {
            assert!(section.text.contains(&format!("`{key}`")), "`{key}` of {} is not explained", table.schema.title);
        }
        let of_section: BTreeSet<&str> = tables()
            .filter(|other| heading(other) == heading(table))
            .flat_map(|other| other.keys.iter().map(|(key, ..)| *key))
            .collect();
        let invented: Vec<&&str> = section.listed.difference(&of_section).collect();
        assert!(invented.is_empty(), "{} has no {invented:?}", table.schema.title);
    }
}

/// Each key is shown in use.
#[test]
fn the_examples_of_the_reference_use_every_key() {
    let mut used = BTreeSet::new();
    for example in examples() {
        used_keys(&example.parse::<toml::Table>().unwrap().into(), &mut used);
    }
    // An example of its own: what it extends would have to be there.
    assert!(include_str!("../../../docs/recipe.md").contains("\n    extends = \""));
    used.insert("extends".to_owned());
    for table in DESCRIBED {
        for (key, ..) in table.keys {
            assert!(used.contains(*key), "no example has `{key}` of {}", table.schema.title);
        }
    }
}

fn used_keys(value: &toml::Value, used: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                used.insert(key.clone());
                used_keys(value, used);
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| used_keys(item, used)),
        _ => {}
    }
}
