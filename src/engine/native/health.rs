//! Whether the engine works on this machine: it is tried, in a store that is gone afterwards, beside the real one, because
//! whether layers can be mounted depends on the file system, too.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream;

use super::{Cgroups, IdMap, Native, NativeOptions, blocking, confine, open};
use crate::engine::survey::NativeHealth;
use crate::engine::{ContainerSpec, Engine, EngineError, ImportSpec, Limits, Network};
use crate::types::Arch;

const IMAGE: &str = "farm-doctor/empty:1";
/// Two empty blocks are a whole archive (tar(5)).
const EMPTY_ARCHIVE: [u8; 1024] = [0; 1024];
/// Small, and enough for this program itself where each process is limited alone.
const MEMORY: u64 = 4 << 30;
const PROCESSES: u32 = 64;

pub(crate) async fn health(options: NativeOptions) -> Result<NativeHealth, EngineError> {
    let cgroups = Cgroups::of_this_process();
    let mut found = NativeHealth {
        store: options.store.clone(),
        ids: IdMap::of_this_process().map(|ids| ids.describe()),
        namespaces: None,
        container: None,
        info: None,
        limits_memory: cgroups.limits_memory(),
        limits_processes: cgroups.limits_processes(),
        filters_calls: confine::has_filter(),
    };
    if found.ids.is_err() {
        return Ok(found);
    }
    let beside = options.store.clone();
    let folder =
        match blocking(move || tempfile::Builder::new().prefix(".farm-doctor-").tempdir_in(existing(&beside))).await {
            Ok(folder) => folder,
            Err(error) => {
                found.container = Some(Err(format!("{} cannot be written: {error}", options.store.display())));
                return Ok(found);
            }
        };
    let opened = open(NativeOptions { store: folder.path().join("store"), ..options }).await;
    let engine = match opened {
        Ok(engine) => engine,
        Err(error) => {
            found.namespaces = Some(Err(reason(error)));
            return Ok(found);
        }
    };
    found.namespaces = Some(Ok(()));
    found.info = Some(engine.info.clone());
    found.container = Some(try_container(&engine).await.map_err(reason));
    drop(engine);
    let removed = blocking(move || folder.close()).await;
    if let (Some(Ok(())), Err(error)) = (&found.container, removed) {
        found.container = Some(Err(format!("what a container leaves cannot be removed: {error}")));
    }
    Ok(found)
}

/// The folder itself, or the nearest above that there is.
fn existing(folder: &Path) -> PathBuf {
    folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

async fn try_container(engine: &Native) -> Result<(), EngineError> {
    let arch = Arch::host().unwrap_or(Arch::Amd64);
    let spec = ImportSpec { tag: IMAGE.to_owned(), arch, labels: BTreeMap::new(), env: Vec::new() };
    let layer = stream::once(async { Ok::<Bytes, io::Error>(Bytes::from_static(&EMPTY_ARCHIVE)) });
    engine.import(&spec, Box::pin(layer)).await?;
    let spec = ContainerSpec {
        image: IMAGE.to_owned(),
        arch,
        name: "farm-doctor".to_owned(),
        network: Network::None,
        limits: Limits { memory_bytes: Some(MEMORY), pids: Some(PROCESSES), cpuset: None },
        labels: BTreeMap::new(),
    };
    engine.create(&spec).await?.remove().await
}

fn reason(error: EngineError) -> String {
    match error {
        EngineError::Unreachable { reason, .. } | EngineError::Config(reason) | EngineError::Store { reason, .. } => {
            reason
        }
        EngineError::Refused { message, .. } | EngineError::Failed { message, .. } => message,
        other => other.to_string(),
    }
}
