//! Tries to get out of a container of farm's own engine, as root in it and as somebody else: `escape/tries.c`, made by
//! this host's C compiler. None may succeed. In `native::`, so that they are made in an ordinary user's containers, too.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use farm::engine::{Container, ContainerSpec, ExecSpec, GuestPath, Network};
use farm::stream;
use farm::types::Arch;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, Kept, argv, exec, says, sh};
use crate::support::skip;

const USERS: [&str; 2] = ["0:0", "1000:1000"];

/// A program of this folder, compiled; `None` where there is no compiler, which is said aloud.
pub(crate) async fn compiled(source: &'static str, options: &'static [&'static str]) -> Option<Vec<u8>> {
    let compile = move || {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("source.c"), folder.path().join("program"));
        std::fs::write(&input, source).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-O1"]).args(options).arg("-o").args([&output, &input]);
        match compiler.output() {
            Ok(done) if !done.status.success() && options.contains(&"-m32") => {
                let _ = writeln!(std::io::stderr().lock(), "SKIPPED: programs of i386: no libraries to make them with");
                None
            }
            Ok(done) => {
                assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
                Some(std::fs::read(output).unwrap())
            }
            Err(error) => {
                skip(&format!("tries to escape: cc: {error}"));
                None
            }
        }
    };
    tokio::task::spawn_blocking(compile).await.unwrap()
}

async fn tries() -> Option<Vec<u8>> {
    static TRIES: OnceCell<Option<Vec<u8>>> = OnceCell::const_new();
    TRIES.get_or_init(|| compiled(include_str!("escape/tries.c"), &["-static"])).await.clone()
}

