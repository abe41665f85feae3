//! .buildinfo files (deb-buildinfo(5)): what packages were built of, where and how, read and written. The format says nothing
//! that only Debian's packages have, so farm writes it for .rpm packages, too. Who wrote one is for others to find out: what it
//! says of packages is a claim, and nothing of it is done before it is checked.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::deb822::{field, only_paragraph, push};
use super::openpgp::text_of_cleartext;
use super::version;
use crate::types::{Format, printable};

/// The largest that is read: packages of a builder are some thousand.
pub(crate) const LARGEST: u64 = 4 << 20;

/// What a path or a value may have: Linux's own bound for a path.
const LONGEST_PATH: usize = 4096;

/// A file with its size and its hex sum.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sum {
    pub(crate) size: u64,
    pub(crate) sha256: String,
}

/// A package that was installed, `libc6 (= 2.36-9)`, or of another architecture `libc6:i386 (= 2.36-9)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Installed {
    pub(crate) name: String,
    pub(crate) arch: Option<String>,
    pub(crate) version: String,
}

/// What a .buildinfo says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Buildinfo {
    pub(crate) source: String,
    /// Of the source package: that of the packages, unless these were only built anew.
    pub(crate) source_version: String,
    pub(crate) version: String,
    /// Names of the packages; empty where the file does not say.
    pub(crate) binaries: Vec<String>,
    /// `amd64`, `all`, `source`
    pub(crate) architectures: BTreeSet<String>,
    /// Of the files that were made, by their plain names.
    pub(crate) files: BTreeMap<String, Sum>,
    /// `Debian`
    pub(crate) origin: Option<String>,
    /// The architecture of the builder.
    pub(crate) build_architecture: String,
    pub(crate) date: Option<DateTime<Utc>>,
    /// The folder of the sources: absolute, without `.` and `..`.
    pub(crate) path: Option<String>,
    /// The entry of the changelog that packages have which were only built anew.
    pub(crate) binary_only_changes: Option<String>,
    pub(crate) installed: Vec<Installed>,
    pub(crate) environment: BTreeMap<String, String>,
}

/// Variables that dpkg-genbuildinfo writes down, as nothing in them is the builder's own business: those of dpkg 1.22
/// (`Dpkg::BuildInfo`). Beside them, what it asks dpkg-buildflags: see [`is_flags`].
const VARIABLES: &[&str] = &[
    "CC",
    "CPP",
    "CXX",
    "OBJC",
    "OBJCXX",
    "PC",
    "FC",
    "M2C",
    "AS",
    "LD",
    "AR",
    "RANLIB",
    "MAKE",
    "AWK",
    "LEX",
    "YACC",
    "ASFLAGS",
    "CFLAGS",
    "CPPFLAGS",
    "CXXFLAGS",
    "OBJCFLAGS",
    "OBJCXXFLAGS",
    "GCJFLAGS",
    "DFLAGS",
    "FFLAGS",
    "LDFLAGS",
    "ARFLAGS",
    "MAKEFLAGS",
    "LD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "LC_NUMERIC",
    "LC_TIME",
    "LC_COLLATE",
    "LC_MONETARY",
    "LC_MESSAGES",
    "LC_PAPER",
    "LC_NAME",
    "LC_ADDRESS",
    "LC_TELEPHONE",
    "LC_MEASUREMENT",
    "LC_IDENTIFICATION",
    "DEB_BUILD_OPTIONS",
    "DEB_BUILD_PROFILES",
    "DEB_VENDOR",
    "DPKG_ROOT",
    "DPKG_ADMINDIR",
    "DPKG_DATADIR",
    "DPKG_ORIGINS_DIR",
    "DPKG_GENSYMBOLS_CHECK_LEVEL",
    "SOURCE_DATE_EPOCH",
];

/// `DEB_CFLAGS_SET`
fn is_flags(name: &str) -> bool {
    let inner = name.strip_prefix("DEB_").and_then(|rest| rest.rsplit_once("FLAGS_"));
    inner.is_some_and(|(language, how)| {
        language.bytes().all(|byte| byte.is_ascii_uppercase()) && ["SET", "STRIP", "APPEND", "PREPEND"].contains(&how)
    })
}

/// Whether a .buildinfo may set a variable of a build.
pub(crate) fn is_allowed(variable: &str) -> bool {
    VARIABLES.contains(&variable) || is_flags(variable)
}

