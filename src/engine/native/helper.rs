//! The helper: this same program, started again with one argument, alone in its process and with one thread, which is
//! what making namespaces and forking need. It takes one order over the socket that is its standard input. As a
//! container's shim it stays outside of the container, waits for its end, however that comes, and removes what it
//! leaves: killing farm leaves nothing, because the end of farm closes the socket, which ends the container.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Gid, Pid, Uid, fork, pipe, setgroups, setresgid, setresuid, setsid};

use super::ids::Range;
use super::protocol::{self, Answer, Order, Setup};
use super::{clear, init, sandbox, store, tree};

/// The argument that makes this program a helper. Not for people.
pub(crate) const ARGUMENT: &str = "__container";

/// The helper says this once it has a user namespace and waits for its ids.
pub(super) const IN_NAMESPACE: u8 = b'u';

/// A buffer between the kernel's pipe and tar.
const BUFFER: usize = 256 << 10;

/// What a helper does, to its end. The result goes over the socket; the exit code is for a debugger.
pub(crate) fn main() -> ExitCode {
    // SAFETY: descriptor 0 is the socket that farm started this process with, and nothing else owns it.
    let socket = UnixStream::from(unsafe { OwnedFd::from_raw_fd(0) });
    match run(&socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(answer) => {
            let _ = protocol::send(&socket, &answer, &[]);
            ExitCode::FAILURE
        }
    }
}

fn run(mut socket: &UnixStream) -> Result<(), Answer> {
    let failed = |action: &str| {
        let action = action.to_owned();
        move |error: io::Error| Answer::of(&action, &error)
    };
    // Ctrl-C in farm's terminal is farm's to handle.
    let _ = setsid();
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|error| failed("make a user namespace")(error.into()))?;
    socket.write_all(&[IN_NAMESPACE]).map_err(failed("speak to farm"))?;
    let Some((order, files)) = protocol::receive::<Order>(socket).map_err(failed("take an order"))? else {
        // farm ended meanwhile.
        return Ok(());
    };
    become_root().map_err(failed("become root of a user namespace"))?;
    // What files come beside it are locks: held until this process ends.
    let answer = match order {
        Order::Container(setup) => return keep(socket, &setup, files),
        Order::Probe { range: None } => Answer::Done,
        Order::Probe { range: Some(range) } => match try_range(range) {
            Ok(()) => Answer::Done,
            Err(error) => Answer::of("give a container ids of its own", &error),
        },
        Order::Remove { folder } => match clear::remove(&folder) {
            Ok(bytes) => Answer::Removed(bytes),
            Err(error) => Answer::of(&format!("remove {}", folder.display()), &error),
        },
        Order::Seal { folder } => {
            let sealed = enter(files.first()).and_then(|()| tree::seal(Path::new(".")));
            match sealed {
                Ok((digest, bytes)) => Answer::Sealed { digest, bytes },
                Err(error) => Answer::of(&format!("read {}", folder.display()), &error),
            }
        }
        Order::UnpackLayer { folder } => {
            let mut files = files.into_iter();
            let (tree, Some(input)) = (files.next(), files.next()) else {
                return Err(Answer::Failed("unpack a layer: nothing to read".to_owned()));
            };
            match enter(tree.as_ref()).and_then(|()| unpack_layer(input)) {
                Ok(()) => Answer::Done,
                Err(error) => Answer::of(&format!("unpack a layer into {}", folder.display()), &error),
            }
        }
    };
    protocol::send(socket, &answer, &[]).map_err(failed("answer"))
}

/// Whether a user namespace below this one can have these ids and mount something: a system may forbid either.
fn try_range(range: Range) -> io::Result<()> {
    use nix::mount::{MsFlags, mount};
    let (gate, go) = pipe()?;
    match clone_into(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)? {
        ForkResult::Child => {
            drop(go);
            let mut byte = [0];
            let none: Option<&str> = None;
            let tried = nix::unistd::read(&gate, &mut byte)
                .map_err(io::Error::from)
                .and_then(|_| become_root())
                .and_then(|()| Ok(mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?))
                .and_then(|()| Ok(mount(Some("tmpfs"), "/", Some("tmpfs"), MsFlags::empty(), Some("size=4k"))?));
            exit_now(tried.map_or_else(|error| error.raw_os_error().unwrap_or(libc::EIO), |()| 0))
        }
        ForkResult::Parent { child } => {
            drop(gate);
            let given = range.apply(child.as_raw());
            let _ = nix::unistd::write(&go, b"g");
            drop(go);
            let ended = waitpid(child, None)?;
            given?;
            match ended {
                nix::sys::wait::WaitStatus::Exited(_, 0) => Ok(()),
                nix::sys::wait::WaitStatus::Exited(_, code) => Err(io::Error::from_raw_os_error(code)),
                other => Err(io::Error::other(format!("it ended with {other:?}"))),
            }
        }
    }
}

