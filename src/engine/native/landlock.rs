//! A second wall behind the mount namespace, where the kernel has Landlock (landlock(7)): a process of a container may
//! use files below the container's root and no others, should a descriptor or a link of `/proc` ever lead elsewhere; and
//! it neither speaks to abstract sockets nor signals processes outside, which matters where it has this host's network.
//!
//! It takes the right to mount with it, which no process of a container has anyway.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;

/// `landlock_create_ruleset` answers with the newest version of the interface that there is.
const ASK_VERSION: libc::c_uint = 1;
/// Before this, no file could be moved to another folder in it (Linux 5.19).
const VERSION_WITH_MOVES: i64 = 2;
/// With scopes (Linux 6.12).
const VERSION_WITH_SCOPES: i64 = 6;
/// Abstract sockets, signals.
const SCOPES: u64 = 0b11;
const PATH_BENEATH: libc::c_uint = 1;

#[repr(C)]
struct Ruleset {
    files: u64,
    network: u64,
    scopes: u64,
}

#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    folder: RawFd,
}

/// Each right to files that a version of the interface knows is a bit, from the first on.
fn rights(version: i64) -> u64 {
    let known = match version {
        ..=2 => 14,
        3..=4 => 15,
        _ => 16,
    };
    (1 << known) - 1
}

fn checked(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn version() -> i64 {
    // SAFETY: with this flag there is no structure, and nothing is made.
    unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<Ruleset>(), 0_usize, ASK_VERSION) }
}

/// For this process and all that it starts. Nothing where the kernel is without Landlock, or with one too old for builds.
pub(super) fn stay_below_root() -> io::Result<()> {
    let version = version();
    if version < VERSION_WITH_MOVES {
        return Ok(());
    }
    let files = rights(version);
    let scopes = if version >= VERSION_WITH_SCOPES { SCOPES } else { 0 };
    let rules = Ruleset { files, network: 0, scopes };
    let root = OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_CLOEXEC).open("/")?;
    let beneath = Beneath { allowed: files, folder: root.as_raw_fd() };
    // SAFETY: both structures are laid out as the kernel has them and outlive the calls; older kernels take a longer one
    // whose end is zero. A descriptor that comes back is ours.
    unsafe {
        let made = libc::syscall(libc::SYS_landlock_create_ruleset, &raw const rules, size_of::<Ruleset>(), 0_u32);
        let made = OwnedFd::from_raw_fd(checked(made)? as RawFd);
        let fd = made.as_raw_fd();
        checked(libc::syscall(libc::SYS_landlock_add_rule, fd, PATH_BENEATH, &raw const beneath, 0_u32))?;
        checked(libc::syscall(libc::SYS_landlock_restrict_self, fd, 0_u32))?;
    }
    Ok(())
}
