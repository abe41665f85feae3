//! dnf: how a base image of the Fedora family gets build requirements, and how built .rpms are installed and removed to
//! test them. Knows dnf 4 and dnf 5, and microdnf, tdnf and yum as ways to get dnf.

use crate::distro::Distro;
use crate::recipe::Recipe;

use super::super::text::quote;
use super::super::{
    BuilderSetup, FETCHED_PACKAGES, FORMER_PACKAGES, LIFE, SET_REPOSITORY, TEST_PACKAGES, TestScripts, UpgradeSetup,
    rpm,
};
use super::descriptor::Manager;

pub(super) static MANAGER: Manager = Manager {
    words: &[
        ("cc", &["gcc"]),
        ("c++", &["gcc-c++"]),
        ("fortran", &["gcc-gfortran"]),
        ("go", &["golang"]),
        ("rust", &["rust"]),
        ("ninja", &["ninja-build"]),
    ],
    essential: &[],
    by_name_only: false,
    env: &[],
    check: include_str!("../scripts/rpm-check.sh"),
    builder,
    test,
};

const LIBRARY: &str = include_str!("../scripts/dnf.sh");

fn builder(recipe: &Recipe, distro: &Distro) -> BuilderSetup {
    rpm::builder(recipe, distro, "dnf", &preamble(distro))
}

fn preamble(distro: &Distro) -> String {
    format!(
        "set -eu\nfarm_fetched={FETCHED_PACKAGES}\nfarm_set={SET_REPOSITORY}\nfarm_repositories={}\n{LIBRARY}",
        quote(&distro.enable_repositories.join(" "))
    )
}

/// Install and remove scripts. Without network if what is in the base is enough.
fn test(recipe: &Recipe, distro: &Distro, _: &[String]) -> TestScripts {
    let requires = rpm::test_requires(recipe);
    let begin = format!(
        "{}farm_packages={TEST_PACKAGES}\nfarm_former={FORMER_PACKAGES}\nfarm_rpm=rpm\n{LIFE}",
        preamble(distro)
    );
    TestScripts {
        tester: None,
        install: format!(
            "{begin}set -- {}\n{}{}",
            rpm::arguments(&requires),
            include_str!("../scripts/dnf-test.sh"),
            include_str!("../scripts/rpm-fresh.sh")
        ),
        remove: format!(
            "{}dnf -y --disablerepo='*' --setopt=clean_requirements_on_remove=False remove $names\n{}",
            rpm::removal_preamble(),
            include_str!("../scripts/rpm-remove.sh")
        ),
        upgrade: UpgradeSetup {
            tester: None,
            former: format!("{begin}{}", include_str!("../scripts/rpm-former.sh")),
            upgrade: format!(
                "{begin}farm_keep=yes\ndnf_begin\nfarm_resolve() {{\n    dnf_run --disablerepo='*' \
                 --repofrompath=farm-new,file://{TEST_PACKAGES} --setopt=farm-new.gpgcheck=False \
                 --setopt=farm-new.metadata_expire=0 upgrade\n}}\n{}",
                include_str!("../scripts/rpm-upgrade.sh")
            ),
        },
    }
}
