//! Reading what a build made: it says itself how large it is, so that reading it may take for ever. A [`Guard`] ends that
//! in time and when its job is cancelled; bounds of what a compressed stream may come to hold without one, too.
//!
//! Readers of formats lie deep, and on other threads, so that a guard is not handed to each: it is in force for what
//! [`Guard::during`] runs, and asked by the readers that [`watched`] and [`expanding`] make.

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::ByteStream;

/// What a compressed stream may come to at most.
const MOST_BYTES: u64 = 256 << 30;
/// Until then any compression is believed: a file of a few GiB of zeros is one of a thousandth of it.
const BELIEVED_BYTES: u64 = 8 << 30;
/// More than that, and it must not be more than so many times larger than it was compressed. What has content is not.
const MOST_EXPANSION: u64 = 250;

/// Why a guard ended the reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BrokenOff {
    /// The job was cancelled.
    Cancelled,
    /// The time that the step may take is over.
    TimedOut,
}

/// Ends reading when it is cancelled, or has taken too long.
#[derive(Debug, Clone)]
pub(crate) struct Guard(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cancel: CancellationToken,
    deadline: Option<Instant>,
    broken_off: OnceLock<BrokenOff>,
}

thread_local! {
    static IN_FORCE: RefCell<Option<Guard>> = const { RefCell::new(None) };
}

impl Guard {
    pub(crate) fn new(cancel: &CancellationToken, time: Duration) -> Guard {
        let inner = Inner {
            cancel: cancel.clone(),
            // No deadline where none can be counted to.
            deadline: Instant::now().checked_add(time),
            broken_off: OnceLock::new(),
        };
        Guard(Arc::new(inner))
    }

    /// The one in force on this thread.
    pub(crate) fn in_force() -> Option<Guard> {
        IN_FORCE.with_borrow(Clone::clone)
    }

    /// Runs `read` under this guard.
    pub(crate) fn during<T>(&self, read: impl FnOnce() -> T) -> T {
        during(Some(self.clone()), read)
    }

    /// Whether it ended something, and why: then what that says of what it read is not to be believed.
    pub(crate) fn broken_off(&self) -> Option<BrokenOff> {
        self.0.broken_off.get().copied()
    }

    /// # Errors
    /// When reading is to end.
    pub(crate) fn check(&self) -> io::Result<()> {
        let why = if self.0.cancel.is_cancelled() {
            BrokenOff::Cancelled
        } else if self.0.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            BrokenOff::TimedOut
        } else {
            return Ok(());
        };
        Err(self.break_off(why))
    }

    fn break_off(&self, why: BrokenOff) -> io::Error {
        match self.0.broken_off.get_or_init(|| why) {
            BrokenOff::Cancelled => io::Error::other("reading it was cancelled"),
            BrokenOff::TimedOut => io::Error::new(io::ErrorKind::TimedOut, "reading it took too long"),
        }
    }

    /// The stream, or an error in place of what does not come in time.
    pub(crate) fn stream(&self, bytes: ByteStream) -> ByteStream {
        let guard = self.clone();
        let next = move |bytes: Option<ByteStream>| {
            let guard = guard.clone();
            async move {
                let mut bytes = bytes?;
                let late = async {
                    match guard.0.deadline {
                        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    biased;
                    () = guard.0.cancel.cancelled() => Some((Err(guard.break_off(BrokenOff::Cancelled)), None)),
                    next = bytes.next() => next.map(|chunk| (chunk, Some(bytes))),
                    () = late => Some((Err(guard.break_off(BrokenOff::TimedOut)), None)),
                }
            }
        };
        Box::pin(stream::unfold(Some(bytes), next))
    }
}

/// Runs `read` under a guard or none: what a thread hands on to others that work for it.
pub(crate) fn during<T>(guard: Option<Guard>, read: impl FnOnce() -> T) -> T {
    struct Restore(Option<Guard>);
    impl Drop for Restore {
        fn drop(&mut self) {
            IN_FORCE.set(self.0.take());
        }
    }
    let _restore = Restore(IN_FORCE.replace(guard));
    read()
}

/// A reader that the guard in force ends.
pub(crate) fn watched<R: Read>(inner: R) -> Watched<R> {
    Watched { inner, guard: Guard::in_force() }
}

/// Made by [`watched`].
#[derive(Debug)]
pub(crate) struct Watched<R> {
    inner: R,
    guard: Option<Guard>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(guard) = &self.guard {
            guard.check()?;
        }
        self.inner.read(buffer)
    }
}

/// What `decoder` makes of a compressed stream, as long as it is believable, and ended by the guard in force.
///
/// # Errors
/// Those of `decoder`.
pub(crate) fn expanding<'a, E>(
    compressed: &'a mut dyn Read,
    decoder: impl FnOnce(Box<dyn Read + 'a>) -> Result<Box<dyn Read + 'a>, E>,
) -> Result<Box<dyn Read + 'a>, E> {
    let taken = Rc::new(Cell::new(0));
    let counted = Counted { inner: compressed, bytes: Rc::clone(&taken) };
    let decoded = decoder(Box::new(counted))?;
    Ok(Box::new(watched(Expanding { decoded, taken, given: 0 })))
}

