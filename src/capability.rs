//! Capabilities as people write them: `pkgconfig(zlib) >= 1.2`, `/usr/bin/help2man`. Only their form: who provides
//! them is for `archive` to say.

use std::fmt;

use crate::types::{Comparison, Format, nearest, printable};

/// Something that a package can be wanted for without its name being known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Capability {
    pub kind: CapabilityKind,
    /// What stands in the parentheses; of a path, the path. Python's are normalised as in PEP 503.
    pub name: String,
    /// Contents indices know no versions: whoever chooses a provider has to check it.
    pub version: Option<Constraint>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum CapabilityKind {
    /// `pkgconfig(zlib)`
    PkgConfig,
    /// `cmake(Qt6Core)`
    Cmake,
    /// `python3dist(requests)`
    Python3Dist,
    /// `perl(Foo::Bar)`
    Perl,
    /// `rubygem(rake)`
    RubyGem,
    /// `lib(ssl)`
    Library,
    /// `/usr/bin/help2man`
    Path,
}

impl CapabilityKind {
    const NAMED: [CapabilityKind; 6] = [
        CapabilityKind::PkgConfig,
        CapabilityKind::Cmake,
        CapabilityKind::Python3Dist,
        CapabilityKind::Perl,
        CapabilityKind::RubyGem,
        CapabilityKind::Library,
    ];

    /// What stands before the parenthesis; of a path, nothing does.
    fn word(self) -> &'static str {
        match self {
            CapabilityKind::PkgConfig => "pkgconfig",
            CapabilityKind::Cmake => "cmake",
            CapabilityKind::Python3Dist => "python3dist",
            CapabilityKind::Perl => "perl",
            CapabilityKind::RubyGem => "rubygem",
            CapabilityKind::Library => "lib",
            CapabilityKind::Path => "",
        }
    }
}

/// Which versions will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Constraint {
    pub comparison: Comparison,
    pub version: String,
}

/// Why a text is no capability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CapabilityError {
    #[error("`{text}` is no capability: neither an absolute path nor of the form kind(name)")]
    Form { text: String },
    #[error("`{text}` is of a kind that is not known{}", match .nearest {
        Some(nearest) => format!(": did you mean {nearest}(…)?"),
        None => format!(" ({})", CapabilityKind::NAMED.map(CapabilityKind::word).join(", ")),
    })]
    Kind { text: String, nearest: Option<&'static str> },
    #[error("`{text}` lacks its closing parenthesis")]
    Unclosed { text: String },
    #[error("`{text}` has no proper name: {reason}")]
    Name { text: String, reason: &'static str },
    #[error("`{text}` has no proper version: {reason}")]
    Version { text: String, reason: &'static str },
}

impl Capability {
    pub(crate) fn parse(text: &str) -> Result<Capability, CapabilityError> {
        let text = text.trim();
        let shown = || printable(text);
        let (kind, name, rest) = if text.starts_with('/') {
            // A path may hold spaces and signs, but hardly a sign after a space.
            let signs = text.char_indices().zip(text.chars().skip(1));
            let end = signs.into_iter().find(|((_, c), next)| c.is_whitespace() && "<>=".contains(*next));
            let (path, rest) = text.split_at(end.map_or(text.len(), |((at, _), _)| at));
            (CapabilityKind::Path, path.trim_end(), rest)
        } else {
            let (word, rest) = text.split_once('(').ok_or_else(|| CapabilityError::Form { text: shown() })?;
            let kind = CapabilityKind::NAMED.into_iter().find(|kind| kind.word() == word).ok_or_else(|| {
                let nearest = nearest(word, CapabilityKind::NAMED.map(CapabilityKind::word));
                CapabilityError::Kind { text: shown(), nearest }
            })?;
            let (name, rest) = rest.split_once(')').ok_or_else(|| CapabilityError::Unclosed { text: shown() })?;
            (kind, name.trim(), rest)
        };
        if let Some(reason) = name_fault(kind, name) {
            return Err(CapabilityError::Name { text: shown(), reason });
        }
        let version = constraint(rest.trim()).map_err(|reason| CapabilityError::Version { text: shown(), reason })?;
        let name = if kind == CapabilityKind::Python3Dist { pep503(name) } else { name.to_owned() };
        Ok(Capability { kind, name, version })
    }

    /// Without a version.
    pub(crate) fn new(kind: CapabilityKind, name: &str) -> Capability {
        Capability { kind, name: name.to_owned(), version: None }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            CapabilityKind::Path => f.write_str(&self.name)?,
            kind => write!(f, "{}({})", kind.word(), self.name)?,
        }
        if let Some(Constraint { comparison, version }) = &self.version {
            write!(f, " {} {version}", comparison.sign(Format::Rpm))?;
        }
        Ok(())
    }
}

fn name_fault(kind: CapabilityKind, name: &str) -> Option<&'static str> {
    let only = |more: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.chars().any(char::is_control) {
        return Some("it has control characters");
    }
    match kind {
        CapabilityKind::Path if name[1..].split('/').any(|part| matches!(part, "" | "." | "..")) => {
            Some("a path has no empty, `.` or `..` parts")
        }
        CapabilityKind::Path => None,
        CapabilityKind::Python3Dist if !only("-_.") || pep503(name).is_empty() => {
            Some("a Python distribution has letters, digits, `-`, `_` and `.` only")
        }
        CapabilityKind::Perl
            if !name.split("::").all(|part| !part.is_empty() && !part.contains(':')) || !only("_:") =>
        {
            Some("a Perl module has words with `::` between them")
        }
        _ if name.contains(['/', '(']) || name.chars().any(char::is_whitespace) => {
            Some("it has a slash, a space or a parenthesis")
        }
        _ => None,
    }
}

