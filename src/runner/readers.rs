//! The threads that read what builds made: a few, whatever the number of jobs. Who unpacks a package takes a processor and
//! some MiB, which the allocator keeps for each group of threads that has ever done so.

use std::any::Any;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use tokio::sync::oneshot;

/// So many at least, as one may have to read for long.
const LEAST: usize = 2;
/// So many at most: each may hold the dictionary of a package, 8 MiB and more.
const MOST: usize = 4;

type Task = Box<dyn FnOnce() + Send>;

/// They end with the last clone.
#[derive(Debug, Clone)]
pub(crate) struct Readers(mpsc::Sender<Task>);

impl Readers {
    /// As many as there are processors, within these bounds.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub(crate) fn start() -> io::Result<Readers> {
        let (sender, tasks) = mpsc::channel::<Task>();
        let tasks = Arc::new(Mutex::new(tasks));
        let count = thread::available_parallelism().map_or(LEAST, |count| count.get().clamp(LEAST, MOST));
        for _ in 0..count {
            let tasks = tasks.clone();
            let next = move || tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
            thread::Builder::new().name("reader".to_owned()).spawn(move || {
                while let Ok(task) = next() {
                    task();
                }
            })?;
        }
        Ok(Readers(sender))
    }

    /// What `read` returns once it had its turn, or what it panicked with.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Box<dyn Any + Send>> {
        let (sender, result) = oneshot::channel();
        let task = move || drop(sender.send(panic::catch_unwind(AssertUnwindSafe(read))));
        // The threads are there as long as this is, and what they take they answer.
        self.0.send(Box::new(task)).map_err(|error| Box::new(error.to_string()) as Box<dyn Any + Send>)?;
        result.await.unwrap_or_else(|error| Err(Box::new(error.to_string())))
    }
}
