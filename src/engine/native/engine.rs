//! The engine itself: opened on a store, it makes containers and ends those of other runs.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use super::cgroup::Cgroups;
use super::confine;
use super::container::NativeContainer;
use super::ids::IdMap;
use super::options::NativeOptions;
use super::protocol::{self, Answer, Order, Setup};
use super::shared::{Shared, blocking};
use super::shim::Helpers;
use super::store::{self, ContainerRecord, Staging, Store};
use crate::engine::{ContainerSpec, EngineError, EngineInfo, Network, labels};
use crate::stream::ByteStream;
use crate::types::Arch;

/// The kernel's largest options for a mount, less what is beside the layers in them.
const MOST_LAYERS: usize = 100;
/// How long the shim of somebody else's container may take to remove it.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(30);
const REMOVAL_POLL: Duration = Duration::from_millis(10);

/// The engine.
#[derive(Debug)]
pub(super) struct Native {
    pub(super) shared: Arc<Shared>,
    /// What was found wrong with the store when it was opened, and what became of it.
    pub(super) notes: Vec<String>,
    pub(super) cgroups: Cgroups,
    pub(super) info: EngineInfo,
}

/// Opens the engine: finds out whether containers can be made here, and removes what earlier processes left.
///
/// # Errors
/// [`EngineError::Unreachable`] with what is missing on this system and how to mend it.
pub(super) async fn open(options: NativeOptions) -> Result<Native, EngineError> {
    let endpoint = format!("native://{}", options.store.display());
    let unreachable = |reason: String| EngineError::Unreachable { endpoint: endpoint.clone(), reason };
    let ids = IdMap::of_this_process().map_err(unreachable)?;
    let mut helpers = Helpers { program: options.program, ids };
    let probe = |helpers: &Helpers| {
        let helpers = helpers.clone();
        blocking(move || match helpers.ask(&Order::Probe { range: helpers.ids.range() }, Vec::new())? {
            Answer::Done => Ok(()),
            other => Err(other.into_error()),
        })
    };
    let mut probed = probe(&helpers).await;
    if probed.is_err() && helpers.ids.range().is_some() {
        // To do without is no small thing: all files of the store are given to other ids. A busy machine is no reason.
        probed = probe(&helpers).await;
    }
    let mut no_range = None;
    if let (Err(error), Some(_)) = (&probed, helpers.ids.range()) {
        no_range = Some(error.to_string());
        helpers.ids = helpers.ids.without_range();
        probed = probe(&helpers).await;
    }
    probed.map_err(|error| unreachable(format!("{error}{}", hint(&error.to_string()))))?;
    let (rootless, range) = (helpers.ids.rootless(), helpers.ids.range());
    if !rootless && range.is_none() {
        no_range.get_or_insert_with(|| "this user namespace has no other 65536".to_owned());
    }
    // Not the engine's fault, and nothing that another engine would mend.
    let unusable = |error: io::Error| EngineError::Store { path: options.store.clone(), reason: error.to_string() };
    let store = Store::open(&options.store, range).map_err(unusable)?;
    let mut notes: Vec<String> = store.mend_index().map_err(unusable)?.into_iter().collect();
    let (freed, damaged) = (AtomicU64::new(0), AtomicUsize::new(0));
    let shared = Arc::new(Shared { store, helpers, endpoint: endpoint.clone(), freed, damaged });
    let swept = {
        let shared = shared.clone();
        blocking(move || shared.sweep()).await
    };
    // What is there can be used all the same.
    if let Err(error) = swept {
        notes.push(format!("what earlier runs left in {} cannot be removed: {error}", options.store.display()));
    }
    match shared.damaged.load(Ordering::Relaxed) {
        0 => {}
        count => notes.push(format!(
            "{count} of the images in {} cannot be read, so that nothing of it is removed: `farm gc --verify` says which, \
             and takes them away",
            options.store.display()
        )),
    }
    let cgroups = Cgroups::of_this_process();
    let info = info(&cgroups, rootless, no_range);
    Ok(Native { shared, notes, cgroups, info })
}

