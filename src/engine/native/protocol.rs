//! What farm and its helper process say to each other: frames of JSON over a socket, with open files beside them. The
//! two are always the same program, so there are no versions. What comes back from a container is not trusted: a frame
//! has a largest size, and its content decides nothing but the result of the request it answers.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::ids::Range;
use super::store::ContainerRecord;
use crate::engine::TerminalSize;

/// A script and its environment fit; nothing of ours is larger.
const LARGEST_FRAME: usize = 16 << 20;
/// Output, errors and result of an exec.
const MOST_FILES: usize = 4;

/// What a helper is started for: its first frame.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// Become a container. With it: the store's lock, until its folder is there and names the layers that it needs.
    Container(Box<Setup>),
    /// Unpack an image's layer, a tar stream in the file that comes with it, into an empty folder.
    /// The folder comes open, before all other files: its path may lead through what only root may enter.
    UnpackLayer { folder: PathBuf },
    /// Digest and size of a layer: of the tar stream that its folder makes, which comes open.
    Seal { folder: PathBuf },
    /// Remove a folder with all that is in it, whoever owns it.
    Remove { folder: PathBuf },
    /// Nothing: to find out whether helpers work here, and, with a range, whether containers can have these ids.
    Probe { range: Option<Range> },
}

impl Order {
    /// Whether it is done with the ids of a container, as the owner of a layer's files; others are done as the owner of the
    /// store.
    pub(super) fn as_container(&self) -> bool {
        matches!(self, Order::UnpackLayer { .. } | Order::Seal { .. })
    }
}

/// A container to be. All paths are this host's.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    /// The folder of the layers, and their names in it, the topmost first.
    pub(super) layers: PathBuf,
    pub(super) lower: Vec<String>,
    /// The container's own folder to be, beside that of the layers; `store` says what is in it. Removed when the
    /// container ends.
    pub(super) folder: PathBuf,
    pub(super) record: ContainerRecord,
    /// The ids of the container, where they are others than those of its shim.
    pub(super) range: Option<Range>,
    /// The name of the host in the container.
    pub(super) host_name: String,
    /// The network of this host in place of none.
    pub(super) host_network: bool,
    pub(super) cpus: Option<Vec<usize>>,
    pub(super) cgroups: Vec<Cgroup>,
    /// In place of cgroups: bytes of address space of each process, and processes of each user.
    pub(super) address_space: Option<u64>,
    pub(super) processes: Option<u64>,
    /// Its C library makes sockets by socketcall(2) alone, as that of i386 does.
    pub(super) sockets_by_call: bool,
    /// The contents of `/etc/resolv.conf`.
    pub(super) resolv_conf: Option<String>,
}

/// A control group to make, with limits as file names and values, for the container's processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cgroup {
    pub(super) folder: PathBuf,
    pub(super) limits: Vec<(String, String)>,
    /// Limits that not every kernel has the files of.
    pub(super) optional: Vec<(String, String)>,
}

/// What a running container is asked for. Each but `Kill` comes with files, and is answered by one [`Answer`] in the last of them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// Files: stdout, stderr, answer; at a terminal a socket, which brings its other side, and answer.
    Exec {
        id: u64,
        argv: Vec<String>,
        env: Vec<String>,
        user: u32,
        group: u32,
        workdir: String,
        terminal: Option<TerminalSize>,
    },
    /// Ends an exec or a transfer with all of its session; it answers as it ended.
    Kill { id: u64 },
    /// Files: the tar stream to read, answer.
    Upload { id: u64, path: String },
    /// Files: the tar stream to write, answer.
    Download { id: u64, path: String },
    /// Ends everything that runs, and stays idle. Files: answer.
    Quiesce,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    Done,
    /// An exit code as shells say it.
    Exited(i32),
    /// `sha256:…` and the size of a layer.
    Sealed {
        digest: String,
        bytes: u64,
    },
    /// Bytes of the disk that a removal gave back.
    Removed(u64),
    NoSuchPath,
    DiskFull,
    /// In words, as a continuation of "failed to".
    Failed(String),
}

