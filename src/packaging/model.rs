//! What packaging is made of: steps, scripts and files for containers, and the places that they agree on.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::distro::{Distro, Payload};
use crate::recipe::{MaintainerScripts, MultiArch, PackageArch, PrivateLibraries, Recipe, System};
use crate::types::{Address, Format, SharedText};

/// The unprivileged user that builds: fixed, so that sources can be uploaded with its numeric owner.
pub(crate) const BUILD_USER: &str = "builder";

pub(crate) const BUILD_UID: u32 = 2000;

/// `/build`: the build user's home and the root of all that a job does. Sources are unpacked to
/// `/build/<name>-<version>` (deb) or lie as one tar in `/build/rpmbuild/SOURCES` (rpm).
pub(crate) const BUILD_ROOT: &str = "/build";

/// Where a local repository lies, in builder images while they are made and in test containers: packages of the set that
/// the job belongs to, flat, with an index for the distribution's package manager. Its file `direct` names what is to be
/// installed, a name and a version per line. Without the folder, scripts leave it out.
pub(crate) const SET_REPOSITORY: &str = "/tmp/farm-set";

/// Where packages of a recipe's repositories lie, likewise: in `first` those that go before the distribution's own, in `last`
/// those that it does not have; each with an index, or on a Debian base that has .rpm files, with a list of what they provide.
pub(crate) const EXTRA_REPOSITORY: &str = "/tmp/farm-extra";
pub(crate) const EXTRA_FIRST: &str = "first";
pub(crate) const EXTRA_LAST: &str = "last";

/// Where apt finds packages that were put into a container before it runs, under the names that it gives them: copies of
/// what was verified against a signed index. apt itself only looks at the name and the size.
pub const OFFERED_PACKAGES: &str = "/tmp/farm-offered";

/// Where packages lie that were fetched in another container: in it, and then in the one that installs them, which has no
/// network.
pub(crate) const FETCHED_PACKAGES: &str = "/tmp/farm-fetched";

/// Set in the environment of a script that installs: it downloads to [`FETCHED_PACKAGES`] what it would install, and runs
/// nothing of a package.
pub(crate) const FETCH_ONLY: &str = "FARM_FETCH";

/// The parts of a job that a person follows. One exec can go through several, which it announces: see `PHASE_TOKEN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// Base image, build requirements.
    Prepare,
    /// Sources fetched, uploaded, patched.
    Unpack,
    /// The recipe's `build` script.
    Build,
    /// The recipe's `check` script.
    Check,
    /// The recipe's `install` script, and the packages made of its result.
    Package,
    /// Artifacts downloaded.
    Collect,
    /// Artifacts checked against the recipe.
    Inspect,
    /// Installed, tried and removed in a fresh container.
    Test,
    /// Looked through by lintian or rpmlint, beside the test.
    Lint,
}

impl StepKind {
    /// Every step, in the order in which a job goes through them.
    pub const ALL: [StepKind; 9] = [
        StepKind::Prepare,
        StepKind::Unpack,
        StepKind::Build,
        StepKind::Check,
        StepKind::Package,
        StepKind::Collect,
        StepKind::Inspect,
        StepKind::Test,
        StepKind::Lint,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            StepKind::Prepare => "prepare",
            StepKind::Unpack => "unpack",
            StepKind::Build => "build",
            StepKind::Check => "check",
            StepKind::Package => "package",
            StepKind::Collect => "collect",
            StepKind::Inspect => "inspect",
            StepKind::Test => "test",
            StepKind::Lint => "lint",
        }
    }
}

impl std::fmt::Display for StepKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The environment variable that holds a random token per exec. A script announces that it enters another phase by
/// printing, on a line of its own, the token, a space and the phase's name (`$FARM_PHASE_TOKEN check`). `$FARM_PHASE_TOKEN
/// finding RULE SENTENCE` says what is wrong, with `warning` in place of `finding` what people should be told all the
/// same. The executor takes such lines out of the log; where the variable is unset, scripts print nothing. All of it is
/// for people: whatever runs in the container can print the same, so neither limits nor outcomes depend on it.
pub(crate) const PHASE_TOKEN: &str = "FARM_PHASE_TOKEN";

