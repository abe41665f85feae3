//! What a relation may say by the field that it stands in and the format: dpkg and rpm refuse the rest when the package is
//! finished, or worse, when it is installed. The rules are those of deb-control(5), Debian Policy 5.6.12 and chapter 7,
//! and rpm's dependency and boolean dependency syntax; `tests` asks both tools.

use super::{
    SELF_VERSION, Term, has_rpm_only_word, is_capability, is_rich, is_rpm_name, is_substvar, parse, write_term,
};
use crate::capability::Capability;
use crate::formats::version;
use crate::types::{Comparison, Format};

/// Where a relation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// `requires`, `pre-requires`, `recommends` and `suggests` of packages.
    Needs,
    Enhances,
    Supplements,
    Provides,
    Conflicts,
    Replaces,
}

impl Field {
    /// By the recipe's key.
    pub(crate) fn of(key: &str) -> Field {
        match key {
            "enhances" => Field::Enhances,
            "supplements" => Field::Supplements,
            "provides" => Field::Provides,
            "conflicts" => Field::Conflicts,
            "replaces" => Field::Replaces,
            _ => Field::Needs,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Field::Needs => "requires",
            Field::Enhances => "enhances",
            Field::Supplements => "supplements",
            Field::Provides => "provides",
            Field::Conflicts => "conflicts",
            Field::Replaces => "replaces",
        }
    }
}

/// What is wrong with a relation of a package, as a sentence that names it.
///
/// `for_all`: the package is the same on all architectures.
///
/// # Errors
/// Where the format cannot say it in that field; what to do instead is in the sentence.
pub(crate) fn check(relation: &str, field: Field, format: Format, for_all: bool) -> Result<(), String> {
    let shown = relation.trim();
    match format {
        Format::Deb if field == Field::Supplements => {
            return Err(format!("`{shown}`: a .deb cannot say that it is wanted beside another package"));
        }
        Format::Deb if is_substvar(shown) => return Ok(()),
        Format::Rpm if shown.contains("%{") => return Ok(()),
        Format::Rpm if is_rich(shown) && has_rpm_only_word(shown) => {
            return match field {
                Field::Needs | Field::Conflicts | Field::Enhances | Field::Supplements => rich(shown, field),
                Field::Provides | Field::Replaces => {
                    Err(format!("`{shown}`: RPM has no boolean dependencies in `{}`", field.key()))
                }
            };
        }
        _ => {}
    }
    let terms = parse(shown)?;
    if terms.len() > 1 && field != Field::Needs {
        return Err(format!(
            "`{shown}` leaves a choice, which `{}` cannot: write each as a string of its own",
            field.key()
        ));
    }
    for term in &terms {
        // Looked up in the distribution's archive before it is written.
        let is_capability_of_apt =
            format == Format::Deb && matches!(field, Field::Needs | Field::Provides) && is_known_capability(&term.name);
        if is_capability_of_apt {
            continue;
        }
        write_term(term, shown, format, "0")?;
        match format {
            Format::Deb => deb_term(term, shown, field, for_all)?,
            Format::Rpm => rpm_term(term, shown, field)?,
        }
    }
    Ok(())
}

fn is_known_capability(name: &str) -> bool {
    (name.contains('(') || name.starts_with('/')) && Capability::parse(name).is_ok()
}

fn deb_term(term: &Term, shown: &str, field: Field, for_all: bool) -> Result<(), String> {
    if let Some((name, qualifier)) = term.name.split_once(':') {
        let is_architecture = !qualifier.is_empty()
            && qualifier.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        let allowed = match field {
            Field::Needs => is_architecture && qualifier != "native",
            Field::Conflicts | Field::Replaces | Field::Enhances | Field::Supplements => {
                is_architecture && !matches!(qualifier, "any" | "native")
            }
            Field::Provides => false,
        };
        if !allowed {
            return Err(format!(
                "`{shown}`: `:{qualifier}` cannot stand behind a name in `{}` of a .deb: write `{name}`",
                field.key()
            ));
        }
    }
    if term.restrictions.contains('<') {
        return Err(format!("`{shown}`: build profiles are for [build] requires, an installed package has none"));
    }
    if !term.restrictions.is_empty() && for_all {
        return Err(format!(
            "`{shown}`: a package with architecture = \"all\" is the same everywhere: leave `{}` out",
            term.restrictions
        ));
    }
    if let Some((operator, version)) = &term.constraint {
        if field == Field::Provides && *operator != Comparison::Equal {
            return Err(format!("`{shown}`: what a .deb provides has one version: `{} (= VERSION)`", term.name));
        }
        deb_version(version).map_err(|why| format!("`{shown}`: {why}"))?;
    }
    Ok(())
}

fn deb_version(version: &str) -> Result<(), String> {
    // A substitution variable of Debian's: its value is known to dpkg-gencontrol.
    if version.starts_with("${") && version.ends_with('}') && version != SELF_VERSION {
        return Ok(());
    }
    version::check(Format::Deb, &version.replace(SELF_VERSION, "0"))
}

