//! What an engine does that really isolates and limits.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use farm::engine::{EngineError, GuestPath, Limits, OutputSink, OutputStream, labels};
use farm::stream;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

#[cfg(target_os = "linux")]
use crate::bench::native_options;
use crate::bench::{Bench, Kept, Kind, api, argv, exec, says, sh, until};

const SOON: Duration = Duration::from_secs(10);

/// One line for each process, zombies too: `pid name state`. Not the shell that reads it.
const PROCESSES: &str = r#"
for status in /proc/[0-9]*/status; do
    name= state= pid=
    while read -r key value _; do
        case $key in Name:) name=$value ;; State:) state=$value ;; Pid:) pid=$value; break ;; esac
    done 2>/dev/null <"$status"
    [ -n "$pid" ] && [ "$pid" != $$ ] && echo "$pid $name $state"
done
true
"#;

pub(crate) async fn signals_are_exit_codes(bench: Bench) {
    let container = bench.started().await;
    assert_eq!(exec(&*container, &sh("kill -KILL $$")).await.0.code, 137);
    assert_eq!(exec(&*container, &sh("sh -c 'kill -TERM $$'; exit $?")).await.0.code, 143);
    container.remove().await.unwrap();
}

pub(crate) async fn no_network_means_none(bench: Bench) {
    let container = bench.started().await;
    let interfaces = says(&*container, "tail -n +3 /proc/net/dev").await;
    let others: Vec<&str> = interfaces
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.trim())
        .filter(|name| *name != "lo")
        .collect();
    // A kernel with tunnel modules shows their dormant devices everywhere; none of them leads anywhere.
    let routes = says(&*container, "tail -n +2 /proc/net/route").await;
    assert_eq!(routes, "", "interfaces: {others:?}");
    assert!(!others.iter().any(|name| name.starts_with("eth")), "{others:?}");
    // What test suites of packages use all the same.
    assert_eq!(says(&*container, "cat /sys/class/net/lo/flags").await, "0x9", "loopback is up");
    assert!(says(&*container, "cat /etc/hosts").await.contains("localhost"));
    container.remove().await.unwrap();
}

pub(crate) async fn the_cpu_set_is_what_nproc_says(bench: Bench) {
    let mut spec = bench.spec();
    spec.limits.cpuset = Some("0".to_owned());
    let container = bench.start(&spec).await;
    assert_eq!(says(&*container, "nproc").await, "1");
    container.remove().await.unwrap();
}

pub(crate) async fn too_many_processes_fail(bench: Bench) {
    let mut spec = bench.spec();
    spec.limits.pids = Some(20);
    let container = bench.start(&spec).await;
    let script = "i=0; while [ $i -lt 40 ]; do sleep 1000 & i=$((i+1)); done; echo all";
    let mut kept = Kept::default();
    let status = container.exec(&sh(script), &mut kept, &CancellationToken::new()).await.unwrap();
    assert!(!status.success(), "{status:?} {:?}", String::from_utf8_lossy(&kept.stdout));
    container.remove().await.unwrap();
}

pub(crate) async fn running_out_of_memory_is_counted(bench: Bench) {
    let limitations = bench.engine.ping().await.unwrap().limitations;
    if bench.kind == Kind::Native && limitations.iter().any(|limitation| limitation.contains("memory")) {
        return one_process_is_limited(bench).await;
    }
    assert!(!limitations.iter().any(|limitation| limitation.contains("memory")), "{limitations:?}");
    let mut spec = bench.spec();
    spec.limits = Limits { memory_bytes: Some(64 << 20), ..spec.limits };
    let container = bench.start(&spec).await;
    let before = container.stats().await.unwrap();
    assert_eq!(before.oom_kills, Some(0));
    // `tail` keeps what it reads until a line ends, and zeros have none.
    let glutton = "head -c 200000000 /dev/zero | tail -n 1 >/tmp/out";
    let (status, _) = exec(&*container, &sh(&format!("{glutton}; true"))).await;
    let after = container.stats().await.unwrap();
    let hidden = after.oom_kills.unwrap();
    // The kernel may look for a second victim while the first still gives its memory back, and then it finds the shell.
    match status.code {
        0 => assert_eq!(hidden, 1, "inside a pipe an OOM kill hides behind exit 0: {after:?}"),
        137 => assert!(hidden > 1, "the shell was killed, and so something before it: {after:?}"),
        code => panic!("the shell ended with {code}: {after:?}"),
    }
    assert_eq!(exec(&*container, &sh("exec tail -n 1 /dev/zero >/tmp/out")).await.0.code, 137);
    let after = container.stats().await.unwrap();
    assert!(after.oom_kills.unwrap() > hidden, "{after:?}");
    assert!(after.memory_peak_bytes.is_none_or(|peak| peak > 30 << 20 && peak <= 64 << 20), "{after:?}");
    container.remove().await.unwrap();
}