/// One exec in the job's container.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Step {
    /// The phase it begins in.
    pub(crate) kind: StepKind,
    /// Run by `sh -c`, with `-eu` set by the script itself.
    pub(crate) script: String,
    pub(crate) user: User,
    pub(crate) env: BTreeMap<String, String>,
}

/// The user that a step runs as in the job's container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum User {
    /// The superuser, for what package managers do.
    Root,
    /// The unprivileged `builder` that runs the recipe's scripts.
    Builder,
}

/// A small file that farm writes into the container, or that `farm render` writes for people.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct GuestFile {
    /// Relative to where the set of files goes: `debian/rules`, `hello.spec`.
    pub(crate) path: String,
    pub(crate) content: SharedText,
    pub(crate) executable: bool,
}

/// What a job must install before it builds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Requirements {
    /// Package names or relations in the target's own syntax; sorted, without duplicates.
    Listed(Vec<String>),
    /// As a file of the sources says: `debian/control` or a .spec, at this path in the source tree. Beside it, what
    /// the distribution's toolchain needs anyway.
    FromSource { path: String, toolchain: Vec<String> },
}

/// How the builder image is made from the base: one script as root with network.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct BuilderSetup {
    pub(crate) requirements: Requirements,
    /// Expects, for `FromSource`, the file at `/build/requirements/<its file name>`.
    /// Exits 11 when a requirement cannot be had, after a line `farm: unsatisfiable: <requirement>` for each,
    /// and 12 when the mirror or network failed.
    pub script: SharedText,
    /// What an image has that this one can be made of as well as of the base, because all builders of the distribution begin
    /// with it. No more than the script says already.
    #[serde(skip)]
    pub(crate) toolchain: Option<Arc<BuilderSetup>>,
}

/// Exit codes of farm's own scripts, told apart from those of tools by the line that goes with them.
pub(crate) const EXIT_UNSATISFIABLE: i32 = 11;

pub(crate) const EXIT_NETWORK: i32 = 12;

/// A test's install script: more packages are needed than are there, and nothing was installed yet.
pub(crate) const EXIT_INCOMPLETE: i32 = 13;

/// A script of the last good version has failed, which nobody can change any more.
pub(crate) const EXIT_OF_FORMER: i32 = 14;

/// Everything between sources and results for one job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Packaging {
    /// Where the sources go and in which shape.
    pub(crate) sources: SourceLayout,
    /// Files to upload beside, relative to [`BUILD_ROOT`].
    pub(crate) files: Vec<GuestFile>,
    pub(crate) steps: Vec<Step>,
    /// The folder to download when all steps succeeded, flat: every result and nothing else. Made by the last step.
    pub(crate) results: String,
    /// The binary packages that the results must hold.
    pub expected: Vec<ExpectedPackage>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SourceLayout {
    /// The tree, unpacked below this absolute folder.
    Tree { folder: String },
    /// One tar file at `path` with the tree below the top folder `top`: RPM's Source0.
    Tarball { path: String, top: String },
    /// Every source as it was fetched, under its own file name, in `folder`; path and git sources as
    /// `<name>-<version>.tar` with a top folder of that name. The tree, too, below `tree`. For a project's own .spec.
    Originals { folder: String, tree: String },
}

/// A package that a successful job must produce. For a project's own packaging only what the recipe can know.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct ExpectedPackage {
    pub(crate) name: String,
    /// As the format writes it: `1:2.10-1~deb12`; `1:2.10-1.el9` (epoch:version-release).
    pub(crate) version: String,
    pub(crate) architecture: PackageArch,
    /// The recipe says that it has no files.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_empty: bool,
}

impl ExpectedPackage {
    /// `Architecture: all`, `BuildArch: noarch`.
    pub(crate) fn is_arch_independent(&self) -> bool {
        self.architecture == PackageArch::All
    }
}

