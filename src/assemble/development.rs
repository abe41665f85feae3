//! What development files need and provide, which is in no ELF file: the libraries behind the links that a linker follows,
//! and the modules of pkg-config. As rpm's `pkgconfigdeps` has it, but for the program itself; of a .deb only what the
//! build's own packages have, as which other packages have modules is not in the files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;

use super::AssembleError;
use super::layout::Layout;
use super::tree::{Node, NodeKind, Tree, files};
use crate::types::clean_path;

/// Real ones have some lines.
const LONGEST_MODULE: u64 = 1 << 20;
/// Variables of variables.
const DEEPEST: usize = 20;
/// What a value, and what all lines together, may come to: variables that hold others several times grow without end.
const LONGEST_VALUE: usize = 64 << 10;
const LONGEST_EXPANDED: usize = 4 << 20;

/// A module of pkg-config.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) version: String,
    /// Name, operator and version; the latter two may be empty.
    pub(super) requires: Vec<[String; 3]>,
}

/// The other packages whose libraries links in a package lead to, by number.
pub(super) fn behind_links(layout: &Layout, number: usize) -> BTreeSet<usize> {
    let links = layout[number].iter().filter_map(|(path, node)| match &node.kind {
        NodeKind::Symlink(target) if path.ends_with(".so") => {
            Some(clean_path(path.rsplit_once('/').map_or("", |(folder, _)| folder), target))
        }
        _ => None,
    });
    let sibling = |path: String| match layout[number].contains_key(&path) {
        true => None,
        false => layout.iter().position(|contents| contents.contains_key(&path)),
    };
    links.filter_map(sibling).collect()
}

/// The other packages of the build with modules that a package's own require, by number.
pub(super) fn behind_modules(tree: &Tree, layout: &Layout, number: usize) -> Result<BTreeSet<usize>, AssembleError> {
    let own = modules(tree, &layout[number])?;
    let mut siblings = BTreeSet::new();
    for [name, ..] in own.iter().flat_map(|module| &module.requires) {
        let end = format!("/pkgconfig/{name}.pc");
        let has = |contents: &BTreeMap<String, Node>| contents.keys().any(|path| path.ends_with(&end));
        siblings.extend((0..layout.len()).find(|at| has(&layout[*at])).filter(|at| *at != number));
    }
    Ok(siblings)
}

/// The modules in a package.
pub(super) fn modules(tree: &Tree, contents: &BTreeMap<String, Node>) -> Result<Vec<Module>, AssembleError> {
    let mut modules = Vec::new();
    for (path, _, content) in files(tree, contents) {
        let Some((folder, name)) = path.rsplit_once('/') else { continue };
        let Some(name) = name.strip_suffix(".pc").filter(|_| folder.ends_with("/pkgconfig")) else { continue };
        let failed = |error| AssembleError::Io(content.path.clone(), error);
        let mut bytes = Vec::new();
        let mut file = File::open(&content.path).map_err(failed)?.take(LONGEST_MODULE);
        file.read_to_end(&mut bytes).map_err(failed)?;
        if is_word(name) {
            modules.push(Module { name: name.to_owned(), ..parse(&String::from_utf8_lossy(&bytes)) });
        }
    }
    Ok(modules)
}

fn parse(text: &str) -> Module {
    let mut variables: BTreeMap<&str, String> = BTreeMap::new();
    let mut module = Module::default();
    let mut left = LONGEST_EXPANDED;
    for line in text.lines().map(str::trim) {
        let Some(at) = line.find([':', '=']) else { continue };
        let (key, value) = (line[..at].trim(), expanded(line[at + 1..].trim(), &variables));
        let Some(rest) = left.checked_sub(value.len()) else { break };
        left = rest;
        if line[at..].starts_with('=') {
            variables.insert(key, value);
            continue;
        }
        match key {
            "Version" if is_word(&value) => module.version = value,
            "Requires" | "Requires.private" => module.requires.extend(requirements(&value)),
            _ => {}
        }
    }
    module
}