fn become_root() -> io::Result<()> {
    setgroups(&[])?;
    setresgid(Gid::from_raw(0), Gid::from_raw(0), Gid::from_raw(0))?;
    setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0))?;
    Ok(())
}

/// The folder that an order is about, which came open: the ids of a container may not be allowed to walk there.
fn enter(folder: Option<&OwnedFd>) -> io::Result<()> {
    let folder = folder.ok_or_else(|| io::Error::other("no folder came with the order"))?;
    Ok(nix::unistd::fchdir(folder)?)
}

/// Into the working directory. Whatever the names and links in it, nothing gets out of it: it is the root of this process.
fn unpack_layer(input: OwnedFd) -> io::Result<()> {
    nix::unistd::chroot(".")?;
    nix::unistd::chdir("/")?;
    let input = io::BufReader::with_capacity(BUFFER, File::from(input));
    tree::unpack(input, Path::new("/"), tree::Unpack::Layer)
}

/// The container's first process, for the signal handler.
static INIT: AtomicI32 = AtomicI32::new(0);

extern "C" fn on_terminate(_: libc::c_int) {
    let init = INIT.load(Ordering::SeqCst);
    if init > 0 {
        // SAFETY: kill(2) is async-signal-safe.
        unsafe { libc::kill(init, libc::SIGKILL) };
    }
}

/// A container from its making to its end. The lock of its folder is held until nothing of it is left; that of the store,
/// which comes with the order, until the folder says what the container needs.
fn keep(socket: &UnixStream, setup: &Setup, store: Vec<OwnedFd>) -> Result<(), Answer> {
    let made = store::make_container(&setup.folder, &setup.record, setup.range);
    drop(store);
    let (lock, made) = match made {
        Ok(lock) => (Some(lock), make(socket, setup)),
        Err(error) => (None, Err(Answer::of(&format!("make {}", setup.folder.display()), &error))),
    };
    let result = match made {
        Ok(init) => {
            // Ends when the container's first process does, and with it, as the kernel sees to it, all others.
            while let Err(nix::errno::Errno::EINTR) = waitpid(init, None) {}
            Ok(())
        }
        Err(answer) => Err(answer),
    };
    for cgroup in &setup.cgroups {
        let _ = remove_cgroup(&cgroup.folder);
    }
    let removed = clear::remove(&setup.folder);
    drop(lock);
    result?;
    removed.map(|_| ()).map_err(|error| Answer::of(&format!("remove {}", setup.folder.display()), &error))
}

