//! The hashes that lock files pin modules by, each computed from a file as the language's own tool does it.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Serialize, Serializer};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio_util::sync::CancellationToken;

/// What the files of a Go module may have together, as the `go` command has it (`golang.org/x/mod/zip`, MaxZipFile).
const LARGEST_GO_MODULE: u64 = 500 << 20;

/// A hash that a lock file has written down.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hash {
    pub(super) kind: HashKind,
    pub(super) bytes: Vec<u8>,
}

/// How a file becomes a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HashKind {
    /// Good against accidents, and against who did not make both files: what old lock files have.
    Sha1,
    Sha256,
    Sha384,
    Sha512,
    /// Go's `h1:` of a module's zip file: the names and contents of what is in it.
    GoZip,
    /// Go's `h1:` of a go.mod.
    GoMod,
    /// The id of a commit, by which git verifies all that belongs to it.
    GitCommit,
}

impl HashKind {
    /// As names of folders in the cache have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            HashKind::Sha1 => "sha1",
            HashKind::Sha256 => "sha256",
            HashKind::Sha384 => "sha384",
            HashKind::Sha512 => "sha512",
            HashKind::GoZip => "go-zip",
            HashKind::GoMod => "go-mod",
            HashKind::GitCommit => "gitCommit",
        }
    }

    /// In bytes.
    fn lengths(self) -> &'static [usize] {
        match self {
            HashKind::Sha1 => &[20],
            HashKind::Sha384 => &[48],
            HashKind::Sha512 => &[64],
            HashKind::Sha256 | HashKind::GoZip | HashKind::GoMod => &[32],
            HashKind::GitCommit => &[20, 32],
        }
    }
}

impl Hash {
    /// Of hexadecimal digits; `None` when they are none, or too few or too many.
    pub(super) fn from_hex(kind: HashKind, digits: &str) -> Option<Hash> {
        Hash::of_bytes(kind, hex::decode(digits.trim()).ok()?)
    }

    /// Of base64 (RFC 4648, padded).
    pub(super) fn from_base64(kind: HashKind, text: &str) -> Option<Hash> {
        Hash::of_bytes(kind, BASE64_STANDARD.decode(text.trim()).ok()?)
    }

    fn of_bytes(kind: HashKind, bytes: Vec<u8>) -> Option<Hash> {
        kind.lengths().contains(&bytes.len()).then_some(Hash { kind, bytes })
    }

    /// The strongest of a Subresource Integrity value: `sha512-…`, several separated by spaces.
    pub(super) fn from_integrity(text: &str) -> Option<Hash> {
        let one = |part: &str| {
            let (algorithm, value) = part.split_once('-')?;
            let kind = match algorithm {
                "sha1" => HashKind::Sha1,
                "sha256" => HashKind::Sha256,
                "sha384" => HashKind::Sha384,
                "sha512" => HashKind::Sha512,
                _ => return None,
            };
            Hash::from_base64(kind, value.split('?').next().unwrap_or_default())
        };
        text.split_ascii_whitespace().filter_map(one).max_by_key(|hash| hash.kind)
    }

    pub(super) fn hex(&self) -> String {
        hex::encode(&self.bytes)
    }

    /// As Subresource Integrity writes it: `sha512-…`.
    pub(super) fn integrity(&self) -> String {
        format!("{}-{}", self.kind.name(), BASE64_STANDARD.encode(&self.bytes))
    }

    /// Whether the file at `path` has this hash.
    ///
    /// # Errors
    /// When it cannot be read, or nobody waits for it any more.
    pub(super) fn is_of(&self, path: &Path, cancel: &CancellationToken) -> io::Result<bool> {
        let file = File::open(path)?;
        let actual = match self.kind {
            HashKind::Sha1 => digest::<Sha1>(file, cancel)?,
            HashKind::Sha256 => digest::<Sha256>(file, cancel)?,
            HashKind::Sha384 => digest::<Sha384>(file, cancel)?,
            HashKind::Sha512 => digest::<Sha512>(file, cancel)?,
            HashKind::GoMod => go_list(vec![("go.mod".to_owned(), digest::<Sha256>(file, cancel)?)]),
            // That is what a repository has, and no file.
            HashKind::GitCommit => return Ok(false),
            // What is no zip file has another content than the one that was hashed.
            HashKind::GoZip => match go_zip(file, cancel) {
                Ok(hash) => hash,
                Err(_) if !cancel.is_cancelled() => return Ok(false),
                Err(error) => return Err(error),
            },
        };
        Ok(actual == self.bytes)
    }
}

