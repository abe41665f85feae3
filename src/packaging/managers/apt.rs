//! apt: how a base image gets build requirements, and how built .debs are installed and removed to test them.
//! Nothing of apt's own (lists, downloaded packages, configuration) stays in the image.

use std::sync::Arc;

use crate::distro::Distro;
use crate::recipe::Recipe;
use crate::types::{Format, SharedText};

use super::super::relation;
use super::super::text::{quote, quote_all};
use super::super::{
    BUILD_ROOT, BuilderSetup, EXTRA_REPOSITORY, FETCHED_PACKAGES, FORMER_PACKAGES, LIFE, OFFERED_PACKAGES,
    Requirements, SET_REPOSITORY, SourceTests, TEST_PACKAGES, TESTS_ROOT, TestScripts, UpgradeSetup, caches, deb,
    staged,
};
use super::descriptor::Manager;
use super::rpm_on_debian;

pub(super) static MANAGER: Manager = Manager {
    words: &[
        // Debian's compiler only recommends the C library's headers.
        ("cc", &["gcc", "libc6-dev"]),
        ("c++", &["g++"]),
        ("fortran", &["gfortran"]),
        ("go", &["golang-go"]),
        ("rust", &["rustc"]),
        ("ninja", &["ninja-build"]),
    ],
    // Every build on Debian has build-essential: it is never asked for (Policy 4.2).
    essential: &["cc", "c++"],
    by_name_only: true,
    env: &[("DEBIAN_FRONTEND", "noninteractive")],
    check: include_str!("../scripts/deb-check.sh"),
    opened: Some(include_str!("../scripts/apt-opened.sh")),
    builder,
    linter,
    test,
};

const LIBRARY: &str = include_str!("../scripts/apt.sh");
const USER: &str = include_str!("../scripts/user.sh");

/// What every build of this kind needs, whatever else its recipe asks for.
fn toolchain(recipe: &Recipe, distro: &Distro) -> Vec<String> {
    let mut packages = distro.build_packages.clone();
    match distro.format {
        // fakeroot: for packaging without `Rules-Requires-Root: no`, on dpkg before 1.22.
        Format::Deb if recipe.packaging.debian.is_some() => {
            packages.extend(["build-essential", "fakeroot"].map(str::to_owned));
        }
        Format::Deb => packages.extend(["build-essential".to_owned(), deb::debhelper_compat(distro)]),
        // find-debuginfo needs cpio, file and eu-strip, the generator of pkgconfig(…) pkg-config: Debian's rpm does not
        // depend on them.
        Format::Rpm => packages.extend(
            ["build-essential", "cpio", "debugedit", "elfutils", "file", "patch", "pkg-config", "rpm"]
                .map(str::to_owned),
        ),
    }
    packages.sort();
    packages.dedup();
    packages
}

fn builder(recipe: &Recipe, distro: &Distro) -> BuilderSetup {
    let toolchain = toolchain(recipe, distro);
    let mut listed = toolchain.clone();
    let control = (distro.format == Format::Deb).then_some(recipe.packaging.debian.as_ref()).flatten();
    if distro.format == Format::Deb && control.is_none() {
        listed.extend(staged::dh_python(recipe).map(str::to_owned));
    }
    listed.extend(caches::packages(recipe));
    listed.extend(recipe.build.requires.iter().filter_map(|r| relation::write(r, Format::Deb, "").ok()));
    listed.sort();
    listed.dedup();

    let preamble = preamble(distro).with(USER);
    let mut script = installing(&listed, distro);
    let toolchain = (control.is_some() || listed != toolchain).then(|| {
        let script = preamble.clone().with(installing(&toolchain, distro));
        Arc::new(BuilderSetup { requirements: Requirements::Listed(toolchain), script, toolchain: None })
    });
    if control.is_some() {
        if recipe.packaging.prepare.is_some() {
            // It may make the file, and then nothing but the recipe can say what is required.
            script.push_str(&format!("[ -f {BUILD_ROOT}/requirements/control ] || exit 0\n"));
        }
        script.push_str(&format!("apt_build_dep {BUILD_ROOT}/requirements/control\n"));
        script.push_str(&format!("rm -rf {BUILD_ROOT}/requirements\n"));
    }
    let requirements = match control {
        Some(folder) => Requirements::FromSource { path: format!("{folder}/control"), toolchain: listed },
        None => Requirements::Listed(listed),
    };
    BuilderSetup { requirements, script: preamble.with(script), toolchain }
}

fn linter(distro: &Distro, packages: &[String]) -> BuilderSetup {
    let listed = quote_all(packages.iter().map(String::as_str));
    let script = preamble(distro).with(format!("apt_begin\napt_no_man_index\napt_require {listed}\n"));
    BuilderSetup { requirements: Requirements::Listed(packages.to_vec()), script, toolchain: None }
}

fn installing(listed: &[String], distro: &Distro) -> String {
    let set_rpms = if distro.format == Format::Rpm { "apt_set_rpms\n" } else { "" };
    let listed = quote_all(listed.iter().map(String::as_str));
    format!("apt_begin\napt_no_man_index\napt_require {listed}\n{set_rpms}")
}

