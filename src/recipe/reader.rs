//! Reads tables key by key against a list of the keys they may have, and collects every problem instead of stopping
//! at the first. It knows types and places; what a value must look like is said by `values`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use super::Problem;
use super::document::{Entry, Node, Table, Value};
use super::values::{self, Complaint};
use crate::types::nearest;

/// The keys of one kind of table, in the order in which people write them.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) title: &'static str,
    pub(crate) keys: &'static [&'static str],
}

pub(crate) static FILE: Schema = Schema {
    title: "a recipe",
    keys: &["package", "sources", "build", "packages", "packaging", "matrix", "override", "test", "limits"],
};
pub(crate) static OVERRIDE: Schema = Schema {
    title: "[override.SELECTOR]",
    keys: &["package", "sources", "build", "packages", "packaging", "test", "limits"],
};
pub(crate) static PACKAGE: Schema = Schema {
    title: "[package]",
    keys: &[
        "name",
        "version",
        "release",
        "epoch",
        "summary",
        "description",
        "license",
        "homepage",
        "maintainer",
        "section",
        "group",
        "architecture",
        "requires",
        "recommends",
        "suggests",
        "provides",
        "conflicts",
        "replaces",
        "config-files",
        "date",
        "scripts",
    ],
};
pub(crate) static SCRIPTS: Schema =
    Schema { title: "[package.scripts]", keys: &["pre-install", "post-install", "pre-remove", "post-remove"] };
pub(crate) static SOURCE: Schema = Schema {
    title: "[[sources]]",
    keys: &["url", "urls", "sha256", "path", "git", "commit", "strip", "into", "patches"],
};
pub(crate) static BUILD: Schema =
    Schema { title: "[build]", keys: &["requires", "env", "build", "check", "install", "network"] };
pub(crate) static SUB_PACKAGE: Schema = Schema {
    title: "[packages.KEY]",
    keys: &[
        "name",
        "summary",
        "description",
        "section",
        "group",
        "architecture",
        "files",
        "config-files",
        "requires",
        "recommends",
        "suggests",
        "provides",
        "conflicts",
        "replaces",
        "scripts",
    ],
};
pub(crate) static PACKAGING: Schema = Schema { title: "[packaging]", keys: &["debian", "spec"] };
pub(crate) static MATRIX: Schema = Schema { title: "[matrix]", keys: &["distros", "arches", "exclude", "variants"] };
pub(crate) static TEST: Schema = Schema { title: "[test]", keys: &["script", "requires"] };
pub(crate) static LIMITS: Schema = Schema { title: "[limits]", keys: &["memory", "pids", "timeout", "stall", "log"] };

/// Where a misplaced key may belong, most likely first.
static PLACES: [&Schema; 9] = [&PACKAGE, &BUILD, &SOURCE, &TEST, &LIMITS, &MATRIX, &PACKAGING, &SUB_PACKAGE, &SCRIPTS];

/// What other packaging tools call these things.
const FOREIGN_NAMES: [(&str, &str); 15] = [
    ("architectures", "arches"),
    ("author", "maintainer"),
    ("authors", "maintainer"),
    ("build-depends", "requires"),
    ("buildrequires", "requires"),
    ("conffiles", "config-files"),
    ("dependencies", "requires"),
    ("depends", "requires"),
    ("environment", "env"),
    ("obsoletes", "replaces"),
    ("postinst", "post-install"),
    ("preinst", "pre-install"),
    ("rev", "commit"),
    ("targets", "distros"),
    ("timeouts", "timeout"),
];

/// Problems found so far; shared by all sections of one file.
#[derive(Debug)]
pub(crate) struct Problems<'a> {
    text: &'a str,
    found: RefCell<Vec<Problem>>,
}

impl<'a> Problems<'a> {
    pub(crate) fn new(text: &'a str) -> Problems<'a> {
        Problems { text, found: RefCell::default() }
    }

    pub(crate) fn add(
        &self,
        message: impl Into<String>,
        span: &Range<usize>,
        label: impl Into<String>,
        help: Option<String>,
    ) {
        let (message, label) = (message.into(), label.into());
        self.found.borrow_mut().push(Problem { message, span: span.clone(), label, help });
    }

    /// A complaint about a string value, at the string, or at the part of it that is meant when the string is written
    /// without escapes.
    pub(crate) fn complain(&self, what: &str, text: Text<'_>, complaint: Complaint) {
        let mut span = text.span.clone();
        if let Some(part) = complaint.part {
            let plain = self.text.get(span.start + 1..span.end.saturating_sub(1)) == Some(text.value);
            if plain && !part.is_empty() {
                span = span.start + 1 + part.start..span.start + 1 + part.end;
            }
        }
        self.add(format!("{what} {}", complaint.message), &span, complaint.label, complaint.help);
    }

    /// In the order of the text, each once.
    pub(crate) fn into_sorted(self) -> Vec<Problem> {
        let mut problems = self.found.into_inner();
        problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
        problems.dedup();
        problems
    }
}

/// A string with its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) value: &'a str,
    pub(crate) span: &'a Range<usize>,
}