/// Puts programs into a container, set-user-id and all.
pub(crate) async fn install(container: &dyn Container, programs: Vec<(&'static str, Vec<u8>)>) {
    let tar = stream::from_tar(move |tar| {
        for (name, program) in &programs {
            let mut header = tar::Header::new_gnu();
            header.set_size(program.len() as u64);
            header.set_mode(0o4755);
            tar.append_data(&mut header, name, program.as_slice())?;
        }
        Ok(())
    });
    container.upload(&GuestPath::new("/"), tar).await.unwrap();
}

/// A container with the program in it; `None` where it cannot be compiled.
async fn armed(bench: &Bench, network: Network) -> Option<Box<dyn Container>> {
    let program = tries().await?;
    let mut spec = bench.spec();
    spec.network = network;
    let container = bench.start(&spec).await;
    install(&*container, vec![("tmp/tries", program)]).await;
    Some(container)
}

/// What the tries print: a name and how it ended.
async fn tried(container: &dyn Container, user: &str, arguments: &[&str]) -> Vec<(String, String)> {
    let all: Vec<&str> = ["/tmp/tries"].into_iter().chain(arguments.iter().copied()).collect();
    let (status, kept) = exec(container, &ExecSpec { user: user.to_owned(), ..argv(&all) }).await;
    let said = kept.text();
    assert!(status.success(), "{arguments:?} as {user}: {status:?} {said}");
    let line =
        |line: &str| line.split_once(' ').map_or((line.to_owned(), String::new()), |(a, b)| (a.into(), b.into()));
    said.lines().map(line).collect()
}

/// Those that did not end as one of `expected`.
fn others(lines: Vec<(String, String)>, expected: &[&str]) -> Vec<String> {
    let odd = lines.into_iter().filter(|(_, result)| !expected.contains(&result.as_str()));
    odd.map(|(name, result)| format!("{name}: {result}")).collect()
}

const NOTHING: [String; 0] = [];

pub(crate) async fn refused_system_calls(bench: Bench) {
    for network in [Network::None, Network::Host] {
        let Some(container) = armed(&bench, network).await else { return };
        for user in USERS {
            let lines = tried(&*container, user, &["calls"]).await;
            assert!(lines.len() > 50, "{lines:?}");
            assert_eq!(others(lines, &["EPERM", "ENOSYS", "EAFNOSUPPORT"]), NOTHING, "as {user}, {network:?}");
        }
        assert_eq!(says(&*container, "cat /proc/sys/kernel/hostname").await, "farm");
        container.remove().await.unwrap();
    }
}

pub(crate) async fn system_calls_of_other_abis(bench: Bench) {
    let Some(container) = armed(&bench, Network::None).await else { return };
    for user in USERS {
        let lines = tried(&*container, user, &["foreign"]).await;
        if cfg!(target_arch = "x86_64") {
            assert!(lines.len() > 30, "{lines:?}");
        }
        assert_eq!(others(lines, &["EPERM", "ENOSYS", "EAFNOSUPPORT"]), NOTHING, "as {user}");
    }
    container.remove().await.unwrap();
}

/// A list of what is allowed knows nothing of what a later kernel can do: programs see a kernel that cannot.
pub(crate) async fn system_calls_newer_than_the_list(bench: Bench) {
    let Some(container) = armed(&bench, Network::None).await else { return };
    for user in USERS {
        let lines = tried(&*container, user, &["newer"]).await;
        assert!(lines.len() > 10, "{lines:?}");
        assert_eq!(others(lines, &["ENOSYS"]), NOTHING, "as {user}");
        // And what C libraries and programs of today begin with is there.
        let lines = tried(&*container, user, &["usual"]).await;
        let refused = lines.iter().filter(|(_, result)| ["EPERM", "ENOSYS", "EAFNOSUPPORT"].contains(&result.as_str()));
        assert_eq!(refused.collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "as {user}");
        assert!(lines.len() > 20, "{lines:?}");
    }
    container.remove().await.unwrap();
}

/// i386's own C library makes sockets by a call whose arguments no filter can see. Only a system of i386 has it.
pub(crate) async fn programs_of_i386(bench: Bench) {
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    let Some(program) = compiled(include_str!("escape/old.c"), &["-m32", "-static", "-pthread"]).await else { return };
    for (arch, sockets) in [(Arch::Amd64, "ENOSYS"), (Arch::I386, "done")] {
        let container = bench.start(&ContainerSpec { arch, ..bench.spec() }).await;
        install(&*container, vec![("tmp/old", program.clone())]).await;
        for user in USERS {
            let (status, kept) = exec(&*container, &ExecSpec { user: user.to_owned(), ..argv(&["/tmp/old"]) }).await;
            let said = kept.text();
            assert!(status.success(), "as {user}: {status:?} {said}");
            let (makes_sockets, others): (Vec<&str>, Vec<&str>) =
                said.lines().partition(|line| line.starts_with("socket-"));
            assert!(others.len() > 10 && others.iter().all(|line| line.ends_with(" done")), "as {user}: {said}");
            assert!(makes_sockets.iter().all(|line| line.ends_with(sockets)), "{arch:?} as {user}: {said}");
        }
        container.remove().await.unwrap();
    }
}

/// What a hole in everything before would give: a folder of the host, open in a process of the container.
pub(crate) async fn leaked_folders(bench: Bench) {
    let Some(container) = armed(&bench, Network::Host).await else { return };
    if !has_landlock(6) {
        let _ = writeln!(std::io::stderr().lock(), "SKIPPED: the kernel's Landlock is too old, or off");
        return;
    }
    for user in USERS {
        let marker = Marker::new();
        let name = format!("farm-leak-{}-{}", bench.run, user.len());
        let spec = ExecSpec { user: user.to_owned(), ..argv(&["/tmp/tries", "leaked", &name]) };
        let (mut kept, cancel) = (Kept::default(), CancellationToken::new());
        let folder = std::fs::File::open(marker.path()).unwrap();
        let send = tokio::task::spawn_blocking(move || send_folder(&name, &folder));
        let status = container.exec(&spec, &mut kept, &cancel).await.unwrap();
        send.await.unwrap();
        let said = kept.text();
        assert!(status.success(), "{said}");
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[..2], ["listening", "received"]);
        assert!(lines.len() == 9 && lines[2..].iter().all(|line| line.ends_with(" EACCES")), "as {user}: {said}");
        marker.is_unchanged();
    }
    container.remove().await.unwrap();
}

/// With the host's network come its abstract sockets, which have neither owner nor mode.
pub(crate) async fn abstract_sockets_of_the_host(bench: Bench) {
    let Some(container) = armed(&bench, Network::Host).await else { return };
    if !has_landlock(6) {
        let _ = writeln!(std::io::stderr().lock(), "SKIPPED: the kernel's Landlock is too old, or off");
        return;
    }
    let name = format!("farm-abstract-{}", bench.run);
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listening = UnixListener::bind_addr(&address).unwrap();
    for user in USERS {
        let lines = tried(&*container, user, &["abstract", &name]).await;
        assert_eq!(lines, [("connect".to_owned(), "EPERM".to_owned())], "as {user}");
    }
    container.remove().await.unwrap();
}

