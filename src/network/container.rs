//! What a container with network is given of how its host reaches others: variables for its processes, certificates in a
//! folder that is in memory and ends with it; and what of that must not stand in a log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::setting::Proxy;
use crate::types::Address;

/// In memory, on every engine: no image that is made of a container has what lies there.
const FOLDER: &str = "/dev/shm/farm-network";
/// Where the certificates are uploaded to. The script that begins to use them removes it.
const UPLOADED: &str = "tmp/.farm-network.pem";

/// By these names tools find the file of the authorities that they trust: OpenSSL and Go, curl, git, Python's requests and
/// pip, Node.js, npm, cargo.
const CA_VARIABLES: [&str; 8] = [
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "npm_config_cafile",
    "CARGO_HTTP_CAINFO",
];

/// What processes find in a container with network; nothing where the host has neither proxy nor certificates of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ContainerNetwork {
    env: BTreeMap<String, String>,
    certificates: Option<Arc<[u8]>>,
    hidden: Hidden,
}

impl ContainerNetwork {
    pub(super) fn new(
        http: Option<Proxy>,
        https: Option<Proxy>,
        no_proxy: &[String],
        certificates: &str,
    ) -> ContainerNetwork {
        let mut env = BTreeMap::new();
        let mut add = |name: &str, value: &str| {
            // Some tools read the one, some the other.
            env.insert(name.to_owned(), value.to_owned());
            env.insert(name.to_ascii_uppercase(), value.to_owned());
        };
        for (name, proxy) in [("http_proxy", &http), ("https_proxy", &https)] {
            if let Some(proxy) = proxy {
                add(name, proxy.address.secret());
            }
        }
        if (http.is_some() || https.is_some()) && !no_proxy.is_empty() {
            add("no_proxy", &no_proxy.join(","));
        }
        let certificates = (!certificates.is_empty()).then(|| Arc::from(certificates.as_bytes()));
        if certificates.is_some() {
            env.extend(CA_VARIABLES.map(|name| (name.to_owned(), format!("{FOLDER}/ca.pem"))));
        }
        let hidden = Hidden::of(http.iter().chain(&https));
        ContainerNetwork { env, certificates, hidden }
    }

    /// The names of all variables that a container may be given.
    pub(crate) fn variables() -> Vec<String> {
        let proxies = ["http_proxy", "https_proxy", "no_proxy"];
        let proxies = proxies.iter().flat_map(|name| [(*name).to_owned(), name.to_ascii_uppercase()]);
        proxies.chain(CA_VARIABLES.map(str::to_owned)).collect()
    }

    /// For the environment of each process that is to reach others.
    pub(crate) fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// What is to be uploaded to `/` before [`ContainerNetwork::script`] is run.
    pub(crate) fn file(&self) -> Option<(&'static str, Arc<[u8]>)> {
        self.certificates.clone().map(|bytes| (UPLOADED, bytes))
    }

    /// Run by `sh -c` as root: puts the certificates beside those that the image has itself, where `env` names them. Of
    /// programs it needs cat, mkdir and rm.
    pub(crate) fn script() -> String {
        format!(
            "set -eu\numask 022\nmkdir -p {FOLDER}\n: >{FOLDER}/ca.pem\n\
             for own in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem; do\n\
             \x20   [ ! -s \"$own\" ] || {{ cat \"$own\"; echo; break; }}\ndone >{FOLDER}/ca.pem\n\
             cat /{UPLOADED} >>{FOLDER}/ca.pem\nrm -f /{UPLOADED}\n"
        )
    }

    /// Those of the variables that name proxies and exceptions from them.
    pub(crate) fn proxies(&self) -> BTreeMap<String, String> {
        let is_proxy = |name: &str| name.to_ascii_lowercase().ends_with("_proxy");
        self.env.iter().filter(|(name, _)| is_proxy(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// `; containers use the proxy http://proxy.example.org:3128`: for messages about a network that failed.
    pub(crate) fn by_way_of(&self) -> String {
        let proxies = ["http_proxy", "https_proxy"].iter().filter_map(|name| self.env.get(*name));
        let shown: BTreeSet<String> = proxies.map(|proxy| Address::from(proxy.as_str()).public()).collect();
        match shown.is_empty() {
            true => String::new(),
            false => format!("; containers go through {}", shown.into_iter().collect::<Vec<_>>().join(" and ")),
        }
    }

    /// What must not stand in a log.
    pub(crate) fn hidden(&self) -> &Hidden {
        &self.hidden
    }
}

/// What tools may print of a proxy: its address, and who uses it. A stream of bytes is handed on with a word in their place,
/// however it is cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hidden(Arc<[Vec<u8>]>);

const STANDS_FOR_IT: &[u8] = b"[proxy]";
/// A password that is shorter may be a part of any word.
const SHORTEST_PASSWORD: usize = 4;

impl Hidden {
    fn of<'a>(proxies: impl Iterator<Item = &'a Proxy>) -> Hidden {
        let mut words: Vec<Vec<u8>> = Vec::new();
        for proxy in proxies {
            words.push(proxy.address.secret().into());
            let Some(url) = proxy.url() else { continue };
            let host = url.host_str().unwrap_or_default();
            if let Some(port) = url.port_or_known_default() {
                words.extend([format!("{host}:{port}"), format!("{host} port {port}")].map(String::into_bytes));
            }
            words.push(proxy.address.public().into());
            // A name of one word stands in many a log.
            words.extend(host.contains(['.', ':']).then(|| host.into()));
            if let Some(password) = url.password().filter(|password| password.len() >= SHORTEST_PASSWORD) {
                words.extend([password.as_bytes().to_vec(), decoded(password)]);
            }
        }
        words.retain(|word| !word.is_empty());
        // The longest that fits is what is meant.
        words.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        words.dedup();
        Hidden(words.into())
    }

    /// `bytes`, after what was `held` back before. What may yet become one of the words is held back now.
    pub(crate) fn pass(&self, held: &mut Vec<u8>, bytes: Bytes) -> Bytes {
        if self.0.is_empty() {
            return bytes;
        }
        held.extend_from_slice(&bytes);
        let mut out = Vec::with_capacity(held.len());
        let mut at = 0;
        while at < held.len() {
            let rest = &held[at..];
            // Of two words the longer one, even where it has not come to its end yet.
            match self.0.iter().find(|word| rest.starts_with(word) || word.starts_with(rest)) {
                Some(word) if rest.len() < word.len() => break,
                Some(word) => {
                    out.extend_from_slice(STANDS_FOR_IT);
                    at += word.len();
                }
                None => {
                    out.push(held[at]);
                    at += 1;
                }
            }
        }
        held.drain(..at);
        out.into()
    }

    /// What was held back, when no more comes.
    pub(crate) fn rest(&self, held: &mut Vec<u8>) -> Vec<u8> {
        let mut out = Vec::new();
        // A shorter word may have waited for a longer one.
        while let Some(first) = held.first().copied() {
            match self.0.iter().find(|word| held.starts_with(word)) {
                Some(word) => {
                    out.extend_from_slice(STANDS_FOR_IT);
                    held.drain(..word.len());
                }
                None => {
                    out.push(first);
                    held.remove(0);
                }
            }
        }
        out
    }
}

/// A password without its percent signs, as a tool may print it.
fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}
