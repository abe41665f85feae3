//! Licences as SPDX 2.3 takes them: an expression of its own identifiers, and references to what it has no name for, each
//! with the words that were found. Nothing is concluded from a text here.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use spdx::{AdditionItem, Expression, LicenseItem};

/// A licence in SPDX's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Licence {
    /// Valid in a document of SPDX 2.3 that explains its `references`.
    pub(super) expression: String,
    /// `LicenseRef-NAME`, and what is known of it.
    pub(super) references: BTreeMap<String, String>,
}

/// What somebody said of a licence. An expression stays what it is; words that are none become one reference to themselves.
pub(super) fn licence(said: &str) -> Licence {
    let said = said.trim();
    // What old crates write for OR. Other spellings are guesses: BSD may be one of five licences.
    if let Some(licence) = of_expression(said).or_else(|| of_expression(&said.replace('/', " OR "))) {
        return licence;
    }
    let words: String = said.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
    let words: Vec<&str> = words.split('-').filter(|word| !word.is_empty()).collect();
    // The digest tells `GPL+` from `GPL`.
    let id = format!("LicenseRef-farm-{}-{}", words.join("-"), &hex::encode(Sha256::digest(said))[..8]);
    let text =
        format!("The licence is given as \"{said}\", which is no expression of SPDX. Its text is not known here.");
    Licence { expression: id.clone(), references: [(id, text)].into() }
}

fn of_expression(text: &str) -> Option<Licence> {
    let parsed = Expression::parse(text).ok()?;
    let mut references = BTreeMap::new();
    for requirement in parsed.requirements() {
        match &requirement.req.license {
            LicenseItem::Spdx { .. } => {}
            // Of another document, which nobody has.
            LicenseItem::Other(other) if other.doc_ref.is_some() => return None,
            LicenseItem::Other(other) => {
                let text = format!(
                    "A licence that SPDX has no identifier for, called \"{}\". Its text is not known here: the package's \
                     own documentation has it, if anything does.",
                    other.lic_ref
                );
                references.insert(format!("LicenseRef-{}", other.lic_ref), text);
            }
        }
        // SPDX 2.3 has no exceptions but those on its list.
        if matches!(&requirement.req.addition, Some(AdditionItem::Other(_))) {
            return None;
        }
    }
    Some(Licence { expression: text.to_owned(), references })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_stays_and_other_words_become_a_reference() {
        for (said, expression, references) in [
            ("MIT", "MIT", 0),
            (
                "GPL-2.0-or-later WITH Classpath-exception-2.0 OR MIT",
                "GPL-2.0-or-later WITH Classpath-exception-2.0 OR MIT",
                0,
            ),
            ("MIT/Apache-2.0", "MIT OR Apache-2.0", 0),
            ("LicenseRef-Acme AND MIT", "LicenseRef-Acme AND MIT", 1),
            ("GPLv2+ and BSD", "LicenseRef-farm-GPLv2-and-BSD-", 1),
            ("DocumentRef-x:LicenseRef-y", "LicenseRef-farm-DocumentRef-x-LicenseRef-y-", 1),
        ] {
            let licence = licence(said);
            let plain = match references {
                1 if said != expression => &licence.expression[..licence.expression.len() - 8],
                _ => licence.expression.as_str(),
            };
            assert_eq!((plain, licence.references.len()), (expression, references), "{said}");
            assert!(Expression::parse(&licence.expression).is_ok(), "{}", licence.expression);
            assert!(licence.references.keys().all(|id| licence.expression.contains(id)));
        }
        assert_ne!(licence("GPL+ or so").expression, licence("GPL or so").expression);
    }
}
