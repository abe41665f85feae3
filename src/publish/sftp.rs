//! The SFTP protocol, version 3 (draft-ietf-secsh-filexfer-02), as far as publishing needs it, over the system's `ssh`: one
//! process and one connection for all that is asked at once. What the other end says is checked before it is believed.
//!
//! It blocks, on threads that are there for that, and knows nothing of repositories.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::types::printable;

const INIT: u8 = 1;
const VERSION: u8 = 2;
const OPEN: u8 = 3;
const CLOSE: u8 = 4;
const READ: u8 = 5;
const WRITE: u8 = 6;
const FSTAT: u8 = 8;
const SETSTAT: u8 = 9;
const FSETSTAT: u8 = 10;
const OPENDIR: u8 = 11;
const READDIR: u8 = 12;
const REMOVE: u8 = 13;
const MKDIR: u8 = 14;
const RMDIR: u8 = 15;
const STAT: u8 = 17;
const RENAME: u8 = 18;
const STATUS: u8 = 101;
const HANDLE: u8 = 102;
const DATA: u8 = 103;
const NAME: u8 = 104;
const ATTRS: u8 = 105;
const EXTENDED: u8 = 200;

/// Codes of STATUS.
const OK: u32 = 0;
const END: u32 = 1;
const NO_SUCH_FILE: u32 = 2;

/// Flags of OPEN: READ; WRITE, CREAT, EXCL.
const TO_READ: u32 = 0x01;
const TO_CREATE: u32 = 0x02 | 0x08 | 0x20;

/// Flags of attributes.
const HAS_SIZE: u32 = 0x01;
const HAS_OWNER: u32 = 0x02;
const HAS_MODE: u32 = 0x04;
const HAS_TIMES: u32 = 0x08;
const HAS_MORE: u32 = 0x8000_0000;

/// Every server takes so much in one packet.
pub(super) const CHUNK: usize = 32 << 10;
/// So many pieces of one file are on their way at once.
const PIPELINED: usize = 64;
/// OpenSSH sends no larger ones.
const LARGEST_PACKET: usize = 256 << 10;
const LARGEST_COMPLAINT: usize = 4096;
/// A folder of farm's own has a few.
const MOST_NAMES: usize = 100_000;

const RENAME_OVER: &str = "posix-rename@openssh.com";
const SYNC: &str = "fsync@openssh.com";

/// Why something is not done at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SftpError {
    NoSuchFile,
    /// In words.
    Failed(String),
}

/// What is known of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) size: u64,
    /// Seconds since the epoch, by the clock of the other end.
    pub(super) modified: u32,
}

struct Reply {
    kind: u8,
    content: Vec<u8>,
}

/// Who waits for which answer; none once there are no more.
type Waiting = Arc<Mutex<Option<HashMap<u32, SyncSender<Reply>>>>>;

/// A connection. It ends when it is dropped.
pub(super) struct Sftp {
    stdin: Mutex<Option<ChildStdin>>,
    child: Mutex<Child>,
    waiting: Waiting,
    next: AtomicU32,
    complaint: Arc<Mutex<Vec<u8>>>,
    extensions: Vec<String>,
}