fn expanded(value: &str, variables: &BTreeMap<&str, String>) -> String {
    let mut value = value.to_owned();
    for _ in 0..DEEPEST {
        let Some((before, rest)) = value.split_once("${") else { break };
        let Some((name, after)) = rest.split_once('}') else { break };
        let inserted = variables.get(name).map_or("", String::as_str);
        if before.len() + inserted.len() + after.len() > LONGEST_VALUE {
            return String::new();
        }
        value = format!("{before}{inserted}{after}");
    }
    value
}

/// `zlib >= 1.2, glib-2.0 libffi`
fn requirements(list: &str) -> Vec<[String; 3]> {
    let mut requirements: Vec<[String; 3]> = Vec::new();
    let mut words = list.split([',', ' ', '\t']).filter(|word| !word.is_empty()).peekable();
    while let Some(name) = words.next() {
        let operator = words.next_if(|word| ["<", "<=", "=", ">=", ">"].contains(word));
        let version = operator.and_then(|_| words.next()).filter(|version| is_word(version));
        if is_word(name) {
            let operator = operator.filter(|_| version.is_some()).unwrap_or_default();
            requirements.push([name, operator, version.unwrap_or_default()].map(str::to_owned));
        }
    }
    requirements
}

/// What can stand in a relation.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 256
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '~' | ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_read_with_their_variables() {
        let text = "prefix=/usr\nmajor = 1\nrelease=${major}.2\nVersion: ${release}\nRequires: zlib >= 1.2, reed\n\
                    Requires.private: glib-2.0 = 2 $(evil) b@d\nLibs: -lpond\n";
        let module = parse(text);
        assert_eq!(module.version, "1.2");
        let requires: Vec<String> = module.requires.iter().map(|words| words.join(" ").trim().to_owned()).collect();
        assert_eq!(requires, ["zlib >= 1.2", "reed", "glib-2.0 = 2"]);
        // Variables that go round in a circle come to an end.
        assert_eq!(parse("a=${a}x\nVersion: ${a}1\n").version, "x1");
        assert_eq!(parse("Version: 1\tProvides: evil\n").version, "");
    }

    #[test]
    fn variables_of_variables_do_not_grow_without_end() {
        let doubled = (1..100).map(|n| format!("v{n}=${{v{0}}}${{v{0}}}\n", n - 1));
        let text = format!("v0=x\n{}Version: ${{v99}}1\n", doubled.collect::<String>());
        assert_eq!(parse(&text).version, "1");
        // Each line is short enough, all of them are not.
        let long = format!("a={}\n{}Requires: reed\n", "x ".repeat(30_000), "Requires: ${a}\n".repeat(1000));
        let words = parse(&long).requires.len();
        assert!(words > 30_000 && words * 2 <= LONGEST_EXPANDED, "{words}");
    }

    #[test]
    fn links_lead_to_packages_of_the_same_build() {
        let link = |target: &str| Node { kind: NodeKind::Symlink(target.to_owned()), mode: 0o777, mtime: 0 };
        let file = Node { kind: NodeKind::File(0), mode: 0o644, mtime: 0 };
        let layout = vec![
            BTreeMap::from([("/usr/lib/liba.so.1".to_owned(), file.clone())]),
            BTreeMap::from([
                ("/usr/lib/liba.so".to_owned(), link("liba.so.1")),
                ("/usr/lib/x/libb.so".to_owned(), link("../libb.so.1")),
                ("/usr/lib/liba.a".to_owned(), link("liba.so.1")),
                ("/usr/lib/libown.so.1".to_owned(), file.clone()),
                ("/usr/lib/libown.so".to_owned(), link("/usr/lib/libown.so.1")),
                ("/usr/lib/libnone.so".to_owned(), link("libnone.so.9")),
            ]),
            BTreeMap::from([("/usr/lib/libb.so.1".to_owned(), file)]),
        ];
        assert_eq!(behind_links(&layout, 1), BTreeSet::from([0, 2]));
        assert_eq!(behind_links(&layout, 0), BTreeSet::new());
    }
}
