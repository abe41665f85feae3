//! A daemon of ours: started by hand in a folder of its own, found again by a file there, ended by its process id, with
//! the mounts and folders that it made.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::apt;
use crate::command::{self, Failure};

/// Where one daemon keeps its things.
#[derive(Debug)]
pub(crate) struct Service {
    name: &'static str,
    /// Images and containers: stays between starts.
    pub(crate) data: PathBuf,
    /// Sockets and the state of what runs: goes with the daemon.
    pub(crate) run: PathBuf,
}

impl Service {
    pub(crate) fn new(name: &'static str) -> Service {
        Service::within("engine", name)
    }

    /// As [`Service::new`], with its data and log in another folder of `target`.
    pub(crate) fn within(folder: &str, name: &'static str) -> Service {
        let home = command::target().join(folder);
        // Short, wherever the checkout is: a socket's path ends after 107 bytes, Podman's run root after 50. The name is
        // stable, so that the next command finds the daemon again.
        let hash = hash(home.to_string_lossy().as_bytes());
        let of_root = Path::new("/run");
        let parent = if apt::is_root() { of_root.to_owned() } else { std::env::temp_dir() };
        let run = parent.join(format!("farm-{name}-{hash}"));
        Service { name, data: home.join(format!("{name}-data")), run }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.run.join(format!("{}.sock", self.name))
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.data.with_file_name(format!("{}.log", self.name))
    }

    pub(crate) fn answers(&self) -> bool {
        answers(&self.socket())
    }

    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        for folder in [&self.data, &self.run] {
            fs::create_dir_all(folder).map_err(|error| Failure::io("make", folder, &error))?;
        }
        Ok(())
    }

    /// Starts `daemon` away from this terminal and waits until it answers on its socket.
    ///
    /// # Errors
    /// With the last lines of its log when it ends instead, or says nothing for a minute.
    pub(crate) fn start(&self, daemon: &mut Command) -> Result<(), Failure> {
        self.start_until(daemon, || self.answers())
    }

    /// As [`Service::start`], for a daemon that has no socket in its run folder: `answers` asks it.
    pub(crate) fn start_until(&self, daemon: &mut Command, answers: impl Fn() -> bool) -> Result<(), Failure> {
        let log = self.log();
        let open = || fs::File::options().create(true).append(true).open(&log);
        let (out, err) =
            open().and_then(|out| Ok((out, open()?))).map_err(|error| Failure::io("write", &log, &error))?;
        // In its own folder: when memory runs out, conmon writes a file `oom` where Podman was started. Its own process
        // group: Ctrl-C is for farm, not for the engine that cleans up after it.
        daemon.current_dir(&self.data).stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
        let mut child =
            daemon.spawn().map_err(|error| Failure::new(format!("{} cannot be started: {error}", self.name)))?;
        let pid = self.pid_file();
        fs::write(&pid, child.id().to_string()).map_err(|error| Failure::io("write", &pid, &error))?;
        let answered = self.wait_for(&mut child, answers);
        if answered.is_err() {
            let _ = child.kill();
            let _ = child.wait();
            let _ = fs::remove_file(pid);
        }
        answered
    }

    fn wait_for(&self, child: &mut Child, answers: impl Fn() -> bool) -> Result<(), Failure> {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(60) {
            if answers() {
                return Ok(());
            }
            if let Ok(Some(status)) = child.try_wait() {
                return Err(Failure::new(format!("{} ended with {status}:\n{}", self.name, self.last_words())));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(Failure::new(format!("{} does not answer after a minute:\n{}", self.name, self.last_words())))
    }

    pub(crate) fn last_words(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    /// Ends the daemon if it is the one that we started, and removes what it leaves mounted and its run folder.
    pub(crate) fn stop(&self) -> Result<(), Failure> {
        if let Some(pid) = self.running_pid() {
            signal(pid, "TERM");
            let begin = Instant::now();
            while is_alive(pid) && begin.elapsed() < Duration::from_secs(30) {
                std::thread::sleep(Duration::from_millis(50));
            }
            if is_alive(pid) {
                signal(pid, "KILL");
            }
        }
        self.unmount();
        match fs::remove_dir_all(&self.run) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::io("remove", &self.run, &error)),
            _ => Ok(()),
        }
    }

    /// Removes its data; the daemon has to be stopped.
    pub(crate) fn clean(&self) -> Result<(), Failure> {
        self.unmount();
        let _ = fs::remove_file(self.log());
        match fs::remove_dir_all(&self.data) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::io("remove", &self.data, &error))
            }
            _ => Ok(()),
        }
    }

    fn pid_file(&self) -> PathBuf {
        self.run.join("xtask.pid")
    }

    /// The process that we started, if it still is that one: ids are used again.
    fn running_pid(&self) -> Option<u32> {
        let pid: u32 = fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()?;
        let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let ours = self.run.to_string_lossy();
        String::from_utf8_lossy(&command).contains(ours.as_ref()).then_some(pid)
    }

    /// Whether the daemon that we started is there.
    pub(crate) fn is_running(&self) -> bool {
        self.running_pid().is_some_and(is_alive)
    }

    /// Overlay and shm mounts of containers that ended with the daemon; innermost first.
    fn unmount(&self) {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mut ours: Vec<&Path> = mounts
            .lines()
            .filter_map(|line| line.split(' ').nth(4))
            .map(Path::new)
            .filter(|path| path.starts_with(&self.data) || path.starts_with(&self.run))
            .collect();
        ours.reverse();
        for path in ours {
            let _ = command::run(Command::new("umount").arg("--lazy").arg(path));
        }
    }
}

/// Names what `bytes` say, stably: FNV-1a of 64 bits, in hexadecimal digits.
pub(crate) fn hash(bytes: &[u8]) -> String {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
}

fn is_alive(pid: u32) -> bool {
    // A daemon that this very process started stays as a zombie until it is waited for: gone enough.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// Asks `GET /_ping` of a Docker-compatible API.
pub(crate) fn answers(socket: &Path) -> bool {
    let ask = || -> std::io::Result<String> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        status(stream, "/_ping")
    };
    ask().is_ok_and(|status| status.contains(" 200 "))
}

/// The first line of what an HTTP server answers, or the beginning of it.
pub(crate) fn status(mut server: impl Read + Write, path: &str) -> std::io::Result<String> {
    write!(server, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = [0; 64];
    let length = server.read(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer[..length]);
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}
