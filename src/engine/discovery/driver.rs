//! What discovery knows of a driver: one descriptor each, with a row in `engine/drivers.rs`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::surroundings::Surroundings;
use crate::engine::{Engine, EngineError, EngineInfo};
use crate::types::Check;

/// How long one of several engines may take to answer: then the others are tried.
pub(in crate::engine) const EACH_TIMEOUT: Duration = Duration::from_secs(5);

/// A driver. Nobody else decides by its names or by the scheme of an endpoint.
pub(in crate::engine) struct Driver {
    /// The engines that it speaks to, as `--engine` names them.
    pub(in crate::engine) names: &'static [&'static str],
    /// The schemes of URLs that are endpoints of it.
    pub(in crate::engine) schemes: &'static [&'static str],
    /// What its engines are called in a sentence.
    pub(in crate::engine) title: &'static str,
    /// What its lines are called in `farm doctor`.
    pub(in crate::engine) subject: &'static str,
    /// The endpoints that may be meant, in the order in which they are to be tried. Opens no connection.
    pub(in crate::engine) endpoints: fn(Wanted<'_>, &Surroundings) -> Result<Endpoints, EngineError>,
    /// Opens an engine that has to answer within the time.
    pub(in crate::engine) connect: for<'a> fn(&'a Endpoint, Duration) -> BoxFuture<'a, Connected>,
    /// Finds out what works and what is missing, for `farm doctor`, and leaves nothing behind. A check is as severe as it is
    /// when no other engine stands in for this one.
    pub(in crate::engine) examine: fn(Vec<Endpoint>) -> BoxFuture<'static, Examination>,
    /// The folder of this host where the engine keeps its images, if farm looks after it.
    pub(in crate::engine) store: fn(&Endpoint) -> Option<PathBuf>,
    /// What an engine has to let farm do, as a document for whoever keeps it; `None` where there is no such thing.
    pub(in crate::engine) rights: fn(&Endpoint) -> Result<Option<String>, EngineError>,
}

pub(in crate::engine) type Connected = Result<Arc<dyn Engine>, EngineError>;

/// What a choice means to a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Wanted<'a> {
    /// Whatever engine there is.
    Any,
    /// One of [`Driver::names`].
    Named(&'a str),
    /// A URL with one of [`Driver::schemes`].
    Url(&'a str),
}

/// Where an engine may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Endpoint {
    pub(in crate::engine) url: String,
    /// Why it was thought of, for messages.
    pub(in crate::engine) origin: &'static str,
    pub(in crate::engine) tls: Option<TlsFiles>,
}

impl Endpoint {
    /// One that the user named.
    pub(in crate::engine) fn asked_for(url: &str) -> Endpoint {
        Endpoint::new(url, "the engine asked for")
    }

    pub(in crate::engine) fn new(url: impl Into<String>, origin: &'static str) -> Endpoint {
        Endpoint { url: url.into(), origin, tls: None }
    }
}

/// The three PEM files of mutual TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct TlsFiles {
    pub(in crate::engine) ca: PathBuf,
    pub(in crate::engine) cert: PathBuf,
    pub(in crate::engine) key: PathBuf,
}

/// The endpoints of one driver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::engine) struct Endpoints {
    pub(in crate::engine) all: Vec<Endpoint>,
    /// Whether the user's configuration names them: then no other engine stands in for them.
    pub(in crate::engine) configured: bool,
}

impl Endpoints {
    /// Those where engines usually are.
    pub(in crate::engine) fn usual(all: Vec<Endpoint>) -> Endpoints {
        Endpoints { all, configured: false }
    }

    pub(in crate::engine) fn configured(endpoint: Endpoint) -> Endpoints {
        Endpoints { all: vec![endpoint], configured: true }
    }
}

/// What a driver found out on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::engine) struct Examination {
    /// The engines that can be used, in the order in which they would be.
    pub(in crate::engine) engines: Vec<Reachable>,
    pub(in crate::engine) checks: Vec<Check>,
}

/// An engine that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reachable {
    /// A URL.
    pub endpoint: String,
    pub info: EngineInfo,
}
