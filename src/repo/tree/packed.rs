//! Index files, in pieces: text is cut where its own lines say so, and each piece is compressed by itself. A package more
//! changes a piece or two, and the others were compressed before. The pieces make one file: members of a .gz (RFC 1952),
//! blocks of an .xz, frames of a .zst (RFC 8878).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::model::{Place, RepoError, writing};
use super::state::{Tree, names, sum};
use crate::formats::xz;
use crate::repo::model::Summed;
use crate::repo::rpm_md::gzip;

/// Of xz, for what is compressed on every run: a sixth of the time of its usual level, for a third more bytes (measured on
/// 5,000 packages).
const XZ_LEVEL: u32 = 1;
/// createrepo_c's.
const ZSTD_LEVEL: i32 = 10;
/// Smaller pieces are larger together, larger ones take longer when one of their lines changes. In bytes.
const SMALLEST: usize = 64 << 10;
/// How much comes to it on the average until a piece ends.
const BEYOND: usize = 64 << 10;
const LARGEST: usize = 1 << 20;
/// As many pieces as are compressed side by side.
const BATCH: usize = 16;
/// Of the sum that a piece is kept with.
const SUM: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Gzip,
    Xz,
    Zstd,
}

impl Form {
    pub(super) fn ending(self) -> &'static str {
        match self {
            Form::Gzip => "gz",
            Form::Xz => "xz",
            Form::Zstd => "zst",
        }
    }

    fn compress(self, text: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Form::Gzip => Ok(gzip(text)),
            Form::Xz => xz::compress(text, XZ_LEVEL),
            Form::Zstd => zstd::bulk::compress(text, ZSTD_LEVEL),
        }
    }
}

/// The pieces of a repository's indexes that were compressed before.
pub(super) struct Pieces<'a> {
    tree: &'a Tree,
    folder: PathBuf,
    used: Mutex<BTreeSet<String>>,
}

impl<'a> Pieces<'a> {
    pub(super) fn open(tree: &'a Tree, place: &Place) -> Result<Pieces<'a>, RepoError> {
        let folder = tree.pieces_folder(place);
        fs::create_dir_all(&folder).map_err(writing(&folder))?;
        Ok(Pieces { tree, folder, used: Mutex::default() })
    }

    fn packed(&self, form: Form, text: &str) -> Result<Vec<u8>, RepoError> {
        let name = format!("{}.{}", sum(text.as_bytes()), form.ending());
        let path = self.folder.join(&name);
        self.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(name);
        // What a crash of the system has left of it is none.
        if let Ok(mut kept) = fs::read(&path)
            && kept.len() > SUM
            && kept[kept.len() - SUM..] == *Sha256::digest(&kept[..kept.len() - SUM])
        {
            kept.truncate(kept.len() - SUM);
            return Ok(kept);
        }
        let mut packed = form.compress(text.as_bytes()).map_err(writing(&path))?;
        let length = packed.len();
        packed.extend(Sha256::digest(&packed));
        self.tree.write(&path, &packed)?;
        packed.truncate(length);
        Ok(packed)
    }

    /// Removes those that the indexes have no more.
    pub(super) fn collect(self) -> Result<(), RepoError> {
        let used = self.used.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        for name in names(&self.folder).iter().filter(|name| !used.contains(*name)) {
            let path = self.folder.join(name);
            fs::remove_file(&path).map_err(writing(&path))?;
        }
        Ok(())
    }
}

/// An index that grows.
pub(super) struct IndexWriter<'a> {
    pieces: &'a Pieces<'a>,
    files: Vec<PackedFile>,
    plain: Sha256,
    size: u64,
    piece: String,
    batch: Vec<String>,
}

struct PackedFile {
    form: Form,
    path: PathBuf,
    file: BufWriter<File>,
    sha256: Sha256,
    size: u64,
    joiner: xz::Joiner,
}

/// An index that is there.
pub(super) struct Written {
    pub(super) plain: Summed,
    /// In the order of the forms that were asked for.
    pub(super) files: Vec<(PathBuf, Summed)>,
}

impl<'a> IndexWriter<'a> {
    /// `path` is without the ending of a form. Makes the folder.
    pub(super) fn create(pieces: &'a Pieces<'a>, path: &Path, forms: &[Form]) -> Result<IndexWriter<'a>, RepoError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(writing(folder))?;
        }
        let open = |form: &Form| {
            let path = PathBuf::from(format!("{}.{}", path.display(), form.ending()));
            let file = BufWriter::new(File::create(&path).map_err(writing(&path))?);
            Ok(PackedFile { form: *form, path, file, sha256: Sha256::new(), size: 0, joiner: xz::Joiner::default() })
        };
        let files = forms.iter().map(open).collect::<Result<_, RepoError>>()?;
        Ok(IndexWriter { pieces, files, plain: Sha256::new(), size: 0, piece: String::new(), batch: Vec::new() })
    }

    /// Adds a paragraph, a line, an element: what comes and goes as a whole.
    pub(super) fn push(&mut self, text: &str) -> Result<(), RepoError> {
        self.piece.push_str(text);
        let odds = (BEYOND / text.len().max(1)).max(1) as u64;
        if self.piece.len() >= LARGEST || (self.piece.len() >= SMALLEST && mark(text).is_multiple_of(odds)) {
            self.end_piece()?;
        }
        Ok(())
    }

    /// What follows is in another piece.
    pub(super) fn end_piece(&mut self) -> Result<(), RepoError> {
        let room = self.piece.len();
        self.batch.push(std::mem::replace(&mut self.piece, String::with_capacity(room)));
        if self.batch.len() < BATCH { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), RepoError> {
        let forms: Vec<Form> = self.files.iter().map(|file| file.form).collect();
        let packed: Vec<Vec<Vec<u8>>> = self
            .batch
            .par_iter()
            .map(|text| forms.iter().map(|form| self.pieces.packed(*form, text)).collect())
            .collect::<Result<_, RepoError>>()?;
        for text in self.batch.drain(..) {
            self.plain.update(&text);
            self.size += text.len() as u64;
        }
        for pieces in &packed {
            for (file, piece) in self.files.iter_mut().zip(pieces) {
                file.push(piece)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Written, RepoError> {
        if !self.piece.is_empty() || (self.size == 0 && self.batch.is_empty()) {
            self.end_piece()?;
        }
        self.flush()?;
        let plain = Summed { sha256: hex::encode(self.plain.finalize()), size: self.size };
        let files = self.files.into_iter().map(PackedFile::finish).collect::<Result<_, _>>()?;
        Ok(Written { plain, files })
    }
}

impl PackedFile {
    fn push(&mut self, piece: &[u8]) -> Result<(), RepoError> {
        match self.form {
            Form::Xz => {
                let next = self.joiner.push(piece).map_err(writing(&self.path))?;
                self.write(&next)
            }
            Form::Gzip | Form::Zstd => self.write(piece),
        }
    }

    fn write(&mut self, content: &[u8]) -> Result<(), RepoError> {
        self.sha256.update(content);
        self.size += content.len() as u64;
        self.file.write_all(content).map_err(writing(&self.path))
    }

    fn finish(mut self) -> Result<(PathBuf, Summed), RepoError> {
        if self.form == Form::Xz {
            let last = std::mem::take(&mut self.joiner).finish();
            self.write(&last)?;
        }
        self.file.flush().map_err(writing(&self.path))?;
        Ok((self.path, Summed { sha256: hex::encode(self.sha256.finalize()), size: self.size }))
    }
}

/// The same text is always marked alike (FNV-1a).
fn mark(text: &str) -> u64 {
    let mixed = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    mixed ^ (mixed >> 32)
}
