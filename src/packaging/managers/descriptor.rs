//! What farm knows of a package manager.

use crate::distro::Distro;
use crate::packaging::{BuilderSetup, TestScripts};
use crate::recipe::Recipe;

/// What farm knows of a package manager beside its format (`PackageManager::format`).
pub(crate) struct Manager {
    /// Toolchain words, and the packages that they stand for.
    pub(super) words: &'static [(&'static str, &'static [&'static str])],
    /// The words that every build has without asking.
    pub(crate) essential: &'static [&'static str],
    /// Whether it knows packages by name only. farm reads the archive itself then: for what a capability is called there, and
    /// for packages to unpack ahead of it.
    pub(crate) by_name_only: bool,
    /// The environment of scripts that run it.
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// A script that looks at what is installed, with what the package manager knows of it.
    pub(crate) check: &'static str,
    /// A script that tells whose the files are that were opened, and what depends on what, as [`crate::packaging::unused`] reads
    /// it; none where that is not written.
    pub(crate) opened: Option<&'static str>,
    /// The builder image of a job.
    pub(crate) builder: fn(&Recipe, &Distro) -> BuilderSetup,
    /// The image that a linter runs in, which is in these packages.
    pub(crate) linter: fn(&Distro, &[String]) -> BuilderSetup,
    /// The last are those of [`crate::packaging::Answered`].
    pub(crate) test: fn(&Recipe, &Distro, &[String]) -> TestScripts,
}

impl Manager {
    /// The packages that a toolchain word stands for.
    pub(crate) fn packages(&self, word: &str) -> &'static [&'static str] {
        self.words.iter().find(|(known, _)| *known == word).map_or(&[], |(_, packages)| packages)
    }
}
