//! `kubernetes://CONTEXT/NAMESPACE?registry=…`: which cluster is meant, and what has to be told of it because it cannot be
//! asked. Pure.

use crate::engine::registry::Reference;
use crate::types::{Arch, nearest, printable};

/// What the scheme is called.
pub(super) const SCHEME: &str = "kubernetes";
/// The context that means the cluster which farm itself runs in.
pub(super) const IN_CLUSTER: &str = "in-cluster";
const OPTIONS: [&str; 6] = ["registry", "insecure", "network", "pull-secret", "arch", "cpus"];
/// The longest name of a namespace or a secret that farm takes.
const LONGEST_NAME: usize = 253;

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Of the kubeconfig; none: the current one.
    pub(super) context: Option<String>,
    /// None: the context's.
    pub(super) namespace: Option<String>,
    /// The repository for farm's own images: `registry.example:5000/farm`.
    pub(super) registry: Option<String>,
    /// Whether the registry is spoken to without TLS.
    pub(super) insecure: bool,
    pub(super) isolation: Isolation,
    /// The secret with the registry's password, in the namespace.
    pub(super) pull_secret: Option<String>,
    /// Of the nodes to build on, where a job has no other.
    pub(super) arch: Arch,
    /// How many processors jobs may have together.
    pub(super) cpus: usize,
}

/// What becomes of a container that is to have no network: whether a cluster heeds a NetworkPolicy cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Isolation {
    /// Nothing was said: it is refused.
    Unknown,
    /// The cluster heeds a NetworkPolicy: there is one.
    Enforced,
    /// It has the network all the same: the user said so.
    Open,
}

impl Address {
    /// # Errors
    /// What is wrong with it, as a sentence that names it.
    pub(super) fn parse(url: &str) -> Result<Address, String> {
        let wrong = |what: String| format!("`{}`: {what}", printable(url));
        let rest = url.strip_prefix(SCHEME).and_then(|rest| rest.strip_prefix("://"));
        let rest = rest.ok_or_else(|| wrong(format!("not `{SCHEME}://CONTEXT/NAMESPACE`")))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        // Names of contexts may have slashes of their own.
        let (context, namespace) = path.rsplit_once('/').unwrap_or((path, ""));
        let given = |text: &str| Some(decoded(text)).filter(|text| !text.is_empty());
        let mut address = Address {
            context: given(context),
            namespace: given(namespace),
            registry: None,
            insecure: false,
            isolation: Isolation::Unknown,
            pull_secret: None,
            arch: Arch::host().unwrap_or(Arch::Amd64),
            cpus: 2,
        };
        if let Some(namespace) = &address.namespace {
            check_name("namespace", namespace).map_err(wrong)?;
        }
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            address.set(name, &decoded(value)).map_err(wrong)?;
        }
        Ok(address)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "registry" => {
                Reference::parse(value).map_err(|why| format!("registry: {why}"))?;
                if value.contains('@') || value.rsplit('/').next().is_some_and(|last| last.contains(':')) {
                    return Err("registry: HOST:PORT/PREFIX, without a tag".to_owned());
                }
                self.registry = Some(value.to_owned());
            }
            "insecure" => {
                self.insecure = value.parse::<bool>().map_err(|_| "insecure: `true` or `false`".to_owned())?;
            }
            "network" => {
                self.isolation = match value {
                    "enforced" => Isolation::Enforced,
                    "open" => Isolation::Open,
                    _ => return Err("network: `enforced` or `open`".to_owned()),
                };
            }
            "pull-secret" => {
                check_name("pull-secret", value)?;
                self.pull_secret = Some(value.to_owned());
            }
            "arch" => self.arch = value.parse::<Arch>().map_err(|error| format!("arch: {error}"))?,
            "cpus" => {
                let cpus = value.parse::<usize>().ok().filter(|cpus| (1..=4096).contains(cpus));
                self.cpus = cpus.ok_or_else(|| "cpus: a number from 1 on".to_owned())?;
            }
            other => {
                let other = printable(other);
                return Err(match nearest(&other, OPTIONS) {
                    Some(near) => format!("no option `{other}`: did you mean `{near}`?"),
                    None => format!("no option `{other}`: known are {}", OPTIONS.join(", ")),
                });
            }
        }
        Ok(())
    }
}

/// Names of Kubernetes get into paths of its API (RFC 1123, as it says it).
fn check_name(what: &str, name: &str) -> Result<(), String> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_name = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name.starts_with(word)
        && name.ends_with(word)
        && name.chars().all(|c| word(c) || c == '-' || c == '.');
    if is_name { Ok(()) } else { Err(format!("{what}: `{}` is no name in Kubernetes", printable(name))) }
}

/// Without `%XX`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_cannot_be_asked() {
        let url = "kubernetes://arn:aws:eks:eu:1:cluster/big/builds?registry=registry.example:5000/team/farm&insecure=true\
                   &network=enforced&pull-secret=registry&arch=arm64&cpus=16";
        let expected = Address {
            context: Some("arn:aws:eks:eu:1:cluster/big".to_owned()),
            namespace: Some("builds".to_owned()),
            registry: Some("registry.example:5000/team/farm".to_owned()),
            insecure: true,
            isolation: Isolation::Enforced,
            pull_secret: Some("registry".to_owned()),
            arch: Arch::Arm64,
            cpus: 16,
        };
        assert_eq!(Address::parse(url), Ok(expected));
        let least = Address::parse("kubernetes://").unwrap();
        assert_eq!((least.context, least.namespace, least.isolation), (None, None, Isolation::Unknown));
        let encoded = Address::parse("kubernetes://me%40host%3A1/ns").unwrap();
        assert_eq!(encoded.context.as_deref(), Some("me@host:1"));
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (url, words) in [
            ("kubernetes:/x", "not `kubernetes://CONTEXT/NAMESPACE`"),
            ("kubernetes://a/B", "`B` is no name in Kubernetes"),
            ("kubernetes://a/%2e%2e", "namespace: `..` is no name"),
            ("kubernetes://a/b?netwrok=open", "did you mean `network`?"),
            ("kubernetes://a/b?network=off", "network: `enforced` or `open`"),
            ("kubernetes://a/b?cpus=0", "cpus: a number from 1 on"),
            ("kubernetes://a/b?arch=pdp11", "unknown architecture"),
            ("kubernetes://a/b?registry=h.x/a:1", "without a tag"),
            ("kubernetes://a/b?registry=h.x/../a", "is not the name of an image"),
            ("kubernetes://a/b?pull-secret=a/b", "is no name in Kubernetes"),
        ] {
            let error = Address::parse(url);
            assert!(error.as_ref().is_err_and(|error| error.contains(words)), "{url}: {error:?}");
        }
    }
}
