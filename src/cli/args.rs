//! The command line as clap sees it. Help texts are the reference: `docs/cli.md` is made from them.

mod documents;
mod images;
mod lint;
mod plan;
mod publish;
mod run;
mod shell;
mod source;
mod store;
mod test;
mod verify;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::documents::{CompletionsArgs, ManArgs};
pub(crate) use self::images::{GcArgs, ImagesArgs, ImagesCommand, ReapArgs};
pub(crate) use self::lint::LintArgs;
pub(crate) use self::plan::{CiChoice, GraphChoice, PlanArgs};
pub(crate) use self::publish::{PublishArgs, RepoArgs, RepoCommand, SignArgs, VerifySignatureArgs};
pub(crate) use self::run::{ArchiveArgs, EngineArgs, NetworkArg, OriginArgs, ProgressChoice, RunArgs, ShownArgs};
pub(crate) use self::shell::{ExecArgs, InsideArgs, ShellArgs};
pub(crate) use self::source::SourceArgs;
pub(crate) use self::store::{
    AttestArgs, AttestCommand, CacheArgs, CleanArgs, ConfigArgs, DiffArgs, ExplainArgs, ListArgs, LockArgs, LogsArgs,
    MergeArgs, NamingChoice, ReleaseArgs, ReportArgs, StoreArgs,
};
pub(crate) use self::test::TestArgs;
pub(crate) use self::verify::VerifyArgs;
use super::values::{format_parser, jobs, mirror, parameter, source_url};
use crate::packaging::{Factor, StepKind};
use crate::project::Selection;
use crate::types::{Arch, Format};

