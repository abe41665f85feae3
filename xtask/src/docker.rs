//! The engine that farm is run with: one that is there, or Debian's dockerd started by us in `target/engine`.

use std::path::PathBuf;
use std::process::Command;

use crate::apt;
use crate::command::Failure;
use crate::service::{self, Service};

/// An engine to use, and whether it is ours to stop.
#[derive(Debug)]
#[must_use = "an engine that was started for one command has to be released"]
pub(crate) struct Lease {
    /// As for DOCKER_HOST.
    pub(crate) endpoint: String,
    started: bool,
    /// The daemon could not set up a network of its own: containers that need one have to get the host's.
    host_network: bool,
}

impl Lease {
    /// Of an engine that was there, one that `engine start` left among them.
    fn of_running(endpoint: String) -> Lease {
        let service = ours();
        let host_network = endpoint == service.endpoint() && service.run.join(NO_BRIDGE).exists();
        Lease { endpoint, started: false, host_network }
    }

    /// For farm and its tests.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let network = self.host_network.then(|| ("FARM_NETWORK", "host".to_owned()));
        [("DOCKER_HOST", self.endpoint.clone())].into_iter().chain(network).collect()
    }

    /// Leaves the engine running.
    pub(crate) fn keep(self) {
        if self.started {
            eprintln!("xtask: dockerd is running; `cargo xtask engine stop` stops it");
        }
    }

    /// Stops the engine if this command started it.
    pub(crate) fn release(self) -> Result<(), Failure> {
        if self.started { stop() } else { Ok(()) }
    }
}

/// A file in the run folder of a daemon of ours that could not set up a network.
const NO_BRIDGE: &str = "no-bridge";

fn ours() -> Service {
    Service::new("docker")
}

/// The endpoint of an engine that answers: what DOCKER_HOST names, ours, or one at a usual place.
pub(crate) fn running() -> Option<String> {
    if let Some(named) = named() {
        return Some(named);
    }
    let service = ours();
    if service.answers() {
        return Some(service.endpoint());
    }
    usual_sockets()
        .into_iter()
        .find(|socket| service::answers(socket))
        .map(|socket| format!("unix://{}", socket.display()))
}

fn named() -> Option<String> {
    std::env::var("DOCKER_HOST").ok().filter(|endpoint| !endpoint.is_empty())
}

/// farm itself knows more places (contexts, TLS): name those with DOCKER_HOST.
fn usual_sockets() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let in_home = [
        ".docker/run/docker.sock",
        ".colima/default/docker.sock",
        ".rd/docker.sock",
        ".orbstack/run/docker.sock",
        ".lima/docker/sock/docker.sock",
    ];
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("podman/podman.sock"));
    [PathBuf::from("/var/run/docker.sock")]
        .into_iter()
        .chain(in_home.map(|path| home.join(path)))
        .chain(runtime)
        .chain([PathBuf::from("/run/podman/podman.sock")])
        .collect()
}

/// Makes sure that an engine is there.
pub(crate) fn ensure() -> Result<Lease, Failure> {
    if let Some(endpoint) = named() {
        if let Some(socket) = endpoint.strip_prefix("unix://")
            && !service::answers(socket.as_ref())
        {
            let help = "unset it to let xtask find or start an engine";
            return Err(Failure::new(format!("nothing answers at DOCKER_HOST={endpoint}; {help}")));
        }
        return Ok(Lease::of_running(endpoint));
    }
    match running() {
        Some(endpoint) => Ok(Lease::of_running(endpoint)),
        None => start(),
    }
}

fn start() -> Result<Lease, Failure> {
    if !apt::can_install() {
        let help = "start Docker or Podman, or name one with DOCKER_HOST (on Debian, root gets one from xtask)";
        return Err(Failure::new(format!("no container engine answers; {help}")));
    }
    apt::install(&["docker.io", "iptables"])?;
    // The package starts a daemon of its own where there is an init system to start it.
    if let Some(endpoint) = running() {
        return Ok(Lease::of_running(endpoint));
    }
    let service = ours();
    service.prepare()?;
    let mut host_network = false;
    if let Err(failure) = service.start(&mut dockerd(&service)) {
        eprintln!("xtask: {failure}\nxtask: trying without a network of its own: containers get the host's or none");
        service.start(dockerd(&service).args(["--iptables=false", "--ip-forward=false", "--bridge=none"]))?;
        host_network = true;
        let _ = std::fs::write(service.run.join(NO_BRIDGE), "");
    }
    eprintln!("xtask: started dockerd at {}", service.endpoint());
    Ok(Lease { endpoint: service.endpoint(), started: true, host_network })
}

/// With nothing of the daemon that may be configured on this machine: `/etc/docker/daemon.json` is left out.
fn dockerd(service: &Service) -> Command {
    let mut dockerd = Command::new("dockerd");
    let configuration = service.run.join("daemon.json");
    let _ = std::fs::write(&configuration, "{}\n");
    dockerd
        .arg("--config-file")
        .arg(configuration)
        .arg("--data-root")
        .arg(&service.data)
        .arg("--exec-root")
        .arg(service.run.join("exec"))
        .arg("--pidfile")
        .arg(service.run.join("dockerd.pid"))
        .args(["--host", &service.endpoint(), "--log-level", "warn"]);
    dockerd
}

/// Stops the engine that xtask started, if there is one.
pub(crate) fn stop() -> Result<(), Failure> {
    ours().stop()
}

pub(crate) fn clean() -> Result<(), Failure> {
    ours().clean()
}
