//! Whether artifacts are still the files that were accepted, without reading them every time: what the file system says of
//! each is noted when its content is known, and as long as that stays, nobody has written to it.
//!
//! Notes lie in `dist/.farm/stamps/`, by target. Losing one, or copying `dist/` elsewhere, costs one reading.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Record, WORK_FOLDER};
use crate::stream::sum_of;
use crate::swap;
use crate::types::Stamp;

/// By file name: what must be in it, and what the file system said when that was so.
type Notes = BTreeMap<String, (String, Stamp)>;

/// The first artifact of a record that is not what was accepted; none when all are. With `read`, all are read again.
pub(super) fn damaged(root: &Path, folder: &Path, record: &Record, read: bool) -> Option<String> {
    let path = place(root, folder)?;
    let notes: Notes = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let mut now = Notes::new();
    for artifact in &record.artifacts {
        let (name, file) = (&artifact.file_name, folder.join(&artifact.file_name));
        let Ok(stamp) = Stamp::of(&file) else { return Some(name.clone()) };
        let noted = notes.get(name) == Some(&(artifact.sha256.clone(), stamp));
        if (read || !noted) && !sum_of(&file).is_ok_and(|(found, _)| found == artifact.sha256) {
            return Some(name.clone());
        }
        now.insert(name.clone(), (artifact.sha256.clone(), stamp));
    }
    if now != notes {
        // Whoever cannot write here reads the artifacts again the next time.
        let _ = write(&path, &now);
    }
    None
}

/// Notes what the artifacts of a folder are, whose contents are known to be those of the record.
pub(super) fn note(root: &Path, folder: &Path, record: &Record) {
    let stamped = |name: &String| Stamp::of(&folder.join(name)).ok();
    let notes: Option<Notes> = record
        .artifacts
        .iter()
        .map(|artifact| {
            let stamp = stamped(&artifact.file_name)?;
            Some((artifact.file_name.clone(), (artifact.sha256.clone(), stamp)))
        })
        .collect();
    if let (Some(path), Some(notes)) = (place(root, folder), notes) {
        let _ = write(&path, &notes);
    }
}

fn place(root: &Path, folder: &Path) -> Option<PathBuf> {
    let below = folder.strip_prefix(root).ok()?.to_str()?;
    Some(root.join(WORK_FOLDER).join("stamps").join(format!("{}.json", below.replace('/', "+"))))
}

fn write(path: &Path, notes: &Notes) -> std::io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    fs::create_dir_all(folder)?;
    let file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    swap::write_synced(file.path(), &serde_json::to_vec(notes)?)?;
    file.persist(path)?;
    Ok(())
}
