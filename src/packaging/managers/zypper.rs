//! zypper: how an openSUSE base image gets build requirements, and how built .rpms are installed and removed to test
//! them.

use super::descriptor::Manager;
use super::rpms::Words;

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
    opened: None,
    builder: |recipe, distro| WORDS.builder(recipe, distro),
    linter: |distro, packages| WORDS.linter(distro, packages),
    test: |recipe, distro, _| WORDS.test(recipe, distro),
};

static WORDS: Words = Words {
    name: "zypper",
    library: concat!(include_str!("../scripts/rpm-near.sh"), include_str!("../scripts/zypper.sh")),
    install: include_str!("../scripts/zypper-test.sh"),
    remove: "zypper --non-interactive --no-refresh --disable-repositories remove $names",
    resolve: |folder| {
        format!(
            "zypper_begin\nzypper_repositories=$zypper_home/none\n\
             printf '[farm-new]\\nname=farm-new\\nbaseurl=dir:{folder}\\nenabled=1\\ngpgcheck=0\\nrepo_gpgcheck=0\\n' \
             >\"$zypper_repositories/farm-new.repo\"\n\
             farm_resolve() {{\n    zypper_run refresh\n    zypper_run update --no-recommends\n}}\n"
        )
    },
    back: "zypper_begin\nzypper_repositories=$zypper_home/none\nfarm_back() {\n    zypper_run --no-refresh install --no-recommends \
           --allow-unsigned-rpm --oldpackage \"$@\"\n}\n",
};
