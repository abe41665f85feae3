//! The container's first process: takes requests from farm, starts processes for them, collects every process that ends,
//! and ends itself, and with it the container, when farm's end of the socket closes. It has one thread and never waits
//! for anything but the next event.

use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, kill, killpg, signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid, chdir, fork, setgroups, setresgid, setresuid, setsid};

use super::helper::exit_now;
use super::protocol::{self, Answer, Request};
use super::{terminal, tree};
use crate::engine::TerminalSize;

/// What `exec` failures are to shells.
const NOT_FOUND: i32 = 127;
const NOT_RUNNABLE: i32 = 126;
/// What an engine gives to a process whose image and request say nothing.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// To the kernel's choice of whom to end, as if it had half of the container's memory more.
const SOONER_ENDED: i32 = 500;
const FIRST_TO_END: i32 = 1000;
/// A process in the middle of a system call takes a moment to die.
const KILL_PATIENCE: Duration = Duration::from_secs(20);
/// Tar's small writes as few of the kernel's.
const BUFFER: usize = 256 << 10;

/// A process that farm asked for.
struct Job {
    id: u64,
    pid: Pid,
    answer: File,
    /// A transfer's process writes its own answer, but for its sudden end.
    transfer: bool,
}

/// Serves until farm is gone; the exit code of the container. `address_space`: the bytes that each program may have, where
/// no control group limits memory.
pub(super) fn run(socket: &UnixStream, score: Option<File>, address_space: Option<u64>) -> i32 {
    match serve(socket, &Score::of(score), address_space) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

/// Where memory runs out, what farm asked for ends and not this process, and with it the container: what has taken the
/// memory may have it in files without a disk, which the kernel counts as nobody's when it looks for who has most. A
/// process's score is that of who started it, and may always be taken back to where it was.
struct Score {
    file: Option<File>,
    own: i32,
}

impl Score {
    fn of(file: Option<File>) -> Score {
        let mut text = String::new();
        let read = file.as_ref().and_then(|mut file| file.read_to_string(&mut text).ok());
        let own = read.and_then(|_| text.trim().parse().ok());
        Score { file: file.filter(|_| own.is_some()), own: own.unwrap_or(0) }
    }

    fn set(&self, score: i32) {
        if let Some(file) = &self.file {
            let _ = file.write_at(score.to_string().as_bytes(), 0);
        }
    }

    /// Forks a process that ends sooner.
    fn fork(&self) -> Result<ForkResult, Errno> {
        self.set((self.own + SOONER_ENDED).min(FIRST_TO_END));
        // SAFETY: this process has one thread.
        let forked = unsafe { fork() };
        if !matches!(forked, Ok(ForkResult::Child)) {
            self.set(self.own);
        }
        forked
    }
}

fn serve(socket: &UnixStream, score: &Score, address_space: Option<u64>) -> io::Result<()> {
    let signals: SigSet = [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&signals), None)?;
    let events = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    // Until now a failure was told there; from here on it only brings requests.
    protocol::send(socket, &Answer::Done, &[])?;
    umask(Mode::from_bits_truncate(0o022));
    let mut jobs: Vec<Job> = Vec::new();
    loop {
        let mut ready =
            [PollFd::new(socket.as_fd(), PollFlags::POLLIN), PollFd::new(events.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            result => result?,
        };
        let [from_farm, signalled] = ready.map(|one| one.any().unwrap_or(true));
        if signalled {
            while let Some(event) = events.read_signal()? {
                if event.ssi_signo != Signal::SIGCHLD as u32 {
                    return Ok(());
                }
            }
            collect(&mut jobs);
        }
        if from_farm {
            let Some((request, files)) = protocol::receive::<Request>(socket)? else { return Ok(()) };
            serve_one(request, files, &mut jobs, score, address_space);
        }
    }
}

fn serve_one(
    request: Request,
    mut files: Vec<OwnedFd>,
    jobs: &mut Vec<Job>,
    score: &Score,
    address_space: Option<u64>,
) {
    if let Request::Kill { id } = request {
        end_session(id, jobs);
        return;
    }
    let Some(answer) = files.pop().map(File::from) else { return };
    if matches!(request, Request::Quiesce) {
        end_all(jobs);
        reply(&answer, &Answer::Done);
        return;
    }
    match score.fork() {
        Err(error) => reply(&answer, &Answer::of("start a process", &error.into())),
        Ok(ForkResult::Child) => {
            let code = match request {
                Request::Exec { argv, env, user, group, workdir, terminal, .. } => {
                    execute(&argv, env, (user, group), &workdir, address_space, (files, terminal))
                }
                Request::Upload { path, .. } => transfer(files, &answer, |file| upload(file, &path)),
                Request::Download { path, .. } => transfer(files, &answer, |file| download(file, &path)),
                Request::Kill { .. } | Request::Quiesce => 0,
            };
            exit_now(code)
        }
        Ok(ForkResult::Parent { child }) => {
            let (id, transfer) = match request {
                Request::Exec { id, .. } => (id, false),
                Request::Upload { id, .. } | Request::Download { id, .. } => (id, true),
                Request::Kill { .. } | Request::Quiesce => return,
            };
            jobs.push(Job { id, pid: child, answer, transfer });
        }
    }
}

/// A farm that does not listen has what it wanted.
fn reply(mut to: &File, answer: &Answer) {
    if let Ok(body) = serde_json::to_vec(answer) {
        let _ = to.write_all(&body);
    }
}

/// Takes note of every process that ended, ours and the orphans that were handed to us.
fn collect(jobs: &mut Vec<Job>) {
    loop {
        let (pid, answer) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => (pid, Answer::Exited(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, Answer::Exited(128 + signal as i32)),
            Err(Errno::EINTR) => continue,
            _ => return,
        };
        if let Some(at) = jobs.iter().position(|job| job.pid == pid) {
            let job = jobs.swap_remove(at);
            if !job.transfer {
                reply(&job.answer, &answer);
            } else if answer != Answer::Exited(0) {
                reply(&job.answer, &Answer::Failed("move files: the process that did it was killed".to_owned()));
            }
        }
    }
}

/// Kills every process of a job's session until none is left. A session holds more than a process group: `timeout` and
/// interactive shells make groups of their own.
fn end_session(id: u64, jobs: &mut Vec<Job>) {
    let Some(leader) = jobs.iter().find(|job| job.id == id).map(|job| job.pid) else { return };
    let begun = Instant::now();
    loop {
        let _ = killpg(leader, Signal::SIGKILL);
        let left: Vec<Pid> = processes().filter(|(_, session)| *session == leader).map(|(pid, _)| pid).collect();
        for pid in &left {
            let _ = kill(*pid, Signal::SIGKILL);
        }
        collect(jobs);
        // Answered: farm waits for no more.
        if left.is_empty() || begun.elapsed() > KILL_PATIENCE {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Kills all processes but this one.
fn end_all(jobs: &mut Vec<Job>) {
    let begun = Instant::now();
    while processes().next().is_some() && begun.elapsed() < KILL_PATIENCE {
        let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        collect(jobs);
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Each process that is not dead yet, but this one, and its session.
fn processes() -> impl Iterator<Item = (Pid, Pid)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let text = fs::read(entry.path().join("stat")).ok()?;
        // `pid (name) state ppid pgrp session`: the name may hold anything (proc(5)).
        let end = text.iter().rposition(|byte| *byte == b')')?;
        let rest = String::from_utf8_lossy(&text[end + 1..]).into_owned();
        let mut words = rest.split_whitespace();
        let (state, session) = (words.next()?, words.nth(2)?.parse().ok()?);
        (pid != 1 && !matches!(state, "Z" | "X")).then(|| (Pid::from_raw(pid), Pid::from_raw(session)))
    })
}

/// In a child: becomes the program. Returns only when it cannot, with the exit code that says so.
fn execute(
    argv: &[String],
    env: Vec<String>,
    owner: (u32, u32),
    workdir: &str,
    address_space: Option<u64>,
    ends: (Vec<OwnedFd>, Option<TerminalSize>),
) -> i32 {
    let Err((code, why)) = try_execute(argv, env, owner, workdir, address_space, ends);
    let _ = writeln!(io::stderr(), "farm: {why}");
    code
}

enum Never {}

fn try_execute(
    argv: &[String],
    env: Vec<String>,
    (user, group): (u32, u32),
    workdir: &str,
    address_space: Option<u64>,
    (files, terminal): (Vec<OwnedFd>, Option<TerminalSize>),
) -> Result<Never, (i32, String)> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: Errno| (NOT_RUNNABLE, format!("{what}: {}", error.desc()))
    };
    default_signals().map_err(failed("reset signals"))?;
    let _ = setsid();
    match (terminal, &files[..]) {
        (Some(size), [socket]) => terminal::take(socket, size, user).map_err(failed("take a terminal"))?,
        (None, [output, errors]) => {
            let input = File::open("/dev/null").map_err(|error| (NOT_RUNNABLE, format!("open /dev/null: {error}")))?;
            terminal::redirect([input.as_fd(), output.as_fd(), errors.as_fd()]).map_err(failed("redirect output"))?;
        }
        _ => return Err((NOT_RUNNABLE, "no output".to_owned())),
    }
    chdir(workdir).map_err(failed(&format!("enter {workdir}")))?;
    let home = home_of(user);
    setgroups(&[]).map_err(failed("drop groups"))?;
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(group));
    setresgid(gid, gid, gid).map_err(failed(&format!("become group {group}")))?;
    setresuid(uid, uid, uid).map_err(failed(&format!("become user {user}")))?;

    let text = |text: &str| CString::new(text).map_err(|_| (NOT_RUNNABLE, "a zero byte in an argument".to_owned()));
    let mut all = env;
    for (name, value) in [("PATH", PATH), ("HOSTNAME", "farm"), ("HOME", home.as_str())] {
        if !all.iter().any(|one| one.split_once('=').is_some_and(|(seen, _)| seen == name)) {
            all.push(format!("{name}={value}"));
        }
    }
    let path = all.iter().find_map(|one| one.strip_prefix("PATH=")).unwrap_or(PATH).to_owned();
    let arguments = argv.iter().map(|word| text(word)).collect::<Result<Vec<_>, _>>()?;
    let environment = all.iter().map(|one| text(one)).collect::<Result<Vec<_>, _>>()?;
    let Some(program) = argv.first() else { return Err((NOT_RUNNABLE, "no program".to_owned())) };
    let candidates: Vec<PathBuf> = match program.contains('/') {
        true => vec![PathBuf::from(program)],
        false => path.split(':').filter(|folder| !folder.is_empty()).map(|f| Path::new(f).join(program)).collect(),
    };
    let candidates = candidates.into_iter().map(|candidate| CString::new(candidate.into_os_string().into_vec()));
    let candidates: Vec<CString> =
        candidates.collect::<Result<_, _>>().map_err(|_| (NOT_RUNNABLE, "a zero byte in a path".to_owned()))?;
    // Last of all: farm's own program may be larger than what the build is given.
    if let Some(bytes) = address_space {
        let limited = getrlimit(Resource::RLIMIT_AS)
            .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_AS, bytes.min(hard), bytes.min(hard)));
        limited.map_err(failed("limit memory"))?;
    }
    let mut last = Errno::ENOENT;
    for candidate in candidates {
        let Err(error) = nix::unistd::execve(&candidate, &arguments, &environment);
        if error != Errno::ENOENT && error != Errno::ENOTDIR {
            last = error;
        }
    }
    let code = if last == Errno::ENOENT { NOT_FOUND } else { NOT_RUNNABLE };
    Err((code, format!("{program}: {}", last.desc())))
}