impl Answer {
    /// The answer that an error is.
    pub(super) fn of(action: &str, error: &io::Error) -> Answer {
        match error.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => Answer::DiskFull,
            _ => Answer::Failed(format!("{action}: {error}")),
        }
    }

    /// What it means to somebody who asked for another one.
    pub(super) fn into_error(self) -> io::Error {
        match self {
            Answer::DiskFull => io::Error::from_raw_os_error(libc::ENOSPC),
            Answer::Failed(why) => io::Error::other(why),
            other => io::Error::other(format!("an unexpected answer: {other:?}")),
        }
    }
}

/// Sends one frame; the files go with its first bytes.
pub(super) fn send(socket: &UnixStream, message: &impl Serialize, files: &[RawFd]) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|length| *length as usize <= LARGEST_FRAME);
    let length = length.ok_or_else(|| io::Error::other("the request is too large"))?.to_ne_bytes();
    let rights = [ControlMessage::ScmRights(files)];
    let control = if files.is_empty() { &rights[..0] } else { &rights[..] };
    let sent = loop {
        // No SIGPIPE when the other side is gone: the error says it.
        match sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(&length)], control, MsgFlags::MSG_NOSIGNAL, None) {
            Err(nix::errno::Errno::EINTR) => {}
            result => break result?,
        }
    };
    let mut rest = socket;
    rest.write_all(&length[sent..])?;
    rest.write_all(&body)
}

/// One frame and its files; `None` when the other side is gone.
pub(super) fn receive<T: DeserializeOwned>(socket: &UnixStream) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut length = [0; 4];
    let mut space = nix::cmsg_space!([RawFd; MOST_FILES]);
    let (received, files) = loop {
        let mut parts = [IoSliceMut::new(&mut length)];
        match recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC) {
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
            Ok(message) => {
                let mut files = Vec::new();
                for control in message.cmsgs()? {
                    if let ControlMessageOwned::ScmRights(raw) = control {
                        // SAFETY: the kernel has just made these descriptors for us; nobody else owns them.
                        files.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
                    }
                }
                break (message.bytes, files);
            }
        }
    };
    if received == 0 {
        return Ok(None);
    }
    let mut rest = socket;
    rest.read_exact(&mut length[received..])?;
    let length = u32::from_ne_bytes(length) as usize;
    if length > LARGEST_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is unreasonably large"));
    }
    let mut body = vec![0; length];
    rest.read_exact(&mut body)?;
    Ok(Some((serde_json::from_slice(&body)?, files)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn frames_carry_files() {
        let (here, there) = UnixStream::pair().unwrap();
        let (reader, writer) = nix::unistd::pipe().unwrap();
        send(&here, &Request::Kill { id: 7 }, &[]).unwrap();
        send(&here, &Request::Upload { id: 8, path: "/tmp".to_owned() }, &[reader.as_raw_fd(), writer.as_raw_fd()])
            .unwrap();
        drop(here);
        let (first, files) = receive::<Request>(&there).unwrap().unwrap();
        assert!(matches!(first, Request::Kill { id: 7 }) && files.is_empty());
        let (second, files) = receive::<Request>(&there).unwrap().unwrap();
        assert!(matches!(second, Request::Upload { id: 8, .. }));
        nix::unistd::write(files[1].as_fd(), b"x").unwrap();
        let mut got = [0];
        nix::unistd::read(reader.as_fd(), &mut got).unwrap();
        assert_eq!(&got, b"x");
        assert!(receive::<Request>(&there).unwrap().is_none());
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        let (mut here, there) = UnixStream::pair().unwrap();
        here.write_all(&u32::MAX.to_ne_bytes()).unwrap();
        assert!(receive::<Answer>(&there).is_err());
        here.write_all(&4_u32.to_ne_bytes()).unwrap();
        here.write_all(b"oops").unwrap();
        assert!(receive::<Answer>(&there).is_err());
    }
}
