//! What the package worlds want, as pure functions: package manager -> commands (`apt`, `dnf`, `zypper`), package
//! format -> packaging files, build script, result patterns (`deb`, `rpm`). Nothing here runs anything.
//!
//! The recipe's scripts run with `-eu` in the top of the source tree and find in their environment, in every format:
//! `DESTDIR` (install only), `PREFIX` and `LIBDIR` (`/usr`, and the target's library folder, `/usr/lib64`), the distribution's compiler flags
//! (`CFLAGS`, `LDFLAGS`, ...), the job's parallelism (`FARM_PARALLEL`; `MAKEFLAGS`, `CARGO_BUILD_JOBS` and
//! `CMAKE_BUILD_PARALLEL_LEVEL` are set from it), `FARM_NAME`, `FARM_VERSION`, `FARM_DISTRO`, `FARM_FORMAT`,
//! `FARM_VARIANT_<NAME>`, and `[build] env`.

mod answers;
mod assembly;
mod caches;
mod check;
mod contract;
mod copyright;
mod deb;
mod foreign;
mod kept;
mod licences;
mod maintainer;
mod managers;
mod members;
mod model;
mod modules;
mod offers;
mod own;
pub(crate) mod rebuild;
mod rpm;
mod scriptlets;
mod source;
mod spec;
mod staged;
mod step_environment;
mod style;
mod suite;
mod system;
mod target_recipe;
mod text;
pub(crate) mod traced;
mod unpack;
pub(crate) mod unused;
pub(crate) mod varied;
mod words;

use std::collections::BTreeMap;

use crate::distro::{Bootstrap, Distro};
use crate::formats::relation;
use crate::recipe::Recipe;
use crate::types::{Arch, Format, SharedText};

pub use answers::{Answer, Answered, Answers, answered};
pub(crate) use answers::{Question, Replaced, has_capabilities, questions};
pub(crate) use assembly::{assembly_env, libdir};
pub(crate) use caches::{CACHES_ROOT, CacheQuestion, cache_questions, cache_use};
use managers::manager;
use model::{
    LIFE, RESULTS, TEST_PACKAGES, TestScripts, build_top, changelog_entries, probe, script_variables, source_folder,
    source_top,
};

pub(crate) use foreign::{Search, SpecWish, key as wish_key, spec_macros, wishes};
pub(crate) use kept::{can_go_on, going_on};
pub(crate) use licences::common_licence;
pub(crate) use maintainer::{SystemFiles, UnitFile, maintainer_depends, maintainer_scripts};
pub(crate) use managers::takes_names_only;
pub(crate) use members::{FormerLinks, former_config_files, former_links, with_former_links};
pub(crate) use model::{
    AssembledPackage, Assembly, BUILD_ROOT, BUILD_UID, BUILD_USER, EXIT_INCOMPLETE, EXIT_NETWORK, EXIT_OF_FORMER,
    EXIT_UNSATISFIABLE, EXTRA_FIRST, EXTRA_LAST, EXTRA_REPOSITORY, EnvironmentProbe, FETCH_ONLY, FETCHED_PACKAGES,
    FORMER_PACKAGES, GuestFile, Mirrors, PHASE_TOKEN, Requirements, SET_REPOSITORY, STAGED_LICENCES, STAGED_ROOT,
    SourceLayout, SourceTests, Step, TestSetup, UpgradeSetup,
};
pub use model::{BuilderSetup, ExpectedPackage, OFFERED_PACKAGES, Packaging, StepKind, User};
pub(crate) use modules::MODULES_ROOT;
pub(crate) use offers::{Offer, Wish, names_in, offers};
pub(crate) use source::{
    builder as source_builder, check as check_source, packaging as source, recipe as source_recipe,
};
pub(crate) use staged::{MANIFEST_NAME, MANIFEST_VARIABLE, MadeBy, made_by};
pub(crate) use step_environment::enter;
pub(crate) use suite::{EXIT_STDERR, KEEP_TREE, KEPT_TREE, TESTS_ROOT, is_for_root};
pub use target_recipe::TargetRecipe;
pub(crate) use text::quote;
pub(crate) use traced::{TRACED_FOLDER, TracedScript};
pub use varied::Factor;

