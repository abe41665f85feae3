//! The connection to a cluster: who it is, and its pods, which are made, watched until they run, and removed.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::config::KubeConfigOptions;
use kube::{Api, Client, Config};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::address::{Address, IN_CLUSTER, Isolation};
use super::evidence::{self, Stage};
use super::{errors, pod};
use crate::engine::registry::Repository;
use crate::engine::{ContainerSpec, EngineError, EngineInfo, ImageInfo, Network};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// A cluster that has no room may have it soon, or make a node.
const NODE_PATIENCE: Duration = Duration::from_secs(300);
/// Pulling a large image may take a while.
const START_PATIENCE: Duration = Duration::from_secs(1200);
const START_POLL: Duration = Duration::from_millis(250);
/// How long a cluster may take to note that a pod ended.
const END_PATIENCE: Duration = Duration::from_secs(6);
const END_POLL: Duration = Duration::from_millis(500);
/// A pod that waits for longer than any run of farm does for it was left. In seconds.
const STALE: i64 = 3600;
/// A farm that is there has long seen why a pod ended. In seconds.
const FORGOTTEN: i64 = 300;

/// A cluster, as farm uses it.
pub(super) struct Cluster {
    pub(super) endpoint: String,
    pub(super) address: Address,
    pub(super) pods: Api<Pod>,
    policies: Api<NetworkPolicy>,
    pub(super) info: EngineInfo,
    /// Where images of farm's own are.
    pub(super) repository: Option<Repository>,
    /// Images of others that were asked for, by what they were asked as, and by their ids.
    pub(super) pulled: Mutex<BTreeMap<String, Found>>,
    /// Before its first pod, a farm removes those that an earlier one could not.
    swept: OnceCell<()>,
}

/// An image, and what a pod needs of it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) info: ImageInfo,
    /// By what a node can pull it.
    pub(super) place: String,
    /// What it sets, `NAME=value`.
    pub(super) env: Vec<String>,
}

impl Cluster {
    /// # Errors
    /// [`EngineError::Unreachable`], [`EngineError::Config`].
    pub(super) async fn open(url: &str, limit: Duration) -> Result<Cluster, EngineError> {
        let address = Address::parse(url).map_err(EngineError::Config)?;
        let endpoint = url.to_owned();
        let unreachable = |reason: String| EngineError::Unreachable { endpoint: endpoint.clone(), reason };
        // The client takes the one of this process.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let mut config = config(&address).await.map_err(EngineError::Config)?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        let namespace = address.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let server = config.cluster_url.to_string();
        let unreachable = |why: String| unreachable(format!("its server {}: {why}", server.trim_end_matches('/')));
        let client = Client::try_from(config).map_err(|error| unreachable(errors::reason(&error)))?;
        let version = match tokio::time::timeout(limit, client.apiserver_version()).await {
            Ok(version) => version.map_err(|error| unreachable(errors::reason(&error)))?.git_version,
            Err(_) => return Err(unreachable(format!("no answer within {limit:?}"))),
        };
        let repository = match &address.registry {
            Some(name) => Some(Repository::open(name, address.insecure).await.map_err(EngineError::Config)?),
            None => None,
        };
        let info = info(&address, &namespace, version);
        let pods = Api::namespaced(client.clone(), &namespace);
        let policies = Api::namespaced(client, &namespace);
        Ok(Cluster {
            endpoint,
            address,
            pods,
            policies,
            info,
            repository,
            pulled: Mutex::default(),
            swept: OnceCell::new(),
        })
    }

    /// # Errors
    /// Why it may not list the pods of its namespace, or does not answer.
    pub(super) async fn ping(&self) -> Result<(), kube::Error> {
        self.pods.list(&ListParams::default().labels(&pod::selector(None)).limit(1)).await.map(|_| ())
    }

    /// Makes a pod and waits until it runs. Who drops this leaves none.
    pub(super) async fn make(&self, spec: &ContainerSpec, image: &Found) -> Result<String, EngineError> {
        let action = "make a pod";
        let refused = |message: String| EngineError::Refused { action: action.to_owned(), message };
        let value = pod::pod(spec, &image.place, &self.address).map_err(refused)?;
        let wanted: Pod = serde_json::from_value(value).map_err(|error| refused(error.to_string()))?;
        if spec.network == Network::None && self.address.isolation == Isolation::Enforced {
            self.forbid_network().await?;
        }
        self.swept.get_or_init(|| self.sweep()).await;
        let name = wanted.metadata.name.clone().unwrap_or_default();
        // The request may be made although nobody waits for its answer any more.
        let guard = Guard { pods: Some(self.pods.clone()), name: name.clone() };
        if let Err(error) = self.pods.create(&PostParams::default(), &wanted).await {
            // One of that name is somebody else's.
            if matches!(&error, kube::Error::Api(status) if status.code == 409) {
                guard.keep();
            }
            return Err(errors::map(action, &error));
        }
        self.until_running(&name, &spec.image).await?;
        guard.keep();
        Ok(name)
    }

    /// The policy that is for all pods without a network.
    async fn forbid_network(&self) -> Result<(), EngineError> {
        let action = "make a NetworkPolicy";
        let policy: NetworkPolicy = serde_json::from_value(pod::no_network())
            .map_err(|error| EngineError::Refused { action: action.to_owned(), message: error.to_string() })?;
        if self.policies.get_opt(pod::POLICY).await.map_err(|error| errors::map(action, &error))?.is_some() {
            return Ok(());
        }
        match self.policies.create(&PostParams::default(), &policy).await {
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => Err(errors::map(action, &error)),
            Ok(_) => Ok(()),
        }
    }