impl Drop for Sftp {
    fn drop(&mut self) {
        // ssh ends when it has nothing more to read.
        *locked(&self.stdin) = None;
        let _ = locked(&self.child).kill();
        let _ = locked(&self.child).wait();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sftp {
    /// Starts a program that speaks SFTP on its stdin and stdout.
    ///
    /// # Errors
    /// What it says of why there is no connection.
    pub(super) fn start(mut command: Command) -> Result<Sftp, String> {
        #[cfg(unix)]
        {
            // A signal of the terminal is farm's to answer: it has things to put in order at the other end.
            use std::os::unix::process::CommandExt;
            command.process_group(0);
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = child.map_err(|error| format!("{} cannot be started: {error}", printable(&name)))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdout), Some(mut stderr)) = (stdout, stderr) else { return Err("it has no output".to_owned()) };
        let waiting: Waiting = Arc::new(Mutex::new(Some(HashMap::new())));
        let complaint = Arc::new(Mutex::new(Vec::new()));
        let said = complaint.clone();
        // It may have no end: an ssh that stays for later connections (ControlPersist) keeps the pipe.
        std::thread::spawn(move || {
            let mut piece = [0; 1024];
            while let Ok(read @ 1..) = stderr.read(&mut piece) {
                let mut said = locked(&said);
                if said.len() < LARGEST_COMPLAINT {
                    said.extend_from_slice(&piece[..read]);
                }
            }
        });
        let mut sftp = Sftp {
            stdin: Mutex::new(stdin),
            child: Mutex::new(child),
            waiting: waiting.clone(),
            next: AtomicU32::new(1),
            complaint,
            extensions: Vec::new(),
        };
        let greeting = [&[INIT][..], &3_u32.to_be_bytes()].concat();
        let greeted = sftp.put(&greeting).and_then(|()| packet(&mut stdout));
        let Ok(hello) = greeted else { return Err(sftp.broken()) };
        let mut fields = Fields(&hello);
        if fields.byte() != Some(VERSION) || fields.number().is_none_or(|version| version < 3) {
            return Err("what answers there does not speak SFTP".to_owned());
        }
        while let (Some(name), Some(_)) = (fields.text(), fields.text()) {
            sftp.extensions.push(String::from_utf8_lossy(name).into_owned());
        }
        std::thread::spawn(move || deliver(&mut stdout, &waiting));
        Ok(sftp)
    }

    /// What ssh says after the connection is gone.
    fn broken(&self) -> String {
        *locked(&self.stdin) = None;
        let mut child = locked(&self.child);
        // It ends by itself when it has nothing more to read, unless the other end is no such server.
        let ended = (0..100).find_map(|_| {
            std::thread::sleep(Duration::from_millis(20));
            child.try_wait().ok().flatten()
        });
        let _ = child.kill();
        let _ = child.wait();
        let said = locked(&self.complaint).clone();
        let said = printable(String::from_utf8_lossy(&said).trim());
        match (said.is_empty(), ended) {
            (false, _) => said,
            (true, Some(status)) => format!("the connection is gone: ssh ended with {status}"),
            (true, None) => "what answers there does not speak SFTP".to_owned(),
        }
    }

    fn put(&self, packet: &[u8]) -> io::Result<()> {
        let mut stdin = locked(&self.stdin);
        let stdin = stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(&[&(packet.len() as u32).to_be_bytes(), packet].concat())?;
        stdin.flush()
    }

    /// Asks for something, and does not wait.
    fn send(&self, kind: u8, content: &[&[u8]]) -> Result<Receiver<Reply>, SftpError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = sync_channel(1);
        match &mut *locked(&self.waiting) {
            Some(waiting) => waiting.insert(id, sender),
            None => return Err(SftpError::Failed(self.broken())),
        };
        let packet = [&[kind][..], &id.to_be_bytes(), &content.concat()].concat();
        self.put(&packet).map_err(|_| SftpError::Failed(self.broken()))?;
        Ok(receiver)
    }

    /// Waits for the answer, which has to be of this kind; none at the end of what is read.
    fn answer(&self, reply: &Receiver<Reply>, wanted: u8) -> Result<Option<Vec<u8>>, SftpError> {
        let Ok(Reply { kind, content }) = reply.recv() else { return Err(SftpError::Failed(self.broken())) };
        if kind == wanted && kind != STATUS {
            return Ok(Some(content));
        }
        let mut fields = Fields(&content);
        let (code, message) = (fields.number(), fields.text().unwrap_or_default());
        match code.filter(|_| kind == STATUS) {
            Some(OK) if wanted == STATUS => Ok(Some(Vec::new())),
            Some(END) => Ok(None),
            Some(NO_SUCH_FILE) => Err(SftpError::NoSuchFile),
            Some(_) => Err(SftpError::Failed(printable(&String::from_utf8_lossy(message)))),
            None => Err(unexpected()),
        }
    }

    fn ask(&self, kind: u8, content: &[&[u8]], wanted: u8) -> Result<Option<Vec<u8>>, SftpError> {
        self.answer(&self.send(kind, content)?, wanted)
    }

    fn done(&self, kind: u8, content: &[&[u8]]) -> Result<(), SftpError> {
        self.ask(kind, content, STATUS).map(drop)
    }

    fn handle(&self, kind: u8, content: &[&[u8]]) -> Result<Vec<u8>, SftpError> {
        let content = self.ask(kind, content, HANDLE)?.ok_or_else(unexpected)?;
        Fields(&content).text().map(string).ok_or_else(unexpected)
    }

    pub(super) fn stat(&self, path: &str) -> Result<Attributes, SftpError> {
        attributes(self.ask(STAT, &[&string(path.as_bytes())], ATTRS)?)
    }

