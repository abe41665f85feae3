//! The read side of apt's Contents indices: which packages hold a file, and so which provide a capability. Of an index
//! only what capabilities can ask for is kept, in a compact index that is made once and then loaded in an instant. It
//! does not say which of several providers to choose, in which version they come, or whether they can be installed.
//!
//! What each capability is provided by, in the layout of Debian's architecture `<triplet>`; `/bin`, `/sbin` and `/lib`
//! are the folders of the same name in `/usr`, and `<lib>` is `usr/lib/<triplet>`, `usr/lib` or `usr/share`:
//!
//! | capability | a package that has |
//! | --- | --- |
//! | `pkgconfig(x)` | `<lib>/pkgconfig/x.pc` |
//! | `cmake(X)` | `XConfig.cmake`, or `x-config.cmake` in lower case, in `<lib>/cmake/X*`, `<lib>/X*` or `<lib>/X*/cmake`, where CMake looks by itself; after these, anywhere in `<lib>/cmake` |
//! | `python3dist(x)` | `usr/lib/python3*/dist-packages/<name>[-<version>…].dist-info` or `.egg-info`, names compared as in PEP 503 |
//! | `perl(A::B)` | `A/B.pm` in `usr/share/perl5`, `usr/share/perl/<version>`, or `perl-base`, `perl5/<version>` or `perl/<version>` of `usr/lib/<triplet>` |
//! | `rubygem(x)` | `x[-<version>].gemspec` in `rubygems-integration/*/specifications` of `usr/share` or `usr/lib/<triplet>`, or in Ruby's own `usr/lib/ruby/gems/*/specifications` |
//! | `lib(x)` | `libx.so` in `usr/lib/<triplet>` or `usr/lib`; only where no package has it, `libx.a` |
//! | `/path` | exactly this path: one of those above, or one in `usr/include`, `usr/bin`, `usr/sbin`, `usr/games`; what is asked for in `usr/include` is first looked for in `usr/include/<triplet>` |
//!
//! A Python distribution's metadata is known by its folder or file alone, not by what the folder holds.

mod build;
mod fetch;
mod headers;
mod rules;
mod table;

use std::cmp::Reverse;
use std::fmt;
use std::path::Path;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::ArchiveError;
use crate::capability::{Capability, CapabilityKind};
use crate::types::distance_if_near;
pub(super) use fetch::STALE;
use rules::{NameOf, Rules};
use table::Table;

/// Goes into the name of the file: another layout, or other rules, and it is made anew.
const FORMAT: u32 = 1;
const MAGIC: [u8; 8] = *b"farmcnt\n";
/// The magic, the checksum of what follows, and the lengths of three tables.
const HEADER: usize = 8 + 4 + 3 * 4;

/// The files of some suites' packages for one architecture, as far as capabilities can ask for them.
pub(crate) struct Contents {
    rules: Rules,
    /// Names.
    packages: Table,
    /// With the numbers of their packages.
    paths: Table,
    /// Keys, as [`NameOf::key`] makes them, with the numbers of their paths.
    names: Table,
}

