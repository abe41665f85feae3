//! Registry credentials from the Docker configuration (`config.json`, its helpers and stores), as `docker login` left
//! them. Nothing is cached and nothing is written.

use bollard::auth::DockerCredentials;
use docker_credential::{CredentialRetrievalError, DockerCredential};

/// What Docker's configuration calls Docker Hub.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// The credentials for the registry of `reference`, if there are any. The error is why there should be some and they
/// cannot be had: the pull may still succeed without.
pub(super) async fn for_reference(reference: &str) -> Result<Option<DockerCredentials>, String> {
    let registry = registry(reference).to_owned();
    // A credential helper is a process to wait for.
    tokio::task::spawn_blocking(move || look_up(&registry)).await.unwrap_or_else(|error| Err(error.to_string()))
}

fn look_up(registry: &str) -> Result<Option<DockerCredentials>, String> {
    let keys = match registry {
        "docker.io" => vec![DOCKER_HUB.to_owned(), "docker.io".to_owned()],
        other => vec![other.to_owned(), format!("https://{other}")],
    };
    for key in keys {
        match docker_credential::get_credential(&key) {
            Ok(credential) => return Ok(Some(credentials(registry, credential))),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(format!("credentials for {registry}: {error}").replace('\n', " ")),
        }
    }
    Ok(None)
}

/// No configuration, no entry, or a store that has none: pull anonymously.
fn is_absent(error: &CredentialRetrievalError) -> bool {
    match error {
        CredentialRetrievalError::NoCredentialConfigured | CredentialRetrievalError::ConfigNotFound => true,
        CredentialRetrievalError::HelperFailure { stdout, stderr, .. } => {
            // The text of `docker-credential-helpers`, which is its protocol for "none".
            stdout.contains("credentials not found") || stderr.contains("credentials not found")
        }
        _ => false,
    }
}

fn credentials(registry: &str, credential: DockerCredential) -> DockerCredentials {
    let serveraddress = Some(if registry == "docker.io" { DOCKER_HUB } else { registry }.to_owned());
    match credential {
        DockerCredential::IdentityToken(token) => {
            DockerCredentials { identitytoken: Some(token), serveraddress, ..DockerCredentials::default() }
        }
        DockerCredential::UsernamePassword(username, password) => DockerCredentials {
            username: Some(username),
            password: Some(password),
            serveraddress,
            ..DockerCredentials::default()
        },
    }
}

/// The registry's host and port in an image reference: the first component, if it looks like a host
/// (distribution/reference: it holds a dot or a colon, or is `localhost`), else Docker Hub.
pub(super) fn registry(reference: &str) -> &str {
    match reference.split_once('/') {
        Some(("index.docker.io", _)) => "docker.io",
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
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
    }
}
