//! Relation fields of finished packages: Depends and its like in a control file, an index or dpkg's `status`
//! (deb-control(5), Debian Policy chapter 7). What recipes say is read by the parent module, in either format's words.

use crate::formats::version::DebVersion;
use crate::types::{Comparison, Format, printable};

/// One package that a relation field names: `libc6:any (>= 2.36)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) name: String,
    /// What follows the colon: `any`, `native` or an architecture.
    pub(crate) qualifier: Option<String>,
    pub(crate) version: Option<(Comparison, DebVersion)>,
}

impl Relation {
    /// A relation on a name alone.
    pub(crate) fn any(name: &str) -> Relation {
        Relation { name: name.to_owned(), qualifier: None, version: None }
    }

    /// Whether a package of this name and version is meant, within an archive of one architecture.
    pub(crate) fn matches(&self, version: &DebVersion) -> bool {
        self.version.as_ref().is_none_or(|(comparison, wanted)| comparison.holds(version.cmp(wanted)))
    }

    /// Whether a Provides of this name is meant. An unversioned one satisfies no versioned relation (Policy 7.5).
    pub(crate) fn matches_provided(&self, provided: Option<&DebVersion>) -> bool {
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
            let sign = comparison.sign(Format::Deb);
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

/// The names of packages in a relation field, alternatives included, without versions, architectures and profiles. Takes
/// any text: for those who have to go on with what [`relations`] refuses.
pub(crate) fn names(field: &str) -> impl Iterator<Item = &str> {
    field
        .split([',', '|'])
        .map(|relation| relation.trim().split(['(', '[', '<', ' ', ':', '\n', '\t']).next().unwrap_or_default())
        .filter(|name| !name.is_empty())
}

fn relation(text: &str) -> Result<Relation, String> {
    let wrong = || format!("`{}` is no package relation", printable(text.trim()));
    let (package, version) = match text.split_once('(') {
        Some((package, rest)) => {
            let inner = rest.trim_end().strip_suffix(')').ok_or_else(wrong)?.trim();
            let signs = [
                ("<<", Comparison::Less),
                ("<=", Comparison::LessOrEqual),
                (">=", Comparison::GreaterOrEqual),
                (">>", Comparison::Greater),
                ("=", Comparison::Equal),
                // Long deprecated, and with these meanings (deb-control(5)).
                ("<", Comparison::LessOrEqual),
                (">", Comparison::GreaterOrEqual),
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
    fn names_are_found_in_any_field() {
        let found: Vec<&str> = names("a (>= 1) | b:any,\n c [amd64] <!x>, ,d").collect();
        assert_eq!(found, ["a", "b", "c", "d"]);
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
