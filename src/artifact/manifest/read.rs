//! Reads the manifest that the generated packaging leaves beside the packages (`packaging`'s manifest.sh and assign.awk). The
//! build can write there what it likes: a damaged manifest is an error, and nothing in it is a path of this host.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::{Assignment, Maker, Manifest, Staged, StagedKind};
use crate::types::{Format, printable};

/// As many files as a package may have, with names of a usual length.
const LARGEST: u64 = 512 << 20;
const MOST_FILES: usize = 1_000_000;
/// PATH_MAX, with a word and two blanks before it.
const LONGEST_FIELD: u64 = 4096 + 512;

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    #[error("cannot read {}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the list of what was installed is damaged: {0}")]
    Damaged(String),
}

/// Where its parts lie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ManifestFiles(BTreeMap<String, PathBuf>);

impl ManifestFiles {
    /// Takes the parts of a manifest called `name` out of a job's results.
    pub(crate) fn take(files: &mut Vec<PathBuf>, name: &str) -> ManifestFiles {
        let part = |path: &PathBuf| {
            let file_name = path.file_name()?.to_str()?;
            Some(file_name.strip_prefix(name)?.strip_prefix('.')?.to_owned())
        };
        let mut parts = BTreeMap::new();
        files.retain(|path| match part(path) {
            Some(part) => {
                parts.insert(part, path.clone());
                false
            }
            None => true,
        });
        ManifestFiles(parts)
    }

    /// Reads all parts, and removes them from the disk. Blocks.
    pub(crate) fn read(&self, format: Format, maker: Maker) -> Result<Manifest, ManifestError> {
        let staged = self.tree()?;
        let assignment = self.assignment()?;
        for path in self.0.values() {
            std::fs::remove_file(path).map_err(|source| ManifestError::Io { path: path.clone(), source })?;
        }
        Ok(Manifest::new(format, maker, staged, assignment))
    }

    fn open(&self, part: &str) -> Result<Fields, ManifestError> {
        let path = self.0.get(part).ok_or_else(|| ManifestError::Damaged(format!("its part {part} is missing")))?;
        let file = File::open(path).map_err(|source| ManifestError::Io { path: path.clone(), source })?;
        Ok(Fields { path: path.clone(), reader: BufReader::new(file.take(LARGEST)) })
    }

    fn tree(&self) -> Result<Vec<Staged>, ManifestError> {
        let mut fields = self.open("tree")?;
        let mut sums = self.open("sums")?;
        let mut staged: Vec<Staged> = Vec::new();
        let mut builder = None;
        while let Some(kind) = fields.next(0)? {
            let mut field = || fields.next(0)?.ok_or_else(|| damaged("it ends within a file"));
            let mode = number(&field()?, 8)?;
            let owner = (number(&field()?, 10)?, number(&field()?, 10)?);
            let size = number(&field()?, 10)?;
            let inode = field()?;
            let names: u64 = number(&field()?, 10)?;
            let target = field()?;
            let path = field()?;
            if path.first() != Some(&b'/') || staged.len() == MOST_FILES {
                return Err(damaged("a path in it is none, or it has too many"));
            }
            // The first is the top of the tree, which the user who builds has made.
            let builder = *builder.get_or_insert(owner);
            let kind = match kind.as_slice() {
                b"f" => StagedKind::File { size, sha256: [0; 32] },
                b"d" => StagedKind::Folder,
                b"l" => StagedKind::Symlink(target),
                _ => StagedKind::Special,
            };
            let is_linked = names > 1 && matches!(kind, StagedKind::File { .. });
            staged.push(Staged {
                path,
                kind,
                mode,
                owner: (owner != builder).then_some(owner),
                links: is_linked.then(|| identity(&inode)),
            });
        }
        staged.sort_by(|a, b| a.path.cmp(&b.path));
        for one in &mut staged {
            if let StagedKind::File { sha256, .. } = &mut one.kind {
                let line = sums.next(b'\n')?.ok_or_else(|| damaged("a file in it has no checksum"))?;
                hex::decode_to_slice(&line, sha256).map_err(|_| damaged("a checksum in it is none"))?;
            }
        }
        if sums.next(b'\n')?.is_some() {
            return Err(damaged("it has more checksums than files"));
        }
        staged.retain(|one| one.path != b"/");
        Ok(staged)
    }

    fn assignment(&self) -> Result<Assignment, ManifestError> {
        let mut assignment = Assignment::default();
        let mut lines = self.open("packages")?;
        while let Some(line) = lines.next(b'\n')? {
            let mut words = line.splitn(3, |byte| *byte == b' ');
            let (Some(kind), Some(package), Some(path)) = (words.next(), words.next(), words.next()) else {
                return Err(damaged("a line about packages is too short"));
            };
            if kind == b"mode" {
                assignment.modes.push((path.to_vec(), number(package, 8)?));
                continue;
            }
            let package = printable(&String::from_utf8_lossy(package));
            match kind {
                b"owner" => assignment.owners.push((path.to_vec(), package)),
                b"in" => assignment.within.push((package, path.to_vec())),
                b"config" => assignment.config.push((package, path.to_vec())),
                b"own" | b"link" => assignment.own.push((package, path.to_vec())),
                b"shared" => assignment.shared.push(path.to_vec()),
                _ => return Err(damaged("a line about packages is none")),
            }
        }
        let mut lines = self.open("whole")?;
        while let Some(line) = lines.next(b'\n')? {
            let mut words = line.splitn(2, |byte| *byte == b' ');
            let (Some(bytes), Some(path)) = (words.next(), words.next()) else {
                return Err(damaged("a line about symbols is too short"));
            };
            let bytes = if bytes == b"-" { None } else { Some(number(bytes, 10)?) };
            assignment.whole.push((path.to_vec(), bytes));
        }
        Ok(assignment)
    }
}

fn damaged(reason: &str) -> ManifestError {
    ManifestError::Damaged(reason.to_owned())
}

fn number<T: TryFrom<u64>>(digits: &[u8], radix: u32) -> Result<T, ManifestError> {
    let value = std::str::from_utf8(digits).ok().and_then(|text| u64::from_str_radix(text, radix).ok());
    value.and_then(|value| T::try_from(value).ok()).ok_or_else(|| damaged("a number in it is none"))
}

/// A number for `DEVICE:INODE`. Two of them in one tree that are the same are told apart by their contents, if at all.
fn identity(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// A file of fields that are each ended by a byte.
struct Fields {
    path: PathBuf,
    reader: BufReader<io::Take<File>>,
}

impl Fields {
    fn next(&mut self, end: u8) -> Result<Option<Vec<u8>>, ManifestError> {
        let mut field = Vec::new();
        let io = |source| ManifestError::Io { path: Path::to_owned(&self.path), source };
        let count = Read::take(&mut self.reader, LONGEST_FIELD).read_until(end, &mut field).map_err(io)?;
        if count == 0 {
            return Ok(None);
        }
        if field.pop() != Some(end) {
            return Err(damaged("a field in it does not end"));
        }
        Ok(Some(field))
    }
}
