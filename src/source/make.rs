//! Fetched sources -> what a folder of the cache holds: the tree, originals and patches.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::layout::Layout;
use super::prepared::{Kept, KeptOriginal, KeptPatch, PreparedSources};
use super::tree::{FIXED_TIME, TreeWriter, refused, tree_name};
use super::walk::{self, Found, Local, What};
use super::{SourceError, unpack};
use crate::recipe::{Origin, Source};
use crate::types::Address;

/// A source as it was fetched, under its name.
#[derive(Debug, Clone)]
pub(super) struct Original {
    pub(super) name: String,
    /// The sha256 under which it lies among the downloads, when it is one.
    pub(super) download: Option<String>,
}

/// A source after fetching.
pub(super) enum Part {
    File {
        path: PathBuf,
        original: Original,
    },
    /// A tar with a top folder, among the originals already.
    Git {
        original: Original,
    },
    Text,
    LocalFile,
    LocalFolder {
        top: String,
    },
}

/// Writes tree, originals and patches into `folder`.
pub(super) fn build(
    root: &Path,
    folder: &Path,
    parts: &[(Source, Part)],
    cancel: &CancellationToken,
) -> Result<PreparedSources, SourceError> {
    let mut tree = TreeWriter::create(&folder.join("tree.tar"), cancel)?;
    let mut originals: Vec<Original> = Vec::new();
    let mut patches = Vec::new();
    fs::create_dir(folder.join("patches")).map_err(|source| SourceError::Io { path: folder.to_owned(), source })?;
    for (source, part) in parts {
        let into = &source.into;
        if into.starts_with('/') || into.split('/').any(|part| part == "..") {
            return Err(refused(into, "is no folder inside the source tree".to_owned()));
        }
        match part {
            Part::File { path, original } => {
                let name = &original.name;
                add_one(&mut tree, path, (name, name, false), source)?;
                originals.push(original.clone());
            }
            Part::Git { original } => {
                let path = folder.join("originals").join(&original.name);
                let file = File::open(&path).map_err(|source| SourceError::Io { path, source })?;
                let reader = std::io::BufReader::with_capacity(128 * 1024, file);
                unpack::add_tar(&mut tree, reader, &original.name, &mut Layout::inside_top(source))?;
                originals.push(original.clone());
            }
            Part::Text => {
                let Origin::Text { file, text, executable } = &source.origin else { continue };
                if originals.iter().any(|original| original.name == *file) {
                    return Err(refused(file, "is the file name of two sources".to_owned()));
                }
                let path = folder.join("originals").join(file);
                fs::write(&path, text).map_err(|source| SourceError::Io { path: path.clone(), source })?;
                unpack::copy_file(&mut tree, &path, (file, file, *executable), into)?;
                originals.push(Original { name: file.clone(), download: None });
            }
            Part::LocalFile | Part::LocalFolder { .. } => {
                let Origin::Path { path } = &source.origin else { continue };
                originals.push(add_local(&mut tree, root, path, source, part, folder, cancel)?);
            }
        }
        for patch in &source.patches {
            let from = walk::inside(root, &patch.path).map_err(|error| error.at_patch(source, patch))?;
            let name = patch.file_name(patches.len() + 1);
            let to = folder.join("patches").join(&name);
            copy(&from, &to)?;
            patches.push(KeptPatch { name, into: into.clone(), kept: Kept::of(&to)? });
        }
    }
    if let Some(twice) = (1..originals.len()).find(|n| originals[..*n].iter().any(|o| o.name == originals[*n].name)) {
        return Err(refused(&originals[twice].name, "is the file name of two sources".to_owned()));
    }
    let kept = |original: Original, path: Option<&Path>| {
        let kept = match (&original.download, path) {
            (Some(sha256), Some(path)) => Kept::known(path, sha256.clone())?,
            _ => Kept::of(&folder.join("originals").join(&original.name))?,
        };
        Ok::<_, SourceError>(KeptOriginal { name: original.name, download: original.download.is_some(), kept })
    };
    let downloaded = parts.iter().map(|(_, part)| match part {
        Part::File { path, .. } => Some(path.as_path()),
        _ => None,
    });
    let originals =
        originals.into_iter().zip(downloaded).map(|(original, path)| kept(original, path)).collect::<Result<_, _>>()?;
    let finished = tree.finish()?;
    let mut warnings = finished.warnings;
    warnings.extend(finished.pointers.iter().map(|(first, count)| lfs_warning(first, *count)));
    let tree = Kept::known(&folder.join("tree.tar"), finished.digest)?;
    Ok(PreparedSources { tree, newest: finished.newest, patches, originals, warnings })
}

