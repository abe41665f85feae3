//! Toolchain words: what every distribution has, under a name of its own. What has the same name everywhere (`make`,
//! `cargo`, `cmake`, `meson`, `gettext`, …) needs no word: it is a package name like any other.

use crate::distro::PackageManager;

/// A word, and the packages that it stands for.
pub(super) struct Word {
    pub(super) word: &'static str,
    apt: &'static [&'static str],
    dnf: &'static [&'static str],
    zypper: &'static [&'static str],
    /// Every build on Debian has it: build-essential is never asked for (Policy 4.2).
    pub(super) essential_on_apt: bool,
}

/// Published in `docs/recipe.md`.
const WORDS: [Word; 6] = [
    // Debian's compiler only recommends the C library's headers.
    Word { word: "cc", apt: &["gcc", "libc6-dev"], dnf: &["gcc"], zypper: &["gcc"], essential_on_apt: true },
    Word { word: "c++", apt: &["g++"], dnf: &["gcc-c++"], zypper: &["gcc-c++"], essential_on_apt: true },
    Word {
        word: "fortran",
        apt: &["gfortran"],
        dnf: &["gcc-gfortran"],
        zypper: &["gcc-fortran"],
        essential_on_apt: false,
    },
    Word { word: "go", apt: &["golang-go"], dnf: &["golang"], zypper: &["go"], essential_on_apt: false },
    Word { word: "rust", apt: &["rustc"], dnf: &["rust"], zypper: &["rust"], essential_on_apt: false },
    Word { word: "ninja", apt: &["ninja-build"], dnf: &["ninja-build"], zypper: &["ninja"], essential_on_apt: false },
];

impl Word {
    pub(super) fn find(name: &str) -> Option<&'static Word> {
        WORDS.iter().find(|word| word.word == name)
    }

    pub(super) fn packages(&self, manager: PackageManager) -> &'static [&'static str] {
        match manager {
            PackageManager::Apt => self.apt,
            PackageManager::Dnf => self.dnf,
            PackageManager::Zypper => self.zypper,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `| word | apt | dnf | zypper |`, as the reference has it.
    #[test]
    fn the_reference_has_this_table() {
        let reference = include_str!("../../docs/recipe.md");
        for word in &WORDS {
            let cells = PackageManager::ALL.map(|manager| {
                let names: Vec<String> = word.packages(manager).iter().map(|name| format!("`{name}`")).collect();
                names.join(", ")
            });
            let row = format!("| `{}` | {} |", word.word, cells.join(" | "));
            assert!(reference.contains(&row), "docs/recipe.md lacks the row {row}");
        }
    }
}
