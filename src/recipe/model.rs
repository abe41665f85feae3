//! What a recipe says, for one target, and how it is said that a recipe is wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::RecipeText;
use super::installed::System;
use super::repository::Repository;
use crate::types::{Address, LintLevel};

/// A recipe for one target: every override that matches it is applied, and what it leaves to the project is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recipe {
    /// The folder of `farm.toml`: relative paths in the recipe start here.
    pub(crate) root: PathBuf,
    pub(crate) package: Package,
    pub(crate) sources: Vec<Source>,
    /// Lock files by ecosystem, as paths in the source tree.
    pub(crate) modules: BTreeMap<Ecosystem, Vec<String>>,
    /// In the order in which they are asked.
    pub(crate) repositories: Vec<Repository>,
    pub(crate) build: Build,
    /// Where the steps run; none: in the target's own distribution.
    pub(crate) environment: Option<Environment>,
    /// Split packages by key (`dev`, `doc`).
    pub(crate) packages: BTreeMap<String, SubPackage>,
    pub(crate) packaging: Packaging,
    pub(crate) test: Option<Test>,
    pub(crate) limits: RecipeLimits,
    /// By rule.
    pub(crate) waivers: BTreeMap<String, Waiver>,
    /// What findings of linters are, by rule.
    pub(crate) lint: BTreeMap<String, LintLevel>,
    /// Values of the target's variant, given to scripts as `FARM_VARIANT_<NAME>`; empty without one.
    pub(crate) variant: BTreeMap<String, String>,
    /// Values of `[parameters]`, given to scripts as `FARM_PARAM_<NAME>`.
    pub(crate) parameters: BTreeMap<String, String>,
}

/// `[package]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Upstream version; no `-`.
    pub(crate) version: String,
    pub(crate) release: u32,
    pub(crate) epoch: u32,
    pub(crate) summary: String,
    pub(crate) description: String,
    /// SPDX expression.
    pub(crate) license: String,
    pub(crate) homepage: Option<String>,
    /// `Name <address>`
    pub(crate) maintainer: String,
    /// Who hands the packages out, in one line.
    pub(crate) vendor: Option<String>,
    /// Debian section.
    pub(crate) section: String,
    /// RPM group.
    pub(crate) group: Option<String>,
    pub(crate) architecture: PackageArch,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) multi_arch: Option<MultiArch>,
    pub(crate) relations: Relations,
    /// What the main package takes, as in [`SubPackage::files`]; empty: all that no other package takes.
    pub(crate) files: Vec<String>,
    /// `files = []`: it is there for what it requires, and to have no files is no mistake.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_empty: bool,
    /// Configuration files, absolute paths: conffiles, `%config(noreplace)`.
    pub(crate) config_files: Vec<String>,
    pub(crate) system: System,
    pub(crate) scripts: MaintainerScripts,
    /// Seconds since the epoch: changelog date and SOURCE_DATE_EPOCH; none: taken from the sources.
    pub(crate) date: Option<i64>,
    /// The date that takes its place when it turns out that the sources have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fallback_date: Option<i64>,
    /// What the changelog says of this version; empty: only that it was built.
    pub(crate) changelog: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Hash)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PackageArch {
    /// Built for each architecture.
    Any,
    /// Built once: `Architecture: all`, `BuildArch: noarch`.
    All,
}

/// How a .deb stands to packages of other architectures (deb-control(5)); .rpm files have no such field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Hash)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MultiArch {
    /// Installed beside itself for another architecture.
    Same,
    /// Serves packages of all architectures.
    Foreign,
    /// Serves them where they ask for it: `python3:any`.
    Allowed,
}

impl MultiArch {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            MultiArch::Same => "same",
            MultiArch::Foreign => "foreign",
            MultiArch::Allowed => "allowed",
        }
    }
}

/// Relations to other packages, in the words and version syntax of the target's format:
/// `libfoo (>= 1.2)` for deb, `libfoo >= 1.2` for rpm. farm writes either from either.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Relations {
    /// Required, and there before the scripts of this package run. deb: Pre-Depends; rpm: Requires(pre).
    pub(crate) pre_requires: Vec<String>,
    pub(crate) requires: Vec<String>,
    pub(crate) recommends: Vec<String>,
    pub(crate) suggests: Vec<String>,
    /// The other way round: packages that would suggest this one.
    pub(crate) enhances: Vec<String>,
    /// Packages that would recommend this one; only rpm has it.
    pub(crate) supplements: Vec<String>,
    pub(crate) provides: Vec<String>,
    pub(crate) conflicts: Vec<String>,
    /// deb: Replaces + Breaks; rpm: Obsoletes.
    pub(crate) replaces: Vec<String>,
}