#[derive(Debug, Parser)]
#[command(
    name = "farm",
    version,
    about = "Builds native .deb and .rpm packages for a matrix of distributions, one container per target",
    max_term_width = 100,
    after_help = super::docs::exit_codes()
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    /// Colour in what farm prints; auto follows the terminal, NO_COLOR and CLICOLOR_FORCE
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t, help_heading = "Everywhere")]
    pub color: ColorChoice,
    /// Run as if farm had been started in this folder: paths, farm.toml and dist/ are there
    #[arg(short = 'C', long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub directory: Option<PathBuf>,
    /// Say on stderr what farm does: requests, images, indexes; -vv for more. FARM_LOG chooses by module
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Everywhere")]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build, check and test packages
    ///
    /// Without --matrix and -t: the first target of each recipe's default matrix. With --matrix: all of one matrix.
    /// With -t alone: what matches, out of all matrices together. Targets whose inputs are those of the last good
    /// build are not built again.
    Build(BuildArgs),
    /// Install, upgrade, remove and purge packages that farm did not build
    ///
    /// They are checked and tried in fresh containers as those of `farm build` are, with its words, outcomes and exit codes, and
    /// compared with what they are an upgrade of: docs/testing.md. No recipe is needed.
    Test(TestArgs),
    /// Make source packages: a .dsc with its tarballs and its .changes, and a .src.rpm
    ///
    /// Without --matrix and -t: of each recipe one for each format, as the first distribution of the default matrix has it.
    /// With -t: those of all distributions that match, `debian-12` or `hello@debian-12/source`. They are put into
    /// dist/RECIPE/DISTRO-source, once for all architectures, and hold the packaging that binary packages are built with.
    Source(SourceArgs),
    /// Show what would be built, and why
    Plan(PlanArgs),
    /// Show which packages the capabilities of a recipe resolve to, on each distribution
    ///
    /// Capabilities are what a package can be required by without its name: `pkgconfig(zlib)`, `/usr/bin/help2man`. On apt
    /// they are looked up in the distribution's archive; RPM's package managers are asked for them as they are.
    Requires(RequiresArgs),
    /// Fetch the sources of recipes, and the modules that their lock files pin
    ///
    /// What a build takes from this host is then there: it is fetched once, verified, and kept in the cache. Packages of the
    /// distributions are fetched when images are made.
    Fetch(FetchArgs),
    /// Write a farm.toml for a project
    ///
    /// Looks at the project's build files (Cargo, CMake, Meson, autotools, Make, Go, Python, Perl, Ruby, Node, an own
    /// debian/ or .spec) and takes from them what it needs, what it is called and how it is built; nothing of the project
    /// is run. What is not certain is said, as a comment in the file, too.
    Init(InitArgs),
    /// Write the packaging files and scripts that a target is built with
    ///
    /// They are written for people to read: `farm build` makes its own.
    Render(RenderArgs),
    /// Print the JSON Schema of farm.toml
    ///
    /// For editors: completion, descriptions and checks while typing. docs/recipe.md says how one is set up. Values are
    /// checked more closely by every command that reads a recipe.
    Schema,
    /// List the distributions that farm knows
    Distros(DistrosArgs),
    /// List, make and remove the images that farm keeps in the engine
    Images(ImagesArgs),
    /// Remove containers that runs of farm left behind
    ///
    /// A container ends by itself when its farm dies; this is for engines that were themselves cut off. Do not use it
    /// while farm is building through the same engine: running containers of that build are removed too.
    Reap(ReapArgs),
    /// Remove what nothing needs from the store of farm's own engine
    ///
    /// Layers and folders of containers that a killed farm left; every run does this for itself, too. Images go with
    /// `farm images prune`, or with `--keep`, which makes farm take no more than so much of the disk. Docker and Podman look
    /// after their stores themselves.
    Gc(GcArgs),
    /// List what dist/ holds, and how the last build of each target ended
    List(ListArgs),
    /// Remove packages, logs and records from dist/
    ///
    /// All targets, or those that -t names. What was built from them and lies elsewhere stays; they are built again when they are
    /// asked for.
    Clean(CleanArgs),
    /// List what farm keeps in its cache folder: sources, modules, packages and indexes of archives, caches of builds
    ///
    /// All of it can be fetched or made again. `farm gc --keep SIZE` removes what was not used for long.
    Cache(CacheArgs),
    /// Show the settings that are in force, and where each comes from
    ///
    /// Options of a command line go before all of them. Passwords are not shown, and keys are never read.
    Config(ConfigArgs),
    /// Write down what the last good builds were made of, so that `farm build --locked` builds from nothing else
    ///
    /// farm.lock lies beside the recipe, and is committed with it: the states of archives, the images, and each package of each
    /// builder with its version and hash, as builds in dist/ noted them. Targets that are not in dist/ keep what the lock has.
    Lock(LockArgs),
    /// Show the log of a target's last build, or of the one that is under way
    Logs(LogsArgs),
    /// Say what an outcome, a rule or an exit code means, and what to do
    ///
    /// Names are those that a summary or a report has: `dep-wait`, `outside-destdir`, 11. docs/troubleshooting.md has all of them.
    Explain(ExplainArgs),
    /// Print where the page of the last run is: matrix, causes, logs and files for a browser
    ///
    /// Every run leaves it in dist/, one file that needs nothing but itself. `farm build --report html=FILE` writes it
    /// elsewhere, too.
    Report(ReportArgs),
    /// Put what several machines have built into one dist/
    ///
    /// Every package is read against the record beside it. Packages of a target that dist/ has are replaced; where two of the
    /// folders have the same target they have to agree. With `farm plan --ci`, a CI builds each target in a job of its own,
    /// and this makes of it what one run would have made.
    Merge(MergeArgs),
    /// Open a shell in the container of a build that failed
    ///
    /// In the folder and with the environment of the step that failed, with the sources and all that was built. Where nothing
    /// was kept (`farm build --keep-failed`), the target is built again until it fails. What is changed stays for the next
    /// shell, and for `farm build -t TARGET --from STEP`. At most eight containers are kept, for a week, as images: `farm list
    /// --kept`.
    Shell(ShellArgs),
    /// Run a command in the container of a build that failed
    ///
    /// As `farm shell`, without a terminal; the exit code is the command's.
    Exec(ExecArgs),
    /// Make a folder for a release page out of dist/: packages, sums and notes
    ///
    /// Packages of users, debug packages and source packages, a SHA256SUMS, and RELEASE.md with a table of what was built for
    /// which distribution. A release in which targets of one recipe have different versions, or whose last build was not
    /// good, is refused: build them, or choose with -t and --exclude.
    Release(ReleaseArgs),
    /// Write what packages are made of: bills of materials, and statements of where they come from
    ///
    /// For each package of dist/ an SPDX 2.3 document and a CycloneDX 1.6 one, and for each target a statement of SLSA provenance
    /// v1.0 that names every input of its build by digest. They come from what the build wrote down: the same bytes each
    /// time, and what is not known is said to be so. With a key, the statements are signed, which name the bills by digest.
    /// docs/attest.md has all of it.
    Attest(AttestArgs),
    /// Build what dist/ has once more in another environment, and compare the packages byte by byte
    ///
    /// From the same sources, images and packages: what has moved on since is refused, and named. Its environment is another one:
    /// the time, the folder and the order of its files, the user, the locale, the time zone, the number of processors, the
    /// names of host and kernel. dist/ stays as it is. Where packages come out otherwise, the exit code is 13: the places are
    /// shown, with what probably makes the difference, and the other packages are in broken/.
    ///
    /// FILE.buildinfo in place of recipes, Debian's own for example: the source package that it names, beside it or in the archive, is
    /// built as it says, with the packages that it says in these versions, and what comes out is compared with its sums. What
    /// the archive does not have any more is named. docs/verify.md has all of it.
    Verify(VerifyArgs),
    /// Show what is different in two packages, or in all packages of two folders
    ///
    /// Of each package: files with types, modes, owners, link targets, configuration files, capabilities, sizes and digests;
    /// what it requires, provides, conflicts with and replaces; sonames and the symbols that libraries export; scripts without
    /// their comments, triggers; licence, description and other fields. A and B are .deb or .rpm files, folders with packages as
    /// dist/ has one for each target, or whole stores, compared target by target. Nothing is unpacked to the disk. Exit code 0
    /// when nothing is different, 13 when something is, 2 when something cannot be read.
    Diff(DiffArgs),
    /// Sign packages and lists of sums with OpenPGP
    ///
    /// .rpm files in their header, as rpm verifies them; .changes and .dsc around their text; every other file beside itself, in
    /// FILE.asc. Of a folder with -o: its .rpm, .changes and .dsc. Without: those, too, unless farm has built them there, as
    /// dist/ stays what was accepted; and SHA256SUMS. A .deb is not signed itself: apt verifies it by the index of its
    /// repository, see `farm repo`. The key is looked at first: one that has expired, is revoked or too weak for apt and rpm
    /// signs nothing.
    Sign(SignArgs),
    /// Find out whether files are signed by a key
    ///
    /// An .rpm by its header and payload, a clear-signed text by itself, every other file by FILE.asc, FILE.sig or FILE.gpg beside
    /// it. Exit code 12 when one is not.
    VerifySignature(VerifySignatureArgs),
    /// Put packages into signed repositories for apt, dnf and zypper
    ///
    /// DIR becomes a tree for a web server: dists/ and pool/ for apt, a suite for each distribution; rpm/ with a repository for
    /// each distribution; setup/ with what users paste, and key.asc. What is there stays, and what was read before is not read
    /// again. Each repository changes in one step: clients find the last state or the new one, and what the last one names
    /// stays until there is a state after the new one.
    Repo(RepoArgs),
    /// Find out whether farm can build here, and what to mend if not
    ///
    /// A line for each check: engines, disk, memory, emulators, mirrors, clock. It changes nothing, and takes ten seconds
    /// at most. Exit code 0 when farm can build here, 5 when there is no engine, 3 when the configuration is not valid.
    Doctor(DoctorArgs),
    /// Print the script by which a shell completes farm's commands and options
    ///
    /// Where each shell looks for it: bash in ~/.local/share/bash-completion/completions/farm, zsh in a file _farm in a folder of
    /// $fpath, fish in ~/.config/fish/completions/farm.fish.
    Completions(CompletionsArgs),
    /// Write farm's manual pages into a folder
    ///
    /// farm.1, and a page for each command, as farm-build.1: into ~/.local/share/man/man1 `man farm` finds them.
    Man(ManArgs),
}

