//! Arguments of all commands that build: where engine, images and archives are, how jobs run, what is told of them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::report_file::{self, ReportFile};
use crate::cli::values::{jobs, mirror};
use crate::engine::Network;
use crate::image::BaseChoice;

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct EngineArgs {
    /// Container engine: auto, docker, podman, native (farm's own, on Linux), or the URL of its API; builds use all that are
    /// given [default: auto]
    #[arg(long = "engine", value_name = "ENGINE", global = true, help_heading = "Container engine")]
    pub engines: Vec<String>,
}

impl EngineArgs {
    /// The options that say the same again.
    pub(crate) fn again(&self) -> Vec<String> {
        let named = self.engines.iter().filter(|engine| *engine != "auto");
        named.flat_map(|engine| ["--engine".to_owned(), engine.clone()]).collect()
    }
}

/// Where bases and sources come from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OriginArgs {
    /// Where base images may come from; auto: the engine's store, the registry, then the distribution's own archive
    #[arg(long, value_name = "PLACE", value_enum, default_value_t, help_heading = "What packages are made from")]
    pub base: BaseArg,
    #[command(flatten)]
    pub archive: ArchiveArgs,
}

/// How the archives of distributions are read.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ArchiveArgs {
    /// Mirror to use for an archive, as `debian=http://mirror.example.org/debian`; can be repeated
    #[arg(long = "mirror", value_name = "NAME=URL", value_parser = mirror, help_heading = "What packages are made from")]
    pub mirrors: Vec<(String, String)>,
    /// Look capabilities up in indexes that are older than the archive's signed Release file, where a mirror has only such
    ///
    /// They are not verified then. The packages that they name are, as ever.
    #[arg(long, env = "FARM_STALE_CONTENTS", hide_env = true, value_parser = clap::builder::FalseyValueParser::new(), help_heading = "What packages are made from")]
    pub stale_contents: bool,
}

/// How jobs are run, and what is told of them: what all commands share that build.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// Jobs to run at a time on each engine [default: by its CPUs]
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    pub jobs: Option<u16>,
    #[command(flatten)]
    pub origin: OriginArgs,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Network of containers that may have one
    #[arg(
        long,
        value_name = "NETWORK",
        value_enum,
        default_value_t,
        env = "FARM_NETWORK",
        hide_env = true,
        help_heading = "Container engine"
    )]
    pub network: NetworkArg,
    /// Folder for packages, logs and records
    #[arg(short, long, value_name = "DIR", default_value = "dist")]
    pub output: PathBuf,
    #[command(flatten)]
    pub shown: ShownArgs,
}

/// What is told of a run, and to whom.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ShownArgs {
    /// What to show meanwhile; auto: moving lines on a terminal, else plain ones
    #[arg(long, value_name = "KIND", value_enum, default_value_t, help_heading = "What is shown")]
    pub progress: ProgressChoice,
    /// Show nothing meanwhile, as --progress none
    #[arg(short, long, conflicts_with = "progress")]
    pub quiet: bool,
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = ReportFile::parse, help = report_file::help(), help_heading = "What is shown")]
    pub reports: Vec<ReportFile>,
    /// Put every line that a build prints into `--progress json` and `--report json=FILE`, not only the newest ten times a second
    ///
    /// A build that prints faster than its lines are read waits for who reads them.
    #[arg(long, help_heading = "What is shown")]
    pub every_line: bool,
}

impl ShownArgs {
    pub(crate) fn progress(&self) -> ProgressChoice {
        if self.quiet { ProgressChoice::None } else { self.progress }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum BaseArg {
    #[default]
    Auto,
    /// Only what the engine has already
    Store,
    /// Pulled from the registry, whose image of today is asked for once in each run
    Registry,
    /// Made from the distribution's own signed archive
    Bootstrap,
}

impl From<BaseArg> for BaseChoice {
    fn from(arg: BaseArg) -> BaseChoice {
        match arg {
            BaseArg::Auto => BaseChoice::Auto,
            BaseArg::Store => BaseChoice::Store,
            BaseArg::Registry => BaseChoice::Registry,
            BaseArg::Bootstrap => BaseChoice::Bootstrap,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum NetworkArg {
    /// The engine's own network
    #[default]
    Default,
    /// The network of the engine's host: quicker to set up, nothing in between
    Host,
}

impl From<NetworkArg> for Network {
    fn from(arg: NetworkArg) -> Network {
        match arg {
            NetworkArg::Default => Network::Default,
            NetworkArg::Host => Network::Host,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ProgressChoice {
    #[default]
    Auto,
    /// Moving lines, one per running target
    Bar,
    /// One line per event that matters
    Plain,
    /// Every event as a line of JSON, and nothing else, on stdout
    Json,
    /// Only the summary
    None,
}
