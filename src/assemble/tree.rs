//! The tree that a build installed, on its way out of its container: a tar stream that the build controls. Contents go
//! to numbered files of one folder, whatever the tree calls them, so that no name in it ever touches this host; what is
//! kept in memory is names, modes and links.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::AssembleError;
use crate::formats::elf::{self, Elf, Looked};
use crate::stream::Bounded;
use crate::stream::holes::Sparse;
use crate::types::printable;

/// What one entry's own description may take.
const LARGEST_HEADER: u64 = 1 << 20;
const MOST_ENTRIES: usize = 1_000_000;
const MOST_BYTES: u64 = 64 << 30;
/// PATH_MAX and NAME_MAX of Linux.
const LONGEST_PATH: usize = 4095;
const LONGEST_NAME: usize = 255;
/// A kernel reads no more of a script's first line.
const LONGEST_INTERPRETER: usize = 256;

/// One installed file, folder or link; all of them are root's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    /// Permission bits.
    pub(super) mode: u32,
    pub(super) mtime: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NodeKind {
    Folder,
    /// By number in [`Tree::contents`]; hard links share one.
    File(usize),
    Symlink(String),
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    /// On this host.
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
    pub(super) elf: Option<Elf>,
    /// What its first line names: `/usr/bin/python3`.
    pub(super) interpreter: Option<String>,
}

/// What was installed, by absolute path. Every path's parent is a folder in it.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) contents: Vec<Content>,
    /// Licence files of the sources: name and content.
    pub(super) licences: BTreeMap<String, usize>,
    /// Numbers of user and group of what is not the builder's, by path.
    pub(super) owners: BTreeMap<String, (u32, u32)>,
    builder: Option<(u32, u32)>,
    folder: PathBuf,
}

impl Tree {
    /// Reads a tar whose entries lie in `<any>/<root>` and, as plain files, `<any>/<licences>`. Contents are written to
    /// `folder`, which exists and is nobody else's. Blocks.
    ///
    /// # Errors
    /// [`AssembleError::Refused`] with everything in it that no package may have.
    pub(crate) fn receive(tar: impl Read, folder: &Path, root: &str, licences: &str) -> Result<Tree, AssembleError> {
        let mut tree = Tree {
            nodes: BTreeMap::new(),
            contents: Vec::new(),
            licences: BTreeMap::new(),
            owners: BTreeMap::new(),
            builder: None,
            folder: folder.to_owned(),
        };
        let mut problems = Vec::new();
        let mut total = 0u64;
        let (reader, allowance) = Bounded::new(tar);
        let mut archive = tar::Archive::new(reader);
        let mut entries = archive.entries().map_err(AssembleError::Stream)?;
        let mut links = Vec::new();
        loop {
            allowance.set(LARGEST_HEADER);
            let Some(entry) = entries.next() else { break };
            allowance.set(u64::MAX);
            let mut entry = entry.map_err(AssembleError::Stream)?;
            total = total.saturating_add(entry.size());
            if tree.nodes.len() > MOST_ENTRIES || total > MOST_BYTES {
                let most = format!("more than {MOST_ENTRIES} files or {} GiB were installed", MOST_BYTES >> 30);
                return Err(AssembleError::Refused(vec![most]));
            }
            let raw = entry.path_bytes().into_owned();
            let added = match place(&raw, root, licences) {
                Ok(TreePart::Nowhere) => Ok(()),
                Ok(TreePart::Licence(name)) => tree.licence(&mut entry, name)?,
                Ok(TreePart::Installed(path)) => tree.add(&mut entry, path, root, &mut links)?,
                Err(reason) => Err(format!("{} {reason}", shown(&raw))),
            };
            problems.extend(added.err());
        }
        tree.resolve_links(links, &mut problems);
        tree.check_parents(&mut problems);
        if problems.is_empty() { Ok(tree) } else { Err(AssembleError::Refused(problems)) }
    }

