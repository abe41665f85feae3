//! The words that every module shares: package formats, architectures, digests, sizes, and text made safe to print.
//! It imports nothing of farm and decides nothing.

mod address;
pub(crate) mod banner;
mod cache_use;
mod check;
mod comparison;
mod folder;
mod lint;
pub(crate) mod pattern;
mod rules;
mod shared_text;
mod stamp;
#[cfg(test)]
pub(crate) mod testing;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use address::Address;
pub(crate) use address::{redacted_text, starred_text};
pub use cache_use::CacheUse;
pub(crate) use check::{Check, Severity};
pub(crate) use comparison::Comparison;
pub(crate) use folder::{FolderError, at_home, own_folder};
pub use lint::{LintLevel, Linter};
#[cfg(test)]
pub(crate) use rules::RULES;
pub(crate) use rules::{rule, waivable};
pub use shared_text::SharedText;
pub(crate) use stamp::Stamp;

/// A package format. Which tool installs build requirements is another axis: see [`PackageManager`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Packages of dpkg: Debian, Ubuntu.
    Deb,
    /// Packages of rpm: Fedora, openSUSE and their kin.
    Rpm,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 2] = [Format::Deb, Format::Rpm];

    /// The word for it in recipes and reports: `deb`, `rpm`.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Deb => "deb",
            Format::Rpm => "rpm",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What installs build requirements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageManager {
    /// Debian's apt-get.
    Apt,
    /// Fedora's dnf, also that of RHEL's kin.
    Dnf,
    /// openSUSE's zypper.
    Zypper,
}

impl PackageManager {
    /// Every package manager.
    pub const ALL: [PackageManager; 3] = [PackageManager::Apt, PackageManager::Dnf, PackageManager::Zypper];

    /// The word for it in definitions and selectors: `apt`, `dnf`, `zypper`.
    pub fn as_str(self) -> &'static str {
        match self {
            PackageManager::Apt => "apt",
            PackageManager::Dnf => "dnf",
            PackageManager::Zypper => "zypper",
        }
    }

    /// The format of what it installs: the words of requirements of builds and tests.
    pub fn format(self) -> Format {
        match self {
            PackageManager::Apt => Format::Deb,
            PackageManager::Dnf | PackageManager::Zypper => Format::Rpm,
        }
    }
}

/// A machine architecture, known under three names: Debian's, RPM's and OCI's.
/// Parses from any of the three; serializes as Debian's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Arch {
    /// 64-bit x86: RPM's `x86_64`.
    Amd64,
    /// 64-bit ARM: RPM's `aarch64`.
    Arm64,
    /// 32-bit ARM with hardware floating point: RPM's `armv7hl`.
    Armhf,
    /// 32-bit ARM without floating point in hardware: RPM's `armv5tel`.
    Armel,
    /// 32-bit x86: RPM's `i686`.
    I386,
    /// 64-bit LoongArch: RPM's `loongarch64`.
    Loong64,
    /// 64-bit MIPS, little-endian: RPM's `mips64el`.
    Mips64el,
    /// 32-bit MIPS, little-endian: RPM's `mipsel`.
    Mipsel,
    /// 64-bit POWER, little-endian: RPM's `ppc64le`.
    Ppc64el,
    /// 64-bit RISC-V: RPM's `riscv64`.
    Riscv64,
    /// 64-bit IBM Z: RPM's `s390x`.
    S390x,
}

impl Arch {
    /// Every architecture that packages are built for.
    pub const ALL: [Arch; 11] = [
        Arch::Amd64,
        Arch::Arm64,
        // What OCI calls `arm` is the first of two.
        Arch::Armhf,
        Arch::Armel,
        Arch::I386,
        Arch::Loong64,
        Arch::Mips64el,
        Arch::Mipsel,
        Arch::Ppc64el,
        Arch::Riscv64,
        Arch::S390x,
    ];

    /// The architecture that farm itself runs on, if it is one that packages are built for.
    pub fn host() -> Option<Arch> {
        std::env::consts::ARCH.parse().ok()
    }

