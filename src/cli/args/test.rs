//! Arguments of `farm test`.

use std::path::PathBuf;

use clap::Args;

use super::super::values::jobs;
use super::{EngineArgs, LintArgs, NetworkArg, OriginArgs, ShownArgs};

#[derive(Debug, Clone, Args)]
pub(crate) struct TestArgs {
    /// .deb and .rpm files, and folders that hold some: all of one project, in one version
    #[arg(value_name = "PATH", required = true)]
    pub packages: Vec<PathBuf>,
    /// Try them on these distributions [default: debian-12 for .deb, rpm-generic for .rpm]
    #[arg(short = 't', long = "distro", value_name = "DISTRO", value_delimiter = ',')]
    pub distros: Vec<String>,
    /// The packages that users have, files or folders: what is under test has to be an upgrade of them; can be repeated
    /// [default: those that were good last time, in the output folder]
    #[arg(long, value_name = "PATH")]
    pub upgrade_from: Vec<PathBuf>,
    #[command(flatten)]
    pub lint: LintArgs,
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
    /// Folder for logs, and for the packages that were good
    #[arg(short, long, value_name = "DIR", default_value = "tested")]
    pub output: PathBuf,
    #[command(flatten)]
    pub shown: ShownArgs,
}