/// As a login would have them: this process blocks some, and ignores SIGPIPE as every Rust program does, and whatever
/// else whoever started farm ignores: SIGHUP under nohup(1), SIGINT in the background of a script.
fn default_signals() -> Result<(), Errno> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    for each in Signal::iterator().filter(|each| !matches!(each, Signal::SIGKILL | Signal::SIGSTOP)) {
        // SAFETY: the default handlers run no code of ours.
        unsafe { signal(each, SigHandler::SigDfl) }?;
    }
    Ok(())
}

/// The home folder that the container's `/etc/passwd` gives a user, else `/` (as engines do).
fn home_of(user: u32) -> String {
    let table = fs::read("/etc/passwd").unwrap_or_default();
    let table = String::from_utf8_lossy(&table);
    let home = table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.len() >= 6 && fields[2].parse() == Ok(user)).then(|| fields[5].to_owned())
    });
    home.filter(|home| home.starts_with('/')).unwrap_or_else(|| "/".to_owned())
}

/// In a child: moves files, and answers.
fn transfer(files: Vec<OwnedFd>, answer: &File, work: impl FnOnce(File) -> Answer) -> i32 {
    let ready = default_signals();
    let _ = setsid();
    let result = match (files.into_iter().next(), ready) {
        (Some(file), Ok(())) => {
            // Farm's going away is an error here, as it should be, not a signal.
            // SAFETY: ignoring runs no code of ours.
            let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) };
            work(File::from(file))
        }
        (None, _) => Answer::Failed("move files: no stream".to_owned()),
        (_, Err(error)) => Answer::Failed(format!("reset signals: {}", error.desc())),
    };
    reply(answer, &result);
    0
}

fn upload(from: File, path: &str) -> Answer {
    let folder = Path::new(OsStr::from_bytes(path.as_bytes()));
    if !folder.is_dir() {
        return Answer::NoSuchPath;
    }
    match tree::unpack(io::BufReader::with_capacity(BUFFER, from), folder, tree::Unpack::Files) {
        Ok(()) => Answer::Done,
        Err(error) => Answer::of("unpack", &error),
    }
}

fn download(to: File, path: &str) -> Answer {
    let path = Path::new(OsStr::from_bytes(path.as_bytes()));
    if fs::symlink_metadata(path).is_err() {
        return Answer::NoSuchPath;
    }
    match tree::pack(path, io::BufWriter::with_capacity(BUFFER, to)) {
        Ok(()) => Answer::Done,
        Err(error) => Answer::of("read", &error),
    }
}
