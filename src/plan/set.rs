//! Recipes that need each other: which requirement of a target is met by which other target of its set, and in which
//! order the targets come. Pure; which recipes make up a set, and which of their targets there are, is the caller's.
//!
//! A requirement is met within the set first, by a package's name, by what it provides, or by the .pc file that a
//! pattern of its plainly gives it. One that the recipe itself meets means the distribution's package: a compiler needs
//! a compiler.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use crate::distro::Distro;
use crate::matrix::Target;
use crate::packaging::{self, Offer, Wish};
use crate::recipe::Recipe;
use crate::types::Format;

/// That a target takes a package of another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Need {
    pub(crate) target: Target,
    pub(crate) kind: NeedKind,
    /// As the recipe writes it, and where: `build.requires`, `packages.dev.requires`.
    pub(crate) requirement: String,
    pub(crate) key: String,
    /// The package that meets it, by its name in the target's format.
    pub(crate) package: String,
}

/// When a package of the set is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NeedKind {
    /// To build.
    Build,
    /// To test what was built.
    Test,
    /// To be installed.
    Run,
}

impl NeedKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            NeedKind::Build => "build",
            NeedKind::Test => "test",
            NeedKind::Run => "run",
        }
    }
}

/// A recipe of the set, seen from a distribution, architecture and variant.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    pub(crate) recipe: String,
    /// None: it is not built there.
    pub(crate) target: Option<Target>,
    pub(crate) offers: Vec<Offer>,
}

/// The recipes of a set, seen from one place.
#[derive(Debug, Default)]
pub(crate) struct Providers {
    providers: Vec<Provider>,
    /// Provider and offer, in the set's order.
    by_name: HashMap<String, Vec<(usize, usize)>>,
}

/// What a set means for a target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resolution {
    pub(crate) needs: Vec<Need>,
    /// For people: where the set has the name, but the distribution's package is taken.
    pub(crate) warnings: Vec<String>,
    /// What the set makes impossible, as sentences.
    pub(crate) problems: Vec<String>,
}

impl Providers {
    pub(crate) fn new(providers: Vec<Provider>) -> Providers {
        let mut by_name: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
        for (number, provider) in providers.iter().enumerate() {
            for (offer, Offer { name, .. }) in provider.offers.iter().enumerate() {
                by_name.entry(name.clone()).or_default().push((number, offer));
            }
        }
        Providers { providers, by_name }
    }

    fn of_name<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a Provider, &'a Offer)> + use<'a> {
        let found = self.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        found.iter().map(|(provider, offer)| {
            let provider = &self.providers[*provider];
            (provider, &provider.offers[*offer])
        })
    }
}

/// All that a recipe's packages can be required by on a distribution. RPMs that are built on a Debian base are known to
/// requirements of builds and tests, which are in Debian's words there, by the name of the Debian package, too.
pub(crate) fn offers(recipe: &Recipe, distro: &Distro) -> Vec<Offer> {
    let mut offers = packaging::offers(recipe, distro);
    if distro.is_foreign() {
        offers.extend(packaging::names_in(recipe, distro, Format::Deb));
    }
    offers
}

/// What a target needs of its set.
pub(crate) fn resolve(target: &Target, recipe: &Recipe, distro: &Distro, providers: &Providers) -> Resolution {
    let own = offers(recipe, distro);
    let mut resolution = Resolution::default();
    for (key, name) in packaging::replaced_whole(recipe) {
        let goes_on = providers.of_name(name).find(|(provider, offer)| {
            provider.recipe != target.recipe && provider.target.is_some() && offer.name == offer.package
        });
        if let Some((provider, _)) = goes_on {
            resolution.problems.push(format!(
                "{key}: `{name}` is a package that {} goes on making, and would be removed: say which versions had the \
                 files, `{name} (<< VERSION)`",
                provider.recipe
            ));
        }
    }
    for (kind, key, requirement) in requirements(recipe) {
        let wish = Wish::new(requirement, recipe, distro, target.arch);
        if own.iter().any(|offer| wish.accepts(offer)) {
            continue;
        }
        let candidates: Vec<(&Provider, &Offer)> = wish
            .names()
            .flat_map(|name| providers.of_name(name))
            .filter(|(provider, _)| provider.recipe != target.recipe)
            .collect();
        let fits = candidates.iter().filter(|(provider, offer)| provider.target.is_some() && wish.accepts(offer));
        // A package of that name goes before one that stands in for it.
        match fits.min_by_key(|(_, offer)| offer.name != offer.package) {
            Some((provider, offer)) => {
                let Some(target) = provider.target.clone() else { continue };
                let (requirement, package) = (requirement.to_owned(), offer.package.clone());
                resolution.needs.push(Need { target, kind, requirement, key, package });
            }
            None => {
                let why = candidates.first().map(|(provider, offer)| match (&provider.target, &offer.version) {
                    (None, _) => format!("{} makes it, but not for this target", provider.recipe),
                    (Some(_), Some(version)) if !version.is_empty() => {
                        format!("{} makes version {version}", provider.recipe)
                    }
                    (Some(_), _) => format!("{} says no version of it", provider.recipe),
                });
                resolution.warnings.extend(
                    why.map(|why| format!("{key} has `{requirement}`: {why}, so the distribution's package is taken")),
                );
            }
        }
    }
    resolution
}

