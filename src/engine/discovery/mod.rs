//! Turns a choice (`auto`, the name of an engine, a URL) into an engine, or into an error that lists all that was tried.
//! What endpoints there are is a driver's to know; which of them are meant, and in what order they are tried, is decided
//! here, for all drivers alike.

pub(super) mod driver;
pub(super) mod surroundings;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future;

use self::driver::{Driver, EACH_TIMEOUT, Endpoint, Endpoints, Examination, Reachable, Wanted};
use self::surroundings::Surroundings;
use super::drivers::DRIVERS;
use super::{Engine, EngineError};
use crate::types::{Check, Severity, nearest, printable};

/// What chooses the engine that answers first.
const AUTO: &str = "auto";
/// How long an engine may take to answer that is the only one to try: a busy one may need a while.
const ONLY_TIMEOUT: Duration = Duration::from_secs(60);

/// Finds a container engine that answers. `choice` is `auto` (also the empty string), `docker`, `podman`, `native` (farm's
/// own, on Linux), or the URL of an endpoint: `unix://`, `tcp://`, `http://`, `https://`, `npipe://`, `native://` and the
/// folder of a store, or an absolute socket path. `auto` asks the environment variable `FARM_ENGINE` first; then, as the
/// Docker command line does, `DOCKER_HOST`, `DOCKER_CONTEXT` and the current context of the Docker configuration; then
/// the usual sockets of this host, in a fixed order; then it is farm's own.
///
/// What is named explicitly is never replaced by another engine that happens to run.
///
/// # Errors
/// [`EngineError::NoEngine`] with each endpoint tried and why it did not do, [`EngineError::Config`] for a choice or a
/// configuration that cannot be read, [`EngineError::Store`] for a store of farm's own that cannot be used as it is.
pub async fn connect(choice: &str) -> Result<Arc<dyn Engine>, EngineError> {
    connect_among(DRIVERS, choice, &Surroundings::of_this_process()).await
}

/// The names that `choice` may be, beside URLs.
pub fn choices() -> Vec<&'static str> {
    names(DRIVERS)
}

/// The folders of this host where engines that `choice` may mean keep images; those of other engines that farm could use
/// here, too.
pub(crate) fn stores(choice: &str) -> Vec<PathBuf> {
    let (candidates, _) = all_candidates(DRIVERS, choice, &Surroundings::of_this_process());
    candidates.iter().flat_map(|of| of.endpoints.iter().filter_map(|endpoint| (of.driver.store)(endpoint))).collect()
}

/// Whether an endpoint that [`EngineError::NoEngine`] names is that of an engine which farm brings along.
pub(crate) fn needs_no_daemon(tried: &str) -> bool {
    let url = tried.split(" (").next().unwrap_or(tried);
    let scheme = url.split("://").next().unwrap_or(url);
    let is_own =
        |driver: &&Driver| driver.schemes.contains(&scheme) && (driver.store)(&Endpoint::asked_for(url)).is_some();
    DRIVERS.iter().any(is_own)
}

/// What the engine that `choice` means has to let farm do, as a document for whoever keeps it; `None` where there is no such
/// thing. Nobody is asked.
pub(crate) fn rights(choice: &str) -> Result<Option<String>, EngineError> {
    let candidates = candidates(DRIVERS, choice, &Surroundings::of_this_process())?;
    let meant = candidates.iter().filter(|of| of.is_meant);
    let mut rights = meant.flat_map(|of| of.endpoints.iter().map(|endpoint| (of.driver.rights)(endpoint)));
    rights.find_map(Result::transpose).transpose()
}

/// What engines there are, whatever [`connect`] would take, for people who want to know why one is used, or none.
#[derive(Debug)]
pub(crate) struct Survey {
    /// The reason why the choice means no engine at all.
    pub error: Option<EngineError>,
    /// In the order in which they would be tried.
    pub drivers: Vec<DriverSurvey>,
}

/// What one driver found.
#[derive(Debug)]
pub(crate) struct DriverSurvey {
    /// What its engines are called in a sentence.
    pub title: &'static str,
    /// Whether the choice allows one of its engines.
    pub is_meant: bool,
    /// Whether it took too long to find out.
    pub is_late: bool,
    /// The engines that work, in the order in which they would be taken.
    pub engines: Vec<Reachable>,
    /// As severe as they are when no other engine stands in.
    pub checks: Vec<Check>,
}

impl Survey {
    /// The engine that [`connect`] would take, with its driver.
    pub(crate) fn chosen(&self) -> Option<(&DriverSurvey, &Reachable)> {
        let mut meant = self.drivers.iter().filter(|driver| driver.is_meant);
        meant.find_map(|driver| Some((driver, driver.engines.first()?)))
    }
}

/// Asks all that `choice` may mean, at once, and what else there is, too. A driver has the time of `limit`.
pub(crate) async fn survey(choice: &str, limit: Duration) -> Survey {
    survey_among(DRIVERS, choice, &Surroundings::of_this_process(), limit).await
}