/// Which recipes, and which of their targets.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SelectionArgs {
    /// A farm.toml, its folder, or a name under recipes/ [default: ./farm.toml, else every recipes/*/farm.toml]
    #[arg(value_name = "RECIPE")]
    pub recipes: Vec<PathBuf>,
    /// All targets of a matrix of the recipe; without a name, of the default one
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "default")]
    pub matrix: Option<String>,
    /// Build for these distributions, whatever the matrix says: `debian-13,fedora-44`, `'*'`; -t chooses among them
    #[arg(long = "distro", value_name = "DISTRO", value_delimiter = ',', help_heading = "Which targets")]
    pub distros: Vec<String>,
    /// Only targets that match: `debian-12`, `fedora-*/arm64`, `jq@*`, `*+minimal`; can be repeated
    #[arg(short, long = "target", value_name = "PATTERN")]
    pub targets: Vec<String>,
    /// Without the targets that match, whatever else says that they are meant; can be repeated
    #[arg(long = "exclude", value_name = "PATTERN")]
    pub excluded: Vec<String>,
    /// Only targets of this package format; can be repeated
    #[arg(long = "format", value_name = "FORMAT", value_parser = format_parser(), help_heading = "Which targets")]
    pub formats: Vec<Format>,
    /// Only targets of this architecture, by its Debian, RPM or OCI name; can be repeated
    #[arg(long = "arch", value_name = "ARCH", help_heading = "Which targets")]
    pub arches: Vec<Arch>,
    /// Value of a parameter of the recipe; can be repeated
    ///
    /// It goes to all recipes that declare it in [parameters]. Parameters are not for secrets: their values are shown.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter, help_heading = "Which targets")]
    pub parameters: Vec<(String, String)>,
}

