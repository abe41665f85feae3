//! The inside of a container, made by its first process: a root file system of layers, `/proc`, `/sys`, `/dev`,
//! a network of nothing but loopback, limits; and then the loss of everything that this took.
//!
//! Mounts of this host's files are opened before the root changes and attached after the old one is gone: by then
//! whatever links an image holds lead nowhere but into itself.

use std::ffi::CStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, CpuSet, sched_setaffinity, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Pid, chdir, fchdir, pivot_root, sethostname};

use super::confine;
use super::protocol::Setup;
use super::store::TREE;
use super::tree::make_folders;
use crate::engine::common;

const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Read by root of any container, where the kernel does not look at capabilities but at ids.
const HIDDEN_FILES: [&str; 16] = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/key-users",
    "/proc/kmsg",
    "/proc/interrupts",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/slabinfo",
    "/proc/vmallocinfo",
    "/proc/pagetypeinfo",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/kpagecgroup",
    "/proc/sysrq-trigger",
];
/// The last two are file systems of their own that a machine may have mounted: with the host's `/sys` they come along.
const HIDDEN_FOLDERS: [&str; 7] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
    "/sys/kernel/debug",
    "/sys/kernel/tracing",
];
const PROCESSORS: &str = "/sys/devices/system/cpu";
const READ_ONLY: [&str; 6] = ["/proc/bus", "/proc/driver", "/proc/fs", "/proc/irq", "/proc/pressure", "/proc/sys"];

type Step = Result<(), (String, io::Error)>;

fn step<E: Into<io::Error>>(action: impl Into<String>) -> impl FnOnce(E) -> (String, io::Error) {
    let action = action.into();
    move |error| (action, error.into())
}

const NONE: Option<&str> = None;

/// Makes this process, the first of its namespaces, the inside of the container. Returns the file that says how soon it is
/// to be ended when memory runs out: later none can open it.
///
/// # Errors
/// What could not be done, and why.
pub(super) fn enter(setup: &Setup) -> Result<Option<File>, (String, io::Error)> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWCGROUP).map_err(step("make a mount namespace"))?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(NONE, "/", NONE, private, NONE).map_err(step("keep mounts private"))?;
    let root = match setup.range {
        None => {
            root_of_layers(setup)?;
            let root = setup.folder.join("root");
            OwnedFd::from(File::open(&root).map_err(step(format!("open {}", root.display())))?)
        }
        // What another user namespace has mounted cannot become the root (pivot_root(2)), a copy of it can. Its place is the
        // working directory that this process has of its shim: it may not walk there by itself.
        Some(_) => {
            let root = open_tree(Path::new("."), false).map_err(step("copy the mount of its image"))?;
            attach(&root, ".").map_err(step("mount the layers of its image"))?;
            root
        }
    };
    let devices = DEVICES.map(|name| (name, open_tree(&Path::new("/dev").join(name), false)));
    // New ones, too: the kernel makes them only where others can be seen already.
    let processes = new_mount(c"proc").map_err(step("make a new /proc"))?;
    let system = match setup.host_network {
        // Without a network namespace of its own, a user namespace may not have a new one.
        true => open_tree(Path::new("/sys"), true),
        false => new_mount(c"sysfs"),
    };
    let system = system.map_err(step("open /sys"))?;
    read_only(&system).map_err(step("make /sys read-only"))?;

    change_root(root).map_err(step("change the root"))?;
    for (tree, place) in [(&processes, "/proc"), (&system, "/sys")] {
        make_folders(Path::new(place)).map_err(step(format!("make {place}")))?;
        attach(tree, place).map_err(step(format!("mount {place}")))?;
    }
    dev(&devices)?;
    hide()?;
    network(setup)?;
    restrict(&READ_ONLY)?;
    limits(setup)?;
    let score = own_score();
    confine::give_up_privileges(setup.sockets_by_call).map_err(step("give up privileges"))?;
    Ok(score)
}

/// For a container with ids of its own, by its shim, in whose mount namespace they are then, and whose working directory
/// they become: the ids of the container may not walk to the store.
pub(super) fn mount_layers(setup: &Setup) -> Step {
    unshare(CloneFlags::CLONE_NEWNS).map_err(step("make a mount namespace"))?;
    // What is unmounted on this host goes from here, too: the shim lives as long as the container.
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_SLAVE, NONE).map_err(step("keep mounts private"))?;
    root_of_layers(setup)?;
    let root = setup.folder.join("root");
    chdir(&root).map_err(step(format!("enter {}", root.display())))
}

