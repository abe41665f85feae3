//! What a recipe's packages can be required by in a target's format, and whether a requirement is met by it. For a
//! project's own packaging only what its recipe says of it: the names of `[package]` and `[packages]`, and `provides`.

use crate::distro::Distro;
use crate::formats::relation::{self, Alternative};
use crate::formats::version;
use crate::recipe::Recipe;
use crate::types::{Arch, Format};

use super::members::{default_name, members};

/// A name that something can be required by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) name: String,
    /// As the format writes it. None: any version will do, because it is not known before the build.
    pub(crate) version: Option<String>,
    /// The package to install for it.
    pub(crate) package: String,
}

/// A requirement of a recipe, as far as it concerns an architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    alternatives: Vec<Alternative>,
    /// The full version of the recipe that requires, for `${self-version}`.
    own_version: String,
    format: Format,
}

/// The full version of a recipe's packages: `1:2.10-1~deb12`.
fn full_version(recipe: &Recipe, distro: &Distro) -> String {
    match distro.format {
        Format::Deb => super::deb::version(recipe, distro),
        Format::Rpm => super::rpm::version(recipe, distro),
    }
}

/// Everything that the packages of a recipe can be required by on a distribution.
pub(crate) fn offers(recipe: &Recipe, distro: &Distro) -> Vec<Offer> {
    let own = match distro.format {
        Format::Deb => recipe.packaging.debian.is_some(),
        Format::Rpm => recipe.packaging.spec.is_some(),
    };
    let version = (!own).then(|| full_version(recipe, distro));
    let mut offers = Vec::new();
    for member in members(recipe, distro.format) {
        let mut offer = |name: String, version: Option<String>| {
            offers.push(Offer { name, version, package: member.name.clone() });
        };
        offer(member.name.clone(), version.clone());
        for provided in &member.relations.provides {
            for alternative in relation::alternatives(provided) {
                // What is provided without a version meets no requirement that has one, in either format.
                let provided = match alternative.constraint {
                    None => Some(String::new()),
                    Some((_, own)) if own == relation::SELF_VERSION => version.clone(),
                    Some((_, version)) => Some(version),
                };
                offer(alternative.name, provided);
            }
        }
        for pattern in member.files {
            if let Some(module) = pattern.rsplit('/').next().and_then(|file| file.strip_suffix(".pc"))
                && !module.is_empty()
                && !module.contains(['*', '?', '[', '$'])
            {
                offer(format!("pkgconfig({module})"), None);
            }
        }
    }
    offers
}

/// The other name of each package of a recipe: builds of RPMs on a Debian base require in Debian's words.
pub(crate) fn names_in(recipe: &Recipe, distro: &Distro, format: Format) -> Vec<Offer> {
    let here = members(recipe, distro.format);
    let main = &recipe.package.name;
    let keys = std::iter::once(None).chain(recipe.packages.iter().map(|(key, sub)| Some((key, sub))));
    here.iter()
        .zip(keys)
        .filter_map(|(member, key)| {
            let (key, sub) = key?;
            let name = match &sub.name {
                Some(_) => return None,
                None => default_name(main, key, format),
            };
            Some(Offer { name, version: None, package: member.name.clone() })
        })
        .filter(|offer| offer.name != offer.package)
        .collect()
}

impl Wish {
    /// Reads a requirement of `recipe`; what cannot be read, or is for another architecture, wants nothing.
    pub(crate) fn new(requirement: &str, recipe: &Recipe, distro: &Distro, arch: Arch) -> Wish {
        let mut alternatives = relation::alternatives(requirement);
        alternatives.retain(|alternative| alternative.applies_to(arch));
        Wish { alternatives, own_version: full_version(recipe, distro), format: distro.format }
    }

