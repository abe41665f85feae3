//! Changing folders so that a crash at any moment leaves the old one or the new one, each complete. It knows nothing of what
//! they hold.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Puts `new` at `destination`. What was there is at `new` afterwards, or at `aside` where the file system cannot
/// exchange two folders in one step; the caller removes either.
///
/// Linux: one `renameat2(RENAME_EXCHANGE)`, so `destination` exists at every moment. Elsewhere, and on file systems
/// without it: two renames. A crash between them leaves nothing at `destination` and the old folder whole at `aside`,
/// from where the next run puts it back (a `Staging` of the store does so on creation).
pub(crate) fn replace_folder(new: &Path, destination: &Path, aside: &Path) -> io::Result<()> {
    match exchange(new, destination) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::rename(new, destination),
        Err(error) if is_unsupported(&error) => replace_by_renames(new, destination, aside),
        exchanged => exchanged,
    }
}

fn replace_by_renames(new: &Path, destination: &Path, aside: &Path) -> io::Result<()> {
    match fs::rename(destination, aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::rename(new, destination),
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    renameat2(AT_FDCWD, a, AT_FDCWD, b, RenameFlags::RENAME_EXCHANGE).map_err(io::Error::from)
}

// The call that macOS has for it, renamex_np, has no safe wrapper.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn exchange(_a: &Path, _b: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// EINVAL is what file systems without RENAME_EXCHANGE answer.
fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput)
}

/// Writes a file and waits until it is on disk.
pub(crate) fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Waits until the names in a folder are on disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Waits until all that is below a folder is on disk.
pub(crate) fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            sync_tree(&entry.path())?;
        } else if kind.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    use crate::types::testing::skip;

    /// Folders `new` and `old`, each with a file of its own name.
    fn folders() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let (new, old) = (temp.path().join("new"), temp.path().join("old"));
        for folder in [&new, &old] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join(folder.file_name().unwrap()), "").unwrap();
        }
        (temp, new, old)
    }

    #[test]
    fn replacing_works_with_and_without_an_old_folder() {
        for replace in [replace_folder, replace_by_renames] {
            let (temp, new, old) = folders();
            let (destination, aside) = (temp.path().join("there"), temp.path().join("aside"));
            replace(&old, &destination, &aside).unwrap();
            assert!(destination.join("old").exists() && !old.exists() && !aside.exists());
            replace(&new, &destination, &aside).unwrap();
            assert!(destination.join("new").exists());
            assert_ne!(new.join("old").exists(), aside.join("old").exists(), "the old folder is in one of the two");
        }
    }

    #[test]
    fn renames_put_the_old_folder_aside() {
        let (temp, new, old) = folders();
        let aside = temp.path().join("aside");
        replace_by_renames(&new, &old, &aside).unwrap();
        assert!(old.join("new").exists() && aside.join("old").exists() && !new.exists());
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn an_exchange_leaves_the_old_folder_at_the_new_ones_place() {
        let (_temp, new, old) = folders();
        match exchange(&new, &old) {
            Err(error) if is_unsupported(&error) => skip("the file system of temporary folders cannot exchange two"),
            exchanged => {
                exchanged.unwrap();
                assert!(old.join("new").exists() && new.join("old").exists());
            }
        }
    }
}
