//! Macros of a .spec, and texts with macros in them.

use std::collections::BTreeMap;

use super::condition;
use crate::capability::pep503;

/// Macros that one text is expanded through, those within macros included: no honest .spec comes near it.
const MOST_MACROS: usize = 1_000;
/// No honest text of a .spec grows beyond it.
const LONGEST: usize = 64 << 10;

/// What is defined before a .spec is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Macros {
    /// Name and body.
    pub(crate) defined: BTreeMap<String, String>,
    /// Of a name that is not defined here: whether it is surely not defined there, either.
    pub(crate) absent: Absent,
}

/// Which macros a distribution does not have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Nothing is known of it.
    #[default]
    Unknown,
    /// These are not there.
    These(Vec<String>),
    /// Those are there, and names that begin with `_` may be: nothing else is.
    AllBut(Vec<String>),
}

impl Absent {
    fn holds(&self, name: &str) -> bool {
        // Those are of the .spec's own %bcond and of the command line, which farm writes.
        let is_choice = ["with_", "_with_", "_without_"].iter().any(|begin| name.starts_with(begin));
        let known = |names: &[String]| names.iter().any(|known| known == name);
        is_choice
            || match self {
                Absent::Unknown => false,
                Absent::These(names) => known(names),
                Absent::AllBut(names) => !name.starts_with('_') && !known(names),
            }
    }
}

/// Why a text is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotKnown {
    /// A macro that nobody here has defined, as it is written.
    Undefined(String),
    /// A macro that is computed, as it is written: `%(git describe)`.
    Computed(String),
    /// It stands under a condition that is not known.
    Condition,
}

/// What is defined at a line of a .spec.
pub(super) struct Scope<'a> {
    outside: &'a Macros,
    /// None: what it is, or whether it is there, is not known. An error holds what to say of it.
    own: BTreeMap<String, Result<Option<String>, String>>,
}

