//! RPMs built and tested on a Debian base with Debian's own `rpm`, for payloads that run on any distribution. The rpm
//! database of such a base is empty, so a test installs a package first that provides what the base really has.

use crate::recipe::Recipe;

use super::relation;
use super::text::quote;
use super::{SET_REPOSITORY, TEST_PACKAGES};

/// The end of the tester's setup script, after apt has installed `rpm`.
pub(super) fn shim(recipe: &Recipe) -> String {
    let relations =
        recipe.packages.values().map(|sub| &sub.relations).chain(std::iter::once(&recipe.package.relations));
    let mut wanted: Vec<String> = relations
        .flat_map(|relations| relations.requires.iter())
        .flat_map(|r| relation::names(r))
        .filter(|name| relation::is_deb_name(name))
        .collect();
    wanted.sort();
    wanted.dedup();
    format!("farm_wanted={}\n{}", quote(&wanted.join(" ")), include_str!("scripts/rpm-shim.sh"))
}

/// Install and remove scripts. Debian's rpm wants to be told that it is meant.
pub(super) fn test() -> (String, String) {
    let install = format!(
        "set -eu\nexport LC_ALL=C\nset -- {TEST_PACKAGES}/*.rpm\n[ ! -d {SET_REPOSITORY} ] || set -- \"$@\" {SET_REPOSITORY}/*.rpm\n\
         rpm --force-debian -Uv --nosignature \"$@\"\n"
    );
    let remove = format!(
        "{}rpm --force-debian -ev $names\n{}",
        super::rpm::removal_preamble(),
        include_str!("scripts/rpm-remove.sh")
    );
    (install, remove)
}
