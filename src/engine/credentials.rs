//! Registry credentials from the Docker configuration (`config.json`, its helpers and stores), as `docker login` left
//! them, for every driver. Nothing is cached and nothing is written.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use docker_credential::{CredentialRetrievalError, DockerCredential};

/// What references call Docker Hub.
pub(super) const DOCKER_HUB: &str = "docker.io";
/// What Docker's configuration calls it.
pub(super) const DOCKER_HUB_ACCOUNT: &str = "https://index.docker.io/v1/";

/// The credentials for the registry of `reference`, if there are any. The error is why there should be some and they
/// cannot be had: the pull may still succeed without.
pub(super) async fn for_reference(reference: &str) -> Result<Option<DockerCredential>, String> {
    let registry = registry(reference).to_owned();
    let Some(config) = config_file() else { return Ok(None) };
    // A credential helper is a process to wait for.
    tokio::task::spawn_blocking(move || look_up(&registry, &config))
        .await
        .unwrap_or_else(|error| Err(error.to_string()))
}

/// The credentials for every registry that the configuration names, under the name that it gives, and why others cannot
/// be had.
pub(super) async fn all() -> (Vec<(String, DockerCredential)>, Vec<String>) {
    let Some(config) = config_file() else { return (Vec::new(), Vec::new()) };
    tokio::task::spawn_blocking(move || look_up_all(&config))
        .await
        .unwrap_or_else(|error| (Vec::new(), vec![error.to_string()]))
}

fn look_up_all(config: &Path) -> (Vec<(String, DockerCredential)>, Vec<String>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    // What cannot be read is reported for the registry that asks for it.
    let text = std::fs::read(config).unwrap_or_default();
    let document: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    // A store's credentials have an entry in `auths`, without content.
    let names = ["auths", "credHelpers"].map(|table| document[table].as_object()).into_iter().flatten();
    let names: BTreeSet<&str> = names.flat_map(|table| table.keys().map(String::as_str)).collect();
    for name in names {
        let registry = if name == DOCKER_HUB_ACCOUNT { DOCKER_HUB } else { name };
        match look_up(registry, config) {
            Ok(Some(credential)) => found.push((name.to_owned(), credential)),
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    (found, problems)
}

/// The same file that `docker login` writes.
fn config_file() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").or_else(|| set("USERPROFILE"));
    let folder = set("DOCKER_CONFIG").or_else(|| Some(home()?.join(".docker")))?;
    Some(folder.join("config.json"))
}

fn look_up(registry: &str, config: &Path) -> Result<Option<DockerCredential>, String> {
    let failed = |reason: String| format!("credentials for {registry}: {}", reason.trim().replace('\n', " "));
    // Read here, because the library does not tell a file that is not there from one that cannot be read.
    let text = match std::fs::read(config) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(format!("{} cannot be read: {error}", config.display()))),
    };
    let keys = match registry {
        DOCKER_HUB => vec![DOCKER_HUB_ACCOUNT.to_owned(), DOCKER_HUB.to_owned()],
        other => vec![other.to_owned(), format!("https://{other}")],
    };
    for key in keys {
        match docker_credential::get_credential_from_reader(text.as_slice(), &key) {
            Ok(credential) => return Ok(Some(credential)),
            Err(error) if is_absent(&error) => {}
            Err(CredentialRetrievalError::ConfigReadError) => {
                return Err(failed(format!("{} is not a Docker configuration", config.display())));
            }
            Err(error) => return Err(failed(error.to_string())),
        }
    }
    Ok(None)
}

/// No entry, or a store that has none: pull anonymously.
fn is_absent(error: &CredentialRetrievalError) -> bool {
    match error {
        CredentialRetrievalError::NoCredentialConfigured => true,
        CredentialRetrievalError::HelperFailure { stdout, stderr, .. } => {
            // The text of `docker-credential-helpers`, which is its protocol for "none".
            stdout.contains("credentials not found") || stderr.contains("credentials not found")
        }
        _ => false,
    }
}

/// The registry's host and port in an image reference.
pub(super) fn registry(reference: &str) -> &str {
    split(reference).0
}

/// An image reference in two: its registry, and the rest. The registry is the first component, if it looks like a host
/// (distribution/reference: it holds a dot or a colon, or is `localhost`), else Docker Hub.
pub(super) fn split(reference: &str) -> (&str, &str) {
    match reference.split_once('/') {
        Some(("index.docker.io", rest)) => (DOCKER_HUB, rest),
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
        _ => (DOCKER_HUB, reference),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_of_a_reference() {
        assert_eq!(registry("debian:12"), "docker.io");
        assert_eq!(registry("library/debian:12"), "docker.io");
        assert_eq!(registry("docker.io/library/debian:12"), "docker.io");
        assert_eq!(registry("quay.io/fedora/fedora:43"), "quay.io");
        assert_eq!(registry("localhost/x"), "localhost");
        assert_eq!(registry("registry:5000/x@sha256:00"), "registry:5000");
        assert_eq!(split("index.docker.io/library/debian:12"), ("docker.io", "library/debian:12"));
        assert_eq!(split("debian:12"), ("docker.io", "debian:12"));
    }

    #[test]
    fn no_configuration_is_no_credentials_and_a_broken_one_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.json");
        assert_eq!(look_up("quay.io", &folder.path().join("none/config.json")), Ok(None));
        assert_eq!(look_up("quay.io", &config), Ok(None));
        std::fs::write(&config, "{").unwrap();
        let problem = look_up("quay.io", &config).unwrap_err();
        assert!(problem.starts_with("credentials for quay.io: ") && problem.contains("config.json"), "{problem}");
        let auths = serde_json::json!({ "auths": {
            "quay.io": { "auth": "bWU6cGFzcw==" },
            "https://index.docker.io/v1/": { "auth": "bWU6", "identitytoken": "t" },
        }});
        std::fs::write(&config, auths.to_string()).unwrap();
        let password = DockerCredential::UsernamePassword("me".to_owned(), "pass".to_owned());
        assert_eq!(look_up("quay.io", &config), Ok(Some(password)));
        assert_eq!(look_up("docker.io", &config), Ok(Some(DockerCredential::IdentityToken("t".to_owned()))));
        assert_eq!(look_up("ghcr.io", &config), Ok(None));
        let (all, problems) = look_up_all(&config);
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names, problems), (vec!["https://index.docker.io/v1/", "quay.io"], Vec::new()));
    }
}
