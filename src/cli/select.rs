//! Which recipes a command line means, and which of their targets.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::args::SelectionArgs;
use super::failure::Failure;
use super::output;
use super::set::{self, Member};
use super::settle::Settler;
use crate::distro::Catalogue;
use crate::matrix::{self, Filter, MatrixError, Target};
use crate::plan::Cell;
use crate::plan::set::seen_by_manager;
use crate::recipe::{Dockerfile, EnvironmentOrigin, Recipe, RecipeError, RecipeFile};
use crate::source::{self, Context};
use crate::types::{Arch, nearest};

/// `[matrix]` itself.
const DEFAULT_MATRIX: &str = "default";
/// Targets that are named when none matched.
const SUGGESTIONS: usize = 3;

/// Recipes as written, and the distributions that are known beside them.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// First those that are meant, then the others of their set.
    pub recipes: Vec<RecipeFile>,
    /// How many are meant.
    pub meant: usize,
    pub catalogue: Catalogue,
}

/// A target and which of [`Loaded::recipes`] it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub target: Target,
    pub recipe: usize,
}

/// Reads the recipes that `names` mean, seen from `folder`, and the catalogue with `distros/` of `folder` and beside
/// each recipe.
pub(crate) fn load(names: &[PathBuf], folder: &Path) -> Result<Loaded, Failure> {
    let paths = find(names, folder)?;
    let mut recipes: Vec<RecipeFile> = Vec::new();
    let mut errors: Vec<RecipeError> = Vec::new();
    for path in &paths {
        match RecipeFile::load(path) {
            Ok(recipe) => recipes.push(recipe),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(Failure::Recipes(errors));
    }
    let mut by_name: HashMap<&str, &Path> = HashMap::new();
    for recipe in &recipes {
        if let Some(other) = by_name.insert(&recipe.name, &recipe.path) {
            return Err(Failure::Usage {
                message: format!(
                    "{} and {} both make a package named `{}`",
                    other.display(),
                    recipe.path.display(),
                    recipe.name
                ),
                help: Some("name one of them on the command line, or rename one".to_owned()),
            });
        }
    }
    let meant = recipes.len();
    let others = siblings(&paths, folder);
    let others: Vec<Result<RecipeFile, RecipeError>> = others.par_iter().map(|path| RecipeFile::load(path)).collect();
    for other in others {
        match other {
            Ok(other) if recipes.iter().any(|recipe| recipe.name == other.name) => {}
            Ok(other) => recipes.push(other),
            // Nobody asked for it: what is wrong with it is told when somebody does.
            Err(RecipeError::Read { path, .. } | RecipeError::Invalid { path, .. }) => output::err(&format!(
                "note: {} is not valid, and so takes no part in the set: farm plan {} says why\n",
                path.display(),
                path.display()
            )),
        }
    }
    Ok(Loaded { catalogue: catalogue(folder, &paths)?, recipes, meant })
}

/// The recipes that belong to the same set as those of `paths` without being among them: what else lies in the same
/// folder `recipes/`.
fn siblings(paths: &[PathBuf], folder: &Path) -> Vec<PathBuf> {
    let real = |path: &Path| path.canonicalize().ok();
    let known: Vec<PathBuf> = paths.iter().filter_map(|path| real(path)).collect();
    let mut found: Vec<PathBuf> = Vec::new();
    let mut seen: Vec<PathBuf> = Vec::new();
    for path in paths {
        let own = path.parent().filter(|own| !own.as_os_str().is_empty()).unwrap_or(folder);
        let Some(set) = real(own).and_then(|own| Some(own.parent()?.to_owned())) else { continue };
        if set.file_name().is_none_or(|name| name != "recipes") || seen.contains(&set) {
            continue;
        }
        // Shown as near to what was written as can be.
        let shown = match own.parent() {
            Some(parent) if own.file_name().is_some() && !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => own.join(".."),
        };
        let others = farm_files(&shown).into_iter().map(|name| shown.join(name).join("farm.toml"));
        found.extend(others.filter(|other| real(other).is_some_and(|other| !known.contains(&other))));
        seen.push(set);
    }
    found
}

/// The built-in distributions, and those of `distros/` in `folder` and beside each of `recipes`.
pub(crate) fn catalogue(folder: &Path, recipes: &[PathBuf]) -> Result<Catalogue, Failure> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for place in [folder].into_iter().chain(recipes.iter().filter_map(|path| path.parent())) {
        let distros = place.join("distros");
        if distros.is_dir() && !folders.contains(&distros) {
            folders.push(distros);
        }
    }
    Ok(Catalogue::load(&folders)?)
}