    fn add<R: Read>(
        &mut self,
        entry: &mut tar::Entry<'_, R>,
        path: String,
        root: &str,
        links: &mut Vec<(String, String)>,
    ) -> Result<Result<(), String>, AssembleError> {
        let header = entry.header();
        let mode = header.mode().map_err(AssembleError::Stream)? & 0o7777;
        let mtime = i64::try_from(header.mtime().map_err(AssembleError::Stream)?).unwrap_or(0);
        let narrow = |id: u64| u32::try_from(id).unwrap_or(u32::MAX);
        let (uid, gid) = (header.uid().map_err(AssembleError::Stream)?, header.gid().map_err(AssembleError::Stream)?);
        let owner = (narrow(uid), narrow(gid));
        // The first entry is the top of the tree, made by who builds. Which numbers that are differs between engines.
        let builder = *self.builder.get_or_insert(owner);
        let link = entry.link_name_bytes().map(|link| link.into_owned()).unwrap_or_default();
        let is_folder = header.entry_type() == tar::EntryType::Directory;
        if self.nodes.contains_key(&path) && !is_folder {
            return Ok(Err(format!("{path} is there twice")));
        }
        let kind = match header.entry_type() {
            tar::EntryType::Directory => NodeKind::Folder,
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => {
                NodeKind::File(self.keep(entry)?)
            }
            tar::EntryType::Symlink => match link_target(&link) {
                Ok(target) => NodeKind::Symlink(target),
                Err(reason) => return Ok(Err(format!("{path} is a link {reason}"))),
            },
            tar::EntryType::Link => {
                return Ok(match place(&link, root, "") {
                    Ok(TreePart::Installed(target)) => {
                        links.push((path, target));
                        Ok(())
                    }
                    _ => Err(format!("{path} is a hard link to {}, which was not installed", shown(&link))),
                });
            }
            _ => return Ok(Err(format!("{path} is a device, pipe or socket"))),
        };
        // `/` itself is nobody's.
        if path != "/" {
            if owner != builder {
                self.owners.insert(path.clone(), owner);
            }
            self.nodes.insert(path, Node { kind, mode, mtime });
        }
        Ok(Ok(()))
    }

    fn licence<R: Read>(
        &mut self,
        entry: &mut tar::Entry<'_, R>,
        name: String,
    ) -> Result<Result<(), String>, AssembleError> {
        // A link to a licence is one that is there under its own name, too.
        if entry.header().entry_type().is_file() {
            let content = self.keep(entry)?;
            self.licences.insert(name, content);
        }
        Ok(Ok(()))
    }

    /// Writes a content to the folder and looks at it.
    pub(super) fn keep(&mut self, from: &mut impl Read) -> Result<usize, AssembleError> {
        let number = self.contents.len();
        let path = self.folder.join(format!("{number:06}"));
        let failed = |error| AssembleError::Io(path.clone(), error);
        let mut file = Sparse::new(File::create_new(&path).map_err(failed)?);
        let mut buffer = vec![0; 128 * 1024];
        let mut start = Vec::new();
        let mut size = 0u64;
        let mut hasher = Sha256::new();
        loop {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    start.extend_from_slice(&buffer[..count.min(LONGEST_INTERPRETER.saturating_sub(start.len()))]);
                    file.write_all(&buffer[..count]).map_err(failed)?;
                    hasher.update(&buffer[..count]);
                    size += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(AssembleError::Stream(error)),
            }
        }
        drop(file.finish().map_err(failed)?);
        let elf = if start.starts_with(b"\x7fELF") {
            let mut file = File::open(&path).map_err(failed)?;
            match elf::look(&mut file, &self.folder, elf::Depth::Needs).map_err(failed)? {
                Looked::Elf(elf) => Some(*elf),
                Looked::NoElf | Looked::Damaged => None,
            }
        } else {
            None
        };
        let interpreter = interpreter(&start);
        let sha256 = hasher.finalize().into();
        self.contents.push(Content { path, size, sha256, elf, interpreter });
        Ok(number)
    }

    fn resolve_links(&mut self, links: Vec<(String, String)>, problems: &mut Vec<String>) {
        for (path, target) in links {
            match self.nodes.get(&target) {
                Some(node) if matches!(node.kind, NodeKind::File(_)) => {
                    let node = node.clone();
                    self.nodes.insert(path, node);
                }
                _ => problems.push(format!("{path} is a hard link to {target}, which is no installed file")),
            }
        }
    }

    /// Adds folders that the archive did not name; refuses what lies below anything else.
    fn check_parents(&mut self, problems: &mut Vec<String>) {
        let mut missing: HashMap<String, Node> = HashMap::new();
        for path in self.nodes.keys() {
            let mut parent = path.as_str();
            while let Some((above, _)) = parent.rsplit_once('/') {
                if above.is_empty() || missing.contains_key(above) {
                    break;
                }
                match self.nodes.get(above) {
                    Some(node) if node.kind == NodeKind::Folder => break,
                    Some(_) => {
                        problems.push(format!("{path} lies below {above}, which is no folder"));
                        break;
                    }
                    None => {
                        let folder = Node { kind: NodeKind::Folder, mode: 0o755, mtime: 0 };
                        missing.insert(above.to_owned(), folder);
                        parent = above;
                    }
                }
            }
        }
        self.nodes.extend(missing);
    }

    /// A licence's text.
    pub(super) fn text(&self, content: usize) -> Result<Vec<u8>, AssembleError> {
        self.read(content).map_err(|error| AssembleError::Io(self.contents[content].path.clone(), error))
    }

    /// A whole content, for small ones.
    pub(super) fn read(&self, content: usize) -> io::Result<Vec<u8>> {
        fs::read(&self.contents[content].path)
    }
}