    /// What is known of several files, all asked for at once; what is not there is none.
    pub(super) fn stat_all(&self, paths: &[String]) -> Result<Vec<Option<Attributes>>, SftpError> {
        let mut found = Vec::new();
        for some in paths.chunks(PIPELINED * 4) {
            let asked: Vec<_> =
                some.iter().map(|path| self.send(STAT, &[&string(path.as_bytes())])).collect::<Result<_, _>>()?;
            for reply in &asked {
                found.push(match self.answer(reply, ATTRS) {
                    Ok(content) => Some(attributes(content)?),
                    Err(SftpError::NoSuchFile) => None,
                    Err(error) => return Err(error),
                });
            }
        }
        Ok(found)
    }

    /// The whole of a file that is no larger than `most`.
    pub(super) fn read(&self, path: &str, most: usize) -> Result<Vec<u8>, SftpError> {
        let handle = self.handle(OPEN, &[&string(path.as_bytes()), &TO_READ.to_be_bytes(), &0_u32.to_be_bytes()])?;
        let mut content = Vec::new();
        let read = loop {
            let at = (content.len() as u64).to_be_bytes();
            match self.ask(READ, &[&handle, &at, &(CHUNK as u32).to_be_bytes()], DATA) {
                Ok(Some(data)) => match Fields(&data).text() {
                    Some(data) if !data.is_empty() => content.extend_from_slice(data),
                    _ => break Err(unexpected()),
                },
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            if content.len() > most {
                break Err(SftpError::Failed("it is larger than it can be".to_owned()));
            }
        };
        let closed = self.done(CLOSE, &[&handle]);
        read.and(closed).map(|()| content)
    }

    /// Makes a file that everybody may read of the pieces that `next` gives, where none is, and has it on disk. Returns what is
    /// known of it then.
    pub(super) fn create(
        &self,
        path: &str,
        mut next: impl FnMut() -> Result<Option<Vec<u8>>, String>,
    ) -> Result<Attributes, SftpError> {
        let mode = [HAS_MODE.to_be_bytes(), 0o644_u32.to_be_bytes()].concat();
        let handle = self.handle(OPEN, &[&string(path.as_bytes()), &TO_CREATE.to_be_bytes(), &mode])?;
        let write = || {
            let (mut at, mut written) = (0_u64, std::collections::VecDeque::new());
            while let Some(piece) = next().map_err(SftpError::Failed)? {
                if written.len() >= PIPELINED
                    && let Some(first) = written.pop_front()
                {
                    self.answer(&first, STATUS)?;
                }
                written.push_back(self.send(WRITE, &[&handle, &at.to_be_bytes(), &string(&piece)])?);
                at += piece.len() as u64;
            }
            for reply in written {
                self.answer(&reply, STATUS)?;
            }
            // The umask of the other end may have taken something away.
            self.done(FSETSTAT, &[&handle, &mode])?;
            if self.extensions.iter().any(|name| name == SYNC) {
                self.done(EXTENDED, &[&string(SYNC.as_bytes()), &handle])?;
            }
            attributes(self.ask(FSTAT, &[&handle], ATTRS)?)
        };
        let written = { write }();
        let closed = self.done(CLOSE, &[&handle]);
        written.and_then(|attributes| closed.map(|()| attributes))
    }

    /// Puts a file in the place of another one, if there is one, in one step.
    pub(super) fn rename_over(&self, from: &str, to: &str) -> Result<(), SftpError> {
        if !self.extensions.iter().any(|name| name == RENAME_OVER) {
            let reason = format!("the server has no {RENAME_OVER}, which replaces a file in one step");
            return Err(SftpError::Failed(reason));
        }
        let names = [RENAME_OVER, from, to].map(|name| string(name.as_bytes()));
        self.done(EXTENDED, &[&names.concat()])
    }

    /// Gives a file a name that no file has; it fails where one has it.
    pub(super) fn rename_new(&self, from: &str, to: &str) -> Result<(), SftpError> {
        self.done(RENAME, &[&string(from.as_bytes()), &string(to.as_bytes())])
    }

    pub(super) fn remove(&self, path: &str) -> Result<(), SftpError> {
        self.done(REMOVE, &[&string(path.as_bytes())])
    }

    /// Makes a folder that everybody may read.
    pub(super) fn make_folder(&self, path: &str) -> Result<(), SftpError> {
        let (path, mode) = (string(path.as_bytes()), [HAS_MODE.to_be_bytes(), 0o755_u32.to_be_bytes()].concat());
        self.done(MKDIR, &[&path, &mode])?;
        // The umask of the other end may have taken something away.
        self.done(SETSTAT, &[&path, &mode])
    }

    pub(super) fn remove_folder(&self, path: &str) -> Result<(), SftpError> {
        self.done(RMDIR, &[&string(path.as_bytes())])
    }

    /// The names in a folder, without `.` and `..`; of one that is not there none.
    pub(super) fn names(&self, path: &str) -> Result<Vec<(String, Attributes)>, SftpError> {
        let handle = match self.handle(OPENDIR, &[&string(path.as_bytes())]) {
            Err(SftpError::NoSuchFile) => return Ok(Vec::new()),
            handle => handle?,
        };
        let mut names = Vec::new();
        let read = loop {
            match self.ask(READDIR, &[&handle], NAME) {
                Ok(Some(content)) => match listed(&content) {
                    Some(found) => names.extend(found),
                    None => break Err(unexpected()),
                },
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            if names.len() > MOST_NAMES {
                break Err(SftpError::Failed("it has more files than it can have".to_owned()));
            }
        };
        let closed = self.done(CLOSE, &[&handle]);
        names.retain(|(name, _)| name != "." && name != ".." && !name.contains('/'));
        read.and(closed).map(|()| names)
    }
}

/// Gives answers to those who wait for them, until there are no more.
fn deliver(stdout: &mut impl Read, waiting: &Waiting) {
    while let Ok(content) = packet(stdout) {
        let mut fields = Fields(&content);
        let (Some(kind), Some(id)) = (fields.byte(), fields.number()) else { break };
        let receiver = locked(waiting).as_mut().and_then(|waiting| waiting.remove(&id));
        // An answer that nobody waits for is that of one who has given up.
        if let Some(receiver) = receiver {
            let _ = receiver.send(Reply { kind, content: fields.0.to_vec() });
        }
    }
    *locked(waiting) = None;
}

fn packet(stdout: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stdout.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length == 0 || length > LARGEST_PACKET + 1024 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut content = vec![0; length];
    stdout.read_exact(&mut content)?;
    Ok(content)
}

fn string(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_be_bytes(), content].concat()
}

fn unexpected() -> SftpError {
    SftpError::Failed("the server answers what was not asked for".to_owned())
}

fn attributes(content: Option<Vec<u8>>) -> Result<Attributes, SftpError> {
    content.and_then(|content| Fields(&content).attributes()).ok_or_else(unexpected)
}

/// Of an answer to READDIR.
fn listed(content: &[u8]) -> Option<Vec<(String, Attributes)>> {
    let mut fields = Fields(content);
    let count = fields.number()?;
    let mut found = Vec::new();
    for _ in 0..count {
        let (name, _long, attributes) = (fields.text()?, fields.text()?, fields.attributes()?);
        found.push((String::from_utf8_lossy(name).into_owned(), attributes));
    }
    Some(found)
}

/// What is left of a packet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number()? as usize;
        self.take(length)
    }

    fn attributes(&mut self) -> Option<Attributes> {
        let flags = self.number()?;
        let mut found = Attributes::default();
        if flags & HAS_SIZE != 0 {
            found.size = self.take(8)?.try_into().ok().map(u64::from_be_bytes)?;
        }
        if flags & HAS_OWNER != 0 {
            self.take(8)?;
        }
        if flags & HAS_MODE != 0 {
            self.take(4)?;
        }
        if flags & HAS_TIMES != 0 {
            self.number()?;
            found.modified = self.number()?;
        }
        if flags & HAS_MORE != 0 {
            for _ in 0..self.number()? {
                self.text()?;
                self.text()?;
            }
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_short_is_nothing() {
        let whole = [
            &1_u32.to_be_bytes()[..],
            &string(b"a"),
            &string(b"-rw- a"),
            &HAS_SIZE.to_be_bytes(),
            &7_u64.to_be_bytes(),
        ]
        .concat();
        assert_eq!(listed(&whole), Some(vec![("a".to_owned(), Attributes { size: 7, modified: 0 })]));
        for length in 0..whole.len() {
            assert_eq!(listed(&whole[..length]), None, "{length}");
        }
        // A server that says of itself that it sends more than there is.
        assert!(packet(&mut &[0xff, 0xff, 0xff, 0xff, 1][..]).is_err());
        assert!(packet(&mut &[0, 0, 0, 9, 1][..]).is_err());
    }
}
