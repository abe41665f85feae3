//! `[parameters]`: what a recipe lets be given from outside, with `--param NAME=VALUE`. A value is the same for all targets,
//! so it is known before anything else of the recipe is read.

use std::collections::BTreeMap;

use super::document::{Table, Value};
use super::keys;
use super::reader::{Problems, Section};
use super::values::{Check, Complaint};
use crate::types::{nearest, printable};

/// Stands in for a value that is missing: most strings that are made of it are good ones, so that nothing else is told.
pub(super) const STAND_IN: &str = "1";

/// The values of all parameters that the recipe declares. Those of `given` that it does not declare are not for it.
pub(super) fn read(
    file: &Section<'_>,
    given: &BTreeMap<String, String>,
    problems: &Problems<'_>,
) -> BTreeMap<String, String> {
    let Some(table) = file.plain_table("parameters") else { return BTreeMap::new() };
    let mut values = BTreeMap::new();
    for (name, entry) in &table.entries {
        let shown = printable(name);
        if let Err(complaint) = parameter_name(name) {
            let message = format!("`{shown}` {}", complaint.message);
            problems.add(message, &entry.key_span, complaint.label, complaint.help);
            continue;
        }
        let default = match &entry.node.value {
            Value::String(default) if default.contains('\0') => {
                problems.add(format!("`{shown}` holds a NUL character"), &entry.node.span, "in this string", None);
                continue;
            }
            Value::String(default) => Some(default.to_string()),
            Value::Table(parameter) if is_required(&shown, entry.node.span.clone(), parameter, problems) => None,
            Value::Table(_) => continue,
            other => {
                problems.add(
                    format!("`{shown}` in [parameters] must be a string"),
                    &entry.node.span,
                    format!("this is {}", other.kind()),
                    Some(format!("write its default in quotes; without one: {shown} = {{ required = true }}")),
                );
                continue;
            }
        };
        let value = given.get(&**name).cloned().or(default).unwrap_or_else(|| {
            let stray = given.keys().map(String::as_str).filter(|other| table.get(other).is_none());
            let label = match nearest(name, stray) {
                Some(near) => format!("was `--param {}` meant for it?", printable(near)),
                None => "it is required".to_owned(),
            };
            let help = format!("give it one: --param {shown}=VALUE");
            problems.add(format!("the parameter `{shown}` has no value"), &entry.key_span, label, Some(help));
            STAND_IN.to_owned()
        });
        values.insert(name.to_string(), value);
    }
    values
}

/// What stands in place of a default.
fn is_required(name: &str, span: std::ops::Range<usize>, table: &Table, problems: &Problems<'_>) -> bool {
    let section = Section::open(&keys::PARAMETER, format!("[parameters.{name}]"), span, table, problems);
    section.require(&["required"]);
    match section.boolean("required") {
        Some(false) => {
            problems.add(
                format!("the parameter `{name}` is not required, and has no default"),
                &section.span,
                "says nothing",
                Some(format!("write its default: {name} = \"VALUE\"")),
            );
            false
        }
        required => required.is_some(),
    }
}

/// A name that templates can use as it is, and that no other one is equal to in upper case.
fn parameter_name(value: &str) -> Check {
    let right = value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && value.starts_with(|c: char| c.is_ascii_lowercase());
    match right {
        true => Ok(()),
        false => Err(Complaint::new(
            "is no name of a parameter",
            "lower-case letters, digits and `_`, beginning with a letter",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::super::tests::{DEB, RPM, resolved};
    use super::super::{RecipeError, RecipeFile};

    const HEAD: &str = "[package]\nname = 'pond'\nversion = '{{ param.version }}'\nsummary = 'Pond {{ param.kind }}'\n\
                        license = 'MIT'\nmaintainer = 'T <t@example.org>'\n[build]\ninstall = 'true'\n";

    fn parsed(rest: &str, given: &[(&str, &str)]) -> Result<RecipeFile, RecipeError> {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        RecipeFile::parse_with(Path::new("farm.toml"), format!("{HEAD}{rest}").as_bytes(), &given)
    }

    /// What is wrong, with the marked text.
    fn wrong(rest: &str, given: &[(&str, &str)]) -> Vec<(String, String)> {
        let Err(RecipeError::Invalid { problems, text, .. }) = parsed(rest, given) else { panic!("{rest}") };
        problems.into_iter().map(|one| (one.label, text[one.span].to_owned())).collect()
    }

    #[test]
    fn what_is_given_goes_before_the_default() {
        let rest = "[parameters]\nversion = '1.4'\nkind = { required = true }\n\
                    [override.rpm.package]\nversion = '{{ param.version }}+rpm'\nrelease = 2\n";
        let file = parsed(rest, &[("kind", "{{ deep }}"), ("other", "x")]).unwrap();
        let (deb, rpm) = (resolved(&file, DEB), resolved(&file, RPM));
        assert_eq!((deb.package.version.as_str(), rpm.package.version.as_str()), ("1.4", "1.4+rpm"));
        assert_eq!(deb.package.summary, "Pond {{ deep }}", "a value is no template");
        let all = BTreeMap::from([("version", "1.4"), ("kind", "{{ deep }}")]);
        assert_eq!(deb.parameters.iter().map(|(name, value)| (&**name, &**value)).collect::<BTreeMap<_, _>>(), all);
        let file = parsed(rest, &[("kind", ""), ("version", "2")]).unwrap();
        assert_eq!(resolved(&file, DEB).package.version, "2");
        assert_eq!(resolved(&file, DEB).parameters["kind"], "");
    }

    #[test]
    fn what_is_wrong_is_told_at_its_place_alone() {
        let good = "[parameters]\nversion = '1.4'\n";
        for (rest, given, label, marked) in [
            ("kind = { required = true }", &[][..], "it is required", "kind"),
            ("kind = { required = true }", &[("kin", "x")], "was `--param kin` meant for it?", "kind"),
            ("kind = 1", &[], "this is an integer", "1"),
            ("kind = { required = false }", &[], "says nothing", "{ required = false }"),
            ("kind = { requird = true }", &[], "did you mean `required`?", "requird"),
            ("kind = ''\nKind = ''", &[], "lower-case letters, digits and `_`, beginning with a letter", "Kind"),
            ("kinds = ''", &[], "did you mean `param.kinds`?", "'Pond {{ param.kind }}'"),
            (
                "kind = ''\n[override.deb.package]\nversion = '1{{ format }}'",
                &[],
                "only `param` is known here",
                "'1{{ format }}'",
            ),
            (
                "kind = ''\n[override.deb.package]\nversion = '{{ param.verson }}'",
                &[],
                "did you mean `param.version`?",
                "'{{ param.verson }}'",
            ),
        ] {
            let found = wrong(&format!("{good}{rest}\n"), given);
            assert!(found.contains(&(label.to_owned(), marked.to_owned())), "{rest}: {found:?}");
        }
        assert_eq!(wrong(&format!("{good}kind = {{ required = true }}\n"), &[]).len(), 1);
        // What is given is checked as what is written.
        assert_eq!(wrong(&format!("{good}kind = ''\n"), &[("version", "v1")])[0].1, "'{{ param.version }}'");
    }
}