/// A package that provides a capability, by a file that it has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Provider {
    pub(crate) package: String,
    /// Absolute, and below `/usr` where that is merged. What is not UTF-8 is replaced.
    pub(crate) path: String,
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Contents {
    /// The packages that have what this capability is provided by, whatever their versions. One that has several such
    /// files is there several times.
    pub(crate) fn providers(&self, capability: &Capability) -> Vec<Provider> {
        let name = capability.name.as_bytes();
        let named = |of: NameOf, name: &[u8]| self.of_key(&of.key(name));
        match capability.kind {
            CapabilityKind::PkgConfig => named(NameOf::PkgConfig, name),
            CapabilityKind::Python3Dist => named(NameOf::Python3Dist, name),
            CapabilityKind::Perl => named(NameOf::Perl, name),
            CapabilityKind::RubyGem => named(NameOf::RubyGem, name),
            CapabilityKind::Cmake => {
                let mut providers = named(NameOf::CmakeConfig, name);
                providers.extend(named(NameOf::CmakeLower, &name.to_ascii_lowercase()));
                // ITK has an Eigen3Config.cmake for itself, too.
                providers.sort_by_key(|provider| !self.rules.cmake_finds(provider.path.as_bytes(), name));
                providers
            }
            CapabilityKind::Library => {
                let shared = named(NameOf::SharedLibrary, name);
                if shared.is_empty() { named(NameOf::StaticLibrary, name) } else { shared }
            }
            CapabilityKind::Path => {
                let of_path = |path: &[u8]| self.rules.kept(path).map_or_else(Vec::new, |path| self.of_path(&path));
                // A compiler looks there first; and an application of 32 bits has its headers in the plain folder.
                let of_arch = self.rules.of_arch(name).map_or_else(Vec::new, |path| of_path(&path));
                if of_arch.is_empty() { of_path(name) } else { of_arch }
            }
        }
    }

    /// Whether files of this kind are kept at all: no provider of `/etc/passwd` means nothing.
    pub(crate) fn covers(&self, capability: &Capability) -> bool {
        capability.kind != CapabilityKind::Path || self.rules.kept(capability.name.as_bytes()).is_some()
    }

    /// Whether CMake finds this file by itself for a package of this name.
    pub(super) fn cmake_finds(&self, path: &str, name: &str) -> bool {
        self.rules.cmake_finds(path.as_bytes(), name.as_bytes())
    }

    /// At most `count` capabilities of the same kind that have providers and look like this one, the nearest first:
    /// for "did you mean". For a path, files of the same name elsewhere, then of a similar name in the same folder.
    pub(crate) fn candidates(&self, capability: &Capability, count: usize) -> Vec<Capability> {
        let of: &[NameOf] = match capability.kind {
            CapabilityKind::PkgConfig => &[NameOf::PkgConfig],
            CapabilityKind::Cmake => &[NameOf::CmakeConfig, NameOf::CmakeLower],
            CapabilityKind::Python3Dist => &[NameOf::Python3Dist],
            CapabilityKind::Perl => &[NameOf::Perl],
            CapabilityKind::RubyGem => &[NameOf::RubyGem],
            CapabilityKind::Library => &[NameOf::SharedLibrary, NameOf::StaticLibrary],
            CapabilityKind::Path => &[],
        };
        let mut near: Vec<(usize, String)> = Vec::new();
        for of in of {
            self.names.each(&[*of as u8], |key| {
                if let Ok(name) = std::str::from_utf8(&key[1..])
                    && let Some(distance) = distance_if_near(&capability.name, name)
                {
                    near.push((distance, name.to_owned()));
                }
            });
        }
        if capability.kind == CapabilityKind::Path {
            near = self.similar_paths(&capability.name);
        }
        near.retain(|(_, name)| *name != capability.name);
        // Of those that are equally far, the one that is the same from both ends on: `zlib` for `zlb`, not `zdb`.
        near.sort_by_cached_key(|(distance, name)| (*distance, Reverse(alike(&capability.name, name)), name.clone()));
        near.dedup();
        near.truncate(count);
        near.into_iter().map(|(_, name)| Capability::new(capability.kind, &name)).collect()
    }

    fn similar_paths(&self, path: &str) -> Vec<(usize, String)> {
        let Some(path) = self.rules.kept(path.as_bytes()) else { return Vec::new() };
        let Some((folder, file)) = halves(&path) else { return Vec::new() };
        let mut near = Vec::new();
        self.paths.each(b"", |other| {
            let Some((other_folder, other_file)) = halves(other) else { return };
            let distance = if other_file == file {
                Some(0)
            } else if other_folder == folder
                && let (Ok(file), Ok(other_file)) = (std::str::from_utf8(file), std::str::from_utf8(other_file))
            {
                distance_if_near(file, other_file)
            } else {
                None
            };
            if let (Some(distance), Ok(other)) = (distance, std::str::from_utf8(other)) {
                near.push((distance, format!("/{other}")));
            }
        });
        near
    }

    fn of_key(&self, key: &[u8]) -> Vec<Provider> {
        let paths = self.names.find(key).map(|(_, paths)| paths).unwrap_or_default();
        let paths = paths.into_iter().filter_map(|number| self.paths.at(number));
        paths.flat_map(|(path, packages)| self.of_packages(&path, &packages)).collect()
    }

    fn of_path(&self, path: &[u8]) -> Vec<Provider> {
        self.paths.find(path).map(|(_, packages)| self.of_packages(path, &packages)).unwrap_or_default()
    }

    fn of_packages(&self, path: &[u8], packages: &[u32]) -> Vec<Provider> {
        let path = format!("/{}", String::from_utf8_lossy(path));
        let names = packages.iter().filter_map(|number| self.packages.at(*number));
        let provider = |name: Vec<u8>| Provider { package: String::from_utf8_lossy(&name).into(), path: path.clone() };
        names.map(|(name, _)| provider(name)).collect()
    }

    /// Of lines as a Contents index has them. Blocks.
    pub(super) fn of_lines(lines: &[u8], arch: &str, cancel: &CancellationToken) -> Result<Contents, ArchiveError> {
        let bytes = build::build_lines(lines, arch, cancel)?;
        Contents::from_bytes(bytes, arch).ok_or_else(|| ArchiveError::Untrusted {
            what: "an index of packages' files".to_owned(),
            reason: "it does not read as it was written".to_owned(),
        })
    }

    /// Of the text of a Contents index for amd64.
    #[cfg(test)]
    pub(super) fn for_test(text: &str) -> Contents {
        Contents::from_bytes(build::tests::built(text.as_bytes()), "amd64").unwrap()
    }

    /// The index that a file holds; `None` if there is none or it is not whole. Blocks.
    fn load(path: &Path, arch: &str) -> Option<Contents> {
        Contents::from_bytes(std::fs::read(path).ok()?, arch)
    }

    /// `None` for bytes that are not as [`assemble`] made them.
    fn from_bytes(bytes: Vec<u8>, arch: &str) -> Option<Contents> {
        let number = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        if !bytes.starts_with(&MAGIC) || number(8)? != checksum(&bytes[12..]) {
            return None;
        }
        let ends = [number(12)?, number(16)?, number(20)?].map(|length| length as usize);
        let mut rest = Bytes::from(bytes).slice(HEADER..);
        let mut table = |length: usize| {
            if rest.len() < length { None } else { Table::new(rest.split_to(length)) }
        };
        let (packages, paths, names) = (table(ends[0])?, table(ends[1])?, table(ends[2])?);
        rest.is_empty().then(|| Contents { rules: Rules::new(arch), packages, paths, names })
    }
}