/// The container's layers, its own on top. Nothing written in it need survive a power cut.
fn root_of_layers(setup: &Setup) -> Step {
    // Relative names: the kernel takes no more than a page of options, and a comma or colon in them is none of a name.
    chdir(&setup.layers).map_err(step(format!("enter {}", setup.layers.display())))?;
    let name = setup.folder.file_name().unwrap_or_default().display();
    let options = format!(
        "lowerdir={lower},upperdir=../containers/{name}/layer/{TREE},workdir=../containers/{name}/work,userxattr,volatile",
        lower = setup.lower.join(":"),
    );
    let flags = MsFlags::MS_NODEV | MsFlags::MS_NOSUID;
    mount(Some("overlay"), &setup.folder.join("root"), Some("overlay"), flags, Some(options.as_str()))
        .map_err(|error| {
            let hint = match error {
                nix::errno::Errno::EINVAL => {
                    "; overlayfs cannot write to the file system of the store: set FARM_DATA to a folder on ext4, xfs or btrfs"
                }
                nix::errno::Errno::ENODEV => "; the kernel has no overlayfs: as root, `modprobe overlay`",
                _ => "",
            };
            (format!("mount the layers of its image with overlayfs{hint}"), error.into())
        })
}

/// Makes the root of a mount the root, and leaves nothing of the old one: while that is mounted, `/..` leads into it.
fn change_root(new: OwnedFd) -> io::Result<()> {
    let old = OpenOptions::new().read(true).open("/")?;
    fchdir(&new)?;
    // The old root ends up mounted over the new one, at the same place (pivot_root(2), NOTES).
    pivot_root(".", ".")?;
    fchdir(&old)?;
    umount2(".", MntFlags::MNT_DETACH)?;
    Ok(chdir("/")?)
}

fn mount_at(source: &str, place: &str, kind: &str, more: MsFlags, options: &str) -> Step {
    make_folders(Path::new(place)).map_err(step(format!("make {place}")))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC | more;
    mount(Some(source), place, Some(kind), flags, Some(options)).map_err(step(format!("mount {place}")))
}

fn dev(devices: &[(&str, io::Result<OwnedFd>)]) -> Step {
    make_folders(Path::new("/dev")).map_err(step("make /dev"))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount(Some("tmpfs"), "/dev", Some("tmpfs"), flags, Some("mode=755,size=64m")).map_err(step("mount /dev"))?;
    for (name, tree) in devices {
        let place = format!("/dev/{name}");
        let tree = match tree {
            Ok(tree) => tree,
            // A container that has no terminal has no need of one.
            Err(_) if *name == "tty" => continue,
            Err(error) => return Err((format!("open {place}"), io::Error::new(error.kind(), error.to_string()))),
        };
        File::create(&place).map_err(step(format!("make {place}")))?;
        attach(tree, &place).map_err(step(format!("mount {place}")))?;
    }
    let links =
        [("/proc/self/fd", "fd"), ("fd/0", "stdin"), ("fd/1", "stdout"), ("fd/2", "stderr"), ("pts/ptmx", "ptmx")];
    for (target, name) in links {
        std::os::unix::fs::symlink(target, format!("/dev/{name}")).map_err(step(format!("make /dev/{name}")))?;
    }
    // With devices, which terminals are, and of the group `tty`, which has this number in every distribution.
    let terminals = "newinstance,ptmxmode=0666,mode=0620,gid=5";
    mount_at("devpts", "/dev/pts", "devpts", MsFlags::empty(), terminals)?;
    let shared_memory = format!("mode=1777,size={}", common::SHARED_MEMORY);
    mount_at("tmpfs", "/dev/shm", "tmpfs", MsFlags::MS_NODEV, &shared_memory)?;
    mount_at("mqueue", "/dev/mqueue", "mqueue", MsFlags::MS_NODEV, "")
}

fn hide() -> Step {
    for place in HIDDEN_FILES.iter().filter(|place| Path::new(place).exists()) {
        let hidden = mount(Some("/dev/null"), *place, NONE, MsFlags::MS_BIND, NONE);
        hidden.map_err(step(format!("hide {place}")))?;
    }
    // What one CPU's heat says about the others' work.
    let cpus = fs::read_dir(PROCESSORS).into_iter().flatten().flatten().map(|cpu| cpu.path().join("thermal_throttle"));
    for place in HIDDEN_FOLDERS.iter().map(PathBuf::from).chain(cpus).filter(|place| place.exists()) {
        let hidden = mount(Some("tmpfs"), &place, Some("tmpfs"), MsFlags::MS_RDONLY, Some("size=4k,nr_inodes=1"));
        hidden.map_err(step(format!("hide {}", place.display())))?;
    }
    Ok(())
}

/// The files of `/etc` that say where a host is. They are mounted, so that no image made of the container has them.
fn network(setup: &Setup) -> Step {
    sethostname(&setup.host_name).map_err(step("set the host name"))?;
    if !setup.host_network {
        loopback().map_err(step("bring up the loopback device"))?;
    }
    let name = &setup.host_name;
    let (hosts, host_name) = (format!("127.0.0.1\tlocalhost {name}\n::1\tlocalhost\n"), format!("{name}\n"));
    let mut files = vec![("hosts", &hosts), ("hostname", &host_name)];
    if let Some(text) = &setup.resolv_conf {
        files.push(("resolv.conf", text));
    }
    for (name, text) in files {
        let (made, place) = (format!("/dev/.{name}"), format!("/etc/{name}"));
        let action = || format!("mount {place}");
        fs::write(&made, text).map_err(step(action()))?;
        let tree = open_tree(Path::new(&made), false).map_err(step(action()))?;
        if !Path::new(&place).is_file() {
            make_folders(Path::new("/etc")).map_err(step(action()))?;
            // A link that leads nowhere here: systemd-resolved's, say.
            if fs::symlink_metadata(&place).is_ok() {
                fs::remove_file(&place).map_err(step(action()))?;
            }
            File::create(&place).map_err(step(action()))?;
        }
        attach(&tree, &place).map_err(step(action()))?;
        fs::remove_file(&made).map_err(step(action()))?;
    }
    Ok(())
}

