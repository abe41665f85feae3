//! The recipes and distributions of a folder.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::ProjectError;
use crate::distro::Catalogue;
use crate::matrix::{self, Pattern, Target};
use crate::recipe::{RecipeError, RecipeFile};
use crate::types::{nearest, printable};

/// Recipes as written, and the distributions that are known beside them.
#[derive(Debug)]
pub struct Project {
    folder: PathBuf,
    /// As they were asked for.
    names: Vec<PathBuf>,
    /// First those that are asked for, then the others of their set.
    recipes: Vec<RecipeFile>,
    asked_for: usize,
    /// No two have one name.
    by_name: HashMap<String, usize>,
    catalogue: Catalogue,
    notes: Vec<String>,
}

impl Project {
    /// Reads the recipes that `names` mean, seen from `folder`: each a farm.toml, its folder, or a name below `recipes/`;
    /// without names, `farm.toml` of the folder, else all of `recipes/*/farm.toml`. The catalogue has the distributions of
    /// `distros/` in the folder and beside each recipe. `parameters` has values by name; each goes to the recipes that
    /// declare it.
    ///
    /// # Errors
    /// Recipes that are not there or not valid, two of one name, parameters that none of them declares, and distributions
    /// that are not valid.
    pub fn load(
        folder: &Path,
        names: &[PathBuf],
        parameters: &BTreeMap<String, String>,
    ) -> Result<Project, ProjectError> {
        let paths = find(names, folder)?;
        let (mut recipes, mut errors) = (Vec::new(), Vec::new());
        for path in &paths {
            match RecipeFile::load(path, parameters) {
                Ok(recipe) => recipes.push(recipe),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(ProjectError::Recipes(errors));
        }
        let mut by_name: HashMap<String, usize> = HashMap::new();
        for (number, recipe) in recipes.iter().enumerate() {
            if let Some(other) = by_name.insert(recipe.name.clone(), number) {
                let (one, two) = (recipes[other].path.display(), recipe.path.display());
                return Err(ProjectError::request(
                    format!("{one} and {two} both make a package named `{}`", recipe.name),
                    "name one of them on the command line, or rename one",
                ));
            }
        }
        let asked_for = recipes.len();
        let mut notes = Vec::new();
        let others = siblings(&paths, folder);
        let others: Vec<Result<RecipeFile, RecipeError>> =
            others.par_iter().map(|path| RecipeFile::load(path, parameters)).collect();
        for other in others {
            match other {
                Ok(other) if by_name.contains_key(&other.name) => {}
                Ok(other) => {
                    by_name.insert(other.name.clone(), recipes.len());
                    recipes.push(other);
                }
                // Nobody asked for it: what is wrong with it is told when somebody does.
                Err(RecipeError::Read { path, .. } | RecipeError::Invalid { path, .. }) => notes.push(format!(
                    "{} is not valid, and so takes no part in the set: farm plan {} says why",
                    path.display(),
                    path.display()
                )),
            }
        }
        declared(parameters, &recipes)?;
        let catalogue = catalogue(folder, &paths)?;
        let (folder, names) = (folder.to_owned(), names.to_vec());
        Ok(Project { folder, names, recipes, asked_for, by_name, catalogue, notes })
    }

    /// A recipe that is in no file, with the distributions of `folder`.
    ///
    /// # Errors
    /// Distributions that are not valid.
    pub(crate) fn of_recipe(folder: &Path, recipe: RecipeFile) -> Result<Project, ProjectError> {
        let by_name = HashMap::from([(recipe.name.clone(), 0)]);
        Ok(Project {
            folder: folder.to_owned(),
            names: Vec::new(),
            recipes: vec![recipe],
            asked_for: 1,
            by_name,
            catalogue: catalogue(folder, &[])?,
            notes: Vec::new(),
        })
    }

    #[cfg(test)]
    pub(super) fn of(recipe: RecipeFile) -> Project {
        Project::of_recipe(Path::new("."), recipe).unwrap()
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn names(&self) -> &[PathBuf] {
        &self.names
    }

    /// The place of a recipe in [`Project::set`], by its name.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The recipes that are asked for, in the order of their names on the command line.
    pub fn recipes(&self) -> &[RecipeFile] {
        &self.recipes[..self.asked_for]
    }

    /// The recipes that are asked for, and then the others that may be needed by them.
    pub fn set(&self) -> &[RecipeFile] {
        &self.recipes
    }

    /// A recipe of the set by its name: that of a target, for example.
    pub fn recipe(&self, name: &str) -> Option<&RecipeFile> {
        self.number(name).map(|number| &self.recipes[number])
    }

    /// The distributions that recipes can name, built in and of the user.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// What was passed over, as sentences for people.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The header of the override that gives a target its value of `key`: see `RecipeFile::set_by`.
    pub fn set_by(&self, target: &Target, key: &str) -> Option<String> {
        self.recipe(&target.recipe)?.set_by(&matrix::selection(target, &self.catalogue), key)
    }
}

/// A parameter that no recipe has is a mistake in its name.
fn declared(parameters: &BTreeMap<String, String>, recipes: &[RecipeFile]) -> Result<(), ProjectError> {
    let known: BTreeSet<&str> =
        recipes.iter().flat_map(|recipe| recipe.parameters.keys()).map(String::as_str).collect();
    let Some(name) = parameters.keys().find(|name| !known.contains(name.as_str())) else { return Ok(()) };
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean --param {near}={}?", printable(&parameters[name])),
        None if known.is_empty() => "a recipe declares its parameters, with their defaults, in [parameters]".to_owned(),
        None => format!("the parameters here are {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    };
    Err(ProjectError::request(format!("no recipe here has a parameter `{}`", printable(name)), help))
}

/// The built-in distributions, and those of `distros/` in `folder` and beside each of `recipes`.
fn catalogue(folder: &Path, recipes: &[PathBuf]) -> Result<Catalogue, ProjectError> {
    Ok(Catalogue::around([folder].into_iter().chain(recipes.iter().filter_map(|path| path.parent())))?)
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

/// The farm.toml files that are meant, each once. Shown to people as they came: relative stays relative.
pub(super) fn find(names: &[PathBuf], folder: &Path) -> Result<Vec<PathBuf>, ProjectError> {
    // What people see in messages and copy from them should not start with `./`.
    let at = |path: &Path| if folder == Path::new(".") { path.to_owned() } else { folder.join(path) };
    let mut paths = Vec::new();
    for name in names {
        let candidates =
            [at(name), at(&name.join("farm.toml")), at(&Path::new("recipes").join(name).join("farm.toml"))];
        let Some(path) = candidates.iter().find(|path| path.is_file()) else {
            let help = as_target(name).unwrap_or_else(|| near_recipe(name, folder));
            return Err(ProjectError::request(format!("no recipe at {}", printable(&name.to_string_lossy())), help));
        };
        if !paths.contains(path) {
            paths.push(path.clone());
        }
    }
    if !names.is_empty() {
        return Ok(paths);
    }
    let here = at(Path::new("farm.toml"));
    // What stands there and is no file says itself what is wrong with it.
    if here.symlink_metadata().is_ok() {
        return Ok(vec![here]);
    }
    let paths: Vec<PathBuf> =
        recipe_names(folder).into_iter().map(|name| at(&Path::new("recipes").join(name).join("farm.toml"))).collect();
    if paths.is_empty() {
        return Err(ProjectError::request(
            "no recipe here: neither ./farm.toml nor recipes/*/farm.toml",
            "name one, before --matrix: farm build path/to/farm.toml; `farm init` writes one for a project",
        ));
    }
    Ok(paths)
}

/// What was meant by a name of a target where recipes are named.
fn as_target(name: &Path) -> Option<String> {
    let name = name.to_str().filter(|name| name.contains('@') && Pattern::parse(name).is_ok())?;
    Some(format!("targets are chosen with -t: farm build -t '{}'", printable(name)))
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

#[cfg(test)]
mod tests {
    use super::*;

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
