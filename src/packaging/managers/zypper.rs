//! zypper: how an openSUSE base image gets build requirements, and how built .rpms are installed and removed to test
//! them.

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
        ("fortran", &["gcc-fortran"]),
        ("go", &["go"]),
        ("rust", &["rust"]),
        ("ninja", &["ninja"]),
    ],
    essential: &[],
    by_name_only: false,
    env: &[],
    check: include_str!("../scripts/rpm-check.sh"),
    builder,
    test,
};

const LIBRARY: &str = include_str!("../scripts/zypper.sh");

fn builder(recipe: &Recipe, distro: &Distro) -> BuilderSetup {
    rpm::builder(recipe, distro, "zypper", &preamble(distro))
}

fn preamble(distro: &Distro) -> String {
    format!(
        "set -eu\nfarm_fetched={FETCHED_PACKAGES}\nfarm_set={SET_REPOSITORY}\nfarm_repositories={}\n{LIBRARY}",
        quote(&distro.enable_repositories.join(" "))
    )
}

/// Install and remove scripts. Without network if what is in the base is enough: rpm itself can tell.
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
            include_str!("../scripts/zypper-test.sh"),
            include_str!("../scripts/rpm-fresh.sh")
        ),
        remove: format!(
            "{}zypper --non-interactive --no-refresh --disable-repositories remove $names\n{}",
            rpm::removal_preamble(),
            include_str!("../scripts/rpm-remove.sh")
        ),
        upgrade: UpgradeSetup {
            tester: None,
            former: format!("{begin}{}", include_str!("../scripts/rpm-former.sh")),
            upgrade: format!(
                "{begin}farm_keep=yes\nzypper_begin\nzypper_repositories=$zypper_home/none\n\
                 printf '[farm-new]\\nname=farm-new\\nbaseurl=dir:{TEST_PACKAGES}\\nenabled=1\\ngpgcheck=0\\nrepo_gpgcheck=0\\n' \
                 >\"$zypper_repositories/farm-new.repo\"\n\
                 farm_resolve() {{\n    zypper_run refresh\n    zypper_run update --no-recommends\n}}\n{}",
                include_str!("../scripts/rpm-upgrade.sh")
            ),
        },
    }
}
