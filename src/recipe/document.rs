//! TOML text -> a tree of nodes that each know their place in the text. Tables merge here; what keys mean is decided
//! elsewhere. The tree is shared (`Arc`), so merging an override copies only the tables on the way to its keys.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Problem, syntax};

#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// A scalar, array or inline table itself; of a table with a header, the header.
    pub(crate) span: Range<usize>,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    String(Arc<str>),
    Integer(i64),
    /// Seconds since the epoch, UTC where no offset is written. None for a time of day without a date.
    Time(Option<i64>),
    Boolean(bool),
    /// Its value is never used: no key takes one.
    Float,
    Array(Arc<[Node]>),
    Table(Arc<Table>),
}

impl Node {
    fn mentions(&self, text: &str) -> Option<Range<usize>> {
        match &self.value {
            Value::String(string) => (**string == *text).then(|| self.span.clone()),
            Value::Array(items) => items.iter().find_map(|item| item.mentions(text)),
            Value::Table(table) => table.mentions(text),
            Value::Integer(_) | Value::Time(_) | Value::Boolean(_) | Value::Float => None,
        }
    }
}

impl Value {
    pub(crate) fn as_table(&self) -> Option<&Table> {
        match self {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// For "expected a string, found an array".
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::String(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Time(Some(_)) => "a date",
            Value::Time(None) => "a time without a date",
            Value::Boolean(_) => "a boolean",
            Value::Float => "a float",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) entries: BTreeMap<Arc<str>, KeyValue>,
}

#[derive(Debug, Clone)]
pub(crate) struct KeyValue {
    pub(crate) key_span: Range<usize>,
    pub(crate) node: Node,
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&KeyValue> {
        self.entries.get(key)
    }

    /// The table that is the value of a key.
    pub(super) fn table(&self, key: &str) -> Option<&Table> {
        self.get(key)?.node.value.as_table()
    }

    /// The first place in it where a string or a key is this.
    pub(super) fn mentions(&self, text: &str) -> Option<Range<usize>> {
        let of_entry = |(key, entry): (&Arc<str>, &KeyValue)| match &**key == text {
            true => Some(entry.key_span.clone()),
            false => entry.node.mentions(text),
        };
        self.entries.iter().filter_map(of_entry).min_by_key(|span| span.start)
    }

    /// With all places so many bytes further on.
    pub(super) fn shifted(self, by: usize) -> Table {
        let move_on = |span: Range<usize>| span.start + by..span.end + by;
        let entries = self
            .entries
            .into_iter()
            .map(|(key, entry)| (key, KeyValue { key_span: move_on(entry.key_span), node: entry.node.shifted(by) }));
        Table { entries: entries.collect() }
    }

    /// This table with `over` laid on top: tables merge key by key, everything else is replaced. An empty table within
    /// another takes away what is below it. Spans of what is replaced point at the replacement; a merged table keeps its
    /// own place.
    pub(crate) fn merged(&self, over: &Table) -> Table {
        let mut merged = self.clone();
        for (key, entry) in &over.entries {
            let combined = match (merged.entries.get(key).map(|below| &below.node), &entry.node.value) {
                (Some(Node { span, value: Value::Table(below) }), Value::Table(above)) => KeyValue {
                    key_span: entry.key_span.clone(),
                    node: Node { span: span.clone(), value: Value::Table(Arc::new(below.merged_inner(above))) },
                },
                _ => entry.clone(),
            };
            merged.entries.insert(Arc::clone(key), combined);
        }
        merged
    }

    fn merged_inner(&self, over: &Table) -> Table {
        let (mut below, mut over) = (self.clone(), over.clone());
        // What is not there below stays, so that a name that nobody knows is told.
        over.entries.retain(|key, entry| {
            let is_empty = entry.node.value.as_table().is_some_and(|table| table.entries.is_empty());
            let is_table = below.entries.get(key).is_some_and(|below| below.node.value.as_table().is_some());
            let is_taken_away = is_empty && is_table;
            if is_taken_away {
                below.entries.remove(key);
            }
            !is_taken_away
        });
        below.merged(&over)
    }
}

impl Node {
    fn shifted(self, by: usize) -> Node {
        let value = match self.value {
            Value::Array(items) => Value::Array(items.iter().map(|item| item.clone().shifted(by)).collect()),
            Value::Table(table) => Value::Table(Arc::new(Arc::unwrap_or_clone(table).shifted(by))),
            other => other,
        };
        Node { span: self.span.start + by..self.span.end + by, value }
    }
}

/// Parses a whole document.
///
/// # Errors
/// The first few syntax errors, each at its place.
pub(crate) fn parse(text: &str) -> Result<Table, Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut problems = if errors.is_empty() { Vec::new() } else { syntax::problems(text, &errors) };
    let table = convert_table(document.into_inner(), &mut problems);
    if problems.is_empty() { Ok(table) } else { Err(problems) }
}

fn convert_table(table: DeTable<'_>, problems: &mut Vec<Problem>) -> Table {
    let entries = table
        .into_iter()
        .map(|(key, value)| {
            let key_span = key.span();
            (Arc::from(key.into_inner().as_ref()), KeyValue { key_span, node: convert(value, problems) })
        })
        .collect();
    Table { entries }
}

fn convert(value: Spanned<DeValue<'_>>, problems: &mut Vec<Problem>) -> Node {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::String(text) => Value::String(Arc::from(text.as_ref())),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => {
                problems.push(Problem {
                    message: "an integer that does not fit into 64 bits".to_owned(),
                    span: span.clone(),
                    label: "too large".to_owned(),
                    help: None,
                });
                Value::Integer(0)
            }
        },
        DeValue::Float(_) => Value::Float,
        DeValue::Boolean(boolean) => Value::Boolean(boolean),
        DeValue::Datetime(datetime) => Value::Time(unix_seconds(&datetime)),
        DeValue::Array(array) => Value::Array(array.into_iter().map(|item| convert(item, problems)).collect()),
        DeValue::Table(table) => Value::Table(Arc::new(convert_table(table, problems))),
    };
    Node { span, value }
}

