//! A whole recipe file: read, parsed once, checked with every override laid on top, and resolved for targets.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::document::{KeyValue, Table, Value};
use super::environment;
use super::extends;
use super::keys;
use super::lists::{self, Edit, Missing};
use super::matrices;
use super::overrides::{self, Override, Term};
use super::parameters;
use super::reader::{Problems, Section};
use super::scripts;
use super::sections;
use super::system::full_unit_name;
use super::template::{self, Variables};
use super::text::{self, RecipeText};
use super::values::NameRule;
use super::{
    Environment, EnvironmentOrigin, MatrixSpec, MergedRecipe, PackageArch, PackagingTools, Problem, Recipe,
    RecipeError, Selection,
};
use crate::types::Format;

/// `farm.toml` as written, checked as far as it can be without a target. Also carries `[matrix]`.
#[derive(Debug, Clone)]
pub struct RecipeFile {
    /// As given on the command line, for messages.
    pub(crate) path: PathBuf,
    /// The text, for diagnostics.
    pub(crate) text: RecipeText,
    /// `[package] name` before overrides: what targets and `dist/` folders are named after.
    pub(crate) name: String,
    /// By name; `[matrix]` itself is `default`.
    pub(crate) matrices: BTreeMap<String, MatrixSpec>,
    /// Values of all parameters that it declares, by name.
    pub(crate) parameters: BTreeMap<String, String>,
    /// Shared by clones, so that a recipe is resolved once for all targets that the same overrides match.
    parsed: Arc<Parsed>,
}

/// What is kept of the text, to resolve from.
pub(crate) struct Parsed {
    root: PathBuf,
    /// The files that it extends, relative to `root`.
    bases: Arc<[String]>,
    /// Everything but `extends`, `[parameters]`, `[matrix]` and `[override]`.
    base: Table,
    /// In file order.
    overrides: Vec<Override>,
    /// Whether an override can change which architectures a package is built for.
    architecture_varies: bool,
    /// `architecture` and those of the split packages, without overrides.
    built_once: bool,
    /// Whether strings are to be filled in for each target.
    templates: bool,
    /// Whether a package of it has the name of a file that packaging for debhelper has: [`made_by_farm`].
    debian_names: bool,
    merged: Mutex<HashMap<Resolution, Arc<MergedRecipe>>>,
}

/// All that a merged recipe depends on beside the file.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Resolution {
    /// Indices of the overrides in the order in which they are merged.
    overrides: Vec<usize>,
    format: Option<Format>,
    variant: BTreeMap<String, String>,
    /// Of a recipe with templates, all that they may name; or whose environment depends on the distribution.
    target: Option<Selection>,
}

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parsed").field("root", &self.root).field("overrides", &self.overrides.len()).finish()
    }
}

impl RecipeFile {
    /// Reads and checks a recipe; `path` is the file, `given` has values of parameters by name, its own and those of others.
    ///
    /// # Errors
    /// [`RecipeError::Read`] when there is no readable file of a plausible size; otherwise every problem in it that can
    /// be known without a target, overrides included.
    pub fn load(path: &Path, given: &BTreeMap<String, String>) -> Result<RecipeFile, RecipeError> {
        let bytes = text::read(path).map_err(|reason| RecipeError::Read { path: path.to_owned(), reason })?;
        RecipeFile::parse_with(path, &bytes, given)
    }

