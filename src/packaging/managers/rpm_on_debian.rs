//! RPMs built and tested on a Debian base with Debian's own `rpm`, for payloads that run on any distribution. The rpm
//! database of such a base is empty, so a test installs a package first that provides what the base really has.

use crate::recipe::Recipe;
use crate::types::SharedText;

use super::super::relation;
use super::super::text::quote;
use super::super::{
    BuilderSetup, EXTRA_REPOSITORY, FORMER_PACKAGES, LIFE, SET_REPOSITORY, TEST_PACKAGES, TestScripts, UpgradeSetup,
};

/// What files prove: `farm_capabilities ROOT`.
const CAPABILITIES: &str = include_str!("../scripts/rpm-capabilities.sh");

/// Says to rpm what Debian packages have: `farm_provide NAME WHAT`.
const PROVIDE: &str = include_str!("../scripts/rpm-provide.sh");

/// Adds to `"$@"` what these need of a recipe's repositories.
const EXTRA: &str = include_str!("../scripts/rpm-extra.sh");

/// Installs the shared libraries of Debian that `"$@"` need.
const LIBRARIES: &str = include_str!("../scripts/rpm-libraries.sh");

/// What compilers link with, and no development package of a recipe brings along.
const RUNTIMES: &str = "libgomp1 libatomic1 libgfortran5 libquadmath0 libobjc4 libgnat-12";

/// The end of the tester's setup script, after apt has installed `rpm`.
pub(super) fn shim(recipe: &Recipe) -> String {
    let relations =
        recipe.packages.values().map(|sub| &sub.relations).chain(std::iter::once(&recipe.package.relations));
    let mut wanted: Vec<String> = relations
        .flat_map(|relations| relations.requires.iter().chain(&relations.pre_requires))
        .flat_map(|r| relation::names(r))
        .filter(|name| relation::is_deb_name(name))
        .collect();
    wanted.sort();
    wanted.dedup();
    let script = include_str!("../scripts/rpm-shim.sh");
    format!("farm_wanted={}\n{CAPABILITIES}{PROVIDE}{script}", quote(&wanted.join(" ")))
}

/// The scripts of a test. Debian's rpm wants to be told that it is meant. `upgrader`: the image for upgrades, which has
/// Debian's dnf as a resolver; not for all of a test, as it has far more than the base. `apt`: the functions of apt.
pub(super) fn test(recipe: &Recipe, tester: BuilderSetup, upgrader: BuilderSetup, apt: SharedText) -> TestScripts {
    let variables = format!(
        "set -eu\nexport LC_ALL=C\nfarm_packages={TEST_PACKAGES}\nfarm_former={FORMER_PACKAGES}\n\
         farm_rpm='rpm --force-debian'\nfarm_extra={EXTRA_REPOSITORY}\n"
    );
    let begin = SharedText::from(variables.clone()).with(LIFE);
    let mut development: Vec<String> =
        recipe.build.requires.iter().flat_map(|r| relation::names(r)).filter(|name| name.ends_with("-dev")).collect();
    development.sort();
    development.dedup();
    let lists = format!("farm_development={}\nfarm_runtimes={}\n", quote(&development.join(" ")), quote(RUNTIMES));
    let packages = format!(
        "set -- {TEST_PACKAGES}/*.rpm\n[ ! -d {SET_REPOSITORY} ] || set -- \"$@\" {SET_REPOSITORY}/*.rpm\n{EXTRA}"
    );
    let install = apt.with(variables).with(LIFE).with(lists).with(packages).with(PROVIDE).with(LIBRARIES);
    let install = install.with("rpm --force-debian -Uv --nosignature \"$@\"\n");
    let dnf = "dnf -y --disableplugin=local --disablerepo='*' --setopt=reposdir=/none --releasever=1 --nogpgcheck \
               --setopt=install_weak_deps=False";
    let resolve = format!("farm_resolve() {{\n    {dnf} --repofrompath=farm-new,file://{TEST_PACKAGES} upgrade\n}}\n");
    let back = format!("farm_back() {{\n    {dnf} downgrade \"$@\"\n}}\n");
    TestScripts {
        tester: Some(tester),
        install: install.with(include_str!("../scripts/rpm-fresh.sh")),
        reinstall: begin.clone().with(include_str!("../scripts/rpm-reinstall.sh")),
        remove: super::super::rpm::removal_preamble()
            .with("rpm --force-debian -ev $names\n")
            .with(include_str!("../scripts/rpm-remove.sh")),
        upgrade: UpgradeSetup {
            tester: Some(upgrader),
            former: begin.clone().with(include_str!("../scripts/rpm-former.sh")),
            downgrade: begin.clone().with(back).with(include_str!("../scripts/rpm-downgrade.sh")),
            upgrade: begin.with(resolve).with(include_str!("../scripts/rpm-upgrade.sh")),
        },
        source_tests: None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    #[test]
    fn files_prove_capabilities_in_the_words_of_rpms_generators() {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in [
            (
                "usr/lib/x86_64-linux-gnu/pkgconfig/pond.pc",
                "prefix=/usr\nmajor = 1\nrelease=${major}.2\nName: Pond\nVersion: ${release}\n",
            ),
            ("usr/share/pkgconfig/no-version.pc", "Name: x\n"),
            ("usr/bin/python3.9", ""),
            ("usr/bin/python3.11", ""),
            ("usr/bin/python3", ""),
            (
                "usr/lib/python3/dist-packages/Deep_Pond-2.0.0.dist-info/METADATA",
                "Name: Deep_Pond\nVersion: 2.0.0\n\nName: no\n",
            ),
            (
                "usr/lib/python3/dist-packages/reed.egg-info/PKG-INFO",
                "Metadata-Version: 1.1\nName: reed\nVersion: 1.5rc1\n",
            ),
            ("usr/lib/python3/dist-packages/heron-10.egg-info", "Name: heron\nVersion: 10\n"),
            ("usr/lib/x86_64-linux-gnu/cmake/Pond/PondConfig.cmake", ""),
            ("usr/lib/x86_64-linux-gnu/cmake/Pond/PondConfigVersion.cmake", "set(PACKAGE_VERSION \"1.2.3\")\n"),
            ("usr/share/cmake/reed/reed-config.cmake", ""),
            ("usr/share/rubygems-integration/all/specifications/pond-tools-3.1.gemspec", ""),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let script = format!("set -eu\n{CAPABILITIES}farm_capabilities \"$1\"\n");
        let output = Command::new("sh").args(["-c", &script, "sh"]).arg(root.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            lines.lines().collect::<Vec<_>>(),
            [
                "pkgconfig(pond) = 1.2",
                "pkgconfig(no-version)",
                "python3dist(deep-pond) = 2",
                "python3.11dist(deep-pond) = 2",
                "python3dist(heron) = 10",
                "python3.11dist(heron) = 10",
                "python3dist(reed) = 1.5~rc1",
                "python3.11dist(reed) = 1.5~rc1",
                "cmake(Pond) = 1.2.3",
                "cmake(reed)",
                "rubygem(pond-tools) = 3.1",
            ]
        );
    }
}
