//! Arguments of commands that read a store.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::publish::KeyArgs;
use super::{ArchiveArgs, EngineArgs};
use crate::packaging::StepKind;

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
    /// The containers that were kept of failed builds, in place of what dist/ holds
    #[arg(long, conflicts_with_all = ["targets", "excluded"])]
    pub kept: bool,
    #[command(flatten)]
    pub engine: EngineArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct CleanArgs {
    #[command(flatten)]
    pub store: StoreArgs,
    /// Remove nothing; say what would go
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct CacheArgs {
    /// Every entry as JSON, with its path, size and last use
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ConfigArgs {
    /// The settings as JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Option<ConfigCommand>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum ConfigCommand {
    /// All settings; the default
    Show,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LockArgs {
    /// Recipes whose locks are written: farm.toml, its folder, or a name under recipes/ [default: those of this folder]
    #[arg(value_name = "RECIPE")]
    pub recipes: Vec<PathBuf>,
    #[command(flatten)]
    pub store: StoreArgs,
    /// Write nothing; say how the lock differs, with exit code 13 when it does
    #[arg(long)]
    pub check: bool,
    #[command(flatten)]
    pub archive: ArchiveArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LogsArgs {
    /// The target, or a pattern that only it matches: `hello@debian-12/amd64`, `debian-12`
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// Only what this step printed
    #[arg(long, value_name = "STEP", value_parser = step)]
    pub step: Option<StepKind>,
    /// Go on until the build ends
    #[arg(short, long)]
    pub follow: bool,
    /// Print where the log is, instead
    #[arg(long)]
    pub path: bool,
    /// Folder for packages, logs and records
    #[arg(short, long, value_name = "DIR", default_value = "dist")]
    pub output: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ExplainArgs {
    /// An outcome, a rule or an exit code: `dep-wait`, `outside-destdir`, `11`
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ReportArgs {
    /// Show it, too: by the programs that BROWSER names, else by the system's own way (xdg-open, on macOS open)
    #[arg(long)]
    pub open: bool,
    /// Folder for packages, logs and records
    #[arg(short, long, value_name = "DIR", default_value = "dist")]
    pub output: PathBuf,
}

/// The steps that a build can go on with.
pub(super) fn step_to_go_on(text: &str) -> Result<StepKind, String> {
    step(text)
        .ok()
        .filter(|step| matches!(step, StepKind::Build | StepKind::Check | StepKind::Package))
        .ok_or_else(|| "expected build, check or package".to_owned())
}

fn step(text: &str) -> Result<StepKind, String> {
    StepKind::ALL.into_iter().find(|step| step.as_str() == text).ok_or_else(|| {
        let known: Vec<&str> = StepKind::ALL.iter().map(|step| step.as_str()).collect();
        format!("expected one of {}", known.join(", "))
    })
}

#[derive(Debug, Clone, Args)]
pub(crate) struct MergeArgs {
    /// Folders that farm built into
    #[arg(value_name = "DIR", required = true)]
    pub stores: Vec<PathBuf>,
    /// Folder that takes all of it, made if it is not there
    #[arg(short, long, value_name = "DIR", default_value = "dist")]
    pub output: PathBuf,
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
    #[command(flatten)]
    pub key: KeyArgs,
}

#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct AttestArgs {
    #[command(subcommand)]
    pub command: Option<AttestCommand>,
    /// The folder to make; there must be nothing in it
    #[arg(value_name = "FOLDER", required = true)]
    pub folder: Option<PathBuf>,
    #[command(flatten)]
    pub store: StoreArgs,
    /// Who built the packages, as a URI that those who verify know
    #[arg(long, value_name = "URI", value_parser = uri)]
    pub builder: Option<String>,
    #[command(flatten)]
    pub key: KeyArgs,
}

fn uri(text: &str) -> Result<String, String> {
    let is_uri = text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
            && !rest.is_empty()
            && rest.chars().all(|c| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c))
    });
    is_uri.then(|| text.to_owned()).ok_or_else(|| "expected a URI, as https://ci.example.org/farm".to_owned())
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum AttestCommand {
    /// Find out whether packages are those that statements of provenance speak of
    ///
    /// Each package is read, and has to be named, by its SHA-256, in a file *provenance.json; bills of materials beside that file
    /// have to be those that it names. Exit code 13 when a package is another one, or named by none. Without --key nobody has
    /// looked at who wrote the statements.
    Verify {
        /// The packages
        #[arg(value_name = "PACKAGE", required = true)]
        packages: Vec<PathBuf>,
        /// A statement, or a folder with some below it [default: the folder of each package]
        #[arg(long, value_name = "PATH")]
        statements: Option<PathBuf>,
        /// The public keys, of which one has to have signed each statement, in FILE.asc beside it
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
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
pub(crate) struct DiffArgs {
    /// The first package, folder or store
    #[arg(value_name = "A")]
    pub before: PathBuf,
    /// The second one
    #[arg(value_name = "B")]
    pub after: PathBuf,
    /// All lines, however many there are
    #[arg(long)]
    pub all: bool,
    /// Do not compare the types of libraries, which takes a while for large ones
    #[arg(long)]
    pub no_abi: bool,
    /// As JSON: docs/diff.md describes it
    #[arg(long)]
    pub json: bool,
}
