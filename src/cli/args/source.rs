//! Arguments of `farm source`.

use std::path::PathBuf;

use clap::Args;

use super::super::values::jobs;
use super::{BuildArgs, EngineArgs, NetworkArg, OriginArgs, ProgressChoice, SelectionArgs};
use crate::cli::report_file::{self, ReportFile};

#[derive(Debug, Clone, Args)]
pub(crate) struct SourceArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Jobs to run at a time [default: by the engine's CPUs]
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    pub jobs: Option<u16>,
    /// Make again what is up to date
    #[arg(long)]
    pub force: bool,
    /// Version what is in the work tree now, changed files included: 1.4.2+git12.abc1234.dirty
    #[arg(long)]
    pub snapshot: bool,
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

impl SourceArgs {
    /// As a build, which a source package is without most of it.
    pub(crate) fn build(&self) -> BuildArgs {
        let SourceArgs { selection, jobs, force, snapshot, origin, engine, network, output, progress, reports } =
            self.clone();
        BuildArgs {
            selection,
            jobs,
            force,
            failed: false,
            verify: false,
            snapshot,
            fail_fast: false,
            keep_going: false,
            locked: false,
            keep_failed: false,
            from: None,
            no_test: true,
            no_build_cache: true,
            origin,
            engine,
            network,
            output,
            progress,
            reports,
            source: true,
        }
    }
}
