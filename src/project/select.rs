//! Which targets of a project are meant.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::load::find;
use super::{Project, ProjectError};
use crate::distro::{Catalogue, Distro};
use crate::matrix::{self, DEFAULT_MATRIX, Filter, MatrixError, Target};
use crate::plan;
use crate::types::{Arch, Format, nearest, printable};

/// Targets that are named when none matched.
const SUGGESTIONS: usize = 3;

/// Which targets of the recipes are meant: those that match all of it.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// All targets of a named matrix (`default`: of `[matrix]`). None: those that `targets` match, of all matrices; without
    /// these, the first of the default one.
    pub matrix: Option<String>,
    /// Distributions that are built for in place of those that the matrix names and excludes: ids or globs. Empty: those of
    /// the matrix.
    pub distros: Vec<String>,
    /// Patterns: `debian-12`, `fedora-*/arm64`, `jq@*`, `*+minimal`. One of them has to match.
    pub targets: Vec<String>,
    /// Patterns of the same kind; what one of them matches is not meant.
    pub excluded: Vec<String>,
    /// Any of them; empty: all.
    pub formats: Vec<Format>,
    /// Any of them; empty: all.
    pub arches: Vec<Arch>,
    /// Ids of targets: no others are meant. None: all.
    pub only: Option<BTreeSet<String>>,
    /// Source packages in place of binary ones. Where nothing says for which distributions, one of each format.
    pub source: bool,
}

/// Targets of a project, at least one, in the order of recipes and matrices.
#[derive(Debug)]
pub struct Selected<'a> {
    pub(super) project: &'a Project,
    /// The architecture of matrices that name none.
    pub(super) arch: Arch,
    /// Those of [`Selection::distros`], which all recipes of the set are built for, then.
    pub(super) distros: Vec<&'a Arc<Distro>>,
    pub(super) targets: Vec<Target>,
    left_out: usize,
}

impl Selected<'_> {
    /// The targets that match the selection.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// How many more targets the default matrices have, where nothing said which are meant.
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}