    async fn until_running(&self, name: &str, image: &str) -> Result<(), EngineError> {
        let begin = Instant::now();
        let failed = |message: String| EngineError::Failed { action: "start a pod".to_owned(), message };
        loop {
            let pod = self.pods.get_opt(name).await.map_err(|error| errors::map("start a pod", &error))?;
            let Some(pod) = pod else {
                let reason = "it was removed before it ran".to_owned();
                return Err(EngineError::Ended { id: name.to_owned(), reason });
            };
            match evidence::stage(&pod) {
                Stage::Running => return Ok(()),
                Stage::Failed(reason) => return Err(failed(reason)),
                Stage::NoImage(reason) => return Err(EngineError::Pull { reference: image.to_owned(), reason }),
                Stage::Unschedulable(reason) if begin.elapsed() > NODE_PATIENCE => return Err(failed(reason)),
                Stage::Waiting if begin.elapsed() > START_PATIENCE => {
                    return Err(failed(format!("it does not run after {} minutes", START_PATIENCE.as_secs() / 60)));
                }
                Stage::Unschedulable(_) | Stage::Waiting => tokio::time::sleep(START_POLL).await,
            }
        }
    }

    /// Why nothing runs in a pod any more; `None` if something may. A node takes a moment to say so.
    pub(super) async fn why_ended(&self, name: &str) -> Option<String> {
        let begin = Instant::now();
        loop {
            match self.pods.get_opt(name).await {
                Ok(None) => return Some("the pod is gone: something removed it".to_owned()),
                Ok(Some(pod)) => {
                    if let Some(reason) = evidence::ended(&pod) {
                        return Some(reason);
                    }
                }
                Err(_) => {}
            }
            if begin.elapsed() > END_PATIENCE {
                return None;
            }
            tokio::time::sleep(END_POLL).await;
        }
    }

    /// Gone is gone.
    pub(super) async fn remove(&self, name: &str) -> Result<(), EngineError> {
        match self.pods.delete(name, &at_once()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(errors::map("remove a pod", &error)),
            Ok(_) => Ok(()),
        }
    }

    /// All pods of a run; without one, those that ended or were left waiting: another farm may be at work in others.
    pub(super) async fn reap(&self, run: Option<&str>) -> Result<usize, EngineError> {
        let now = now();
        let is_left = |pod: &Pod| {
            let made = pod.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second());
            let waits = pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Pending");
            evidence::is_over(pod) || (waits && now - made > STALE)
        };
        self.remove_all(run, |pod| run.is_some() || is_left(pod)).await
    }

    /// What was left by a farm that was killed. It can be done without: whoever waits for a pod hears nothing of it.
    async fn sweep(&self) {
        let now = now();
        let is_forgotten = |pod: &Pod| evidence::ended_at(pod).is_some_and(|ended| now - ended > FORGOTTEN);
        if let Err(error) = self.remove_all(None, is_forgotten).await {
            tracing::debug!(%error, "pods of an earlier run may be left");
        }
    }

    async fn remove_all(&self, run: Option<&str>, which: impl Fn(&Pod) -> bool) -> Result<usize, EngineError> {
        let list = ListParams::default().labels(&pod::selector(run));
        let found = self.pods.list(&list).await.map_err(|error| errors::map("list pods", &error))?;
        let mut removed = 0;
        for pod in found.items.iter().filter(|pod| which(pod)) {
            self.remove(pod.metadata.name.as_deref().unwrap_or_default()).await?;
            removed += 1;
        }
        Ok(removed)
    }
}

/// Removes a pod that nobody waits for any more.
struct Guard {
    pods: Option<Api<Pod>>,
    name: String,
}

impl Guard {
    fn keep(mut self) {
        self.pods = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let (Some(pods), Ok(runtime)) = (self.pods.take(), tokio::runtime::Handle::try_current()) {
            let name = std::mem::take(&mut self.name);
            runtime.spawn(async move { pods.delete(&name, &at_once()).await });
        }
    }
}

/// In seconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

fn at_once() -> DeleteParams {
    DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() }
}

async fn config(address: &Address) -> Result<Config, String> {
    if address.context.as_deref() == Some(IN_CLUSTER) {
        return Config::incluster().map_err(|error| format!("`{IN_CLUSTER}` is for a farm in a pod: {error}"));
    }
    let options = KubeConfigOptions { context: address.context.clone(), ..KubeConfigOptions::default() };
    Config::from_kubeconfig(&options).await.map_err(|error| errors::of_kubeconfig(&error, address.context.as_deref()))
}

fn info(address: &Address, namespace: &str, version: String) -> EngineInfo {
    let mut limitations = vec![
        "pods have a share of a node's processors, and `nproc` in them says all that it has; the number of processes is the \
         node's to limit"
            .to_owned(),
    ];
    if address.isolation == Isolation::Open {
        limitations.push("steps that are to have no network have it: the engine's URL says `network=open`".to_owned());
    }
    if address.registry.is_none() {
        limitations.push(
            "base images and builders cannot be kept without a registry: add `registry=HOST:PORT/PREFIX` to the engine's URL"
                .to_owned(),
        );
    }
    EngineInfo {
        name: super::address::SCHEME.to_owned(),
        version: version.trim_start_matches('v').to_owned(),
        api_version: format!("namespace {namespace}"),
        arch: address.arch,
        cpus: address.cpus,
        memory_bytes: 0,
        shares_kernel: false,
        limitations,
    }
}