    /// Checks a recipe that is already in memory; `path` is for messages and says what relative paths start from:
    /// those of scripts and of what it extends, which are read. Its parameters have their defaults.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<RecipeFile, RecipeError> {
        RecipeFile::parse_with(path, bytes, &BTreeMap::new())
    }

    pub(super) fn parse_with(
        path: &Path,
        bytes: &[u8],
        given: &BTreeMap<String, String>,
    ) -> Result<RecipeFile, RecipeError> {
        let invalid = |text: RecipeText, problems| RecipeError::Invalid { path: path.to_owned(), text, problems };
        let own = text::decode(bytes)
            .map_err(|(text, problem)| invalid(RecipeText::new([(path, text.as_str())]), vec![problem]))?;
        let written = extends::read(path, own).map_err(|(text, problems)| invalid(text, problems))?;
        let (text, root) = (written.text.clone(), extends::folder(path));

        let problems = Problems::of(&text);
        let whole = written.merged(&problems);
        let file = Section::open(&keys::FILE, "a recipe", 0..0, &whole, &problems);
        let parameters = parameters::read(&file, given, &problems);
        let whole = template::expand_versions(&whole, &parameters, &problems).unwrap_or_else(|| whole.clone());
        let matrices = matrices::read_matrices(&whole, &problems);
        let variants: Vec<&str> =
            matrices.values().flat_map(|matrix| matrix.variants.keys()).map(String::as_str).collect();
        let overrides = read_overrides(&whole, &variants, &text, &problems);
        let mut base = whole.clone();
        base.entries.remove("extends");
        base.entries.remove("parameters");
        base.entries.remove("matrix");
        base.entries.remove("override");
        let templates =
            template::has_templates(&base) || overrides.iter().any(|one| template::has_templates(&one.body));
        let filled = |table: &Table, format: Option<Format>, problems: &Problems<'_>| match templates {
            true => {
                let (selection, variant) = sample(format, &matrices);
                template::expand(table, &Variables::new(table, &selection, &variant, &parameters), problems)
            }
            false => table.clone(),
        };
        let table = filled(&base, None, &problems);
        let (recipe, _) = sections::read_recipe(&table, root.clone(), None, NameRule::Both, &problems);
        let mut problems = problems.into_sorted();
        let mut debian_names = has_debian_name(&recipe);

        // A mistake of the base is not repeated for each override.
        for one in &overrides {
            let found = Problems::of(&text);
            let mut missing = |missing: Missing<'_>| {
                // It may be that of another override, for targets that both match.
                let is_there = |other: &Override| {
                    path_of(&other.body, &missing.path)
                        .is_some_and(|entry| lists::names(&entry.node.value, missing.text))
                };
                if !overrides.iter().any(is_there) {
                    found.push(missing.problem());
                }
            };
            let merged = filled(&laid_on(&base, &one.body, &mut missing), one.format(), &found);
            let name_rule = if one.format() == Some(Format::Rpm) { NameRule::Rpm } else { NameRule::Both };
            debian_names |= has_debian_name(&sections::read_recipe(&merged, root.clone(), None, name_rule, &found).0);
            let new: Vec<Problem> =
                found.into_sorted().into_iter().filter(|problem| !problems.contains(problem)).collect();
            problems.extend(new);
        }
        if problems.is_empty()
            && let Some(problem) = nothing_to_install(&recipe, &whole, &overrides)
        {
            problems.push(problem);
        }
        if !problems.is_empty() {
            problems.sort_by_key(|problem| problem.span.start);
            return Err(invalid(text, problems));
        }

        let architecture_varies = overrides
            .iter()
            .any(|one| one.body.get("packages").is_some() || path_of(&one.body, "package.architecture").is_some());
        Ok(RecipeFile {
            path: path.to_owned(),
            text: text.clone(),
            name: recipe.package.name.clone(),
            matrices,
            parameters,
            parsed: Arc::new(Parsed {
                root,
                bases: written.bases().into(),
                base,
                overrides,
                architecture_varies,
                built_once: built_once(&recipe),
                templates,
                debian_names,
                merged: Mutex::default(),
            }),
        })
    }

    /// The recipe for one target: matching `[override.…]` tables merged in, less specific first. Targets that the same
    /// overrides match share one.
    ///
    /// # Errors
    /// What only shows when several overrides meet, or when the package format is known: a recipe that says nothing
    /// about how to make a package of that format.
    pub fn merged(
        &self,
        selection: &Selection,
        variant: &BTreeMap<String, String>,
    ) -> Result<Arc<MergedRecipe>, RecipeError> {
        let format = Format::ALL.into_iter().find(|format| format.as_str() == selection.format);
        let target = (self.parsed.templates || self.parsed.debian_names).then(|| selection.clone());
        let resolution = Resolution { overrides: self.matching(selection), format, variant: variant.clone(), target };
        // A panic while the lock is held cannot leave the map half changed.
        let mut known = self.parsed.merged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(recipe) = known.get(&resolution) {
            return Ok(Arc::clone(recipe));
        }
        let parsed = &self.parsed;
        let problems = Problems::of(&self.text);
        let mut merged = None;
        for index in &resolution.overrides {
            let below = merged.as_ref().unwrap_or(&parsed.base);
            let mut missing = |missing: Missing<'_>| problems.push(missing.problem());
            merged = Some(laid_on(below, &parsed.overrides[*index].body, &mut missing));
        }
        let name_rule = if format == Some(Format::Rpm) { NameRule::Rpm } else { NameRule::Both };
        if parsed.templates {
            let table = merged.as_ref().unwrap_or(&parsed.base);
            let variables = Variables::new(table, selection, variant, &self.parameters);
            merged = Some(template::expand(table, &variables, &problems));
        }
        let table = merged.as_ref().unwrap_or(&parsed.base);
        let (mut recipe, open) = sections::read_recipe(table, parsed.root.clone(), format, name_rule, &problems);
        let problems = problems.into_sorted();
        if !problems.is_empty() {
            return Err(RecipeError::Invalid { path: self.path.clone(), text: self.text.clone(), problems });
        }
        recipe.variant = variant.clone();
        recipe.parameters = self.parameters.clone();
        if format == Some(Format::Deb) {
            made_by_farm(&mut recipe, selection);
        }
        let recipe = Arc::new(MergedRecipe::new(known.len(), Arc::clone(&parsed.bases), recipe, open));
        known.insert(resolution, Arc::clone(&recipe));
        Ok(recipe)
    }

    /// The values of a variant that one of the matrices declares. A name means the same in all of them.
    pub(crate) fn variant(&self, name: &str) -> Option<&BTreeMap<String, String>> {
        self.matrices.values().find_map(|matrix| matrix.variants.get(name))
    }

    /// Whether everything the recipe makes for a target is independent of its architecture, so that one architecture
    /// per distribution is enough.
    pub(crate) fn built_once(&self, selection: &Selection) -> bool {
        if !self.parsed.architecture_varies {
            return self.parsed.built_once;
        }
        // What is wrong with the recipe for this target is told when it is resolved for the plan.
        let variant = selection.variant.as_deref().and_then(|name| self.variant(name)).cloned().unwrap_or_default();
        self.merged(selection, &variant).is_ok_and(|recipe| built_once(recipe.draft()))
    }

    /// The distributions that override selectors name, with the place of each selector: `debian`, `debian-12`,
    /// `fedora-*`. Only the catalogue knows whether they exist.
    pub(crate) fn selected_distros(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.parsed.overrides.iter().flat_map(|one| {
            one.terms.iter().filter_map(|term| match term {
                Term::Distro(name) | Term::Glob(name) => Some((name.as_str(), one.span.clone())),
                _ => None,
            })
        })
    }

    /// The distributions that `[environment] distro` names, in the recipe and in overrides, with their places. Only the
    /// catalogue knows whether they exist.
    pub(crate) fn environment_distros(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        let tables = [&self.parsed.base].into_iter().chain(self.parsed.overrides.iter().map(|one| &*one.body));
        tables.filter_map(environment::named_distro)
    }

    /// The header of the override that gives a target its value of `key`, such as `build.env`: `[override.debian-13]`.
    /// None when the value is that of the recipe itself.
    pub(crate) fn set_by(&self, selection: &Selection, key: &str) -> Option<String> {
        let mut overrides = self.matching(selection).into_iter().rev().map(|index| &self.parsed.overrides[index]);
        let selector = &overrides.find(|one| path_of(&one.body, key).is_some())?.selector;
        let bare = selector.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        Some(if bare { format!("[override.{selector}]") } else { format!("[override.\"{selector}\"]") })
    }

    /// The file and the line (1-based) that set `key`, such as `build.requires`, for a target; where nothing does, that of
    /// the table in which it would stand. None when there is no such table either.
    pub(crate) fn line_of(&self, selection: &Selection, key: &str) -> Option<(PathBuf, usize)> {
        let overrides = self.matching(selection).into_iter().rev().map(|index| &*self.parsed.overrides[index].body);
        let entry = overrides.chain([&self.parsed.base]).find_map(|table| path_of(table, key)).or_else(|| {
            let (table, _) = key.rsplit_once('.')?;
            path_of(&self.parsed.base, table)
        })?;
        Some(self.line_at(&entry.key_span))
    }

    /// The file and the line (1-based) in which a target's script `key`, such as `build.install`, has its line `line`.
    pub(crate) fn line_of_script(&self, selection: &Selection, key: &str, line: usize) -> Option<(PathBuf, usize)> {
        let span = self.place_of_key(selection, key)?;
        let place = self.text.place(&span);
        let written = place.text.get(place.span.clone())?;
        match scripts::named_file(written) {
            Some(file) => Some((place.path.parent().unwrap_or(Path::new("")).join(file), line)),
            None => Some((place.path.to_owned(), place.line() + scripts::line_within(written, line))),
        }
    }

    /// Where the array that gives a target its value of `key`, such as `build.requires`, holds a string, or what edits it.
    pub(crate) fn place_of(&self, selection: &Selection, key: &str, string: &str) -> Option<Range<usize>> {
        let overrides = self.matching(selection).into_iter().rev().map(|index| &*self.parsed.overrides[index].body);
        for entry in overrides.chain([&self.parsed.base]).filter_map(|table| path_of(table, key)) {
            match &entry.node.value {
                Value::Array(items) => return lists::find(items, string).map(|item| item.span.clone()),
                // What it does not add may stand below.
                Value::Table(table) => {
                    let added = Edit::of(table).and_then(|edit| edit.add);
                    if let Some(item) = added.and_then(|items| lists::find(items, string)) {
                        return Some(item.span.clone());
                    }
                }
                _ => return None,
            }
        }
        None
    }

    /// Where a target's recipe says something of an installed file, by its path or pattern, or by the name of a unit.
    pub(crate) fn place_of_file(&self, selection: &Selection, path: &str) -> Option<Range<usize>> {
        let unit = path.rsplit_once("/systemd/system/").map(|(_, unit)| unit);
        let of_unit = |package: &Table| {
            let mut services = package.table("services")?.entries.iter();
            let entry = services.find(|(name, _)| unit == Some(full_unit_name(name).as_str()));
            entry.map(|(_, entry)| entry.key_span.clone())
        };
        let of_packages = |whole: &Table| {
            let further = whole.table("packages").into_iter().flat_map(|packages| packages.entries.values());
            let further = further.filter_map(|entry| entry.node.value.as_table());
            let mut packages = whole.table("package").into_iter().chain(further);
            packages.find_map(|package| package.mentions(path).or_else(|| of_unit(package)))
        };
        let overrides = self.matching(selection).into_iter().rev().map(|index| &*self.parsed.overrides[index].body);
        overrides.chain([&self.parsed.base]).find_map(of_packages)
    }

    /// The file and the line (1-based) of a place in this recipe.
    pub(crate) fn line_at(&self, span: &Range<usize>) -> (PathBuf, usize) {
        let place = self.text.place(span);
        (place.path.to_owned(), place.line())
    }

    /// The line of a place in this recipe, and where the place begins in it, in characters from 1 on, and how long it is.
    pub(crate) fn quote(&self, span: &Range<usize>) -> Option<(String, usize, usize)> {
        let place = self.text.place(span);
        let begin = place.text.get(..place.span.start)?.rfind('\n').map_or(0, |at| at + 1);
        let line = place.text.get(begin..)?.lines().next()?;
        let (before, here) = (place.text.get(begin..place.span.start)?, place.text.get(place.span.clone())?);
        let width = here.lines().next().unwrap_or_default().chars().count();
        Some((line.to_owned(), before.chars().count() + 1, width))
    }

    /// Where a target's recipe has the value of a key.
    pub(crate) fn place_of_key(&self, selection: &Selection, key: &str) -> Option<Range<usize>> {
        let overrides = self.matching(selection).into_iter().rev().map(|index| &*self.parsed.overrides[index].body);
        overrides.chain([&self.parsed.base]).find_map(|table| path_of(table, key)).map(|entry| entry.node.span.clone())
    }

    /// The overrides that apply, in the order in which they are merged: by weight, then as they stand in the file.
    fn matching(&self, selection: &Selection) -> Vec<usize> {
        let mut matching: Vec<(u32, usize)> = self
            .parsed
            .overrides
            .iter()
            .enumerate()
            .filter_map(|(index, one)| one.weight(selection).map(|weight| (weight, index)))
            .collect();
        matching.sort_unstable();
        matching.into_iter().map(|(_, index)| index).collect()
    }
}

