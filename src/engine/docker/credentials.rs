//! Registry credentials as the engine API takes them. Where they come from is [`crate::engine::credentials`]'s.

use std::collections::HashMap;

use bollard::auth::DockerCredentials;
use docker_credential::DockerCredential;

use crate::engine::credentials::{self, DOCKER_HUB, DOCKER_HUB_ACCOUNT};

/// The credentials for the registry of `reference`, if there are any. The error is why there should be some and they
/// cannot be had.
pub(super) async fn for_reference(reference: &str) -> Result<Option<DockerCredentials>, String> {
    let found = credentials::for_reference(reference).await?;
    Ok(found.map(|credential| for_engine(credentials::registry(reference), credential)))
}

/// The credentials for every registry that has some, by the names that the configuration gives them, and what keeps
/// others from being had.
pub(super) async fn all() -> (HashMap<String, DockerCredentials>, Vec<String>) {
    let (found, problems) = credentials::all().await;
    let for_engine = |(name, credential): (String, DockerCredential)| {
        let registry = if name == DOCKER_HUB_ACCOUNT { DOCKER_HUB } else { &name };
        (name.clone(), for_engine(registry, credential))
    };
    (found.into_iter().map(for_engine).collect(), problems)
}

fn for_engine(registry: &str, credential: DockerCredential) -> DockerCredentials {
    let serveraddress = Some(if registry == DOCKER_HUB { DOCKER_HUB_ACCOUNT } else { registry }.to_owned());
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