/// One table while it is read.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    pub(crate) schema: &'static Schema,
    /// As people write it: `[packages.dev]`.
    pub(crate) title: String,
    /// Where the table begins: its header.
    pub(crate) span: Range<usize>,
    pub(crate) table: &'a Table,
    pub(crate) problems: &'a Problems<'a>,
}

impl<'a> Section<'a> {
    /// A section whose unknown keys are problems at once.
    pub(crate) fn open(
        schema: &'static Schema,
        title: impl Into<String>,
        span: Range<usize>,
        table: &'a Table,
        problems: &'a Problems<'a>,
    ) -> Section<'a> {
        let section = Section { schema, title: title.into(), span, table, problems };
        for (key, entry) in &table.entries {
            if !schema.keys.contains(&&**key) {
                section.unknown_key(key, entry);
            }
        }
        section
    }

    pub(crate) fn unknown_key(&self, key: &str, entry: &Entry) {
        let (label, schema) = self.suggestion(key);
        let mut help = if std::ptr::eq(schema, self.schema) {
            format!("the keys of {} are {}", self.title, schema.keys.join(", "))
        } else {
            format!("the keys of {} are {}", schema.title, schema.keys.join(", "))
        };
        if std::ptr::eq(self.schema, &OVERRIDE) {
            help = format!(
                "in an override, keys stand under the table that they belong to: {}",
                override_header(&self.title, schema)
            );
        }
        let key = crate::types::printable(key);
        self.problems.add(format!("unknown key `{key}` in {}", self.title), &entry.key_span, label, Some(help));
    }

    /// What an unknown key may have been meant to be, and the table whose keys are worth listing.
    fn suggestion(&self, key: &str) -> (String, &'static Schema) {
        let lower = key.to_ascii_lowercase().replace('_', "-");
        let foreign = FOREIGN_NAMES.iter().find(|(name, _)| *name == lower).map(|(_, ours)| *ours);
        let meant = |schema: &'static Schema| {
            foreign.filter(|name| schema.keys.contains(name)).or_else(|| nearest(&lower, schema.keys.iter().copied()))
        };
        if let Some(name) = meant(self.schema) {
            return (format!("did you mean `{name}`?"), self.schema);
        }
        // A word that is exactly a key elsewhere beats one that is only similar.
        let exact = PLACES.iter().copied().find(|schema| schema.keys.contains(&&*lower));
        let similar = || PLACES.iter().copied().find(|schema| meant(schema).is_some());
        match exact.or_else(similar) {
            Some(schema) => {
                let name =
                    if schema.keys.contains(&&*lower) { lower.as_str() } else { meant(schema).unwrap_or(&lower) };
                (format!("did you mean `{name}`, in {}?", schema.title), schema)
            }
            None => ("not a key here".to_owned(), self.schema),
        }
    }

    pub(crate) fn missing(&self, key: &str) {
        self.problems.add(
            format!("missing key `{key}` in {}", self.title),
            &self.span,
            format!("`{key}` is required here"),
            Some(format!("the keys of {} are {}", self.title, self.schema.keys.join(", "))),
        );
    }

    fn wrong_type(&self, key: &str, node: &Node, expected: &str, help: Option<String>) {
        self.problems.add(
            format!("`{key}` in {} must be {expected}", self.title),
            &node.span,
            format!("expected {expected}, found {}", node.value.kind()),
            help,
        );
    }

    fn string_at(&self, key: &str, node: &'a Node) -> Option<Text<'a>> {
        match &node.value {
            Value::String(value) => Some(Text { value, span: &node.span }),
            other => {
                let written = self.problems.text.get(node.span.clone()).unwrap_or_default();
                let quotable = matches!(other, Value::Integer(_) | Value::Float | Value::Boolean(_) | Value::Time(_));
                let help = quotable.then(|| format!("write it in quotes: \"{written}\""));
                self.wrong_type(key, node, "a string", help);
                None
            }
        }
    }

    /// Any string, without NUL.
    pub(crate) fn text(&self, key: &str) -> Option<Text<'a>> {
        let text = self.string_at(key, &self.table.get(key)?.node)?;
        if text.value.contains('\0') {
            self.problems.add(format!("`{key}` holds a NUL character"), text.span, "in this string", None);
            return None;
        }
        Some(text)
    }

    /// A script or longer text; one that is blank counts as not given, so that an override can take it away.
    pub(crate) fn script(&self, key: &str) -> Option<String> {
        self.text(key).map(|text| text.value).filter(|text| !text.trim().is_empty()).map(str::to_owned)
    }

    /// A string of one line that goes into a header field; blank counts as not given.
    pub(crate) fn line(&self, key: &str) -> Option<Text<'a>> {
        let text = self.text(key)?;
        self.checked(key, text, values::one_line).filter(|text| !text.value.trim().is_empty())
    }

    /// As [`Section::line`], and `check` must be happy with it.
    pub(crate) fn checked_line(&self, key: &str, check: fn(&str) -> Result<(), Complaint>) -> Option<Text<'a>> {
        let text = self.line(key)?;
        self.checked(key, text, check)
    }

    pub(crate) fn required_line(&self, key: &str, check: fn(&str) -> Result<(), Complaint>) -> String {
        match self.table.get(key).map(|entry| &entry.node) {
            None => self.missing(key),
            Some(Node { value: Value::String(text), span }) if text.trim().is_empty() => {
                self.problems.add(format!("`{key}` in {} is empty", self.title), span, "must not be empty", None);
            }
            Some(_) => {}
        }
        self.checked_line(key, check).map(|text| text.value.to_owned()).unwrap_or_default()
    }

    fn checked(&self, key: &str, text: Text<'a>, check: fn(&str) -> Result<(), Complaint>) -> Option<Text<'a>> {
        match check(text.value) {
            Ok(()) => Some(text),
            Err(complaint) => {
                self.problems.complain(&format!("`{key}`"), text, complaint);
                None
            }
        }
    }

    /// An array of strings of one line, none blank, each checked; empty when the key is not there.
    pub(crate) fn lines(&self, key: &str, check: fn(&str) -> Result<(), Complaint>) -> Vec<Text<'a>> {
        let Some(Entry { node, .. }) = self.table.get(key) else { return Vec::new() };
        let Value::Array(items) = &node.value else {
            let written = self.problems.text.get(node.span.clone()).unwrap_or_default();
            let help = matches!(node.value, Value::String(_)).then(|| format!("write it in brackets: [{written}]"));
            self.wrong_type(key, node, "an array of strings", help);
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| self.string_at(key, item))
            .filter_map(|text| self.checked(key, text, values::one_line))
            .filter_map(|text| self.checked(key, text, values::not_blank))
            .filter_map(|text| self.checked(key, text, check))
            .collect()
    }

    pub(crate) fn strings(&self, key: &str, check: fn(&str) -> Result<(), Complaint>) -> Vec<String> {
        self.lines(key, check).into_iter().map(|text| text.value.to_owned()).collect()
    }

    pub(crate) fn integer(&self, key: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let node = &self.table.get(key)?.node;
        let Value::Integer(number) = node.value else {
            self.wrong_type(key, node, "an integer", None);
            return None;
        };
        let fitting = u32::try_from(number).ok().filter(|number| range.contains(number));
        if fitting.is_none() {
            self.problems.add(
                format!("`{key}` in {} is out of range", self.title),
                &node.span,
                format!("must be from {} to {}", range.start(), range.end()),
                None,
            );
        }
        fitting
    }

    pub(crate) fn boolean(&self, key: &str) -> Option<bool> {
        let node = &self.table.get(key)?.node;
        match node.value {
            Value::Boolean(boolean) => Some(boolean),
            _ => {
                self.wrong_type(key, node, "true or false", None);
                None
            }
        }
    }

    /// Seconds since the epoch, from a date or an integer.
    pub(crate) fn time(&self, key: &str) -> Option<i64> {
        let node = &self.table.get(key)?.node;
        match node.value {
            Value::Integer(seconds) | Value::Time(Some(seconds)) if seconds >= 0 => Some(seconds),
            Value::Integer(_) | Value::Time(Some(_)) => {
                self.problems.add(format!("`{key}` is before 1970"), &node.span, "must not be negative", None);
                None
            }
            _ => {
                let help = "write it without quotes: 2026-11-22, or 2026-11-22T08:30:00Z".to_owned();
                self.wrong_type(key, node, "a date, or seconds since 1970", Some(help));
                None
            }
        }
    }

    /// A quantity: an integer in the base unit, or a string that `parse` understands.
    pub(crate) fn quantity(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
        show: fn(u64) -> String,
        parse: fn(&str) -> Result<u64, Complaint>,
    ) -> Option<u64> {
        let node = &self.table.get(key)?.node;
        let number = match &node.value {
            Value::Integer(number) => u64::try_from(*number).unwrap_or(0),
            Value::String(value) => match parse(value) {
                Ok(number) => number,
                Err(complaint) => {
                    self.problems.complain(&format!("`{key}`"), Text { value, span: &node.span }, complaint);
                    return None;
                }
            },
            _ => {
                self.wrong_type(key, node, "a quantity, such as \"2 GiB\" or \"90 min\"", None);
                return None;
            }
        };
        if range.contains(&number) {
            return Some(number);
        }
        self.problems.add(
            format!("`{key}` in {} is out of range", self.title),
            &node.span,
            format!("must be from {} to {}", show(*range.start()), show(*range.end())),
            None,
        );
        None
    }

    /// A table of strings whose keys are names.
    pub(crate) fn string_map(
        &self,
        key: &str,
        check_name: fn(&str) -> Result<(), Complaint>,
    ) -> BTreeMap<String, String> {
        let Some(table) = self.plain_table(key) else { return BTreeMap::new() };
        let mut map = BTreeMap::new();
        for (name, entry) in &table.entries {
            if let Err(complaint) = check_name(name) {
                let name = crate::types::printable(name);
                self.problems.add(
                    format!("`{key}` in {}: `{name}` {}", self.title, complaint.message),
                    &entry.key_span,
                    complaint.label,
                    complaint.help,
                );
                continue;
            }
            let Some(text) = self.string_at(name, &entry.node) else { continue };
            if text.value.contains('\0') {
                self.problems.add(format!("`{name}` holds a NUL character"), text.span, "in this string", None);
                continue;
            }
            map.insert(name.to_string(), text.value.to_owned());
        }
        map
    }

    /// A table whose keys are up to the writer.
    pub(crate) fn plain_table(&self, key: &str) -> Option<&'a Table> {
        let node = &self.table.get(key)?.node;
        match &node.value {
            Value::Table(table) => Some(table),
            _ => {
                let help = matches!(node.value, Value::Array(_))
                    .then(|| format!("a table has single brackets and a name: [{key}.NAME]"));
                self.wrong_type(key, node, "a table", help);
                None
            }
        }
    }

    pub(crate) fn sub(&self, key: &str, schema: &'static Schema, title: impl Into<String>) -> Option<Section<'a>> {
        let table = self.plain_table(key)?;
        let span = self.table.get(key).map(|entry| entry.node.span.clone()).unwrap_or_default();
        Some(Section::open(schema, title, span, table, self.problems))
    }

    /// An array of tables: `[[key]]`.
    pub(crate) fn subs(&self, key: &str, schema: &'static Schema) -> Vec<Section<'a>> {
        let Some(Entry { node, .. }) = self.table.get(key) else { return Vec::new() };
        let Value::Array(items) = &node.value else {
            let help = Some(format!("each one starts with a header in double brackets: [[{key}]]"));
            self.wrong_type(key, node, "an array of tables", help);
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| match &item.value {
                Value::Table(table) => {
                    Some(Section::open(schema, schema.title, item.span.clone(), table, self.problems))
                }
                _ => {
                    self.wrong_type(key, item, "a table", None);
                    None
                }
            })
            .collect()
    }
}

/// `[override.rpm.build]` for an override titled `[override.rpm]` and a key that belongs in `[build]`.
fn override_header(title: &str, schema: &Schema) -> String {
    let inner = title.trim_matches(['[', ']']);
    let table = schema.title.trim_matches(['[', ']']);
    if std::ptr::eq(schema, &OVERRIDE) || std::ptr::eq(schema, &FILE) {
        format!("[{inner}.TABLE], with TABLE one of {}", OVERRIDE.keys.join(", "))
    } else if std::ptr::eq(schema, &SOURCE) {
        format!("[[{inner}.{table}]]")
    } else {
        format!("[{inner}.{table}]")
    }
}
