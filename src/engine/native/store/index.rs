//! The index of a store: which images it has, by which tags. It is the one file that changes, so it is the one that may
//! be found damaged. What it says of each tag is said by a file in `tags`, too, and it is made anew from those: never from
//! what images say of themselves, which anybody may have made.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{Descriptor, Exclusive, INDEX, Index, MANIFEST, REFERENCE, Store, is_full};

/// Somebody may write it without room for a second file, in place: it is whole again at once.
const READS: u32 = 20;
const BETWEEN_READS: std::time::Duration = std::time::Duration::from_millis(5);

impl Store {
    /// # Errors
    /// `InvalidData`, with the file's name, when it is no index.
    pub(super) fn index(&self) -> io::Result<Index> {
        let path = self.root.join("images/index.json");
        let mut reads = 0;
        loop {
            let text = match fs::read(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(empty()),
                Err(error) => return Err(error),
            };
            match serde_json::from_slice::<Index>(&text) {
                Ok(index) => return Ok(index),
                Err(_) if reads < READS => std::thread::sleep(BETWEEN_READS),
                Err(error) => {
                    let message = format!("the index of the store, {}, is damaged: {error}", path.display());
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
            }
            reads += 1;
        }
    }

    pub(super) fn write_index(&self, held: &Exclusive, index: &Index) -> io::Result<()> {
        let path = self.root.join("images/index.json");
        let mut tags = BTreeMap::new();
        for entry in index.manifests.iter().filter(|entry| entry.annotations.contains_key(REFERENCE)) {
            let content = serde_json::to_vec(entry)?;
            tags.insert(hex::encode(Sha256::digest(&content)), content);
        }
        let there = self.tag_files()?;
        for (name, content) in tags.iter().filter(|(name, _)| !there.contains(*name)) {
            match self.write(held, &self.root.join("images/tags").join(name), content) {
                Err(error) if is_full(&error) => {}
                result => result?,
            }
        }
        let content = serde_json::to_vec_pretty(index)?;
        match self.write(held, &path, &content) {
            // It only ever gets shorter where room is to be made.
            Err(error) if is_full(&error) => overwrite(&path, content)?,
            result => result?,
        }
        for name in there.iter().filter(|name| !tags.contains_key(*name)) {
            fs::remove_file(self.root.join("images/tags").join(name))?;
        }
        Ok(())
    }

    fn tag_files(&self) -> io::Result<BTreeSet<String>> {
        let entries = fs::read_dir(self.root.join("images/tags"))?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        Ok(names.collect::<io::Result<BTreeSet<_>>>()?.into_iter().filter(|name| super::is_digest(name)).collect())
    }

    /// Makes the index anew where it is damaged or gone, from what lies beside it. Returns what was done, in words.
    pub(in crate::engine::native) fn mend_index(&self) -> io::Result<Option<String>> {
        if self.fault_of_index()?.is_none() {
            // A store of an earlier farm has no files for tags.
            if self.tag_files()?.is_empty() && !self.index()?.manifests.is_empty() {
                let held = self.exclusive()?;
                self.write_index(&held, &self.index()?)?;
            }
            return Ok(None);
        }
        let held = self.exclusive()?;
        let Some(fault) = self.fault_of_index()? else { return Ok(None) };
        let path = self.root.join("images/index.json");
        let kept = path.with_extension("json.damaged");
        let is_kept = fs::copy(&path, &kept).is_ok();
        let index = self.index_from_beside()?;
        self.write_index(&held, &index)?;
        let (count, word) = (index.manifests.len(), if index.manifests.len() == 1 { "image" } else { "images" });
        let whereto = if is_kept { format!("; the damaged one is kept as {}", kept.display()) } else { String::new() };
        Ok(Some(format!("{fault}: it was made anew from what lies beside it, with {count} {word}{whereto}")))
    }

    fn fault_of_index(&self) -> io::Result<Option<String>> {
        let path = self.root.join("images/index.json");
        match self.index() {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Some(error.to_string())),
            Err(error) => Err(error),
            Ok(index) => {
                let gone = index.manifests.is_empty() && !path.exists() && self.manifests()?.next().is_some();
                Ok(gone.then(|| format!("the index of the store, {}, is gone", path.display())))
            }
        }
    }

    /// The digests of all that may be a manifest.
    fn manifests(&self) -> io::Result<impl Iterator<Item = String>> {
        let entries = fs::read_dir(self.root.join("images/blobs/sha256"))?;
        Ok(entries.filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            super::is_digest(&name).then(|| format!("sha256:{name}"))
        }))
    }

    /// All whole images, with the tags that files of their own say they have.
    fn index_from_beside(&self) -> io::Result<Index> {
        let mut tagged = Vec::new();
        for name in self.tag_files()? {
            let path = self.root.join("images/tags").join(&name);
            let content = fs::read(&path)?;
            let entry = serde_json::from_slice::<Descriptor>(&content).ok();
            let entry = entry.filter(|_| hex::encode(Sha256::digest(&content)) == name);
            // A kill may leave what a tag meant before: the newer one counts.
            tagged.extend(entry.map(|entry| (fs::metadata(&path).and_then(|found| found.modified()).ok(), entry)));
        }
        tagged.sort_by_key(|(written, _)| std::cmp::Reverse(*written));
        let mut index = empty();
        let mut taken = BTreeSet::new();
        for (_, entry) in tagged {
            if taken.insert(entry.annotations.get(REFERENCE).cloned()) && self.is_there(&entry.digest) {
                index.manifests.push(entry);
            }
        }
        for digest in self.manifests()? {
            if !index.manifests.iter().any(|entry| entry.digest == digest) && self.is_there(&digest) {
                let size = fs::metadata(self.blob_path(&digest)?)?.len();
                let annotations = BTreeMap::new();
                index.manifests.push(Descriptor { media_type: MANIFEST.to_owned(), digest, size, annotations });
            }
        }
        Ok(index)
    }

    /// Whether there is a whole image with this manifest.
    fn is_there(&self, digest: &str) -> bool {
        let is_itself =
            |digest: &str, content: &[u8]| format!("sha256:{}", hex::encode(Sha256::digest(content))) == digest;
        let manifest = self.blob(digest).is_ok_and(|content| is_itself(digest, &content));
        manifest
            && self.read_image(digest).is_ok_and(|image| {
                self.blob(&image.info.id).is_ok_and(|content| is_itself(&image.info.id, &content))
                    && image.layers.iter().all(|layer| self.has_layer(layer))
            })
    }
}

fn empty() -> Index {
    Index { schema_version: 2, media_type: INDEX.to_owned(), manifests: Vec::new() }
}

/// Writes in place of what is there, without taking more room: blanks fill the rest.
fn overwrite(path: &Path, mut content: Vec<u8>) -> io::Result<()> {
    let mut file = fs::File::options().write(true).open(path)?;
    let before = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if content.len() > before {
        return Err(io::ErrorKind::StorageFull.into());
    }
    content.resize(before, b'\n');
    file.write_all(&content)
}
