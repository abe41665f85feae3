//! How this host reaches others: through which proxies, and which certificate authorities beside public ones it trusts.
//! Read once from the environment and the configuration. farm's own clients take it from here (`fetch::client`), and
//! containers that have a network are given what of it they can use (`ContainerNetwork`), as long as they need it.
//!
//! Nothing of it is an input of a key, and none of it goes into images, packages, logs or records.

mod container;
mod setting;
pub(crate) mod ssh;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::types::Address;

pub(crate) use container::{ContainerNetwork, Hidden};
pub(crate) use setting::{Proxy, check_no_proxy, check_proxy};

/// What this process was told, once, by whoever read its configuration.
static HERE: OnceLock<Arc<HostNetwork>> = OnceLock::new();

/// Who names a proxy that no variable names.
const OF_CONFIGURATION: &str = "proxy in [network] of config.toml";

/// How this host reaches others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostNetwork {
    http: Option<Proxy>,
    https: Option<Proxy>,
    /// Hosts that are asked directly, as `no_proxy` has them.
    no_proxy: Vec<String>,
    /// Certificates in PEM, beside those that this host has by itself.
    added: Option<Arc<str>>,
    /// Those of `SSL_CERT_FILE`, which go before the system's own.
    replaced: Option<Arc<str>>,
}

/// What the configuration says under `[network]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NetworkConfig {
    /// For `http` and `https` alike.
    pub(crate) proxy: Option<Address>,
    pub(crate) no_proxy: Vec<String>,
    /// The file that it names, and the certificates in it.
    pub(crate) ca: Option<(PathBuf, Arc<str>)>,
}

impl HostNetwork {
    /// What the environment says, and where it says nothing the configuration. An empty variable says that there is no
    /// proxy. With what cannot be used, in sentences.
    pub(crate) fn read(variables: &BTreeMap<String, String>, config: &NetworkConfig) -> (HostNetwork, Vec<String>) {
        let mut notes = Vec::new();
        // As curl has it: the name in small letters first.
        let said = |name: &str| {
            let names = [name.to_owned(), name.to_ascii_uppercase()];
            names.into_iter().find_map(|name| variables.get(&name).map(|value| (name, value.trim().to_owned())))
        };
        let mut proxy = |name: &str| match said(name).or_else(|| said("all_proxy")) {
            Some((_, value)) if value.is_empty() => None,
            Some((name, value)) => match Proxy::new(&value, &name) {
                Ok(proxy) => Some(proxy),
                Err(reason) => {
                    let note = format!("the proxy that {name} names is not used: it {reason}");
                    if !notes.contains(&note) {
                        notes.push(note);
                    }
                    None
                }
            },
            None => config.proxy.as_ref().and_then(|proxy| Proxy::new(proxy.secret(), OF_CONFIGURATION).ok()),
        };
        let (http, https) = (proxy("http_proxy"), proxy("https_proxy"));
        let no_proxy = match said("no_proxy") {
            Some((_, value)) => setting::hosts(&value),
            None => config.no_proxy.clone(),
        };
        let replaced = variables.get("SSL_CERT_FILE").filter(|path| !path.is_empty());
        let replaced = replaced.and_then(|path| match certificates_of(Path::new(path)) {
            Ok(pem) => Some(pem),
            Err(reason) => {
                notes.push(format!("SSL_CERT_FILE is of no use: {path}: {reason}"));
                None
            }
        });
        let added = config.ca.as_ref().map(|(_, pem)| pem.clone());
        (HostNetwork { http, https, no_proxy, added, replaced }, notes)
    }

    /// What this process was told by `HostNetwork::use_here`; else nothing.
    pub fn here() -> Arc<HostNetwork> {
        HERE.get().cloned().unwrap_or_default()
    }

    /// Has all clients that are made from now on use this. Once for a process, as its environment is one.
    pub(crate) fn use_here(self) {
        let _ = HERE.set(Arc::new(self));
    }

    /// Whether anything is said here: else clients find out about the host themselves.
    pub(crate) fn has_proxies(&self) -> bool {
        self.http.is_some() || self.https.is_some()
    }

    /// The proxy for an address, by its scheme (`http` or `https`), host and port.
    pub(crate) fn proxy_for(&self, scheme: &str, host: &str, port: Option<u16>) -> Option<&Proxy> {
        let proxy = if scheme == "https" { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !setting::is_direct(&self.no_proxy, host, port))
    }

    /// Certificates to trust beside what the system, or `SSL_CERT_FILE`, has.
    pub(crate) fn added_certificates(&self) -> Option<&str> {
        self.added.as_deref()
    }

    /// The variables that programs of this host need beside their own to use the proxies of the configuration.
    pub(crate) fn of_configuration(&self) -> Vec<(&'static str, String)> {
        let mut env = Vec::new();
        for (name, proxy) in [("http_proxy", &self.http), ("https_proxy", &self.https)] {
            if let Some(proxy) = proxy.as_ref().filter(|proxy| proxy.said_by == OF_CONFIGURATION) {
                env.push((name, proxy.address.secret().to_owned()));
            }
        }
        if !env.is_empty() {
            env.push(("no_proxy", self.no_proxy.join(",")));
        }
        env
    }

    /// What containers with network are given. `shares_host`: whether this host's own loopback device is theirs. With what
    /// they cannot use, in sentences.
    pub(crate) fn for_containers(&self, shares_host: bool) -> (ContainerNetwork, Vec<String>) {
        let mut notes = Vec::new();
        let mut reached = |proxy: &Option<Proxy>| {
            let proxy = proxy.clone()?;
            if shares_host || !proxy.is_on_loopback() {
                return Some(proxy);
            }
            let note = format!(
                "containers cannot reach the proxy {} that {} names: it is this host's own loopback device. They are not told \
                 of it; use --network host, or an address of this host that they can reach",
                proxy.address, proxy.said_by
            );
            if !notes.contains(&note) {
                notes.push(note);
            }
            None
        };
        let (http, https) = (reached(&self.http), reached(&self.https));
        let certificates: Vec<&str> = self.replaced.as_deref().into_iter().chain(self.added.as_deref()).collect();
        (ContainerNetwork::new(http, https, &self.no_proxy, &certificates.concat()), notes)
    }
}

/// The certificates in a file, in PEM, and nothing else of it: a key that lies beside them is nobody's business.
///
/// # Errors
/// A reason that reads after the file's name and a colon.
pub(crate) fn certificates_of(path: &Path) -> Result<Arc<str>, String> {
    /// All public authorities together are less than 300 kB.
    const LARGEST: u64 = 16 << 20;
    let found = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !found.is_file() || found.len() > LARGEST {
        return Err("it is no file of certificates".to_owned());
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let certificates = setting::certificates(&String::from_utf8_lossy(&bytes));
    if certificates.is_empty() {
        return Err("no certificate in PEM is in it (-----BEGIN CERTIFICATE-----)".to_owned());
    }
    for certificate in CertificateDer::pem_slice_iter(certificates.as_bytes()) {
        let unread = |error: String| format!("its certificates cannot be read: {error}");
        let certificate = certificate.map_err(|error| unread(error.to_string()))?;
        rustls::RootCertStore::empty().add(certificate).map_err(|error| unread(error.to_string()))?;
    }
    Ok(certificates.into())
}

#[cfg(test)]
mod tests;
