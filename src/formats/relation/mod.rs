//! Relations between packages, read in Debian's syntax (`foo (>= 1.2) | bar`) or RPM's (`foo >= 1.2`, `(foo or bar)`)
//! and written in either. It knows nothing of which packages exist.

pub(crate) mod field;
pub(crate) mod rules;

use crate::capability::{Capability, CapabilityError};
use crate::types::{Arch, Comparison, Format};

/// Stands for the version of the very build that a relation is part of: `libfoo1 (= ${self-version})` becomes
/// `${binary:Version}` in Debian's substitution variables, and `%{version}-%{release}` with the epoch in RPM's macros.
pub(crate) const SELF_VERSION: &str = "${self-version}";

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    name: String,
    constraint: Option<(Comparison, String)>,
    /// `[amd64] <!nocheck>`: Debian only.
    restrictions: String,
}

/// One of the ways to meet a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alternative {
    /// Without a qualifier such as `:any`.
    pub(crate) name: String,
    pub(crate) constraint: Option<(Comparison, String)>,
    /// `[amd64] <!nocheck>`
    pub(crate) restrictions: String,
    /// Name, qualifier and version in RPM's syntax, in which capabilities are written: `pkgconfig(zlib) >= 1.2`.
    pub(crate) text: String,
}

impl Alternative {
    /// Whether Debian's restrictions, if there are any, leave it in force: `[amd64 arm64]`, `[!amd64]`, `<!nocheck>`.
    /// No build profile is set.
    pub(crate) fn applies_to(&self, arch: Arch) -> bool {
        let named = |word: &str| word == arch.deb() || word == "any" || word == "linux-any";
        let architectures = self.restrictions.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
        let here = architectures.is_none_or(|(list, _)| {
            let mut words = list.split_whitespace().peekable();
            match words.peek().is_some_and(|word| word.starts_with('!')) {
                true => !words.any(|word| named(&word[1..])),
                false => words.any(named),
            }
        });
        let mut profiles = self.restrictions.split('<').skip(1).peekable();
        here && (profiles.peek().is_none()
            || profiles.any(|list| list.trim_end_matches([' ', '>']).split_whitespace().all(|w| w.starts_with('!'))))
    }
}

/// Writes one relation of a recipe in the syntax of `format`.
///
/// `self_version` replaces [`SELF_VERSION`].
///
/// # Errors
/// A sentence that names the relation, when it is none or the format has no way to say it.
pub(crate) fn write(relation: &str, format: Format, self_version: &str) -> Result<String, String> {
    let relation = relation.trim();
    if relation.is_empty() {
        return Err("an empty relation".to_owned());
    }
    if relation.chars().any(char::is_control) {
        return Err(format!("relation {relation:?} holds a control character"));
    }
    // Debian's substitution variables and RPM's macros are for those who write for one format: kept as they are.
    match format {
        Format::Deb if is_substvar(relation) => return Ok(relation.to_owned()),
        Format::Rpm if is_substvar(relation) => {
            return Err(format!("`{relation}` is a substitution variable of Debian: move it to [override.deb]"));
        }
        Format::Rpm if relation.contains("%{") => return Ok(relation.replace(SELF_VERSION, self_version)),
        Format::Deb if relation.contains("%{") => {
            return Err(format!("`{relation}` uses a macro of RPM: move it to [override.rpm]"));
        }
        Format::Rpm if is_rich(relation) && has_rpm_only_word(relation) => return Ok(relation.to_owned()),
        _ => {}
    }
    let terms = parse(relation)?;
    let written: Result<Vec<String>, String> =
        terms.iter().map(|term| write_term(term, relation, format, self_version)).collect();
    let written = written?;
    Ok(match (format, written.len()) {
        (_, 1) => written.into_iter().next().unwrap_or_default(),
        (Format::Deb, _) => written.join(" | "),
        (Format::Rpm, _) => format!("({})", written.join(" or ")),
    })
}

