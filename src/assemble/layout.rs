//! Which installed file goes into which package, as `packaging`'s `assign.awk` has it for the distributions' own tools, and
//! what is done with files on the way: manual pages are compressed, and modes are set right.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use flate2::{Compression, GzBuilder};

use super::AssembleError;
use super::tree::{Node, NodeKind, Tree};
use crate::artifact::manifest::modes;
use crate::formats::elf::Elf;
use crate::formats::folders;
use crate::packaging::{AssembledPackage, Assembly};
use crate::recipe::{AlternativeLink, Attributes};
use crate::types::Format;
use crate::types::pattern::{is_meant, takes};

/// A folder that only farm's own files are in.
pub(super) const NEW_FOLDER: Node = Node { kind: NodeKind::Folder, mode: 0o755, mtime: i64::MAX };

/// What each package holds: paths of [`Tree::nodes`], folders included where the format wants them. In the order of
/// [`Assembly::packages`].
pub(super) type Layout = Vec<BTreeMap<String, Node>>;

/// # Errors
/// [`AssembleError::Refused`] with every file that two packages claim, every pattern that nothing matches and every
/// configuration file that is not there.
pub(super) fn layout(tree: &Tree, assembly: &Assembly, libdir: &str) -> Result<Layout, AssembleError> {
    let mut problems = Vec::new();
    let mut layout: Layout = assembly.packages.iter().map(|_| BTreeMap::new()).collect();
    let patterns: Vec<(usize, String)> = assembly
        .packages
        .iter()
        .enumerate()
        .flat_map(|(owner, package)| package.patterns.iter().map(move |pattern| (owner, pattern)))
        .map(|(owner, pattern)| (owner, pattern.replace("${libdir}", libdir).trim_end_matches('/').to_owned()))
        .collect();
    let mut matched = vec![false; patterns.len()];
    let with_children: BTreeSet<&str> =
        tree.nodes.keys().filter_map(|path| path.rsplit_once('/')).map(|(parent, _)| parent).collect();
    let reserved = reserved(assembly);
    for (path, node) in &tree.nodes {
        if node.kind == NodeKind::Folder && with_children.contains(path.as_str()) {
            continue;
        }
        if let Some(why) = reserved.get(path.as_str()) {
            problems.push(format!("{path} was installed, and is {why}"));
            continue;
        }
        let mut owner = None;
        let other_names = other_names(path);
        for (number, (package, pattern)) in patterns.iter().enumerate() {
            if !takes(pattern, path) && !other_names.iter().any(|name| takes(pattern, name)) {
                continue;
            }
            matched[number] = true;
            match owner {
                None => owner = Some(*package),
                Some(other) if other != *package => {
                    let name = |package: usize| &assembly.packages[package].name;
                    let (one, two) = (name(other), name(*package));
                    problems.push(format!("{path} belongs to two packages, {one} and {two}: change their patterns"));
                }
                Some(_) => {}
            }
        }
        let is_strict = assembly.packages.first().is_some_and(|main| !main.patterns.is_empty());
        if owner.is_none() && is_strict && !(node.kind == NodeKind::Folder && folders::is_of_system(path, libdir)) {
            problems.push(format!("{path} is in no package: no pattern takes it"));
        }
        let package = &mut layout[owner.unwrap_or(0)];
        package.insert(path.clone(), node.clone());
        add_parents(package, path, tree);
    }
    for (number, (owner, pattern)) in patterns.iter().enumerate() {
        if !matched[number] {
            let package = &assembly.packages[*owner].name;
            problems.push(format!("nothing that was installed matches {pattern} of package {package}"));
        }
    }
    for (package, contents) in assembly.packages.iter().zip(&layout) {
        problems.extend(missing_config_files(package, contents));
    }
    problems.extend(missing_declared_files(assembly, &layout));
    problems.extend(assembly.packages.iter().flat_map(|package| own_folders_taken(tree, package, assembly.format)));
    if !problems.is_empty() {
        return Err(AssembleError::Refused(problems));
    }
    if assembly.format == Format::Rpm {
        // Folders of the system are no package's; all others belong to every package with files in them.
        for contents in &mut layout {
            contents.retain(|path, node| node.kind != NodeKind::Folder || !folders::is_of_system(path, libdir));
        }
    }
    Ok(layout)
}

