//! Folders for others to take: made beside their place and renamed, so that they are there whole or not at all.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{StoreError, at, swap};

/// Makes the folder `place`, in which nothing may be, of what `fill` puts into the one that it is given.
///
/// # Errors
/// `taken` when there is something at `place`, or when something cannot be written; then nothing is there.
pub(crate) fn make_folder<E: From<StoreError>>(
    place: &Path,
    taken: impl FnOnce() -> E,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let is_there = match fs::read_dir(place) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => fs::symlink_metadata(place).is_ok(),
    };
    if is_there {
        return Err(taken());
    }
    let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(at(parent))?;
    let mut builder = tempfile::Builder::new();
    // As any other folder, which one for temporary files is not.
    let builder = builder.prefix(".farm-new-").permissions(fs::Permissions::from_mode(0o777));
    let staged = builder.tempdir_in(parent).map_err(at(parent))?;
    fill(staged.path())?;
    swap::sync_folder(staged.path()).map_err(at(staged.path()))?;
    // An empty folder gives way to another one.
    fs::rename(staged.path(), place).map_err(at(place))?;
    let _ = staged.keep();
    swap::sync_folder(parent).map_err(at(parent))?;
    Ok(())
}