/// How to mend what commonly keeps user namespaces from being made.
fn hint(error: &str) -> String {
    if !error.contains("user namespace") {
        return String::new();
    }
    let is = |file: &str, value: &str| std::fs::read_to_string(file).is_ok_and(|text| text.trim() == value);
    let setting = if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        "kernel.unprivileged_userns_clone=1"
    } else if is("/proc/sys/user/max_user_namespaces", "0") {
        "user.max_user_namespaces=15000"
    } else if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        "kernel.apparmor_restrict_unprivileged_userns=0"
    } else {
        return "; a container or its seccomp filter may forbid it: farm then needs a daemon (--engine)".to_owned();
    };
    format!("; this system forbids them: as root, `sysctl -w {setting}`")
}

fn info(cgroups: &Cgroups, rootless: bool, no_range: Option<String>) -> EngineInfo {
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: u64 = kib.and_then(|text| text.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0);
    let mut limitations = Vec::new();
    if let Some(why) = no_range {
        limitations.push(format!(
            "containers have root's own ids, so that what they reach of this host takes them for root: {why}"
        ));
    }
    if !cgroups.limits_memory() {
        limitations.push(
            "memory is limited for each process alone, not for a container, and not at all in files without a disk (memfd; \
             /dev/shm has a size of its own): this user may make no control group for it"
                .to_owned(),
        );
    }
    if !cgroups.limits_processes() {
        limitations.push("processes are limited for each user in a container, not for all of it".to_owned());
    }
    if !confine::has_filter() {
        limitations.push("system calls of builds are not filtered on this machine's architecture".to_owned());
    }
    EngineInfo {
        name: "native".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        api_version: if rootless { "rootless" } else { "root" }.to_owned(),
        arch: Arch::host().unwrap_or(Arch::Amd64),
        cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        memory_bytes: kib << 10,
        shares_kernel: true,
        limitations,
    }
}

impl Native {
    pub(super) fn failed(&self, action: &str, error: &io::Error) -> EngineError {
        self.shared.failed(action, error)
    }

    /// Unpacks a layer's uncompressed tar stream into an empty folder of the store.
    pub(super) async fn unpack_layer(
        &self,
        staging: &Staging,
        mut layer: ByteStream,
        action: &str,
    ) -> Result<(), EngineError> {
        let failed = |error: io::Error| self.failed(action, &error);
        let (folder, lock) = (staging.tree(), staging.lock().map_err(failed)?);
        let opened = std::fs::File::open(&folder).map_err(failed)?;
        let (reader, writer) = io::pipe().map_err(failed)?;
        let mut writer = tokio::net::unix::pipe::Sender::from_owned_fd(writer.into()).map_err(failed)?;
        let helpers = self.shared.helpers.clone();
        let unpacking = tokio::task::spawn_blocking(move || {
            helpers.ask(&Order::UnpackLayer { folder }, vec![opened.into(), reader.into(), lock])
        });
        while let Some(chunk) = layer.next().await {
            match chunk {
                // It has stopped reading: its answer says why.
                Ok(chunk) => {
                    if writer.write_all(&chunk).await.is_err() {
                        break;
                    }
                }
                Err(error) => {
                    drop(writer);
                    let _ = unpacking.await;
                    return Err(EngineError::Source(error));
                }
            }
        }
        drop(writer);
        let answer = unpacking.await.map_err(|error| failed(io::Error::other(error)))?.map_err(failed)?;
        match answer {
            Answer::Done => Ok(()),
            other => Err(failed(other.into_error())),
        }
    }
}

