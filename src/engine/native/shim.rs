//! Helpers as farm sees them: started, given their ids and their order, heard out.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::helper;
use super::ids::IdMap;
use super::protocol::{self, Answer, Order};
use super::store::Rubbish;

/// What starting a helper needs.
#[derive(Debug, Clone)]
pub(super) struct Helpers {
    /// This program.
    pub(super) program: PathBuf,
    pub(super) ids: IdMap,
}

/// A helper that has its order.
#[derive(Debug)]
pub(super) struct Helper {
    pub(super) process: Child,
    pub(super) socket: UnixStream,
}

impl Helpers {
    /// Blocks for some milliseconds. `files` go with the order.
    pub(super) fn start(&self, order: &Order, files: &[OwnedFd]) -> io::Result<Helper> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(&self.program);
        command.arg(helper::ARGUMENT).stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null());
        // Nothing of this host's environment is needed there.
        command.env_clear().current_dir("/");
        let mut process = command.spawn().map_err(|error| {
            io::Error::new(error.kind(), format!("{} cannot be started: {error}", self.program.display()))
        })?;
        // It holds the other end of the socket.
        drop(command);
        let begun = || -> io::Result<()> {
            let mut byte = [0];
            (&ours).read_exact(&mut byte).map_err(|_| io::Error::other("the helper process ended"))?;
            if byte[0] != helper::IN_NAMESPACE {
                // A frame, of which this was the first byte, that says what went wrong.
                return Err(io::Error::other(refusal(byte[0], &ours)));
            }
            self.ids.apply(process.id(), order.as_container())?;
            let raw: Vec<_> = files.iter().map(AsRawFd::as_raw_fd).collect();
            protocol::send(&ours, order, &raw)
        };
        let begun = begun();
        let reason = begun.as_ref().err().map(tracing::field::display);
        tracing::debug!(process = process.id(), reason, "a helper process for a container");
        match begun {
            Ok(()) => Ok(Helper { process, socket: ours }),
            Err(error) => {
                drop(ours);
                let _ = process.wait();
                Err(error)
            }
        }
    }

    /// Starts a helper and waits for what it says.
    pub(super) fn ask(&self, order: &Order, files: Vec<OwnedFd>) -> io::Result<Answer> {
        let mut helper = self.start(order, &files)?;
        // A stream's end is seen by the helper alone.
        drop(files);
        let answer = protocol::receive::<Answer>(&helper.socket);
        let _ = helper.process.wait();
        Ok(answer?.map_or_else(|| Answer::Failed("the helper process ended".to_owned()), |(answer, _)| answer))
    }

    /// Removes a folder whose files may belong to any of the ids. The helper holds its lock, should farm end before it.
    /// Returns how many bytes that gave back.
    pub(super) fn remove(&self, Rubbish { folder, lock }: Rubbish) -> io::Result<u64> {
        match self.ask(&Order::Remove { folder }, vec![lock.into()])? {
            Answer::Removed(bytes) => Ok(bytes),
            other => Err(other.into_error()),
        }
    }

    /// Digest and size of the tar stream that a layer's tree makes.
    pub(super) fn digest(&self, tree: &Path) -> io::Result<(String, u64)> {
        let folder = File::open(tree)?;
        match self.ask(&Order::Seal { folder: tree.to_owned() }, vec![folder.into()])? {
            Answer::Sealed { digest, bytes } => Ok((digest, bytes)),
            other => Err(other.into_error()),
        }
    }
}

/// The rest of a frame whose first byte is known.
fn refusal(first: u8, mut socket: &UnixStream) -> String {
    let mut length = [first, 0, 0, 0];
    let mut read = || -> io::Result<Answer> {
        socket.read_exact(&mut length[1..])?;
        let mut body = vec![0; (u32::from_ne_bytes(length) as usize).min(64 << 10)];
        socket.read_exact(&mut body)?;
        Ok(serde_json::from_slice(&body)?)
    };
    match read() {
        Ok(Answer::Failed(why)) => why,
        _ => "the helper process failed".to_owned(),
    }
}