    /// The names that would do, the first being the preferred one.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.alternatives.iter().map(|alternative| alternative.name.as_str())
    }

    /// Whether an offer of this name is of a version that will do.
    pub(crate) fn accepts(&self, offer: &Offer) -> bool {
        let Some(offered) = &offer.version else { return self.names().any(|name| name == offer.name) };
        let fits = |alternative: &&Alternative| match &alternative.constraint {
            None => true,
            Some(_) if offered.is_empty() => false,
            Some((comparison, wanted)) => {
                let wanted = wanted.replace(relation::SELF_VERSION, &self.own_version);
                comparison.holds(version::compare(self.format, offered, &wanted))
            }
        };
        self.alternatives.iter().filter(|alternative| alternative.name == offer.name).any(|one| fits(&one))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::distro::Catalogue;
    use crate::matrix;
    use crate::recipe::RecipeFile;

    const LIBRARY: &str = "[package]\nname = \"libpond\"\nversion = \"1.2\"\nsummary = \"A pond\"\nlicense = \"MIT\"\n\
        maintainer = \"T <t@example.org>\"\nprovides = [\"pond\", \"pond-api (= 3)\", \"cmake(Pond) = ${self-version}\"]\n\
        [build]\ninstall = \"make install\"\n\
        [packages.dev]\nfiles = [\"/usr/include/**\", \"${libdir}/pkgconfig/pond.pc\", \"/usr/share/*.pc\"]\n\
        [matrix]\ndistros = [\"debian-12\", \"fedora-43\", \"rpm-generic\"]\n";

    fn on(distro: &str) -> (std::sync::Arc<Recipe>, std::sync::Arc<Distro>) {
        let catalogue = Catalogue::load(&[]).unwrap();
        let file = RecipeFile::parse(Path::new("libpond/farm.toml"), LIBRARY.as_bytes()).unwrap();
        let targets = matrix::expand(&file, "default", &catalogue, Arch::Amd64).unwrap();
        let target = targets.into_iter().find(|target| target.distro == distro).unwrap();
        let recipe = file
            .merged(&matrix::selection(&target, &catalogue), &Default::default())
            .unwrap()
            .without_project()
            .unwrap();
        (std::sync::Arc::new(recipe), catalogue.get(distro).unwrap().clone())
    }

    fn shown(offers: &[Offer]) -> Vec<String> {
        let one =
            |offer: &Offer| format!("{} {} <- {}", offer.name, offer.version.as_deref().unwrap_or("?"), offer.package);
        offers.iter().map(one).collect()
    }

    #[test]
    fn packages_are_offered_by_name_by_what_they_provide_and_by_what_they_plainly_ship() {
        let (recipe, debian) = on("debian-12");
        assert_eq!(
            shown(&offers(&recipe, &debian)),
            [
                "libpond 1.2-1~deb12 <- libpond",
                "pond  <- libpond",
                "pond-api 3 <- libpond",
                "cmake(Pond) 1.2-1~deb12 <- libpond",
                "libpond-dev 1.2-1~deb12 <- libpond-dev",
                "pkgconfig(pond) ? <- libpond-dev",
            ]
        );
        let (recipe, fedora) = on("fedora-43");
        assert!(shown(&offers(&recipe, &fedora)).contains(&"libpond-devel 1.2-1.fc43 <- libpond-devel".to_owned()));
        let (recipe, generic) = on("rpm-generic");
        assert_eq!(shown(&names_in(&recipe, &generic, Format::Deb)), ["libpond-dev ? <- libpond-devel"]);
    }

    #[test]
    fn versions_are_compared_as_the_format_does() {
        let (recipe, debian) = on("debian-12");
        let accepts = |requirement: &str| {
            let wish = Wish::new(requirement, &recipe, &debian, Arch::Amd64);
            offers(&recipe, &debian).iter().any(|offer| wish.accepts(offer))
        };
        for requirement in [
            "libpond",
            "libpond (>= 1.2)",
            "libpond:any",
            "nothing | libpond-dev",
            "pond",
            "pond-api (>= 2)",
            "libpond (= ${self-version})",
            "libpond [amd64]",
            "libpond <!nocheck>",
            "pkgconfig(pond) >= 9",
            "cmake(Pond) >= 1.2",
        ] {
            assert!(accepts(requirement), "{requirement}");
        }
        for requirement in [
            "libpond (>= 1.3)",
            "libpond (= 1.2)",
            "pond (>= 1)",
            "pond-api (= 2)",
            "libpond [arm64]",
            "libpond [!amd64]",
            "libpond <stage1>",
            "libpool",
        ] {
            assert!(!accepts(requirement), "{requirement}");
        }
        let (recipe, fedora) = on("fedora-43");
        let accepts = |requirement: &str| {
            let wish = Wish::new(requirement, &recipe, &fedora, Arch::Amd64);
            offers(&recipe, &fedora).iter().any(|offer| wish.accepts(offer))
        };
        assert!(accepts("libpond = 1.2") && accepts("libpond-devel >= 1.1") && !accepts("libpond > 1.2"));
    }
}