fn constraint(text: &str) -> Result<Option<Constraint>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    let (sign, version) = text.split_at(text.find(|c| !"<>=".contains(c)).unwrap_or(text.len()));
    let comparison = Comparison::parse(sign).ok_or("it does not start with one of <, <=, =, >=, >")?;
    let version = version.trim();
    if version.is_empty() || !version.chars().all(|c| c.is_ascii_alphanumeric() || ".+-~^:_".contains(c)) {
        return Err("a version has letters, digits and any of .+-~^:_");
    }
    Ok(Some(Constraint { comparison, version: version.to_owned() }))
}

/// A Python distribution's name in the one form that PEP 503 compares: `Foo_.bar` is `foo-bar`.
pub(crate) fn pep503(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for part in name.split(['-', '_', '.']).filter(|part| !part.is_empty()) {
        if !normal.is_empty() {
            normal.push('-');
        }
        normal.push_str(&part.to_ascii_lowercase());
    }
    normal
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        Capability::parse(text).unwrap().to_string()
    }

    #[test]
    fn each_form_is_read() {
        for text in [
            "pkgconfig(gtkmm-3.0)",
            "cmake(Qt6Core)",
            "python3dist(foo-bar)",
            "perl(Foo::Bar)",
            "rubygem(rake)",
            "lib(stdc++)",
            "/usr/bin/help2man",
            "/usr/share/a file",
            "pkgconfig(zlib) >= 1.2~rc1",
        ] {
            assert_eq!(written(text), text);
        }
        assert_eq!(written("  python3dist(Foo_.Bar)  "), "python3dist(foo-bar)");
        assert_eq!(written("pkgconfig( zlib )>=1.2"), "pkgconfig(zlib) >= 1.2");
        assert_eq!(written("pkgconfig(zlib)<<1:2"), "pkgconfig(zlib) < 1:2");
        assert_eq!(written("/usr/bin/x=y >=2"), "/usr/bin/x=y >= 2");
        let parsed = Capability::parse("perl(Foo) == 2").unwrap();
        let version = Some(Constraint { comparison: Comparison::Equal, version: "2".to_owned() });
        assert_eq!(parsed, Capability { kind: CapabilityKind::Perl, name: "Foo".to_owned(), version });
    }

    #[test]
    fn what_is_malformed_says_why() {
        for (text, reason) in [
            ("", "neither an absolute path"),
            ("zlib", "neither an absolute path"),
            ("pkgconf(zlib)", "did you mean pkgconfig(…)?"),
            ("golang(x/y)", "(pkgconfig, cmake, python3dist, perl, rubygem, lib)"),
            ("pkgconfig(zlib", "closing parenthesis"),
            ("pkgconfig()", "empty"),
            ("pkgconfig(a b)", "a space"),
            ("lib(../x)", "a slash"),
            ("lib(x\u{1b}[1m)", "control"),
            ("python3dist(foo[bar])", "a Python distribution"),
            ("perl(Foo:::Bar)", "words with `::`"),
            ("perl(:MODULE_COMPAT)", "words with `::`"),
            ("/usr/../etc", "no empty"),
            ("/usr/bin/", "no empty"),
            ("/", "no empty"),
            ("pkgconfig(zlib)(64bit)", "does not start with"),
            ("pkgconfig(zlib) => 1", "does not start with"),
            ("pkgconfig(zlib) >=", "a version has"),
            ("pkgconfig(zlib) >= 1 2", "a version has"),
        ] {
            let error = Capability::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason) && !error.contains('\u{1b}'), "{text}: {error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_reads_the_same(
            text in prop_oneof![".*", "(/|lib\\(|perl\\(|python3dist\\()[ -~]*", "lib\\([a-z]+\\) ?[<>=]+ ?[0-9.]+"],
        ) {
            if let Ok(capability) = Capability::parse(&text) {
                prop_assert_eq!(Capability::parse(&capability.to_string()), Ok(capability));
            }
        }
    }
}
