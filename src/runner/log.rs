//! One job's log file: every byte that the job printed, in order, with a banner per step. A thread of its own writes;
//! when the disk is slower than the build, the build waits: nothing is dropped.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::tail::TailBuffer;
use crate::event::Tail;
use crate::hint::{Missing, Scanner};
use crate::types::banner::banner;

/// Memory between the job and the disk, in bytes.
const IN_FLIGHT: usize = 128 << 10;
/// Of it, what a chunk takes beside its bytes.
const OVERHEAD: usize = 128;

#[derive(Debug)]
pub(crate) struct JobLog {
    sender: mpsc::UnboundedSender<(Bytes, OwnedSemaphorePermit)>,
    /// What of [`IN_FLIGHT`] is free.
    room: Arc<Semaphore>,
    writer: oneshot::Receiver<io::Result<()>>,
    /// 1-based number of the line that the next byte belongs to.
    line: u64,
    at_line_start: bool,
    tail: TailBuffer,
    scanner: Scanner,
}

impl JobLog {
    /// Begins a new log at `path`.
    pub(crate) fn create(path: &Path) -> io::Result<JobLog> {
        let file = std::fs::File::create(path)?;
        let (sender, mut receiver) = mpsc::unbounded_channel::<(Bytes, OwnedSemaphorePermit)>();
        let (done, writer) = oneshot::channel();
        std::thread::Builder::new().name("job log".to_owned()).spawn(move || {
            let mut file = BufWriter::with_capacity(16 * 1024, file);
            let mut write = || {
                while let Some((chunk, _room)) = receiver.blocking_recv() {
                    file.write_all(&chunk)?;
                    // Quiet for now: who reads along should see all there is.
                    if receiver.is_empty() {
                        file.flush()?;
                    }
                }
                file.flush()
            };
            let result = write();
            drop(receiver);
            // Nobody waits for it any more when the job was aborted.
            let _ = done.send(result);
        })?;
        Ok(JobLog {
            sender,
            room: Arc::new(Semaphore::new(IN_FLIGHT)),
            writer,
            line: 1,
            at_line_start: true,
            tail: TailBuffer::default(),
            scanner: Scanner::default(),
        })
    }

    /// What the job's processes printed.
    pub(crate) async fn output(&mut self, bytes: Bytes) -> io::Result<()> {
        self.tail.feed(self.line, &bytes);
        self.scanner.feed(self.line, &bytes);
        self.write(bytes).await
    }

    /// A line of farm's own.
    pub(crate) async fn note(&mut self, text: &str) -> io::Result<()> {
        self.own(format!("farm: {text}\n")).await
    }

    /// Begins a section; the tail, and the looking for what is missing, start over.
    pub(crate) async fn banner(&mut self, title: &str) -> io::Result<()> {
        self.own(banner(title)).await?;
        self.tail = TailBuffer::default();
        self.scanner = Scanner::default();
        Ok(())
    }

    /// What was printed so far is no part of the tail any more.
    pub(crate) fn begin_tail(&mut self) {
        self.tail = TailBuffer::default();
    }

    /// Text of farm's own, on lines of its own.
    pub(crate) async fn own(&mut self, text: String) -> io::Result<()> {
        let text = if self.at_line_start { text } else { format!("\n{text}") };
        self.write(text.into()).await
    }

    /// The last lines of output since the last banner, or [`JobLog::begin_tail`]; none when there was no output.
    pub(crate) fn tail(&self) -> Option<Tail> {
        self.tail.tail()
    }

    /// What the output since the last banner says is missing.
    pub(crate) fn missing(&mut self) -> Vec<Missing> {
        self.scanner.missing()
    }

    /// Whether one of the last lines holds `needle`.
    pub(crate) fn tail_contains(&self, needle: &str) -> bool {
        self.tail.contains(needle.as_bytes())
    }

    /// Waits until all is written.
    pub(crate) async fn finish(self) -> io::Result<()> {
        drop(self.sender);
        self.writer.await.unwrap_or_else(|_| Err(io::Error::other("the thread that writes the log ended")))
    }

    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        let Some(last) = bytes.last() else { return Ok(()) };
        self.at_line_start = *last == b'\n';
        self.line += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let needed = (bytes.len() + OVERHEAD).min(IN_FLIGHT);
        // Nobody closes it. When the writer has ended, all of it is free.
        let room = self.room.clone().acquire_many_owned(needed as u32).await.map_err(io::Error::other)?;
        if self.sender.send((bytes, room)).is_ok() {
            return Ok(());
        }
        match (&mut self.writer).await {
            Ok(Err(error)) => Err(error),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_byte_is_in_the_file_and_the_tail_knows_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("build.log");
        let mut log = JobLog::create(&path).unwrap();
        log.output("prepared\n".into()).await.unwrap();
        log.banner("Build").await.unwrap();
        log.output("cc a.c\nwarning: \u{fc}\nno newline".into()).await.unwrap();
        log.output(Bytes::from_static(b" \xff\x00")).await.unwrap();
        log.note("exit code 2").await.unwrap();
        let tail = log.tail().unwrap();
        log.finish().await.unwrap();

        let written = std::fs::read(&path).unwrap();
        let rule = format!("+{}+", "-".repeat(78));
        let banner = format!("\n{rule}\n| Build{} |\n{rule}\n\n", " ".repeat(71));
        let mut expected = format!("prepared\n{banner}cc a.c\nwarning: \u{fc}\nno newline ").into_bytes();
        expected.extend_from_slice(b"\xff\x00\nfarm: exit code 2\n");
        assert_eq!(written, expected);

        let line = written.split(|byte| *byte == b'\n').position(|line| line == b"cc a.c").unwrap() + 1;
        assert_eq!(tail.first_line, line as u64);
        assert_eq!(tail.lines, ["cc a.c", "warning: \u{fc}", "no newline \u{fffd}\\x00"]);
    }

    #[tokio::test]
    async fn megabytes_arrive_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("build.log");
        let mut log = JobLog::create(&path).unwrap();
        for index in 0..20_000u32 {
            log.output(format!("{index:0>100}\n").into()).await.unwrap();
        }
        let tail = log.tail().unwrap();
        log.finish().await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().enumerate().all(|(index, line)| line.parse::<usize>().unwrap() == index));
        assert_eq!(text.lines().count(), 20_000);
        assert_eq!(tail.first_line, 20_000 - tail.lines.len() as u64 + 1);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_disk_is_told() {
        let mut log = JobLog::create(Path::new("/dev/full")).unwrap();
        let error = loop {
            if let Err(error) = log.output(vec![b'x'; 100_000].into()).await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