enum Found<'a> {
    Body(&'a str),
    Absent,
    /// Nobody here has defined it, somewhere else somebody may have.
    Undefined,
    NotKnown(&'a str),
}

impl<'a> Scope<'a> {
    pub(super) fn new(outside: &'a Macros) -> Scope<'a> {
        Scope { outside, own: BTreeMap::new() }
    }

    pub(super) fn define(&mut self, name: &str, body: &str) {
        self.own.insert(name.to_owned(), Ok(Some(body.to_owned())));
    }

    /// `%global`: expanded where it stands, as far as it is defined there.
    pub(super) fn define_expanded(&mut self, name: &str, body: &str) {
        let body = match self.expand(body) {
            Ok(text) => Ok(Some(text)),
            Err(NotKnown::Undefined(_)) => Ok(Some(body.to_owned())),
            Err(NotKnown::Computed(text)) => Err(text),
            Err(NotKnown::Condition) => Err(format!("%{name}")),
        };
        self.own.insert(name.to_owned(), body);
    }

    pub(super) fn undefine(&mut self, name: &str) {
        self.own.insert(name.to_owned(), Ok(None));
    }

    /// It is not known any more; `written` is what to say of it.
    pub(super) fn forget(&mut self, name: &str, written: &str) {
        self.own.insert(name.to_owned(), Err(written.to_owned()));
    }

    /// Whether it is defined; none where that is not known.
    pub(super) fn knows(&self, name: &str) -> Option<bool> {
        match self.find(name) {
            Found::Body(_) => Some(true),
            Found::Absent => Some(false),
            Found::Undefined | Found::NotKnown(_) => None,
        }
    }

    fn find(&self, name: &str) -> Found<'_> {
        match self.own.get(name) {
            Some(Ok(Some(body))) => return Found::Body(body),
            Some(Ok(None)) => return Found::Absent,
            Some(Err(written)) => return Found::NotKnown(written),
            None => {}
        }
        match self.outside.defined.get(name) {
            Some(body) => Found::Body(body),
            None if name == "nil" => Found::Body(""),
            None if self.outside.absent.holds(name) => Found::Absent,
            None => Found::Undefined,
        }
    }

    /// A text with its macros in place; `%{?dist}` stays when nobody has defined it.
    ///
    /// # Errors
    /// The macro that is not known.
    pub(super) fn expand(&self, text: &str) -> Result<String, NotKnown> {
        self.expand_within(text, 0, &mut { MOST_MACROS })
    }

    fn expand_within(&self, text: &str, depth: usize, left: &mut usize) -> Result<String, NotKnown> {
        const DEEPEST: usize = 16;
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                out.push('%');
                rest = after;
                continue;
            }
            let end = end_of(rest).ok_or_else(|| NotKnown::Computed(short(rest)))?;
            let (written, after) = rest.split_at(end);
            if written.is_empty() {
                // No macro begins so.
                out.push('%');
                continue;
            }
            rest = after;
            if depth > DEEPEST || *left == 0 {
                return Err(NotKnown::Computed(short(written)));
            }
            *left -= 1;
            out.push_str(&self.one(written, depth, left)?);
            if out.len() > LONGEST {
                return Err(NotKnown::Computed(short(written)));
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    /// One macro as it is written after its `%`.
    fn one(&self, written: &str, depth: usize, left: &mut usize) -> Result<String, NotKnown> {
        let computed = || NotKnown::Computed(short(written));
        let inside = match (written.strip_prefix('{'), written.strip_prefix('[')) {
            (Some(inside), _) => inside.strip_suffix('}').unwrap_or(inside),
            (_, Some(inside)) => {
                let inside = inside.strip_suffix(']').unwrap_or(inside);
                return condition::value(inside, self).ok_or_else(computed);
            }
            _ if written.starts_with('(') => return Err(computed()),
            _ => written,
        };
        let name_at = inside.find(|c| c != '?' && c != '!').unwrap_or(inside.len());
        let (signs, rest) = inside.split_at(name_at);
        let name_end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(name_end);
        if name.is_empty() {
            return Err(computed());
        }
        if signs.is_empty() && !rest.is_empty() {
            return self.function(name, rest.trim(), depth, left).unwrap_or_else(|| Err(computed()));
        }
        if !rest.is_empty() && !rest.starts_with(':') {
            return Err(computed());
        }
        let instead = rest.strip_prefix(':');
        let is_negated = signs.matches('!').count() % 2 == 1;
        let is_asked = signs.contains('?');
        let undefined = || NotKnown::Undefined(short(written));
        match (self.find(name), instead) {
            (Found::Undefined | Found::Absent, None) if name == "dist" && !is_negated => Ok("%{?dist}".to_owned()),
            (Found::NotKnown(written), _) => Err(NotKnown::Computed(written.to_owned())),
            (Found::Undefined, _) => Err(undefined()),
            (Found::Body(_), _) if is_negated => Ok(String::new()),
            (Found::Absent, Some(instead)) if is_negated => self.expand_within(instead, depth + 1, left),
            (Found::Absent, _) if is_asked => Ok(String::new()),
            // rpm leaves it in the text.
            (Found::Absent, _) => Err(undefined()),
            (Found::Body(_), Some(instead)) => self.expand_within(instead, depth + 1, left),
            (Found::Body(body), None) => self.expand_within(body, depth + 1, left),
        }
    }

    /// A macro with words behind its name, of those that are the same everywhere.
    fn function(&self, name: &str, rest: &str, depth: usize, left: &mut usize) -> Option<Result<String, NotKnown>> {
        let rest = rest.strip_prefix(':').unwrap_or(rest);
        let known = |name: &str, not: bool| {
            let is_known = self.knows(name).ok_or_else(|| NotKnown::Computed(format!("%{{{name}}}")));
            Some(is_known.map(|known| u8::from(known != not).to_string()))
        };
        match name {
            "with" => known(&format!("with_{rest}"), false),
            "without" => known(&format!("with_{rest}"), true),
            "defined" => known(rest, false),
            "undefined" => known(rest, true),
            "expand" => Some(
                self.expand_within(rest, depth + 1, left).and_then(|text| self.expand_within(&text, depth + 1, left)),
            ),
            "py3_dist" => Some(self.expand_within(rest, depth + 1, left).map(|words| {
                let words: Vec<String> =
                    words.split_whitespace().map(|word| format!("python3dist({})", pep503(word))).collect();
                words.join(" ")
            })),
            _ => None,
        }
    }
}

/// Where a macro that is written so ends; none where it does not.
fn end_of(text: &str) -> Option<usize> {
    let closing = match text.chars().next() {
        Some('{') => ('{', '}'),
        Some('[') => ('[', ']'),
        Some('(') => ('(', ')'),
        _ => {
            let begin = text.find(|c| c != '?' && c != '!').unwrap_or(text.len());
            let end = text[begin..].find(|c| !is_word(c)).map_or(text.len(), |end| begin + end);
            return Some(if end == begin { 0 } else { end });
        }
    };
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        if c == closing.0 {
            depth += 1;
        } else if c == closing.1 {
            depth -= 1;
            if depth == 0 {
                return Some(at + c.len_utf8());
            }
        }
    }
    None
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A macro as it is shown.
fn short(written: &str) -> String {
    const MOST: usize = 60;
    let line = written.lines().next().unwrap_or_default();
    let end = line.char_indices().nth(MOST).map_or(line.len(), |(at, _)| at);
    format!("%{}{}", &line[..end], if end < written.len() { "…" } else { "" })
}
