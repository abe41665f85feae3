//! Placeholder.
use std::process::ExitCode;

use crate::command::Failure;

pub(crate) fn run(_names: &[String]) -> Result<ExitCode, Failure> {
    Err(Failure::new("not there yet"))
}
