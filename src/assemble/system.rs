//! What a recipe asks of the installed system, in the files of its packages: units in their place, farm's own files of
//! sysusers.d(5), tmpfiles.d(5) and presets, and what units say that maintainer scripts depend on. The scripts are
//! `packaging`'s.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use super::AssembleError;
use super::layout::{Layout, NEW_FOLDER, add_parents, keep_text};
use super::tree::{Node, NodeKind, Tree};
use crate::packaging::{Assembly, SystemFiles, UnitFile};
use crate::types::Format;

const GATHERED: &str = "/usr/lib/systemd";

/// Where a path of the installed tree lies when its units are in one place.
pub(super) fn gathered(path: &str) -> Cow<'_, str> {
    match path.strip_prefix("/lib/systemd").filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        Some(rest) => format!("{GATHERED}{rest}").into(),
        None => path.into(),
    }
}
/// Units are read up to here; real ones have some lines.
const LONGEST_UNIT: u64 = 1 << 20;

/// Units have one place while patterns are matched, whatever the project's own build thinks.
pub(super) fn gather_units(tree: &mut Tree) {
    move_folder(&mut tree.nodes, "/lib/systemd", GATHERED);
}

/// Puts units where the release's helpers look for them.
pub(super) fn place_units(assembly: &Assembly, layout: &mut Layout) {
    let to = format!("/{}", assembly.unit_folder.trim_end_matches("/system"));
    if to != GATHERED {
        layout.iter_mut().for_each(|contents| move_folder(contents, GATHERED, &to));
    }
}

/// Moves a folder with all in it; folders that are left empty by that go.
fn move_folder(nodes: &mut BTreeMap<String, Node>, from: &str, to: &str) {
    let inside = |path: &str| path.strip_prefix(from).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let moved: Vec<String> = nodes.keys().filter(|path| inside(path)).cloned().collect();
    if moved.is_empty() {
        return;
    }
    for path in &moved {
        if let Some(node) = nodes.remove(path) {
            nodes.insert(format!("{to}{}", &path[from.len()..]), node);
        }
    }
    let mut parent = to;
    while let Some((above, _)) = parent.rsplit_once('/')
        && !above.is_empty()
    {
        nodes.entry(above.to_owned()).or_insert(NEW_FOLDER);
        parent = above;
    }
    let mut left = from;
    while let Some((above, _)) = left.rsplit_once('/')
        && !above.is_empty()
        && !nodes.keys().any(|path| path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/')))
    {
        nodes.remove(above);
        left = above;
    }
}

/// Adds the files that farm writes into packages.
pub(super) fn add_own_files(tree: &mut Tree, assembly: &Assembly, layout: &mut Layout) -> Result<(), AssembleError> {
    for (package, contents) in assembly.packages.iter().zip(layout) {
        for (path, text) in &package.own_files {
            let content = keep_text(tree, text.as_bytes())?;
            contents.insert(path.clone(), Node { kind: NodeKind::File(content), mode: 0o644, mtime: i64::MAX });
            // In an .rpm, folders of the system are no package's.
            if assembly.format == Format::Deb {
                add_parents(contents, path, tree);
            }
        }
    }
    Ok(())
}

/// Units of the tree that no table of services names: packed, and neither enabled nor started.
pub(super) fn undeclared_units(assembly: &Assembly, layout: &Layout) -> Vec<String> {
    let mut units = Vec::new();
    for (package, contents) in assembly.packages.iter().zip(layout) {
        let undeclared = units_of(assembly, contents).filter(|(name, _)| !package.system.services.contains_key(*name));
        let told = undeclared
            .filter(|(name, _)| [".service", ".socket", ".timer", ".path"].iter().any(|kind| name.ends_with(kind)));
        units.extend(told.map(|(name, _)| format!("/{}/{name}", assembly.unit_folder)));
    }
    units
}

/// Units by name, in the folder of a layout whose units are in their place.
fn units_of<'a>(
    assembly: &Assembly,
    contents: &'a BTreeMap<String, Node>,
) -> impl Iterator<Item = (&'a str, &'a Node)> {
    let folder = format!("/{}/", assembly.unit_folder);
    contents.iter().filter_map(move |(path, node)| {
        let name = path.strip_prefix(&folder)?;
        (!name.contains('/') && node.kind != NodeKind::Folder).then_some((name, node))
    })
}

