//! Removing a folder that a container filled: however deep, whoever owns what is in it, whatever its names are.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

/// Removes `folder` and all that is in it; a folder that is not there is no error. Links are removed, not followed.
/// Returns how many bytes of the disk its files had; a file that has another name elsewhere still has them.
///
/// A tree may be deeper than a path is long or descriptors are many: folders in folders are first moved up, so that
/// none is ever more than two below.
pub(super) fn remove(folder: &Path) -> io::Result<u64> {
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
        Ok(found) if !found.is_dir() => return fs::remove_file(folder).map(|()| taken(&found)),
        Ok(_) => {}
    }
    let mut bytes = 0;
    let mut pending = vec![folder.to_owned()];
    let mut moved = 0_u64;
    while let Some(current) = pending.pop() {
        let deeper = empty(&current, folder, &mut moved, &mut bytes)?;
        if current != folder {
            fs::remove_dir(&current)?;
        }
        pending.extend(deeper);
        if pending.is_empty() && current != folder {
            break;
        }
    }
    fs::remove_dir(folder)?;
    Ok(bytes)
}

/// What goes with this name of a file. Blocks have 512 bytes here, whatever the file system's have (stat(2)).
fn taken(file: &Metadata) -> u64 {
    if file.nlink() > 1 { 0 } else { file.blocks() << 9 }
}

/// Removes the files of a folder, and moves its folders to `top`. Returns where they are then.
fn empty(folder: &Path, top: &Path, moved: &mut u64, bytes: &mut u64) -> io::Result<Vec<std::path::PathBuf>> {
    let mut deeper = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // Its own mode may keep even its owner out.
            fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
            fs::read_dir(folder)?
        }
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if !entry.file_type()?.is_dir() {
            *bytes += taken(&entry.metadata()?);
            fs::remove_file(&path)?;
        } else if folder == top {
            deeper.push(path);
        } else if fs::remove_dir(&path).is_err() {
            // No name of ours is longer than the one it had may be, nor one that a container chose before.
            let place = loop {
                *moved += 1;
                let place = top.join(format!(".farm-{moved}"));
                match fs::DirBuilder::new().mode(0o700).create(&place) {
                    Ok(()) => break place,
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error),
                }
            };
            // Over the empty folder that was just made.
            fs::rename(&path, &place)?;
            deeper.push(place);
        }
    }
    Ok(deeper)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_tree_of_any_depth_is_removed_and_links_are_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "x").unwrap();
        let parent = tempfile::tempdir().unwrap();
        let top = parent.path().join("top");
        fs::create_dir(&top).unwrap();
        symlink(outside.path(), top.join("away")).unwrap();
        // Deeper than PATH_MAX: made from the inside out.
        let name = "d".repeat(200);
        for _ in 0..100 {
            let next = parent.path().join("next");
            fs::create_dir(&next).unwrap();
            fs::write(next.join("file"), "x").unwrap();
            fs::rename(&top, next.join(&name)).unwrap();
            fs::rename(&next, &top).unwrap();
        }
        fs::create_dir_all(top.join("closed/inner")).unwrap();
        fs::set_permissions(top.join("closed"), fs::Permissions::from_mode(0o0)).unwrap();
        assert!(remove(&top).unwrap() >= 100 * 512, "each of the files has a block at least");
        assert!(!top.exists());
        assert!(outside.path().join("kept").exists());
        assert_eq!(remove(&top).unwrap(), 0);
    }

    #[test]
    fn a_file_is_counted_with_its_last_name() {
        let parent = tempfile::tempdir().unwrap();
        let (top, kept) = (parent.path().join("top"), parent.path().join("kept"));
        fs::create_dir(&top).unwrap();
        fs::write(&kept, vec![1; 64 << 10]).unwrap();
        fs::hard_link(&kept, top.join("second")).unwrap();
        assert_eq!(remove(&top).unwrap(), 0);
        fs::create_dir(&top).unwrap();
        fs::rename(&kept, top.join("one")).unwrap();
        fs::hard_link(top.join("one"), top.join("two")).unwrap();
        assert!((64 << 10..=72 << 10).contains(&remove(&top).unwrap()));
    }
}
