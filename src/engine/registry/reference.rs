//! Image references, taken apart and checked by the grammar of distribution/reference, and where they lead to. Only
//! what passes here gets into a URL.

use std::fmt;
use std::net::Ipv4Addr;

use crate::engine::credentials;

/// The longest name that registries take.
const LONGEST_NAME: usize = 255;
const LONGEST_TAG: usize = 128;

/// A reference with everything that is left out of it by custom: `debian` is `docker.io/library/debian:latest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Reference {
    pub(in crate::engine) registry: String,
    pub(in crate::engine) repository: String,
    pub(in crate::engine) tag: Option<String>,
    /// It decides over the tag.
    pub(in crate::engine) digest: Option<String>,
}

impl Reference {
    /// # Errors
    /// What is wrong with it, to be read after the reference.
    pub(in crate::engine) fn parse(text: &str) -> Result<Reference, String> {
        let (registry, rest) = credentials::split(text);
        if !is_host(registry) {
            return Err(format!("`{}` is not the name of a registry", crate::types::printable(registry)));
        }
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (rest, None),
        };
        if let Some(digest) = &digest {
            check_digest(digest)?;
        }
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag.to_owned())),
            None => (rest, digest.is_none().then(|| "latest".to_owned())),
        };
        if let Some(tag) = tag.as_deref().filter(|tag| !is_tag(tag)) {
            return Err(format!("`{}` is not a tag", crate::types::printable(tag)));
        }
        let repository = match registry {
            credentials::DOCKER_HUB if !repository.contains('/') => format!("library/{repository}"),
            _ => repository.to_owned(),
        };
        if repository.len() > LONGEST_NAME || !repository.split('/').all(is_component) {
            let hint =
                if repository.contains(|c: char| c.is_ascii_uppercase()) { " (they are lower-case)" } else { "" };
            return Err(format!("`{}` is not the name of an image{hint}", crate::types::printable(&repository)));
        }
        Ok(Reference { registry: registry.to_owned(), repository, tag, digest })
    }

    /// Without tag and digest: `docker.io/library/debian`.
    pub(in crate::engine) fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// Where the registry's API has this repository; `in_the_clear`: without TLS.
    pub(super) fn url(&self, in_the_clear: bool) -> String {
        let scheme = if in_the_clear { "http" } else { "https" };
        let host = match self.registry.as_str() {
            credentials::DOCKER_HUB => "registry-1.docker.io",
            other => other,
        };
        format!("{scheme}://{host}/v2/{}", self.repository)
    }

    /// What a registry is asked for: the digest, or else the tag.
    pub(super) fn version(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }

    /// Whether the registry is on this machine: spoken to without TLS, as Docker does, and without a proxy.
    pub(super) fn is_local(&self) -> bool {
        let host = match self.registry.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => &self.registry,
        };
        host == "localhost" || host == "[::1]" || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// The one kind of digest that is in use.
pub(super) fn check_digest(digest: &str) -> Result<(), String> {
    let lower_hex = |hex: &str| hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match digest.split_once(':') {
        Some(("sha256", hex)) if hex.len() == 64 && lower_hex(hex) => Ok(()),
        Some(("sha512", _)) => Err("its digest is sha512, which farm does not know: only sha256".to_owned()),
        _ => Err(format!("`{}` is not a sha256 digest", crate::types::printable(digest))),
    }
}

fn is_host(host: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    let labels = !host.contains("..") && !host.starts_with(['.', '-']);
    // The URL parser knows the rest: ports, addresses.
    labels && host.chars().all(plain) && reqwest::Url::parse(&format!("https://{host}/")).is_ok()
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= LONGEST_TAG && tag.starts_with(word) && tag.chars().all(|c| word(c) || c == '.' || c == '-')
}

/// Lower-case words with `.`, `_`, `__` or any number of `-` between them.
fn is_component(component: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separator = |text: &str| matches!(text, "" | "." | "_" | "__") || text.chars().all(|c| c == '-');
    component.starts_with(word) && component.ends_with(word) && component.split(word).all(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn references_are_written_out() {
        let full = |text: &str| Reference::parse(text).unwrap().to_string();
        assert_eq!(full("debian"), "docker.io/library/debian:latest");
        assert_eq!(full("debian:12"), "docker.io/library/debian:12");
        assert_eq!(full("index.docker.io/a/b"), "docker.io/a/b:latest");
        assert_eq!(full("quay.io/fedora/fedora:43"), "quay.io/fedora/fedora:43");
        assert_eq!(full(&format!("debian@{DIGEST}")), format!("docker.io/library/debian@{DIGEST}"));
        let both = Reference::parse(&format!("localhost:5000/a-b/c__d.e:1.0@{DIGEST}")).unwrap();
        assert_eq!(both.to_string(), format!("localhost:5000/a-b/c__d.e:1.0@{DIGEST}"));
        assert_eq!((both.version(), both.name().as_str()), (DIGEST, "localhost:5000/a-b/c__d.e"));
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        let long = "a".repeat(256);
        for bad in [
            "",
            "/",
            "a/",
            "quay.io/",
            "Debian",
            "a..b/c",
            "a//b",
            "a_-b",
            "-a",
            "a?b",
            "a#b",
            "a/../b",
            "a:",
            "a:b:c",
            "a:-b",
            "a b",
            "a%2fb",
            "ho_st.x/a",
            "user@host.x/a",
            "host:port/a",
            "host:99999/a",
            "a@sha256:00",
            "[::1/a",
            &long,
        ] {
            assert!(Reference::parse(bad).is_err(), "{bad}: {:?}", Reference::parse(bad));
        }
        let error = |text: &str| Reference::parse(text).unwrap_err();
        assert!(error("a/B").contains("lower-case"));
        assert!(error(&format!("a@sha512:{}", "0".repeat(128))).contains("sha512"));
        assert!(error(&format!("a@{}", DIGEST.to_uppercase())).contains("not a sha256 digest"));
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        let url = |text: &str| {
            let reference = Reference::parse(text).unwrap();
            reference.url(reference.is_local())
        };
        assert_eq!(url("debian"), "https://registry-1.docker.io/v2/library/debian");
        assert_eq!(url("quay.io/a/b"), "https://quay.io/v2/a/b");
        for local in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.0.1", "[::1]:5000", "[::1]"] {
            assert_eq!(url(&format!("{local}/a")), format!("http://{local}/v2/a"));
        }
        for remote in ["128.0.0.1:80", "localhost.example:80", "127.0.0.1.example", "[::2]:80"] {
            assert_eq!(url(&format!("{remote}/a")), format!("https://{remote}/v2/a"));
        }
    }
}
