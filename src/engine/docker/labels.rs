//! farm's labels in a form that every engine takes and gives back unchanged.

use std::collections::{BTreeMap, HashMap};

use crate::engine::labels;

/// What the names of all labels of ours begin with.
pub(super) const OURS: &str = "io.farm.";

/// The labels as they were given: without those of ours whose value is empty, which a commit could not take away (see
/// `container::commit`), and with the others decoded.
pub(super) fn present(labels: HashMap<String, String>) -> BTreeMap<String, String> {
    let ours = |name: &str| name.starts_with(OURS);
    let absent = |name: &str, value: &str| ours(name) && name != labels::OWNED && value.is_empty();
    let there = labels.into_iter().filter(|(name, value)| !absent(name, value));
    there.map(|(name, value)| if ours(&name) { (name, decoded(&value)) } else { (name, value) }).collect()
}

/// A label's value without what engines read differently in the `LABEL` instruction of a commit: Docker expands and
/// unescapes it as in a Dockerfile, Podman 4 takes it as it stands. Imports and look-ups use the same form.
pub(super) fn encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' | '\\' | '$' | '%' => encoded.push_str(&format!("%{:02x}", c as u32)),
            c if c.is_ascii_control() => encoded.push_str(&format!("%{:02x}", c as u32)),
            c => encoded.push(c),
        }
    }
    encoded
}

fn decoded(value: &str) -> String {
    let mut parts = value.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if byte.is_ascii() => {
                decoded.push(char::from(byte));
                decoded.push_str(&part[2..]);
            }
            _ => {
                decoded.push('%');
                decoded.push_str(part);
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_survive_every_engines_reading_of_them() {
        for value in ["plain", "a \"key\" of ${HOME} \\ 100%", "100%25", "%", "%zz", "grün % é", "two\nlines"] {
            let encoded = encoded(value);
            assert!(!encoded.contains(['"', '\\', '$', '\n']), "{encoded}");
            assert_eq!(decoded(&encoded), value);
        }
        assert_eq!(decoded("50%é"), "50%é", "a value that something else wrote");
    }
}
