//! Which of the packages that provide a capability is meant, as a packager of the distribution would say it. Each rule
//! takes candidates away, in this order, as long as one is left; when the last one leaves several, a person has to say:
//!
//! 1. A part of an interpreter stands for the interpreter: `perl-base` is written `perl`. Modules of Perl's own are
//!    `perl`, whoever else has them; gems of Ruby's own are `ruby`, if no other package has them.
//! 2. The version fits.
//! 3. CMake finds it by itself.
//! 4. It is not kept for old packages only (section `oldlibs`).
//! 5. For what compilers read: it is for development (section `libdevel`).
//! 6. It has the highest priority.
//! 7. Its name is the plain one: `libssh-dev` has a word less than `libssh-gcrypt-dev`.
//! 8. It, or its source, is called like what is asked for.
//! 9. It is the version that the distribution has chosen: `libboost-dev` depends on it, and is what is written.

use super::packages::Package;
use super::{ArchiveError, ArchiveIndex, Candidate};
use crate::capability::{Capability, CapabilityKind, Constraint};
use crate::formats::relation::field::Relation;
use crate::formats::version::{DebVersion, without_epoch};
use crate::types::Format;

/// How many similar capabilities are named when one is not there.
const SIMILAR: usize = 3;

/// Packages whose names begin so are parts of an interpreter, which goes by another name.
const PARTS: [(&str, &str); 6] = [
    ("libperl5.", "perl"),
    ("perl-base", "perl"),
    ("perl-modules-", "perl"),
    ("libruby", "ruby"),
    ("python3-minimal", "python3"),
    ("libpython3-stdlib", "python3"),
];

/// What a capability resolves to.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    Package(Chosen),
    /// Each of these would do.
    Several(Vec<Candidate>),
    /// None of these has the version.
    Unfit(Vec<Candidate>),
    Absent {
        /// The nearest first.
        similar: Vec<Capability>,
        /// Whether an archive's indexes could tell: they say nothing of `/etc/passwd`.
        covered: bool,
    },
}

/// The package that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The file that provides what was asked for, in this package or in one that it depends on.
    pub(crate) path: String,
    /// What to write: `zlib1g-dev (>= 1:1.2)`, with the epoch that the package has.
    pub(crate) relation: String,
}

impl ArchiveIndex {
    /// The package that a packager would write for this. Blocks: it reads the index.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub(crate) fn choose(&self, capability: &Capability) -> Result<Choice, ArchiveError> {
        let candidates = self.candidates(capability)?;
        choose(capability, candidates, self)
    }

    /// The package of a name, in a version that fits; none where there is no such package. Blocks.
    ///
    /// # Errors
    /// An index that cannot be read.
    pub(crate) fn choose_named(
        &self,
        name: &str,
        constraint: Option<&Constraint>,
    ) -> Result<Option<Choice>, ArchiveError> {
        let Some(package) = self.package(name)? else { return Ok(None) };
        let is_fit = constraint.is_none_or(|constraint| fits(&package.version, constraint));
        let candidate = Candidate { package: package.clone(), paths: Vec::new() };
        Ok(Some(match is_fit {
            true => Choice::Package(chosen(&package, &candidate, constraint)),
            false => Choice::Unfit(vec![candidate]),
        }))
    }

    /// Whether CMake finds what these candidates have without being told where it is.
    fn is_found(&self, capability: &Capability, candidate: &Candidate) -> bool {
        capability.kind != CapabilityKind::Cmake
            || candidate.paths.iter().any(|path| self.contents().cmake_finds(path, &capability.name))
    }
}

fn choose(capability: &Capability, candidates: Vec<Candidate>, index: &ArchiveIndex) -> Result<Choice, ArchiveError> {
    if candidates.is_empty() {
        let contents = index.contents();
        let similar = contents.candidates(capability, SIMILAR);
        return Ok(Choice::Absent { similar, covered: contents.covers(capability) });
    }
    if let Some((interpreter, part)) = interpreter(capability, &candidates)
        && let Some(package) = index.package(interpreter)?
    {
        return Ok(Choice::Package(chosen(&package, part, None)));
    }
    let mut left = candidates;
    if let Some(constraint) = &capability.version {
        let (fit, unfit): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|candidate| fits(&candidate.package.version, constraint));
        if fit.is_empty() {
            return Ok(Choice::Unfit(unfit));
        }
        left = fit;
    }
    narrow(&mut left, |candidate| part_of(candidate).is_none());
    narrow(&mut left, |candidate| index.is_found(capability, candidate));
    narrow(&mut left, |candidate| candidate.package.section != "oldlibs");
    if is_for_compilers(capability) {
        narrow(&mut left, |candidate| candidate.package.section == "libdevel");
    }
    let highest = left.iter().map(|candidate| candidate.package.priority).min().unwrap_or_default();
    narrow(&mut left, |candidate| candidate.package.priority == highest);
    let names: Vec<String> = left.iter().map(|candidate| candidate.package.name.clone()).collect();
    narrow(&mut left, |candidate| !names.iter().any(|plain| extends(&candidate.package.name, plain)));
    let wanted = bare(capability.name.rsplit('/').next().unwrap_or_default());
    narrow(&mut left, |candidate| candidate.package.name == wanted || bare(&candidate.package.source) == wanted);
    if let [candidate] = &left[..] {
        return Ok(Choice::Package(chosen(&candidate.package, candidate, capability.version.as_ref())));
    }
    match default_version(&left, index)? {
        Some((package, candidate)) => Ok(Choice::Package(chosen(&package, candidate, None))),
        None => Ok(Choice::Several(left)),
    }
}

