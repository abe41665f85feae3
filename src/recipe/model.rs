//! What a recipe says, for one target, and how it is said that a recipe is wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::types::Address;

/// A recipe for one target: every override that matches it is applied, and what it leaves to the project is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recipe {
    /// The folder of `farm.toml`: relative paths in the recipe start here.
    pub root: PathBuf,
    pub package: Package,
    pub sources: Vec<Source>,
    pub build: Build,
    /// Where the steps run; none: in the target's own distribution.
    pub environment: Option<Environment>,
    /// Split packages by key (`dev`, `doc`).
    pub packages: BTreeMap<String, SubPackage>,
    pub packaging: Packaging,
    pub test: Option<Test>,
    pub limits: RecipeLimits,
    /// Values of the target's variant, given to scripts as `FARM_VARIANT_<NAME>`; empty without one.
    pub variant: BTreeMap<String, String>,
}

/// `[package]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Package {
    pub name: String,
    /// Upstream version; no `-`.
    pub version: String,
    pub release: u32,
    pub epoch: u32,
    pub summary: String,
    pub description: String,
    /// SPDX expression.
    pub license: String,
    pub homepage: Option<String>,
    /// `Name <address>`
    pub maintainer: String,
    /// Debian section.
    pub section: String,
    /// RPM group.
    pub group: Option<String>,
    pub architecture: PackageArch,
    pub relations: Relations,
    /// What the main package takes, as in [`SubPackage::files`]; empty: all that no other package takes.
    pub files: Vec<String>,
    /// `files = []`: it is there for what it requires, and to have no files is no mistake.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_empty: bool,
    /// Configuration files, absolute paths: conffiles, `%config(noreplace)`.
    pub config_files: Vec<String>,
    pub system: System,
    pub scripts: MaintainerScripts,
    /// Seconds since the epoch: changelog date and SOURCE_DATE_EPOCH; none: taken from the sources.
    pub date: Option<i64>,
    /// The date that takes its place when it turns out that the sources have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_date: Option<i64>,
    /// What the changelog says of this version; empty: only that it was built.
    pub changelog: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Hash)]
#[serde(rename_all = "lowercase")]
pub enum PackageArch {
    /// Built for each architecture.
    Any,
    /// Built once: `Architecture: all`, `BuildArch: noarch`.
    All,
}

/// Relations to other packages, in the words and version syntax of the target's format:
/// `libfoo (>= 1.2)` for deb, `libfoo >= 1.2` for rpm. farm writes either from either.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Relations {
    pub requires: Vec<String>,
    pub recommends: Vec<String>,
    pub suggests: Vec<String>,
    pub provides: Vec<String>,
    pub conflicts: Vec<String>,
    /// deb: Replaces + Breaks; rpm: Obsoletes.
    pub replaces: Vec<String>,
}

/// Shell run by the package manager on the user's machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct MaintainerScripts {
    pub pre_install: Option<String>,
    pub post_install: Option<String>,
    pub pre_remove: Option<String>,
    pub post_remove: Option<String>,
}

/// `[packages.KEY]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SubPackage {
    /// Default: `<name>-<key>`, but `-devel` for `dev` in rpm.
    pub name: Option<String>,
    pub summary: Option<String>,
    pub description: Option<String>,
    pub section: Option<String>,
    pub group: Option<String>,
    pub architecture: Option<PackageArch>,
    /// Glob patterns over the staged tree, absolute: `/usr/include/**`. `${libdir}` is the target's library folder.
    pub files: Vec<String>,
    pub config_files: Vec<String>,
    pub relations: Relations,
    pub system: System,
    pub scripts: MaintainerScripts,
}

/// `[[sources]]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Source {
    pub origin: Origin,
    /// Leading path components to drop when unpacking; archives: 1, paths and git: 0.
    pub strip: u32,
    /// Folder below the source tree to unpack into; `.` is its top.
    pub into: String,
    /// Whether the recipe itself says how much to strip: then what has no such folder above it may be dropped.
    #[serde(skip)]
    pub strip_said: bool,
    /// Whether an archive is unpacked; a file that is none is copied anyway.
    pub unpack: bool,
    /// Whether `.gitignore` files say what is no part of a `path` source.
    #[serde(skip_serializing_if = "is_true")]
    pub gitignore: bool,
    /// Applied in order, in `into`; those of a series first.
    pub patches: Vec<Patch>,
    /// Lines of context that a hunk may do without.
    pub fuzz: u32,
    /// Where the recipe says where to get it from.
    #[serde(skip)]
    pub place: SourcePlace,
}