/// The builder image of a job. Mirrors end up in the script's environment ([`network_env`]), never in a key: two
/// mirrors of one archive hold the same.
pub fn builder(recipe: &TargetRecipe, distro: &Distro) -> BuilderSetup {
    (manager(distro.manager).builder)(recipe, distro)
}

/// The image that a linter runs in, which `packages` of the distribution have.
pub(crate) fn linter(distro: &Distro, packages: &[String]) -> BuilderSetup {
    (manager(distro.manager).linter)(distro, packages)
}

/// The environment that scripts with network run in: where the mirrors are (`FARM_MIRROR_DEBIAN=…`), non-interactive.
pub fn network_env(distro: &Distro, mirrors: &Mirrors) -> BTreeMap<String, String> {
    let of_manager = manager(distro.manager).env.iter();
    let mut env: BTreeMap<_, _> = of_manager.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for (archive, _) in distro.bootstrap.iter().flat_map(Bootstrap::archives) {
        if let Some(url) = mirrors.get(archive) {
            // What runs there may print it, and whoever made a package that is installed there may read it.
            env.insert(mirror_variable(archive), url.public());
        }
    }
    env
}

/// Says to a script with network that archives are read as they were once, past the end of their validity.
pub const HELD: &str = "FARM_HELD";

fn mirror_variable(archive: &str) -> String {
    let name = archive.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    format!("FARM_MIRROR_{}", name.collect::<String>())
}

/// What a builder's or tester's script asks apt for, where that is from a mirror of farm's choice: what others can have
/// unpacked before. `env` is the script's.
pub fn asked_of_apt<'a>(setup: &'a BuilderSetup, distro: &Distro, env: &BTreeMap<String, String>) -> &'a [String] {
    let from_mirror = distro.bootstrap.as_ref().is_some_and(|b| env.contains_key(&mirror_variable(&b.archive)));
    match &setup.requirements {
        Requirements::Listed(asked) | Requirements::FromSource { toolchain: asked, .. }
            if manager(distro.manager).by_name_only && from_mirror =>
        {
            asked
        }
        _ => &[],
    }
}

/// Packaging files, steps and results of a job. `source_date_epoch` fixes changelog
/// dates and SOURCE_DATE_EPOCH (when the recipe does not, the runner passes the newest time in the sources).
///
/// What must be the same when a job is built again are the packages themselves (.deb, .rpm, .src.rpm). A .buildinfo
/// records when and where it was made, and a .changes its checksum.
pub(crate) fn generate(recipe: &TargetRecipe, distro: &Distro, source_date_epoch: i64) -> Packaging {
    let packaging = match distro.format {
        Format::Deb => deb::packaging(recipe, distro, source_date_epoch),
        Format::Rpm => rpm::packaging(recipe, distro, rpm::Stage::All, source_date_epoch),
    };
    modules::with_modules(caches::with_caches(packaging, recipe), recipe)
}

/// The version of the packages as their format writes it: `1:2.10-1~deb12`, `1:2.10-1.el9`. None where the project's own
/// packaging says it and was not read.
pub(crate) fn version(recipe: &Recipe, distro: &Distro) -> Option<String> {
    match (distro.format, is_own(recipe, distro.format)) {
        (_, true) => own::version(recipe, distro),
        (Format::Deb, false) => Some(deb::version(recipe, distro)),
        (Format::Rpm, false) => Some(rpm::version(recipe, distro)),
    }
}

