//! Recipes for targets, with what they leave to the project: asked for once, however many targets share it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::context;
use super::failure::Failure;
use super::select::{Chosen, Loaded, variant};
use crate::matrix;
use crate::recipe::{Recipe, RecipeError};
use crate::source::{self, SettleError};

/// What a recipe has become, or why it is wrong.
type Settled = Result<Arc<Recipe>, RecipeError>;

/// Gives recipes for targets. Targets that share one as it is written share what it becomes.
#[derive(Debug)]
pub(crate) struct Settler {
    /// Whether versions are those of the trees as they are now.
    snapshot: bool,
    /// By what is written.
    known: Vec<(Arc<Recipe>, Settled)>,
}

impl Settler {
    pub(crate) fn new(snapshot: bool) -> Settler {
        Settler { snapshot, known: Vec::new() }
    }

    /// The recipe for a target: overrides applied, the project asked. What the project does not have is a mistake in
    /// the recipe; the outer error is a project that cannot be asked at all.
    pub(crate) async fn recipe(&mut self, loaded: &Loaded, chosen: &Chosen) -> Result<Settled, Failure> {
        let file = &loaded.recipes[chosen.recipe];
        let target = &chosen.target;
        let written = match file.resolve_shared(&matrix::selection(target, &loaded.catalogue), &variant(file, target)) {
            Ok(written) => written,
            Err(error) => return Ok(Err(error)),
        };
        if !self.snapshot && source::is_settled(&written) {
            return Ok(Ok(written));
        }
        if let Some((_, known)) = self.known.iter().find(|(from, _)| Arc::ptr_eq(from, &written)) {
            return Ok(known.clone());
        }
        // No token to cancel with: git ends when the command that waits for it does.
        let cache = context::own_cache()?;
        let settled = match source::settle(&cache, &file.path, &written, self.snapshot, &CancellationToken::new()).await
        {
            Ok(recipe) => Ok(Arc::new(recipe)),
            Err(SettleError::Problem(problem)) => Err(RecipeError::Invalid {
                path: file.path.clone(),
                text: Arc::clone(&file.text),
                problems: vec![problem],
            }),
            Err(SettleError::Source(source)) => return Err(Failure::source(file, source)),
        };
        self.known.push((written, settled.clone()));
        Ok(settled)
    }
}
