//! The build context of a Dockerfile: the files that it can copy, as one deterministic tar stream, and a digest of them
//! without writing it. What is in it follows the rules of path sources, and `.dockerignore` on top; what a Dockerfile
//! means is not known here.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::dockerignore::Ignore;
use super::tree::{FIXED_TIME, LARGEST_TREE, MOST_ENTRIES, header, os_path, refused, shown, stays_inside};
use super::walk::{self, Found, What};
use super::{SourceError, add, found_digest, found_digests};
use crate::recipe::Dockerfile;
use crate::stream::{self, ByteStream};

/// Part of every digest: to be raised when the same files give another stream.
const CONTEXT_FORMAT: &str = "farm build context 1";

/// Files that engines would apply by rules of their own. They have been applied, and are no part of the context.
const IGNORE_FILES: [&[u8]; 2] = [b".dockerignore", b".containerignore"];

/// The files of a build context, looked at and not yet read.
#[derive(Debug)]
pub(crate) struct Context {
    /// The Dockerfile's name among them: `packaging/Dockerfile`.
    dockerfile: String,
    found: Vec<Found>,
}

impl Context {
    /// Looks at the context of a recipe's Dockerfile. `root` is the recipe's folder.
    ///
    /// # Errors
    /// When there is no such folder or Dockerfile, when the Dockerfile is not in it, when an ignore file cannot be
    /// understood, and for files and links that no context can hold.
    pub(crate) fn of(root: &Path, dockerfile: &Dockerfile) -> Result<Context, SourceError> {
        let origin = format!("build context {}", dockerfile.context);
        let top = walk::inside(root, &dockerfile.context)?;
        if !top.is_dir() {
            return Err(refused(&origin, "is no folder".to_owned()));
        }
        let own = own_file(root, dockerfile, &top)?;
        let specific = [&own.name[..], b".dockerignore"].concat();
        // As Docker looks for it: beside the Dockerfile and named after it, or at the top.
        let ignored_by = [&specific[..], b".dockerignore"].map(|name| top.join(os_path(name)));
        let mut ignore = match ignored_by.iter().find(|path| path.is_file()) {
            Some(path) => Ignore::read(path)?,
            None => Ignore::default(),
        };
        let mut found = walk::files(&top, true, &mut |name| {
            name != own.name && name != specific && !IGNORE_FILES.contains(&name) && !ignore.ignores(name)
        })?;
        for one in &found {
            if let What::Link { target } = &one.what
                && target.first() != Some(&b'/')
                && !stays_inside(&one.name, target)
            {
                let reason = format!(
                    "link {} leads out of it, to {}: let .dockerignore name it",
                    shown(&one.name),
                    shown(target)
                );
                return Err(refused(&origin, reason));
            }
        }
        let name = String::from_utf8_lossy(&own.name).into_owned();
        found.push(own);
        found.sort_by(|a, b| a.name.cmp(&b.name));
        let bytes: u64 = found.iter().map(Found::size).fold(0, u64::saturating_add);
        if found.len() > MOST_ENTRIES || bytes > LARGEST_TREE {
            let reason =
                format!("has more than {MOST_ENTRIES} files or {LARGEST_TREE} bytes: let .dockerignore name some");
            return Err(refused(&origin, reason));
        }
        Ok(Context { dockerfile: name, found })
    }

    /// The Dockerfile's name in the context.
    pub(crate) fn dockerfile(&self) -> &str {
        &self.dockerfile
    }

    /// Hex digest of the context: of names, contents and executable bits, and of which file the Dockerfile is.
    pub(crate) fn digest(&self) -> Result<String, SourceError> {
        let digests = found_digests(&self.found)?;
        Ok(self.digest_of(&digests))
    }

    fn digest_of(&self, digests: &[[u8; 32]]) -> String {
        let mut whole = Sha256::new();
        add(&mut whole, &[CONTEXT_FORMAT.as_bytes(), self.dockerfile.as_bytes(), &digests.len().to_le_bytes()]);
        digests.iter().for_each(|digest| add(&mut whole, &[digest]));
        hex::encode(whole.finalize())
    }

    /// The context as an uncompressed tar stream: owned by 0:0, all of one time, files of mode 0644 or 0755. It breaks off
    /// with an error where what is read is not what `digest` says, so that no image is taken for that of other files.
    pub(crate) fn stream(self, digest: String) -> ByteStream {
        stream::from_tar(move |tar| {
            let mut folders: HashSet<&[u8]> = HashSet::new();
            let mut digests = Vec::with_capacity(self.found.len());
            for found in &self.found {
                for end in found.name.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at) {
                    if folders.insert(&found.name[..end]) {
                        let name = os_path(&found.name[..=end]);
                        let mut header = header(tar::EntryType::Directory, 0, 0o755, FIXED_TIME);
                        tar.append_data(&mut header, name, io::empty())?;
                    }
                }
                let name = os_path(&found.name);
                match &found.what {
                    What::File { size, executable } => {
                        let mode = if *executable { 0o755 } else { 0o644 };
                        let mut header = header(tar::EntryType::Regular, *size, mode, FIXED_TIME);
                        let mut file =
                            Hashing { inner: File::open(&found.path)?.take(*size), hasher: Sha256::new(), count: 0 };
                        tar.append_data(&mut header, name, &mut file)?;
                        if file.count != *size {
                            return Err(changed(&found.path));
                        }
                        digests.push(found_digest(found, &file.hasher.finalize()));
                    }
                    What::Link { target } => {
                        let mut header = header(tar::EntryType::Symlink, 0, 0o777, FIXED_TIME);
                        tar.append_link(&mut header, name, os_path(target))?;
                        digests.push(found_digest(found, &[]));
                    }
                }
            }
            if self.digest_of(&digests) != digest {
                return Err(io::Error::other("the build context changed while it was read"));
            }
            Ok(())
        })
    }
}

fn changed(path: &Path) -> io::Error {
    io::Error::other(format!("{} changed while it was read", path.display()))
}

/// The Dockerfile itself. Where it is a link, the file that it leads to, which must be in the context too.
fn own_file(root: &Path, dockerfile: &Dockerfile, top: &Path) -> Result<Found, SourceError> {
    let path = root.join(&dockerfile.path);
    let io = |source| SourceError::Io { path: path.clone(), source };
    let outside = || refused(&dockerfile.path, format!("is not in its context, {}", dockerfile.context));
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).map_err(io)?;
    let place = folder.join(path.file_name().ok_or_else(outside)?);
    let name = place.strip_prefix(top).map_err(|_| outside())?;
    let real = fs::canonicalize(&place).map_err(io)?;
    if !real.starts_with(top) {
        return Err(outside());
    }
    let what = walk::file(&real)?.ok_or_else(|| refused(&dockerfile.path, "is no file".to_owned()))?;
    let name = name.to_str().ok_or_else(|| refused(&dockerfile.path, "has a name that is no text".to_owned()))?;
    Ok(Found { name: name.as_bytes().to_vec(), path: real, what })
}

struct Hashing<R> {
    inner: R,
    hasher: Sha256,
    count: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        self.count += n as u64;
        Ok(n)
    }
}