    /// As `dpkg --print-architecture` says it.
    pub fn deb(self) -> &'static str {
        match self {
            Arch::Amd64 => "amd64",
            Arch::Arm64 => "arm64",
            Arch::Armhf => "armhf",
            Arch::Armel => "armel",
            Arch::Loong64 => "loong64",
            Arch::Mips64el => "mips64el",
            Arch::Mipsel => "mipsel",
            Arch::I386 => "i386",
            Arch::Ppc64el => "ppc64el",
            Arch::Riscv64 => "riscv64",
            Arch::S390x => "s390x",
        }
    }

    /// As `rpm --eval %_target_cpu` says it.
    pub fn rpm(self) -> &'static str {
        match self {
            Arch::Amd64 => "x86_64",
            Arch::Arm64 => "aarch64",
            Arch::Armhf => "armv7hl",
            Arch::Armel => "armv5tel",
            Arch::Loong64 => "loongarch64",
            Arch::Mips64el => "mips64el",
            Arch::Mipsel => "mipsel",
            Arch::I386 => "i686",
            Arch::Ppc64el => "ppc64le",
            Arch::Riscv64 => "riscv64",
            Arch::S390x => "s390x",
        }
    }

    /// The `architecture` of an OCI image configuration, and its `variant` where one is customary.
    pub fn oci(self) -> (&'static str, Option<&'static str>) {
        match self {
            Arch::Amd64 => ("amd64", None),
            Arch::Arm64 => ("arm64", Some("v8")),
            Arch::Armhf => ("arm", Some("v7")),
            Arch::Armel => ("arm", Some("v5")),
            Arch::Loong64 => ("loong64", None),
            Arch::Mips64el => ("mips64le", None),
            Arch::Mipsel => ("mipsle", None),
            Arch::I386 => ("386", None),
            Arch::Ppc64el => ("ppc64le", None),
            Arch::Riscv64 => ("riscv64", None),
            Arch::S390x => ("s390x", None),
        }
    }

    /// Whether an image that says of itself that it is for these is one for this. What says nothing of ARM's variant is
    /// for ARMv7; of others the variant is no other architecture.
    pub(crate) fn has_images_for(self, architecture: &str, variant: Option<&str>) -> bool {
        let variant = variant.filter(|variant| !variant.is_empty());
        let fits = match self {
            Arch::Armhf => variant.is_none_or(|variant| variant == "v7"),
            Arch::Armel => variant == Some("v5"),
            _ => true,
        };
        fits && architecture.parse::<Arch>().is_ok_and(|arch| arch.oci().0 == self.oci().0)
    }

    /// The name used in target ids: the one that users of the package format expect.
    pub fn for_format(self, format: Format) -> &'static str {
        match format {
            Format::Deb => self.deb(),
            Format::Rpm => self.rpm(),
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.deb())
    }
}

impl From<Arch> for String {
    fn from(arch: Arch) -> String {
        arch.deb().to_owned()
    }
}

impl TryFrom<String> for Arch {
    type Error = UnknownArch;

    fn try_from(name: String) -> Result<Arch, UnknownArch> {
        name.parse()
    }
}

/// A name that is no architecture in any of the three vocabularies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown architecture `{0}` (known: {known}, or their RPM names)", known = Arch::ALL.map(Arch::deb).join(", "))]
pub struct UnknownArch(pub String);

impl FromStr for Arch {
    type Err = UnknownArch;

    fn from_str(name: &str) -> Result<Arch, UnknownArch> {
        let alias = match name {
            "powerpc64" => Some(Arch::Ppc64el),
            "x86" => Some(Arch::I386),
            _ => None,
        };
        Arch::ALL
            .into_iter()
            .find(|arch| name == arch.deb() || name == arch.rpm() || name == arch.oci().0)
            .or(alias)
            .ok_or_else(|| UnknownArch(name.to_owned()))
    }
}

/// Hears how far a pull or a bootstrap is. Calls may be dropped by whoever shows them.
pub trait Progress: Send + Sync {
    /// `total` is 0 as long as it is unknown; the unit is bytes.
    fn progress(&self, what: &str, done: u64, total: u64);
}

/// For callers that do not show progress.
#[derive(Debug, Clone, Copy)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn progress(&self, _what: &str, _done: u64, _total: u64) {}
}