fn rpm_term(term: &Term, shown: &str, field: Field) -> Result<(), String> {
    // Of capabilities, such as `mvn(group:artifact)`, the colon is a part.
    if let Some((name, qualifier)) = term.name.split_once(':').filter(|(name, _)| !name.contains('('))
        && !matches!(qualifier, "any" | "native")
    {
        return Err(format!(
            "`{shown}`: RPM has no `:{qualifier}`, nothing would provide it: move it to [override.deb], or name `{name}` in \
             [override.rpm]"
        ));
    }
    let bare = term.name.split_once(':').map_or(term.name.as_str(), |(name, _)| name);
    if field == Field::Replaces && !is_rpm_name(bare) {
        return Err(format!("`{shown}`: only packages can be replaced, and `{}` is no name of a package", term.name));
    }
    match &term.constraint {
        Some(_) if term.name.starts_with('/') => Err(format!("`{shown}`: a file has no version")),
        Some((_, version)) => rpm_version(version).map_err(|why| format!("`{shown}`: {why}")),
        None => Ok(()),
    }
}

fn rpm_version(version: &str) -> Result<(), String> {
    version::check(Format::Rpm, &version.replace(SELF_VERSION, "0-0"))
}

/// A boolean dependency, read to its end: `(a if (b or c) else d)`.
fn rich(text: &str, field: Field) -> Result<(), String> {
    let malformed = |why: &str| format!("`{text}` is no boolean dependency of RPM: {why}");
    let (rest, _) = operand(text, field, 0).map_err(|why| malformed(&why))?;
    match rest.trim() {
        "" => Ok(()),
        rest => Err(malformed(&format!("`{rest}` is too much"))),
    }
}

/// Reads one operand off the front of `text`, and gives what follows, and the word that joins its parts.
fn operand(text: &str, field: Field, depth: usize) -> Result<(&str, &str), String> {
    let text = text.trim_start();
    if depth > 32 {
        return Err("it is nested too deeply".to_owned());
    }
    if let Some(rest) = text.strip_prefix('(') {
        return joined(rest, field, depth);
    }
    let (name, mut rest) = word(text)?;
    if !is_capability(name) {
        return Err(format!("`{name}` is no name"));
    }
    let after = rest.trim_start();
    let end = after.find(|c: char| !matches!(c, '<' | '>' | '=')).unwrap_or(after.len());
    if end > 0 {
        if !matches!(&after[..end], "<" | "<=" | "=" | ">=" | ">") {
            return Err(format!("`{}` is no comparison", &after[..end]));
        }
        if name.starts_with('/') {
            return Err(format!("`{name}` is a file, which has no version"));
        }
        let (version, after) = word(after[end..].trim_start())?;
        rpm_version(version)?;
        rest = after;
    }
    Ok((rest, ""))
}

/// What stands in parentheses, behind the opening one.
fn joined(text: &str, field: Field, depth: usize) -> Result<(&str, &str), String> {
    let (mut rest, first) = operand(text, field, depth + 1)?;
    let mut parts = vec![first];
    let (mut joint, mut before) = ("", "");
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix(')') {
            if joint.is_empty() {
                return Err("there is no word such as `and` between two names".to_owned());
            }
            return fit(joint, &parts).map(|()| (rest, joint));
        }
        let end = rest.find([' ', '(', ')']).unwrap_or(rest.len());
        let word = &rest[..end];
        match (before, word) {
            (_, "") => return Err("`)` is missing".to_owned()),
            ("", "unless") if field == Field::Needs => return Err("`unless` is for conflicts".to_owned()),
            ("", "if") if field == Field::Conflicts => return Err("`if` is not for conflicts".to_owned()),
            ("", "and" | "or" | "if" | "unless" | "with" | "without") => joint = word,
            ("if" | "unless", "else") => {}
            ("and" | "or" | "with", _) if before == word => {}
            ("", _) => return Err(format!("`{word}` is none of and, or, if, unless, with, without")),
            _ => return Err(format!("`{word}` cannot follow `{before}` without parentheses of its own")),
        }
        before = word;
        let (after, part) = operand(&rest[end..], field, depth + 1)?;
        parts.push(part);
        rest = after;
    }
}

/// Which boolean dependencies rpm takes within others (`rpmrichParseCheck` in lib/rpmds.c).
fn fit(joint: &str, parts: &[&str]) -> Result<(), String> {
    let wrong = parts.iter().find(|part| match joint {
        "or" => **part == "if",
        "and" => **part == "unless",
        "with" | "without" => !matches!(**part, "" | "with" | "without" | "or"),
        _ => false,
    });
    wrong.map_or(Ok(()), |part| Err(format!("`{part}` cannot stand within `{joint}`")))
}

/// A word up to a blank or a parenthesis that is not its own.
fn word(text: &str) -> Result<(&str, &str), String> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return named(text, at),
            ')' => depth -= 1,
            ' ' if depth == 0 => return named(text, at),
            _ => {}
        }
    }
    named(text, text.len())
}

fn named(text: &str, end: usize) -> Result<(&str, &str), String> {
    if end == 0 { Err("a name is missing".to_owned()) } else { Ok(text.split_at(end)) }
}

#[cfg(test)]
mod tests;
