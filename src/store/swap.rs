//! Changing folders so that a crash at any moment leaves the old one or the new one, each complete.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Puts `new` at `destination`. What was there is at `new` afterwards, or at `aside` where the file system cannot
/// exchange two folders in one step; the caller removes either.
///
/// Linux: one `renameat2(RENAME_EXCHANGE)`, so `destination` exists at every moment. Elsewhere, and on file systems
/// without it: two renames. A crash between them leaves nothing at `destination` and the old folder whole at `aside`,
/// from where the next run puts it back ([`super::Staging`] does so on creation).
pub(super) fn replace_folder(new: &Path, destination: &Path, aside: &Path) -> io::Result<()> {
    match exchange(new, destination) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if is_unsupported(&error) => match fs::rename(destination, aside) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        },
        Err(error) => return Err(error),
    }
    fs::rename(new, destination)
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
pub(super) fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Waits until the names in a folder are on disk.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Waits until all that is below a folder is on disk.
pub(super) fn sync_tree(folder: &Path) -> io::Result<()> {
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
    use super::*;

    #[test]
    fn replacing_works_with_and_without_an_old_folder() {
        let temp = tempfile::tempdir().unwrap();
        let path = |name: &str| temp.path().join(name);
        for content in ["first", "second"] {
            fs::create_dir(path("new")).unwrap();
            fs::write(path("new/file"), content).unwrap();
            replace_folder(&path("new"), &path("there"), &path("aside")).unwrap();
            assert_eq!(fs::read_to_string(path("there/file")).unwrap(), content);
            let _ = fs::remove_dir_all(path("aside"));
            let _ = fs::remove_dir_all(path("new"));
        }
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn an_exchange_leaves_the_old_folder_at_the_new_ones_place() {
        let temp = tempfile::tempdir().unwrap();
        let (a, b) = (temp.path().join("a"), temp.path().join("b"));
        fs::create_dir(&a).unwrap();
        fs::create_dir(&b).unwrap();
        fs::write(a.join("new"), "").unwrap();
        fs::write(b.join("old"), "").unwrap();
        if let Err(error) = exchange(&a, &b) {
            assert!(is_unsupported(&error), "{error}");
            return;
        }
        assert!(b.join("new").exists() && a.join("old").exists());
    }
}