/// Every requirement that another recipe may meet, with its kind and its place.
fn requirements(recipe: &Recipe) -> impl Iterator<Item = (NeedKind, String, &str)> {
    let test = recipe.test.as_ref().map(|test| test.requires.as_slice()).unwrap_or_default();
    let build = recipe.build.requires.iter().map(|one| (NeedKind::Build, "build.requires".to_owned(), one.as_str()));
    let test = test.iter().map(|one| (NeedKind::Test, "test.requires".to_owned(), one.as_str()));
    let parts = recipe.packages.iter().map(|(name, part)| (format!("packages.{name}"), &part.relations));
    let packages = std::iter::once(("package".to_owned(), &recipe.package.relations)).chain(parts);
    let run = packages.flat_map(|(table, relations)| {
        let of = |key: &str, list| (format!("{table}.{key}"), list);
        [of("requires", &relations.requires), of("pre-requires", &relations.pre_requires)]
    });
    let run = run.flat_map(|(key, list)| list.iter().map(move |one| (NeedKind::Run, key.clone(), one.as_str())));
    build.chain(test).chain(run)
}

/// The recipe as the target's package manager is to see it, if that is another: what only the set can install is no
/// business of the distribution's archive.
pub(crate) fn left_to_archive(recipe: &Recipe, distro: &Distro, needs: &[Need]) -> Option<Recipe> {
    let rewrite = |kind: NeedKind, list: &[String]| -> Vec<String> {
        let taken = |requirement: &String| {
            needs.iter().find(|need| need.kind == kind && need.requirement == *requirement).map(|need| &need.package)
        };
        list.iter()
            .filter_map(|requirement| match taken(requirement) {
                // rpm installs it, not apt.
                Some(_) if distro.is_foreign() => None,
                // apt knows packages, not what they hold.
                Some(package) if packaging::takes_names_only(distro) && is_capability(requirement) => {
                    Some(package.clone())
                }
                _ => Some(requirement.clone()),
            })
            .collect()
    };
    let mut seen = recipe.clone();
    seen.build.requires = rewrite(NeedKind::Build, &recipe.build.requires);
    if let Some(test) = &mut seen.test {
        test.requires = rewrite(NeedKind::Test, &test.requires);
    }
    // What an .rpm requires at the user's is rpm's business.
    if distro.format == Format::Deb {
        let parts = seen.packages.values_mut().map(|part| &mut part.relations);
        for relations in parts.chain(std::iter::once(&mut seen.package.relations)) {
            for list in [&mut relations.requires, &mut relations.pre_requires] {
                *list = rewrite(NeedKind::Run, list);
            }
        }
    }
    (seen != *recipe).then_some(seen)
}

fn is_capability(requirement: &str) -> bool {
    let name = requirement.split([' ', '|']).next().unwrap_or_default();
    name.starts_with('/') || name.contains('(')
}

/// Puts targets into an order in which each comes after what it needs, and otherwise where it stood. `needs` holds, for
/// each, the indices of others.
///
/// # Errors
/// A circle: each of its targets needs the next one, and the last the first.
pub(crate) fn order(needs: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Visit {
        New,
        /// On the way that is being followed.
        Open,
        Placed,
    }
    let mut states = vec![Visit::New; needs.len()];
    let mut order = Vec::with_capacity(needs.len());
    for start in 0..needs.len() {
        // The way from `start`, with how many needs of each have been looked at. Not recursion: chains may be long.
        let mut way: Vec<(usize, usize)> = Vec::new();
        if states[start] == Visit::New {
            states[start] = Visit::Open;
            way.push((start, 0));
        }
        while let Some((at, looked)) = way.last_mut() {
            match needs[*at].get(*looked) {
                None => {
                    states[*at] = Visit::Placed;
                    order.push(*at);
                    way.pop();
                }
                Some(need) => {
                    *looked += 1;
                    match states[*need] {
                        Visit::Placed => {}
                        Visit::New => {
                            states[*need] = Visit::Open;
                            way.push((*need, 0));
                        }
                        Visit::Open => {
                            let circle = way.iter().map(|(at, _)| *at).skip_while(|at| at != need);
                            return Err(circle.collect());
                        }
                    }
                }
            }
        }
    }
    Ok(order)
}

/// For each job, in which step of the order it can begin at the earliest: 0 when it needs no other. Jobs of one step do
/// not need each other.
pub(crate) fn steps(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut steps = vec![0; needs.len()];
    for at in order(needs).unwrap_or_default() {
        steps[at] = needs[at].iter().map(|need| steps[*need] + 1).max().unwrap_or(0);
    }
    steps
}

/// The indices of what each target of a list needs, among the same list.
pub(crate) fn edges<'a>(targets: impl Iterator<Item = (&'a Target, &'a [Need])> + Clone) -> Vec<Vec<usize>> {
    let numbers: HashMap<&Target, usize> = targets.clone().enumerate().map(|(at, (target, _))| (target, at)).collect();
    let of = |needs: &[Need]| -> Vec<usize> {
        let found: BTreeSet<usize> = needs.iter().filter_map(|need| numbers.get(&need.target).copied()).collect();
        found.into_iter().collect()
    };
    targets.map(|(_, needs)| of(needs)).collect()
}

#[cfg(test)]
mod tests;