/// The container's first process, which goes on from here by itself, and answers for itself.
fn make(socket: &UnixStream, setup: &Setup) -> Result<Pid, Answer> {
    let step = |action: &str, error: io::Error| Answer::of(action, &error);
    for cgroup in &setup.cgroups {
        make_cgroup(cgroup).map_err(|error| step(&format!("set limits in {}", cgroup.folder.display()), error))?;
    }
    let action = SigAction::new(SigHandler::Handler(on_terminate), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler only reads an atomic and calls kill(2).
    unsafe { sigaction(Signal::SIGTERM, &action) }.map_err(|error| step("handle signals", error.into()))?;
    // Held back until its ids and limits are in force.
    let (go, gate) = pipe().map(|(reader, writer)| (writer, reader)).map_err(|error| step("fork", error.into()))?;
    match fork_inside(setup)? {
        ForkResult::Child => {
            drop(go);
            let action = match inside(socket, setup, gate) {
                Ok(code) => exit_now(code),
                Err((action, error)) => Answer::of(&action, &error),
            };
            let _ = protocol::send(socket, &action, &[]);
            exit_now(1)
        }
        ForkResult::Parent { child } => {
            INIT.store(child.as_raw(), Ordering::SeqCst);
            drop(gate);
            let begun = begin(setup, child);
            if let Err(answer) = begun {
                let _ = kill(child, Signal::SIGKILL);
                let _ = waitpid(child, None);
                return Err(answer);
            }
            nix::unistd::write(&go, b"g").map_err(|error| step("start a container", error.into()))?;
            // Its end says that this process is gone: it stays open.
            std::mem::forget(go);
            // Only the container itself must hold the socket: its end is to be seen.
            detach(socket).map_err(|error| step("start a container", error))?;
            Ok(child)
        }
    }
}

/// A second process, the first of the container's namespaces. With ids of its own it is in a user namespace below this
/// one's, and its root file system is mounted here already: by then only this process may walk there.
fn fork_inside(setup: &Setup) -> Result<ForkResult, Answer> {
    let step = |action: &str, error: io::Error| Answer::of(action, &error);
    let mut namespaces = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    if !setup.host_network {
        namespaces |= CloneFlags::CLONE_NEWNET;
    }
    if setup.range.is_none() {
        unshare(namespaces).map_err(|error| step("make namespaces", error.into()))?;
        // SAFETY: this process has one thread.
        return unsafe { fork() }.map_err(|error| step("fork", error.into()));
    }
    let root = setup.folder.join("root");
    sandbox::mount_layers(setup).map_err(|(action, error)| Answer::of(&action, &error))?;
    let forked = clone_into(namespaces | CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS);
    if !matches!(forked, Ok(ForkResult::Child)) {
        // The container has its own copy of the mount.
        nix::unistd::chdir("/")
            .and_then(|()| nix::mount::umount2(&root, nix::mount::MntFlags::MNT_DETACH))
            .map_err(|error| step("let go of the layers of its image", error.into()))?;
    }
    forked.map_err(|error| step("make namespaces", error))
}

/// fork(2) into new namespaces: a user namespace is made first, and owns the others (clone(2), Linux 5.3 for `clone3`).
fn clone_into(namespaces: CloneFlags) -> io::Result<ForkResult> {
    // SAFETY: without a stack and without shared memory it is a fork; this process has one thread. The structure is as long
    // as said, and all that is zero in it means nothing.
    let child = unsafe {
        let mut arguments: libc::clone_args = std::mem::zeroed();
        arguments.flags = u64::from(namespaces.bits().cast_unsigned());
        arguments.exit_signal = libc::SIGCHLD.cast_unsigned().into();
        libc::syscall(libc::SYS_clone3, &raw const arguments, size_of_val(&arguments))
    };
    match i32::try_from(child) {
        Ok(0) => Ok(ForkResult::Child),
        Ok(child) if child > 0 => Ok(ForkResult::Parent { child: Pid::from_raw(child) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What the container's first process needs of its shim: its ids, and its place in control groups.
fn begin(setup: &Setup, child: Pid) -> Result<(), Answer> {
    if let Some(range) = setup.range {
        range.apply(child.as_raw()).map_err(|error| Answer::of("give a container its ids", &error))?;
    }
    for cgroup in &setup.cgroups {
        std::fs::write(cgroup.folder.join("cgroup.procs"), child.to_string())
            .map_err(|error| Answer::of(&format!("move a process into {}", cgroup.folder.display()), &error))?;
    }
    Ok(())
}

/// The container's first process, to its end.
fn inside(socket: &UnixStream, setup: &Setup, gate: OwnedFd) -> Result<i32, (String, io::Error)> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::prctl::{set_dumpable, set_pdeathsig};
    let failed = |action: &str| {
        let action = action.to_owned();
        move |error: io::Error| (action, error)
    };
    // A shim that is gone already leaves the gate shut.
    let mut byte = [0];
    if nix::unistd::read(&gate, &mut byte) != Ok(1) {
        return Ok(1);
    }
    if setup.range.is_some() {
        become_root().map_err(failed("become root of a user namespace"))?;
        // Another id takes that away, and with it this process's own files in /proc.
        set_dumpable(true).map_err(|error| failed("become root of a user namespace")(error.into()))?;
    }
    // Without its shim nobody would clean up after it. It may have gone just now.
    set_pdeathsig(Signal::SIGKILL).map_err(|error| failed("follow its shim")(error.into()))?;
    let mut gone = [PollFd::new(std::os::fd::AsFd::as_fd(&gate), PollFlags::POLLIN)];
    if poll(&mut gone, PollTimeout::ZERO).is_ok_and(|ready| ready > 0) {
        return Ok(1);
    }
    drop(gate);
    close_others();
    let score = sandbox::enter(setup)?;
    Ok(init::run(socket, score, setup.address_space))
}

/// Puts `/dev/null` in the socket's place.
fn detach(socket: &UnixStream) -> io::Result<()> {
    let null = File::open("/dev/null")?;
    // SAFETY: both are open descriptors of this process; `socket` stays a valid descriptor of something else.
    match unsafe { libc::dup2(null.as_raw_fd(), socket.as_raw_fd()) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The shim's files are none of the container's: a folder of this host, open, leads out of any root. Only for a process
/// that never returns to whoever owns them.
fn close_others() {
    // SAFETY: takes numbers; what had owned these descriptors belongs to the other process of the fork.
    unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
}

pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: ends this process without running what its parent registered.
    unsafe { libc::_exit(code) }
}

fn make_cgroup(cgroup: &protocol::Cgroup) -> io::Result<()> {
    std::fs::create_dir(&cgroup.folder)?;
    let set = |file: &str, value: &str| {
        std::fs::write(cgroup.folder.join(file), value)
            .map_err(|error| io::Error::new(error.kind(), format!("{file} cannot be set to {value}: {error}")))
    };
    for (file, value) in &cgroup.limits {
        set(file, value)?;
    }
    for (file, value) in &cgroup.optional {
        if cgroup.folder.join(file).exists() {
            set(file, value)?;
        }
    }
    Ok(())
}

/// The kernel may take a moment to let a group go after its last process ended.
pub(super) fn remove_cgroup(folder: &PathBuf) -> io::Result<()> {
    let mut tries = 0;
    loop {
        match std::fs::remove_dir(folder) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && tries < 200 => {
                tries += 1;
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => return result,
        }
    }
}
