//! Which files of a container's system are opened in it, noted from outside: fanotify(7) on the mount of its root, which Linux
//! lets root alone watch. What runs in the container neither sees it nor has a part in it.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use async_trait::async_trait;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, readlink};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags};

use super::shared::blocking;
use crate::engine::{EngineError, Reads};

/// How long the thread waits for an event before it looks whether it is to end.
const PATIENCE_MS: u16 = 50;

/// A watch that is on.
pub(super) struct Watch {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<BTreeSet<String>>>,
}

/// Begins to watch the container whose shim is `shim`. Only paths below one of `below`, which the image fills, are kept: there
/// are no more of them than the image has.
pub(super) fn begin(shim: u32, below: Vec<String>) -> io::Result<Watch> {
    let root = root(shim)?;
    let flags =
        InitFlags::FAN_CLASS_NOTIF | InitFlags::FAN_CLOEXEC | InitFlags::FAN_NONBLOCK | InitFlags::FAN_UNLIMITED_QUEUE;
    let events = EventFFlags::O_RDONLY | EventFFlags::O_LARGEFILE | EventFFlags::O_CLOEXEC;
    let watch = Fanotify::init(flags, events).map_err(|error| match error {
        Errno::EPERM => io::Error::other("Linux lets root alone watch what is opened (fanotify(7))"),
        error => error.into(),
    })?;
    let marks = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_MOUNT;
    let opened = MaskFlags::FAN_OPEN | MaskFlags::FAN_OPEN_EXEC;
    watch.mark(marks, opened, AT_FDCWD, Some(&root))?;
    let is_over = Arc::new(AtomicBool::new(false));
    let told = is_over.clone();
    let thread = std::thread::Builder::new().name("reads".to_owned()).spawn(move || note(&watch, &below, &told))?;
    Ok(Watch { is_over, thread })
}

/// The root of the container, as its first process has it.
fn root(shim: u32) -> io::Result<PathBuf> {
    let children = std::fs::read_to_string(format!("/proc/{shim}/task/{shim}/children"))?;
    let mut first = children.split_whitespace();
    match (first.next(), first.next()) {
        (Some(pid), None) => Ok(format!("/proc/{pid}/root/").into()),
        _ => Err(io::Error::other("the container's first process is not known")),
    }
}

fn note(watch: &Fanotify, below: &[String], is_over: &AtomicBool) -> io::Result<BTreeSet<String>> {
    let mut opened = BTreeSet::new();
    loop {
        let was_over = is_over.load(Ordering::Acquire);
        let mut waiting = [PollFd::new(watch.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waiting, PollTimeout::from(PATIENCE_MS)) {
            // All that was opened before the end was told is in.
            Ok(0) if was_over => return Ok(opened),
            Ok(0) | Err(Errno::EINTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let events = match watch.read_events() {
            Ok(events) => events,
            Err(Errno::EAGAIN | Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        for event in events {
            let Some(file) = event.fd() else { continue };
            // As the container has it: the file lies in its mount, not in one of this process.
            let path = readlink(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file)).as_str());
            let Some(path) = path.ok().and_then(|path| path.into_string().ok()) else { continue };
            if below.iter().any(|folder| path.starts_with(folder.as_str())) {
                opened.insert(path);
            }
        }
    }
}

#[async_trait]
impl Reads for Watch {
    async fn end(self: Box<Self>) -> Result<BTreeSet<String>, EngineError> {
        self.is_over.store(true, Ordering::Release);
        let ended = |_| io::Error::other("the thread that does it has ended");
        let joined = blocking(move || self.thread.join().map_err(ended)?).await;
        joined.map_err(|error| EngineError::Failed {
            action: "watch what is opened".to_owned(),
            message: error.to_string(),
        })
    }
}
