//! Targets with all that a plan needs to know of them: their recipes, their sets, their sources, what archives answer.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use super::capabilities::{self, Answered};
use super::metadata::Recipes;
use super::set::{self, Member};
use super::{ProjectError, Selected, Unread};
use crate::archive::mirror::{self, Mirror};
use crate::archive::{Archives, Reader};
use crate::distro::{Distro, LintPlace};
use crate::fetch::{FetchError, Fetcher};
use crate::matrix::Target;
use crate::packaging::{Answers, Mirrors};
use crate::plan::TargetInputs;
use crate::plan::set::left_to_archive;
use crate::recipe::{Dockerfile, EnvironmentOrigin, RecipeFile, RecipeId, SharedRecipe, Source};
use crate::source::{self, Context, Registries, Sources};

/// How projects, sources and archives are read.
#[derive(Debug, Clone)]
pub struct Access {
    /// farm's own folder, which nobody else can write to.
    pub cache: PathBuf,
    /// Downloads indexes of archives.
    pub fetcher: Fetcher,
    /// URLs by the name of an archive. They go before the host's own apt sources and the distributions' public mirrors.
    pub mirrors: BTreeMap<String, String>,
    /// Whether capabilities are looked up in indexes that are older than the archive's signed Release file.
    pub stale_contents: bool,
    /// Environment variables by which the tools of languages find their configuration, as `HOME`, `CARGO_HOME` and
    /// `GOPROXY`: where modules are fetched from. Without any, from the public registries.
    pub variables: BTreeMap<String, String>,
    /// Former states that archives are held at.
    pub(crate) held: Held,
}

/// What locks hold archives at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    /// The sums of InRelease files, by archive and suite.
    pub(super) suites: BTreeMap<(String, String), String>,
    /// What identifies the bases that are made of them, by `debian-12/amd64`.
    pub(super) bases: BTreeMap<String, String>,
}

impl Access {
    /// With the mirrors of this host and of the distributions. Everything in `cache` is trusted: it has to be farm's own.
    ///
    /// # Errors
    /// When this process can make no client for HTTP.
    pub fn new(cache: PathBuf) -> Result<Access, FetchError> {
        let (mirrors, variables) = (BTreeMap::new(), BTreeMap::new());
        Ok(Access { cache, fetcher: Fetcher::new()?, mirrors, stale_contents: false, variables, held: Held::default() })
    }

    /// The archives of these distributions, and of all for which a mirror is named.
    pub fn archives<'a>(&self, distros: impl IntoIterator<Item = &'a Distro>) -> Archives {
        self.archives_at(self.mirrors(distros))
    }

    /// The mirror of each archive of these distributions, and of all for which one is named.
    pub fn mirrors<'a>(&self, distros: impl IntoIterator<Item = &'a Distro>) -> BTreeMap<String, Mirror> {
        mirror::choose(&distros.into_iter().collect::<Vec<_>>(), &self.mirrors)
    }

    /// How sources and modules are fetched, with these mirrors.
    pub(crate) fn sources(&self, mirrors: Mirrors) -> Sources {
        let registries = Registries::from_variables(&self.variables);
        Sources { cache: self.cache.clone(), fetcher: self.fetcher.clone(), mirrors, registries }
    }

    fn archives_at(&self, mirrors: BTreeMap<String, Mirror>) -> Archives {
        let reader = Reader { fetcher: self.fetcher.clone(), cache: self.cache.clone() };
        let archives = Archives::new(reader, mirrors).with_stale_contents(self.stale_contents);
        archives.held_at(self.held.suites.clone())
    }
}

/// Targets with their inputs, in the order of building: each after what it needs of its set.
#[derive(Debug)]
pub struct Resolved {
    pub(super) targets: Vec<TargetInputs>,
    /// By `debian-12/amd64`.
    pub(super) answers: BTreeMap<String, Arc<Answers>>,
    pub(super) unread: Vec<Unread>,
    pub(super) blocked: BTreeMap<Target, String>,
    pub(super) notes: Vec<String>,
    pub(super) archives: Archives,
    /// `mirror://NAME/…` may name an archive of any distribution, whatever is built for.
    pub(super) mirrors: Mirrors,
    /// [`Held::bases`]
    pub(super) held_bases: BTreeMap<String, String>,
}

impl Selected<'_> {
    /// Finds out what the targets are made of: overrides applied, those added that they need, the project asked for what
    /// recipes leave to it (with `snapshot`, for the versions of trees as they are now), sources fingerprinted, archives
    /// asked for capabilities.
    ///
    /// # Errors
    /// What is wrong with recipes and their sources. An archive that cannot be read is none: see [`Resolved::unread`].
    pub async fn resolve(&self, access: &Access, snapshot: bool) -> Result<Resolved, ProjectError> {
        let project = self.project;
        let targets = inputs(self, access, snapshot).await?;
        let distros = targets.iter().flat_map(TargetInputs::distros).map(Arc::as_ref);
        let mirrors = access.mirrors(distros.chain(project.catalogue().iter().map(Arc::as_ref)));
        let archives = access.archives_at(mirrors.clone());
        let Answered { answers, unread, blocked, notes } = capabilities::answers(project, &targets, &archives).await?;
        let mirrors = mirrors.into_iter().map(|(name, mirror)| (name, mirror.url)).collect();
        let held_bases = access.held.bases.clone();
        Ok(Resolved { targets, answers, unread, blocked, notes, archives, mirrors, held_bases })
    }
}

