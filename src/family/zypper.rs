//! zypper: how an openSUSE base image gets build requirements, and how built .rpms are installed and removed to test
//! them.

use crate::distro::Distro;
use crate::recipe::Recipe;

use super::text::{quote, quote_all};
use super::{BuilderSetup, TEST_PACKAGES, rpm};

const LIBRARY: &str = include_str!("scripts/zypper.sh");

pub(super) fn builder(recipe: &Recipe, distro: &Distro) -> BuilderSetup {
    rpm::builder(recipe, distro, "zypper", &preamble(distro))
}

fn preamble(distro: &Distro) -> String {
    format!(
        "set -eu\nfarm_cache={}\nfarm_repositories={}\n{LIBRARY}",
        super::apt::CACHE,
        quote(&distro.enable_repositories.join(" "))
    )
}

/// Install and remove scripts. Without network if what is in the base is enough: rpm itself can tell.
pub(super) fn test(recipe: &Recipe, distro: &Distro) -> (String, String) {
    let requires = rpm::test_requires(recipe);
    let install = format!(
        "{}zypper_begin\nset -- {}\n\
         zypper_offline=--disable-repositories\n\
         if [ $# -gt 0 ] || ! rpm -U --test --nosignature {TEST_PACKAGES}/*.rpm >/dev/null 2>&1; then\n    \
         zypper_offline=\n    zypper_update\n    zypper_install \"$@\"\nfi\n\
         if ! zypper_run $zypper_offline --no-refresh install --no-recommends --allow-unsigned-rpm {TEST_PACKAGES}/*.rpm \
         2>&1 | tee \"$zypper_home/install.log\" || ! rpm -q $(rpm -qp --nosignature --qf '%{{NAME}}\\n' {TEST_PACKAGES}/*.rpm) >/dev/null; then\n    \
         sed -n \"s/^.*nothing provides '*\\([^']*\\)'* needed by .*$/farm: unsatisfiable: \\1/p\" \"$zypper_home/install.log\" | sort -u\n    \
         echo 'farm: the packages cannot be installed: see above' >&2\n    exit 11\nfi\nzypper_keep\n",
        preamble(distro),
        quote_all(requires.iter().map(String::as_str)),
    );
    let remove = format!(
        "{}zypper --non-interactive --no-refresh --disable-repositories remove $names\n{}",
        rpm::removal_preamble(),
        include_str!("scripts/rpm-remove.sh")
    );
    (install, remove)
}