/// What was installed where a package has folders for files of farm's own: its copyright or licences, and what the recipe
/// declares.
fn own_folders_taken(tree: &Tree, package: &AssembledPackage, format: Format) -> BTreeSet<String> {
    let documents = match format {
        Format::Deb => format!("/usr/share/doc/{}/", package.name),
        Format::Rpm => format!("/usr/share/licenses/{}/", package.name),
    };
    let own_files = package.own_files.iter().map(|(path, _)| path.as_str());
    let folders =
        own_files.chain([documents.as_str()]).flat_map(|path| path.match_indices('/').map(|(end, _)| &path[..end]));
    let taken = folders.filter_map(|folder| {
        let what = match tree.nodes.get(folder)?.kind {
            NodeKind::Folder => return None,
            NodeKind::File(_) => "file",
            NodeKind::Symlink(_) => "link",
        };
        Some(format!("{folder} is a {what}, where package {} has a folder: install it elsewhere", package.name))
    });
    taken.collect()
}

/// Adds the folders above a path: as they were installed, so that all packages have them alike.
pub(super) fn add_parents(package: &mut BTreeMap<String, Node>, path: &str, tree: &Tree) {
    let mut parent = path;
    while let Some((above, _)) = parent.rsplit_once('/')
        && !above.is_empty()
        && !package.contains_key(above)
    {
        package.insert(above.to_owned(), tree.nodes.get(above).cloned().unwrap_or(NEW_FOLDER));
        parent = above;
    }
}

/// Paths at which nothing may be installed, and why.
fn reserved(assembly: &Assembly) -> HashMap<&str, &'static str> {
    let mut reserved = HashMap::new();
    for package in &assembly.packages {
        for (path, _) in &package.own_files {
            reserved.insert(path.as_str(), "where farm writes what the recipe declares: leave out one of the two");
        }
        for (_, link) in links(package) {
            reserved.insert(link.link.as_str(), "the link of an alternative: install the file under another name");
        }
        for (path, _) in ghosts(package) {
            reserved.insert(path, "to be a ghost, which no package holds: leave it out");
        }
    }
    reserved
}

/// The links that update-alternatives makes for a package, with their names.
pub(super) fn links(package: &AssembledPackage) -> impl Iterator<Item = (&str, &AlternativeLink)> {
    package.system.alternatives.iter().flat_map(|(name, alternative)| {
        let dependents = alternative.dependents.iter().map(|(name, link)| (name.as_str(), link));
        std::iter::once((name.as_str(), &alternative.link)).chain(dependents)
    })
}

/// Files that nobody installs and that an .rpm owns.
pub(super) fn ghosts(package: &AssembledPackage) -> impl Iterator<Item = (&str, &Attributes)> {
    package.system.attributes.iter().filter(|(_, one)| one.ghost).map(|(path, one)| (path.as_str(), one))
}

/// Files that a recipe names must be in the package that names them: units, and what is behind alternatives.
fn missing_declared_files(assembly: &Assembly, layout: &Layout) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, package) in assembly.packages.iter().enumerate() {
        let units = package.system.services.keys().map(|unit| format!("/usr/lib/systemd/system/{unit}"));
        for path in units.chain(links(package).map(|(_, link)| link.path.clone())) {
            // Pages are compressed by now.
            let names = [path.clone(), format!("{path}.gz")];
            let has = |contents: &BTreeMap<String, Node>| {
                names.iter().any(|name| contents.get(name).is_some_and(|node| node.kind != NodeKind::Folder))
            };
            match layout.iter().position(has) {
                Some(holder) if holder == number => {}
                Some(holder) => problems.push(format!(
                    "{path} of package {} is in package {}: change their patterns",
                    package.name, assembly.packages[holder].name
                )),
                None => problems.push(format!("{path} of package {} was not installed", package.name)),
            }
        }
    }
    problems
}