/// Writes what a package provides, as [`write()`] does. None for a capability in a .deb: dpkg has no such names, and who looks
/// for it looks for its files.
pub(crate) fn write_provided(provided: &str, format: Format, self_version: &str) -> Result<Option<String>, String> {
    let error = match write(provided, format, self_version) {
        Ok(written) => return Ok(Some(written)),
        Err(error) => error,
    };
    match (format, &alternatives(provided)[..]) {
        (Format::Deb, [only]) => match Capability::parse(&only.text) {
            Ok(_) => Ok(None),
            Err(mistyped @ CapabilityError::Kind { nearest: Some(_), .. }) => Err(mistyped.to_string()),
            Err(_) => Err(error),
        },
        _ => Err(error),
    }
}

/// A relation in Debian's syntax as a finished package has it: without the alternatives that are not for `arch`. None when
/// nothing is left.
pub(crate) fn for_arch(written: &str, arch: Arch) -> Option<String> {
    let kept: Vec<&str> = written
        .split('|')
        .map(str::trim)
        .filter(|term| alternatives(term).first().is_none_or(|term| term.applies_to(arch)))
        .map(without_restrictions)
        .collect();
    (!kept.is_empty()).then(|| kept.join(" | "))
}

/// `foo (>= 1) [amd64] <!nocheck>` -> `foo (>= 1)`
fn without_restrictions(term: &str) -> &str {
    match term.find('[').or_else(|| term.find(" <")) {
        Some(at) => term[..at].trim_end(),
        None => term,
    }
}

/// Whether a relation is about some versions of a package.
pub(crate) fn has_version(relation: &str) -> bool {
    match parse(relation.trim()) {
        Ok(terms) => terms.iter().any(|term| term.constraint.is_some()),
        // With a macro of RPM's in it.
        Err(_) => relation.contains(['<', '>', '=']),
    }
}

/// The names in a relation, without versions; none when it cannot be read.
pub(crate) fn names(relation: &str) -> Vec<String> {
    parse(relation.trim()).map(|terms| terms.into_iter().map(|term| term.name).collect()).unwrap_or_default()
}

/// The ways to meet a relation, in order; none when it cannot be read.
pub(crate) fn alternatives(relation: &str) -> Vec<Alternative> {
    let bare = |name: String| match name.split_once(':') {
        Some((bare, _)) if !name.contains('(') => bare.to_owned(),
        _ => name,
    };
    let alternative = |term: Term| {
        let version = term.constraint.as_ref();
        let version = version.map(|(comparison, version)| format!(" {} {version}", comparison.sign(Format::Rpm)));
        Alternative {
            text: format!("{}{}", term.name, version.unwrap_or_default()),
            name: bare(term.name),
            constraint: term.constraint,
            restrictions: term.restrictions,
        }
    };
    parse(relation.trim()).map(|terms| terms.into_iter().map(alternative).collect()).unwrap_or_default()
}

fn is_substvar(relation: &str) -> bool {
    relation.starts_with("${") && relation.ends_with('}') && !relation.contains(' ') && relation != SELF_VERSION
}

/// RPM's boolean dependencies stand in parentheses: `(foo or bar)`, `(foo if bar)`.
fn is_rich(relation: &str) -> bool {
    relation.starts_with('(') && relation.ends_with(')')
}

fn has_rpm_only_word(relation: &str) -> bool {
    [" if ", " and ", " with ", " unless ", " without "].iter().any(|word| relation.contains(word))
}

fn parse(relation: &str) -> Result<Vec<Term>, String> {
    if is_rich(relation) {
        let inner = &relation[1..relation.len() - 1];
        if has_rpm_only_word(inner) {
            return Err(format!("`{relation}` can only be said in RPM: move it to [override.rpm]"));
        }
        return inner.split(" or ").map(|term| parse_term(term, relation)).collect();
    }
    let outside = |depth: &mut i32, c: char| {
        *depth += i32::from(c == '(') - i32::from(c == ')');
        Some((*depth, c))
    };
    if relation.chars().scan(0, outside).any(|(depth, c)| depth <= 0 && c == ',') {
        return Err(format!("`{relation}` holds more than one relation: write each as a string of its own"));
    }
    relation.split('|').map(|term| parse_term(term, relation)).collect()
}