/// Shell run by the package manager on the user's machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct MaintainerScripts {
    pub(crate) pre_install: Option<String>,
    pub(crate) pre_upgrade: Option<String>,
    pub(crate) post_install: Option<String>,
    pub(crate) post_upgrade: Option<String>,
    pub(crate) pre_remove: Option<String>,
    pub(crate) post_remove: Option<String>,
    /// In a .deb only.
    pub(crate) purge: Option<String>,
    /// In an .rpm only.
    pub(crate) post_transaction: Option<String>,
}

/// `[packages.KEY]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct SubPackage {
    /// Default: `<name>-<key>`, but `-devel` for `dev` in rpm.
    pub(crate) name: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) section: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) architecture: Option<PackageArch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) multi_arch: Option<MultiArch>,
    /// Glob patterns over the staged tree, absolute: `/usr/include/**`. `${libdir}` is the target's library folder.
    pub(crate) files: Vec<String>,
    pub(crate) config_files: Vec<String>,
    pub(crate) relations: Relations,
    pub(crate) system: System,
    pub(crate) scripts: MaintainerScripts,
}

/// `[[sources]]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Source {
    pub(crate) origin: Origin,
    /// Leading path components to drop when unpacking; archives: 1, paths and git: 0.
    pub(crate) strip: u32,
    /// Folder below the source tree to unpack into; `.` is its top.
    pub(crate) into: String,
    /// Whether the recipe itself says how much to strip: then what has no such folder above it may be dropped.
    #[serde(skip)]
    pub(crate) strip_said: bool,
    /// Whether an archive is unpacked; a file that is none is copied anyway.
    pub(crate) unpack: bool,
    /// Whether `.gitignore` files say what is no part of a `path` source.
    #[serde(skip_serializing_if = "is_true")]
    pub(crate) gitignore: bool,
    /// Applied in order, in `into`; those of a series first.
    pub(crate) patches: Vec<Patch>,
    /// Lines of context that a hunk may do without.
    pub(crate) fuzz: u32,
    /// Where the recipe says where to get it from.
    #[serde(skip)]
    pub(crate) place: SourcePlace,
}

impl Source {
    /// All of it, as it is, at the top of the tree, and said by no recipe.
    pub(crate) fn whole(origin: Origin) -> Source {
        Source {
            origin,
            strip: 0,
            into: ".".to_owned(),
            strip_said: true,
            unpack: true,
            gitignore: true,
            patches: Vec::new(),
            fuzz: 0,
            place: SourcePlace::default(),
        }
    }
}

/// A place in a recipe's text, for what is found wrong with a source later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SourcePlace {
    /// In bytes.
    pub(crate) span: std::ops::Range<usize>,
    /// The file in which the source stands.
    pub(crate) path: PathBuf,
    /// 1-based; 0 when the source stands in no recipe.
    pub(crate) line: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_true(value: &bool) -> bool {
    *value
}

/// One patch of a source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Patch {
    /// Relative to the recipe.
    pub(crate) path: String,
    /// Leading folders to drop from the names in it: `patch -pN`.
    pub(crate) strip: u32,
    /// Where the recipe names it, where it does itself.
    #[serde(skip)]
    pub(crate) place: Option<SourcePlace>,
}

impl Patch {
    /// The name under which it lies among the patches of a build, as the `number`th of all: `0001-fix-build.patch`.
    pub(crate) fn file_name(&self, number: usize) -> String {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        let stem = name.strip_suffix(".patch").or_else(|| name.strip_suffix(".diff")).unwrap_or(name);
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.+".contains(c) { c } else { '-' };
        format!("{number:04}-{}.patch", stem.chars().map(plain).collect::<String>())
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Origin {
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
    /// A file that stands in the recipe.
    Text {
        /// Its name, without folders.
        file: String,
        text: String,
        executable: bool,
    },
}

/// The modules of one language and its tools: a key of `[modules]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ecosystem {
    Cargo,
    Go,
    Npm,
    Pip,
}

impl Ecosystem {
    pub(crate) const ALL: [Ecosystem; 4] = [Ecosystem::Cargo, Ecosystem::Go, Ecosystem::Npm, Ecosystem::Pip];

