//! Whether the libraries that ELF files need (DT_NEEDED) come with the package, with its siblings, or through its
//! dependencies.
//!
//! RPM requirements name the libraries themselves, so there the check is exact: `libfoo.so.1()(64bit)`. Debian
//! dependencies name packages, and which package has a library only the distribution's archive knows. Debian Policy 8.1
//! has packages named after their soname, so a name that fits is taken for the right one; no name that fits is a
//! warning; no dependencies at all, or none on the C library where it is needed, is an error.

use std::collections::{BTreeMap, BTreeSet};

use super::Severity;
use super::contents::Facts;
use crate::formats::elf::Elf;
use crate::types::Format;

/// Libraries and loader of glibc, which all come in `libc6`; prefixes up to `.so`.
const GLIBC: &[&str] = &[
    "ld-linux",
    "ld64",
    "ld",
    "libBrokenLocale",
    "libanl",
    "libc",
    "libc_malloc_debug",
    "libdl",
    "libm",
    "libmvec",
    "libnss_files",
    "libpthread",
    "libresolv",
    "librt",
    "libthread_db",
    "libutil",
];

/// Which packages of a set have which libraries.
pub(super) struct Providers {
    packages: BTreeMap<String, BTreeSet<String>>,
}

impl Providers {
    /// Names of packages with the names of their libraries.
    pub(super) fn new(packages: impl Iterator<Item = (String, BTreeSet<String>)>) -> Providers {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (package, libraries) in packages {
            for library in libraries {
                all.entry(library).or_default().insert(package.clone());
            }
        }
        Providers { packages: all }
    }
}

/// Reports libraries that are needed and not brought.
pub(super) fn check(
    facts: &Facts,
    elves: &[(String, Elf)],
    providers: &Providers,
    mut report: impl FnMut(Severity, &'static str, &str, String),
) {
    // Each library once, with the first file that needs it.
    let mut needed: BTreeMap<(&str, bool), &str> = BTreeMap::new();
    for (path, elf) in elves {
        for library in &elf.needed {
            needed.entry((library.as_str(), elf.is_64)).or_insert(path.as_str());
        }
    }
    for ((library, is_64), path) in needed {
        let siblings = providers.packages.get(library);
        if siblings.is_some_and(|packages| packages.contains(&facts.name)) {
            continue;
        }
        let verdict = match facts.format {
            Format::Rpm if requires_library(facts, library, is_64) => Ok(()),
            format => match (siblings, format) {
                (Some(packages), _) if packages.iter().any(|package| facts.requires.contains(package)) => Ok(()),
                (Some(packages), _) => {
                    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
                    let (all, first) = (packages.join(", "), packages.first().unwrap_or(&""));
                    let why = format!(
                        "is in {all}, which it does not depend on: \"{first} (= ${{self-version}})\" in its `requires` does"
                    );
                    Err((Severity::Error, why))
                }
                (None, Format::Deb) => depends_on_library(facts, library),
                (None, Format::Rpm) => Err((
                    Severity::Error,
                    "is not among its requirements (rpmbuild finds those of executable files only)".to_owned(),
                )),
            },
        };
        if let Err((severity, mut why)) = verdict {
            if is_musl(library) {
                why.push_str(
                    ": it is linked with musl (libc.so is musl's C library, glibc's is libc.so.6); build with the \
                     distribution's compiler, or link statically",
                );
            }
            let rule = if severity == Severity::Error { "elf-without-dependency" } else { "elf-dependency-unclear" };
            report(severity, rule, path, format!("{path} needs {library}, which {why}"));
        }
    }
}

/// As rpm's `elfdeps` writes it: `libfoo.so.1()(64bit)`, `libfoo.so.1(FOO_1.0)(64bit)`, `libfoo.so.1` for 32 bit.
fn requires_library(facts: &Facts, library: &str, is_64: bool) -> bool {
    facts.requires.iter().any(|requirement| match requirement.strip_prefix(library) {
        Some(rest) => (rest.is_empty() || rest.starts_with('(')) && rest.ends_with("(64bit)") == is_64,
        None => false,
    })
}

fn depends_on_library(facts: &Facts, library: &str) -> Result<(), (Severity, String)> {
    if facts.requires.is_empty() {
        return Err((
            Severity::Error,
            "no dependency brings: it has none (is ${shlibs:Depends} in Depends?)".to_owned(),
        ));
    }
    let has = |test: &dyn Fn(&str) -> bool| facts.requires.iter().any(|name| test(name));
    if is_musl(library) {
        // Debian has it as a package; its name is a part of glibc's, which brings another library.
        return match has(&|name| name == "musl") {
            true => Ok(()),
            false => Err((Severity::Error, "no dependency brings".to_owned())),
        };
    }
    if is_glibc(library) {
        // Also libc6.1 (alpha), libc0.1 (kfreebsd), libc6-i386 and the like; not libc6-dev, which only depends on it.
        let brings = |name: &str| name == "libc6" || name == "libc6.1" || name == "libc6-i386" || name == "libc6-amd64";
        return if has(&brings) {
            Ok(())
        } else {
            Err((Severity::Error, "is the C library, and no dependency on libc6 brings it".to_owned()))
        };
    }
    if has(&|name| fits(name, library)) {
        return Ok(());
    }
    Err((Severity::Warning, "no dependency brings by its name".to_owned()))
}

/// musl's C library, as musl-gcc and Alpine name it.
fn is_musl(library: &str) -> bool {
    library == "libc.so" || library.starts_with("libc.musl-") || library.starts_with("ld-musl-")
}

fn is_glibc(library: &str) -> bool {
    let Some((stem, _)) = library.split_once(".so") else { return false };
    GLIBC.iter().any(|known| stem == *known || (known.starts_with("ld-") && stem.starts_with(known)))
}

/// Whether a Debian package of this name would have the library (Policy 8.1): `libfoo.so.1` is in `libfoo1`,
/// `libfoo2.so.1` in `libfoo2-1`, `libfoo-1.2.so` in `libfoo-1.2`, `libglib-2.0.so.0` in `libglib2.0-0`. Hyphens make no
/// difference; names may go on (`libfoo1t64`, `libfoo1-ssl`), but not with a digit.
fn fits(package: &str, library: &str) -> bool {
    let Some((stem, version)) = library.split_once(".so") else { return false };
    if package.ends_with("-dev") {
        return false;
    }
    let plain = |name: &str| name.to_ascii_lowercase().replace(['-', '_'], "");
    let stem = SHARED_PACKAGES.iter().find(|(known, _)| stem == *known).map_or(stem, |(_, package)| package);
    let mut names = vec![plain(&format!("{stem}{}", version.trim_start_matches('.')))];
    // The stem carries the version: libpython3.11.so.1.0, zlib1g.
    if stem.contains(|c: char| c.is_ascii_digit()) {
        names.push(plain(stem));
    }
    let package = plain(package);
    names.iter().any(|name| {
        let rest = package.strip_prefix(name.as_str());
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit() || next == '.'))
    })
}

