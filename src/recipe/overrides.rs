//! `[override.SELECTOR]`: which targets an override is for, and how specific it is. Whether the distributions that it
//! names exist is not known here: `matrix` checks that against the catalogue.

use std::ops::Range;
use std::sync::Arc;

use super::Selection;
use super::document::Table;
use super::reader::Problems;
use crate::types::{Arch, Format, PackageManager, nearest};

/// One override as written.
#[derive(Debug)]
pub(crate) struct Override {
    /// As written: `debian-12/arm64`.
    pub(crate) selector: String,
    pub(crate) span: Range<usize>,
    pub(crate) terms: Vec<Term>,
    pub(crate) body: Arc<Table>,
}

/// One condition of a selector; all of a selector's terms must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Term {
    Format(Format),
    Manager(PackageManager),
    Arch(Arch),
    Variant(String),
    /// A distribution with or without its version: `debian`, `debian-12`. Which of the two, the target decides.
    Distro(String),
    /// A glob over distributions with their version: `fedora-*`.
    Glob(String),
}

impl Term {
    /// The word that says what is meant, for messages.
    fn kind(&self) -> &'static str {
        match self {
            Term::Format(_) => "format",
            Term::Manager(_) => "package manager",
            Term::Arch(_) => "architecture",
            Term::Variant(_) => "variant",
            Term::Distro(_) | Term::Glob(_) => "distribution",
        }
    }

    /// How much this term says about a target, if it holds: the weights of `docs/recipe.md`.
    fn weight(&self, selection: &Selection) -> Option<u32> {
        match self {
            Term::Format(format) => (selection.format == format.as_str()).then_some(1),
            Term::Manager(manager) => (selection.manager == manager.as_str()).then_some(2),
            Term::Distro(name) if *name == selection.distro_version => Some(8),
            Term::Distro(name) => (*name == selection.distro).then_some(4),
            Term::Glob(pattern) => glob_matches(pattern, &selection.distro_version).then_some(6),
            Term::Arch(arch) => (selection.arch == arch.deb()).then_some(16),
            Term::Variant(name) => (selection.variant.as_deref() == Some(name)).then_some(32),
        }
    }
}

impl Override {
    /// The sum of the terms' weights; none when a term does not hold.
    pub(crate) fn weight(&self, selection: &Selection) -> Option<u32> {
        self.terms.iter().map(|term| term.weight(selection)).sum()
    }

    /// The package format that all its targets have, as far as the selector itself says.
    pub(crate) fn format(&self) -> Option<Format> {
        self.terms.iter().find_map(|term| match term {
            Term::Format(format) => Some(*format),
            Term::Manager(manager) => Some(manager.format()),
            _ => None,
        })
    }
}

/// The terms of a selector; problems are reported at `span`, the selector's key.
pub(crate) fn parse_selector(
    selector: &str,
    span: &Range<usize>,
    variants: &[&str],
    problems: &Problems<'_>,
) -> Vec<Term> {
    let mut terms: Vec<Term> = Vec::new();
    let shown = crate::types::printable(selector);
    for word in selector.split('/') {
        let Some(term) = parse_term(word, &shown, span, variants, problems) else { return Vec::new() };
        if let Some(other) = terms.iter().find(|other| other.kind() == term.kind()) {
            problems.add(
                format!("the selector `{shown}` matches no target"),
                span,
                format!("a target has only one {}", other.kind()),
                Some("all terms of a selector must hold; for alternatives write one override each".to_owned()),
            );
            return Vec::new();
        }
        terms.push(term);
    }
    terms
}

fn terms() -> String {
    let formats = Format::ALL.map(Format::as_str).join(", ");
    let managers = PackageManager::ALL.map(PackageManager::as_str).join(", ");
    format!(
        "terms are a format ({formats}), a package manager ({managers}), a distribution (debian, debian-12, fedora-*), an \
         architecture (arm64) or variant:NAME, joined by `/`"
    )
}

