//! Recipes that many targets share.

use std::ops::Deref;
use std::sync::Arc;

use super::Recipe;

/// Tells recipes apart without comparing them. Ids of one [`RecipeIds`] are compared with each other only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RecipeId(usize);

/// A recipe and its id: what depends on a recipe alone is found out once for all targets that share it.
#[derive(Debug, Clone)]
pub struct SharedRecipe {
    id: RecipeId,
    recipe: Arc<Recipe>,
}

/// Gives ids to recipes.
#[derive(Debug, Default)]
pub struct RecipeIds {
    given: usize,
}

impl RecipeIds {
    /// Gives `recipe` the next id of this series.
    pub fn share(&mut self, recipe: Recipe) -> SharedRecipe {
        self.given += 1;
        SharedRecipe { id: RecipeId(self.given), recipe: Arc::new(recipe) }
    }
}

impl SharedRecipe {
    pub(crate) fn id(&self) -> RecipeId {
        self.id
    }

    pub(crate) fn recipe(&self) -> &Arc<Recipe> {
        &self.recipe
    }
}

impl Deref for SharedRecipe {
    type Target = Recipe;

    fn deref(&self) -> &Recipe {
        &self.recipe
    }
}
