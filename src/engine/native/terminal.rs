//! A pseudo-terminal of a container: what its process does to have one (in the container, before it becomes the program),
//! and what can be done with the other side of it (in farm).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, fchown};

use super::protocol::{self, Answer};
use crate::engine::TerminalSize;

/// The instance of this container alone: `sandbox` mounts it, and nobody in the container can put another in its place.
const MASTERS: &str = "/dev/pts/ptmx";
/// Who may write to terminals of others: `tty`, as `sandbox` has it.
const TERMINALS: u32 = 5;

/// In a child that leads its session: makes a terminal, hands its other side over, and has this one as its controlling
/// terminal, input, output and errors.
pub(super) fn take(socket: &OwnedFd, size: TerminalSize, user: u32) -> Result<(), Errno> {
    let flags = libc::O_NOCTTY | libc::O_CLOEXEC;
    let master = OpenOptions::new().read(true).write(true).custom_flags(flags).open(MASTERS).map_err(number)?;
    let locked: libc::c_int = 0;
    // SAFETY: the request reads one int, which outlives the call.
    Errno::result(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &locked) })?;
    // Of the terminal that was just made, whatever lies at its name.
    // SAFETY: the request takes flags by value, and returns a descriptor that nobody else owns.
    let terminal = Errno::result(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, libc::O_RDWR | flags) })?;
    // SAFETY: as said.
    let terminal = unsafe { OwnedFd::from_raw_fd(terminal) };
    fchown(&terminal, Some(Uid::from_raw(user)), Some(Gid::from_raw(TERMINALS)))?;
    fchmod(&terminal, Mode::from_bits_truncate(0o620))?;
    resize(master.as_fd(), size)?;
    // SAFETY: the request takes an int by value: nobody's terminal is taken away.
    Errno::result(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY, 0) })?;
    let socket = UnixStream::from(socket.try_clone().map_err(number)?);
    protocol::send(&socket, &Answer::Done, &[master.as_raw_fd()]).map_err(number)?;
    redirect([terminal.as_fd(); 3])
}

fn number(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// In a child: has these as its input, output and errors.
pub(super) fn redirect(ends: [BorrowedFd<'_>; 3]) -> Result<(), Errno> {
    for (to, from) in ends.iter().enumerate() {
        // SAFETY: both are descriptors of this process; whatever was at 0 to 2 is not used any more.
        Errno::result(unsafe { libc::dup2(from.as_raw_fd(), to as libc::c_int) })?;
    }
    Ok(())
}

/// Tells a terminal, and who runs at it, how large it is.
pub(super) fn resize(side: BorrowedFd<'_>, size: TerminalSize) -> Result<(), Errno> {
    let size = libc::winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request reads one winsize, which outlives the call.
    Errno::result(unsafe { libc::ioctl(side.as_raw_fd(), libc::TIOCSWINSZ, &size) }).map(drop)
}

/// The other side, as the container hands it over; none when it ended before. Blocking.
pub(super) fn receive(socket: &UnixStream) -> io::Result<Option<File>> {
    let Some((_, files)) = protocol::receive::<Answer>(socket)? else { return Ok(None) };
    let master = files.into_iter().next().map(File::from);
    if let Some(master) = &master {
        let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_RDWR;
        nix::fcntl::fcntl(master, nix::fcntl::FcntlArg::F_SETFL(flags))?;
    }
    Ok(master)
}
