//! The command line: arguments, wiring, diagnostics, exit codes; one file per subcommand. The only place that prints.

use std::process::ExitCode;

/// Runs farm with the process's arguments. The exit codes are documented in `docs/cli.md`.
pub fn main() -> ExitCode {
    unimplemented!()
}