/// Takes away those that `keep` refuses, unless that is all of them.
fn narrow(candidates: &mut Vec<Candidate>, keep: impl Fn(&Candidate) -> bool) {
    if candidates.len() > 1 && candidates.iter().any(&keep) {
        candidates.retain(keep);
    }
}

fn chosen(package: &Package, candidate: &Candidate, constraint: Option<&Constraint>) -> Chosen {
    let mut relation = package.name.clone();
    if let Some(Constraint { comparison, version }) = constraint {
        let epoch = package.version.epoch.filter(|epoch| *epoch > 0).map(|epoch| format!("{epoch}:"));
        relation.push_str(&format!(
            " ({} {}{})",
            comparison.sign(Format::Deb),
            epoch.unwrap_or_default(),
            without_epoch(version)
        ));
    }
    Chosen {
        name: package.name.clone(),
        version: package.version.to_string(),
        path: candidate.paths.first().cloned().unwrap_or_default(),
        relation,
    }
}

/// The interpreter that a candidate is a part of, when that is what is meant.
fn interpreter<'a>(capability: &Capability, candidates: &'a [Candidate]) -> Option<(&'static str, &'a Candidate)> {
    let parts: Vec<_> = candidates.iter().filter_map(|candidate| Some((part_of(candidate)?, candidate))).collect();
    let all = parts.len() == candidates.len();
    match capability.kind {
        CapabilityKind::Perl => parts.into_iter().find(|(name, _)| *name == "perl"),
        CapabilityKind::RubyGem | CapabilityKind::Path if all => parts.into_iter().next(),
        _ => None,
    }
}

fn part_of(candidate: &Candidate) -> Option<&'static str> {
    PARTS.into_iter().find(|(part, _)| candidate.package.name.starts_with(part)).map(|(_, interpreter)| interpreter)
}

/// Of an interpreter's own modules nothing is known but the interpreter's version: they are not compared.
fn fits(version: &DebVersion, constraint: &Constraint) -> bool {
    let parsed = |text: &str| text.parse::<DebVersion>().ok();
    let (Some(have), Some(wanted)) = (parsed(&version.upstream_version), parsed(without_epoch(&constraint.version)))
    else {
        return false;
    };
    constraint.comparison.holds(have.cmp(&wanted))
}

fn is_for_compilers(capability: &Capability) -> bool {
    match capability.kind {
        CapabilityKind::PkgConfig | CapabilityKind::Cmake | CapabilityKind::Library => true,
        CapabilityKind::Path => capability.name.starts_with("/usr/include/"),
        CapabilityKind::Python3Dist | CapabilityKind::Perl | CapabilityKind::RubyGem => false,
    }
}

/// Whether `name` is `plain` with words put in: `libssh-gcrypt-dev`, `libssh-dev`.
fn extends(name: &str, plain: &str) -> bool {
    let mut words = name.split('-');
    name != plain && plain.split('-').all(|word| words.any(|other| other == word))
}

/// `readline` of `libreadline`, `event` of `event.h`
fn bare(name: &str) -> String {
    let name = name.strip_suffix(".h").unwrap_or(name);
    name.strip_prefix("lib").unwrap_or(name).to_ascii_lowercase()
}

/// The package without a version in its name that depends on exactly one of the candidates: `libboost-dev`.
fn default_version<'a>(
    candidates: &'a [Candidate],
    index: &ArchiveIndex,
) -> Result<Option<(Package, &'a Candidate)>, ArchiveError> {
    let Some(name) = unversioned(&candidates[0].package.name) else { return Ok(None) };
    if candidates.iter().any(|candidate| unversioned(&candidate.package.name).as_ref() != Some(&name)) {
        return Ok(None);
    }
    let Some(package) = index.package(&name)? else { return Ok(None) };
    let needs = |name: &str| {
        let first = package.depends.iter().filter_map(|alternatives| alternatives.first());
        first.map(|Relation { name, .. }| name).any(|needed| needed == name)
    };
    let mut needed = candidates.iter().filter(|candidate| needs(&candidate.package.name));
    match (needed.next(), needed.next()) {
        (Some(one), None) => Ok(Some((package.clone(), one))),
        _ => Ok(None),
    }
}