/// Memory is memory, whatever it is to the kernel: a process's own, files without a disk, or many processes' together.
#[cfg(target_os = "linux")]
pub(crate) async fn memory_of_every_kind_is_limited(bench: Bench) {
    let limitations = bench.engine.ping().await.unwrap().limitations;
    if let Some(limitation) = limitations.iter().find(|limitation| limitation.contains("memory")) {
        assert!(std::env::var_os("FARM_TEST_GROUPS").is_none(), "groups were handed on: {limitation}");
        assert!(limitation.contains("memfd") && limitation.contains("/dev/shm"), "what it leaves open: {limitation}");
        return;
    }
    let Some(program) = crate::escape::compiled(include_str!("alike/hoard.c"), &[]).await else { return };
    let mut spec = bench.spec();
    spec.limits = Limits { memory_bytes: Some(128 << 20), ..spec.limits };
    let container = bench.start(&spec).await;
    crate::escape::install(&*container, vec![("tmp/hoard", program)]).await;
    let mut killed = 0;
    for way in ["anonymous", "memfd", "shared", "processes"] {
        let (status, _) = exec(&*container, &argv(&["/tmp/hoard", way])).await;
        assert_eq!(status.code, 137, "{way}");
        let now = container.stats().await.unwrap().oom_kills.unwrap();
        assert!(now > killed, "{way}: {now}");
        killed = now;
    }
    assert!(exec(&*container, &sh("true")).await.0.success(), "the container is still of use");
    container.remove().await.unwrap();
}

/// Where no control group can be made, and that is said: each process for itself ends at the limit.
async fn one_process_is_limited(bench: Bench) {
    let mut spec = bench.spec();
    spec.limits = Limits { memory_bytes: Some(64 << 20), ..spec.limits };
    let container = bench.start(&spec).await;
    assert!(!exec(&*container, &sh("exec tail -n 1 /dev/zero >/tmp/out")).await.0.success());
    assert!(exec(&*container, &sh("head -c 1000000 /dev/zero | tail -n 1 >/tmp/out")).await.0.success());
    assert_eq!(container.stats().await.unwrap().oom_kills, None, "nothing counts them");
    container.remove().await.unwrap();
}

pub(crate) async fn no_program_gains_privileges(bench: Bench) {
    let container = bench.started().await;
    assert_eq!(says(&*container, "grep NoNewPrivs /proc/self/status | tr -d '[:space:]'").await, "NoNewPrivs:1");
    container.remove().await.unwrap();
}

/// Takes one chunk and then waits to be let go on.
struct Stuck {
    taken: Arc<Notify>,
    go_on: Arc<Semaphore>,
    bytes: usize,
}

#[async_trait::async_trait]
impl OutputSink for Stuck {
    async fn write(&mut self, _stream: OutputStream, chunk: Bytes) -> io::Result<()> {
        self.taken.notify_one();
        self.go_on.acquire().await.map_err(io::Error::other)?.forget();
        self.go_on.add_permits(1);
        self.bytes += chunk.len();
        Ok(())
    }
}

impl Stuck {
    fn new() -> Stuck {
        Stuck { taken: Arc::new(Notify::new()), go_on: Arc::new(Semaphore::new(0)), bytes: 0 }
    }
}

pub(crate) async fn a_killed_session_leaves_nothing(bench: Bench) {
    let container = bench.started().await;
    let idle = says(&*container, PROCESSES).await;
    let cancel = CancellationToken::new();
    let mut sink = Stuck::new();
    sink.go_on.add_permits(1);
    let taken = sink.taken.clone();
    // Children, grandchildren, one that ignores signals, and one in a process group of its own.
    let script =
        "sleep 1000 & sh -c 'trap \"\" TERM HUP INT; sleep 1001 & echo ready; wait' & timeout 1000 sleep 1002 & wait";
    let spec = sh(script);
    let (result, ()) = tokio::join!(container.exec(&spec, &mut sink, &cancel), async {
        taken.notified().await;
        cancel.cancel();
    });
    assert!(matches!(result, Err(EngineError::Cancelled)), "{result:?}");
    // Killed before the call returned: nothing to wait for.
    assert_eq!(says(&*container, PROCESSES).await, idle);
    container.remove().await.unwrap();
}

pub(crate) async fn orphans_are_collected(bench: Bench) {
    let container = bench.started().await;
    says(&*container, "(sleep 0.1 &)").await;
    let zombies = async || says(&*container, PROCESSES).await.lines().any(|line| line.contains("sleep"));
    until("PID 1 collects what is handed to it", SOON, async || !zombies().await).await;
    container.remove().await.unwrap();
}

pub(crate) async fn a_daemon_does_not_hold_up_its_starter(bench: Bench) {
    let container = bench.started().await;
    let script = "sleep 1000 & echo started; exit 5";
    let (status, kept) = tokio::time::timeout(SOON, exec(&*container, &sh(script))).await.unwrap();
    assert_eq!((status.code, kept.text().as_str()), (5, "started"));
    container.remove().await.unwrap();
}

