//! Build systems: which one builds a project, and what each says about it. One file per system; this one knows their
//! order and what they share.

mod autotools;
mod cargo;
mod cmake;
mod conditions;
mod debian;
mod go;
mod known_headers;
mod make;
mod meson;
mod node;
mod perl;
mod python;
mod ruby;
mod spec;

use super::draft::{Draft, Requirement};
use super::text::{Call, capability, is_plain_path, is_plain_word, is_version};
use super::tree::Tree;

/// A build system.
struct System {
    name: &'static str,
    /// The file at the top of the project that shows that it is there.
    file: fn(&Tree) -> Option<String>,
    read: fn(&Tree, &mut Draft),
}

/// The first that is there builds the project. Where a project has several, the language's own comes before a Makefile,
/// which mostly calls it, and what needs no generation before what does.
const SYSTEMS: [System; 11] = [
    System { name: "Perl", file: perl::file, read: perl::read },
    System { name: "Python", file: python::file_that_drives_another, read: python::read },
    System { name: "Meson", file: |tree| top(tree, &[meson::FILE]), read: meson::read },
    System { name: "autotools", file: autotools::file, read: autotools::read },
    System { name: "CMake", file: |tree| top(tree, &[cmake::FILE]), read: cmake::read },
    System { name: "Cargo", file: |tree| top(tree, &[cargo::FILE]), read: cargo::read },
    System { name: "Go", file: |tree| top(tree, &[go::FILE]), read: go::read },
    System { name: "Python", file: python::file, read: python::read },
    System { name: "Ruby", file: ruby::file, read: ruby::read },
    System { name: "Make", file: |tree| top(tree, &make::FILES), read: make::read },
    System { name: "Node", file: |tree| top(tree, &[node::FILE]), read: node::read },
];

/// Reads the project's own packaging for what it says of the package, then its build system.
pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    debian::read(tree, draft);
    spec::read(tree, draft);
    let mut others = Vec::new();
    for system in &SYSTEMS {
        let Some(file) = (system.file)(tree) else { continue };
        if draft.system.is_empty() {
            draft.system = system.name;
            draft.system_file = file;
            (system.read)(tree, draft);
        } else if system.name != draft.system && system.name != "Make" && !others.contains(&system.name) {
            others.push(system.name);
        }
    }
    if !others.is_empty() {
        let (built, others) = (draft.system, others.join(", "));
        draft.check(format!("it is built with {built}; there are also files for {others}, which were not used"));
    }
}

/// The first of these files that lies at the top.
fn top(tree: &Tree, names: &[&str]) -> Option<String> {
    names.iter().find(|name| tree.has(name)).map(|name| (*name).to_owned())
}

fn requirement(what: String, from: &str, optional: bool) -> Requirement {
    Requirement::new(what, from, optional)
}

/// Manual pages that lie ready in the tree, for systems that install none by themselves.
fn install_manual_pages(tree: &Tree, draft: &mut Draft) {
    for section in ['1', '5', '8'] {
        let ending = format!(".{section}");
        let pages: Vec<&str> = tree
            .names()
            .filter(|path| path.ends_with(&ending) && is_plain_path(path) && !path.starts_with("vendor/"))
            .filter(|path| {
                let name = super::tree::base_name(path);
                draft.programs.iter().any(|program| name.starts_with(program.as_str()))
            })
            .collect();
        if !pages.is_empty() {
            let folder = format!("$DESTDIR$PREFIX/share/man/man{section}");
            draft.install.push(format!("mkdir -p {folder}"));
            draft.install.push(format!("install -m 644 {} {folder}/", pages.join(" ")));
        }
    }
}

/// pkg-config modules with the least version of each: `zlib >= 1.2 foo`, `zlib>=1.2`.
fn modules<'a>(words: impl Iterator<Item = &'a str>) -> Vec<(String, Option<String>)> {
    let spaced: Vec<String> = words
        .flat_map(|word| {
            let mut parts = Vec::new();
            let mut rest = word;
            while let Some(at) = rest.find(['<', '>', '=']) {
                let end = rest[at..].find(|c| !"<>=".contains(c)).map_or(rest.len(), |end| at + end);
                parts.extend([rest[..at].to_owned(), rest[at..end].to_owned()]);
                rest = &rest[end..];
            }
            parts.push(rest.to_owned());
            parts
        })
        .filter(|word| !word.is_empty())
        .collect();
    let mut found: Vec<(String, Option<String>)> = Vec::new();
    let mut words = spaced.iter().peekable();
    while let Some(word) = words.next() {
        if word.starts_with(['<', '>', '=']) {
            let version = words.next().filter(|version| is_version(version));
            if let (Some((_, least)), true) = (found.last_mut(), matches!(word.as_str(), ">=" | ">" | "=")) {
                *least = version.cloned();
            }
        } else if is_plain_word(word) {
            found.push((word.clone(), None));
        }
    }
    found
}

/// A library to link with, as a capability; none for those of the C library itself.
fn library(name: &str) -> Option<String> {
    const OF_LIBC: [&str; 14] = [
        "c",
        "m",
        "dl",
        "pthread",
        "rt",
        "util",
        "nsl",
        "socket",
        "resolv",
        "intl",
        "iconv",
        "network",
        "bsd-compat",
        "anl",
    ];
    if OF_LIBC.contains(&name) { None } else { capability("lib", name, None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_have_the_least_version_that_is_asked_for() {
        let found = |text: &str| modules(text.split_whitespace());
        assert_eq!(found("zlib>=1.2 foo"), [("zlib".into(), Some("1.2".into())), ("foo".into(), None)]);
        assert_eq!(found("glib-2.0 >= 2.30 x < 2"), [("glib-2.0".into(), Some("2.30".into())), ("x".into(), None)]);
        assert_eq!(found("a >= $VER $(id)"), [("a".into(), None)]);
    }
}