/// The install test: scripts run in order as root in one fresh container.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct TestSetup {
    /// Where the binary packages are uploaded to; debug and source packages are not.
    pub(crate) packages: String,
    /// Makes the tester image from the base when the base alone will not do (`rpm-generic`); as [`BuilderSetup::script`].
    pub(crate) tester: Option<BuilderSetup>,
    /// Exits [`EXIT_INCOMPLETE`] when packages have to be fetched, which it does itself with [`FETCH_ONLY`].
    pub(crate) install: SharedText,
    /// Looks at what is installed: `wanted` beside the packages names what has to run their commands.
    pub(crate) check: SharedText,
    pub(crate) test: Option<String>,
    /// Installs the same version once more: nothing changes.
    pub(crate) reinstall: SharedText,
    pub(crate) remove: SharedText,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) upgrade: UpgradeSetup,
    /// Whether the scripts and those of the packages may use the network. What they need is fetched before in any case.
    pub(crate) network: bool,
    /// Where the project has tests of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source_tests: Option<SourceTests>,
}

/// How a project's own tests, debian/tests, are prepared. They run in containers of their own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct SourceTests {
    /// Run as root without a network: makes an ordinary user, and unpacks the source tree for it.
    pub(crate) prepare: String,
    /// Run as root: what a test depends on, as [`TestSetup::install`].
    pub(crate) install: SharedText,
    /// Where the source tree is.
    pub(crate) tree: String,
}

/// How an upgrade from the last good version is tried. Its packages lie in [`FORMER_PACKAGES`], and those under test have an
/// index beside them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct UpgradeSetup {
    /// Makes the image for it, from the base, where that of the test has no resolver.
    pub(crate) tester: Option<BuilderSetup>,
    /// Installs the last good version; when that is not possible any more, no upgrade is tried.
    pub(crate) former: SharedText,
    pub(crate) upgrade: SharedText,
    /// Once the packages are removed: installs them and goes back to the last good version, where the package manager lets that
    /// be. Exits [`EXIT_OF_FORMER`] when a script of that version fails.
    pub(crate) downgrade: SharedText,
}

/// What a package manager's test is made of.
pub(super) struct TestScripts {
    /// The image to test in, where it is not the base itself.
    pub(super) tester: Option<BuilderSetup>,
    pub(super) install: SharedText,
    pub(super) reinstall: SharedText,
    pub(super) remove: SharedText,
    pub(super) upgrade: UpgradeSetup,
    pub(super) source_tests: Option<SourceTests>,
}

/// The chosen mirror of each archive, as URLs by archive name (`debian`, `debian-security`).
pub(crate) type Mirrors = BTreeMap<String, Address>;

/// Where a job's last step puts every result.
pub(super) const RESULTS: &str = "/build/results";

/// Where a test finds the packages.
pub(super) const TEST_PACKAGES: &str = "/tmp/farm-packages";

/// Where it finds those of the last good version, if an upgrade is to be tried.
pub(crate) const FORMER_PACKAGES: &str = "/tmp/farm-former";

/// Functions for what a test looks at before and after an upgrade.
pub(super) const LIFE: &str = include_str!("scripts/life.sh");

/// What to ask of an image that a recipe names, before its steps run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnvironmentProbe {
    /// Run by `sh -c` as root. Prints `farm: has TOOL` for each of the tools below that is there, and gives the build user a
    /// name.
    pub(crate) script: String,
    /// What the format's own packaging needs.
    pub(crate) packaging: Vec<&'static str>,
    /// What the steps of [`super::staging`] need.
    pub(crate) staging: Vec<&'static str>,
}

/// `FARM_…`: what recipe and target say, for the recipe's scripts.
pub(super) fn script_variables(recipe: &Recipe, distro: &Distro) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([
        ("FARM_NAME".to_owned(), recipe.package.name.clone()),
        ("FARM_VERSION".to_owned(), recipe.package.version.clone()),
        ("FARM_DISTRO".to_owned(), distro.id.clone()),
        ("FARM_FORMAT".to_owned(), distro.format.as_str().to_owned()),
    ]);
    let named = [("FARM_VARIANT_", &recipe.variant), ("FARM_PARAM_", &recipe.parameters)];
    for (prefix, values) in named {
        for (name, value) in values {
            let name: String =
                name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
            variables.insert(format!("{prefix}{name}"), value.clone());
        }
    }
    variables
}

/// What the changelog says of this build.
pub(super) fn changelog_entries(recipe: &Recipe, distro: &Distro) -> Vec<String> {
    let package = &recipe.package;
    match package.changelog.is_empty() {
        true => vec![format!("{} {} built for {}.", package.name, package.version, distro.name)],
        false => package.changelog.clone(),
    }
}

