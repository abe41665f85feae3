//! dnf: how a base image of the Fedora family gets build requirements, and how built .rpms are installed and removed to
//! test them. Knows dnf 4 and dnf 5, and microdnf, tdnf and yum as ways to get dnf.

use super::descriptor::Manager;
use super::rpms::Words;

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
    opened: None,
    builder: |recipe, distro| WORDS.builder(recipe, distro),
    linter: |distro, packages| WORDS.linter(distro, packages),
    test: |recipe, distro, _| WORDS.test(recipe, distro),
};

static WORDS: Words = Words {
    name: "dnf",
    library: concat!(include_str!("../scripts/rpm-near.sh"), include_str!("../scripts/dnf.sh")),
    install: include_str!("../scripts/dnf-test.sh"),
    remove: "dnf -y --disablerepo='*' --setopt=clean_requirements_on_remove=False remove $names",
    resolve: |folder| {
        format!(
            "dnf_begin\nfarm_resolve() {{\n    dnf_run --disablerepo='*' \
             --repofrompath=farm-new,file://{folder} --setopt=farm-new.gpgcheck=False \
             --setopt=farm-new.metadata_expire=0 upgrade\n}}\n"
        )
    },
    back: "dnf_begin\nfarm_back() {\n    dnf_run --disablerepo='*' --setopt=localpkg_gpgcheck=False downgrade \"$@\"\n}\n",
};
