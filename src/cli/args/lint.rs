//! Arguments of all commands that lint packages.

use clap::Args;

#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct LintArgs {
    /// Do not look through the packages with lintian or rpmlint
    #[arg(long, env = "FARM_NO_LINT", hide_env = true, value_parser = clap::builder::FalseyValueParser::new(), help_heading = "Checks and tests")]
    pub no_lint: bool,
    /// Count the findings of linters that the last good build had, too; goes before FARM_NO_LINT
    #[arg(long, help_heading = "Checks and tests")]
    pub all_findings: bool,
}

impl LintArgs {
    /// Nothing is linted.
    pub(crate) const NONE: LintArgs = LintArgs { no_lint: true, all_findings: false };

    /// Whether linters look through the packages. Who wants to see all findings wants that, whatever the environment says.
    pub(crate) fn is_wanted(self) -> bool {
        !self.no_lint || self.all_findings
    }
}
