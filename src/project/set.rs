//! The set that the recipes of a command line are part of: which of its targets must come in because others need them,
//! and in which order they are built.
//!
//! A need is met by the other recipe's target of the same distribution and variant, and of the same architecture unless
//! that recipe is built for one only. Which targets a recipe has is said by all its matrices together.

use std::collections::HashMap;
use std::sync::Arc;

use super::metadata::Recipes;
use super::{Circle, Link, Project, ProjectError, Selected};
use crate::distro::Distro;
use crate::matrix::{self, Target};
use crate::plan::set::{self, Provider, Providers, Resolution};
use crate::recipe::SharedRecipe;
use crate::types::Arch;

/// A target with its recipe, and what its set means for it.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) target: Target,
    pub(super) recipe: SharedRecipe,
    pub(super) distro: Arc<Distro>,
    pub(super) set: Resolution,
    /// Nobody asked for it.
    pub(super) only_needed: bool,
}

/// The selected targets and those that they need, each after what it needs.
///
/// # Errors
/// Recipes that are wrong for a target, and circles.
pub(super) async fn complete<'a>(
    selected: &Selected<'a>,
    recipes: &mut Recipes<'a>,
) -> Result<Vec<Member>, ProjectError> {
    let project = selected.project;
    let mut set = Set {
        project,
        engine_arch: selected.arch,
        distros: &selected.distros,
        recipes,
        targets: vec![None; project.set().len()],
        places: HashMap::new(),
    };
    let mut numbers: HashMap<Target, usize> = HashMap::new();
    let mut members: Vec<Member> = Vec::with_capacity(selected.targets.len());
    let mut errors = Vec::new();
    let mut queue: Vec<(Target, bool)> = selected.targets.iter().rev().map(|target| (target.clone(), false)).collect();
    while let Some((target, only_needed)) = queue.pop() {
        if let Some(number) = numbers.get(&target) {
            members[*number].only_needed &= only_needed;
            continue;
        }
        let Some(distro) = project.catalogue().get(&target.distro) else {
            return Err(ProjectError::Request { message: format!("{target}: unknown distribution"), help: None });
        };
        let recipe = match set.recipes.of(&target).await? {
            Ok(recipe) => recipe,
            Err(error) => {
                if !errors.contains(&error) {
                    errors.push(error);
                }
                continue;
            }
        };
        let resolution = if project.set().len() > 1 {
            let providers = set.providers(&target, distro).await?;
            set::resolve(&target, &recipe, distro, providers)
        } else {
            Resolution::default()
        };
        let of_builder = if needs_nothing(&target, &recipe) { &[][..] } else { &resolution.needs[..] };
        queue.extend(of_builder.iter().rev().map(|need| (need.target.clone(), true)));
        numbers.insert(target.clone(), members.len());
        members.push(Member { target, recipe, distro: distro.clone(), set: resolution, only_needed });
    }
    if !errors.is_empty() {
        return Err(ProjectError::Recipes(errors));
    }
    // Those that came in because of others stand where they were found, selected ones in their own order.
    let edges = set::edges(members.iter().map(|member| (&member.target, member.set.needs.as_slice())));
    match set::order(&edges) {
        Ok(order) => {
            let mut placed: Vec<Option<Member>> = members.into_iter().map(Some).collect();
            Ok(order.into_iter().filter_map(|at| placed[at].take()).collect())
        }
        Err(circle) => Err(ProjectError::Circle(named(project, &members, &circle))),
    }
}

/// Whether what a target requires need not be there: the source package only names it.
pub(super) fn needs_nothing(target: &Target, recipe: &SharedRecipe) -> bool {
    target.source && recipe.packaging.prepare.is_none()
}

/// What of a set has been looked at.
struct Set<'a, 'r> {
    project: &'a Project,
    engine_arch: Arch,
    /// Those that all recipes are built for, beside what their matrices say.
    distros: &'r [&'a Arc<Distro>],
    recipes: &'r mut Recipes<'a>,
    /// All targets of each recipe, over all its matrices.
    targets: Vec<Option<Vec<Target>>>,
    /// By distribution, architecture and variant.
    places: HashMap<(String, Arch, Option<String>), Providers>,
}