    /// As recipes write it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Ecosystem::Cargo => "cargo",
            Ecosystem::Go => "go",
            Ecosystem::Npm => "npm",
            Ecosystem::Pip => "pip",
        }
    }
}

/// `[build]`: scripts are POSIX sh run with `-e` in the source tree as an unprivileged user.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Build {
    pub(crate) requires: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) build: Option<String>,
    pub(crate) check: Option<String>,
    /// Installs into `$DESTDIR`.
    pub(crate) install: Option<String>,
    /// Leave the network on while building. Off by default.
    pub(crate) network: bool,
    #[serde(skip_serializing_if = "Strip::is_usual")]
    pub(crate) strip: Strip,
    #[serde(skip_serializing_if = "PrivateLibraries::is_usual")]
    pub(crate) private_libraries: PrivateLibraries,
    /// Sorted, each once.
    pub(crate) cache: Vec<BuildCache>,
}

/// The cache of a tool, which farm keeps from one build to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BuildCache {
    Ccache,
    Go,
}

impl BuildCache {
    pub(crate) const ALL: [BuildCache; 2] = [BuildCache::Ccache, BuildCache::Go];

    /// As recipes write it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            BuildCache::Ccache => "ccache",
            BuildCache::Go => "go",
        }
    }
}

/// Which shared libraries are the packages' own: others neither link to them nor depend on them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PrivateLibraries {
    /// Those in folders where the loader does not look by itself.
    #[default]
    Unsearched,
    /// These patterns' libraries, too.
    And(Vec<String>),
    /// None is: other packages find those in unusual folders as well.
    None,
}

impl PrivateLibraries {
    fn is_usual(&self) -> bool {
        *self == PrivateLibraries::Unsearched
    }

    /// The patterns of private libraries in folders where the loader looks.
    pub(crate) fn named(&self) -> &[String] {
        match self {
            PrivateLibraries::And(patterns) => patterns,
            PrivateLibraries::Unsearched | PrivateLibraries::None => &[],
        }
    }
}

/// Which programs and libraries lose their symbols. Files with something behind their ELF image never do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Strip {
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
    pub(crate) fn left_alone(&self) -> Vec<String> {
        match self {
            Strip::All => Vec::new(),
            Strip::None => vec!["/**".to_owned()],
            Strip::Except(patterns) => patterns.clone(),
        }
    }
}

/// `[environment]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Environment {
    #[serde(flatten)]
    pub(crate) origin: EnvironmentOrigin,
    pub(crate) tools: PackagingTools,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EnvironmentOrigin {
    /// A tag or digest, in the engine's store or a registry.
    Image(String),
    /// The id of a distribution: its base image, with what the build requires installed by its own package manager.
    Distro(String),
    /// An image that the engine makes, taken as it is.
    Dockerfile(Dockerfile),
}

/// A Dockerfile and how it is built.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Dockerfile {
    /// Relative to the recipe; the file lies in `context`.
    pub(crate) path: String,
    /// The folder whose files it can copy, relative to the recipe.
    pub(crate) context: String,
    /// The stage to build; none: the last.
    pub(crate) target: Option<String>,
    /// Build arguments.
    pub(crate) args: BTreeMap<String, String>,
}

/// Who makes packages of what was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Hash)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PackagingTools {
    /// The image's own tools where it has them, else farm.
    Auto,
    Image,
    Farm,
}

/// Packaging that the project brings itself, used as it is; paths in the source tree after unpacking.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Packaging {
    /// Folder with `control`, `changelog`, `rules`: used for deb targets.
    pub(crate) debian: Option<String>,
    /// Used for rpm targets.
    pub(crate) spec: Option<String>,
    /// Shell that runs in the source tree before its packaging is read.
    pub(crate) prepare: Option<String>,
    /// Macros for the .spec, as after `rpmbuild --define`: name and body.
    pub(crate) define: BTreeMap<String, String>,
    /// Whether the distribution's tag is put behind its version: `~deb12`, `%{?dist}`. `Some(false)`: packages of several
    /// distributions may have one name.
    pub(crate) distribution_suffix: Option<bool>,
    /// The version that it says of the packages, as far as that is known before it is built.
    pub(crate) version: Option<OwnVersion>,
    /// Debian packages by the names that the .spec's requirements have, for builds on a Debian base.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) stand_ins: BTreeMap<String, String>,
    /// What the .spec requires to be built, as far as it is read; for builds on a Debian base. What becomes of it is in
    /// `[build] requires`.
    #[serde(skip)]
    pub(crate) required: Vec<OwnRequirement>,
    /// Whether the recipe's version stands in its place, as that of a tree between two releases does.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) replaces_version: bool,
}