/// A path's folder and file name.
fn halves(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = path.iter().rposition(|byte| *byte == b'/')?;
    Some((&path[..at], &path[at + 1..]))
}

/// How many bytes two texts have in common at their ends.
fn alike(a: &str, b: &str) -> usize {
    let start = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    start + a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count()
}

/// The tables of an index, each as its writer made it.
struct Index {
    packages: Vec<u8>,
    paths: Vec<u8>,
    names: Vec<u8>,
}

fn assemble(index: &Index) -> Vec<u8> {
    let tables = [&index.packages, &index.paths, &index.names];
    let mut bytes = Vec::with_capacity(HEADER + tables.iter().map(|table| table.len()).sum::<usize>());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[0; 4]);
    for table in tables {
        bytes.extend_from_slice(&(table.len() as u32).to_le_bytes());
    }
    for table in tables {
        bytes.extend_from_slice(table);
    }
    let checksum = checksum(&bytes[12..]);
    bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Against rot and torn writes, not against people: the cache is the user's own, and this is read at each start.
fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::build::tests::built;
    use super::*;

    const TEXT: &str = "\
usr/bin/help2man                                        devel/help2man
bin/sh                                                  shells/dash
usr/bin/sh                                              shells/sh-too
usr/include/zlib.h                                      libdevel/zlib1g-dev
usr/include/zconf.h                                     libdevel/zlib1g-dev
usr/include/x86_64-linux-gnu/curl/curl.h                libdevel/libcurl4-gnutls-dev,libdevel/libcurl4-openssl-dev
usr/lib/x86_64-linux-gnu/pkgconfig/zlib.pc              libdevel/zlib1g-dev
usr/share/pkgconfig/zlib.pc                             libdevel/zlib-too
usr/lib/x86_64-linux-gnu/pkgconfig/libzip.pc            libdevel/libzip-dev
usr/lib/x86_64-linux-gnu/cmake/Qt6Core/Qt6CoreConfig.cmake libdevel/qt6-base-dev
usr/lib/x86_64-linux-gnu/cmake/fmt/fmt-config.cmake     libdevel/libfmt-dev
usr/lib/cmake/ITK-5.2/Modules/Eigen3Config.cmake        libdevel/libinsighttoolkit5-dev
usr/share/eigen3/cmake/Eigen3Config.cmake               libdevel/libeigen3-dev
usr/lib/x86_64-linux-gnu/pkgconfig/zdb.pc               libdevel/libzdb-dev
usr/lib/python3/dist-packages/Foo_Bar-1.0.egg-info/PKG-INFO python/python3-foo
usr/lib/python3/dist-packages/Foo_Bar-1.0.egg-info/top_level.txt python/python3-foo
usr/share/perl5/Foo/Bar.pm                              perl/libfoo-bar-perl
usr/share/rubygems-integration/all/specifications/rake-13.0.6.gemspec ruby/rake
usr/lib/x86_64-linux-gnu/libssl.so                      libdevel/libssl-dev
usr/lib/x86_64-linux-gnu/libssl.a                       libdevel/libssl-static
usr/lib/x86_64-linux-gnu/libonly.a                      libdevel/libonly-dev
";

    fn contents() -> Contents {
        Contents::for_test(TEXT)
    }

    fn capability(text: &str) -> Capability {
        Capability::parse(text).unwrap()
    }

    /// The packages that provide it.
    fn packages(text: &str) -> String {
        let providers = contents().providers(&capability(text));
        providers.into_iter().map(|provider| provider.package).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_rule_finds_its_packages() {
        for (text, expected) in [
            ("pkgconfig(zlib) >= 1.2", "zlib1g-dev zlib-too"),
            ("pkgconfig(Zlib)", ""),
            ("cmake(Qt6Core)", "qt6-base-dev"),
            ("cmake(qt6core)", ""),
            ("cmake(FMT)", "libfmt-dev"),
            ("cmake(Eigen3)", "libeigen3-dev libinsighttoolkit5-dev"),
            ("python3dist(foo.bar)", "python3-foo"),
            ("perl(Foo::Bar)", "libfoo-bar-perl"),
            ("rubygem(rake)", "rake"),
            ("lib(ssl)", "libssl-dev"),
            ("lib(only)", "libonly-dev"),
            ("lib(none)", ""),
            ("/usr/bin/help2man", "help2man"),
            ("/bin/sh", "dash sh-too"),
            ("/usr/bin/sh", "dash sh-too"),
            ("/lib/x86_64-linux-gnu/libssl.a", "libssl-static"),
            ("/usr/lib/python3/dist-packages/Foo_Bar-1.0.egg-info/PKG-INFO", "python3-foo"),
            ("/usr/include/x86_64-linux-gnu/curl/curl.h", "libcurl4-gnutls-dev libcurl4-openssl-dev"),
            ("/usr/include/curl/curl.h", "libcurl4-gnutls-dev libcurl4-openssl-dev"),
            ("/curl/curl.h", ""),
            ("/usr/include", ""),
        ] {
            assert_eq!(packages(text), expected, "{text}");
        }
        let provider = Provider { package: "help2man".to_owned(), path: "/usr/bin/help2man".to_owned() };
        assert_eq!(contents().providers(&capability("/usr/bin/help2man")), [provider]);
    }

    #[test]
    fn what_is_not_kept_is_not_covered() {
        assert!(contents().covers(&capability("/usr/bin/none")));
        assert!(contents().covers(&capability("lib(none)")));
        assert!(!contents().covers(&capability("/etc/passwd")));
    }

    #[test]
    fn what_has_no_provider_is_answered_with_what_is_near() {
        let near = |text: &str| -> Vec<String> {
            contents().candidates(&capability(text), 2).iter().map(Capability::to_string).collect()
        };
        assert_eq!(near("pkgconfig(zlb)"), ["pkgconfig(zlib)", "pkgconfig(zdb)"]);
        assert_eq!(near("pkgconfig(zlibp) >= 1"), ["pkgconfig(zlib)"]);
        assert_eq!(near("pkgconfig(libzib)"), ["pkgconfig(libzip)"]);
        assert_eq!(near("cmake(qt6core)"), ["cmake(Qt6Core)"]);
        assert_eq!(near("perl(Foo::Baz)"), ["perl(Foo::Bar)"]);
        assert_eq!(near("/usr/include/curl/curl.h"), ["/usr/include/x86_64-linux-gnu/curl/curl.h"]);
        assert_eq!(near("/usr/include/zlb.h"), ["/usr/include/zlib.h"]);
        assert_eq!(near("/usr/bin/zlib.h"), ["/usr/include/zlib.h"]);
        assert!(near("/etc/zlib.h").is_empty());
        assert!(near("pkgconfig(something-else)").is_empty());
        assert!(contents().candidates(&capability("pkgconfig(zlb)"), 0).is_empty());
    }

    #[test]
    fn a_file_that_is_not_whole_is_not_believed() {
        let bytes = built(TEXT.as_bytes());
        for length in 0..bytes.len() {
            assert!(Contents::from_bytes(bytes[..length].to_vec(), "amd64").is_none(), "{length}");
            let mut flipped = bytes.clone();
            flipped[length] ^= 0x10;
            assert!(Contents::from_bytes(flipped, "amd64").is_none(), "{length}");
        }
        assert!(Contents::from_bytes([bytes, vec![0]].concat(), "amd64").is_none());
    }
}