impl<'a> Set<'a, '_> {
    /// The recipes of the set as a target sees them.
    async fn providers(&mut self, target: &Target, distro: &Distro) -> Result<&Providers, ProjectError> {
        let place = (target.distro.clone(), target.arch, target.variant.clone());
        if !self.places.contains_key(&place) {
            let mut providers = Vec::with_capacity(self.targets.len());
            for number in 0..self.targets.len() {
                providers.extend(self.provider(number, target, distro).await?);
            }
            self.places.insert(place.clone(), Providers::new(providers));
        }
        Ok(&self.places[&place])
    }

    /// A recipe as a target sees it; none when it can make no packages there.
    async fn provider(
        &mut self,
        number: usize,
        seen_from: &Target,
        distro: &Distro,
    ) -> Result<Option<Provider>, ProjectError> {
        let project: &'a Project = self.project;
        let file = &project.set()[number];
        let here = |target: &&Target| target.distro == seen_from.distro;
        let of_arch = |target: &&Target| target.arch == seen_from.arch;
        let targets = self.targets(number);
        let all: Vec<&Target> = targets.iter().filter(here).collect();
        // A recipe that is built once is built for whatever architecture its matrix gives it.
        let mut fits: Vec<&Target> = all.iter().copied().filter(of_arch).collect();
        let elsewhere = all.first().map_or_else(
            || Target { recipe: file.name.clone(), variant: None, ..seen_from.clone() },
            |target| (*target).clone(),
        );
        if fits.is_empty() && file.built_once(&matrix::selection(&elsewhere, project.catalogue())) {
            fits = all;
        }
        let same_variant = fits.iter().find(|target| target.variant == seen_from.variant);
        let target = same_variant.or(fits.iter().find(|target| target.variant.is_none())).or(fits.first());
        let target = target.map(|target| (*target).clone());
        // What is wrong with it is told when it is to be built.
        let Ok(Ok(recipe)) = self.recipes.of(target.as_ref().unwrap_or(&elsewhere)).await else { return Ok(None) };
        Ok(Some(Provider { recipe: file.name.clone(), target, offers: set::offers(&recipe, distro) }))
    }

    fn targets(&mut self, number: usize) -> &[Target] {
        let file = &self.project.set()[number];
        let known = match self.targets[number].take() {
            Some(known) => known,
            None => {
                let mut all: Vec<Target> = Vec::new();
                let catalogue = self.project.catalogue();
                let ad_hoc =
                    matrix::expand_ad_hoc(file, matrix::DEFAULT_MATRIX, self.distros, catalogue, self.engine_arch);
                let expand = |name: &String| matrix::expand(file, name, catalogue, self.engine_arch);
                // What is wrong with a matrix is told when it is asked for; a recipe that merely lies beside another may
                // name distributions that are unknown here.
                for expanded in file.matrices.keys().map(expand).chain([ad_hoc]).flatten() {
                    all.extend(expanded.into_iter().filter(|target| !all.contains(target)).collect::<Vec<_>>());
                }
                all
            }
        };
        self.targets[number].insert(known)
    }
}