fn has_landlock(version: i64) -> bool {
    // SAFETY: with this flag there is no structure, and nothing is made.
    let found = unsafe { nix::libc::syscall(nix::libc::SYS_landlock_create_ruleset, 0_usize, 0_usize, 1_u32) };
    found >= version
}

/// To whoever will listen there.
fn send_folder(name: &str, folder: &std::fs::File) {
    let address = SocketAddr::from_abstract_name(name).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let socket = loop {
        match UnixStream::connect_addr(&address) {
            Ok(socket) => break socket,
            Err(error) => assert!(std::time::Instant::now() < deadline, "nobody listens: {error}"),
        }
        std::thread::yield_now();
    };
    let files = [folder.as_raw_fd()];
    let control = [nix::sys::socket::ControlMessage::ScmRights(&files)];
    let data = [std::io::IoSlice::new(b"x")];
    let flags = nix::sys::socket::MsgFlags::empty();
    nix::sys::socket::sendmsg::<()>(socket.as_raw_fd(), &data, &control, flags, None).unwrap();
}

pub(crate) async fn privileges_do_not_come_back(bench: Bench) {
    let Some(container) = armed(&bench, Network::None).await else { return };
    for user in USERS {
        let lines = tried(&*container, user, &["raise"]).await;
        assert!(lines.len() >= 8, "{lines:?}");
        assert_eq!(others(lines, &["EPERM", "EACCES"]), NOTHING, "as {user}");
    }
    // Its owner is root and it is set-user-id.
    says(&*container, "[ -u /tmp/tries ]").await;
    assert_eq!(tried(&*container, "1000:1000", &["who"]).await, [("1000".to_owned(), "1000 1000 1000".to_owned())]);
    container.remove().await.unwrap();
}

/// A folder of this host that nothing but the container keeps its processes out of.
pub(crate) struct Marker(tempfile::TempDir);