/// The version of a project's own packaging.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct OwnVersion {
    /// As it is written: `1:2.10-3`. Of a .spec with `%{?dist}` where it has that.
    pub(crate) written: String,
    /// The part of it that is the project's: `2.10`.
    pub(crate) upstream: String,
}

/// Something that the project's own .spec requires to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnRequirement {
    /// Of the .spec, from 1.
    pub(crate) line: usize,
    /// `pkgconfig(zlib) >= 1.2`
    pub(crate) text: String,
    /// Whether it is surely required, and surely this.
    pub(crate) is_certain: bool,
}

/// `[test]`: runs as root in a fresh container in which the built packages are installed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Test {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) script: Option<String>,
    /// Packages to install beside.
    pub(crate) requires: Vec<String>,
    /// Leave the network on while the packages are installed, tried and removed. Off by default.
    pub(crate) network: bool,
    /// Tests of the project's own that are not run, and why; `*` is all of them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) skip: BTreeMap<String, String>,
    /// A package, or a folder of some, below the recipe's folder: what the upgrade begins with in place of what `dist/` has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upgrade_from: Option<String>,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RecipeLimits {
    pub(crate) memory_bytes: u64,
    pub(crate) pids: u32,
    /// For all that is done to build, and for each part of the test.
    pub(crate) timeout: Duration,
    /// Time without any output.
    pub(crate) stall: Duration,
    pub(crate) log_bytes: u64,
}

/// `[waivers.RULE]`: what a rule of the package check finds, and is meant so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Waiver {
    /// Empty: whatever it finds.
    pub(crate) paths: Vec<String>,
    pub(crate) reason: String,
}

/// `[matrix]` and `[matrix.NAME]`: patterns, not yet matched against the catalogue.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct MatrixSpec {
    /// Distribution ids or globs: `debian-*`. With the byte span in the file, for errors of `matrix`.
    pub(crate) distros: Vec<(String, std::ops::Range<usize>)>,
    /// Empty: the engine's own architecture.
    pub(crate) arches: Vec<(String, std::ops::Range<usize>)>,
    /// Target patterns: `debian-11`, `fedora-*/arm64`, `*+minimal`.
    pub(crate) exclude: Vec<(String, std::ops::Range<usize>)>,
    /// Values by variant name; empty: one unnamed variant.
    pub(crate) variants: BTreeMap<String, BTreeMap<String, String>>,
}

/// What a target is, for override selectors. Terms are matched by kind; the more specific kind wins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selection {
    /// The package format: `deb` or `rpm`.
    pub format: String,
    /// The package manager: `apt`, `dnf` or `zypper`.
    pub manager: String,
    /// `debian`
    pub distro: String,
    /// `debian-12`
    pub distro_version: String,
    /// Debian's name of the architecture.
    pub arch: String,
    /// The variant's name in the matrix; none for a target without one.
    pub variant: Option<String>,
}

/// What is wrong with a recipe, in a form that `cli` renders with the source text.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecipeError {
    /// The file cannot be read from disk.
    #[error("cannot read {}: {reason}", .path.display())]
    Read {
        /// The recipe's file, on this host.
        path: PathBuf,
        /// The answer of the operating system, or that the text is no UTF-8.
        reason: String,
    },
    /// The file is read, and what it says is wrong.
    #[error("{} is not a valid recipe", .path.display())]
    Invalid {
        /// The recipe's file, on this host.
        path: PathBuf,
        /// The recipe's whole text, for showing the places.
        text: RecipeText,
        /// All mistakes, not only the first.
        problems: Vec<Problem>,
    },
}

/// One mistake: what, where (bytes), what is meant, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub(crate) message: String,
    pub(crate) span: std::ops::Range<usize>,
    /// Shown at the caret: "did you mean `requires`, in \[build\]?"
    pub(crate) label: String,
    pub(crate) help: Option<String>,
}
