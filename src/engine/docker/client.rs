//! Opens a connection to one endpoint: transport, TLS, and the API version that both sides speak.

use std::path::Path;
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, BollardRequest, ClientVersion, Docker};

use super::errors;
use crate::engine::EngineError;
use crate::engine::discovery::driver::{Endpoint, TlsFiles};

/// The client's timeout covers a whole request body, and a pull or an upload may take hours: what should be quick is
/// bounded where it is called.
const TIMEOUT_SECONDS: u64 = 7 * 24 * 3600;

/// `limit`: an engine that does not say its version in this time is taken for dead.
pub(super) async fn open(endpoint: &Endpoint, limit: Duration) -> Result<Docker, EngineError> {
    let unreachable = |reason: String| EngineError::Unreachable { endpoint: endpoint.url.clone(), reason };
    let client = transport(endpoint)?;
    let negotiated = tokio::time::timeout(limit, client.negotiate_version())
        .await
        .map_err(|_| unreachable(format!("no answer within {} s", limit.as_secs())))?
        .map_err(|error| match errors::map(&endpoint.url, "say its version", error) {
            EngineError::Lost { reason, .. } => unreachable(reason),
            other => other,
        })?;
    let version = negotiated.client_version();
    tracing::info!(endpoint = endpoint.url, api = %version, "the engine answers");
    Ok(negotiated.with_request_modifier(move |request| adjust(request, &version)))
}

fn transport(endpoint: &Endpoint) -> Result<Docker, EngineError> {
    let url = endpoint.url.as_str();
    let (scheme, address) = url.split_once("://").unwrap_or(("", url));
    let opened = match (scheme, &endpoint.tls) {
        #[cfg(unix)]
        ("unix", _) => Docker::connect_with_unix(address, TIMEOUT_SECONDS, API_DEFAULT_VERSION),
        #[cfg(windows)]
        ("npipe", _) => Docker::connect_with_named_pipe(address, TIMEOUT_SECONDS, API_DEFAULT_VERSION),
        ("tcp" | "https", Some(tls)) => return connect_tls(url, tls),
        ("tcp" | "http", None) => Docker::connect_with_http(url, TIMEOUT_SECONDS, API_DEFAULT_VERSION),
        ("https", None) => {
            return Err(EngineError::Config(format!(
                "{url} needs certificates: set DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem"
            )));
        }
        ("ssh", _) => {
            return Err(EngineError::Config(format!(
                "{url}: on this system farm does not use ssh; forward a port, \
                 `ssh -nNT -L 2375:/var/run/docker.sock {address}`, and use `--engine tcp://127.0.0.1:2375`"
            )));
        }
        _ if !url.contains("://") => {
            return Err(EngineError::Config(format!("{url}: it has no scheme: did you mean `tcp://{url}`?")));
        }
        _ => {
            return Err(EngineError::Config(format!(
                "{url}: not an endpoint that farm can use on this system (known: unix, tcp, http, https, npipe on Windows)"
            )));
        }
    };
    opened.map_err(|error| errors::map(url, "be reached", error))
}

fn connect_tls(url: &str, tls: &TlsFiles) -> Result<Docker, EngineError> {
    for file in [&tls.ca, &tls.cert, &tls.key] {
        readable(file).map_err(|error| EngineError::Config(format!("{url} needs {}: {error}", file.display())))?;
    }
    // The client panics without a process-wide provider. Somebody may have installed it already: then it is this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Docker::connect_with_ssl(url, &tls.key, &tls.cert, &tls.ca, TIMEOUT_SECONDS, API_DEFAULT_VERSION)
        .map_err(|error| EngineError::Config(format!("{url}: {error}")))
}

fn readable(file: &Path) -> std::io::Result<()> {
    std::fs::File::open(file).map(|_| ())
}

/// Two things that the client library does not do for us, done to each request:
/// - it leaves the negotiated version out of the path, so that an engine would answer in whatever version is its newest;
/// - it encodes credentials in the standard base64 alphabet, where the API wants the URL-safe one. Engine 20.10 then
///   drops them without a word whenever a `+` or `/` occurs.
pub(super) fn adjust(mut request: BollardRequest, version: &ClientVersion) -> BollardRequest {
    let uri = request.uri();
    // What is asked for may be in the query; so may secrets.
    tracing::debug!(method = %request.method(), path = uri.path(), "asking the engine");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    if !path.starts_with("/v1.") && path != "/version" {
        let scheme = uri.scheme_str().unwrap_or("http");
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if let Ok(versioned) = format!("{scheme}://{authority}/v{version}{path}").parse() {
            *request.uri_mut() = versioned;
        }
    }
    for name in ["x-registry-auth", "x-registry-config"] {
        if let Some(value) = request.headers_mut().get_mut(name) {
            let url_safe = value.to_str().unwrap_or_default().replace('+', "-").replace('/', "_");
            if let Ok(url_safe) = url_safe.parse() {
                *value = url_safe;
            }
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_reached_says_what_to_do() {
        let open = async |url: &str| {
            let endpoint = Endpoint::new(url, "test");
            open(&endpoint, Duration::from_secs(5)).await.unwrap_err().to_string()
        };
        assert!(open("https://host:2376").await.contains("DOCKER_CERT_PATH"));
        assert!(open("gopher://host").await.contains("not an endpoint"));
        assert!(open("unix:///nowhere/docker.sock").await.contains("no such socket"));
        assert!(open("tcp://127.0.0.1:1").await.contains("does not answer"));
    }
}
