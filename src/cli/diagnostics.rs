//! Renders what is wrong with recipes, distributions and matrices.

use crate::distro::DistroError;
use crate::matrix::MatrixError;
use crate::plan::PlanError;
use crate::recipe::RecipeError;
use crate::report::Style;

pub(crate) fn recipe(error: &RecipeError, _style: &Style) -> String {
    format!("error: {error}\n")
}

pub(crate) fn distro(error: &DistroError, _style: &Style) -> String {
    format!("error: {error}\n")
}

pub(crate) fn matrix(error: &MatrixError, _style: &Style) -> String {
    format!("error: {error}\n")
}

pub(crate) fn plan(error: &PlanError, _style: &Style) -> String {
    format!("error: {error}\n")
}
