//! The five ways in which a relation compares versions, in the words of both formats.

use std::cmp::Ordering;

use super::Format;

/// Which versions a relation means, beside the one that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    GreaterOrEqual,
    Greater,
}

impl Comparison {
    /// Reads a sign as people write it, in the words of either format. A finished Debian control file, where `<` has another
    /// meaning, is read by `formats::relation::field`.
    pub(crate) fn parse(sign: &str) -> Option<Comparison> {
        Some(match sign {
            "<" | "<<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            "=" | "==" => Comparison::Equal,
            ">=" => Comparison::GreaterOrEqual,
            ">" | ">>" => Comparison::Greater,
            _ => return None,
        })
    }

    /// The sign in a format's own files (Debian Policy 7.1; RPM's dependency syntax).
    pub(crate) fn sign(self, format: Format) -> &'static str {
        match (self, format) {
            (Comparison::Less, Format::Deb) => "<<",
            (Comparison::Less, Format::Rpm) => "<",
            (Comparison::LessOrEqual, _) => "<=",
            (Comparison::Equal, _) => "=",
            (Comparison::GreaterOrEqual, _) => ">=",
            (Comparison::Greater, Format::Deb) => ">>",
            (Comparison::Greater, Format::Rpm) => ">",
        }
    }

    /// Whether a version that stands so to the one of the relation is meant.
    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Equal => order.is_eq(),
            Comparison::GreaterOrEqual => order.is_ge(),
            Comparison::Greater => order.is_gt(),
        }
    }
}