fn parse_term(text: &str, whole: &str) -> Result<Term, String> {
    let text = text.trim();
    let malformed = |why: &str| Err(format!("`{whole}` is not a relation: {why}"));
    let end = name_end(text);
    let name = &text[..end];
    if name.is_empty() {
        return malformed("it has no package name");
    }
    if name.contains(['<', '>', '=']) {
        return malformed("put blanks around the operator");
    }
    let mut rest = text[end..].trim();
    let mut constraint = None;
    if let Some(inner) = rest.strip_prefix('(') {
        let Some((inner, after)) = inner.split_once(')') else { return malformed("`)` is missing") };
        constraint = Some(parse_constraint(inner, whole)?);
        rest = after.trim();
    } else if !rest.is_empty() && !rest.starts_with('[') && !is_profile(rest) {
        let end = rest.find(" [").or_else(|| rest.find(" <")).unwrap_or(rest.len());
        constraint = Some(parse_constraint(&rest[..end], whole)?);
        rest = rest[end..].trim();
    }
    if !rest.is_empty() && !rest.starts_with('[') && !is_profile(rest) {
        return malformed(&format!("`{rest}` is too much"));
    }
    Ok(Term { name: name.to_owned(), constraint, restrictions: rest.to_owned() })
}

/// Build profiles, `<!nocheck>`, as against the operators `<` and `<=`.
fn is_profile(text: &str) -> bool {
    text.starts_with('<') && text.ends_with('>') && !text.starts_with("<<") && !text.starts_with("<=")
}

/// A name ends at a blank, or at a parenthesis that begins a version: `foo(>= 1)`, but not `pkgconfig(foo)`.
fn name_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0;
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' => {
                let next = text[index + 1..].trim_start().as_bytes().first().copied();
                if depth == 0 && matches!(next, Some(b'<' | b'>' | b'=')) {
                    return index;
                }
                depth += 1;
            }
            b')' => depth -= 1,
            b' ' if depth <= 0 => return index,
            _ => {}
        }
    }
    text.len()
}

fn parse_constraint(text: &str, whole: &str) -> Result<(Comparison, String), String> {
    let text = text.trim();
    let split = text.find(|c: char| !matches!(c, '<' | '>' | '=')).unwrap_or(text.len());
    let (sign, version) = (&text[..split], text[split..].trim());
    let comparison = Comparison::parse(sign)
        .ok_or_else(|| format!("`{whole}` is not a relation: `{text}` begins with none of <, <=, =, >=, >"))?;
    if version.is_empty() || version.contains(char::is_whitespace) {
        return Err(format!("`{whole}` is not a relation: `{version}` is not a version"));
    }
    Ok((comparison, version.to_owned()))
}

fn write_term(term: &Term, whole: &str, format: Format, self_version: &str) -> Result<String, String> {
    let mut text = match format {
        Format::Deb => {
            let bare = term.name.split_once(':').map_or(term.name.as_str(), |(name, _)| name);
            if !is_deb_name(bare) {
                return Err(format!(
                    "`{whole}` names `{}`, which no Debian package can be called: name the package in [override.deb]",
                    term.name
                ));
            }
            term.name.clone()
        }
        Format::Rpm => {
            if !term.restrictions.is_empty() {
                return Err(format!("`{whole}`: RPM has no `{}`: move it to [override.deb]", term.restrictions));
            }
            if !is_capability(&term.name) {
                return Err(format!("`{whole}` names `{}`, which no RPM package can provide", term.name));
            }
            term.name.strip_suffix(":any").or(term.name.strip_suffix(":native")).unwrap_or(&term.name).to_owned()
        }
    };
    if let Some((comparison, version)) = &term.constraint {
        let version = version.replace(SELF_VERSION, self_version);
        let sign = comparison.sign(format);
        match format {
            Format::Deb => text.push_str(&format!(" ({sign} {version})")),
            Format::Rpm => text.push_str(&format!(" {sign} {version}")),
        }
    }
    if !term.restrictions.is_empty() {
        text.push(' ');
        text.push_str(&term.restrictions);
    }
    Ok(text)
}

/// Debian Policy 5.6.1.
pub(crate) fn is_deb_name(name: &str) -> bool {
    name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
}

/// A name that something can provide: `foo`, `/usr/bin/foo`, `pkgconfig(foo)`, `libfoo.so.1(FOO_1.0)(64bit)`.
fn is_capability(name: &str) -> bool {
    let mut depth = 0;
    name.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/'))
        && name.chars().all(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth >= 0 && c.is_ascii_graphic() && !matches!(c, '%' | '"' | '\'' | '`' | '$' | ';' | '&')
        })
        && depth == 0
}

