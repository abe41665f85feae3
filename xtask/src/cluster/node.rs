//! The node: its daemons, all in one process namespace, so that ending one process ends them.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::network::{self, GATEWAY, SERVICES};
use super::pki::{self, Pki};
use super::settings::{self, CGROUP, PAUSE};
use super::{NAMESPACE, home, programs};
use crate::apt;
use crate::command::{self, Failure};
use crate::service::Service;

const NAME: &str = "farm-node";

const PACKAGES: &[&str] = &[
    "etcd-server",
    "containerd",
    "runc",
    "containernetworking-plugins",
    "conntrack",
    "iptables",
    "iproute2",
    "docker-registry",
    "openssl",
];

/// Those of the loopback interface, but kubelet's, which is of the bridge.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) api: u16,
    pub(super) registry: u16,
    pub(super) kubelet: u16,
    etcd: u16,
    peer: u16,
}

/// A cluster that runs.
#[derive(Debug)]
pub(super) struct Cluster {
    kubeconfig: PathBuf,
    registry: String,
    kubectl: PathBuf,
}

impl Cluster {
    /// For a shell to read, as `engine start` has it.
    pub(super) fn show(&self) {
        println!("export KUBECONFIG={}", self.kubeconfig.display());
        println!("export FARM_CLUSTER_REGISTRY={}", self.registry);
        eprintln!("xtask: kubectl is {}", self.kubectl.display());
    }
}

fn ours() -> Service {
    Service::within("cluster", "cluster")
}

/// What a start makes anew.
fn folder() -> PathBuf {
    home().join("node")
}

pub(super) fn running() -> Option<Cluster> {
    let registry = fs::read_to_string(folder().join("address")).ok()?;
    let programs = programs::built()?;
    ours().is_running().then(|| Cluster {
        kubeconfig: folder().join("admin.kubeconfig"),
        registry,
        kubectl: programs.join("kubectl"),
    })
}

pub(super) fn start() -> Result<Cluster, Failure> {
    if !apt::can_install() {
        return Err(Failure::new("a cluster needs Debian, and root"));
    }
    apt::install(PACKAGES)?;
    let programs = programs::ensure()?;
    // What an interrupted start left.
    stop()?;
    if network::is_up() {
        let bridge = network::BRIDGE;
        return Err(Failure::new(format!(
            "{bridge} is there: a cluster of another checkout is running; stop that one"
        )));
    }
    let started = start_all(&programs);
    if started.is_err() {
        // Its folder stays until the next start: the logs are there.
        let _ = end();
    }
    started
}

fn start_all(programs: &Path) -> Result<Cluster, Failure> {
    let (service, node) = (ours(), folder());
    service.prepare()?;
    fs::create_dir_all(&node).map_err(|error| Failure::io("make", &node, &error))?;
    let ports = free_ports().map_err(|error| Failure::new(format!("no port is free: {error}")))?;
    let pki = Pki::make(node.join("pki"), GATEWAY, NAME)?;
    settings::write_all(&node, &pki, &ports)?;
    let registry = format!("127.0.0.1:{}", ports.registry);
    pki::write(&node.join("address"), &registry)?;
    let (outer, inner) = (service.run.join("namespaces.sh"), node.join("node.sh"));
    pki::write(&outer, include_str!("namespaces.sh"))?;
    pki::write(&inner, include_str!("node.sh"))?;
    network::up()?;

    let cluster = Cluster { kubeconfig: node.join("admin.kubeconfig"), registry, kubectl: programs.join("kubectl") };
    let mut daemon = Command::new("unshare");
    daemon
        .args(["--mount", "--pid", "sh"])
        .args([&outer, &inner])
        .env("NODE", &node)
        .env("PROGRAMS", programs)
        .env("PKI", &pki.folder)
        .envs([("GATEWAY", GATEWAY), ("SERVICES", SERVICES), ("CGROUP", CGROUP), ("PAUSE", PAUSE), ("NODE_NAME", NAME)])
        .env("API_PORT", ports.api.to_string())
        .env("ETCD_PORT", ports.etcd.to_string())
        .env("PEER_PORT", ports.peer.to_string());
    service.start_until(&mut daemon, || cluster.answers(&["get", "--raw", "/readyz"], "ok"))?;
    cluster.kubectl(&["create", "namespace", NAMESPACE])?;
    // A pod needs both: the node to be on, and the account that it gets when it names none.
    let ready = r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
    until(&service, "the node is not ready", || cluster.answers(&["get", "node", NAME, "-o", ready], "True"))?;
    let account = ["get", "serviceaccount", "default", "-o", "jsonpath={.metadata.name}"];
    until(&service, "the namespace has no account", || cluster.answers(&account, "default"))?;
    Ok(cluster)
}

impl Cluster {
    fn kubectl(&self, arguments: &[&str]) -> Result<String, Failure> {
        command::output(Command::new(&self.kubectl).arg("--kubeconfig").arg(&self.kubeconfig).args(arguments))
    }

    fn answers(&self, arguments: &[&str], expected: &str) -> bool {
        self.kubectl(arguments).is_ok_and(|said| said == expected)
    }
}

fn until(service: &Service, what: &str, condition: impl Fn() -> bool) -> Result<(), Failure> {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(120) {
        command::stop_if_interrupted()?;
        if !service.is_running() {
            return Err(Failure::new(service.last_words()));
        }
        if condition() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(Failure::new(format!("{what} after two minutes; see {}", folder().join("log").display())))
}

/// They may be taken until the daemons have them; then one ends and says so.
fn free_ports() -> std::io::Result<Ports> {
    let free = || TcpListener::bind("127.0.0.1:0");
    let [api, registry, kubelet, etcd, peer] = [free()?, free()?, free()?, free()?, free()?];
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    Ok(Ports {
        api: port(&api)?,
        registry: port(&registry)?,
        kubelet: port(&kubelet)?,
        etcd: port(&etcd)?,
        peer: port(&peer)?,
    })
}

/// Ends the node and removes what it was; images stay in the registry.
pub(super) fn stop() -> Result<(), Failure> {
    end()?;
    match fs::remove_dir_all(folder()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::io("remove", &folder(), &error)),
        _ => Ok(()),
    }
}

/// Ends the node and takes away its network and its control groups.
fn end() -> Result<(), Failure> {
    ours().stop()?;
    // Another checkout's, if we have none.
    if !folder().exists() {
        return Ok(());
    }
    network::down();
    let parents = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().filter_map(Result::ok);
    for group in parents.map(|parent| parent.path()).chain([PathBuf::from("/sys/fs/cgroup")]) {
        remove_group(&group.join(CGROUP));
    }
    Ok(())
}

/// Innermost first; the files of a group go with it.
fn remove_group(group: &Path) {
    for inner in fs::read_dir(group).into_iter().flatten().filter_map(Result::ok) {
        if inner.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&inner.path());
        }
    }
    let _ = fs::remove_dir(group);
}
