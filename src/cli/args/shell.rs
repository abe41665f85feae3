//! Arguments of commands that work in the container of a build that failed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::EngineArgs;

/// Which container, and how it is entered.
#[derive(Debug, Clone, Args)]
pub(crate) struct InsideArgs {
    /// The target, or a pattern that only it matches: `hello@debian-12/amd64`, `debian-12`
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// A farm.toml, its folder, or a name under recipes/ [default: ./farm.toml, else every recipes/*/farm.toml]
    #[arg(long = "recipe", value_name = "RECIPE")]
    pub recipes: Vec<PathBuf>,
    /// As root, not as the user that builds
    #[arg(long)]
    pub root: bool,
    /// Leave the container as it was before
    #[arg(long)]
    pub discard: bool,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Folder for packages, logs and records, when the target is built again
    #[arg(short, long, value_name = "DIR", default_value = "dist")]
    pub output: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ShellArgs {
    #[command(flatten)]
    pub inside: InsideArgs,
    /// Remove what was kept, and open no shell
    #[arg(long = "drop", conflicts_with_all = ["root", "discard"])]
    pub remove: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    pub inside: InsideArgs,
    /// The program and its arguments
    #[arg(value_name = "COMMAND", required = true, last = true)]
    pub command: Vec<OsString>,
}
