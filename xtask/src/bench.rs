//! Benchmarks, as ratios against a peer that does the same work in the same run: machines are shared and noisy, so no
//! absolute time means anything.

use std::process::ExitCode;

pub(crate) fn run(_arguments: &[&str]) -> Result<ExitCode, String> {
    Err("no benchmark yet".to_owned())
}
