//! Arguments of `farm verify`.

use std::collections::BTreeSet;

use clap::Args;

use super::{BuildArgs, LintArgs, RunArgs, SelectionArgs};
use crate::packaging::Factor;

#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// What of the environment is to be another one, beside the time: `path,user`, `none`; by default all of it
    ///
    /// path, user, locale, timezone, processors, host-name, kernel. One at a time finds out which of them it was.
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = factor)]
    pub vary: Vec<Vary>,
    /// Version what is in the work tree now, as `farm build --snapshot` did
    #[arg(long)]
    pub snapshot: bool,
    /// Read archives in the state that farm.lock has of them, and hold builders to it
    #[arg(long)]
    pub locked: bool,
    /// Build nothing: read all packages in dist/ and all prepared sources again, and compare them with what farm made
    ///
    /// Every build does this for what was written to since, as far as the file system tells. Damaged sources are removed from
    /// the cache; damaged packages are named, and the next build makes them again. The exit code is 10 when there are any.
    #[arg(long, conflicts_with_all = ["vary", "snapshot", "locked"])]
    pub stored: bool,
    /// With a .buildinfo: where the archive does not have packages in the versions that were installed, build with those that it has
    ///
    /// The result says that its builder was another one.
    #[arg(long)]
    pub nearest: bool,
    #[command(flatten)]
    pub run: RunArgs,
}

/// A word of `--vary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vary {
    Nothing,
    Factor(Factor),
}

fn factor(word: &str) -> Result<Vary, String> {
    if word == "none" {
        return Ok(Vary::Nothing);
    }
    let known = Factor::ALL.into_iter().find(|factor| factor.as_str() == word);
    known.map(Vary::Factor).ok_or_else(|| {
        let all: Vec<&str> = Factor::ALL.iter().map(|factor| factor.as_str()).collect();
        format!("it is one of {}, or none", all.join(", "))
    })
}

impl VerifyArgs {
    /// As a build, whose packages are compared and not kept.
    pub(crate) fn build(&self) -> BuildArgs {
        let VerifyArgs { selection, vary, snapshot, locked, stored: _, nearest: _, run } = self.clone();
        let factors: BTreeSet<Factor> = match vary.is_empty() {
            true => Factor::ALL.into(),
            false => vary
                .into_iter()
                .filter_map(|word| match word {
                    Vary::Nothing => None,
                    Vary::Factor(factor) => Some(factor),
                })
                .collect(),
        };
        let build = BuildArgs { force: true, snapshot, locked, ..BuildArgs::plain(selection, run) };
        BuildArgs { no_build_cache: true, lint: LintArgs::NONE, vary: Some(factors), ..build }
    }
}
