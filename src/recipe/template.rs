//! Templates in a recipe's strings: `{{ version }}`. A string that holds `{{` or `{%` is a template of minijinja with the
//! variables below; one that is not defined is a problem at the string. Scripts are none: they have their environment,
//! and a shell's braces must reach the shell. Nor are what the variables are made of, and keys with a few fixed words.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::Value as Given;
use minijinja::{Environment, UndefinedBehavior};

use super::document::{KeyValue, Node, Table, Value};
use super::reader::Problems;
use super::{Selection, keys, parameters, scripts};
use crate::types::{Arch, Format, nearest};

/// All variables, as `docs/recipe.md` lists them.
const NAMES: [&str; 11] = [
    "name",
    "version",
    "release",
    "distro",
    "distro_name",
    "format",
    "manager",
    "arch",
    "variant_name",
    "variant",
    "param",
];

/// Steps that a template may take: enough for any string that a person writes, and an end to every loop.
const FUEL: u64 = 50_000;

/// Keys whose strings are no templates, beside those of scripts, with the tables that they stand in; `*` is any name.
const PLAIN: [&[&str]; 5] = [
    &["package", "name"],
    &["package", "version"],
    &["package", "architecture"],
    &["packages", "*", "architecture"],
    &["limits"],
];

/// What the target and the recipe give to templates.
#[derive(Debug)]
pub(crate) struct Variables {
    values: BTreeMap<&'static str, Given>,
    /// Names of the variant's values.
    variant: Vec<String>,
    /// Names of the recipe's parameters.
    parameters: Vec<String>,
}

impl Variables {
    /// `table` is the recipe with its overrides merged.
    pub(crate) fn new(
        table: &Table,
        selection: &Selection,
        variant: &BTreeMap<String, String>,
        parameters: &BTreeMap<String, String>,
    ) -> Variables {
        let package = |key: &str| match table.get("package").map(|entry| &entry.node.value) {
            Some(Value::Table(package)) => package.get(key).map(|entry| entry.node.value.clone()),
            _ => None,
        };
        let text = |key: &str| match package(key) {
            Some(Value::String(text)) => Given::from(&*text),
            _ => Given::from(""),
        };
        let release = match package("release") {
            Some(Value::Integer(number)) => number,
            _ => 1,
        };
        let format = Format::ALL.into_iter().find(|format| format.as_str() == selection.format);
        let arch = match (selection.arch.parse::<Arch>(), format) {
            (Ok(arch), Some(format)) => arch.for_format(format),
            _ => selection.arch.as_str(),
        };
        let values = BTreeMap::from([
            ("name", text("name")),
            ("version", text("version")),
            ("release", Given::from(release)),
            ("distro", Given::from(selection.distro_version.as_str())),
            ("distro_name", Given::from(selection.distro.as_str())),
            ("format", Given::from(selection.format.as_str())),
            ("manager", Given::from(selection.manager.as_str())),
            ("arch", Given::from(arch)),
            ("variant_name", Given::from(selection.variant.as_deref().unwrap_or_default())),
            ("variant", Given::from(variant.clone())),
            ("param", Given::from(parameters.clone())),
        ]);
        Variables {
            values,
            variant: variant.keys().cloned().collect(),
            parameters: parameters.keys().cloned().collect(),
        }
    }

    /// What the version itself can be made of.
    fn of_version(parameters: &BTreeMap<String, String>) -> Variables {
        let values = BTreeMap::from([("param", Given::from(parameters.clone()))]);
        Variables { values, variant: Vec::new(), parameters: parameters.keys().cloned().collect() }
    }

    /// What is wrong with a name that a template uses: `versoin`, `variant.features`.
    fn complaint(&self, name: &str) -> Option<(String, Option<String>)> {
        if let Some(value) = name.strip_prefix("variant.").filter(|_| self.values.contains_key("variant")) {
            if self.variant.iter().any(|known| known == value) {
                return None;
            }
            let known = self.variant.iter().map(String::as_str);
            let label = match nearest(value, known) {
                Some(near) => format!("did you mean `variant.{near}`?"),
                None => format!("the variant has no value `{value}`"),
            };
            return Some((label, Some("values of variants are given in [matrix.variants.NAME]".to_owned())));
        }
        if let Some(parameter) = name.strip_prefix("param.") {
            if self.parameters.iter().any(|known| known == parameter) {
                return None;
            }
            let label = match nearest(parameter, self.parameters.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `param.{near}`?"),
                None => format!("there is no parameter `{parameter}`"),
            };
            return Some((label, Some("parameters are declared in [parameters], with their defaults".to_owned())));
        }
        let first = name.split('.').next().unwrap_or_default();
        if self.values.contains_key(first) {
            return None;
        }
        if NAMES.contains(&first) {
            let help = "the version is filled in before any target is known, and other strings with it";
            return Some(("only `param` is known here".to_owned(), Some(help.to_owned())));
        }
        let label = match nearest(first, NAMES) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`{first}` is not defined"),
        };
        Some((label, Some(format!("the variables are {}", NAMES.join(", ")))))
    }
}

