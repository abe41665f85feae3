//! What was installed and which package it belongs to, as `artifact` compares it with the finished packages. Taken of the
//! tree before this module does anything with it.

use std::collections::{BTreeMap, HashMap};

use super::layout::{Layout, ghosts, is_config, links};
use super::system;
use super::tree::{NodeKind, Tree};
use crate::artifact::manifest::{Assignment, Maker, Manifest, Staged, StagedKind};
use crate::formats::folders;
use crate::packaging::Assembly;
use crate::recipe::Attributes;
use crate::types::Format;
use crate::types::pattern::takes;

/// The tree as it came out of its container.
pub(super) fn installed(tree: &Tree) -> Vec<Staged> {
    let mut names: HashMap<usize, u32> = HashMap::new();
    for node in tree.nodes.values() {
        if let NodeKind::File(content) = node.kind {
            *names.entry(content).or_default() += 1;
        }
    }
    let staged = tree.nodes.iter().map(|(path, node)| {
        let (kind, links) = match &node.kind {
            NodeKind::Folder => (StagedKind::Folder, None),
            NodeKind::Symlink(target) => (StagedKind::Symlink(target.as_bytes().to_vec()), None),
            NodeKind::File(number) => {
                let content = &tree.contents[*number];
                let is_linked = names.get(number).is_some_and(|count| *count > 1);
                let kind = StagedKind::File { size: content.size, sha256: content.sha256 };
                (kind, is_linked.then_some(*number as u64))
            }
        };
        Staged { path: path.as_bytes().to_vec(), kind, mode: node.mode, owner: tree.owners.get(path).copied(), links }
    });
    staged.collect()
}

pub(super) fn manifest(
    tree: &Tree,
    installed: Vec<Staged>,
    layout: &Layout,
    assembly: &Assembly,
    libdir: &str,
    attributes: &[BTreeMap<String, Attributes>],
) -> Manifest {
    let mut assignment = Assignment::default();
    let patterns: Vec<String> = assembly.whole.iter().map(|pattern| pattern.replace("${libdir}", libdir)).collect();
    for (package, contents) in assembly.packages.iter().zip(layout) {
        let mut own: Vec<&str> = package.own_files.iter().map(|(path, _)| path.as_str()).collect();
        own.extend(links(package).map(|(_, link)| link.link.as_str()));
        own.extend(ghosts(package).map(|(path, _)| path));
        assignment.own.extend(own.into_iter().map(|path| (package.name.clone(), path.as_bytes().to_vec())));
        for (path, node) in contents {
            let place = || (package.name.clone(), path.as_bytes().to_vec());
            if node.kind != NodeKind::Folder {
                assignment.within.push(place());
            }
            let NodeKind::File(content) = node.kind else { continue };
            if is_config(path, package) {
                assignment.config.push(place());
            }
            let elf = tree.contents[content].elf.as_ref().filter(|elf| elf.has_symbols);
            let is_named = patterns.iter().any(|pattern| takes(pattern.trim_end_matches('/'), path));
            match elf {
                Some(_) if is_named => assignment.whole.push((path.as_bytes().to_vec(), None)),
                Some(elf) if elf.behind > 0 => assignment.whole.push((path.as_bytes().to_vec(), Some(elf.behind))),
                _ => {}
            }
        }
    }
    for (path, said) in attributes.iter().flatten() {
        assignment.modes.extend(said.mode.map(|mode| (path.as_bytes().to_vec(), mode)));
        let owners = said.owners().filter(|_| assembly.format == Format::Rpm);
        assignment.owners.extend(owners.map(|owners| (path.as_bytes().to_vec(), owners)));
    }
    if assembly.format == Format::Rpm {
        let is_shared = |path: &str| folders::is_of_system(&system::gathered(path), libdir);
        let paths = installed.iter().map(|staged| &staged.path);
        assignment.shared.extend(paths.filter(|path| std::str::from_utf8(path).is_ok_and(is_shared)).cloned());
    }
    Manifest::new(assembly.format, Maker::Farm, installed, assignment)
}