/// Text from a build or a package, made safe for a terminal: control characters, which could move the cursor or
/// set colours, become `\xNN` or are dropped (CR, and ANSI CSI/OSC sequences whole); tabs become a space.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.peek() {
                Some('[') => {
                    chars.next();
                    for c in chars.by_ref() {
                        if ('\u{40}'..='\u{7e}').contains(&c) {
                            break;
                        }
                    }
                }
                Some(']') => {
                    while let Some(c) = chars.next() {
                        if c == '\u{7}' {
                            break;
                        }
                        if c == '\u{1b}' && chars.peek() == Some(&'\\') {
                            chars.next();
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\t' => safe.push(' '),
            '\r' => {}
            c if c.is_control() || is_bidi_override(c) => safe.push_str(&format!("\\x{:02x}", c as u32)),
            c => safe.push(c),
        }
    }
    safe
}

/// Characters that reorder what stands around them on screen (Unicode "Trojan Source").
fn is_bidi_override(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `1.2 kB`, `38.2 MB`: decimal units, as dpkg, rpm and download tools print them.
pub(crate) fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = 0;
    value /= 1000.0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if value < 10.0 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// `0.4s`, `14.2s`, `3m 12s`, `1h 02m`.
pub(crate) fn human_duration(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", duration.as_secs_f64()),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The candidate nearest to what was written, for "did you mean": at most a third of its characters differ.
pub(crate) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .filter_map(|candidate| Some((distance_if_near(written, candidate)?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many slips of fingers are between the two, unless that is more than [`nearest`] takes.
pub(crate) fn distance_if_near(written: &str, candidate: &str) -> Option<usize> {
    let (length, other) = (written.chars().count(), candidate.chars().count());
    let limit = (length / 3).max(1);
    let word = contains_word(written, candidate);
    // The difference of their lengths is the least that it can be, and quickly told of very many candidates.
    if !word && length.abs_diff(other) > limit {
        return None;
    }
    // Swaps of neighbours, the commonest slip, count once.
    let distance = strsim::osa_distance(written, candidate);
    (word || distance <= limit).then_some(distance)
}

/// `build-requires` contains the word `requires`.
fn contains_word(written: &str, candidate: &str) -> bool {
    candidate.len() > 3 && written.split(['-', '_', '.']).any(|word| word == candidate)
}

/// A path in a container or a package, made absolute by the folder it is written in, and without `.` and `..`: by its
/// words alone, links are not followed.
pub(crate) fn clean_path(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let folder = if path.starts_with('/') { "" } else { folder };
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures_parse_from_each_vocabulary() {
        for arch in Arch::ALL {
            assert_eq!(arch.deb().parse(), Ok(arch));
            assert_eq!(arch.rpm().parse(), Ok(arch));
            let of_oci = if arch == Arch::Armel { Arch::Armhf } else { arch };
            assert_eq!(arch.oci().0.parse(), Ok(of_oci), "`arm` alone is ARMv7");
        }
        assert!("vax".parse::<Arch>().is_err());
    }

    #[test]
    fn printable_text_cannot_steer_a_terminal() {
        assert_eq!(printable("a\u{1b}[31mred\u{1b}[0m\r\n"), "ared\\x0a");
        assert_eq!(printable("\u{1b}]0;title\u{7}x\u{8}"), "x\\x08");
        assert_eq!(printable("PASS:\ttests/grüße"), "PASS: tests/grüße");
        assert_eq!(printable("\u{202e}txt"), "\\x202etxt");
    }

    #[test]
    fn sizes_and_times_read_as_people_write_them() {
        assert_eq!(human_bytes(999), "999 B");
        assert_eq!(human_bytes(52_300), "52 kB");
        assert_eq!(human_bytes(999_999), "1.0 MB");
        assert_eq!(human_duration(std::time::Duration::from_millis(14_230)), "14.2s");
        assert_eq!(human_duration(std::time::Duration::from_secs(192)), "3m 12s");
    }

    #[test]
    fn suggestions_are_near_or_none() {
        let keys = ["requires", "env", "build", "check", "install"];
        assert_eq!(nearest("build-requires", keys), Some("requires"));
        assert_eq!(nearest("instal", keys), Some("install"));
        assert_eq!(nearest("biuld", keys), Some("build"));
        assert_eq!(nearest("zzz", keys), None);
    }

    #[test]
    fn paths_stay_below_the_root() {
        for (folder, path, expected) in [
            ("/", "", "/"),
            ("/a", "b/./c/", "/a/b/c"),
            ("/a", "/b", "/b"),
            ("/a/b", "../../../c", "/c"),
            ("/", "..", "/"),
        ] {
            assert_eq!(clean_path(folder, path), expected);
        }
    }
}
