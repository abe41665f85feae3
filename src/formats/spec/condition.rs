//! What stands after `%if`: rpm's expressions of numbers, strings and versions.

use std::cmp::Ordering;

use super::macros::Scope;
use crate::formats::version;
use crate::types::Format;

/// Whether a condition holds; none where that is not known, or rpm would refuse it.
pub(super) fn holds(text: &str, scope: &Scope<'_>) -> Option<bool> {
    evaluate(text, scope).map(|value| value.holds())
}

/// The value of an expression as text.
pub(super) fn value(text: &str, scope: &Scope<'_>) -> Option<String> {
    evaluate(text, scope).map(|value| match value {
        Value::Number(number) => number.to_string(),
        Value::Text(text) | Value::Version(text) => text,
    })
}

fn evaluate(text: &str, scope: &Scope<'_>) -> Option<Value> {
    let text = scope.expand(text).ok()?;
    let mut parser = Parser { rest: text.trim(), depth: 0 };
    let value = parser.alternative()?;
    parser.rest.is_empty().then_some(value)
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Number(i64),
    Text(String),
    Version(String),
}

impl Value {
    fn holds(&self) -> bool {
        match self {
            Value::Number(number) => *number != 0,
            Value::Text(text) | Value::Version(text) => !text.is_empty(),
        }
    }

    /// None: rpm compares only what is of one kind.
    fn compare(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Number(one), Value::Number(other)) => Some(one.cmp(other)),
            (Value::Text(one), Value::Text(other)) => Some(one.cmp(other)),
            (Value::Version(one), Value::Version(other)) => Some(version::compare(Format::Rpm, one, other)),
            _ => None,
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn takes(&mut self, sign: &str) -> bool {
        let found = self.rest.strip_prefix(sign);
        if let Some(rest) = found {
            self.rest = rest.trim_start();
        }
        found.is_some()
    }

    /// `a || b`: the value of the last one that was looked at, as rpm has it.
    fn alternative(&mut self) -> Option<Value> {
        let mut value = self.both()?;
        while self.takes("||") {
            let other = self.both()?;
            value = if value.holds() { value } else { other };
        }
        Some(value)
    }

    fn both(&mut self) -> Option<Value> {
        let mut value = self.comparison()?;
        while self.takes("&&") {
            let other = self.comparison()?;
            value = if value.holds() { other } else { value };
        }
        Some(value)
    }

    fn comparison(&mut self) -> Option<Value> {
        type Holds = fn(Ordering) -> bool;
        const SIGNS: [(&str, Holds); 6] = [
            ("==", Ordering::is_eq),
            ("!=", Ordering::is_ne),
            ("<=", Ordering::is_le),
            (">=", Ordering::is_ge),
            ("<", Ordering::is_lt),
            (">", Ordering::is_gt),
        ];
        let mut value = self.sum()?;
        while let Some((_, holds)) = SIGNS.into_iter().find(|(sign, _)| self.takes(sign)) {
            let other = self.sum()?;
            value = Value::Number(i64::from(holds(value.compare(&other)?)));
        }
        Some(value)
    }

    fn sum(&mut self) -> Option<Value> {
        let mut value = self.product()?;
        loop {
            let is_sum = self.rest.starts_with('+');
            if !is_sum && !self.rest.starts_with('-') {
                return Some(value);
            }
            self.rest = self.rest[1..].trim_start();
            value = match (value, self.product()?) {
                (Value::Number(one), Value::Number(other)) => {
                    Value::Number(if is_sum { one.checked_add(other)? } else { one.checked_sub(other)? })
                }
                (Value::Text(one), Value::Text(other)) if is_sum => Value::Text(one + &other),
                _ => return None,
            };
        }
    }

    fn product(&mut self) -> Option<Value> {
        let mut value = self.primary()?;
        loop {
            let is_product = self.rest.starts_with('*');
            if !is_product && !self.rest.starts_with('/') {
                return Some(value);
            }
            self.rest = self.rest[1..].trim_start();
            value = match (value, self.primary()?) {
                (Value::Number(one), Value::Number(other)) => {
                    Value::Number(if is_product { one.checked_mul(other)? } else { one.checked_div(other)? })
                }
                _ => return None,
            };
        }
    }

    fn primary(&mut self) -> Option<Value> {
        const DEEPEST: usize = 32;
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let value = if !self.rest.starts_with("!=") && self.takes("!") {
            Some(Value::Number(i64::from(!self.primary()?.holds())))
        } else if self.takes("(") {
            let value = self.alternative()?;
            self.takes(")").then_some(value)
        } else if self.takes("-") {
            match self.primary()? {
                Value::Number(number) => number.checked_neg().map(Value::Number),
                _ => None,
            }
        } else if let Some(text) = self.quoted("\"") {
            Some(Value::Text(text))
        } else if let Some(text) = self.quoted("v\"") {
            Some(Value::Version(text))
        } else {
            let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
            let (digits, rest) = self.rest.split_at(end);
            // `12abc` is an error to rpm.
            if rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
                return None;
            }
            let number = digits.parse().ok()?;
            self.rest = rest.trim_start();
            Some(Value::Number(number))
        };
        self.depth -= 1;
        value
    }

    fn quoted(&mut self, begin: &str) -> Option<String> {
        let (text, rest) = self.rest.strip_prefix(begin)?.split_once('"')?;
        let text = text.to_owned();
        self.rest = rest.trim_start();
        Some(text)
    }
}