/// What the scripts of a package have to know of its files.
pub(super) fn system_files(
    tree: &Tree,
    assembly: &Assembly,
    contents: &BTreeMap<String, Node>,
) -> Result<SystemFiles, AssembleError> {
    let mut files = SystemFiles::default();
    let nodes: BTreeMap<&str, &Node> = units_of(assembly, contents).collect();
    for (name, node) in &nodes {
        // Another name of a unit beside it.
        let target = match &node.kind {
            NodeKind::Symlink(target) => nodes.get(target.rsplit('/').next().unwrap_or(target)).copied(),
            _ => Some(*node),
        };
        if let Some(Node { kind: NodeKind::File(content), .. }) = target {
            files.units.insert((*name).to_owned(), read_unit(tree, *content)?);
        }
    }
    let configs = |folder: &str| {
        let names = contents.iter().filter_map(|(path, node)| {
            let name = path.strip_prefix(folder)?.strip_prefix('/')?;
            let is_config = name.ends_with(".conf") && !name.contains('/') && node.kind != NodeKind::Folder;
            is_config.then(|| name.to_owned())
        });
        names.collect::<Vec<String>>()
    };
    files.sysusers.extend(configs("/usr/lib/sysusers.d"));
    files.tmpfiles.extend(configs("/usr/lib/tmpfiles.d"));
    files.tmpfiles.extend(configs("/etc/tmpfiles.d"));
    Ok(files)
}

fn read_unit(tree: &Tree, content: usize) -> Result<UnitFile, AssembleError> {
    let path = &tree.contents[content].path;
    let failed = |error| AssembleError::Io(path.clone(), error);
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(LONGEST_UNIT).read_to_end(&mut bytes).map_err(failed)?;
    Ok(parse_unit(&String::from_utf8_lossy(&bytes)))
}

fn parse_unit(text: &str) -> UnitFile {
    let mut unit = UnitFile::default();
    for line in text.lines().map(str::trim) {
        unit.is_installable |= line.eq_ignore_ascii_case("[Install]");
        if let Some(names) = line.strip_prefix("Also=") {
            let names = names.split_whitespace().map(|name| name.trim_matches(['"', '\'']));
            unit.also.extend(names.filter(|name| is_unit_name(name)).map(str::to_owned));
        }
    }
    unit
}

/// What can stand in a script (systemd.unit(5)).
fn is_unit_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_say_whether_they_can_be_enabled_and_what_goes_with_them() {
        let unit =
            parse_unit("[Unit]\nDescription=x\n[Install]\nWantedBy=multi-user.target\nAlso=a.socket 'b.timer' $(x)\n");
        assert!(unit.is_installable);
        assert_eq!(unit.also, ["a.socket", "b.timer"]);
        assert_eq!(parse_unit("[Service]\nExecStart=/bin/true\n"), UnitFile::default());
    }

    #[test]
    fn a_moved_folder_takes_what_is_in_it_and_leaves_no_empty_ones() {
        let file = |content| Node { kind: NodeKind::File(content), mode: 0o644, mtime: 0 };
        let mut nodes: BTreeMap<String, Node> = ["/lib", "/lib/systemd", "/lib/systemd/system", "/usr", "/usr/bin"]
            .map(|path| (path.to_owned(), NEW_FOLDER))
            .into();
        nodes.insert("/lib/systemd/system/a.service".to_owned(), file(0));
        let before = nodes.clone();
        move_folder(&mut nodes, "/lib/systemd", "/usr/lib/systemd");
        let paths: Vec<&str> = nodes.keys().map(String::as_str).collect();
        assert_eq!(
            paths,
            [
                "/usr",
                "/usr/bin",
                "/usr/lib",
                "/usr/lib/systemd",
                "/usr/lib/systemd/system",
                "/usr/lib/systemd/system/a.service"
            ]
        );
        move_folder(&mut nodes, "/usr/lib/systemd", "/lib/systemd");
        assert!(nodes.keys().eq(before.keys()));
    }
}