/// `libboost-math-dev` of `libboost-math1.74-dev`, `gnat` of `gnat-12`: without the first version in it.
fn unversioned(name: &str) -> Option<String> {
    let mut found = false;
    let words: Vec<&str> = name
        .split('-')
        .filter_map(|word| {
            let end = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
            if found || end.len() == word.len() {
                return Some(word);
            }
            found = true;
            (!end.is_empty()).then_some(end)
        })
        .collect();
    found.then(|| words.join("-"))
}

#[cfg(test)]
mod tests {
    use super::super::packages::tests::stanza;
    use super::*;

    const CONTENTS: &str = "\
usr/include/zlib.h                                  libdevel/zlib1g-dev
usr/lib/x86_64-linux-gnu/pkgconfig/zlib.pc          libdevel/zlib1g-dev
usr/include/x86_64-linux-gnu/sys/queue.h            libdevel/libc6-dev
usr/include/sys/queue.h                             libdevel/libc6-dev-i386
usr/bin/perl                                        perl/perl-base
usr/bin/python3                                     python/python3-minimal
usr/share/perl/5.36.0/JSON/PP.pm                    libs/perl-modules-5.36
usr/share/perl5/JSON/PP.pm                          perl/libjson-pp-perl
usr/share/perl5/JSON.pm                             perl/libjson-perl
usr/lib/ruby/gems/3.1.0/specifications/default/json-2.6.gemspec libs/libruby3.1
usr/lib/ruby/gems/3.1.0/specifications/default/etc-1.4.gemspec libs/libruby3.1
usr/share/rubygems-integration/all/specifications/json-2.6.gemspec ruby/ruby-json
usr/lib/cmake/ITK-5.2/Modules/Eigen3Config.cmake    libdevel/libitk-dev
usr/share/eigen3/cmake/Eigen3Config.cmake           libdevel/libeigen3-dev
usr/lib/x86_64-linux-gnu/pkgconfig/ncurses.pc       libdevel/libncurses-dev,oldlibs/libncurses5-dev
usr/lib/x86_64-linux-gnu/pkgconfig/krb5.pc          devel/heimdal-dev,libdevel/libkrb5-dev
usr/bin/zcat                                        utils/gzip,utils/zutils
usr/lib/x86_64-linux-gnu/pkgconfig/libssh.pc        libdevel/libssh-dev,libdevel/libssh-gcrypt-dev
usr/lib/x86_64-linux-gnu/libreadline.so             libdevel/libeditreadline-dev,libdevel/libreadline-dev
usr/bin/pkg-config                                  devel/pkgconf,devel/pkg-config
usr/include/boost/any.hpp                           libdevel/libboost1.74-dev,libdevel/libboost1.81-dev
usr/lib/x86_64-linux-gnu/libcurl.so                 libdevel/libcurl4-gnutls-dev,libdevel/libcurl4-openssl-dev
usr/lib/x86_64-linux-gnu/libfltk.so                 libdevel/libfltk1.1-dev,libdevel/libfltk1.3-dev
usr/bin/gone                                        utils/gone
";

    fn index() -> ArchiveIndex {
        let packages = [
            ("zlib1g-dev", "1:1.2.13.dfsg-1", "libdevel", "Source: zlib\n"),
            ("libc6-dev", "2.36", "libdevel", "Source: glibc\n"),
            ("libc6-dev-i386", "2.36", "libdevel", "Source: glibc\n"),
            ("perl-base", "5.36.0-7", "perl", "Priority: required\n"),
            ("perl-modules-5.36", "5.36.0-7", "libs", ""),
            ("perl", "5.36.0-7", "perl", ""),
            ("libjson-pp-perl", "4.16-1", "perl", ""),
            ("libjson-perl", "4.10000-1", "perl", ""),
            ("python3-minimal", "3.11.2-1", "python", ""),
            ("python3", "3.11.2-1", "python", ""),
            ("libruby3.1", "3.1.2-7", "libs", ""),
            ("ruby", "1:3.1", "ruby", ""),
            ("ruby-json", "2.6.3-1", "ruby", ""),
            ("libitk-dev", "5", "libdevel", ""),
            ("libeigen3-dev", "3.4", "libdevel", ""),
            ("libncurses-dev", "6.4-4", "libdevel", ""),
            ("libncurses5-dev", "6.4-4", "oldlibs", ""),
            ("heimdal-dev", "7.8", "devel", ""),
            ("libkrb5-dev", "1.20", "libdevel", ""),
            ("gzip", "1.12", "utils", "Priority: required\n"),
            ("zutils", "1.12", "utils", "Priority: optional\n"),
            ("libssh-dev", "0.10", "libdevel", ""),
            ("libssh-gcrypt-dev", "0.10", "libdevel", ""),
            ("libeditreadline-dev", "3.1", "libdevel", "Source: libedit (3.1-2)\n"),
            ("libreadline-dev", "8.2", "libdevel", "Source: readline\n"),
            ("pkgconf", "1.7", "devel", ""),
            ("pkg-config", "0.29", "devel", ""),
            ("libboost-dev", "1.74.0.3", "libdevel", "Depends: libboost1.74-dev\n"),
            ("libboost1.74-dev", "1.74.0+ds1-21", "libdevel", ""),
            ("libboost1.81-dev", "1.81.0-5", "libdevel", ""),
            ("libcurl4-gnutls-dev", "7.88-1", "libdevel", "Source: curl\n"),
            ("libcurl4-openssl-dev", "7.88-1", "libdevel", "Source: curl\n"),
            ("libfltk1.1-dev", "1.1", "libdevel", ""),
            ("libfltk1.3-dev", "1.3", "libdevel", ""),
        ];
        let text: String = packages
            .map(|(name, version, section, more)| stanza(name, version, &format!("Section: {section}\n{more}")))
            .concat();
        ArchiveIndex::for_test(CONTENTS, &text)
    }

