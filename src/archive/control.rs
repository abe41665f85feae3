//! deb822 stanzas and dependency fields, as far as an archive index and a bootstrap need them (deb-control(5), Debian
//! Policy chapters 5 and 7). Not a general control file library: unknown fields pass by untouched.

use debversion::Version;

/// The fields of one stanza, in order, borrowed from its text. Values keep their continuation lines.
pub(crate) fn fields(stanza: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = stanza;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let mut end = rest.find('\n').map_or(rest.len(), |at| at + 1);
            while rest[end..].starts_with([' ', '\t']) {
                end += rest[end..].find('\n').map_or(rest.len() - end, |at| at + 1);
            }
            let (field, after) = rest.split_at(end);
            rest = after;
            if let Some((name, value)) = field.split_once(':') {
                return Some((name, value.trim()));
            }
        }
    })
}

/// `<<`, `<=`, `=`, `>=`, `>>` of Debian Policy 7.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Earlier,
    EarlierOrEqual,
    Equal,
    LaterOrEqual,
    Later,
}

impl Comparison {
    fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Comparison::Earlier => ordering.is_lt(),
            Comparison::EarlierOrEqual => ordering.is_le(),
            Comparison::Equal => ordering.is_eq(),
            Comparison::LaterOrEqual => ordering.is_ge(),
            Comparison::Later => ordering.is_gt(),
        }
    }
}

/// One package that a relation field names: `libc6:any (>= 2.36)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) name: String,
    /// What follows the colon: `any`, `native` or an architecture.
    pub(crate) qualifier: Option<String>,
    pub(crate) version: Option<(Comparison, Version)>,
}

impl Relation {
    /// A relation on a name alone.
    pub(crate) fn any(name: &str) -> Relation {
        Relation { name: name.to_owned(), qualifier: None, version: None }
    }

    /// Whether a package of this name and version is meant, within an archive of one architecture.
    pub(crate) fn matches(&self, version: &Version) -> bool {
        self.version.as_ref().is_none_or(|(comparison, wanted)| comparison.holds(version.cmp(wanted)))
    }

    /// Whether a Provides of this name is meant. An unversioned one satisfies no versioned relation (Policy 7.5).
    pub(crate) fn matches_provided(&self, provided: Option<&Version>) -> bool {
        match (&self.version, provided) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(version)) => self.matches(version),
        }
    }

    /// Whether it is about packages of `arch` at all.
    pub(crate) fn concerns(&self, arch: &str) -> bool {
        self.qualifier.as_deref().is_none_or(|qualifier| matches!(qualifier, "any" | "native") || qualifier == arch)
    }
}

impl std::fmt::Display for Relation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        if let Some(qualifier) = &self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        if let Some((comparison, version)) = &self.version {
            let sign = match comparison {
                Comparison::Earlier => "<<",
                Comparison::EarlierOrEqual => "<=",
                Comparison::Equal => "=",
                Comparison::LaterOrEqual => ">=",
                Comparison::Later => ">>",
            };
            write!(f, " ({sign} {version})")?;
        }
        Ok(())
    }
}

/// A Depends-like field: all of the outer list, one of each inner one. Architecture lists and build profiles, which
/// belong to source packages, are an error.
pub(crate) fn relations(field: &str) -> Result<Vec<Vec<Relation>>, String> {
    field
        .split(',')
        .map(str::trim)
        .filter(|clause| !clause.is_empty())
        .map(|clause| clause.split('|').map(relation).collect())
        .collect()
}

fn relation(text: &str) -> Result<Relation, String> {
    let wrong = || format!("`{}` is no package relation", crate::types::printable(text.trim()));
    let (package, version) = match text.split_once('(') {
        Some((package, rest)) => {
            let inner = rest.trim_end().strip_suffix(')').ok_or_else(wrong)?.trim();
            let signs = [
                ("<<", Comparison::Earlier),
                ("<=", Comparison::EarlierOrEqual),
                (">=", Comparison::LaterOrEqual),
                (">>", Comparison::Later),
                ("=", Comparison::Equal),
                // Long deprecated, and with these meanings (deb-control(5)).
                ("<", Comparison::EarlierOrEqual),
                (">", Comparison::LaterOrEqual),
            ];
            let (comparison, version) = signs
                .into_iter()
                .find_map(|(sign, comparison)| Some((comparison, inner.strip_prefix(sign)?)))
                .ok_or_else(wrong)?;
            (package, Some((comparison, version.trim().parse().map_err(|_| wrong())?)))
        }
        None => (text, None),
    };
    let (name, qualifier) = match package.trim().split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier.to_owned())),
        None => (package.trim(), None),
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
    if name.is_empty() || !name.chars().all(allowed) || qualifier.as_ref().is_some_and(|q| !q.chars().all(allowed)) {
        return Err(wrong());
    }
    Ok(Relation { name: name.to_owned(), qualifier, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_continuations() {
        let stanza = "Package: a\nDescription: b\n c:d\n .\nno colon\nSize: 1";
        let seen: Vec<_> = fields(stanza).collect();
        assert_eq!(seen, [("Package", "a"), ("Description", "b\n c:d\n ."), ("Size", "1")]);
    }

    #[test]
    fn relations_are_read_as_policy_says() {
        let clauses = relations("libc6 (>= 2.36), perl:any | perl-base(<<5.40~), a:amd64,").unwrap();
        let shown: Vec<Vec<String>> =
            clauses.iter().map(|clause| clause.iter().map(ToString::to_string).collect()).collect();
        assert_eq!(shown, [vec!["libc6 (>= 2.36)"], vec!["perl:any", "perl-base (<< 5.40~)"], vec!["a:amd64"]]);
        assert!(clauses[0][0].matches(&"2.36-9+deb12u10".parse().unwrap()));
        assert!(!clauses[0][0].matches(&"2.31-13".parse().unwrap()));
        assert!(!clauses[0][0].matches_provided(None));
        assert!(clauses[1][0].matches_provided(None) && clauses[1][0].concerns("arm64"));
        assert!(!clauses[2][0].concerns("arm64"));
        for wrong in ["a b", "a (2)", "a (>= 1", "a [amd64]", "a <!nocheck>", "|", "a (>= )", "../x"] {
            assert!(relations(wrong).is_err(), "{wrong}");
        }
    }
}
