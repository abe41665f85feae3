//! Editing of lists: `requires = { add = ["a"], remove = ["b"] }`, where a table is laid on another one that has the list.

use std::sync::Arc;

use super::Problem;
use super::document::{KeyValue, Node, Table, Value};
use crate::types::{nearest, printable};

/// Of a longer list an error does not name all.
const NAMED: usize = 8;

/// What is to be removed from a list that does not have it.
#[derive(Debug)]
pub(super) struct Missing<'a> {
    /// The way to the list: `build.requires`.
    pub(super) path: String,
    pub(super) text: &'a str,
    node: &'a Node,
    list: Vec<&'a str>,
}

impl Missing<'_> {
    pub(super) fn problem(&self) -> Problem {
        let shown = printable(self.text);
        let label = match nearest(self.text, self.list.iter().copied()) {
            Some(near) => format!("did you mean `{}`?", printable(near)),
            None => "nothing that can be removed".to_owned(),
        };
        let mut named: Vec<String> = self.list.iter().take(NAMED).map(|one| printable(one)).collect();
        if self.list.len() > NAMED {
            named.push("…".to_owned());
        }
        let help = match named.is_empty() {
            true => "the list is empty there".to_owned(),
            false => format!("it has {}", named.join(", ")),
        };
        Problem {
            message: format!("`{}` has no `{shown}` to remove", printable(&self.path)),
            span: self.node.span.clone(),
            label,
            help: Some(help),
        }
    }
}

/// `over` as it is to be laid on `below`: each edit is the list that comes of it. What is to be removed and is not there is
/// told to `missing`. Below the key `open`, what edits a list that is not there yet stays an edit.
pub(super) fn edited<'a>(
    below: &'a Table,
    over: &'a Table,
    open: Option<&str>,
    missing: &mut dyn FnMut(Missing<'a>),
) -> Table {
    Edits { open, missing }.table(Some(below), over, &mut Vec::new())
}

/// Whether the list of a table, or what edits it, has a string.
pub(super) fn names(value: &Value, text: &str) -> bool {
    let list = match value {
        Value::Array(items) => Some(items),
        Value::Table(table) => Edit::of(table).and_then(|edit| edit.add),
        _ => None,
    };
    list.is_some_and(|items| find(items, text).is_some())
}

/// Where in a list, or in what edits it, a string stands.
pub(super) fn find<'a>(items: &'a [Node], text: &str) -> Option<&'a Node> {
    items.iter().find(|item| string(item) == Some(text))
}

fn string(node: &Node) -> Option<&str> {
    match &node.value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// A table that says how to change a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edit<'a> {
    pub(super) add: Option<&'a Arc<[Node]>>,
    pub(super) remove: Option<&'a Arc<[Node]>>,
}

impl<'a> Edit<'a> {
    /// None for any other table, and where something else than strings is to be added or removed.
    pub(super) fn of(table: &'a Table) -> Option<Edit<'a>> {
        let mut edit = Edit { add: None, remove: None };
        for (key, entry) in &table.entries {
            let Value::Array(items) = &entry.node.value else { return None };
            let place = match &**key {
                "add" => &mut edit.add,
                "remove" => &mut edit.remove,
                _ => return None,
            };
            *place = items.iter().all(|item| string(item).is_some()).then_some(items);
            (*place)?;
        }
        (!table.entries.is_empty()).then_some(edit)
    }
}

struct Edits<'e, 'a> {
    open: Option<&'e str>,
    missing: &'e mut dyn FnMut(Missing<'a>),
}

impl<'a> Edits<'_, 'a> {
    fn table(&mut self, below: Option<&'a Table>, over: &'a Table, path: &mut Vec<&'a str>) -> Table {
        let mut whole = Table::default();
        for (key, entry) in &over.entries {
            let under = below.and_then(|below| below.get(key)).map(|entry| &entry.node.value);
            path.push(key);
            let value = match &entry.node.value {
                Value::Table(table) => self.value(under, table, path),
                other => other.clone(),
            };
            path.pop();
            let node = Node { span: entry.node.span.clone(), value };
            whole.entries.insert(Arc::clone(key), KeyValue { key_span: entry.key_span.clone(), node });
        }
        whole
    }

    fn value(&mut self, under: Option<&'a Value>, over: &'a Table, path: &mut Vec<&'a str>) -> Value {
        let is_open = || self.open.is_some_and(|open| path.first() == Some(&open));
        match (under, Edit::of(over)) {
            (Some(Value::Array(items)), Some(edit)) => self.list(items, edit, path),
            (None, Some(edit)) if !is_open() => self.list(&[], edit, path),
            (Some(Value::Table(below)), Some(edit)) => match Edit::of(below) {
                Some(first) => both(first, edit, over),
                None => Value::Table(Arc::new(over.clone())),
            },
            // No list is there to be edited: what is wrong with it is told where it is read.
            (_, Some(_)) => Value::Table(Arc::new(over.clone())),
            (under, None) => Value::Table(Arc::new(self.table(under.and_then(Value::as_table), over, path))),
        }
    }

    fn list(&mut self, items: &'a [Node], edit: Edit<'a>, path: &[&str]) -> Value {
        let removed: &[Node] = edit.remove.map_or(&[], |items| items);
        for node in removed {
            let Some(text) = string(node).filter(|text| find(items, text).is_none()) else { continue };
            let list = items.iter().filter_map(string).collect();
            (self.missing)(Missing { path: path.join("."), text, node, list });
        }
        Value::Array(changed(items, removed, edit.add.map_or(&[], |items| items)).into())
    }
}

/// Without what is removed, and with what is added and is not there.
fn changed(items: &[Node], removed: &[Node], added: &[Node]) -> Vec<Node> {
    let is_in = |list: &[Node], item: &Node| string(item).is_some_and(|text| find(list, text).is_some());
    let mut list: Vec<Node> = items.iter().filter(|item| !is_in(removed, item)).cloned().collect();
    for item in added {
        if !is_in(&list, item) {
            list.push(item.clone());
        }
    }
    list
}

/// One edit that does what two do, one after the other.
fn both(first: Edit<'_>, second: Edit<'_>, over: &Table) -> Value {
    let list = |items: Option<&Arc<[Node]>>| items.map_or_else(Vec::new, |items| items.to_vec());
    let add = changed(&list(first.add), &list(second.remove), &list(second.add));
    // What only the first one adds is gone already.
    let elsewhere = changed(&list(second.remove), &list(first.add), &[]);
    let remove = changed(&list(first.remove), &[], &elsewhere);
    let mut table = Table::default();
    for (key, items) in [("add", add), ("remove", remove)] {
        let place = over.entries.values().next();
        let (key_span, span) = place.map(|entry| (entry.key_span.clone(), entry.node.span.clone())).unwrap_or_default();
        let node = Node { span, value: Value::Array(items.into()) };
        table.entries.insert(Arc::from(key), KeyValue { key_span, node });
    }
    Value::Table(Arc::new(table))
}