/// A string that is one, whatever it may have been meant to be: a mistake shows as a problem, not in a package.
fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// A string that gives `text` when it is a template.
pub(crate) fn literal(text: &str) -> String {
    if !is_template(text) {
        return text.to_owned();
    }
    // Each brace that could begin something as a string of its own.
    text.replace('{', "{{ '{' }}")
}

fn is_plain(path: &[Arc<str>]) -> bool {
    scripts::is_script(path) || PLAIN.iter().any(|plain| keys::begins_with(path, plain))
}

/// Whether the version stands there, in the recipe itself or in one of its overrides: as a string, or where it is from.
fn is_version(path: &[Arc<str>]) -> bool {
    keys::begins_with(path, &["package", "version"])
        || keys::begins_with(path, &["override", "*", "package", "version"])
}

fn is_for_targets(path: &[Arc<str>]) -> bool {
    !is_plain(path)
}

/// Whether any string below is a template: only then does a recipe differ by more than its overrides.
pub(crate) fn has_templates(table: &Table) -> bool {
    has(table, is_for_targets)
}

fn has(table: &Table, is_meant: fn(&[Arc<str>]) -> bool) -> bool {
    type Path = Vec<Arc<str>>;
    type IsMeant = fn(&[Arc<str>]) -> bool;
    fn any(node: &Node, path: &mut Path, is_meant: IsMeant) -> bool {
        match &node.value {
            Value::String(text) => is_template(text) && is_meant(path),
            Value::Array(items) => items.iter().any(|item| any(item, path, is_meant)),
            Value::Table(table) => any_in(table, path, is_meant),
            _ => false,
        }
    }
    fn any_in(table: &Table, path: &mut Path, is_meant: IsMeant) -> bool {
        table.entries.iter().any(|(key, entry)| {
            path.push(Arc::clone(key));
            let found = any(&entry.node, path, is_meant);
            path.pop();
            found
        })
    }
    any_in(table, &mut Vec::new(), is_meant)
}

/// The table with what each template gives in its place. One that fails is a problem, and is left as it is.
pub(crate) fn expand(table: &Table, variables: &Variables, problems: &Problems<'_>) -> Table {
    expand_those(table, is_for_targets, None, variables, problems)
}

/// A whole recipe whose versions are filled in, which can be made of parameters only. None when there is nothing to fill in.
pub(crate) fn expand_versions(
    whole: &Table,
    parameters: &BTreeMap<String, String>,
    problems: &Problems<'_>,
) -> Option<Table> {
    has(whole, is_version).then(|| {
        expand_those(whole, is_version, Some(parameters::STAND_IN), &Variables::of_version(parameters), problems)
    })
}

fn expand_those(
    table: &Table,
    is_meant: fn(&[Arc<str>]) -> bool,
    failed: Option<&'static str>,
    variables: &Variables,
    problems: &Problems<'_>,
) -> Table {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    Expander { environment, is_meant, failed, variables, problems }.table(table, &mut Vec::new())
}

struct Expander<'a> {
    environment: Environment<'a>,
    /// Which strings are filled in, by the keys on the way to them.
    is_meant: fn(&[Arc<str>]) -> bool,
    /// What stands in for a template that fails; none: itself.
    failed: Option<&'static str>,
    variables: &'a Variables,
    problems: &'a Problems<'a>,
}