impl Buildinfo {
    /// Reads a .buildinfo, clear-signed or not; of a signature nothing is verified.
    ///
    /// # Errors
    /// What is wrong, as it reads behind the name of the file: `has no Version`.
    pub(crate) fn parse(text: &str) -> Result<Buildinfo, String> {
        let unsigned;
        let text = match text.trim_start().starts_with("-----BEGIN PGP SIGNED MESSAGE") {
            true => {
                unsigned = text_of_cleartext(text).map_err(|reason| format!("cannot be read: {reason}"))?;
                &unsigned
            }
            false => text,
        };
        let paragraph = only_paragraph(text)?;
        let get = |name: &str| field(paragraph, name).filter(|value| !value.is_empty());
        let need = |name: &str| get(name).ok_or_else(|| format!("has no {name}"));
        match need("Format")?.split('.').next() {
            Some("0" | "1") => {}
            _ => return Err(format!("is of the format {}, which farm does not know", printable(need("Format")?))),
        }
        let version = need("Version")?;
        let (source, source_version) = match need("Source")?.split_once(' ') {
            None => (need("Source")?, version),
            Some((source, rest)) => {
                let inner = rest.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
                (source, inner.ok_or_else(|| wrong("Source", need("Source").unwrap_or_default()))?)
            }
        };
        if !is_name(source) {
            return Err(wrong("Source", source));
        }
        for one in [version, source_version] {
            // Both formats' words: of a file by farm it may be an .rpm's.
            version::check(Format::Deb, one).or_else(|_| version::check(Format::Rpm, one))?;
        }
        let words = |name: &str| get(name).unwrap_or_default().split_whitespace().map(str::to_owned);
        let architectures: BTreeSet<String> = need("Architecture")?.split_whitespace().map(str::to_owned).collect();
        let build_architecture = need("Build-Architecture")?.to_owned();
        if let Some(odd) = architectures.iter().chain([&build_architecture]).find(|word| !is_word(word)) {
            return Err(wrong("Architecture", odd));
        }
        let binaries: Vec<String> = words("Binary").collect();
        if let Some(odd) = binaries.iter().find(|name| !is_name(name)) {
            return Err(wrong("Binary", odd));
        }
        let date = get("Build-Date").map(|date| {
            DateTime::parse_from_rfc2822(date).map(|date| date.to_utc()).map_err(|_| wrong("Build-Date", date))
        });
        let path = get("Build-Path").map(|path| match is_path(path) {
            true => Ok(path.trim_end_matches('/').to_owned()),
            false => Err(wrong("Build-Path", path)),
        });
        let installed = need("Installed-Build-Depends")?.split(',').map(str::trim).filter(|one| !one.is_empty());
        Ok(Buildinfo {
            source: source.to_owned(),
            source_version: source_version.to_owned(),
            version: version.to_owned(),
            binaries,
            architectures,
            files: sums(need("Checksums-Sha256")?).map_err(|line| wrong("Checksums-Sha256", &line))?,
            origin: get("Build-Origin").map(str::to_owned),
            build_architecture,
            date: date.transpose()?,
            path: path.transpose()?,
            binary_only_changes: get("Binary-Only-Changes").map(unfolded),
            installed: installed.map(installed_package).collect::<Result<_, _>>()?,
            environment: get("Environment").map(environment).transpose()?.unwrap_or_default(),
        })
    }

    /// The packages among its files.
    pub(crate) fn packages(&self) -> impl Iterator<Item = (&str, &Sum)> {
        let is_package =
            |name: &str| [".deb", ".udeb", ".ddeb", ".rpm"].iter().any(|extension| name.ends_with(extension));
        self.files.iter().map(|(name, sum)| (name.as_str(), sum)).filter(move |(name, _)| is_package(name))
    }

