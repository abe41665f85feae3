//! `farm schema`: the JSON Schema of recipes, for editors.

use super::exit::Exit;
use super::output;
use crate::recipe;

pub(crate) fn run() -> Exit {
    output::out(&format!("{:#}\n", recipe::json_schema()));
    Exit::Success
}
