//! zypper: how an openSUSE base image gets build requirements, and how built .rpms are installed and removed to test
//! them.

use crate::distro::Distro;
use crate::recipe::Recipe;

use super::text::quote;
use super::{BuilderSetup, FETCHED_PACKAGES, SET_REPOSITORY, TEST_PACKAGES, rpm};

const LIBRARY: &str = include_str!("scripts/zypper.sh");

pub(super) fn builder(recipe: &Recipe, distro: &Distro) -> BuilderSetup {
    rpm::builder(recipe, distro, "zypper", &preamble(distro))
}

fn preamble(distro: &Distro) -> String {
    format!(
        "set -eu\nfarm_fetched={FETCHED_PACKAGES}\nfarm_set={SET_REPOSITORY}\nfarm_repositories={}\n{LIBRARY}",
        quote(&distro.enable_repositories.join(" "))
    )
}

/// Install and remove scripts. Without network if what is in the base is enough: rpm itself can tell.
pub(super) fn test(recipe: &Recipe, distro: &Distro) -> (String, String) {
    let requires = rpm::test_requires(recipe);
    let install = format!(
        "{}farm_packages={TEST_PACKAGES}\nset -- {}\n{}",
        preamble(distro),
        rpm::arguments(&requires),
        include_str!("scripts/zypper-test.sh"),
    );
    let remove = format!(
        "{}zypper --non-interactive --no-refresh --disable-repositories remove $names\n{}",
        rpm::removal_preamble(),
        include_str!("scripts/rpm-remove.sh")
    );
    (install, remove)
}
