//! The text of a lock: TOML with what all targets of a distribution have in common once, in an order that says in a diff
//! what has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::LockError;
use super::model::{LockedPackage, LockedSource, LockedSuite, LockedTarget};

/// The file beside the recipe.
pub(crate) const LOCK_FILE: &str = "farm.lock";

/// The shape that this version writes, and the only one that it reads.
const VERSION: u32 = 1;

const HEADER: &str = "# What the packages of this recipe were built from, written by `farm lock`. `farm build --locked` builds from\n\
    # nothing else.\n";

/// All of one recipe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lock {
    /// By archive and suite.
    pub(crate) suites: BTreeMap<(String, String), LockedSuite>,
    /// By the id of the target: `hello@debian-12/amd64`.
    pub(crate) targets: BTreeMap<String, LockedTarget>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: u32,
    #[serde(default)]
    archive: Vec<ArchiveText>,
    #[serde(default)]
    system: Vec<SystemText>,
    #[serde(default)]
    target: Vec<TargetText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchiveText {
    name: String,
    suite: String,
    sha256: String,
    seen: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SystemText {
    name: String,
    packages: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetText {
    name: String,
    #[serde(default)]
    images: BTreeMap<String, String>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    packages: Vec<String>,
}

/// The distribution and architecture of a target's id: `debian-12/amd64`.
fn system(target: &str) -> &str {
    target.split_once('@').map_or(target, |(_, system)| system)
}

impl Lock {
    /// The lock of the recipe in this folder.
    ///
    /// # Errors
    /// [`LockError::Missing`] where there is none.
    pub(crate) fn read(folder: &Path) -> Result<Lock, LockError> {
        let path = folder.join(LOCK_FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => Lock::parse(&text).map_err(|reason| LockError::Invalid { path, reason }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(LockError::Missing(path)),
            Err(error) => Err(LockError::Io { path, reason: error.to_string() }),
        }
    }

    /// Writes the file anew; a reader sees the old one or the new one. Nothing is written when nothing has changed.
    ///
    /// # Errors
    /// [`LockError::Io`]
    pub(crate) fn write(&self, folder: &Path) -> Result<(PathBuf, bool), LockError> {
        let path = folder.join(LOCK_FILE);
        let text = self.text();
        if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
            return Ok((path, false));
        }
        let failed = |error: std::io::Error| LockError::Io { path: path.clone(), reason: error.to_string() };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut builder = tempfile::Builder::new();
        // As other files of a project are: those of tempfile are for their owner alone.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.prefix(".farm.lock").tempfile_in(folder).map_err(failed)?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok((path, true))
    }

    /// How a newer lock differs, each as a clause with what it is of.
    pub(crate) fn differences(&self, new: &Lock) -> Vec<String> {
        let mut differences = Vec::new();
        for (place, suite) in &new.suites {
            if self.suites.get(place).is_none_or(|known| known.sha256 != suite.sha256) {
                differences.push(format!("the archive {} {} has another state", suite.archive, suite.suite));
            }
        }
        for (name, target) in &new.targets {
            match self.targets.get(name) {
                None => differences.push(format!("{name} is not in it")),
                Some(known) => {
                    differences.extend(known.changes(target).iter().map(|change| format!("{name}: {change}")))
                }
            }
        }
        differences
    }

    /// The error is the reason, with its line.
    pub(crate) fn parse(text: &str) -> Result<Lock, String> {
        let text: Text = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            format!("{line}{}", error.message())
        })?;
        if text.version != VERSION {
            return Err(format!("it has the shape {}, and this farm reads {VERSION}", text.version));
        }
        let mut lock = Lock::default();
        for ArchiveText { name, suite, sha256, seen } in text.archive {
            if !is_sum(&sha256) {
                return Err(format!("the sha256 of {name} {suite} has to have 64 hexadecimal digits"));
            }
            if chrono::DateTime::parse_from_rfc3339(&seen).is_err() {
                return Err(format!("{seen} of {name} {suite} is no time as 2026-01-31T12:00:00Z"));
            }
            let known = LockedSuite { archive: name.clone(), suite: suite.clone(), sha256, seen };
            if lock.suites.insert((name.clone(), suite.clone()), known).is_some() {
                return Err(format!("{name} {suite} is in it twice"));
            }
        }
        let mut systems: BTreeMap<String, BTreeSet<LockedPackage>> = BTreeMap::new();
        for SystemText { name, packages } in text.system {
            let packages = packages.iter().map(|line| package(line)).collect::<Result<_, _>>()?;
            if systems.insert(name.clone(), packages).is_some() {
                return Err(format!("{name} is in it twice"));
            }
        }
        for TargetText { name, images, sources, packages } in text.target {
            let mut all = systems.get(system(&name)).cloned().unwrap_or_default();
            for line in &packages {
                all.insert(package(line)?);
            }
            let sources = sources.iter().map(|line| source(line)).collect::<Result<_, _>>()?;
            if lock.targets.insert(name.clone(), LockedTarget { images, sources, packages: all }).is_some() {
                return Err(format!("{name} is in it twice"));
            }
        }
        Ok(lock)
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("{HEADER}version = {VERSION}\n");
        for suite in self.suites.values() {
            let _ = write!(
                text,
                "\n[[archive]]\nname = {}\nsuite = {}\nsha256 = {}\nseen = {}\n",
                quoted(&suite.archive),
                quoted(&suite.suite),
                quoted(&suite.sha256),
                quoted(&suite.seen)
            );
        }
        // What all targets of a system have.
        let mut common: BTreeMap<&str, BTreeSet<&LockedPackage>> = BTreeMap::new();
        for (name, target) in &self.targets {
            let own = || target.packages.iter().collect::<BTreeSet<_>>();
            common
                .entry(system(name))
                .and_modify(|packages| packages.retain(|package| target.packages.contains(*package)))
                .or_insert_with(own);
        }
        for (name, packages) in common.iter().filter(|(_, packages)| !packages.is_empty()) {
            let _ = write!(text, "\n[[system]]\nname = {}\n", quoted(name));
            list(&mut text, "packages", packages.iter().map(ToString::to_string));
        }
        for (name, target) in &self.targets {
            let _ = write!(text, "\n[[target]]\nname = {}\n", quoted(name));
            if !target.images.is_empty() {
                let images = target.images.iter().map(|(name, value)| format!("{} = {}", quoted(name), quoted(value)));
                let _ = writeln!(text, "images = {{ {} }}", images.collect::<Vec<_>>().join(", "));
            }
            list(&mut text, "sources", target.sources.iter().map(ToString::to_string));
            let of_system = &common[system(name)];
            let own = target.packages.iter().filter(|package| !of_system.contains(package));
            list(&mut text, "packages", own.map(ToString::to_string));
        }
        text
    }
}

