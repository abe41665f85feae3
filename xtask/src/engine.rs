//! Makes sure that a container engine is there: one that runs is used as it is; else, on a Debian machine as root,
//! Debian's docker.io is installed and a dockerd of our own started, with all it keeps under `target/engine`. Only what
//! was started here is ever stopped.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{has_program, root, run};

/// An engine that answers.
pub(crate) struct Engine {
    /// `unix:///run/docker.sock`
    pub(crate) host: String,
    /// Present when it was started here.
    daemon: Option<Daemon>,
    /// The daemon has no network of its own: containers need the host's.
    host_network: bool,
}

impl Engine {
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let mut environment = vec![("DOCKER_HOST", self.host.clone())];
        if self.host_network {
            environment.push(("FARM_NETWORK", "host".to_owned()));
        }
        environment
    }

    /// Ends the engine if it was started by this process.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        match self.daemon.take() {
            Some(daemon) => daemon.stop(),
            None => Ok(()),
        }
    }
}

/// A process that was started here, with the folder that it keeps things in.
pub(crate) struct Daemon {
    child: Child,
}

impl Daemon {
    pub(crate) fn stop(mut self) -> Result<(), String> {
        terminate(self.child.id());
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Ok(Some(_)) = self.child.try_wait() {
                return Ok(());
            }
            sleep(Duration::from_millis(100));
        }
        self.child.kill().map_err(|error| format!("cannot end process {}: {error}", self.child.id()))
    }
}

/// Uses a running engine or starts one.
pub(crate) fn ensure() -> Result<Engine, String> {
    if let Some(host) = running() {
        return Ok(Engine { host, daemon: None, host_network: false });
    }
    start()
}

pub(crate) fn status() -> Result<ExitCode, String> {
    match running() {
        Some(host) => {
            println!("{host}");
            Ok(ExitCode::SUCCESS)
        }
        None => {
            eprintln!("no container engine answers");
            Ok(ExitCode::from(5))
        }
    }
}

pub(crate) fn start_and_leave() -> Result<ExitCode, String> {
    let engine = ensure()?;
    match &engine.daemon {
        Some(daemon) => eprintln!("started dockerd, process {}", daemon.child.id()),
        None => eprintln!("an engine runs already"),
    }
    for (name, value) in engine.environment() {
        println!("export {name}={value}");
    }
    // The daemon is left running on purpose: `engine stop` ends it by its pid file.
    std::mem::forget(engine);
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn stop_left() -> Result<ExitCode, String> {
    let pid_file = home().join("dockerd.pid");
    let Ok(text) = fs::read_to_string(&pid_file) else {
        eprintln!("no engine was started here");
        return Ok(ExitCode::SUCCESS);
    };
    let pid: u32 = text.trim().parse().map_err(|_| format!("{} holds no process id", pid_file.display()))?;
    if process_name(pid).is_some_and(|name| name == "dockerd") {
        terminate(pid);
        let deadline = Instant::now() + Duration::from_secs(30);
        while process_name(pid).is_some() && Instant::now() < deadline {
            sleep(Duration::from_millis(100));
        }
    }
    let _ = fs::remove_file(pid_file);
    purge();
    Ok(ExitCode::SUCCESS)
}

/// Removes what a stopped daemon kept. Left-over mounts keep their folders, which is said.
pub(crate) fn purge() {
    if home().exists()
        && let Err(error) = fs::remove_dir_all(home())
    {
        eprintln!("xtask: {} could not be removed whole: {error}", home().display());
    }
}

fn home() -> PathBuf {
    root().join("target/engine")
}

/// Sockets have a limit of 108 bytes; a deep checkout needs a shorter place.
fn socket(name: &str) -> PathBuf {
    let inside = home().join(name);
    if inside.as_os_str().len() < 100 {
        inside
    } else {
        std::env::temp_dir().join(format!("farm-{}-{name}", std::process::id()))
    }
}

/// The first engine that answers: the environment's, the usual socket, the one left by `engine start`.
fn running() -> Option<String> {
    if let Some(host) = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()) {
        // Whatever it is, it was asked for: farm itself says what is wrong with it.
        return (!host.starts_with("unix://") || answers(Path::new(host.trim_start_matches("unix://"))))
            .then_some(host);
    }
    let candidates = [PathBuf::from("/var/run/docker.sock"), socket("docker.sock")];
    candidates.iter().find(|socket| answers(socket)).map(|socket| format!("unix://{}", socket.display()))
}

/// Whether an engine's API answers on a socket.
#[cfg(unix)]
pub(crate) fn answers(socket: &Path) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")?;
        let mut answer = [0; 15];
        stream.read_exact(&mut answer)?;
        Ok(answer.ends_with(b" 200 OK") || answer.windows(4).any(|window| window == b" 200"))
    };
    ask().unwrap_or(false)
}

#[cfg(not(unix))]
pub(crate) fn answers(_socket: &Path) -> bool {
    false
}

fn start() -> Result<Engine, String> {
    install(&["docker.io", "iptables"], "dockerd")?;
    let home = home();
    fs::create_dir_all(&home).map_err(|error| format!("cannot make {}: {error}", home.display()))?;
    match dockerd(&home, &[]) {
        Ok(daemon) => Ok(Engine { host: host(), daemon: Some(daemon), host_network: false }),
        Err(reason) => {
            eprintln!("xtask: dockerd cannot set up its network here; trying without: {reason}");
            let daemon = dockerd(&home, &["--iptables=false", "--ip6tables=false", "--bridge=none"])?;
            Ok(Engine { host: host(), daemon: Some(daemon), host_network: true })
        }
    }
}