impl std::fmt::Display for Hash {
    /// As the tools write it: `sha256:…` in hexadecimal digits, `h1:…` in base64.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            HashKind::GoZip | HashKind::GoMod => write!(f, "h1:{}", BASE64_STANDARD.encode(&self.bytes)),
            kind => write!(f, "{}:{}", kind.name(), self.hex()),
        }
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn digest<D: Digest + Write>(reader: impl Read, cancel: &CancellationToken) -> io::Result<Vec<u8>> {
    let (mut hasher, mut reader) = (D::new(), reader);
    let mut buffer = vec![0; 128 * 1024];
    loop {
        if cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        match reader.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().to_vec()),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// `golang.org/x/mod/sumdb/dirhash`, HashZip.
fn go_zip(file: File, cancel: &CancellationToken) -> io::Result<Vec<u8>> {
    let mut archive = zip::ZipArchive::new(BufReader::with_capacity(128 * 1024, file)).map_err(io::Error::other)?;
    let mut files = Vec::new();
    let mut left = LARGEST_GO_MODULE;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(io::Error::other)?;
        let name = entry.name().map_err(io::Error::other)?.into_owned();
        if name.contains('\n') {
            return Err(io::Error::other("a file name has a line end"));
        }
        let mut bounded = (&mut entry).take(left + 1);
        let hash = digest::<Sha256>(&mut bounded, cancel)?;
        let size = left + 1 - bounded.limit();
        left = left.checked_sub(size).ok_or_else(|| io::Error::other("it unpacks to more than a module may have"))?;
        files.push((name, hash));
    }
    Ok(go_list(files))
}

/// `dirhash.Hash1`: the sha256 of the lines that sha256sum would print, sorted by name.
fn go_list(mut files: Vec<(String, Vec<u8>)>) -> Vec<u8> {
    files.sort();
    let mut whole = Sha256::new();
    for (name, hash) in files {
        Digest::update(&mut whole, format!("{}  {name}\n", hex::encode(hash)));
    }
    whole.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_hash_counts() {
        let sha512 = format!("sha512-{}", BASE64_STANDARD.encode([7; 64]));
        let sha256 = format!("sha256-{}", BASE64_STANDARD.encode([1; 32]));
        let kind = |text: &str| Hash::from_integrity(text).map(|hash| hash.kind);
        assert_eq!(kind(&format!("{sha256} {sha512}?opt")), Some(HashKind::Sha512));
        assert_eq!(kind(&sha256), Some(HashKind::Sha256));
        assert_eq!(kind("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= md5-AAAA"), Some(HashKind::Sha1));
        assert_eq!(kind("sha512-AAAA"), None, "it is too short");
    }

    /// `rsc.io/quote v1.5.2/go.mod`, as every go.sum that names it has it.
    #[test]
    fn a_go_mod_is_hashed_as_go_does() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("go.mod");
        std::fs::write(&path, "module \"rsc.io/quote\"\n\nrequire \"rsc.io/sampler\" v1.3.0\n").unwrap();
        let hash = Hash::from_base64(HashKind::GoMod, "LzX7hefJvL54yjefDEDHNONDjII0t9xZLPXsUe+TKr0=").unwrap();
        let cancel = CancellationToken::new();
        assert!(hash.is_of(&path, &cancel).unwrap());
        std::fs::write(&path, "module rsc.io/quote\n").unwrap();
        assert!(!hash.is_of(&path, &cancel).unwrap());
        assert_eq!(hash.to_string(), "h1:LzX7hefJvL54yjefDEDHNONDjII0t9xZLPXsUe+TKr0=");
    }
}