    /// As dpkg-genbuildinfo writes it, in the order of its fields.
    pub(crate) fn write(&self) -> String {
        let mut text = String::new();
        let list = |lines: &mut dyn Iterator<Item = String>, end: &str| -> String {
            lines.map(|line| format!("\n {line}")).collect::<Vec<_>>().join(end)
        };
        push(&mut text, "Format", "1.0");
        match self.source_version == self.version {
            true => push(&mut text, "Source", &self.source),
            false => push(&mut text, "Source", &format!("{} ({})", self.source, self.source_version)),
        }
        let mut some = |name: &str, value: &str| {
            if !value.is_empty() {
                // A value of several lines begins on the next one.
                let blank = if value.starts_with('\n') { "" } else { " " };
                text.push_str(&format!("{name}:{blank}{value}\n"));
            }
        };
        some("Binary", &self.binaries.join(" "));
        some("Architecture", &self.architectures.iter().cloned().collect::<Vec<_>>().join(" "));
        some("Version", &self.version);
        let files = &mut self.files.iter().map(|(name, sum)| format!("{} {} {name}", sum.sha256, sum.size));
        some("Checksums-Sha256", &list(files, ""));
        some("Build-Origin", self.origin.as_deref().unwrap_or_default());
        some("Build-Architecture", &self.build_architecture);
        some("Build-Date", &self.date.map(|date| date.to_rfc2822()).unwrap_or_default());
        some("Build-Path", self.path.as_deref().unwrap_or_default());
        let installed = &mut self.installed.iter().map(|package| {
            let arch = package.arch.iter().map(|arch| format!(":{arch}")).collect::<String>();
            format!("{}{arch} (= {})", package.name, package.version)
        });
        some("Installed-Build-Depends", &list(installed, ","));
        let environment =
            &mut self.environment.iter().map(|(name, value)| format!("{name}=\"{}\"", value.replace('"', "\\\"")));
        some("Environment", &list(environment, ""));
        text
    }
}

fn wrong(name: &str, value: &str) -> String {
    let value = value.lines().next().unwrap_or_default();
    let short: String = value.chars().take(80).collect();
    format!("has `{}` in {name}, which is not what deb-buildinfo(5) says", printable(&short))
}

/// A name of a package, as dpkg or rpm has it: also a part of a path.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c))
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// A folder that a build can be at. A container has the system's own in it, which are no place for sources.
fn is_path(path: &str) -> bool {
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').skip(1).collect();
    path.starts_with('/')
        && path.len() <= LONGEST_PATH
        && !path.chars().any(|c| c.is_control() || "'\"\\".contains(c))
        && parts.iter().all(|part| !["", ".", ".."].contains(part))
        && !["proc", "sys", "dev"].contains(&parts[0])
}

/// Lines of sum, size and name: each name plain, and once. The error is the line that is wrong.
pub(crate) fn sums(list: &str) -> Result<BTreeMap<String, Sum>, String> {
    let mut files = BTreeMap::new();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let bad = || line.to_owned();
        let [sha256, size, name] = line.split_whitespace().collect::<Vec<_>>()[..] else { return Err(bad()) };
        let is_sum = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_plain = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "+-._~:%^".contains(c));
        let size = size.parse().ok().filter(|_| is_sum && is_plain).ok_or_else(bad)?;
        let sum = Sum { size, sha256: sha256.to_ascii_lowercase() };
        if files.insert(name.to_owned(), sum).is_some() {
            return Err(bad());
        }
    }
    Ok(files)
}

fn installed_package(text: &str) -> Result<Installed, String> {
    let bad = || wrong("Installed-Build-Depends", text);
    let (name, rest) = text.split_once(' ').ok_or_else(bad)?;
    let version = rest.trim().strip_prefix("(=").and_then(|rest| rest.strip_suffix(')')).ok_or_else(bad)?.trim();
    let (name, arch) = match name.split_once(':') {
        Some((name, arch)) => (name, Some(arch.to_owned())),
        None => (name, None),
    };
    let is_version = version::check(Format::Deb, version).or_else(|_| version::check(Format::Rpm, version)).is_ok();
    // rpm has names with parentheses for keys alone, which are no packages.
    if !is_name(name) || arch.iter().any(|arch| !is_word(arch)) || !is_version {
        return Err(bad());
    }
    Ok(Installed { name: name.to_owned(), arch, version: version.to_owned() })
}

/// `NAME="VALUE"` in each line; of what is special to a shell, only `"` is written otherwise.
fn environment(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut variables = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let bad = || wrong("Environment", line);
        let (name, value) = line.split_once('=').ok_or_else(bad)?;
        let is_variable = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).ok_or_else(bad)?;
        if !is_variable
            || value.contains('\0')
            || variables.insert(name.to_owned(), value.replace("\\\"", "\"")).is_some()
        {
            return Err(bad());
        }
    }
    Ok(variables)
}

/// The lines of a field of several, as they were before it was one (deb822(5)).
fn unfolded(value: &str) -> String {
    let line = |line: &str| match line.strip_prefix(' ').unwrap_or(line) {
        "." => "\n".to_owned(),
        line => format!("{line}\n"),
    };
    value.lines().map(line).collect()
}

#[cfg(test)]
mod tests;
