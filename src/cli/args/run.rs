//! Arguments of all commands that build: where engine, images and archives are, how jobs run, what is told of them.

use std::path::PathBuf;

use clap::Args;

use super::{BaseArg, NetworkArg, ProgressChoice};
use crate::cli::report_file::{self, ReportFile};
use crate::cli::values::{jobs, mirror};

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct EngineArgs {
    /// Container engine: auto, docker, podman, native (farm's own, on Linux), or the URL of its API
    #[arg(long, value_name = "ENGINE", default_value = "auto", global = true)]
    pub engine: String,
}

/// Where bases and sources come from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OriginArgs {
    /// Where base images may come from; auto: the engine's store, the registry, then the distribution's own archive
    #[arg(long, value_name = "PLACE", value_enum, default_value_t)]
    pub base: BaseArg,
    #[command(flatten)]
    pub archive: ArchiveArgs,
}

/// How the archives of distributions are read.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ArchiveArgs {
    /// Mirror to use for an archive, as `debian=http://mirror.example.org/debian`; can be repeated
    #[arg(long = "mirror", value_name = "NAME=URL", value_parser = mirror)]
    pub mirrors: Vec<(String, String)>,
    /// Look capabilities up in indexes that are older than the archive's signed Release file, where a mirror has only such
    ///
    /// They are not verified then. The packages that they name are, as ever.
    #[arg(long, env = "FARM_STALE_CONTENTS", hide_env = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub stale_contents: bool,
}

/// How jobs are run, and what is told of them: what all commands share that build.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// Jobs to run at a time [default: by the engine's CPUs]
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    pub jobs: Option<u16>,
    #[command(flatten)]
    pub origin: OriginArgs,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Network of containers that may have one
    #[arg(long, value_name = "NETWORK", value_enum, default_value_t, env = "FARM_NETWORK", hide_env = true)]
    pub network: NetworkArg,
    /// Folder for packages, logs and records
    #[arg(short, long, value_name = "DIR", default_value = "dist")]
    pub output: PathBuf,
    /// What to show meanwhile; auto: moving lines on a terminal, else plain ones
    #[arg(long, value_name = "KIND", value_enum, default_value_t)]
    pub progress: ProgressChoice,
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = ReportFile::parse, help = report_file::help())]
    pub reports: Vec<ReportFile>,
}