/// `below` with an override on top.
fn laid_on<'a>(below: &'a Table, body: &'a Table, missing: &mut dyn FnMut(Missing<'a>)) -> Table {
    environment::merged(below, &lists::edited(below, body, None, missing))
}

fn read_overrides(whole: &Table, variants: &[&str], text: &RecipeText, problems: &Problems<'_>) -> Vec<Override> {
    let file = Section { schema: &keys::FILE, title: "a recipe".into(), span: 0..0, table: whole, problems };
    let Some(table) = file.plain_table("override") else { return Vec::new() };
    let mut overrides = Vec::new();
    for (selector, KeyValue { key_span, node }) in &table.entries {
        let title = format!("[override.{}]", crate::types::printable(selector));
        let Value::Table(body) = &node.value else {
            let label = format!("this is {}", node.value.kind());
            let help = "an override is a table per selector: [override.rpm.build]".to_owned();
            problems.add(format!("{title} must be a table"), &node.span, label, Some(help));
            continue;
        };
        let looks_like_table = keys::OVERRIDE.keys.contains(&&**selector);
        if looks_like_table || **selector == *"variant" {
            let name = body.entries.keys().next().map_or("NAME", |name| name);
            let (label, example) = if looks_like_table {
                (
                    "the selector is missing",
                    format!("[override.SELECTOR.{selector}], for example [override.rpm.{selector}]"),
                )
            } else {
                ("a variant's selector has a colon", format!("[override.\"variant:{name}\"]"))
            };
            problems.add(format!("{title} selects no targets"), key_span, label, Some(format!("write {example}")));
            continue;
        }
        for (key, entry) in &body.entries {
            let is_empty = matches!(&entry.node.value, Value::Table(table) if table.entries.is_empty());
            // An empty environment is the target's own distribution.
            if is_empty && keys::OVERRIDE.keys.contains(&&**key) && **key != *"environment" {
                let help = format!("name what is to go: {key}.NAME = {{}} takes NAME away");
                let message = format!("`{key}` in {title} is empty, and changes nothing");
                problems.add(message, &entry.key_span, "an empty table", Some(help));
            }
        }
        Section::open(&keys::OVERRIDE, title, node.span.clone(), body, problems);
        let terms = overrides::parse_selector(selector, key_span, variants, problems);
        let body = Arc::clone(body);
        overrides.push(Override { selector: selector.to_string(), span: key_span.clone(), terms, body });
    }
    // Those of the recipe itself come after those of what it extends.
    overrides.sort_by_key(|one| (Reverse(text.number(&one.span)), one.span.start));
    overrides
}

