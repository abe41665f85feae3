//! COPY and ADD: files from the context, a stage or an image into a stage, by the rules of the Dockerfile reference for
//! sources and destinations.

use std::sync::Arc;

use super::entries::{self, Change, FileKind};
use super::stage::{CONTEXT, Position, StageState};
use super::{glob, users};
use crate::engine::native::container::NativeContainer;
use crate::engine::native::dockerfile::{Copy, Source, words};
use crate::engine::{Container, EngineError, GuestPath};
use crate::stream;
use crate::types::{clean_path, printable};

/// Links that lead to links; as the kernel has it.
const MOST_LINKS: usize = 40;

/// Where files come from.
pub(super) struct Origin {
    pub(super) container: Arc<NativeContainer>,
    /// The folder in it that is the root to the Dockerfile; empty for the root itself.
    pub(super) root: &'static str,
}

/// One file or folder to copy.
enum Item {
    File {
        path: String,
        /// As it was asked for: a link has another name than what it leads to.
        name: String,
    },
    Folder(String),
    Document {
        name: String,
        text: String,
    },
}

pub(super) async fn copy(
    position: &Position<'_>,
    copy: &Copy,
    from: &Origin,
    container: &NativeContainer,
    state: &StageState,
) -> Result<(), EngineError> {
    let value = |name: &str| state.value(name);
    let owner = match &copy.owner {
        Some(owner) => Some(users::of_files(position, container, &position.expand(owner, &value)?).await?),
        // What is copied from a stage or an image stays whose it is.
        None => (from.root == CONTEXT).then_some((0, 0)),
    };
    let written = position.expand(&copy.destination, &value)?;
    let destination = clean_path(&state.workdir, &written);
    let named_folder = written.is_empty() || written == "." || written.ends_with('/') || written.ends_with("/.");
    let mut items = Vec::new();
    for source in &copy.sources {
        match source {
            Source::Path(path) => items.extend(find(position, from, &position.expand(path, &value)?).await?),
            Source::Document(document) => {
                let text = match document.expands {
                    true => words::expand_document(&document.text(), position.file.escape, &value),
                    false => Ok(document.text()),
                };
                let text = text.map_err(|problem| position.wrong(format!("in `{}`: {problem}", document.name)))?;
                items.push(Item::Document { name: document.name.clone(), text });
            }
        }
    }
    if items.len() > 1 && !named_folder {
        let message = format!("{} files go to `{written}`: a folder that takes several ends with `/`", items.len());
        return Err(position.wrong(message));
    }
    let is_folder = is_folder(container, &destination).await?;
    let to_folder = named_folder || is_folder;
    for item in items {
        let into = |name: &str| match to_folder {
            true => clean_path(&destination, name),
            false => destination.clone(),
        };
        let change = |to: String, contents| Change { to, owner, mode: copy.mode, contents };
        match item {
            Item::Document { name, text } => {
                if to_folder {
                    make_folder(position, container, &destination, owner.unwrap_or_default()).await?;
                }
                put(position, container, entries::text(text, change(into(&name), false))).await?;
            }
            Item::Folder(path) => {
                make_folder(position, container, &destination, owner.unwrap_or_default()).await?;
                let files = from.container.download(&GuestPath::new(path)).await?;
                put(position, container, entries::changed(files, change(destination.clone(), true))).await?;
            }
            Item::File { path, name } => {
                let path = GuestPath::new(path);
                let unpacks = copy.unpacks && entries::is_archive(&from.container, &path).await?;
                if to_folder || unpacks {
                    make_folder(position, container, &destination, owner.unwrap_or_default()).await?;
                }
                let file = from.container.download(&path).await?;
                let files = match unpacks {
                    // Owners are the archive's, unless others are asked for.
                    true => {
                        let owner = copy.owner.as_ref().and(owner);
                        entries::unpacked(file, Change { owner, ..change(destination.clone(), false) })
                    }
                    false => entries::changed(file, change(into(&name), false)),
                };
                put(position, container, files).await?;
            }
        }
    }
    Ok(())
}

/// Hands files over. What goes wrong with that is the Dockerfile's: names in the way, owners that there are none of.
async fn put(
    position: &Position<'_>,
    container: &NativeContainer,
    files: stream::ByteStream,
) -> Result<(), EngineError> {
    match container.upload(&GuestPath::new("/"), files).await {
        Err(EngineError::Source(error)) => Err(position.wrong(format!("cannot copy: {error}"))),
        Err(EngineError::Failed { message, .. }) => Err(position.wrong(format!("cannot copy: {message}"))),
        result => result,
    }
}