enum TreePart {
    /// The folders around the tree.
    Nowhere,
    Licence(String),
    /// Absolute.
    Installed(String),
}

/// Where an entry of the archive belongs: its name without the first two parts.
fn place(name: &[u8], root: &str, licences: &str) -> Result<TreePart, &'static str> {
    let text = std::str::from_utf8(name).map_err(|_| "has a name that is not UTF-8")?;
    if text.len() > LONGEST_PATH || printable(text) != text {
        return Err("has a name that no package may have");
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.iter().any(|part| *part == ".." || part.len() > LONGEST_NAME) {
        return Err("has a name that no package may have");
    }
    Ok(match parts[..] {
        [_, top, ref rest @ ..] if top == root => TreePart::Installed(format!("/{}", rest.join("/"))),
        [_, top, name] if top == licences => TreePart::Licence(name.to_owned()),
        [] | [_] => TreePart::Nowhere,
        [_, top] if top == licences => TreePart::Nowhere,
        _ => return Err("lies outside of what was installed"),
    })
}

fn link_target(link: &[u8]) -> Result<String, &'static str> {
    let text = std::str::from_utf8(link).map_err(|_| "whose target is not UTF-8")?;
    if text.is_empty() || text.len() > LONGEST_PATH || printable(text) != text {
        return Err("to what no file can be called");
    }
    Ok(text.to_owned())
}

/// The program of a `#!` line; none when it is not an absolute path.
fn interpreter(start: &[u8]) -> Option<String> {
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let program = std::str::from_utf8(line).ok()?.split_whitespace().next()?;
    (program.starts_with('/') && printable(program) == program).then(|| program.to_owned())
}

fn shown(name: &[u8]) -> String {
    printable(&String::from_utf8_lossy(name)).chars().take(200).collect()
}

/// Files that are loaded, each content once for each path.
pub(super) fn elves<'a>(
    tree: &'a Tree,
    contents: &'a BTreeMap<String, Node>,
) -> impl Iterator<Item = (&'a str, &'a Content)> {
    files(tree, contents).filter_map(|(path, _, content)| {
        content.elf.as_ref().is_some_and(|elf| elf.is_loaded).then_some((path, content))
    })
}

pub(super) fn files<'a>(
    tree: &'a Tree,
    contents: &'a BTreeMap<String, Node>,
) -> impl Iterator<Item = (&'a str, &'a Node, &'a Content)> {
    contents.iter().filter_map(|(path, node)| match node.kind {
        NodeKind::File(content) => Some((path.as_str(), node, &tree.contents[content])),
        _ => None,
    })
}
