//! Build systems: which one builds a project, and what each says about it. One file per system; this one knows their
//! order and what they share.

mod autotools;
mod cargo;
mod cmake;
mod common;
mod conditions;
mod debian;
mod go;
mod java;
mod known_headers;
mod make;
mod meson;
mod modules;
mod node;
mod perl;
mod python;
mod ruby;
mod spec;
mod written;

use super::draft::Draft;
use super::text::Call;
use super::tree::Tree;
use common::top;
pub(super) use debian::version as debian_version;

/// A build system.
struct System {
    name: &'static str,
    /// The file at the top of the project that shows that it is there.
    file: fn(&Tree) -> Option<String>,
    read: fn(&Tree, &mut Draft),
    /// Whether what it builds is also installed by it; one that installs nothing is for developers alone.
    installs: fn(&Tree) -> bool,
}

/// The first that is there builds the project. Where a project has several, the language's own comes before a Makefile,
/// which mostly calls it, and what needs no generation before what does.
const SYSTEMS: [System; 13] = [
    System { name: "Perl", file: perl::file, read: perl::read, installs: |_| true },
    System { name: "Python", file: python::file_that_drives_another, read: python::read, installs: |_| true },
    System { name: "Meson", file: |tree| top(tree, &[meson::FILE]), read: meson::read, installs: meson::installs },
    System { name: "autotools", file: autotools::file, read: autotools::read, installs: |_| true },
    System { name: "CMake", file: |tree| top(tree, &[cmake::FILE]), read: cmake::read, installs: cmake::installs },
    System { name: "Cargo", file: |tree| top(tree, &[cargo::FILE]), read: cargo::read, installs: |_| true },
    System { name: "Go", file: go::file, read: go::read, installs: |_| true },
    System { name: "Python", file: python::file, read: python::read, installs: |_| true },
    System { name: "Ruby", file: ruby::file, read: ruby::read, installs: |_| true },
    System { name: "Maven", file: |tree| top(tree, &[java::POM]), read: java::read_maven, installs: |_| true },
    System { name: "Gradle", file: |tree| top(tree, &java::GRADLE), read: java::read_gradle, installs: |_| true },
    System { name: "Make", file: |tree| top(tree, &make::FILES), read: make::read, installs: make::installs },
    System { name: "Node", file: |tree| top(tree, &[node::FILE]), read: node::read, installs: |_| true },
];

/// Reads the project's own packaging for what it says of the package, then its build system.
pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    debian::read(tree, draft);
    spec::read(tree, draft);
    let there: Vec<(&System, String)> =
        SYSTEMS.iter().filter_map(|system| Some((system, (system.file)(tree)?))).collect();
    let chosen = there.iter().find(|(system, _)| (system.installs)(tree)).or(there.first());
    if let Some((system, file)) = chosen {
        draft.system = system.name;
        draft.system_file = file.clone();
        (system.read)(tree, draft);
    }
    let mut others: Vec<&str> = Vec::new();
    for (system, _) in &there {
        if system.name != draft.system && system.name != "Make" && !others.contains(&system.name) {
            others.push(system.name);
        }
    }
    if !others.is_empty() {
        let (built, others) = (draft.system, others.join(", "));
        draft.check(format!("it is built with {built}; there are also files for {others}, which were not used"));
    }
}