impl Project {
    /// The targets that are meant, recipe by recipe, in the order of their matrices. `arch` is that of matrices that name
    /// none: the engine's, or this host's. Where nothing says which are meant, releases that have ended are passed over.
    ///
    /// # Errors
    /// Patterns that are none, matrices that do not exist or are not valid, and when nothing matches.
    pub fn select(&self, selection: &Selection, arch: Arch) -> Result<Selected<'_>, ProjectError> {
        for pattern in selection.targets.iter().chain(&selection.excluded) {
            if let Err(reason) = matrix::Pattern::parse(pattern) {
                let message = format!("`{}` is no target pattern: it {reason}", printable(pattern));
                return Err(ProjectError::request(message, matrix::PATTERN_HELP));
            }
        }
        let distros = matrix::distros_named(&selection.distros, self.catalogue())
            .map_err(|(message, help)| ProjectError::request(message, help))?;
        let filter = Filter {
            targets: selection.targets.clone(),
            formats: selection.formats.clone(),
            arches: selection.arches.clone(),
        };
        let excludes = |target: &Target| selection.excluded.iter().any(|pattern| matches(pattern, target));
        let may_be = |target: &Target| selection.only.as_ref().is_none_or(|only| only.contains(&target.to_string()));
        let known_somewhere = |name: &str| self.recipes().iter().any(|recipe| recipe.matrices.contains_key(name));
        let by_default = !distros.is_empty() || (selection.targets.is_empty() && selection.only.is_none());
        let mut all = Vec::new();
        let mut chosen = Vec::new();
        let mut left_out = 0;
        for recipe in self.recipes() {
            let names: Vec<&str> = match &selection.matrix {
                // Of several recipes, those without the matrix take no part in it.
                Some(name) if known_somewhere(name) && !recipe.matrices.contains_key(name) => Vec::new(),
                Some(name) => vec![name],
                None if by_default => {
                    match recipe.matrices.contains_key(DEFAULT_MATRIX) || !known_somewhere(DEFAULT_MATRIX) {
                        true => vec![DEFAULT_MATRIX],
                        false => Vec::new(),
                    }
                }
                None => {
                    let default = recipe.matrices.contains_key(DEFAULT_MATRIX).then_some(DEFAULT_MATRIX);
                    let others = recipe.matrices.keys().map(String::as_str).filter(|name| *name != DEFAULT_MATRIX);
                    default.into_iter().chain(others).collect()
                }
            };
            let mut targets: Vec<Target> = Vec::new();
            let mut seen = HashSet::new();
            for name in names {
                let expanded = match distros.is_empty() {
                    true => matrix::expand(recipe, name, self.catalogue(), arch),
                    false => matrix::expand_ad_hoc(recipe, name, &distros, self.catalogue(), arch),
                };
                let expanded = expanded.map_err(|error| unknown_matrix_or(error, name, self))?;
                targets.extend(expanded.into_iter().filter(|target| seen.insert(target.clone())));
            }
            let mut matching = targets
                .iter()
                .filter(|target| filter.matches(target) && !excludes(target) && may_be(target))
                .cloned()
                .collect::<Vec<_>>();
            let are_named = !selection.targets.is_empty() || selection.only.is_some() || !distros.is_empty();
            if selection.source {
                // Any target has the source package of its distribution; that may be named by its own id, too.
                let sources = matrix::sources_of(&targets, arch);
                let named = sources.iter().filter(|one| filter.matches(one) && may_be(one));
                matching = matrix::sources_of(&matching, arch);
                let is_new = |one: &&Target| !matching.iter().any(|known| known.folder() == one.folder());
                let named: Vec<Target> = named.filter(is_new).cloned().collect();
                matching.extend(named);
                matching.retain(|source| !excludes(source));
                if !are_named {
                    let mut formats = HashSet::new();
                    matching.retain(|source| formats.insert(source.format));
                }
                targets.extend(sources);
            }
            let first_only = !are_named && selection.matrix.is_none() && !selection.source;
            let taken = if first_only { matching.len().min(1) } else { matching.len() };
            left_out += matching.len() - taken;
            if first_only && let Some(first) = matching.iter().position(|target| self.is_supported(target)) {
                matching.swap(0, first);
            }
            chosen.extend(matching.into_iter().take(taken));
            all.append(&mut targets);
        }
        // One pattern that is misspelt must not be lost among others that match.
        let idle = |pattern: &&String| !all.iter().any(|target| matches(pattern, target));
        if let Some(pattern) = selection.targets.iter().find(idle) {
            let alone = Selection { targets: vec![pattern.clone()], ..Selection::default() };
            let asked = if selection.targets.len() > 1 { &alone } else { selection };
            let error = nothing_matched(asked, &all);
            return Err(with_known_names(error, pattern.split(['@', '/', '+']), &all, self.catalogue()));
        }
        if let Some(pattern) = selection.excluded.iter().find(idle) {
            return Err(nothing_matched(&Selection { excluded: vec![pattern.clone()], ..Selection::default() }, &all));
        }
        match chosen.is_empty() {
            false => Ok(Selected { project: self, arch, distros, targets: chosen, left_out }),
            true => {
                let arches: Vec<String> = selection.arches.iter().map(Arch::to_string).collect();
                let named = selection.distros.iter().chain(&arches).map(String::as_str);
                Err(with_known_names(nothing_matched(selection, &all), named, &all, self.catalogue()))
            }
        }
    }
}

impl Project {
    /// Whether the target's release still gets security fixes today.
    fn is_supported(&self, target: &Target) -> bool {
        self.catalogue().get(&target.distro).is_none_or(|distro| !distro.has_ended(&plan::today()))
    }
}

fn matches(pattern: &str, target: &Target) -> bool {
    Filter { targets: vec![pattern.to_owned()], ..Filter::default() }.matches(target)
}

