//! Reads tables key by key against a list of the keys they may have, and collects every problem instead of stopping
//! at the first. It knows types and places; what a value must look like is said by `values`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use super::document::{KeyValue, Node, Table, Value};
use super::keys::{FILE, FOREIGN_NAMES, OVERRIDE, PACKAGE, PLACES, REPOSITORY, SOURCE, SUB_PACKAGE, Schema};
use super::values::{self, Complaint};
use super::{Problem, RecipeText, SourcePlace};
use crate::types::nearest;

/// Of a table with more keys than these, an error lists them only when it cannot say which one is meant.
const MANY_KEYS: usize = 20;

/// How to get at the sum of a file.
const SUM_HELP: &str = "fetch the file, make sure by upstream's announcement or signature that it is the right one, and write what \
                        `sha256sum FILE` prints";

/// Problems found so far; shared by all sections of one file.
#[derive(Debug)]
pub(crate) struct Problems<'a> {
    text: &'a str,
    /// Where places are told apart by their files.
    recipe: Option<&'a RecipeText>,
    found: RefCell<Vec<Problem>>,
}

impl<'a> Problems<'a> {
    pub(crate) fn new(text: &'a str) -> Problems<'a> {
        Problems { text, recipe: None, found: RefCell::default() }
    }

    /// Of a recipe and what it extends.
    pub(crate) fn of(recipe: &'a RecipeText) -> Problems<'a> {
        Problems { text: recipe, recipe: Some(recipe), found: RefCell::default() }
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

    pub(crate) fn push(&self, problem: Problem) {
        self.found.borrow_mut().push(problem);
    }

    /// Where in a recipe something stands.
    pub(crate) fn place(&self, span: Range<usize>) -> SourcePlace {
        let place = self.recipe.map(|recipe| recipe.place(&span));
        let (path, line) = place.map(|place| (place.path.to_owned(), place.line())).unwrap_or_default();
        SourcePlace { span, path, line }
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

    pub(crate) fn unknown_key(&self, key: &str, entry: &KeyValue) {
        if let Some(problem) = self.table_elsewhere(key, entry) {
            self.problems.found.borrow_mut().push(problem);
            return;
        }
        let meant = self.meant(key);
        let label = match &meant[..] {
            [] => "not a key here".to_owned(),
            [(schema, name)] if std::ptr::eq(*schema, self.schema) => format!("did you mean `{name}`?"),
            [(_, name), ..] => {
                let titles: Vec<String> = meant.iter().map(|(schema, _)| schema.title.to_owned()).collect();
                format!("did you mean `{name}`, in {}?", one_of(&titles))
            }
        };
        let help = if std::ptr::eq(self.schema, &OVERRIDE)
            && !meant.iter().any(|(schema, _)| std::ptr::eq(*schema, &OVERRIDE))
        {
            override_help(&self.title, &meant)
        } else {
            let (title, schema) = match &meant[..] {
                [(schema, _), ..] if !std::ptr::eq(*schema, self.schema) => (schema.title, *schema),
                _ => (self.title.as_str(), self.schema),
            };
            match &meant[..] {
                // What it means says more than many names.
                [(schema, name)] if schema.keys.len() > MANY_KEYS => super::schema::meaning(schema, name)
                    .map_or_else(|| schema.key_list(title), |meaning| format!("`{name}`, in {title}: {meaning}")),
                _ => schema.key_list(title),
            }
        };
        let key = crate::types::printable(key);
        let message = match (std::ptr::eq(self.schema, &FILE), &entry.node.value) {
            (true, Value::Table(_)) => format!("unknown table [{key}]"),
            (true, Value::Array(_)) => format!("unknown table [[{key}]]"),
            (true, _) => format!("`{key}` stands outside of any table"),
            _ => format!("unknown key `{key}` in {}", self.title),
        };
        self.problems.add(message, &entry.key_span, label, Some(help));
    }

    /// A table that stands under another name, or elsewhere: no key of this one would be meant by it.
    fn table_elsewhere(&self, key: &str, entry: &KeyValue) -> Option<Problem> {
        let is = |schema: &Schema| std::ptr::eq(self.schema, schema);
        let inner: Vec<&str> = match &entry.node.value {
            Value::Table(table) => table.entries.keys().map(|key| &**key).collect(),
            _ => Vec::new(),
        };
        let shown = crate::types::printable(key);
        let (message, header, help) = if is(&FILE) {
            // Named after what it is for, with what only overrides hold.
            let overrides = !inner.is_empty() && inner.iter().all(|key| OVERRIDE.keys.contains(key));
            if !overrides || nearest(key, FILE.keys.iter().copied()).is_some() {
                return None;
            }
            let help = "what differs for some targets stands in an override for them";
            (format!("unknown table [{shown}]"), format!("[override.{shown}]"), help)
        } else if is(&PACKAGE) && inner.contains(&"files") {
            let help = "each split package has a table of its own";
            (format!("unknown table [package.{shown}]"), format!("[packages.{shown}]"), help)
        } else if !is(&OVERRIDE) && self.is_of_a_recipe() && FILE.keys.contains(&key) && inner.is_empty() {
            if PLACES.iter().any(|schema| schema.keys.contains(&key)) {
                return None;
            }
            let header = match key {
                "sources" | "repositories" => format!("[[{key}]]"),
                "extends" => "it above the first header".to_owned(),
                _ => format!("[{shown}]"),
            };
            let help = match key {
                "extends" => "a line belongs to the header above it, and this one is about the whole recipe",
                _ => "a line belongs to the header above it, and this one has a header of its own",
            };
            (format!("`{shown}` is no key of {}", self.title), header, help)
        } else {
            return None;
        };
        let label = format!("did you mean {header}?");
        Some(Problem { message, span: entry.key_span.clone(), label, help: Some(help.to_owned()) })
    }

    fn is_of_a_recipe(&self) -> bool {
        [&FILE, &OVERRIDE].into_iter().chain(PLACES).any(|schema| std::ptr::eq(schema, self.schema))
    }

    /// What an unknown key may have been meant to be, and in which tables: in this one, or else elsewhere.
    fn meant(&self, key: &str) -> Vec<(&'static Schema, String)> {
        let lower = key.to_ascii_lowercase().replace('_', "-");
        let foreign = FOREIGN_NAMES.iter().find(|(name, ..)| *name == lower && self.is_of_a_recipe());
        if let Some((_, ours, Some(schema))) = foreign {
            return vec![(schema, (*ours).to_owned())];
        }
        let in_schema = |schema: &'static Schema| {
            let name = foreign.map(|(_, ours, _)| *ours).filter(|name| schema.keys.contains(name));
            name.or_else(|| nearest(&lower, schema.keys.iter().copied())).map(|name| (schema, name.to_owned()))
        };
        if let Some(here) = in_schema(self.schema) {
            return vec![here];
        }
        if !self.is_of_a_recipe() {
            return Vec::new();
        }
        // A word that is exactly a key elsewhere beats one that is only similar.
        let mut exact: Vec<_> = PLACES
            .into_iter()
            .filter(|schema| schema.keys.contains(&&*lower))
            .map(|schema| (schema, lower.clone()))
            .collect();
        // Split packages have most keys of the main one, which is the likelier place.
        if exact.len() > 1 {
            exact.retain(|(schema, _)| !std::ptr::eq(*schema, &SUB_PACKAGE));
        }
        if exact.is_empty() { PLACES.iter().copied().find_map(in_schema).into_iter().collect() } else { exact }
    }

    /// One problem for all of these keys that are not there.
    pub(crate) fn require(&self, keys: &[&str]) {
        let missing: Vec<String> =
            keys.iter().filter(|key| self.table.get(key).is_none()).map(|key| format!("`{key}`")).collect();
        if missing.is_empty() {
            return;
        }
        let (word, verb) = if missing.len() == 1 { ("key", "is") } else { ("keys", "are") };
        let names = missing.join(", ");
        self.problems.add(
            format!("missing {word} {names} in {}", self.title),
            &self.span,
            format!("{names} {verb} required here"),
            match keys {
                ["sha256"] => Some(SUM_HELP.to_owned()),
                _ => (self.schema.keys.len() <= MANY_KEYS).then(|| self.schema.key_list(&self.title)),
            },
        );
    }

    fn wrong_type(&self, key: &str, node: &Node, expected: &str, help: Option<String>) {
        self.problems.add(
            format!("`{key}` in {} must be {expected}", self.title),
            &node.span,
            format!("this is {}", node.value.kind()),
            help,
        );
    }

    pub(crate) fn string_at(&self, key: &str, node: &'a Node, expected: &str) -> Option<Text<'a>> {
        match &node.value {
            Value::String(value) => Some(Text { value, span: &node.span }),
            other => {
                let written = self.problems.text.get(node.span.clone()).unwrap_or_default();
                let quotable = matches!(other, Value::Integer(_) | Value::Float | Value::Boolean(_) | Value::Time(_));
                let plural = format!("{key}s");
                let help = match other {
                    _ if quotable => Some(format!("write it in quotes: \"{written}\"")),
                    Value::Array(_) if self.schema.keys.contains(&plural.as_str()) => {
                        Some(format!("several stand in `{plural}`"))
                    }
                    Value::Array(_) if key == "architecture" => {
                        Some("\"any\" is built for each architecture; [matrix] arches says which those are".to_owned())
                    }
                    Value::Array(items) if items.len() == 1 => Some("write it without brackets".to_owned()),
                    Value::Array(_) if ["build", "check", "install", "script"].contains(&key) => {
                        Some("a script is one string; its lines stand between ''' and '''".to_owned())
                    }
                    _ => None,
                };
                self.wrong_type(key, node, expected, help);
                None
            }
        }
    }

    /// Any string, without NUL.
    pub(crate) fn text(&self, key: &str) -> Option<Text<'a>> {
        let text = self.string_at(key, &self.table.get(key)?.node, "a string")?;
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

    /// As [`Section::checked_line`], for a key that [`Section::require`] has asked for: blank is a problem.
    pub(crate) fn required_line(&self, key: &str, check: fn(&str) -> Result<(), Complaint>) -> String {
        if let Some(KeyValue { node: Node { value: Value::String(text), span }, .. }) = self.table.get(key)
            && text.trim().is_empty()
        {
            self.problems.add(format!("`{key}` in {} is empty", self.title), span, "must not be empty", None);
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
        let Some(KeyValue { node, .. }) = self.table.get(key) else { return Vec::new() };
        let Value::Array(items) = &node.value else {
            let written = self.problems.text.get(node.span.clone()).unwrap_or_default();
            let help = match &node.value {
                Value::String(_) => Some(format!("write it in brackets: [{written}]")),
                Value::Table(table) if table.entries.keys().any(|name| ["add", "remove"].contains(&&**name)) => {
                    let help = "add and remove are arrays of strings, and change a list that is there already: in an \
                                override, or in a recipe that extends another one";
                    Some(help.to_owned())
                }
                Value::Table(table) => {
                    let names: Vec<String> = table.entries.keys().take(3).map(|name| format!("{name:?}")).collect();
                    Some(format!("write a string for each: {key} = [{}]", names.join(", ")))
                }
                _ => None,
            };
            self.wrong_type(key, node, "an array of strings", help);
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| self.string_at(key, item, "an array of strings"))
            .filter_map(|text| self.checked(key, text, values::one_line))
            .filter_map(|text| self.checked(key, text, values::not_blank))
            .filter_map(|text| self.checked(key, text, check))
            .collect()
    }

    pub(crate) fn strings(&self, key: &str, check: fn(&str) -> Result<(), Complaint>) -> Vec<String> {
        self.lines(key, check).into_iter().map(|text| text.value.to_owned()).collect()
    }

    /// Whether the key is there, with nothing in its list.
    pub(crate) fn is_empty_array(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|entry| matches!(&entry.node.value, Value::Array(items) if items.is_empty()))
    }

    pub(crate) fn integer(&self, key: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let node = &self.table.get(key)?.node;
        let Value::Integer(number) = node.value else {
            let help = match &node.value {
                Value::String(text) => {
                    let digits = text.split(|c: char| !c.is_ascii_digit()).next().filter(|digits| !digits.is_empty());
                    digits.map(|digits| format!("write the number alone, without quotes: {digits}"))
                }
                _ => None,
            };
            self.wrong_type(key, node, "an integer", help);
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
                let help =
                    matches!(node.value, Value::String(_)).then(|| "write true or false, without quotes".to_owned());
                self.wrong_type(key, node, "true or false", help);
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
            let Some(text) = self.string_at(name, &entry.node, "a string") else { continue };
            if text.value.contains('\0') {
                self.problems.add(format!("`{name}` holds a NUL character"), text.span, "in this string", None);
                continue;
            }
            map.insert(name.to_string(), text.value.to_owned());
        }
        map
    }

    /// Whether a key that may hold a plain value or a table holds a table.
    pub(crate) fn is_table(&self, key: &str) -> bool {
        matches!(self.table.get(key).map(|entry| &entry.node.value), Some(Value::Table(_)))
    }

    /// A table whose keys are up to the writer.
    pub(crate) fn plain_table(&self, key: &str) -> Option<&'a Table> {
        let node = &self.table.get(key)?.node;
        match &node.value {
            Value::Table(table) => Some(table),
            _ => {
                let inner = self.title.trim_matches(['[', ']']);
                let help = match (std::ptr::eq(self.schema, &FILE), key) {
                    (true, "packages" | "override") => format!("each one has single brackets and a name: [{key}.NAME]"),
                    (true, _) => format!("write the header [{key}], and its keys in the lines below"),
                    (false, "env" | "args") => format!("write it as {key} = {{ NAME = \"value\" }}"),
                    (false, "former-links") => format!("write it as {key} = {{ \"/usr/share/x\" = \"y\" }}"),
                    (false, "scripts") => format!("write the header [{inner}.{key}], and its keys in the lines below"),
                    (false, _) => format!("each one has a table of its own: [{inner}.{key}.NAME]"),
                };
                self.wrong_type(key, node, "a table", Some(help));
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
        let Some(KeyValue { node, .. }) = self.table.get(key) else { return Vec::new() };
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

/// Keys that belong to another kind of what this table describes.
pub(super) fn stray(section: &Section<'_>, keys: &[&str], beside: &str, kind: &str, help: &str) {
    for key in keys {
        if let Some(entry) = section.table.get(key) {
            section.problems.add(
                format!("`{key}` has no meaning beside `{beside}`"),
                &entry.key_span,
                format!("belongs to another kind of {kind}"),
                Some(help.to_owned()),
            );
        }
    }
}

/// Where in an override titled `[override.rpm]` a key belongs: `[override.rpm.build]`.
fn override_help(title: &str, meant: &[(&'static Schema, String)]) -> String {
    let inner = title.trim_matches(['[', ']']);
    let headers: Vec<String> = meant
        .iter()
        .map(|(schema, _)| {
            let table = schema.title.trim_matches(['[', ']']);
            if std::ptr::eq(*schema, &SOURCE) || std::ptr::eq(*schema, &REPOSITORY) {
                format!("[[{inner}.{table}]]")
            } else {
                format!("[{inner}.{table}]")
            }
        })
        .collect();
    if headers.is_empty() {
        format!("an override holds tables: [{inner}.TABLE], with TABLE one of {}", OVERRIDE.keys.join(", "))
    } else {
        format!("in an override, a key stands under its table: {}", one_of(&headers))
    }
}

/// `a`, `a or b`, `a, b or c`
fn one_of(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
