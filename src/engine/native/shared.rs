//! What the engine and its containers have in common: the store, the helpers, and how their failures are told.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::helper;
use super::shim::Helpers;
use super::store::{self, Image, Layer, Store, Swept};
use crate::engine::{EngineError, ImageInfo};
use crate::types::Arch;

/// What the engine and its containers have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) helpers: Helpers,
    pub(super) endpoint: String,
    /// Bytes that sweeps gave back and nobody has asked for yet.
    pub(super) freed: AtomicU64,
    /// Images that the last sweep could not read.
    pub(super) damaged: AtomicUsize,
}

impl Shared {
    pub(super) fn failed(&self, action: &str, error: &io::Error) -> EngineError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                EngineError::DiskFull { action: action.to_owned() }
            }
            _ => EngineError::Failed { action: action.to_owned(), message: error.to_string() },
        }
    }

    /// Makes an image of the layer that grew in a folder, on top of another's.
    pub(super) fn add_layer(
        &self,
        folder: &Path,
        parent: Option<&Image>,
        tag: &str,
        arch: Arch,
        labels: &BTreeMap<String, String>,
        env: Vec<String>,
    ) -> io::Result<ImageInfo> {
        let layer = self.seal(folder)?;
        let config = serde_json::to_vec(&Store::config(parent, arch, labels, env, &layer.diff_id))?;
        let manifest = self.store.manifest(parent, &config, &layer)?;
        self.store.add_image(tag, None, &manifest, &config, vec![(folder.to_owned(), layer.diff_id)])
    }

    /// What the tree of a finished layer is, written down beside it.
    pub(super) fn seal(&self, folder: &Path) -> io::Result<Layer> {
        let (diff_id, bytes) = self.helpers.digest(&folder.join(store::TREE))?;
        store::write_seal(folder, &diff_id)?;
        Ok(Layer { diff_id, bytes })
    }

    /// Removes what nothing needs any more.
    pub(super) fn sweep(&self) -> io::Result<()> {
        loop {
            let Swept { rubbish, cgroups, bytes, left, damaged } = self.store.sweep()?;
            self.damaged.store(damaged, Ordering::Relaxed);
            self.freed.fetch_add(bytes, Ordering::Relaxed);
            for folder in &cgroups {
                let _ = helper::remove_cgroup(folder);
            }
            let found = !rubbish.is_empty();
            for one in rubbish {
                self.freed.fetch_add(self.helpers.remove(one)?, Ordering::Relaxed);
            }
            // On a full disk what is removed makes the room that taking more away needs.
            if !(left && found) {
                return Ok(());
            }
        }
    }
}

/// Runs what blocks where it may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
