//! Proxies and exceptions from them, as people write them in variables and in the configuration.

use std::net::IpAddr;

use crate::types::Address;

/// A proxy, and who named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// With its scheme, and without a slash at its end.
    pub(crate) address: Address,
    /// `https_proxy`, or the key of the configuration.
    pub(crate) said_by: String,
}

impl Proxy {
    /// # Errors
    /// What is wrong with it, as it reads after "it".
    pub(super) fn new(text: &str, said_by: &str) -> Result<Proxy, String> {
        // curl takes `proxy:3128`, too; apt does not.
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        check_proxy(&text)?;
        Ok(Proxy { address: text.trim_end_matches('/').into(), said_by: said_by.to_owned() })
    }

    pub(super) fn url(&self) -> Option<reqwest::Url> {
        reqwest::Url::parse(self.address.secret()).ok()
    }

    /// Whether nobody but this host reaches it.
    pub(super) fn is_on_loopback(&self) -> bool {
        let Some(url) = self.url() else { return false };
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.ends_with(".localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }
}

/// Whether farm and the tools in containers can use a proxy at such an address.
///
/// # Errors
/// What is wrong with it, as it reads after "it".
pub(crate) fn check_proxy(text: &str) -> Result<(), String> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("has blanks or control characters in its address".to_owned());
    }
    let url = reqwest::Url::parse(text).map_err(|error| format!("has no valid address: {error}"))?;
    match url.scheme() {
        "http" | "https" if url.host_str().is_some_and(|host| !host.is_empty()) => Ok(()),
        "http" | "https" => Err("has an address without a host".to_owned()),
        other => Err(format!("is no HTTP proxy but of the kind {other}: farm uses http://HOST:PORT")),
    }
}

/// Whether one exception can be passed on: it stands in a list with commas.
///
/// # Errors
/// What is wrong with it, as it reads after "it".
pub(crate) fn check_no_proxy(text: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:/*[]".contains(c);
    match text.is_empty() || !text.chars().all(is_plain) {
        true => Err("is no host: write example.org, .example.org, 10.0.0.0/8 or *".to_owned()),
        false => Ok(()),
    }
}

/// The entries of a `no_proxy`.
pub(super) fn hosts(text: &str) -> Vec<String> {
    let entries = text.split([',', ' ', '\t']).filter(|entry| check_no_proxy(entry).is_ok());
    entries.map(str::to_owned).collect()
}

/// Whether a host is excepted: by its name, a domain that it is in (with a dot before it or not), its address, a network
/// that this is in, or `*`.
pub(super) fn is_direct(exceptions: &[String], host: &str, port: Option<u16>) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    exceptions.iter().any(|entry| {
        let mut entry = entry.to_ascii_lowercase();
        if let Some((name, of_entry)) = entry.rsplit_once(':')
            && !name.contains(':')
            && let Ok(of_entry) = of_entry.parse::<u16>()
        {
            if port != Some(of_entry) {
                return false;
            }
            entry = name.to_owned();
        }
        if entry == "*" {
            return true;
        }
        if let Some(address) = address {
            return match entry.split_once('/') {
                Some((network, length)) => length.parse().is_ok_and(|length| is_in(address, network, length)),
                None => entry.trim_start_matches('[').trim_end_matches(']').parse() == Ok(address),
            };
        }
        let domain = entry.trim_start_matches('*').trim_start_matches('.');
        host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
    })
}

fn is_in(address: IpAddr, network: &str, length: u32) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, 32),
        IpAddr::V6(v6) => (u128::from(v6), 128),
    };
    let Ok(network) = network.parse::<IpAddr>() else { return false };
    let ((address, width), (network, of_network)) = (bits(address), bits(network));
    if width != of_network || length > width {
        return false;
    }
    length == 0 || (address ^ network) >> (128 - length) == 0
}

/// The blocks of certificates in a text, each on lines of its own.
pub(super) fn certificates(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let mut found = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find(BEGIN) {
        let Some(length) = rest[begin..].find(END) else { break };
        let end = begin + length + END.len();
        found.push_str(&rest[begin..end].replace('\r', ""));
        found.push('\n');
        rest = &rest[end..];
    }
    found
}
