//! Libraries that are the packages' own: those that the loader does not find by itself, and those that the recipe names. They
//! are offered to nobody, and nobody is said to need them. `packaging`'s `staged.awk` has the same rule.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;

use super::AssembleError;
use super::layout::Layout;
use super::tree::{Node, NodeKind, Tree, elves};
use crate::formats::folders::is_searched_by_loader;
use crate::packaging::Assembly;
use crate::recipe::PrivateLibraries;
use crate::types::pattern::takes;

/// Real ones have some lines.
const LONGEST_CONFIGURATION: u64 = 1 << 20;

/// Which libraries of a build are private.
#[derive(Debug, Default)]
pub(super) struct Private {
    paths: BTreeSet<String>,
    /// The names by which programs ask for them: those of files and links, and sonames.
    names: BTreeSet<String>,
    /// Further folders that the loader is told to look in, by the packages' own files of ld.so.conf(5).
    searched: BTreeSet<String>,
}

impl Private {
    pub(super) fn new(
        tree: &Tree,
        layout: &Layout,
        assembly: &Assembly,
        libdir: &str,
    ) -> Result<Private, AssembleError> {
        let private = Private { searched: searched(tree, layout)?, ..Private::default() };
        if assembly.private_libraries == PrivateLibraries::None {
            return Ok(private);
        }
        let patterns: Vec<String> = assembly
            .private_libraries
            .named()
            .iter()
            .map(|pattern| pattern.replace("${libdir}", libdir).trim_end_matches('/').to_owned())
            .collect();
        let is_private = |path: &str| !private.is_searched(path) || patterns.iter().any(|pattern| takes(pattern, path));
        let (mut paths, mut names) = (BTreeSet::new(), BTreeSet::new());
        for contents in layout {
            let named =
                contents.iter().filter(|(path, node)| is_library(path, node)).map(|(path, _)| (path.as_str(), None));
            let with_soname = elves(tree, contents)
                .filter_map(|(path, content)| Some((path, Some(content.elf.as_ref()?.soname.as_deref()?))));
            for (path, soname) in named.chain(with_soname).filter(|(path, _)| is_private(path)) {
                names.extend(path.rsplit('/').next().into_iter().chain(soname).map(str::to_owned));
                paths.insert(path.to_owned());
            }
        }
        Ok(Private { paths, names, ..private })
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Whether a name that a program asks for is that of a private library.
    pub(super) fn is_name(&self, library: &str) -> bool {
        self.names.contains(library)
    }

    /// Whether the loader finds a library there without being told.
    pub(super) fn is_searched(&self, path: &str) -> bool {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        is_searched_by_loader(folder) || self.searched.contains(folder)
    }
}

/// What others may load: programs have other names.
fn is_library(path: &str, node: &Node) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_named = name.contains(".so.") || [".so", ".node", ".cmxs"].iter().any(|end| name.ends_with(end));
    is_named && node.kind != NodeKind::Folder
}

fn searched(tree: &Tree, layout: &Layout) -> Result<BTreeSet<String>, AssembleError> {
    let mut folders = BTreeSet::new();
    for (path, node) in layout.iter().flatten() {
        let name =
            path.strip_prefix("/etc/ld.so.conf.d/").filter(|name| !name.contains('/') && name.ends_with(".conf"));
        let (Some(_), NodeKind::File(content)) = (name, &node.kind) else { continue };
        let file = &tree.contents[*content].path;
        let failed = |error| AssembleError::Io(file.clone(), error);
        let mut bytes = Vec::new();
        File::open(file).map_err(failed)?.take(LONGEST_CONFIGURATION).read_to_end(&mut bytes).map_err(failed)?;
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().map(|line| line.split(['#', '=']).next().unwrap_or(line).trim());
        folders.extend(lines.filter(|line| line.starts_with('/')).map(|line| line.trim_end_matches('/').to_owned()));
    }
    Ok(folders)
}
