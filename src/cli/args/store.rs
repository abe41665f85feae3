//! Arguments of commands that read a store.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What of a store.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct StoreArgs {
    /// Folder for packages, logs and records
    #[arg(short, long, value_name = "DIR", default_value = "dist")]
    pub output: PathBuf,
    /// Only targets that match: `debian-12`, `fedora-*/arm64`, `jq@*`, `*+minimal`; can be repeated
    #[arg(short = 't', long = "target", value_name = "PATTERN")]
    pub targets: Vec<String>,
    /// Without the targets that match; can be repeated
    #[arg(long = "exclude", value_name = "PATTERN")]
    pub excluded: Vec<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub store: StoreArgs,
    /// As JSON, in the form of dist/index.json
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ReleaseArgs {
    /// The folder to make; there must be nothing in it
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub store: StoreArgs,
    /// What files are called
    #[arg(long, value_enum, default_value_t)]
    pub names: NamingChoice,
    /// Without debug packages
    #[arg(long)]
    pub no_debug: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum NamingChoice {
    /// With a `.` in place of what release pages do not keep in names, as `~`
    #[default]
    Portable,
    /// As in dist/
    Exact,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyArgs {
    /// Folder for packages, logs and records
    #[arg(short, long, value_name = "DIR", default_value = "dist")]
    pub output: PathBuf,
}