/// A place in a recipe's text, for what is found wrong with a source later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourcePlace {
    /// In bytes.
    pub span: std::ops::Range<usize>,
    /// 1-based; 0 when the source stands in no recipe.
    pub line: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_true(value: &bool) -> bool {
    *value
}

/// One patch of a source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Patch {
    /// Relative to the recipe.
    pub path: String,
    /// Leading folders to drop from the names in it: `patch -pN`.
    pub strip: u32,
}

impl Patch {
    /// The name under which it lies among the patches of a build, as the `number`th of all: `0001-fix-build.patch`.
    pub fn file_name(&self, number: usize) -> String {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        let stem = name.strip_suffix(".patch").or_else(|| name.strip_suffix(".diff")).unwrap_or(name);
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.+".contains(c) { c } else { '-' };
        format!("{number:04}-{}.patch", stem.chars().map(plain).collect::<String>())
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Places to get one file from, tried in order; `mirror://NAME/path` goes through the mirror choice.
    Urls { urls: Vec<Address>, sha256: String },
    /// A file or folder relative to the recipe; `.gitignore` is honoured.
    Path { path: String },
    Git {
        url: Address,
        commit: String,
        /// Each at the commit that this one records.
        submodules: bool,
    },
}

/// `[build]`: scripts are POSIX sh run with `-e` in the source tree as an unprivileged user.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Build {
    pub requires: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub build: Option<String>,
    pub check: Option<String>,
    /// Installs into `$DESTDIR`.
    pub install: Option<String>,
    /// Leave the network on while building. Off by default.
    pub network: bool,
    #[serde(skip_serializing_if = "Strip::is_usual")]
    pub strip: Strip,
}

/// Which programs and libraries lose their symbols. Files with something behind their ELF image never do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strip {
    #[default]
    All,
    None,
    /// All but what these patterns match.
    Except(Vec<String>),
}

impl Strip {
    fn is_usual(&self) -> bool {
        *self == Strip::All
    }

    /// The patterns of files that are left as they are.
    pub fn left_alone(&self) -> Vec<String> {
        match self {
            Strip::All => Vec::new(),
            Strip::None => vec!["/**".to_owned()],
            Strip::Except(patterns) => patterns.clone(),
        }
    }
}

/// `[environment]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Environment {
    #[serde(flatten)]
    pub origin: EnvironmentOrigin,
    pub tools: PackagingTools,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentOrigin {
    /// A tag or digest, in the engine's store or a registry.
    Image(String),
    /// The id of a distribution: its base image, with what the build requires installed by its own package manager.
    Distro(String),
    /// An image that the engine makes, taken as it is.
    Dockerfile(Dockerfile),
}

/// A Dockerfile and how it is built.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Dockerfile {
    /// Relative to the recipe; the file lies in `context`.
    pub path: String,
    /// The folder whose files it can copy, relative to the recipe.
    pub context: String,
    /// The stage to build; none: the last.
    pub target: Option<String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
}

/// Who makes packages of what was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Hash)]
#[serde(rename_all = "lowercase")]
pub enum PackagingTools {
    /// The image's own tools where it has them, else farm.
    Auto,
    Image,
    Farm,
}

/// Packaging that the project brings itself, used as it is; paths in the source tree after unpacking.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Packaging {
    /// Folder with `control`, `changelog`, `rules`: used for deb targets.
    pub debian: Option<String>,
    /// Used for rpm targets.
    pub spec: Option<String>,
    /// Shell that runs in the source tree before its packaging is read.
    pub prepare: Option<String>,
    /// Macros for the .spec, as after `rpmbuild --define`: name and body.
    pub define: BTreeMap<String, String>,
    /// Whether the distribution's tag is put behind its version: `~deb12`, `%{?dist}`. `Some(false)`: packages of several
    /// distributions may have one name.
    pub distribution_suffix: Option<bool>,
    /// The version that it says of the packages, as far as that is known before it is built.
    pub version: Option<OwnVersion>,
    /// Whether the recipe's version stands in its place, as that of a tree between two releases does.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replaces_version: bool,
}