impl Marker {
    pub(crate) fn new() -> Marker {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kept"), "kept").unwrap();
        for (path, mode) in [(folder.path().to_owned(), 0o777), (folder.path().join("kept"), 0o666)] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        Marker(folder)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    #[track_caller]
    pub(crate) fn is_unchanged(&self) {
        let names: Vec<PathBuf> =
            std::fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(names, [self.0.path().join("kept")]);
        assert_eq!(std::fs::read_to_string(&names[0]).unwrap(), "kept");
    }
}

pub(crate) async fn folders_of_the_host(bench: Bench) {
    let marker = Marker::new();
    for network in [Network::None, Network::Host] {
        let Some(container) = armed(&bench, network).await else { return };
        for user in USERS {
            let lines = tried(&*container, user, &["reach", marker.path()]).await;
            assert_eq!(lines.last().unwrap().0, "tried", "{lines:?}");
            assert_eq!(others(lines, &["ENOENT", "EACCES", "ENOTDIR", "all"]), NOTHING, "as {user}");
            marker.is_unchanged();
        }
        // Nor the engine's own folder, by whatever name.
        let store = bench.engine.endpoint().trim_start_matches("native://").to_owned();
        says(&*container, &format!("[ ! -e '{store}' ] && [ ! -e '/proc/1/root{store}' ]")).await;
        container.remove().await.unwrap();
    }
}

pub(crate) async fn another_containers_files(bench: Bench) {
    let Some(first) = armed(&bench, Network::None).await else { return };
    let second = bench.started().await;
    says(&*first, "echo secret >/tmp/secret; echo secret >/dev/shm/secret; sleep 1000 >/dev/null 2>&1 &").await;
    // The files, the shared memory and the processes that it sees are its own.
    says(&*second, "[ ! -e /tmp/secret ] && [ ! -e /dev/shm/secret ]").await;
    let all = says(&*second, "for status in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$status; done; true").await;
    assert!(!all.contains("sleep 1000"), "{all}");
    // All that may be killed is killed: that is the container, and not even its first process.
    let _ = exec(&*first, &sh("kill -KILL -1")).await;
    assert_eq!(says(&*first, "cat /tmp/secret").await, "secret");
    assert_eq!(says(&*second, "echo alive").await, "alive");
    first.remove().await.unwrap();
    second.remove().await.unwrap();
}

pub(crate) async fn processes_of_the_host(bench: Bench) {
    let Some(container) = armed(&bench, Network::Host).await else { return };
    // More than the container will ever count to.
    let pid = std::process::id();
    assert!(pid > 100, "the host has only begun to count: {pid}");
    for user in USERS {
        let lines = tried(&*container, user, &["host", &pid.to_string()]).await;
        assert_eq!(others(lines, &["ESRCH", "ENOENT"]), NOTHING, "as {user}");
    }
    container.remove().await.unwrap();
}

/// To whatever looks at ids and not at capabilities, what runs in a container is nobody that this host knows: not root, to
/// whom sockets are opened and whose files are read. (An ordinary user's containers are he himself and his subordinates.)
pub(crate) async fn its_ids_are_nobodys(bench: Bench) {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::{SocketAddr, UnixListener};

    let Some(container) = armed(&bench, Network::Host).await else { return };
    let own = nix::unistd::Uid::effective();
    let is_nobodys = |id: u32| if own.is_root() { id >= 0x7000_0000 } else { id == own.as_raw() || id >= 65_536 };
    for user in USERS {
        let name = format!("farm-{}-{}", bench.run, user.len());
        let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let lines = tried(&*container, user, &["abstract", &name]).await;
        if has_landlock(6) {
            assert_eq!(lines, [("connect".to_owned(), "EPERM".to_owned())], "it is not even reached");
            continue;
        }
        // With this host's network an abstract socket of it is reached; whoever listens asks who that is.
        assert_eq!(lines, [("connect".to_owned(), "done".to_owned())]);
        let (peer, _) = listener.accept().unwrap();
        let told = nix::sys::socket::getsockopt(&peer, nix::sys::socket::sockopt::PeerCredentials).unwrap();
        assert!(is_nobodys(told.uid()) && is_nobodys(told.gid()), "as {user}: {told:?}");
    }

    // Its processes, as this host sees them.
    let mark = format!("{}", 400_000_000 + u64::from(std::process::id()));
    let start = "until [ \"$(cat /proc/$!/comm)\" = sleep ]; do :; done";
    says(&*container, &format!("sleep {mark} >/dev/null 2>&1 & {start}")).await;
    let line = |status: &str, field: &str| -> Vec<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
        line.split_whitespace().map(|id| id.parse().unwrap()).collect()
    };
    let mut seen = 0;
    for entry in std::fs::read_dir("/proc").unwrap() {
        let process = entry.unwrap().path();
        let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
        if !String::from_utf8_lossy(&command).starts_with(&format!("sleep\0{mark}")) {
            continue;
        }
        let Ok(status) = std::fs::read_to_string(process.join("status")) else { continue };
        for field in ["Uid:", "Gid:"] {
            let ids = line(&status, field);
            assert!(ids.len() == 4 && ids.iter().all(|id| is_nobodys(*id)), "{field} {ids:?}");
        }
        seen += 1;
    }
    assert_eq!(seen, 1, "one process sleeps so long");

    // Its files, as they lie on this host's disk: a set-user-id program of it is nobody's, too.
    says(&*container, "touch /tmp/mine && mkdir /tmp/folder && ln -s x /tmp/link").await;
    let tree = PathBuf::from(bench.engine.endpoint().trim_start_matches("native://"))
        .join("containers")
        .join(container.id())
        .join("layer/t");
    for name in ["", "tmp/mine", "tmp/tries", "tmp/folder", "tmp/link"] {
        let found = std::fs::symlink_metadata(tree.join(name)).unwrap();
        assert!(is_nobodys(found.uid()) && is_nobodys(found.gid()), "{name}: {}:{}", found.uid(), found.gid());
    }
    assert_eq!(says(&*container, "stat -c %u:%g / /tmp/mine /tmp/tries").await, "0:0\n0:0\n0:0");
    container.remove().await.unwrap();
}

pub(crate) async fn its_first_process(bench: Bench) {
    let Some(container) = armed(&bench, Network::None).await else { return };
    for user in USERS {
        let mut lines = tried(&*container, user, &["first"]).await;
        assert_eq!(lines.pop().unwrap().0, "alive");
        // The kernel takes a signal that its receiver does not: nothing happens.
        let killed = lines.pop().unwrap();
        assert_eq!(killed.0, "KILL");
        assert_eq!(others(lines, &["EPERM", "EACCES", "ENOENT"]), NOTHING, "as {user}");
        assert_eq!(says(&*container, "echo alive").await, "alive");
    }
    container.remove().await.unwrap();
}

