//! A connection to one engine, which has said who it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::probe::{self, Quirks};
#[cfg(unix)]
use super::tunnel::Tunnel;
use super::{client, errors};
use crate::engine::discovery::driver::Endpoint;
use crate::engine::{EngineError, EngineInfo};

/// The engine.
#[derive(Debug)]
pub(super) struct Docker {
    pub(super) client: bollard::Docker,
    pub(super) endpoint: String,
    pub(super) info: EngineInfo,
    pub(super) quirks: Quirks,
    pub(super) pulls: PullLocks,
    /// The way to another host, which lasts as long as this.
    #[cfg(unix)]
    tunnel: Option<Tunnel>,
}

impl Docker {
    /// `limit`: an engine that does not say its version in this time is taken for dead.
    pub(super) async fn open(endpoint: &Endpoint, limit: Duration) -> Result<Docker, EngineError> {
        #[cfg(unix)]
        if endpoint.url.starts_with("ssh://") {
            let tunnel = Tunnel::open(&endpoint.url, limit).await?;
            let near = Endpoint::new(format!("unix://{}", tunnel.socket().display()), endpoint.origin);
            let there = Docker::open_at(&near, limit).await.map_err(|error| EngineError::Unreachable {
                endpoint: endpoint.url.clone(),
                reason: format!("ssh connects, and no engine answers there: {}", error.reason()),
            })?;
            return Ok(Docker { endpoint: endpoint.url.clone(), tunnel: Some(tunnel), ..there });
        }
        Docker::open_at(endpoint, limit).await
    }

    async fn open_at(endpoint: &Endpoint, limit: Duration) -> Result<Docker, EngineError> {
        let client = client::open(endpoint, limit).await?;
        let (info, quirks) =
            probe::probe(&client).await.map_err(|error| errors::map(&endpoint.url, "describe itself", error))?;
        Ok(Docker {
            client,
            endpoint: endpoint.url.clone(),
            info,
            quirks,
            pulls: PullLocks::default(),
            #[cfg(unix)]
            tunnel: None,
        })
    }

    /// Connects once more to another host where the connection has ended.
    #[cfg(unix)]
    pub(super) async fn renew(&self) -> Result<(), EngineError> {
        match &self.tunnel {
            Some(tunnel) => tunnel.renew().await,
            None => Ok(()),
        }
    }

    #[cfg(not(unix))]
    pub(super) async fn renew(&self) -> Result<(), EngineError> {
        Ok(())
    }

    pub(super) fn error(&self, action: &str, error: bollard::errors::Error) -> EngineError {
        errors::map(&self.endpoint, action, error)
    }
}

/// One lock for each reference that is being pulled: an engine's store has one image under a tag, so a pull for
/// another architecture between a pull and its look-up would return the wrong one.
#[derive(Debug, Default)]
pub(super) struct PullLocks(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl PullLocks {
    pub(super) fn of(&self, reference: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        locks.entry(reference.to_owned()).or_default().clone()
    }
}
