//! zypper.

use crate::distro::Distro;
use crate::recipe::Recipe;

use super::BuilderSetup;

pub(super) fn builder(_recipe: &Recipe, _distro: &Distro) -> BuilderSetup {
    unimplemented!()
}

pub(super) fn test(_recipe: &Recipe, _distro: &Distro) -> (String, String) {
    unimplemented!()
}
