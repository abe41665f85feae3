//! Distributions as data: `distros/*.toml` -> [`Distro`]. Two axes, package manager and package format, and what a
//! build needs to know. This module reads and checks; it runs nothing and fetches nothing.

mod catalogue;
mod parse;

pub use catalogue::{Catalogue, keyring};

use serde::Serialize;

use crate::types::{Arch, Format, Linter, PackageManager};

/// What rpm does by itself when files of a kind are installed, by triggers of the distribution's own packages or of rpm:
/// scriptlets that would do the same are left out. An rpm without file triggers is older than 4.13.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// glibc's, for libraries.
    Ldconfig,
    /// systemd's, for `/usr/lib/tmpfiles.d`.
    Tmpfiles,
    /// rpm's own, for `/usr/lib/sysusers.d`, before anything is unpacked.
    Users,
}

impl Trigger {
    /// Every trigger that a definition can name.
    pub const ALL: [Trigger; 3] = [Trigger::Ldconfig, Trigger::Tmpfiles, Trigger::Users];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Trigger::Ldconfig => "ldconfig",
            Trigger::Tmpfiles => "tmpfiles",
            Trigger::Users => "users",
        }
    }
}

/// The words in which a .spec speaks to systemd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SystemdWords {
    /// `%systemd_post` and its like, as Fedora has them.
    Macros,
    /// `%service_add_post` and its like.
    SuseMacros,
    /// There are no macros: what they mean is written out.
    Systemctl,
}

impl SystemdWords {
    /// Every choice of words that a definition can name.
    pub const ALL: [SystemdWords; 3] = [SystemdWords::Macros, SystemdWords::SuseMacros, SystemdWords::Systemctl];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            SystemdWords::Macros => "macros",
            SystemdWords::SuseMacros => "suse-macros",
            SystemdWords::Systemctl => "systemctl",
        }
    }
}

/// How the files in an .rpm that farm makes itself are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// Read by every rpm.
    Gzip,
    /// rpm 4.14 and later.
    Zstd,
}

impl Payload {
    /// Every compression that a definition can name.
    pub const ALL: [Payload; 2] = [Payload::Gzip, Payload::Zstd];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Payload::Gzip => "gzip",
            Payload::Zstd => "zstd",
        }
    }
}

/// `[deb]`: what generated Debian packaging has to know of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DebFacts {
    /// The compatibility level to build with: the highest that the release supports (debhelper(7)).
    pub(crate) debhelper: u32,
    /// The version of Debian Policy that the release's own packages follow.
    pub(crate) standards_version: String,
    /// Where the release's helpers look for units, absolute.
    pub(crate) unit_folder: String,
}

/// `[rpm]`: what a generated .spec, and an .rpm that farm makes itself, have to know of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RpmFacts {
    pub(crate) systemd: SystemdWords,
    /// The package with these macros.
    pub(crate) systemd_macros: Option<String>,
    /// The package with the macros that write scriptlets of a sysusers.d file (`%sysusers_generate_pre`). None: there are none,
    /// and scriptlets run useradd, unless rpm makes users itself: [`Trigger::Users`].
    pub(crate) user_macros: Option<String>,
    pub(crate) payload: Payload,
    /// The folder of programs for root, absolute.
    pub(crate) sbin: String,
    /// Whether a package says its group.
    pub(crate) group_tag: bool,
}

/// What `[toolchains]` can name: what projects ask for a version of.
pub(crate) const TOOLCHAINS: [&str; 7] = ["rust", "go", "node", "python", "ruby", "cmake", "meson"];

/// `[toolchains]`: the versions of languages and build systems that a release has. For advice: no build asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Toolchains {
    /// By the names in [`TOOLCHAINS`], as far as they are known: `1.63`.
    pub(crate) versions: std::collections::BTreeMap<String, String>,
    /// What else the release has, in packages of another name.
    pub(crate) newer: std::collections::BTreeMap<String, Newer>,
}

/// `[toolchains.newer.NAME]`: a newer version than the one that goes by the plain name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newer {
    pub(crate) version: String,
    /// The package to require in place of the usual one.
    pub(crate) package: String,
    /// The folder of its programs, absolute, where they are not in the usual one.
    pub(crate) folder: Option<String>,
}

/// Where a distribution stands in its life, as far as `end_of_life` does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// The release is out: it is supported until `end_of_life`.
    #[default]
    Released,
    /// To be released: what it holds changes until then, and its end is not known.
    Development,
    /// Never to be released: there is no end.
    Rolling,
}

impl Stage {
    /// Every stage that a definition can name.
    pub const ALL: [Stage; 3] = [Stage::Released, Stage::Development, Stage::Rolling];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Stage::Released => "released",
            Stage::Development => "development",
            Stage::Rolling => "rolling",
        }
    }
}

