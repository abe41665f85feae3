//! rpm.

use crate::distro::Distro;
use crate::recipe::Recipe;
use crate::types::Arch;

use super::Packaging;

pub(super) fn packaging(
    _recipe: &Recipe,
    _distro: &Distro,
    _arch: Arch,
    _parallel: usize,
    _source_date_epoch: i64,
) -> Packaging {
    unimplemented!()
}
