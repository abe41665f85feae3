//! What looks through the packages of a job.

use super::model::{LintSetup, TargetInputs};
use crate::distro::LintPlace;
use crate::packaging::{self, TargetRecipe};

impl LintSetup {
    /// None where the distribution names no linter.
    pub(super) fn of(target: &TargetInputs, recipe: &TargetRecipe) -> Option<LintSetup> {
        let distro = target.lint_distro.as_ref().unwrap_or(&target.distro);
        let Some(LintPlace::Here { linter, packages }) = &distro.lint else { return None };
        let image = packaging::linter(distro, packages);
        Some(LintSetup { linter: *linter, distro: distro.clone(), image, levels: recipe.lint.clone() })
    }
}