/// One release of one distribution, `extends` already applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Distro {
    /// `debian-12`: the file's name, and the name in targets.
    pub id: String,
    /// `Debian 12 (bookworm)`
    pub name: String,
    /// `debian`: the name without the release, for override selectors.
    pub family: String,
    /// `12`, `sid`, `tumbleweed`
    pub version: String,
    /// The format of the packages that are built for it.
    pub format: Format,
    /// The package manager that installs build requirements in its images.
    pub manager: PackageManager,
    /// Image reference in a registry; none for a distribution that is only bootstrapped.
    pub image: Option<String>,
    /// The architectures that it can be built for.
    pub arches: Vec<Arch>,
    /// Appended to the release so that upgrades between distributions sort: `~deb12`, `.el9`; may be empty.
    pub release_tag: String,
    /// Not written out: it changes no build.
    #[serde(skip)]
    pub stage: Stage,
    /// The first day without any support, `2028-07-01`; none while rolling or not known.
    pub end_of_life: Option<String>,
    /// Repositories beyond the default ones to enable for build requirements: `crb`, `universe`.
    pub enable_repositories: Vec<String>,
    /// Packages that every build on it needs: `build-essential debhelper`, `rpm-build gcc make`.
    pub build_packages: Vec<String>,
    /// Compiler caches that it has, in packages of the same names. Not written out: a build that asks for one is another.
    #[serde(skip)]
    pub build_caches: Vec<String>,
    /// What its rpm does by itself, so that scriptlets leave it out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<Trigger>,
    /// What packaging for a .deb has to know of the release.
    pub deb: DebFacts,
    /// What packaging for an .rpm has to know of the release.
    pub rpm: RpmFacts,
    /// What `farm init` compares with what a project asks for. Not written out: it changes no build.
    #[serde(skip)]
    pub toolchains: Toolchains,
    /// What looks through its packages; none: nothing does. Not written out: it changes no build.
    #[serde(skip)]
    pub lint: Option<LintPlace>,
    /// Extra `rpmbuild --define` macros, for RPM formats.
    pub macros: std::collections::BTreeMap<String, String>,
    /// How farm makes the base image itself; none where it only comes from a registry.
    pub bootstrap: Option<Bootstrap>,
    /// Shell run once as root in the base, with network, before it is used: for what data cannot say.
    pub setup: Option<String>,
    /// `sha256:` and the hash of all of the above as canonical JSON, keyrings by content: an input of every key. Without
    /// `name`, `stage` and `end_of_life`, which change no build.
    pub digest: String,
}

impl Distro {
    /// Whether packages are built with a package manager that is not of their format: RPMs on a Debian base. rpm itself
    /// installs them there, knows of nothing else that is installed, and reads no index.
    pub(crate) fn is_foreign(&self) -> bool {
        self.manager.format() != self.format
    }

    /// Whether it is without any support on a day, `2026-11-29`: ISO dates sort as text.
    pub(crate) fn has_ended(&self, today: &str) -> bool {
        self.end_of_life.as_deref().is_some_and(|end| end <= today)
    }
}

/// `[lint]`: the linter that knows the packages of a distribution, and where it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LintPlace {
    /// In a container of the distribution itself, which has it in these packages.
    Here {
        /// The linter.
        linter: Linter,
        /// The packages to install for it.
        packages: Vec<String>,
    },
    /// In one of the distribution with this id, and with its linter.
    On(String),
}

/// How to make the base image from the distribution's own signed archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bootstrap {
    /// The archive's name for mirror choice and `mirror://NAME/…`: `debian`, `ubuntu`.
    pub archive: String,
    /// The public mirror, used when neither flag, configuration nor the host's own apt names another.
    pub(crate) mirror: String,
    /// `bookworm`
    pub suite: String,
    /// Further suites of the same archive to enable after the bootstrap: `bookworm-updates`.
    pub updates: Vec<String>,
    /// The security archive: its mirror-choice name, public mirror and suite.
    pub security: Option<Security>,
    /// The components of each suite to read: `main`, `universe`.
    pub components: Vec<String>,
    /// What [`keyring`] takes: file names below `distros/keyrings/`, embedded in the binary, or paths of the user's own.
    pub keyrings: Vec<String>,
    /// Packages beyond Essential, apt and their closure: `ca-certificates`.
    pub(crate) include: Vec<String>,
    /// Tolerate an InRelease past its Valid-Until (said aloud on every use): for mirrors that lag.
    pub(crate) tolerate_expired: bool,
    /// Where former states of the archive are, with `{time}` in it for `20260131T120000Z`. It changes no base.
    #[serde(skip)]
    pub(crate) snapshot: Option<String>,
}

impl Bootstrap {
    /// Where the former states of an archive of it are.
    pub(crate) fn snapshot(&self, archive: &str) -> Option<&str> {
        let security = self.security.iter().map(|security| (&security.archive, &security.snapshot));
        let mut all = std::iter::once((&self.archive, &self.snapshot)).chain(security);
        all.find_map(|(name, snapshot)| snapshot.as_deref().filter(|_| name == archive))
    }

    /// The names of its archives, each with the public mirror.
    pub(crate) fn archives(&self) -> impl Iterator<Item = (&str, &str)> {
        let security = self.security.iter().map(|security| (security.archive.as_str(), security.mirror.as_str()));
        std::iter::once((self.archive.as_str(), self.mirror.as_str())).chain(security)
    }
}

/// The archive of security updates that goes with a [`Bootstrap`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Security {
    /// The archive's name for mirror choice: `debian-security`.
    pub archive: String,
    pub(crate) mirror: String,
    /// As that of [`Bootstrap`].
    #[serde(skip)]
    pub(crate) snapshot: Option<String>,
    /// The suite with the updates: `bookworm-security`.
    pub suite: String,
}

/// Why a definition of a distribution cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DistroError {
    /// The file cannot be read from disk.
    #[error("cannot read {}: {reason}", .path.display())]
    Read {
        /// The definition's file, on this host.
        path: std::path::PathBuf,
        /// The answer of the operating system.
        reason: String,
    },
    /// The file is read, and what it says is wrong.
    #[error("{} is not a valid distribution: {message}", .path.display())]
    Invalid {
        /// The definition's file; of a built-in one its name.
        path: std::path::PathBuf,
        /// The file's whole text, for showing the place.
        text: std::sync::Arc<str>,
        /// The place of the mistake in `text`, in bytes.
        span: std::ops::Range<usize>,
        /// What is wrong, as a fragment of a sentence.
        message: String,
        /// What to write instead, where that is known.
        help: Option<String>,
    },
}

#[cfg(test)]
mod tests;