fn unix_seconds(datetime: &toml::value::Datetime) -> Option<i64> {
    let date = datetime.date?;
    let day = chrono::NaiveDate::from_ymd_opt(date.year.into(), date.month.into(), date.day.into())?;
    let time = match datetime.time {
        // A leap second is the second after it here: no calendar of chrono has 23:59:60.
        Some(time) => chrono::NaiveTime::from_hms_opt(
            time.hour.into(),
            time.minute.into(),
            u32::from(time.second.unwrap_or(0)).min(59),
        )?,
        None => chrono::NaiveTime::MIN,
    };
    let offset_minutes = match datetime.offset {
        Some(toml::value::Offset::Custom { minutes }) => i64::from(minutes),
        Some(toml::value::Offset::Z) | None => 0,
    };
    Some(day.and_time(time).and_utc().timestamp() - offset_minutes * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time_of(text: &str) -> Value {
        parse(&format!("date = {text}")).unwrap().get("date").unwrap().node.value.clone()
    }

    #[test]
    fn dates_become_seconds() {
        for (text, seconds) in [
            ("2026-11-22", 1_795_305_600),
            ("2026-11-22T01:00:00", 1_795_309_200),
            ("2026-11-22T01:00:00+01:00", 1_795_305_600),
            ("2026-11-22T00:00:00Z", 1_795_305_600),
        ] {
            assert!(matches!(time_of(text), Value::Time(Some(found)) if found == seconds), "{text}");
        }
        assert!(matches!(time_of("01:00:00"), Value::Time(None)));
    }

    #[test]
    fn tables_merge_and_all_else_is_replaced() {
        let base = parse("a = [1, 2]\n[t]\nx = 'x'\ny = 'y'\n[t.u]\nz = 1").unwrap();
        let over = parse("a = [3]\n[t]\ny = 'Y'\n[t.u]\nw = 2").unwrap();
        let merged = base.merged(&over);
        let Value::Array(items) = &merged.get("a").unwrap().node.value else { panic!("an array") };
        assert_eq!(items.len(), 1);
        let Value::Table(table) = &merged.get("t").unwrap().node.value else { panic!("a table") };
        assert!(matches!(&table.get("x").unwrap().node.value, Value::String(text) if &**text == "x"));
        assert!(matches!(&table.get("y").unwrap().node.value, Value::String(text) if &**text == "Y"));
        let Value::Table(inner) = &table.get("u").unwrap().node.value else { panic!("a table") };
        assert_eq!(inner.entries.len(), 2);
    }

    #[test]
    fn an_empty_table_within_another_takes_away_what_is_below() {
        let base = parse("[p]\nx = 1\n[p.a.one]\ny = 1\n[p.b.two]\nz = 1\n[q]\nw = 1").unwrap();
        for over in ["p.a = {}", "p = { a = {} }", "[p.a]"] {
            let merged = base.merged(&parse(over).unwrap());
            let p = merged.get("p").and_then(|entry| entry.node.value.as_table()).unwrap();
            assert!(p.get("a").is_none_or(|a| a.node.value.as_table().unwrap().entries.is_empty()), "{over}");
            let b = p.get("b").and_then(|entry| entry.node.value.as_table()).unwrap();
            assert!(b.get("two").is_some() && p.get("x").is_some() && merged.get("q").is_some(), "{over}");
        }
        let deep = base.merged(&parse("[p.b.two]").unwrap());
        let p = deep.get("p").and_then(|entry| entry.node.value.as_table()).unwrap();
        let two = p.get("b").and_then(|entry| entry.node.value.as_table()).unwrap().get("two");
        assert!(two.is_none_or(|two| two.node.value.as_table().unwrap().entries.is_empty()));
    }

    #[test]
    fn several_syntax_errors_are_told_at_once() {
        let problems = parse("a = \nb = 1\nb = 2\n").unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(problems[1].message, "`b` is written twice");
    }
}