fn missing_config_files(package: &AssembledPackage, contents: &BTreeMap<String, Node>) -> Vec<String> {
    let is_there = |pattern: &&String| {
        let mut taken = contents.iter().filter(|(path, _)| takes(pattern.trim_end_matches('/'), path));
        taken.any(|(_, node)| matches!(node.kind, NodeKind::File(_)))
    };
    let missing = package.config_files.iter().filter(|pattern| !is_there(pattern));
    missing.map(|path| format!("configuration file {path} of package {} was not installed", package.name)).collect()
}

/// Whether a file is one that users edit: all below /etc are (dh_installdeb(1)), and those that the recipe names.
pub(super) fn is_config(path: &str, package: &AssembledPackage) -> bool {
    path.starts_with("/etc/") || package.config_files.iter().any(|pattern| takes(pattern.trim_end_matches('/'), path))
}

/// Other names under which patterns may know a path: pages are compressed by now, or were when they were installed, and
/// compiled Python goes with its source.
fn other_names(path: &str) -> Vec<String> {
    if path.starts_with("/usr/share/man/") || path.starts_with("/usr/share/info/") {
        let plain = [".gz", ".bz2", ".xz", ".zst"].iter().find_map(|end| path.strip_suffix(end));
        let packed = format!("{}.gz", plain.unwrap_or(path));
        return plain.map(str::to_owned).into_iter().chain([packed]).collect();
    }
    let source = || {
        let (folder, name) = path.rsplit_once("/__pycache__/")?;
        let (module, rest) = name.split_once('.').filter(|(module, _)| !module.is_empty())?;
        (!name.contains('/') && rest.ends_with("pyc")).then(|| format!("{folder}/{module}.py"))
    };
    source().into_iter().collect()
}

/// Gives files the modes that the recipe says. Returns what it says of files, by package and path.
pub(super) fn set_attributes(
    assembly: &Assembly,
    layout: &mut Layout,
    libdir: &str,
) -> Result<Vec<BTreeMap<String, Attributes>>, AssembleError> {
    let mut problems = Vec::new();
    let mut all = Vec::new();
    for (package, contents) in assembly.packages.iter().zip(layout) {
        let mut said: BTreeMap<String, Attributes> = BTreeMap::new();
        for (pattern, attributes) in package.system.attributes.iter().filter(|(_, attributes)| !attributes.ghost) {
            let expanded = pattern.replace("${libdir}", libdir);
            let is_file = |node: &Node| !matches!(node.kind, NodeKind::Symlink(_));
            let mut is_there = false;
            for (path, node) in contents.iter_mut().filter(|(path, node)| is_file(node) && is_meant(&expanded, path)) {
                is_there = true;
                node.mode = attributes.mode.unwrap_or(node.mode);
                if said.insert(path.clone(), attributes.clone()).is_some() {
                    problems.push(format!("{path} has attributes by {pattern} and by another pattern of the recipe"));
                }
            }
            if !is_there {
                let name = &package.name;
                problems
                    .push(format!("no file of package {name} matches {pattern}, for which the recipe has attributes"));
            }
        }
        all.push(said);
    }
    if problems.is_empty() { Ok(all) } else { Err(AssembleError::Refused(problems)) }
}

