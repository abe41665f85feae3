//! A Podman of ours behind its Docker-compatible socket, for the tests: farm has to work with both.

use std::net::SocketAddr;
use std::process::Command;

use crate::apt;
use crate::command::{self, Failure};
use crate::service::Service;

/// runc, because crun refuses cgroup v1 machines with a stray unified mount; limits that need no CAP_SYS_RESOURCE,
/// because a container may have none to give.
const CONFIGURATION: &str = "\
[containers]
default_ulimits = [\"nofile=20000:20000\", \"nproc=32768:32768\"]
[engine]
runtime = \"runc\"
cgroup_manager = \"cgroupfs\"
events_logger = \"file\"
";

fn ours() -> Service {
    Service::new("podman")
}

/// Starts a service for the tests, which may pull from `registry` without TLS; the endpoint.
pub(crate) fn start(registry: Option<SocketAddr>) -> Result<String, Failure> {
    let service = ours();
    // One that an interrupted run left knows another registry.
    stop()?;
    apt::install(&["podman", "runc", "uidmap", "netavark", "aardvark-dns", "iptables"])?;
    service.prepare()?;
    let configuration = service.run.join("containers.conf");
    let registries = service.run.join("registries.conf");
    let insecure = registry.map(|address| format!("[[registry]]\nlocation = \"{address}\"\ninsecure = true\n"));
    for (path, text) in [(&configuration, CONFIGURATION), (&registries, &insecure.unwrap_or_default())] {
        std::fs::write(path, text).map_err(|error| Failure::io("write", path, &error))?;
    }
    let mut podman = podman(&service);
    podman.env("CONTAINERS_REGISTRIES_CONF", registries);
    podman.args(["system", "service", "--time=0", &service.endpoint()]);
    service.start(&mut podman)?;
    Ok(service.endpoint())
}

fn podman(service: &Service) -> Command {
    let mut podman = Command::new("podman");
    podman
        .env("CONTAINERS_CONF", service.run.join("containers.conf"))
        .arg("--root")
        .arg(&service.data)
        .arg("--runroot")
        .arg(service.run.join("containers"))
        .arg("--tmpdir")
        .arg(service.run.join("tmp"));
    podman
}

/// Stops the service. What the tests left in it is removed first: without a daemon, containers outlive the service.
pub(crate) fn stop() -> Result<(), Failure> {
    let service = ours();
    if service.answers() {
        let _ = command::output(podman(&service).args(["rm", "--all", "--force", "--time", "0"]));
    }
    service.stop()
}

pub(crate) fn clean() -> Result<(), Failure> {
    stop()?;
    ours().clean()
}