impl SelectionArgs {
    pub(crate) fn selection(&self) -> Selection {
        Selection {
            matrix: self.matrix.clone(),
            distros: self.distros.clone(),
            targets: self.targets.clone(),
            excluded: self.excluded.clone(),
            formats: self.formats.clone(),
            arches: self.arches.clone(),
            only: None,
            source: false,
        }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Show what would be built, and why, and build nothing: `farm plan` shows more of it
    #[arg(short = 'n', long, conflicts_with_all = ["force", "failed", "locked", "from"])]
    pub dry_run: bool,
    /// Build again what is up to date
    #[arg(long)]
    pub force: bool,
    /// Only targets whose last build was not good
    #[arg(long)]
    pub failed: bool,
    /// Read all packages of earlier builds again before one is taken for up to date
    #[arg(long, help_heading = "Checks and tests")]
    pub verify: bool,
    /// Version what is in the work tree now, changed files included: 1.4.2+git12.abc1234.dirty
    ///
    /// The version sorts after the last release, which is the last tag that has a number in it, and before the next.
    /// The recipe is not changed.
    #[arg(long, help_heading = "What packages are made from")]
    pub snapshot: bool,
    /// Build only from what farm.lock says: refuse what is not in it, and what it is not
    ///
    /// Archives are read in the state of the lock, where their mirrors, or the `snapshot` of the distribution, still have it.
    /// Before anything of a recipe runs, all that is installed in its container is compared: exit code 13 when it differs.
    #[arg(long, help_heading = "What packages are made from")]
    pub locked: bool,
    /// Start no new job once one has failed
    #[arg(long, overrides_with = "keep_going", help_heading = "When a build fails")]
    pub fail_fast: bool,
    /// Build all that can be built, whatever fails; the default
    #[arg(long, overrides_with = "fail_fast", action = ArgAction::SetTrue, help_heading = "When a build fails")]
    pub keep_going: bool,
    /// Keep the containers of builds that fail: `farm shell` opens them, `--from` goes on in them
    #[arg(long, help_heading = "When a build fails")]
    pub keep_failed: bool,
    /// Go on in the container that was kept of one target, with this step: build, check or package
    ///
    /// The scripts of the steps before it are not run again, the others as the recipe has them now, on the files that are in the
    /// container. The packages are checked and tested, and lie in broken/: they are not accepted, as what was changed by hand
    /// is in no recipe. When all went well, the container goes; otherwise it is kept as it is then.
    #[arg(long, value_name = "STEP", value_parser = store::step_to_go_on, requires = "targets", help_heading = "When a build fails")]
    pub from: Option<StepKind>,
    /// Do not install and try the packages in a fresh container
    #[arg(long, help_heading = "Checks and tests")]
    pub no_test: bool,
    #[command(flatten)]
    pub lint: LintArgs,
    /// Compile everything, as if no build had been before, and leave the caches that recipes name as they are
    ///
    /// The packages are the same with them, byte by byte: with --force this compares.
    #[arg(long, help_heading = "What packages are made from")]
    pub no_build_cache: bool,
    #[command(flatten)]
    pub run: RunArgs,
    /// Source packages in place of binary ones.
    #[arg(skip)]
    pub source: bool,
    /// Find out what of the recipes' requirements builds use.
    #[arg(skip)]
    pub unused: Option<UnusedForm>,
    /// Build what dist/ has once more, with so much of its environment another one, and compare.
    #[arg(skip)]
    pub vary: Option<BTreeSet<Factor>>,
}

impl BuildArgs {
    /// The plan of the same.
    pub(crate) fn plan(&self) -> PlanArgs {
        PlanArgs {
            selection: self.selection.clone(),
            json: false,
            explain: false,
            graph: None,
            ci: None,
            snapshot: self.snapshot,
            no_test: self.no_test,
            no_lint: !self.lint.is_wanted(),
            origin: self.run.origin.clone(),
            engine: self.run.engine.clone(),
            output: self.run.output.clone(),
        }
    }

