//! Whether the engine works on this machine: it is tried, in a store that is gone afterwards, beside the real one, because
//! whether layers can be mounted depends on the file system, too.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream;

use super::cgroup::Cgroups;
use super::confine;
use super::engine::{Native, open};
use super::ids::IdMap;
use super::options::NativeOptions;
use super::shared::blocking;
use crate::engine::discovery::driver::{Endpoint, Examination, Reachable};
use crate::engine::{ContainerSpec, Engine, EngineError, EngineInfo, HOST_NAME, ImportSpec, Limits, Network};
use crate::types::{Arch, Check, Severity};

pub(super) const SUBJECT: &str = "native engine";

const IMAGE: &str = "farm-doctor/empty:1";
/// Two empty blocks are a whole archive (tar(5)).
const EMPTY_ARCHIVE: [u8; 1024] = [0; 1024];
/// Small, and enough for this program itself where each process is limited alone.
const MEMORY: u64 = 4 << 30;
const PROCESSES: u32 = 64;

/// How far the engine comes on this machine. What comes after a step that fails is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Health {
    store: PathBuf,
    /// Which ids containers have.
    ids: Result<String, String>,
    /// Whether user namespaces can be made.
    namespaces: Option<Result<(), String>>,
    /// Whether a container can be made, of a layer of its own, with limits and without privileges.
    container: Option<Result<(), String>>,
    info: Option<EngineInfo>,
    limits_memory: bool,
    limits_processes: bool,
    filters_calls: bool,
}

pub(super) async fn examine(endpoints: Vec<Endpoint>) -> Examination {
    let mut found = Examination::default();
    for endpoint in endpoints {
        match NativeOptions::of_url(&endpoint.url) {
            Ok(options) => {
                let health = health(options).await;
                found.engines.extend(reachable(&health));
                found.checks.extend(checks(&health));
            }
            Err(error) => found.checks.push(Check::new(SUBJECT, Severity::Note, error.to_string())),
        }
    }
    found
}

async fn health(options: NativeOptions) -> Health {
    let cgroups = Cgroups::of_this_process();
    let mut found = Health {
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
        return found;
    }
    let beside = options.store.clone();
    let folder =
        match blocking(move || tempfile::Builder::new().prefix(".farm-doctor-").tempdir_in(existing(&beside))).await {
            Ok(folder) => folder,
            Err(error) => {
                found.container = Some(Err(format!("{} cannot be written: {error}", options.store.display())));
                return found;
            }
        };
    let opened = open(NativeOptions { store: folder.path().join("store"), ..options }).await;
    let engine = match opened {
        Ok(engine) => engine,
        Err(error) => {
            found.namespaces = Some(Err(reason(error)));
            return found;
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
    found
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
        host_name: HOST_NAME,
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

/// The engine, where a container can be made.
fn reachable(health: &Health) -> Option<Reachable> {
    let info = health.info.clone().filter(|_| matches!(health.container, Some(Ok(()))))?;
    Some(Reachable { endpoint: format!("native://{}", health.store.display()), info })
}

fn checks(health: &Health) -> Vec<Check> {
    let ids = match &health.ids {
        Ok(ids) => ids,
        // It says itself what to do.
        Err(why) => return vec![Check::new(SUBJECT, Severity::Bad, why.clone())],
    };
    let mut checks = Vec::new();
    match (&health.namespaces, &health.container) {
        (Some(Err(why)), _) => return vec![Check::new(SUBJECT, Severity::Bad, format!("as {ids}: {why}"))],
        (_, Some(Err(why))) => {
            let check = Check::new(SUBJECT, Severity::Bad, format!("as {ids}: a container cannot be made: {why}"));
            return vec![if why.contains("overlayfs") {
                check
                    .mend("it takes Linux 5.12 or newer, and a store on ext4, xfs or btrfs: FARM_DATA names its folder")
            } else {
                check
            }];
        }
        _ => {
            let text = format!("containers can be made, as {ids}: user namespaces and overlayfs work");
            checks.push(Check::new(SUBJECT, Severity::Ok, text));
        }
    }
    checks.push(limits(health.limits_memory, health.limits_processes));
    let filter = "system call filter";
    checks.push(if health.filters_calls {
        Check::new(filter, Severity::Ok, "builds in farm's own engine run under it")
    } else {
        Check::new(filter, Severity::Note, "none for this architecture: builds in farm's own engine run without one")
    });
    checks
}

/// Of containers of farm's own engine.
fn limits(memory: bool, processes: bool) -> Check {
    const NAME: &str = "control groups";
    let limited = match (memory, processes) {
        (true, true) => return Check::new(NAME, Severity::Ok, "memory and processes of each container are limited"),
        (true, false) => "memory of each container is limited, processes are for each user in it",
        (false, true) => "processes of each container are limited, memory is for each process alone",
        (false, false) => "none: memory is limited for each process alone, processes for each user in a container",
    };
    let mend = "run farm as root, or, on a system with control groups of version 2, by `systemd-run --user --scope farm build`";
    Check::new(NAME, Severity::Warning, limited).mend(mend)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn works() -> Health {
        Health {
            store: "/store".into(),
            ids: Ok("root".to_owned()),
            namespaces: Some(Ok(())),
            container: Some(Ok(())),
            info: Some(EngineInfo::named("native")),
            limits_memory: true,
            limits_processes: true,
            filters_calls: true,
        }
    }

    fn text(health: &Health) -> String {
        checks(health).into_iter().map(|check| format!("{check}\n")).collect()
    }

    #[test]
    fn an_engine_that_makes_containers_can_be_used() {
        assert_eq!(reachable(&works()).unwrap().endpoint, "native:///store");
        insta::assert_snapshot!(text(&works()), @"
        ok native engine: containers can be made, as root: user namespaces and overlayfs work
        ok control groups: memory and processes of each container are limited
        ok system call filter: builds in farm's own engine run under it
        ");
        let limited = Health { limits_memory: false, limits_processes: false, filters_calls: false, ..works() };
        insta::assert_snapshot!(text(&limited), @"
        ok native engine: containers can be made, as root: user namespaces and overlayfs work
        warning control groups: none: memory is limited for each process alone, processes for each user in a container [run farm as root, or, on a system with control groups of version 2, by `systemd-run --user --scope farm build`]
        note system call filter: none for this architecture: builds in farm's own engine run without one
        ");
    }

    #[test]
    fn one_that_makes_none_says_why() {
        let untried = Health { namespaces: None, container: None, info: None, ..works() };
        let broken = Health { ids: Err("ada has no subordinate ids".to_owned()), ..untried };
        assert_eq!(text(&broken), "missing native engine: ada has no subordinate ids\n");
        assert_eq!(reachable(&broken), None);
        let broken = Health { container: Some(Err("mount (overlayfs): no".to_owned())), ..works() };
        assert!(
            text(&broken).contains("missing native engine: as root: a container cannot be made"),
            "{}",
            text(&broken)
        );
        assert!(text(&broken).contains("FARM_DATA"), "{}", text(&broken));
        assert_eq!(reachable(&broken), None);
    }
}