fn parse_term(
    word: &str,
    selector: &str,
    span: &Range<usize>,
    variants: &[&str],
    problems: &Problems<'_>,
) -> Option<Term> {
    if let Some(name) = word.strip_prefix("variant:") {
        if variants.contains(&name) {
            return Some(Term::Variant(name.to_owned()));
        }
        let label = match nearest(name, variants.iter().copied()) {
            Some(near) => format!("did you mean `variant:{near}`?"),
            None => "no matrix declares it".to_owned(),
        };
        let help = if variants.is_empty() {
            "variants are declared as [matrix.variants.NAME]".to_owned()
        } else {
            format!("declared variants: {}", variants.join(", "))
        };
        let name = crate::types::printable(name);
        problems.add(format!("unknown variant `{name}` in the selector `{selector}`"), span, label, Some(help));
        return None;
    }
    if let Some(format) = Format::ALL.into_iter().find(|format| word == format.as_str()) {
        return Some(Term::Format(format));
    }
    if let Some(manager) = PackageManager::ALL.into_iter().find(|manager| word == manager.as_str()) {
        return Some(Term::Manager(manager));
    }
    if let Ok(arch) = word.parse() {
        return Some(Term::Arch(arch));
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_' | '*' | '?');
    if word.is_empty() || !word.chars().all(plain) {
        let label = if let Some(name) = variants.iter().find(|name| **name == word) {
            format!("did you mean `variant:{name}`?")
        } else if word.is_empty() {
            "there is an empty term".to_owned()
        } else if let Some(name) = word.strip_prefix("variant=").filter(|name| variants.contains(name)) {
            format!("did you mean `variant:{name}`?")
        } else if word.to_ascii_lowercase().chars().all(plain) {
            format!("did you mean `{}`?", word.to_ascii_lowercase())
        } else if word.contains([',', ' ']) {
            "alternatives get an override each".to_owned()
        } else {
            "this is no term".to_owned()
        };
        problems.add(format!("`{selector}` is no selector"), span, label, Some(terms()));
        return None;
    }
    if variants.contains(&word) {
        problems.add(
            format!("`{selector}` is no selector"),
            span,
            format!("did you mean `variant:{word}`?"),
            Some(format!("a variant is selected as [override.\"variant:{word}\"]")),
        );
        return None;
    }
    Some(if word.contains(['*', '?']) { Term::Glob(word.to_owned()) } else { Term::Distro(word.to_owned()) })
}

/// Whether a glob matches the whole text: `*` is any characters, `?` is one.
pub(crate) fn glob_matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to take up again when what follows the last `*` does not fit: one character further in the text.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after_star, from)) => {
                    retry = Some((after_star, from + 1));
                    p = after_star;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_the_whole_text() {
        for (pattern, text, expected) in [
            ("debian-*", "debian-12", true),
            ("debian-*", "xdebian-12", false),
            ("*", "", true),
            ("*-1?", "debian-12", true),
            ("*-1?", "debian-1", false),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXb", false),
            ("debian", "debian-12", false),
            ("", "", true),
            ("?", "", false),
        ] {
            assert_eq!(glob_matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        assert!(!glob_matches(&"*a".repeat(200), &"a".repeat(199)));
    }

    fn terms(selector: &str) -> Vec<Term> {
        let problems = Problems::new("");
        let terms = parse_selector(selector, &(0..0), &["minimal"], &problems);
        assert_eq!(problems.into_sorted(), [], "{selector}");
        terms
    }

    #[test]
    fn terms_are_known_by_their_vocabulary() {
        assert_eq!(terms("rpm"), [Term::Format(Format::Rpm)]);
        assert_eq!(terms("rpm-generic"), [Term::Distro("rpm-generic".to_owned())]);
        assert_eq!(terms("aarch64"), [Term::Arch(Arch::Arm64)]);
        assert_eq!(
            terms("fedora-*/variant:minimal"),
            [Term::Glob("fedora-*".to_owned()), Term::Variant("minimal".to_owned())]
        );
    }

    #[test]
    fn selectors_that_match_nothing_are_problems() {
        for selector in ["debian/ubuntu", "deb/rpm", "variant:none", "minimal", "", "deb/", "Debian", "a b"] {
            let problems = Problems::new("");
            assert!(parse_selector(selector, &(0..0), &["minimal"], &problems).is_empty());
            assert_eq!(problems.into_sorted().len(), 1, "{selector}");
        }
    }
}