struct Counted<R> {
    inner: R,
    bytes: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes.set(self.bytes.get() + count as u64);
        Ok(count)
    }
}

struct Expanding<R> {
    decoded: R,
    taken: Rc<Cell<u64>>,
    given: u64,
}

impl<R: Read> Read for Expanding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoded.read(buffer)?;
        self.given += count as u64;
        if is_believable(self.taken.get(), self.given) {
            return Ok(count);
        }
        let (given, taken) = (self.given >> 30, self.taken.get() >> 10);
        let message = format!("{taken} KiB of it expand to more than {given} GiB: no package is like that");
        Err(io::Error::new(io::ErrorKind::InvalidData, message))
    }
}

fn is_believable(compressed: u64, expanded: u64) -> bool {
    expanded <= BELIEVED_BYTES || expanded <= MOST_BYTES.min(compressed.saturating_mul(MOST_EXPANSION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_expands_without_measure_is_not_believed() {
        const GIB: u64 = 1 << 30;
        // A file of some GiB of zeros, a large package, the same of text, and the largest there may be.
        for (compressed, expanded) in
            [(1 << 20, 5 * GIB), (2 * GIB, 20 * GIB), (GIB / 4, 30 * GIB), (9 * GIB, 256 * GIB)]
        {
            assert!(is_believable(compressed, expanded), "{compressed} {expanded}");
        }
        for (compressed, expanded) in
            [(10 << 20, 10 * GIB), (100 << 10, 9 * GIB), (1 << 20, 300 * GIB), (9 * GIB, 257 * GIB)]
        {
            assert!(!is_believable(compressed, expanded), "{compressed} {expanded}");
        }
    }

    /// Gives for ever, and says how much it gave.
    struct Endless<'a>(&'a Cell<u64>);

    impl Read for Endless<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.set(self.0.get() + 1);
            // Not every byte: this is to be quick.
            buffer[0] = 0;
            Ok(buffer.len())
        }
    }

    #[test]
    fn a_bomb_ends_by_itself() {
        let mut fuse = &b"x"[..];
        let reads = Cell::new(0);
        let mut bomb =
            expanding(&mut fuse, |_| Ok::<_, io::Error>(Box::new(Endless(&reads)) as Box<dyn Read + '_>)).unwrap();
        let mut buffer = vec![0; 64 << 20];
        let error = loop {
            if let Err(error) = bomb.read(&mut buffer) {
                break error;
            }
        };
        assert!(error.to_string().contains("expand to more than 8 GiB"), "{error}");
        drop(bomb);
        assert!(reads.get() <= 129, "{}", reads.get());
    }

    #[test]
    fn cancelling_and_time_end_what_reads_under_a_guard_and_nothing_else() {
        let read = |mut reader: Watched<io::Repeat>| reader.read(&mut [0; 8]).map(drop);
        let cancel = CancellationToken::new();
        let guard = Guard::new(&cancel, Duration::from_secs(3600));
        let outside = watched(io::repeat(0));
        guard.during(|| {
            let mut inside = watched(io::repeat(0));
            inside.read_exact(&mut [0; 8]).unwrap();
            assert_eq!(guard.broken_off(), None);
            cancel.cancel();
            assert!(inside.read(&mut [0; 8]).is_err());
            // Another thread that works for this one.
            let handed_on = Guard::in_force();
            std::thread::scope(|scope| {
                scope.spawn(|| during(handed_on, || assert!(read(watched(io::repeat(0))).is_err())));
            });
        });
        assert_eq!(guard.broken_off(), Some(BrokenOff::Cancelled));
        assert!(Guard::in_force().is_none());
        read(outside).unwrap();

        let guard = Guard::new(&CancellationToken::new(), Duration::ZERO);
        let error = guard.during(|| read(watched(io::repeat(0)))).unwrap_err();
        assert_eq!((error.kind(), guard.broken_off()), (io::ErrorKind::TimedOut, Some(BrokenOff::TimedOut)));
        // There is no such moment; that is no deadline.
        assert!(Guard::new(&CancellationToken::new(), Duration::MAX).check().is_ok());
    }

    #[tokio::test]
    async fn a_stream_that_brings_nothing_ends() {
        let silent: ByteStream = Box::pin(stream::pending());
        let cancel = CancellationToken::new();
        let guard = Guard::new(&cancel, Duration::from_secs(3600));
        let mut watched = guard.stream(silent);
        let (next, ()) = tokio::join!(watched.next(), async { cancel.cancel() });
        assert!(next.unwrap().is_err());
        assert!(watched.next().await.is_none());
        assert_eq!(guard.broken_off(), Some(BrokenOff::Cancelled));
    }
}