fn loopback() -> io::Result<()> {
    // SAFETY: plain system calls on a socket of our own, with a zeroed request that outlives the call.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        let socket = OwnedFd::from_raw_fd(socket);
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        match libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &request) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Places that root of a container could write to by its id alone.
fn restrict(places: &[&str]) -> Step {
    for place in places.iter().filter(|place| Path::new(place).exists()) {
        let action = || format!("make {place} read-only");
        let tree = open_tree(Path::new(place), true).map_err(step(action()))?;
        read_only(&tree).map_err(step(action()))?;
        attach(&tree, place).map_err(step(action()))?;
    }
    Ok(())
}

fn limits(setup: &Setup) -> Step {
    if let Some(cpus) = &setup.cpus {
        let mut set = CpuSet::new();
        for cpu in cpus {
            set.set(*cpu).map_err(step("choose CPUs"))?;
        }
        sched_setaffinity(Pid::this(), &set).map_err(step("choose CPUs"))?;
    }
    // Never more than this process may have itself.
    let set = |resource: Resource, first: u64, most: u64, action: &str| -> Step {
        let (_, hard) = getrlimit(resource).map_err(step(action))?;
        setrlimit(resource, first.min(hard), most.min(hard)).map_err(step(action))
    };
    let processes = setup.processes.unwrap_or(common::PROCESSES);
    set(Resource::RLIMIT_NPROC, processes, processes, "limit processes")?;
    set(Resource::RLIMIT_NOFILE, common::OPEN_FILES.0, common::OPEN_FILES.1, "limit open files")?;
    set(Resource::RLIMIT_MEMLOCK, common::LOCKED_MEMORY, common::LOCKED_MEMORY, "limit locked memory")?;
    set(Resource::RLIMIT_STACK, common::STACK, u64::MAX, "limit stacks")?;
    set(Resource::RLIMIT_CORE, 0, 0, "limit core files")
}

/// proc_pid_oom_score_adj(5). It belongs to a process's user only as long as that may be looked into, which is over with the
/// privileges.
fn own_score() -> Option<File> {
    nix::sys::prctl::set_dumpable(true).ok()?;
    OpenOptions::new().read(true).write(true).open("/proc/self/oom_score_adj").ok()
}

/// A copy of the mount of `path`, attached nowhere (open_tree(2), Linux 5.2).
fn open_tree(path: &Path, recursive: bool) -> io::Result<OwnedFd> {
    let path = std::ffi::CString::new(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()))?;
    let recursive = if recursive { libc::AT_RECURSIVE } else { 0 };
    let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | recursive as u32;
    // SAFETY: the path ends with a zero byte; a descriptor that comes back is ours.
    unsafe {
        let tree = libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, path.as_ptr(), flags);
        if tree < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(tree as RawFd)) }
    }
}

/// A new file system, mounted nowhere (fsopen(2), Linux 5.2).
fn new_mount(kind: &CStr) -> io::Result<OwnedFd> {
    const CREATE: libc::c_uint = 6;
    let attributes = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC;
    let owned = |result: libc::c_long| match result {
        // SAFETY: a descriptor that comes back is ours.
        fd if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) }),
        _ => Err(io::Error::last_os_error()),
    };
    let no_name = std::ptr::null::<libc::c_char>();
    // SAFETY: the name ends with a zero byte; `CREATE` takes no name and no value.
    unsafe {
        let context = owned(libc::syscall(libc::SYS_fsopen, kind.as_ptr(), libc::FSOPEN_CLOEXEC))?;
        if libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), CREATE, no_name, no_name, 0) < 0 {
            return Err(io::Error::last_os_error());
        }
        owned(libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), libc::FSMOUNT_CLOEXEC, attributes))
    }
}

/// Mounts it (move_mount(2)).
fn attach(tree: &OwnedFd, place: &str) -> io::Result<()> {
    let place = std::ffi::CString::new(place)?;
    // SAFETY: both strings end with a zero byte, and the descriptor is open.
    let result = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_FDCWD,
            place.as_ptr(),
            libc::MOVE_MOUNT_F_EMPTY_PATH,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// With all that is mounted below it (mount_setattr(2), Linux 5.12).
fn read_only(tree: &OwnedFd) -> io::Result<()> {
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    // SAFETY: the structure is as long as said and outlives the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of_val(&attributes),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
