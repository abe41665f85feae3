//! The driver for Kubernetes: a pod for each container, spoken to by the exec of the cluster's API, with images in a
//! registry that farm writes to and the nodes pull from. It needs rights in one namespace alone, and shares no file system
//! with a node. A part of farm with the feature `kubernetes` only.
//!
//! What it does not do, it refuses: Dockerfiles, and images without a registry.

#[cfg(feature = "kubernetes")]
mod address;
#[cfg(feature = "kubernetes")]
mod cluster;
#[cfg(feature = "kubernetes")]
mod container;
#[cfg(feature = "kubernetes")]
mod engine;
#[cfg(not(feature = "kubernetes"))]
#[path = "without.rs"]
mod engine;
#[cfg(feature = "kubernetes")]
mod errors;
#[cfg(feature = "kubernetes")]
mod evidence;
#[cfg(feature = "kubernetes")]
mod exec;
#[cfg(feature = "kubernetes")]
mod files;
#[cfg(feature = "kubernetes")]
mod images;
#[cfg(feature = "kubernetes")]
mod lease;
#[cfg(feature = "kubernetes")]
mod pod;
#[cfg(feature = "kubernetes")]
mod process;
#[cfg(feature = "kubernetes")]
mod rights;
#[cfg(feature = "kubernetes")]
mod terminal;

use super::discovery::driver::{Driver, EACH_TIMEOUT, Endpoint, Endpoints, Examination, Reachable, Wanted};
use super::discovery::surroundings::Surroundings;
use crate::engine::EngineError;
use crate::types::{Check, Severity};

const SUBJECT: &str = "cluster";

pub(super) const DRIVER: Driver = Driver {
    // Whose cluster, and with which registry, has to be said: a URL.
    names: &[],
    schemes: &["kubernetes"],
    title: "a cluster",
    subject: SUBJECT,
    endpoints,
    connect: |endpoint, limit| Box::pin(engine::connect(&endpoint.url, limit)),
    examine: |endpoints| Box::pin(examine(endpoints)),
    store: |_| None,
    rights: |endpoint| engine::rights(&endpoint.url).map(Some),
};

/// None, unless the user names one: builds are not sent to whatever cluster a kubeconfig happens to name.
fn endpoints(wanted: Wanted<'_>, _around: &Surroundings) -> Result<Endpoints, EngineError> {
    Ok(match wanted {
        Wanted::Url(url) => Endpoints::configured(Endpoint::asked_for(url)),
        Wanted::Any | Wanted::Named(_) => Endpoints::default(),
    })
}

async fn examine(endpoints: Vec<Endpoint>) -> Examination {
    let mut found = Examination::default();
    for Endpoint { url, .. } in endpoints {
        let asked = async { engine::connect(&url, EACH_TIMEOUT).await?.ping().await };
        match asked.await {
            Ok(info) => {
                let says = format!("Kubernetes {} answers at {url}, {}", info.version, info.api_version);
                found.checks.push(Check::new(SUBJECT, Severity::Ok, says));
                let limits = info.limitations.iter().cloned();
                found.checks.extend(limits.map(|limit| Check::new(SUBJECT, Severity::Note, limit)));
                found.engines.push(Reachable { endpoint: url, info });
            }
            Err(error) => {
                found.checks.push(Check::new(SUBJECT, Severity::Bad, format!("{url}: {}", error.reason())));
            }
        }
    }
    found
}
