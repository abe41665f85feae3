//! Recipe x distribution x architecture x variant -> [`Target`]s, and the filters that choose among them. Pure.

mod pattern;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::distro::{Catalogue, Distro};
use crate::recipe::{MatrixSpec, Problem, RecipeFile, RecipeText, Selection, glob_matches};
use crate::types::{Arch as Architecture, Format, nearest};

pub(crate) use pattern::Pattern;

/// `[matrix]` itself, among the named ones.
pub const DEFAULT_MATRIX: &str = "default";

/// One cell of the matrix. Its id is stable and used everywhere: `hello@debian-12/amd64`, `jq+minimal@fedora-43/x86_64`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// `[package] name` of the recipe, before overrides.
    pub recipe: String,
    /// The id of the distribution: `debian-12`.
    pub distro: String,
    /// The architecture that it is built for and on.
    pub arch: Architecture,
    /// The format of the distribution's packages, which decides how `arch` is written.
    pub format: Format,
    /// The name of the variant in the recipe's matrix; none when that has no variants.
    pub variant: Option<String>,
    /// Whether its source package is made, once for all architectures: `hello@debian-12/source`.
    pub source: bool,
}

/// As its id, for programs, too.
impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What stands in ids of source packages where others have the architecture.
pub(crate) const SOURCE: &str = "source";

impl Target {
    /// What it makes packages for, as ids have it: the architecture in the words of the format, or [`SOURCE`].
    pub(crate) fn kind(&self) -> &'static str {
        if self.source { SOURCE } else { self.arch.for_format(self.format) }
    }

    /// The folder below `dist/`: `hello/debian-12-amd64`, `jq/fedora-43-x86_64+minimal`.
    pub fn folder(&self) -> String {
        let variant = self.variant.as_ref().map(|name| format!("+{name}")).unwrap_or_default();
        format!("{}/{}-{}{variant}", self.recipe, self.distro, self.kind())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variant = self.variant.as_ref().map(|name| format!("+{name}")).unwrap_or_default();
        f.pad(&format!("{}{variant}@{}/{}", self.recipe, self.distro, self.kind()))
    }
}

/// Expands one named matrix of a recipe. `engine_arch` stands in for matrices that name no architecture.
///
/// The order is that of the patterns in the recipe, then the catalogue's, then architectures and variants; no target
/// comes twice. A recipe whose packages are all architecture-independent gets one architecture per distribution: the
/// engine's if the matrix has it.
///
/// # Errors
/// Patterns that match no known distribution, unknown architectures, an unknown matrix name.
pub fn expand(
    recipe: &RecipeFile,
    matrix: &str,
    catalogue: &Catalogue,
    engine_arch: Architecture,
) -> Result<Vec<Target>, MatrixError> {
    let spec = recipe.matrices.get(matrix).ok_or_else(|| unknown_matrix(recipe, matrix))?;
    let mut problems = Vec::new();
    let distros = choose_distros(&spec.distros, catalogue, &mut problems);
    let exclude = parse_excludes(spec, catalogue, &mut problems);
    let mut targets = expand_on(recipe, spec, &distros, catalogue, engine_arch, problems)?;
    targets.retain(|target| !exclude.iter().any(|pattern| pattern.matches(target)));
    Ok(targets)
}

/// As [`expand`], for these distributions in place of those that the matrix has and excludes. A recipe without a `[matrix]`
/// is built for the engine's architecture, without variants.
///
/// # Errors
/// Unknown architectures, an unknown matrix name.
pub fn expand_ad_hoc(
    recipe: &RecipeFile,
    matrix: &str,
    distros: &[&Arc<Distro>],
    catalogue: &Catalogue,
    engine_arch: Architecture,
) -> Result<Vec<Target>, MatrixError> {
    let none = MatrixSpec::default();
    let spec = match recipe.matrices.get(matrix) {
        None if matrix == DEFAULT_MATRIX => &none,
        spec => spec.ok_or_else(|| unknown_matrix(recipe, matrix))?,
    };
    expand_on(recipe, spec, distros, catalogue, engine_arch, Vec::new())
}