/// The circle with the places that make it.
fn named(project: &Project, members: &[Member], circle: &[usize]) -> Circle {
    let links = circle.iter().enumerate().filter_map(|(at, number)| {
        let member = &members[*number];
        let next = &members[circle[(at + 1) % circle.len()]].target;
        let need = member.set.needs.iter().find(|need| need.target == *next)?;
        let file = project.recipe(&member.target.recipe)?;
        let selection = matrix::selection(&member.target, project.catalogue());
        Some(Link {
            path: file.path.clone(),
            text: file.text.clone(),
            span: file.place_of(&selection, &need.key, &need.requirement).unwrap_or_default(),
            from: member.target.clone(),
            to: next.clone(),
        })
    });
    Circle { links: links.collect() }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::project::Selection;

    /// A folder of recipes, each with what it adds to the least that a recipe says.
    fn folder(recipes: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, rest) in recipes {
            let place = folder.path().join("recipes").join(name);
            std::fs::create_dir_all(&place).unwrap();
            let matrix =
                if rest.contains("[matrix") { "" } else { "[matrix]\ndistros = [\"debian-12\", \"debian-13\"]\n" };
            let build = if rest.contains("[build]") { "" } else { "[build]\n" };
            let text = format!(
                "[package]\nname = \"{name}\"\nversion = \"1.0\"\nsummary = \"A pond\"\nlicense = \"MIT\"\n\
                 maintainer = \"T <t@example.org>\"\n{build}{rest}\n{matrix}"
            );
            std::fs::write(place.join("farm.toml"), text.replace("[build]\n", "[build]\ninstall = \"x\"\n")).unwrap();
        }
        folder
    }

    fn complete_in(folder: &Path, recipes: &[&str], targets: &[&str]) -> Result<Vec<String>, ProjectError> {
        let targets = targets.iter().map(|target| (*target).to_owned()).collect();
        completed(folder, recipes, &Selection { targets, ..Selection::default() })
    }

    fn completed(folder: &Path, recipes: &[&str], selection: &Selection) -> Result<Vec<String>, ProjectError> {
        let recipes: Vec<PathBuf> = recipes.iter().map(PathBuf::from).collect();
        let project = Project::load(folder, &recipes, &Default::default())?;
        let selected = project.select(selection, Arch::Amd64)?;
        let cache = folder.join("cache");
        let mut recipes = Recipes::new(&project, &cache, false);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let members = runtime.block_on(complete(&selected, &mut recipes))?;
        let shown =
            |member: &Member| format!("{}{}", member.target, if member.only_needed { " for others" } else { "" });
        Ok(members.iter().map(shown).collect())
    }

    #[test]
    fn distributions_of_the_command_line_stand_in_for_those_of_all_matrices() {
        let split = "[matrix]\ndistros = [\"debian-12\"]\nexclude = [\"debian-13\"]\n[matrix.variants.plain]\n";
        let folder = folder(&[("pond", ""), ("reed", NEEDS_POND), ("heron", split)]);
        let on = |distros: &[&str], targets: &[&str], recipe: &str| {
            let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
            let selection = Selection { distros: owned(distros), targets: owned(targets), ..Selection::default() };
            completed(folder.path(), &[recipe], &selection)
        };
        // What it needs of its set is built there, too, though no matrix has it.
        let reeds = ["pond@fedora-44/x86_64 for others", "reed@fedora-44/x86_64"];
        assert_eq!(on(&["fedora-44"], &[], "reed").unwrap(), reeds);
        assert_eq!(on(&["*"], &["fedora-44"], "reed").unwrap(), reeds);
        // All that are named are meant, in their order; variants stay, what the matrix excludes does not count.
        assert_eq!(
            on(&["debian-13", "debian-12"], &[], "heron").unwrap(),
            ["heron+plain@debian-13/amd64", "heron+plain@debian-12/amd64"]
        );
        let Err(ProjectError::Request { message, help }) = on(&["fedora44"], &[], "pond") else { panic!() };
        assert_eq!(message, "unknown distribution `fedora44`");
        assert!(help.unwrap().starts_with("did you mean `fedora-44`?"));
        let Err(ProjectError::NothingMatched { message, .. }) = on(&["debian-13"], &["debian-12"], "pond") else {
            panic!()
        };
        assert_eq!(message, "no target matches -t debian-12 --distro debian-13");
    }

    const NEEDS_POND: &str = "requires = [\"pond\"]";

    #[test]
    fn choosing_one_recipe_takes_in_what_it_needs_of_its_set_and_nothing_else() {
        let folder = folder(&[("heron", "requires = [\"reed\"]"), ("pond", ""), ("reed", NEEDS_POND), ("words", "")]);
        let all = ["pond@debian-12/amd64 for others", "reed@debian-12/amd64 for others", "heron@debian-12/amd64"];
        assert_eq!(complete_in(folder.path(), &["heron"], &["debian-12"]).unwrap(), all);
        assert_eq!(complete_in(folder.path(), &[], &["heron@debian-12"]).unwrap(), all);
        // The recipe of the folder that one stands in has the same set.
        let own = folder.path().join("recipes/heron");
        assert_eq!(complete_in(&own, &[], &["debian-12"]).unwrap(), all);
        // Asked for, too: it comes where it is needed, and is what was asked for.
        assert_eq!(
            complete_in(folder.path(), &[], &["heron@debian-12", "pond@*"]).unwrap(),
            [
                "pond@debian-12/amd64",
                "reed@debian-12/amd64 for others",
                "heron@debian-12/amd64",
                "pond@debian-13/amd64"
            ]
        );
    }

    #[test]
    fn a_recipe_that_is_built_once_or_has_the_variant_serves_its_like() {
        let arches = "[matrix]\ndistros = [\"debian-12\"]\narches = [\"amd64\", \"arm64\"]\n";
        let variants = format!("{arches}[matrix.variants.a]\nx = \"1\"\n[matrix.variants.b]\nx = \"2\"\n");
        let folder = folder(&[
            ("heron", &format!("requires = [\"pond\", \"words\", \"reed\"]\n{variants}")),
            ("pond", &variants),
            ("reed", arches),
            ("words", arches),
        ]);
        let words = folder.path().join("recipes/words/farm.toml");
        let text = std::fs::read_to_string(&words).unwrap();
        std::fs::write(&words, text.replace("[build]", "architecture = \"all\"\n[build]")).unwrap();
        assert_eq!(
            complete_in(folder.path(), &["heron"], &["*/arm64+b"]).unwrap(),
            [
                "pond+b@debian-12/arm64 for others",
                "words@debian-12/amd64 for others",
                "reed@debian-12/arm64 for others",
                "heron+b@debian-12/arm64"
            ]
        );
    }

    #[test]
    fn a_recipe_of_the_set_that_is_wrong_harms_only_those_who_ask_for_it() {
        let folder = folder(&[("heron", ""), ("pond", "nonsense = 1")]);
        assert_eq!(complete_in(folder.path(), &["heron"], &["debian-12"]).unwrap(), ["heron@debian-12/amd64"]);
        assert!(matches!(complete_in(folder.path(), &[], &["heron@*"]), Err(ProjectError::Recipes(_))));
    }
}