pub(super) fn create(
    shared: Arc<Shared>,
    cgroups: &Cgroups,
    spec: &ContainerSpec,
) -> Result<NativeContainer, EngineError> {
    let action = "create a container";
    let failed = |error: io::Error| shared.failed(action, &error);
    let refused = |message: String| EngineError::Refused { action: action.to_owned(), message };
    // Until its folder names the layers that it needs, nothing may take them away.
    let held = shared.store.shared().map_err(failed)?;
    let Some(image) = shared.store.find(&spec.image).map_err(failed)? else {
        return Err(EngineError::NoSuchImage { reference: spec.image.clone() });
    };
    if image.layers.len() > MOST_LAYERS {
        return Err(refused(format!("its image has {} layers, more than {MOST_LAYERS}", image.layers.len())));
    }
    let id = store::unique();
    let groups = cgroups.of_container(&format!("farm-{id}"), &spec.limits);
    let mut labels = spec.labels.clone();
    labels.insert(labels::OWNED.to_owned(), String::new());
    let record = ContainerRecord {
        labels,
        layers: image.layers.clone(),
        cgroups: groups.iter().map(|group| group.folder.clone()).collect(),
    };
    let folder = shared.store.containers().join(&id);
    let cpus = spec.limits.cpuset.as_deref().map(cpus).transpose().map_err(refused)?;
    let setup = Setup {
        layers: shared.store.layers(),
        lower: image.layers.iter().rev().map(|name| format!("{name}/{}", store::TREE)).collect(),
        folder: folder.clone(),
        record,
        range: shared.helpers.ids.range(),
        host_name: spec.host_name.to_owned(),
        host_network: spec.network != Network::None,
        cpus,
        address_space: spec.limits.memory_bytes.filter(|_| !cgroups.limits_memory()),
        processes: spec.limits.pids.map(u64::from).filter(|_| !cgroups.limits_processes()),
        resolv_conf: (spec.network != Network::None).then(resolv_conf),
        sockets_by_call: spec.arch == Arch::I386,
        cgroups: groups.clone(),
    };
    let mut helper = shared.helpers.start(&Order::Container(Box::new(setup)), &[held.into()]).map_err(failed)?;
    let ready = protocol::receive::<Answer>(&helper.socket);
    match ready.map(|frame| frame.map(|(answer, _)| answer)) {
        Ok(Some(Answer::Done)) => {}
        other => {
            let _ = helper.process.wait();
            return Err(match other {
                Ok(Some(answer)) => failed(answer.into_error()),
                Ok(None) => failed(io::Error::other("the container ended while it was made")),
                Err(error) => failed(error),
            });
        }
    }
    Ok(NativeContainer {
        shared,
        id,
        arch: spec.arch,
        image,
        folder,
        cgroups: groups,
        socket: Arc::new(helper.socket),
        shim: Mutex::new(Some(helper.process)),
        next: AtomicU64::new(0),
    })
}

/// `0-3,7`
fn cpus(set: &str) -> Result<Vec<usize>, String> {
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| format!("`{set}` is no list of CPUs"));
    let mut cpus = Vec::new();
    for part in set.split(',') {
        match part.split_once('-') {
            Some((first, last)) => cpus.extend(number(first)?..=number(last)?),
            None => cpus.push(number(part)?),
        }
    }
    Ok(cpus)
}

/// Where this host asks for names. A resolver on its own loopback device is reached: the network is the same.
fn resolv_conf() -> String {
    std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default()
}

/// Ends the containers of a run, whoever's they are, and waits until they are gone.
pub(super) fn reap(shared: &Shared, run: Option<&str>) -> io::Result<usize> {
    let all = shared.store.running()?;
    let wanted = |labels: &std::collections::BTreeMap<String, String>| {
        run.is_none_or(|run| labels.get(labels::RUN).is_some_and(|seen| seen == run))
    };
    let ours: Vec<_> = all.into_iter().filter(|container| wanted(&container.record.labels)).collect();
    for container in &ours {
        end_keeper(&container.folder);
    }
    let begun = std::time::Instant::now();
    for container in &ours {
        while container.folder.exists() {
            if store::is_abandoned(&container.folder) {
                shared.sweep()?;
            } else if begun.elapsed() > REMOVAL_TIMEOUT {
                return Err(io::Error::other(format!("{} is still in use", container.folder.display())));
            } else {
                std::thread::sleep(REMOVAL_POLL);
            }
        }
    }
    Ok(ours.len())
}

/// The shim of a container whose lock is held lives, and its process id is its own.
fn end_keeper(folder: &Path) {
    let pid = std::fs::read_to_string(folder.join(store::KEEPER)).ok().and_then(|text| text.parse::<i32>().ok());
    if let Some(pid) = pid.filter(|_| !store::is_abandoned(folder)) {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lists_are_numbers_and_ranges() {
        assert_eq!(cpus("0-2,5"), Ok(vec![0, 1, 2, 5]));
        assert_eq!(cpus("3"), Ok(vec![3]));
        assert!(cpus("a").is_err() && cpus("1-").is_err());
    }
}