/// The distributions that patterns name, in their order.
///
/// # Errors
/// The first that matches none that is known: what is wrong, and what may be meant.
pub fn distros_named<'a>(
    patterns: &[String],
    catalogue: &'a Catalogue,
) -> Result<Vec<&'a Arc<Distro>>, (String, String)> {
    let patterns: Vec<(String, Range<usize>)> = patterns.iter().map(|pattern| (pattern.clone(), 0..0)).collect();
    let mut problems = Vec::new();
    let chosen = choose_distros(&patterns, catalogue, &mut problems);
    match problems.into_iter().next() {
        None => Ok(chosen),
        Some(problem) => {
            let help = problem.help.map(|help| format!("; {help}")).unwrap_or_default();
            Err((problem.message, format!("{}{help}", problem.label)))
        }
    }
}

fn unknown_matrix(recipe: &RecipeFile, name: &str) -> MatrixError {
    let known = recipe.matrices.keys().cloned().collect();
    MatrixError::UnknownMatrix { path: recipe.path.clone(), name: name.to_owned(), known }
}

fn expand_on(
    recipe: &RecipeFile,
    spec: &MatrixSpec,
    distros: &[&Arc<Distro>],
    catalogue: &Catalogue,
    engine_arch: Architecture,
    mut problems: Vec<Problem>,
) -> Result<Vec<Target>, MatrixError> {
    check_overrides(recipe, catalogue, &mut problems);
    let arches = choose_arches(spec, distros, engine_arch, &mut problems);
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.span.start);
        let (path, text) = (recipe.path.clone(), recipe.text.clone());
        return Err(MatrixError::Invalid { path, text, problems });
    }
    let variants: Vec<Option<&String>> =
        if spec.variants.is_empty() { vec![None] } else { spec.variants.keys().map(Some).collect() };
    let mut targets = Vec::new();
    for distro in distros {
        let here: Vec<Architecture> = arches.iter().copied().filter(|arch| distro.arches.contains(arch)).collect();
        let preferred = here.iter().copied().find(|arch| *arch == engine_arch).or(here.first().copied());
        for arch in here {
            for variant in &variants {
                let target = Target {
                    recipe: recipe.name.clone(),
                    distro: distro.id.clone(),
                    arch,
                    format: distro.format,
                    variant: variant.cloned(),
                    source: false,
                };
                if Some(arch) != preferred && recipe.built_once(&selection_on(&target, distro)) {
                    continue;
                }
                targets.push(target);
            }
        }
    }
    Ok(targets)
}

/// The targets of source packages that stand for these, in their order: one for each recipe, distribution and variant, made
/// on `engine_arch` where that is among them.
pub(crate) fn sources_of(targets: &[Target], engine_arch: Architecture) -> Vec<Target> {
    let mut sources: Vec<Target> = Vec::new();
    for target in targets {
        let place = |one: &Target| (one.recipe.clone(), one.distro.clone(), one.variant.clone());
        match sources.iter_mut().find(|known| place(known) == place(target)) {
            Some(known) if target.arch == engine_arch => known.arch = engine_arch,
            Some(_) => {}
            None => sources.push(Target { source: true, ..target.clone() }),
        }
    }
    sources
}

fn choose_distros<'a>(
    patterns: &[(String, Range<usize>)],
    catalogue: &'a Catalogue,
    problems: &mut Vec<Problem>,
) -> Vec<&'a Arc<Distro>> {
    let mut chosen = Vec::new();
    let mut seen = BTreeSet::new();
    for (pattern, span) in patterns {
        let mut known = false;
        for distro in catalogue.iter().filter(|distro| glob_matches(pattern, &distro.id)) {
            known = true;
            if seen.insert(&distro.id) {
                chosen.push(distro);
            }
        }
        if !known {
            problems.push(unknown_distro(pattern, span, catalogue, "distribution"));
        }
    }
    chosen
}