/// Names that the Debian package of a library may have, by the same rule: `libfoo1`, `libfoo1t64`. Only one of them, if any,
/// is there.
pub(crate) fn package_names(library: &str) -> Vec<String> {
    if is_glibc(library) {
        return vec!["libc6".to_owned()];
    }
    let Some((stem, version)) = library.split_once(".so") else { return Vec::new() };
    let version = version.trim_start_matches('.').to_ascii_lowercase();
    let mut names: Vec<String> = Vec::new();
    if let Some((_, package)) = SHARED_PACKAGES.iter().find(|(known, _)| stem == *known) {
        names.extend([(*package).to_owned(), format!("{package}{version}")]);
        names.push(format!("{}-{version}", package.replace("-2.0", "2.0")));
    }
    let stem = stem.to_ascii_lowercase().replace('_', "-");
    // libglib-2.0 is in libglib2.0-0: a version in the name stands without its hyphen.
    let joined = match stem.rsplit_once('-') {
        Some((name, number)) if number.starts_with(|c: char| c.is_ascii_digit()) => format!("{name}{number}"),
        _ => stem.clone(),
    };
    let first = version.split('.').next().unwrap_or_default().to_owned();
    for stem in [stem, joined] {
        for version in [&version, &first] {
            names.extend([stem.clone(), format!("{stem}{version}"), format!("{stem}-{version}")]);
        }
    }
    names.extend(names.clone().iter().map(|name| format!("{name}t64")));
    // libgcc_s.so.1 was libgcc1 before it was libgcc-s1.
    if library == "libgcc_s.so.1" {
        names.push("libgcc1".to_owned());
    }
    names.sort();
    names.dedup();
    names
}