/// Files and folders of `debian/`, beside which debhelper has a folder for each package, by its name.
const DEBIAN_FILES: [&str; 8] = ["changelog", "control", "copyright", "files", "patches", "rules", "source", "tmp"];

fn has_debian_name(recipe: &Recipe) -> bool {
    let others = recipe.packages.values().filter_map(|package| package.name.as_deref());
    others.chain([recipe.package.name.as_str()]).any(|name| DEBIAN_FILES.contains(&name))
}

/// Of a recipe with such a package farm makes the .deb itself, in the same builder.
fn made_by_farm(recipe: &mut Recipe, selection: &Selection) {
    if recipe.packaging.debian.is_some() || !has_debian_name(recipe) {
        return;
    }
    let origin = EnvironmentOrigin::Distro(selection.distro_version.clone());
    let environment = recipe.environment.get_or_insert(Environment { origin, tools: PackagingTools::Farm });
    environment.tools = PackagingTools::Farm;
}

/// What templates are filled in with where no target is known yet: a usual one, and the values of all variants. What they
/// give for the recipe's own targets is checked when it is resolved for those.
fn sample(format: Option<Format>, matrices: &BTreeMap<String, MatrixSpec>) -> (Selection, BTreeMap<String, String>) {
    let (format, manager, distro, distro_version) = match format {
        Some(Format::Rpm) => ("rpm", "dnf", "fedora", "fedora-43"),
        _ => ("deb", "apt", "debian", "debian-12"),
    };
    let variants = matrices.values().flat_map(|matrix| matrix.variants.values()).flatten();
    let values = variants.map(|(name, value)| (name.clone(), value.clone())).collect();
    let selection = Selection {
        format: format.to_owned(),
        manager: manager.to_owned(),
        distro: distro.to_owned(),
        distro_version: distro_version.to_owned(),
        arch: "amd64".to_owned(),
        variant: matrices.values().find_map(|matrix| matrix.variants.keys().next().cloned()),
    };
    (selection, values)
}