pub(crate) async fn a_slow_sink_slows_the_process(bench: Bench) {
    let container = bench.started().await;
    let mut sink = Stuck::new();
    let (taken, go_on) = (sink.taken.clone(), sink.go_on.clone());
    let script = "i=0; while [ $i -lt 100 ]; do head -c 1000000 /dev/zero; i=$((i+1)); echo $i >/tmp/progress; done";
    let (spec, cancel) = (sh(script), CancellationToken::new());
    let (status, ()) = tokio::join!(container.exec(&spec, &mut sink, &cancel), async {
        taken.notified().await;
        let progress = async || says(&*container, "cat /tmp/progress 2>/dev/null || echo 0").await;
        let mut last = progress().await;
        until("the process stands still", SOON, async || {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let before = std::mem::replace(&mut last, progress().await);
            before == last
        })
        .await;
        assert!(last.parse::<u32>().unwrap() < 50, "{last} MB went into buffers");
        go_on.add_permits(1);
    });
    assert!(status.unwrap().success());
    assert_eq!(sink.bytes, 100_000_000);
    container.remove().await.unwrap();
}

/// A `/dev` of 64 MiB: what farm's own engine is told by the kernel; the words of the others are a unit test of their driver.
pub(crate) async fn a_full_disk_is_told_apart(bench: Bench) {
    let too_much = stream::from_tar(|tar| {
        let mut header = tar::Header::new_gnu();
        header.set_size(100 << 20);
        header.set_mode(0o644);
        // No zeros: those would take no room.
        tar.append_data(&mut header, "much", io::Read::take(io::repeat(b'x'), 100 << 20))
    });
    let container = bench.started().await;
    let result = container.upload(&GuestPath::new("/dev"), too_much).await;
    container.remove().await.unwrap();
    assert!(matches!(result, Err(EngineError::DiskFull { .. })), "{result:?}");
}

/// Two containers have no folder in common, wherever root of one of them can write: each mount and each folder of the root
/// is tried. (A file of the right name and size in a shared folder of packages was once taken for the package.)
pub(crate) async fn containers_share_no_folder(bench: Bench) {
    const FOLDERS: &str = "{ while read -r _ place _; do echo \"$place\"; done </proc/self/mounts; echo /; \
         for place in /* /var/* /var/cache/*; do echo \"$place\"; done; }";
    let mut specs = [bench.spec(), bench.spec()];
    // As when packages are installed.
    for spec in &mut specs {
        spec.network = farm::engine::Network::Host;
    }
    let (first, second) = (bench.start(&specs[0]).await, bench.start(&specs[1]).await);
    let name = format!("shared-{}", bench.run);
    let write = format!(
        "mkdir -p /var/cache/farm/packages; n=0; {FOLDERS} | {{ while read -r place; do [ -d \"$place\" ] || continue; \
         (echo x >\"$place/{name}\") 2>/dev/null && n=$((n + 1)); done; echo $n; }}"
    );
    let written: u32 = says(&*first, &write).await.parse().unwrap();
    assert!(written >= 3, "root can write to some folders: {written}");
    let read = format!("{FOLDERS} | while read -r place; do [ ! -e \"$place/{name}\" ] || echo \"$place\"; done");
    assert_eq!(says(&*second, &read).await, "");
    assert!(says(&*first, &read).await.lines().count() >= 3, "the places are looked at");
    first.remove().await.unwrap();
    let third = bench.started().await;
    assert_eq!(says(&*third, &read).await, "", "nor do they inherit one");
    second.remove().await.unwrap();
    third.remove().await.unwrap();
}

/// What an earlier farm had its containers share is found, and goes.
pub(crate) async fn caches_of_an_earlier_farm_go(bench: Bench) {
    let name = format!("farm-old-{}", bench.run);
    #[cfg(target_os = "linux")]
    if bench.kind == Kind::Native {
        let options = native_options();
        let store = tempfile::tempdir_in(options.store.parent().unwrap()).unwrap();
        let options = farm::engine::NativeOptions { store: store.path().to_owned(), ..options };
        let folder = store.path().join("caches").join(&name).join("packages");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("hello_1_amd64.deb"), "x").unwrap();
        farm::engine::connect_native(options).await.unwrap();
        assert!(!store.path().join("caches").exists());
        return;
    }
    let labels = HashMap::from([(labels::OWNED.to_owned(), String::new())]);
    let volume =
        bollard::models::VolumeCreateRequest { name: Some(name.clone()), labels: Some(labels), ..Default::default() };
    api(&bench).create_volume(volume).await.unwrap();
    assert!(bench.engine.caches().await.unwrap().contains(&name));
    bench.engine.remove_cache(&name).await.unwrap();
    bench.engine.remove_cache(&name).await.unwrap();
    assert!(!bench.engine.caches().await.unwrap().contains(&name));
}

pub(crate) async fn a_container_that_ends_is_told_apart(bench: Bench) {
    let container = bench.started().await;
    // PID 1 obeys TERM; whoever sent it may be killed with it before its own end is noted.
    let _ = container.exec(&sh("kill -TERM 1; sleep 5"), &mut Kept::default(), &CancellationToken::new()).await;
    let result = container.exec(&sh("true"), &mut Kept::default(), &CancellationToken::new()).await;
    assert!(matches!(result, Err(EngineError::Ended { .. })), "{result:?}");
    container.remove().await.unwrap();
}
