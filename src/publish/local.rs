//! The folder that is published: which files it has, and their sums, which are remembered as long as nobody writes to them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::model::{Class, LocalFile, PublishError};
use crate::stream::sum_of;
use crate::types::{Stamp, printable};

const SUMS: &str = ".farm/sums.json";
const NAME: &str = ".farm/published-as";

type Sums = BTreeMap<String, (Stamp, String)>;

/// Every file that clients may read. Blocks, and hashes on all processors what was not hashed before.
pub(super) fn scan(root: &Path) -> Result<BTreeMap<String, LocalFile>, PublishError> {
    let mut paths = Vec::new();
    walk(root, "", &mut paths)?;
    let kept = root.join(SUMS);
    let known: Sums = fs::read(&kept).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let sums: Sums = paths
        .into_par_iter()
        .map(|path| {
            let file = root.join(&path);
            let reading = |source| PublishError::Read { path: file.clone(), source };
            let stamp = Stamp::of(&file).map_err(reading)?;
            let sum = match known.get(&path) {
                Some((before, sum)) if *before == stamp => sum.clone(),
                _ => sum_of(&file).map_err(reading)?.0,
            };
            Ok((path, (stamp, sum)))
        })
        .collect::<Result<_, PublishError>>()?;
    for (path, (_, sum)) in &sums {
        if let Some((folder, name)) = path.rsplit_once('/')
            && folder.ends_with("by-hash/SHA256")
            && name != sum
        {
            let reason = "it has another content than its name says; `farm repo check` finds all that is damaged";
            return Err(PublishError::File { path: root.join(path), reason: reason.to_owned() });
        }
    }
    if sums != known {
        save(&kept, &serde_json::to_vec(&sums).unwrap_or_default())?;
    }
    let files = sums.into_iter().map(|(path, (stamp, sha256))| {
        let class = Class::of(&path);
        (path, LocalFile { size: stamp.size, sha256, class })
    });
    let files: BTreeMap<String, LocalFile> = files.collect();
    match files.values().any(|file| file.class == Class::Entry) {
        true => Ok(files),
        false => Err(PublishError::Nothing(root.to_owned())),
    }
}

/// The name by which a target knows this folder, wherever it is moved; given when it is first asked for.
pub(super) fn name(root: &Path) -> Result<String, PublishError> {
    let path = root.join(NAME);
    match fs::read_to_string(&path) {
        Ok(name) if !name.trim().is_empty() => Ok(name.trim().to_owned()),
        _ => {
            let name = random();
            save(&path, name.as_bytes())?;
            Ok(name)
        }
    }
}

/// 64 random bits, in hex.
pub(super) fn random() -> String {
    use std::hash::{BuildHasher, Hasher};
    format!("{:016x}", std::collections::hash_map::RandomState::new().build_hasher().finish())
}

/// Hidden files and what farm keeps for itself are nobody else's.
fn walk(root: &Path, below: &str, found: &mut Vec<String>) -> Result<(), PublishError> {
    let folder = root.join(below);
    let reading = |source| PublishError::Read { path: folder.clone(), source };
    for entry in fs::read_dir(&folder).map_err(reading)? {
        let entry = entry.map_err(reading)?;
        let refused = |reason: &str| PublishError::File { path: entry.path(), reason: reason.to_owned() };
        let name = entry.file_name().into_string().map_err(|_| refused("its name is no text"))?;
        if name.starts_with('.') {
            continue;
        }
        if printable(&name) != name || name.contains('\\') {
            return Err(refused("its name has characters that not every server can have"));
        }
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let kind = entry.file_type().map_err(reading)?;
        match (kind.is_dir(), kind.is_file()) {
            (true, _) => walk(root, &path, found)?,
            (_, true) => found.push(path),
            _ => return Err(refused("it is neither a file nor a folder: a server has no links")),
        }
    }
    Ok(())
}

fn save(path: &Path, content: &[u8]) -> Result<(), PublishError> {
    let writing = |source| PublishError::Write { path: path.to_owned(), source };
    let folder: PathBuf = path.parent().map(Path::to_owned).unwrap_or_default();
    fs::create_dir_all(&folder).map_err(writing)?;
    let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(writing)?;
    io::Write::write_all(&mut file, content).map_err(writing)?;
    file.persist(path).map_err(|error| writing(error.error))?;
    Ok(())
}