/// The version of a project's own packaging.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OwnVersion {
    /// As it is written: `1:2.10-3`. Of a .spec with `%{?dist}` where it has that.
    pub written: String,
    /// The part of it that is the project's: `2.10`.
    pub upstream: String,
}

/// `[test]`: runs as root in a fresh container in which the built packages are installed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Test {
    pub script: String,
    /// Packages to install beside.
    pub requires: Vec<String>,
    /// Leave the network on while the packages are installed, tried and removed. Off by default.
    pub network: bool,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecipeLimits {
    pub memory_bytes: u64,
    pub pids: u32,
    /// For all that is done to build, and for each part of the test.
    pub timeout: Duration,
    /// Time without any output.
    pub stall: Duration,
    pub log_bytes: u64,
}

/// `[matrix]` and `[matrix.NAME]`: patterns, not yet matched against the catalogue.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MatrixSpec {
    /// Distribution ids or globs: `debian-*`. With the byte span in the file, for errors of `matrix`.
    pub distros: Vec<(String, std::ops::Range<usize>)>,
    /// Empty: the engine's own architecture.
    pub arches: Vec<(String, std::ops::Range<usize>)>,
    /// Target patterns: `debian-11`, `fedora-*/arm64`, `*+minimal`.
    pub exclude: Vec<(String, std::ops::Range<usize>)>,
    /// Values by variant name; empty: one unnamed variant.
    pub variants: BTreeMap<String, BTreeMap<String, String>>,
}

/// What a target is, for override selectors. Terms are matched by kind; the more specific kind wins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selection {
    pub format: String,
    pub manager: String,
    /// `debian`
    pub distro: String,
    /// `debian-12`
    pub distro_version: String,
    /// Debian's name of the architecture.
    pub arch: String,
    pub variant: Option<String>,
}

/// What is wrong with a recipe, in a form that `cli` renders with the source text.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecipeError {
    #[error("cannot read {}: {reason}", .path.display())]
    Read { path: PathBuf, reason: String },
    #[error("{} is not a valid recipe", .path.display())]
    Invalid { path: PathBuf, text: std::sync::Arc<str>, problems: Vec<Problem> },
}

/// One mistake: what, where (bytes), what is meant, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub message: String,
    pub span: std::ops::Range<usize>,
    /// Shown at the caret: "did you mean `requires`, in \[build\]?"
    pub label: String,
    pub help: Option<String>,
}

/// The part of `[package]` and `[packages.KEY]` that is about the installed system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct System {
    /// Units of systemd that the package's files hold, by their full name: `greetd.service`.
    pub services: BTreeMap<String, Service>,
    /// System users by name, each with a group of that name.
    pub users: BTreeMap<String, SystemUser>,
    /// System groups.
    pub groups: Vec<String>,
    /// Lines of tmpfiles.d(5).
    pub tmpfiles: Vec<String>,
    /// Alternatives by name, as update-alternatives(1) knows them.
    pub alternatives: BTreeMap<String, Alternative>,
    /// Where earlier versions had links and this one has folders: what each link led to, by its path.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub former_links: BTreeMap<String, String>,
}

/// What is done with a unit; where a choice is `None`, the distribution's own policy holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Service {
    /// At first installation.
    pub enable: Option<bool>,
    /// At first installation.
    pub start: Option<bool>,
    /// After an upgrade, if it runs.
    pub restart: bool,
}

/// A user without a password and a login shell.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct SystemUser {
    pub comment: Option<String>,
    /// Not made by whatever makes the user.
    pub home: Option<String>,
    pub shell: Option<String>,
    /// Beside the user's own one.
    pub groups: Vec<String>,
}

/// One of several files that can stand behind a common name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Alternative {
    pub link: AlternativeLink,
    pub priority: u32,
    /// Links that go where the first one goes, by name: man pages.
    pub dependents: BTreeMap<String, AlternativeLink>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct AlternativeLink {
    /// The common name: `/usr/bin/editor`.
    pub link: String,
    /// The package's own file: `/usr/bin/nano`.
    pub path: String,
}

impl System {
    pub fn is_empty(&self) -> bool {
        *self == System::default()
    }
}