fn choose_arches(
    spec: &MatrixSpec,
    distros: &[&Arc<Distro>],
    engine_arch: Architecture,
    problems: &mut Vec<Problem>,
) -> Vec<Architecture> {
    if spec.arches.is_empty() {
        return vec![engine_arch];
    }
    let mut arches = Vec::new();
    for (name, span) in &spec.arches {
        match name.parse::<Architecture>() {
            Err(_) => {
                let names = Architecture::ALL.map(|arch| [arch.deb(), arch.rpm()]);
                let label = match nearest(name, names.iter().flatten().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "not an architecture".to_owned(),
                };
                let known = Architecture::ALL.map(Architecture::deb).join(", ");
                problems.push(Problem {
                    message: format!("unknown architecture `{name}`"),
                    span: span.clone(),
                    label,
                    help: Some(format!("known: {known}, or their RPM names")),
                });
            }
            Ok(arch) if !distros.is_empty() && !distros.iter().any(|distro| distro.arches.contains(&arch)) => {
                let mut had: Vec<&str> =
                    distros.iter().flat_map(|distro| &distro.arches).map(|arch| arch.deb()).collect();
                had.sort_unstable();
                had.dedup();
                problems.push(Problem {
                    message: format!("no distribution of this matrix has the architecture `{name}`"),
                    span: span.clone(),
                    label: "would give no target".to_owned(),
                    help: Some(format!("they have {}", had.join(", "))),
                });
            }
            Ok(arch) if arches.contains(&arch) => {}
            Ok(arch) => arches.push(arch),
        }
    }
    arches
}

fn parse_excludes(spec: &MatrixSpec, catalogue: &Catalogue, problems: &mut Vec<Problem>) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for (text, span) in &spec.exclude {
        match Pattern::parse(text) {
            Err(reason) => problems.push(Problem {
                message: format!("`{text}` is no target pattern"),
                span: span.clone(),
                label: format!("it {reason}"),
                help: Some(PATTERN_HELP.to_owned()),
            }),
            Ok(pattern) => {
                let unknown = pattern
                    .distro
                    .as_ref()
                    .filter(|glob| !catalogue.iter().any(|distro| glob_matches(glob, &distro.id)));
                if let Some(distro) = unknown {
                    problems.push(unknown_distro(distro, span, catalogue, "excluded distribution"));
                }
                patterns.push(pattern);
            }
        }
    }
    patterns
}

/// What a pattern looks like, for whoever wrote a wrong one.
pub(crate) const PATTERN_HELP: &str =
    "a pattern is [RECIPE[+VARIANT]@]DISTRO[/ARCH][+VARIANT], with globs: debian-12, fedora-*/arm64, hello@*";

/// A selector that names a distribution nobody knows would silently never apply.
fn check_overrides(recipe: &RecipeFile, catalogue: &Catalogue, problems: &mut Vec<Problem>) {
    for (name, span) in recipe.selected_distros() {
        let known = catalogue.iter().any(|distro| distro.family == name || glob_matches(name, &distro.id));
        if !known {
            problems.push(unknown_distro(name, &span, catalogue, "selector"));
        }
    }
    for (name, span) in recipe.environment_distros() {
        if catalogue.get(name).is_none() {
            problems.push(unknown_distro(name, &span, catalogue, "distribution"));
        }
    }
}