/// Compresses manual and info pages where they lie; links to them follow (Policy 12.1; rpm's brp-compress).
pub(super) fn compress_pages(tree: &mut Tree) -> Result<(), AssembleError> {
    let pages: Vec<String> = tree.nodes.keys().filter(|path| is_page(path)).cloned().collect();
    let mut compressed: HashMap<usize, usize> = HashMap::new();
    for path in &pages {
        let Some(mut node) = tree.nodes.get(path).cloned() else { continue };
        match &mut node.kind {
            NodeKind::Folder => continue,
            NodeKind::File(content) => {
                let packed = match compressed.get(content) {
                    Some(packed) => *packed,
                    None => {
                        let packed = gzip(tree, *content)?;
                        compressed.insert(*content, packed);
                        packed
                    }
                };
                *content = packed;
            }
            NodeKind::Symlink(target) => target.push_str(".gz"),
        }
        let packed = format!("{path}.gz");
        if tree.nodes.contains_key(&packed) {
            return Err(AssembleError::Refused(vec![format!("{path} was installed, and {packed}, too")]));
        }
        tree.nodes.remove(path);
        tree.nodes.insert(packed, node);
    }
    Ok(())
}

fn is_page(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts[..] {
        ["usr", "share", "man", section, name] | ["usr", "share", "man", _, section, name] => {
            section.starts_with("man") && is_uncompressed(name)
        }
        ["usr", "share", "info", name] => name.contains(".info") && is_uncompressed(name),
        _ => false,
    }
}

fn is_uncompressed(name: &str) -> bool {
    ![".gz", ".bz2", ".xz", ".zst", ".Z"].iter().any(|end| name.ends_with(end))
}

fn gzip(tree: &mut Tree, content: usize) -> Result<usize, AssembleError> {
    let path = tree.contents[content].path.clone();
    let file = std::fs::File::open(&path).map_err(|error| AssembleError::Io(path, error))?;
    tree.keep(&mut GzBuilder::new().mtime(0).read(file, Compression::best()))
}

/// Text as one more content, compressed.
pub(super) fn keep_gzipped(tree: &mut Tree, text: &str) -> Result<usize, AssembleError> {
    tree.keep(&mut GzBuilder::new().mtime(0).read(text.as_bytes(), Compression::best()))
}

pub(super) fn keep_text(tree: &mut Tree, text: &[u8]) -> Result<usize, AssembleError> {
    tree.keep(&mut &text[..])
}

/// Modes as both formats have them: see `artifact::manifest::modes`.
pub(super) fn set_modes(tree: &mut Tree, format: Format) {
    // All names of one file have the mode that the first of them gets.
    let mut decided: HashMap<usize, u32> = HashMap::new();
    for (path, node) in &mut tree.nodes {
        if let NodeKind::File(content) = node.kind {
            match decided.get(&content) {
                Some(mode) => node.mode = *mode,
                None => {
                    let content_elf = tree.contents[content].elf.as_ref();
                    node.mode = file_mode(path, node.mode, content_elf, format);
                    decided.insert(content, node.mode);
                }
            }
            continue;
        }
        node.mode = match (&node.kind, format) {
            (NodeKind::Symlink(_), _) => 0o777,
            (_, Format::Deb) => modes::debian(path, true, node.mode),
            (_, Format::Rpm) => modes::installed(path, true, node.mode),
        };
    }
}

fn file_mode(path: &str, mode: u32, elf: Option<&Elf>, format: Format) -> u32 {
    let installed = modes::installed(path, false, mode);
    if modes::is_kept(path, false, mode) {
        return installed;
    }
    match format {
        Format::Deb => modes::debian(path, false, mode),
        // rpm's tools look at executable files only, and so do people who read its listings.
        Format::Rpm if path.contains(".so") && elf.is_some_and(|elf| elf.is_loaded) => installed | 0o111,
        Format::Rpm => installed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pattern_takes_exponential_time() {
        assert!(!takes(&"/*a".repeat(60), &"/aaaaaaaaaaaaaaaaaaab".repeat(60)));
    }

    #[test]
    fn pages_are_told_from_other_files() {
        for path in ["/usr/share/man/man1/a.1", "/usr/share/man/de/man8/a.8", "/usr/share/info/a.info-1"] {
            assert!(is_page(path), "{path}");
        }
        for path in ["/usr/share/man/man1/a.1.gz", "/usr/share/info/dir", "/usr/share/doc/a.1", "/usr/share/man/x.1"] {
            assert!(!is_page(path), "{path}");
        }
    }
}
