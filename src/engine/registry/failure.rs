//! Why a registry did not do: in words for a person, from what the network library, TLS and the registry say.

use std::error::Error;
use std::io;

use reqwest::{Response, StatusCode};
use serde::Deserialize;

use crate::fetch::by_proxy;
use crate::types::printable;

/// More than any registry has to say; the rest is not read.
const LONGEST_BODY: u64 = 16 << 10;
const LONGEST_WORDS: usize = 300;

/// A request that got no answer. Where there was no connection, the words are those of Go's network library, by which
/// `image` tells a registry that cannot be reached, whatever the engine.
pub(super) fn of_transport(error: &reqwest::Error) -> String {
    let host = error.url().map_or_else(|| "the registry".to_owned(), host);
    let causes: Vec<&(dyn Error + 'static)> = std::iter::successors(error.source(), |&cause| cause.source()).collect();
    let root = printable(&causes.last().map_or_else(|| error.to_string(), ToString::to_string));
    let io = causes.iter().rev().find_map(|cause| cause.downcast_ref::<io::Error>());
    if causes.iter().any(|cause| is_tls(*cause)) {
        let hint = match root.contains("UnknownIssuer") {
            true => ": it is signed by no authority that this machine knows (package ca-certificates)",
            false => "",
        };
        return format!("no TLS connection to {host}: {root}{hint}");
    }
    if causes.iter().any(|cause| cause.to_string().contains("dns error")) {
        return format!("no such host {host}: {root}");
    }
    if causes.iter().any(|cause| cause.to_string().contains("tunnel error")) {
        return format!("proxyconnect: the proxy gives no connection to {host}: {root}{}", by_proxy(error.url()));
    }
    let kind = match io.map(io::Error::kind) {
        _ if error.is_redirect() => return format!("{host} leads to where farm does not follow: {root}"),
        _ if error.is_timeout() => "i/o timeout: no answer in time".to_owned(),
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(io::ErrorKind::ConnectionReset) => "connection reset".to_owned(),
        Some(io::ErrorKind::TimedOut) => "i/o timeout".to_owned(),
        Some(io::ErrorKind::NetworkUnreachable) => "network is unreachable".to_owned(),
        Some(io::ErrorKind::HostUnreachable) => "no route to host".to_owned(),
        _ => root,
    };
    match error.is_connect() {
        true => format!("no connection to {host}: {kind}{}", by_proxy(error.url())),
        false => format!("the connection to {host} broke: {kind}"),
    }
}

/// An I/O error does not count the error that it was made from among its causes.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<rustls::Error>() || inner.is_some_and(|inner| is_tls(inner))
}

/// A body that broke off. Its error does not know where it came from.
pub(super) fn of_body(error: reqwest::Error, response: &Response) -> String {
    of_transport(&error.with_url(response.url().clone()))
}

/// Host and port, as people write them in a reference.
pub(super) fn host(url: &reqwest::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Who has answered with an error, what about, and whether we had shown credentials.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) registry: &'a str,
    pub(super) what: &'a str,
    pub(super) with_credentials: bool,
}

/// An answer that is not the one hoped for.
pub(super) async fn of_status(response: Response, question: Question<'_>) -> String {
    let status = response.status();
    let from = host(response.url());
    let words = words(response).await;
    let status_text = match words {
        Some(words) => format!("{status}: {words}"),
        None => status.to_string(),
    };
    let Question { registry, what, with_credentials } = question;
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if with_credentials => format!(
            "authorization failed: {from} does not give {what} to the account of the Docker configuration ({status_text})"
        ),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => format!(
            "authorization failed: {from} has no {what}, or wants to know for whom: `docker login {registry}` ({status_text})"
        ),
        StatusCode::NOT_FOUND => format!("not found: {from} has no {what} ({status_text})"),
        StatusCode::TOO_MANY_REQUESTS => format!("{from} has had too many requests from here ({status_text})"),
        _ => format!("{from} does not give {what} ({status_text})"),
    }
}

/// The forms in which registries and their token servers explain themselves.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Explanation {
    errors: Vec<OneError>,
    message: Option<String>,
    /// Docker Hub's token server.
    details: Option<String>,
    /// OAuth2.
    error_description: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OneError {
    code: String,
    message: String,
}

/// What the other side has to say, on one line.
async fn words(response: Response) -> Option<String> {
    let body = start(response).await;
    let text = match serde_json::from_slice::<Explanation>(&body) {
        Ok(Explanation { errors, message, details, error_description }) => {
            let each =
                errors.into_iter().map(|OneError { code, message }| if message.is_empty() { code } else { message });
            let each: Vec<String> = each.collect();
            let joined = Some(each.join("; ")).filter(|text| !text.is_empty());
            joined.or(details).or(error_description).or(message)?
        }
        Err(_) => String::from_utf8(body).ok()?,
    };
    let line = printable(text.trim().lines().next().unwrap_or_default());
    let short: String = line.chars().take(LONGEST_WORDS).collect();
    // A page for browsers tells nothing that its status does not.
    Some(short).filter(|text| !text.is_empty() && !text.starts_with('<'))
}

async fn start(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() as u64 > LONGEST_BODY {
            return Vec::new();
        }
    }
    body
}
