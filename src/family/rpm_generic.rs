//! RPMs on a Debian base.

use crate::recipe::Recipe;

pub(super) fn shim(_recipe: &Recipe) -> String {
    String::new()
}

pub(super) fn test() -> (String, String) {
    unimplemented!()
}