fn list(text: &mut String, key: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    let _ = writeln!(text, "{key} = [");
    for line in lines {
        let _ = writeln!(text, "    {},", quoted(&line));
    }
    text.push_str("]\n");
}

/// As a basic string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn is_sum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// `NAME VERSION ARCHITECTURE [sha256:SUM]`
fn package(line: &str) -> Result<LockedPackage, String> {
    let wrong = || format!("`{line}` is not NAME VERSION ARCHITECTURE [sha256:SUM]");
    let words: Vec<&str> = line.split(' ').collect();
    let (named, sum) = match words[..] {
        [name, version, architecture] => ([name, version, architecture], None),
        [name, version, architecture, sum] => ([name, version, architecture], Some(sum)),
        _ => return Err(wrong()),
    };
    let sha256 = match sum.map(|sum| sum.strip_prefix("sha256:").filter(|sum| is_sum(sum))) {
        None => None,
        Some(Some(sum)) => Some(sum.to_owned()),
        Some(None) => return Err(wrong()),
    };
    if named.iter().any(|word| word.is_empty() || !word.chars().all(|c| c.is_ascii_graphic())) {
        return Err(wrong());
    }
    let [name, version, architecture] = named.map(str::to_owned);
    Ok(LockedPackage { name, version, architecture, sha256 })
}

/// `URL PIN`
fn source(line: &str) -> Result<LockedSource, String> {
    let (url, pin) = line.split_once(' ').ok_or_else(|| format!("`{line}` is not URL PIN"))?;
    Ok(LockedSource { url: url.to_owned(), pin: pin.to_owned() })
}
