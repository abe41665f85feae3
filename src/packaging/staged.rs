//! What the generated packaging of both formats does with an installed tree before the distribution's tools touch it: it
//! is written down for the comparison with the packages, modes are remembered, and files that strip would damage are
//! taken out of its way.

use super::RESULTS;
use super::text::quote;
use crate::distro::Distro;
use crate::recipe::Recipe;
use crate::types::{Format, SharedText};

/// The environment variable that says where the manifest goes; without it, whoever builds the packages by hand gets none.
pub(crate) const MANIFEST_VARIABLE: &str = "FARM_MANIFEST";
/// What the files of the manifest are called among the results: `farm-manifest.tree`, `.sums`, `.packages`.
pub(crate) const MANIFEST_NAME: &str = "farm-manifest";

/// Gives files to packages.
pub(super) const ASSIGN: &str = concat!(include_str!("scripts/patterns.awk"), include_str!("scripts/assign.awk"));
/// Decides on modes and on what is not stripped.
pub(super) const STAGED: &str = concat!(include_str!("scripts/patterns.awk"), include_str!("scripts/staged.awk"));
/// Takes files out of the way of strip, or puts them back.
pub(super) const WHOLE: &str = include_str!("scripts/whole.sh");
/// Sets modes when all else is done.
pub(super) const MODES: &str = include_str!("scripts/modes.sh");
/// Shell functions that find what lies behind an ELF image.
pub(super) const ELF_BEHIND: &str = include_str!("scripts/elf-behind.sh");

pub(super) fn manifest() -> String {
    format!("{RESULTS}/{MANIFEST_NAME}")
}

/// Writes the manifest down.
pub(super) fn manifest_script() -> SharedText {
    let script = include_str!("scripts/manifest.sh");
    // The functions come before the first command.
    match script.split_once("set -eu\n") {
        Some((head, body)) => SharedText::from(head).with("set -eu\n").with(ELF_BEHIND).with("\n").with(body),
        None => script.into(),
    }
}

/// What is done in an image without packaging tools with a tree installed into `folder`; `whole` are patterns of files
/// that are not stripped.
pub(super) fn staged_script(folder: &str, whole: &[String]) -> String {
    let script = include_str!("scripts/staged.sh");
    // Prints a path that one of the patterns, which are separated by line feeds, takes.
    let program = format!(
        "{}\n{{ count = split(whole, pattern, \"\\n\")\n\
         for (n = 1; n <= count; n++) if ($0 ~ pattern_to_regex(in_libdir(pattern[n]))) {{ print; exit }} }}\n",
        include_str!("scripts/patterns.awk")
    );
    let patterns = if whole.is_empty() { String::new() } else { program };
    // awk reads escapes in what is assigned on its command line.
    let whole = whole.join("\n").replace('\\', "\\\\");
    format!("staged={folder} whole={} patterns={}\n{ELF_BEHIND}\n{script}", quote(&whole), quote(&patterns))
}

/// Which tools of a distribution make a recipe's packages: they do things with files by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MadeBy {
    /// `python` when dh_python3 is one of them, `helpers` when the recipe asks for others.
    Debhelper { python: bool, helpers: bool },
    /// `policy` where the distribution has a policy for what is installed (brp scripts).
    Rpmbuild { policy: bool },
}

/// None of a project's own packaging, whose files are its own business.
pub(crate) fn made_by(recipe: &Recipe, distro: &Distro) -> Option<MadeBy> {
    match distro.format {
        Format::Deb if recipe.packaging.debian.is_none() => {
            let is_helper = |requirement: &String| {
                let name = requirement.split([' ', '(']).next().unwrap_or_default();
                let known = ["dh-sequence-python3", "dh-python"].contains(&name);
                (name.starts_with("dh-sequence-") || name.starts_with("dh-")) && !known
            };
            let helpers = recipe.build.requires.iter().any(is_helper);
            Some(MadeBy::Debhelper { python: dh_python(recipe).is_some(), helpers })
        }
        Format::Rpm if recipe.packaging.spec.is_none() => Some(MadeBy::Rpmbuild { policy: !distro.is_foreign() }),
        _ => None,
    }
}

/// What finds the dependencies of Python code, for a recipe that has Python in its build: the build requirement by which
/// dh_python3(1) becomes a part of the sequence.
pub(super) fn dh_python(recipe: &Recipe) -> Option<&'static str> {
    const SEQUENCE: &str = "dh-sequence-python3";
    let is_python = |requirement: &String| requirement.starts_with("python3") || requirement == "dh-python";
    let requires = &recipe.build.requires;
    (requires.iter().any(is_python) || requires.iter().any(|r| r == SEQUENCE)).then_some(SEQUENCE)
}
