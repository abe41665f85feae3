//! What the package worlds want, as pure functions: package manager -> commands (`apt`, `dnf`, `zypper`), package
//! format -> packaging files, build script, result patterns (`deb`, `rpm`). Nothing here runs anything.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::recipe::PackageArch;

/// The unprivileged user that builds: fixed, so that sources can be uploaded with its numeric owner.
pub const BUILD_USER: &str = "builder";
pub const BUILD_UID: u32 = 2000;
/// `/build`: the build user's home and the root of all that a job does. Sources are unpacked to
/// `/build/<name>-<version>` (deb) or lie as one tar in `/build/rpmbuild/SOURCES` (rpm).
pub const BUILD_ROOT: &str = "/build";

/// The parts of a job that a person follows. One exec can go through several: see [`Step::phases`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// Base image, build requirements.
    Prepare,
    /// Sources fetched, uploaded, patched.
    Unpack,
    Build,
    Check,
    Package,
    /// Artifacts downloaded.
    Collect,
    /// Artifacts checked against the recipe.
    Inspect,
    /// Installed, tried and removed in a fresh container.
    Test,
}

impl StepKind {
    pub const ALL: [StepKind; 8] = [
        StepKind::Prepare,
        StepKind::Unpack,
        StepKind::Build,
        StepKind::Check,
        StepKind::Package,
        StepKind::Collect,
        StepKind::Inspect,
        StepKind::Test,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            StepKind::Prepare => "prepare",
            StepKind::Unpack => "unpack",
            StepKind::Build => "build",
            StepKind::Check => "check",
            StepKind::Package => "package",
            StepKind::Collect => "collect",
            StepKind::Inspect => "inspect",
            StepKind::Test => "test",
        }
    }
}

impl std::fmt::Display for StepKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// The environment variable that holds a random token per exec. A script announces that it enters another phase by
/// printing, on a line of its own, the token, a space and the phase's name (`$FARM_PHASE_TOKEN check`). The executor
/// takes such lines out of the log; where the variable is unset, scripts print nothing.
pub const PHASE_TOKEN: &str = "FARM_PHASE_TOKEN";

/// One exec in the job's container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The phase it begins in.
    pub kind: StepKind,
    /// Run by `sh -c`, with `-eu` set by the script itself.
    pub script: String,
    pub user: User,
    pub env: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum User {
    Root,
    Builder,
}

/// A small file that farm writes into the container, or that `farm render` writes for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GuestFile {
    /// Relative to where the set of files goes: `debian/rules`, `hello.spec`.
    pub path: String,
    pub content: String,
    pub executable: bool,
}

/// What a job must install before it builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Requirements {
    /// Package names or relations in the target's own syntax; sorted, without duplicates.
    Listed(Vec<String>),
    /// As a file of the sources says: `debian/control` or a .spec, at this path in the source tree. Beside it, what
    /// the distribution's toolchain needs anyway.
    FromSource { path: String, toolchain: Vec<String> },
}

/// How the builder image is made from the base: one script as root with network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuilderSetup {
    pub requirements: Requirements,
    /// Expects, for `FromSource`, the file at `/build/requirements/<its file name>`.
    /// Exits 11 when a requirement cannot be had, after a line `farm: unsatisfiable: <requirement>` for each,
    /// and 12 when the mirror or network failed.
    pub script: String,
    /// Name of the shared download cache and its path in the container.
    pub cache: Option<(String, String)>,
}

/// Exit codes of farm's own scripts, told apart from those of tools by the line that goes with them.
pub const EXIT_UNSATISFIABLE: i32 = 11;
pub const EXIT_NETWORK: i32 = 12;

/// Everything between sources and results for one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Packaging {
    /// Where the sources go and in which shape.
    pub sources: SourceLayout,
    /// Files to upload beside, relative to [`BUILD_ROOT`].
    pub files: Vec<GuestFile>,
    pub steps: Vec<Step>,
    /// The folder to download when all steps succeeded, flat: every result and nothing else. Made by the last step.
    pub results: String,
    pub expected: Vec<ExpectedPackage>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceLayout {
    /// The tree, unpacked below this absolute folder.
    Tree { folder: String },
    /// One tar file at `path` with the tree below the top folder `top`: RPM's Source0.
    Tarball { path: String, top: String },
    /// Every source as it was fetched, under its own file name, in `folder`; path and git sources as
    /// `<name>-<version>.tar` with a top folder of that name. For a project's own .spec.
    Originals { folder: String },
}

/// A package that a successful job must produce. For a project's own packaging only what the recipe can know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectedPackage {
    pub name: String,
    /// As the format writes it: `1:2.10-1~deb12`; `1:2.10-1.el9` (epoch:version-release).
    pub version: String,
    pub architecture: PackageArch,
}

/// The install test: scripts run in order as root in one fresh container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestSetup {
    /// Where the binary packages are uploaded to; debug and source packages are not.
    pub packages: String,
    /// Makes the tester image from the base when the base alone will not do (`rpm-generic`); as [`BuilderSetup::script`].
    pub tester: Option<BuilderSetup>,
    pub install: String,
    pub test: Option<String>,
    pub remove: String,
    pub env: BTreeMap<String, String>,
}

use crate::distro::Distro;
use crate::recipe::Recipe;
use crate::types::Arch;

/// The chosen mirror of each archive, as URLs by archive name (`debian`, `debian-security`).
pub type Mirrors = BTreeMap<String, String>;

/// The builder image of a job. `mirrors` end up in the script's environment, never in a key: two mirrors of one
/// archive hold the same.
pub fn builder(recipe: &Recipe, distro: &Distro) -> BuilderSetup {
    let _ = (recipe, distro);
    unimplemented!()
}

/// The environment that scripts with network run in: where the mirrors are (`FARM_MIRROR_DEBIAN=…`), non-interactive.
pub fn network_env(distro: &Distro, mirrors: &Mirrors) -> BTreeMap<String, String> {
    let _ = (distro, mirrors);
    unimplemented!()
}

/// Packaging files, steps and results of a job. `parallel` is the job's CPU count; `source_date_epoch` fixes changelog
/// dates and SOURCE_DATE_EPOCH (when the recipe does not, the runner passes the newest time in the sources).
pub fn packaging(recipe: &Recipe, distro: &Distro, arch: Arch, parallel: usize, source_date_epoch: i64) -> Packaging {
    let _ = (recipe, distro, arch, parallel, source_date_epoch);
    unimplemented!()
}

/// The install test of a job.
pub fn test(recipe: &Recipe, distro: &Distro, arch: Arch) -> TestSetup {
    let _ = (recipe, distro, arch);
    unimplemented!()
}

/// What cannot be written in a target's format, or is unsafe in it, as sentences; empty when all is well.
pub fn check(recipe: &Recipe, distro: &Distro) -> Vec<String> {
    let _ = (recipe, distro);
    unimplemented!()
}