/// Whether there is a folder, or a link to one.
async fn is_folder(container: &NativeContainer, path: &str) -> Result<bool, EngineError> {
    match container.upload(&GuestPath::new(path), stream::from_tar(|_| Ok(()))).await {
        Ok(()) => Ok(true),
        Err(EngineError::NoSuchPath(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// As `mkdir -p`; what is there stays as it is.
pub(super) async fn make_folder(
    position: &Position<'_>,
    container: &NativeContainer,
    path: &str,
    owner: (u32, u32),
) -> Result<(), EngineError> {
    if is_folder(container, path).await? {
        return Ok(());
    }
    if entries::kind(container, &GuestPath::new(path)).await?.is_some() {
        return Err(position.wrong(format!("`{}` is there, and no folder", printable(path))));
    }
    put(position, container, entries::folder(path, owner)).await
}

/// What a source means: one file or folder, or what a pattern finds.
async fn find(position: &Position<'_>, from: &Origin, source: &str) -> Result<Vec<Item>, EngineError> {
    let inside = clean_path("/", source);
    if from.root == CONTEXT && leads_out(source) {
        return Err(position.wrong(format!("`{}` is outside of the build context", printable(source))));
    }
    if !glob::is_pattern(&inside) {
        return Ok(vec![item(position, from, &inside, source).await?]);
    }
    let parts: Vec<&str> = inside.trim_start_matches('/').split('/').collect();
    let fixed = parts.iter().take_while(|part| !glob::is_pattern(part)).count();
    let folder = format!("/{}", parts[..fixed].join("/"));
    let pattern = parts[fixed..].join("/");
    let nothing = || position.wrong(format!("`{}` matches no file {}", printable(source), origin_name(from)));
    let folder = match resolve(position, from, &folder).await? {
        Some((folder, FileKind::Folder)) => folder,
        _ => return Err(nothing()),
    };
    let path = GuestPath::new(folder.clone());
    let wanted = move |name: &str| glob::matches(&pattern, name);
    let mut items = Vec::new();
    for name in entries::names(&from.container, &path, parts.len() - fixed, wanted).await? {
        let path = clean_path(&folder, &name);
        let path = path.strip_prefix(from.root).unwrap_or(&path).to_owned();
        items.push(item(position, from, &path, &name).await?);
    }
    if items.is_empty() { Err(nothing()) } else { Ok(items) }
}

fn origin_name(from: &Origin) -> &'static str {
    if from.root == CONTEXT { "of the build context" } else { "there" }
}

fn leads_out(source: &str) -> bool {
    let mut depth = 0_usize;
    for part in source.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

async fn item(position: &Position<'_>, from: &Origin, path: &str, source: &str) -> Result<Item, EngineError> {
    match resolve(position, from, path).await? {
        Some((path, FileKind::Folder)) => Ok(Item::Folder(path)),
        Some((whole, FileKind::File)) => {
            let name = path.rsplit('/').next().unwrap_or(path).to_owned();
            Ok(Item::File { path: whole, name })
        }
        Some(_) => Err(position.wrong(format!("`{}` is no file and no folder", printable(source)))),
        None => Err(position.wrong(format!("`{}` is no file {}", printable(source), origin_name(from)))),
    }
}

/// Follows links, in the origin's root, to what is at a path: where that is in its container, and what.
async fn resolve(
    position: &Position<'_>,
    from: &Origin,
    path: &str,
) -> Result<Option<(String, FileKind)>, EngineError> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let whole = clean_path("/", &format!("{}{path}", from.root));
        if whole == "/" {
            let message = "farm's own engine does not copy from the root folder itself: name the folders to copy, or build \
                           with Docker or Podman (--engine)";
            return Err(position.wrong(message));
        }
        match entries::kind(&from.container, &GuestPath::new(whole.clone())).await? {
            Some(FileKind::Link(target)) => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                path = clean_path(folder, &target);
            }
            kind => return Ok(kind.map(|kind| (whole, kind))),
        }
    }
    Err(position.wrong(format!("`{}` is a link that leads to no end", printable(&path))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_out_of_the_context_is_told() {
        assert!(leads_out("..") && leads_out("a/../../b") && leads_out("/../a"));
        assert!(!leads_out("a/../b") && !leads_out("/a") && !leads_out(""));
    }
}
