//! Toolchain words: what every distribution has, under a name of its own. What has the same name everywhere (`make`,
//! `cargo`, `cmake`, `meson`, `gettext`, …) needs no word: it is a package name like any other.

use crate::types::PackageManager;

use super::managers;

/// Published in `docs/recipe.md`, with what each package manager calls them.
const WORDS: [&str; 6] = ["cc", "c++", "fortran", "go", "rust", "ninja"];

/// A toolchain word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(&'static str);

impl Word {
    pub(super) fn find(name: &str) -> Option<Word> {
        WORDS.into_iter().find(|word| *word == name).map(Word)
    }

    /// The packages that it stands for.
    pub(super) fn packages(self, manager: PackageManager) -> &'static [&'static str] {
        managers::manager(manager).packages(self.0)
    }

    /// Whether every build has it anyway.
    pub(super) fn is_essential(self, manager: PackageManager) -> bool {
        managers::manager(manager).essential.contains(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `| word | apt | dnf | zypper |`, as the reference has it.
    #[test]
    fn the_reference_has_this_table() {
        let reference = include_str!("../../docs/recipe.md");
        for word in WORDS.map(Word) {
            let cells = PackageManager::ALL.map(|manager| {
                let names: Vec<String> = word.packages(manager).iter().map(|name| format!("`{name}`")).collect();
                assert!(!names.is_empty(), "{manager:?} has nothing for {word:?}");
                names.join(", ")
            });
            let row = format!("| `{}` | {} |", word.0, cells.join(" | "));
            assert!(reference.contains(&row), "docs/recipe.md lacks the row {row}");
        }
    }
}
