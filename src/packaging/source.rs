//! Source packages: a .dsc with its tarballs and its .changes, made by dpkg-source, or a .src.rpm, made by `rpmbuild -bs`.
//! The packaging in them is the one that binary packages are built with, so that whoever has the source package needs no
//! farm. As sbuild and mock do, nothing is installed for it but the distribution's toolchain.

use crate::distro::Distro;
use crate::recipe::{Origin, Recipe};
use crate::types::Format;

use super::managers::manager;
use super::text::quote;
use super::{
    BUILD_ROOT, BuilderSetup, Packaging, RESULTS, SourceLayout, TargetRecipe, deb, rpm, source_folder, staged,
    step_environment, unpack,
};

/// Where sources lie as they were fetched, and patches.
const ORIGINALS: &str = "/build/originals";

/// A recipe as it is for its source package: what concerns the place of a build is left out.
pub(crate) fn recipe(recipe: &TargetRecipe) -> TargetRecipe {
    recipe.with(|recipe| {
        recipe.environment = None;
        recipe.build.cache.clear();
        recipe.build.network &= recipe.packaging.prepare.is_some();
    })
}

/// What keeps it from having a source package, as sentences.
pub(crate) fn check(recipe: &TargetRecipe, distro: &Distro) -> Vec<String> {
    let mut problems = super::check(recipe, distro, None);
    if !recipe.modules.is_empty() {
        problems.push(
            "[modules]: the modules that lock files pin are no part of a source package, and nobody could build it without \
             them: vendor them into the project's sources, or publish the packages of `farm build` alone"
                .to_owned(),
        );
    }
    problems
}

/// The builder image. Where a script makes the sources, that has what the recipe requires.
pub(crate) fn builder(recipe: &TargetRecipe, distro: &Distro) -> BuilderSetup {
    if recipe.packaging.prepare.is_some() {
        return super::builder(recipe, distro);
    }
    let bare = recipe.with(|recipe| {
        recipe.build.requires.clear();
        recipe.packaging.debian = None;
        recipe.packaging.spec = None;
    });
    (manager(distro.manager).builder)(&bare, distro)
}

/// As [`super::generate`], for the source package.
pub(crate) fn packaging(recipe: &TargetRecipe, distro: &Distro, source_date_epoch: i64) -> Packaging {
    let mut packaging = match distro.format {
        Format::Deb => deb::packaging(recipe, distro, source_date_epoch),
        Format::Rpm => rpm::packaging(recipe, distro, rpm::Stage::Source, source_date_epoch),
    };
    // No binary package comes of it, and nothing is installed.
    packaging.expected.clear();
    for step in &mut packaging.steps {
        step.env.remove(staged::MANIFEST_VARIABLE);
    }
    if distro.format == Format::Deb {
        let folder = source_folder(recipe);
        for step in &mut packaging.steps {
            step.script = deb_script(recipe, distro, &folder, source_date_epoch);
        }
        packaging.sources = SourceLayout::Originals { folder: ORIGINALS.to_owned(), tree: folder };
    }
    packaging
}

/// One exec: the packaging is put into the tree, and dpkg-source and dpkg-genchanges are run.
fn deb_script(recipe: &Recipe, distro: &Distro, folder: &str, source_date_epoch: i64) -> String {
    let mut script = format!("set -eu\numask 022\n{}", step_environment::phase_function());
    script.push_str(&super::probe(&["dpkg-source", "dpkg-genchanges", "tar", "gzip"], "dpkg-dev"));
    let patches = unpack::patches(recipe);
    let is_own = recipe.packaging.debian.is_some();
    // What a script has made of the tree is the source, patches and all.
    let is_prepared = recipe.packaging.prepare.is_some();
    let is_series = !is_own && patches.iter().all(unpack::Patch::is_plain);
    // Their names are plain words.
    let names = patches.iter().map(|patch| patch.name.as_str()).collect::<Vec<_>>().join(" ");
    let all = if is_prepared { String::new() } else { names };
    let series = if is_series { all.clone() } else { String::new() };
    if is_prepared {
        script.push_str(&format!("cd {}\n", quote(folder)));
        if !patches.is_empty() {
            script.push_str(&unpack::apply_from(&patches, ORIGINALS));
        }
    } else if !patches.is_empty() {
        script.push_str(&format!("farm_patches() {{\n{}}}\n", unpack::apply_from(&patches, ORIGINALS)));
    }
    script.push_str(&format!("cd {}\n", quote(folder)));
    script.push_str(&deb::packaging_files(recipe, distro, folder, source_date_epoch));
    script.push_str(&format!(
        "phase package\noriginals={ORIGINALS} results={RESULTS} root={BUILD_ROOT} epoch={source_date_epoch} \
         is_download={} is_own={}\nseries={} patches={}\n",
        if is_one_download(recipe) { "yes" } else { "" },
        if is_own { "yes" } else { "" },
        quote(&series),
        quote(&all)
    ));
    script.push_str(include_str!("scripts/deb-source.sh"));
    script
}

/// Whether all of the tree comes from one archive as it is: then that is the orig tarball.
fn is_one_download(recipe: &Recipe) -> bool {
    let [source] = &recipe.sources[..] else { return false };
    let is_whole = source.strip == 1 && [".", ""].contains(&source.into.as_str());
    is_whole && matches!(source.origin, Origin::Urls { .. }) && recipe.packaging.prepare.is_none()
}