/// The farm.toml files that are meant, each once. Shown to people as they came: relative stays relative.
fn find(names: &[PathBuf], folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    // What people see in messages and copy from them should not start with `./`.
    let at = |path: &Path| if folder == Path::new(".") { path.to_owned() } else { folder.join(path) };
    let mut paths = Vec::new();
    for name in names {
        let candidates =
            [at(name), at(&name.join("farm.toml")), at(&Path::new("recipes").join(name).join("farm.toml"))];
        let Some(path) = candidates.iter().find(|path| path.is_file()) else {
            return Err(Failure::Usage {
                message: format!("no recipe at {}", name.display()),
                help: Some(near_recipe(name, folder)),
            });
        };
        if !paths.contains(path) {
            paths.push(path.clone());
        }
    }
    if !names.is_empty() {
        return Ok(paths);
    }
    let here = at(Path::new("farm.toml"));
    if here.is_file() {
        return Ok(vec![here]);
    }
    let paths: Vec<PathBuf> =
        recipe_names(folder).into_iter().map(|name| at(&Path::new("recipes").join(name).join("farm.toml"))).collect();
    if paths.is_empty() {
        return Err(Failure::Usage {
            message: "no recipe here: neither ./farm.toml nor recipes/*/farm.toml".to_owned(),
            help: Some("name one: farm build path/to/farm.toml".to_owned()),
        });
    }
    Ok(paths)
}