/// Whether packages of a format are made by the project's own packaging.
pub(crate) fn is_own(recipe: &Recipe, format: Format) -> bool {
    match format {
        Format::Deb => recipe.packaging.debian.is_some(),
        Format::Rpm => recipe.packaging.spec.is_some(),
    }
}

/// As [`generate`], where farm makes the packages itself: steps that leave an installed tree, for an image with nothing
/// but a shell.
pub(crate) fn staging(recipe: &TargetRecipe, distro: &Distro, source_date_epoch: i64) -> Packaging {
    let packaging = assembly::packaging(recipe, distro, source_date_epoch);
    modules::with_modules(caches::with_caches(packaging, recipe), recipe)
}

pub(crate) fn environment_probe(recipe: &TargetRecipe, format: Format) -> EnvironmentProbe {
    assembly::probe(recipe, format)
}

/// The packages to make of the tree that [`staging`] leaves.
pub(crate) fn assembly(recipe: &TargetRecipe, distro: &Distro, source_date_epoch: i64) -> Assembly {
    assembly::assembly(recipe, distro, source_date_epoch)
}

/// What the environment of a build step says of the target and the machine: `FARM_ARCH`, in the words of the format, and
/// that the step may run `processes` at a time. Not part of [`Packaging`], which targets of all architectures share and
/// which must not change with the machine.
pub(crate) fn step_env(format: Format, arch: Arch, processes: usize) -> BTreeMap<String, String> {
    let (name, value) = match format {
        Format::Deb => ("DEB_BUILD_OPTIONS", format!("parallel={processes}")),
        Format::Rpm => ("RPM_BUILD_NCPUS", processes.to_string()),
    };
    [("FARM_ARCH", arch.for_format(format).to_owned()), (name, value)]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

fn installed_check(distro: &Distro) -> SharedText {
    let begin = format!("set -eu\nexport LC_ALL=C\nfarm_packages={TEST_PACKAGES}\nfarm_format={}\n", distro.format);
    SharedText::from(begin).with(manager(distro.manager).check)
}

/// The install test of a job. `stand_ins` are those of [`Answered`].
pub(crate) fn test(recipe: &TargetRecipe, distro: &Distro, stand_ins: &[String]) -> TestSetup {
    let scripts = (manager(distro.manager).test)(recipe, distro, stand_ins);
    let TestScripts { tester, install, reinstall, remove, upgrade, source_tests } = scripts;
    let mut env = script_variables(recipe, distro);
    env.insert("LC_ALL".to_owned(), "C.UTF-8".to_owned());
    env.insert("HOME".to_owned(), "/root".to_owned());
    TestSetup {
        packages: TEST_PACKAGES.to_owned(),
        tester,
        install,
        check: installed_check(distro),
        test: recipe
            .test
            .as_ref()
            .and_then(|test| test.script.as_ref())
            .map(|script| format!("set -eu\n{}", text::body(script))),
        reinstall,
        remove,
        env,
        upgrade,
        network: recipe.test.as_ref().is_some_and(|test| test.network),
        source_tests,
    }
}

/// Packages that a recipe replaces whole, in all versions, each with the place that says so.
pub(crate) fn replaced_whole(recipe: &Recipe) -> Vec<(String, &str)> {
    let lists = check::relation_lists(recipe).into_iter().filter(|(place, _)| place.ends_with(" replaces"));
    let whole = lists.flat_map(|(place, list)| list.iter().map(move |relation| (place.clone(), relation.trim())));
    whole.filter(|(_, relation)| !relation::has_version(relation)).collect()
}

/// What cannot be written in a target's format, or is unsafe in it, as sentences; empty when all is well.
/// `builder`: the distribution that it is built on; none where that is an image that is taken as it is.
pub(crate) fn check(recipe: &TargetRecipe, distro: &Distro, builder: Option<&Distro>) -> Vec<String> {
    let mut problems = check::check(recipe, distro);
    problems.extend(caches::check(recipe, builder));
    problems
}

#[cfg(test)]
mod tests;