    /// What is chosen, in short.
    fn told(choice: Choice) -> String {
        let names = |candidates: Vec<Candidate>| -> Vec<String> {
            candidates.into_iter().map(|candidate| candidate.package.name).collect()
        };
        match choice {
            Choice::Package(chosen) => chosen.relation,
            Choice::Several(candidates) => format!("several: {}", names(candidates).join(" ")),
            Choice::Unfit(candidates) => format!("unfit: {}", names(candidates).join(" ")),
            Choice::Absent { similar, covered } => {
                let similar: Vec<String> = similar.iter().map(Capability::to_string).collect();
                format!("absent, covered: {covered}, similar: {}", similar.join(" "))
            }
        }
    }

    #[test]
    fn each_rule_settles_what_the_ones_before_it_left() {
        let index = index();
        for (text, expected) in [
            ("pkgconfig(zlib)", "zlib1g-dev"),
            ("/usr/include/sys/queue.h", "libc6-dev"),
            // 1: interpreters.
            ("/usr/bin/perl", "perl"),
            ("/usr/bin/python3", "python3"),
            ("perl(JSON::PP) >= 99", "perl"),
            ("perl(JSON)", "libjson-perl"),
            ("rubygem(json)", "ruby-json"),
            ("rubygem(etc)", "ruby"),
            // 2: versions.
            ("pkgconfig(zlib) >= 1.2.13", "zlib1g-dev (>= 1:1.2.13)"),
            ("pkgconfig(zlib) >= 9:1.2", "zlib1g-dev (>= 1:1.2)"),
            ("pkgconfig(zlib) < 2", "zlib1g-dev (<< 1:2)"),
            ("pkgconfig(zlib) >= 1.3", "unfit: zlib1g-dev"),
            ("perl(JSON) >= 4.1", "libjson-perl (>= 4.1)"),
            // 3 to 9.
            ("cmake(Eigen3)", "libeigen3-dev"),
            ("pkgconfig(ncurses)", "libncurses-dev"),
            ("pkgconfig(krb5)", "libkrb5-dev"),
            ("/bin/zcat", "gzip"),
            ("pkgconfig(libssh)", "libssh-dev"),
            ("lib(readline)", "libreadline-dev"),
            ("/usr/bin/pkg-config", "pkg-config"),
            ("/usr/include/boost/any.hpp", "libboost-dev"),
            // What is left to people.
            ("lib(curl)", "several: libcurl4-gnutls-dev libcurl4-openssl-dev"),
            ("lib(fltk)", "several: libfltk1.1-dev libfltk1.3-dev"),
            ("pkgconfig(zlb)", "absent, covered: true, similar: pkgconfig(zlib)"),
            ("/usr/bin/gone", "absent, covered: true, similar: "),
            ("/etc/passwd", "absent, covered: false, similar: "),
        ] {
            assert_eq!(told(index.choose(&Capability::parse(text).unwrap()).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn a_version_in_a_name_is_found() {
        for (name, expected) in [
            ("libboost1.74-dev", Some("libboost-dev")),
            ("libboost-math1.81-dev", Some("libboost-math-dev")),
            ("libomp-14-dev", Some("libomp-dev")),
            ("gnat-12", Some("gnat")),
            ("libzip-dev", None),
        ] {
            assert_eq!(unversioned(name).as_deref(), expected, "{name}");
        }
    }
}