/// The entry at a dotted path.
fn path_of<'a>(table: &'a Table, path: &str) -> Option<&'a KeyValue> {
    match path.split_once('.') {
        None => table.get(path),
        Some((first, rest)) => match &table.get(first)?.node.value {
            Value::Table(inner) => path_of(inner, rest),
            // The key stands for a whole: an override that sets `sources` sets `sources.0`.
            _ => table.get(first),
        },
    }
}

fn built_once(recipe: &Recipe) -> bool {
    let main = recipe.package.architecture;
    main == PackageArch::All
        && recipe.packages.values().all(|package| package.architecture.unwrap_or(main) == PackageArch::All)
}

/// A recipe that can make no package at all, whatever the target.
fn nothing_to_install(recipe: &Recipe, whole: &Table, overrides: &[Override]) -> Option<Problem> {
    let own = recipe.packaging.debian.is_some() || recipe.packaging.spec.is_some();
    let later = overrides
        .iter()
        .any(|one| path_of(&one.body, "build.install").is_some() || one.body.get("packaging").is_some());
    if own || later || recipe.build.install.is_some() {
        return None;
    }
    let header = whole.get("build").or_else(|| whole.get("package"))?;
    Some(Problem {
        message: "nothing says how to make a package".to_owned(),
        span: header.node.span.clone(),
        label: "[build] install is required".to_owned(),
        help: Some(
            "install into $DESTDIR: install = \"make install DESTDIR=$DESTDIR\"; or name your own packaging in [packaging]"
                .to_owned(),
        ),
    })
}
