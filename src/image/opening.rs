//! Packages opened on worker threads, ahead of whoever unpacks them: decompressing is most of the work. Few enough are
//! open at a time to keep memory and spool small.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::deb::{self, Deb, DebError};

type Opened = Result<Deb, DebError>;

/// The packages that were asked for, in their order.
#[derive(Debug)]
pub(super) struct Opening {
    queue: Arc<Queue>,
    results: VecDeque<Receiver<Opened>>,
}

#[derive(Debug)]
struct Queue {
    spool: PathBuf,
    state: Mutex<QueueState>,
}

#[derive(Debug)]
struct QueueState {
    waiting: VecDeque<(PathBuf, SyncSender<Opened>)>,
    /// How many more may be open, or be opened, before one is taken.
    room: usize,
    /// How many more may be opened at the same time.
    workers: usize,
}

impl Opening {
    /// Begins to open packages, `workers` at a time, with at most `open` of them ahead. `spool` is a folder for large
    /// contents.
    pub(super) fn begin(paths: Vec<PathBuf>, spool: PathBuf, workers: usize, open: usize) -> Opening {
        let (results, waiting) = paths
            .into_iter()
            .map(|path| {
                let (sender, receiver) = sync_channel(1);
                (receiver, (path, sender))
            })
            .unzip();
        let queue = Arc::new(Queue { spool, state: Mutex::new(QueueState { waiting, room: open, workers }) });
        for _ in 0..workers {
            queue.clone().open_one();
        }
        Opening { queue, results }
    }

    /// The next package. Blocks.
    pub(super) fn next(&mut self) -> Opened {
        let result = self.results.pop_front().map(|receiver| receiver.recv());
        self.queue.lock().room += 1;
        self.queue.clone().open_one();
        match result {
            Some(Ok(result)) => result,
            _ => Err(DebError::Io { path: PathBuf::new(), source: io::Error::other("no package was opened") }),
        }
    }
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_one(self: Arc<Queue>) {
        let (path, sender) = {
            let mut state = self.lock();
            if state.room == 0 || state.workers == 0 {
                return;
            }
            let Some(next) = state.waiting.pop_front() else { return };
            state.room -= 1;
            state.workers -= 1;
            next
        };
        rayon::spawn(move || {
            let opened = deb::open(&path, &self.spool);
            self.lock().workers += 1;
            // The receiver is gone when the rest was given up.
            if sender.send(opened).is_ok() {
                self.open_one();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::deb::tests::{TarMember, ar, tarball};
    use super::*;

    #[test]
    fn packages_come_in_their_order_and_only_so_many_are_open() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..20)
            .map(|number| {
                let control = tarball(&[("./control", TarMember::File(number.to_string().as_bytes()))]);
                let path = folder.path().join(number.to_string());
                std::fs::write(&path, ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), ("data.tar", b"")]))
                    .unwrap();
                path
            })
            .collect();
        for (workers, open) in [(1, 1), (3, 2), (2, 100)] {
            let mut opening = Opening::begin(paths.clone(), folder.path().to_owned(), workers, open);
            for number in 0..paths.len() {
                let deb = opening.next().unwrap();
                assert_eq!(deb.control["control"], number.to_string().as_bytes());
                let ahead = paths.len() - number - 1 - opening.queue.lock().waiting.len();
                assert!(ahead <= open, "{ahead} are open ahead");
            }
            assert!(opening.next().is_err());
        }
        let opening = Opening::begin(paths, folder.path().to_owned(), 1, 1);
        let queue = opening.queue.clone();
        drop(opening);
        while queue.lock().workers == 0 {
            std::thread::yield_now();
        }
        assert!(queue.lock().waiting.len() >= 18, "who was given up opens no more");
    }
}