/// Libraries that nearly everything links to and whose package is named otherwise.
const SHARED_PACKAGES: &[(&str, &str)] = &[
    ("libcrypto", "libssl"),
    ("libgio-2.0", "libglib-2.0"),
    ("libgmodule-2.0", "libglib-2.0"),
    ("libgobject-2.0", "libglib-2.0"),
    ("libgthread-2.0", "libglib-2.0"),
    ("libz", "zlib1g"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(format: Format, requires: &[&str]) -> Facts {
        Facts {
            format,
            name: "hello".to_owned(),
            version: "1".to_owned(),
            architecture: "amd64".to_owned(),
            is_source: false,
            requires: requires.iter().map(|name| (*name).to_owned()).collect(),
            provides: Vec::new(),
            scripts: Vec::new(),
            source: None,
        }
    }

    /// `rule: message` for one file that needs `needed`, in a set where `libown` has libown.so.1.
    fn problems(format: Format, requires: &[&str], needed: &[&str]) -> Vec<String> {
        let elf = Elf { is_64: true, needed: needed.iter().map(|n| (*n).to_owned()).collect(), ..Elf::default() };
        let libraries = BTreeSet::from(["libown.so.1".to_owned()]);
        let providers = Providers::new([("libown".to_owned(), libraries)].into_iter());
        let mut problems = Vec::new();
        let elves = [("/usr/bin/hello".to_owned(), elf)];
        check(&facts(format, requires), &elves, &providers, |_, rule, _, message| {
            problems.push(format!("{rule}: {message}"))
        });
        problems
    }

    #[test]
    fn names_of_debian_packages_fit_their_sonames() {
        for (package, library) in [
            ("libxxhash0", "libxxhash.so.0"),
            ("libonig5", "libonig.so.5"),
            ("libssl3t64", "libssl.so.3"),
            ("libgdbm-compat4", "libgdbm_compat.so.4"),
            ("libpcre2-8-0", "libpcre2-8.so.0"),
            ("libicu72", "libicu.so.72"),
            ("libstdc++6", "libstdc++.so.6"),
            ("libgcc-s1", "libgcc_s.so.1"),
            ("libcurl3-gnutls", "libcurl.so.3"),
            ("libgtk-3-0", "libgtk-3.so.0"),
            ("libfoo-1.2", "libfoo-1.2.so"),
            ("libfoo2-1", "libfoo2.so.1"),
            ("libglib2.0-0", "libgio-2.0.so.0"),
            ("libatk1.0-0", "libatk-1.0.so.0"),
            ("zlib1g", "libz.so.1"),
            ("libssl3", "libcrypto.so.3"),
            ("libpython3.11", "libpython3.11.so.1.0"),
        ] {
            assert!(fits(package, library), "{package} {library}");
        }
        for (package, library) in [
            ("libfoo10", "libfoo.so.1"),
            ("libfoo1-dev", "libfoo.so.1"),
            ("libfo1", "libfoo.so.1"),
            ("libfoo", "libfoo.so.1"),
        ] {
            assert!(!fits(package, library), "{package} {library}");
        }
    }

    #[test]
    fn libraries_are_looked_for_under_the_names_that_packages_have() {
        for (package, library) in [
            ("libxxhash0", "libxxhash.so.0"),
            ("libssl3t64", "libssl.so.3"),
            ("libssl3", "libcrypto.so.3"),
            ("libglib2.0-0", "libglib-2.0.so.0"),
            ("libglib2.0-0t64", "libgobject-2.0.so.0"),
            ("libpcre2-8-0", "libpcre2-8.so.0"),
            ("libgdbm-compat4", "libgdbm_compat.so.4"),
            ("libstdc++6", "libstdc++.so.6"),
            ("libgcc-s1", "libgcc_s.so.1"),
            ("libpython3.11", "libpython3.11.so.1.0"),
            ("zlib1g", "libz.so.1"),
            ("libc6", "libm.so.6"),
        ] {
            assert!(
                package_names(library).iter().any(|name| name == package),
                "{library}: {:?}",
                package_names(library)
            );
        }
    }

    #[test]
    fn a_deb_without_its_c_library_is_refused() {
        let none: Vec<String> = Vec::new();
        assert_eq!(problems(Format::Deb, &["libc6"], &["libc.so.6", "ld-linux-x86-64.so.2", "libm.so.6"]), none);
        let empty = problems(Format::Deb, &[], &["libc.so.6"]);
        assert!(empty[0].starts_with("elf-without-dependency: /usr/bin/hello needs libc.so.6"), "{empty:?}");
        let other = problems(Format::Deb, &["libc6-dev"], &["libc.so.6"]);
        assert!(other[0].starts_with("elf-without-dependency: "), "{other:?}");
        let unclear = problems(Format::Deb, &["libc6"], &["libodd.so.1"]);
        assert!(unclear[0].starts_with("elf-dependency-unclear: "), "{unclear:?}");
    }

    #[test]
    fn a_sibling_brings_a_library_only_to_those_who_depend_on_it() {
        assert_eq!(problems(Format::Deb, &["libown"], &["libown.so.1"]), Vec::<String>::new());
        let forgotten = problems(Format::Deb, &["libc6"], &["libown.so.1"]);
        assert!(forgotten[0].contains("is in libown, which it does not depend on"), "{forgotten:?}");
        // An .rpm says by name of which package it needs a private library.
        assert_eq!(problems(Format::Rpm, &["libown"], &["libown.so.1"]), Vec::<String>::new());
        assert_eq!(problems(Format::Rpm, &["libown.so.1()(64bit)"], &["libown.so.1"]), Vec::<String>::new());
        let forgotten = problems(Format::Rpm, &["libc.so.6()(64bit)"], &["libown.so.1"]);
        assert!(forgotten[0].ends_with("\"libown (= ${self-version})\" in its `requires` does"), "{forgotten:?}");
    }

    #[test]
    fn rpm_requirements_are_compared_exactly() {
        let need = ["libc.so.6"];
        assert_eq!(problems(Format::Rpm, &["libc.so.6()(64bit)"], &need), Vec::<String>::new());
        assert_eq!(problems(Format::Rpm, &["libc.so.6(GLIBC_2.34)(64bit)"], &need), Vec::<String>::new());
        for wrong in [&["libc.so.6"][..], &["libc.so.60()(64bit)"], &["glibc"], &[]] {
            assert_eq!(problems(Format::Rpm, wrong, &need).len(), 1, "{wrong:?}");
        }
    }
}