impl Expander<'_> {
    fn table(&self, table: &Table, path: &mut Vec<Arc<str>>) -> Table {
        let mut expanded = Table::default();
        for (key, entry) in &table.entries {
            path.push(Arc::clone(key));
            let entry = KeyValue { key_span: entry.key_span.clone(), node: self.node(&entry.node, path) };
            path.pop();
            expanded.entries.insert(Arc::clone(key), entry);
        }
        expanded
    }

    fn node(&self, node: &Node, path: &mut Vec<Arc<str>>) -> Node {
        let value = match &node.value {
            Value::String(text) if is_template(text) && (self.is_meant)(path) => {
                Value::String(self.text(text, node, path))
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| self.node(item, path)).collect()),
            Value::Table(table) => Value::Table(Arc::new(self.table(table, path))),
            other => other.clone(),
        };
        Node { span: node.span.clone(), value }
    }

    fn text(&self, text: &Arc<str>, node: &Node, path: &[Arc<str>]) -> Arc<str> {
        let key = path.last().map(|key| crate::types::printable(key)).unwrap_or_default();
        let failed = |label: String, help: Option<String>| {
            let literally = "a `{{` that is meant is written {{ '{{' }}".to_owned();
            let message = format!("the template in `{key}` cannot be filled in");
            self.problems.add(message, &node.span, crate::types::printable(&label), help.or(Some(literally)));
            self.failed.map_or_else(|| Arc::clone(text), Arc::from)
        };
        let template = match self.environment.template_from_str(text) {
            Ok(template) => template,
            Err(error) => return failed(said(&error), None),
        };
        let mut names: Vec<String> = template.undeclared_variables(true).into_iter().collect();
        names.sort_unstable();
        if let Some((label, help)) = names.iter().find_map(|name| self.variables.complaint(name)) {
            return failed(label, help);
        }
        match template.render(&self.variables.values) {
            // The last line feed, which minijinja drops, belongs to a file.
            Ok(filled) if text.ends_with('\n') && keys::begins_with(path, &["sources", "text"]) => {
                Arc::from(format!("{filled}\n"))
            }
            Ok(filled) => Arc::from(filled),
            Err(error) => failed(said(&error), None),
        }
    }
}

fn said(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::document;

    fn target(format: &str) -> Selection {
        Selection {
            format: format.to_owned(),
            manager: "apt".to_owned(),
            distro: "debian".to_owned(),
            distro_version: "debian-12".to_owned(),
            arch: "amd64".to_owned(),
            variant: Some("full".to_owned()),
        }
    }

    fn expanded(summary: &str, format: &str) -> Result<String, String> {
        let text = format!("[package]\nname = 'greet'\nversion = '1.2'\nsummary = {}\n", toml::Value::from(summary));
        let table = document::parse(&text).unwrap();
        let variant = BTreeMap::from([("features".to_owned(), "all".to_owned())]);
        let parameters = BTreeMap::from([("channel".to_owned(), "stable".to_owned())]);
        let problems = Problems::new(&text);
        let table = expand(&table, &Variables::new(&table, &target(format), &variant, &parameters), &problems);
        if let Some(problem) = problems.into_sorted().into_iter().next() {
            assert_eq!(&text[problem.span.clone()], toml::Value::from(summary).to_string(), "the string is pointed at");
            return Err(problem.label);
        }
        let Value::Table(package) = &table.get("package").unwrap().node.value else { panic!("a table") };
        let Value::String(text) = &package.get("summary").unwrap().node.value else { panic!("a string") };
        Ok(text.to_string())
    }

    #[test]
    fn each_variable_is_filled_in() {
        let all = "{{ name }} {{ version }} {{ release }} {{ distro }} {{ distro_name }} {{ format }} {{ arch }} \
                   {{ variant_name }} {{ variant.features }} {{ param.channel }}";
        assert_eq!(expanded(all, "deb").as_deref(), Ok("greet 1.2 1 debian-12 debian deb amd64 full all stable"));
        assert_eq!(expanded("{{ arch }}", "rpm").as_deref(), Ok("x86_64"));
        assert_eq!(expanded("{{ version | replace('.', '_') }}", "deb").as_deref(), Ok("1_2"));
        assert_eq!(expanded("{% if format == 'rpm' %}R{% else %}D{% endif %}", "rpm").as_deref(), Ok("R"));
        assert_eq!(expanded("${LIBDIR} {x} %{name}", "deb").as_deref(), Ok("${LIBDIR} {x} %{name}"));
    }

    #[test]
    fn what_is_not_defined_is_a_problem_at_the_string() {
        for (template, label) in [
            ("{{ versoin }}", "did you mean `version`?"),
            ("{{ nothing }}", "`nothing` is not defined"),
            ("{{ variant.feature }}", "did you mean `variant.features`?"),
            ("{{ param.chanel }}", "did you mean `param.channel`?"),
            ("{{ param.x }}", "there is no parameter `x`"),
            ("{{ variant.gui }}", "the variant has no value `gui`"),
            ("{{ version", "unexpected end of input, expected end of variable block"),
            ("{{ version | frobnicate }}", "filter frobnicate is unknown"),
        ] {
            assert_eq!(expanded(template, "deb"), Err(label.to_owned()), "{template}");
        }
        let endless = "{% for a in 'x' * 1000 %}{% for b in 'x' * 1000 %}.{% endfor %}{% endfor %}";
        assert!(expanded(endless, "deb").is_err());
    }

    #[test]
    fn a_literal_gives_itself() {
        for text in ["{{ id }}", "{% x", "a {# b #} {{", "plain {x} ${y}", "{{ '{{' }}"] {
            assert_eq!(expanded(&literal(text), "deb").as_deref(), Ok(text));
        }
    }
}
