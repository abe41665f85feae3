//! Patches in the job's container. They are applied by farm's own few lines of shell in each format, because rpm's
//! `%patch` keeps to itself where a hunk went.

use crate::recipe::Recipe;

use super::BUILD_ROOT;
use super::text::quote;

/// One patch of a recipe: the name under which the runner uploads it, the folder of the tree that it applies in, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) name: String,
    into: String,
    strip: u32,
    fuzz: u32,
}

/// All patches in the order in which they apply.
pub(super) fn patches(recipe: &Recipe) -> Vec<Patch> {
    let all = recipe.sources.iter().flat_map(|source| source.patches.iter().map(move |patch| (source, patch)));
    all.enumerate()
        .map(|(index, (source, patch))| Patch {
            name: patch.file_name(index + 1),
            into: source.into.clone(),
            strip: patch.strip,
            fuzz: source.fuzz,
        })
        .collect()
}

/// Shell: the function that [`Patch::apply`] calls.
pub(super) const PATCH_FUNCTION: &str = include_str!("scripts/patch.sh");

impl Patch {
    /// Whether other tools apply it alike: dpkg-source knows only one way.
    pub(super) fn is_plain(&self) -> bool {
        [".", ""].contains(&self.into.as_str()) && self.strip == 1 && self.fuzz == 0
    }

    /// Shell that applies it in the tree that is the working directory, from `file`, a word of shell. A hunk may have
    /// moved; how much of its context must match is the source's `fuzz`, none by default as in dpkg-source and rpmbuild.
    pub(super) fn apply(&self, file: &str) -> String {
        let Patch { name, into, strip, fuzz } = self;
        format!("farm_patch {} {strip} {fuzz} {} -i {file}\n", quote(into), quote(name))
    }
}

/// Shell that applies all patches, where the runner puts them for .deb.
pub(super) fn apply_patches(recipe: &Recipe) -> String {
    let patches = patches(recipe);
    match patches.is_empty() {
        true => String::new(),
        false => apply_from(&patches, &format!("{BUILD_ROOT}/patches")),
    }
}

/// Shell that applies these, which lie in `folder`, in the tree that is the working directory.
pub(super) fn apply_from(patches: &[Patch], folder: &str) -> String {
    let mut script = super::probe(&["patch", "awk"], "patch");
    script.push_str(PATCH_FUNCTION);
    for patch in patches {
        script.push_str(&patch.apply(&quote(&format!("{folder}/{}", patch.name))));
    }
    script
}