/// `--matrix hello`, where `hello` is a recipe: says how to write it.
fn unknown_matrix_or(error: MatrixError, name: &str, project: &Project) -> ProjectError {
    let is_recipe = || project.recipe(name).is_some() || find(&[name.into()], project.folder()).is_ok();
    match error {
        MatrixError::UnknownMatrix { .. } if is_recipe() => {
            let others: String = project.names().iter().map(|recipe| format!(" {}", recipe.display())).collect();
            ProjectError::request(
                format!("`{name}` is a recipe, not a matrix"),
                format!("recipes go before --matrix: farm build {name}{others} --matrix"),
            )
        }
        // Names of matrices have no `/`: a path was meant.
        MatrixError::UnknownMatrix { .. } if name.contains('/') || name.ends_with(".toml") => ProjectError::request(
            format!("no recipe at {}", printable(name)),
            "a recipe is a farm.toml, its folder, or a name under recipes/, and goes before --matrix: farm build PATH --matrix",
        ),
        error => ProjectError::Matrix(error),
    }
}

fn nothing_matched(asked: &Selection, all: &[Target]) -> ProjectError {
    let mut wanted: Vec<String> = asked.targets.iter().map(|pattern| format!("-t {pattern}")).collect();
    wanted.extend(asked.excluded.iter().map(|pattern| format!("--exclude {pattern}")));
    wanted.extend(asked.only.iter().flatten().cloned());
    wanted.extend(asked.distros.iter().map(|distro| format!("--distro {distro}")));
    wanted.extend(asked.formats.iter().map(|format| format!("--format {format}")));
    wanted.extend(asked.arches.iter().map(|arch| format!("--arch {arch}")));
    if let Some(matrix) = &asked.matrix {
        wanted.push(format!("--matrix {matrix}"));
    }
    let message = if wanted.is_empty() {
        "the default matrix is empty".to_owned()
    } else {
        format!("no target matches {}", wanted.join(" "))
    };
    let patterns = if asked.targets.is_empty() { &asked.excluded } else { &asked.targets };
    let near = suggestions(patterns, all);
    let help = if !near.is_empty() {
        Some(format!("did you mean {}?", near.join(" or ")))
    } else if !all.is_empty() {
        let some: Vec<String> = all.iter().take(SUGGESTIONS).map(Target::to_string).collect();
        let more = all.len().saturating_sub(SUGGESTIONS);
        let more = if more > 0 { format!(" and {more} more: farm plan -t '*'") } else { String::new() };
        Some(format!("there are {}{more}", some.join(", ")))
    } else {
        None
    };
    ProjectError::NothingMatched { message, help }
}

/// A distribution or an architecture that farm knows is not misspelt: the recipe's matrices do not have it.
fn with_known_names<'a>(
    error: ProjectError,
    named: impl Iterator<Item = &'a str>,
    all: &[Target],
    catalogue: &Catalogue,
) -> ProjectError {
    let ProjectError::NothingMatched { message, help } = error else { return error };
    let named: Vec<&str> = named.collect();
    let distro = named.iter().find(|part| catalogue.get(part).is_some());
    let of_distro = |target: &&Target| distro.is_none_or(|distro| target.distro == **distro);
    let arch = named.iter().find_map(|part| part.parse::<Arch>().ok());
    let lacks_arch = |arch: &Arch| !all.iter().filter(of_distro).any(|target| target.arch == *arch);
    let help = match (distro, arch.filter(lacks_arch)) {
        (Some(distro), _) if !all.iter().any(|target| target.distro == **distro) => Some(format!(
            "no matrix of the recipe has {distro}: add it to distros in [matrix], or build for it once with --distro {distro}"
        )),
        (_, Some(arch)) => Some(format!(
            "no matrix of the recipe has {arch}{}: add it to arches in [matrix]",
            distro.map(|distro| format!(" for {distro}")).unwrap_or_default()
        )),
        _ => help,
    };
    ProjectError::NothingMatched { message, help }
}