/// CVE-2019-5736: what is started in a container by way of this host's program has it open.
pub(crate) async fn the_hosts_program(bench: Bench) {
    if !cfg!(target_arch = "x86_64") {
        // The program that reopens it is written in this machine's own system calls.
        return;
    }
    const OPTIONS: [&str; 4] = ["-static", "-nostdlib", "-fno-stack-protector", "-no-pie"];
    let Some(container) = armed(&bench, Network::None).await else { return };
    let Some(loader) = compiled(include_str!("escape/interpreter.c"), &OPTIONS).await else { return };
    let script = b"#!/proc/self/exe\n".to_vec();
    install(&*container, vec![("lib64/ld-linux-x86-64.so.2", loader), ("tmp/script", script)]).await;
    for user in USERS {
        let (status, kept) = exec(&*container, &ExecSpec { user: user.to_owned(), ..argv(&["/tmp/script"]) }).await;
        let said = kept.text();
        if has_landlock(2) {
            // That program is not below the root, so that nothing is started by way of it.
            assert_eq!((status.code, said.as_str()), (126, ""), "as {user}");
            continue;
        }
        let results: Vec<&str> = said.lines().filter(|line| line.starts_with("reopen ")).collect();
        assert_eq!(said.lines().next(), Some("loaded"), "the host's program is started in this way, and has it open");
        let refused = |line: &&str| ["reopen ETXTBSY", "reopen EACCES", "reopen EROFS"].contains(line);
        assert!(!results.is_empty() && results.iter().all(refused), "as {user}: {said}");
    }
    container.remove().await.unwrap();
}

pub(crate) async fn files_of_the_kernel(bench: Bench) {
    for network in [Network::None, Network::Host] {
        let Some(container) = armed(&bench, network).await else { return };
        for user in USERS {
            let lines = tried(&*container, user, &["walk", "/proc", "/sys"]).await;
            assert_eq!(others(lines, &[]), NOTHING, "as {user}, {network:?}");
        }
        let hidden = [
            "kcore",
            "keys",
            "key-users",
            "kmsg",
            "interrupts",
            "latency_stats",
            "timer_list",
            "timer_stats",
            "sched_debug",
            "slabinfo",
            "vmallocinfo",
            "pagetypeinfo",
            "kpagecount",
            "kpageflags",
            "kpagecgroup",
            "sysrq-trigger",
        ];
        for hidden in hidden.map(|name| format!("/proc/{name}")) {
            says(&*container, &format!("[ ! -e {hidden} ] || [ \"$(head -c 10 {hidden} | wc -c)\" -eq 0 ]")).await;
        }
        let listed = "[ ! -e /sys/kernel/debug ] || ls -A /sys/kernel/debug /sys/kernel/tracing /sys/firmware";
        let listed = exec(&*container, &sh(listed)).await.1.text();
        assert!(listed.lines().all(|line| line.is_empty() || line.ends_with(':')), "{listed}");
        container.remove().await.unwrap();
    }
}

pub(crate) async fn devices(bench: Bench) {
    let Some(container) = armed(&bench, Network::Host).await else { return };
    let mut expected =
        vec!["fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout"];
    expected.extend(["urandom", "zero"]);
    if Path::new("/dev/tty").exists() {
        expected.push("tty");
    }
    expected.sort_unstable();
    let listed = says(&*container, "ls -A /dev").await;
    let mut listed: Vec<&str> = listed.lines().collect();
    listed.sort_unstable();
    assert_eq!(listed, expected);
    for user in USERS {
        let spec = ExecSpec {
            user: user.to_owned(),
            ..sh(
                "for name in kmsg mem sda vda port fuse tty; do [ ! -e /dev/$name ] || ! : </dev/$name || echo $name; done 2>/dev/null",
            )
        };
        assert_eq!(exec(&*container, &spec).await.1.text(), "", "as {user}");
        let lines = tried(&*container, user, &["descriptors"]).await;
        let names: Vec<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["0", "1", "2"], "{lines:?}");
        assert!(lines[0].1 == "/dev/null" && lines[1..].iter().all(|line| line.1.starts_with("pipe:")), "{lines:?}");
    }
    container.remove().await.unwrap();
}