/// `/build/<name>-<version>`, or as [`build_top`] says.
pub(super) fn source_folder(recipe: &Recipe) -> String {
    format!("{BUILD_ROOT}/{}", build_top(recipe))
}

/// What the folder is called that sources are built in. The same for all versions where caches are kept: compilers write
/// where they work, so that in another folder nothing of a cache would be found.
pub(super) fn build_top(recipe: &Recipe) -> String {
    match recipe.build.cache.is_empty() || recipe.packaging.debian.is_some() {
        true => source_top(recipe),
        false => format!("{}-source", recipe.package.name),
    }
}

/// `<name>-<version>`
pub(super) fn source_top(recipe: &Recipe) -> String {
    format!("{}-{}", recipe.package.name, recipe.package.version)
}

/// Shell: says which tools are missing before the first of them is needed; `package` usually has them.
pub(super) fn probe(tools: &[&str], package: &str) -> String {
    format!(
        "for tool in {}; do\n    command -v \"$tool\" >/dev/null || {{ echo \"farm: the builder image has no $tool: add {package} \
         to [build] requires or to the distribution's build-packages\" >&2; exit 127; }}\ndone\n",
        tools.join(" ")
    )
}

/// The folder of the staged tree that becomes the packages.
pub(crate) const STAGED_ROOT: &str = "root";
/// The folder of the staged tree with the licence files that lie on top of the sources.
pub(crate) const STAGED_LICENCES: &str = "licences";

/// Packages to be made of a staged tree.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Assembly {
    pub(crate) format: Format,
    /// Main package first.
    pub(crate) packages: Vec<AssembledPackage>,
    /// As the format writes it: `1:2.10-1~deb12`.
    pub(crate) version: String,
    pub(crate) epoch: u32,
    /// RPM keeps the two apart.
    pub(crate) upstream_version: String,
    pub(crate) release: String,
    pub(crate) source: String,
    pub(crate) license: String,
    pub(crate) homepage: Option<String>,
    pub(crate) maintainer: String,
    pub(crate) vendor: Option<String>,
    /// deb: the whole file; rpm: the text of the one entry.
    pub(crate) changelog: String,
    /// rpm: what the changelog calls this version: without the distribution's tag.
    pub(crate) changelog_version: String,
    /// deb: the copyright file, and whether it is complete without upstream's own texts.
    pub(crate) copyright: Option<(String, bool)>,
    /// Nothing in the packages is newer.
    pub(crate) source_date_epoch: i64,
    /// How an .rpm's payload is compressed.
    pub(crate) payload: Payload,
    /// Whether rpm makes users itself, of what a package provides.
    pub(crate) rpm_makes_users: bool,
    /// Whether libraries of an .rpm need scriptlets that run ldconfig.
    pub(crate) runs_ldconfig: bool,
    /// Where units lie in the packages.
    pub(crate) unit_folder: String,
    /// Patterns of files that are not stripped.
    pub(crate) whole: Vec<String>,
    pub(crate) private_libraries: PrivateLibraries,
}
/// One package.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct AssembledPackage {
    pub(crate) name: String,
    pub(crate) summary: String,
    /// deb: the lines of the field after its first; rpm: the text.
    pub(crate) description: String,
    pub(crate) section: String,
    pub(crate) group: String,
    pub(crate) architecture: PackageArch,
    pub(crate) multi_arch: Option<MultiArch>,
    /// Which files it gets; when the main package has none, it gets what no pattern takes.
    pub(crate) patterns: Vec<String>,
    pub(crate) config_files: Vec<String>,
    /// By field of the format (`Depends`, `Requires(post)`), each relation in the format's syntax.
    pub(crate) relations: BTreeMap<String, Vec<String>>,
    /// What the recipe asks of the installed system.
    pub(crate) system: System,
    /// Files that it gets for that, beside what was installed: path and content.
    pub(crate) own_files: Vec<(String, String)>,
    /// rpm: the bodies of scriptlets by section: `post`. That of `pretrans` is Lua, the others are shell.
    pub(crate) scriptlets: BTreeMap<String, String>,
    /// deb: the recipe's own, for [`super::maintainer_scripts`].
    pub(crate) maintainer_scripts: MaintainerScripts,
    /// deb: the lines that set what those find in their environment.
    pub(crate) script_environment: String,
}