async fn connect_among(
    drivers: &[&'static Driver],
    choice: &str,
    around: &Surroundings,
) -> Result<Arc<dyn Engine>, EngineError> {
    let candidates = candidates(drivers, choice, around)?;
    let meant = candidates.iter().filter(|of| of.is_meant);
    let endpoints: Vec<_> = meant.flat_map(|of| of.endpoints.iter().map(|endpoint| (of.driver, endpoint))).collect();
    let limit = if endpoints.len() == 1 { ONLY_TIMEOUT } else { EACH_TIMEOUT };
    let mut tried = Vec::new();
    for (driver, endpoint) in endpoints {
        match (driver.connect)(endpoint, limit).await {
            Ok(engine) => return Ok(engine),
            // That one is there, and another one would have other images.
            Err(error @ EngineError::Store { .. }) => return Err(error),
            Err(error) => tried.push((format!("{} ({})", endpoint.url, endpoint.origin), error.reason())),
        }
    }
    Err(EngineError::NoEngine { tried })
}

async fn survey_among(drivers: &[&'static Driver], choice: &str, around: &Surroundings, limit: Duration) -> Survey {
    let (candidates, error) = all_candidates(drivers, choice, around);
    let examine = |of: Candidates| async move {
        let examined = tokio::time::timeout(limit, (of.driver.examine)(of.endpoints)).await;
        let is_late = examined.is_err();
        let late = |_| Examination {
            checks: vec![Check::new(of.driver.subject, Severity::Note, format!("not known after {limit:?}"))],
            ..Examination::default()
        };
        let Examination { engines, checks } = examined.unwrap_or_else(late);
        DriverSurvey { title: of.driver.title, is_meant: of.is_meant, is_late, engines, checks }
    };
    Survey { error, drivers: future::join_all(candidates.into_iter().map(examine)).await }
}

/// Endpoints of one driver that may be tried.
struct Candidates {
    driver: &'static Driver,
    endpoints: Vec<Endpoint>,
    /// Whether an engine behind one of them is what was asked for.
    is_meant: bool,
}

/// The endpoints of all drivers. Of a driver that is not meant they are those of `auto`.
fn candidates(
    drivers: &[&'static Driver],
    choice: &str,
    around: &Surroundings,
) -> Result<Vec<Candidates>, EngineError> {
    let choice = match choice {
        "" | AUTO => around.var("FARM_ENGINE").unwrap_or(AUTO),
        other => other,
    };
    // An absolute path is the one of a socket.
    let url = if choice.starts_with('/') { format!("unix://{choice}") } else { choice.to_owned() };
    let (meant, wanted) = match url.split_once("://") {
        _ if choice == AUTO => return of_any(drivers, around),
        Some((scheme, _)) => {
            let meant = drivers.iter().find(|driver| driver.schemes.contains(&scheme));
            (meant.ok_or_else(|| unknown_scheme(drivers, &url))?, Wanted::Url(&url))
        }
        None => {
            let meant = drivers.iter().find(|driver| driver.names.contains(&choice));
            (meant.ok_or_else(|| unknown_name(drivers, choice))?, Wanted::Named(choice))
        }
    };
    let endpoints = (meant.endpoints)(wanted, around)?.all;
    let of = |driver: &&'static Driver| match std::ptr::eq(*driver, *meant) {
        true => Candidates { driver, endpoints: endpoints.clone(), is_meant: true },
        false => unmeant(driver, around),
    };
    Ok(drivers.iter().map(of).collect())
}

/// Where the configuration of this user names an engine of one driver, only that one is meant.
fn of_any(drivers: &[&'static Driver], around: &Surroundings) -> Result<Vec<Candidates>, EngineError> {
    let mut found: Vec<(&'static Driver, Endpoints)> = Vec::new();
    for driver in drivers {
        found.push((driver, (driver.endpoints)(Wanted::Any, around)?));
    }
    let configured = found.iter().position(|(_, endpoints)| endpoints.configured);
    let of = |(at, (driver, endpoints)): (usize, (&'static Driver, Endpoints))| Candidates {
        driver,
        endpoints: endpoints.all,
        is_meant: configured.is_none_or(|configured| configured == at),
    };
    Ok(found.into_iter().enumerate().map(of).collect())
}

/// What is wrong with the configuration of an engine that is not meant is of no interest.
fn unmeant(driver: &'static Driver, around: &Surroundings) -> Candidates {
    let endpoints = (driver.endpoints)(Wanted::Any, around).unwrap_or_default().all;
    Candidates { driver, endpoints, is_meant: false }
}

/// As [`candidates`]; where the choice means none, none is meant, and there is an error.
fn all_candidates(
    drivers: &[&'static Driver],
    choice: &str,
    around: &Surroundings,
) -> (Vec<Candidates>, Option<EngineError>) {
    match candidates(drivers, choice, around) {
        Ok(candidates) => (candidates, None),
        Err(error) => (drivers.iter().map(|driver| unmeant(driver, around)).collect(), Some(error)),
    }
}

fn names(drivers: &[&'static Driver]) -> Vec<&'static str> {
    [AUTO].into_iter().chain(drivers.iter().flat_map(|driver| driver.names.iter().copied())).collect()
}

fn unknown_scheme(drivers: &[&'static Driver], url: &str) -> EngineError {
    let known: Vec<&str> = drivers.iter().flat_map(|driver| driver.schemes.iter().copied()).collect();
    let reason = format!("not an endpoint that farm can use (known: {})", known.join(", "));
    let endpoint = Endpoint::asked_for(url);
    EngineError::NoEngine { tried: vec![(format!("{} ({})", endpoint.url, endpoint.origin), reason)] }
}

fn unknown_name(drivers: &[&'static Driver], name: &str) -> EngineError {
    let names = names(drivers);
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let meant = match nearest(name, names.iter().copied()) {
        // Docker's own variables take a host and a port only with a scheme, too.
        _ if name.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && is_port(port)) => {
            format!("did you mean `tcp://{}`?", printable(name))
        }
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}, or a URL such as unix:///var/run/docker.sock", names.join(", ")),
    };
    EngineError::Config(format!("`{}` is no container engine: {meant}", printable(name)))
}

#[cfg(test)]
mod tests;