/// What rpmbuild takes as a Name tag.
pub(crate) fn is_rpm_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(relation: &str, deb: &str, rpm: &str) {
        let both = [Format::Deb, Format::Rpm].map(|format| {
            let own = if format == Format::Deb { "${binary:Version}" } else { "%{version}-%{release}" };
            write(relation, format, own).unwrap_or_else(|error| format!("error: {error}"))
        });
        assert_eq!(both, [deb.to_owned(), rpm.to_owned()]);
    }

    #[test]
    fn either_syntax_is_written_as_the_other() {
        check("foo", "foo", "foo");
        check("foo >= 1.2", "foo (>= 1.2)", "foo >= 1.2");
        check("foo (>= 1.2)", "foo (>= 1.2)", "foo >= 1.2");
        check("foo(>= 1.2)", "foo (>= 1.2)", "foo >= 1.2");
        check("foo < 1:1.2~rc1", "foo (<< 1:1.2~rc1)", "foo < 1:1.2~rc1");
        check("foo (>> 2)", "foo (>> 2)", "foo > 2");
        check("foo | bar (= 1)", "foo | bar (= 1)", "(foo or bar = 1)");
        check("(foo or bar = 1)", "foo | bar (= 1)", "(foo or bar = 1)");
        check("libx (= ${self-version})", "libx (= ${binary:Version})", "libx = %{version}-%{release}");
        check("python3:any >= 3.9", "python3:any (>= 3.9)", "python3 >= 3.9");
    }

    #[test]
    fn what_is_provided_goes_without_capabilities_in_a_deb() {
        let written = |provided| write_provided(provided, Format::Deb, "1-1");
        for capability in ["pkgconfig(pond) = 1.2", "python3dist(pond)", "cmake(Pond)", "/usr/bin/pond"] {
            assert_eq!(written(capability), Ok(None), "{capability}");
            assert_eq!(write_provided(capability, Format::Rpm, "1-1"), Ok(Some(capability.to_owned())));
        }
        assert_eq!(written("pond-api = 3"), Ok(Some("pond-api (= 3)".to_owned())));
        assert_eq!(
            written("pkgconf(pond)"),
            Err("`pkgconf(pond)` is of a kind that is not known: did you mean pkgconfig(…)?".to_owned())
        );
        assert!(written("bundled(pond)").unwrap_err().ends_with("name the package in [override.deb]"));
        assert!(written("pkgconfig(a) | pkgconfig(b)").is_err());
    }

    #[test]
    fn what_only_one_format_can_say_is_refused_in_the_other() {
        check(
            "pkgconfig(oniguruma)",
            "error: `pkgconfig(oniguruma)` names `pkgconfig(oniguruma)`, which no Debian package can be called: name the package in [override.deb]",
            "pkgconfig(oniguruma)",
        );
        check(
            "foo [amd64] <!nocheck>",
            "foo [amd64] <!nocheck>",
            "error: `foo [amd64] <!nocheck>`: RPM has no `[amd64] <!nocheck>`: move it to [override.deb]",
        );
        check(
            "${python3:Depends}",
            "${python3:Depends}",
            "error: `${python3:Depends}` is a substitution variable of Debian: move it to [override.deb]",
        );
        check(
            "(foo if bar)",
            "error: `(foo if bar)` can only be said in RPM: move it to [override.rpm]",
            "(foo if bar)",
        );
        check(
            "foo%{?_isa} = 1",
            "error: `foo%{?_isa} = 1` uses a macro of RPM: move it to [override.rpm]",
            "foo%{?_isa} = 1",
        );
    }

    #[test]
    fn nonsense_is_an_error_and_never_a_panic() {
        for nonsense in
            ["", "foo>=1", "foo (>= )", "foo (1.2)", "foo (>= 1", "foo, bar", "foo bar", "(", "()", "|", "é(", "a\nb"]
        {
            for format in Format::ALL {
                assert!(write(nonsense, format, "1").is_err(), "{nonsense:?} was taken for {format}");
            }
        }
    }
}