fn unknown_distro(written: &str, span: &Range<usize>, catalogue: &Catalogue, what: &str) -> Problem {
    let ids: Vec<&str> = catalogue.iter().map(|distro| distro.id.as_str()).collect();
    let family = |name: &str| catalogue.iter().any(|distro| distro.family == name);
    let stem = written.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | '*' | '?'));
    let releases: Vec<&str> = catalogue.iter().filter(|d| d.family == stem).map(|d| d.id.as_str()).collect();
    // `Debian 12 (bookworm)`, and spellings with other signs.
    let plain = |text: &str| text.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "");
    let spelt = |distro: &&Arc<Distro>| {
        let suite = distro.bootstrap.as_ref().is_some_and(|bootstrap| bootstrap.suite == written);
        let alike = !written.is_empty() && plain(&distro.id) == plain(written);
        suite || alike
    };
    let other = catalogue.iter().find(spelt).map(|distro| distro.id.as_str());
    let label = if let Some(id) = other.filter(|_| !family(written)) {
        format!("did you mean `{id}`?")
    } else if family(written) && what != "selector" {
        format!("a family of distributions: did you mean `{written}-*`?")
    } else if !releases.is_empty() {
        "no such release of it is known".to_owned()
    } else {
        let families = catalogue.iter().map(|distro| distro.family.as_str());
        match nearest(written, ids.iter().copied().chain(families)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("no {} matches", if written.contains(['*', '?']) { "distribution" } else { "known name" }),
        }
    };
    let help = if releases.is_empty() {
        "`farm distros` lists what is known; a new one is a file in a `distros` folder beside the recipe".to_owned()
    } else {
        format!("known releases: {}", releases.join(", "))
    };
    let message = format!("unknown {what} `{}`", crate::types::printable(written));
    Problem { message, span: span.clone(), label, help: Some(help) }
}

/// What override selectors see of a target. Of a distribution that the catalogue does not know, only what the id says.
pub fn selection(target: &Target, catalogue: &Catalogue) -> Selection {
    match catalogue.get(&target.distro) {
        Some(distro) => selection_on(target, distro),
        None => Selection {
            format: target.format.as_str().to_owned(),
            manager: String::new(),
            distro: target.distro.rsplit_once('-').map_or(&*target.distro, |(family, _)| family).to_owned(),
            distro_version: target.distro.clone(),
            arch: target.arch.deb().to_owned(),
            variant: target.variant.clone(),
        },
    }
}

fn selection_on(target: &Target, distro: &Distro) -> Selection {
    Selection {
        format: target.format.as_str().to_owned(),
        manager: distro.manager.as_str().to_owned(),
        distro: distro.family.clone(),
        distro_version: distro.id.clone(),
        arch: target.arch.deb().to_owned(),
        variant: target.variant.clone(),
    }
}

/// `-t` patterns (`debian-12`, `fedora-*/arm64`, `jq@rpm-generic`, `hello@*`, `*+minimal`), `--format`, `--arch`.
/// Several values of one kind are alternatives; the kinds must all hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Patterns over targets as the user wrote them: `debian-*`, `jq@fedora-43/arm64`. Empty: all.
    pub(crate) targets: Vec<String>,
    /// Formats to keep. Empty: all.
    pub(crate) formats: Vec<Format>,
    /// Architectures to keep. Empty: all.
    pub(crate) arches: Vec<Architecture>,
}

impl Filter {
    /// A pattern that cannot be read matches nothing: whoever takes one from a person tries [`Pattern::parse`] first.
    pub(crate) fn matches(&self, target: &Target) -> bool {
        (self.formats.is_empty() || self.formats.contains(&target.format))
            && (self.arches.is_empty() || self.arches.contains(&target.arch))
            && (self.targets.is_empty()
                || self.targets.iter().any(|text| Pattern::parse(text).is_ok_and(|pattern| pattern.matches(target))))
    }
}

/// Why a matrix gives no targets.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MatrixError {
    /// The recipe has no matrix of the name that was asked for.
    #[error("{} has no matrix `{name}`", .path.display())]
    UnknownMatrix {
        /// The recipe's file, on this host.
        path: std::path::PathBuf,
        /// The name that was asked for.
        name: String,
        /// The names that the recipe has.
        known: Vec<String>,
    },
    /// Patterns of the matrix, or selectors of overrides, match nothing that exists.
    #[error("{} has a matrix that cannot be expanded", .path.display())]
    Invalid {
        /// The recipe's file, on this host.
        path: std::path::PathBuf,
        /// The recipe's whole text, for showing the places.
        text: RecipeText,
        /// The mistakes, in the order of their places.
        problems: Vec<Problem>,
    },
}

#[cfg(test)]
mod tests;
