//! Package managers: one descriptor each, so that nobody else asks which one it is. A new one is a file here, its scripts,
//! its row in [`Manager::of`] and in `distro::PackageManager`.

mod apt;
mod dnf;
mod rpm_on_debian;
mod zypper;

use super::{BuilderSetup, TestScripts};
use crate::distro::{Distro, PackageManager};
use crate::recipe::Recipe;

/// What farm knows of a package manager beside its format (`PackageManager::format`).
pub(crate) struct Manager {
    /// Toolchain words, and the packages that they stand for.
    words: &'static [(&'static str, &'static [&'static str])],
    /// The words that every build has without asking.
    pub(super) essential: &'static [&'static str],
    /// Whether it knows packages by name only. farm reads the archive itself then: for what a capability is called there, and
    /// for packages to unpack ahead of it.
    pub(super) by_name_only: bool,
    /// The environment of scripts that run it.
    pub(super) env: &'static [(&'static str, &'static str)],
    /// A script that looks at what is installed, with what the package manager knows of it.
    pub(super) check: &'static str,
    /// The builder image of a job.
    pub(super) builder: fn(&Recipe, &Distro) -> BuilderSetup,
    /// The last are [`super::Answered::stand_ins`].
    pub(super) test: fn(&Recipe, &Distro, &[String]) -> TestScripts,
}

impl Manager {
    pub(crate) fn of(manager: PackageManager) -> &'static Manager {
        match manager {
            PackageManager::Apt => &apt::MANAGER,
            PackageManager::Dnf => &dnf::MANAGER,
            PackageManager::Zypper => &zypper::MANAGER,
        }
    }

    /// The packages that a toolchain word stands for.
    pub(super) fn packages(&self, word: &str) -> &'static [&'static str] {
        self.words.iter().find(|(known, _)| *known == word).map_or(&[], |(_, packages)| packages)
    }
}

/// Whether requirements have to be names of packages, for the distribution's package manager.
pub fn takes_names_only(distro: &Distro) -> bool {
    Manager::of(distro.manager).by_name_only
}