fn host() -> String {
    format!("unix://{}", socket("docker.sock").display())
}

fn dockerd(home: &Path, flags: &[&str]) -> Result<Daemon, String> {
    let log_path = home.join("dockerd.log");
    let log = fs::File::create(&log_path).map_err(|error| format!("cannot write {}: {error}", log_path.display()))?;
    let errors = log.try_clone().map_err(|error| error.to_string())?;
    let mut command = Command::new("dockerd");
    command
        .arg("--data-root")
        .arg(home.join("data"))
        .arg("--exec-root")
        .arg(home.join("exec"))
        .arg("--pidfile")
        .arg(home.join("dockerd.pid"))
        .arg("--host")
        .arg(host())
        .args(flags)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors);
    own_process_group(&mut command);
    let child = command.spawn().map_err(|error| format!("cannot start dockerd: {error}"))?;
    wait_for(child, &socket("docker.sock"), &log_path)
}

/// Waits until a daemon answers; its log's end is the error when it does not.
fn wait_for(mut child: Child, socket: &Path, log: &Path) -> Result<Daemon, String> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if answers(socket) {
            return Ok(Daemon { child });
        }
        if let Ok(Some(status)) = child.try_wait() {
            let text = fs::read_to_string(log).unwrap_or_default();
            let last: Vec<&str> = text.lines().rev().take(5).collect();
            return Err(format!(
                "it ended with {status}:\n  {}",
                last.into_iter().rev().collect::<Vec<_>>().join("\n  ")
            ));
        }
        sleep(Duration::from_millis(100));
    }
    Daemon { child }.stop()?;
    Err(format!("it did not answer within a minute: see {}", log.display()))
}

/// A Podman service of our own, beside whatever runs. Returns its socket as a URL.
pub(crate) fn podman() -> Result<(String, Daemon), String> {
    install(&["podman", "runc", "uidmap", "netavark", "aardvark-dns"], "podman")?;
    let home = home().join("podman");
    fs::create_dir_all(&home).map_err(|error| format!("cannot make {}: {error}", home.display()))?;
    let configuration = home.join("containers.conf");
    // Limits above the hard ones of this process are refused, and crun does not know mixed cgroup hierarchies.
    let text =
        "[containers]\ndefault_ulimits=[\"nofile=20000:20000\",\"nproc=32768:32768\"]\n\n[engine]\nruntime=\"runc\"\n";
    fs::write(&configuration, text).map_err(|error| format!("cannot write {}: {error}", configuration.display()))?;
    let socket = socket("podman.sock");
    let log_path = home.join("podman.log");
    let log = fs::File::create(&log_path).map_err(|error| format!("cannot write {}: {error}", log_path.display()))?;
    let mut command = Command::new("podman");
    command
        .arg("--root")
        .arg(home.join("root"))
        .arg("--runroot")
        .arg(home.join("run"))
        .args(["system", "service", "--time=0"])
        .arg(format!("unix://{}", socket.display()))
        .env("CONTAINERS_CONF", configuration)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    own_process_group(&mut command);
    let child = command.spawn().map_err(|error| format!("cannot start podman: {error}"))?;
    let daemon = wait_for(child, &socket, &log_path)?;
    Ok((format!("unix://{}", socket.display()), daemon))
}

/// Installs Debian packages when `program` is missing.
pub(crate) fn install(packages: &[&str], program: &str) -> Result<(), String> {
    if has_program(program) {
        return Ok(());
    }
    let debian = Path::new("/etc/debian_version").exists();
    if !debian || !is_root() {
        return Err(format!(
            "{program} is missing, and only root on a Debian machine can have it installed from here: install {}",
            packages.join(", ")
        ));
    }
    run(Command::new("apt-get").args(["update", "-q"]))?;
    run(Command::new("apt-get")
        .args(["install", "-q", "-y", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // A packaged daemon must not be started by its package: the one that is used is ours.
        .env("RUNLEVEL", "1"))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// Ctrl-C on the terminal is for farm; the daemon goes on until farm has cleaned up.
fn own_process_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Becomes `command`, so that signals reach it and nothing stands between it and the terminal. When the engine was
/// started here, a shell that outlives Ctrl-C waits for the command and then ends the engine.
pub(crate) fn become_command(command: &Command, engine: Engine) -> Result<ExitCode, String> {
    const WAIT_AND_STOP: &str = "\
trap : INT TERM HUP
daemon=$1; shift
\"$@\"; status=$?
kill \"$daemon\"
while kill -0 \"$daemon\" 2>/dev/null; do sleep 0.1; done
exit $status";
    let mut replacement = match &engine.daemon {
        None => Command::new(command.get_program()),
        Some(daemon) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", WAIT_AND_STOP, "sh", &daemon.child.id().to_string()]).arg(command.get_program());
            shell
        }
    };
    replacement.args(command.get_args()).envs(engine.environment());
    #[cfg(unix)]
    let error = std::os::unix::process::CommandExt::exec(&mut replacement);
    #[cfg(not(unix))]
    let error = match replacement.status() {
        Ok(status) => return Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))),
        Err(error) => error,
    };
    Err(format!("{:?}: {error}", command.get_program()))
}

fn terminate(pid: u32) {
    let _ = Command::new("kill").arg(pid.to_string()).status();
}

fn process_name(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim().to_owned())
}
