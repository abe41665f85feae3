//! What the file system says of a file: enough to know, without reading it, that nobody has written to it since.

use std::fs::Metadata;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Size, identity and times of a file. Writing to it changes at least one of them: the time of the last change of its
/// status cannot be set by anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub size: u64,
    pub inode: u64,
    /// Last writing, nanoseconds since the epoch.
    pub modified: i64,
    /// Last change of content or status, nanoseconds since the epoch.
    pub changed: i64,
}

impl Stamp {
    /// Of a regular file; a link is none.
    ///
    /// # Errors
    /// When it is not there, or something else.
    pub(crate) fn of(path: &Path) -> std::io::Result<Stamp> {
        let metadata = std::fs::symlink_metadata(path)?;
        if !metadata.is_file() {
            return Err(std::io::Error::other("it is no regular file"));
        }
        Ok(Stamp::new(&metadata))
    }

    #[cfg(unix)]
    fn new(metadata: &Metadata) -> Stamp {
        use std::os::unix::fs::MetadataExt;
        let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Stamp {
            size: metadata.len(),
            inode: metadata.ino(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    #[cfg(not(unix))]
    fn new(metadata: &Metadata) -> Stamp {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let modified = modified.and_then(|time| i64::try_from(time.as_nanos()).ok()).unwrap_or_default();
        Stamp { size: metadata.len(), inode: 0, modified, changed: modified }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn whoever_writes_to_a_file_changes_its_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let before = Stamp::of(&path).unwrap();
        assert_eq!(Stamp::of(&path).unwrap(), before);
        let times = std::fs::metadata(&path).unwrap().modified().unwrap();
        // Kernels give times of a tick's precision: wait for the next one.
        while Stamp::of(&path).unwrap().changed == before.changed {
            std::fs::write(&path, "two").unwrap();
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(times).unwrap();
        }
        let after = Stamp::of(&path).unwrap();
        assert_eq!((after.size, after.modified, after.inode), (before.size, before.modified, before.inode));
        assert_ne!(after, before, "although size, time of writing and inode are as they were");
        std::os::unix::fs::symlink(&path, folder.path().join("link")).unwrap();
        assert!(Stamp::of(&folder.path().join("link")).is_err());
    }
}
