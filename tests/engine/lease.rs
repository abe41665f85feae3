//! Containers end with the process that made them, however it ends.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, Kept, Kind, sh, until};

/// Names the engine and the run to a child of this test.
const CHILD: &str = "FARM_TEST_CHILD";

/// How long an engine may take to notice. A pod hears of farm every few seconds, and misses it for twenty.
const SOON: Duration = Duration::from_secs(20);
const SOON_IN_A_CLUSTER: Duration = Duration::from_secs(45);

fn soon(bench: &Bench) -> Duration {
    if bench.kind == Kind::Kubernetes { SOON_IN_A_CLUSTER } else { SOON }
}

/// This same program, told to run one helper test and nothing else.
pub(crate) fn child(helper: &str, kind: Kind, run: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", helper, "--nocapture", "--test-threads=1"]).env(CHILD, format!("{kind:?} {run}"));
    command
}

/// In a child: the bench that its parent asked for.
pub(crate) async fn parents_bench() -> Option<Bench> {
    let asked = std::env::var(CHILD).ok()?;
    let (kind, run) = asked.split_once(' ').unwrap();
    let kind = match kind {
        "Podman" => Kind::Podman,
        "Native" => Kind::Native,
        "Kubernetes" => Kind::Kubernetes,
        _ => Kind::Docker,
    };
    let mut bench = Bench::new(kind).await.unwrap();
    bench.run = run.to_owned();
    Some(bench)
}

/// Not a case: what the child of [`a_killed_client_leaves_no_container`] does. Without a parent it has nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn child_holds_a_container() {
    let Some(bench) = parents_bench().await else { return };
    let container = bench.started().await;
    let spec = sh("echo busy >/tmp/busy; sleep 1000");
    let _ = container.exec(&spec, &mut Kept::default(), &CancellationToken::new()).await;
}

struct KilledAtTheEnd(Child);

impl Drop for KilledAtTheEnd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) async fn a_killed_client_leaves_no_container(bench: Bench) {
    let mut command = child("lease::child_holds_a_container", bench.kind, &bench.run);
    let mut child = KilledAtTheEnd(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let listed = async || containers(&bench).await;
    until("the child has a running container", Duration::from_secs(60), async || listed().await == 1).await;
    // SIGKILL: the child has no chance to clean up.
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    until("the container ends and is removed", soon(&bench), async || listed().await == 0).await;
}

pub(crate) async fn a_dropped_container_ends(bench: Bench) {
    let container = bench.started().await;
    assert_eq!(containers(&bench).await, 1);
    drop(container);
    until("the container ends and is removed", soon(&bench), async || containers(&bench).await == 0).await;
}

/// The containers of the run that were started and are not gone, asked of the engine past the driver, which can only
/// remove them, and past its client, which does not know all of Podman's states. A container that is only created does
/// not hold the lease yet.
async fn containers(bench: &Bench) -> usize {
    let endpoint = bench.engine.endpoint().to_owned();
    if let Some(store) = endpoint.strip_prefix("native://") {
        return folders(std::path::Path::new(store), &bench.run);
    }
    #[cfg(feature = "kubernetes")]
    if bench.kind == Kind::Kubernetes {
        return pods(&endpoint, &bench.run).await;
    }
    let filters = format!("%7B%22label%22%3A%5B%22io.farm.run%3D{}%22%5D%7D", bench.run);
    let request = format!("GET /containers/json?all=1&filters={filters} HTTP/1.0\r\nHost: engine\r\n\r\n");
    let ask = move || -> std::io::Result<Vec<u8>> {
        let mut answer = Vec::new();
        match endpoint.split_once("://") {
            Some(("unix", path)) => {
                let mut connection = std::os::unix::net::UnixStream::connect(path)?;
                connection.write_all(request.as_bytes())?;
                connection.read_to_end(&mut answer)?;
            }
            Some((_, address)) => {
                let mut connection = std::net::TcpStream::connect(address)?;
                connection.write_all(request.as_bytes())?;
                connection.read_to_end(&mut answer)?;
            }
            None => panic!("{endpoint}"),
        }
        Ok(answer)
    };
    let answer = tokio::task::spawn_blocking(ask).await.unwrap().unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{head}");
    let found: Vec<serde_json::Value> = serde_json::from_str(body.trim()).unwrap();
    found.iter().filter(|container| container["State"] != "created").count()
}

/// The pods of a run in which something runs. What has ended stays in a cluster's books.
#[cfg(feature = "kubernetes")]
async fn pods(endpoint: &str, run: &str) -> usize {
    let client = kube::Client::try_default().await.unwrap();
    let namespace = endpoint.split(['/', '?']).nth(3).unwrap();
    let pods = kube::Api::<k8s_openapi::api::core::v1::Pod>::namespaced(client, namespace);
    let of_run = kube::api::ListParams::default().labels(&format!("io.farm.run={run}"));
    let phases = pods.list(&of_run).await.unwrap().items.into_iter().map(|pod| pod.status.unwrap().phase.unwrap());
    phases.filter(|phase| phase == "Running").count()
}

/// The folders of farm's own containers of a run: they go when nothing of the container is left.
fn folders(store: &std::path::Path, run: &str) -> usize {
    let containers = std::fs::read_dir(store.join("containers")).unwrap().flatten();
    let records = containers.filter_map(|container| std::fs::read(container.path().join("container.json")).ok());
    let label = format!("\"io.farm.run\":\"{run}\"");
    records.filter(|record| String::from_utf8_lossy(record).contains(&label)).count()
}
