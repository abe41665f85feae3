//! What the ELF files and scripts of a package need, read from them. For RPM the answer is in the files: requirements
//! name the libraries themselves, as rpm's own `elfdeps` and `script.req` write them. For Debian it is in the archive:
//! the package that has a library says so, and in which version, in its `shlibs` file (Policy 8.6.4), as
//! dpkg-shlibdeps(1) reads it; the finer `symbols` files are not looked at.

use std::collections::{BTreeMap, BTreeSet};

use super::AssembleError;
use super::development::{behind_links, behind_modules};
use super::layout::Layout;
use super::private::Private;
use super::tree::{Content, Node, Tree, elves, files};
use crate::packaging::Assembly;

/// Programs that a `#!` line may name, and the Debian packages that have them; what is essential is not listed.
const INTERPRETERS: &[(&str, &str)] = &[
    ("awk", ""),
    ("bash", ""),
    ("csh", "tcsh | csh"),
    ("dash", ""),
    ("expect", "expect"),
    ("fish", "fish"),
    ("gawk", "gawk"),
    ("guile", "guile-3.0"),
    ("ksh", "ksh"),
    ("lua", "lua-any"),
    ("make", "make"),
    ("node", "nodejs"),
    ("nodejs", "nodejs"),
    ("perl", "perl:any"),
    ("php", "php-cli"),
    ("python3", "python3:any"),
    ("ruby", "ruby:any"),
    ("sed", ""),
    ("sh", ""),
    ("tclsh", "tcl"),
    ("wish", "tk"),
    ("zsh", "zsh"),
];

/// The relations that bring the libraries of a Debian archive: `libc6 (>= 2.36)` by `libc.so.6`.
pub(crate) type Libraries = BTreeMap<String, String>;

/// Libraries that some file needs and that no package of the set has, sorted.
pub(super) fn foreign(tree: &Tree, layout: &Layout) -> BTreeSet<String> {
    let own: BTreeSet<&str> = layout.iter().flat_map(|contents| provided(tree, contents)).collect();
    let needed = layout.iter().flat_map(|contents| elves(tree, contents)).flat_map(|(_, content)| needed(content));
    needed.filter(|library| !own.contains(library)).map(str::to_owned).collect()
}

/// What a Debian package depends on because of its files. Libraries that nobody is known to have are left out:
/// `artifact` tells of them.
pub(super) fn deb_depends(
    tree: &Tree,
    layout: &Layout,
    number: usize,
    assembly: &Assembly,
    libraries: &Libraries,
) -> Result<Vec<String>, AssembleError> {
    let mut depends = BTreeSet::new();
    let same = |sibling: usize| format!("{} (= {})", assembly.packages[sibling].name, assembly.version);
    depends.extend(behind_links(layout, number).into_iter().map(same));
    depends.extend(behind_modules(tree, layout, number)?.into_iter().map(same));
    let own: BTreeSet<&str> = provided(tree, &layout[number]).collect();
    for library in elves(tree, &layout[number]).flat_map(|(_, content)| needed(content)) {
        if own.contains(library) {
            continue;
        }
        let sibling = layout.iter().position(|contents| provided(tree, contents).any(|known| known == library));
        match sibling {
            Some(sibling) => {
                depends.insert(same(sibling));
            }
            None => depends.extend(libraries.get(library).cloned()),
        }
    }
    for program in interpreters(tree, &layout[number]) {
        let name = program.rsplit('/').next().unwrap_or(program);
        let known = INTERPRETERS.iter().find(|(known, _)| *known == name).map(|(_, package)| *package);
        depends.extend(known.filter(|package| !package.is_empty()).map(str::to_owned));
    }
    Ok(depends.into_iter().collect())
}

/// The other packages of the build with private libraries that a package needs, by number: no name of a library says so.
pub(super) fn behind_private(tree: &Tree, layout: &Layout, number: usize, private: &Private) -> BTreeSet<usize> {
    let own: BTreeSet<&str> = provided(tree, &layout[number]).collect();
    let needed = elves(tree, &layout[number]).flat_map(|(_, content)| needed(content));
    let holder =
        |library: &str| layout.iter().position(|contents| provided(tree, contents).any(|known| known == library));
    needed.filter(|library| private.is_name(library) && !own.contains(library)).filter_map(holder).collect()
}

/// What an .rpm requires because of its files.
pub(super) fn rpm_requires(tree: &Tree, contents: &BTreeMap<String, Node>, private: &Private) -> BTreeSet<String> {
    let mut requires = BTreeSet::new();
    for (_, content) in elves(tree, contents) {
        let Some(elf) = &content.elf else { continue };
        let needed = elf.needed.iter().filter(|library| !private.is_name(library));
        requires.extend(needed.map(|library| capability(library, "", elf.is_64)));
        let versions = elf.needed_versions.iter().filter(|(library, _)| !private.is_name(library));
        requires.extend(versions.map(|(library, version)| capability(library, version, elf.is_64)));
        if elf.has_only_gnu_hash {
            requires.insert("rtld(GNU_HASH)".to_owned());
        }
    }
    requires.extend(interpreters(tree, contents).map(str::to_owned));
    requires
}

/// What an .rpm provides because of its files: libraries by their sonames and versions.
pub(super) fn rpm_provides(tree: &Tree, contents: &BTreeMap<String, Node>, private: &Private) -> BTreeSet<String> {
    let mut provides = BTreeSet::new();
    for (path, content) in elves(tree, contents) {
        let Some(elf) = &content.elf else { continue };
        // A program has no name that others link to.
        let Some(soname) = &elf.soname else { continue };
        if !path.contains(".so") || private.has(path) {
            continue;
        }
        provides.insert(capability(soname, "", elf.is_64));
        provides.extend(elf.versions.iter().map(|version| capability(soname, version, elf.is_64)));
    }
    provides
}

/// `libfoo.so.1()(64bit)`, `libfoo.so.1(FOO_1.0)(64bit)`; for 32 bit `libfoo.so.1`, `libfoo.so.1(FOO_1.0)`.
fn capability(library: &str, version: &str, is_64: bool) -> String {
    match (version, is_64) {
        ("", false) => library.to_owned(),
        (version, false) => format!("{library}({version})"),
        (version, true) => format!("{library}({version})(64bit)"),
    }
}

fn needed(content: &Content) -> impl Iterator<Item = &str> {
    content.elf.iter().flat_map(|elf| &elf.needed).map(String::as_str)
}

/// The names under which a package has libraries: sonames, and file names for those without.
fn provided<'a>(tree: &'a Tree, contents: &'a BTreeMap<String, Node>) -> impl Iterator<Item = &'a str> {
    elves(tree, contents).map(|(path, content)| {
        let soname = content.elf.as_ref().and_then(|elf| elf.soname.as_deref());
        soname.unwrap_or_else(|| path.rsplit('/').next().unwrap_or(path))
    })
}

/// Of executable files; documentation has examples.
fn interpreters<'a>(tree: &'a Tree, contents: &'a BTreeMap<String, Node>) -> impl Iterator<Item = &'a str> {
    let scripts =
        files(tree, contents).filter(|(path, node, _)| node.mode & 0o111 != 0 && !path.starts_with("/usr/share/doc/"));
    scripts.filter_map(|(_, _, content)| content.interpreter.as_deref())
}
