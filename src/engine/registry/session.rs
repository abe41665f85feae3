//! One conversation with one repository of a registry: requests, authorized when the registry asks for it, and bounded
//! reading of what it answers.

use std::sync::Arc;
use std::time::Duration;

use docker_credential::DockerCredential;
use reqwest::header::ACCEPT;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use tokio::sync::Mutex;

use super::auth::{self, Access};
use super::document::MEDIA_TYPES;
use super::failure::{self, Question};
use super::reference::Reference;
use crate::fetch;

const CONNECT_PATIENCE: Duration = Duration::from_secs(15);
/// Between two reads: a stalled transfer is given up, a slow one is not.
const READ_PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Session {
    client: Client,
    reference: Reference,
    base: Url,
    credential: Option<DockerCredential>,
    /// Tokens last for minutes, blobs may take longer: a new one is fetched when the registry says so, for all at once.
    access: Mutex<Option<Arc<Access>>>,
}

impl Session {
    pub(super) fn new(reference: &Reference, credential: Option<DockerCredential>) -> Result<Session, String> {
        Session::open(reference, credential, reference.is_local())
    }

    /// `in_the_clear`: the registry is spoken to without TLS.
    pub(super) fn open(
        reference: &Reference,
        credential: Option<DockerCredential>,
        in_the_clear: bool,
    ) -> Result<Session, String> {
        let local = reference.is_local();
        let client = fetch::client(|builder| {
            let builder = builder.connect_timeout(CONNECT_PATIENCE).read_timeout(READ_PATIENCE);
            // A registry behind TLS must not lead out of it. Nobody has a proxy to his own machine.
            let builder = if local { builder.no_proxy() } else { builder };
            if local || in_the_clear { builder } else { builder.https_only(true) }
        });
        let client = client.map_err(|error| error.to_string())?;
        let base = Url::parse(&reference.url(in_the_clear)).map_err(|error| error.to_string())?;
        Ok(Session { client, reference: reference.clone(), base, credential, access: Mutex::default() })
    }

    /// A successful answer to a request below the repository. `what` names it in errors.
    pub(super) async fn get(&self, path: &str, what: &str) -> Result<Response, String> {
        let accept = if path.starts_with("manifests/") { MEDIA_TYPES } else { "*/*" };
        let url = format!("{}/{path}", self.base);
        let response = self.request(&|client| client.get(&url).header(ACCEPT, accept)).await?;
        match response.status() {
            StatusCode::OK => Ok(response),
            _ => Err(self.refusal(response, what).await),
        }
    }

    /// Whatever is answered to a request, which is made a second time when the registry wants to know who asks.
    pub(super) async fn request(&self, make: &(dyn Fn(&Client) -> RequestBuilder + Sync)) -> Result<Response, String> {
        let tried = self.access.lock().await.clone();
        let response = send(make(&self.client), tried.as_deref()).await?;
        match response.status() {
            // Only the registry itself is told who asks: it may have redirected us to anybody.
            StatusCode::UNAUTHORIZED if response.url().origin() == self.base.origin() => {
                match self.authorize(tried.as_ref(), &response).await? {
                    Some(access) => send(make(&self.client), Some(&access)).await,
                    None => Ok(response),
                }
            }
            _ => Ok(response),
        }
    }

    /// Why an answer is not the one that was hoped for.
    pub(super) async fn refusal(&self, response: Response, what: &str) -> String {
        let with_credentials = self.credential.is_some();
        failure::of_status(response, Question { registry: &self.reference.registry, what, with_credentials }).await
    }

    /// What to come back with after a refusal; `None` if there is nothing better than what was tried.
    async fn authorize(&self, tried: Option<&Arc<Access>>, refusal: &Response) -> Result<Option<Arc<Access>>, String> {
        let mut current = self.access.lock().await;
        if let Some(newer) = current.as_ref().filter(|access| tried.is_none_or(|tried| !Arc::ptr_eq(tried, access))) {
            return Ok(Some(newer.clone()));
        }
        let Some(challenge) = auth::challenge(refusal.headers()) else { return Ok(None) };
        let access = match (challenge, &self.credential) {
            (auth::Challenge::Basic, Some(DockerCredential::UsernamePassword(user, password))) if tried.is_none() => {
                Access::Basic { user: user.clone(), password: password.clone() }
            }
            (auth::Challenge::Basic, _) => return Ok(None),
            (auth::Challenge::Bearer(challenge), credential) => {
                Access::Bearer(challenge.token(self, credential.as_ref()).await?)
            }
        };
        Ok(current.insert(Arc::new(access)).clone().into())
    }

    /// For token servers; the one of a registry that is reached by TLS is, too.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Where the registry's API has the repository.
    #[cfg(feature = "kubernetes")]
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) fn reference(&self) -> &Reference {
        &self.reference
    }

    /// All of an answer that is at most `limit` bytes long.
    pub(super) async fn whole(&self, mut response: Response, limit: u64) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure::of_body(error, &response))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > limit {
                return Err(format!("{} sends more than the {limit} bytes expected", failure::host(response.url())));
            }
        }
        Ok(bytes)
    }
}

async fn send(request: RequestBuilder, access: Option<&Access>) -> Result<Response, String> {
    // On its way to another host, or port, or scheme, a redirected request loses this header.
    let request = match access {
        Some(access) => access.apply(request),
        None => request,
    };
    request.send().await.map_err(|error| failure::of_transport(&error))
}