/// Variables and functions that every script with apt begins with.
fn preamble(distro: &Distro) -> SharedText {
    let mut variables: Vec<(&str, String)> =
        vec![("farm_offered", OFFERED_PACKAGES.to_owned()), ("farm_set", SET_REPOSITORY.to_owned())];
    variables.push(("farm_fetched", FETCHED_PACKAGES.to_owned()));
    variables.push(("farm_extra", EXTRA_REPOSITORY.to_owned()));
    let bootstrap = distro.bootstrap.as_ref();
    let suites = bootstrap.map(|b| {
        let mut suites = vec![b.suite.clone()];
        suites.extend(b.updates.iter().cloned());
        suites.join(" ")
    });
    let components = bootstrap.map(|b| {
        let mut components = b.components.clone();
        components.extend(distro.enable_repositories.iter().filter(|name| !b.components.contains(name)).cloned());
        components.join(" ")
    });
    let security = bootstrap.and_then(|b| b.security.as_ref());
    variables.push(("farm_archive", bootstrap.map(|b| b.archive.clone()).unwrap_or_default()));
    variables.push(("farm_suites", suites.unwrap_or_default()));
    variables.push(("farm_components", components.unwrap_or_default()));
    variables.push(("farm_security_archive", security.map(|s| s.archive.clone()).unwrap_or_default()));
    variables.push(("farm_security_suite", security.map(|s| s.suite.clone()).unwrap_or_default()));
    let tolerate = bootstrap.is_some_and(|b| b.tolerate_expired);
    variables.push(("farm_tolerate_expired", if tolerate { "yes" } else { "no" }.to_owned()));

    let mut script = "set -eu\n".to_owned();
    for (name, value) in variables {
        script.push_str(&format!("{name}={}\n", quote(&value)));
    }
    SharedText::from(script).with(LIBRARY).with(include_str!("../scripts/apt-fetch.sh"))
}

/// Where dpkg has packages, it knows the files: also on the base of `rpm-generic`, where rpm knows none.
fn test(recipe: &Recipe, distro: &Distro, stand_ins: &[String]) -> TestScripts {
    match distro.format {
        Format::Deb => test_deb(recipe, distro),
        Format::Rpm => {
            let tester = |more| tester_rpm(recipe, distro, stand_ins, more);
            rpm_on_debian::test(recipe, tester(&[]), tester(&["dnf"]), preamble(distro))
        }
    }
}

/// The scripts of a test for .debs.
fn test_deb(recipe: &Recipe, distro: &Distro) -> TestScripts {
    let requires = recipe.test.as_ref().map(|test| test.requires.as_slice()).unwrap_or_default();
    let names: Vec<String> = requires.iter().flat_map(|r| relation::names(r).into_iter().take(1)).collect();
    let packages = format!("farm_packages={TEST_PACKAGES}\nfarm_former={FORMER_PACKAGES}\n");
    let begin = preamble(distro).with(packages).with(LIFE);
    let fetched = begin.clone().with(include_str!("../scripts/apt-fetched.sh"));
    let requires = format!("set -- {}\n", quote_all(names.iter().map(String::as_str)));
    let remove = format!("set -eu\nexport LC_ALL=C DEBIAN_FRONTEND=noninteractive\nfarm_packages={TEST_PACKAGES}\n");
    TestScripts {
        tester: None,
        install: begin.clone().with(requires).with(include_str!("../scripts/apt-test.sh")),
        reinstall: SharedText::from(remove.clone()).with(LIFE).with(include_str!("../scripts/apt-reinstall.sh")),
        remove: SharedText::from(remove).with(LIFE).with(include_str!("../scripts/apt-remove.sh")),
        upgrade: UpgradeSetup {
            tester: None,
            former: fetched.clone().with(include_str!("../scripts/apt-former.sh")),
            upgrade: begin.clone().with(include_str!("../scripts/apt-upgrade.sh")),
            downgrade: fetched.with(include_str!("../scripts/apt-downgrade.sh")),
        },
        source_tests: recipe.packaging.debian.as_ref().map(|_| {
            let tests = format!("farm_tests={TESTS_ROOT}\n");
            SourceTests::new(recipe, begin.with(tests).with(include_str!("../scripts/apt-source-test.sh")))
        }),
    }
}

/// The tester image of RPMs on a Debian base: rpm itself, and a package that provides what the base really has.
/// `more`: other packages that it is to have.
fn tester_rpm(recipe: &Recipe, distro: &Distro, stand_ins: &[String], more: &[&str]) -> BuilderSetup {
    // rpm makes packages with .pc files require pkg-config.
    let mut wanted: Vec<String> = ["pkg-config", "rpm"].iter().chain(more).map(|name| (*name).to_owned()).collect();
    let requires = recipe.test.as_ref().map(|test| test.requires.as_slice()).unwrap_or_default();
    wanted.extend(requires.iter().flat_map(|r| relation::names(r).into_iter().take(1)));
    wanted.extend(stand_ins.iter().cloned());
    wanted.sort();
    wanted.dedup();
    let install = format!(
        "apt_begin\napt_require {}\n{}",
        quote_all(wanted.iter().map(String::as_str)),
        rpm_on_debian::shim(recipe),
    );
    let script = preamble(distro).with(install);
    BuilderSetup { requirements: Requirements::Listed(wanted), script, toolchain: None }
}