/// A copy that its owner can read and remove, whatever the mode of the file was.
fn copy(from: &Path, to: &Path) -> Result<(), SourceError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| SourceError::Io { path, source }
    };
    let mut file = File::open(from).map_err(io(from))?;
    let mut copy = File::create_new(to).map_err(io(to))?;
    std::io::copy(&mut file, &mut copy).map_err(io(to))?;
    Ok(())
}

fn lfs_warning(first: &str, count: usize) -> (String, String) {
    let others = match count {
        1 => "is a Git LFS pointer".to_owned(),
        2 => "and one more file are Git LFS pointers".to_owned(),
        n => format!("and {} more files are Git LFS pointers", n - 1),
    };
    let sentence = format!(
        "{first} {others}, which farm does not follow: the build sees a few lines of text instead (in a work tree, \
         `git lfs pull` gets the files)"
    );
    ("lfs-pointer".to_owned(), sentence)
}

/// Adds a path source to the tree, and makes the original of it.
fn add_local(
    tree: &mut TreeWriter<'_>,
    root: &Path,
    path: &str,
    source: &Source,
    part: &Part,
    folder: &Path,
    cancel: &CancellationToken,
) -> Result<Original, SourceError> {
    let (full, local) = walk::look(root, path, source)?;
    match (local, part) {
        (Local::Folder(found), Part::LocalFolder { top }) => {
            let original = Original { name: format!("{top}.tar"), download: None };
            add_found(tree, path, &found, &source.into, source.strip)?;
            let mut tar = TreeWriter::create(&folder.join("originals").join(&original.name), cancel)?;
            add_found(&mut tar, path, &found, top, 0)?;
            tar.finish()?;
            Ok(original)
        }
        (Local::File { executable }, Part::LocalFile) => {
            let name = Path::new(path).file_name().or(full.file_name()).unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            add_one(tree, &full, (path, &name, executable), source)?;
            let original = Original { name, download: None };
            copy(&full, &folder.join("originals").join(&original.name))?;
            Ok(original)
        }
        _ => Err(refused(path, "changed while it was read".to_owned())),
    }
}

/// Adds one file, unpacked if the source wants that.
fn add_one(
    tree: &mut TreeWriter<'_>,
    path: &Path,
    about: (&str, &str, bool),
    source: &Source,
) -> Result<(), SourceError> {
    match source.unpack {
        true => unpack::add_file(tree, path, about, source),
        false => unpack::copy_file(tree, path, about, &source.into),
    }
}

fn add_found(
    tree: &mut TreeWriter<'_>,
    origin: &str,
    found: &[Found],
    into: &str,
    strip: u32,
) -> Result<(), SourceError> {
    for one in found {
        let name = tree_name(into, &one.name, strip).map_err(|reason| refused(origin, reason))?;
        let Some(name) = name else { continue };
        match &one.what {
            What::File { size, executable } => {
                let file =
                    File::open(&one.path).map_err(|source| SourceError::Io { path: one.path.clone(), source })?;
                tree.file(origin, &name, (*size, *executable, FIXED_TIME), file)?;
            }
            What::Link { target } => tree.symlink(origin, &name, target, FIXED_TIME)?,
        }
    }
    Ok(())
}

/// The top folder of the next original that has none of its own.
pub(super) fn top_name(name: &str, version: &str, so_far: &mut u32) -> String {
    *so_far += 1;
    match *so_far {
        1 => format!("{name}-{version}"),
        n => format!("{name}-{version}-{n}"),
    }
}

/// The last component of the first place, without query and fragment.
pub(super) fn file_name(urls: &[Address]) -> String {
    let url = urls.first().map(Address::secret).unwrap_or_default();
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_plain =
        !name.is_empty() && !name.starts_with('.') && !name.contains('\\') && !name.chars().any(char::is_control);
    if is_plain { name.to_owned() } else { "source".to_owned() }
}
