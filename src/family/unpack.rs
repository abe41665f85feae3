//! Patches in the job's container, for formats whose own tools do not apply them.

use crate::recipe::Recipe;

use super::BUILD_ROOT;
use super::text::quote;

/// One patch of a recipe: the name under which the runner uploads it, and the folder of the tree that it applies in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) name: String,
    pub(super) into: String,
}

/// All patches in the order in which they apply, named as `source` names them: `NNNN-name.patch`.
pub(super) fn patches(recipe: &Recipe) -> Vec<Patch> {
    let all = recipe.sources.iter().flat_map(|source| source.patches.iter().map(move |path| (source, path)));
    all.enumerate()
        .map(|(index, (source, path))| Patch { name: name(index + 1, path), into: source.into.clone() })
        .collect()
}

/// As `source` names a patch file; a test of both would need an import that the module table does not have.
fn name(number: usize, path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.strip_suffix(".patch").or_else(|| name.strip_suffix(".diff")).unwrap_or(name);
    let stem: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.+".contains(c) { c } else { '-' }).collect();
    format!("{number:04}-{stem}.patch")
}

/// Shell that applies the patches in the tree that is the working directory. As with dpkg-source and rpmbuild, a hunk
/// may have moved, but its context must match whole.
pub(super) fn apply_patches(recipe: &Recipe) -> String {
    let patches = patches(recipe);
    if patches.is_empty() {
        return String::new();
    }
    let mut script = super::probe(&["patch"], "patch");
    for patch in patches {
        let path = format!("{BUILD_ROOT}/patches/{}", patch.name);
        let complaint = format!("farm: {} does not apply to the sources (in {}): see above", patch.name, patch.into);
        script.push_str(&format!(
            "echo {}\n(cd {} && patch -p1 --fuzz=0 --forward --batch --no-backup-if-mismatch -i {}) || {{ echo {} >&2; exit 1; }}\n",
            quote(&format!("farm: applying {}", patch.name)),
            quote(&patch.into),
            quote(&path),
            quote(&complaint),
        ));
    }
    script
}
