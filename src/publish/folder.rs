//! Another folder as a target: of this host, or of a file system that is mounted here.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::model::{Listed, TargetError};
use super::target::{Only, Target};
use crate::types::{Stamp, printable};

#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn new(root: &Path) -> Folder {
        Folder { root: root.to_owned() }
    }

    /// Runs on a thread for it: file systems block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, TargetError> + Send + 'static,
    ) -> Result<T, TargetError> {
        let own = self.clone();
        match tokio::task::spawn_blocking(move || work(&own)).await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Where new files are until they are whole: the same file system.
    fn incoming(&self) -> io::Result<PathBuf> {
        let folder = self.root.join(".farm/incoming");
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    fn put(&self, path: &str, file: tempfile::NamedTempFile) -> io::Result<()> {
        let place = self.root.join(path);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        readable(file.as_file())?;
        file.persist(place).map_err(|error| error.error)?;
        Ok(())
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> TargetError + '_ {
    move |error| TargetError::Failed(format!("{}: {error}", printable(&path.display().to_string())))
}

/// Of a file whose content changes only by being replaced.
fn tag(path: &Path) -> io::Result<Listed> {
    let stamp = Stamp::of(path)?;
    Ok(Listed { size: stamp.size, tag: Some(format!("{}-{}", stamp.inode, stamp.modified)) })
}

/// Web servers run as somebody else.
fn readable(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    let _ = file;
    Ok(())
}

#[async_trait]
impl Target for Folder {
    fn shown(&self) -> String {
        printable(&self.root.display().to_string())
    }

    async fn list(&self, known: &[&str]) -> Result<BTreeMap<String, Listed>, TargetError> {
        let known: Vec<String> = known.iter().map(|path| (*path).to_owned()).collect();
        self.blocking(move |folder| {
            let listed = known.into_iter().filter_map(|path| {
                let found = tag(&folder.root.join(&path)).ok()?;
                Some((path, found))
            });
            Ok(listed.collect())
        })
        .await
    }

    async fn read(&self, path: &str) -> Result<Option<(Bytes, Option<String>)>, TargetError> {
        let place = self.root.join(path);
        self.blocking(move |_| match fs::read(&place) {
            Ok(content) => {
                let tag = hex::encode(Sha256::digest(&content));
                Ok(Some((content.into(), Some(tag))))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&place)(error)),
        })
        .await
    }

    async fn write(&self, path: &str, content: Bytes, only: &Only) -> Result<Option<String>, TargetError> {
        let (path, only) = (path.to_owned(), only.clone());
        self.blocking(move |folder| {
            let place = folder.root.join(&path);
            let failed = failed(&place);
            let incoming = folder.incoming().map_err(&failed)?;
            // Comparing and writing are one step for all who write this way.
            let lock = File::create(folder.root.join(".farm/published.lock")).map_err(&failed)?;
            lock.lock().map_err(&failed)?;
            let there = match fs::read(&place) {
                Ok(content) => Some(hex::encode(Sha256::digest(content))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(failed(error)),
            };
            match only {
                Only::IfAbsent if there.is_some() => return Err(TargetError::Changed),
                Only::IfTagged(tag) if there.as_ref() != Some(&tag) => return Err(TargetError::Changed),
                _ => {}
            }
            let mut file = tempfile::NamedTempFile::new_in(incoming).map_err(&failed)?;
            file.write_all(&content).map_err(&failed)?;
            folder.put(&path, file).map_err(&failed)?;
            Ok(Some(hex::encode(Sha256::digest(&content))))
        })
        .await
    }

    async fn send(&self, path: &str, file: &Path, expected: (u64, &str)) -> Result<Option<String>, TargetError> {
        let (path, file, sha256) = (path.to_owned(), file.to_owned(), expected.1.to_owned());
        self.blocking(move |folder| {
            let place = folder.root.join(&path);
            let failed = failed(&place);
            let mut source = File::open(&file).map_err(self::failed(&file))?;
            let mut copy = tempfile::NamedTempFile::new_in(folder.incoming().map_err(&failed)?).map_err(&failed)?;
            let (mut hash, mut buffer) = (Sha256::new(), vec![0; 128 * 1024]);
            loop {
                match source.read(&mut buffer).map_err(self::failed(&file))? {
                    0 => break,
                    read => {
                        hash.update(&buffer[..read]);
                        copy.write_all(&buffer[..read]).map_err(&failed)?;
                    }
                }
            }
            if hex::encode(hash.finalize()) != sha256 {
                return Err(TargetError::Failed(format!("{path} changed while it was sent")));
            }
            folder.put(&path, copy).map_err(&failed)?;
            Ok(tag(&place).map_err(&failed)?.tag)
        })
        .await
    }

    async fn remove(&self, path: &str) -> Result<(), TargetError> {
        let path = path.to_owned();
        self.blocking(move |folder| {
            let place = folder.root.join(&path);
            match fs::remove_file(&place) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&place)(error)),
                _ => {}
            }
            // Folders that have nothing any more; the first that has something ends it.
            for parent in Path::new(&path).ancestors().skip(1).take_while(|parent| parent.components().count() > 1) {
                if fs::remove_dir(folder.root.join(parent)).is_err() {
                    break;
                }
            }
            Ok(())
        })
        .await
    }

    async fn settle(&self) -> Result<(), TargetError> {
        self.blocking(|folder| {
            #[cfg(target_os = "linux")]
            {
                let root = File::open(&folder.root).map_err(failed(&folder.root))?;
                nix::unistd::syncfs(root).map_err(|error| failed(&folder.root)(error.into()))?;
            }
            // What runs were killed in has no name that anybody asks for.
            let _ = fs::remove_dir_all(folder.root.join(".farm/incoming"));
            Ok(())
        })
        .await
    }
}
