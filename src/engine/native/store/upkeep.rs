//! The upkeep of a store: what nothing needs is taken out of it, and what is in it is held against what it should be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{
    Descriptor, Exclusive, GONE, OF_BUILD, REFERENCE, Rubbish, SEAL, Store, TREE, abandoned, is_full, read_record,
};

/// What a sweep found.
#[derive(Debug)]
pub(in crate::engine::native) struct Swept {
    /// For the helper to remove.
    pub(in crate::engine::native) rubbish: Vec<Rubbish>,
    /// Of containers whose shim is gone.
    pub(in crate::engine::native) cgroups: Vec<PathBuf>,
    /// Of files that are gone already.
    pub(in crate::engine::native) bytes: u64,
    /// Whether there was more, and no room to take it away.
    pub(in crate::engine::native) left: bool,
    /// How many images cannot be read: then no layer was taken.
    pub(in crate::engine::native) damaged: usize,
}

/// What [`Store::verify`] found.
#[derive(Debug, Default)]
pub(in crate::engine::native) struct Verdict {
    /// In words; nothing when the store is whole.
    pub(in crate::engine::native) problems: Vec<String>,
    /// Names of layers whose trees are others than they were.
    layers: BTreeSet<String>,
}

impl Store {
    /// Moves everything that no image, container or process needs out of reach, and says where it is.
    pub(in crate::engine::native) fn sweep(&self) -> io::Result<Swept> {
        let held = self.exclusive()?;
        let (mut rubbish, mut cgroups, mut bytes, mut left) = (Vec::new(), Vec::new(), 0, false);
        for folder in ["staging", "containers"] {
            for entry in fs::read_dir(self.root.join(folder))? {
                let folder = entry?.path();
                if let Some(lock) = abandoned(&folder) {
                    cgroups.extend(read_record(&folder).into_iter().flat_map(|record| record.cgroups));
                    rubbish.push(Rubbish { folder, lock });
                }
            }
        }
        // Package caches that containers of an earlier farm shared, and could write to.
        let caches = self.root.join("caches");
        if fs::symlink_metadata(&caches).is_ok() {
            rubbish.push(self.take_away(&held, &caches)?);
        }
        for entry in fs::read_dir(self.root.join("images"))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(".new-") {
                bytes += entry.metadata()?.len();
                fs::remove_file(entry.path())?;
            }
        }
        self.forget_stages(&held, &rubbish)?;
        let images = self.images()?;
        // What an image needs that cannot be read nobody knows: as long as there is one, no layer goes.
        let damaged = self.index()?.manifests.iter().filter(|entry| self.read_image(&entry.digest).is_err()).count();
        if damaged > 0 {
            return Ok(Swept { rubbish, cgroups, bytes, left: false, damaged });
        }
        let mut layers: BTreeSet<String> = images.iter().flat_map(|image| image.layers.clone()).collect();
        layers.extend(self.running()?.into_iter().flat_map(|container| container.record.layers));
        for entry in fs::read_dir(self.layers())? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            if name.to_string_lossy().starts_with(GONE) {
                rubbish.extend(abandoned(&path).map(|lock| Rubbish { folder: path, lock }));
            } else if !name.to_str().is_some_and(|name| layers.contains(name)) {
                match self.take_away(&held, &path) {
                    Ok(one) => rubbish.push(one),
                    // What else was found makes room.
                    Err(error) if is_full(&error) => left = true,
                    Err(error) => return Err(error),
                }
            }
        }
        let blobs: BTreeSet<&str> = images
            .iter()
            .flat_map(|image| [&image.info.id, &image.manifest])
            .filter_map(|digest| digest.strip_prefix("sha256:"))
            .collect();
        for entry in fs::read_dir(self.root.join("images/blobs/sha256"))? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(|name| blobs.contains(name)) {
                bytes += entry.metadata()?.len();
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Swept { rubbish, cgroups, bytes, left, damaged: 0 })
    }

    /// Takes away what builds kept for themselves that are over.
    fn forget_stages(&self, held: &Exclusive, rubbish: &[Rubbish]) -> io::Result<()> {
        let is_over = |entry: &Descriptor| {
            let tag = entry.annotations.get(REFERENCE).and_then(|tag| tag.strip_prefix(OF_BUILD));
            let build = tag.and_then(|tag| tag.split_once('.')).map(|(build, _)| self.root.join("staging").join(build));
            build.is_some_and(|build| !build.exists() || rubbish.iter().any(|one| one.folder == build))
        };
        let mut index = self.index()?;
        let before = index.manifests.len();
        index.manifests.retain(|entry| !is_over(entry));
        if index.manifests.len() < before { self.write_index(held, &index) } else { Ok(()) }
    }

    /// What is wrong with the store. `seal` digests a layer's tree, which takes long: it runs for several at a time, and
    /// without a lock, so that builds go on meanwhile.
    ///
    /// # Errors
    /// When the disk fails: then nothing is known.
    pub(in crate::engine::native) fn verify(
        &self,
        seal: impl Fn(&Path) -> io::Result<String> + Sync,
    ) -> io::Result<Verdict> {
        let mut verdict = Verdict::default();
        let layers = self.verify_images(&mut verdict.problems)?;
        let changed: Vec<&String> = layers
            .par_iter()
            .map(|(layer, _)| Ok((layer, self.is_as_sealed(layer, &seal)?)))
            .collect::<io::Result<Vec<_>>>()?
            .into_iter()
            .filter_map(|(layer, sealed)| (!sealed).then_some(layer))
            .collect();
        for layer in changed {
            let of = layers[layer].join(", ");
            verdict.problems.push(format!("layer {layer} of image {of} has another content than it was made with"));
            verdict.layers.insert(layer.clone());
        }
        Ok(verdict)
    }

    /// What is wrong with images as documents, and the tags of those that need each layer that is there.
    fn verify_images(&self, problems: &mut Vec<String>) -> io::Result<BTreeMap<String, Vec<String>>> {
        let _lock = self.shared()?;
        let mut layers = BTreeMap::<String, Vec<String>>::new();
        for entry in fs::read_dir(self.root.join("images/blobs/sha256"))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if hex::encode(Sha256::digest(fs::read(&path)?)) != name {
                problems.push(format!("{} has another content than its name says", path.display()));
            }
        }
        for entry in self.index()?.manifests {
            let tag = entry.annotations.get(REFERENCE).cloned().unwrap_or_default();
            match self.read_image(&entry.digest) {
                Err(error) => problems.push(format!("image {tag} cannot be read: {error}")),
                Ok(image) => {
                    for layer in image.layers {
                        match self.layers().join(&layer).join(TREE).is_dir() {
                            true => layers.entry(layer).or_default().push(tag.clone()),
                            false => problems.push(format!("image {tag} has no layer {layer}")),
                        }
                    }
                }
            }
        }
        Ok(layers)
    }

    /// Whether a layer is as it was made; also of one that was removed meanwhile.
    fn is_as_sealed(&self, layer: &str, seal: impl Fn(&Path) -> io::Result<String>) -> io::Result<bool> {
        let folder = self.layers().join(layer);
        let said = match fs::read_to_string(folder.join(SEAL)) {
            Ok(said) => said,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(!folder.exists()),
            Err(error) => return Err(error),
        };
        match seal(&folder.join(TREE)) {
            Ok(found) => Ok(found == said || !folder.exists()),
            Err(_) if !folder.exists() => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Takes the tags of images away that [`Store::verify`] complains of: containers of theirs could not be made, or
    /// would not be what they should.
    pub(in crate::engine::native) fn forget_damaged(&self, verdict: &Verdict) -> io::Result<()> {
        let held = self.exclusive()?;
        let mut index = self.index()?;
        let mut kept = Vec::new();
        for entry in std::mem::take(&mut index.manifests) {
            if self.is_whole(&entry.digest, &verdict.layers)? {
                kept.push(entry);
            }
        }
        index.manifests = kept;
        self.write_index(&held, &index)
    }

    /// Fails when the disk does: then nothing is known.
    fn is_whole(&self, manifest: &str, damaged: &BTreeSet<String>) -> io::Result<bool> {
        use io::ErrorKind::{InvalidData, NotFound, Other, UnexpectedEof};
        let image = match self.read_image(manifest) {
            Ok(image) => image,
            Err(error) if matches!(error.kind(), InvalidData | NotFound | Other | UnexpectedEof) => return Ok(false),
            Err(error) => return Err(error),
        };
        for digest in [&image.info.id, &image.manifest] {
            if format!("sha256:{}", hex::encode(Sha256::digest(self.blob(digest)?))) != *digest {
                return Ok(false);
            }
        }
        let is_good = |layer: &String| !damaged.contains(layer) && self.layers().join(layer).join(TREE).is_dir();
        Ok(image.layers.iter().all(is_good))
    }
}