/// The targets nearest to patterns that matched nothing, by whatever part of their id is near.
fn suggestions(patterns: &[String], all: &[Target]) -> Vec<String> {
    let words = |target: &Target| {
        let id = target.to_string();
        let arch = target.kind();
        let mut words = vec![
            format!("{}@{}", target.recipe, target.distro),
            format!("{}/{arch}", target.distro),
            target.distro.clone(),
            target.recipe.clone(),
        ];
        words.extend(target.variant.iter().map(|variant| format!("*+{variant}")));
        words.insert(0, id);
        words
    };
    let known: Vec<(String, Vec<String>)> = all.iter().map(|target| (target.to_string(), words(target))).collect();
    let mut near: Vec<String> = Vec::new();
    for pattern in patterns {
        let candidates = known.iter().flat_map(|(_, words)| words.iter().map(String::as_str));
        let Some(word) = nearest(pattern, candidates) else { continue };
        let ids = known.iter().filter(|(_, words)| words.iter().any(|other| other == word)).map(|(id, _)| id);
        for id in ids.take(SUGGESTIONS) {
            if !near.contains(id) && near.len() < SUGGESTIONS {
                near.push(id.clone());
            }
        }
    }
    near
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Format;

    fn target(recipe: &str, distro: &str) -> Target {
        Target {
            recipe: recipe.into(),
            distro: distro.into(),
            arch: Arch::Amd64,
            format: Format::Deb,
            variant: None,
            source: false,
        }
    }

    #[test]
    fn a_source_package_is_made_once_for_each_format_or_where_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let recipe = "[package]\nname = \"pond\"\nversion = \"1.0\"\nsummary = \"A pond\"\nlicense = \"MIT\"\n\
                      maintainer = \"T <t@example.org>\"\n[build]\ninstall = \"x\"\n[matrix]\n\
                      distros = [\"debian-12\", \"fedora-44\", \"debian-13\", \"rpm-generic\"]\n\
                      arches = [\"arm64\", \"amd64\"]\n";
        std::fs::write(folder.path().join("farm.toml"), recipe).unwrap();
        let project = Project::load(folder.path(), &[], &Default::default()).unwrap();
        let chosen = |targets: &[&str], arches: &[Arch]| {
            let targets = targets.iter().map(|target| (*target).to_owned()).collect();
            let selection = Selection { targets, arches: arches.to_vec(), source: true, ..Selection::default() };
            let selected = project.select(&selection, Arch::Amd64).map_err(|error| error.to_string())?;
            Ok::<_, String>(selected.targets().iter().map(|one| format!("{one} {}", one.arch)).collect::<Vec<_>>())
        };
        assert_eq!(chosen(&[], &[]).unwrap(), ["pond@debian-12/source amd64", "pond@fedora-44/source amd64"]);
        assert_eq!(
            chosen(&[], &[Arch::Arm64]).unwrap(),
            ["pond@debian-12/source arm64", "pond@fedora-44/source arm64"]
        );
        let debians = ["pond@debian-12/source amd64", "pond@debian-13/source amd64"];
        assert_eq!(chosen(&["debian-*"], &[]).unwrap(), debians);
        assert_eq!(chosen(&["debian-*/source"], &[]).unwrap(), debians);
        assert_eq!(chosen(&["debian-13/arm64"], &[]).unwrap(), ["pond@debian-13/source arm64"]);
        assert!(chosen(&["debian-14"], &[]).unwrap_err().contains("no target matches"));
    }

    #[test]
    fn suggestions_come_from_the_nearest_part_of_an_id() {
        let all = [target("hello", "debian-12"), target("hello", "debian-13"), target("jq", "debian-13")];
        let near = |pattern: &str| suggestions(&[pattern.to_owned()], &all);
        assert_eq!(near("debain-13"), ["hello@debian-13/amd64", "jq@debian-13/amd64"]);
        assert_eq!(near("helo"), ["hello@debian-12/amd64", "hello@debian-13/amd64"]);
        assert_eq!(near("hello@debian-14"), ["hello@debian-12/amd64"]);
        assert_eq!(near("plan9"), Vec::<String>::new());
    }
}
