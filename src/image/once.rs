//! One farm at a time makes an image: others that want the same one of the same engine, as processes of their own, wait
//! and find it. A lock of the kernel's says who is at it: it goes with its process, however that ends.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::guest::say;
use super::{ImageError, Images};
use crate::engine::OutputSink;

const POLL: Duration = Duration::from_millis(100);

/// Held while an image is made.
#[derive(Debug)]
pub(super) struct Turn {
    held: Option<(PathBuf, File)>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        // While it is locked: who waits sees that its name is gone, and begins again.
        if let Some((path, _)) = &self.held {
            let _ = fs::remove_file(path);
        }
    }
}

/// Waits until nobody else makes the image that goes by `name` in this engine. Where a lock cannot be made, on a full or
/// read-only disk, nobody waits: then an image may be made twice.
pub(super) async fn turn(
    images: &Images,
    name: &str,
    sink: &mut dyn OutputSink,
    cancel: &CancellationToken,
) -> Result<Turn, ImageError> {
    let digest = Sha256::digest(format!("{}\n{name}", images.engine.endpoint()));
    let path = images.archives().reader().locks().join(&hex::encode(digest)[..32]);
    let mut said = false;
    loop {
        match attempt(&path) {
            Attempt::Held(file) => return Ok(Turn { held: Some((path, file)) }),
            Attempt::Impossible => return Ok(Turn { held: None }),
            Attempt::Taken => {}
        }
        if !said {
            say(sink, &format!("farm: another farm makes the image {name}: waiting for it")).await?;
            said = true;
        }
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            () = cancel.cancelled() => return Err(ImageError::Cancelled),
        }
    }
}

enum Attempt {
    Held(File),
    Taken,
    Impossible,
}

fn attempt(path: &Path) -> Attempt {
    let folder = path.parent().unwrap_or(path);
    let opened =
        fs::create_dir_all(folder).and_then(|()| File::options().create(true).truncate(false).write(true).open(path));
    let Ok(file) = opened else { return Attempt::Impossible };
    match file.try_lock() {
        Ok(()) if is_still(path, &file) => Attempt::Held(file),
        Ok(()) | Err(fs::TryLockError::WouldBlock) => Attempt::Taken,
        Err(fs::TryLockError::Error(_)) => Attempt::Impossible,
    }
}

/// Whether the file still has its name: who was done before has taken it away.
#[cfg(unix)]
fn is_still(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::metadata(path), file.metadata()) {
        (Ok(named), Ok(opened)) => (named.dev(), named.ino()) == (opened.dev(), opened.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_still(path: &Path, _file: &File) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_a_name_until_it_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("locks/x");
        let Attempt::Held(file) = attempt(&path) else { panic!("it is free") };
        assert!(matches!(attempt(&path), Attempt::Taken));
        assert!(matches!(attempt(&folder.path().join("locks/y")), Attempt::Held(_)), "another name");
        drop(Turn { held: Some((path.clone(), file)) });
        assert!(!path.exists(), "nothing stays");
        assert!(matches!(attempt(&path), Attempt::Held(_)));
    }

    #[test]
    fn a_name_that_was_taken_away_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let file = File::create(&path).unwrap();
        assert!(is_still(&path, &file));
        fs::remove_file(&path).unwrap();
        assert!(!is_still(&path, &file));
        File::create(&path).unwrap();
        assert!(!is_still(&path, &file), "somebody made it anew");
        assert!(matches!(attempt(&folder.path().join("x/y")), Attempt::Impossible), "no folder");
    }
}