fn near_recipe(name: &Path, folder: &Path) -> String {
    let known = recipe_names(folder);
    match nearest(&name.to_string_lossy(), known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`, in recipes/{near}/farm.toml?"),
        None if known.is_empty() => "a recipe is a farm.toml, its folder, or a name under recipes/".to_owned(),
        None => format!("the recipes here are {}", known.join(", ")),
    }
}

/// Names under `recipes/` that have a farm.toml, sorted.
fn recipe_names(folder: &Path) -> Vec<String> {
    farm_files(&folder.join("recipes"))
}

/// Names of the folders in `folder` that have a farm.toml, sorted.
fn farm_files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("farm.toml").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names
}

/// The targets that are meant, recipe by recipe, in the order of their matrices.
pub(crate) fn choose(loaded: &Loaded, args: &SelectionArgs, engine_arch: Arch) -> Result<Vec<Chosen>, Failure> {
    for pattern in &args.targets {
        if let Err(reason) = matrix::Pattern::parse(pattern) {
            let message = format!("`{}` is no target pattern: it {reason}", crate::types::printable(pattern));
            return Err(Failure::Usage { message, help: Some(matrix::PATTERN_HELP.to_owned()) });
        }
    }
    let filter = Filter { targets: args.targets.clone(), formats: args.formats.clone(), arches: args.arches.clone() };
    let meant = &loaded.recipes[..loaded.meant];
    let known_somewhere = |name: &str| meant.iter().any(|recipe| recipe.matrices.contains_key(name));
    let mut all = Vec::new();
    let mut chosen = Vec::new();
    for (index, recipe) in meant.iter().enumerate() {
        let names: Vec<&str> = match &args.matrix {
            // Of several recipes, those without the matrix take no part in it.
            Some(name) if known_somewhere(name) && !recipe.matrices.contains_key(name) => Vec::new(),
            Some(name) => vec![name],
            None if args.targets.is_empty() => vec![DEFAULT_MATRIX],
            None => {
                let default = recipe.matrices.contains_key(DEFAULT_MATRIX).then_some(DEFAULT_MATRIX);
                let others = recipe.matrices.keys().map(String::as_str).filter(|name| *name != DEFAULT_MATRIX);
                default.into_iter().chain(others).collect()
            }
        };
        let mut targets: Vec<Target> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for name in names {
            let expanded = matrix::expand(recipe, name, &loaded.catalogue, engine_arch)
                .map_err(|error| unknown_matrix_or(error, name, loaded, args))?;
            targets.extend(expanded.into_iter().filter(|target| seen.insert(target.clone())));
        }
        let matching = targets.iter().filter(|target| filter.matches(target)).cloned();
        let first_only = args.matrix.is_none() && args.targets.is_empty();
        let limit = if first_only { 1 } else { usize::MAX };
        chosen.extend(matching.take(limit).map(|target| Chosen { target, recipe: index }));
        all.append(&mut targets);
    }
    if chosen.is_empty() { Err(nothing_matched(args, &all)) } else { Ok(chosen) }
}

/// `--matrix hello`, where `hello` is a recipe: says how to write it.
fn unknown_matrix_or(error: MatrixError, name: &str, loaded: &Loaded, args: &SelectionArgs) -> Failure {
    let is_recipe = || {
        loaded.recipes.iter().any(|recipe| recipe.name == name) || find(&[PathBuf::from(name)], Path::new(".")).is_ok()
    };
    match error {
        MatrixError::UnknownMatrix { .. } if is_recipe() => {
            let others: Vec<String> = args.recipes.iter().map(|recipe| format!(" {}", recipe.display())).collect();
            Failure::Usage {
                message: format!("`{name}` is a recipe, not a matrix"),
                help: Some(format!("recipes go before --matrix: farm build {name}{} --matrix", others.concat())),
            }
        }
        error => Failure::Matrix(error),
    }
}

fn nothing_matched(args: &SelectionArgs, all: &[Target]) -> Failure {
    let mut wanted: Vec<String> = args.targets.iter().map(|pattern| format!("-t {pattern}")).collect();
    wanted.extend(args.formats.iter().map(|format| format!("--format {format}")));
    wanted.extend(args.arches.iter().map(|arch| format!("--arch {arch}")));
    if let Some(matrix) = &args.matrix {
        wanted.push(format!("--matrix {matrix}"));
    }
    let message = if wanted.is_empty() {
        "the default matrix is empty".to_owned()
    } else {
        format!("no target matches {}", wanted.join(" "))
    };
    let near = suggestions(&args.targets, all);
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
    Failure::NothingMatched { message, help }
}

/// The targets nearest to patterns that matched nothing, by whatever part of their id is near.
fn suggestions(patterns: &[String], all: &[Target]) -> Vec<String> {
    let words = |target: &Target| {
        let id = target.to_string();
        let arch = target.arch.for_format(target.format);
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

/// What the planner needs of each chosen target, and of those that they need: overrides applied, the project asked for
/// what recipes leave to it, sources fingerprinted. In the order of building, with the targets. With `snapshot`,
/// versions are those of the trees as they are now.
pub(crate) async fn cells(
    loaded: &Loaded,
    chosen: &[Chosen],
    engine_arch: Arch,
    snapshot: bool,
) -> Result<Vec<(Chosen, Cell)>, Failure> {
    let members = set::complete(loaded, chosen, engine_arch, &mut Settler::new(snapshot)).await?;
    let mut cells = Vec::with_capacity(members.len());
    // Targets of one recipe share their sources unless an override says otherwise.
    let mut fingerprints: Vec<(usize, Vec<crate::recipe::Source>, String)> = Vec::new();
    let mut contexts: Vec<(usize, Dockerfile, String)> = Vec::new();
    // Targets for which the same of a recipe comes from its set share a recipe, too.
    let mut seen: HashMap<Taking, Arc<Recipe>> = HashMap::new();
    for Member { chosen, recipe, distro, set, only_needed } in members {
        let index = chosen.recipe;
        let file = &loaded.recipes[index];
        let known = fingerprints.iter().find(|(of, sources, _)| *of == index && *sources == recipe.sources);
        let source_digest = match known {
            Some((.., digest)) => digest.clone(),
            None => {
                let digest = fingerprint(file, &recipe)?;
                fingerprints.push((index, recipe.sources.clone(), digest.clone()));
                digest
            }
        };
        let (environment_distro, context_digest) =
            match recipe.environment.as_ref().map(|environment| &environment.origin) {
                // `matrix` has checked that there is one.
                Some(EnvironmentOrigin::Distro(id)) => (loaded.catalogue.get(id).cloned(), None),
                Some(EnvironmentOrigin::Dockerfile(dockerfile)) => {
                    let known = contexts.iter().find(|(of, other, _)| *of == index && other == dockerfile);
                    let digest = match known {
                        Some((.., digest)) => digest.clone(),
                        None => {
                            let digest = context_digest(file, &recipe, dockerfile)?;
                            contexts.push((index, dockerfile.clone(), digest.clone()));
                            digest
                        }
                    };
                    (None, Some(digest))
                }
                Some(EnvironmentOrigin::Image(_)) | None => (None, None),
            };
        let recipe = if set.needs.is_empty() {
            recipe
        } else {
            let taken = set.needs.iter().map(|need| (need.requirement.clone(), need.package.clone())).collect();
            let key = Taking { recipe: Arc::as_ptr(&recipe).addr(), distro: Arc::as_ptr(&distro).addr(), taken };
            seen.entry(key).or_insert_with(|| seen_by_manager(&recipe, &distro, &set.needs)).clone()
        };
        let cell = Cell {
            target: chosen.target.clone(),
            source_date_epoch: recipe.package.date,
            recipe,
            distro,
            source_digest,
            set,
            only_needed,
            environment_distro,
            context_digest,
        };
        cells.push((chosen, cell));
    }
    Ok(cells)
}

/// A recipe on a distribution, by identity, and what it takes of its set: requirement and package.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Taking {
    recipe: usize,
    distro: usize,
    taken: Vec<(String, String)>,
}

fn fingerprint(file: &RecipeFile, recipe: &Recipe) -> Result<String, Failure> {
    source::fingerprint(&recipe.root, &recipe.sources).map_err(|source| Failure::source(file, source))
}

fn context_digest(file: &RecipeFile, recipe: &Recipe, dockerfile: &Dockerfile) -> Result<String, Failure> {
    Context::of(&recipe.root, dockerfile)
        .and_then(|context| context.digest())
        .map_err(|source| Failure::source(file, source))
}

/// The values of the target's variant; a name means the same in every matrix of a recipe.
pub(crate) fn variant(file: &RecipeFile, target: &Target) -> BTreeMap<String, String> {
    let declared = |name: &String| file.matrices.values().find_map(|matrix| matrix.variants.get(name));
    target.variant.as_ref().and_then(declared).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Format;

    fn target(recipe: &str, distro: &str) -> Target {
        Target { recipe: recipe.into(), distro: distro.into(), arch: Arch::Amd64, format: Format::Deb, variant: None }
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

    #[test]
    fn recipes_are_found_by_path_folder_and_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["a", "b"] {
            std::fs::create_dir_all(root.join("recipes").join(name)).unwrap();
            std::fs::write(root.join("recipes").join(name).join("farm.toml"), "").unwrap();
        }
        let a = root.join("recipes/a/farm.toml");
        let b = root.join("recipes/b/farm.toml");
        let found = |names: &[&str]| {
            find(&names.iter().map(PathBuf::from).collect::<Vec<_>>(), root).map_err(|failure| failure.to_string())
        };
        assert_eq!(found(&[]).unwrap(), [a.clone(), b.clone()]);
        assert_eq!(found(&["b"]).unwrap(), std::slice::from_ref(&b));
        assert_eq!(found(&["recipes/a", "recipes/a/farm.toml"]).unwrap(), [a]);
        assert!(found(&["c"]).unwrap_err().contains("no recipe at c"));
        std::fs::write(root.join("farm.toml"), "").unwrap();
        assert_eq!(found(&[]).unwrap(), [root.join("farm.toml")]);
    }
}
