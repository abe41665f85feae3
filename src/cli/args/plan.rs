//! Arguments of `farm plan`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{EngineArgs, OriginArgs, SelectionArgs};

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// The whole plan as JSON: exactly what `farm build` would run
    ///
    /// Scripts and files stand in `texts`, each once, by the digest that jobs have in their place.
    #[arg(long)]
    pub json: bool,
    /// For each target that changed, the inputs with their digests before and after
    #[arg(long, conflicts_with = "json")]
    pub explain: bool,
    /// The order of building: what needs what, as text or for Graphviz
    #[arg(long, value_name = "FORM", value_enum, num_args = 0..=1, default_missing_value = "text", require_equals = true, conflicts_with_all = ["json", "explain"])]
    pub graph: Option<GraphChoice>,
    /// What has to be built as the jobs of a CI, for `farm merge`: docs/ci.md has the whole of it
    #[arg(long, value_name = "CI", value_enum, conflicts_with_all = ["json", "explain", "graph"])]
    pub ci: Option<CiChoice>,
    /// Version what is in the work tree now, changed files included: 1.4.2+git12.abc1234.dirty
    #[arg(long, help_heading = "What packages are made from")]
    pub snapshot: bool,
    /// Plan without the tests of the packages
    #[arg(long, help_heading = "Checks and tests")]
    pub no_test: bool,
    /// Plan without lintian and rpmlint
    #[arg(long, env = "FARM_NO_LINT", hide_env = true, value_parser = clap::builder::FalseyValueParser::new(), help_heading = "Checks and tests")]
    pub no_lint: bool,
    #[command(flatten)]
    pub origin: OriginArgs,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Folder with the packages and records of the last builds
    #[arg(short, long, value_name = "DIR", default_value = "dist")]
    pub output: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphChoice {
    /// A table
    Text,
    /// A graph for Graphviz
    Dot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CiChoice {
    /// A matrix of GitHub and Forgejo Actions, in one line
    Github,
    /// A child pipeline
    Gitlab,
    /// A list, for `readJSON`
    Jenkins,
}
