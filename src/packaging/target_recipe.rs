//! The last stage of a recipe.

use std::ops::Deref;
use std::sync::Arc;

use crate::recipe::Recipe;

/// The last stage of a recipe: in the words of one distribution, whose package manager knows every name in it. Only
/// `answers` makes one, so that packaging is never generated of a recipe that still asks for something.
#[derive(Debug, Clone)]
pub struct TargetRecipe(Arc<Recipe>);

impl TargetRecipe {
    /// Every name in `recipe` is known to the package manager of the distribution.
    pub(super) fn new(recipe: Arc<Recipe>) -> TargetRecipe {
        TargetRecipe(recipe)
    }

    /// For tests with recipes that name packages only.
    #[cfg(test)]
    pub(crate) fn unchanged(recipe: Recipe) -> TargetRecipe {
        TargetRecipe(Arc::new(recipe))
    }

    /// This recipe with a change that brings in no words of another distribution.
    pub(super) fn with(&self, change: impl FnOnce(&mut Recipe)) -> TargetRecipe {
        let mut recipe = Recipe::clone(&self.0);
        change(&mut recipe);
        TargetRecipe(Arc::new(recipe))
    }
}

impl Deref for TargetRecipe {
    type Target = Recipe;

    fn deref(&self) -> &Recipe {
        &self.0
    }
}
