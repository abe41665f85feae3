//! Arguments of `farm source`.

use clap::Args;

use super::{BuildArgs, LintArgs, RunArgs, SelectionArgs};

#[derive(Debug, Clone, Args)]
pub(crate) struct SourceArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Make again what is up to date
    #[arg(long)]
    pub force: bool,
    /// Version what is in the work tree now, changed files included: 1.4.2+git12.abc1234.dirty
    #[arg(long)]
    pub snapshot: bool,
    #[command(flatten)]
    pub run: RunArgs,
}

impl SourceArgs {
    /// As a build, which a source package is without most of it.
    pub(crate) fn build(&self) -> BuildArgs {
        let SourceArgs { selection, force, snapshot, run } = self.clone();
        let build = BuildArgs { force, snapshot, source: true, ..BuildArgs::plain(selection, run) };
        BuildArgs { no_test: true, no_build_cache: true, lint: LintArgs::NONE, ..build }
    }
}