impl Resolved {
    /// The targets, each with what its job is made of.
    pub fn targets(&self) -> &[TargetInputs] {
        &self.targets
    }

    /// What the archive of a target's distribution has answered to its recipe's questions.
    pub fn answers(&self, target: &TargetInputs) -> &Answers {
        static NONE: Answers = Answers::new();
        self.answers.get(&target.place()).map_or(&NONE, |answers| answers)
    }

    /// Archives that cannot be read, with what is therefore open. A plan can be made without; what is built without an answer
    /// that it needs ends at once (see [`Resolved::complete`]).
    pub fn unread(&self) -> &[Unread] {
        &self.unread
    }

    /// What was noticed on the way, as sentences for people.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

async fn inputs(selected: &Selected<'_>, access: &Access, snapshot: bool) -> Result<Vec<TargetInputs>, ProjectError> {
    let project = selected.project;
    let mut recipes = Recipes::new(project, &access.cache, snapshot);
    let members = set::complete(selected, &mut recipes).await?;
    let mut ids = recipes.into_ids();
    let mut digests = Digests::default();
    // Targets for which the same of a recipe comes from its set share a recipe, too.
    let mut with_set: HashMap<WithSet, SharedRecipe> = HashMap::new();
    let mut inputs = Vec::with_capacity(members.len());
    for Member { target, recipe, distro, mut set, only_needed } in members {
        let Some(file) = project.recipe(&target.recipe) else { continue };
        let source_digest = digests.of_sources(file, &recipe)?;
        let (environment_distro, context_digest) =
            match recipe.environment.as_ref().map(|environment| &environment.origin) {
                // Nothing is built.
                _ if target.source => (None, None),
                // `matrix` has checked that there is one.
                Some(EnvironmentOrigin::Distro(id)) => (project.catalogue().get(id).cloned(), None),
                Some(EnvironmentOrigin::Dockerfile(dockerfile)) => {
                    (None, Some(digests.of_context(file, &recipe, dockerfile)?))
                }
                Some(EnvironmentOrigin::Image(_)) | None => (None, None),
            };
        let lint_distro = match &distro.lint {
            Some(LintPlace::On(id)) => project.catalogue().get(id).cloned(),
            _ => None,
        };
        let source_date_epoch = recipe.package.date;
        let recipe = if set.needs.is_empty() {
            recipe
        } else {
            let taken = set.needs.iter().map(|need| (need.requirement.clone(), need.package.clone())).collect();
            let key = WithSet { recipe: recipe.id(), distro: distro.id.clone(), taken };
            let new = || match left_to_archive(&recipe, &distro, &set.needs) {
                Some(seen) => ids.share(seen),
                None => recipe.clone(),
            };
            with_set.entry(key).or_insert_with(new).clone()
        };
        if set::needs_nothing(&target, &recipe) {
            set.needs.clear();
        }
        inputs.push(TargetInputs {
            target,
            source_date_epoch,
            recipe,
            distro,
            source_digest,
            set,
            only_needed,
            environment_distro,
            context_digest,
            lint_distro,
        });
    }
    Ok(inputs)
}

/// A recipe on a distribution, and what it takes of its set: requirement and package.
#[derive(Debug, PartialEq, Eq, Hash)]
struct WithSet {
    recipe: RecipeId,
    distro: String,
    taken: Vec<(String, String)>,
}

/// Digests of sources and build contexts. Targets of one recipe share them unless an override says otherwise.
#[derive(Debug, Default)]
struct Digests {
    sources: HashMap<String, Vec<(Vec<Source>, String)>>,
    contexts: HashMap<String, Vec<(Dockerfile, String)>>,
}

impl Digests {
    fn of_sources(&mut self, file: &RecipeFile, recipe: &SharedRecipe) -> Result<String, ProjectError> {
        let known = self.sources.entry(file.name.clone()).or_default();
        if let Some((_, digest)) = known.iter().find(|(sources, _)| *sources == recipe.sources) {
            return Ok(digest.clone());
        }
        let digest = source::fingerprint(&recipe.root, &recipe.sources);
        let digest = digest.map_err(|source| ProjectError::source(file, source))?;
        known.push((recipe.sources.clone(), digest.clone()));
        Ok(digest)
    }

    fn of_context(
        &mut self,
        file: &RecipeFile,
        recipe: &SharedRecipe,
        dockerfile: &Dockerfile,
    ) -> Result<String, ProjectError> {
        let known = self.contexts.entry(file.name.clone()).or_default();
        if let Some((_, digest)) = known.iter().find(|(other, _)| other == dockerfile) {
            return Ok(digest.clone());
        }
        let digest = Context::of(&recipe.root, dockerfile).and_then(|context| context.digest());
        let digest = digest.map_err(|source| ProjectError::source(file, source))?;
        known.push((dockerfile.clone(), digest.clone()));
        Ok(digest)
    }
}

/// The inputs of a project's default matrix.
#[cfg(test)]
pub(super) async fn for_test(project: &super::Project, cache: &std::path::Path) -> Vec<TargetInputs> {
    let selection = super::Selection { matrix: Some("default".to_owned()), ..super::Selection::default() };
    let selected = project.select(&selection, crate::types::Arch::Amd64).unwrap();
    let access = Access::new(cache.to_owned()).unwrap();
    inputs(&selected, &access, false).await.unwrap()
}