    /// A build without any of its own options.
    pub(crate) fn plain(selection: SelectionArgs, run: RunArgs) -> BuildArgs {
        BuildArgs {
            selection,
            dry_run: false,
            force: false,
            failed: false,
            verify: false,
            snapshot: false,
            locked: false,
            fail_fast: false,
            keep_going: false,
            keep_failed: false,
            from: None,
            no_test: false,
            lint: LintArgs::default(),
            no_build_cache: false,
            run,
            source: false,
            unused: None,
            vary: None,
        }
    }
}

/// How unused requirements are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnusedForm {
    Text,
    Json,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RequiresArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Build, and list the build requirements of which no step has opened a file, nor of what they alone bring
    ///
    /// With farm's own engine, as root, on targets with apt. The packages are thrown away, and neither tested nor linted.
    #[arg(long)]
    pub unused: bool,
    /// With --unused: jobs to run at a time [default: by the engine's CPUs]
    #[arg(short, long, value_name = "N", value_parser = jobs, requires = "unused")]
    pub jobs: Option<u16>,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// The table as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub archive: ArchiveArgs,
}

#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Fetch for the versions of work trees as they are now
    #[arg(long)]
    pub snapshot: bool,
    /// Mirror to use for an archive, as `debian=http://mirror.example.org/debian`; can be repeated
    #[arg(long = "mirror", value_name = "NAME=URL", value_parser = mirror)]
    pub mirrors: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The project's folder
    #[arg(value_name = "PATH", default_value = ".", conflicts_with_all = ["url", "from"])]
    pub path: PathBuf,
    /// An archive of the project: https://, http://, file:/// or mirror://NAME/path
    #[arg(long, value_name = "URL", conflicts_with = "from", value_parser = source_url)]
    pub url: Option<String>,
    /// An archive of the project, as a file
    #[arg(long, value_name = "TARBALL")]
    pub from: Option<PathBuf>,
    /// The file to write
    #[arg(short, long, value_name = "FILE", default_value = "farm.toml")]
    pub output: PathBuf,
    /// Overwrite what is there
    #[arg(long)]
    pub force: bool,
    /// Mirror to use for an archive, as `debian=http://mirror.example.org/debian`; can be repeated
    #[arg(long = "mirror", value_name = "NAME=URL", value_parser = mirror)]
    pub mirrors: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// The target, or a pattern that matches one: `hello@debian-12`
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// A farm.toml, its folder, or a name under recipes/ [default: as for build]
    #[arg(long = "recipe", value_name = "RECIPE")]
    pub recipes: Vec<PathBuf>,
    /// Value of a parameter of the recipe; can be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub parameters: Vec<(String, String)>,
    /// Version what is in the work tree now, changed files included: 1.4.2+git12.abc1234.dirty
    #[arg(long)]
    pub snapshot: bool,
    /// Write a folder instead of a listing
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub archive: ArchiveArgs,
}

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct DistrosArgs {
    #[command(subcommand)]
    pub command: Option<DistrosCommand>,
    /// The table as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DistrosCommand {
    /// All distributions in a table; the default
    List,
    /// All that farm knows of one distribution
    Show {
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The checks as JSON
    #[arg(long)]
    pub json: bool,
    /// Print the least rights that farm needs of the engine, a Kubernetes cluster, as a manifest, and check nothing
    #[arg(long, conflicts_with = "json")]
    pub rbac: bool,
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Mirror to use for an archive, as `debian=http://mirror.example.org/debian`; can be repeated
    #[arg(long = "mirror", value_name = "NAME=URL", value_parser = mirror)]
    pub mirrors: Vec<(String, String)>,
    /// Folder for packages, logs and records
    #[arg(short, long, value_name = "DIR", default_value = "dist")]
    pub output: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ColorChoice {
    #[default]
    Auto,
    Always,
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_matrix_may_go_without_its_name() {
        let matrix = |line: &str| match parse(line).unwrap().command {
            Command::Build(args) => (args.selection.matrix, args.selection.recipes),
            other => panic!("{other:?}"),
        };
        assert_eq!(matrix("farm build"), (None, vec![]));
        assert_eq!(matrix("farm build --matrix"), (Some("default".into()), vec![]));
        assert_eq!(matrix("farm build hello --matrix full"), (Some("full".into()), vec!["hello".into()]));
        assert_eq!(matrix("farm build hello --matrix -j 2"), (Some("default".into()), vec!["hello".into()]));
    }

    #[test]
    fn the_last_of_fail_fast_and_keep_going_wins() {
        let fail_fast = |line: &str| match parse(line).unwrap().command {
            Command::Build(args) => args.fail_fast,
            other => panic!("{other:?}"),
        };
        assert!(fail_fast("farm build --keep-going --fail-fast"));
        assert!(!fail_fast("farm build --fail-fast --keep-going"));
        assert!(!fail_fast("farm build"));
    }
}
